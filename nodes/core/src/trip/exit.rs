//! What opens the gate.
//!
//! Owns exit tokens: signed by the store, good for ten minutes, one store and one use. Takes a paid trip or a token, with the tokens used already. Emits a
//! token, or its claims. On failure: [`ExitRefusal`]; the gate stays shut.
use std::collections::BTreeMap;

use aisle_schemas::ids::StoreId;
use aisle_schemas::trip::{ExitClaims, LineIntent, Trip, TripState, pack, unpack};
use chrono::{DateTime, TimeDelta, Utc};
use ed25519_dalek::SigningKey;
use thiserror::Error;

use super::TripRefusal;

/// Life of a token.
pub const LIFE: TimeDelta = TimeDelta::minutes(10);

/// Why the gate stays shut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ExitRefusal {
    #[error("not a token of this store")]
    Foreign,
    #[error("the token has expired")]
    Expired,
    #[error("the token was used")]
    Replayed,
}

impl ExitRefusal {
    /// The code of the refusal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Foreign => "wrong_store",
            Self::Expired => "expired",
            Self::Replayed => "replayed",
        }
    }
}

/// A token for what was paid and is taken along.
///
/// # Errors
/// [`TripRefusal::WrongState`] before payment and after the exit.
pub fn issue(trip: &Trip, store: &StoreId, key: &SigningKey, now: DateTime<Utc>, jti: u64) -> Result<String, TripRefusal> {
    let (TripState::Paid, Some(signed)) = (trip.state, &trip.quote) else { return Err(TripRefusal::WrongState(trip.state)) };
    let claims = ExitClaims {
        trip: trip.trip,
        store: store.clone(),
        items: items(trip),
        total_minor: signed.quote.total_minor,
        iat: now.timestamp(),
        exp: (now + LIFE).timestamp(),
        jti: format!("{jti:016x}"),
    };
    pack(&claims, key).map_err(|_| TripRefusal::Total)
}

/// Pieces that are taken along.
#[must_use]
pub fn items(trip: &Trip) -> u32 {
    trip.lines.iter().filter(|line| line.intent == LineIntent::Take).fold(0, |sum, line| sum.saturating_add(line.quantity))
}

/// Tokens that were used, until they expire by themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsedTokens(BTreeMap<String, DateTime<Utc>>);

impl UsedTokens {
    /// What an earlier run remembered.
    #[must_use]
    pub fn restore(used: impl IntoIterator<Item = (String, DateTime<Utc>)>) -> Self {
        Self(used.into_iter().collect())
    }

    /// Checks a token at the gate of a store.
    ///
    /// # Errors
    /// [`ExitRefusal`].
    pub fn check(&self, token: &str, store: &StoreId, key: &SigningKey, now: DateTime<Utc>) -> Result<ExitClaims, ExitRefusal> {
        let claims: ExitClaims = unpack(token, &key.verifying_key()).ok_or(ExitRefusal::Foreign)?;
        if claims.store != *store {
            return Err(ExitRefusal::Foreign);
        }
        if now.timestamp() > claims.exp {
            return Err(ExitRefusal::Expired);
        }
        if self.0.contains_key(&claims.jti) {
            return Err(ExitRefusal::Replayed);
        }
        Ok(claims)
    }

    /// Remembers a committed use.
    pub fn apply(&mut self, claims: &ExitClaims) {
        self.0.insert(claims.jti.clone(), DateTime::from_timestamp(claims.exp, 0).unwrap_or_default());
    }

    /// Forgets what has expired by itself; what was forgotten.
    pub fn forget(&mut self, now: DateTime<Utc>) -> Vec<String> {
        let over: Vec<String> = self.0.iter().filter(|(_, exp)| **exp < now).map(|(jti, _)| jti.clone()).collect();
        for jti in &over {
            self.0.remove(jti);
        }
        over
    }
}
