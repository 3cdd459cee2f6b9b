//! Plans: what plays, what does not and why, and when that can change.
use std::collections::BTreeMap;

use aisle_node_core::display::{DenyReason, ZoneState};
use aisle_node_core::ids::{CategoryId, EventSlug, LayoutZoneId, OfferId, ScreenId, Sku, ZoneId};
use aisle_node_core::signage::facts::Fact;
use aisle_node_core::signage::plan::{LeftOut, Why, event_of};
use aisle_node_core::signage::play::PlayCounts;
use aisle_node_core::signage::{Emergency, Facts, Inputs, Loop, Programme, next_deadline, plan};
use aisle_schemas::content::{Content, ContentClass, Currency, Money, SurfaceKind};
use aisle_schemas::ids::CampaignId;
use aisle_schemas::offer::{Offer, OfferTarget, Product, Variant};
use aisle_schemas::product::ProductSheet;
use aisle_schemas::screen::{
    Condition, Criterion, DayPart, EventClock, EventKind, Layout, LayoutZone, LayoutZoneKind, OfferSubscription, PlayRule, ScheduleEvent,
    ScreenProgramme,
};
use aisle_schemas::text::LocalText;
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::at;

pub(super) const NOW: i64 = 1_764_000_000;

pub(super) fn content(class: ContentClass, headline: &str) -> Content {
    Content {
        class,
        headline: LocalText::new(headline, headline),
        line: LocalText::default(),
        image: None,
        price: None,
        was: None,
        segment: None,
    }
}

pub(super) fn zone_of(id: &str, kind: LayoutZoneKind, y: u32) -> LayoutZone {
    LayoutZone { id: LayoutZoneId::parse(id).unwrap(), kind, x: 0, y, w: 1_920, h: 500 }
}

pub(super) fn event(id: &str) -> ScheduleEvent {
    ScheduleEvent {
        id: EventSlug::parse(id).unwrap(),
        zone: LayoutZoneId::parse("main").unwrap(),
        priority: 0,
        order: 0,
        content: content(ContentClass::P0, id),
        offer: None,
        duration_s: 8,
        from: None,
        to: None,
        day_part: None,
        criteria: vec![],
        max_plays_per_hour: 0,
        clock: EventClock::Programme,
        kind: EventKind::Loop,
        recurrence: None,
        playlist: None,
    }
}

pub(super) fn programme(events: Vec<ScheduleEvent>) -> ScreenProgramme {
    ScreenProgramme {
        screen: ScreenId::parse("window-1").unwrap(),
        name: LocalText::new("Fenster", "Window"),
        zone: ZoneId::parse("entrance").unwrap(),
        layout: Layout {
            width: 1_920,
            height: 1_080,
            zones: vec![zone_of("main", LayoutZoneKind::Main, 0), zone_of("ticker", LayoutZoneKind::Ticker, 500)],
        },
        events,
        subscription: None,
        fallback: content(ContentClass::P0, "brand"),
        media: vec![],
        sync: None,
        label: None,
    }
}

pub(super) fn offer_id(n: u8) -> OfferId {
    OfferId::new(u64::from(n), [n; 10])
}

pub(super) fn offer(n: u8) -> Offer {
    let price = Money { minor: 199, currency: Currency::Eur };
    Offer {
        offer: offer_id(n),
        rev: 3,
        campaign: CampaignId::new(1, [1; 10]),
        product: Product {
            sku: Sku::parse("cat-food").unwrap(),
            name: LocalText::default(),
            category: CategoryId::parse("pet-cat").unwrap(),
            sibling_group: None,
            image: None,
        },
        price,
        was: None,
        from: at(NOW - 100),
        to: at(NOW + 100),
        target: OfferTarget { stores: vec![], zones: vec![], surfaces: vec![SurfaceKind::Screen] },
        variants: vec![Variant { surface: SurfaceKind::Screen, content: content(ContentClass::P0, "offer") }],
        fallback: None,
        fallback_for: vec![],
        media: vec![],
    }
}

/// What a plan depends on, owned.
pub(super) struct World {
    pub offers: BTreeMap<OfferId, Offer>,
    pub facts: Facts,
    pub plays: PlayCounts,
    pub zone_state: ZoneState,
    pub label: Option<ProductSheet>,
    pub emergency: Option<Emergency>,
}

