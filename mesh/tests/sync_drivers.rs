//! Both drivers over the embedded broker, with logs in memory: records and documents both ways, a cut link, a restarted owner.
//!
//! Owns one broker per test on a free port of the loopback, and a transport that a test can cut.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]

mod memory;

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use aisle_mesh::{
    broker::{Access, AccessRules, Broker, Bus, Credential, EmbeddedBroker, EmbeddedConfig, Role, secret_from_random},
    clock::SystemClock,
    link::{LinkConfig, LinkConfigError, LinkEvent, LinkHandle, LostReason, Will},
    sync::{
        log::SendLog,
        node_driver::{NodeSync, NodeSyncConfig, NodeSyncHandle},
        node_peer::NodeIntroduction,
        owner_driver::{OwnerSync, OwnerSyncConfig, OwnerSyncHandle},
        transport::{MqttTransport, Transport},
    },
};
use aisle_schemas::{
    ids::{InstanceId, NodeId},
    limits::{KEEP_ALIVE, PACKET_BYTES_MAX, RECEIVE_MAX_CLOUD, RECEIVE_MAX_NODE, WINDOW_CLOUD, WINDOW_NODE},
    sync::{NodeStatus, Seq, Stream},
};
use memory::{MemoryCloud, MemoryNode};
use tokio::sync::{mpsc, watch};

/// Longest wait for anything; a test that reaches it has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// MQTT whose connection a test can cut: the driver sees a loss, the broker a socket that died.
#[derive(Clone)]
struct Cuttable {
    mqtt: MqttTransport,
    cut: Arc<Mutex<Option<watch::Sender<bool>>>>,
}

impl Cuttable {
    fn cut(&self) {
        self.cut.lock().unwrap().take().unwrap().send(true).unwrap();
    }
}

impl Transport for Cuttable {
    type Handle = LinkHandle;
    fn connect(&self, will: Option<Will>) -> Result<(LinkHandle, mpsc::Receiver<LinkEvent>), LinkConfigError> {
        let (handle, mut events) = self.mqtt.connect(will)?;
        let (cut_tx, mut cut) = watch::channel(false);
        *self.cut.lock().unwrap() = Some(cut_tx);
        let (tell, told) = mpsc::channel(256);
        tokio::spawn(async move {
            loop {
                let event = tokio::select! {
                    Ok(()) = cut.changed() => LinkEvent::Lost(LostReason::Silent),
                    event = events.recv() => event.unwrap_or(LinkEvent::Lost(LostReason::HungUp)),
                };
                let last = matches!(event, LinkEvent::Lost(_));
                if tell.send(event).await.is_err() || last {
                    return;
                }
            }
        });
        Ok((handle, told))
    }
}

struct World {
    _broker: EmbeddedBroker,
    node: NodeId,
    disk: Arc<MemoryNode>,
    cloud: Arc<MemoryCloud>,
    node_transport: Cuttable,
    cloud_transport: MqttTransport,
    events: u64,
}

