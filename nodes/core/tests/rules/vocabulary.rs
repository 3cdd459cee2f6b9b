//! The words of a schedule: what comes again, what cycles, what interrupts, what an emergency does, and that no deadline misses a change.
use std::collections::BTreeSet;

use aisle_node_core::ids::{EventSlug, LayoutZoneId};
use aisle_node_core::signage::facts::Fact;
use aisle_node_core::signage::plan::{LeftOut, Why};
use aisle_node_core::signage::{Emergency, Loop, Programme};
use aisle_schemas::content::ContentClass;
use aisle_schemas::emergency::{ActiveEmergency, EmergencyItem, EmergencyMode, EmergencySet};
use aisle_schemas::offer::Offer;
use aisle_schemas::screen::{
    Condition, Criterion, DayPart, EventClock, EventKind, Every, Monthly, PlayRule, Playlist, PlaylistItem, Recurrence, ScheduleEvent,
    ScreenProgramme, SyncGroup,
};
use aisle_schemas::text::LocalText;
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::at;
use super::plan::{NOW, World, content, denied, event, main_of, offer, offer_id, programme};

fn slug(text: &str) -> EventSlug {
    EventSlug::parse(text).unwrap()
}

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn listed(id: &str, items: &[&str], cycle: bool) -> ScheduleEvent {
    let item =
        |id: &&str| PlaylistItem { id: slug(id), content: content(ContentClass::P0, id), offer: None, duration_s: 8, from: None, to: None };
    ScheduleEvent { playlist: Some(Playlist { items: items.iter().map(item).collect(), cycle }), ..event(id) }
}

fn interrupt(id: &str, share_of_voice_s: u32) -> ScheduleEvent {
    ScheduleEvent { kind: EventKind::Interrupt { share_of_voice_s }, ..event(id) }
}

fn recurring(id: &str, from: &str, to: &str, every: Every) -> ScheduleEvent {
    let rule = Recurrence { every, n: 1, until: None, weekdays: vec![], monthly: Monthly::Date };
    ScheduleEvent { from: Some(utc(from)), to: Some(utc(to)), recurrence: Some(rule), ..event(id) }
}

fn emergency(mode: EmergencyMode, expires: DateTime<Utc>) -> Emergency {
    let item = |id: &str| EmergencyItem { id: slug(id), content: content(ContentClass::P0, "leave"), duration_s: 10 };
    Emergency {
        set: EmergencySet {
            set: slug("fire"),
            name: LocalText::default(),
            category: slug("fire"),
            items: vec![item("leave-1"), item("leave-2")],
            media: vec![],
        },
        active: ActiveEmergency { set: slug("fire"), mode, began_at: at(NOW), expires, by: "operator".to_owned() },
    }
}

/// Events of the main zone in the order of the loop.
fn sequence(planned: &Loop) -> Vec<&str> {
    planned.zones.iter().find(|zone| zone.zone.as_str() == "main").unwrap().sequence().map(|item| item.event.as_str()).collect()
}

/// Seconds of an hour that the event gets.
fn share(planned: &Loop, event: &str) -> u32 {
    let zone = planned.zones.iter().find(|zone| zone.zone.as_str() == "main").unwrap();
    let seconds = |only: Option<&str>| -> u32 {
        zone.sequence().filter(|item| only.is_none_or(|only| item.event.as_str() == only)).map(|item| item.duration_s).sum()
    };
    seconds(Some(event)) * 3_600 / seconds(None)
}

#[test]
fn a_playlist_plays_in_order_and_one_that_cycles_plays_an_item_a_pass() {
    let world = World::with(vec![]);
    let all = world.plan(&programme(vec![event("a"), listed("list", &["b", "c"], false)]), at(NOW));
    assert_eq!(sequence(&all), ["a", "b", "c"]);
    let cycling = world.plan(&programme(vec![event("a"), listed("list", &["b", "c"], true)]), at(NOW));
    assert_eq!(sequence(&cycling), ["a", "b", "a", "c"]);
    let schedule: Vec<_> = cycling.zones[0].items.iter().map(|item| item.schedule.as_ref().map(EventSlug::as_str)).collect();
    assert_eq!(schedule, [None, Some("list"), Some("list")], "a play says by which event it came");
}

