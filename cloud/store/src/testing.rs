//! A private PostgreSQL server for tests, and worlds on both databases.
//!
//! Owns [`on_both`], which runs one contract on both databases, and [`PgServer`]: `initdb` and `postgres` from the installed packages, in a temporary folder, reachable through a socket in it alone. The
//! server ends when the value is dropped, or when the process dies in whatever way: it lives as long as a pipe that this process holds.
//! On failure: an error with what the tool said.

use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::db::Db;

/// Whether commits reach the disk before they return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// As in production; for measurements and crash tests.
    Full,
    /// For suites that only look at results.
    None,
}

/// A running server.
pub struct PgServer {
    /// Runs until its standard input ends.
    guardian: Child,
    folder: TempDir,
    databases: u32,
}

/// Unprivileged user that runs the server where the tests run as root, which PostgreSQL refuses.
const PG_USER: &str = "postgres";

/// Starts the server in the background and stops it when the pipe on standard input closes.
const GUARDIAN: &str = r#""$@" & server=$!; cat >/dev/null; kill -QUIT $server; wait $server"#;

impl PgServer {
    /// Makes a cluster and starts its server; returns when it takes connections.
    pub fn start(durability: Durability) -> Result<Self> {
        let bin = newest_bin()?;
        let folder = tempfile::Builder::new().prefix("aisle-pg-").tempdir().context("failed to make a folder")?;
        let as_root = is_root()?;
        if as_root {
            run(Command::new("chown").arg(PG_USER).arg(folder.path()))?;
        }
        let data = folder.path().join("data");
        run(unprivileged(as_root, &bin.join("initdb")).arg("-D").arg(&data).args([
            "--username=aisle",
            "--auth=trust",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
        ]))?;
        let fsync = match durability {
            Durability::Full => "fsync=on",
            Durability::None => "fsync=off",
        };
        let mut guardian = unprivileged(as_root, Path::new("sh"));
        guardian
            .args(["-c", GUARDIAN, "guardian"])
            .arg(bin.join("postgres"))
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(folder.path())
            .args(["-c", "listen_addresses=", "-c", fsync, "-c", "max_connections=100", "-c", "logging_collector=off"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut guardian = guardian.spawn().context("failed to start postgres")?;
        let stderr = guardian.stderr.take().context("postgres has no standard error")?;
        let server = Self { guardian, folder, databases: 0 };
        wait_until_ready(stderr)?;
        Ok(server)
    }

    /// Makes an empty database and returns its URL.
    pub async fn database(&mut self) -> Result<String> {
        self.databases += 1;
        let name = format!("t{}", self.databases);
        let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&self.url("postgres")).await?;
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await?;
        Ok(self.url(&name))
    }

    /// URL of a database of this server.
    pub fn url(&self, database: &str) -> String {
        let socket = self.folder.path().to_string_lossy().replace('/', "%2F");
        format!("postgres://aisle@localhost/{database}?host={socket}")
    }
}

impl Drop for PgServer {
    fn drop(&mut self) {
        drop(self.guardian.stdin.take());
        if let Err(error) = self.guardian.wait() {
            tracing::warn!(%error, "failed to wait for postgres");
        }
    }
}

fn wait_until_ready(stderr: std::process::ChildStderr) -> Result<()> {
    let mut lines = BufReader::new(stderr);
    let mut said = String::new();
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            bail!("postgres ended before it was ready: {said}");
        }
        said.push_str(&line);
        if line.contains("ready to accept connections") {
            break;
        }
    }
    // Whatever it says from now on must not fill the pipe.
    std::thread::spawn(move || std::io::copy(&mut lines.by_ref(), &mut std::io::sink()));
    Ok(())
}

fn newest_bin() -> Result<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").context("PostgreSQL is not installed")?;
    let mut bins: Vec<(u32, PathBuf)> = versions
        .filter_map(|version| {
            let version = version.ok()?;
            Some((version.file_name().to_str()?.parse().ok()?, version.path().join("bin")))
        })
        .collect();
    bins.sort();
    Ok(bins.pop().context("PostgreSQL is not installed")?.1)
}

fn is_root() -> Result<bool> {
    let status = std::fs::read_to_string("/proc/self/status").context("failed to read the own user id")?;
    Ok(status.lines().any(|line| line.starts_with("Uid:\t0\t")))
}

fn unprivileged(as_root: bool, program: &Path) -> Command {
    if as_root {
        let mut command = Command::new("runuser");
        command.args(["-u", PG_USER, "--"]).arg(program);
        command.current_dir("/");
        command
    } else {
        Command::new(program)
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("failed to run {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// One empty database for one contract.
pub struct World {
    pub db: Db,
    pub kind: &'static str,
    /// For further connections to the same data.
    pub url: String,
}

/// Runs a contract on SQLite and then on PostgreSQL, each on an empty database of its own.
///
/// # Panics
/// Where a database cannot be had: a suite that skips one proves nothing about it.
pub fn on_both<F, R>(contract: F)
where
    F: Fn(World) -> R,
    R: Future<Output = ()>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime starts");
    runtime.block_on(async {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let url = format!("sqlite:{}", folder.path().join("cloud.db").display());
        in_world(&contract, "sqlite", url).await;

        let mut server = PgServer::start(Durability::None).expect("PostgreSQL starts");
        let url = server.database().await.expect("a database can be made");
        in_world(&contract, "postgres", url).await;
    });
}

async fn in_world<F, R>(contract: &F, kind: &'static str, url: String)
where
    F: Fn(World) -> R,
    R: Future<Output = ()>,
{
    let db = Db::connect(&url).await.expect("the database opens");
    contract(World { db: db.clone(), kind, url }).await;
    db.close().await;
}
