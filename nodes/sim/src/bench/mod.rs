//! The bench: the real system on real servers under measured load.
//!
//! Owns a world of processes for as long as it measures. Takes a [`BenchPlan`]; emits a [`Report`] with medians over rounds, costs by process, ratios
//! against limits of the same run, and the verdict of an independent ledger, without which no figure counts. On failure: the part's own log.

mod chaos;
mod child;
mod customers;
mod door;
mod figures;
mod limits;
mod load;
mod scenario;
mod servers;
mod tap;
mod usage;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use aisle_mesh::clock::{Clock, SystemClock};
use anyhow::{Context, Result, bail, ensure};

pub use chaos::{Chaos, ChaosPlan, Fault};
pub use figures::{Figures, Report, Spread};
pub use load::Pace;
pub use world::{World, WorldPlan};

use crate::client::Customer;
use crate::hollow::{Fleet, FleetPlan, Mix};
use crate::ledger::Ledger;
use crate::proxy::{FaultProxy, Line, State};
use limits::PassThrough;
use scenario::Outage;
use usage::{FOREIGN_SHARE_MAX, memory_bytes};

/// Records that a hollow store keeps at most, where nothing else is asked for: some seconds of a store's share of full load.
const ROWS_MAX: usize = 2_000;
/// Customers per bench; each belongs to one store.
const CUSTOMERS: usize = 64;
/// Visits of each customer for which passes are fetched in advance.
const VISITS_EACH: usize = 100;
/// Even loads of S1, events a second.
const RATES: [f64; 2] = [200.0, 1_000.0];
/// People at the door each second in S1.
const GUESTS_PER_S: f64 = 5.0;
/// Touches of its NFC display each second in S1.
const TAPS_PER_S: f64 = 10.0;
/// Events that wait behind the cut line in S3.
const BACKLOG: usize = 100_000;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scenario {
    S1,
    S2,
    S3,
    S4,
    S5,
    S11,
}

impl FromStr for Scenario {
    type Err = anyhow::Error;
    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "S1" | "s1" => Self::S1,
            "S2" | "s2" => Self::S2,
            "S3" | "s3" => Self::S3,
            "S4" | "s4" => Self::S4,
            "S5" | "s5" => Self::S5,
            "S11" | "s11" => Self::S11,
            other => bail!("{other:?} is no scenario; there are S1, S2, S3, S4, S5, S11, and S7 as `aisle bench chaos`"),
        })
    }
}

/// A bench.
#[derive(Debug, Clone)]
pub struct BenchPlan {
    pub world: WorldPlan,
    pub scenarios: BTreeSet<Scenario>,
    pub rounds: usize,
    /// How long each load runs in each round.
    pub span: Duration,
    pub mix: Mix,
    pub backlog: Option<usize>,
}

/// Runs the scenarios in rounds, the limits between them.
///
/// # Errors
/// When a part does not start or a scenario does not come to an end.
pub async fn run(plan: &BenchPlan) -> Result<Report> {
    let BenchPlan { world: world_plan, scenarios, rounds, span, mix, backlog } = plan;
    ensure!(world_plan.hollow >= 2, "a bench needs two hollow stores at least");
    let clock: Arc<dyn Clock> = SystemClock::new();
    let mut world = World::start(world_plan, Arc::clone(&clock)).await?;
    let mut bench = Bench::prepare(&mut world, world_plan, *mix, backlog.unwrap_or(BACKLOG)).await?;
    let mut measured = Vec::with_capacity(*rounds);
    for round in 0..*rounds {
        tracing::info!(round, "a round begins");
        measured.push(bench.round(&mut world, scenarios, &world_plan.program, *span, round == 0).await?);
    }
    let ledger = chaos::settled(&bench.ledger, &world.database()).await?;
    let notes = notes(&measured, &bench);
    let mut conditions = conditions(world_plan, *mix);
    conditions.insert("span of each load".to_owned(), format!("{span:?}"));
    for (name, pid) in world.watched() {
        let mib = memory_bytes(pid, "VmHWM") >> 20;
        conditions.insert(format!("peak memory of {name}"), format!("{mib} MiB"));
    }
    conditions.insert("events on customers' phones".to_owned(), arrived(&bench.phones).to_string());
    bench.stop().await?;
    Ok(Report::new(conditions, measured, ledger, notes))
}

/// Fleets and limits of one bench.
struct Bench {
    outage: Outage,
    ledger: Arc<Ledger>,
    limit: PassThrough,
    guests: Vec<Arc<door::Guest>>,
    /// Customers in the hollow stores, each with an open stream.
    phones: Vec<Customer>,
    backlog: usize,
    idle: Figures,
}

