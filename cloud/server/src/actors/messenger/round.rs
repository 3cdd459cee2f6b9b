//! Messages that come to the person: they collect for a moment, one wins, and what it was decided on is looked at again when it is handed
//! over.
//!
//! Owns the queue of candidates of one customer: raising, arbitration after the window, deferral over quiet hours, reservation and hand-over.
//! All of it is in rows, so a restart goes on where it stopped. Emits `push`, cards for ambient messages, decisions, and the next timer.

use std::sync::Arc;

use aisle_cloud_core::{
    gate::{
        self, GateInput, GateVerdict,
        arbitration::{CONTENDERS_MAX, WINDOW_CLOUD, collect_until},
        candidate::MessageChannel,
        caps::Cap,
        decision::MessageDecision,
        person::PersonState,
        reason::Reason,
    },
    ranking::Why,
};
use aisle_schemas::{
    content::SurfaceKind,
    http::cloud::{CandidateRequest, MessageKind, PushMessage},
    ids::{CardId, DecisionId},
};
use aisle_store::{
    customer::{CandidateRow, CardRow, SendRow},
    visit::VisitRow,
};
use chrono::{DateTime, Utc};

use super::{
    candidate::{self, Prepared},
    cards::{self, FEED_MAX},
    context_lease, facts,
    log::{self, About},
};
use crate::{
    actors::customer::{
        Command, Decided, World,
        change::Changes,
        state::{Customer, RENEW_AFTER},
        view,
    },
    catalogue::LiveOffer,
    fresh,
    problem::Refusal,
    wire,
};

/// Queues an offer's push, where it is to be pushed and the customer's rule, zone and history in this visit let it stand.
pub fn raise<'a>(
    customer: &Customer,
    visit: &VisitRow,
    offers: impl Iterator<Item = &'a Arc<LiveOffer>>,
    world: &World,
    changes: &mut Changes,
) {
    let facts = facts::facts(customer, Some(visit), world);
    for live in offers.filter(|live| live.push) {
        let offer = &live.offer;
        let here = offer.target.zones.is_empty() || visit.zone.as_ref().is_some_and(|zone| offer.target.zones.contains(zone));
        let id = candidate::id_of(customer, visit.visit, live, MessageChannel::PhonePush);
        let known = customer.judged.contains(&id) || customer.candidates.iter().any(|row| row.candidate == id);
        let name = wire::channel_name(MessageChannel::PhonePush);
        let pushed =
            customer.sends.iter().any(|send| send.visit == Some(visit.visit) && send.offer == Some(offer.offer) && send.channel == name);
        let Some(content) = offer.content_for(SurfaceKind::Phone) else { continue };
        if !here || known || pushed {
            continue;
        }
        let row = CandidateRow {
            candidate: id,
            customer: customer.id(),
            kind: MessageKind::Marketing,
            channel: name.to_owned(),
            offer: Some(offer.offer),
            category: Some(offer.product.category.to_string()),
            title: content.headline.clone(),
            body: content.line.clone(),
            relevance: None,
            value: live.value.get(),
            valid_until: offer.to,
            due: due(customer, changes, offer.to, world.now),
            traceparent: world.traceparent.clone(),
            at: world.now,
        };
        if live.rule.as_ref().is_some_and(|rule| !rule.evaluate(&facts).is_eligible()) {
            log::not_eligible(customer, world, changes, &About::of_row(&row, &world.catalogue));
        } else {
            changes.candidates_put.push(row);
        }
    }
}

/// When a new candidate is looked at: with those that collect already, else after the window, and not after its own end.
fn due(customer: &Customer, changes: &Changes, valid_until: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    let waiting = customer.candidates.iter().chain(&changes.candidates_put);
    let collecting = waiting.clone().map(|row| row.due).filter(|due| now < *due && *due <= now + WINDOW_CLOUD).min();
    if waiting.count() + 1 >= CONTENDERS_MAX {
        return now;
    }
    let window = collecting.unwrap_or(now + WINDOW_CLOUD);
    collect_until(window - WINDOW_CLOUD, WINDOW_CLOUD, [valid_until.max(now)])
}

/// A message that some system wants to send.
pub struct OfferMessage(pub CandidateRequest);

