//! The way to the cloud.
//!
//! Owns the node's end of the sync protocol: its driver over MQTT, and the status of the link. Takes the journal. Emits the status to whoever
//! asks, to the journal whether the link is open, and to records whether the clock agrees with the cloud's. On failure: it dials again for ever;
//! the store works either way.
use std::sync::Arc;

use aisle_mesh::clock::Clock;
use aisle_mesh::link::LinkConfig;
use aisle_mesh::sync::log::Logged;
use aisle_mesh::sync::node_driver::{LinkStatus, NodeSync, NodeSyncConfig, NodeSyncHandle, OperatorHandle};
use aisle_mesh::sync::node_peer::NodeIntroduction;
use aisle_mesh::sync::transport::MqttTransport;
use aisle_mesh::tls::Validity;
use aisle_schemas::ids::NodeId;
use aisle_schemas::limits::{KEEP_ALIVE, PACKET_BYTES_MAX, RECEIVE_MAX_NODE, WINDOW_NODE};
use aisle_schemas::record::RECORD_TYPES;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::{CloudBrokerConfig, IdentityConfig};
use crate::identity::{EnrolClient, IdentityFolder, Keeper, KeeperConfig};
use crate::journal::{Journal, RecordMaker, SyncLog};

/// A running uplink.
pub struct Uplink {
    sync: NodeSyncHandle,
    status: watch::Receiver<LinkStatus>,
    certificate: watch::Receiver<Option<Validity>>,
    watcher: JoinHandle<()>,
    /// Renews the certificate while the uplink runs.
    _keeper: Option<Keeper>,
}

impl Uplink {
    /// Starts dialling.
    #[must_use]
    pub fn start(node: NodeId, broker: &CloudBrokerConfig, journal: &Journal, maker: RecordMaker, clock: Arc<dyn Clock>) -> Self {
        let CloudBrokerConfig { host, port, secret, tls } = broker;
        let (keeper, tls, certificate) = match tls {
            // Nobody will ever say that there is one.
            None => (None, None, watch::Sender::new(None).subscribe()),
            Some(identity) => {
                let config =
                    KeeperConfig { node: node.clone(), folder: IdentityFolder::new(&identity.folder), client: renewing_client(identity) };
                let (keeper, tls, certificate) = Keeper::start(config, Arc::clone(&clock));
                (Some(keeper), Some(tls), certificate)
            }
        };
        let config = LinkConfig {
            host: host.clone(),
            port: *port,
            client_id: node.to_string(),
            username: Some(node.to_string()),
            password: tls.is_none().then(|| secret.clone()),
            tls,
            will: None,
            keep_alive: KEEP_ALIVE,
            receive_max: RECEIVE_MAX_NODE,
            packet_max: PACKET_BYTES_MAX,
            in_flight: WINDOW_NODE,
        };
        let introduction = NodeIntroduction { software: env!("CARGO_PKG_VERSION").to_owned(), schemas: families() };
        let log = Arc::new(SyncLog::new(journal.clone(), Arc::clone(&clock)));
        let sync = NodeSync::spawn(NodeSyncConfig { node, introduction }, MqttTransport { config }, log, clock);
        let logged = sync.logged_sender();
        journal.notify(Box::new(move |Logged { stream, head, reserved }| logged.logged(stream, head, reserved)));
        let status = sync.status();
        let watcher = tokio::spawn(follow(status.clone(), journal.clone(), maker));
        Self { sync, status, certificate, watcher, _keeper: keeper }
    }

    /// The link as it is.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<LinkStatus> {
        self.status.clone()
    }

    /// From when to when the certificate is good that links show; none without one.
    #[must_use]
    pub fn certificate(&self) -> watch::Receiver<Option<Validity>> {
        self.certificate.clone()
    }

    /// What an operator at the box may decide about the link.
    #[must_use]
    pub fn operator(&self) -> OperatorHandle {
        self.sync.operator()
    }

    /// Says that the node stops, and hangs up.
    pub async fn stop(self) {
        self.watcher.abort();
        self.sync.stop().await;
    }
}

/// What certificates are renewed with. A store opens without it: an operator has two months to see the line in the log.
fn renewing_client(identity: &IdentityConfig) -> Option<EnrolClient> {
    let IdentityConfig { folder: _, renew_at, renew_ca } = identity;
    let base = renew_at.as_ref()?;
    let ca = match renew_ca.as_ref().map(std::fs::read_to_string).transpose() {
        Ok(ca) => ca,
        Err(error) => {
            tracing::error!(%error, "failed to read renew_ca: the certificate is not renewed");
            return None;
        }
    };
    match EnrolClient::new(base, ca.as_deref()) {
        Ok(client) => Some(client),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "failed to use renew_at: the certificate is not renewed");
            None
        }
    }
}

/// Families of payloads that this node sends: the part of each type before its verb.
fn families() -> Vec<String> {
    let up = RECORD_TYPES.iter().filter(|record| record.stream.direction() == aisle_schemas::sync::Direction::Up);
    let mut families: Vec<String> = up
        .filter_map(|record| {
            let mut parts = record.name.split('.');
            let (noun, version) = (parts.nth(1)?, parts.next_back()?);
            Some(format!("aisle.{noun}.{version}"))
        })
        .collect();
    families.sort();
    families.dedup();
    families
}

async fn follow(mut status: watch::Receiver<LinkStatus>, journal: Journal, maker: RecordMaker) {
    loop {
        let LinkStatus { open, clock_ok, .. } = *status.borrow_and_update();
        if let Some(ok) = clock_ok {
            maker.set_clock_ok(ok);
        }
        journal.set_link_open(open);
        metrics::gauge!("aisle_link_open", "role" => "node").set(if open { 1.0 } else { 0.0 });
        if status.changed().await.is_err() {
            return;
        }
    }
}
