//! The faces of actors, for whoever speaks to devices: the local broker's bridge and the HTTP face.
//!
//! Owns nothing but addresses: where a message of a device goes, and where what it shall show can be watched. Made once in `app.rs`.
pub mod bridge;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use actix::Recipient;
use aisle_node_core::ids::{DisplayId, ScreenId, TouchpointId};
use aisle_schemas::nfc::NfcShow;
use aisle_schemas::screen::{ScreenCommand, ScreenPlan};
use aisle_schemas::store::{DoorCode, StoreProfile};
use tokio::sync::{broadcast, watch};

use crate::actors::nfc_display::Touched;
use crate::actors::screen::{Interacted, ReportPlays, SaysState};
use crate::actors::visit_messages::{CheckIn, CheckOut, EnterZone};
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

/// All faces of a store.
pub struct Faces {
    pub screens: BTreeMap<ScreenId, ScreenFace>,
    pub displays: BTreeMap<DisplayId, NfcFace>,
    pub doors: BTreeMap<TouchpointId, Door>,
    pub sensors: BTreeSet<TouchpointId>,
    pub counted: Recipient<Counted>,
    pub check_in: Recipient<CheckIn>,
    pub enter_zone: Recipient<EnterZone>,
    pub check_out: Recipient<CheckOut>,
    pub visits_open: watch::Receiver<u32>,
    pub profile: watch::Receiver<Option<Arc<StoreProfile>>>,
}
