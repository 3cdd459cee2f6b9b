//! Brings what was committed to where it goes on: outbox rows to the owners of their effects, heads of down logs to the nodes' links.
//!
//! Owns the rows that are under way at this instance: those of keys whose partition it owns. Takes rows from the feed, without a look at the
//! database; reads the table at start, after an overflow, when it owns other partitions, and every second for what another instance wrote.
//! Emits commands. Rows of one key go one after the other, in order; a row ends in the transaction of its effect. On failure: the row stays
//! and is tried again, ever more slowly, and is never dropped. A row that another instance has ended meanwhile is let go.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use aisle_mesh::sync::owner_driver::OwnerLoggedSender;
use aisle_schemas::sync::Stream;
use aisle_store::{Db, LoggedDown, OutboxRow, StoreError, down_log, outbox};
use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::sync::watch;

use crate::{
    duty::Duty,
    ingest::{Committed, FeedSource},
    routing::Consumers,
    shared::Shared,
};

/// Keys whose rows are being handled at the same time.
const KEYS_MAX: usize = 256;
/// Rows that wait here; beyond it they stay in the table until there is room.
const ROWS_MAX: usize = 8192;
/// Rows read at once.
const READ_MAX: u32 = 1024;
/// Time between looks at the table, for rows that another process wrote.
const LOOK: Duration = Duration::from_secs(1);
/// How long news from other instances gather before a look: one look serves all that arrives meanwhile.
const GATHER: Duration = Duration::from_millis(50);
/// First and longest wait before a row is tried again.
const RETRY: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(30)];

/// Rows by key, oldest first; the first of a key may be under way.
#[derive(Default)]
struct Waiting {
    by_key: HashMap<String, VecDeque<OutboxRow>>,
    places: HashSet<i64>,
    /// Keys that may start.
    ready: VecDeque<String>,
}

impl Waiting {
    fn has_room(&self) -> bool {
        self.places.len() < ROWS_MAX
    }
    fn add(&mut self, row: OutboxRow) {
        if !self.has_room() || !self.places.insert(row.place) {
            return;
        }
        let key = row.message.key();
        let rows = self.by_key.entry(key.clone()).or_default();
        rows.push_back(row);
        if rows.len() == 1 {
            self.ready.push_back(key);
        }
    }
    /// The first row of a key that may start.
    fn start(&mut self) -> Option<(String, OutboxRow)> {
        let key = self.ready.pop_front()?;
        let row = self.by_key.get(&key)?.front()?.clone();
        Some((key, row))
    }
    /// The first row of the key has ended.
    fn end(&mut self, key: &str) {
        let Some(rows) = self.by_key.get_mut(key) else { return };
        if let Some(row) = rows.pop_front() {
            self.places.remove(&row.place);
        }
        if rows.is_empty() {
            self.by_key.remove(key);
        } else {
            self.ready.push_back(key.to_owned());
        }
    }
}

/// Runs until the instance stops.
pub async fn run(
    mut feed: FeedSource,
    links: OwnerLoggedSender,
    db: Db,
    consumers: Consumers,
    mut duty: Duty,
    shared: Arc<dyn Shared>,
    mut stopping: watch::Receiver<bool>,
) {
    let consumers = Arc::new(consumers);
    let mut waiting = Waiting::default();
    let mut handling = FuturesUnordered::new();
    let mut look = tokio::time::interval(LOOK);
    let mut woken = shared.woken();
    let mut gathering = false;
    let mut telling = FuturesUnordered::new();
    let mut tell_again = false;
    while !*stopping.borrow() {
        while handling.len() < KEYS_MAX
            && let Some((key, row)) = waiting.start()
        {
            handling.push(until_done(Arc::clone(&consumers), db.clone(), key, row));
        }
        let read_again = tokio::select! {
            changed = stopping.changed() => {
                if changed.is_err() { return }
                false
            }
            Committed { outbox, logged, reread } = feed.next() => {
                tell_again |= outbox.iter().any(|row| !duty.is_for(&row.message.key())) || logged.iter().any(|head| !duty.is_for_node(&head.node));
                for LoggedDown { node, stream, head, mark } in logged {
                    links.logged(&node, stream.stream(), head, Some(mark));
                }
                let overflows = !waiting.has_room();
                outbox.into_iter().filter(|row| duty.is_for(&row.message.key())).for_each(|row| waiting.add(row));
                reread && !overflows
            }
            () = duty.changed() => true,
            Some(key) = handling.next(), if !handling.is_empty() => {
                waiting.end(&key);
                false
            }
            Some(()) = telling.next(), if !telling.is_empty() => false,
            Ok(()) = woken.changed(), if !gathering => {
                gathering = true;
                look.reset_after(GATHER);
                false
            }
            _ = look.tick() => {
                gathering = false;
                if db.is_shared() && let Err(error) = tell_links(&db, &links).await {
                    tracing::warn!(error = &error as &dyn std::error::Error, "failed to read which nodes have something to come");
                }
                true
            }
        };
        if tell_again && telling.is_empty() {
            tell_again = false;
            telling.push(tell(Arc::clone(&shared)));
        }
        if read_again && let Err(error) = read(&db, &duty, &mut waiting).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "failed to read the outbox");
        }
    }
}

