//! S7: load while parts die without warning, in an order drawn from a seed.
//!
//! Owns the order of faults. Kills only children of its own: node, cloud, broker, PostgreSQL; flushes Redis; cuts and silences the line. What dies is
//! started again at once, as a supervisor would; so is a part that ended because another one died. Emits how long it took until something was applied
//! again and until everybody was in step, and in the end the ledger's verdict. On failure: a part that does not come back is an error.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aisle_schemas::http::node::CloudLink;
use anyhow::{Context, Result, bail};
use rand::{Rng, SeedableRng, rngs::SmallRng, seq::SliceRandom};

use super::door::{DoorLoad, Guest};
use super::figures::Figures;
use super::load::{Load, Pace};
use super::scenario::drained;
use super::world::World;
use crate::client::ShopFloor;
use crate::hollow::Fleet;
use crate::ledger::{Ledger, Verdict};
use crate::proxy::{FaultProxy, Line, State};

/// Calm between two faults: some hit a system in step, some one that is still at it.
const CALM_MS: std::ops::Range<u64> = 200..3_000;
/// How long the line stays cut.
const CUT_MS: std::ops::Range<u64> = 300..2_000;
/// Longest wait until everybody is in step again.
const RECOVERY_WAIT: Duration = Duration::from_secs(180);
/// Time between looks.
const LOOK: Duration = Duration::from_millis(5);
/// People at the real node's door each second.
const GUESTS_PER_S: f64 = 5.0;
/// Longest wait for ledger and database to agree, once all is calm.
const SETTLE: Duration = Duration::from_secs(30);

/// What may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    KillNode,
    KillCloud,
    KillBroker,
    KillPostgres,
    FlushRedis,
    CutLine,
    SilenceLine,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::KillNode, Self::KillCloud, Self::KillBroker, Self::KillPostgres, Self::FlushRedis, Self::CutLine, Self::SilenceLine];

    fn as_str(self) -> &'static str {
        match self {
            Self::KillNode => "kill_node",
            Self::KillCloud => "kill_cloud",
            Self::KillBroker => "kill_broker",
            Self::KillPostgres => "kill_postgres",
            Self::FlushRedis => "flush_redis",
            Self::CutLine => "cut_line",
            Self::SilenceLine => "silence_line",
        }
    }
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
    let load = Load::start(Arc::clone(fleet), 0..fleet.len(), pace)?;
    let store = world.deployment.stores.first().context("chaos needs a store with a node")?.clone();
    let door = DoorLoad::start(store, guests, GUESTS_PER_S, Arc::clone(ledger), Arc::clone(&world.clock))?;
    let mut chaos = Chaos { rounds: Vec::new(), faults: BTreeMap::new(), ended: BTreeMap::new(), ledger: Verdict::default() };
    let started = Instant::now();
    let mut deck = Vec::new();
    while started.elapsed() < span {
        tokio::time::sleep(Duration::from_millis(rng.random_range(CALM_MS))).await;
        // Like cards: every fault comes before one comes again, in an order that nobody chose.
        if deck.is_empty() {
            deck = Fault::ALL.to_vec();
            deck.shuffle(&mut rng);
        }
        let fault = deck.pop().context("the deck was filled")?;
        *chaos.faults.entry(fault.as_str()).or_default() += 1;
        tracing::info!(fault = fault.as_str(), "chaos strikes");
        let struck = Instant::now();
        strike(world, line, fault, &mut rng).await?;
        chaos.rounds.push(recovered(world, fleet, fault, struck, &mut chaos.ended).await?);
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

async fn strike(world: &mut World, line: &FaultProxy, fault: Fault, rng: &mut SmallRng) -> Result<()> {
    match fault {
        Fault::KillNode => {
            if let Some(node) = world.nodes.first_mut() {
                node.child.start_again()?;
            }
        }
        Fault::KillCloud => world.cloud.start_again()?,
        Fault::KillBroker => {
            world.mosquitto.child.start_again()?;
            world.mosquitto.ready().await?;
        }
        Fault::KillPostgres => {
            if let Some(postgres) = &mut world.postgres {
                postgres.child.kill()?;
                postgres.revive().await?;
            }
        }
        Fault::FlushRedis => {
            if let Some(redis) = &world.redis {
                redis.flush().await?;
            }
        }
        Fault::CutLine | Fault::SilenceLine => {
            line.set(if fault == Fault::CutLine { State::Cut } else { State::HalfOpen });
            tokio::time::sleep(Duration::from_millis(rng.random_range(CUT_MS))).await;
            line.set(State::Whole(Line::PERFECT));
        }
    }
    Ok(())
}

/// Waits until something is applied that was accepted after the fault, and until all stores are connected, the node among them.
async fn recovered(world: &mut World, fleet: &Fleet, fault: Fault, struck: Instant, ended: &mut BTreeMap<String, u64>) -> Result<Figures> {
    let mut figures = Figures::new();
    let (first, whole) = (format!("s7.{}.first_applied_s", fault.as_str()), format!("s7.{}.all_connected_s", fault.as_str()));
    let node = ShopFloor::new(&world.deployment.stores.first().context("chaos needs a store with a node")?.url())?;
    loop {
        revive(world, ended)?;
        if !figures.contains_key(&first) && fleet.gauges().acknowledged_one_from_after(struck) {
            figures.insert(first.clone(), struck.elapsed().as_secs_f64());
        }
        let connected = fleet.open() == fleet.len() && node.status().await.is_ok_and(|status| status.cloud == CloudLink::Open);
        if connected && figures.contains_key(&first) {
            figures.insert(whole, struck.elapsed().as_secs_f64());
            return Ok(figures);
        }
        if struck.elapsed() > RECOVERY_WAIT {
            let cloud = world.cloud.output();
            bail!("after {} {} of {} stores are connected; the cloud said last:\n{cloud}", fault.as_str(), fleet.open(), fleet.len());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Starts again what ended by itself.
fn revive(world: &mut World, ended: &mut BTreeMap<String, u64>) -> Result<()> {
    let World { nodes, cloud, .. } = world;
    for child in nodes.iter_mut().map(|node| &mut node.child).chain(std::iter::once(cloud)) {
        if child.has_ended()? {
            *ended.entry(child.name().to_owned()).or_default() += 1;
            child.start_again()?;
        }
    }
    Ok(())
}
