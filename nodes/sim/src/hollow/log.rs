//! A hollow store's log: the meaning of a node's journal, in memory.
//!
//! Owns the records that the cloud has not applied yet, bounded; cursors and marks of both directions. Takes records and the sync driver's
//! calls; emits what was acknowledged and how long after the instant for which it was intended. It forgets what is applied at once, where a real
//! journal keeps class A for 72 h: a hollow store is never asked to send again what was acknowledged. On failure: a full log refuses a record.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use aisle_mesh::sync::log::{
    Applied, ApplyError, EpochRequest, LogError, LogRow, Logged, NodeSessionLog, ReceiveLog, ReceivedBatch, Rows, SendLog, SendState,
    StreamState, checksum,
};
use aisle_schemas::ids::{EventId, NodeId};
use aisle_schemas::sync::{Class, Count, Direction, DownState, Epoch, Mark, PerStream, Seq, Session, Stream};
use async_trait::async_trait;
use bytes::Bytes;

use super::gauges::Gauges;

/// The log holds as many records as it may: the store would refuse new work now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the hollow log is full")]
pub struct Full;

/// One record waiting for the cloud.
#[derive(Debug)]
struct Waiting {
    row: LogRow,
    /// When the load meant it to be accepted: latency counts from here, so that a late generator hides nothing.
    intended: Instant,
}

#[derive(Debug)]
struct SendStream {
    rows: VecDeque<Waiting>,
    state: StreamState,
}

impl SendStream {
    fn empty() -> Self {
        Self { rows: VecDeque::new(), state: StreamState::EMPTY }
    }
}

#[derive(Debug)]
struct Disk {
    epoch: Epoch,
    mark: Mark,
    lineage: Vec<Epoch>,
    streams: HashMap<Stream, SendStream>,
    waiting: usize,
    /// Latest intended instant among acknowledged records.
    newest: Option<Instant>,
    sessions: u64,
    session: Option<Session>,
    down_epoch: Option<Epoch>,
    down_mark: Mark,
    down_cursors: PerStream<Seq>,
}

/// The log of one hollow store.
#[derive(Debug)]
pub struct HollowLog {
    disk: Mutex<Disk>,
    rows_max: usize,
    gauges: Arc<Gauges>,
}

impl HollowLog {
    /// An empty log that holds at most `rows_max` records; `random` names its first epoch.
    pub fn new(random: u64, rows_max: usize, gauges: Arc<Gauges>) -> Self {
        let streams = Stream::UP.iter().map(|stream| (*stream, SendStream::empty())).collect();
        let disk = Disk {
            epoch: Epoch { counter: 1, random },
            mark: Mark::ZERO,
            lineage: Vec::new(),
            streams,
            waiting: 0,
            newest: None,
            sessions: 0,
            session: None,
            down_epoch: None,
            down_mark: Mark::ZERO,
            down_cursors: PerStream::default(),
        };
        Self { disk: Mutex::new(disk), rows_max, gauges }
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that the cloud is not known to have applied.
    pub fn waiting(&self) -> usize {
        self.disk().waiting
    }

    /// Whether a record was acknowledged that was not even accepted before `at`.
    pub fn acknowledged_one_from_after(&self, at: Instant) -> bool {
        self.disk().newest.is_some_and(|newest| newest > at)
    }

    /// Whether another record would be refused.
    pub fn is_full(&self) -> bool {
        self.disk().waiting >= self.rows_max
    }

    /// Epochs begun after the first: none, unless a disk was set back.
    pub fn epochs_begun(&self) -> u64 {
        self.disk().epoch.counter - 1
    }

    /// Accepts one record.
    ///
    /// # Errors
    /// [`Full`]: nothing was accepted.
    pub fn accept(&self, stream: Stream, id: EventId, event: Bytes, intended: Instant) -> Result<Logged, Full> {
        let mut disk = self.disk();
        if disk.waiting >= self.rows_max {
            return Err(Full);
        }
        let Some(log) = disk.streams.get_mut(&stream) else { return Err(Full) };
        let seq = log.state.next;
        let crc = checksum(&event);
        log.rows.push_back(Waiting { row: LogRow { seq, id, event, crc, relogof: None }, intended });
        log.state.next = seq.next();
        disk.waiting += 1;
        Ok(Logged { stream, head: seq, reserved: None })
    }
}

impl Disk {
    fn state(&self) -> SendState {
        let streams = self.streams.iter().map(|(stream, log)| (*stream, log.state)).collect();
        SendState { epoch: self.epoch, mark: self.mark, lineage: self.lineage.clone(), streams }
    }

