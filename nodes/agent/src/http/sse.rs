//! Server-sent events of one surface.
//!
//! Owns the framing, the heartbeat and the rule of what is sent first. Takes a watch of what is shown, and what passes once. Emits the current
//! state at once, then every newer one; states in between may be skipped, since each is whole. What passes is sent once to whoever is connected,
//! without an id, so that it moves no state's. On failure of the connection: the browser comes back with the id it saw last and is sent only
//! what is newer.
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use serde::Serialize;
use tokio::sync::{broadcast, watch};
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

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
    pub passing: Passing,
}

/// What is sent once, beside the state: its frames.
pub struct Passing(Pin<Box<dyn Stream<Item = Bytes> + Send>>);

impl Passing {
    /// Nothing passes here.
    #[must_use]
    pub fn none() -> Self {
        Self(Box::pin(stream::pending()))
    }

    /// Everything sent from now on. A connection too slow for it loses the oldest, which is counted.
    #[must_use]
    pub fn new<T: Serialize + Send + Sync + 'static>(name: &'static str, source: broadcast::Receiver<Arc<T>>) -> Self {
        let frames = BroadcastStream::new(source).filter_map(move |passed| {
            let frame = match passed {
                Ok(body) => data(body.as_ref()).map(|data| Bytes::from(format!("event: {name}\ndata: {data}\n\n"))),
                Err(BroadcastStreamRecvError::Lagged(lost)) => {
                    metrics::counter!("aisle_sse_lost_total", "role" => "node", "event" => name).increment(lost);
                    None
                }
            };
            std::future::ready(frame)
        });
        // The end of the source is the end of the node, and that shows on the watch.
        Self(Box::pin(frames.chain(stream::pending())))
    }
}

fn data(body: &impl Serialize) -> Option<String> {
    match serde_json::to_string(body) {
        Ok(data) => Some(data),
        Err(error) => {
            tracing::error!(%error, "an event could not be written");
            None
        }
    }
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
                Some(frame) = self.events.passing.0.next() => return Some(frame),
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
        let data = data(shown)?;
        self.seen = Some(id);
        Some(Bytes::from(format!("id: {id}\nevent: {}\ndata: {data}\n\n", self.events.name)))
    }
}
