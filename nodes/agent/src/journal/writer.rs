//! The one task that writes.
//!
//! Owns the writing connection and the order of commits. Takes jobs from a bounded queue; whatever waits when a transaction begins goes into
//! it (group commit: no timer, so an idle store pays one fsync and a busy one shares it). Emits answers after the commit, then the note to the
//! uplink. On failure: rolls back, answers every asker of the group with the error, and keeps the heads of before.
use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use aisle_mesh::sync::log::{Applied, ApplyError, EpochRequest, Logged, ReceivedBatch, checksum};
use aisle_schemas::limits::GROUP_COMMIT_RECORDS;
use aisle_schemas::sync::{Class, Epoch, PerStream, Seq, Session, Stream};
use chrono::{DateTime, Utc};
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot, watch};

use super::heads::Heads;
use super::{Entry, JournalError, NewRecord, Notify, apply, epoch, upkeep};

/// Told the outcome after the commit.
pub(super) type Finish = Box<dyn FnOnce(Result<&Heads, JournalError>) + Send>;

/// One thing to be written.
pub(super) struct Job {
    pub task: Task,
    pub finish: Finish,
}

/// What a job asks for.
pub(super) enum Task {
    /// To be on disk before it is answered.
    Write(Work),
    /// The cloud has applied a stream up to here.
    Acked { stream: Stream, acked: Seq, now: DateTime<Utc> },
}

/// What is to be written.
pub(super) enum Work {
    Commit(Entry),
    /// Mark + 1 and the highest seq sent (AS-011).
    Sent {
        stream: Stream,
        high: Seq,
    },
    BeginEpoch(EpochRequest),
    BeginSession {
        random: u32,
    },
    AdoptDownEpoch(Epoch),
    /// The outcome of its own savepoint is told apart from that of the transaction.
    Apply {
        batch: Box<ReceivedBatch>,
        now: DateTime<Utc>,
        outcome: oneshot::Sender<Result<Applied, ApplyError>>,
    },
    Upkeep {
        now: DateTime<Utc>,
    },
}

/// What the writer needs to know of the uplink.
#[derive(Default)]
pub(super) struct Uplink {
    notify: OnceLock<Notify>,
    open: AtomicBool,
}

impl Uplink {
    pub fn notify(&self, notify: Notify) {
        if self.notify.set(notify).is_err() {
            tracing::warn!("the journal already has an uplink");
        }
    }
    pub fn set_open(&self, open: bool) {
        self.open.store(open, Ordering::Relaxed);
    }
}

pub(super) struct Writer {
    pub connection: SqliteConnection,
    pub queue: mpsc::Receiver<Job>,
    pub heads: watch::Sender<Arc<Heads>>,
    pub arrived: watch::Sender<u64>,
    pub uplink: Arc<Uplink>,
    /// Acknowledged by the cloud, to be written with the next transaction.
    pub acked: PerStream<(Seq, DateTime<Utc>)>,
    /// Held for as long as the writer lives.
    pub lock: File,
}

/// What a transaction did besides its rows.
#[derive(Default)]
pub(super) struct Effects {
    /// Streams with new records.
    pub appended: PerStream<()>,
    /// Streams whose row must be written.
    pub touched: PerStream<()>,
    /// The head row must be written.
    pub head: bool,
    /// Documents or orders came.
    pub arrived: bool,
}

/// What goes into one transaction.
#[derive(Default)]
struct Group {
    works: Vec<Work>,
    finishes: Vec<Finish>,
}

/// Answers that wait for the commit of a batch from the cloud.
type Outcome = (oneshot::Sender<Result<Applied, ApplyError>>, Result<Applied, ApplyError>);

impl Writer {
    /// Runs until every asker is gone.
    pub async fn run(mut self) {
        while let Some(first) = self.queue.recv().await {
            let mut group = Group::default();
            self.take(first, &mut group);
            while group.works.len() < GROUP_COMMIT_RECORDS {
                match self.queue.try_recv() {
                    Ok(job) => self.take(job, &mut group),
                    Err(_) => break,
                }
            }
            if !group.works.is_empty() {
                self.commit(group).await;
            }
        }
        if let Err(error) = self.connection.close().await {
            tracing::warn!(%error, "failed to close the journal in order");
        }
        drop(self.lock);
    }

    /// Adds a job to the group. An acknowledgement alone is not worth an fsync, since a forgotten one only costs disk: it is answered at once
    /// and written with the next transaction.
    fn take(&mut self, job: Job, group: &mut Group) {
        match job.task {
            Task::Write(work) => {
                group.works.push(work);
                group.finishes.push(job.finish);
            }
            Task::Acked { stream, acked, now } => {
                let mut heads = Heads::clone(&self.heads.borrow());
                let mut state = heads.stream(stream);
                state.acked = state.acked.max(acked);
                heads.up.set(stream, state);
                self.acked.set(stream, (state.acked, now));
                let heads = Arc::new(heads);
                self.heads.send_replace(Arc::clone(&heads));
                (job.finish)(Ok(&heads));
            }
        }
    }

