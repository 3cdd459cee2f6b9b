//! The broker inside the process, on crate `mqtt5`.
//!
//! Owns: one listener that speaks MQTT 5 and 3.1.1, plain or behind TLS with client certificates, and the sessions on it. Takes:
//! `Access`, asked at every connect, publish and subscribe. Emits: its bound address. On failure: a start that fails says why; if the accept loop ends
//! by itself, `ended` resolves and the process should exit. It keeps sessions and retained messages in memory only.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mqtt5::broker::MqttBroker;
use mqtt5::broker::auth::{AuthProvider, AuthResult};
use mqtt5::broker::config::{BrokerConfig, StorageBackend, StorageConfig};
use mqtt5::broker::events::{BrokerEventHandler, ClientPublishEvent, PublishAction};
use mqtt5::broker::server::BrokerShutdownHandle;
use mqtt5::packet::connect::ConnectPacket;
use mqtt5::protocol::v5::reason_codes::ReasonCode;
use tokio::sync::watch;

use super::front::{Front, Peers};
use super::{
    Access, Broker, BrokerError, Bus, PACKET_BYTES_MAX, QUEUE_BYTES_MAX, QUEUE_MESSAGES_MAX, RECEIVE_MAX, RETAINED_MAX, Refusal, Refused,
    SESSION_EXPIRY_H,
};
use crate::telemetry::Counted;
use crate::tls::ServerTls;

/// Filters one client may hold: an instance that owns every partition holds 256 (AS-089), and the rest is margin.
const SUBSCRIPTIONS_MAX: usize = 512;
/// Messages handed to one client's task before they go to its queue.
const CLIENT_CHANNEL: usize = 256;
/// Topic aliases: the protocol forbids them (AS-028), devices may use a few.
const TOPIC_ALIASES_MAX: u16 = 16;
/// How often sessions that nobody came back for are swept.
const SWEEP_S: u64 = 60;

/// Where and how widely to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedConfig {
    /// What it serves; a label in metrics and logs.
    pub bus: Bus,
    /// Address to listen on; port 0 takes a free one.
    pub bind: SocketAddr,
    /// Connections at once.
    pub clients_max: usize,
}

/// A running embedded broker. Dropping it stops it without waiting.
pub struct EmbeddedBroker {
    address: SocketAddr,
    shutdown: BrokerShutdownHandle,
    ended: watch::Receiver<bool>,
    /// The listener that clients see, where it is not the library's own.
    front: Option<Front>,
}

impl EmbeddedBroker {
    /// Binds, and returns once clients can connect.
    ///
    /// # Errors
    /// When the address cannot be bound or a limit is out of range.
    pub async fn start(config: EmbeddedConfig, access: Access) -> Result<Self, BrokerError> {
        let EmbeddedConfig { bus, bind, clients_max } = config;
        Self::run(bind, clients_max, Gate { bus, access, peers: None }).await
    }

    /// Binds, and returns once clients with certificates can connect. Secrets open nothing here.
    ///
    /// # Errors
    /// When the address cannot be bound or a limit is out of range.
    pub async fn start_tls(config: EmbeddedConfig, access: Access, tls: &ServerTls) -> Result<Self, BrokerError> {
        let EmbeddedConfig { bus, bind, clients_max } = config;
        let peers = Peers::default();
        let inside = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut broker = Self::run(inside, clients_max, Gate { bus, access: access.clone(), peers: Some(peers.clone()) }).await?;
        let front = Front::start(bus, bind, tls, access, broker.address, peers, clients_max).await;
        let front = front.map_err(|error| BrokerError::Start { address: bind, reason: error.to_string() })?;
        broker.address = front.address();
        broker.front = Some(front);
        Ok(broker)
    }

    async fn run(bind: SocketAddr, clients_max: usize, gate: Gate) -> Result<Self, BrokerError> {
        let failed = |reason: String| BrokerError::Start { address: bind, reason };

        let gate = Arc::new(gate);
        let mut library = library_config(bind, clients_max);
        library.event_handler = Some(Arc::clone(&gate) as Arc<dyn BrokerEventHandler>);
        let broker = MqttBroker::with_config(library).await;
        let mut broker = broker.map_err(|error| failed(error.to_string()))?.with_auth_provider(gate);
        let address = broker.local_addr().ok_or_else(|| failed("no address was bound".to_owned()))?;
        let shutdown = broker.shutdown_handle();
        let mut ready = broker.ready_receiver();
        let (ended_tx, ended) = watch::channel(false);
        tokio::spawn(async move {
            match broker.run().await {
                Ok(()) => tracing::info!(%address, "embedded broker stopped"),
                Err(error) => tracing::error!(%address, %error, "embedded broker failed"),
            }
            ended_tx.send_replace(true);
        });
        if ready.wait_for(|ready| *ready).await.is_err() {
            return Err(failed("accept loop ended at once".to_owned()));
        }
        Ok(Self { address, shutdown, ended, front: None })
    }
}

#[async_trait]
impl Broker for EmbeddedBroker {
    fn address(&self) -> SocketAddr {
        self.address
    }

    async fn ended(&self) {
        let mut ended = self.ended.clone();
        // An error means that the sender is gone, and with it the broker.
        if ended.wait_for(|ended| *ended).await.is_err() {
            tracing::debug!("embedded broker's task is gone");
        }
    }

    async fn stop(mut self: Box<Self>) {
        // First, so that nobody comes while the library says farewell.
        drop(self.front.take());
        self.shutdown.shutdown();
        self.ended().await;
    }
}

impl Drop for EmbeddedBroker {
    fn drop(&mut self) {
        self.shutdown.shutdown();
    }
}

