//! What a node says of its own log and of itself: losses, new epochs, budget, alarms.
//!
//! Owns the bodies of `aisle.log.lost.v1`, `aisle.log.epoch.v1` and of the reported document `node/self`. Rules are in `mesh` and `nodes/agent`.
//! A reason that this version does not know reads as `unknown`, so that an older cloud still counts the loss.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::sync::{Count, Epoch, Seq, Stream};

/// Why records never arrive (SYNC.md, AS-056, AS-060, AS-063).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum LossReason {
    /// The class had used its share of the disk.
    Budget,
    /// The disk had no byte left.
    DiskFull,
    /// Whether the receiver has them cannot be known after a new epoch.
    Ambiguous,
    /// The receiver was set back, and the sender no longer has them.
    ReceiverRestored,
    #[serde(other)]
    Unknown,
}

impl LossReason {
    /// The word on the wire, in metrics and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Budget => "budget",
            Self::DiskFull => "disk_full",
            Self::Ambiguous => "ambiguous",
            Self::ReceiverRestored => "receiver_restored",
            Self::Unknown => "unknown",
        }
    }
}

/// Body of `aisle.log.lost.v1`: records of one stream that will not arrive. `from` and `to` are both lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct LogLost {
    #[ts(type = "string")]
    pub stream: Stream,
    #[ts(type = "string")]
    pub epoch: Epoch,
    #[ts(type = "string")]
    pub from: Seq,
    #[ts(type = "string")]
    pub to: Seq,
    /// Records that stood in the range; fewer than its length where there were holes before.
    #[ts(type = "string")]
    pub count: Count,
    #[ts(type = "string")]
    pub bytes: Count,
    pub reason: LossReason,
}

/// Why a log began a new epoch (AS-061).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum EpochCause {
    /// This disk was set back.
    DiskBehind,
    /// The receiver was set back further than this log reaches.
    PeerBehind,
    /// Rows that must be there are gone.
    RowsMissing,
    /// An operator asked for it.
    Operator,
    #[serde(other)]
    Unknown,
}

/// Body of `aisle.log.epoch.v1`: logged in `audit` when a new epoch begins, after what is logged again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct LogEpoch {
    #[ts(type = "string")]
    pub epoch: Epoch,
    #[ts(type = "string | null")]
    pub previous: Option<Epoch>,
    pub cause: EpochCause,
}

/// Something on a node that a person should look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum NodeAlarm {
    /// Class A has used 80 % of its share (AS-054).
    StorageNearlyFull,
    /// New work is refused (AS-054).
    StorageFull,
    /// The disk has no byte left; the ballast was given up (AS-056).
    DiskFull,
    /// Another box connects under this identity (AS-068).
    IdentityInUse,
    /// The clock differs from the cloud's by more than 30 s (AS-094).
    ClockOff,
    /// The certificate ends within 30 days: its renewal has failed for as long (AS-107).
    CertificateDue,
    /// The certificate has ended: the store works, the cloud does not hear it (AS-107).
    CertificateExpired,
    /// The disk was set back, and the log has begun a new epoch (AS-065).
    DiskBehind,
    /// The cloud holds back a stream of poisoned records (AS-050).
    StreamHeld,
    /// A box with an older state of this disk called while the box itself was heard (AS-066).
    CloneSuspected,
    /// Another history of this node was accepted; an operator must re-claim it (AS-067).
    Superseded,
    /// Another node is active for the store (AS-067).
    Replaced,
    /// Its software says what this cloud does not know (AS-103).
    Unsupported,
    #[serde(other)]
    Unknown,
}

/// One class of the log's disk budget (AS-053).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ClassBudget {
    #[ts(type = "string")]
    pub used_bytes: Count,
    #[ts(type = "string")]
    pub budget_bytes: Count,
    /// Accepted and not yet applied.
    #[ts(type = "string")]
    pub pending: Count,
}

/// Body of the reported document `node/self`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct NodeReport {
    pub software: String,
    /// Sorted, each at most once.
    pub alarms: Vec<NodeAlarm>,
    /// Must never be lost.
    pub class_a: ClassBudget,
    /// May be dropped, oldest first, and counted.
    pub class_c: ClassBudget,
    /// Days that class A can go on without the cloud at the mean of the last seven days (AS-059); none before there is a mean.
    pub offline_days: Option<u32>,
    pub at: DateTime<Utc>,
}
