//! One receive transaction, in the order of AS-033: fence, read node and cursor, classify, journal, apply, outbox, cursor.
//!
//! Owns both ways to apply a batch: plain, where the first record that can never be applied rolls all back, and with a savepoint per record,
//! where such records go to quarantine and the cursor passes them (AS-049). Takes a batch; emits where the cursor stands and what was
//! written for others. On failure everything rolls back.

use std::collections::HashSet;

use aisle_mesh::sync::log::{Applied, ApplyError, ApplyMode, ReceivedBatch, ReceivedRecord};
use aisle_schemas::{
    http::cloud::{LossKind, LossView, NodeState},
    ids::{EventId, NodeId},
    limits::{POISON_HOLD, QUARANTINE_C_PER_DAY},
    sync::{Class, Seq},
};
use aisle_store::{
    Db, LoggedDown, OutboxRow, StoreError, Tx,
    cursor::{self, Advance, JournalEntry, JournalSource},
    loss, node,
    quarantine::{self, QuarantinePlace, Quarantined},
    reported,
    term::Holder,
};
use chrono::{DateTime, TimeDelta, Utc};

use super::{
    effects::{EffectError, Effects, Place, Poison, Written},
    put_presence,
};
use crate::fresh;

/// A batch to apply.
#[derive(Clone)]
pub struct Work {
    pub node: NodeId,
    pub batch: ReceivedBatch,
    pub holder: Holder,
    pub now: DateTime<Utc>,
    pub db: Db,
}

/// Ids of records that were not journalled before.
pub type New = HashSet<EventId>;

/// A batch that was applied, not yet committed.
pub struct Done {
    pub applied: Applied,
    /// Records whose effects are new.
    pub applied_records: u64,
    /// What is known since this batch never to have an effect.
    pub losses: Vec<LossView>,
}

/// Why the transaction rolls back.
pub enum Failure {
    Conflict(Seq),
    Fenced,
    Transient(StoreError),
    Poison { index: usize, poison_run: u32, poison: Poison },
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        // Whatever fails outside a record's own effects is the database's affair, and the next try may find it well.
        Self::Transient(error)
    }
}

impl From<Failure> for ApplyError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Conflict(cursor) => Self::Conflict { cursor },
            Failure::Fenced => Self::Fenced,
            Failure::Transient(error) => Self::Transient(Box::new(error)),
            Failure::Poison { index, poison_run, poison } => Self::Poison { index, poison_run, source: Box::new(poison) },
        }
    }
}

/// Sums over a batch's records.
#[derive(Default)]
struct Tally {
    applied: u64,
    quarantined: u32,
    poison_run: u32,
    outbox: Vec<OutboxRow>,
    logged: Vec<LoggedDown>,
    losses: Vec<LossView>,
}

impl Tally {
    fn add(&mut self, written: Written) {
        let Written { outbox, logged, losses } = written;
        self.outbox.extend(outbox);
        self.logged.extend(logged);
        self.losses.extend(losses);
    }
}

/// Runs the transaction up to its commit; beside what becomes of the batch, what it wrote for others.
pub async fn run(tx: &mut Tx, work: &Work) -> Result<(Done, Vec<OutboxRow>, Vec<LoggedDown>), Failure> {
    let Work { node, batch, holder, now, db } = work;
    let begun = cursor::begin(tx, node, batch.stream, holder).await?.ok_or(Failure::Fenced)?;
    if !begun.enrolled || !begun.active || begun.epoch != Some(batch.epoch) || begun.session != Some(batch.session) {
        return Err(Failure::Fenced);
    }
    let cursor = begun.cursor.unwrap_or_default();
    if cursor != batch.cursor {
        return Err(Failure::Conflict(cursor));
    }
    let mut tally = Tally { poison_run: begun.poison_run, ..Tally::default() };
    if begun.presence == NodeState::Lost && node::bring_back(tx, node, batch.session, *now).await? {
        tally.outbox.extend(put_presence(tx, db, std::slice::from_ref(node), NodeState::Online, *now).await?);
    }
    let to = match batch.mode {
        ApplyMode::Plain => plain(tx, work, &mut tally).await?,
        ApplyMode::Savepoints => with_savepoints(tx, work, &mut tally).await?,
    };
    if let Some(hole) = hole(batch, *now) {
        loss::add(tx, node, &hole).await?;
        tally.losses.push(hole);
    }
    if batch.base > Seq::ZERO && to >= batch.base {
        reported::delete_older(tx, node, batch.epoch).await?;
    }
    let advance = Advance {
        stream: batch.stream,
        epoch: batch.epoch,
        from: cursor,
        to,
        mark: batch.mark,
        poison_run: tally.poison_run,
        pending: batch.left.get() + batch.to.since(to),
        applied: tally.applied,
        quarantined: u64::from(tally.quarantined),
        at: *now,
    };
    if !cursor::advance(tx, node, &advance).await? {
        return Err(Failure::Conflict(cursor));
    }
    let Tally { applied, quarantined, poison_run, outbox, logged, losses } = tally;
    let done = Done { applied: Applied { cursor: to, quarantined, poison_run }, applied_records: applied, losses };
    Ok((done, outbox, logged))
}

