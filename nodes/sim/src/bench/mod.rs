//! The bench: the real system on real servers under measured load.
//!
//! Owns a world of processes for as long as it measures. Takes a [`BenchPlan`]; emits a [`Report`] with medians over rounds, costs by process, ratios
//! against limits of the same run, and the verdict of an independent ledger, without which no figure counts. On failure: the part's own log.

mod chaos;
mod child;
mod customers;
mod database;
mod devices;
mod disk;
mod door;
mod fault;
mod figures;
mod hops;
mod instance;
mod limits;
mod load;
mod offline;
mod plan;
mod publish;
mod scenario;
mod servers;
mod tap;
mod usage;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aisle_mesh::clock::{Clock, SystemClock};
use anyhow::{Context, Result, bail, ensure};

pub use chaos::{Chaos, ChaosPlan, Pace};
pub use devices::DevicesPlan;
pub use fault::Fault;
pub use figures::{Figures, Report, Spread};
pub use offline::{FillJournal, Filled, JournalOrder, OfflinePlan};
pub use plan::{BenchPlan, Scenario};
pub use world::{World, WorldPlan};

use crate::client::Customer;
use crate::hollow::{Fleet, FleetPlan, Mix};
use crate::ledger::Ledger;
use crate::proxy::{FaultProxy, Line, State};
use limits::PassThrough;
use publish::Marketer;
use scenario::Outage;
use usage::{FOREIGN_SHARE_MAX, memory_bytes};

/// Records that a hollow store keeps at most, where nothing else is asked for: some seconds of a store's share of full load.
const ROWS_MAX: usize = 2_000;
/// Customers per bench; each belongs to one store.
const CUSTOMERS: usize = 64;
/// Visits of each customer for which passes are fetched in advance.
const VISITS_EACH: usize = 100;
/// Stores that carry the load of S1, as far as there are so many; and then all.
const STORES: [usize; 4] = [1, 10, 100, 1_000];
/// Stores behind the line that is cut in S3, at most: all others are live.
const AWAY_MAX: usize = 32;
/// Even loads of S1, events a second.
const RATES: [f64; 2] = [200.0, 1_000.0];
/// People at the door each second in S1.
const GUESTS_PER_S: f64 = 5.0;
/// Touches of its NFC display each second in S1.
const TAPS_PER_S: f64 = 10.0;
/// Events that wait behind the cut line in S3.
const BACKLOG: usize = 100_000;

