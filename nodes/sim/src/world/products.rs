//! The products of the demo shop. Each has an illustration of the same name.

use aisle_schemas::{
    content::{Currency, Money},
    ids::{CategoryId, Sku, ZoneId},
    offer::Product,
    product::{CodeValue, Gtin, InStoreCode, Measure, Pack, PriceFrom, ProductSheet, ShelfPlace, Unit},
    text::LocalText,
};
use chrono::{DateTime, TimeDelta, Utc};

/// One row of the assortment.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub sku: &'static str,
    pub de: &'static str,
    pub en: &'static str,
    pub category: &'static str,
    /// Group of which a household usually needs one.
    pub sibling_group: Option<&'static str>,
    /// Zone in which it stands.
    pub zone: &'static str,
    pub was_minor: i64,
    pub price_minor: i64,
}

const fn row(
    sku: &'static str,
    (de, en): (&'static str, &'static str),
    category: &'static str,
    zone: &'static str,
    (was_minor, price_minor): (i64, i64),
) -> Row {
    Row { sku, de, en, category, sibling_group: None, zone, was_minor, price_minor }
}

const fn pet(mut row: Row) -> Row {
    row.sibling_group = Some("pet-species");
    row
}

/// The whole assortment.
pub const ASSORTMENT: [Row; 16] = [
    pet(row("cat-food", ("Katzenfutter Lachs", "Cat food, salmon"), "pet-cat", "pets", (449, 359))),
    pet(row("dog-food", ("Hundefutter Rind", "Dog food, beef"), "pet-dog", "pets", (1299, 999))),
    pet(row("cat-litter", ("Katzenstreu, 10 l", "Cat litter, 10 l"), "pet-cat", "pets", (699, 549))),
    row("apples", ("Äpfel aus der Region", "Apples from nearby"), "fresh-fruit", "fresh", (299, 219)),
    row("bread", ("Sauerteigbrot", "Sourdough bread"), "fresh-bakery", "fresh", (389, 299)),
    row("milk", ("Frische Milch, 1 l", "Fresh milk, 1 l"), "fresh-dairy", "fresh", (139, 109)),
    row("cheese", ("Bergkäse am Stück", "Mountain cheese"), "fresh-dairy", "fresh", (549, 429)),
    row("coffee", ("Kaffee, ganze Bohne", "Coffee, whole bean"), "pantry-coffee", "pantry", (1399, 1099)),
    row("chocolate", ("Zartbitterschokolade", "Dark chocolate"), "pantry-sweets", "checkout", (249, 179)),
    row("pasta", ("Spaghetti aus Hartweizen", "Durum wheat spaghetti"), "pantry-pasta", "pantry", (189, 129)),
    row("olive-oil", ("Olivenöl nativ extra", "Extra virgin olive oil"), "pantry-oil", "pantry", (1199, 899)),
    row("tomatoes", ("Rispentomaten", "Vine tomatoes"), "fresh-vegetables", "fresh", (349, 249)),
    row("candle", ("Kerze aus Bienenwachs", "Beeswax candle"), "home-light", "home", (899, 649)),
    row("plant", ("Grünlilie im Topf", "Potted spider plant"), "home-plants", "entrance", (799, 599)),
    row("detergent", ("Vollwaschmittel", "Laundry detergent"), "home-laundry", "home", (1099, 849)),
    row("toothpaste", ("Zahnpasta mit Minze", "Mint toothpaste"), "care-teeth", "home", (249, 189)),
];

impl Row {
    /// The row as a product of the catalogue.
    ///
    /// # Panics
    /// Never: a test builds every row.
    pub fn product(&self) -> Product {
        Product {
            sku: Sku::parse(self.sku).expect("skus are literals"),
            name: LocalText::new(self.de, self.en),
            category: CategoryId::parse(self.category).expect("categories are literals"),
            sibling_group: self.sibling_group.map(ToOwned::to_owned),
            image: Some(self.sku.to_owned()),
        }
    }

    pub fn price(&self) -> Money {
        euro(self.price_minor)
    }

    pub fn was(&self) -> Money {
        euro(self.was_minor)
    }
}

/// Days for which the present price has held when the demo starts.
const PRICE_AGE: TimeDelta = TimeDelta::days(7);
/// Days for which the former price held before.
const FORMER_PRICE_AGE: TimeDelta = TimeDelta::days(90);

impl Row {
    /// What the demo's retailer says of it.
    ///
    /// # Panics
    /// Never: a test builds every row.
    pub fn sheet(&self, now: DateTime<Utc>) -> ProductSheet {
        let product = self.product();
        let place = ASSORTMENT.iter().position(|row| row.sku == self.sku).unwrap_or_default();
        let is_weighed = self.sku == "cheese";
        let template = format!("2800{place:03}{{embed:5}}{{ec}}");
        ProductSheet {
            sku: product.sku,
            gtins: vec![gtin(place)],
            name: product.name,
            category: product.category,
            image: product.image,
            media: Vec::new(),
            prices: vec![
                PriceFrom { price: self.was(), from: now - FORMER_PRICE_AGE },
                PriceFrom { price: self.price(), from: now - PRICE_AGE },
            ],
            reference: Some(self.was()),
            measure: if is_weighed { Measure::Weight } else { Measure::Piece },
            pack: (!is_weighed).then_some(Pack { thousandths: 1_000, unit: Unit::Piece }),
            codes: if is_weighed { vec![InStoreCode { template, value: CodeValue::Weight }] } else { Vec::new() },
            tax_bp: if self.category.starts_with("home") || self.category.starts_with("care") { 1_900 } else { 700 },
            min_age: None,
            deposit: None,
            variant: None,
            place: Some(ShelfPlace {
                zone: ZoneId::parse(self.zone).expect("zones are literals"),
                shelf: format!("{}.{}", place / 4 + 1, place % 4 + 1),
            }),
            textile: false,
            care: None,
            high_shrink: false,
        }
    }
}

/// The number of the product at a place of the assortment, under a prefix that nobody else uses in the demo.
fn gtin(place: usize) -> Gtin {
    let body = 400_000_100_000_usize + place;
    let sum: usize =
        body.to_string().bytes().rev().enumerate().map(|(at, digit)| usize::from(digit - b'0') * if at % 2 == 0 { 3 } else { 1 }).sum();
    format!("{body}{}", (10 - sum % 10) % 10).parse().expect("twelve digits and their check digit")
}

/// The row of a sku.
pub fn find(sku: &str) -> Option<&'static Row> {
    ASSORTMENT.iter().find(|row| row.sku == sku)
}

fn euro(minor: i64) -> Money {
    Money { minor, currency: Currency::Eur }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_a_product_that_is_cheaper_than_before() {
        for row in ASSORTMENT {
            assert_eq!(row.product().sku.as_str(), row.sku);
            assert_eq!(row.sheet(DateTime::UNIX_EPOCH).price_at(DateTime::UNIX_EPOCH), Some(row.price()));
            assert!(row.price_minor < row.was_minor, "{}", row.sku);
            assert_eq!(find(row.sku).map(|found| found.en), Some(row.en));
        }
    }
}
