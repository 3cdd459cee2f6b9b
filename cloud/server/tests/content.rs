//! Content by hash over HTTP: who may bring it, who may fetch it, whole and in ranges, and how an offer comes to name it.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]

mod common;

use aisle_mesh::tls::{Authority, Certificate, Identity, PrivateKey, SigningRequest};
use aisle_schemas::{
    blob::{BLOB_BYTES_MAX, Blob, ContentHash, MediaType, Proof, authorization, claim, header},
    event::Event,
    http::cloud::OfferView,
    ids::{EventId, NodeId},
    offer::Offer,
};
use aisle_store::{
    Db, down,
    enrolment::{self, Giving, NewCertificate, NewClaim},
};
use chrono::TimeDelta;
use common::{AGENT, MARKETER, OTHER_STORE, Person, STORE, TestCloud, draft, product, store_key};
use reqwest::{Method, Response};
use secrecy::ExposeSecret;

fn picture(bytes: usize) -> Vec<u8> {
    let mut picture = b"\x89PNG\r\n\x1a\n".to_vec();
    picture.extend((0..bytes).map(|n| u8::try_from(n % 251).unwrap()));
    picture
}

async fn upload(person: &Person, bytes: Vec<u8>) -> common::Answer {
    person.send("upload", person.request(Method::POST, "/v1/content").header("content-type", "image/png").body(bytes)).await
}

async fn kept(marketer: &Person, bytes: &[u8]) -> Blob {
    upload(marketer, bytes.to_vec()).await.expect_status(201).json()
}

/// What a node asks with; `store` may be one whose key it does not have.
async fn fetch(cloud: &TestCloud, node: &NodeId, key_of: &str, hash: ContentHash, range: Option<&str>) -> Response {
    let stranger = cloud.stranger();
    let request = stranger
        .request(Method::GET, &format!("/v1/content/{hash}"))
        .header("authorization", authorization(node, &store_key(key_of), &hash, cloud.now()));
    let request = if let Some(range) = range { request.header("range", range) } else { request };
    request.send().await.unwrap()
}

#[tokio::test]
async fn content_is_named_by_the_hash_that_the_cloud_computes_and_is_what_its_bytes_say() {
    let cloud = TestCloud::start().await;
    let bytes = picture(300_000);
    let marketer = cloud.person(MARKETER).await;
    let blob: Blob = upload(&marketer, bytes.clone()).await.expect_status(201).json();
    assert_eq!(blob, Blob { sha256: ContentHash::of(&bytes), size: u32::try_from(bytes.len()).unwrap(), mime: MediaType::Png });
    let again: Blob = upload(&marketer, bytes).await.expect_status(201).json();
    assert_eq!(again, blob, "once more is the same");
    assert_eq!(upload(&marketer, b"<svg onload='x'/>".to_vec()).await.refused(415).code, "not_media");
    assert_eq!(upload(&marketer, vec![]).await.refused(415).code, "not_media");
    let most = usize::try_from(BLOB_BYTES_MAX).unwrap();
    assert_eq!(upload(&marketer, picture(most)).await.refused(413).code, "too_large");
    assert_eq!(upload(&cloud.person(AGENT).await, picture(10)).await.refused(403).code, "not_allowed");
}

#[tokio::test]
async fn as_079_a_node_fetches_with_ranges_by_its_own_proof_and_nobody_by_another() {
    let cloud = TestCloud::start().await;
    let bytes = picture(600_000);
    let blob = kept(&cloud.person(MARKETER).await, &bytes).await;
    let node = cloud.node(STORE);

    let whole = fetch(&cloud, &node, STORE, blob.sha256, None).await;
    assert_eq!(whole.status(), 200);
    let header = |response: &Response, name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header(&whole, "content-type"), "image/png");
    assert_eq!(header(&whole, "etag"), format!("\"{}\"", blob.sha256));
    assert!(header(&whole, "cache-control").contains("immutable"));
    assert_eq!(header(&whole, "content-security-policy"), "default-src 'none'; sandbox");
    assert_eq!(whole.bytes().await.unwrap(), bytes);

    // Across the border of two parts, to the end, and its last bytes.
    for (range, first, last) in
        [("bytes=262100-262200", 262_100, 262_200), ("bytes=599000-", 599_000, 600_007), ("bytes=-8", 600_000, 600_007)]
    {
        let part = fetch(&cloud, &node, STORE, blob.sha256, Some(range)).await;
        assert_eq!(part.status(), 206, "{range}");
        assert_eq!(header(&part, "content-range"), format!("bytes {first}-{last}/600008"));
        assert_eq!(part.bytes().await.unwrap(), bytes[first..=last], "{range}");
    }
    let outside = fetch(&cloud, &node, STORE, blob.sha256, Some("bytes=600008-")).await;
    assert_eq!((outside.status().as_u16(), header(&outside, "content-range").as_str()), (416, "bytes */600008"));

    assert_eq!(fetch(&cloud, &node, OTHER_STORE, blob.sha256, None).await.status(), 403, "another store's key");
    let old = cloud.stranger().request(Method::GET, &format!("/v1/content/{}", blob.sha256));
    let old = old.header("authorization", authorization(&node, &store_key(STORE), &blob.sha256, cloud.now() - TimeDelta::days(2)));
    assert_eq!(old.send().await.unwrap().status(), 403, "a proof is not good for ever");
    let unknown: NodeId = format!("aisle.{STORE}.n9").parse().unwrap();
    assert_eq!(fetch(&cloud, &unknown, STORE, blob.sha256, None).await.status(), 403, "not enrolled");
    let other_tenant: NodeId = format!("else.{STORE}.n1").parse().unwrap();
    assert_eq!(fetch(&cloud, &other_tenant, STORE, blob.sha256, None).await.status(), 403);
    let path = format!("/v1/content/{}", blob.sha256);
    assert_eq!(cloud.stranger().get(&path).await.refused(401).code, "sign_in_needed");
    let missing = format!("/v1/content/{}", ContentHash::of(b"nothing"));
    let ada = cloud.person("ada@example.org").await;
    assert_eq!(ada.get(&missing).await.refused(404).code, "not_found");
    let known = ada.request(Method::GET, &format!("/content/{}", blob.sha256)).header("if-none-match", format!("\"{}\"", blob.sha256));
    assert_eq!(known.send().await.unwrap().status(), 304, "a phone shows the same picture under the pages' own address");
}

