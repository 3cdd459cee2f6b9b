//! An application identifier with its value.
//!
//! Owns [`Element`], which exists only with a value that fits its identifier. Takes the two as text, and how to read them. Emits elements. On
//! failure: [`ElementError`].
use std::fmt;

use chrono::NaiveDate;
use thiserror::Error;

use super::table::{self, Row};
use super::value::{self, ValueError};

/// How texts are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Years of two digits lie within 49 years before and 50 after.
    pub today: NaiveDate,
    /// Products with 8, 12 or 13 digits in a link are taken as if their zeros were there.
    pub lenient_gtin: bool,
    /// The names that identifiers had in links of old.
    pub alpha_keys: bool,
    /// Identifiers that are not assigned are taken with any value.
    pub unknown_ais: bool,
    /// Nor may those stand in the query of a link.
    pub unknown_ai_not_dl_attr: bool,
}

impl Reading {
    /// As the standards say.
    #[must_use]
    pub const fn strict(today: NaiveDate) -> Self {
        Self { today, lenient_gtin: false, alpha_keys: false, unknown_ais: false, unknown_ai_not_dl_attr: true }
    }
}

/// An application identifier: two to four digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ai(String);

impl Ai {
    /// Shortest and longest identifier.
    const LENGTHS: std::ops::RangeInclusive<usize> = 2..=4;

    /// An identifier that looks like one, whether it is assigned or not.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = Self::LENGTHS.contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit());
        digits.then(|| Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Ai {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Ai {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({})", self.0)
    }
}

/// An identifier with a value that fits it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    ai: Ai,
    value: String,
    row: &'static Row,
}

/// Why two texts are no element.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ElementError {
    #[error("{0:?} is not 2 to 4 digits of an application identifier")]
    NotAnAi(String),
    #[error("({0}) is not an assigned application identifier")]
    Unassigned(Ai),
    #[error("({ai})")]
    Value {
        ai: Ai,
        #[source]
        source: ValueError,
    },
}

impl Element {
    /// An identifier with its value.
    ///
    /// # Errors
    /// [`ElementError`].
    pub fn new(ai: &str, value: &str, reading: &Reading) -> Result<Self, ElementError> {
        let ai = Ai::parse(ai).ok_or_else(|| ElementError::NotAnAi(ai.chars().take(20).collect()))?;
        let unassigned = || table::unassigned(ai.as_str()).filter(|_| reading.unknown_ais);
        let Some(row) = table::find(ai.as_str()).or_else(unassigned) else { return Err(ElementError::Unassigned(ai)) };
        match value::check(row.parts, value, reading.today) {
            Ok(()) => Ok(Self { ai, value: value.to_owned(), row }),
            Err(source) => Err(ElementError::Value { ai, source }),
        }
    }

    #[must_use]
    pub const fn ai(&self) -> &Ai {
        &self.ai
    }

    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// No separator follows its value.
    pub(super) const fn is_predefined(&self) -> bool {
        self.row.predefined
    }

    /// May stand in the query of a link.
    pub(super) fn is_attribute(&self, reading: &Reading) -> bool {
        self.row.attribute && (table::find(self.ai.as_str()).is_some() || !reading.unknown_ai_not_dl_attr)
    }
}
