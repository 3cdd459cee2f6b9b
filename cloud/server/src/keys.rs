//! The cloud's own secrets, all derived from one: whoever keeps that one file safe and backed up keeps all of them.
//!
//! Owns the signing key of passes and proofs, the pepper of identifiers and the key that seals addresses. Takes 32 bytes, configured or made
//! at the first start and kept in a file that only its owner may read. On failure: [`KeyError`]; an instance without its key does not start,
//! because a new pepper would make strangers of all customers.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use ed25519_dalek::SigningKey;
use hmac::{Hmac, Mac};
use rand::RngCore;
use sha2::Sha256;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("signing_key must be 64 lower-case hex digits")]
    Malformed,
    #[error("failed to read key file {path}", path = .0.display())]
    Read(PathBuf, #[source] io::Error),
    #[error("failed to write key file {path}", path = .0.display())]
    Write(PathBuf, #[source] io::Error),
}

/// Secrets of one cloud; all instances have the same.
pub struct Keys {
    pub signing: SigningKey,
    /// Of identifier hashes and sign-in codes.
    pub pepper: [u8; 32],
    /// Under which addresses are sealed at rest.
    pub seal: [u8; 32],
}

impl Keys {
    /// Derives all secrets from the root.
    pub fn of(root: [u8; 32]) -> Self {
        let derive = |label: &str| -> [u8; 32] {
            let mut mac = Hmac::<Sha256>::new_from_slice(&root).expect("HMAC takes keys of any length");
            mac.update(b"aisle-cloud-v1\0");
            mac.update(label.as_bytes());
            mac.finalize().into_bytes().into()
        };
        Self { signing: SigningKey::from_bytes(&root), pepper: derive("pepper"), seal: derive("seal") }
    }

    /// Reads the root from configuration.
    pub fn from_hex(text: &str) -> Result<Self, KeyError> {
        let mut root = [0; 32];
        hex::decode_to_slice(text.trim(), &mut root).map_err(|_| KeyError::Malformed)?;
        Ok(Self::of(root))
    }

    /// Reads the key file, or makes it.
    pub fn from_file(path: &Path) -> Result<Self, KeyError> {
        match fs::read_to_string(path) {
            Ok(text) => Self::from_hex(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::create(path),
            Err(error) => Err(KeyError::Read(path.to_owned(), error)),
        }
    }

    fn create(path: &Path) -> Result<Self, KeyError> {
        let mut root = [0; 32];
        rand::rng().fill_bytes(&mut root);
        let failed = |error| KeyError::Write(path.to_owned(), error);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        // `create_new`: of two instances that start at once over one folder, one reads what the other wrote.
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(path) {
            Ok(mut file) => {
                file.write_all(hex::encode(root).as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
                Ok(Self::of(root))
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Self::from_file(path),
            Err(error) => Err(failed(error)),
        }
    }

    /// Public half, lower-case hex: what nodes are configured with.
    pub fn public_hex(&self) -> String {
        hex::encode(self.signing.verifying_key().to_bytes())
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_made_once_and_read_ever_after() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/cloud.key");
        let made = Keys::from_file(&path).unwrap();
        let read = Keys::from_file(&path).unwrap();
        assert_eq!((made.public_hex(), made.pepper, made.seal), (read.public_hex(), read.pepper, read.seal));
        assert_ne!(made.pepper, made.seal);
        fs::write(&path, "zz").unwrap();
        assert!(matches!(Keys::from_file(&path), Err(KeyError::Malformed)));
    }
}
