//! One MQTT 5 connection, typed.
//!
//! Owns: the public face of a connection: what is asked of it (`LinkHandle`), what comes back (`LinkEvent`), and
//! the numbers that bound it. Takes: a `LinkConfig`. Emits: `LinkEvent`s on a bounded channel, the last of which
//! is always `Lost`. On failure: a link is never mended. Its loop and everything queued in it are dropped, and the
//! owner dials a new one: the client library forgets accepted publishes when it reconnects by itself.
//!
//! A link is a lossy pipe. `publish` returning means "handed to the loop", `PubAck` means "the next hop has it";
//! only the peer's own acknowledgement, which travels as a message, says that anything took effect.

mod poll;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use aisle_schemas::limits;
use bytes::Bytes;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Filter, LastWill, LastWillProperties, Publish, PublishProperties};
use rumqttc::v5::{AsyncClient, MqttOptions};
use rumqttc::{TlsConfiguration, Transport};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::mpsc;

use crate::tls::ClientTls;

/// How long an orderly farewell may take before the socket is cut.
const FAREWELL: Duration = Duration::from_secs(1);
/// Events that may wait beyond what the two windows can produce: CONNACK, SUBACKs and a margin.
const EVENT_HEADROOM: usize = 32;
/// Messages that may wait beyond Receive Maximum. mosquitto 2.0 exceeds it when it has a backlog: each PUBACK frees up to
/// Receive Maximum further messages instead of one. What bounds memory is the budget in bytes, `Held`.
pub(crate) const OVERSHOOT_MESSAGES: usize = 1_000;
/// The library sends what is queued here after a reconnect or loses it; the less the better.
const REQUEST_CAPACITY: usize = 1;
/// The library panics below this.
const KEEP_ALIVE_S_MIN: u64 = 5;
/// User property that carries the W3C trace context.
pub const TRACEPARENT: &str = "traceparent";

/// Delivery promise of one message. The protocol never uses QoS 2: cursors make it pointless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Qos {
    /// Sent once, no acknowledgement.
    AtMostOnce,
    /// Repeated until acknowledged.
    AtLeastOnce,
}

/// What the broker publishes for us when the connection dies without an orderly farewell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Will {
    /// Full topic name.
    pub topic: String,
    /// Payload as it will be published.
    pub payload: Bytes,
    /// Whether the broker keeps it.
    pub retain: bool,
    /// MIME type of the payload.
    pub content_type: Option<String>,
}

/// Everything needed to open one connection. Clean start and session expiry 0 are not options (AS-014).
#[derive(Debug, Clone)]
pub struct LinkConfig {
    /// DNS name or address of the broker.
    pub host: String,
    /// TCP port of the broker.
    pub port: u16,
    /// MQTT client id; equals the identity (AS-098).
    pub client_id: String,
    /// User name; equals the client id on brokers that check passwords.
    pub username: Option<String>,
    /// Secret that goes with `username`.
    pub password: Option<SecretString>,
    /// Certificate to show and authority to trust; `None` dials without TLS. Read at every dial (AS-107).
    pub tls: Option<ClientTls>,
    /// Last will.
    pub will: Option<Will>,
    /// Ping interval; at least 5 s.
    pub keep_alive: Duration,
    /// Receive Maximum we announce: messages the broker may have under way to us without PUBACK.
    pub receive_max: u16,
    /// Largest packet we announce and accept, in bytes.
    pub packet_max: u32,
    /// Own window W: publishes the owner keeps without PUBACK. The client gets 2 W slots, because it stops reading
    /// its queue, and with it our PUBACKs, once the slots are full.
    pub in_flight: u16,
}

