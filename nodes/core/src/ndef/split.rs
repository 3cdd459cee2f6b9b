//! Octets of a message cut into records.
//!
//! Owns header bits, lengths and the limits of a message. Takes octets. Emits records that borrow from them. On failure: [`NdefError`]; what a
//! length claims is never reserved before the octets were seen.
use thiserror::Error;

/// A message larger than a tag's file can be: its length there has 16 bits.
pub const MESSAGE_MAX: usize = 65_536;
/// More records than any tag of a shop holds.
pub const RECORDS_MAX: usize = 64;
/// Messages within messages, the outermost counted.
pub const DEPTH_MAX: usize = 4;
/// Payload lengths below this are written in one octet.
pub const SHORT_BELOW: usize = 256;

pub(super) const MESSAGE_BEGIN: u8 = 0x80;
pub(super) const MESSAGE_END: u8 = 0x40;
const CHUNK: u8 = 0x20;
pub(super) const SHORT: u8 = 0x10;
pub(super) const WITH_ID: u8 = 0x08;

/// How the kind of a record is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tnf {
    Empty,
    WellKnown,
    Media,
    AbsoluteUri,
    External,
    Unknown,
    Unchanged,
}

impl Tnf {
    const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0 => Self::Empty,
            1 => Self::WellKnown,
            2 => Self::Media,
            3 => Self::AbsoluteUri,
            4 => Self::External,
            5 => Self::Unknown,
            6 => Self::Unchanged,
            _ => return None,
        })
    }

    pub(super) const fn bits(self) -> u8 {
        match self {
            Self::Empty => 0,
            Self::WellKnown => 1,
            Self::Media => 2,
            Self::AbsoluteUri => 3,
            Self::External => 4,
            Self::Unknown => 5,
            Self::Unchanged => 6,
        }
    }
}

/// Whether a message may break the rules that many tags in the field break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strictness {
    /// As the standard says.
    #[default]
    Strict,
    /// Begin, end and chunk bits count for nothing, and an unassigned prefix code of a URI stands for no prefix.
    Relaxed,
}

/// What is wrong with a message, and where.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("record {record}")]
pub struct NdefError {
    /// Place of the record in its message, from 1.
    pub record: usize,
    #[source]
    pub fault: Fault,
}

/// What is wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Fault {
    #[error("a message of {0} octets is longer than {MESSAGE_MAX}")]
    MessageTooLong(usize),
    #[error("a message has at most {RECORDS_MAX} records")]
    TooManyRecords,
    #[error("messages lie within one another more than {DEPTH_MAX} deep")]
    TooDeep,
    #[error("octets are missing: {needed} needed, {left} left")]
    Missing { needed: usize, left: usize },
    #[error("the reserved type name format 7")]
    ReservedFormat,
    #[error("the first record does not begin the message")]
    BeginMissing,
    #[error("a record after the first begins the message again")]
    BeginsAgain,
    #[error("the last record does not end the message")]
    EndMissing,
    #[error("octets are left over after the record that ends the message")]
    LeftOver,
    #[error("the last record says that a chunk follows")]
    ChunkOpen,
    #[error("an empty record with a type, an id or a payload")]
    EmptyHolds,
    #[error("a record of this format needs a type")]
    TypeMissing,
    #[error("a record of this format has no type")]
    TypeUnexpected,
    #[error("the type is not ASCII")]
    TypeNotAscii,
    #[error("an empty payload")]
    PayloadMissing,
    #[error("the URI prefix code {0:#04x} is not assigned")]
    Prefix(u8),
    #[error("{0} is not UTF-8")]
    NotUtf8(&'static str),
    #[error("{0} holds a control character")]
    Control(&'static str),
    #[error("the language is {length} octets long, {left} are left")]
    Language { length: usize, left: usize },
    #[error("the language is not ASCII")]
    LanguageNotAscii,
    #[error("the text is not UTF-16")]
    NotUtf16,
    #[error("a smart poster has one URI, not {0}")]
    PosterUris(usize),
    #[error("a smart poster has two titles in {0:?}")]
    PosterTitles(String),
    #[error("an action is one octet, not {0}")]
    ActionLength(usize),
    #[error("the action {0} is not assigned")]
    Action(u8),
    #[error("a size is four octets, not {0}")]
    SizeLength(usize),
    #[error("signatures of version {0:#04x} are not read")]
    SignatureVersion(u8),
    #[error("the signature type {0:#04x} is not assigned")]
    SignatureType(u8),
    #[error("the hash type {0:#04x} is not assigned")]
    SignatureHash(u8),
    #[error("the certificate format {0} is not assigned")]
    CertificateFormat(u8),
    #[error("octets are left over after the signature")]
    SignatureLeftOver,
    #[error("in its message")]
    Nested(#[source] Box<NdefError>),
}

/// One record as it stands in the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raw<'a> {
    pub tnf: Tnf,
    /// The payload goes on in the next record.
    pub chunk: bool,
    pub kind: &'a str,
    pub id: &'a [u8],
    pub payload: &'a [u8],
}

/// Reads octets from the front.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a>(pub &'a [u8]);

impl<'a> Cursor<'a> {
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Fault::Missing { needed: length, left: self.0.len() })?;
        self.0 = rest;
        Ok(taken)
    }

    pub fn octet(&mut self) -> Result<u8, Fault> {
        let (octet, rest) = self.0.split_first().ok_or(Fault::Missing { needed: 1, left: 0 })?;
        self.0 = rest;
        Ok(*octet)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Fault::Missing { needed: N, left: self.0.len() })?;
        self.0 = rest;
        Ok(*taken)
    }

    /// Octets behind their length in 16 bits.
    pub fn counted(&mut self) -> Result<&'a [u8], Fault> {
        let length = u16::from_be_bytes(self.array()?);
        self.take(usize::from(length))
    }
}

