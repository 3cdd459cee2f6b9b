//! Campaigns and offers: editing, looking ahead, publishing, withdrawing.
//!
//! Owns the marketer's routes. Reads take a snapshot of the catalogue; changes go to its owner. A preview asks the owners of recent customers
//! how they would answer, and changes nothing.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use aisle_cloud_core::offer::{self as core, AudienceRule};
use aisle_schemas::{
    content::SurfaceKind,
    http::{
        FieldError,
        cloud::{
            Campaign, CampaignDraft, Campaigns, Catalogue as CatalogueView, OfferDraft, OfferPreview, OfferView, Offers, Role, VerdictCount,
        },
    },
    ids::{CampaignId, OfferId},
    offer::Variant,
    text::LocalText,
};
use aisle_store::{
    customer,
    offer::{self, CampaignRow, OfferCounts, OfferRow, PublishedOffer},
};
use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use futures_util::{StreamExt, stream};

use super::{
    auth::Staff,
    extract::{Body, path_part},
};
use crate::{
    actors::{
        customer::change::live,
        messenger::PreviewOffer,
        store::{PublishOffer, PutCampaign, PutOffer, WithdrawOffer},
    },
    catalogue::Catalogue,
    problem::Refusal,
    rules,
    shared::Channel,
    state::Cloud,
};

/// Customers that a preview asks, and how many at the same time.
const PREVIEW_CUSTOMERS: u32 = 500;
const PREVIEW_FANOUT: usize = 16;

type Answer = Result<HttpResponse, Refusal>;

fn campaign_view(row: &CampaignRow, catalogue: &Catalogue) -> Campaign {
    let CampaignRow { campaign, name, from, to, cap_per_day, paused } = row.clone();
    let offers = catalogue.offers.values().filter(|offer| offer.campaign == campaign).count();
    Campaign { campaign, name, from, to, cap_per_day, paused, offers: u32::try_from(offers).unwrap_or(u32::MAX) }
}

/// `GET /v1/campaigns`
pub async fn campaigns(cloud: web::Data<Cloud>, _staff: Staff) -> Answer {
    let catalogue = cloud.catalogue();
    let campaigns = catalogue.campaigns.values().rev().map(|row| campaign_view(row, &catalogue)).collect();
    Ok(HttpResponse::Ok().json(Campaigns { campaigns }))
}

/// `POST /v1/campaigns`
pub async fn make_campaign(cloud: web::Data<Cloud>, staff: Staff, Body(draft): Body<CampaignDraft>) -> Answer {
    staff.with(&[Role::Marketer])?;
    let row = cloud.desk.ask(PutCampaign { campaign: None, draft }).await?;
    Ok(HttpResponse::Created().json(campaign_view(&row, &cloud.catalogue())))
}

/// `PUT /v1/campaigns/{campaign}`
pub async fn change_campaign(cloud: web::Data<Cloud>, staff: Staff, request: HttpRequest, Body(draft): Body<CampaignDraft>) -> Answer {
    staff.with(&[Role::Marketer])?;
    let campaign: CampaignId = path_part(&request, "campaign")?;
    let row = cloud.desk.ask(PutCampaign { campaign: Some(campaign), draft }).await?;
    Ok(HttpResponse::Ok().json(campaign_view(&row, &cloud.catalogue())))
}

/// Start of the day in UTC: figures of "today".
fn today(now: DateTime<Utc>) -> DateTime<Utc> {
    now.date_naive().and_time(NaiveTime::MIN).and_utc()
}

async fn counts(cloud: &Cloud) -> Result<BTreeMap<OfferId, OfferCounts>, Refusal> {
    let mut connection = cloud.db.read().await.map_err(Refusal::unavailable)?;
    offer::counts(&mut connection, today(cloud.now())).await.map_err(Refusal::unavailable)
}

/// The rule of a draft in words. What is published is compiled already; a draft's own rule that cannot be compiled is still being written,
/// and its sentence comes when it can.
async fn sentence(row: &OfferRow, catalogue: &Catalogue) -> LocalText {
    let published = catalogue.published(row.offer).and_then(|live| live.rule.as_ref()).filter(|rule| rule.source() == row.draft.rule);
    let rule = match published {
        Some(rule) => Ok(AudienceRule::Rule(rule.clone())),
        None => rules::compile(row.draft.rule.clone()).await,
    };
    rule.map(|rule| rule.sentence()).unwrap_or_default()
}

