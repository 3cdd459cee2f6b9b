//! Addresses under seal: XChaCha20-Poly1305 with the server's key, bound to the customer.
//!
//! Owns [`AddressSeal`]. Takes an address and a random nonce; emits bytes for the database. What does not open is an error: it was sealed
//! under another key, for another customer, or changed. The key never stands in the database.

use std::fmt;

use aisle_schemas::ids::CustomerId;
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};

/// Bytes of a nonce: long enough to be drawn at random for every seal.
pub const NONCE_LEN: usize = 24;

/// Why sealed bytes do not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sealed address does not open under this key for this customer")]
pub struct SealBroken;

/// Seals and opens addresses.
#[derive(Clone)]
pub struct AddressSeal(XChaCha20Poly1305);

impl AddressSeal {
    pub fn new(key: [u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(&key.into()))
    }

    /// Nonce, then ciphertext and tag.
    pub fn seal(&self, nonce: [u8; NONCE_LEN], customer: CustomerId, address: &str) -> Vec<u8> {
        let payload = Payload { msg: address.as_bytes(), aad: customer.0.as_bytes() };
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload).expect("an address is far below the cipher's limit");
        [&nonce[..], &sealed].concat()
    }

    /// The address.
    pub fn open(&self, customer: CustomerId, sealed: &[u8]) -> Result<String, SealBroken> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(SealBroken)?;
        let payload = Payload { msg: sealed, aad: customer.0.as_bytes() };
        let address = self.0.decrypt(&XNonce::from(*nonce), payload).map_err(|_| SealBroken)?;
        String::from_utf8(address).map_err(|_| SealBroken)
    }
}

impl fmt::Debug for AddressSeal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AddressSeal(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_address_opens_only_under_its_key_for_its_customer_and_unchanged() {
        let (ada, eve) = (CustomerId::new(1, [1; 10]), CustomerId::new(1, [2; 10]));
        let seal = AddressSeal::new([7; 32]);
        let sealed = seal.seal([9; NONCE_LEN], ada, "ada@example.com");
        assert!(!sealed.windows(3).any(|bytes| bytes == b"ada"));
        assert_eq!(seal.open(ada, &sealed).as_deref(), Ok("ada@example.com"));
        assert_eq!(seal.open(eve, &sealed), Err(SealBroken));
        assert_eq!(AddressSeal::new([8; 32]).open(ada, &sealed), Err(SealBroken));
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert_eq!(seal.open(ada, &changed), Err(SealBroken));
        }
        assert_eq!(seal.open(ada, &sealed[..10]), Err(SealBroken));
    }
}