impl World {
    pub fn with(offers: Vec<Offer>) -> Self {
        Self {
            offers: offers.into_iter().map(|offer| (offer.offer, offer)).collect(),
            facts: Facts::default(),
            plays: PlayCounts::default(),
            zone_state: ZoneState::unknown(),
            label: None,
            emergency: None,
        }
    }

    pub fn inputs(&self, now: DateTime<Utc>) -> Inputs<'_> {
        let Self { offers, facts, plays, zone_state, label, emergency } = self;
        Inputs {
            offers,
            facts,
            plays,
            zone_state,
            label: label.as_ref(),
            emergency: emergency.as_ref(),
            zone: chrono_tz::Europe::Berlin,
            now,
        }
    }

    pub fn plan(&self, programme: &ScreenProgramme, now: DateTime<Utc>) -> Loop {
        plan(&Programme::try_from(programme).unwrap(), &self.inputs(now))
    }

    pub fn deadline(&self, programme: &ScreenProgramme, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        next_deadline(&Programme::try_from(programme).unwrap(), &self.inputs(now))
    }
}

pub(super) fn main_of(planned: &Loop) -> Vec<&str> {
    planned.zones.iter().find(|zone| zone.zone.as_str() == "main").unwrap().items.iter().map(|item| item.event.as_str()).collect()
}

pub(super) fn denied(planned: &Loop) -> Vec<(&str, LeftOut)> {
    planned.denied.iter().map(|denied| (denied.event.as_str(), denied.reason)).collect()
}

#[test]
fn events_of_the_highest_priority_play_in_order_and_the_others_say_why_not() {
    let events = vec![
        ScheduleEvent { priority: 5, order: 2, ..event("b") },
        ScheduleEvent { priority: 5, order: 1, ..event("c") },
        ScheduleEvent { priority: 5, order: 1, ..event("a") },
        ScheduleEvent { priority: 4, ..event("d") },
    ];
    let planned = World::with(vec![]).plan(&programme(events), at(NOW));
    assert_eq!(main_of(&planned), ["a", "c", "b"]);
    assert_eq!(denied(&planned), [("d", LeftOut::Priority)]);
    assert!(planned.zones[0].items.iter().all(|item| item.rule == PlayRule::Priority && item.why == Why::Scheduled));
}

#[test]
fn each_zone_has_its_own_loop_and_only_the_main_zone_a_fallback() {
    let ticker = ScheduleEvent { zone: LayoutZoneId::parse("ticker").unwrap(), priority: 9, ..event("news") };
    let planned = World::with(vec![]).plan(&programme(vec![ticker, event("a")]), at(NOW));
    assert_eq!((planned.zones.len(), main_of(&planned)), (2, vec!["a"]));
    let planned = World::with(vec![]).plan(&programme(vec![]), at(NOW));
    assert_eq!((planned.zones.len(), main_of(&planned)), (1, vec!["fallback"]));
    assert_eq!((planned.zones[0].items[0].rule, planned.zones[0].items[0].why), (PlayRule::Fallback, Why::Fallback));
}

#[test]
fn an_event_that_may_not_be_shown_does_not_displace_those_that_may() {
    let audience = Content { segment: Some("cats".to_owned()), ..content(ContentClass::P2, "x") };
    let steered = ScheduleEvent { priority: 9, content: audience, offer: Some(offer_id(1)), ..event("steered") };
    let secret = ScheduleEvent { priority: 9, content: content(ContentClass::P4, "x"), ..event("secret") };
    let planned = World::with(vec![offer(1)]).plan(&programme(vec![steered, secret, event("a")]), at(NOW));
    assert_eq!(main_of(&planned), ["a"]);
    let display = LeftOut::Display;
    assert_eq!(denied(&planned), [("secret", display(DenyReason::Class)), ("steered", display(DenyReason::KCreative))]);
}

