//! Reading and moving the log towards one node: what the sync driver's `SendLog` needs.
//!
//! Owns [`DownState`], [`DownRow`] and the statements that read a part, note what was sent and acknowledged, and begin a new epoch
//! (AS-060, AS-073). Takes positions; emits rows and states. On failure: [`StoreError`]; an unknown node is one.

use aisle_schemas::{
    ids::{EventId, NodeId},
    limits::HELLO_LIST_MAX,
    sync::{Epoch, Mark, Seq},
};
use serde::Serialize;
use sqlx::types::Json;

use crate::{
    db::{Conn, Tx},
    down::DownStream,
    error::StoreError,
    statement::{Id, Num, Text, column, run},
};

/// Where one stream of the log stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DownStreamState {
    /// Lowest seq on disk, or `next`; documents: seq above which no deletion marker was purged.
    pub kept: Seq,
    pub next: Seq,
    /// Highest seq ever sent.
    pub high: Seq,
    pub acked: Seq,
    /// Documents of the epoch's first numbering end here (AS-062).
    pub base: Seq,
}

/// Where a node's log stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DownState {
    pub epoch: Epoch,
    pub lineage: Vec<Epoch>,
    pub mark: Mark,
    pub order: DownStreamState,
    pub desired: DownStreamState,
}

/// Heads of the logs of connected nodes that have not applied everything: orders, documents.
pub async fn waiting(conn: &mut Conn) -> Result<Vec<(NodeId, Seq, Seq)>, StoreError> {
    type Row = (Text<NodeId>, Num<Seq>, Num<Seq>);
    let rows: Vec<Row> = run!(conn, fetch_all: Row, "down/waiting.sql")?;
    Ok(rows.into_iter().map(|(Text(node), Num(order), Num(desired))| (node, order, desired)).collect())
}

/// One record of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DownRow {
    pub seq: Seq,
    pub id: EventId,
    /// Stored CloudEvent.
    pub event: Vec<u8>,
    /// CRC-32C of `event` when it was written.
    pub crc: u32,
    /// `epoch/seq` before the newest epoch began.
    pub relogof: Option<String>,
}

/// Part of a stream, as read in one snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DownPart {
    pub epoch: Epoch,
    /// Highest seq of the stream.
    pub head: Seq,
    pub rows: Vec<DownRow>,
}

/// What a node has applied of its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acked {
    /// Of the log that it means.
    pub epoch: Epoch,
    pub order: Seq,
    pub desired: Seq,
}

/// Makes a node's log, empty, unless it has one.
pub async fn create(tx: &mut Tx, node: &NodeId, epoch: Epoch) -> Result<(), StoreError> {
    run!(tx, execute, "down/insert_log.sql", node, epoch, Json(Vec::<Epoch>::new()))?;
    Ok(())
}

/// Where the log stands.
pub async fn state(conn: &mut Conn, node: &NodeId) -> Result<DownState, StoreError> {
    type Row = (
        Text<Epoch>,
        Json<Vec<Epoch>>,
        Num<Mark>,
        Num<Seq>,
        Num<Seq>,
        Num<Seq>,
        Num<Seq>,
        Num<Seq>,
        Num<Seq>,
        Num<Seq>,
        Num<Seq>,
        Num<Seq>,
    );
    let row: Option<Row> = run!(conn, fetch_optional: Row, "down/state.sql", node)?;
    let (Text(epoch), Json(lineage), Num(mark), kept, next, high, acked, d_kept, d_next, d_high, d_acked, d_base) =
        row.ok_or_else(|| StoreError::UnknownNode(node.clone()))?;
    Ok(DownState {
        epoch,
        lineage,
        mark,
        order: DownStreamState { kept: kept.0, next: next.0, high: high.0, acked: acked.0, base: Seq::ZERO },
        desired: DownStreamState { kept: d_kept.0, next: d_next.0, high: d_high.0, acked: d_acked.0, base: d_base.0 },
    })
}

/// Records above `after`, rising, at most `limit`.
pub async fn read(conn: &mut Conn, node: &NodeId, stream: DownStream, after: Seq, limit: usize) -> Result<DownPart, StoreError> {
    type Row = (Text<Epoch>, Num<Seq>, Option<Num<Seq>>, Option<Id<EventId>>, Option<Vec<u8>>, Option<Num<u32>>, Option<String>);
    let rows: Vec<Row> = match stream {
        DownStream::Order => run!(conn, fetch_all: Row, "down/read_order.sql", node, after, limit)?,
        DownStream::Desired => run!(conn, fetch_all: Row, "down/read_desired.sql", node, after, limit)?,
    };
    let (epoch, head) =
        rows.first().map(|(Text(epoch), Num(head), ..)| (*epoch, *head)).ok_or_else(|| StoreError::UnknownNode(node.clone()))?;
    // An empty part is one row without a record.
    let row = |(_, _, seq, id, event, crc, relogof): Row| {
        let (Num(seq), Id(id), event, Num(crc)) = (seq?, id?, event?, crc?);
        Some(DownRow { seq, id, event, crc, relogof })
    };
    Ok(DownPart { epoch, head, rows: rows.into_iter().filter_map(row).collect() })
}

