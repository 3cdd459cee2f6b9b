//! The own feed, and what the customer did with its cards and with pushes.
//!
//! Owns the commands around outcomes. A dismissed card leaves the feed at once and everywhere; reactions feed fatigue (DOMAIN 6).

use aisle_cloud_core::ranking::{TasteEvent, TasteKey};
use aisle_schemas::{
    http::cloud::{Feed, Outcome},
    ids::{CandidateId, CardId},
};
use aisle_store::customer::OutcomeRow;

use super::bookmark;
use crate::{
    actors::customer::{Command, Decided, World, change::Changes, state::Customer, view},
    problem::Refusal,
    wire,
};

/// The feed.
pub struct GetFeed;

impl Command for GetFeed {
    type Answer = Feed;
    const NAME: &'static str = "get_feed";
    fn decide(&self, customer: &Customer, world: &World) -> Result<Decided<Feed>, Refusal> {
        Ok(Decided::answer(view::feed(customer, &world.catalogue, world.now)))
    }
}

/// What the customer did with a card.
pub struct ReportOnCard {
    pub card: CardId,
    pub outcome: Outcome,
}

impl Command for ReportOnCard {
    type Answer = ();
    const NAME: &'static str = "report_on_card";
    fn decide(&self, customer: &Customer, world: &World) -> Result<Decided<()>, Refusal> {
        let row = customer.cards.iter().find(|row| row.card == self.card).ok_or_else(|| Refusal::not_found("card"))?;
        let live = world.catalogue.published(row.offer);
        let mut changes = Changes::default();
        changes.outcomes.push(OutcomeRow {
            channel: wire::channel_name(aisle_cloud_core::gate::candidate::MessageChannel::OwnFeed).to_owned(),
            outcome: self.outcome,
            category: live.map(|live| live.offer.product.category.to_string()),
            offer: Some(row.offer),
            at: world.now,
        });
        match self.outcome {
            Outcome::Dismissed | Outcome::NotInteresting => {
                changes.cards_removed.push(row.card);
                if let Some(live) = live {
                    let item = TasteKey::item(&live.offer.product.sku);
                    bookmark::learn(customer, &mut changes, TasteEvent::Dismissal { item }, world);
                }
                changes.tell_removed(&view::card(customer, &world.catalogue, row).into_iter().collect::<Vec<_>>());
            }
            Outcome::Opened | Outcome::Ignored | Outcome::Converted => {}
        }
        Ok(Decided { changes, answer: () })
    }
}

/// What the customer did with a push.
pub struct ReportOnPush {
    pub candidate: CandidateId,
    pub outcome: Outcome,
}

impl Command for ReportOnPush {
    type Answer = ();
    const NAME: &'static str = "report_on_push";
    fn decide(&self, customer: &Customer, world: &World) -> Result<Decided<()>, Refusal> {
        let send = customer.sends.iter().find(|send| send.candidate == self.candidate && send.committed);
        let send = send.ok_or_else(|| Refusal::not_found("message"))?;
        let mut changes = Changes::default();
        changes.outcomes.push(OutcomeRow {
            channel: send.channel.clone(),
            outcome: self.outcome,
            category: send.category.clone(),
            offer: send.offer,
            at: world.now,
        });
        Ok(Decided { changes, answer: () })
    }
}
