//! The schema, once for both databases.
//!
//! Owns the list of migrations in `migrations/` and their application: sqlx keeps which ran and their hashes, and on PostgreSQL takes an
//! advisory lock, so that several instances may start at once. A published migration is never edited; on failure the start fails.

use std::borrow::Cow;

use sqlx::{
    AssertSqlSafe, Connection, PgConnection, SqlSafeStr, SqliteConnection,
    migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator},
};

use crate::{dialect, error::StoreError};

const MIGRATIONS: [(i64, &str, &str); 16] = [
    (1, "sync", include_str!("../migrations/0001_sync.sql")),
    (2, "visit", include_str!("../migrations/0002_visit.sql")),
    (3, "customer", include_str!("../migrations/0003_customer.sql")),
    (4, "offer", include_str!("../migrations/0004_offer.sql")),
    (5, "quarantine", include_str!("../migrations/0005_quarantine.sql")),
    (6, "lease", include_str!("../migrations/0006_lease.sql")),
    (7, "enrolment", include_str!("../migrations/0007_enrolment.sql")),
    (8, "active_node", include_str!("../migrations/0008_active_node.sql")),
    (9, "content", include_str!("../migrations/0009_content.sql")),
    (10, "document_status", include_str!("../migrations/0010_document_status.sql")),
    (11, "rollout", include_str!("../migrations/0011_rollout.sql")),
    (13, "handshake", include_str!("../migrations/0013_handshake.sql")),
    (14, "product", include_str!("../migrations/0014_product.sql")),
    (16, "play_detail", include_str!("../migrations/0016_play_detail.sql")),
    (18, "node_alarm", include_str!("../migrations/0018_node_alarm.sql")),
    (19, "handshake_open", include_str!("../migrations/0019_handshake_open.sql")),
];

fn migrator(text: impl Fn(&str) -> String) -> Migrator {
    let migration = |(version, name, sql): (i64, &'static str, &str)| {
        Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, AssertSqlSafe(text(sql)).into_sql_str(), false)
    };
    Migrator::with_migrations(MIGRATIONS.into_iter().map(migration).collect())
}

/// Longest wait of a migration for a table that is in use: whoever comes after it waits behind it.
const TABLE_PATIENCE: &str = "SET lock_timeout = '3s'";

fn broken(error: MigrateError) -> StoreError {
    StoreError::Broken(sqlx::Error::Migrate(Box::new(error)))
}

/// On a connection of its own: the time-outs of those that serve would cut a long migration short at each start, for ever.
pub(crate) async fn pg(url: &str) -> Result<(), StoreError> {
    let mut connection = PgConnection::connect_with(&dialect::pg_migration_options(url)?).await?;
    // Waits for as long as another instance migrates, which may be long.
    connection.lock().await.map_err(broken)?;
    sqlx::query(TABLE_PATIENCE).execute(&mut connection).await?;
    let mut migrator = migrator(str::to_owned);
    let migrated = migrator.set_locking(false).run(&mut connection).await;
    // Ends the lock with it.
    connection.close().await?;
    migrated.map_err(broken)
}

pub(crate) async fn sqlite(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    migrator(dialect::sqlite_schema).run(connection).await.map_err(broken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_listed_once_in_the_order_of_its_number() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
        let mut files: Vec<String> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        let listed: Vec<String> = MIGRATIONS.iter().map(|(number, name, _)| format!("{number:04}_{name}.sql")).collect();
        assert_eq!(listed, files);
    }
}
