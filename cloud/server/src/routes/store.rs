//! Stores as consoles see them, the console's stream, and commands to one screen.
//!
//! Owns the routes of live stores. Reads rows; writes the order that a command is. On failure: a refusal, and no order.

use actix_web::{HttpRequest, HttpResponse, web};
use aisle_schemas::{
    http::cloud::{Role, ScreenCommandRequest, Stores},
    ids::{EventId, ScreenId, StoreId},
    record::Body as Record,
    screen::{ScreenCommand, ScreenCommandKind},
};
use aisle_store::{DownStream, DownWrite, down};

use super::{
    auth::Staff,
    extract::{Body, path_part, query_part},
    live as sse,
    me::still_signed_in,
    serve::Trace,
};
use crate::{actors::customer::change, fresh, ingest::Committed, live_store, problem::Refusal, shared::Channel, state::Cloud};

type Answer = Result<HttpResponse, Refusal>;

/// `GET /v1/stores`
pub async fn stores(cloud: web::Data<Cloud>, _staff: Staff) -> Answer {
    let stores = live_store::summaries(&cloud.db, cloud.shared.as_ref(), &cloud.settings, cloud.now()).await;
    Ok(HttpResponse::Ok().json(Stores { stores: stores.map_err(Refusal::unavailable)? }))
}

async fn picture(cloud: &Cloud, store: &StoreId) -> Result<aisle_schemas::http::cloud::StoreLive, Refusal> {
    let picture = live_store::store(&cloud.db, cloud.shared.as_ref(), &cloud.settings, store, cloud.now()).await;
    picture.map_err(Refusal::unavailable)?.ok_or_else(|| Refusal::not_found("store"))
}

/// `GET /v1/stores/{store}/live`
pub async fn live(cloud: web::Data<Cloud>, _staff: Staff, request: HttpRequest) -> Answer {
    let store: StoreId = path_part(&request, "store")?;
    Ok(HttpResponse::Ok().json(picture(&cloud, &store).await?))
}

/// Name of a command in metrics.
fn kind(command: &ScreenCommandKind) -> &'static str {
    match command {
        ScreenCommandKind::Identify { for_s: _ } => "identify",
        ScreenCommandKind::Show { content: _, for_s: _ } => "show",
        ScreenCommandKind::Revert => "revert",
        ScreenCommandKind::Restart => "restart",
    }
}

/// `POST /v1/stores/{store}/screens/{screen}/commands`
pub async fn command_screen(cloud: web::Data<Cloud>, staff: Staff, request: HttpRequest, Body(body): Body<ScreenCommandRequest>) -> Answer {
    staff.with(&[Role::Marketer, Role::Operator])?;
    let (store, screen): (StoreId, ScreenId) = (path_part(&request, "store")?, path_part(&request, "screen")?);
    let info = cloud.settings.stores.get(&store).ok_or_else(|| Refusal::not_found("store"))?;
    if !info.screens.contains(&screen) {
        return Err(Refusal::not_found("screen"));
    }
    let now = cloud.now();
    let ScreenCommandRequest { ttl_s, command } = body;
    let command = ScreenCommand { id: fresh::id(now, EventId::new), issued_at: now, ttl_s, command };
    let order = Record::ScreenCommanded(Box::new(command.clone()));
    let write = DownWrite {
        node: info.node.clone(),
        stream: DownStream::Order,
        // The order is the command: done once, because its id is taken once.
        id: command.id,
        type_name: order.type_name().to_owned(),
        subject: format!("screen/{screen}"),
        data: Some(order.to_raw().map_err(Refusal::unavailable)?),
        at: now,
        traceparent: Trace::of(&request),
    };
    let logged = down::put(&cloud.db, vec![write]).await.map_err(Refusal::unavailable)?;
    cloud.feed.push(Committed { outbox: Vec::new(), logged, reread: false });
    let kind = kind(&command.command);
    metrics::counter!("aisle_screen_commands_total", "role" => "cloud", "kind" => kind).increment(1);
    tracing::info!(%store, %screen, command = %command.id, kind, by = %staff.0.customer, "screen commanded");
    Ok(HttpResponse::Accepted().json(command))
}

/// `GET /v1/console/events`
pub async fn events(cloud: web::Data<Cloud>, _staff: Staff, request: HttpRequest) -> Answer {
    let only: Option<StoreId> = query_part(&request, "store")?;
    let reader = cloud.shared.subscribe(&Channel::Console, sse::last_event_id(&request), cloud.now()).await.map_err(sse::refuse)?;
    let wanted: Vec<&StoreId> = match &only {
        Some(store) => vec![store],
        None => cloud.settings.stores.keys().collect(),
    };
    let mut now = Vec::with_capacity(wanted.len());
    for store in wanted {
        now.push(change::live("store", Some(store.clone()), &picture(&cloud, store).await?));
    }
    Ok(sse::respond(reader, now, only, cloud.stopping.clone(), still_signed_in(&cloud, &request)))
}
