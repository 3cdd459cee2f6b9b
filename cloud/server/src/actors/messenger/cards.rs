//! Cards of the own feed during a visit: which of the store's offers, in which order, and why.
//!
//! Owns the way from offers to cards: eligibility, gate, ranking, caps. Every offer ends in a decision. A card waits for no arbitration,
//! because it interrupts nobody.

use std::{collections::BTreeMap, sync::Arc};

use aisle_cloud_core::{
    gate::{self, GateInput, GateVerdict, candidate::MessageChannel, candidate::Unit, person::PersonState, reason::Reason},
    ranking::{self, SlateInput, SlateItem},
};
use aisle_schemas::{
    content::SurfaceKind,
    http::cloud::Outcome,
    ids::{CardId, DecisionId},
};
use aisle_store::{
    customer::{CardRow, SendRow},
    visit::VisitRow,
};
use chrono::TimeDelta;

use super::{
    candidate::{self, Prepared},
    facts,
    log::{self, About},
};
use crate::{
    actors::customer::{World, change::Changes, state::Customer, view},
    catalogue::LiveOffer,
    fresh, wire,
};

/// Longest life of a card: longer than any visit.
const CARD_LIFE: TimeDelta = TimeDelta::hours(12);
/// Cards in one feed.
pub const FEED_MAX: usize = 20;

/// Deals cards from offers to a customer whose visit is open. `customer` is the state with that visit.
pub fn deal<'a>(
    customer: &Customer,
    visit: &VisitRow,
    offers: impl Iterator<Item = &'a Arc<LiveOffer>>,
    world: &World,
    changes: &mut Changes,
) {
    let offers: Vec<&LiveOffer> = offers.map(Arc::as_ref).filter(|live| is_new(customer, visit, live)).collect();
    if offers.is_empty() {
        return;
    }
    let taste = customer.usable_taste(&world.catalogue.texts, world.now);
    let interest = candidate::interest(customer, &taste, offers.iter().map(|live| &live.offer.product.category), world);
    let mut person = customer.person(&world.settings, interest, world.now);
    let caps = candidate::caps(offers.iter().map(|live| live.offer.campaign), &world.catalogue);
    let facts = facts::facts(customer, Some(visit), world);
    let decide = |prepared: &Prepared, person: &PersonState| {
        gate::decide(&GateInput {
            decision: fresh::id(world.now, DecisionId::new),
            now: world.now,
            candidate: &prepared.candidate,
            content: &prepared.content,
            person,
            texts: &world.catalogue.texts,
            caps: &caps,
            policy: &world.settings.policy,
        })
    };

    let mut passed: Vec<(&LiveOffer, Prepared)> = Vec::with_capacity(offers.len());
    for live in offers {
        let prepared = candidate::card(customer, visit, live);
        let about = About::of_offer(prepared.candidate.id, live, MessageChannel::OwnFeed, world);
        if live.rule.as_ref().is_some_and(|rule| !rule.evaluate(&facts).is_eligible()) {
            log::not_eligible(customer, world, changes, &about);
            continue;
        }
        match decide(&prepared, &person) {
            GateVerdict::Send { .. } => passed.push((live, prepared)),
            GateVerdict::Refused { reason, .. } | GateVerdict::Deferred { reason, .. } => {
                log::refuse(customer, world, changes, &about, &reason);
            }
        }
    }

    let mut winner = customer.cards.first().map(|card| card.candidate);
    let mut slots = ranking::SLATE_LEN.min(FEED_MAX.saturating_sub(customer.cards.len()));
    // Once more where a cap took a place away: the next best shall have it.
    while slots > 0 && !passed.is_empty() {
        let ranked: Vec<_> = passed.iter().map(|(live, _)| candidate::ranked(live, Some(visit))).collect();
        let slate = ranking::slate(SlateInput {
            taste: &taste,
            candidates: &ranked,
            popularity: &world.popularity,
            siblings: &world.catalogue.siblings,
            // Every offer is explored alike until results are counted.
            engagement: &BTreeMap::new(),
            draw: fresh::draw(),
        });
        let (dropped, kept): (Vec<_>, Vec<_>) = passed.into_iter().partition(|(live, _)| slate.dropped.contains(&live.offer.offer));
        passed = kept;
        for (live, prepared) in dropped {
            let about = About::of_offer(prepared.candidate.id, live, MessageChannel::OwnFeed, world);
            log::refuse(customer, world, changes, &about, &Reason::Irrelevant);
        }
        for item in slate.items.iter().take(slots) {
            let Some(place) = passed.iter().position(|(live, _)| live.offer.offer == item.offer) else { continue };
            let (live, prepared) = passed.remove(place);
            let about = about_item(live, &prepared, item, world);
            // Again, because the cards before it count towards the same caps.
            match decide(&prepared, &person) {
                GateVerdict::Send { reservation } => {
                    person.sends.push(reservation.as_send());
                    winner.get_or_insert(prepared.candidate.id);
                    put(customer, visit, live, &prepared, item, world, changes);
                    log::send(customer, world, changes, &about);
                    slots -= 1;
                }
                GateVerdict::Refused { reason, .. } | GateVerdict::Deferred { reason, .. } => {
                    log::refuse(customer, world, changes, &about, &reason);
                }
            }
        }
    }
    for (live, prepared) in passed {
        let about = About::of_offer(prepared.candidate.id, live, MessageChannel::OwnFeed, world);
        let winner = winner.unwrap_or(prepared.candidate.id);
        log::refuse(customer, world, changes, &about, &Reason::OutbidBy(winner));
    }
}

