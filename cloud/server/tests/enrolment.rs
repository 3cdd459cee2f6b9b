//! Certificates for boxes: what a claim gives, when a certificate is renewed, and what a node that was shut out can still do.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]

mod common;
#[allow(dead_code, reason = "the same owner as in the ingest's own suite")]
#[path = "ingest/world.rs"]
mod world;

use aisle_cloud::{
    CloudConfig,
    config::EnrolmentConfig,
    enrol::{
        AUTHORITY_FILE, AUTHORITY_KEY_FILE, authority,
        office::{Office, OfficeError},
    },
};
use aisle_mesh::{
    sync::{hello::Decision, log::ApplyError},
    tls::{Authority, Certificate, Identity, PrivateKey},
};
use aisle_schemas::{
    http::cloud::{Enrolled, EnrolmentRequest, RenewalRequest},
    ids::EventId,
    sync::Stream,
};
use aisle_store::{enrolment, testing::on_both};
use chrono::TimeDelta;
use common::{STORE, TestCloud};
use secrecy::ExposeSecret;
use world::{Owner, body, node as node_id, record};

/// A cloud with an authority in a folder.
async fn cloud(folder: &tempfile::TempDir) -> (TestCloud, Office) {
    let key = PrivateKey::generate().unwrap();
    std::fs::write(folder.path().join(AUTHORITY_KEY_FILE), key.to_pem().expose_secret()).unwrap();
    let made = Authority::create(&key, chrono::DateTime::UNIX_EPOCH, [1; 16]).unwrap();
    std::fs::write(folder.path().join(AUTHORITY_FILE), made).unwrap();
    let cloud = TestCloud::start_with(|config: &mut CloudConfig| {
        config.enrolment = Some(EnrolmentConfig { authority: folder.path().to_owned(), revoked: None });
    })
    .await;
    let office = Office::open(&cloud.config).await.unwrap();
    (cloud, office)
}

async fn claim(cloud: &TestCloud, office: &Office) -> String {
    let made = office.claim(&STORE.parse().unwrap(), None, None, TimeDelta::hours(1), cloud.now()).await.unwrap();
    made.claim.to_string()
}

fn request(cloud: &TestCloud, key: &PrivateKey) -> String {
    key.request(&Identity::Node(cloud.node(STORE))).unwrap()
}

fn renewal(cloud: &TestCloud, held: &Enrolled, key: &PrivateKey, next: &PrivateKey) -> RenewalRequest {
    let request = request(cloud, next);
    let signature = hex::encode(key.sign(request.as_bytes()).unwrap());
    RenewalRequest { certificate: held.certificate.clone(), request, signature }
}

#[tokio::test]
async fn as_105_a_claim_gives_one_key_its_certificate_and_a_lost_answer_costs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (cloud, office) = cloud(&folder).await;
    let (person, key) = (cloud.stranger(), PrivateKey::generate().unwrap());
    let asked = EnrolmentRequest { claim: claim(&cloud, &office).await, request: request(&cloud, &key) };
    let given: Enrolled = person.post("/v1/enrolments", &asked).await.expect_status(201).json();
    let certificate = Certificate::from_pem(&given.certificate).unwrap();
    assert_eq!(certificate.identity, Identity::Node(cloud.node(STORE)));
    assert_eq!((certificate.validity.not_after - cloud.now()).num_days(), 89, "90 days, less what the test took");
    assert_eq!(given.authority, authority(folder.path()).unwrap().certificate());
    let again: Enrolled = person.post("/v1/enrolments", &asked).await.expect_status(201).json();
    assert_eq!(again, given);
    let other = EnrolmentRequest { request: request(&cloud, &PrivateKey::generate().unwrap()), ..asked };
    assert_eq!(person.post("/v1/enrolments", &other).await.refused(410).code, "claim_used");
}

