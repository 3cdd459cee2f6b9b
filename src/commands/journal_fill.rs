//! Fills a node's journal with what a busy store accepts in many days alone: through the journal's own code, under a clock that runs ahead.
//!
//! Owns the clock and the journal for as long as it fills. Takes a [`JournalOrder`]; emits what was accepted and how much of the budgets it takes; the
//! ledger hears of each record in order. A refusal for want of room is counted; any other failure of the journal is an error.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use aisle_mesh::clock::{Clock, SystemClock};
use aisle_node::journal::budget::Budget;
use aisle_node::journal::{Cause, Entry, Journal, JournalError, NewRecord, RecordMaker, Settings};
use aisle_schemas::log::ClassBudget;
use aisle_sim::bench::{Filled, JournalOrder};
use aisle_sim::hollow::{Fact, Mix, Traffic};
use anyhow::{Context, Result};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;

/// Records of one commit: what screens and people of a store hand in within a quarter of a minute.
const COMMIT: u64 = 180;
/// Upkeep runs once in so much of the store's time; a node does it each minute, which twenty thousand times would be all that is measured.
const UPKEEP: TimeDelta = TimeDelta::hours(1);

/// A clock that stands where it is put, and was never moved as far as sleepers know: nobody sleeps on it.
struct StoreClock {
    from: DateTime<Utc>,
    offset_ms: AtomicU64,
    never_moved: watch::Sender<u64>,
}

impl StoreClock {
    fn from(from: DateTime<Utc>) -> Arc<Self> {
        Arc::new(Self { from, offset_ms: AtomicU64::new(0), never_moved: watch::Sender::new(0) })
    }

    fn put(&self, after: TimeDelta) {
        self.offset_ms.store(u64::try_from(after.num_milliseconds()).unwrap_or(0), Ordering::Relaxed);
    }
}

impl Clock for StoreClock {
    fn now(&self) -> DateTime<Utc> {
        self.from + TimeDelta::milliseconds(i64::try_from(self.monotonic_ms()).unwrap_or(i64::MAX))
    }
    fn monotonic_ms(&self) -> u64 {
        self.offset_ms.load(Ordering::Relaxed)
    }
    fn moved(&self) -> watch::Receiver<u64> {
        self.never_moved.subscribe()
    }
}

/// Fills it; the last of its days ends now. On a thread and runtime of its own: when that ends, so has the journal's writer, and the file is free.
pub fn fill(order: JournalOrder) -> Pin<Box<dyn Future<Output = Result<Filled>> + Send>> {
    Box::pin(async {
        let filling = tokio::task::spawn_blocking(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("failed to make a runtime")?;
            runtime.block_on(run(order))
        });
        filling.await.context("filling the journal was interrupted")?
    })
}

async fn run(order: JournalOrder) -> Result<Filled> {
    let JournalOrder { folder, node, days, facts_per_day, class_a_mib, class_b_mib, class_c_mib, seed, ledger } = order;
    let span = TimeDelta::days(i64::from(days));
    let clock = StoreClock::from(SystemClock::new().now() - span);
    let maker = RecordMaker::new(node.clone(), Arc::clone(&clock) as Arc<dyn Clock>);
    let budget = Budget { class_a: class_a_mib << 20, class_b: class_b_mib << 20, class_c: class_c_mib << 20, ballast: 0, grow: false };
    let journal = Journal::open(Settings { folder, budget, maker: maker.clone() }, seed).await.context("failed to open the journal")?;
    let mut traffic = Traffic::new(node.clone(), Mix::BUSY_STORE, seed, clock.now());
    let total = facts_per_day * u64::from(days) * (1 + u64::from(Mix::BUSY_STORE.plays_per_fact));
    let (started, mut made, mut refused, mut kept_up) = (Instant::now(), 0, 0, TimeDelta::zero());
    while made < total {
        let passed = span_share(span, made, total);
        clock.put(passed);
        let (mut records, mut facts) = (Vec::new(), Vec::new());
        for _ in 0..COMMIT.min(total - made) {
            let (record, fact) = record(&mut traffic, &maker, clock.now())?;
            facts.push((record.stream(), record.id(), fact));
            records.push(record);
        }
        made += u64::try_from(records.len())?;
        match journal.commit(Entry { changes: Vec::new(), records }).await {
            Ok(()) => facts.into_iter().for_each(|(stream, id, fact)| ledger.accepted(&node, stream, id, fact)),
            Err(JournalError::StorageFull) => refused += u64::try_from(facts.len())?,
            Err(error) => return Err(error).context("failed to write to the journal"),
        }
        if passed - kept_up >= UPKEEP {
            journal.upkeep(clock.now()).await.context("failed to keep the journal up")?;
            kept_up = passed;
        }
    }
    let storage = journal.storage(clock.now());
    Ok(Filled {
        records: made,
        refused,
        pending: journal.pending(),
        class_a_share: share(storage.class_a),
        class_c_share: share(storage.class_c),
        took: started.elapsed(),
    })
}

fn record(traffic: &mut Traffic, maker: &RecordMaker, now: DateTime<Utc>) -> Result<(NewRecord, Fact)> {
    let (body, subject, fact) = traffic.happening(now);
    Ok((maker.make(&body, subject, Cause::default()).context("failed to make a record")?, fact))
}

fn span_share(span: TimeDelta, made: u64, total: u64) -> TimeDelta {
    let ms = u64::try_from(span.num_milliseconds()).unwrap_or(0);
    TimeDelta::milliseconds(i64::try_from(u128::from(ms) * u128::from(made) / u128::from(total.max(1))).unwrap_or(i64::MAX))
}

fn share(budget: ClassBudget) -> f64 {
    let [used, whole] =
        [budget.used_bytes, budget.budget_bytes].map(|bytes| f64::from(u32::try_from(bytes.get() >> 10).unwrap_or(u32::MAX)));
    used / whole.max(1.0)
}

#[cfg(test)]
mod tests {
    use aisle_schemas::ids::NodeId;
    use aisle_sim::ledger::Ledger;

    use super::*;

    fn order(folder: &std::path::Path, class_a_mib: u64, facts_per_day: u64) -> JournalOrder {
        JournalOrder {
            folder: folder.to_owned(),
            node: NodeId::parse("acme.s1.n1").unwrap(),
            days: 14,
            facts_per_day,
            class_a_mib,
            class_b_mib: 1,
            class_c_mib: 8,
            seed: 3,
            ledger: Arc::new(Ledger::default()),
        }
    }

    #[tokio::test]
    async fn many_days_fit_and_the_next_process_finds_all_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let filled = fill(order(folder.path(), 2, 20)).await.unwrap();
        assert_eq!((filled.records, filled.refused, filled.pending), (14 * 20 * 18, 0, 14 * 20 * 18));
        assert!(filled.class_a_share > 0.0 && filled.class_c_share > filled.class_a_share);
        let again = fill(order(folder.path(), 2, 1)).await.unwrap();
        assert_eq!(again.pending, filled.pending + 14 * 18, "the journal was free, and kept what was in it");
    }

    #[tokio::test]
    async fn work_beyond_the_budget_is_refused_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let filled = fill(order(folder.path(), 1, 160)).await.unwrap();
        assert!(filled.refused > 0 && filled.class_a_share <= 1.0, "{filled:?}");
    }
}
