//! What to do with a visit event on arrival, by its age and what is known (DOMAIN 8, rows 21 to 24, and *Time*).
//!
//! Owns the clock correction and the limits of lateness. Takes instants; emits [`Arrival`]. Nothing vanishes: what is too old to count is
//! quarantined, which the shell stores and counts.

use chrono::{DateTime, TimeDelta, Utc};

/// Oldest event that may still amend a closed visit.
pub const LATE_MAX: TimeDelta = TimeDelta::hours(72);
/// How far in the future an event may lie before its clock is not believed.
pub const FUTURE_MAX: TimeDelta = TimeDelta::minutes(5);
/// Clock difference that is taken for network delay.
pub const CLOCK_TOLERANCE: TimeDelta = TimeDelta::seconds(2);

/// Whether an event moves points or money, which are posted however late they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    Ledger,
    Other,
}

/// Why an event does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QuarantineReason {
    TooLate,
    FromTheFuture,
}

impl QuarantineReason {
    /// The name in rows and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLate => "too_late",
            Self::FromTheFuture => "from_the_future",
        }
    }
}

/// What becomes of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// Into the fold; a closed visit is amended by it if the projection changes.
    Fold,
    /// Posted to the ledger with a reference to the visit, which does not change.
    LedgerOnly,
    Quarantine(QuarantineReason),
    /// Its id or natural key is known: nothing.
    Known,
}

/// Difference between the cloud's clock and an edge's, measured once per edge and boot when it connects.
pub fn measure_skew(sent_at: DateTime<Utc>, recorded_at: DateTime<Utc>) -> TimeDelta {
    let skew = recorded_at - sent_at;
    if skew.abs() <= CLOCK_TOLERANCE { TimeDelta::zero() } else { skew }
}

/// An instant by the edge's clock, as the cloud would have read it. The same for every attempt to send it (V4).
pub fn corrected(occurred_at: DateTime<Utc>, skew: TimeDelta) -> DateTime<Utc> {
    occurred_at + skew
}

/// Sorts an event on arrival. `corrected_at` against `now` tells the future; age is counted on the edge's own clock alone.
pub fn classify(
    kind: EventKind,
    known: bool,
    occurred_at: DateTime<Utc>,
    sent_at: DateTime<Utc>,
    corrected_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Arrival {
    if known {
        return Arrival::Known;
    }
    if corrected_at > now + FUTURE_MAX {
        return Arrival::Quarantine(QuarantineReason::FromTheFuture);
    }
    if sent_at - occurred_at <= LATE_MAX {
        return Arrival::Fold;
    }
    match kind {
        EventKind::Ledger => Arrival::LedgerOnly,
        EventKind::Other => Arrival::Quarantine(QuarantineReason::TooLate),
    }
}
