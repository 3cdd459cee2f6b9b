//! The decision log: why did, or didn't, this customer get this.
//!
//! Owns its route. Lists are newest first and paged by the place of the last decision shown.

use std::str::FromStr;

use actix_web::{HttpRequest, HttpResponse, web};
use aisle_schemas::{
    http::cloud::Decisions,
    ids::{DecisionId, IdError},
};
use aisle_store::decision::{self, DecisionFilter};
use chrono::{DateTime, Utc};

use super::{auth::Staff, extract::query_part};
use crate::{actors::messenger::decision_view, problem::Refusal, state::Cloud};

/// Decisions of one page.
const PAGE: u32 = 50;
const PAGE_MAX: u32 = 200;

/// Where a page ended: `{unix µs}_{decision}`.
struct Place(DateTime<Utc>, DecisionId);

impl FromStr for Place {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "must be the `next` of an earlier answer";
        let (micros, id) = text.split_once('_').ok_or(wrong)?;
        let at = micros.parse().ok().and_then(DateTime::from_timestamp_micros).ok_or(wrong)?;
        Ok(Self(at, DecisionId::parse(id).map_err(|_: IdError| wrong)?))
    }
}

/// `GET /v1/decisions`
pub async fn list(cloud: web::Data<Cloud>, _staff: Staff, request: HttpRequest) -> Result<HttpResponse, Refusal> {
    let limit: u32 = query_part(&request, "limit")?.unwrap_or(PAGE);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Refusal::invalid("limit", "must be 1 to 200"));
    }
    let before: Option<Place> = query_part(&request, "before")?;
    let filter = DecisionFilter {
        customer: query_part(&request, "customer")?,
        offer: query_part(&request, "offer")?,
        visit: query_part(&request, "visit")?,
        store: query_part(&request, "store")?,
        before: before.map(|Place(at, id)| (at, id)),
        limit,
    };
    let mut connection = cloud.db.read().await.map_err(Refusal::unavailable)?;
    let rows = decision::list(&mut connection, &filter).await.map_err(Refusal::unavailable)?;
    let is_full = rows.len() == usize::try_from(limit).unwrap_or(usize::MAX);
    let next = rows.last().filter(|_| is_full).map(|last| format!("{}_{}", last.at.timestamp_micros(), last.decision));
    Ok(HttpResponse::Ok().json(Decisions { decisions: rows.iter().map(decision_view).collect(), next }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_and_nonsense_does_not() {
        let id = DecisionId::new(7, [1; 10]);
        let Place(at, read) = format!("1764000000000001_{id}").parse().unwrap();
        assert_eq!((at.timestamp_micros(), read), (1_764_000_000_000_001, id));
        for wrong in ["", "x", "1_", "_", "1764000000000001"] {
            assert!(wrong.parse::<Place>().is_err(), "{wrong}");
        }
    }
}
