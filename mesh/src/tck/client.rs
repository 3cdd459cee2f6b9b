//! A party that a check plays: one connection that waits for answers, within bounds.
//!
//! Owns [`Peer`], and what is needed to open one. Takes an address and a test identity. Emits the broker's answers and the messages that came
//! in between. On failure: [`Gone`], which says whether the link ended or nothing was said in time.

use std::collections::VecDeque;
use std::time::Duration;

use aisle_schemas::ids::{InstanceId, NodeId};
use aisle_schemas::limits::{KEEP_ALIVE, PACKET_BYTES_MAX, RECEIVE_MAX_NODE, WINDOW_NODE};
use bytes::Bytes;
use tokio::sync::mpsc;

use super::proof::{Login, Proof};
use crate::broker::Role;
use crate::link::{
    Incoming, Link, LinkConfig, LinkConfigError, LinkError, LinkEvent, LinkHandle, LostReason, Outgoing, PubReason, Qos, SubCode, Will,
};

/// Longest wait for one answer of a broker. A broker that needs longer for a PUBACK is of no use to a store.
pub const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// Messages that a peer keeps until a check looks at them; a check sends far fewer.
const INBOX_MAX: usize = 4_096;
/// Life of a probe inside the broker, seconds: nobody should meet it later.
const PROBE_EXPIRY_S: u32 = 60;

/// Where the broker is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub host: String,
    pub port: u16,
    /// TLS 1.3 with a certificate at both ends.
    pub tls: bool,
}

/// The text is no address of a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the address of a broker looks like mqtt://127.0.0.1:1883 or mqtts://broker.example:8883")]
pub struct EndpointError;

impl std::str::FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let (scheme, rest) = text.split_once("://").ok_or(EndpointError)?;
        let tls = match scheme {
            "mqtt" => false,
            "mqtts" => true,
            _ => return Err(EndpointError), // whatever else somebody typed
        };
        let (host, port) = rest.rsplit_once(':').ok_or(EndpointError)?;
        // A host with a colon is an IPv6 address in brackets.
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let good = !host.is_empty() && !host.contains(['/', '@', '[', ']']);
        let port = port.parse().map_err(|_| EndpointError)?;
        if good { Ok(Self { host: host.to_owned(), port, tls }) } else { Err(EndpointError) }
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { host, port, tls } = self;
        let scheme = if *tls { "mqtts" } else { "mqtt" };
        if host.contains(':') { write!(f, "{scheme}://[{host}]:{port}") } else { write!(f, "{scheme}://{host}:{port}") }
    }
}

/// A test identity that is a store's box.
#[derive(Debug, Clone)]
pub struct NodeAccount {
    /// `tenant.store.node`
    pub name: NodeId,
    pub proof: Proof,
}

/// A test identity that is a cloud instance.
#[derive(Debug, Clone)]
pub struct CloudAccount {
    /// The instance; its account is called `cloud.{instance}`.
    pub instance: InstanceId,
    pub proof: Proof,
}

/// Test identities on the broker.
#[derive(Debug, Clone)]
pub struct Identities {
    pub node: NodeAccount,
    pub cloud: CloudAccount,
    /// A second box. A broker that grants a forbidden subscription and then stays silent (mosquitto) can only be told from an open one by somebody
    /// who may send what must not be heard.
    pub other_node: Option<NodeAccount>,
}

/// An identity with its proof.
#[derive(Debug, Clone)]
pub struct Account {
    pub role: Role,
    pub proof: Proof,
}

impl Account {
    /// Name that it signs in with.
    #[must_use]
    pub fn name(&self) -> String {
        self.role.name().to_string()
    }
}

impl NodeAccount {
    /// As any account.
    #[must_use]
    pub fn account(&self) -> Account {
        Account { role: Role::Node(self.name.clone()), proof: self.proof.clone() }
    }
}

impl CloudAccount {
    /// As any account.
    #[must_use]
    pub fn account(&self) -> Account {
        Account { role: Role::Cloud(self.instance.clone()), proof: self.proof.clone() }
    }
}

impl Identities {
    /// All of them.
    #[must_use]
    pub fn accounts(&self) -> Vec<Account> {
        let Self { node, cloud, other_node } = self;
        [node.account(), cloud.account()].into_iter().chain(other_node.as_ref().map(NodeAccount::account)).collect()
    }
}

/// Why a peer got no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Gone {
    #[error("{0}")]
    Lost(LostReason),
    #[error("no answer within {} s", ANSWER_WAIT.as_secs())]
    Silent,
    #[error("{0}")]
    Link(LinkError),
    #[error("{0}")]
    Config(LinkConfigError),
    #[error("more than {INBOX_MAX} messages")]
    TooMuch,
}

/// What a broker said when the connection was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offered {
    pub receive_max: u16,
    pub packet_max: u32,
}

/// One connection.
pub struct Peer {
    handle: LinkHandle,
    events: mpsc::Receiver<LinkEvent>,
    inbox: VecDeque<Incoming>,
    offered: Offered,
}

/// How to connect, where it differs from what an identity does.
#[derive(Debug, Clone, Default)]
pub struct Manner {
    /// Another client id than the account's name.
    pub client_id: Option<String>,
    /// No user name and no secret, or no certificate at all.
    pub anonymous: bool,
    pub will: Option<Will>,
}

