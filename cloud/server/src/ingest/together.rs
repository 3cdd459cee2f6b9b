//! Batches of several nodes in one receive transaction: what waits together is fenced, journalled and committed at once.
//!
//! Owns the queue in front of the receive transactions and how many of them run beside each other. Takes a batch at a time; nobody waits for
//! company: a lane that is free takes what is there, and what comes meanwhile is its next transaction. Emits to each batch what became of it,
//! after the commit. Only what goes smoothly is done together: where anything else turns up in it, the whole transaction rolls back, and each of
//! its batches has one of its own, which finds out by itself. Bounded: [`QUEUE_MAX`] batches wait, [`LANES`] transactions run.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use aisle_mesh::sync::log::{Applied, ApplyError, ApplyMode};
use aisle_schemas::{
    http::cloud::NodeState,
    sync::{Class, Seq},
};
use aisle_store::{
    Db, LoggedDown, OutboxRow, StoreError, Tx,
    cursor::{self, Advance, Claim, JournalEntry, JournalSource},
};
use futures_util::future::join_all;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::{
    Committed, Feed,
    apply::{self, Done, Failure, Work, hole, place, takes_effect},
    effects::{EffectError, Effects, Written},
};

/// Batches that wait; whoever brings more waits too. An instance has one under way for each stream of a node.
const QUEUE_MAX: usize = 1_024;
/// Batches of one transaction: bounds how long the first waits for the last.
const TOGETHER_MAX: usize = 64;
/// Work of one transaction, in statements' worth of a record: bounds how long it holds what it has locked, and how much is done again where it
/// fails. A batch that is larger goes by itself.
const WORK_MAX: usize = 2_048;
/// A record of class A may take a few statements of its own; rows of class C are written as one set.
const WORK_OF_A: usize = 8;
/// Transactions beside each other: one works in the database while another waits for the disk and a third is read here. More would only make
/// each of them smaller.
const LANES: usize = 3;

struct Waiting {
    work: Work,
    answer: oneshot::Sender<Result<Done, ApplyError>>,
}

impl Waiting {
    fn cost(&self) -> usize {
        let each = match self.work.batch.stream.class() {
            Class::A | Class::B => WORK_OF_A,
            Class::C => 1,
        };
        self.work.batch.records.len() * each
    }
}

/// Where batches go. Clones share the queue; it ends with the last of them.
#[derive(Clone)]
pub struct Gatherer {
    db: Db,
    feed: Feed,
    queue: mpsc::Sender<Waiting>,
}

impl Gatherer {
    /// Starts in the running tokio runtime; what is committed is told through `feed`.
    pub fn start(db: Db, feed: Feed) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(serve(db.clone(), feed.clone(), waiting));
        Self { db, feed, queue }
    }

    /// Applies a batch, and returns after the commit that holds it.
    pub async fn apply(&self, work: Work) -> Result<Done, ApplyError> {
        if !is_smooth(&work) {
            return alone(&self.db, &self.feed, &work).await;
        }
        let (answer, answered) = oneshot::channel();
        let closed = || Failure::Transient(StoreError::Closed).into();
        self.queue.send(Waiting { work, answer }).await.map_err(|_| closed())?;
        answered.await.unwrap_or_else(|_| Err(closed()))
    }
}

async fn serve(db: Db, feed: Feed, mut waiting: mpsc::Receiver<Waiting>) {
    let lanes = Arc::new(Semaphore::new(LANES));
    let mut next: VecDeque<Waiting> = VecDeque::with_capacity(TOGETHER_MAX);
    loop {
        // First a lane, then the batches: what comes while all are busy gathers.
        let Ok(lane) = Arc::clone(&lanes).acquire_owned().await else { return };
        let mut more = Vec::with_capacity(TOGETHER_MAX);
        if next.is_empty() && waiting.recv_many(&mut more, TOGETHER_MAX).await == 0 {
            return;
        }
        next.extend(more);
        while next.len() < TOGETHER_MAX
            && let Ok(one) = waiting.try_recv()
        {
            next.push_back(one);
        }
        let mut cost = 0;
        let fits = |one: &Waiting| {
            cost += one.cost();
            cost <= WORK_MAX
        };
        let count = next.iter().map(fits).take_while(|fits| *fits).count().max(1);
        let group: Vec<Waiting> = next.drain(..count).collect();
        let (db, feed) = (db.clone(), feed.clone());
        tokio::spawn(run(db, feed, group, lane));
    }
}

/// Brings each of the group to its end: those that can together, the others, or all where that fails, in transactions of their own.
async fn run(db: Db, feed: Feed, group: Vec<Waiting>, lane: OwnedSemaphorePermit) {
    let (works, answers): (Vec<Work>, Vec<_>) = group.into_iter().map(|Waiting { work, answer }| (work, answer)).unzip();
    let works: Arc<[Work]> = works.into();
    let mut done: Vec<Option<Done>> = works.iter().map(|_| None).collect();
    if works.len() > 1 {
        let shared = Arc::clone(&works);
        let together = db.write(move |tx| Box::pin(async move { apply_all(tx, &shared).await })).await;
        match together {
            Ok(Together { done: ended, outbox, logged }) => {
                feed.push(Committed { outbox, logged, reread: false });
                for (index, outcome) in ended {
                    if let Some(done) = done.get_mut(index) {
                        *done = Some(outcome);
                    }
                }
            }
            Err(failure) => tracing::debug!(error = %ApplyError::from(failure), "batches are applied one by one"),
        }
    }
    // What follows waits for nothing that the others share.
    drop(lane);
    let ends = works.iter().zip(answers).zip(done).map(|((work, answer), done)| {
        let (db, feed) = (&db, &feed);
        async move {
            let outcome = match done {
                Some(done) => Ok(done),
                None => alone(db, feed, work).await,
            };
            // A task that was dropped meanwhile does not want to know: its partition is another instance's.
            drop(answer.send(outcome));
        }
    });
    join_all(ends).await;
}

