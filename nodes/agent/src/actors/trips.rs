//! Trips of the store: baskets, quotes, checks, the gate.
//!
//! Owns every trip that has not ended, the used exit tokens, and the key by which baskets are drawn today. Takes what phones, staff and gates do, the
//! store's profile, ticks. Emits trips as they are next, and records for the cloud where others act on them. Works the same with the line cut.
//! On failure: a refused request is a value and changes nothing; a failed commit ends the node, because memory would be a guess.
//! Full mailbox: askers wait; ticks are dropped, the next one does their work.
use std::collections::BTreeMap;
use std::sync::Arc;

use actix::prelude::*;
use aisle_mesh::clock::Clock;
use aisle_node_core::product::Assortment;
use aisle_node_core::signage::label::StillShown;
use aisle_node_core::trip::exit::{self, UsedTokens};
use aisle_node_core::trip::review::{self, Signer};
use aisle_node_core::trip::{TripRefusal, audit, basket};
use aisle_schemas::ids::{StoreId, TripId, VisitId};
use aisle_schemas::record::Body;
use aisle_schemas::trip::{AuditDay, ExitClaims, ExitGranted, Trip, TripChanged, TripState, TripStep, TripView};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use ed25519_dalek::SigningKey;
use tokio::sync::watch;

use super::answers::{Answers, Known};
use super::trip_messages::{AtGate, OfPhone, OfStaff, PhoneDoes, StaffDo, TripError};
use super::visit_messages::{IdempotencyKey, StoreChanged};
use super::{MAILBOX, Tick};
use crate::fatal::{Fatal, FatalError};
use crate::journal::trips::{LoadedTrips, TripChange};
use crate::journal::{Cause, Entry, Journal, JournalError, NewRecord, RecordMaker, StateChange, unix_ms};
use crate::now::Now;

/// Trips at once; as many as visits.
const TRIPS_MAX: usize = 20_000;
/// Life of a trip that nobody touches, as long as the token of its visit.
const LIFE: TimeDelta = TimeDelta::hours(12);
/// Trips and tokens that one tick forgets.
const FORGET_MAX: usize = 64;

/// What the actor starts from.
pub struct TripsConfig {
    pub store: StoreId,
    /// Signs quotes and exit tokens.
    pub key: SigningKey,
    pub assortment: watch::Receiver<Arc<Assortment>>,
    /// Prices that labels may still show: no more than these is charged.
    pub still_shown: watch::Receiver<StillShown>,
    pub journal: Journal,
    pub maker: RecordMaker,
    pub clock: Arc<dyn Clock>,
    pub fatal: Fatal,
}

/// The actor.
pub struct Trips {
    store: StoreId,
    key: SigningKey,
    trips: BTreeMap<TripId, Trip>,
    /// The trip of each visit that has not ended.
    by_visit: BTreeMap<VisitId, TripId>,
    used: UsedTokens,
    /// Keys that were not published; the last is today's.
    days: BTreeMap<NaiveDate, [u8; 32]>,
    answers: Answers,
    /// None before the profile came: the day is then that of Greenwich.
    zone: Option<Tz>,
    assortment: watch::Receiver<Arc<Assortment>>,
    still_shown: watch::Receiver<StillShown>,
    journal: Journal,
    maker: RecordMaker,
    clock: Arc<dyn Clock>,
    fatal: Fatal,
}

/// What is committed together, and then applied.
#[derive(Default)]
struct Decided {
    entry: Entry,
    trip: Option<Trip>,
    used: Option<ExitClaims>,
    began: Option<(NaiveDate, [u8; 32])>,
    kept: Option<IdempotencyKey>,
}

type Answer<R> = AtomicResponse<Trips, Result<R, TripError>>;

impl Trips {
    /// Loads the state of earlier runs.
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn load(config: TripsConfig) -> Result<Self, JournalError> {
        let TripsConfig { store, key, assortment, still_shown, journal, maker, clock, fatal } = config;
        let LoadedTrips { trips, used, days } = journal.load_trips().await?;
        let mut answers = Answers::default();
        for answer in journal.load_answers(clock.now()).await? {
            answers.keep(answer.key, answer.request, answer.body);
        }
        let by_visit = trips.iter().map(|trip| (trip.visit, trip.trip)).collect();
        let trips = trips.into_iter().map(|trip| (trip.trip, trip)).collect();
        Ok(Self { store, key, trips, by_visit, used, days, answers, zone: None, assortment, still_shown, journal, maker, clock, fatal })
    }

    fn now(&self) -> DateTime<Utc> {
        Now::read(self.clock.as_ref()).wall
    }

    fn today(&self, now: DateTime<Utc>) -> NaiveDate {
        self.zone.map_or_else(|| now.date_naive(), |zone| now.with_timezone(&zone).date_naive())
    }

