//! Pages and assets of the store's own surfaces.
//!
//! Owns their delivery: encoding and caching; `headers` adds what keeps other sites out. Takes a path. Emits embedded bytes. On failure: 404 as problem details.
use actix_web::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, ETAG, HeaderName, IF_NONE_MATCH, VARY};
use actix_web::{HttpRequest, HttpResponse, web};
use aisle_web::{Asset, Encoding, Page};

use super::problem::Refusal;

fn header<'a>(request: &'a HttpRequest, name: &HeaderName) -> &'a str {
    request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn deliver(request: &HttpRequest, asset: Asset) -> HttpResponse {
    let asset = asset.packed_for(header(request, &ACCEPT_ENCODING));
    let mut response = if asset.matches(header(request, &IF_NONE_MATCH)) { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((CACHE_CONTROL, asset.cache_control()))
        .insert_header((ETAG, asset.etag.as_str()))
        .insert_header((VARY, "Accept-Encoding"))
        .content_type(asset.mime);
    if let Some(encoding) = content_encoding(asset.encoding) {
        response.insert_header((CONTENT_ENCODING, encoding));
    }
    response.body(asset.bytes.into_owned())
}

fn content_encoding(encoding: Encoding) -> Option<&'static str> {
    match encoding {
        Encoding::Identity => None,
        Encoding::Gzip => Some("gzip"),
        Encoding::Brotli => Some("br"),
    }
}

fn page(request: &HttpRequest, page: Page) -> HttpResponse {
    deliver(request, aisle_web::page(page))
}

/// `GET /player/{screen}`
pub async fn player(request: HttpRequest) -> HttpResponse {
    page(&request, Page::Player)
}

/// `GET /nfc/{display}`
pub async fn nfc(request: HttpRequest) -> HttpResponse {
    page(&request, Page::Nfc)
}

/// `GET /door/{touchpoint}`
pub async fn door(request: HttpRequest) -> HttpResponse {
    page(&request, Page::Door)
}

/// `GET /tablet/{tablet}`
pub async fn tablet(request: HttpRequest) -> HttpResponse {
    page(&request, Page::Tablet)
}

/// `GET /player/sw.js`
pub async fn worker(request: HttpRequest) -> Result<HttpResponse, Refusal> {
    let asset = aisle_web::asset("player/sw.js").ok_or_else(|| Refusal::not_found("this build holds no pages"))?;
    Ok(deliver(&request, asset))
}

/// `GET /assets/{path}`
pub async fn asset(request: HttpRequest, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let asset = aisle_web::asset(&format!("assets/{path}")).ok_or_else(|| Refusal::not_found("no such asset"))?;
    Ok(deliver(&request, asset))
}
