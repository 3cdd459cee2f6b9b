//! Who may work with the store's tablets: badge and PIN.
//!
//! Owns the roster of one store, from the node's configuration: it works with the line cut, and no customer is in it. Takes a badge with a PIN.
//! Emits a member of staff. On failure: the same refusal for an unknown badge and a wrong PIN, after the same work.
use std::num::NonZeroU32;

use aisle_schemas::http::cloud::StaffCard;
use ring::pbkdf2::{self, PBKDF2_HMAC_SHA256};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// Rounds of a new hash: what OWASP asks of PBKDF2-HMAC-SHA-256.
pub const ROUNDS: u32 = 600_000;
/// Fewer are refused: a PIN is short, and its hash lies on the box.
const ROUNDS_MIN: u32 = 100_000;
/// Scheme of a hash, before rounds, salt and hash in hex.
const SCHEME: &str = "pbkdf2-sha256";
/// Digits of a PIN.
const PIN_DIGITS: std::ops::RangeInclusive<usize> = 4..=12;

/// A member of staff as configured.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaffConfig {
    pub number: String,
    pub first_name: String,
    #[serde(default)]
    pub photo: Option<String>,
    pub role: String,
    /// SHA-256 of what the badge says, lower-case hex.
    pub badge_sha256: String,
    /// What `aisle staff-pin` printed.
    pub pin_hash: String,
}

impl std::fmt::Debug for StaffConfig {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "staff {}", self.number)
    }
}

impl StaffConfig {
    /// As customers see them.
    #[must_use]
    pub fn card(&self) -> StaffCard {
        let Self { number, first_name, photo, role, badge_sha256: _, pin_hash: _ } = self;
        StaffCard { staff: number.clone(), first_name: first_name.clone(), photo: photo.clone(), role: role.clone() }
    }
}

/// Text that stands for a PIN in the configuration.
#[must_use]
pub fn hash_pin(pin: &str, salt: [u8; 16], rounds: NonZeroU32) -> String {
    let mut hash = [0; 32];
    pbkdf2::derive(PBKDF2_HMAC_SHA256, rounds, &salt, pin.as_bytes(), &mut hash);
    format!("{SCHEME}${rounds}${}${}", hex::encode(salt), hex::encode(hash))
}

/// Text that stands for a badge in the configuration.
#[must_use]
pub fn badge_hash(badge: &str) -> String {
    hex::encode(Sha256::digest(badge.as_bytes()))
}

/// Whether a PIN can be one.
#[must_use]
pub fn is_pin(pin: &str) -> bool {
    PIN_DIGITS.contains(&pin.len()) && pin.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_pin_of(hash: &str, pin: &str) -> bool {
    let mut parts = hash.split('$');
    let (Some(SCHEME), Some(rounds), Some(salt), Some(hash), None) = (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let (Ok(rounds), Ok(salt), Ok(hash)) = (rounds.parse::<NonZeroU32>(), hex::decode(salt), hex::decode(hash)) else { return false };
    rounds.get() >= ROUNDS_MIN && pbkdf2::verify(PBKDF2_HMAC_SHA256, rounds, &salt, pin.as_bytes(), &hash).is_ok()
}

/// The member of staff whose badge and PIN these are. Slow on purpose: not for a thread that serves.
#[must_use]
pub fn find<'a>(roster: &'a [StaffConfig], badge: &str, pin: &str) -> Option<&'a StaffConfig> {
    let badge = badge_hash(badge);
    match roster.iter().find(|member| member.badge_sha256 == badge) {
        Some(member) => is_pin_of(&member.pin_hash, pin).then_some(member),
        None => {
            // The time that an answer takes does not tell which badges there are.
            if let Some(other) = roster.first() {
                is_pin_of(&other.pin_hash, pin);
            }
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(badge: &str, pin: &str) -> StaffConfig {
        StaffConfig {
            number: "1042".to_owned(),
            first_name: "Mia".to_owned(),
            photo: None,
            role: "Beratung".to_owned(),
            badge_sha256: badge_hash(badge),
            pin_hash: hash_pin(pin, [7; 16], NonZeroU32::new(ROUNDS_MIN).unwrap()),
        }
    }

    #[test]
    fn badge_and_pin_belong_together() {
        let roster = [member("B-1", "493817"), member("B-2", "271828")];
        assert_eq!(find(&roster, "B-1", "493817").map(|found| found.number.as_str()), Some("1042"));
        assert!(find(&roster, "B-1", "271828").is_none());
        assert!(find(&roster, "B-3", "493817").is_none());
    }

    #[test]
    fn a_hash_of_few_rounds_or_another_scheme_admits_nobody() {
        let weak = StaffConfig { pin_hash: hash_pin("493817", [7; 16], NonZeroU32::MIN), ..member("B-1", "493817") };
        let plain = StaffConfig { pin_hash: "493817".to_owned(), ..member("B-1", "493817") };
        assert!(find(&[weak], "B-1", "493817").is_none());
        assert!(find(&[plain], "B-1", "493817").is_none());
        assert!(!is_pin("12a4") && !is_pin("123") && is_pin("1234"));
    }
}
