//! From a programme to the loop of each zone.
//!
//! Owns the planning of a screen: active events, offers it subscribes to, display policy, priority, hourly maximum, fallback. Takes the
//! programme and everything the plan may depend on. Emits the loops with the reason of every item, those left out with theirs, and the next
//! instant at which the plan can change. On failure: there is none; when nothing may be shown, the fallback is.
use std::collections::{BTreeMap, BTreeSet};

use aisle_schemas::content::{Content, SurfaceKind};
use aisle_schemas::offer::Offer;
use aisle_schemas::screen::PlayRule;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::facts::Facts;
use super::play::PlayCounts;
use super::schedule::{Event, Programme, classify};
use crate::display::{self, DenyReason, Sense, Surface, Verdict, ZoneState, may_show};
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
    /// Time zone of the store.
    pub zone: Tz,
    pub now: DateTime<Utc>,
}

/// Why an item is in the loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The screen subscribes to such offers.
    Subscribed,
    /// An event of its schedule.
    Scheduled,
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
    Display(DenyReason),
}

impl LeftOut {
    /// The reason as it stands in plans.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotYet => "not_yet",
            Self::Over => "over",
            Self::DayPart => "day_part",
            Self::Criteria => "criteria",
            Self::Priority => "priority",
            Self::Cap => "cap",
            Self::Full => "full",
            Self::NoOffer => "no_offer",
            Self::NoContent => "no_content",
            Self::Display(reason) => reason.as_str(),
        }
    }
}

/// One item of a loop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub event: EventSlug,
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
    pub items: Vec<Item>,
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
        match candidate.check(inputs) {
            Ok(()) => allowed.entry(candidate.zone).or_default().push(candidate),
            Err(reason) => denied.push(candidate.denied(reason)),
        }
    }
    let mut zones = Vec::new();
    for zone in &programme.layout.zones {
        let items = loop_of(allowed.remove(&zone.id).unwrap_or_default(), programme, inputs, &mut denied);
        if !items.is_empty() {
            zones.push(ZoneLoop { zone: zone.id.clone(), items });
        } else if zone.id == programme.main {
            zones.push(ZoneLoop { zone: zone.id.clone(), items: vec![fallback(programme)] });
        }
    }
    denied.sort_by(|a, b| a.event.cmp(&b.event));
    Loop { zones, denied }
}

/// The earliest instant after `inputs.now` at which the plan can change by the passing of time; none when only news can change it.
#[must_use]
pub fn next_deadline(programme: &Programme, inputs: &Inputs<'_>) -> Option<DateTime<Utc>> {
    let now = inputs.now;
    let mut instants = Vec::new();
    for candidate in candidates(programme, inputs) {
        instants.extend([candidate.from, candidate.to].into_iter().flatten());
        instants.extend(inputs.zone_state.slot.as_ref().map(crate::zone::Slot::ends_at));
        let Some(event) = candidate.event else { continue };
        if event.day_part.is_some() || !event.criteria.is_empty() {
            instants.push(now + TimeDelta::seconds(LOOK_AGAIN_S));
        }
        instants.extend(event.day_part.as_ref().and_then(|part| part.next_change(inputs.zone, now)));
        instants.extend(event.criteria.iter().filter_map(|criterion| inputs.facts.expiry(&criterion.metric, now)));
        instants.extend(event.plays_per_hour_max.and_then(|_| inputs.plays.next_release(&event.id, now)));
    }
    instants.into_iter().filter(|at| *at > now).min()
}

/// Something that could play, before any rule.
#[derive(Clone)]
struct Candidate<'a> {
    id: EventSlug,
    zone: &'a LayoutZoneId,
    /// None for an offer the screen subscribes to.
    event: Option<&'a Event>,
    priority: u32,
    order: u32,
    bound: Bound<'a>,
    content: Option<&'a Content>,
    duration_s: u32,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
}

/// The offer an item is bound to.
#[derive(Clone, Copy)]
enum Bound<'a> {
    Free,
    To(&'a Offer),
    /// To one that is not published here.
    Missing(OfferId),
}

impl Bound<'_> {
    fn id(self) -> Option<OfferId> {
        match self {
            Self::Free => None,
            Self::To(offer) => Some(offer.offer),
            Self::Missing(offer) => Some(offer),
        }
    }
}

fn candidates<'a>(programme: &'a Programme, inputs: &Inputs<'a>) -> Vec<Candidate<'a>> {
    let mut candidates: Vec<_> = programme.events.iter().map(|event| scheduled(event, inputs.offers)).collect();
    candidates.extend(subscribed(programme, inputs.offers));
    candidates
}

fn scheduled<'a>(event: &'a Event, offers: &'a BTreeMap<OfferId, Offer>) -> Candidate<'a> {
    let bound = match event.offer {
        None => Bound::Free,
        Some(id) => offers.get(&id).map_or(Bound::Missing(id), Bound::To),
    };
    let (offer_from, offer_to) = match bound {
        Bound::To(offer) => (Some(offer.from), Some(offer.to)),
        Bound::Free | Bound::Missing(_) => (None, None),
    };
    Candidate {
        id: event.id.clone(),
        zone: &event.zone,
        event: Some(event),
        priority: event.priority,
        order: event.order,
        bound,
        content: Some(&event.content),
        duration_s: event.duration_s,
        from: event.from.max(offer_from),
        to: [event.to, offer_to].into_iter().flatten().min(),
    }
}

