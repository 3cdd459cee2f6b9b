//! How long things took and how often they happened.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

/// Longest time told apart; slower ones count as this.
const LONGEST_US: u64 = 60_000_000;
/// Digits that are exact.
const DIGITS: u8 = 3;

/// A distribution of durations.
pub struct Latency(Mutex<Histogram<u64>>);

impl Default for Latency {
    fn default() -> Self {
        Self(Mutex::new(Histogram::new_with_max(LONGEST_US, DIGITS).expect("bounds and digits are literals")))
    }
}

impl Latency {
    pub fn record(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(LONGEST_US);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).saturating_record(us);
    }

    /// Forgets everything: another part of a run begins.
    pub fn reset(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).reset();
    }

    /// Milliseconds below which this share of all durations lies; `None` before the first.
    pub fn quantile_ms(&self, share: f64) -> Option<f64> {
        let histogram = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Under 2^53 µs, so the division is exact enough.
        (!histogram.is_empty()).then(|| f64::from(u32::try_from(histogram.value_at_quantile(share)).unwrap_or(u32::MAX)) / 1000.0)
    }

    pub fn count(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// What a run measures.
#[derive(Default)]
pub struct Measures {
    /// Check-in sent → first card on the own stream.
    pub offer: Latency,
    /// Touch reported → answer shown on the display.
    pub tap: Latency,
    pub cards: AtomicU64,
    /// Visits to which no card came in time.
    pub visits_without_card: AtomicU64,
    /// Calls that were refused.
    pub refusals: AtomicU64,
}

impl Measures {
    pub fn refused(&self) {
        self.refusals.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_in_milliseconds_and_absent_without_data() {
        let latency = Latency::default();
        assert_eq!(latency.quantile_ms(0.5), None);
        for ms in [1, 2, 3] {
            latency.record(Duration::from_millis(ms));
        }
        assert!(latency.quantile_ms(0.5).is_some_and(|ms| (ms - 2.0).abs() < 0.01));
    }
}
