//! The customer's own surface: home, feed, bookmarks, messages, restraint. Owns these bodies; emits nothing.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::content::{Content, Money};
use crate::ids::{CandidateId, CardId, OfferId, VisitId};
use crate::offer::Product;
use crate::text::LocalText;

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
