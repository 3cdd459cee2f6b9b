//! Content by hash for the store's own surfaces.
//!
//! Owns its delivery: one range, caching for ever, and a policy under which a browser runs nothing of it. Takes a hash; emits bytes that were
//! checked against it. On failure: 404, and the surface shows its brand picture; what rotted on the disk is fetched again.
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_RANGE, CONTENT_SECURITY_POLICY, ETAG, Header as _, IF_NONE_MATCH, Range,
};
use actix_web::{HttpRequest, HttpResponse, web};
use aisle_schemas::blob::{ContentHash, MediaType};

use super::Shared;
use super::problem::Refusal;

/// What a browser may do with a blob that it is shown by itself: nothing.
const POLICY: &str = "default-src 'none'; sandbox";

/// First and last byte of the only range asked for; several ranges, or another unit, get everything.
fn range(request: &HttpRequest, size: u64) -> Result<Option<(u64, u64)>, Refusal> {
    let Ok(Range::Bytes(specs)) = Range::parse(request) else { return Ok(None) };
    let [one] = specs.as_slice() else { return Ok(None) };
    let outside = || Refusal::new(StatusCode::RANGE_NOT_SATISFIABLE, "outside", "the range lies outside the content");
    one.to_satisfiable_range(size).map(Some).ok_or_else(outside)
}

/// `GET /content/{sha256}`
pub async fn content(request: HttpRequest, path: web::Path<String>, shared: web::Data<Shared>) -> Result<HttpResponse, Refusal> {
    let missing = || Refusal::not_found("there is no such content here");
    let hash = ContentHash::parse(&path).map_err(|_| missing())?;
    let etag = format!("\"{hash}\"");
    if request.headers().get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        return Ok(HttpResponse::NotModified().insert_header((ETAG, etag)).finish());
    }
    let read = shared.content.read(hash).await.map_err(|error| {
        tracing::error!(%hash, %error, "failed to read content");
        Refusal::not_ready("the content cannot be read")
    })?;
    let bytes = web::Bytes::from(read.ok_or_else(missing)?);
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let mime = MediaType::of(&bytes).map_or("application/octet-stream", MediaType::as_str);
    let range = range(&request, size)?;
    let mut response = if range.is_some() { HttpResponse::PartialContent() } else { HttpResponse::Ok() };
    response
        .insert_header((ETAG, etag))
        .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .insert_header((ACCEPT_RANGES, "bytes"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .content_type(mime);
    let Some((first, last)) = range else { return Ok(response.body(bytes)) };
    response.insert_header((CONTENT_RANGE, format!("bytes {first}-{last}/{size}")));
    let (first, end) = (usize::try_from(first).unwrap_or(usize::MAX), usize::try_from(last).unwrap_or(usize::MAX).saturating_add(1));
    Ok(response.body(bytes.slice(first.min(bytes.len())..end.min(bytes.len()))))
}
