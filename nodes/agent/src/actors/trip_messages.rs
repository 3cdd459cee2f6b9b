//! What is asked of the trips.
//!
//! Owns the messages of [`super::trips::Trips`] and the reasons for which one has no effect. Emits nothing and cannot fail.
use actix::prelude::*;
use aisle_node_core::product::code::CodeRefusal;
use aisle_node_core::trip::TripRefusal;
use aisle_node_core::trip::exit::ExitRefusal;
use aisle_schemas::ids::{TripId, VisitId};
use aisle_schemas::trip::{CheckResult, ExitGranted, LineIntent, TillPayment, TripStep, TripView};

use super::visit_messages::IdempotencyKey;
use crate::journal::JournalError;

/// What a phone does with the trip of its visit.
#[derive(Debug)]
pub enum PhoneDoes {
    Look,
    /// After the visit has closed: only what is on its way out, from the till to the gate.
    LookBack,
    Put {
        code: String,
        intent: LineIntent,
        quantity: u32,
    },
    Change {
        line: u32,
        intent: LineIntent,
        quantity: u32,
    },
    Step(TripStep),
}

/// The holder of an open visit does something with its trip.
#[derive(Debug, Message)]
#[rtype(result = "Result<TripView, TripError>")]
pub struct OfPhone {
    pub visit: VisitId,
    pub does: PhoneDoes,
    pub idempotency: Option<IdempotencyKey>,
    pub traceparent: Option<String>,
}

/// What staff do with a trip.
#[derive(Debug)]
pub enum StaffDo {
    Look,
    Check(CheckResult),
    Pay(TillPayment),
}

/// Staff at a tablet.
#[derive(Debug, Message)]
#[rtype(result = "Result<TripView, TripError>")]
pub struct OfStaff {
    pub trip: TripId,
    pub does: StaffDo,
    pub traceparent: Option<String>,
}

/// A gate has read a token.
#[derive(Debug, Message)]
#[rtype(result = "Result<ExitGranted, TripError>")]
pub struct AtGate {
    pub token: String,
    pub traceparent: Option<String>,
}

/// Why nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum TripError {
    #[error(transparent)]
    Refused(#[from] TripRefusal),
    #[error(transparent)]
    Code(#[from] CodeRefusal),
    #[error(transparent)]
    Exit(#[from] ExitRefusal),
    #[error("the idempotency key was used for another request")]
    KeyReused,
    #[error("failed to commit")]
    Journal(#[from] JournalError),
}
