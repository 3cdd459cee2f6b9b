//! Codes that a shop prints itself: an item with its price or weight in one number.
//!
//! Owns templates, one per kind of code of a shop. Takes a template's text once, then scanned digits. Emits [`Match`], or nothing when the code
//! is another kind's. On failure: [`TemplateError`]; a wrong check digit is no match, never repaired.
use std::fmt;

use thiserror::Error;

use super::check::{digit, price_verifier};

/// Longest code and longest template.
const CODE_MAX: usize = 128;
/// Digits of a value: what 64 bits hold, times 100.
const VALUE_DIGITS_MAX: usize = 16;

/// A template of in-store codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Code(usize),
    /// A product's number of so many digits, the last of which checks the others.
    CheckedCode(usize),
    /// The item is always this one; takes no digit.
    FixedCode(String),
    Embed {
        digits: usize,
        decimals: usize,
        hundredfold: bool,
    },
    Price(usize),
    PriceVerifier,
    CheckDigit,
    Skip(usize),
}

/// A value with its decimals, exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Embedded {
    /// In units of the last decimal.
    pub units: u64,
    pub decimals: usize,
}

impl fmt::Display for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.decimals == 0 {
            return write!(f, "{}", self.units);
        }
        let digits = format!("{:0>width$}", self.units, width = self.decimals + 1);
        let (whole, decimals) = digits.split_at(digits.len() - self.decimals);
        write!(f, "{whole}.{decimals}")
    }
}

/// What a code says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Match {
    pub code: Option<String>,
    /// Price or weight, as the template's owner means it.
    pub embed: Option<Embedded>,
    /// Price in the smallest unit.
    pub price: Option<u64>,
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TemplateError {
    #[error("a template has 1 to {CODE_MAX} characters")]
    Length,
    #[error("a brace is not closed")]
    NotClosed,
    #[error("{0:?} is not digits, nor a field in braces")]
    Literal(String),
    #[error("{{{0}}} is not a field of a template")]
    Field(String),
    #[error("{{{0}}} stands twice")]
    Twice(&'static str),
    #[error("{{i}} verifies a value of five digits, and the template has none")]
    NothingToVerify,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// [`TemplateError`].
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.is_empty() || text.len() > CODE_MAX {
            return Err(TemplateError::Length);
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(inside) = rest.strip_prefix('{') {
                let (field, after) = inside.split_once('}').ok_or(TemplateError::NotClosed)?;
                parts.push(Part::parse(field).ok_or_else(|| TemplateError::Field(field.to_owned()))?);
                rest = after;
            } else {
                let (literal, after) = rest.split_at(rest.find('{').unwrap_or(rest.len()));
                if !literal.bytes().all(|octet| octet.is_ascii_digit()) {
                    return Err(TemplateError::Literal(literal.to_owned()));
                }
                parts.push(Part::Literal(literal.to_owned()));
                rest = after;
            }
        }
        let count = |wanted: fn(&Part) -> bool| parts.iter().filter(|part| wanted(part)).count();
        let codes = count(|part| matches!(part, Part::Code(_) | Part::CheckedCode(_) | Part::FixedCode(_)));
        let embeds = count(|part| matches!(part, Part::Embed { .. }));
        let prices = count(|part| matches!(part, Part::Price(_)));
        for (field, found) in [("code", codes), ("embed", embeds), ("price", prices)] {
            if found > 1 {
                return Err(TemplateError::Twice(field));
            }
        }
        let verified = parts.iter().any(|part| matches!(part, Part::Embed { digits: 5, .. } | Part::Price(5)));
        if parts.contains(&Part::PriceVerifier) && !verified {
            return Err(TemplateError::NothingToVerify);
        }
        Ok(Self(parts))
    }

    /// What a code says, if the whole of it fits the template.
    #[must_use]
    pub fn read(&self, code: &str) -> Option<Match> {
        if code.len() > CODE_MAX || !code.bytes().all(|octet| octet.is_ascii_digit()) {
            return None;
        }
        let mut found = Match::default();
        let mut rest = code;
        let (mut verifier, mut verified) = (None, None);
        for part in &self.0 {
            let (taken, after) = rest.split_at_checked(part.length())?;
            rest = after;
            match part {
                Part::Literal(literal) if taken == literal => {}
                Part::Literal(_) => return None,
                Part::Code(_) => found.code = Some(taken.to_owned()),
                Part::CheckedCode(_) => {
                    let (last, body) = taken.as_bytes().split_last()?;
                    (digit(body)? == *last).then_some(())?;
                    found.code = Some(taken.to_owned());
                }
                Part::FixedCode(fixed) => found.code = Some(fixed.clone()),
                Part::Embed { decimals, hundredfold, .. } => {
                    let units: u64 = taken.parse().ok()?;
                    found.embed = Some(Embedded { units: if *hundredfold { units * 100 } else { units }, decimals: *decimals });
                    verified = verified.or(taken.as_bytes().try_into().ok());
                }
                Part::Price(_) => {
                    found.price = Some(taken.parse().ok()?);
                    verified = verified.or(taken.as_bytes().try_into().ok());
                }
                Part::PriceVerifier => verifier = taken.bytes().next(),
                Part::CheckDigit => {
                    let body = code.get(..code.len() - rest.len() - 1)?;
                    (digit(body.as_bytes())? == taken.bytes().next()?).then_some(())?;
                }
                Part::Skip(_) => {}
            }
        }
        if let Some(verifier) = verifier {
            (price_verifier(verified?)? == verifier).then_some(())?;
        }
        rest.is_empty().then_some(found)
    }
}

impl Part {
    fn parse(field: &str) -> Option<Self> {
        let count = |text: &str| text.parse::<usize>().ok().filter(|count| (1..=CODE_MAX).contains(count));
        let value = |text: &str| count(text).filter(|count| *count <= VALUE_DIGITS_MAX);
        if let Some(fixed) = field.strip_prefix("code=") {
            let digits = !fixed.is_empty() && fixed.bytes().all(|octet| octet.is_ascii_digit());
            return digits.then(|| Self::FixedCode(fixed.to_owned()));
        }
        let (name, width) = field.split_once(':').unwrap_or((field, ""));
        Some(match (name, width) {
            ("i", "") => Self::PriceVerifier,
            ("ec", "") => Self::CheckDigit,
            ("_", "") => Self::Skip(1),
            ("_", width) => Self::Skip(count(width)?),
            ("code", "ean13") => Self::CheckedCode(13),
            ("code", "ean8") => Self::CheckedCode(8),
            ("code", width) => Self::Code(count(width)?),
            ("embed100", width) => Self::Embed { digits: value(width)?, decimals: 0, hundredfold: true },
            ("price", width) => Self::Price(value(width)?),
            ("embed", width) => match width.split_once('.') {
                None => Self::Embed { digits: value(width)?, decimals: 0, hundredfold: false },
                Some((whole, decimals)) => {
                    let decimals = value(decimals)?;
                    let digits = value(whole)? + decimals;
                    (digits <= VALUE_DIGITS_MAX).then_some(Self::Embed { digits, decimals, hundredfold: false })?
                }
            },
            _ => return None,
        })
    }

    /// Digits that the part takes.
    const fn length(&self) -> usize {
        match self {
            Self::Literal(literal) => literal.len(),
            Self::Code(digits) | Self::CheckedCode(digits) | Self::Embed { digits, .. } | Self::Price(digits) | Self::Skip(digits) => {
                *digits
            }
            Self::FixedCode(_) => 0,
            Self::PriceVerifier | Self::CheckDigit => 1,
        }
    }
}
