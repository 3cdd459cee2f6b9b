//! What a customer grants an adviser in a store, and the record of it (TOUCHPOINTS 5, DOMAIN 10).
//!
//! Owns the rules of a grant, the end of its time and the append-only record with its chain of hashes. Takes what the customer sent and what
//! was shown to them, with the time. Emits a [`Grant`] or why there is none; records as canonical JSON. On failure: [`GrantRefused`].
use std::collections::BTreeSet;

use aisle_schemas::handshake::{HandshakeId, Scope};
use aisle_schemas::ids::{EventId, StoreId};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use sha2::{Digest, Sha256};

/// Minutes that the page offers.
pub const MINUTES: [u8; 3] = [5, 10, 20];
/// Longest time of one handshake, however often it is widened.
pub const LIFE_MAX: TimeDelta = TimeDelta::minutes(30);
/// What can be shared today: what there is data for.
pub const SHARED: [Scope; 4] = [Scope::DisplayName, Scope::Bookmarks, Scope::Wishlist, Scope::Sizes];

/// Why there is no grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GrantRefused {
    #[error("nothing was ticked")]
    NothingShared,
    #[error("there is nothing to be shared under this name")]
    ScopeUnknown,
    #[error("the time is none of those offered")]
    Time,
    #[error("the handshake has lasted its longest time")]
    Over,
}

/// A grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Sorted, each once.
    pub scopes: Vec<Scope>,
    pub until: DateTime<Utc>,
}

/// Reads what the customer ticked. `first_at` is when this handshake was granted first; none where this is the first time.
///
/// # Errors
/// [`GrantRefused`].
pub fn grant(ticked: &[Scope], minutes: u8, first_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Result<Grant, GrantRefused> {
    let scopes: BTreeSet<Scope> = ticked.iter().copied().collect();
    if scopes.is_empty() {
        return Err(GrantRefused::NothingShared);
    }
    if scopes.iter().any(|scope| !SHARED.contains(scope)) {
        return Err(GrantRefused::ScopeUnknown);
    }
    if !MINUTES.contains(&minutes) {
        return Err(GrantRefused::Time);
    }
    let latest = first_at.unwrap_or(now) + LIFE_MAX;
    let until = (now + TimeDelta::minutes(i64::from(minutes))).min(latest);
    if until <= now { Err(GrantRefused::Over) } else { Ok(Grant { scopes: scopes.into_iter().collect(), until }) }
}

/// What happened, in the words of ISO/IEC TS 27560.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    Given,
    Refused,
    Withdrawn,
    Expired,
    Ended,
}

impl Event {
    /// As in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
            Self::Ended => "ended",
        }
    }
}

/// Who gets to see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Staff number.
    pub staff: String,
    pub role: String,
    pub device: String,
    pub store: StoreId,
}

/// The wording on which the customer decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub legal_text: String,
    pub version: u32,
    pub locale: String,
    /// SHA-256 of what was shown, lower-case hex.
    pub sha256: String,
}

/// One record, append-only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub id: EventId,
    pub handshake: HandshakeId,
    /// Stands for the customer; means nothing to anybody but the cloud.
    pub pseudonym: EventId,
    pub controller: String,
    pub recipient: Recipient,
    pub event: Event,
    pub scopes: Vec<Scope>,
    /// None where nothing was granted.
    pub shown: Option<Shown>,
    pub at: DateTime<Utc>,
    pub until: Option<DateTime<Utc>>,
    /// Hash of the record before it, of the same customer.
    pub previous: Option<[u8; 32]>,
}

/// Which schema these records follow.
pub const SCHEMA: &str = "aisle.handshake-consent.v1";

impl Record {
    /// Canonical JSON: sorted keys, no white space. This text is what is hashed, signed and kept.
    #[must_use]
    pub fn canonical(&self) -> String {
        let Self { id, handshake, pseudonym, controller, recipient, event, scopes, shown, at, until, previous } = self;
        let Recipient { staff, role, device, store } = recipient;
        let instant = |at: &DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Micros, true);
        let shown = shown.as_ref().map(|Shown { legal_text, version, locale, sha256 }| {
            serde_json::json!({ "id": legal_text, "locale": locale, "sha256": sha256, "version": version })
        });
        let value = serde_json::json!({
            "at": instant(at),
            "controller": controller,
            "event": event.as_str(),
            "handshake": handshake.to_string(),
            "id": id.to_string(),
            "legal_basis": "consent",
            "legal_text": shown,
            "method": "app_handshake",
            "previous": previous.map(hex::encode),
            "purpose": "instore_context",
            "recipient": { "device": device, "role": role, "staff": staff, "store": store.to_string() },
            "schema": SCHEMA,
            "scopes": scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>(),
            "subject": pseudonym.to_string(),
            "until": until.as_ref().map(instant),
            "withdrawal": "app, or check-out",
        });
        crate::consent::canonical(&value)
    }
}

/// What a record is called by the next one.
#[must_use]
pub fn hash(canonical: &str) -> [u8; 32] {
    Sha256::digest(canonical.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_500_000 + s, 0).unwrap()
    }

    #[test]
    fn what_is_ticked_is_granted_once_each_for_a_time_that_was_offered() {
        let granted = grant(&[Scope::Sizes, Scope::Bookmarks, Scope::Sizes], 10, None, at(0)).unwrap();
        assert_eq!(granted, Grant { scopes: vec![Scope::Bookmarks, Scope::Sizes], until: at(600) });
        assert_eq!(grant(&[], 10, None, at(0)), Err(GrantRefused::NothingShared));
        assert_eq!(grant(&[Scope::Bookmarks], 30, None, at(0)), Err(GrantRefused::Time));
        assert_eq!(grant(&[Scope::Bookmarks, Scope::Contact], 10, None, at(0)), Err(GrantRefused::ScopeUnknown));
    }

    #[test]
    fn no_widening_leads_beyond_half_an_hour() {
        let widen = |s| grant(&[Scope::Bookmarks], 20, Some(at(0)), at(s)).map(|granted| granted.until);
        assert_eq!(widen(300), Ok(at(1_500)));
        assert_eq!(widen(900), Ok(at(1_800)));
        assert_eq!(widen(1_800), Err(GrantRefused::Over));
    }

    #[test]
    fn a_record_names_the_one_before_it_and_no_person() {
        let record = Record {
            id: EventId::new(1, [1; 10]),
            handshake: HandshakeId::from_random([2; 16]),
            pseudonym: EventId::new(1, [3; 10]),
            controller: "acme".to_owned(),
            recipient: Recipient {
                staff: "1042".to_owned(),
                role: "adviser".to_owned(),
                device: "tablet-1".to_owned(),
                store: StoreId::parse("s1").unwrap(),
            },
            event: Event::Given,
            scopes: vec![Scope::Bookmarks],
            shown: None,
            at: at(0),
            until: Some(at(600)),
            previous: None,
        };
        let first = record.canonical();
        let next = Record { event: Event::Withdrawn, previous: Some(hash(&first)), ..record };
        assert!(next.canonical().contains(&format!("\"previous\":\"{}\"", hex::encode(hash(&first)))));
        let keys: serde_json::Value = serde_json::from_str(&first).unwrap();
        let groups = [
            "schema",
            "subject",
            "controller",
            "purpose",
            "recipient",
            "legal_text",
            "event",
            "method",
            "until",
            "withdrawal",
            "legal_basis",
        ];
        assert!(groups.iter().all(|group| keys.get(group).is_some()), "the groups of ISO/IEC TS 27560");
    }
}
