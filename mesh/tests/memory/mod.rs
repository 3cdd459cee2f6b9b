//! Logs in memory with the meaning of the real ones, for the simulation and the driver test.
//!
//! Owns a node's disk and a cloud's database as plain values that survive restarts of the machines. A [`Fault`]
//! fails a transaction before its commit, or after it, which the caller cannot tell apart. Keeps a ledger of effects and checks on
//! every write that no cursor falls (I4) and no effect happens twice (I2) or out of order (I3).
#![allow(dead_code)]

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Mutex, MutexGuard},
};

use aisle_mesh::sync::{
    hello::{self, Decision, HelloOutcome, HelloRequest, NodeRow, SeenNode},
    log::*,
    ownership::{PartitionStore, Survey},
    partition::Tenure,
};
use aisle_schemas::{
    event::{Event, EventType, Source},
    ids::{EventId, InstanceId, NodeId, Partition},
    limits::POISON_HOLD,
    sync::*,
};
use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};

/// How the next transaction fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Before,
    After,
}

fn failed() -> StorageSource {
    "injected".into()
}

#[derive(Debug, Clone)]
pub struct StreamRows {
    pub rows: BTreeMap<Seq, (LogRow, Option<String>)>,
    pub state: StreamState,
}

/// A log that sends.
#[derive(Debug, Clone)]
pub struct SendDisk {
    pub epoch: Epoch,
    pub mark: Mark,
    pub lineage: Vec<Epoch>,
    pub streams: HashMap<Stream, StreamRows>,
    /// Everything ever accepted: (stream, id), for I1.
    pub accepted: Vec<(Stream, EventId)>,
}

impl SendDisk {
    pub fn new(direction: Direction, random: u64) -> Self {
        let streams = Stream::of(direction).iter().map(|s| (*s, StreamRows { rows: BTreeMap::new(), state: StreamState::EMPTY })).collect();
        Self { epoch: Epoch { counter: 1, random }, mark: Mark::ZERO, lineage: Vec::new(), streams, accepted: Vec::new() }
    }

    pub fn state(&self) -> SendState {
        let streams = self.streams.iter().map(|(stream, rows)| (*stream, rows.state)).collect();
        SendState { epoch: self.epoch, mark: self.mark, lineage: self.lineage.clone(), streams }
    }

    /// Accepts one record; a document replaces the older one of its key.
    pub fn accept(&mut self, stream: Stream, event: &Event, reserve: bool) -> Logged {
        let stored = Bytes::from(event.to_stored().unwrap());
        let log = self.streams.get_mut(&stream).unwrap();
        let seq = log.state.next;
        let row = LogRow { seq, id: event.id, crc: checksum(&stored), event: stored, relogof: None };
        if stream.class() == Class::B {
            log.rows.retain(|_, (_, subject)| *subject != event.subject);
        }
        log.rows.insert(seq, (row, event.subject.clone()));
        log.state.next = seq.next();
        let reserved = reserve.then(|| {
            self.mark = self.mark.next();
            log.state.high = seq;
            self.mark
        });
        self.accepted.push((stream, event.id));
        Logged { stream, head: seq, reserved }
    }

    fn read(&self, stream: Stream, after: Seq, max_records: usize, max_bytes: usize) -> Rows {
        let log = &self.streams[&stream];
        let (mut rows, mut bytes, mut to) = (Vec::new(), 0, log.state.head());
        for (seq, (row, _)) in log.rows.range(after.next()..) {
            bytes += row.wire_bytes();
            if rows.len() == max_records || (bytes > max_bytes && !rows.is_empty()) {
                to = rows.last().map_or(to, |row: &LogRow| row.seq);
                break;
            }
            rows.push(row.clone());
            to = if rows.len() == log.rows.len() { log.state.head() } else { to.max(*seq) };
        }
        Rows { rows, to, left: Count::new(log.state.head().since(to)) }
    }

    fn commit_acked(&mut self, stream: Stream, acked: Seq) {
        let log = self.streams.get_mut(&stream).unwrap();
        log.state.acked = log.state.acked.max(acked);
        if stream.class() == Class::C {
            log.rows.retain(|seq, _| *seq > acked);
            log.state.kept = log.state.kept.max(acked.next());
        }
    }

