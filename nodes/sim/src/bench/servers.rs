//! PostgreSQL, mosquitto and Redis of one bench, each on a private port in a folder of its own.
//!
//! Owns their files and processes. PostgreSQL is as durable as in production (fsync, synchronous commit); mosquitto and Redis keep nothing, because
//! nothing may depend on it. Never runs PostgreSQL as root, which it refuses: then as user `postgres`. On failure: names the program and its log.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aisle_mesh::broker::{AccessRules, mosquitto};
use anyhow::{Context, Result, bail, ensure};
use sqlx::{Connection, PgConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::child::{Child, Recipe, RunAs, as_user, find_program};

/// Longest wait for a server to answer; PostgreSQL replays its log after a kill.
const READY_WAIT: Duration = Duration::from_secs(60);
/// Time between two looks.
const READY_LOOK: Duration = Duration::from_millis(20);
/// Role that owns every database.
const ROLE: &str = "aisle";
/// Database of the product.
const DATABASE: &str = "aisle";
/// Connections that PostgreSQL takes: one instance's pool, the ledger's, the limits' and its own.
const CONNECTIONS_MAX: u32 = 100;

static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A loopback port nobody listens on and that this process has not given out.
///
/// # Errors
/// When the machine has none.
pub fn free_port() -> Result<SocketAddr> {
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("failed to find a free port")?;
        let address = listener.local_addr().context("failed to read a port")?;
        if TAKEN.lock().unwrap_or_else(PoisonError::into_inner).insert(address.port()) {
            return Ok(address);
        }
    }
}

/// Looks until `ready` is, or the child ends, or waiting has no point.
pub(super) async fn until_ready(child: &mut Child, mut ready: impl AsyncFnMut() -> bool) -> Result<()> {
    let started = Instant::now();
    loop {
        if ready().await {
            return Ok(());
        }
        child.check()?;
        if started.elapsed() > READY_WAIT {
            bail!("{} does not answer:\n{}", child.name(), child.output());
        }
        tokio::time::sleep(READY_LOOK).await;
    }
}

/// A database server.
pub struct Postgres {
    pub child: Child,
    address: SocketAddr,
}

impl Postgres {
    /// Starts one below `folder` with an empty database.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or does not start.
    pub async fn start(folder: &Path) -> Result<Self> {
        let folders = server_folders();
        let program = find_program("postgres", "postgresql", &folders)?;
        let initdb = find_program("initdb", "postgresql", &folders)?;
        let (folder, address, run_as) = (folder.join("postgres"), free_port()?, unprivileged()?);
        std::fs::create_dir_all(&folder).with_context(|| format!("failed to make {}", folder.display()))?;
        own(&folder, run_as)?;
        let data = folder.join("data");
        initialise(&initdb, &data, run_as)?;
        let settings = [
            format!("port={}", address.port()),
            "listen_addresses=127.0.0.1".to_owned(),
            format!("unix_socket_directories={}", folder.display()),
            format!("max_connections={CONNECTIONS_MAX}"),
            // A quarter of a small server's memory, and checkpoints by time rather than by volume, as any production guide says.
            "shared_buffers=512MB".to_owned(),
            "max_wal_size=4GB".to_owned(),
        ];
        let mut args = vec!["-D".to_owned(), data.display().to_string()];
        args.extend(settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]));
        let child = Child::start(Recipe { name: "postgres".to_owned(), program, args, folder, run_as })?;
        let mut started = Self { child, address };
        started.ready().await?;
        let mut admin = PgConnection::connect(&started.url("postgres")).await.context("failed to connect to PostgreSQL")?;
        sqlx::query(include_str!("../../sql/limit/create_database.sql")).execute(&mut admin).await.context("failed to make a database")?;
        admin.close().await.context("failed to close a connection")?;
        Ok(started)
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://{ROLE}@{}/{database}", self.address)
    }

    /// URL of the product's database.
    pub fn database(&self) -> String {
        self.url(DATABASE)
    }

    /// Waits until it takes connections.
    ///
    /// # Errors
    /// When it ends or does not answer.
    pub async fn ready(&mut self) -> Result<()> {
        let url = self.url("postgres");
        until_ready(&mut self.child, async || match PgConnection::connect(&url).await {
            Ok(connection) => connection.close().await.is_ok(),
            Err(_) => false,
        })
        .await
    }

    /// Starts it again after a kill. Its backends outlive the postmaster for a moment and hold its memory: until they are gone it refuses to start.
    ///
    /// # Errors
    /// When it does not start within the patience of a server.
    pub async fn revive(&mut self) -> Result<()> {
        let (started, url) = (Instant::now(), self.url("postgres"));
        loop {
            if self.child.has_ended()? {
                self.child.start_again()?;
            }
            if let Ok(connection) = PgConnection::connect(&url).await {
                return connection.close().await.context("failed to close a connection");
            }
            if started.elapsed() > READY_WAIT {
                bail!("postgres does not come back:\n{}", self.child.output());
            }
            tokio::time::sleep(READY_LOOK).await;
        }
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
        ensure!(output.status.success(), "root needs the user postgres, which the package postgresql makes");
        String::from_utf8_lossy(&output.stdout).trim().parse().context("failed to read the id of user postgres")
    };
    Ok(Some(RunAs { uid: id("-u")?, gid: id("-g")? }))
}

