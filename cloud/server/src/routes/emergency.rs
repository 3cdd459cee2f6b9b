//! Emergencies as staff begin and end them from afar.
//!
//! Owns the routes. Operators decide; each decision stands in the audit with who made it. Writes the order to the store's node, which knows
//! whether the set lies ready there and says what became of it. On failure: a refusal, and no order.

use actix_web::{HttpRequest, HttpResponse, web};
use aisle_schemas::{
    emergency::{EmergencyMode, EmergencyOrder, EmergencyRequest, LASTS_S_MAX, STATE_KEY},
    http::cloud::Role,
    ids::{EventId, StoreId},
    record::Body as Record,
};
use aisle_store::{
    DownStream, DownWrite, LoggedDown, StoreError, Tx,
    audit::{self, Actor, AuditEntry},
    down, node,
};
use chrono::TimeDelta;

use super::{
    auth::Staff,
    check::{Check, Faults},
    extract::{Body, path_part},
    serve::Trace,
};
use crate::{fresh, ingest::Committed, problem::Refusal, state::Cloud};

type Answer = Result<HttpResponse, Refusal>;

/// A store that is out of reach for longer must be told again: who is there by then knows better.
const ORDER_LIVES: TimeDelta = TimeDelta::minutes(10);

impl Check for EmergencyRequest {
    fn check(&self, faults: &mut Faults) {
        let Self { set: _, mode, lasts_s } = self;
        if !(1..=LASTS_S_MAX).contains(lasts_s) {
            faults.add("/lasts_s", "must be 1 s to a day");
        }
        match mode {
            EmergencyMode::Append { saturation_percent: 1..=99 } | EmergencyMode::Replace => {}
            EmergencyMode::Append { .. } => faults.add("/mode/saturation_percent", "must be 1 to 99"),
        }
    }
}

async fn order(cloud: &Cloud, staff: &Staff, request: &HttpRequest, begin: Option<EmergencyRequest>) -> Answer {
    staff.with(&[Role::Operator])?;
    let store: StoreId = path_part(request, "store")?;
    let info = cloud.settings.stores.get(&store).ok_or_else(|| Refusal::not_found("store"))?;
    let active = node::of_store(&mut cloud.db.read().await.map_err(Refusal::unavailable)?, &store).await.map_err(Refusal::unavailable)?;
    let (by, now) = (staff.0.customer, cloud.now());
    let detail = begin.as_ref().map_or_else(String::new, |begin| begin.set.to_string());
    let action = if begin.is_some() { "emergency.begun" } else { "emergency.ended" };
    let body = Record::EmergencyOrdered(Box::new(EmergencyOrder { begin, expires: now + ORDER_LIVES }));
    let write = DownWrite {
        node: active.unwrap_or_else(|| info.node.clone()),
        stream: DownStream::Order,
        id: fresh::id(now, EventId::new),
        type_name: body.type_name().to_owned(),
        subject: STATE_KEY.to_owned(),
        data: Some(body.to_raw().map_err(Refusal::unavailable)?),
        at: now,
        traceparent: Trace::of(request),
    };
    let subject = store.to_string();
    let work = async move |tx: &mut Tx| -> Result<Vec<LoggedDown>, StoreError> {
        let id = fresh::id(now, EventId::new);
        audit::write(tx, AuditEntry { id, at: now, actor: Actor::Staff(by), action, subject: &subject, detail: &detail }).await?;
        down::enqueue(tx, std::slice::from_ref(&write)).await
    };
    let logged = cloud.db.write(move |tx| Box::pin(async move { work(tx).await })).await.map_err(Refusal::unavailable)?;
    cloud.feed.push(Committed { outbox: Vec::new(), logged, reread: false });
    tracing::warn!(%store, action, %by, "a store is told of an emergency");
    Ok(HttpResponse::Accepted().finish())
}

/// `PUT /v1/stores/{store}/emergency`
pub async fn begin(cloud: web::Data<Cloud>, staff: Staff, request: HttpRequest, Body(body): Body<EmergencyRequest>) -> Answer {
    order(&cloud, &staff, &request, Some(body)).await
}

/// `DELETE /v1/stores/{store}/emergency`
pub async fn end(cloud: web::Data<Cloud>, staff: Staff, request: HttpRequest) -> Answer {
    order(&cloud, &staff, &request, None).await
}
