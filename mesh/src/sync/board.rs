//! Where those who log records tell the sender: the newest word per stream, never a queue.
//!
//! Owns one [`Logged`] per stream and a wake-up. Takes any number of calls from any thread; emits what is new at the sender's pace. Nothing
//! is lost by merging, since only the highest head and the newest reserved mark matter.

use std::sync::{Mutex, MutexGuard, PoisonError};

use aisle_schemas::sync::PerStream;
use tokio::sync::Notify;

use super::log::Logged;

/// The board of one log.
#[derive(Debug, Default)]
pub(super) struct Board {
    news: Mutex<PerStream<Logged>>,
    wake: Notify,
}

impl Board {
    fn news(&self) -> MutexGuard<'_, PerStream<Logged>> {
        // A panic aborts the process, so a poisoned lock is never seen; the value is whole either way.
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
    pub(super) fn post(&self, logged: Logged) {
        let mut news = self.news();
        let merged = news.get(logged.stream).map_or(logged, |older| merge(*older, logged));
        news.set(logged.stream, merged);
        drop(news);
        self.wake.notify_one();
    }
    /// Waits for news and takes it.
    pub(super) async fn take(&self) -> Vec<Logged> {
        self.wake.notified().await;
        std::mem::take(&mut *self.news()).iter().map(|(_, logged)| *logged).collect()
    }
}

/// Calls may arrive out of the order of their commits: the higher head is the later one.
fn merge(older: Logged, newer: Logged) -> Logged {
    let (low, high) = if newer.head >= older.head { (older, newer) } else { (newer, older) };
    // A reserved mark covers its own head only, so the one below stands for nothing once there is a higher head.
    Logged { reserved: if low.head == high.head { high.reserved.or(low.reserved) } else { high.reserved }, ..high }
}
