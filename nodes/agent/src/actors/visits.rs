//! Visits of the store.
//!
//! Owns the book of visits, the codes shown at the doors, the hybrid logical clock and kept answers.
//! Takes check-ins, signals, check-outs, orders of the cloud, the store's profile, ticks.
//! Emits what zones must know of who is where, and the doors' codes.
//! On failure: a refused request is a value and changes nothing; a failed commit ends the node, because memory would be a guess.
//! Full mailbox: askers wait; ticks are dropped, the next one does their work.
//!
//! Every handler that changes something is an `AtomicResponse`: nothing else is decided between decide and apply.
use std::collections::BTreeMap;
use std::sync::Arc;

use actix::prelude::*;
use aisle_mesh::clock::Clock;
use aisle_node_core::code::{Rotated, Rotation};
use aisle_node_core::hlc;
use aisle_node_core::ids::{TouchpointId, VisitId, VisitToken};
use aisle_node_core::visit::Visits as Book;
use aisle_node_core::visit::book::{Change, Drawn, NoVisit};
use aisle_node_core::visit::check_in::{CheckInRefusal, Keys};
use aisle_node_core::visit::open::Closing;
use aisle_schemas::code::{CODE_LIFE_S, CodeSubject};
use aisle_schemas::http::node::NodeCheckedIn;
use aisle_schemas::ids::EventId;
use aisle_schemas::record::Body;
use aisle_schemas::store::{DoorCode, StoreProfile};
use aisle_schemas::visit::{CheckInMethod, CheckInRefused, CloseReason, Hlc, OrderDone, OrderOutcome};
use chrono::{NaiveTime, TimeDelta};
use tokio::sync::watch;

use super::answers::{Answers, Known};
use super::visit_entry::{Signal, Writing};
use super::visit_messages::{
    CarryOut, CheckIn, CheckInError, CheckOut, EnterZone, IdempotencyKey, KnownVisit, KnownVisitOfToken, Scanned, StandingVisits,
    StoreChanged, VisitError, VisitOfToken, VisitOrder,
};
use super::zones::Presence;
use super::{MAILBOX, Tick, tell};
use crate::fatal::{Fatal, FatalError};
use crate::journal::{Cause, Entry, Journal, JournalError, RecordMaker, StateChange, unix_ms};
use crate::now::Now;

/// Changes by the passing of time that one tick commits.
const OVERDUE_MAX: usize = 64;
/// Refused check-ins that are put on record in a minute; more are only counted, or a stranger could fill the disk.
const REFUSALS_PER_MINUTE: u32 = 60;

/// What the actor starts from.
pub struct VisitsConfig {
    pub keys: Keys,
    pub journal: Journal,
    pub maker: RecordMaker,
    pub clock: Arc<dyn Clock>,
    pub fatal: Fatal,
    pub zones: Recipient<Presence>,
    /// Where each door's code is shown.
    pub doors: BTreeMap<TouchpointId, watch::Sender<Option<Arc<DoorCode>>>>,
    /// Open visits, for anyone.
    pub open: watch::Sender<u32>,
}

struct Door {
    rotation: Rotation,
    shown: watch::Sender<Option<Arc<DoorCode>>>,
}

/// The actor.
pub struct Visits {
    book: Book,
    hlc: Hlc,
    answers: Answers,
    doors: BTreeMap<TouchpointId, Door>,
    /// None before the profile came: no code is shown, because there is no page to open with it.
    store: Option<Arc<StoreProfile>>,
    closing: Option<Closing>,
    keys: Keys,
    journal: Journal,
    maker: RecordMaker,
    clock: Arc<dyn Clock>,
    fatal: Fatal,
    zones: Recipient<Presence>,
    open: watch::Sender<u32>,
    /// Minute since 1970 and refusals put on record in it.
    refusals: (i64, u32),
}

/// A decision: what to commit, and what then becomes visible.
struct Decided {
    changes: Vec<Change>,
    entry: Entry,
    hlc: Hlc,
}

