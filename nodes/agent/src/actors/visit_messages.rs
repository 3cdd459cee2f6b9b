//! What is asked of the visits.
//!
//! Owns the messages of [`super::visits::Visits`] and the reasons for which one has no effect. Emits nothing and cannot fail.
use std::sync::Arc;

use actix::prelude::*;
use aisle_node_core::ids::{VisitId, VisitToken, ZoneId};
use aisle_node_core::visit::book::NoVisit;
use aisle_node_core::visit::check_in::CheckInRefusal;
use aisle_schemas::http::node::NodeCheckedIn;
use aisle_schemas::ids::{EventId, Sku};
use aisle_schemas::store::StoreProfile;
use aisle_schemas::visit::{AdmitVisit, CheckInMethod, CloseVisit};

use crate::journal::JournalError;

/// A key under which the answer to one request is kept, both as SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdempotencyKey {
    pub key: [u8; 32],
    pub request: [u8; 32],
}

/// Somebody checks in at a door.
#[derive(Debug, Message)]
#[rtype(result = "Result<NodeCheckedIn, CheckInError>")]
pub struct CheckIn {
    pub code: String,
    pub pass: String,
    pub method: CheckInMethod,
    pub idempotency: Option<IdempotencyKey>,
    pub traceparent: Option<String>,
}

/// Why a check-in had no effect.
#[derive(Debug, thiserror::Error)]
pub enum CheckInError {
    #[error(transparent)]
    Refused(#[from] CheckInRefusal),
    #[error("the idempotency key was used for another request")]
    KeyReused,
    #[error("failed to commit the check-in")]
    Journal(#[from] JournalError),
}

/// The holder of a visit's token entered a zone.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), VisitError>")]
pub struct EnterZone {
    pub token: VisitToken,
    pub zone: ZoneId,
    pub traceparent: Option<String>,
}

/// The holder of a visit's token scanned a product.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), VisitError>")]
pub struct Scanned {
    pub token: VisitToken,
    pub sku: Sku,
    pub traceparent: Option<String>,
}

/// The holder of a visit's token checks out. A second time changes nothing.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), VisitError>")]
pub struct CheckOut {
    pub token: VisitToken,
    pub traceparent: Option<String>,
}

/// Why a visit's request had no effect.
#[derive(Debug, thiserror::Error)]
pub enum VisitError {
    #[error(transparent)]
    NoVisit(#[from] NoVisit),
    #[error("the store has no such zone")]
    UnknownZone,
    #[error("failed to commit")]
    Journal(#[from] JournalError),
}

/// An order of the cloud about visits.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), JournalError>")]
pub struct CarryOut {
    pub order: EventId,
    pub what: VisitOrder,
    pub traceparent: Option<String>,
}

/// What the cloud may order.
#[derive(Debug, Clone)]
pub enum VisitOrder {
    Admit(AdmitVisit),
    Close(CloseVisit),
}

/// Which of these visits are open.
#[derive(Debug, Message)]
#[rtype(result = "Vec<VisitId>")]
pub struct StandingVisits(pub Vec<VisitId>);

/// The open visit of a token.
#[derive(Debug, Message)]
#[rtype(result = "Option<VisitId>")]
pub struct VisitOfToken(pub VisitToken);

/// The visit of a token, also when it closed a while ago.
#[derive(Debug, Message)]
#[rtype(result = "Option<KnownVisit>")]
pub struct KnownVisitOfToken(pub VisitToken);

/// A visit that is not forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownVisit {
    pub visit: VisitId,
    pub is_open: bool,
}

/// The store's profile changed.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct StoreChanged(pub Arc<StoreProfile>);
