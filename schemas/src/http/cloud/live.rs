//! Stores and nodes as the console sees them, and commands to screens. Owns these bodies; emits nothing.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::emergency::EmergencyState;
use crate::ids::{CustomerId, DeviceId, EventId, NodeId, StoreId};
use crate::log::{LossReason, NodeAlarm, NodeReport};
use crate::nfc::NfcReport;
use crate::screen::{ScreenCommandKind, ScreenReport};
use crate::store::{StoreProfile, ZoneReport};
use crate::sync::{Epoch, Seq, Stream};
use crate::topic::DeviceKind;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, TS)]
pub struct StoreLive {
    pub profile: StoreProfile,
    pub link: NodeLink,
    pub visits_open: u32,
    pub zones: Vec<ZoneReport>,
    pub screens: Vec<ScreenReport>,
    pub displays: Vec<NfcReport>,
    /// Each reported device; what a store said before its line was lost is not what is so now.
    pub devices: Vec<DeviceLink>,
    /// None where the store has never had a set.
    pub emergency: Option<EmergencyState>,
    pub at: DateTime<Utc>,
}

/// Whether a device of a store can be reached, as far as anyone knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DeviceLink {
    pub kind: DeviceKind,
    pub id: DeviceId,
    pub state: DeviceState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum DeviceState {
    Online,
    Offline,
    /// Its node is not connected, so that nobody can say (AS-084).
    Unknown,
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
    /// One for each of `nodes`, in the same order.
    pub health: Vec<NodeHealth>,
    /// The newest of those that nobody has settled.
    pub quarantine: Vec<QuarantineView>,
    /// How many there are in all.
    #[ts(type = "number")]
    pub quarantine_open: u64,
    pub at: DateTime<Utc>,
}

/// How a node is, apart from its link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct NodeHealth {
    pub node: NodeId,
    pub store: StoreId,
    /// Name of the store, for people.
    pub name: String,
    /// It is its store's active node; another one was replaced.
    pub active: bool,
    /// An operator has re-claimed it, and it has not come back yet.
    pub reclaim: bool,
    /// What it last said of itself.
    pub report: Option<NodeReport>,
    /// What the cloud sees of it, which it cannot say itself. Sorted by alarm, each at most once.
    #[serde(default)]
    pub seen: Vec<SeenAlarm>,
    /// By how many seconds its clock was ahead of the cloud's when it was last heard; negative where it was behind.
    #[serde(default)]
    #[ts(type = "number | null")]
    pub clock_skew_s: Option<i64>,
    /// When its newest certificate ends; none where the cloud gave it none.
    #[serde(default)]
    pub certificate_until: Option<DateTime<Utc>>,
    pub losses: Vec<LossView>,
    pub held: Vec<HeldStream>,
    /// Documents whose newest revision is neither applied nor rejected there, and when the oldest of these was written (AS-076).
    pub documents_behind: u32,
    pub behind_since: Option<DateTime<Utc>>,
    /// Documents whose newest revision it rejected.
    #[serde(default)]
    pub rejected: Vec<RejectedDocument>,
    /// What its staff show instead of documents (AS-077).
    #[serde(default)]
    pub overrides: Vec<OverrideView>,
    /// Orders that it has not applied.
    pub orders_waiting: u32,
}

/// An alarm that the cloud raises about a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct SeenAlarm {
    pub alarm: NodeAlarm,
    /// When it was seen last.
    pub at: DateTime<Utc>,
}

/// A document that a store rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct RejectedDocument {
    pub key: String,
    /// As the node says it, such as `not_here`.
    pub code: String,
}

/// What staff show instead of a document, for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct OverrideView {
    /// Of the document.
    pub key: String,
    pub reason: String,
    /// The device, or `operator`.
    pub by: String,
    pub at: DateTime<Utc>,
    /// By the store's clock, as far as it tells the time.
    pub until: DateTime<Utc>,
}

/// Why records of a stream have no effect and never will.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum LossKind {
    /// Numbers missing in batches of class C; what the node says it dropped stands beside it under its reason.
    Hole,
    /// Could not be applied, and the day's room in quarantine was used up.
    Unkept,
    Budget,
    DiskFull,
    Ambiguous,
    ReceiverRestored,
    #[serde(other)]
    Unknown,
}

impl LossKind {
    /// The word on the wire, in metrics and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hole => "hole",
            Self::Unkept => "unkept",
            Self::Budget => "budget",
            Self::DiskFull => "disk_full",
            Self::Ambiguous => "ambiguous",
            Self::ReceiverRestored => "receiver_restored",
            Self::Unknown => "unknown",
        }
    }
}

impl From<LossReason> for LossKind {
    fn from(reason: LossReason) -> Self {
        match reason {
            LossReason::Budget => Self::Budget,
            LossReason::DiskFull => Self::DiskFull,
            LossReason::Ambiguous => Self::Ambiguous,
            LossReason::ReceiverRestored => Self::ReceiverRestored,
            LossReason::Unknown => Self::Unknown,
        }
    }
}

/// What was lost of one stream for one reason, and the newest range of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct LossView {
    #[ts(type = "string")]
    pub stream: Stream,
    pub kind: LossKind,
    #[ts(type = "number")]
    pub records: u64,
    /// 0 where nobody can know.
    #[ts(type = "number")]
    pub bytes: u64,
    #[ts(type = "string")]
    pub epoch: Epoch,
    #[ts(type = "string")]
    pub from: Seq,
    #[ts(type = "string")]
    pub to: Seq,
    pub at: DateTime<Utc>,
}

/// A stream that is held back after too many records in a row that could not be applied (AS-050).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct HeldStream {
    #[ts(type = "string")]
    pub stream: Stream,
    /// The last record that went to quarantine.
    #[ts(type = "string")]
    pub cursor: Seq,
    pub poison_run: u32,
    pub since: DateTime<Utc>,
}

/// A record that was accepted and cannot be applied. Its place in the node's log names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct QuarantineView {
    pub node: NodeId,
    #[ts(type = "string")]
    pub stream: Stream,
    #[ts(type = "string")]
    pub epoch: Epoch,
    #[ts(type = "string")]
    pub seq: Seq,
    pub event: EventId,
    pub type_name: String,
    /// Why it could not be applied the last time.
    pub error: String,
    pub at: DateTime<Utc>,
    /// How often it was driven again in vain.
    pub tries: u32,
    /// What became of it; none while it stands in quarantine.
    pub settled: Option<QuarantineSettled>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct QuarantineSettled {
    pub fate: QuarantineFate,
    pub at: DateTime<Utc>,
    /// The member of staff who decided.
    pub by: CustomerId,
    /// Why, where it was discarded.
    pub reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum QuarantineFate {
    /// Driven again, with effect.
    Applied,
    /// Driven again, and nothing was left to do: its id had been applied, or a newer revision is in force.
    NotNeeded,
    Discarded,
}

/// A quarantined record with its bytes, as they came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct QuarantineRecord {
    pub record: QuarantineView,
    pub raw: String,
}

/// An operator decides something that no machine may; the reason stands in the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct OperatorDecision {
    /// 1 to 200 characters.
    pub reason: String,
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
