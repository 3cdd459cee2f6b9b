//! Whether the process lives, whether it serves, and what it has counted.
//!
//! Owns the operator's routes. `readyz` asks the database and the shared state, because a balancer should look elsewhere without them; stores
//! may be away, and an instance whose broker is away still serves phones.

use actix_web::{HttpResponse, http::StatusCode, web};

use crate::{problem::Refusal, state::Cloud};

/// `GET /healthz`
pub async fn alive(cloud: web::Data<Cloud>) -> Result<HttpResponse, Refusal> {
    if cloud.health.is_alive() {
        return Ok(HttpResponse::Ok().content_type("text/plain").body("ok\n"));
    }
    Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "failed").detail("a part of this instance has failed for good"))
}

/// `GET /readyz`
pub async fn ready(cloud: web::Data<Cloud>) -> Result<HttpResponse, Refusal> {
    cloud.db.read().await.map(drop).map_err(Refusal::unavailable)?;
    cloud.shared.ping().await.map_err(Refusal::unavailable)?;
    if !cloud.health.is_ready() {
        return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready").detail("a part of this instance is starting or in trouble"));
    }
    Ok(HttpResponse::Ok().content_type("text/plain").body("ready\n"))
}

/// `GET /metrics`
pub async fn metrics(cloud: web::Data<Cloud>) -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(cloud.metrics.render())
}
