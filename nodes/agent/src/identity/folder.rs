//! The folder that holds a box's identity.
//!
//! Owns three files: the authority's certificate, one file with key and certificate (so that they change together), and a key that waits for
//! its certificate. Takes PEM texts; emits them. Every file of ours is readable by its owner alone and appears whole or not at all. On failure:
//! names the file.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use aisle_mesh::tls::{Certificate, PrivateKey, TlsError};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// Certificate of the authority.
const AUTHORITY: &str = "ca.pem";
/// Key, then certificate.
const NODE: &str = "node.pem";
/// A key whose certificate has been asked for.
const WAITING: &str = "next.key";

/// Why an identity cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error("failed to read {}", file.display())]
    Read {
        file: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("failed to write {}", file.display())]
    Write {
        file: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("key or certificate cannot be used")]
    Tls(#[from] TlsError),
    #[error("the authority's certificate cannot be read")]
    Authority(#[source] rustls::pki_types::pem::Error),
}

/// What a box holds.
pub struct Held {
    pub authority: String,
    /// Key and certificate in one text.
    pub node: SecretString,
    pub certificate: Certificate,
}

impl Held {
    /// The certificate alone, as PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        let text = self.node.expose_secret();
        text.find(CERTIFICATE_BEGINS).map_or("", |start| &text[start..])
    }
}

const CERTIFICATE_BEGINS: &str = "-----BEGIN CERTIFICATE-----";

/// The folder.
#[derive(Debug, Clone)]
pub struct IdentityFolder(PathBuf);

impl IdentityFolder {
    /// A folder; it need not be there yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// SHA-256 of an authority's certificate.
    ///
    /// # Errors
    /// When it is not one.
    pub fn fingerprint(authority: &str) -> Result<[u8; 32], IdentityError> {
        let der = CertificateDer::from_pem_slice(authority.as_bytes()).map_err(IdentityError::Authority)?;
        Ok(Sha256::digest(&der).into())
    }

    /// What the box holds.
    ///
    /// # Errors
    /// When a file is missing or does not parse.
    pub fn read(&self) -> Result<Held, IdentityError> {
        let (authority, node) = (self.text(AUTHORITY)?, self.text(NODE)?);
        let certificate = Certificate::from_pem(&node)?;
        Ok(Held { authority, node: SecretString::from(node), certificate })
    }

    /// The key that waits for its certificate, made where there is none.
    ///
    /// # Errors
    /// When it cannot be read, made or written.
    pub fn waiting_key(&self) -> Result<PrivateKey, IdentityError> {
        match self.text(WAITING) {
            Ok(text) => Ok(PrivateKey::from_pem(&text)?),
            Err(IdentityError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                let key = PrivateKey::generate()?;
                self.put(WAITING, key.to_pem().expose_secret())?;
                Ok(key)
            }
            Err(error) => Err(error),
        }
    }

    /// Puts a certificate and its key in force.
    ///
    /// # Errors
    /// When a file cannot be written; what was in force stays so.
    pub fn write(&self, authority: &str, certificate: &str, key: &PrivateKey) -> Result<(), IdentityError> {
        self.put(AUTHORITY, authority)?;
        self.put(NODE, &format!("{}{certificate}", key.to_pem().expose_secret()))?;
        let file = self.0.join(WAITING);
        match fs::remove_file(&file) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(IdentityError::Write { file, source }),
        }
    }

    fn text(&self, name: &str) -> Result<String, IdentityError> {
        let file = self.0.join(name);
        fs::read_to_string(&file).map_err(|source| IdentityError::Read { file, source })
    }

    /// Writes a file whole or not at all, also when the power goes.
    fn put(&self, name: &str, text: &str) -> Result<(), IdentityError> {
        let (file, part) = (self.0.join(name), self.0.join(format!("{name}.part")));
        let written = || {
            fs::create_dir_all(&self.0)?;
            let mut open = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
            open.write_all(text.as_bytes())?;
            open.sync_all()?;
            fs::rename(&part, &file)?;
            File::open(&self.0)?.sync_all()
        };
        written().map_err(|source| IdentityError::Write { file: file.clone(), source })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn as_105_a_key_waits_on_the_box_readable_by_its_owner_alone() {
        let here = tempfile::tempdir().unwrap();
        let folder = IdentityFolder::new(here.path().join("identity"));
        let key = folder.waiting_key().unwrap();
        let again = folder.waiting_key().unwrap();
        assert_eq!(key.to_pem().expose_secret(), again.to_pem().expose_secret(), "an answer may be lost");
        let mode = fs::metadata(folder.path().join(WAITING)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(matches!(folder.read(), Err(IdentityError::Read { .. })));
    }
}
