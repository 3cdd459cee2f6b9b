//! A new epoch of the own log, and the return to an older place of it (AS-060, AS-063).
//!
//! Owns the renumbering of what is on disk. Takes what the peer said. Emits new heads and the records that tell of it; the connection is new as
//! well. On failure: the transaction is rolled back and the old epoch stands.
use aisle_mesh::sync::log::{EpochReason, EpochRequest, StreamState};
use aisle_schemas::limits::HELLO_LIST_MAX;
use aisle_schemas::log::{EpochCause, LogEpoch, LogLost, LossReason};
use aisle_schemas::record::Body;
use aisle_schemas::sync::{Class, Count, Epoch, PerStream, Seq, Stream};
use sqlx::SqliteConnection;

use super::JournalError;
use super::budget::Usage;
use super::heads::Heads;
use super::pressure::{about_log, log_lost, log_restored};
use super::record::RecordMaker;
use super::writer::{Effects, append};

/// Begins a new epoch: all that survives is logged again, in order, from 1; then what was lost, and that the log began again.
pub(super) async fn begin(
    rows: &mut SqliteConnection,
    heads: &mut Heads,
    effects: &mut Effects,
    maker: &RecordMaker,
    request: &EpochRequest,
) -> Result<(), JournalError> {
    let EpochRequest { reason, random, peer_epoch, peer_cursors, mark_min, session_min } = request;
    let old = heads.epoch;
    let counter = old.counter.max(peer_epoch.map_or(0, |epoch| epoch.counter)).saturating_add(1);
    for epoch in [Some(old), peer_epoch.filter(|epoch| *epoch != old)].into_iter().flatten() {
        sqlx::query(include_str!("sql/add_lineage.sql")).bind(epoch.to_string()).execute(&mut *rows).await?;
        heads.lineage.push(epoch);
    }
    let surplus = heads.lineage.len().saturating_sub(HELLO_LIST_MAX);
    heads.lineage.drain(..surplus);
    if *peer_epoch == Some(old) {
        for stream in Stream::UP {
            let cursor = peer_cursors.get(stream).copied().unwrap_or_default();
            log_restored(rows, heads, effects, maker, stream, cursor).await?;
        }
    }
    let lost = drop_ambiguous(rows, old, *peer_epoch, peer_cursors).await?;
    super::documents::drop_markers(rows).await?;
    sqlx::query(include_str!("sql/renumber_negative.sql")).bind(old.to_string()).execute(&mut *rows).await?;
    sqlx::query(include_str!("sql/renumber_positive.sql")).execute(&mut *rows).await?;
    sqlx::query(include_str!("sql/drop_applied.sql")).execute(&mut *rows).await?;
    for stream in Stream::UP {
        let (count, bytes): (i64, i64) =
            sqlx::query_as(include_str!("sql/count_stream.sql")).bind(stream.as_str()).fetch_one(&mut *rows).await?;
        let head = super::open::seq("log_record", count)?;
        let base = match stream.class() {
            Class::B => head,
            Class::A | Class::C => Seq::ZERO,
        };
        heads.up.set(stream, StreamState { next: head.next(), base, ..StreamState::EMPTY });
        heads.usage.set(stream, Usage::counted(count, bytes));
        effects.touched.set(stream, ());
    }
    heads.epoch = Epoch { counter, random: *random };
    heads.mark = heads.mark.max(*mark_min);
    heads.session_counter = heads.session_counter.max(*session_min);
    heads.drops += 1;
    effects.head = true;
    for lost in lost {
        log_lost(rows, heads, effects, maker, lost).await?;
    }
    let begun = LogEpoch { epoch: heads.epoch, previous: Some(old), cause: cause(*reason) };
    append(rows, heads, effects, &about_log(maker, &Body::LogEpochBegun(Box::new(begun)))?).await?;
    tracing::warn!(epoch = %heads.epoch, ?reason, "a new epoch of the log began");
    Ok(())
}