    fn read(&self, stream: Stream, after: Seq, max_records: usize, max_bytes: usize) -> Rows {
        let Some(log) = self.streams.get(&stream) else {
            return Rows { epoch: self.epoch, rows: Vec::new(), to: Seq::ZERO, left: Count::ZERO };
        };
        let head = log.state.head();
        let from = log.rows.partition_point(|waiting| waiting.row.seq <= after);
        let (mut rows, mut bytes) = (Vec::new(), 0);
        for waiting in log.rows.range(from..) {
            bytes += waiting.row.wire_bytes();
            if rows.len() == max_records || (bytes > max_bytes && !rows.is_empty()) {
                break;
            }
            rows.push(waiting.row.clone());
        }
        let whole = from + rows.len() == log.rows.len();
        let to = if whole { head } else { rows.last().map_or(after, |row| row.seq) };
        Rows { epoch: self.epoch, rows, to, left: Count::new(head.since(to)) }
    }

    fn begin_epoch(&mut self, request: &EpochRequest) -> Epoch {
        let old = self.epoch;
        let counter = 1 + old.counter.max(request.peer_epoch.map_or(0, |epoch| epoch.counter));
        for epoch in std::iter::once(old).chain(request.peer_epoch) {
            if !self.lineage.contains(&epoch) {
                self.lineage.push(epoch);
            }
        }
        self.epoch = Epoch { counter, random: request.random };
        self.mark = self.mark.max(request.mark_min);
        self.sessions = self.sessions.max(request.session_min);
        for (stream, log) in &mut self.streams {
            let rows = std::mem::take(&mut log.rows);
            log.state = StreamState::EMPTY;
            for mut waiting in rows {
                if stream.class() == Class::A {
                    waiting.row.relogof = Some(format!("{old}/{}", waiting.row.seq));
                }
                waiting.row.seq = log.state.next;
                log.state.next = log.state.next.next();
                log.rows.push_back(waiting);
            }
            if stream.class() == Class::B {
                log.state.base = log.state.head();
            }
        }
        self.epoch
    }

    fn down(&self) -> DownState {
        DownState { epoch: self.down_epoch, mark: self.down_mark, cursors: self.down_cursors }
    }
}

#[async_trait]
impl SendLog for HollowLog {
    async fn state(&self, _: &NodeId) -> Result<SendState, LogError> {
        Ok(self.disk().state())
    }

    async fn read(&self, _: &NodeId, stream: Stream, after: Seq, max_records: usize, max_bytes: usize) -> Result<Rows, LogError> {
        Ok(self.disk().read(stream, after, max_records, max_bytes))
    }

    async fn commit_sent(&self, _: &NodeId, epoch: Epoch, stream: Stream, high: Seq) -> Result<Mark, LogError> {
        let mut disk = self.disk();
        if disk.epoch != epoch {
            return Err(LogError::OtherEpoch);
        }
        disk.mark = disk.mark.next();
        if let Some(log) = disk.streams.get_mut(&stream) {
            log.state.high = log.state.high.max(high);
        }
        Ok(disk.mark)
    }

    async fn commit_acked(&self, _: &NodeId, epoch: Epoch, stream: Stream, acked: Seq) -> Result<(), LogError> {
        let now = Instant::now();
        let mut disk = self.disk();
        if disk.epoch != epoch {
            return Ok(());
        }
        let Some(log) = disk.streams.get_mut(&stream) else { return Ok(()) };
        let (mut gone, mut newest) = (0, None);
        while let Some(waiting) = log.rows.pop_front_if(|waiting| waiting.row.seq <= acked) {
            self.gauges.acknowledged(stream, waiting.intended, now);
            newest = newest.max(Some(waiting.intended));
            gone += 1;
        }
        log.state.acked = log.state.acked.max(acked);
        log.state.kept = log.state.kept.max(acked.next());
        disk.waiting -= gone;
        disk.newest = disk.newest.max(newest);
        Ok(())
    }

    async fn begin_epoch(&self, _: &NodeId, request: &EpochRequest) -> Result<Epoch, LogError> {
        Ok(self.disk().begin_epoch(request))
    }
}

#[async_trait]
impl ReceiveLog for HollowLog {
    async fn apply(&self, _: &NodeId, batch: &ReceivedBatch) -> Result<Applied, ApplyError> {
        let mut disk = self.disk();
        if disk.session != Some(batch.session) || disk.down_epoch != Some(batch.epoch) {
            return Err(ApplyError::Fenced);
        }
        let cursor = disk.down_cursors.get(batch.stream).copied().unwrap_or_default();
        if cursor != batch.cursor {
            return Err(ApplyError::Conflict { cursor });
        }
        disk.down_cursors.set(batch.stream, batch.to);
        disk.down_mark = disk.down_mark.max(batch.mark);
        self.gauges.received(batch.records.len());
        let now = Instant::now();
        batch.records.iter().for_each(|record| self.gauges.document(&record.raw, now));
        Ok(Applied { cursor: batch.to, quarantined: 0, poison_run: 0 })
    }
}

#[async_trait]
impl NodeSessionLog for HollowLog {
    async fn begin_session(&self, random: u32) -> Result<Session, LogError> {
        let mut disk = self.disk();
        disk.sessions += 1;
        let session = Session { counter: disk.sessions, random };
        disk.session = Some(session);
        Ok(session)
    }

