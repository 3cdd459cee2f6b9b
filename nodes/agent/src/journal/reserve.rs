//! Growing the database to the reserve of classes A and B (AS-053).
//!
//! Owns the pages that the file holds before anybody needs them: blocks of zeros, written and deleted, whose pages SQLite keeps for later and,
//! without auto-vacuum, never gives back. Takes the writing connection. Emits the growth. On failure: the file is as large as it became.
use sqlx::SqliteConnection;

use super::JournalError;

/// Bytes of one block: a transaction that a write-ahead log holds easily.
const BLOCK_BYTES: u64 = 16 << 20;

/// Grows the file to `pages`; at once if it is that large.
pub(super) async fn grow(rows: &mut SqliteConnection, pages: u64, page_bytes: u64) -> Result<(), JournalError> {
    let before = pages_of(rows).await?;
    // What an earlier attempt left when it was cut off.
    sqlx::query(include_str!("sql/empty_reserve.sql")).execute(&mut *rows).await?;
    let mut have = before;
    while have < pages {
        let missing = (pages - have) * page_bytes;
        let block = i64::try_from(missing.min(BLOCK_BYTES)).unwrap_or(i64::MAX);
        sqlx::query(include_str!("sql/fill_reserve.sql")).bind(block).execute(&mut *rows).await?;
        // A block may have found free pages; the next one finds fewer.
        have = pages_of(rows).await?;
    }
    sqlx::query(include_str!("sql/empty_reserve.sql")).execute(&mut *rows).await?;
    if have > before {
        tracing::info!(before, pages = have, "the journal's file was grown to its reserve");
    }
    Ok(())
}

async fn pages_of(rows: &mut SqliteConnection) -> Result<u64, JournalError> {
    let (pages,): (i64,) = sqlx::query_as(include_str!("sql/count_pages.sql")).fetch_one(&mut *rows).await?;
    Ok(u64::try_from(pages).unwrap_or(0))
}
