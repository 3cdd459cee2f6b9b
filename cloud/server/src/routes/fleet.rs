//! Nodes as operators see them, and what only an operator may decide about one: end a hold, let a box take its place again.
//!
//! Owns the routes of the fleet. Reads rows; each decision is one transaction with its audit entry, and sending it twice changes nothing
//! more. Ended holds reach the owner of the link through their rows, whichever instance it is. On failure: a refusal, and nothing changed.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use aisle_schemas::{
    http::cloud::{Fleet, OperatorDecision, Role},
    ids::{EventId, NodeId},
    sync::{Class, Direction, Stream},
};
use aisle_store::{
    StoreError, Tx,
    audit::{self, Actor, AuditEntry},
    hold, node,
    succession::{self, Reclaimed},
};

use super::{
    auth::Staff,
    extract::{Body, path_part},
};
use crate::{fresh, live_fleet, problem::Refusal, state::Cloud};

type Answer = Result<HttpResponse, Refusal>;

/// `GET /v1/fleet`
pub async fn fleet(cloud: web::Data<Cloud>, _staff: Staff) -> Answer {
    let fleet: Fleet = live_fleet::fleet(&cloud.db, &cloud.settings, cloud.now()).await.map_err(Refusal::unavailable)?;
    Ok(HttpResponse::Ok().json(fleet))
}

/// `POST /v1/fleet/{node}/reclaim`
pub async fn reclaim(cloud: web::Data<Cloud>, staff: Staff, request: HttpRequest, Body(body): Body<OperatorDecision>) -> Answer {
    staff.with(&[Role::Operator])?;
    let OperatorDecision { reason } = body;
    let (node, by, now): (NodeId, _, _) = (path_part(&request, "node")?, staff.0.customer, cloud.now());
    let random = fresh::draw();
    let work = {
        let node = node.clone();
        async move |tx: &mut Tx| -> Result<Option<Reclaimed>, StoreError> {
            let Some(reclaimed) = succession::reclaim(tx, &node, random).await? else { return Ok(None) };
            let (id, subject) = (fresh::id(now, EventId::new), node.to_string());
            let entry = AuditEntry { id, at: now, actor: Actor::Staff(by), action: "node.reclaimed", subject: &subject, detail: &reason };
            audit::write(tx, entry).await?;
            Ok(Some(reclaimed))
        }
    };
    let reclaimed = cloud.db.write(move |tx| Box::pin(async move { work(tx).await })).await.map_err(Refusal::unavailable)?;
    let Reclaimed { replaced, documents, orders } = reclaimed.ok_or_else(|| Refusal::not_found("enrolled node"))?;
    let replaced = replaced.map(|node| node.to_string());
    tracing::info!(%node, replaced, documents, orders, %by, "node re-claimed");
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /v1/fleet/{node}/streams/{stream}/unhold`
pub async fn unhold(cloud: web::Data<Cloud>, staff: Staff, request: HttpRequest, Body(body): Body<OperatorDecision>) -> Answer {
    staff.with(&[Role::Operator])?;
    let OperatorDecision { reason } = body;
    let (node, stream): (NodeId, Stream) = (path_part(&request, "node")?, path_part(&request, "stream")?);
    if stream.direction() != Direction::Up || stream.class() != Class::A {
        return Err(Refusal::invalid("stream", "is never on hold here"));
    }
    let (by, now) = (staff.0.customer, cloud.now());
    let known = node::all(&mut cloud.db.read().await.map_err(Refusal::unavailable)?).await.map_err(Refusal::unavailable)?;
    if !known.iter().any(|row| row.node == node) {
        return Err(Refusal::not_found("enrolled node"));
    }
    let work = async move |tx: &mut Tx| -> Result<bool, StoreError> {
        let ended = hold::end(tx, &node, stream, now).await?;
        if ended {
            let (id, subject) = (fresh::id(now, EventId::new), format!("{node}/{stream}"));
            let entry = AuditEntry { id, at: now, actor: Actor::Staff(by), action: "stream.unheld", subject: &subject, detail: &reason };
            audit::write(tx, entry).await?;
        }
        Ok(ended)
    };
    let ended = cloud.db.write(move |tx| Box::pin(async move { work(tx).await })).await.map_err(Refusal::unavailable)?;
    tracing::info!(%stream, %by, ended, "hold ended by an operator");
    Ok(HttpResponse::build(StatusCode::NO_CONTENT).finish())
}
