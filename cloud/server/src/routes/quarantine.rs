//! What could not be applied, one record at a time: its bytes, one more try, or giving it up (AS-049).
//!
//! Owns the routes of the quarantine. Staff may look; operators decide. Each decision stands in the audit with who made it. Sending one
//! twice changes nothing: a settled record answers how it was settled. On failure: a refusal, and the record stays.

use actix_web::{HttpRequest, HttpResponse, web};
use aisle_schemas::{
    http::cloud::{OperatorDecision, QuarantineFate, QuarantineRecord, QuarantineSettled, QuarantineView, Role},
    ids::EventId,
};
use aisle_store::{
    StoreError, Tx,
    audit::{self, Actor, AuditEntry},
    quarantine::{self, QuarantinePlace},
};

use super::{
    auth::Staff,
    extract::{Body, path_part},
};
use crate::{
    fresh,
    ingest::redrive::{Redriven, redrive as drive_again},
    problem::Refusal,
    state::Cloud,
};

type Answer = Result<HttpResponse, Refusal>;

fn place(request: &HttpRequest) -> Result<QuarantinePlace, Refusal> {
    Ok(QuarantinePlace {
        node: path_part(request, "node")?,
        stream: path_part(request, "stream")?,
        epoch: path_part(request, "epoch")?,
        seq: path_part(request, "seq")?,
    })
}

fn unknown() -> Refusal {
    Refusal::not_found("quarantined record")
}

/// `GET /v1/quarantine/{node}/{stream}/{epoch}/{seq}`
pub async fn get(cloud: web::Data<Cloud>, _staff: Staff, request: HttpRequest) -> Answer {
    let place = place(&request)?;
    let connection = &mut cloud.db.read().await.map_err(Refusal::unavailable)?;
    let record = quarantine::find(connection, &place).await.map_err(Refusal::unavailable)?.ok_or_else(unknown)?;
    let raw = quarantine::raw(connection, &place).await.map_err(Refusal::unavailable)?.ok_or_else(unknown)?;
    Ok(HttpResponse::Ok().json(QuarantineRecord { record, raw: String::from_utf8_lossy(&raw).into_owned() }))
}

/// `POST /v1/quarantine/{node}/{stream}/{epoch}/{seq}/redrive`
pub async fn redrive(cloud: web::Data<Cloud>, staff: Staff, request: HttpRequest) -> Answer {
    staff.with(&[Role::Operator])?;
    let (place, by) = (place(&request)?, staff.0.customer);
    let subject = place.subject();
    let redriven = drive_again(&cloud.db, &cloud.feed, place, by, cloud.now()).await.map_err(Refusal::unavailable)?;
    let (outcome, answer) = match redriven {
        Redriven::Settled(record) => ("settled", Ok(HttpResponse::Ok().json(record))),
        Redriven::StillFails { error } => ("still_fails", Err(Refusal::conflict("still_fails").detail(error))),
        Redriven::Unknown => ("unknown", Err(unknown())),
    };
    metrics::counter!("aisle_quarantine_redriven_total", "outcome" => outcome).increment(1);
    tracing::info!(record = subject, %by, outcome, "record driven again");
    answer
}

/// `POST /v1/quarantine/{node}/{stream}/{epoch}/{seq}/discard`
pub async fn discard(cloud: web::Data<Cloud>, staff: Staff, request: HttpRequest, Body(body): Body<OperatorDecision>) -> Answer {
    staff.with(&[Role::Operator])?;
    let OperatorDecision { reason } = body;
    let (place, by, now) = (place(&request)?, staff.0.customer, cloud.now());
    let settled = QuarantineSettled { fate: QuarantineFate::Discarded, at: now, by, reason };
    let work = async move |tx: &mut Tx| -> Result<Option<QuarantineView>, StoreError> {
        if quarantine::settle(tx, &place, &settled).await? {
            let (id, subject) = (fresh::id(now, EventId::new), place.subject());
            let entry =
                AuditEntry { id, at: now, actor: Actor::Staff(by), action: "record.discarded", subject: &subject, detail: &settled.reason };
            audit::write(tx, entry).await?;
        }
        quarantine::find(tx, &place).await
    };
    let record = cloud.db.write(move |tx| Box::pin(async move { work(tx).await })).await.map_err(Refusal::unavailable)?;
    let record = record.ok_or_else(unknown)?;
    tracing::info!(node = %record.node, stream = %record.stream, seq = %record.seq, %by, "record discarded");
    Ok(HttpResponse::Ok().json(record))
}
