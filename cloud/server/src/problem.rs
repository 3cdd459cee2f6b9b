//! Refusals on the HTTP face: every error becomes RFC 9457 problem details with a stable code, and is counted.
//!
//! Owns [`Refusal`] and its form on the wire. Takes typed errors; emits `application/problem+json`. A refusal that a person should look
//! at (storage, broken invariants) logs its whole chain once, here, under the reference number that the caller gets.

use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header},
};
use aisle_schemas::http::{FieldError, Problem};

/// Why a request was not done.
#[derive(Debug, Clone)]
pub struct Refusal {
    status: StatusCode,
    code: Cow<'static, str>,
    detail: Option<Cow<'static, str>>,
    field: Option<String>,
    errors: Vec<FieldError>,
    retry_after: Option<Duration>,
    content_range: Option<u64>,
    source: Option<Arc<anyhow::Error>>,
}

impl Refusal {
    /// A refusal with a code that callers may act on.
    pub fn new(status: StatusCode, code: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            code: code.into(),
            detail: None,
            field: None,
            errors: Vec::new(),
            retry_after: None,
            content_range: None,
            source: None,
        }
    }
    /// A sentence for people.
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }
    /// The field at fault: a JSON pointer, header, path or query parameter.
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }
    /// How much there is, where a range lies outside of it.
    pub fn of_bytes(mut self, size: u64) -> Self {
        self.content_range = Some(size);
        self
    }
    /// When to try again.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    pub fn unauthorised() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "sign_in_needed").detail("sign in first")
    }
    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "not_allowed").detail("your role does not allow this")
    }
    pub fn not_found(what: &'static str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found").detail(format!("there is no such {what}"))
    }
    pub fn conflict(code: &'static str) -> Self {
        Self::new(StatusCode::CONFLICT, code)
    }
    /// A value that was understood and cannot be used.
    pub fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::invalid_fields(vec![FieldError { field: field.into(), reason: reason.into() }])
    }
    /// Several of them; `errors` is not empty.
    pub fn invalid_fields(errors: Vec<FieldError>) -> Self {
        let first = errors.first().cloned();
        let (field, detail) = first.map_or((None, None), |error| (Some(error.field), Some(Cow::Owned(error.reason))));
        Self { field, detail, errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid") }
    }
    /// Something of ours failed; the caller may try again.
    pub fn unavailable(source: impl Into<anyhow::Error>) -> Self {
        Self {
            source: Some(Arc::new(source.into())),
            retry_after: Some(Duration::from_secs(1)),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable")
        }
    }
    /// Too many requests of one caller.
    pub fn too_many(wait: Duration) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many").detail("too many requests, wait a moment").retry_after(wait)
    }
    /// Whether trying again later can succeed.
    pub fn is_passing(&self) -> bool {
        self.status.is_server_error() || self.status == StatusCode::TOO_MANY_REQUESTS
    }
    /// Faults by field, where there are some.
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }
    /// The stable code.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The answer, counted under the route that gave it.
    pub fn respond(&self, route: &str) -> HttpResponse {
        let instance = format!("{:016x}", rand::random::<u64>());
        if let Some(source) = &self.source {
            tracing::error!(instance, route, code = %self.code, error = format!("{source:#}"), "request failed");
        }
        metrics::counter!("aisle_refusals_total", "role" => "cloud", "route" => route.to_owned(), "code" => self.code.to_string())
            .increment(1);
        let problem = Problem {
            type_: format!("/problems/{}", self.code),
            title: title(self.status).to_owned(),
            status: self.status.as_u16(),
            code: self.code.to_string(),
            detail: self.detail.as_ref().map(ToString::to_string),
            field: self.field.clone(),
            instance,
            errors: self.errors.clone(),
        };
        let mut response = HttpResponse::build(self.status);
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.insert_header((header::RETRY_AFTER, seconds.max(1).to_string()));
        }
        if let Some(size) = self.content_range {
            response.insert_header((header::CONTENT_RANGE, format!("bytes */{size}")));
        }
        let body = serde_json::to_string(&problem).expect("a problem holds only texts and numbers");
        response.content_type("application/problem+json").body(body)
    }
}

fn title(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("Refused")
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code)
    }
}

impl std::error::Error for Refusal {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source.as_ref().as_ref())
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        self.status
    }
    /// Bare: the middleware `routes::serve` tells it in full, once, under its route.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_first_field_and_lists_all() {
        let refusal = Refusal::invalid_fields(vec![
            FieldError { field: "/price/minor".into(), reason: "must not be negative".into() },
            FieldError { field: "/to".into(), reason: "must be after from".into() },
        ]);
        assert_eq!((refusal.field.as_deref(), refusal.errors.len()), (Some("/price/minor"), 2));
    }

    #[test]
    fn a_wait_is_rounded_up_to_whole_seconds() {
        let response = Refusal::too_many(Duration::from_millis(1200)).respond("r");
        assert_eq!(response.headers().get(header::RETRY_AFTER).and_then(|v| v.to_str().ok()), Some("2"));
    }
}
