//! Identity basics: identifiers in normal and stored form, and the e-mail code that proves one (DOMAIN 9).
//!
//! Owns [`NormalEmail`], [`IdentifierHash`] and the [`SignIn`] challenge. Takes what a person typed, the tenant's pepper, the instant and
//! the random draw of a code. Emits values to store; refusals are typed. The code itself is never stored, only its keyed hash.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use unicode_normalization::UnicodeNormalization;

use crate::ids::EventId;

/// Longest address that mail systems carry.
pub const EMAIL_BYTES_MAX: usize = 254;
/// Longest local part that mail systems carry.
pub const EMAIL_LOCAL_BYTES_MAX: usize = 64;
/// Life of a sign-in code.
pub const CODE_LIFE: TimeDelta = TimeDelta::minutes(10);
/// Wrong codes until the challenge is spent: 5 of a million leave a guesser nothing.
pub const CODE_TRIES_MAX: u8 = 5;
/// Codes that one identifier may be sent within [`CODE_WINDOW`]: a person who mistypes needs two or three.
pub const CODES_PER_WINDOW: usize = 5;
/// Window of [`CODES_PER_WINDOW`].
pub const CODE_WINDOW: TimeDelta = TimeDelta::hours(1);
/// Shortest time between two codes for one identifier, so that a double tap sends one mail.
pub const CODE_GAP: TimeDelta = TimeDelta::seconds(20);

const CODE_DIGITS: usize = 6;
const CODES: u64 = 1_000_000;

/// Kinds of identifier and the tag under which each is hashed. No tag is the beginning of another, so that `type ‖ value` is unambiguous.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdentifierKind {
    LoginSubject,
    Email,
    Phone,
    LoyaltyCard,
    PaymentToken,
    AppInstall,
    AnonymousWeb,
}

impl IdentifierKind {
    pub const ALL: [Self; 7] =
        [Self::LoginSubject, Self::Email, Self::Phone, Self::LoyaltyCard, Self::PaymentToken, Self::AppInstall, Self::AnonymousWeb];

    /// The tag in front of the hashed value.
    pub fn tag(self) -> &'static str {
        match self {
            Self::LoginSubject => "login_subject:",
            Self::Email => "email:",
            Self::Phone => "phone:",
            Self::LoyaltyCard => "loyalty_card:",
            Self::PaymentToken => "payment_token:",
            Self::AppInstall => "app_install:",
            Self::AnonymousWeb => "anonymous_web:",
        }
    }
}

/// Whether case matters before the `@`. Mail systems may distinguish it, hardly any does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalPartPolicy {
    Keep,
    LowerCase,
}

/// Why a text is not an e-mail address that we work with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EmailRefused {
    #[error("an e-mail address looks like name@example.com")]
    Malformed,
    #[error("an e-mail address has at most {EMAIL_BYTES_MAX} bytes")]
    TooLong,
    #[error("this address stands for nobody")]
    Blocked,
}

/// An address in normal form: NFKC, domain in lower case. Personal data: shown by neither `Debug` nor `Display`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct NormalEmail(String);

impl NormalEmail {
    /// Parses what a person typed.
    pub fn parse(typed: &str, policy: LocalPartPolicy) -> Result<Self, EmailRefused> {
        // Bounds the work below; normalising can lengthen a text by a small factor only.
        if typed.len() > EMAIL_BYTES_MAX * 2 {
            return Err(EmailRefused::TooLong);
        }
        let normal: String = typed.trim().nfkc().collect();
        let (local, domain) = normal.rsplit_once('@').ok_or(EmailRefused::Malformed)?;
        let local = match policy {
            LocalPartPolicy::Keep => local.to_owned(),
            LocalPartPolicy::LowerCase => local.to_lowercase(),
        };
        let domain = domain.to_lowercase();
        if !is_local_part(&local) || !is_domain(&domain) {
            return Err(EmailRefused::Malformed);
        }
        if local.len() > EMAIL_LOCAL_BYTES_MAX || local.len() + 1 + domain.len() > EMAIL_BYTES_MAX {
            return Err(EmailRefused::TooLong);
        }
        if is_blocked(&local) {
            return Err(EmailRefused::Blocked);
        }
        Ok(Self(format!("{local}@{domain}")))
    }

