//! The cloud's log towards each node: orders (class A) and documents (class B), written in the transaction of the intent (AS-071).
//!
//! Owns [`DownWrite`] and the statements of the down log. Takes obligations; emits [`LoggedDown`], which the owner of the node's link needs
//! to send them. The transaction that writes a record also raises the mark and the highest seq sent, so that sending costs no further
//! commit (AS-011). On failure: an unknown node or a full document table refuses the whole transaction.

use std::collections::{BTreeMap, HashMap, HashSet};

use aisle_schemas::{
    event::{Event, EventError, EventType, Source},
    ids::{EventId, NodeId},
    limits::{DOCUMENTS_MAX, KEEP_APPLIED},
    sync::{Epoch, Mark, Seq, Stream},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::types::Json;

use crate::{
    db::{Conn, Db, Tx},
    error::StoreError,
    statement::{Num, Portable, Text, column, run},
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

/// Records are committed: highest seq of the stream, and the mark of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedDown {
    pub node: NodeId,
    pub stream: DownStream,
    pub head: Seq,
    pub mark: Mark,
    /// Mark and head were committed as sent (AS-011), so that the owner may send at once. Only under an open session.
    pub reserved: bool,
}

/// Rows of one statement: bounds its parameter, not the write.
const ROWS_MAX: usize = 1_000;

/// Writes obligations within the caller's transaction. All that can be made ready is, then the heads of all logs are locked at once, in one
/// order, so that two writers cannot deadlock and none holds the heads of many stores for longer than a few statements take.
pub async fn enqueue(tx: &mut Tx, writes: &[DownWrite]) -> Result<Vec<LoggedDown>, StoreError> {
    let records = writes.iter().map(Record::of).collect::<Result<Vec<_>, _>>()?;
    let mut owed: BTreeMap<NodeId, Vec<&Record<'_>>> = BTreeMap::new();
    for record in &records {
        owed.entry(record.write.node.clone()).or_default().push(record);
    }
    let mut numbered = Numbered::default();
    let mut of_successors = false;
    while !owed.is_empty() {
        let mut places = reserve(tx, &owed).await?;
        let mut moved: BTreeMap<NodeId, Vec<&Record<'_>>> = BTreeMap::new();
        for (node, records) in owed {
            match places.remove(&node) {
                Some(place) => numbered.take(&node, place, &records),
                None if of_successors => return Err(StoreError::UnknownNode(node)),
                // What is owed to a node that was replaced is owed to the one in its place (AS-069).
                None => match successor(tx, &node).await? {
                    Some(successor) => moved.entry(successor).or_default().extend(records),
                    None => return Err(StoreError::UnknownNode(node)),
                },
            }
        }
        owed = moved;
        of_successors = true;
    }
    numbered.write(tx).await
}

/// An obligation as the log keeps it.
struct Record<'w> {
    write: &'w DownWrite,
    event: String,
    crc: u32,
}

impl<'w> Record<'w> {
    fn of(write: &'w DownWrite) -> Result<Self, StoreError> {
        let event = stored_event(write).map_err(StoreError::Record)?;
        let crc = crc32c::crc32c(&event);
        let event = String::from_utf8(event).map_err(|error| StoreError::Record(EventError::new("data", error)))?;
        Ok(Self { write, event, crc })
    }
}

/// Where a log stands after numbers were taken of it.
struct Place {
    order_next: Seq,
    desired_next: Seq,
    mark: Mark,
    reserved: bool,
}

fn count_of(records: &[&Record<'_>], stream: DownStream) -> u64 {
    records.iter().filter(|record| record.write.stream == stream).map(|_| 1).sum()
}

/// Takes as many numbers of each node's streams as it is owed records, and the mark that goes with them. A node that is missing has no log, or
/// another has taken its place.
async fn reserve(tx: &mut Tx, owed: &BTreeMap<NodeId, Vec<&Record<'_>>>) -> Result<HashMap<NodeId, Place>, StoreError> {
    #[derive(Serialize)]
    struct Wish {
        node: String,
        orders: u64,
        documents: u64,
    }
    type Row = (Text<NodeId>, Num<Seq>, Num<Seq>, Num<Mark>, bool);
    let wish = |(node, records): (&NodeId, &Vec<&Record<'_>>)| Wish {
        node: node.to_string(),
        orders: count_of(records, DownStream::Order),
        documents: count_of(records, DownStream::Desired),
    };
    let wishes: Vec<Wish> = owed.iter().map(wish).collect();
    let rows: Vec<Row> = run!(
        tx,
        fetch_all: Row,
        pair "down/reserve",
        pg(
            column(&wishes, |wish| wish.node.as_str()),
            column(&wishes, |wish| wish.orders.portable()),
            column(&wishes, |wish| wish.documents.portable()),
        ),
        sqlite(Json(&wishes)),
    )?;
    let place = |(Text(node), Num(order_next), Num(desired_next), Num(mark), reserved): Row| {
        (node, Place { order_next, desired_next, mark, reserved })
    };
    Ok(rows.into_iter().map(place).collect())
}

/// A row of either stream; an order has neither key nor deletion.
#[derive(Serialize)]
struct NewRow<'w> {
    node: String,
    key: &'w str,
    seq: i64,
    id: EventId,
    event: &'w str,
    crc: u32,
    deleted: bool,
}

