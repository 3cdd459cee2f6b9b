//! The store actor: what is published, and what stores shall show of it.
//!
//! Owns offers, campaigns and legal texts, and the one right to replace the [`Catalogue`]. Takes commands of staff; emits documents for the
//! nodes of the stores concerned, outbox rows for open visits, and the next snapshot, which readers see only after the commit. On failure:
//! of the database it stops, is built anew and reads everything again, because whether the commit stands is not known. Full mailbox: the
//! caller gets `busy` and tries again.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, AtomicResponse, Context, Handler, Message, Recipient, Supervised, WrapFuture,
};
use actix_web::http::StatusCode;
use aisle_cloud_core::{
    campaign::{CampaignContent, lint as campaign_lint},
    consent::TextRefused,
    offer::{AudienceRule, Offer, OfferState as CoreState, PublishRefusal},
};
use aisle_mesh::{
    clock::Clock,
    supervision::{Health, Lifeline, Rebuilt, Shutdown, Unsent, offer as put, rebuild},
};
use aisle_schemas::{
    http::{
        FieldError,
        cloud::{CampaignDraft, LegalText, OfferDraft, OfferState},
    },
    ids::{CampaignId, EventId, OfferId, StoreId},
    offer::Product,
    record::Body,
};
use aisle_store::{
    Db, DownStream, DownWrite, Message as OutboxMessage, OutboxNew, StoreError,
    offer::{self, CampaignRow, OfferCommit, OfferRow, PublishedOffer},
};
use chrono::{DateTime, Utc};
use tokio::sync::{oneshot, watch};

use crate::{
    catalogue::{Catalogue, LiveOffer},
    fresh,
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
    pub offers: BTreeMap<OfferId, OfferRow>,
    pub live: BTreeMap<OfferId, Arc<LiveOffer>>,
    pub campaigns: BTreeMap<CampaignId, CampaignRow>,
    pub products: Vec<Product>,
    pub wordings: Vec<LegalText>,
}

impl Book {
    /// Reads everything.
    pub async fn load(db: &Db) -> Result<Self, Refusal> {
        let rows = {
            let mut connection = db.read().await.map_err(Refusal::unavailable)?;
            offer::all(&mut connection).await.map_err(Refusal::unavailable)?
        };
        let mut book = Self::default();
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
    /// Decides; what is committed comes back to be applied, with the answer's way out.
    fn decide(self: Box<Self>, book: &Book, world: &DeskWorld) -> Option<(DeskChanges, Answerer)>;
}

type Answerer = Box<dyn FnOnce(Result<(), Refusal>) + Send>;

struct Asked<C: DeskCommand> {
    command: C,
    answer: oneshot::Sender<Result<C::Answer, Refusal>>,
}

impl<C: DeskCommand> Job for Asked<C> {
    fn decide(self: Box<Self>, book: &Book, world: &DeskWorld) -> Option<(DeskChanges, Answerer)> {
        let Self { command, answer } = *self;
        let _span = tracing::info_span!("actor.store.decide", command = C::NAME).entered();
        match command.decide(book, world) {
            Ok((changes, value)) => {
                // A caller that went away does not want to know.
                let tell: Answerer = Box::new(move |outcome| drop(answer.send(outcome.map(|()| value))));
                Some((changes, tell))
            }
            Err(refusal) => {
                drop(answer.send(Err(refusal)));
                None
            }
        }
    }
}

/// One command.
#[derive(Message)]
#[rtype(result = "()")]
pub struct DeskWork(Box<dyn Job>);

/// The way to the owner of the book.
#[derive(Clone)]
pub struct Desk(Recipient<DeskWork>);

impl Desk {
    pub fn new(recipient: Recipient<DeskWork>) -> Self {
        Self(recipient)
    }

