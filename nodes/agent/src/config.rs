//! Settings of a node.
//!
//! Owns [`NodeConfig`]; `node.default.toml` beside the sources is its reference. Takes what `aisle_mesh::config` read. Emits typed settings. On
//! failure: an unknown key or a wrong value is refused with its place, before anything is opened.
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use aisle_mesh::telemetry::TelemetryConfig;
use aisle_schemas::code::StoreKey;
use aisle_schemas::ids::{DeviceId, NodeId, NodeName, StoreId, TenantId};
use aisle_schemas::topic::DeviceKind;
use ed25519_dalek::VerifyingKey;
use secrecy::SecretString;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::journal::budget::Budget;
use crate::staff::StaffConfig;

/// The settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    pub tenant: TenantId,
    pub store: StoreId,
    pub node: NodeName,
    pub data_dir: PathBuf,
    #[serde(default = "any_http")]
    pub http_addr: SocketAddr,
    #[serde(default = "any_mqtt")]
    pub mqtt_addr: SocketAddr,
    pub public_url: String,
    pub broker: CloudBrokerConfig,
    #[serde(deserialize_with = "store_key")]
    pub store_key: StoreKey,
    #[serde(deserialize_with = "public_key")]
    pub cloud_public_key: VerifyingKey,
    #[serde(default)]
    pub devices: Vec<DeviceConfig>,
    /// Who may work with the store's tablets.
    #[serde(default)]
    pub staff: Vec<StaffConfig>,
    #[serde(default)]
    pub storage: StorageConfig,
    #[serde(default)]
    pub content: ContentConfig,
    #[serde(default)]
    pub telemetry: TelemetryConfig,
}

/// The journal's share of the disk. Sizes are in MiB.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StorageConfig {
    pub class_a_mib: u32,
    pub class_b_mib: u32,
    pub class_c_mib: u32,
    pub ballast_mib: u32,
    pub grow: bool,
}

/// Where content above 32 KiB comes from, and its share of the disk (AS-079).
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContentConfig {
    /// Address of the cloud; none takes the one at which certificates are renewed.
    pub from: Option<String>,
    /// Authority of that address, a PEM file; none trusts those of the machine.
    pub ca: Option<PathBuf>,
    pub budget_mib: u32,
}

impl Default for ContentConfig {
    fn default() -> Self {
        Self { from: None, ca: None, budget_mib: 512 }
    }
}

const MIB: u64 = 1 << 20;

impl Default for StorageConfig {
    fn default() -> Self {
        let Budget { class_a, class_b, class_c, ballast, grow } = Budget::default();
        let mib = |bytes: u64| u32::try_from(bytes / MIB).unwrap_or(u32::MAX);
        Self { class_a_mib: mib(class_a), class_b_mib: mib(class_b), class_c_mib: mib(class_c), ballast_mib: mib(ballast), grow }
    }
}

impl StorageConfig {
    /// The budget in bytes.
    #[must_use]
    pub fn budget(&self) -> Budget {
        let Self { class_a_mib, class_b_mib, class_c_mib, ballast_mib, grow } = *self;
        let bytes = |mib: u32| u64::from(mib) * MIB;
        Budget { class_a: bytes(class_a_mib), class_b: bytes(class_b_mib), class_c: bytes(class_c_mib), ballast: bytes(ballast_mib), grow }
    }
}

/// The broker between stores and cloud.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloudBrokerConfig {
    pub host: String,
    pub port: u16,
    /// Password of the node's account; unused with `tls`.
    #[serde(default = "no_secret", deserialize_with = "secret")]
    pub secret: SecretString,
    /// The box's certificate; none connects without TLS, which only one machine can live with.
    #[serde(default)]
    pub tls: Option<IdentityConfig>,
}

/// The box's key and certificate.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityConfig {
    /// Folder that `aisle enrol node` filled.
    pub folder: PathBuf,
    /// Address of the cloud at which certificates are renewed; none leaves that to an operator.
    #[serde(default)]
    pub renew_at: Option<String>,
    /// Authority of that address, a PEM file; none trusts those of the machine.
    #[serde(default)]
    pub renew_ca: Option<PathBuf>,
}

/// A device of the store.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceConfig {
    pub kind: DeviceKind,
    pub id: DeviceId,
    #[serde(deserialize_with = "secret")]
    pub secret: SecretString,
    /// Whether this sensor is a button that begins and ends emergencies.
    #[serde(default)]
    pub emergency: bool,
}

impl fmt::Debug for DeviceConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.kind.as_str(), self.id)
    }
}

impl NodeConfig {
    /// The node's identity.
    #[must_use]
    pub fn node_id(&self) -> NodeId {
        NodeId { tenant: self.tenant.clone(), store: self.store.clone(), node: self.node.clone() }
    }
}

fn any_http() -> SocketAddr {
    SocketAddr::from(([0, 0, 0, 0], 8081))
}

fn any_mqtt() -> SocketAddr {
    SocketAddr::from(([0, 0, 0, 0], 1884))
}

fn no_secret() -> SecretString {
    SecretString::from(String::new())
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

fn store_key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<StoreKey, D::Error> {
    let text = String::deserialize(deserializer)?;
    StoreKey::from_hex(&text).ok_or_else(|| D::Error::custom("must be 32 bytes in hex"))
}

fn public_key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<VerifyingKey, D::Error> {
    let text = String::deserialize(deserializer)?;
    let mut bytes = [0; 32];
    hex::decode_to_slice(&text, &mut bytes).map_err(|_| D::Error::custom("must be 32 bytes in hex"))?;
    VerifyingKey::from_bytes(&bytes).map_err(|_| D::Error::custom("must be an Ed25519 public key"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use aisle_mesh::config::{Sources, load_from};

    use super::*;

    #[test]
    fn the_default_file_is_a_whole_configuration() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("node.default.toml");
        let sources = Sources { role: "node", file: Some(file) };
        let config: NodeConfig = load_from(&sources, [], &serde_json::json!({})).unwrap();
        assert_eq!(config.node_id().to_string(), "aisle.berlin-mitte.n1");
        assert_eq!(config.devices.len(), 3);
        assert_eq!(config.storage.budget(), Budget::default());
        assert_eq!(config.content.budget_mib, ContentConfig::default().budget_mib);
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("node.default.toml");
        let sources = Sources { role: "node", file: Some(file) };
        let error = load_from::<NodeConfig>(&sources, [], &serde_json::json!({ "color": 1 })).unwrap_err();
        assert!(error.to_string().contains("color"), "{error}");
    }
}