    /// The address, for the mail's envelope and the encrypted profile.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for NormalEmail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NormalEmail(…)")
    }
}

fn is_local_part(local: &str) -> bool {
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || "@<>()[]\\,;:\"".contains(c);
    !local.is_empty() && !local.contains(forbidden) && !local.starts_with('.') && !local.ends_with('.') && !local.contains("..")
}

fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c == '-' || c.is_alphanumeric())
    };
    domain.contains('.') && domain.split('.').all(is_label)
}

/// Values that systems write where they know no identifier. Linking them would join strangers, so they never link.
pub fn is_blocked(value: &str) -> bool {
    let value = value.trim().to_lowercase();
    let zeros = value.chars().all(|c| c == '0' || c == '-');
    zeros
        || matches!(
            value.as_str(),
            "-1" | "null" | "none" | "undefined" | "anonymous" | "test" | "tester" | "noreply" | "no-reply" | "unknown" | "n/a"
        )
}

/// Stored form of an identifier: `HMAC-SHA-256(pepper, type ‖ normal form)`. Personal data all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdentifierHash(pub [u8; 32]);

impl IdentifierHash {
    /// Hashes a normalised value under the tenant's pepper.
    pub fn of(pepper: &[u8; 32], kind: IdentifierKind, normalised: &str) -> Self {
        Self(keyed_hash(pepper, &[kind.tag().as_bytes(), normalised.as_bytes()]).finalize().into_bytes().into())
    }
}

fn keyed_hash(key: &[u8; 32], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac
}

/// A code as it is mailed and typed: six digits. Secret: not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct SignInCode([u8; CODE_DIGITS]);

impl SignInCode {
    /// Makes a code of a uniform 64-bit draw.
    pub fn from_draw(draw: u64) -> Self {
        let mut rest = draw % CODES;
        let mut digits = [b'0'; CODE_DIGITS];
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + u8::try_from(rest % 10).expect("a digit fits a byte");
            rest /= 10;
        }
        Self(digits)
    }

    /// Parses what a person typed; spaces are forgiven, because mail programs show `123 456`.
    pub fn parse(typed: &str) -> Option<Self> {
        if typed.len() > 32 {
            return None;
        }
        let digits: Vec<u8> = typed.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
        let digits: [u8; CODE_DIGITS] = digits.try_into().ok()?;
        digits.iter().all(u8::is_ascii_digit).then_some(Self(digits))
    }

    /// The digits, for the mail.
    pub fn expose(&self) -> &str {
        std::str::from_utf8(&self.0).expect("digits are UTF-8")
    }
}

impl fmt::Debug for SignInCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignInCode(…)")
    }
}

/// A challenge whose code was mailed and not yet given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    pub id: EventId,
    pub identifier: IdentifierHash,
    /// Keyed hash of the code, bound to this challenge.
    pub code_hash: [u8; 32],
    pub expires_at: DateTime<Utc>,
    pub tries_left: u8,
}

/// What giving a code did. Every outcome is to be committed before it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignInStep {
    /// The identifier is proved; the challenge is spent and must be deleted.
    Proved(IdentifierHash),
    /// Wrong; the challenge goes on with one try less.
    Wrong(SignIn),
    /// Wrong for the last time, or too late: the challenge must be deleted.
    Spent(SignInSpent),
}

/// Why a challenge cannot be answered any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignInSpent {
    #[error("the code has expired")]
    Expired,
    #[error("too many wrong codes")]
    TooManyTries,
}

/// Too many codes were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many codes were asked for")]
pub struct TooManyCodes {
    /// When asking again can succeed.
    pub retry_at: DateTime<Utc>,
}

