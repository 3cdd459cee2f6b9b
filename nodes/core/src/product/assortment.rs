//! The products of a store, by number, by family, and by the codes that the shop prints itself.
//!
//! Owns [`Assortment`]. Takes products as documents bring and take them. Emits views for phones and tablets. On failure: a document that cannot
//! be in force is a [`ProductFault`]; a code that names nothing here is a refusal.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aisle_schemas::content::Money;
use aisle_schemas::ids::Sku;
use aisle_schemas::product::{
    CODES_MAX, CareView, CodeValue, GTINS_MAX, Gtin, Measure, PRICES_MAX, ProductCare, ProductSheet, ProductView, ScannedValue,
    StoreProduct, VARIANTS_MAX, VariantView,
};
use aisle_schemas::text::Language;
use chrono::{DateTime, Utc};
use thiserror::Error;

use super::code::{self, CodeRefusal};
use super::price;
use crate::gs1::in_store::{Template, TemplateError};

/// Why a product's document cannot be in force.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProductFault {
    #[error("has no price, more than {PRICES_MAX}, one below zero, or two currencies")]
    Prices,
    #[error("has more than {GTINS_MAX} numbers or {CODES_MAX} templates")]
    TooMany,
    #[error("a template of its codes is none")]
    Template(#[source] TemplateError),
}

/// A product of the store with its templates read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sold {
    pub sold: StoreProduct,
    templates: Vec<(Template, CodeValue)>,
}

impl Sold {
    /// What the retailer says of it.
    #[must_use]
    pub const fn sheet(&self) -> &ProductSheet {
        &self.sold.product
    }
}

impl TryFrom<&StoreProduct> for Sold {
    type Error = ProductFault;
    fn try_from(sold: &StoreProduct) -> Result<Self, ProductFault> {
        let sheet = &sold.product;
        let money = sheet.prices.iter().map(|price| price.price).chain(sheet.reference).chain(sheet.deposit);
        let currency = sheet.prices.first().map(|price| price.price.currency).ok_or(ProductFault::Prices)?;
        if sheet.prices.len() > PRICES_MAX || money.clone().any(|money| money.minor < 0 || money.currency != currency) {
            return Err(ProductFault::Prices);
        }
        if sheet.gtins.len() > GTINS_MAX || sheet.codes.len() > CODES_MAX {
            return Err(ProductFault::TooMany);
        }
        let templates = sheet.codes.iter().map(|code| Template::parse(&code.template).map(|template| (template, code.value)));
        Ok(Self { templates: templates.collect::<Result<_, _>>().map_err(ProductFault::Template)?, sold: sold.clone() })
    }
}

/// A product that a code names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub product: Arc<Sold>,
    pub grams: Option<u32>,
    /// Minor units that the code itself says.
    pub amount: Option<i64>,
    /// The shop printed the code. Weight or amount of any other are the word of whoever held it out.
    pub printed: bool,
}

impl Found {
    /// What weighs or costs nothing is refused: nobody sells it.
    fn valued(self) -> Result<Self, CodeRefusal> {
        if self.grams == Some(0) || self.amount.is_some_and(|minor| minor <= 0) {
            return Err(CodeRefusal::NoValue);
        }
        Ok(self)
    }
}

/// All that the store sells. Cloned cheaply: readers take a snapshot.
#[derive(Debug, Clone, Default)]
pub struct Assortment {
    by_sku: BTreeMap<Sku, Arc<Sold>>,
    by_gtin: BTreeMap<Gtin, Sku>,
    families: BTreeMap<Sku, BTreeSet<Sku>>,
    /// Products with codes that the shop prints itself.
    printed: BTreeSet<Sku>,
}

impl Assortment {
    /// Takes a product in, or anew.
    pub fn put(&mut self, product: Sold) {
        let sheet = product.sheet();
        let sku = sheet.sku.clone();
        self.remove(&sku);
        self.by_gtin.extend(sheet.gtins.iter().map(|gtin| (*gtin, sku.clone())));
        if let Some(variant) = &sheet.variant {
            self.families.entry(variant.family.clone()).or_default().insert(sku.clone());
        }
        if !product.templates.is_empty() {
            self.printed.insert(sku.clone());
        }
        self.by_sku.insert(sku, Arc::new(product));
    }

    /// Takes a product out.
    pub fn remove(&mut self, sku: &Sku) {
        let Some(product) = self.by_sku.remove(sku) else { return };
        // A number may have passed to another product meanwhile.
        self.by_gtin.retain(|_, of| of != sku);
        self.printed.remove(sku);
        if let Some(variant) = &product.sheet().variant
            && let Some(family) = self.families.get_mut(&variant.family)
        {
            family.remove(sku);
        }
    }

    /// A product by its sku.
    #[must_use]
    pub fn get(&self, sku: &Sku) -> Option<&Arc<Sold>> {
        self.by_sku.get(sku)
    }

