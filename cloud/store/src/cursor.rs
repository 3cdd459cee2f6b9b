//! The receiving end of a node's streams: fence, cursor, journal.
//!
//! Owns tables `stream_cursor` and `journal`. Takes what a batch says; emits whether it may be applied and where the
//! cursor stands. All functions are parts of the one receive transaction (AS-033).

use std::collections::{HashMap, HashSet};

use aisle_schemas::{
    http::cloud::NodeState,
    ids::{EventId, InstanceId, NodeId},
    sync::{Epoch, Mark, Seq, Session, Stream, Term},
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::types::Json;

use crate::{
    db::{Conn, Tx},
    error::StoreError,
    statement::{Id, Num, Portable as _, Text, Word, column, instant, micros, run},
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

/// What the transaction of one batch claims: that the node's partition is held under this term.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    pub node: &'a NodeId,
    pub stream: Stream,
    pub term: Term,
}

/// Begins a receive transaction: fences by what `owner` holds (AS-034), reads node and cursor of each claim, in the order given. `None` where
/// the partition is not held any more or the node is unknown.
pub async fn begin_all(tx: &mut Tx, owner: &InstanceId, claims: &[Claim<'_>]) -> Result<Vec<Option<Begun>>, StoreError> {
    #[derive(Serialize)]
    struct Wanted {
        place: i64,
        node: String,
        stream: &'static str,
        term: i64,
    }
    type Row = (
        Num<usize>,
        bool,
        bool,
        Option<Text<Epoch>>,
        Option<Text<Session>>,
        Option<Num<Term>>,
        Word<NodeState>,
        Option<Num<Seq>>,
        Option<Num<u32>>,
    );
    let wanted: Vec<Wanted> = (0_i64..)
        .zip(claims)
        .map(|(place, Claim { node, stream, term })| Wanted { place, node: node.to_string(), stream: stream.as_str(), term: term.as_i64() })
        .collect();
    let rows: Vec<Row> = run!(
        tx,
        fetch_all: Row,
        pair "cursor/begin",
        pg(
            column(&wanted, |claim| claim.place),
            column(&wanted, |claim| claim.node.as_str()),
            column(&wanted, |claim| claim.stream),
            column(&wanted, |claim| claim.term),
            owner,
        ),
        sqlite(Json(&wanted), owner),
    )?;
    let mut begun = vec![None; claims.len()];
    for (Num(place), enrolled, active, epoch, session, open_term, Word(presence), cursor, poison_run) in rows {
        if let Some(begun) = begun.get_mut(place) {
            *begun = Some(Begun {
                enrolled,
                active,
                epoch: epoch.map(|Text(epoch)| epoch),
                session: session.map(|Text(session)| session),
                open_term: open_term.map(|Num(term)| term),
                presence,
                cursor: cursor.map(|Num(seq)| seq),
                poison_run: poison_run.map_or(0, |Num(run)| run),
            });
        }
    }
    Ok(begun)
}

/// [`begin_all`] for one batch.
pub async fn begin(tx: &mut Tx, node: &NodeId, stream: Stream, holder: &Holder) -> Result<Option<Begun>, StoreError> {
    let begun = begin_all(tx, &holder.owner, &[Claim { node, stream, term: holder.term }]).await?;
    Ok(begun.into_iter().next().flatten())
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

/// Moves cursors by compare-and-set (AS-037); `false` where one of them stands elsewhere: roll back and read again.
pub async fn advance_all(tx: &mut Tx, moves: &[(&NodeId, Advance)]) -> Result<bool, StoreError> {
    #[derive(Serialize)]
    struct Move {
        node: String,
        stream: &'static str,
        epoch: String,
        stood: i64,
        reached: i64,
        mark: i64,
        poison_run: i64,
        pending: i64,
        applied: i64,
        quarantined: i64,
        #[serde(serialize_with = "instant::serialize")]
        at: DateTime<Utc>,
    }
    let set: Vec<Move> = moves
        .iter()
        .map(|(node, Advance { stream, epoch, from, to, mark, poison_run, pending, applied, quarantined, at })| Move {
            node: node.to_string(),
            stream: stream.as_str(),
            epoch: epoch.to_string(),
            stood: from.as_i64(),
            reached: to.as_i64(),
            mark: mark.as_i64(),
            poison_run: poison_run.portable(),
            pending: pending.portable(),
            applied: applied.portable(),
            quarantined: quarantined.portable(),
            at: *at,
        })
        .collect();
    let moved = run!(
        tx,
        execute,
        pair "cursor/advance",
        pg(
            column(&set, |row| row.node.as_str()),
            column(&set, |row| row.stream),
            column(&set, |row| row.epoch.as_str()),
            column(&set, |row| row.stood),
            column(&set, |row| row.reached),
            column(&set, |row| row.mark),
            column(&set, |row| row.poison_run),
            column(&set, |row| row.pending),
            column(&set, |row| row.applied),
            column(&set, |row| row.quarantined),
            column(&set, |row| micros(row.at)),
        ),
        sqlite(Json(&set)),
    )?;
    Ok(moved == u64::try_from(moves.len()).unwrap_or(u64::MAX))
}

/// [`advance_all`] for one cursor.
pub async fn advance(tx: &mut Tx, node: &NodeId, advance: &Advance) -> Result<bool, StoreError> {
    advance_all(tx, &[(node, *advance)]).await
}

/// A class-A record for the journal.
#[derive(Debug, Clone, Copy)]
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
    if let [JournalEntry { id, seq, event }] = entries {
        let new = run!(tx, execute, "journal/insert_one.sql", node.source(), *id, stream, epoch, *seq, event.as_bytes(), at)?;
        return Ok(if new > 0 { HashSet::from([*id]) } else { HashSet::new() });
    }
    let mut new = journal_all(tx, at, &[(from, entries.to_vec())]).await?;
    Ok(new.remove(&node.source()).unwrap_or_default())
}

/// Journals records of several nodes, all at one instant, and returns the ids that were not there before, by CloudEvents `source`.
pub async fn journal_all(
    tx: &mut Tx,
    at: DateTime<Utc>,
    sets: &[(JournalSource<'_>, Vec<JournalEntry<'_>>)],
) -> Result<HashMap<String, HashSet<EventId>>, StoreError> {
    #[derive(Serialize)]
    struct Row<'a> {
        source: String,
        id: EventId,
        stream: &'static str,
        epoch: String,
        seq: i64,
        event: &'a str,
    }
    let rows: Vec<Row<'_>> = sets
        .iter()
        .flat_map(|(JournalSource { node, stream, epoch, at: _ }, entries)| {
            entries.iter().map(|JournalEntry { id, seq, event }| Row {
                source: node.source(),
                id: *id,
                stream: stream.as_str(),
                epoch: epoch.to_string(),
                seq: *seq,
                event,
            })
        })
        .collect();
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let inserted: Vec<(String, Id<EventId>)> = run!(
        tx,
        fetch_all: (String, Id<EventId>),
        pair "journal/insert",
        pg(
            at,
            column(&rows, |row| row.source.as_str()),
            column(&rows, |row| row.id.0),
            column(&rows, |row| row.stream),
            column(&rows, |row| row.epoch.as_str()),
            column(&rows, |row| row.seq),
            column(&rows, |row| row.event.as_bytes()),
        ),
        sqlite(at, Json(&rows)),
    )?;
    let mut new: HashMap<String, HashSet<EventId>> = HashMap::new();
    for (source, Id(id)) in inserted {
        new.entry(source).or_default().insert(id);
    }
    Ok(new)
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
