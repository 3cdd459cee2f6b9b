//! What could play on a screen, and whether it may now.
//!
//! Owns the rules of one event, before it meets the others: its time, its hours, its criteria, its offers, the display policy. Takes the
//! programme and everything a plan depends on. Emits candidates, and what of them may play. On failure: the first rule that is not met.
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use aisle_schemas::content::{Content, SurfaceKind};
use aisle_schemas::offer::Offer;
use aisle_schemas::product::ProductSheet;
use aisle_schemas::screen::{Criterion, EventClock, PlaylistItem};
use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Tz;

use super::day_part::instant;
use super::facts::fits;
use super::label;
use super::plan::{Inputs, LeftOut};
use super::recurrence::Around;
use super::schedule::{Event, Programme, classify};
use crate::display::{Sense, Surface, Verdict, may_show};
use crate::ids::{EventSlug, LayoutZoneId, OfferId};

/// Seconds after which a price is drawn again: the same picture, so the longest item there is.
const PRICE_S: u32 = 86_400;

/// Something that could play, before any rule.
#[derive(Clone)]
pub(super) struct Candidate<'a> {
    pub id: EventSlug,
    pub zone: &'a LayoutZoneId,
    /// None for an offer the screen subscribes to, and for the price of a label.
    pub event: Option<&'a Event>,
    pub is_price: bool,
    pub priority: u32,
    pub order: u32,
    pub entries: Vec<Entry<'a>>,
    /// One entry at each pass of the loop.
    pub cycle: bool,
    window: Window,
}

/// One picture of a candidate.
#[derive(Clone)]
pub(super) struct Entry<'a> {
    pub id: EventSlug,
    pub bound: Bound<'a>,
    pub content: Option<Cow<'a, Content>>,
    pub duration_s: u32,
    /// Of the event, the picture and the offer together.
    pub from: Option<DateTime<Utc>>,
    pub to: Option<DateTime<Utc>>,
}

/// When an event is on.
#[derive(Clone, Copy)]
enum Window {
    Plain,
    /// It comes again: this is around the moment.
    Recurring(Around),
}

/// The offer an item is bound to.
#[derive(Clone, Copy)]
pub(super) enum Bound<'a> {
    Free,
    To(&'a Offer),
    /// To one that is not published here.
    Missing(OfferId),
}

impl<'a> Bound<'a> {
    fn new(offer: Option<OfferId>, offers: &'a BTreeMap<OfferId, Offer>) -> Self {
        match offer {
            None => Self::Free,
            Some(id) => offers.get(&id).map_or(Self::Missing(id), Self::To),
        }
    }

    pub fn id(self) -> Option<OfferId> {
        self.offer().map(|offer| offer.offer).or(match self {
            Self::Missing(offer) => Some(offer),
            Self::Free | Self::To(_) => None,
        })
    }

    pub fn offer(self) -> Option<&'a Offer> {
        match self {
            Self::To(offer) => Some(offer),
            Self::Free | Self::Missing(_) => None,
        }
    }
}

/// Everything that could play on the screen.
pub(super) fn candidates<'a>(programme: &'a Programme, inputs: &Inputs<'a>) -> Vec<Candidate<'a>> {
    let mut candidates: Vec<_> = programme.events.iter().map(|event| scheduled(event, inputs)).collect();
    candidates.extend(subscribed(programme, inputs.offers));
    candidates.extend(inputs.label.and_then(|sheet| price(programme, sheet, inputs.now)));
    candidates
}

