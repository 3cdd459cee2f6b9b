//! Tests of ranking: the sibling gate, order and reasons, decay, bounds, exploration.

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::ids::{CategoryId, Sku};

fn day(n: i64) -> DateTime<Utc> {
    "2026-01-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::days(n)
}

fn item(name: &str) -> TasteKey {
    TasteKey::item(&Sku::parse(name).unwrap())
}

fn category(name: &str) -> TasteKey {
    TasteKey::category(&CategoryId::parse(name).unwrap())
}

fn offer(n: u128) -> OfferId {
    OfferId(Uuid::from_u128(n))
}

fn candidate(n: u128, sku: &str, category_name: &str) -> OfferCandidate {
    let product = OfferedProduct { item: item(sku), category: category(category_name) };
    OfferCandidate { offer: offer(n), products: vec![product], nearness: Nearness::default() }
}

fn bought(purchases: &[(&str, &str, i64)]) -> Taste {
    let mut taste = Taste::default();
    for (sku, category_name, at) in purchases {
        taste.learn(TasteEvent::Purchase(&[(item(sku), category(category_name))]), day(*at));
    }
    taste
}

fn cat_owner() -> Taste {
    bought(&[("cat-1", "pet-cat", 1), ("cat-1", "pet-cat", 8), ("cat-2", "pet-cat", 15), ("milk", "dairy", 15)])
}

fn pets() -> SiblingGroups {
    SiblingGroups::new(vec![vec![category("pet-cat"), category("pet-dog")]])
}

fn popularity() -> Popularity {
    Popularity::from_counts(
        [("cat-1", 20), ("cat-2", 10), ("dog-1", 100), ("milk", 80), ("bread", 60), ("wine", 40), ("tea", 30)]
            .map(|(sku, count)| (item(sku), count)),
    )
}

fn shown(taste: &Taste, candidates: &[OfferCandidate], draw: u64) -> Slate {
    slate(SlateInput { taste, candidates, popularity: &popularity(), siblings: &pets(), engagement: &BTreeMap::new(), draw })
}

fn range() -> Vec<OfferCandidate> {
    vec![
        candidate(1, "cat-1", "pet-cat"),
        candidate(2, "dog-1", "pet-dog"),
        candidate(3, "milk", "dairy"),
        candidate(4, "bread", "bakery"),
        candidate(5, "wine", "wine"),
        candidate(6, "tea", "dairy"),
    ]
}

#[test]
fn a_cat_owner_never_sees_dog_food_not_even_to_fill_a_slot() {
    for draw in 0..50 {
        let slate = shown(&cat_owner(), &range(), draw);
        assert_eq!(slate.dropped, [offer(2)]);
        assert!(slate.items.iter().all(|item| item.offer != offer(2)));
        assert_eq!(slate.items.len(), SLATE_LEN);
    }
    let only_dogs = [candidate(2, "dog-1", "pet-dog")];
    assert_eq!(shown(&cat_owner(), &only_dogs, 1).items, []);
}

#[test]
fn the_gate_opens_with_the_first_purchase_and_is_not_closed_by_two() {
    let both = bought(&[("c", "pet-cat", 1), ("c", "pet-cat", 2), ("c", "pet-cat", 3), ("d", "pet-dog", 4)]);
    assert!(pets().allows(&both, category("pet-dog")));
    let two = bought(&[("c", "pet-cat", 1), ("c", "pet-cat", 2)]);
    assert!(pets().allows(&two, category("pet-dog")));
    assert!(!pets().allows(&cat_owner(), category("pet-dog")));
    assert!(pets().allows(&cat_owner(), category("wine")), "no sibling");
    let mut scanned = Taste::default();
    for n in 0..5 {
        scanned.learn(TasteEvent::Scan { item: item("c"), category: category("pet-cat") }, day(n));
    }
    assert!(pets().allows(&scanned, category("pet-dog")), "looking is not buying");
}

#[test]
fn an_offer_of_both_kinds_is_judged_by_what_is_allowed_of_it() {
    let mut mixed = candidate(9, "cat-1", "pet-cat");
    mixed.products.push(OfferedProduct { item: item("dog-1"), category: category("pet-dog") });
    let one = shown(&cat_owner(), &[candidate(1, "cat-1", "pet-cat")], 1).items[0].score;
    assert_eq!(shown(&cat_owner(), &[mixed], 1).items[0].score, one);
}

#[test]
fn what_she_buys_comes_first_and_says_so() {
    let slate = shown(&cat_owner(), &range(), 3);
    assert_eq!(slate.items[0].offer, offer(1));
    assert_eq!(slate.items[0].why, [Why::OftenBuys, Why::PopularHere]);
    assert!(slate.items.windows(2).take(RANKED_SLOTS - 1).all(|pair| pair[0].score >= pair[1].score));
}