#[test]
fn an_item_of_a_playlist_keeps_to_its_own_offer() {
    let mut bound = listed("list", &["b", "c"], false);
    bound.playlist.as_mut().unwrap().items[0].offer = Some(offer_id(1));
    let planned = World::with(vec![offer(1)]).plan(&programme(vec![bound.clone()]), at(NOW + 100));
    assert_eq!((sequence(&planned), denied(&planned)), (vec!["c"], vec![("b", LeftOut::Over)]));
}

#[test]
fn an_interrupt_gets_its_seconds_over_every_priority_and_the_loop_goes_on() {
    let events = vec![ScheduleEvent { priority: 5, ..event("a") }, event("low"), interrupt("spot", 360)];
    let planned = World::with(vec![]).plan(&programme(events), at(NOW));
    assert_eq!(share(&planned, "spot"), 360);
    assert_eq!(denied(&planned), [("low", LeftOut::Priority)]);
    let spot = planned.zones[0].items.iter().find(|item| item.event.as_str() == "spot").unwrap();
    assert_eq!((spot.rule, spot.why), (PlayRule::Interrupt, Why::Interrupt));
    let alone = World::with(vec![]).plan(&programme(vec![interrupt("spot", 360)]), at(NOW));
    assert_eq!((share(&alone, "spot"), share(&alone, "fallback")), (360, 3_240), "a share is no more than was bought");
}

#[test]
fn an_emergency_takes_the_whole_screen_or_its_part_of_the_time_and_ends_by_itself() {
    let mut world = World::with(vec![]);
    let ticker = ScheduleEvent { zone: LayoutZoneId::parse("ticker").unwrap(), ..event("news") };
    let programme = programme(vec![ScheduleEvent { priority: 9, max_plays_per_hour: 1, ..event("a") }, ticker]);
    world.emergency = Some(emergency(EmergencyMode::Replace, at(NOW + 600)));
    let replaced = world.plan(&programme, at(NOW));
    assert_eq!((replaced.zones.len(), sequence(&replaced)), (1, vec!["leave-1", "leave-2"]));
    assert!(replaced.zones[0].items.iter().all(|item| item.rule == PlayRule::Emergency && item.to == Some(at(NOW + 600))));
    assert_eq!(denied(&replaced), [("a", LeftOut::Emergency), ("news", LeftOut::Emergency)]);
    assert_eq!(world.deadline(&programme, at(NOW)), Some(at(NOW + 600)));
    assert_eq!(main_of(&world.plan(&programme, at(NOW + 600))), ["a"]);
    world.emergency = Some(emergency(EmergencyMode::Append { saturation_percent: 25 }, at(NOW + 600)));
    let appended = world.plan(&programme, at(NOW));
    assert_eq!(appended.zones.len(), 2, "the ticker goes on");
    assert_eq!((share(&appended, "leave-1") + share(&appended, "leave-2")).abs_diff(900) / 20, 0);
}

#[test]
fn a_criterion_knows_of_an_emergency_while_it_is_on() {
    let category = Criterion { metric: "emergency.category".to_owned(), condition: Condition::Eq, value: "fire".to_owned() };
    let ticker = ScheduleEvent { criteria: vec![category], ..event("way-out") };
    let programme = programme(vec![ticker, event("a")]);
    let mut world = World::with(vec![]);
    assert_eq!(main_of(&world.plan(&programme, at(NOW))), ["a"]);
    world.emergency = Some(emergency(EmergencyMode::Append { saturation_percent: 1 }, at(NOW + 600)));
    assert!(main_of(&world.plan(&programme, at(NOW))).contains(&"way-out"));
    assert!(!main_of(&world.plan(&programme, at(NOW + 600))).contains(&"way-out"));
}

