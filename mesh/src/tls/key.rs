//! A private key that stays on the box that made it, and what leaves in its place.
//!
//! Owns: the key (P-256, which every TLS library speaks), its PEM form, and signing requests. Takes: the system's randomness, through
//! the library that makes keys. Emits: a request that proves possession of the key and holds its public half alone. On failure: a
//! typed error.

use std::fmt;

use rcgen::{
    CertificateParams, CertificateSigningRequestParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKey, PublicKeyData, SigningKey,
};
use secrecy::SecretString;
use sha2::{Digest, Sha256};

use super::{Identity, TlsError, bounded};

/// A private key.
pub struct PrivateKey(pub(super) KeyPair);

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(..)")
    }
}

impl PrivateKey {
    /// Makes a key.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn generate() -> Result<Self, TlsError> {
        let made = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256);
        made.map(Self).map_err(|source| TlsError::Make { what: "key", source })
    }

    /// Reads a key from PEM (PKCS #8).
    ///
    /// # Errors
    /// When it is not one.
    pub fn from_pem(pem: &str) -> Result<Self, TlsError> {
        KeyPair::from_pem(bounded(pem)?).map(Self).map_err(|error| TlsError::unreadable("private key", error))
    }

    /// The key as PEM, for a file that only its owner may read.
    #[must_use]
    pub fn to_pem(&self) -> SecretString {
        SecretString::from(self.0.serialize_pem())
    }

    /// A signing request for this key, as PEM. The name in it is a courtesy to people who read requests: what a certificate says is
    /// decided by the authority.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn request(&self, identity: &Identity) -> Result<String, TlsError> {
        let failed = |source| TlsError::Make { what: "signing request", source };
        let mut params = CertificateParams::new(Vec::new()).map_err(failed)?;
        params.distinguished_name.push(DnType::CommonName, identity.name().as_str());
        params.serialize_request(&self.0).map_err(failed)?.pem().map_err(failed)
    }

    /// Signs a message (ECDSA, SHA-256, DER).
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, TlsError> {
        self.0.sign(message).map_err(|source| TlsError::Make { what: "signature", source })
    }
}

/// A signing request whose signature is right: its sender holds the key.
pub struct SigningRequest {
    pub(super) public_key: PublicKey,
}

impl SigningRequest {
    /// Reads a request from PEM and checks its signature. Only the key is taken from it.
    ///
    /// # Errors
    /// When it does not parse, its signature is wrong, or its key is not on P-256.
    pub fn from_pem(pem: &str) -> Result<Self, TlsError> {
        let parsed = CertificateSigningRequestParams::from_pem(bounded(pem)?);
        let CertificateSigningRequestParams { params: _, public_key } =
            parsed.map_err(|error| TlsError::unreadable("signing request", error))?;
        // Renewal is signed with this key, and only this kind is checked there.
        if public_key.algorithm() != &PKCS_ECDSA_P256_SHA256 {
            return Err(TlsError::unreadable("signing request", "its key is not on P-256"));
        }
        Ok(Self { public_key })
    }

    /// SHA-256 of the public key, as [`super::Certificate::key_hash`].
    #[must_use]
    pub fn key_hash(&self) -> [u8; 32] {
        Sha256::digest(self.public_key.der_bytes()).into()
    }
}
