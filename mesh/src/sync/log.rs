//! What the sync shells ask of durable storage.
//!
//! Owns traits and their value types; implemented by the node's journal (SQLite) and by the cloud's store (PostgreSQL and SQLite). Both ends
//! hold numbered logs and cursors; neither machine nor driver ever holds the only copy of anything. On failure: [`LogError`] and
//! [`ApplyError`], whose variants are what the machines can act on.
//!
//! **AS-011 without a second fsync.** A BATCH may leave once mark + 1 and the stream's highest seq sent are committed. The transaction that
//! accepts records may do that itself: it raises `mark` by one, sets `high` to the new head, and tells the sender through
//! [`Logged::reserved`]; a batch that ends at or below that head then leaves with that mark and no further commit. This is safe because what
//! a mark must show is that a disk which has it also has every record sent under it. Do not reserve in class C unless the link is open: rows
//! up to `high` may not be dropped when the budget runs out (AS-057).

use std::sync::Arc;

use aisle_schemas::{
    event::{Event, FRAME_BYTES_MAX},
    ids::{EventId, NodeId},
    sync::{Count, DownState, Epoch, Mark, NodeStatus, PerStream, Seq, Session, Stream, Term},
};
use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};

use super::{
    hello::{HelloOutcome, HelloRequest},
    ownership::PartitionStore,
};

/// A storage error as its driver gave it.
pub type StorageSource = Box<dyn std::error::Error + Send + Sync>;

/// Why a log could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The database failed; asking again later may help.
    #[error("log storage failed")]
    Storage(#[source] StorageSource),
    /// The caller's term or session is no longer the current one: it must stop.
    #[error("fenced by a newer term or session")]
    Fenced,
    /// The log has begun another epoch since the caller's session was opened: its numbers mean something else now.
    #[error("the log is in another epoch")]
    OtherEpoch,
}

/// Checksum of a stored record (AS-007).
pub fn checksum(event: &[u8]) -> u32 {
    crc32c::crc32c(event)
}

/// One record on the sender's disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRow {
    pub seq: Seq,
    /// From its own column, so that a corrupt row still has its name.
    pub id: EventId,
    /// CloudEvent JSON without stream, epoch, seq and relogof, as `Event::to_stored` makes it (AS-006).
    pub event: Bytes,
    /// [`checksum`] of `event` at acceptance.
    pub crc: u32,
    /// `epoch/seq` of the record before the newest epoch began.
    pub relogof: Option<String>,
}

impl LogRow {
    /// Whether the bytes are those that were accepted.
    pub fn is_intact(&self) -> bool {
        checksum(&self.event) == self.crc
    }
    /// Upper bound of what the record adds to a BATCH: what `SendLog::read` counts against `max_bytes`.
    pub fn wire_bytes(&self) -> usize {
        self.event.len() + FRAME_BYTES_MAX
    }
}

/// Part of a stream, as read in one snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    /// Epoch of the log in that snapshot.
    pub epoch: Epoch,
    /// Every surviving record with after < seq ≤ `to`, rising.
    pub rows: Vec<LogRow>,
    /// The last row's seq where a limit ended the read, else the stream's highest allocated seq.
    pub to: Seq,
    /// Seqs above `to`.
    pub left: Count,
}

/// Where one stream of a log stands on its sender's disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamState {
    /// Lowest seq still on disk, or `next` where there is none; class B: seq above which no deletion marker was purged.
    pub kept: Seq,
    /// Seq that the next record gets; at least 1.
    pub next: Seq,
    /// Highest seq ever sent.
    pub high: Seq,
    /// Highest seq known to be applied.
    pub acked: Seq,
    /// Class B: documents of the epoch's first numbering end here, else 0 (AS-062).
    pub base: Seq,
}

impl StreamState {
    /// A stream that holds nothing yet.
    pub const EMPTY: Self = Self { kept: Seq::new(1), next: Seq::new(1), high: Seq::ZERO, acked: Seq::ZERO, base: Seq::ZERO };

    /// Highest allocated seq.
    pub const fn head(&self) -> Seq {
        self.next.minus(1)
    }
}

/// Where a log stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendState {
    pub epoch: Epoch,
    pub mark: Mark,
    /// Earlier epochs, newest last, at most `limits::HELLO_LIST_MAX`.
    pub lineage: Vec<Epoch>,
    /// Each stream of the log's direction.
    pub streams: PerStream<StreamState>,
}

