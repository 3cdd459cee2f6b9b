//! What a publication means for one open visit, and what it would mean.
//!
//! Owns the commands that follow the catalogue. Looking twice changes nothing: an offer that was decided in this visit is not decided again,
//! and a card of an offer that is gone can only go once.

use std::sync::Arc;

use aisle_schemas::ids::{OfferId, StoreId, VisitId, VisitToken};
use aisle_store::visit::VisitRow;

use super::{cards, context_lease, round};
use crate::{
    actors::customer::{Command, Decided, World, change::Changes, state::Customer, view},
    catalogue::LiveOffer,
    fresh,
    problem::Refusal,
};

/// An offer was published or withdrawn while this customer's visit is open.
pub struct FollowOffer(pub OfferId);

impl Command for FollowOffer {
    type Answer = ();
    const NAME: &'static str = "follow_offer";
    fn decide(&self, customer: &Customer, world: &World) -> Result<Decided<()>, Refusal> {
        let Self(offer) = *self;
        let Some(visit) = &customer.visit else { return Ok(Decided::answer(())) };
        let mut changes = Changes::default();
        match world.catalogue.at_store(&visit.store, world.now).find(|live| live.offer.offer == offer) {
            Some(live) => {
                cards::deal(customer, visit, std::iter::once(live), world, &mut changes);
                round::raise(customer, visit, std::iter::once(live), world, &mut changes);
            }
            None => {
                if let Some(card) = customer.card_of(offer) {
                    changes.cards_removed.push(card.card);
                    changes.tell_removed(&view::card(customer, &world.catalogue, card).into_iter().collect::<Vec<_>>());
                }
            }
        }
        if changes.is_stored() {
            context_lease::renew(customer, visit, world, &mut changes)?;
        }
        Ok(Decided { changes, answer: () })
    }
}

/// How this customer would be answered about an offer that is being edited. Changes nothing.
pub struct PreviewOffer(pub Arc<LiveOffer>);

impl Command for PreviewOffer {
    type Answer = String;
    const NAME: &'static str = "preview_offer";
    fn decide(&self, customer: &Customer, world: &World) -> Result<Decided<String>, Refusal> {
        let stores = &self.0.offer.target.stores;
        let visit = customer.visit.as_ref().or(customer.last_visit.as_ref()).cloned().or_else(|| imagined(customer, stores, world));
        let answer = match visit {
            Some(visit) if stores.is_empty() || stores.contains(&visit.store) => cards::would(customer, &visit, &self.0, world),
            Some(_) | None => "not_targeted".to_owned(),
        };
        Ok(Decided::answer(answer))
    }
}

/// Somebody who never came would come to the first store that has the offer.
fn imagined(customer: &Customer, stores: &[StoreId], world: &World) -> Option<VisitRow> {
    let (store, info) = world.settings.stores.iter().find(|(store, _)| stores.is_empty() || stores.contains(store))?;
    Some(VisitRow {
        customer: Some(customer.id()),
        visit: fresh::id(world.now, VisitId::new),
        store: store.clone(),
        node: info.node.clone(),
        token: VisitToken::from_random(fresh::secret()),
        opened_at: world.now,
        zone: None,
        seen_at: world.now,
        closed_at: None,
        closed_reason: None,
        traceparent: None,
    })
}
