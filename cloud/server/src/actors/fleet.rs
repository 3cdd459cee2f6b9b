//! The fleet actor: what stores report and how their links stand, for consoles.
//!
//! Owns the set of stores whose picture has changed since it was last sent. Takes [`Reported`] and [`NodeChanged`] from the outbox and a tick.
//! Emits `store` and `link` events; a burst of reports becomes one picture. Keeps the shared count of open visits true. On failure: the
//! store stays in the set and is tried at the next tick. Full mailbox: the outbox waits, and its rows stay.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use actix::{Actor, ActorFutureExt, AsyncContext, AtomicResponse, Context, Handler, Message, WrapFuture};
use aisle_mesh::{clock::Clock, supervision::offer};
use aisle_schemas::{
    http::cloud::{LinkEvent, NodeState},
    ids::{NodeId, StoreId},
};
use aisle_store::{Db, StoreError, customer};
use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    actors::customer::change::live,
    live_store,
    settings::Settings,
    shared::{Channel, Live, Shared},
};

/// Messages that may wait: reports of all screens of many stores at once.
pub const MAILBOX: usize = 1024;
/// Time between pictures of one store.
const PICTURE_EVERY: Duration = Duration::from_millis(250);
/// Time between looks at all open visits.
const RECOUNT_EVERY: Duration = Duration::from_secs(60);
/// How long a visit counts as open without being looked at again: longer than the longest visit.
pub const PRESENT_LIFE: TimeDelta = TimeDelta::hours(12);

/// A node has changed a reported document.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Reported(pub NodeId);

/// A node's link has changed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct NodeChanged {
    pub node: NodeId,
    pub state: NodeState,
    pub at: DateTime<Utc>,
}

/// Send the pictures that have changed.
#[derive(Message)]
#[rtype(result = "()")]
struct Picture;

/// Count all open visits anew.
#[derive(Message)]
#[rtype(result = "()")]
struct Recount;

/// What the actor works with.
pub struct FleetPorts {
    pub db: Db,
    pub clock: Arc<dyn Clock>,
    pub shared: Arc<dyn Shared>,
    pub settings: Arc<Settings>,
}

/// See the module.
pub struct Fleet {
    ports: Arc<FleetPorts>,
    changed: BTreeSet<StoreId>,
}

impl Fleet {
    pub fn new(ports: FleetPorts) -> Self {
        Self { ports: Arc::new(ports), changed: BTreeSet::new() }
    }

    fn mark(&mut self, node: &NodeId) {
        if self.ports.settings.stores.contains_key(&node.store) {
            self.changed.insert(node.store.clone());
        }
    }
}

impl Actor for Fleet {
    type Context = Context<Self>;
    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(MAILBOX);
        // A tick that finds the mailbox full is counted there and made up by the next one.
        context.run_interval(PICTURE_EVERY, |actor, context| {
            if !actor.changed.is_empty() {
                drop(offer(&context.address(), "fleet", Picture));
            }
        });
        context.run_interval(RECOUNT_EVERY, |_, context| {
            drop(offer(&context.address(), "fleet", Recount));
        });
        drop(offer(&context.address(), "fleet", Recount));
    }
}

impl Handler<Reported> for Fleet {
    type Result = ();
    fn handle(&mut self, Reported(node): Reported, _context: &mut Self::Context) {
        self.mark(&node);
    }
}

impl Handler<NodeChanged> for Fleet {
    type Result = AtomicResponse<Self, ()>;
    fn handle(&mut self, NodeChanged { node, state, at }: NodeChanged, _context: &mut Self::Context) -> Self::Result {
        self.mark(&node);
        tracing::info!(node = %node, state = ?state, "link changed");
        let ports = Arc::clone(&self.ports);
        let tell = async move {
            match live_store::link_of(&ports.db, &node).await {
                Ok(link) => publish(&ports, live("link", Some(node.store.clone()), &LinkEvent { link, at })).await,
                Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "failed to read a link"),
            }
        };
        AtomicResponse::new(Box::pin(tell.into_actor(self)))
    }
}

impl Handler<Picture> for Fleet {
    type Result = AtomicResponse<Self, ()>;
    fn handle(&mut self, Picture: Picture, _context: &mut Self::Context) -> Self::Result {
        let ports = Arc::clone(&self.ports);
        let stores = std::mem::take(&mut self.changed);
        let send = async move {
            let mut failed = Vec::new();
            for store in stores {
                match live_store::store(&ports.db, ports.shared.as_ref(), &ports.settings, &store, ports.clock.now()).await {
                    Ok(Some(picture)) => publish(&ports, live("store", Some(store), &picture)).await,
                    Ok(None) => {}
                    Err(error) => {
                        tracing::debug!(store = %store, error = &error as &dyn std::error::Error, "failed to read a store");
                        failed.push(store);
                    }
                }
            }
            failed
        };
        AtomicResponse::new(Box::pin(send.into_actor(self).map(|failed, actor, _| actor.changed.extend(failed))))
    }
}

impl Handler<Recount> for Fleet {
    type Result = AtomicResponse<Self, ()>;
    fn handle(&mut self, Recount: Recount, _context: &mut Self::Context) -> Self::Result {
        let ports = Arc::clone(&self.ports);
        let count = async move {
            if let Err(error) = recount(&ports).await {
                tracing::debug!(error = &error as &dyn std::error::Error, "failed to count open visits");
            }
        };
        AtomicResponse::new(Box::pin(count.into_actor(self)))
    }
}

async fn recount(ports: &FleetPorts) -> Result<(), StoreError> {
    let visits = customer::open_visits(&mut ports.db.read().await?).await?;
    let until = ports.clock.now() + PRESENT_LIFE;
    for (_, visit, store) in visits {
        if let Err(error) = ports.shared.present(&store, visit, until).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "shared state is away, counting waits");
            return Ok(());
        }
    }
    Ok(())
}

async fn publish(ports: &FleetPorts, event: Live) {
    if let Err(error) = ports.shared.publish(&Channel::Console, event, ports.clock.now()).await {
        metrics::counter!("aisle_live_events_lost_total", "role" => "cloud").increment(1);
        tracing::debug!(error = &error as &dyn std::error::Error, "a live event was not published");
    }
}
