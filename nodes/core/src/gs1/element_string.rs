//! Element strings: identifiers with values one behind another.
//!
//! Owns the text for people, `(01)…(10)…`, and the data of symbols, where FNC1, written `^` here, ends values of unknown length. Takes either.
//! Emits elements, or the data. On failure: [`ElementStringError`].
use thiserror::Error;

use super::element::{Element, ElementError, Reading};
use super::{ELEMENTS_MAX, TEXT_MAX, table};

/// What stands for FNC1.
pub const FNC1: char = '^';

/// Why a text is no element string.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ElementStringError {
    #[error("the text is longer than {TEXT_MAX} octets")]
    TooLong,
    #[error("there are more than {ELEMENTS_MAX} identifiers")]
    TooMany,
    #[error("nothing is there")]
    Empty,
    #[error("an identifier in brackets comes first")]
    NoBracket,
    #[error("a bracket is not closed")]
    NotClosed,
    #[error("^ stands for FNC1 and for nothing else")]
    Fnc1,
    #[error("no identifier begins at octet {0}")]
    NoIdentifier(usize),
    #[error("at octet {at}")]
    Element {
        at: usize,
        #[source]
        source: ElementError,
    },
    #[error("({0}) stands twice with different values")]
    Differs(String),
}

/// Reads a text with identifiers in brackets; `\(` is a bracket within a value.
///
/// # Errors
/// [`ElementStringError`].
pub fn read_bracketed(text: &str, reading: &Reading) -> Result<Vec<Element>, ElementStringError> {
    if text.len() > TEXT_MAX {
        return Err(ElementStringError::TooLong);
    }
    if text.contains(FNC1) {
        return Err(ElementStringError::Fnc1);
    }
    let mut elements = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let at = text.len() - rest.len();
        let inside = rest.strip_prefix('(').ok_or(ElementStringError::NoBracket)?;
        let (ai, after) = inside.split_once(')').ok_or(ElementStringError::NotClosed)?;
        let end = next_bracket(after);
        let (value, behind) = after.split_at(end);
        push(&mut elements, at, ai, &value.replace("\\(", "("), reading)?;
        rest = behind;
    }
    finished(elements)
}

/// Where the next bracket is that begins an identifier, or the end.
fn next_bracket(text: &str) -> usize {
    let mut escaped = false;
    for (at, octet) in text.bytes().enumerate() {
        if octet == b'(' && !escaped {
            return at;
        }
        escaped = octet == b'\\';
    }
    text.len()
}

/// Reads the data of a symbol without its leading FNC1. A separator behind the last value, or behind one of known length, is taken.
///
/// # Errors
/// [`ElementStringError`].
pub fn read_data(data: &str, reading: &Reading) -> Result<Vec<Element>, ElementStringError> {
    if data.len() > TEXT_MAX {
        return Err(ElementStringError::TooLong);
    }
    let mut elements = Vec::new();
    let mut rest = data;
    while !rest.is_empty() {
        let at = data.len() - rest.len();
        let (ai, row) = table::begins_with(rest).ok_or(ElementStringError::NoIdentifier(at))?;
        let after = rest.get(ai.len()..).unwrap_or_default();
        let separator = after.find(FNC1).unwrap_or(after.len());
        let end = if row.predefined { row.parts.iter().map(|part| part.max).sum::<usize>().min(separator) } else { separator };
        let (value, behind) = after.split_at_checked(end).ok_or(ElementStringError::NoIdentifier(at))?;
        push(&mut elements, at, ai, value, reading)?;
        rest = behind.strip_prefix(FNC1).unwrap_or(behind);
    }
    finished(elements)
}

fn push(elements: &mut Vec<Element>, at: usize, ai: &str, value: &str, reading: &Reading) -> Result<(), ElementStringError> {
    if elements.len() == ELEMENTS_MAX {
        return Err(ElementStringError::TooMany);
    }
    elements.push(Element::new(ai, value, reading).map_err(|source| ElementStringError::Element { at, source })?);
    Ok(())
}

fn finished(elements: Vec<Element>) -> Result<Vec<Element>, ElementStringError> {
    if elements.is_empty() {
        return Err(ElementStringError::Empty);
    }
    let differs = |element: &Element| elements.iter().any(|other| other.ai() == element.ai() && other.value() != element.value());
    match elements.iter().find(|element| differs(element)) {
        Some(element) => Err(ElementStringError::Differs(element.ai().to_string())),
        None => Ok(elements),
    }
}

/// The data of a symbol, with its leading FNC1.
#[must_use]
pub fn write_data(elements: &[Element]) -> String {
    let mut data = String::from(FNC1);
    for (n, element) in elements.iter().enumerate() {
        data.push_str(element.ai().as_str());
        data.push_str(element.value());
        if !element.is_predefined() && n + 1 < elements.len() {
            data.push(FNC1);
        }
    }
    data
}

/// The text for people.
#[must_use]
pub fn write_bracketed(elements: &[Element]) -> String {
    elements.iter().map(|element| format!("({}){}", element.ai(), element.value().replace('(', "\\("))).collect()
}
