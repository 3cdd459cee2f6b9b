//! The store's one file: state, and the log of what must reach the cloud, committed together.
//!
//! Owns the SQLite file, its only writing connection, and the heads of the log. Takes changes of state with the records that follow from them,
//! and batches from the cloud. Emits acknowledgements after the commit, and a note to the uplink. On failure: the whole group of commits is
//! rolled back and each asker told; nobody's memory has changed yet (AS-042), and the owner reloads. What does not fit its share of the disk is
//! refused alone, and changes nothing. A full queue makes askers wait.

mod apply;
mod ballast;
pub mod budget;
pub mod documents;
mod epoch;
mod heads;
pub mod load;
mod open;
mod pressure;
mod record;
mod reserve;
pub mod signage;
mod statement;
mod sync;
pub mod trips;
mod upkeep;
pub mod waiting;
mod writer;

use std::sync::Arc;

use aisle_mesh::sync::log::Logged;
use aisle_schemas::event::EventError;
use aisle_schemas::log::ClassBudget;
use aisle_schemas::sync::{Class, Count, Stream};
use chrono::{DateTime, Utc};
use sqlx::SqlitePool;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};

use budget::Budget;
pub use heads::Heads;
pub use open::{OpenError, Settings};
pub use record::{Cause, NewRecord, RecordMaker, unix_ms};
pub use statement::StateChange;
pub use sync::SyncLog;
use writer::{Finish, Job, Task, Work};

/// Jobs that may wait for the writer: four groups.
pub const QUEUE_MAX: usize = 4 * aisle_schemas::limits::GROUP_COMMIT_RECORDS;

/// Result code of SQLite when there is no room.
const SQLITE_FULL: &str = "13";

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
    /// New work would not fit the share of the disk that must never lose anything (AS-054).
    #[error("the store's disk is full")]
    StorageFull,
    /// A new key beyond the most documents of one direction (AS-055).
    #[error("there are already {} documents", aisle_schemas::limits::DOCUMENTS_MAX)]
    TooManyDocuments,
    /// Records were dropped since a batch was read, or a new epoch has begun; it must be read anew.
    #[error("the log has changed since the batch was read")]
    Outdated,
    /// A row that no version of ours wrote.
    #[error("row of {table} is unreadable: {reason}")]
    Unreadable { table: &'static str, reason: String },
}

impl JournalError {
    /// Whether the work was refused as a value: nothing of it is there, everything before it is, and the node goes on.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        match self {
            Self::TooLarge(_) | Self::StorageFull | Self::TooManyDocuments | Self::Outdated => true,
            Self::Storage(_) | Self::Closed | Self::Unreadable { .. } => false,
        }
    }

    /// Label of metrics.
    const fn reason(&self) -> &'static str {
        match self {
            Self::Storage(_) => "storage",
            Self::Closed => "closed",
            Self::TooLarge(_) => "too_large",
            Self::StorageFull => "storage_full",
            Self::TooManyDocuments => "too_many_documents",
            Self::Outdated => "outdated",
            Self::Unreadable { .. } => "unreadable",
        }
    }

    /// Whether SQLite found no room: on the disk, or under the cap of its pages.
    fn is_disk_full(&self) -> bool {
        match self {
            Self::Storage(error) => error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == SQLITE_FULL),
            Self::Closed | Self::TooLarge(_) | Self::StorageFull | Self::TooManyDocuments | Self::Outdated | Self::Unreadable { .. } => {
                false
            }
        }
    }
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

/// How the journal uses the disk, for whoever looks after the box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    pub class_a: ClassBudget,
    pub class_c: ClassBudget,
    /// Class A has used 80 % of its share.
    pub nearly_full: bool,
    /// New work was refused within the last minute.
    pub refusing: bool,
    /// The disk had no byte left, and the ballast is not back.
    pub disk_full: bool,
    /// Days that the store can go on without the cloud (AS-059).
    pub offline_days: Option<u32>,
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
    budget: Budget,
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
        let heads = self.heads();
        Stream::UP.into_iter().map(|stream| heads.pending(stream)).sum()
    }

    /// How the disk is used.
    #[must_use]
    pub fn storage(&self, now: DateTime<Utc>) -> Storage {
        let heads = self.heads();
        let class = |class| {
            let pending = Stream::UP.into_iter().filter(|stream| stream.class() == class).map(|stream| heads.pending(stream)).sum();
            let used_bytes = Count::new(heads.used(class).bytes);
            ClassBudget { used_bytes, budget_bytes: Count::new(self.budget.of(class)), pending: Count::new(pending) }
        };
        let used = heads.used(Class::A).bytes;
        let free = self.budget.class_a.saturating_sub(used);
        Storage {
            class_a: class(Class::A),
            class_c: class(Class::C),
            nearly_full: self.budget.is_nearly_full(used),
            refusing: heads.refusing,
            disk_full: heads.disk_full,
            offline_days: budget::offline_days(free, &heads.days, upkeep::day_of(now)),
        }
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
    pub async fn upkeep(&self, now: DateTime<Utc>) -> Result<(), JournalError> {
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
