//! Whether a message comes from the tag it names, and what it says.
//!
//! Owns session keys, the MAC and the decryption of mirrored data. Takes what stood in a link, and the literal text that the tag signed. Emits
//! [`Read`]. On failure: [`SunError`]; a tag without a key costs the same MAC as one with, so that an answer's time names no tag.
use std::fmt;

use subtle::ConstantTimeEq;
use thiserror::Error;

use super::crypto::{BLOCK, cmac, decrypt_cbc, encrypt};
use super::keys::{FileKey, MetaKey};

/// Octets of a tag's number.
pub const UID_OCTETS: usize = 7;
/// Octets of a MAC as printed: every second of the whole.
pub const MAC_OCTETS: usize = 8;
/// Octets of hidden number and counter in the mode that is not read.
const LRP_PICC_OCTETS: usize = 24;
/// Longest encrypted part of a file: a file of this tag has 256 octets, printed in two characters each.
pub const ENC_MAX: usize = 128;
/// Longest signed text: the file's own size.
pub const TEXT_MAX: usize = 256;
/// Highest counter: three octets.
pub const COUNTER_MAX: u32 = 0x00FF_FFFF;

const SV_ENC: [u8; 6] = [0xC3, 0x3C, 0x00, 0x01, 0x00, 0x80];
const SV_MAC: [u8; 6] = [0x3C, 0xC3, 0x00, 0x01, 0x00, 0x80];
const TAG_UID: u8 = 0x80;
const TAG_COUNTER: u8 = 0x40;
const TAG_UID_LENGTH: u8 = 0x0F;

/// A tag's number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid([u8; UID_OCTETS]);

impl Uid {
    /// A number of its octets.
    #[must_use]
    pub const fn new(octets: [u8; UID_OCTETS]) -> Self {
        Self(octets)
    }

    /// The octets.
    #[must_use]
    pub const fn octets(self) -> [u8; UID_OCTETS] {
        self.0
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uid({self})")
    }
}

/// Number and counter as they stood in the link.
#[derive(Debug, Clone, Copy)]
pub enum Mirrored<'a> {
    /// Hidden under the fleet's key.
    Hidden { picc: &'a [u8], key: MetaKey },
    /// In plain text; what is absent was not mirrored.
    Plain { uid: Option<Uid>, counter: Option<u32> },
}

/// What a genuine message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    pub uid: Option<Uid>,
    pub counter: Option<u32>,
    pub mac: [u8; MAC_OCTETS],
    /// The decrypted part of the file.
    pub file_data: Option<Vec<u8>>,
}

/// Why a message is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SunError {
    #[error("unsupported_mode: messages in LRP mode are not read")]
    UnsupportedMode,
    #[error("hidden number and counter have {BLOCK} octets, not {0}")]
    PiccLength(usize),
    #[error("unsupported UID length {0}")]
    UidLength(u8),
    #[error("the counter {0} has more than 24 bits")]
    CounterRange(u32),
    #[error("encrypted file data are whole blocks of {BLOCK} octets, {ENC_MAX} at most, not {0}")]
    EncLength(usize),
    #[error("file data cannot be decrypted without a counter")]
    EncWithoutCounter,
    #[error("the signed text has {0} octets, more than {TEXT_MAX}")]
    TextLength(usize),
    #[error("the MAC is not that of this text under this tag's key")]
    WrongMac,
}

/// Why a genuine message cannot be used: nothing ties it to one tag and one reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unusable {
    #[error("no UID mirrored")]
    NoUid,
    #[error("no counter mirrored")]
    NoCounter,
}

impl Read {
    /// Which tag was read, and its counter: what the replay window needs.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn tap(&self) -> Result<(Uid, u32), Unusable> {
        Ok((self.uid.ok_or(Unusable::NoUid)?, self.counter.ok_or(Unusable::NoCounter)?))
    }

    /// What the first two octets of the file say of the seal, on tags that have one.
    #[must_use]
    pub fn tamper(&self) -> Option<Tamper> {
        match self.file_data.as_deref()? {
            [b'C', b'C', ..] => Some(Tamper::Closed),
            [b'O', b'C' | b'O', ..] => Some(Tamper::Opened),
            [b'I', b'I', ..] => Some(Tamper::NotSetUp),
            _ => None,
        }
    }
}

/// State of a tag's seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tamper {
    Closed,
    /// Open, or opened once and closed again.
    Opened,
    NotSetUp,
}

