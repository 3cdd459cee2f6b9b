//! What other systems report and ask. Owns these bodies; emits nothing.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::ContextClass;
use crate::ids::{CandidateId, OfferId};
use crate::offer::Product;
use crate::text::LocalText;

/// Sales of a known customer, for relevance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct SalesReport {
    /// Idempotency key of the source.
    #[schemars(length(min = 1, max = 64))]
    pub source_ref: String,
    #[schemars(length(max = 254))]
    pub email: String,
    pub at: DateTime<Utc>,
    #[schemars(length(min = 1, max = 200))]
    pub lines: Vec<SalesLine>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct SalesLine {
    pub product: Product,
    pub quantity: u32,
}

/// A message that some system wants to send.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct CandidateRequest {
    pub candidate: CandidateId,
    #[schemars(length(max = 254))]
    pub email: String,
    pub kind: MessageKind,
    /// `push, sms, email, in_app, …`.
    pub channel: String,
    pub offer: Option<OfferId>,
    pub category: Option<String>,
    pub title: LocalText,
    pub body: LocalText,
    /// Probability of relevance 0…1 as the source sees it; none: aisle's own ranking.
    pub relevance: Option<f64>,
    /// Value to the programme 0…1.
    pub value: f64,
    pub valid_until: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    Marketing,
    Transactional,
}

/// Context that a system knows of a customer, for clause 4 and home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct ContextReport {
    #[schemars(length(max = 254))]
    pub email: String,
    pub class: Option<ContextClass>,
    pub hurried: Option<bool>,
    pub open_complaint: Option<bool>,
}

/// A product seen in sales or offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Catalogue {
    pub products: Vec<Product>,
}
