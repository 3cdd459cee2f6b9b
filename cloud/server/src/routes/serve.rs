//! What every request passes: its span and trace, who calls, idempotency, security headers, and the form and count of refusals.
//!
//! Owns the middleware [`serve`]. Takes a request; emits a response that is complete. On failure of whatever lies inside: problem details
//! under the route's pattern, never a bare status.

use std::time::{Duration, Instant};

use actix_web::{
    Error, HttpMessage, HttpRequest, HttpResponse,
    body::{BoxBody, EitherBody, MessageBody},
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::{Method, StatusCode, header},
    middleware::Next,
    web,
};
use aisle_mesh::telemetry::{TraceParent, continue_from, current_traceparent};
use tracing::Instrument;

use super::{extract, headers, idempotency, origin};
use crate::{
    problem::Refusal,
    session::{COOKIE, Principal},
    shared::RateRule,
    state::Cloud,
};

/// Trace context of a request, for records that follow from it.
#[derive(Debug, Clone, Default)]
pub struct Trace(pub Option<String>);

impl Trace {
    pub fn of(request: &HttpRequest) -> Option<String> {
        request.extensions().get::<Self>().and_then(|trace| trace.0.clone())
    }
}

/// See the module.
pub async fn serve(request: ServiceRequest, next: Next<impl MessageBody + 'static>) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let route = request.match_pattern().unwrap_or_else(|| "unknown".to_owned());
    let method = request.method().clone();
    let span = tracing::info_span!("http.request.serve", http.route = %route, http.method = %method, http.status = tracing::field::Empty);
    let given = request.headers().get("traceparent").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let given = given.filter(|line| line.parse::<TraceParent>().is_ok());
    if let Some(given) = &given {
        // It was just parsed, so it continues.
        continue_from(&span, given).unwrap_or_default();
    }
    let outcome = async {
        // Without a recorder here the caller's own context still names the trace for those who record further on.
        request.extensions_mut().insert(Trace(current_traceparent().or(given)));
        inside(request, next).await
    }
    .instrument(span.clone())
    .await;
    let (request, answer) = outcome?;
    let response = match answer {
        Ok(response) => response.map_into_boxed_body(),
        Err(refusal) => refusal.respond(&route),
    };
    span.record("http.status", response.status().as_u16());
    let labels = [("role", "cloud".to_owned()), ("route", route), ("status", response.status().as_u16().to_string())];
    metrics::counter!("aisle_http_requests_total", &labels).increment(1);
    metrics::histogram!("aisle_http_request_seconds", "role" => "cloud").record(started.elapsed().as_secs_f64());
    let mut response = ServiceResponse::new(request, response);
    let cloud = response.request().app_data::<web::Data<Cloud>>().cloned();
    headers::secure(response.headers_mut(), cloud.as_ref().map(|cloud| cloud.settings.as_ref()));
    Ok(response)
}

type Answer = (HttpRequest, Result<HttpResponse<EitherBody<BoxBody>>, Refusal>);

async fn inside(mut request: ServiceRequest, next: Next<impl MessageBody + 'static>) -> Result<Answer, Error> {
    // No clone of the request may be alive when it is routed: the router writes into it.
    let guard = match before(&mut request).await {
        Ok(Before::Answered(response)) => return Ok((request.into_parts().0, Ok(response.map_into_right_body()))),
        Ok(Before::Go(guard)) => guard,
        Err(refusal) => return Ok((request.into_parts().0, Err(refusal))),
    };
    let (parts, response) = next.call(request).await?.into_parts();
    let response = response.map_into_boxed_body();
    if let Some(refusal) = refusal_of(&response) {
        return Ok((parts, Err(refusal)));
    }
    Ok(match guard {
        Some(guard) => {
            let answer = idempotency::end(&parts, guard, response).await;
            (parts, answer.map(HttpResponse::map_into_right_body))
        }
        None => (parts, Ok(response.map_into_right_body())),
    })
}

/// What comes of a request before its route sees it.
enum Before {
    Answered(HttpResponse<BoxBody>),
    Go(Option<idempotency::Guard>),
}

async fn before(request: &mut ServiceRequest) -> Result<Before, Refusal> {
    if let Some(cloud) = request.app_data::<web::Data<Cloud>>() {
        origin::check(request.method(), request.headers(), &cloud.settings.origin)?;
    }
    let principal = authenticate(request.request()).await?;
    limit(request, &principal).await?;
    let scope = principal.scope();
    request.extensions_mut().insert(principal);
    let key = idempotency::key(request.request())?;
    let (Some(scope), Some(key)) = (scope, key) else { return Ok(Before::Go(None)) };
    if request.method() != Method::POST {
        return Ok(Before::Go(None));
    }
    let bytes = extract::read(request.take_payload()).await?;
    request.set_payload(Payload::from(bytes.clone()));
    match idempotency::begin(request.request(), &scope, &key, &bytes).await? {
        idempotency::Begun::Answered(response) => Ok(Before::Answered(response)),
        idempotency::Begun::New(guard) => Ok(Before::Go(Some(guard))),
    }
}

/// Bounds what one account changes. Public routes that change something have limits of their own, per network address.
async fn limit(request: &ServiceRequest, principal: &Principal) -> Result<(), Refusal> {
    let (Principal::Signed(signed), false) = (principal, request.method().is_safe()) else { return Ok(()) };
    let Some(cloud) = request.app_data::<web::Data<Cloud>>() else { return Ok(()) };
    let rule = RateRule { name: "changes", burst: cloud.limits.changes_per_minute, period: Duration::from_secs(60) };
    cloud.limit(rule, &signed.customer.to_string()).await
}

/// The refusal that a response stands for, so that it can be told under its route.
fn refusal_of(response: &HttpResponse<BoxBody>) -> Option<Refusal> {
    if let Some(refusal) = response.error().and_then(|error| error.as_error::<Refusal>()) {
        return Some(refusal.clone());
    }
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        let code = match status {
            StatusCode::NOT_FOUND => "not_found",
            StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
            StatusCode::PAYLOAD_TOO_LARGE => "too_large",
            _ if status.is_client_error() => "malformed",
            _ => "failed",
        };
        return Some(Refusal::new(status, code));
    }
    None
}

async fn authenticate(request: &HttpRequest) -> Result<Principal, Refusal> {
    let Some(cloud) = request.app_data::<web::Data<Cloud>>() else { return Ok(Principal::Nobody) };
    if let Some(header) = request.headers().get(header::AUTHORIZATION) {
        let key = header.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
        return Ok(key.map_or(Principal::Nobody, |key| cloud.sessions.of_key(key)));
    }
    match request.cookie(COOKIE) {
        Some(cookie) => cloud.sessions.of_cookie(cookie.value(), cloud.clock.now()).await.map_err(Refusal::unavailable),
        None => Ok(Principal::Nobody),
    }
}
