//! Staff tablets at a store's node: shift, offer of advice, what the tablet shows, sealed fields.
//!
//! Owns these bodies; emits nothing. Nothing here names a customer: before consent there is nothing to name, after it fields are sealed.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::cloud::StaffCard;
use crate::handshake::{HandshakeId, Sas, Scope};
use crate::text::Language;

/// A member of staff begins a shift at a tablet, or unlocks it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct StaffSignIn {
    /// What the badge says.
    #[schemars(length(max = 64))]
    pub badge: String,
    #[schemars(length(max = 12))]
    pub pin: String,
}

/// Who is on shift.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct StaffOnShift {
    pub staff: StaffCard,
}

/// Offers advice to whoever scans.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct OfferAdvice {
    pub wanted: Vec<Scope>,
    #[schemars(length(max = 200))]
    pub reason: String,
}

/// The offer stands; its code comes on the stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct AdviceOffered {
    pub handshake: HandshakeId,
}

/// Asks for what was shared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct ReadShared {
    pub scope: Scope,
    /// P-256 public key made for this consultation, an uncompressed point, base64url; its private half never leaves the tablet.
    #[schemars(length(max = 128))]
    pub key: String,
}

/// The tablet is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct TabletSign {
    /// Somebody touched it since the last sign.
    pub touched: bool,
}

/// What the tablet shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum TabletView {
    /// Nobody is on shift, or whoever is was idle for 60 s.
    Locked {
        /// First name of who is on shift.
        first_name: Option<String>,
    },
    Ready {
        staff: StaffCard,
    },
    Offered {
        staff: StaffCard,
        handshake: HandshakeId,
        /// `XXXX-XXXX`, as of now.
        code: String,
        /// What the QR code holds; none before the store's profile has come. The code is in the fragment: no server sees it.
        url: Option<String>,
        code_until: DateTime<Utc>,
        expires_at: DateTime<Utc>,
        /// Whether the cloud knows the offer: before, no phone can open it.
        announced: bool,
    },
    /// A customer is connecting; nothing else is known here.
    Claimed {
        staff: StaffCard,
        handshake: HandshakeId,
        sas: Sas,
        language: Language,
    },
    Active {
        staff: StaffCard,
        handshake: HandshakeId,
        scopes: Vec<Scope>,
        until: DateTime<Utc>,
        /// No word from the cloud for two minutes: nothing is read until there is one.
        suspended: bool,
    },
    Over {
        staff: StaffCard,
        handshake: HandshakeId,
        /// False for every way in which nothing was shared.
        shared: bool,
        minutes: u32,
    },
}
