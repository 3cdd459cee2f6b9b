//! Trips: what phones scan and review, what staff check and take money for, what the gate lets out.
//!
//! Owns the routes' translation into messages. Takes a visit's token, a signed-in tablet or door. Emits the trip as it is next. On failure: problem details
//! with the reason, and nothing has changed. Nothing here asks the cloud.
use actix_web::{HttpRequest, HttpResponse, web};
use aisle_schemas::ids::{DeviceId, TripId};
use aisle_schemas::topic::DeviceKind;
use aisle_schemas::trip::{CheckResult, ExitRequest, LineAdd, LineChange, TillPayment, TripStepRequest, TripView};
use sha2::{Digest, Sha256};
use tracing::Instrument as _;

use super::Shared;
use super::body::Json;
use super::phones::{idempotency, token, trace};
use super::problem::Refusal;
use crate::actors::consultation_messages::OnShift;
use crate::actors::trip_messages::{AtGate, OfPhone, OfStaff, PhoneDoes, StaffDo};
use crate::actors::visit_messages::{IdempotencyKey, KnownVisit, KnownVisitOfToken, Scanned};

type Answer = Result<HttpResponse, Refusal>;

async fn visit(shared: &Shared, path: &str) -> Result<KnownVisit, Refusal> {
    shared.faces.trips.visit_of.send(KnownVisitOfToken(token(path)?)).await?.ok_or_else(no_visit)
}

fn no_visit() -> Refusal {
    Refusal::not_found("no such visit is open")
}

async fn do_with(
    shared: &Shared,
    request: &HttpRequest,
    path: &str,
    does: PhoneDoes,
    idempotency: Option<IdempotencyKey>,
) -> Result<TripView, Refusal> {
    let span = tracing::info_span!("http.trip.phone");
    let traceparent = trace(request, &span);
    let KnownVisit { visit, is_open } = visit(shared, path).await?;
    let does = match does {
        does if is_open => does,
        // Whoever has paid finds the way out, also after the visit.
        PhoneDoes::Look => PhoneDoes::LookBack,
        PhoneDoes::LookBack | PhoneDoes::Put { .. } | PhoneDoes::Change { .. } | PhoneDoes::Step(_) => return Err(no_visit()),
    };
    Ok(shared.faces.trips.phone.send(OfPhone { visit, does, idempotency, traceparent }).instrument(span).await??)
}

/// `GET /v1/visits/{token}/trip`
pub async fn look(shared: web::Data<Shared>, request: HttpRequest, path: web::Path<String>) -> Answer {
    Ok(HttpResponse::Ok().json(do_with(&shared, &request, &path, PhoneDoes::Look, None).await?))
}

/// `POST /v1/visits/{token}/trip/lines`
pub async fn put(shared: web::Data<Shared>, request: HttpRequest, path: web::Path<String>, body: Json<LineAdd>) -> Answer {
    // Under the visit's own name: two phones may choose the same key.
    let of_visit = |kept: IdempotencyKey| IdempotencyKey {
        key: Sha256::new().chain_update(path.as_bytes()).chain_update(kept.key).finalize().into(),
        ..kept
    };
    let kept = idempotency(&request, &body.raw)?.map(of_visit);
    let LineAdd { code, intent, quantity } = body.value;
    let found = shared.faces.assortment.borrow().find(&code, shared.clock.now())?;
    let view = do_with(&shared, &request, &path, PhoneDoes::Put { code, intent, quantity }, kept).await?;
    // The basket stands; that the visit was seen is one signal more.
    let span = tracing::info_span!("http.trip.scan");
    let scanned = Scanned { token: token(&path)?, sku: found.product.sheet().sku.clone(), traceparent: trace(&request, &span) };
    shared.faces.scanned.send(scanned).instrument(span).await??;
    Ok(HttpResponse::Ok().json(view))
}

/// `PUT /v1/visits/{token}/trip/lines/{line}`
pub async fn change(shared: web::Data<Shared>, request: HttpRequest, path: web::Path<(String, String)>, body: Json<LineChange>) -> Answer {
    let LineChange { intent, quantity } = body.value;
    let line = path.1.parse().map_err(|_| Refusal::not_found("no such line"))?;
    let does = PhoneDoes::Change { line, intent, quantity };
    Ok(HttpResponse::Ok().json(do_with(&shared, &request, &path.0, does, None).await?))
}

/// `POST /v1/visits/{token}/trip/steps`
pub async fn step(shared: web::Data<Shared>, request: HttpRequest, path: web::Path<String>, body: Json<TripStepRequest>) -> Answer {
    Ok(HttpResponse::Ok().json(do_with(&shared, &request, &path, PhoneDoes::Step(body.value.step), None).await?))
}

async fn staff(shared: &Shared, request: &HttpRequest, (tablet, trip): &(String, String), does: StaffDo) -> Answer {
    shared.sessions.require(request, DeviceKind::Tablet, tablet)?;
    // The session is the tablet's, for a quarter; what is done in the store's name is done by somebody.
    shared.faces.tablets.on_shift.send(OnShift(DeviceId::parse(tablet).map_err(Refusal::not_found)?)).await??;
    let trip = TripId::parse(trip).map_err(|_| Refusal::not_found("no such trip"))?;
    let span = tracing::info_span!("http.trip.staff");
    let traceparent = trace(request, &span);
    Ok(HttpResponse::Ok().json(shared.faces.trips.staff.send(OfStaff { trip, does, traceparent }).instrument(span).await??))
}

/// `GET /v1/tablets/{tablet}/trips/{trip}`
pub async fn staff_look(shared: web::Data<Shared>, request: HttpRequest, path: web::Path<(String, String)>) -> Answer {
    staff(&shared, &request, &path, StaffDo::Look).await
}

/// `POST /v1/tablets/{tablet}/trips/{trip}/checks`
pub async fn check(shared: web::Data<Shared>, request: HttpRequest, path: web::Path<(String, String)>, body: Json<CheckResult>) -> Answer {
    staff(&shared, &request, &path, StaffDo::Check(body.value)).await
}

/// `POST /v1/tablets/{tablet}/trips/{trip}/payment`
pub async fn pay(shared: web::Data<Shared>, request: HttpRequest, path: web::Path<(String, String)>, body: Json<TillPayment>) -> Answer {
    staff(&shared, &request, &path, StaffDo::Pay(body.value)).await
}

/// `POST /v1/doors/{touchpoint}/exits`
pub async fn exit(shared: web::Data<Shared>, request: HttpRequest, path: web::Path<String>, body: Json<ExitRequest>) -> Answer {
    shared.sessions.require(&request, DeviceKind::Door, &path)?;
    let span = tracing::info_span!("http.trip.exit");
    let traceparent = trace(&request, &span);
    Ok(HttpResponse::Ok().json(shared.faces.trips.gate.send(AtGate { token: body.value.token, traceparent }).instrument(span).await??))
}
