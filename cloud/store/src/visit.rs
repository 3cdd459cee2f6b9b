//! Visits as projected from what stores report, and the passes and codes that open them.
//!
//! Owns tables `visit`, `pass`, `code_used` and `admission`. Takes facts; emits rows. That a customer has at most one open visit is a
//! unique index (V1); which of two ends, and when, is decided by the caller.

use std::collections::HashMap;

use aisle_schemas::{
    ids::{CustomerId, EventId, NodeId, PassId, StoreId, TouchpointId, VisitId, VisitToken, ZoneId},
    visit::{CheckInMethod, CloseReason},
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::types::Json;

use crate::{
    db::{Conn, Db, Tx},
    down::{self, DownWrite, LoggedDown},
    error::StoreError,
    idempotency::{self, Answer},
    statement::{Bytes, Id, Num, Text, Word, instant, micros, run, word},
};

/// A visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisitRow {
    /// `None` where the pass that opened it is not known here.
    pub customer: Option<CustomerId>,
    pub visit: VisitId,
    pub store: StoreId,
    pub node: NodeId,
    pub token: VisitToken,
    pub opened_at: DateTime<Utc>,
    /// Where it was last seen.
    pub zone: Option<ZoneId>,
    pub seen_at: DateTime<Utc>,
    pub closed_at: Option<DateTime<Utc>>,
    pub closed_reason: Option<CloseReason>,
    /// Of the check-in.
    pub traceparent: Option<String>,
}

type Read = (
    Option<Id<CustomerId>>,
    Id<VisitId>,
    Text<StoreId>,
    Text<NodeId>,
    Bytes<VisitToken>,
    DateTime<Utc>,
    Option<Text<ZoneId>>,
    DateTime<Utc>,
    Option<DateTime<Utc>>,
    Option<Word<CloseReason>>,
    Option<String>,
);

fn row(read: Read) -> VisitRow {
    let (customer, Id(visit), Text(store), Text(node), Bytes(token), opened_at, zone, seen_at, closed_at, closed_reason, traceparent) =
        read;
    VisitRow {
        customer: customer.map(|Id(customer)| customer),
        visit,
        store,
        node,
        token,
        opened_at,
        zone: zone.map(|Text(zone)| zone),
        seen_at,
        closed_at,
        closed_reason: closed_reason.map(|Word(reason)| reason),
        traceparent,
    }
}

/// One visit.
pub async fn find(conn: &mut Conn, visit: VisitId) -> Result<Option<VisitRow>, StoreError> {
    let read: Option<Read> = run!(conn, fetch_optional: Read, "visit/find.sql", visit)?;
    Ok(read.map(row))
}

/// A customer's visits, newest first.
pub async fn of_customer(conn: &mut Conn, customer: CustomerId, limit: u32) -> Result<Vec<VisitRow>, StoreError> {
    let read: Vec<Read> = run!(conn, fetch_all: Read, "visit/of_customer.sql", customer, limit)?;
    Ok(read.into_iter().map(row).collect())
}

/// A customer's open visit.
pub async fn open_of_customer(conn: &mut Conn, customer: CustomerId) -> Result<Option<VisitRow>, StoreError> {
    let read: Option<Read> = run!(conn, fetch_optional: Read, "visit/open_of_customer.sql", customer)?;
    Ok(read.map(row))
}

/// A customer's visit that ended last.
pub async fn last_closed_of_customer(conn: &mut Conn, customer: CustomerId) -> Result<Option<VisitRow>, StoreError> {
    let read: Option<Read> = run!(conn, fetch_optional: Read, "visit/last_closed_of_customer.sql", customer)?;
    Ok(read.map(row))
}

/// Open visits of a store, oldest first.
pub async fn open_of_store(conn: &mut Conn, store: &StoreId, limit: u32) -> Result<Vec<VisitRow>, StoreError> {
    let read: Vec<Read> = run!(conn, fetch_all: Read, "visit/open_of_store.sql", store, limit)?;
    Ok(read.into_iter().map(row).collect())
}

/// Open visits per store.
pub async fn open_counts(conn: &mut Conn) -> Result<Vec<(StoreId, u32)>, StoreError> {
    let rows: Vec<(Text<StoreId>, Num<u32>)> = run!(conn, fetch_all: (Text<StoreId>, Num<u32>), "visit/open_counts.sql")?;
    Ok(rows.into_iter().map(|(Text(store), Num(count))| (store, count)).collect())
}

/// A visit of the same customer that a new one has to live with: open, or opened later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherVisit {
    pub visit: VisitId,
    pub node: NodeId,
    pub store: StoreId,
    pub token: VisitToken,
    pub opened_at: DateTime<Utc>,
    pub seen_at: DateTime<Utc>,
    pub closed_at: Option<DateTime<Utc>>,
}