#[test]
fn local_times_are_those_on_the_stores_wall() {
    let morning =
        |clock| ScheduleEvent { clock, from: Some(utc("2026-11-24T08:00:00Z")), to: Some(utc("2026-11-24T10:00:00Z")), ..event("morning") };
    let world = World::with(vec![]);
    let on = |clock, now: &str| main_of(&world.plan(&programme(vec![morning(clock)]), utc(now))) == ["morning"];
    assert!(on(EventClock::Local, "2026-11-24T07:00:00Z") && !on(EventClock::Local, "2026-11-24T09:00:00Z"));
    assert!(!on(EventClock::Programme, "2026-11-24T07:00:00Z") && on(EventClock::Programme, "2026-11-24T09:00:00Z"));
}

#[test]
fn an_event_that_comes_again_is_on_from_beginning_to_end_of_each_time() {
    let daily = ScheduleEvent { clock: EventClock::Local, ..recurring("noon", "2026-03-28T12:00:00Z", "2026-03-28T13:00:00Z", Every::Day) };
    let world = World::with(vec![]);
    let planned = world.plan(&programme(vec![daily.clone()]), utc("2026-03-30T10:00:00Z"));
    let item = &planned.zones[0].items[0];
    assert_eq!(
        (item.event.as_str(), item.from, item.to),
        ("noon", Some(utc("2026-03-30T10:00:00Z")), Some(utc("2026-03-30T11:00:00Z"))),
        "noon on the wall is an hour earlier in summer"
    );
    let after = world.plan(&programme(vec![daily]), utc("2026-03-30T11:00:00Z"));
    assert_eq!(denied(&after), [("noon", LeftOut::Recurrence)]);
}

#[test]
fn what_cannot_be_played_names_the_field() {
    let field = |event: ScheduleEvent| Programme::try_from(&programme(vec![event])).unwrap_err().field;
    assert_eq!(field(listed("list", &[], false)), "events[0].playlist.items");
    assert_eq!(field(listed("list", &["list"], false)), "events[0].playlist.items[0].id");
    assert_eq!(field(interrupt("spot", 0)), "events[0].kind");
    assert_eq!(field(ScheduleEvent { zone: LayoutZoneId::parse("ticker").unwrap(), ..interrupt("spot", 60) }), "events[0].kind");
    let endless = ScheduleEvent { to: None, ..recurring("r", "2026-03-28T12:00:00Z", "2026-03-28T13:00:00Z", Every::Day) };
    assert_eq!(field(endless), "events[0].recurrence");
    assert_eq!(field(recurring("r", "2026-03-28T12:00:00Z", "2026-05-28T13:00:00Z", Every::Year)), "events[0].recurrence");
    let group = SyncGroup { group: slug("wall"), epoch: at(0) };
    let capped = ScreenProgramme { sync: Some(group), ..programme(vec![ScheduleEvent { max_plays_per_hour: 1, ..event("a") }]) };
    assert_eq!(Programme::try_from(&capped).unwrap_err().field, "events[0].max_plays_per_hour");
}

/// One of every word of the vocabulary, at odd seconds.
fn everything() -> ScreenProgramme {
    let hours = |start: &str, end: &str| DayPart { start: start.to_owned(), end: end.to_owned(), weekdays: vec![], exceptions: vec![] };
    let wet = Criterion { metric: "weather".to_owned(), condition: Condition::Neq, value: "sun".to_owned() };
    programme(vec![
        ScheduleEvent { day_part: Some(hours("22:00", "02:00")), priority: 1, ..event("night") },
        ScheduleEvent { day_part: Some(hours("02:30", "05:00")), ..listed("gap", &["g1", "g2", "g3"], true) },
        ScheduleEvent { criteria: vec![wet], ..event("rain") },
        ScheduleEvent { clock: EventClock::Local, ..recurring("noon", "2026-03-20T12:00:07Z", "2026-03-20T12:30:11Z", Every::Day) },
        recurring("often", "2026-03-20T00:00:03Z", "2026-03-20T00:04:05Z", Every::Hour),
        ScheduleEvent { from: Some(utc("2026-03-29T06:06:06Z")), to: Some(utc("2026-03-29T07:07:07Z")), ..interrupt("spot", 300) },
        ScheduleEvent { offer: Some(offer_id(1)), ..event("bound") },
        ScheduleEvent { max_plays_per_hour: 2, priority: 2, ..event("capped") },
    ])
}

