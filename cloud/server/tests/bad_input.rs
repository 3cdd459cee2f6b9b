//! What bad input gets: for each route a typed refusal that names the fault, is counted, and changes nothing.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]

mod common;

use aisle_schemas::{
    event::Event,
    http::{Auth, cloud::ROUTES},
    screen::ScreenCommand,
    sync::Seq,
};
use aisle_store::{DownStream, down_log};
use chrono::TimeDelta;
use common::{AGENT, OTHER_STORE, Person, STORE, TestCloud, content, draft, product};
use reqwest::Method;
use serde_json::json;

fn method(method: aisle_schemas::http::Method) -> Method {
    match method {
        aisle_schemas::http::Method::Get => Method::GET,
        aisle_schemas::http::Method::Post => Method::POST,
        aisle_schemas::http::Method::Put => Method::PUT,
        aisle_schemas::http::Method::Delete => Method::DELETE,
    }
}

/// The path with parameters that parse and name nothing.
fn filled(path: &str) -> String {
    let uuid = "01a20cc5-15e0-7d3c-9e2f-4b5a6c7d8e9f";
    path.split('/')
        .map(|part| match part {
            "{store}" => STORE,
            "{id}" => "marketing",
            "{version}" => "1",
            "{language}" => "de",
            part if part.starts_with('{') => uuid,
            part => part,
        })
        .collect::<Vec<_>>()
        .join("/")
}

