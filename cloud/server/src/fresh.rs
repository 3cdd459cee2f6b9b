//! New names: ids and secrets of the shell. Core code gets them as arguments.
//!
//! Owns the process's source of randomness. Emits UUIDv7 ids that sort by the instant given, and 128-bit secrets. Cannot fail.

use chrono::{DateTime, Utc};
use rand::{Rng, RngCore};

/// Makes an id of the kind whose constructor is given, e.g. `fresh::id(now, CardId::new)`.
pub fn id<T>(now: DateTime<Utc>, make: impl FnOnce(u64, [u8; 10]) -> T) -> T {
    let mut random = [0; 10];
    rand::rng().fill_bytes(&mut random);
    make(u64::try_from(now.timestamp_millis()).unwrap_or(0), random)
}

/// 128 random bits.
pub fn secret() -> [u8; 16] {
    let mut random = [0; 16];
    rand::rng().fill_bytes(&mut random);
    random
}

/// A uniform draw.
pub fn draw() -> u64 {
    rand::rng().random()
}