/// Offers that the screen subscribes to, in the order of their ids, which is the order of their making.
fn subscribed<'a>(programme: &'a Programme, offers: &'a BTreeMap<OfferId, Offer>) -> Vec<Candidate<'a>> {
    let Some(subscription) = &programme.subscription else {
        return Vec::new();
    };
    let named: BTreeSet<OfferId> = programme.events.iter().filter_map(|event| event.offer).collect();
    let wanted = |offer: &&Offer| {
        let Offer { target, product, .. } = offer;
        (target.zones.is_empty() || target.zones.contains(&programme.zone))
            && target.surfaces.contains(&SurfaceKind::Screen)
            && (subscription.categories.is_empty() || subscription.categories.contains(&product.category))
            && !named.contains(&offer.offer)
    };
    let as_candidate = |(order, offer): (usize, &'a Offer)| Candidate {
        id: event_of(offer.offer),
        zone: &programme.main,
        event: None,
        priority: 0,
        order: u32::try_from(order).unwrap_or(u32::MAX),
        bound: Bound::To(offer),
        content: offer.content_for(SurfaceKind::Screen),
        duration_s: subscription.duration_s,
        from: Some(offer.from),
        to: Some(offer.to),
    };
    offers.values().filter(wanted).enumerate().map(as_candidate).collect()
}

/// The name under which a subscribed offer stands in plans and plays: its id without dashes, which is a slug of the longest kind.
#[must_use]
pub fn event_of(offer: OfferId) -> EventSlug {
    EventSlug::parse(&offer.0.simple().to_string()).expect("32 hex digits are a slug")
}

impl Candidate<'_> {
    /// Whether it may play now, priority and counts aside.
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), LeftOut> {
        let now = inputs.now;
        let offer = match self.bound {
            Bound::Free => None,
            Bound::To(offer) => Some(offer),
            Bound::Missing(_) => return Err(LeftOut::NoOffer),
        };
        if self.from.is_some_and(|from| now < from) {
            return Err(LeftOut::NotYet);
        }
        if self.to.is_some_and(|to| now >= to) {
            return Err(LeftOut::Over);
        }
        if let Some(event) = self.event {
            if event.day_part.as_ref().is_some_and(|part| !part.is_on(inputs.zone, now)) {
                return Err(LeftOut::DayPart);
            }
            if !event.criteria.iter().all(|criterion| inputs.facts.hold(criterion, now)) {
                return Err(LeftOut::Criteria);
            }
        }
        let content = self.content.ok_or(LeftOut::NoContent)?;
        match may_show(Surface::Public(Sense::Seen), &classify(content, offer), inputs.zone_state, now) {
            Verdict::Allow => Ok(()),
            Verdict::Deny(reason) => Err(LeftOut::Display(reason)),
        }
    }

    fn is_capped(&self, inputs: &Inputs<'_>) -> bool {
        self.event.and_then(|event| event.plays_per_hour_max).is_some_and(|most| inputs.plays.within_an_hour(&self.id, inputs.now) >= most)
    }

    fn denied(&self, reason: LeftOut) -> Denied {
        Denied { event: self.id.clone(), offer: self.bound.id(), reason }
    }

    fn item(&self, content: &Content) -> Item {
        let offer_rev = match self.bound {
            Bound::To(offer) => Some(offer.rev),
            Bound::Free | Bound::Missing(_) => None,
        };
        Item {
            event: self.id.clone(),
            offer: self.bound.id(),
            offer_rev,
            content: content.clone(),
            duration_s: self.duration_s,
            from: self.from,
            to: self.to,
            rule: if self.priority > 0 { PlayRule::Priority } else { PlayRule::Loop },
            why: if self.event.is_some() { Why::Scheduled } else { Why::Subscribed },
        }
    }
}

/// Highest priority, then order, then the hourly maximum and the number of subscribed offers.
fn loop_of(mut allowed: Vec<Candidate<'_>>, programme: &Programme, inputs: &Inputs<'_>, denied: &mut Vec<Denied>) -> Vec<Item> {
    let highest = allowed.iter().map(|candidate| candidate.priority).max().unwrap_or(0);
    // Scheduled events come before subscribed offers of the same order; ties by id.
    allowed.sort_by(|a, b| (a.event.is_none(), a.order, &a.id).cmp(&(b.event.is_none(), b.order, &b.id)));
    let most = programme.subscription.as_ref().map_or(0, |subscription| subscription.offers_max);
    let mut offers = 0;
    let mut items = Vec::new();
    for candidate in allowed {
        let reason = if candidate.priority < highest {
            LeftOut::Priority
        } else if candidate.is_capped(inputs) {
            LeftOut::Cap
        } else if candidate.event.is_none() && offers >= most {
            LeftOut::Full
        } else if let Some(content) = candidate.content {
            offers += u32::from(candidate.event.is_none());
            items.push(candidate.item(content));
            continue;
        } else {
            LeftOut::NoContent
        };
        denied.push(candidate.denied(reason));
    }
    items
}

/// Seconds after which the fallback starts over; it draws the same picture.
const FALLBACK_S: u32 = 30;

fn fallback(programme: &Programme) -> Item {
    debug_assert!(matches!(classify(&programme.fallback, None), display::Content::Generic | display::Content::Context));
    Item {
        event: EventSlug::parse("fallback").expect("the literal is a slug"),
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
