//! Content by hash: marketers upload it, nodes fetch it with ranges (AS-079).
//!
//! Owns the two routes, what may be uploaded, and who may fetch: nodes by a proof under their certificate's key (under their store's key where
//! the configuration alone made them nodes), people by their session, because a phone shows the same picture as a screen. Takes bytes; emits them
//! under their SHA-256, which is computed here and never believed. On failure: a refusal, and nothing is kept; a stream that the database cuts
//! short ends early, and whoever fetches resumes.

use std::time::Duration;

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse,
    body::SizedStream,
    http::{
        StatusCode,
        header::{self, Header as _, Range},
    },
    web,
};
use aisle_mesh::tls::{Certificate, ValidityState};
use aisle_schemas::{
    blob::{BLOB_BYTES_MAX, Blob, ContentHash, Fetcher, MEDIA_MAX, MediaType, Proof},
    http::cloud::Role,
    ids::{EventId, NodeId},
};
use aisle_store::{
    Db, StoreError,
    content::{self, Kept, NewContent, PART_BYTES},
};
use futures_util::{Stream, StreamExt as _, stream};

use super::{auth::Staff, extract::path_part};
use crate::{fresh, problem::Refusal, session::Principal, shared::RateRule, state::Cloud};

/// Uploads at the same time: each is held in memory until it is hashed.
pub const UPLOADS_MAX: usize = 4;
/// How long an upload's body may take: 16 MiB at little more than 1 Mbit/s. One that stalls would keep its place for ever.
const UPLOAD_TIME: Duration = Duration::from_secs(120);
/// Fetches per node and minute. A node fetches two at a time; more is a fault of its own.
const FETCHES_PER_MINUTE: u32 = 600;
/// Pictures per person and minute: a page shows a few dozen, and keeps them.
const VIEWS_PER_MINUTE: u32 = 600;
/// What a browser may do with a blob that it is shown by itself: nothing.
const POLICY: &str = "default-src 'none'; sandbox";

type Answer = Result<HttpResponse, Refusal>;

fn too_large() -> Refusal {
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large").detail(format!("content has at most {} MiB", BLOB_BYTES_MAX >> 20))
}

async fn read(mut payload: web::Payload, declared: Option<usize>) -> Result<Vec<u8>, Refusal> {
    let most = usize::try_from(BLOB_BYTES_MAX).unwrap_or(usize::MAX);
    if declared.is_some_and(|declared| declared > most) {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(declared.unwrap_or_default());
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, "malformed").detail("the body ended early"))?;
        if bytes.len() + chunk.len() > most {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// `POST /v1/content`
pub async fn upload(cloud: web::Data<Cloud>, staff: Staff, request: HttpRequest, payload: web::Payload) -> Answer {
    staff.with(&[Role::Marketer])?;
    let busy = || Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "busy").retry_after(Duration::from_secs(1));
    let _room = cloud.uploads.try_acquire().map_err(|_| busy())?;
    let declared = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let bytes = tokio::time::timeout(UPLOAD_TIME, read(payload, declared)).await.map_err(|_| busy())??;
    let not_media = || {
        Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_media")
            .detail("content is JPEG, PNG, WebP, AVIF or MP4, by its own first bytes")
    };
    let mime = MediaType::of(&bytes).ok_or_else(not_media)?;
    let size = u32::try_from(bytes.len()).map_err(|_| too_large())?;
    // Tens of milliseconds of hashing must not hold up who else is served.
    let hashed = web::block(move || (ContentHash::of(&bytes), bytes)).await;
    let (sha256, bytes) = hashed.map_err(|error| Refusal::unavailable(anyhow::anyhow!("failed to hash content: {error}")))?;
    let (blob, now) = (Blob { sha256, size, mime }, cloud.now());
    let new = NewContent { blob, bytes, by: staff.0.customer, at: now, audit: fresh::id(now, EventId::new) };
    let kept = content::keep(&cloud.db, new).await.map_err(Refusal::unavailable)?;
    let (status, fate) = match kept {
        Kept::New => (StatusCode::CREATED, "new"),
        Kept::Known => (StatusCode::CREATED, "known"),
        Kept::Full => (StatusCode::INSUFFICIENT_STORAGE, "full"),
    };
    metrics::counter!("aisle_content_uploads_total", "fate" => fate).increment(1);
    match kept {
        Kept::New | Kept::Known => Ok(HttpResponse::build(status).json(blob)),
        Kept::Full => Err(Refusal::new(status, "content_full").detail("there is no room for more content")),
    }
}

