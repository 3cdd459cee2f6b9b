//! What the records of a message mean.
//!
//! Owns URI and text records, and the names of all kinds of records. Takes octets. Emits records as values. On failure: [`NdefError`]; a kind
//! that nobody here knows is no failure but [`Content::Other`].
use super::signature::Signature;
use super::smart_poster::SmartPoster;
use super::split::{Cursor, DEPTH_MAX, Fault, NdefError, Raw, Strictness, Tnf, split};

/// What stands for the first octet of a URI record, by its value.
pub(super) const PREFIXES: [&str; 36] = [
    "",
    "http://www.",
    "https://www.",
    "http://",
    "https://",
    "tel:",
    "mailto:",
    "ftp://anonymous:anonymous@",
    "ftp://ftp.",
    "ftps://",
    "sftp://",
    "smb://",
    "nfs://",
    "ftp://",
    "dav://",
    "news:",
    "telnet://",
    "imap:",
    "rtsp://",
    "urn:",
    "pop:",
    "sip:",
    "sips:",
    "tftp:",
    "btspp://",
    "btl2cap://",
    "btgoep://",
    "tcpobex://",
    "irdaobex://",
    "file://",
    "urn:epc:id:",
    "urn:epc:tag:",
    "urn:epc:pat:",
    "urn:epc:raw:",
    "urn:epc:",
    "urn:nfc:",
];

/// The status octet of a text: this bit says UTF-16, the lowest six are the length of the language.
const UTF_16: u8 = 0x80;
const LANGUAGE_LENGTH: u8 = 0x3F;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Octets of the id, each as the character of its number: nothing is lost.
    pub id: String,
    pub content: Content,
}

/// What a record holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    Uri { iri: String },
    Text { text: String, language: String, encoding: Encoding },
    SmartPoster(SmartPoster),
    Signature(Signature),
    Other { record_type: RecordType, data: Vec<u8> },
}

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Utf8,
    Utf16,
}

/// The kind of a record that is kept as octets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordType {
    Empty,
    WellKnown(String),
    Media(String),
    AbsoluteUri(String),
    /// Lower case: names of these are compared without regard to case.
    External(String),
    Unknown,
    Unchanged,
}

impl RecordType {
    fn of(raw: &Raw<'_>) -> Self {
        let kind = raw.kind.to_owned();
        match raw.tnf {
            Tnf::Empty => Self::Empty,
            Tnf::WellKnown => Self::WellKnown(kind),
            Tnf::Media => Self::Media(kind),
            Tnf::AbsoluteUri => Self::AbsoluteUri(kind),
            Tnf::External => Self::External(kind.to_ascii_lowercase()),
            Tnf::Unknown => Self::Unknown,
            Tnf::Unchanged => Self::Unchanged,
        }
    }

    /// The kind in one text.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::WellKnown(kind) => format!("urn:nfc:wkt:{kind}"),
            Self::Media(kind) | Self::AbsoluteUri(kind) => kind.clone(),
            Self::External(kind) => format!("urn:nfc:ext:{kind}"),
            Self::Unknown => "unknown".to_owned(),
            Self::Unchanged => "unchanged".to_owned(),
        }
    }
}

impl Content {
    /// The kind of the record.
    #[must_use]
    pub fn record_type(&self) -> RecordType {
        let well_known = |kind: &str| RecordType::WellKnown(kind.to_owned());
        match self {
            Self::Uri { .. } => well_known("U"),
            Self::Text { .. } => well_known("T"),
            Self::SmartPoster(_) => well_known("Sp"),
            Self::Signature(_) => well_known("Sig"),
            Self::Other { record_type, .. } => record_type.clone(),
        }
    }
}

/// Reads a message.
///
/// # Errors
/// [`NdefError`].
pub fn read(octets: &[u8], strictness: Strictness) -> Result<Vec<Record>, NdefError> {
    let records = split(octets, strictness)?;
    records.iter().enumerate().map(|(n, raw)| record(raw, strictness, 1).map_err(|fault| NdefError { record: n + 1, fault })).collect()
}