impl Visits {
    /// Loads the state of earlier runs.
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn load(config: VisitsConfig) -> Result<Self, JournalError> {
        let VisitsConfig { keys, journal, maker, clock, fatal, zones, doors, open } = config;
        let now = Now::read(clock.as_ref());
        let book = journal.load_visits().await?;
        let mut answers = Answers::default();
        for answer in journal.load_answers(now.wall).await? {
            answers.keep(answer.key, answer.request, answer.body);
        }
        let door = |(touchpoint, shown): (TouchpointId, watch::Sender<Option<Arc<DoorCode>>>)| {
            let subject = CodeSubject::Door { touchpoint: touchpoint.clone() };
            let rotation = Rotation::begin(keys.store.clone(), subject, now.wall, rand::random());
            (touchpoint, Door { rotation, shown })
        };
        let doors = doors.into_iter().map(door).collect();
        let hlc = journal.load_hlc().await?;
        let visits = Self {
            book,
            hlc,
            answers,
            doors,
            store: None,
            closing: None,
            keys,
            journal,
            maker,
            clock,
            fatal,
            zones,
            open,
            refusals: (0, 0),
        };
        visits.show_open();
        Ok(visits)
    }

    fn now(&self) -> Now {
        Now::read(self.clock.as_ref())
    }

    fn show_open(&self) {
        self.open.send_replace(u32::try_from(self.book.open().count()).unwrap_or(u32::MAX));
    }

    /// The entry of one change.
    fn decided(&self, change: Change, signal: &Signal, cause: Cause<'_>, now: Now) -> Result<Decided, JournalError> {
        let hlc = hlc::next(self.hlc, now.wall);
        let entry = Writing { book: &self.book, maker: &self.maker, hlc, cause }.entry(&change, signal)?;
        Ok(Decided { changes: vec![change], entry, hlc })
    }

    fn decide_check_in(&self, code: &str, pass: &str, method: CheckInMethod, now: Now) -> Result<Change, CheckInRefusal> {
        let presented = self.keys.check(code, pass, now.wall)?;
        let drawn = Drawn { visit: VisitId::new(unix_ms(now.wall), rand::random()), token: VisitToken::from_random(rand::random()) };
        self.book.decide_check_in(&presented, method, drawn, now.wall, now.mono)
    }