    /// Asks and waits for the answer.
    pub async fn ask<C: DeskCommand>(&self, command: C) -> Result<C::Answer, Refusal> {
        let (answer, answered) = oneshot::channel();
        let stopped = || Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "stopping").retry_after(Duration::from_secs(1));
        match put(&self.0, "desk", DeskWork(Box::new(Asked { command, answer }))) {
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
    fn handle(&mut self, DeskWork(job): DeskWork, _context: &mut Self::Context) -> Self::Result {
        let ports = Arc::clone(&self.ports);
        let world = DeskWorld { now: ports.clock.now(), settings: Arc::clone(&ports.settings) };
        // Without a book the caller's answer ends unanswered, which says that it may try again.
        let decided = self.book.as_ref().and_then(|book| Some((job.decide(book, &world)?, book.clone())));
        let Some(((changes, tell), next)) = decided else {
            return AtomicResponse::new(Box::pin(async {}.into_actor(self)));
        };
        let work = async move {
            match commit(&ports, next, changes, world.now).await {
                Ok(book) => (Some(book), tell, Ok(())),
                Err(refusal) => (None, tell, Err(refusal)),
            }
        };
        AtomicResponse::new(Box::pin(work.into_actor(self).map(|(book, tell, outcome), actor, context| {
            match book {
                Some(book) => actor.book = Some(book),
                // What was committed is not known: the database tells. A refusal, in contrast, changed nothing.
                None if outcome.as_ref().is_err_and(Refusal::is_passing) => context.stop(),
                None => {}
            }
            tell(outcome);
        })))
    }
}

/// Commits and says what the book is then. The snapshot is built first, so that nothing is committed that could not be shown.
async fn commit(ports: &DeskPorts, mut book: Book, changes: DeskChanges, now: DateTime<Utc>) -> Result<Book, Refusal> {
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
            StoreError::Conflict(_) => Refusal::conflict("text_published"),
            error => Refusal::unavailable(error),
        })?;
    }
    if !offers.is_empty() || !campaigns.is_empty() {
        let outbox_put = outbox.into_iter().map(|message| OutboxNew { message, traceparent: None, at: now }).collect();
        let commit = OfferCommit { offers, campaigns, down, outbox_put, outbox_done: Vec::new(), at: now };
        let (logged, rows) = offer::commit(&ports.db, commit).await.map_err(Refusal::unavailable)?;
        // Readers must find the new snapshot when they hear of it.
        ports.snapshot.send_replace(Arc::new(snapshot));
        ports.feed.push(Committed { outbox: rows, logged, reread: false });
    } else {
        ports.snapshot.send_replace(Arc::new(snapshot));
    }
    Ok(book)
}

/// Make a campaign, or change one.
pub struct PutCampaign {
    /// `None` makes one.
    pub campaign: Option<CampaignId>,
    pub draft: CampaignDraft,
}

impl DeskCommand for PutCampaign {
    type Answer = CampaignRow;
    const NAME: &'static str = "put_campaign";
    fn decide(&self, book: &Book, world: &DeskWorld) -> Result<(DeskChanges, CampaignRow), Refusal> {
        let CampaignDraft { name, from, to, cap_per_day } = self.draft.clone();
        let known = match self.campaign {
            Some(id) => Some(book.campaigns.get(&id).ok_or_else(|| Refusal::not_found("campaign"))?),
            None => None,
        };
        let content =
            CampaignContent { name: name.clone(), from, to, cap_per_day: (cap_per_day > 0).then_some(cap_per_day), holdout: None };
        let findings = campaign_lint(&content, world.now);
        if !findings.is_empty() {
            return Err(Refusal::invalid_fields(
                findings.iter().map(|finding| FieldError { field: finding.field().to_owned(), reason: finding.to_string() }).collect(),
            ));
        }
        let row = CampaignRow {
            campaign: known.map_or_else(|| fresh::id(world.now, CampaignId::new), |known| known.campaign),
            name,
            from,
            to,
            cap_per_day,
            paused: known.is_some_and(|known| known.paused),
        };
        Ok((DeskChanges { campaigns: vec![row.clone()], ..DeskChanges::default() }, row))
    }
}

/// Make a draft, or change one.
pub struct PutOffer {
    /// `None` makes one.
    pub offer: Option<OfferId>,
    pub draft: OfferDraft,
    /// The draft's rule, compiled.
    pub rule: AudienceRule,
}

impl DeskCommand for PutOffer {
    type Answer = OfferRow;
    const NAME: &'static str = "put_offer";
    fn decide(&self, book: &Book, world: &DeskWorld) -> Result<(DeskChanges, OfferRow), Refusal> {
        if !book.campaigns.contains_key(&self.draft.campaign) {
            return Err(Refusal::invalid("/campaign", "there is no such campaign"));
        }
        if let Some(unknown) = self.draft.target.stores.iter().position(|store| !world.settings.stores.contains_key(store)) {
            return Err(Refusal::invalid(format!("/target/stores/{unknown}"), "there is no such store"));
        }
        let content = rules::content(&self.draft, self.rule.clone());
        let row = match self.offer {
            None => {
                if book.offers.len() >= usize::try_from(offer::OFFERS_MAX).unwrap_or(usize::MAX) {
                    return Err(Refusal::conflict("offers_full").detail("there are as many offers as one cloud keeps"));
                }
                let offer = Offer::draft(fresh::id(world.now, OfferId::new), content);
                row_of(&offer, &self.draft, None, world.now)
            }
            Some(id) => {
                let known = book.offers.get(&id).ok_or_else(|| Refusal::not_found("offer"))?;
                let offer = core_offer(known, content.clone()).edit(content).map_err(|_| Refusal::conflict("offer_withdrawn"))?;
                row_of(&offer, &self.draft, known.published.clone(), world.now)
            }
        };
        Ok((DeskChanges { offers: vec![row.clone()], ..DeskChanges::default() }, row))
    }
}

