//! Tests of visits: the table of states and signals, timers, check-in, arrival, and V1 to V4 over random event sets.

use std::collections::BTreeSet;

use aisle_schemas::{ids::NodeId, visit::Hlc};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::ids::EventId;

fn at(minutes: i64) -> DateTime<Utc> {
    "2026-03-10T09:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::minutes(minutes)
}

fn store(name: &str) -> StoreId {
    StoreId::parse(name).unwrap()
}

fn visit_id(n: u128) -> VisitId {
    VisitId(Uuid::from_u128(n))
}

fn device() -> DeviceId {
    DeviceId::parse("phone-2").unwrap()
}

fn opened() -> Visit {
    Visit::open(visit_id(1), store("s1"), at(0), None, None)
}

/// Name of a state, as in the table of DOMAIN 8.
fn name(state: VisitState) -> &'static str {
    match state {
        VisitState::CheckedIn => "CheckedIn",
        VisitState::Active { .. } => "Active",
        VisitState::Idle { .. } => "Idle",
        VisitState::CheckingOut { payment: Payment::None, .. } => "CheckingOut",
        VisitState::CheckingOut { payment: Payment::InFlight, .. } => "Paying",
        VisitState::CheckedOut { .. } => "CheckedOut",
        VisitState::Closed { reason: ClosedReason::CheckedOut, .. } => "Closed:checked_out",
        VisitState::Closed { reason: ClosedReason::Left, .. } => "Closed:left",
        VisitState::Closed { reason: ClosedReason::Timeout, .. } => "Closed:timeout",
        VisitState::Closed { reason: ClosedReason::HandedOver, .. } => "Closed:handed_over",
        VisitState::Closed { reason: ClosedReason::Erased, .. } => "Closed:erased",
    }
}

/// A visit in each state; `lines` are in the basket where the state allows it.
fn visit_in(state: &str, lines: u32) -> Visit {
    let mut visit = opened();
    visit.basket_lines = lines;
    visit.state = match state {
        "CheckedIn" => VisitState::CheckedIn,
        "Active" => VisitState::Active { since: at(0) },
        "Idle" => VisitState::Idle { since: at(0) },
        "CheckingOut" => VisitState::CheckingOut { since: at(0), payment: Payment::None },
        "Paying" => VisitState::CheckingOut { since: at(0), payment: Payment::InFlight },
        "CheckedOut" => VisitState::CheckedOut { since: at(0) },
        "Closed" => VisitState::Closed { reason: ClosedReason::Left, ended_at: at(0), payment: Payment::None },
        other => panic!("no state {other}"),
    };
    visit
}

const SIGNALS: [(&str, Signal); 13] = [
    ("zone", Signal::ZoneEntered),
    ("tap", Signal::Tapped),
    ("handshake", Signal::Handshake),
    ("scan", Signal::Scanned { basket_lines: 2 }),
    ("start", Signal::CheckoutStarted),
    ("ask", Signal::CheckOutAsked),
    ("cancel", Signal::CheckoutCancelled),
    ("pay", Signal::PaymentStarted),
    ("fail", Signal::PaymentFailed),
    ("paid", Signal::Paid),
    ("exit", Signal::ExitSeen { walk_out: false }),
    ("walk_out", Signal::ExitSeen { walk_out: true }),
    ("erase", Signal::Erased),
];