/// Whether an offer may stand on a phone, has not been decided in this visit and was not sent away during it.
fn is_new(customer: &Customer, visit: &VisitRow, live: &LiveOffer) -> bool {
    let id = candidate::id_of(customer, visit.visit, live, MessageChannel::OwnFeed);
    let for_phones = live.offer.target.surfaces.is_empty() || live.offer.target.surfaces.contains(&SurfaceKind::Phone);
    let unwanted = customer.outcomes.iter().any(|row| {
        let refused = match row.outcome {
            Outcome::Dismissed | Outcome::NotInteresting => true,
            Outcome::Opened | Outcome::Ignored | Outcome::Converted => false,
        };
        refused && row.offer == Some(live.offer.offer) && row.at >= visit.opened_at
    });
    for_phones
        && !unwanted
        && live.offer.content_for(SurfaceKind::Phone).is_some()
        && !customer.judged.contains(&id)
        && customer.card_of(live.offer.offer).is_none_or(|card| card.offer_rev < live.offer.rev)
}

fn about_item(live: &LiveOffer, prepared: &Prepared, item: &SlateItem, world: &World) -> About {
    About {
        score: Some(f64::from(item.score)),
        propensity: Some(item.propensity.get()),
        why: why(item),
        ..About::of_offer(prepared.candidate.id, live, MessageChannel::OwnFeed, world)
    }
}

fn why(item: &SlateItem) -> Vec<String> {
    item.why.iter().map(|why| why.as_str().to_owned()).collect()
}

/// Puts one card into the feed, instead of one of an earlier revision.
fn put(
    customer: &Customer,
    visit: &VisitRow,
    live: &LiveOffer,
    prepared: &Prepared,
    item: &SlateItem,
    world: &World,
    changes: &mut Changes,
) {
    let offer = &live.offer;
    if let Some(earlier) = customer.card_of(offer.offer) {
        changes.cards_removed.push(earlier.card);
        changes.tell_removed(&view::card(customer, &world.catalogue, earlier).into_iter().collect::<Vec<_>>());
    }
    let row = CardRow {
        card: fresh::id(world.now, CardId::new),
        offer: offer.offer,
        offer_rev: offer.rev,
        visit: Some(visit.visit),
        candidate: prepared.candidate.id,
        why: why(item),
        score: f64::from(item.score),
        until: offer.to.min(world.now + CARD_LIFE),
        at: world.now,
        traceparent: world.traceparent.clone(),
    };
    if let Some(card) = view::card(customer, &world.catalogue, &row) {
        changes.tell("card", &card);
    }
    changes.sends.push(SendRow {
        candidate: prepared.candidate.id,
        channel: wire::channel_name(MessageChannel::OwnFeed).to_owned(),
        offer: Some(offer.offer),
        campaign: Some(offer.campaign),
        category: Some(offer.product.category.to_string()),
        visit: Some(visit.visit),
        cost_milli: u32::try_from(MessageChannel::OwnFeed.cost_milli()).unwrap_or(0),
        committed: true,
        at: world.now,
    });
    changes.cards_put.push(row);
}

/// How the gate and the ranking would answer for one offer, without doing anything.
pub fn would(customer: &Customer, visit: &VisitRow, live: &LiveOffer, world: &World) -> String {
    let facts = facts::facts(customer, Some(visit), world);
    if live.rule.as_ref().is_some_and(|rule| !rule.evaluate(&facts).is_eligible()) {
        return "not_eligible".to_owned();
    }
    let taste = customer.usable_taste(&world.catalogue.texts, world.now);
    let interest = candidate::interest(customer, &taste, std::iter::once(&live.offer.product.category), world);
    let person = customer.person(&world.settings, interest, world.now);
    let caps = candidate::caps(std::iter::once(live.offer.campaign), &world.catalogue);
    let mut prepared = candidate::card(customer, visit, live);
    prepared.content.needs = gate::ContextNeed::Anywhere;
    prepared.content.offer_from = prepared.content.offer_from.min(world.now);
    prepared.candidate.propensity = Unit::ONE;
    let verdict = gate::decide(&GateInput {
        decision: fresh::id(world.now, DecisionId::new),
        now: world.now,
        candidate: &prepared.candidate,
        content: &prepared.content,
        person: &person,
        texts: &world.catalogue.texts,
        caps: &caps,
        policy: &world.settings.policy,
    });
    match verdict {
        GateVerdict::Send { .. } => {
            let category = ranking::TasteKey::category(&live.offer.product.category);
            if world.catalogue.siblings.allows(&taste, category) { "send".to_owned() } else { Reason::Irrelevant.to_string() }
        }
        GateVerdict::Refused { reason, .. } | GateVerdict::Deferred { reason, .. } => reason.to_string(),
    }
}
