//! Waiting for a condition, never for a duration.
//!
//! Takes a condition that may be asked again and again; emits its first `Some`. On failure: panics at the deadline with what it waited for.

use std::time::{Duration, Instant};

/// How long a test waits before it says that something will not happen. Generous: it is only ever spent by a failing test.
pub const DEADLINE: Duration = Duration::from_secs(30);
/// Time between two looks at the condition.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Asks `condition` until it yields a value.
///
/// # Panics
/// At the deadline, naming `what`.
#[track_caller]
pub fn eventually<T>(what: &str, condition: impl AsyncFnMut() -> Option<T>) -> impl Future<Output = T> {
    within(what, DEADLINE, condition)
}

/// Like [`eventually`], with a deadline of its own.
///
/// # Panics
/// At the deadline, naming `what`.
#[track_caller]
pub fn within<T>(what: &str, deadline: Duration, mut condition: impl AsyncFnMut() -> Option<T>) -> impl Future<Output = T> {
    let caller = std::panic::Location::caller();
    async move {
        let started = Instant::now();
        loop {
            if let Some(value) = condition().await {
                return value;
            }
            assert!(started.elapsed() < deadline, "{caller}: {what}: still not so after {deadline:?}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}
