//! The one task that writes.
//!
//! Owns the writing connection and the order of commits. Takes jobs from a bounded queue; whatever waits when a transaction begins goes into
//! it (group commit: no timer, so an idle store pays one fsync and a busy one shares it). Emits answers after the commit, then the note to the
//! uplink. On failure: rolls back, answers every asker of the group with the error, and keeps the heads of before; on a full disk it makes room
//! in the order of AS-056 and tries again.
use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use aisle_mesh::sync::log::{Applied, ApplyError, EpochRequest, Logged, ReceivedBatch, StreamState, checksum};
use aisle_node_core::document::Equipment;
use aisle_schemas::limits::{BATCH_RECORDS_MAX, GROUP_COMMIT_RECORDS};
use aisle_schemas::sync::{Class, Epoch, PerStream, Seq, Session, Stream};
use chrono::{DateTime, Utc};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot, watch};

use super::ballast::Ballast;
use super::budget::{Budget, Usage};
use super::documents::Desk;
use super::heads::Heads;
use super::pressure::{self, Relief};
use super::record::RecordMaker;
use super::{Entry, JournalError, NewRecord, Notify, apply, epoch, upkeep};

/// Portions of telemetry that one transaction drops at most on a full disk: more than the largest group of commits needs.
const PORTIONS_MAX: u32 = 16;
/// Records of class C that the sender may still have to read while an append counts as sent: the batch that it gathers. More of them are a
/// backlog, whose oldest records must stay free to go (AS-056).
const CAUGHT_UP_MAX: u64 = BATCH_RECORDS_MAX as u64;

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
    Acked { epoch: Epoch, stream: Stream, acked: Seq, now: DateTime<Utc> },
}

/// What is to be written.
pub(super) enum Work {
    Commit(Entry),
    /// Mark + 1 and the highest seq sent (AS-011).
    Sent {
        epoch: Epoch,
        stream: Stream,
        high: Seq,
        /// Drops before the batch was read, where a drop since then would make it hold what was counted as lost.
        drops: Option<u64>,
    },
    BeginEpoch(EpochRequest),
    /// The cloud stands at these cursors, below what it had acknowledged.
    ReturnTo(PerStream<Seq>),
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
    /// What the store has.
    Equip(Arc<Equipment>),
}