/// Records above `after`.
pub async fn count(conn: &mut Conn, node: &NodeId, stream: DownStream, after: Seq) -> Result<u64, StoreError> {
    let (Num(count),) = match stream {
        DownStream::Order => run!(conn, fetch_one: (Num<u64>,), "down/count_order.sql", node, after)?,
        DownStream::Desired => run!(conn, fetch_one: (Num<u64>,), "down/count_desired.sql", node, after)?,
    };
    Ok(count)
}

/// Commits mark + 1 and the highest seq sent (AS-011); `None` where the log is not in that epoch any more.
pub async fn note_sent(tx: &mut Tx, node: &NodeId, epoch: Epoch, stream: DownStream, high: Seq) -> Result<Option<Mark>, StoreError> {
    let row: Option<(Num<Mark>,)> = match stream {
        DownStream::Order => run!(tx, fetch_optional: (Num<Mark>,), "down/sent_order.sql", node, high, epoch)?,
        DownStream::Desired => run!(tx, fetch_optional: (Num<Mark>,), "down/sent_desired.sql", node, high, epoch)?,
    };
    Ok(row.map(|(Num(mark),)| mark))
}

/// Notes what nodes have applied: never lowers it, and leaves out what is said of another epoch than the log's (AS-047).
pub async fn note_acked(tx: &mut Tx, acked: &[(NodeId, Acked)]) -> Result<(), StoreError> {
    #[derive(Serialize)]
    struct Row {
        node: String,
        epoch: String,
        orders: i64,
        documents: i64,
    }
    let row = |(node, Acked { epoch, order, desired }): &(NodeId, Acked)| Row {
        node: node.to_string(),
        epoch: epoch.to_string(),
        orders: order.as_i64(),
        documents: desired.as_i64(),
    };
    let rows: Vec<Row> = acked.iter().map(row).collect();
    run!(
        tx,
        execute,
        pair "down/acked",
        pg(
            column(&rows, |row| row.node.as_str()),
            column(&rows, |row| row.epoch.as_str()),
            column(&rows, |row| row.orders),
            column(&rows, |row| row.documents),
        ),
        sqlite(Json(&rows)),
    )?;
    Ok(())
}

/// What a new epoch must lie above.
#[derive(Debug, Clone, Copy)]
pub struct NewEpoch {
    pub peer: Option<Epoch>,
    pub mark_min: Mark,
    pub random: u64,
}

/// Begins a new epoch (AS-060): every order on disk is logged again under new numbers, documents are numbered from 1, and both old epochs
/// join the lineage. The mark goes on from where it was, or from what the peer has seen.
pub async fn begin_epoch(tx: &mut Tx, node: &NodeId, wish: NewEpoch) -> Result<Epoch, StoreError> {
    type Row = (Text<Epoch>, Json<Vec<Epoch>>, Num<Mark>);
    let row: Option<Row> = run!(tx, fetch_optional: Row, pair "down/lock", node)?;
    let (Text(own), Json(mut lineage), _) = row.ok_or_else(|| StoreError::UnknownNode(node.clone()))?;
    let counter = wish.peer.map_or(own.counter, |peer| peer.counter.max(own.counter)) + 1;
    let epoch = Epoch { counter, random: wish.random };
    for old in wish.peer.into_iter().chain([own]) {
        if !lineage.contains(&old) {
            lineage.push(old);
        }
    }
    let surplus = lineage.len().saturating_sub(HELLO_LIST_MAX);
    lineage.drain(..surplus);
    run!(tx, execute, "down/drop_markers.sql", node)?;
    run!(tx, execute, "down/renumber_orders.sql", node, own)?;
    run!(tx, execute, "down/flip_orders.sql", node)?;
    run!(tx, execute, "down/renumber_documents.sql", node, own)?;
    run!(tx, execute, "down/flip_documents.sql", node)?;
    run!(tx, execute, "down/begin_epoch.sql", node, epoch, Json(lineage), wish.mark_min)?;
    Ok(epoch)
}
