//! Whether a value fits its identifier.
//!
//! Owns one rule per kind of content. Takes the parts of a row with a value, and the day. On failure: [`ValueError`] says what was expected.
use chrono::{Datelike, NaiveDate};
use thiserror::Error;

use super::check;
use super::code_lists::{is_country, is_country_by_letters, is_currency};
use super::table::{Part, Rule, Set};

/// Digits with which identifiers of a company begin.
const COMPANY_PREFIX_MIN: usize = 4;
/// Tenths of microdegrees: 180 and 360 degrees.
const LATITUDE_MAX: u64 = 1_800_000_000;
const LONGITUDE_MAX: u64 = 3_600_000_000;
/// Shortest account number: that of Norway.
const IBAN_MIN: usize = 15;
/// Years of two digits reach so far back; the other 50 lie ahead.
const YEARS_BACK: i32 = 49;

/// Why a value does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ValueError {
    #[error("the value is empty")]
    Empty,
    #[error("the value is too short")]
    TooShort,
    #[error("the value is too long")]
    TooLong,
    #[error("{0:?} is not a digit")]
    NotDigit(char),
    #[error("{0:?} is not one of the characters of this identifier")]
    Character(char),
    #[error("wrong check digit: {0} is right")]
    CheckDigit(char),
    #[error("wrong check characters: {0}{1} are right")]
    CheckPair(char, char),
    #[error("too short, or long, for check characters")]
    CheckPairLength,
    #[error("a company prefix of at least {COMPANY_PREFIX_MIN} digits comes first")]
    CompanyPrefix,
    #[error("not a country of ISO 3166")]
    Country,
    #[error("not a currency of ISO 4217")]
    Currency,
    #[error("coupons are not read")]
    Coupon,
    #[error("no such month")]
    Month,
    #[error("no such day")]
    Day,
    #[error("no such hour")]
    Hour,
    #[error("no such minute or second")]
    Minute,
    #[error("a character that is no digit must be among them")]
    NonDigitMissing,
    #[error("only a hyphen may follow")]
    Hyphen,
    #[error("an account number has {IBAN_MIN} characters or more, capitals and digits")]
    IbanCharacters,
    #[error("wrong check digits of the account number")]
    IbanCheck,
    #[error("the importer index is a letter, a digit, a hyphen or an underscore")]
    ImporterIndex,
    #[error("a latitude is at most {LATITUDE_MAX}")]
    Latitude,
    #[error("a longitude is at most {LONGITUDE_MAX}")]
    Longitude,
    #[error("not a media type of GS1")]
    MediaType,
    #[error("begins with a zero")]
    LeadingZero,
    #[error("is zero")]
    Zero,
    #[error("must be zero")]
    NotZero,
    #[error("a percent sign is followed by two hexadecimal digits")]
    PercentSequence,
    #[error("a piece is one of a total, and neither is 0")]
    Piece,
    #[error("a position is 1/1 to 9/9, and not above its total")]
    Position,
    #[error("not a code of ISO 5218: 0, 1, 2, 9")]
    Sex,
    #[error("a winding direction is 0, 1 or 9")]
    Winding,
    #[error("0 or 1")]
    YesNo,
    #[error("wrong padding")]
    Padding,
    #[error("capitals and digits")]
    Capitals,
}

/// Checks a value part by part.
///
/// # Errors
/// [`ValueError`].
pub fn check(parts: &[Part], value: &str, today: NaiveDate) -> Result<(), ValueError> {
    if value.is_empty() {
        return Err(ValueError::Empty);
    }
    let mut rest = value;
    for part in parts {
        if rest.is_empty() && part.optional {
            break;
        }
        // Characters that are not ASCII belong to no set: the first of them is named before it could be cut in two.
        let length = rest.char_indices().nth(part.max).map_or(rest.len(), |(at, _)| at);
        let (taken, after) = rest.split_at(length);
        for character in taken.chars() {
            in_set(part.set, character)?;
        }
        if taken.len() < part.min {
            return Err(ValueError::TooShort);
        }
        for rule in part.rules {
            keeps(*rule, taken, today)?;
        }
        rest = after;
    }
    if rest.is_empty() { Ok(()) } else { Err(ValueError::TooLong) }
}

fn in_set(set: Set, character: char) -> Result<(), ValueError> {
    let fits = match set {
        Set::Digits if character.is_ascii_digit() => true,
        Set::Digits => return Err(ValueError::NotDigit(character)),
        Set::Eighty2 => u8::try_from(character).is_ok_and(|octet| check::CHARACTERS_82.contains(&octet)),
        Set::Thirty9 => character.is_ascii_digit() || character.is_ascii_uppercase() || matches!(character, '#' | '-' | '/'),
        Set::Base64 => character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '='),
    };
    if fits { Ok(()) } else { Err(ValueError::Character(character)) }
}

