//! Counters that name nobody: refused check-ins, opened codes, what was dropped.
//!
//! Owns table `counter`. Takes a name and a key of bounded sets; emits sums. Counts that matter only as rates are metrics, not rows.

use crate::{
    db::{Conn, Db, Tx},
    error::StoreError,
    statement::{Num, run},
};

/// Adds within the caller's transaction.
pub async fn add_in(tx: &mut Tx, name: &str, key: &str, count: u64) -> Result<(), StoreError> {
    run!(tx, execute, "counter/add.sql", name, key, count)?;
    Ok(())
}

/// Adds in a transaction of its own.
pub async fn add(db: &Db, name: &'static str, key: String, count: u64) -> Result<(), StoreError> {
    db.write(move |tx| Box::pin(async move { add_in(tx, name, &key, count).await })).await
}

/// Raises within the caller's transaction a counter that serves as a version; `false` where it is not at `from` any more.
pub async fn raise(tx: &mut Tx, name: &str, key: &str, from: u64) -> Result<bool, StoreError> {
    Ok(run!(tx, execute, "counter/raise.sql", name, key, from)? == 1)
}

/// The present sum; 0 where nothing was counted.
pub async fn value(conn: &mut Conn, name: &str, key: &str) -> Result<u64, StoreError> {
    let row: Option<(Num<u64>,)> = run!(conn, fetch_optional: (Num<u64>,), "counter/value.sql", name, key)?;
    Ok(row.map_or(0, |(Num(value),)| value))
}
