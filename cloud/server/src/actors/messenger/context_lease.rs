//! What a store may know of an open visit: the desired document `context/{token}` (DOMAIN 12).
//!
//! Owns its making. Written in the commit of what it follows from; renewed while the visit is open, because a store without a fresh one
//! fails closed. Holds purposes, ranked offers and the interrupts left; nothing that names a person.

use aisle_cloud_core::{
    consent::{Channel, Purpose},
    gate::attention,
};
use aisle_schemas::{
    ids::EventId,
    record::Body,
    visit::{ContextLease, RankedOffer},
};
use aisle_store::{DownStream, DownWrite, visit::VisitRow};

use crate::{
    actors::customer::{
        World,
        change::Changes,
        state::{Customer, Interest},
    },
    fresh,
    problem::Refusal,
};

/// Life of the lease at the store, seconds (W2).
const LEASE_S: u32 = 15 * 60;
/// Offers that a store may know of.
const OFFERS_MAX: usize = 20;

/// Sends the store a context of the visit, as of the customer's state with the cards that are being dealt.
pub fn renew(customer: &Customer, visit: &VisitRow, world: &World, changes: &mut Changes) -> Result<(), Refusal> {
    let allowed = customer.allows(Purpose::InstoreContext, Some(Channel::InApp), &world.catalogue.texts, world.now);
    let mut cards: Vec<_> =
        customer.cards.iter().chain(&changes.cards_put).filter(|card| !changes.cards_removed.contains(&card.card)).collect();
    cards.sort_by(|one, other| other.score.total_cmp(&one.score).then(one.card.cmp(&other.card)));
    cards.dedup_by_key(|card| card.card);
    let ranked = |card: &&aisle_store::customer::CardRow| RankedOffer {
        offer: card.offer,
        // A score orders offers; half its digits do.
        score: card.score as f32,
        why: card.why.first().cloned().unwrap_or_default(),
    };
    let left =
        attention::left(&customer.person(&world.settings, Interest::default(), world.now), &world.settings.policy.attention, world.now);
    let lease = ContextLease {
        visit: visit.visit,
        language: customer.profile.language,
        consents: customer.purposes(&world.catalogue.texts, world.now),
        consent_epoch: customer.profile.consent_epoch,
        segments: Vec::new(),
        offers: if allowed { cards.iter().take(OFFERS_MAX).map(ranked).collect() } else { Vec::new() },
        interrupts_left: u8::try_from((left.now_milli.min(left.week_milli) / 1000).max(0)).unwrap_or(u8::MAX),
        lease_s: LEASE_S,
    };
    let body = Body::ContextDesired(Box::new(lease));
    changes.down.push(DownWrite {
        node: visit.node.clone(),
        stream: DownStream::Desired,
        id: fresh::id(world.now, EventId::new),
        type_name: body.type_name().to_owned(),
        subject: format!("context/{}", visit.token),
        data: Some(body.to_raw().map_err(Refusal::unavailable)?),
        at: world.now,
        traceparent: world.traceparent.clone(),
    });
    changes.context_sent = true;
    Ok(())
}
