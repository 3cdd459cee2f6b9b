//! A quarantined record is applied once more, under its own identity, because an operator says so (AS-049).
//!
//! Owns that one transaction. Takes the record's place and who decided; writes journal, effects, outbox, audit and what became of the record
//! together. A record that fails again stays in quarantine with its new error. Two operators at once settle it once: whoever is second
//! finds it settled. On failure of the database nothing has changed.

use aisle_schemas::{
    event::Event,
    http::cloud::{QuarantineFate, QuarantineSettled, QuarantineView},
    ids::{CustomerId, EventId},
    sync::{Class, Stream},
};
use aisle_store::{
    Db, StoreError, Tx,
    audit::{self, Actor, AuditEntry},
    cursor::{self, JournalEntry, JournalSource},
    quarantine::{self, QuarantinePlace},
    reported::{self, ReportedAt},
};
use chrono::{DateTime, Utc};

use super::{
    Committed, Feed,
    apply::chain,
    effects::{EffectError, Effects, Place, Poison, Written},
};
use crate::fresh;

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redriven {
    /// Now or before: the record is settled.
    Settled(Box<QuarantineView>),
    /// It stays, with this error.
    StillFails { error: String },
    /// There is no such record.
    Unknown,
}

/// Drives a record again and tells what follows from it.
pub async fn redrive(db: &Db, feed: &Feed, place: QuarantinePlace, by: CustomerId, now: DateTime<Utc>) -> Result<Redriven, StoreError> {
    let work = Work { db: db.clone(), place, by, now };
    let (redriven, written) = db.write(move |tx| Box::pin(async move { work.run(tx).await })).await?;
    let Written { outbox, logged, losses: _ } = written;
    feed.push(Committed { outbox, logged, reread: false });
    Ok(redriven)
}

struct Work {
    db: Db,
    place: QuarantinePlace,
    by: CustomerId,
    now: DateTime<Utc>,
}

impl Work {
    async fn run(&self, tx: &mut Tx) -> Result<(Redriven, Written), StoreError> {
        let Self { db: _, place, by, now } = self;
        let settled = QuarantineSettled { fate: QuarantineFate::Applied, at: *now, by: *by, reason: String::new() };
        // First of all, so that a second operator waits here and then finds it done.
        if !quarantine::settle(tx, place, &settled).await? {
            let known = quarantine::find(tx, place).await?;
            return Ok((known.map_or(Redriven::Unknown, |known| Redriven::Settled(Box::new(known))), Written::default()));
        }
        let raw = quarantine::raw(tx, place).await?.unwrap_or_default();
        tx.savepoint().await?;
        let (action, detail, written) = match self.apply(tx, &raw).await {
            Ok(Some(written)) => {
                tx.release().await?;
                cursor::count_applied(tx, &place.node, place.stream).await?;
                ("record.redriven", "applied".to_owned(), written)
            }
            Ok(None) => {
                tx.release().await?;
                quarantine::not_needed(tx, place).await?;
                ("record.redriven", "not needed".to_owned(), Written::default())
            }
            Err(EffectError::Transient(error)) => return Err(error),
            Err(EffectError::Poison(poison)) => {
                tx.undo().await?;
                let error = chain(&poison);
                quarantine::reopen(tx, place, &error).await?;
                self.note(tx, "record.redrive_failed", &error).await?;
                return Ok((Redriven::StillFails { error }, Written::default()));
            }
        };
        self.note(tx, action, &detail).await?;
        let known = quarantine::find(tx, place).await?;
        Ok((known.map_or(Redriven::Unknown, |known| Redriven::Settled(Box::new(known))), written))
    }

    async fn note(&self, tx: &mut Tx, action: &'static str, detail: &str) -> Result<(), StoreError> {
        let Self { db: _, place, by, now } = self;
        let (id, subject) = (fresh::id(*now, EventId::new), place.subject());
        audit::write(tx, AuditEntry { id, at: *now, actor: Actor::Staff(*by), action, subject: &subject, detail }).await
    }

    /// `None` where nothing is left to do: its id was applied in another epoch, or a newer revision of the document is known.
    async fn apply(&self, tx: &mut Tx, raw: &[u8]) -> Result<Option<Written>, EffectError> {
        let Self { db, place, by: _, now } = self;
        let QuarantinePlace { node, stream, epoch, seq } = place;
        let event = Event::parse(raw).map_err(|error| EffectError::Poison(Poison::Event(error)))?;
        match stream.class() {
            Class::A => {
                let text = std::str::from_utf8(raw).unwrap_or_default(); // what was parsed as JSON is UTF-8
                let entry = JournalEntry { id: event.id, seq: seq.as_i64(), event: text };
                let from = JournalSource { node, stream: *stream, epoch: *epoch, at: *now };
                if cursor::journal(tx, from, &[entry]).await?.is_empty() {
                    return Ok(None);
                }
            }
            Class::B => {
                let key = event.subject.as_deref().unwrap_or_default();
                if *stream == Stream::Reported
                    && !reported::is_newest(tx, node, key, ReportedAt { epoch: *epoch, seq: *seq, at: event.time }).await?
                {
                    return Ok(None);
                }
            }
            Class::C => {} // told apart by its natural key
        }
        let mut effects = Effects::redriven(node, *now);
        effects.apply(tx, Place { stream: *stream, epoch: *epoch, seq: *seq }, &event).await?;
        effects.flush(tx, db).await.map(Some)
    }
}
