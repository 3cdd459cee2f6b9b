//! A trip from the first scan to the gate.
use aisle_node_core::product::{Assortment, Found, Sold};
use aisle_node_core::signage::label::StillShown;
use aisle_node_core::trip::exit::{ExitRefusal, UsedTokens, issue};
use aisle_node_core::trip::review::{self, Signer};
use aisle_node_core::trip::{TripRefusal, audit, basket};
use aisle_schemas::content::{Currency, Money};
use aisle_schemas::ids::{StoreId, TripId, VisitId};
use aisle_schemas::product::{CodeValue, InStoreCode, Measure, PriceFrom, StoreProduct};
use aisle_schemas::trip::*;
use chrono::{DateTime, TimeDelta, Utc};
use ed25519_dalek::SigningKey;
use proptest::prelude::*;

use super::products::product;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_511_523, 0).unwrap()
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

fn store() -> StoreId {
    "s042".parse().unwrap()
}

fn eur(minor: i64) -> Money {
    Money { minor, currency: Currency::Eur }
}

/// Pen 2.40, gum 1.20, wine 7.99 from 18, cola 0.99 with a deposit of 0.25, cheese 12.90 a kilogram.
fn shop() -> Assortment {
    let mut wine = product("wine", "4012345678901", 799);
    wine.product.min_age = Some(18);
    let mut cola = product("cola", "5000112637922", 99);
    cola.product.deposit = Some(eur(25));
    let mut cheese = product("cheese", "2000000000008", 1_290);
    cheese.product.measure = Measure::Weight;
    let mut shop = Assortment::default();
    for product in [product("pen", "4006381333931", 240), product("gum", "96385074", 120), wine, cola, cheese] {
        shop.put(Sold::try_from(&product).unwrap());
    }
    shop
}

fn found(shop: &Assortment, sku: &str) -> Found {
    let grams = (sku == "cheese").then_some(350);
    Found { product: shop.get(&sku.parse().unwrap()).unwrap().clone(), grams, amount: None, printed: true }
}

fn trip() -> Trip {
    basket::begin(TripId::new(1, [1; 10]), VisitId::new(1, [1; 10]), false, now())
}

fn with(lines: &[(&str, LineIntent, u32)]) -> Trip {
    let shop = shop();
    lines.iter().fold(trip(), |trip, (sku, intent, quantity)| basket::put(trip, &found(&shop, sku), *intent, *quantity, now()).unwrap())
}

fn reviewed(trip: Trip, drawn: bool) -> Trip {
    reviewed_in(&shop(), Trip { drawn: Some(drawn), ..trip })
}

fn reviewed_in(shop: &Assortment, trip: Trip) -> Trip {
    review::review(trip, shop, &StillShown::default(), &Signer { store: &store(), key: &key() }, now()).unwrap()
}

fn quote(trip: &Trip) -> &Quote {
    &trip.quote.as_ref().unwrap().quote
}

fn paid(trip: Trip) -> Trip {
    let trip = review::to_till(trip, now()).unwrap();
    let (cart, total) = (quote(&trip).cart_sha256.clone(), quote(&trip).total_minor);
    review::paid(trip, &cart, total, now()).unwrap()
}

#[test]
fn a36_what_is_looked_at_is_not_sold_and_what_is_shipped_is_a_line_of_its_own_kind() {
    let trip = reviewed(with(&[("pen", LineIntent::Take, 1), ("gum", LineIntent::Ship, 1), ("cola", LineIntent::Inform, 1)]), false);
    let of = |intent| quote(&trip).lines.iter().filter(|line| line.intent == intent).count();
    assert_eq!((of(LineIntent::Take), of(LineIntent::Ship), of(LineIntent::Inform)), (1, 1, 0));
    assert_eq!(quote(&trip).total_minor, 360);
    assert_eq!(trip.state, TripState::Review);
}

#[test]
fn deposits_and_weight_are_lines_as_the_receipt_shows_them() {
    let trip = reviewed(with(&[("cola", LineIntent::Take, 2), ("cheese", LineIntent::Take, 1)]), false);
    let lines: Vec<_> = quote(&trip).lines.iter().map(|line| (line.kind, line.amount_minor)).collect();
    assert_eq!(lines, [(QuoteLineKind::Item, 198), (QuoteLineKind::Deposit, 50), (QuoteLineKind::Weighed, 452)]);
    assert_eq!(review::total(&trip), Some(eur(700)));
}

