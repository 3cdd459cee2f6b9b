//! Records that were accepted at a node and cannot be applied here, until people settle them (AS-049).
//!
//! Owns table `quarantine`. Takes records with bytes and error; emits them for people; keeps what became of each for as long as the journal
//! keeps its id. A record is settled by compare-and-set, so that two operators settle it once.

use aisle_schemas::{
    http::cloud::{QuarantineFate, QuarantineSettled, QuarantineView},
    ids::{CustomerId, EventId, NodeId},
    sync::{Epoch, Seq, Stream},
};
use chrono::{DateTime, Utc};

use crate::{
    audit::{self, Actor, AuditEntry},
    db::{Conn, Tx},
    error::StoreError,
    statement::{Id, Num, Text, Word, run, word},
};

/// Where a record stood in its node's log, which names it in quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantinePlace {
    pub node: NodeId,
    pub stream: Stream,
    pub epoch: Epoch,
    pub seq: Seq,
}

impl QuarantinePlace {
    /// Its name in the audit.
    pub fn subject(&self) -> String {
        let Self { node, stream, epoch, seq } = self;
        format!("{node}/{stream}/{epoch}/{seq}")
    }
}

/// A record to set aside.
#[derive(Debug, Clone)]
pub struct Quarantined<'a> {
    pub place: QuarantinePlace,
    pub event: EventId,
    pub type_name: &'a str,
    /// The record as it came.
    pub raw: &'a [u8],
    pub error: &'a str,
    pub at: DateTime<Utc>,
    /// Names the audit entry.
    pub audit: EventId,
}

/// Sets a record aside with its bytes and error, and says so in the audit.
pub async fn set_aside(tx: &mut Tx, record: &Quarantined<'_>) -> Result<(), StoreError> {
    let Quarantined { place, event, type_name, raw, error, at, audit } = record;
    let QuarantinePlace { node, stream, epoch, seq } = place;
    run!(tx, execute, "quarantine/insert.sql", node, *stream, *epoch, *seq, *event, *type_name, *raw, *error, *at)?;
    let subject = place.subject();
    let entry = AuditEntry { id: *audit, at: *at, actor: Actor::Cloud, action: "record.quarantined", subject: &subject, detail: error };
    audit::write(tx, entry).await
}

/// Records of a stream that were set aside since then.
pub async fn count_since(conn: &mut Conn, node: &NodeId, stream: Stream, since: DateTime<Utc>) -> Result<u64, StoreError> {
    let (Num(count),) = run!(conn, fetch_one: (Num<u64>,), "quarantine/count_since.sql", node, stream, since)?;
    Ok(count)
}

/// Records that nobody has settled.
pub async fn count_open(conn: &mut Conn) -> Result<u64, StoreError> {
    let (Num(count),) = run!(conn, fetch_one: (Num<u64>,), "quarantine/count_open.sql")?;
    Ok(count)
}

type Row = (
    Text<NodeId>,
    Text<Stream>,
    Text<Epoch>,
    Num<Seq>,
    Id<EventId>,
    String,
    String,
    DateTime<Utc>,
    Num<u32>,
    Option<Word<QuarantineFate>>,
    Option<DateTime<Utc>>,
    Option<Id<CustomerId>>,
    Option<String>,
);

fn view(row: Row) -> QuarantineView {
    let (Text(node), Text(stream), Text(epoch), Num(seq), Id(event), type_name, error, at, Num(tries), fate, settled_at, by, reason) = row;
    let settled = fate.zip(settled_at).zip(by).map(|((Word(fate), at), Id(by))| QuarantineSettled {
        fate,
        at,
        by,
        reason: reason.unwrap_or_default(),
    });
    QuarantineView { node, stream, epoch, seq, event, type_name, error, at, tries, settled }
}

/// Records that nobody has settled, newest first.
pub async fn open(conn: &mut Conn, limit: u32) -> Result<Vec<QuarantineView>, StoreError> {
    let rows: Vec<Row> = run!(conn, fetch_all: Row, "quarantine/open.sql", limit)?;
    Ok(rows.into_iter().map(view).collect())
}

/// One record, settled or not.
pub async fn find(conn: &mut Conn, place: &QuarantinePlace) -> Result<Option<QuarantineView>, StoreError> {
    let QuarantinePlace { node, stream, epoch, seq } = place;
    let row: Option<Row> = run!(conn, fetch_optional: Row, "quarantine/find.sql", node, *stream, *epoch, *seq)?;
    Ok(row.map(view))
}

/// Its bytes, as they came.
pub async fn raw(conn: &mut Conn, place: &QuarantinePlace) -> Result<Option<Vec<u8>>, StoreError> {
    let QuarantinePlace { node, stream, epoch, seq } = place;
    let row: Option<(Vec<u8>,)> = run!(conn, fetch_optional: (Vec<u8>,), "quarantine/raw.sql", node, *stream, *epoch, *seq)?;
    Ok(row.map(|(raw,)| raw))
}

/// Settles a record; `false` where it was settled before, or is none.
pub async fn settle(tx: &mut Tx, place: &QuarantinePlace, settled: &QuarantineSettled) -> Result<bool, StoreError> {
    let QuarantinePlace { node, stream, epoch, seq } = place;
    let QuarantineSettled { fate, at, by, reason } = settled;
    let done = run!(tx, execute, "quarantine/settle.sql", node, *stream, *epoch, *seq, word(fate), *at, *by, reason.as_str())?;
    Ok(done == 1)
}

/// Undoes the settling within the transaction that began it: the record failed again, for this reason.
pub async fn reopen(tx: &mut Tx, place: &QuarantinePlace, error: &str) -> Result<(), StoreError> {
    let QuarantinePlace { node, stream, epoch, seq } = place;
    run!(tx, execute, "quarantine/reopen.sql", node, *stream, *epoch, *seq, error)?;
    Ok(())
}

/// Says that a settled record turned out to need nothing.
pub async fn not_needed(tx: &mut Tx, place: &QuarantinePlace) -> Result<(), StoreError> {
    let QuarantinePlace { node, stream, epoch, seq } = place;
    run!(tx, execute, "quarantine/not_needed.sql", node, *stream, *epoch, *seq, word(&QuarantineFate::NotNeeded))?;
    Ok(())
}
