//! What an operator sets on a cloud instance. `cloud.default.toml` is the reference.
//!
//! Owns [`CloudConfig`]; unknown keys are refused by name. Takes what the loader in `mesh` read; emits values that later code need not
//! check again, through [`CloudConfig::check`]. On failure: [`ConfigFault`] names key and reason, and the instance does not start.

use std::{net::SocketAddr, path::PathBuf};

use aisle_cloud_core::identity::{LocalPartPolicy, NormalEmail};
use aisle_mesh::telemetry::TelemetryConfig;
use aisle_schemas::{
    code::StoreKey,
    http::cloud::Role,
    ids::{InstanceId, NodeId, NodeName, StoreId, TenantId},
    nfc::NfcProgramme,
    screen::ScreenProgramme,
    store::StoreProfile,
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};

/// Settings of one cloud instance.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloudConfig {
    /// Name of this instance among its sisters; also in `username = cloud.{instance}` at the broker.
    pub instance: InstanceId,
    /// Where HTTP listens; port 0 takes a free one.
    pub http_addr: SocketAddr,
    /// Address under which customers and staff reach this cloud; `https://` makes cookies secure.
    pub public_url: String,
    /// `sqlite:PATH` or `postgres://…`.
    pub database_url: String,
    /// `redis://…` where several instances share state; none keeps it in memory.
    #[serde(default)]
    pub redis_url: Option<String>,
    pub broker: BrokerConfig,
    /// Starts a broker inside this process and connects to it instead of `broker.host` and `broker.port`.
    #[serde(default)]
    pub embedded_broker: Option<EmbeddedBrokerConfig>,
    /// Root of all secrets, 64 hex digits; wins over the file.
    #[serde(default, deserialize_with = "optional_secret")]
    pub signing_key: Option<SecretString>,
    /// File of that root; made at the first start.
    #[serde(default = "default_key_file")]
    pub signing_key_file: PathBuf,
    /// Mail server; none keeps mails in memory, which only a demo can live with.
    #[serde(default)]
    pub smtp: Option<SmtpConfig>,
    /// Who may use the console.
    #[serde(default)]
    pub staff: Vec<StaffConfig>,
    /// Systems that may report sales, contexts and candidates.
    #[serde(default)]
    pub integration_keys: Vec<IntegrationKeyConfig>,
    /// Certificates for boxes that bring a claim; none gives none.
    #[serde(default)]
    pub enrolment: Option<EnrolmentConfig>,
    /// Stores of this cloud.
    #[serde(default)]
    pub stores: Vec<StoreConfig>,
    /// Shows mails at `/demo/mail` and prints them. Never on a system with real customers.
    #[serde(default)]
    pub demo: bool,
    #[serde(default)]
    pub limits: LimitsConfig,
    #[serde(default)]
    pub telemetry: TelemetryConfig,
}

/// How much one caller may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Requests of sign-in per network address and minute. All phones of a store may share one address.
    pub sign_ins_per_minute: u32,
    /// Opened codes of NFC displays that are counted per network address and minute.
    pub opened_codes_per_minute: u32,
    /// Check-in passes per customer and hour.
    pub passes_per_hour: u32,
    /// Requests per signed-in account and minute that change something. A person does not come near it.
    pub changes_per_minute: u32,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self { sign_ins_per_minute: 300, opened_codes_per_minute: 300, passes_per_hour: 120, changes_per_minute: 600 }
    }
}

/// The MQTT broker between stores and cloud.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokerConfig {
    pub host: String,
    pub port: u16,
    /// Password of the account `cloud.{instance}`; unused with `tls`.
    #[serde(default = "no_secret", deserialize_with = "secret")]
    pub secret: SecretString,
    /// Certificate of this instance, made by `aisle enrol cloud`; none connects without TLS, which only one machine can live with.
    #[serde(default)]
    pub tls: Option<TlsConfig>,
}

/// Both ends show a certificate (AS-105).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// Certificate of the authority that the other end's certificate must come from.
    pub ca: PathBuf,
    /// Own certificate.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// The authority that makes certificates of boxes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolmentConfig {
    /// Folder that `aisle enrol ca` filled.
    pub authority: PathBuf,
    /// Where brokers outside read the list of revoked certificates; beside the authority if not given.
    #[serde(default)]
    pub revoked: Option<PathBuf>,
}

/// A broker inside this process.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbeddedBrokerConfig {
    /// Where it listens; port 0 takes a free one.
    pub addr: SocketAddr,
    /// Its certificate, made by `aisle enrol server`. With it certificates open the door and secrets do not.
    #[serde(default)]
    pub tls: Option<TlsConfig>,
}

/// A mail server.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpConfig {
    pub host: String,
    #[serde(default = "default_smtp_port")]
    pub port: u16,
    #[serde(default)]
    pub username: Option<String>,
    #[serde(default, deserialize_with = "optional_secret")]
    pub password: Option<SecretString>,
    /// Sender, e.g. `aisle <hello@shop.example>`.
    pub from: String,
    /// No TLS: only for a relay on the same machine.
    #[serde(default)]
    pub plain: bool,
}

