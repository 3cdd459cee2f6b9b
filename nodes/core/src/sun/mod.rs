//! NTAG 424 DNA: tags whose link is new at each reading and signed by the tag.
//!
//! Owns keys, the signed text and what a tag says of itself. Takes octets from a link with the keys of the tag. Emits who was read and how
//! often before. On failure: [`SunError`]. That a message is genuine says that a phone was at this tag at some time, not that it is now:
//! `nfc::replay` decides whether it is new.
mod crypto;
pub mod keys;
pub mod template;
pub mod verify;

pub use keys::{FileKey, KeyError, Master, MetaKey};
pub use template::{ScreenTag, TemplateError};
pub use verify::{Mirrored, Read, SunError, Tamper, Uid, Unusable, verify};
