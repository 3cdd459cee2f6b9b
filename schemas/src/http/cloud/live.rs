//! Stores and nodes as the console sees them, and commands to screens. Owns these bodies; emits nothing.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::ids::{EventId, NodeId, StoreId};
use crate::nfc::NfcReport;
use crate::screen::{ScreenCommandKind, ScreenReport};
use crate::store::{StoreProfile, ZoneReport};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, TS)]
pub struct StoreLive {
    pub profile: StoreProfile,
    pub link: NodeLink,
    pub visits_open: u32,
    pub zones: Vec<ZoneReport>,
    pub screens: Vec<ScreenReport>,
    pub displays: Vec<NfcReport>,
    pub at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct StoreSummary {
    pub store: StoreId,
    pub name: String,
    pub visits_open: u32,
    pub link: NodeLink,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Stores {
    pub stores: Vec<StoreSummary>,
}

/// A node as the fleet view shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct NodeLink {
    pub node: NodeId,
    pub state: NodeState,
    /// Last message of the node; none before the first.
    pub seen_at: Option<DateTime<Utc>>,
    /// Last change between connected and lost.
    pub since: Option<DateTime<Utc>>,
    /// Records the node still holds for us, as it last said.
    #[ts(type = "number")]
    pub pending: u64,
    pub software: String,
    /// Records applied, and those that stand in quarantine.
    #[ts(type = "number")]
    pub applied: u64,
    #[ts(type = "number")]
    pub quarantined: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// Never connected.
    New,
    Online,
    /// Orderly stop.
    Offline,
    Lost,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Fleet {
    pub nodes: Vec<NodeLink>,
    pub quarantine: Vec<QuarantineView>,
}

/// A record that was accepted and cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct QuarantineView {
    pub node: NodeId,
    pub event: EventId,
    pub type_name: String,
    pub error: String,
    pub at: DateTime<Utc>,
}

/// On the console's stream: something happened to a store's link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct LinkEvent {
    pub link: NodeLink,
    pub at: DateTime<Utc>,
}

/// Staff sends a command to one screen; it is done once and not after `ttl_s`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct ScreenCommandRequest {
    /// 1 to 3600.
    pub ttl_s: u32,
    pub command: ScreenCommandKind,
}
