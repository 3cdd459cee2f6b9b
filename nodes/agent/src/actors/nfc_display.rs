//! One NFC display.
//!
//! Owns what it shows: an invitation that runs through its offers, for a moment the answer to a tap; its one-time codes; its count of taps.
//! Takes the programme, offers, taps, the cloud's word that somebody kept an offer, ticks.
//! Emits what is shown to whoever draws it; taps to the journal.
//! On failure: whatever happens, it is generic again within 20 s, and after a restart at once; a failed commit ends the node.
//! Full mailbox: askers wait.
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use aisle_mesh::clock::Clock;
use aisle_node_core::code::{Rotated, Rotation};
use aisle_node_core::display::{Binding, Surface, Verdict, ZoneState, may_show};
use aisle_node_core::ids::{DisplayId, OfferId, StoreId, TapId};
use aisle_node_core::monotonic::Monotonic;
use aisle_node_core::nfc::face::{Face, Redraw};
use aisle_node_core::nfc::resolve::{MainPlay, Meant, resolve};
use aisle_node_core::signage::schedule::classify;
use aisle_schemas::code::{CodeSubject, StoreKey};
use aisle_schemas::content::{Content, SurfaceKind};
use aisle_schemas::ids::EventId;
use aisle_schemas::nfc::{NfcProgramme, NfcReport, NfcShow, NfcTap, TapKept, TapRecorded};
use aisle_schemas::offer::Offer;
use aisle_schemas::record::Body;
use aisle_schemas::visit::{OrderDone, OrderOutcome};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;

use super::screen::{Offers, OffersChanged};
use super::visit_messages::StoreChanged;
use super::{MAILBOX, Tick};
use crate::fatal::{Fatal, FatalError};
use crate::journal::{Cause, Entry, Journal, JournalError, RecordMaker, StateChange, unix_ms};
use crate::now::Now;

/// An answer stays so long: below the 20 s of the policy, with room for a slow tick.
const ANSWER_STAY: Duration = Duration::from_secs(15);
/// "Kept on a phone" stays so long.
const KEPT_STAY: Duration = Duration::from_secs(5);
/// Showings remembered to tell what a tap meant; a minute at one a second.
const SHOWINGS_MAX: usize = 64;
/// Taps remembered so that a repeated report is one tap.
const TAPS_MAX: usize = 64;
/// A report of the display leaves at most once in so many milliseconds.
const REPORT_EVERY_MS: i64 = 1_000;

/// The display's document changed.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct DisplayProgramme(pub Option<Box<NfcProgramme>>);

/// The display was touched.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), TapError>")]
pub struct Touched(pub NfcTap);

/// Why a tap had no effect.
#[derive(Debug, thiserror::Error)]
pub enum TapError {
    #[error("the display has no programme yet")]
    NotReady,
    #[error("failed to commit the tap")]
    Journal(#[from] JournalError),
}

/// A phone has claimed the code: the display may say so.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), JournalError>")]
pub struct SayKept {
    pub order: EventId,
    pub kept: TapKept,
}

/// What the actor starts from.
pub struct NfcConfig {
    pub display: DisplayId,
    pub store: StoreId,
    pub store_key: StoreKey,
    pub journal: Journal,
    pub maker: RecordMaker,
    pub clock: Arc<dyn Clock>,
    pub fatal: Fatal,
    pub shown: watch::Sender<Option<Arc<NfcShow>>>,
}

/// "Kept on a phone", until then.
#[derive(Debug, Clone, Copy)]
struct Kept {
    offer: Option<OfferId>,
    until: Monotonic,
    until_wall: DateTime<Utc>,
}

/// The actor.
pub struct NfcDisplay {
    display: DisplayId,
    store: StoreId,
    store_key: StoreKey,
    shop_url: Option<String>,
    programme: Option<NfcProgramme>,
    offers: Offers,
    /// Offer that the invitation shows, and since when.
    inviting: (Option<OfferId>, Monotonic),
    showings: VecDeque<MainPlay>,
    face: Face,
    answer_until: DateTime<Utc>,
    kept: Option<Kept>,
    code: Option<Rotation>,
    recent_taps: VecDeque<TapId>,
    taps: u32,
    trace: Option<String>,
    /// Whether somebody draws it.
    reported: Option<NfcReport>,
    reported_at: Option<DateTime<Utc>>,
    shown: watch::Sender<Option<Arc<NfcShow>>>,
    journal: Journal,
    maker: RecordMaker,
    clock: Arc<dyn Clock>,
    fatal: Fatal,
}

impl NfcDisplay {
    /// Loads its count of taps.
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn load(config: NfcConfig) -> Result<Self, JournalError> {
        let NfcConfig { display, store, store_key, journal, maker, clock, fatal, shown } = config;
        let taps = journal.load_taps(&display).await?;
        let now = Now::read(clock.as_ref());
        Ok(Self {
            display,
            store,
            store_key,
            shop_url: None,
            programme: None,
            offers: Offers::default(),
            inviting: (None, now.mono),
            showings: VecDeque::new(),
            face: Face::default(),
            answer_until: now.wall,
            kept: None,
            code: None,
            recent_taps: VecDeque::new(),
            taps,
            trace: None,
            reported: None,
            reported_at: None,
            shown,
            journal,
            maker,
            clock,
            fatal,
        })
    }