    fn of_visit(&self, visit: VisitId) -> Result<&Trip, TripRefusal> {
        self.by_visit.get(&visit).and_then(|trip| self.trips.get(trip)).ok_or(TripRefusal::NoTrip)
    }

    fn record(&self, body: &Body, subject: String, traceparent: Option<&str>) -> Result<NewRecord, JournalError> {
        self.maker.make(body, subject, Cause::traced(traceparent))
    }

    fn changed(&self, trip: &Trip, slip: Option<String>, now: DateTime<Utc>, traceparent: Option<&str>) -> Result<NewRecord, JournalError> {
        let body = TripChanged {
            trip: trip.trip,
            visit: trip.visit,
            state: trip.state,
            quote: trip.quote.clone(),
            checks: trip.checks.clone(),
            slip,
            at: now,
        };
        self.record(&Body::TripChanged(Box::new(body)), format!("trip/{}", trip.trip), traceparent)
    }

    /// Today's key. The first one of a day is committed, and its hash put on record, with the change that first needs it.
    fn day_key(&self, decided: &mut Decided, now: DateTime<Utc>) -> Result<[u8; 32], JournalError> {
        let day = self.today(now);
        if let Some(key) = self.days.get(&day) {
            return Ok(*key);
        }
        let key: [u8; 32] = rand::random();
        let told = AuditDay { day: day.to_string(), key_sha256: audit::commitment(&key), key: None };
        decided.entry.records.push(self.record(&Body::AuditDayTold(Box::new(told)), format!("trip/{day}"), None)?);
        decided.entry.changes.push(StateChange::Trip(TripChange::BeginDay { day, key }));
        decided.began = Some((day, key));
        Ok(key)
    }

    /// The trip as it is next, in an entry; a state that others act on is put on record.
    fn decided(
        &self,
        mut decided: Decided,
        next: Trip,
        slip: Option<String>,
        now: DateTime<Utc>,
        traceparent: Option<&str>,
    ) -> Result<Decided, JournalError> {
        let was = self.trips.get(&next.trip).map(|trip| trip.state);
        let is_news = match next.state {
            TripState::Scanning => false,
            TripState::Review | TripState::Check => was != Some(next.state),
            TripState::TransferredToTill | TripState::Paid | TripState::Exited | TripState::Cancelled => was != Some(next.state),
        };
        if is_news {
            decided.entry.records.push(self.changed(&next, slip, now, traceparent)?);
        }
        let change = if is_over(next.state) { TripChange::Forget(next.trip) } else { TripChange::Save(Box::new(next.clone())) };
        decided.entry.changes.push(StateChange::Trip(change));
        decided.trip = Some(next);
        Ok(decided)
    }

    fn decide_phone(&self, msg: &OfPhone, now: DateTime<Utc>) -> Result<Decided, TripError> {
        let OfPhone { visit, does, idempotency, traceparent } = msg;
        let mut decided = Decided::default();
        let next = match does {
            PhoneDoes::Look => {
                self.of_visit(*visit)?;
                return Ok(decided);
            }
            PhoneDoes::LookBack => {
                let trip = self.of_visit(*visit)?;
                return if matches!(trip.state, TripState::TransferredToTill | TripState::Paid) {
                    Ok(decided)
                } else {
                    Err(TripRefusal::NoTrip.into())
                };
            }
            PhoneDoes::Put { code, intent, quantity } => {
                let found = self.still_shown.borrow().guard(self.assortment.borrow().find(code, now)?, now);
                let trip = match self.of_visit(*visit) {
                    Ok(trip) => trip.clone(),
                    Err(_) if self.trips.len() >= TRIPS_MAX => return Err(TripRefusal::Full.into()),
                    Err(_) => {
                        // Before the trip has its name, so that nobody can choose one that is not drawn; and once, so that nobody waits for
                        // another day's key.
                        let key = self.day_key(&mut decided, now)?;
                        let trip = TripId::new(unix_ms(now), rand::random());
                        basket::begin(trip, *visit, audit::is_drawn(&key, trip, audit::RATE_PER_MILLION), now)
                    }
                };
                basket::put(trip, &found, *intent, *quantity, now)?
            }
            PhoneDoes::Change { line, intent, quantity } => basket::change(self.of_visit(*visit)?.clone(), *line, *intent, *quantity, now)?,
            PhoneDoes::Step(TripStep::Review) => {
                let (trip, signer) = (self.of_visit(*visit)?.clone(), Signer { store: &self.store, key: &self.key });
                review::review(trip, &self.assortment.borrow(), &self.still_shown.borrow(), &signer, now)?
            }
            PhoneDoes::Step(TripStep::Resume) => review::resume(self.of_visit(*visit)?.clone())?,
            PhoneDoes::Step(TripStep::Till) => review::to_till(self.of_visit(*visit)?.clone(), now)?,
            PhoneDoes::Step(TripStep::Cancel) => review::cancel(self.of_visit(*visit)?.clone(), now)?,
        };
        if let Some(IdempotencyKey { key, request }) = idempotency {
            // The answer to the same request is the trip as it then is.
            decided.entry.changes.push(StateChange::KeepAnswer { key: *key, request: *request, body: String::new(), at: now });
            decided.kept = Some(IdempotencyKey { key: *key, request: *request });
        }
        Ok(self.decided(decided, next, None, now, traceparent.as_deref())?)
    }

