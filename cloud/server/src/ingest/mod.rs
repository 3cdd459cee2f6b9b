//! What comes from stores: the owner's side of the sync protocol, on the cloud's database.
//!
//! Owns [`Ingest`], which implements the mesh's log traits. Takes batches, HELLOs and presence of nodes; writes projections, journal, outbox
//! and cursor in one transaction each, fenced by the owner's term; emits what was committed through the [`Feed`], after the commit. On
//! failure nothing is visible and the sync machines decide; a record that cannot be applied goes to quarantine.

mod acks;
mod apply;
mod effects;
mod feed;
mod handover;
mod hello;
mod leases;
pub mod redrive;
mod send_log;
mod together;

use leases::Terms;

pub use acks::PendingAcks;
pub use feed::{Committed, FEED_ROWS_MAX, Feed, FeedSource};

use std::sync::Arc;

use aisle_mesh::{
    clock::Clock,
    sync::{
        hello::{HelloOutcome, HelloRequest},
        log::{Applied, ApplyError, Heard, LogError, OwnerStore, PresenceExpiry, ReceiveLog, ReceivedBatch},
    },
};
use aisle_schemas::{
    http::cloud::NodeState,
    ids::{InstanceId, NodeId, Partition},
    sync::{NodeStatus, Session, Term},
};
use aisle_store::{
    Db, Message, OutboxNew, OutboxRow, StoreError, Tx, down_log,
    node::{self, HeardNode},
    outbox,
    term::{self, Holder},
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};

/// The owner's store. Clones share terms and acknowledgements, as they are one owner.
#[derive(Clone)]
pub struct Ingest {
    db: Db,
    clock: Arc<dyn Clock>,
    feed: Feed,
    /// Whose leases stand behind the terms.
    instance: InstanceId,
    /// Terms under which this owner writes.
    terms: Arc<Terms>,
    /// The one term under which this value writes about a node: that of the task that has it.
    under: Option<Term>,
    acks: PendingAcks,
    gatherer: together::Gatherer,
}

impl Ingest {
    /// The store of one owner, in the running tokio runtime. What it commits is told through `feed`.
    pub fn new(db: Db, clock: Arc<dyn Clock>, feed: Feed, instance: InstanceId) -> Self {
        let gatherer = together::Gatherer::start(db.clone(), feed.clone());
        Self { db, clock, feed, instance, terms: Arc::default(), under: None, acks: PendingAcks::default(), gatherer }
    }

    /// What nodes acknowledged and is not written yet.
    pub fn acks(&self) -> PendingAcks {
        self.acks.clone()
    }

    /// What is claimed about the node's partition: the term of whoever writes, which is fenced at once where it is not this instance's any more.
    fn holder(&self, node: &NodeId) -> Holder {
        let held = self.terms.of(node.partition());
        let term = if self.under.is_none_or(|under| under == held) { held } else { Term::ZERO };
        Holder { owner: self.instance.clone(), term }
    }

    /// What this owner claims at all.
    fn claimed(&self) -> Claimed {
        Claimed { owner: self.instance.clone(), held: self.terms.held() }
    }
}

impl Ingest {
    /// Writes what nodes acknowledged, in a transaction of its own: it locks the heads of their logs, for which whoever owes them something
    /// waits. What concerns partitions of others is left to them.
    async fn write_acks(&self) -> Result<(), LogError> {
        let acked = self.acks.take_all();
        if acked.is_empty() {
            return Ok(());
        }
        let (claimed, work) = (self.claimed(), acked.clone());
        let work = async move |tx: &mut Tx| {
            let held = claimed.fence(tx).await?;
            let work: Vec<_> = work.into_iter().filter(|(node, _)| held.contains(&node.partition())).collect();
            Ok::<_, OwnerError>(down_log::note_acked(tx, &work).await?)
        };
        let written = self.db.write(move |tx| Box::pin(async move { work(tx).await })).await;
        if written.is_err() {
            self.acks.put_back(acked);
        }
        written.map_err(LogError::from)
    }
}

/// A storage failure as the sync driver knows it.
fn log_error(error: StoreError) -> LogError {
    LogError::Storage(Box::new(error))
}

/// Why a write of the owner did not happen.
enum OwnerError {
    Fenced,
    Store(StoreError),
}

impl From<StoreError> for OwnerError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<OwnerError> for LogError {
    fn from(error: OwnerError) -> Self {
        match error {
            OwnerError::Fenced => Self::Fenced,
            OwnerError::Store(error) => log_error(error),
        }
    }
}

/// Partitions that an owner claims, for writes about many nodes.
struct Claimed {
    owner: InstanceId,
    held: Vec<(Partition, Term)>,
}

impl Claimed {
    /// Fences the write: those of the partitions that are still held, kept so until it commits.
    async fn fence(&self, tx: &mut Tx) -> Result<Vec<Partition>, OwnerError> {
        let held = term::still_held(tx, &self.owner, &self.held).await?;
        if held.is_empty() { Err(OwnerError::Fenced) } else { Ok(held) }
    }
}

/// Tells the fleet that nodes changed.
async fn put_presence(tx: &mut Tx, db: &Db, nodes: &[NodeId], state: NodeState, at: DateTime<Utc>) -> Result<Vec<OutboxRow>, StoreError> {
    let message = |node: &NodeId| OutboxNew { message: Message::Presence { node: node.clone(), state, at }, traceparent: None, at };
    outbox::put(tx, db, nodes.iter().map(message).collect()).await
}

