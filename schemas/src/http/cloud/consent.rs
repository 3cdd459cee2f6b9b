//! Legal texts, consents and their proof. Owns these bodies; emits nothing.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::ids::ConsentId;
use crate::text::Language;

/// A legal text in one language; a published version is never edited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct LegalText {
    #[schemars(length(max = 64))]
    pub id: String,
    pub version: u32,
    pub language: Language,
    pub purpose: String,
    #[schemars(length(max = 200))]
    pub title: String,
    #[schemars(length(max = 20000))]
    pub body: String,
    /// SHA-256 of the body, lower-case hex; filled by the server.
    pub sha256: String,
    pub valid_from: DateTime<Utc>,
    pub valid_to: Option<DateTime<Utc>>,
    /// Grants of older versions end here: a material change.
    pub requires_renewal_from: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct LegalTexts {
    pub texts: Vec<LegalText>,
}

/// Give or take back one consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct ConsentChange {
    /// `instore_context, location, marketing, profiling, measurement, partner_sharing`.
    pub purpose: String,
    /// `push, watch, sms, email, in_app, print, staff`; none means all channels of the purpose.
    pub channel: Option<String>,
    pub granted: bool,
    pub legal_text: String,
    pub version: u32,
    pub language: Language,
    /// SHA-256 of what was shown, lower-case hex.
    #[schemars(length(max = 64))]
    pub shown_sha256: String,
}

/// A consent record as its owner or an agent sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ConsentView {
    pub consent: ConsentId,
    pub purpose: String,
    pub channel: Option<String>,
    pub granted: bool,
    pub legal_text: String,
    pub version: u32,
    pub language: Language,
    pub text_sha256: String,
    pub shown_sha256: String,
    pub method: String,
    pub occurred_at: DateTime<Utc>,
    /// Whether it holds now (as of the instant asked for).
    pub in_force: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Consents {
    pub consents: Vec<ConsentView>,
    #[ts(type = "number")]
    pub epoch: u64,
    pub as_of: DateTime<Utc>,
}

/// Exported proof of one consent record; verifiable by hash and signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ConsentProof {
    /// Canonical JSON (RFC 8785) of the record with the full wording.
    pub record: String,
    pub sha256: String,
    /// Ed25519 over `record`, base64url.
    pub signature: String,
    pub public_key: String,
}
