//! Opening the journal: lock, settings, migrations, first epoch.
//!
//! Owns what happens before anything is written. Takes a folder and its share of the disk. Emits a running [`Journal`]. On failure:
//! [`OpenError`], which says whether another process holds the store's file (AS-010), and nothing has been changed. A disk too small for the
//! reserve or the ballast is an alarm and no failure: the store opens all the same.
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use aisle_mesh::sync::log::{EpochReason, EpochRequest, StreamState};
use aisle_schemas::sync::{Epoch, Mark, Seq, Stream};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, SqliteConnection, SqlitePool};
use thiserror::Error;
use tokio::sync::{mpsc, watch};

use super::ballast::Ballast;
use super::budget::{Budget, Usage};
use super::heads::{Cursor, Heads};
use super::record::RecordMaker;
use super::writer::{Uplink, Work, Writer};
use super::{Journal, JournalError, QUEUE_MAX, documents, epoch, reserve, upkeep};

const FILE: &str = "journal.sqlite";
const LOCK: &str = "journal.lock";
/// Connections that read: the uplink and one more.
const READERS: u32 = 2;
/// Bytes of a database page.
const PAGE_BYTES: u32 = 4096;
/// Pages after which the write-ahead log is folded back: 8 MiB, so that a busy store does it every few seconds and not at each commit.
const CHECKPOINT_PAGES: u32 = 2048;

/// Why the journal could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    #[error("failed to create data folder {0}")]
    Folder(PathBuf, #[source] std::io::Error),
    #[error("another process holds {0}")]
    Held(PathBuf),
    #[error("failed to lock {0}")]
    Lock(PathBuf, #[source] std::io::Error),
    #[error("failed to open {0}")]
    Open(PathBuf, #[source] sqlx::Error),
    #[error("failed to migrate {0}")]
    Migrate(PathBuf, #[source] sqlx::migrate::MigrateError),
    #[error("failed to read the heads of the log")]
    Read(#[source] JournalError),
}

/// What a journal is opened with.
#[derive(Clone)]
pub struct Settings {
    pub folder: PathBuf,
    pub budget: Budget,
    /// Of records about the log itself.
    pub maker: RecordMaker,
}

impl Journal {
    /// Opens or creates the journal. `random` is used for the first epoch of a new file.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(settings: Settings, random: u64) -> Result<Self, OpenError> {
        let Settings { folder, budget, maker } = settings;
        let folder = folder.as_path();
        std::fs::create_dir_all(folder).map_err(|source| OpenError::Folder(folder.to_owned(), source))?;
        let lock = take_lock(&folder.join(LOCK))?;
        let path = folder.join(FILE);
        let opened = |source| OpenError::Open(path.clone(), source);
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .page_size(PAGE_BYTES)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5))
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES.to_string())
            .pragma("max_page_count", pages(budget.cap()).to_string());
        let mut write = SqliteConnection::connect_with(&options).await.map_err(opened)?;
        sqlx::migrate!("./migrations").run(&mut write).await.map_err(|source| OpenError::Migrate(path.clone(), source))?;
        let read: SqlitePool = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_with(options.clone().read_only(true).create_if_missing(false))
            .await
            .map_err(opened)?;
        let mut heads = load_heads(&mut write, random).await.map_err(OpenError::Read)?;
        let ballast = Ballast::new(folder, budget.ballast);
        heads.disk_full = !install(&mut write, &budget, &ballast).await;
        let begins = epoch::misses_rows(&mut write, &heads).await.map_err(OpenError::Read)?;
        let heads = Arc::new(heads);
        let (jobs, queue) = mpsc::channel(QUEUE_MAX);
        let (heads_tx, heads_rx) = watch::channel(heads);
        let (arrived_tx, arrived) = watch::channel(0);
        let uplink = Arc::new(Uplink::default());
        let writer = Writer {
            connection: write,
            options,
            budget,
            ballast,
            maker,
            queue,
            heads: heads_tx,
            arrived: arrived_tx,
            uplink: Arc::clone(&uplink),
            acked: Default::default(),
            lock,
        };
        tokio::spawn(writer.run());
        let journal = Self { jobs, heads: heads_rx, arrived, uplink, read, budget };
        if begins {
            // Nobody has said yet what the cloud knows; both old epochs join the lineage when it does.
            let request = EpochRequest {
                reason: EpochReason::RowsMissing,
                random,
                peer_epoch: None,
                peer_cursors: Default::default(),
                mark_min: Mark::ZERO,
                session_min: 0,
            };
            journal.ask(Work::BeginEpoch(request)).await.map_err(OpenError::Read)?;
        }
        Ok(journal)
    }
}

