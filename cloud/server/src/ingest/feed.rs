//! What was committed, told to those who act on it: nobody polls.
//!
//! Owns [`Feed`] and [`FeedSource`]. Takes outbox rows and heads of down logs after their commit; emits them to the one reader, merged where
//! it is slower than the writers. On overflow the reader is told to read the outbox again from its start: the rows stand in the database,
//! so nothing is lost. Heads merge per node and stream and never overflow.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use aisle_schemas::ids::NodeId;
use aisle_store::{DownStream, LoggedDown, OutboxRow};
use tokio::sync::Notify;

/// Rows that wait for the reader: at a few hundred bytes each about a megabyte.
pub const FEED_ROWS_MAX: usize = 4_096;

/// Part of what was committed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Committed {
    pub outbox: Vec<OutboxRow>,
    /// For the owner of each node's link.
    pub logged: Vec<LoggedDown>,
    /// Rows were left out: read the outbox from 0.
    pub reread: bool,
}

#[derive(Default)]
struct Waiting {
    rows: Vec<OutboxRow>,
    logged: BTreeMap<(NodeId, DownStream), LoggedDown>,
    reread: bool,
}

struct Shared {
    waiting: Mutex<Waiting>,
    changed: Notify,
}

/// The writing end; every owner of commits holds a clone.
#[derive(Clone)]
pub struct Feed(Arc<Shared>);

/// The reading end.
pub struct FeedSource(Arc<Shared>);

impl Feed {
    /// A feed whose first reading says `reread`: what a process that ended before has left in the outbox comes first.
    pub fn new() -> (Self, FeedSource) {
        let waiting = Mutex::new(Waiting { reread: true, ..Waiting::default() });
        let shared = Arc::new(Shared { waiting, changed: Notify::new() });
        shared.changed.notify_one();
        (Self(Arc::clone(&shared)), FeedSource(shared))
    }

    /// Tells the reader. Never waits.
    pub fn push(&self, committed: Committed) {
        let Committed { outbox, logged, reread } = committed;
        if outbox.is_empty() && logged.is_empty() && !reread {
            return;
        }
        {
            let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.reread |= reread;
            if waiting.rows.len() + outbox.len() > FEED_ROWS_MAX {
                waiting.reread = true;
            } else {
                waiting.rows.extend(outbox);
            }
            for head in logged {
                let newest = waiting.logged.entry((head.node.clone(), head.stream)).or_insert_with(|| head.clone());
                // A new epoch numbers from 1 again, so the newest mark decides, not the highest head. Without a session the mark stands.
                if (newest.mark, newest.head) <= (head.mark, head.head) {
                    *newest = head;
                }
            }
        }
        self.0.changed.notify_one();
    }
}

impl FeedSource {
    /// Waits until something was committed, and takes all of it. Safe to cancel.
    pub async fn next(&mut self) -> Committed {
        loop {
            {
                let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                let Waiting { rows, logged, reread } = std::mem::take(&mut *waiting);
                if !rows.is_empty() || !logged.is_empty() || reread {
                    return Committed { outbox: rows, logged: logged.into_values().collect(), reread };
                }
            }
            self.0.changed.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use aisle_schemas::{
        ids::StoreId,
        sync::{Mark, Seq},
    };
    use aisle_store::Message;
    use chrono::DateTime;

    use super::*;

    fn row(place: i64) -> OutboxRow {
        let store = StoreId::parse("s1").unwrap();
        let message = Message::CheckInRefused { store, reason: "expired".to_owned() };
        OutboxRow { place, message, traceparent: None, at: DateTime::UNIX_EPOCH }
    }

    fn head(seq: u64, mark: u64) -> LoggedDown {
        let node = NodeId::parse("t.s1.n1").unwrap();
        LoggedDown { node, stream: DownStream::Order, head: Seq::new(seq), mark: Mark::new(mark), reserved: true }
    }

    #[tokio::test]
    async fn the_first_reading_asks_for_what_an_earlier_process_left() {
        let (_feed, mut source) = Feed::new();
        assert_eq!(source.next().await, Committed { reread: true, ..Committed::default() });
    }

    #[tokio::test]
    async fn a_slow_reader_gets_heads_merged_and_all_rows_in_order() {
        let (feed, mut source) = Feed::new();
        source.next().await;
        feed.push(Committed { outbox: vec![row(1)], logged: vec![head(5, 7)], reread: false });
        feed.push(Committed { outbox: vec![row(2)], logged: vec![head(1, 8)], reread: false });
        let taken = source.next().await;
        assert_eq!(taken.outbox.iter().map(|row| row.place).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(taken.logged, [head(1, 8)]);
        assert!(!taken.reread);
    }

    #[tokio::test]
    async fn an_overflow_keeps_the_bound_and_asks_for_a_reading() {
        let (feed, mut source) = Feed::new();
        source.next().await;
        for place in 0..FEED_ROWS_MAX as i64 + 10 {
            feed.push(Committed { outbox: vec![row(place)], ..Committed::default() });
        }
        let taken = source.next().await;
        assert_eq!(taken.outbox.len(), FEED_ROWS_MAX);
        assert!(taken.reread);
    }
}
