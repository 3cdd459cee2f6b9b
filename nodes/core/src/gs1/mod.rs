//! GS1: what barcodes and links on products say.
//!
//! Owns application identifiers with their formats, check digits, element strings, scanner data, Digital Links and in-store codes. Takes texts
//! of anybody's making, with the day as an argument. Emits identifiers with values, or texts. On failure: an error per kind of text, with the
//! place and what was expected; nothing is repaired, no input panics, and work is bounded by [`TEXT_MAX`].
//!
//! The numbers of coupons (8110, 8112) are refused: nobody here reads them.
pub mod check;
mod code_lists;
pub mod digital_link;
pub mod element;
pub mod element_string;
pub mod generate;
pub mod gtin;
pub mod in_store;
pub mod scan;
mod sequence;
mod table;
mod value;

pub use element::{Ai, Element, ElementError, Reading};
pub use value::ValueError;

/// Longest text that is read: more than any symbol holds.
pub const TEXT_MAX: usize = 8_191;
/// Most identifiers in one text.
pub const ELEMENTS_MAX: usize = 64;