    /// Commits, then applies, then answers. A failed commit ends the node: nobody knows what is on disk.
    fn commit<R, E>(&self, decided: Decided, answer: impl FnOnce(&mut Self) -> R + 'static) -> AtomicResponse<Self, Result<R, E>>
    where
        R: 'static,
        E: From<JournalError> + 'static,
    {
        let Decided { changes, entry, hlc } = decided;
        let journal = self.journal.clone();
        let committed = async move { journal.commit(entry).await }.into_actor(self);
        AtomicResponse::new(Box::pin(committed.map(move |done, act, _| match done {
            Ok(()) => {
                act.hlc = hlc;
                changes.into_iter().for_each(|change| act.apply(change));
                act.show_open();
                Ok(answer(act))
            }
            Err(error) => {
                act.fatal.report(FatalError::Journal(error.clone()));
                Err(error.into())
            }
        })))
    }

    fn refuse<R: 'static, E: 'static>(error: E) -> AtomicResponse<Self, Result<R, E>> {
        AtomicResponse::new(Box::pin(actix::fut::ready(Err(error))))
    }

    fn apply(&mut self, change: Change) {
        let now = self.now();
        match &change {
            Change::Opened(opened) => {
                let (nonce, touchpoint) = (opened.code.nonce, opened.touchpoint.clone());
                self.rotate(Some(&touchpoint), |rotation| rotation.used(nonce, now.wall, rand::random()));
            }
            Change::Attached { code, .. } => {
                let nonce = code.nonce;
                self.rotate(None, |rotation| rotation.used(nonce, now.wall, rand::random()));
            }
            Change::Seen { visit, zone: Some(zone), .. } => {
                if let Some(open) = self.book.get(*visit) {
                    tell(&self.zones, Presence::Entered { token: open.token, zone: zone.clone() }, "zones");
                }
            }
            Change::Closed { visit, .. } => {
                if let Some(open) = self.book.get(*visit) {
                    tell(&self.zones, Presence::Left { token: open.token }, "zones");
                }
            }
            Change::Seen { zone: None, .. } | Change::WentIdle { .. } => {}
        }
        self.book.apply(change);
    }

    /// Lets the doors' codes move on, one or all, and shows what changed.
    fn rotate(&mut self, only: Option<&TouchpointId>, mut step: impl FnMut(Rotation) -> (Rotation, Rotated)) {
        for (touchpoint, door) in &mut self.doors {
            if only.is_some_and(|only| only != touchpoint) {
                continue;
            }
            let (rotation, rotated) = step(door.rotation.clone());
            door.rotation = rotation;
            if rotated == Rotated::Yes {
                show(door, self.store.as_deref(), &self.keys);
            }
        }
    }

    /// Puts a refusal on record, as far as the minute's budget goes. It names nobody and nothing waits for it.
    fn record_refusal(&mut self, refusal: CheckInRefusal, now: Now) {
        metrics::counter!("aisle_check_ins_refused_total", "reason" => refusal.as_str()).increment(1);
        let minute = now.wall.timestamp() / 60;
        if self.refusals.0 != minute {
            self.refusals = (minute, 0);
        }
        if self.refusals.1 >= REFUSALS_PER_MINUTE {
            return;
        }
        self.refusals.1 += 1;
        let body = CheckInRefused { touchpoint: None, reason: refusal.as_str().to_owned(), at: now.wall };
        let record = self.maker.make(&Body::CheckInRefused(Box::new(body)), "checkin".to_owned(), Cause::default());
        let (journal, fatal) = (self.journal.clone(), self.fatal.clone());
        actix::spawn(async move {
            let committed = match record {
                Ok(record) => journal.commit(Entry { changes: vec![], records: vec![record] }).await,
                Err(error) => Err(error),
            };
            if let Err(error) = committed {
                fatal.report(FatalError::Journal(error));
            }
        });
    }

    /// Adds to an entry that the order is finished, with its outcome.
    fn finish(&self, entry: &mut Entry, order: EventId, done: OrderDone, trace: Option<&str>) -> Result<(), JournalError> {
        let cause = Cause { causation: Some(order), traceparent: trace };
        entry.records.push(self.maker.make(&Body::OrderDone(Box::new(done)), format!("order/{order}"), cause)?);
        entry.changes.push(StateChange::FinishOrder(order));
        Ok(())
    }

    fn decide_order(&mut self, msg: &CarryOut, now: Now) -> Result<Decided, JournalError> {
        let CarryOut { order, what, traceparent } = msg;
        let trace = traceparent.as_deref();
        let cause = Cause { causation: Some(*order), traceparent: trace };
        let (change, outcome, reason) = match what {
            VisitOrder::Admit(admit) if now.wall >= admit.expires => (None, OrderOutcome::Expired, None),
            VisitOrder::Admit(admit) => match self.decide_check_in(&admit.code, &admit.pass, admit.method, now) {
                Ok(change) => (Some(change), OrderOutcome::Done, None),
                Err(refusal) => {
                    self.record_refusal(refusal, now);
                    (None, OrderOutcome::Refused, Some(refusal.as_str()))
                }
            },
            VisitOrder::Close(close) => match self.book.decide_close(close.visit, close.reason, now.wall, now.mono) {
                Ok(change) => (Some(change), OrderOutcome::Done, None),
                Err(NoVisit::Closed) => (None, OrderOutcome::Done, None),
                Err(NoVisit::Unknown) => (None, OrderOutcome::Refused, Some("unknown_visit")),
            },
        };
        let visit = change.as_ref().map(visit_of);
        let mut decided = match change {
            Some(change) => self.decided(change, &Signal::Zone, cause, now)?,
            None => Decided { changes: vec![], entry: Entry::default(), hlc: self.hlc },
        };
        let done = OrderDone { order: *order, outcome, reason: reason.map(str::to_owned), visit };
        self.finish(&mut decided.entry, *order, done, trace)?;
        Ok(decided)
    }
}

fn visit_of(change: &Change) -> VisitId {
    match change {
        Change::Opened(opened) => opened.visit,
        Change::Attached { visit, .. } | Change::Seen { visit, .. } | Change::WentIdle { visit, .. } | Change::Closed { visit, .. } => {
            *visit
        }
    }
}

fn show(door: &Door, store: Option<&StoreProfile>, keys: &Keys) {
    let Some(store) = store else { return };
    let code = door.rotation.current();
    let CodeSubject::Door { touchpoint } = &code.subject else { return };
    let text = code.encode(&keys.store_key);
    door.shown.send_replace(Some(Arc::new(DoorCode {
        touchpoint: touchpoint.clone(),
        url: format!("{}/c?c={text}", store.shop_url),
        code: text,
        expires: code.issued_at + TimeDelta::seconds(CODE_LIFE_S),
    })));
}

impl Actor for Visits {
    type Context = Context<Self>;
    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        for visit in self.book.open() {
            if let Some(zone) = &visit.zone {
                tell(&self.zones, Presence::Entered { token: visit.token, zone: zone.clone() }, "zones");
            }
        }
    }
}

