//! Whether a check-in opens a visit, joins one, or is refused (DOMAIN 8, rows 3, 4, 7, 8, 9).
//!
//! Owns the decision. Takes the presented door code, the person's open visit and the instant; emits an opening, a duplicate or a refusal
//! with its reason. The caller commits the use of the code together with the decision, so that a code opens one visit.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Visit, VisitState, arrival::CLOCK_TOLERANCE};
use crate::ids::{StoreId, VisitId};

/// Age at which a door code no longer opens.
pub const CODE_LIFE: TimeDelta = TimeDelta::seconds(60);

/// A code as it was presented, its signature verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoorCode {
    /// The store whose door showed it.
    pub store: StoreId,
    pub issued_at: DateTime<Utc>,
    /// Whether a visit was opened with it before.
    pub used: bool,
}

/// What matters of the person's open visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenVisitSummary {
    pub visit: VisitId,
    pub store: StoreId,
    pub checked_out: bool,
}

impl OpenVisitSummary {
    /// Of a visit, if it is open.
    pub fn of(visit: &Visit) -> Option<Self> {
        let checked_out = match visit.state {
            VisitState::CheckedOut { .. } => true,
            VisitState::CheckedIn | VisitState::Active { .. } | VisitState::Idle { .. } | VisitState::CheckingOut { .. } => false,
            VisitState::Closed { .. } => return None,
        };
        Some(Self { visit: visit.id, store: visit.store.clone(), checked_out })
    }
}

/// How the previous visit ends when a new one begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handover {
    pub prev_visit: VisitId,
}

/// What a valid code does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckInDecision {
    /// A new visit; with a handover the previous one ends by it.
    Open { handover: Option<Handover> },
    /// The person is here already: attach the device, keep the token.
    Duplicate { visit: VisitId },
}

/// Why a code does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum CheckInRefused {
    #[error("expired")]
    Expired,
    #[error("replayed")]
    Replayed,
    #[error("wrong_store")]
    WrongStore,
}

/// Decides a check-in at `store`.
pub fn decide_check_in(
    code: &DoorCode,
    store: &StoreId,
    open: Option<&OpenVisitSummary>,
    now: DateTime<Utc>,
) -> Result<CheckInDecision, CheckInRefused> {
    let age = now - code.issued_at;
    // A code from further ahead than clocks differ was not issued by the door.
    if age > CODE_LIFE || age < -CLOCK_TOLERANCE {
        return Err(CheckInRefused::Expired);
    }
    if code.used {
        return Err(CheckInRefused::Replayed);
    }
    if code.store != *store {
        return Err(CheckInRefused::WrongStore);
    }
    Ok(match open {
        None => CheckInDecision::Open { handover: None },
        Some(open) if open.store == *store && !open.checked_out => CheckInDecision::Duplicate { visit: open.visit },
        Some(open) => CheckInDecision::Open { handover: Some(Handover { prev_visit: open.visit }) },
    })
}
