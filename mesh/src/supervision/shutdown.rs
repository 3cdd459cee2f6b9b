//! The order to stop, and waiting until everybody has.
//!
//! Owns: the reason to stop, set once. Takes: requests from signals, failed parts and tests. Emits: a wake-up for whoever
//! waits. On failure: who does not finish within the deadline is left behind, and the caller is told.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// Why the process or role stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// Somebody asked for it: exit code 0.
    Asked,
    /// A part failed for good: exit code 1.
    Failed {
        /// The part.
        part: String,
    },
}

/// The order to stop. Clones share it.
#[derive(Debug, Clone)]
pub struct Shutdown(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    reason: watch::Sender<Option<StopReason>>,
    /// Guards alive.
    guards: watch::Sender<usize>,
}

/// Work that must end before the process may: drop it when done.
#[derive(Debug)]
pub struct Guard(Shutdown);

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shutdown {
    /// Nobody asked yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Shared { reason: watch::Sender::new(None), guards: watch::Sender::new(0) }))
    }

    /// Asks everybody to stop; the first reason stands.
    pub fn request(&self, reason: StopReason) {
        self.0.reason.send_if_modified(|current| {
            let first = current.is_none();
            if first {
                *current = Some(reason);
            }
            first
        });
    }

    /// The reason, if somebody asked.
    #[must_use]
    pub fn reason(&self) -> Option<StopReason> {
        self.0.reason.borrow().clone()
    }

    /// Resolves once somebody asked.
    pub async fn requested(&self) -> StopReason {
        let mut reason = self.0.reason.subscribe();
        let asked = reason.wait_for(Option::is_some).await.expect("self keeps the sender alive");
        asked.clone().expect("waited until there is one")
    }

    /// Asks for a stop at SIGTERM or SIGINT. Runs until then: spawn it.
    ///
    /// # Errors
    /// When the signals cannot be listened to.
    pub async fn request_on_signal(self) -> std::io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::select! {
            _ = terminate.recv() => tracing::info!("asked to stop by SIGTERM"),
            _ = interrupt.recv() => tracing::info!("asked to stop by SIGINT"),
        }
        self.request(StopReason::Asked);
        Ok(())
    }

    /// Registers work that must end first.
    #[must_use]
    pub fn guard(&self) -> Guard {
        self.0.guards.send_modify(|alive| *alive += 1);
        Guard(self.clone())
    }

    /// Waits until all guards are dropped, at most `patience`. Returns how many are left.
    pub async fn finished(&self, patience: Duration) -> usize {
        let mut guards = self.0.guards.subscribe();
        let waited = tokio::time::timeout(patience, guards.wait_for(|alive| *alive == 0)).await.is_ok();
        if waited { 0 } else { *self.0.guards.borrow() }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Self(Shutdown(shared)) = self;
        shared.guards.send_modify(|alive| *alive -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_reason_stands() {
        let shutdown = Shutdown::new();
        let waiting = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { shutdown.requested().await }
        });
        let failed = StopReason::Failed { part: "journal".to_owned() };
        shutdown.request(failed.clone());
        shutdown.request(StopReason::Asked);
        assert_eq!(waiting.await.unwrap(), failed);
        assert_eq!(shutdown.reason(), Some(failed));
    }

    #[tokio::test]
    async fn work_under_guard_is_waited_for_and_no_longer_than_the_deadline() {
        let shutdown = Shutdown::new();
        let quick = shutdown.guard();
        let stuck = shutdown.guard();
        drop(quick);
        assert_eq!(shutdown.finished(Duration::ZERO).await, 1);
        drop(stuck);
        assert_eq!(shutdown.finished(Duration::from_secs(60)).await, 0);
    }
}
