//! What nodes lost, by stream and reason: sums and the newest range of each.
//!
//! Owns table `loss`. Takes losses within the receive transaction that heard of them, so that none is counted twice; emits sums for the
//! fleet view. The ranges before the newest stand in the journal, as the records that told of them.

use aisle_schemas::{
    http::cloud::{LossKind, LossView},
    ids::NodeId,
    sync::{Epoch, Seq, Stream},
};
use chrono::{DateTime, Utc};

use crate::{
    db::{Conn, Tx},
    error::StoreError,
    statement::{Num, Text, Word, run, word},
};

/// Adds a loss to its node's sums.
pub async fn add(tx: &mut Tx, node: &NodeId, loss: &LossView) -> Result<(), StoreError> {
    let LossView { stream, kind, records, bytes, epoch, from, to, at } = loss;
    run!(tx, execute, "loss/add.sql", node, *stream, word(kind), *records, *bytes, *epoch, *from, *to, *at)?;
    Ok(())
}

/// All sums, by node, stream and kind.
pub async fn all(conn: &mut Conn) -> Result<Vec<(NodeId, LossView)>, StoreError> {
    type Row = (Text<NodeId>, Text<Stream>, Word<LossKind>, Num<u64>, Num<u64>, Text<Epoch>, Num<Seq>, Num<Seq>, DateTime<Utc>);
    let rows: Vec<Row> = run!(conn, fetch_all: Row, "loss/all.sql")?;
    let loss = |(Text(node), Text(stream), Word(kind), Num(records), Num(bytes), Text(epoch), Num(from), Num(to), at)| {
        (node, LossView { stream, kind, records, bytes, epoch, from, to, at })
    };
    Ok(rows.into_iter().map(loss).collect())
}
