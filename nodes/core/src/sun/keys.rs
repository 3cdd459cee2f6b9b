//! Keys of tags.
//!
//! Owns how a tag's key comes from the fleet's master. Takes the master, which only the cloud has. Emits keys of single tags, which a node may
//! have. On failure: [`KeyError`].
use std::fmt;

use thiserror::Error;

use super::crypto::{BLOCK, cmac, hmac};
use super::verify::Uid;

/// Shortest master: half of what it derives would be guessable below this.
pub const MASTER_MIN: usize = 16;
/// Longest master: a block of the hash; more would be hashed down.
pub const MASTER_MAX: usize = 64;

/// Why octets are no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyError {
    #[error("a master has {MASTER_MIN} to {MASTER_MAX} octets, not {0}")]
    MasterLength(usize),
    #[error("a master of zeros is that of tags as they leave the factory: everybody knows it")]
    Factory,
}

/// The secret from which all keys of a fleet come.
#[derive(Clone)]
pub struct Master(Vec<u8>);

/// The key under which a tag signs its file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FileKey(pub(super) [u8; BLOCK]);

/// The key under which a tag hides its number and counter: one for the whole fleet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MetaKey(pub(super) [u8; BLOCK]);

impl FileKey {
    /// A key as written on a tag.
    #[must_use]
    pub const fn new(octets: [u8; BLOCK]) -> Self {
        Self(octets)
    }

    /// The octets to write on a tag.
    #[must_use]
    pub const fn reveal(&self) -> &[u8; BLOCK] {
        &self.0
    }
}

impl MetaKey {
    /// A key as written on a tag.
    #[must_use]
    pub const fn new(octets: [u8; BLOCK]) -> Self {
        Self(octets)
    }

    /// The octets to write on a tag.
    #[must_use]
    pub const fn reveal(&self) -> &[u8; BLOCK] {
        &self.0
    }
}

impl Master {
    /// A master for production.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn new(octets: &[u8]) -> Result<Self, KeyError> {
        if !(MASTER_MIN..=MASTER_MAX).contains(&octets.len()) {
            return Err(KeyError::MasterLength(octets.len()));
        }
        if octets.iter().all(|octet| *octet == 0) { Err(KeyError::Factory) } else { Ok(Self(octets.to_vec())) }
    }

    /// The master of tags as they leave the factory, to read and rewrite them.
    #[must_use]
    pub fn factory() -> Self {
        Self(vec![0; BLOCK])
    }

    /// The key that hides number and counter.
    #[must_use]
    pub fn meta_key(&self) -> MetaKey {
        if self.is_factory() { MetaKey([0; BLOCK]) } else { MetaKey(half(hmac(&self.0, &[b"PICCDataKey"]))) }
    }

    /// Key number `slot` of the tag `uid`.
    #[must_use]
    pub fn file_key(&self, uid: Uid, slot: u8) -> FileKey {
        if self.is_factory() {
            return FileKey([0; BLOCK]);
        }
        let of_slot = half(hmac(&self.0, &[b"SlotMasterKey", &[slot]]));
        let of_tag = half(hmac(&hmac(&self.0, &[b"DivBaseKey"]), &[&uid.octets()]));
        FileKey(cmac(&of_slot, &[&[0x01], &of_tag]))
    }

    fn is_factory(&self) -> bool {
        self.0 == [0; BLOCK]
    }
}

fn half(hash: [u8; 32]) -> [u8; BLOCK] {
    let (blocks, _) = hash.as_chunks::<BLOCK>();
    blocks.first().copied().unwrap_or_default()
}

impl fmt::Debug for Master {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Master(…)")
    }
}
impl fmt::Debug for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileKey(…)")
    }
}
impl fmt::Debug for MetaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MetaKey(…)")
    }
}
