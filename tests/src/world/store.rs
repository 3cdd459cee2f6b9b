//! A store of a world: its node, in this process or in one of its own, its line to the broker, its folder, its devices.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aisle_mesh::clock::Clock;
use aisle_node::NodeApp;
use aisle_schemas::code::StoreKey;
use aisle_schemas::http::node::{CloudLink, NodeOverview};
use aisle_schemas::ids::{BootId, DisplayId, ScreenId, StoreId, TouchpointId};
use aisle_schemas::topic::DeviceKind;
use aisle_sim::client::ShopFloor;
use aisle_sim::device::{BusAddress, Door, NfcDisplay, Screen, Sensor};
use aisle_sim::run::StoreTarget;
use aisle_sim::world::deployment::{Deployment, StoreDeployment};
use aisle_sim::world::stores::{self as demo, zone};
use anyhow::{Context, Result, bail};
use rand::Rng;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::cloud::RunningCloud;
use super::rows::{self, Rows};
use crate::binary;
use crate::cut::Cut;
use crate::eventually::eventually;
use crate::ports::{free_port, loopback};
use crate::process::{Process, Signal};

/// Name of the journal in the node's folder.
const JOURNAL: &str = "journal.sqlite";

/// How nodes run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    ThisProcess,
    /// The product's own binary, which can be killed.
    OwnProcess,
}

enum Running {
    Here { stop: oneshot::Sender<()>, node: JoinHandle<Result<()>> },
    Process(Process),
}

/// Copies a folder and all in it.
///
/// # Errors
/// What the file system says.
pub fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// A running store.
pub struct RunningStore {
    /// The line between node and broker.
    pub line: Cut,
    pub target: StoreTarget,
    pub name: String,
    home: Home,
    folder: PathBuf,
    key: String,
    config: Value,
    clock: Arc<dyn Clock>,
    running: Option<Running>,
}

impl RunningStore {
    pub(super) async fn start(
        deployment: &Deployment,
        place: usize,
        cloud: &RunningCloud,
        clock: Arc<dyn Clock>,
        home: Home,
    ) -> Result<Self> {
        let shape: &StoreDeployment = &deployment.stores[place];
        let line = Cut::start(cloud.broker).await?;
        let config = deployment.node_config(shape, line.address());
        let mut store = Self {
            line,
            target: shape.target(),
            name: shape.store.name.clone(),
            home,
            folder: shape.folder(deployment),
            key: shape.store_key.clone(),
            config,
            clock,
            running: None,
        };
        store.run().await?;
        Ok(store)
    }

