//! Digital handshake: its id, rotating code, commitment, comparison number and signed lease, to the byte (TOUCHPOINTS 5).
//!
//! Owns what node, cloud and phone must compute alike. Takes secrets, nonces and times as arguments. Emits texts and verdicts. On failure: a
//! text that does not parse is a typed error; a lease that is not signed by the cloud is none.
//!
//! The code proves that the phone sees the tablet now. The commitment binds the node's nonce before the phone shows its own, so that neither
//! side can steer the comparison number; both devices print it, and a person compares.

use std::fmt;
use std::str::FromStr;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};
use hmac::{Hmac, Mac};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use ts_rs::TS;

use crate::ids::{DeviceId, EventId, IdError};

/// Seconds that one code is shown; it counts for one period more, so at most 40 s.
pub const CODE_PERIOD_S: i64 = 20;
/// Symbols of a code, without those that look alike when read aloud or printed small.
const ALPHABET: &[u8; 28] = b"23456789BCDFGHJKMNPQRSTVWXYZ";
/// Symbols in a code.
const CODE_SYMBOLS: usize = 8;
/// Comparison numbers.
const SAS_NUMBERS: u64 = 10_000;
/// Colours and shapes that stand beside the number, each this many.
const SAS_MARKS: u64 = 6;
/// Longest text of a lease accepted before parsing.
const LEASE_LEN_MAX: usize = 4_096;

/// One handshake from its offer to its end: 128 random bits, 32 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, TS)]
#[schemars(with = "String")]
#[ts(type = "string")]
pub struct HandshakeId([u8; 16]);

impl HandshakeId {
    /// Takes 128 random bits.
    pub fn from_random(random: [u8; 16]) -> Self {
        Self(random)
    }
    /// # Errors
    /// [`IdError::Hex`] for anything but 32 lower-case hex digits.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let error = IdError::Hex { kind: "handshake id", len: 32 };
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(error);
        }
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| error)?;
        Ok(Self(bytes))
    }
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}
impl fmt::Display for HandshakeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}
impl fmt::Debug for HandshakeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "handshake~{}", hex::encode(&self.0[..3]))
    }
}
impl FromStr for HandshakeId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::parse(text)
    }
}
impl Serialize for HandshakeId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for HandshakeId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// What the customer may share with the adviser. There is none for location, and none for risk or price affinity: those are never shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, TS)]
pub enum Scope {
    #[serde(rename = "display_name")]
    DisplayName,
    #[serde(rename = "bookmarks")]
    Bookmarks,
    #[serde(rename = "cart")]
    Cart,
    #[serde(rename = "wishlist")]
    Wishlist,
    #[serde(rename = "sizes")]
    Sizes,
    #[serde(rename = "purchases.90d")]
    Purchases90d,
    #[serde(rename = "purchases.all")]
    PurchasesAll,
    #[serde(rename = "notes.read")]
    NotesRead,
    #[serde(rename = "notes.write")]
    NotesWrite,
    /// A purpose of its own, never preset.
    #[serde(rename = "contact")]
    Contact,
}

impl Scope {
    pub const ALL: [Self; 10] = [
        Self::DisplayName,
        Self::Bookmarks,
        Self::Cart,
        Self::Wishlist,
        Self::Sizes,
        Self::Purchases90d,
        Self::PurchasesAll,
        Self::NotesRead,
        Self::NotesWrite,
        Self::Contact,
    ];

    /// As on the wire and in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DisplayName => "display_name",
            Self::Bookmarks => "bookmarks",
            Self::Cart => "cart",
            Self::Wishlist => "wishlist",
            Self::Sizes => "sizes",
            Self::Purchases90d => "purchases.90d",
            Self::PurchasesAll => "purchases.all",
            Self::NotesRead => "notes.read",
            Self::NotesWrite => "notes.write",
            Self::Contact => "contact",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}

/// The secret from which a tablet's offer makes its codes. Never leaves the node; never logged.
#[derive(Clone)]
pub struct CodeSecret([u8; 32]);

