//! Nodes as operators see them, and what only an operator may decide about one: end a hold, let a box take its place again, end
//! what its staff show instead of a document.
//!
//! Owns the routes of the fleet. Reads rows; each decision is one transaction with its audit entry, and sending it twice changes nothing
//! more. Ended holds reach the owner of the link through their rows, whichever instance it is. On failure: a refusal, and nothing changed.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use aisle_schemas::{
    document::{ClearOverride, override_key},
    http::cloud::{Fleet, OperatorDecision, OverrideView, Role},
    ids::{EventId, NodeId, ZoneId},
    record::Body as Record,
    sync::{Class, Direction, Stream},
};
use aisle_store::{
    DownStream, DownWrite, LoggedDown, StoreError, Tx,
    audit::{self, Actor, AuditEntry},
    down, hold, node, node_alarm,
    succession::{self, Reclaimed},
};

use super::{
    auth::Staff,
    extract::{Body, path_part},
    serve::Trace,
};
use crate::{fresh, ingest::Committed, live_fleet, problem::Refusal, state::Cloud};

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
    // What the box that goes has applied, as far as this instance knows it better than the database, need not be done by the one that comes.
    let acked = cloud.acks.of_store(&node);
    let work = {
        let node = node.clone();
        async move |tx: &mut Tx| -> Result<Option<Reclaimed>, StoreError> {
            let Some(reclaimed) = succession::reclaim(tx, &node, &acked, random).await? else { return Ok(None) };
            let (id, subject) = (fresh::id(now, EventId::new), node.to_string());
            let entry = AuditEntry { id, at: now, actor: Actor::Staff(by), action: "node.reclaimed", subject: &subject, detail: &reason };
            audit::write(tx, entry).await?;
            node_alarm::settle(tx, &node).await?;
            Ok(Some(reclaimed))
        }
    };
    let reclaimed = cloud.db.write(move |tx| Box::pin(async move { work(tx).await })).await.map_err(Refusal::unavailable)?;
    let Reclaimed { replaced, documents, orders } = reclaimed.ok_or_else(|| Refusal::not_found("enrolled node"))?;
    let replaced = replaced.map(|node| node.to_string());
    tracing::info!(%node, replaced, documents, orders, %by, "node re-claimed");
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /v1/fleet/{node}/overrides/{noun}/{name}/clear`
pub async fn clear_override(cloud: web::Data<Cloud>, staff: Staff, request: HttpRequest, Body(body): Body<OperatorDecision>) -> Answer {
    staff.with(&[Role::Operator])?;
    let OperatorDecision { reason } = body;
    let (node, noun, name): (NodeId, ZoneId, ZoneId) =
        (path_part(&request, "node")?, path_part(&request, "noun")?, path_part(&request, "name")?);
    let key = format!("{noun}/{name}");
    let shown = live_fleet::override_of(&cloud.db, &node, &key).await.map_err(Refusal::unavailable)?;
    let OverrideView { key, reason: _, by: _, at, until } = shown.ok_or_else(|| Refusal::not_found("override"))?;
    let (by, now) = (staff.0.customer, cloud.now());
    let order = Record::ClearOverride(Box::new(ClearOverride { key: key.clone(), at, expires: until }));
    let write = DownWrite {
        node: node.clone(),
        stream: DownStream::Order,
        id: fresh::id(now, EventId::new),
        type_name: order.type_name().to_owned(),
        subject: override_key(&key),
        data: Some(order.to_raw().map_err(Refusal::unavailable)?),
        at: now,
        traceparent: Trace::of(&request),
    };
    let work = async move |tx: &mut Tx| -> Result<Vec<LoggedDown>, StoreError> {
        let (id, subject) = (fresh::id(now, EventId::new), format!("{}/{key}", write.node));
        let entry = AuditEntry { id, at: now, actor: Actor::Staff(by), action: "override.cleared", subject: &subject, detail: &reason };
        audit::write(tx, entry).await?;
        down::enqueue(tx, std::slice::from_ref(&write)).await
    };
    let logged = cloud.db.write(move |tx| Box::pin(async move { work(tx).await })).await.map_err(Refusal::unavailable)?;
    cloud.feed.push(Committed { outbox: Vec::new(), logged, reread: false });
    tracing::info!(%node, %by, "a store is told to end an override");
    Ok(HttpResponse::Accepted().finish())
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
