//! What gives way when the disk fills up.
//!
//! Owns the order of AS-054 and AS-056: applied rows of class A go early, the oldest unsent telemetry goes when its class or the disk is full, new
//! work is refused last; nothing unapplied of class A is ever deleted. Takes the transaction under way. Emits deletes, the LOST record of each,
//! and refusals. On failure: the storage error, and with it the whole transaction.
use aisle_schemas::limits::DOCUMENTS_MAX;
use aisle_schemas::log::{LogLost, LossReason};
use aisle_schemas::record::Body;
use aisle_schemas::sync::{Class, Count, Seq, Stream};
use sqlx::SqliteConnection;

use super::budget::{Budget, Usage};
use super::heads::Heads;
use super::record::{Cause, NewRecord, RecordMaker};
use super::writer::{Effects, append};
use super::{Entry, JournalError, upkeep};

/// A drop takes so many records, or [`DROP_BYTES`], so that dropping is rare and its LOST records few (AS-056).
const DROP_RECORDS: u32 = 1_000;
/// See [`DROP_RECORDS`].
const DROP_BYTES: u64 = 1 << 20;
/// Subject of records about the log.
const SUBJECT: &str = "log";

/// How far the writer goes to make room in one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relief {
    /// Nothing gives way beyond the budgets.
    None,
    /// So many portions of the oldest unsent telemetry go first, because the disk is full.
    Drop { portions: u32 },
    /// Work that adds to class A is refused.
    RefuseWork,
}

/// Why an entry is not taken, if it is not: it would not fit its class (AS-054, AS-055).
pub(super) async fn refuses(
    rows: &mut SqliteConnection,
    heads: &mut Heads,
    budget: &Budget,
    relief: Relief,
    entry: &Entry,
) -> Result<Option<JournalError>, JournalError> {
    let added = entry.records.iter().filter(|record| record.stream.class() == Class::A);
    let added = added.fold(Usage::default(), |sum, record| sum.plus(Usage::of_event(record.event.len())));
    if added.records > 0 {
        let fits = heads.used(Class::A).bytes.saturating_add(added.bytes) <= budget.class_a;
        if !fits || relief == Relief::RefuseWork {
            heads.refusing = true;
            return Ok(Some(JournalError::StorageFull));
        }
    }
    let mut new_keys = 0;
    for record in &entry.records {
        let Some(key) = &record.key else { continue };
        let room = u64::try_from(DOCUMENTS_MAX).unwrap_or(u64::MAX);
        if heads.usage(record.stream).records + new_keys < room {
            new_keys += 1;
            continue;
        }
        let (known,): (i64,) = sqlx::query_as(include_str!("sql/count_document_rows.sql"))
            .bind(record.stream.as_str())
            .bind(key.as_str())
            .fetch_one(&mut *rows)
            .await?;
        if known == 0 {
            return Ok(Some(JournalError::TooManyDocuments));
        }
    }
    Ok(None)
}

/// Deletes what is applied of class A before its time, once the class is nearly full (AS-009).
pub(super) async fn free_applied(
    rows: &mut SqliteConnection,
    heads: &mut Heads,
    effects: &mut Effects,
    budget: &Budget,
) -> Result<(), JournalError> {
    if !budget.is_nearly_full(heads.used(Class::A).bytes) {
        return Ok(());
    }
    for stream in Stream::UP.into_iter().filter(|stream| stream.class() == Class::A) {
        let state = heads.stream(stream);
        if state.acked >= state.kept {
            upkeep::trim(rows, heads, effects, stream, state.acked).await?;
        }
    }
    Ok(())
}

/// Drops the oldest unsent telemetry until class C fits its budget.
pub(super) async fn fit_budget(
    rows: &mut SqliteConnection,
    heads: &mut Heads,
    effects: &mut Effects,
    budget: &Budget,
    maker: &RecordMaker,
) -> Result<(), JournalError> {
    while heads.used(Class::C).bytes > budget.class_c {
        if !drop_oldest(rows, heads, effects, maker, LossReason::Budget).await? {
            // All that is left was sent and waits for its acknowledgement; credit bounds it.
            return Ok(());
        }
    }
    Ok(())
}

/// Drops so many portions of the oldest unsent telemetry, because the disk is full.
pub(super) async fn make_room(
    rows: &mut SqliteConnection,
    heads: &mut Heads,
    effects: &mut Effects,
    maker: &RecordMaker,
    relief: Relief,
) -> Result<(), JournalError> {
    let Relief::Drop { portions } = relief else { return Ok(()) };
    for _ in 0..portions {
        if !drop_oldest(rows, heads, effects, maker, LossReason::DiskFull).await? {
            return Ok(());
        }
    }
    Ok(())
}

