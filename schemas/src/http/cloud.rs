//! HTTP face of the cloud: bodies and routes for customers, staff and integrations.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{Auth::*, FieldError, Method::*, Route, route, stream};
use crate::{
    content::{Content, Money, SurfaceKind},
    ids::{CampaignId, CandidateId, CardId, ConsentId, CustomerId, DecisionId, DialogueId, EventId, NodeId, OfferId, StoreId, VisitId},
    nfc::NfcReport,
    offer::{OfferTarget, Product, Variant},
    screen::{ScreenCommandKind, ScreenReport},
    store::{StoreProfile, ZoneReport},
    text::{Language, LocalText},
    visit::{CheckInMethod, CloseReason},
};

// --- sign-in -----------------------------------------------------------------------------------------------------------------

/// Ask for a sign-in code by e-mail. The answer is the same whether the address is known or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct SignInStart {
    #[schemars(length(max = 254))]
    pub email: String,
    pub language: Language,
}

/// Give the code from the mail; the answer sets the cookie `aisle_session`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct SignInFinish {
    #[schemars(length(max = 254))]
    pub email: String,
    /// Six digits.
    #[schemars(length(max = 16))]
    pub code: String,
}

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Me {
    pub customer: CustomerId,
    pub language: Language,
    /// True right after the account was made: show consent first.
    pub new: bool,
    pub roles: Vec<Role>,
    pub visit: Option<VisitView>,
    /// Interrupts are off until then.
    pub paused_until: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Customer,
    Marketer,
    Agent,
    Operator,
}

/// Change own settings; what is left out stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS, Default)]
#[serde(deny_unknown_fields)]
pub struct MeChange {
    pub language: Option<Language>,
    /// Pause marketing for so many days, 0 ends the pause.
    pub pause_days: Option<u16>,
    /// Channels the customer switches off or on, e.g. `push`.
    pub channel: Option<ChannelSwitch>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ChannelSwitch {
    pub channel: String,
    pub enabled: bool,
}

// --- the customer's own surface ------------------------------------------------------------------------------------------------

/// Where the person is, for the layout of home (A85).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum ContextClass {
    Home,
    Transit,
    NearStore,
    InStore,
    AtTill,
    PostVisit,
}

/// Elements of the home page, first one first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Home {
    pub context: ContextClass,
    pub elements: Vec<HomeElement>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum HomeElement {
    Scanner,
    Offers,
    Inspiration,
    Bookmarks,
    CheckIn,
    CheckOut,
    Receipt,
}

/// A card in the own feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Card {
    pub card: CardId,
    pub offer: OfferId,
    pub offer_rev: u32,
    pub product: Product,
    pub content: Content,
    pub price: Money,
    pub was: Option<Money>,
    /// Reason codes: `often_buys`, `popular_here`, `new_for_you`, `wish`.
    pub why: Vec<String>,
    pub visit: Option<VisitId>,
    pub until: DateTime<Utc>,
    pub bookmarked: bool,
    pub at: DateTime<Utc>,
    /// Of the check-in that led to it.
    pub traceparent: Option<String>,
}

/// The own feed, best first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Feed {
    pub cards: Vec<Card>,
    /// Version of the profile it was made from.
    #[ts(type = "number")]
    pub version: u64,
}

/// What the person did with a card or message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct OutcomeReport {
    pub outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Opened,
    Dismissed,
    Ignored,
    NotInteresting,
    Converted,
}

/// A marked offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Bookmark {
    pub offer: OfferId,
    pub product: Product,
    pub price: Money,
    pub was: Option<Money>,
    pub until: DateTime<Utc>,
    pub at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Bookmarks {
    pub bookmarks: Vec<Bookmark>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct BookmarkAdd {
    pub offer: OfferId,
}

/// A message that interrupts; handed over on the stream while the app is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct PushMessage {
    pub candidate: CandidateId,
    pub offer: Option<OfferId>,
    pub title: LocalText,
    pub body: LocalText,
    pub at: DateTime<Utc>,
}

/// How much interruption is left (A15).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Restraint {
    pub context: ContextClass,
    /// Interrupts left now and in the rolling week.
    pub left_now: f64,
    pub left_week: f64,
    pub fatigue: f64,
    pub paused_until: Option<DateTime<Utc>>,
    pub channels_disabled: Vec<String>,
}

// --- check-in, visit, tap --------------------------------------------------------------------------------------------------------

