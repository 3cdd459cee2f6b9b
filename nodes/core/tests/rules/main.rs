//! Rules of a store that need more than one of its parts: display policy over zones, visits over time, plans over programmes; and what tags and codes say.
//!
//! Owns one test program with one module per subject. Takes seeds from proptest, which prints them. Emits nothing. On failure: the failing
//! scene is printed whole.
#![allow(clippy::unwrap_used)]
mod codes;
mod content;
mod display;
mod labels;
mod plan;
mod plays;
mod products;
mod tags;
mod trips;
mod vectors;
mod visits;
mod vocabulary;

use chrono::{DateTime, Utc};

/// An instant, seconds after 1970.
fn at(s: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(s, 0).unwrap()
}
