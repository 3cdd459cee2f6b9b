//! What ends the node.
//!
//! Owns the first reason for which this process can no longer keep its promises. Takes reports from anywhere. Emits it to whoever runs the
//! node, which then ends with an error, so that a supervisor starts a new process from what is on disk. Cannot fail.
use std::sync::Arc;

use tokio::sync::watch;

use crate::journal::JournalError;

/// Why the node ends.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FatalError {
    /// Whether the last transaction is on disk is unknown: memory must be loaded anew.
    #[error("the journal failed")]
    Journal(#[source] JournalError),
    #[error("the local broker ended")]
    Broker,
}

/// Reports the end. Clones share it.
#[derive(Debug, Clone)]
pub struct Fatal(Arc<watch::Sender<Option<FatalError>>>);

impl Fatal {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }

    /// Reports a reason; the first one stands. What the journal refused is none: nothing of it was committed, so memory is still right, and
    /// the store goes on with what it can.
    pub fn report(&self, reason: FatalError) {
        if let FatalError::Journal(error) = &reason
            && error.is_refusal()
        {
            tracing::debug!(%error, "the journal refused work");
            return;
        }
        let first = self.0.send_if_modified(|held| {
            let first = held.is_none();
            held.get_or_insert(reason.clone());
            first
        });
        if first {
            tracing::error!(error = &reason as &dyn std::error::Error, "the node ends");
        }
    }

    /// Resolves with the reason, once there is one.
    pub async fn reported(&self) -> FatalError {
        let mut held = self.0.subscribe();
        loop {
            if let Some(reason) = held.borrow_and_update().clone() {
                return reason;
            }
            if held.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Whether the node still keeps its promises.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.0.borrow().is_none()
    }
}

impl Default for Fatal {
    fn default() -> Self {
        Self::new()
    }
}
