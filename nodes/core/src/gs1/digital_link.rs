//! Reading a GS1 Digital Link.
//!
//! Owns how a link is taken apart. Takes a link as scanned. Emits its elements in the order of the link. On failure: [`LinkError`]. Compressed
//! links are another standard and are not read.
use thiserror::Error;

use super::element::{Ai, Element, ElementError, Reading};
use super::sequence::{is_path, named, ways, would_fit};
use super::{ELEMENTS_MAX, TEXT_MAX};

/// Schemes as they may be written.
pub const SCHEMES: [&str; 4] = ["https://", "HTTPS://", "http://", "HTTP://"];

/// Digits of a product's number, and of those that may stand for it with their zeros left out.
const GTIN_LENGTH: usize = 14;
const SHORT_GTINS: [usize; 3] = [8, 12, 13];
/// What no host holds.
const NOT_IN_HOST: &str = "_~?#@!$&'()*+,;=%";
/// What a link is made of, beside letters and digits.
const PUNCTUATION: &str = "-._~:/?#[]@!$&'()*+,;=%";

/// Why a text is no Digital Link.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LinkError {
    #[error("the link is longer than {TEXT_MAX} octets")]
    TooLong,
    #[error("{0:?} does not belong into a link")]
    Character(char),
    #[error("the scheme is not http or https, in small letters or in capitals")]
    Scheme,
    #[error("the host is empty or holds what no host holds")]
    Host,
    #[error("no key is in the path")]
    NoKey,
    #[error("the path ends with a slash")]
    TrailingSlash,
    #[error("{0:?} in the path is no application identifier")]
    PathName(String),
    #[error("({0}) has no value, or one with an octet 0")]
    EmptyValue(String),
    #[error("the value of ({0}) is not text")]
    NotText(String),
    #[error("({0}) and what follows it are not a key with its qualifiers in order")]
    Sequence(Ai),
    #[error("({0}) belongs into the path, not into the query")]
    BelongsIntoPath(Ai),
    #[error("({0}) is not allowed in the query")]
    NotAnAttribute(Ai),
    #[error("({0}) stands twice")]
    Twice(Ai),
    #[error("there are more than {ELEMENTS_MAX} identifiers")]
    TooMany,
    #[error("in the link")]
    Element(#[source] ElementError),
}

/// Whether a text is meant as a link: scanners hand over any text.
#[must_use]
pub fn is_link(text: &str) -> bool {
    SCHEMES.iter().any(|scheme| text.starts_with(scheme))
}

/// Reads a link.
///
/// # Errors
/// [`LinkError`].
pub fn read(link: &str, reading: &Reading) -> Result<Vec<Element>, LinkError> {
    if link.len() > TEXT_MAX {
        return Err(LinkError::TooLong);
    }
    let foreign = |character: &char| !character.is_ascii_alphanumeric() && !PUNCTUATION.contains(*character);
    if let Some(character) = link.chars().find(foreign) {
        return Err(LinkError::Character(character));
    }
    let rest = SCHEMES.iter().find_map(|scheme| link.strip_prefix(scheme)).ok_or(LinkError::Scheme)?;
    let slash = rest.find('/').unwrap_or(rest.len());
    let (host, rest) = rest.split_at(slash);
    if host.is_empty() || host.contains(|character| NOT_IN_HOST.contains(character)) {
        return Err(LinkError::Host);
    }
    let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut elements = read_path(path, reading)?;
    read_query(query, reading, &mut elements)?;
    Ok(elements)
}

fn read_path(path: &str, reading: &Reading) -> Result<Vec<Element>, LinkError> {
    let segments: Vec<&str> = path.strip_prefix('/').ok_or(LinkError::NoKey)?.split('/').collect();
    if segments.last() == Some(&"") {
        return Err(if segments.len() == 1 { LinkError::NoKey } else { LinkError::TrailingSlash });
    }
    let ai_of = |name| if reading.alpha_keys { named(name).unwrap_or(name) } else { name };
    // Pairs from the right: a stem before the key may look like identifiers.
    let (_, pairs) = segments.as_rchunks::<2>();
    let key = pairs.iter().rposition(|[name, _]| ways(ai_of(name)).is_some()).ok_or(LinkError::NoKey)?;
    let pairs = pairs.get(key..).unwrap_or_default();
    if pairs.len() > ELEMENTS_MAX {
        return Err(LinkError::TooMany);
    }
    let mut elements = Vec::with_capacity(pairs.len());
    for [name, value] in pairs {
        let ai = ai_of(name);
        let known = Ai::parse(ai).ok_or_else(|| LinkError::PathName(name.chars().take(20).collect()))?;
        elements.push(element(&known, &decode(ai, value, false)?, reading)?);
    }
    let ais: Vec<&str> = elements.iter().map(|element| element.ai().as_str()).collect();
    match elements.first() {
        Some(key) if !is_path(&ais) => Err(LinkError::Sequence(key.ai().clone())),
        _ => Ok(elements),
    }
}

fn read_query(query: &str, reading: &Reading, elements: &mut Vec<Element>) -> Result<(), LinkError> {
    let path_length = elements.len();
    for parameter in query.split('&') {
        let Some((name, value)) = parameter.split_once('=') else { continue };
        if name.is_empty() || !name.bytes().all(|octet| octet.is_ascii_digit()) {
            continue;
        }
        if elements.len() >= ELEMENTS_MAX {
            return Err(LinkError::TooMany);
        }
        let ai = Ai::parse(name).ok_or_else(|| LinkError::Element(ElementError::NotAnAi(name.chars().take(20).collect())))?;
        let read = element(&ai, &decode(name, value, true)?, reading)?;
        if elements.iter().any(|other| *other.ai() == ai) {
            return Err(LinkError::Twice(ai));
        }
        let path: Vec<&str> = elements.iter().take(path_length).map(|element| element.ai().as_str()).collect();
        if would_fit(&path, ai.as_str()) {
            return Err(LinkError::BelongsIntoPath(ai));
        }
        if !read.is_attribute(reading) {
            return Err(LinkError::NotAnAttribute(ai));
        }
        elements.push(read);
    }
    Ok(())
}

fn element(ai: &Ai, value: &str, reading: &Reading) -> Result<Element, LinkError> {
    let short = reading.lenient_gtin && ai.as_str() == "01" && SHORT_GTINS.contains(&value.len());
    let read = if short {
        Element::new(ai.as_str(), &format!("{value:0>GTIN_LENGTH$}"), reading)
    } else {
        Element::new(ai.as_str(), value, reading)
    };
    read.map_err(LinkError::Element)
}

/// Undoes the escapes of a value. A percent sign that begins no escape is itself: some identifiers may hold it.
fn decode(ai: &str, value: &str, plus_is_space: bool) -> Result<String, LinkError> {
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((octet, after)) = rest.split_first() {
        rest = after;
        match (octet, after) {
            (b'%', [high, low, behind @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                decoded.push(digit(*high) << 4 | digit(*low));
                rest = behind;
            }
            (b'+', _) if plus_is_space => decoded.push(b' '),
            (octet, _) => decoded.push(*octet),
        }
    }
    if decoded.is_empty() || decoded.contains(&0) {
        return Err(LinkError::EmptyValue(ai.to_owned()));
    }
    String::from_utf8(decoded).map_err(|_| LinkError::NotText(ai.to_owned()))
}

/// The value of a hexadecimal digit.
const fn digit(octet: u8) -> u8 {
    match octet {
        b'0'..=b'9' => octet - b'0',
        letter => (letter | 0x20) - b'a' + 10,
    }
}
