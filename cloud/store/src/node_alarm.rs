//! Alarms that the cloud raises about nodes: what it sees of them and they cannot say.
//!
//! Owns table `node_alarm`. Takes what the owner of a partition decided, within its transaction; emits all of it for the fleet view, which
//! knows how long each is shown. On failure: [`StoreError`].

use aisle_schemas::{http::cloud::SeenAlarm, ids::NodeId, log::NodeAlarm};
use chrono::{DateTime, Utc};

use crate::{
    db::{Conn, Tx},
    error::StoreError,
    statement::{Text, Word, run, word},
};

/// Raises an alarm, or renews when it was seen last.
pub async fn raise(tx: &mut Tx, node: &NodeId, alarm: NodeAlarm, at: DateTime<Utc>) -> Result<(), StoreError> {
    run!(tx, execute, "node_alarm/raise.sql", node, word(&alarm), at)?;
    Ok(())
}

/// The node was accepted: alarms that say it is not served end.
pub async fn accepted(tx: &mut Tx, node: &NodeId) -> Result<(), StoreError> {
    run!(tx, execute, "node_alarm/accepted.sql", node)?;
    Ok(())
}

/// Somebody has looked after the node and decided: all its alarms end.
pub async fn settle(tx: &mut Tx, node: &NodeId) -> Result<(), StoreError> {
    run!(tx, execute, "node_alarm/settle.sql", node)?;
    Ok(())
}

/// All alarms, by node.
pub async fn all(conn: &mut Conn) -> Result<Vec<(NodeId, SeenAlarm)>, StoreError> {
    type Row = (Text<NodeId>, Word<NodeAlarm>, DateTime<Utc>);
    let rows: Vec<Row> = run!(conn, fetch_all: Row, "node_alarm/all.sql")?;
    Ok(rows.into_iter().map(|(Text(node), Word(alarm), at)| (node, SeenAlarm { alarm, at })).collect())
}
