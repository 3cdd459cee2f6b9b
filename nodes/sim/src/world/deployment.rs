//! Where the demo world runs: addresses, secrets and files of one cloud and its stores, as the configuration files of both roles say it.
//!
//! Owns the text of those configurations, so that a demo in one process, a test and a set of real processes are configured alike. Knows the
//! roles by their configuration files only. Randomness is an argument.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use aisle_schemas::ids::{DeviceId, ScreenId};
use aisle_schemas::nfc::NfcProgramme;
use aisle_schemas::screen::ScreenProgramme;
use aisle_schemas::store::{DevicePlan, StoreProfile};
use aisle_schemas::topic::DeviceKind;
use rand::RngCore;
use serde_json::{Value, json};

use super::stores::{self, DEVICES, Store};
use super::{AGENT, MARKETER, NODE, OPERATOR, TENANT};
use crate::run::StoreTarget;

/// Name of the one cloud instance.
pub const INSTANCE: &str = "eu1-a";

/// A member of the demo's staff.
#[derive(Debug, Clone, Copy)]
pub struct StaffOfDemo {
    pub number: &'static str,
    pub first_name: &'static str,
    pub badge: &'static str,
    pub pin: &'static str,
    badge_sha256: &'static str,
    pin_hash: &'static str,
}

/// Who may use tablets. A demo tells its PINs; a real roster holds hashes alone.
pub const STAFF: [StaffOfDemo; 2] = [
    StaffOfDemo {
        number: "1042",
        first_name: "Mia",
        badge: "B-1042",
        pin: "493817",
        badge_sha256: "60fe24cfa06e9d7d8c614bc62f95243da57328fd9b939003fdaf4fd83bacdb73",
        pin_hash: "pbkdf2-sha256$100000$11111111111111111111111111111111$09ce6017f03fb1a5b23ed495977a3b6bdc7120202b23ce894409c230ec00a4f4",
    },
    StaffOfDemo {
        number: "1043",
        first_name: "Jonas",
        badge: "B-1043",
        pin: "271828",
        badge_sha256: "2f6e39c9191123cf256510db5cb8d5c1bdf99e1974d0e4f6b07a9ec2d0bee07d",
        pin_hash: "pbkdf2-sha256$100000$22222222222222222222222222222222$a737c420eaebd604e8ee8da0d2461d2d6e4ae905497580833ce9796cc2195faf",
    },
];

/// The tablet of each store. It hangs nowhere, so no plan shows it.
const TABLET: &str = "tablet-1";

/// One cloud and its stores.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// Folder of all databases.
    pub folder: PathBuf,
    pub cloud_http: SocketAddr,
    /// `sqlite:PATH` or `postgres://…`; a SQLite file in `folder` if not given.
    pub database_url: Option<String>,
    /// In memory if not given.
    pub redis_url: Option<String>,
    /// Broker between stores and cloud; embedded in the cloud's process if not given.
    pub broker: Option<SocketAddr>,
    /// Root of the cloud's secrets, 32 bytes in hex.
    pub cloud_key: String,
    /// Public half of it, as nodes know it.
    pub cloud_public_key: String,
    pub cloud_secret: String,
    pub integration_key: String,
    /// Shows mails and demo pages.
    pub demo: bool,
    pub stores: Vec<StoreDeployment>,
}

/// One store.
#[derive(Debug, Clone)]
pub struct StoreDeployment {
    pub store: Store,
    pub screens: Vec<ScreenProgramme>,
    pub displays: Vec<NfcProgramme>,
    /// Secrets of the devices that may sign in.
    pub devices: BTreeMap<(DeviceKind, String), String>,
    pub http: SocketAddr,
    pub mqtt: SocketAddr,
    pub node_secret: String,
    pub store_key: String,
}