#[tokio::test]
async fn who_may_not_call_a_route_is_refused_whatever_the_body() {
    let cloud = TestCloud::start().await;
    let (nobody, customer) = (cloud.stranger(), cloud.person("ada@example.org").await);
    for route in ROUTES {
        let path = filled(route.path);
        let ask = |who: &Person| who.request(method(route.method), &path).json(&json!({}));
        let what = format!("{:?} {path}", route.method);
        let key = |who: &Person| ask(who).bearer_auth("wrong");
        match route.auth {
            Auth::Customer => {
                assert_eq!(nobody.send(&what, ask(&nobody)).await.refused(401).code, "sign_in_needed");
            }
            Auth::Staff => {
                assert_eq!(nobody.send(&what, ask(&nobody)).await.refused(401).code, "sign_in_needed");
                assert_eq!(customer.send(&what, ask(&customer)).await.refused(403).code, "not_allowed");
            }
            Auth::Integration => {
                assert_eq!(nobody.send(&what, key(&nobody)).await.refused(401).code, "sign_in_needed");
                assert_eq!(customer.send(&what, ask(&customer)).await.refused(403).code, "not_allowed");
            }
            Auth::Public => {}
            Auth::Node => {
                assert_eq!(nobody.send(&what, ask(&nobody)).await.refused(401).code, "sign_in_needed");
            }
            Auth::Device | Auth::Visit | Auth::Operator => panic!("{what} belongs to nodes"),
        }
    }
    let metrics = nobody.get("/metrics").await.expect_status(200).text;
    assert!(metrics.contains(r#"aisle_refusals_total{role="cloud",route="/v1/passes",code="sign_in_needed"}"#), "{metrics}");
}

#[tokio::test]
async fn a_body_that_is_no_json_too_large_or_of_another_shape_is_refused() {
    let cloud = TestCloud::start().await;
    let staff = cloud.person("marketer@aisle.example").await;
    for route in ROUTES.iter().filter(|route| route.request.is_some()) {
        let path = filled(route.path);
        let what = format!("{:?} {path}", route.method);
        let ask = |body: String| {
            let request = staff.request(method(route.method), &path).header("content-type", "application/json").body(body);
            if route.auth == Auth::Integration { request.bearer_auth(common::INTEGRATION_KEY) } else { request }
        };
        if route.auth == Auth::Node {
            // The proof is over the body, so nobody looks into one that is not proven.
            assert_eq!(staff.send(&what, ask("{".to_owned())).await.refused(401).code, "sign_in_needed");
            continue;
        }
        assert_eq!(staff.send(&what, ask("{".to_owned())).await.refused(400).code, "malformed");
        assert_eq!(staff.send(&what, ask("[]".to_owned())).await.refused(422).code, "invalid");
        let large = format!("{{\"x\":\"{}\"}}", "y".repeat(65 * 1024));
        assert_eq!(staff.send(&what, ask(large)).await.refused(413).code, "too_large");
        let plain = staff.request(method(route.method), &path).header("content-type", "text/plain").body("{}");
        let plain = if route.auth == Auth::Integration { plain.bearer_auth(common::INTEGRATION_KEY) } else { plain };
        assert_eq!(staff.send(&what, plain).await.refused(415).code, "not_json");
    }
}

#[tokio::test]
async fn an_unknown_route_method_or_name_is_refused_as_such() {
    let cloud = TestCloud::start().await;
    let ada = cloud.person("ada@example.org").await;
    assert_eq!(ada.get("/v1/nothing").await.refused(404).code, "not_found");
    assert_eq!(ada.post_empty("/v1/me/home").await.refused(405).code, "method_not_allowed");
    assert_eq!(ada.get("/v1/dialogues/nope").await.refused(422).field.as_deref(), Some("dialogue"));
    assert_eq!(ada.get("/v1/dialogues/01a20cc5-15e0-7d3c-9e2f-4b5a6c7d8e9f").await.refused(404).code, "not_found");
    assert_eq!(ada.get("/demo/mail").await.refused(404).code, "not_found", "mails are shown in a demo only");
}

#[tokio::test]
async fn values_out_of_range_are_named_by_their_place_all_at_once() {
    let cloud = TestCloud::start().await;
    let marketer = cloud.person("marketer@aisle.example").await;
    let campaign = marketer.make_campaign(cloud.now(), 0).await;
    let mut wrong = draft(campaign, product("milk", "fresh-dairy", None), cloud.now());
    wrong.price.minor = -1;
    wrong.value_percent = 101;
    wrong.fallback = Some(content("two\nlines"));
    let problem = marketer.post("/v1/offers", &wrong).await.refused(422);
    let fields: Vec<&str> = problem.errors.iter().map(|error| error.field.as_str()).collect();
    assert_eq!(fields, ["/price/minor", "/fallback/headline/de", "/fallback/headline/en", "/value_percent"]);
    wrong = draft(campaign, product("milk", "fresh-dairy", None), cloud.now());
    wrong.rule = "profile.religion == 'x'".to_owned();
    assert_eq!(marketer.post("/v1/offers", &wrong).await.refused(422).field.as_deref(), Some("/rule"));
    let offers: serde_json::Value = marketer.get("/v1/offers").await.expect_status(200).json();
    assert_eq!(offers["offers"], json!([]), "nothing was half applied");
}

#[tokio::test]
async fn a_door_code_is_good_once_for_sixty_seconds_in_its_store_only() {
    let cloud = TestCloud::start().await;
    let ada = cloud.person("ada@example.org").await;
    let check_in = |code: String| {
        let ada = &ada;
        async move { ada.post("/v1/checkins", &json!({"code": code, "method": "app_qr"})).await }
    };
    assert_eq!(check_in("nonsense".to_owned()).await.refused(422).code, "malformed");
    let good = cloud.door_code(STORE);
    let forged = format!("{}{}", &good[..good.len() - 1], if good.ends_with('0') { '1' } else { '0' });
    assert_eq!(check_in(forged).await.refused(403).code, "forged");
    assert_eq!(check_in(cloud.door_code_at(STORE, cloud.now() - TimeDelta::seconds(62))).await.refused(410).code, "expired");
    let foreign = good.replace(STORE, "muenchen-ost");
    assert_eq!(check_in(foreign).await.refused(403).code, "wrong_store");
    let swapped = good.replace(STORE, OTHER_STORE);
    assert_eq!(check_in(swapped).await.refused(403).code, "forged", "another store's key does not fit");
    assert_eq!(check_in(cloud.tap_code(STORE, None)).await.refused(422).code, "malformed");
    check_in(good.clone()).await.expect_status(202);
    let problem = check_in(good.clone()).await.refused(409);
    assert_eq!((problem.code.as_str(), problem.field.as_deref()), ("replayed", Some("/code")));
    let ben = cloud.person("ben@example.org").await;
    assert_eq!(ben.post("/v1/checkins", &json!({"code": good, "method": "nfc"})).await.refused(409).code, "replayed");
}

#[tokio::test]
async fn guessing_a_sign_in_code_ends_after_five_tries_and_codes_expire() {
    let cloud = TestCloud::start().await;
    let ada = cloud.stranger();
    let finish = |code: String| {
        let ada = &ada;
        async move { ada.post("/v1/sign-in/code", &json!({"email": "ada@example.org", "code": code})).await }
    };
    assert_eq!(finish("123456".to_owned()).await.refused(401).code, "wrong_code", "no code was asked for");
    ada.post("/v1/sign-in", &json!({"email": "ada@example.org", "language": "en"})).await.expect_status(202);
    let right = cloud.sink.code_for("ada@example.org").unwrap();
    let wrong = if right == "000000" { "000001" } else { "000000" };
    assert_eq!(finish("12".to_owned()).await.refused(422).field.as_deref(), Some("/code"));
    for _ in 0..4 {
        assert_eq!(finish(wrong.to_owned()).await.refused(401).code, "wrong_code");
    }
    assert_eq!(finish(wrong.to_owned()).await.refused(410).code, "too_many_tries");
    assert_eq!(finish(right).await.refused(401).code, "wrong_code", "the right code comes too late");
    let again = ada.post("/v1/sign-in", &json!({"email": "ada@example.org", "language": "en"})).await;
    assert_eq!(again.refused(429).code, "too_many");
    assert!(again.retry_after.is_some());
    cloud.clock.advance(TimeDelta::seconds(21));
    ada.post("/v1/sign-in", &json!({"email": "ada@example.org", "language": "en"})).await.expect_status(202);
    let late = cloud.sink.code_for("ada@example.org").unwrap();
    cloud.clock.advance(TimeDelta::minutes(10));
    assert_eq!(finish(late).await.refused(410).code, "expired");
}

#[tokio::test]
async fn a_role_does_only_what_is_its_own() {
    let cloud = TestCloud::start().await;
    let agent = cloud.person(AGENT).await;
    let campaign = json!({"name": "x", "from": "2026-01-01T00:00:00Z", "to": "2099-01-01T00:00:00Z", "cap_per_day": 0});
    assert_eq!(agent.post("/v1/campaigns", &campaign).await.refused(403).code, "not_allowed");
    let marketer = cloud.person("marketer@aisle.example").await;
    let consents = "/v1/customers/01a20cc5-15e0-7d3c-9e2f-4b5a6c7d8e9f/consents";
    assert_eq!(marketer.get(consents).await.refused(403).code, "not_allowed");
    assert_eq!(agent.get(consents).await.refused(404).code, "not_found");
}

#[tokio::test]
async fn an_idempotency_key_answers_a_repeat_and_refuses_another_body() {
    let cloud = TestCloud::start().await;
    let ada = cloud.person("ada@example.org").await;
    let ask = |count: u8| ada.request(Method::POST, "/v1/passes").header("idempotency-key", "k1").json(&json!({"count": count}));
    let first = ada.send("passes", ask(1)).await.expect_status(201);
    let again = ada.send("passes", ask(1)).await.expect_status(201);
    assert_eq!(first.text, again.text);
    assert_eq!(ada.send("passes", ask(2)).await.refused(409).code, "idempotency_conflict");
    let long = ada.request(Method::POST, "/v1/passes").header("idempotency-key", "k".repeat(129)).json(&json!({"count": 1}));
    assert_eq!(ada.send("passes", long).await.refused(422).field.as_deref(), Some("idempotency-key"));
    let ben = cloud.person("ben@example.org").await;
    let of_ben = ben.request(Method::POST, "/v1/passes").header("idempotency-key", "k1").json(&json!({"count": 1}));
    assert_ne!(ben.send("passes", of_ben).await.expect_status(201).text, first.text, "keys are kept apart by caller");
}

#[tokio::test]
async fn a_command_is_ordered_for_a_screen_that_there_is_and_for_a_time_that_may_be() {
    let cloud = TestCloud::start_with(|config| {
        let golden = include_str!("../../../schemas/golden/ScreenProgramme.json");
        config.stores[0].screens.push(serde_json::from_str(golden).unwrap());
    })
    .await;
    let (marketer, agent) = (cloud.person("marketer@aisle.example").await, cloud.person(AGENT).await);
    let path = |store: &str, screen: &str| format!("/v1/stores/{store}/screens/{screen}/commands");
    let (here, revert) = (path(STORE, "window-1"), json!({"ttl_s": 120, "command": {"kind": "revert"}}));
    assert_eq!(agent.post(&here, &revert).await.refused(403).code, "not_allowed");
    for nowhere in [path("muenchen-ost", "window-1"), path(OTHER_STORE, "window-1"), path(STORE, "window-2")] {
        assert_eq!(marketer.post(&nowhere, &revert).await.refused(404).code, "not_found");
    }
    for ttl_s in [0, 3_601] {
        let problem = marketer.post(&here, &json!({"ttl_s": ttl_s, "command": {"kind": "revert"}})).await.refused(422);
        assert_eq!(problem.field.as_deref(), Some("/ttl_s"));
    }
    let mut personal = content("for you");
    personal.class = aisle_schemas::content::ContentClass::P3;
    let show = json!({"ttl_s": 120, "command": {"kind": "show", "content": personal, "for_s": 0}});
    let problem = marketer.post(&here, &show).await.refused(422);
    let fields: Vec<&str> = problem.errors.iter().map(|error| error.field.as_str()).collect();
    assert_eq!(fields, ["/command/content/class", "/command/for_s"]);

    let sent: ScreenCommand = marketer.post(&here, &revert).await.expect_status(202).json();
    let db = cloud.db().await;
    let mut connection = db.read().await.unwrap();
    let orders = down_log::read(&mut connection, &cloud.node(STORE), DownStream::Order, Seq::ZERO, 10).await.unwrap().rows;
    let orders: Vec<Event> = orders.iter().map(|row| Event::parse(&row.event).unwrap()).collect();
    assert_eq!(orders.len(), 1, "what was refused orders nothing");
    assert_eq!((orders[0].id, orders[0].subject.as_deref()), (sent.id, Some("screen/window-1")));
    assert_eq!(orders[0].data::<ScreenCommand>().unwrap(), sent);
}
