//! What the cloud wants of this store, carried to whoever does it.
//!
//! Owns how far documents and orders were handed on, the published offers and the assortment. Takes the journal's word that something came.
//! Emits documents and orders to the actors they are for, and the assortment to whoever reads it.
//! On failure: an actor that cannot commit ends the node; documents and orders stay in the journal and are handed on again at the next start.
//! Full mailbox downstream: it waits, and with it what comes after: order is kept.
use std::collections::BTreeMap;
use std::sync::Arc;

use actix::prelude::*;
use aisle_mesh::clock::Clock;
use aisle_node_core::ids::{DisplayId, EventSlug, OfferId, ScreenId, VisitToken};
use aisle_node_core::product::{Assortment, Sold};
use aisle_schemas::emergency::{self, EmergencySet};
use aisle_schemas::ids::Sku;
use aisle_schemas::offer::Offer;
use aisle_schemas::record::Body;
use chrono::{DateTime, Utc};
use tokio::sync::watch;

use super::MAILBOX;
use super::emergency::{Ordered, SetChanged};
use super::nfc_display::{DisplayProgramme, SayKept};
use super::screen::{Offers, OffersChanged, ProgrammeChanged};
use super::screen_commands::Commanded;
use super::visit_messages::{CarryOut, StoreChanged, VisitOrder};
use super::zones::ContextChanged;
use crate::content::Content;
use crate::content::desk::{self, MediaInForce};
use crate::fatal::{Fatal, FatalError};
use crate::journal::load::{Document, Order};
use crate::journal::{Entry, Journal, JournalError, RecordMaker, StateChange};
use crate::now::Now;
use crate::overrides;

/// Something may have come: look.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Look;

/// Where a screen takes its news.
pub struct ScreenPort {
    pub programme: Recipient<ProgrammeChanged>,
    pub offers: Recipient<OffersChanged>,
    pub command: Recipient<Commanded>,
}

/// Where an NFC display takes its news.
pub struct NfcPort {
    pub programme: Recipient<DisplayProgramme>,
    pub offers: Recipient<OffersChanged>,
    pub kept: Recipient<SayKept>,
}

/// Whom documents and orders are for.
pub struct Ports {
    pub visits: Recipient<CarryOut>,
    /// Everyone who needs the store's profile.
    pub store: Vec<Recipient<StoreChanged>>,
    pub contexts: Recipient<ContextChanged>,
    pub emergency_sets: Recipient<SetChanged>,
    pub ordered: Recipient<Ordered>,
    pub screens: BTreeMap<ScreenId, ScreenPort>,
    pub displays: BTreeMap<DisplayId, NfcPort>,
    /// What the store sells, for whoever reads it.
    pub assortment: watch::Sender<Arc<Assortment>>,
}

/// What the actor starts from.
pub struct CatalogueConfig {
    pub journal: Journal,
    pub content: Content,
    pub maker: RecordMaker,
    pub clock: Arc<dyn Clock>,
    pub fatal: Fatal,
    pub ports: Ports,
}

/// What documents and orders are carried out with.
struct Hands {
    journal: Journal,
    content: Content,
    maker: RecordMaker,
    clock: Arc<dyn Clock>,
    ports: Ports,
}

/// How far everything was handed on.
#[derive(Debug, Clone, Default)]
struct Progress {
    change: i64,
    place: i64,
    offers: Offers,
    media: MediaInForce,
}

/// The actor.
pub struct Catalogue {
    progress: Progress,
    hands: Arc<Hands>,
    fatal: Fatal,
    /// Documents committed before this are of an earlier run.
    started_at: DateTime<Utc>,
}

impl Catalogue {
    /// Hands on everything in force at its first look.
    #[must_use]
    pub fn new(config: CatalogueConfig) -> Self {
        let CatalogueConfig { journal, content, maker, clock, fatal, ports } = config;
        let started_at = clock.now();
        Self { progress: Progress::default(), hands: Arc::new(Hands { journal, content, maker, clock, ports }), fatal, started_at }
    }
}

impl Actor for Catalogue {
    type Context = Context<Self>;
    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        let arrived = tokio_stream::wrappers::WatchStream::new(self.hands.journal.arrived());
        ctx.add_message_stream(futures_util::StreamExt::map(arrived, |_| Look));
        let fetched = tokio_stream::wrappers::WatchStream::new(self.hands.content.changed());
        ctx.add_message_stream(futures_util::StreamExt::map(fetched, |_| Look));
    }
}

impl Handler<Look> for Catalogue {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, _: Look, _: &mut Self::Context) -> Self::Result {
        let (hands, progress, started_at) = (Arc::clone(&self.hands), self.progress.clone(), self.started_at);
        let looked = async move { look(&hands, progress, started_at).await };
        AtomicResponse::new(Box::pin(looked.into_actor(self).map(|looked, act, _| match looked {
            Ok(progress) => act.progress = progress,
            Err(error) => act.fatal.report(FatalError::Journal(error)),
        })))
    }
}