/// Whether rows of class A that must be on disk are not: a batch with a hole would be refused for ever (AS-026, AS-061).
pub(super) async fn misses_rows(rows: &mut SqliteConnection, heads: &Heads) -> Result<bool, JournalError> {
    for stream in Stream::UP.into_iter().filter(|stream| stream.class() == Class::A) {
        let state = heads.stream(stream);
        let (count, _): (i64, i64) =
            sqlx::query_as(include_str!("sql/count_stream.sql")).bind(stream.as_str()).fetch_one(&mut *rows).await?;
        let there = super::open::seq("log_record", count)?.get();
        if there < state.next.since(state.kept) || state.kept > state.acked.next() {
            tracing::error!(stream = stream.as_str(), there, kept = %state.kept, next = %state.next, "records that must be on disk are not");
            return Ok(true);
        }
    }
    Ok(false)
}

const fn cause(reason: EpochReason) -> EpochCause {
    match reason {
        EpochReason::DiskBehind => EpochCause::DiskBehind,
        // A peer that knows another log needs all of this one.
        EpochReason::PeerBehind | EpochReason::PeerForeign => EpochCause::PeerBehind,
        EpochReason::RowsMissing => EpochCause::RowsMissing,
        EpochReason::Operator => EpochCause::Operator,
    }
}

/// Deletes telemetry of which nobody can tell whether the peer applied it: all of it, or what lies at or below the peer's cursor in this very
/// epoch, where a disk that was set back may have given seqs anew. Returns what was lost.
async fn drop_ambiguous(
    rows: &mut SqliteConnection,
    old: Epoch,
    peer_epoch: Option<Epoch>,
    peer_cursors: &PerStream<Seq>,
) -> Result<Vec<LogLost>, JournalError> {
    let mut lost = Vec::new();
    for stream in Stream::UP.into_iter().filter(|stream| stream.class() == Class::C) {
        let up_to = if peer_epoch == Some(old) { peer_cursors.get(stream).copied().unwrap_or_default() } else { Seq::MAX };
        let (from, to, count, bytes): (Option<i64>, Option<i64>, i64, i64) =
            sqlx::query_as(include_str!("sql/measure_range.sql")).bind(stream.as_str()).bind(up_to.as_i64()).fetch_one(&mut *rows).await?;
        let (Some(from), Some(to)) = (from, to) else { continue };
        sqlx::query(include_str!("sql/trim_stream.sql")).bind(stream.as_str()).bind(to).execute(&mut *rows).await?;
        let count_of = |value: i64| Count::new(u64::try_from(value).unwrap_or(0));
        lost.push(LogLost {
            stream,
            epoch: old,
            from: super::open::seq("log_record", from)?,
            to: super::open::seq("log_record", to)?,
            count: count_of(count),
            bytes: count_of(bytes),
            reason: LossReason::Ambiguous,
        });
    }
    Ok(lost)
}

/// Goes back to what the peer says that it has applied: nothing above it may be deleted before it is applied again, and what is gone already
/// is logged as lost before anything is sent (AS-047, AS-063).
pub(super) async fn return_to(
    rows: &mut SqliteConnection,
    heads: &mut Heads,
    effects: &mut Effects,
    maker: &RecordMaker,
    cursors: &PerStream<Seq>,
) -> Result<(), JournalError> {
    for stream in Stream::UP {
        let cursor = cursors.get(stream).copied().unwrap_or_default();
        if cursor >= heads.stream(stream).acked {
            continue;
        }
        log_restored(rows, heads, effects, maker, stream, cursor).await?;
        // Read anew: the record of the loss may have moved the head of this very stream.
        let state = StreamState { acked: cursor, ..heads.stream(stream) };
        heads.up.set(stream, state);
        effects.touched.set(stream, ());
        sqlx::query(include_str!("sql/forget_applied_above.sql")).bind(stream.as_str()).bind(cursor.as_i64()).execute(&mut *rows).await?;
    }
    Ok(())
}
