//! Secrets of nodes and devices at a broker, as salted hashes.
//!
//! Owns: the text form `$7$iterations$salt$hash` (PBKDF2-HMAC-SHA-512, which mosquitto reads as it is), so that the
//! embedded broker and mosquitto check the same record. Takes: secrets, and randomness as an argument. Emits: yes
//! or no. On failure: an unreadable record is a typed error, never a match.
//!
//! One iteration is right here: these secrets are 128 random bits made by us, not words that people choose, so there
//! is no dictionary that slowness would hold back, while 5,000 stores that reconnect at once would pay for it.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha512;
use subtle::ConstantTimeEq;

/// Salt length in bytes; mosquitto accepts no other.
pub const SALT_BYTES: usize = 12;
/// Randomness of a secret made by us, in bytes.
pub const SECRET_BYTES: usize = 16;
const HASH_BYTES: usize = 64;
/// Iterations of records made by us, see the header.
const ITERATIONS: u32 = 1;
/// A record from elsewhere may ask for more, within reason: checking it happens at every connect.
const ITERATIONS_MAX: u32 = 10_000;

/// A stored credential: enough to check a secret, not to recover it.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    iterations: u32,
    salt: [u8; SALT_BYTES],
    hash: [u8; HASH_BYTES],
}

/// Why a text is not a stored credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// Not of the form `$7$iterations$salt$hash`.
    #[error("credential is not of the form $7$iterations$salt$hash")]
    Form,
    /// Iterations outside 1 to 10,000.
    #[error("credential asks for an iteration count outside 1 to {ITERATIONS_MAX}")]
    Iterations,
    /// Salt or hash is not base64 of the right length.
    #[error("salt or hash of the credential is not base64 of the right length")]
    Encoding,
}

/// Makes a secret, 32 hex digits, from 128 random bits.
#[must_use]
pub fn secret_from_random(random: [u8; SECRET_BYTES]) -> SecretString {
    SecretString::from(hex::encode(random))
}

impl Credential {
    /// Hashes a secret under a random salt.
    #[must_use]
    pub fn of(secret: &SecretString, salt: [u8; SALT_BYTES]) -> Self {
        let hash = derive(secret.expose_secret().as_bytes(), &salt, ITERATIONS);
        Self { iterations: ITERATIONS, salt, hash }
    }

    /// Whether `secret` is the one that was hashed; takes the same time either way.
    #[must_use]
    pub fn accepts(&self, secret: &[u8]) -> bool {
        derive(secret, &self.salt, self.iterations).ct_eq(&self.hash).into()
    }
}

/// First block of PBKDF2 with HMAC-SHA-512; the hash is exactly one block long.
fn derive(secret: &[u8], salt: &[u8; SALT_BYTES], iterations: u32) -> [u8; HASH_BYTES] {
    let keyed = Hmac::<Sha512>::new_from_slice(secret).expect("HMAC takes a key of any length");
    let mut first = keyed.clone();
    first.update(salt);
    first.update(&1_u32.to_be_bytes());
    let mut round: [u8; HASH_BYTES] = first.finalize().into_bytes().into();
    let mut block = round;
    for _ in 1..iterations {
        let mut next = keyed.clone();
        next.update(&round);
        round = next.finalize().into_bytes().into();
        for (sum, byte) in block.iter_mut().zip(round) {
            *sum ^= byte;
        }
    }
    block
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "$7${}${}${}", self.iterations, STANDARD.encode(self.salt), STANDARD.encode(self.hash))
    }
}

impl fmt::Debug for Credential {
    /// A hash in a log helps only who should not have it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(..)")
    }
}

impl FromStr for Credential {
    type Err = CredentialError;

    fn from_str(text: &str) -> Result<Self, CredentialError> {
        let rest = text.strip_prefix("$7$").ok_or(CredentialError::Form)?;
        let mut parts = rest.split('$');
        let (Some(iterations), Some(salt), Some(hash), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(CredentialError::Form);
        };
        let iterations: u32 = iterations.parse().map_err(|_| CredentialError::Iterations)?;
        if !(1..=ITERATIONS_MAX).contains(&iterations) {
            return Err(CredentialError::Iterations);
        }
        let salt = STANDARD.decode(salt).ok().and_then(|bytes| bytes.try_into().ok());
        let hash = STANDARD.decode(hash).ok().and_then(|bytes| bytes.try_into().ok());
        match (salt, hash) {
            (Some(salt), Some(hash)) => Ok(Self { iterations, salt, hash }),
            (None, _) | (_, None) => Err(CredentialError::Encoding),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_accepts_its_secret_and_no_other() {
        let secret = secret_from_random([7; SECRET_BYTES]);
        let credential = Credential::of(&secret, [1; SALT_BYTES]);
        assert!(credential.accepts(secret.expose_secret().as_bytes()));
        assert!(!credential.accepts(b""));
        assert!(!credential.accepts(secret_from_random([8; SECRET_BYTES]).expose_secret().as_bytes()));
    }

    #[test]
    fn a_credential_survives_its_text_form() {
        let credential = Credential::of(&secret_from_random([7; SECRET_BYTES]), [1; SALT_BYTES]);
        assert_eq!(credential.to_string().parse(), Ok(credential));
    }

    #[test]
    fn a_record_written_by_mosquitto_passwd_is_understood() {
        // mosquitto_passwd 2.0 of user `u` with password `open-sesame`.
        let record = MOSQUITTO_RECORD;
        let credential: Credential = record.parse().unwrap();
        assert!(credential.accepts(b"open-sesame"));
        assert!(!credential.accepts(b"open-sesam"));
    }

    #[test]
    fn unreadable_records_name_what_is_wrong() {
        for (text, error) in [
            ("", CredentialError::Form),
            ("$6$1$AA==$AA==", CredentialError::Form),
            ("$7$1$AA==", CredentialError::Form),
            ("$7$0$AA==$AA==", CredentialError::Iterations),
            ("$7$10001$AA==$AA==", CredentialError::Iterations),
            ("$7$1$AA==$AA==", CredentialError::Encoding),
        ] {
            assert_eq!(text.parse::<Credential>(), Err(error), "{text}");
        }
    }

    const MOSQUITTO_RECORD: &str =
        "$7$101$8JXPGlieTYBi5tFa$7Q6lqDMSOyPlrlyO26FbkkrH4UdUnmjYV+R7tQhD1WphDCebNhaqNLxd9xBEHGuqtsUXdbZQehQPkcv/akS6Hw==";
}
