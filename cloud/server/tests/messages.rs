//! What a customer is told during a visit: cards with their reasons, pushes with restraint, nothing without consent.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]

mod common;

use aisle_schemas::{
    http::cloud::{Card, DecisionView, Decisions, Feed, Home, HomeElement, OfferPreview, OfferView, PushMessage, Restraint},
    ids::{CandidateId, CustomerId},
};
use chrono::TimeDelta;
use common::{Person, STORE, TestCloud, draft, eventually, product};
use serde_json::json;

async fn decisions(staff: &Person, customer: CustomerId) -> Vec<DecisionView> {
    let all: Decisions = staff.get(&format!("/v1/decisions?customer={customer}&limit=200")).await.expect_status(200).json();
    all.decisions
}

/// Somebody who allows everything.
async fn ready(cloud: &TestCloud, email: &str) -> (Person, CustomerId) {
    let person = cloud.person(email).await;
    for purpose in ["instore_context", "marketing", "profiling"] {
        person.consent(purpose, None, true).await;
    }
    let customer = person.me().await.customer;
    (person, customer)
}

fn push(cloud: &TestCloud, email: &str, relevance: f64) -> serde_json::Value {
    let candidate = CandidateId::new(u64::try_from(cloud.now().timestamp_millis()).unwrap(), rand::random());
    json!({
        "candidate": candidate, "email": email, "kind": "marketing", "channel": "push", "offer": null, "category": null,
        "title": {"de": "t", "en": "t"}, "body": {"de": "b", "en": "b"}, "relevance": relevance, "value": 1.0,
        "valid_until": cloud.now() + TimeDelta::days(400),
    })
}

