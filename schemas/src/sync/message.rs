//! The six messages of `aisle-sync/1` (SYNC.md 1, 2.14).
//!
//! Owns their bodies and the envelope around them ([`Message`]). Decoding checks size, depth, type and the extensions that the message
//! must carry, so that what it returns is complete. On failure: [`EventError`].

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::position::{Count, Epoch, Mark, Nonce, PerStream, Seq, Session, Stream, Term};
use crate::{
    event::{self, EventError, EventType, JsonContent, Source, SpecVersion},
    ids::{EventId, InstanceId},
    limits::{BATCH_BYTES_MAX, HELLO_LIST_MAX, JSON_DEPTH_MAX},
};

/// A body that travels in its own message.
pub trait Body: Serialize + DeserializeOwned {
    /// CloudEvents `type`.
    const TYPE: EventType;
    /// Extensions that must be present: session, term, stream, epoch.
    const NEEDS: [bool; 4];
    /// Limits that serde cannot express.
    fn check(&self) -> Result<(), EventError> {
        Ok(())
    }
}

/// A message: envelope and body. `term` is on every message of the cloud and on none of a node.
#[derive(Debug, Clone, PartialEq)]
pub struct Message<B> {
    pub id: EventId,
    pub source: Source,
    pub time: DateTime<Utc>,
    pub session: Option<Session>,
    pub term: Option<Term>,
    pub stream: Option<Stream>,
    pub epoch: Option<Epoch>,
    pub body: B,
}

#[derive(Serialize, Deserialize)]
struct Wire<B> {
    specversion: SpecVersion,
    id: EventId,
    source: Source,
    #[serde(rename = "type")]
    ty: EventType,
    time: DateTime<Utc>,
    datacontenttype: JsonContent,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<Session>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    term: Option<Term>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stream: Option<Stream>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    epoch: Option<Epoch>,
    data: B,
}

impl<B: Body> Message<B> {
    /// The message as CloudEvents JSON.
    pub fn encode(&self) -> Vec<u8>
    where
        B: Clone,
    {
        let wire = Wire {
            specversion: SpecVersion::V1,
            id: self.id,
            source: self.source.clone(),
            ty: B::TYPE,
            time: self.time,
            datacontenttype: JsonContent::Json,
            session: self.session,
            term: self.term,
            stream: self.stream,
            epoch: self.epoch,
            data: self.body.clone(),
        };
        serde_json::to_vec(&wire).expect("messages hold only strings, numbers and maps keyed by strings")
    }

    /// Parses a message of at most `BATCH_BYTES_MAX` bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, EventError> {
        if bytes.len() > BATCH_BYTES_MAX {
            return Err(EventError::new("json", format!("{} bytes are more than {BATCH_BYTES_MAX}", bytes.len())));
        }
        event::check_depth(bytes, JSON_DEPTH_MAX)?;
        let wire: Wire<B> = serde_json::from_slice(bytes).map_err(|error| event::name_field(bytes, &error))?;
        if wire.ty != B::TYPE {
            return Err(EventError::new("type", format!("must be {}", B::TYPE)));
        }
        let has = [wire.session.is_some(), wire.term.is_some(), wire.stream.is_some(), wire.epoch.is_some()];
        for ((name, needed), has) in ["session", "term", "stream", "epoch"].into_iter().zip(B::NEEDS).zip(has) {
            if needed && !has {
                return Err(EventError::new(name, "is missing"));
            }
        }
        wire.data.check()?;
        let Wire { specversion: _, id, source, ty: _, time, datacontenttype: _, session, term, stream, epoch, data } = wire;
        Ok(Self { id, source, time, session, term, stream, epoch, body: data })
    }
}

/// Where one up stream of a node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UpState {
    /// Lowest seq still on the disk; in class B the seq above which no deletion marker was purged.
    pub kept: Seq,
    /// Seq that the next record will get.
    pub next: Seq,
}

/// What a node knows of the cloud's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DownState {
    /// Absent before the first contact (AS-073).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
    /// Highest mark applied.
    pub mark: Mark,
    pub cursors: PerStream<Seq>,
}

/// Body of HELLO.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hello {
    pub nonce: Nonce,
    pub mark: Mark,
    /// Earlier epochs of this log, newest last.
    pub lineage: Vec<Epoch>,
    /// Records not yet applied by the cloud.
    pub pending: Count,
    pub software: String,
    /// Families of payloads that this node may send, e.g. `aisle.visit.v1`.
    pub schemas: Vec<String>,
    pub up: PerStream<UpState>,
    pub down: DownState,
}

