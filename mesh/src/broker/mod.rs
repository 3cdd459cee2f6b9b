//! The MQTT broker as aisle sees it: an address, and rules.
//!
//! Owns: the `Broker` trait, the shared access rules and the count of refusals. Takes: `AccessRules`. Emits: a running
//! broker, embedded or mosquitto. On failure: a broker that cannot start says why; nothing of value is lost with one
//! that dies, because no broker ever holds the only copy of anything.

pub mod access;
pub mod credential;
pub mod embedded;
pub mod filter;
mod front;
pub mod mosquitto;

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

use aisle_schemas::limits;
use async_trait::async_trait;
use tokio::sync::watch;

pub use access::{AccessRules, Account, AccountName, Refusal, Role};
pub use credential::{Credential, CredentialError, secret_from_random};
pub use embedded::{EmbeddedBroker, EmbeddedConfig};
pub use filter::{filter_covers, filter_is_valid, filter_matches, topic_is_valid};
pub use mosquitto::{Listener, MosquittoBroker, TlsFiles};

use crate::telemetry::Counted;

/// Largest packet that our brokers take, in bytes (AS-096 asks for no less).
pub const PACKET_BYTES_MAX: usize = limits::PACKET_BYTES_MAX as usize;
/// Publishes a broker lets each client have without PUBACK: twice the widest window of AS-029.
pub const RECEIVE_MAX: u16 = 256;
/// Bytes a broker keeps for one client that does not read; beyond, the newest are dropped and the protocol resends.
pub const QUEUE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Messages a broker keeps for one client that does not read.
pub const QUEUE_MESSAGES_MAX: usize = 1_000;
/// Retained messages of one broker: ten per device and partition states, with room.
pub const RETAINED_MAX: usize = 50_000;
/// Hours after which a broker forgets a session whose client is gone.
pub const SESSION_EXPIRY_H: u64 = 1;

/// Which bus a broker serves; several may run in one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bus {
    /// Between stores and cloud.
    Mesh,
    /// Inside one store.
    Local,
}

impl Bus {
    /// Value of the metric label `bus`.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Mesh => "mesh",
            Self::Local => "local",
        }
    }
}

/// A running broker.
#[async_trait]
pub trait Broker: Send + Sync {
    /// Where clients connect.
    fn address(&self) -> SocketAddr;

    /// Resolves when the broker is no longer running, for whatever reason.
    async fn ended(&self);

    /// Stops it and waits until its port is free.
    async fn stop(self: Box<Self>);
}

/// Why a broker is not running.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The listening socket could not be opened, or a limit is out of range.
    #[error("failed to start broker on {address}: {reason}")]
    Start {
        /// Address asked for.
        address: SocketAddr,
        /// What the broker says.
        reason: String,
    },
    /// A file of the broker could not be written.
    #[error("failed to write {file}")]
    Write {
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The broker's process could not be started.
    #[error("failed to run {program}")]
    Run {
        /// The program.
        program: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// The rules of a running broker. Clones share them, and changes hold from the next packet on.
#[derive(Debug, Clone, Default)]
pub struct Access {
    rules: Arc<RwLock<AccessRules>>,
    changed: watch::Sender<()>,
}

impl Access {
    /// Starts with these rules.
    #[must_use]
    pub fn new(rules: AccessRules) -> Self {
        Self { rules: Arc::new(RwLock::new(rules)), changed: watch::Sender::new(()) }
    }

    /// Reads the rules. A poisoned lock is read all the same: a panic aborts the process, so nobody sees half a change.
    pub fn with<T>(&self, read: impl FnOnce(&AccessRules) -> T) -> T {
        read(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the rules.
    pub fn update<T>(&self, change: impl FnOnce(&mut AccessRules) -> T) -> T {
        let changed = change(&mut self.rules.write().unwrap_or_else(PoisonError::into_inner));
        self.changed.send_replace(());
        changed
    }

    /// Tells of every change from now on.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}

/// A client or packet was refused.
#[derive(Debug, Clone)]
struct Refused<'a> {
    bus: Bus,
    account: &'a str,
    refusal: Refusal,
}

impl Counted for Refused<'_> {
    fn emit(self) {
        let Self { bus, account, refusal } = self;
        let labels = [("bus", bus.label()), ("reason", refusal.label())];
        metrics::counter!("aisle_broker_refusals_total", &labels).increment(1);
        // An account that signed in is known and a name of ours; what strangers send as a name is not logged.
        tracing::warn!(bus = bus.label(), account, reason = refusal.label(), "broker refused");
    }
}
