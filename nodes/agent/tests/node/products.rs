//! Products at the store with the line cut: whatever is scanned, one view.
use aisle_schemas::content::{Currency, Money};
use aisle_schemas::http::Problem;
use aisle_schemas::product::*;
use aisle_schemas::record::Body;
use aisle_schemas::sync::Stream;
use aisle_schemas::text::{Language, LocalText};
use aisle_schemas::visit::{VisitSeen, VisitSignal};
use chrono::{DateTime, TimeDelta, Utc};

use aisle_mesh::clock::Clock;

use super::world::{World, document};

/// A product with one number, one price and care in German only.
pub fn product(sku: &str, gtin: &str, minor: i64, now: DateTime<Utc>) -> StoreProduct {
    let text = CareText { language: Language::De, material: "Wolle".into(), text: "Von Hand waschen".into() };
    StoreProduct {
        product: ProductSheet {
            sku: sku.parse().unwrap(),
            gtins: vec![gtin.parse().unwrap()],
            name: LocalText::new(sku, sku),
            category: "home-wear".parse().unwrap(),
            image: None,
            media: vec![],
            prices: vec![PriceFrom { price: Money { minor, currency: Currency::Eur }, from: now - TimeDelta::days(1) }],
            reference: None,
            measure: Measure::Piece,
            pack: None,
            codes: vec![],
            tax_bp: 1_900,
            min_age: None,
            deposit: None,
            variant: None,
            place: None,
            textile: true,
            care: Some(ProductCare { symbols: vec![CareSymbol::HandWash], texts: vec![text] }),
            high_shrink: false,
        },
        stock: Some(StockLevel { count: 7, at: now }),
    }
}

/// A store that sells these.
pub async fn selling(products: &[StoreProduct]) -> World {
    let mut world = World::start().await;
    world.stop().await;
    let documents = products
        .iter()
        .map(|product| document(&format!("product/{}", product.product.sku), &Body::ProductDesired(Box::new(product.clone()))));
    world.receive(documents.collect()).await;
    world.run().await;
    world
}

async fn get(world: &World, code: &str, query: &str) -> reqwest::Response {
    let code: String = code.bytes().map(|octet| format!("%{octet:02X}")).collect();
    world.http.get(world.url(&format!("/v1/products/by-gtin/{code}{query}"))).send().await.unwrap()
}

#[tokio::test]
async fn every_code_of_a_product_leads_to_one_view_while_the_line_is_cut() {
    let now = World::bare().clock.now();
    let world = selling(&[product("gum", "96385074", 120, now)]).await;
    let mut views = Vec::new();
    for code in ["96385074", "000096385074", "0000096385074", "00000096385074", "https://id.gs1.org/01/00000096385074?17=271231"] {
        let response = get(&world, code, "").await;
        assert_eq!(response.status(), 200, "{code}");
        views.push(response.json::<ProductView>().await.unwrap());
    }
    let first = &views[0];
    assert_eq!((first.sku.as_str(), first.price.minor, first.stock.map(|stock| stock.count)), ("gum", 120, Some(7)));
    assert!(views.iter().all(|view| ProductView { at: first.at, ..view.clone() } == *first), "{views:?}");
}

#[tokio::test]
async fn a_wrong_check_digit_is_refused_with_the_right_one_and_a_stranger_is_not_found() {
    let now = World::bare().clock.now();
    let world = selling(&[product("pen", "4006381333931", 240, now)]).await;
    for code in ["4006381333932", "https://id.gs1.org/01/04006381333932"] {
        let response = get(&world, code, "").await;
        assert_eq!(response.status(), 422, "{code}");
        let problem: Problem = response.json().await.unwrap();
        assert_eq!((problem.code.as_str(), problem.detail.as_deref()), ("wrong_check_digit", Some("wrong check digit: 1 is right")));
    }
    assert_eq!(get(&world, "96385074", "").await.status(), 404);
    assert_eq!(get(&world, "hello", "").await.status(), 422);
    let problem: Problem = get(&world, "4006381333931", "?language=fr").await.json().await.unwrap();
    assert_eq!((problem.status, problem.field.as_deref()), (422, Some("query")));
}

#[tokio::test]
async fn care_in_another_language_is_marked_as_such() {
    let now = World::bare().clock.now();
    let world = selling(&[product("scarf", "4006381333931", 2_495, now)]).await;
    let care = async |query| get(&world, "4006381333931", query).await.json::<ProductView>().await.unwrap().care.unwrap();
    assert!(!care("?language=de").await.fallback);
    let english = care("?language=en").await;
    assert_eq!((english.language, english.fallback), (Language::De, true));
}

#[tokio::test]
async fn a_scan_within_a_visit_is_on_record_and_a_product_taken_back_is_gone() {
    let now = World::bare().clock.now();
    let mut world = selling(&[product("pen", "4006381333931", 240, now)]).await;
    let token = world.checked_in(1).await;
    assert_eq!(get(&world, "4006381333931", &format!("?visit={token}")).await.status(), 200);
    let seen: VisitSeen = world.logs(Stream::Sess, |seen: &VisitSeen| matches!(seen.signal, VisitSignal::Scanned { .. })).await;
    assert_eq!(seen.signal, VisitSignal::Scanned { sku: "pen".parse().unwrap() });
    world.stop().await;
    world.receive(vec![("product/pen".to_owned(), None)]).await;
    world.run().await;
    assert_eq!(get(&world, "4006381333931", "").await.status(), 404);
}
