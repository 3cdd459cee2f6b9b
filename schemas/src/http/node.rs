//! HTTP face of a store node: bodies and routes. Serves the store's browser surfaces and phones on the store's network.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{Auth::*, Method::*, Route, route, stream};
use crate::{
    ids::{DeviceId, StoreId, VisitId, VisitToken, ZoneId},
    log::NodeReport,
    topic::DeviceKind,
    visit::CheckInMethod,
};

/// A device opens its session; the answer sets the cookie `aisle_device`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct DeviceSignIn {
    pub kind: DeviceKind,
    pub device: DeviceId,
    #[schemars(length(max = 128))]
    pub secret: String,
}

/// A phone checks in at the door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct NodeCheckIn {
    #[schemars(length(max = 200))]
    pub code: String,
    #[schemars(length(max = 200))]
    pub pass: String,
    pub method: CheckInMethod,
}

/// The visit is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct NodeCheckedIn {
    pub visit: VisitId,
    pub token: VisitToken,
    /// True where this check-in joined a visit that was open already.
    pub joined: bool,
}

/// A phone says in which zone it is (opted-in app only).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct ZoneEntered {
    pub zone: ZoneId,
}

/// What anyone may know of the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct NodeOverview {
    pub store: StoreId,
    pub visits_open: u32,
    /// Up to date with the cloud; the store works either way.
    pub cloud: CloudLink,
    /// Records accepted and not yet applied by the cloud.
    #[ts(type = "number")]
    pub pending: u64,
    /// Alarms, use of the disk, offline capacity.
    pub report: NodeReport,
    pub at: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum CloudLink {
    Open,
    Cut,
    /// Another box has this one's place, or its history: it sends nothing more until an operator re-claims it, on the box and in the cloud.
    Halted,
}

