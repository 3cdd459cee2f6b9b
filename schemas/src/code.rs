//! One-time codes and check-in passes: short texts that fit a QR code, an NFC tag and a URL.
//!
//! Owns their formats and proofs. A *code* proves a place (door, NFC display): made by the node, bound to its store, HMAC-SHA-256 under the
//! store key that node and cloud share, so that either end can check it while the other is away. A *pass* proves a person without naming
//! one: a random id that only the cloud can resolve, signed with Ed25519 so that a store can check it offline (DOMAIN 8, offline arrival).
//! Whether a code was already used is for the caller to know; here a code is only fresh, stale, foreign or forged.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::ids::{DisplayId, OfferId, PassId, StoreId, TouchpointId};

/// Life of a code, seconds (DOMAIN 8: one-time token ≤ 60 s old).
pub const CODE_LIFE_S: i64 = 60;
/// How far ahead a code's clock may run before it is refused, seconds.
pub const CODE_AHEAD_S: i64 = 5;
/// Longest text accepted before parsing.
pub const CODE_LEN_MAX: usize = 200;
const MAC_LEN: usize = 10;

/// Key shared by one store's node and the cloud. Never logged.
#[derive(Clone)]
pub struct StoreKey([u8; 32]);

impl StoreKey {
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }
    fn mac(&self, text: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(b"aisle-code-v1\0");
        mac.update(text.as_bytes());
        mac
    }
    fn content_mac(&self, claim: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(b"aisle-content-v1\0");
        mac.update(claim.as_bytes());
        mac
    }
    fn relay_mac(&self, claim: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(b"aisle-relay-v1\0");
        mac.update(claim.as_bytes());
        mac
    }
    /// The key with which the store signs quotes and exit tokens; whoever has the store's key can check them.
    pub fn signing_key(&self) -> SigningKey {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(b"aisle-trip-v1\0");
        SigningKey::from_bytes(&mac.finalize().into_bytes().into())
    }
    /// Proof of a node's call, of a family of its own.
    pub(crate) fn relay_proof(&self, claim: &str) -> [u8; 32] {
        self.relay_mac(claim).finalize().into_bytes().into()
    }
    /// Checks such a proof in constant time.
    pub(crate) fn is_relay_proof(&self, claim: &str, proof: &[u8]) -> bool {
        self.relay_mac(claim).verify_slice(proof).is_ok()
    }
    /// Proof of a claim to fetch content; another family than codes, so that neither stands for the other.
    pub(crate) fn content_proof(&self, claim: &str) -> [u8; 32] {
        self.content_mac(claim).finalize().into_bytes().into()
    }
    /// Checks such a proof in constant time.
    pub(crate) fn is_content_proof(&self, claim: &str, proof: &[u8]) -> bool {
        self.content_mac(claim).verify_slice(proof).is_ok()
    }
}
impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreKey(…)")
    }
}

/// What a code stands for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CodeSubject {
    /// Standing at this door.
    Door { touchpoint: TouchpointId },
    /// Touched this NFC display while it showed this offer; no offer means generic content.
    Tap { display: DisplayId, offer: Option<OfferId> },
}

/// A one-time code: `d1.{store}.{touchpoint}.{unix s}.{nonce}.{mac}` or `t1.{store}.{display}.{offer or -}.{unix s}.{nonce}.{mac}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Code {
    pub store: StoreId,
    pub subject: CodeSubject,
    pub issued_at: DateTime<Utc>,
    /// 64 random bits: the key under which use is remembered.
    pub nonce: u64,
}

/// Why a code or pass is refused; the texts are the wire reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    #[error("malformed")]
    Malformed,
    #[error("forged")]
    Forged,
    #[error("expired")]
    Expired,
    #[error("wrong_store")]
    WrongStore,
}

impl Code {
    fn body(&self) -> String {
        let (issued, nonce) = (self.issued_at.timestamp(), self.nonce);
        match &self.subject {
            CodeSubject::Door { touchpoint } => format!("d1.{}.{touchpoint}.{issued}.{nonce:016x}", self.store),
            CodeSubject::Tap { display, offer: Some(offer) } => {
                format!("t1.{}.{display}.{}.{issued}.{nonce:016x}", self.store, offer.0.simple())
            }
            CodeSubject::Tap { display, offer: None } => format!("t1.{}.{display}.-.{issued}.{nonce:016x}", self.store),
        }
    }

