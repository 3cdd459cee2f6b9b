//! How a customer's state looks on the wire.
//!
//! Owns the making of cards, bookmarks, consents and dialogues from state and catalogue. Emits wire types. An offer that the catalogue no
//! longer has is left out: what cannot be shown whole is not shown.

use aisle_cloud_core::consent::{self, ConsentState, ConsentView as View};
use aisle_schemas::{
    content::SurfaceKind,
    http::cloud::{Bookmark, Bookmarks, Card, ConsentView, Consents, Dialogue, DialogueChoice, Feed},
    text::Language,
};
use aisle_store::customer::{CardRow, DialogueRow};
use chrono::{DateTime, Utc};

use super::state::Customer;
use crate::catalogue::Catalogue;

/// A card of the feed.
pub fn card(customer: &Customer, catalogue: &Catalogue, row: &CardRow) -> Option<Card> {
    let live = catalogue.published(row.offer)?;
    Some(Card {
        card: row.card,
        offer: row.offer,
        offer_rev: row.offer_rev,
        product: live.offer.product.clone(),
        content: live.offer.content_for(SurfaceKind::Phone)?.clone(),
        price: live.offer.price,
        was: live.offer.was,
        why: row.why.clone(),
        visit: row.visit,
        until: row.until,
        bookmarked: customer.has_bookmark(row.offer),
        at: row.at,
        traceparent: row.traceparent.clone(),
    })
}

/// The feed, best first.
pub fn feed(customer: &Customer, catalogue: &Catalogue, now: DateTime<Utc>) -> Feed {
    let mut rows: Vec<&CardRow> = customer.cards.iter().filter(|card| card.until > now).collect();
    rows.sort_by(|one, other| other.score.total_cmp(&one.score).then(one.card.cmp(&other.card)));
    Feed { cards: rows.into_iter().filter_map(|row| card(customer, catalogue, row)).collect(), version: customer.profile.version }
}

/// Marked offers, newest first.
pub fn bookmarks(customer: &Customer, catalogue: &Catalogue) -> Bookmarks {
    let mut bookmarks: Vec<Bookmark> = customer
        .bookmarks
        .iter()
        .filter_map(|mark| {
            let live = catalogue.published(mark.offer)?;
            Some(Bookmark {
                offer: mark.offer,
                product: live.offer.product.clone(),
                price: live.offer.price,
                was: live.offer.was,
                until: live.offer.to,
                at: mark.at,
            })
        })
        .collect();
    bookmarks.sort_by(|one, other| other.at.cmp(&one.at).then(one.offer.cmp(&other.offer)));
    Bookmarks { bookmarks }
}

/// Consents as they stood at an instant, newest first.
pub fn consents(customer: &Customer, catalogue: &Catalogue, as_of: DateTime<Utc>) -> Consents {
    let known: Vec<_> = customer.consents.iter().filter(|record| record.occurred_at <= as_of).collect();
    let view = View { records: &customer.consents, texts: &catalogue.texts, restricted: false };
    let mut consents: Vec<ConsentView> = known
        .iter()
        .map(|record| ConsentView {
            consent: record.id,
            purpose: record.key.purpose.as_str().to_owned(),
            channel: record.key.channel.map(|channel| channel.as_str().to_owned()),
            granted: record.state == ConsentState::Granted,
            legal_text: record.text.id.to_string(),
            version: record.text.version,
            language: Language::parse(&record.text.locale).unwrap_or_default(),
            text_sha256: hex::encode(record.text_sha256),
            shown_sha256: record.rendered_sha256.map(hex::encode).unwrap_or_default(),
            method: record.method.as_str().to_owned(),
            occurred_at: record.occurred_at,
            in_force: consent::allowed(view, &record.key, as_of) == Ok(record.id),
        })
        .collect();
    consents.sort_by(|one, other| other.occurred_at.cmp(&one.occurred_at).then(other.consent.cmp(&one.consent)));
    let epoch = known.iter().map(|record| record.epoch.0).max().unwrap_or(0);
    Consents { consents, epoch, as_of }
}

/// Replies of a dialogue, in the order in which they are offered.
const CHOICES: [DialogueChoice; 4] =
    [DialogueChoice::Keep, DialogueChoice::WhereIsIt, DialogueChoice::MoreLikeThis, DialogueChoice::NotInteresting];

/// A dialogue about an offer, or about the store where the display showed none.
pub fn dialogue(customer: &Customer, catalogue: &Catalogue, row: &DialogueRow) -> Dialogue {
    let live = row.offer.and_then(|offer| catalogue.published(offer));
    let choices = if row.done || live.is_none() {
        Vec::new()
    } else {
        let chosen = super::commands::dialogue::chosen(row);
        CHOICES.into_iter().filter(|choice| !chosen.contains(choice)).collect()
    };
    Dialogue {
        dialogue: row.dialogue,
        store: row.store.clone(),
        offer: row.offer,
        product: live.map(|live| live.offer.product.clone()),
        content: live.and_then(|live| live.offer.content_for(SurfaceKind::Phone)).cloned(),
        price: live.map(|live| live.offer.price),
        was: live.and_then(|live| live.offer.was),
        until: live.map(|live| live.offer.to),
        bookmarked: row.offer.is_some_and(|offer| customer.has_bookmark(offer)),
        lines: row.lines.clone(),
        choices,
    }
}
