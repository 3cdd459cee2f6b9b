//! Documents that stores shall have: themselves, their screens and displays, and the offers meant for them.
//!
//! Owns their keys and bodies. Takes settings and the book; emits obligations for the down logs, which the caller commits with what they follow
//! from.

use aisle_schemas::{
    http::cloud::OfferState,
    ids::{EventId, OfferId, StoreId},
    record::Body,
};
use aisle_store::{DownStream, DownWrite, offer::PublishedOffer};
use chrono::{DateTime, Utc};

use super::Book;
use crate::{fresh, problem::Refusal, settings::Settings};

/// Stores that an offer is meant for.
pub fn stores_of(published: Option<&PublishedOffer>, settings: &Settings) -> Vec<StoreId> {
    let Some(published) = published else { return Vec::new() };
    let named = &published.offer.target.stores;
    settings.stores.keys().filter(|store| named.is_empty() || named.contains(store)).cloned().collect()
}

/// The document of an offer for one store; `None` takes it away.
pub fn document(
    settings: &Settings,
    store: &StoreId,
    id: OfferId,
    offer: Option<&aisle_schemas::offer::Offer>,
    now: DateTime<Utc>,
) -> Result<Option<DownWrite>, Refusal> {
    let Some(info) = settings.stores.get(store) else { return Ok(None) };
    let data = match offer {
        Some(offer) => Some(Body::OfferDesired(Box::new(offer.clone())).to_raw().map_err(Refusal::unavailable)?),
        None => None,
    };
    Ok(Some(DownWrite {
        node: info.node.clone(),
        stream: DownStream::Desired,
        id: fresh::id(now, EventId::new),
        type_name: aisle_schemas::record::DESIRED_SET.to_owned(),
        subject: format!("offer/{id}"),
        data,
        at: now,
        traceparent: aisle_mesh::telemetry::current_traceparent(),
    }))
}

/// Documents that every store shall have: itself, its screens, its displays, and the offers in force.
pub fn desired(
    settings: &Settings,
    configs: &[crate::config::StoreConfig],
    book: &Book,
    now: DateTime<Utc>,
) -> Result<Vec<DownWrite>, Refusal> {
    let mut writes = Vec::new();
    for config in configs {
        let mut put = |key: String, body: Body| -> Result<(), Refusal> {
            writes.push(DownWrite {
                node: config.node_id(),
                stream: DownStream::Desired,
                id: fresh::id(now, EventId::new),
                type_name: body.type_name().to_owned(),
                subject: key,
                data: Some(body.to_raw().map_err(Refusal::unavailable)?),
                at: now,
                traceparent: None,
            });
            Ok(())
        };
        put("store".to_owned(), Body::StoreDesired(Box::new(config.profile.clone())))?;
        for screen in &config.screens {
            put(format!("screen/{}", screen.screen), Body::ScreenDesired(Box::new(screen.clone())))?;
        }
        for display in &config.displays {
            put(format!("nfc/{}", display.display), Body::NfcDesired(Box::new(display.clone())))?;
        }
    }
    for row in book.offers.values().filter(|row| row.state != OfferState::Withdrawn) {
        for store in stores_of(row.published.as_ref(), settings) {
            writes.extend(document(settings, &store, row.offer, row.published.as_ref().map(|published| &published.offer), now)?);
        }
    }
    Ok(writes)
}