async fn offer_view(row: &OfferRow, catalogue: &Catalogue, counts: OfferCounts) -> OfferView {
    let OfferCounts { cards, plays } = counts;
    OfferView {
        offer: row.offer,
        state: row.state,
        rev: row.rev,
        draft: row.draft.clone(),
        rule_sentence: sentence(row, catalogue).await,
        changed_at: row.changed_at,
        cards_today: cards,
        plays_today: plays,
    }
}

/// `GET /v1/offers`
pub async fn offers(cloud: web::Data<Cloud>, _staff: Staff) -> Answer {
    let (catalogue, counts) = (cloud.catalogue(), counts(&cloud).await?);
    let mut offers = Vec::with_capacity(catalogue.offers.len());
    for row in catalogue.offers.values().rev() {
        offers.push(offer_view(row, &catalogue, counts.get(&row.offer).copied().unwrap_or_default()).await);
    }
    Ok(HttpResponse::Ok().json(Offers { offers }))
}

async fn one(cloud: &Cloud, row: &OfferRow) -> Result<OfferView, Refusal> {
    let counts = counts(cloud).await?.get(&row.offer).copied().unwrap_or_default();
    Ok(offer_view(row, &cloud.catalogue(), counts).await)
}

/// `POST /v1/offers`
pub async fn make_offer(cloud: web::Data<Cloud>, staff: Staff, Body(draft): Body<OfferDraft>) -> Answer {
    staff.with(&[Role::Marketer])?;
    let rule = rules::compile(draft.rule.clone()).await?;
    let row = cloud.desk.ask(PutOffer { offer: None, draft, rule }).await?;
    Ok(HttpResponse::Created().json(one(&cloud, &row).await?))
}

/// `GET /v1/offers/{offer}`
pub async fn get_offer(cloud: web::Data<Cloud>, _staff: Staff, request: HttpRequest) -> Answer {
    let id: OfferId = path_part(&request, "offer")?;
    let catalogue = cloud.catalogue();
    let row = catalogue.offers.get(&id).ok_or_else(|| Refusal::not_found("offer"))?;
    Ok(HttpResponse::Ok().json(one(&cloud, row).await?))
}

/// `PUT /v1/offers/{offer}`
pub async fn change_offer(cloud: web::Data<Cloud>, staff: Staff, request: HttpRequest, Body(draft): Body<OfferDraft>) -> Answer {
    staff.with(&[Role::Marketer])?;
    let id: OfferId = path_part(&request, "offer")?;
    let rule = rules::compile(draft.rule.clone()).await?;
    let row = cloud.desk.ask(PutOffer { offer: Some(id), draft, rule }).await?;
    Ok(HttpResponse::Ok().json(one(&cloud, &row).await?))
}

/// Tells consoles of an offer that came or went.
async fn tell(cloud: &Cloud, view: &OfferView) {
    if let Err(error) = cloud.shared.publish(&Channel::Console, live("offer", None, view), cloud.now()).await {
        tracing::debug!(error = &error as &dyn std::error::Error, "a live event was not published");
    }
}

/// `POST /v1/offers/{offer}/publish`
pub async fn publish(cloud: web::Data<Cloud>, staff: Staff, request: HttpRequest) -> Answer {
    staff.with(&[Role::Marketer])?;
    let id: OfferId = path_part(&request, "offer")?;
    let (draft, changed_at) = {
        let catalogue = cloud.catalogue();
        let row = catalogue.offers.get(&id).ok_or_else(|| Refusal::not_found("offer"))?;
        (row.draft.clone(), row.changed_at)
    };
    let media = super::content::media(&cloud, as_published(&draft, cloud.now()).offer.images(), "/variants").await?;
    let rule = rules::compile(draft.rule).await?;
    let row = cloud.desk.ask(PublishOffer { offer: id, rule, media, changed_at }).await?;
    let view = one(&cloud, &row).await?;
    tell(&cloud, &view).await;
    Ok(HttpResponse::Ok().json(view))
}