/// Drops one portion and logs it as lost. What was ever sent stays, or LOST could count what is applied (AS-057).
async fn drop_oldest(
    rows: &mut SqliteConnection,
    heads: &mut Heads,
    effects: &mut Effects,
    maker: &RecordMaker,
    reason: LossReason,
) -> Result<bool, JournalError> {
    for stream in Stream::UP.into_iter().filter(|stream| stream.class() == Class::C) {
        let mut state = heads.stream(stream);
        let oldest: Vec<(i64, i64)> = sqlx::query_as(include_str!("sql/measure_oldest.sql"))
            .bind(stream.as_str())
            .bind(state.high.as_i64())
            .bind(DROP_RECORDS)
            .fetch_all(&mut *rows)
            .await?;
        let mut gone = Usage::default();
        let mut range = None;
        for (seq, bytes) in oldest {
            let seq = super::open::seq("log_record", seq)?;
            gone = gone.plus(Usage::counted(1, bytes));
            range = Some((range.map_or(seq, |(from, _)| from), seq));
            if gone.bytes >= DROP_BYTES {
                break;
            }
        }
        let Some((from, to)) = range else { continue };
        sqlx::query(include_str!("sql/drop_range.sql"))
            .bind(stream.as_str())
            .bind(from.as_i64())
            .bind(to.as_i64())
            .execute(&mut *rows)
            .await?;
        if state.kept > state.high {
            state.kept = to.next();
        }
        heads.up.set(stream, state);
        heads.usage.set(stream, heads.usage(stream).minus(gone));
        heads.drops += 1;
        effects.touched.set(stream, ());
        let lost = LogLost {
            stream,
            epoch: heads.epoch,
            from,
            to,
            count: Count::new(gone.records),
            bytes: Count::new(gone.bytes - gone.records * super::budget::ROW_BYTES),
            reason,
        };
        log_lost(rows, heads, effects, maker, lost).await?;
        return Ok(true);
    }
    Ok(false)
}

/// Logs a loss in `audit`, whatever its class has left: a loss that is not counted is the worse one.
pub(super) async fn log_lost(
    rows: &mut SqliteConnection,
    heads: &mut Heads,
    effects: &mut Effects,
    maker: &RecordMaker,
    lost: LogLost,
) -> Result<(), JournalError> {
    let LogLost { stream, epoch: _, from, to, count, bytes: _, reason } = lost;
    tracing::error!(stream = stream.as_str(), %from, %to, count = count.get(), reason = reason.as_str(), "records of the log are lost");
    metrics::counter!("aisle_lost_records_total", "role" => "node", "reason" => reason.as_str()).increment(count.get());
    let record = about_log(maker, &Body::LogLost(Box::new(lost)))?;
    append(rows, heads, effects, &record).await
}

/// A record about the log itself.
pub(super) fn about_log(maker: &RecordMaker, body: &Body) -> Result<NewRecord, JournalError> {
    maker.make(body, SUBJECT.to_owned(), Cause::default())
}

/// Whether a stream's rows between the peer's cursor and what is still on disk are gone although they were acknowledged, and which (AS-063).
pub(super) fn gone_since(heads: &Heads, stream: Stream, cursor: Seq) -> Option<(Seq, Seq)> {
    let state = heads.stream(stream);
    let to = state.acked.min(state.kept.minus(1));
    match stream.class() {
        // What is newest of each key is on disk.
        Class::B => None,
        Class::A | Class::C => (cursor < to).then(|| (cursor.next(), to)),
    }
}

/// Logs what the peer lost and this disk no longer has.
pub(super) async fn log_restored(
    rows: &mut SqliteConnection,
    heads: &mut Heads,
    effects: &mut Effects,
    maker: &RecordMaker,
    stream: Stream,
    cursor: Seq,
) -> Result<(), JournalError> {
    let Some((from, to)) = gone_since(heads, stream, cursor) else { return Ok(()) };
    // Their bytes went with them; holes in the range were counted when they were made, and are counted again: never too few.
    let count = Count::new(to.since(cursor));
    let lost = LogLost { stream, epoch: heads.epoch, from, to, count, bytes: Count::ZERO, reason: LossReason::ReceiverRestored };
    log_lost(rows, heads, effects, maker, lost).await
}