#[async_trait]
impl ReceiveLog for Ingest {
    async fn apply(&self, node: &NodeId, batch: &ReceivedBatch) -> Result<Applied, ApplyError> {
        let work =
            apply::Work { node: node.clone(), batch: batch.clone(), holder: self.holder(node), now: self.clock.now(), db: self.db.clone() };
        let done = self.gatherer.apply(work).await?;
        metrics::counter!("aisle_ingest_records_total", "stream" => batch.stream.as_str(), "fate" => "applied")
            .increment(done.applied_records);
        if done.applied.quarantined > 0 {
            metrics::counter!("aisle_ingest_records_total", "stream" => batch.stream.as_str(), "fate" => "quarantined")
                .increment(u64::from(done.applied.quarantined));
            tracing::error!(%node, stream = %batch.stream, records = done.applied.quarantined, "ingest.record.quarantined");
        }
        for loss in &done.losses {
            metrics::counter!("aisle_loss_records_total", "stream" => loss.stream.as_str(), "kind" => loss.kind.as_str())
                .increment(loss.records);
            tracing::warn!(%node, stream = %loss.stream, kind = loss.kind.as_str(), records = loss.records, "ingest.record.lost");
        }
        Ok(done.applied)
    }
}

#[async_trait]
impl OwnerStore for Ingest {
    fn under(self: &Arc<Self>, term: Term) -> Arc<Self> {
        Arc::new(Self { under: Some(term), ..Self::clone(self) })
    }

    async fn hello(&self, node: &NodeId, request: &HelloRequest) -> Result<HelloOutcome, LogError> {
        let acked = self.acks.take(node);
        let work = hello::Work { node: node.clone(), request: request.clone(), holder: self.holder(node), acked, db: self.db.clone() };
        let decided = self.db.write(move |tx| Box::pin(async move { hello::run(tx, &work).await })).await;
        if decided.is_err() {
            self.acks.put_back(acked.map(|acked| (node.clone(), acked)).into_iter().collect());
        }
        let (outcome, rows) = decided.map_err(LogError::from)?;
        self.feed.push(Committed { outbox: rows, logged: Vec::new(), reread: false });
        Ok(outcome)
    }

    async fn presence(&self, node: &NodeId, session: Session, status: NodeStatus, at: DateTime<Utc>) -> Result<bool, LogError> {
        let (db, holder, node) = (self.db.clone(), self.holder(node), node.clone());
        let work = async move |tx: &mut Tx| {
            if !term::holds(tx, node.partition(), &holder).await? {
                return Err(OwnerError::Fenced);
            }
            let state = match status {
                NodeStatus::Online => NodeState::Online,
                NodeStatus::Offline => NodeState::Offline,
                NodeStatus::Lost => return Ok((node::note_will(tx, &node, session, at).await?, Vec::new())),
                NodeStatus::Unknown => return Ok((false, Vec::new())),
            };
            if !node::set_presence(tx, &node, session, state, at).await? {
                return Ok((false, Vec::new()));
            }
            Ok((true, put_presence(tx, &db, std::slice::from_ref(&node), state, at).await?))
        };
        let (taken, rows) = self.db.write(move |tx| Box::pin(async move { work(tx).await })).await.map_err(LogError::from)?;
        self.feed.push(Committed { outbox: rows, logged: Vec::new(), reread: false });
        Ok(taken)
    }

    async fn touch(&self, heard: &[(NodeId, Heard)], at: DateTime<Utc>) -> Result<(), LogError> {
        let (db, claimed, heard) = (self.db.clone(), self.claimed(), heard.to_vec());
        let work = async move |tx: &mut Tx| {
            let held = claimed.fence(tx).await?;
            let ours = heard.into_iter().filter(|(node, _)| held.contains(&node.partition()));
            let heard: Vec<_> =
                ours.map(|(node, Heard { session, skew })| HeardNode { node, session, clock_skew_s: skew.num_seconds() }).collect();
            let back = node::touch(tx, &heard, at).await?;
            Ok::<_, OwnerError>(put_presence(tx, &db, &back, NodeState::Online, at).await?)
        };
        let rows = self.db.write(move |tx| Box::pin(async move { work(tx).await })).await.map_err(LogError::from)?;
        self.feed.push(Committed { outbox: rows, logged: Vec::new(), reread: false });
        Ok(())
    }

    async fn expire_presence(&self, expiry: &PresenceExpiry) -> Result<Vec<NodeId>, LogError> {
        self.write_acks().await?;
        let (db, claimed, expiry, now) = (self.db.clone(), self.claimed(), *expiry, self.clock.now());
        let work = async move |tx: &mut Tx| {
            let held = claimed.fence(tx).await?;
            let lost = node::expire(tx, &held, expiry.silent_before, expiry.will_before, now).await?;
            let rows = put_presence(tx, &db, &lost, NodeState::Lost, now).await?;
            Ok::<_, OwnerError>((lost, rows))
        };
        let (lost, rows) = self.db.write(move |tx| Box::pin(async move { work(tx).await })).await.map_err(LogError::from)?;
        self.feed.push(Committed { outbox: rows, logged: Vec::new(), reread: false });
        Ok(lost)
    }
}
