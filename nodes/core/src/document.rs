//! What becomes of a desired document at a store, and what staff may put over it (AS-076, AS-077).
//!
//! Owns the rules: whether a revision can be in force here, what is reported of it, what an override is made of. Takes bodies, what the store
//! has, and the wish of staff. Emits verdicts as values. On failure: a [`Rejection`] or an [`OverrideRefusal`]; nothing has changed.
use std::collections::BTreeSet;

use aisle_schemas::blob::check_media;
use aisle_schemas::content::{Content, ContentClass};
use aisle_schemas::document::{DocumentStatus, OVERRIDE_REASON_MAX, OVERRIDE_S_MAX, OverrideBody, OverrideRequest};
use aisle_schemas::ids::OfferId;
use aisle_schemas::nfc::NfcProgramme;
use aisle_schemas::record::Body;
use aisle_schemas::screen::{OfferSubscription, ScreenProgramme};
use chrono_tz::Tz;

use crate::ids::{DisplayId, ScreenId, VisitToken};
use crate::product::Sold;
use crate::signage::Programme;
use crate::signage::emergency::is_playable;

/// The devices that a store has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Equipment {
    pub screens: BTreeSet<ScreenId>,
    pub displays: BTreeSet<DisplayId>,
}

/// Why a revision is not in force here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// Its body cannot be read.
    Unreadable,
    /// Its body is about something else than its key.
    WrongKey,
    /// It is for a device that the store does not have.
    NotHere,
    /// A screen cannot play it.
    Programme,
    /// Its time zone is none.
    TimeZone,
    /// It names content that cannot be (AS-079).
    Media,
    /// A product without a price, or with a template of codes that is none.
    Product,
    /// The store has as many documents as it can hold (AS-055).
    TooMany,
}

impl Rejection {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::WrongKey => "wrong_key",
            Self::NotHere => "not_here",
            Self::Programme => "programme",
            Self::TimeZone => "time_zone",
            Self::Media => "media",
            Self::Product => "product",
            Self::TooMany => "too_many",
        }
    }

    /// Whether the store keeps the body all the same: it is in force once the store has the device.
    #[must_use]
    pub const fn is_kept(self) -> bool {
        match self {
            Self::NotHere => true,
            Self::Unreadable | Self::WrongKey | Self::Programme | Self::TimeZone | Self::Media | Self::Product | Self::TooMany => false,
        }
    }
}

/// Whether a document can be in force at a store. `equipment` is none as long as nobody has said what the store has.
///
/// # Errors
/// [`Rejection`].
pub fn judge(key: &str, body: &Body, equipment: Option<&Equipment>) -> Result<(), Rejection> {
    let (noun, name) = key.split_once('/').unwrap_or((key, ""));
    let about = |expected: &str, named: bool| if noun == expected && named { Ok(()) } else { Err(Rejection::WrongKey) };
    let here = |has: bool| if has { Ok(()) } else { Err(Rejection::NotHere) };
    match body {
        Body::StoreDesired(store) => store.time_zone.parse::<Tz>().map(|_| ()).map_err(|_| Rejection::TimeZone),
        Body::ScreenDesired(programme) => {
            about("screen", programme.screen.as_str() == name)?;
            check_media(&programme.media, programme.images()).map_err(|_| Rejection::Media)?;
            Programme::try_from(programme.as_ref()).map_err(|_| Rejection::Programme)?;
            here(equipment.is_none_or(|store| store.screens.contains(&programme.screen)))
        }
        Body::NfcDesired(programme) => {
            about("nfc", programme.display.as_str() == name)?;
            here(equipment.is_none_or(|store| store.displays.contains(&programme.display)))
        }
        Body::OfferDesired(offer) => {
            about("offer", OfferId::parse(name) == Ok(offer.offer))?;
            check_media(&offer.media, offer.images()).map_err(|_| Rejection::Media)
        }
        Body::ProductDesired(sold) => {
            about("product", sold.product.sku.as_str() == name)?;
            check_media(&sold.product.media, [sold.product.image.as_deref()]).map_err(|_| Rejection::Media)?;
            Sold::try_from(sold.as_ref()).map(|_| ()).map_err(|_| Rejection::Product)
        }
        Body::EmergencyDesired(set) => {
            about("emergency", set.set.as_str() == name)?;
            check_media(&set.media, set.images()).map_err(|_| Rejection::Media)?;
            if is_playable(set) { Ok(()) } else { Err(Rejection::Programme) }
        }
        Body::ContextDesired(_) => about("context", VisitToken::parse(name).is_ok()),
        // None of these is a desired document.
        Body::VisitOpened(_)
        | Body::DeviceAttached(_)
        | Body::VisitSeen(_)
        | Body::VisitClosed(_)
        | Body::CheckInRefused(_)
        | Body::TripChanged(_)
        | Body::AuditDayTold(_)
        | Body::LogLost(_)
        | Body::LogEpochBegun(_)
        | Body::OrderDone(_)
        | Body::PlayLogged(_)
        | Body::TapRecorded(_)
        | Body::ScreenReported(_)
        | Body::NfcReported(_)
        | Body::ZoneReported(_)
        | Body::NodeReported(_)
        | Body::DocumentReported(_)
        | Body::OverrideReported(_)
        | Body::EmergencyReported(_)
        | Body::EmergencyOrdered(_)
        | Body::AdmitVisit(_)
        | Body::CloseVisit(_)
        | Body::ScreenCommanded(_)
        | Body::TapKept(_)
        | Body::ClearOverride(_) => Err(Rejection::Unreadable),
    }
}

