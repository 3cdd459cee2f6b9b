//! Hollow stores: thousands of nodes in one process that speak the real `aisle-sync/1` over a real broker, with a log in memory and no devices.
//!
//! Owns [`Fleet`]. Takes identities, secrets and a broker; emits records at whatever pace it is asked to, into the [`Ledger`] what was accepted, and
//! counts and times. Everything beyond the log is the product's own: driver, machines, codec, MQTT link. On failure of a link the driver dials again.

mod gauges;
mod log;
mod traffic;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use aisle_mesh::clock::Clock;
use aisle_mesh::link::LinkConfig;
use aisle_mesh::sync::node_driver::{LinkStatus, LoggedSender, NodeSync, NodeSyncConfig, NodeSyncHandle};
use aisle_mesh::sync::node_peer::NodeIntroduction;
use aisle_mesh::sync::transport::MqttTransport;
use aisle_schemas::ids::{NodeId, OfferId, PassId};
use aisle_schemas::limits::{KEEP_ALIVE, PACKET_BYTES_MAX, RECEIVE_MAX_NODE, WINDOW_NODE};
use anyhow::{Context, Result};
use secrecy::SecretString;
use tokio::sync::watch;

pub use gauges::Gauges;
pub use log::{Full, HollowLog, SENT};
pub use traffic::{Fact, Mix, Record, Traffic, visits_in};

use crate::ledger::Ledger;

/// Who a hollow store is.
#[derive(Debug, Clone)]
pub struct HollowStore {
    pub node: NodeId,
    pub secret: String,
}

/// How a fleet behaves.
#[derive(Debug, Clone, Copy)]
pub struct FleetPlan {
    pub mix: Mix,
    pub seed: u64,
    /// Records that one store keeps for the cloud at most; beyond them it refuses.
    pub rows_max: usize,
}

struct Member {
    node: NodeId,
    log: Arc<HollowLog>,
    logged: LoggedSender,
    traffic: Mutex<Traffic>,
    sync: NodeSyncHandle,
}

/// Hollow stores that are dialling or connected.
pub struct Fleet {
    members: Vec<Member>,
    gauges: Arc<Gauges>,
    ledger: Arc<Ledger>,
    clock: Arc<dyn Clock>,
}

impl Fleet {
    /// Starts a driver for each store; they dial at once. Must be called inside a tokio runtime.
    pub fn start(stores: &[HollowStore], broker: SocketAddr, plan: FleetPlan, ledger: Arc<Ledger>, clock: Arc<dyn Clock>) -> Self {
        let FleetPlan { mix, seed, rows_max } = plan;
        let gauges = Arc::new(Gauges::default());
        let members = stores
            .iter()
            .zip(seed..)
            .map(|(store, seed)| {
                let HollowStore { node, secret } = store;
                let log = Arc::new(HollowLog::new(seed, rows_max, Arc::clone(&gauges)));
                let config = NodeSyncConfig { node: node.clone(), introduction: introduction() };
                let transport = MqttTransport { config: link(node, secret, broker) };
                let sync = NodeSync::spawn(config, transport, Arc::clone(&log), Arc::clone(&clock));
                let traffic = Mutex::new(Traffic::new(node.clone(), mix, seed, clock.now()));
                Member { node: node.clone(), log, logged: sync.logged_sender(), traffic, sync }
            })
            .collect();
        Self { members, gauges, ledger, clock }
    }

    pub fn len(&self) -> usize {
        self.members.len()
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub fn gauges(&self) -> &Arc<Gauges> {
        &self.gauges
    }

    /// The link of a store.
    pub fn status(&self, place: usize) -> Option<watch::Receiver<LinkStatus>> {
        self.members.get(place).map(|member| member.sync.status())
    }

    /// Stores in any of these partitions.
    pub fn in_partitions(&self, partitions: &BTreeSet<u8>) -> Vec<usize> {
        let of = |place: &usize| self.members.get(*place).is_some_and(|member| partitions.contains(&member.node.partition().0));
        (0..self.members.len()).filter(of).collect()
    }

    /// Whether one of these stores had a record applied that it accepted after `at`.
    pub fn applied_one_from_after(&self, places: &[usize], at: Instant) -> bool {
        places.iter().filter_map(|place| self.members.get(*place)).any(|member| member.log.acknowledged_one_from_after(at))
    }

    /// Stores whose streams flow.
    pub fn open(&self) -> usize {
        self.members.iter().filter(|member| member.sync.status().borrow().open).count()
    }

    /// Records that the cloud is not known to have applied, in all stores.
    pub fn waiting(&self) -> usize {
        self.members.iter().map(|member| member.log.waiting()).sum()
    }

    /// Epochs begun after the first: more than none means that a log had to begin again.
    pub fn epochs_begun(&self) -> u64 {
        self.members.iter().map(|member| member.log.epochs_begun()).sum()
    }

    /// Customers who will come to a store.
    pub fn expect(&self, place: usize, passes: Vec<PassId>) {
        if let Some(member) = self.members.get(place) {
            lock(&member.traffic).expect(passes);
        }
    }

    /// Customers' passes that are not used up yet.
    pub fn expected(&self) -> usize {
        self.members.iter().map(|member| lock(&member.traffic).expected()).sum()
    }

    /// What the screens of all stores show.
    pub fn show(&self, offer: Option<OfferId>) {
        for member in &self.members {
            lock(&member.traffic).show(offer);
        }
    }

    /// Whether a store would refuse its next record.
    pub fn is_full(&self, place: usize) -> bool {
        self.members.get(place).is_none_or(|member| member.log.is_full())
    }

    /// Lets the next thing happen in a store, which was meant to happen at `intended`. `false`: its log is full, and nothing was accepted.
    ///
    /// # Errors
    /// When the record cannot be written as JSON.
    pub fn happen(&self, place: usize, intended: Instant) -> Result<bool> {
        let Some(member) = self.members.get(place) else { return Ok(false) };
        // Held until the record is in the log: what happens in a store is logged in the order in which it happens.
        let mut traffic = lock(&member.traffic);
        if member.log.is_full() {
            self.gauges.refused();
            return Ok(false);
        }
        let Record { stream, id, event, fact } = traffic.next(self.clock.now()).context("failed to write a record")?;
        let Ok(logged) = member.log.accept(stream, id, event, intended) else {
            self.gauges.refused();
            return Ok(false);
        };
        self.ledger.accepted(&member.node, stream, id, fact);
        self.gauges.accepted();
        drop(traffic);
        member.logged.logged(logged.stream, logged.head, logged.reserved);
        Ok(true)
    }

    /// Hangs up in order.
    pub async fn stop(self) {
        for member in self.members {
            member.sync.stop().await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn introduction() -> NodeIntroduction {
    let schemas = ["aisle.visit.v1", "aisle.checkin.v1", "aisle.play.v1"].map(ToOwned::to_owned).to_vec();
    NodeIntroduction { software: concat!("hollow ", env!("CARGO_PKG_VERSION")).to_owned(), schemas }
}

fn link(node: &NodeId, secret: &str, broker: SocketAddr) -> LinkConfig {
    LinkConfig {
        host: broker.ip().to_string(),
        port: broker.port(),
        client_id: node.to_string(),
        username: Some(node.to_string()),
        password: Some(SecretString::from(secret)),
        tls: None,
        will: None,
        keep_alive: KEEP_ALIVE,
        receive_max: RECEIVE_MAX_NODE,
        packet_max: PACKET_BYTES_MAX,
        in_flight: WINDOW_NODE,
    }
}