/// Why a `LinkConfig` cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkConfigError {
    /// An empty client id would be replaced by the broker, and then matches no identity.
    #[error("client id is empty")]
    ClientIdEmpty,
    /// See `LinkConfig::keep_alive`.
    #[error("keep-alive of {given_s} s is under {KEEP_ALIVE_S_MIN} s")]
    KeepAliveTooShort {
        /// What was asked for.
        given_s: u64,
    },
    /// A window of 0 never sends, one above 32,767 overflows the client's slots.
    #[error("in-flight window of {given} is not between 1 and 32767")]
    Window {
        /// What was asked for.
        given: u16,
    },
    /// TLS is asked for, and there is no certificate to show yet.
    #[error("there is no certificate to show")]
    NoCertificate,
    /// Receive Maximum 0 is a protocol error.
    #[error("receive maximum is 0")]
    ReceiveMaxZero,
}

/// One message to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Full topic name, without wildcards.
    pub topic: String,
    /// Body.
    pub payload: Bytes,
    /// Delivery promise.
    pub qos: Qos,
    /// Whether the broker keeps the newest one.
    pub retain: bool,
    /// Seconds after which the broker drops it undelivered.
    pub expiry_s: Option<u32>,
    /// MIME type of the payload.
    pub content_type: Option<String>,
    /// W3C trace context, sent as a user property.
    pub traceparent: Option<String>,
}

/// One message received.
#[derive(Debug)]
pub struct Incoming {
    /// Full topic name.
    pub topic: String,
    /// Body.
    pub payload: Bytes,
    /// How it was delivered to us.
    pub qos: Qos,
    /// True when the broker sent its kept copy in answer to a subscribe.
    pub retain: bool,
    /// MIME type of the payload.
    pub content_type: Option<String>,
    /// W3C trace context from the user property.
    pub traceparent: Option<String>,
    /// Hand back with `LinkHandle::ack` once the fate of the message is settled, in order of arrival (AS-040).
    pub ack: AckToken,
}

/// The right to acknowledge one message, once, on the connection that brought it. Until it is handed back or dropped, the
/// message counts against the link's budget of bytes.
#[derive(Debug)]
pub struct AckToken {
    link: u64,
    packet_id: u16,
    held: Option<Held>,
}

/// Bytes of one message that is not settled yet.
#[derive(Debug)]
struct Held {
    bytes: usize,
    total: Arc<AtomicUsize>,
}

impl Held {
    /// Takes the bytes from the budget; `None` when it is spent.
    fn take(bytes: usize, total: &Arc<AtomicUsize>, budget: usize) -> Option<Self> {
        let before = total.fetch_add(bytes, Ordering::Relaxed);
        let held = Self { bytes, total: Arc::clone(total) };
        (before.saturating_add(bytes) <= budget).then_some(held)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.total.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl AckToken {
    /// For transports other than `Link`. `packet_id` 0 stands for a QoS 0 message, which needs no PUBACK.
    #[must_use]
    pub fn new(link: u64, packet_id: u16) -> Self {
        Self { link, packet_id, held: None }
    }

    /// The packet id, as on the wire.
    #[must_use]
    pub fn packet_id(&self) -> u16 {
        self.packet_id
    }
}

/// The broker's answer to one filter of a SUBSCRIBE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubCode {
    /// Granted, at the QoS asked for or a lower one.
    Granted,
    /// Refused with this MQTT 5 reason code (0x80 and above).
    Refused(u8),
}

/// The broker's answer to one QoS 1 publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PubReason {
    /// The next hop has it.
    Accepted,
    /// 0x10: nobody subscribes (AS-048).
    NoSubscriber,
    /// Refused with this MQTT 5 reason code (0x80 and above).
    Refused(u8),
}

/// What happens on a link, in order. `Lost` is the last.
#[derive(Debug)]
pub enum LinkEvent {
    /// CONNACK with success.
    Connected {
        /// Publishes the broker lets us have without PUBACK (65,535 when it does not say).
        receive_max: u16,
        /// Largest packet the broker takes, in bytes (`u32::MAX` when it does not say).
        packet_max: u32,
    },
    /// One code per filter of the oldest unanswered `subscribe`.
    SubAck(Vec<SubCode>),
    /// A message.
    Message(Incoming),
    /// One QoS 1 publish of ours was answered: its slot is free again, and nothing else is known.
    PubAck {
        /// What the broker said.
        reason: PubReason,
    },
    /// The end. Whatever was under way may or may not have arrived.
    Lost(LostReason),
}