/// Records with their numbers.
#[derive(Default)]
struct Numbered<'w> {
    orders: Vec<NewRow<'w>>,
    /// By node and key: of several revisions of one document only the last is kept, as if they had been written one after the other.
    documents: BTreeMap<(String, &'w str), NewRow<'w>>,
    logged: Vec<LoggedDown>,
}

impl<'w> Numbered<'w> {
    fn take(&mut self, node: &NodeId, place: Place, records: &[&'w Record<'w>]) {
        let Place { order_next, desired_next, mark, reserved } = place;
        for (stream, next) in [(DownStream::Order, order_next), (DownStream::Desired, desired_next)] {
            let count = count_of(records, stream);
            if count == 0 {
                continue;
            }
            let mut seq = next.minus(count);
            for Record { write, event, crc } in records.iter().filter(|record| record.write.stream == stream) {
                let (key, deleted) = (write.subject.as_str(), write.data.is_none());
                let row = NewRow { node: node.to_string(), key, seq: seq.as_i64(), id: write.id, event, crc: *crc, deleted };
                match stream {
                    DownStream::Order => self.orders.push(row),
                    DownStream::Desired => drop(self.documents.insert((node.to_string(), key), row)),
                }
                seq = seq.next();
            }
            self.logged.push(LoggedDown { node: node.clone(), stream, head: next.minus(1), mark, reserved });
        }
    }

    async fn write(self, tx: &mut Tx) -> Result<Vec<LoggedDown>, StoreError> {
        let Self { orders, documents, logged } = self;
        for rows in orders.chunks(ROWS_MAX) {
            run!(tx, execute, pair "down/insert_orders", Json(rows))?;
        }
        let documents: Vec<NewRow<'_>> = documents.into_values().collect();
        for rows in documents.chunks(ROWS_MAX) {
            let put: Vec<(Text<NodeId>, String)> = run!(
                tx,
                fetch_all: (Text<NodeId>, String),
                pair "down/put_documents",
                pg(
                    column(rows, |row| row.node.as_str()),
                    column(rows, |row| row.key),
                    column(rows, |row| row.seq),
                    column(rows, |row| row.id.0),
                    column(rows, |row| row.event),
                    column(rows, |row| i64::from(row.crc)),
                    column(rows, |row| row.deleted),
                    DOCUMENTS_MAX,
                ),
                sqlite(Json(rows), DOCUMENTS_MAX),
            )?;
            if put.len() < rows.len() {
                let put: HashSet<(String, String)> = put.into_iter().map(|(Text(node), key)| (node.to_string(), key)).collect();
                let refused = rows.iter().find(|row| !put.contains(&(row.node.clone(), row.key.to_owned())));
                let refused = refused.and_then(|row| logged.iter().find(|logged| logged.node.to_string() == row.node));
                return Err(refused.map_or(StoreError::Stale, |logged| StoreError::DocumentsFull(logged.node.clone())));
            }
        }
        Ok(logged)
    }
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

/// The stored bytes of a document in force at a node, or at the one in its place. Its log is locked from here to the commit, so that nobody
/// writes another in between; whoever asks for several nodes does so in the order of their names, as all writers of heads.
pub async fn locked_document(tx: &mut Tx, node: &NodeId, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
    type Locked = (Text<Epoch>, Json<Vec<Epoch>>, Num<Mark>);
    let in_place = successor(tx, node).await?;
    let node = in_place.as_ref().unwrap_or(node);
    let locked: Option<Locked> = run!(tx, fetch_optional: Locked, pair "down/lock", node)?;
    match locked {
        Some(_) => document(tx, node, key).await,
        None => Ok(None),
    }
}

/// What a node has neither applied nor rejected of its documents, and not applied of its orders.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Behind {
    pub documents: u32,
    pub orders: u32,
    /// Stored bytes of the document that was written first.
    pub oldest: Option<Vec<u8>>,
}

/// What of their logs active nodes have not settled, as far as it is known here.
pub async fn behind(conn: &mut Conn) -> Result<Vec<(NodeId, Behind)>, StoreError> {
    type Row = (Text<NodeId>, Num<u32>, Num<u32>, Option<Vec<u8>>);
    let rows: Vec<Row> = run!(conn, fetch_all: Row, "down/behind.sql")?;
    let behind = |(Text(node), Num(documents), Num(orders), oldest): Row| (node, Behind { documents, orders, oldest });
    Ok(rows.into_iter().map(behind).collect())
}
