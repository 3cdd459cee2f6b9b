//! The customer about themselves: settings, home, feed, bookmarks, restraint, visits, and the own stream.
//!
//! Owns the routes below `/v1/me`. Each asks the customer's owner and answers what it says.

use actix_web::{HttpRequest, HttpResponse, web};
use aisle_schemas::{
    http::cloud::{BookmarkAdd, MeChange, OutcomeReport, Visits},
    ids::{CandidateId, CardId, OfferId},
};
use aisle_store::visit;

use super::{
    auth::Customer,
    extract::{Body, path_part},
    handshake, live,
    serve::Trace,
};
use crate::{
    actors::customer::{
        change,
        commands::{
            bookmark::{GetBookmarks, Mark, Unmark},
            feed::{GetFeed, ReportOnCard, ReportOnPush},
            profile::{ChangeMe, GetHome, GetMe, GetNow, GetRestraint},
        },
        state::visit_view,
    },
    problem::Refusal,
    session::Principal,
    shared::Channel,
    state::Cloud,
};

/// Visits that are listed.
const VISITS_SHOWN: u32 = 200;

type Answer = Result<HttpResponse, Refusal>;

/// `GET /v1/me`
pub async fn get(cloud: web::Data<Cloud>, customer: Customer, request: HttpRequest) -> Answer {
    let me = GetMe { roles: customer.0.roles.clone(), new: false };
    Ok(HttpResponse::Ok().json(cloud.customers.ask(customer.id(), me, Trace::of(&request)).await?))
}

/// `PUT /v1/me`
pub async fn change(cloud: web::Data<Cloud>, customer: Customer, request: HttpRequest, Body(change): Body<MeChange>) -> Answer {
    let change = ChangeMe { change, roles: customer.0.roles.clone() };
    Ok(HttpResponse::Ok().json(cloud.customers.ask(customer.id(), change, Trace::of(&request)).await?))
}

/// `GET /v1/me/home`
pub async fn home(cloud: web::Data<Cloud>, customer: Customer) -> Answer {
    Ok(HttpResponse::Ok().json(cloud.customers.ask(customer.id(), GetHome, None).await?))
}

/// `GET /v1/me/feed`
pub async fn feed(cloud: web::Data<Cloud>, customer: Customer) -> Answer {
    Ok(HttpResponse::Ok().json(cloud.customers.ask(customer.id(), GetFeed, None).await?))
}

/// `GET /v1/me/events`
pub async fn events(cloud: web::Data<Cloud>, customer: Customer, request: HttpRequest) -> Answer {
    // The reader is opened first: what changes while the present is read then follows it.
    let channel = Channel::Customer(customer.id());
    let reader = cloud.shared.subscribe(&channel, live::last_event_id(&request), cloud.now()).await.map_err(live::refuse)?;
    let (home, visit) = cloud.customers.ask(customer.id(), GetNow, None).await?;
    let mut now = vec![change::live("home", None, &home)];
    now.extend(visit.map(|visit| change::live("visit", None, &visit)));
    // Whoever shares something must see that they do, also after a reload.
    now.extend(handshake::shared_now(&cloud, customer.id()).await?.map(|shared| change::live("handshake", None, &shared)));
    Ok(live::respond(reader, now, None, cloud.stopping.clone(), still_signed_in(&cloud, &request)))
}

/// Whether the session that opened a stream still stands.
pub fn still_signed_in(cloud: &web::Data<Cloud>, request: &HttpRequest) -> live::StillAllowed {
    let (cloud, cookie) = (cloud.clone(), request.cookie(crate::session::COOKIE).map(|cookie| cookie.value().to_owned()));
    Box::new(move || {
        let (cloud, cookie) = (cloud.clone(), cookie.clone());
        Box::pin(async move {
            let Some(cookie) = cookie else { return false };
            // A database that is away signs nobody out.
            let principal = cloud.sessions.of_cookie(&cookie, cloud.now()).await;
            principal.map_or(true, |principal| principal != Principal::Nobody)
        })
    })
}

/// `POST /v1/me/cards/{card}/outcomes`
pub async fn card_outcome(cloud: web::Data<Cloud>, customer: Customer, request: HttpRequest, Body(body): Body<OutcomeReport>) -> Answer {
    let card: CardId = path_part(&request, "card")?;
    cloud.customers.ask(customer.id(), ReportOnCard { card, outcome: body.outcome }, Trace::of(&request)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /v1/me/pushes/{candidate}/outcomes`
pub async fn push_outcome(cloud: web::Data<Cloud>, customer: Customer, request: HttpRequest, Body(body): Body<OutcomeReport>) -> Answer {
    let candidate: CandidateId = path_part(&request, "candidate")?;
    cloud.customers.ask(customer.id(), ReportOnPush { candidate, outcome: body.outcome }, Trace::of(&request)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `GET /v1/me/bookmarks`
pub async fn bookmarks(cloud: web::Data<Cloud>, customer: Customer) -> Answer {
    Ok(HttpResponse::Ok().json(cloud.customers.ask(customer.id(), GetBookmarks, None).await?))
}

/// `POST /v1/me/bookmarks`
pub async fn mark(cloud: web::Data<Cloud>, customer: Customer, request: HttpRequest, Body(body): Body<BookmarkAdd>) -> Answer {
    Ok(HttpResponse::Ok().json(cloud.customers.ask(customer.id(), Mark(body.offer), Trace::of(&request)).await?))
}

/// `DELETE /v1/me/bookmarks/{offer}`
pub async fn unmark(cloud: web::Data<Cloud>, customer: Customer, request: HttpRequest) -> Answer {
    let offer: OfferId = path_part(&request, "offer")?;
    Ok(HttpResponse::Ok().json(cloud.customers.ask(customer.id(), Unmark(offer), Trace::of(&request)).await?))
}

/// `GET /v1/me/restraint`
pub async fn restraint(cloud: web::Data<Cloud>, customer: Customer) -> Answer {
    Ok(HttpResponse::Ok().json(cloud.customers.ask(customer.id(), GetRestraint, None).await?))
}

/// `GET /v1/me/visits`
pub async fn visits(cloud: web::Data<Cloud>, customer: Customer) -> Answer {
    let mut connection = cloud.db.read().await.map_err(Refusal::unavailable)?;
    let rows = visit::of_customer(&mut connection, customer.id(), VISITS_SHOWN).await.map_err(Refusal::unavailable)?;
    Ok(HttpResponse::Ok().json(Visits { visits: rows.iter().map(|row| visit_view(row, &cloud.settings)).collect() }))
}