    async fn down_state(&self) -> Result<DownState, LogError> {
        Ok(self.disk().down())
    }

    async fn return_to(&self, _: &PerStream<Seq>) -> Result<(), LogError> {
        // A hollow store keeps nothing that was acknowledged: there is nothing to go back to.
        Ok(())
    }

    async fn adopt_down_epoch(&self, epoch: Epoch) -> Result<DownState, LogError> {
        let mut disk = self.disk();
        if disk.down_epoch != Some(epoch) {
            disk.down_epoch = Some(epoch);
            disk.down_cursors = PerStream::default();
            disk.down_mark = Mark::ZERO;
        }
        Ok(disk.down())
    }
}

/// Streams that a hollow store sends: those of the up direction.
pub const SENT: &[Stream] = Stream::of(Direction::Up);

#[cfg(test)]
mod tests {
    use super::*;

    fn log(rows_max: usize) -> (HollowLog, Arc<Gauges>, NodeId) {
        let gauges = Arc::new(Gauges::default());
        (HollowLog::new(7, rows_max, Arc::clone(&gauges)), gauges, NodeId::parse("acme.s1.n1").unwrap())
    }

    fn accept(log: &HollowLog, stream: Stream, n: u64) -> Result<Logged, Full> {
        log.accept(stream, EventId::new(n, [1; 10]), Bytes::from_static(b"{}"), Instant::now())
    }

    #[tokio::test]
    async fn what_is_acknowledged_makes_room_and_is_counted_once() {
        let (log, gauges, node) = log(3);
        let epoch = log.state(&node).await.unwrap().epoch;
        for n in 1..=3 {
            accept(&log, Stream::Sess, n).unwrap();
        }
        assert_eq!(accept(&log, Stream::Tele, 4), Err(Full));
        log.commit_acked(&node, epoch, Stream::Sess, Seq::new(2)).await.unwrap();
        log.commit_acked(&node, epoch, Stream::Sess, Seq::new(2)).await.unwrap();
        assert_eq!((gauges.acknowledged_records(), log.waiting()), (2, 1));
        let now = Instant::now();
        let signs = (gauges.acknowledged_one_from_after(now), log.acknowledged_one_from_after(now));
        assert_eq!(signs, (false, false), "what was accepted before is no sign of life after");
        assert_eq!(accept(&log, Stream::Tele, 4).unwrap().head, Seq::new(1));
    }

    #[tokio::test]
    async fn a_read_ends_at_the_last_row_that_fits_or_at_the_head() {
        let (log, _, node) = log(10);
        for n in 1..=5 {
            accept(&log, Stream::Tele, n).unwrap();
        }
        let part = log.read(&node, Stream::Tele, Seq::new(1), 2, 1 << 20).await.unwrap();
        assert_eq!((part.rows.len(), part.to, part.left), (2, Seq::new(3), Count::new(2)));
        let rest = log.read(&node, Stream::Tele, Seq::new(3), 9, 1 << 20).await.unwrap();
        assert_eq!((rest.rows.len(), rest.to, rest.left), (2, Seq::new(5), Count::ZERO));
        let one = log.read(&node, Stream::Tele, Seq::ZERO, 9, 1).await.unwrap();
        assert_eq!(one.rows.len(), 1, "a row that is larger than asked for still travels");
    }

    #[tokio::test]
    async fn as_060_a_new_epoch_numbers_again_and_says_where_class_a_stood() {
        let (log, _, node) = log(10);
        for n in 1..=3 {
            accept(&log, Stream::Sess, n).unwrap();
        }
        let old = log.state(&node).await.unwrap().epoch;
        log.commit_acked(&node, old, Stream::Sess, Seq::new(1)).await.unwrap();
        let request = EpochRequest {
            reason: aisle_mesh::sync::log::EpochReason::DiskBehind,
            random: 9,
            peer_epoch: None,
            peer_cursors: PerStream::default(),
            mark_min: Mark::new(40),
            session_min: 5,
        };
        let epoch = log.begin_epoch(&node, &request).await.unwrap();
        let rows = log.read(&node, Stream::Sess, Seq::ZERO, 9, 1 << 20).await.unwrap().rows;
        let told: Vec<_> = rows.iter().map(|row| (row.seq.get(), row.relogof.clone())).collect();
        assert_eq!(told, [(1, Some(format!("{old}/2"))), (2, Some(format!("{old}/3")))]);
        assert_eq!((epoch.counter, log.epochs_begun(), log.state(&node).await.unwrap().mark), (2, 1, Mark::new(40)));
    }
}
