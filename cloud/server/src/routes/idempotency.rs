//! `Idempotency-Key`: a POST that is sent twice is done once, and answered the same.
//!
//! Owns the stored answers of keys and the set of those being done. Takes key, caller and body; emits the stored answer, or lets the request
//! through and stores what it answers. The same key with another body is 409, and so is a key whose first request is still being done.
//! An answer is stored after its effect: a crash in between means that the request is done again, which each handler bears.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use actix_web::{
    HttpRequest, HttpResponse,
    body::{BoxBody, to_bytes},
    http::{StatusCode, header},
    web,
};
use aisle_store::idempotency::{self, Answer};
use sha2::{Digest, Sha256};

use crate::{problem::Refusal, state::Cloud};

/// Longest key.
const KEY_LEN_MAX: usize = 128;

/// Keys whose first request is being done at this instance.
#[derive(Clone, Default)]
pub struct Doing(Arc<Mutex<HashSet<String>>>);

/// Holds a key until its answer is stored.
pub struct Guard {
    doing: Doing,
    key: String,
    request_hash: [u8; 32],
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.doing.0.lock().expect("no holder panics").remove(&self.key);
    }
}

/// What a key leads to.
pub enum Begun {
    Answered(HttpResponse<BoxBody>),
    New(Guard),
}

/// The key of a request, if it has one.
pub fn key(request: &HttpRequest) -> Result<Option<String>, Refusal> {
    let Some(value) = request.headers().get("idempotency-key") else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
    if text.is_empty() || text.len() > KEY_LEN_MAX || !printable {
        return Err(Refusal::invalid("idempotency-key", "must have 1 to 128 printable ASCII characters"));
    }
    Ok(Some(text.to_owned()))
}

/// Looks for an answer; takes the key where there is none.
pub async fn begin(request: &HttpRequest, scope: &str, key: &str, body: &[u8]) -> Result<Begun, Refusal> {
    let cloud = request.app_data::<web::Data<Cloud>>().expect("the application is built with its state");
    let path = request.path();
    let request_hash: [u8; 32] = Sha256::digest(body).into();
    let key = format!("{scope}:{path}:{key}");
    let conflict = |detail: &'static str| Err(Refusal::conflict("idempotency_conflict").field("idempotency-key").detail(detail));
    if !cloud.doing.0.lock().expect("no holder panics").insert(key.clone()) {
        return conflict("the first request with this key is still being done");
    }
    let guard = Guard { doing: cloud.doing.clone(), key, request_hash };
    let mut connection = cloud.db.read().await.map_err(Refusal::unavailable)?;
    match idempotency::find(&mut connection, &guard.key).await.map_err(Refusal::unavailable)? {
        None => Ok(Begun::New(guard)),
        Some(stored) if stored.request_hash != request_hash => conflict("this key was used with another body"),
        Some(stored) => {
            let status = StatusCode::from_u16(stored.status).unwrap_or(StatusCode::OK);
            let mut response = HttpResponse::build(status);
            if !stored.body.is_empty() {
                response.insert_header((header::CONTENT_TYPE, "application/json"));
            }
            Ok(Begun::Answered(response.body(stored.body)))
        }
    }
}

/// Stores the answer and gives it.
pub async fn end(request: &HttpRequest, guard: Guard, response: HttpResponse<BoxBody>) -> Result<HttpResponse<BoxBody>, Refusal> {
    let cloud = request.app_data::<web::Data<Cloud>>().expect("the application is built with its state");
    let (head, body) = response.into_parts();
    let bytes = to_bytes(body).await.map_err(|error| Refusal::unavailable(anyhow::anyhow!("failed to collect an answer: {error}")))?;
    let answer = Answer {
        key: guard.key.clone(),
        request_hash: guard.request_hash,
        status: head.status().as_u16(),
        body: bytes.to_vec(),
        at: cloud.clock.now(),
    };
    idempotency::put(&cloud.db, answer).await.map_err(Refusal::unavailable)?;
    drop(guard);
    Ok(head.set_body(BoxBody::new(bytes)))
}
