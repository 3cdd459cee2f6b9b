//! Who calls: sessions by cookie, systems by key.
//!
//! Owns the form of tokens and keys, and a short cache in front of table `session`. Takes cookie and header texts; emits [`Principal`]s.
//! A token is 128 random bits, kept hashed, so that a copy of the database signs nobody in. On failure: an unknown token is nobody; a
//! database that is away is an error, never a guess.

use std::{collections::HashMap, time::Duration};

use aisle_cloud_core::identity::{IdentifierHash, IdentifierKind, LocalPartPolicy, NormalEmail};
use aisle_schemas::{http::cloud::Role, ids::CustomerId};
use aisle_store::{Db, StoreError, sign_in};
use chrono::{DateTime, TimeDelta, Utc};
use moka::sync::Cache;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{
    config::{IntegrationKeyConfig, StaffConfig},
    fresh,
};

/// Name of the cookie.
pub const COOKIE: &str = "aisle_session";
/// Life of a session.
pub const LIFE: TimeDelta = TimeDelta::days(90);
/// How long an instance believes a session it has seen; bounds how long another instance's sign-out is not noticed.
const CACHE_LIFE: Duration = Duration::from_secs(5);
const CACHE_MAX: u64 = 50_000;

/// How e-mail addresses are compared here.
pub const EMAIL_POLICY: LocalPartPolicy = LocalPartPolicy::LowerCase;

/// Somebody who signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    pub customer: CustomerId,
    /// Of the session's token.
    pub token_hash: [u8; 32],
    /// `Customer` and what the configuration adds.
    pub roles: Vec<Role>,
}

impl Signed {
    pub fn is_staff(&self) -> bool {
        self.roles.iter().any(|role| *role != Role::Customer)
    }
}

/// Who sent a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    Nobody,
    Signed(Signed),
    /// A system, by the name of its key.
    System(String),
}

impl Principal {
    /// Name under which idempotency keys are kept apart; `None` where they are not kept.
    pub fn scope(&self) -> Option<String> {
        match self {
            Self::Nobody => None,
            Self::Signed(signed) => Some(format!("customer:{}", signed.customer)),
            Self::System(name) => Some(format!("system:{name}")),
        }
    }
}

/// Sessions and keys.
pub struct Sessions {
    db: Db,
    seen: Cache<[u8; 32], sign_in::SessionRow>,
    staff: HashMap<IdentifierHash, Vec<Role>>,
    /// Name and hash of each key.
    systems: Vec<(String, [u8; 32])>,
}

impl Sessions {
    pub fn new(db: Db, pepper: &[u8; 32], staff: &[StaffConfig], keys: &[IntegrationKeyConfig]) -> Self {
        let staff = staff
            .iter()
            .filter_map(|StaffConfig { email, roles }| {
                let email = NormalEmail::parse(email, EMAIL_POLICY).ok()?;
                Some((IdentifierHash::of(pepper, IdentifierKind::Email, email.expose()), roles.clone()))
            })
            .collect();
        let systems = keys.iter().map(|IntegrationKeyConfig { name, key }| (name.clone(), hash(key.expose_secret().as_bytes()))).collect();
        let seen = Cache::builder().max_capacity(CACHE_MAX).time_to_live(CACHE_LIFE).build();
        Self { db, seen, staff, systems }
    }

    /// Roles of an identifier.
    pub fn roles(&self, identifier: [u8; 32]) -> Vec<Role> {
        let mut roles = vec![Role::Customer];
        roles.extend(self.staff.get(&IdentifierHash(identifier)).into_iter().flatten().copied());
        roles
    }

    /// Whose cookie it is.
    pub async fn of_cookie(&self, token: &str, now: DateTime<Utc>) -> Result<Principal, StoreError> {
        let mut bytes = [0; 16];
        if hex::decode_to_slice(token, &mut bytes).is_err() {
            return Ok(Principal::Nobody);
        }
        let token_hash = hash(&bytes);
        let row = match self.seen.get(&token_hash) {
            Some(row) => row,
            None => match sign_in::session(&mut self.db.read().await?, token_hash, now).await? {
                Some(row) => {
                    self.seen.insert(token_hash, row.clone());
                    row
                }
                None => return Ok(Principal::Nobody),
            },
        };
        if row.expires_at <= now {
            return Ok(Principal::Nobody);
        }
        Ok(Principal::Signed(Signed { customer: row.customer, token_hash, roles: self.roles(row.identifier) }))
    }

    /// Whose key it is. Every key is compared, in constant time each.
    pub fn of_key(&self, key: &str) -> Principal {
        let given = hash(key.as_bytes());
        let mut found = Principal::Nobody;
        for (name, known) in &self.systems {
            if bool::from(given.ct_eq(known)) {
                found = Principal::System(name.clone());
            }
        }
        found
    }

    /// Ends a session.
    pub async fn end(&self, signed: &Signed) -> Result<(), StoreError> {
        sign_in::end_session(&self.db, signed.token_hash).await?;
        self.seen.invalidate(&signed.token_hash);
        Ok(())
    }
}

/// A new token: the text for the cookie, and its hash.
pub fn new_token() -> (String, [u8; 32]) {
    let secret = fresh::secret();
    (hex::encode(secret), hash(&secret))
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
