//! Streams on hold, and what operators decided about them (AS-050).
//!
//! Owns table `stream_unhold`; a hold itself is the run of poison in the cursor row. Takes decisions; emits the streams on hold for people,
//! and the newest decisions for whoever owns the partition.

use aisle_schemas::{
    http::cloud::HeldStream,
    ids::NodeId,
    limits::POISON_HOLD,
    sync::{Class, Seq, Stream},
};
use chrono::{DateTime, Utc};

use crate::{
    db::{Conn, Tx},
    error::StoreError,
    statement::{Num, Text, run},
};

/// Streams on hold, by node. Class C is never held, however long its run.
pub async fn all(conn: &mut Conn) -> Result<Vec<(NodeId, HeldStream)>, StoreError> {
    type Row = (Text<NodeId>, Text<Stream>, Num<Seq>, Num<u32>, DateTime<Utc>);
    let rows: Vec<Row> = run!(conn, fetch_all: Row, "hold/all.sql", POISON_HOLD)?;
    let held =
        |(Text(node), Text(stream), Num(cursor), Num(poison_run), since): Row| (node, HeldStream { stream, cursor, poison_run, since });
    Ok(rows.into_iter().map(held).filter(|(_, held)| held.stream.class() == Class::A).collect())
}

/// Ends a hold: the next records may go to quarantine again, until as many have in a row. `false` where the stream is not on hold.
pub async fn end(tx: &mut Tx, node: &NodeId, stream: Stream, at: DateTime<Utc>) -> Result<bool, StoreError> {
    if run!(tx, execute, "hold/reset.sql", node, stream, POISON_HOLD)? == 0 {
        return Ok(false);
    }
    run!(tx, execute, "hold/end.sql", node, stream, at)?;
    Ok(true)
}

/// Holds that were ended since then.
pub async fn ended_since(conn: &mut Conn, since: DateTime<Utc>) -> Result<Vec<(NodeId, Stream, DateTime<Utc>)>, StoreError> {
    type Row = (Text<NodeId>, Text<Stream>, DateTime<Utc>);
    let rows: Vec<Row> = run!(conn, fetch_all: Row, "hold/ended.sql", since)?;
    Ok(rows.into_iter().map(|(Text(node), Text(stream), at)| (node, stream, at)).collect())
}
