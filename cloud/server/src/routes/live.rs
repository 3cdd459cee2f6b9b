//! Server-sent events: the customer's own stream and the console's.
//!
//! Owns the form on the wire and the life of one stream. Takes a [`Subscription`] and what is true now; emits `id`, `event`, `data` lines,
//! a comment every 15 s, and `resync` to a reader whose place is gone. A stream ends when its reader is too slow, its session ended or the
//! instance stops; browsers come back by themselves and miss nothing.

use std::{collections::VecDeque, future::Future, pin::Pin, time::Duration};

use actix_web::{HttpRequest, HttpResponse, http::header, web::Bytes};
use aisle_schemas::ids::StoreId;
use futures_util::stream;
use tokio::{
    sync::{mpsc, watch},
    time::{Interval, MissedTickBehavior},
};

use crate::{
    problem::Refusal,
    shared::{Cursor, Live, LiveEvent, Replay, SharedError, Subscription},
};

/// Time between comments that keep proxies from closing an idle stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Wait of a browser before it comes back, milliseconds.
const RETRY_MS: u32 = 1000;

/// Asks whether the reader may still read.
pub type StillAllowed = Box<dyn Fn() -> Pin<Box<dyn Future<Output = bool>>>>;

/// The place that a returning reader names. An unreadable one is as good as a lost one: the reader fetches anew.
pub fn last_event_id(request: &HttpRequest) -> Option<Cursor> {
    let value = request.headers().get("last-event-id")?;
    let lost = Cursor { ms: 0, n: 0 };
    Some(value.to_str().ok().and_then(|text| text.parse().ok()).unwrap_or(lost))
}

/// Refusal for a stream that cannot be opened.
pub fn refuse(error: SharedError) -> Refusal {
    match error {
        SharedError::TooManyReaders => Refusal::too_many(KEEP_ALIVE),
        SharedError::Unreachable(_) => Refusal::unavailable(error),
    }
}

struct Stream {
    ready: VecDeque<Bytes>,
    newest: Cursor,
    events: mpsc::Receiver<LiveEvent>,
    only: Option<StoreId>,
    beat: Interval,
    stopping: watch::Receiver<bool>,
    allowed: StillAllowed,
}

/// Starts the stream: what is true now, then what comes. With `only`, events about other stores are left out.
pub fn respond(
    subscription: Subscription,
    now: Vec<Live>,
    only: Option<StoreId>,
    stopping: watch::Receiver<bool>,
    allowed: StillAllowed,
) -> HttpResponse {
    let Subscription { replay, head, events } = subscription;
    let mut ready = VecDeque::from([Bytes::from(format!("retry: {RETRY_MS}\n\n"))]);
    let mut newest = head;
    match replay {
        Replay::Fresh => {
            ready.extend(now.iter().map(state));
            ready.push_back(place(head));
        }
        Replay::TooOld => {
            ready.push_back(Bytes::from_static(b"event: resync\ndata: {}\n\n"));
            ready.extend(now.iter().map(state));
            ready.push_back(place(head));
        }
        Replay::Newer(missed) => {
            ready.extend(now.iter().map(state));
            if let Some(last) = missed.last() {
                newest = newest.max(last.cursor);
            }
            ready.extend(missed.iter().filter(|event| concerns(event, only.as_ref())).map(line));
        }
    }
    let mut beat = tokio::time::interval(KEEP_ALIVE);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beat.reset();
    let stream = Stream { ready, newest, events, only, beat, stopping, allowed };
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/event-stream"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(stream::unfold(stream, |mut stream| async move {
            let bytes = stream.next().await?;
            Some((Ok::<_, Refusal>(bytes), stream))
        }))
}

impl Stream {
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(bytes) = self.ready.pop_front() {
            return Some(bytes);
        }
        loop {
            if *self.stopping.borrow() {
                return None;
            }
            tokio::select! {
                biased;
                changed = self.stopping.changed() => changed.ok()?,
                event = self.events.recv() => {
                    let event = event?;
                    // The replay may hold it already.
                    if event.cursor > self.newest {
                        self.newest = event.cursor;
                        if concerns(&event, self.only.as_ref()) {
                            return Some(line(&event));
                        }
                    }
                }
                _ = self.beat.tick() => {
                    if !(self.allowed)().await {
                        return None;
                    }
                    return Some(Bytes::from_static(b": still here\n\n"));
                }
            }
        }
    }
}

fn concerns(event: &LiveEvent, only: Option<&StoreId>) -> bool {
    match (only, &event.store) {
        (Some(only), Some(store)) => only == store,
        (Some(_), None) | (None, _) => true,
    }
}

fn line(event: &LiveEvent) -> Bytes {
    let LiveEvent { cursor, kind, store: _, data } = event;
    Bytes::from(format!("id: {cursor}\nevent: {kind}\ndata: {data}\n\n"))
}

/// What is true now has no place of its own: it is made for this reader.
fn state(event: &Live) -> Bytes {
    Bytes::from(format!("event: {}\ndata: {}\n\n", event.kind, event.data))
}

/// Tells the reader where it is, although nothing happened: an `id` without data sets its last place.
fn place(cursor: Cursor) -> Bytes {
    Bytes::from(format!("id: {cursor}\n\n"))
}
