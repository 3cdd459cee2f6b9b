//! One caller of one HTTP face, with its cookies.
//!
//! Takes a base URL; emits typed answers. On failure: a [`CallError`] that tells a refusal of the server from a line that broke, because a refused
//! request has changed nothing and a broken one may have.

use std::time::Duration;

use aisle_schemas::http::Problem;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::{Serialize, de::DeserializeOwned};

/// Longest wait for an answer; streams have none.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest answer that is read.
const ANSWER_BYTES_MAX: usize = 8 << 20;

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The server refused: nothing was changed.
    #[error("refused with {status} {}", .problem.code)]
    Refused { status: u16, problem: Box<Problem> },
    /// The server answered with an error that is no problem document.
    #[error("unexpected answer {status}: {body}")]
    Unexpected { status: u16, body: String },
    /// The answer is not what the route promises.
    #[error("failed to read the answer of {path}")]
    Unreadable {
        path: String,
        #[source]
        source: serde_json::Error,
    },
    /// The line broke: whether the server has done it is unknown.
    #[error("failed to reach the server")]
    Transport(#[from] reqwest::Error),
    /// The answer is longer than anything we ask for.
    #[error("answer is longer than {ANSWER_BYTES_MAX} bytes")]
    TooLong,
}

impl CallError {
    /// Status and code of a refusal.
    pub fn refusal(&self) -> Option<(u16, &str)> {
        match self {
            Self::Refused { status, problem } => Some((*status, &problem.code)),
            Self::Unexpected { .. } | Self::Unreadable { .. } | Self::Transport(_) | Self::TooLong => None,
        }
    }
}

/// A caller with its own cookies. Clones share them.
#[derive(Clone)]
pub struct Api {
    base: String,
    http: reqwest::Client,
    bearer: Option<String>,
}

impl Api {
    /// A caller without any session; `base` is like `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn new(base: &str) -> Result<Self, CallError> {
        let http = reqwest::Client::builder().cookie_store(true).tcp_nodelay(true).no_proxy().build()?;
        Ok(Self { base: base.trim_end_matches('/').to_owned(), http, bearer: None })
    }

    /// The same caller with `Authorization: Bearer key`.
    #[must_use]
    pub fn with_bearer(mut self, key: &str) -> Self {
        self.bearer = Some(key.to_owned());
        self
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    /// A request without body, for what has no method here; `path` begins with `/`.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.bearer {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    /// GET.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CallError> {
        self.answer(path, self.request(Method::GET, path)).await
    }

    /// POST with a JSON body and a JSON answer.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &(impl Serialize + Sync)) -> Result<T, CallError> {
        self.answer(path, self.request(Method::POST, path).json(body)).await
    }

    /// PUT with a JSON body and a JSON answer.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn put<T: DeserializeOwned>(&self, path: &str, body: &(impl Serialize + Sync)) -> Result<T, CallError> {
        self.answer(path, self.request(Method::PUT, path).json(body)).await
    }

    /// DELETE with a JSON answer.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, CallError> {
        self.answer(path, self.request(Method::DELETE, path)).await
    }

    /// POST or PUT whose answer has no body.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn tell(&self, method: Method, path: &str, body: Option<&(impl Serialize + Sync)>) -> Result<(), CallError> {
        let request = self.request(method, path);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        Self::body(request.timeout(ANSWER_TIMEOUT)).await.map(drop)
    }

    /// GET of a text, e.g. `/metrics`.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn text(&self, path: &str) -> Result<String, CallError> {
        let bytes = Self::body(self.request(Method::GET, path).timeout(ANSWER_TIMEOUT)).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    async fn answer<T: DeserializeOwned>(&self, path: &str, request: RequestBuilder) -> Result<T, CallError> {
        let bytes = Self::body(request.timeout(ANSWER_TIMEOUT)).await?;
        serde_json::from_slice(&bytes).map_err(|source| CallError::Unreadable { path: path.to_owned(), source })
    }

    async fn body(request: RequestBuilder) -> Result<Vec<u8>, CallError> {
        let mut response = request.send().await?;
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(CallError::TooLong);
            }
            bytes.extend_from_slice(&chunk);
        }
        if status.is_success() { Ok(bytes) } else { Err(failure(status, &bytes)) }
    }
}

fn failure(status: StatusCode, body: &[u8]) -> CallError {
    let status = status.as_u16();
    match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => CallError::Refused { status, problem: Box::new(problem) },
        Err(_) => CallError::Unexpected { status, body: String::from_utf8_lossy(body).chars().take(200).collect() },
    }
}
