//! Products on the wire: what a store must know to show, price and sell one, without the cloud.
//!
//! Owns the sheet of a product, its document at a store, and the view that phones and tablets get. [`Gtin`] is parsed once, where data enters,
//! with its check digit. Emits nothing; the rules are in the cores. On failure: [`GtinFault`], with the digit that would be right.

use std::{borrow::Cow, fmt, str::FromStr};

use chrono::{DateTime, Utc};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use ts_rs::TS;

use crate::{
    blob::Blob,
    content::Money,
    ids::{CategoryId, Sku, StoreId, ZoneId},
    text::{Language, LocalText},
};

/// Products of one cloud: half of the documents that a store can hold.
pub const PRODUCTS_MAX: usize = 5_000;
/// Products in one request: what fits a body of 64 KiB.
pub const BATCH_MAX: usize = 50;
/// Levels of stock in one request.
pub const STOCK_MAX: usize = 200;
/// Numbers of one product: pieces, trays, foreign packs.
pub const GTINS_MAX: usize = 16;
/// Prices of one product that are known ahead.
pub const PRICES_MAX: usize = 8;
/// Templates of in-store codes of one product.
pub const CODES_MAX: usize = 4;
/// Variants of one family that are shown: five colours in ten sizes.
pub const VARIANTS_MAX: usize = 50;

/// Number of a product: 14 digits, whatever was printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, TS)]
#[ts(type = "string")]
pub struct Gtin(u64);

/// Why digits are no number of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GtinFault {
    #[error("must be 8, 12, 13 or 14 digits")]
    Form,
    #[error("has a wrong check digit: {right} is right")]
    CheckDigit { right: u8 },
}

impl FromStr for Gtin {
    type Err = GtinFault;
    fn from_str(text: &str) -> Result<Self, GtinFault> {
        let digits = text.as_bytes();
        if !matches!(digits.len(), 8 | 12 | 13 | 14) || !digits.iter().all(u8::is_ascii_digit) {
            return Err(GtinFault::Form);
        }
        let (last, body) = digits.split_last().ok_or(GtinFault::Form)?;
        let weighted = body.iter().rev().enumerate().map(|(at, digit)| u32::from(digit - b'0') * if at % 2 == 0 { 3 } else { 1 });
        let right = u8::try_from((10 - weighted.sum::<u32>() % 10) % 10).map_err(|_| GtinFault::Form)?;
        if last - b'0' != right {
            return Err(GtinFault::CheckDigit { right });
        }
        text.parse().map(Self).map_err(|_| GtinFault::Form)
    }
}

impl fmt::Display for Gtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:014}", self.0)
    }
}

impl Serialize for Gtin {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Gtin {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Gtin {
    fn schema_name() -> Cow<'static, str> {
        "Gtin".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^([0-9]{8}|[0-9]{12,14})$" })
    }
}

/// A price from an instant on, until the next one's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct PriceFrom {
    /// Of a piece, or of a kilogram of what is weighed. Tax included.
    pub price: Money,
    pub from: DateTime<Utc>,
}

/// What a price is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    Piece,
    /// The price is that of a kilogram.
    Weight,
}

/// What a unit price is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    Kilogram,
    Litre,
    Metre,
    Piece,
}

/// What a pack holds, for its unit price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Pack {
    /// Thousandths of the unit: grams, millilitres, millimetres; 12 pieces are 12000.
    pub thousandths: u32,
    pub unit: Unit,
}

/// Price of one unit, tax included, rounded half up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct UnitPrice {
    pub price: Money,
    pub unit: Unit,
}

/// What the number in an in-store code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum CodeValue {
    /// Minor units of the product's currency.
    Price,
    /// Grams.
    Weight,
}

/// A kind of code that the shop prints itself, with weight or price in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct InStoreCode {
    /// Template of digits and fields, such as `2812345{price:5}{ec}` (TOUCHPOINTS 3.6).
    #[schemars(length(min = 1, max = 128))]
    pub template: String,
    pub value: CodeValue,
}

/// Where a product is one of several of the same cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct VariantOf {
    /// What the variants have in common.
    pub family: Sku,
    pub colour: Option<LocalText>,
    #[schemars(length(max = 16))]
    pub size: Option<String>,
}

/// Where a product stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ShelfPlace {
    pub zone: ZoneId,
    /// As staff call it: `3.2`.
    #[schemars(length(max = 32))]
    pub shelf: String,
}

/// Care symbols of ISO 3758.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum CareSymbol {
    Wash30,
    Wash30Gentle,
    Wash40,
    Wash60,
    Wash95,
    HandWash,
    DoNotWash,
    Bleach,
    DoNotBleach,
    TumbleLow,
    TumbleNormal,
    DoNotTumble,
    IronLow,
    IronMedium,
    IronHigh,
    DoNotIron,
    DryClean,
    DoNotDryClean,
}

/// Words about the material and its care, in one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct CareText {
    pub language: Language,
    /// `100 % wool`.
    #[schemars(length(max = 200))]
    pub material: String,
    #[schemars(length(max = 500))]
    pub text: String,
}

/// What a product is made of and how it is cleaned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ProductCare {
    #[schemars(length(max = 8))]
    pub symbols: Vec<CareSymbol>,
    /// At most one per language.
    #[schemars(length(max = 2))]
    pub texts: Vec<CareText>,
}