impl World {
    async fn start() -> Self {
        let node = NodeId::parse("acme.s042.n1").unwrap();
        let mut rules = AccessRules::new();
        let transports = [(Role::Node(node.clone()), RECEIVE_MAX_NODE, WINDOW_NODE), (instance_role(), RECEIVE_MAX_CLOUD, WINDOW_CLOUD)];
        let bind = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0);
        for (role, ..) in &transports {
            rules.admit(role.clone(), Credential::of(&secret_from_random([1; 16]), *b"twelve bytes"));
        }
        let config = EmbeddedConfig { bus: Bus::Mesh, bind, clients_max: 16 };
        let broker = EmbeddedBroker::start(config, Access::new(rules)).await.unwrap();
        let [node_mqtt, cloud_transport] = transports.map(|(role, receive_max, in_flight)| MqttTransport {
            config: LinkConfig {
                host: broker.address().ip().to_string(),
                port: broker.address().port(),
                client_id: role.name().to_string(),
                username: Some(role.name().to_string()),
                password: Some(secret_from_random([1; 16])),
                tls: None,
                will: None,
                keep_alive: KEEP_ALIVE,
                receive_max,
                packet_max: PACKET_BYTES_MAX,
                in_flight,
            },
        });
        let node_transport = Cuttable { mqtt: node_mqtt, cut: Arc::default() };
        let cloud = Arc::new(MemoryCloud::new(std::slice::from_ref(&node), 5));
        Self { _broker: broker, node, disk: Arc::new(MemoryNode::new(3)), cloud, node_transport, cloud_transport, events: 0 }
    }

    fn node_sync(&self) -> NodeSyncHandle {
        let introduction = NodeIntroduction { software: "0.1.0".to_owned(), schemas: vec!["aisle.test.v1".to_owned()] };
        let config = NodeSyncConfig { node: self.node.clone(), introduction };
        NodeSync::spawn(config, self.node_transport.clone(), Arc::clone(&self.disk), SystemClock::new())
    }
    fn owner_sync(&self) -> OwnerSyncHandle {
        let config = OwnerSyncConfig {
            instance: InstanceId::parse("eu1-a").unwrap(),
            tenant: self.node.tenant.clone(),
            known_schemas: BTreeSet::from(["aisle.test.v1".to_owned()]),
        };
        OwnerSync::spawn(config, self.cloud_transport.clone(), Arc::clone(&self.cloud), SystemClock::new())
    }

    fn accept_up(&mut self, sync: &NodeSyncHandle, stream: Stream, count: u64) {
        for _ in 0..count {
            self.events += 1;
            let event = memory::event(&self.node, self.events, false, None);
            let logged = self.disk.disk().send.accept(stream, &event, true);
            sync.logged(logged.stream, logged.head, logged.reserved);
        }
    }
    fn accept_down(&mut self, owner: &OwnerSyncHandle, stream: Stream, key: Option<&str>) {
        self.events += 1;
        let event = memory::cloud_event(&self.node, self.events, false, key.map(str::to_owned));
        let logged = self.cloud.with(&self.node, |row| row.send.accept(stream, &event, true));
        owner.logged(&self.node, logged.stream, logged.head, logged.reserved);
    }

    /// Waits until both ends have applied all that the other accepted.
    async fn converged(&self) {
        eventually(|| {
            let disk = self.disk.disk();
            Stream::ALL.iter().all(|stream| {
                let (head, cursor) = match stream.direction() {
                    aisle_schemas::sync::Direction::Up => (
                        disk.send.streams[stream].state.head(),
                        self.cloud.with(&self.node, |row| row.receive.cursors.get(stream).copied()),
                    ),
                    aisle_schemas::sync::Direction::Down => (
                        self.cloud.with(&self.node, |row| row.send.streams[stream].state.head()),
                        disk.receive.cursors.get(stream).copied(),
                    ),
                };
                cursor.unwrap_or_default() == head
            })
        })
        .await;
    }

    fn applied_up(&self) -> usize {
        self.cloud.with(&self.node, |row| row.receive.effects.len())
    }
}

fn instance_role() -> Role {
    Role::Cloud(InstanceId::parse("eu1-a").unwrap())
}

async fn eventually(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("the condition never came true");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_001_records_and_documents_cross_a_real_broker_both_ways() {
    let mut world = World::start().await;
    let owner = world.owner_sync();
    owner.status().wait_for(|status| status.subscribed).await.unwrap();
    let node = world.node_sync();
    node.status().wait_for(|status| status.open).await.unwrap();

    world.accept_up(&node, Stream::Sess, 300);
    world.accept_up(&node, Stream::Tele, 20);
    world.accept_down(&owner, Stream::Order, None);
    world.accept_down(&owner, Stream::Desired, Some("screen/window-1"));
    world.converged().await;
    assert_eq!(world.applied_up(), 320);
    eventually(|| node.status().borrow().pending == 0).await;
    assert_eq!(world.disk.state(&world.node).await.unwrap().streams.get(Stream::Sess).unwrap().acked, Seq::new(300));

    node.stop().await;
    eventually(|| world.cloud.with(&world.node, |row| row.presence) == Some(NodeStatus::Offline)).await;
    owner.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_016_what_was_accepted_while_the_line_was_cut_arrives_once_after() {
    let mut world = World::start().await;
    let owner = world.owner_sync();
    let node = world.node_sync();
    let mut status = node.status();
    status.wait_for(|status| status.open).await.unwrap();
    let first = status.borrow().session;
    world.accept_up(&node, Stream::Sess, 10);
    world.converged().await;

    world.node_transport.cut();
    status.wait_for(|status| !status.open).await.unwrap();
    world.accept_up(&node, Stream::Sess, 500);
    world.accept_down(&owner, Stream::Order, None);
    status.wait_for(|status| status.open && status.session > first).await.unwrap();
    world.converged().await;
    assert_eq!(world.applied_up(), 510);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_035_a_new_owner_asks_for_hello_and_goes_on_where_the_old_one_stopped() {
    let mut world = World::start().await;
    let owner = world.owner_sync();
    let node = world.node_sync();
    node.status().wait_for(|status| status.open).await.unwrap();
    world.accept_up(&node, Stream::Audit, 10);
    world.converged().await;
    owner.stop().await;

    world.accept_up(&node, Stream::Audit, 10);
    let second = world.owner_sync();
    world.converged().await;
    assert_eq!(world.applied_up(), 20);
    assert!(second.status().borrow().term.is_some());
}
