//! Time that no clock step can move.
//!
//! Owns the newtype for monotonic instants of a store, and how they go on after a restart. Takes readings from the shell. Emits differences. On
//! failure: a reading from before the other gives an elapsed time of zero, never a panic.
use std::time::Duration;

use chrono::{DateTime, Utc};

/// Milliseconds of the store's own time. It began as the wall time of the first run; since then no step of a clock moves it, and after a
/// restart it goes on by [`Monotonic::resume`], so that readings of different runs compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Monotonic(i64);

impl Monotonic {
    /// The instant `since_start` after the beginning.
    #[must_use]
    pub fn at(since_start: Duration) -> Self {
        Self::from_ms(0).plus(since_start)
    }

    /// The instant `ms` milliseconds after the beginning.
    #[must_use]
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the beginning.
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

    /// Where time goes on after a restart at wall time `boot`. The time the node was down counts only if the clock at boot is not behind the
    /// last saved wall time (AS-093).
    #[must_use]
    pub fn resume(saved: Option<Saved>, boot: DateTime<Utc>) -> Self {
        let Some(Saved { wall, monotonic }) = saved else { return Self(boot.timestamp_millis()) };
        Self(monotonic.0.saturating_add(boot.signed_duration_since(wall).num_milliseconds().max(0)))
    }
}

/// Both clocks at one moment of an earlier run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saved {
    pub wall: DateTime<Utc>,
    pub monotonic: Monotonic,
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
    fn as_093_down_time_counts_only_if_the_clock_at_boot_is_not_behind_the_last_saved_wall_time() {
        let at = |s: i64| DateTime::from_timestamp(s, 0).unwrap();
        let saved = Saved { wall: at(1_000), monotonic: Monotonic::from_ms(7_000) };
        assert_eq!(Monotonic::resume(Some(saved), at(1_060)), Monotonic::from_ms(67_000));
        assert_eq!(Monotonic::resume(Some(saved), at(1_000)), Monotonic::from_ms(7_000));
        assert_eq!(Monotonic::resume(Some(saved), DateTime::UNIX_EPOCH), Monotonic::from_ms(7_000), "a boot in 1970");
        assert_eq!(Monotonic::resume(None, at(1_000)), Monotonic::from_ms(1_000_000), "the first run");
    }
}