/// Numbers of class C that this batch passes and does not hold, so that nothing survives there (AS-025, AS-058); the range is that of the
/// first and the last of them.
pub(super) fn hole(batch: &ReceivedBatch, at: DateTime<Utc>) -> Option<LossView> {
    let held = u64::try_from(batch.records.len()).unwrap_or(u64::MAX);
    let missing = batch.to.since(batch.cursor).saturating_sub(held);
    if batch.stream.class() != Class::C || missing == 0 {
        return None;
    }
    let (mut from, mut to) = (batch.cursor.next(), batch.to);
    for record in &batch.records {
        if record.seq != from {
            break;
        }
        from = from.next();
    }
    for record in batch.records.iter().rev() {
        if record.seq != to {
            break;
        }
        to = to.minus(1);
    }
    let (stream, epoch) = (batch.stream, batch.epoch);
    Some(LossView { stream, kind: LossKind::Hole, records: missing, bytes: 0, epoch, from, to, at })
}

async fn plain(tx: &mut Tx, work: &Work, tally: &mut Tally) -> Result<Seq, Failure> {
    let Work { node, batch, holder: _, now, db } = work;
    let mut new = journal(tx, work, &batch.records).await?;
    let mut effects = Effects::new(node, *now);
    let before = tally.poison_run;
    let poisoned = |index, poison| Failure::Poison { index, poison_run: before, poison };
    for (index, record) in batch.records.iter().enumerate() {
        if !takes_effect(batch, &mut new, record) {
            continue;
        }
        match effects.apply(tx, place(batch, record), &record.event).await {
            Ok(()) => tally.applied += 1,
            Err(EffectError::Transient(error)) => return Err(Failure::Transient(error)),
            Err(EffectError::Poison(poison)) => return Err(poisoned(index, poison)),
        }
    }
    match effects.flush(tx, db).await {
        Ok(written) => tally.add(written),
        Err(EffectError::Transient(error)) => return Err(Failure::Transient(error)),
        // Which record it was, the savepoints will tell.
        Err(EffectError::Poison(poison)) => return Err(poisoned(0, poison)),
    }
    if !batch.records.is_empty() {
        tally.poison_run = 0;
    }
    Ok(batch.to)
}

async fn with_savepoints(tx: &mut Tx, work: &Work, tally: &mut Tally) -> Result<Seq, Failure> {
    let Work { node, batch, holder: _, now, db } = work;
    let mut effects = Effects::new(node, *now);
    for record in &batch.records {
        tx.savepoint().await?;
        match one(tx, work, &mut effects, record).await {
            Ok(written) => {
                tx.release().await?;
                tally.applied += u64::from(written.is_some());
                tally.add(written.unwrap_or_default());
                tally.poison_run = 0;
            }
            Err(EffectError::Transient(error)) => return Err(Failure::Transient(error)),
            Err(EffectError::Poison(poison)) => {
                tx.undo().await?;
                effects.clear();
                set_aside(tx, work, record, &poison, tally).await?;
                tally.poison_run += 1;
                if batch.stream.class() == Class::A && tally.poison_run >= POISON_HOLD {
                    return Ok(record.seq);
                }
            }
        }
    }
    let written = effects.flush(tx, db).await.map_err(|error| match error {
        EffectError::Transient(error) | EffectError::Poison(Poison::Store(error)) => Failure::Transient(error),
        EffectError::Poison(poison) => Failure::Poison { index: 0, poison_run: tally.poison_run, poison },
    })?;
    tally.add(written);
    Ok(batch.to)
}

