//! The audit: who did what to the data of others, and what the machines decided about it.
//!
//! Owns table `audit`. Takes entries within the caller's transaction, so that nothing is done without its entry; emits nothing else.

use aisle_schemas::ids::{CustomerId, EventId, StoreId};
use chrono::{DateTime, Utc};

use crate::{
    db::{Conn, Tx},
    error::StoreError,
    statement::run,
};

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// This cloud by itself.
    Cloud,
    /// A member of staff.
    Staff(CustomerId),
}

/// One entry. Names ids, never people.
#[derive(Debug, Clone, Copy)]
pub struct AuditEntry<'a> {
    pub id: EventId,
    pub at: DateTime<Utc>,
    pub actor: Actor,
    /// What was done, `noun.verb`.
    pub action: &'static str,
    /// What it was done to.
    pub subject: &'a str,
    pub detail: &'a str,
}

/// Writes an entry.
pub async fn write(tx: &mut Tx, entry: AuditEntry<'_>) -> Result<(), StoreError> {
    let AuditEntry { id, at, actor, action, subject, detail } = entry;
    let actor = match actor {
        Actor::Cloud => "cloud".to_owned(),
        Actor::Staff(customer) => format!("staff/{customer}"),
    };
    run!(tx, execute, "audit/insert.sql", id, at, actor, action, subject, detail)?;
    Ok(())
}

/// One field that a member of a store's staff read.
#[derive(Debug, Clone, Copy)]
pub struct FieldRead<'a> {
    pub id: EventId,
    pub at: DateTime<Utc>,
    pub store: &'a StoreId,
    /// Number of the member of staff in their store.
    pub staff: &'a str,
    pub subject: &'a str,
    /// Name of the field, never its value.
    pub field: &'a str,
}

/// Writes the entry of a read.
pub async fn write_read(tx: &mut Tx, read: FieldRead<'_>) -> Result<(), StoreError> {
    let FieldRead { id, at, store, staff, subject, field } = read;
    run!(tx, execute, "audit/insert.sql", id, at, format!("adviser/{store}/{staff}"), "profile.read", subject, field)?;
    Ok(())
}

/// Fields of a subject that were read, each once by each reader, by name, at most `limit`: actor, field.
pub async fn fields_read(conn: &mut Conn, subject: &str, limit: u32) -> Result<Vec<(String, String)>, StoreError> {
    run!(conn, fetch_all: (String, String), "audit/fields_read.sql", subject, limit)
}

/// Entries about a subject, oldest first, at most `limit`: actor, action, detail.
pub async fn of_subject(conn: &mut Conn, subject: &str, limit: u32) -> Result<Vec<(String, String, String)>, StoreError> {
    run!(conn, fetch_all: (String, String, String), "audit/of_subject.sql", subject, limit)
}
