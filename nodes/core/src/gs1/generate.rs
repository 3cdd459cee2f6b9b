//! Writing a GS1 Digital Link.
//!
//! Owns which identifier becomes the key, which go into the path and which into the query. Takes elements and the stem of a link. Emits a link
//! that the reader reads as the same elements. On failure: [`GenerateError`]; what a link cannot say is not left out.
use thiserror::Error;

use super::TEXT_MAX;
use super::digital_link::{LinkError, is_link, read};
use super::element::{Ai, Element, Reading};
use super::sequence::ways;

/// The stem of links that name no shop.
pub const STEM: &str = "https://id.gs1.org";

/// Why no link is written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GenerateError {
    #[error("({0}) stands twice with different values")]
    Differs(Ai),
    #[error("none of the identifiers is a key")]
    NoKey,
    #[error("({0}) is not allowed in the query, and not in the path beside the others")]
    NotAnAttribute(Ai),
    #[error("the stem is not the beginning of a link")]
    Stem,
    #[error("the link is longer than {TEXT_MAX} octets")]
    TooLong,
    #[error("the link would not be read")]
    Unreadable(#[source] LinkError),
}

/// Writes a link.
///
/// # Errors
/// [`GenerateError`].
pub fn generate(elements: &[Element], stem: Option<&str>, reading: &Reading) -> Result<String, GenerateError> {
    let stem = stem.unwrap_or(STEM).trim_end_matches('/');
    if !is_link(stem) || stem.contains(['?', '#']) {
        return Err(GenerateError::Stem);
    }
    let elements = distinct(elements)?;
    let key = elements.iter().find(|element| ways(element.ai().as_str()).is_some()).ok_or(GenerateError::NoKey)?;
    let mut refusal = None;
    for way in by_length(key, &elements) {
        let in_path = |element: &&&Element| element.ai() == key.ai() || way.contains(&element.ai().as_str());
        let query: Vec<&Element> = elements.iter().filter(|element| !in_path(element)).copied().collect();
        match query.iter().find(|element| !element.is_attribute(reading)) {
            Some(element) => refusal = refusal.or_else(|| Some(GenerateError::NotAnAttribute(element.ai().clone()))),
            None => return written(stem, key, way, &elements, &query, reading),
        }
    }
    Err(refusal.unwrap_or(GenerateError::NoKey))
}

/// Each identifier once: the same twice says nothing new.
fn distinct(elements: &[Element]) -> Result<Vec<&Element>, GenerateError> {
    let mut distinct: Vec<&Element> = Vec::with_capacity(elements.len());
    for element in elements {
        match distinct.iter().find(|other| other.ai() == element.ai()) {
            None => distinct.push(element),
            Some(same) if same.value() == element.value() => {}
            Some(_) => return Err(GenerateError::Differs(element.ai().clone())),
        }
    }
    Ok(distinct)
}

/// The ways to qualify the key, the one of which most is there first.
fn by_length(key: &Element, elements: &[&Element]) -> Vec<&'static [&'static str]> {
    let mut ways: Vec<&[&str]> = ways(key.ai().as_str()).unwrap_or_default().to_vec();
    let present = |way: &&[&str]| way.iter().filter(|ai| elements.iter().any(|element| element.ai().as_str() == **ai)).count();
    ways.sort_by_key(|way| std::cmp::Reverse(present(way)));
    if ways.is_empty() {
        ways.push(&[]);
    }
    ways
}

fn written(
    stem: &str,
    key: &Element,
    way: &[&str],
    elements: &[&Element],
    query: &[&Element],
    reading: &Reading,
) -> Result<String, GenerateError> {
    let mut link = stem.to_owned();
    let qualifiers = way.iter().filter_map(|ai| elements.iter().find(|element| element.ai().as_str() == *ai));
    for element in std::iter::once(&key).chain(qualifiers) {
        link.push_str(&format!("/{}/", element.ai()));
        escape(&mut link, element.value(), false);
    }
    let mut separator = '?';
    let predefined_first =
        query.iter().filter(|element| element.is_predefined()).chain(query.iter().filter(|element| !element.is_predefined()));
    for element in predefined_first {
        link.push_str(&format!("{separator}{}=", element.ai()));
        escape(&mut link, element.value(), true);
        separator = '&';
    }
    if link.len() > TEXT_MAX {
        return Err(GenerateError::TooLong);
    }
    // What was written is what will be read: a stem may hold characters that no link has.
    read(&link, reading).map_err(GenerateError::Unreadable)?;
    Ok(link)
}

fn escape(link: &mut String, value: &str, in_query: bool) {
    for octet in value.bytes() {
        match octet {
            b' ' if in_query => link.push('+'),
            b'-' | b'.' | b'_' | b'~' => link.push(char::from(octet)),
            _ if octet.is_ascii_alphanumeric() => link.push(char::from(octet)),
            _ => link.push_str(&format!("%{octet:02X}")),
        }
    }
}
