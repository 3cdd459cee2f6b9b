//! Which baskets are looked at by chance.
//!
//! Owns the draw. Takes the key of the store's day, whose hash was published before the day's first trip, and the trip. Emits yes or no: nobody can draw
//! again, and anyone can check once the key is published. Cannot fail.
use aisle_schemas::ids::TripId;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

/// Audits per million trips: 5 %.
pub const RATE_PER_MILLION: u32 = 50_000;
/// The whole.
const MILLION: u128 = 1_000_000;

/// What is published of a key at the beginning of its day, hex.
#[must_use]
pub fn commitment(key: &[u8; 32]) -> String {
    hex::encode(Sha256::digest(key))
}

/// Whether a trip is drawn: the first eight octets of the HMAC, as a fraction of 2^64, lie below the rate.
#[must_use]
pub fn is_drawn(key: &[u8; 32], trip: TripId, rate_per_million: u32) -> bool {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(trip.to_string().as_bytes());
    let drawn: [u8; 8] = std::array::from_fn({
        let octets = mac.finalize().into_bytes();
        move |at| octets.get(at).copied().unwrap_or_default()
    });
    u128::from(u64::from_be_bytes(drawn)) * MILLION < u128::from(rate_per_million) << 64
}
