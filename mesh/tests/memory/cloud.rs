//! A cloud's database in memory.
//!
//! Owns [`MemoryCloud`]: the rows of each node and the term that fences every write of an owner (AS-034). Takes what an owner's driver asks,
//! and the term under which it asks it; a transaction can be left open ([`MemoryCloud::begin_apply`]) by an owner that hangs. The only time
//! it sees is that of its callers. Checks at every commit of an owner that its term is the newest (I6). On failure: [`Fault`]s that were set.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use aisle_mesh::sync::{
    hello::{self, Decision, HelloOutcome, HelloRequest, NodeRow, SeenNode},
    log::*,
    ownership::{PartitionStore, Survey},
    partition::Tenure,
    turn::Moment,
};
use aisle_schemas::{
    event::Event,
    ids::{InstanceId, NodeId, Partition},
    sync::*,
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Fault, ReceiveDisk, SendDisk, apply, failed, transact};

/// After this the database ends a transaction whose owner says nothing (AS-088).
pub const TRANSACTION_MAX: Duration = Duration::from_secs(3);

/// What a cloud's database holds of one node.
#[derive(Debug, Clone)]
pub struct CloudNode {
    pub send: SendDisk,
    pub receive: ReceiveDisk,
    pub seen: bool,
    pub open_term: Term,
    pub last_message_at: Option<DateTime<Utc>>,
    pub presence: Option<NodeStatus>,
    pub reclaim: bool,
}

/// A receive transaction that has done everything but commit.
#[derive(Debug)]
pub struct Paused {
    term: Option<Term>,
    begun: Moment,
    after: Result<(ReceiveDisk, Applied), ApplyError>,
}

/// A cloud's database.
#[derive(Debug)]
struct Database {
    nodes: Mutex<BTreeMap<NodeId, CloudNode>>,
    /// Newest of each partition.
    terms: Mutex<BTreeMap<Partition, Term>>,
    fault: Mutex<Option<Fault>>,
}

/// The database as one owner sees it.
#[derive(Debug)]
pub struct MemoryCloud {
    database: Arc<Database>,
    /// Term of whoever asks; `None` before it owns anything.
    acting: Option<Term>,
    instance: InstanceId,
}

impl MemoryCloud {
    pub fn new(nodes: &[NodeId], random: u64) -> Self {
        let row = || CloudNode {
            send: SendDisk::new(Direction::Down, random),
            receive: ReceiveDisk::default(),
            seen: false,
            open_term: Term::ZERO,
            last_message_at: None,
            presence: None,
            reclaim: false,
        };
        let nodes = nodes.iter().map(|node| (node.clone(), row())).collect();
        let database = Database { nodes: Mutex::new(nodes), terms: Mutex::new(BTreeMap::new()), fault: Mutex::new(None) };
        Self { database: Arc::new(database), acting: None, instance: InstanceId::parse("eu1-a").unwrap() }
    }
    /// A term above all before, as every new owner takes one.
    pub fn take(&self, partition: Partition) -> Term {
        let mut terms = self.database.terms.lock().unwrap();
        let next = terms.values().max().copied().unwrap_or(Term::new(100)).next();
        terms.insert(partition, next);
        next
    }
    /// Newest term of a partition; 0 before anybody took it.
    pub fn term(&self, partition: Partition) -> Term {
        self.database.terms.lock().unwrap().get(&partition).copied().unwrap_or(Term::ZERO)
    }
    /// How the next transaction fails.
    pub fn set_fault(&self, fault: Option<Fault>) {
        *self.database.fault.lock().unwrap() = fault;
    }
    pub fn with<T>(&self, node: &NodeId, change: impl FnOnce(&mut CloudNode) -> T) -> T {
        change(self.database.nodes.lock().unwrap().get_mut(node).unwrap())
    }
    /// Whether the fence lets this owner through (AS-034).
    fn holds(&self, node: &NodeId) -> bool {
        self.acting == Some(self.term(node.partition()))
    }
    fn change<T>(&self, node: &NodeId, change: impl FnOnce(&mut CloudNode) -> T) -> Result<T, LogError> {
        let fault = self.database.fault.lock().unwrap().take();
        if !self.holds(node) {
            return Err(LogError::Fenced);
        }
        self.with(node, |row| transact(row, fault, change)).map_err(LogError::Storage)
    }

    /// Any instance accepts a record for the node. Mark and high are committed with it where the session is open in the newest term.
    pub fn accept(&self, node: &NodeId, stream: Stream, event: &Event, reserve: bool) -> Logged {
        let term = self.term(node.partition());
        self.with(node, |row| {
            let open = row.seen && row.open_term == term;
            row.send.accept(stream, event, reserve && open)
        })
    }

    /// Begins a receive transaction and leaves it open.
    pub fn begin_apply(&self, node: &NodeId, batch: &ReceivedBatch, now: Moment) -> Paused {
        let after = if self.holds(node) {
            let mut receive = self.with(node, |row| row.receive.clone());
            receive.apply(batch).map(|applied| (receive, applied))
        } else {
            Err(ApplyError::Fenced)
        };
        Paused { term: self.acting, begun: now, after }
    }

    /// Commits it, unless the database has ended it meanwhile. Nobody could take the partition before that.
    pub fn end_apply(&self, node: &NodeId, paused: Paused, now: Moment) -> Result<Applied, ApplyError> {
        let (receive, applied) = paused.after?;
        if now.since(paused.begun) >= TRANSACTION_MAX {
            return Err(ApplyError::Transient(failed()));
        }
        assert_eq!(paused.term, Some(self.term(node.partition())), "I6: an owner commits under a term that is over");
        self.with(node, |row| row.receive = receive);
        Ok(applied)
    }
}

