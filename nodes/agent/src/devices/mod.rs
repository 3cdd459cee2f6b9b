//! The faces of actors, for whoever speaks to devices: the local broker's bridge and the HTTP face.
//!
//! Owns nothing but addresses: where a message of a device goes, and where what it shall show can be watched. Made once in `app.rs`.
pub mod bridge;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use actix::Recipient;
use aisle_node_core::ids::{DisplayId, ScreenId, TouchpointId};
use aisle_node_core::product::Assortment;
use aisle_node_core::signage::label::StillShown;
use aisle_schemas::emergency::EmergencyState;
use aisle_schemas::ids::DeviceId;
use aisle_schemas::nfc::NfcShow;
use aisle_schemas::screen::{ScreenCommand, ScreenPlan};
use aisle_schemas::store::{DoorCode, StoreProfile};
use tokio::sync::{broadcast, watch};

use crate::actors::consultation::Shown;
use crate::actors::consultation_messages::{End, Offer, OnShift, Purged, Read, Revoke, Sign, SignIn, SignOut};
use crate::actors::emergency::{Begin, Clear};
use crate::actors::facts::Told;
use crate::actors::nfc_display::Touched;
use crate::actors::screen::{Interacted, ReportPlays, SaysState};
use crate::actors::trip_messages::{AtGate, OfPhone, OfStaff};
use crate::actors::visit_messages::{CheckIn, CheckOut, EnterZone, KnownVisitOfToken, Scanned};
use crate::actors::zones::Counted;

/// A screen as others see it.
pub struct ScreenFace {
    pub plan: watch::Receiver<Option<Arc<ScreenPlan>>>,
    /// Each page that draws the screen listens here, and by that the screen counts as reached.
    pub commands: broadcast::Sender<Arc<ScreenCommand>>,
    pub plays: Recipient<ReportPlays>,
    pub state: Recipient<SaysState>,
    pub interaction: Recipient<Interacted>,
}

/// An NFC display as others see it.
pub struct NfcFace {
    pub show: watch::Receiver<Option<Arc<NfcShow>>>,
    pub tap: Recipient<Touched>,
}

/// A door as others see it.
pub struct Door {
    pub code: watch::Receiver<Option<Arc<DoorCode>>>,
}

/// Staff tablets as others see them.
pub struct TabletsFace {
    pub shown: BTreeMap<DeviceId, watch::Receiver<Option<Arc<Shown>>>>,
    pub sign_in: Recipient<SignIn>,
    pub sign_out: Recipient<SignOut>,
    pub sign: Recipient<Sign>,
    pub offer: Recipient<Offer>,
    pub read: Recipient<Read>,
    pub end: Recipient<End>,
    pub purged: Recipient<Purged>,
    pub revoke: Recipient<Revoke>,
    pub on_shift: Recipient<OnShift>,
}

/// Trips as phones, staff and gates see them.
pub struct TripsFace {
    pub visit_of: Recipient<KnownVisitOfToken>,
    pub phone: Recipient<OfPhone>,
    pub staff: Recipient<OfStaff>,
    pub gate: Recipient<AtGate>,
}

/// All faces of a store.
pub struct Faces {
    pub screens: BTreeMap<ScreenId, ScreenFace>,
    pub displays: BTreeMap<DisplayId, NfcFace>,
    pub doors: BTreeMap<TouchpointId, Door>,
    pub sensors: BTreeSet<TouchpointId>,
    pub tablets: TabletsFace,
    pub counted: Recipient<Counted>,
    pub told: Recipient<Told>,
    pub begin_emergency: Recipient<Begin>,
    pub clear_emergency: Recipient<Clear>,
    pub emergency: watch::Receiver<EmergencyState>,
    /// Prices that labels may still show.
    pub still_shown: watch::Receiver<StillShown>,
    pub check_in: Recipient<CheckIn>,
    pub enter_zone: Recipient<EnterZone>,
    pub check_out: Recipient<CheckOut>,
    pub scanned: Recipient<Scanned>,
    pub trips: TripsFace,
    /// What the store sells.
    pub assortment: watch::Receiver<Arc<Assortment>>,
    pub visits_open: watch::Receiver<u32>,
    pub profile: watch::Receiver<Option<Arc<StoreProfile>>>,
}
