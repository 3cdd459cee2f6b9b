//! Shared state of a single instance, in memory.
//!
//! Owns rings of recent events, the present set, rate limits and code hints; all bounded. Cannot fail.

use std::{
    collections::{HashMap, VecDeque},
    ops::Add,
    sync::{Arc, Mutex},
};

use aisle_schemas::ids::{StoreId, VisitId};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use governor::{
    Quota, RateLimiter,
    clock::{Clock as GovernorClock, Reference},
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::keyed::DefaultKeyedStateStore,
};
use moka::sync::Cache;
use tokio::sync::watch;

use super::{
    Channel, Cursor, Live, LiveEvent, NONCE_LIFE, RING_EVENTS, RING_LIFE, RINGS_MAX, RateRule, Replay, Shared, SharedError, Subscription,
    TooMany, hub::Hub,
};

/// Keys a rate limit remembers before it forgets those that are at rest.
const RATE_KEYS_SWEEP: usize = 10_000;
/// Used codes remembered.
const NONCES_MAX: u64 = 100_000;

/// Recent events of one channel.
struct Ring {
    /// Newest place given out or forgotten: what came before it is not all here.
    floor: Cursor,
    head: Cursor,
    events: VecDeque<LiveEvent>,
}

impl Ring {
    fn new(now: DateTime<Utc>) -> Self {
        let start = Cursor { ms: 0, n: 0 }.after(now);
        Self { floor: start, head: start, events: VecDeque::new() }
    }
    fn push(&mut self, event: Live, now: DateTime<Utc>) -> LiveEvent {
        let Live { kind, store, data } = event;
        self.head = self.head.after(now);
        let event = LiveEvent { cursor: self.head, kind: kind.into(), store, data: data.into() };
        self.events.push_back(event.clone());
        if self.events.len() > RING_EVENTS
            && let Some(oldest) = self.events.pop_front()
        {
            self.floor = oldest.cursor;
        }
        event
    }
    fn replay(&self, last: Option<Cursor>) -> Replay {
        match last {
            None => Replay::Fresh,
            Some(last) if last < self.floor || last > self.head => Replay::TooOld,
            Some(last) => Replay::Newer(self.events.iter().filter(|event| event.cursor > last).cloned().collect()),
        }
    }
}

/// Instant of the injected clock, for the rate limiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct RateInstant(u64);

impl Add<Nanos> for RateInstant {
    type Output = Self;
    fn add(self, other: Nanos) -> Self {
        Self(self.0.saturating_add(other.as_u64()))
    }
}
impl Reference for RateInstant {
    fn duration_since(&self, earlier: Self) -> Nanos {
        self.0.saturating_sub(earlier.0).into()
    }
    fn saturating_sub(&self, duration: Nanos) -> Self {
        Self(self.0.saturating_sub(duration.as_u64()))
    }
}

/// The limiter asks for the time without an argument, so the caller's `now` waits here.
#[derive(Clone, Default)]
struct RateClock(Arc<std::sync::atomic::AtomicU64>);

impl GovernorClock for RateClock {
    type Instant = RateInstant;
    fn now(&self) -> RateInstant {
        RateInstant(self.0.load(std::sync::atomic::Ordering::Acquire))
    }
}

type Limiter = RateLimiter<String, DefaultKeyedStateStore<String>, RateClock, NoOpMiddleware<RateInstant>>;

/// See the module.
pub struct MemoryShared {
    hub: Hub,
    rings: Cache<String, Arc<Mutex<Ring>>>,
    present: Mutex<HashMap<StoreId, HashMap<VisitId, DateTime<Utc>>>>,
    clock: RateClock,
    limiters: Mutex<HashMap<RateRule, Arc<Limiter>>>,
    nonces: Cache<String, ()>,
    /// Of other instances, of which there are none.
    woken: watch::Sender<()>,
}

impl MemoryShared {
    pub fn new() -> Self {
        Self {
            hub: Hub::default(),
            rings: Cache::builder().max_capacity(RINGS_MAX).time_to_idle(RING_LIFE).build(),
            present: Mutex::default(),
            clock: RateClock::default(),
            limiters: Mutex::default(),
            nonces: Cache::builder().max_capacity(NONCES_MAX).time_to_live(NONCE_LIFE).build(),
            woken: watch::Sender::new(()),
        }
    }

