//! S7: load while parts die without warning, in an order drawn from a seed.
//!
//! Owns the order of faults. Kills only children of its own: node, cloud, broker, PostgreSQL; flushes Redis; cuts and silences the line. What dies is
//! started again at once, as a supervisor would, but for an instance whose sister shall take over; so is a part that ended because another one died.
//! Emits how long it took until something was applied again and until everybody was in step, and in the end the ledger's verdict. On failure: a part
//! that does not come back is an error.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aisle_schemas::http::node::CloudLink;
use anyhow::{Context, Result, bail, ensure};
use rand::{Rng, SeedableRng, rngs::SmallRng, seq::SliceRandom};

use super::database;
use super::disk;
use super::door::{DoorLoad, Guest};
use super::fault::{self, Back, Blow, Fault};
use super::figures::Figures;
use super::load::{self, Load};
use super::scenario::{self, drained};
use super::world::World;
use crate::client::ShopFloor;
use crate::hollow::Fleet;
use crate::ledger::{Ledger, Verdict};
use crate::proxy::{FaultProxy, Line, State};

/// Calm between two faults: some hit a system in step, some one that is still at it.
const CALM_MS: std::ops::Range<u64> = 200..3_000;
/// Longest wait until everybody is in step again.
const RECOVERY_WAIT: Duration = Duration::from_secs(180);
/// Time between looks.
const LOOK: Duration = Duration::from_millis(5);
/// People at the real node's door each second.
const GUESTS_PER_S: f64 = 5.0;
/// How long full load runs to see what the system takes.
const PROBE: Duration = Duration::from_secs(10);
/// Longest wait for ledger and database to agree, once all is calm.
const SETTLE: Duration = Duration::from_secs(30);

/// How much load faults meet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// So many events a second.
    PerSecond(f64),
    /// This share of what the system takes, measured before the first fault: as full as it can be while a fault's backlog still drains between two.
    Share(f64),
    /// As many as the system takes. What a store accepted before a fault then stands before what it accepted after it, and recovery takes that longer.
    Full,
}

/// How chaos goes.
#[derive(Debug, Clone, Copy)]
pub struct ChaosPlan {
    pub span: Duration,
    pub seed: u64,
    pub pace: Pace,
}

/// What chaos found.
#[derive(Debug)]
pub struct Chaos {
    /// One entry per fault: seconds to the first record applied and until all were in step, by kind of fault.
    pub rounds: Vec<Figures>,
    pub faults: BTreeMap<&'static str, u64>,
    /// Events a second, where there is a schedule.
    pub rate: Option<f64>,
    /// Parts that ended by themselves because another one was gone.
    pub ended: BTreeMap<String, u64>,
    pub ledger: Verdict,
}

impl fmt::Display for Chaos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "faults {:?} ended by themselves {:?} {}", self.faults, self.ended, self.ledger)
    }
}

/// A world with load on it.
pub struct Stage<'a> {
    pub world: &'a mut World,
    /// The line of all hollow stores.
    pub line: &'a FaultProxy,
    pub fleet: &'a Arc<Fleet>,
    pub ledger: &'a Arc<Ledger>,
    pub guests: Vec<Arc<Guest>>,
}

/// Runs it.
///
/// # Errors
/// When a part does not come back, or the database cannot be read.
pub async fn run(stage: Stage<'_>, plan: &ChaosPlan) -> Result<Chaos> {
    let ChaosPlan { span, seed, pace } = *plan;
    let Stage { world, line, fleet, ledger, guests } = stage;
    let mut rng = SmallRng::seed_from_u64(seed);
    let rate = rate(world, fleet, pace, span).await?;
    let load = Load::start(Arc::clone(fleet), 0..fleet.len(), rate.map_or(load::Pace::Full, load::Pace::PerSecond))?;
    let store = world.deployment.stores.first().context("chaos needs a store with a node")?.clone();
    let door = DoorLoad::start(store, guests, GUESTS_PER_S, Arc::clone(ledger), Arc::clone(&world.clock))?;
    let mut chaos = Chaos { rounds: Vec::new(), faults: BTreeMap::new(), rate, ended: BTreeMap::new(), ledger: Verdict::default() };
    let started = Instant::now();
    let mut deck = Vec::new();
    while started.elapsed() < span {
        tokio::time::sleep(Duration::from_millis(rng.random_range(CALM_MS))).await;
        let free = disk::free_bytes(world.folder())?;
        ensure!(free > disk::RESERVE_BYTES, "only {free} bytes are free on the disk: the run ends before others feel it");
        // Like cards: every fault comes before one comes again, in an order that nobody chose.
        if deck.is_empty() {
            deck = Fault::with(world.clouds.len());
            deck.shuffle(&mut rng);
        }
        let fault = deck.pop().context("the deck was filled")?;
        *chaos.faults.entry(fault.as_str()).or_default() += 1;
        tracing::info!(fault = fault.as_str(), "chaos strikes");
        let blow = fault::strike(world, line, fleet, fault, &mut rng).await?;
        let mut figures = recovered(world, fleet, fault, blow, &mut chaos.ended).await?;
        // Should it grow from fault to fault, the cloud does not keep up with what follows from the records that it applies.
        figures.insert("s7.outbox_rows".to_owned(), database::outbox(&world.database()).await? as f64);
        chaos.rounds.push(figures);
    }
    load.stop().await?;
    door.finish().await?;
    line.set(State::Whole(Line::PERFECT));
    drained(fleet).await?;
    world.nodes_in_step().await?;
    chaos.ledger = settled(ledger, &world.database()).await?;
    Ok(chaos)
}