impl Bench {
    /// Connects the stores, half of them behind a line that can be cut, and brings the customers.
    async fn prepare(world: &mut World, plan: &WorldPlan, mix: Mix, backlog: usize) -> Result<Self> {
        let ledger = Arc::new(Ledger::default());
        let empty = scenario::Empty::read(world);
        let line = FaultProxy::start(world.broker(), State::Whole(Line::PERFECT), plan.seed).await?;
        let hollow = world.hollow();
        let (live, away) = hollow.split_at(hollow.len() / 2);
        let rows_max = ROWS_MAX.max(backlog.div_ceil(away.len().max(1)) + ROWS_MAX);
        let fleet_plan = FleetPlan { mix, seed: plan.seed, rows_max: ROWS_MAX };
        let live = Arc::new(Fleet::start(live, world.broker(), fleet_plan, Arc::clone(&ledger), Arc::clone(&world.clock)));
        let fleet_plan = FleetPlan { mix, seed: !plan.seed >> 1, rows_max };
        let away = Arc::new(Fleet::start(away, line.address(), fleet_plan, Arc::clone(&ledger), Arc::clone(&world.clock)));
        let idle = scenario::idle(world, &[&away, &live], empty).await?;
        let offer = world.populate().await?;
        live.show(offer);
        away.show(offer);
        let people = customers::arrive(world, CUSTOMERS, plan.seed).await?;
        customers::expected(&live, &people, VISITS_EACH).await?;
        let guests = match world.nodes.is_empty() {
            true => Vec::new(),
            false => door::guests(customers::arrive(world, CUSTOMERS, !plan.seed).await?, VISITS_EACH).await?,
        };
        let limit = PassThrough::start(world.folder()).await?;
        Ok(Self { outage: Outage { line, away, live }, ledger, limit, guests, phones: people, backlog, idle })
    }

    async fn round(
        &mut self,
        world: &mut World,
        scenarios: &BTreeSet<Scenario>,
        program: &std::path::Path,
        span: Duration,
        first: bool,
    ) -> Result<Figures> {
        let mut figures = Figures::new();
        let a1 = self.limit.measure().await.context("failed to measure A1")?;
        let servers: Vec<_> = world.watched().into_iter().filter(|(name, _)| name == "postgres").collect();
        let a2 = limits::durable_rows(&world.database(), &servers).await.context("failed to measure A2")?;
        for (name, limit) in [("a1", &a1), ("a2", &a2)] {
            figures.insert(format!("{name}.per_s"), limit.per_s);
            figures.insert(format!("{name}.server_us"), limit.server_us);
        }
        for scenario in scenarios {
            let found = match scenario {
                Scenario::S1 => self.latencies(world, span).await?,
                Scenario::S2 => scenario::sustained(world, &self.outage.live, span).await?,
                Scenario::S3 => scenario::after_outage(world, &self.outage, self.backlog).await?,
                // Idle is only before the first load.
                Scenario::S4 if first => self.idle.clone(),
                Scenario::S4 => Figures::new(),
                Scenario::S5 => scenario::cold_start(world, program).await?,
                Scenario::S11 => self.reconnect(world).await?,
            };
            figures.extend(found);
        }
        let ratios = [("s2.events_per_s", "a1.per_s", "s2.of_a1"), ("s2.events_per_s", "a2.per_s", "s2.of_a2")];
        let drain = [
            ("s3.events_per_s", "s2.events_per_s", "s3.of_s2"),
            ("s3.live_fact_applied_ms_p99", "s1.200_per_s.fact_applied_ms_p99", "s3.live_p99_of_s1"),
        ];
        for (value, limit, name) in ratios.into_iter().chain(drain) {
            if let (Some(value), Some(limit)) = (figures.get(value).copied(), figures.get(limit).copied()) {
                figures.insert(name.to_owned(), value / limit);
            }
        }
        Ok(figures)
    }

    async fn latencies(&self, world: &World, span: Duration) -> Result<Figures> {
        let mut figures = Figures::new();
        for rate in RATES {
            let edge = match world.deployment.stores.first().filter(|_| !self.guests.is_empty()) {
                Some(store) => {
                    let (ledger, clock) = (Arc::clone(&self.ledger), Arc::clone(&world.clock));
                    let taps = tap::TapLoad::start(&store.target(), TAPS_PER_S, Arc::clone(&clock)).await?;
                    Some((door::DoorLoad::start(store.clone(), self.guests.clone(), GUESTS_PER_S, ledger, clock)?, taps))
                }
                None => None,
            };
            figures.extend(scenario::even(world, &self.outage.live, rate, span).await?);
            if let Some((door, taps)) = edge {
                let times = door.finish().await?;
                let name = |what: &str| format!("s1.{rate:.0}_per_s.{what}");
                figures::quantiles(&mut figures, &name("check_in"), &times.check_in);
                figures::quantiles(&mut figures, &name("offer"), &times.offer);
                figures::quantiles(&mut figures, &name("tap"), taps.finish().await?.as_ref());
            }
        }
        Ok(figures)
    }

    async fn reconnect(&self, world: &mut World) -> Result<Figures> {
        let Outage { line: _, away, live } = &self.outage;
        let figures = scenario::reconnect(world, &[live, away]).await?;
        world.nodes_in_step().await?;
        Ok(figures)
    }

