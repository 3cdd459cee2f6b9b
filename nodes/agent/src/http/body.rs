//! Bodies of requests, read once and whole.
//!
//! Owns the limit and the parsing. Takes a payload. Emits a typed body with the bytes it came from. On failure: a [`Refusal`] that names the
//! field: 413 for what is too large, 400 for what is not JSON, 422 for JSON of another shape.
use std::future::Future;
use std::pin::Pin;

use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, dev};
use bytes::BytesMut;
use futures_util::StreamExt;
use serde::de::DeserializeOwned;

use super::problem::Refusal;

/// Bytes of a body.
pub const BODY_MAX: usize = 64 * 1024;

/// A body of JSON.
pub struct Json<T> {
    pub value: T,
    /// As it came, for its hash.
    pub raw: bytes::Bytes,
}

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = Refusal;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Refusal>>>>;

    fn from_request(_: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let payload = payload.take();
        Box::pin(async move {
            let raw = collect(payload).await?;
            Ok(Self { value: parse(&raw)?, raw: raw.freeze() })
        })
    }
}

async fn collect(mut payload: dev::Payload) -> Result<BytesMut, Refusal> {
    let mut raw = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, "malformed", error))?;
        if raw.len() + chunk.len() > BODY_MAX {
            let detail = format!("the body is larger than {BODY_MAX} bytes");
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail));
        }
        raw.extend_from_slice(&chunk);
    }
    Ok(raw)
}

fn parse<T: DeserializeOwned>(raw: &[u8]) -> Result<T, Refusal> {
    let mut json = serde_json::Deserializer::from_slice(raw);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let status = match error.inner().classify() {
            serde_json::error::Category::Data => StatusCode::UNPROCESSABLE_ENTITY,
            serde_json::error::Category::Io | serde_json::error::Category::Syntax | serde_json::error::Category::Eof => {
                StatusCode::BAD_REQUEST
            }
        };
        Refusal::new(status, "malformed", error.inner()).field(crate::pointer::pointer(error.path()))
    })?;
    json.end().map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, "malformed", error))?;
    Ok(value)
}
