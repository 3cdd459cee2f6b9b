//! When a door or an NFC display shows a new one-time code, and which codes were used.
//!
//! Owns the rotation of one place and the bounded memory of used codes; format and proof of a code live in the wire types. Takes the time and
//! random bits. Emits the code to show. On failure: a code seen before is [`UseRefusal::Replayed`]; a full memory refuses with
//! [`UseRefusal::TooMany`] rather than forget a code that is still fresh.
use std::collections::BTreeMap;

use aisle_schemas::code::{CODE_AHEAD_S, CODE_LIFE_S, Code, CodeSubject};
use chrono::{DateTime, TimeDelta, Utc};
use thiserror::Error;

use crate::ids::StoreId;

/// A new code every so many seconds: three generations lie within a code's life, so a slow customer is not refused.
pub const ROTATE_S: i64 = 20;
/// Used codes remembered at once: 500 check-ins a second for the life of a code.
pub const USED_MAX: usize = 35_000;

/// The code shown at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    store: StoreId,
    subject: CodeSubject,
    current: Code,
}

impl Rotation {
    /// Begins with a first code. `nonce` is 64 fresh random bits.
    #[must_use]
    pub fn begin(store: StoreId, subject: CodeSubject, now: DateTime<Utc>, nonce: u64) -> Self {
        let current = Code { store: store.clone(), subject: subject.clone(), issued_at: now, nonce };
        Self { store, subject, current }
    }

    /// The code to show now.
    #[must_use]
    pub const fn current(&self) -> &Code {
        &self.current
    }

    /// When the next code is due if nobody uses this one.
    #[must_use]
    pub fn due_at(&self) -> DateTime<Utc> {
        self.current.issued_at + TimeDelta::seconds(ROTATE_S)
    }

    /// The next code once the current one is due, or issued in a future that a clock step took back.
    #[must_use]
    pub fn tick(self, now: DateTime<Utc>, nonce: u64) -> (Self, Rotated) {
        if now < self.due_at() && now >= self.current.issued_at - TimeDelta::seconds(CODE_AHEAD_S) {
            return (self, Rotated::No);
        }
        (self.renewed(now, nonce), Rotated::Yes)
    }

    /// The next code as soon as the current one was used: it is good for one person only. The use of an earlier code changes nothing.
    #[must_use]
    pub fn used(self, used_nonce: u64, now: DateTime<Utc>, nonce: u64) -> (Self, Rotated) {
        if self.current.nonce != used_nonce {
            return (self, Rotated::No);
        }
        (self.renewed(now, nonce), Rotated::Yes)
    }

    fn renewed(self, now: DateTime<Utc>, nonce: u64) -> Self {
        Self::begin(self.store, self.subject, now, nonce)
    }
}

/// Whether a place shows another code than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotated {
    Yes,
    No,
}

/// Why a genuine, fresh code is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum UseRefusal {
    #[error("replayed")]
    Replayed,
    #[error("too many codes were used within their life")]
    TooMany,
}

/// Codes used within their life, by nonce. An older one needs no memory: its age refuses it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsedCodes {
    forget_at: BTreeMap<u64, DateTime<Utc>>,
}

impl UsedCodes {
    /// Whether the code may still be used.
    ///
    /// # Errors
    /// [`UseRefusal`].
    pub fn check(&self, code: &Code) -> Result<(), UseRefusal> {
        if self.forget_at.contains_key(&code.nonce) {
            return Err(UseRefusal::Replayed);
        }
        if self.forget_at.len() >= USED_MAX {
            return Err(UseRefusal::TooMany);
        }
        Ok(())
    }

    /// Remembers a use that was committed.
    pub fn apply(&mut self, nonce: u64, issued_at: DateTime<Utc>) {
        self.forget_at.insert(nonce, forget_at(issued_at));
    }

    /// Drops what its age alone refuses; returns the nonces.
    pub fn forget(&mut self, now: DateTime<Utc>) -> Vec<u64> {
        let over: Vec<u64> = self.forget_at.iter().filter(|(_, at)| **at <= now).map(|(nonce, _)| *nonce).collect();
        for nonce in &over {
            self.forget_at.remove(nonce);
        }
        over
    }
}

/// First instant at which a code of `issued_at` is refused as expired whatever the sub-second, with the allowance for clocks ahead.
#[must_use]
pub fn forget_at(issued_at: DateTime<Utc>) -> DateTime<Utc> {
    issued_at + TimeDelta::seconds(CODE_LIFE_S + CODE_AHEAD_S + 1)
}

#[cfg(test)]
mod tests {
    use aisle_schemas::code::{CodeError, StoreKey};

    use super::*;
    use crate::ids::TouchpointId;

    fn at(s: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(s, 0).unwrap()
    }

    fn rotation() -> Rotation {
        let subject = CodeSubject::Door { touchpoint: TouchpointId::parse("door-1").unwrap() };
        Rotation::begin(StoreId::parse("s1").unwrap(), subject, at(100), 1)
    }

    #[test]
    fn a_code_stays_for_twenty_seconds_when_nobody_uses_it() {
        let (rotation, rotated) = rotation().tick(at(119), 2);
        assert_eq!((rotated, rotation.current().nonce), (Rotated::No, 1));
        let (rotation, rotated) = rotation.tick(at(120), 2);
        assert_eq!((rotated, rotation.current().nonce, rotation.current().issued_at), (Rotated::Yes, 2, at(120)));
    }

    #[test]
    fn the_use_of_the_shown_code_brings_a_new_one_at_once_and_of_an_earlier_one_does_not() {
        let (rotation, rotated) = rotation().used(1, at(101), 2);
        assert_eq!((rotated, rotation.current().nonce), (Rotated::Yes, 2));
        let (rotation, rotated) = rotation.used(1, at(102), 3);
        assert_eq!((rotated, rotation.current().nonce), (Rotated::No, 2));
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_freeze_the_code() {
        let (_, rotated) = rotation().tick(at(50), 2);
        assert_eq!(rotated, Rotated::Yes);
    }

    #[test]
    fn a_used_code_is_refused_for_as_long_as_its_age_would_let_it_pass() {
        let key = StoreKey::new([7; 32]);
        let code = rotation().current().clone();
        let mut used = UsedCodes::default();
        used.check(&code).unwrap();
        used.apply(code.nonce, code.issued_at);
        for s in 95..200 {
            used.forget(at(s));
            let fresh = Code::parse_unverified(&code.encode(&key)).unwrap().verify(&code.store, &key, at(s));
            match fresh {
                Ok(code) => assert_eq!(used.check(&code), Err(UseRefusal::Replayed), "at {s}"),
                Err(refusal) => assert_eq!(refusal, CodeError::Expired),
            }
        }
        assert_eq!(used, UsedCodes::default());
    }

    #[test]
    fn a_full_memory_refuses_instead_of_forgetting() {
        let mut used = UsedCodes::default();
        for nonce in 1000..1000 + u64::try_from(USED_MAX).unwrap() {
            used.apply(nonce, at(100));
        }
        assert_eq!(used.check(rotation().current()), Err(UseRefusal::TooMany));
        used.forget(at(1000));
        assert_eq!(used.check(rotation().current()), Ok(()));
    }
}
