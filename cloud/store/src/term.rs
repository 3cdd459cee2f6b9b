//! The fence: whether an owner still holds what it writes about (AS-034).
//!
//! Owns table `partition_term`, whose numbers [`crate::lease`] raises whenever a partition changes hands. Takes who claims to hold which
//! partition under which term; emits whether that is so. On PostgreSQL the lock lasts until the caller's commit, so that a successor waits
//! for it, and the lease must not be over by the database's clock; on SQLite one instance is alone, and its term is all there is to lose.

use aisle_schemas::{
    ids::{InstanceId, Partition},
    sync::Term,
};
use serde::Serialize;
use sqlx::types::Json;

use crate::{db::Tx, error::StoreError, statement::run};

/// An instance that claims to hold a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub owner: InstanceId,
    /// Term under which it took the partition.
    pub term: Term,
}

/// A partition and the term under which it is held, as statements take them.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Mine {
    part: i64,
    term: i64,
}

pub(crate) fn mine(held: &[(Partition, Term)]) -> Vec<Mine> {
    held.iter().map(|(part, term)| Mine { part: i64::from(part.0), term: term.as_i64() }).collect()
}

/// Whether `holder` holds the partition, and keeps it so until the transaction ends.
pub async fn holds(tx: &mut Tx, partition: Partition, holder: &Holder) -> Result<bool, StoreError> {
    let row: Option<(i64,)> = run!(tx, fetch_optional: (i64,), pair "term/holds", i64::from(partition.0), holder.term, &holder.owner)?;
    Ok(row.is_some())
}

/// Those of `held` that `owner` still holds, kept so until the transaction ends.
pub async fn still_held(tx: &mut Tx, owner: &InstanceId, held: &[(Partition, Term)]) -> Result<Vec<Partition>, StoreError> {
    let rows: Vec<(i64,)> = run!(tx, fetch_all: (i64,), pair "term/held", Json(mine(held)), owner)?;
    Ok(rows.into_iter().filter_map(|(part,)| u8::try_from(part).ok().map(Partition)).collect())
}
