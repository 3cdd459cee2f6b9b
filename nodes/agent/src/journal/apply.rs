//! Batches from the cloud, applied inside the writer's transaction.
//!
//! Owns the order of AS-033 on the node: fence, cursor, records, cursor again. Takes a batch. Emits what was applied. On failure: its savepoint
//! is rolled back and the batch answered; what else is in the transaction stands. A record that can never be applied goes to quarantine with
//! its bytes, where a person can see it.
use aisle_mesh::sync::log::{Applied, ApplyError, ApplyMode, ReceivedBatch, ReceivedRecord};
use aisle_node_core::document::{Rejection, judge};
use aisle_schemas::document::Revision;
use aisle_schemas::event::{Event, SUBJECT_LEN_MAX};
use aisle_schemas::limits::{DOCUMENTS_MAX, POISON_HOLD};
use aisle_schemas::record::Body;
use aisle_schemas::sync::{Class, Epoch, Mark, Seq, Stream};
use chrono::{DateTime, Utc};
use sqlx::{Connection, SqliteConnection};
use thiserror::Error;

use super::JournalError;
use super::documents::Desk;
use super::heads::{Cursor, Heads};
use super::record::RecordMaker;
use super::waiting;
use super::writer::Effects;

/// Why a record can never be applied.
#[derive(Debug, Error)]
enum Poison {
    #[error("subject is missing or longer than {SUBJECT_LEN_MAX}")]
    Subject,
    #[error("data is missing")]
    Data,
    #[error("body is unreadable")]
    Body(#[source] aisle_schemas::record::BodyError),
    #[error("the body belongs to another stream")]
    Stream,
    #[error("there are already {DOCUMENTS_MAX} documents")]
    TooMany,
}

/// Makes `epoch` the cloud's log; cursors start anew where it is another one.
pub(super) async fn adopt(rows: &mut SqliteConnection, heads: &mut Heads, epoch: Epoch) -> Result<(), JournalError> {
    if heads.down_epoch == Some(epoch) {
        return Ok(());
    }
    heads.down_epoch = Some(epoch);
    heads.down_mark = Mark::ZERO;
    for stream in Stream::DOWN {
        save_cursor(rows, heads, stream, Cursor { seq: Seq::ZERO, poison_run: 0 }).await?;
    }
    save_head(rows, heads).await
}

/// Applies a batch.
pub(super) async fn apply(
    rows: &mut SqliteConnection,
    heads: &mut Heads,
    effects: &mut Effects,
    maker: &RecordMaker,
    batch: &ReceivedBatch,
    now: DateTime<Utc>,
) -> Result<Result<Applied, ApplyError>, JournalError> {
    if heads.down_epoch != Some(batch.epoch) || heads.session != Some(batch.session) {
        return Ok(Err(ApplyError::Fenced));
    }
    let cursor = heads.cursor(batch.stream);
    if cursor.seq != batch.cursor {
        return Ok(Err(ApplyError::Conflict { cursor: cursor.seq }));
    }
    let mut savepoint = rows.begin().await?;
    let mut tried = Tried { heads: heads.clone(), effects: Effects::default(), reached: batch.to, run: cursor.poison_run, quarantined: 0 };
    let stopped = try_records(&mut savepoint, &mut tried, maker, batch, now).await?;
    if let Some(error) = stopped {
        savepoint.rollback().await?;
        return Ok(Err(error));
    }
    let Tried { heads: mut after, effects: mut done, reached, run, quarantined } = tried;
    after.down_mark = after.down_mark.max(batch.mark);
    if batch.base > Seq::ZERO && reached >= batch.base {
        let mut desk = Desk { rows: &mut savepoint, heads: &mut after, effects: &mut done, maker };
        drop_other_epochs(&mut desk, batch, now).await?;
    }
    save_cursor(&mut savepoint, &mut after, batch.stream, Cursor { seq: reached, poison_run: run }).await?;
    save_head(&mut savepoint, &after).await?;
    savepoint.commit().await?;
    *heads = after;
    effects.add(done);
    effects.arrived |= !batch.records.is_empty();
    Ok(Ok(Applied { cursor: reached, quarantined, poison_run: run }))
}

/// How far an attempt came; thrown away with its savepoint.
struct Tried {
    heads: Heads,
    effects: Effects,
    reached: Seq,
    run: u32,
    quarantined: u32,
}

async fn try_records(
    rows: &mut SqliteConnection,
    tried: &mut Tried,
    maker: &RecordMaker,
    batch: &ReceivedBatch,
    now: DateTime<Utc>,
) -> Result<Option<ApplyError>, JournalError> {
    for (index, record) in batch.records.iter().enumerate() {
        let mut desk = Desk { rows, heads: &mut tried.heads, effects: &mut tried.effects, maker };
        match try_record(&mut desk, batch, record, now).await? {
            Ok(()) => tried.run = 0,
            Err(poison) => match batch.mode {
                ApplyMode::Plain => {
                    return Ok(Some(ApplyError::Poison { index, poison_run: tried.run, source: Box::new(poison) }));
                }
                ApplyMode::Savepoints => {
                    quarantine(desk.rows, batch, record, &poison, now).await?;
                    reject(&mut desk, batch, record, &poison, now).await?;
                    tried.run = tried.run.saturating_add(1);
                    tried.quarantined += 1;
                    if batch.stream.class() == Class::A && tried.run >= POISON_HOLD {
                        tried.reached = record.seq;
                        return Ok(None);
                    }
                }
            },
        }
    }
    Ok(None)
}

async fn try_record(
    desk: &mut Desk<'_>,
    batch: &ReceivedBatch,
    record: &ReceivedRecord,
    now: DateTime<Utc>,
) -> Result<Result<(), Poison>, JournalError> {
    let Some(subject) = subject(record) else { return Ok(Err(Poison::Subject)) };
    if record.event.deletes() && batch.stream.class() == Class::B {
        write_document(desk, batch.epoch, record.seq, subject, Content::Gone, now).await?;
        desk.deleted(subject).await?;
        return Ok(Ok(()));
    }
    let Some(data) = &record.event.data else { return Ok(Err(Poison::Data)) };
    let body = match Body::parse(record.event.ty.as_str(), subject, data) {
        Ok(body) if body.stream() == batch.stream => body,
        Ok(_) => return Ok(Err(Poison::Stream)),
        Err(error) => return Ok(Err(Poison::Body(error))),
    };
    match batch.stream.class() {
        Class::A => keep_order(desk.rows, record, now).await.map(Ok),
        Class::B | Class::C => save_document(desk, batch.epoch, subject, record, &body, now).await,
    }
}

fn subject(record: &ReceivedRecord) -> Option<&str> {
    record.event.subject.as_deref().filter(|subject| !subject.is_empty() && subject.len() <= SUBJECT_LEN_MAX)
}

/// What can never be applied of a document is reported as rejected, beside the quarantine: its former revision stays in force (AS-076).
async fn reject(
    desk: &mut Desk<'_>,
    batch: &ReceivedBatch,
    record: &ReceivedRecord,
    poison: &Poison,
    now: DateTime<Utc>,
) -> Result<(), JournalError> {
    let rejection = match poison {
        Poison::Body(_) | Poison::Data => Rejection::Unreadable,
        Poison::TooMany => Rejection::TooMany,
        // Without a key, or under one that the node writes itself (AS-074), there is nothing to report on.
        Poison::Subject | Poison::Stream => return Ok(()),
    };
    let Some(subject) = subject(record).filter(|_| batch.stream == Stream::Desired) else { return Ok(()) };
    match poison {
        Poison::TooMany => desk.report(subject, Revision::of(batch.epoch, record.seq), Some(rejection.as_str())).await,
        Poison::Body(_) | Poison::Data | Poison::Stream | Poison::Subject => {
            keep_former(desk, batch.epoch, record.seq, subject, Some(rejection), now).await
        }
    }
}

async fn keep_order(rows: &mut SqliteConnection, record: &ReceivedRecord, now: DateTime<Utc>) -> Result<(), JournalError> {
    let noted =
        sqlx::query(include_str!("sql/note_received.sql")).bind(record.event.id.0).bind(now.timestamp_millis()).execute(&mut *rows).await?;
    if noted.rows_affected() > 0 {
        sqlx::query(include_str!("sql/keep_order.sql")).bind(record.event.id.0).bind(record.raw.as_ref()).execute(&mut *rows).await?;
    }
    Ok(())
}

async fn save_document(
    desk: &mut Desk<'_>,
    epoch: Epoch,
    key: &str,
    record: &ReceivedRecord,
    body: &Body,
    now: DateTime<Utc>,
) -> Result<Result<(), Poison>, JournalError> {
    let (others,): (i64,) = sqlx::query_as(include_str!("sql/count_documents.sql")).bind(key).fetch_one(&mut *desk.rows).await?;
    if usize::try_from(others).is_ok_and(|others| others >= DOCUMENTS_MAX) {
        return Ok(Err(Poison::TooMany));
    }
    let rejection = judge(key, body, desk.heads.equipment.as_deref()).err();
    if rejection.is_some_and(|rejection| !rejection.is_kept()) || is_in_force(desk.rows, key, record, body).await? {
        keep_former(desk, epoch, record.seq, key, rejection, now).await?;
        return Ok(Ok(()));
    }
    if rejection.is_none() && !body.media().is_empty() {
        keep_former_while(desk, epoch, key, record, now).await?;
        return Ok(Ok(()));
    }
    write_document(desk, epoch, record.seq, key, Content::Here { event: record.raw.as_ref(), rejection }, now).await?;
    desk.report(key, Revision::of(epoch, record.seq), rejection.map(Rejection::as_str)).await.map(Ok)
}

/// Whether a revision says what is in force already: then nobody is told (AS-075). A context lives from its receipt, so each of them is news.
async fn is_in_force(rows: &mut SqliteConnection, key: &str, record: &ReceivedRecord, body: &Body) -> Result<bool, JournalError> {
    if matches!(body, Body::ContextDesired(_)) {
        return Ok(false);
    }
    let row: Option<(Vec<u8>,)> = sqlx::query_as(include_str!("sql/document_event.sql")).bind(key).fetch_optional(&mut *rows).await?;
    let former = row.and_then(|(event,)| Event::parse(&event).ok()).and_then(|event| event.data);
    Ok(former.as_ref().map(|data| data.get()) == record.event.data.as_ref().map(|data| data.get()))
}

/// A new revision waits for its content, with the former body in force meanwhile (AS-079).
async fn keep_former_while(
    desk: &mut Desk<'_>,
    epoch: Epoch,
    key: &str,
    record: &ReceivedRecord,
    now: DateTime<Utc>,
) -> Result<(), JournalError> {
    renew_former(desk, epoch, record.seq, key, None, now).await?;
    waiting::hold(desk.rows, key, epoch, record.seq, record.raw.as_ref()).await?;
    desk.report(key, Revision::of(epoch, record.seq), None).await
}

/// A revision whose content has come: it is in force from here on.
pub(super) async fn bring_into_force(
    desk: &mut Desk<'_>,
    (epoch, seq): (Epoch, Seq),
    key: &str,
    event: &[u8],
    now: DateTime<Utc>,
) -> Result<(), JournalError> {
    write_document(desk, epoch, seq, key, Content::Here { event, rejection: None }, now).await
}

/// A new revision leaves the former body in force.
async fn keep_former(
    desk: &mut Desk<'_>,
    epoch: Epoch,
    seq: Seq,
    key: &str,
    rejection: Option<Rejection>,
    now: DateTime<Utc>,
) -> Result<(), JournalError> {
    renew_former(desk, epoch, seq, key, rejection, now).await?;
    desk.report(key, Revision::of(epoch, seq), rejection.map(Rejection::as_str)).await
}

/// The row of a document names its newest revision and holds the former body.
async fn renew_former(
    desk: &mut Desk<'_>,
    epoch: Epoch,
    seq: Seq,
    key: &str,
    rejection: Option<Rejection>,
    now: DateTime<Utc>,
) -> Result<(), JournalError> {
    waiting::drop_waiting(desk.rows, key).await?;
    let code = rejection.map(Rejection::as_str);
    let renewed = sqlx::query(include_str!("sql/renew_document.sql")).bind(epoch.to_string()).bind(seq.as_i64()).bind(code).bind(key);
    if renewed.execute(&mut *desk.rows).await?.rows_affected() == 0 {
        write_document(desk, epoch, seq, key, Content::None { rejection }, now).await?;
    }
    Ok(())
}

/// What stands in the row of a document.
#[derive(Debug, Clone, Copy)]
enum Content<'a> {
    Here {
        event: &'a [u8],
        rejection: Option<Rejection>,
    },
    /// Its first revision could not be taken.
    None {
        rejection: Option<Rejection>,
    },
    /// It was deleted.
    Gone,
}

