//! A PostgreSQL server of one's own.
//!
//! Owns its data folder and the process. Emits connection URLs of fresh
//! databases. Never runs as root, which it refuses: then it runs as user `postgres`. Writes without fsync: the tests kill processes, not machines.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::eventually::eventually;
use crate::ports::free_port;
use crate::process::{Process, RunAs, Signal, find_program};

const PACKAGE: &str = "postgresql";
/// Role that owns every database of the server.
const ROLE: &str = "aisle";

/// A running server.
pub struct Postgres {
    // Field order is drop order: the process must end before its folder goes.
    process: Process,
    folder: TempDir,
    port: u16,
    psql: PathBuf,
    databases: AtomicU32,
}

impl Postgres {
    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or does not start.
    pub async fn start() -> Result<Self> {
        let folders = server_folders();
        let postgres = find_program("postgres", PACKAGE, &folders)?;
        let initdb = find_program("initdb", PACKAGE, &folders)?;
        let psql = find_program("psql", PACKAGE, &folders)?;
        let folder = tempfile::Builder::new().prefix("aisle-postgres-").tempdir().context("failed to make a folder")?;
        let run_as = unprivileged()?;
        let data = folder.path().join("data");
        own(folder.path(), run_as)?;
        initialise(&initdb, &data, run_as)?;
        let port = free_port();
        let socket = folder.path().display().to_string();
        let settings = [
            format!("port={port}"),
            "listen_addresses=127.0.0.1".to_owned(),
            format!("unix_socket_directories={socket}"),
            "fsync=off".to_owned(),
            "synchronous_commit=off".to_owned(),
            "full_page_writes=off".to_owned(),
            "max_connections=50".to_owned(),
            "shared_buffers=32MB".to_owned(),
        ];
        let mut args = vec!["-D".to_owned(), data.display().to_string()];
        args.extend(settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]));
        let mut process = Process::start("postgres", &postgres, &args, folder.path(), run_as, Signal::Quit)?;
        eventually("postgres answers", async || {
            process.check().expect("postgres keeps running");
            run_sql(&psql, port, "postgres", "SELECT 1").is_ok().then_some(())
        })
        .await;
        Ok(Self { process, folder, port, psql, databases: AtomicU32::new(0) })
    }

    /// Makes an empty database and returns its URL.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn database(&self) -> Result<String> {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        run_sql(&self.psql, self.port, "postgres", &format!("CREATE DATABASE {name}"))?;
        Ok(format!("postgres://{ROLE}@127.0.0.1:{}/{name}", self.port))
    }

    /// Everything the server holds, as text: for tests that look for what must not be there.
    ///
    /// # Errors
    /// When `pg_dumpall` fails.
    pub fn dump(&self) -> Result<String> {
        let program = find_program("pg_dumpall", PACKAGE, &server_folders())?;
        let output = Command::new(program)
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", ROLE])
            .output()
            .context("failed to run pg_dumpall")?;
        ensure!(output.status.success(), "pg_dumpall: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Where distributions hide the server's programs: newest version first.
fn server_folders() -> Vec<PathBuf> {
    let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") else { return Vec::new() };
    let mut folders: Vec<_> = versions.filter_map(Result::ok).map(|version| version.path().join("bin")).collect();
    folders.sort();
    folders.reverse();
    folders
}

/// The user to run as; `None` where we are not root and may stay who we are.
fn unprivileged() -> Result<Option<RunAs>> {
    let me = Path::new("/proc/self").metadata().context("failed to see who we are")?.uid();
    if me != 0 {
        return Ok(None);
    }
    let id = |flag: &str| -> Result<u32> {
        let output = Command::new("id").args([flag, "postgres"]).output().context("failed to run id")?;
        ensure!(output.status.success(), "root needs the user postgres, which the package {PACKAGE} makes");
        String::from_utf8_lossy(&output.stdout).trim().parse().context("failed to read the id of user postgres")
    };
    Ok(Some(RunAs { uid: id("-u")?, gid: id("-g")? }))
}

/// Gives a folder to that user and lets it pass through.
fn own(folder: &Path, run_as: Option<RunAs>) -> Result<()> {
    let Some(RunAs { uid, gid }) = run_as else { return Ok(()) };
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).context("failed to open the folder")?;
    chown(folder, Some(uid), Some(gid)).context("failed to hand the folder over")
}

fn initialise(initdb: &Path, data: &Path, run_as: Option<RunAs>) -> Result<()> {
    let data = data.display().to_string();
    let options = ["-D", &data, "-U", ROLE, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"];
    let output = match run_as {
        None => Command::new(initdb).args(options).output(),
        Some(RunAs { uid, gid }) => Command::new("setpriv")
            .args([format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".to_owned(), "--".to_owned()])
            .arg(initdb)
            .args(options)
            .output(),
    }
    .context("failed to run initdb")?;
    ensure!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

fn run_sql(psql: &Path, port: u16, database: &str, sql: &str) -> Result<String> {
    let output = Command::new(psql)
        .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-U", ROLE, "-d", database, "-qAtc", sql])
        .output()
        .context("failed to run psql")?;
    ensure!(output.status.success(), "psql: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