fn scheduled<'a>(event: &'a Event, inputs: &Inputs<'a>) -> Candidate<'a> {
    let (mut from, mut to) = (read(event.from, event.clock, inputs.zone), read(event.to, event.clock, inputs.zone));
    let mut window = Window::Plain;
    if let (Some(rule), Some(begin), Some(end)) = (&event.recurrence, event.from, event.to) {
        let first = wall(begin, event.clock, inputs.zone);
        let around = rule.around(inputs.zone, first, end - begin, inputs.now);
        (from, to) = around.current.unzip();
        window = Window::Recurring(around);
    }
    let own = || Entry {
        id: event.id.clone(),
        bound: Bound::new(event.offer, inputs.offers),
        content: Some(Cow::Borrowed(&event.content)),
        duration_s: event.duration_s,
        from,
        to,
    };
    let listed = |item: &'a PlaylistItem| Entry {
        id: item.id.clone(),
        bound: Bound::new(item.offer, inputs.offers),
        content: Some(Cow::Borrowed(&item.content)),
        duration_s: item.duration_s,
        from: from.max(read(item.from, event.clock, inputs.zone)),
        to: earlier(to, read(item.to, event.clock, inputs.zone)),
    };
    let entries = event.playlist.as_ref().map_or_else(|| vec![own()], |list| list.items.iter().map(listed).collect());
    Candidate {
        id: event.id.clone(),
        zone: &event.zone,
        event: Some(event),
        is_price: false,
        priority: event.priority,
        order: event.order,
        entries: entries.into_iter().map(Entry::within_offer).collect(),
        cycle: event.playlist.as_ref().is_some_and(|list| list.cycle),
        window,
    }
}

/// The instant that is meant.
fn read(at: Option<DateTime<Utc>>, clock: EventClock, zone: Tz) -> Option<DateTime<Utc>> {
    at.map(|at| match clock {
        EventClock::Programme => at,
        EventClock::Local => instant(zone, at.naive_utc()),
    })
}

/// The time on the store's wall that is meant.
fn wall(at: DateTime<Utc>, clock: EventClock, zone: Tz) -> NaiveDateTime {
    match clock {
        EventClock::Programme => at.with_timezone(&zone).naive_local(),
        EventClock::Local => at.naive_utc(),
    }
}

fn earlier(a: Option<DateTime<Utc>>, b: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    [a, b].into_iter().flatten().min()
}

/// Offers that the screen subscribes to, in the order of their ids, which is the order of their making.
fn subscribed<'a>(programme: &'a Programme, offers: &'a BTreeMap<OfferId, Offer>) -> Vec<Candidate<'a>> {
    let Some(subscription) = &programme.subscription else {
        return Vec::new();
    };
    let listed = programme.events.iter().flat_map(|event| &event.playlist).flat_map(|list| &list.items).filter_map(|item| item.offer);
    let named: BTreeSet<OfferId> = programme.events.iter().filter_map(|event| event.offer).chain(listed).collect();
    let wanted = |offer: &&Offer| {
        let Offer { target, product, .. } = offer;
        (target.zones.is_empty() || target.zones.contains(&programme.zone))
            && target.surfaces.contains(&SurfaceKind::Screen)
            && (subscription.categories.is_empty() || subscription.categories.contains(&product.category))
            && !named.contains(&offer.offer)
    };
    let as_candidate = |(order, offer): (usize, &'a Offer)| {
        let id = event_of(offer.offer);
        let entry = Entry {
            id: id.clone(),
            bound: Bound::To(offer),
            content: offer.content_for(SurfaceKind::Screen).map(Cow::Borrowed),
            duration_s: subscription.duration_s,
            from: None,
            to: None,
        };
        Candidate {
            id,
            zone: &programme.main,
            event: None,
            is_price: false,
            priority: 0,
            order: u32::try_from(order).unwrap_or(u32::MAX),
            entries: vec![entry.within_offer()],
            cycle: false,
            window: Window::Plain,
        }
    };
    offers.values().filter(wanted).enumerate().map(as_candidate).collect()
}

/// What a label shows of its product: the price that holds.
fn price<'a>(programme: &'a Programme, sheet: &ProductSheet, now: DateTime<Utc>) -> Option<Candidate<'a>> {
    let label::Priced { content, from, to } = label::priced(sheet, now)?;
    let entry =
        Entry { id: label::event(), bound: Bound::Free, content: Some(Cow::Owned(content)), duration_s: PRICE_S, from: Some(from), to };
    Some(Candidate {
        id: label::event(),
        zone: &programme.main,
        event: None,
        is_price: true,
        priority: 0,
        order: 0,
        entries: vec![entry],
        cycle: false,
        window: Window::Plain,
    })
}