#[async_trait]
impl SendLog for MemoryCloud {
    async fn state(&self, node: &NodeId) -> Result<SendState, LogError> {
        self.change(node, |row| row.send.state())
    }
    async fn read(&self, node: &NodeId, stream: Stream, after: Seq, max_records: usize, max_bytes: usize) -> Result<Rows, LogError> {
        self.change(node, |row| row.send.read(stream, after, max_records, max_bytes))
    }
    async fn commit_sent(&self, node: &NodeId, epoch: Epoch, stream: Stream, high: Seq) -> Result<Mark, LogError> {
        self.change(node, |row| row.send.commit_sent(epoch, stream, high))?
    }
    async fn commit_acked(&self, node: &NodeId, epoch: Epoch, stream: Stream, acked: Seq) -> Result<(), LogError> {
        self.change(node, |row| row.send.commit_acked(epoch, stream, acked))
    }
    async fn begin_epoch(&self, node: &NodeId, request: &EpochRequest) -> Result<Epoch, LogError> {
        self.change(node, |row| row.send.begin_epoch(request))
    }
}

#[async_trait]
impl ReceiveLog for MemoryCloud {
    async fn apply(&self, node: &NodeId, batch: &ReceivedBatch) -> Result<Applied, ApplyError> {
        let fault = self.database.fault.lock().unwrap().take();
        if !self.holds(node) {
            return Err(ApplyError::Fenced);
        }
        self.with(node, |row| apply(row, fault, |row| row.receive.apply(batch)))
    }
}

#[async_trait]
impl PartitionStore for MemoryCloud {
    fn tenure(&self) -> Tenure {
        Tenure::Alone
    }
    fn instance(&self) -> &InstanceId {
        &self.instance
    }
    async fn survey(&self, _: bool, _: bool) -> Result<Survey, LogError> {
        Ok(Survey::default())
    }
    async fn acquire(&self, wish: &[Partition], _: bool) -> Result<Vec<(Partition, Term)>, LogError> {
        Ok(wish.iter().map(|part| (*part, self.take(*part))).collect())
    }
    async fn renew(&self, held: &[(Partition, Term)]) -> Result<Vec<Partition>, LogError> {
        Ok(held.iter().map(|(part, _)| *part).collect())
    }
    async fn release(&self, _: &[(Partition, Term)]) -> Result<(), LogError> {
        Ok(())
    }
    async fn leave(&self) -> Result<(), LogError> {
        Ok(())
    }
    fn let_go(&self, _: Partition) {}
}

#[async_trait]
impl OwnerStore for MemoryCloud {
    fn under(self: &Arc<Self>, term: Term) -> Arc<Self> {
        Arc::new(Self { database: Arc::clone(&self.database), acting: Some(term), instance: self.instance.clone() })
    }
    async fn hello(&self, node: &NodeId, request: &HelloRequest) -> Result<HelloOutcome, LogError> {
        if !self.database.nodes.lock().unwrap().contains_key(node) {
            let down = SendDisk::new(Direction::Down, 0).state();
            return Ok(HelloOutcome { decision: hello::decide(request, None), seen: None, down });
        }
        self.change(node, |row| {
            let stored = row.receive.log.filter(|_| row.seen);
            let seen = stored.map(|(session, epoch)| SeenNode { epoch, session, mark: row.receive.mark, cursors: row.receive.cursors() });
            let view = NodeRow {
                enrolled: true,
                active: true,
                reclaim: row.reclaim,
                seen,
                last_message_at: row.last_message_at,
                down: row.send.state(),
            };
            let decision = hello::decide(request, Some(&view));
            let mut after = seen;
            if let Decision::Accept { write, down_epoch } = &decision {
                (row.seen, row.open_term) = (true, write.open_term);
                row.receive.log = Some((write.seen.session, write.seen.epoch));
                if write.cursors_reset {
                    row.receive.cursors.clear();
                    row.receive.poison.clear();
                }
                row.last_message_at = Some(request.now);
                row.reclaim &= !write.clear_reclaim;
                if let Some(request) = down_epoch {
                    row.send.begin_epoch(request);
                }
                after = Some(SeenNode { cursors: row.receive.cursors(), ..write.seen });
            }
            HelloOutcome { decision, seen: after, down: row.send.state() }
        })
    }
    async fn presence(&self, node: &NodeId, session: Session, status: NodeStatus, _: DateTime<Utc>) -> Result<bool, LogError> {
        self.change(node, |row| {
            let current = row.seen && row.receive.log.is_some_and(|(stored, _)| stored == session);
            if current {
                row.presence = Some(status);
            }
            current
        })
    }
    async fn touch(&self, heard: &[(NodeId, Heard)], at: DateTime<Utc>) -> Result<(), LogError> {
        for (node, _) in heard {
            self.with(node, |row| row.last_message_at = Some(at));
        }
        Ok(())
    }
    async fn expire_presence(&self, expiry: &PresenceExpiry) -> Result<Vec<NodeId>, LogError> {
        let mut lost = Vec::new();
        for (node, row) in self.database.nodes.lock().unwrap().iter_mut() {
            let silent = expiry.silent_before.is_some_and(|before| row.last_message_at.is_some_and(|at| at < before));
            if silent && row.presence != Some(NodeStatus::Lost) {
                row.presence = Some(NodeStatus::Lost);
                lost.push(node.clone());
            }
        }
        Ok(lost)
    }
}