/// All routes of a node, pages aside.
pub const ROUTES: &[Route] = &[
    route(Post, "/v1/device-sessions", Public, Some("DeviceSignIn"), 204, None, "Open a device session"),
    stream("/v1/screens/{screen}/events", Device, &[("plan", "ScreenPlan"), ("command", "ScreenCommand")], "What this screen shall play"),
    route(Post, "/v1/screens/{screen}/plays", Device, Some("PlayReport"), 200, Some("PlayAck"), "Proof of play"),
    route(Put, "/v1/screens/{screen}/state", Device, Some("ScreenState"), 204, None, "A screen's own state"),
    route(
        Post,
        "/v1/screens/{screen}/interactions",
        Device,
        Some("ScreenInteraction"),
        204,
        None,
        "A touch or an approach, by nobody in particular",
    ),
    route(Put, "/v1/screens/{screen}/override", Device, Some("OverrideRequest"), 204, None, "Show something else for a while"),
    route(Delete, "/v1/screens/{screen}/override", Device, None, 204, None, "Show what the cloud wants again"),
    stream("/v1/nfc/{display}/events", Device, &[("show", "NfcShow")], "What this display shows"),
    route(Post, "/v1/nfc/{display}/taps", Device, Some("NfcTap"), 202, None, "The display was touched"),
    route(Put, "/v1/nfc/{display}/override", Device, Some("OverrideRequest"), 204, None, "Invite with something else for a while"),
    route(Delete, "/v1/nfc/{display}/override", Device, None, 204, None, "Invite as the cloud wants again"),
    stream("/v1/doors/{touchpoint}/events", Device, &[("code", "DoorCode")], "The door's check-in code"),
    route(Post, "/v1/sensors/{touchpoint}/counts", Device, Some("ZoneCount"), 204, None, "How many people a sensor counts"),
    route(Post, "/v1/sensors/{touchpoint}/facts", Device, Some("FactReports"), 204, None, "What an integrator tells of the store"),
    route(
        Put,
        "/v1/sensors/{touchpoint}/emergency",
        Device,
        Some("EmergencyRequest"),
        200,
        Some("ActiveEmergency"),
        "Begin an emergency, by a button or whoever is at the box",
    ),
    route(Delete, "/v1/sensors/{touchpoint}/emergency", Device, None, 204, None, "End the emergency that is on"),
    route(Get, "/v1/emergency", Public, None, 200, Some("EmergencyState"), "The emergency that is on, and the sets that lie ready"),
    route(Post, "/v1/checkins", Public, Some("NodeCheckIn"), 201, Some("NodeCheckedIn"), "Check in at the door"),
    route(Post, "/v1/visits/{token}/zones", Visit, Some("ZoneEntered"), 204, None, "Enter a zone"),
    route(
        Get,
        "/v1/products/by-gtin/{code}",
        Public,
        None,
        200,
        Some("ProductView"),
        "A product by whatever was scanned: GTIN-8 to -14, in-store code, element string, scanner data, or Digital Link, percent-encoded; \
         query `visit`, `language`",
    ),
    route(Get, "/v1/visits/{token}/trip", Visit, None, 200, Some("TripView"), "The visit's trip, with what opens the gate once it is paid"),
    route(Post, "/v1/visits/{token}/trip/lines", Visit, Some("LineAdd"), 200, Some("TripView"), "Put something into the basket"),
    route(Put, "/v1/visits/{token}/trip/lines/{line}", Visit, Some("LineChange"), 200, Some("TripView"), "Change a line, or take it out"),
    route(
        Post,
        "/v1/visits/{token}/trip/steps",
        Visit,
        Some("TripStepRequest"),
        200,
        Some("TripView"),
        "Freeze prices, go on scanning, go to the till",
    ),
    route(Get, "/v1/tablets/{tablet}/trips/{trip}", Device, None, 200, Some("TripView"), "A basket that staff look at"),
    route(Post, "/v1/tablets/{tablet}/trips/{trip}/checks", Device, Some("CheckResult"), 200, Some("TripView"), "What staff found"),
    route(Post, "/v1/tablets/{tablet}/trips/{trip}/payment", Device, Some("TillPayment"), 200, Some("TripView"), "The till has the money"),
    route(Post, "/v1/doors/{touchpoint}/exits", Device, Some("ExitRequest"), 200, Some("ExitGranted"), "May these goods leave"),
    route(Post, "/v1/visits/{token}/checkout", Visit, None, 204, None, "Check out"),
    route(Post, "/v1/visits/{token}/handshakes/{handshake}/revoke", Visit, None, 204, None, "Stop sharing at once, on the store's network"),
    route(Post, "/v1/tablets/{tablet}/shift", Device, Some("StaffSignIn"), 200, Some("StaffOnShift"), "Begin a shift, or unlock"),
    route(Delete, "/v1/tablets/{tablet}/shift", Device, None, 204, None, "End the shift"),
    route(Post, "/v1/tablets/{tablet}/signs", Device, Some("TabletSign"), 204, None, "The tablet is there"),
    stream("/v1/tablets/{tablet}/events", Device, &[("view", "TabletView")], "What this tablet shows"),
    route(Post, "/v1/tablets/{tablet}/offers", Device, Some("OfferAdvice"), 201, Some("AdviceOffered"), "Offer advice to whoever scans"),
    route(
        Post,
        "/v1/tablets/{tablet}/handshakes/{handshake}/reads",
        Device,
        Some("ReadShared"),
        200,
        Some("SealedFields"),
        "What the customer shared, sealed to this tablet",
    ),
    route(Post, "/v1/tablets/{tablet}/handshakes/{handshake}/end", Device, None, 204, None, "End the consultation"),
    route(Post, "/v1/tablets/{tablet}/handshakes/{handshake}/purged", Device, None, 204, None, "Nothing of it is left on this tablet"),
    route(Post, "/v1/operator/reclaim", Operator, None, 202, None, "A halted box connects again (AS-067)"),
    route(Post, "/v1/operator/new-epoch", Operator, None, 202, None, "The log begins a new epoch at its next HELLO (AS-061)"),
    route(Get, "/v1/status", Public, None, 200, Some("NodeOverview"), "The node at a glance"),
    route(Get, "/healthz", Public, None, 200, None, "The process lives"),
    route(Get, "/readyz", Public, None, 200, None, "The node serves"),
    route(Get, "/metrics", Public, None, 200, None, "Prometheus metrics"),
];
