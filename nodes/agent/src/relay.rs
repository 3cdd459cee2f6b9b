//! The node's calls to the cloud about handshakes.
//!
//! Owns one HTTP client. Takes calls; emits the cloud's replies. What it carries of a customer is sealed to a tablet: the node cannot read it
//! and keeps none of it. On failure: a typed error; the store goes on, and a consultation waits until its lease is over.
use std::time::Duration;

use aisle_schemas::handshake::HandshakeId;
use aisle_schemas::http::Problem;
use aisle_schemas::http::cloud::{RelayCall, RelayReply};
use aisle_schemas::relay::{authorization, claim, store_proof};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Request, StatusCode};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::content::Asker;
use crate::identity::{ClientError, IdentityError, connector};

/// Longest wait for a reply: a poll waits 20 s at the cloud.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest reply: sealed fields.
const REPLY_BYTES_MAX: usize = 256 * 1024;

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    #[error("failed to reach the cloud")]
    Send(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("failed to prove who calls")]
    Identity(#[source] IdentityError),
    #[error("the cloud was silent")]
    Silent,
    #[error("the reply cannot be read")]
    Reply(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("refused by the cloud: {0}")]
    Refused(String),
}

/// See the module.
pub struct Relay {
    http: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base: String,
    who: Asker,
}

impl Relay {
    /// The cloud at `base`. `ca` is the PEM text of an authority to trust instead of the machine's own.
    ///
    /// # Errors
    /// When the address is none, is not HTTPS, or TLS cannot be set up.
    pub fn new(base: &str, ca: Option<&str>, who: Asker) -> Result<Self, ClientError> {
        let (base, connector) = connector(base, ca)?;
        Ok(Self { http: Client::builder(TokioExecutor::new()).build(connector), base, who })
    }

    /// Asks about one handshake.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn call(&self, handshake: HandshakeId, call: &RelayCall) -> Result<RelayReply, RelayError> {
        tokio::time::timeout(PATIENCE, self.exchange(handshake, call)).await.unwrap_or(Err(RelayError::Silent))
    }

    async fn exchange(&self, handshake: HandshakeId, call: &RelayCall) -> Result<RelayReply, RelayError> {
        let path = format!("/v1/relay/handshakes/{handshake}");
        let body = serde_json::to_vec(call).map_err(|error| RelayError::Send(Box::new(error)))?;
        let (at, node) = (self.who.clock.now(), &self.who.node);
        let claim = claim(node, &path, &body, at);
        let (who, signed) = (self.who.clone(), claim.clone());
        let certified =
            tokio::task::spawn_blocking(move || who.certified(&signed)).await.map_err(|error| RelayError::Send(Box::new(error)))?;
        let proof = certified.map_err(RelayError::Identity)?.unwrap_or_else(|| store_proof(&self.who.key, &claim));
        let request = Request::post(format!("{}{path}", self.base))
            .header(CONTENT_TYPE, "application/json")
            .header(AUTHORIZATION, authorization(node, at, &proof))
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| RelayError::Send(Box::new(error)))?;
        let answer = self.http.request(request).await.map_err(|error| RelayError::Send(Box::new(error)))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), REPLY_BYTES_MAX).collect().await.map_err(RelayError::Reply)?.to_bytes();
        if status == StatusCode::OK {
            return serde_json::from_slice(&body).map_err(|error| RelayError::Reply(Box::new(error)));
        }
        let code = serde_json::from_slice::<Problem>(&body).map_or_else(|_| status.as_str().to_owned(), |problem| problem.code);
        Err(RelayError::Refused(code))
    }
}
