//! Refusals as problem details (RFC 9457).
//!
//! Owns [`Refusal`]: status, stable code and the field at fault. Takes errors of actors and of parsing. Emits a JSON body with a reference
//! number. Cannot fail; what went wrong inside is logged under that number and not told.
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::{HttpResponse, ResponseError};
use aisle_node_core::product::code::CodeRefusal;
use aisle_node_core::trip::TripRefusal;
use aisle_node_core::trip::exit::ExitRefusal;
use aisle_node_core::visit::book::NoVisit;
use aisle_node_core::visit::check_in::CheckInRefusal;
use aisle_schemas::http::Problem;
use aisle_schemas::ids::EventId;

use crate::actors::nfc_display::TapError;
use crate::actors::screen::PlaysError;
use crate::actors::trip_messages::TripError;
use crate::actors::visit_messages::{CheckInError, VisitError};
use crate::journal::JournalError;

/// Seconds after which a client may try again when the node is not ready.
const RETRY_S: u32 = 2;

/// A request that had no effect.
#[derive(Debug, Clone)]
pub struct Refusal {
    status: StatusCode,
    code: &'static str,
    detail: String,
    field: Option<String>,
}

/// The code of a refusal, left in the response for whoever counts.
#[derive(Debug, Clone, Copy)]
pub struct Code(pub &'static str);

impl Refusal {
    /// A refusal with its stable code.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, detail: impl fmt::Display) -> Self {
        Self { status, code, detail: detail.to_string(), field: None }
    }

    /// Names the field at fault, as a JSON pointer.
    #[must_use]
    pub fn field(self, field: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..self }
    }

    /// The path names nothing that exists here.
    #[must_use]
    pub fn not_found(detail: impl fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// The node cannot answer at this moment.
    #[must_use]
    pub fn not_ready(detail: impl fmt::Display) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", detail)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.code, self.detail)
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let Self { status, code, detail, field } = self;
        let instance = EventId::new(0, rand::random()).to_string();
        tracing::info!(code, status = status.as_u16(), instance, "request refused");
        let problem = Problem {
            type_: format!("/problems/{code}"),
            title: status.canonical_reason().unwrap_or("Refused").to_owned(),
            status: status.as_u16(),
            code: (*code).to_owned(),
            detail: Some(detail.clone()),
            field: field.clone(),
            instance,
            errors: vec![],
        };
        let mut response = HttpResponse::build(*status);
        if *status == StatusCode::SERVICE_UNAVAILABLE {
            response.insert_header((RETRY_AFTER, RETRY_S.to_string()));
        }
        let mut response =
            response.content_type("application/problem+json").body(serde_json::to_string(&problem).expect("texts and a number are JSON"));
        response.extensions_mut().insert(Code(code));
        response
    }
}

/// Answer to what is not a route.
pub async fn unknown_route() -> Result<HttpResponse, Refusal> {
    Err(Refusal::new(StatusCode::NOT_FOUND, "unknown_route", "there is nothing at this address"))
}

impl From<actix::MailboxError> for Refusal {
    fn from(_: actix::MailboxError) -> Self {
        Self::not_ready("the node is stopping")
    }
}

impl From<JournalError> for Refusal {
    fn from(error: JournalError) -> Self {
        match error {
            // Not to be tried again in two seconds: somebody must look after the box (AS-054).
            JournalError::StorageFull => Self::new(StatusCode::INSUFFICIENT_STORAGE, "storage_full", error),
            JournalError::TooManyDocuments => Self::new(StatusCode::INSUFFICIENT_STORAGE, "too_many_documents", error),
            JournalError::TooLarge(_) => Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", error),
            JournalError::Storage(_) | JournalError::Closed | JournalError::Outdated | JournalError::Unreadable { .. } => {
                Self::not_ready("nothing was committed")
            }
        }
    }
}