#[test]
fn a_quote_is_signed_and_any_change_voids_it() {
    let trip = reviewed(with(&[("pen", LineIntent::Take, 1)]), false);
    let SignedQuote { quote, signature } = trip.quote.clone().unwrap();
    assert!(is_signed(&quote, &signature, &key().verifying_key()));
    assert!(!is_signed(&Quote { total_minor: 1, ..quote.clone() }, &signature, &key().verifying_key()));
    assert_eq!(quote.exp - quote.iat, 600);
    for changed in [
        basket::put(trip.clone(), &found(&shop(), "gum"), LineIntent::Take, 1, now()).unwrap(),
        basket::change(trip.clone(), 1, LineIntent::Take, 2, now()).unwrap(),
        basket::change(trip.clone(), 1, LineIntent::Ship, 1, now()).unwrap(),
        basket::change(trip.clone(), 1, LineIntent::Take, 0, now()).unwrap(),
        review::resume(trip.clone()).unwrap(),
    ] {
        assert_eq!((changed.state, changed.quote), (TripState::Scanning, None));
    }
}

#[test]
fn a_price_that_rose_since_the_scan_is_not_charged_and_one_that_fell_is() {
    let sold = |minor: i64| -> Assortment {
        let mut pen: StoreProduct = product("pen", "4006381333931", 240);
        pen.product.prices.push(PriceFrom { price: eur(minor), from: now() });
        let mut shop = Assortment::default();
        shop.put(Sold::try_from(&pen).unwrap());
        shop
    };
    let scanned = || with(&[("pen", LineIntent::Take, 2)]);
    let at = |shop: &Assortment| reviewed_in(shop, scanned());
    assert_eq!(quote(&at(&sold(299))).total_minor, 480);
    assert_eq!(quote(&at(&sold(199))).total_minor, 398);
}

/// Cheese at this price a kilogram, with the shop's own labels of weight and of price.
fn counter(minor: i64) -> Assortment {
    let mut cheese = product("cheese", "4012345000009", 1_290);
    cheese.product.measure = Measure::Weight;
    let template = |template: &str, value| InStoreCode { template: template.to_owned(), value };
    cheese.product.codes = vec![template("2912345{embed:6}", CodeValue::Weight), template("2812345{price:6}", CodeValue::Price)];
    cheese.product.prices.push(PriceFrom { price: eur(minor), from: now() });
    let mut shop = Assortment::default();
    shop.put(Sold::try_from(&cheese).unwrap());
    shop
}

fn scanned(shop: &Assortment, code: &str, quantity: u32) -> Trip {
    basket::put(trip(), &shop.find(code, now()).unwrap(), LineIntent::Take, quantity, now()).unwrap()
}

#[test]
fn a_piece_costs_its_share_of_the_line_however_the_line_was_priced() {
    let shop = counter(1_290);
    for (code, piece, grams) in
        [("2912345000350", 452, Some(350)), ("2812345000399", 399, None), ("(01)04012345000009(3103)000350(3922)399", 399, Some(350))]
    {
        let one = scanned(&shop, code, 2);
        assert_eq!(one.lines[0].amount, eur(2 * piece), "{code}");
        let three = basket::change(one, 1, LineIntent::Take, 3, now()).unwrap();
        assert_eq!((three.lines[0].amount, three.lines[0].grams), (eur(3 * piece), grams.map(|grams: u32| 3 * grams)), "{code}");
    }
}

