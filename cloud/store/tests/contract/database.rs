//! Contract of transactions, groups and the schema, on both databases.

use std::path::Path;

use aisle_store::{
    Db, StoreError, counter,
    testing::{World, on_both},
};
use sqlx::Connection;

#[test]
fn a_unit_that_fails_leaves_nothing_and_its_neighbours_stand() {
    on_both(|World { db, kind, .. }| async move {
        let units = (0..40_u64).map(|n| {
            let db = db.clone();
            tokio::spawn(async move {
                db.write(move |tx| {
                    Box::pin(async move {
                        counter::add_in(tx, "units", "all", 1).await?;
                        if n % 4 == 0 { Err(StoreError::Stale) } else { Ok(()) }
                    })
                })
                .await
            })
        });
        let mut refused = 0;
        for unit in units.collect::<Vec<_>>() {
            if unit.await.expect("joins").is_err() {
                refused += 1;
            }
        }
        assert_eq!(refused, 10, "{kind}");
        assert_eq!(counter::value(&mut db.read().await.unwrap(), "units", "all").await.unwrap(), 30, "{kind}");
    });
}

#[test]
fn a_broken_statement_undoes_its_own_unit_only() {
    on_both(|World { db, kind, .. }| async move {
        let too_much = db
            .write(|tx| {
                Box::pin(async move {
                    counter::add_in(tx, "n", "k", i64::MAX as u64).await?;
                    tx.savepoint().await?;
                    let overflow = counter::add_in(tx, "n", "k", 1).await;
                    tx.undo().await?;
                    counter::add_in(tx, "n", "other", 1).await?;
                    Ok::<_, StoreError>(overflow.is_err())
                })
            })
            .await
            .unwrap();
        let conn = &mut db.read().await.unwrap();
        // SQLite turns an overflowing sum into a float, which a STRICT integer column refuses.
        assert!(too_much, "{kind}");
        assert_eq!(counter::value(conn, "n", "other").await.unwrap(), 1, "{kind}");
        assert_eq!(counter::value(conn, "n", "k").await.unwrap(), i64::MAX as u64, "{kind}");
    });
}

#[test]
fn what_was_committed_is_there_for_a_second_connection_and_after_a_restart() {
    on_both(|World { db, url, kind }| async move {
        counter::add(&db, "n", "k".to_owned(), 5).await.unwrap();
        let second = Db::connect(&url).await.unwrap();
        assert_eq!(counter::value(&mut second.read().await.unwrap(), "n", "k").await.unwrap(), 5, "{kind}");
        counter::add(&second, "n", "k".to_owned(), 2).await.unwrap();
        second.close().await;
        assert_eq!(counter::value(&mut db.read().await.unwrap(), "n", "k").await.unwrap(), 7, "{kind}");
        assert!(matches!(counter::add(&second, "n", "k".to_owned(), 1).await, Err(StoreError::Closed)), "{kind}");
    });
}

#[test]
fn the_sqlite_file_is_in_wal_mode() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cloud.db");
        let db = Db::connect(&format!("sqlite:{}", path.display())).await.unwrap();
        let mode: (String,) = {
            let mut connection = sqlx::SqliteConnection::connect(&format!("sqlite:{}", path.display())).await.unwrap();
            sqlx::query_as("PRAGMA journal_mode").fetch_one(&mut connection).await.unwrap()
        };
        assert_eq!(mode.0, "wal");
        db.close().await;
    });
}

/// Every statement file, with the database it is for: `None` for both.
fn statements(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the crate's own files are readable") {
        let path = entry.expect("the crate's own files are readable").path();
        if path.is_dir() {
            found.extend(statements(&path));
        } else {
            found.push((path.display().to_string(), std::fs::read_to_string(&path).expect("the crate's own files are readable")));
        }
    }
    found
}

#[test]
fn every_statement_prepares_on_its_databases() {
    use sqlx::{AssertSqlSafe, Executor, SqlSafeStr};
    on_both(|World { db: _, url, kind }| async move {
        let files = statements(&Path::new(env!("CARGO_MANIFEST_DIR")).join("sql"));
        let mut wrong = Vec::new();
        for (path, text) in files {
            let text = AssertSqlSafe(text).into_sql_str();
            let prepared = match kind {
                "sqlite" if !path.ends_with(".pg.sql") => {
                    let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
                    (&mut connection).prepare(text).await.map(drop)
                }
                "postgres" if !path.ends_with(".sqlite.sql") => {
                    let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
                    (&mut connection).prepare(text).await.map(drop)
                }
                _ => Ok(()),
            };
            wrong.extend(prepared.err().map(|error| format!("{path}: {error}")));
        }
        assert!(wrong.is_empty(), "on {kind}: {wrong:#?}");
    });
}

#[test]
fn every_statement_file_is_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut code = String::new();
    for entry in std::fs::read_dir(root.join("src")).unwrap() {
        code.push_str(&std::fs::read_to_string(entry.unwrap().path()).unwrap());
    }
    for (path, _) in statements(&root.join("sql")) {
        let name = path.split("/sql/").last().unwrap();
        let name = name.strip_suffix(".pg.sql").or_else(|| name.strip_suffix(".sqlite.sql")).unwrap_or(name);
        assert!(code.contains(&format!("\"{name}\"")), "{name} is used by nothing");
    }
}
