//! NDEF messages: what a tag holds.
//!
//! Owns the octets of a message and what its records mean. Takes octets of anybody's tag, or records to write. Emits records, or octets. On
//! failure: [`NdefError`] with the place of the record and what is wrong with it; no input panics, and work is bounded by the message's size.
pub mod build;
pub mod content;
pub mod signature;
pub mod smart_poster;
pub mod split;
pub mod tag_file;

pub use build::{BuildError, application, build};
pub use content::{Content, Encoding, Record, RecordType, read};
pub use signature::Signature;
pub use smart_poster::{Action, SmartPoster};
pub use split::{Fault, NdefError, Strictness, Tnf};
pub use tag_file::{TagFileError, read_file, write_file};
