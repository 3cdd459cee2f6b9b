//! Emergency content on the wire (TOUCHPOINTS.md 1.7): sets that lie ready at the store, who began one, and what is on. Rules are in
//! `nodes/core`.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{blob::Blob, content::Content, ids::EventSlug, text::LocalText};

/// First part of the key of a set, and of the report on what is on.
pub const NOUN: &str = "emergency";
/// Key of the reported document that says what is on.
pub const STATE_KEY: &str = "emergency/now";
/// Longest an emergency lasts unless it is begun again, seconds: a day.
pub const LASTS_S_MAX: u32 = 24 * 3_600;
/// Items of one set.
pub const ITEMS_MAX: usize = 16;

/// One picture of a set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct EmergencyItem {
    /// Names it in plans and plays.
    pub id: EventSlug,
    /// Class P0.
    pub content: Content,
    /// 1 s … 3 600 s.
    pub duration_s: u32,
}

/// Body of the desired document `emergency/{set}`: present at the store before it is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct EmergencySet {
    pub set: EventSlug,
    pub name: LocalText,
    /// What criteria read as `emergency.category`, such as `fire`, `weather`, `missing_child`.
    pub category: EventSlug,
    #[schemars(length(min = 1, max = 16))]
    pub items: Vec<EmergencyItem>,
    /// Blobs that its pictures name; pinned, and the set is in force once all of them are there.
    #[serde(default)]
    #[schemars(length(max = 16))]
    pub media: Vec<Blob>,
}

impl EmergencySet {
    /// All pictures that it names.
    pub fn images(&self) -> impl Iterator<Item = Option<&str>> {
        self.items.iter().map(|item| &item.content).map(crate::blob::image_of)
    }
}

/// How the set meets what plays already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum EmergencyMode {
    /// Nothing else plays, in any zone.
    Replace,
    /// It takes this part of the main zone's time; the rest goes on.
    Append {
        /// 1 … 99.
        saturation_percent: u8,
    },
}

/// Begin an emergency: body of `PUT /v1/emergency`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct EmergencyRequest {
    pub set: EventSlug,
    pub mode: EmergencyMode,
    /// It ends by itself after so many seconds, at most a day.
    pub lasts_s: u32,
}

/// Body of the order `aisle.emergency.set.v1`: begin an emergency, or end what is on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct EmergencyOrder {
    /// None ends it.
    pub begin: Option<EmergencyRequest>,
    /// Not carried out after this.
    pub expires: DateTime<Utc>,
}

/// The emergency that is on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ActiveEmergency {
    pub set: EventSlug,
    pub mode: EmergencyMode,
    pub began_at: DateTime<Utc>,
    pub expires: DateTime<Utc>,
    /// `cloud`, `operator`, or the device, such as `sensor/button-1`. Names nobody.
    pub by: String,
}

/// Body of the reported document `emergency/now`, and of `GET /v1/emergency`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct EmergencyState {
    pub active: Option<ActiveEmergency>,
    /// Sets that lie ready.
    #[schemars(length(max = 32))]
    pub ready: Vec<EventSlug>,
}