impl CodeSecret {
    pub fn new(random: [u8; 32]) -> Self {
        Self(random)
    }

    /// The code of a period: [`CODE_PERIOD_S`] seconds of unix time, `XXXX-XXXX`.
    pub fn code(&self, period: u64) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(b"aisle-offer-v1");
        mac.update(&period.to_be_bytes());
        let mut rest = first_u64(&mac.finalize().into_bytes());
        let mut code = String::with_capacity(CODE_SYMBOLS + 1);
        for place in 0..CODE_SYMBOLS {
            if place == CODE_SYMBOLS / 2 {
                code.push('-');
            }
            let symbol = usize::try_from(rest % 28).unwrap_or_default();
            code.push(char::from(ALPHABET.get(symbol).copied().unwrap_or(b'2')));
            rest /= 28;
        }
        code
    }

    /// Whether `given` is the code of a period, in constant time. Case, blanks and the dash do not matter: people type it.
    pub fn is_code(&self, given: &str, period: u64) -> bool {
        let plain = |text: &str| -> Vec<u8> {
            text.bytes().filter(u8::is_ascii_alphanumeric).take(CODE_SYMBOLS + 1).map(|b| b.to_ascii_uppercase()).collect()
        };
        plain(given).ct_eq(&plain(&self.code(period))).into()
    }
}
impl fmt::Debug for CodeSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeSecret(…)")
    }
}

/// The period in which an instant lies.
pub fn period(at: DateTime<Utc>) -> u64 {
    u64::try_from(at.timestamp().div_euclid(CODE_PERIOD_S)).unwrap_or_default()
}

/// What the tablet's side commits itself to before it knows the phone's nonce.
pub fn commitment(nonce_tablet: &[u8; 32]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"aisle-hs-commit-v1");
    hash.update(nonce_tablet);
    hash.finalize().into()
}

/// Hash of everything that both sides put in.
pub fn transcript(offer_id: &str, commit: &[u8; 32], nonce_customer: &[u8; 32], nonce_tablet: &[u8; 32]) -> [u8; 32] {
    let length = u16::try_from(offer_id.len()).unwrap_or(u16::MAX);
    let mut hash = Sha256::new();
    hash.update(b"aisle-hs-v1");
    hash.update(length.to_be_bytes());
    hash.update(offer_id);
    hash.update(commit);
    hash.update(nonce_customer);
    hash.update(nonce_tablet);
    hash.finalize().into()
}

/// The comparison number with a colour and a shape, so that a glance is enough and none of the three stands alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, TS)]
pub struct Sas {
    /// 0 to 9999, printed "36 60".
    pub number: u16,
    /// 0 to 5: blue, green, orange, purple, red, teal.
    pub colour: u8,
    /// 0 to 5: circle, square, triangle, diamond, star, hexagon.
    pub shape: u8,
}

impl Sas {
    /// Of a [`transcript`]: HKDF-SHA-256 without salt, 8 octets. The number is the rest by 10,000; colour and shape come from the quotient.
    pub fn of(transcript: &[u8; 32]) -> Self {
        let mut extract = Hmac::<Sha256>::new_from_slice(&[0; 32]).expect("HMAC takes a key of any length");
        extract.update(transcript);
        let mut expand = Hmac::<Sha256>::new_from_slice(&extract.finalize().into_bytes()).expect("HMAC takes a key of any length");
        expand.update(b"aisle-handshake-sas-v1\x01");
        let drawn = first_u64(&expand.finalize().into_bytes());
        let marks = drawn / SAS_NUMBERS;
        Self {
            number: u16::try_from(drawn % SAS_NUMBERS).unwrap_or_default(),
            colour: u8::try_from(marks % SAS_MARKS).unwrap_or_default(),
            shape: u8::try_from(marks / SAS_MARKS % SAS_MARKS).unwrap_or_default(),
        }
    }
}
impl fmt::Display for Sas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02} {:02}", self.number / 100, self.number % 100)
    }
}

