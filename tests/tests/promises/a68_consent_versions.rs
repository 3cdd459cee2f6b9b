//! A68: for every profile the version of the consent that was given, at any instant, with proof.

use aisle_schemas::http::cloud::ConsentProof;
use aisle_schemas::text::Language;
use aisle_sim::client::customer::MARKETING;
use aisle_tests::world::{Profile, World};
use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use ed25519_dalek::{Signature, Verifier, VerifyingKey};
use sha2::{Digest, Sha256};

#[tokio::test(flavor = "multi_thread")]
async fn a68_three_instants_answer_version_one_version_two_and_withdrawn_and_the_proof_holds() -> Result<()> {
    for profile in Profile::all() {
        let world = World::start(profile, 1).await?;
        let agent = world.agent().await?;
        let member = world.stranger("nora").await?;
        let first = member.grant(MARKETING).await?;
        let at_first = world.now();
        world.pass(TimeDelta::hours(1));
        let mut text = member.legal_texts(Language::De).await?.into_iter().find(|text| text.id == first.legal_text).context("the text")?;
        text.version = first.version + 1;
        text.body.push_str("\n\nNeu: auch auf der Uhr.");
        text.valid_from = world.now();
        agent.publish_legal_text(&text).await?;
        let second = member.grant(MARKETING).await?;
        let at_second = world.now();
        world.pass(TimeDelta::hours(1));
        member.withdraw(MARKETING).await?;
        let at_third = world.now();

        let mut answers = Vec::new();
        for instant in [at_first, at_second, at_third] {
            let consents = agent.consents_as_of(member.me.customer, instant).await?.consents;
            let newest = consents
                .into_iter()
                .filter(|consent| consent.purpose == MARKETING && consent.occurred_at <= instant)
                .max_by_key(|consent| consent.occurred_at);
            let newest = newest.context("a consent")?;
            answers.push((newest.version, newest.granted, newest.in_force));
        }
        assert_eq!(answers[0], (first.version, true, true));
        assert_eq!(answers[1], (second.version, true, true));
        assert_eq!((answers[2].1, answers[2].2), (false, false));
        assert_eq!(second.version, first.version + 1);

        let proof = agent.consent_proof(member.me.customer, second.consent).await?;
        assert!(holds(&proof), "the exported proof verifies");
        assert!(proof.record.contains("auch auf der Uhr"), "with the full wording");
        let mut changed = proof.record.clone().into_bytes();
        let place = changed.len() / 2;
        changed[place] ^= 1;
        let forged = ConsentProof { record: String::from_utf8_lossy(&changed).into_owned(), ..proof };
        assert!(!holds(&forged), "with one byte changed it does not");
        world.stop().await?;
    }
    Ok(())
}

/// Checks hash and signature as anybody outside can.
fn holds(proof: &ConsentProof) -> bool {
    let ConsentProof { record, sha256, signature, public_key } = proof;
    let key = hex::decode(public_key).ok().and_then(|bytes| VerifyingKey::from_bytes(&bytes.try_into().ok()?).ok());
    let signature = URL_SAFE_NO_PAD.decode(signature).ok().and_then(|bytes| Signature::from_slice(&bytes).ok());
    let (Some(key), Some(signature)) = (key, signature) else { return false };
    hex::encode(Sha256::digest(record)) == *sha256 && key.verify(record.as_bytes(), &signature).is_ok()
}
