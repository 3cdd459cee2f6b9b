//! Products: what a batch may not say, and what somebody should look at.
//!
//! Owns the rules over a batch and what is known already. Takes sheets. Emits faults by field, and findings that stop nobody from selling. Cannot fail.

use std::collections::BTreeMap;

use aisle_schemas::{
    http::FieldError,
    ids::Sku,
    product::{BATCH_MAX, CODES_MAX, GTINS_MAX, Gtin, PRICES_MAX, ProductFinding, ProductSheet},
    text::Language,
};

/// Largest price, minor units: a guard against slips.
const PRICE_MINOR_MAX: i64 = 100_000_000;
/// Largest share of tax, hundredths of a per cent.
const TAX_BP_MAX: u16 = 10_000;
/// Oldest age that a law asks for.
const AGE_MAX: u8 = 25;

/// Faults of a batch by itself, each with its JSON pointer.
#[must_use]
pub fn faults(batch: &[ProductSheet]) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let mut fault = |field: String, reason: &str| faults.push(FieldError { field, reason: reason.to_owned() });
    if !(1..=BATCH_MAX).contains(&batch.len()) {
        fault("/products".to_owned(), "must have 1 to 50");
    }
    let mut numbers: BTreeMap<Gtin, usize> = BTreeMap::new();
    for (place, sheet) in batch.iter().enumerate().take(BATCH_MAX) {
        let at = |field: &str| format!("/products/{place}/{field}");
        if batch.iter().take(place).any(|before| before.sku == sheet.sku) {
            fault(at("sku"), "stands twice in the batch");
        }
        for (which, gtin) in sheet.gtins.iter().enumerate() {
            if numbers.insert(*gtin, place).is_some() {
                fault(at(&format!("gtins/{which}")), "stands twice in the batch");
            }
        }
        if sheet.gtins.len() > GTINS_MAX {
            fault(at("gtins"), "must have at most 16");
        }
        for (language, text) in [("de", &sheet.name.de), ("en", &sheet.name.en)] {
            if text.trim().is_empty() || text.chars().count() > 200 || text.chars().any(char::is_control) {
                fault(at(&format!("name/{language}")), "must be one line of 1 to 200 characters");
            }
        }
        if !(1..=PRICES_MAX).contains(&sheet.prices.len()) {
            fault(at("prices"), "must have 1 to 8");
        }
        if sheet.prices.windows(2).any(|pair| matches!(pair, [one, next] if one.from >= next.from)) {
            fault(at("prices"), "must be in order of their instants");
        }
        let currency = sheet.prices.first().map(|price| price.price.currency);
        let prices = sheet.prices.iter().enumerate().map(|(which, price)| (format!("prices/{which}/price"), price.price));
        let others = [("reference", sheet.reference), ("deposit", sheet.deposit)];
        let others = others.into_iter().filter_map(|(name, money)| Some((name.to_owned(), money?)));
        for (name, money) in prices.chain(others) {
            if !(0..=PRICE_MINOR_MAX).contains(&money.minor) {
                fault(at(&format!("{name}/minor")), "must be a price from 0 to 1 000 000.00");
            }
            if Some(money.currency) != currency {
                fault(at(&format!("{name}/currency")), "must be that of the first price");
            }
        }
        if sheet.codes.len() > CODES_MAX {
            fault(at("codes"), "must have at most 4");
        }
        for (which, code) in sheet.codes.iter().enumerate() {
            let written = !code.template.is_empty() && code.template.len() <= 128 && code.template.is_ascii();
            if !written || code.template.matches('{').count() != code.template.matches('}').count() {
                fault(at(&format!("codes/{which}/template")), "must be 1 to 128 digits and fields in braces");
            }
        }
        if sheet.tax_bp > TAX_BP_MAX {
            fault(at("tax_bp"), "must be at most 10000");
        }
        if sheet.min_age.is_some_and(|age| age > AGE_MAX) {
            fault(at("min_age"), "must be at most 25");
        }
        if sheet.pack.is_some_and(|pack| pack.thousandths == 0) {
            fault(at("pack/thousandths"), "must be at least 1");
        }
        if let Some(care) = &sheet.care {
            let twice =
                care.texts.iter().enumerate().any(|(which, text)| care.texts.iter().take(which).any(|one| one.language == text.language));
            if twice || care.symbols.len() > 8 {
                fault(at("care"), "must have at most 8 symbols, and one text per language");
            }
        }
    }
    faults
}

/// Numbers of the batch that another product outside it has already.
#[must_use]
pub fn taken_numbers(batch: &[ProductSheet], known: &BTreeMap<Sku, ProductSheet>) -> Vec<FieldError> {
    let outside = known.values().filter(|sheet| batch.iter().all(|new| new.sku != sheet.sku));
    let holders: BTreeMap<Gtin, &Sku> = outside.flat_map(|sheet| sheet.gtins.iter().map(|gtin| (*gtin, &sheet.sku))).collect();
    let mut faults = Vec::new();
    for (place, sheet) in batch.iter().enumerate() {
        for (which, gtin) in sheet.gtins.iter().enumerate() {
            if let Some(holder) = holders.get(gtin) {
                faults.push(FieldError { field: format!("/products/{place}/gtins/{which}"), reason: format!("is the number of {holder}") });
            }
        }
    }
    faults
}

/// What is missing and stops nobody from selling: one finding per product.
#[must_use]
pub fn findings(batch: &[ProductSheet]) -> Vec<ProductFinding> {
    let finding = |(place, sheet): (usize, &ProductSheet)| {
        let (code, field) = match &sheet.care {
            None if sheet.textile => ("care_missing", "care"),
            Some(care) if care.texts.len() < Language::ALL.len() => ("care_language_missing", "care/texts"),
            None | Some(_) => return None,
        };
        Some(ProductFinding { sku: sheet.sku.clone(), code: code.to_owned(), field: format!("/products/{place}/{field}") })
    };
    batch.iter().enumerate().filter_map(finding).collect()
}
