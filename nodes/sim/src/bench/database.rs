//! What the bench asks the cloud's database: who owns which partition, what is still to be done, what was lost.
//!
//! Owns nothing; each question opens a connection of its own, because the server may have been killed since the last one. Only reads. On failure: an
//! error, never an answer.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use aisle_schemas::ids::NodeId;
use anyhow::{Context, Result, ensure};
use sqlx::{Connection, PgConnection};

/// Longest wait until everything that follows from applied records is done.
const SETTLE_WAIT: Duration = Duration::from_secs(600);
/// Time between looks.
const LOOK: Duration = Duration::from_millis(50);

/// Partitions by the instance that holds them.
///
/// # Errors
/// When the database cannot be asked.
pub async fn owners(database: &str) -> Result<BTreeMap<String, BTreeSet<u8>>> {
    let mut connection = connect(database).await?;
    let rows: Vec<(String, i64)> =
        sqlx::query_as(include_str!("../../sql/bench/owners.sql")).fetch_all(&mut connection).await.context("failed to read the leases")?;
    connection.close().await.context("failed to close a connection")?;
    let mut owners: BTreeMap<String, BTreeSet<u8>> = BTreeMap::new();
    for (owner, part) in rows {
        owners.entry(owner).or_default().insert(u8::try_from(part).context("a partition is a byte")?);
    }
    Ok(owners)
}

/// Rows of the outbox.
///
/// # Errors
/// When the database cannot be asked.
pub async fn outbox(database: &str) -> Result<u64> {
    let mut connection = connect(database).await?;
    let (rows,): (i64,) =
        sqlx::query_as(include_str!("../../sql/bench/outbox.sql")).fetch_one(&mut connection).await.context("failed to read the outbox")?;
    connection.close().await.context("failed to close a connection")?;
    Ok(u64::try_from(rows)?)
}

/// What is left in the outbox now, and how long it takes until nothing is.
///
/// # Errors
/// When it does not get empty within the patience.
pub async fn settle(database: &str) -> Result<(u64, Duration)> {
    let (started, left) = (Instant::now(), outbox(database).await?);
    let mut now = left;
    while now > 0 {
        ensure!(started.elapsed() < SETTLE_WAIT, "{now} of {left} rows are in the outbox after {SETTLE_WAIT:?}");
        tokio::time::sleep(LOOK).await;
        now = outbox(database).await?;
    }
    Ok((left, started.elapsed()))
}

/// Records of a node that the cloud counts as lost.
///
/// # Errors
/// When the database cannot be asked.
pub async fn losses(database: &str, node: &NodeId) -> Result<u64> {
    let mut connection = connect(database).await?;
    let asked = sqlx::query_as(include_str!("../../sql/bench/losses.sql")).bind(node.to_string()).fetch_one(&mut connection);
    let (lost,): (i64,) = asked.await.context("failed to read the losses")?;
    connection.close().await.context("failed to close a connection")?;
    Ok(u64::try_from(lost)?)
}

async fn connect(database: &str) -> Result<PgConnection> {
    PgConnection::connect(database).await.context("failed to connect to the database")
}