    fn begin_epoch(&mut self, request: &EpochRequest) -> Epoch {
        let counter = 1 + self.epoch.counter.max(request.peer_epoch.map_or(0, |epoch| epoch.counter));
        let old = self.epoch;
        let mut joined = vec![old];
        joined.extend(request.peer_epoch);
        for epoch in joined {
            if !self.lineage.contains(&epoch) {
                self.lineage.push(epoch);
            }
        }
        self.epoch = Epoch { counter, random: request.random };
        self.mark = self.mark.max(request.mark_min);
        for (stream, log) in &mut self.streams {
            let peer = request.peer_cursors.get(*stream).copied().unwrap_or_default();
            let known = request.peer_epoch == Some(old) && peer < log.state.next;
            let rows = std::mem::take(&mut log.rows);
            log.state = StreamState::EMPTY;
            for (seq, (row, subject)) in rows {
                if stream.class() == Class::C && (!known || seq <= peer) {
                    continue;
                }
                let seq_new = log.state.next;
                let relogof = (stream.class() == Class::A).then(|| format!("{old}/{seq}"));
                log.rows.insert(seq_new, (LogRow { seq: seq_new, relogof, ..row }, subject));
                log.state.next = seq_new.next();
            }
            if stream.class() == Class::B {
                log.state.base = log.state.head();
            }
        }
        self.epoch
    }
}

/// A receiver's cursors and effects.
#[derive(Debug, Clone, Default)]
pub struct ReceiveDisk {
    pub log: Option<(Session, Epoch)>,
    pub mark: Mark,
    pub cursors: HashMap<Stream, Seq>,
    pub poison: HashMap<Stream, u32>,
    /// Effects in order: (epoch, stream, seq, id).
    pub effects: Vec<(Epoch, Stream, Seq, EventId)>,
    pub quarantined: Vec<(Stream, EventId)>,
    pub journal: HashSet<EventId>,
    pub documents: BTreeMap<(Stream, String), EventId>,
}

impl ReceiveDisk {
    pub fn cursors(&self) -> PerStream<Seq> {
        self.cursors.iter().map(|(stream, seq)| (*stream, *seq)).collect()
    }

    fn apply(&mut self, batch: &ReceivedBatch) -> Result<Applied, ApplyError> {
        if self.log != Some((batch.session, batch.epoch)) {
            return Err(ApplyError::Fenced);
        }
        let stored = self.cursors.get(&batch.stream).copied().unwrap_or_default();
        if stored != batch.cursor {
            return Err(ApplyError::Conflict { cursor: stored });
        }
        let poison = |record: &ReceivedRecord| record.event.ty.as_str() == POISON && !self.journal.contains(&record.event.id);
        if batch.mode == ApplyMode::Plain
            && let Some(index) = batch.records.iter().position(poison)
        {
            // Found before anything changes, so that nothing has to be rolled back.
            let poison_run = self.poison.get(&batch.stream).copied().unwrap_or_default();
            return Err(ApplyError::Poison { index, poison_run, source: "poison".into() });
        }
        let mut run = self.poison.get(&batch.stream).copied().unwrap_or_default();
        let (mut cursor, mut quarantined, mut previous) = (batch.to, 0, batch.cursor);
        for record in &batch.records {
            assert!(record.seq > previous && record.seq <= batch.to, "I3: {} after {previous}", record.seq);
            previous = record.seq;
            if self.journal.contains(&record.event.id) {
                continue;
            }
            if record.event.ty.as_str() == POISON {
                (quarantined, run) = (quarantined + 1, run + 1);
                self.quarantined.push((batch.stream, record.event.id));
                self.journal.insert(record.event.id);
                if batch.stream.class() == Class::A && run >= POISON_HOLD {
                    cursor = record.seq;
                    break;
                }
                continue;
            }
            run = 0;
            let key = record.event.subject.clone().map(|key| (batch.stream, key));
            if key.as_ref().is_some_and(|key| self.documents.get(key) == Some(&record.event.id)) {
                continue; // the same document in a new epoch
            }
            self.effects.push((batch.epoch, batch.stream, record.seq, record.event.id));
            match (batch.stream.class(), key) {
                (Class::B, Some(key)) => {
                    self.documents.insert(key, record.event.id);
                }
                (Class::A | Class::B | Class::C, _) => {
                    self.journal.insert(record.event.id);
                }
            }
        }
        assert!(cursor >= stored, "I4: cursor of {} falls from {stored} to {cursor}", batch.stream);
        self.cursors.insert(batch.stream, cursor);
        self.poison.insert(batch.stream, run);
        self.mark = self.mark.max(batch.mark);
        Ok(Applied { cursor, quarantined, poison_run: run })
    }
}

/// `type` of a record that fails for good.
pub const POISON: &str = "aisle.test.poison.v1";

