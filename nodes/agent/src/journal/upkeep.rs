//! What the journal forgets, and when.
//!
//! Owns retention: applied rows, ids of received records, answers, plays of an hour, sessions; and the days that the offline capacity goes by.
//! Takes the time. Emits deletes. On failure: the transaction is rolled back; what was to go stays for another minute.
use aisle_schemas::limits::{JOURNAL_DAYS, KEEP_APPLIED};
use aisle_schemas::sync::{Class, Seq, Stream};
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::SqliteConnection;

use super::JournalError;
use super::budget::{MEAN_DAYS, Usage};
use super::heads::Heads;
use super::writer::Effects;

/// How long an answer is kept under its idempotency key, hours: longer than any phone retries.
pub const ANSWER_HOURS: i64 = 24;
/// How long a deleted document's marker stays, hours: readers look within a second.
const MARKER_HOURS: i64 = 1;
/// Applied rows are noted at most once in so many milliseconds.
const NOTE_EVERY_MS: i64 = 60_000;
const SECONDS_OF_DAY: i64 = 86_400;

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
    heads.up.set(stream, state);
    effects.touched.set(stream, ());
    match stream.class() {
        Class::C => trim(rows, heads, effects, stream, state.acked).await?,
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
    Ok(())
}

/// Deletes the rows of a stream up to `up_to`.
pub(super) async fn trim(
    rows: &mut SqliteConnection,
    heads: &mut Heads,
    effects: &mut Effects,
    stream: Stream,
    up_to: Seq,
) -> Result<(), JournalError> {
    let (records, bytes): (i64, i64) =
        sqlx::query_as(include_str!("sql/measure_up_to.sql")).bind(stream.as_str()).bind(up_to.as_i64()).fetch_one(&mut *rows).await?;
    if records > 0 {
        sqlx::query(include_str!("sql/trim_stream.sql")).bind(stream.as_str()).bind(up_to.as_i64()).execute(&mut *rows).await?;
    }
    heads.usage.set(stream, heads.usage(stream).minus(Usage::counted(records, bytes)));
    let mut state = heads.stream(stream);
    state.kept = state.kept.max(up_to.next());
    heads.up.set(stream, state);
    effects.touched.set(stream, ());
    Ok(())
}

/// Day since 1970.
#[must_use]
pub(super) fn day_of(at: DateTime<Utc>) -> i64 {
    at.timestamp().div_euclid(SECONDS_OF_DAY)
}

/// Adds what was accepted since the last time to its day, and forgets days that no mean goes by.
async fn note_day(rows: &mut SqliteConnection, heads: &mut Heads, now: DateTime<Utc>) -> Result<(), JournalError> {
    let today = day_of(now);
    if heads.unwritten_a > 0 {
        let bytes = i64::try_from(heads.unwritten_a).unwrap_or(i64::MAX);
        sqlx::query(include_str!("sql/add_day.sql")).bind(today).bind(bytes).execute(&mut *rows).await?;
        heads.unwritten_a = 0;
    }
    sqlx::query(include_str!("sql/forget_days.sql")).bind(today - MEAN_DAYS).execute(&mut *rows).await?;
    heads.days = load_days(rows).await?;
    Ok(())
}

/// The days with what was accepted on them.
pub(super) async fn load_days(rows: &mut SqliteConnection) -> Result<Vec<(i64, u64)>, JournalError> {
    let days: Vec<(i64, i64)> = sqlx::query_as(include_str!("sql/load_days.sql")).fetch_all(&mut *rows).await?;
    Ok(days.into_iter().map(|(day, bytes)| (day, u64::try_from(bytes).unwrap_or(0))).collect())
}

/// Deletes what is old enough.
pub(super) async fn forget(
    rows: &mut SqliteConnection,
    heads: &mut Heads,
    effects: &mut Effects,
    now: DateTime<Utc>,
) -> Result<(), JournalError> {
    note_day(rows, heads, now).await?;
    let before = |age: TimeDelta| (now - age).timestamp_millis();
    let applied = before(TimeDelta::from_std(KEEP_APPLIED).expect("three days fit"));
    let old: Vec<(String, i64)> = sqlx::query_as(include_str!("sql/applied_before.sql")).bind(applied).fetch_all(&mut *rows).await?;
    for (stream, seq) in old {
        let stream: Stream =
            stream.parse().map_err(|_| JournalError::Unreadable { table: "log_applied", reason: format!("{stream} is no stream") })?;
        let up_to = super::open::seq("log_applied", seq)?;
        trim(rows, heads, effects, stream, up_to).await?;
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
    super::documents::forget_markers(rows, heads, effects, now).await
}