/// Verifies a message and reads it. `key_of` finds the key of the tag; without one the message is refused like any forgery.
///
/// # Errors
/// [`SunError`].
pub fn verify(
    mirrored: Mirrored<'_>,
    file: Option<&[u8]>,
    text: &[u8],
    mac: [u8; MAC_OCTETS],
    key_of: impl FnOnce(Option<Uid>) -> Option<FileKey>,
) -> Result<Read, SunError> {
    if text.len() > TEXT_MAX {
        return Err(SunError::TextLength(text.len()));
    }
    let (uid, counter) = reveal(mirrored)?;
    let known = key_of(uid);
    let FileKey(key) = known.unwrap_or(FileKey([0; BLOCK]));
    let right = truncated(cmac(&session_key(&key, SV_MAC, uid, counter), &[text]));
    let same = bool::from(right.ct_eq(&mac));
    if !same || known.is_none() {
        return Err(SunError::WrongMac);
    }
    let file_data = file.map(|blocks| decrypt_file(&key, uid, counter, blocks)).transpose()?;
    Ok(Read { uid, counter, mac, file_data })
}

/// The MAC that a tag prints for a text: what simulated tags need, and tests.
#[must_use]
pub fn sign(key: &FileKey, uid: Option<Uid>, counter: Option<u32>, text: &[u8]) -> [u8; MAC_OCTETS] {
    truncated(cmac(&session_key(&key.0, SV_MAC, uid, counter), &[text]))
}

fn reveal(mirrored: Mirrored<'_>) -> Result<(Option<Uid>, Option<u32>), SunError> {
    match mirrored {
        Mirrored::Plain { counter: Some(counter), .. } if counter > COUNTER_MAX => Err(SunError::CounterRange(counter)),
        Mirrored::Plain { uid, counter } => Ok((uid, counter)),
        Mirrored::Hidden { picc, .. } if picc.len() == LRP_PICC_OCTETS => Err(SunError::UnsupportedMode),
        Mirrored::Hidden { picc, key } => {
            let block = picc.try_into().map_err(|_| SunError::PiccLength(picc.len()))?;
            let plain = decrypt_cbc(&key.0, [0; BLOCK], &[block]);
            let (tag, rest) = plain.split_first().ok_or(SunError::PiccLength(0))?;
            let length = tag & TAG_UID_LENGTH;
            let with_uid = tag & TAG_UID != 0;
            if !(length == 7 || (length == 0 && !with_uid)) {
                return Err(SunError::UidLength(length));
            }
            let (uid, rest) = if with_uid {
                let (uid, rest) = rest.split_first_chunk().ok_or(SunError::PiccLength(picc.len()))?;
                (Some(Uid(*uid)), rest)
            } else {
                (None, rest)
            };
            let counter = match rest {
                [low, middle, high, ..] if tag & TAG_COUNTER != 0 => Some(u32::from_le_bytes([*low, *middle, *high, 0])),
                _ => None,
            };
            Ok((uid, counter))
        }
    }
}

/// The key of one reading: what was mirrored goes into it.
fn session_key(key: &[u8; BLOCK], label: [u8; 6], uid: Option<Uid>, counter: Option<u32>) -> [u8; BLOCK] {
    let mut vector = Vec::with_capacity(BLOCK);
    vector.extend(label);
    vector.extend(uid.into_iter().flat_map(Uid::octets));
    vector.extend(counter.into_iter().flat_map(lowest_first));
    // Label, number and counter are 16 octets in all: one block at most.
    vector.resize(BLOCK, 0);
    cmac(key, &[&vector])
}

fn lowest_first(counter: u32) -> [u8; 3] {
    let [low, middle, high, _] = counter.to_le_bytes();
    [low, middle, high]
}

fn truncated(mac: [u8; BLOCK]) -> [u8; MAC_OCTETS] {
    let [_, a, _, b, _, c, _, d, _, e, _, f, _, g, _, h] = mac;
    [a, b, c, d, e, f, g, h]
}

fn decrypt_file(key: &[u8; BLOCK], uid: Option<Uid>, counter: Option<u32>, file: &[u8]) -> Result<Vec<u8>, SunError> {
    let (blocks, rest) = file.as_chunks::<BLOCK>();
    if blocks.is_empty() || !rest.is_empty() || file.len() > ENC_MAX {
        return Err(SunError::EncLength(file.len()));
    }
    let counter = counter.ok_or(SunError::EncWithoutCounter)?;
    let key = session_key(key, SV_ENC, uid, Some(counter));
    let mut first = [0; BLOCK];
    for (octet, of_counter) in first.iter_mut().zip(lowest_first(counter)) {
        *octet = of_counter;
    }
    Ok(decrypt_cbc(&key, encrypt(&key, first), blocks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_keys_are_those_of_the_application_note() {
        // AN12196, table 2.
        let key = hex::decode("5ACE7E50AB65D5D51FD5BF5A16B8205B").unwrap().try_into().unwrap();
        let uid = Some(Uid::new([0x04, 0xC7, 0x67, 0xF2, 0x06, 0x61, 0x80]));
        assert_eq!(hex::encode(session_key(&key, SV_ENC, uid, Some(1))), "66da61797e23deca5d8eca13bbadf7a9");
        assert_eq!(hex::encode(session_key(&key, SV_MAC, uid, Some(1))), "3a3e8110e05311f7a3fcf0d969bf2b48");
    }
}