/// `POST /v1/offers/{offer}/withdraw`
pub async fn withdraw(cloud: web::Data<Cloud>, staff: Staff, request: HttpRequest) -> Answer {
    staff.with(&[Role::Marketer])?;
    let id: OfferId = path_part(&request, "offer")?;
    let row = cloud.desk.ask(WithdrawOffer(id)).await?;
    let view = one(&cloud, &row).await?;
    tell(&cloud, &view).await;
    Ok(HttpResponse::Ok().json(view))
}

/// `POST /v1/offers/preview`
pub async fn preview(cloud: web::Data<Cloud>, _staff: Staff, Body(draft): Body<OfferDraft>) -> Answer {
    let now = cloud.now();
    let mut errors = Vec::new();
    let rule = match rules::compile(draft.rule.clone()).await {
        Ok(rule) => Some(rule),
        Err(refusal) if refusal.is_passing() => return Err(refusal),
        Err(refusal) => {
            errors.extend(refusal.errors().iter().cloned());
            None
        }
    };
    let content = rules::content(&draft, rule.clone().unwrap_or(AudienceRule::Everyone));
    errors.extend(
        core::lint(&content, now).iter().map(|finding| FieldError { field: finding.field().to_owned(), reason: finding.to_string() }),
    );
    if !cloud.catalogue().campaigns.contains_key(&draft.campaign) {
        errors.push(FieldError { field: "/campaign".to_owned(), reason: "there is no such campaign".to_owned() });
    }
    let document = as_published(&draft, now);
    let surfaces = SurfaceKind::ALL
        .into_iter()
        .filter_map(|surface| Some(Variant { surface, content: document.offer.content_for(surface)?.clone() }))
        .collect();
    let rule_sentence = rule.as_ref().map(AudienceRule::sentence).unwrap_or_default();
    let verdicts = match rule {
        Some(rule) => dry_run(&cloud, &document, rule, now).await?,
        None => BTreeMap::new(),
    };
    let looked_at = verdicts.values().sum();
    let mut verdicts: Vec<VerdictCount> = verdicts.into_iter().map(|(reason, customers)| VerdictCount { reason, customers }).collect();
    verdicts.sort_by(|one, other| other.customers.cmp(&one.customers).then_with(|| one.reason.cmp(&other.reason)));
    Ok(HttpResponse::Ok().json(OfferPreview { errors, rule_sentence, looked_at, verdicts, surfaces }))
}

/// The draft as it would be published.
fn as_published(draft: &OfferDraft, now: DateTime<Utc>) -> PublishedOffer {
    let OfferDraft { campaign, product, price, was, from, to, target, variants, fallback, fallback_for, rule, value_percent, push } =
        draft.clone();
    let offer = aisle_schemas::offer::Offer {
        offer: crate::fresh::id(now, OfferId::new),
        rev: 1,
        campaign,
        product,
        price,
        was,
        from,
        to,
        target,
        variants,
        fallback,
        fallback_for,
        media: Vec::new(),
    };
    PublishedOffer { offer, rule, value_percent, push }
}

/// How customers of the last 24 hours would be answered.
async fn dry_run(
    cloud: &Cloud,
    document: &PublishedOffer,
    rule: AudienceRule,
    now: DateTime<Utc>,
) -> Result<BTreeMap<String, u32>, Refusal> {
    let recent = {
        let mut connection = cloud.db.read().await.map_err(Refusal::unavailable)?;
        customer::recent(&mut connection, now - TimeDelta::hours(24), PREVIEW_CUSTOMERS).await.map_err(Refusal::unavailable)?
    };
    let live = rules::live(document, rule);
    let mut asked = stream::iter(recent)
        .map(|customer| cloud.customers.ask(customer, PreviewOffer(live.clone()), None))
        .buffer_unordered(PREVIEW_FANOUT);
    let mut verdicts = BTreeMap::new();
    while let Some(verdict) = asked.next().await {
        *verdicts.entry(verdict?).or_insert(0) += 1;
    }
    Ok(verdicts)
}

/// `GET /v1/catalogue`
pub async fn catalogue(cloud: web::Data<Cloud>, _staff: Staff) -> Answer {
    Ok(HttpResponse::Ok().json(CatalogueView { products: cloud.catalogue().products.clone() }))
}