#[test]
fn what_is_weighed_follows_the_price_of_the_kilogram_and_what_is_priced_keeps_its_price() {
    let (before, after) = (counter(1_290), counter(1_000));
    let total = |code: &str| quote(&reviewed_in(&after, scanned(&before, code, 2))).total_minor;
    assert_eq!(total("2912345000350"), 2 * 350);
    for priced in ["2812345001399", "(01)04012345000009(3103)000350(3922)1399"] {
        assert_eq!(total(priced), 2 * 1_399, "{priced}: a piece that is dearer than a kilogram");
    }
    let mut pen: StoreProduct = product("pen", "4006381333931", 240);
    pen.product.codes = vec![InStoreCode { template: "2812345{price:6}".to_owned(), value: CodeValue::Price }];
    let sold = |pen: &StoreProduct| {
        let mut shop = Assortment::default();
        shop.put(Sold::try_from(pen).unwrap());
        shop
    };
    let trip = scanned(&sold(&pen), "4006381333931", 2);
    pen.product.prices.push(PriceFrom { price: eur(199), from: now() });
    assert_eq!(quote(&reviewed_in(&sold(&pen), trip)).total_minor, 398, "its number says no price");
}

#[test]
fn the_quote_takes_what_a_label_may_still_show() {
    let mut shown = StillShown::default();
    shown.note(&"label-1".parse().unwrap(), Some(("pen".parse().unwrap(), eur(199))));
    let signer = Signer { store: &store(), key: &key() };
    let trip =
        review::review(with(&[("pen", LineIntent::Take, 2), ("gum", LineIntent::Take, 1)]), &shop(), &shown, &signer, now()).unwrap();
    assert_eq!(quote(&trip).total_minor, 2 * 199 + 120);
}

#[test]
fn staff_look_at_weights_and_amounts_that_the_shop_did_not_print() {
    let shop = counter(1_290);
    for foreign in ["(01)04012345000009(3103)000001", "(01)04012345000009(3922)001", "https://id.gs1.org/01/04012345000009?3922=001"] {
        let trip = reviewed_in(&shop, scanned(&shop, foreign, 1));
        let checks: Vec<_> = trip.checks.iter().map(|check| (check.kind, check.reason, check.lines.clone())).collect();
        assert_eq!(checks, [(CheckKind::RescanPartial, CheckReason::ForeignValue, vec![1])], "{foreign}");
        assert_eq!(trip.state, TripState::Check);
    }
    assert_eq!(reviewed_in(&shop, scanned(&shop, "2912345000350", 1)).state, TripState::Review);
    let dear =
        (0..6).fold(trip(), |trip, _| basket::put(trip, &shop.find("2812345001399", now()).unwrap(), LineIntent::Take, 1, now()).unwrap());
    let cheap = basket::put(dear, &shop.find("(01)04012345000009(3922)001", now()).unwrap(), LineIntent::Take, 1, now()).unwrap();
    let audited = reviewed_in(&shop, Trip { drawn: Some(true), ..cheap });
    assert_eq!(audited.checks[0].lines, [1, 2, 3, 4, 5, 7], "also among dearer ones");
}

#[test]
fn a_difference_is_looked_for_until_staff_find_none() {
    let differs = || review::checked(reviewed(with(&[("pen", LineIntent::Take, 2)]), true), CheckKind::RescanPartial, false).unwrap();
    let kinds = |trip: &Trip| trip.checks.iter().map(|check| (check.kind, check.reason)).collect::<Vec<_>>();
    let full = [(CheckKind::RescanFull, CheckReason::Difference)];
    for again in [
        review::resume(differs()).unwrap(),
        basket::change(differs(), 1, LineIntent::Ship, 2, now()).unwrap(),
        review::checked(differs(), CheckKind::RescanFull, false).unwrap(),
        differs(),
    ] {
        assert_eq!(kinds(&reviewed(again, true)), full);
    }
    let passed = review::checked(reviewed(differs(), true), CheckKind::RescanFull, true).unwrap();
    assert_eq!((passed.state, passed.noted), (TripState::Review, vec![]));
}

#[test]
fn a_phone_cannot_cancel_the_trip_that_staff_were_called_to() {
    let held = || reviewed(with(&[("pen", LineIntent::Take, 2)]), true);
    for trip in [
        held(),
        review::resume(held()).unwrap(),
        basket::change(held(), 1, LineIntent::Take, 0, now()).unwrap(),
        basket::change(held(), 1, LineIntent::Ship, 2, now()).unwrap(),
        reviewed(with(&[("wine", LineIntent::Take, 1)]), false),
    ] {
        assert_eq!(review::cancel(trip, now()), Err(TripRefusal::ChecksOpen));
    }
    let passed = review::checked(held(), CheckKind::RescanPartial, true).unwrap();
    assert_eq!(review::cancel(passed, now()).unwrap().state, TripState::Cancelled);
    assert_eq!(review::cancel(with(&[("pen", LineIntent::Take, 2)]), now()).unwrap().state, TripState::Cancelled);
}

