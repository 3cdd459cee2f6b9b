//! A21: price labels show a new price from its instant on; one that is silent raises an alarm, and the customer pays the lower price meanwhile.
use std::sync::Arc;

use actix::prelude::*;
use aisle_mesh::clock::Clock;
use aisle_node::actors::screen::{ProgrammeChanged, Screen, ScreenConfig};
use aisle_node::actors::screen_commands::Ways;
use aisle_node::actors::screen_label::LabelDesk;
use aisle_node::fatal::Fatal;
use aisle_node_core::product::assortment::{Assortment, Sold};
use aisle_schemas::content::{Currency, Money};
use aisle_schemas::product::{PriceFrom, ProductView};
use aisle_schemas::record::Body;
use aisle_schemas::screen::{ScreenPlan, ScreenReport, ScreenState};
use aisle_schemas::sync::Stream;
use aisle_schemas::topic::DeviceKind;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{broadcast, mpsc, watch};

use super::products::product;
use super::world::{World, document, programme};

const LABELS: usize = 200;
pub const GTIN: &str = "4006381333931";

pub fn eur(minor: i64) -> Money {
    Money { minor, currency: Currency::Eur }
}

fn label(n: usize) -> String {
    format!("label-{n}")
}

/// The plan of a label, as soon as it shows this price.
pub async fn showing(world: &World, n: usize, cookie: &str, price: Money) -> ScreenPlan {
    let mut stream = world.stream(&format!("/v1/screens/{}/events", label(n)), cookie).await;
    stream.until(|plan: &ScreenPlan| plan.zones[0].items[0].content.price == Some(price)).await
}

async fn says_it_draws(world: &World, n: usize, cookie: &str, plan: &ScreenPlan) {
    let state = ScreenState { online: true, plan_rev: Some(plan.rev), software: "label".to_owned() };
    let path = world.url(&format!("/v1/screens/{}/state", label(n)));
    assert_eq!(world.http.put(path).header("cookie", cookie).json(&state).send().await.unwrap().status(), 204);
}

/// What whoever scans the product is charged.
async fn charged(world: &World) -> Money {
    let view = world.http.get(world.url(&format!("/v1/products/by-gtin/{GTIN}"))).send().await.unwrap();
    view.json::<ProductView>().await.unwrap().price
}

/// A store whose product costs 1.99 and, from `change` on, 2.49, with labels that all have said that they draw 1.99.
pub async fn labelled(labels: usize) -> (World, DateTime<Utc>, Vec<String>) {
    let mut world = World::start().await;
    world.kill().await;
    world.labels = labels;
    let change = world.clock.now() + TimeDelta::hours(1);
    let mut sold = product("cat-food", GTIN, 199, world.clock.now());
    sold.product.prices.push(PriceFrom { price: eur(249), from: change });
    let mut documents = vec![document("product/cat-food", &Body::ProductDesired(Box::new(sold)))];
    for n in 0..labels {
        let mut shelf = programme(&label(n));
        shelf.subscription = None;
        shelf.label = Some("cat-food".parse().unwrap());
        documents.push(document(&format!("screen/{}", label(n)), &Body::ScreenDesired(Box::new(shelf))));
    }
    world.receive(documents).await;
    world.run().await;
    let mut cookies = Vec::new();
    for n in 0..labels {
        let cookie = world.cookie(DeviceKind::Screen, &label(n)).await;
        let plan = showing(&world, n, &cookie, eur(199)).await;
        assert_eq!(plan.zones[0].items[0].to, Some(change), "cut at the instant itself, with no word from the node");
        says_it_draws(&world, n, &cookie, &plan).await;
        cookies.push(cookie);
    }
    (world, change, cookies)
}

#[tokio::test]
async fn a21_two_hundred_labels_show_a_new_price_and_until_the_last_has_said_so_the_lower_one_is_charged() {
    let (world, change, cookies) = labelled(LABELS).await;
    assert_eq!(charged(&world).await, eur(199));
    world.clock.advance(TimeDelta::hours(1));
    for (n, cookie) in cookies.iter().enumerate().skip(1) {
        let plan = showing(&world, n, cookie, eur(249)).await;
        assert_eq!(plan.zones[0].items[0].from, Some(change));
        says_it_draws(&world, n, cookie, &plan).await;
    }
    assert_eq!(charged(&world).await, eur(199), "one label may still show it");
    let plan = showing(&world, 0, &cookies[0], eur(249)).await;
    says_it_draws(&world, 0, &cookies[0], &plan).await;
    assert_eq!(charged(&world).await, eur(249));
}

#[tokio::test]
async fn a21_a_label_that_never_says_that_it_draws_a_price_raises_an_alarm_within_ten_seconds_until_it_does() {
    let (world, change, cookies) = labelled(1).await;
    world.clock.advance(TimeDelta::hours(1));
    let plan = showing(&world, 0, &cookies[0], eur(249)).await;
    world.clock.advance(TimeDelta::seconds(9));
    let of_label = |report: &ScreenReport| report.screen.as_str() == label(0);
    let alarm = world.logs::<ScreenReport>(Stream::Reported, |report| of_label(report) && report.price_unseen_since.is_some()).await;
    assert!(alarm.price_unseen_since.is_some_and(|since| since >= change));
    says_it_draws(&world, 0, &cookies[0], &plan).await;
    let settled = |report: &ScreenReport| of_label(report) && report.price_unseen_since.is_none() && report.plan_rev == plan.rev;
    world.logs::<ScreenReport>(Stream::Reported, settled).await;
}

#[actix::test]
async fn a21_a_label_that_is_given_another_product_or_none_no_longer_holds_the_till_to_a_price() {
    let folder = tempfile::tempdir().unwrap();
    let disk = super::journal::open(folder.path()).await;
    let now = disk.clock.now();
    let mut cat_food = product("cat-food", GTIN, 199, now);
    cat_food.product.prices.push(PriceFrom { price: eur(249), from: now - TimeDelta::hours(1) });
    let mut assortment = Assortment::default();
    for sold in [cat_food, product("dog-food", "96385074", 500, now)] {
        assortment.put(Sold::try_from(&sold).unwrap());
    }
    let (_products, assortment) = watch::channel(Arc::new(assortment));
    let still_shown = Arc::new(watch::Sender::default());
    let screen = "label-0".parse::<aisle_schemas::ids::ScreenId>().unwrap();
    let config = ScreenConfig {
        screen: screen.clone(),
        journal: disk.journal.clone(),
        maker: disk.maker.clone(),
        clock: disk.clock.clone(),
        fatal: Fatal::new(),
        shown: watch::Sender::new(None),
        ways: Ways { bus: mpsc::channel(1).0, pages: broadcast::channel(1).0 },
        label: LabelDesk::new(screen, assortment, Arc::clone(&still_shown)),
    };
    let label = Screen::load(config).await.unwrap().start();
    let prices = || {
        let shown = still_shown.borrow();
        [("cat-food", 249), ("dog-food", 500)].map(|(sku, price)| shown.at_the_till(&sku.parse().unwrap(), eur(price)).minor)
    };
    for (of, charged) in
        [(Some("cat-food"), [199, 500]), (Some("dog-food"), [249, 500]), (Some("cat-food"), [199, 500]), (None, [249, 500])]
    {
        let mut shelf = programme("label-0");
        shelf.subscription = None;
        shelf.label = of.map(|sku| sku.parse().unwrap());
        label.send(ProgrammeChanged(Some(Box::new(shelf)))).await.unwrap();
        assert_eq!(prices(), charged, "the label of {of:?}");
    }
}