fn first_u64(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

/// What the cloud lets one tablet do for one customer, for a while. Names nobody: the store knows the grant alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct Lease {
    pub grant: EventId,
    pub handshake: HandshakeId,
    /// Drawn for this grant; means nothing to anybody but the cloud.
    pub pseudonym: EventId,
    /// Staff number, not a name.
    #[schemars(length(max = 32))]
    pub staff: String,
    pub device: DeviceId,
    /// SHA-256 of what the tablet proves itself with, lower-case hex.
    #[schemars(length(max = 64))]
    pub device_sha256: String,
    pub scopes: Vec<Scope>,
    pub issued_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    /// Rises with each renewal of the grant, from 1.
    pub seq: u32,
}

/// Why a text is no lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    #[error("the lease is malformed")]
    Malformed,
    #[error("the lease is not signed by the cloud")]
    Forged,
}

impl Lease {
    /// `l1.{JSON, base64url}.{Ed25519 over what stands before, base64url}`: what is signed is what travels, so nothing has to be put into a
    /// canonical form.
    pub fn encode(&self, key: &SigningKey) -> String {
        let json = serde_json::to_vec(self).expect("ids, texts and numbers are JSON");
        let body = format!("l1.{}", URL_SAFE_NO_PAD.encode(json));
        let signature = key.sign(body.as_bytes());
        format!("{body}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }

    /// Checks the signature, then reads. Whether it is in time is for whoever keeps it to say.
    ///
    /// # Errors
    /// [`LeaseError`].
    pub fn verify(text: &str, key: &VerifyingKey) -> Result<Self, LeaseError> {
        if text.len() > LEASE_LEN_MAX || !text.is_ascii() {
            return Err(LeaseError::Malformed);
        }
        let (body, signature) = text.rsplit_once('.').ok_or(LeaseError::Malformed)?;
        let json = body.strip_prefix("l1.").ok_or(LeaseError::Malformed)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| LeaseError::Malformed)?;
        let signature = Signature::from_slice(&signature).map_err(|_| LeaseError::Malformed)?;
        key.verify(body.as_bytes(), &signature).map_err(|_| LeaseError::Forged)?;
        let json = URL_SAFE_NO_PAD.decode(json).map_err(|_| LeaseError::Malformed)?;
        serde_json::from_slice(&json).map_err(|_| LeaseError::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// The design's vectors, where they lie beside the checkout.
    fn design() -> Option<Value> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/vectors/handshake_design.json");
        let Ok(text) = std::fs::read_to_string(path) else {
            eprintln!("SKIPPED: {path} is not there; the committed vectors alone were run");
            return None;
        };
        Some(serde_json::from_str(&text).unwrap())
    }
    fn bytes(hex_text: &str) -> [u8; 32] {
        let mut bytes = [0; 32];
        hex::decode_to_slice(hex_text, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn the_comparison_number_is_that_of_another_implementation() {
        // Made with Python's hashlib and hmac: offer, nonce of the phone, nonce of the tablet, commitment, number, colour, shape.
        let cases = [
            (
                "0f0e0d0c0b0a09080706050403020100",
                0x11,
                0x22,
                "8fb9001996a41c13828591cac8185daecef2f0ac2ce2c0c8a5f3eeffd8b194b4",
                9825,
                5,
                3,
            ),
            (
                "00000000000000000000000000000001",
                0x33,
                0x44,
                "ea7eada2b2798b6b51b1ba1b5284a9ccd22fedf3cd0d56a5caa4225842b1ee7b",
                9916,
                3,
                4,
            ),
        ];
        for (offer, phone, tablet, commit, number, colour, shape) in cases {
            assert_eq!(hex::encode(commitment(&[tablet; 32])), commit);
            let transcript = transcript(offer, &bytes(commit), &[phone; 32], &[tablet; 32]);
            assert_eq!(Sas::of(&transcript), Sas { number, colour, shape });
        }
    }

    #[test]
    fn the_comparison_number_is_that_of_the_design() {
        let Some(design) = design() else { return };
        for vector in design["sas"].as_array().unwrap() {
            let text = |field: &str| vector[field].as_str().unwrap();
            let commit = commitment(&bytes(text("nonce_tablet")));
            assert_eq!(hex::encode(commit), text("tablet_commit"));
            let transcript = transcript(text("offer_id"), &commit, &bytes(text("nonce_customer")), &bytes(text("nonce_tablet")));
            assert_eq!(hex::encode(transcript), text("transcript_sha256"));
            assert_eq!(format!("{:04}", Sas::of(&transcript).number), text("sas"));
        }
    }

    #[test]
    fn the_code_of_a_period_is_that_of_another_implementation_and_of_the_design() {
        for (secret, period, code) in [(7, 89_775_576, "XBDG-9GFX"), (7, 89_775_577, "VNJF-TJHK"), (8, 0, "Z9H7-YXMQ")] {
            assert_eq!(CodeSecret::new([secret; 32]).code(period), code);
        }
        let Some(design) = design() else { return };
        for vector in design["rotating_code"].as_array().unwrap() {
            let at = DateTime::from_timestamp(vector["unix_time"].as_i64().unwrap(), 0).unwrap();
            assert_eq!(period(at), vector["bucket"].as_u64().unwrap());
            let secret = CodeSecret::new(bytes(vector["secret"].as_str().unwrap()));
            assert_eq!(secret.code(period(at)), vector["code"].as_str().unwrap());
        }
    }

    #[test]
    fn a_typed_code_may_be_small_and_without_its_dash_and_no_other_is_taken() {
        let secret = CodeSecret::new([7; 32]);
        for given in ["XBDG-9GFX", "xbdg9gfx", " XBDG 9gfx "] {
            assert!(secret.is_code(given, 89_775_576), "{given}");
        }
        for given in ["", "XBDG-9GF", "XBDG-9GFXX", "XBDG-9GFY", "VNJF-TJHK"] {
            assert!(!secret.is_code(given, 89_775_576), "{given}");
        }
    }

    #[test]
    fn the_comparison_number_is_printed_in_two_pairs() {
        assert_eq!(Sas { number: 3660, colour: 0, shape: 0 }.to_string(), "36 60");
        assert_eq!(Sas { number: 93, colour: 0, shape: 0 }.to_string(), "00 93");
    }

    #[test]
    fn each_scope_has_one_spelling() {
        for scope in Scope::ALL {
            assert_eq!(serde_json::to_value(scope).unwrap(), scope.as_str());
            assert_eq!(Scope::parse(scope.as_str()), Some(scope));
        }
        for foreign in ["location", "risk", "price_affinity", "Bookmarks", ""] {
            assert_eq!(Scope::parse(foreign), None);
        }
    }

    #[test]
    fn no_changed_byte_of_a_lease_is_accepted() {
        let key = SigningKey::from_bytes(&[4; 32]);
        let at = |s: i64| DateTime::from_timestamp(s, 0).unwrap();
        let lease = Lease {
            grant: EventId::new(1, [1; 10]),
            handshake: HandshakeId::from_random([2; 16]),
            pseudonym: EventId::new(1, [3; 10]),
            staff: "1042".to_owned(),
            device: DeviceId::parse("tablet-1").unwrap(),
            device_sha256: hex::encode([5; 32]),
            scopes: vec![Scope::Bookmarks, Scope::Sizes],
            issued_at: at(1_000),
            expires_at: at(1_600),
            seq: 1,
        };
        let text = lease.encode(&key);
        assert_eq!(Lease::verify(&text, &key.verifying_key()), Ok(lease));
        assert_eq!(Lease::verify(&text, &SigningKey::from_bytes(&[5; 32]).verifying_key()), Err(LeaseError::Forged));
        for place in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[place] ^= 1;
            let Ok(changed) = String::from_utf8(changed) else { continue };
            assert!(Lease::verify(&changed, &key.verifying_key()).is_err(), "{changed}");
        }
    }
}