/// Why a link ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LostReason {
    /// We said farewell or dropped the handle.
    #[error("hung up by this side")]
    HungUp,
    /// TCP, CONNECT and CONNACK took longer than `limits::CONNECT_TIMEOUT`.
    #[error("connecting took too long")]
    ConnectTimeout,
    /// CONNACK with a failure code.
    #[error("connection refused by the broker: {0}")]
    Refused(ConnectRefusal),
    /// DISCONNECT 0x8E: somebody else connected under our client id (AS-068). Seen only from brokers that send a
    /// property length with it, see `Closed`.
    #[error("session taken over by another connection of this identity")]
    SessionTakenOver,
    /// DISCONNECT with another reason code.
    #[error("disconnected by the broker with reason 0x{0:02x}")]
    Disconnected(u8),
    /// Nothing happened for `limits::POLL_WATCHDOG`, or a ping stayed unanswered.
    #[error("link is silent")]
    Silent,
    /// Our owner did not settle its messages in time: their number or their bytes passed what may wait.
    #[error("too much waits for the owner of the link")]
    EventsFull,
    /// A packet above the limit of one side.
    #[error("packet too large: {0}")]
    PacketTooLarge(String),
    /// The peer broke the protocol, or packet ids collided.
    #[error("protocol violation: {0}")]
    Protocol(String),
    /// The broker closed the socket and gave no reason that the client library can read. It swallows a DISCONNECT
    /// that leaves out its empty properties, as the standard allows and mosquitto and the embedded broker do, so
    /// this may also be a session taken over.
    #[error("closed by the broker without a readable reason")]
    Closed,
    /// The socket failed.
    #[error("connection failed: {0}")]
    Io(String),
}

/// Failure codes of CONNACK that call for different answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConnectRefusal {
    /// Wrong user name or password.
    #[error("bad user name or password")]
    BadCredentials,
    /// Known, but not allowed.
    #[error("not authorised")]
    NotAuthorised,
    /// The client id is not one the broker lets this identity use.
    #[error("client id not valid")]
    ClientId,
    /// Try later.
    #[error("server busy or unavailable")]
    Busy,
    /// Anything else.
    #[error("other reason")]
    Other,
}

/// Why a request could not be handed to the loop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The link has ended; `Lost` says why.
    #[error("link is closed")]
    Closed,
    /// The topic holds a wildcard or is empty, or a filter is malformed.
    #[error("topic or filter is malformed")]
    BadTopic,
    /// The broker would drop the connection over it.
    #[error("packet of {size} bytes exceeds the broker's maximum of {max}")]
    TooLarge {
        /// Estimated size of the packet in bytes.
        size: usize,
        /// Maximum Packet Size of CONNACK.
        max: u32,
    },
    /// The token belongs to an earlier connection; that message will come again by the sender's own resend.
    #[error("acknowledgement belongs to another connection")]
    ForeignAck,
}

/// Requests to one connection. Cheap to clone; when the last clone is dropped the socket is cut without farewell
/// and the broker publishes the will.
#[derive(Clone)]
pub struct LinkHandle {
    client: AsyncClient,
    link: u64,
    packet_max: Arc<AtomicU32>,
    control: mpsc::Sender<poll::Hang>,
}

impl fmt::Debug for LinkHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkHandle").field("link", &self.link).finish_non_exhaustive()
    }
}

/// Opens connections.
#[derive(Debug, Clone, Copy)]
pub struct Link;

