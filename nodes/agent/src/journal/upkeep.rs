//! What the journal forgets, and when.
//!
//! Owns retention: applied rows, ids of received records, answers, plays of an hour, sessions. Takes the time. Emits deletes. On failure: the
//! transaction is rolled back; what was to go stays for another minute.
use aisle_schemas::limits::{JOURNAL_DAYS, KEEP_APPLIED};
use aisle_schemas::sync::{Class, Seq, Stream};
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::SqliteConnection;

use super::JournalError;
use super::heads::Heads;
use super::writer::Effects;

/// How long an answer is kept under its idempotency key, hours: longer than any phone retries.
pub const ANSWER_HOURS: i64 = 24;
/// How long a deleted document's marker stays, hours: readers look within a second.
const MARKER_HOURS: i64 = 1;
/// Applied rows are noted at most once in so many milliseconds.
const NOTE_EVERY_MS: i64 = 60_000;

/// Notes how far a stream is applied; telemetry goes at once, the rest stays for days (AS-009).
pub(super) async fn note_acked(
    rows: &mut SqliteConnection,
    heads: &mut Heads,
    effects: &mut Effects,
    stream: Stream,
    acked: Seq,
    now: DateTime<Utc>,
) -> Result<(), JournalError> {
    let mut state = heads.stream(stream);
    state.acked = state.acked.max(acked);
    match stream.class() {
        Class::C => {
            trim(rows, stream, state.acked).await?;
            state.kept = state.kept.max(state.acked.next());
        }
        Class::A => {
            sqlx::query(include_str!("sql/note_applied.sql"))
                .bind(stream.as_str())
                .bind(state.acked.as_i64())
                .bind(now.timestamp_millis() / NOTE_EVERY_MS * NOTE_EVERY_MS)
                .execute(&mut *rows)
                .await?;
        }
        Class::B => {}
    }
    heads.up.set(stream, state);
    effects.touched.set(stream, ());
    Ok(())
}

async fn trim(rows: &mut SqliteConnection, stream: Stream, up_to: Seq) -> Result<(), JournalError> {
    sqlx::query(include_str!("sql/trim_stream.sql")).bind(stream.as_str()).bind(up_to.as_i64()).execute(rows).await?;
    Ok(())
}

/// Deletes what is old enough.
pub(super) async fn forget(rows: &mut SqliteConnection, heads: &mut Heads, now: DateTime<Utc>) -> Result<(), JournalError> {
    let before = |age: TimeDelta| (now - age).timestamp_millis();
    let applied = before(TimeDelta::from_std(KEEP_APPLIED).expect("three days fit"));
    let old: Vec<(String, i64)> = sqlx::query_as(include_str!("sql/applied_before.sql")).bind(applied).fetch_all(&mut *rows).await?;
    for (stream, seq) in old {
        let stream: Stream =
            stream.parse().map_err(|_| JournalError::Unreadable { table: "log_applied", reason: format!("{stream} is no stream") })?;
        let up_to = super::open::seq("log_applied", seq)?;
        trim(rows, stream, up_to).await?;
        let mut state = heads.stream(stream);
        state.kept = state.kept.max(up_to.next());
        heads.up.set(stream, state);
    }
    for (statement, limit) in [
        (include_str!("sql/trim_applied.sql"), applied),
        (include_str!("sql/forget_received.sql"), before(TimeDelta::days(i64::from(JOURNAL_DAYS)))),
        (include_str!("sql/forget_answers.sql"), before(TimeDelta::hours(ANSWER_HOURS))),
        (include_str!("sql/forget_plays.sql"), before(TimeDelta::hours(1))),
        (include_str!("sql/forget_device_sessions.sql"), now.timestamp_millis()),
        (include_str!("sql/forget_markers.sql"), before(TimeDelta::hours(MARKER_HOURS))),
    ] {
        sqlx::query(statement).bind(limit).execute(&mut *rows).await?;
    }
    Ok(())
}