/// Target of every signal in every state, in the order of `SIGNALS`; `.` means unexpected. Rows: state, basket lines, targets.
#[rustfmt::skip]
const TABLE: [(&str, u32, [&str; 13]); 9] = [
    ("CheckedIn",   0, ["Active", "Active", "Active", "Active", ".", "Closed:left", ".", ".", ".", ".", "Closed:left", "Closed:left", "Closed:erased"]),
    ("CheckedIn",   1, ["Active", "Active", "Active", "Active", "CheckingOut", "CheckingOut", ".", ".", ".", ".", "CheckedIn", "CheckedIn", "Closed:erased"]),
    ("Active",      0, ["Active", "Active", "Active", "Active", ".", "Closed:left", ".", ".", ".", ".", "Closed:left", "Closed:left", "Closed:erased"]),
    ("Active",      1, ["Active", "Active", "Active", "Active", "CheckingOut", "CheckingOut", ".", ".", ".", ".", "Active", "Active", "Closed:erased"]),
    ("Idle",        1, ["Active", "Active", "Active", "Active", "CheckingOut", "CheckingOut", ".", ".", ".", ".", "Idle", "Idle", "Closed:erased"]),
    ("CheckingOut", 1, ["CheckingOut", "CheckingOut", ".", ".", ".", ".", "Active", "Paying", ".", "CheckedOut", "CheckingOut", "CheckingOut", "Closed:erased"]),
    ("Paying",      1, ["Paying", "Paying", ".", ".", ".", ".", ".", ".", "CheckingOut", "CheckedOut", "Paying", "Paying", "Closed:erased"]),
    ("CheckedOut",  0, ["CheckedOut", "CheckedOut", ".", "Active", ".", ".", ".", ".", ".", ".", "Closed:checked_out", "Closed:checked_out", "Closed:erased"]),
    ("Closed",      0, [".", ".", ".", ".", ".", ".", ".", ".", ".", ".", ".", ".", "."]),
];

#[test]
fn every_signal_in_every_state_does_what_the_table_says() {
    for (state, lines, targets) in TABLE {
        for ((signal_name, signal), target) in SIGNALS.iter().zip(targets) {
            let before = visit_in(state, lines);
            let step = before.clone().apply(signal, at(1));
            assert_eq!(step.unexpected, target == ".", "{state} {lines} {signal_name}");
            if step.unexpected {
                assert_eq!(step.visit, before, "{state} {signal_name} changes nothing");
            } else {
                assert_eq!(name(step.visit.state), target, "{state} {lines} {signal_name}");
            }
        }
    }
}

#[test]
fn a_second_device_joins_and_leaves_the_state_as_it_is() {
    for state in ["CheckedIn", "Active", "Idle", "CheckingOut"] {
        let step = visit_in(state, 1).apply(&Signal::DeviceAttached { device: device() }, at(1));
        assert_eq!(name(step.visit.state), state);
        assert_eq!(step.visit.devices, BTreeSet::from([device()]));
    }
    for state in ["CheckedOut", "Closed"] {
        assert!(visit_in(state, 0).apply(&Signal::DeviceAttached { device: device() }, at(1)).unexpected);
    }
}

#[test]
fn goods_at_the_exit_are_routed_to_the_till_or_settled_by_mandate_after_two_minutes() {
    let refused = visit_in("Active", 1).apply(&Signal::ExitSeen { walk_out: false }, at(1));
    assert_eq!(refused.effects, [Effect::RouteToTill]);
    let pending = visit_in("Active", 1).apply(&Signal::ExitSeen { walk_out: true }, at(1)).visit;
    assert_eq!(pending.next_due(), Some((Timer::WalkOut, at(3))));
    let settled = pending.clone().fire(Timer::WalkOut, at(3));
    assert_eq!(settled.effects, [Effect::SettleByMandate, Effect::IssueExitToken]);
    assert_eq!(name(settled.visit.state), "CheckedOut");
    let came_back = pending.apply(&Signal::ZoneEntered, at(2)).visit;
    assert_eq!(came_back.next_due(), Some((Timer::GoesIdle, at(22))));
    let paying = visit_in("Paying", 1).apply(&Signal::ExitSeen { walk_out: true }, at(1));
    assert_eq!(paying.effects, [Effect::RouteToTill], "no walk-out while a payment is in flight");
}

