//! What a store reports of a customer's visit, and what is said because of it.
//!
//! Owns [`News`], the commands that outbox rows become. Each ends its row in the commit of its effect, so it takes effect once. Messages may come
//! late: a visit that is over, or an earlier one, brings nothing. Emits `visit`, `card`, `card_removed`, `home`, `checkin_refused`.

use aisle_schemas::{
    http::cloud::CheckInRefusal,
    ids::{CustomerId, EventId, NodeId, StoreId, VisitId, VisitToken},
    visit::{CloseReason, OrderOutcome, VisitSignal},
};
use aisle_store::{Message, OutboxRow, visit::VisitRow};
use chrono::{DateTime, Utc};

use super::{cards, context_lease, round};
use crate::{
    actors::customer::{
        Command, Decided, World,
        change::{Changes, VisitChange},
        state::{Customer, visit_view},
        view,
    },
    problem::Refusal,
    wire,
};

/// What the outbox says to one customer.
pub enum News {
    Opened(TakeOpened),
    Seen(TakeSeen),
    Closed(TakeClosed),
    Attached(TakeAttached),
    OrderDone(TakeOrderDone),
}

impl News {
    /// What a row says, and to whom; `None` where it is no customer's.
    pub fn of(row: &OutboxRow) -> Option<(CustomerId, Self)> {
        let place = row.place;
        match &row.message {
            Message::VisitOpened { customer, visit, store, node, token, at } => {
                let opened = TakeOpened { place, visit: *visit, store: store.clone(), node: node.clone(), token: *token, at: *at };
                Some((*customer, Self::Opened(opened)))
            }
            Message::VisitSeen { customer: Some(customer), visit, store: _, signal, at } => {
                Some((*customer, Self::Seen(TakeSeen { place, visit: *visit, signal: signal.clone(), at: *at })))
            }
            Message::VisitClosed { customer: Some(customer), visit, store: _, token: _, reason, ended_at } => {
                Some((*customer, Self::Closed(TakeClosed { place, visit: *visit, reason: *reason, ended_at: *ended_at })))
            }
            Message::DeviceAttached { customer, visit } => Some((*customer, Self::Attached(TakeAttached { place, visit: *visit }))),
            Message::OrderDone { order, outcome, reason, visit: _, customer: Some(customer) } => {
                let done = TakeOrderDone { place, order: *order, outcome: *outcome, reason: reason.clone() };
                Some((*customer, Self::OrderDone(done)))
            }
            Message::VisitSeen { customer: None, .. }
            | Message::VisitClosed { customer: None, .. }
            | Message::OrderDone { customer: None, .. }
            | Message::CheckInRefused { .. }
            | Message::Reported { .. }
            | Message::Presence { .. }
            | Message::OfferPublished { .. }
            | Message::OfferWithdrawn { .. } => None,
        }
    }
}

impl Command for News {
    type Answer = ();
    const NAME: &'static str = "take_news";
    const COMMITS: bool = true;
    fn decide(&self, customer: &Customer, world: &World) -> Result<Decided<()>, Refusal> {
        match self {
            Self::Opened(opened) => opened.decide(customer, world),
            Self::Seen(seen) => seen.decide(customer, world),
            Self::Closed(closed) => closed.decide(customer, world),
            Self::Attached(attached) => attached.decide(customer, world),
            Self::OrderDone(done) => done.decide(customer, world),
        }
    }
}

fn ending(place: i64) -> Changes {
    Changes { outbox_done: vec![place], ..Changes::default() }
}

/// A visit began.
pub struct TakeOpened {
    pub place: i64,
    pub visit: VisitId,
    pub store: StoreId,
    pub node: NodeId,
    pub token: VisitToken,
    pub at: DateTime<Utc>,
}

impl TakeOpened {
    fn decide(&self, customer: &Customer, world: &World) -> Result<Decided<()>, Refusal> {
        let Self { place, visit, store, node, token, at } = self;
        let mut changes = ending(*place);
        let row = match &customer.visit {
            Some(open) if open.visit == *visit => open.clone(),
            // A later visit is open already: this one has ended.
            Some(open) if open.opened_at > *at => return Ok(Decided { changes, answer: () }),
            Some(_) | None => VisitRow {
                customer: Some(customer.id()),
                visit: *visit,
                store: store.clone(),
                node: node.clone(),
                token: *token,
                opened_at: *at,
                zone: None,
                seen_at: *at,
                closed_at: None,
                closed_reason: None,
                traceparent: world.traceparent.clone(),
            },
        };
        let over = |last: &VisitRow| last.visit == *visit || last.opened_at > *at;
        if customer.last_visit.as_ref().is_some_and(over) {
            return Ok(Decided { changes, answer: () });
        }
        let mut next = customer.clone();
        if next.visit.as_ref().is_none_or(|open| open.visit != *visit) {
            next.judged.clear();
        }
        let (kept, gone): (Vec<_>, Vec<_>) = next.cards.drain(..).partition(|card| card.visit == Some(*visit));
        let views: Vec<_> = gone.iter().filter_map(|card| view::card(customer, &world.catalogue, card)).collect();
        changes.cards_removed.extend(gone.iter().map(|card| card.card));
        changes.tell_removed(&views);
        next.cards = kept;
        changes.visit = Some(VisitChange::Opened(row.clone()));
        next.visit = Some(row.clone());
        changes.tell("visit", &visit_view(&row, &world.settings));
        cards::deal(&next, &row, world.catalogue.at_store(store, world.now), world, &mut changes);
        round::raise(&next, &row, world.catalogue.at_store(store, world.now), world, &mut changes);
        context_lease::renew(&next, &row, world, &mut changes)?;
        changes.tell("home", &wire::home(next.context(world.now)));
        Ok(Decided { changes, answer: () })
    }
}

