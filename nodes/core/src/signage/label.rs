//! Price labels: what they show, and what the till charges while one of them may still show another price (A21).
//!
//! Owns the picture of a price, and per label which price it has last said that it draws. Takes the product's sheet, plans, what labels say of
//! themselves, and the time. Emits contents, an alarm, and the lower price. On failure: a label that says nothing is taken to show the price
//! before: the customer pays no more than what stands on the shelf.
use std::collections::BTreeMap;
use std::sync::Arc;

use aisle_schemas::content::{Content, ContentClass, Currency, Money};
use aisle_schemas::ids::ScreenId;
use aisle_schemas::product::{Measure, PriceFrom, ProductSheet, Unit, UnitPrice};
use aisle_schemas::text::LocalText;
use chrono::{DateTime, TimeDelta, Utc};

use crate::ids::{EventSlug, Sku};
use crate::product::price::of_unit;
use crate::product::{Found, Sold};

/// Seconds that a label may take to say that it draws a new price; an alarm must be there within ten.
pub const ALARM_AFTER_S: i64 = 8;

/// Name of a price in plans and plays.
#[must_use]
pub fn event() -> EventSlug {
    EventSlug::parse("price").expect("the literal is a slug")
}

/// One price of a label with the time in which it holds, half-open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Priced {
    pub content: Content,
    pub from: DateTime<Utc>,
    pub to: Option<DateTime<Utc>>,
}

/// The picture of the price that holds at `now`, and until when; none before the first.
#[must_use]
pub fn priced(sheet: &ProductSheet, now: DateTime<Utc>) -> Option<Priced> {
    let current = sheet.prices.iter().filter(|price| price.from <= now).max_by_key(|price| price.from)?;
    let to = sheet.prices.iter().map(|price| price.from).filter(|from| *from > now).min();
    let unit = match sheet.measure {
        Measure::Weight => Some(UnitPrice { price: current.price, unit: Unit::Kilogram }),
        Measure::Piece => sheet.pack.and_then(|pack| of_unit(current.price, pack)),
    };
    let content = Content {
        class: ContentClass::P0,
        headline: sheet.name.clone(),
        line: unit.map_or_else(LocalText::default, per_unit),
        image: sheet.image.clone(),
        price: Some(current.price),
        was: sheet.reference.filter(|reference| reference.minor > current.price.minor),
        segment: None,
    };
    Some(Priced { content, from: current.from, to })
}

/// "1 kg = 4,98 €", as a shelf must say it.
fn per_unit(UnitPrice { price, unit }: UnitPrice) -> LocalText {
    let (de, en) = match unit {
        Unit::Kilogram => ("kg", "kg"),
        Unit::Litre => ("l", "l"),
        Unit::Metre => ("m", "m"),
        Unit::Piece => ("Stück", "piece"),
    };
    let (whole, part) = (price.minor / 100, price.minor % 100);
    let (sign, before) = match price.currency {
        Currency::Eur => ("€", "€"),
        Currency::Chf => ("CHF", "CHF "),
        Currency::Gbp => ("£", "£"),
        Currency::Usd => ("$", "$"),
    };
    LocalText::new(format!("1 {de} = {whole},{part:02} {sign}"), format!("{before}{whole}.{part:02} per {en}"))
}

/// A price that a label shall show and has not said that it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Awaited {
    price: Money,
    /// Of the plan that brought it.
    rev: u64,
    since: DateTime<Utc>,
}

/// What one label shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Label {
    /// Whose price it is; prices of another product say nothing of this one's.
    product: Option<Sku>,
    /// Said by the label itself, or taken from the sheet before it has said anything.
    shown: Option<Money>,
    awaited: Option<Awaited>,
}

impl Label {
    /// Whose price it shows.
    #[must_use]
    pub const fn product(&self) -> Option<&Sku> {
        self.product.as_ref()
    }

    /// A plan brings the price that holds now. As long as the label has said nothing of this product, it may show the price before.
    pub fn planned(&mut self, sheet: &ProductSheet, rev: u64, now: DateTime<Utc>) {
        if self.product.as_ref() != Some(&sheet.sku) {
            *self = Self { product: Some(sheet.sku.clone()), shown: None, awaited: None };
        }
        let Some(price) = sheet.price_at(now) else { return };
        let before = sheet.prices.iter().filter(|price| price.from <= now).map(|price| (price.from, price.price));
        if self.shown.is_none() {
            let mut known: Vec<_> = before.collect();
            known.sort_by_key(|(from, _)| *from);
            self.shown = known.iter().rev().nth(1).map(|(_, price)| *price);
        }
        if self.awaited.is_some_and(|awaited| awaited.price == price) {
            return;
        }
        self.awaited = (self.shown != Some(price)).then_some(Awaited { price, rev, since: now });
    }

    /// The label says which plan it draws.
    pub fn draws(&mut self, rev: u64) {
        if let Some(awaited) = self.awaited.filter(|awaited| rev >= awaited.rev) {
            self.shown = Some(awaited.price);
            self.awaited = None;
        }
    }

    /// Since when a price is not seen, once that is an alarm.
    #[must_use]
    pub fn alarm(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.awaited.filter(|awaited| now - awaited.since >= TimeDelta::seconds(ALARM_AFTER_S)).map(|awaited| awaited.since)
    }

    /// The product, and its price that may still stand on the shelf while another holds.
    #[must_use]
    pub fn still_shown(&self) -> Option<(Sku, Money)> {
        self.product.clone().zip(self.awaited.and(self.shown))
    }
}

/// Prices that labels of the store may still show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StillShown {
    by_label: BTreeMap<ScreenId, (Sku, Money)>,
}

impl StillShown {
    /// A label's word; whether anything changed.
    pub fn note(&mut self, label: &ScreenId, shown: Option<(Sku, Money)>) -> bool {
        match shown {
            Some(shown) => self.by_label.insert(label.clone(), shown.clone()) != Some(shown),
            None => self.by_label.remove(label).is_some(),
        }
    }

    /// What was scanned, at the price that the till takes.
    #[must_use]
    pub fn guard(&self, found: Found, now: DateTime<Utc>) -> Found {
        let sheet = found.product.sheet();
        let Some(price) = sheet.price_at(now) else { return found };
        let charged = self.at_the_till(&sheet.sku, price);
        if charged == price {
            return found;
        }
        let mut product = Sold::clone(&found.product);
        product.sold.product.prices = vec![PriceFrom { price: charged, from: now }];
        Found { product: Arc::new(product), ..found }
    }

    /// What a product costs at the till: the lowest of the price that holds and those that stand on its shelf.
    #[must_use]
    pub fn at_the_till(&self, sku: &Sku, price: Money) -> Money {
        let lower = |shown: &Money| shown.currency == price.currency && shown.minor < price.minor;
        let shown = self.by_label.values().filter(|(of, _)| of == sku).map(|(_, shown)| *shown);
        shown.filter(lower).min_by_key(|shown| shown.minor).unwrap_or(price)
    }
}
