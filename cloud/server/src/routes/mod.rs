//! The HTTP face of the cloud: one file per noun, one table of handlers.
//!
//! Owns which handler answers which declared route. `mount` covers exactly what `schemas::http::cloud::ROUTES` lists, which a test compares;
//! pages come beside it. Everything passes [`serve::serve`]. On failure: problem details.

pub mod auth;
pub mod check;
pub mod consent;
pub mod content;
pub mod decision;
pub mod emergency;
pub mod enrol;
pub mod extract;
pub mod fleet;
pub mod handshake;
pub mod handshake_relay;
pub mod headers;
pub mod health;
pub mod idempotency;
pub mod integration;
pub mod live;
pub mod me;
pub mod offer;
pub mod origin;
pub mod pages;
pub mod product;
pub mod quarantine;
pub mod rollout;
pub mod serve;
pub mod sign_in;
pub mod store;
pub mod tap;
pub mod visit;

use std::collections::BTreeMap;

use actix_web::{HttpRequest, Route, http::StatusCode, web};
use aisle_schemas::http::Method;

use crate::problem::Refusal;

/// All handlers with method and path.
fn table() -> Vec<(Method, &'static str, Route)> {
    use Method::{Delete, Get, Post, Put};

    let (get, post, put, delete) = (web::get, web::post, web::put, web::delete);
    vec![
        (Post, "/v1/sign-in", post().to(sign_in::start)),
        (Post, "/v1/sign-in/code", post().to(sign_in::finish)),
        (Post, "/v1/sign-out", post().to(sign_in::end)),
        (Get, "/v1/me", get().to(me::get)),
        (Put, "/v1/me", put().to(me::change)),
        (Get, "/v1/me/home", get().to(me::home)),
        (Get, "/v1/me/feed", get().to(me::feed)),
        (Get, "/v1/me/events", get().to(me::events)),
        (Post, "/v1/me/cards/{card}/outcomes", post().to(me::card_outcome)),
        (Post, "/v1/me/pushes/{candidate}/outcomes", post().to(me::push_outcome)),
        (Get, "/v1/me/bookmarks", get().to(me::bookmarks)),
        (Post, "/v1/me/bookmarks", post().to(me::mark)),
        (Delete, "/v1/me/bookmarks/{offer}", delete().to(me::unmark)),
        (Get, "/v1/me/restraint", get().to(me::restraint)),
        (Get, "/v1/me/visits", get().to(me::visits)),
        (Get, "/v1/me/consents", get().to(consent::own)),
        (Get, "/v1/legal-texts", get().to(consent::texts)),
        (Post, "/v1/legal-texts", post().to(consent::publish)),
        (Put, "/v1/legal-texts/{id}/{version}/{language}", put().to(consent::edit)),
        (Post, "/v1/consents", post().to(consent::change)),
        (Post, "/v1/passes", post().to(visit::passes)),
        (Post, "/v1/checkins", post().to(visit::check_in)),
        (Post, "/v1/visits/{visit}/checkout", post().to(visit::check_out)),
        (Post, "/v1/taps", post().to(tap::claim)),
        (Post, "/v1/taps/opened", post().to(tap::opened)),
        (Get, "/v1/dialogues/{dialogue}", get().to(tap::dialogue)),
        (Post, "/v1/dialogues/{dialogue}/replies", post().to(tap::reply)),
        (Get, "/v1/me/about", get().to(handshake::get_about)),
        (Put, "/v1/me/about", put().to(handshake::put_about)),
        (Get, "/v1/handshakes/{handshake}", get().to(handshake::facts)),
        (Post, "/v1/handshakes/{handshake}/claim", post().to(handshake::claim)),
        (Post, "/v1/handshakes/{handshake}/attend", post().to(handshake::attend)),
        (Post, "/v1/handshakes/{handshake}/deny", post().to(handshake::deny)),
        (Post, "/v1/handshakes/{handshake}/grant", post().to(handshake::grant)),
        (Post, "/v1/handshakes/{handshake}/revoke", post().to(handshake::revoke)),
        (Get, "/v1/handshakes/{handshake}/receipt", get().to(handshake::receipt)),
        (Post, "/v1/relay/handshakes/{handshake}", post().to(handshake_relay::call)),
        (Get, "/v1/customers/{customer}/consents", get().to(consent::of_customer)),
        (Get, "/v1/customers/{customer}/consents/{consent}/proof", get().to(consent::proof)),
        (Get, "/v1/campaigns", get().to(offer::campaigns)),
        (Post, "/v1/campaigns", post().to(offer::make_campaign)),
        (Put, "/v1/campaigns/{campaign}", put().to(offer::change_campaign)),
        (Get, "/v1/offers", get().to(offer::offers)),
        (Post, "/v1/offers", post().to(offer::make_offer)),
        (Post, "/v1/offers/preview", post().to(offer::preview)),
        (Get, "/v1/offers/{offer}", get().to(offer::get_offer)),
        (Put, "/v1/offers/{offer}", put().to(offer::change_offer)),
        (Post, "/v1/offers/{offer}/publish", post().to(offer::publish)),
        (Post, "/v1/offers/{offer}/withdraw", post().to(offer::withdraw)),
        (Post, "/v1/content", post().to(content::upload)),
        (Get, "/v1/content/{sha256}", get().to(content::fetch)),
        (Get, "/v1/catalogue", get().to(offer::catalogue)),
        (Get, "/v1/products", get().to(product::list)),
        (Put, "/v1/products", put().to(product::put)),
        (Put, "/v1/stock", put().to(product::stock)),
        (Get, "/v1/decisions", get().to(decision::list)),
        (Get, "/v1/rollouts", get().to(rollout::list)),
        (Post, "/v1/rollouts", post().to(rollout::begin)),
        (Get, "/v1/rollouts/{rollout}", get().to(rollout::get)),
        (Post, "/v1/rollouts/{rollout}/pause", post().to(rollout::pause)),
        (Post, "/v1/rollouts/{rollout}/resume", post().to(rollout::resume)),
        (Post, "/v1/rollouts/{rollout}/roll-back", post().to(rollout::roll_back)),
        (Get, "/v1/stores", get().to(store::stores)),
        (Get, "/v1/stores/{store}/live", get().to(store::live)),
        (Post, "/v1/stores/{store}/screens/{screen}/commands", post().to(store::command_screen)),
        (Put, "/v1/stores/{store}/emergency", put().to(emergency::begin)),
        (Delete, "/v1/stores/{store}/emergency", delete().to(emergency::end)),
        (Get, "/v1/fleet", get().to(fleet::fleet)),
        (Post, "/v1/fleet/{node}/reclaim", post().to(fleet::reclaim)),
        (Post, "/v1/fleet/{node}/overrides/{noun}/{name}/clear", post().to(fleet::clear_override)),
        (Post, "/v1/fleet/{node}/streams/{stream}/unhold", post().to(fleet::unhold)),
        (Get, "/v1/quarantine/{node}/{stream}/{epoch}/{seq}", get().to(quarantine::get)),
        (Post, "/v1/quarantine/{node}/{stream}/{epoch}/{seq}/redrive", post().to(quarantine::redrive)),
        (Post, "/v1/quarantine/{node}/{stream}/{epoch}/{seq}/discard", post().to(quarantine::discard)),
        (Get, "/v1/console/events", get().to(store::events)),
        (Post, "/v1/integrations/sales", post().to(integration::sales)),
        (Post, "/v1/integrations/candidates", post().to(integration::candidates)),
        (Post, "/v1/integrations/contexts", post().to(integration::contexts)),
        (Post, "/v1/enrolments", post().to(enrol::claim)),
        (Post, "/v1/enrolments/renewals", post().to(enrol::renew)),
        (Get, "/healthz", get().to(health::alive)),
        (Get, "/readyz", get().to(health::ready)),
        (Get, "/metrics", get().to(health::metrics)),
    ]
}

