//! Where PostgreSQL and SQLite truly differ, and nothing else.
//!
//! Owns how the one migration text becomes each database's own, how driver errors are classified, and what a connection is told at its start.
//! Statements that cannot be one text stand in pairs `name.pg.sql` / `name.sqlite.sql`: row sets that travel as one JSON parameter
//! (`jsonb_to_recordset` / `json_each`), row locks, and the database's clock for terms (AS-086).

use std::{str::FromStr, time::Duration};

use aisle_schemas::limits::DATABASE_TIMEOUT;
use sqlx::{
    error::DatabaseError,
    postgres::PgConnectOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use crate::error::StoreError;

/// Column types of the migrations, PostgreSQL's name first. SQLite's tables are STRICT, so that a wrong type is refused there as well.
const TYPES: [(&str, &str); 7] = [
    ("UUID", "BLOB"),
    ("BYTEA", "BLOB"),
    ("JSONB", "TEXT"),
    ("TIMESTAMPTZ", "TEXT"),
    ("BIGINT", "INTEGER"),
    ("BOOLEAN", "INTEGER"),
    ("DOUBLE PRECISION", "REAL"),
];

/// The migration for SQLite: type names replaced, each table STRICT.
pub(crate) fn sqlite_schema(text: &str) -> String {
    let mut schema = text.to_owned();
    for (pg, sqlite) in TYPES {
        schema = schema.replace(&format!(" {pg}"), &format!(" {sqlite}"));
    }
    schema.replace("\n);", "\n) STRICT;")
}

/// PostgreSQL: time-outs of AS-088, so that a hung caller cannot hold a row for long.
pub(crate) fn pg_options(url: &str) -> Result<PgConnectOptions, sqlx::Error> {
    let timeout = format!("{}ms", DATABASE_TIMEOUT.as_millis());
    Ok(PgConnectOptions::from_str(url)?.application_name("aisle").options([
        ("statement_timeout", timeout.as_str()),
        ("lock_timeout", timeout.as_str()),
        ("idle_in_transaction_session_timeout", timeout.as_str()),
    ]))
}

/// PostgreSQL, for the connection that migrates: no statement of it is cut short.
pub(crate) fn pg_migration_options(url: &str) -> Result<PgConnectOptions, sqlx::Error> {
    Ok(PgConnectOptions::from_str(url)?.application_name("aisle migration").options([("statement_timeout", "0"), ("lock_timeout", "0")]))
}

/// SQLite: WAL, and an fsync for every commit, because a commit is what we acknowledge.
pub(crate) fn sqlite_options(url: &str) -> Result<SqliteConnectOptions, sqlx::Error> {
    Ok(SqliteConnectOptions::from_str(url)?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(DATABASE_TIMEOUT)
        .statement_cache_capacity(STATEMENTS_CACHED))
}

/// Every statement of this crate stays prepared.
const STATEMENTS_CACHED: usize = 256;
/// Longest wait for a connection of a pool.
pub(crate) const ACQUIRE_TIMEOUT: Duration = DATABASE_TIMEOUT;

pub(crate) fn classify(error: sqlx::Error) -> StoreError {
    let transient = match &error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed | sqlx::Error::Protocol(_) => true,
        sqlx::Error::PoolClosed => return StoreError::Closed,
        sqlx::Error::Database(database) if database.is_unique_violation() => return StoreError::Conflict(error),
        sqlx::Error::Database(database) => is_transient(database.as_ref()),
        _ => false, // the driver's enum is open; what it does not name as passing is for a person to see
    };
    if transient { StoreError::Transient(error) } else { StoreError::Broken(error) }
}

/// Deadlock, failed serialisation, or a lock that was not available in time: PostgreSQL has rolled back for another transaction.
pub(crate) fn gave_way(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| ["40P01", "40001", "55P03"].contains(&code.as_ref()))
}

fn is_transient(error: &dyn DatabaseError) -> bool {
    let Some(code) = error.code() else { return false };
    if error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
        // SQLSTATE classes: connection, transaction rollback (deadlock, serialisation), resources, operator intervention (time-outs).
        // 55P03 is a lock that was not available.
        return ["08", "40", "53", "57"].iter().any(|class| code.starts_with(class)) || code == "55P03";
    }
    // SQLite primary result codes: BUSY, LOCKED, NOMEM, INTERRUPT, IOERR, FULL, CANTOPEN, PROTOCOL; extended ones keep them in the low byte.
    code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 7 | 9 | 10 | 13 | 14 | 15))
}