impl Peer {
    /// Connects and waits for CONNACK.
    ///
    /// # Errors
    /// When the broker refuses, or says nothing.
    pub async fn connect(endpoint: &Endpoint, account: &Account, manner: Manner) -> Result<Self, Gone> {
        let Manner { client_id, anonymous, will } = manner;
        let name = account.name();
        let Login { username, password, tls } = account.proof.login(&name, anonymous);
        let (handle, events) = Link::connect(LinkConfig {
            host: endpoint.host.clone(),
            port: endpoint.port,
            client_id: client_id.unwrap_or(name),
            username,
            password,
            tls,
            will,
            keep_alive: KEEP_ALIVE,
            receive_max: RECEIVE_MAX_NODE,
            packet_max: PACKET_BYTES_MAX,
            in_flight: WINDOW_NODE,
        })
        .map_err(Gone::Config)?;
        let offered = Offered { receive_max: 0, packet_max: 0 };
        let mut peer = Self { handle, events, inbox: VecDeque::new(), offered };
        loop {
            if let LinkEvent::Connected { receive_max, packet_max } = peer.event(ANSWER_WAIT).await? {
                peer.offered = Offered { receive_max, packet_max };
                return Ok(peer);
            }
        }
    }

    /// What CONNACK said.
    #[must_use]
    pub fn offered(&self) -> Offered {
        self.offered
    }

    async fn event(&mut self, wait: Duration) -> Result<LinkEvent, Gone> {
        let event = tokio::time::timeout(wait, self.events.recv()).await.map_err(|_| Gone::Silent)?;
        match event {
            Some(LinkEvent::Lost(reason)) => Err(Gone::Lost(reason)),
            Some(event) => Ok(event),
            None => Err(Gone::Link(LinkError::Closed)),
        }
    }

    /// Acknowledges a message and keeps it.
    async fn keep(&mut self, mut message: Incoming) -> Result<(), Gone> {
        if self.inbox.len() == INBOX_MAX {
            return Err(Gone::TooMuch);
        }
        // The token is spent here; what stays in the inbox needs none.
        let token = std::mem::replace(&mut message.ack, crate::link::AckToken::new(0, 0));
        self.inbox.push_back(message);
        self.handle.ack(token).await.map_err(Gone::Link)
    }

    /// Asks for one filter.
    ///
    /// # Errors
    /// When the link ends or the broker says nothing.
    pub async fn subscribe(&mut self, filter: &str) -> Result<SubCode, Gone> {
        self.handle.subscribe(&[filter.to_owned()]).await.map_err(Gone::Link)?;
        loop {
            match self.event(ANSWER_WAIT).await? {
                LinkEvent::SubAck(codes) => return codes.first().copied().ok_or(Gone::Silent),
                LinkEvent::Message(message) => self.keep(message).await?,
                LinkEvent::PubAck { .. } | LinkEvent::Connected { .. } | LinkEvent::Lost(_) => {}
            }
        }
    }

    /// Publishes one message and waits for its PUBACK.
    ///
    /// # Errors
    /// When the link ends or the broker says nothing.
    pub async fn publish(&mut self, message: Outgoing) -> Result<PubReason, Gone> {
        self.handle.publish(message).await.map_err(Gone::Link)?;
        loop {
            match self.event(ANSWER_WAIT).await? {
                LinkEvent::PubAck { reason } => return Ok(reason),
                LinkEvent::Message(message) => self.keep(message).await?,
                LinkEvent::SubAck(_) | LinkEvent::Connected { .. } | LinkEvent::Lost(_) => {}
            }
        }
    }

    /// The next message, at the latest after `wait`.
    ///
    /// # Errors
    /// When the link ends or none comes.
    pub async fn message(&mut self, wait: Duration) -> Result<Incoming, Gone> {
        let until = tokio::time::Instant::now() + wait;
        loop {
            if let Some(message) = self.inbox.pop_front() {
                return Ok(message);
            }
            let left = until.saturating_duration_since(tokio::time::Instant::now());
            if let LinkEvent::Message(message) = self.event(left).await? {
                self.keep(message).await?;
            }
        }
    }

    /// Everything that the broker had to say so far. An answered subscribe comes after what was under way before it; and because no more is under way
    /// than Receive Maximum allows, it is asked until an answer brings nothing new. `fence` is a filter that this identity may have and that no retained
    /// message matches, which would come again each time.
    ///
    /// # Errors
    /// When the link ends or the broker says nothing.
    pub async fn heard(&mut self, fence: &str) -> Result<Vec<Incoming>, Gone> {
        loop {
            let before = self.inbox.len();
            self.subscribe(fence).await?;
            if self.inbox.len() == before {
                return Ok(self.inbox.drain(..).collect());
            }
        }
    }

    /// Cuts the connection without farewell, so that the broker publishes the will.
    pub fn cut(self) {
        drop(self);
    }

    /// Says farewell and waits until the link has ended.
    pub async fn leave(mut self) {
        self.handle.hang();
        while self.event(ANSWER_WAIT).await.is_ok() {}
    }
}

/// A message that means nothing to anybody: nodes and instances drop and count it.
#[must_use]
pub fn probe(topic: String, body: &str, retain: bool) -> Outgoing {
    Outgoing {
        topic,
        payload: Bytes::copy_from_slice(body.as_bytes()),
        qos: Qos::AtLeastOnce,
        retain,
        expiry_s: Some(PROBE_EXPIRY_S),
        content_type: Some(aisle_schemas::topic::JSON.to_owned()),
        traceparent: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_broker_is_read_whole_or_not_at_all() {
        for good in ["mqtt://127.0.0.1:1883", "mqtt://broker.example:1", "mqtt://[::1]:1883", "mqtts://broker.example:8883"] {
            assert_eq!(good.parse::<Endpoint>().map(|endpoint| endpoint.to_string()), Ok(good.to_owned()));
        }
        for bad in
            ["", "127.0.0.1:1883", "mqtt://", "mqtt://x", "mqtt://:1", "mqtt://x:99999", "mqtt://u@x:1", "mqtt://x/y:1", "http://x:1"]
        {
            assert_eq!(bad.parse::<Endpoint>(), Err(EndpointError), "{bad}");
        }
    }
}
