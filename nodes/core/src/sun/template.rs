//! The link on a screen's tag: `https://{host}/t?u={number}&n={counter}&m={MAC}`.
//!
//! Owns the text, where the tag writes into it, and how it is read back. Takes a host. Emits the file to write with its offsets, or what a link
//! said. On failure: [`TemplateError`].
use thiserror::Error;

use super::verify::{MAC_OCTETS, UID_OCTETS, Uid};
use crate::ndef::split::SHORT_BELOW;
use crate::ndef::{Content, Record, build, write_file};

/// Longest host: a name of the domain name system.
pub const HOST_MAX: usize = 253;

/// Octets before the text of a link in the file: length, header of a short record, prefix code.
const BEFORE_TEXT: usize = 2 + 4 + 1;
const SCHEME: &str = "https://";

/// Why a link cannot be written or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TemplateError {
    #[error("a host is 1 to {HOST_MAX} letters, digits, dots, hyphens, and a port")]
    Host,
    #[error("the link does not fit into a short record of a tag")]
    TooLong,
    #[error("{0} is not so many hexadecimal digits as the tag writes")]
    Digits(&'static str),
}

/// What is written once on the tag of a screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScreenTag {
    pub url: String,
    /// The whole file, zeros where the tag writes.
    pub file: Vec<u8>,
    pub uid_offset: usize,
    pub counter_offset: usize,
    /// The signed text is empty: it begins where the MAC does.
    pub mac_offset: usize,
}

/// What a link of a screen's tag said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScreenTap {
    pub uid: Uid,
    pub counter: u32,
    pub mac: [u8; MAC_OCTETS],
}

impl ScreenTag {
    /// The tag of a screen of this host.
    ///
    /// # Errors
    /// [`TemplateError`].
    pub fn new(host: &str) -> Result<Self, TemplateError> {
        let fits = (1..=HOST_MAX).contains(&host.len());
        if !fits || !host.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b':')) {
            return Err(TemplateError::Host);
        }
        let uid_at = format!("{host}/t?u=");
        let counter_at = format!("{uid_at}{:014}&n=", 0);
        let mac_at = format!("{counter_at}{:06}&m=", 0);
        let url = format!("{SCHEME}{mac_at}{:016}", 0);
        let message = build(&[Record { id: String::new(), content: Content::Uri { iri: url.clone() } }]);
        let file = message.map(|message| write_file(&message)).map_err(|_| TemplateError::TooLong)?.map_err(|_| TemplateError::TooLong)?;
        // A long record has a longer header; the prefix code stands for the scheme and, with some hosts, for their first letters too.
        if url.len() >= SHORT_BELOW {
            return Err(TemplateError::TooLong);
        }
        let text_begins = url.len() - (file.len() - BEFORE_TEXT);
        let offset = |before: &str| BEFORE_TEXT + SCHEME.len() + before.len() - text_begins;
        Ok(Self { uid_offset: offset(&uid_at), counter_offset: offset(&counter_at), mac_offset: offset(&mac_at), url, file })
    }
}

impl ScreenTap {
    /// Reads the values of `u`, `n` and `m`.
    ///
    /// # Errors
    /// [`TemplateError::Digits`].
    pub fn parse(u: &str, n: &str, m: &str) -> Result<Self, TemplateError> {
        let mut uid = [0; UID_OCTETS];
        let mut counter = [0; 3];
        let mut mac = [0; MAC_OCTETS];
        hex::decode_to_slice(u, &mut uid).map_err(|_| TemplateError::Digits("u"))?;
        hex::decode_to_slice(n, &mut counter).map_err(|_| TemplateError::Digits("n"))?;
        hex::decode_to_slice(m, &mut mac).map_err(|_| TemplateError::Digits("m"))?;
        let [high, middle, low] = counter;
        Ok(Self { uid: Uid::new(uid), counter: u32::from_be_bytes([0, high, middle, low]), mac })
    }
}
