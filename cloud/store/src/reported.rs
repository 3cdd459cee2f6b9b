//! Documents that nodes report: the state of their screens, displays and zones.
//!
//! Owns table `reported`: the newest body per node and key, with the epoch it came in, because documents of older epochs go once a new
//! numbering has been read to its base (AS-062).

use aisle_schemas::{
    ids::NodeId,
    sync::{Epoch, Seq},
};
use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use sqlx::types::Json;

use crate::{
    db::{Conn, Tx},
    error::StoreError,
    statement::{Num, Text, run},
};

/// A reported document.
#[derive(Debug, Clone)]
pub struct ReportedRow {
    pub key: String,
    pub body: Box<RawValue>,
    pub at: DateTime<Utc>,
}

/// Where a document stood in its node's log.
#[derive(Debug, Clone, Copy)]
pub struct ReportedAt {
    pub epoch: Epoch,
    pub seq: Seq,
    pub at: DateTime<Utc>,
}

/// Takes a document's new body, or its deletion.
pub async fn put(tx: &mut Tx, node: &NodeId, key: &str, body: Option<&RawValue>, place: ReportedAt) -> Result<(), StoreError> {
    let ReportedAt { epoch, seq, at } = place;
    match body {
        Some(body) => run!(tx, execute, "reported/put.sql", node, key, epoch, seq, Json(body), at)?,
        None => run!(tx, execute, "reported/delete.sql", node, key)?,
    };
    Ok(())
}

/// Whether a revision would be the newest of its document.
pub async fn is_newest(conn: &mut Conn, node: &NodeId, key: &str, place: ReportedAt) -> Result<bool, StoreError> {
    let ReportedAt { epoch, seq, at: _ } = place;
    let (Num(count),) = run!(conn, fetch_one: (Num<u64>,), "reported/is_newest.sql", node, key, epoch, seq)?;
    Ok(count > 0)
}

/// Removes documents of other epochs than `epoch`.
pub async fn delete_older(tx: &mut Tx, node: &NodeId, epoch: Epoch) -> Result<u64, StoreError> {
    run!(tx, execute, "reported/delete_older.sql", node, epoch)
}

/// One document of all nodes, by node.
pub async fn of_key(conn: &mut Conn, key: &str) -> Result<Vec<(NodeId, ReportedRow)>, StoreError> {
    type Row = (Text<NodeId>, String, Json<Box<RawValue>>, DateTime<Utc>);
    let rows: Vec<Row> = run!(conn, fetch_all: Row, "reported/of_key.sql", key)?;
    Ok(rows.into_iter().map(|(Text(node), key, Json(body), at)| (node, ReportedRow { key, body, at })).collect())
}

/// What staff show instead of documents, by node and key; at most `limit`.
pub async fn overrides(conn: &mut Conn, limit: u32) -> Result<Vec<(NodeId, ReportedRow)>, StoreError> {
    type Row = (Text<NodeId>, String, Json<Box<RawValue>>, DateTime<Utc>);
    let rows: Vec<Row> = run!(conn, fetch_all: Row, "reported/overrides.sql", limit)?;
    Ok(rows.into_iter().map(|(Text(node), key, Json(body), at)| (node, ReportedRow { key, body, at })).collect())
}

/// All documents of a node, by key.
pub async fn of_node(conn: &mut Conn, node: &NodeId) -> Result<Vec<ReportedRow>, StoreError> {
    type Row = (String, Json<Box<RawValue>>, DateTime<Utc>);
    let rows: Vec<Row> = run!(conn, fetch_all: Row, "reported/of_node.sql", node)?;
    Ok(rows.into_iter().map(|(key, Json(body), at)| ReportedRow { key, body, at }).collect())
}
