//! Routes of the store's own surfaces: screens, NFC displays, doors, sensors.
//!
//! Owns their translation into messages. Takes requests of signed-in devices. Emits streams and acknowledgements. On failure: problem details;
//! a device may act for itself alone.
use actix_web::cookie::{Cookie, SameSite, time};
use actix_web::{HttpRequest, HttpResponse, web};
use aisle_node_core::ids::{DisplayId, ScreenId, TouchpointId};
use aisle_schemas::http::node::DeviceSignIn;
use aisle_schemas::nfc::{NfcShow, NfcTap};
use aisle_schemas::screen::{PlayReport, ScreenInteraction, ScreenPlan, ScreenState};
use aisle_schemas::store::{DoorCode, ZoneCount};
use aisle_schemas::topic::DeviceKind;

use super::Shared;
use super::body::Json;
use super::problem::Refusal;
use super::sessions::{COOKIE, SESSION_DAYS};
use super::sse::{Events, Passing};
use crate::actors::nfc_display::Touched;
use crate::actors::screen::{Interacted, Line, ReportPlays, SaysState};
use crate::actors::zones::Counted;
use crate::devices::{NfcFace, ScreenFace};

type Answer = Result<HttpResponse, Refusal>;

/// `POST /v1/device-sessions`
pub async fn sign_in(shared: web::Data<Shared>, body: Json<DeviceSignIn>) -> Answer {
    let DeviceSignIn { kind, device, secret } = body.value;
    let value = shared.sessions.sign_in(kind, device, &secret).await?;
    Ok(HttpResponse::NoContent().cookie(cookie(value, shared.secure)).finish())
}

/// No script reads it, no other site sends it, and over TLS nothing else carries it.
fn cookie(value: String, secure: bool) -> Cookie<'static> {
    Cookie::build(COOKIE, value)
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(secure)
        .path("/")
        .max_age(time::Duration::days(SESSION_DAYS))
        .finish()
}

fn screen<'a>(shared: &'a Shared, request: &HttpRequest, path: &str) -> Result<&'a ScreenFace, Refusal> {
    shared.sessions.require(request, DeviceKind::Screen, path)?;
    let id = ScreenId::parse(path).map_err(Refusal::not_found)?;
    shared.faces.screens.get(&id).ok_or_else(|| Refusal::not_found("no such screen"))
}

fn display<'a>(shared: &'a Shared, request: &HttpRequest, path: &str) -> Result<&'a NfcFace, Refusal> {
    shared.sessions.require(request, DeviceKind::Nfc, path)?;
    let id = DisplayId::parse(path).map_err(Refusal::not_found)?;
    shared.faces.displays.get(&id).ok_or_else(|| Refusal::not_found("no such display"))
}

/// `GET /v1/screens/{screen}/events`
pub async fn screen_events(shared: web::Data<Shared>, request: HttpRequest, path: web::Path<String>) -> Answer {
    let face = screen(&shared, &request, &path)?;
    let commands = Passing::new("command", face.commands.subscribe());
    let events: Events<ScreenPlan> = Events { shown: face.plan.clone(), name: "plan", rev: |plan| plan.rev, passing: commands };
    Ok(events.answer(&request))
}

/// `POST /v1/screens/{screen}/plays`
pub async fn plays(shared: web::Data<Shared>, request: HttpRequest, path: web::Path<String>, body: Json<PlayReport>) -> Answer {
    let face = screen(&shared, &request, &path)?;
    let ack = face.plays.send(ReportPlays(body.value.plays)).await??;
    Ok(HttpResponse::Ok().json(ack))
}

/// `PUT /v1/screens/{screen}/state`
pub async fn state(shared: web::Data<Shared>, request: HttpRequest, path: web::Path<String>, body: Json<ScreenState>) -> Answer {
    screen(&shared, &request, &path)?.state.send(SaysState { state: body.value, line: Line::Page }).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /v1/screens/{screen}/interactions`
pub async fn interaction(
    shared: web::Data<Shared>,
    request: HttpRequest,
    path: web::Path<String>,
    body: Json<ScreenInteraction>,
) -> Answer {
    screen(&shared, &request, &path)?.interaction.send(Interacted(body.value)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `GET /v1/nfc/{display}/events`
pub async fn nfc_events(shared: web::Data<Shared>, request: HttpRequest, path: web::Path<String>) -> Answer {
    let face = display(&shared, &request, &path)?;
    let events: Events<NfcShow> = Events { shown: face.show.clone(), name: "show", rev: NfcShow::rev, passing: Passing::none() };
    Ok(events.answer(&request))
}

/// `POST /v1/nfc/{display}/taps`
pub async fn tap(shared: web::Data<Shared>, request: HttpRequest, path: web::Path<String>, body: Json<NfcTap>) -> Answer {
    display(&shared, &request, &path)?.tap.send(Touched(body.value)).await??;
    Ok(HttpResponse::Accepted().finish())
}

/// `GET /v1/doors/{touchpoint}/events`
pub async fn door_events(shared: web::Data<Shared>, request: HttpRequest, path: web::Path<String>) -> Answer {
    shared.sessions.require(&request, DeviceKind::Door, &path)?;
    let id = TouchpointId::parse(&path).map_err(Refusal::not_found)?;
    let door = shared.faces.doors.get(&id).ok_or_else(|| Refusal::not_found("no such door"))?;
    let events: Events<DoorCode> = Events { shown: door.code.clone(), name: "code", rev: code_rev, passing: Passing::none() };
    Ok(events.answer(&request))
}

/// A later code expires later; two of one second differ by their place in it, which the expiry keeps.
fn code_rev(code: &DoorCode) -> u64 {
    u64::try_from(code.expires.timestamp_micros()).unwrap_or(0)
}

/// `POST /v1/sensors/{touchpoint}/counts`
pub async fn count(shared: web::Data<Shared>, request: HttpRequest, path: web::Path<String>, body: Json<ZoneCount>) -> Answer {
    shared.sessions.require(&request, DeviceKind::Sensor, &path)?;
    let sensor = TouchpointId::parse(&path).map_err(Refusal::not_found)?;
    let counted = shared.faces.counted.send(Counted { sensor, count: body.value }).await?;
    counted.map_err(|error| Refusal::new(actix_web::http::StatusCode::UNPROCESSABLE_ENTITY, "unknown_zone", error).field("/zone"))?;
    Ok(HttpResponse::NoContent().finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_tls_the_cookie_of_a_device_travels_no_other_way() {
        let text = cookie("x".to_owned(), true).to_string();
        assert!(text.contains("; HttpOnly") && text.contains("; SameSite=Strict") && text.contains("; Secure"), "{text}");
        assert!(!cookie("x".to_owned(), false).to_string().contains("Secure"));
    }
}
