//! Which owner takes which message of the outbox.
//!
//! Owns the routes from what happened to whose business it is. Takes rows; emits commands and waits until their effect stands. A message
//! for nobody ends at once. A publication goes to every open visit of its stores, a bounded number at a time.

use actix::Recipient;
use aisle_schemas::ids::{CustomerId, NodeId, OfferId, StoreId};
use aisle_store::{Db, Message, OutboxRow, outbox, visit};
use futures_util::{StreamExt, stream};

use crate::{
    actors::{
        customer::{Customers, Traced},
        fleet::{NodeChanged, Reported},
        messenger::{FollowOffer, News},
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
    /// Brings rows of one key to their owner, oldest first, and ends them. Those for a customer end in one commit with their effects.
    pub async fn handle(&self, rows: &[OutboxRow]) -> Result<(), Refusal> {
        let mut to_customers: Vec<(CustomerId, Vec<Traced<News>>)> = Vec::new();
        let mut others = Vec::new();
        for row in rows {
            let Some((customer, command)) = News::of(row) else {
                others.push(row);
                continue;
            };
            let told = Traced { command, traceparent: row.traceparent.clone() };
            match to_customers.last_mut() {
                Some((last, waiting)) if *last == customer => waiting.push(told),
                Some(_) | None => to_customers.push((customer, vec![told])),
            }
        }
        for (customer, news) in to_customers {
            self.customers.ask_all(customer, news).await?;
        }
        let mut reported: Option<&NodeId> = None;
        for row in &others {
            match &row.message {
                Message::Reported { node, key: _ } => {
                    // Whoever is told looks at all of the node's reports: once is enough for rows that wait together.
                    if reported != Some(node) {
                        self.reports.send(Reported(node.clone())).await.map_err(Refusal::unavailable)?;
                        reported = Some(node);
                    }
                }
                Message::Presence { node, state, at } => {
                    let told = self.nodes.send(NodeChanged { node: node.clone(), state: *state, at: *at }).await;
                    told.map_err(Refusal::unavailable)?;
                }
                Message::OfferPublished { offer, rev: _, stores } | Message::OfferWithdrawn { offer, stores } => {
                    self.follow_offer(*offer, stores, row.traceparent.clone()).await?;
                }
                Message::CheckInRefused { .. }
                | Message::VisitOpened { .. }
                | Message::VisitSeen { .. }
                | Message::VisitClosed { .. }
                | Message::DeviceAttached { .. }
                | Message::OrderDone { .. } => {}
            }
        }
        self.end(&others).await
    }

    /// Ends rows whose effects are outside the database or nowhere.
    async fn end(&self, rows: &[&OutboxRow]) -> Result<(), Refusal> {
        if rows.is_empty() {
            return Ok(());
        }
        let places = rows.iter().map(|row| row.place).collect();
        outbox::done(&self.db, places).await.map_err(Refusal::unavailable)?;
        for row in rows {
            if let Message::CheckInRefused { store: _, reason } = &row.message {
                metrics::counter!("aisle_check_ins_refused_total", "role" => "cloud", "reason" => reason.clone()).increment(1);
            }
        }
        Ok(())
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