    /// Offers that the display may invite with now: valid, subscribed to, meant for its zone, with content that may stand on a shared surface.
    fn playable(&self, now: Now) -> Vec<OfferId> {
        let Some(programme) = &self.programme else { return Vec::new() };
        let most = usize::try_from(programme.subscription.offers_max).unwrap_or(usize::MAX);
        let wanted = |offer: &&Offer| {
            let Offer { target, product, .. } = offer;
            let categories = &programme.subscription.categories;
            offer.valid_at(now.wall)
                && (target.zones.is_empty() || target.zones.contains(&programme.zone))
                && target.surfaces.contains(&SurfaceKind::NfcMonitor)
                && (categories.is_empty() || categories.contains(&product.category))
                && self.content_of(offer, &Binding::None, now).is_some()
        };
        self.offers.values().filter(wanted).take(most).map(|offer| offer.offer).collect()
    }

    /// The offer's content, if it may be shown here under this binding.
    fn content_of<'a>(&self, offer: &'a Offer, binding: &Binding, now: Now) -> Option<&'a Content> {
        let content = offer.content_for(SurfaceKind::NfcMonitor)?;
        let zone = ZoneState { slot: None, creatives: BTreeMap::new(), binding: binding.clone() };
        match may_show(Surface::Shared, &classify(content, Some(offer)), &zone, now.wall) {
            Verdict::Allow => Some(content),
            Verdict::Deny(_) => None,
        }
    }

    /// Moves the invitation to its next offer, or away from one that may no longer be shown.
    fn advance_invitation(&mut self, now: Now, due: bool) -> bool {
        let playable = self.playable(now);
        let current = self.inviting.0;
        let stays = current.is_some_and(|current| playable.contains(&current)) || playable.is_empty() && current.is_none();
        if stays && !due {
            return false;
        }
        let next = match current {
            Some(current) => playable.iter().find(|offer| **offer > current).or_else(|| playable.first()).copied(),
            None => playable.first().copied(),
        };
        self.inviting.1 = now.mono;
        if next == current {
            return false;
        }
        if let Some(last) = self.showings.back_mut() {
            last.ended_at.get_or_insert(now.wall);
        }
        if self.showings.len() >= SHOWINGS_MAX {
            self.showings.pop_front();
        }
        self.showings.push_back(MainPlay { offer: next, started_at: now.wall, ended_at: None });
        self.inviting.0 = next;
        true
    }

    fn invitation_due(&self, now: Now) -> bool {
        let Some(programme) = &self.programme else { return false };
        now.mono.since(self.inviting.1) >= Duration::from_secs(u64::from(programme.subscription.duration_s.max(1)))
    }

    /// What the display is about at this moment.
    fn subject(&self) -> Option<OfferId> {
        match (self.kept, self.face) {
            (Some(kept), _) => kept.offer,
            (None, Face::Answer { offer, .. }) => offer,
            (None, Face::Generic) => self.inviting.0,
        }
    }

    /// A fresh code for what is shown; it is good for one phone and one minute.
    fn renew_code(&mut self, now: Now) {
        let subject = CodeSubject::Tap { display: self.display.clone(), offer: self.subject() };
        self.code = Some(Rotation::begin(self.store.clone(), subject, now.wall, rand::random()));
    }

    /// Draws what follows from the state; `code` says whether the code must be new as well.
    fn draw(&mut self, now: Now) {
        let Some(programme) = self.programme.clone() else { return };
        let Some(shop_url) = self.shop_url.clone() else { return };
        self.renew_code(now);
        let Some(code) = self.code.as_ref().map(|rotation| rotation.current().encode(&self.store_key)) else { return };
        let url = format!("{shop_url}/t?c={code}");
        let last = self.shown.borrow().as_ref().map_or(0, |show| show.rev());
        let rev = last.saturating_add(1).max(unix_ms(now.wall));
        let offer = self.subject();
        let binding = match (self.face, offer.and_then(|offer| self.offers.get(&offer))) {
            (Face::Answer { .. }, Some(offer)) => Binding::Tap { product: offer.product.sku.clone(), at: now.wall },
            (Face::Answer { .. } | Face::Generic, _) => Binding::None,
        };
        let content = offer
            .and_then(|offer| self.offers.get(&offer))
            .and_then(|offer| self.content_of(offer, &binding, now))
            .unwrap_or(&programme.invitation);
        let content = Box::new(content.clone());
        let show = match (self.kept, self.face) {
            (Some(kept), _) => NfcShow::Kept { rev, content, until: kept.until_wall },
            (None, Face::Answer { tap, .. }) => {
                NfcShow::Answering { rev, tap, content, offer, code, url, until: self.answer_until, traceparent: self.trace.clone() }
            }
            (None, Face::Generic) => NfcShow::Inviting { rev, content, offer, code, url },
        };
        self.shown.send_replace(Some(Arc::new(show)));
    }

    /// What a tap at this moment means. Other than a tag beside a screen, the display shows its answer at once, so where the picture has just
    /// changed it answers with the newer one and the person sees it.
    fn meant(&self, now: Now) -> Option<OfferId> {
        let plays: Vec<MainPlay> = self.showings.iter().copied().collect();
        match resolve(&plays, &self.playable(now), now.wall) {
            Meant::One(offer) => Some(offer),
            Meant::Ask(offers) | Meant::ScreensOffers(offers) => offers.first().copied(),
        }
    }

    fn report(&self) -> Option<NfcReport> {
        let programme = self.programme.as_ref()?;
        Some(NfcReport {
            display: self.display.clone(),
            zone: programme.zone.clone(),
            online: self.shown.receiver_count() > 0,
            offer: self.subject(),
            taps: self.taps,
        })
    }

    /// The order's outcome, committed before it is shown.
    fn order_entry(&self, order: EventId, outcome: OrderOutcome) -> Result<Entry, JournalError> {
        let done = OrderDone { order, outcome, reason: None, visit: None };
        let cause = Cause { causation: Some(order), traceparent: None };
        let record = self.maker.make(&Body::OrderDone(Box::new(done)), format!("order/{order}"), cause)?;
        Ok(Entry { changes: vec![StateChange::FinishOrder(order)], records: vec![record] })
    }
}

