//! From a programme to the loop of each zone.
//!
//! Owns the planning of a screen: how candidates meet each other, by emergency, priority, order, hourly maximum and share of voice, and what is
//! shown when nothing is left. Takes the programme and everything the plan may depend on. Emits the loops with the reason of every item, those
//! left out with theirs, and the next instant at which the plan can change. On failure: there is none; when nothing may be shown, the fallback
//! is.
use std::collections::BTreeMap;

use aisle_schemas::content::Content;
use aisle_schemas::emergency::EmergencyMode;
use aisle_schemas::offer::Offer;
use aisle_schemas::product::ProductSheet;
use aisle_schemas::screen::PlayRule;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

pub use super::candidate::event_of;
use super::candidate::{Bound, Candidate, Entry, candidates};
use super::emergency::Emergency;
use super::facts::Facts;
use super::play::PlayCounts;
use super::schedule::{Programme, classify};
use super::weave::{self, Group, HOUR_S, Interrupt, Place};
use crate::display::{self, DenyReason, ZoneState};
use crate::ids::{EventSlug, LayoutZoneId, OfferId};

/// A plan that depends on hours or facts is made anew at least this often, seconds.
pub const LOOK_AGAIN_S: i64 = 60;

/// Everything a plan depends on besides the programme.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// Published offers of this store.
    pub offers: &'a BTreeMap<OfferId, Offer>,
    pub facts: &'a Facts,
    pub plays: &'a PlayCounts,
    pub zone_state: &'a ZoneState,
    /// The product of a price label, if the store sells it.
    pub label: Option<&'a ProductSheet>,
    /// The emergency that was begun, if it has not ended.
    pub emergency: Option<&'a Emergency>,
    /// Time zone of the store.
    pub zone: Tz,
    pub now: DateTime<Utc>,
}

impl<'a> Inputs<'a> {
    /// The emergency that is on now.
    #[must_use]
    pub fn emergency(&self) -> Option<&'a Emergency> {
        self.emergency.filter(|emergency| self.now < emergency.active.expires)
    }
}

/// Why an item is in the loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The screen subscribes to such offers.
    Subscribed,
    /// An event of its schedule.
    Scheduled,
    /// What the label's product costs.
    Price,
    /// An event that is woven in for its share of the hour.
    Interrupt,
    /// An emergency is on.
    Emergency,
    /// Nothing else may be shown.
    Fallback,
}

impl Why {
    /// The reason as it stands in plans.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Subscribed => "subscribed",
            Self::Scheduled => "scheduled",
            Self::Price => "price",
            Self::Interrupt => "interrupt",
            Self::Emergency => "emergency",
            Self::Fallback => "fallback",
        }
    }
}

/// Why an event is not in the loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftOut {
    /// Its time, or its offer's, has not come.
    NotYet,
    /// Its time, or its offer's, is over.
    Over,
    /// It comes again, but is not on now.
    Recurrence,
    DayPart,
    Criteria,
    /// An event of higher priority is on.
    Priority,
    /// It was played as often as it may be in an hour.
    Cap,
    /// The loop holds as many subscribed offers as it may.
    Full,
    /// Its offer is not published here.
    NoOffer,
    /// Its offer has neither a variant nor a fallback for screens.
    NoContent,
    /// An emergency is on, and nothing else.
    Emergency,
    Display(DenyReason),
}

impl LeftOut {
    /// The reason as it stands in plans.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotYet => "not_yet",
            Self::Over => "over",
            Self::Recurrence => "recurrence",
            Self::DayPart => "day_part",
            Self::Criteria => "criteria",
            Self::Priority => "priority",
            Self::Cap => "cap",
            Self::Full => "full",
            Self::NoOffer => "no_offer",
            Self::NoContent => "no_content",
            Self::Emergency => "emergency",
            Self::Display(reason) => reason.as_str(),
        }
    }
}

/// One item of a loop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub event: EventSlug,
    /// Event of the schedule, where the item is one of its playlist.
    pub schedule: Option<EventSlug>,
    pub offer: Option<OfferId>,
    pub offer_rev: Option<u32>,
    pub content: Content,
    pub duration_s: u32,
    /// Not started before.
    pub from: Option<DateTime<Utc>>,
    /// Cut here, and not started from here on.
    pub to: Option<DateTime<Utc>>,
    pub rule: PlayRule,
    pub why: Why,
}

/// An event left out of the loop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    pub event: EventSlug,
    pub offer: Option<OfferId>,
    pub reason: LeftOut,
}

/// What one zone of the layout plays, over and over; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneLoop {
    pub zone: LayoutZoneId,
    /// Each item once.
    pub items: Vec<Item>,
    /// Places in `items` in the order of the loop; empty for one after the other.
    pub order: Vec<u16>,
}

impl ZoneLoop {
    fn plain(zone: &LayoutZoneId, items: Vec<Item>) -> Self {
        Self { zone: zone.clone(), items, order: Vec::new() }
    }

