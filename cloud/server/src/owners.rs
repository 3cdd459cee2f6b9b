//! The owners of state and how they reach each other: actors, and the tasks that feed them.
//!
//! Owns the wiring between them, which has no cycle: feed → outbox → customers and fleet; desk → catalogue → customers. Takes what all share;
//! emits the ways to ask. Customers run on a thread of their own, so that a busy link never waits for a decision.

use std::{sync::Arc, time::Duration};

use actix::{Actor, Arbiter};
use aisle_mesh::{
    clock::Clock,
    supervision::{Health, Lifeline, Shutdown, start as start_supervised},
    sync::owner_driver::OwnerSyncHandle,
};
use aisle_store::{Db, retention};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    actors::{
        customer::{CustomerShard, Customers, Ports, SHARDS},
        fleet::{Fleet, FleetPorts},
        store::{Book, Desk, DeskPorts, MAILBOX as DESK_MAILBOX, StoreDesk},
    },
    catalogue::Catalogue,
    duty::Duty,
    holds,
    ingest::{Feed, FeedSource},
    outbox,
    popularity::Sales,
    problem::Refusal,
    rollouts,
    routing::Consumers,
    settings::Settings,
    shared::Shared,
    timers::{self, Timers},
};

/// Time between removals of what has outlived its use.
const RETENTION_EVERY: Duration = Duration::from_secs(300);

/// Time between looks at what other instances have published.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);

/// What owners are made of.
pub struct Parts<'a> {
    pub db: &'a Db,
    pub clock: &'a Arc<dyn Clock>,
    pub shared: &'a Arc<dyn Shared>,
    pub settings: &'a Arc<Settings>,
    pub feed: &'a Feed,
    pub sales: &'a Sales,
    pub stopping: &'a watch::Receiver<bool>,
    pub health: &'a Health,
    pub shutdown: &'a Shutdown,
}

/// Actors and tasks that own state.
pub struct Owners {
    pub customers: Customers,
    pub desk: Desk,
    pub catalogue: watch::Receiver<Arc<Catalogue>>,
    pub tasks: Vec<JoinHandle<()>>,
    pub arbiter: Arbiter,
}

/// Starts all owners. `source` is the reading end of the feed that every owner writes to.
pub fn start(parts: &Parts<'_>, book: Book, source: FeedSource, sync: &OwnerSyncHandle) -> Result<Owners, Refusal> {
    let Parts { db, clock, shared, settings, feed, sales, stopping, health, shutdown } = parts;
    let snapshot = book.catalogue().map_err(Refusal::unavailable)?;
    let (snapshot, catalogue) = watch::channel(Arc::new(snapshot));
    let (timers, timer_queue) = Timers::channel();
    let ports = Arc::new(Ports::new(
        (*db).clone(),
        Arc::clone(clock),
        Arc::clone(shared),
        Arc::clone(settings),
        catalogue.clone(),
        sales.snapshots(),
        (*feed).clone(),
        timers,
    ));
    let arbiter = Arbiter::new();
    let shards = (0..SHARDS).map(|_| {
        let ports = Arc::clone(&ports);
        CustomerShard::start_in_arbiter(&arbiter.handle(), move |_| CustomerShard::new(ports)).recipient()
    });
    let customers = Customers::new(shards.collect());
    let desk_ports = Arc::new(DeskPorts {
        db: (*db).clone(),
        clock: Arc::clone(clock),
        settings: Arc::clone(settings),
        feed: (*feed).clone(),
        snapshot,
        health: (*health).clone(),
        shutdown: (*shutdown).clone(),
    });
    let lifeline = Lifeline::new(health.register("desk"), (*shutdown).clone());
    let desk = start_supervised(&Arbiter::current(), DESK_MAILBOX, move |_| StoreDesk::new(desk_ports, book, lifeline));
    let desk = Desk::new(desk.clone().recipient(), desk.recipient());
    let fleet_ports =
        FleetPorts { db: (*db).clone(), clock: Arc::clone(clock), shared: Arc::clone(shared), settings: Arc::clone(settings) };
    let fleet = Fleet::new(fleet_ports).start();
    let consumers = Consumers {
        db: (*db).clone(),
        customers: customers.clone(),
        desk: desk.clone(),
        nodes: fleet.clone().recipient(),
        reports: fleet.recipient(),
    };
    let duty = Duty::new(sync.owned());
    let mut tasks = vec![
        tokio::spawn(outbox::run(
            source,
            sync.logged_sender(),
            (*db).clone(),
            consumers,
            duty.clone(),
            Arc::clone(shared),
            (*stopping).clone(),
        )),
        tokio::spawn(timers::run(timer_queue, (*db).clone(), Arc::clone(clock), customers.clone(), duty.clone(), (*stopping).clone())),
        tokio::spawn((*sales).clone().run((*stopping).clone())),
        tokio::spawn(rollouts::run((*db).clone(), Arc::clone(clock), (*feed).clone(), duty, (*stopping).clone())),
        tokio::spawn(retain((*db).clone(), Arc::clone(clock), (*stopping).clone())),
        tokio::spawn(holds::run((*db).clone(), Arc::clone(clock), sync.unholder(), (*stopping).clone())),
    ];
    if db.is_shared() {
        tasks.push(tokio::spawn(follow(desk.clone(), shared.woken(), (*stopping).clone())));
    }
    Ok(Owners { customers, desk, catalogue, tasks, arbiter })
}

/// Reads what other instances have published: when one says that there is news, and now and then.
async fn follow(desk: Desk, mut woken: watch::Receiver<()>, mut stopping: watch::Receiver<bool>) {
    let mut tick = tokio::time::interval(FOLLOW_EVERY);
    loop {
        tokio::select! {
            changed = stopping.changed() => if changed.is_err() || *stopping.borrow() { return },
            Ok(()) = woken.changed() => {}
            _ = tick.tick() => {}
        }
        if let Err(refusal) = desk.look_again().await {
            tracing::warn!(code = refusal.code(), "failed to read what other instances have published");
        }
    }
}

/// Removes what has outlived its use, now and then.
async fn retain(db: Db, clock: Arc<dyn Clock>, mut stopping: watch::Receiver<bool>) {
    let mut tick = tokio::time::interval(RETENTION_EVERY);
    loop {
        tokio::select! {
            changed = stopping.changed() => if changed.is_err() || *stopping.borrow() { return },
            _ = tick.tick() => {
                if let Err(error) = retention::apply(&db, clock.now()).await {
                    tracing::warn!(error = &error as &dyn std::error::Error, "failed to remove what is old");
                }
            }
        }
    }
}
