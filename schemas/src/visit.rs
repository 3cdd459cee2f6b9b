//! Visits on the wire: opening, movement, end, and the context a store may know of an open visit (DOMAIN 8, 12).

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{
    ids::{DisplayId, EventId, OfferId, PassId, Sku, TouchpointId, VisitId, VisitToken, ZoneId},
    text::Language,
};

/// How a customer checked in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum CheckInMethod {
    /// The phone scanned the door's QR code.
    AppQr,
    /// The phone read the door's NFC tag.
    Nfc,
}

/// Hybrid logical clock: orders events inside a visit when wall clocks do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, TS, Default)]
pub struct Hlc {
    /// Unix milliseconds.
    #[ts(type = "number")]
    pub physical_ms: u64,
    pub counter: u32,
}

/// Body of `aisle.visit.opened.v1`. The pass stands for the customer; only the cloud can resolve it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct VisitOpened {
    pub visit: VisitId,
    pub token: VisitToken,
    pub pass: PassId,
    pub method: CheckInMethod,
    pub touchpoint: TouchpointId,
    pub at: DateTime<Utc>,
    pub hlc: Hlc,
}

/// Body of `aisle.visit.device-attached.v1`: a check-in into a visit that is open already (DOMAIN 8 row 7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DeviceAttached {
    pub visit: VisitId,
    pub pass: PassId,
    pub at: DateTime<Utc>,
    pub hlc: Hlc,
}

/// What happened during a visit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum VisitSignal {
    ZoneEntered {
        zone: ZoneId,
    },
    Tapped {
        display: DisplayId,
        offer: Option<OfferId>,
    },
    /// The customer scanned a product.
    Scanned {
        sku: Sku,
    },
}

/// Body of `aisle.visit.seen.v1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct VisitSeen {
    pub visit: VisitId,
    pub signal: VisitSignal,
    pub at: DateTime<Utc>,
    pub hlc: Hlc,
}

/// Why a visit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    CheckedOut,
    Left,
    /// 90 min idle, store closing + 30 min, or 6 h after check-in.
    Timeout,
    /// The customer checked in at another store, or again here.
    HandedOver,
    Erased,
}

/// Body of `aisle.visit.closed.v1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct VisitClosed {
    pub visit: VisitId,
    pub reason: CloseReason,
    /// For a time-out the last signal, else the instant of closing.
    pub ended_at: DateTime<Utc>,
    pub hlc: Hlc,
}

/// Body of the order `aisle.visit.admit.v1`: a phone off the store's network checked in through the cloud; the node decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct AdmitVisit {
    /// Names this check-in towards the phone.
    pub checkin: EventId,
    pub code: String,
    pub pass: String,
    pub method: CheckInMethod,
    pub expires: DateTime<Utc>,
}

/// Body of the order `aisle.visit.close.v1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct CloseVisit {
    pub visit: VisitId,
    pub reason: CloseReason,
}

/// Body of `aisle.order.done.v1` (stream `audit`): what became of an order; `causationid` names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct OrderDone {
    pub order: EventId,
    pub outcome: OrderOutcome,
    /// Refusal reason, e.g. `replayed`.
    pub reason: Option<String>,
    pub visit: Option<VisitId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum OrderOutcome {
    Done,
    Refused,
    Expired,
}

/// Body of `aisle.checkin.refused.v1` (stream `audit`): counted and shown, names nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct CheckInRefused {
    pub touchpoint: Option<TouchpointId>,
    /// `expired`, `replayed`, `wrong_store`, `pass_invalid`, `malformed`.
    pub reason: String,
    pub at: DateTime<Utc>,
}

/// One offer in a context lease, best first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, TS)]
pub struct RankedOffer {
    pub offer: OfferId,
    pub score: f32,
    /// Reason code that surfaces translate: `often_buys`, `popular_here`, `new_for_you`, `wish`.
    pub why: String,
}

/// Body of the desired document `context/{visit token}`: all that a store may know of an open visit (DOMAIN 12). Lives 15 min from the
/// node's receipt, renewed while the visit is open; without it the node fails closed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ContextLease {
    pub visit: VisitId,
    pub language: Language,
    /// Purposes granted: `instore_context`, `location`, …
    #[schemars(length(max = 16))]
    pub consents: Vec<String>,
    #[ts(type = "number")]
    pub consent_epoch: u64,
    /// Segments of at least 50 members in the store's region.
    #[schemars(length(max = 32))]
    pub segments: Vec<String>,
    #[schemars(length(max = 20))]
    pub offers: Vec<RankedOffer>,
    /// Interrupts left in this visit.
    pub interrupts_left: u8,
    pub lease_s: u32,
}
