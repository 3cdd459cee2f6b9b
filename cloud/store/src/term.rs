//! Who owns the partitions: the term that fences every write of an owner (AS-034, AS-086).
//!
//! Owns table `partition_term`. An owner takes all partitions under one new term; leases per partition are the seam for several owners.
//! Takes a term; emits whether it still is the current one. The lock lasts until the caller's commit, so a successor waits for it.

use aisle_schemas::{ids::Partition, sync::Term};

use crate::{
    db::{Conn, Db, Tx},
    error::StoreError,
    statement::{Num, run},
};

/// Takes every partition under a term above all earlier ones and at least the unix seconds of the database.
pub async fn take(db: &Db) -> Result<Term, StoreError> {
    db.write(|tx| {
        Box::pin(async move {
            let rows: Vec<(Num<Term>,)> = run!(tx, fetch_all: (Num<Term>,), pair "term/take")?;
            Ok(rows.into_iter().map(|(Num(term),)| term).max().unwrap_or_default())
        })
    })
    .await
}

/// Whether `term` holds the partition, and keeps it so until the transaction ends.
pub async fn holds(tx: &mut Tx, partition: Partition, term: Term) -> Result<bool, StoreError> {
    let row: Option<(i64,)> = run!(tx, fetch_optional: (i64,), pair "term/holds", i64::from(partition.0), term)?;
    Ok(row.is_some())
}

/// Whether `term` holds any partition, and keeps it so until the transaction ends.
pub async fn holds_any(conn: &mut Conn, term: Term) -> Result<bool, StoreError> {
    let rows: Vec<(i64,)> = run!(conn, fetch_all: (i64,), pair "term/held", term)?;
    Ok(!rows.is_empty())
}