#[tokio::test]
async fn a_published_offer_names_size_and_type_of_its_picture_and_one_that_is_not_kept_is_refused() {
    let cloud = TestCloud::start().await;
    let marketer = cloud.person(MARKETER).await;
    let blob = kept(&marketer, &picture(10_000)).await;
    let campaign = marketer.make_campaign(cloud.now(), 0).await;
    let mut drawn = draft(campaign, product("milk", "fresh-dairy", None), cloud.now());
    let mut image = |image: String| {
        drawn.fallback.iter_mut().for_each(|content| content.image = Some(image.clone()));
        drawn.clone()
    };
    let made: OfferView = marketer.post("/v1/offers", &image(ContentHash::of(b"gone").image())).await.expect_status(201).json();
    let publish = format!("/v1/offers/{}/publish", made.offer);
    assert_eq!(marketer.post_empty(&publish).await.refused(422).field.as_deref(), Some("/variants"));
    marketer.put(&format!("/v1/offers/{}", made.offer), &image(blob.sha256.image())).await.expect_status(200);
    marketer.post_empty(&publish).await.expect_status(200);
    let db = cloud.db().await;
    let stored =
        down::document(&mut db.read().await.unwrap(), &cloud.node(STORE), &format!("offer/{}", made.offer)).await.unwrap().unwrap();
    let sent: Offer = Event::parse(&stored).unwrap().data().unwrap();
    assert_eq!(sent.media, [blob]);
}

/// A certificate for a node, as a claim gives it, and its key.
async fn certified(cloud: &TestCloud, db: &Db, node: &NodeId) -> (Certificate, PrivateKey) {
    let (now, number) = (cloud.now(), rand::random::<u64>());
    let authority_key = PrivateKey::generate().unwrap();
    let made = Authority::create(&authority_key, now, rand::random()).unwrap();
    let authority = Authority::from_pem(&made, authority_key.to_pem().expose_secret()).unwrap();
    let (identity, key) = (Identity::Node(node.clone()), PrivateKey::generate().unwrap());
    let request = SigningRequest::from_pem(&key.request(&identity).unwrap()).unwrap();
    let pem = authority.certify(&identity, &request, now, rand::random()).unwrap();
    let certificate = Certificate::from_pem(&pem).unwrap();
    let hash = certificate.fingerprint;
    let audit = || EventId::new(number >> 20, rand::random());
    let claim = NewClaim { hash, node: node.clone(), replaces: None, made_at: now, expires_at: now + TimeDelta::hours(1), audit: audit() };
    enrolment::put_claim(db, claim).await.unwrap();
    let given = NewCertificate {
        fingerprint: certificate.fingerprint,
        node: node.clone(),
        serial: certificate.serial.clone(),
        key_hash: certificate.key_hash(),
        pem,
        not_after: certificate.validity.not_after,
    };
    enrolment::redeem(db, hash, None, given, Giving { at: now, audit: audit(), random: number }).await.unwrap();
    (certificate, key)
}

#[tokio::test]
async fn as_106_a_box_with_a_certificate_fetches_by_its_key_alone_and_nothing_once_it_is_revoked() {
    let cloud = TestCloud::start().await;
    let bytes = picture(1_000);
    let blob = kept(&cloud.person(MARKETER).await, &bytes).await;
    let (node, db) = (cloud.node(STORE), cloud.db().await);
    let (certificate, key) = certified(&cloud, &db, &node).await;
    let path = format!("/v1/content/{}", blob.sha256);
    let asks = async |name: &NodeId, signs: &PrivateKey| {
        let signature = signs.sign(claim(name, &blob.sha256, cloud.now()).as_bytes()).unwrap();
        let header = header(name, cloud.now(), &Proof::Certificate { fingerprint: certificate.fingerprint, signature: signature.clone() });
        cloud.stranger().request(Method::GET, &path).header("authorization", header).send().await.unwrap()
    };
    let answer = asks(&node, &key).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.bytes().await.unwrap(), bytes);
    assert_eq!(asks(&node, &PrivateKey::generate().unwrap()).await.status(), 403, "the certificate alone is public");
    assert_eq!(asks(&cloud.node(OTHER_STORE), &key).await.status(), 403, "it is not another store's");
    assert_eq!(fetch(&cloud, &node, STORE, blob.sha256, None).await.status(), 403, "the store's key lies on every box that it ever had");
    enrolment::revoke(&db, node.clone(), cloud.now(), EventId::new(1, rand::random())).await.unwrap().unwrap();
    assert_eq!(asks(&node, &key).await.status(), 403, "shut out");
}