async fn read(db: &Db, duty: &Duty, waiting: &mut Waiting) -> Result<(), StoreError> {
    let mut connection = db.read().await?;
    let mut after = 0;
    while waiting.has_room() {
        let rows = outbox::pending(&mut connection, after, READ_MAX).await?;
        let Some(last) = rows.last() else { break };
        after = last.place;
        let is_last = rows.len() < usize::try_from(READ_MAX).unwrap_or(usize::MAX);
        rows.into_iter().filter(|row| duty.is_for(&row.message.key())).for_each(|row| waiting.add(row));
        if is_last {
            break;
        }
    }
    Ok(())
}

/// Tells the links what is in the logs of their nodes: another instance may have written it.
async fn tell_links(db: &Db, links: &OwnerLoggedSender) -> Result<(), StoreError> {
    for (node, order, desired) in down_log::waiting(&mut db.read().await?).await? {
        links.logged(&node, Stream::Order, order, None);
        links.logged(&node, Stream::Desired, desired, None);
    }
    Ok(())
}

/// Tells the other instances that there is something for them. Where it fails they look by themselves.
async fn tell(shared: Arc<dyn Shared>) {
    if let Err(error) = shared.wake().await {
        tracing::debug!(error = &error as &dyn std::error::Error, "other instances were not woken");
    }
}

/// Handles a row, again and again until its effect stands.
async fn until_done(consumers: Arc<Consumers>, db: Db, key: String, row: OutboxRow) -> String {
    let mut wait = RETRY[0];
    loop {
        match consumers.handle(&row).await {
            Ok(()) => return key,
            Err(refusal) if refusal.is_passing() => {
                metrics::counter!("aisle_outbox_retries_total", "role" => "cloud", "topic" => row.message.topic()).increment(1);
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(RETRY[1]);
                if has_ended(&db, &row).await {
                    return key;
                }
            }
            Err(refusal) => {
                // Its owner says that it never can have an effect: for instance, the customer is gone.
                tracing::warn!(topic = row.message.topic(), code = refusal.code(), "an outbox row has no effect");
                match outbox::done(&db, vec![row.place]).await {
                    Ok(_) => return key,
                    Err(error) => {
                        tracing::warn!(error = &error as &dyn std::error::Error, "failed to end an outbox row");
                        tokio::time::sleep(wait).await;
                    }
                }
            }
        }
    }
}

/// Whether another instance, which owned the key before or owns it now, has brought the row to its effect.
async fn has_ended(db: &Db, row: &OutboxRow) -> bool {
    let stands = async { outbox::stands(&mut db.read().await?, row.place).await };
    matches!(stands.await, Ok(false))
}

#[cfg(test)]
mod tests {
    use aisle_schemas::ids::{OfferId, StoreId};
    use aisle_store::Message;
    use chrono::DateTime;

    use super::*;

    fn row(place: i64, offer: u64) -> OutboxRow {
        let message = Message::OfferWithdrawn { offer: OfferId::new(offer, [0; 10]), stores: vec![StoreId::parse("s1").unwrap()] };
        OutboxRow { place, message, traceparent: None, at: DateTime::UNIX_EPOCH }
    }

    #[test]
    fn rows_of_one_key_start_one_after_the_other_and_a_row_announced_twice_is_one() {
        let mut waiting = Waiting::default();
        for (place, offer) in [(1, 7), (2, 7), (1, 7), (3, 8)] {
            waiting.add(row(place, offer));
        }
        let (first, started) = waiting.start().unwrap();
        assert_eq!(started.place, 1);
        assert_eq!(waiting.start().unwrap().1.place, 3);
        assert!(waiting.start().is_none(), "the second row of the first key waits");
        waiting.end(&first);
        assert_eq!(waiting.start().unwrap().1.place, 2);
    }
}
