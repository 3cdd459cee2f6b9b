//! Check-in, visits, taps and the dialogue that follows. Owns these bodies; emits nothing.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::content::{Content, Money};
use crate::ids::{DialogueId, EventId, OfferId, StoreId, VisitId};
use crate::offer::Product;
use crate::text::LocalText;
use crate::visit::{CheckInMethod, CloseReason};

/// Signed one-time passes for check-in at a store, also offline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Passes {
    pub passes: Vec<PassView>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct PassView {
    pub pass: String,
    pub expires_at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct PassRequest {
    /// 1 to 5.
    pub count: u8,
}

/// Check in through the cloud with the door's code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct CloudCheckIn {
    #[schemars(length(max = 200))]
    pub code: String,
    pub method: CheckInMethod,
}

/// On its way to the store; the visit arrives on the stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct CheckInAccepted {
    pub checkin: EventId,
    pub store: StoreId,
}

/// A check-in that the store refused, on the stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct CheckInRefusal {
    pub checkin: EventId,
    pub reason: String,
}

/// A visit as its customer and staff see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct VisitView {
    pub visit: VisitId,
    pub store: StoreId,
    pub store_name: String,
    pub opened_at: DateTime<Utc>,
    pub zone: Option<String>,
    pub closed_at: Option<DateTime<Utc>>,
    pub closed_reason: Option<CloseReason>,
    pub traceparent: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Visits {
    pub visits: Vec<VisitView>,
}

/// A phone opened the code of an NFC display.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct TapClaim {
    #[schemars(length(max = 200))]
    pub code: String,
}

/// The dialogue about an offer (A34).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Dialogue {
    pub dialogue: DialogueId,
    pub store: StoreId,
    pub offer: Option<OfferId>,
    pub product: Option<Product>,
    pub content: Option<Content>,
    pub price: Option<Money>,
    pub was: Option<Money>,
    pub until: Option<DateTime<Utc>>,
    pub bookmarked: bool,
    pub lines: Vec<DialogueLine>,
    /// Replies offered now.
    pub choices: Vec<DialogueChoice>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DialogueLine {
    /// `store` or `customer`.
    pub from: String,
    pub text: LocalText,
    pub at: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum DialogueChoice {
    Keep,
    MoreLikeThis,
    NotInteresting,
    WhereIsIt,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct DialogueReply {
    pub choice: DialogueChoice,
}