#[test]
fn scanning_after_paying_suspends_the_exit_token_until_the_basket_is_empty_or_paid() {
    let paid = visit_in("CheckingOut", 1).apply(&Signal::Paid, at(1)).visit;
    assert_eq!(paid.exit_token, ExitToken::Valid);
    let more = paid.apply(&Signal::Scanned { basket_lines: 1 }, at(2));
    assert_eq!((more.visit.exit_token, more.effects.as_slice()), (ExitToken::Suspended, &[Effect::SuspendExitToken][..]));
    let put_back = more.visit.apply(&Signal::Scanned { basket_lines: 0 }, at(3));
    assert_eq!((put_back.visit.exit_token, put_back.effects.as_slice()), (ExitToken::Valid, &[Effect::RestoreExitToken][..]));
}

#[test]
fn each_state_has_its_timer() {
    let due = |visit: &Visit| visit.next_due();
    assert_eq!(due(&visit_in("CheckedIn", 0)), Some((Timer::GoesIdle, at(20))));
    assert_eq!(due(&visit_in("Active", 0)), Some((Timer::GoesIdle, at(20))));
    assert_eq!(due(&visit_in("Idle", 0)), Some((Timer::TimeOut, at(90))));
    assert_eq!(due(&visit_in("CheckingOut", 1)), Some((Timer::QuoteEnds, at(10))));
    assert_eq!(due(&visit_in("Paying", 1)), None, "a payment in flight stops the clock");
    assert_eq!(due(&visit_in("CheckedOut", 0)), Some((Timer::ExitWaitEnds, at(15))));
    assert_eq!(due(&visit_in("Closed", 0)), None);
    let closing = Visit { store_closes_at: Some(at(-20)), ..opened() };
    assert_eq!(due(&closing), Some((Timer::TimeOut, at(10))));
    let long = Visit { last_seen: at(350), ..opened() };
    assert_eq!(due(&long), Some((Timer::TimeOut, at(360))));
}

#[test]
fn a_timed_out_visit_ended_when_the_person_was_last_seen() {
    let visit = visit_in("Idle", 0).fire(Timer::TimeOut, at(90)).visit;
    assert_eq!(visit.ended_at(), Some(at(0)));
    assert_eq!(name(visit.state), "Closed:timeout");
}

#[test]
fn a_code_opens_for_a_minute_once_and_at_its_own_door() {
    let code = |age_s: i64, used: bool, door: &str| DoorCode { store: store(door), issued_at: at(0) - TimeDelta::seconds(age_s), used };
    let table = [
        (code(0, false, "s1"), Ok(CheckInDecision::Open { handover: None })),
        (code(60, false, "s1"), Ok(CheckInDecision::Open { handover: None })),
        (code(61, false, "s1"), Err(CheckInRefused::Expired)),
        (code(-2, false, "s1"), Ok(CheckInDecision::Open { handover: None })),
        (code(-3, false, "s1"), Err(CheckInRefused::Expired)),
        (code(10, true, "s1"), Err(CheckInRefused::Replayed)),
        (code(10, false, "s2"), Err(CheckInRefused::WrongStore)),
    ];
    for (code, expected) in table {
        assert_eq!(decide_check_in(&code, &store("s1"), None, at(0)), expected, "{code:?}");
    }
    let texts = [CheckInRefused::Expired, CheckInRefused::Replayed, CheckInRefused::WrongStore].map(|r| r.to_string());
    assert_eq!(texts, ["expired", "replayed", "wrong_store"]);
}

#[test]
fn a_second_check_in_joins_here_and_hands_over_elsewhere_or_after_paying() {
    let code = DoorCode { store: store("s1"), issued_at: at(0), used: false };
    let decide = |open: &Visit| decide_check_in(&code, &store("s1"), OpenVisitSummary::of(open).as_ref(), at(0));
    let handover = Ok(CheckInDecision::Open { handover: Some(Handover { prev_visit: visit_id(1) }) });
    for state in ["CheckedIn", "Active", "Idle", "CheckingOut"] {
        assert_eq!(decide(&visit_in(state, 1)), Ok(CheckInDecision::Duplicate { visit: visit_id(1) }), "{state}");
        let elsewhere = Visit { store: store("s2"), ..visit_in(state, 1) };
        assert_eq!(decide(&elsewhere), handover, "{state}");
    }
    assert_eq!(decide(&visit_in("CheckedOut", 0)), handover);
    assert_eq!(decide(&visit_in("Closed", 0)), Ok(CheckInDecision::Open { handover: None }));
}

