//! An instance as operators and browsers see it: pages, headers, health, and that a restart forgets nothing.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]

mod common;

use aisle_cloud::CloudApp;
use aisle_schemas::{http::cloud::Feed, ids::EventId};
use aisle_store::{DownStream, DownWrite, down};
use common::{MARKETER, STORE, TestCloud, draft, eventually, product};
use serde_json::json;

#[tokio::test]
async fn pages_come_with_strict_headers_and_are_not_sent_twice() {
    let cloud = TestCloud::start().await;
    let browser = cloud.stranger();
    for path in ["/", "/c", "/t", "/me", "/bookmarks", "/scan", "/dialogue/x", "/console", "/console/offers/1", "/_styleguide"] {
        let answer = browser.request(reqwest::Method::GET, path).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let policy = header("content-security-policy");
        for rule in [
            "default-src 'self'",
            "script-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "connect-src 'self' http://127.0.0.1:9",
        ] {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert_eq!((header("x-content-type-options").as_str(), header("x-frame-options").as_str()), ("nosniff", "DENY"));
        let again = browser.request(reqwest::Method::GET, path).header("if-none-match", header("etag")).send().await.unwrap();
        assert_eq!(again.status(), 304, "{path}");
    }
    assert_eq!(browser.get("/assets/../cloud.key").await.refused(404).code, "not_found");
}

#[tokio::test]
async fn the_session_cookie_is_out_of_reach_of_scripts_and_other_sites() {
    let cloud = TestCloud::start_with(|config| config.public_url = "https://shop.example".to_owned()).await;
    let ada = cloud.stranger();
    ada.post("/v1/sign-in", &json!({"email": "ada@example.org", "language": "de"})).await.expect_status(202);
    let code = cloud.sink.code_for("ada@example.org").unwrap();
    let answer = ada
        .request(reqwest::Method::POST, "/v1/sign-in/code")
        .json(&json!({"email": "ada@example.org", "code": code}))
        .send()
        .await
        .unwrap();
    let cookie = answer.headers().get("set-cookie").unwrap().to_str().unwrap().to_owned();
    for part in ["aisle_session=", "HttpOnly", "SameSite=Lax", "Secure", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let token = cookie.split(['=', ';']).nth(1).unwrap();
    assert_eq!(token.len(), 32, "128 bit");
    let database = std::fs::read(cloud.database_url.strip_prefix("sqlite:").unwrap()).unwrap();
    for planted in [token.as_bytes(), b"ada@example.org", code.as_bytes()] {
        assert!(
            !database.windows(planted.len()).any(|bytes| bytes == planted),
            "the database keeps neither token, address nor code in the clear"
        );
    }
}

#[tokio::test]
async fn signing_out_ends_the_session_everywhere() {
    let cloud = TestCloud::start().await;
    let ada = cloud.person("ada@example.org").await;
    ada.post_empty("/v1/sign-out").await.expect_status(204);
    assert_eq!(ada.get("/v1/me").await.refused(401).code, "sign_in_needed");
}

#[tokio::test]
async fn an_instance_says_that_it_lives_serves_and_what_it_has_counted() {
    let cloud = TestCloud::start().await;
    let anyone = cloud.stranger();
    anyone.get("/healthz").await.expect_status(200);
    eventually("readiness", || async { (anyone.get("/readyz").await.status == 200).then_some(()) }).await;
    let metrics = anyone.get("/metrics").await.expect_status(200).text;
    assert!(metrics.contains(r#"aisle_http_requests_total{role="cloud",route="/healthz",status="200"}"#), "{metrics}");
}

#[tokio::test]
async fn a_demo_shows_its_mails() {
    let cloud = TestCloud::start_with(|config| config.demo = true).await;
    cloud.person("ada@example.org").await;
    let code = cloud.sink.code_for("ada@example.org").unwrap();
    let page = cloud.stranger().get("/demo/mail").await.expect_status(200).text;
    assert!(page.contains("ada@example.org") && page.contains(&code));
    let mails: serde_json::Value = cloud.stranger().get("/demo/mail.json").await.expect_status(200).json();
    assert_eq!(mails[0]["code"], json!(code));
}

#[tokio::test]
async fn a_restart_forgets_neither_session_feed_nor_offers_and_renews_the_store_s_context() {
    let mut cloud = TestCloud::start().await;
    let marketer = cloud.person(MARKETER).await;
    let campaign = marketer.make_campaign(cloud.now(), 0).await;
    marketer.publish(&draft(campaign, product("milk", "fresh-dairy", None), cloud.now())).await;
    let ada = cloud.person("ada@example.org").await;
    ada.consent("instore_context", None, true).await;
    let customer = ada.me().await.customer;
    let (_, token) = cloud.open_visit(customer, STORE).await;
    let feed = |person: &common::Person| {
        let path = person.request(reqwest::Method::GET, "/v1/me/feed");
        async move { common::Answer::read("feed".to_owned(), path.send().await.unwrap()).await.json::<Feed>().cards }
    };
    let before = eventually("a card", || async {
        let cards = feed(&ada).await;
        (!cards.is_empty()).then_some(cards)
    })
    .await;

    let (key, db, node) = (format!("context/{token}"), cloud.db().await, cloud.node(STORE));
    let context = || async { down::document(&mut db.read().await.unwrap(), &node, &key).await.unwrap() };
    let sent = context().await.expect("the store has a context");
    assert!(String::from_utf8_lossy(&sent).contains("instore_context"));
    assert!(!String::from_utf8_lossy(&sent).contains(&customer.to_string()), "a store never learns who it is");
    // Whoever reads the log next sees that a restart sent a fresh one.
    let gone = DownWrite {
        node: node.clone(),
        stream: DownStream::Desired,
        id: EventId::new(1, [1; 10]),
        type_name: aisle_schemas::record::DESIRED_SET.to_owned(),
        subject: key.clone(),
        data: None,
        at: cloud.now(),
        traceparent: None,
    };

    let (config, clock) = (cloud.config.clone(), cloud.clock.clone());
    cloud.app.take().unwrap().run(std::future::ready(())).await.unwrap();
    down::put(&db, vec![gone]).await.unwrap();
    let app = CloudApp::build(config, clock).await.unwrap();
    let again = common::Person { base: format!("http://{}", app.http_addr()), http: ada.http.clone(), email: ada.email.clone() };
    assert_eq!(feed(&again).await, before);
    eventually("a fresh context", || async {
        context().await.filter(|document| String::from_utf8_lossy(document).contains("instore_context"))
    })
    .await;
    app.run(std::future::ready(())).await.unwrap();
}
