//! What stands in the databases: how many rows each table holds, for promises about what must *not* be written, and which documents a store has.

use std::collections::BTreeMap;

use aisle_schemas::ids::NodeId;
use anyhow::{Context, Result};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

const TABLES_SQLITE: &str = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
const TABLES_POSTGRES: &str =
    "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'";

/// Rows by table.
pub type Rows = BTreeMap<String, i64>;

/// Rows of every table of a database.
///
/// # Errors
/// When it cannot be read.
pub async fn count(url: &str) -> Result<Rows> {
    let mut rows = Rows::new();
    // Table names come from the database's own catalogue.
    let statement = |table: &str| AssertSqlSafe(format!("SELECT COUNT(*) FROM \"{table}\""));
    if url.starts_with("sqlite") {
        let mut connection = SqliteConnection::connect(url).await.context("failed to open the database")?;
        for table in sqlx::query_scalar::<_, String>(TABLES_SQLITE).fetch_all(&mut connection).await? {
            let count = sqlx::query_scalar(statement(&table)).fetch_one(&mut connection).await?;
            rows.insert(table, count);
        }
        connection.close().await?;
    } else {
        let mut connection = PgConnection::connect(url).await.context("failed to open the database")?;
        for table in sqlx::query_scalar::<_, String>(TABLES_POSTGRES).fetch_all(&mut connection).await? {
            let count = sqlx::query_scalar(statement(&table)).fetch_one(&mut connection).await?;
            rows.insert(table, count);
        }
        connection.close().await?;
    }
    Ok(rows)
}

/// Tables whose number of rows changed, with the difference.
pub fn difference(before: &Rows, after: &Rows) -> Rows {
    after
        .iter()
        .map(|(table, rows)| (table.clone(), rows - before.get(table).copied().unwrap_or(0)))
        .filter(|(_, difference)| *difference != 0)
        .collect()
}

/// Documents of a store that begin with a word, by key; `None` for deleted ones.
const DOCUMENTS: &str = "SELECT key, event FROM document WHERE key LIKE ? || '/%'";

/// A reading connection to a store's journal.
pub struct Documents(SqliteConnection);

impl Documents {
    pub(super) async fn open(url: &str) -> Result<Self> {
        Ok(Self(SqliteConnection::connect(url).await.context("failed to open the journal")?))
    }

    /// Documents of a kind, e.g. `context`: the part of the key after the slash, and the event as stored.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn of(&mut self, kind: &str) -> Result<BTreeMap<String, Option<String>>> {
        let rows: Vec<(String, Option<Vec<u8>>)> =
            sqlx::query_as(DOCUMENTS).bind(kind).fetch_all(&mut self.0).await.context("failed to read documents")?;
        let name = |key: String| key.split_once('/').map_or_else(String::new, |(_, name)| name.to_owned());
        Ok(rows.into_iter().map(|(key, event)| (name(key), event.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))).collect())
    }
}

/// The epoch that the cloud has accepted of a node.
pub async fn epoch(url: &str, node: &NodeId) -> Result<String> {
    const EPOCH: &str = "SELECT epoch FROM node WHERE id = $1";
    if url.starts_with("sqlite") {
        let mut connection = SqliteConnection::connect(url).await.context("failed to open the database")?;
        return Ok(sqlx::query_scalar(EPOCH).bind(node.to_string()).fetch_one(&mut connection).await?);
    }
    let mut connection = PgConnection::connect(url).await.context("failed to open the database")?;
    Ok(sqlx::query_scalar(EPOCH).bind(node.to_string()).fetch_one(&mut connection).await?)
}