impl Handler<CheckIn> for Visits {
    type Result = AtomicResponse<Self, Result<NodeCheckedIn, CheckInError>>;

    fn handle(&mut self, msg: CheckIn, _: &mut Self::Context) -> Self::Result {
        let CheckIn { code, pass, method, idempotency, traceparent } = msg;
        let now = self.now();
        if let Some(IdempotencyKey { key, request }) = &idempotency {
            match self.answers.look_up(key, request) {
                Known::New => {}
                Known::Reused => return Self::refuse(CheckInError::KeyReused),
                Known::Answered(answer) => {
                    let stored = serde_json::from_str(answer).expect("the answer was written by this type");
                    return AtomicResponse::new(Box::pin(actix::fut::ready(Ok(stored))));
                }
            }
        }
        let change = match self.decide_check_in(&code, &pass, method, now) {
            Ok(change) => change,
            Err(refusal) => {
                self.record_refusal(refusal, now);
                return Self::refuse(refusal.into());
            }
        };
        let visit = visit_of(&change);
        let (token, joined) = match &change {
            Change::Opened(opened) => (opened.token, false),
            Change::Attached { .. } | Change::Seen { .. } | Change::WentIdle { .. } | Change::Closed { .. } => match self.book.get(visit) {
                Some(open) => (open.token, true),
                None => return Self::refuse(CheckInRefusal::PassInvalid.into()),
            },
        };
        let answer = NodeCheckedIn { visit, token, joined };
        let mut decided = match self.decided(change, &Signal::Zone, Cause::traced(traceparent.as_deref()), now) {
            Ok(decided) => decided,
            Err(error) => return Self::refuse(error.into()),
        };
        let kept = idempotency.map(|IdempotencyKey { key, request }| {
            let body = serde_json::to_string(&answer).expect("two ids and a flag are JSON");
            decided.entry.changes.push(StateChange::KeepAnswer { key, request, body: body.clone(), at: now.wall });
            (key, request, body)
        });
        self.commit(decided, move |act| {
            if let Some((key, request, body)) = kept {
                act.answers.keep(key, request, body);
            }
            metrics::counter!("aisle_check_ins_total", "role" => "node").increment(1);
            answer
        })
    }
}

impl Handler<EnterZone> for Visits {
    type Result = AtomicResponse<Self, Result<(), VisitError>>;

    fn handle(&mut self, msg: EnterZone, _: &mut Self::Context) -> Self::Result {
        let EnterZone { token, zone, traceparent } = msg;
        let now = self.now();
        if self.store.as_ref().is_some_and(|store| store.zones.iter().all(|known| known.zone != zone)) {
            return Self::refuse(VisitError::UnknownZone);
        }
        let decided = self
            .book
            .decide_seen(token, Some(zone), now.wall, now.mono)
            .map_err(VisitError::from)
            .and_then(|change| Ok(self.decided(change, &Signal::Zone, Cause::traced(traceparent.as_deref()), now)?));
        match decided {
            Ok(decided) => self.commit(decided, |_| ()),
            Err(error) => Self::refuse(error),
        }
    }
}

impl Handler<Scanned> for Visits {
    type Result = AtomicResponse<Self, Result<(), VisitError>>;

    fn handle(&mut self, msg: Scanned, _: &mut Self::Context) -> Self::Result {
        let Scanned { token, sku, traceparent } = msg;
        let now = self.now();
        let decided = self
            .book
            .decide_seen(token, None, now.wall, now.mono)
            .map_err(VisitError::from)
            .and_then(|change| Ok(self.decided(change, &Signal::Scanned(sku), Cause::traced(traceparent.as_deref()), now)?));
        match decided {
            Ok(decided) => self.commit(decided, |_| ()),
            Err(error) => Self::refuse(error),
        }
    }
}

impl Handler<CheckOut> for Visits {
    type Result = AtomicResponse<Self, Result<(), VisitError>>;

    fn handle(&mut self, msg: CheckOut, _: &mut Self::Context) -> Self::Result {
        let CheckOut { token, traceparent } = msg;
        let now = self.now();
        let visit = match self.book.by_token(token) {
            Ok(open) => open.visit,
            // The first one closed it; the answer is the same.
            Err(NoVisit::Closed) => return AtomicResponse::new(Box::pin(actix::fut::ready(Ok(())))),
            Err(error @ NoVisit::Unknown) => return Self::refuse(error.into()),
        };
        let decided = self
            .book
            .decide_close(visit, CloseReason::CheckedOut, now.wall, now.mono)
            .map_err(VisitError::from)
            .and_then(|change| Ok(self.decided(change, &Signal::Zone, Cause::traced(traceparent.as_deref()), now)?));
        match decided {
            Ok(decided) => self.commit(decided, |_| ()),
            Err(error) => Self::refuse(error),
        }
    }
}