impl SignIn {
    /// Opens a challenge, unless this identifier was sent too many codes. `issued` are the instants of its earlier codes, in any order.
    pub fn open(
        id: EventId,
        identifier: IdentifierHash,
        pepper: &[u8; 32],
        code: &SignInCode,
        issued: &[DateTime<Utc>],
        now: DateTime<Utc>,
    ) -> Result<Self, TooManyCodes> {
        let mut recent: Vec<DateTime<Utc>> = issued.iter().copied().filter(|at| *at > now - CODE_WINDOW).collect();
        recent.sort_unstable();
        if recent.len() >= CODES_PER_WINDOW {
            let frees_a_place = recent[recent.len() - CODES_PER_WINDOW];
            return Err(TooManyCodes { retry_at: frees_a_place + CODE_WINDOW });
        }
        if let Some(last) = recent.last()
            && *last + CODE_GAP > now
        {
            return Err(TooManyCodes { retry_at: *last + CODE_GAP });
        }
        Ok(Self {
            id,
            identifier,
            code_hash: code_mac(pepper, id, code).finalize().into_bytes().into(),
            expires_at: now + CODE_LIFE,
            tries_left: CODE_TRIES_MAX,
        })
    }

    /// Answers the challenge with a code.
    pub fn answer(self, pepper: &[u8; 32], code: &SignInCode, now: DateTime<Utc>) -> SignInStep {
        if self.expires_at <= now {
            return SignInStep::Spent(SignInSpent::Expired);
        }
        // `verify_slice` compares in constant time.
        if code_mac(pepper, self.id, code).verify_slice(&self.code_hash).is_ok() {
            return SignInStep::Proved(self.identifier);
        }
        match self.tries_left.saturating_sub(1) {
            0 => SignInStep::Spent(SignInSpent::TooManyTries),
            tries_left => SignInStep::Wrong(Self { tries_left, ..self }),
        }
    }
}