/// A member of staff.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaffConfig {
    pub email: String,
    /// `marketer`, `agent`, `operator`.
    pub roles: Vec<Role>,
}

/// A system's key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntegrationKeyConfig {
    /// Name in logs and metrics.
    pub name: String,
    #[serde(deserialize_with = "secret")]
    pub key: SecretString,
}

/// A store, its node, and what its surfaces show.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    pub tenant: TenantId,
    pub store: StoreId,
    pub node: NodeName,
    /// Password of the node's account at the embedded broker; unused with TLS.
    #[serde(default = "no_secret", deserialize_with = "secret")]
    pub node_secret: SecretString,
    /// Key of the store's codes, 64 hex digits, the same as at the node.
    #[serde(deserialize_with = "secret")]
    pub store_key: SecretString,
    /// Address at which phones in the store reach the node, for the shop page's content security policy.
    #[serde(default)]
    pub node_url: Option<String>,
    pub profile: StoreProfile,
    #[serde(default)]
    pub screens: Vec<ScreenProgramme>,
    #[serde(default)]
    pub displays: Vec<NfcProgramme>,
}

impl StoreConfig {
    /// Identity of its node.
    pub fn node_id(&self) -> NodeId {
        NodeId { tenant: self.tenant.clone(), store: self.store.clone(), node: self.node.clone() }
    }
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {reason}")]
pub struct ConfigFault {
    /// Path of the key, e.g. `stores[1].store_key`.
    pub key: String,
    pub reason: String,
}

impl CloudConfig {
    /// Checks what types alone do not.
    pub fn check(&self) -> Result<(), ConfigFault> {
        let fault = |key: String, reason: &str| ConfigFault { key, reason: reason.to_owned() };
        if !self.public_url.starts_with("http://") && !self.public_url.starts_with("https://") {
            return Err(fault("public_url".into(), "must begin with http:// or https://"));
        }
        if !self.database_url.starts_with("sqlite:") && !self.database_url.starts_with("postgres") {
            return Err(fault("database_url".into(), "must be sqlite:PATH or postgres://…"));
        }
        if self.broker.tls.is_none() && self.broker.secret.expose_secret().is_empty() {
            return Err(fault("broker.secret".into(), "must be set where broker.tls is not"));
        }
        if self.embedded_broker.as_ref().is_some_and(|embedded| embedded.tls.is_some() != self.broker.tls.is_some()) {
            return Err(fault("broker.tls".into(), "must be set exactly where embedded_broker.tls is"));
        }
        let with_secrets = self.embedded_broker.as_ref().is_some_and(|embedded| embedded.tls.is_none());
        for (at, staff) in self.staff.iter().enumerate() {
            if let Err(error) = NormalEmail::parse(&staff.email, LocalPartPolicy::LowerCase) {
                return Err(fault(format!("staff[{at}].email"), &error.to_string()));
            }
            if staff.roles.is_empty() || staff.roles.contains(&Role::Customer) {
                return Err(fault(format!("staff[{at}].roles"), "must hold marketer, agent or operator"));
            }
        }
        for (at, store) in self.stores.iter().enumerate() {
            if with_secrets && store.node_secret.expose_secret().is_empty() {
                return Err(fault(format!("stores[{at}].node_secret"), "must be set where embedded_broker.tls is not"));
            }
            if StoreKey::from_hex(store.store_key.expose_secret()).is_none() {
                return Err(fault(format!("stores[{at}].store_key"), "must be 64 hex digits"));
            }
            if store.profile.store != store.store {
                return Err(fault(format!("stores[{at}].profile.store"), "must be the store's own id"));
            }
            if store.profile.time_zone.parse::<chrono_tz::Tz>().is_err() {
                return Err(fault(format!("stores[{at}].profile.time_zone"), "must be an IANA zone such as Europe/Berlin"));
            }
            if self.stores[..at].iter().any(|earlier| earlier.store == store.store) {
                return Err(fault(format!("stores[{at}].store"), "is named twice"));
            }
        }
        Ok(())
    }
}

fn default_key_file() -> PathBuf {
    PathBuf::from("cloud.key")
}

fn default_smtp_port() -> u16 {
    587
}

fn no_secret() -> SecretString {
    SecretString::from(String::new())
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

fn optional_secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    Option::<String>::deserialize(deserializer).map(|text| text.map(SecretString::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: &str = include_str!("../cloud.default.toml");

    #[test]
    fn the_default_file_is_a_whole_configuration_and_an_unknown_key_is_refused() {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("cloud.default.toml");
        aisle_mesh::config::check_reference::<CloudConfig>("cloud", &file).unwrap().check().unwrap();
        let with_typo = format!("colour = 1\n{DEFAULT}");
        assert!(toml::from_str::<CloudConfig>(&with_typo).unwrap_err().to_string().contains("colour"));
    }

    #[test]
    fn a_fault_names_its_key() {
        let mut config: CloudConfig = toml::from_str(DEFAULT).unwrap();
        config.public_url = "shop.example".into();
        assert_eq!(config.check().unwrap_err().key, "public_url");
    }
}
