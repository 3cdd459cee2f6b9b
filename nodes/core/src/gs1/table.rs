//! The table of application identifiers.
//!
//! Owns the format of each identifier of the General Specifications, after the public syntax dictionary of January 2026. Takes digits. Emits
//! the row they name. Cannot fail: what is not in the table is `None`.

/// Which characters a part is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Set {
    Digits,
    /// The 82 characters of most identifiers.
    Eighty2,
    /// The 39 characters of part numbers.
    Thirty9,
    /// Characters of base64 in links, with padding.
    Base64,
}

/// What a part's content must be, beyond its characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    Base64,
    CapitalsAndDigits,
    CheckDigit,
    CheckPair,
    /// Begins with at least four digits.
    CompanyPrefix,
    Country,
    CountryByLetters,
    CountryOr999,
    Coupon,
    Currency,
    Date,
    /// A date whose day may be 00: the end of the month, or any day of it.
    DateDay00,
    HasNonDigit,
    Hour,
    HourMinute,
    Hyphen,
    Iban,
    ImporterIndex,
    Latitude,
    LongDate,
    Longitude,
    MediaType,
    Minute,
    NoLeadingZero,
    NonZero,
    PercentEncoded,
    PieceOfTotal,
    PositionOf,
    Sex,
    Winding,
    YesNo,
    Zero,
}

use Rule::{
    Base64, CapitalsAndDigits, CheckDigit, CheckPair, CompanyPrefix, Country, CountryByLetters, CountryOr999, Coupon, Currency, Date,
    DateDay00, HasNonDigit, Hour, HourMinute, Hyphen, Iban, ImporterIndex, Latitude, LongDate, Longitude, MediaType, Minute, NoLeadingZero,
    NonZero, PercentEncoded, PieceOfTotal, PositionOf, Sex, Winding, YesNo, Zero,
};

/// A part of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    pub set: Set,
    pub min: usize,
    pub max: usize,
    pub optional: bool,
    pub rules: &'static [Rule],
}

impl Part {
    const fn is(self, rules: &'static [Rule]) -> Self {
        Self { rules, ..self }
    }
    const fn optional(self) -> Self {
        Self { optional: true, ..self }
    }
}

/// An identifier, or several that differ in the last digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    stem: &'static str,
    last: Option<(u8, u8)>,
    /// The value's length is known by its first digits: no separator follows.
    pub predefined: bool,
    /// May stand in the query of a Digital Link.
    pub attribute: bool,
    pub parts: &'static [Part],
}

impl Row {
    const fn predefined(self) -> Self {
        Self { predefined: true, ..self }
    }
    const fn not_attribute(self) -> Self {
        Self { attribute: false, ..self }
    }
    const fn last(self, from: u8, to: u8) -> Self {
        Self { last: Some((b'0' + from, b'0' + to)), ..self }
    }

    /// Digits of the identifier.
    const fn length(&self) -> usize {
        self.stem.len() + if self.last.is_some() { 1 } else { 0 }
    }

    fn begins(&self, text: &str) -> bool {
        let Some(rest) = text.strip_prefix(self.stem) else { return false };
        match self.last {
            None => true,
            Some((from, to)) => rest.bytes().next().is_some_and(|last| (from..=to).contains(&last)),
        }
    }
}

const fn row(stem: &'static str, parts: &'static [Part]) -> Row {
    Row { stem, last: None, predefined: false, attribute: true, parts }
}
const fn part(set: Set, min: usize, max: usize) -> Part {
    Part { set, min, max, optional: false, rules: &[] }
}
const fn n(length: usize) -> Part {
    part(Set::Digits, length, length)
}
const fn n_to(max: usize) -> Part {
    part(Set::Digits, 1, max)
}
const fn x(length: usize) -> Part {
    part(Set::Eighty2, length, length)
}
const fn x_to(max: usize) -> Part {
    part(Set::Eighty2, 1, max)
}
const fn y_to(max: usize) -> Part {
    part(Set::Thirty9, 1, max)
}
const fn z_to(max: usize) -> Part {
    part(Set::Base64, 1, max)
}

