//! A store on the wire: plan, zones, opening hours, counts. Owns the shapes; emits nothing.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{
    ids::{StoreId, TouchpointId, ZoneId},
    text::LocalText,
};

/// A zone on the store plan, in metres.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ZonePlan {
    pub zone: ZoneId,
    pub name: LocalText,
    pub x: f32,
    pub y: f32,
    pub w: f32,
    pub h: f32,
}

/// A thing on the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DevicePlan {
    pub kind: crate::topic::DeviceKind,
    pub id: crate::ids::DeviceId,
    pub name: LocalText,
    pub zone: ZoneId,
    pub x: f32,
    pub y: f32,
}

/// Body of the desired document `store`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, TS)]
pub struct StoreProfile {
    pub store: StoreId,
    pub name: String,
    /// IANA zone, e.g. `Europe/Berlin`.
    pub time_zone: String,
    /// Metres.
    pub width: f32,
    pub height: f32,
    #[schemars(length(max = 200))]
    pub zones: Vec<ZonePlan>,
    #[schemars(length(max = 2000))]
    pub devices: Vec<DevicePlan>,
    /// Local closing time `HH:MM`; visits end 30 min later (DOMAIN 8 row 19).
    pub closes: String,
    /// Public address of the shop PWA, for codes: `https://shop.example.com`.
    pub shop_url: String,
}

/// What a sensor sees: a number, never a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct ZoneCount {
    pub zone: ZoneId,
    pub people: u32,
}

/// Body of the reported document `zone/{zone}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ZoneReport {
    pub zone: ZoneId,
    /// Checked-in visits last seen here.
    pub visits: u32,
    /// People that sensors count here.
    pub people: u32,
    pub at: DateTime<Utc>,
}

/// The door's current check-in code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DoorCode {
    pub touchpoint: TouchpointId,
    pub code: String,
    /// URL for QR and NFC that holds the code.
    pub url: String,
    pub expires: DateTime<Utc>,
}