/// What is reported of the newest revision. That it was rejected, or waits for its content, stays true under an override.
#[must_use]
pub const fn status(rejected: bool, waiting: bool, overridden: bool) -> DocumentStatus {
    match (rejected, waiting, overridden) {
        (true, _, _) => DocumentStatus::Rejected,
        (false, true, _) => DocumentStatus::Applying,
        (false, false, true) => DocumentStatus::Overridden,
        (false, false, false) => DocumentStatus::Applied,
    }
}

/// Why an override is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OverrideRefusal {
    /// Everybody who passes sees it.
    #[error("only content of class P0 or P1 may be shown")]
    Class,
    #[error("a reason of 1 to {OVERRIDE_REASON_MAX} characters is needed")]
    Reason,
    #[error("it must last 1 s to {OVERRIDE_S_MAX} s")]
    Time,
    /// Only what a device shows can be overridden.
    #[error("nothing is shown by this document")]
    NotShown,
}

impl OverrideRefusal {
    /// The code of the refusal.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Class => "class",
            Self::Reason => "reason",
            Self::Time => "ttl",
            Self::NotShown => "not_overridable",
        }
    }

    /// The field at fault, as a JSON pointer.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Class => "/content/class",
            Self::Reason => "/reason",
            Self::Time => "/ttl_s",
            Self::NotShown => "",
        }
    }
}

/// What is shown instead of `desired`: the wished content alone, where and as large as the programme in force shows its own.
///
/// # Errors
/// [`OverrideRefusal`].
pub fn overriding(desired: &Body, wish: &OverrideRequest) -> Result<OverrideBody, OverrideRefusal> {
    let OverrideRequest { content, reason, ttl_s } = wish;
    match content.class {
        ContentClass::P0 | ContentClass::P1 => {}
        ContentClass::P2 | ContentClass::P3 | ContentClass::P4 => return Err(OverrideRefusal::Class),
    }
    let said = reason.chars().count();
    if reason.trim().is_empty() || said > OVERRIDE_REASON_MAX || reason.chars().any(char::is_control) {
        return Err(OverrideRefusal::Reason);
    }
    if !(1..=OVERRIDE_S_MAX).contains(ttl_s) {
        return Err(OverrideRefusal::Time);
    }
    match desired {
        Body::ScreenDesired(programme) => Ok(OverrideBody::Screen(Box::new(screen_alone(programme, content)))),
        Body::NfcDesired(programme) => Ok(OverrideBody::Nfc(Box::new(display_alone(programme, content)))),
        Body::StoreDesired(_)
        | Body::OfferDesired(_)
        | Body::EmergencyDesired(_)
        | Body::ProductDesired(_)
        | Body::ContextDesired(_)
        | Body::VisitOpened(_)
        | Body::DeviceAttached(_)
        | Body::VisitSeen(_)
        | Body::VisitClosed(_)
        | Body::CheckInRefused(_)
        | Body::TripChanged(_)
        | Body::AuditDayTold(_)
        | Body::LogLost(_)
        | Body::LogEpochBegun(_)
        | Body::OrderDone(_)
        | Body::PlayLogged(_)
        | Body::TapRecorded(_)
        | Body::ScreenReported(_)
        | Body::NfcReported(_)
        | Body::ZoneReported(_)
        | Body::NodeReported(_)
        | Body::DocumentReported(_)
        | Body::OverrideReported(_)
        | Body::EmergencyReported(_)
        | Body::EmergencyOrdered(_)
        | Body::AdmitVisit(_)
        | Body::CloseVisit(_)
        | Body::ScreenCommanded(_)
        | Body::TapKept(_)
        | Body::ClearOverride(_) => Err(OverrideRefusal::NotShown),
    }
}

fn screen_alone(programme: &ScreenProgramme, content: &Content) -> ScreenProgramme {
    ScreenProgramme { events: Vec::new(), subscription: None, fallback: content.clone(), ..programme.clone() }
}

fn display_alone(programme: &NfcProgramme, content: &Content) -> NfcProgramme {
    let subscription = OfferSubscription { offers_max: 0, ..programme.subscription.clone() };
    NfcProgramme { invitation: content.clone(), subscription, ..programme.clone() }
}
