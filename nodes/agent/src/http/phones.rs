//! Routes of phones on the store's network: check in, move, check out.
//!
//! Owns their translation into messages. Takes a code with a pass, or a visit's token, which is all that a phone must show. Emits the visit. On
//! failure: problem details with the reason of the refusal.
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use aisle_node_core::ids::VisitToken;
use aisle_schemas::http::node::{NodeCheckIn, ZoneEntered};
use sha2::{Digest, Sha256};
use tracing::Instrument as _;

use super::Shared;
use super::body::Json;
use super::problem::Refusal;
use crate::actors::visit_messages::{CheckIn, CheckOut, EnterZone, IdempotencyKey};

/// Bytes of an idempotency key.
const KEY_MAX: usize = 128;

type Answer = Result<HttpResponse, Refusal>;

/// The caller's trace, continued by `span`; without one, the trace that the span begins.
pub(super) fn trace(request: &HttpRequest, span: &tracing::Span) -> Option<String> {
    let given = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
    let continued = given.filter(|given| aisle_mesh::telemetry::continue_from(span, given).is_ok()).map(str::to_owned);
    // Where no span is recorded here the caller's own goes on.
    span.in_scope(aisle_mesh::telemetry::current_traceparent).or(continued)
}

/// `POST /v1/checkins`
pub async fn check_in(shared: web::Data<Shared>, request: HttpRequest, body: Json<NodeCheckIn>) -> Answer {
    let span = tracing::info_span!("http.check_in.post");
    let traceparent = trace(&request, &span);
    let idempotency = idempotency(&request, &body.raw)?;
    let NodeCheckIn { code, pass, method } = body.value;
    let asked = shared.faces.check_in.send(CheckIn { code, pass, method, idempotency, traceparent });
    let checked_in = asked.instrument(span).await??;
    Ok(HttpResponse::Created().json(checked_in))
}

/// Hashes of the key and of the request it stands for.
pub(super) fn idempotency(request: &HttpRequest, body: &[u8]) -> Result<Option<IdempotencyKey>, Refusal> {
    let Some(key) = request.headers().get("Idempotency-Key") else { return Ok(None) };
    if key.is_empty() || key.len() > KEY_MAX {
        let detail = format!("must be 1 to {KEY_MAX} bytes");
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "malformed", detail).field("Idempotency-Key"));
    }
    Ok(Some(IdempotencyKey { key: Sha256::digest(key.as_bytes()).into(), request: Sha256::digest(body).into() }))
}

pub(super) fn token(path: &str) -> Result<VisitToken, Refusal> {
    VisitToken::parse(path).map_err(|_| Refusal::not_found("no such visit"))
}

/// `POST /v1/visits/{token}/zones`
pub async fn enter_zone(shared: web::Data<Shared>, request: HttpRequest, path: web::Path<String>, body: Json<ZoneEntered>) -> Answer {
    let span = tracing::info_span!("http.zone.post");
    let traceparent = trace(&request, &span);
    let entered = EnterZone { token: token(&path)?, zone: body.value.zone, traceparent };
    shared.faces.enter_zone.send(entered).instrument(span).await??;
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /v1/visits/{token}/checkout`
pub async fn check_out(shared: web::Data<Shared>, request: HttpRequest, path: web::Path<String>) -> Answer {
    let span = tracing::info_span!("http.check_out.post");
    let traceparent = trace(&request, &span);
    shared.faces.check_out.send(CheckOut { token: token(&path)?, traceparent }).instrument(span).await??;
    Ok(HttpResponse::NoContent().finish())
}
