//! Reads the certificates that an operator put beside an instance.
//!
//! Owns nothing. Takes paths; emits TLS configurations. On failure: names the file, and the instance does not start.

use std::path::{Path, PathBuf};

use aisle_mesh::tls::{ClientTls, ServerTls, TlsError};

use crate::config::TlsConfig;

/// Why a TLS configuration cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsFileError {
    #[error("failed to read {}", file.display())]
    Read {
        file: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("failed to use {}", file.display())]
    Use {
        /// The certificate; its companions are named beside it in the configuration.
        file: PathBuf,
        #[source]
        source: TlsError,
    },
}

struct Texts {
    ca: String,
    cert: String,
    key: String,
}

fn read(file: &Path) -> Result<String, TlsFileError> {
    std::fs::read_to_string(file).map_err(|source| TlsFileError::Read { file: file.to_owned(), source })
}

fn texts(config: &TlsConfig) -> Result<Texts, TlsFileError> {
    let TlsConfig { ca, cert, key } = config;
    Ok(Texts { ca: read(ca)?, cert: read(cert)?, key: read(key)? })
}

/// For a link to a broker.
pub fn client(config: &TlsConfig) -> Result<ClientTls, TlsFileError> {
    let Texts { ca, cert, key } = texts(config)?;
    ClientTls::new(&ca, &cert, &key).map_err(|source| TlsFileError::Use { file: config.cert.clone(), source })
}

/// For the broker inside.
pub fn server(config: &TlsConfig) -> Result<ServerTls, TlsFileError> {
    let Texts { ca, cert, key } = texts(config)?;
    ServerTls::new(&ca, &cert, &key).map_err(|source| TlsFileError::Use { file: config.cert.clone(), source })
}