/// Gives a folder to that user; everybody may pass through to it.
fn own(folder: &Path, run_as: Option<RunAs>) -> Result<()> {
    let Some(RunAs { uid, gid }) = run_as else { return Ok(()) };
    let open = std::fs::Permissions::from_mode(0o755);
    for folder in [folder.parent().unwrap_or(folder), folder] {
        std::fs::set_permissions(folder, open.clone()).with_context(|| format!("failed to open {}", folder.display()))?;
    }
    chown(folder, Some(uid), Some(gid)).with_context(|| format!("failed to hand over {}", folder.display()))
}

fn initialise(initdb: &Path, data: &Path, run_as: Option<RunAs>) -> Result<()> {
    let data = data.display().to_string();
    let options = ["-D", &data, "-U", ROLE, "-A", "trust", "-E", "UTF8", "--no-locale"];
    let mut command = match run_as {
        None => Command::new(initdb),
        Some(run_as) => {
            let mut command = Command::new(find_program("setpriv", "util-linux", &[])?);
            command.args(as_user(run_as)).arg("--").arg(initdb);
            command
        }
    };
    let output = command.args(options).output().context("failed to run initdb")?;
    ensure!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// A broker that keeps nothing.
pub struct Mosquitto {
    pub child: Child,
    pub address: SocketAddr,
}

impl Mosquitto {
    /// Starts one in `{folder}/{name}` with the access rules that aisle writes for it.
    ///
    /// # Errors
    /// When mosquitto is not installed or does not start.
    pub async fn start(folder: &Path, name: &str, rules: &AccessRules) -> Result<Self> {
        let program = find_program("mosquitto", "mosquitto", &[PathBuf::from("/usr/sbin")])?;
        let (folder, address) = (folder.join(name), free_port()?);
        let config = mosquitto::write_files(&folder, address, rules).await.context("failed to write mosquitto's files")?;
        // As root it would become user `mosquitto`, who may not read our folder.
        let text = std::fs::read_to_string(&config).context("failed to read mosquitto's configuration")?;
        std::fs::write(&config, format!("{text}user root\n")).context("failed to write mosquitto's configuration")?;
        let args = vec!["-c".to_owned(), config.display().to_string()];
        let child = Child::start(Recipe { name: name.to_owned(), program, args, folder, run_as: None })?;
        let mut started = Self { child, address };
        started.ready().await?;
        Ok(started)
    }

    /// Waits until it takes connections.
    ///
    /// # Errors
    /// When it ends or does not answer.
    pub async fn ready(&mut self) -> Result<()> {
        let address = self.address;
        until_ready(&mut self.child, async || TcpStream::connect(address).await.is_ok()).await
    }
}

/// Shared state without any file.
pub struct Redis {
    pub child: Child,
    address: SocketAddr,
}

impl Redis {
    /// Starts one in `{folder}/redis`.
    ///
    /// # Errors
    /// When Redis is not installed or does not start.
    pub async fn start(folder: &Path) -> Result<Self> {
        let program = find_program("redis-server", "redis-server", &[])?;
        let (folder, address) = (folder.join("redis"), free_port()?);
        std::fs::create_dir_all(&folder).with_context(|| format!("failed to make {}", folder.display()))?;
        let (port, dir) = (address.port().to_string(), folder.display().to_string());
        let args = ["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", &dir];
        let args = args.map(ToOwned::to_owned).to_vec();
        let child = Child::start(Recipe { name: "redis".to_owned(), program, args, folder, run_as: None })?;
        let mut started = Self { child, address };
        started.ready().await?;
        Ok(started)
    }

    pub fn url(&self) -> String {
        format!("redis://{}/", self.address)
    }

    async fn ready(&mut self) -> Result<()> {
        let address = self.address;
        until_ready(&mut self.child, async || ask(address, b"PING\r\n").await.is_ok_and(|answer| answer.starts_with(b"+PONG"))).await
    }

    /// Forgets everything, as an operator may at any time.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn flush(&self) -> Result<()> {
        let answer = ask(self.address, b"FLUSHALL\r\n").await?;
        ensure!(answer.starts_with(b"+OK"), "redis answers {:?}", String::from_utf8_lossy(&answer));
        Ok(())
    }
}

/// One inline command; both answers that are read here are short.
async fn ask(address: SocketAddr, command: &[u8]) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await.context("failed to reach redis")?;
    stream.write_all(command).await.context("failed to write to redis")?;
    let mut answer = vec![0; 64];
    let length = stream.read(&mut answer).await.context("failed to read from redis")?;
    answer.truncate(length);
    Ok(answer)
}