    /// The items in the order of the loop.
    pub fn sequence(&self) -> impl Iterator<Item = &Item> {
        let one_by_one = if self.order.is_empty() { self.items.len() } else { 0 };
        let named = self.order.iter().filter_map(|at| self.items.get(usize::from(*at)));
        self.items.iter().take(one_by_one).chain(named)
    }
}

/// The plan of a screen. The main zone is always there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loop {
    pub zones: Vec<ZoneLoop>,
    pub denied: Vec<Denied>,
}

/// Plans the loops at `inputs.now`.
#[must_use]
pub fn plan(programme: &Programme, inputs: &Inputs<'_>) -> Loop {
    let mut denied = Vec::new();
    let mut allowed: BTreeMap<&LayoutZoneId, Vec<Candidate<'_>>> = BTreeMap::new();
    for candidate in candidates(programme, inputs) {
        if let Some(candidate) = admitted(candidate, inputs, &mut denied) {
            allowed.entry(candidate.zone).or_default().push(candidate);
        }
    }
    let mut zones = Vec::new();
    match inputs.emergency() {
        Some(emergency) if emergency.active.mode == EmergencyMode::Replace => {
            denied.extend(allowed.into_values().flatten().flat_map(|candidate| all_denied(&candidate, LeftOut::Emergency)));
            zones.push(ZoneLoop::plain(&programme.main, emergency_items(emergency)));
        }
        emergency => {
            for zone in &programme.layout.zones {
                let is_main = zone.id == programme.main;
                let candidates = allowed.remove(&zone.id).unwrap_or_default();
                let emergency = emergency.filter(|_| is_main);
                let zone_loop = loop_of(&zone.id, is_main, candidates, emergency, (programme, inputs), &mut denied);
                zones.extend((!zone_loop.items.is_empty()).then_some(zone_loop));
            }
        }
    }
    denied.sort_by(|a, b| a.event.cmp(&b.event));
    Loop { zones, denied }
}

/// The earliest instant after `inputs.now` at which the plan can change by the passing of time; none when only news can change it.
#[must_use]
pub fn next_deadline(programme: &Programme, inputs: &Inputs<'_>) -> Option<DateTime<Utc>> {
    let now = inputs.now;
    let mut instants: Vec<DateTime<Utc>> = inputs.emergency.map(|emergency| emergency.active.expires).into_iter().collect();
    for candidate in candidates(programme, inputs) {
        instants.extend(inputs.zone_state.slot.as_ref().map(crate::zone::Slot::ends_at));
        if candidate.must_be_looked_at() {
            instants.push(now + TimeDelta::seconds(LOOK_AGAIN_S));
        }
        instants.extend(candidate.changes_at(inputs));
    }
    instants.into_iter().filter(|at| *at > now).min()
}

/// The candidate with those of its pictures that may play; none when none may.
fn admitted<'a>(mut candidate: Candidate<'a>, inputs: &Inputs<'_>, denied: &mut Vec<Denied>) -> Option<Candidate<'a>> {
    if let Err(reason) = candidate.check(inputs) {
        denied.extend(all_denied(&candidate, reason));
        return None;
    }
    let mut playing = Vec::new();
    for entry in std::mem::take(&mut candidate.entries) {
        match entry.check(inputs) {
            Ok(()) => playing.push(entry),
            Err(reason) => denied.push(entry.denied(reason)),
        }
    }
    candidate.entries = playing;
    (!candidate.entries.is_empty()).then_some(candidate)
}

/// An event is left out as one, and a subscribed offer as itself; of a playlist each item is named, since each may be another offer.
fn all_denied(candidate: &Candidate<'_>, reason: LeftOut) -> Vec<Denied> {
    candidate.entries.iter().map(|entry| entry.denied(reason)).collect()
}

impl Entry<'_> {
    fn denied(&self, reason: LeftOut) -> Denied {
        Denied { event: self.id.clone(), offer: self.bound.id(), reason }
    }

    fn item(&self, candidate: &Candidate<'_>, content: &Content) -> Item {
        let offer_rev = match self.bound {
            Bound::To(offer) => Some(offer.rev),
            Bound::Free | Bound::Missing(_) => None,
        };
        let share = candidate.event.and_then(|event| event.share_of_voice_s);
        let (rule, why) = match (share, candidate.event) {
            (Some(_), _) => (PlayRule::Interrupt, Why::Interrupt),
            (None, Some(_)) if candidate.priority > 0 => (PlayRule::Priority, Why::Scheduled),
            (None, Some(_)) => (PlayRule::Loop, Why::Scheduled),
            (None, None) if candidate.is_price => (PlayRule::Loop, Why::Price),
            (None, None) => (PlayRule::Loop, Why::Subscribed),
        };
        Item {
            event: self.id.clone(),
            schedule: (self.id != candidate.id).then(|| candidate.id.clone()),
            offer: self.bound.id(),
            offer_rev,
            content: content.clone(),
            duration_s: self.duration_s,
            from: self.from,
            to: self.to,
            rule,
            why,
        }
    }
}

