//! NFC displays: what a tap meant, whether it is new, and what the display shows after it.
//!
//! Owns three rules, one per file: the replay window of a tag's counter, the resolution of a tap by proof of play, and the face of the
//! display. None of them does IO; each says in its own header what it does on failure.
pub mod face;
pub mod replay;
pub mod resolve;