/// One record within its savepoint; `None` where its effects happened before.
async fn one(tx: &mut Tx, work: &Work, effects: &mut Effects<'_>, record: &ReceivedRecord) -> Result<Option<Written>, EffectError> {
    let mut new = journal(tx, work, std::slice::from_ref(record)).await?;
    if !takes_effect(&work.batch, &mut new, record) {
        return Ok(None);
    }
    effects.apply(tx, place(&work.batch, record), &record.event).await?;
    effects.flush(tx, &work.db).await.map(Some)
}

/// Journals records of class A and returns the ids that are new; other classes are told apart by cursor and natural key.
async fn journal(tx: &mut Tx, work: &Work, records: &[ReceivedRecord]) -> Result<HashSet<EventId>, StoreError> {
    let Work { node, batch, holder: _, now, db: _ } = work;
    match batch.stream.class() {
        Class::A => {
            let entries: Vec<JournalEntry<'_>> = records.iter().map(entry).collect();
            let from = JournalSource { node, stream: batch.stream, epoch: batch.epoch, at: *now };
            cursor::journal(tx, from, &entries).await
        }
        Class::B | Class::C => Ok(HashSet::new()),
    }
}

/// A record as the journal takes it.
pub(super) fn entry(record: &ReceivedRecord) -> JournalEntry<'_> {
    // What was parsed as JSON is UTF-8.
    JournalEntry { id: record.event.id, seq: record.seq.as_i64(), event: std::str::from_utf8(&record.raw).unwrap_or_default() }
}

/// Whether a record's effects are due: in class A once per id, even within one batch.
pub(super) fn takes_effect(batch: &ReceivedBatch, new: &mut New, record: &ReceivedRecord) -> bool {
    match batch.stream.class() {
        Class::A => new.remove(&record.event.id),
        Class::B | Class::C => true,
    }
}

pub(super) fn place(batch: &ReceivedBatch, record: &ReceivedRecord) -> Place {
    Place { stream: batch.stream, epoch: batch.epoch, seq: record.seq }
}

/// Puts a record that can never be applied where a person sees it; of class C only so many a day, the rest are counted (AS-050).
async fn set_aside(tx: &mut Tx, work: &Work, record: &ReceivedRecord, poison: &Poison, tally: &mut Tally) -> Result<(), StoreError> {
    let Work { node, batch, holder: _, now, db: _ } = work;
    if batch.stream.class() == Class::C {
        let today = quarantine::count_since(tx, node, batch.stream, *now - TimeDelta::days(1)).await?;
        if today >= u64::from(QUARANTINE_C_PER_DAY) {
            let loss = LossView {
                stream: batch.stream,
                kind: LossKind::Unkept,
                records: 1,
                bytes: u64::try_from(record.raw.len()).unwrap_or(u64::MAX),
                epoch: batch.epoch,
                from: record.seq,
                to: record.seq,
                at: *now,
            };
            loss::add(tx, node, &loss).await?;
            tally.losses.push(loss);
            return Ok(());
        }
    }
    let error = chain(poison);
    let quarantined = Quarantined {
        place: QuarantinePlace { node: node.clone(), stream: batch.stream, epoch: batch.epoch, seq: record.seq },
        event: record.event.id,
        type_name: record.event.ty.as_str(),
        raw: &record.raw,
        error: &error,
        at: *now,
        audit: fresh::id(*now, EventId::new),
    };
    quarantine::set_aside(tx, &quarantined).await?;
    tally.quarantined += 1;
    Ok(())
}

/// Longest text that is kept of an error, in characters: it may repeat what a record held.
const ERROR_CHARS_MAX: usize = 2_048;

/// An error with its causes on one line. It may repeat words of a record, so it is cut, and what no text column takes (PostgreSQL: NUL) or no
/// page shows is replaced.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text.chars().take(ERROR_CHARS_MAX).map(|char| if char.is_control() { char::REPLACEMENT_CHARACTER } else { char }).collect()
}