/// The customer's other visits that are open or were opened after `opened_at`, oldest first.
pub async fn others(tx: &mut Tx, customer: CustomerId, visit: VisitId, opened_at: DateTime<Utc>) -> Result<Vec<OtherVisit>, StoreError> {
    type Row = (Id<VisitId>, Text<NodeId>, Text<StoreId>, Bytes<VisitToken>, DateTime<Utc>, DateTime<Utc>, Option<DateTime<Utc>>);
    let rows: Vec<Row> = run!(tx, fetch_all: Row, "visit/others.sql", customer, visit, opened_at)?;
    let other = |(Id(visit), Text(node), Text(store), Bytes(token), opened_at, seen_at, closed_at)| OtherVisit {
        visit,
        node,
        store,
        token,
        opened_at,
        seen_at,
        closed_at,
    };
    Ok(rows.into_iter().map(other).collect())
}

/// A visit that a store has opened.
#[derive(Debug, Clone)]
pub struct NewVisit {
    pub visit: VisitId,
    pub node: NodeId,
    pub token: VisitToken,
    pub customer: Option<CustomerId>,
    pub method: CheckInMethod,
    pub touchpoint: TouchpointId,
    pub opened_at: DateTime<Utc>,
    /// Set where it had ended before it was heard of.
    pub closed: Option<(DateTime<Utc>, CloseReason)>,
    pub prev_visit: Option<VisitId>,
    pub traceparent: Option<String>,
}

/// Inserts a visit; `false` where it is known. `Conflict` where the customer has another open visit, which a caller that has just looked
/// meets only if another transaction was faster: then the same call later finds that one.
pub async fn insert(tx: &mut Tx, new: &NewVisit) -> Result<bool, StoreError> {
    let NewVisit { visit, node, token, customer, method, touchpoint, opened_at, closed, prev_visit, traceparent } = new;
    let closed_at = closed.map(|(at, _)| at);
    let closed_reason = closed.map(|(_, reason)| word(&reason));
    let inserted = run!(
        tx,
        execute,
        "visit/insert.sql",
        *visit,
        &node.tenant,
        &node.store,
        node,
        *token,
        *customer,
        word(method),
        touchpoint,
        *opened_at,
        closed_at,
        closed_reason,
        *prev_visit,
        traceparent.as_deref()
    )?;
    Ok(inserted > 0)
}

/// What a closing found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedVisit {
    pub customer: Option<CustomerId>,
    pub node: NodeId,
    pub store: StoreId,
    pub token: VisitToken,
}

/// Closes an open visit; `None` where it is closed already or unknown.
pub async fn close(tx: &mut Tx, visit: VisitId, ended_at: DateTime<Utc>, reason: CloseReason) -> Result<Option<ClosedVisit>, StoreError> {
    type Row = (Option<Id<CustomerId>>, Text<NodeId>, Text<StoreId>, Bytes<VisitToken>);
    let row: Option<Row> = run!(tx, fetch_optional: Row, "visit/close.sql", visit, ended_at, word(&reason))?;
    Ok(row.map(|(customer, Text(node), Text(store), Bytes(token))| ClosedVisit { customer: customer.map(|Id(id)| id), node, store, token }))
}

/// What a signal met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenVisit {
    pub customer: Option<CustomerId>,
    pub store: StoreId,
    pub closed_at: Option<DateTime<Utc>>,
}

/// Signals of one visit, gathered in the order in which they came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Signals {
    visit: VisitId,
    /// The newest.
    #[serde(serialize_with = "instant::serialize")]
    at: DateTime<Utc>,
    /// Where the newest one that named a place was; one older than another before it says nothing about where the person is now.
    zone: Option<ZoneId>,
    #[serde(serialize_with = "instant::serialize")]
    zone_at: DateTime<Utc>,
    count: u32,
}

impl Signals {
    /// One signal.
    pub fn new(visit: VisitId, at: DateTime<Utc>, zone: Option<&ZoneId>) -> Self {
        let at = micros(at);
        Self { visit, at, zone: zone.cloned(), zone_at: at, count: 1 }
    }

    /// Another signal of the same visit, out of order or not.
    pub fn add(&mut self, at: DateTime<Utc>, zone: Option<&ZoneId>) {
        let at = micros(at);
        self.count = self.count.saturating_add(1);
        if at >= self.at {
            self.at = at;
            if let Some(zone) = zone {
                self.zone = Some(zone.clone());
                self.zone_at = at;
            }
        }
    }
}

