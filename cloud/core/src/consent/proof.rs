//! Proof of consent: an export that anyone with the public key can check (A68).
//!
//! Owns the format `aisle-consent-proof/1`: canonical JSON (keys sorted, no white space, no floats) with its SHA-256 and an Ed25519
//! signature over those bytes. Takes a record and its wording, emits one text. A proof that differs by one byte does not verify.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::ConsentRecord;

const FORMAT: &str = "aisle-consent-proof/1";

/// Largest proof that is looked at: a wording of a few pages fits, a flood does not.
pub const PROOF_BYTES_MAX: usize = 256 * 1024;

/// What a proof is about.
#[derive(Debug, Clone, Copy)]
pub struct ProofSubject<'a> {
    pub record: &'a ConsentRecord,
    /// The wording whose hash the record carries.
    pub wording: &'a str,
    /// Which key signs, so that a verifier can choose its public key.
    pub key_id: &'a str,
    pub exported_at: DateTime<Utc>,
}

/// A finished proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedProof {
    /// The whole export, UTF-8 JSON.
    pub json: String,
    /// Lower-case hex of the hash over the canonical statement.
    pub sha256: String,
}

/// Why a proof cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofRefused {
    #[error("the wording is not the one whose hash the record carries")]
    WordingDiffers,
}

/// Makes the signed export of one record.
pub fn export_proof(subject: ProofSubject<'_>, key: &SigningKey) -> Result<ExportedProof, ProofRefused> {
    let ProofSubject { record, wording, key_id, exported_at } = subject;
    let wording_sha256: [u8; 32] = Sha256::digest(wording.as_bytes()).into();
    if wording_sha256 != record.text_sha256 {
        return Err(ProofRefused::WordingDiffers);
    }
    let statement = canonical(&statement_of(record, wording, key_id, exported_at));
    let signature = key.sign(statement.as_bytes());
    let sha256 = hex::encode(Sha256::digest(statement.as_bytes()));
    Ok(ExportedProof { json: envelope(&statement, &sha256, &signature), sha256 })
}

/// Whether `json` is exactly an export made with the key's secret half.
pub fn verify_proof(json: &[u8], key: &VerifyingKey) -> bool {
    if json.len() > PROOF_BYTES_MAX {
        return false;
    }
    let Ok(parsed) = serde_json::from_slice::<BTreeMap<String, Value>>(json) else {
        return false;
    };
    let (Some(statement), Some(Value::String(signature))) = (parsed.get("statement"), parsed.get("signature")) else {
        return false;
    };
    let mut signature_bytes = [0_u8; Signature::BYTE_SIZE];
    if hex::decode_to_slice(signature, &mut signature_bytes).is_err() {
        return false;
    }
    let signature = Signature::from_bytes(&signature_bytes);
    let statement = canonical(statement);
    let sha256 = hex::encode(Sha256::digest(statement.as_bytes()));
    // Rebuilding the export and comparing bytes leaves no freedom: neither white space, escapes nor the case of hex digits may differ.
    envelope(&statement, &sha256, &signature).as_bytes() == json && key.verify_strict(statement.as_bytes(), &signature).is_ok()
}

fn envelope(statement: &str, sha256: &str, signature: &Signature) -> String {
    format!(r#"{{"sha256":"{sha256}","signature":"{}","statement":{statement}}}"#, hex::encode(signature.to_bytes()))
}

fn statement_of(record: &ConsentRecord, wording: &str, key_id: &str, exported_at: DateTime<Utc>) -> Value {
    let ConsentRecord {
        id,
        customer,
        key,
        state,
        text,
        text_sha256,
        method,
        rendered_sha256,
        evidence,
        occurred_at,
        recorded_at,
        expires_at,
        supersedes,
        epoch,
    } = record;
    serde_json::json!({
        "format": FORMAT,
        "key_id": key_id,
        "exported_at": instant(exported_at),
        "id": id.to_string(),
        "customer": customer.to_string(),
        "purpose": key.purpose.as_str(),
        "channel": key.channel.map(super::Channel::as_str),
        "partner": key.partner.as_ref().map(ToString::to_string),
        "state": state.as_str(),
        "text_id": text.id.to_string(),
        "text_version": text.version,
        "text_locale": text.locale,
        "text_sha256": hex::encode(text_sha256),
        "text": wording,
        "method": method.as_str(),
        "rendered_sha256": rendered_sha256.map(hex::encode),
        "evidence": evidence,
        "occurred_at": instant(*occurred_at),
        "recorded_at": instant(*recorded_at),
        "expires_at": expires_at.map(instant),
        "supersedes": supersedes.map(|id| id.to_string()),
        "epoch": epoch.0,
    })
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Writes a value with sorted keys and without white space, whatever order its maps keep.
pub(crate) fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let sorted: BTreeMap<&String, &Value> = map.iter().collect();
            let members: Vec<String> =
                sorted.into_iter().map(|(key, member)| format!("{}:{}", Value::String(key.clone()), canonical(member))).collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}
