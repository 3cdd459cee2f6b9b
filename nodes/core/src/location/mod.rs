//! Where consenting visitors are in the store, from the strength of Wi-Fi signals.
//!
//! Owns the whole calculation: a survey and its index, the vote of the nearest rows, tracking, the share of a position over zones, and when a
//! zone was entered, dwelt in and left. Takes surveys, scans and positions with their times. Emits estimates and signs. On failure: what is
//! not heard well enough has no position.
pub mod address;
pub mod areas;
pub mod beacons;
pub mod bell;
pub mod estimate;
pub mod feeds;
pub mod gate;
pub mod index;
pub mod locator;
pub mod map;
pub mod representation;
pub mod stay;
pub mod survey;
pub mod track;
pub mod tune;