/// Notes signals, at most one entry per visit, and says what each met; a visit that is unknown here is left out.
pub async fn see(tx: &mut Tx, signals: &[Signals]) -> Result<HashMap<VisitId, SeenVisit>, StoreError> {
    type Row = (Id<VisitId>, Option<Id<CustomerId>>, Text<StoreId>, Option<DateTime<Utc>>);
    if signals.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<Row> = run!(
        tx,
        fetch_all: Row,
        pair "visit/see",
        pg(
            signals.iter().map(|of| of.visit.0).collect::<Vec<_>>(),
            signals.iter().map(|of| of.at).collect::<Vec<_>>(),
            signals.iter().map(|of| of.zone.as_ref().map(ZoneId::as_str)).collect::<Vec<_>>(),
            signals.iter().map(|of| of.zone_at).collect::<Vec<_>>(),
            signals.iter().map(|of| i64::from(of.count)).collect::<Vec<_>>(),
        ),
        sqlite(Json(signals)),
    )?;
    let met = |(Id(visit), customer, Text(store), closed_at): Row| {
        (visit, SeenVisit { customer: customer.map(|Id(customer)| customer), store, closed_at })
    };
    Ok(rows.into_iter().map(met).collect())
}

/// Remembers a pass that was issued, within the caller's transaction.
pub async fn add_pass(tx: &mut Tx, pass: PassId, customer: CustomerId, expires_at: DateTime<Utc>) -> Result<(), StoreError> {
    run!(tx, execute, "pass/insert.sql", pass, customer, expires_at)?;
    Ok(())
}

/// Notes the first visit that a pass opened, and says whose it is.
pub async fn redeem_pass(tx: &mut Tx, pass: PassId, visit: VisitId) -> Result<Option<CustomerId>, StoreError> {
    let row: Option<(Id<CustomerId>,)> = run!(tx, fetch_optional: (Id<CustomerId>,), "pass/redeem.sql", pass, visit)?;
    Ok(row.map(|(Id(customer),)| customer))
}

/// Whose pass it is.
pub async fn customer_of_pass(conn: &mut Conn, pass: PassId) -> Result<Option<CustomerId>, StoreError> {
    let row: Option<(Id<CustomerId>,)> = run!(conn, fetch_optional: (Id<CustomerId>,), "pass/customer.sql", pass)?;
    Ok(row.map(|(Id(customer),)| customer))
}

/// Uses a code's nonce within the caller's transaction; `false` where it was used before.
pub async fn use_code(tx: &mut Tx, store: &StoreId, nonce: u64, expires_at: DateTime<Utc>) -> Result<bool, StoreError> {
    // All 64 bits are random: the signed column keeps them by their bit pattern.
    Ok(run!(tx, execute, "code/use.sql", store, i64::from_ne_bytes(nonce.to_ne_bytes()), expires_at)? > 0)
}

/// A check-in that goes through the cloud, on its way to the store.
#[derive(Debug, Clone)]
pub struct Admission {
    pub customer: CustomerId,
    pub store: StoreId,
    pub nonce: u64,
    pub code_expires: DateTime<Utc>,
    pub pass: PassId,
    pub pass_expires: DateTime<Utc>,
    /// The order `aisle.visit.admit.v1`; its id names the check-in.
    pub order: DownWrite,
    pub answer: Option<Answer>,
}

/// Why a check-in was not admitted.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    #[error("the code was used before")]
    Replayed,
    #[error("failed to commit the admission")]
    Store(#[from] StoreError),
}

/// One transaction: uses the code, makes the pass, orders the node to admit the visit.
pub async fn admit(db: &Db, admission: Admission) -> Result<Vec<LoggedDown>, AdmitError> {
    db.write(move |tx| {
        Box::pin(async move {
            let Admission { customer, store, nonce, code_expires, pass, pass_expires, order, answer } = admission;
            if !use_code(tx, &store, nonce, code_expires).await? {
                return Err(AdmitError::Replayed);
            }
            add_pass(tx, pass, customer, pass_expires).await?;
            run!(tx, execute, "admission/insert.sql", order.id, customer, &store, order.at)?;
            if let Some(answer) = &answer {
                idempotency::put_in(tx, answer).await?;
            }
            Ok(down::enqueue(tx, &[order]).await?)
        })
    })
    .await
}

/// Ends an admission whose outcome has come, and says who waits for it.
pub async fn take_admission(tx: &mut Tx, order: EventId) -> Result<Option<CustomerId>, StoreError> {
    let row: Option<(Id<CustomerId>,)> = run!(tx, fetch_optional: (Id<CustomerId>,), "admission/take.sql", order)?;
    Ok(row.map(|(Id(customer),)| customer))
}