    fn ring(&self, channel: &str, now: DateTime<Utc>) -> Arc<Mutex<Ring>> {
        self.rings.get_with_by_ref(channel, || Arc::new(Mutex::new(Ring::new(now))))
    }

    fn limiter(&self, rule: RateRule) -> Arc<Limiter> {
        let mut limiters = self.limiters.lock().expect("no holder panics");
        let limiter = limiters.entry(rule).or_insert_with(|| {
            let each = rule.period / rule.burst.max(1);
            let burst = std::num::NonZeroU32::new(rule.burst).unwrap_or(std::num::NonZeroU32::MIN);
            let quota = Quota::with_period(each).expect("a rule's period is longer than its burst in ns").allow_burst(burst);
            Arc::new(RateLimiter::new(quota, DefaultKeyedStateStore::default(), self.clock.clone()))
        });
        if limiter.len() > RATE_KEYS_SWEEP {
            limiter.retain_recent();
        }
        Arc::clone(limiter)
    }
}

impl Default for MemoryShared {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Shared for MemoryShared {
    async fn publish(&self, channel: &Channel, event: Live, now: DateTime<Utc>) -> Result<(), SharedError> {
        let name = channel.to_string();
        let ring = self.ring(&name, now);
        // The ring stays locked while readers are served, so that they see events in the ring's order.
        let mut ring = ring.lock().expect("no holder panics");
        let event = ring.push(event, now);
        self.hub.send(&name, &event);
        Ok(())
    }

    async fn subscribe(&self, channel: &Channel, last: Option<Cursor>, now: DateTime<Utc>) -> Result<Subscription, SharedError> {
        let name = channel.to_string();
        let ring = self.ring(&name, now);
        let ring = ring.lock().expect("no holder panics");
        let events = self.hub.subscribe(&name)?;
        Ok(Subscription { replay: ring.replay(last), head: ring.head, events })
    }

    async fn present(&self, store: &StoreId, visit: VisitId, until: DateTime<Utc>) -> Result<(), SharedError> {
        self.present.lock().expect("no holder panics").entry(store.clone()).or_default().insert(visit, until);
        Ok(())
    }

    async fn absent(&self, store: &StoreId, visit: VisitId) -> Result<(), SharedError> {
        if let Some(visits) = self.present.lock().expect("no holder panics").get_mut(store) {
            visits.remove(&visit);
        }
        Ok(())
    }

    async fn count_present(&self, store: &StoreId, now: DateTime<Utc>) -> Result<u32, SharedError> {
        let mut present = self.present.lock().expect("no holder panics");
        let Some(visits) = present.get_mut(store) else { return Ok(0) };
        visits.retain(|_, until| *until > now);
        Ok(u32::try_from(visits.len()).unwrap_or(u32::MAX))
    }

    async fn admit(&self, rule: RateRule, key: &str, now: DateTime<Utc>) -> Result<Result<(), TooMany>, SharedError> {
        let now_ns = u64::try_from(now.timestamp_micros()).unwrap_or(0).saturating_mul(1000);
        self.clock.0.fetch_max(now_ns, std::sync::atomic::Ordering::AcqRel);
        let limiter = self.limiter(rule);
        Ok(limiter.check_key(&key.to_owned()).map_err(|not_until| {
            let wait = not_until.wait_time_from(self.clock.now());
            TooMany { retry_after: wait }
        }))
    }

    async fn nonce_used(&self, key: &str) -> Result<(), SharedError> {
        self.nonces.insert(key.to_owned(), ());
        Ok(())
    }

    async fn is_nonce_used(&self, key: &str) -> Result<bool, SharedError> {
        Ok(self.nonces.contains_key(key))
    }

    async fn wake(&self) -> Result<(), SharedError> {
        Ok(())
    }

    fn woken(&self) -> watch::Receiver<()> {
        self.woken.subscribe()
    }

    async fn ping(&self) -> Result<(), SharedError> {
        Ok(())
    }
}
