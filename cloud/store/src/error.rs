//! What can go wrong with the database, by what a caller can do about it.
//!
//! Owns [`StoreError`]. Takes driver errors, which [`crate::dialect`] classifies; emits variants. The chain keeps the driver's own words.

/// Why a statement or transaction did not do its work. Nothing of a failed transaction is visible.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Deadlock, busy, time-out, lost connection: the same call may succeed later.
    #[error("the database is not available for now")]
    Transient(#[source] sqlx::Error),
    /// Another row holds the same unique key.
    #[error("a row with this key exists")]
    Conflict(#[source] sqlx::Error),
    /// The version that the caller decided from is no longer the stored one: load again and decide again.
    #[error("the stored version is another one")]
    Stale,
    /// The one-time code was used before.
    #[error("the code was used before")]
    CodeUsed,
    /// A row cannot be read as what it should be, or the statement is wrong: a person should look.
    #[error("the database refuses or returns nonsense")]
    Broken(#[source] sqlx::Error),
    /// The obligation names a node that was never enrolled.
    #[error("no node {0} is enrolled")]
    UnknownNode(aisle_schemas::ids::NodeId),
    /// The node holds as many documents as it may (AS-055).
    #[error("node {0} has no room for another document")]
    DocumentsFull(aisle_schemas::ids::NodeId),
    /// Others took the place of the store's active node again and again while this one came for it: the same call may succeed later.
    #[error("others take the place that node {0} comes for")]
    PlaceContested(aisle_schemas::ids::NodeId),
    /// The record or document cannot be built: too big or too deep (AS-008).
    #[error("the record cannot be stored")]
    Record(#[source] aisle_schemas::event::EventError),
    /// The commit of a whole group failed, and with it this part of it.
    #[error("the group commit failed: {0}")]
    Group(String),
    /// The writer has stopped, because the database is being closed.
    #[error("the database is closed")]
    Closed,
}

impl StoreError {
    /// Whether the same call may succeed when repeated.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Transient(_) | Self::Group(_) | Self::PlaceContested(_) => true,
            Self::Conflict(_)
            | Self::Stale
            | Self::CodeUsed
            | Self::Broken(_)
            | Self::UnknownNode(_)
            | Self::DocumentsFull(_)
            | Self::Record(_)
            | Self::Closed => false,
        }
    }
}

impl StoreError {
    /// Whether the database ended the transaction in favour of another one, by a deadlock or a lock that did not come free: nothing of it is
    /// there, and the same work may be done at once.
    pub fn gave_way(&self) -> bool {
        match self {
            Self::Transient(error) => crate::dialect::gave_way(error),
            _ => false, // only the database's own word says so
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        crate::dialect::classify(error)
    }
}