/// Answer to HELLO (table 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WelcomeCode {
    Ok,
    Later,
    Unsupported,
    Replaced,
    DiskBehind,
    Superseded,
    CloneSuspected,
    /// A code of a newer cloud.
    #[serde(other)]
    Unknown,
}

/// Batches and bytes that one node may have under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Credit {
    pub batches: u32,
    pub bytes: u32,
}

/// What WELCOME says of the cloud's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DownLog {
    pub epoch: Epoch,
}

/// Body of WELCOME: echoes what the owner has stored in every code but `later` (AS-064).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Welcome {
    pub nonce: Nonce,
    pub code: WelcomeCode,
    /// With `later`, `unsupported` and `clone_suspected`: wait that long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_ms: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
    #[serde(default)]
    pub cursors: PerStream<Seq>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit: Option<Credit>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down: Option<DownLog>,
}

/// Body of a BATCH's first element: every surviving record with after < seq ≤ to follows (AS-025).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BatchHeader {
    pub after: Seq,
    pub to: Seq,
    pub mark: Mark,
    /// Documents of the new epoch's first numbering end here (AS-062); 0 where there is none.
    pub base: Seq,
    /// Records of the stream that wait behind this batch.
    pub left: Count,
}

/// What ACK asks of its reader beyond moving cursors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AckCode {
    Ok,
    /// Say HELLO: step is lost.
    Hello,
    #[serde(other)]
    Unknown,
}

/// Why a stream did not advance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Nack {
    /// A gap: go back to the cursor.
    Resend,
    /// Could not be read, or class A with a hole.
    Bad,
    /// On hold after poison records.
    Held,
    #[serde(other)]
    Unknown,
}

/// Body of ACK. Cursors are cumulative; the envelope's epoch is the acknowledged log's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ack {
    pub code: AckCode,
    #[serde(default)]
    pub cursors: PerStream<Seq>,
    #[serde(default)]
    pub nack: PerStream<Nack>,
    /// From the cloud.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit: Option<Credit>,
    /// From the node: records not yet applied by the cloud.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Count>,
}

/// Whether a node is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NodeStatus {
    Online,
    /// Stopped in order.
    Offline,
    /// Said by the broker for it, or by the owner's lease.
    Lost,
    #[serde(other)]
    Unknown,
}

/// Body of PRESENCE: birth, orderly stop and will.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Presence {
    pub status: NodeStatus,
}

/// Body of STATE: who owns the partition; its term is an extension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct State {
    /// `cloud.{instance}`.
    pub instance: String,
}

impl State {
    pub fn of(instance: &InstanceId) -> Self {
        Self { instance: format!("cloud.{instance}") }
    }
}

impl Body for Hello {
    const TYPE: EventType = EventType::literal("aisle.sync.hello.v1");
    const NEEDS: [bool; 4] = [true, false, false, true];
    fn check(&self) -> Result<(), EventError> {
        if self.lineage.len() > HELLO_LIST_MAX || self.schemas.len() > HELLO_LIST_MAX {
            return Err(EventError::new("data", format!("lineage and schemas hold at most {HELLO_LIST_MAX} entries")));
        }
        Ok(())
    }
}
impl Body for Welcome {
    const TYPE: EventType = EventType::literal("aisle.sync.welcome.v1");
    const NEEDS: [bool; 4] = [true, true, false, false];
}
impl Body for BatchHeader {
    const TYPE: EventType = EventType::literal("aisle.sync.batch.v1");
    const NEEDS: [bool; 4] = [true, false, true, true];
    fn check(&self) -> Result<(), EventError> {
        if self.after > self.to { Err(EventError::new("data", "after is above to")) } else { Ok(()) }
    }
}
impl Body for Ack {
    const TYPE: EventType = EventType::literal("aisle.sync.ack.v1");
    const NEEDS: [bool; 4] = [true, false, false, true];
}
impl Body for Presence {
    const TYPE: EventType = EventType::literal("aisle.node.presence.v1");
    const NEEDS: [bool; 4] = [true, false, false, false];
}
impl Body for State {
    const TYPE: EventType = EventType::literal("aisle.partition.state.v1");
    const NEEDS: [bool; 4] = [false, true, false, false];
}