impl Actor for NfcDisplay {
    type Context = Context<Self>;
    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Handler<DisplayProgramme> for NfcDisplay {
    type Result = ();

    fn handle(&mut self, DisplayProgramme(programme): DisplayProgramme, _: &mut Self::Context) {
        let Some(programme) = programme else {
            tracing::info!(display = %self.display, "the display has no programme any more");
            return;
        };
        let now = Now::read(self.clock.as_ref());
        self.programme = Some(*programme);
        self.advance_invitation(now, false);
        self.draw(now);
    }
}

impl Handler<OffersChanged> for NfcDisplay {
    type Result = ();

    fn handle(&mut self, OffersChanged { offers, traceparent: _ }: OffersChanged, _: &mut Self::Context) {
        let now = Now::read(self.clock.as_ref());
        let before = self.subject().and_then(|offer| self.offers.get(&offer).cloned());
        self.offers = offers;
        let moved = self.advance_invitation(now, false);
        let after = self.subject().and_then(|offer| self.offers.get(&offer).cloned());
        if moved || before != after {
            self.draw(now);
        }
    }
}

impl Handler<StoreChanged> for NfcDisplay {
    type Result = ();

    fn handle(&mut self, StoreChanged(store): StoreChanged, _: &mut Self::Context) {
        self.shop_url = Some(store.shop_url.clone());
        self.draw(Now::read(self.clock.as_ref()));
    }
}

impl Handler<Touched> for NfcDisplay {
    type Result = AtomicResponse<Self, Result<(), TapError>>;

