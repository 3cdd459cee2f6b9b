//! The store actor: what is published, and what stores shall show of it.
//!
//! Owns offers, campaigns and legal texts, and the one right to replace the [`Catalogue`]. Takes commands of staff; emits documents for the
//! nodes of the stores concerned, outbox rows for open visits, and the next snapshot, which readers see only after the commit. On failure
//! of the database it stops, is built anew and reads everything again, because whether the commit stands is not known. Full mailbox: the
//! caller gets `busy` and tries again.

mod commands;
mod documents;

pub use commands::{KnowProducts, PublishOffer, PublishText, PutCampaign, PutOffer, WithdrawOffer};
pub use documents::desired;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, AtomicResponse, Context, Handler, Message, Recipient, Supervised, WrapFuture,
};
use actix_web::http::StatusCode;
use aisle_mesh::{
    clock::Clock,
    supervision::{Health, Lifeline, Rebuilt, Shutdown, Unsent, offer as put, rebuild},
};
use aisle_schemas::{
    http::cloud::LegalText,
    ids::{CampaignId, OfferId},
    offer::Product,
};
use aisle_store::{
    Db, DownWrite, Message as OutboxMessage, OutboxNew, StoreError,
    offer::{self, CampaignRow, OfferCommit, OfferRow},
};
use chrono::{DateTime, Utc};
use tokio::sync::{oneshot, watch};

use crate::{
    catalogue::{Catalogue, LiveOffer},
    ingest::{Committed, Feed},
    problem::Refusal,
    rules,
    settings::Settings,
    wire,
};

/// Commands that may wait; staff are few.
pub const MAILBOX: usize = 64;

/// What the actor works with.
pub struct DeskPorts {
    pub db: Db,
    pub clock: Arc<dyn Clock>,
    pub settings: Arc<Settings>,
    pub feed: Feed,
    pub snapshot: watch::Sender<Arc<Catalogue>>,
    pub health: Health,
    pub shutdown: Shutdown,
}

/// Everything published, as its owner keeps it.
#[derive(Clone, Default)]
pub struct Book {
    /// Of everything published, as it stood before the rest was read.
    pub version: u64,
    pub offers: BTreeMap<OfferId, OfferRow>,
    pub live: BTreeMap<OfferId, Arc<LiveOffer>>,
    pub campaigns: BTreeMap<CampaignId, CampaignRow>,
    pub products: Vec<Product>,
    pub wordings: Vec<LegalText>,
}

impl Book {
    /// Reads everything.
    pub async fn load(db: &Db) -> Result<Self, Refusal> {
        let (version, rows) = {
            let mut connection = db.read().await.map_err(Refusal::unavailable)?;
            let version = offer::version(&mut connection).await.map_err(Refusal::unavailable)?;
            (version, offer::all(&mut connection).await.map_err(Refusal::unavailable)?)
        };
        let mut book = Self { version, ..Self::default() };
        for row in rows {
            if let Some(published) = &row.published {
                let rule = rules::compile(published.rule.clone()).await?;
                book.live.insert(row.offer, rules::live(published, rule));
            }
            book.offers.insert(row.offer, row);
        }
        let mut connection = db.read().await.map_err(Refusal::unavailable)?;
        let campaigns = offer::campaigns(&mut connection).await.map_err(Refusal::unavailable)?;
        book.campaigns = campaigns.into_iter().map(|row| (row.campaign, row)).collect();
        book.products = offer::products(&mut connection).await.map_err(Refusal::unavailable)?;
        book.wordings = offer::legal_texts(&mut connection).await.map_err(Refusal::unavailable)?;
        Ok(book)
    }

    /// The snapshot that readers get.
    pub fn catalogue(&self) -> Result<Catalogue, wire::Unreadable> {
        Catalogue::build(self.offers.clone(), &self.live, self.campaigns.clone(), self.products.clone(), self.wordings.clone())
    }

    fn know(&mut self, product: &Product) {
        self.products.retain(|known| known.sku != product.sku);
        self.products.push(product.clone());
        self.products.sort_by(|one, other| one.sku.cmp(&other.sku));
    }
}

/// What decisions rest on beside the book.
pub struct DeskWorld {
    pub now: DateTime<Utc>,
    pub settings: Arc<Settings>,
}

/// What a command changes.
#[derive(Default)]
pub struct DeskChanges {
    offers: Vec<OfferRow>,
    live: Vec<(OfferId, Arc<LiveOffer>)>,
    campaigns: Vec<CampaignRow>,
    text: Option<LegalText>,
    products: Vec<Product>,
    down: Vec<DownWrite>,
    outbox: Vec<OutboxMessage>,
}

/// Something asked of the owner of the book.
pub trait DeskCommand: Send + Sync + 'static {
    type Answer: Send + 'static;
    const NAME: &'static str;
    fn decide(&self, book: &Book, world: &DeskWorld) -> Result<(DeskChanges, Self::Answer), Refusal>;
}

