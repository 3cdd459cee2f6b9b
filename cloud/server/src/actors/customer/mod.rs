//! Customer actors: one writer per customer, sharded by the id's hash.
//!
//! Owns the state of every customer of its shard in memory, a cache in front of the database. Takes [`Work`]: commands for one customer.
//! Emits what follows from a commit: events on streams, records for stores, outbox rows, timers, and the command's answer. Each command is
//! decided, committed, applied; nothing that was not committed is ever seen. What waits for one customer together is decided one after the
//! other and committed once. On failure: the customer's state is dropped and read again, so what is in memory never runs ahead of what is
//! stored. Full mailbox: the caller gets `busy` and tries again.

pub mod change;
pub mod commands;
pub mod state;
pub mod view;

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use actix::{Actor, ActorFutureExt, AtomicResponse, Context, Handler, Message, Recipient, WrapFuture};
use actix_web::http::StatusCode;
use aisle_cloud_core::ranking::Popularity;
use aisle_mesh::{
    clock::Clock,
    supervision::{Unsent, offer},
    telemetry::{continue_from, current_traceparent},
};
use aisle_schemas::ids::CustomerId;
use aisle_store::{Db, StoreError, customer, customer_commit};
use chrono::{DateTime, Utc};
use moka::sync::Cache;
use tokio::sync::{oneshot, watch};
use tracing::Instrument;

use self::{
    change::{Changes, VisitChange},
    state::Customer,
};
use crate::{
    actors::fleet::PRESENT_LIFE,
    catalogue::Catalogue,
    ingest::{Committed, Feed},
    problem::Refusal,
    settings::Settings,
    shared::{Channel, Shared},
    timers::Timers,
};

/// Shards of an instance: many, because each waits for its commits one after the other.
pub const SHARDS: usize = 64;
/// Commands that may wait for one shard; at some ms each this is about a second of work.
pub const MAILBOX: usize = 256;
/// Customers kept in memory by one instance.
pub const CACHED_MAX: u64 = 100_000;
/// How long one is kept unused.
const CACHED_LIFE: Duration = Duration::from_secs(30 * 60);
/// Decisions on stale state before giving up: with one writer the second finds its own truth.
const ATTEMPTS: u32 = 3;

/// What decisions rest on beside the customer's own state.
pub struct World {
    pub now: DateTime<Utc>,
    pub catalogue: Arc<Catalogue>,
    /// What sells, for ranking.
    pub popularity: Arc<Popularity>,
    pub settings: Arc<Settings>,
    /// Of what led to the command.
    pub traceparent: Option<String>,
}

/// What a decision came to.
pub struct Decided<A> {
    pub changes: Changes,
    pub answer: A,
}

impl<A> Decided<A> {
    /// An answer that changes nothing.
    pub fn answer(answer: A) -> Self {
        Self { changes: Changes::default(), answer }
    }
}

/// Something asked of one customer's owner. `decide` is pure but for the ids it draws, and may be called again on newer state.
pub trait Command: Send + Sync + 'static {
    type Answer: Send + 'static;
    /// Of its span.
    const NAME: &'static str;
    /// Whether it always commits: then the commit itself finds out whether another instance was faster, and nobody has to look before.
    const COMMITS: bool = false;
    fn decide(&self, customer: &Customer, world: &World) -> Result<Decided<Self::Answer>, Refusal>;
    /// What a unique key that stands already means for this command.
    fn conflict(&self) -> Refusal {
        Refusal::conflict("conflict")
    }
}

/// A command with the trace of what led to it.
pub struct Traced<C> {
    pub command: C,
    pub traceparent: Option<String>,
}

/// What the shards share.
pub struct Ports {
    pub db: Db,
    pub clock: Arc<dyn Clock>,
    pub shared: Arc<dyn Shared>,
    pub settings: Arc<Settings>,
    pub catalogue: watch::Receiver<Arc<Catalogue>>,
    pub popularity: watch::Receiver<Arc<Popularity>>,
    pub feed: Feed,
    pub timers: Timers,
    /// Customers in memory. Only a customer's shard touches its entry.
    cached: Cache<CustomerId, Arc<Customer>>,
}

