//! Signage on the wire: the programme a marketer sets, the plan a node sends, the plays a screen reports. Rules are in `nodes/core`.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use std::collections::BTreeMap;

use crate::{
    blob::Blob,
    content::Content,
    ids::{BootId, CategoryId, EventSlug, LayoutZoneId, OfferId, ScreenId, Sku, ZoneId},
    text::LocalText,
};

/// One zone of a layout, in design pixels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct LayoutZone {
    pub id: LayoutZoneId,
    pub kind: LayoutZoneKind,
    pub x: u32,
    pub y: u32,
    pub w: u32,
    pub h: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum LayoutZoneKind {
    Main,
    Ticker,
    PriceBar,
    Overlay,
}

/// Design size and zones of a screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Layout {
    pub width: u32,
    pub height: u32,
    #[schemars(length(min = 1, max = 16))]
    pub zones: Vec<LayoutZone>,
}

/// Local time of day window; `end <= start` runs over midnight and belongs to the weekday on which it starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DayPart {
    /// `HH:MM`, local to the store.
    pub start: String,
    pub end: String,
    /// 1 = Monday … 7 = Sunday; empty means every day.
    #[schemars(length(max = 7))]
    pub weekdays: Vec<u8>,
    #[schemars(length(max = 100))]
    pub exceptions: Vec<DayPartException>,
}

/// A day on which a day-part runs at other hours, or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DayPartException {
    /// `YYYY-MM-DD`, local.
    pub date: String,
    /// `None` means closed.
    pub hours: Option<(String, String)>,
}

/// One condition on a fact of the store; a missing fact makes it false.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Criterion {
    /// E.g. `zone.pets.count`, `weather`.
    pub metric: String,
    pub condition: Condition,
    pub value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    Set,
    Lt,
    Lte,
    Eq,
    Neq,
    Gt,
    Gte,
    Contains,
    Ncontains,
}

/// How `from` and `to` of an event are read (TOUCHPOINTS.md 1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum EventClock {
    /// Instants: everywhere at the same moment.
    #[default]
    Programme,
    /// Time on the store's wall: what is written as `08:00Z` is 08:00 there.
    Local,
}

/// How an event takes its place in the loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EventKind {
    /// It is part of the loop.
    #[default]
    Loop,
    /// It is woven into the loop of the main zone, over priorities, spread evenly over the hour.
    Interrupt {
        /// Seconds per hour, 1 … 3,600.
        share_of_voice_s: u32,
    },
}

/// Unit in which an event comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum Every {
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

/// Which day of a month an event comes again on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum Monthly {
    /// The same date; a month without it is left out.
    #[default]
    Date,
    /// The same weekday of the same week, such as the second Tuesday.
    Weekday,
}

/// An event comes again: `from` and `to` of the event are the first time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Recurrence {
    pub every: Every,
    /// Every how many of them, 1 … 1,000.
    pub n: u32,
    /// Does not begin again from here on.
    pub until: Option<DateTime<Utc>>,
    /// With `week`: 1 = Monday … 7 = Sunday; empty means the weekday of `from`.
    #[serde(default)]
    #[schemars(length(max = 7))]
    pub weekdays: Vec<u8>,
    /// With `month`.
    #[serde(default)]
    pub monthly: Monthly,
}

/// One item of a playlist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct PlaylistItem {
    /// Names it in plans and plays; unlike every other name of the programme.
    pub id: EventSlug,
    pub content: Content,
    pub offer: Option<OfferId>,
    /// 1 s … 86 400 s.
    pub duration_s: u32,
    pub from: Option<DateTime<Utc>>,
    pub to: Option<DateTime<Utc>>,
}

/// What an event plays instead of its own content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Playlist {
    #[schemars(length(min = 1, max = 100))]
    pub items: Vec<PlaylistItem>,
    /// One item at each pass of the loop, the next one at the next; without it all of them in order at each pass.
    #[serde(default)]
    pub cycle: bool,
}

/// Screens that show the same item at the same moment without talking to each other (TOUCHPOINTS.md 1.9).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct SyncGroup {
    pub group: EventSlug,
    /// The loop began at its first item then.
    pub epoch: DateTime<Utc>,
}