#[test]
fn a_stranger_sees_what_is_popular_here() {
    let slate = shown(&Taste::default(), &range(), 3);
    let ranked: Vec<OfferId> = slate.items.iter().take(RANKED_SLOTS).map(|item| item.offer).collect();
    assert_eq!(ranked, [offer(2), offer(3), offer(4), offer(5)]);
    assert_eq!(slate.items[0].why, [Why::PopularHere, Why::NewForYou]);
}

#[test]
fn a_wish_goes_before_popularity_and_taking_it_back_ends_that() {
    let mut taste = cat_owner();
    let bread_first = |taste: &Taste| {
        let slate = shown(taste, &[candidate(4, "bread", "bakery"), candidate(5, "wine", "wine")], 1);
        (slate.items[0].offer == offer(4), slate.items.iter().any(|item| item.why.contains(&Why::Wish)))
    };
    assert_eq!(bread_first(&taste), (true, false));
    taste.learn(TasteEvent::Wish { item: item("wine") }, day(20));
    assert_eq!(bread_first(&taste), (false, true));
    taste.learn(TasteEvent::WishTakenBack { item: item("wine") }, day(21));
    assert_eq!(bread_first(&taste), (true, false));
}

#[test]
fn one_slot_explores_something_never_bought_in_a_familiar_category() {
    let mut candidates = range();
    candidates.extend([candidate(7, "cat-9", "pet-cat"), candidate(8, "cheese", "dairy")]);
    let taste = bought(&[("milk", "dairy", 1), ("bread", "bakery", 1), ("cat-1", "pet-cat", 1), ("wine", "wine", 1)]);
    let slate = shown(&taste, &candidates, 11);
    let explored: Vec<&SlateItem> = slate.items.iter().filter(|item| item.explores).collect();
    assert_eq!(explored.len(), 1);
    assert!([offer(6), offer(7), offer(8)].contains(&explored[0].offer), "{explored:?}");
    assert_eq!(explored[0].why[0], Why::NewForYou);
    assert!(explored[0].propensity.get() > 0.0 && explored[0].propensity.get() < 1.0);
    assert_eq!(shown(&taste, &candidates, 11), slate, "the same draw gives the same slate");
}

#[test]
fn exploring_prefers_what_was_taken_up_and_its_propensity_says_how_often() {
    let arms = [Engagement { shown: 200, taken_up: 2 }, Engagement { shown: 200, taken_up: 100 }];
    let choices: Vec<_> = (0..100).map(|draw| explore::choose(&arms, draw).unwrap()).collect();
    assert!(choices.iter().filter(|choice| choice.arm == 1).count() >= 99);
    assert!(choices.iter().filter(|choice| choice.arm == 1).all(|choice| choice.propensity.get() > 0.9));
    let equal = [Engagement::default(); 4];
    let mut seen = [0; 4];
    for draw in 0..400 {
        seen[explore::choose(&equal, draw * 7_919).unwrap().arm] += 1;
    }
    assert!(seen.iter().all(|count| *count > 50), "{seen:?}");
    assert!(explore::choose(&[], 1).is_none());
}

#[test]
fn interest_halves_in_sixty_days_and_is_untouched_by_reading() {
    let taste = bought(&[("old", "a", 0), ("new", "b", 60)]);
    assert!((taste.item_share(item("old")) - 0.5).abs() < 1e-4);
    assert!((taste.category_share(category("a")) - 1.0 / 3.0).abs() < 1e-4);
    let mut dismissed = taste.clone();
    dismissed.learn(TasteEvent::Dismissal { item: item("old") }, day(60));
    assert!((dismissed.item_share(item("old")) - 0.25).abs() < 1e-4);
}

#[test]
fn the_newest_evidence_of_a_category_survives_storing_and_crowding() {
    let mut taste = bought(&[("cat-1", "pet-cat", 5), ("cat-1", "pet-cat", 3)]);
    assert_eq!(taste.evidence(category("pet-cat")), Some(day(5)));
    taste.learn(TasteEvent::Tap { item: item("cat-2"), category: category("pet-cat") }, day(9));
    taste.learn(TasteEvent::Dismissal { item: item("cat-2") }, day(12));
    assert_eq!(taste.evidence(category("pet-cat")), Some(day(9)), "a dismissal is no positive evidence");
    assert_eq!(taste.evidence(category("pet-dog")), None);
    for n in 0..200_u32 {
        let at = day(20 + i64::from(n));
        taste.learn(TasteEvent::Scan { item: item("x"), category: category(&format!("c{n}")) }, at);
        assert_eq!(taste.evidence(category(&format!("c{n}"))), Some(at));
        assert_eq!(Taste::from_bytes(&taste.to_bytes()).as_ref(), Ok(&taste));
    }
    assert_eq!(taste.evidence(category("c199")), Some(day(219)));
    assert_eq!(taste.evidence(category("c190")), Some(day(210)));
}