    fn handle(&mut self, Touched(NfcTap { tap, traceparent }): Touched, _: &mut Self::Context) -> Self::Result {
        let done = |result| AtomicResponse::new(Box::pin(actix::fut::ready(result)));
        if self.recent_taps.contains(&tap) {
            return done(Ok(()));
        }
        let Some(programme) = &self.programme else { return done(Err(TapError::NotReady)) };
        let now = Now::read(self.clock.as_ref());
        let offer = self.meant(now);
        let body = TapRecorded { tap, display: self.display.clone(), zone: programme.zone.clone(), offer, at: now.wall };
        let cause = Cause::traced(traceparent.as_deref());
        let record = self.maker.make(&Body::TapRecorded(Box::new(body)), format!("nfc/{}", self.display), cause);
        let record = match record {
            Ok(record) => record,
            Err(error) => return done(Err(error.into())),
        };
        let entry = Entry { changes: vec![StateChange::CountTap(self.display.clone())], records: vec![record] };
        let journal = self.journal.clone();
        let committed = async move { journal.commit(entry).await }.into_actor(self);
        AtomicResponse::new(Box::pin(committed.map(move |done, act, _| match done {
            Ok(()) => {
                let now = Now::read(act.clock.as_ref());
                if act.recent_taps.len() >= TAPS_MAX {
                    act.recent_taps.pop_front();
                }
                act.recent_taps.push_back(tap);
                act.taps = act.taps.saturating_add(1);
                act.trace = traceparent;
                act.kept = None;
                act.answer_until = now.wall + TimeDelta::from_std(ANSWER_STAY).expect("seconds fit");
                (act.face, _) = act.face.tapped(tap, offer, ANSWER_STAY, now.mono);
                act.draw(now);
                metrics::counter!("aisle_taps_total", "role" => "node").increment(1);
                Ok(())
            }
            Err(error) => {
                act.fatal.report(FatalError::Journal(error.clone()));
                Err(error.into())
            }
        })))
    }
}

impl Handler<SayKept> for NfcDisplay {
    type Result = AtomicResponse<Self, Result<(), JournalError>>;

    fn handle(&mut self, SayKept { order, kept }: SayKept, _: &mut Self::Context) -> Self::Result {
        let now = Now::read(self.clock.as_ref());
        let late = now.wall >= kept.expires;
        let outcome = if late { OrderOutcome::Expired } else { OrderOutcome::Done };
        let entry = match self.order_entry(order, outcome) {
            Ok(entry) => entry,
            Err(error) => return AtomicResponse::new(Box::pin(actix::fut::ready(Err(error)))),
        };
        let journal = self.journal.clone();
        let committed = async move { journal.commit(entry).await }.into_actor(self);
        AtomicResponse::new(Box::pin(committed.map(move |done, act, _| {
            if let Err(error) = &done {
                act.fatal.report(FatalError::Journal(error.clone()));
            } else if !late {
                let now = Now::read(act.clock.as_ref());
                let until_wall = (now.wall + TimeDelta::from_std(KEPT_STAY).expect("seconds fit")).min(kept.expires);
                act.kept = Some(Kept { offer: kept.offer, until: now.mono.plus(KEPT_STAY), until_wall });
                act.face = Face::Generic;
                act.draw(now);
            }
            done
        })))
    }
}

impl Handler<Tick> for NfcDisplay {
    type Result = ();

    fn handle(&mut self, _: Tick, ctx: &mut Self::Context) {
        let now = Now::read(self.clock.as_ref());
        let mut redraw = false;
        if self.kept.is_some_and(|kept| now.mono >= kept.until) {
            self.kept = None;
            redraw = true;
        }
        let (face, cleared) = self.face.tick(now.mono);
        self.face = face;
        redraw |= cleared == Redraw::Yes;
        if self.face == Face::Generic && self.kept.is_none() {
            let due = self.invitation_due(now);
            redraw |= self.advance_invitation(now, due);
        }
        let stale = self.code.clone().is_some_and(|code| code.tick(now.wall, 0).1 == Rotated::Yes);
        if redraw || stale {
            self.draw(now);
        }
        let waited = self.reported_at.is_none_or(|at| (now.wall - at).num_milliseconds() >= REPORT_EVERY_MS);
        let (Some(report), true) = (self.report(), waited) else { return };
        if self.reported.as_ref() == Some(&report) {
            return;
        }
        let record = self.maker.make(&Body::NfcReported(Box::new(report.clone())), format!("nfc/{}", self.display), Cause::default());
        let journal = self.journal.clone();
        let committed = async move { journal.commit(Entry { changes: vec![], records: vec![record?] }).await };
        ctx.wait(committed.into_actor(self).map(move |done, act, _| match done {
            Ok(()) => {
                act.reported = Some(report);
                act.reported_at = Some(now.wall);
            }
            Err(error) => act.fatal.report(FatalError::Journal(error)),
        }));
    }
}