/// Signed one-time passes for check-in at a store, also offline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Passes {
    pub passes: Vec<PassView>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct PassView {
    pub pass: String,
    pub expires_at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct PassRequest {
    /// 1 to 5.
    pub count: u8,
}

/// Check in through the cloud with the door's code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct CloudCheckIn {
    #[schemars(length(max = 200))]
    pub code: String,
    pub method: CheckInMethod,
}

/// On its way to the store; the visit arrives on the stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct CheckInAccepted {
    pub checkin: EventId,
    pub store: StoreId,
}

/// A check-in that the store refused, on the stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct CheckInRefusal {
    pub checkin: EventId,
    pub reason: String,
}

/// A visit as its customer and staff see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct VisitView {
    pub visit: VisitId,
    pub store: StoreId,
    pub store_name: String,
    pub opened_at: DateTime<Utc>,
    pub zone: Option<String>,
    pub closed_at: Option<DateTime<Utc>>,
    pub closed_reason: Option<CloseReason>,
    pub traceparent: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Visits {
    pub visits: Vec<VisitView>,
}

/// A phone opened the code of an NFC display.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct TapClaim {
    #[schemars(length(max = 200))]
    pub code: String,
}

/// The dialogue about an offer (A34).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Dialogue {
    pub dialogue: DialogueId,
    pub store: StoreId,
    pub offer: Option<OfferId>,
    pub product: Option<Product>,
    pub content: Option<Content>,
    pub price: Option<Money>,
    pub was: Option<Money>,
    pub until: Option<DateTime<Utc>>,
    pub bookmarked: bool,
    pub lines: Vec<DialogueLine>,
    /// Replies offered now.
    pub choices: Vec<DialogueChoice>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DialogueLine {
    /// `store` or `customer`.
    pub from: String,
    pub text: LocalText,
    pub at: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum DialogueChoice {
    Keep,
    MoreLikeThis,
    NotInteresting,
    WhereIsIt,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct DialogueReply {
    pub choice: DialogueChoice,
}

// --- consent -----------------------------------------------------------------------------------------------------------------------

/// A legal text in one language; a published version is never edited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct LegalText {
    #[schemars(length(max = 64))]
    pub id: String,
    pub version: u32,
    pub language: Language,
    pub purpose: String,
    #[schemars(length(max = 200))]
    pub title: String,
    #[schemars(length(max = 20000))]
    pub body: String,
    /// SHA-256 of the body, lower-case hex; filled by the server.
    pub sha256: String,
    pub valid_from: DateTime<Utc>,
    pub valid_to: Option<DateTime<Utc>>,
    /// Grants of older versions end here: a material change.
    pub requires_renewal_from: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct LegalTexts {
    pub texts: Vec<LegalText>,
}

/// Give or take back one consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct ConsentChange {
    /// `instore_context, location, marketing, profiling, measurement, partner_sharing`.
    pub purpose: String,
    /// `push, watch, sms, email, in_app, print, staff`; none means all channels of the purpose.
    pub channel: Option<String>,
    pub granted: bool,
    pub legal_text: String,
    pub version: u32,
    pub language: Language,
    /// SHA-256 of what was shown, lower-case hex.
    #[schemars(length(max = 64))]
    pub shown_sha256: String,
}

/// A consent record as its owner or an agent sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ConsentView {
    pub consent: ConsentId,
    pub purpose: String,
    pub channel: Option<String>,
    pub granted: bool,
    pub legal_text: String,
    pub version: u32,
    pub language: Language,
    pub text_sha256: String,
    pub shown_sha256: String,
    pub method: String,
    pub occurred_at: DateTime<Utc>,
    /// Whether it holds now (as of the instant asked for).
    pub in_force: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Consents {
    pub consents: Vec<ConsentView>,
    #[ts(type = "number")]
    pub epoch: u64,
    pub as_of: DateTime<Utc>,
}

/// Exported proof of one consent record; verifiable by hash and signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ConsentProof {
    /// Canonical JSON (RFC 8785) of the record with the full wording.
    pub record: String,
    pub sha256: String,
    /// Ed25519 over `record`, base64url.
    pub signature: String,
    pub public_key: String,
}

