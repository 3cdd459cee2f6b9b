//! `aisle enrol …`: the authority, certificates of brokers and instances, claims, boxes, revocation.
//!
//! Owns the files that it writes: keys are readable by their owner alone and never written over. Takes folders, a cloud's configuration, a
//! claim. Emits a report in words or, with `--json`, as one object. On failure: names the file or the cloud's own reason.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use aisle_cloud::CloudConfig;
use aisle_cloud::enrol::office::{MadeClaim, Office, write_list};
use aisle_cloud::enrol::{AUTHORITY_FILE, AUTHORITY_KEY_FILE, REVOKED_FILE, authority};
use aisle_mesh::clock::{Clock, SystemClock};
use aisle_mesh::config::{Sources, load};
use aisle_mesh::tls::{Authority, Identity, PrivateKey, SigningRequest};
use aisle_node::identity::{EnrolClient, IdentityFolder, accept, enrol, prepare};
use aisle_schemas::http::cloud::Claim;
use aisle_schemas::ids::{InstanceId, NodeId, NodeName, StoreId};
use anyhow::{Context, Result};
use chrono::{DateTime, TimeDelta, Utc};
use clap::{Args, Subcommand};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::json;

use super::output::report;

/// Identities of boxes, instances and brokers.
#[derive(Debug, Args)]
pub struct Enrol {
    #[command(subcommand)]
    command: Command,
    /// One JSON object instead of words
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the authority that all certificates come from
    Ca {
        /// Folder for its key and certificate; keep it from everybody
        dir: PathBuf,
    },
    /// Make the certificate of a broker
    Server {
        #[arg(long)]
        ca: PathBuf,
        /// Name or address under which clients reach it; may be repeated
        #[arg(long, required = true)]
        host: Vec<String>,
        /// Folder for key and certificate
        dir: PathBuf,
    },
    /// Make the certificate of a cloud instance
    Cloud {
        #[arg(long)]
        ca: PathBuf,
        #[arg(long)]
        instance: InstanceId,
        /// Folder for key and certificate
        dir: PathBuf,
    },
    /// Make the certificate of a box that is none: for `aisle broker-check` and `aisle tck`
    Test {
        #[arg(long)]
        ca: PathBuf,
        /// tenant.store.node; a store that no cloud serves
        #[arg(long)]
        node: NodeId,
        /// Folder for key and certificate
        dir: PathBuf,
    },
    /// Let one box become a node of a store, once
    Claim {
        /// Configuration of the cloud
        #[arg(long)]
        config: PathBuf,
        #[arg(long)]
        store: StoreId,
        /// Name of the box within the store; the one in the configuration if not given
        #[arg(long)]
        node: Option<NodeName>,
        /// Hours until it runs out
        #[arg(long, default_value_t = 24)]
        hours: u16,
    },
    /// Let a new box take the place of a dead one, which is shut out as soon as the new one is there
    Replace {
        /// Configuration of the cloud
        #[arg(long)]
        config: PathBuf,
        #[arg(long)]
        store: StoreId,
        /// Name of the dead box
        #[arg(long)]
        node: NodeName,
        /// Name of the new box
        #[arg(long)]
        by: NodeName,
        /// Hours until it runs out
        #[arg(long, default_value_t = 24)]
        hours: u16,
    },
    /// On the box: make a key and get its certificate
    Node {
        /// As `aisle enrol claim` printed it
        #[arg(long)]
        claim: String,
        /// Address of the cloud, https://…
        #[arg(long)]
        cloud: String,
        /// Authority of that address, a PEM file; those of the machine if not given
        #[arg(long)]
        cloud_ca: Option<PathBuf>,
        /// Folder for key and certificate
        dir: PathBuf,
    },
    /// Where cloud and box stand side by side: make the box's key, claim and certificate in one step
    Here {
        /// Configuration of the cloud
        #[arg(long)]
        config: PathBuf,
        #[arg(long)]
        store: StoreId,
        /// Folder for key and certificate
        dir: PathBuf,
    },
    /// Shut a node out: its data stops at once, its certificates are void
    Revoke {
        /// Configuration of the cloud
        #[arg(long)]
        config: PathBuf,
        /// tenant.store.node
        node: NodeId,
    },
    /// List certificates
    List {
        /// Configuration of the cloud
        #[arg(long)]
        config: PathBuf,
    },
}

