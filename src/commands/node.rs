//! `aisle node --config FILE`: one store node until it is asked to end; with a word more, what its operator tells the one that runs.

use std::path::PathBuf;

use aisle_mesh::clock::SystemClock;
use aisle_mesh::config::{Sources, load};
use aisle_mesh::telemetry;
use aisle_node::{NodeApp, NodeConfig};
use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;

use super::node_operator::{self, Wish};
use super::signal::asked_to_end;

/// Where the configuration is.
#[derive(Debug, Args)]
pub struct Node {
    /// TOML file; `node.default.toml` explains every key. Variables AISLE_NODE_… win over it
    #[arg(long)]
    config: PathBuf,
    /// Instead of running a node, tell the one that runs with this configuration
    #[command(subcommand)]
    wish: Option<Wish>,
}

impl Node {
    /// Runs the node.
    ///
    /// # Errors
    /// When it cannot start, or not go on.
    pub async fn run(self) -> Result<()> {
        let Self { config, wish } = self;
        let config: NodeConfig = load(&Sources { role: "node", file: Some(config) }, &json!({}))?;
        if let Some(wish) = wish {
            return node_operator::tell(&config.data_dir, &wish).await;
        }
        let telemetry = telemetry::init(config.telemetry.clone())?;
        let end = asked_to_end()?;
        let app = NodeApp::build(config, SystemClock::new()).await.context("failed to start the node")?;
        let ended = app.run(end).await.context("the node ended");
        telemetry.shutdown().await;
        ended
    }
}