#[test]
fn a_plan_made_at_deadlines_only_is_right_at_every_second_of_a_day_with_a_clock_change() {
    // Berlin, 29 March 2026: 02:00 becomes 03:00.
    let day = utc("2026-03-28T23:00:00Z");
    let bound = Offer { from: day + TimeDelta::seconds(30_001), to: day + TimeDelta::seconds(50_002), ..offer(1) };
    let mut world = World::with(vec![bound]);
    world.facts.learn("weather", Fact { value: "rain".to_owned(), expires: day + TimeDelta::seconds(40_003) }).unwrap();
    world.plays.count(slug("capped"), day - TimeDelta::seconds(100));
    world.plays.count(slug("capped"), day + TimeDelta::seconds(50));
    world.emergency = Some(emergency(EmergencyMode::Append { saturation_percent: 10 }, day + TimeDelta::seconds(20_004)));
    let programme = everything();
    let (mut standing, mut deadline) = (world.plan(&programme, day), world.deadline(&programme, day));
    let mut changes = 0;
    for second in 0..24 * 3_600 {
        let now = day + TimeDelta::seconds(second);
        if deadline.is_some_and(|deadline| now >= deadline) {
            let planned = world.plan(&programme, now);
            changes += u32::from(planned != standing);
            standing = planned;
            deadline = world.deadline(&programme, now);
            assert!(deadline.is_some_and(|deadline| deadline > now && deadline <= now + TimeDelta::seconds(60)));
        } else if second % 13 == 0 || second % 3_600 > 3_590 {
            assert_eq!(world.plan(&programme, now), standing, "at {now}");
        }
    }
    assert!(changes > 50, "{changes} changes");
}

proptest! {
    /// Whatever is woven and cycled: the loop is not empty, names only items that are there, is the same each time, and no share is exceeded by
    /// more than one play of each interrupt.
    #[test]
    fn a_loop_is_never_empty_and_the_same_for_the_same_inputs(
        events in prop::collection::vec((1_u32..200, 0_u32..3, prop::option::of(1_u32..3_600), 0_usize..5, any::<bool>()), 0..7),
        saturation in prop::option::of(1_u8..=99),
    ) {
        let mut played = Vec::new();
        for (n, (duration_s, priority, share, items, cycle)) in events.iter().enumerate() {
            let names: Vec<String> = (0..*items).map(|item| format!("e{n}-{item}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let id = format!("e{n}");
            let base = if names.is_empty() { event(&id) } else { listed(&id, &names, *cycle) };
            let kind = share.map_or(EventKind::Loop, |share_of_voice_s| EventKind::Interrupt { share_of_voice_s });
            played.push(ScheduleEvent { duration_s: *duration_s, priority: *priority, kind, ..base });
        }
        let programme = programme(played);
        let mut world = World::with(vec![]);
        world.emergency = saturation.map(|saturation_percent| emergency(EmergencyMode::Append { saturation_percent }, at(NOW + 60)));
        let planned = world.plan(&programme, at(NOW));
        prop_assert_eq!(&planned, &world.plan(&programme, at(NOW)));
        let zone = &planned.zones[0];
        prop_assert!(zone.sequence().next().is_some());
        prop_assert!(zone.order.iter().all(|place| usize::from(*place) < zone.items.len()));
        let names: BTreeSet<&EventSlug> = zone.items.iter().map(|item| &item.event).collect();
        prop_assert_eq!(names.len(), zone.items.len(), "each item stands there once");
        if let Some(percent) = saturation {
            let seconds: u32 = zone.sequence().filter(|item| item.rule == PlayRule::Emergency).map(|item| item.duration_s).sum();
            prop_assert!(seconds >= u32::from(percent) * 36);
        }
    }
}
