//! Every record and document type that crosses between store and cloud, declared once: type, stream, body.
//!
//! Owns the list; [`Body`] is the parsed form. An unknown type is an error that the receiver quarantines, never a silent skip.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    blob::Blob,
    document::{ClearOverride, DocumentReport, Override},
    emergency::{EmergencyOrder, EmergencySet, EmergencyState},
    log::{LogEpoch, LogLost, NodeReport},
    nfc::{NfcProgramme, NfcReport, TapKept, TapRecorded},
    offer::Offer,
    product::StoreProduct,
    screen::{Play, ScreenCommand, ScreenProgramme, ScreenReport},
    store::{StoreProfile, ZoneReport},
    sync::Stream,
    trip::{AuditDay, TripChanged},
    visit::{AdmitVisit, CheckInRefused, CloseVisit, ContextLease, DeviceAttached, OrderDone, VisitClosed, VisitOpened, VisitSeen},
};

/// A record type as documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordType {
    /// CloudEvents `type`.
    pub name: &'static str,
    pub stream: Stream,
    /// For documents the first part of the key (`screen` in `screen/window-1`), else the noun of `subject`.
    pub subject: &'static str,
    /// Name of the body's JSON Schema.
    pub body: &'static str,
}

/// Why a record's body could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    #[error("unknown record type {type_:?} with subject {subject:?}")]
    UnknownType { type_: String, subject: String },
    #[error("failed to read the body of {type_}: {reason}")]
    Malformed { type_: String, reason: String },
}

