//! Numbers of products, places and logistic units, with check digits.
//!
//! Owns their kinds and lengths, and that one product has one number however it is printed. Takes digits. Emits [`Gtin`] with 14 digits. On
//! failure: [`GtinError`], with the digit that would be right; nothing is repaired.
use std::fmt;

use thiserror::Error;

use super::check;

/// What kind of number is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Gtin8,
    UpcA,
    /// UPC-A with zeros left out.
    UpcE,
    Gtin13,
    Gtin14,
    /// A place or a company.
    Gln,
    /// A logistic unit.
    Sscc,
}

impl Kind {
    /// The kind of a name: that of the symbol or of the number.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "EAN-8" | "GTIN-8" => Self::Gtin8,
            "UPC-A" | "GTIN-12" => Self::UpcA,
            "UPC-E" => Self::UpcE,
            "EAN-13" | "GTIN-13" => Self::Gtin13,
            "GTIN-14" | "ITF-14" => Self::Gtin14,
            "GLN" => Self::Gln,
            "SSCC" => Self::Sscc,
            _ => return None,
        })
    }

    /// Digits of a number.
    #[must_use]
    pub const fn length(self) -> usize {
        match self {
            Self::Gtin8 | Self::UpcE => 8,
            Self::UpcA => 12,
            Self::Gtin13 | Self::Gln => 13,
            Self::Gtin14 => 14,
            Self::Sscc => 18,
        }
    }
}

/// Why digits are no number of their kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum GtinError {
    #[error("{wanted} digits are needed, not {is}")]
    Length { wanted: usize, is: usize },
    #[error("a product's number has 8, 12, 13 or 14 digits, not {0}")]
    ProductLength(usize),
    #[error("{0:?} is not a digit")]
    NotDigit(char),
    #[error("wrong check digit: {right} is right")]
    CheckDigit { right: char },
    #[error("a UPC-E begins with 0")]
    NumberSystem,
}

/// Number of a product: 14 digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gtin(u64);

impl Gtin {
    /// A product's number however long it is printed; not UPC-E, which looks like GTIN-8.
    ///
    /// # Errors
    /// [`GtinError`].
    pub fn parse(digits: &str) -> Result<Self, GtinError> {
        let kind = match digits.len() {
            8 => Kind::Gtin8,
            12 => Kind::UpcA,
            13 => Kind::Gtin13,
            14 => Kind::Gtin14,
            other => return Err(GtinError::ProductLength(other)),
        };
        verify(kind, digits)?;
        Ok(Self(number(digits)))
    }
}

impl fmt::Display for Gtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:014}", self.0)
    }
}

impl fmt::Debug for Gtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gtin({self})")
    }
}

/// Checks a number of a kind; of a product, emits the one number it has.
///
/// # Errors
/// [`GtinError`].
pub fn check_number(kind: Kind, digits: &str) -> Result<Option<Gtin>, GtinError> {
    match kind {
        Kind::UpcE => Ok(Some(Gtin(number(&upc_a_of(digits)?)))),
        Kind::Gtin8 | Kind::UpcA | Kind::Gtin13 | Kind::Gtin14 => {
            verify(kind, digits)?;
            Ok(Some(Gtin(number(digits))))
        }
        Kind::Gln | Kind::Sscc => verify(kind, digits).map(|()| None),
    }
}

/// The UPC-A that a UPC-E stands for.
///
/// # Errors
/// [`GtinError`].
pub fn upc_a_of(upc_e: &str) -> Result<String, GtinError> {
    all_digits(Kind::UpcE, upc_e)?;
    let [b'0', a, b, c, d, e, f, check] = *upc_e.as_bytes() else { return Err(GtinError::NumberSystem) };
    let zero = b'0';
    let body = match f {
        b'0'..=b'2' => [zero, a, b, f, zero, zero, zero, zero, c, d, e, check],
        b'3' => [zero, a, b, c, zero, zero, zero, zero, zero, d, e, check],
        b'4' => [zero, a, b, c, d, zero, zero, zero, zero, zero, e, check],
        _ => [zero, a, b, c, d, e, zero, zero, zero, zero, f, check],
    };
    let upc_a: String = body.map(char::from).iter().collect();
    verify(Kind::UpcA, &upc_a)?;
    Ok(upc_a)
}

fn all_digits(kind: Kind, digits: &str) -> Result<(), GtinError> {
    if let Some(character) = digits.chars().find(|character| !character.is_ascii_digit()) {
        return Err(GtinError::NotDigit(character));
    }
    if digits.len() == kind.length() { Ok(()) } else { Err(GtinError::Length { wanted: kind.length(), is: digits.len() }) }
}

fn verify(kind: Kind, digits: &str) -> Result<(), GtinError> {
    all_digits(kind, digits)?;
    let wrong = |right: u8| Err(GtinError::CheckDigit { right: char::from(right) });
    match digits.as_bytes().split_last().map(|(last, body)| (*last, check::digit(body))) {
        Some((last, Some(right))) if last != right => wrong(right),
        Some((_, _)) | None => Ok(()),
    }
}

/// At most 14 digits, which were looked at.
fn number(digits: &str) -> u64 {
    digits.bytes().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_product_has_one_number_however_it_is_printed() {
        let short = Gtin::parse("036000291452").unwrap();
        assert_eq!(short, Gtin::parse("0036000291452").unwrap());
        assert_eq!(short, Gtin::parse("00036000291452").unwrap());
        assert_eq!(short.to_string(), "00036000291452");
        assert_eq!(Gtin::parse("036000291453"), Err(GtinError::CheckDigit { right: '2' }));
        assert_eq!(Gtin::parse("٠٣٦٠٠٠٢٩"), Err(GtinError::ProductLength(16)));
    }

    #[test]
    fn each_ending_of_a_upc_e_has_its_own_zeros() {
        for (upc_e, upc_a) in [
            ("04252614", "042100005264"),
            ("01234505", "012000003455"),
            ("01234531", "012300000451"),
            ("01234543", "012340000053"),
            ("01234565", "012345000065"),
        ] {
            assert_eq!(upc_a_of(upc_e).as_deref(), Ok(upc_a));
        }
        assert_eq!(upc_a_of("14252614"), Err(GtinError::NumberSystem));
        assert_eq!(upc_a_of("04252615"), Err(GtinError::CheckDigit { right: '4' }));
        assert_eq!(upc_a_of("0425261"), Err(GtinError::Length { wanted: 8, is: 7 }));
    }
}
