//! Stores and nodes as consoles see them, and the console's stream.
//!
//! Owns the routes of live stores and the fleet. Reads rows; changes nothing.

use actix_web::{HttpRequest, HttpResponse, web};
use aisle_schemas::{
    http::cloud::{Fleet, Stores},
    ids::StoreId,
};

use super::{
    auth::Staff,
    extract::{path_part, query_part},
    live as sse,
    me::still_signed_in,
};
use crate::{actors::customer::change, live_store, problem::Refusal, shared::Channel, state::Cloud};

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

/// `GET /v1/fleet`
pub async fn fleet(cloud: web::Data<Cloud>, _staff: Staff) -> Answer {
    let nodes = live_store::links(&cloud.db).await.map_err(Refusal::unavailable)?;
    let quarantine = live_store::quarantine(&cloud.db).await.map_err(Refusal::unavailable)?;
    Ok(HttpResponse::Ok().json(Fleet { nodes, quarantine }))
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
