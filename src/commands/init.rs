//! `aisle init DIR`: draws every key and secret once and writes a working configuration of one cloud instance and one store node.
//!
//! Owns the text of the first `cloud.toml` and `node.toml`, the cloud's key file and mosquitto's files. Takes addresses. Emits files that only
//! their owner may read; prints where. On failure: names the file. A folder that holds a configuration already is left alone.

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use aisle_cloud::keys::Keys;
use aisle_mesh::broker::{AccessRules, Credential, Role, mosquitto, secret_from_random};
use aisle_schemas::{
    ids::InstanceId,
    topic::DeviceKind,
};
use aisle_sim::world::{
    self,
    stores::{self, Store},
};
use anyhow::{Context, bail};
use clap::Args;
use rand::Rng;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

/// Where things run.
#[derive(Debug, Args)]
pub struct Init {
    /// Folder of the configuration; made if missing
    dir: PathBuf,
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
    /// Folder of databases
    #[arg(long, default_value = "state")]
    state: PathBuf,
    /// Address on which cloud and node listen
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    bind: IpAddr,
    /// How customers and staff reach the cloud
    #[arg(long, default_value = "http://localhost:8080")]
    public_url: String,
    /// How phones in the store reach the node
    #[arg(long, default_value = "http://localhost:8090")]
    node_url: String,
    /// E-mail address of the first member of staff, who gets all roles
    #[arg(long, default_value = world::MARKETER)]
    staff: String,
}

/// Draws a secret of 128 bits.
fn secret() -> String {
    secret_from_random(rand::rng().random()).expose_secret().to_owned()
}

/// Writes a file that only its owner may read.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let failed = || format!("failed to write {}", path.display());
    fs::write(path, text).with_context(failed)?;
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).with_context(failed)?;
    Ok(())
}

/// A JSON tree without its nulls, which TOML cannot say, as TOML.
fn to_toml(value: &Value) -> anyhow::Result<String> {
    fn prune(value: &Value) -> Value {
        match value {
            Value::Object(members) => members.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), prune(v))).collect(),
            Value::Array(items) => items.iter().map(prune).collect(),
            other => other.clone(),
        }
    }
    toml::to_string_pretty(&prune(value)).context("failed to print TOML")
}

impl Init {
    /// Runs the command.
    pub async fn run(self) -> anyhow::Result<()> {
        let Self { dir, broker_host, broker_port, database_url, redis_url, state, bind, public_url, node_url, staff } = self;
        fs::create_dir_all(&dir).with_context(|| format!("failed to make {}", dir.display()))?;
        let (cloud_file, node_file) = (dir.join("cloud.toml"), dir.join("node.toml"));
        if cloud_file.exists() || node_file.exists() {
            println!("{} holds a configuration already; nothing was changed", dir.display());
            return Ok(());
        }
        let key_file = dir.join("cloud.key");
        let keys = Keys::from_file(&key_file).context("failed to make the cloud's key")?;
        let store: Store = stores::stores(1).into_iter().next().context("the world has a store")?;
        let (cloud_secret, node_secret, store_key) = (secret(), secret(), hex::encode(rand::rng().random::<[u8; 32]>()));
        let database_url = database_url.unwrap_or_else(|| format!("sqlite:{}", state.join("cloud.db").display()));

        let cloud = json!({
            "instance": "c1",
            "http_addr": SocketAddr::new(bind, 8080).to_string(),
            "public_url": public_url,
            "database_url": database_url,
            "redis_url": redis_url,
            "signing_key_file": key_file.display().to_string(),
            // Until a mail server is set: sign-in codes go to the log.
            "demo": true,
            "broker": { "host": broker_host, "port": broker_port, "secret": cloud_secret },
            "staff": [{ "email": staff, "roles": ["marketer", "agent", "operator"] }],
            "integration_keys": [{ "name": "till", "key": secret() }],
            "stores": [{
                "tenant": world::TENANT, "store": store.id, "node": world::NODE, "node_secret": node_secret, "store_key": store_key,
                "node_url": node_url, "profile": store.profile(&public_url), "screens": stores::screens(), "displays": stores::displays(),
            }],
        });
        let kinds = [DeviceKind::Screen, DeviceKind::Nfc, DeviceKind::Door, DeviceKind::Sensor];
        let devices: Vec<Value> = kinds
            .into_iter()
            .flat_map(|kind| stores::devices(kind).map(move |device| json!({ "kind": kind, "id": device.id, "secret": secret() })))
            .collect();
        let node = json!({
            "tenant": world::TENANT, "store": store.id, "node": world::NODE,
            "data_dir": state.join("node").display().to_string(),
            "http_addr": SocketAddr::new(bind, 8090).to_string(),
            "mqtt_addr": SocketAddr::new(bind, 1884).to_string(),
            "public_url": node_url,
            "store_key": store_key,
            "cloud_public_key": keys.public_hex(),
            "broker": { "host": broker_host, "port": broker_port, "secret": node_secret },
            "devices": devices,
        });
        write(&cloud_file, &format!("# Written by `aisle init`. Every key is explained in cloud.default.toml.\n{}", to_toml(&cloud)?))?;
        write(&node_file, &format!("# Written by `aisle init`. Every key is explained in node.default.toml.\n{}", to_toml(&node)?))?;

        let mut rules = AccessRules::new();
        let instance = InstanceId::parse("c1").context("a literal instance")?;
        rules.admit(Role::Cloud(instance), Credential::of(&cloud_secret.into(), rand::rng().random()));
        rules.admit(Role::Node(store.node()), Credential::of(&node_secret.into(), rand::rng().random()));
        let broker = mosquitto::write_files(&dir.join("mosquitto"), SocketAddr::new(bind, broker_port), &rules).await?;
        if !broker.exists() {
            bail!("failed to write {}", broker.display());
        }
        println!("cloud   aisle cloud --config {}", cloud_file.display());
        println!("node    aisle node --config {}", node_file.display());
        println!("broker  mosquitto -c {}", broker.display());
        Ok(())
    }
}
