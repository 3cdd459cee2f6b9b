//! The journal as the sync protocol sees it.
//!
//! Owns the implementation of its log traits for the node's one log. Takes reads and writes from the node's driver. Emits heads and rows. On
//! failure: [`LogError`] and [`ApplyError`], as the machines can act on them.
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aisle_mesh::clock::Clock;
use aisle_mesh::sync::log::{
    Applied, ApplyError, EpochRequest, LogError, LogRow, NodeSessionLog, ReceiveLog, ReceivedBatch, Rows, SendLog, SendState,
};
use aisle_schemas::ids::{EventId, NodeId};
use aisle_schemas::sync::{Class, Count, DownState, Epoch, Mark, PerStream, Seq, Session, Stream};
use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::heads::Heads;
use super::writer::{Finish, Job, Task, Work};
use super::{Journal, JournalError};

/// A journal with the clock that its retention follows.
#[derive(Clone)]
pub struct SyncLog {
    journal: Journal,
    clock: Arc<dyn Clock>,
    /// Drops before telemetry was last read; the sender reads one batch at a time.
    drops_at_read: Arc<AtomicU64>,
}

impl SyncLog {
    /// The log traits over `journal`.
    #[must_use]
    pub fn new(journal: Journal, clock: Arc<dyn Clock>) -> Self {
        Self { journal, clock, drops_at_read: Arc::default() }
    }

    /// Has the writer do `task`, and reads the heads as they were right after its commit.
    async fn heads_after<T: Send + 'static>(&self, task: Task, read: impl FnOnce(&Heads) -> T + Send + 'static) -> Result<T, JournalError> {
        let (reply, answer) = oneshot::channel();
        let finish: Finish = Box::new(move |done| {
            let asked = reply.send(done.map(read)).is_ok();
            tracing::trace!(asked, "committed for the uplink");
        });
        self.journal.jobs.send(Job { task, finish }).await.map_err(|_| JournalError::Closed)?;
        answer.await.map_err(|_| JournalError::Closed)?
    }
}

fn log_error(error: JournalError) -> LogError {
    LogError::Storage(Box::new(error))
}

#[async_trait]
impl SendLog for SyncLog {
    async fn state(&self, _node: &NodeId) -> Result<SendState, LogError> {
        self.journal.uplink.forget_reads();
        Ok(self.journal.heads().send_state())
    }

    async fn read(&self, _node: &NodeId, stream: Stream, after: Seq, max_records: usize, max_bytes: usize) -> Result<Rows, LogError> {
        // The heads are read first: what is appended meanwhile is for the next read.
        let heads = self.journal.heads();
        let head = heads.stream(stream).head();
        if stream.class() == Class::C {
            self.drops_at_read.store(heads.drops, Ordering::Relaxed);
        }
        let limit = i64::try_from(max_records).unwrap_or(i64::MAX);
        let rows: Vec<(i64, Uuid, Vec<u8>, i64, Option<String>)> = sqlx::query_as(include_str!("sql/read_records.sql"))
            .bind(stream.as_str())
            .bind(after.as_i64())
            .bind(limit)
            .fetch_all(&self.journal.read)
            .await
            .map_err(|error| log_error(error.into()))?;
        let mut read = Rows { epoch: heads.epoch, rows: Vec::with_capacity(rows.len()), to: head, left: Count::ZERO };
        let mut bytes = 0;
        let fetched = rows.len();
        for (seq, id, event, crc, relogof) in rows {
            let row = LogRow {
                seq: super::open::seq("log_record", seq).map_err(log_error)?,
                id: EventId(id),
                event: Bytes::from(event),
                crc: u32::try_from(crc).unwrap_or_default(),
                relogof,
            };
            if row.seq > head {
                break;
            }
            bytes += row.wire_bytes();
            if bytes > max_bytes && !read.rows.is_empty() {
                break;
            }
            read.rows.push(row);
        }
        if let Some(last) = read.rows.last()
            && (read.rows.len() < fetched || fetched >= max_records)
        {
            read.to = last.seq;
        }
        read.to = read.to.max(after);
        read.left = Count::new(head.since(read.to));
        self.journal.uplink.note_read(stream, read.to);
        Ok(read)
    }

    async fn commit_sent(&self, _node: &NodeId, epoch: Epoch, stream: Stream, high: Seq) -> Result<Mark, LogError> {
        let drops = match stream.class() {
            Class::A | Class::B => None,
            Class::C => Some(self.drops_at_read.load(Ordering::Relaxed)),
        };
        self.heads_after(Task::Write(Work::Sent { epoch, stream, high, drops }), |heads| heads.mark).await.map_err(log_error)
    }

    async fn commit_acked(&self, _node: &NodeId, epoch: Epoch, stream: Stream, acked: Seq) -> Result<(), LogError> {
        let now = self.clock.now();
        self.heads_after(Task::Acked { epoch, stream, acked, now }, |_| ()).await.map_err(log_error)
    }

    async fn begin_epoch(&self, _node: &NodeId, request: &EpochRequest) -> Result<Epoch, LogError> {
        self.heads_after(Task::Write(Work::BeginEpoch(request.clone())), |heads| heads.epoch).await.map_err(log_error)
    }
}

#[async_trait]
impl ReceiveLog for SyncLog {
    async fn apply(&self, _node: &NodeId, batch: &ReceivedBatch) -> Result<Applied, ApplyError> {
        let (outcome, applied) = oneshot::channel();
        let work = Work::Apply { batch: Box::new(batch.clone()), now: self.clock.now(), outcome };
        self.heads_after(Task::Write(work), |_| ()).await.map_err(|error| ApplyError::Transient(Box::new(error)))?;
        applied.await.map_err(|_| ApplyError::Transient(Box::new(JournalError::Closed)))?
    }
}

#[async_trait]
impl NodeSessionLog for SyncLog {
    async fn begin_session(&self, random: u32) -> Result<Session, LogError> {
        let session = self.heads_after(Task::Write(Work::BeginSession { random }), |heads| heads.session).await.map_err(log_error)?;
        Ok(session.expect("the session was begun in the same transaction"))
    }

    async fn down_state(&self) -> Result<DownState, LogError> {
        Ok(self.journal.heads().down_state())
    }

    async fn return_to(&self, cursors: &PerStream<Seq>) -> Result<(), LogError> {
        self.heads_after(Task::Write(Work::ReturnTo(*cursors)), |_| ()).await.map_err(log_error)
    }

    async fn adopt_down_epoch(&self, epoch: Epoch) -> Result<DownState, LogError> {
        self.heads_after(Task::Write(Work::AdoptDownEpoch(epoch)), Heads::down_state).await.map_err(log_error)
    }
}
