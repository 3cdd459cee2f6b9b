//! A plan as it goes to whoever draws the screen, and what of it comes back in plays.
//!
//! Owns the translation from loops to the wire: the hash over what is drawn and the names that a play keeps. Takes loops and offers. Emits wire
//! types. Cannot fail.
use std::collections::BTreeMap;

use aisle_node_core::ids::EventSlug;
use aisle_node_core::signage::plan;
use aisle_schemas::offer::Offer;
use aisle_schemas::screen::{Denied, PlanItem, PlanZone, Play};
use sha2::{Digest, Sha256};

use super::screen::Offers;

/// Bytes of a name that a play carries: a play is one of hundreds of thousands a day.
const NAME_BYTES_MAX: usize = 80;

/// One zone's loop.
#[must_use]
pub fn wire_zone(zone: &plan::ZoneLoop, offers: &Offers) -> PlanZone {
    let item = |item: &plan::Item| PlanItem {
        event: item.event.clone(),
        offer: item.offer,
        offer_rev: item.offer_rev,
        content: item.content.clone(),
        duration_ms: item.duration_s.saturating_mul(1_000),
        from: item.from,
        to: item.to,
        rule: item.rule,
        why: item.why.as_str().to_owned(),
        schedule: item.schedule.clone(),
        creative_sha256: serde_json::to_vec(&item.content).ok().map(|creative| hex::encode(Sha256::digest(creative))),
        names: item.offer.and_then(|offer| offers.get(&offer)).map(names).unwrap_or_default(),
    };
    PlanZone { zone: zone.zone.clone(), items: zone.items.iter().map(item).collect(), order: zone.order.clone() }
}

/// What was left out.
#[must_use]
pub fn wire_denied(denied: &plan::Denied) -> Denied {
    Denied { event: denied.event.clone(), offer: denied.offer, reason: denied.reason.as_str().to_owned() }
}

/// The event of the schedule that a play counts for.
#[must_use]
pub fn scheduled(play: &Play) -> &EventSlug {
    play.detail.schedule.as_ref().unwrap_or(&play.event)
}

/// What an offer is called, for whoever reads its plays when it is gone.
fn names(offer: &Offer) -> BTreeMap<String, String> {
    let mut name = offer.product.name.de.clone();
    name.truncate(name.floor_char_boundary(NAME_BYTES_MAX));
    BTreeMap::from([("offer".to_owned(), name), ("sku".to_owned(), offer.product.sku.to_string())])
}