#[test]
fn arrivals_are_sorted_by_age_and_kind_and_nothing_is_dropped() {
    let late = LATE_MAX + TimeDelta::seconds(1);
    let classify_after = |kind, known, age| classify(kind, known, at(0), at(0) + age, at(0), at(0) + age);
    assert_eq!(classify_after(EventKind::Other, false, LATE_MAX), Arrival::Fold);
    assert_eq!(classify_after(EventKind::Other, false, late), Arrival::Quarantine(QuarantineReason::TooLate));
    assert_eq!(classify_after(EventKind::Ledger, false, late), Arrival::LedgerOnly);
    assert_eq!(classify_after(EventKind::Other, true, late), Arrival::Known);
    let future = classify(EventKind::Other, false, at(0), at(0), at(6), at(0));
    assert_eq!(future, Arrival::Quarantine(QuarantineReason::FromTheFuture));
}

#[test]
fn a_clock_is_corrected_beyond_two_seconds_and_left_alone_within() {
    assert_eq!(measure_skew(at(0), at(0) + CLOCK_TOLERANCE), TimeDelta::zero());
    assert_eq!(measure_skew(at(10), at(0)), TimeDelta::minutes(-10));
    assert_eq!(corrected(at(10), measure_skew(at(10), at(0))), at(0));
}

fn edge(n: u8) -> NodeId {
    NodeId::parse(&format!("acme.s{n}.n1")).unwrap()
}

fn event(id: u128, minute: i64, edge_number: u8, fact: VisitFact) -> VisitEvent {
    let physical_ms = u64::try_from(at(minute).timestamp_millis()).unwrap();
    VisitEvent { id: EventId(Uuid::from_u128(id)), hlc: Hlc { physical_ms, counter: 0 }, edge: edge(edge_number), at: at(minute), fact }
}

fn opening(id: u128, minute: i64, visit: u128, store_number: u8) -> VisitEvent {
    let fact = VisitFact::Opened { visit: visit_id(visit), store: store(&format!("s{store_number}")), store_closes_at: None };
    event(id, minute, store_number, fact)
}

fn signal(id: u128, minute: i64, visit: u128, signal: Signal) -> VisitEvent {
    event(id, minute, 1, VisitFact::Signal { visit: visit_id(visit), signal })
}

#[test]
fn checking_in_elsewhere_ends_the_first_visit_where_the_person_was_last_seen() {
    let events = [opening(1, 0, 1, 1), signal(2, 5, 1, Signal::ZoneEntered), opening(3, 15, 2, 2)];
    let visits = fold(&events, at(16));
    let first = &visits.visits[&visit_id(1)];
    assert_eq!((name(first.state), first.ended_at()), ("Closed:handed_over", Some(at(5))));
    let second = &visits.visits[&visit_id(2)];
    assert_eq!(second.prev_visit, Some(visit_id(1)));
    assert_eq!(visits.open, Some(visit_id(2)));
}

#[test]
fn a_payment_in_flight_at_the_handover_finishes_on_its_own() {
    let events = [
        opening(1, 0, 1, 1),
        signal(2, 1, 1, Signal::Scanned { basket_lines: 1 }),
        signal(3, 2, 1, Signal::CheckoutStarted),
        signal(4, 3, 1, Signal::PaymentStarted),
        opening(5, 4, 2, 2),
        signal(6, 6, 1, Signal::Paid),
    ];
    let before = fold(&events[..5], at(5));
    let after = fold(&events, at(7));
    assert_eq!(after.visits[&visit_id(1)].last_paid_at, Some(at(6)));
    assert_eq!(amended(&before, &after), [visit_id(1)]);
    assert!(after.unexpected.is_empty());
}

