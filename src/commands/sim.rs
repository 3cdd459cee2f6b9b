//! `aisle sim --target FILE`: seeded shoppers and devices against a running system.
//!
//! Takes the file that `aisle demo --data DIR` writes, or one like it. Emits the same summary as the demo. On failure: says who was refused what.

use std::path::PathBuf;
use std::time::Instant;

use aisle_mesh::telemetry;
use aisle_sim::run::target::TargetFile;
use aisle_sim::run::{Plan, Run};
use anyhow::{Context, Result};
use clap::Args;

use super::demo::{SHOPPERS_PER_STORE, Span, quiet_telemetry, whole_ms};
use super::output::report;
use super::signal::asked_to_end;

/// Who shops where, and for how long.
#[derive(Debug, Args)]
pub struct Sim {
    /// TOML file with the addresses of cloud and stores and the secrets of their devices
    #[arg(long)]
    target: PathBuf,
    /// Shoppers in all stores together
    #[arg(long)]
    shoppers: Option<usize>,
    /// How long, e.g. 30s or 5m; until Ctrl-C if not given
    #[arg(long = "for")]
    span: Option<Span>,
    /// Same seed, same people and same decisions
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print the summary as one JSON object
    #[arg(long)]
    json: bool,
}

impl Sim {
    /// Runs it.
    ///
    /// # Errors
    /// When the system is not there, or refuses a device or a person.
    pub async fn run(self, started: Instant) -> Result<()> {
        let Self { target, shoppers, span, seed, json } = self;
        let telemetry = telemetry::init(quiet_telemetry())?;
        let end = asked_to_end()?;
        let text = std::fs::read_to_string(&target).with_context(|| format!("failed to read {}", target.display()))?;
        let file: TargetFile = toml::from_str(&text).with_context(|| format!("failed to read {}", target.display()))?;
        let shoppers = shoppers.unwrap_or(SHOPPERS_PER_STORE * file.stores.len());
        let run = Run::start(file.target()?, &Plan { shoppers, seed }).await?;
        let start_ms = whole_ms(started.elapsed());
        Span::pass(span, end).await;
        report(&run.finish(start_ms).await?, json)?;
        telemetry.shutdown().await;
        Ok(())
    }
}