impl Handler<CarryOut> for Visits {
    type Result = AtomicResponse<Self, Result<(), JournalError>>;

    fn handle(&mut self, msg: CarryOut, _: &mut Self::Context) -> Self::Result {
        let now = self.now();
        match self.decide_order(&msg, now) {
            Ok(decided) => self.commit(decided, |_| ()),
            Err(error) => Self::refuse(error),
        }
    }
}

impl Handler<StandingVisits> for Visits {
    type Result = MessageResult<StandingVisits>;

    fn handle(&mut self, StandingVisits(visits): StandingVisits, _: &mut Self::Context) -> Self::Result {
        MessageResult(visits.into_iter().filter(|visit| self.book.get(*visit).is_some()).collect())
    }
}

impl Handler<VisitOfToken> for Visits {
    type Result = Option<VisitId>;

    fn handle(&mut self, VisitOfToken(token): VisitOfToken, _: &mut Self::Context) -> Self::Result {
        self.book.by_token(token).ok().map(|open| open.visit)
    }
}

impl Handler<KnownVisitOfToken> for Visits {
    type Result = Option<KnownVisit>;

    fn handle(&mut self, KnownVisitOfToken(token): KnownVisitOfToken, _: &mut Self::Context) -> Self::Result {
        self.book.known(token).map(|visit| KnownVisit { visit, is_open: self.book.get(visit).is_some() })
    }
}

impl Handler<StoreChanged> for Visits {
    type Result = ();

    fn handle(&mut self, StoreChanged(store): StoreChanged, _: &mut Self::Context) {
        let zone = store.time_zone.parse::<chrono_tz::Tz>();
        let at = NaiveTime::parse_from_str(&store.closes, "%H:%M");
        match (zone, at) {
            (Ok(zone), Ok(at)) => self.closing = Some(Closing { zone, at }),
            (zone, at) => tracing::error!(zone = zone.is_ok(), closes = at.is_ok(), "the store's time zone or closing time is unreadable"),
        }
        self.store = Some(store);
        for door in self.doors.values() {
            show(door, self.store.as_deref(), &self.keys);
        }
    }
}

impl Handler<Tick> for Visits {
    type Result = ();

    fn handle(&mut self, _: Tick, ctx: &mut Self::Context) {
        let now = self.now();
        self.rotate(None, |rotation| rotation.tick(now.wall, rand::random()));
        let overdue = self.book.overdue(self.closing, now.wall, now.mono, OVERDUE_MAX);
        let forgotten = self.book.forget(now.wall, now.mono);
        let mut all = Decided { changes: vec![], entry: Entry::default(), hlc: self.hlc };
        for change in overdue {
            let hlc = hlc::next(all.hlc, now.wall);
            let writing = Writing { book: &self.book, maker: &self.maker, hlc, cause: Cause::default() };
            match writing.entry(&change, &Signal::Zone) {
                Ok(entry) => {
                    all.entry.changes.extend(entry.changes);
                    all.entry.records.extend(entry.records);
                    all.changes.push(change);
                    all.hlc = hlc;
                }
                Err(error) => return self.fatal.report(FatalError::Journal(error)),
            }
        }
        all.entry.changes.extend(forgotten.visits.into_iter().map(StateChange::ForgetVisit));
        all.entry.changes.extend(forgotten.passes.into_iter().map(StateChange::ForgetPass));
        all.entry.changes.extend(forgotten.codes.into_iter().map(StateChange::ForgetCode));
        if all.entry.changes.is_empty() {
            return;
        }
        let Decided { changes, entry, hlc } = all;
        let journal = self.journal.clone();
        let committed = async move { journal.commit(entry).await }.into_actor(self);
        ctx.wait(committed.map(move |done, act, _| match done {
            Ok(()) => {
                act.hlc = hlc;
                changes.into_iter().for_each(|change| act.apply(change));
                act.show_open();
            }
            Err(error) => act.fatal.report(FatalError::Journal(error)),
        }));
    }
}
