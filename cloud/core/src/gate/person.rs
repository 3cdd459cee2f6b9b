//! What the gate knows of the one person it decides for.
//!
//! Owns [`PersonState`], a plain value loaded from rows, and [`SendRecord`], the trace of each message that went or may still go.
//! Emits nothing; the clauses read it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::{attention::Reaction, candidate::MessageChannel};
use crate::{
    consent::{ConsentRecord, Epoch},
    home::ContextClass,
    ids::{CampaignId, CandidateId, CategoryId, CustomerId, HoldoutId, StoreId, Tag, VisitId},
};

/// Whether the profile may be written to at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Active,
    /// Blocked by an operator, e.g. for fraud.
    Blocked,
    Erased,
}

/// Whether the app is still there. Uninstalling it is an answer: marketing stops everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppState {
    Installed,
    Uninstalled,
}

/// The person's own pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// Exclusive; `None` until the person ends it.
    pub until: Option<DateTime<Utc>>,
}

/// An untreated group that the person belongs to, for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holdout {
    pub id: HoldoutId,
    /// The campaign it is held from; `None` for all marketing.
    pub campaign: Option<CampaignId>,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
}

/// The visit that is open now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenVisit {
    pub visit: VisitId,
    pub store: StoreId,
    pub store_zone: Tz,
}

/// How far a message got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendState {
    Committed,
    /// Promised to a message on its way; counts until it is committed or this instant passes.
    Reserved {
        until: DateTime<Utc>,
    },
}

/// One message that went or may still go. Caps and the attention budget count these, per root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendRecord {
    pub candidate: CandidateId,
    pub channel: MessageChannel,
    pub tags: BTreeSet<Tag>,
    pub at: DateTime<Utc>,
    pub context: ContextClass,
    pub visit: Option<VisitId>,
    pub state: SendState,
}

impl SendRecord {
    /// Whether it counts at `now`.
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        match self.state {
            SendState::Committed => true,
            SendState::Reserved { until } => now < until,
        }
    }
}

/// One person, as the gate sees them.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonState {
    pub customer: CustomerId,
    /// Version of this state, for the decision's record.
    pub version: u64,
    pub standing: Standing,
    pub app: AppState,
    /// Channels that the person switched off.
    pub disabled: BTreeSet<MessageChannel>,
    pub restricted: bool,
    pub consents: Vec<ConsentRecord>,
    pub consent_epoch: Epoch,
    /// End of the context lease where the decision is made under one (at an edge); `None` in the cloud.
    pub lease_until: Option<DateTime<Utc>>,
    pub holdouts: Vec<Holdout>,
    pub pause: Option<Pause>,
    /// Fast walk, a call, or a habit of short visits.
    pub hurried: bool,
    pub open_service_case: bool,
    pub last_one_star_at: Option<DateTime<Utc>>,
    pub context: ContextClass,
    pub open_visit: Option<OpenVisit>,
    pub zone: Option<Tz>,
    pub home_store_zone: Option<Tz>,
    /// Newest positive evidence per category: purchase, scan, positive reaction. Standing in front of a shelf is none.
    pub evidence: BTreeMap<CategoryId, DateTime<Utc>>,
    /// Categories the person asked for.
    pub wishes: BTreeSet<CategoryId>,
    /// Sends of the last 31 days at least: the longest window that a cap may have.
    pub sends: Vec<SendRecord>,
    /// What the person did with messages, newest 90 days: older ones weigh less than a thousandth.
    pub reactions: Vec<Reaction>,
    /// Part of the weekly budget that is leased to a store's edge, in thousandths; counts as spent.
    pub leased_milli: i64,
}

impl PersonState {
    /// The zone that governs rest: the person's, else the open visit's store's, else the home store's.
    pub fn rest_zone(&self) -> Option<Tz> {
        self.zone.or_else(|| self.open_visit.as_ref().map(|visit| visit.store_zone)).or(self.home_store_zone)
    }
}
