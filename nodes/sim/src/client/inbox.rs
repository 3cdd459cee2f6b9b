//! What arrived on one stream, kept to look at: by a test that waits for an event, by a shopper who waits for a card.
//!
//! Owns the last events, bounded, oldest forgotten first, and counts all. Emits a wake-up per event.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::api::{Api, CallError};
use super::sse::EventStream;

/// Events kept.
const KEPT_MAX: usize = 4_096;
/// Wait before connecting again; a browser waits what `retry:` says, 1 s, and we are no better.
const RETRY: Duration = Duration::from_secs(1);

/// One event as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Name of the event, or topic.
    pub kind: String,
    /// JSON.
    pub body: String,
    pub arrived: Instant,
}

impl Seen {
    /// The body, where it is one of this type.
    pub fn read<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(&self.body).ok()
    }
}

/// Shared by whoever fills and whoever reads it.
#[derive(Clone)]
pub struct Inbox(Arc<Inner>);

struct Inner {
    kept: Mutex<VecDeque<Seen>>,
    /// How many ever arrived.
    arrived: watch::Sender<u64>,
}

impl Default for Inbox {
    fn default() -> Self {
        Self(Arc::new(Inner { kept: Mutex::default(), arrived: watch::Sender::new(0) }))
    }
}

impl Inbox {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn push(&self, seen: Seen) {
        {
            let mut kept = self.lock();
            if kept.len() == KEPT_MAX {
                kept.pop_front();
            }
            kept.push_back(seen);
        }
        self.0.arrived.send_modify(|count| *count += 1);
    }

    /// Everything kept, oldest first.
    pub fn all(&self) -> Vec<Seen> {
        self.lock().iter().cloned().collect()
    }

    /// Everything kept of one kind that reads as `T`, oldest first.
    pub fn of<T: DeserializeOwned>(&self, kind: &str) -> Vec<T> {
        self.lock().iter().filter(|seen| seen.kind == kind).filter_map(Seen::read).collect()
    }

    /// How many ever arrived.
    pub fn count(&self) -> u64 {
        *self.0.arrived.borrow()
    }

    /// Waits until an event, past ones included, gives a value. Never ends if none does: callers set a deadline.
    pub async fn find<T>(&self, mut pick: impl FnMut(&Seen) -> Option<T>) -> T {
        self.look(|kept| kept.iter().find_map(&mut pick)).await
    }

    /// Waits until everything kept, oldest first, gives a value. Never ends if it does not.
    pub async fn look<T>(&self, mut pick: impl FnMut(&VecDeque<Seen>) -> Option<T>) -> T {
        let mut arrived = self.0.arrived.subscribe();
        loop {
            arrived.borrow_and_update();
            if let Some(found) = pick(&self.lock()) {
                return found;
            }
            // The sender lives in self, so waiting cannot fail.
            if arrived.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Like [`Inbox::find`], with a deadline; `None` when it has passed.
    pub async fn find_within<T>(&self, deadline: Duration, pick: impl FnMut(&Seen) -> Option<T>) -> Option<T> {
        tokio::time::timeout(deadline, self.find(pick)).await.ok()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Seen>> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A task that fills an inbox from an SSE path and ends when this is dropped.
pub struct Listener {
    inbox: Inbox,
    task: AbortHandle,
}

impl Listener {
    /// Connects, and stays connected as a browser does. The first connection is awaited, so that nothing that happens afterwards is missed.
    ///
    /// # Errors
    /// When the first connection is refused.
    pub async fn open(api: &Api, path: &str) -> Result<Self, CallError> {
        let stream = EventStream::open(api, path, None).await?;
        let inbox = Inbox::new();
        let task = tokio::spawn(listen(api.clone(), path.to_owned(), stream, inbox.clone())).abort_handle();
        Ok(Self { inbox, task })
    }

    pub fn inbox(&self) -> &Inbox {
        &self.inbox
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(api: Api, path: String, mut stream: EventStream, inbox: Inbox) {
    let mut last_id = None;
    loop {
        while let Ok(Some(event)) = stream.next().await {
            last_id.clone_from(&event.id);
            inbox.push(Seen { kind: event.event, body: event.data, arrived: event.arrived });
        }
        stream = loop {
            tokio::time::sleep(RETRY).await;
            match EventStream::open(&api, &path, last_id.as_deref()).await {
                Ok(stream) => break stream,
                Err(error) => tracing::debug!(path, %error, "stream is away"),
            }
        };
    }
}
