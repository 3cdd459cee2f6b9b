//! One handshake from its offer to its end.
//!
//! Owns [`Consultation`] and every time limit of it. Takes claims, leases, reads and the passing of time. Emits the next state, consumed from
//! the one before, and an answer. On failure: a [`Refusal`]. Limits count on monotonic time, so that a clock step neither ends a consultation
//! early nor lets it run on; wall time decides only what is signed or shown with it: codes and leases.
use std::time::Duration;

use aisle_schemas::handshake::{CodeSecret, HandshakeId, Lease, Sas, Scope, commitment, period, transcript};
use aisle_schemas::ids::{DeviceId, EventId, VisitId};
use chrono::{DateTime, TimeDelta, Utc};

use crate::monotonic::Monotonic;

/// An offer that nobody claims lapses.
pub const OFFER_LIFE: Duration = Duration::from_secs(5 * 60);
/// How long the customer may leave the question unanswered; each action of theirs begins it anew.
pub const CLAIM_IDLE: Duration = Duration::from_secs(60);
/// How long they may take in all (EN 301 549: time limits that can be extended).
pub const CLAIM_LIFE: Duration = Duration::from_secs(5 * 60);
/// Without a renewal for this long nothing is read: a revocation during a cut line bites by then.
pub const SUSPEND_AFTER: Duration = Duration::from_secs(120);
/// A tablet that is gone for longer has lost its consultation.
pub const TABLET_GONE: Duration = Duration::from_secs(30);
/// A tablet that does not confirm within this time that nothing is left on it is flagged.
pub const PURGE_CONFIRM: Duration = Duration::from_secs(5);
/// Longest time that a customer can grant.
pub const GRANT_LIFE: Duration = Duration::from_secs(30 * 60);
/// Wrong codes per offer, and per visit.
pub const WRONG_CODES_MAX: u8 = 5;
/// How far the clocks of cloud and store may differ.
pub const SKEW: TimeDelta = TimeDelta::seconds(5);
/// Grants of one handshake that are remembered against replay: the first, and each time that the customer answers a request for more.
const GRANTS_MAX: usize = 16;

/// Both clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    pub wall: DateTime<Utc>,
    pub mono: Monotonic,
}

/// What a tablet offers.
#[derive(Debug, Clone)]
pub struct Offer {
    pub id: HandshakeId,
    /// Staff number.
    pub staff: String,
    pub device: DeviceId,
    /// SHA-256 of what the tablet proves itself with, lower-case hex.
    pub device_sha256: String,
    /// What the member of staff would like to see; the customer is free to tick less or more.
    pub wanted: Vec<Scope>,
    pub secret: CodeSecret,
    /// Revealed with the first claim.
    pub nonce: [u8; 32],
    pub at: Moment,
}

/// Where the claimant is, as the store's own visits say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// An open visit in this store.
    Here(VisitId),
    /// An open visit in another store.
    Elsewhere,
    /// No open visit.
    NoVisit,
}

/// A phone claims the offer.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    pub code: &'a str,
    pub standing: Standing,
    /// Drawn by the phone after it saw the commitment.
    pub nonce: [u8; 32],
}

/// The claim that was first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claimed {
    pub visit: VisitId,
    /// Of the phone.
    pub nonce_customer: [u8; 32],
    /// Of the tablet, revealed now.
    pub nonce_tablet: [u8; 32],
    /// What both devices show.
    pub sas: Sas,
}

/// Why an active consultation was ended by neither time nor the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    Staff,
    SignedOut,
    CheckedOut,
    TabletLost,
    /// The cloud renews no more.
    LeaseLost,
}

/// How a handshake ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nobody claimed it.
    Lapsed,
    Denied,
    /// Claimed, and never answered.
    Abandoned,
    /// The granted time was over.
    Expired,
    /// By the customer.
    Revoked,
    Ended(EndReason),
}

/// What staff are told of an end: a customer who said no is not pointed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShownEnd {
    NothingShared,
    Over,
}

impl Outcome {
    /// The same message for every no.
    #[must_use]
    pub const fn shown(self) -> ShownEnd {
        match self {
            Self::Lapsed | Self::Denied | Self::Abandoned => ShownEnd::NothingShared,
            Self::Expired | Self::Revoked | Self::Ended(_) => ShownEnd::Over,
        }
    }

    /// As on the wire and in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lapsed => "lapsed",
            Self::Denied => "denied",
            Self::Abandoned => "abandoned",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Ended(_) => "ended",
        }
    }
}