    fn decide_staff(&self, msg: OfStaff, now: DateTime<Utc>) -> Result<Decided, TripError> {
        let OfStaff { trip, does, traceparent } = msg;
        let trip = self.trips.get(&trip).ok_or(TripRefusal::NoTrip)?.clone();
        let (next, slip) = match does {
            StaffDo::Look => return Ok(Decided::default()),
            StaffDo::Check(result) => (review::checked(trip, result.kind, result.passed)?, None),
            StaffDo::Pay(payment) => (review::paid(trip, &payment.cart_sha256, payment.total_minor, now)?, Some(payment.slip)),
        };
        Ok(self.decided(Decided::default(), next, slip, now, traceparent.as_deref())?)
    }

    fn decide_exit(&self, msg: &AtGate, now: DateTime<Utc>) -> Result<(Decided, ExitGranted), TripError> {
        let claims = self.used.check(&msg.token, &self.store, &self.key, now)?;
        // Another token of the same trip: the goods have left.
        let trip = self.trips.get(&claims.trip).ok_or(exit::ExitRefusal::Replayed)?;
        let next = review::exited(trip.clone())?;
        let granted = ExitGranted { trip: claims.trip, items: claims.items };
        let expires_at = DateTime::from_timestamp(claims.exp, 0).unwrap_or(now + exit::LIFE);
        let mut decided = self.decided(Decided::default(), next, None, now, msg.traceparent.as_deref())?;
        decided.entry.changes.push(StateChange::Trip(TripChange::UseExit { jti: claims.jti.clone(), expires_at }));
        decided.used = Some(claims);
        Ok((decided, granted))
    }

    fn view(&self, trip: &Trip) -> TripView {
        let now = self.now();
        let exit = exit::issue(trip, &self.store, &self.key, now, rand::random()).ok();
        TripView { exit, ..told(trip) }
    }

    fn apply(&mut self, decided: Decided) {
        let Decided { entry: _, trip, used, began, kept } = decided;
        self.days.extend(began);
        if let Some(IdempotencyKey { key, request }) = kept {
            self.answers.keep(key, request, String::new());
        }
        if let Some(claims) = used {
            self.used.apply(&claims);
        }
        if let Some(trip) = trip {
            if is_over(trip.state) {
                self.trips.remove(&trip.trip);
                self.by_visit.remove(&trip.visit);
            } else {
                self.by_visit.insert(trip.visit, trip.trip);
                self.trips.insert(trip.trip, trip);
            }
        }
    }

    /// Commits, then applies, then answers. A failed commit ends the node: nobody knows what is on disk.
    fn commit<R: 'static>(&self, mut decided: Decided, answer: impl FnOnce(&Self) -> Result<R, TripError> + 'static) -> Answer<R> {
        let entry = std::mem::take(&mut decided.entry);
        if entry.changes.is_empty() && entry.records.is_empty() {
            return AtomicResponse::new(Box::pin(actix::fut::ready(answer(self))));
        }
        let journal = self.journal.clone();
        let committed = async move { journal.commit(entry).await }.into_actor(self);
        AtomicResponse::new(Box::pin(committed.map(move |done, act, _| match done {
            Ok(()) => {
                act.apply(decided);
                answer(act)
            }
            Err(error) => {
                act.fatal.report(FatalError::Journal(error.clone()));
                Err(error.into())
            }
        })))
    }
}

const fn is_over(state: TripState) -> bool {
    match state {
        TripState::Exited | TripState::Cancelled => true,
        TripState::Scanning | TripState::Review | TripState::Check | TripState::TransferredToTill | TripState::Paid => false,
    }
}

/// A trip as others see it: whether it was drawn shows at its review.
fn told(trip: &Trip) -> TripView {
    TripView { total: review::total(trip), exit: None, trip: Trip { drawn: None, ..trip.clone() } }
}

fn refuse<R: 'static>(error: impl Into<TripError>) -> Answer<R> {
    AtomicResponse::new(Box::pin(actix::fut::ready(Err(error.into()))))
}