impl Enrol {
    /// Runs the command.
    ///
    /// # Errors
    /// When a file, the database or the cloud refuses.
    pub async fn run(self) -> Result<()> {
        let Self { command, json } = self;
        let now = SystemClock::new().now();
        match command {
            Command::Ca { dir } => report(&make_authority(&dir, now)?, json),
            Command::Server { ca, host, dir } => report(&make_server(&ca, &host, &dir, now)?, json),
            Command::Cloud { ca, instance, dir } => report(&make_instance(&ca, instance, &dir, now)?, json),
            Command::Test { ca, node, dir } => report(&make_client(&ca, &Identity::Node(node), "node", &dir, now)?, json),
            Command::Claim { config, store, node, hours } => report(&claim(config, &store, node, None, hours, now).await?, json),
            Command::Replace { config, store, node, by, hours } => {
                report(&claim(config, &store, Some(by), Some(node), hours, now).await?, json)
            }
            Command::Node { claim, cloud, cloud_ca, dir } => report(&become_node(&claim, &cloud, cloud_ca, dir).await?, json),
            Command::Here { config, store, dir } => report(&enrol_here(&read(config)?, &store, dir, now).await?, json),
            Command::Revoke { config, node } => report(&revoke(config, node, now).await?, json),
            Command::List { config } => report(&list(config).await?, json),
        }
    }
}

/// Files that were written.
#[derive(Debug, Serialize)]
pub(super) struct Files {
    files: Vec<PathBuf>,
}

impl fmt::Display for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.files.iter().map(|file| file.display().to_string()).collect();
        f.write_str(&names.join("\n"))
    }
}

/// Writes a file that is not there yet; a key that was replaced by accident is gone.
fn put(file: &Path, text: &str, mode: u32) -> Result<()> {
    let failed = || format!("failed to write {}", file.display());
    let mut open = OpenOptions::new().write(true).create_new(true).mode(mode).open(file).with_context(failed)?;
    open.write_all(text.as_bytes()).and_then(|()| open.sync_all()).with_context(failed)
}

const SECRET: u32 = 0o600;
const PUBLIC: u32 = 0o644;

pub(super) fn make_authority(dir: &Path, now: DateTime<Utc>) -> Result<Files> {
    let failed = || format!("failed to make {}", dir.display());
    fs::create_dir_all(dir).with_context(failed)?;
    fs::set_permissions(dir, std::os::unix::fs::PermissionsExt::from_mode(0o700)).with_context(failed)?;
    let key = PrivateKey::generate()?;
    let certificate = Authority::create(&key, now, rand::random())?;
    let (key_file, file) = (dir.join(AUTHORITY_KEY_FILE), dir.join(AUTHORITY_FILE));
    put(&key_file, key.to_pem().expose_secret(), SECRET)?;
    put(&file, &certificate, PUBLIC)?;
    // Brokers that read a list refuse to start without one.
    let list = dir.join(REVOKED_FILE);
    write_list(&authority(dir)?, &list, &[], now)?;
    Ok(Files { files: vec![key_file, file, list] })
}

/// Writes a key with its certificate, and the authority's beside them.
fn put_pair(dir: &Path, name: &str, key: &PrivateKey, certificate: &str, authority: &str) -> Result<Files> {
    fs::create_dir_all(dir).with_context(|| format!("failed to make {}", dir.display()))?;
    let (key_file, file) = (dir.join(format!("{name}.key.pem")), dir.join(format!("{name}.pem")));
    put(&key_file, key.to_pem().expose_secret(), SECRET)?;
    put(&file, certificate, PUBLIC)?;
    let trusted = dir.join(AUTHORITY_FILE);
    if !trusted.exists() {
        put(&trusted, authority, PUBLIC)?;
    }
    Ok(Files { files: vec![key_file, file, trusted] })
}

pub(super) fn make_server(ca: &Path, hosts: &[String], dir: &Path, now: DateTime<Utc>) -> Result<Files> {
    let authority = authority(ca)?;
    let key = PrivateKey::generate()?;
    // The name in a request counts for nothing; any will do.
    let request = key.request(&Identity::parse("cloud.broker")?)?;
    let certificate = authority.certify_server(hosts, &SigningRequest::from_pem(&request)?, now, rand::random())?;
    put_pair(dir, "broker", &key, &certificate, authority.certificate())
}

pub(super) fn make_instance(ca: &Path, instance: InstanceId, dir: &Path, now: DateTime<Utc>) -> Result<Files> {
    make_client(ca, &Identity::Cloud(instance), "cloud", dir, now)
}

fn make_client(ca: &Path, identity: &Identity, name: &str, dir: &Path, now: DateTime<Utc>) -> Result<Files> {
    let authority = authority(ca)?;
    let key = PrivateKey::generate()?;
    let request = SigningRequest::from_pem(&key.request(identity)?)?;
    let certificate = authority.certify(identity, &request, now, rand::random())?;
    put_pair(dir, name, &key, &certificate, authority.certificate())
}

fn read(config: PathBuf) -> Result<CloudConfig> {
    Ok(load(&Sources { role: "cloud", file: Some(config) }, &json!({}))?)
}

async fn open(config: &CloudConfig) -> Result<Office> {
    Office::open(config).await.context("failed to open the cloud's enrolments")
}