/// Reads a message within a record's payload; `depth` is that of the record.
pub(super) fn nested(payload: &[u8], strictness: Strictness, depth: usize) -> Result<Vec<Record>, Fault> {
    if depth >= DEPTH_MAX {
        return Err(Fault::TooDeep);
    }
    let wrap = |error| Fault::Nested(Box::new(error));
    let records = split(payload, strictness).map_err(wrap)?;
    records
        .iter()
        .enumerate()
        .map(|(n, raw)| record(raw, strictness, depth + 1).map_err(|fault| wrap(NdefError { record: n + 1, fault })))
        .collect()
}

fn record(raw: &Raw<'_>, strictness: Strictness, depth: usize) -> Result<Record, Fault> {
    let content = match (raw.tnf, raw.kind) {
        // A part of a payload means nothing by itself.
        (_, _) if raw.chunk => other(raw),
        (Tnf::WellKnown, "U") => Content::Uri { iri: iri(raw.payload, strictness)? },
        (Tnf::WellKnown, "T") => text(raw.payload)?,
        (Tnf::WellKnown, "Sp") => Content::SmartPoster(SmartPoster::read(raw.payload, strictness, depth)?),
        (Tnf::WellKnown, "Sig") => Content::Signature(Signature::read(raw.payload)?),
        (_, _) => other(raw),
    };
    Ok(Record { id: raw.id.iter().map(|octet| char::from(*octet)).collect(), content })
}

fn other(raw: &Raw<'_>) -> Content {
    Content::Other { record_type: RecordType::of(raw), data: raw.payload.to_vec() }
}

fn iri(payload: &[u8], strictness: Strictness) -> Result<String, Fault> {
    let (code, field) = payload.split_first().ok_or(Fault::PayloadMissing)?;
    let prefix = match (PREFIXES.get(usize::from(*code)), strictness) {
        (Some(prefix), _) => prefix,
        (None, Strictness::Relaxed) => "",
        (None, Strictness::Strict) => return Err(Fault::Prefix(*code)),
    };
    Ok(format!("{prefix}{}", utf8(field, "the URI")?))
}

/// Text without control characters.
pub(super) fn utf8<'a>(octets: &'a [u8], field: &'static str) -> Result<&'a str, Fault> {
    let text = std::str::from_utf8(octets).map_err(|_| Fault::NotUtf8(field))?;
    if text.chars().any(char::is_control) { Err(Fault::Control(field)) } else { Ok(text) }
}

fn text(payload: &[u8]) -> Result<Content, Fault> {
    let mut cursor = Cursor(payload);
    let status = cursor.octet().map_err(|_| Fault::PayloadMissing)?;
    let length = usize::from(status & LANGUAGE_LENGTH);
    if length == 0 || length > cursor.0.len() {
        return Err(Fault::Language { length, left: cursor.0.len() });
    }
    let language = cursor.take(length)?;
    let language = std::str::from_utf8(language).ok().filter(|language| language.is_ascii()).ok_or(Fault::LanguageNotAscii)?.to_owned();
    let (text, encoding) = if status & UTF_16 == 0 {
        // Line breaks belong into a text, so control characters are allowed here.
        (String::from_utf8(cursor.0.to_vec()).map_err(|_| Fault::NotUtf8("the text"))?, Encoding::Utf8)
    } else {
        (utf16(cursor.0)?, Encoding::Utf16)
    };
    Ok(Content::Text { text, language, encoding })
}

/// UTF-16 as its byte order mark says, else with the high octet first.
fn utf16(octets: &[u8]) -> Result<String, Fault> {
    let (octets, little) = match octets {
        [0xFF, 0xFE, rest @ ..] => (rest, true),
        [0xFE, 0xFF, rest @ ..] => (rest, false),
        rest => (rest, false),
    };
    let (pairs, odd) = octets.as_chunks::<2>();
    if !odd.is_empty() {
        return Err(Fault::NotUtf16);
    }
    let units = pairs.iter().map(|pair| if little { u16::from_le_bytes(*pair) } else { u16::from_be_bytes(*pair) });
    char::decode_utf16(units).collect::<Result<String, _>>().map_err(|_| Fault::NotUtf16)
}

/// A URI of an IRI: what is not ASCII is escaped, octet by octet.
#[must_use]
pub fn uri_of(iri: &str) -> String {
    let mut uri = String::with_capacity(iri.len());
    for character in iri.chars() {
        if character.is_ascii() {
            uri.push(character);
        } else {
            for octet in character.encode_utf8(&mut [0; 4]).bytes() {
                uri.push_str(&format!("%{octet:02X}"));
            }
        }
    }
    uri
}