/// No identifier begins with another.
static ROWS: [Row; 171] = [
    row("00", &[n(18).is(&[CheckDigit])]).predefined(),
    row("01", &[n(14).is(&[CheckDigit])]).predefined(),
    row("02", &[n(14).is(&[CheckDigit])]).predefined(),
    row("03", &[n(14).is(&[CheckDigit])]).predefined().not_attribute(),
    row("10", &[x_to(20)]),
    row("11", &[n(6).is(&[DateDay00])]).predefined(),
    row("12", &[n(6).is(&[DateDay00])]).predefined(),
    row("13", &[n(6).is(&[DateDay00])]).predefined(),
    row("15", &[n(6).is(&[DateDay00])]).predefined(),
    row("16", &[n(6).is(&[DateDay00])]).predefined(),
    row("17", &[n(6).is(&[DateDay00])]).predefined(),
    row("20", &[n(2)]).predefined(),
    row("21", &[x_to(20)]).not_attribute(),
    row("22", &[x_to(20)]).not_attribute(),
    row("235", &[x_to(28)]).not_attribute(),
    row("240", &[x_to(30)]),
    row("241", &[x_to(30)]),
    row("242", &[n_to(6)]),
    row("243", &[x_to(20)]),
    row("250", &[x_to(30)]),
    row("251", &[x_to(30)]),
    row("253", &[n(13).is(&[CheckDigit]), x_to(17).optional()]),
    row("254", &[x_to(20)]).not_attribute(),
    row("255", &[n(13).is(&[CheckDigit]), n_to(12).optional()]),
    row("30", &[n_to(8)]),
    row("310", &[n(6)]).last(0, 5).predefined(),
    row("311", &[n(6)]).last(0, 5).predefined(),
    row("312", &[n(6)]).last(0, 5).predefined(),
    row("313", &[n(6)]).last(0, 5).predefined(),
    row("314", &[n(6)]).last(0, 5).predefined(),
    row("315", &[n(6)]).last(0, 5).predefined(),
    row("316", &[n(6)]).last(0, 5).predefined(),
    row("320", &[n(6)]).last(0, 5).predefined(),
    row("321", &[n(6)]).last(0, 5).predefined(),
    row("322", &[n(6)]).last(0, 5).predefined(),
    row("323", &[n(6)]).last(0, 5).predefined(),
    row("324", &[n(6)]).last(0, 5).predefined(),
    row("325", &[n(6)]).last(0, 5).predefined(),
    row("326", &[n(6)]).last(0, 5).predefined(),
    row("327", &[n(6)]).last(0, 5).predefined(),
    row("328", &[n(6)]).last(0, 5).predefined(),
    row("329", &[n(6)]).last(0, 5).predefined(),
    row("330", &[n(6)]).last(0, 5).predefined(),
    row("331", &[n(6)]).last(0, 5).predefined(),
    row("332", &[n(6)]).last(0, 5).predefined(),
    row("333", &[n(6)]).last(0, 5).predefined(),
    row("334", &[n(6)]).last(0, 5).predefined(),
    row("335", &[n(6)]).last(0, 5).predefined(),
    row("336", &[n(6)]).last(0, 5).predefined(),
    row("337", &[n(6)]).last(0, 5).predefined(),
    row("340", &[n(6)]).last(0, 5).predefined(),
    row("341", &[n(6)]).last(0, 5).predefined(),
    row("342", &[n(6)]).last(0, 5).predefined(),
    row("343", &[n(6)]).last(0, 5).predefined(),
    row("344", &[n(6)]).last(0, 5).predefined(),
    row("345", &[n(6)]).last(0, 5).predefined(),
    row("346", &[n(6)]).last(0, 5).predefined(),
    row("347", &[n(6)]).last(0, 5).predefined(),
    row("348", &[n(6)]).last(0, 5).predefined(),
    row("349", &[n(6)]).last(0, 5).predefined(),
    row("350", &[n(6)]).last(0, 5).predefined(),
    row("351", &[n(6)]).last(0, 5).predefined(),
    row("352", &[n(6)]).last(0, 5).predefined(),
    row("353", &[n(6)]).last(0, 5).predefined(),
    row("354", &[n(6)]).last(0, 5).predefined(),
    row("355", &[n(6)]).last(0, 5).predefined(),
    row("356", &[n(6)]).last(0, 5).predefined(),
    row("357", &[n(6)]).last(0, 5).predefined(),
    row("360", &[n(6)]).last(0, 5).predefined(),
    row("361", &[n(6)]).last(0, 5).predefined(),
    row("362", &[n(6)]).last(0, 5).predefined(),
    row("363", &[n(6)]).last(0, 5).predefined(),
    row("364", &[n(6)]).last(0, 5).predefined(),
    row("365", &[n(6)]).last(0, 5).predefined(),
    row("366", &[n(6)]).last(0, 5).predefined(),
    row("367", &[n(6)]).last(0, 5).predefined(),
    row("368", &[n(6)]).last(0, 5).predefined(),
    row("369", &[n(6)]).last(0, 5).predefined(),
    row("37", &[n_to(8)]),
    row("390", &[n_to(15)]).last(0, 9),
    row("391", &[n(3).is(&[Currency]), n_to(15)]).last(0, 9),
    row("392", &[n_to(15)]).last(0, 9),
    row("393", &[n(3).is(&[Currency]), n_to(15)]).last(0, 9),
    row("394", &[n(4)]).last(0, 3),
    row("395", &[n(6)]).last(0, 5),
    row("400", &[x_to(30)]),
    row("401", &[x_to(30).is(&[CompanyPrefix])]),
    row("402", &[n(17).is(&[CheckDigit])]),
    row("403", &[x_to(30)]),
    row("41", &[n(13).is(&[CheckDigit])]).last(0, 7).predefined(),
    row("420", &[x_to(20)]),
    row("421", &[n(3).is(&[Country]), x_to(9)]),
    row("422", &[n(3).is(&[Country])]),
    row(
        "423",
        &[
            n(3).is(&[Country]),
            n(3).is(&[Country]).optional(),
            n(3).is(&[Country]).optional(),
            n(3).is(&[Country]).optional(),
            n(3).is(&[Country]).optional(),
        ],
    ),
    row("424", &[n(3).is(&[Country])]),
    row(
        "425",
        &[
            n(3).is(&[Country]),
            n(3).is(&[Country]).optional(),
            n(3).is(&[Country]).optional(),
            n(3).is(&[Country]).optional(),
            n(3).is(&[Country]).optional(),
        ],
    ),
    row("426", &[n(3).is(&[Country])]),
    row("427", &[x_to(3)]),
    row("430", &[x_to(35).is(&[PercentEncoded])]).last(0, 1),
    row("430", &[x_to(70).is(&[PercentEncoded])]).last(2, 6),
    row("4307", &[x(2).is(&[CountryByLetters])]),
    row("4308", &[x_to(30)]),
    row("4309", &[n(10).is(&[Latitude]), n(10).is(&[Longitude])]),
    row("431", &[x_to(35).is(&[PercentEncoded])]).last(0, 1),
    row("431", &[x_to(70).is(&[PercentEncoded])]).last(2, 6),
    row("4317", &[x(2).is(&[CountryByLetters])]),
    row("4318", &[x_to(20)]),
    row("4319", &[x_to(30)]),
    row("4320", &[x_to(35).is(&[PercentEncoded])]),
    row("432", &[n(1).is(&[YesNo])]).last(1, 3),
    row("432", &[n(6).is(&[DateDay00]), n(4).is(&[HourMinute])]).last(4, 5),
    row("4326", &[n(6).is(&[Date])]),
    row("433", &[n(6), x(1).is(&[Hyphen]).optional()]).last(0, 3),
    row("7001", &[n(13)]),
    row("7002", &[x_to(30)]),
    row("7003", &[n(6).is(&[Date]), n(4).is(&[HourMinute])]),
    row("7004", &[n_to(4)]),
    row("7005", &[x_to(12)]),
    row("7006", &[n(6).is(&[Date])]),
    row("7007", &[n(6).is(&[Date]), n(6).is(&[Date]).optional()]),
    row("7008", &[x_to(3)]),
    row("7009", &[x_to(10)]),
    row("7010", &[x_to(2)]),
    row("7011", &[n(6).is(&[Date]), n(4).is(&[HourMinute]).optional()]),
    row("702", &[x_to(20)]).last(0, 2),
    row("7023", &[x_to(30).is(&[CompanyPrefix])]),
    row("703", &[n(3).is(&[CountryOr999]), x_to(27)]).last(0, 9),
    row("7040", &[n(1), x(1), x(1), x(1).is(&[ImporterIndex])]).not_attribute(),
    row("7041", &[x_to(4).is(&[CapitalsAndDigits])]).not_attribute(),
    row("71", &[x_to(20)]).last(0, 7),
    row("723", &[x(2), x_to(28)]).last(0, 9),
    row("7240", &[x_to(20)]),
    row("7241", &[n(2).is(&[MediaType])]),
    row("7242", &[x_to(25)]),
    row("7250", &[n(8).is(&[LongDate])]),
    row("7251", &[n(8).is(&[LongDate]), n(4).is(&[HourMinute])]),
    row("7252", &[n(1).is(&[Sex])]),
    row("725", &[x_to(40).is(&[PercentEncoded])]).last(3, 4),
    row("7255", &[x_to(10)]),
    row("7256", &[x_to(90).is(&[PercentEncoded])]),
    row("7257", &[x_to(70).is(&[PercentEncoded])]),
    row("7258", &[x(3).is(&[PositionOf])]),
    row("7259", &[x_to(40).is(&[PercentEncoded])]),
    row("8001", &[n(4).is(&[NonZero]), n(5).is(&[NonZero]), n(3).is(&[NonZero]), n(1).is(&[Winding]), n(1)]),
    row("8002", &[x_to(20)]),
    row("8003", &[n(1).is(&[Zero]), n(13).is(&[CheckDigit]), x_to(16).optional()]),
    row("8004", &[x_to(30).is(&[CompanyPrefix])]),
    row("8005", &[n(6)]),
    row("8006", &[n(14).is(&[CheckDigit]), n(4).is(&[PieceOfTotal])]),
    row("8007", &[x_to(34).is(&[Iban])]),
    row("8008", &[n(6).is(&[Date]), n(2).is(&[Hour]), n(2).is(&[Minute]).optional(), n(2).is(&[Minute]).optional()]),
    row("8009", &[x_to(50)]),
    row("8010", &[y_to(30).is(&[CompanyPrefix])]),
    row("8011", &[n_to(12).is(&[NoLeadingZero])]).not_attribute(),
    row("8012", &[x_to(20)]),
    row("8013", &[x_to(25).is(&[CheckPair, CompanyPrefix])]),
    row("8014", &[x_to(25).is(&[CheckPair, CompanyPrefix, HasNonDigit])]).not_attribute(),
    row("801", &[n(18).is(&[CheckDigit])]).last(7, 8),
    row("8019", &[n_to(10)]).not_attribute(),
    row("8020", &[x_to(25)]).not_attribute(),
    row("8026", &[n(14).is(&[CheckDigit]), n(4).is(&[PieceOfTotal])]),
    row("8030", &[z_to(90).is(&[Base64])]),
    row("804", &[n(15)]).last(0, 1).not_attribute(),
    row("8042", &[n(32)]).not_attribute(),
    row("8043", &[n(18), n_to(2).optional()]).not_attribute(),
    row("8110", &[x_to(70).is(&[Coupon])]),
    row("8111", &[n(4)]),
    row("8112", &[x_to(70).is(&[Coupon])]),
    row("8200", &[x_to(70)]).not_attribute(),
    row("90", &[x_to(30)]),
    row("9", &[x_to(90)]).last(1, 9),
];

