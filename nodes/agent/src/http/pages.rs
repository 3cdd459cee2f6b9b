//! Pages and assets of the store's own surfaces.
//!
//! Owns their delivery: encoding, caching, security headers. Takes a path. Emits embedded bytes. On failure: 404 as problem details.
use actix_web::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, HeaderName, IF_NONE_MATCH, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse, web};
use aisle_web::{Asset, Encoding, Page};

use super::problem::Refusal;

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
/// Addresses in fragments and paths of surfaces are nobody else's business.
const REFERRER_POLICY: HeaderName = HeaderName::from_static("referrer-policy");

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
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
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
    let policy = aisle_web::content_security_policy::<&str>(&[]);
    let mut response = deliver(request, aisle_web::page(page));
    let headers = response.headers_mut();
    match policy.parse() {
        Ok(policy) => {
            headers.insert(CONTENT_SECURITY_POLICY, policy);
        }
        Err(_) => tracing::error!("the content security policy is no header value"),
    }
    headers.insert(PERMISSIONS_POLICY, actix_web::http::header::HeaderValue::from_static(aisle_web::PERMISSIONS_POLICY));
    response
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
