//! Order of events inside a visit when wall clocks jump.
//!
//! Owns the rule of the hybrid logical clock. Takes the last stamp given and the wall time. Emits the next stamp, always greater. On failure:
//! a wall clock that was set back is ignored until it has caught up; the counter orders what happens meanwhile.
use aisle_schemas::visit::Hlc;
use chrono::{DateTime, Utc};

/// The stamp after `last` at wall time `now`.
#[must_use]
pub fn next(last: Hlc, now: DateTime<Utc>) -> Hlc {
    let now_ms = u64::try_from(now.timestamp_millis()).unwrap_or(0);
    if now_ms > last.physical_ms {
        return Hlc { physical_ms: now_ms, counter: 0 };
    }
    match last.counter.checked_add(1) {
        Some(counter) => Hlc { physical_ms: last.physical_ms, counter },
        None => Hlc { physical_ms: last.physical_ms.saturating_add(1), counter: 0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stamp_is_greater_than_the_last_whatever_the_wall_clock_does() {
        let mut last = Hlc { physical_ms: 5_000, counter: u32::MAX };
        for ms in [5_000, 4_000, 4_000, 6_000, 0, -1, 6_001] {
            let stamp = next(last, DateTime::from_timestamp_millis(ms).unwrap());
            assert!(stamp > last, "{stamp:?} after {last:?}");
            last = stamp;
        }
        assert_eq!(last, Hlc { physical_ms: 6_001, counter: 0 });
    }
}