/// Identifiers that are not assigned yet: whether their values have a predefined length goes by the first two digits.
static PREDEFINED: [(u8, u8, Row); 7] = [
    (0, 0, row("", &[n(18)]).predefined()),
    (1, 3, row("", &[n(14)]).predefined()),
    (4, 4, row("", &[n(16)]).predefined()),
    (11, 19, row("", &[n(6)]).predefined()),
    (20, 20, row("", &[n(2)]).predefined()),
    (31, 36, row("", &[n(6)]).predefined()),
    (41, 41, row("", &[n(13)]).predefined()),
];
static UNASSIGNED: Row = row("", &[x_to(90)]);

/// The row of an identifier.
#[must_use]
pub fn find(ai: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.length() == ai.len() && row.begins(ai))
}

/// The identifier that a text begins with, and its row.
#[must_use]
pub fn begins_with(text: &str) -> Option<(&str, &'static Row)> {
    let row = ROWS.iter().find(|row| row.begins(text))?;
    Some((text.get(..row.length())?, row))
}

/// The format of an identifier that is not in the table, if one of these digits may yet be assigned.
#[must_use]
pub fn unassigned(ai: &str) -> Option<&'static Row> {
    let prefix = ai.get(..2)?;
    // All identifiers with the same first two digits are equally long.
    if ROWS.iter().any(|row| row.stem.starts_with(prefix) && row.length() != ai.len()) {
        return None;
    }
    let prefix: u8 = prefix.parse().ok()?;
    if (91..=99).contains(&prefix) && ai.len() > 2 {
        return None;
    }
    Some(PREDEFINED.iter().find(|(from, to, _)| (*from..=*to).contains(&prefix)).map_or(&UNASSIGNED, |(_, _, row)| row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_identifier_begins_with_another() {
        let all: Vec<String> = (0..10_000).flat_map(|n| [format!("{n:02}"), format!("{n:03}"), format!("{n:04}")]).collect();
        let known: std::collections::BTreeSet<&str> =
            all.iter().map(String::as_str).filter(|ai| ai.len() <= 4 && find(ai).is_some()).collect();
        for ai in &known {
            assert_eq!(begins_with(ai).map(|(begun, _)| begun), Some(*ai));
            assert!((2..ai.len()).all(|length| !known.contains(&ai[..length])), "{ai}");
        }
        // As many as the public dictionary lists: 318 of them are measures of products and logistic units.
        assert_eq!(known.len(), 541);
    }

    #[test]
    fn unassigned_identifiers_have_the_length_of_their_neighbours() {
        assert!(unassigned("89").is_some() && unassigned("8999").is_some());
        assert!(unassigned("999").is_none() && unassigned("31").is_none() && unassigned("8").is_none());
        assert_eq!(unassigned("14").map(|row| row.predefined), Some(true));
    }
}