async fn write_document(
    desk: &mut Desk<'_>,
    epoch: Epoch,
    seq: Seq,
    key: &str,
    content: Content<'_>,
    now: DateTime<Utc>,
) -> Result<(), JournalError> {
    let (event, rejection) = match content {
        Content::Here { event, rejection } => (Some(event), rejection),
        Content::None { rejection } => (None, rejection),
        Content::Gone => (None, None),
    };
    waiting::drop_waiting(desk.rows, key).await?;
    desk.heads.change += 1;
    sqlx::query(include_str!("sql/save_document.sql"))
        .bind(key)
        .bind(epoch.to_string())
        .bind(seq.as_i64())
        .bind(desk.heads.change)
        .bind(now.timestamp_millis())
        .bind(event)
        .bind(rejection.map(Rejection::as_str))
        .execute(&mut *desk.rows)
        .await?;
    Ok(())
}

/// Once the first fill of a new epoch is complete, what it did not bring is gone (AS-062).
async fn drop_other_epochs(desk: &mut Desk<'_>, batch: &ReceivedBatch, now: DateTime<Utc>) -> Result<(), JournalError> {
    let gone: Vec<(String,)> =
        sqlx::query_as(include_str!("sql/documents_of_other_epochs.sql")).bind(batch.epoch.to_string()).fetch_all(&mut *desk.rows).await?;
    for (key,) in gone {
        write_document(desk, batch.epoch, batch.base, &key, Content::Gone, now).await?;
        desk.deleted(&key).await?;
    }
    Ok(())
}