/// An event of a test.
pub fn event(node: &NodeId, n: u64, poison: bool, subject: Option<String>) -> Event {
    let ty = if poison { EventType::literal(POISON) } else { EventType::literal("aisle.test.event.v1") };
    let id = EventId::new(n, [7; 10]);
    let time = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    let mut event = Event::new(id, Source::Node(node.clone()), ty, time, &serde_json::json!({ "n": n })).unwrap();
    event.subject = subject;
    event
}

/// The same, from the cloud.
pub fn cloud_event(node: &NodeId, n: u64, poison: bool, subject: Option<String>) -> Event {
    let mut event = event(node, n, poison, subject);
    event.source = Source::Cloud(node.tenant.clone());
    event
}

fn transact<T, D>(disk: &mut D, fault: Option<Fault>, change: impl FnOnce(&mut D) -> T) -> Result<T, StorageSource> {
    if fault == Some(Fault::Before) {
        return Err(failed());
    }
    let answer = change(disk);
    if fault.is_some() { Err(failed()) } else { Ok(answer) }
}

#[derive(Debug, Clone)]
pub struct NodeDisk {
    pub send: SendDisk,
    pub receive: ReceiveDisk,
    pub session: u64,
    /// Of the newest connection: fences the receive side.
    pub current: Option<Session>,
}

/// A node's journal.
#[derive(Debug)]
pub struct MemoryNode {
    disk: Mutex<NodeDisk>,
    pub fault: Mutex<Option<Fault>>,
}

impl MemoryNode {
    pub fn new(random: u64) -> Self {
        let disk = NodeDisk { send: SendDisk::new(Direction::Up, random), receive: ReceiveDisk::default(), session: 0, current: None };
        Self { disk: Mutex::new(disk), fault: Mutex::new(None) }
    }
    pub fn disk(&self) -> MutexGuard<'_, NodeDisk> {
        self.disk.lock().unwrap()
    }
    fn change<T>(&self, change: impl FnOnce(&mut NodeDisk) -> T) -> Result<T, StorageSource> {
        let fault = self.fault.lock().unwrap().take();
        transact(&mut *self.disk(), fault, change)
    }
    fn down(disk: &NodeDisk) -> DownState {
        DownState { epoch: disk.receive.log.map(|(_, epoch)| epoch), mark: disk.receive.mark, cursors: disk.receive.cursors() }
    }
}

#[async_trait]
impl SendLog for MemoryNode {
    async fn state(&self, _: &NodeId) -> Result<SendState, LogError> {
        self.change(|disk| disk.send.state()).map_err(LogError::Storage)
    }
    async fn read(&self, _: &NodeId, stream: Stream, after: Seq, max_records: usize, max_bytes: usize) -> Result<Rows, LogError> {
        self.change(|disk| disk.send.read(stream, after, max_records, max_bytes)).map_err(LogError::Storage)
    }
    async fn commit_sent(&self, _: &NodeId, stream: Stream, high: Seq) -> Result<Mark, LogError> {
        self.change(|disk| sent(&mut disk.send, stream, high)).map_err(LogError::Storage)
    }
    async fn commit_acked(&self, _: &NodeId, stream: Stream, acked: Seq) -> Result<(), LogError> {
        self.change(|disk| disk.send.commit_acked(stream, acked)).map_err(LogError::Storage)
    }
    async fn begin_epoch(&self, _: &NodeId, request: &EpochRequest) -> Result<Epoch, LogError> {
        let raised = self.change(|disk| {
            disk.session = disk.session.max(request.session_min);
            disk.send.begin_epoch(request)
        });
        raised.map_err(LogError::Storage)
    }
}

fn sent(disk: &mut SendDisk, stream: Stream, high: Seq) -> Mark {
    disk.mark = disk.mark.next();
    let state = &mut disk.streams.get_mut(&stream).unwrap().state;
    state.high = state.high.max(high);
    disk.mark
}

#[async_trait]
impl ReceiveLog for MemoryNode {
    async fn apply(&self, _: &NodeId, batch: &ReceivedBatch) -> Result<Applied, ApplyError> {
        let fault = self.fault.lock().unwrap().take();
        apply(&mut *self.disk(), fault, |disk| disk.receive.apply(batch))
    }
}

fn apply<D>(disk: &mut D, fault: Option<Fault>, change: impl FnOnce(&mut D) -> Result<Applied, ApplyError>) -> Result<Applied, ApplyError> {
    transact(disk, fault, change).map_err(ApplyError::Transient)?
}