impl Link {
    /// Starts connecting and returns at once; `Connected` or `Lost` follows. Must be called inside a tokio runtime:
    /// it spawns the one task that polls this connection.
    ///
    /// # Errors
    /// When the configuration cannot work.
    pub fn connect(config: LinkConfig) -> Result<(LinkHandle, mpsc::Receiver<LinkEvent>), LinkConfigError> {
        static NEXT_LINK: AtomicU64 = AtomicU64::new(1);

        let receive_max = usize::from(config.receive_max);
        let capacity = receive_max + 2 * usize::from(config.in_flight) + EVENT_HEADROOM + OVERSHOOT_MESSAGES;
        let packet_bytes_max = usize::try_from(config.packet_max).unwrap_or(usize::MAX);
        let budget_bytes = receive_max.saturating_mul(packet_bytes_max);
        let options = library_options(config)?;
        let link = NEXT_LINK.fetch_add(1, Ordering::Relaxed);
        let (client, event_loop) = AsyncClient::new(options, REQUEST_CAPACITY);
        let (events_tx, events_rx) = mpsc::channel(capacity);
        let (control_tx, control_rx) = mpsc::channel(1);
        let packet_max = Arc::new(AtomicU32::new(u32::MAX));
        tokio::spawn(poll::run(poll::Task {
            event_loop,
            client: client.clone(),
            events: events_tx,
            control: control_rx,
            link,
            packet_max: Arc::clone(&packet_max),
            budget_bytes,
        }));
        Ok((LinkHandle { client, link, packet_max, control: control_tx }, events_rx))
    }
}

impl LinkHandle {
    /// Asks for filters at QoS 1; one `SubAck` event answers all of them.
    ///
    /// # Errors
    /// When a filter is malformed or the link has ended.
    pub async fn subscribe(&self, filters: &[String]) -> Result<(), LinkError> {
        if filters.is_empty() || filters.iter().any(|filter| !crate::broker::filter_is_valid(filter)) {
            return Err(LinkError::BadTopic);
        }
        let filters = filters.iter().map(|filter| Filter::new(filter.clone(), QoS::AtLeastOnce));
        self.client.subscribe_many(filters).await.map_err(|_| LinkError::Closed)
    }

    /// Ends subscriptions; what the broker had under way may still arrive.
    ///
    /// # Errors
    /// When the link has ended.
    pub async fn unsubscribe(&self, filters: &[String]) -> Result<(), LinkError> {
        for filter in filters {
            self.client.unsubscribe(filter.clone()).await.map_err(|_| LinkError::Closed)?;
        }
        Ok(())
    }

    /// Hands one message to the loop, waiting while it is busy writing. The owner keeps its own count of what is
    /// without PUBACK and stays within W.
    ///
    /// # Errors
    /// When the topic is malformed, the packet is above the broker's maximum, or the link has ended.
    pub async fn publish(&self, message: Outgoing) -> Result<(), LinkError> {
        let Outgoing { topic, payload, qos, retain, expiry_s, content_type, traceparent } = message;
        if !crate::broker::topic_is_valid(&topic) {
            return Err(LinkError::BadTopic);
        }
        let properties = PublishProperties {
            message_expiry_interval: expiry_s,
            content_type,
            user_properties: traceparent.map(|value| (TRACEPARENT.to_owned(), value)).into_iter().collect(),
            ..PublishProperties::default()
        };
        let max = self.packet_max.load(Ordering::Relaxed);
        let size = packet_size(&topic, &payload, &properties);
        if u32::try_from(size).map_or(true, |size| size > max) {
            return Err(LinkError::TooLarge { size, max });
        }
        self.client.publish_bytes_with_properties(topic, library_qos(qos), retain, payload, properties).await.map_err(|_| LinkError::Closed)
    }

