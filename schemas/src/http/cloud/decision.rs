//! Why a customer did or did not get something. Owns these bodies; emits nothing.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::ids::{CandidateId, CustomerId, DecisionId, OfferId, StoreId, VisitId};
use crate::text::LocalText;

/// The verdict on one candidate: why did, or didn't, this customer get this.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DecisionView {
    pub decision: DecisionId,
    pub candidate: CandidateId,
    pub customer: CustomerId,
    pub offer: Option<OfferId>,
    /// Product or message type, for people.
    pub title: LocalText,
    pub channel: String,
    pub store: Option<StoreId>,
    pub visit: Option<VisitId>,
    pub sent: bool,
    /// 1…10, the clause that refused; none where sent.
    pub clause: Option<u8>,
    /// `sent` or the reason of the clause, e.g. `no_consent`, `cap:daily`.
    pub reason: String,
    pub score: Option<f64>,
    pub propensity: Option<f64>,
    pub why: Vec<String>,
    pub at: DateTime<Utc>,
    pub traceparent: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Decisions {
    pub decisions: Vec<DecisionView>,
    /// Give as `before` for older ones.
    pub next: Option<String>,
}