fn code_mac(pepper: &[u8; 32], id: EventId, code: &SignInCode) -> Hmac<Sha256> {
    keyed_hash(pepper, &[b"sign_in:", id.0.as_bytes(), &code.0])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    const PEPPER: [u8; 32] = [4; 32];

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_772_000_000 + seconds, 0).unwrap()
    }

    fn parse(typed: &str) -> Result<String, EmailRefused> {
        NormalEmail::parse(typed, LocalPartPolicy::Keep).map(|email| email.expose().to_owned())
    }

    fn challenge(issued: &[DateTime<Utc>], now: DateTime<Utc>) -> Result<SignIn, TooManyCodes> {
        let id = EventId(Uuid::from_u128(1));
        SignIn::open(id, IdentifierHash([1; 32]), &PEPPER, &SignInCode::from_draw(123_456), issued, now)
    }

    #[test]
    fn addresses_that_reach_the_same_box_have_one_normal_form() {
        let table = [
            ("anna@example.org", "anna@example.org"),
            ("  anna@EXAMPLE.org ", "anna@example.org"),
            ("Ａnna@example.org", "Anna@example.org"),
            ("anna@ＥＸＡＭＰＬＥ．org", "anna@example.org"),
            ("e\u{301}va@example.org", "\u{e9}va@example.org"),
            ("anna@BÜCHER.example", "anna@bücher.example"),
        ];
        for (typed, normal) in table {
            assert_eq!(parse(typed).as_deref(), Ok(normal), "{typed}");
        }
        let lower = NormalEmail::parse("Anna@Example.org", LocalPartPolicy::LowerCase).unwrap();
        assert_eq!(lower.expose(), "anna@example.org");
    }

    #[test]
    fn texts_that_are_no_address_are_refused() {
        for typed in [
            "",
            "@",
            "anna",
            "anna@",
            "@example.org",
            "a b@example.org",
            "anna@example",
            "anna@-x.org",
            "anna@x..org",
            ".a@x.org",
            "a..b@x.org",
            "a@b@",
            "a<b@x.org",
            "a\n@x.org",
        ] {
            assert_eq!(parse(typed), Err(EmailRefused::Malformed), "{typed:?}");
        }
        let long = format!("{}@example.org", "a".repeat(65));
        assert_eq!(parse(&long), Err(EmailRefused::TooLong));
        assert_eq!(parse(&format!("a@{}.org", "b".repeat(600))), Err(EmailRefused::TooLong));
    }

    #[test]
    fn values_that_stand_for_nobody_never_link() {
        for value in ["", "0", "0000", "00-00", "-1", "null", "NULL", "anonymous", "Test"] {
            assert!(is_blocked(value), "{value:?}");
        }
        assert!(!is_blocked("40001234"));
        assert_eq!(parse("anonymous@example.org"), Err(EmailRefused::Blocked));
    }

    #[test]
    fn a_stored_form_depends_on_kind_value_and_pepper() {
        let stored = IdentifierHash::of(&PEPPER, IdentifierKind::Email, "anna@example.org");
        assert_eq!(stored, IdentifierHash::of(&PEPPER, IdentifierKind::Email, "anna@example.org"));
        assert_ne!(stored, IdentifierHash::of(&PEPPER, IdentifierKind::Phone, "anna@example.org"));
        assert_ne!(stored, IdentifierHash::of(&PEPPER, IdentifierKind::Email, "anne@example.org"));
        assert_ne!(stored, IdentifierHash::of(&[5; 32], IdentifierKind::Email, "anna@example.org"));
    }

    #[test]
    fn no_identifier_tag_begins_another() {
        for one in IdentifierKind::ALL {
            for other in IdentifierKind::ALL {
                assert!(one == other || !one.tag().starts_with(other.tag()), "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn the_right_code_proves_the_identifier_until_it_expires() {
        let open = challenge(&[], at(0)).unwrap();
        let right = SignInCode::parse("123 456").unwrap();
        assert_eq!(open.clone().answer(&PEPPER, &right, at(599)), SignInStep::Proved(IdentifierHash([1; 32])));
        assert_eq!(open.answer(&PEPPER, &right, at(600)), SignInStep::Spent(SignInSpent::Expired));
    }

    #[test]
    fn the_fifth_wrong_code_spends_the_challenge() {
        let wrong = SignInCode::parse("000000").unwrap();
        let mut open = challenge(&[], at(0)).unwrap();
        for left in [4, 3, 2, 1] {
            open = match open.answer(&PEPPER, &wrong, at(1)) {
                SignInStep::Wrong(next) => next,
                other => panic!("expected another try, got {other:?}"),
            };
            assert_eq!(open.tries_left, left);
        }
        assert_eq!(open.answer(&PEPPER, &wrong, at(1)), SignInStep::Spent(SignInSpent::TooManyTries));
    }

    #[test]
    fn a_code_answers_only_the_challenge_it_was_sent_for() {
        let other = SignIn { id: EventId(Uuid::from_u128(2)), ..challenge(&[], at(0)).unwrap() };
        let code = SignInCode::from_draw(123_456);
        assert!(matches!(other.answer(&PEPPER, &code, at(1)), SignInStep::Wrong(_)));
    }

    #[test]
    fn codes_are_rationed_and_the_refusal_says_when_to_come_back() {
        assert_eq!(challenge(&[at(-5)], at(0)), Err(TooManyCodes { retry_at: at(15) }));
        let five: Vec<_> = [-3000, -60, -600, -1200, -2400].map(at).to_vec();
        let refused = challenge(&five, at(0)).unwrap_err();
        assert_eq!(refused.retry_at, at(600));
        assert!(challenge(&five, refused.retry_at).is_ok());
    }

    proptest! {
        #[test]
        fn every_draw_makes_six_digits_that_parse_back(draw in any::<u64>()) {
            let code = SignInCode::from_draw(draw);
            prop_assert_eq!(code.expose().len(), 6);
            prop_assert_eq!(SignInCode::parse(code.expose()), Some(code));
        }

        #[test]
        fn a_normal_form_is_its_own_normal_form(typed in "[a-zA-Z.ﬁÀ①]{1,8}@[a-zA-Z]{1,6}\\.[a-z]{2,3}") {
            if let Ok(normal) = parse(&typed) {
                prop_assert_eq!(parse(&normal), Ok(normal.clone()));
            }
        }
    }
}