    /// The text for QR, NFC and URL.
    pub fn encode(&self, key: &StoreKey) -> String {
        let body = self.body();
        let mac = key.mac(&body).finalize().into_bytes();
        format!("{body}.{}", hex::encode(&mac[..MAC_LEN]))
    }

    /// Parses without a key: the store it claims tells which key to check it with. Never act on an unverified code.
    pub fn parse_unverified(text: &str) -> Result<UnverifiedCode, CodeError> {
        if text.len() > CODE_LEN_MAX || !text.is_ascii() {
            return Err(CodeError::Malformed);
        }
        let (body, mac) = text.rsplit_once('.').ok_or(CodeError::Malformed)?;
        let mut mac_bytes = [0; MAC_LEN];
        hex::decode_to_slice(mac, &mut mac_bytes).map_err(|_| CodeError::Malformed)?;
        let parts: Vec<&str> = body.split('.').collect();
        let (store, subject, issued, nonce) = match parts.as_slice() {
            ["d1", store, touchpoint, issued, nonce] => {
                let touchpoint = TouchpointId::parse(touchpoint).map_err(|_| CodeError::Malformed)?;
                (store, CodeSubject::Door { touchpoint }, issued, nonce)
            }
            ["t1", store, display, offer, issued, nonce] => {
                let display = DisplayId::parse(display).map_err(|_| CodeError::Malformed)?;
                let offer = match *offer {
                    "-" => None,
                    text => Some(OfferId::parse(text).map_err(|_| CodeError::Malformed)?),
                };
                (store, CodeSubject::Tap { display, offer }, issued, nonce)
            }
            _ => return Err(CodeError::Malformed),
        };
        let issued_s: i64 = issued.parse().map_err(|_| CodeError::Malformed)?;
        let code = Code {
            store: StoreId::parse(store).map_err(|_| CodeError::Malformed)?,
            subject,
            issued_at: DateTime::from_timestamp(issued_s, 0).ok_or(CodeError::Malformed)?,
            nonce: u64::from_str_radix(nonce, 16).map_err(|_| CodeError::Malformed)?,
        };
        if code.body() != body {
            return Err(CodeError::Malformed); // one spelling only, so that a used code cannot come back in another
        }
        Ok(UnverifiedCode { code, mac: mac_bytes })
    }
}

/// A code whose proof was not checked yet.
#[derive(Debug, Clone)]
pub struct UnverifiedCode {
    code: Code,
    mac: [u8; MAC_LEN],
}

impl UnverifiedCode {
    /// The store it claims to be of.
    pub fn store(&self) -> &StoreId {
        &self.code.store
    }
    /// Checks place, proof and age, in this order: a foreign code is named as such, since its proof cannot be checked here.
    pub fn verify(self, here: &StoreId, key: &StoreKey, now: DateTime<Utc>) -> Result<Code, CodeError> {
        if &self.code.store != here {
            return Err(CodeError::WrongStore);
        }
        key.mac(&self.code.body()).verify_truncated_left(&self.mac).map_err(|_| CodeError::Forged)?;
        let age = now - self.code.issued_at;
        // `issued_at` is cut to whole seconds, so a code may look up to one second older than it is.
        if age > TimeDelta::seconds(CODE_LIFE_S) + TimeDelta::milliseconds(999) || age < -TimeDelta::seconds(CODE_AHEAD_S) {
            return Err(CodeError::Expired);
        }
        Ok(self.code)
    }
}

/// A check-in pass `p1.{pass id}.{expires, unix s}.{signature}`; one pass opens one visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    pub id: PassId,
    pub expires_at: DateTime<Utc>,
}