    async fn commit(&mut self, group: Group) {
        let mut heads = Heads::clone(&self.heads.borrow());
        let mut effects = Effects::default();
        let open = self.uplink.open.load(Ordering::Relaxed);
        let Group { works, finishes } = group;
        match transact(&mut self.connection, works, &mut heads, &mut effects, open, &self.acked).await {
            Ok(outcomes) => {
                self.acked = PerStream::default();
                let mark = heads.mark;
                let heads = Arc::new(heads);
                self.heads.send_replace(Arc::clone(&heads));
                for finish in finishes {
                    finish(Ok(&heads));
                }
                answer(outcomes);
                if let Some(notify) = self.uplink.notify.get() {
                    for (stream, ()) in effects.appended.iter() {
                        let state = heads.stream(stream);
                        let reserved = (state.high == state.head()).then_some(mark);
                        notify(Logged { stream, head: state.head(), reserved });
                    }
                }
                if effects.arrived {
                    self.arrived.send_modify(|count| *count += 1);
                }
            }
            Err(error) => {
                tracing::error!(error = %error, source = ?std::error::Error::source(&error), "journal transaction failed");
                metrics::counter!("aisle_journal_failures_total", "role" => "node").increment(1);
                for finish in finishes {
                    finish(Err(error.clone()));
                }
            }
        }
    }
}

fn answer(outcomes: Vec<Outcome>) {
    for (reply, outcome) in outcomes {
        if reply.send(outcome).is_err() {
            tracing::debug!("nobody waits for the outcome of a batch");
        }
    }
}

async fn transact(
    connection: &mut SqliteConnection,
    works: Vec<Work>,
    heads: &mut Heads,
    effects: &mut Effects,
    link_open: bool,
    acked: &PerStream<(Seq, DateTime<Utc>)>,
) -> Result<Vec<Outcome>, JournalError> {
    let mut outcomes = Vec::new();
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let rows: &mut SqliteConnection = &mut transaction;
    for (stream, (acked, now)) in acked.iter() {
        upkeep::note_acked(rows, heads, effects, stream, *acked, *now).await?;
    }
    for work in works {
        match work {
            Work::Commit(entry) => {
                let Entry { changes, records } = entry;
                for change in changes {
                    change.write(rows).await?;
                }
                for record in &records {
                    append(rows, heads, effects, record).await?;
                }
            }
            Work::Sent { stream, high } => {
                heads.mark = heads.mark.next();
                effects.head = true;
                raise_high(heads, effects, stream, high);
            }
            Work::BeginEpoch(request) => epoch::begin(rows, heads, effects, &request).await?,
            Work::BeginSession { random } => {
                heads.session_counter += 1;
                heads.session = Some(Session { counter: heads.session_counter, random });
                effects.head = true;
            }
            Work::AdoptDownEpoch(epoch) => apply::adopt(rows, heads, epoch).await?,
            Work::Apply { batch, now, outcome } => {
                let applied = apply::apply(rows, heads, effects, &batch, now).await?;
                outcomes.push((outcome, applied));
            }
            Work::Upkeep { now } => upkeep::forget(rows, heads, now).await?,
        }
    }
    reserve(heads, effects, link_open);
    for (stream, ()) in effects.touched.iter() {
        let state = heads.stream(stream);
        sqlx::query(include_str!("sql/save_log_stream.sql"))
            .bind(stream.as_str())
            .bind(state.next.as_i64())
            .bind(state.high.as_i64())
            .bind(state.acked.as_i64())
            .bind(state.base.as_i64())
            .execute(&mut *rows)
            .await?;
    }
    if effects.head {
        let sessions = i64::try_from(heads.session_counter).unwrap_or(i64::MAX);
        sqlx::query(include_str!("sql/save_log_head.sql"))
            .bind(heads.epoch.to_string())
            .bind(heads.mark.as_i64())
            .bind(sessions)
            .execute(&mut *rows)
            .await?;
    }
    transaction.commit().await?;
    Ok(outcomes)
}

/// The transaction that accepts records also commits what must be on disk before they are sent, which saves the send its own fsync. Class C
/// only while the link is open: rows up to the highest seq sent may not be dropped when the budget runs out.
fn reserve(heads: &mut Heads, effects: &mut Effects, link_open: bool) {
    let appended: Vec<Stream> = effects.appended.iter().map(|(stream, ())| stream).collect();
    for stream in appended {
        let sendable = match stream.class() {
            Class::A | Class::B => true,
            Class::C => link_open,
        };
        if sendable {
            let head = heads.stream(stream).head();
            raise_high(heads, effects, stream, head);
            effects.head = true;
        }
    }
    if effects.head && !effects.appended.is_empty() {
        heads.mark = heads.mark.next();
    }
}

fn raise_high(heads: &mut Heads, effects: &mut Effects, stream: Stream, high: Seq) {
    let mut state = heads.stream(stream);
    state.high = state.high.max(high);
    heads.up.set(stream, state);
    effects.touched.set(stream, ());
}

/// Gives the record its seq in this very transaction (AS-003).
pub(super) async fn append(
    rows: &mut SqliteConnection,
    heads: &mut Heads,
    effects: &mut Effects,
    record: &NewRecord,
) -> Result<(), JournalError> {
    let NewRecord { stream, id, key, event } = record;
    let mut state = heads.stream(*stream);
    if let Some(key) = key {
        sqlx::query(include_str!("sql/drop_replaced_document.sql")).bind(stream.as_str()).bind(key.as_str()).execute(&mut *rows).await?;
    }
    sqlx::query(include_str!("sql/append_record.sql"))
        .bind(stream.as_str())
        .bind(state.next.as_i64())
        .bind(id.0)
        .bind(key.as_deref())
        .bind(event.as_slice())
        .bind(i64::from(checksum(event)))
        .execute(&mut *rows)
        .await?;
    state.next = state.next.next();
    heads.up.set(*stream, state);
    effects.appended.set(*stream, ());
    effects.touched.set(*stream, ());
    Ok(())
}
