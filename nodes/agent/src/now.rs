//! One reading of both clocks.
//!
//! Owns [`Now`]. Takes the injected clock, once per message. Cannot fail.
use aisle_mesh::clock::Clock;
use aisle_node_core::monotonic::Monotonic;
use chrono::{DateTime, Utc};

/// Wall time for records and validity, monotonic time for durations.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    pub wall: DateTime<Utc>,
    pub mono: Monotonic,
}

impl Now {
    /// Reads the clock.
    #[must_use]
    pub fn read(clock: &dyn Clock) -> Self {
        Self { wall: clock.now(), mono: Monotonic::from_ms(i64::try_from(clock.monotonic_ms()).unwrap_or(i64::MAX)) }
    }
}
