//! Batches from the cloud, applied inside the writer's transaction.
//!
//! Owns the order of AS-033 on the node: fence, cursor, records, cursor again. Takes a batch. Emits what was applied. On failure: its savepoint
//! is rolled back and the batch answered; what else is in the transaction stands. A record that can never be applied goes to quarantine with
//! its bytes, where a person can see it.
use aisle_mesh::sync::log::{Applied, ApplyError, ApplyMode, ReceivedBatch, ReceivedRecord};
use aisle_schemas::event::SUBJECT_LEN_MAX;
use aisle_schemas::limits::{DOCUMENTS_MAX, POISON_HOLD};
use aisle_schemas::record::Body;
use aisle_schemas::sync::{Class, Epoch, Mark, Seq, Stream};
use chrono::{DateTime, Utc};
use sqlx::{Connection, SqliteConnection};
use thiserror::Error;

use super::JournalError;
use super::heads::{Cursor, Heads};
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
    let mut tried = Tried { heads: heads.clone(), reached: batch.to, run: cursor.poison_run, quarantined: 0 };
    let stopped = try_records(&mut savepoint, &mut tried, batch, now).await?;
    if let Some(error) = stopped {
        savepoint.rollback().await?;
        return Ok(Err(error));
    }
    let Tried { heads: mut after, reached, run, quarantined } = tried;
    after.down_mark = after.down_mark.max(batch.mark);
    if batch.base > Seq::ZERO && reached >= batch.base {
        drop_other_epochs(&mut savepoint, &mut after, batch, now).await?;
    }
    save_cursor(&mut savepoint, &mut after, batch.stream, Cursor { seq: reached, poison_run: run }).await?;
    save_head(&mut savepoint, &after).await?;
    savepoint.commit().await?;
    *heads = after;
    effects.arrived |= !batch.records.is_empty();
    Ok(Ok(Applied { cursor: reached, quarantined, poison_run: run }))
}

/// How far an attempt came; thrown away with its savepoint.
struct Tried {
    heads: Heads,
    reached: Seq,
    run: u32,
    quarantined: u32,
}

async fn try_records(
    rows: &mut SqliteConnection,
    tried: &mut Tried,
    batch: &ReceivedBatch,
    now: DateTime<Utc>,
) -> Result<Option<ApplyError>, JournalError> {
    for (index, record) in batch.records.iter().enumerate() {
        match try_record(rows, &mut tried.heads, batch, record, now).await? {
            Ok(()) => tried.run = 0,
            Err(poison) => match batch.mode {
                ApplyMode::Plain => {
                    return Ok(Some(ApplyError::Poison { index, poison_run: tried.run, source: Box::new(poison) }));
                }
                ApplyMode::Savepoints => {
                    quarantine(rows, batch, record, &poison, now).await?;
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
    rows: &mut SqliteConnection,
    heads: &mut Heads,
    batch: &ReceivedBatch,
    record: &ReceivedRecord,
    now: DateTime<Utc>,
) -> Result<Result<(), Poison>, JournalError> {
    let subject = match record.event.subject.as_deref() {
        Some(subject) if !subject.is_empty() && subject.len() <= SUBJECT_LEN_MAX => subject,
        Some(_) | None => return Ok(Err(Poison::Subject)),
    };
    let deletes = record.event.deletes() && batch.stream.class() == Class::B;
    if !deletes {
        let Some(data) = &record.event.data else { return Ok(Err(Poison::Data)) };
        match Body::parse(record.event.ty.as_str(), subject, data) {
            Ok(body) if body.stream() == batch.stream => {}
            Ok(_) => return Ok(Err(Poison::Stream)),
            Err(error) => return Ok(Err(Poison::Body(error))),
        }
    }
    match batch.stream.class() {
        Class::A => keep_order(rows, record, now).await.map(Ok),
        Class::B | Class::C => save_document(rows, heads, batch.epoch, subject, record, deletes, now).await,
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
    rows: &mut SqliteConnection,
    heads: &mut Heads,
    epoch: Epoch,
    key: &str,
    record: &ReceivedRecord,
    deletes: bool,
    now: DateTime<Utc>,
) -> Result<Result<(), Poison>, JournalError> {
    if !deletes {
        let (others,): (i64,) = sqlx::query_as(include_str!("sql/count_documents.sql")).bind(key).fetch_one(&mut *rows).await?;
        if usize::try_from(others).is_ok_and(|others| others >= DOCUMENTS_MAX) {
            return Ok(Err(Poison::TooMany));
        }
    }
    let body = (!deletes).then_some(record.raw.as_ref());
    write_document(rows, heads, epoch, record.seq, key, body, now).await.map(Ok)
}

async fn write_document(
    rows: &mut SqliteConnection,
    heads: &mut Heads,
    epoch: Epoch,
    seq: Seq,
    key: &str,
    event: Option<&[u8]>,
    now: DateTime<Utc>,
) -> Result<(), JournalError> {
    heads.change += 1;
    sqlx::query(include_str!("sql/save_document.sql"))
        .bind(key)
        .bind(epoch.to_string())
        .bind(seq.as_i64())
        .bind(heads.change)
        .bind(now.timestamp_millis())
        .bind(event)
        .execute(&mut *rows)
        .await?;
    Ok(())
}

/// Once the first fill of a new epoch is complete, what it did not bring is gone (AS-062).
async fn drop_other_epochs(
    rows: &mut SqliteConnection,
    heads: &mut Heads,
    batch: &ReceivedBatch,
    now: DateTime<Utc>,
) -> Result<(), JournalError> {
    let gone: Vec<(String,)> =
        sqlx::query_as(include_str!("sql/documents_of_other_epochs.sql")).bind(batch.epoch.to_string()).fetch_all(&mut *rows).await?;
    for (key,) in gone {
        write_document(rows, heads, batch.epoch, batch.base, &key, None, now).await?;
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
