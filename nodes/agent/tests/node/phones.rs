//! Phones on the store's network: check in, move, check out, with no cloud at all.
use aisle_schemas::http::node::{CloudLink, NodeCheckedIn};
use aisle_schemas::ids::{PassId, VisitToken};
use aisle_schemas::record::Body;
use aisle_schemas::sync::Stream;
use aisle_schemas::visit::{CloseReason, VisitSignal};
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::world::{SHOP, World};

#[tokio::test]
async fn a_phone_checks_in_with_the_code_that_the_door_shows() {
    let world = World::start().await;
    let shown = world.door_code().await;
    assert_eq!(shown.url, format!("{SHOP}/c?c={}", shown.code));
    let response = world.check_in(&shown.code, &world.pass(1)).await;
    assert_eq!(response.status(), 201);
    let body: NodeCheckedIn = response.json().await.unwrap();
    assert!(!body.joined);
    let next = world.door_code().await;
    assert_ne!(next.code, shown.code, "a used code is replaced at once");
    let overview = world.overview().await;
    assert_eq!((overview.visits_open, overview.cloud), (1, CloudLink::Cut));
    assert!(overview.pending >= 1);
}

#[tokio::test]
async fn the_door_shows_another_code_after_twenty_seconds() {
    let world = World::start().await;
    let cookie = world.cookie(aisle_schemas::topic::DeviceKind::Door, "door-1").await;
    let mut door = world.stream("/v1/doors/door-1/events", &cookie).await;
    let (_, first): (_, aisle_schemas::store::DoorCode) = door.next().await;
    world.clock.advance(TimeDelta::seconds(20));
    door.until(|code: &aisle_schemas::store::DoorCode| code.code != first.code).await;
}

#[tokio::test]
async fn a_visit_is_logged_from_door_to_check_out_in_order_and_with_its_trace() {
    let mut world = World::start().await;
    let code = world.code_at("s042", world_now(&world), 1);
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let body = json!({ "code": code, "pass": world.pass(1), "method": "nfc" });
    let request = world.http.post(world.url("/v1/checkins")).header("traceparent", trace).json(&body);
    let checked_in: NodeCheckedIn = request.send().await.unwrap().json().await.unwrap();
    let token = checked_in.token;
    let zone = world.http.post(world.url(&format!("/v1/visits/{token}/zones"))).json(&json!({ "zone": "pets" }));
    assert_eq!(zone.send().await.unwrap().status(), 204);
    for _ in 0..2 {
        let out = world.http.post(world.url(&format!("/v1/visits/{token}/checkout"))).send().await.unwrap();
        assert_eq!(out.status(), 204, "a second check-out changes nothing");
    }
    world.stop().await;
    let events = world.logged(Stream::Sess).await;
    let bodies: Vec<Body> = events
        .iter()
        .map(|event| Body::parse(event.ty.as_str(), event.subject.as_deref().unwrap(), event.data.as_ref().unwrap()).unwrap())
        .collect();
    let [Body::VisitOpened(opened), Body::VisitSeen(seen), Body::VisitClosed(closed)] = bodies.as_slice() else { panic!("{bodies:?}") };
    assert_eq!((opened.token, opened.pass, opened.visit), (token, PassId::new(1, [1; 10]), checked_in.visit));
    assert_eq!(seen.signal, VisitSignal::ZoneEntered { zone: "pets".parse().unwrap() });
    assert_eq!(closed.reason, CloseReason::CheckedOut);
    assert!(opened.hlc < seen.hlc && seen.hlc < closed.hlc);
    assert_eq!(events[0].traceparent.as_deref(), Some(trace));
}

fn world_now(world: &World) -> chrono::DateTime<chrono::Utc> {
    use aisle_mesh::clock::Clock;
    world.clock.now()
}

#[tokio::test]
async fn each_refused_check_in_has_its_status_and_reason_and_opens_no_visit() {
    let world = World::start().await;
    let now = world_now(&world);
    world.checked_in(1).await;
    let used = world.code_at("s042", now, 9);
    assert_eq!(world.check_in(&used, &world.pass(2)).await.status(), 201);
    let fresh = |n| world.code_at("s042", now, n);
    let mut forged = fresh(100);
    forged.replace_range(forged.len() - 4.., "0000");
    for (code, pass, status, reason) in [
        ("nonsense".to_owned(), world.pass(3), 422, "malformed"),
        (forged, world.pass(3), 403, "forged"),
        (world.code_at("s042", now - TimeDelta::seconds(62), 101), world.pass(3), 410, "expired"),
        (world.code_at("s043", now, 102), world.pass(3), 403, "wrong_store"),
        (used, world.pass(3), 409, "replayed"),
        (fresh(103), "p1.nonsense".to_owned(), 401, "pass_invalid"),
    ] {
        let response = world.check_in(&code, &pass).await;
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let problem: Value = response.json().await.unwrap();
        assert_eq!((problem["status"].as_u64(), problem["code"].as_str()), (Some(status), Some(reason)), "{problem}");
    }
    assert_eq!(world.overview().await.visits_open, 2);
}

