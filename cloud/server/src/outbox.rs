//! Brings what was committed to where it goes on: outbox rows to the owners of their effects, heads of down logs to the nodes' links.
//!
//! Owns the rows that are under way at this instance: those of keys whose partition it owns. Takes rows from the feed, without a look at the
//! database; reads the table at start, after an overflow, when it owns other partitions, and every second for what another instance wrote.
//! Emits commands. Rows of one key go in order, those that wait together in one commit; a row ends in the transaction of its effect. On
//! failure: the row stays and is tried again, ever more slowly, and is never dropped. A row that another instance has ended meanwhile is
//! let go.

use std::{
    collections::{HashMap, HashSet, VecDeque, hash_map::Entry},
    sync::Arc,
    time::Duration,
};

use aisle_mesh::{jobs::Jobs, sync::owner_driver::OwnerLoggedSender};
use aisle_schemas::sync::Stream;
use aisle_store::{Db, LoggedDown, OutboxRow, StoreError, down_log, outbox};
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

/// Rows of one key that are handled together, in one commit where they are a customer's. Bounds how much is done again where one is refused.
const TOGETHER_MAX: usize = 32;

/// Rows by key, oldest first. A key has an entry from its first row on until nothing of it waits or is under way.
#[derive(Default)]
struct Waiting {
    by_key: HashMap<String, VecDeque<OutboxRow>>,
    /// Of all rows here, those under way with them.
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
        match self.by_key.entry(row.message.key()) {
            Entry::Occupied(mut rows) => rows.get_mut().push_back(row),
            Entry::Vacant(vacant) => {
                self.ready.push_back(vacant.key().clone());
                vacant.insert(VecDeque::from([row]));
            }
        }
    }
    /// The first rows of a key that may start: all that wait, so that one commit serves them.
    fn start(&mut self) -> Option<Work> {
        let key = self.ready.pop_front()?;
        let rows = self.by_key.get_mut(&key)?;
        let rows: Vec<_> = rows.drain(..rows.len().min(TOGETHER_MAX)).collect();
        Some(Work { key, rows })
    }
    /// What was started of the key has ended.
    fn end(&mut self, work: &Ended) {
        for place in &work.places {
            self.places.remove(place);
        }
        match self.by_key.get(&work.key).map(VecDeque::is_empty) {
            Some(true) => {
                self.by_key.remove(&work.key);
            }
            Some(false) => self.ready.push_back(work.key.clone()),
            None => {}
        }
    }
}

/// Rows of one key, under way.
struct Work {
    key: String,
    rows: Vec<OutboxRow>,
}

/// What was under way and is no more.
struct Ended {
    key: String,
    places: Vec<i64>,
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
    let mut handling = Jobs::default();
    let mut look = tokio::time::interval(LOOK);
    let mut woken = shared.woken();
    let mut gathering = false;
    let mut telling = Jobs::default();
    let mut tell_again = false;
    while !*stopping.borrow() {
        while handling.len() < KEYS_MAX
            && let Some(work) = waiting.start()
        {
            handling.push(until_done(Arc::clone(&consumers), db.clone(), work));
        }
        let read_again = tokio::select! {
            changed = stopping.changed() => {
                if changed.is_err() { return }
                false
            }
            Committed { outbox, logged, reread } = feed.next() => {
                tell_again |= outbox.iter().any(|row| !duty.is_for(&row.message.key())) || logged.iter().any(|head| !duty.is_for_node(&head.node));
                for LoggedDown { node, stream, head, mark, reserved } in logged {
                    links.logged(&node, stream.stream(), head, reserved.then_some(mark));
                }
                let overflows = !waiting.has_room();
                outbox.into_iter().filter(|row| duty.is_for(&row.message.key())).for_each(|row| waiting.add(row));
                reread && !overflows
            }
            () = duty.changed() => true,
            Some(ended) = handling.next(), if !handling.is_empty() => {
                waiting.end(&ended);
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
        let standing = outbox::places(&mut connection, after, READ_MAX).await?;
        let Some((last, _)) = standing.last() else { break };
        after = *last;
        let is_last = standing.len() < usize::try_from(READ_MAX).unwrap_or(usize::MAX);
        // Most rows came through the feed and wait here already: only what is new to this instance is worth reading.
        let news = standing.into_iter().filter(|(place, key)| !waiting.places.contains(place) && duty.is_for(key));
        let news: Vec<i64> = news.map(|(place, _)| place).collect();
        outbox::at_places(&mut connection, &news).await?.into_iter().for_each(|row| waiting.add(row));
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

/// Handles rows of one key, again and again until their effects stand.
async fn until_done(consumers: Arc<Consumers>, db: Db, work: Work) -> Ended {
    let Work { key, mut rows } = work;
    let places = rows.iter().map(|row| row.place).collect();
    let mut together = rows.len();
    let mut wait = RETRY[0];
    while let Some(first) = rows.first() {
        let topic = first.message.topic();
        match consumers.handle(rows.get(..together).unwrap_or(&rows)).await {
            Ok(()) => {
                rows.drain(..together.min(rows.len()));
            }
            Err(refusal) if refusal.is_passing() => {
                metrics::counter!("aisle_outbox_retries_total", "role" => "cloud", "topic" => topic).increment(1);
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(RETRY[1]);
                drop_ended(&db, &mut rows).await;
            }
            // Which of them it was, one after the other will tell.
            Err(_) if together > 1 => {
                drop_ended(&db, &mut rows).await;
                together = 1;
            }
            Err(refusal) => {
                // Its owner says that it never can have an effect: for instance, the customer is gone.
                tracing::warn!(topic, code = refusal.code(), "an outbox row has no effect");
                match outbox::done(&db, vec![first.place]).await {
                    Ok(_) => {
                        rows.remove(0);
                    }
                    Err(error) => {
                        tracing::warn!(error = &error as &dyn std::error::Error, "failed to end an outbox row");
                        tokio::time::sleep(wait).await;
                    }
                }
            }
        }
    }
    Ended { key, places }
}

/// Lets go of rows that have ended meanwhile: in a part of this work that went well, or because another instance, which owned the key before
/// or owns it now, has brought them to their effect.
async fn drop_ended(db: &Db, rows: &mut Vec<OutboxRow>) {
    let places: Vec<i64> = rows.iter().map(|row| row.place).collect();
    let standing = async { outbox::at_places(&mut db.read().await?, &places).await };
    match standing.await {
        Ok(standing) => *rows = standing,
        Err(error) => tracing::debug!(error = &error as &dyn std::error::Error, "failed to look which rows still stand"),
    }
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
    fn rows_of_one_key_start_in_order_and_a_row_announced_twice_is_one() {
        let mut waiting = Waiting::default();
        for (place, offer) in [(1, 7), (2, 7), (1, 7), (3, 8)] {
            waiting.add(row(place, offer));
        }
        let places = |work: &Work| work.rows.iter().map(|row| row.place).collect::<Vec<_>>();
        let first = waiting.start().unwrap();
        assert_eq!(places(&first), [1, 2], "what waits for one key goes together");
        assert_eq!(places(&waiting.start().unwrap()), [3]);
        waiting.add(row(4, 7));
        waiting.add(row(2, 7));
        assert!(waiting.start().is_none(), "the next row of the first key waits");
        waiting.end(&Ended { places: places(&first), key: first.key });
        let next = waiting.start().unwrap();
        assert_eq!(places(&next), [4]);
        waiting.end(&Ended { places: places(&next), key: next.key });
        waiting.add(row(5, 7));
        assert_eq!(places(&waiting.start().unwrap()), [5], "a key that had ended starts anew");
    }
}
