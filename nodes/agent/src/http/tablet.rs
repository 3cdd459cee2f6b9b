//! Routes of staff tablets, and of the phone that stops sharing on the store's network.
//!
//! Owns their translation into messages. Takes requests of signed-in tablets, or a visit's token. Emits what the tablet shows, and sealed
//! fields that are passed on unread and must not be stored. On failure: problem details; a tablet may act for itself alone.
use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse, web};
use aisle_schemas::handshake::{HandshakeId, Scope};
use aisle_schemas::http::tablet::{AdviceOffered, OfferAdvice, ReadShared, StaffOnShift, StaffSignIn, TabletSign};
use aisle_schemas::ids::{DeviceId, VisitToken};
use aisle_schemas::topic::DeviceKind;

use super::Shared;
use super::body::Json;
use super::problem::Refusal;
use super::sse::{Events, Passing};
use crate::actors::consultation::Shown;
use crate::actors::consultation_messages::{End, Offer, Purged, Read, Revoke, Sign, SignIn, SignOut, TabletError};
use crate::devices::TabletsFace;

type Answer = Result<HttpResponse, Refusal>;

/// Bytes of the reason that staff give.
const REASON_MAX: usize = 200;

/// The tablet of the path, and the hash of its session.
fn tablet<'a>(shared: &'a Shared, request: &HttpRequest, path: &str) -> Result<(&'a TabletsFace, DeviceId, String), Refusal> {
    let session = shared.sessions.session(request, DeviceKind::Tablet, path)?;
    let device = DeviceId::parse(path).map_err(Refusal::not_found)?;
    Ok((&shared.faces.tablets, device, hex::encode(session)))
}

fn handshake(text: &str) -> Result<HandshakeId, Refusal> {
    HandshakeId::parse(text).map_err(|_| Refusal::not_found("no such handshake"))
}

fn done() -> Answer {
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /v1/tablets/{tablet}/shift`
pub async fn sign_in(shared: web::Data<Shared>, request: HttpRequest, path: web::Path<String>, body: Json<StaffSignIn>) -> Answer {
    let (face, device, _) = tablet(&shared, &request, &path)?;
    let StaffSignIn { badge, pin } = body.value;
    let staff = face.sign_in.send(SignIn { device, badge, pin }).await??;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(StaffOnShift { staff }))
}

/// `DELETE /v1/tablets/{tablet}/shift`
pub async fn sign_out(shared: web::Data<Shared>, request: HttpRequest, path: web::Path<String>) -> Answer {
    let (face, device, _) = tablet(&shared, &request, &path)?;
    face.sign_out.send(SignOut(device)).await??;
    done()
}

/// `POST /v1/tablets/{tablet}/signs`
pub async fn sign(shared: web::Data<Shared>, request: HttpRequest, path: web::Path<String>, body: Json<TabletSign>) -> Answer {
    let (face, device, _) = tablet(&shared, &request, &path)?;
    face.sign.send(Sign { device, touched: body.value.touched }).await??;
    done()
}

/// `GET /v1/tablets/{tablet}/events`
pub async fn events(shared: web::Data<Shared>, request: HttpRequest, path: web::Path<String>) -> Answer {
    let (face, device, _) = tablet(&shared, &request, &path)?;
    let shown = face.shown.get(&device).ok_or_else(|| Refusal::not_found("no such tablet"))?.clone();
    let events: Events<Shown> = Events { shown, name: "view", rev: |shown| shown.rev, passing: Passing::none() };
    Ok(events.answer(&request))
}

/// `POST /v1/tablets/{tablet}/offers`
pub async fn offer(shared: web::Data<Shared>, request: HttpRequest, path: web::Path<String>, body: Json<OfferAdvice>) -> Answer {
    let (face, device, device_sha256) = tablet(&shared, &request, &path)?;
    let OfferAdvice { wanted, reason } = body.value;
    let malformed = |field| Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "malformed", "is too long").field(field);
    if wanted.len() > Scope::ALL.len() {
        return Err(malformed("/wanted"));
    }
    if reason.chars().count() > REASON_MAX || reason.chars().any(char::is_control) {
        return Err(malformed("/reason"));
    }
    let handshake = face.offer.send(Offer { device, device_sha256, wanted, reason }).await??;
    Ok(HttpResponse::Created().json(AdviceOffered { handshake }))
}

/// `POST /v1/tablets/{tablet}/handshakes/{handshake}/reads`
pub async fn read(shared: web::Data<Shared>, request: HttpRequest, path: web::Path<(String, String)>, body: Json<ReadShared>) -> Answer {
    let (device, id) = path.into_inner();
    let (face, device, device_sha256) = tablet(&shared, &request, &device)?;
    let ReadShared { scope, key } = body.value;
    let sealed = face.read.send(Read { device, device_sha256, handshake: handshake(&id)?, scope, key }).await??;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(sealed))
}

/// `POST /v1/tablets/{tablet}/handshakes/{handshake}/end`
pub async fn end(shared: web::Data<Shared>, request: HttpRequest, path: web::Path<(String, String)>) -> Answer {
    let (device, id) = path.into_inner();
    let (face, device, _) = tablet(&shared, &request, &device)?;
    face.end.send(End { device, handshake: handshake(&id)? }).await??;
    done()
}

/// `POST /v1/tablets/{tablet}/handshakes/{handshake}/purged`
pub async fn purged(shared: web::Data<Shared>, request: HttpRequest, path: web::Path<(String, String)>) -> Answer {
    let (device, id) = path.into_inner();
    let (face, device, _) = tablet(&shared, &request, &device)?;
    face.purged.send(Purged { device, handshake: handshake(&id)? }).await??;
    done()
}

/// `POST /v1/visits/{token}/handshakes/{handshake}/revoke`
pub async fn revoke(shared: web::Data<Shared>, path: web::Path<(String, String)>) -> Answer {
    let (token, id) = path.into_inner();
    let token = VisitToken::parse(&token).map_err(|_| Refusal::not_found("no such visit"))?;
    shared.faces.tablets.revoke.send(Revoke { token, handshake: handshake(&id)? }).await??;
    done()
}

impl From<TabletError> for Refusal {
    fn from(error: TabletError) -> Self {
        use aisle_node_core::consultation::Refusal as Rule;
        match error {
            TabletError::Refused(rule @ (Rule::NotParty | Rule::InsufficientScope)) => Self::new(StatusCode::FORBIDDEN, rule.code(), rule),
            TabletError::Refused(rule @ Rule::NoSession) => Self::new(StatusCode::NOT_FOUND, rule.code(), rule),
            TabletError::Refused(rule @ Rule::Suspended) => Self::new(StatusCode::SERVICE_UNAVAILABLE, rule.code(), rule),
            TabletError::Refused(
                rule @ (Rule::CodeExpired
                | Rule::CodeUsed
                | Rule::NotInStore
                | Rule::TooManyTries
                | Rule::Replay
                | Rule::NotOpen
                | Rule::WrongLease),
            ) => Self::new(StatusCode::CONFLICT, rule.code(), rule),
            TabletError::NotOffered(_) => Self::not_ready(error),
            TabletError::SignIn => Self::new(StatusCode::FORBIDDEN, "wrong_pin", error),
            TabletError::TooManyPins => Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_tries", error),
            TabletError::Locked => Self::new(StatusCode::FORBIDDEN, "locked", error),
            TabletError::Unknown => Self::not_found(error),
            TabletError::NoRelay => Self::new(StatusCode::CONFLICT, "no_relay", error),
            TabletError::CloudAway => Self::new(StatusCode::SERVICE_UNAVAILABLE, "cloud_away", error),
        }
    }
}
