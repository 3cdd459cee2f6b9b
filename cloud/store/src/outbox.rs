//! The outbox: what must follow from a commit, written in that commit, done in the commit of its effect.
//!
//! Owns [`Message`], the only shapes that pass between the owners of stores, customers and the fleet, and table `outbox`. Takes messages;
//! emits rows in the order of their places. Whoever handles a row deletes it in the transaction of the effect, so a crash in between only
//! means that it is handled again.

use aisle_schemas::{
    http::cloud::NodeState,
    ids::{CustomerId, EventId, NodeId, OfferId, StoreId, VisitId, VisitToken},
    visit::{CloseReason, OrderOutcome, VisitSignal},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;

use crate::{
    db::{Conn, Db, PLACE_STEP, Tx},
    error::StoreError,
    statement::{column, instant, micros, run},
};

/// What happened, for another owner. `customer` is `None` where the visit's pass is not known here: nobody can be addressed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "topic", rename_all = "snake_case")]
pub enum Message {
    VisitOpened {
        customer: CustomerId,
        visit: VisitId,
        store: StoreId,
        node: NodeId,
        token: VisitToken,
        at: DateTime<Utc>,
    },
    VisitSeen {
        customer: Option<CustomerId>,
        visit: VisitId,
        store: StoreId,
        signal: VisitSignal,
        at: DateTime<Utc>,
    },
    VisitClosed {
        customer: Option<CustomerId>,
        visit: VisitId,
        store: StoreId,
        token: VisitToken,
        reason: CloseReason,
        ended_at: DateTime<Utc>,
    },
    DeviceAttached {
        customer: CustomerId,
        visit: VisitId,
    },
    OrderDone {
        order: EventId,
        outcome: OrderOutcome,
        reason: Option<String>,
        visit: Option<VisitId>,
        customer: Option<CustomerId>,
    },
    CheckInRefused {
        store: StoreId,
        reason: String,
    },
    Reported {
        node: NodeId,
        key: String,
    },
    Presence {
        node: NodeId,
        state: NodeState,
        at: DateTime<Utc>,
    },
    OfferPublished {
        offer: OfferId,
        rev: u32,
        stores: Vec<StoreId>,
    },
    OfferWithdrawn {
        offer: OfferId,
        stores: Vec<StoreId>,
    },
}

impl Message {
    /// Name of the variant, as stored and counted.
    pub fn topic(&self) -> &'static str {
        match self {
            Self::VisitOpened { .. } => "visit_opened",
            Self::VisitSeen { .. } => "visit_seen",
            Self::VisitClosed { .. } => "visit_closed",
            Self::DeviceAttached { .. } => "device_attached",
            Self::OrderDone { .. } => "order_done",
            Self::CheckInRefused { .. } => "check_in_refused",
            Self::Reported { .. } => "reported",
            Self::Presence { .. } => "presence",
            Self::OfferPublished { .. } => "offer_published",
            Self::OfferWithdrawn { .. } => "offer_withdrawn",
        }
    }

    /// What the message is about: rows of one key are to be handled in order.
    pub fn key(&self) -> String {
        let customer_or = |customer: &Option<CustomerId>, visit: &VisitId| customer.map_or_else(|| visit.to_string(), |id| id.to_string());
        match self {
            Self::VisitOpened { customer, .. } | Self::DeviceAttached { customer, .. } => customer.to_string(),
            Self::VisitSeen { customer, visit, .. } | Self::VisitClosed { customer, visit, .. } => customer_or(customer, visit),
            Self::OrderDone { order, customer, .. } => customer.map_or_else(|| order.to_string(), |id| id.to_string()),
            Self::CheckInRefused { store, .. } => store.to_string(),
            Self::Reported { node, .. } | Self::Presence { node, .. } => node.to_string(),
            Self::OfferPublished { offer, .. } | Self::OfferWithdrawn { offer, .. } => offer.to_string(),
        }
    }
}

/// A message to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct OutboxNew {
    pub message: Message,
    /// W3C trace context of what led to it.
    pub traceparent: Option<String>,
    pub at: DateTime<Utc>,
}