impl Actor for Trips {
    type Context = Context<Self>;
    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Handler<OfPhone> for Trips {
    type Result = Answer<TripView>;

    fn handle(&mut self, msg: OfPhone, _: &mut Self::Context) -> Self::Result {
        if let Some(IdempotencyKey { key, request }) = &msg.idempotency {
            match self.answers.look_up(key, request) {
                Known::New => {}
                Known::Reused => return refuse(TripError::KeyReused),
                Known::Answered(_) => {
                    let view = self.of_visit(msg.visit).map(|trip| self.view(trip)).map_err(TripError::from);
                    return AtomicResponse::new(Box::pin(actix::fut::ready(view)));
                }
            }
        }
        match self.decide_phone(&msg, self.now()) {
            Ok(decided) => {
                let (visit, next) = (msg.visit, decided.trip.clone());
                self.commit(decided, move |act| match &next {
                    Some(trip) => Ok(act.view(trip)),
                    None => Ok(act.view(act.of_visit(visit)?)),
                })
            }
            Err(error) => refuse(error),
        }
    }
}

impl Handler<OfStaff> for Trips {
    type Result = Answer<TripView>;

    fn handle(&mut self, msg: OfStaff, _: &mut Self::Context) -> Self::Result {
        let trip = msg.trip;
        match self.decide_staff(msg, self.now()) {
            // What opens the gate is the customer's alone.
            Ok(decided) => self.commit(decided, move |act| act.trips.get(&trip).map(told).ok_or_else(|| TripRefusal::NoTrip.into())),
            Err(error) => refuse(error),
        }
    }
}

impl Handler<AtGate> for Trips {
    type Result = Answer<ExitGranted>;

    fn handle(&mut self, msg: AtGate, _: &mut Self::Context) -> Self::Result {
        match self.decide_exit(&msg, self.now()) {
            Ok((decided, granted)) => self.commit(decided, move |_| Ok(granted)),
            Err(error) => refuse(error),
        }
    }
}

impl Handler<StoreChanged> for Trips {
    type Result = ();

    fn handle(&mut self, StoreChanged(store): StoreChanged, _: &mut Self::Context) {
        self.zone = store.time_zone.parse().ok();
    }
}

impl Handler<Tick> for Trips {
    type Result = ();

    fn handle(&mut self, _: Tick, ctx: &mut Self::Context) {
        let now = self.now();
        let mut entry = Entry::default();
        let trips: Vec<Trip> = self.trips.values().filter(|trip| now - trip.changed_at >= LIFE).take(FORGET_MAX).cloned().collect();
        for trip in &trips {
            entry.changes.push(StateChange::Trip(TripChange::Forget(trip.trip)));
            // What was paid stays paid, also where no gate saw it leave.
            if trip.state == TripState::Paid {
                continue;
            }
            let over = Trip { state: TripState::Cancelled, quote: None, checks: Vec::new(), ..trip.clone() };
            match self.changed(&over, None, now, None) {
                Ok(record) => entry.records.push(record),
                Err(error) => return self.fatal.report(FatalError::Journal(error)),
            }
        }
        entry.changes.extend(self.used.forget(now).into_iter().map(|jti| StateChange::Trip(TripChange::ForgetExit(jti))));
        // A key is kept as long as a basket of its day goes on: whoever could draw it again would know whether to begin anew.
        let first = self.trips.values().map(|trip| trip.opened_at).min().unwrap_or(now);
        let today = self.today(now.min(first));
        let over: Vec<(NaiveDate, [u8; 32])> = self.days.iter().filter(|(day, _)| **day < today).map(|(day, key)| (*day, *key)).collect();
        for (day, key) in &over {
            let told = AuditDay { day: day.to_string(), key_sha256: audit::commitment(key), key: Some(hex::encode(key)) };
            match self.record(&Body::AuditDayTold(Box::new(told)), format!("trip/{day}"), None) {
                Ok(record) => entry.records.push(record),
                Err(error) => return self.fatal.report(FatalError::Journal(error)),
            }
            entry.changes.push(StateChange::Trip(TripChange::EndDay(*day)));
        }
        if entry.changes.is_empty() {
            return;
        }
        let journal = self.journal.clone();
        let committed = async move { journal.commit(entry).await }.into_actor(self);
        ctx.wait(committed.map(move |done, act, _| match done {
            Ok(()) => {
                for trip in trips {
                    act.trips.remove(&trip.trip);
                    act.by_visit.remove(&trip.visit);
                }
                for (day, _) in over {
                    act.days.remove(&day);
                }
            }
            Err(error) => act.fatal.report(FatalError::Journal(error)),
        }));
    }
}
