//! The receiving end of a node's streams: fence, cursor, journal.
//!
//! Owns tables `stream_cursor` and `journal`. Takes what a batch says; emits whether it may be applied and where the
//! cursor stands. All functions are parts of the one receive transaction (AS-033).

use std::collections::HashSet;

use aisle_schemas::{
    http::cloud::NodeState,
    ids::{EventId, NodeId},
    sync::{Epoch, Mark, Seq, Session, Stream, Term},
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::types::Json;

use crate::{
    db::{Conn, Tx},
    error::StoreError,
    statement::{Id, Num, Text, Word, run},
    term::Holder,
};

/// Node and cursor as read under the fence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    pub enrolled: bool,
    pub active: bool,
    pub epoch: Option<Epoch>,
    pub session: Option<Session>,
    pub open_term: Option<Term>,
    pub presence: NodeState,
    /// `None` before the first accepted HELLO.
    pub cursor: Option<Seq>,
    /// Poison records in a row up to the cursor.
    pub poison_run: u32,
}

/// Begins a receive transaction: fences by what `holder` holds (AS-034), reads node and cursor. `None` where it does not hold the node's
/// partition any more or the node is unknown.
pub async fn begin(tx: &mut Tx, node: &NodeId, stream: Stream, holder: &Holder) -> Result<Option<Begun>, StoreError> {
    type Row =
        (bool, bool, Option<Text<Epoch>>, Option<Text<Session>>, Option<Num<Term>>, Word<NodeState>, Option<Num<Seq>>, Option<Num<u32>>);
    let row: Option<Row> = run!(tx, fetch_optional: Row, pair "cursor/begin", node, stream, holder.term, &holder.owner)?;
    Ok(row.map(|(enrolled, active, epoch, session, open_term, Word(presence), cursor, poison_run)| Begun {
        enrolled,
        active,
        epoch: epoch.map(|Text(epoch)| epoch),
        session: session.map(|Text(session)| session),
        open_term: open_term.map(|Num(term)| term),
        presence,
        cursor: cursor.map(|Num(seq)| seq),
        poison_run: poison_run.map_or(0, |Num(run)| run),
    }))
}

/// How the cursor moves at the end of a receive transaction.
#[derive(Debug, Clone, Copy)]
pub struct Advance {
    pub stream: Stream,
    pub epoch: Epoch,
    /// Where it must stand now.
    pub from: Seq,
    pub to: Seq,
    pub mark: Mark,
    pub poison_run: u32,
    /// Records that wait at the node behind this batch.
    pub pending: u64,
    pub applied: u64,
    pub quarantined: u64,
    pub at: DateTime<Utc>,
}

/// Moves the cursor by compare-and-set (AS-037); `false` where it stands elsewhere: roll back and read again.
pub async fn advance(tx: &mut Tx, node: &NodeId, advance: &Advance) -> Result<bool, StoreError> {
    let Advance { stream, epoch, from, to, mark, poison_run, pending, applied, quarantined, at } = *advance;
    let moved =
        run!(tx, execute, "cursor/advance.sql", node, stream, epoch, from, to, mark, poison_run, pending, applied, quarantined, at)?;
    Ok(moved == 1)
}

/// A class-A record for the journal.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct JournalEntry<'a> {
    pub id: EventId,
    pub seq: i64,
    /// The record as it came.
    pub event: &'a str,
}

/// Where journalled records come from.
#[derive(Debug, Clone, Copy)]
pub struct JournalSource<'a> {
    pub node: &'a NodeId,
    pub stream: Stream,
    pub epoch: Epoch,
    pub at: DateTime<Utc>,
}

/// Journals records and returns the ids that were not there before: only those take effect (AS-038).
pub async fn journal(tx: &mut Tx, from: JournalSource<'_>, entries: &[JournalEntry<'_>]) -> Result<HashSet<EventId>, StoreError> {
    let JournalSource { node, stream, epoch, at } = from;
    let source = node.source();
    if let [JournalEntry { id, seq, event }] = entries {
        let new = run!(tx, execute, "journal/insert_one.sql", source, *id, stream, epoch, *seq, event.as_bytes(), at)?;
        return Ok(if new > 0 { HashSet::from([*id]) } else { HashSet::new() });
    }
    if entries.is_empty() {
        return Ok(HashSet::new());
    }
    let new: Vec<(Id<EventId>,)> = run!(
        tx,
        fetch_all: (Id<EventId>,),
        pair "journal/insert",
        pg(
            source,
            stream,
            epoch,
            at,
            entries.iter().map(|entry| entry.id.0).collect::<Vec<_>>(),
            entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(),
            entries.iter().map(|entry| entry.event.as_bytes()).collect::<Vec<_>>(),
        ),
        sqlite(source, stream, epoch, at, Json(entries)),
    )?;
    Ok(new.into_iter().map(|(Id(id),)| id).collect())
}

/// Records journalled of a node.
pub async fn journalled(conn: &mut Conn, node: &NodeId) -> Result<u64, StoreError> {
    let (Num(count),) = run!(conn, fetch_one: (Num<u64>,), "journal/count.sql", node.source())?;
    Ok(count)
}

/// Counts a record as applied that was not when its batch was.
pub async fn count_applied(tx: &mut Tx, node: &NodeId, stream: Stream) -> Result<(), StoreError> {
    run!(tx, execute, "cursor/count_applied.sql", node, stream)?;
    Ok(())
}
