//! Connections and transactions on either database.
//!
//! Owns [`Db`], [`Conn`] (reads) and [`Tx`] (writes). [`Db::write`] runs one unit of work in one transaction: on PostgreSQL on a pooled
//! connection, on SQLite through the one writer that commits units in groups. On failure nothing of the unit is visible.

use std::{
    ops::{Deref, DerefMut},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use sqlx::{
    PgConnection, PgPool, Postgres, Sqlite, SqliteConnection, SqlitePool, Transaction, pool::PoolConnection, postgres::PgPoolOptions,
    sqlite::SqlitePoolOptions,
};

use crate::{dialect, error::StoreError, migrate, writer::Writer};

/// Connections that one instance holds to PostgreSQL: more only queue inside it.
pub const PG_CONNECTIONS_MAX: u32 = 24;
/// Connections beside them for leases of partitions alone: whoever keeps them must never wait behind the work that they allow.
pub const PG_LEASE_CONNECTIONS_MAX: u32 = 2;
/// Readers of the SQLite file beside its one writer.
pub const SQLITE_READERS_MAX: u32 = 4;

/// The cloud's database. Clones share connections.
#[derive(Clone)]
pub struct Db {
    inner: Inner,
    /// Last outbox place given out by this process.
    place: Arc<AtomicI64>,
    /// Tells places of several processes apart, should two fall into one microsecond.
    salt: i64,
}

#[derive(Clone)]
enum Inner {
    Pg { work: PgPool, leases: PgPool },
    Sqlite { read: SqlitePool, write: Writer },
}

/// Bits of a place below its microsecond.
const PLACE_SALT_BITS: u32 = 10;

impl Db {
    /// Connects and migrates. `sqlite:PATH` (made where missing) or `postgres://…`.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        let inner = if url.starts_with("sqlite:") {
            let options = dialect::sqlite_options(url)?;
            let write = Writer::open(&options).await?;
            let read = SqlitePoolOptions::new()
                .max_connections(SQLITE_READERS_MAX)
                .acquire_timeout(dialect::ACQUIRE_TIMEOUT)
                .connect_with(options.read_only(true).create_if_missing(false))
                .await?;
            Inner::Sqlite { read, write }
        } else {
            let pool = |connections| PgPoolOptions::new().max_connections(connections).acquire_timeout(dialect::ACQUIRE_TIMEOUT);
            let work = pool(PG_CONNECTIONS_MAX).connect_with(dialect::pg_options(url)?).await?;
            migrate::pg(url).await?;
            Inner::Pg { work, leases: pool(PG_LEASE_CONNECTIONS_MAX).connect_lazy_with(dialect::pg_options(url)?) }
        };
        let salt = i64::from(std::process::id()) & ((1 << PLACE_SALT_BITS) - 1);
        let db = Self { inner, place: Arc::new(AtomicI64::new(0)), salt };
        let newest = crate::outbox::newest_place(&mut db.read().await?).await?;
        db.place.store(newest, Ordering::Relaxed);
        Ok(db)
    }

    /// Whether several instances may work on it: a SQLite file has one.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        match &self.inner {
            Inner::Pg { .. } => true,
            Inner::Sqlite { .. } => false,
        }
    }

    /// A connection for reads. On SQLite it sees the last commit and never waits for the writer.
    pub async fn read(&self) -> Result<Conn, StoreError> {
        Ok(match &self.inner {
            Inner::Pg { work, leases: _ } => Conn(Kind::Pg(work.acquire().await?)),
            Inner::Sqlite { read, write: _ } => Conn(Kind::SqliteRead(read.acquire().await?)),
        })
    }

    /// Runs `work` in one transaction and commits it; an error of `work` rolls it back. `work` must await nothing but statements: on SQLite
    /// every other write waits for it.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    {
        match &self.inner {
            Inner::Pg { work: pool, leases: _ } => write_pg(pool, work).await,
            Inner::Sqlite { read: _, write } => write.run(work).await,
        }
    }

    /// As [`write`](Self::write), for leases of partitions: never behind other work of this instance.
    pub(crate) async fn write_lease<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, StoreError>> + Send + 'static,
    {
        match &self.inner {
            Inner::Pg { work: _, leases } => write_pg(leases, work).await,
            Inner::Sqlite { read: _, write } => write.run(work).await,
        }
    }

    /// Outbox places for `count` rows written at `at`: rising over the life of this process, the first of them returned; each next one lies
    /// [`PLACE_STEP`] higher.
    pub(crate) fn places(&self, at: DateTime<Utc>, count: usize) -> i64 {
        let wanted = (at.timestamp_micros() << PLACE_SALT_BITS) | self.salt;
        let span = i64::try_from(count).unwrap_or(i64::MAX >> PLACE_SALT_BITS) * PLACE_STEP;
        let next = |last: i64| wanted.max(((last & !(PLACE_STEP - 1)) + PLACE_STEP) | self.salt);
        let last = self.place.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last) + span - PLACE_STEP));
        next(last.unwrap_or_default())
    }

    /// Stops the writer after the units it has, and closes the connections.
    pub async fn close(&self) {
        match &self.inner {
            Inner::Pg { work, leases } => {
                work.close().await;
                leases.close().await;
            }
            Inner::Sqlite { read, write } => {
                write.close().await;
                read.close().await;
            }
        }
    }
}

