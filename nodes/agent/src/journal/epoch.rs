//! A new epoch of the own log (AS-060).
//!
//! Owns the renumbering of what is on disk. Takes what the peer said. Emits new heads; the connection is new as well. On failure: the
//! transaction is rolled back and the old epoch stands.
use aisle_mesh::sync::log::{EpochRequest, StreamState};
use aisle_schemas::limits::HELLO_LIST_MAX;
use aisle_schemas::sync::{Class, Epoch, Seq, Stream};
use sqlx::SqliteConnection;

use super::JournalError;
use super::heads::Heads;
use super::writer::Effects;

/// Begins a new epoch: all that survives is logged again, in order, from 1.
pub(super) async fn begin(
    rows: &mut SqliteConnection,
    heads: &mut Heads,
    effects: &mut Effects,
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
    for stream in Stream::UP.into_iter().filter(|stream| stream.class() == Class::C) {
        // Whether the peer applied rows of an epoch that it does not know is not to be told: they are dropped and counted.
        let applied = if *peer_epoch == Some(old) { peer_cursors.get(stream).copied().unwrap_or(Seq::ZERO) } else { Seq::MAX };
        let dropped = sqlx::query(include_str!("sql/trim_stream.sql"))
            .bind(stream.as_str())
            .bind(applied.as_i64())
            .execute(&mut *rows)
            .await?
            .rows_affected();
        if applied == Seq::MAX && dropped > 0 {
            tracing::warn!(stream = stream.as_str(), dropped, "records dropped because a new epoch began");
            metrics::counter!("aisle_lost_records_total", "role" => "node", "reason" => "ambiguous").increment(dropped);
        }
    }
    sqlx::query(include_str!("sql/renumber_negative.sql")).bind(old.to_string()).execute(&mut *rows).await?;
    sqlx::query(include_str!("sql/renumber_positive.sql")).execute(&mut *rows).await?;
    sqlx::query(include_str!("sql/drop_applied.sql")).execute(&mut *rows).await?;
    for stream in Stream::UP {
        let (count,): (i64,) = sqlx::query_as(include_str!("sql/count_stream.sql")).bind(stream.as_str()).fetch_one(&mut *rows).await?;
        let head = super::open::seq("log_record", count)?;
        let base = match stream.class() {
            Class::B => head,
            Class::A | Class::C => Seq::ZERO,
        };
        heads.up.set(stream, StreamState { next: head.next(), base, ..StreamState::EMPTY });
        effects.touched.set(stream, ());
    }
    heads.epoch = Epoch { counter, random: *random };
    heads.mark = heads.mark.max(*mark_min);
    heads.session_counter = heads.session_counter.max(*session_min);
    effects.head = true;
    tracing::warn!(epoch = %heads.epoch, ?reason, "a new epoch of the log began");
    Ok(())
}