#[test]
fn nothing_of_an_offer_plays_outside_its_time() {
    let bound = ScheduleEvent { offer: Some(offer_id(1)), from: Some(at(NOW - 1_000)), to: Some(at(NOW + 1_000)), ..event("bound") };
    let subscribed =
        ScreenProgramme { subscription: Some(OfferSubscription { categories: vec![], duration_s: 6, offers_max: 5 }), ..programme(vec![]) };
    let scheduled = programme(vec![bound]);
    let world = World::with(vec![offer(1)]);
    for (programme, name) in [(&scheduled, "bound".to_owned()), (&subscribed, event_of(offer_id(1)).to_string())] {
        let reason_at = |s| denied(&world.plan(programme, at(s))).first().map(|(_, reason)| *reason);
        assert_eq!(reason_at(NOW - 101), Some(LeftOut::NotYet));
        let planned = world.plan(programme, at(NOW - 100));
        let item = &planned.zones[0].items[0];
        assert_eq!((item.event.as_str(), item.offer_rev), (name.as_str(), Some(3)));
        assert_eq!((item.from, item.to), (Some(at(NOW - 100)), Some(at(NOW + 100))), "the player cuts at the offer's end");
        assert_eq!(reason_at(NOW + 100), Some(LeftOut::Over));
    }
    let withdrawn = World::with(vec![]).plan(&scheduled, at(NOW));
    assert_eq!((main_of(&withdrawn), denied(&withdrawn)), (vec!["fallback"], vec![("bound", LeftOut::NoOffer)]));
}

#[test]
fn a_screen_plays_the_offers_it_subscribes_to_up_to_its_maximum() {
    let subscription = |categories: &[&str], offers_max| {
        let categories = categories.iter().map(|category| CategoryId::parse(category).unwrap()).collect();
        ScreenProgramme { subscription: Some(OfferSubscription { categories, duration_s: 6, offers_max }), ..programme(vec![]) }
    };
    let elsewhere = OfferTarget { zones: vec![ZoneId::parse("pets").unwrap()], ..offer(4).target };
    let phones = OfferTarget { surfaces: vec![SurfaceKind::Phone], ..offer(5).target };
    let world = World::with(vec![
        offer(1),
        offer(2),
        Offer { variants: vec![], ..offer(3) },
        Offer { target: elsewhere, ..offer(4) },
        Offer { target: phones, ..offer(5) },
    ]);
    let name = |n| event_of(offer_id(n));
    let planned = world.plan(&subscription(&[], 1), at(NOW));
    assert_eq!(main_of(&planned), [name(1).as_str()]);
    assert_eq!(denied(&planned), [(name(2).as_str(), LeftOut::Full), (name(3).as_str(), LeftOut::NoContent)]);
    assert_eq!(planned.zones[0].items[0].why, Why::Subscribed);
    assert_eq!(main_of(&world.plan(&subscription(&["pet-cat"], 5), at(NOW))), [name(1).as_str(), name(2).as_str()]);
    assert_eq!(main_of(&world.plan(&subscription(&["pet-dog"], 5), at(NOW))), ["fallback"]);
}

#[test]
fn an_event_rests_when_it_has_played_its_hourly_maximum() {
    let programme = programme(vec![ScheduleEvent { max_plays_per_hour: 2, ..event("a") }]);
    let mut world = World::with(vec![]);
    world.plays.count(EventSlug::parse("a").unwrap(), at(NOW - 3_000));
    assert_eq!(main_of(&world.plan(&programme, at(NOW))), ["a"]);
    world.plays.count(EventSlug::parse("a").unwrap(), at(NOW - 10));
    let planned = world.plan(&programme, at(NOW));
    assert_eq!((main_of(&planned), denied(&planned)), (vec!["fallback"], vec![("a", LeftOut::Cap)]));
    assert_eq!(world.deadline(&programme, at(NOW)), Some(at(NOW + 600)));
    assert_eq!(main_of(&world.plan(&programme, at(NOW + 600))), ["a"]);
}

#[test]
fn criteria_and_hours_switch_events_and_are_looked_at_within_a_minute() {
    let hot = Criterion { metric: "weather".to_owned(), condition: Condition::Eq, value: "hot".to_owned() };
    let hours = DayPart { start: "00:00".to_owned(), end: "00:00".to_owned(), weekdays: vec![], exceptions: vec![] };
    let programme =
        programme(vec![ScheduleEvent { criteria: vec![hot], ..event("ice") }, ScheduleEvent { day_part: Some(hours), ..event("day") }]);
    let mut world = World::with(vec![]);
    let planned = world.plan(&programme, at(NOW));
    assert_eq!((main_of(&planned), denied(&planned)), (vec!["day"], vec![("ice", LeftOut::Criteria)]));
    assert_eq!(world.deadline(&programme, at(NOW)), Some(at(NOW + 60)));
    world.facts.learn("weather", Fact { value: "hot".to_owned(), expires: at(NOW + 30) }).unwrap();
    assert_eq!(main_of(&world.plan(&programme, at(NOW))), ["day", "ice"]);
    assert_eq!(world.deadline(&programme, at(NOW)), Some(at(NOW + 30)), "the fact expires");
}