#[tokio::test]
async fn a_check_in_brings_cards_with_reasons_and_the_trace_of_the_door() {
    let cloud = TestCloud::start().await;
    let marketer = cloud.person("marketer@aisle.example").await;
    let campaign = marketer.make_campaign(cloud.now(), 0).await;
    let (cat, dog) = (product("cat-food", "pet-cat", Some("pet-species")), product("dog-food", "pet-dog", Some("pet-species")));
    for product in [&cat, &dog, &product("milk", "fresh-dairy", None)] {
        marketer.publish(&draft(campaign, product.clone(), cloud.now())).await;
    }
    let (ada, customer) = ready(&cloud, "ada@example.org").await;
    ada.bought("ada@example.org", &cat, 5, cloud.now()).await;
    let mut stream = ada.stream("/v1/me/events", None).await;
    assert_eq!(stream.next().await.kind, "home");
    let (visit, token) = cloud.open_visit(customer, STORE).await;
    assert_eq!(stream.next().await.kind, "visit");
    let first: Card = serde_json::from_value(stream.next().await.data).unwrap();
    assert_eq!((first.product.sku.as_str(), first.why[0].as_str(), first.visit), ("cat-food", "often_buys", Some(visit)));
    assert_eq!(first.traceparent.as_deref(), Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
    let home: Home = serde_json::from_value(stream.next_of("home").await.data).unwrap();
    assert_eq!(home.elements[0], HomeElement::Scanner);
    let feed: Feed = ada.get("/v1/me/feed").await.expect_status(200).json();
    let skus: Vec<&str> = feed.cards.iter().map(|card| card.product.sku.as_str()).collect();
    assert_eq!(skus, ["cat-food", "milk"]);
    let logged = decisions(&marketer, customer).await;
    assert_eq!(logged.len(), 3);
    let dog_food = logged.iter().find(|decision| !decision.sent).unwrap();
    assert_eq!((dog_food.title.en.as_str(), dog_food.reason.as_str(), dog_food.clause), ("dog-food en", "veto:irrelevant", Some(6)));

    // Dismissed cards leave at once; the visit's end takes the others along.
    ada.post(&format!("/v1/me/cards/{}/outcomes", first.card), &json!({"outcome": "dismissed"})).await.expect_status(204);
    assert_eq!(stream.next_of("card_removed").await.data["card"], json!(first.card));
    cloud.close_visit(customer, visit, token).await;
    let home: Home = serde_json::from_value(stream.next_of("home").await.data).unwrap();
    assert_ne!(home.elements[0], HomeElement::Scanner);
    let feed: Feed = ada.get("/v1/me/feed").await.expect_status(200).json();
    assert!(feed.cards.is_empty());
}

#[tokio::test]
async fn without_consent_nothing_is_said_and_taking_it_back_takes_cards_back() {
    let cloud = TestCloud::start().await;
    let marketer = cloud.person("marketer@aisle.example").await;
    let campaign = marketer.make_campaign(cloud.now(), 0).await;
    marketer.publish(&draft(campaign, product("milk", "fresh-dairy", None), cloud.now())).await;
    let ada = cloud.person("ada@example.org").await;
    let customer = ada.me().await.customer;
    let mut stream = ada.stream("/v1/me/events", None).await;
    cloud.open_visit(customer, STORE).await;
    stream.next_of("visit").await;
    let logged = decisions(&marketer, customer).await;
    assert_eq!((logged.len(), logged[0].sent, logged[0].reason.as_str(), logged[0].clause), (1, false, "no_consent", Some(2)));
    ada.consent("instore_context", None, true).await;
    let card: Card = serde_json::from_value(stream.next_of("card").await.data).unwrap();
    ada.consent("instore_context", None, false).await;
    assert_eq!(stream.next_of("card_removed").await.data["card"], json!(card.card));
    let feed: Feed = ada.get("/v1/me/feed").await.expect_status(200).json();
    assert!(feed.cards.is_empty());
}

#[tokio::test]
async fn an_offer_published_during_a_visit_arrives_and_a_withdrawn_one_leaves() {
    let cloud = TestCloud::start().await;
    let marketer = cloud.person("marketer@aisle.example").await;
    let campaign = marketer.make_campaign(cloud.now(), 0).await;
    let (ada, customer) = ready(&cloud, "ada@example.org").await;
    let mut stream = ada.stream("/v1/me/events", None).await;
    cloud.open_visit(customer, STORE).await;
    stream.next_of("visit").await;
    let view = marketer.publish(&draft(campaign, product("milk", "fresh-dairy", None), cloud.now())).await;
    let card: Card = serde_json::from_value(stream.next_of("card").await.data).unwrap();
    assert_eq!((card.offer, card.offer_rev), (view.offer, 1));
    // The next revision replaces the card.
    let dearer = aisle_schemas::content::Money { minor: 299, ..view.draft.price };
    let next = aisle_schemas::http::cloud::OfferDraft { price: dearer, ..view.draft.clone() };
    let path = format!("/v1/offers/{}", view.offer);
    let changed: OfferView = marketer.put(&path, &next).await.expect_status(200).json();
    assert_eq!(changed.rev, 1, "what is published stays until the next publication");
    marketer.post_empty(&format!("{path}/publish")).await.expect_status(200);
    assert_eq!(stream.next_of("card_removed").await.data["card"], json!(card.card));
    let card: Card = serde_json::from_value(stream.next_of("card").await.data).unwrap();
    assert_eq!((card.offer_rev, card.price.minor), (2, 299));
    marketer.post_empty(&format!("{path}/withdraw")).await.expect_status(200);
    assert_eq!(stream.next_of("card_removed").await.data["card"], json!(card.card));
    assert_eq!(marketer.post_empty(&format!("{path}/publish")).await.refused(409).code, "offer_withdrawn");
}

#[tokio::test]
async fn a12_a_push_needs_an_open_visit_and_consent() {
    let cloud = TestCloud::start().await;
    let marketer = cloud.person("marketer@aisle.example").await;
    let (ada, customer) = ready(&cloud, "ada@example.org").await;
    let reason = |wanted: usize| {
        let marketer = &marketer;
        eventually("a decision", move || async move {
            let all = decisions(marketer, customer).await;
            (all.len() == wanted).then(|| all[0].reason.clone())
        })
    };
    ada.as_till("/v1/integrations/candidates", &push(&cloud, "ada@example.org", 0.9)).await.expect_status(202);
    cloud.clock.advance(TimeDelta::seconds(3));
    assert_eq!(reason(1).await, "context_gone");
    let mut stream = ada.stream("/v1/me/events", None).await;
    cloud.open_visit(customer, STORE).await;
    stream.next_of("visit").await;
    let wanted = push(&cloud, "ada@example.org", 0.9);
    for _ in 0..2 {
        ada.as_till("/v1/integrations/candidates", &wanted).await.expect_status(202);
    }
    cloud.clock.advance(TimeDelta::seconds(3));
    let push_message: PushMessage = serde_json::from_value(stream.next_of("push").await.data).unwrap();
    assert_eq!(json!(push_message.candidate), wanted["candidate"]);
    assert_eq!(reason(2).await, "sent");
    ada.consent("marketing", Some("push"), false).await;
    cloud.clock.advance(TimeDelta::minutes(11));
    ada.as_till("/v1/integrations/candidates", &push(&cloud, "ada@example.org", 0.9)).await.expect_status(202);
    cloud.clock.advance(TimeDelta::seconds(3));
    assert!(reason(3).await.starts_with("consent_withdrawn@"));
}

#[tokio::test]
async fn a79_of_two_pushes_at_once_the_better_goes_and_the_other_names_it() {
    let cloud = TestCloud::start().await;
    let marketer = cloud.person("marketer@aisle.example").await;
    let (ada, customer) = ready(&cloud, "ada@example.org").await;
    let mut stream = ada.stream("/v1/me/events", None).await;
    cloud.open_visit(customer, STORE).await;
    stream.next_of("visit").await;
    let (worse, better) = (push(&cloud, "ada@example.org", 0.7), push(&cloud, "ada@example.org", 0.9));
    for candidate in [&worse, &better] {
        ada.as_till("/v1/integrations/candidates", candidate).await.expect_status(202);
    }
    cloud.clock.advance(TimeDelta::seconds(3));
    let sent: PushMessage = serde_json::from_value(stream.next_of("push").await.data).unwrap();
    assert_eq!(json!(sent.candidate), better["candidate"]);
    let loser =
        eventually("the loser's decision", || async { decisions(&marketer, customer).await.into_iter().find(|decision| !decision.sent) })
            .await;
    assert_eq!(loser.reason, format!("outbid_by:{}", sent.candidate));
}

#[tokio::test]
async fn a15_forty_pushes_in_an_hour_interrupt_three_times_at_most() {
    let cloud = TestCloud::start().await;
    let marketer = cloud.person("marketer@aisle.example").await;
    let (ada, customer) = ready(&cloud, "ada@example.org").await;
    let mut stream = ada.stream("/v1/me/events", None).await;
    cloud.open_visit(customer, STORE).await;
    stream.next_of("visit").await;
    for n in 0..40 {
        ada.as_till("/v1/integrations/candidates", &push(&cloud, "ada@example.org", 0.9)).await.expect_status(202);
        cloud.clock.advance(TimeDelta::seconds(87));
        eventually("a decision", || async { (decisions(&marketer, customer).await.len() == n + 1).then_some(()) }).await;
    }
    let all = decisions(&marketer, customer).await;
    let mut sent: Vec<_> = all.iter().filter(|decision| decision.sent).map(|decision| decision.at).collect();
    sent.sort();
    assert!(!sent.is_empty() && sent.len() <= 3, "{}", sent.len());
    assert!(sent.windows(2).all(|pair| pair[1] - pair[0] >= TimeDelta::minutes(10)));
    let reasons: std::collections::BTreeSet<_> = all.iter().map(|decision| decision.reason.as_str()).collect();
    assert_eq!(reasons, ["attention:empty", "attention:gap", "sent"].into());
    let left: Restraint = ada.get("/v1/me/restraint").await.expect_status(200).json();
    assert!(left.left_now < 1.0);
}

#[tokio::test]
async fn a16_a_cat_owner_in_front_of_dog_food_is_left_alone_and_a_dog_owner_is_not() {
    let cloud = TestCloud::start().await;
    let marketer = cloud.person("marketer@aisle.example").await;
    let campaign = marketer.make_campaign(cloud.now(), 0).await;
    let (cat, dog) = (product("cat-food", "pet-cat", Some("pet-species")), product("dog-food", "pet-dog", Some("pet-species")));
    let mut offer = draft(campaign, dog.clone(), cloud.now());
    offer.push = true;
    offer.target.zones = vec!["pets".parse().unwrap()];
    let offer = marketer.publish(&offer).await.offer;
    for (email, owns, expected) in [("cat@example.org", &cat, "veto:irrelevant"), ("dog@example.org", &dog, "sent")] {
        let (person, customer) = ready(&cloud, email).await;
        person.bought(email, owns, 5, cloud.now()).await;
        let mut stream = person.stream("/v1/me/events", None).await;
        let (visit, _) = cloud.open_visit(customer, STORE).await;
        stream.next_of("visit").await;
        cloud.enter_zone(customer, visit, "pets").await;
        stream.next_of("visit").await;
        cloud.clock.advance(TimeDelta::seconds(3));
        let decision = eventually("the push's decision", || async {
            decisions(&marketer, customer).await.into_iter().find(|decision| decision.channel == "push")
        })
        .await;
        assert_eq!((decision.reason.as_str(), decision.offer), (expected, Some(offer)), "{email}");
    }
}

#[tokio::test]
async fn a82_a_pause_holds_marketing_back_and_an_order_confirmation_comes_through() {
    let cloud = TestCloud::start().await;
    let marketer = cloud.person("marketer@aisle.example").await;
    let (ada, customer) = ready(&cloud, "ada@example.org").await;
    let mut stream = ada.stream("/v1/me/events", None).await;
    cloud.open_visit(customer, STORE).await;
    stream.next_of("visit").await;
    let state = |hurried: bool, complaint: bool| json!({"email": "ada@example.org", "class": null, "hurried": hurried, "open_complaint": complaint});
    let mut known = 0;
    for (pause_days, hurried, complaint, reason) in
        [(7, false, false, "paused_by_user"), (0, true, false, "dnd"), (0, false, true, "open_complaint")]
    {
        ada.put("/v1/me", &json!({"pause_days": pause_days})).await.expect_status(200);
        ada.as_till("/v1/integrations/contexts", &state(hurried, complaint)).await.expect_status(202);
        let mut order = push(&cloud, "ada@example.org", 0.0);
        order["kind"] = json!("transactional");
        for candidate in [&push(&cloud, "ada@example.org", 0.9), &order] {
            ada.as_till("/v1/integrations/candidates", candidate).await.expect_status(202);
        }
        cloud.clock.advance(TimeDelta::seconds(3));
        let sent: PushMessage = serde_json::from_value(stream.next_of("push").await.data).unwrap();
        assert_eq!(json!(sent.candidate), order["candidate"], "{reason}");
        known += 2;
        let all = eventually("both decisions", || async {
            let all = decisions(&marketer, customer).await;
            (all.len() == known).then_some(all)
        })
        .await;
        assert_eq!(all.iter().filter(|decision| decision.reason == reason).count(), 1);
        cloud.clock.advance(TimeDelta::minutes(11));
    }
}

#[tokio::test]
async fn a19_publishing_without_content_for_a_surface_names_it_and_a_preview_says_so_before() {
    let cloud = TestCloud::start().await;
    let marketer = cloud.person("marketer@aisle.example").await;
    let campaign = marketer.make_campaign(cloud.now(), 0).await;
    let (_ada, customer) = ready(&cloud, "ada@example.org").await;
    cloud.open_visit(customer, STORE).await;
    let mut offer = draft(campaign, product("milk", "fresh-dairy", None), cloud.now());
    offer.fallback_for.retain(|surface| surface.as_str() != "nfc_monitor");
    offer.rule = "profile.language == 'de'".to_owned();
    let preview: OfferPreview = marketer.post("/v1/offers/preview", &offer).await.expect_status(200).json();
    assert!(preview.errors.iter().any(|error| error.reason.contains("nfc_monitor")), "{preview:?}");
    assert!(preview.looked_at >= 1 && preview.rule_sentence.de.starts_with("Gilt, wenn"));
    assert!(preview.verdicts.iter().any(|verdict| verdict.reason == "send"), "{preview:?}");
    let made: OfferView = marketer.post("/v1/offers", &offer).await.expect_status(201).json();
    let problem = marketer.post_empty(&format!("/v1/offers/{}/publish", made.offer)).await.refused(422);
    assert!(problem.errors.iter().any(|error| error.field == "/variants" && error.reason.contains("nfc_monitor")), "{problem:?}");
}

#[tokio::test]
async fn a34_a_tap_starts_a_dialogue_once_and_keeping_it_marks_the_offer() {
    let cloud = TestCloud::start().await;
    let marketer = cloud.person("marketer@aisle.example").await;
    let campaign = marketer.make_campaign(cloud.now(), 0).await;
    let offer = marketer.publish(&draft(campaign, product("cat-food", "pet-cat", None), cloud.now())).await.offer;
    let (ada, _) = ready(&cloud, "ada@example.org").await;
    let code = cloud.tap_code(STORE, Some(offer));
    cloud.stranger().post("/v1/taps/opened", &json!({"code": code})).await.expect_status(204);
    let dialogue: serde_json::Value = ada.post("/v1/taps", &json!({"code": code})).await.expect_status(201).json();
    assert_eq!((&dialogue["offer"], dialogue["choices"].as_array().unwrap().len()), (&json!(offer), 4));
    let ben = cloud.person("ben@example.org").await;
    assert_eq!(ben.post("/v1/taps", &json!({"code": code})).await.refused(409).code, "replayed");
    assert_eq!(ben.post("/v1/taps", &json!({"code": cloud.tap_code(STORE, Some(offer))})).await.refused(403).code, "no_consent");
    let path = format!("/v1/dialogues/{}", dialogue["dialogue"].as_str().unwrap());
    assert_eq!(ben.get(&path).await.refused(404).code, "not_found", "a dialogue is its owner's");
    for _ in 0..2 {
        let after: serde_json::Value = ada.post(&format!("{path}/replies"), &json!({"choice": "keep"})).await.expect_status(200).json();
        assert_eq!((&after["bookmarked"], after["lines"].as_array().unwrap().len()), (&json!(true), 3), "keeping twice is keeping once");
    }
    let marks: serde_json::Value = ada.get("/v1/me/bookmarks").await.expect_status(200).json();
    assert_eq!(marks["bookmarks"][0]["offer"], json!(offer));
    ada.post(&format!("{path}/replies"), &json!({"choice": "not_interesting"})).await.expect_status(200);
    assert_eq!(ada.post(&format!("{path}/replies"), &json!({"choice": "where_is_it"})).await.refused(409).code, "dialogue_over");
}

#[tokio::test]
async fn a_reader_that_comes_back_misses_nothing_and_one_that_is_lost_is_told_to_fetch_anew() {
    let cloud = TestCloud::start().await;
    let (ada, customer) = ready(&cloud, "ada@example.org").await;
    let mut stream = ada.stream("/v1/me/events", None).await;
    cloud.open_visit(customer, STORE).await;
    let last = loop {
        let event = stream.next().await;
        if let (Some(id), "visit") = (event.id, event.kind.as_str()) {
            break id;
        }
    };
    drop(stream);
    ada.consent("measurement", None, true).await;
    let mut again = ada.stream("/v1/me/events", Some(&last)).await;
    assert_eq!(again.next_of("consent").await.data["consents"][0]["purpose"], json!("measurement"));
    let mut lost = ada.stream("/v1/me/events", Some("1-0")).await;
    assert_eq!(lost.next().await.kind, "resync");
}