async fn alone(db: &Db, feed: &Feed, work: &Work) -> Result<Done, ApplyError> {
    let work = work.clone();
    let (done, outbox, logged) = db.write(move |tx| Box::pin(async move { apply::run(tx, &work).await })).await?;
    feed.push(Committed { outbox, logged, reread: false });
    Ok(done)
}

/// What a shared transaction came to: what became of each of its batches, by place, and what all of them wrote for others.
struct Together {
    done: Vec<(usize, Done)>,
    outbox: Vec<OutboxRow>,
    logged: Vec<LoggedDown>,
}

/// Whether nothing about the batch itself asks for a transaction of its own. Documents do: what a node says of them locks the head of its log, and
/// heads are locked in one order.
fn is_smooth(work: &Work) -> bool {
    let batch = &work.batch;
    let class = match batch.stream.class() {
        Class::A | Class::C => true,
        Class::B => false,
    };
    class && batch.mode == ApplyMode::Plain && batch.base == Seq::ZERO && hole(batch, work.now).is_none()
}

/// Applies those of the works whose store is as they believe; the others are not among what it returns.
async fn apply_all(tx: &mut Tx, works: &[Work]) -> Result<Together, Failure> {
    let nothing = Together { done: Vec::new(), outbox: Vec::new(), logged: Vec::new() };
    let members: Vec<(usize, &Work)> = works.iter().enumerate().collect();
    let Some((_, first)) = members.first() else { return Ok(nothing) };
    let claims: Vec<Claim<'_>> =
        members.iter().map(|(_, Work { node, batch, holder, .. })| Claim { node, stream: batch.stream, term: holder.term }).collect();
    let begun = cursor::begin_all(tx, &first.holder.owner, &claims).await?;
    let fits = |work: &Work, begun: &cursor::Begun| {
        let batch = &work.batch;
        let open = begun.enrolled && begun.active && begun.epoch == Some(batch.epoch) && begun.session == Some(batch.session);
        open && begun.presence != NodeState::Lost && begun.cursor.unwrap_or_default() == batch.cursor
    };
    let stand = members.iter().zip(&begun).filter(|((_, work), begun)| begun.as_ref().is_some_and(|begun| fits(work, begun)));
    let members: Vec<(usize, &Work)> = stand.map(|(member, _)| *member).collect();
    let mut new = journal(tx, &members).await?;
    let mut effects: Vec<Effects<'_>> = members.iter().map(|(_, work)| Effects::new(&work.node, work.now)).collect();
    let mut done = Vec::with_capacity(members.len());
    for ((index, work), effects) in members.iter().zip(&mut effects) {
        let Work { node, batch, .. } = work;
        let mut applied_records = 0;
        let mut unseen = apply::New::new();
        let new = new.get_mut(&node.source()).unwrap_or(&mut unseen);
        for (at, record) in batch.records.iter().enumerate() {
            if takes_effect(batch, new, record) {
                effects.apply(tx, place(batch, record), &record.event).await.map_err(|error| failure(at, error))?;
                applied_records += 1;
            }
        }
        let applied = Applied { cursor: batch.to, quarantined: 0, poison_run: 0 };
        done.push((*index, Done { applied, applied_records, losses: effects.take_losses() }));
    }
    let written = Effects::flush_all(tx, &first.db, &mut effects).await.map_err(|error| failure(0, error))?;
    let moves: Vec<_> = members.iter().zip(&done).map(|((_, work), (_, done))| (&work.node, advance(work, done))).collect();
    if !moves.is_empty() && !cursor::advance_all(tx, &moves).await? {
        return Err(Failure::Conflict(Seq::ZERO));
    }
    let Written { outbox, logged, losses: _ } = written;
    Ok(Together { done, outbox, logged })
}

fn failure(index: usize, error: EffectError) -> Failure {
    match error {
        EffectError::Transient(error) => Failure::Transient(error),
        EffectError::Poison(poison) => Failure::Poison { index, poison_run: 0, poison },
    }
}

fn advance(work: &Work, done: &Done) -> Advance {
    let batch = &work.batch;
    Advance {
        stream: batch.stream,
        epoch: batch.epoch,
        from: batch.cursor,
        to: batch.to,
        mark: batch.mark,
        poison_run: 0,
        pending: batch.left.get(),
        applied: done.applied_records,
        quarantined: 0,
        at: work.now,
    }
}

/// Journals all records of class A; returns the ids that are new, by source.
async fn journal(tx: &mut Tx, members: &[(usize, &Work)]) -> Result<HashMap<String, apply::New>, StoreError> {
    let sets: Vec<_> = members
        .iter()
        .filter(|(_, work)| work.batch.stream.class() == Class::A)
        .map(|(_, Work { node, batch, now, .. })| {
            let from = JournalSource { node, stream: batch.stream, epoch: batch.epoch, at: *now };
            (from, batch.records.iter().map(apply::entry).collect::<Vec<JournalEntry<'_>>>())
        })
        .collect();
    let Some((first, _)) = sets.first() else { return Ok(HashMap::new()) };
    cursor::journal_all(tx, first.at, &sets).await
}
