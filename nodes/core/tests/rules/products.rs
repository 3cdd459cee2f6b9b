//! Whatever is scanned, one product has one view.
use aisle_node_core::gs1::check::digit;
use aisle_node_core::product::code::CodeRefusal;
use aisle_node_core::product::{Assortment, Sold};
use aisle_schemas::content::{Currency, Money};
use aisle_schemas::product::*;
use aisle_schemas::text::{Language, LocalText};
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_511_523, 0).unwrap()
}

fn eur(minor: i64) -> Money {
    Money { minor, currency: Currency::Eur }
}

pub fn product(sku: &str, gtin: &str, minor: i64) -> StoreProduct {
    StoreProduct {
        product: ProductSheet {
            sku: sku.parse().unwrap(),
            gtins: vec![gtin.parse().unwrap()],
            name: LocalText::new(sku, sku),
            category: "fresh".parse().unwrap(),
            image: None,
            media: vec![],
            prices: vec![PriceFrom { price: eur(minor), from: now() - TimeDelta::days(1) }],
            reference: None,
            measure: Measure::Piece,
            pack: None,
            codes: vec![],
            tax_bp: 700,
            min_age: None,
            deposit: None,
            variant: None,
            place: None,
            textile: false,
            care: None,
            high_shrink: false,
        },
        stock: Some(StockLevel { count: 7, at: now() }),
    }
}

fn assortment(products: &[StoreProduct]) -> Assortment {
    let mut assortment = Assortment::default();
    for product in products {
        assortment.put(Sold::try_from(product).unwrap());
    }
    assortment
}

#[test]
fn every_code_of_a_product_leads_to_one_view() {
    let shop = assortment(&[product("gum", "96385074", 120), product("pen", "4006381333931", 240)]);
    let view = |code: &str| {
        let found = shop.find(code, now()).unwrap_or_else(|error| panic!("{code}: {error}"));
        shop.view(&found, Language::De, now()).unwrap()
    };
    let eight = view("96385074");
    for code in [
        "000096385074",
        "0000096385074",
        "00000096385074",
        "]E496385074",
        "(01)00000096385074",
        "]d20100000096385074",
        "https://id.gs1.org/01/00000096385074",
        "https://shop.example.com/p/01/96385074?17=271231",
        "]Q1https://id.gs1.org/01/00000096385074",
    ] {
        assert_eq!(view(code), eight, "{code}");
    }
    assert_eq!(view("4006381333931").sku.as_str(), "pen");
    assert_eq!(view("]E04006381333931").sku.as_str(), "pen");
}

#[test]
fn a_wrong_check_digit_says_which_is_right_however_it_came() {
    let shop = assortment(&[product("pen", "4006381333931", 240)]);
    for code in ["4006381333932", "04006381333932", "https://id.gs1.org/01/04006381333932", "(01)04006381333932", "]E04006381333932"] {
        assert_eq!(shop.find(code, now()), Err(CodeRefusal::CheckDigit { right: '1' }), "{code}");
    }
    assert_eq!(shop.find("96385074", now()), Err(CodeRefusal::Unknown));
    assert_eq!(shop.find("(10)LOT", now()), Err(CodeRefusal::NoProduct));
    assert!(matches!(shop.find("hello", now()), Err(CodeRefusal::Unreadable(_))));
}

#[test]
fn what_the_shop_prints_itself_says_weight_or_price() {
    let mut cheese = product("cheese", "4006381333931", 1_290);
    cheese.product.measure = Measure::Weight;
    cheese.product.codes = vec![
        InStoreCode { template: "2912345{embed:5}{ec}".into(), value: CodeValue::Weight },
        InStoreCode { template: "2812345{price:5}{ec}".into(), value: CodeValue::Price },
    ];
    let shop = assortment(&[cheese]);
    let scanned = |body: &str| {
        let code = format!("{body}{}", char::from(digit(body.as_bytes()).unwrap()));
        let found = shop.find(&code, now()).unwrap();
        shop.view(&found, Language::De, now()).unwrap().scanned
    };
    assert_eq!(scanned("291234500350"), Some(ScannedValue { grams: Some(350), total: Some(eur(452)) }));
    assert_eq!(scanned("281234500399"), Some(ScannedValue { grams: None, total: Some(eur(399)) }));
    let found = shop.find("(01)04006381333931(3103)000350", now()).unwrap();
    assert_eq!(shop.view(&found, Language::De, now()).unwrap().scanned, Some(ScannedValue { grams: Some(350), total: Some(eur(452)) }));
}

