//! The programme of one screen, read from its document.
//!
//! Owns the parsing of a programme: after it, zones exist, hours are hours, durations are within bounds and each P2 content names its audience.
//! Takes the wire form. Emits [`Programme`]. On failure: [`ProgrammeError`] with the field, and the screen keeps its last programme.
use std::collections::{BTreeMap, BTreeSet};

use aisle_schemas::content::{Content, ContentClass};
use aisle_schemas::offer::Offer;
use aisle_schemas::screen::{
    Criterion, EventClock, EventKind, Layout, LayoutZoneKind, OfferSubscription, Playlist, ScheduleEvent, ScreenProgramme, SyncGroup,
};
use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday};
use thiserror::Error;

use super::day_part::{DayPart, Exception, Hours};
use super::recurrence::{LENGTH_DAYS_MAX, N_MAX, Recurrence};
use super::weave::HOUR_S;
use crate::display::{self, Field, SensitiveTopic};
use crate::ids::{EventSlug, LayoutZoneId, OfferId, ScreenId, SegmentId, Sku, ZoneId};

/// Zones of a layout.
pub const ZONES_MAX: usize = 16;
/// Events of one programme.
pub const EVENTS_MAX: usize = 500;
/// Criteria of one event.
pub const CRITERIA_MAX: usize = 16;
/// Exceptions of one day part.
pub const EXCEPTIONS_MAX: usize = 100;
/// Seconds an item may last.
pub const DURATION_S: std::ops::RangeInclusive<u32> = 1..=86_400;
/// Items of one playlist.
pub const PLAYLIST_MAX: usize = 100;
/// Pixels of a layout's side.
pub const PIXELS: std::ops::RangeInclusive<u32> = 1..=16_384;

/// Why a programme cannot be played: which field, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field}: {reason}")]
pub struct ProgrammeError {
    pub field: String,
    pub reason: String,
}

/// One event of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub id: EventSlug,
    pub zone: LayoutZoneId,
    pub priority: u32,
    pub order: u32,
    pub content: Content,
    pub offer: Option<OfferId>,
    pub duration_s: u32,
    pub from: Option<DateTime<Utc>>,
    pub to: Option<DateTime<Utc>>,
    pub day_part: Option<DayPart>,
    pub criteria: Vec<Criterion>,
    /// Plays in a sliding hour; none for no limit.
    pub plays_per_hour_max: Option<u32>,
    pub clock: EventClock,
    /// Seconds per hour, for an event that is woven in.
    pub share_of_voice_s: Option<u32>,
    pub recurrence: Option<Recurrence>,
    pub playlist: Option<Playlist>,
}

/// The programme of one screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programme {
    pub screen: ScreenId,
    /// Zone of the store in which the screen hangs.
    pub zone: ZoneId,
    pub layout: Layout,
    /// The zone that taps and subscribed offers refer to.
    pub main: LayoutZoneId,
    pub events: Vec<Event>,
    pub subscription: Option<OfferSubscription>,
    /// Shown when nothing else may be; generic, so that it always may.
    pub fallback: Content,
    pub sync: Option<SyncGroup>,
    /// The product whose price it shows, for a price label.
    pub label: Option<Sku>,
}

fn wrong(field: impl Into<String>, reason: impl Into<String>) -> ProgrammeError {
    ProgrammeError { field: field.into(), reason: reason.into() }
}

impl TryFrom<&ScreenProgramme> for Programme {
    type Error = ProgrammeError;

    fn try_from(wire: &ScreenProgramme) -> Result<Self, Self::Error> {
        let ScreenProgramme { screen, name: _, zone, layout, events, subscription, fallback, media: _, sync, label } = wire;
        let main = check_layout(layout)?;
        if events.len() > EVENTS_MAX {
            return Err(wrong("events", format!("are more than {EVENTS_MAX}")));
        }
        let mut seen = BTreeSet::new();
        let mut parsed = Vec::with_capacity(events.len());
        for (index, event) in events.iter().enumerate() {
            let at = format!("events[{index}]");
            if !seen.insert(event.id.clone()) {
                return Err(wrong(format!("{at}.id"), "is used twice"));
            }
            for (place, item) in event.playlist.iter().flat_map(|list| list.items.iter().enumerate()) {
                if !seen.insert(item.id.clone()) {
                    return Err(wrong(format!("{at}.playlist.items[{place}].id"), "is used twice"));
                }
            }
            if sync.is_some() && event.max_plays_per_hour > 0 {
                return Err(wrong(format!("{at}.max_plays_per_hour"), "cannot be kept by screens that keep step without talking"));
            }
            parsed.push(read_event(event, layout, &main, &at)?);
        }
        if let Some(subscription) = subscription
            && !DURATION_S.contains(&subscription.duration_s)
        {
            return Err(wrong("subscription.duration_s", "must be 1 to 86400"));
        }
        match fallback.class {
            ContentClass::P0 | ContentClass::P1 => {}
            ContentClass::P2 | ContentClass::P3 | ContentClass::P4 => {
                return Err(wrong("fallback.class", "must be P0 or P1, so that it may always be shown"));
            }
        }
        Ok(Self {
            screen: screen.clone(),
            zone: zone.clone(),
            layout: layout.clone(),
            main,
            events: parsed,
            subscription: subscription.clone(),
            fallback: fallback.clone(),
            sync: sync.clone(),
            label: label.clone(),
        })
    }
}

