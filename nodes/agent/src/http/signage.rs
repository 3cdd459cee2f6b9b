//! Routes of what screens play by: facts of the store, and emergencies.
//!
//! Owns who may tell and who may begin. Takes sessions of sensors and buttons, and the operator's key. Emits messages to the actors. On
//! failure: a refusal, and nothing changed.
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use aisle_schemas::emergency::EmergencyRequest;
use aisle_schemas::fact::FactReports;
use aisle_schemas::topic::DeviceKind;

use super::Shared;
use super::body::Json;
use super::operator::is_operator;
use super::problem::Refusal;
use crate::actors::emergency::{Begin, Clear, EmergencyError};
use crate::actors::facts::{FactsError, Told};

type Answer = Result<HttpResponse, Refusal>;

/// `POST /v1/sensors/{touchpoint}/facts`
pub async fn facts(shared: web::Data<Shared>, request: HttpRequest, path: web::Path<String>, body: Json<FactReports>) -> Answer {
    shared.sessions.require(&request, DeviceKind::Sensor, &path)?;
    shared.faces.told.send(Told(body.value.facts)).await??;
    Ok(HttpResponse::NoContent().finish())
}

/// Who asks: whoever is at the box, or a sensor that is configured as the button. A counter of people clears no screen.
fn asker(shared: &Shared, request: &HttpRequest, button: &str) -> Result<String, Refusal> {
    if is_operator(shared, request) {
        return Ok("operator".to_owned());
    }
    shared.sessions.require(request, DeviceKind::Sensor, button)?;
    if !shared.sessions.commands_emergencies(DeviceKind::Sensor, button) {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "forbidden", "this sensor begins and ends no emergencies"));
    }
    Ok(format!("{}/{button}", DeviceKind::Sensor.as_str()))
}

/// `PUT /v1/sensors/{touchpoint}/emergency`
pub async fn begin(shared: web::Data<Shared>, request: HttpRequest, path: web::Path<String>, body: Json<EmergencyRequest>) -> Answer {
    let by = asker(&shared, &request, &path)?;
    let active = shared.faces.begin_emergency.send(Begin { request: body.value, by }).await??;
    Ok(HttpResponse::Ok().json(active))
}

/// `DELETE /v1/sensors/{touchpoint}/emergency`
pub async fn clear(shared: web::Data<Shared>, request: HttpRequest, path: web::Path<String>) -> Answer {
    asker(&shared, &request, &path)?;
    // Ending what has ended is what was wished for.
    shared.faces.clear_emergency.send(Clear).await??;
    Ok(HttpResponse::NoContent().finish())
}

/// `GET /v1/emergency`
pub async fn state(shared: web::Data<Shared>) -> Answer {
    let state = shared.faces.emergency.borrow().clone();
    Ok(HttpResponse::Ok().json(state))
}

impl From<FactsError> for Refusal {
    fn from(error: FactsError) -> Self {
        match error {
            FactsError::Number => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "malformed", &error).field("/facts"),
            FactsError::Refused { place, refusal } => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "malformed", refusal).field(format!("/facts/{place}"))
            }
            FactsError::Journal(error) => error.into(),
        }
    }
}

impl From<EmergencyError> for Refusal {
    fn from(error: EmergencyError) -> Self {
        match error {
            EmergencyError::Refused(refusal) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, refusal.code(), refusal).field(refusal.field()),
            EmergencyError::Journal(error) => error.into(),
        }
    }
}
