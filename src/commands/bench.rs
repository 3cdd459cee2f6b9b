//! `aisle bench run`: measured load on the real system; `aisle bench chaos`: the same while parts of it are killed.
//!
//! Starts what it needs on private ports: PostgreSQL, Redis, mosquitto, this program as cloud and nodes. Emits medians, ratios and costs, and the
//! verdict of the independent ledger. On failure: exit code 1, also where a single event was lost, doubled or out of order.

use std::path::PathBuf;

use aisle_cloud::Keys;
use aisle_mesh::telemetry;
use aisle_sim::bench::{self, BenchPlan, ChaosPlan, Pace, Report, Scenario, WorldPlan};
use aisle_sim::hollow::Mix;
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};

use super::demo::{Span, quiet_telemetry};
use super::output::report;

/// Load, and what it costs.
#[derive(Debug, Args)]
pub struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Scenarios in rounds, with the limits of this machine measured between them
    Run(Run),
    /// Load while node, cloud, broker and PostgreSQL are killed at random, Redis is flushed and the line is cut (S7)
    Chaos(Chaos),
}

/// What the world is made of.
#[derive(Debug, Args)]
struct WorldArgs {
    /// Stores that speak the protocol without devices, all in this process
    #[arg(long, default_value_t = 64)]
    stores: usize,
    /// Stores with a node as a process of its own
    #[arg(long, default_value_t = 1)]
    nodes: usize,
    /// Same seed, same traffic and same faults
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Visits only, without the telemetry of a busy store
    #[arg(long)]
    visits_only: bool,
    /// Print the report as one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Run {
    #[command(flatten)]
    world: WorldArgs,
    /// Which: S1, S2, S3, S4, S5, S11
    #[arg(long = "scenario", value_delimiter = ',', default_values = ["S1", "S2", "S3", "S4", "S5"])]
    scenarios: Vec<Scenario>,
    /// Rounds, of which medians are taken
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long each load runs in each round
    #[arg(long = "for", default_value = "10s")]
    span: Span,
    /// Events that wait behind the cut line in S3
    #[arg(long)]
    backlog: Option<usize>,
    /// Database to use instead of a server of one's own; it must be empty
    #[arg(long)]
    database: Option<String>,
    /// Redis to use instead of a server of one's own
    #[arg(long)]
    redis: Option<String>,
    /// Also write the report as JSON into this file
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Chaos {
    #[command(flatten)]
    world: WorldArgs,
    /// How long faults go on
    #[arg(long = "for", default_value = "60s")]
    span: Span,
    /// Events a second, evenly; as many as the system takes if not given
    #[arg(long)]
    rate: Option<f64>,
}

impl Bench {
    /// Runs it.
    ///
    /// # Errors
    /// When a part does not start, does not come back, or the ledger differs from the database.
    pub async fn run(self) -> Result<()> {
        let telemetry = telemetry::init(quiet_telemetry())?;
        let (found, json) = match self.what {
            What::Run(run) => run.run().await?,
            What::Chaos(chaos) => chaos.run().await?,
        };
        report(&found, json)?;
        telemetry.shutdown().await;
        if found.void {
            bail!("an event was lost, doubled or out of order: {}", found.ledger);
        }
        Ok(())
    }
}

impl WorldArgs {
    fn plan(self, database: Option<String>, redis: Option<String>) -> Result<(WorldPlan, Mix, bool)> {
        let Self { stores, nodes, seed, visits_only, json } = self;
        let mix = if visits_only { Mix::VISITS } else { Mix::BUSY_STORE };
        let program = bench::own_program()?;
        Ok((WorldPlan { program, public_key_of, hollow: stores, nodes, seed, database, redis }, mix, json))
    }
}

impl Run {
    async fn run(self) -> Result<(Report, bool)> {
        let Self { world, scenarios, rounds, span, backlog, database, redis, out } = self;
        let (world, mix, json) = world.plan(database, redis)?;
        let plan = BenchPlan { world, scenarios: scenarios.into_iter().collect(), rounds, span: span.duration(), mix, backlog };
        let found = bench::run(&plan).await?;
        if let Some(out) = out {
            let text = serde_json::to_string_pretty(&found).context("failed to write JSON")?;
            std::fs::write(&out, text).with_context(|| format!("failed to write {}", out.display()))?;
        }
        Ok((found, json))
    }
}

impl Chaos {
    async fn run(self) -> Result<(Report, bool)> {
        let Self { world, span, rate } = self;
        let (world, mix, json) = world.plan(None, None)?;
        let plan = ChaosPlan { span: span.duration(), seed: world.seed, pace: rate.map_or(Pace::Full, Pace::PerSecond) };
        Ok((bench::run_chaos(&world, &plan, mix).await?, json))
    }
}

/// Only the cloud's own code derives its keys.
fn public_key_of(key: &str) -> Result<String> {
    Ok(Keys::from_hex(key).context("failed to derive the cloud's keys")?.public_hex())
}