/// The offer as the core sees it, with the content given.
fn core_offer(row: &OfferRow, content: aisle_cloud_core::offer::OfferContent) -> Offer {
    let state = match row.state {
        OfferState::Draft => CoreState::Draft { published_rev: row.rev },
        OfferState::Published => CoreState::Published { rev: row.rev, at: row.changed_at },
        OfferState::Withdrawn => CoreState::Withdrawn { rev: row.rev, at: row.changed_at },
    };
    Offer { id: row.offer, content, state }
}

fn row_of(offer: &Offer, draft: &OfferDraft, published: Option<PublishedOffer>, now: DateTime<Utc>) -> OfferRow {
    let (state, rev) = match offer.state {
        CoreState::Draft { published_rev } => (OfferState::Draft, published_rev),
        CoreState::Published { rev, .. } => (OfferState::Published, rev),
        CoreState::Withdrawn { rev, .. } => (OfferState::Withdrawn, rev),
    };
    OfferRow { offer: offer.id, campaign: draft.campaign, state, rev, draft: draft.clone(), published, changed_at: now }
}

/// Stores that an offer is meant for.
fn stores_of(published: Option<&PublishedOffer>, settings: &Settings) -> Vec<StoreId> {
    let Some(published) = published else { return Vec::new() };
    let named = &published.offer.target.stores;
    settings.stores.keys().filter(|store| named.is_empty() || named.contains(store)).cloned().collect()
}

/// The document of an offer for one store; `None` takes it away.
fn document(
    settings: &Settings,
    store: &StoreId,
    id: OfferId,
    offer: Option<&aisle_schemas::offer::Offer>,
    now: DateTime<Utc>,
) -> Result<Option<DownWrite>, Refusal> {
    let Some(info) = settings.stores.get(store) else { return Ok(None) };
    let data = match offer {
        Some(offer) => Some(Body::OfferDesired(Box::new(offer.clone())).to_raw().map_err(Refusal::unavailable)?),
        None => None,
    };
    Ok(Some(DownWrite {
        node: info.node.clone(),
        stream: DownStream::Desired,
        id: fresh::id(now, EventId::new),
        type_name: aisle_schemas::record::DESIRED_SET.to_owned(),
        subject: format!("offer/{id}"),
        data,
        at: now,
        traceparent: aisle_mesh::telemetry::current_traceparent(),
    }))
}

/// Publish an offer under its next revision.
pub struct PublishOffer {
    pub offer: OfferId,
    /// The rule of the draft as it was read, compiled.
    pub rule: AudienceRule,
    /// What was read: another draft since then is not published under a rule that is not its own.
    pub changed_at: DateTime<Utc>,
}

impl DeskCommand for PublishOffer {
    type Answer = OfferRow;
    const NAME: &'static str = "publish_offer";
    fn decide(&self, book: &Book, world: &DeskWorld) -> Result<(DeskChanges, OfferRow), Refusal> {
        let known = book.offers.get(&self.offer).ok_or_else(|| Refusal::not_found("offer"))?;
        if known.changed_at != self.changed_at {
            return Err(Refusal::conflict("offer_changed").detail("the offer was changed meanwhile"));
        }
        let content = rules::content(&known.draft, self.rule.clone());
        let offer = core_offer(known, content).publish(world.now).map_err(|refused| match refused.refusal {
            PublishRefusal::Withdrawn => Refusal::conflict("offer_withdrawn"),
            PublishRefusal::Findings(findings) => Refusal::invalid_fields(
                findings.iter().map(|finding| FieldError { field: finding.field().to_owned(), reason: finding.to_string() }).collect(),
            ),
        })?;
        let document_body = offer.document().ok_or_else(|| Refusal::conflict("offer_withdrawn"))?;
        let published = PublishedOffer {
            offer: document_body,
            rule: known.draft.rule.clone(),
            value_percent: known.draft.value_percent,
            push: known.draft.push,
        };
        let row = row_of(&offer, &known.draft, Some(published.clone()), world.now);
        let (before, after) = (stores_of(known.published.as_ref(), &world.settings), stores_of(Some(&published), &world.settings));
        let mut down = Vec::new();
        for store in &after {
            down.extend(document(&world.settings, store, row.offer, Some(&published.offer), world.now)?);
        }
        for store in before.iter().filter(|store| !after.contains(store)) {
            down.extend(document(&world.settings, store, row.offer, None, world.now)?);
        }
        let gone = before.into_iter().filter(|store| !after.contains(store));
        let stores: Vec<StoreId> = after.iter().cloned().chain(gone).collect();
        let changes = DeskChanges {
            live: vec![(row.offer, rules::live(&published, self.rule.clone()))],
            outbox: vec![OutboxMessage::OfferPublished { offer: row.offer, rev: row.rev, stores }],
            offers: vec![row.clone()],
            down,
            ..DeskChanges::default()
        };
        Ok((changes, row))
    }
}