/// Runs the scenarios in rounds, the limits between them.
///
/// # Errors
/// When a part does not start or a scenario does not come to an end.
pub async fn run(plan: &BenchPlan) -> Result<Report> {
    let BenchPlan { world: world_plan, scenarios, rounds, span, mix, backlog } = plan;
    ensure!(world_plan.broker.is_none() || !scenarios.contains(&Scenario::S11), "S11 kills the broker, and so only its own");
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
    marketer: Marketer,
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
        let (live, away) = hollow.split_at(hollow.len() - (hollow.len() / 2).min(AWAY_MAX));
        let rows_max = ROWS_MAX.max(backlog.div_ceil(away.len().max(1)) + ROWS_MAX);
        let fleet_plan = FleetPlan { mix, seed: plan.seed, rows_max: ROWS_MAX };
        let live = Arc::new(Fleet::start(live, world.broker(), fleet_plan, Arc::clone(&ledger), Arc::clone(&world.clock)));
        let fleet_plan = FleetPlan { mix, seed: !plan.seed >> 1, rows_max };
        let away = Arc::new(Fleet::start(away, line.address(), fleet_plan, Arc::clone(&ledger), Arc::clone(&world.clock)));
        let idle = scenario::idle(world, &[&away, &live], empty).await?;
        let (staff, offer) = world.populate().await?;
        live.show(offer);
        away.show(offer);
        let people = customers::arrive(world, CUSTOMERS, plan.seed).await?;
        customers::expected(&live, &people, VISITS_EACH).await?;
        let guests = match world.nodes.is_empty() {
            true => Vec::new(),
            false => door::guests(customers::arrive(world, CUSTOMERS, !plan.seed).await?, VISITS_EACH).await?,
        };
        let limit = PassThrough::start(world.folder()).await?;
        let marketer = Marketer::arrive(staff, world).await?;
        Ok(Self { outage: Outage { line, away, live }, ledger, limit, guests, phones: people, marketer, backlog, idle })
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
        let now = world.clock.now();
        let a2 = limits::durable_rows(&world.database(), &servers, now).await.context("failed to measure A2")?;
        for (name, limit) in [("a1", &a1), ("a2", &a2)] {
            figures.insert(format!("{name}.per_s"), limit.per_s);
            figures.insert(format!("{name}.server_us"), limit.server_us);
        }
        hops::measure(&mut figures, &mut self.limit, world).await.context("failed to measure the hops")?;
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
            // What follows from applied records is done a moment later: its cost must not be charged to the next scenario.
            let (left, took) = database::settle(&world.database()).await?;
            figures.insert(format!("{}.outbox_left", scenario.as_str()), left as f64);
            figures.insert(format!("{}.outbox_empty_after_s", scenario.as_str()), took.as_secs_f64());
        }
        hops::own_times(&mut figures);
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

    /// S1: the load on ever more stores, and on all of them beside the people, displays and marketers of a whole one.
    async fn latencies(&self, world: &World, span: Duration) -> Result<Figures> {
        let (mut figures, live) = (Figures::new(), &self.outage.live);
        for rate in RATES {
            let name = format!("s1.{rate:.0}_per_s");
            for stores in STORES.into_iter().filter(|stores| *stores <= live.len()) {
                figures.extend(scenario::even(world, live, stores, rate, span, &format!("{name}.{stores}_stores")).await?);
            }
            let edge = match world.deployment.stores.first().filter(|_| !self.guests.is_empty()) {
                Some(store) => {
                    let (ledger, clock) = (Arc::clone(&self.ledger), Arc::clone(&world.clock));
                    let taps = tap::TapLoad::start(&store.target(), TAPS_PER_S, Arc::clone(&clock)).await?;
                    Some((door::DoorLoad::start(store.clone(), self.guests.clone(), GUESTS_PER_S, ledger, clock)?, taps))
                }
                None => None,
            };
            figures.extend(scenario::even(world, live, live.len(), rate, span, &name).await?);
            if let Some((door, taps)) = edge {
                let times = door.finish().await?;
                let name = |what: &str| format!("{name}.{what}");
                figures::quantiles(&mut figures, &name("check_in"), &times.check_in);
                figures::quantiles(&mut figures, &name("offer"), &times.offer);
                figures::quantiles(&mut figures, &name("tap"), taps.finish().await?.as_ref());
            }
            let p50 = |of: &str| figures.get(&format!("{name}{of}.fact_applied_ms_p50")).copied();
            if let (Some(one), Some(all)) = (p50(".1_stores"), p50("")) {
                figures.insert(format!("{name}.p50_of_one_store"), all / one);
            }
        }
        figures.extend(self.marketer.publish(&[&self.outage.live, &self.outage.away]).await?);
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
    let mut notes: Vec<_> = foreign(rounds).into_iter().collect();
    let begun = bench.outage.live.epochs_begun() + bench.outage.away.epochs_begun();
    if begun > 0 {
        notes.push(format!("{begun} hollow stores had to begin a new epoch"));
    }
    if bench.outage.live.expected() == 0 {
        notes.push("customers' passes were used up: later visits were those of strangers, for whom no rule runs".to_owned());
    }
    notes.extend(debug_build());
    notes
}

/// Says when others used the processors.
fn foreign(rounds: &[Figures]) -> Option<String> {
    let shares = rounds.iter().flatten().filter(|(name, _)| name.ends_with(".foreign_share"));
    let most = shares.map(|(_, share)| *share).fold(0.0, f64::max);
    (most > FOREIGN_SHARE_MAX).then(|| format!("other work used up to {:.0} % of the processors while figures were taken", most * 100.0))
}