#[test]
fn groups_form_from_the_catalogue() {
    let pairs = [("pet-species", "pet-cat"), ("diet", "vegan"), ("pet-species", "pet-dog")];
    let groups = SiblingGroups::from_products(pairs.map(|(group, name)| (group, category(name))));
    assert!(!groups.allows(&cat_owner(), category("pet-dog")));
    assert!(groups.allows(&cat_owner(), category("vegan")));
}

#[test]
fn thirty_years_of_purchases_neither_overflow_nor_outgrow_four_kilobytes() {
    let mut taste = Taste::default();
    for n in 0..5_000_i64 {
        let sku = item(&format!("sku-{n}"));
        taste.learn(TasteEvent::Purchase(&[(sku, category(&format!("cat-{}", n % 300)))]), day(n * 2));
        taste.learn(TasteEvent::Wish { item: sku }, day(n * 2));
    }
    assert!(taste.to_bytes().len() <= TASTE_BYTES_MAX);
    assert!(taste.item_share(item("sku-4999")) > 0.99, "the newest is kept");
    assert_eq!(taste.purchases_of(item("sku-1")), 0, "the lightest were let go");
    assert!(taste.category_share(category("cat-199")).is_finite());
}

#[test]
fn damaged_bytes_are_refused() {
    let bytes = cat_owner().to_bytes();
    assert_eq!(Taste::from_bytes(&[]), Err(TasteRefused::Length));
    assert_eq!(Taste::from_bytes(&bytes[..bytes.len() - 1]), Err(TasteRefused::Length));
    let mut other_format = bytes.clone();
    other_format[0] = 9;
    assert_eq!(Taste::from_bytes(&other_format), Err(TasteRefused::Format(9)));
    let mut not_a_number = bytes.clone();
    not_a_number[16..20].copy_from_slice(&f32::NAN.to_be_bytes());
    assert_eq!(Taste::from_bytes(&not_a_number), Err(TasteRefused::Content));
    let mut swapped = bytes;
    swapped[8..24].fill(0xff);
    assert!(Taste::from_bytes(&swapped).is_err());
}

#[test]
fn relevance_rises_with_the_score_and_stays_a_probability() {
    let table = [0.0, 0.05, 0.2, 0.5, 1.0, 1.6].map(|score| relevance(score).get());
    assert!(table.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(table[0] == 0.0 && table[4] > 0.9 && table[5] < 1.0);
}

proptest! {
    #[test]
    fn what_is_stored_is_what_comes_back(events in prop::collection::vec((0_u8..4, 0_u32..400, 0_u32..90, 0_i64..2_000), 0..300)) {
        let mut taste = Taste::default();
        for (kind, sku, category_number, at) in events {
            let (item, category) = (item(&format!("s{sku}")), category(&format!("c{category_number}")));
            match kind {
                0 => taste.learn(TasteEvent::Purchase(&[(item, category)]), day(at)),
                1 => taste.learn(TasteEvent::Tap { item, category }, day(at)),
                2 => taste.learn(TasteEvent::Wish { item }, day(at)),
                _ => taste.learn(TasteEvent::Dismissal { item }, day(at)),
            }
        }
        let bytes = taste.to_bytes();
        prop_assert!(bytes.len() <= TASTE_BYTES_MAX);
        prop_assert_eq!(Taste::from_bytes(&bytes), Ok(taste));
    }

    #[test]
    fn no_draw_shows_a_forbidden_sibling_or_one_offer_twice(draw in any::<u64>(), bought_dogs in any::<bool>()) {
        let mut taste = cat_owner();
        if bought_dogs {
            taste.learn(TasteEvent::Purchase(&[(item("dog-1"), category("pet-dog"))]), day(16));
        }
        let slate = shown(&taste, &range(), draw);
        let offers: Vec<OfferId> = slate.items.iter().map(|item| item.offer).collect();
        prop_assert_eq!(offers.contains(&offer(2)) || slate.items.len() == SLATE_LEN, true);
        prop_assert!(bought_dogs || !offers.contains(&offer(2)));
        let distinct: std::collections::BTreeSet<_> = offers.iter().collect();
        prop_assert_eq!(distinct.len(), offers.len());
        prop_assert!(slate.items.iter().all(|item| !item.why.is_empty()));
    }
}
