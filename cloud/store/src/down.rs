//! The cloud's log towards each node: orders (class A) and documents (class B), written in the transaction of the intent (AS-071).
//!
//! Owns [`DownWrite`] and the statements of the down log. Takes obligations; emits [`LoggedDown`], which the owner of the node's link needs
//! to send them. The transaction that writes a record also raises the mark and the highest seq sent, so that sending costs no further
//! commit (AS-011). On failure: an unknown node or a full document table refuses the whole transaction.

use std::collections::BTreeMap;

use aisle_schemas::{
    event::{Event, EventError, EventType, Source},
    ids::{EventId, NodeId},
    limits::{DOCUMENTS_MAX, KEEP_APPLIED},
    sync::{Mark, Seq, Stream},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::value::RawValue;

use crate::{
    db::{Conn, Db, Tx},
    error::StoreError,
    statement::{Num, Text, run},
};

/// One obligation towards a node.
#[derive(Debug, Clone)]
pub struct DownWrite {
    pub node: NodeId,
    pub stream: DownStream,
    /// Idempotency key of the record; never changes.
    pub id: EventId,
    /// CloudEvents `type`.
    pub type_name: String,
    /// Document key, or the entity that an order is about.
    pub subject: String,
    /// Body; `None` deletes the document.
    pub data: Option<Box<RawValue>>,
    pub at: DateTime<Utc>,
    pub traceparent: Option<String>,
}

/// Streams of the down log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DownStream {
    Order,
    Desired,
}

impl DownStream {
    pub const ALL: [Self; 2] = [Self::Order, Self::Desired];

    pub fn stream(self) -> Stream {
        match self {
            Self::Order => Stream::Order,
            Self::Desired => Stream::Desired,
        }
    }

    /// The down stream that a stream of the protocol is, if it is one.
    pub fn of(stream: Stream) -> Option<Self> {
        Self::ALL.into_iter().find(|down| down.stream() == stream)
    }
}

/// Records are committed and may be sent: highest seq of the stream, and the mark that was committed with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedDown {
    pub node: NodeId,
    pub stream: DownStream,
    pub head: Seq,
    pub mark: Mark,
}

/// Writes obligations within the caller's transaction. Nodes are locked in one order, so that two writers cannot deadlock.
pub async fn enqueue(tx: &mut Tx, writes: &[DownWrite]) -> Result<Vec<LoggedDown>, StoreError> {
    let mut parts: BTreeMap<(&NodeId, DownStream), Vec<&DownWrite>> = BTreeMap::new();
    for write in writes {
        parts.entry((&write.node, write.stream)).or_default().push(write);
    }
    let mut logged = Vec::with_capacity(parts.len());
    for ((node, stream), writes) in parts {
        logged.push(enqueue_part(tx, node, stream, &writes).await?);
    }
    Ok(logged)
}

/// Takes `count` numbers of a stream, and the mark that goes with them; `None` where the node has no log, or another has taken its place.
async fn reserve(tx: &mut Tx, node: &NodeId, stream: DownStream, count: usize) -> Result<Option<(Seq, Mark)>, StoreError> {
    let reserved: Option<(Num<Seq>, Num<Mark>)> = match stream {
        DownStream::Order => run!(tx, fetch_optional: (Num<Seq>, Num<Mark>), "down/reserve_order.sql", node, count)?,
        DownStream::Desired => run!(tx, fetch_optional: (Num<Seq>, Num<Mark>), "down/reserve_desired.sql", node, count)?,
    };
    Ok(reserved.map(|(Num(first), Num(mark))| (first, mark)))
}

async fn enqueue_part(tx: &mut Tx, addressed: &NodeId, stream: DownStream, writes: &[&DownWrite]) -> Result<LoggedDown, StoreError> {
    let mut node = addressed.clone();
    let reserved = match reserve(tx, &node, stream, writes.len()).await? {
        Some(reserved) => Some(reserved),
        // What is owed to a node that was replaced is owed to the one in its place (AS-069).
        None => match successor(tx, addressed).await? {
            Some(successor) => {
                node = successor;
                reserve(tx, &node, stream, writes.len()).await?
            }
            None => None,
        },
    };
    let (first, mark) = reserved.ok_or_else(|| StoreError::UnknownNode(addressed.clone()))?;
    let node = &node;
    let mut seq = first;
    for write in writes {
        let event = stored_event(write).map_err(StoreError::Record)?;
        let crc = crc32c::crc32c(&event);
        match stream {
            DownStream::Order => {
                run!(tx, execute, "down/insert_order.sql", node, seq, write.id, event.as_slice(), crc)?;
            }
            DownStream::Desired => {
                let (key, deletes) = (write.subject.as_str(), write.data.is_none());
                let put =
                    run!(tx, execute, "down/put_document.sql", node, key, seq, write.id, event.as_slice(), crc, deletes, DOCUMENTS_MAX)?;
                if put == 0 {
                    return Err(StoreError::DocumentsFull(node.clone()));
                }
            }
        }
        seq = seq.next();
    }
    Ok(LoggedDown { node: node.clone(), stream, head: seq.minus(1), mark })
}