fn check_layout(layout: &Layout) -> Result<LayoutZoneId, ProgrammeError> {
    if layout.zones.len() > ZONES_MAX {
        return Err(wrong("layout.zones", format!("are more than {ZONES_MAX}")));
    }
    if !PIXELS.contains(&layout.width) || !PIXELS.contains(&layout.height) {
        return Err(wrong("layout", "must be 1 to 16384 pixels wide and high"));
    }
    let mut seen = BTreeSet::new();
    let mut main = None;
    for (index, zone) in layout.zones.iter().enumerate() {
        let at = format!("layout.zones[{index}]");
        if !seen.insert(&zone.id) {
            return Err(wrong(format!("{at}.id"), "is used twice"));
        }
        let inside = |from: u32, length: u32, side: u32| length > 0 && from.checked_add(length).is_some_and(|end| end <= side);
        if !inside(zone.x, zone.w, layout.width) || !inside(zone.y, zone.h, layout.height) {
            return Err(wrong(at, "must lie within the layout"));
        }
        match zone.kind {
            LayoutZoneKind::Main if main.is_some() => return Err(wrong(format!("{at}.kind"), "is main a second time")),
            LayoutZoneKind::Main => main = Some(zone.id.clone()),
            LayoutZoneKind::Ticker | LayoutZoneKind::PriceBar | LayoutZoneKind::Overlay => {}
        }
    }
    main.ok_or_else(|| wrong("layout.zones", "must hold one of kind main"))
}

fn read_event(event: &ScheduleEvent, layout: &Layout, main: &LayoutZoneId, at: &str) -> Result<Event, ProgrammeError> {
    let ScheduleEvent {
        id,
        zone,
        priority,
        order,
        content,
        offer,
        duration_s,
        from,
        to,
        day_part,
        criteria,
        max_plays_per_hour,
        clock,
        kind,
        recurrence,
        playlist,
    } = event;
    if !layout.zones.iter().any(|known| known.id == *zone) {
        return Err(wrong(format!("{at}.zone"), "is not a zone of the layout"));
    }
    if criteria.len() > CRITERIA_MAX {
        return Err(wrong(format!("{at}.criteria"), format!("are more than {CRITERIA_MAX}")));
    }
    check_picture(content, *offer, *duration_s, at)?;
    if let Some(Playlist { items, cycle: _ }) = playlist {
        if !(1..=PLAYLIST_MAX).contains(&items.len()) {
            return Err(wrong(format!("{at}.playlist.items"), format!("must be 1 to {PLAYLIST_MAX}")));
        }
        for (index, item) in items.iter().enumerate() {
            check_picture(&item.content, item.offer, item.duration_s, &format!("{at}.playlist.items[{index}]"))?;
        }
    }
    let share_of_voice_s = match kind {
        EventKind::Loop => None,
        EventKind::Interrupt { share_of_voice_s } if zone == main && (1..=HOUR_S).contains(share_of_voice_s) => Some(*share_of_voice_s),
        EventKind::Interrupt { .. } => {
            return Err(wrong(format!("{at}.kind"), "interrupts the main zone, for 1 to 3600 seconds per hour"));
        }
    };
    Ok(Event {
        id: id.clone(),
        zone: zone.clone(),
        priority: *priority,
        order: *order,
        content: content.clone(),
        offer: *offer,
        duration_s: *duration_s,
        from: *from,
        to: *to,
        day_part: day_part.as_ref().map(|part| read_day_part(part, &format!("{at}.day_part"))).transpose()?,
        criteria: criteria.clone(),
        plays_per_hour_max: (*max_plays_per_hour > 0).then_some(*max_plays_per_hour),
        clock: *clock,
        share_of_voice_s,
        recurrence: recurrence.as_ref().map(|rule| read_recurrence(rule, (*from, *to), &format!("{at}.recurrence"))).transpose()?,
        playlist: playlist.clone(),
    })
}

