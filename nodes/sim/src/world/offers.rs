//! What the demo's marketer publishes: one campaign, one offer per product.

use aisle_schemas::{
    content::{Content, ContentClass, SurfaceKind},
    http::cloud::{CampaignDraft, OfferDraft},
    ids::CampaignId,
    offer::{OfferTarget, Variant},
    text::LocalText,
};
use chrono::{DateTime, TimeDelta, Utc};

use super::products::{ASSORTMENT, Row};
use super::stores::zone;

/// Days the demo's campaign runs.
const DAYS: i64 = 7;
/// Campaign starts so much earlier, so that no clock difference hides it.
const LEAD: TimeDelta = TimeDelta::minutes(5);

/// The campaign around all offers; cards are not capped by day, since the demo's people come often.
pub fn campaign(now: DateTime<Utc>) -> CampaignDraft {
    CampaignDraft { name: "Wochenangebote".to_owned(), from: now - LEAD, to: now + TimeDelta::days(DAYS), cap_per_day: 0 }
}

/// One offer per product of the assortment.
pub fn offers(campaign: CampaignId, now: DateTime<Utc>) -> Vec<OfferDraft> {
    ASSORTMENT.iter().map(|row| offer(row, campaign, now)).collect()
}

/// The offer of one product, for screens and NFC displays in its zone and for every phone.
pub fn offer(row: &Row, campaign: CampaignId, now: DateTime<Utc>) -> OfferDraft {
    let surfaces = vec![SurfaceKind::Screen, SurfaceKind::NfcMonitor, SurfaceKind::Phone];
    OfferDraft {
        campaign,
        product: row.product(),
        price: row.price(),
        was: Some(row.was()),
        from: now - LEAD,
        to: now + TimeDelta::days(DAYS),
        target: OfferTarget { stores: Vec::new(), zones: vec![zone(row.zone)], surfaces: surfaces.clone() },
        variants: surfaces.into_iter().map(|surface| Variant { surface, content: content(row, surface) }).collect(),
        fallback: Some(content(row, SurfaceKind::Screen)),
        fallback_for: vec![SurfaceKind::Tablet],
        rule: String::new(),
        value_percent: 80,
        push: false,
    }
}

fn content(row: &Row, surface: SurfaceKind) -> Content {
    let line = match surface {
        SurfaceKind::Screen | SurfaceKind::Tablet => LocalText::new("Nur diese Woche", "This week only"),
        SurfaceKind::NfcMonitor => LocalText::new("Antippen und merken", "Tap to keep this"),
        SurfaceKind::Phone => LocalText::new("Für Sie in diesem Markt", "For you, in this store"),
    };
    Content {
        class: ContentClass::P0,
        headline: LocalText::new(row.de, row.en),
        line,
        image: Some(row.sku.to_owned()),
        price: Some(row.price()),
        was: Some(row.was()),
        segment: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_offer_has_content_for_each_surface_it_targets() {
        let now = DateTime::from_timestamp(1_795_511_520, 0).unwrap();
        for draft in offers(CampaignId::new(1, [0; 10]), now) {
            for surface in &draft.target.surfaces {
                assert!(draft.variants.iter().any(|variant| variant.surface == *surface), "{surface:?}");
            }
            assert!(draft.from < now && now < draft.to);
        }
    }
}