#[test]
fn checking_in_again_after_paying_begins_a_new_visit() {
    let events = [
        opening(1, 0, 1, 1),
        signal(2, 1, 1, Signal::Scanned { basket_lines: 1 }),
        signal(3, 2, 1, Signal::CheckoutStarted),
        signal(4, 3, 1, Signal::Paid),
        opening(5, 5, 2, 1),
    ];
    let visits = fold(&events, at(6));
    assert_eq!(name(visits.visits[&visit_id(1)].state), "Closed:checked_out");
    assert_eq!(visits.visits[&visit_id(2)].prev_visit, Some(visit_id(1)));
}

#[test]
fn timers_run_inside_the_fold_and_a_late_signal_un_does_a_time_out() {
    let events = [opening(1, 0, 1, 1), signal(3, 115, 1, Signal::Tapped)];
    let cut_off = fold(&events[..1], at(200));
    assert_eq!(cut_off.visits[&visit_id(1)].ended_at(), Some(at(0)), "idle at 20, over at 110");
    let late = [opening(1, 0, 1, 1), signal(2, 19, 1, Signal::ZoneEntered), signal(3, 115, 1, Signal::Tapped)];
    let healed = fold(&late, at(116));
    assert_eq!(name(healed.visits[&visit_id(1)].state), "Active");
    assert_eq!(amended(&cut_off, &healed), [visit_id(1)]);
    let without = fold(&events, at(116));
    assert_eq!(without.unexpected, BTreeSet::from([EventId(Uuid::from_u128(3))]), "a signal never re-opens a visit");
}

#[test]
fn an_announcement_needs_consent_lasts_half_an_hour_and_leaves_a_count() {
    let near = |allowed| event(1, 0, 1, VisitFact::NearStore { store: store("s1"), location_allowed: allowed });
    assert_eq!(fold(&[near(false)], at(1)).announced.len(), 0);
    assert_eq!(fold(&[near(true)], at(29)).announced.len(), 1);
    let dropped = fold(&[near(true)], at(30));
    assert_eq!((dropped.announced.len(), dropped.dropped_announcements, dropped.visits.len()), (0, 1, 0));
    let arrived = fold(&[near(true), opening(2, 10, 1, 1)], at(11));
    assert_eq!((arrived.announced.len(), arrived.dropped_announcements), (0, 0));
}

#[test]
fn v3_a_purchase_belongs_to_the_visit_it_happened_in_or_to_an_anonymous_one() {
    let events = [opening(1, 0, 1, 1), signal(2, 10, 1, Signal::ExitSeen { walk_out: false }), opening(3, 60, 2, 1)];
    let visits = fold(&events, at(61));
    let home = |minute| home_of_purchase(&visits, &store("s1"), at(minute));
    assert_eq!(home(5), PurchaseHome::Visit(visit_id(1)));
    assert_eq!(home(10), PurchaseHome::Visit(visit_id(1)));
    assert_eq!(home(30), PurchaseHome::Anonymous);
    assert_eq!(home(61), PurchaseHome::Visit(visit_id(2)));
    assert_eq!(home_of_purchase(&visits, &store("s2"), at(5)), PurchaseHome::Anonymous);
}

#[test]
fn erasing_ends_the_visit_and_blocks_its_token() {
    let visits = fold(&[opening(1, 0, 1, 1), signal(2, 1, 1, Signal::Erased)], at(2));
    assert_eq!(name(visits.visits[&visit_id(1)].state), "Closed:erased");
    assert!(visits.effects.contains(&(visit_id(1), Some(EventId(Uuid::from_u128(2))), Effect::BlockToken)));
}

