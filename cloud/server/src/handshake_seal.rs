//! Fields under seal for one tablet: whoever carries them cannot read them.
//!
//! Owns the way from a tablet's public key to sealed bytes: one-time ECDH on P-256, HKDF-SHA-256, AES-256-GCM; what every browser has built in.
//! Takes the key, the handshake and the fields. Emits [`SealedFields`]. On failure: [`SealRefused`], for a key that is no point of the curve.

use aisle_schemas::{
    handshake::HandshakeId,
    http::cloud::{SealedFields, SharedFields},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral},
    hkdf::{HKDF_SHA256, Salt},
    rand::SystemRandom,
};

/// Binds a key to its use; the tablet's page says the same.
const INFO: &[u8] = b"aisle-handshake-seal-v1";

/// Why nothing was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no P-256 public key")]
pub struct SealRefused;

/// Seals fields to `tablet`, an uncompressed point in base64url. The handshake goes in as additional data, so that sealed bytes of one
/// consultation do not open in another. Each seal has a key of its own, so that its nonce can be zero.
///
/// # Errors
/// [`SealRefused`].
pub fn seal(tablet: &str, handshake: HandshakeId, fields: &SharedFields) -> Result<SealedFields, SealRefused> {
    let tablet = URL_SAFE_NO_PAD.decode(tablet).map_err(|_| SealRefused)?;
    let rng = SystemRandom::new();
    let own = EphemeralPrivateKey::generate(&ECDH_P256, &rng).map_err(|_| SealRefused)?;
    let public = own.compute_public_key().map_err(|_| SealRefused)?;
    let key = agree_ephemeral(own, &UnparsedPublicKey::new(&ECDH_P256, &tablet), |shared| {
        let expanded = Salt::new(HKDF_SHA256, &[]).extract(shared).expand(&[INFO], &AES_256_GCM).map(UnboundKey::from);
        expanded.map(LessSafeKey::new)
    });
    let key = key.map_err(|_| SealRefused)?.map_err(|_| SealRefused)?;
    let mut sealed = serde_json::to_vec(fields).expect("texts are JSON");
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    key.seal_in_place_append_tag(nonce, Aad::from(handshake.as_bytes()), &mut sealed).map_err(|_| SealRefused)?;
    Ok(SealedFields { key: URL_SAFE_NO_PAD.encode(public), sealed: URL_SAFE_NO_PAD.encode(sealed) })
}

#[cfg(test)]
mod tests {
    use aisle_schemas::{handshake::Scope, http::cloud::SharedField};

    use super::*;

    fn open(own: EphemeralPrivateKey, handshake: HandshakeId, sealed: &SealedFields) -> Option<Vec<u8>> {
        let public = URL_SAFE_NO_PAD.decode(&sealed.key).unwrap();
        let key = agree_ephemeral(own, &UnparsedPublicKey::new(&ECDH_P256, &public), |shared| {
            UnboundKey::from(Salt::new(HKDF_SHA256, &[]).extract(shared).expand(&[INFO], &AES_256_GCM).unwrap())
        })
        .unwrap();
        let mut bytes = URL_SAFE_NO_PAD.decode(&sealed.sealed).unwrap();
        let nonce = Nonce::assume_unique_for_key([0; 12]);
        LessSafeKey::new(key).open_in_place(nonce, Aad::from(handshake.as_bytes()), &mut bytes).ok().map(|plain| plain.to_vec())
    }

    #[test]
    fn only_the_tablet_opens_what_is_sealed_to_it_and_only_in_its_consultation() {
        let fields = SharedFields {
            scope: Scope::Wishlist,
            fields: vec![SharedField { name: "wishlist.0".to_owned(), value: "canary-wish".to_owned(), sku: None }],
        };
        let handshake = HandshakeId::from_random([1; 16]);
        let pair = || {
            let own = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).unwrap();
            let public = URL_SAFE_NO_PAD.encode(own.compute_public_key().unwrap());
            (own, public)
        };
        let (own, public) = pair();
        let sealed = seal(&public, handshake, &fields).unwrap();
        assert!(!URL_SAFE_NO_PAD.decode(&sealed.sealed).unwrap().windows(11).any(|bytes| bytes == b"canary-wish"));
        assert_eq!(open(own, handshake, &sealed).map(|plain| serde_json::from_slice(&plain).unwrap()), Some(fields.clone()));
        assert_eq!(open(pair().0, handshake, &sealed), None, "another tablet");
        let (own, public) = pair();
        let sealed = seal(&public, handshake, &fields).unwrap();
        assert_eq!(open(own, HandshakeId::from_random([2; 16]), &sealed), None, "another consultation");
        for wrong in ["", "AAAA", "not base64!"] {
            assert_eq!(seal(wrong, handshake, &fields), Err(SealRefused));
        }
    }
}