/// Cuts a message into its records; no octets are no records.
///
/// # Errors
/// [`NdefError`].
pub fn split(octets: &[u8], strictness: Strictness) -> Result<Vec<Raw<'_>>, NdefError> {
    let mut records: Vec<Raw<'_>> = Vec::new();
    let mut ended = false;
    let mut cursor = Cursor(octets);
    if octets.len() > MESSAGE_MAX {
        return Err(NdefError { record: 1, fault: Fault::MessageTooLong(octets.len()) });
    }
    while !cursor.0.is_empty() {
        let at = |fault| NdefError { record: records.len() + 1, fault };
        if ended {
            return Err(NdefError { record: records.len(), fault: Fault::LeftOver });
        }
        if records.len() == RECORDS_MAX {
            return Err(at(Fault::TooManyRecords));
        }
        let header = cursor.octet().map_err(at)?;
        if strictness == Strictness::Strict {
            match (header & MESSAGE_BEGIN != 0, records.is_empty()) {
                (false, true) => return Err(at(Fault::BeginMissing)),
                (true, false) => return Err(at(Fault::BeginsAgain)),
                (true, true) | (false, false) => {}
            }
            ended = header & MESSAGE_END != 0;
        }
        let record = body(header, &mut cursor).map_err(at)?;
        if ended && record.chunk {
            return Err(at(Fault::ChunkOpen));
        }
        records.push(record);
    }
    if strictness == Strictness::Strict && !ended && !records.is_empty() {
        return Err(NdefError { record: records.len(), fault: Fault::EndMissing });
    }
    Ok(records)
}

fn body<'a>(header: u8, cursor: &mut Cursor<'a>) -> Result<Raw<'a>, Fault> {
    let tnf = Tnf::from_bits(header & 0x07).ok_or(Fault::ReservedFormat)?;
    let type_length = usize::from(cursor.octet()?);
    let payload_length = if header & SHORT != 0 {
        usize::from(cursor.octet()?)
    } else {
        let length = u32::from_be_bytes(cursor.array()?);
        usize::try_from(length).map_err(|_| Fault::MessageTooLong(usize::MAX))?
    };
    let id_length = if header & WITH_ID != 0 { usize::from(cursor.octet()?) } else { 0 };
    match tnf {
        Tnf::Empty if type_length + payload_length + id_length > 0 => return Err(Fault::EmptyHolds),
        Tnf::WellKnown | Tnf::Media | Tnf::AbsoluteUri | Tnf::External if type_length == 0 => return Err(Fault::TypeMissing),
        Tnf::Unknown | Tnf::Unchanged if type_length > 0 => return Err(Fault::TypeUnexpected),
        Tnf::Empty | Tnf::WellKnown | Tnf::Media | Tnf::AbsoluteUri | Tnf::External | Tnf::Unknown | Tnf::Unchanged => {}
    }
    let kind = cursor.take(type_length)?;
    let id = cursor.take(id_length)?;
    let payload = cursor.take(payload_length)?;
    let kind = std::str::from_utf8(kind).ok().filter(|kind| kind.is_ascii()).ok_or(Fault::TypeNotAscii)?;
    Ok(Raw { tnf, chunk: header & CHUNK != 0, kind, id, payload })
}