fn check_picture(content: &Content, offer: Option<OfferId>, duration_s: u32, at: &str) -> Result<(), ProgrammeError> {
    if !DURATION_S.contains(&duration_s) {
        return Err(wrong(format!("{at}.duration_s"), "must be 1 to 86400"));
    }
    if content.class == ContentClass::P2 && (content.segment.is_none() || offer.is_none()) {
        return Err(wrong(format!("{at}.content"), "of class P2 must name its segment and an offer, which K1 and K2 count"));
    }
    if let Some(segment) = &content.segment {
        SegmentId::parse(segment).map_err(|error| wrong(format!("{at}.content.segment"), error.to_string()))?;
    }
    Ok(())
}

/// Beginning and end of the first occurrence.
type First = (Option<DateTime<Utc>>, Option<DateTime<Utc>>);

fn read_recurrence(wire: &aisle_schemas::screen::Recurrence, first: First, at: &str) -> Result<Recurrence, ProgrammeError> {
    let aisle_schemas::screen::Recurrence { every, n, until, weekdays, monthly } = wire;
    let (Some(from), Some(to)) = first else {
        return Err(wrong(at, "needs from and to, the first time"));
    };
    if to <= from || to - from > TimeDelta::days(LENGTH_DAYS_MAX) {
        return Err(wrong(at, format!("each time must end after it begins, within {LENGTH_DAYS_MAX} days")));
    }
    if !(1..=N_MAX).contains(n) {
        return Err(wrong(format!("{at}.n"), format!("must be 1 to {N_MAX}")));
    }
    if weekdays.iter().any(|day| !(1..=7).contains(day)) {
        return Err(wrong(format!("{at}.weekdays"), "must be 1 (Monday) to 7"));
    }
    let weekdays = weekdays.iter().map(|day| u32::from(*day) - 1).collect();
    Ok(Recurrence { every: *every, n: *n, until: *until, weekdays, monthly: *monthly })
}

fn read_day_part(wire: &aisle_schemas::screen::DayPart, at: &str) -> Result<DayPart, ProgrammeError> {
    let aisle_schemas::screen::DayPart { start, end, weekdays, exceptions } = wire;
    if exceptions.len() > EXCEPTIONS_MAX {
        return Err(wrong(format!("{at}.exceptions"), format!("are more than {EXCEPTIONS_MAX}")));
    }
    let hours = |start: &str, end: &str| {
        let time = |text: &str| NaiveTime::parse_from_str(text, "%H:%M").map_err(|_| wrong(at, format!("{text:?} must be a time HH:MM")));
        Ok::<_, ProgrammeError>(Hours { start: time(start)?, end: time(end)? })
    };
    let mut days = Vec::new();
    for day in if weekdays.is_empty() { &[1, 2, 3, 4, 5, 6, 7] } else { weekdays.as_slice() } {
        let from_monday = day.checked_sub(1).and_then(|day| Weekday::try_from(day).ok());
        days.push(from_monday.ok_or_else(|| wrong(format!("{at}.weekdays"), "must be 1 (Monday) to 7"))?);
    }
    let mut changed = BTreeMap::new();
    for (index, exception) in exceptions.iter().enumerate() {
        let date = NaiveDate::parse_from_str(&exception.date, "%Y-%m-%d")
            .map_err(|_| wrong(format!("{at}.exceptions[{index}].date"), "must be YYYY-MM-DD"))?;
        let instead = match &exception.hours {
            None => Exception::Closed,
            Some((start, end)) => Exception::Open(hours(start, end)?),
        };
        changed.insert(date, instead);
    }
    Ok(DayPart::new(hours(start, end)?, &days, changed))
}

/// How much a content says about people, as the display policy sees it. Whatever lacks what its class needs counts as the most sensitive.
#[must_use]
pub fn classify(content: &Content, offer: Option<&Offer>) -> display::Content {
    let unnamed = display::Content::Sensitive { field: Field::Unnamed };
    match content.class {
        ContentClass::P0 => display::Content::Generic,
        ContentClass::P1 => display::Content::Context,
        ContentClass::P2 => match (content.segment.as_deref().map(SegmentId::parse), offer) {
            (Some(Ok(segment)), Some(offer)) => {
                display::Content::Audience { segment, creative: offer.offer, topic: SensitiveTopic::of_category(&offer.product.category) }
            }
            (None | Some(Ok(_) | Err(_)), None | Some(_)) => unnamed,
        },
        ContentClass::P3 => {
            offer.map_or(unnamed, |offer| display::Content::Personal { product: offer.product.sku.clone(), field: Field::Wishes })
        }
        ContentClass::P4 => unnamed,
    }
}