/// Compares until both agree, or until waiting has no point.
///
/// # Errors
/// When the database cannot be read.
pub async fn settled(ledger: &Ledger, database: &str) -> Result<Verdict> {
    let started = Instant::now();
    loop {
        let verdict = ledger.compare(database).await?;
        if verdict.holds() || started.elapsed() > SETTLE {
            return Ok(verdict);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Events a second, within what the disk has room for.
async fn rate(world: &World, fleet: &Arc<Fleet>, pace: Pace, span: Duration) -> Result<Option<f64>> {
    let asked = match pace {
        Pace::PerSecond(rate) => rate,
        Pace::Share(share) => {
            let figures = scenario::sustained(world, fleet, PROBE).await?;
            share * figures.get("s2.events_per_s").copied().context("full load has a figure")?
        }
        Pace::Full => return Ok(None),
    };
    let most = disk::rate_max(disk::free_bytes(world.folder())?, span);
    ensure!(most > 1.0, "the disk has no room for a run of {span:?}");
    Ok(Some(asked.min(most)))
}

/// Waits until something is applied that was accepted after the fault by a store that it hit, and until all stores are connected, the node among them.
async fn recovered(world: &mut World, fleet: &Fleet, fault: Fault, blow: Blow, ended: &mut BTreeMap<String, u64>) -> Result<Figures> {
    let Blow { at: struck, stores, mut away } = blow;
    let mut figures = Figures::new();
    let (first, whole) = (format!("s7.{}.first_applied_s", fault.as_str()), format!("s7.{}.all_connected_s", fault.as_str()));
    let node = ShopFloor::new(&world.deployment.stores.first().context("chaos needs a store with a node")?.url())?;
    loop {
        revive(world, away.map(|(place, _)| place), ended)?;
        let applied = match stores.is_empty() {
            true => fleet.gauges().acknowledged_one_from_after(struck),
            false => fleet.applied_one_from_after(&stores, struck),
        };
        if applied && !figures.contains_key(&first) {
            figures.insert(first.clone(), struck.elapsed().as_secs_f64());
        }
        if let Some((place, back)) = away {
            let child = &mut world.instance(place)?.child;
            match back {
                Back::OnceReplaced if figures.contains_key(&first) => {
                    child.start_again()?;
                    away = None;
                }
                Back::At(due) if Instant::now() >= due => {
                    child.resume()?;
                    away = None;
                }
                Back::OnceReplaced | Back::At(_) => {}
            }
        }
        let connected = fleet.open() == fleet.len() && node.status().await.is_ok_and(|status| status.cloud == CloudLink::Open);
        if connected && away.is_none() && figures.contains_key(&first) && all_ready(world).await {
            figures.insert(whole, struck.elapsed().as_secs_f64());
            return Ok(figures);
        }
        if struck.elapsed() > RECOVERY_WAIT {
            let said: Vec<_> = world.clouds.iter().map(|cloud| cloud.child.output()).collect();
            let rows = database::outbox(&world.database()).await.map_or_else(|error| format!("{error:#}"), |rows| rows.to_string());
            bail!(
                "after {} {} of {} stores are connected, with {rows} rows in the outbox; the cloud said last:\n{}",
                fault.as_str(),
                fleet.open(),
                fleet.len(),
                said.join("\n")
            );
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn all_ready(world: &World) -> bool {
    for instance in &world.clouds {
        if !instance.is_ready().await {
            return false;
        }
    }
    true
}

/// Starts again what ended by itself; the instance at `away` is dead on purpose.
fn revive(world: &mut World, away: Option<usize>, ended: &mut BTreeMap<String, u64>) -> Result<()> {
    let World { nodes, clouds, .. } = world;
    let clouds = clouds.iter_mut().enumerate().filter(|(place, _)| Some(*place) != away).map(|(_, cloud)| &mut cloud.child);
    for child in nodes.iter_mut().map(|node| &mut node.child).chain(clouds) {
        if child.has_ended()? {
            *ended.entry(child.name().to_owned()).or_default() += 1;
            child.start_again()?;
        }
    }
    Ok(())
}
