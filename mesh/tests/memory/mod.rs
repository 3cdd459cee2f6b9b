//! Logs in memory with the meaning of the real ones, for the simulation and the driver test.
//!
//! Owns the log that sends, the ways a transaction fails, and the builders of test events. A node's disk ([`MemoryNode`]) and a cloud's
//! database ([`MemoryCloud`]) are plain values that survive restarts of the machines and can be copied and set back. A [`Fault`] fails a
//! transaction before its commit, or after it, which the caller cannot tell apart. On failure: the errors of the real logs.
#![allow(dead_code, unused_imports, reason = "each test binary uses a part of it")]

mod cloud;
mod node;
mod receive;

use std::collections::{BTreeMap, HashMap, HashSet};

use aisle_mesh::sync::log::*;
use aisle_schemas::{
    event::{Event, EventType, Source},
    ids::{EventId, NodeId},
    sync::*,
};
use bytes::Bytes;
use chrono::DateTime;

pub use cloud::{CloudNode, MemoryCloud, Paused, TRANSACTION_MAX};
pub use node::{MemoryNode, NodeDisk};
pub use receive::ReceiveDisk;

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
    /// Class C: rows of this epoch that were applied and deleted, for the LOST of AS-063.
    trimmed: BTreeMap<Seq, EventId>,
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
    /// Everything that a LOST counts, for I5.
    pub lost: HashSet<EventId>,
    /// Those of them that were dropped by the budget.
    pub dropped: u64,
    /// Rows whose bytes are no longer those that were accepted.
    pub corrupted: HashSet<EventId>,
}

impl SendDisk {
    pub fn new(direction: Direction, random: u64) -> Self {
        let empty = || StreamRows { rows: BTreeMap::new(), state: StreamState::EMPTY, trimmed: BTreeMap::new() };
        Self {
            epoch: Epoch { counter: 1, random },
            mark: Mark::ZERO,
            lineage: Vec::new(),
            streams: Stream::of(direction).iter().map(|stream| (*stream, empty())).collect(),
            accepted: Vec::new(),
            lost: HashSet::new(),
            dropped: 0,
            corrupted: HashSet::new(),
        }
    }

    pub fn state(&self) -> SendState {
        let streams = self.streams.iter().map(|(stream, rows)| (*stream, rows.state)).collect();
        SendState { epoch: self.epoch, mark: self.mark, lineage: self.lineage.clone(), streams }
    }

    /// Accepts one record; a document replaces the older one of its key. With `reserve`, mark and high are committed with it.
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

    /// Bytes of the nth row that nobody has acknowledged change on the disk.
    pub fn corrupt(&mut self, stream: Stream, nth: usize) {
        let log = self.streams.get_mut(&stream).unwrap();
        let unsettled: Vec<Seq> = log.rows.range(log.state.acked.next()..).map(|(seq, _)| *seq).collect();
        if let Some(seq) = unsettled.get(nth.checked_rem(unsettled.len()).unwrap_or_default())
            && let Some((row, _)) = log.rows.get_mut(seq)
        {
            row.event = row.event.iter().map(|byte| byte ^ 0x20).collect::<Vec<_>>().into();
            self.corrupted.insert(row.id);
        }
    }

    /// The budget of telemetry is spent: the oldest `count` rows that were never sent go, each counted (AS-056, AS-057).
    pub fn drop_oldest(&mut self, count: usize) {
        for (stream, log) in self.streams.iter_mut().filter(|(stream, _)| stream.class() == Class::C) {
            let sent = log.state.high.max(log.state.acked);
            let oldest: Vec<Seq> = log.rows.range(sent.next()..).map(|(seq, _)| *seq).take(count).collect();
            for (row, _) in oldest.iter().filter_map(|seq| log.rows.remove(seq)) {
                assert!(self.lost.insert(row.id), "I5: {stream} {} lost twice", row.seq);
                self.dropped += 1;
            }
        }
    }

    fn read(&self, stream: Stream, after: Seq, max_records: usize, max_bytes: usize) -> Rows {
        let log = &self.streams[&stream];
        let (mut rows, mut bytes, mut to) = (Vec::new(), 0, log.state.head());
        for (row, _) in log.rows.range(after.next()..).map(|(_, row)| row) {
            bytes += row.wire_bytes();
            if rows.len() == max_records || (bytes > max_bytes && !rows.is_empty()) {
                to = rows.last().map_or(to, |row: &LogRow| row.seq);
                break;
            }
            rows.push(row.clone());
        }
        Rows { epoch: self.epoch, rows, to, left: Count::new(log.state.head().since(to)) }
    }

    fn commit_sent(&mut self, epoch: Epoch, stream: Stream, high: Seq) -> Result<Mark, LogError> {
        if epoch != self.epoch {
            return Err(LogError::OtherEpoch);
        }
        self.mark = self.mark.next();
        let state = &mut self.streams.get_mut(&stream).unwrap().state;
        state.high = state.high.max(high);
        Ok(self.mark)
    }

    fn commit_acked(&mut self, epoch: Epoch, stream: Stream, acked: Seq) {
        if epoch != self.epoch {
            return;
        }
        let log = self.streams.get_mut(&stream).unwrap();
        log.state.acked = log.state.acked.max(acked);
        if stream.class() == Class::C {
            let kept = log.rows.split_off(&acked.next());
            let applied = std::mem::replace(&mut log.rows, kept);
            log.trimmed.extend(applied.into_iter().map(|(seq, (row, _))| (seq, row.id)));
            log.state.kept = log.state.kept.max(acked.next());
        }
    }

    /// Back to the peer's cursors; what is gone above them is lost (AS-063).
    fn return_to(&mut self, cursors: &PerStream<Seq>) {
        for (stream, log) in &mut self.streams {
            let cursor = cursors.get(*stream).copied().unwrap_or_default();
            log.state.acked = log.state.acked.min(cursor);
            self.lost.extend(log.trimmed.split_off(&cursor.next()).into_values());
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
            let trimmed = std::mem::take(&mut log.trimmed);
            self.lost.extend(trimmed.into_iter().filter(|(seq, _)| !known || *seq > peer).map(|(_, id)| id));
            log.state = StreamState::EMPTY;
            for (seq, (row, subject)) in rows {
                if stream.class() == Class::C && (!known || seq <= peer) {
                    if !known {
                        self.lost.insert(row.id);
                    }
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

fn apply<D>(disk: &mut D, fault: Option<Fault>, change: impl FnOnce(&mut D) -> Result<Applied, ApplyError>) -> Result<Applied, ApplyError> {
    transact(disk, fault, change).map_err(ApplyError::Transient)?
}