// --- offers ------------------------------------------------------------------------------------------------------------------------

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct CampaignDraft {
    #[schemars(length(min = 1, max = 80))]
    pub name: String,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    /// Cards per customer and rolling day; 0 = no limit.
    pub cap_per_day: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Campaign {
    pub campaign: CampaignId,
    pub name: String,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub cap_per_day: u32,
    pub paused: bool,
    pub offers: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Campaigns {
    pub campaigns: Vec<Campaign>,
}

/// What a marketer edits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct OfferDraft {
    pub campaign: CampaignId,
    pub product: Product,
    pub price: Money,
    pub was: Option<Money>,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub target: OfferTarget,
    #[schemars(length(max = 8))]
    pub variants: Vec<Variant>,
    pub fallback: Option<Content>,
    pub fallback_for: Vec<SurfaceKind>,
    /// CEL; empty means everyone whom the gate allows.
    #[schemars(length(max = 4000))]
    pub rule: String,
    /// Value to the programme, percent 0…100.
    pub value_percent: u8,
    /// Also as push, where consent and restraint allow.
    pub push: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum OfferState {
    Draft,
    Published,
    Withdrawn,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct OfferView {
    pub offer: OfferId,
    pub state: OfferState,
    pub rev: u32,
    pub draft: OfferDraft,
    pub rule_sentence: LocalText,
    pub changed_at: DateTime<Utc>,
    pub cards_today: u32,
    pub plays_today: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Offers {
    pub offers: Vec<OfferView>,
}

/// What would happen: lint, and who of the last 24 h would get it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct OfferPreview {
    pub errors: Vec<FieldError>,
    pub rule_sentence: LocalText,
    /// Customers looked at, and how the gate would answer: `send` or a reason, most frequent first.
    pub looked_at: u32,
    pub verdicts: Vec<VerdictCount>,
    /// Content per surface as it would be shown, after fallbacks.
    pub surfaces: Vec<Variant>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct VerdictCount {
    pub reason: String,
    pub customers: u32,
}

// --- decisions -----------------------------------------------------------------------------------------------------------------------

/// The verdict on one candidate: why did, or didn't, this customer get this.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DecisionView {
    pub decision: DecisionId,
    pub candidate: CandidateId,
    pub customer: CustomerId,
    pub offer: Option<OfferId>,
    /// Product or message type, for people.
    pub title: LocalText,
    pub channel: String,
    pub store: Option<StoreId>,
    pub visit: Option<VisitId>,
    pub sent: bool,
    /// 1…10, the clause that refused; none where sent.
    pub clause: Option<u8>,
    /// `sent` or the reason of the clause, e.g. `no_consent`, `cap:daily`.
    pub reason: String,
    pub score: Option<f64>,
    pub propensity: Option<f64>,
    pub why: Vec<String>,
    pub at: DateTime<Utc>,
    pub traceparent: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Decisions {
    pub decisions: Vec<DecisionView>,
    /// Give as `before` for older ones.
    pub next: Option<String>,
}

// --- live store and fleet ------------------------------------------------------------------------------------------------------------

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, TS)]
pub struct StoreLive {
    pub profile: StoreProfile,
    pub link: NodeLink,
    pub visits_open: u32,
    pub zones: Vec<ZoneReport>,
    pub screens: Vec<ScreenReport>,
    pub displays: Vec<NfcReport>,
    pub at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct StoreSummary {
    pub store: StoreId,
    pub name: String,
    pub visits_open: u32,
    pub link: NodeLink,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Stores {
    pub stores: Vec<StoreSummary>,
}

/// A node as the fleet view shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct NodeLink {
    pub node: NodeId,
    pub state: NodeState,
    /// Last message of the node; none before the first.
    pub seen_at: Option<DateTime<Utc>>,
    /// Last change between connected and lost.
    pub since: Option<DateTime<Utc>>,
    /// Records the node still holds for us, as it last said.
    #[ts(type = "number")]
    pub pending: u64,
    pub software: String,
    /// Records applied, and those that stand in quarantine.
    #[ts(type = "number")]
    pub applied: u64,
    #[ts(type = "number")]
    pub quarantined: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// Never connected.
    New,
    Online,
    /// Orderly stop.
    Offline,
    Lost,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Fleet {
    pub nodes: Vec<NodeLink>,
    pub quarantine: Vec<QuarantineView>,
}

/// A record that was accepted and cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct QuarantineView {
    pub node: NodeId,
    pub event: EventId,
    pub type_name: String,
    pub error: String,
    pub at: DateTime<Utc>,
}

/// On the console's stream: something happened to a store's link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct LinkEvent {
    pub link: NodeLink,
    pub at: DateTime<Utc>,
}

/// Staff sends a command to one screen; it is done once and not after `ttl_s`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct ScreenCommandRequest {
    /// 1 to 3600.
    pub ttl_s: u32,
    pub command: ScreenCommandKind,
}

// --- integrations ----------------------------------------------------------------------------------------------------------------------

/// Sales of a known customer, for relevance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct SalesReport {
    /// Idempotency key of the source.
    #[schemars(length(min = 1, max = 64))]
    pub source_ref: String,
    #[schemars(length(max = 254))]
    pub email: String,
    pub at: DateTime<Utc>,
    #[schemars(length(min = 1, max = 200))]
    pub lines: Vec<SalesLine>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct SalesLine {
    pub product: Product,
    pub quantity: u32,
}

/// A message that some system wants to send.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct CandidateRequest {
    pub candidate: CandidateId,
    #[schemars(length(max = 254))]
    pub email: String,
    pub kind: MessageKind,
    /// `push, sms, email, in_app, …`.
    pub channel: String,
    pub offer: Option<OfferId>,
    pub category: Option<String>,
    pub title: LocalText,
    pub body: LocalText,
    /// Probability of relevance 0…1 as the source sees it; none: aisle's own ranking.
    pub relevance: Option<f64>,
    /// Value to the programme 0…1.
    pub value: f64,
    pub valid_until: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    Marketing,
    Transactional,
}