    /// Starts the node over its folder.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn run(&mut self) -> Result<()> {
        let running = match self.home {
            Home::ThisProcess => {
                let config = serde_json::from_value(self.config.clone()).context("failed to configure the node")?;
                let app = NodeApp::build(config, Arc::clone(&self.clock)).await.context("failed to build the node")?;
                let (stop, stopped) = oneshot::channel::<()>();
                let node = tokio::spawn(async move {
                    // A dropped sender is an order to stop, too.
                    app.run(async { drop(stopped.await) }).await.context("the node ended")
                });
                Running::Here { stop, node }
            }
            Home::OwnProcess => Running::Process(binary::start("node", &self.config, &self.folder).await?),
        };
        self.running = Some(running);
        let floor = self.floor()?;
        eventually("the node serves", async || {
            if let Some(Running::Process(process)) = &mut self.running {
                process.check().expect("the node keeps running");
            }
            floor.status().await.ok()
        })
        .await;
        Ok(())
    }

    /// A box with a copy of this one's folder and configuration, on ports of its own; not started yet.
    ///
    /// # Errors
    /// When the folder cannot be copied, or a port is not to be had.
    pub async fn copy(&self, folder: &Path, broker: SocketAddr) -> Result<Self> {
        copy_folder(&self.folder, folder)?;
        let line = Cut::start(broker).await?;
        let (http, mqtt) = (loopback(free_port()), loopback(free_port()));
        let mut config = self.config.clone();
        config["data_dir"] = json!(folder);
        (config["http_addr"], config["mqtt_addr"]) = (json!(http), json!(mqtt));
        config["public_url"] = json!(format!("http://{http}"));
        config["broker"]["port"] = json!(line.address().port());
        let target = StoreTarget { http: format!("http://{http}"), ..self.target.clone() };
        let (name, key, clock) = (self.name.clone(), self.key.clone(), Arc::clone(&self.clock));
        Ok(Self { line, target, name, home: self.home, folder: folder.to_owned(), key, config, clock, running: None })
    }

    /// Changes what the node is configured with at its next start.
    pub fn configure(&mut self, change: impl FnOnce(&mut Value)) {
        change(&mut self.config);
    }

    /// Gives the node another clock at its next start; only in this process.
    pub fn set_clock(&mut self, clock: Arc<dyn Clock>) {
        self.clock = clock;
    }

    /// Stops the node in order; its folder stays.
    ///
    /// # Errors
    /// When it ended badly.
    pub async fn stop(&mut self) -> Result<()> {
        match self.running.take() {
            None => Ok(()),
            Some(Running::Here { stop, node }) => {
                drop(stop);
                node.await.context("the node's task was aborted")?
            }
            Some(Running::Process(mut process)) => {
                let status = process.end(Signal::Term)?;
                anyhow::ensure!(status.success(), "the node ended with {status}:\n{}", process.output());
                Ok(())
            }
        }
    }

    /// Kills the node's process.
    ///
    /// # Errors
    /// When it has no process of its own.
    pub fn kill(&mut self) -> Result<()> {
        match self.running.take() {
            Some(Running::Process(mut process)) => process.end(Signal::Kill).map(drop),
            Some(Running::Here { .. }) | None => bail!("the node has no process of its own"),
        }
    }

    pub fn id(&self) -> &StoreId {
        &self.target.id
    }

    pub(super) fn key(&self) -> StoreKey {
        StoreKey::from_hex(&self.key).expect("made from random bytes")
    }

    /// Where the node keeps everything it knows.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn journal(&self) -> String {
        format!("sqlite:{}?mode=ro", self.folder.join(JOURNAL).display())
    }

    /// Rows of every table of the node's journal.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn rows(&self) -> Result<Rows> {
        rows::count(&self.journal()).await
    }

    /// What the cloud wants this store to know now, as it stands on its disk.
    ///
    /// # Errors
    /// When the journal cannot be opened.
    pub async fn documents(&self) -> Result<rows::Documents> {
        rows::Documents::open(&self.journal()).await
    }

    /// The store as a phone on its network sees it.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn floor(&self) -> Result<ShopFloor> {
        Ok(ShopFloor::new(&self.target.http)?)
    }

    /// The node at a glance, once it says what is wanted.
    pub async fn says(&self, what: &str, wanted: impl Fn(&NodeOverview) -> bool) -> NodeOverview {
        let floor = self.floor().expect("the HTTP client can be set up");
        eventually(what, async || floor.status().await.ok().filter(&wanted)).await
    }

    /// Waits until the line is open and everything accepted is applied.
    pub async fn in_step(&self) {
        self.says("the store is in step with the cloud", |status| status.cloud == CloudLink::Open && status.pending == 0).await;
    }

    /// A device's place on the bus.
    ///
    /// # Errors
    /// When it has no secret.
    pub fn bus(&self, kind: DeviceKind, id: &str) -> Result<BusAddress> {
        self.target.bus(kind, id)
    }

    /// Connects a screen.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn screen(&self, id: &str) -> Result<Arc<Screen>> {
        let unix_ms = u64::try_from(self.clock.now().timestamp_millis()).unwrap_or(0);
        let boot = BootId::new(unix_ms, rand::rng().random());
        Ok(Screen::join(&self.bus(DeviceKind::Screen, id)?, self.id(), &ScreenId::parse(id)?, boot).await?)
    }

    /// Connects an NFC display.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn display(&self, id: &str) -> Result<NfcDisplay> {
        Ok(NfcDisplay::join(&self.bus(DeviceKind::Nfc, id)?, self.id(), &DisplayId::parse(id)?).await?)
    }

    /// Connects the door.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn door(&self) -> Result<Door> {
        let door = demo::door();
        Ok(Door::join(&self.bus(DeviceKind::Door, door.as_str())?, self.id(), &door).await?)
    }

    /// Connects the sensor of the pets zone.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn sensor(&self) -> Result<Sensor> {
        let id = TouchpointId::parse("sensor-pets")?;
        Ok(Sensor::join(&self.bus(DeviceKind::Sensor, id.as_str())?, self.id(), id, zone("pets")).await?)
    }
}