/// Withdraw an offer at once.
pub struct WithdrawOffer(pub OfferId);

impl DeskCommand for WithdrawOffer {
    type Answer = OfferRow;
    const NAME: &'static str = "withdraw_offer";
    fn decide(&self, book: &Book, world: &DeskWorld) -> Result<(DeskChanges, OfferRow), Refusal> {
        let Self(id) = self;
        let known = book.offers.get(id).ok_or_else(|| Refusal::not_found("offer"))?;
        if known.state == OfferState::Withdrawn {
            return Ok((DeskChanges::default(), known.clone()));
        }
        let row = OfferRow { state: OfferState::Withdrawn, changed_at: world.now, ..known.clone() };
        let stores = stores_of(known.published.as_ref(), &world.settings);
        let mut down = Vec::new();
        for store in &stores {
            down.extend(document(&world.settings, store, *id, None, world.now)?);
        }
        let outbox = if stores.is_empty() { Vec::new() } else { vec![OutboxMessage::OfferWithdrawn { offer: *id, stores }] };
        Ok((DeskChanges { offers: vec![row.clone()], down, outbox, ..DeskChanges::default() }, row))
    }
}

/// Publish a version of a legal text.
pub struct PublishText(pub LegalText);

impl DeskCommand for PublishText {
    type Answer = LegalText;
    const NAME: &'static str = "publish_text";
    fn decide(&self, book: &Book, _world: &DeskWorld) -> Result<(DeskChanges, LegalText), Refusal> {
        let Self(text) = self;
        let mut texts = book.catalogue().map_err(Refusal::unavailable)?.texts;
        let core = wire::legal_text(text).map_err(|error| Refusal::invalid("/id", error.to_string()))?;
        let is_new = texts.publish(core).map_err(|refused| match refused {
            TextRefused::Edited(_) => Refusal::conflict("text_published").detail("a published text is never edited; publish a new version"),
            TextRefused::VersionNotNext { .. } => Refusal::invalid("/version", refused.to_string()),
            TextRefused::SistersDiffer => Refusal::invalid("/valid_from", refused.to_string()),
            TextRefused::EmptyValidity => Refusal::invalid("/valid_to", refused.to_string()),
        })?;
        let text = (*text).clone();
        Ok((DeskChanges { text: is_new.then(|| text.clone()), ..DeskChanges::default() }, text))
    }
}

/// Products that a sale has made known, for the sibling gate and the catalogue.
pub struct KnowProducts(pub Vec<Product>);

impl DeskCommand for KnowProducts {
    type Answer = ();
    const NAME: &'static str = "know_products";
    fn decide(&self, book: &Book, _world: &DeskWorld) -> Result<(DeskChanges, ()), Refusal> {
        let new: Vec<Product> = self.0.iter().filter(|product| !book.products.contains(product)).cloned().collect();
        Ok((DeskChanges { products: new, ..DeskChanges::default() }, ()))
    }
}

/// Documents that every store shall have: itself, its screens, its displays, and the offers in force.
pub fn desired(
    settings: &Settings,
    configs: &[crate::config::StoreConfig],
    book: &Book,
    now: DateTime<Utc>,
) -> Result<Vec<DownWrite>, Refusal> {
    let mut writes = Vec::new();
    for config in configs {
        let mut put = |key: String, body: Body| -> Result<(), Refusal> {
            writes.push(DownWrite {
                node: config.node_id(),
                stream: DownStream::Desired,
                id: fresh::id(now, EventId::new),
                type_name: body.type_name().to_owned(),
                subject: key,
                data: Some(body.to_raw().map_err(Refusal::unavailable)?),
                at: now,
                traceparent: None,
            });
            Ok(())
        };
        put("store".to_owned(), Body::StoreDesired(Box::new(config.profile.clone())))?;
        for screen in &config.screens {
            put(format!("screen/{}", screen.screen), Body::ScreenDesired(Box::new(screen.clone())))?;
        }
        for display in &config.displays {
            put(format!("nfc/{}", display.display), Body::NfcDesired(Box::new(display.clone())))?;
        }
    }
    for row in book.offers.values().filter(|row| row.state != OfferState::Withdrawn) {
        for store in stores_of(row.published.as_ref(), settings) {
            writes.extend(document(settings, &store, row.offer, row.published.as_ref().map(|published| &published.offer), now)?);
        }
    }
    Ok(writes)
}