impl Ports {
    #[expect(clippy::too_many_arguments, reason = "built once, in app.rs, from everything a decision may lead to")]
    pub fn new(
        db: Db,
        clock: Arc<dyn Clock>,
        shared: Arc<dyn Shared>,
        settings: Arc<Settings>,
        catalogue: watch::Receiver<Arc<Catalogue>>,
        popularity: watch::Receiver<Arc<Popularity>>,
        feed: Feed,
        timers: Timers,
    ) -> Self {
        let cached = Cache::builder().max_capacity(CACHED_MAX).time_to_idle(CACHED_LIFE).build();
        Self { db, clock, shared, settings, catalogue, popularity, feed, timers, cached }
    }

    fn world(&self) -> World {
        World {
            now: self.clock.now(),
            catalogue: Arc::clone(&self.catalogue.borrow()),
            popularity: Arc::clone(&self.popularity.borrow()),
            settings: Arc::clone(&self.settings),
            traceparent: None,
        }
    }

    /// The customer as last committed here, or as stored. `trusting`: what is in memory may be behind what is stored, and the commit will tell.
    async fn take(&self, id: CustomerId, trusting: bool) -> Result<Customer, Refusal> {
        if let Some(cached) = self.cached.remove(&id)
            && (trusting || self.is_newest(&cached).await?)
        {
            return Ok(Arc::unwrap_or_clone(cached));
        }
        let rows = customer::load(&self.db, id, self.clock.now()).await.map_err(Refusal::unavailable)?;
        let rows = rows.ok_or_else(|| Refusal::not_found("customer"))?;
        Customer::from_rows(rows).map_err(Refusal::unavailable)
    }

    /// Whether no other instance has changed the customer. On a database of one's own nobody else can have.
    async fn is_newest(&self, customer: &Customer) -> Result<bool, Refusal> {
        if !self.db.is_shared() {
            return Ok(true);
        }
        let mut connection = self.db.read().await.map_err(Refusal::unavailable)?;
        let stored = customer::version(&mut connection, customer.id()).await.map_err(Refusal::unavailable)?;
        Ok(stored == Some(customer.profile.version))
    }

    fn keep(&self, customer: Customer) {
        self.cached.insert(customer.id(), Arc::new(customer));
    }

    /// Decide, commit, apply, tell: each command on the state that those before it make, all in one commit. Where one is refused, none of
    /// them happens.
    async fn run<C: Command>(&self, id: CustomerId, commands: &[Traced<C>]) -> Result<Vec<C::Answer>, Refusal> {
        for _ in 0..ATTEMPTS {
            let mut customer = self.take(id, C::COMMITS).await?;
            let version = customer.profile.version;
            let mut world = self.world();
            let mut steps = Vec::with_capacity(commands.len());
            let mut answers = Vec::with_capacity(commands.len());
            // From the first step on the state in hand is ahead of what is stored: it is kept only when the commit is known to stand.
            for Traced { command, traceparent } in commands {
                world.traceparent.clone_from(traceparent);
                match command.decide(&customer, &world) {
                    Ok(Decided { changes, answer }) => {
                        let becomes = if changes.is_stored() { version + 1 } else { customer.profile.version };
                        customer.apply(&changes, becomes, world.now).map_err(Refusal::unavailable)?;
                        steps.push(changes);
                        answers.push(answer);
                    }
                    Err(refusal) => {
                        if steps.is_empty() {
                            self.keep(customer);
                        }
                        return Err(refusal);
                    }
                }
            }
            if steps.iter().any(Changes::is_stored) {
                match customer_commit::commit(&self.db, change::commit_of(&steps, id, version, world.now)).await {
                    Ok(committed) => {
                        customer.profile.version = committed.version;
                        self.feed.push(Committed { outbox: committed.outbox, logged: committed.logged, reread: false });
                    }
                    Err(StoreError::Stale) => continue,
                    Err(StoreError::Conflict(_) | StoreError::CodeUsed) => {
                        return Err(commands.first().map_or_else(|| Refusal::conflict("conflict"), |first| first.command.conflict()));
                    }
                    Err(error) => return Err(Refusal::unavailable(error)),
                }
            }
            for changes in steps {
                self.tell(id, changes, world.now).await;
            }
            if let Some(due) = customer.next_due() {
                self.timers.set(id, due);
            }
            self.keep(customer);
            return Ok(answers);
        }
        Err(Refusal::unavailable(StoreError::Stale))
    }