/// Tells the sender that records were accepted. Merge by keeping the highest `head` and the newest `reserved`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logged {
    pub stream: Stream,
    /// Highest seq now in the stream.
    pub head: Seq,
    /// Mark that the accepting transaction committed together with `high = head`, if it did.
    pub reserved: Option<Mark>,
}

/// Why a log begins a new epoch (AS-061).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EpochReason {
    /// WELCOME `disk_behind`, or a peer cursor at or above the own `next`: this disk was set back.
    DiskBehind,
    /// A peer cursor below kept − 1 in class A or B: the peer needs rows that are gone.
    PeerBehind,
    /// HELLO names no down epoch, or another (AS-073).
    PeerForeign,
    /// Class-A rows are missing on the own disk.
    RowsMissing,
    /// An operator asked for it.
    Operator,
}

/// A wish for a new epoch, with all that AS-060 needs of the peer. What the peer did not say is `None` or empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochRequest {
    pub reason: EpochReason,
    /// The new epoch's random bits.
    pub random: u64,
    /// Epoch that the peer has stored: the new counter lies above it and above the own, and both join the lineage.
    pub peer_epoch: Option<Epoch>,
    pub peer_cursors: PerStream<Seq>,
    /// The own mark rises at least to this.
    pub mark_min: Mark,
    /// The own session counter rises at least to this (edge).
    pub session_min: u64,
}

/// A log that sends. On the edge it has one peer and `node` is always its own; in the cloud there is one log per node.
#[async_trait]
pub trait SendLog: Send + Sync + 'static {
    /// Where the log stands now.
    async fn state(&self, node: &NodeId) -> Result<SendState, LogError>;

    /// Reads records with seq > `after`: at most `max_records`, and at most `max_bytes` by [`LogRow::wire_bytes`], but at least one row
    /// where there is one. Class B skips what a newer record of the same key replaced; B and C may have holes.
    async fn read(&self, node: &NodeId, stream: Stream, after: Seq, max_records: usize, max_bytes: usize) -> Result<Rows, LogError>;

    /// Commits mark + 1 and high ≥ `high` if the log is still in `epoch`, and returns the new mark (AS-011). In the cloud in a fenced
    /// transaction.
    async fn commit_sent(&self, node: &NodeId, epoch: Epoch, stream: Stream, high: Seq) -> Result<Mark, LogError>;

    /// Notes that `acked` of `epoch` is applied, after which AS-009 may trim; of another epoch it changes nothing (AS-047). May return before
    /// it is durable and may be folded into the next transaction: forgetting it only costs disk until the next WELCOME.
    async fn commit_acked(&self, node: &NodeId, epoch: Epoch, stream: Stream, acked: Seq) -> Result<(), LogError>;

    /// Begins a new epoch in one transaction by AS-060 and returns it.
    async fn begin_epoch(&self, node: &NodeId, request: &EpochRequest) -> Result<Epoch, LogError>;
}

/// One record that came in a BATCH.
#[derive(Debug, Clone)]
pub struct ReceivedRecord {
    pub seq: Seq,
    pub event: Event,
    /// Its bytes as they came, for journal and quarantine.
    pub raw: Bytes,
}

/// How a batch is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplyMode {
    /// All or nothing; the first poison record ends it with [`ApplyError::Poison`].
    Plain,
    /// A savepoint per record: poison records go to quarantine with full bytes and error plus an audit entry, and the cursor passes them
    /// (AS-049). In class A it ends, committed, at the record that brings the run of poison to `limits::POISON_HOLD`.
    Savepoints,
}

/// What one receive transaction shall do (AS-033).
#[derive(Debug, Clone)]
pub struct ReceivedBatch {
    pub stream: Stream,
    /// Must be the stored epoch of the peer's log.
    pub epoch: Epoch,
    /// Must be the stored session of the node.
    pub session: Session,
    /// Cursor that the machine believes; the compare-and-set reads `WHERE seq = cursor` (AS-037).
    pub cursor: Seq,
    pub to: Seq,
    pub mark: Mark,
    /// Class B, if above 0: once the cursor reaches it, documents of older epochs go (AS-062).
    pub base: Seq,
    pub left: Count,
    /// Those with seq > cursor, rising.
    pub records: Vec<ReceivedRecord>,
    pub mode: ApplyMode,
}

/// A committed receive transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// `to`, or below it where poison stopped a class-A stream.
    pub cursor: Seq,
    /// Records that went to quarantine.
    pub quarantined: u32,
    /// Poison records in a row up to the cursor; kept in the cursor row.
    pub poison_run: u32,
}

