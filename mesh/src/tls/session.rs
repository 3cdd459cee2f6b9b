//! TLS 1.3 with a certificate at both ends.
//!
//! Owns: the TLS configuration of a client, which can be replaced while links run (a new certificate is used at the next dial,
//! AS-107), and that of a server. Takes: PEM texts. Emits: configurations for the MQTT client and the embedded broker. On failure: a
//! typed error. Versions below 1.3 are not offered.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::client::WantsClientCert;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::TLS13;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, ServerConfig};

use super::{TlsError, bounded};

/// What a client shows and trusts; empty until there is a certificate. Clones share it, so that whoever renews a certificate reaches every
/// later dial.
#[derive(Clone, Default)]
pub struct ClientTls(Arc<RwLock<Option<Arc<ClientConfig>>>>);

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientTls(..)")
    }
}

impl ClientTls {
    /// Trusts `authority` alone and shows `certificate`, which belongs to `key`.
    ///
    /// # Errors
    /// When a text does not parse or they do not fit together. Whether the certificate is still good is not asked: the other end
    /// decides that.
    pub fn new(authority: &str, certificate: &str, key: &str) -> Result<Self, TlsError> {
        Ok(Self(Arc::new(RwLock::new(Some(Arc::new(client(authority, certificate, key)?))))))
    }

    /// Trusts `authority` alone and shows nothing: what a broker that asks for a certificate must turn away.
    ///
    /// # Errors
    /// When the text does not parse.
    pub fn without_certificate(authority: &str) -> Result<Self, TlsError> {
        let config = trusting(authority)?.with_no_client_auth();
        Ok(Self(Arc::new(RwLock::new(Some(Arc::new(config))))))
    }

    /// Shows another certificate from the next dial on.
    ///
    /// # Errors
    /// As [`ClientTls::new`]; the old one stays.
    pub fn replace(&self, authority: &str, certificate: &str, key: &str) -> Result<(), TlsError> {
        let next = Arc::new(client(authority, certificate, key)?);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(next);
        Ok(())
    }

    /// What the next dial uses.
    #[must_use]
    pub fn current(&self) -> Option<Arc<ClientConfig>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What a server shows and trusts.
#[derive(Clone)]
pub struct ServerTls(pub(crate) Arc<ServerConfig>);

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerTls(..)")
    }
}

impl ServerTls {
    /// Lets in who shows a certificate of `authority`, and nobody else.
    ///
    /// # Errors
    /// When a text does not parse or they do not fit together.
    pub fn new(authority: &str, certificate: &str, key: &str) -> Result<Self, TlsError> {
        let roots = Arc::new(roots(authority)?);
        let verifier =
            WebPkiClientVerifier::builder_with_provider(roots, provider()).build().map_err(|error| TlsError::Mismatch(Box::new(error)))?;
        let config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| TlsError::Mismatch(Box::new(error)))?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain(certificate)?, private_key(key)?)
            .map_err(|error| TlsError::Mismatch(Box::new(error)))?;
        Ok(Self(Arc::new(config)))
    }
}

fn trusting(authority: &str) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(|error| TlsError::Mismatch(Box::new(error)))?;
    Ok(builder.with_root_certificates(roots(authority)?))
}

fn client(authority: &str, certificate: &str, key: &str) -> Result<ClientConfig, TlsError> {
    trusting(authority)?.with_client_auth_cert(chain(certificate)?, private_key(key)?).map_err(|error| TlsError::Mismatch(Box::new(error)))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn roots(authority: &str) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in chain(authority)? {
        roots.add(certificate).map_err(|error| TlsError::unreadable("authority's certificate", error))?;
    }
    Ok(roots)
}

fn chain(pem: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bounded(pem)?.as_bytes()).collect();
    let chain = read.map_err(|error| TlsError::unreadable("certificate", error))?;
    if chain.is_empty() { Err(TlsError::unreadable("certificate", "there is none")) } else { Ok(chain) }
}

fn private_key(pem: &str) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(bounded(pem)?.as_bytes()).map_err(|error| TlsError::unreadable("private key", error))
}
