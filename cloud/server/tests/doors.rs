//! What keeps others out of a cloud behind TLS, guesses at a sign-in code that come all at once, how much one account or address may ask for, and what a
//! box that nobody wrote here sees of the cloud.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]

mod common;

use aisle_cloud::config::LimitsConfig;
use aisle_mesh::tck::client::{CloudAccount, NodeAccount};
use aisle_mesh::tck::{Endpoint, Identities, cloud};
use chrono::TimeDelta;
use common::{OTHER_STORE, Person, TestCloud};
use futures_util::future::join_all;
use reqwest::Method;
use secrecy::SecretString;
use serde_json::json;

const ADA: &str = "ada@example.org";

async fn asked_for_code(cloud: &TestCloud) -> (Person, String) {
    let ada = cloud.stranger();
    ada.post("/v1/sign-in", &json!({"email": ADA, "language": "en"})).await.expect_status(202);
    let code = cloud.sink.code_for(ADA).expect("a mail was sent");
    (ada, code)
}

#[tokio::test]
async fn over_tls_the_session_cookie_and_the_browser_are_bound_to_it() {
    let cloud = TestCloud::start_with(|config| "https://shop.example".clone_into(&mut config.public_url)).await;
    let (ada, code) = asked_for_code(&cloud).await;
    let response = ada.request(Method::POST, "/v1/sign-in/code").json(&json!({"email": ADA, "code": code})).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let cookie = response.headers().get("set-cookie").unwrap().to_str().unwrap();
    for attribute in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/"] {
        assert!(cookie.split("; ").any(|part| part == attribute), "{attribute}: {cookie}");
    }
    let policy = response.headers().get("strict-transport-security").unwrap().to_str().unwrap();
    assert!(policy.starts_with("max-age=31536000"), "{policy}");
}

#[tokio::test]
async fn of_many_guesses_at_once_no_more_are_looked_at_than_there_are_tries() {
    let cloud = TestCloud::start().await;
    let (_, right) = asked_for_code(&cloud).await;
    let wrong = if right == "000000" { "000001" } else { "000000" };
    let people: Vec<Person> = (0..40).map(|_| cloud.stranger()).collect();
    let guesses = people.iter().map(|person| async move {
        let answer = person.post("/v1/sign-in/code", &json!({"email": ADA, "code": wrong})).await;
        (answer.status.as_u16(), answer.json::<aisle_schemas::http::Problem>().code)
    });
    let answers = join_all(guesses).await;
    let looked_at = answers.iter().filter(|(_, code)| code == "wrong_code" || code == "too_many_tries").count();
    // Once the code is spent, an answer that there is none has the same form; so at least the right code must now be useless.
    assert!(looked_at > 0 && answers.iter().all(|(status, _)| matches!(status, 401 | 410 | 429)), "{answers:?}");
    let spent = answers.iter().filter(|(_, code)| code == "too_many_tries").count();
    let late = people[0].post("/v1/sign-in/code", &json!({"email": ADA, "code": right})).await;
    if spent > 0 {
        assert_eq!(late.refused(401).code, "wrong_code", "the right code comes too late");
    } else {
        // Guesses that met each other were turned away unread and have cost nothing.
        let turned_away = answers.iter().filter(|(status, _)| *status == 429).count();
        assert!(looked_at < 5 && turned_away >= answers.len() - 4, "{answers:?}");
        assert_eq!(late.status, 200);
    }
}

#[tokio::test]
async fn one_address_and_one_account_may_ask_for_so_much_and_no_more() {
    let limits = LimitsConfig { sign_ins_per_minute: 6, changes_per_minute: 3, ..LimitsConfig::default() };
    let cloud = TestCloud::start_with(|config| config.limits = limits).await;
    let ada = cloud.person(ADA).await;
    for _ in 0..3 {
        ada.post("/v1/passes", &json!({"count": 1})).await.expect_status(201);
    }
    let too_many = ada.post("/v1/passes", &json!({"count": 1})).await;
    assert!(too_many.retry_after.is_some());
    assert_eq!(too_many.refused(429).code, "too_many", "the account");
    ada.get("/v1/me").await.expect_status(200);
    let ben = cloud.person("ben@example.org").await;
    ben.post("/v1/passes", &json!({"count": 1})).await.expect_status(201);

    // Two people signed in with two requests each; two more requests are left to this address.
    let guess = json!({"email": "eve@example.org", "code": "123456"});
    for _ in 0..2 {
        assert_eq!(ben.post("/v1/sign-in/code", &guess).await.refused(401).code, "wrong_code");
    }
    assert_eq!(ben.post("/v1/sign-in/code", &guess).await.refused(429).code, "too_many", "the address");
    cloud.clock.advance(TimeDelta::seconds(60));
    assert_eq!(cloud.stranger().post("/v1/sign-in/code", &guess).await.refused(401).code, "wrong_code");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_018_a_cloud_keeps_every_sentence_that_a_box_can_see() {
    let world = TestCloud::start().await;
    let broker = world.app.as_ref().unwrap().broker_addr().unwrap();
    let identities = Identities {
        node: NodeAccount { name: world.node(OTHER_STORE), proof: SecretString::from("node-secret".to_owned()).into() },
        cloud: CloudAccount { instance: "c1".parse().unwrap(), proof: SecretString::from("broker-secret".to_owned()).into() },
        other_node: None,
    };
    let endpoint = Endpoint { host: broker.ip().to_string(), port: broker.port(), tls: false };
    let report = cloud::check(&endpoint, &identities, world.clock.as_ref()).await;
    assert!(report.passed, "{report}");
    for sentence in [
        "AS-017", "AS-018", "AS-020", "AS-023", "AS-026", "AS-035", "AS-036", "AS-043", "AS-051", "AS-064", "AS-066", "AS-089", "AS-103",
        "AS-106",
    ] {
        assert!(report.findings.iter().any(|finding| finding.sentence == sentence), "{sentence}: {report}");
    }
}
