//! NFC displays on the wire: programme, touch, answer. Rules are in `nodes/core`.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{
    content::Content,
    ids::{DisplayId, OfferId, TapId, ZoneId},
    screen::OfferSubscription,
    text::LocalText,
};

/// Body of the desired document `nfc/{display}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct NfcProgramme {
    pub display: DisplayId,
    pub name: LocalText,
    pub zone: ZoneId,
    /// What it invites with while nobody touches it; names no offer.
    pub invitation: Content,
    pub subscription: OfferSubscription,
}

/// A touch, as the display's reader or browser reports it. Holds no identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct NfcTap {
    /// Made by the device: the same touch twice is one touch.
    pub tap: TapId,
    pub traceparent: Option<String>,
}

/// What an NFC display shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum NfcShow {
    /// An invitation; `code` opens the app at the offer shown, if one is, else at the store view (A84).
    Inviting {
        #[ts(type = "number")]
        rev: u64,
        content: Box<Content>,
        offer: Option<OfferId>,
        /// One-time code for QR and NFC, renewed before it expires.
        code: String,
        /// URL that holds the code.
        url: String,
    },
    /// The answer to a touch; back to inviting at `until`, at most 20 s ahead.
    Answering {
        #[ts(type = "number")]
        rev: u64,
        tap: TapId,
        content: Box<Content>,
        offer: Option<OfferId>,
        code: String,
        url: String,
        until: DateTime<Utc>,
        traceparent: Option<String>,
    },
    /// Somebody keeps the offer on their phone; says so without saying who.
    Kept {
        #[ts(type = "number")]
        rev: u64,
        content: Box<Content>,
        until: DateTime<Utc>,
    },
}

impl NfcShow {
    pub fn rev(&self) -> u64 {
        match self {
            Self::Inviting { rev, .. } | Self::Answering { rev, .. } | Self::Kept { rev, .. } => *rev,
        }
    }
}

/// Body of the record `aisle.tap.recorded.v1`: a touch and what it met. Holds no identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct TapRecorded {
    pub tap: TapId,
    pub display: DisplayId,
    pub zone: ZoneId,
    pub offer: Option<OfferId>,
    pub at: DateTime<Utc>,
}

/// Body of the order `aisle.tap.kept.v1`: a phone has claimed the code, the display may say so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct TapKept {
    pub display: DisplayId,
    pub offer: Option<OfferId>,
    /// Not shown after this.
    pub expires: DateTime<Utc>,
}

/// The node's report on a display: body of the reported document `nfc/{display}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct NfcReport {
    pub display: DisplayId,
    pub zone: ZoneId,
    pub online: bool,
    pub offer: Option<OfferId>,
    pub taps: u32,
}