    /// The product that a scanned code names. What the shop prints itself comes first: such codes look like numbers of products. Weights and
    /// amounts that others print are heard only for what is sold by weight: a piece costs what its sheet says.
    ///
    /// # Errors
    /// [`CodeRefusal`].
    pub fn find(&self, code: &str, now: DateTime<Utc>) -> Result<Found, CodeRefusal> {
        if let Some(found) = self.printed_code(code) {
            return found.valued();
        }
        let code::Named { gtin, grams, amount } = code::read(code, now.date_naive())?;
        let sku = self.by_gtin.get(&gtin).ok_or(CodeRefusal::Unknown)?;
        let product = self.by_sku.get(sku).ok_or(CodeRefusal::Unknown)?;
        let (grams, amount) = match product.sheet().measure {
            Measure::Weight => (grams, amount),
            Measure::Piece => (None, None),
        };
        Found { product: Arc::clone(product), grams, amount, printed: false }.valued()
    }

    fn printed_code(&self, code: &str) -> Option<Found> {
        // Scanners say which symbol it was; the template is about the digits.
        let digits = code.strip_prefix("]E0").unwrap_or(code);
        self.printed.iter().filter_map(|sku| self.by_sku.get(sku)).find_map(|product| {
            product.templates.iter().find_map(|(template, value)| {
                let read = template.read(digits)?;
                let number = read.price.or(read.embed.map(|embedded| embedded.units));
                let (grams, amount) = match value {
                    CodeValue::Weight => (number.and_then(|grams| u32::try_from(grams).ok()), None),
                    CodeValue::Price => (None, number.and_then(|minor| i64::try_from(minor).ok())),
                };
                Some(Found { product: Arc::clone(product), grams, amount, printed: true })
            })
        })
    }

    /// The view of what a code names; nothing before its first price holds.
    #[must_use]
    pub fn view(&self, found: &Found, language: Language, now: DateTime<Utc>) -> Option<ProductView> {
        let Found { product, grams, amount, printed: _ } = found;
        let sheet = product.sheet();
        let price = sheet.price_at(now)?;
        let scanned =
            (grams.is_some() || amount.is_some()).then(|| ScannedValue { grams: *grams, total: total(sheet, price, *grams, *amount) });
        Some(ProductView {
            sku: sheet.sku.clone(),
            name: sheet.name.clone(),
            category: sheet.category.clone(),
            image: sheet.image.clone(),
            price,
            measure: sheet.measure,
            reference: sheet.reference,
            unit_price: sheet.pack.and_then(|pack| price::of_unit(price, pack)),
            min_age: sheet.min_age,
            deposit: sheet.deposit,
            place: sheet.place.clone(),
            care: sheet.care.as_ref().and_then(|care| care_in(care, language)),
            variants: self.variants(sheet, now),
            stock: product.sold.stock,
            scanned,
            at: now,
        })
    }

    fn variants(&self, sheet: &ProductSheet, now: DateTime<Utc>) -> Vec<VariantView> {
        let family = sheet.variant.as_ref().and_then(|variant| self.families.get(&variant.family));
        let members = family.into_iter().flatten().filter_map(|sku| self.by_sku.get(sku));
        members
            .filter_map(|member| {
                let sheet = member.sheet();
                let variant = sheet.variant.as_ref()?;
                Some(VariantView {
                    sku: sheet.sku.clone(),
                    colour: variant.colour.clone(),
                    size: variant.size.clone(),
                    price: sheet.price_at(now)?,
                    place: sheet.place.clone(),
                    stock: member.sold.stock,
                })
            })
            .take(VARIANTS_MAX)
            .collect()
    }
}

/// What one scanned piece costs: what its code says, else its weight at the price of a kilogram, else the price of a piece. None where the
/// weight is not known.
#[must_use]
pub fn total(sheet: &ProductSheet, price: Money, grams: Option<u32>, amount: Option<i64>) -> Option<Money> {
    match (amount, sheet.measure, grams) {
        (Some(minor), _, _) => Some(Money { minor, ..price }),
        (None, Measure::Weight, grams) => price::of_weight(price, grams?),
        (None, Measure::Piece, _) => Some(price),
    }
}

/// The care of a product in a language; where nobody wrote it in that one, in the default language, else in any, and marked so.
#[must_use]
pub fn care_in(care: &ProductCare, language: Language) -> Option<CareView> {
    let in_language = |wanted: Language| care.texts.iter().find(|text| text.language == wanted);
    let said = in_language(language).or_else(|| in_language(Language::default())).or_else(|| care.texts.first())?;
    Some(CareView {
        symbols: care.symbols.clone(),
        material: said.material.clone(),
        text: said.text.clone(),
        language: said.language,
        fallback: said.language != language,
    })
}