#[test]
fn a_plan_that_only_news_can_change_has_no_deadline() {
    assert_eq!(World::with(vec![]).deadline(&programme(vec![event("a")]), at(NOW)), None);
}

#[test]
fn a_programme_that_cannot_be_played_names_the_field() {
    let field = |programme: ScreenProgramme| Programme::try_from(&programme).unwrap_err().field;
    let with = |change: fn(&mut ScheduleEvent)| {
        let mut changed = event("a");
        change(&mut changed);
        field(programme(vec![event("first"), changed]))
    };
    assert_eq!(with(|event| event.id = EventSlug::parse("first").unwrap()), "events[1].id");
    assert_eq!(with(|event| event.zone = LayoutZoneId::parse("nowhere").unwrap()), "events[1].zone");
    assert_eq!(with(|event| event.duration_s = 0), "events[1].duration_s");
    assert_eq!(with(|event| event.content.class = ContentClass::P2), "events[1].content");
    let hours = |start: &str, weekdays: &[u8]| {
        let part = DayPart { start: start.to_owned(), end: "10:00".to_owned(), weekdays: weekdays.to_vec(), exceptions: vec![] };
        field(programme(vec![ScheduleEvent { day_part: Some(part), ..event("a") }]))
    };
    assert_eq!(hours("25:00", &[]), "events[0].day_part");
    assert_eq!(hours("09:00", &[8]), "events[0].day_part.weekdays");
    assert_eq!(hours("09:00", &[0]), "events[0].day_part.weekdays");
    let layout = |zones| field(ScreenProgramme { layout: Layout { width: 1_920, height: 1_080, zones }, ..programme(vec![]) });
    assert_eq!(layout(vec![zone_of("t", LayoutZoneKind::Ticker, 0)]), "layout.zones");
    assert_eq!(layout(vec![zone_of("main", LayoutZoneKind::Main, 900)]), "layout.zones[0]");
    assert_eq!(field(ScreenProgramme { fallback: content(ContentClass::P3, "x"), ..programme(vec![]) }), "fallback.class");
}

fn window() -> impl Strategy<Value = (Option<i64>, Option<i64>)> {
    (prop::option::of(-200_i64..200), prop::option::of(-200_i64..200))
}

proptest! {
    /// Whatever the schedule: the main zone plays something, every event is either in or out with a reason, and between now and the deadline
    /// the plan stays as it is.
    #[test]
    fn a_plan_is_whole_and_stands_until_its_deadline(
        events in prop::collection::vec((window(), 0_u32..3, any::<bool>(), 0_u32..2), 0..6),
        offer_window in (-200_i64..200, -200_i64..200),
        later in 0_i64..100,
    ) {
        let programme = programme(events.iter().enumerate().map(|(n, ((from, to), priority, bound, capped))| ScheduleEvent {
            from: from.map(|s| at(NOW + s)),
            to: to.map(|s| at(NOW + s)),
            priority: *priority,
            offer: bound.then(|| offer_id(1)),
            max_plays_per_hour: *capped,
            ..event(&format!("e{n}"))
        }).collect());
        let mut world = World::with(vec![Offer { from: at(NOW + offer_window.0), to: at(NOW + offer_window.1), ..offer(1) }]);
        world.plays.count(EventSlug::parse("e0").unwrap(), at(NOW - 3_550));
        let planned = world.plan(&programme, at(NOW));
        let playing = main_of(&planned);
        prop_assert!(!playing.is_empty());
        let real = playing.iter().filter(|event| **event != "fallback").count();
        prop_assert_eq!(real + planned.denied.len(), events.len());
        let then = at(NOW) + TimeDelta::seconds(later);
        if world.deadline(&programme, at(NOW)).is_none_or(|deadline| then < deadline) {
            prop_assert_eq!(world.plan(&programme, then), planned);
        }
    }
}