impl Command for OfferMessage {
    type Answer = ();
    const NAME: &'static str = "offer_message";
    fn decide(&self, customer: &Customer, world: &World) -> Result<Decided<()>, Refusal> {
        let request = &self.0;
        let known =
            customer.judged.contains(&request.candidate) || customer.candidates.iter().any(|row| row.candidate == request.candidate);
        if known {
            return Ok(Decided::answer(()));
        }
        if customer.candidates.len() >= CONTENDERS_MAX {
            return Err(Refusal::too_many(std::time::Duration::from_secs(2)).detail("too many messages wait for this customer"));
        }
        let mut changes = Changes::default();
        let row = CandidateRow {
            candidate: request.candidate,
            customer: customer.id(),
            kind: request.kind,
            channel: request.channel.clone(),
            offer: request.offer,
            category: request.category.clone(),
            title: request.title.clone(),
            body: request.body.clone(),
            relevance: request.relevance,
            value: request.value,
            valid_until: request.valid_until,
            due: due(customer, &changes, request.valid_until, world.now),
            traceparent: world.traceparent.clone(),
            at: world.now,
        };
        changes.candidates_put.push(row);
        Ok(Decided { changes, answer: () })
    }
}

/// Candidates of one customer with everything the gate asks for.
pub struct Round<'a> {
    customer: &'a Customer,
    world: &'a World,
    rows: Vec<&'a CandidateRow>,
    prepared: Vec<Prepared>,
    person: PersonState,
    caps: Vec<Cap>,
}

impl<'a> Round<'a> {
    pub fn of(customer: &'a Customer, rows: impl Iterator<Item = &'a CandidateRow>, world: &'a World) -> Self {
        let rows: Vec<&CandidateRow> = rows.collect();
        let taste = customer.usable_taste(&world.catalogue.texts, world.now);
        let prepared: Vec<Prepared> = rows.iter().map(|row| candidate::queued(customer, row, &taste, world)).collect();
        let categories = prepared.iter().filter_map(|prepared| prepared.candidate.category.as_ref());
        let interest = candidate::interest(customer, &taste, categories, world);
        let person = customer.person(&world.settings, interest, world.now);
        let caps = candidate::caps(prepared.iter().map(|prepared| prepared.candidate.campaign), &world.catalogue);
        Self { customer, world, rows, prepared, person, caps }
    }

    fn input(&'a self, prepared: &'a Prepared) -> GateInput<'a> {
        GateInput {
            decision: fresh::id(self.world.now, DecisionId::new),
            now: self.world.now,
            candidate: &prepared.candidate,
            content: &prepared.content,
            person: &self.person,
            texts: &self.world.catalogue.texts,
            caps: &self.caps,
            policy: &self.world.settings.policy,
        }
    }

    /// What the gate says to each alone.
    pub fn verdicts(&'a self) -> impl Iterator<Item = (&'a CandidateRow, GateVerdict)> + 'a {
        self.rows.iter().zip(&self.prepared).map(|(row, prepared)| (*row, gate::decide(&self.input(prepared))))
    }

    /// What all ten clauses say to them together.
    fn judge(&'a self) -> Vec<(&'a CandidateRow, &'a Prepared, MessageDecision)> {
        let inputs: Vec<GateInput<'_>> = self.prepared.iter().map(|prepared| self.input(prepared)).collect();
        let decisions = gate::judge_round(&inputs);
        self.rows.iter().zip(&self.prepared).zip(decisions).map(|((row, prepared), decision)| (*row, prepared, decision)).collect()
    }

    /// Looks at one again at the moment of hand-over (G3).
    fn recheck(&'a self) -> impl Iterator<Item = (&'a CandidateRow, &'a Prepared, Result<(), Reason>)> + 'a {
        self.rows.iter().zip(&self.prepared).map(|(row, prepared)| (*row, prepared, gate::recheck(&self.input(prepared))))
    }

    fn about(&self, row: &CandidateRow, prepared: &Prepared) -> About {
        About { score: Some(prepared.candidate.p_relevant.get()), ..About::of_row(row, &self.world.catalogue) }
    }

    fn send_row(&self, row: &CandidateRow, prepared: &Prepared, committed: bool) -> SendRow {
        SendRow {
            candidate: row.candidate,
            channel: row.channel.clone(),
            offer: row.offer,
            campaign: row.offer.map(|_| prepared.candidate.campaign),
            category: prepared.candidate.category.as_ref().map(ToString::to_string),
            visit: self.customer.visit.as_ref().map(|visit| visit.visit),
            cost_milli: u32::try_from(prepared.candidate.channel.cost_milli()).unwrap_or(0),
            committed,
            at: self.world.now,
        }
    }
}

/// Look at what is due: hand over what is reserved, judge what has collected, renew the store's context.
pub struct Wake;

