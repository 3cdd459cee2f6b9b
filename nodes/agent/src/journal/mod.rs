//! The store's one file: state, and the log of what must reach the cloud, committed together.
//!
//! Owns the SQLite file, its only writing connection, and the heads of the log. Takes changes of state with the records that follow from them,
//! and batches from the cloud. Emits acknowledgements after the commit, and a note to the uplink. On failure: the whole group of commits is
//! rolled back and each asker told; nobody's memory has changed yet (AS-042), and the owner reloads.
//! A full queue makes askers wait.

mod apply;
mod epoch;
mod heads;
pub mod load;
mod open;
mod record;
mod statement;
mod sync;
mod upkeep;
mod writer;

use std::sync::Arc;

use aisle_mesh::sync::log::Logged;
use aisle_schemas::event::EventError;
use aisle_schemas::sync::Stream;
use sqlx::SqlitePool;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};

pub use heads::Heads;
pub use open::OpenError;
pub use record::{Cause, NewRecord, RecordMaker, unix_ms};
pub use statement::StateChange;
pub use sync::SyncLog;
use writer::{Finish, Job, Task, Work};

/// Jobs that may wait for the writer: four groups.
pub const QUEUE_MAX: usize = 4 * aisle_schemas::limits::GROUP_COMMIT_RECORDS;

/// Why something was not committed.
#[derive(Debug, Clone, Error)]
pub enum JournalError {
    #[error("failed to write to the journal")]
    Storage(#[source] Arc<sqlx::Error>),
    /// The writer ended; so will the node.
    #[error("the journal is closed")]
    Closed,
    #[error("the record is too large")]
    TooLarge(#[source] EventError),
    /// A row that no version of ours wrote.
    #[error("row of {table} is unreadable: {reason}")]
    Unreadable { table: &'static str, reason: String },
}

impl From<sqlx::Error> for JournalError {
    fn from(error: sqlx::Error) -> Self {
        Self::Storage(Arc::new(error))
    }
}

/// A change of state and the records that follow from it: all or nothing.
#[derive(Debug, Default)]
pub struct Entry {
    pub changes: Vec<StateChange>,
    pub records: Vec<NewRecord>,
}

/// Tells the uplink that records were accepted; called by the writer, so it must not wait.
pub type Notify = Box<dyn Fn(Logged) + Send + Sync>;

/// The journal. Clones share the writer and the reading connections.
#[derive(Clone)]
pub struct Journal {
    jobs: mpsc::Sender<Job>,
    heads: watch::Receiver<Arc<Heads>>,
    /// Rises when documents or orders came from the cloud.
    arrived: watch::Receiver<u64>,
    uplink: Arc<writer::Uplink>,
    read: SqlitePool,
}

impl Journal {
    /// Commits an entry: returns once it is on disk, together with whatever else was waiting.
    ///
    /// # Errors
    /// [`JournalError`]; then nothing of the entry is there.
    pub async fn commit(&self, entry: Entry) -> Result<(), JournalError> {
        self.ask(Work::Commit(entry)).await
    }

    /// Where the log stands, as committed.
    #[must_use]
    pub fn heads(&self) -> Arc<Heads> {
        Arc::clone(&self.heads.borrow())
    }

    /// Records accepted and not yet applied by the cloud.
    #[must_use]
    pub fn pending(&self) -> u64 {
        Stream::UP.into_iter().filter_map(|stream| self.heads.borrow().up.get(stream).map(heads::pending)).sum()
    }

    /// Changes whenever documents or orders came.
    #[must_use]
    pub fn arrived(&self) -> watch::Receiver<u64> {
        self.arrived.clone()
    }

    /// Names who is told of accepted records; the first one stays.
    pub fn notify(&self, notify: Notify) {
        self.uplink.notify(notify);
    }

    /// Says whether the link is open, and with it whether class C is numbered as sent while it is accepted.
    pub fn set_link_open(&self, open: bool) {
        self.uplink.set_open(open);
    }

    /// Folds the write-ahead log back and forgets what is old. Called every minute.
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn upkeep(&self, now: chrono::DateTime<chrono::Utc>) -> Result<(), JournalError> {
        self.ask(Work::Upkeep { now }).await
    }

    async fn ask(&self, work: Work) -> Result<(), JournalError> {
        let (reply, answer) = oneshot::channel();
        let finish: Finish = Box::new(move |done| {
            // Nobody waits when the asker was stopped; the commit stands either way.
            let asked = reply.send(done.map(|_| ())).is_ok();
            tracing::trace!(asked, "committed");
        });
        self.jobs.send(Job { task: Task::Write(work), finish }).await.map_err(|_| JournalError::Closed)?;
        answer.await.map_err(|_| JournalError::Closed)?
    }
}
