//! Typed reading of requests: bodies, path parts, queries. What does not parse becomes a [`Refusal`] that names the field.
//!
//! Owns the limit of a body and the order of checks: size, JSON, shape, values. Takes requests; emits values that handlers need not
//! check again. On failure: 413 `too_large`, 415 `not_json`, 400 `malformed` for text that is no JSON, 422 `invalid` with a JSON pointer.

use std::{future::Future, pin::Pin, str::FromStr};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload, http::StatusCode, web};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use super::check::{Check, Faults};
use crate::problem::Refusal;

/// Largest body that is read.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// A checked JSON body.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned + Check + 'static> FromRequest for Body<T> {
    type Error = Refusal;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Refusal>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_json = request.content_type().eq_ignore_ascii_case("application/json");
        let payload = payload.take();
        Box::pin(async move {
            if !is_json {
                return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json").field("content-type"));
            }
            let bytes = read(payload).await?;
            parse(&bytes).map(Self)
        })
    }
}

/// Reads a body up to the limit.
pub async fn read(mut payload: Payload) -> Result<web::Bytes, Refusal> {
    let mut bytes = web::BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, "malformed").detail("the body ended early"))?;
        if bytes.len() + chunk.len() > BODY_BYTES_MAX {
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large").detail("a body has at most 64 KiB"));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

/// Parses and checks a body.
pub fn parse<T: DeserializeOwned + Check>(bytes: &[u8]) -> Result<T, Refusal> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value: T = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let pointer = pointer(error.path());
        match error.inner().classify() {
            serde_json::error::Category::Data => Refusal::invalid(pointer, plain(error.inner())),
            serde_json::error::Category::Syntax | serde_json::error::Category::Eof | serde_json::error::Category::Io => {
                Refusal::new(StatusCode::BAD_REQUEST, "malformed").detail(plain(error.inner())).field(pointer)
            }
        }
    })?;
    if let Err(error) = reader.end() {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "malformed").detail(plain(&error)));
    }
    let mut faults = Faults::default();
    value.check(&mut faults);
    faults.into_result().map(|()| value)
}

/// The message without the place, which the pointer says better.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or(&text).to_owned()
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { variant } => format!("/{variant}"),
            Segment::Unknown => "/?".to_owned(),
        })
        .collect()
}

/// A part of the path, parsed.
pub fn path_part<T: FromStr>(request: &HttpRequest, name: &'static str) -> Result<T, Refusal>
where
    T::Err: std::fmt::Display,
{
    let text = request.match_info().get(name).unwrap_or_default();
    text.parse().map_err(|error: T::Err| Refusal::invalid(name, error.to_string()))
}

/// A query parameter, parsed; `None` where it is absent or empty.
pub fn query_part<T: FromStr>(request: &HttpRequest, name: &'static str) -> Result<Option<T>, Refusal>
where
    T::Err: std::fmt::Display,
{
    let query =
        web::Query::<Vec<(String, String)>>::from_query(request.query_string()).map_err(|_| Refusal::invalid("query", "cannot be read"))?;
    let value = query.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value);
    value.map(|text| text.parse().map_err(|error: T::Err| Refusal::invalid(name, error.to_string()))).transpose()
}

#[cfg(test)]
mod tests {
    use aisle_schemas::http::cloud::{BookmarkAdd, MeChange, SalesReport};

    use super::*;

    fn refused<T: DeserializeOwned + Check>(text: &str) -> Refusal {
        match parse::<T>(text.as_bytes()) {
            Ok(_) => panic!("accepted {text}"),
            Err(refusal) => refusal,
        }
    }

    #[test]
    fn text_that_is_no_json_is_malformed_and_a_wrong_value_is_invalid_at_its_place() {
        assert_eq!(refused::<MeChange>("{").code(), "malformed");
        assert_eq!(refused::<MeChange>("{} x").code(), "malformed");
        let refusal = refused::<SalesReport>(
            r#"{"source_ref":"r","email":"a@b.de","at":"2026-01-01T00:00:00Z","lines":[{"product":7,"quantity":1}]}"#,
        );
        assert_eq!(refusal.code(), "invalid");
        assert!(format!("{refusal:?}").contains("/lines/0/product"), "{refusal:?}");
        assert_eq!(refused::<BookmarkAdd>(r#"{"offer":"nope"}"#).code(), "invalid");
        assert_eq!(refused::<MeChange>(r#"{"colour":1}"#).code(), "invalid");
    }
}
