//! Routes of staff: what a screen or display shows instead of its programme, and what only a person at the box may do.
//!
//! Owns who may do which. Takes a device's session or the operator's key. Emits commits, and words to the link. On failure: a refusal, and
//! nothing changed.
use actix_web::http::StatusCode;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpRequest, HttpResponse, web};
use aisle_node_core::document::OverrideRefusal;
use aisle_schemas::document::OverrideRequest;
use aisle_schemas::topic::DeviceKind;

use super::Shared;
use super::body::Json;
use super::problem::Refusal;
use crate::now::Now;
use crate::overrides::{self, OverrideError};

type Answer = Result<HttpResponse, Refusal>;

/// Who an override of the operator is by.
const OPERATOR: &str = "operator";

/// Whether the request comes from the box itself, with its operator's key.
pub fn is_operator(shared: &Shared, request: &HttpRequest) -> bool {
    let authorization = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    shared.operator.admits(request.peer_addr().map(|peer| peer.ip()), authorization)
}

fn require_operator(shared: &Shared, request: &HttpRequest) -> Result<(), Refusal> {
    if is_operator(shared, request) {
        Ok(())
    } else {
        Err(Refusal::new(StatusCode::UNAUTHORIZED, "unauthorised", "only on the box itself, with its operator's key")
            .field("Authorization"))
    }
}

/// The document that a device shows, and who asks.
fn shown_by(shared: &Shared, request: &HttpRequest, kind: DeviceKind, device: &str) -> Result<(String, String), Refusal> {
    let key = format!("{}/{device}", kind.as_str());
    if is_operator(shared, request) {
        return Ok((key, OPERATOR.to_owned()));
    }
    shared.sessions.require(request, kind, device)?;
    Ok((key.clone(), key))
}

async fn put(shared: &Shared, request: &HttpRequest, kind: DeviceKind, device: &str, wish: &OverrideRequest) -> Answer {
    let (key, by) = shown_by(shared, request, kind, device)?;
    overrides::put(&shared.journal, key, wish, by, Now::read(shared.clock.as_ref())).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn clear(shared: &Shared, request: &HttpRequest, kind: DeviceKind, device: &str) -> Answer {
    let (key, _) = shown_by(shared, request, kind, device)?;
    // Ending what has ended is what was wished for.
    overrides::clear(&shared.journal, &key).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `PUT /v1/screens/{screen}/override`
pub async fn override_screen(
    shared: web::Data<Shared>,
    request: HttpRequest,
    path: web::Path<String>,
    body: Json<OverrideRequest>,
) -> Answer {
    put(&shared, &request, DeviceKind::Screen, &path, &body.value).await
}

/// `DELETE /v1/screens/{screen}/override`
pub async fn clear_screen(shared: web::Data<Shared>, request: HttpRequest, path: web::Path<String>) -> Answer {
    clear(&shared, &request, DeviceKind::Screen, &path).await
}

/// `PUT /v1/nfc/{display}/override`
pub async fn override_display(
    shared: web::Data<Shared>,
    request: HttpRequest,
    path: web::Path<String>,
    body: Json<OverrideRequest>,
) -> Answer {
    put(&shared, &request, DeviceKind::Nfc, &path, &body.value).await
}

/// `DELETE /v1/nfc/{display}/override`
pub async fn clear_display(shared: web::Data<Shared>, request: HttpRequest, path: web::Path<String>) -> Answer {
    clear(&shared, &request, DeviceKind::Nfc, &path).await
}

/// `POST /v1/operator/reclaim`
pub async fn reclaim(shared: web::Data<Shared>, request: HttpRequest) -> Answer {
    require_operator(&shared, &request)?;
    if !shared.link.borrow().halted {
        return Err(Refusal::new(StatusCode::CONFLICT, "not_halted", "no other box has this one's place: it connects by itself"));
    }
    accepted(shared.operator.link.reclaim().await)
}

/// `POST /v1/operator/new-epoch`
pub async fn new_epoch(shared: web::Data<Shared>, request: HttpRequest) -> Answer {
    require_operator(&shared, &request)?;
    accepted(shared.operator.link.truncate().await)
}

fn accepted(taken: bool) -> Answer {
    if taken { Ok(HttpResponse::Accepted().finish()) } else { Err(Refusal::not_ready("the node is stopping")) }
}

impl From<OverrideError> for Refusal {
    fn from(error: OverrideError) -> Self {
        match error {
            OverrideError::Refused(refusal @ OverrideRefusal::NotShown) => Self::new(StatusCode::CONFLICT, refusal.code(), refusal),
            OverrideError::Refused(refusal @ (OverrideRefusal::Class | OverrideRefusal::Reason | OverrideRefusal::Time)) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, refusal.code(), refusal).field(refusal.field())
            }
            OverrideError::NothingDesired(_) => Self::not_found(error),
            OverrideError::Journal(error) => error.into(),
        }
    }
}
