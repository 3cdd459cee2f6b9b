//! All handshakes of a store.
//!
//! Owns which tablet has which offer, and how often a visit gave a wrong code. Takes the events of [`Consultation`], by handshake, tablet,
//! visit or member of staff. Emits what ended. On failure: [`Refusal`]; beyond the bound no offer is made until one is over.
use std::collections::BTreeMap;
use std::time::Duration;

use aisle_schemas::handshake::{HandshakeId, Lease, Scope};
use aisle_schemas::ids::{DeviceId, VisitId};

use super::state::{Claim, Claimed, Consultation, EndReason, Moment, Offer, Refusal, Standing, WRONG_CODES_MAX};
use crate::monotonic::Monotonic;

/// Handshakes kept at a time, those that are just over among them: far more than a store has tablets.
pub const KEPT_MAX: usize = 512;
/// How long one that is over is kept, so that its replays are still known and the tablet can say what was.
pub const KEPT_FOR: Duration = Duration::from_secs(35 * 60);

/// Why there is no offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotOffered {
    #[error("too many offers at a time")]
    Busy,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Book {
    kept: BTreeMap<HandshakeId, Kept>,
    wrong: BTreeMap<VisitId, Wrong>,
}

#[derive(Debug)]
struct Kept {
    consultation: Consultation,
    /// Since when it is over.
    over_at: Option<Monotonic>,
}

#[derive(Debug, Clone, Copy)]
struct Wrong {
    codes: u8,
    last_at: Monotonic,
}

impl Book {
    /// Makes an offer. What the same tablet offered or showed before ends: one at a time. Emits what ended.
    ///
    /// # Errors
    /// [`NotOffered`].
    pub fn offer(&mut self, offer: Offer, now: Moment) -> Result<Vec<HandshakeId>, NotOffered> {
        self.forget(now);
        if self.kept.len() >= KEPT_MAX {
            return Err(NotOffered::Busy);
        }
        let device = offer.device.clone();
        let ended = self.end_where(EndReason::Staff, now, |kept| kept.offer().device == device);
        self.kept.insert(offer.id, Kept { consultation: Consultation::new(offer), over_at: None });
        Ok(ended)
    }

    /// A handshake that is not forgotten.
    #[must_use]
    pub fn get(&self, id: HandshakeId) -> Option<&Consultation> {
        self.kept.get(&id).map(|kept| &kept.consultation)
    }

    /// The newest of a tablet: what it shows.
    #[must_use]
    pub fn of_device(&self, device: &DeviceId) -> Option<&Consultation> {
        let of_device = self.kept.values().map(|kept| &kept.consultation).filter(|kept| kept.offer().device == *device);
        of_device.max_by_key(|kept| (!kept.is_over(), kept.offer().at.mono))
    }

    /// All of them, for whoever looks at the clock.
    pub fn all(&self) -> impl Iterator<Item = &Consultation> {
        self.kept.values().map(|kept| &kept.consultation)
    }

    fn step<A>(
        &mut self,
        id: HandshakeId,
        now: Moment,
        step: impl FnOnce(Consultation) -> (Consultation, Result<A, Refusal>),
    ) -> Result<A, Refusal> {
        let Kept { consultation, over_at } = self.kept.remove(&id).ok_or(Refusal::NotOpen)?;
        let (consultation, answer) = step(consultation.tick(now));
        let over_at = over_at.or_else(|| consultation.is_over().then_some(now.mono));
        self.kept.insert(id, Kept { consultation, over_at });
        answer
    }

