//! Pages and assets: the shop, the console, the style guide, and the mails of a demo.
//!
//! Owns which address shows which page. Takes requests; emits embedded files with entity tags, packed as the browser likes. Unknown addresses
//! are 404 problems. What a page shows, it asks the API.

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use aisle_web::{Asset, Page, asset, page};

use crate::{problem::Refusal, state::Cloud};

/// Addresses of the shop's single page.
pub const SHOP: [&str; 8] = ["/", "/c", "/t", "/me", "/bookmarks", "/scan", "/dialogue/{dialogue}", "/h/{handshake}"];
/// Addresses of the console.
pub const CONSOLE: [&str; 2] = ["/console", "/console/{rest:.*}"];
/// Files that must be served from the root: a service worker's scope is its folder.
pub const ROOT_FILES: [(&str, &str); 4] = [
    ("/sw.js", "sw-shop.js"),
    ("/manifest.webmanifest", "manifest.webmanifest"),
    ("/robots.txt", "robots.txt"),
    ("/favicon.svg", "favicon.svg"),
];

fn send(request: &HttpRequest, asset: Asset) -> HttpResponse {
    let accept = request.headers().get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let asset = asset.packed_for(accept);
    let known = request.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let mut response = if known.is_some_and(|known| asset.matches(known)) { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((header::ETAG, asset.etag.clone()))
        .insert_header((header::CACHE_CONTROL, asset.cache_control()))
        .insert_header((header::VARY, "accept-encoding"));
    if known.is_some_and(|known| asset.matches(known)) {
        return response.finish();
    }
    if let Some(encoding) = asset.encoding.header() {
        response.insert_header((header::CONTENT_ENCODING, encoding));
    }
    response.content_type(asset.mime).body(asset.bytes.into_owned())
}

async fn shop(request: HttpRequest) -> HttpResponse {
    send(&request, page(Page::Shop))
}

async fn console(request: HttpRequest) -> HttpResponse {
    send(&request, page(Page::Console))
}

async fn styleguide(request: HttpRequest) -> HttpResponse {
    send(&request, page(Page::Styleguide))
}

async fn file(request: HttpRequest) -> Result<HttpResponse, Refusal> {
    let path = format!("assets/{}", request.match_info().query("path"));
    asset(&path).map(|found| send(&request, found)).ok_or_else(|| Refusal::not_found("file"))
}

/// Mails of the demo, newest first, so that anybody who tries it can sign in.
async fn mails(cloud: web::Data<Cloud>) -> Result<HttpResponse, Refusal> {
    use askama::Template;

    if !cloud.settings.demo {
        return Err(Refusal::not_found("page"));
    }
    let mails = cloud.sink.mails();
    let html = MailsPage { mails: &mails }.render().map_err(Refusal::unavailable)?;
    Ok(HttpResponse::Ok().content_type("text/html; charset=utf-8").body(html))
}

/// The same for programs.
async fn mails_json(cloud: web::Data<Cloud>) -> Result<HttpResponse, Refusal> {
    if !cloud.settings.demo {
        return Err(Refusal::not_found("page"));
    }
    Ok(HttpResponse::Ok().json(cloud.sink.mails()))
}

#[derive(askama::Template)]
#[template(path = "mails.html")]
struct MailsPage<'a> {
    mails: &'a [crate::mail::SunkMail],
}

/// Adds all pages.
pub fn mount(config: &mut web::ServiceConfig) {
    for path in SHOP {
        config.route(path, web::get().to(shop));
    }
    for path in CONSOLE {
        config.route(path, web::get().to(console));
    }
    for (path, name) in ROOT_FILES {
        config.route(
            path,
            web::get().to(move |request: HttpRequest| async move {
                asset(name).map(|found| send(&request, found)).ok_or_else(|| Refusal::not_found("file"))
            }),
        );
    }
    config
        .route("/_styleguide", web::get().to(styleguide))
        // Pages name content as they do at a node.
        .route("/content/{sha256}", web::get().to(super::content::fetch))
        .route("/assets/{path:.*}", web::get().to(file))
        .route("/demo/mail", web::get().to(mails))
        .route("/demo/mail.json", web::get().to(mails_json));
}