/// One event of a screen's schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ScheduleEvent {
    pub id: EventSlug,
    pub zone: LayoutZoneId,
    /// Only events of the highest active priority form the loop.
    pub priority: u32,
    pub order: u32,
    pub content: Content,
    /// The offer whose validity binds this event.
    pub offer: Option<OfferId>,
    /// 1 s … 86 400 s.
    pub duration_s: u32,
    pub from: Option<DateTime<Utc>>,
    pub to: Option<DateTime<Utc>>,
    pub day_part: Option<DayPart>,
    #[schemars(length(max = 16))]
    pub criteria: Vec<Criterion>,
    /// Plays per sliding hour; 0 = no limit.
    pub max_plays_per_hour: u32,
    #[serde(default)]
    pub clock: EventClock,
    #[serde(default)]
    pub kind: EventKind,
    /// Needs `from` and `to`.
    #[serde(default)]
    pub recurrence: Option<Recurrence>,
    /// Played instead of `content`, which then only stands for the event on the console.
    #[serde(default)]
    pub playlist: Option<Playlist>,
}

/// Which published offers a screen subscribes to; each match becomes an event of its main zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS, Default)]
pub struct OfferSubscription {
    /// Categories; empty means all that are targeted at the screen's zone.
    #[schemars(length(max = 100))]
    pub categories: Vec<CategoryId>,
    /// Seconds per offer.
    pub duration_s: u32,
    /// At most this many offers in the loop.
    pub offers_max: u32,
}

/// Body of the desired document `screen/{screen}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ScreenProgramme {
    pub screen: ScreenId,
    pub name: LocalText,
    /// Zone of the store in which it hangs.
    pub zone: ZoneId,
    pub layout: Layout,
    #[schemars(length(max = 500))]
    pub events: Vec<ScheduleEvent>,
    pub subscription: Option<OfferSubscription>,
    /// Always exists: shown when nothing else may be.
    pub fallback: Content,
    /// Blobs that its pictures name; the programme is in force once all of them are there and verified (AS-079).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub media: Vec<Blob>,
    /// Screens that keep step with this one.
    #[serde(default)]
    pub sync: Option<SyncGroup>,
    /// A price label: it shows what this product costs at the store, from the instant on which the price holds.
    #[serde(default)]
    pub label: Option<Sku>,
}

impl ScreenProgramme {
    /// All pictures that it names.
    pub fn images(&self) -> impl Iterator<Item = Option<&str>> {
        let listed = self.events.iter().flat_map(|event| &event.playlist).flat_map(|list| &list.items).map(|item| &item.content);
        self.events.iter().map(|event| &event.content).chain(listed).chain([&self.fallback]).map(crate::blob::image_of)
    }
}

/// Why an item plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum PlayRule {
    Loop,
    Priority,
    Interrupt,
    Emergency,
    Fallback,
}

/// One item of a zone's loop as the node planned it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct PlanItem {
    /// Names the item in plays: the schedule event's id.
    pub event: EventSlug,
    pub offer: Option<OfferId>,
    pub offer_rev: Option<u32>,
    pub content: Content,
    pub duration_ms: u32,
    /// Not started before `from`, cut at `to`.
    pub from: Option<DateTime<Utc>>,
    pub to: Option<DateTime<Utc>>,
    pub rule: PlayRule,
    /// Why it is in the loop, for the console: `subscribed`, `scheduled`, `price`, `interrupt`, `emergency`, `fallback`.
    pub why: String,
    /// Event of the schedule that it stands for, where that is another than `event`.
    #[serde(default)]
    pub schedule: Option<EventSlug>,
    /// Over what is drawn, for proof of play; lower-case hex.
    #[serde(default)]
    pub creative_sha256: Option<String>,
    /// What it was called when it was planned, for proof of play: a play is readable after its offer is gone.
    #[serde(default)]
    pub names: BTreeMap<String, String>,
}

/// What a zone of the layout loops through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct PlanZone {
    pub zone: LayoutZoneId,
    #[schemars(length(min = 1))]
    pub items: Vec<PlanItem>,
    /// Places in `items`, in the order of the loop; empty means one after the other.
    #[serde(default)]
    #[schemars(length(max = 5000))]
    pub order: Vec<u16>,
}

/// What a member of a group needs to keep step: its place is the time since `epoch` modulo the length of the loop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct PlanSync {
    pub group: EventSlug,
    pub epoch: DateTime<Utc>,
}

/// An event that was left out of the loop, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Denied {
    pub event: EventSlug,
    pub offer: Option<OfferId>,
    /// `not_yet`, `over`, `recurrence`, `day_part`, `criteria`, `priority`, `cap`, `emergency`, or a reason of the display policy.
    pub reason: String,
}

