//! The world's clock: starts in the morning of a store, so that quiet hours and closing time are where a test expects them; and a clock that is
//! off from it.

use std::sync::Arc;

use aisle_mesh::clock::{Clock, ManualClock};
use chrono::{DateTime, TimeDelta, Timelike, Utc};
use chrono_tz::Europe::Berlin;
use tokio::sync::watch;

/// Local hour at which every world begins.
const MORNING: u32 = 10;

/// A clock that shows the next ten o'clock in the demo's stores, and runs from there.
pub fn morning() -> Arc<ManualClock> {
    let clock = ManualClock::new();
    let wait = until_morning(clock.now());
    clock.advance(wait);
    clock
}

/// A clock that is off from another by always the same time, as a box's that was set wrong.
pub struct WrongClock {
    pub right: Arc<dyn Clock>,
    /// Negative where it is behind.
    pub by: TimeDelta,
}

impl Clock for WrongClock {
    fn now(&self) -> DateTime<Utc> {
        self.right.now() + self.by
    }
    fn monotonic_ms(&self) -> u64 {
        self.right.monotonic_ms()
    }
    fn moved(&self) -> watch::Receiver<u64> {
        self.right.moved()
    }
}

/// Time until the next ten o'clock in Berlin.
fn until_morning(now: DateTime<Utc>) -> TimeDelta {
    let local = now.with_timezone(&Berlin);
    let since_midnight = TimeDelta::seconds(i64::from(local.num_seconds_from_midnight()));
    let today = TimeDelta::hours(i64::from(MORNING)) - since_midnight;
    if today >= TimeDelta::zero() { today } else { today + TimeDelta::hours(24) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_world_begins_at_ten_local_time() {
        for hour in 0..24 {
            let now = DateTime::from_timestamp(1_795_511_520 + hour * 3600, 0).unwrap();
            let begins = (now + until_morning(now)).with_timezone(&Berlin);
            assert_eq!((begins.hour(), begins.minute(), begins.second()), (10, 0, 0), "{now}");
        }
    }
}
