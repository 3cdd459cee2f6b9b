//! Consent through HTTP: given under a wording, taken back at once, provable for any instant.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]

mod common;

use aisle_schemas::http::cloud::{ConsentProof, ConsentView, Consents, LegalText, LegalTexts};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use common::{AGENT, TestCloud};
use ed25519_dalek::{Signature, Verifier, VerifyingKey};
use serde_json::json;
use sha2::{Digest, Sha256};

#[tokio::test]
async fn a_grant_stores_hash_language_and_method_and_needs_a_published_version() {
    let cloud = TestCloud::start().await;
    let ada = cloud.person("ada@example.org").await;
    let granted = ada.consent("instore_context", None, true).await;
    assert!(granted.granted && granted.in_force);
    assert_eq!((granted.language.as_str(), granted.method.as_str(), granted.text_sha256.len()), ("de", "app", 64));
    let body = |version: u32, hash: &str| json!({"purpose": "marketing", "channel": "push", "granted": true, "legal_text": "marketing", "version": version, "language": "de", "shown_sha256": hash});
    let unpublished = ada.post("/v1/consents", &body(7, &"0".repeat(64))).await.refused(422);
    assert_eq!((unpublished.code.as_str(), unpublished.field.as_deref()), ("text_not_published", Some("/version")));
    let other_wording = ada.post("/v1/consents", &body(1, &"0".repeat(64))).await.refused(422);
    assert_eq!(other_wording.code, "wording_differs");
    let texts: LegalTexts = ada.get("/v1/legal-texts?language=de").await.expect_status(200).json();
    let location = texts.texts.iter().find(|text| text.purpose == "location").unwrap();
    let mixed = json!({"purpose": "marketing", "channel": null, "granted": true, "legal_text": "location", "version": 1, "language": "de", "shown_sha256": location.sha256});
    assert_eq!(ada.post("/v1/consents", &mixed).await.refused(422).field.as_deref(), Some("/legal_text"));
    let all: Consents = ada.get("/v1/me/consents").await.expect_status(200).json();
    assert_eq!((all.consents.len(), all.epoch), (1, 1));
}

#[tokio::test]
async fn a_published_text_is_never_edited_and_a_new_version_is_taken() {
    let cloud = TestCloud::start().await;
    let marketer = cloud.person("marketer@aisle.example").await;
    let texts: LegalTexts = marketer.get("/v1/legal-texts").await.expect_status(200).json();
    assert_eq!(texts.texts.len(), 12, "six purposes in two languages");
    let published = texts.texts.iter().find(|text| text.purpose == "marketing").unwrap().clone();
    let edited = LegalText { body: "other words".to_owned(), ..published.clone() };
    let path = format!("/v1/legal-texts/{}/{}/{}", published.id, published.version, published.language.as_str());
    assert_eq!(marketer.put(&path, &edited).await.refused(409).code, "text_published");
    assert_eq!(marketer.post("/v1/legal-texts", &edited).await.refused(409).code, "text_published");
    let next = LegalText { version: 2, valid_from: cloud.now(), ..edited };
    let taken: LegalText = marketer.post("/v1/legal-texts", &next).await.expect_status(201).json();
    assert_eq!(taken.sha256, hex::encode(Sha256::digest("other words")));
    let texts: LegalTexts = marketer.get(&format!("/v1/legal-texts?language={}", taken.language.as_str())).await.expect_status(200).json();
    assert_eq!(texts.texts.iter().find(|text| text.id == taken.id).unwrap().version, 2);
}

#[tokio::test]
async fn every_past_instant_answers_which_version_was_given() {
    let cloud = TestCloud::start().await;
    let ada = cloud.person("ada@example.org").await;
    let (customer, agent) = (ada.me().await.customer, cloud.person(AGENT).await);
    let first = ada.consent("marketing", Some("push"), true).await;
    cloud.clock.advance(TimeDelta::days(1));
    let marketer = cloud.person("marketer@aisle.example").await;
    let texts: LegalTexts = marketer.get("/v1/legal-texts?language=de").await.expect_status(200).json();
    let old = texts.texts.into_iter().find(|text| text.purpose == "marketing").unwrap();
    let next = LegalText { version: 2, body: "neue Worte".to_owned(), valid_from: cloud.now(), requires_renewal_from: None, ..old };
    marketer.post("/v1/legal-texts", &next).await.expect_status(201);
    let second = ada.consent("marketing", Some("push"), true).await;
    cloud.clock.advance(TimeDelta::days(1));
    let third = ada.consent("marketing", Some("push"), false).await;
    let as_of = |at: &ConsentView| {
        let at = (at.occurred_at + TimeDelta::hours(1)).format("%Y-%m-%dT%H:%M:%SZ").to_string();
        format!("/v1/customers/{customer}/consents?as_of={at}")
    };
    for (at, version, in_force) in [(&first, 1, true), (&second, 2, true), (&third, 2, false)] {
        let stood: Consents = agent.get(&as_of(at)).await.expect_status(200).json();
        let newest = &stood.consents[0];
        assert_eq!((newest.version, newest.in_force, newest.granted), (version, in_force, in_force), "{stood:?}");
    }
}

#[tokio::test]
async fn an_exported_proof_verifies_and_one_changed_byte_does_not() {
    let cloud = TestCloud::start().await;
    let ada = cloud.person("ada@example.org").await;
    let (customer, agent) = (ada.me().await.customer, cloud.person(AGENT).await);
    let consent = ada.consent("profiling", None, true).await.consent;
    let proof: ConsentProof = agent.get(&format!("/v1/customers/{customer}/consents/{consent}/proof")).await.expect_status(200).json();
    assert_eq!(proof.public_key, cloud.public_key);
    let verify = |record: &str| {
        let key: [u8; 32] = hex::decode(&proof.public_key).unwrap().try_into().unwrap();
        let signature = Signature::from_slice(&URL_SAFE_NO_PAD.decode(&proof.signature).unwrap()).unwrap();
        VerifyingKey::from_bytes(&key).unwrap().verify(record.as_bytes(), &signature).is_ok()
            && hex::encode(Sha256::digest(record)) == proof.sha256
    };
    assert!(verify(&proof.record));
    assert!(proof.record.contains("60 Tagen"), "the wording is part of the proof");
    let mut bytes = proof.record.clone().into_bytes();
    for place in (0..bytes.len()).step_by(37).filter(|place| proof.record.as_bytes()[*place].is_ascii_alphanumeric()) {
        bytes[place] ^= 1;
        assert!(!verify(&String::from_utf8_lossy(&bytes)));
        bytes[place] ^= 1;
    }
}
