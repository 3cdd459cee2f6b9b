//! Digital handshake: what the customer's phone asks and answers, and what the node of the store asks of the cloud (TOUCHPOINTS 5).
//!
//! Owns these bodies; emits nothing. The node's side is one route, because it is one conversation: the node calls, the cloud has no way in.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::handshake::{HandshakeId, Scope};
use crate::ids::{DeviceId, EventId, Sku, StoreId, VisitId};
use crate::text::Language;

/// A member of staff as a customer sees them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct StaffCard {
    /// Staff number.
    #[schemars(length(max = 32))]
    pub staff: String,
    #[schemars(length(max = 40))]
    pub first_name: String,
    /// Name of a picture, as content names one; none shows initials.
    #[schemars(length(max = 80))]
    pub photo: Option<String>,
    #[schemars(length(max = 40))]
    pub role: String,
}

/// Where a handshake stands, as far as its customer may know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum HandshakeState {
    Offered,
    Claimed,
    Active,
    Over,
}

/// Who offers advice. From the cloud, so that a page made up in a store cannot claim to be somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct HandshakeFacts {
    pub handshake: HandshakeId,
    pub store: StoreId,
    pub store_name: String,
    pub staff: StaffCard,
    /// What they would like to see.
    pub wanted: Vec<Scope>,
    /// What there is to share.
    pub shared: Vec<Scope>,
    pub minutes: Vec<u8>,
    /// In their words; may be empty.
    pub reason: String,
    /// SHA-256 to which the tablet's side committed itself, lower-case hex.
    pub commit: String,
    /// Of the offer.
    pub expires_at: DateTime<Utc>,
    pub state: HandshakeState,
}

/// Claims an offer with the code that the tablet shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct HandshakeClaim {
    #[schemars(length(max = 16))]
    pub code: String,
    /// 32 random bytes of the phone, lower-case hex.
    #[schemars(length(max = 64))]
    pub nonce: String,
}

/// The first claim; the phone checks `nonce` against the commitment and shows the comparison number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct HandshakeClaimed {
    /// 32 random bytes of the tablet's side, lower-case hex.
    #[schemars(length(max = 64))]
    pub nonce: String,
}

/// What the customer ticked, after they compared the number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct HandshakeGrant {
    /// Drawn by the phone; a second use is a replay.
    pub jti: EventId,
    pub scopes: Vec<Scope>,
    /// 5, 10 or 20.
    pub minutes: u8,
    #[schemars(length(max = 64))]
    pub legal_text: String,
    pub version: u32,
    pub language: Language,
    /// SHA-256 of what was shown, lower-case hex.
    #[schemars(length(max = 64))]
    pub shown_sha256: String,
}

/// Granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct HandshakeGranted {
    pub grant: EventId,
    pub scopes: Vec<Scope>,
    pub until: DateTime<Utc>,
}

/// Who saw what, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct HandshakeReceipt {
    pub handshake: HandshakeId,
    pub store_name: String,
    pub staff: StaffCard,
    pub state: HandshakeState,
    pub granted_at: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    /// Granted.
    pub scopes: Vec<Scope>,
    /// Names of what was read in fact, each once.
    pub read: Vec<String>,
}

/// What a customer tells about themselves, to be shared with an adviser and nobody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS, Default)]
#[serde(deny_unknown_fields)]
pub struct AboutMe {
    /// How they like to be called.
    #[schemars(length(max = 40))]
    pub display_name: Option<String>,
    pub wishes: Vec<Wish>,
    pub sizes: Vec<OwnSize>,
}

/// Something they look for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// A product, where it is one.
    pub sku: Option<Sku>,
    #[schemars(length(max = 120))]
    pub text: String,
}

/// A size they declared: "shoes", "42".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct OwnSize {
    #[schemars(length(max = 40))]
    pub of: String,
    #[schemars(length(max = 20))]
    pub size: String,
}

/// What is inside sealed bytes: the fields of one scope, for the tablet alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct SharedFields {
    pub scope: Scope,
    pub fields: Vec<SharedField>,
}

/// One field; its name, never its value, stands in the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct SharedField {
    /// `wishlist.0`, `sizes.1`, `display_name`.
    pub name: String,
    pub value: String,
    /// A product, where it is one.
    pub sku: Option<Sku>,
}

/// Fields that only the tablet can open: ECDH P-256 with HKDF-SHA-256, AES-256-GCM. Base64url.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct SealedFields {
    /// One-time public key of the cloud, an uncompressed point.
    #[schemars(length(max = 128))]
    pub key: String,
    #[schemars(length(max = 65536))]
    pub sealed: String,
}

/// What a node asks of the cloud about one handshake of its store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(tag = "call", rename_all = "snake_case")]
pub enum RelayCall {
    /// A tablet offers advice.
    Announce {
        /// Lower-case hex.
        #[schemars(length(max = 64))]
        commit: String,
        staff: StaffCard,
        device: DeviceId,
        /// Lower-case hex.
        #[schemars(length(max = 64))]
        device_sha256: String,
        wanted: Vec<Scope>,
        #[schemars(length(max = 200))]
        reason: String,
        expires_at: DateTime<Utc>,
    },
    /// What was asked since; waits a while where nothing was.
    Poll {
        #[schemars(length(max = 64))]
        after: String,
    },
    /// The answer to a claim: the nonce, or why not.
    Answer {
        ask: EventId,
        #[schemars(length(max = 64))]
        nonce: Option<String>,
        #[schemars(length(max = 32))]
        refused: Option<String>,
    },
    /// The lease anew.
    Renew,
    /// Fields of one scope, sealed to the tablet's key.
    Read {
        #[schemars(length(max = 32))]
        staff: String,
        #[schemars(length(max = 64))]
        device_sha256: String,
        scope: Scope,
        /// P-256 public key of the tablet, an uncompressed point, base64url.
        #[schemars(length(max = 128))]
        key: String,
    },
    /// It is over at the store.
    End {
        #[schemars(length(max = 32))]
        outcome: String,
    },
}

/// What the cloud answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum RelayReply {
    Done,
    Asks {
        asks: Vec<RelayAsk>,
        /// For the next poll.
        after: String,
    },
    Lease {
        #[schemars(length(max = 4096))]
        lease: String,
    },
    Sealed {
        sealed: SealedFields,
    },
    /// The customer or the cloud ended it.
    Over,
}

/// Something that the customer's phone asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct RelayAsk {
    pub ask: EventId,
    #[serde(flatten)]
    pub what: RelayAskKind,
}

/// See [`RelayAsk`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum RelayAskKind {
    Claim {
        #[schemars(length(max = 16))]
        code: String,
        visit: VisitId,
        #[schemars(length(max = 64))]
        nonce: String,
        language: Language,
    },
    /// The customer did something.
    Attend,
    Deny,
    Granted {
        #[schemars(length(max = 4096))]
        lease: String,
    },
    Revoke,
}
