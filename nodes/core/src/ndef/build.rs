//! Messages to write on a tag.
//!
//! Owns how records become octets, in the shortest form. Takes records. Emits octets that the strict reader reads as the same records. On
//! failure: [`BuildError`] names the record.
use thiserror::Error;

use super::content::{Content, Encoding, PREFIXES, Record, RecordType};
use super::split::{MESSAGE_BEGIN, MESSAGE_END, MESSAGE_MAX, RECORDS_MAX, SHORT, SHORT_BELOW, Tnf, WITH_ID};

/// Why records cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BuildError {
    #[error("a message has at most {RECORDS_MAX} records")]
    TooManyRecords,
    #[error("the message is longer than {MESSAGE_MAX} octets")]
    TooLong,
    #[error("record {0}: a field is longer than its length can say")]
    Field(usize),
    #[error("record {0}: an id is at most 255 characters up to U+00FF, a type 1 to 255 of ASCII, a language 1 to 63")]
    Name(usize),
    #[error("record {0}: an empty record holds nothing")]
    Empty(usize),
    #[error("record {0}: messages are written in one piece, without chunks")]
    Chunk(usize),
}

/// A record that names the app which Android opens.
#[must_use]
pub fn application(package: &str) -> Record {
    let record_type = RecordType::External("android.com:pkg".to_owned());
    Record { id: String::new(), content: Content::Other { record_type, data: package.as_bytes().to_vec() } }
}

/// Writes a message; no records are no octets.
///
/// # Errors
/// [`BuildError`].
pub fn build(records: &[Record]) -> Result<Vec<u8>, BuildError> {
    if records.len() > RECORDS_MAX {
        return Err(BuildError::TooManyRecords);
    }
    let mut message = Vec::new();
    for (n, record) in records.iter().enumerate() {
        let begin = if n == 0 { MESSAGE_BEGIN } else { 0 };
        let end = if n + 1 == records.len() { MESSAGE_END } else { 0 };
        write(&mut message, begin | end, record, n + 1)?;
        if message.len() > MESSAGE_MAX {
            return Err(BuildError::TooLong);
        }
    }
    Ok(message)
}

fn write(message: &mut Vec<u8>, flags: u8, record: &Record, n: usize) -> Result<(), BuildError> {
    let (tnf, kind) = type_of(&record.content.record_type(), n)?;
    let payload = payload(&record.content, n)?;
    let id = record.id.chars().map(|character| u8::try_from(u32::from(character))).collect::<Result<Vec<_>, _>>();
    let id = id.map_err(|_| BuildError::Name(n))?;
    if tnf == Tnf::Empty && !(payload.is_empty() && id.is_empty()) {
        return Err(BuildError::Empty(n));
    }
    let short = if payload.len() < SHORT_BELOW { SHORT } else { 0 };
    let with_id = if id.is_empty() { 0 } else { WITH_ID };
    message.push(flags | short | with_id | tnf.bits());
    message.push(u8::try_from(kind.len()).map_err(|_| BuildError::Name(n))?);
    match u8::try_from(payload.len()) {
        Ok(length) => message.push(length),
        Err(_) => message.extend(u32::try_from(payload.len()).map_err(|_| BuildError::TooLong)?.to_be_bytes()),
    }
    if !id.is_empty() {
        message.push(u8::try_from(id.len()).map_err(|_| BuildError::Name(n))?);
    }
    message.extend(kind.as_bytes());
    message.extend(id);
    message.extend(payload);
    Ok(())
}

fn type_of(record_type: &RecordType, n: usize) -> Result<(Tnf, String), BuildError> {
    let (tnf, kind) = match record_type {
        RecordType::Empty => return Ok((Tnf::Empty, String::new())),
        RecordType::Unknown => return Ok((Tnf::Unknown, String::new())),
        RecordType::Unchanged => return Err(BuildError::Chunk(n)),
        RecordType::WellKnown(kind) => (Tnf::WellKnown, kind.clone()),
        RecordType::Media(kind) => (Tnf::Media, kind.clone()),
        RecordType::AbsoluteUri(kind) => (Tnf::AbsoluteUri, kind.clone()),
        RecordType::External(kind) => (Tnf::External, kind.to_ascii_lowercase()),
    };
    if kind.is_empty() || !kind.is_ascii() { Err(BuildError::Name(n)) } else { Ok((tnf, kind)) }
}

fn payload(content: &Content, n: usize) -> Result<Vec<u8>, BuildError> {
    Ok(match content {
        Content::Uri { iri } => uri(iri),
        Content::Text { text, language, encoding } => {
            let length = u8::try_from(language.len()).ok().filter(|length| (1..64).contains(length) && language.is_ascii());
            let length = length.ok_or(BuildError::Name(n))?;
            let mut payload = Vec::with_capacity(1 + language.len() + text.len());
            match encoding {
                Encoding::Utf8 => {
                    payload.push(length);
                    payload.extend(language.as_bytes());
                    payload.extend(text.as_bytes());
                }
                Encoding::Utf16 => {
                    payload.push(0x80 | length);
                    payload.extend(language.as_bytes());
                    payload.extend([0xFF, 0xFE]);
                    payload.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
                }
            }
            payload
        }
        Content::SmartPoster(poster) => build(&poster.records())?,
        Content::Signature(signature) => signature.payload().ok_or(BuildError::Field(n))?,
        Content::Other { data, .. } => data.clone(),
    })
}

/// The longest prefix that fits, by its code, and the rest.
fn uri(iri: &str) -> Vec<u8> {
    let fitting = (0u8..).zip(PREFIXES).filter(|(_, prefix)| iri.starts_with(prefix)).max_by_key(|(_, prefix)| prefix.len());
    let (code, prefix) = fitting.unwrap_or((0, ""));
    let mut payload = vec![code];
    payload.extend(iri.bytes().skip(prefix.len()));
    payload
}