#[test]
fn the_draw_of_a_trip_is_that_of_its_beginning_whenever_it_is_reviewed() {
    for drawn in [true, false] {
        let begun = basket::begin(TripId::new(1, [1; 10]), VisitId::new(1, [1; 10]), drawn, now());
        let trip = basket::put(begun, &found(&shop(), "pen"), LineIntent::Take, 1, now()).unwrap();
        let signer = Signer { store: &store(), key: &key() };
        let at = |days| review::review(trip.clone(), &shop(), &StillShown::default(), &signer, now() + TimeDelta::days(days)).unwrap();
        for trip in [at(0), at(1)] {
            assert_eq!(trip.checks.iter().any(|check| check.reason == CheckReason::Audit), drawn);
        }
    }
}

#[test]
fn staff_look_at_age_and_drawn_baskets_before_anything_is_paid() {
    let trip = reviewed(with(&[("wine", LineIntent::Take, 1), ("pen", LineIntent::Take, 1)]), true);
    assert_eq!(trip.state, TripState::Check);
    assert_eq!(review::to_till(trip.clone(), now()), Err(TripRefusal::ChecksOpen));
    assert_eq!(trip.checks.iter().map(|check| check.reason).collect::<Vec<_>>(), [CheckReason::Age, CheckReason::Audit]);
    let trip = review::checked(trip, CheckKind::MinAge, true).unwrap();
    let full = review::checked(trip.clone(), CheckKind::RescanPartial, false).unwrap();
    assert_eq!((full.state, full.checks.last().map(|check| check.kind)), (TripState::Check, Some(CheckKind::RescanFull)));
    assert_eq!(review::checked(full.clone(), CheckKind::RescanFull, false).unwrap().state, TripState::Scanning);
    assert_eq!(review::checked(full, CheckKind::RescanFull, true).unwrap().state, TripState::Review);
    assert_eq!(review::checked(trip, CheckKind::RescanPartial, true).unwrap().state, TripState::Review);
}

#[test]
fn three_voids_a_long_pause_and_more_than_the_shelf_held_are_looked_at() {
    let mut voided =
        with(&[("pen", LineIntent::Take, 1), ("gum", LineIntent::Take, 1), ("cola", LineIntent::Take, 1), ("wine", LineIntent::Ship, 1)]);
    for line in [2, 3, 4] {
        voided = basket::change(voided, line, LineIntent::Take, 0, now()).unwrap();
    }
    assert_eq!(reviewed(voided, false).checks[0].reason, CheckReason::Voids);
    let later = now() + TimeDelta::minutes(15) + TimeDelta::milliseconds(1);
    let paused = basket::put(with(&[("pen", LineIntent::Take, 1)]), &found(&shop(), "gum"), LineIntent::Take, 1, later).unwrap();
    assert_eq!(reviewed(paused, false).checks[0].reason, CheckReason::Idle);
    assert_eq!(reviewed(with(&[("pen", LineIntent::Take, 8)]), false).checks[0].reason, CheckReason::ImpossibleStock);
    assert_eq!(reviewed(with(&[("pen", LineIntent::Take, 7)]), false).checks, []);
}

#[test]
fn only_the_very_quote_is_paid_and_only_while_it_holds() {
    let trip = reviewed(with(&[("pen", LineIntent::Take, 1)]), false);
    let cart = quote(&trip).cart_sha256.clone();
    assert_eq!(review::to_till(trip.clone(), now() + TimeDelta::seconds(601)), Err(TripRefusal::QuoteExpired));
    let at_till = review::to_till(trip, now()).unwrap();
    assert_eq!(review::paid(at_till.clone(), &cart, 239, now()), Err(TripRefusal::OtherQuote));
    assert_eq!(review::paid(at_till.clone(), &"0".repeat(64), 240, now()), Err(TripRefusal::OtherQuote));
    let once = review::paid(at_till, &cart, 240, now()).unwrap();
    assert_eq!(review::paid(once.clone(), &cart, 240, now() + TimeDelta::minutes(1)), Ok(once), "a second time changes nothing");
}