    /// Streams hear what was committed. One that cannot be reached costs its readers a look at their feed, nothing else.
    async fn tell(&self, id: CustomerId, changes: Changes, now: DateTime<Utc>) {
        let counted = match &changes.visit {
            Some(VisitChange::Opened(visit)) => self.shared.present(&visit.store, visit.visit, now + PRESENT_LIFE).await,
            Some(VisitChange::Closed(visit)) => self.shared.absent(&visit.store, visit.visit).await,
            Some(VisitChange::Moved(_)) | None => Ok(()),
        };
        if let Err(error) = counted {
            tracing::debug!(error = &error as &dyn std::error::Error, "a visit is counted later");
        }
        let own = changes.live.into_iter().map(|event| (Channel::Customer(id), event));
        let console = changes.console.into_iter().map(|event| (Channel::Console, event));
        for (channel, event) in own.chain(console) {
            if let Err(error) = self.shared.publish(&channel, event, now).await {
                metrics::counter!("aisle_live_events_lost_total", "role" => "cloud").increment(1);
                tracing::warn!(error = &error as &dyn std::error::Error, "a live event was not published");
            }
        }
    }
}

type Running<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

trait Job: Send {
    fn run(self: Box<Self>, ports: &Ports) -> Running<'_>;
}

struct Asked<C: Command> {
    customer: CustomerId,
    commands: Vec<Traced<C>>,
    answer: oneshot::Sender<Result<Vec<C::Answer>, Refusal>>,
    span: tracing::Span,
}

impl<C: Command> Job for Asked<C> {
    fn run(self: Box<Self>, ports: &Ports) -> Running<'_> {
        Box::pin(async move {
            let Self { customer, commands, answer, span } = *self;
            let outcome = ports.run(customer, &commands).instrument(span).await;
            // A caller that went away does not want to know.
            drop(answer.send(outcome));
        })
    }
}

/// Commands for one customer.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Work(Box<dyn Job>);

/// See the module.
pub struct CustomerShard {
    ports: Arc<Ports>,
}

impl CustomerShard {
    pub fn new(ports: Arc<Ports>) -> Self {
        Self { ports }
    }
}

impl Actor for CustomerShard {
    type Context = Context<Self>;
    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(MAILBOX);
    }
}

impl Handler<Work> for CustomerShard {
    type Result = AtomicResponse<Self, ()>;
    fn handle(&mut self, Work(job): Work, _context: &mut Self::Context) -> Self::Result {
        let ports = Arc::clone(&self.ports);
        // Atomic: the next command of this shard sees what this one committed.
        AtomicResponse::new(Box::pin(async move { job.run(&ports).await }.into_actor(self).map(|(), _, _| ())))
    }
}

/// Where commands go: the way to every customer.
#[derive(Clone)]
pub struct Customers {
    shards: Arc<[Recipient<Work>]>,
}

impl Customers {
    pub fn new(shards: Vec<Recipient<Work>>) -> Self {
        Self { shards: shards.into() }
    }

    /// Asks a customer's owner and waits for the answer.
    pub async fn ask<C: Command>(&self, customer: CustomerId, command: C, traceparent: Option<String>) -> Result<C::Answer, Refusal> {
        let answers = self.ask_all(customer, vec![Traced { command, traceparent }]).await?;
        answers.into_iter().next().ok_or_else(stopped)
    }

    /// Asks several things of a customer's owner, in order, to be committed at once; none of them happens where one is refused. The span
    /// continues the trace of the first.
    pub async fn ask_all<C: Command>(&self, customer: CustomerId, commands: Vec<Traced<C>>) -> Result<Vec<C::Answer>, Refusal> {
        let (answer, answered) = oneshot::channel();
        let span = tracing::info_span!("actor.customer.decide", command = C::NAME);
        if let Some(line) = commands.first().and_then(|first| first.traceparent.as_ref())
            && current_traceparent().is_none()
            && let Err(error) = continue_from(&span, line)
        {
            tracing::debug!(%error, "a command begins a trace of its own");
        }
        let job = Asked { customer, commands, answer, span };
        let shard = &self.shards[shard_of(customer, self.shards.len())];
        match offer(shard, "customer", Work(Box::new(job))) {
            Ok(()) => {}
            Err(Unsent::Full(_)) => {
                return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "busy").retry_after(Duration::from_secs(1)));
            }
            Err(Unsent::Closed(_)) => return Err(stopped()),
        }
        answered.await.unwrap_or_else(|_| Err(stopped()))
    }
}

fn stopped() -> Refusal {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "stopping").retry_after(Duration::from_secs(1))
}

/// The last bytes of a UUIDv7 are random, so they spread evenly.
fn shard_of(customer: CustomerId, shards: usize) -> usize {
    let [.., a, b] = *customer.0.as_bytes();
    usize::from(u16::from_be_bytes([a, b])) % shards
}
