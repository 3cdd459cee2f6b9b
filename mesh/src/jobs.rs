//! Work beside a loop that goes on whatever the loop waits for.
//!
//! Owns [`Jobs`]: tasks, of which the owner learns each outcome and which end when it goes. Takes futures, emits what they return. Futures that the loop
//! itself polls will not do where a job holds a connection to the database: while the loop's body waits for one too, nobody polls the jobs, and
//! none is given back. On failure: a job that panics makes its owner panic, as if it had run there.

use std::future::Future;

use tokio::task::JoinSet;
use tracing::Instrument as _;

/// See the module. Its owner bounds how many there are by [`len`](Self::len).
pub struct Jobs<T>(JoinSet<T>);

impl<T> Default for Jobs<T> {
    fn default() -> Self {
        Self(JoinSet::new())
    }
}

impl<T: Send + 'static> Jobs<T> {
    /// Starts a job at once, within the span of the caller.
    pub fn push(&mut self, job: impl Future<Output = T> + Send + 'static) {
        self.0.spawn(job.in_current_span());
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the next job that ends returns; `None` where none is under way. Safe to cancel.
    pub async fn next(&mut self) -> Option<T> {
        match self.0.join_next().await? {
            Ok(value) => Some(value),
            Err(failed) => match failed.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // Nobody else can abort a job: the runtime is going down, and with it whoever waits here.
                Err(_) => std::future::pending().await,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn a_job_gives_back_what_it_holds_while_its_owner_waits_for_it() {
        let connections = Arc::new(Semaphore::new(1));
        let mut jobs = Jobs::default();
        let held = Arc::clone(&connections);
        jobs.push(async move {
            let permit = held.acquire_owned().await;
            tokio::task::yield_now().await;
            permit.is_ok()
        });
        tokio::task::yield_now().await;
        assert_eq!(connections.available_permits(), 0, "the job has it");
        // The owner's own wait: with futures that only the owner polls this would never end.
        let own = connections.acquire().await;
        assert!(own.is_ok());
        drop(own);
        assert_eq!(jobs.next().await, Some(true));
        assert_eq!(jobs.next().await, None);
    }
}
