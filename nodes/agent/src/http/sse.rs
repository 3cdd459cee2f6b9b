//! Server-sent events of one surface.
//!
//! Owns the framing, the heartbeat and the rule of what is sent first. Takes a watch of what is shown. Emits the current state at once, then
//! every newer one; states in between may be skipped, since each is whole. On failure of the connection: the browser comes back with the id it
//! saw last and is sent only what is newer.
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use futures_util::stream;
use serde::Serialize;
use tokio::sync::watch;

/// A comment this often keeps proxies from closing a silent stream.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a browser waits before it comes back, milliseconds.
const RETRY_MS: u32 = 1_000;

/// One kind of event.
pub struct Events<T> {
    pub shown: watch::Receiver<Option<Arc<T>>>,
    pub name: &'static str,
    /// Rises with each change; the event's id.
    pub rev: fn(&T) -> u64,
}

struct State<T> {
    events: Events<T>,
    /// Newest id that the browser has.
    seen: Option<u64>,
    begun: bool,
    heartbeat: tokio::time::Interval,
}

impl<T: Serialize + Send + Sync + 'static> Events<T> {
    /// The stream as the answer to `request`.
    #[must_use]
    pub fn answer(self, request: &HttpRequest) -> HttpResponse {
        let seen = request.headers().get("Last-Event-ID").and_then(|id| id.to_str().ok()).and_then(|id| id.parse().ok());
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        heartbeat.reset();
        let state = State { events: self, seen, begun: false, heartbeat };
        let chunks = stream::unfold(state, |mut state| async move {
            let chunk = state.next().await?;
            Some((Ok::<_, Infallible>(chunk), state))
        });
        HttpResponse::Ok()
            .content_type("text/event-stream")
            .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
            .streaming(chunks)
    }
}

impl<T: Serialize> State<T> {
    async fn next(&mut self) -> Option<Bytes> {
        if !self.begun {
            self.begun = true;
            self.events.shown.mark_changed();
            return Some(Bytes::from(format!("retry: {RETRY_MS}\n\n")));
        }
        loop {
            tokio::select! {
                changed = self.events.shown.changed() => {
                    // The actor is gone: the node ends, and the browser shall come back to the next one.
                    changed.ok()?;
                    let shown = self.events.shown.borrow_and_update().clone();
                    if let Some(chunk) = shown.and_then(|shown| self.frame(&shown)) {
                        return Some(chunk);
                    }
                }
                _ = self.heartbeat.tick() => return Some(Bytes::from_static(b": here\n\n")),
            }
        }
    }

    /// The event, unless the browser has it.
    fn frame(&mut self, shown: &T) -> Option<Bytes> {
        let id = (self.events.rev)(shown);
        if self.seen.is_some_and(|seen| id <= seen) {
            return None;
        }
        match serde_json::to_string(shown) {
            Ok(data) => {
                self.seen = Some(id);
                Some(Bytes::from(format!("id: {id}\nevent: {}\ndata: {data}\n\n", self.events.name)))
            }
            Err(error) => {
                tracing::error!(%error, "an event could not be written");
                None
            }
        }
    }
}