impl From<CheckInRefusal> for Refusal {
    fn from(refusal: CheckInRefusal) -> Self {
        let (status, field) = match refusal {
            CheckInRefusal::Malformed => (StatusCode::UNPROCESSABLE_ENTITY, Some("/code")),
            CheckInRefusal::Forged | CheckInRefusal::WrongStore => (StatusCode::FORBIDDEN, Some("/code")),
            CheckInRefusal::Expired => (StatusCode::GONE, Some("/code")),
            CheckInRefusal::Replayed => (StatusCode::CONFLICT, Some("/code")),
            CheckInRefusal::PassInvalid => (StatusCode::UNAUTHORIZED, Some("/pass")),
            CheckInRefusal::NotReady => (StatusCode::SERVICE_UNAVAILABLE, None),
        };
        let this = Self::new(status, refusal.as_str(), refusal);
        match field {
            Some(field) => this.field(field),
            None => this,
        }
    }
}

impl From<CheckInError> for Refusal {
    fn from(error: CheckInError) -> Self {
        match error {
            CheckInError::Refused(refusal) => refusal.into(),
            CheckInError::KeyReused => Self::new(StatusCode::CONFLICT, "idempotency_key_reused", error).field("Idempotency-Key"),
            CheckInError::Journal(error) => error.into(),
        }
    }
}

impl From<VisitError> for Refusal {
    fn from(error: VisitError) -> Self {
        match error {
            VisitError::NoVisit(NoVisit::Unknown) => Self::not_found(NoVisit::Unknown),
            VisitError::NoVisit(NoVisit::Closed) => Self::new(StatusCode::GONE, "visit_closed", NoVisit::Closed),
            VisitError::UnknownZone => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "unknown_zone", error).field("/zone"),
            VisitError::Journal(error) => error.into(),
        }
    }
}

impl From<CodeRefusal> for Refusal {
    fn from(refusal: CodeRefusal) -> Self {
        let status = match refusal {
            CodeRefusal::CheckDigit { .. } | CodeRefusal::NoProduct | CodeRefusal::Unreadable(_) | CodeRefusal::NoValue => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            CodeRefusal::Unknown => StatusCode::NOT_FOUND,
        };
        Self::new(status, refusal.as_str(), &refusal).field("code")
    }
}

impl From<TripError> for Refusal {
    fn from(error: TripError) -> Self {
        match error {
            TripError::Refused(refusal) => {
                let status = match refusal {
                    TripRefusal::NoTrip | TripRefusal::NoLine | TripRefusal::NoCheck => StatusCode::NOT_FOUND,
                    TripRefusal::WrongState(_)
                    | TripRefusal::OtherQuote
                    | TripRefusal::ChecksOpen
                    | TripRefusal::Full
                    | TripRefusal::Empty => StatusCode::CONFLICT,
                    TripRefusal::QuoteExpired => StatusCode::GONE,
                    TripRefusal::Quantity | TripRefusal::NoPrice | TripRefusal::Total => StatusCode::UNPROCESSABLE_ENTITY,
                };
                Self::new(status, refusal.as_str(), refusal)
            }
            TripError::Code(refusal) => Self { field: Some("/code".to_owned()), ..refusal.into() },
            TripError::Exit(refusal) => {
                let status = match refusal {
                    ExitRefusal::Foreign => StatusCode::FORBIDDEN,
                    ExitRefusal::Expired => StatusCode::GONE,
                    ExitRefusal::Replayed => StatusCode::CONFLICT,
                };
                Self::new(status, refusal.as_str(), refusal).field("/token")
            }
            TripError::KeyReused => Self::new(StatusCode::CONFLICT, "idempotency_key_reused", error).field("Idempotency-Key"),
            TripError::Journal(error) => error.into(),
        }
    }
}

impl From<PlaysError> for Refusal {
    fn from(error: PlaysError) -> Self {
        match error {
            PlaysError::Refused(refusal) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "malformed", refusal).field("/plays"),
            PlaysError::Journal(error) => error.into(),
        }
    }
}

impl From<TapError> for Refusal {
    fn from(error: TapError) -> Self {
        match error {
            TapError::NotReady => Self::not_ready(error),
            TapError::Journal(error) => error.into(),
        }
    }
}