/// The lock lives as long as the file is open, and ends with the process however it ends.
fn take_lock(path: &Path) -> Result<File, OpenError> {
    let failed = |source| OpenError::Lock(path.to_owned(), source);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Held(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

const fn pages(bytes: u64) -> u64 {
    bytes / PAGE_BYTES as u64
}

/// Grows the file to its reserve and fills the ballast; `false` where the disk has no room for them.
async fn install(write: &mut SqliteConnection, budget: &Budget, ballast: &Ballast) -> bool {
    let grown = if budget.grow { reserve::grow(write, pages(budget.reserve()), u64::from(PAGE_BYTES)).await } else { Ok(()) };
    if let Err(error) = &grown {
        tracing::error!(error = error as &dyn std::error::Error, "the journal's file cannot be grown to its reserve");
    }
    let filled = ballast.fill();
    if let Err(error) = &filled {
        tracing::error!(%error, "there is no room for the ballast");
    }
    grown.is_ok() && filled.is_ok()
}

fn parse<T: FromStr<Err: std::fmt::Display>>(table: &'static str, text: &str) -> Result<T, JournalError> {
    text.parse().map_err(|error: T::Err| JournalError::Unreadable { table, reason: error.to_string() })
}

pub(super) fn seq(table: &'static str, value: i64) -> Result<Seq, JournalError> {
    Seq::from_i64(value).ok_or_else(|| JournalError::Unreadable { table, reason: format!("{value} is no seq") })
}

fn mark(table: &'static str, value: i64) -> Result<Mark, JournalError> {
    Mark::from_i64(value).ok_or_else(|| JournalError::Unreadable { table, reason: format!("{value} is no mark") })
}

/// Stream, next, high, acked, base, records, bytes, kept, highest deletion purged.
type StreamRow = (String, i64, i64, i64, i64, i64, i64, i64, i64);

async fn load_heads(connection: &mut SqliteConnection, random: u64) -> Result<Heads, JournalError> {
    let head: Option<(String, i64, i64)> = sqlx::query_as(include_str!("sql/load_log_head.sql")).fetch_optional(&mut *connection).await?;
    let (epoch, log_mark, session_counter) = match head {
        Some((epoch, log_mark, sessions)) => (
            parse("log_head", &epoch)?,
            mark("log_head", log_mark)?,
            u64::try_from(sessions).map_err(|error| JournalError::Unreadable { table: "log_head", reason: error.to_string() })?,
        ),
        None => {
            let epoch = Epoch { counter: 1, random };
            let save = sqlx::query(include_str!("sql/save_log_head.sql")).bind(epoch.to_string()).bind(0_i64).bind(0_i64);
            save.execute(&mut *connection).await?;
            (epoch, Mark::ZERO, 0)
        }
    };
    let lineage: Vec<(String,)> = sqlx::query_as(include_str!("sql/load_lineage.sql")).fetch_all(&mut *connection).await?;
    let streams: Vec<StreamRow> = sqlx::query_as(include_str!("sql/load_log_streams.sql")).fetch_all(&mut *connection).await?;
    let mut up: aisle_schemas::sync::PerStream<StreamState> = Stream::UP.into_iter().map(|stream| (stream, StreamState::EMPTY)).collect();
    let mut usage = aisle_schemas::sync::PerStream::default();
    for (stream, next, high, acked, base, records, bytes, kept, purged) in streams {
        let of = |value| seq("log_stream", value);
        let stream: Stream = parse("log_stream", &stream)?;
        // Of documents only deletions go: above the highest that went, class B is whole.
        let kept = match stream.class() {
            aisle_schemas::sync::Class::B => of(purged)?.next(),
            aisle_schemas::sync::Class::A | aisle_schemas::sync::Class::C => of(kept)?,
        };
        let count = |value: i64| u64::try_from(value).unwrap_or(0);
        usage.set(stream, Usage { records: count(records), bytes: count(bytes) });
        up.set(stream, StreamState { kept, next: of(next)?, high: of(high)?, acked: of(acked)?, base: of(base)? });
    }
    let down: Option<(Option<String>, i64)> =
        sqlx::query_as(include_str!("sql/load_down_head.sql")).fetch_optional(&mut *connection).await?;
    let (down_epoch, down_mark) = match down {
        Some((epoch, down_mark)) => (epoch.map(|epoch| parse("down_head", &epoch)).transpose()?, mark("down_head", down_mark)?),
        None => (None, Mark::ZERO),
    };
    let rows: Vec<(String, i64, i64)> = sqlx::query_as(include_str!("sql/load_down_cursors.sql")).fetch_all(&mut *connection).await?;
    let mut cursors = aisle_schemas::sync::PerStream::default();
    for (stream, at, run) in rows {
        let poison_run =
            u32::try_from(run).map_err(|error| JournalError::Unreadable { table: "down_cursor", reason: error.to_string() })?;
        cursors.set(parse("down_cursor", &stream)?, Cursor { seq: seq("down_cursor", at)?, poison_run });
    }
    let (change,): (i64,) = sqlx::query_as(include_str!("sql/last_change.sql")).fetch_one(&mut *connection).await?;
    let overrides = documents::load_overrides(connection).await?;
    let lineage = lineage.iter().map(|(epoch,)| parse("log_lineage", epoch)).collect::<Result<_, _>>()?;
    let days = upkeep::load_days(connection).await?;
    Ok(Heads {
        epoch,
        mark: log_mark,
        lineage,
        up,
        usage,
        drops: 0,
        refusing: false,
        disk_full: false,
        days,
        unwritten_a: 0,
        session_counter,
        session: None,
        down_epoch,
        down_mark,
        down: cursors,
        change,
        equipment: None,
        overrides,
    })
}