    async fn stop(self) -> Result<()> {
        let Outage { line, away, live } = self.outage;
        for fleet in [away, live] {
            let Ok(fleet) = Arc::try_unwrap(fleet) else { bail!("a fleet is still under load") };
            fleet.stop().await;
        }
        drop(line);
        Ok(())
    }
}

fn notes(rounds: &[Figures], bench: &Bench) -> Vec<String> {
    let mut notes = Vec::new();
    let foreign = rounds.iter().flatten().filter(|(name, _)| name.ends_with(".foreign_share")).map(|(_, share)| *share).fold(0.0, f64::max);
    if foreign > FOREIGN_SHARE_MAX {
        notes.push(format!("other work used up to {:.0} % of the processors while figures were taken", foreign * 100.0));
    }
    let begun = bench.outage.live.epochs_begun() + bench.outage.away.epochs_begun();
    if begun > 0 {
        notes.push(format!("{begun} hollow stores had to begin a new epoch"));
    }
    if bench.outage.live.expected() == 0 {
        notes.push("customers' passes were used up: later visits were those of strangers, for whom no rule runs".to_owned());
    }
    if cfg!(debug_assertions) {
        notes.push("a debug build: its figures say nothing about a release".to_owned());
    }
    notes
}

fn conditions(plan: &WorldPlan, mix: Mix) -> BTreeMap<String, String> {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let server = |given: &Option<String>, own: &str| given.as_ref().map_or_else(|| own.to_owned(), |_| "given from outside".to_owned());
    [
        ("processors", processors.to_string()),
        ("hollow stores", plan.hollow.to_string()),
        ("nodes of their own process", plan.nodes.to_string()),
        ("plays per record of class A", mix.plays_per_fact.to_string()),
        ("seed", plan.seed.to_string()),
        ("database", server(&plan.database, "own PostgreSQL, fsync and synchronous commit on")),
        ("shared state", server(&plan.redis, "own Redis")),
        ("broker", "own mosquitto, no persistence".to_owned()),
        ("events in A1", "256 bytes, QoS 1, the product's own client".to_owned()),
        ("rows in A2", "1,000 per transaction, one connection".to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// S7 on a world of its own.
///
/// # Errors
/// When a part does not start or does not come back.
pub async fn run_chaos(world_plan: &WorldPlan, plan: &ChaosPlan, mix: Mix) -> Result<Report> {
    ensure!(world_plan.database.is_none() && world_plan.redis.is_none(), "chaos kills only servers of its own");
    ensure!(world_plan.nodes >= 1 && world_plan.hollow >= 1, "chaos needs a node and a hollow store");
    let mut world = World::start(world_plan, SystemClock::new()).await?;
    let ledger = Arc::new(Ledger::default());
    let line = FaultProxy::start(world.broker(), State::Whole(Line::PERFECT), plan.seed).await?;
    let fleet_plan = FleetPlan { mix, seed: plan.seed, rows_max: ROWS_MAX };
    let fleet = Fleet::start(&world.hollow(), line.address(), fleet_plan, Arc::clone(&ledger), Arc::clone(&world.clock));
    let fleet = Arc::new(fleet);
    scenario::opened(&fleet).await?;
    fleet.show(world.populate().await?);
    let people = customers::arrive(&world, CUSTOMERS, plan.seed).await?;
    customers::expected(&fleet, &people, VISITS_EACH).await?;
    let guests = door::guests(customers::arrive(&world, CUSTOMERS, !plan.seed).await?, VISITS_EACH).await?;
    let stage = chaos::Stage { world: &mut world, line: &line, fleet: &fleet, ledger: &ledger, guests };
    let Chaos { rounds, faults, ended, ledger } = chaos::run(stage, plan).await?;
    let mut conditions = conditions(world_plan, mix);
    conditions.insert("span".to_owned(), format!("{:?}", plan.span));
    conditions.insert("faults".to_owned(), format!("{faults:?}"));
    conditions.insert("ended by themselves".to_owned(), format!("{ended:?}"));
    conditions.insert("events on customers' phones".to_owned(), arrived(&people).to_string());
    Ok(Report::new(conditions, rounds, ledger, chaos_notes(&fleet)))
}

/// What came on the customers' own streams.
fn arrived(phones: &[Customer]) -> u64 {
    phones.iter().map(|phone| phone.inbox().count()).sum()
}

fn chaos_notes(fleet: &Fleet) -> Vec<String> {
    let begun = fleet.epochs_begun();
    let mut notes = Vec::new();
    if begun > 0 {
        notes.push(format!("{begun} hollow stores had to begin a new epoch"));
    }
    if cfg!(debug_assertions) {
        notes.push("a debug build: its times say nothing about a release".to_owned());
    }
    notes
}

/// Where the product's binary is when the bench is a part of it.
///
/// # Errors
/// When the system does not say.
pub fn own_program() -> Result<PathBuf> {
    std::env::current_exe().context("failed to find the own program")
}