impl Command for Wake {
    type Answer = ();
    const NAME: &'static str = "wake";
    fn decide(&self, customer: &Customer, world: &World) -> Result<Decided<()>, Refusal> {
        let mut changes = Changes::default();
        let reserved = |row: &&CandidateRow| customer.sends.iter().any(|send| send.candidate == row.candidate && !send.committed);
        let (held, free): (Vec<&CandidateRow>, Vec<&CandidateRow>) =
            customer.candidates.iter().filter(|row| row.due <= world.now).partition(reserved);
        if held.is_empty() {
            judge(customer, free, world, &mut changes);
        } else {
            hand_over(customer, held, world, &mut changes);
        }
        if let Some(visit) = &customer.visit
            && customer.context_sent_at.is_none_or(|sent| sent + RENEW_AFTER <= world.now)
        {
            // Offers may have begun since; those that were decided are not decided again.
            cards::deal(customer, visit, world.catalogue.at_store(&visit.store, world.now), world, &mut changes);
            raise(customer, visit, world.catalogue.at_store(&visit.store, world.now), world, &mut changes);
            context_lease::renew(customer, visit, world, &mut changes)?;
        }
        Ok(Decided { changes, answer: () })
    }
}

/// One round of the gate. What wins is reserved; it leaves when its reservation is committed.
fn judge(customer: &Customer, rows: Vec<&CandidateRow>, world: &World, changes: &mut Changes) {
    if rows.is_empty() {
        return;
    }
    let round = Round::of(customer, rows.into_iter(), world);
    for (row, prepared, decision) in round.judge() {
        let about = round.about(row, prepared);
        match decision.verdict {
            GateVerdict::Send { .. } if prepared.candidate.channel.is_ambient() => {
                changes.candidates_done.push(row.candidate);
                put_card(customer, row, &round, prepared, world, changes);
                log::send(customer, world, changes, &about);
            }
            GateVerdict::Send { .. } => {
                changes.sends.push(round.send_row(row, prepared, false));
                changes.candidates_put.push(CandidateRow { due: world.now, ..row.clone() });
            }
            GateVerdict::Deferred { until, .. } => {
                metrics::counter!("aisle_messages_deferred_total", "role" => "cloud").increment(1);
                changes.candidates_put.push(CandidateRow { due: until, ..row.clone() });
            }
            GateVerdict::Refused { reason, .. } => {
                changes.candidates_done.push(row.candidate);
                log::refuse(customer, world, changes, &about, &reason);
            }
        }
    }
}

/// Hands reserved messages over, unless something has changed since.
fn hand_over(customer: &Customer, rows: Vec<&CandidateRow>, world: &World, changes: &mut Changes) {
    let round = Round::of(customer, rows.into_iter(), world);
    for (row, prepared, holds) in round.recheck() {
        changes.candidates_done.push(row.candidate);
        let about = round.about(row, prepared);
        match holds {
            Ok(()) => {
                changes.sends.push(round.send_row(row, prepared, true));
                let push = PushMessage {
                    candidate: row.candidate,
                    offer: row.offer,
                    title: row.title.clone(),
                    body: row.body.clone(),
                    at: world.now,
                };
                changes.tell("push", &push);
                log::send(customer, world, changes, &about);
            }
            Err(reason) => {
                changes.sends_released.push(row.candidate);
                log::refuse(customer, world, changes, &about, &reason);
            }
        }
    }
}

/// An ambient message about an offer becomes a card.
fn put_card(customer: &Customer, row: &CandidateRow, round: &Round<'_>, prepared: &Prepared, world: &World, changes: &mut Changes) {
    let live = row.offer.and_then(|offer| world.catalogue.in_force(offer, world.now));
    let Some(live) = live.filter(|_| customer.cards.len() + changes.cards_put.len() < FEED_MAX) else { return };
    if customer.card_of(live.offer.offer).is_some() {
        return;
    }
    let card = CardRow {
        card: fresh::id(world.now, CardId::new),
        offer: live.offer.offer,
        offer_rev: live.offer.rev,
        visit: customer.visit.as_ref().map(|visit| visit.visit),
        candidate: row.candidate,
        why: vec![Why::NewForYou.as_str().to_owned()],
        score: prepared.candidate.p_relevant.get(),
        until: row.valid_until.min(live.offer.to),
        at: world.now,
        traceparent: row.traceparent.clone(),
    };
    if let Some(view) = view::card(customer, &world.catalogue, &card) {
        changes.tell("card", &view);
    }
    changes.cards_put.push(card);
    changes.sends.push(round.send_row(row, prepared, true));
}
