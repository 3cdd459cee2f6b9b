//! Taps on NFC displays, and the dialogues that they start.
//!
//! Owns the routes of A34 and A84. A code opened before sign-in leaves one counter behind and nothing else; a claimed code starts a dialogue.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use aisle_schemas::{
    code::CodeSubject,
    http::cloud::{DialogueReply, TapClaim},
    ids::DialogueId,
};
use aisle_store::{counter, customer};

use super::{
    auth::Customer,
    extract::{Body, path_part},
    serve::Trace,
    sign_in::caller,
    visit::{refuse_known, remember, verify},
};
use crate::{
    actors::customer::commands::dialogue::{ClaimTap, GetDialogue, Reply},
    problem::Refusal,
    shared::RateRule,
    state::Cloud,
};

/// Counter of codes that were opened, by store and display.
const OPENED: &str = "code_opened";

type Answer = Result<HttpResponse, Refusal>;

/// `POST /v1/taps`
pub async fn claim(cloud: web::Data<Cloud>, customer: Customer, request: HttpRequest, Body(body): Body<TapClaim>) -> Answer {
    let (code, _) = verify(&cloud, &body.code, cloud.now())?;
    refuse_known(&cloud, &code).await?;
    let dialogue = cloud.customers.ask(customer.id(), ClaimTap { code: code.clone() }, Trace::of(&request)).await?;
    remember(&cloud, &code).await;
    Ok(HttpResponse::Created().json(dialogue))
}

/// `POST /v1/taps/opened`
pub async fn opened(cloud: web::Data<Cloud>, request: HttpRequest, Body(body): Body<TapClaim>) -> Answer {
    let rule = RateRule { name: "opened", burst: cloud.limits.opened_codes_per_minute, period: Duration::from_secs(60) };
    cloud.limit(rule, &caller(&request)).await?;
    let (code, _) = verify(&cloud, &body.code, cloud.now())?;
    let place = match &code.subject {
        CodeSubject::Tap { display, offer: _ } => display.to_string(),
        CodeSubject::Door { touchpoint } => touchpoint.to_string(),
    };
    counter::add(&cloud.db, OPENED, format!("{}/{place}", code.store), 1).await.map_err(Refusal::unavailable)?;
    Ok(HttpResponse::NoContent().finish())
}

async fn row(cloud: &Cloud, request: &HttpRequest) -> Result<customer::DialogueRow, Refusal> {
    let dialogue: DialogueId = path_part(request, "dialogue")?;
    let mut connection = cloud.db.read().await.map_err(Refusal::unavailable)?;
    let row = customer::dialogue(&mut connection, dialogue).await.map_err(Refusal::unavailable)?;
    row.ok_or_else(|| Refusal::not_found("dialogue"))
}

/// `GET /v1/dialogues/{dialogue}`
pub async fn dialogue(cloud: web::Data<Cloud>, customer: Customer, request: HttpRequest) -> Answer {
    let row = row(&cloud, &request).await?;
    Ok(HttpResponse::Ok().json(cloud.customers.ask(customer.id(), GetDialogue(row), None).await?))
}

/// `POST /v1/dialogues/{dialogue}/replies`
pub async fn reply(cloud: web::Data<Cloud>, customer: Customer, request: HttpRequest, Body(body): Body<DialogueReply>) -> Answer {
    let row = row(&cloud, &request).await?;
    let reply = Reply { row, choice: body.choice };
    Ok(HttpResponse::Ok().json(cloud.customers.ask(customer.id(), reply, Trace::of(&request)).await?))
}