/// Something was seen during a visit.
pub struct TakeSeen {
    pub place: i64,
    pub visit: VisitId,
    pub signal: VisitSignal,
    pub at: DateTime<Utc>,
}

impl TakeSeen {
    fn decide(&self, customer: &Customer, world: &World) -> Result<Decided<()>, Refusal> {
        let mut changes = ending(self.place);
        let Some(open) = customer.visit.as_ref().filter(|open| open.visit == self.visit) else {
            return Ok(Decided { changes, answer: () });
        };
        let mut row = open.clone();
        let is_newest = row.seen_at <= self.at;
        row.seen_at = row.seen_at.max(self.at);
        match &self.signal {
            VisitSignal::ZoneEntered { zone } if is_newest => row.zone = Some(zone.clone()),
            VisitSignal::ZoneEntered { .. } | VisitSignal::Tapped { .. } | VisitSignal::Scanned { .. } => {}
        }
        let moved = row.zone != open.zone;
        let mut next = customer.clone();
        next.visit = Some(row.clone());
        changes.visit = Some(VisitChange::Moved(row.clone()));
        if moved {
            changes.tell("visit", &visit_view(&row, &world.settings));
        }
        match &self.signal {
            VisitSignal::ZoneEntered { .. } => {
                round::raise(&next, &row, world.catalogue.at_store(&row.store, world.now), world, &mut changes);
            }
            VisitSignal::Tapped { .. } | VisitSignal::Scanned { .. } => {}
        }
        Ok(Decided { changes, answer: () })
    }
}

/// A visit ended.
pub struct TakeClosed {
    pub place: i64,
    pub visit: VisitId,
    pub reason: CloseReason,
    pub ended_at: DateTime<Utc>,
}

impl TakeClosed {
    fn decide(&self, customer: &Customer, world: &World) -> Result<Decided<()>, Refusal> {
        let mut changes = ending(self.place);
        let known = customer.visit.as_ref().or(customer.last_visit.as_ref()).filter(|known| known.visit == self.visit);
        let Some(known) = known else { return Ok(Decided { changes, answer: () }) };
        let closed = VisitRow { closed_at: Some(self.ended_at), closed_reason: Some(self.reason), ..known.clone() };
        let gone: Vec<_> = customer.cards.iter().filter(|card| card.visit == Some(self.visit)).collect();
        changes.cards_removed.extend(gone.iter().map(|card| card.card));
        let views: Vec<_> = gone.into_iter().filter_map(|card| view::card(customer, &world.catalogue, card)).collect();
        changes.tell_removed(&views);
        let mut next = customer.clone();
        next.visit = None;
        next.last_visit = Some(closed.clone());
        changes.tell("visit", &visit_view(&closed, &world.settings));
        changes.tell("home", &wire::home(next.context(world.now)));
        changes.visit = Some(VisitChange::Closed(closed));
        Ok(Decided { changes, answer: () })
    }
}

/// A second phone joined a visit: it hears which.
pub struct TakeAttached {
    pub place: i64,
    pub visit: VisitId,
}

impl TakeAttached {
    fn decide(&self, customer: &Customer, world: &World) -> Result<Decided<()>, Refusal> {
        let mut changes = ending(self.place);
        if let Some(open) = customer.visit.as_ref().filter(|open| open.visit == self.visit) {
            changes.tell("visit", &visit_view(open, &world.settings));
        }
        Ok(Decided { changes, answer: () })
    }
}

/// What became of a check-in that went through the cloud.
pub struct TakeOrderDone {
    pub place: i64,
    pub order: EventId,
    pub outcome: OrderOutcome,
    pub reason: Option<String>,
}

impl TakeOrderDone {
    fn decide(&self, _customer: &Customer, _world: &World) -> Result<Decided<()>, Refusal> {
        let mut changes = ending(self.place);
        let reason = match self.outcome {
            // The visit tells for itself.
            OrderOutcome::Done => None,
            OrderOutcome::Refused => Some(self.reason.clone().unwrap_or_else(|| "not_ready".to_owned())),
            OrderOutcome::Expired => Some("expired".to_owned()),
        };
        if let Some(reason) = reason {
            changes.tell("checkin_refused", &CheckInRefusal { checkin: self.order, reason });
        }
        Ok(Decided { changes, answer: () })
    }
}