async fn write_pg<T, E, F>(pool: &PgPool, work: F) -> Result<T, E>
where
    E: From<StoreError>,
    F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>>,
{
    let transaction = pool.begin().await.map_err(StoreError::from)?;
    let mut tx = Tx(Conn(Kind::PgTx(transaction)));
    match work(&mut tx).await {
        Ok(value) => {
            tx.commit().await?;
            Ok(value)
        }
        Err(error) => {
            tx.roll_back().await;
            Err(error)
        }
    }
}

/// Distance of two places of one process.
pub(crate) const PLACE_STEP: i64 = 1 << PLACE_SALT_BITS;

/// A connection that reads.
pub struct Conn(Kind);

enum Kind {
    Pg(PoolConnection<Postgres>),
    PgTx(Transaction<'static, Postgres>),
    SqliteRead(PoolConnection<Sqlite>),
    SqliteWrite(SqliteConnection),
}

/// The driver's own connection, for the macros of [`crate::statement`].
pub(crate) enum Driver<'c> {
    Pg(&'c mut PgConnection),
    Sqlite(&'c mut SqliteConnection),
}

impl Conn {
    pub(crate) fn driver(&mut self) -> Driver<'_> {
        match &mut self.0 {
            Kind::Pg(connection) => Driver::Pg(connection),
            Kind::PgTx(transaction) => Driver::Pg(transaction),
            Kind::SqliteRead(connection) => Driver::Sqlite(connection),
            Kind::SqliteWrite(connection) => Driver::Sqlite(connection),
        }
    }
}

/// A transaction that writes; reads through it see its own writes.
pub struct Tx(Conn);

impl Deref for Tx {
    type Target = Conn;
    fn deref(&self) -> &Conn {
        &self.0
    }
}
impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.0
    }
}

impl Tx {
    pub(crate) fn sqlite(connection: SqliteConnection) -> Self {
        Self(Conn(Kind::SqliteWrite(connection)))
    }

    /// Opens a savepoint: what follows can be undone alone. They nest.
    pub async fn savepoint(&mut self) -> Result<(), StoreError> {
        self.raw("SAVEPOINT part").await
    }
    /// Keeps what was done since the newest savepoint.
    pub async fn release(&mut self) -> Result<(), StoreError> {
        self.raw("RELEASE SAVEPOINT part").await
    }
    /// Undoes what was done since the newest savepoint, and ends it.
    pub async fn undo(&mut self) -> Result<(), StoreError> {
        self.raw("ROLLBACK TO SAVEPOINT part").await?;
        self.release().await
    }

    /// Runs a statement without parameters, e.g. transaction control.
    pub(crate) async fn raw(&mut self, sql: &'static str) -> Result<(), StoreError> {
        match self.driver() {
            Driver::Pg(c) => sqlx::raw_sql(sql).execute(c).await.map(drop),
            Driver::Sqlite(c) => sqlx::raw_sql(sql).execute(c).await.map(drop),
        }
        .map_err(StoreError::from)
    }

    async fn commit(self) -> Result<(), StoreError> {
        match self.0.0 {
            Kind::PgTx(transaction) => transaction.commit().await.map_err(StoreError::from),
            Kind::Pg(_) | Kind::SqliteRead(_) | Kind::SqliteWrite(_) => unreachable!("only PostgreSQL transactions are committed here"),
        }
    }

    async fn roll_back(self) {
        if let Kind::PgTx(transaction) = self.0.0
            && let Err(error) = transaction.rollback().await
        {
            // The connection goes back broken and the pool replaces it; the server rolls back by itself.
            tracing::debug!(error = &error as &dyn std::error::Error, "failed to send the rollback");
        }
    }
}
