//! Where a running system is, and the secrets of its devices.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use aisle_mesh::clock::{Clock, SystemClock};
use aisle_schemas::ids::StoreId;
use aisle_schemas::topic::DeviceKind;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::client::{DemoMail, Mail};
use crate::device::BusAddress;

/// A running system.
pub struct Target {
    /// Base URL of the cloud.
    pub cloud: String,
    /// Where sign-in codes arrive.
    pub mail: Arc<dyn Mail>,
    /// Key of an integration, for past purchases.
    pub integration_key: String,
    pub stores: Vec<StoreTarget>,
    /// The clock of the system, as devices and people in it see it.
    pub clock: Arc<dyn Clock>,
}

/// A store of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreTarget {
    pub id: StoreId,
    /// Base URL of the node.
    pub http: String,
    /// The node's broker for devices.
    pub mqtt: SocketAddr,
    /// Secrets by `{kind}.{device}`.
    pub secrets: BTreeMap<String, String>,
}

/// The file that describes a running system to `aisle sim`; `aisle demo --data DIR` writes one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetFile {
    pub cloud: String,
    pub integration_key: String,
    pub stores: Vec<StoreTarget>,
}

impl TargetFile {
    /// The system, with sign-in codes read from its demo mail page.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn target(self) -> Result<Target> {
        let Self { cloud, integration_key, stores } = self;
        let mail = Arc::new(DemoMail::new(&cloud)?);
        Ok(Target { cloud, mail, integration_key, stores, clock: SystemClock::new() })
    }
}

impl StoreTarget {
    /// A device's place on this store's bus.
    ///
    /// # Errors
    /// When the target has no secret for it.
    pub fn bus(&self, kind: DeviceKind, id: &str) -> Result<BusAddress> {
        let name = format!("{}.{id}", kind.as_str());
        let secret = self.secrets.get(&name).with_context(|| format!("no secret for {name} of {}", self.id))?.clone();
        Ok(BusAddress { broker: self.mqtt, store: self.id.clone(), kind, id: id.to_owned(), secret })
    }
}