/// Sent to a screen over SSE (`plan`) and MQTT; the player holds no logic beyond looping it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ScreenPlan {
    pub screen: ScreenId,
    /// Rises with every change.
    #[ts(type = "number")]
    pub rev: u64,
    pub layout: Layout,
    pub zones: Vec<PlanZone>,
    pub denied: Vec<Denied>,
    pub made_at: DateTime<Utc>,
    /// Milliseconds the screen's clock must be moved by is the screen's affair; this is the node's clock at sending.
    pub traceparent: Option<String>,
    #[serde(default)]
    pub sync: Option<PlanSync>,
}

/// How a play ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum PlayOutcome {
    Complete,
    Cut,
    Failed,
    Blank,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum DisplayPower {
    On,
    Off,
    Unknown,
}

/// What ended a play before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum CutBy {
    /// A new plan without it.
    Plan,
    /// The end of its time, or of its offer's.
    Window,
    /// A command of staff.
    Command,
    Emergency,
    /// The screen was switched off or began anew; the length is what was noted last.
    Restart,
}

/// How people met a play, counted; nobody in particular.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum EngagementKind {
    Tap,
    Scan,
    Touch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct Engagement {
    pub kind: EngagementKind,
    pub n: u32,
}

/// Proof of play; natural key `(screen, boot, seq)`. Body of the record `aisle.play.logged.v1`. Holds no identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Play {
    pub screen: ScreenId,
    pub boot: BootId,
    /// Rises by one inside a boot, from 1.
    #[ts(type = "number")]
    pub seq: u64,
    pub zone: LayoutZoneId,
    pub event: EventSlug,
    pub offer: Option<OfferId>,
    pub offer_rev: Option<u32>,
    pub rule: PlayRule,
    pub started_at: DateTime<Utc>,
    /// Monotonic length; a clock step changes no duration.
    pub duration_ms: u32,
    pub clock_synced: bool,
    pub outcome: PlayOutcome,
    pub display_power: DisplayPower,
    /// Everything from here on is left out by screens that do not know it.
    #[serde(flatten)]
    pub detail: PlayDetail,
}

/// What a play says beyond its key, its length and its outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct PlayDetail {
    /// Event of the schedule, where that is another than `event`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<EventSlug>,
    /// Over what was drawn; 64 lower-case hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub creative_sha256: Option<String>,
    /// The screen's monotonic clock at the beginning, milliseconds since its boot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null")]
    pub mono_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_by: Option<CutBy>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 3))]
    pub engagements: Vec<Engagement>,
    /// Copies: `offer`, `event`; a play is readable after what it showed was deleted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, String>,
}

/// Plays of one screen, oldest first: body of `POST /v1/screens/{screen}/plays` and of the MQTT topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct PlayReport {
    #[schemars(length(min = 1, max = 100))]
    pub plays: Vec<Play>,
}

/// The node has committed all plays of this boot up to `seq`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct PlayAck {
    pub boot: BootId,
    #[ts(type = "number")]
    pub seq: u64,
}

/// A screen's own state, retained; the last will sets `online` to false.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ScreenState {
    pub online: bool,
    /// Revision of the plan being drawn; none before the first.
    #[ts(type = "number | null")]
    pub plan_rev: Option<u64>,
    pub software: String,
}

/// A touch or an approach at a screen (A23): by nobody in particular. A field that could name a person is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct ScreenInteraction {
    pub kind: InteractionKind,
    pub zone: Option<LayoutZoneId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum InteractionKind {
    Touch,
    Approach,
}

/// A command to one screen; refused when older than its `ttl_s`, done once per id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ScreenCommand {
    pub id: crate::ids::EventId,
    pub issued_at: DateTime<Utc>,
    pub ttl_s: u32,
    pub command: ScreenCommandKind,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ScreenCommandKind {
    /// Show which screen this is.
    Identify { for_s: u32 },
    /// Show this content in the main zone, then go back to the plan.
    Show { content: Box<Content>, for_s: u32 },
    /// Back to the plan at once.
    Revert,
    /// Load the page again.
    Restart,
}

/// The node's report on a screen: body of the reported document `screen/{screen}`, what the console shows and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ScreenReport {
    pub screen: ScreenId,
    pub zone: ZoneId,
    pub online: bool,
    /// Item of the main zone that the last play or plan names; none before the first.
    pub showing: Option<PlanItem>,
    pub since: Option<DateTime<Utc>>,
    #[ts(type = "number")]
    pub plan_rev: u64,
    pub denied: Vec<Denied>,
    /// Alarm: a price changed then, and the screen has not said that it draws it. The till takes the lower of both meanwhile.
    #[serde(default)]
    pub price_unseen_since: Option<DateTime<Utc>>,
}