/// Why an event had no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the code is no longer shown")]
    CodeExpired,
    #[error("the offer was claimed already")]
    CodeUsed,
    #[error("the visit is in another store")]
    NotInStore,
    #[error("there is no open visit")]
    NoSession,
    #[error("too many wrong codes")]
    TooManyTries,
    #[error("this grant was used before")]
    Replay,
    #[error("the consultation is another's")]
    NotParty,
    #[error("the customer did not share this")]
    InsufficientScope,
    #[error("the consultation waits for the cloud")]
    Suspended,
    #[error("the consultation is not at this step")]
    NotOpen,
    #[error("the lease does not fit this consultation")]
    WrongLease,
}

impl Refusal {
    /// Stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::CodeExpired => "code_expired",
            Self::CodeUsed => "code_used",
            Self::NotInStore => "not_in_store",
            Self::NoSession => "no_session",
            Self::TooManyTries => "too_many_tries",
            Self::Replay => "replay",
            Self::NotParty => "not_party",
            Self::InsufficientScope => "insufficient_scope",
            Self::Suspended => "suspended",
            Self::NotOpen => "not_open",
            Self::WrongLease => "wrong_lease",
        }
    }
}

/// Where a handshake stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    Offered {
        wrong_codes: u8,
    },
    Claimed {
        claimed: Claimed,
        at: Monotonic,
        /// Last action of the customer.
        touched_at: Monotonic,
    },
    Active {
        claimed: Claimed,
        lease: Box<Lease>,
        /// End of the granted time.
        until: Monotonic,
        renewed_at: Monotonic,
        /// More that staff asked for and the customer has not answered.
        asked: Vec<Scope>,
    },
    Over {
        outcome: Outcome,
        at: Monotonic,
    },
}

/// One handshake.
#[derive(Debug, Clone)]
pub struct Consultation {
    offer: Offer,
    phase: Phase,
    /// Since when the tablet is away.
    tablet_gone_at: Option<Monotonic>,
    /// Something of it was handed to the tablet, which has not said since then that it is gone.
    on_tablet: bool,
    grants: Vec<EventId>,
}

impl Consultation {
    /// An offer as it is made.
    #[must_use]
    pub fn new(offer: Offer) -> Self {
        Self { offer, phase: Phase::Offered { wrong_codes: 0 }, tablet_gone_at: None, on_tablet: false, grants: Vec::new() }
    }

    #[must_use]
    pub fn offer(&self) -> &Offer {
        &self.offer
    }

    #[must_use]
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// What the cloud is told before any claim.
    #[must_use]
    pub fn commitment(&self) -> [u8; 32] {
        commitment(&self.offer.nonce)
    }

    /// The code to be shown now, while there is one.
    #[must_use]
    pub fn code(&self, now: Moment) -> Option<String> {
        match self.phase {
            Phase::Offered { .. } => Some(self.offer.secret.code(period(now.wall))),
            Phase::Claimed { .. } | Phase::Active { .. } | Phase::Over { .. } => None,
        }
    }

    /// The visit of the customer, once claimed and until over.
    #[must_use]
    pub fn visit(&self) -> Option<VisitId> {
        match &self.phase {
            Phase::Claimed { claimed, .. } | Phase::Active { claimed, .. } => Some(claimed.visit),
            Phase::Offered { .. } | Phase::Over { .. } => None,
        }
    }

