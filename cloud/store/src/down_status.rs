//! What became of documents at their stores (AS-076).
//!
//! Owns the columns `status` and `code` of table `down_document`. Takes what nodes report; emits what they rejected. A report on a revision that
//! is not the newest changes nothing: the next one will come. On failure: [`StoreError`].

use aisle_schemas::{
    document::DocumentReport,
    ids::NodeId,
    sync::{Epoch, Mark},
};
use serde::Serialize;
use sqlx::types::Json;

use crate::{
    db::{Conn, Tx},
    error::StoreError,
    statement::{Num, Text, column, run},
};

#[derive(Serialize)]
struct Settled<'a> {
    key: &'a str,
    seq: i64,
    status: &'static str,
    code: Option<&'a str>,
}

/// Notes what a node says of documents. Its log is locked from here to the commit, as by whoever writes to it, so that neither waits for the
/// other in turn.
pub async fn settle(tx: &mut Tx, node: &NodeId, reports: &[(String, DocumentReport)]) -> Result<(), StoreError> {
    if reports.is_empty() {
        return Ok(());
    }
    type Locked = (Text<Epoch>, Json<Vec<Epoch>>, Num<Mark>);
    let Some((Text(epoch), _, _)) = run!(tx, fetch_optional: Locked, pair "down/lock", node)? else { return Ok(()) };
    let settled: Vec<Settled<'_>> = reports
        .iter()
        .filter(|(_, report)| report.rev.epoch == epoch.counter)
        .map(|(key, DocumentReport { rev, status, code })| Settled {
            key,
            seq: rev.seq.as_i64(),
            status: status.as_str(),
            code: code.as_deref(),
        })
        .collect();
    if !settled.is_empty() {
        run!(
            tx,
            execute,
            pair "down_status/settle",
            pg(
                node,
                column(&settled, |report| report.key),
                column(&settled, |report| report.seq),
                column(&settled, |report| report.status),
                column(&settled, |report| report.code),
            ),
            sqlite(node, Json(&settled)),
        )?;
    }
    Ok(())
}

/// Documents that nodes rejected, with the codes, by node and key; at most `limit`.
pub async fn rejected(conn: &mut Conn, limit: u32) -> Result<Vec<(NodeId, String, String)>, StoreError> {
    type Row = (Text<NodeId>, String, Option<String>);
    let rows: Vec<Row> = run!(conn, fetch_all: Row, "down_status/rejected.sql", limit)?;
    Ok(rows.into_iter().map(|(Text(node), key, code)| (node, key, code.unwrap_or_default())).collect())
}
