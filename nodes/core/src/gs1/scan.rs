//! What a scanner sends: a symbology identifier, then the data.
//!
//! Owns which identifiers are read and how their data are meant. Takes a message of a scanner. Emits [`Scan`]. On failure: [`ScanError`]; a text
//! that looks like a link and is none is refused, for a shop would follow it.
use thiserror::Error;

use super::TEXT_MAX;
use super::digital_link::{self, LinkError, is_link};
use super::element::{Element, Reading};
use super::element_string::{ElementStringError, FNC1, read_data, write_data};
use super::gtin::{GtinError, Kind, check_number};

/// The character that scanners send for FNC1 within data.
const GROUP_SEPARATOR: char = '\u{1d}';
/// What stands between a product's number and the data of its composite part.
const COMPOSITE: &str = "|]e0";

/// The symbol that was scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Symbology {
    Gs1_128,
    /// And UPC-A, as 13 digits.
    Ean13,
    Ean8,
    /// And composite symbols.
    DataBar,
    DataMatrix,
    Qr,
    DotCode,
}

/// What was scanned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    pub symbology: Symbology,
    pub message: Message,
}

/// What the data are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    Elements(Vec<Element>),
    Product { digits: String, composite: Option<Vec<Element>> },
    Link { link: String, elements: Vec<Element> },
    Plain(String),
}

/// Why a message is not read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ScanError {
    #[error("the message is longer than {TEXT_MAX} octets")]
    TooLong,
    #[error("a symbology identifier comes first: ], a letter, a digit")]
    NoIdentifier,
    #[error("the symbology {0:?} is not read")]
    Symbology(String),
    #[error("^ is not allowed in GS1 data")]
    Fnc1,
    #[error("the product's number")]
    Product(#[source] GtinError),
    #[error("the elements")]
    Elements(#[source] ElementStringError),
    #[error("the text begins like a link")]
    Link(#[source] LinkError),
}

impl Scan {
    /// The data in one text: `^` for FNC1, and plain data that begin with it, or with backslashes and it, behind one more backslash.
    #[must_use]
    pub fn text(&self) -> String {
        match &self.message {
            Message::Elements(elements) => write_data(elements),
            Message::Product { digits, composite: None } => digits.clone(),
            Message::Product { digits, composite: Some(elements) } => format!("{digits}|{}", write_data(elements)),
            Message::Link { link, .. } => link.clone(),
            Message::Plain(text) if text.trim_start_matches('\\').starts_with(FNC1) => format!("\\{text}"),
            Message::Plain(text) => text.clone(),
        }
    }
}

/// Reads a scanner's message.
///
/// # Errors
/// [`ScanError`].
pub fn read(message: &str, reading: &Reading) -> Result<Scan, ScanError> {
    if message.len() > TEXT_MAX {
        return Err(ScanError::TooLong);
    }
    let (identifier, data) = message.split_at_checked(3).ok_or(ScanError::NoIdentifier)?;
    if !identifier.starts_with(']') {
        return Err(ScanError::NoIdentifier);
    }
    let elements = |symbology| Ok(Scan { symbology, message: Message::Elements(elements(data, reading)?) });
    match identifier {
        "]C1" => elements(Symbology::Gs1_128),
        "]e0" => elements(Symbology::DataBar),
        "]d2" => elements(Symbology::DataMatrix),
        "]Q3" => elements(Symbology::Qr),
        "]J1" => elements(Symbology::DotCode),
        "]E0" => product(Symbology::Ean13, Kind::Gtin13, data, reading),
        "]E4" => product(Symbology::Ean8, Kind::Gtin8, data, reading),
        "]d1" => plain(Symbology::DataMatrix, data, reading),
        "]Q1" => plain(Symbology::Qr, data, reading),
        "]J0" => plain(Symbology::DotCode, data, reading),
        other => Err(ScanError::Symbology(other.to_owned())),
    }
}

fn elements(data: &str, reading: &Reading) -> Result<Vec<Element>, ScanError> {
    if data.contains(FNC1) {
        return Err(ScanError::Fnc1);
    }
    read_data(&data.replace(GROUP_SEPARATOR, "^"), reading).map_err(ScanError::Elements)
}

fn product(symbology: Symbology, kind: Kind, data: &str, reading: &Reading) -> Result<Scan, ScanError> {
    let (digits, composite) = data.split_once(COMPOSITE).map_or((data, None), |(digits, data)| (digits, Some(data)));
    check_number(kind, digits).map_err(ScanError::Product)?;
    let composite = composite.map(|data| elements(data, reading)).transpose()?;
    Ok(Scan { symbology, message: Message::Product { digits: digits.to_owned(), composite } })
}

fn plain(symbology: Symbology, data: &str, reading: &Reading) -> Result<Scan, ScanError> {
    let message = if is_link(data) {
        Message::Link { link: data.to_owned(), elements: digital_link::read(data, reading).map_err(ScanError::Link)? }
    } else {
        Message::Plain(data.to_owned())
    };
    Ok(Scan { symbology, message })
}
