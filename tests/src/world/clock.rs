//! The world's clock: starts in the morning of a store, so that quiet hours and closing time are where a test expects them.

use std::sync::Arc;

use aisle_mesh::clock::{Clock, ManualClock};
use chrono::{DateTime, TimeDelta, Timelike, Utc};
use chrono_tz::Europe::Berlin;

/// Local hour at which every world begins.
const MORNING: u32 = 10;

/// A clock that shows the next ten o'clock in the demo's stores, and runs from there.
pub fn morning() -> Arc<ManualClock> {
    let clock = ManualClock::new();
    let wait = until_morning(clock.now());
    clock.advance(wait);
    clock
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