    /// Whether a customer has it in their hand and was not heard to grant anything yet.
    #[must_use]
    pub fn is_claimed(&self) -> bool {
        matches!(self.phase, Phase::Claimed { .. })
    }

    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over { .. })
    }

    /// Whether reads wait until the cloud has renewed the lease.
    #[must_use]
    pub fn is_suspended(&self, now: Moment) -> bool {
        match &self.phase {
            Phase::Active { renewed_at, .. } => now.mono.since(*renewed_at) >= SUSPEND_AFTER,
            Phase::Offered { .. } | Phase::Claimed { .. } | Phase::Over { .. } => false,
        }
    }

    /// A claim. The first good one burns the code; the same one again, because its answer was lost, is answered alike.
    pub fn claim(mut self, claim: Claim<'_>, now: Moment) -> (Self, Result<Claimed, Refusal>) {
        let wrong_codes = match &self.phase {
            Phase::Offered { wrong_codes } => *wrong_codes,
            Phase::Claimed { claimed, .. } => {
                let same = claim.standing == Standing::Here(claimed.visit) && claim.nonce == claimed.nonce_customer;
                let answer = if same { Ok(*claimed) } else { Err(Refusal::CodeUsed) };
                return (self, answer);
            }
            Phase::Active { .. } => return (self, Err(Refusal::CodeUsed)),
            Phase::Over { outcome: Outcome::Lapsed, .. } => return (self, Err(Refusal::CodeExpired)),
            Phase::Over { .. } => return (self, Err(Refusal::CodeUsed)),
        };
        let visit = match claim.standing {
            Standing::Here(visit) => visit,
            Standing::Elsewhere => return (self, Err(Refusal::NotInStore)),
            Standing::NoVisit => return (self, Err(Refusal::NoSession)),
        };
        if wrong_codes >= WRONG_CODES_MAX {
            return (self, Err(Refusal::TooManyTries));
        }
        let newest = period(now.wall);
        if [newest, newest.saturating_sub(1)].into_iter().any(|period| self.offer.secret.is_code(claim.code, period)) {
            let transcript = transcript(&self.offer.id.to_string(), &self.commitment(), &claim.nonce, &self.offer.nonce);
            let claimed = Claimed { visit, nonce_customer: claim.nonce, nonce_tablet: self.offer.nonce, sas: Sas::of(&transcript) };
            self.phase = Phase::Claimed { claimed, at: now.mono, touched_at: now.mono };
            return (self, Ok(claimed));
        }
        // A code that this tablet did show a moment ago is slow, not wrong.
        let shown_before = (period(self.offer.at.wall)..newest).any(|period| self.offer.secret.is_code(claim.code, period));
        if !shown_before {
            self.phase = Phase::Offered { wrong_codes: wrong_codes + 1 };
        }
        (self, Err(Refusal::CodeExpired))
    }

    /// The customer did something on the page that asks.
    #[must_use]
    pub fn attend(mut self, now: Moment) -> Self {
        if let Phase::Claimed { touched_at, .. } = &mut self.phase {
            *touched_at = now.mono;
        }
        self
    }

    /// The customer grants: the first time, or more than before. `lease` is verified as the cloud's.
    pub fn grant(mut self, lease: Lease, now: Moment) -> (Self, Result<(), Refusal>) {
        if self.grants.contains(&lease.grant) {
            return (self, Err(Refusal::Replay));
        }
        let claimed = match &self.phase {
            Phase::Claimed { claimed, .. } | Phase::Active { claimed, .. } => *claimed,
            Phase::Offered { .. } | Phase::Over { .. } => return (self, Err(Refusal::NotOpen)),
        };
        let Some(left) = self.left_of(&lease, now).filter(|_| self.grants.len() < GRANTS_MAX) else {
            return (self, Err(Refusal::WrongLease));
        };
        self.grants.push(lease.grant);
        self.phase = Phase::Active { claimed, lease: Box::new(lease), until: now.mono.plus(left), renewed_at: now.mono, asked: Vec::new() };
        (self, Ok(()))
    }

    /// The cloud renews: the same grant with a higher number. It may shorten, never lengthen.
    pub fn renew(mut self, renewed: Lease, now: Moment) -> (Self, Result<(), Refusal>) {
        let left = self.left_of(&renewed, now);
        let answer = match &mut self.phase {
            Phase::Active { lease, until, renewed_at, .. } => match left {
                Some(left) if renewed.grant == lease.grant && renewed.seq > lease.seq && renewed.scopes == lease.scopes => {
                    *until = (*until).min(now.mono.plus(left));
                    *renewed_at = now.mono;
                    **lease = renewed;
                    Ok(())
                }
                Some(_) | None => Err(Refusal::WrongLease),
            },
            Phase::Offered { .. } | Phase::Claimed { .. } | Phase::Over { .. } => Err(Refusal::NotOpen),
        };
        (self, answer)
    }

    /// What is left of a lease, if it is for this handshake, its member of staff and its tablet, and is in force.
    fn left_of(&self, lease: &Lease, now: Moment) -> Option<Duration> {
        let Offer { id, staff, device, device_sha256, wanted: _, secret: _, nonce: _, at: _ } = &self.offer;
        let parties = lease.handshake == *id
            && lease.staff == *staff
            && lease.device == *device
            && lease.device_sha256 == *device_sha256
            && lease.issued_at <= now.wall + SKEW;
        let left = (lease.expires_at - now.wall).to_std().ok()?;
        (parties && left <= GRANT_LIFE + SKEW.to_std().ok()? && !left.is_zero()).then_some(left.min(GRANT_LIFE))
    }

    /// Staff ask for more; the grant stays as it is until the customer answers.
    pub fn request(mut self, scopes: &[Scope]) -> (Self, Result<(), Refusal>) {
        let answer = match &mut self.phase {
            Phase::Active { lease, asked, .. } => {
                *asked = scopes.iter().copied().filter(|scope| !lease.scopes.contains(scope)).collect();
                Ok(())
            }
            Phase::Offered { .. } | Phase::Claimed { .. } | Phase::Over { .. } => Err(Refusal::NotOpen),
        };
        (self, answer)
    }

    /// The customer says no: to the offer, or to more, which leaves the old grant as it was.
    pub fn deny(mut self, now: Moment) -> (Self, Result<(), Refusal>) {
        match &mut self.phase {
            Phase::Claimed { .. } => (self.over(Outcome::Denied, now), Ok(())),
            Phase::Active { asked, .. } => {
                asked.clear();
                (self, Ok(()))
            }
            Phase::Offered { .. } | Phase::Over { .. } => (self, Err(Refusal::NotOpen)),
        }
    }

    /// The customer stops: at once, and a second time changes nothing.
    #[must_use]
    pub fn revoke(self, now: Moment) -> Self {
        match &self.phase {
            Phase::Claimed { .. } => self.over(Outcome::Denied, now),
            Phase::Active { .. } => self.over(Outcome::Revoked, now),
            Phase::Offered { .. } | Phase::Over { .. } => self,
        }
    }

    /// The store's side ends it.
    #[must_use]
    pub fn end(self, reason: EndReason, now: Moment) -> Self {
        if self.is_over() { self } else { self.over(Outcome::Ended(reason), now) }
    }

    /// The tablet says that it is there, or was found to be away.
    #[must_use]
    pub fn tablet(mut self, present: bool, now: Moment) -> Self {
        self.tablet_gone_at = if present { None } else { self.tablet_gone_at.or(Some(now.mono)) };
        self
    }

    /// Something that the customer shares is on its way to the tablet.
    #[must_use]
    pub fn handed_over(mut self) -> Self {
        self.on_tablet = true;
        self
    }

    /// The tablet says that nothing of it is left: after its end, or while it is locked and shows nothing.
    #[must_use]
    pub fn purged(mut self) -> Self {
        self.on_tablet = false;
        self
    }

    /// Whether the tablet should have said so by now.
    #[must_use]
    pub fn is_overdue(&self, now: Moment) -> bool {
        match self.phase {
            Phase::Over { at, outcome: _ } => self.on_tablet && now.mono.since(at) >= PURGE_CONFIRM,
            Phase::Offered { .. } | Phase::Claimed { .. } | Phase::Active { .. } => false,
        }
    }

    /// Whether `staff` may read `scope` on the tablet that proves itself so.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn read(&self, staff: &str, device_sha256: &str, scope: Scope, now: Moment) -> Result<&Lease, Refusal> {
        let Phase::Active { lease, until, .. } = &self.phase else { return Err(Refusal::NotOpen) };
        if lease.staff != staff || lease.device_sha256 != device_sha256 {
            return Err(Refusal::NotParty);
        }
        if now.mono >= *until {
            return Err(Refusal::NotOpen);
        }
        if self.is_suspended(now) {
            return Err(Refusal::Suspended);
        }
        if lease.scopes.contains(&scope) { Ok(lease) } else { Err(Refusal::InsufficientScope) }
    }

    /// Time passes.
    #[must_use]
    pub fn tick(self, now: Moment) -> Self {
        let gone = self.tablet_gone_at.is_some_and(|since| now.mono.since(since) >= TABLET_GONE);
        let due = match &self.phase {
            Phase::Over { .. } => None,
            Phase::Offered { .. } if now.mono.since(self.offer.at.mono) >= OFFER_LIFE => Some(Outcome::Lapsed),
            Phase::Claimed { at, touched_at, .. } if now.mono.since(*touched_at) >= CLAIM_IDLE || now.mono.since(*at) >= CLAIM_LIFE => {
                Some(Outcome::Abandoned)
            }
            Phase::Active { until, .. } if now.mono >= *until => Some(Outcome::Expired),
            Phase::Offered { .. } | Phase::Claimed { .. } | Phase::Active { .. } => gone.then_some(Outcome::Ended(EndReason::TabletLost)),
        };
        match due {
            Some(outcome) => self.over(outcome, now),
            None => self,
        }
    }

    fn over(mut self, outcome: Outcome, now: Moment) -> Self {
        self.phase = Phase::Over { outcome, at: now.mono };
        self
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
