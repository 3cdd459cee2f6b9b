//! The decision log: one final verdict per candidate, with its reason (G1).
//!
//! Owns table `decision`. Rows are inserted in the transaction of what they decide and never change. Lists are read newest first, paged by
//! (instant, id).

use aisle_schemas::{
    ids::{CandidateId, CustomerId, DecisionId, OfferId, StoreId, VisitId},
    text::LocalText,
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::types::Json;
use uuid::Uuid;

use crate::{
    db::{Conn, Tx},
    error::StoreError,
    statement::{Id, Num, Text, instant, run},
};

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DecisionRow {
    pub decision: DecisionId,
    pub candidate: CandidateId,
    pub customer: CustomerId,
    pub offer: Option<OfferId>,
    pub title: LocalText,
    pub channel: String,
    pub store: Option<StoreId>,
    pub visit: Option<VisitId>,
    pub sent: bool,
    /// 1…10; none where sent.
    pub clause: Option<u8>,
    pub reason: String,
    pub score: Option<f64>,
    pub propensity: Option<f64>,
    pub why: Vec<String>,
    /// Versions of what was decided from; small. Not read by [`list`], see [`inputs`].
    pub inputs: serde_json::Value,
    #[serde(serialize_with = "instant::serialize")]
    pub at: DateTime<Utc>,
    pub traceparent: Option<String>,
}

/// Inserts verdicts; `Conflict` where a candidate has one.
pub(crate) async fn insert(tx: &mut Tx, decisions: &[DecisionRow]) -> Result<(), StoreError> {
    if !decisions.is_empty() {
        run!(tx, execute, pair "decision/insert", Json(decisions))?;
    }
    Ok(())
}

/// Which decisions to list; all that is given must hold.
#[derive(Debug, Clone, Default)]
pub struct DecisionFilter {
    pub customer: Option<CustomerId>,
    pub offer: Option<OfferId>,
    pub visit: Option<VisitId>,
    pub store: Option<StoreId>,
    /// Only those older than this decision.
    pub before: Option<(DateTime<Utc>, DecisionId)>,
    pub limit: u32,
}

type Row = (
    Id<DecisionId>,
    Id<CandidateId>,
    Id<CustomerId>,
    Option<Id<OfferId>>,
    Json<LocalText>,
    String,
    Option<Text<StoreId>>,
    Option<Id<VisitId>>,
    bool,
    Option<Num<u8>>,
    String,
    Option<f64>,
    Option<f64>,
    Json<Vec<String>>,
    DateTime<Utc>,
    Option<String>,
);

/// Decisions, newest first; `inputs` is null in them.
pub async fn list(conn: &mut Conn, filter: &DecisionFilter) -> Result<Vec<DecisionRow>, StoreError> {
    let DecisionFilter { customer, offer, visit, store, before, limit } = filter;
    let (at, id) = before.unwrap_or((DateTime::<Utc>::MAX_UTC, DecisionId(Uuid::max())));
    // A year that both databases can hold.
    let at = at.min(DateTime::from_timestamp(253_402_300_799, 0).unwrap_or(at));
    let (limit, store) = (*limit, store.as_ref());
    // The most selective key leads, so that each list follows an index.
    let rows: Vec<Row> = match (customer, visit, offer, store) {
        (Some(customer), visit, offer, store) => {
            run!(conn, fetch_all: Row, "decision/list_of_customer.sql", at, id, limit, *customer, *offer, *visit, store)?
        }
        (None, visit, Some(offer), store) => {
            run!(conn, fetch_all: Row, "decision/list_of_offer.sql", at, id, limit, *offer, *visit, store)?
        }
        (None, Some(visit), None, store) => run!(conn, fetch_all: Row, "decision/list_of_visit.sql", at, id, limit, *visit, store)?,
        (None, None, None, Some(store)) => run!(conn, fetch_all: Row, "decision/list_of_store.sql", at, id, limit, store)?,
        (None, None, None, None) => run!(conn, fetch_all: Row, "decision/list.sql", at, id, limit)?,
    };
    Ok(rows
        .into_iter()
        .map(
            |(
                Id(decision),
                Id(candidate),
                Id(customer),
                offer,
                Json(title),
                channel,
                store,
                visit,
                sent,
                clause,
                reason,
                score,
                propensity,
                Json(why),
                at,
                traceparent,
            )| {
                DecisionRow {
                    decision,
                    candidate,
                    customer,
                    offer: offer.map(|Id(id)| id),
                    title,
                    channel,
                    store: store.map(|Text(store)| store),
                    visit: visit.map(|Id(id)| id),
                    sent,
                    clause: clause.map(|Num(clause)| clause),
                    reason,
                    score,
                    propensity,
                    why,
                    inputs: serde_json::Value::Null,
                    at,
                    traceparent,
                }
            },
        )
        .collect())
}

/// What a decision was made from.
pub async fn inputs(conn: &mut Conn, decision: DecisionId) -> Result<Option<serde_json::Value>, StoreError> {
    let row: Option<(Json<serde_json::Value>,)> = run!(conn, fetch_optional: (Json<serde_json::Value>,), "decision/inputs.sql", decision)?;
    Ok(row.map(|(Json(inputs),)| inputs))
}