fn library_config(bind: SocketAddr, clients_max: usize) -> BrokerConfig {
    let mut storage = StorageConfig::new();
    storage.backend = StorageBackend::Memory;
    storage.enable_persistence = true;
    storage.cleanup_interval = Duration::from_secs(SWEEP_S);
    storage.max_queued_messages_per_client = QUEUE_MESSAGES_MAX;
    storage.max_queued_bytes_per_client = QUEUE_BYTES_MAX;

    let mut config = BrokerConfig::new().with_bind_address(bind);
    config.max_clients = clients_max;
    config.session_expiry_interval = Duration::from_hours(SESSION_EXPIRY_H);
    config.max_packet_size = PACKET_BYTES_MAX;
    config.topic_alias_maximum = TOPIC_ALIASES_MAX;
    // A shared subscription would spread one publisher's messages over several readers and lose their order.
    config.shared_subscription_available = false;
    config.max_subscriptions_per_client = SUBSCRIPTIONS_MAX;
    config.max_retained_messages = RETAINED_MAX;
    config.max_retained_message_size = PACKET_BYTES_MAX;
    config.client_channel_capacity = CLIENT_CHANNEL;
    config.server_receive_maximum = Some(RECEIVE_MAX);
    config.sys_topics_enabled = false;
    config.storage_config = storage;
    config
}

/// Lets the library ask our rules.
///
/// The library answers a refused publish with a reason code whatever the protocol, and an MQTT 3.1.1 client cannot read
/// one. So a client of 3.1.1 is marked when it signs in; its refused publish passes the first question, and is taken out
/// by the second, with the bare PUBACK that 3.1.1 knows.
struct Gate {
    bus: Bus,
    access: Access,
    /// Who showed which certificate; `None` where secrets are checked instead.
    peers: Option<Peers>,
}

/// Put before the account of a client that speaks MQTT 3.1.1. No account name holds a slash.
const OLD_PROTOCOL_MARK: &str = "3.1.1/";
/// Protocol level of MQTT 5.
const LEVEL_5: u8 = 5;

type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl AuthProvider for Gate {
    fn authenticate<'a>(&'a self, connect: &'a ConnectPacket, client_addr: SocketAddr) -> Answer<'a, mqtt5::Result<AuthResult>> {
        let will = connect.will.as_ref().map(|will| will.topic.as_str());
        let decided = match &self.peers {
            None => self
                .access
                .with(|rules| rules.authenticate(&connect.client_id, connect.username.as_deref(), connect.password.as_deref(), will)),
            Some(peers) => match peers.get(client_addr) {
                Some(certificate) => self.access.with(|rules| rules.authenticate_certified(&certificate, &connect.client_id, will)),
                // Somebody on this machine who went around the front.
                None => Err(Refusal::CertificateMissing),
            },
        };
        let result = match decided {
            Ok(account) if connect.protocol_version < LEVEL_5 => AuthResult::success_with_user(format!("{OLD_PROTOCOL_MARK}{account}")),
            Ok(account) => AuthResult::success_with_user(account.as_str()),
            Err(refusal) => {
                Refused { bus: self.bus, account: "", refusal }.emit();
                AuthResult::fail(connect_reason(refusal))
            }
        };
        Box::pin(std::future::ready(Ok(result)))
    }

    fn authorize_publish<'a>(&'a self, _client_id: &str, user_id: Option<&'a str>, topic: &'a str) -> Answer<'a, bool> {
        let speaks_5 = user_id.is_some_and(|user| !user.starts_with(OLD_PROTOCOL_MARK));
        let decided = !speaks_5 || self.allowed(user_id, |rules, account| rules.may_publish(account, topic));
        Box::pin(std::future::ready(decided))
    }

    fn authorize_subscribe<'a>(&'a self, _client_id: &str, user_id: Option<&'a str>, topic_filter: &'a str) -> Answer<'a, bool> {
        let decided = self.allowed(user_id, |rules, account| rules.may_subscribe(account, topic_filter));
        Box::pin(std::future::ready(decided))
    }
}

impl Gate {
    fn allowed(&self, account: Option<&str>, decide: impl FnOnce(&super::AccessRules, &str) -> Result<(), Refusal>) -> bool {
        let account = account.unwrap_or_default();
        let account = account.strip_prefix(OLD_PROTOCOL_MARK).unwrap_or(account);
        match self.access.with(|rules| decide(rules, account)) {
            Ok(()) => true,
            Err(refusal) => {
                Refused { bus: self.bus, account, refusal }.emit();
                false
            }
        }
    }
}

impl BrokerEventHandler for Gate {
    fn on_client_publish<'a>(&'a self, event: ClientPublishEvent) -> Answer<'a, PublishAction> {
        let user = event.user_id.as_deref();
        let speaks_5 = user.is_some_and(|user| !user.starts_with(OLD_PROTOCOL_MARK));
        let passes = speaks_5 || self.allowed(user, |rules, account| rules.may_publish(account, &event.topic));
        let action = if passes { PublishAction::Continue } else { PublishAction::Handled };
        Box::pin(std::future::ready(action))
    }
}

fn connect_reason(refusal: Refusal) -> ReasonCode {
    match refusal {
        Refusal::CredentialsMissing | Refusal::CertificateMissing | Refusal::CertificateRevoked | Refusal::WillForbidden => {
            ReasonCode::NotAuthorized
        }
        Refusal::AccountUnknown | Refusal::SecretWrong => ReasonCode::BadUsernameOrPassword,
        Refusal::ClientIdForeign => ReasonCode::ClientIdentifierNotValid,
        Refusal::PublishForbidden | Refusal::SubscribeForbidden => ReasonCode::NotAuthorized,
    }
}
