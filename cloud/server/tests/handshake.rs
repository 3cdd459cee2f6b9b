//! Digital handshakes in the cloud: what a customer stops, takes back or leaves to time ends once, with its record.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]

mod common;

use aisle_schemas::{
    handshake::{HandshakeId, Scope},
    http::cloud::{HandshakeReceipt, HandshakeState, LegalText, LegalTexts, StaffCard},
    ids::{CustomerId, DeviceId, EventId, VisitId},
};
use aisle_store::consultation::{self, Announced};
use chrono::TimeDelta;
use common::{Person, STORE, TestCloud, eventually};
use serde_json::{Value, json};

struct Sharer {
    person: Person,
    customer: CustomerId,
    visit: VisitId,
    text: LegalText,
}

impl Sharer {
    async fn new(cloud: &TestCloud) -> Self {
        let person = cloud.person("ada@example.org").await;
        person.consent("instore_context", None, true).await;
        let customer = person.me().await.customer;
        let (visit, _) = cloud.open_visit(customer, STORE).await;
        eventually("the visit is known", async || person.me().await.visit).await;
        let texts: LegalTexts = person.get("/v1/legal-texts?language=de").await.expect_status(200).json();
        let text = texts.texts.into_iter().find(|text| text.purpose == "instore_context").unwrap();
        Self { person, customer, visit, text }
    }

    /// A handshake that this customer claimed, as the store's answer leaves it.
    async fn claimed(&self, cloud: &TestCloud, n: u8) -> HandshakeId {
        let (db, id, now) = (cloud.db().await, HandshakeId::from_random([n; 16]), cloud.now());
        let offer = Announced {
            commit: "3".repeat(64),
            staff: StaffCard { staff: "1042".to_owned(), first_name: "Mia".to_owned(), photo: None, role: "Beratung".to_owned() },
            device: DeviceId::parse("tablet-1").unwrap(),
            device_sha256: "5".repeat(64),
            wanted: vec![Scope::Wishlist],
            reason: String::new(),
        };
        let named = (id, cloud.node(STORE), EventId::new(1, [n; 10]));
        consultation::announce(&db, named, offer, (now, now + TimeDelta::minutes(5))).await.unwrap();
        consultation::claim(&db, id, self.customer, self.visit).await.unwrap();
        id
    }

    async fn granted(&self, cloud: &TestCloud, n: u8) -> HandshakeId {
        let id = self.claimed(cloud, n).await;
        let grant = json!({
            "jti": EventId::new(2, [n; 10]), "scopes": ["wishlist"], "minutes": 10, "legal_text": self.text.id,
            "version": self.text.version, "language": "de", "shown_sha256": "7".repeat(64),
        });
        self.person.post(&format!("/v1/handshakes/{id}/grant"), &grant).await.expect_status(201);
        id
    }

    async fn receipt(&self, id: HandshakeId) -> HandshakeReceipt {
        self.person.get(&format!("/v1/handshakes/{id}/receipt")).await.expect_status(200).json()
    }

    async fn ended(&self, id: HandshakeId) -> HandshakeReceipt {
        eventually("it is ended", async || Some(self.receipt(id).await).filter(|receipt| receipt.ended_at.is_some())).await
    }

    /// What was recorded, oldest first.
    async fn events(&self, cloud: &TestCloud) -> Vec<String> {
        let db = cloud.db().await;
        let records = consultation::records(&mut db.read().await.unwrap(), self.customer, 100).await.unwrap();
        let event = |record: &str| serde_json::from_str::<Value>(record).unwrap()["event"].as_str().unwrap().to_owned();
        records.iter().map(|(record, _, _)| event(record)).collect()
    }
}

#[tokio::test]
async fn who_stops_everything_at_once_stops_everything() {
    let cloud = TestCloud::start().await;
    let ada = Sharer::new(&cloud).await;
    let mut ids = Vec::new();
    for n in 1..=6 {
        ids.push(ada.granted(&cloud, n).await);
    }
    let paths: Vec<String> = ids.iter().map(|id| format!("/v1/handshakes/{id}/revoke")).collect();
    let answers = futures_util::future::join_all(paths.iter().map(|path| ada.person.post_empty(path))).await;
    for answer in answers {
        let receipt: HandshakeReceipt = answer.expect_status(200).json();
        assert_eq!(receipt.state, HandshakeState::Over);
    }
    let events = ada.events(&cloud).await;
    assert_eq!((events.len(), events.iter().filter(|event| *event == "withdrawn").count()), (12, 6), "{events:?}");
}

#[tokio::test]
async fn what_is_shared_shows_on_a_page_that_has_just_come_and_ends_with_the_consent_to_advice() {
    let cloud = TestCloud::start().await;
    let ada = Sharer::new(&cloud).await;
    let (open, undecided) = (ada.granted(&cloud, 1).await, ada.claimed(&cloud, 2).await);
    let shown: HandshakeReceipt =
        serde_json::from_value(ada.person.stream("/v1/me/events", None).await.next_of("handshake").await.data).unwrap();
    assert_eq!((shown.handshake, shown.state), (open, HandshakeState::Active));
    ada.person.consent("marketing", Some("push"), false).await;
    assert_eq!(ada.receipt(open).await.state, HandshakeState::Active, "another purpose");
    ada.person.consent("instore_context", None, false).await;
    for id in [open, undecided] {
        assert_eq!(ada.receipt(id).await.state, HandshakeState::Over);
    }
    let mut events = ada.events(&cloud).await;
    events.sort();
    assert_eq!(events, ["given", "refused", "withdrawn"]);
}

#[tokio::test]
async fn time_ends_a_handshake_whose_store_says_nothing() {
    let cloud = TestCloud::start().await;
    let ada = Sharer::new(&cloud).await;
    let granted = ada.granted(&cloud, 1).await;
    cloud.clock.advance(TimeDelta::minutes(10));
    assert!(ada.ended(granted).await.until.is_some());
    assert_eq!(ada.events(&cloud).await, ["given", "expired"]);
    let claimed = ada.claimed(&cloud, 2).await;
    cloud.clock.advance(TimeDelta::minutes(11));
    ada.ended(claimed).await;
    assert_eq!(ada.events(&cloud).await, ["given", "expired", "refused"]);
}