/// A message that waits for its effect.
#[derive(Debug, Clone, PartialEq)]
pub struct OutboxRow {
    /// Rises with the order of writing within one process; names the row.
    pub place: i64,
    pub message: Message,
    pub traceparent: Option<String>,
    pub at: DateTime<Utc>,
}

#[derive(Serialize)]
struct Row<'a> {
    place: i64,
    topic: &'static str,
    key: String,
    payload: &'a Message,
    traceparent: Option<&'a str>,
    #[serde(serialize_with = "instant::serialize")]
    at: DateTime<Utc>,
}

/// Writes messages within the caller's transaction; `db` gives out their places. Returns the rows as they stand, for whoever is woken.
pub async fn put(tx: &mut Tx, db: &Db, messages: Vec<OutboxNew>) -> Result<Vec<OutboxRow>, StoreError> {
    let Some(first_at) = messages.first().map(|message| message.at) else { return Ok(Vec::new()) };
    let mut place = db.places(first_at, messages.len()) - PLACE_STEP;
    let rows: Vec<OutboxRow> = messages
        .into_iter()
        .map(|OutboxNew { message, traceparent, at }| {
            place += PLACE_STEP;
            OutboxRow { place, message, traceparent, at }
        })
        .collect();
    if let [OutboxRow { place, message, traceparent, at }] = rows.as_slice() {
        run!(tx, execute, "outbox/insert_one.sql", *place, message.topic(), message.key(), Json(message), traceparent.as_deref(), *at)?;
    } else {
        let set: Vec<Row<'_>> = rows
            .iter()
            .map(|OutboxRow { place, message, traceparent, at }| Row {
                place: *place,
                topic: message.topic(),
                key: message.key(),
                payload: message,
                traceparent: traceparent.as_deref(),
                at: *at,
            })
            .collect();
        run!(
            tx,
            execute,
            pair "outbox/insert",
            pg(
                column(&set, |row| row.place),
                column(&set, |row| row.topic),
                column(&set, |row| row.key.as_str()),
                column(&set, |row| Json(row.payload)),
                column(&set, |row| row.traceparent),
                column(&set, |row| micros(row.at)),
            ),
            sqlite(Json(&set)),
        )?;
    }
    Ok(rows)
}

/// Ends rows within the transaction of their effect. Returns how many still stood: fewer than given means that some were handled before.
pub async fn finish(tx: &mut Tx, places: &[i64]) -> Result<u64, StoreError> {
    if places.is_empty() {
        return Ok(0);
    }
    run!(tx, execute, pair "outbox/done", pg(places.to_vec()), sqlite(Json(places)))
}

/// Ends rows whose effect is outside the database.
pub async fn done(db: &Db, places: Vec<i64>) -> Result<u64, StoreError> {
    db.write(move |tx| Box::pin(async move { finish(tx, &places).await })).await
}

/// Places above `after` with their keys, oldest first. A place may appear below one that was read before it, because transactions end out
/// of order: whoever reads again starts from 0.
pub async fn places(conn: &mut Conn, after: i64, limit: u32) -> Result<Vec<(i64, String)>, StoreError> {
    Ok(run!(conn, fetch_all: (i64, String), "outbox/places.sql", after, limit)?)
}

/// The rows at these places that still stand, oldest first.
pub async fn at_places(conn: &mut Conn, places: &[i64]) -> Result<Vec<OutboxRow>, StoreError> {
    type Read = (i64, Json<Message>, Option<String>, DateTime<Utc>);
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Read> = run!(conn, fetch_all: Read, pair "outbox/at_places", pg(places.to_vec()), sqlite(Json(places)))?;
    Ok(rows.into_iter().map(|(place, Json(message), traceparent, at)| OutboxRow { place, message, traceparent, at }).collect())
}

pub(crate) async fn newest_place(conn: &mut Conn) -> Result<i64, StoreError> {
    let (place,): (i64,) = run!(conn, fetch_one: (i64,), "outbox/newest.sql")?;
    Ok(place)
}
