//! A store that was alone for many days: its whole backlog in a real journal, a real node on it, and then the way back to the cloud.
//!
//! Owns the order: fill, start behind a cut line, look at memory, heal, drain beside live traffic, compare. Takes somebody who can fill a node's journal,
//! which only the node's own code can; emits what fitted and what did not, bytes, memory, and the pace of the drain. With a scale both the traffic and
//! the budgets are so many times smaller, so that shares of a budget stay what they are. On failure: what does not drain is an error.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aisle_schemas::ids::NodeId;
use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::figures::{Figures, quantiles};
use super::load::{Load, Pace};
use super::scenario::{self, drained};
use super::usage::{self, memory_bytes};
use super::world::World;
use super::{database, disk};
use crate::client::ShopFloor;
use crate::hollow::{Fleet, Mix};
use crate::ledger::Ledger;
use crate::proxy::{FaultProxy, Line, State};

/// Records of class A on a busy day (SYNC.md).
const FACTS_PER_DAY: u64 = 50_000;
/// Default budgets of a node, MiB.
const CLASS_A_MIB: u64 = 2_048;
const CLASS_B_MIB: u64 = 512;
const CLASS_C_MIB: u64 = 8_192;
/// Bytes that a record of the backlog may take in the journal and again in the cloud, for the look at the disk before.
const RECORD_BYTES: u64 = 1_800;
/// Time after its start at which the node's memory counts as idle.
const IDLE: Duration = Duration::from_secs(5);
/// Live events a second of other stores beside the drain.
const LIVE_RATE: f64 = 200.0;
/// Longest wait for the drain.
const DRAIN_WAIT: Duration = Duration::from_secs(3_600);
/// Time between looks at it.
const LOOK: Duration = Duration::from_millis(50);

/// How long, and how much smaller than a busy store.
#[derive(Debug, Clone, Copy)]
pub struct OfflinePlan {
    pub days: u32,
    pub scale: u32,
    pub seed: u64,
}

impl OfflinePlan {
    /// Records of class A a day.
    fn facts_per_day(self) -> u64 {
        (FACTS_PER_DAY / u64::from(self.scale.max(1))).max(1)
    }

    /// All records of the backlog.
    fn records(self) -> u64 {
        self.facts_per_day() * u64::from(self.days) * (1 + u64::from(Mix::BUSY_STORE.plays_per_fact))
    }

    fn mib(self, full: u64) -> u64 {
        (full / u64::from(self.scale.max(1))).max(1)
    }
}

/// What shall stand in a journal.
#[derive(Debug)]
pub struct JournalOrder {
    pub folder: PathBuf,
    pub node: NodeId,
    pub days: u32,
    pub facts_per_day: u64,
    pub class_a_mib: u64,
    pub class_b_mib: u64,
    pub class_c_mib: u64,
    pub seed: u64,
    /// Told of everything that was accepted, in order.
    pub ledger: Arc<Ledger>,
}

/// What does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Filled {
    pub records: u64,
    /// New work that found no room.
    pub refused: u64,
    /// Records on disk that the cloud has not applied.
    pub pending: u64,
    /// Shares of the budgets in use.
    pub class_a_share: f64,
    pub class_c_share: f64,
    pub took: Duration,
}

/// Fills a journal that nobody has open.
pub type FillJournal = fn(JournalOrder) -> Pin<Box<dyn Future<Output = Result<Filled>> + Send>>;

