//! `aisle cloud --config FILE`: one cloud instance until it is asked to end.

use std::path::PathBuf;

use aisle_cloud::{CloudApp, CloudConfig};
use aisle_mesh::clock::SystemClock;
use aisle_mesh::config::{Sources, load};
use aisle_mesh::telemetry;
use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;

use super::signal::asked_to_end;

/// Where the configuration is.
#[derive(Debug, Args)]
pub struct Cloud {
    /// TOML file; `cloud.default.toml` explains every key. Variables AISLE_CLOUD_… win over it
    #[arg(long)]
    config: PathBuf,
}

impl Cloud {
    /// Runs the instance.
    ///
    /// # Errors
    /// When it cannot start, or not go on.
    pub async fn run(self) -> Result<()> {
        let Self { config } = self;
        let config: CloudConfig = load(&Sources { role: "cloud", file: Some(config) }, &json!({}))?;
        let telemetry = telemetry::init(config.telemetry.clone())?;
        let end = asked_to_end()?;
        let app = CloudApp::build(config, SystemClock::new()).await.context("failed to start the cloud")?;
        tracing::info!(http = %app.http_addr(), "cloud serves");
        let ended = app.run(end).await.context("the cloud ended");
        telemetry.shutdown().await;
        ended
    }
}
