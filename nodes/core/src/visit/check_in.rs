//! Who may check in.
//!
//! Owns the guard of a check-in (DOMAIN 8, rows 3, 4 and 7): the code of a door of this store, fresh and unused, and a pass, valid and unused.
//! Takes the two texts with the keys to check them. Emits the verified pair or a refusal. On failure: a refusal burns neither code nor pass.
use aisle_schemas::code::{Code, CodeError, CodeSubject, Pass, StoreKey};
use chrono::{DateTime, Utc};
use ed25519_dalek::VerifyingKey;
use thiserror::Error;

use crate::code::UseRefusal;
use crate::ids::{StoreId, TouchpointId};

/// What the store needs to check a code and a pass by itself, also offline.
#[derive(Debug, Clone)]
pub struct Keys {
    pub store: StoreId,
    pub store_key: StoreKey,
    pub pass_key: VerifyingKey,
}

/// A code and a pass that are genuine and in time; whether they were used is the book's to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented {
    pub code: Code,
    pub touchpoint: TouchpointId,
    pub pass: Pass,
}

/// Why nobody was checked in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CheckInRefusal {
    #[error("the code is not a door code of aisle")]
    Malformed,
    #[error("the code was not made by this store")]
    Forged,
    #[error("the code is older than a minute")]
    Expired,
    #[error("the code was used before")]
    Replayed,
    #[error("the code belongs to another store")]
    WrongStore,
    #[error("the pass is not valid")]
    PassInvalid,
    #[error("the store cannot take more check-ins at this moment")]
    NotReady,
}

impl CheckInRefusal {
    /// The reason as it stands in records and problem details.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Forged => "forged",
            Self::Expired => "expired",
            Self::Replayed => "replayed",
            Self::WrongStore => "wrong_store",
            Self::PassInvalid => "pass_invalid",
            Self::NotReady => "not_ready",
        }
    }
}

impl From<CodeError> for CheckInRefusal {
    fn from(error: CodeError) -> Self {
        match error {
            CodeError::Malformed => Self::Malformed,
            CodeError::Forged => Self::Forged,
            CodeError::Expired => Self::Expired,
            CodeError::WrongStore => Self::WrongStore,
        }
    }
}

impl From<UseRefusal> for CheckInRefusal {
    fn from(refusal: UseRefusal) -> Self {
        match refusal {
            UseRefusal::Replayed => Self::Replayed,
            UseRefusal::TooMany => Self::NotReady,
        }
    }
}

impl Keys {
    /// Checks both texts. The code comes first: without having been at a door nobody learns whether a pass is valid.
    ///
    /// # Errors
    /// [`CheckInRefusal`], except the reasons that only the book knows.
    pub fn check(&self, code: &str, pass: &str, now: DateTime<Utc>) -> Result<Presented, CheckInRefusal> {
        let code = Code::parse_unverified(code)?.verify(&self.store, &self.store_key, now)?;
        let touchpoint = match &code.subject {
            CodeSubject::Door { touchpoint } => touchpoint.clone(),
            CodeSubject::Tap { .. } => return Err(CheckInRefusal::Malformed),
        };
        let pass = Pass::verify(pass, &self.pass_key, now).map_err(|_| CheckInRefusal::PassInvalid)?;
        Ok(Presented { code, touchpoint, pass })
    }
}
