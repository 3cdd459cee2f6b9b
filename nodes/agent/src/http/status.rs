//! What anyone may know of the node.
//!
//! Owns status, health and metrics routes. Takes the state of link, journal and visits. Emits them. On failure: `readyz` says 503 once the node
//! cannot keep its promises; being cut off from the cloud is not a failure.
use actix_web::{HttpResponse, web};
use aisle_schemas::http::node::{CloudLink, NodeOverview};

use super::Shared;
use super::problem::Refusal;
use crate::report::report;

/// `GET /v1/status`
pub async fn status(shared: web::Data<Shared>) -> HttpResponse {
    let link = shared.link.borrow().clone();
    let now = shared.clock.now();
    HttpResponse::Ok().json(NodeOverview {
        store: shared.store.clone(),
        visits_open: *shared.faces.visits_open.borrow(),
        cloud: match (link.open, link.halted) {
            (true, _) => CloudLink::Open,
            (false, true) => CloudLink::Halted,
            (false, false) => CloudLink::Cut,
        },
        pending: shared.journal.pending(),
        report: report(shared.journal.storage(now), &link, *shared.certificate.borrow(), now),
        at: now,
    })
}

/// `GET /healthz`
pub async fn healthz() -> HttpResponse {
    HttpResponse::Ok().finish()
}

/// `GET /readyz`
pub async fn readyz(shared: web::Data<Shared>) -> Result<HttpResponse, Refusal> {
    if shared.fatal.is_healthy() { Ok(HttpResponse::Ok().finish()) } else { Err(Refusal::not_ready("the node is stopping")) }
}

/// `GET /metrics`
pub async fn metrics(shared: web::Data<Shared>) -> HttpResponse {
    metrics::gauge!("aisle_pending_records", "role" => "node").set(gauge(shared.journal.pending()));
    let storage = shared.journal.storage(shared.clock.now());
    for (class, budget) in [("a", storage.class_a), ("c", storage.class_c)] {
        metrics::gauge!("aisle_log_used_bytes", "role" => "node", "class" => class).set(gauge(budget.used_bytes.get()));
        metrics::gauge!("aisle_log_budget_bytes", "role" => "node", "class" => class).set(gauge(budget.budget_bytes.get()));
    }
    for (kind, raised) in [("nearly_full", storage.nearly_full), ("refusing", storage.refusing), ("disk_full", storage.disk_full)] {
        metrics::gauge!("aisle_storage_alarm", "role" => "node", "kind" => kind).set(if raised { 1.0 } else { 0.0 });
    }
    if let Some(days) = storage.offline_days {
        metrics::gauge!("aisle_offline_capacity_days", "role" => "node").set(f64::from(days));
    }
    metrics::gauge!("aisle_visits_open", "role" => "node").set(f64::from(*shared.faces.visits_open.borrow()));
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(shared.metrics.render())
}

/// A count as a gauge holds it: exact to 2^53, which no disk of a store reaches.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
const fn gauge(value: u64) -> f64 {
    value as f64
}