trait Job: Send {
    /// Decides what to commit. Asked again where another instance has published since the book was read.
    fn decide(&mut self, book: &Book, world: &DeskWorld) -> Result<DeskChanges, Refusal>;
    /// Answers: with what the last decision promised, or with why nothing came of it.
    fn tell(self: Box<Self>, outcome: Result<(), Refusal>);
}

struct Asked<C: DeskCommand> {
    command: C,
    /// What the last decision promised.
    decided: Option<C::Answer>,
    answer: oneshot::Sender<Result<C::Answer, Refusal>>,
}

impl<C: DeskCommand> Job for Asked<C> {
    fn decide(&mut self, book: &Book, world: &DeskWorld) -> Result<DeskChanges, Refusal> {
        let _span = tracing::info_span!("actor.store.decide", command = C::NAME).entered();
        let (changes, value) = self.command.decide(book, world)?;
        self.decided = Some(value);
        Ok(changes)
    }
    fn tell(self: Box<Self>, outcome: Result<(), Refusal>) {
        let Self { command: _, decided, answer } = *self;
        let told = outcome.and_then(|()| decided.ok_or_else(|| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "stopping")));
        // A caller that went away does not want to know.
        drop(answer.send(told));
    }
}

/// One command.
#[derive(Message)]
#[rtype(result = "()")]
pub struct DeskWork(Box<dyn Job>);

/// Read what another instance may have published. Answers once the snapshot has it.
#[derive(Message)]
#[rtype(result = "Result<(), Refusal>")]
pub struct LookAgain;

/// The way to the owner of the book.
#[derive(Clone)]
pub struct Desk {
    work: Recipient<DeskWork>,
    look: Recipient<LookAgain>,
}

impl Desk {
    pub fn new(work: Recipient<DeskWork>, look: Recipient<LookAgain>) -> Self {
        Self { work, look }
    }

    /// Waits until the snapshot has what was published anywhere before.
    pub async fn look_again(&self) -> Result<(), Refusal> {
        self.look.send(LookAgain).await.map_err(Refusal::unavailable)?
    }

    /// Asks and waits for the answer.
    pub async fn ask<C: DeskCommand>(&self, command: C) -> Result<C::Answer, Refusal> {
        let (answer, answered) = oneshot::channel();
        let stopped = || Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "stopping").retry_after(Duration::from_secs(1));
        match put(&self.work, "desk", DeskWork(Box::new(Asked { command, decided: None, answer }))) {
            Ok(()) => {}
            Err(Unsent::Full(_)) => {
                return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "busy").retry_after(Duration::from_secs(1)));
            }
            Err(Unsent::Closed(_)) => return Err(stopped()),
        }
        answered.await.unwrap_or_else(|_| Err(stopped()))
    }
}

/// See the module.
pub struct StoreDesk {
    ports: Arc<DeskPorts>,
    /// `None` while it is being read again.
    book: Option<Book>,
    lifeline: Lifeline,
}

impl StoreDesk {
    pub fn new(ports: Arc<DeskPorts>, book: Book, lifeline: Lifeline) -> Self {
        Self { ports, book: Some(book), lifeline }
    }
}

impl Actor for StoreDesk {
    type Context = Context<Self>;
    fn started(&mut self, context: &mut Self::Context) {
        if self.book.is_some() {
            self.lifeline.ready();
            return;
        }
        let ports = Arc::clone(&self.ports);
        let load = async move {
            let book = Book::load(&ports.db).await?;
            let snapshot = book.catalogue().map_err(Refusal::unavailable)?;
            ports.snapshot.send_replace(Arc::new(snapshot));
            Ok(book)
        };
        context.wait(load.into_actor(self).map(|loaded: Result<Book, Refusal>, actor, context| match loaded {
            Ok(book) => {
                actor.book = Some(book);
                actor.lifeline.ready();
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "failed to read what is published");
                context.stop();
            }
        }));
    }
}

impl Supervised for StoreDesk {
    fn restarting(&mut self, context: &mut Self::Context) {
        rebuild(self, context);
    }
}

impl Rebuilt for StoreDesk {
    fn lifeline(&mut self) -> &mut Lifeline {
        &mut self.lifeline
    }
    fn fresh(&self) -> Self {
        // `rebuild` puts the lifeline that remembers into the new value.
        let spare = Lifeline::new(self.ports.health.register("desk"), self.ports.shutdown.clone());
        Self { ports: Arc::clone(&self.ports), book: None, lifeline: spare }
    }
}

impl Handler<DeskWork> for StoreDesk {
    type Result = AtomicResponse<Self, ()>;
    fn handle(&mut self, DeskWork(mut job): DeskWork, _context: &mut Self::Context) -> Self::Result {
        let ports = Arc::clone(&self.ports);
        let world = DeskWorld { now: ports.clock.now(), settings: Arc::clone(&ports.settings) };
        // Without a book the caller's answer ends unanswered, which says that it may try again.
        let Some(book) = self.book.clone() else {
            return AtomicResponse::new(Box::pin(async {}.into_actor(self)));
        };
        let work = async move {
            let done = carry_out(&ports, book, job.as_mut(), &world).await;
            (done, job)
        };
        AtomicResponse::new(Box::pin(work.into_actor(self).map(|(done, job): (Result<Book, Undone>, Box<dyn Job>), actor, context| {
            let outcome = match done {
                Ok(book) => {
                    actor.book = Some(book);
                    Ok(())
                }
                Err(Undone::Refused(refusal)) => Err(refusal),
                Err(Undone::Unknown(refusal)) => {
                    // What was committed is not known: the database tells.
                    context.stop();
                    Err(refusal)
                }
            };
            job.tell(outcome);
        })))
    }
}