fn debug_build() -> Option<String> {
    cfg!(debug_assertions).then(|| "a debug build: its figures say nothing about a release".to_owned())
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
        ("broker", plan.broker.map_or_else(|| "own mosquitto, no persistence".to_owned(), |broker| format!("given: {broker}"))),
        ("cloud instances", plan.instances.to_string()),
        ("events in A1", "256 bytes, QoS 1, the product's own client, a mosquitto of its own".to_owned()),
        ("rows in A2", "events of a busy store as JSONB, journal's columns, key and index; 1,000 per durable transaction".to_owned()),
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
    let WorldPlan { database, redis, broker, .. } = world_plan;
    ensure!(database.is_none() && redis.is_none() && broker.is_none(), "chaos kills only servers of its own");
    ensure!(world_plan.nodes >= 1 && world_plan.hollow >= 1, "chaos needs a node and a hollow store");
    let mut world = World::start(world_plan, SystemClock::new()).await?;
    let ledger = Arc::new(Ledger::default());
    let line = FaultProxy::start(world.broker(), State::Whole(Line::PERFECT), plan.seed).await?;
    let fleet_plan = FleetPlan { mix, seed: plan.seed, rows_max: ROWS_MAX };
    let fleet = Fleet::start(&world.hollow(), line.address(), fleet_plan, Arc::clone(&ledger), Arc::clone(&world.clock));
    let fleet = Arc::new(fleet);
    scenario::opened(&fleet).await?;
    fleet.show(world.populate().await?.1);
    let people = customers::arrive(&world, CUSTOMERS, plan.seed).await?;
    customers::expected(&fleet, &people, VISITS_EACH).await?;
    let guests = door::guests(customers::arrive(&world, CUSTOMERS, !plan.seed).await?, VISITS_EACH).await?;
    let stage = chaos::Stage { world: &mut world, line: &line, fleet: &fleet, ledger: &ledger, guests };
    let Chaos { rounds, faults, rate, ended, ledger } = chaos::run(stage, plan).await?;
    let mut conditions = conditions(world_plan, mix);
    conditions.insert("span".to_owned(), format!("{:?}", plan.span));
    conditions.insert("events a second".to_owned(), rate.map_or_else(|| "as many as taken".to_owned(), |rate| format!("{rate:.0}")));
    conditions.insert("faults".to_owned(), format!("{faults:?}"));
    conditions.insert("ended by themselves".to_owned(), format!("{ended:?}"));
    conditions.insert("events on customers' phones".to_owned(), arrived(&people).to_string());
    Ok(Report::new(conditions, rounds, ledger, chaos_notes(&fleet)))
}

/// A thousand devices on one node, in a world of its own.
///
/// # Errors
/// When a part does not start or a device is not answered.
pub async fn run_devices(world_plan: &WorldPlan, plan: &DevicesPlan) -> Result<Report> {
    let world_plan = WorldPlan { hollow: 0, nodes: 1, screens: plan.devices, ..world_plan.clone() };
    let mut world = World::start(&world_plan, SystemClock::new()).await?;
    let (figures, promised) = devices::run(&mut world, plan).await?;
    let node = world.deployment.stores.first().context("a world without stores")?.store.node();
    let ledger = Ledger::compare_plays(&world.database(), &node, promised).await?;
    let notes = foreign(std::slice::from_ref(&figures)).into_iter().chain(debug_build()).collect();
    let mut conditions = conditions(&world_plan, Mix::BUSY_STORE);
    conditions.insert("span".to_owned(), format!("{:?}", plan.span));
    Ok(Report::new(conditions, vec![figures], ledger, notes))
}

/// Many days without the cloud, in a world of its own.
///
/// # Errors
/// When a part does not start or the backlog does not drain.
pub async fn run_offline(world_plan: &WorldPlan, plan: OfflinePlan, fill: FillJournal) -> Result<Report> {
    let world_plan = WorldPlan { nodes: 1, ..world_plan.clone() };
    let mut world = World::start_cloud(&world_plan, SystemClock::new()).await?;
    let ledger = Arc::new(Ledger::default());
    let fleet_plan = FleetPlan { mix: Mix::BUSY_STORE, seed: plan.seed, rows_max: ROWS_MAX };
    let fleet = Fleet::start(&world.hollow(), world.broker(), fleet_plan, Arc::clone(&ledger), Arc::clone(&world.clock));
    let fleet = Arc::new(fleet);
    scenario::opened(&fleet).await?;
    let figures = offline::run(&mut world, &fleet, &ledger, fill, plan).await?;
    let verdict = chaos::settled(&ledger, &world.database()).await?;
    let notes = foreign(std::slice::from_ref(&figures)).into_iter().chain(debug_build()).collect();
    let mut conditions = conditions(&world_plan, Mix::BUSY_STORE);
    conditions.insert("days without the cloud".to_owned(), plan.days.to_string());
    conditions.insert("smaller than a busy store by".to_owned(), plan.scale.to_string());
    Ok(Report::new(conditions, vec![figures], verdict, notes))
}

/// What came on the customers' own streams.
fn arrived(phones: &[Customer]) -> u64 {
    phones.iter().map(|phone| phone.inbox().count()).sum()
}

fn chaos_notes(fleet: &Fleet) -> Vec<String> {
    let begun = fleet.epochs_begun();
    let epochs = (begun > 0).then(|| format!("{begun} hollow stores had to begin a new epoch"));
    epochs.into_iter().chain(debug_build()).collect()
}

/// Where the product's binary is when the bench is a part of it.
///
/// # Errors
/// When the system does not say.
pub fn own_program() -> Result<PathBuf> {
    std::env::current_exe().context("failed to find the own program")
}