/// Why a receive transaction rolled back.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The stored cursor is another one.
    #[error("the cursor is {cursor}")]
    Conflict { cursor: Seq },
    /// May pass: deadlock, busy, time-out, lost connection.
    #[error("failed to apply for now")]
    Transient(#[source] StorageSource),
    /// Record `index` of the batch fails for good; `poison_run` stands in the cursor row.
    #[error("record {index} of the batch cannot be applied")]
    Poison {
        index: usize,
        poison_run: u32,
        #[source]
        source: StorageSource,
    },
    /// The caller's term, the batch's epoch or its session is not the current one.
    #[error("fenced by a newer term, epoch or session")]
    Fenced,
}

/// A store that applies what comes. In memory nothing changes before it returns `Ok` (AS-042).
#[async_trait]
pub trait ReceiveLog: Send + Sync + 'static {
    /// One transaction in the order of AS-033. An implementation may commit the batches of several nodes together.
    async fn apply(&self, node: &NodeId, batch: &ReceivedBatch) -> Result<Applied, ApplyError>;
}

/// What only a node's disk keeps.
#[async_trait]
pub trait NodeSessionLog: Send + Sync + 'static {
    /// Commits session counter + 1 (AS-013); the random half is the caller's.
    async fn begin_session(&self, random: u32) -> Result<Session, LogError>;

    /// What was applied of the cloud's log.
    async fn down_state(&self) -> Result<DownState, LogError>;

    /// The cloud stands at these cursors, of which at least one is below what it had acknowledged: moves acked back to them, so that nothing
    /// above is deleted before it is applied again, and first logs as lost what is gone already (AS-047, AS-063).
    async fn return_to(&self, cursors: &PerStream<Seq>) -> Result<(), LogError>;

    /// Makes `epoch` the one whose batches are applied: where it is not stored yet, cursors and mark start at 0 and documents stay in
    /// force until `base` (AS-062).
    async fn adopt_down_epoch(&self, epoch: Epoch) -> Result<DownState, LogError>;
}

/// Everything a node's driver needs of its journal.
pub trait NodeLog: SendLog + ReceiveLog + NodeSessionLog {}
impl<T: SendLog + ReceiveLog + NodeSessionLog> NodeLog for T {}

/// Nodes whose presence lease may have ended (AS-082).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PresenceExpiry {
    /// Nodes whose last committed message is older are lost; `None` while the rule is suspended (AS-083).
    pub silent_before: Option<DateTime<Utc>>,
    /// Wills that came earlier have stood long enough.
    pub will_before: DateTime<Utc>,
}

/// What was heard of a node that commits nothing by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    pub session: Session,
    /// By how much the node's clock is ahead of ours; negative where it is behind. Includes the way of the message, at most 60 s (AS-028).
    pub skew: TimeDelta,
}

/// What the owner of partitions needs of the cloud's database. Writes about one node are fenced by the term of [`OwnerStore::under`]; what
/// concerns several nodes leaves out those whose partition is not held.
#[async_trait]
pub trait OwnerStore: SendLog + ReceiveLog + PartitionStore {
    /// The same store for whoever serves a partition's nodes under `term`: once the partition was let go its writes are fenced, also where
    /// this instance holds it again under a later term.
    fn under(self: &Arc<Self>, term: Term) -> Arc<Self>;

    /// One fenced transaction: reads the node's row, calls [`super::hello::decide`], writes what it says, and begins a new down epoch
    /// where it says so (AS-018).
    async fn hello(&self, node: &NodeId, request: &HelloRequest) -> Result<HelloOutcome, LogError>;

    /// Takes a birth, a stop or a will by compare-and-set on the stored session; `false` where the session is another one (AS-081).
    async fn presence(&self, node: &NodeId, session: Session, status: NodeStatus, at: DateTime<Utc>) -> Result<bool, LogError>;

    /// Renews the presence lease of nodes that were heard of but committed nothing (heartbeats), by compare-and-set on the session, and notes
    /// by how much their clocks are off.
    async fn touch(&self, heard: &[(NodeId, Heard)], at: DateTime<Utc>) -> Result<(), LogError>;

    /// Marks nodes as lost whose lease or will says so, and returns them.
    async fn expire_presence(&self, expiry: &PresenceExpiry) -> Result<Vec<NodeId>, LogError>;
}