async fn quarantine(
    rows: &mut SqliteConnection,
    batch: &ReceivedBatch,
    record: &ReceivedRecord,
    poison: &Poison,
    now: DateTime<Utc>,
) -> Result<(), JournalError> {
    let reason = std::error::Error::source(poison).map_or_else(|| poison.to_string(), |source| format!("{poison}: {source}"));
    tracing::error!(stream = batch.stream.as_str(), seq = record.seq.get(), reason, "record from the cloud quarantined");
    metrics::counter!("aisle_quarantined_records_total", "role" => "node", "stream" => batch.stream.as_str()).increment(1);
    sqlx::query(include_str!("sql/quarantine_record.sql"))
        .bind(batch.stream.as_str())
        .bind(batch.epoch.to_string())
        .bind(record.seq.as_i64())
        .bind(record.event.id.0)
        .bind(reason)
        .bind(now.timestamp_millis())
        .bind(record.raw.as_ref())
        .execute(&mut *rows)
        .await?;
    Ok(())
}

async fn save_cursor(rows: &mut SqliteConnection, heads: &mut Heads, stream: Stream, cursor: Cursor) -> Result<(), JournalError> {
    heads.down.set(stream, cursor);
    sqlx::query(include_str!("sql/save_down_cursor.sql"))
        .bind(stream.as_str())
        .bind(cursor.seq.as_i64())
        .bind(i64::from(cursor.poison_run))
        .execute(&mut *rows)
        .await?;
    Ok(())
}

async fn save_head(rows: &mut SqliteConnection, heads: &Heads) -> Result<(), JournalError> {
    sqlx::query(include_str!("sql/save_down_head.sql"))
        .bind(heads.down_epoch.map(|epoch| epoch.to_string()))
        .bind(heads.down_mark.as_i64())
        .execute(&mut *rows)
        .await?;
    Ok(())
}
