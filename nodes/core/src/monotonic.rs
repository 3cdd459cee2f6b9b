//! Time that no clock step can move.
//!
//! Owns the newtype for monotonic instants of one run of the node. Takes readings from the shell. Emits differences. On failure: a reading
//! from before the other gives an elapsed time of zero, never a panic.
use std::time::Duration;

use chrono::{DateTime, Utc};

/// Milliseconds since the node's process started; negative for what happened before. Two readings compare only within one run: what must
/// survive a restart is kept as an instant and brought back by [`Monotonic::of_earlier_run`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Monotonic(i64);

impl Monotonic {
    /// The instant `since_start` after the process started.
    #[must_use]
    pub fn at(since_start: Duration) -> Self {
        Self::from_ms(0).plus(since_start)
    }

    /// The instant `ms` milliseconds after the process started.
    #[must_use]
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the process started.
    #[must_use]
    pub const fn as_ms(self) -> i64 {
        self.0
    }

    /// Time from `earlier` to this instant; zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The instant `wait` after this one.
    #[must_use]
    pub fn plus(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)))
    }

    /// What happened at `then` by the wall clock of an earlier run, seen at the start of this one. The time the node was down counts only as
    /// far as the clock at boot is not behind (AS-093).
    #[must_use]
    pub fn of_earlier_run(then: DateTime<Utc>, boot: DateTime<Utc>) -> Self {
        Self(boot.signed_duration_since(then).num_milliseconds().max(0).saturating_neg())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_from_before_gives_no_elapsed_time() {
        assert_eq!(Monotonic::from_ms(5).since(Monotonic::from_ms(9)), Duration::ZERO);
        assert_eq!(Monotonic::from_ms(9).since(Monotonic::from_ms(5)), Duration::from_millis(4));
    }

    #[test]
    fn the_end_of_time_does_not_wrap() {
        assert_eq!(Monotonic::from_ms(i64::MAX).plus(Duration::from_secs(1)), Monotonic::from_ms(i64::MAX));
    }

    #[test]
    fn down_time_counts_unless_the_clock_at_boot_is_behind() {
        let then = DateTime::from_timestamp(1_000, 0).unwrap();
        let earlier = Monotonic::of_earlier_run(then, DateTime::from_timestamp(1_060, 0).unwrap());
        assert_eq!(Monotonic::from_ms(500).since(earlier), Duration::from_millis(60_500));
        let behind = Monotonic::of_earlier_run(then, DateTime::UNIX_EPOCH);
        assert_eq!(Monotonic::from_ms(500).since(behind), Duration::from_millis(500));
    }
}