/// Times that a command is decided anew because another instance was faster, or the database gave way to another transaction.
const DECISIONS_MAX: u32 = 5;

/// Why a command came to nothing.
enum Undone {
    /// Nothing has changed.
    Refused(Refusal),
    /// The database failed: something may have been committed.
    Unknown(Refusal),
}

/// Decides and commits. Where another instance has published since the book was read, it is read again and decides once more: whoever
/// publishes hears of the others' work only where it forbids the own.
async fn carry_out(ports: &DeskPorts, mut book: Book, job: &mut dyn Job, world: &DeskWorld) -> Result<Book, Undone> {
    let mut left = DECISIONS_MAX;
    loop {
        left -= 1;
        let changes = job.decide(&book, world).map_err(Undone::Refused)?;
        let refusal = match commit(ports, book.clone(), changes, world.now).await {
            Ok(book) => return Ok(book),
            Err(NotCommitted::Refused(refusal)) if refusal.is_passing() => return Err(Undone::Unknown(refusal)),
            Err(NotCommitted::Refused(refusal)) => return Err(Undone::Refused(refusal)),
            Err(NotCommitted::Overtaken(error)) => Refusal::unavailable(error),
        };
        if left == 0 {
            return Err(Undone::Unknown(refusal));
        }
        book = Book::load(&ports.db).await.map_err(Undone::Unknown)?;
    }
}

/// Why nothing was committed.
enum NotCommitted {
    /// By another transaction, which the book does not know yet.
    Overtaken(StoreError),
    Refused(Refusal),
}

impl From<Refusal> for NotCommitted {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StoreError> for NotCommitted {
    fn from(error: StoreError) -> Self {
        if matches!(error, StoreError::Stale) || error.gave_way() {
            Self::Overtaken(error)
        } else {
            Self::Refused(Refusal::unavailable(error))
        }
    }
}

impl Handler<LookAgain> for StoreDesk {
    type Result = AtomicResponse<Self, Result<(), Refusal>>;
    fn handle(&mut self, LookAgain: LookAgain, _context: &mut Self::Context) -> Self::Result {
        let ports = Arc::clone(&self.ports);
        let known = self.book.as_ref().map(|book| book.version);
        let look = async move {
            let version = {
                let mut connection = ports.db.read().await.map_err(Refusal::unavailable)?;
                offer::version(&mut connection).await.map_err(Refusal::unavailable)?
            };
            if known == Some(version) {
                return Ok(None);
            }
            let book = Book::load(&ports.db).await?;
            ports.snapshot.send_replace(Arc::new(book.catalogue().map_err(Refusal::unavailable)?));
            Ok(Some(book))
        };
        AtomicResponse::new(Box::pin(look.into_actor(self).map(|looked: Result<Option<Book>, Refusal>, actor, _| {
            if let Some(book) = looked? {
                actor.book = Some(book);
            }
            Ok(())
        })))
    }
}

/// Commits and says what the book is then. The snapshot is built first, so that nothing is committed that could not be shown.
async fn commit(ports: &DeskPorts, mut book: Book, changes: DeskChanges, now: DateTime<Utc>) -> Result<Book, NotCommitted> {
    let DeskChanges { offers, live, campaigns, text, products, down, outbox } = changes;
    for row in &offers {
        book.know(&row.draft.product);
        book.offers.insert(row.offer, row.clone());
    }
    book.live.extend(live);
    book.campaigns.extend(campaigns.iter().map(|row| (row.campaign, row.clone())));
    book.wordings.extend(text.clone());
    for product in &products {
        book.know(product);
    }
    let snapshot = book.catalogue().map_err(Refusal::unavailable)?;
    if let Some(text) = text {
        offer::publish_legal_text(&ports.db, text).await.map_err(|error| match error {
            StoreError::Conflict(_) => NotCommitted::Refused(Refusal::conflict("text_published")),
            error => NotCommitted::from(error),
        })?;
        book.version += 1;
    }
    if !offers.is_empty() || !campaigns.is_empty() {
        let outbox_put = outbox.into_iter().map(|message| OutboxNew { message, traceparent: None, at: now }).collect();
        let commit = OfferCommit { expect_version: book.version, offers, campaigns, down, outbox_put, outbox_done: Vec::new(), at: now };
        let (logged, rows) = offer::commit(&ports.db, commit).await?;
        book.version += 1;
        // Readers must find the new snapshot when they hear of it.
        ports.snapshot.send_replace(Arc::new(snapshot));
        ports.feed.push(Committed { outbox: rows, logged, reread: false });
    } else {
        ports.snapshot.send_replace(Arc::new(snapshot));
    }
    Ok(book)
}
