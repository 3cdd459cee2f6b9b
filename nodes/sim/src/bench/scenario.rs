//! The scenarios, each a function from a running world to figures.
//!
//! Owns nothing; leaves the world as it found it: everything accepted is applied when a scenario returns. On failure: what did not come to an end
//! within its patience is an error, never a figure.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tokio::process::Command;

use super::figures::{Figures, quantiles};
use super::load::{Load, Pace};
use super::usage::{self, Usage, memory_bytes};
use super::world::World;
use crate::client::{Api, ShopFloor};
use crate::hollow::Fleet;
use crate::proxy::{FaultProxy, Line, State};

/// Longest wait until everything accepted is applied.
const DRAIN_WAIT: Duration = Duration::from_secs(600);
/// Longest wait until all stores are connected.
const OPEN_WAIT: Duration = Duration::from_secs(180);
/// Time between looks at both.
const LOOK: Duration = Duration::from_millis(10);
/// Time that full load runs before it is measured: caches and the planner's statistics settle.
const WARM_UP: Duration = Duration::from_secs(3);
/// Events a second of the live traffic beside a drain.
const LIVE_RATE: f64 = 200.0;
/// Time without load after which a store counts as idle.
const IDLE: Duration = Duration::from_secs(3);

/// Waits until every store's streams flow.
///
/// # Errors
/// When some do not within the patience.
pub async fn opened(fleet: &Fleet) -> Result<Duration> {
    let started = Instant::now();
    while fleet.open() < fleet.len() {
        if started.elapsed() > OPEN_WAIT {
            bail!("{} of {} stores are connected after {OPEN_WAIT:?}", fleet.open(), fleet.len());
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(started.elapsed())
}

/// Waits until the cloud has applied everything.
///
/// # Errors
/// When it has not within the patience.
pub async fn drained(fleet: &Fleet) -> Result<Duration> {
    let started = Instant::now();
    while fleet.waiting() > 0 {
        if started.elapsed() > DRAIN_WAIT {
            bail!("{} records are not applied after {DRAIN_WAIT:?}", fleet.waiting());
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(started.elapsed())
}

/// CPU microseconds per event by process, their sum without the generator, and what others used.
pub fn costs(figures: &mut Figures, name: &str, used: &Usage, events: u64) {
    let mut sum = 0.0;
    for process in used.cpu_s.keys() {
        let us = used.us_per_event(process, events);
        if process != "generator" {
            sum += us;
        }
        figures.insert(format!("{name}.cpu_us_{process}"), us);
    }
    figures.insert(format!("{name}.cpu_us"), sum);
    figures.insert(format!("{name}.foreign_share"), used.foreign_share);
}

/// S2: as many events as the system takes, for a while.
///
/// # Errors
/// When the load cannot run or is not drained.
pub async fn sustained(world: &World, fleet: &Arc<Fleet>, span: Duration) -> Result<Figures> {
    let load = Load::start(Arc::clone(fleet), 0..fleet.len(), Pace::Full)?;
    tokio::time::sleep(WARM_UP).await;
    let (before, acknowledged) = (usage::look(&world.watched()), fleet.gauges().acknowledged_records());
    tokio::time::sleep(span).await;
    let events = fleet.gauges().acknowledged_records() - acknowledged;
    let used = before.until(&usage::look(&world.watched()));
    load.stop().await?;
    drained(fleet).await?;
    ensure!(events > 0, "not one event was applied in {span:?}");
    let mut figures = Figures::new();
    figures.insert("s2.events_per_s".to_owned(), (events as f64) / used.wall.as_secs_f64());
    costs(&mut figures, "s2", &used, events);
    Ok(figures)
}

/// The edge-to-cloud half of S1: an even load on the first `stores` of a fleet, and how long after its intended instant each event was known to be
/// applied.
///
/// # Errors
/// When the load cannot run or is not drained.
pub async fn even(world: &World, fleet: &Arc<Fleet>, stores: usize, rate: f64, span: Duration, name: &str) -> Result<Figures> {
    fleet.gauges().facts.reset();
    fleet.gauges().telemetry.reset();
    let (before, acknowledged) = (usage::look(&world.watched()), fleet.gauges().acknowledged_records());
    let load = Load::start(Arc::clone(fleet), 0..stores.min(fleet.len()), Pace::PerSecond(rate))?;
    tokio::time::sleep(span).await;
    let mut figures = Figures::new();
    quantiles(&mut figures, &format!("{name}.generator_lag"), load.lag());
    load.stop().await?;
    drained(fleet).await?;
    let events = fleet.gauges().acknowledged_records() - acknowledged;
    costs(&mut figures, name, &before.until(&usage::look(&world.watched())), events);
    quantiles(&mut figures, &format!("{name}.fact_applied"), &fleet.gauges().facts);
    quantiles(&mut figures, &format!("{name}.telemetry_applied"), &fleet.gauges().telemetry);
    Ok(figures)
}

/// Two fleets of one world: one behind a line that can be cut.
pub struct Outage {
    pub line: FaultProxy,
    pub away: Arc<Fleet>,
    pub live: Arc<Fleet>,
}

/// S3: `backlog` events wait behind a cut line; it heals, and they drain beside live traffic of other stores.
///
/// # Errors
/// When stores do not come back or are not drained.
pub async fn after_outage(world: &World, outage: &Outage, backlog: usize) -> Result<Figures> {
    let Outage { line, away, live } = outage;
    line.set(State::Cut);
    let filling = Load::start(Arc::clone(away), 0..away.len(), Pace::Full)?;
    let started = Instant::now();
    while away.waiting() < backlog {
        if started.elapsed() > DRAIN_WAIT {
            bail!("{} of {backlog} records fit into the stores", away.waiting());
        }
        tokio::time::sleep(LOOK).await;
    }
    filling.stop().await?;
    let events = away.waiting();
    live.gauges().facts.reset();
    live.gauges().telemetry.reset();
    let load = Load::start(Arc::clone(live), 0..live.len(), Pace::PerSecond(LIVE_RATE))?;
    let before = usage::look(&world.watched());
    let all = away.gauges().acknowledged_records() + live.gauges().acknowledged_records();
    line.set(State::Whole(Line::PERFECT));
    let (healed, first) = (Instant::now(), away.gauges().acknowledged_records());
    while away.gauges().acknowledged_records() == first && healed.elapsed() < OPEN_WAIT {
        tokio::time::sleep(LOOK).await;
    }
    let reconnected = healed.elapsed();
    drained(away).await?;
    let whole = healed.elapsed();
    let used = before.until(&usage::look(&world.watched()));
    let applied = away.gauges().acknowledged_records() + live.gauges().acknowledged_records() - all;
    load.stop().await?;
    drained(live).await?;
    let mut figures = Figures::new();
    figures.insert("s3.backlog".to_owned(), events as f64);
    figures.insert("s3.first_ack_s".to_owned(), reconnected.as_secs_f64());
    figures.insert("s3.whole_s".to_owned(), whole.as_secs_f64());
    figures.insert("s3.events_per_s_from_heal".to_owned(), (events as f64) / whole.as_secs_f64().max(f64::EPSILON));
    figures.insert("s3.events_per_s".to_owned(), (events as f64) / (whole - reconnected).as_secs_f64().max(f64::EPSILON));
    costs(&mut figures, "s3", &used, applied);
    quantiles(&mut figures, "s3.live_fact_applied", &live.gauges().facts);
    Ok(figures)
}

/// Memory before any store is connected.
#[derive(Debug, Clone, Copy)]
pub struct Empty {
    cloud: u64,
    generator: u64,
}

impl Empty {
    /// Reads it.
    pub fn read(world: &World) -> Self {
        Self { cloud: world.cloud_memory("VmRSS"), generator: memory_bytes(std::process::id(), "VmRSS") }
    }
}

/// S4: memory for each idle store, in the cloud and of the hollow store itself, and of an idle node.
///
/// # Errors
/// When the stores do not connect.
pub async fn idle(world: &World, fleets: &[&Fleet], empty: Empty) -> Result<Figures> {
    for fleet in fleets {
        opened(fleet).await?;
    }
    tokio::time::sleep(IDLE).await;
    let Empty { cloud, generator } = empty;
    let stores = fleets.iter().map(|fleet| fleet.len()).sum::<usize>().max(1) as f64;
    let each = |now: u64, before: u64| (now.saturating_sub(before) as f64) / 1024.0 / stores;
    let mut figures = Figures::new();
    figures.insert("s4.cloud_kib_per_idle_store".to_owned(), each(world.cloud_memory("VmRSS"), cloud));
    figures.insert("s4.hollow_kib_per_idle_store".to_owned(), each(memory_bytes(std::process::id(), "VmRSS"), generator));
    for node in &world.nodes {
        figures.insert("s4.node_idle_mib".to_owned(), (memory_bytes(node.child.pid(), "VmRSS") as f64) / f64::from(1 << 20));
    }
    Ok(figures)
}

/// S5: from the start of the process until the demo has published offers and every store is in step; and until a node serves.
///
/// # Errors
/// When either does not start.
pub async fn cold_start(world: &mut World, program: &Path) -> Result<Figures> {
    let mut figures = Figures::new();
    let output = Command::new(program)
        .args(["demo", "--stores", "1", "--shoppers", "1", "--for", "1s", "--json"])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .context("failed to run the demo")?;
    ensure!(output.status.success(), "the demo ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    let summary: Value = serde_json::from_slice(&output.stdout).context("failed to read the demo's summary")?;
    figures.insert("s5.demo_ready_ms".to_owned(), summary["start_ms"].as_f64().context("the demo names no start")?);
    if let Some(node) = world.nodes.first_mut() {
        let store = world.deployment.stores.get(node.place).context("no such store")?;
        let floor = ShopFloor::new(&store.url())?;
        let started = Instant::now();
        node.child.start_again()?;
        answers(floor.api()).await?;
        figures.insert("s5.node_ready_ms".to_owned(), started.elapsed().as_secs_f64() * 1e3);
        world.nodes_in_step().await?;
    }
    Ok(figures)
}

/// Waits until a node answers that it serves.
///
/// # Errors
/// When it does not.
pub async fn answers(api: &Api) -> Result<()> {
    let started = Instant::now();
    while api.text("/readyz").await.is_err() {
        ensure!(started.elapsed() < OPEN_WAIT, "{} does not answer", api.base());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

/// S11: the broker dies and comes back; every store says HELLO at once.
///
/// # Errors
/// When not all are current again.
pub async fn reconnect(world: &mut World, fleets: &[&Fleet]) -> Result<Figures> {
    let stores: usize = fleets.iter().map(|fleet| fleet.len()).sum();
    let open = || fleets.iter().map(|fleet| fleet.open()).sum::<usize>();
    let before = world.cloud_memory("VmRSS");
    let broker = world.own_broker()?;
    broker.child.start_again()?;
    broker.ready().await?;
    let started = Instant::now();
    let mut peak = before;
    // The drivers see the loss a moment after the kill: until then they still look open.
    while open() == stores && started.elapsed() < OPEN_WAIT {
        tokio::time::sleep(LOOK).await;
    }
    while open() < stores {
        ensure!(started.elapsed() < OPEN_WAIT, "{} of {stores} stores came back", open());
        peak = peak.max(world.cloud_memory("VmRSS"));
        tokio::time::sleep(LOOK).await;
    }
    let mut figures = Figures::new();
    figures.insert("s11.stores".to_owned(), stores as f64);
    figures.insert("s11.all_current_s".to_owned(), started.elapsed().as_secs_f64());
    figures.insert("s11.cloud_growth_mib".to_owned(), (peak.saturating_sub(before) as f64) / f64::from(1 << 20));
    Ok(figures)
}