/// The name under which a subscribed offer stands in plans and plays: its id without dashes, which is a slug of the longest kind.
#[must_use]
pub fn event_of(offer: OfferId) -> EventSlug {
    EventSlug::parse(&offer.0.simple().to_string()).expect("32 hex digits are a slug")
}

impl Entry<'_> {
    /// Nothing of an offer plays outside its time.
    fn within_offer(self) -> Self {
        let (from, to) = self.bound.offer().map(|offer| (offer.from, offer.to)).unzip();
        Self { from: self.from.max(from), to: earlier(self.to, to), ..self }
    }

    /// Whether it may play now, its event's hours and criteria aside.
    pub fn check(&self, inputs: &Inputs<'_>) -> Result<(), LeftOut> {
        let now = inputs.now;
        if let Bound::Missing(_) = self.bound {
            return Err(LeftOut::NoOffer);
        }
        if self.from.is_some_and(|from| now < from) {
            return Err(LeftOut::NotYet);
        }
        if self.to.is_some_and(|to| now >= to) {
            return Err(LeftOut::Over);
        }
        let content = self.content.as_deref().ok_or(LeftOut::NoContent)?;
        match may_show(Surface::Public(Sense::Seen), &classify(content, self.bound.offer()), inputs.zone_state, now) {
            Verdict::Allow => Ok(()),
            Verdict::Deny(reason) => Err(LeftOut::Display(reason)),
        }
    }
}

impl Candidate<'_> {
    /// Whether its event is on now, whatever its pictures say.
    pub fn check(&self, inputs: &Inputs<'_>) -> Result<(), LeftOut> {
        match self.window {
            Window::Recurring(Around { current: None, .. }) => return Err(LeftOut::Recurrence),
            Window::Recurring(_) | Window::Plain => {}
        }
        let Some(event) = self.event else { return Ok(()) };
        if event.day_part.as_ref().is_some_and(|part| !part.is_on(inputs.zone, inputs.now)) {
            return Err(LeftOut::DayPart);
        }
        if event.criteria.iter().all(|criterion| holds(criterion, inputs)) { Ok(()) } else { Err(LeftOut::Criteria) }
    }

    pub fn is_capped(&self, inputs: &Inputs<'_>) -> bool {
        self.event.and_then(|event| event.plays_per_hour_max).is_some_and(|most| inputs.plays.within_an_hour(&self.id, inputs.now) >= most)
    }

    /// Every instant at which a rule of this candidate can turn out another way.
    pub fn changes_at(&self, inputs: &Inputs<'_>) -> Vec<DateTime<Utc>> {
        let mut instants: Vec<DateTime<Utc>> = self.entries.iter().flat_map(|entry| [entry.from, entry.to]).flatten().collect();
        if let Window::Recurring(around) = self.window {
            instants.extend(around.next);
        }
        let Some(event) = self.event else { return instants };
        instants.extend(event.day_part.as_ref().and_then(|part| part.next_change(inputs.zone, inputs.now)));
        instants.extend(event.criteria.iter().filter_map(|criterion| inputs.facts.expiry(&criterion.metric, inputs.now)));
        instants.extend(event.plays_per_hour_max.and_then(|_| inputs.plays.next_release(&event.id, inputs.now)));
        instants
    }

    /// Whether it depends on what may change without a named instant.
    pub fn must_be_looked_at(&self) -> bool {
        self.event.is_some_and(|event| event.day_part.is_some() || event.recurrence.is_some() || !event.criteria.is_empty())
    }
}

/// Facts of an emergency are those of the emergency that is on; without one they are not known.
fn holds(criterion: &Criterion, inputs: &Inputs<'_>) -> bool {
    match criterion.metric.as_str() {
        "emergency.status" => inputs.emergency().is_some() && fits("on", criterion),
        "emergency.category" => inputs.emergency().is_some_and(|emergency| fits(emergency.set.category.as_str(), criterion)),
        _ => inputs.facts.hold(criterion, inputs.now),
    }
}
