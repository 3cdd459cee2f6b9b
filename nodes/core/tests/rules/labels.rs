//! Price labels: the price that holds from its instant on, and the lower one while a label has not said that it draws it.
use aisle_node_core::ids::{ScreenId, Sku};
use aisle_node_core::signage::label::{Label, StillShown};
use aisle_node_core::signage::plan::Why;
use aisle_schemas::content::{Currency, Money};
use aisle_schemas::product::{Measure, Pack, PriceFrom, ProductSheet, Unit};
use aisle_schemas::text::LocalText;

use super::at;
use super::plan::{NOW, World, programme};

const CHANGE: i64 = NOW + 500;

fn eur(minor: i64) -> Money {
    Money { minor, currency: Currency::Eur }
}

fn sku() -> Sku {
    Sku::parse("cat-food").unwrap()
}

/// 1.99 and, from the change on, another price.
fn sheet(then: i64) -> ProductSheet {
    ProductSheet {
        sku: sku(),
        gtins: vec![],
        name: LocalText::new("Katzenfutter", "Cat food"),
        category: "pet-cat".parse().unwrap(),
        image: None,
        media: vec![],
        prices: vec![PriceFrom { price: eur(199), from: at(NOW - 1_000) }, PriceFrom { price: eur(then), from: at(CHANGE) }],
        reference: None,
        measure: Measure::Piece,
        pack: Some(Pack { thousandths: 400, unit: Unit::Kilogram }),
        codes: vec![],
        tax_bp: 700,
        min_age: None,
        deposit: None,
        variant: None,
        place: None,
        textile: false,
        care: None,
        high_shrink: false,
    }
}

#[test]
fn a_label_shows_each_price_from_its_instant_on_with_the_price_of_a_unit() {
    let mut world = World::with(vec![]);
    world.label = Some(sheet(249));
    let programme = programme(vec![]);
    let on = |now| {
        let planned = world.plan(&programme, at(now));
        let item = planned.zones[0].items[0].clone();
        (item.content.price.map(|price| price.minor), item.content.line.de, item.to, item.why)
    };
    assert_eq!(on(CHANGE - 1), (Some(199), "1 kg = 4,98 €".to_owned(), Some(at(CHANGE)), Why::Price));
    assert_eq!(world.deadline(&programme, at(NOW)), Some(at(CHANGE)), "no second is missed");
    assert_eq!(on(CHANGE), (Some(249), "1 kg = 6,23 €".to_owned(), None, Why::Price));
}

#[test]
fn while_a_label_is_silent_the_till_takes_the_lower_price_and_an_alarm_is_raised_within_ten_seconds() {
    for (then, at_the_till) in [(249, 199), (149, 149)] {
        let mut label = Label::default();
        label.planned(&sheet(then), 1, at(NOW));
        label.draws(1);
        label.planned(&sheet(then), 2, at(CHANGE));
        label.draws(1);
        let mut shown = StillShown::default();
        shown.note(&ScreenId::parse("label-1").unwrap(), label.still_shown());
        assert_eq!(shown.at_the_till(&sku(), eur(then)), eur(at_the_till));
        assert_eq!(shown.at_the_till(&Sku::parse("dog-food").unwrap(), eur(500)), eur(500), "other products cost what they cost");
        assert_eq!((label.alarm(at(CHANGE + 7)), label.alarm(at(CHANGE + 9))), (None, Some(at(CHANGE))));
        label.draws(2);
        assert_eq!((label.still_shown(), label.alarm(at(CHANGE + 60))), (None, None), "it has said so");
        assert!(shown.note(&ScreenId::parse("label-1").unwrap(), None));
        assert_eq!(shown.at_the_till(&sku(), eur(then)), eur(then));
    }
}

#[test]
fn a_label_that_has_never_said_anything_is_taken_to_show_the_price_before() {
    let mut label = Label::default();
    label.planned(&sheet(249), 7, at(CHANGE + 3_600));
    assert_eq!(label.still_shown(), Some((sku(), eur(199))), "the node was restarted, the shelf was not");
}

#[test]
fn a_label_that_missed_several_prices_is_held_to_the_one_it_said_last() {
    let mut label = Label::default();
    label.planned(&sheet(249), 1, at(NOW));
    label.draws(1);
    label.planned(&sheet(249), 2, at(CHANGE));
    label.planned(&sheet(299), 3, at(CHANGE));
    label.draws(2);
    assert_eq!(label.still_shown(), Some((sku(), eur(199))));
    label.draws(3);
    assert_eq!(label.still_shown(), None);
}

#[test]
fn a_label_that_is_given_another_product_vouches_for_no_price_of_the_one_before() {
    let mut label = Label::default();
    label.planned(&sheet(249), 1, at(NOW));
    label.draws(1);
    label.planned(&sheet(249), 2, at(CHANGE));
    assert_eq!(label.still_shown(), Some((sku(), eur(199))));
    let dog_food = Sku::parse("dog-food").unwrap();
    let other = ProductSheet { sku: dog_food.clone(), prices: vec![PriceFrom { price: eur(500), from: at(NOW) }], ..sheet(249) };
    label.planned(&other, 3, at(CHANGE));
    assert_eq!((label.product(), label.still_shown()), (Some(&dog_food), None), "1.99 is no price of dog food");
    label.draws(2);
    assert_eq!(label.alarm(at(CHANGE + 9)), Some(at(CHANGE)), "and its first price is waited for like any other");
    label.draws(3);
    assert_eq!(label.alarm(at(CHANGE + 9)), None);
}
