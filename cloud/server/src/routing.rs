//! Which owner takes which message of the outbox.
//!
//! Owns the routes from what happened to whose business it is. Takes rows; emits commands and waits until their effect stands. A message
//! for nobody ends at once. A publication goes to every open visit of its stores, a bounded number at a time.

use actix::Recipient;
use aisle_schemas::ids::{OfferId, StoreId};
use aisle_store::{Db, Message, OutboxRow, outbox, visit};
use futures_util::{StreamExt, stream};

use crate::{
    actors::{
        customer::Customers,
        fleet::{NodeChanged, Reported},
        messenger::{FollowOffer, TakeAttached, TakeClosed, TakeOpened, TakeOrderDone, TakeSeen},
        store::Desk,
    },
    problem::Refusal,
};

/// Open visits of one store that hear of a publication. More than a store can hold.
const VISITS_MAX: u32 = 10_000;
/// Customers asked at the same time on behalf of one publication.
const FANOUT: usize = 32;

/// See the module.
pub struct Consumers {
    pub db: Db,
    pub customers: Customers,
    pub desk: Desk,
    pub nodes: Recipient<NodeChanged>,
    pub reports: Recipient<Reported>,
}

impl Consumers {
    /// Brings one row to its owner.
    pub async fn handle(&self, row: &OutboxRow) -> Result<(), Refusal> {
        let place = row.place;
        let trace = row.traceparent.clone();
        match &row.message {
            Message::VisitOpened { customer, visit, store, node, token, at } => {
                let opened = TakeOpened { place, visit: *visit, store: store.clone(), node: node.clone(), token: *token, at: *at };
                self.customers.ask(*customer, opened, trace).await
            }
            Message::VisitSeen { customer: Some(customer), visit, store: _, signal, at } => {
                self.customers.ask(*customer, TakeSeen { place, visit: *visit, signal: signal.clone(), at: *at }, trace).await
            }
            Message::VisitClosed { customer: Some(customer), visit, store: _, token: _, reason, ended_at } => {
                self.customers.ask(*customer, TakeClosed { place, visit: *visit, reason: *reason, ended_at: *ended_at }, trace).await
            }
            Message::DeviceAttached { customer, visit } => {
                self.customers.ask(*customer, TakeAttached { place, visit: *visit }, trace).await
            }
            Message::OrderDone { order, outcome, reason, visit: _, customer: Some(customer) } => {
                let done = TakeOrderDone { place, order: *order, outcome: *outcome, reason: reason.clone() };
                self.customers.ask(*customer, done, trace).await
            }
            Message::CheckInRefused { store: _, reason } => {
                metrics::counter!("aisle_check_ins_refused_total", "role" => "cloud", "reason" => reason.clone()).increment(1);
                self.end(row).await
            }
            Message::Reported { node, key: _ } => {
                let told = self.reports.send(Reported(node.clone())).await;
                told.map_err(Refusal::unavailable)?;
                self.end(row).await
            }
            Message::Presence { node, state, at } => {
                let told = self.nodes.send(NodeChanged { node: node.clone(), state: *state, at: *at }).await;
                told.map_err(Refusal::unavailable)?;
                self.end(row).await
            }
            Message::OfferPublished { offer, rev: _, stores } | Message::OfferWithdrawn { offer, stores } => {
                self.follow_offer(*offer, stores, trace).await?;
                self.end(row).await
            }
            Message::VisitSeen { customer: None, .. }
            | Message::VisitClosed { customer: None, .. }
            | Message::OrderDone { customer: None, .. } => self.end(row).await,
        }
    }

    async fn end(&self, row: &OutboxRow) -> Result<(), Refusal> {
        outbox::done(&self.db, vec![row.place]).await.map(|_| ()).map_err(Refusal::unavailable)
    }

    /// Tells the owners of all open visits that an offer has changed. Each looks at the catalogue itself, so telling twice is harmless.
    async fn follow_offer(&self, offer: OfferId, stores: &[StoreId], trace: Option<String>) -> Result<(), Refusal> {
        if self.db.is_shared() {
            // Another instance may have published it: customers decide by the catalogue of this one.
            self.desk.look_again().await?;
        }
        for store in stores {
            let visits = {
                let mut connection = self.db.read().await.map_err(Refusal::unavailable)?;
                visit::open_of_store(&mut connection, store, VISITS_MAX).await.map_err(Refusal::unavailable)?
            };
            let customers = visits.into_iter().filter_map(|visit| visit.customer);
            let mut asked = stream::iter(customers)
                .map(|customer| self.customers.ask(customer, FollowOffer(offer), trace.clone()))
                .buffer_unordered(FANOUT);
            while let Some(outcome) = asked.next().await {
                match outcome {
                    Err(refusal) if refusal.is_passing() => return Err(refusal),
                    Ok(()) | Err(_) => {}
                }
            }
        }
        Ok(())
    }
}