fn ensure(holds: bool, error: ValueError) -> Result<(), ValueError> {
    if holds { Ok(()) } else { Err(error) }
}

/// A number of digits, which were counted before: at most ten here.
fn number(digits: &str) -> u64 {
    digits.parse().unwrap_or(u64::MAX)
}

fn keeps(rule: Rule, text: &str, today: NaiveDate) -> Result<(), ValueError> {
    let octets = text.as_bytes();
    match rule {
        Rule::Base64 => base64(text),
        Rule::CapitalsAndDigits => {
            ensure(octets.iter().all(|octet| octet.is_ascii_uppercase() || octet.is_ascii_digit()), ValueError::Capitals)
        }
        Rule::CheckDigit => check_digit(octets),
        Rule::CheckPair => check_pair(octets),
        Rule::CompanyPrefix => {
            let prefix = octets.get(..COMPANY_PREFIX_MIN);
            ensure(prefix.is_some_and(|prefix| prefix.iter().all(u8::is_ascii_digit)), ValueError::CompanyPrefix)
        }
        Rule::Country => ensure(text.parse().is_ok_and(is_country), ValueError::Country),
        Rule::CountryOr999 => ensure(text == "999" || text.parse().is_ok_and(is_country), ValueError::Country),
        Rule::CountryByLetters => ensure(octets.try_into().is_ok_and(is_country_by_letters), ValueError::Country),
        Rule::Coupon => Err(ValueError::Coupon),
        Rule::Currency => ensure(text.parse().is_ok_and(is_currency), ValueError::Currency),
        Rule::Date => date(text, false, today),
        Rule::DateDay00 => date(text, true, today),
        Rule::LongDate => long_date(text),
        Rule::HasNonDigit => ensure(!octets.iter().all(u8::is_ascii_digit), ValueError::NonDigitMissing),
        Rule::Hour => ensure(number(text) < 24, ValueError::Hour),
        Rule::Minute => ensure(number(text) < 60, ValueError::Minute),
        Rule::HourMinute => {
            let (hour, minute) = text.split_at_checked(2).ok_or(ValueError::TooShort)?;
            ensure(number(hour) < 24, ValueError::Hour)?;
            ensure(number(minute) < 60, ValueError::Minute)
        }
        Rule::Hyphen => ensure(text == "-", ValueError::Hyphen),
        Rule::Iban => iban(octets),
        Rule::ImporterIndex => {
            ensure(octets.iter().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_')), ValueError::ImporterIndex)
        }
        Rule::Latitude => ensure(number(text) <= LATITUDE_MAX, ValueError::Latitude),
        Rule::Longitude => ensure(number(text) <= LONGITUDE_MAX, ValueError::Longitude),
        Rule::MediaType => ensure(matches!(number(text), 1..=10 | 80..=99), ValueError::MediaType),
        Rule::NoLeadingZero => ensure(text == "0" || !text.starts_with('0'), ValueError::LeadingZero),
        Rule::NonZero => ensure(number(text) != 0, ValueError::Zero),
        Rule::Zero => ensure(number(text) == 0, ValueError::NotZero),
        Rule::PercentEncoded => percent_encoded(octets),
        Rule::PieceOfTotal => {
            let (piece, total) = text.split_at_checked(2).ok_or(ValueError::TooShort)?;
            ensure((1..=number(total)).contains(&number(piece)), ValueError::Piece)
        }
        Rule::PositionOf => match octets {
            [position @ b'1'..=b'9', b'/', total @ b'1'..=b'9'] => ensure(position <= total, ValueError::Position),
            _ => Err(ValueError::Position),
        },
        Rule::Sex => ensure(matches!(text, "0" | "1" | "2" | "9"), ValueError::Sex),
        Rule::Winding => ensure(matches!(text, "0" | "1" | "9"), ValueError::Winding),
        Rule::YesNo => ensure(matches!(text, "0" | "1"), ValueError::YesNo),
    }
}

fn base64(text: &str) -> Result<(), ValueError> {
    let data = text.trim_end_matches('=');
    let padding = text.len() - data.len();
    ensure(!data.contains('=') && padding <= 2 && (padding == 0 || text.len().is_multiple_of(3)), ValueError::Padding)
}

fn check_digit(octets: &[u8]) -> Result<(), ValueError> {
    let (last, body) = octets.split_last().ok_or(ValueError::TooShort)?;
    let right = check::digit(body).ok_or(ValueError::TooShort)?;
    ensure(right == *last, ValueError::CheckDigit(char::from(right)))
}

fn check_pair(octets: &[u8]) -> Result<(), ValueError> {
    let (body, last) = octets.split_last_chunk::<2>().ok_or(ValueError::CheckPairLength)?;
    let right = check::pair(body).ok_or(ValueError::CheckPairLength)?;
    let [high, low] = right.map(char::from);
    ensure(right == *last, ValueError::CheckPair(high, low))
}

/// The year of two digits that lies nearest ahead or behind.
pub(super) fn full_year(two_digits: i32, today: NaiveDate) -> i32 {
    let earliest = today.year() - YEARS_BACK;
    earliest + (two_digits - earliest).rem_euclid(100)
}

fn date(text: &str, day_00: bool, today: NaiveDate) -> Result<(), ValueError> {
    let (year, month_day) = text.split_at_checked(2).ok_or(ValueError::TooShort)?;
    let year = year.parse().map_err(|_| ValueError::TooShort)?;
    day_of(full_year(year, today), month_day, day_00)
}

fn long_date(text: &str) -> Result<(), ValueError> {
    let (year, month_day) = text.split_at_checked(4).ok_or(ValueError::TooShort)?;
    day_of(year.parse().map_err(|_| ValueError::TooShort)?, month_day, false)
}

fn day_of(year: i32, month_day: &str, day_00: bool) -> Result<(), ValueError> {
    let (month, day) = month_day.split_at_checked(2).ok_or(ValueError::TooShort)?;
    let (month, day): (u32, u32) = month.parse().ok().zip(day.parse().ok()).ok_or(ValueError::TooShort)?;
    ensure((1..=12).contains(&month), ValueError::Month)?;
    ensure((day == 0 && day_00) || NaiveDate::from_ymd_opt(year, month, day).is_some(), ValueError::Day)
}

fn iban(octets: &[u8]) -> Result<(), ValueError> {
    let characters = octets.iter().all(|octet| octet.is_ascii_digit() || octet.is_ascii_uppercase());
    ensure(characters && octets.len() >= IBAN_MIN, ValueError::IbanCharacters)?;
    let (head, account) = octets.split_first_chunk::<4>().ok_or(ValueError::IbanCharacters)?;
    let [a, b, c, d] = *head;
    ensure(is_country_by_letters([a, b]), ValueError::Country)?;
    ensure(c.is_ascii_digit() && d.is_ascii_digit(), ValueError::IbanCharacters)?;
    // Letters count from 10; the whole, with its head at the end, is 1 modulo 97.
    let rest = account.iter().chain(head).fold(0u32, |rest, octet| {
        if octet.is_ascii_digit() { (rest * 10 + u32::from(octet - b'0')) % 97 } else { (rest * 100 + u32::from(octet - b'A') + 10) % 97 }
    });
    ensure(rest == 1, ValueError::IbanCheck)
}

fn percent_encoded(octets: &[u8]) -> Result<(), ValueError> {
    let mut octets = octets.iter();
    while let Some(octet) = octets.next() {
        if *octet == b'%' {
            let two = [octets.next(), octets.next()];
            ensure(two.iter().all(|octet| octet.is_some_and(u8::is_ascii_hexdigit)), ValueError::PercentSequence)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_of_two_digits_lies_within_49_years_back_and_50_ahead() {
        let today = NaiveDate::from_ymd_opt(2026, 1, 27).unwrap();
        assert_eq!([full_year(77, today), full_year(76, today), full_year(26, today), full_year(0, today)], [1977, 2076, 2026, 2000]);
    }

    #[test]
    fn the_29th_of_february_depends_on_the_century_that_the_day_gives() {
        let of = |year| NaiveDate::from_ymd_opt(year, 6, 1).unwrap();
        assert_eq!(date("000229", false, of(2026)), Ok(()));
        assert_eq!(date("000229", false, of(2090)), Err(ValueError::Day));
        assert_eq!(date("230229", true, of(2026)), Err(ValueError::Day));
        assert_eq!(date("230200", true, of(2026)), Ok(()));
        assert_eq!(date("230200", false, of(2026)), Err(ValueError::Day));
    }

    #[test]
    fn an_account_number_is_checked() {
        assert_eq!(iban(b"GB82WEST12345698765432"), Ok(()));
        assert_eq!(iban(b"DE89370400440532013000"), Ok(()));
        assert_eq!(iban(b"NO9386011117947"), Ok(()));
        assert_eq!(iban(b"GB82WEST12345698765431"), Err(ValueError::IbanCheck));
        assert_eq!(iban(b"XX82WEST12345698765432"), Err(ValueError::Country));
    }
}