macro_rules! records {
    ($($(#[doc = $doc:literal])* $variant:ident($body:ident) = $type:literal, $stream:ident, $subject:literal;)*) => {
        /// A record's body, parsed.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Body { $($(#[doc = $doc])* $variant(Box<$body>)),* }

        /// All record types.
        pub const RECORD_TYPES: &[RecordType] = &[$(RecordType { name: $type, stream: Stream::$stream, subject: $subject, body: stringify!($body) }),*];

        impl Body {
            /// CloudEvents `type`.
            pub fn type_name(&self) -> &'static str { match self { $(Self::$variant(_) => $type),* } }
            /// Stream it travels on.
            pub fn stream(&self) -> Stream { match self { $(Self::$variant(_) => Stream::$stream),* } }
            /// The body as JSON.
            pub fn to_raw(&self) -> Result<Box<RawValue>, serde_json::Error> { match self { $(Self::$variant(body) => to_raw(body)),* } }
            /// Reads a body by type and, for documents, the first part of the key in `subject`.
            pub fn parse(type_: &str, subject: &str, data: &RawValue) -> Result<Self, BodyError> {
                let noun = subject.split('/').next().unwrap_or_default();
                $(if type_ == $type && noun == $subject {
                    return serde_json::from_str(data.get()).map(|body| Self::$variant(Box::new(body)))
                        .map_err(|e| BodyError::Malformed { type_: type_.to_owned(), reason: e.to_string() });
                })*
                Err(BodyError::UnknownType { type_: type_.to_owned(), subject: subject.to_owned() })
            }
        }
    };
}

impl Body {
    /// Blobs that the body names; it is in force at a store once all of them are there (AS-079).
    pub fn media(&self) -> &[Blob] {
        match self {
            Self::ScreenDesired(programme) => &programme.media,
            Self::OfferDesired(offer) => &offer.media,
            Self::EmergencyDesired(set) => &set.media,
            Self::ProductDesired(sold) => &sold.product.media,
            Self::VisitOpened(_)
            | Self::DeviceAttached(_)
            | Self::VisitSeen(_)
            | Self::VisitClosed(_)
            | Self::CheckInRefused(_)
            | Self::TripChanged(_)
            | Self::AuditDayTold(_)
            | Self::LogLost(_)
            | Self::LogEpochBegun(_)
            | Self::OrderDone(_)
            | Self::PlayLogged(_)
            | Self::TapRecorded(_)
            | Self::ScreenReported(_)
            | Self::NfcReported(_)
            | Self::ZoneReported(_)
            | Self::NodeReported(_)
            | Self::DocumentReported(_)
            | Self::OverrideReported(_)
            | Self::EmergencyReported(_)
            | Self::EmergencyOrdered(_)
            | Self::AdmitVisit(_)
            | Self::CloseVisit(_)
            | Self::ScreenCommanded(_)
            | Self::TapKept(_)
            | Self::ClearOverride(_)
            | Self::StoreDesired(_)
            | Self::NfcDesired(_)
            | Self::ContextDesired(_) => &[],
        }
    }
}

fn to_raw<T: Serialize>(body: &T) -> Result<Box<RawValue>, serde_json::Error> {
    serde_json::value::to_raw_value(body)
}

/// CloudEvents type of a desired document; `data: null` deletes it.
pub const DESIRED_SET: &str = "aisle.desired.set.v1";
/// CloudEvents type of a reported document.
pub const REPORTED_SET: &str = "aisle.reported.set.v1";

/// Key of the reported document by which a node says how it is.
pub const NODE_SELF: &str = "node/self";

records! {
    /// A visit began.
    VisitOpened(VisitOpened) = "aisle.visit.opened.v1", Sess, "visit";
    /// A second check-in joined an open visit.
    DeviceAttached(DeviceAttached) = "aisle.visit.device-attached.v1", Sess, "visit";
    /// A signal within a visit.
    VisitSeen(VisitSeen) = "aisle.visit.seen.v1", Sess, "visit";
    /// A visit ended.
    VisitClosed(VisitClosed) = "aisle.visit.closed.v1", Sess, "visit";
    /// A check-in was refused.
    CheckInRefused(CheckInRefused) = "aisle.checkin.refused.v1", Audit, "checkin";
    /// A trip reached a state that others act on.
    TripChanged(TripChanged) = "aisle.trip.changed.v1", Sess, "trip";
    /// The key by which baskets are drawn on a day: its hash, and later itself.
    AuditDayTold(AuditDay) = "aisle.trip.day.v1", Audit, "trip";
    /// Records that will never arrive.
    LogLost(LogLost) = "aisle.log.lost.v1", Audit, "log";
    /// The log began again.
    LogEpochBegun(LogEpoch) = "aisle.log.epoch.v1", Audit, "log";
    /// What became of an order.
    OrderDone(OrderDone) = "aisle.order.done.v1", Audit, "order";
    /// Proof of play.
    PlayLogged(Play) = "aisle.play.logged.v1", Tele, "screen";
    /// An NFC display was touched.
    TapRecorded(TapRecorded) = "aisle.tap.recorded.v1", Tele, "nfc";
    /// State of a screen.
    ScreenReported(ScreenReport) = "aisle.reported.set.v1", Reported, "screen";
    /// State of an NFC display.
    NfcReported(NfcReport) = "aisle.reported.set.v1", Reported, "nfc";
    /// Counts of a zone.
    ZoneReported(ZoneReport) = "aisle.reported.set.v1", Reported, "zone";
    /// State of the node itself.
    NodeReported(NodeReport) = "aisle.reported.set.v1", Reported, "node";
    /// What became of a desired document.
    DocumentReported(DocumentReport) = "aisle.reported.set.v1", Reported, "desired";
    /// What staff show instead of a desired document.
    OverrideReported(Override) = "aisle.reported.set.v1", Reported, "override";
    /// The emergency that is on.
    EmergencyReported(EmergencyState) = "aisle.reported.set.v1", Reported, "emergency";
    /// Check in through the cloud.
    AdmitVisit(AdmitVisit) = "aisle.visit.admit.v1", Order, "visit";
    /// End a visit.
    CloseVisit(CloseVisit) = "aisle.visit.close.v1", Order, "visit";
    /// A command to one screen.
    ScreenCommanded(ScreenCommand) = "aisle.screen.command.v1", Order, "screen";
    /// A tap was claimed by a phone.
    TapKept(TapKept) = "aisle.tap.kept.v1", Order, "nfc";
    /// Begin or end an emergency.
    EmergencyOrdered(EmergencyOrder) = "aisle.emergency.set.v1", Order, "emergency";
    /// End an override before its time.
    ClearOverride(ClearOverride) = "aisle.override.clear.v1", Order, "override";
    /// The store itself.
    StoreDesired(StoreProfile) = "aisle.desired.set.v1", Desired, "store";
    /// A screen's programme.
    ScreenDesired(ScreenProgramme) = "aisle.desired.set.v1", Desired, "screen";
    /// An NFC display's programme.
    NfcDesired(NfcProgramme) = "aisle.desired.set.v1", Desired, "nfc";
    /// Content for an emergency.
    EmergencyDesired(EmergencySet) = "aisle.desired.set.v1", Desired, "emergency";
    /// A published offer.
    OfferDesired(Offer) = "aisle.desired.set.v1", Desired, "offer";
    /// A product as the store sells it.
    ProductDesired(StoreProduct) = "aisle.desired.set.v1", Desired, "product";
    /// Context of an open visit.
    ContextDesired(ContextLease) = "aisle.desired.set.v1", Desired, "context";
}
