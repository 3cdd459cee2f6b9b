//! Consents, their wordings, and their proof.
//!
//! Owns the routes of DOMAIN 10. A published wording is never edited: changing one is refused, and a new version is the way.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use aisle_cloud_core::consent::{Channel, Purpose};
use aisle_schemas::{
    http::cloud::{ConsentChange, LegalText, LegalTexts, Role},
    ids::{ConsentId, CustomerId},
    text::Language,
};
use chrono::{DateTime, Utc};

use super::{
    auth::{Customer, Staff},
    extract::{Body, path_part, query_part},
    handshake,
    serve::Trace,
};
use crate::{
    actors::{
        customer::commands::consent::{ChangeConsent, GetConsents, ProveConsent},
        store::PublishText,
    },
    legal,
    problem::Refusal,
    state::Cloud,
};

type Answer = Result<HttpResponse, Refusal>;

/// `GET /v1/me/consents`
pub async fn own(cloud: web::Data<Cloud>, customer: Customer) -> Answer {
    Ok(HttpResponse::Ok().json(cloud.customers.ask(customer.id(), GetConsents { as_of: None }, None).await?))
}

/// `POST /v1/consents`
pub async fn change(cloud: web::Data<Cloud>, customer: Customer, request: HttpRequest, Body(body): Body<ConsentChange>) -> Answer {
    let takes_back = !body.granted && ends_advice(&body);
    let view = cloud.customers.ask(customer.id(), ChangeConsent(body), Trace::of(&request)).await?;
    if takes_back {
        handshake::withdrawn(&cloud, customer.id()).await?;
    }
    Ok(HttpResponse::Created().json(view))
}

/// Whether a consent, once taken back, no longer carries advice at a staff tablet.
fn ends_advice(change: &ConsentChange) -> bool {
    let by_staff = change.channel.as_deref().is_none_or(|channel| channel == Channel::Staff.as_str());
    change.purpose == Purpose::InstoreContext.as_str() && by_staff
}

/// `GET /v1/customers/{customer}/consents`
pub async fn of_customer(cloud: web::Data<Cloud>, staff: Staff, request: HttpRequest) -> Answer {
    staff.with(&[Role::Agent])?;
    let customer: CustomerId = path_part(&request, "customer")?;
    let as_of: Option<DateTime<Utc>> = query_part(&request, "as_of")?;
    Ok(HttpResponse::Ok().json(cloud.customers.ask(customer, GetConsents { as_of }, None).await?))
}

/// `GET /v1/customers/{customer}/consents/{consent}/proof`
pub async fn proof(cloud: web::Data<Cloud>, staff: Staff, request: HttpRequest) -> Answer {
    staff.with(&[Role::Agent])?;
    let customer: CustomerId = path_part(&request, "customer")?;
    let consent: ConsentId = path_part(&request, "consent")?;
    let prove = ProveConsent { consent, key: cloud.keys.signing.clone() };
    Ok(HttpResponse::Ok().json(cloud.customers.ask(customer, prove, None).await?))
}

/// A language in a query.
struct Spoken(Language);

impl std::str::FromStr for Spoken {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Language::parse(text).map(Self).ok_or("must be de or en")
    }
}

/// `GET /v1/legal-texts`
pub async fn texts(cloud: web::Data<Cloud>, request: HttpRequest) -> Answer {
    let language: Option<Spoken> = query_part(&request, "language")?;
    let (catalogue, now) = (cloud.catalogue(), cloud.now());
    let current = |text: &&LegalText| {
        let of_language = language.as_ref().is_none_or(|Spoken(language)| text.language == *language);
        let newest = aisle_cloud_core::ids::LegalTextId::parse(&text.id)
            .ok()
            .and_then(|id| catalogue.texts.current(&id, text.language.as_str(), now));
        of_language && newest.is_some_and(|newest| newest.version.version == text.version)
    };
    let mut texts: Vec<LegalText> = catalogue.wordings.iter().filter(current).cloned().collect();
    texts.sort_by(|one, other| (&one.id, one.language).cmp(&(&other.id, other.language)));
    Ok(HttpResponse::Ok().json(LegalTexts { texts }))
}

/// `POST /v1/legal-texts`
pub async fn publish(cloud: web::Data<Cloud>, staff: Staff, Body(mut text): Body<LegalText>) -> Answer {
    staff.with(&[Role::Marketer, Role::Agent, Role::Operator])?;
    text.sha256 = legal::hash(&text.body);
    Ok(HttpResponse::Created().json(cloud.desk.ask(PublishText(text)).await?))
}

/// `PUT /v1/legal-texts/{id}/{version}/{language}`
pub async fn edit(cloud: web::Data<Cloud>, _staff: Staff, request: HttpRequest, Body(_text): Body<LegalText>) -> Answer {
    let id: String = path_part(&request, "id")?;
    let version: u32 = path_part(&request, "version")?;
    let Spoken(language) = path_part(&request, "language")?;
    let known = cloud.catalogue().wordings.iter().any(|text| text.id == id && text.version == version && text.language == language);
    if !known {
        return Err(Refusal::not_found("legal text"));
    }
    Err(Refusal::new(StatusCode::CONFLICT, "text_published").detail("a published text is never edited; publish a new version"))
}
