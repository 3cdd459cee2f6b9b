//! Choosing one of several messages for one person (clause 10).
//!
//! Owns the order and the length of the wait. Takes candidates that passed clauses 1 to 9 with their utilities; emits one winner and the
//! outbid. Waiting itself is the shell's.

use std::cmp::Ordering;

use chrono::{DateTime, TimeDelta, Utc};

use crate::ids::CandidateId;

/// How long candidates of one person collect at an edge.
pub const WINDOW_EDGE: TimeDelta = TimeDelta::milliseconds(400);
/// How long candidates of one person collect in the cloud.
pub const WINDOW_CLOUD: TimeDelta = TimeDelta::seconds(2);
/// Most candidates that collect for one person; the shell closes the window when it is reached.
pub const CONTENDERS_MAX: usize = 256;

/// A candidate that may interrupt, and what that is worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contender {
    pub candidate: CandidateId,
    pub utility: f64,
}

/// The outcome of one arbitration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arbitration {
    pub winner: CandidateId,
    /// In the order of their utility. They may stand again while valid.
    pub outbid: Vec<CandidateId>,
}

/// Chooses: the highest utility wins, ties go to the lower id. `None` without contenders.
pub fn arbitrate(contenders: &[Contender]) -> Option<Arbitration> {
    let mut ranked = contenders.to_vec();
    ranked.sort_by(better_first);
    let (winner, outbid) = ranked.split_first()?;
    Some(Arbitration { winner: winner.candidate, outbid: outbid.iter().map(|loser| loser.candidate).collect() })
}

/// The order of arbitration: higher utility first, then the lower id.
pub fn better_first(one: &Contender, other: &Contender) -> Ordering {
    other.utility.total_cmp(&one.utility).then_with(|| one.candidate.cmp(&other.candidate))
}

/// When collecting ends that began with the first candidate: after `window`, or at the earliest deadline among those collected.
pub fn collect_until(first_at: DateTime<Utc>, window: TimeDelta, deadlines: impl IntoIterator<Item = DateTime<Utc>>) -> DateTime<Utc> {
    deadlines.into_iter().fold(first_at + window, DateTime::min)
}