async fn wrong_method() -> Result<&'static str, Refusal> {
    Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"))
}

async fn unknown(request: HttpRequest) -> Result<&'static str, Refusal> {
    Err(Refusal::not_found(if request.path().starts_with("/v1/") { "route" } else { "page" }))
}

/// Adds all routes and pages.
pub fn mount(config: &mut web::ServiceConfig) {
    let mut by_path: BTreeMap<&'static str, Vec<Route>> = BTreeMap::new();
    // Paths keep their order in the table, because a literal must be looked at before a parameter.
    let mut paths = Vec::new();
    for (_, path, route) in table() {
        let routes = by_path.entry(path).or_default();
        if routes.is_empty() {
            paths.push(path);
        }
        routes.push(route);
    }
    for path in paths {
        let mut resource = web::resource(path).default_service(web::to(wrong_method));
        for route in by_path.remove(path).unwrap_or_default() {
            resource = resource.route(route);
        }
        config.service(resource);
    }
    pages::mount(config);
    config.default_service(web::to(unknown));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use aisle_schemas::http::cloud::ROUTES;

    use super::*;

    #[test]
    fn exactly_the_declared_routes_are_mounted() {
        let name = |method: Method, path: &str| format!("{method:?} {path}");
        let declared: BTreeSet<String> = ROUTES.iter().map(|route| name(route.method, route.path)).collect();
        let mounted: BTreeSet<String> = table().iter().map(|(method, path, _)| name(*method, path)).collect();
        assert_eq!(declared, mounted);
        assert_eq!(declared.len(), ROUTES.len(), "no route is declared twice");
    }
}
