//! What other systems report: sales, messages for the gate, contexts.
//!
//! Owns the integrations' routes. A customer is named by an address that the system knows; an address that nobody signed in with is refused.
//! Each report is idempotent by its own key.

use actix_web::{HttpRequest, HttpResponse, web};
use aisle_cloud_core::gate::candidate::MessageChannel;
use aisle_schemas::{
    http::cloud::{CandidateRequest, ContextReport, MessageKind, SalesReport},
    ids::CustomerId,
};
use aisle_store::{customer, sign_in};
use sha2::{Digest, Sha256};

use super::{
    auth::Integration,
    extract::Body,
    serve::Trace,
    sign_in::{identifier, parse_email},
};
use crate::{
    actors::{
        customer::commands::{context::ReportContext, sale::TakeSale},
        messenger::OfferMessage,
        store::KnowProducts,
    },
    problem::Refusal,
    state::Cloud,
    wire,
};

type Answer = Result<HttpResponse, Refusal>;

async fn customer_of(cloud: &Cloud, email: &str) -> Result<CustomerId, Refusal> {
    let identifier = identifier(cloud, &parse_email(email)?);
    let mut connection = cloud.db.read().await.map_err(Refusal::unavailable)?;
    let known = sign_in::customer_of(&mut connection, identifier.0).await.map_err(Refusal::unavailable)?;
    known.ok_or_else(|| Refusal::not_found("customer").field("/email"))
}

/// `POST /v1/integrations/sales`
pub async fn sales(cloud: web::Data<Cloud>, _system: Integration, request: HttpRequest, Body(report): Body<SalesReport>) -> Answer {
    let whose = customer_of(&cloud, &report.email).await?;
    let hash: [u8; 32] = Sha256::digest(serde_json::to_vec(&report).map_err(Refusal::unavailable)?).into();
    let known = {
        let mut connection = cloud.db.read().await.map_err(Refusal::unavailable)?;
        customer::sale_hash(&mut connection, &report.source_ref).await.map_err(Refusal::unavailable)?
    };
    if known == Some(hash) {
        return Ok(HttpResponse::Accepted().finish());
    }
    let lines: Vec<_> = report.lines.iter().map(|line| (line.product.sku.clone(), line.quantity)).collect();
    let products: Vec<_> = report.lines.iter().map(|line| line.product.clone()).collect();
    cloud.customers.ask(whose, TakeSale { report, hash }, Trace::of(&request)).await?;
    // The sale stands; what follows makes rankings better and may come late.
    let news = products.iter().any(|product| !cloud.catalogue().products.contains(product));
    if news && let Err(refusal) = cloud.desk.ask(KnowProducts(products)).await {
        tracing::warn!(code = refusal.code(), "products of a sale are not in the catalogue yet");
    }
    if let Err(error) = cloud.sales.add(&cloud.db, &lines).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "a sale is not counted towards popularity");
    }
    Ok(HttpResponse::Accepted().finish())
}

/// `POST /v1/integrations/candidates`
pub async fn candidates(cloud: web::Data<Cloud>, _system: Integration, request: HttpRequest, Body(body): Body<CandidateRequest>) -> Answer {
    let whose = customer_of(&cloud, &body.email).await?;
    match wire::message_channel(&body.channel) {
        Some(MessageChannel::PhonePush) => {}
        Some(MessageChannel::OwnFeed) if body.kind == MessageKind::Marketing && body.offer.is_some() => {}
        Some(MessageChannel::OwnFeed) => return Err(Refusal::invalid("/offer", "a card in the feed is about an offer")),
        Some(
            MessageChannel::Watch
            | MessageChannel::Sms
            | MessageChannel::Email
            | MessageChannel::StaffMention
            | MessageChannel::InAppCard
            | MessageChannel::SharedScreen,
        )
        | None => return Err(Refusal::invalid("/channel", "no provider is connected for this channel")),
    }
    if body.valid_until <= cloud.now() {
        return Err(Refusal::invalid("/valid_until", "has passed"));
    }
    cloud.customers.ask(whose, OfferMessage(body), Trace::of(&request)).await?;
    Ok(HttpResponse::Accepted().finish())
}

/// `POST /v1/integrations/contexts`
pub async fn contexts(cloud: web::Data<Cloud>, _system: Integration, request: HttpRequest, Body(body): Body<ContextReport>) -> Answer {
    let whose = customer_of(&cloud, &body.email).await?;
    cloud.customers.ask(whose, ReportContext(body), Trace::of(&request)).await?;
    Ok(HttpResponse::Accepted().finish())
}