/// Runs it in a world whose first store has no running node yet.
///
/// # Errors
/// When a step fails or the backlog does not drain.
pub async fn run(world: &mut World, live: &Arc<Fleet>, ledger: &Arc<Ledger>, fill: FillJournal, plan: OfflinePlan) -> Result<Figures> {
    let free = disk::free_bytes(world.folder())?;
    let needed = plan.records() * RECORD_BYTES + disk::RESERVE_BYTES;
    ensure!(free > needed, "{} records need {} GiB of disk, and {} are free: use a scale", plan.records(), needed >> 30, free >> 30);
    let mut figures = Figures::new();
    let store = world.deployment.stores.first().context("a world without stores")?.clone();
    let node = store.store.node();
    let folder = store.folder(&world.deployment);
    let order = JournalOrder {
        folder: folder.clone(),
        node: node.clone(),
        days: plan.days,
        facts_per_day: plan.facts_per_day(),
        class_a_mib: plan.mib(CLASS_A_MIB),
        class_b_mib: plan.mib(CLASS_B_MIB),
        class_c_mib: plan.mib(CLASS_C_MIB),
        seed: plan.seed,
        ledger: Arc::clone(ledger),
    };
    let Filled { records, refused, pending, class_a_share, class_c_share, took } =
        fill(order).await.context("failed to fill the journal")?;
    let bytes = disk::bytes_in(&folder)?;
    for (name, value) in [
        ("records", records as f64),
        ("refused", refused as f64),
        ("pending", pending as f64),
        ("accepted_per_s", (records as f64) / took.as_secs_f64()),
        ("class_a_share", class_a_share),
        ("class_c_share", class_c_share),
        ("bytes_per_record", (bytes as f64) / (records.max(1) as f64)),
        ("full_size_gib", (bytes as f64) * f64::from(plan.scale) / f64::from(1 << 30)),
    ] {
        figures.insert(format!("offline.{name}"), value);
    }

    let line = FaultProxy::start(world.broker(), State::Cut, plan.seed).await?;
    let started = Instant::now();
    let storage = json!({
        "class_a_mib": plan.mib(CLASS_A_MIB), "class_b_mib": plan.mib(CLASS_B_MIB), "class_c_mib": plan.mib(CLASS_C_MIB),
        "ballast_mib": 0, "grow": false,
    });
    world.start_node(0, line.address(), &json!({ "storage": storage }))?;
    let floor = ShopFloor::new(&store.url())?;
    scenario::answers(floor.api()).await?;
    figures.insert("s4.node_backlog_ready_ms".to_owned(), started.elapsed().as_secs_f64() * 1e3);
    tokio::time::sleep(IDLE).await;
    let pid = world.nodes.first().context("the node was started")?.child.pid();
    let mib = |field: &str| (memory_bytes(pid, field) as f64) / f64::from(1 << 20);
    figures.insert("s4.node_backlog_mib".to_owned(), mib("VmRSS"));

    live.gauges().facts.reset();
    let load = Load::start(Arc::clone(live), 0..live.len(), Pace::PerSecond(LIVE_RATE))?;
    let before = usage::look(&world.watched());
    line.set(State::Whole(Line::PERFECT));
    let (healed, mut first) = (Instant::now(), None);
    loop {
        let left = floor.status().await.context("the node does not answer")?.pending;
        if first.is_none() && left < pending {
            first = Some(healed.elapsed());
        }
        if left == 0 {
            break;
        }
        ensure!(healed.elapsed() < DRAIN_WAIT, "{left} of {pending} records are not applied after {DRAIN_WAIT:?}");
        tokio::time::sleep(LOOK).await;
    }
    let whole = healed.elapsed();
    let used = before.until(&usage::look(&world.watched()));
    figures.insert("offline.first_ack_s".to_owned(), first.unwrap_or(whole).as_secs_f64());
    figures.insert("offline.drained_s".to_owned(), whole.as_secs_f64());
    figures.insert("offline.drained_per_s".to_owned(), (pending as f64) / whole.as_secs_f64().max(f64::EPSILON));
    figures.insert("offline.node_draining_peak_mib".to_owned(), mib("VmHWM"));
    scenario::costs(&mut figures, "offline", &used, pending);
    quantiles(&mut figures, "offline.live_fact_applied", &live.gauges().facts);
    load.stop().await?;
    drained(live).await?;
    database::settle(&world.database()).await?;
    figures.insert("offline.lost".to_owned(), database::losses(&world.database(), &node).await? as f64);
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smaller_store_has_fewer_records_and_smaller_budgets_alike() {
        let full = OfflinePlan { days: 14, scale: 1, seed: 1 };
        let tenth = OfflinePlan { scale: 10, ..full };
        assert_eq!((full.records(), tenth.records()), (12_600_000, 1_260_000));
        assert_eq!((full.mib(CLASS_C_MIB), tenth.mib(CLASS_C_MIB)), (8_192, 819));
    }
}