/// Refuses whoever neither signed in nor proves to be one of our nodes.
async fn admit(cloud: &Cloud, request: &HttpRequest) -> Result<(), Refusal> {
    let principal = request.extensions().get::<Principal>().cloned().unwrap_or(Principal::Nobody);
    let rule = |name, burst| RateRule { name, burst, period: Duration::from_secs(60) };
    match principal {
        Principal::Signed(session) => return cloud.limit(rule("content_person", VIEWS_PER_MINUTE), &session.customer.to_string()).await,
        Principal::System(_) => return Err(Refusal::forbidden()),
        Principal::Nobody => {}
    }
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(fetcher) = given.and_then(Fetcher::parse) else { return Err(Refusal::unauthorised()) };
    let sha256: ContentHash = path_part(request, "sha256")?;
    if !fetcher.is_fresh(cloud.now()) || !proves(cloud, &fetcher, &sha256).await.map_err(Refusal::unavailable)? {
        metrics::counter!("aisle_content_fetches_refused_total").increment(1);
        return Err(Refusal::forbidden());
    }
    cloud.limit(rule("content", FETCHES_PER_MINUTE), &fetcher.node.to_string()).await
}

/// Whether the fetcher is the node that it names, and that node is served now.
async fn proves(cloud: &Cloud, fetcher: &Fetcher, sha256: &ContentHash) -> Result<bool, StoreError> {
    let info = cloud.settings.stores.get(&fetcher.node.store).filter(|info| info.node.tenant == fetcher.node.tenant);
    let Some(info) = info else { return Ok(false) };
    match &fetcher.proof {
        Proof::StoreKey(_) if !fetcher.is_proven(&info.key, sha256) => Ok(false),
        Proof::StoreKey(_) => content::may_fetch(&mut cloud.db.read().await?, &fetcher.node).await,
        Proof::Certificate { fingerprint, signature } => {
            certified(cloud, &fetcher.node, (*fingerprint, signature), &fetcher.claim(sha256)).await
        }
    }
}

/// Whether a certificate that stands now is the node's, and its key signed the claim.
pub async fn certified(cloud: &Cloud, node: &NodeId, proof: ([u8; 32], &[u8]), claim: &str) -> Result<bool, StoreError> {
    let (fingerprint, signature) = proof;
    let found = content::certificate(&mut cloud.db.read().await?, fingerprint).await?;
    let Some(pem) = found.filter(|(of, _)| of == node).map(|(_, pem)| pem) else { return Ok(false) };
    let certificate = match Certificate::from_pem(&pem) {
        Ok(certificate) => certificate,
        Err(error) => {
            tracing::error!(%node, error = &error as &dyn std::error::Error, "a certificate that we gave cannot be read");
            return Ok(false);
        }
    };
    let stands = match certificate.validity.state(cloud.now()) {
        ValidityState::Fresh | ValidityState::Due => true,
        // Good for renewal alone (AS-107).
        ValidityState::Expired | ValidityState::Spent => false,
    };
    Ok(stands && certificate.verifies(claim.as_bytes(), signature))
}

/// Which bytes are asked for, first and last.
enum Wanted {
    All,
    Some(u64, u64),
    Outside,
}

/// Several ranges at once, or another unit, get everything: a client must bear that.
fn wanted(request: &HttpRequest, blob: &Blob, etag: &str) -> Wanted {
    let same = |value: &header::HeaderValue| value.as_bytes() == etag.as_bytes();
    let is_for_us = request.headers().get(header::IF_RANGE).is_none_or(same);
    match Range::parse(request) {
        Ok(Range::Bytes(specs)) if is_for_us => match specs.as_slice() {
            [one] => match one.to_satisfiable_range(u64::from(blob.size)) {
                Some((first, last)) => Wanted::Some(first, last),
                None => Wanted::Outside,
            },
            _ => Wanted::All,
        },
        Ok(Range::Bytes(_) | Range::Unregistered(..)) | Err(_) => Wanted::All,
    }
}