/// Context that a system knows of a customer, for clause 4 and home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct ContextReport {
    #[schemars(length(max = 254))]
    pub email: String,
    pub class: Option<ContextClass>,
    pub hurried: Option<bool>,
    pub open_complaint: Option<bool>,
}

/// A product seen in sales or offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Catalogue {
    pub products: Vec<Product>,
}

/// All routes of the cloud, pages aside.
pub const ROUTES: &[Route] = &[
    route(Post, "/v1/sign-in", Public, Some("SignInStart"), 202, None, "Send a sign-in code by e-mail"),
    route(Post, "/v1/sign-in/code", Public, Some("SignInFinish"), 200, Some("Me"), "Sign in with the code"),
    route(Post, "/v1/sign-out", Customer, None, 204, None, "End this session"),
    route(Get, "/v1/me", Customer, None, 200, Some("Me"), "Who is signed in"),
    route(Put, "/v1/me", Customer, Some("MeChange"), 200, Some("Me"), "Change language, pause or channels"),
    route(Get, "/v1/me/home", Customer, None, 200, Some("Home"), "Elements of the home page for the present context"),
    route(Get, "/v1/me/feed", Customer, None, 200, Some("Feed"), "Own offers"),
    stream(
        "/v1/me/events",
        Customer,
        &[
            ("card", "Card"),
            ("card_removed", "Card"),
            ("visit", "VisitView"),
            ("checkin_refused", "CheckInRefusal"),
            ("push", "PushMessage"),
            ("home", "Home"),
            ("consent", "Consents"),
            ("bookmark", "Bookmarks"),
        ],
        "The customer's own stream",
    ),
    route(Post, "/v1/me/cards/{card}/outcomes", Customer, Some("OutcomeReport"), 204, None, "What the customer did with a card"),
    route(Post, "/v1/me/pushes/{candidate}/outcomes", Customer, Some("OutcomeReport"), 204, None, "What the customer did with a message"),
    route(Get, "/v1/me/bookmarks", Customer, None, 200, Some("Bookmarks"), "Marked offers"),
    route(Post, "/v1/me/bookmarks", Customer, Some("BookmarkAdd"), 200, Some("Bookmarks"), "Mark an offer"),
    route(Delete, "/v1/me/bookmarks/{offer}", Customer, None, 200, Some("Bookmarks"), "Unmark an offer"),
    route(Get, "/v1/me/restraint", Customer, None, 200, Some("Restraint"), "How much interruption is left"),
    route(Get, "/v1/me/visits", Customer, None, 200, Some("Visits"), "Own visits, newest first"),
    route(Get, "/v1/me/consents", Customer, None, 200, Some("Consents"), "Own consents"),
    route(Get, "/v1/legal-texts", Public, None, 200, Some("LegalTexts"), "Legal texts in force; query `language`"),
    route(Post, "/v1/legal-texts", Staff, Some("LegalText"), 201, Some("LegalText"), "Publish a new version"),
    route(Put, "/v1/legal-texts/{id}/{version}/{language}", Staff, Some("LegalText"), 200, Some("LegalText"), "Always 409 once published"),
    route(Post, "/v1/consents", Customer, Some("ConsentChange"), 201, Some("ConsentView"), "Give or take back a consent"),
    route(Post, "/v1/passes", Customer, Some("PassRequest"), 201, Some("Passes"), "Check-in passes"),
    route(Post, "/v1/checkins", Customer, Some("CloudCheckIn"), 202, Some("CheckInAccepted"), "Check in with the door's code"),
    route(Post, "/v1/visits/{visit}/checkout", Customer, None, 202, None, "Check out"),
    route(Post, "/v1/taps", Customer, Some("TapClaim"), 201, Some("Dialogue"), "Claim the code of an NFC display"),
    route(Post, "/v1/taps/opened", Public, Some("TapClaim"), 204, None, "Count that a display's code was opened before sign-in"),
    route(Get, "/v1/dialogues/{dialogue}", Customer, None, 200, Some("Dialogue"), "A dialogue"),
    route(Post, "/v1/dialogues/{dialogue}/replies", Customer, Some("DialogueReply"), 200, Some("Dialogue"), "Answer in a dialogue"),
    route(Get, "/v1/customers/{customer}/consents", Staff, None, 200, Some("Consents"), "Consents of a customer; query `as_of`"),
    route(Get, "/v1/customers/{customer}/consents/{consent}/proof", Staff, None, 200, Some("ConsentProof"), "Proof of one consent"),
    route(Get, "/v1/campaigns", Staff, None, 200, Some("Campaigns"), "Campaigns"),
    route(Post, "/v1/campaigns", Staff, Some("CampaignDraft"), 201, Some("Campaign"), "Make a campaign"),
    route(Put, "/v1/campaigns/{campaign}", Staff, Some("CampaignDraft"), 200, Some("Campaign"), "Change a campaign"),
    route(Get, "/v1/offers", Staff, None, 200, Some("Offers"), "Offers, newest first"),
    route(Post, "/v1/offers", Staff, Some("OfferDraft"), 201, Some("OfferView"), "Make a draft"),
    route(Get, "/v1/offers/{offer}", Staff, None, 200, Some("OfferView"), "An offer"),
    route(
        Put,
        "/v1/offers/{offer}",
        Staff,
        Some("OfferDraft"),
        200,
        Some("OfferView"),
        "Change a draft, or make the next revision of a published offer",
    ),
    route(Post, "/v1/offers/{offer}/publish", Staff, None, 200, Some("OfferView"), "Publish"),
    route(Post, "/v1/offers/{offer}/withdraw", Staff, None, 200, Some("OfferView"), "Withdraw at once"),
    route(Post, "/v1/offers/preview", Staff, Some("OfferDraft"), 200, Some("OfferPreview"), "Lint and dry run"),
    route(Get, "/v1/catalogue", Staff, None, 200, Some("Catalogue"), "Products known"),
    route(
        Get,
        "/v1/decisions",
        Staff,
        None,
        200,
        Some("Decisions"),
        "Decision log; query `customer`, `offer`, `visit`, `store`, `before`, `limit`",
    ),
    route(Get, "/v1/stores", Staff, None, 200, Some("Stores"), "Stores"),
    route(Get, "/v1/stores/{store}/live", Staff, None, 200, Some("StoreLive"), "A store now"),
    route(
        Post,
        "/v1/stores/{store}/screens/{screen}/commands",
        Staff,
        Some("ScreenCommandRequest"),
        202,
        Some("ScreenCommand"),
        "Send a command to one screen",
    ),
    route(Get, "/v1/fleet", Staff, None, 200, Some("Fleet"), "Nodes and quarantine"),
    stream(
        "/v1/console/events",
        Staff,
        &[("store", "StoreLive"), ("decision", "DecisionView"), ("link", "LinkEvent"), ("offer", "OfferView")],
        "What happens, for the console; query `store`",
    ),
    route(Post, "/v1/integrations/sales", Integration, Some("SalesReport"), 202, None, "Report sales"),
    route(Post, "/v1/integrations/candidates", Integration, Some("CandidateRequest"), 202, None, "Offer a message to the gate"),
    route(Post, "/v1/integrations/contexts", Integration, Some("ContextReport"), 202, None, "Report context of a customer"),
    route(Get, "/healthz", Public, None, 200, None, "The process lives"),
    route(Get, "/readyz", Public, None, 200, None, "The instance serves"),
    route(Get, "/metrics", Public, None, 200, None, "Prometheus metrics"),
];
