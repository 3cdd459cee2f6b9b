//! What cloud instances share while they run: live events to open streams, who is present, rate limits, hints of used codes.
//!
//! Owns the trait [`Shared`] and its value types; [`memory`] serves one instance, [`redis`] several. Takes events and questions; emits
//! [`Subscription`]s and verdicts. Everything here can be thrown away at any time and comes back by itself: truth is in the database, and
//! a reader whose place is gone is told to fetch anew. On failure: [`SharedError`]; callers count it and go on without.

mod hub;
pub mod memory;
pub mod redis;

use std::{fmt, str::FromStr, sync::Arc, time::Duration};

use aisle_schemas::{
    handshake::HandshakeId,
    ids::{CustomerId, EventId, StoreId, VisitId},
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::{mpsc, watch};

/// Events that a stream remembers for readers that come back. A phone that was away longer fetches its feed anew.
pub const RING_EVENTS: usize = 128;
/// How long an unused ring is remembered.
pub const RING_LIFE: Duration = Duration::from_secs(600);
/// Rings remembered at a time by one instance.
pub const RINGS_MAX: u64 = 100_000;
/// Events that may wait for one reader before it is dropped and has to come back.
pub const READER_QUEUE: usize = 64;
/// Streams that one customer, or all consoles together, may hold at one instance.
pub const READERS_PER_CHANNEL: usize = 64;
/// How long a used code is remembered as a hint; longer than any code lives.
pub const NONCE_LIFE: Duration = Duration::from_secs(180);

/// Why shared state could not be used.
#[derive(Debug, thiserror::Error)]
pub enum SharedError {
    #[error("shared state is out of reach")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("too many readers of one stream")]
    TooManyReaders,
}

/// Whose stream.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Channel {
    Customer(CustomerId),
    Console,
    /// What a customer's phone asks of a tablet in a store.
    Handshake(HandshakeId),
    /// The answer to one such question.
    Ask(EventId),
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Customer(customer) => write!(f, "customer:{customer}"),
            Self::Console => f.write_str("console"),
            Self::Handshake(handshake) => write!(f, "handshake:{handshake}"),
            Self::Ask(ask) => write!(f, "ask:{ask}"),
        }
    }
}

/// Place in a stream: unix milliseconds and a counter. Rises within a channel, also over restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    pub ms: u64,
    pub n: u64,
}

impl Cursor {
    /// The next place, not before `now`.
    pub fn after(self, now: DateTime<Utc>) -> Self {
        let ms = u64::try_from(now.timestamp_millis()).unwrap_or(0);
        if ms > self.ms { Self { ms, n: 0 } } else { Self { ms: self.ms, n: self.n + 1 } }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.n)
    }
}

/// The text is no place in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a place in a stream looks like 1764000000000-0")]
pub struct CursorError;

impl FromStr for Cursor {
    type Err = CursorError;
    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (ms, n) = text.split_once('-').ok_or(CursorError)?;
        Ok(Self { ms: ms.parse().map_err(|_| CursorError)?, n: n.parse().map_err(|_| CursorError)? })
    }
}

/// What is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// SSE event name.
    pub kind: &'static str,
    /// Store it is about, for readers that look at one store.
    pub store: Option<StoreId>,
    /// One line of JSON.
    pub data: String,
}

/// What a reader gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveEvent {
    pub cursor: Cursor,
    pub kind: Arc<str>,
    pub store: Option<StoreId>,
    pub data: Arc<str>,
}

/// How a reader that came back continues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replay {
    /// It named no place.
    Fresh,
    /// These came after its place.
    Newer(Vec<LiveEvent>),
    /// Its place is gone: fetch anew.
    TooOld,
}

/// An open reader.
#[derive(Debug)]
pub struct Subscription {
    pub replay: Replay,
    /// Newest place at the time of subscribing.
    pub head: Cursor,
    /// What comes from now on; may repeat what `replay` holds. Ends when the reader was too slow.
    pub events: mpsc::Receiver<LiveEvent>,
}

/// A rate limit: `burst` at once, then one per `period / burst`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RateRule {
    /// Part of the key, e.g. `sign-in`.
    pub name: &'static str,
    pub burst: u32,
    pub period: Duration,
}

/// Too many; try again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany {
    pub retry_after: Duration,
}

/// State that instances share.
#[async_trait]
pub trait Shared: Send + Sync + 'static {
    /// Hands an event to every open reader of the channel, at every instance, and remembers it for a while.
    async fn publish(&self, channel: &Channel, event: Live, now: DateTime<Utc>) -> Result<(), SharedError>;
    /// Opens a reader that misses nothing after `last`.
    async fn subscribe(&self, channel: &Channel, last: Option<Cursor>, now: DateTime<Utc>) -> Result<Subscription, SharedError>;
    /// A visit is open until `until` unless it is said again.
    async fn present(&self, store: &StoreId, visit: VisitId, until: DateTime<Utc>) -> Result<(), SharedError>;
    /// A visit ended.
    async fn absent(&self, store: &StoreId, visit: VisitId) -> Result<(), SharedError>;
    /// Open visits of a store.
    async fn count_present(&self, store: &StoreId, now: DateTime<Utc>) -> Result<u32, SharedError>;
    /// Counts one use of what `key` names.
    async fn admit(&self, rule: RateRule, key: &str, now: DateTime<Utc>) -> Result<Result<(), TooMany>, SharedError>;
    /// Remembers that a code was used, after that was committed.
    async fn nonce_used(&self, key: &str) -> Result<(), SharedError>;
    /// Whether a code is known to have been used; `false` means ask the database.
    async fn is_nonce_used(&self, key: &str) -> Result<bool, SharedError>;
    /// Tells the other instances that something was committed for them. Losing it costs the time until their next look, nothing else.
    async fn wake(&self) -> Result<(), SharedError>;
    /// Changes whenever some instance has woken the others.
    fn woken(&self) -> watch::Receiver<()>;
    /// Whether it answers.
    async fn ping(&self) -> Result<(), SharedError>;
}