#[tokio::test]
async fn a_claim_that_ran_out_or_was_never_made_gives_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (cloud, office) = cloud(&folder).await;
    let person = cloud.stranger();
    let request = request(&cloud, &PrivateKey::generate().unwrap());
    let text = claim(&cloud, &office).await;
    let (node, rest) = text.split_once(':').unwrap();
    let of_another = format!("{}:{rest}", node.replace(STORE, common::OTHER_STORE));
    let (_, authority) = rest.split_once(':').unwrap();
    let invented = format!("{node}:{}:{authority}", "ab".repeat(16));
    for wrong in [of_another, invented] {
        let asked = EnrolmentRequest { claim: wrong, request: request.clone() };
        assert_eq!(person.post("/v1/enrolments", &asked).await.refused(403).code, "claim_unknown");
    }
    let no_request = EnrolmentRequest { claim: text.clone(), request: "no request".to_owned() };
    assert_eq!(person.post("/v1/enrolments", &no_request).await.refused(422).field.as_deref(), Some("/request"));
    cloud.clock.advance(TimeDelta::hours(2));
    let late = EnrolmentRequest { claim: text, request };
    assert_eq!(person.post("/v1/enrolments", &late).await.refused(410).code, "claim_expired");
    let life = office.claim(&STORE.parse().unwrap(), None, None, TimeDelta::days(8), cloud.now()).await;
    assert!(matches!(life, Err(OfficeError::Life)));
    let store = office.claim(&"nowhere".parse().unwrap(), None, None, TimeDelta::hours(1), cloud.now()).await;
    assert!(matches!(store, Err(OfficeError::Store(_))));
    let nobody = Some("n99".parse().unwrap());
    let replaced = office.claim(&STORE.parse().unwrap(), Some("n2".parse().unwrap()), nobody, TimeDelta::hours(1), cloud.now()).await;
    assert!(matches!(replaced, Err(OfficeError::Node(_))));
}

#[tokio::test]
async fn as_107_a_certificate_is_renewed_from_day_30_until_30_days_after_its_end_by_its_own_key() {
    let folder = tempfile::tempdir().unwrap();
    let (cloud, office) = cloud(&folder).await;
    let (person, key) = (cloud.stranger(), PrivateKey::generate().unwrap());
    let asked = EnrolmentRequest { claim: claim(&cloud, &office).await, request: request(&cloud, &key) };
    let first: Enrolled = person.post("/v1/enrolments", &asked).await.expect_status(201).json();
    let next = PrivateKey::generate().unwrap();
    let wish = renewal(&cloud, &first, &key, &next);
    let path = "/v1/enrolments/renewals";
    assert_eq!(person.post(path, &wish).await.refused(409).code, "too_early");
    cloud.clock.advance(TimeDelta::days(31));
    let forged = renewal(&cloud, &first, &next, &next);
    assert_eq!(person.post(path, &forged).await.refused(403).code, "certificate_refused", "signed by another key");
    let second: Enrolled = person.post(path, &wish).await.expect_status(201).json();
    assert_ne!(second.certificate, first.certificate);
    // The first one is good beside it, and for renewal alone once it is over.
    cloud.clock.advance(TimeDelta::days(80));
    person.post(path, &renewal(&cloud, &first, &key, &PrivateKey::generate().unwrap())).await.expect_status(201);
    cloud.clock.advance(TimeDelta::days(10));
    assert_eq!(person.post(path, &wish).await.refused(410).code, "certificate_spent");

    assert!(office.revoke(cloud.node(STORE), cloud.now()).await.unwrap() >= 2);
    let late = renewal(&cloud, &second, &next, &PrivateKey::generate().unwrap());
    assert_eq!(person.post(path, &late).await.refused(403).code, "certificate_refused");
}

#[test]
fn as_106_removing_an_enrolment_stops_the_nodes_data_at_the_next_transaction() {
    on_both(|w| async move {
        let owner = Owner::new(w.db.clone(), &["t.s1.n1", "t.s2.n1"]).await;
        let (n1, n2) = (node_id("t.s1.n1"), node_id("t.s2.n1"));
        owner.hello(&n1, 1).await;
        owner.hello(&n2, 1).await;
        let zone = |seq, node| record(seq, body::zone("pets", owner.now()), node, owner.now());
        owner.apply(&n1, Stream::Reported, 0, vec![zone(1, &n1)]).await.unwrap();
        let revoked = enrolment::revoke(&w.db, n1.clone(), owner.now(), EventId::new(1, [1; 10])).await.unwrap();
        assert_eq!(revoked, Some(0), "{}: it never had a certificate", w.kind);
        // In the very session that is open.
        let next = owner.apply(&n1, Stream::Reported, 1, vec![zone(2, &n1)]).await;
        assert!(matches!(next, Err(ApplyError::Fenced)), "{}: {next:?}", w.kind);
        assert_eq!(owner.hello(&n1, 2).await.decision, Decision::BadIdentity, "{}", w.kind);
        owner.apply(&n2, Stream::Reported, 0, vec![zone(1, &n2)]).await.unwrap();
    });
}