/// What the writer needs to know of the uplink.
#[derive(Default)]
pub(super) struct Uplink {
    notify: OnceLock<Notify>,
    open: AtomicBool,
    /// How far each stream was read to be sent, since the session's HELLO.
    read: Mutex<PerStream<Seq>>,
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
    /// The sender has read a stream up to here; lower than before where it goes back.
    pub fn note_read(&self, stream: Stream, to: Seq) {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).set(stream, to);
    }
    /// A session is to be opened: nothing was read under it.
    pub fn forget_reads(&self) {
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = PerStream::default();
    }
    /// How far each stream was read, while the link is open.
    fn reads(&self) -> Option<PerStream<Seq>> {
        let open = self.open.load(Ordering::Relaxed);
        open.then(|| *self.read.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

pub(super) struct Writer {
    pub connection: SqliteConnection,
    /// To open another one.
    pub options: SqliteConnectOptions,
    pub budget: Budget,
    pub ballast: Ballast,
    /// Of records about the log itself.
    pub maker: RecordMaker,
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

impl Effects {
    /// Adds what a savepoint did that stands.
    pub fn add(&mut self, other: Self) {
        let Self { appended, touched, head, arrived } = other;
        appended.iter().for_each(|(stream, ())| self.appended.set(stream, ()));
        touched.iter().for_each(|(stream, ())| self.touched.set(stream, ()));
        self.head |= head;
        self.arrived |= arrived;
    }
}

/// What goes into one transaction.
#[derive(Default)]
struct Group {
    works: Vec<Work>,
    finishes: Vec<Finish>,
}

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
            let upkeep = group.works.iter().any(|work| matches!(work, Work::Upkeep { .. }));
            if !group.works.is_empty() {
                self.commit(group).await;
            }
            if upkeep {
                self.restore_ballast().await;
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
            Task::Acked { epoch, stream, acked, now } => {
                let mut heads = Heads::clone(&self.heads.borrow());
                if epoch != heads.epoch {
                    // Its numbers are of an earlier epoch (AS-047).
                    return (job.finish)(Ok(&heads));
                }
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
        let mut relief = Relief::None;
        loop {
            let mut heads = Heads::clone(&self.heads.borrow());
            let mut effects = Effects::default();
            let terms = Terms { budget: &self.budget, maker: &self.maker, reads: self.uplink.reads(), acked: &self.acked, relief };
            let error = match transact(&mut self.connection, &group.works, &mut heads, &mut effects, &terms).await {
                Ok(outcomes) => return self.committed(group, outcomes, heads, &effects),
                Err(error) => error,
            };
            if !error.is_disk_full() {
                return fail(group, &error);
            }
            self.note_disk_full();
            match self.reconnect().await {
                Ok(()) => match self.next_relief(relief) {
                    Some(next) => relief = next,
                    None => {
                        self.heads.send_modify(|heads| Arc::make_mut(heads).refusing = true);
                        return fail(group, &JournalError::StorageFull);
                    }
                },
                Err(error) => return fail(group, &error),
            }
        }
    }

    fn committed(&mut self, group: Group, outcomes: Vec<Outcome>, heads: Heads, effects: &Effects) {
        self.acked = PerStream::default();
        let mark = heads.mark;
        let heads = Arc::new(heads);
        self.heads.send_replace(Arc::clone(&heads));
        let Group { works, finishes } = group;
        for ((work, finish), outcome) in works.into_iter().zip(finishes).zip(outcomes) {
            match outcome {
                Outcome::Done => finish(Ok(&heads)),
                Outcome::Refused(error) => {
                    metrics::counter!("aisle_journal_refusals_total", "role" => "node", "reason" => error.reason()).increment(1);
                    finish(Err(error));
                }
                Outcome::Applied(applied) => {
                    finish(Ok(&heads));
                    if let Work::Apply { outcome, .. } = work
                        && outcome.send(applied).is_err()
                    {
                        tracing::debug!("nobody waits for the outcome of a batch");
                    }
                }
            }
        }
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

    /// SQLite may have rolled back by itself when the disk was full, of which its driver knows nothing: only a new connection is sure to begin
    /// a transaction where we begin one.
    async fn reconnect(&mut self) -> Result<(), JournalError> {
        let fresh = SqliteConnection::connect_with(&self.options).await?;
        let full = std::mem::replace(&mut self.connection, fresh);
        if let Err(error) = full.close().await {
            tracing::debug!(%error, "the connection that met a full disk did not close in order");
        }
        Ok(())
    }

    fn note_disk_full(&mut self) {
        let first = !self.heads.borrow().disk_full;
        if first {
            tracing::error!("the disk is full");
            let mut heads = Heads::clone(&self.heads.borrow());
            heads.disk_full = true;
            self.heads.send_replace(Arc::new(heads));
        }
    }

    /// What gives way next: the ballast, then telemetry, ever more of it, and new work last (AS-056).
    fn next_relief(&self, after: Relief) -> Option<Relief> {
        match after {
            Relief::None => match self.ballast.give_up() {
                Ok(true) => {
                    tracing::error!("the ballast was given up");
                    Some(Relief::None)
                }
                Ok(false) => Some(Relief::Drop { portions: 1 }),
                Err(error) => {
                    tracing::error!(%error, "the ballast cannot be given up");
                    Some(Relief::Drop { portions: 1 })
                }
            },
            Relief::Drop { portions } if portions < PORTIONS_MAX => Some(Relief::Drop { portions: portions * 4 }),
            Relief::Drop { portions: _ } => Some(Relief::RefuseWork),
            Relief::RefuseWork => None,
        }
    }

    /// Tries to bring the ballast back, and with it the end of the alarm.
    async fn restore_ballast(&self) {
        if !self.heads.borrow().disk_full {
            return;
        }
        let ballast = self.ballast.clone();
        match tokio::task::spawn_blocking(move || ballast.fill()).await {
            Ok(Ok(())) => {
                self.heads.send_modify(|heads| Arc::make_mut(heads).disk_full = false);
                tracing::info!("the disk has room again");
            }
            Ok(Err(error)) => tracing::warn!(%error, "there is no room for the ballast"),
            // Only when the process ends.
            Err(error) => tracing::debug!(%error, "filling the ballast was interrupted"),
        }
    }
}

fn fail(group: Group, error: &JournalError) {
    tracing::error!(error = %error, source = ?std::error::Error::source(error), "journal transaction failed");
    metrics::counter!("aisle_journal_failures_total", "role" => "node").increment(1);
    for finish in group.finishes {
        finish(Err(error.clone()));
    }
}

/// What became of one piece of work in a transaction that stands.
enum Outcome {
    Done,
    /// It was left out, and the rest committed.
    Refused(JournalError),
    /// A batch from the cloud, which had a savepoint of its own.
    Applied(Result<Applied, ApplyError>),
}

/// What a transaction goes by.
struct Terms<'a> {
    budget: &'a Budget,
    maker: &'a RecordMaker,
    /// How far the sender has read each stream, while the link is open.
    reads: Option<PerStream<Seq>>,
    acked: &'a PerStream<(Seq, DateTime<Utc>)>,
    relief: Relief,
}

async fn transact(
    connection: &mut SqliteConnection,
    works: &[Work],
    heads: &mut Heads,
    effects: &mut Effects,
    terms: &Terms<'_>,
) -> Result<Vec<Outcome>, JournalError> {
    let Terms { budget, maker, reads, acked, relief } = *terms;
    let before = heads.up;
    let mut outcomes = Vec::with_capacity(works.len());
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let rows: &mut SqliteConnection = &mut transaction;
    for (stream, (acked, now)) in acked.iter() {
        upkeep::note_acked(rows, heads, effects, stream, *acked, *now).await?;
    }
    pressure::free_applied(rows, heads, effects, budget).await?;
    pressure::make_room(rows, heads, effects, maker, relief).await?;
    for work in works {
        let outcome = match work {
            Work::Commit(entry) => match pressure::refuses(rows, heads, budget, relief, entry).await? {
                Some(refusal) => Outcome::Refused(refusal),
                None => {
                    write_entry(&mut Desk { rows, heads, effects, maker }, entry).await?;
                    Outcome::Done
                }
            },
            Work::Sent { epoch, stream: _, high: _, drops } if *epoch != heads.epoch || drops.is_some_and(|drops| drops != heads.drops) => {
                Outcome::Refused(JournalError::Outdated)
            }
            Work::Sent { epoch: _, stream, high, drops: _ } => {
                heads.mark = heads.mark.next();
                effects.head = true;
                raise_high(heads, effects, *stream, *high);
                Outcome::Done
            }
            Work::BeginEpoch(request) => {
                epoch::begin(rows, heads, effects, maker, request).await?;
                Outcome::Done
            }
            Work::ReturnTo(cursors) => {
                epoch::return_to(rows, heads, effects, maker, cursors).await?;
                Outcome::Done
            }
            Work::BeginSession { random } => {
                heads.session_counter += 1;
                heads.session = Some(Session { counter: heads.session_counter, random: *random });
                effects.head = true;
                Outcome::Done
            }
            Work::AdoptDownEpoch(epoch) => {
                apply::adopt(rows, heads, *epoch).await?;
                Outcome::Done
            }
            Work::Apply { batch, now, outcome: _ } => Outcome::Applied(apply::apply(rows, heads, effects, maker, batch, *now).await?),
            Work::Equip(equipment) => {
                Desk { rows, heads, effects, maker }.equip(equipment).await?;
                Outcome::Done
            }
            Work::Upkeep { now } => {
                upkeep::forget(rows, heads, effects, *now).await?;
                // Whoever was refused may try again: orders that wait are looked at once more.
                effects.arrived |= heads.refusing;
                heads.refusing = false;
                Outcome::Done
            }
        };
        outcomes.push(outcome);
    }
    pressure::fit_budget(rows, heads, effects, budget, maker).await?;
    reserve(heads, effects, &before, reads.as_ref());
    for (stream, ()) in effects.touched.iter() {
        let state = heads.stream(stream);
        let usage = heads.usage(stream);
        let count = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        sqlx::query(include_str!("sql/save_log_stream.sql"))
            .bind(stream.as_str())
            .bind(state.next.as_i64())
            .bind(state.high.as_i64())
            .bind(state.acked.as_i64())
            .bind(state.base.as_i64())
            .bind(count(usage.records))
            .bind(count(usage.bytes))
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

async fn write_entry(desk: &mut Desk<'_>, entry: &Entry) -> Result<(), JournalError> {
    let Entry { changes, records } = entry;
    for change in changes {
        change.write(desk).await?;
    }
    for record in records {
        append(desk.rows, desk.heads, desk.effects, record).await?;
    }
    Ok(())
}

/// The transaction that accepts records also commits what must be on disk before they are sent, which saves the send its own fsync. Only while
/// the link is open: a disk that was set back must not catch up with the mark that the cloud has seen before HELLO has compared both. Class C
/// only while the sender keeps up: rows up to the highest seq sent may not be dropped when the budget runs out, so a backlog that waits for its
/// turn, or for an acknowledgement, must not count as sent.
fn reserve(heads: &mut Heads, effects: &mut Effects, before: &PerStream<StreamState>, reads: Option<&PerStream<Seq>>) {
    let appended: Vec<Stream> = effects.appended.iter().map(|(stream, ())| stream).collect();
    for stream in appended {
        let sendable = match stream.class() {
            Class::A | Class::B => reads.is_some(),
            Class::C => reads.is_some_and(|reads| {
                let state = before.get(stream).copied().unwrap_or(StreamState::EMPTY);
                let sent = reads.get(stream).copied().unwrap_or_default().max(state.acked);
                state.head().since(sent) <= CAUGHT_UP_MAX
            }),
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
    let mut usage = heads.usage(*stream);
    if let Some(key) = key {
        let replaced: Option<(i64,)> = sqlx::query_as(include_str!("sql/drop_replaced_document.sql"))
            .bind(stream.as_str())
            .bind(key.as_str())
            .fetch_optional(&mut *rows)
            .await?;
        if let Some((bytes,)) = replaced {
            usage = usage.minus(Usage::counted(1, bytes));
        }
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
    let added = Usage::of_event(event.len());
    heads.usage.set(*stream, usage.plus(added));
    if stream.class() == Class::A {
        heads.unwritten_a += added.bytes;
    }
    effects.appended.set(*stream, ());
    effects.touched.set(*stream, ());
    Ok(())
}
