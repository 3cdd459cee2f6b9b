//! What anyone may know of the node.
//!
//! Owns status, health and metrics routes. Takes the state of link, journal and visits. Emits them. On failure: `readyz` says 503 once the node
//! cannot keep its promises; being cut off from the cloud is not a failure.
use actix_web::{HttpResponse, web};
use aisle_schemas::http::node::{CloudLink, NodeOverview};

use super::Shared;
use super::problem::Refusal;

/// `GET /v1/status`
pub async fn status(shared: web::Data<Shared>) -> HttpResponse {
    let open = shared.link.borrow().open;
    HttpResponse::Ok().json(NodeOverview {
        store: shared.store.clone(),
        visits_open: *shared.faces.visits_open.borrow(),
        cloud: if open { CloudLink::Open } else { CloudLink::Cut },
        pending: shared.journal.pending(),
        at: shared.clock.now(),
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
    metrics::gauge!("aisle_pending_records", "role" => "node").set(u32::try_from(shared.journal.pending()).map_or(f64::MAX, f64::from));
    metrics::gauge!("aisle_visits_open", "role" => "node").set(f64::from(*shared.faces.visits_open.borrow()));
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(shared.metrics.render())
}
