//! The messenger: what is said to one customer, decided by the customer's own writer.
//!
//! Owns the commands that bring messages: what stores report of visits, what is published, what other systems offer, and the timers. They
//! run on the customer's shard, so that consents, caps and sends have one writer and nobody waits for another actor's answer. Each
//! candidate ends in one decision with its reason; cards and pushes leave only after the commit that holds it (G1, G2, G3).

mod candidate;
mod cards;
mod context_lease;
mod facts;
mod log;
mod offers;
mod round;
mod visit;

pub use log::decision_view;
pub use offers::{FollowOffer, PreviewOffer};
pub use round::{OfferMessage, Wake};
pub use visit::News;

use aisle_cloud_core::{
    consent::{Channel, Purpose},
    gate::{GateVerdict, reason::Clause},
};

use crate::{
    actors::customer::{World, change::Changes, state::Customer, view},
    problem::Refusal,
};

/// What follows from a change of consent, on the state as it will be: cards come or go, queued messages that are no longer allowed end,
/// the store of an open visit hears of it at once.
pub fn follow_consent(next: &Customer, world: &World, changes: &mut Changes) -> Result<(), Refusal> {
    let mut next = next.clone();
    let allowed = next.allows(Purpose::InstoreContext, Some(Channel::InApp), &world.catalogue.texts, world.now);
    if let Some(visit) = next.visit.clone() {
        if !allowed {
            let gone: Vec<_> = next.cards.iter().filter_map(|row| view::card(&next, &world.catalogue, row)).collect();
            changes.cards_removed.extend(next.cards.iter().map(|row| row.card));
            changes.tell_removed(&gone);
            next.cards.clear();
        } else if next.cards.is_empty() {
            cards::deal(&next, &visit, world.catalogue.at_store(&visit.store, world.now), world, changes);
            next.cards.extend(changes.cards_put.iter().cloned());
        }
        context_lease::renew(&next, &visit, world, changes)?;
    }
    let round = round::Round::of(&next, next.candidates.iter(), world);
    for (row, verdict) in round.verdicts() {
        match verdict {
            GateVerdict::Refused { clause: Clause::Consent, reason } => {
                changes.candidates_done.push(row.candidate);
                log::refuse(&next, world, changes, &log::About::of_row(row, &world.catalogue), &reason);
            }
            GateVerdict::Refused { .. } | GateVerdict::Send { .. } | GateVerdict::Deferred { .. } => {}
        }
    }
    Ok(())
}
