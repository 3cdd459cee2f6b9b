//! Bad input: a typed refusal, counted, and nothing changed.
use aisle_mesh::clock::Clock;
use aisle_schemas::http::{Auth, Method, Problem, node::ROUTES};
use aisle_schemas::ids::DisplayId;
use aisle_schemas::topic::{DeviceKind, Topic};
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::world::{World, secret, store};

fn filled(path: &str) -> String {
    path.replace("{screen}", "window-1")
        .replace("{display}", "shelf")
        .replace("{touchpoint}", if path.contains("sensors") { "sensor-1" } else { "door-1" })
        .replace("{token}", &"0".repeat(32))
        .replace("{handshake}", &"0".repeat(32))
        .replace("{tablet}", "tablet-1")
}

fn request(world: &World, method: Method, path: &str) -> reqwest::RequestBuilder {
    let method = match method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Delete => reqwest::Method::DELETE,
    };
    world.http.request(method, world.url(&filled(path)))
}

async fn problem(response: reqwest::Response) -> Problem {
    assert_eq!(response.headers()["content-type"], "application/problem+json", "{}", response.status());
    response.json().await.unwrap()
}

#[tokio::test]
async fn every_declared_route_is_mounted_and_every_other_is_a_problem() {
    let world = World::start().await;
    for route in ROUTES {
        let response = request(&world, route.method, route.path).send().await.unwrap();
        if response.status().is_client_error() {
            let problem = problem(response).await;
            assert_ne!(problem.code, "unknown_route", "{}", route.path);
        }
    }
    let unknown = problem(world.http.get(world.url("/v1/nothing")).send().await.unwrap()).await;
    assert_eq!((unknown.status, unknown.code.as_str()), (404, "unknown_route"));
}

#[tokio::test]
async fn a_device_without_its_session_or_with_anothers_is_refused() {
    let world = World::start().await;
    let other = world.cookie(DeviceKind::Screen, "window-2").await;
    for route in ROUTES.iter().filter(|route| route.auth == Auth::Device) {
        let bare = || request(&world, route.method, route.path).json(&valid(route.request));
        assert_eq!(problem(bare().send().await.unwrap()).await.status, 401, "{}", route.path);
        assert_eq!(problem(bare().header("cookie", &other).send().await.unwrap()).await.status, 403, "{}", route.path);
        let forged = bare().header("cookie", format!("aisle_device={}", "0".repeat(32)));
        assert_eq!(problem(forged.send().await.unwrap()).await.status, 401, "{}", route.path);
    }
    let wrong = json!({ "kind": "screen", "device": "window-1", "secret": secret(DeviceKind::Screen, "window-2") });
    let refused = problem(world.http.post(world.url("/v1/device-sessions")).json(&wrong).send().await.unwrap()).await;
    assert_eq!((refused.status, refused.code.as_str()), (401, "unauthorised"));
}

