//! Campaigns and offers as marketers edit them. Owns these bodies; emits nothing.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::content::{Content, Money, SurfaceKind};
use crate::http::FieldError;
use crate::ids::{CampaignId, OfferId};
use crate::offer::{OfferTarget, Product, Variant};
use crate::text::LocalText;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct CampaignDraft {
    #[schemars(length(min = 1, max = 80))]
    pub name: String,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    /// Cards per customer and rolling day; 0 = no limit.
    pub cap_per_day: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Campaign {
    pub campaign: CampaignId,
    pub name: String,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub cap_per_day: u32,
    pub paused: bool,
    pub offers: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Campaigns {
    pub campaigns: Vec<Campaign>,
}

/// What a marketer edits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct OfferDraft {
    pub campaign: CampaignId,
    pub product: Product,
    pub price: Money,
    pub was: Option<Money>,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub target: OfferTarget,
    #[schemars(length(max = 8))]
    pub variants: Vec<Variant>,
    pub fallback: Option<Content>,
    pub fallback_for: Vec<SurfaceKind>,
    /// CEL; empty means everyone whom the gate allows.
    #[schemars(length(max = 4000))]
    pub rule: String,
    /// Value to the programme, percent 0…100.
    pub value_percent: u8,
    /// Also as push, where consent and restraint allow.
    pub push: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum OfferState {
    Draft,
    Published,
    Withdrawn,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct OfferView {
    pub offer: OfferId,
    pub state: OfferState,
    pub rev: u32,
    pub draft: OfferDraft,
    pub rule_sentence: LocalText,
    pub changed_at: DateTime<Utc>,
    pub cards_today: u32,
    pub plays_today: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Offers {
    pub offers: Vec<OfferView>,
}

/// What would happen: lint, and who of the last 24 h would get it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct OfferPreview {
    pub errors: Vec<FieldError>,
    pub rule_sentence: LocalText,
    /// Customers looked at, and how the gate would answer: `send` or a reason, most frequent first.
    pub looked_at: u32,
    pub verdicts: Vec<VerdictCount>,
    /// Content per surface as it would be shown, after fallbacks.
    pub surfaces: Vec<Variant>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct VerdictCount {
    pub reason: String,
    pub customers: u32,
}
