//! `aisle broker-check --broker URL --identities FILE`: whether a broker refuses what AS-098 forbids, before a deployment goes live (AS-097).
//!
//! Takes an address and a file with test identities that the broker knows. Emits a table, or JSON. On failure: exit code 1 when anything
//! forbidden gets through, anything allowed does not, or the broker gives no answer.

use std::path::{Path, PathBuf};

use aisle_mesh::tck::{Endpoint, Identities, Report, access};
use anyhow::{Context, Result, ensure};
use clap::Args;

use super::output::report;

/// Which broker, as whom.
#[derive(Debug, Args)]
pub struct BrokerCheck {
    /// Address of the broker, e.g. mqtt://127.0.0.1:1883
    #[arg(long)]
    broker: Endpoint,
    /// TOML file: [node] with name and secret, [cloud] with instance and secret, and [other_node] for brokers that withhold silently (mosquitto)
    #[arg(long)]
    identities: PathBuf,
    /// Print the report as one JSON object
    #[arg(long)]
    json: bool,
}

impl BrokerCheck {
    /// Runs the check.
    ///
    /// # Errors
    /// When the identities cannot be read, or the broker does not pass.
    pub async fn run(self) -> Result<()> {
        let Self { broker, identities, json } = self;
        finish(&access::check(&broker, &read(&identities)?).await, json)
    }
}

/// Reads the test identities.
///
/// # Errors
/// When the file is not there or says something else.
pub fn read(file: &Path) -> Result<Identities> {
    let failed = || format!("failed to read {}", file.display());
    toml::from_str(&std::fs::read_to_string(file).with_context(failed)?).with_context(failed)
}

/// Writes a report, and fails where it did.
///
/// # Errors
/// When the report did not pass, or standard output is closed.
pub fn finish(outcome: &Report, json: bool) -> Result<()> {
    report(outcome, json)?;
    ensure!(outcome.passed, "{} checks failed", outcome.failed().count());
    Ok(())
}
