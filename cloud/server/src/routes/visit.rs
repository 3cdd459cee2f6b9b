//! Checking in and out: passes for the door, check-in through the cloud, the way out.
//!
//! Owns the routes around visits. The store decides whether a visit opens; the cloud refuses what it can see is wrong and orders the rest.
//! A code is good once, here and at the door.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use aisle_schemas::{
    code::{CODE_LIFE_S, Code, CodeError, CodeSubject, Pass},
    http::cloud::{CheckInAccepted, CloudCheckIn, PassRequest, PassView, Passes},
    ids::{EventId, PassId, StoreId, VisitId},
    record::Body as Record,
    visit::AdmitVisit,
};
use aisle_store::{
    DownStream, DownWrite, StoreError,
    visit::{self, Admission, AdmitError},
};
use chrono::{DateTime, TimeDelta, Utc};

use super::{
    auth::Customer,
    extract::{Body, path_part},
    serve::Trace,
};
use crate::{
    actors::customer::commands::visit::CheckOut, fresh, ingest::Committed, problem::Refusal, settings::StoreInfo, shared::RateRule,
    state::Cloud,
};

/// Life of a pass: a phone fetches some in the morning and may find no network at the door.
const PASS_LIFE: TimeDelta = TimeDelta::hours(24);
/// Life of a pass that goes straight into an order.
const ORDER_PASS_LIFE: TimeDelta = TimeDelta::minutes(10);

type Answer = Result<HttpResponse, Refusal>;

/// A refusal of a code or pass, under the reasons of the contract.
pub fn refuse_code(error: CodeError) -> Refusal {
    let (status, code) = match error {
        CodeError::Malformed => (StatusCode::UNPROCESSABLE_ENTITY, "malformed"),
        CodeError::Forged => (StatusCode::FORBIDDEN, "forged"),
        CodeError::Expired => (StatusCode::GONE, "expired"),
        CodeError::WrongStore => (StatusCode::FORBIDDEN, "wrong_store"),
    };
    Refusal::new(status, code).field("/code")
}

fn replayed() -> Refusal {
    Refusal::conflict("replayed").field("/code").detail("this code was used before")
}

/// Verifies a code with the key of the store that it names.
pub fn verify<'a>(cloud: &'a Cloud, text: &str, now: DateTime<Utc>) -> Result<(Code, &'a StoreInfo), Refusal> {
    let unverified = Code::parse_unverified(text).map_err(refuse_code)?;
    let store = unverified.store().clone();
    let info = cloud.settings.stores.get(&store).ok_or_else(|| refuse_code(CodeError::WrongStore))?;
    Ok((unverified.verify(&store, &info.key, now).map_err(refuse_code)?, info))
}

/// How the use of a code is remembered.
pub fn nonce_key(store: &StoreId, nonce: u64) -> String {
    format!("{store}:{nonce:016x}")
}

/// Refuses a code that is known to have been used, before any database is asked. Only a hint: the database decides.
pub async fn refuse_known(cloud: &Cloud, code: &Code) -> Result<(), Refusal> {
    match cloud.shared.is_nonce_used(&nonce_key(&code.store, code.nonce)).await {
        Ok(true) => Err(replayed()),
        Ok(false) => Ok(()),
        Err(error) => {
            tracing::debug!(error = &error as &dyn std::error::Error, "no hint about a code");
            Ok(())
        }
    }
}

/// Remembers that a code was used, as a hint.
pub async fn remember(cloud: &Cloud, code: &Code) {
    if let Err(error) = cloud.shared.nonce_used(&nonce_key(&code.store, code.nonce)).await {
        tracing::debug!(error = &error as &dyn std::error::Error, "no hint about a code is kept");
    }
}

fn new_pass(now: DateTime<Utc>, life: TimeDelta) -> Pass {
    // Whole seconds, because that is what a pass carries. Not a UUIDv7: a pass must not tell when it was made.
    let expires_at = DateTime::from_timestamp((now + life).timestamp(), 0).unwrap_or(now);
    Pass { id: PassId(uuid::Builder::from_random_bytes(fresh::secret()).into_uuid()), expires_at }
}

/// `POST /v1/passes`
pub async fn passes(cloud: web::Data<Cloud>, customer: Customer, Body(body): Body<PassRequest>) -> Answer {
    let rule = RateRule { name: "passes", burst: cloud.limits.passes_per_hour, period: Duration::from_secs(3600) };
    let id = customer.id();
    for _ in 0..body.count {
        cloud.limit(rule, &id.to_string()).await?;
    }
    let now = cloud.now();
    let passes: Vec<Pass> = (0..body.count).map(|_| new_pass(now, PASS_LIFE)).collect();
    let views = passes.iter().map(|pass| PassView { pass: pass.encode(&cloud.keys.signing), expires_at: pass.expires_at }).collect();
    let written: Result<(), StoreError> = cloud
        .db
        .write(move |tx| {
            Box::pin(async move {
                for pass in passes {
                    visit::add_pass(tx, pass.id, id, pass.expires_at).await?;
                }
                Ok(())
            })
        })
        .await;
    written.map_err(Refusal::unavailable)?;
    Ok(HttpResponse::Created().json(Passes { passes: views }))
}

/// `POST /v1/checkins`
pub async fn check_in(cloud: web::Data<Cloud>, customer: Customer, request: HttpRequest, Body(body): Body<CloudCheckIn>) -> Answer {
    let now = cloud.now();
    let (code, store) = verify(&cloud, &body.code, now)?;
    match &code.subject {
        CodeSubject::Door { touchpoint: _ } => {}
        CodeSubject::Tap { .. } => return Err(refuse_code(CodeError::Malformed).detail("this is the code of a display, not of a door")),
    }
    refuse_known(&cloud, &code).await?;
    let pass = new_pass(now, ORDER_PASS_LIFE);
    let checkin = fresh::id(now, EventId::new);
    let code_expires = code.issued_at + TimeDelta::seconds(CODE_LIFE_S + 1);
    let order = Record::AdmitVisit(Box::new(AdmitVisit {
        checkin,
        code: body.code.clone(),
        pass: pass.encode(&cloud.keys.signing),
        method: body.method,
        expires: code_expires,
    }));
    let admission = Admission {
        customer: customer.id(),
        store: code.store.clone(),
        nonce: code.nonce,
        code_expires,
        pass: pass.id,
        pass_expires: pass.expires_at,
        order: DownWrite {
            node: store.node.clone(),
            stream: DownStream::Order,
            id: checkin,
            type_name: order.type_name().to_owned(),
            subject: format!("visit/{checkin}"),
            data: Some(order.to_raw().map_err(Refusal::unavailable)?),
            at: now,
            traceparent: Trace::of(&request),
        },
        answer: None,
    };
    let logged = visit::admit(&cloud.db, admission).await.map_err(|error| match error {
        AdmitError::Replayed => replayed(),
        AdmitError::Store(error) => Refusal::unavailable(error),
    })?;
    cloud.feed.push(Committed { outbox: Vec::new(), logged, reread: false });
    remember(&cloud, &code).await;
    Ok(HttpResponse::Accepted().json(CheckInAccepted { checkin, store: code.store }))
}

/// `POST /v1/visits/{visit}/checkout`
pub async fn check_out(cloud: web::Data<Cloud>, customer: Customer, request: HttpRequest) -> Answer {
    let visit: VisitId = path_part(&request, "visit")?;
    cloud.customers.ask(customer.id(), CheckOut(visit), Trace::of(&request)).await?;
    Ok(HttpResponse::Accepted().finish())
}
