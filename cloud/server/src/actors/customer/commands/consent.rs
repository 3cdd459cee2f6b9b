//! Giving and taking back consent, and proving it.
//!
//! Owns the commands of DOMAIN 10. A withdrawal takes effect at its commit: the epoch rises, cards that are no longer allowed leave the feed,
//! queued messages end with their reason, and the store of an open visit gets a context without them. A grant during a visit brings the
//! offers that it allows. Emits `consent`, `card`, `card_removed`.

use actix_web::http::StatusCode;
use aisle_cloud_core::consent::{
    self, Channel, ConsentChangeRefused, ConsentChanged, ConsentKey, ConsentState, Epoch, Method, ProofSubject, Purpose, export_proof,
};
use aisle_schemas::{
    http::cloud::{ConsentChange, ConsentProof, ConsentView, Consents},
    ids::ConsentId,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use ed25519_dalek::SigningKey;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    actors::{
        customer::{Command, Decided, World, change::Changes, state::Customer, view},
        messenger,
    },
    fresh,
    problem::Refusal,
    wire,
};

/// Consents as of an instant; now where none is given.
pub struct GetConsents {
    pub as_of: Option<DateTime<Utc>>,
}

impl Command for GetConsents {
    type Answer = Consents;
    const NAME: &'static str = "get_consents";
    fn decide(&self, customer: &Customer, world: &World) -> Result<Decided<Consents>, Refusal> {
        Ok(Decided::answer(view::consents(customer, &world.catalogue, self.as_of.unwrap_or(world.now))))
    }
}

/// Give or take back one consent.
pub struct ChangeConsent(pub ConsentChange);

impl Command for ChangeConsent {
    type Answer = ConsentView;
    const NAME: &'static str = "change_consent";
    fn decide(&self, customer: &Customer, world: &World) -> Result<Decided<ConsentView>, Refusal> {
        let ConsentChange { purpose, channel, granted, legal_text, version, language, shown_sha256 } = &self.0;
        let purpose = Purpose::parse(purpose).ok_or_else(|| Refusal::invalid("/purpose", "is no purpose"))?;
        let channel =
            channel.as_deref().map(|name| Channel::parse(name).ok_or_else(|| Refusal::invalid("/channel", "is no channel"))).transpose()?;
        let text =
            wire::text_version(legal_text, *version, *language).map_err(|error| Refusal::invalid("/legal_text", error.to_string()))?;
        let is_of_purpose = |wording: &aisle_schemas::http::cloud::LegalText| wording.purpose == purpose.as_str();
        if *granted && world.catalogue.wording(&text).is_some_and(|wording| !is_of_purpose(wording)) {
            return Err(Refusal::invalid("/legal_text", "is a text about another purpose"));
        }
        let mut shown = [0; 32];
        hex::decode_to_slice(shown_sha256, &mut shown)
            .map_err(|_| Refusal::invalid("/shown_sha256", "must be 64 lower-case hex digits"))?;
        let change = consent::ConsentChange {
            id: fresh::id(world.now, ConsentId::new),
            customer: customer.id(),
            key: ConsentKey { purpose, channel, partner: None },
            state: if *granted { ConsentState::Granted } else { ConsentState::Withdrawn },
            text,
            text_sha256: shown,
            method: Method::App,
            rendered_sha256: Some(shown),
            evidence: None,
            occurred_at: world.now,
            expires_at: None,
        };
        let epoch = Epoch(customer.profile.consent_epoch);
        let record = match consent::record_change(&customer.consents, &world.catalogue.texts, epoch, change, world.now).map_err(refuse)? {
            ConsentChanged::Recorded(record) | ConsentChanged::Known(record) => *record,
        };
        let mut changes = Changes { consents: vec![wire::consent_row(&record)], ..Changes::default() };
        let mut profile = customer.profile.clone();
        profile.consent_epoch = record.epoch.0;
        changes.profile = Some(profile.clone());
        let mut next = customer.clone();
        next.profile = profile;
        next.consents.push(record.clone());
        messenger::follow_consent(&next, world, &mut changes)?;
        let consents = view::consents(&next, &world.catalogue, world.now);
        changes.tell("consent", &consents);
        let answer = consents.consents.into_iter().find(|consent| consent.consent == record.id);
        let answer = answer.ok_or_else(|| Refusal::unavailable(anyhow::anyhow!("a recorded consent is not among the consents")))?;
        Ok(Decided { changes, answer })
    }
}

fn refuse(refused: ConsentChangeRefused) -> Refusal {
    let unprocessable = |code: &'static str, field: &'static str| {
        Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, code).field(field).detail(refused.to_string())
    };
    match refused {
        ConsentChangeRefused::TextNotPublished(_) => unprocessable("text_not_published", "/version"),
        ConsentChangeRefused::TextNotInForce(_) => unprocessable("text_not_in_force", "/version"),
        ConsentChangeRefused::WordingDiffers => unprocessable("wording_differs", "/shown_sha256"),
        ConsentChangeRefused::IdReused(_) => Refusal::conflict("consent_exists"),
    }
}

/// Proof of one record (A68).
pub struct ProveConsent {
    pub consent: ConsentId,
    pub key: SigningKey,
}

/// The core's export, whose statement is what is signed.
#[derive(Deserialize)]
struct Export<'a> {
    sha256: &'a str,
    signature: &'a str,
    #[serde(borrow)]
    statement: &'a RawValue,
}

impl Command for ProveConsent {
    type Answer = ConsentProof;
    const NAME: &'static str = "prove_consent";
    fn decide(&self, customer: &Customer, world: &World) -> Result<Decided<ConsentProof>, Refusal> {
        let record = customer.consents.iter().find(|record| record.id == self.consent).ok_or_else(|| Refusal::not_found("consent"))?;
        let wording = world.catalogue.wording(&record.text).ok_or_else(|| Refusal::conflict("wording_unknown"))?;
        let public_key = hex::encode(self.key.verifying_key().to_bytes());
        let subject = ProofSubject { record, wording: &wording.body, key_id: &public_key[..16], exported_at: world.now };
        let proof = export_proof(subject, &self.key).map_err(|refused| Refusal::conflict("wording_differs").detail(refused.to_string()))?;
        let Export { sha256, signature, statement } = serde_json::from_str(&proof.json).map_err(Refusal::unavailable)?;
        let signature = hex::decode(signature).map_err(Refusal::unavailable)?;
        Ok(Decided::answer(ConsentProof {
            record: statement.get().to_owned(),
            sha256: sha256.to_owned(),
            signature: URL_SAFE_NO_PAD.encode(signature),
            public_key,
        }))
    }
}
