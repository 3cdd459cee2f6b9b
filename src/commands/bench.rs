//! `aisle bench run`: measured load on the real system; `chaos`: the same while parts of it are killed; `devices`: a store with a thousand of them;
//! `offline`: a store that comes back after many days.
//!
//! Starts what it needs on private ports: PostgreSQL, Redis, mosquitto, this program as cloud and nodes. Emits medians, ratios and costs, and the
//! verdict of the independent ledger. On failure: exit code 1, also where a single event was lost, doubled or out of order.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use aisle_cloud::Keys;
use aisle_mesh::telemetry;
use aisle_sim::bench::{self, BenchPlan, ChaosPlan, DevicesPlan, OfflinePlan, Pace, Report, Scenario, WorldPlan};
use aisle_sim::hollow::Mix;
use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Subcommand};

use super::demo::{Span, quiet_telemetry};
use super::journal_fill;
use super::output::report;

/// Share of what the system takes that chaos has as load: a fault's backlog still drains before the next one.
const CHAOS_SHARE: f64 = 0.5;

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
    /// A thousand devices on the local broker of one node
    Devices(Devices),
    /// A node that was without the cloud for many days, its memory, and its way back
    Offline(Offline),
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
    /// Cloud instances; several share the stores. One for `run` and two for `chaos` if not given
    #[arg(long)]
    instances: Option<usize>,
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
    /// Broker to use instead of one's own: mqtt://HOST:PORT. It must let every account of the bench in, and hold nothing retained
    #[arg(long)]
    broker: Option<String>,
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
    /// Events a second, evenly; half of what the system takes if not given
    #[arg(long)]
    rate: Option<f64>,
    /// As many events as the system takes, without a schedule
    #[arg(long, conflicts_with = "rate")]
    full: bool,
}

#[derive(Debug, Args)]
struct Devices {
    #[command(flatten)]
    own: OwnArgs,
    /// Devices that connect
    #[arg(long, default_value_t = 1_000)]
    devices: usize,
    /// Durable records a second of all of them together
    #[arg(long, default_value_t = 2_000.0)]
    rate: f64,
    /// How long they are measured
    #[arg(long = "for", default_value = "30s")]
    span: Span,
}

#[derive(Debug, Args)]
struct Offline {
    #[command(flatten)]
    own: OwnArgs,
    /// Days without the cloud, each with 50,000 records of class A and 17 of telemetry for each of them
    #[arg(long, default_value_t = 14)]
    days: u32,
    /// So many times fewer records and smaller budgets than a busy store: at 1 it takes 20 GiB of disk
    #[arg(long, default_value_t = 10)]
    scale: u32,
    /// Stores with live traffic beside the drain
    #[arg(long, default_value_t = 16)]
    stores: usize,
}

/// Of a world that is made for one question.
#[derive(Debug, Args)]
struct OwnArgs {
    /// Same seed, same traffic
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print the report as one JSON object
    #[arg(long)]
    json: bool,
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
            What::Devices(devices) => devices.run().await?,
            What::Offline(offline) => offline.run().await?,
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
    fn plan(self, instances_if_not_given: usize) -> Result<(WorldPlan, Mix, bool)> {
        let Self { stores, nodes, seed, instances, visits_only, json } = self;
        let mix = if visits_only { Mix::VISITS } else { Mix::BUSY_STORE };
        let instances = instances.unwrap_or(instances_if_not_given);
        Ok((WorldPlan { hollow: stores, nodes, instances, ..own_world(seed)? }, mix, json))
    }
}

/// A world of servers of its own, with one node and one instance.
fn own_world(seed: u64) -> Result<WorldPlan> {
    Ok(WorldPlan {
        program: bench::own_program()?,
        public_key_of,
        hollow: 0,
        nodes: 1,
        instances: 1,
        screens: 0,
        seed,
        database: None,
        redis: None,
        broker: None,
    })
}

impl Devices {
    async fn run(self) -> Result<(Report, bool)> {
        let Self { own: OwnArgs { seed, json }, devices, rate, span } = self;
        ensure!(devices > 0 && rate > 0.0, "there is nothing to measure without devices that report");
        let plan = DevicesPlan { devices, records_per_s: rate, span: span.duration() };
        Ok((bench::run_devices(&own_world(seed)?, &plan).await?, json))
    }
}

impl Offline {
    async fn run(self) -> Result<(Report, bool)> {
        let Self { own: OwnArgs { seed, json }, days, scale, stores } = self;
        let world = WorldPlan { hollow: stores, ..own_world(seed)? };
        Ok((bench::run_offline(&world, OfflinePlan { days, scale, seed }, journal_fill::fill).await?, json))
    }
}

impl Run {
    async fn run(self) -> Result<(Report, bool)> {
        let Self { world, scenarios, rounds, span, backlog, database, redis, broker, out } = self;
        let (mut world, mix, json) = world.plan(1)?;
        world.database = database;
        world.redis = redis;
        world.broker = broker.as_deref().map(broker_address).transpose()?;
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
        let Self { world, span, rate, full } = self;
        let (world, mix, json) = world.plan(2)?;
        let pace = match (rate, full) {
            (Some(rate), _) => Pace::PerSecond(rate),
            (None, true) => Pace::Full,
            (None, false) => Pace::Share(CHAOS_SHARE),
        };
        let plan = ChaosPlan { span: span.duration(), seed: world.seed, pace };
        Ok((bench::run_chaos(&world, &plan, mix).await?, json))
    }
}

/// Where a broker listens.
fn broker_address(url: &str) -> Result<SocketAddr> {
    let place = url.strip_prefix("mqtt://").context("the broker's URL begins with mqtt://")?.trim_end_matches('/');
    let mut found = place.to_socket_addrs().with_context(|| format!("failed to find the broker {place}"))?;
    found.next().with_context(|| format!("the broker {place} has no address"))
}

/// Only the cloud's own code derives its keys.
fn public_key_of(key: &str) -> Result<String> {
    Ok(Keys::from_hex(key).context("failed to derive the cloud's keys")?.public_hex())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_is_named_by_scheme_host_and_port() {
        assert_eq!(broker_address("mqtt://127.0.0.1:1883/").unwrap(), SocketAddr::from(([127, 0, 0, 1], 1883)));
        assert!(broker_address("tcp://127.0.0.1:1883").is_err() && broker_address("mqtt://127.0.0.1").is_err());
    }
}