    /// Sends the PUBACK of one message. A QoS 0 token is taken and nothing is sent.
    ///
    /// # Errors
    /// When the token is of another connection or the link has ended.
    pub async fn ack(&self, token: AckToken) -> Result<(), LinkError> {
        let AckToken { link, packet_id, held: _settled } = token;
        if link != self.link {
            return Err(LinkError::ForeignAck);
        }
        if packet_id == 0 {
            return Ok(());
        }
        let publish = Publish { qos: QoS::AtLeastOnce, pkid: packet_id, ..Publish::default() };
        self.client.ack(&publish).await.map_err(|_| LinkError::Closed)
    }

    /// Says farewell: what was handed over before is written first, then DISCONNECT, so that the broker drops the
    /// will; after a second the socket is cut. To let the will speak, drop the handle instead.
    pub fn hang(&self) {
        // A full or closed channel means that somebody already asked, or that the link has ended.
        if self.control.try_send(poll::Hang).is_err() {
            tracing::debug!(link = self.link, "hang up asked for twice or too late");
        }
    }
}

/// Sets every default of the library that is wrong for us, see the pitfalls in the design.
fn library_options(config: LinkConfig) -> Result<MqttOptions, LinkConfigError> {
    let LinkConfig { host, port, client_id, username, password, tls, will, keep_alive, receive_max, packet_max, in_flight } = config;
    if client_id.is_empty() {
        return Err(LinkConfigError::ClientIdEmpty);
    }
    if keep_alive.as_secs() < KEEP_ALIVE_S_MIN {
        return Err(LinkConfigError::KeepAliveTooShort { given_s: keep_alive.as_secs() });
    }
    if receive_max == 0 {
        return Err(LinkConfigError::ReceiveMaxZero);
    }
    let slots = in_flight.checked_mul(2).filter(|slots| *slots > 0);
    let slots = slots.ok_or(LinkConfigError::Window { given: in_flight })?;

    let mut options = MqttOptions::new(client_id, host, port);
    options.set_clean_start(true);
    options.set_session_expiry_interval(Some(0));
    options.set_keep_alive(keep_alive);
    options.set_connection_timeout(limits::CONNECT_TIMEOUT.as_secs());
    options.set_receive_maximum(Some(receive_max));
    options.set_max_packet_size(Some(packet_max));
    options.set_topic_alias_max(Some(0));
    options.set_outgoing_inflight_upper_limit(slots);
    options.set_manual_acks(true);
    let mut network = options.network_options();
    // Small packets, each waited for: with Nagle's algorithm a batch would wait for the ACK of the one before.
    network.set_tcp_nodelay(true);
    options.set_network_options(network);
    if let Some(tls) = tls {
        let config = tls.current().ok_or(LinkConfigError::NoCertificate)?;
        options.set_transport(Transport::Tls(TlsConfiguration::Rustls(config)));
    }
    if let Some(username) = username {
        let password = password.as_ref().map_or("", |password| password.expose_secret());
        options.set_credentials(username, password);
    }
    if let Some(Will { topic, payload, retain, content_type }) = will {
        let properties = LastWillProperties {
            delay_interval: None,
            payload_format_indicator: None,
            message_expiry_interval: None,
            content_type,
            response_topic: None,
            correlation_data: None,
            user_properties: Vec::new(),
        };
        options.set_last_will(LastWill::new(topic, payload, QoS::AtLeastOnce, retain, Some(properties)));
    }
    Ok(options)
}

/// Upper estimate of a PUBLISH packet in bytes: fixed header 5, topic length 2, packet id 2, property length 4.
fn packet_size(topic: &str, payload: &Bytes, properties: &PublishProperties) -> usize {
    let content_type = properties.content_type.as_ref().map_or(0, |value| value.len() + 3);
    let user: usize = properties.user_properties.iter().map(|(key, value)| key.len() + value.len() + 5).sum();
    let expiry = properties.message_expiry_interval.map_or(0, |_| 5);
    13 + topic.len() + payload.len() + content_type + user + expiry
}

fn library_qos(qos: Qos) -> QoS {
    match qos {
        Qos::AtMostOnce => QoS::AtMostOnce,
        Qos::AtLeastOnce => QoS::AtLeastOnce,
    }
}
