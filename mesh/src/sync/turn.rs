//! What a machine is given besides its input: the time and randomness; and what it says beside its outputs.
//!
//! Owns [`Moment`], [`Turn`], [`Alarm`] and [`Counted`]. Machines never ask a clock or a random source themselves, so that a simulation and
//! production run the same code.

use std::time::Duration;

use aisle_schemas::sync::Stream;
use rand::{Rng, RngCore};

/// A point in monotonic time, counted from when its driver started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Moment(pub Duration);

impl Moment {
    pub fn plus(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(wait))
    }
    /// Time from `earlier` to this; zero if it lies after.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// One step of a machine.
pub struct Turn<'a> {
    pub now: Moment,
    pub rng: &'a mut dyn RngCore,
}

impl Turn<'_> {
    /// Uniform in 0 … `max`.
    pub fn up_to(&mut self, max: Duration) -> Duration {
        let max = u64::try_from(max.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.rng.random_range(0..=max))
    }
    /// `wait`, give or take `percent` (at most 100).
    pub fn spread(&mut self, wait: Duration, percent: u32) -> Duration {
        let span = wait * percent.min(100) / 100;
        (wait - span) + self.up_to(span * 2)
    }
}

/// The earliest of several points in time.
pub(super) fn earliest(moments: impl IntoIterator<Item = Option<Moment>>) -> Option<Moment> {
    moments.into_iter().flatten().min()
}

/// A person should look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Alarm {
    SubscribeRefused,
    PublishRefused,
    /// This disk was set back; a new epoch begins.
    DiskBehind,
    /// The cloud needs records that this disk no longer has; a new epoch begins.
    PeerBehind,
    CloneSuspected,
    /// The cloud does not know a schema of this software.
    Unsupported,
    /// Another history of this node was accepted; re-claim needed.
    Superseded,
    /// Another node is active for the store; re-claim needed.
    Replaced,
    /// Somebody else connected under this identity.
    IdentityInUse,
    /// Topic, source and enrolment do not agree.
    BadIdentity,
    /// Too many poison records in a row.
    Held(Stream),
}

impl Alarm {
    /// Label of metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SubscribeRefused => "subscribe_refused",
            Self::PublishRefused => "publish_refused",
            Self::DiskBehind => "disk_behind",
            Self::PeerBehind => "peer_behind",
            Self::CloneSuspected => "clone_suspected",
            Self::Unsupported => "unsupported",
            Self::Superseded => "superseded",
            Self::Replaced => "replaced",
            Self::IdentityInUse => "identity_in_use",
            Self::BadIdentity => "bad_identity",
            Self::Held(_) => "held",
        }
    }
}

/// Something that changed nothing, or was dropped, and is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Counted {
    /// Of another session, epoch or term.
    Stale,
    /// Could not be read, or class A with a hole.
    Bad,
    Duplicate,
    Gap,
    /// No room or no database: the sender will send again.
    Shed,
    /// An ACK that moves nothing.
    AckBehind,
    /// A WELCOME to another HELLO.
    ForeignNonce,
    /// An input that the state does not list.
    Unexpected,
    /// QoS 0, an undeclared topic, or a topic that is not ours.
    NotOurs,
    Resent,
    Quarantined,
    StorageFailed,
}

impl Counted {
    /// Label of metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stale => "stale",
            Self::Bad => "bad",
            Self::Duplicate => "duplicate",
            Self::Gap => "gap",
            Self::Shed => "shed",
            Self::AckBehind => "ack_behind",
            Self::ForeignNonce => "foreign_nonce",
            Self::Unexpected => "unexpected",
            Self::NotOurs => "not_ours",
            Self::Resent => "resent",
            Self::Quarantined => "quarantined",
            Self::StorageFailed => "storage_failed",
        }
    }
}