/// A body that parses, so that only the session decides.
fn valid(body: Option<&str>) -> Value {
    match body {
        Some("PlayReport") => json!({ "plays": [] }),
        Some("ScreenState") => json!({ "online": true, "plan_rev": null, "software": "x" }),
        Some("ScreenInteraction") => json!({ "kind": "touch", "zone": null }),
        Some("NfcTap") => json!({ "tap": "00000000-0001-7101-8101-010101010101", "traceparent": null }),
        Some("OverrideRequest") => {
            let text = json!({ "de": "x", "en": "x" });
            let content =
                json!({ "class": "P0", "headline": text, "line": text, "image": null, "price": null, "was": null, "segment": null });
            json!({ "content": content, "reason": "x", "ttl_s": 60 })
        }
        Some("StaffSignIn") => json!({ "badge": "x", "pin": "1234" }),
        Some("TabletSign") => json!({ "touched": true }),
        Some("OfferAdvice") => json!({ "wanted": [], "reason": "" }),
        Some("ReadShared") => json!({ "scope": "sizes", "key": "x" }),
        Some("CheckResult") => json!({ "kind": "min_age", "passed": true }),
        Some("TillPayment") => json!({ "cart_sha256": "0".repeat(64), "total_minor": 1, "slip": "x" }),
        Some("ExitRequest") => json!({ "token": "x" }),
        Some("ZoneCount") => json!({ "zone": "pets", "people": 1 }),
        Some("FactReports") => json!({ "facts": [] }),
        Some("EmergencyRequest") => json!({ "set": "fire", "mode": { "mode": "replace" }, "lasts_s": 60 }),
        _ => Value::Null,
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_of_another_shape_or_too_large_is_told_apart() {
    let world = World::start().await;
    let cookies = [
        ("screens", world.cookie(DeviceKind::Screen, "window-1").await),
        ("nfc", world.cookie(DeviceKind::Nfc, "shelf").await),
        ("sensors", world.cookie(DeviceKind::Sensor, "sensor-1").await),
    ];
    for route in ROUTES.iter().filter(|route| route.request.is_some()) {
        let cookie = cookies.iter().find(|(noun, _)| route.path.contains(noun)).map_or("", |(_, cookie)| cookie);
        for (body, status, code) in [
            ("{".to_owned(), 400, "malformed"),
            (r#"{"surprise":1}"#.to_owned(), 422, "malformed"),
            (format!(r#"{{"x":"{}"}}"#, "x".repeat(70_000)), 413, "too_large"),
        ] {
            let sent = request(&world, route.method, route.path).header("cookie", cookie).body(body).send().await.unwrap();
            let problem = problem(sent).await;
            assert_eq!((problem.status, problem.code.as_str()), (status, code), "{} {problem:?}", route.path);
        }
    }
    let zone = world.http.post(world.url(&filled("/v1/visits/{token}/zones"))).json(&json!({ "zone": "Not a slug" }));
    assert_eq!(problem(zone.send().await.unwrap()).await.field.as_deref(), Some("/zone"), "the field at fault is named");
}

#[tokio::test]
async fn a_person_in_an_interaction_is_refused() {
    let world = World::start().await;
    let cookie = world.cookie(DeviceKind::Screen, "window-1").await;
    let send = |body: Value| world.http.post(world.url("/v1/screens/window-1/interactions")).header("cookie", &cookie).json(&body).send();
    assert_eq!(send(json!({ "kind": "approach", "zone": "main" })).await.unwrap().status(), 204);
    for name in ["person", "visit", "device"] {
        assert_eq!(send(json!({ "kind": "approach", "zone": "main", name: "x" })).await.unwrap().status(), 422, "{name}");
    }
}

#[tokio::test]
async fn a_devices_bad_message_is_answered_on_its_error_topic_and_the_next_one_works() {
    let world = World::start().await;
    let mut display = world.device(DeviceKind::Nfc, "shelf").await;
    let topic = Topic::NfcTapped { store: store(), display: DisplayId::parse("shelf").unwrap() };
    for (body, field) in [("{", ""), (r#"{"tap":7}"#, "/tap"), (r#"{"tap":"00000000-0001-7101-8101-010101010101","visit":"x"}"#, "/visit")]
    {
        display.publish(&topic, body).await;
        let problem: Problem = display.receive("NfcRefused").await;
        assert_eq!((problem.code.as_str(), problem.field.as_deref()), ("malformed", Some(field)), "{problem:?}");
    }
    display.publish(&topic, json!({ "tap": "00000000-0001-7101-8101-010101010101", "traceparent": null }).to_string()).await;
    while !matches!(display.receive("NfcShown").await, aisle_schemas::nfc::NfcShow::Answering { .. }) {}
}

#[tokio::test]
async fn refusals_are_counted_by_route_and_code_and_metrics_name_nobody() {
    let world = World::start().await;
    let expired = world.code_at("s042", world.clock.now() - TimeDelta::seconds(90), 1);
    let pass = world.pass(1);
    assert_eq!(world.check_in(&expired, &pass).await.status(), 410);
    let token = world.checked_in(2).await;
    let metrics = world.http.get(world.url("/metrics")).send().await.unwrap().text().await.unwrap();
    let counted = metrics.lines().find(|line| line.starts_with("aisle_refusals_total") && line.contains("expired")).unwrap();
    assert!(counted.contains(r#"role="node""#) && counted.contains(r#"route="/v1/checkins""#), "{counted}");
    for secret in [token.to_string(), pass, expired] {
        assert!(!metrics.contains(&secret));
    }
}

#[tokio::test]
async fn a_node_that_never_heard_of_its_cloud_still_serves() {
    let mut world = World::bare();
    world.run().await;
    assert_eq!(world.http.get(world.url("/readyz")).send().await.unwrap().status(), 200);
    let token = world.checked_in(1).await;
    let zone = world.http.post(world.url(&format!("/v1/visits/{token}/zones"))).json(&json!({ "zone": "pets" }));
    assert_eq!(zone.send().await.unwrap().status(), 204);
    let page = world.http.get(world.url("/player/window-1")).send().await.unwrap();
    assert!(page.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'self'"));
}
