//! Asks the cloud for certificates over HTTPS.
//!
//! Owns one HTTP client. Takes requests of enrolment; emits what the cloud answers. On failure: a typed error with the cloud's own reason. A
//! claim is leave to become a node, so it goes nowhere in the clear: `http://` is taken for the loopback alone.

use std::time::Duration;

use aisle_schemas::http::Problem;
use aisle_schemas::http::cloud::{Enrolled, EnrolmentRequest, RenewalRequest};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::CONTENT_TYPE;
use hyper::{Request, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde::Serialize;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// Longest answer: two certificates and names.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Why there is no answer, or not the one wished for.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("{0:?} is not an address such as https://cloud.example")]
    Url(String),
    #[error("what proves a box does not travel in the clear: use https://")]
    Insecure,
    #[error("failed to set up TLS")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("failed to reach the cloud")]
    Send(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the cloud did not answer in time")]
    Silent,
    #[error("the answer cannot be read")]
    Answer(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("refused by the cloud: {code}: {detail}")]
    Refused {
        /// Stable code.
        code: String,
        /// Sentence for people.
        detail: String,
    },
}

/// See the module.
pub struct EnrolClient {
    http: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base: String,
}

impl EnrolClient {
    /// A client of the cloud at `base`. `ca` is the PEM text of an authority to trust instead of the machine's own.
    ///
    /// # Errors
    /// When the address is none, is not HTTPS, or TLS cannot be set up.
    pub fn new(base: &str, ca: Option<&str>) -> Result<Self, ClientError> {
        let (base, connector) = connector(base, ca)?;
        Ok(Self { http: Client::builder(TokioExecutor::new()).build(connector), base })
    }

    /// Redeems a claim.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn enrol(&self, asked: &EnrolmentRequest) -> Result<Enrolled, ClientError> {
        self.post("/v1/enrolments", asked).await
    }

    /// Asks for the next certificate.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn renew(&self, asked: &RenewalRequest) -> Result<Enrolled, ClientError> {
        self.post("/v1/enrolments/renewals", asked).await
    }

    async fn post(&self, path: &str, body: &impl Serialize) -> Result<Enrolled, ClientError> {
        let answered = tokio::time::timeout(PATIENCE, self.exchange(path, body)).await;
        answered.unwrap_or(Err(ClientError::Silent))
    }

    async fn exchange(&self, path: &str, body: &impl Serialize) -> Result<Enrolled, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| ClientError::Send(Box::new(error)))?;
        let request = Request::post(format!("{}{path}", self.base))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| ClientError::Send(Box::new(error)))?;
        let answer = self.http.request(request).await.map_err(|error| ClientError::Send(Box::new(error)))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await.map_err(ClientError::Answer)?.to_bytes();
        if status == StatusCode::CREATED {
            return serde_json::from_slice(&body).map_err(|error| ClientError::Answer(Box::new(error)));
        }
        match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => Err(ClientError::Refused { code: problem.code, detail: problem.detail.unwrap_or(problem.title) }),
            Err(_) => Err(ClientError::Refused { code: status.as_str().to_owned(), detail: "no reason was given".to_owned() }),
        }
    }
}

/// What connects to the cloud at `base`, and that address without a slash at its end. Everything a box asks the cloud by HTTP goes this way.
pub(crate) fn connector(base: &str, ca: Option<&str>) -> Result<(String, HttpsConnector<HttpConnector>), ClientError> {
    let base = base.trim_end_matches('/');
    let uri: Uri = base.parse().map_err(|_| ClientError::Url(base.to_owned()))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("https"), Some(_)) | (Some("http"), Some("localhost" | "127.0.0.1" | "[::1]")) => {}
        (Some("http"), Some(_)) => return Err(ClientError::Insecure),
        (Some(_) | None, Some(_) | None) => return Err(ClientError::Url(base.to_owned())),
    }
    let builder = HttpsConnectorBuilder::new();
    let builder = match ca {
        Some(ca) => builder.with_tls_config(trusting(ca)?),
        None => builder
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
            .map_err(|error| ClientError::Tls(Box::new(error)))?,
    };
    Ok((base.to_owned(), builder.https_or_http().enable_http1().build()))
}

fn trusting(ca: &str) -> Result<ClientConfig, ClientError> {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| ClientError::Tls(error);
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca.as_bytes()) {
        let certificate = certificate.map_err(|error| failed(Box::new(error)))?;
        roots.add(certificate).map_err(|error| failed(Box::new(error)))?;
    }
    let config = ClientConfig::builder_with_provider(std::sync::Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| failed(Box::new(error)))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_does_not_travel_in_the_clear() {
        assert!(matches!(EnrolClient::new("http://cloud.example", None), Err(ClientError::Insecure)));
        assert!(matches!(EnrolClient::new("cloud", None), Err(ClientError::Url(_))));
        assert!(matches!(EnrolClient::new("ftp://cloud.example", None), Err(ClientError::Url(_))));
        assert!(EnrolClient::new("http://127.0.0.1:8080/", Some("")).is_ok());
        assert!(EnrolClient::new("https://cloud.example", Some("")).is_ok());
    }
}
