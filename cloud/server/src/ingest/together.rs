//! Batches of several nodes in one receive transaction: what waits together is fenced, journalled and committed at once.
//!
//! Owns the queue in front of the receive transactions and how many of them run beside each other. Takes a batch at a time; nobody waits for
//! company: a lane that is free takes what is there, and what comes meanwhile is its next transaction. Emits to each batch what became of it,
//! after the commit. Only what goes smoothly is done together: where anything else turns up in it, the whole transaction rolls back, and each of
//! its batches has one of its own, which finds out by itself. Bounded: [`QUEUE_MAX`] batches wait, [`LANES`] transactions run.

use std::{collections::HashMap, sync::Arc};

use aisle_mesh::sync::log::{Applied, ApplyError, ApplyMode};
use aisle_schemas::{
    http::cloud::NodeState,
    sync::{Class, Seq},
};
use aisle_store::{
    Db, StoreError, Tx,
    cursor::{self, Advance, Claim, JournalEntry, JournalSource},
};
use futures_util::future::join_all;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::{
    apply::{self, Done, Failure, Work, hole, place, takes_effect},
    effects::{EffectError, Effects},
};

/// Batches that wait; whoever brings more waits too. An instance has one under way for each stream of a node.
const QUEUE_MAX: usize = 1_024;
/// Batches of one transaction: bounds how long the first waits for the last, and how much is done again where it fails.
const TOGETHER_MAX: usize = 64;
/// Transactions beside each other: one works in the database while another waits for the disk and a third is read here. More would only make
/// each of them smaller.
const LANES: usize = 3;

struct Waiting {
    work: Work,
    answer: oneshot::Sender<Result<Done, ApplyError>>,
}

/// Where batches go. Clones share the queue; it ends with the last of them.
#[derive(Clone)]
pub struct Gatherer {
    queue: mpsc::Sender<Waiting>,
}

impl Gatherer {
    /// Starts in the running tokio runtime.
    pub fn start(db: Db) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(serve(db, waiting));
        Self { queue }
    }

    /// Applies a batch, and returns after the commit that holds it.
    pub async fn apply(&self, work: Work) -> Result<Done, ApplyError> {
        let (answer, answered) = oneshot::channel();
        let closed = || Failure::Transient(StoreError::Closed).into();
        self.queue.send(Waiting { work, answer }).await.map_err(|_| closed())?;
        answered.await.unwrap_or_else(|_| Err(closed()))
    }
}

async fn serve(db: Db, mut waiting: mpsc::Receiver<Waiting>) {
    let lanes = Arc::new(Semaphore::new(LANES));
    loop {
        // First a lane, then the batches: what comes while all are busy gathers.
        let Ok(lane) = Arc::clone(&lanes).acquire_owned().await else { return };
        let mut group = Vec::with_capacity(TOGETHER_MAX);
        if waiting.recv_many(&mut group, TOGETHER_MAX).await == 0 {
            return;
        }
        let db = db.clone();
        tokio::spawn(async move {
            run(&db, group).await;
            drop(lane);
        });
    }
}

/// Brings each of the group to its end: those that can together, the others, or all where that fails, in transactions of their own.
async fn run(db: &Db, group: Vec<Waiting>) {
    let (works, answers): (Vec<Work>, Vec<_>) = group.into_iter().map(|Waiting { work, answer }| (work, answer)).unzip();
    let works: Arc<[Work]> = works.into();
    let mut done: Vec<Option<Done>> = works.iter().map(|_| None).collect();
    let members: Vec<usize> = works.iter().enumerate().filter(|(_, work)| is_smooth(work)).map(|(index, _)| index).collect();
    if members.len() > 1 {
        let shared = Arc::clone(&works);
        let together = db.write(move |tx| Box::pin(async move { apply_all(tx, &shared, &members).await })).await;
        match together {
            Ok(together) => together.into_iter().for_each(|(index, outcome)| {
                if let Some(done) = done.get_mut(index) {
                    *done = Some(outcome);
                }
            }),
            Err(failure) => tracing::debug!(error = %ApplyError::from(failure), "batches are applied one by one"),
        }
    }
    let ends = works.iter().zip(answers).zip(done).map(|((work, answer), done)| async move {
        let outcome = match done {
            Some(done) => Ok(done),
            None => alone(db, work).await,
        };
        // A task that was dropped meanwhile does not want to know: its partition is another instance's.
        drop(answer.send(outcome));
    });
    join_all(ends).await;
}

async fn alone(db: &Db, work: &Work) -> Result<Done, ApplyError> {
    let work = work.clone();
    Ok(db.write(move |tx| Box::pin(async move { apply::run(tx, &work).await })).await?)
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
async fn apply_all(tx: &mut Tx, works: &[Work], members: &[usize]) -> Result<Vec<(usize, Done)>, Failure> {
    let members: Vec<(usize, &Work)> = members.iter().filter_map(|index| works.get(*index).map(|work| (*index, work))).collect();
    let Some((_, first)) = members.first() else { return Ok(Vec::new()) };
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
        done.push((*index, Done { applied, applied_records, outbox: Vec::new(), logged: Vec::new(), losses: Vec::new() }));
    }
    let written = Effects::flush_all(tx, &first.db, &mut effects).await.map_err(|error| failure(0, error))?;
    let moves: Vec<_> = members.iter().zip(&done).map(|((_, work), (_, done))| (&work.node, advance(work, done))).collect();
    if !moves.is_empty() && !cursor::advance_all(tx, &moves).await? {
        return Err(Failure::Conflict(Seq::ZERO));
    }
    // What follows from all is told once.
    if let Some((_, done)) = done.first_mut() {
        (done.outbox, done.logged, done.losses) = (written.outbox, written.logged, written.losses);
    }
    Ok(done)
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
