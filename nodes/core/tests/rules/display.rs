//! The display policy: its whole table, its lives, and what it lets an onlooker infer.
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aisle_node_core::display::{
    Binding, CREATIVE_AUDIENCE_MIN, Content, CreativeStatus, DenyReason, Field, Sense, SensitiveTopic, Surface, Verdict, ZoneState,
    may_show,
};
use aisle_node_core::ids::{OfferId, SegmentId, Sku, VisitToken};
use aisle_node_core::zone::{Noise, SLOT_MIN, ZoneCounters};
use proptest::prelude::*;

use super::at;

const NOW: i64 = 1_000;
const SURFACES: [Surface; 5] = [Surface::Public(Sense::Seen), Surface::Public(Sense::Heard), Surface::Shared, Surface::Staff, Surface::Own];

fn sku(text: &str) -> Sku {
    Sku::parse(text).unwrap()
}

fn segment(text: &str) -> SegmentId {
    SegmentId::parse(text).unwrap()
}

fn offer() -> OfferId {
    OfferId::new(1, [1; 10])
}

fn audience(topic: Option<SensitiveTopic>) -> Content {
    Content::Audience { segment: segment("cats"), creative: offer(), topic }
}

fn personal() -> Content {
    Content::Personal { product: sku("cat-food"), field: Field::Wishes }
}

fn tap(product: &str, s: i64) -> Binding {
    Binding::Tap { product: sku(product), at: at(s) }
}

fn handshake(fields: &[Field], until: i64) -> Binding {
    Binding::Handshake { scope: fields.iter().copied().collect(), until: at(until) }
}

fn token(n: u8) -> VisitToken {
    VisitToken::from_random([n; 16])
}

fn crowd(carriers: u8) -> ZoneCounters {
    let mut counters = ZoneCounters::default();
    for n in 0..carriers {
        counters.enter(token(n), BTreeSet::from([segment("cats")])).unwrap();
    }
    counters
}

/// A zone with `carriers` cat owners, a large enough creative, and this binding.
fn zone(carriers: u8, binding: Binding) -> ZoneState {
    let status = CreativeStatus { eligible_visits: CREATIVE_AUDIENCE_MIN, counted_at: at(NOW) };
    ZoneState {
        slot: Some(crowd(carriers).freeze(at(NOW), SLOT_MIN, Noise::from_draw(0))),
        creatives: BTreeMap::from([(offer(), status)]),
        binding,
    }
}

fn verdicts(zone: &ZoneState) -> Vec<[Verdict; 5]> {
    let contents = [Content::Generic, Content::Context, audience(None), personal(), Content::Sensitive { field: Field::Sizes }];
    SURFACES.into_iter().map(|surface| contents.clone().map(|content| may_show(surface, &content, zone, at(NOW)))).collect()
}

#[test]
fn the_table_holds_without_and_with_each_binding() {
    use DenyReason::{Class, KLive, NoBinding, Scope};
    let yes = Verdict::Allow;
    let no = Verdict::Deny;
    let own = [yes; 5];
    let public = |p2| [yes, yes, p2, no(Class), no(Class)];
    let heard = public(no(Class));
    for (binding, shared_p3, staff_p3, staff_p4) in [
        (Binding::None, no(NoBinding), no(NoBinding), no(NoBinding)),
        (tap("cat-food", NOW), yes, no(NoBinding), no(NoBinding)),
        (tap("dog-food", NOW), no(Scope), no(NoBinding), no(NoBinding)),
        (handshake(&[Field::Wishes, Field::Sizes], NOW + 1), no(NoBinding), yes, yes),
        (handshake(&[Field::Wishes], NOW + 1), no(NoBinding), yes, no(Scope)),
        (handshake(&[], NOW + 1), no(NoBinding), no(Scope), no(Scope)),
        (handshake(&[Field::Wishes, Field::Sizes], NOW), no(NoBinding), no(NoBinding), no(NoBinding)),
    ] {
        for (carriers, p2) in [(5, yes), (4, no(KLive))] {
            let expected = vec![public(p2), heard, [yes, yes, p2, shared_p3, no(Class)], [yes, yes, yes, staff_p3, staff_p4], own];
            assert_eq!(verdicts(&zone(carriers, binding.clone())), expected, "{binding:?} with {carriers}");
        }
    }
}

#[test]
fn of_an_unknown_zone_nothing_but_generic_and_context_is_shown_in_public() {
    let zone = ZoneState::unknown();
    let shown = |content: &Content| may_show(Surface::Public(Sense::Seen), content, &zone, at(NOW));
    assert_eq!([shown(&Content::Generic), shown(&Content::Context)], [Verdict::Allow; 2]);
    assert_eq!(shown(&audience(None)), Verdict::Deny(DenyReason::KCreative));
}

#[test]
fn a_tap_binds_for_twenty_seconds_and_not_before_it_happened() {
    let shown = |s| may_show(Surface::Shared, &personal(), &zone(0, tap("cat-food", s)), at(NOW));
    assert_eq!(shown(NOW - 19), Verdict::Allow);
    assert_eq!(shown(NOW - 20), Verdict::Deny(DenyReason::NoBinding));
    assert_eq!(shown(NOW + 1), Verdict::Deny(DenyReason::NoBinding));
}

#[test]
fn no_tick_shows_staff_a_risk_a_price_affinity_or_an_unnamed_field() {
    for field in [Field::Risk, Field::PriceAffinity, Field::Unnamed] {
        let bound = zone(0, handshake(&[field], NOW + 1));
        let shown = may_show(Surface::Staff, &Content::Sensitive { field }, &bound, at(NOW));
        assert_eq!(shown, Verdict::Deny(DenyReason::Sensitive), "{field:?}");
    }
}

