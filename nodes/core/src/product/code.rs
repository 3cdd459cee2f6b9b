//! From what a phone, a scanner or a keyboard sends to a product's number.
//!
//! Owns which kinds of code name a product: numbers of 8, 12, 13 or 14 digits, Digital Links, element strings in brackets, scanner data. Takes texts
//! of anybody's making. Emits [`Named`]. On failure: [`CodeRefusal`]; a wrong check digit says which is right, nothing is repaired.
use std::error::Error;

use aisle_schemas::product::{Gtin, GtinFault};
use chrono::NaiveDate;

use crate::gs1::digital_link::{self, is_link};
use crate::gs1::gtin::GtinError;
use crate::gs1::scan::{self, Message};
use crate::gs1::{Element, Reading, TEXT_MAX, ValueError, element_string};

/// Identifier of a product.
const GTIN: &str = "01";
/// Net weight in kilograms, then the number of decimals.
const WEIGHT: &str = "310";
/// Amount to pay in the store's currency, then the number of decimals.
const AMOUNT: &str = "392";
/// Decimals of minor units.
const MINOR_DECIMALS: u32 = 2;
/// Decimals of grams in a kilogram.
const GRAM_DECIMALS: u32 = 3;

/// What a code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    pub gtin: Gtin,
    pub grams: Option<u32>,
    /// Minor units.
    pub amount: Option<i64>,
}

/// Why a code names no product.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodeRefusal {
    #[error("wrong check digit: {right} is right")]
    CheckDigit { right: char },
    #[error("the code is read, and names no product")]
    NoProduct,
    #[error("the code cannot be read: {0}")]
    Unreadable(String),
    #[error("the store does not sell it")]
    Unknown,
    #[error("the code says a weight or an amount of nothing")]
    NoValue,
}

impl CodeRefusal {
    /// The code of the refusal.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::CheckDigit { .. } => "wrong_check_digit",
            Self::NoProduct => "no_product",
            Self::Unreadable(_) => "unreadable",
            Self::Unknown => "unknown_product",
            Self::NoValue => "no_value",
        }
    }
}

/// Reads a code on a day; numbers in links may be printed without their zeros.
///
/// # Errors
/// [`CodeRefusal`].
pub fn read(code: &str, today: NaiveDate) -> Result<Named, CodeRefusal> {
    let reading = Reading { lenient_gtin: true, ..Reading::strict(today) };
    if code.len() > TEXT_MAX {
        return Err(CodeRefusal::Unreadable(format!("longer than {TEXT_MAX} octets")));
    }
    if is_link(code) {
        return named(&digital_link::read(code, &reading).map_err(|error| refusal(&error))?);
    }
    if code.starts_with('(') {
        return named(&element_string::read_bracketed(code, &reading).map_err(|error| refusal(&error))?);
    }
    if code.starts_with(']') {
        return match scan::read(code, &reading).map_err(|error| refusal(&error))?.message {
            Message::Elements(elements) | Message::Link { elements, .. } => named(&elements),
            Message::Product { digits, composite } => {
                let plain = number(&digits)?;
                Ok(Named { gtin: plain.gtin, ..composite.map_or(plain, |elements| amounts(plain.gtin, &elements)) })
            }
            Message::Plain(text) => number(&text),
        };
    }
    number(code)
}

fn number(digits: &str) -> Result<Named, CodeRefusal> {
    match digits.parse::<Gtin>() {
        Ok(gtin) => Ok(Named { gtin, grams: None, amount: None }),
        Err(GtinFault::CheckDigit { right }) => Err(CodeRefusal::CheckDigit { right: char::from(b'0' + right) }),
        Err(fault @ GtinFault::Form) => Err(CodeRefusal::Unreadable(fault.to_string())),
    }
}

fn named(elements: &[Element]) -> Result<Named, CodeRefusal> {
    let product = elements.iter().find(|element| element.ai().as_str() == GTIN).ok_or(CodeRefusal::NoProduct)?;
    Ok(amounts(number(product.value())?.gtin, elements))
}

fn amounts(gtin: Gtin, elements: &[Element]) -> Named {
    let of = |prefix: &str| elements.iter().find_map(|element| Some((element.ai().as_str().strip_prefix(prefix)?.parse().ok()?, element)));
    let scaled = |(decimals, element): (u32, &Element), wanted: u32| {
        let value: i64 = element.value().parse().ok()?;
        if decimals > wanted {
            value.checked_div(10_i64.checked_pow(decimals - wanted)?)
        } else {
            value.checked_mul(10_i64.checked_pow(wanted - decimals)?)
        }
    };
    Named {
        gtin,
        grams: of(WEIGHT).and_then(|found| scaled(found, GRAM_DECIMALS)).and_then(|grams| u32::try_from(grams).ok()),
        amount: of(AMOUNT).and_then(|found| scaled(found, MINOR_DECIMALS)),
    }
}

/// The refusal of a reader's error: the digit that would be right, wherever in the chain it is named.
fn refusal(error: &(dyn Error + 'static)) -> CodeRefusal {
    let mut said = error.to_string();
    let mut link = Some(error);
    while let Some(error) = link {
        if let Some(ValueError::CheckDigit(right)) = error.downcast_ref() {
            return CodeRefusal::CheckDigit { right: *right };
        }
        if let Some(GtinError::CheckDigit { right }) = error.downcast_ref() {
            return CodeRefusal::CheckDigit { right: *right };
        }
        said = error.to_string();
        link = error.source();
    }
    CodeRefusal::Unreadable(said)
}