#[tokio::test]
async fn the_same_idempotency_key_gets_the_stored_answer_also_after_a_restart() {
    let mut world = World::start().await;
    let body = json!({ "code": world.code_at("s042", world_now(&world), 1), "pass": world.pass(1), "method": "app_qr" });
    let send = |world: &World, body: &Value| world.http.post(world.url("/v1/checkins")).header("idempotency-key", "k1").json(body).send();
    let first = send(&world, &body).await.unwrap().text().await.unwrap();
    assert_eq!(send(&world, &body).await.unwrap().text().await.unwrap(), first);
    world.kill().await;
    world.run().await;
    assert_eq!(send(&world, &body).await.unwrap().text().await.unwrap(), first);
    let other = json!({ "code": "x", "pass": "y", "method": "app_qr" });
    let reused = send(&world, &other).await.unwrap();
    assert_eq!(reused.status(), 409);
    assert_eq!(reused.json::<Value>().await.unwrap()["code"], "idempotency_key_reused");
}

#[tokio::test]
async fn every_accepted_check_in_survives_a_kill_in_the_middle_of_a_burst() {
    let mut world = World::start().await;
    let now = world_now(&world);
    let attempts: Vec<_> = (0..60_u8)
        .map(|n| (world.code_at("s042", now, u64::from(n) + 500), world.pass(n)))
        .map(|(code, pass)| {
            let (http, url) = (world.http.clone(), world.url("/v1/checkins"));
            let body = json!({ "code": code, "pass": pass, "method": "app_qr" });
            tokio::spawn(async move {
                let response = http.post(url).json(&body).send().await.ok()?;
                (response.status() == 201).then_some(response.json::<NodeCheckedIn>().await.ok()?.token)
            })
        })
        .collect();
    while world.overview().await.visits_open < 10 {
        tokio::task::yield_now().await;
    }
    world.kill().await;
    let mut accepted: Vec<VisitToken> = Vec::new();
    for attempt in attempts {
        accepted.extend(attempt.await.unwrap());
    }
    assert!(accepted.len() >= 10);
    let logged: Vec<VisitToken> =
        world.logged(Stream::Sess).await.iter().map(|event| event.data::<aisle_schemas::visit::VisitOpened>().unwrap().token).collect();
    assert!(accepted.iter().all(|token| logged.contains(token)), "each accepted visit is in the log");
    world.run().await;
    assert_eq!(usize::try_from(world.overview().await.visits_open).unwrap(), logged.len(), "each logged visit is open, no more");
    for token in accepted {
        let out = world.http.post(world.url(&format!("/v1/visits/{token}/checkout"))).send().await.unwrap();
        assert_eq!(out.status(), 204);
    }
}

#[tokio::test]
async fn used_codes_and_passes_stay_used_after_a_kill() {
    let mut world = World::start().await;
    let code = world.code_at("s042", world_now(&world), 1);
    let checked_in: NodeCheckedIn = world.check_in(&code, &world.pass(1)).await.json().await.unwrap();
    let out = world.http.post(world.url(&format!("/v1/visits/{}/checkout", checked_in.token))).send().await.unwrap();
    assert_eq!(out.status(), 204);
    world.kill().await;
    world.run().await;
    assert_eq!(world.check_in(&code, &world.pass(2)).await.status(), 409);
    let fresh = world.code_at("s042", world_now(&world), 2);
    assert_eq!(world.check_in(&fresh, &world.pass(1)).await.status(), 401, "one pass opens one visit");
    let out = world.http.post(world.url(&format!("/v1/visits/{}/checkout", checked_in.token))).send().await.unwrap();
    assert_eq!(out.status(), 204, "a closed visit is still named");
}

#[tokio::test]
async fn the_pass_of_an_open_visit_joins_it() {
    let world = World::start().await;
    let token = world.checked_in(1).await;
    let again = world.check_in(&world.code_at("s042", world_now(&world), 77), &world.pass(1)).await;
    let joined: NodeCheckedIn = again.json().await.unwrap();
    assert_eq!((joined.token, joined.joined), (token, true));
    assert_eq!(world.overview().await.visits_open, 1);
}

#[tokio::test]
async fn a_visit_without_a_signal_times_out_and_its_token_is_forgotten() {
    let mut world = World::start().await;
    let token = world.checked_in(1).await;
    world.clock.advance(TimeDelta::minutes(21));
    world.clock.advance(TimeDelta::hours(6));
    while world.overview().await.visits_open > 0 {
        tokio::task::yield_now().await;
    }
    let zone = || world.http.post(world.url(&format!("/v1/visits/{token}/zones"))).json(&json!({ "zone": "pets" })).send();
    assert_eq!(zone().await.unwrap().status(), 410);
    world.clock.advance(TimeDelta::minutes(16));
    while zone().await.unwrap().status() != 404 {
        tokio::task::yield_now().await;
    }
    world.stop().await;
    let closed = world.logged(Stream::Sess).await.pop().unwrap();
    assert_eq!(closed.data::<aisle_schemas::visit::VisitClosed>().unwrap().reason, CloseReason::Timeout);
}

#[tokio::test]
async fn only_the_shops_origin_may_call_from_a_browser() {
    let world = World::start().await;
    let ask = |origin: &'static str, path: &str| world.http.get(world.url(path)).header("origin", origin).send();
    let allowed = |response: reqwest::Response| response.headers().get("access-control-allow-origin").cloned();
    assert_eq!(allowed(ask(SHOP, "/v1/status").await.unwrap()).unwrap(), SHOP);
    assert_eq!(allowed(ask("https://evil.example", "/v1/status").await.unwrap()), None);
    assert_eq!(allowed(ask(SHOP, "/metrics").await.unwrap()), None);
    let preflight = world.http.request(reqwest::Method::OPTIONS, world.url("/v1/checkins")).header("origin", SHOP);
    let preflight = preflight.send().await.unwrap();
    assert_eq!((preflight.status().as_u16(), allowed(preflight).unwrap().to_str().unwrap()), (204, SHOP));
}