fn any_signal() -> impl Strategy<Value = Signal> {
    prop_oneof![
        Just(Signal::ZoneEntered),
        Just(Signal::Tapped),
        Just(Signal::Handshake),
        (0_u32..3).prop_map(|basket_lines| Signal::Scanned { basket_lines }),
        Just(Signal::DeviceAttached { device: device() }),
        Just(Signal::CheckoutStarted),
        Just(Signal::CheckOutAsked),
        Just(Signal::CheckoutCancelled),
        Just(Signal::PaymentStarted),
        Just(Signal::PaymentFailed),
        Just(Signal::Paid),
        any::<bool>().prop_map(|walk_out| Signal::ExitSeen { walk_out }),
    ]
}

/// Random events of one person at three edges: openings anywhere, signals for any visit, at any minute of a day.
fn any_events() -> impl Strategy<Value = Vec<VisitEvent>> {
    let one = (0_i64..900, 1_u8..4, 0_u32..3, prop_oneof![1 => (1_u128..5).prop_map(Err), 4 => ((1_u128..5), any_signal()).prop_map(Ok)]);
    prop::collection::vec(one, 1..40).prop_map(|list| {
        list.into_iter()
            .enumerate()
            .map(|(n, (minute, edge_number, counter, what))| {
                let id = n as u128 + 1;
                let mut event = match what {
                    Err(visit) => opening(id, minute, visit, edge_number),
                    Ok((visit, signal)) => event(id, minute, edge_number, VisitFact::Signal { visit: visit_id(visit), signal }),
                };
                event.hlc.counter = counter;
                event
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn v1_at_most_one_visit_is_open_at_any_instant(events in any_events(), now in 0_i64..2_000) {
        let visits = fold(&events, at(now));
        let mut stays: Vec<_> = visits.visits.values().map(|v| (v.opened_at, v.ended_at())).collect();
        stays.sort();
        for pair in stays.windows(2) {
            prop_assert!(pair[0].1.is_some_and(|end| end <= pair[1].0), "{pair:?}");
        }
        prop_assert_eq!(visits.visits.values().filter(|v| v.is_open()).map(|v| v.id).collect::<Vec<_>>(), visits.open.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn v2_every_visit_opens_once_and_in_the_end_is_closed(events in any_events()) {
        let settled: Vec<VisitEvent> = events
            .into_iter()
            .filter(|event| !matches!(event.fact, VisitFact::Signal { signal: Signal::PaymentStarted, .. }))
            .collect();
        let visits = fold(&settled, at(100_000));
        let openings: BTreeSet<VisitId> = settled
            .iter()
            .filter_map(|event| match &event.fact {
                VisitFact::Opened { visit, .. } => Some(*visit),
                VisitFact::NearStore { .. } | VisitFact::LeftNeighbourhood { .. } | VisitFact::Signal { .. } => None,
            })
            .collect();
        prop_assert_eq!(visits.visits.keys().copied().collect::<BTreeSet<_>>(), openings);
        for visit in visits.visits.values() {
            prop_assert!(visit.ended_at().is_some_and(|end| end >= visit.opened_at), "{visit:?}");
        }
    }

    #[test]
    fn v4_any_order_and_repetition_of_the_same_events_gives_the_same_projection(
        (events, shuffled, repeated) in any_events().prop_flat_map(|events| {
            let many = prop::collection::vec(prop::sample::select(events.clone()), 0..10);
            (Just(events.clone()), Just(events).prop_shuffle(), many)
        }),
        now in 0_i64..2_000,
    ) {
        let mut other = repeated;
        other.extend(shuffled);
        let (one, other) = (fold(&events, at(now)), fold(&other, at(now)));
        prop_assert_eq!(one.projection_hash(), other.projection_hash());
        prop_assert_eq!(one, other);
    }

    #[test]
    fn v4_folding_further_changes_nothing_of_what_is_over(events in any_events(), now in 0_i64..900) {
        let visits = fold(&events, at(now) + TimeDelta::days(2));
        prop_assert_eq!(visits.projection_hash(), fold(&events, at(now) + TimeDelta::days(30)).projection_hash());
    }
}
