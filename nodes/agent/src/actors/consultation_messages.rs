//! What is asked of the consultations.
//!
//! Owns the messages of [`super::consultation::Consultations`] and the reasons for which one has no effect. Emits nothing and cannot fail.
use actix::prelude::*;
use aisle_node_core::consultation::{NotOffered, Refusal};
use aisle_schemas::handshake::{HandshakeId, Scope};
use aisle_schemas::http::cloud::{RelayAsk, RelayCall, RelayReply, SealedFields, StaffCard};
use aisle_schemas::ids::{DeviceId, VisitToken};

/// Why a tablet's request had no effect.
#[derive(Debug, thiserror::Error)]
pub enum TabletError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    NotOffered(#[from] NotOffered),
    #[error("no such badge, or another PIN")]
    SignIn,
    #[error("too many wrong PINs: wait a minute")]
    TooManyPins,
    #[error("nobody is on shift at this tablet, or it is locked")]
    Locked,
    #[error("there is no such tablet")]
    Unknown,
    #[error("this node has no way to the cloud for consultations")]
    NoRelay,
    #[error("the cloud does not answer")]
    CloudAway,
}

/// A member of staff begins a shift, or unlocks the tablet.
#[derive(Message)]
#[rtype(result = "Result<StaffCard, TabletError>")]
pub struct SignIn {
    pub device: DeviceId,
    pub badge: String,
    pub pin: String,
}

/// The shift at a tablet ends.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), TabletError>")]
pub struct SignOut(pub DeviceId);

/// A tablet is there.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), TabletError>")]
pub struct Sign {
    pub device: DeviceId,
    pub touched: bool,
}

/// Who is on shift at a tablet that is not locked.
#[derive(Debug, Message)]
#[rtype(result = "Result<StaffCard, TabletError>")]
pub struct OnShift(pub DeviceId);

/// Advice is offered.
#[derive(Debug, Message)]
#[rtype(result = "Result<HandshakeId, TabletError>")]
pub struct Offer {
    pub device: DeviceId,
    /// SHA-256 of what the tablet proves itself with, lower-case hex.
    pub device_sha256: String,
    pub wanted: Vec<Scope>,
    pub reason: String,
}

/// The tablet asks for what was shared.
#[derive(Debug, Message)]
#[rtype(result = "Result<SealedFields, TabletError>")]
pub struct Read {
    pub device: DeviceId,
    pub device_sha256: String,
    pub handshake: HandshakeId,
    pub scope: Scope,
    pub key: String,
}

/// Staff end it.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), TabletError>")]
pub struct End {
    pub device: DeviceId,
    pub handshake: HandshakeId,
}

/// Nothing is left on the tablet.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), TabletError>")]
pub struct Purged {
    pub device: DeviceId,
    pub handshake: HandshakeId,
}

/// The customer stops it, on the store's network.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), TabletError>")]
pub struct Revoke {
    pub token: VisitToken,
    pub handshake: HandshakeId,
}

/// The cloud knows an offer.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Announced(pub HandshakeId);

/// The customer's phone asked something; the answer is what the cloud is told.
#[derive(Debug, Message)]
#[rtype(result = "Option<RelayCall>")]
pub struct Heard {
    pub handshake: HandshakeId,
    pub ask: RelayAsk,
}

/// The cloud answered a renewal; none where it could not be reached.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Renewed {
    pub handshake: HandshakeId,
    pub reply: Option<RelayReply>,
}