async fn office(config: PathBuf) -> Result<Office> {
    open(&read(config)?).await
}

#[derive(Debug, Serialize)]
struct Claimed {
    node: NodeId,
    claim: String,
    expires_at: DateTime<Utc>,
}

impl fmt::Display for Claimed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\ngood once, until {}, for {}", self.claim, self.expires_at, self.node)
    }
}

async fn claim(
    config: PathBuf,
    store: &StoreId,
    node: Option<NodeName>,
    replaces: Option<NodeName>,
    hours: u16,
    now: DateTime<Utc>,
) -> Result<Claimed> {
    let office = office(config).await?;
    let made = office.claim(store, node, replaces, TimeDelta::hours(i64::from(hours)), now).await;
    office.close().await;
    let MadeClaim { claim, expires_at } = made?;
    Ok(Claimed { claim: claim.to_string(), node: claim.node, expires_at })
}

#[derive(Debug, Serialize)]
pub(super) struct Became {
    node: NodeId,
    folder: PathBuf,
    not_after: DateTime<Utc>,
}

impl fmt::Display for Became {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this box is {}; its certificate in {} is good until {}", self.node, self.folder.display(), self.not_after)
    }
}

async fn become_node(claim: &str, cloud: &str, cloud_ca: Option<PathBuf>, dir: PathBuf) -> Result<Became> {
    let claim: Claim = claim.parse().context("--claim")?;
    let ca = cloud_ca.map(|file| fs::read_to_string(&file).with_context(|| format!("failed to read {}", file.display()))).transpose()?;
    let client = EnrolClient::new(cloud, ca.as_deref()).context("--cloud")?;
    let folder = IdentityFolder::new(dir);
    let node = enrol(&folder, &client, &claim).await.context("this box did not become a node")?;
    let not_after = folder.read()?.certificate.validity.not_after;
    Ok(Became { node, folder: folder.path().to_owned(), not_after })
}

/// A claim is made and used within one process.
const HERE_LIFE: TimeDelta = TimeDelta::hours(1);

/// Makes the node that a configuration names for a store, beside the authority.
pub(super) async fn enrol_here(config: &CloudConfig, store: &StoreId, dir: PathBuf, now: DateTime<Utc>) -> Result<Became> {
    let folder = IdentityFolder::new(dir);
    let office = open(config).await?;
    let became = async {
        let MadeClaim { claim, expires_at: _ } = office.claim(store, None, None, HERE_LIFE, now).await?;
        let (key, asked) = prepare(&folder, &claim)?;
        let enrolled = office.redeem(&asked, now).await?;
        let node = accept(&folder, &claim, &key, &enrolled)?;
        anyhow::Ok(Became { node, folder: folder.path().to_owned(), not_after: enrolled.not_after })
    };
    let became = became.await.context("this box did not become a node");
    office.close().await;
    became
}

#[derive(Debug, Serialize)]
struct ShutOut {
    node: NodeId,
    certificates: u64,
    list: PathBuf,
}

impl fmt::Display for ShutOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, certificates, list } = self;
        let list = list.display();
        write!(f, "{node} is shut out, {certificates} certificates are void; restart brokers outside, so that they read {list} again")
    }
}

async fn revoke(config: PathBuf, node: NodeId, now: DateTime<Utc>) -> Result<ShutOut> {
    let office = office(config).await?;
    let revoked = office.revoke(node.clone(), now).await;
    let list = office.list().to_owned();
    office.close().await;
    Ok(ShutOut { node, certificates: revoked?, list })
}

#[derive(Debug, Serialize)]
struct Listed {
    certificates: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    node: NodeId,
    enrolled: bool,
    active: bool,
    not_after: DateTime<Utc>,
    revoked_at: Option<DateTime<Utc>>,
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, Line { node, enrolled, active, not_after, revoked_at }) in self.certificates.iter().enumerate() {
            let state = match (revoked_at, enrolled, active) {
                (Some(at), _, _) => format!("revoked {at}"),
                (None, false, _) => "not enrolled".to_owned(),
                (None, true, true) => "active".to_owned(),
                (None, true, false) => "not active".to_owned(),
            };
            let separator = if place == 0 { "" } else { "\n" };
            write!(f, "{separator}{node}  until {not_after}  {state}")?;
        }
        Ok(())
    }
}

async fn list(config: PathBuf) -> Result<Listed> {
    let office = office(config).await?;
    let rows = office.certificates().await;
    office.close().await;
    let line = |row: aisle_cloud::enrol::office::CertificateRow| {
        let aisle_cloud::enrol::office::CertificateRow { node, enrolled, active, not_after, revoked_at } = row;
        Line { node, enrolled, active, not_after, revoked_at }
    };
    Ok(Listed { certificates: rows?.into_iter().map(line).collect() })
}
