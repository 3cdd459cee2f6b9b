//! Pure rules of a store.
//!
//! Owns every decision that a store node takes: what a screen may show, what it plays next, what a tap meant, who may check in.
//! Takes state and facts as values, with the time and any random draw as arguments. Emits decisions as values. Does no IO, reads no
//! clock and draws no random number. On failure: expected refusals are values of their own type.
pub mod code;
pub mod consultation;
pub mod content;
pub mod display;
pub mod document;
pub mod gs1;
pub mod hlc;
pub mod ids;
pub mod inspect;
pub mod lease;
pub mod location;
pub mod monotonic;
pub mod ndef;
pub mod nfc;
pub mod product;
pub mod signage;
pub mod sun;
pub mod trip;
pub mod visit;
pub mod zone;
