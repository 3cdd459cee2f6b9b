//! `aisle init DIR`: draws every key and secret once and writes a working configuration of one cloud instance, one store node and mosquitto.
//!
//! Owns where the files go; what stands in them is the world's [`Deployment`]. Takes addresses. Emits files that only their owner may read and
//! prints how to start. Every link between node and cloud has a certificate at both ends (AS-105): the authority is made here, and the node is
//! enrolled in the cloud's database, which therefore must answer. On failure: names the file; what is missing is made by the next call. A
//! folder that holds a configuration already is left alone.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use aisle_cloud::enrol::office::write_list;
use aisle_cloud::enrol::{AUTHORITY_FILE, REVOKED_FILE, authority};
use aisle_cloud::{CloudConfig, Keys};
use aisle_mesh::broker::mosquitto;
use aisle_mesh::broker::{AccessRules, Listener, Role, TlsFiles};
use aisle_mesh::clock::{Clock, SystemClock};
use aisle_node::identity::EnrolClient;
use aisle_schemas::ids::InstanceId;
use aisle_sim::world::deployment::{Deployment, INSTANCE, StoreDeployment, random_hex};
use aisle_sim::world::{MARKETER, stores};
use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::{Value, json};

use super::enrol::{enrol_here, make_authority, make_instance, make_server};

/// Folder of mosquitto's files below that of the configuration.
const BROKER_FOLDER: &str = "mosquitto";
/// Folder of the instance's certificate.
const CLOUD_FOLDER: &str = "cloud";

/// Where things run.
#[derive(Debug, Args)]
pub struct Init {
    /// Folder of the configuration; made if missing
    dir: PathBuf,
    /// Folder of databases and of the node's identity
    #[arg(long, default_value = "state")]
    state: PathBuf,
    /// Folder of the authority that all certificates come from; `ca` beside the configuration if not given
    #[arg(long)]
    ca: Option<PathBuf>,
    /// Host of the broker between store and cloud
    #[arg(long, default_value = "127.0.0.1")]
    broker_host: String,
    #[arg(long, default_value_t = 8883)]
    broker_port: u16,
    /// sqlite:PATH or postgres://…; a SQLite file in the state folder if not given
    #[arg(long)]
    database_url: Option<String>,
    /// redis://…; in memory if not given
    #[arg(long)]
    redis_url: Option<String>,
    /// Address on which cloud, node and broker listen
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    bind: IpAddr,
    /// How customers and staff reach the cloud
    #[arg(long, default_value = "http://localhost:8080")]
    public_url: String,
    /// How phones in the store reach the node
    #[arg(long, default_value = "http://localhost:8090")]
    node_url: String,
    /// Where the node renews its certificate, https://…; the cloud's public address if not given
    #[arg(long)]
    renew_at: Option<String>,
    /// E-mail address of the first member of staff, who gets all roles
    #[arg(long, default_value = MARKETER)]
    staff: String,
}

impl Init {
    /// Runs the command.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub async fn run(self) -> Result<()> {
        let Self { dir, state, ca, broker_host, broker_port, database_url, redis_url, bind, public_url, node_url, renew_at, staff } = self;
        let made = |folder: PathBuf| {
            let failed = || format!("failed to make {}", folder.display());
            fs::create_dir_all(&folder).with_context(failed)?;
            // Programs are started from anywhere.
            folder.canonicalize().with_context(failed)
        };
        let (dir, state) = (made(dir)?, made(state)?);
        let (cloud_file, node_file) = (dir.join("cloud.toml"), dir.join("node.toml"));
        // The last file that is written: whoever sees it sees the others.
        if cloud_file.exists() {
            println!("{} holds a configuration already; nothing was changed", dir.display());
            return Ok(());
        }
        let broker_folder = dir.join(BROKER_FOLDER);
        let pki = Pki { ca: ca.unwrap_or_else(|| dir.join("ca")), broker: broker_folder.clone(), cloud: dir.join(CLOUD_FOLDER) };
        let now = SystemClock::new().now();
        pki.make(&broker_host, now)?;

        let mut rng = rand::rng();
        let (http, mqtt) = (SocketAddr::new(bind, 8090), SocketAddr::new(bind, 1884));
        let broker_address = SocketAddr::new(bind, broker_port);
        let store = stores::stores(1).remove(0);
        let cloud_key = random_hex(32, &mut rng);
        let deployment = Deployment {
            folder: state.clone(),
            cloud_http: SocketAddr::new(bind, 8080),
            database_url,
            redis_url,
            broker: Some(broker_address),
            cloud_public_key: Keys::from_hex(&cloud_key)?.public_hex(),
            cloud_key,
            cloud_secret: String::new(),
            integration_key: random_hex(16, &mut rng),
            // Until a mail server is set, sign-in codes are printed and shown at /demo/mail.
            demo: true,
            stores: vec![StoreDeployment::new(store, http, mqtt, &mut rng)],
        };
        let store = &deployment.stores[0];