#[test]
fn a_sensitive_topic_never_steers_a_group() {
    use SensitiveTopic::{BabyBeforeAnnounced, Debt, Diet, Intimacy, Pharmacy, Religion};
    for topic in [Pharmacy, Intimacy, Diet, BabyBeforeAnnounced, Debt, Religion] {
        let shown = may_show(Surface::Public(Sense::Seen), &audience(Some(topic)), &zone(50, Binding::None), at(NOW));
        assert_eq!(shown, Verdict::Deny(DenyReason::Sensitive), "{topic:?}");
    }
}

#[test]
fn a_creative_needs_fifty_eligible_visits_counted_within_the_hour() {
    let shown = |eligible_visits, counted_at| {
        let status = CreativeStatus { eligible_visits, counted_at: at(counted_at) };
        let zone = ZoneState { creatives: BTreeMap::from([(offer(), status)]), ..zone(5, Binding::None) };
        may_show(Surface::Shared, &audience(None), &zone, at(NOW))
    };
    assert_eq!(shown(50, NOW - 3_599), Verdict::Allow);
    assert_eq!(shown(49, NOW), Verdict::Deny(DenyReason::KCreative));
    assert_eq!(shown(50, NOW - 3_600), Verdict::Deny(DenyReason::KCreative));
}

#[test]
fn audience_content_changes_at_slot_limits_only() {
    let mut counters = crowd(4);
    let length = Duration::from_secs(60);
    let shown = |slot: &aisle_node_core::zone::Slot, s| {
        let zone = ZoneState { slot: Some(slot.clone()), ..zone(0, Binding::None) };
        may_show(Surface::Public(Sense::Seen), &audience(None), &zone, at(s))
    };
    let first = counters.next_slot(None, at(NOW), length, Noise::from_draw(0)).unwrap();
    counters.enter(token(9), BTreeSet::from([segment("cats")])).unwrap();
    assert_eq!(counters.next_slot(Some(&first), at(NOW + 59), length, Noise::from_draw(0)), None);
    assert_eq!(shown(&first, NOW + 59), Verdict::Deny(DenyReason::KLive), "the fifth came within the slot");
    assert_eq!(shown(&first, NOW + 60), Verdict::Deny(DenyReason::Slot), "the slot is over");
    let second = counters.next_slot(Some(&first), at(NOW + 60), length, Noise::from_draw(0)).unwrap();
    assert_eq!(shown(&second, NOW + 60), Verdict::Allow, "five at the next slot");
    counters.leave(&token(9));
    assert_eq!(shown(&second, NOW + 119), Verdict::Allow, "the departure is not seen within the slot");
    let third = counters.next_slot(Some(&second), at(NOW + 120), length, Noise::from_draw(0)).unwrap();
    assert_eq!(shown(&third, NOW + 120), Verdict::Deny(DenyReason::KLive), "four at the next slot");
}

#[test]
fn one_person_alone_gives_the_same_as_an_empty_zone() {
    assert_eq!(verdicts(&zone(1, Binding::None)), verdicts(&zone(0, Binding::None)));
    let slot = |carriers| crowd(carriers).freeze(at(NOW), SLOT_MIN, Noise::from_draw(0));
    assert_eq!(slot(1).published_count(), None);
    assert_eq!(slot(5).published_count(), Some(5));
}

#[test]
fn people_without_consent_never_count() {
    let mut counters = crowd(4);
    counters.set_others(100);
    let slot = counters.freeze(at(NOW), SLOT_MIN, Noise::from_draw(0));
    assert_eq!((slot.carries(&segment("cats")), slot.published_count(), counters.people()), (false, None, 104));
}

#[test]
fn a_slot_is_never_shorter_than_a_minute_nor_the_threshold_below_five() {
    for draw in 0..9 {
        let slot = crowd(5).freeze(at(NOW), Duration::from_secs(1), Noise::from_draw(draw));
        assert_eq!(slot.ends_at(), at(NOW + 60));
        assert_eq!(slot.threshold(), 5 + draw % 3);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]
    /// K4: removing one visit changes a decision only where its count stood exactly at the threshold.
    #[test]
    fn removing_one_visit_changes_a_decision_only_at_the_threshold(
        carried in prop::collection::vec(prop::collection::btree_set(0_u8..4, 0..4), 1..14),
        removed in any::<prop::sample::Index>(),
        draw in any::<u32>(),
    ) {
        let named = |n: u8| segment(&format!("seg-{n}"));
        let mut counters = ZoneCounters::default();
        for (n, segments) in carried.iter().enumerate() {
            counters.enter(token(u8::try_from(n).unwrap()), segments.iter().map(|n| named(*n)).collect()).unwrap();
        }
        let noise = Noise::from_draw(draw);
        let decide = |counters: &ZoneCounters, n| {
            let content = Content::Audience { segment: named(n), creative: offer(), topic: None };
            let slot = Some(counters.freeze(at(NOW), SLOT_MIN, noise));
            may_show(Surface::Public(Sense::Seen), &content, &ZoneState { slot, ..zone(0, Binding::None) }, at(NOW))
        };
        let before: Vec<_> = (0..4).map(|n| decide(&counters, n)).collect();
        let gone = removed.index(carried.len());
        counters.leave(&token(u8::try_from(gone).unwrap()));
        for n in 0..4_u8 {
            let count = u32::try_from(carried.iter().filter(|segments| segments.contains(&n)).count()).unwrap();
            let crossed = carried[gone].contains(&n) && count == 5 + noise.value();
            prop_assert_eq!(decide(&counters, n) != before[usize::from(n)], crossed, "segment {} with {}", n, count);
        }
    }
}