async fn look(hands: &Hands, mut progress: Progress, started_at: DateTime<Utc>) -> Result<Progress, JournalError> {
    let (journal, ports) = (&hands.journal, &hands.ports);
    let documents = journal.changed_documents(progress.change).await?;
    let mut offers: Option<(BTreeMap<OfferId, Offer>, Option<String>)> = None;
    let mut assortment: Option<Assortment> = None;
    for document in documents {
        progress.change = document.change;
        progress.media.note(&document.key, document.body.as_ref().filter(|_| !document.elsewhere));
        if document.key.starts_with("offer/") {
            let (changed, trace) = offers.get_or_insert_with(|| (progress.offers.as_ref().clone(), None));
            *trace = document.traceparent.clone();
            change_offer(changed, &document);
        } else if document.key.starts_with("product/") {
            change_product(assortment.get_or_insert_with(|| ports.assortment.borrow().as_ref().clone()), &document);
        } else {
            hand_on(document, ports, started_at).await;
        }
    }
    if let Some(assortment) = assortment {
        ports.assortment.send_replace(Arc::new(assortment));
    }
    if let Some((changed, traceparent)) = offers {
        progress.offers = Arc::new(changed);
        let news = OffersChanged { offers: Arc::clone(&progress.offers), traceparent };
        let screens = ports.screens.values().map(|port| &port.offers);
        for offers in screens.chain(ports.displays.values().map(|port| &port.offers)) {
            deliver(offers, news.clone()).await;
        }
    }
    desk::look(journal, &hands.content, &progress.media, hands.clock.now()).await?;
    loop {
        let orders = journal.waiting_orders(progress.place).await?;
        if orders.is_empty() {
            return Ok(progress);
        }
        for order in orders {
            progress.place = order.place;
            carry_out(order, hands).await?;
        }
    }
}

fn change_offer(offers: &mut BTreeMap<OfferId, Offer>, document: &Document) {
    match &document.body {
        Some(Body::OfferDesired(offer)) => {
            offers.insert(offer.offer, Offer::clone(offer));
        }
        Some(_) => tracing::error!("a document of an offer holds something else"),
        None => {
            if let Some(offer) = second(&document.key).and_then(|id| OfferId::parse(id).ok()) {
                offers.remove(&offer);
            }
        }
    }
}

fn change_product(assortment: &mut Assortment, document: &Document) {
    match &document.body {
        Some(Body::ProductDesired(sold)) => match Sold::try_from(sold.as_ref()) {
            Ok(product) => assortment.put(product),
            Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "a product in force cannot be sold"),
        },
        Some(_) => tracing::error!("a document of a product holds something else"),
        None => {
            if let Some(sku) = second(&document.key).and_then(|sku| Sku::parse(sku).ok()) {
                assortment.remove(&sku);
            }
        }
    }
}

/// What follows the noun in a key.
fn second(key: &str) -> Option<&str> {
    key.split_once('/').map(|(_, rest)| rest)
}

/// Gives a message to an actor and waits until it was handled. An actor that has ended takes the node with it.
async fn deliver<M>(to: &Recipient<M>, message: M)
where
    M: Message<Result = ()> + Send + 'static,
{
    if to.send(message).await.is_err() {
        tracing::debug!("a document was for an actor that has ended");
    }
}

async fn hand_on(document: Document, ports: &Ports, started_at: DateTime<Utc>) {
    let Document { key, change: _, at, body, elsewhere: _, traceparent: _ } = document;
    let name = second(&key).unwrap_or_default();
    match body {
        Some(Body::StoreDesired(store)) => {
            let store = Arc::new(*store);
            for to in &ports.store {
                deliver(to, StoreChanged(Arc::clone(&store))).await;
            }
        }
        Some(Body::ContextDesired(lease)) => context(name, Some(lease), at >= started_at, ports).await,
        Some(Body::ScreenDesired(programme)) => screen(name, Some(programme), ports).await,
        Some(Body::NfcDesired(programme)) => display(name, Some(programme), ports).await,
        Some(Body::EmergencyDesired(set)) => emergency_set(name, Some(set), ports).await,
        Some(
            Body::VisitOpened(_)
            | Body::DeviceAttached(_)
            | Body::VisitSeen(_)
            | Body::VisitClosed(_)
            | Body::CheckInRefused(_)
            | Body::TripChanged(_)
            | Body::AuditDayTold(_)
            | Body::OrderDone(_)
            | Body::PlayLogged(_)
            | Body::TapRecorded(_)
            | Body::ScreenReported(_)
            | Body::NfcReported(_)
            | Body::ZoneReported(_)
            | Body::NodeReported(_)
            | Body::DocumentReported(_)
            | Body::OverrideReported(_)
            | Body::EmergencyReported(_)
            | Body::EmergencyOrdered(_)
            | Body::ClearOverride(_)
            | Body::LogLost(_)
            | Body::LogEpochBegun(_)
            | Body::AdmitVisit(_)
            | Body::CloseVisit(_)
            | Body::TapKept(_)
            | Body::ScreenCommanded(_)
            | Body::OfferDesired(_)
            | Body::ProductDesired(_),
        ) => tracing::error!("a document is of a kind that is none"),
        None => match key.split('/').next() {
            Some("context") => context(name, None, true, ports).await,
            Some("screen") => screen(name, None, ports).await,
            Some("nfc") => display(name, None, ports).await,
            Some(emergency::NOUN) => emergency_set(name, None, ports).await,
            Some(_) | None => tracing::debug!("a deleted document is for nobody"),
        },
    }
}