/// `bytes` random bytes in hex.
pub fn random_hex(bytes: usize, rng: &mut dyn RngCore) -> String {
    let mut drawn = vec![0; bytes];
    rng.fill_bytes(&mut drawn);
    drawn.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl StoreDeployment {
    /// A store of the demo with fresh secrets.
    pub fn new(store: Store, http: SocketAddr, mqtt: SocketAddr, rng: &mut dyn RngCore) -> Self {
        Self {
            store,
            screens: stores::screens(),
            displays: stores::displays(),
            devices: DEVICES
                .iter()
                .map(|device| (device.kind, device.id))
                .chain([(DeviceKind::Tablet, TABLET)])
                .map(|(kind, id)| ((kind, id.to_owned()), random_hex(16, rng)))
                .collect(),
            http,
            mqtt,
            node_secret: random_hex(16, rng),
            store_key: random_hex(32, rng),
        }
    }

    /// Adds a screen like the first one, in the same zone.
    ///
    /// # Panics
    /// When the id is not one: callers give literals.
    pub fn add_screen(&mut self, id: &str, rng: &mut dyn RngCore) {
        let Some(first) = self.screens.first() else { return };
        let screen = ScreenId::parse(id).expect("callers give literals");
        self.screens.push(ScreenProgramme { screen, ..first.clone() });
        self.devices.insert((DeviceKind::Screen, id.to_owned()), random_hex(16, rng));
    }

    /// Plan of the store with every device that it has.
    fn profile(&self, shop_url: &str) -> StoreProfile {
        let mut profile = self.store.profile(shop_url);
        for programme in &self.screens {
            let Ok(id) = DeviceId::parse(programme.screen.as_str()) else { continue };
            if !profile.devices.iter().any(|device| device.id == id) {
                let (name, zone) = (programme.name.clone(), programme.zone.clone());
                profile.devices.push(DevicePlan { kind: DeviceKind::Screen, id, name, zone, x: 2.0, y: 20.0 });
            }
        }
        profile
    }

    /// The store as shoppers and devices reach it, once it runs.
    pub fn target(&self) -> StoreTarget {
        let secrets = self.devices.iter().map(|((kind, id), secret)| (format!("{}.{id}", kind.as_str()), secret.clone())).collect();
        StoreTarget { id: self.store.id.clone(), http: self.url(), mqtt: self.mqtt, secrets }
    }

    /// Base URL of the node.
    pub fn url(&self) -> String {
        format!("http://{}", self.http)
    }

    /// Folder of the node's journal.
    pub fn folder(&self, deployment: &Deployment) -> PathBuf {
        deployment.folder.join(self.store.id.as_str())
    }
}

impl Deployment {
    /// Base URL of the cloud.
    pub fn url(&self) -> String {
        format!("http://{}", self.cloud_http)
    }

    /// URL of the cloud's database.
    pub fn database_url(&self) -> String {
        let file = || format!("sqlite:{}", self.folder.join("cloud.db").display());
        self.database_url.clone().unwrap_or_else(file)
    }

    /// Configuration of the cloud.
    pub fn cloud_config(&self) -> Value {
        let staff = |email, role| json!({ "email": email, "roles": [role] });
        let url = self.url();
        let stores: Vec<_> = self
            .stores
            .iter()
            .map(|store| {
                json!({
                    "tenant": TENANT, "store": store.store.id, "node": NODE,
                    "node_secret": store.node_secret, "store_key": store.store_key, "node_url": store.url(),
                    "profile": store.profile(&url), "screens": store.screens, "displays": store.displays,
                })
            })
            .collect();
        let mut config = json!({
            "instance": INSTANCE,
            "http_addr": self.cloud_http,
            "public_url": url,
            "database_url": self.database_url(),
            "signing_key": self.cloud_key,
            "demo": self.demo,
            "broker": {
                "host": self.broker.map_or_else(|| "127.0.0.1".to_owned(), |broker| broker.ip().to_string()),
                "port": self.broker.map_or(0, |broker| broker.port()),
                "secret": self.cloud_secret,
            },
            "staff": [staff(MARKETER, "marketer"), staff(AGENT, "agent"), staff(OPERATOR, "operator")],
            "integration_keys": [{ "name": "till", "key": self.integration_key }],
            "stores": stores,
        });
        if let Some(redis_url) = &self.redis_url {
            config["redis_url"] = json!(redis_url);
        }
        if self.broker.is_none() {
            config["embedded_broker"] = json!({ "addr": "127.0.0.1:0" });
        }
        config
    }

    /// Configuration of a store's node, which finds the broker at an address.
    pub fn node_config(&self, store: &StoreDeployment, broker: SocketAddr) -> Value {
        let devices: Vec<_> =
            store.devices.iter().map(|((kind, id), secret)| json!({ "kind": kind, "id": id, "secret": secret })).collect();
        json!({
            "tenant": TENANT, "store": store.store.id, "node": NODE,
            "data_dir": store.folder(self),
            "http_addr": store.http,
            "mqtt_addr": store.mqtt,
            "public_url": store.url(),
            "broker": { "host": broker.ip(), "port": broker.port(), "secret": store.node_secret },
            "store_key": store.store_key,
            "cloud_public_key": self.cloud_public_key,
            "devices": devices,
            "staff": STAFF.map(|staff| json!({
                "number": staff.number, "first_name": staff.first_name, "role": "Beratung",
                "badge_sha256": staff.badge_sha256, "pin_hash": staff.pin_hash,
            })),
            "content": { "from": self.url() },
            // Many stores share this machine's disk: none reserves its share.
            "storage": { "ballast_mib": 0, "grow": false },
        })
    }
}
