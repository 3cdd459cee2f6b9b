//! The clock that applications are given: the system's, or one that a test moves.
//!
//! Owns [`Clock`], [`SystemClock`], [`ManualClock`]. Emits a notice when a manual clock was moved, so that whoever sleeps until an instant can
//! look again. Cannot fail.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;

/// Wall and monotonic time. Pure code never sees it: the shell reads it once and passes `now`.
pub trait Clock: Send + Sync + 'static {
    /// UTC, cut to microseconds, which both databases keep.
    fn now(&self) -> DateTime<Utc>;
    /// Milliseconds since some start; never goes back.
    fn monotonic_ms(&self) -> u64;
    /// Changes whenever the clock was moved by hand; never changes on a system clock.
    fn moved(&self) -> watch::Receiver<u64>;
}

/// Sleeps until `due`, or less: returns early when the clock was moved, and at the latest after `at_most`. Callers look at the clock again.
pub async fn sleep_towards(clock: &dyn Clock, due: DateTime<Utc>, at_most: Duration) {
    let mut moved = clock.moved();
    moved.borrow_and_update();
    let wait = (due - clock.now()).to_std().unwrap_or(Duration::ZERO).min(at_most);
    tokio::select! {
        () = tokio::time::sleep(wait) => {}
        changed = moved.changed() => if changed.is_err() { std::future::pending::<()>().await },
    }
}

/// Time of the machine.
pub struct SystemClock {
    started: Instant,
    never_moved: watch::Sender<u64>,
}

impl SystemClock {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { started: Instant::now(), never_moved: watch::Sender::new(0) })
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is given")]
    fn now(&self) -> DateTime<Utc> {
        cut_to_micros(Utc::now())
    }
    fn monotonic_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
    fn moved(&self) -> watch::Receiver<u64> {
        self.never_moved.subscribe()
    }
}

/// System time plus an offset that only grows by [`ManualClock::advance`]: a test can pass a year in no time, while sockets and disks
/// still see time flow.
pub struct ManualClock {
    system: Arc<SystemClock>,
    /// Offset in milliseconds; its changes are the notice.
    offset_ms: watch::Sender<u64>,
}

impl ManualClock {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { system: SystemClock::new(), offset_ms: watch::Sender::new(0) })
    }
    /// Moves wall and monotonic time forward together.
    pub fn advance(&self, by: TimeDelta) {
        let by_ms = u64::try_from(by.num_milliseconds()).unwrap_or(0);
        self.offset_ms.send_modify(|offset| *offset += by_ms);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        let offset_ms = i64::try_from(*self.offset_ms.borrow()).unwrap_or(i64::MAX);
        self.system.now() + TimeDelta::milliseconds(offset_ms)
    }
    fn monotonic_ms(&self) -> u64 {
        self.system.monotonic_ms() + *self.offset_ms.borrow()
    }
    fn moved(&self) -> watch::Receiver<u64> {
        self.offset_ms.subscribe()
    }
}

fn cut_to_micros(t: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(t.timestamp_micros()).unwrap_or(t)
}