    /// A claim; a visit that gave too many wrong codes is heard no more, at whatever tablet.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn claim(&mut self, id: HandshakeId, claim: Claim<'_>, now: Moment) -> Result<Claimed, Refusal> {
        let visit = match claim.standing {
            Standing::Here(visit) => Some(visit),
            Standing::Elsewhere | Standing::NoVisit => None,
        };
        if visit.and_then(|visit| self.wrong.get(&visit)).is_some_and(|wrong| wrong.codes >= WRONG_CODES_MAX) {
            return Err(Refusal::TooManyTries);
        }
        let wrong_before = self.get(id).map_or(0, wrong_codes);
        let answer = self.step(id, now, |kept| kept.claim(claim, now));
        if let Some(visit) = visit
            && self.get(id).map_or(0, wrong_codes) > wrong_before
        {
            let wrong = self.wrong.entry(visit).or_insert(Wrong { codes: 0, last_at: now.mono });
            *wrong = Wrong { codes: wrong.codes.saturating_add(1), last_at: now.mono };
        }
        answer
    }

    /// The customer did something.
    ///
    /// # Errors
    /// [`Refusal::NotOpen`] for an unknown handshake.
    pub fn attend(&mut self, id: HandshakeId, now: Moment) -> Result<(), Refusal> {
        self.step(id, now, |kept| (kept.attend(now), Ok(())))
    }

    /// # Errors
    /// [`Refusal`].
    pub fn grant(&mut self, id: HandshakeId, lease: Lease, now: Moment) -> Result<(), Refusal> {
        self.step(id, now, |kept| kept.grant(lease, now))
    }

    /// # Errors
    /// [`Refusal`].
    pub fn renew(&mut self, id: HandshakeId, lease: Lease, now: Moment) -> Result<(), Refusal> {
        self.step(id, now, |kept| kept.renew(lease, now))
    }

    /// # Errors
    /// [`Refusal`].
    pub fn request(&mut self, id: HandshakeId, scopes: &[Scope], now: Moment) -> Result<(), Refusal> {
        self.step(id, now, |kept| kept.request(scopes))
    }

    /// # Errors
    /// [`Refusal`].
    pub fn deny(&mut self, id: HandshakeId, now: Moment) -> Result<(), Refusal> {
        self.step(id, now, |kept| kept.deny(now))
    }

    /// The customer stops it, by the visit whose token their phone holds; only their own.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn revoke(&mut self, id: HandshakeId, visit: Option<VisitId>, now: Moment) -> Result<(), Refusal> {
        self.step(id, now, |kept| match (visit, kept.visit()) {
            (Some(by), Some(of)) if by != of => (kept, Err(Refusal::NotParty)),
            (Some(_) | None, Some(_) | None) => (kept.revoke(now), Ok(())),
        })
    }

    /// # Errors
    /// [`Refusal::NotOpen`] for an unknown handshake.
    pub fn end(&mut self, id: HandshakeId, reason: EndReason, now: Moment) -> Result<(), Refusal> {
        self.step(id, now, |kept| (kept.end(reason, now), Ok(())))
    }

    /// Something of it is on its way to its tablet.
    ///
    /// # Errors
    /// [`Refusal::NotOpen`] for an unknown handshake.
    pub fn handed_over(&mut self, id: HandshakeId, now: Moment) -> Result<(), Refusal> {
        self.step(id, now, |kept| (kept.handed_over(), Ok(())))
    }

    /// # Errors
    /// [`Refusal::NotOpen`] for an unknown handshake.
    pub fn purged(&mut self, id: HandshakeId, now: Moment) -> Result<(), Refusal> {
        self.step(id, now, |kept| (kept.purged(), Ok(())))
    }

    /// The tablet came or went.
    pub fn tablet(&mut self, device: &DeviceId, present: bool, now: Moment) {
        let ids: Vec<HandshakeId> = self.open_where(|kept| kept.offer().device == *device);
        for id in ids {
            // Known, since it was just listed.
            if self.step(id, now, |kept| (kept.tablet(present, now), Ok(()))).is_err() {
                return;
            }
        }
    }

    /// A visit closed. Emits what ended.
    pub fn visit_closed(&mut self, visit: VisitId, now: Moment) -> Vec<HandshakeId> {
        self.wrong.remove(&visit);
        self.end_where(EndReason::CheckedOut, now, |kept| kept.visit() == Some(visit))
    }

    /// A member of staff left a tablet, or it locked itself. Emits what ended.
    pub fn signed_out(&mut self, device: &DeviceId, now: Moment) -> Vec<HandshakeId> {
        self.end_where(EndReason::SignedOut, now, |kept| kept.offer().device == *device)
    }

    /// Time passes. Emits what ended.
    pub fn tick(&mut self, now: Moment) -> Vec<HandshakeId> {
        let open = self.open_where(|_| true);
        for id in &open {
            if self.step(*id, now, |kept| (kept, Ok(()))).is_err() {
                break;
            }
        }
        self.forget(now);
        open.into_iter().filter(|id| self.get(*id).is_some_and(Consultation::is_over)).collect()
    }

    fn open_where(&self, wanted: impl Fn(&Consultation) -> bool) -> Vec<HandshakeId> {
        let open = self.kept.iter().filter(|(_, kept)| !kept.consultation.is_over() && wanted(&kept.consultation));
        open.map(|(id, _)| *id).collect()
    }

    fn end_where(&mut self, reason: EndReason, now: Moment, wanted: impl Fn(&Consultation) -> bool) -> Vec<HandshakeId> {
        let open = self.open_where(wanted);
        open.into_iter().filter(|id| self.end(*id, reason, now).is_ok()).collect()
    }

    fn forget(&mut self, now: Moment) {
        self.kept.retain(|_, kept| kept.over_at.is_none_or(|at| now.mono.since(at) < KEPT_FOR));
        self.wrong.retain(|_, wrong| now.mono.since(wrong.last_at) < KEPT_FOR);
    }
}

fn wrong_codes(of: &Consultation) -> u8 {
    match of.phase() {
        super::Phase::Offered { wrong_codes } => *wrong_codes,
        super::Phase::Claimed { .. } | super::Phase::Active { .. } | super::Phase::Over { .. } => 0,
    }
}

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