impl Pass {
    fn body(&self) -> String {
        format!("p1.{}.{}", self.id.0.simple(), self.expires_at.timestamp())
    }
    pub fn encode(&self, key: &SigningKey) -> String {
        let body = self.body();
        let signature = key.sign(body.as_bytes());
        format!("{body}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }
    /// Parses and checks signature and expiry.
    pub fn verify(text: &str, key: &VerifyingKey, now: DateTime<Utc>) -> Result<Self, CodeError> {
        if text.len() > CODE_LEN_MAX || !text.is_ascii() {
            return Err(CodeError::Malformed);
        }
        let (body, signature) = text.rsplit_once('.').ok_or(CodeError::Malformed)?;
        let ["p1", id, expires] = body.split('.').collect::<Vec<_>>()[..] else {
            return Err(CodeError::Malformed);
        };
        let expires_s: i64 = expires.parse().map_err(|_| CodeError::Malformed)?;
        let pass = Self {
            id: PassId::parse(id).map_err(|_| CodeError::Malformed)?,
            expires_at: DateTime::from_timestamp(expires_s, 0).ok_or(CodeError::Malformed)?,
        };
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| CodeError::Malformed)?;
        let signature = Signature::from_slice(&signature).map_err(|_| CodeError::Malformed)?;
        if pass.body() != body {
            return Err(CodeError::Malformed);
        }
        key.verify(body.as_bytes(), &signature).map_err(|_| CodeError::Forged)?;
        if now >= pass.expires_at {
            return Err(CodeError::Expired);
        }
        Ok(pass)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(s, 0).unwrap()
    }
    fn door(store: &str) -> Code {
        Code {
            store: StoreId::parse(store).unwrap(),
            subject: CodeSubject::Door { touchpoint: TouchpointId::parse("door-1").unwrap() },
            issued_at: at(1000),
            nonce: 7,
        }
    }

    #[test]
    fn a_code_is_good_for_sixty_seconds_in_its_store_only() {
        let key = StoreKey::new([1; 32]);
        let text = door("s1").encode(&key);
        let here = StoreId::parse("s1").unwrap();
        let check = |text: &str, here: &StoreId, s| Code::parse_unverified(text)?.verify(here, &key, at(s));
        assert_eq!(check(&text, &here, 1060), Ok(door("s1")));
        assert_eq!(check(&text, &here, 1061), Err(CodeError::Expired));
        assert_eq!(check(&text, &here, 994), Err(CodeError::Expired));
        assert_eq!(check(&text, &StoreId::parse("s2").unwrap(), 1000), Err(CodeError::WrongStore));
    }

    #[test]
    fn no_changed_byte_of_a_code_is_accepted() {
        let key = StoreKey::new([1; 32]);
        let here = StoreId::parse("s1").unwrap();
        let tap = Code {
            subject: CodeSubject::Tap { display: DisplayId::parse("n1").unwrap(), offer: Some(OfferId::new(5, [3; 10])) },
            ..door("s1")
        };
        for text in [door("s1").encode(&key), tap.encode(&key)] {
            for i in 0..text.len() {
                let mut bytes = text.clone().into_bytes();
                bytes[i] ^= 1;
                let Ok(changed) = String::from_utf8(bytes) else { continue };
                let accepted = Code::parse_unverified(&changed).and_then(|c| c.verify(&here, &key, at(1000)));
                assert!(accepted.is_err(), "{changed}");
            }
        }
    }

    #[test]
    fn a_pass_is_accepted_until_it_expires_and_never_when_forged() {
        let key = SigningKey::from_bytes(&[4; 32]);
        let pass = Pass { id: PassId::new(9, [2; 10]), expires_at: at(2000) };
        let text = pass.encode(&key);
        assert_eq!(Pass::verify(&text, &key.verifying_key(), at(1999)), Ok(pass));
        assert_eq!(Pass::verify(&text, &key.verifying_key(), at(2000)), Err(CodeError::Expired));
        let other = SigningKey::from_bytes(&[5; 32]);
        assert_eq!(Pass::verify(&text, &other.verifying_key(), at(1)), Err(CodeError::Forged));
        assert_eq!(Pass::verify("p1.x", &key.verifying_key(), at(1)), Err(CodeError::Malformed));
    }
}
