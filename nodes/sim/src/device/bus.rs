//! One device's place on the in-store bus.
//!
//! Owns its connection and stays connected: after a loss it dials again, subscribes again and says so. Takes bodies to publish; emits what arrives in an
//! [`Inbox`], kind = topic. On failure: a publish that was under way when the connection broke is reported as lost, and the device decides whether to
//! send it again under the same id.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use aisle_mesh::link::{Link, LinkConfig, LinkConfigError, LinkEvent, LinkHandle, LostReason, Outgoing, PubReason, Qos, SubCode, Will};
use aisle_schemas::ids::StoreId;
use aisle_schemas::limits;
use aisle_schemas::topic::{DeviceKind, JSON, Topic, device_prefix};
use bytes::Bytes;
use secrecy::SecretString;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::AbortHandle;

use crate::client::{Inbox, Seen};

/// Publishes that may wait for the connection.
const WAITING_MAX: usize = 64;
/// Own publishes without PUBACK.
const WINDOW: u16 = 8;
/// Wait between dials: the box beside the device is soon back.
const REDIAL: Duration = Duration::from_millis(250);
/// Longest wait for the first connection.
const JOIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Where and as whom to connect.
#[derive(Debug, Clone)]
pub struct BusAddress {
    pub broker: SocketAddr,
    pub store: StoreId,
    pub kind: DeviceKind,
    pub id: String,
    pub secret: String,
}

impl BusAddress {
    /// Name of the account at the broker.
    pub fn username(&self) -> String {
        format!("{}.{}", self.kind.as_str(), self.id)
    }
}