#[async_trait]
impl NodeSessionLog for MemoryNode {
    async fn begin_session(&self, random: u32) -> Result<Session, LogError> {
        let begun = self.change(|disk| {
            disk.session += 1;
            let session = Session { counter: disk.session, random };
            disk.current = Some(session);
            disk.receive.log = disk.receive.log.map(|(_, epoch)| (session, epoch));
            session
        });
        begun.map_err(LogError::Storage)
    }
    async fn down_state(&self) -> Result<DownState, LogError> {
        self.change(|disk| Self::down(disk)).map_err(LogError::Storage)
    }
    async fn return_to(&self, cursors: &PerStream<Seq>) -> Result<(), LogError> {
        let returned = self.change(|disk| {
            for (stream, log) in &mut disk.send.streams {
                log.state.acked = log.state.acked.min(cursors.get(*stream).copied().unwrap_or_default());
            }
        });
        returned.map_err(LogError::Storage)
    }
    async fn adopt_down_epoch(&self, epoch: Epoch) -> Result<DownState, LogError> {
        let adopted = self.change(|disk| {
            if disk.receive.log.is_none_or(|(_, stored)| stored != epoch) {
                disk.receive.cursors.clear();
                disk.receive.mark = Mark::ZERO;
            }
            disk.receive.log = disk.current.map(|session| (session, epoch));
            Self::down(disk)
        });
        adopted.map_err(LogError::Storage)
    }
}

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

/// A cloud's database; the only time it sees is that of its callers.
#[derive(Debug)]
pub struct MemoryCloud {
    nodes: Mutex<BTreeMap<NodeId, CloudNode>>,
    pub term: Mutex<Term>,
    instance: InstanceId,
    pub fault: Mutex<Option<Fault>>,
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
        let instance = InstanceId::parse("eu1-a").unwrap();
        Self { nodes: Mutex::new(nodes), term: Mutex::new(Term::new(100)), instance, fault: Mutex::new(None) }
    }
    /// A term above all before, as every new owner takes one.
    pub async fn take_term(&self) -> Result<Term, LogError> {
        let mut term = self.term.lock().unwrap();
        *term = term.next();
        Ok(*term)
    }
    pub fn with<T>(&self, node: &NodeId, change: impl FnOnce(&mut CloudNode) -> T) -> T {
        change(self.nodes.lock().unwrap().get_mut(node).unwrap())
    }
    fn change<T>(&self, node: &NodeId, change: impl FnOnce(&mut CloudNode) -> T) -> Result<T, LogError> {
        let fault = self.fault.lock().unwrap().take();
        self.with(node, |row| transact(row, fault, change)).map_err(LogError::Storage)
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
    async fn commit_sent(&self, node: &NodeId, stream: Stream, high: Seq) -> Result<Mark, LogError> {
        self.change(node, |row| sent(&mut row.send, stream, high))
    }
    async fn commit_acked(&self, node: &NodeId, stream: Stream, acked: Seq) -> Result<(), LogError> {
        self.change(node, |row| row.send.commit_acked(stream, acked))
    }
    async fn begin_epoch(&self, node: &NodeId, request: &EpochRequest) -> Result<Epoch, LogError> {
        self.change(node, |row| row.send.begin_epoch(request))
    }
}

#[async_trait]
impl ReceiveLog for MemoryCloud {
    async fn apply(&self, node: &NodeId, batch: &ReceivedBatch) -> Result<Applied, ApplyError> {
        let fault = self.fault.lock().unwrap().take();
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
        let term = self.take_term().await?;
        Ok(wish.iter().map(|part| (*part, term)).collect())
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
    async fn hello(&self, node: &NodeId, request: &HelloRequest) -> Result<HelloOutcome, LogError> {
        if !self.nodes.lock().unwrap().contains_key(node) {
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
    async fn touch(&self, heard: &[(NodeId, Session)], at: DateTime<Utc>) -> Result<(), LogError> {
        for (node, _) in heard {
            self.change(node, |row| row.last_message_at = Some(at))?;
        }
        Ok(())
    }
    async fn expire_presence(&self, expiry: &PresenceExpiry) -> Result<Vec<NodeId>, LogError> {
        let mut lost = Vec::new();
        for (node, row) in self.nodes.lock().unwrap().iter_mut() {
            let silent = expiry.silent_before.is_some_and(|before| row.last_message_at.is_some_and(|at| at < before));
            if silent && row.presence != Some(NodeStatus::Lost) {
                row.presence = Some(NodeStatus::Lost);
                lost.push(node.clone());
            }
        }
        Ok(lost)
    }
}