async fn successor(tx: &mut Tx, node: &NodeId) -> Result<Option<NodeId>, StoreError> {
    let row: Option<(Option<Text<NodeId>>,)> = run!(tx, fetch_optional: (Option<Text<NodeId>>,), "down/successor.sql", node)?;
    Ok(row.and_then(|(successor,)| successor).map(|Text(successor)| successor))
}

/// The CloudEvent as the log keeps it (AS-006).
fn stored_event(write: &DownWrite) -> Result<Vec<u8>, EventError> {
    let null = || RawValue::from_string("null".to_owned()).map_err(|error| EventError::new("data", error));
    let mut event = Event::bare(write.id, Source::Cloud(write.node.tenant.clone()), EventType::parse(&write.type_name)?, write.at);
    event.subject = Some(write.subject.clone());
    event.traceparent.clone_from(&write.traceparent);
    event.data = Some(match &write.data {
        Some(data) => data.clone(),
        None => null()?,
    });
    event.to_stored()
}

/// Writes documents, leaving out those whose body in force is the same: a restart with unchanged configuration sends nothing.
pub async fn put_changed(db: &Db, writes: Vec<DownWrite>) -> Result<Vec<LoggedDown>, StoreError> {
    db.write(move |tx| {
        Box::pin(async move {
            let mut changed = Vec::new();
            for write in writes {
                let stored: Option<(Vec<u8>,)> =
                    run!(tx, fetch_optional: (Vec<u8>,), "down/document.sql", &write.node, write.subject.as_str())?;
                let body = stored.and_then(|(event,)| Event::parse(&event).ok()).and_then(|event| event.data);
                if body.as_ref().map(|body| body.get()) != write.data.as_ref().map(|data| data.get()) {
                    changed.push(write);
                }
            }
            enqueue(tx, &changed).await
        })
    })
    .await
}

/// Commits orders and documents on their own, for intents that change nothing else.
pub async fn put(db: &Db, writes: Vec<DownWrite>) -> Result<Vec<LoggedDown>, StoreError> {
    db.write(move |tx| Box::pin(async move { enqueue(tx, &writes).await })).await
}

/// Applies AS-009: orders and deletion markers go 72 h after the node had applied them. To be called every few minutes.
pub async fn trim(tx: &mut Tx, now: DateTime<Utc>) -> Result<(), StoreError> {
    let before = now - TimeDelta::from_std(KEEP_APPLIED).unwrap_or(TimeDelta::MAX);
    run!(tx, execute, "down/age_orders.sql", now)?;
    run!(tx, execute, "down/age_documents.sql", now)?;
    run!(tx, execute, "down/keep_orders.sql", before)?;
    run!(tx, execute, "down/keep_documents.sql", before)?;
    run!(tx, execute, "down/trim_orders.sql", before)?;
    run!(tx, execute, "down/trim_documents.sql", before)?;
    Ok(())
}

/// The stored bytes of a document in force at a node, or at the one in its place.
pub async fn document(conn: &mut Conn, node: &NodeId, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let row: Option<(Vec<u8>,)> = run!(conn, fetch_optional: (Vec<u8>,), "down/document.sql", node, key)?;
    Ok(row.map(|(event,)| event))
}

/// What a node has not applied of its log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Behind {
    pub documents: u32,
    pub orders: u32,
    /// Stored bytes of the document that was written first.
    pub oldest: Option<Vec<u8>>,
}

/// What active nodes have not applied, as far as it is known here; those that have applied all are left out.
pub async fn behind(conn: &mut Conn) -> Result<Vec<(NodeId, Behind)>, StoreError> {
    type Row = (Text<NodeId>, Num<u32>, Num<u32>, Option<Vec<u8>>);
    let rows: Vec<Row> = run!(conn, fetch_all: Row, "down/behind.sql")?;
    let behind = |(Text(node), Num(documents), Num(orders), oldest): Row| (node, Behind { documents, orders, oldest });
    Ok(rows.into_iter().map(behind).collect())
}