async fn context(name: &str, lease: Option<Box<aisle_schemas::visit::ContextLease>>, fresh: bool, ports: &Ports) {
    match VisitToken::parse(name) {
        Ok(token) => deliver(&ports.contexts, ContextChanged { token, lease, fresh }).await,
        Err(_) => tracing::error!("a context names no visit token"),
    }
}

async fn screen(name: &str, programme: Option<Box<aisle_schemas::screen::ScreenProgramme>>, ports: &Ports) {
    match ScreenId::parse(name).ok().and_then(|screen| ports.screens.get(&screen)) {
        Some(port) => deliver(&port.programme, ProgrammeChanged(programme)).await,
        None => tracing::warn!(screen = name, "a programme came for a screen that is not configured here"),
    }
}

async fn display(name: &str, programme: Option<Box<aisle_schemas::nfc::NfcProgramme>>, ports: &Ports) {
    match DisplayId::parse(name).ok().and_then(|display| ports.displays.get(&display)) {
        Some(port) => deliver(&port.programme, DisplayProgramme(programme)).await,
        None => tracing::warn!(display = name, "a programme came for an NFC display that is not configured here"),
    }
}

async fn emergency_set(name: &str, set: Option<Box<EmergencySet>>, ports: &Ports) {
    match EventSlug::parse(name) {
        Ok(name) => deliver(&ports.emergency_sets, SetChanged { name, set }).await,
        Err(_) => tracing::error!("an emergency set has no name"),
    }
}

async fn carry_out(order: Order, hands: &Hands) -> Result<(), JournalError> {
    let Hands { ports, journal, content: _, maker, clock } = hands;
    let Order { place: _, id, subject, body, traceparent } = order;
    let visits = |what| async { ports.visits.send(CarryOut { order: id, what, traceparent: traceparent.clone() }).await };
    let done = match body {
        Body::AdmitVisit(admit) => visits(VisitOrder::Admit(*admit)).await,
        Body::CloseVisit(close) => visits(VisitOrder::Close(*close)).await,
        Body::TapKept(kept) => match ports.displays.get(&kept.display) {
            Some(port) => port.kept.send(SayKept { order: id, kept: *kept }).await,
            None => Ok(drop_order(id, journal).await),
        },
        Body::EmergencyOrdered(wish) => ports.ordered.send(Ordered { order: id, wish: *wish, traceparent: traceparent.clone() }).await,
        Body::ClearOverride(clear) => {
            Ok(overrides::carry_out(journal, maker, id, *clear, traceparent.as_deref(), Now::read(clock.as_ref())).await)
        }
        Body::ScreenCommanded(command) => {
            let screen = second(&subject).and_then(|name| ScreenId::parse(name).ok());
            match screen.and_then(|screen| ports.screens.get(&screen)) {
                Some(port) => {
                    port.command.send(Commanded { order: id, command: Arc::new(*command), traceparent: traceparent.clone() }).await
                }
                None => Ok(drop_order(id, journal).await),
            }
        }
        Body::VisitOpened(_)
        | Body::DeviceAttached(_)
        | Body::VisitSeen(_)
        | Body::VisitClosed(_)
        | Body::CheckInRefused(_)
        | Body::TripChanged(_)
        | Body::AuditDayTold(_)
        | Body::OrderDone(_)
        | Body::PlayLogged(_)
        | Body::TapRecorded(_)
        | Body::ScreenReported(_)
        | Body::NfcReported(_)
        | Body::ZoneReported(_)
        | Body::NodeReported(_)
        | Body::DocumentReported(_)
        | Body::OverrideReported(_)
        | Body::EmergencyReported(_)
        | Body::EmergencyDesired(_)
        | Body::LogLost(_)
        | Body::LogEpochBegun(_)
        | Body::StoreDesired(_)
        | Body::ScreenDesired(_)
        | Body::NfcDesired(_)
        | Body::OfferDesired(_)
        | Body::ProductDesired(_)
        | Body::ContextDesired(_) => Ok(drop_order(id, journal).await),
    };
    match done {
        Ok(done) => done,
        Err(_) => Ok(()),
    }
}

/// An order for nobody here: it is finished, or it would come again at each start.
async fn drop_order(id: aisle_schemas::ids::EventId, journal: &Journal) -> Result<(), JournalError> {
    tracing::warn!(order = %id, "an order came for nobody here");
    journal.commit(Entry { changes: vec![StateChange::FinishOrder(id)], records: vec![] }).await
}