        let mut cloud = deployment.cloud_config();
        cloud["broker"] = json!({ "host": broker_host, "port": broker_port, "tls": pki.cloud_tls() });
        cloud["enrolment"] = json!({ "authority": pki.ca, "revoked": pki.broker.join(REVOKED_FILE) });
        merge(&mut cloud, &json!({ "public_url": public_url, "staff": [{ "email": staff, "roles": ["marketer", "agent", "operator"] }] }));
        merge(&mut cloud["stores"][0], &json!({ "node_url": node_url, "node_secret": null }));
        merge(&mut cloud["stores"][0]["profile"], &json!({ "shop_url": public_url }));
        let cloud = without_nulls(cloud);

        let identity = state.join("identity");
        let renew_at = renewal_address(renew_at, &public_url)?;
        let mut node = deployment.node_config(store, broker_address);
        let tls = json!({ "folder": identity, "renew_at": renew_at });
        merge(&mut node, &json!({ "public_url": node_url, "broker": { "host": broker_host, "port": broker_port, "tls": tls } }));
        // Content comes from where certificates are renewed.
        merge(&mut node, &json!({ "content": null }));

        let rules = access(store)?;
        let broker_file = mosquitto::write_files_for(&broker_folder, broker_address, &rules, &pki.listener()).await?;
        let config: CloudConfig = serde_json::from_value(cloud.clone()).context("failed to configure the cloud")?;
        enrol_here(&config, &store.store.id, identity, now).await?;
        write(&node_file, "node", &node)?;
        write(&cloud_file, "cloud", &cloud)?;
        if renew_at.is_none() {
            println!("The node's certificate ends in 90 days: set broker.tls.renew_at of node.toml to an https address of the cloud.");
        }
        println!("broker  mosquitto -c {}", broker_file.display());
        println!("cloud   aisle cloud --config {}", cloud_file.display());
        println!("node    aisle node --config {}", node_file.display());
        Ok(())
    }
}

/// Where the node's certificate is renewed; nowhere when the cloud is reached in the clear, which a renewal does not travel in.
fn renewal_address(asked: Option<String>, public_url: &str) -> Result<Option<String>> {
    match asked {
        Some(address) => EnrolClient::new(&address, None).map(|_| Some(address)).context("--renew-at"),
        None => Ok(EnrolClient::new(public_url, None).is_ok().then(|| public_url.to_owned())),
    }
}

/// Where keys and certificates are.
struct Pki {
    ca: PathBuf,
    broker: PathBuf,
    cloud: PathBuf,
}

impl Pki {
    /// Makes what is not there yet: a key that stands is never written over.
    fn make(&self, broker_host: &str, now: DateTime<Utc>) -> Result<()> {
        let Self { ca, broker, cloud } = self;
        if !ca.join(AUTHORITY_FILE).exists() {
            make_authority(ca, now)?;
        }
        if !broker.join(AUTHORITY_FILE).exists() {
            // Also for who looks from this machine.
            let hosts = [broker_host.to_owned(), "localhost".to_owned(), "127.0.0.1".to_owned()];
            make_server(ca, &hosts, broker, now)?;
        }
        let list = broker.join(REVOKED_FILE);
        if !list.exists() {
            write_list(&authority(ca)?, &list, &[], now)?;
        }
        if !cloud.join(AUTHORITY_FILE).exists() {
            make_instance(ca, InstanceId::parse(INSTANCE)?, cloud, now)?;
        }
        Ok(())
    }

    fn cloud_tls(&self) -> Value {
        let Self { ca: _, broker: _, cloud } = self;
        json!({ "ca": cloud.join(AUTHORITY_FILE), "cert": cloud.join("cloud.pem"), "key": cloud.join("cloud.key.pem") })
    }

    fn listener(&self) -> Listener {
        let Self { ca: _, broker, cloud: _ } = self;
        Listener::Tls(TlsFiles {
            authority: broker.join(AUTHORITY_FILE),
            certificate: broker.join("broker.pem"),
            key: broker.join("broker.key.pem"),
            revoked: Some(broker.join(REVOKED_FILE)),
        })
    }
}

/// Who may use the broker between store and cloud.
fn access(store: &StoreDeployment) -> Result<AccessRules> {
    let mut rules = AccessRules::new();
    rules.admit_certified(Role::Cloud(InstanceId::parse(INSTANCE)?));
    rules.admit_certified(Role::Node(store.store.node()));
    Ok(rules)
}

/// Sets the members of `with` in `into`.
fn merge(into: &mut Value, with: &Value) {
    if let (Value::Object(into), Value::Object(with)) = (into, with) {
        into.extend(with.clone());
    }
}

/// TOML cannot say null: what is null is left out.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => members.into_iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k, without_nulls(v))).collect(),
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

/// Writes a role's configuration into a file that only its owner may read.
fn write(path: &Path, role: &str, config: &Value) -> Result<()> {
    let failed = || format!("failed to write {}", path.display());
    let body = toml::to_string_pretty(&without_nulls(config.clone())).with_context(failed)?;
    fs::write(path, format!("# Written by `aisle init`. Every key is explained in {role}.default.toml.\n{body}")).with_context(failed)?;
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).with_context(failed)
}
