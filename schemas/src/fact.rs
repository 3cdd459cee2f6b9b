//! Facts of a store on the wire (TOUCHPOINTS.md 1.4): what weather stations, tills and any integrator tell the node, for criteria of schedules.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Longest life of a fact, seconds: a week.
pub const TTL_S_MAX: u32 = 7 * 24 * 3_600;
/// Facts in one report.
pub const REPORT_MAX: usize = 100;

/// One fact. A store reports about itself; a field that could name a person is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct FactReport {
    /// `weather`, `queue_length`, `stock.{sku}`, `last_sale_age_s.{sku}` or any other in that form: words of `a-z0-9_-` joined by dots. Counts
    /// of people (`zone.…`) and `emergency.…` are the node's own.
    #[schemars(length(min = 1, max = 200))]
    pub metric: String,
    /// None takes the fact back.
    #[schemars(length(max = 200))]
    pub value: Option<String>,
    /// Unknown again after so many seconds, 1 s … a week.
    pub ttl_s: u32,
}

/// Body of `POST /v1/facts`, and of the topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct FactReports {
    #[schemars(length(min = 1, max = 100))]
    pub facts: Vec<FactReport>,
}