/// Why a device is not on the bus, or a publish did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    #[error("failed to configure the link")]
    Config(#[from] LinkConfigError),
    #[error("failed to connect")]
    Lost(#[source] LostReason),
    #[error("subscription refused with 0x{0:02x}")]
    SubscribeRefused(u8),
    #[error("publish refused with 0x{0:02x}")]
    PublishRefused(u8),
    #[error("connection broke with the publish under way")]
    Unknown,
    #[error("no connection within {JOIN_TIMEOUT:?}")]
    JoinTimeout,
    #[error("failed to write the body")]
    Body(#[from] serde_json::Error),
}

struct Order {
    message: Outgoing,
    done: oneshot::Sender<Result<(), BusError>>,
}

/// A device on the bus. Dropping it cuts the connection without farewell, so that the will speaks.
pub struct Bus {
    inbox: Inbox,
    orders: mpsc::Sender<Order>,
    /// How many connections there were.
    connections: watch::Receiver<u64>,
    task: AbortHandle,
}

impl Bus {
    /// Connects and subscribes to everything below the device's own subtree.
    ///
    /// # Errors
    /// When the first connection or subscription is refused.
    pub async fn join(address: &BusAddress, will: Option<(Topic, Bytes)>) -> Result<Self, BusError> {
        let config = link_config(address, will);
        let filter = format!("{}#", device_prefix(&address.store, address.kind, &address.id));
        let inbox = Inbox::new();
        let (orders, orders_rx) = mpsc::channel(WAITING_MAX);
        let (counted, connections) = watch::channel(0);
        let line = tokio::time::timeout(JOIN_TIMEOUT, dial(&config, &filter)).await.map_err(|_| BusError::JoinTimeout)??;
        counted.send_replace(1);
        let keeper = Keeper { config, filter, inbox: inbox.clone(), orders: orders_rx, connections: counted };
        let task = tokio::spawn(keeper.keep(line)).abort_handle();
        Ok(Self { inbox, orders, connections, task })
    }

    /// What has arrived.
    pub fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// Rises with each connection: whoever has unanswered messages sends them again.
    pub fn connections(&self) -> watch::Receiver<u64> {
        self.connections.clone()
    }

    /// Publishes a body and waits for the broker's PUBACK.
    ///
    /// # Errors
    /// When it is refused, or the connection breaks before the answer.
    pub async fn publish(&self, topic: &Topic, body: &(impl Serialize + Sync)) -> Result<(), BusError> {
        self.publish_raw(topic.build(), Bytes::from(serde_json::to_vec(body)?), topic.declaration().retain).await
    }

    /// Publishes any bytes anywhere: for devices that misbehave.
    ///
    /// # Errors
    /// As [`Bus::publish`].
    pub async fn publish_raw(&self, topic: String, payload: Bytes, retain: bool) -> Result<(), BusError> {
        let message = Outgoing {
            topic,
            payload,
            qos: Qos::AtLeastOnce,
            retain,
            expiry_s: None,
            content_type: Some(JSON.to_owned()),
            traceparent: None,
        };
        let (done, answer) = oneshot::channel();
        self.orders.send(Order { message, done }).await.map_err(|_| BusError::Unknown)?;
        answer.await.map_err(|_| BusError::Unknown)?
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Line = (LinkHandle, mpsc::Receiver<LinkEvent>);

struct Keeper {
    config: LinkConfig,
    filter: String,
    inbox: Inbox,
    orders: mpsc::Receiver<Order>,
    connections: watch::Sender<u64>,
}

impl Keeper {
    async fn keep(mut self, mut line: Line) {
        loop {
            let reason = self.serve(line).await;
            tracing::debug!(%reason, "device lost the bus");
            line = loop {
                tokio::time::sleep(REDIAL).await;
                if let Ok(line) = dial(&self.config, &self.filter).await {
                    break line;
                }
            };
            self.connections.send_modify(|count| *count += 1);
        }
    }

    /// Serves one connection until it is lost.
    async fn serve(&mut self, (handle, mut events): Line) -> LostReason {
        let mut unanswered: VecDeque<oneshot::Sender<Result<(), BusError>>> = VecDeque::new();
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    None => return LostReason::HungUp,
                    Some(LinkEvent::Lost(reason)) => return reason,
                    Some(LinkEvent::Message(message)) => {
                        let body = String::from_utf8_lossy(&message.payload).into_owned();
                        self.inbox.push(Seen { kind: message.topic, body, arrived: Instant::now() });
                        if handle.ack(message.ack).await.is_err() {
                            return LostReason::HungUp;
                        }
                    }
                    Some(LinkEvent::PubAck { reason }) => {
                        let answer = match reason {
                            PubReason::Accepted | PubReason::NoSubscriber => Ok(()),
                            PubReason::Refused(code) => Err(BusError::PublishRefused(code)),
                        };
                        if let Some(done) = unanswered.pop_front() {
                            // The publisher may have stopped waiting.
                            drop(done.send(answer));
                        }
                    }
                    Some(LinkEvent::Connected { .. } | LinkEvent::SubAck(_)) => {}
                },
                Some(order) = self.orders.recv(), if unanswered.len() < usize::from(WINDOW) => {
                    match handle.publish(order.message).await {
                        Ok(()) => unanswered.push_back(order.done),
                        // Dropping `done` says that nothing is known; the broker never saw it, and sending again does no harm.
                        Err(error) => tracing::debug!(%error, "device failed to publish"),
                    }
                }
            }
        }
    }
}

/// Connects and subscribes.
async fn dial(config: &LinkConfig, filter: &str) -> Result<Line, BusError> {
    let (handle, mut events) = Link::connect(config.clone())?;
    let filters = [filter.to_owned()];
    while let Some(event) = events.recv().await {
        match event {
            LinkEvent::Connected { .. } => handle.subscribe(&filters).await.map_err(|_| BusError::Unknown)?,
            LinkEvent::SubAck(codes) => {
                return match codes.iter().find_map(|code| match code {
                    SubCode::Granted => None,
                    SubCode::Refused(code) => Some(*code),
                }) {
                    None => Ok((handle, events)),
                    Some(code) => Err(BusError::SubscribeRefused(code)),
                };
            }
            LinkEvent::Lost(reason) => return Err(BusError::Lost(reason)),
            // Nothing was subscribed or published yet.
            LinkEvent::Message(_) | LinkEvent::PubAck { .. } => {}
        }
    }
    Err(BusError::Unknown)
}

fn link_config(address: &BusAddress, will: Option<(Topic, Bytes)>) -> LinkConfig {
    LinkConfig {
        host: address.broker.ip().to_string(),
        port: address.broker.port(),
        client_id: address.username(),
        username: Some(address.username()),
        password: Some(SecretString::from(address.secret.clone())),
        tls: None,
        will: will.map(|(topic, payload)| Will {
            topic: topic.build(),
            payload,
            retain: topic.declaration().retain,
            content_type: Some(JSON.to_owned()),
        }),
        keep_alive: limits::KEEP_ALIVE,
        receive_max: limits::RECEIVE_MAX_NODE,
        packet_max: limits::PACKET_BYTES_MAX,
        in_flight: WINDOW,
    }
}