#[test]
fn a_code_names_no_price_for_what_is_sold_by_the_piece_and_nothing_for_nothing() {
    let mut cheese = product("cheese", "96385074", 1_290);
    cheese.product.measure = Measure::Weight;
    cheese.product.codes = vec![
        InStoreCode { template: "2912345{embed:6}".into(), value: CodeValue::Weight },
        InStoreCode { template: "2812345{price:6}".into(), value: CodeValue::Price },
    ];
    let shop = assortment(&[product("tv", "4006381333931", 49_900), cheese]);
    for code in ["(01)04006381333931(3922)001", "(01)04006381333931(3103)000001", "https://id.gs1.org/01/04006381333931?3922=000"] {
        let found = shop.find(code, now()).unwrap();
        let view = shop.view(&found, Language::De, now()).unwrap();
        assert_eq!((view.price, view.scanned), (eur(49_900), None), "{code}");
    }
    for nothing in [
        "(01)00000096385074(3922)000",
        "(01)00000096385074(3103)000000",
        "(01)00000096385074(3105)000099",
        "2912345000000",
        "2812345000000",
    ] {
        assert_eq!(shop.find(nothing, now()), Err(CodeRefusal::NoValue), "{nothing}");
    }
}

#[test]
fn care_is_said_in_the_readers_language_or_marked_as_another() {
    let mut scarf = product("scarf", "4006381333931", 2_495);
    let text = |language| CareText { language, material: "Wolle".into(), text: "Von Hand waschen".into() };
    scarf.product.care = Some(ProductCare { symbols: vec![CareSymbol::HandWash], texts: vec![text(Language::De)] });
    let shop = assortment(&[scarf]);
    let found = shop.find("4006381333931", now()).unwrap();
    let care = |language| shop.view(&found, language, now()).unwrap().care.map(|care| (care.language, care.fallback));
    assert_eq!(care(Language::De), Some((Language::De, false)));
    assert_eq!(care(Language::En), Some((Language::De, true)));
}

#[test]
fn variants_are_the_family_as_it_stands() {
    let of = |sku: &str, gtin: &str, size: &str| {
        let mut product = product(sku, gtin, 2_495);
        product.product.variant = Some(VariantOf { family: "scarf".parse().unwrap(), colour: None, size: Some(size.into()) });
        product
    };
    let mut shop = assortment(&[of("scarf-m", "4006381333931", "M"), of("scarf-l", "96385074", "L")]);
    let sizes = |shop: &Assortment| {
        let found = shop.find("4006381333931", now()).unwrap();
        shop.view(&found, Language::De, now()).unwrap().variants.into_iter().map(|one| one.size.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(sizes(&shop), ["L", "M"]);
    shop.remove(&"scarf-l".parse().unwrap());
    assert_eq!(sizes(&shop), ["M"]);
}

#[test]
fn the_price_is_the_newest_that_holds() {
    let mut pen = product("pen", "4006381333931", 240);
    pen.product.prices.push(PriceFrom { price: eur(199), from: now() + TimeDelta::hours(1) });
    let shop = assortment(&[pen]);
    let found = shop.find("4006381333931", now()).unwrap();
    let price = |at| shop.view(&found, Language::De, at).map(|view| view.price.minor);
    assert_eq!(price(now()), Some(240));
    assert_eq!(price(now() + TimeDelta::hours(1)), Some(199));
    assert_eq!(price(now() - TimeDelta::days(2)), None);
}

#[test]
fn a_sheet_that_cannot_be_sold_is_refused() {
    let refused = |change: fn(&mut ProductSheet)| {
        let mut product = product("pen", "4006381333931", 240);
        change(&mut product.product);
        assert!(Sold::try_from(&product).is_err());
    };
    refused(|sheet| sheet.prices.clear());
    refused(|sheet| sheet.deposit = Some(Money { minor: 25, currency: Currency::Chf }));
    refused(|sheet| sheet.codes.push(InStoreCode { template: "28{".into(), value: CodeValue::Price }));
}

proptest! {
    #[test]
    fn no_text_breaks_the_reader(code in "\\PC{0,80}|[0-9]{0,20}|\\]?[A-Za-z][0-9](01)?[0-9^]{0,30}|https://x/01/[0-9?=&/]{0,30}") {
        let shop = assortment(&[product("pen", "4006381333931", 240)]);
        if let Ok(found) = shop.find(&code, now()) {
            prop_assert_eq!(found.product.sheet().sku.as_str(), "pen");
        }
    }
}