/// A loop while it is put together.
#[derive(Default)]
struct Draft {
    items: Vec<Item>,
}

impl Draft {
    fn add(&mut self, items: impl IntoIterator<Item = Item>) -> Vec<Place> {
        let mut places = Vec::new();
        for item in items {
            places.push(Place { at: self.items.len(), seconds: item.duration_s });
            self.items.push(item);
        }
        places
    }

    /// The loop in this order; plain where each item stands in its own place.
    fn finish(self, zone: &LayoutZoneId, order: &[Place]) -> ZoneLoop {
        let is_plain = order.iter().map(|place| place.at).eq(0..self.items.len());
        let order = if is_plain { Vec::new() } else { order.iter().filter_map(|place| u16::try_from(place.at).ok()).collect() };
        ZoneLoop { order, ..ZoneLoop::plain(zone, self.items) }
    }
}

/// Highest priority, then order, then the hourly maximum and the number of subscribed offers; then what is woven in.
fn loop_of(
    zone: &LayoutZoneId,
    is_main: bool,
    mut allowed: Vec<Candidate<'_>>,
    emergency: Option<&Emergency>,
    (programme, inputs): (&Programme, &Inputs<'_>),
    denied: &mut Vec<Denied>,
) -> ZoneLoop {
    let share = |candidate: &Candidate<'_>| candidate.event.and_then(|event| event.share_of_voice_s);
    let highest = allowed.iter().filter(|candidate| share(candidate).is_none()).map(|candidate| candidate.priority).max().unwrap_or(0);
    // Scheduled events come before subscribed offers of the same order; ties by id.
    allowed.sort_by(|a, b| (a.event.is_none(), a.order, &a.id).cmp(&(b.event.is_none(), b.order, &b.id)));
    let most = programme.subscription.as_ref().map_or(0, |subscription| subscription.offers_max);
    let mut offers = 0;
    let (mut draft, mut groups, mut interrupts) = (Draft::default(), Vec::new(), Vec::new());
    for candidate in allowed {
        let share = share(&candidate);
        let is_offer = candidate.event.is_none() && !candidate.is_price;
        let reason = if share.is_none() && candidate.priority < highest {
            LeftOut::Priority
        } else if candidate.is_capped(inputs) {
            LeftOut::Cap
        } else if is_offer && offers >= most {
            LeftOut::Full
        } else {
            offers += u32::from(is_offer);
            let items = candidate.entries.iter().filter_map(|entry| Some(entry.item(&candidate, entry.content.as_deref()?)));
            let places = draft.add(items);
            match share {
                Some(share_s) => interrupts.push(Interrupt { places, share_s }),
                None => groups.push(Group { places, cycle: candidate.cycle }),
            }
            continue;
        };
        denied.extend(all_denied(&candidate, reason));
    }
    if groups.is_empty() && is_main {
        groups.push(Group { places: draft.add([fallback(programme)]), cycle: false });
    }
    let emergency_s = emergency.map_or(0, |emergency| match emergency.active.mode {
        EmergencyMode::Append { saturation_percent } => u32::from(saturation_percent) * HOUR_S / 100,
        EmergencyMode::Replace => HOUR_S,
    });
    let shares: Vec<u32> = interrupts.iter().map(|interrupt| interrupt.share_s).collect();
    for (interrupt, share_s) in interrupts.iter_mut().zip(weave::scaled(&shares, HOUR_S.saturating_sub(emergency_s))) {
        interrupt.share_s = share_s;
    }
    if let Some(emergency) = emergency {
        interrupts.push(Interrupt { places: draft.add(emergency_items(emergency)), share_s: emergency_s });
    }
    let order = weave::weave(&weave::passes(&groups), &interrupts);
    draft.finish(zone, &order)
}

fn emergency_items(emergency: &Emergency) -> Vec<Item> {
    let schedule = &emergency.set.set;
    let item = |item: &aisle_schemas::emergency::EmergencyItem| Item {
        event: item.id.clone(),
        schedule: (item.id != *schedule).then(|| schedule.clone()),
        offer: None,
        offer_rev: None,
        content: item.content.clone(),
        duration_s: item.duration_s,
        from: None,
        to: Some(emergency.active.expires),
        rule: PlayRule::Emergency,
        why: Why::Emergency,
    };
    emergency.set.items.iter().map(item).collect()
}

/// Seconds after which the fallback starts over; it draws the same picture.
const FALLBACK_S: u32 = 30;

fn fallback(programme: &Programme) -> Item {
    debug_assert!(matches!(classify(&programme.fallback, None), display::Content::Generic | display::Content::Context));
    Item {
        event: EventSlug::parse("fallback").expect("the literal is a slug"),
        schedule: None,
        offer: None,
        offer_rev: None,
        content: programme.fallback.clone(),
        duration_s: FALLBACK_S,
        from: None,
        to: None,
        rule: PlayRule::Fallback,
        why: Why::Fallback,
    }
}