/// How many there are, and since when that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct StockLevel {
    pub count: u32,
    pub at: DateTime<Utc>,
}

/// All that the retailer says of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct ProductSheet {
    pub sku: Sku,
    #[schemars(length(max = 16))]
    pub gtins: Vec<Gtin>,
    pub name: LocalText,
    pub category: CategoryId,
    /// Name of an illustration, or `sha256:…` of a picture that `media` lists.
    pub image: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub media: Vec<Blob>,
    /// Each from its instant on, oldest first.
    #[schemars(length(min = 1, max = 8))]
    pub prices: Vec<PriceFrom>,
    /// The lowest price of the last 30 days, where the present one is announced as less.
    pub reference: Option<Money>,
    pub measure: Measure,
    pub pack: Option<Pack>,
    #[serde(default)]
    #[schemars(length(max = 4))]
    pub codes: Vec<InStoreCode>,
    /// Hundredths of a per cent: 1900, 700.
    pub tax_bp: u16,
    /// Staff look at whoever buys it.
    pub min_age: Option<u8>,
    /// Paid with it and given back with the empty.
    pub deposit: Option<Money>,
    pub variant: Option<VariantOf>,
    pub place: Option<ShelfPlace>,
    /// Its care must be said.
    #[serde(default)]
    pub textile: bool,
    pub care: Option<ProductCare>,
    /// Often stolen: a basket with it is looked at more.
    #[serde(default)]
    pub high_shrink: bool,
}

/// Body of the desired document `product/{sku}`: a product as one store sells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct StoreProduct {
    pub product: ProductSheet,
    /// Here; none where nobody counts.
    pub stock: Option<StockLevel>,
}

/// Products that shall be known, or known anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct ProductBatch {
    #[schemars(length(min = 1, max = 50))]
    pub products: Vec<ProductSheet>,
}

/// How many of a product a store has, as the system that counts says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct StockReport {
    pub sku: Sku,
    pub store: StoreId,
    pub count: u32,
    /// When it was counted: an older report changes nothing.
    pub at: DateTime<Utc>,
}

/// Stock of some products at some stores.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct StockBatch {
    #[schemars(length(min = 1, max = 200))]
    pub levels: Vec<StockReport>,
}

/// What was taken, and what somebody should look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ProductsTaken {
    /// Products that are new or differ from before.
    pub changed: u32,
    pub findings: Vec<ProductFinding>,
}

/// Something that is missing and stops nobody from selling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ProductFinding {
    pub sku: Sku,
    /// `care_missing`, `care_language_missing`.
    pub code: String,
    /// As a JSON pointer into the batch.
    pub field: String,
}

/// All products.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ProductSheets {
    pub products: Vec<ProductSheet>,
}

/// How to clean it, in the language of whoever asks or, if nobody wrote that, in another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct CareView {
    pub symbols: Vec<CareSymbol>,
    pub material: String,
    pub text: String,
    pub language: Language,
    /// The language is not the one that was asked for.
    pub fallback: bool,
}

/// Another colour or size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct VariantView {
    pub sku: Sku,
    pub colour: Option<LocalText>,
    pub size: Option<String>,
    pub price: Money,
    pub place: Option<ShelfPlace>,
    pub stock: Option<StockLevel>,
}

/// What the scanned code says beside the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ScannedValue {
    pub grams: Option<u32>,
    /// What this piece costs.
    pub total: Option<Money>,
}

/// A product in the store, for whoever holds it in their hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ProductView {
    pub sku: Sku,
    pub name: LocalText,
    pub category: CategoryId,
    pub image: Option<String>,
    /// Of a piece, or of a kilogram.
    pub price: Money,
    pub measure: Measure,
    pub reference: Option<Money>,
    pub unit_price: Option<UnitPrice>,
    pub min_age: Option<u8>,
    pub deposit: Option<Money>,
    pub place: Option<ShelfPlace>,
    pub care: Option<CareView>,
    /// All of its family that this store sells, itself included; empty where it has none.
    pub variants: Vec<VariantView>,
    pub stock: Option<StockLevel>,
    /// None where the code names only the product.
    pub scanned: Option<ScannedValue>,
    pub at: DateTime<Utc>,
}

impl ProductSheet {
    /// The price that holds at an instant; none before the first.
    pub fn price_at(&self, now: DateTime<Utc>) -> Option<Money> {
        self.prices.iter().filter(|price| price.from <= now).max_by_key(|price| price.from).map(|price| price.price)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_product_has_one_number_however_it_is_printed() {
        let numbers: Vec<Gtin> = ["96385074", "000096385074", "0000096385074", "00000096385074"].map(|text| text.parse().unwrap()).into();
        assert!(numbers.iter().all(|number| number.to_string() == "00000096385074"), "{numbers:?}");
        assert_eq!("4006381333932".parse::<Gtin>(), Err(GtinFault::CheckDigit { right: 1 }));
        for wrong in ["", "1", "400638133393x", "400638133393 ", "٤٠٠٦٣٨"] {
            assert_eq!(wrong.parse::<Gtin>(), Err(GtinFault::Form), "{wrong}");
        }
    }
}