#[test]
fn a37_the_gate_takes_a_token_once_here_and_for_ten_minutes() {
    let trip = paid(reviewed(with(&[("pen", LineIntent::Take, 2), ("gum", LineIntent::Ship, 1)]), false));
    let token = issue(&trip, &store(), &key(), now(), 7).unwrap();
    let mut used = UsedTokens::default();
    let at = |used: &UsedTokens, s: i64| used.check(&token, &store(), &key(), now() + TimeDelta::seconds(s));
    assert_eq!(at(&used, 600).map(|claims| claims.items), Ok(2));
    assert_eq!(at(&used, 601), Err(ExitRefusal::Expired));
    assert_eq!(used.check(&token, &"s043".parse().unwrap(), &key(), now()), Err(ExitRefusal::Foreign));
    assert_eq!(used.check(&token, &store(), &SigningKey::from_bytes(&[8; 32]), now()), Err(ExitRefusal::Foreign));
    used.apply(&at(&used, 0).unwrap());
    assert_eq!(at(&used, 1), Err(ExitRefusal::Replayed));
    for unpaid in
        [trip_of(TripState::Scanning), trip_of(TripState::Review), trip_of(TripState::TransferredToTill), trip_of(TripState::Exited)]
    {
        assert_eq!(issue(&unpaid, &store(), &key(), now(), 7), Err(TripRefusal::WrongState(unpaid.state)));
    }
}

fn trip_of(state: TripState) -> Trip {
    Trip { state, ..reviewed(with(&[("pen", LineIntent::Take, 1)]), false) }
}

#[test]
fn a37_one_basket_in_twenty_is_drawn_and_anybody_can_draw_again() {
    let day = [42; 32];
    let drawn = (0..10_000_u64).filter(|n| audit::is_drawn(&day, TripId::new(*n, [5; 10]), audit::RATE_PER_MILLION)).count();
    assert!((400..=600).contains(&drawn), "{drawn}");
    assert!((0..1_000_u64).all(|n| audit::is_drawn(&day, TripId::new(n, [5; 10]), 1_000_000)));
    assert!((0..1_000_u64).all(|n| !audit::is_drawn(&day, TripId::new(n, [5; 10]), 0)));
    assert_eq!(audit::commitment(&day), "544e62cee8033709e389e5b2755343d0d0fa8c4850215cfb6331717e80d1aea3");
}

proptest! {
    /// Whatever is done, the total is the sum of the lines, nothing looked at is sold, and no quote outlives a change.
    #[test]
    fn a_basket_adds_up(steps in proptest::collection::vec((0..5_usize, 0..3_u8, 0..4_u32, 1..9_u32, any::<bool>()), 0..40)) {
        let shop = shop();
        let skus = ["pen", "gum", "wine", "cola", "cheese"];
        let intents = [LineIntent::Inform, LineIntent::Take, LineIntent::Ship];
        let mut trip = trip();
        for (sku, intent, quantity, line, scan) in steps {
            let intent = intents[usize::from(intent)];
            let next = if scan {
                basket::put(trip.clone(), &found(&shop, skus[sku]), intent, quantity, now())
            } else {
                basket::change(trip.clone(), line, intent, quantity, now())
            };
            if let Ok(next) = next {
                prop_assert!(next.quote.is_none());
                trip = next;
            }
            if let Ok(quoted) = review::review(trip.clone(), &shop, &StillShown::default(), &Signer { store: &store(), key: &key() }, now()) {
                let sum: i64 = quoted.lines.iter().filter(|line| line.intent != LineIntent::Inform)
                    .map(|line| line.amount.minor + line.deposit.map_or(0, |deposit| deposit.minor)).sum();
                prop_assert_eq!(quote(&quoted).total_minor, sum);
                trip = quoted;
                trip.quote = None;
                trip.state = TripState::Scanning;
                trip.checks.clear();
            }
        }
    }

    /// No text opens the gate.
    #[test]
    fn no_text_opens_the_gate(text in "\\PC{0,100}|[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,90}") {
        prop_assert_eq!(UsedTokens::default().check(&text, &store(), &key(), now()), Err(ExitRefusal::Foreign));
    }
}