/// `GET /v1/content/{sha256}`
pub async fn fetch(cloud: web::Data<Cloud>, request: HttpRequest) -> Answer {
    admit(&cloud, &request).await?;
    let sha256: ContentHash = path_part(&request, "sha256")?;
    let found = content::find(&mut cloud.db.read().await.map_err(Refusal::unavailable)?, sha256).await;
    let blob = found.map_err(Refusal::unavailable)?.ok_or_else(|| Refusal::not_found("content"))?;
    let etag = format!("\"{sha256}\"");
    let known = request.headers().get(header::IF_NONE_MATCH).is_some_and(|value| value.as_bytes() == etag.as_bytes());
    let wanted = wanted(&request, &blob, &etag);
    let mut response = match wanted {
        _ if known => HttpResponse::NotModified(),
        Wanted::All => HttpResponse::Ok(),
        Wanted::Some(first, last) => {
            let mut response = HttpResponse::PartialContent();
            response.insert_header((header::CONTENT_RANGE, format!("bytes {first}-{last}/{}", blob.size)));
            response
        }
        Wanted::Outside => {
            let refusal = Refusal::new(StatusCode::RANGE_NOT_SATISFIABLE, "outside").of_bytes(u64::from(blob.size));
            return Err(refusal.detail("the range lies outside the content"));
        }
    };
    response
        .insert_header((header::ETAG, etag))
        // What a hash names never changes; a shared cache does not know who may see it.
        .insert_header((header::CACHE_CONTROL, "private, max-age=31536000, immutable"))
        .insert_header((header::ACCEPT_RANGES, "bytes"))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .content_type(blob.mime.as_str());
    if known {
        return Ok(response.finish());
    }
    let (first, length) = match wanted {
        Wanted::Some(first, last) => (first, last + 1 - first),
        Wanted::All | Wanted::Outside => (0, u64::from(blob.size)),
    };
    let bytes = parts(cloud.db.clone(), sha256, count(first), count(length));
    Ok(response.body(SizedStream::new(length, Box::pin(bytes))))
}

/// A number of bytes within a blob, which is far below what an address counts.
fn count(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// The bytes from `first` on, a part at a time, so that a slow reader holds no connection of the database.
fn parts(db: Db, sha256: ContentHash, first: usize, length: usize) -> impl Stream<Item = Result<web::Bytes, StoreError>> {
    let begin = (first / PART_BYTES, first % PART_BYTES, length);
    stream::try_unfold(begin, move |(place, skip, left)| {
        let db = db.clone();
        async move {
            if left == 0 {
                return Ok(None);
            }
            let Some(part) = content::part(&mut db.read().await?, sha256, place).await? else { return Ok(None) };
            let to = skip.saturating_add(left).min(part.len());
            let bytes = web::Bytes::from(part).slice(skip.min(to)..to);
            let left = left.saturating_sub(bytes.len());
            Ok(Some((bytes, (place + 1, 0, left))))
        }
    })
}

/// The blobs that these pictures name, as they are kept; a hash that is not kept is refused at `field`.
pub async fn media<'a>(
    cloud: &Cloud,
    images: impl IntoIterator<Item = Option<&'a str>>,
    field: &'static str,
) -> Result<Vec<Blob>, Refusal> {
    let mut media: Vec<Blob> = Vec::new();
    let connection = &mut cloud.db.read().await.map_err(Refusal::unavailable)?;
    for named in images.into_iter().filter_map(ContentHash::in_image) {
        let hash = named.map_err(|error| Refusal::invalid(field, error.to_string()))?;
        if media.iter().any(|blob| blob.sha256 == hash) {
            continue;
        }
        let found = content::find(connection, hash).await.map_err(Refusal::unavailable)?;
        let blob = found.ok_or_else(|| Refusal::invalid(field, format!("there is no content {hash}")))?;
        if !blob.mime.is_picture() {
            return Err(Refusal::invalid(field, format!("content {hash} is no picture")));
        }
        if media.len() >= MEDIA_MAX {
            return Err(Refusal::invalid(field, format!("names more than {MEDIA_MAX} contents")));
        }
        media.push(blob);
    }
    Ok(media)
}
