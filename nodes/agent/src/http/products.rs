//! A product by what was scanned, from what the store itself knows: the line to the cloud may be cut.
//!
//! Owns the route of the view. Takes a code, the reader's language and, from a phone that is checked in, its visit, which then has one more
//! signal. Emits the view. On failure: 422 for what is no code of a product, with the check digit that would be right; 404 for what is not sold here.
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use aisle_schemas::text::Language;
use serde::Deserialize;
use tracing::Instrument as _;

use super::Shared;
use super::phones::{token, trace};
use super::problem::Refusal;
use crate::actors::visit_messages::Scanned;

/// Who asks.
#[derive(Debug, Deserialize)]
pub struct Asked {
    visit: Option<String>,
    language: Option<Language>,
}

/// `GET /v1/products/by-gtin/{code}`
pub async fn by_code(shared: web::Data<Shared>, request: HttpRequest, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let span = tracing::info_span!("http.product.get");
    let asked = web::Query::<Asked>::from_query(request.query_string());
    let Asked { visit, language } =
        asked.map_err(|error| Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "malformed", error).field("query"))?.into_inner();
    let assortment = std::sync::Arc::clone(&shared.faces.assortment.borrow());
    let now = shared.clock.now();
    // A label that has not said that it draws a new price may show the old one: the lower of both is taken (A21).
    let found = shared.faces.still_shown.borrow().guard(assortment.find(&path, now)?, now);
    let view = assortment.view(&found, language.unwrap_or_default(), now).ok_or_else(|| Refusal::not_found("it has no price yet"))?;
    if let Some(visit) = visit {
        let traceparent = trace(&request, &span);
        let scanned = Scanned { token: token(&visit)?, sku: view.sku.clone(), traceparent };
        shared.faces.scanned.send(scanned).instrument(span).await??;
    }
    Ok(HttpResponse::Ok().json(view))
}
