//! Timers of customers: when somebody's owner has to look again, because arbitration ends, quiet hours end or a store's context runs out.
//!
//! Owns the earliest instant per customer. What has to be done then is not here but in durable rows, so a lost timer only delays: all are
//! read again at start, when partitions were taken or lost and when the queue overflowed. Only the owner of a customer's partition fires
//! (AS-092), and what is overdue when it takes the partition fires then. Takes instants; emits `Wake` commands, a bounded number at a time.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use aisle_mesh::{
    clock::{Clock, sleep_towards},
    jobs::Jobs,
};
use aisle_schemas::ids::CustomerId;
use aisle_store::{Db, StoreError, customer};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{Notify, mpsc, watch};

use crate::{
    actors::{customer::Customers, messenger::Wake},
    duty::Duty,
};

/// Timers that may wait to be noted.
const QUEUE: usize = 4096;
/// Customers that are woken at the same time.
const WAKING_MAX: usize = 64;
/// Timers read from the database at once.
const READ_MAX: u32 = 50_000;
/// After every timer: the year 9999, which both databases can hold.
const FAR: DateTime<Utc> = DateTime::from_timestamp(253_402_300_799, 0).expect("a year of four digits");
/// Longest sleep: bounds how late a timer is when the wall clock was set.
const SLEEP_MAX: Duration = Duration::from_secs(1);
/// Time between looks at timers that are due, for what other instances have set (AS-092).
const LOOK: Duration = Duration::from_secs(1);
/// Wait before a customer who could not be woken is tried again.
const RETRY: TimeDelta = TimeDelta::seconds(1);

/// Where timers are set.
#[derive(Clone)]
pub struct Timers {
    queue: mpsc::Sender<(CustomerId, DateTime<Utc>)>,
    overflow: Arc<Notify>,
}

/// What the task reads.
pub struct TimerQueue {
    queue: mpsc::Receiver<(CustomerId, DateTime<Utc>)>,
    overflow: Arc<Notify>,
}

impl Timers {
    pub fn channel() -> (Self, TimerQueue) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let overflow = Arc::new(Notify::new());
        (Self { queue: sender, overflow: Arc::clone(&overflow) }, TimerQueue { queue: receiver, overflow })
    }

    /// Wakes the customer's owner at `due`, instead of at what was set before.
    pub fn set(&self, customer: CustomerId, due: DateTime<Utc>) {
        if self.queue.try_send((customer, due)).is_err() {
            self.overflow.notify_one();
        }
    }
}

#[derive(Default)]
struct Due {
    by_time: BTreeSet<(DateTime<Utc>, CustomerId)>,
    by_customer: HashMap<CustomerId, DateTime<Utc>>,
}

impl Due {
    fn set(&mut self, customer: CustomerId, due: DateTime<Utc>) {
        if let Some(before) = self.by_customer.insert(customer, due) {
            self.by_time.remove(&(before, customer));
        }
        self.by_time.insert((due, customer));
    }
    fn clear(&mut self) {
        self.by_time.clear();
        self.by_customer.clear();
    }
    fn next(&self) -> Option<DateTime<Utc>> {
        self.by_time.first().map(|(due, _)| *due)
    }
    fn take(&mut self, now: DateTime<Utc>) -> Option<CustomerId> {
        let (due, customer) = *self.by_time.first().filter(|(due, _)| *due <= now)?;
        self.by_time.remove(&(due, customer));
        self.by_customer.remove(&customer);
        Some(customer)
    }
}

/// Runs until the instance stops.
pub async fn run(
    mut timers: TimerQueue,
    db: Db,
    clock: Arc<dyn Clock>,
    customers: Customers,
    mut duty: Duty,
    mut stopping: watch::Receiver<bool>,
) {
    let mut due = Due::default();
    let mut waking = Jobs::default();
    let mut read_again = true;
    let mut look = tokio::time::interval(LOOK);
    while !*stopping.borrow() {
        if std::mem::take(&mut read_again) {
            match read(&db).await {
                Ok(stored) => {
                    let mine = stored.into_iter().filter(|customer| duty.is_for_customer(*customer));
                    mine.for_each(|customer| due.set(customer, clock.now()));
                }
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "failed to read timers");
                    read_again = true;
                }
            }
        }
        let now = clock.now();
        while waking.len() < WAKING_MAX
            && let Some(customer) = due.take(now)
        {
            let customers = customers.clone();
            waking.push(async move { (customer, customers.ask(customer, Wake, None).await) });
        }
        let next = due.next().filter(|_| waking.len() < WAKING_MAX);
        tokio::select! {
            changed = stopping.changed() => if changed.is_err() { return },
            Some((customer, at)) = timers.queue.recv() => if duty.is_for_customer(customer) {
                due.set(customer, at);
            },
            () = duty.changed() => {
                due.clear();
                read_again = true;
            }
            () = timers.overflow.notified() => read_again = true,
            _ = look.tick(), if db.is_shared() => match read_due(&db, clock.now()).await {
                Ok(found) => {
                    let mine = found.into_iter().filter(|customer| duty.is_for_customer(*customer));
                    mine.for_each(|customer| due.set(customer, clock.now()));
                }
                Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "failed to look for timers"),
            },
            Some((customer, outcome)) = waking.next(), if !waking.is_empty() => {
                if let Err(refusal) = outcome && !due.by_customer.contains_key(&customer) && refusal.is_passing() {
                    due.set(customer, clock.now() + RETRY);
                }
            }
            () = sleep_towards(clock.as_ref(), next.unwrap_or_else(|| now + TimeDelta::seconds(60)), SLEEP_MAX) => {}
        }
    }
}

/// Everybody with something to be done some day, or with an open visit. Each is looked at once and then sets a timer for itself.
async fn read(db: &Db) -> Result<BTreeSet<CustomerId>, StoreError> {
    let mut connection = db.read().await?;
    let waiting = customer::due_candidates(&mut connection, FAR, READ_MAX).await?;
    let visiting = customer::open_visits(&mut connection).await?;
    let waiting = waiting.into_iter().map(|(customer, _)| customer);
    Ok(waiting.chain(visiting.into_iter().map(|(customer, _, _)| customer)).collect())
}

/// Everybody with something due by now.
async fn read_due(db: &Db, now: DateTime<Utc>) -> Result<BTreeSet<CustomerId>, StoreError> {
    let mut connection = db.read().await?;
    let waiting = customer::due_candidates(&mut connection, now, READ_MAX).await?;
    Ok(waiting.into_iter().map(|(customer, _)| customer).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_setting_replaces_the_earlier_and_only_what_is_due_is_taken() {
        let at = |s| DateTime::from_timestamp(s, 0).unwrap();
        let customer = |n| CustomerId::new(n, [0; 10]);
        let mut due = Due::default();
        due.set(customer(1), at(10));
        due.set(customer(2), at(20));
        due.set(customer(1), at(30));
        assert_eq!(due.next(), Some(at(20)));
        assert_eq!(due.take(at(19)), None);
        assert_eq!(due.take(at(40)), Some(customer(2)));
        assert_eq!(due.take(at(40)), Some(customer(1)));
        assert_eq!(due.take(at(40)), None);
    }
}
