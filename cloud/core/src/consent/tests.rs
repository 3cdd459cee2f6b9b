//! Tests of consent: order of arrival, text changes, as-of answers, proof. Owns its fixtures; takes no clock.

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::*;
use crate::ids::LegalTextId;

fn day(n: i64) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 1, 9, 0, 0).unwrap() + TimeDelta::days(n)
}

fn wording(version: u32) -> String {
    format!("We show you offers in the store. Version {version}. „Ja“")
}

fn sha256(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

fn version(version: u32) -> TextVersion {
    TextVersion { id: LegalTextId::parse("instore").unwrap(), version, locale: "en".into() }
}

fn text(n: u32, from: i64, change: TextChange) -> LegalText {
    LegalText { version: version(n), sha256: sha256(&wording(n)), valid_from: day(from), valid_to: None, change }
}

fn texts(list: &[LegalText]) -> LegalTexts {
    let mut texts = LegalTexts::default();
    for text in list {
        texts.publish(text.clone()).unwrap();
    }
    texts
}

fn key() -> ConsentKey {
    ConsentKey { purpose: Purpose::InstoreContext, channel: Some(Channel::Push), partner: None }
}

fn change(id: u128, state: ConsentState, text: u32, at: DateTime<Utc>) -> ConsentChange {
    ConsentChange {
        id: ConsentId(Uuid::from_u128(id)),
        customer: CustomerId(Uuid::from_u128(7)),
        key: key(),
        state,
        text: version(text),
        text_sha256: sha256(&wording(text)),
        method: Method::App,
        rendered_sha256: Some([3; 32]),
        evidence: None,
        occurred_at: at,
        expires_at: None,
    }
}

/// Records changes in the order given, as the shell would.
fn recorded(texts: &LegalTexts, changes: Vec<ConsentChange>) -> Vec<ConsentRecord> {
    let mut records: Vec<ConsentRecord> = Vec::new();
    for change in changes {
        let epoch = Epoch(records.len() as u64);
        // The cloud's clock runs on with each arrival, whatever the customer's clock says.
        let recorded_at = day(100) + TimeDelta::seconds(records.len() as i64);
        match record_change(&records, texts, epoch, change, recorded_at).unwrap() {
            ConsentChanged::Recorded(record) => records.push(*record),
            ConsentChanged::Known(_) => {}
        }
    }
    records
}

fn ask(records: &[ConsentRecord], texts: &LegalTexts, at: DateTime<Utc>) -> Result<ConsentId, ConsentDenied> {
    allowed(ConsentView { records, texts, restricted: false }, &key(), at)
}

#[test]
fn nothing_is_allowed_without_a_record() {
    assert_eq!(ask(&[], &LegalTexts::default(), day(1)), Err(ConsentDenied::NoConsent));
}

#[test]
fn a_grant_answers_only_for_its_own_purpose_channel_and_partner() {
    let texts = texts(&[text(1, 0, TextChange::Editorial)]);
    let records = recorded(&texts, vec![change(1, ConsentState::Granted, 1, day(1))]);
    assert!(ask(&records, &texts, day(2)).is_ok());
    let others = [
        ConsentKey { purpose: Purpose::Marketing, ..key() },
        ConsentKey { channel: Some(Channel::Email), ..key() },
        ConsentKey { channel: None, ..key() },
        ConsentKey { partner: Some(PartnerId::parse("bakery").unwrap()), ..key() },
    ];
    for other in others {
        let view = ConsentView { records: &records, texts: &texts, restricted: false };
        assert_eq!(allowed(view, &other, day(2)), Err(ConsentDenied::NoConsent), "{other:?}");
    }
}

#[test]
fn a_withdrawal_names_the_epoch_it_raised() {
    let texts = texts(&[text(1, 0, TextChange::Editorial)]);
    let records = recorded(&texts, vec![change(1, ConsentState::Granted, 1, day(1)), change(2, ConsentState::Withdrawn, 1, day(3))]);
    assert_eq!(ask(&records, &texts, day(4)), Err(ConsentDenied::Withdrawn(Epoch(2))));
    assert!(ask(&records, &texts, day(2)).is_ok(), "before the withdrawal it was allowed");
}

#[test]
fn a_withdrawal_at_the_same_instant_wins_over_the_grant() {
    let texts = texts(&[text(1, 0, TextChange::Editorial)]);
    let records = recorded(&texts, vec![change(2, ConsentState::Withdrawn, 1, day(1)), change(1, ConsentState::Granted, 1, day(1))]);
    assert!(matches!(ask(&records, &texts, day(1)), Err(ConsentDenied::Withdrawn(_))));
}

#[test]
fn w3_a_withdrawal_that_arrives_late_does_not_undo_a_newer_grant() {
    let texts = texts(&[text(1, 0, TextChange::Editorial)]);
    let late = vec![
        change(1, ConsentState::Granted, 1, day(1)),
        change(2, ConsentState::Granted, 1, day(5)),
        change(3, ConsentState::Withdrawn, 1, day(3)),
    ];
    let records = recorded(&texts, late);
    assert_eq!(ask(&records, &texts, day(4)), Err(ConsentDenied::Withdrawn(Epoch(3))));
    assert_eq!(ask(&records, &texts, day(6)), Ok(ConsentId(Uuid::from_u128(2))));
}

#[test]
fn an_expired_grant_and_a_restricted_profile_allow_nothing() {
    let texts = texts(&[text(1, 0, TextChange::Editorial)]);
    let mut granted = change(1, ConsentState::Granted, 1, day(1));
    granted.expires_at = Some(day(5));
    let records = recorded(&texts, vec![granted]);
    assert!(ask(&records, &texts, day(5) - TimeDelta::microseconds(1)).is_ok());
    assert_eq!(ask(&records, &texts, day(5)), Err(ConsentDenied::NoConsent));
    let view = ConsentView { records: &records, texts: &texts, restricted: true };
    assert_eq!(allowed(view, &key(), day(2)), Err(ConsentDenied::Restricted));
}

#[test]
fn an_editorial_change_keeps_old_grants_and_a_material_one_ends_them_from_its_date() {
    let renewal = TextChange::Material { requires_renewal_from: day(20) };
    let texts = texts(&[text(1, 0, TextChange::Editorial), text(2, 5, TextChange::Editorial), text(3, 10, renewal)]);
    let mut records = recorded(&texts, vec![change(1, ConsentState::Granted, 1, day(1))]);
    assert!(ask(&records, &texts, day(6)).is_ok());
    assert!(ask(&records, &texts, day(19)).is_ok());
    assert_eq!(ask(&records, &texts, day(20)), Err(ConsentDenied::TextRenewalDue));
    records.extend(recorded(&texts, vec![change(2, ConsentState::Granted, 3, day(21))]));
    assert!(ask(&records, &texts, day(22)).is_ok());
}

#[test]
fn a_text_that_ended_without_a_successor_needs_renewal() {
    let mut ended = text(1, 0, TextChange::Editorial);
    ended.valid_to = Some(day(10));
    let texts = texts(&[ended]);
    let records = recorded(&texts, vec![change(1, ConsentState::Granted, 1, day(1))]);
    assert_eq!(ask(&records, &texts, day(10)), Err(ConsentDenied::TextRenewalDue));
}

#[test]
fn a67_a_grant_needs_the_published_wording() {
    let texts = texts(&[text(1, 0, TextChange::Editorial)]);
    let unpublished = record_change(&[], &texts, Epoch(0), change(1, ConsentState::Granted, 9, day(1)), day(1));
    assert_eq!(unpublished, Err(ConsentChangeRefused::TextNotPublished(version(9))));
    let early = record_change(&[], &texts, Epoch(0), change(1, ConsentState::Granted, 1, day(-1)), day(1));
    assert_eq!(early, Err(ConsentChangeRefused::TextNotPublished(version(1))));
    let mut other_words = change(1, ConsentState::Granted, 1, day(1));
    other_words.text_sha256 = [9; 32];
    let other_words = record_change(&[], &texts, Epoch(0), other_words, day(1));
    assert_eq!(other_words, Err(ConsentChangeRefused::WordingDiffers));
    let withdrawal = record_change(&[], &texts, Epoch(0), change(1, ConsentState::Withdrawn, 9, day(1)), day(1));
    assert!(withdrawal.is_ok(), "taking back needs no text");
}

#[test]
fn a67_a_published_text_cannot_be_edited_and_a_new_version_can_be_published() {
    let mut texts = texts(&[text(1, 0, TextChange::Editorial)]);
    assert_eq!(texts.publish(text(1, 0, TextChange::Editorial)), Ok(false));
    let mut edited = text(1, 0, TextChange::Editorial);
    edited.sha256 = [1; 32];
    assert_eq!(texts.publish(edited), Err(TextRefused::Edited(version(1))));
    assert_eq!(texts.publish(text(2, 1, TextChange::Editorial)), Ok(true));
    let mut late_sister = text(1, 0, TextChange::Editorial);
    late_sister.version.locale = "de".into();
    assert_eq!(texts.publish(late_sister), Err(TextRefused::VersionNotNext { given: 1, newest: 2 }));
    let mut other_sister = text(2, 1, TextChange::Material { requires_renewal_from: day(2) });
    other_sister.version.locale = "de".into();
    assert_eq!(texts.publish(other_sister), Err(TextRefused::SistersDiffer));
}

#[test]
fn the_same_change_twice_is_recorded_once_and_another_under_its_id_is_refused() {
    let texts = texts(&[text(1, 0, TextChange::Editorial)]);
    let first = change(1, ConsentState::Granted, 1, day(1));
    let records = recorded(&texts, vec![first.clone(), first.clone()]);
    assert_eq!(records.len(), 1);
    let reused = ConsentChange { state: ConsentState::Withdrawn, ..first };
    let answer = record_change(&records, &texts, Epoch(1), reused, day(2));
    assert_eq!(answer, Err(ConsentChangeRefused::IdReused(ConsentId(Uuid::from_u128(1)))));
}

#[test]
fn a68_three_instants_answer_version_one_version_two_and_withdrawn() {
    let texts = texts(&[text(1, 0, TextChange::Editorial), text(2, 5, TextChange::Editorial)]);
    let records = recorded(
        &texts,
        vec![
            change(1, ConsentState::Granted, 1, day(1)),
            change(2, ConsentState::Granted, 2, day(6)),
            change(3, ConsentState::Withdrawn, 2, day(9)),
        ],
    );
    let at = |n| as_of(&records, &key(), day(n)).map(|record| (record.text.version, record.state));
    assert_eq!(at(0), None);
    assert_eq!(at(2), Some((1, ConsentState::Granted)));
    assert_eq!(at(7), Some((2, ConsentState::Granted)));
    assert_eq!(at(10), Some((2, ConsentState::Withdrawn)));
}

#[test]
fn a68_a_proof_verifies_and_with_any_one_byte_changed_it_does_not() {
    let texts = texts(&[text(1, 0, TextChange::Editorial)]);
    let records = recorded(&texts, vec![change(1, ConsentState::Granted, 1, day(1))]);
    let signing = SigningKey::from_bytes(&[5; 32]);
    let subject = ProofSubject { record: &records[0], wording: &wording(1), key_id: "consent-1", exported_at: day(30) };
    let proof = export_proof(subject, &signing).unwrap();
    let public = signing.verifying_key();
    assert!(verify_proof(proof.json.as_bytes(), &public));
    assert!(!verify_proof(proof.json.as_bytes(), &SigningKey::from_bytes(&[6; 32]).verifying_key()));
    let bytes = proof.json.as_bytes();
    for position in 0..bytes.len() {
        for flip in [0x01, 0x20] {
            let mut changed = bytes.to_vec();
            changed[position] ^= flip;
            assert!(!verify_proof(&changed, &public), "byte {position} ^ {flip}");
        }
    }
    let spaced = proof.json.replacen("{", "{ ", 1);
    assert!(!verify_proof(spaced.as_bytes(), &public));
}

#[test]
fn a_proof_is_not_made_for_another_wording() {
    let texts = texts(&[text(1, 0, TextChange::Editorial)]);
    let records = recorded(&texts, vec![change(1, ConsentState::Granted, 1, day(1))]);
    let subject = ProofSubject { record: &records[0], wording: "other", key_id: "k", exported_at: day(30) };
    assert_eq!(export_proof(subject, &SigningKey::from_bytes(&[5; 32])), Err(ProofRefused::WordingDiffers));
}

proptest! {
    #[test]
    fn w3_the_order_of_arrival_never_changes_the_answer(
        changes in prop::collection::vec((any::<bool>(), 0_i64..12), 1..8),
        shuffle in any::<prop::sample::Index>(),
        ask_day in 0_i64..14,
    ) {
        let texts = texts(&[text(1, -1, TextChange::Editorial)]);
        let in_order: Vec<ConsentChange> = changes
            .iter()
            .enumerate()
            .map(|(n, (granted, at))| {
                let state = if *granted { ConsentState::Granted } else { ConsentState::Withdrawn };
                change(n as u128 + 1, state, 1, day(*at))
            })
            .collect();
        let mut turned = in_order.clone();
        turned.rotate_left(shuffle.index(in_order.len()));
        turned.reverse();
        let verdict = |changes| ask(&recorded(&texts, changes), &texts, day(ask_day)).is_ok();
        prop_assert_eq!(verdict(in_order), verdict(turned));
    }

    #[test]
    fn every_recorded_change_raises_the_epoch_by_one(days in prop::collection::vec(0_i64..12, 1..8)) {
        let texts = texts(&[text(1, -1, TextChange::Editorial)]);
        let changes = days.iter().enumerate().map(|(n, at)| change(n as u128 + 1, ConsentState::Granted, 1, day(*at)));
        let epochs: Vec<u64> = recorded(&texts, changes.collect()).iter().map(|record| record.epoch.0).collect();
        prop_assert_eq!(epochs, (1..=days.len() as u64).collect::<Vec<_>>());
    }
}
