//! Fetches one blob from the cloud, from where the last try ended.
//!
//! Owns one HTTP client. Takes a blob; emits it in the cache, whole and verified (AS-079). On failure: a typed error; what came stays for the
//! next try, unless it cannot be part of the blob.
use std::io;
use std::sync::Arc;
use std::time::Duration;

use aisle_mesh::clock::Clock;
use aisle_mesh::tls::PrivateKey;
use aisle_schemas::blob::{Blob, Proof, authorization, claim, header};
use aisle_schemas::code::StoreKey;
use aisle_schemas::ids::NodeId;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_RANGE, RANGE};
use hyper::{Request, Response, StatusCode};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use secrecy::ExposeSecret;

use super::cache::{Cache, Finished, Partial};
use crate::identity::{ClientError, IdentityError, IdentityFolder, connector};

/// Longest wait for an answer, and for the next bytes of one.
const PATIENCE: Duration = Duration::from_secs(20);

/// Why a blob is not here yet.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("failed to ask the cloud")]
    Ask(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("failed to prove who asks")]
    Identity(#[source] IdentityError),
    #[error("the cloud was silent")]
    Silent,
    #[error("the cloud answered {0}")]
    Status(StatusCode),
    #[error("the answer ended early")]
    Interrupted,
    #[error("the answer is longer than the blob")]
    WrongSize,
    #[error("the answer is another content")]
    WrongHash,
    #[error("failed to write content")]
    Disk(#[source] io::Error),
}

impl FetchError {
    /// Code of a document that is refused for it, where the cloud's answer cannot be right.
    #[must_use]
    pub const fn wrong(&self) -> Option<&'static str> {
        match self {
            Self::WrongSize => Some("content.wrong_size"),
            Self::WrongHash => Some("content.wrong_hash"),
            Self::Ask(_) | Self::Identity(_) | Self::Silent | Self::Status(_) | Self::Interrupted | Self::Disk(_) => None,
        }
    }

    /// Label of metrics.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Ask(_) => "ask",
            Self::Identity(_) => "identity",
            Self::Silent => "silent",
            Self::Status(_) => "status",
            Self::Interrupted => "interrupted",
            Self::WrongSize => "wrong_size",
            Self::WrongHash => "wrong_hash",
            Self::Disk(_) => "disk",
        }
    }
}

impl From<io::Error> for FetchError {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

/// Where content comes from.
pub struct Source {
    http: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    base: String,
    who: Asker,
}

/// Who fetches, and how it proves that.
#[derive(Clone)]
pub struct Asker {
    pub node: NodeId,
    pub key: StoreKey,
    /// Where the box's certificate and key are; the store's key stands for them where there are none.
    pub identity: Option<IdentityFolder>,
    pub clock: Arc<dyn Clock>,
}

impl Asker {
    /// A claim under the key of the box's certificate; `None` where it has none, and the store's key stands for it. Reads the certificate each time:
    /// it may have been renewed.
    ///
    /// # Errors
    /// When certificate or key cannot be read.
    pub fn certified(&self, claim: &str) -> Result<Option<Proof>, IdentityError> {
        let Some(folder) = &self.identity else { return Ok(None) };
        let held = folder.read()?;
        let signature = PrivateKey::from_pem(held.node.expose_secret()).and_then(|key| key.sign(claim.as_bytes()))?;
        Ok(Some(Proof::Certificate { fingerprint: held.certificate.fingerprint, signature }))
    }

    fn authorization(&self, blob: Blob) -> Result<String, FetchError> {
        let Self { node, key, identity: _, clock } = self;
        let (hash, at) = (blob.sha256, clock.now());
        let proof = self.certified(&claim(node, &hash, at)).map_err(FetchError::Identity)?;
        Ok(proof.map_or_else(|| authorization(node, key, &hash, at), |proof| header(node, at, &proof)))
    }
}

impl Source {
    /// The cloud at `base`. `ca` is the PEM text of an authority to trust instead of the machine's own.
    ///
    /// # Errors
    /// When the address is none, is not HTTPS, or TLS cannot be set up.
    pub fn new(base: &str, ca: Option<&str>, who: Asker) -> Result<Self, ClientError> {
        let (base, connector) = connector(base, ca)?;
        Ok(Self { http: Client::builder(TokioExecutor::new()).build(connector), base, who })
    }

    /// Fetches what is missing of a blob.
    ///
    /// # Errors
    /// [`FetchError`].
    pub async fn fetch(&self, cache: &Cache, blob: Blob) -> Result<(), FetchError> {
        let size = u64::from(blob.size);
        let mut partial = cache.resume(blob.sha256).await?;
        if partial.len > size {
            partial.restart().await?;
        }
        if partial.len < size {
            match self.download(blob, &mut partial).await {
                Err(FetchError::WrongSize) => {
                    partial.restart().await?;
                    return Err(FetchError::WrongSize);
                }
                Err(error) => {
                    partial.flush().await?;
                    return Err(error);
                }
                Ok(()) => {}
            }
        }
        match cache.finish(blob, partial).await? {
            Finished::Kept => Ok(()),
            Finished::WrongHash => Err(FetchError::WrongHash),
        }
    }

    async fn download(&self, blob: Blob, partial: &mut Partial) -> Result<(), FetchError> {
        let answer = self.ask(blob, partial.len).await?;
        match answer.status() {
            StatusCode::OK => partial.restart().await?,
            StatusCode::PARTIAL_CONTENT if begins_at(&answer, partial.len) => {}
            // What is here does not fit what is there: begin anew next time.
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
                partial.restart().await?;
                return Err(FetchError::Status(answer.status()));
            }
            status => return Err(FetchError::Status(status)),
        }
        let (size, mut body) = (u64::from(blob.size), answer.into_body());
        loop {
            let frame = tokio::time::timeout(PATIENCE, body.frame()).await.map_err(|_| FetchError::Silent)?;
            let Some(frame) = frame else { break };
            let Ok(frame) = frame else { return Err(FetchError::Interrupted) };
            let Ok(bytes) = frame.into_data() else { continue };
            if partial.len + u64::try_from(bytes.len()).unwrap_or(u64::MAX) > size {
                return Err(FetchError::WrongSize);
            }
            partial.write(&bytes).await?;
        }
        if partial.len < size { Err(FetchError::Interrupted) } else { Ok(()) }
    }

    async fn ask(&self, blob: Blob, from: u64) -> Result<Response<Incoming>, FetchError> {
        let who = self.who.clone();
        let proof =
            tokio::task::spawn_blocking(move || who.authorization(blob)).await.map_err(|error| FetchError::Ask(Box::new(error)))??;
        let request = Request::get(format!("{}/v1/content/{}", self.base, blob.sha256)).header(AUTHORIZATION, proof);
        let request = if from > 0 { request.header(RANGE, format!("bytes={from}-")) } else { request };
        let request = request.body(Empty::new()).map_err(|error| FetchError::Ask(Box::new(error)))?;
        let answer = tokio::time::timeout(PATIENCE, self.http.request(request)).await.map_err(|_| FetchError::Silent)?;
        answer.map_err(|error| FetchError::Ask(Box::new(error)))
    }
}

fn begins_at(answer: &Response<Incoming>, from: u64) -> bool {
    let range = answer.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
    let first = range.and_then(|range| range.strip_prefix("bytes ")?.split_once('-')?.0.parse::<u64>().ok());
    first == Some(from)
}
