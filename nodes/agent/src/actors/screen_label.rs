//! What a price label adds to a screen: the product's sheet, and whether the label has said that it draws the price (A21).
//!
//! Owns the label's word. Takes the assortment by watch, plans, the screen's state. Emits to the till which prices may still stand on a shelf,
//! and an alarm. On failure: a label that says nothing is taken to show the price before.
use std::sync::Arc;

use aisle_node_core::ids::{ScreenId, Sku};
use aisle_node_core::product::assortment::{Assortment, Sold};
use aisle_node_core::signage::label::{Label, StillShown};
use chrono::{DateTime, Utc};
use tokio::sync::watch;

/// The label of one screen.
pub struct LabelDesk {
    screen: ScreenId,
    label: Label,
    /// Alarmed of, so that it is said once.
    alarmed: Option<DateTime<Utc>>,
    assortment: watch::Receiver<Arc<Assortment>>,
    /// Shared by all labels of the store; each notes its own.
    still_shown: Arc<watch::Sender<StillShown>>,
}

impl LabelDesk {
    /// A label that has said nothing yet.
    #[must_use]
    pub fn new(screen: ScreenId, assortment: watch::Receiver<Arc<Assortment>>, still_shown: Arc<watch::Sender<StillShown>>) -> Self {
        Self { screen, label: Label::default(), alarmed: None, assortment, still_shown }
    }

    /// The product as the store sells it now.
    pub fn product(&mut self, sku: &Sku) -> Option<Arc<Sold>> {
        self.assortment.borrow_and_update().get(sku).cloned()
    }

    /// Whether products changed since [`LabelDesk::product`]; false once nobody can change them.
    pub fn is_stale(&self) -> bool {
        self.assortment.has_changed().unwrap_or(false)
    }

    /// Whose price the label shows as planned last.
    pub const fn sku(&self) -> Option<&Sku> {
        self.label.product()
    }

    /// A plan of this revision goes to the label; without a product there is no price left to vouch for.
    pub fn planned(&mut self, product: Option<&Sold>, rev: u64, now: DateTime<Utc>) {
        match product {
            Some(product) => self.label.planned(product.sheet(), rev, now),
            None => self.label = Label::default(),
        }
        self.note();
    }

    /// The label says which plan it draws.
    pub fn draws(&mut self, rev: u64) {
        self.label.draws(rev);
        self.note();
    }

    fn note(&self) {
        self.still_shown.send_if_modified(|all| all.note(&self.screen, self.label.still_shown()));
    }

    /// Since when a price is not seen, once that is an alarm.
    pub fn alarm(&mut self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let alarm = self.label.alarm(now);
        if self.alarmed != alarm {
            self.alarmed = alarm;
            let what = if alarm.is_some() { "raised" } else { "settled" };
            metrics::counter!("aisle_price_alarms_total", "what" => what).increment(1);
            tracing::error!(screen = %self.screen, what, "a label has not said that it draws a price");
        }
        alarm
    }
}
