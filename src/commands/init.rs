//! `aisle init DIR`: draws every key and secret once and writes a working configuration of one cloud instance, one store node and mosquitto.
//!
//! Owns where the files go; what stands in them is the world's [`Deployment`]. Takes addresses. Emits files that only their owner may read and
//! prints how to start. On failure: names the file. A folder that holds a configuration already is left alone.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use aisle_cloud::Keys;
use aisle_mesh::broker::{AccessRules, Credential, Role, mosquitto};
use aisle_schemas::ids::InstanceId;
use aisle_sim::world::deployment::{Deployment, INSTANCE, StoreDeployment, random_hex};
use aisle_sim::world::{MARKETER, stores};
use anyhow::{Context, Result};
use clap::Args;
use rand::{Rng, RngCore};
use serde_json::{Value, json};

/// Where things run.
#[derive(Debug, Args)]
pub struct Init {
    /// Folder of the configuration; made if missing
    dir: PathBuf,
    /// Folder of databases
    #[arg(long, default_value = "state")]
    state: PathBuf,
    /// Host of the broker between store and cloud
    #[arg(long, default_value = "127.0.0.1")]
    broker_host: String,
    #[arg(long, default_value_t = 1883)]
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
        let Self { dir, state, broker_host, broker_port, database_url, redis_url, bind, public_url, node_url, staff } = self;
        let (cloud_file, node_file) = (dir.join("cloud.toml"), dir.join("node.toml"));
        if cloud_file.exists() || node_file.exists() {
            println!("{} holds a configuration already; nothing was changed", dir.display());
            return Ok(());
        }
        fs::create_dir_all(&dir).with_context(|| format!("failed to make {}", dir.display()))?;

        let mut rng = rand::rng();
        let (http, mqtt) = (SocketAddr::new(bind, 8090), SocketAddr::new(bind, 1884));
        let store = stores::stores(1).remove(0);
        let cloud_key = random_hex(32, &mut rng);
        let deployment = Deployment {
            folder: state,
            cloud_http: SocketAddr::new(bind, 8080),
            database_url,
            redis_url,
            broker: Some(SocketAddr::new(bind, broker_port)),
            cloud_public_key: Keys::from_hex(&cloud_key)?.public_hex(),
            cloud_key,
            cloud_secret: random_hex(16, &mut rng),
            integration_key: random_hex(16, &mut rng),
            // Until a mail server is set, sign-in codes are printed and shown at /demo/mail.
            demo: true,
            stores: vec![StoreDeployment::new(store, http, mqtt, &mut rng)],
        };
        let store = &deployment.stores[0];
        let broker = json!({ "host": broker_host, "port": broker_port });

        let mut cloud = deployment.cloud_config();
        merge(&mut cloud["broker"], &broker);
        merge(&mut cloud, &json!({ "public_url": public_url, "staff": [{ "email": staff, "roles": ["marketer", "agent", "operator"] }] }));
        merge(&mut cloud["stores"][0], &json!({ "node_url": node_url }));
        merge(&mut cloud["stores"][0]["profile"], &json!({ "shop_url": public_url }));
        write(&cloud_file, "cloud", &cloud)?;

        let mut node = deployment.node_config(store, SocketAddr::new(bind, broker_port));
        merge(&mut node["broker"], &broker);
        merge(&mut node, &json!({ "public_url": node_url }));
        write(&node_file, "node", &node)?;

        let rules = access(&deployment, store, &mut rng)?;
        let broker_file = mosquitto::write_files(&dir.join("mosquitto"), SocketAddr::new(bind, broker_port), &rules).await?;
        println!("broker  mosquitto -c {}", broker_file.display());
        println!("cloud   aisle cloud --config {}", cloud_file.display());
        println!("node    aisle node --config {}", node_file.display());
        Ok(())
    }
}

/// Who may use the broker between store and cloud.
fn access(deployment: &Deployment, store: &StoreDeployment, rng: &mut impl RngCore) -> Result<AccessRules> {
    let mut rules = AccessRules::new();
    let instance = InstanceId::parse(INSTANCE)?;
    rules.admit(Role::Cloud(instance), Credential::of(&deployment.cloud_secret.clone().into(), rng.random()));
    rules.admit(Role::Node(store.store.node()), Credential::of(&store.node_secret.clone().into(), rng.random()));
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
