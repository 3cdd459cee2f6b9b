//! A cloud instance as a process of its own, among sisters that share database, Redis and broker.
//!
//! Owns the process and its name. Takes the deployment's configuration; emits its address and whether it is ready. On failure: the instance's own log.

use std::path::Path;

use aisle_schemas::ids::InstanceId;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::child::Child;
use super::servers::{free_port, until_ready};
use super::world::role;
use crate::client::Api;
use crate::world::deployment::{Deployment, INSTANCE};

/// Instances at most: PostgreSQL here takes so many pools.
pub const INSTANCES_MAX: usize = 4;

/// A running cloud instance.
pub struct Instance {
    pub child: Child,
    pub id: InstanceId,
    api: Api,
}

/// Name of an instance: the deployment's own, then others of the same place.
///
/// # Errors
/// Beyond [`INSTANCES_MAX`].
pub fn name(place: usize) -> Result<InstanceId> {
    ensure!(place < INSTANCES_MAX, "there are at most {INSTANCES_MAX} instances");
    if place == 0 {
        return InstanceId::parse(INSTANCE).context("the first instance has a name");
    }
    InstanceId::parse(&format!("eu1-{}", place + 1)).context("every instance has a name")
}

impl Instance {
    /// Starts the instance of a place; the first listens where customers are told to go.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(program: &Path, deployment: &Deployment, place: usize) -> Result<Self> {
        let id = name(place)?;
        let address = if place == 0 { deployment.cloud_http } else { free_port()? };
        let mut config = config(deployment);
        config["instance"] = json!(id);
        config["http_addr"] = json!(address);
        let child = role(program, "cloud", &format!("cloud-{id}"), &config, deployment)?;
        Ok(Self { child, id, api: Api::new(&format!("http://{address}"))? })
    }

    /// Waits until it answers that it is ready.
    ///
    /// # Errors
    /// When it ends or does not answer.
    pub async fn ready(&mut self) -> Result<()> {
        let Self { child, id: _, api } = self;
        until_ready(child, async || api.text("/readyz").await.is_ok()).await
    }

    /// Whether it says that it is ready now.
    pub async fn is_ready(&self) -> bool {
        self.api.text("/readyz").await.is_ok()
    }
}

/// The deployment's own, with limits that a whole town of one address does not meet.
fn config(deployment: &Deployment) -> Value {
    let mut config = deployment.cloud_config();
    config["telemetry"] = super::world::quiet();
    config["limits"] = json!({ "sign_ins_per_minute": 1_000_000, "passes_per_hour": 1_000_000 });
    // A plan of the store is a picture for people: a thousand screens on it would not fit a record.
    for store in config["stores"].as_array_mut().into_iter().flatten() {
        if let Some(devices) = store["profile"]["devices"].as_array_mut() {
            devices.truncate(crate::world::stores::DEVICES.len());
        }
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_have_names_of_their_own_and_an_end() {
        let names: Vec<_> = (0..INSTANCES_MAX).map(|place| name(place).unwrap().to_string()).collect();
        assert_eq!(names, ["eu1-a", "eu1-2", "eu1-3", "eu1-4"]);
        assert!(name(INSTANCES_MAX).is_err());
    }
}
