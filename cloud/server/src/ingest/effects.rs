//! What each type of record does to the cloud's tables.
//!
//! Owns [`Effects`], which gathers a batch's effects: what opens or ends a visit is written at once, signals of visits before the next of
//! those, sets (plays, outbox, down log) when the batch or its savepoint ends. Takes parsed records; refuses with [`Poison`] what can never
//! be applied. A record of a visit that is unknown here changes nothing and is counted: it stands in the journal.

use std::collections::HashMap;

use aisle_schemas::{
    document::DocumentReport,
    event::{Event, EventError, TYPE_LOG_CORRUPT},
    http::cloud::LossView,
    ids::{EventId, NodeId, VisitId, VisitToken},
    limits::RELOG_DAYS_MAX,
    log::LogLost,
    record::{Body, BodyError},
    screen::Play,
    sync::{Epoch, Seq, Stream},
    visit::{CheckInRefused, CloseReason, CloseVisit, DeviceAttached, OrderDone, VisitClosed, VisitOpened, VisitSeen, VisitSignal},
};
use aisle_store::{
    Db, DownStream, DownWrite, LoggedDown, Message, OutboxNew, OutboxRow, StoreError, Tx, counter, down, down_status, loss, outbox,
    reported::{self, ReportedAt},
    surface,
    visit::{self, NewVisit, Signals},
};
use chrono::{DateTime, TimeDelta, Utc};

use super::handover;
use crate::fresh;

/// Why a record can never be applied.
#[derive(Debug, thiserror::Error)]
pub enum Poison {
    #[error("failed to read the record's body")]
    Body(#[source] BodyError),
    #[error("failed to read the record")]
    Event(#[source] EventError),
    #[error("a record of type {0} does not belong into this stream")]
    Stream(String),
    #[error("the node found its own row corrupt")]
    Corrupt,
    /// Its id can no longer be checked for certain (AS-052).
    #[error("logged again, and {days} days from now")]
    Relogged { days: i64 },
    #[error("failed to apply the record")]
    Store(#[source] StoreError),
}

/// Why an effect did not happen.
#[derive(Debug)]
pub enum EffectError {
    Transient(StoreError),
    Poison(Poison),
}

impl From<StoreError> for EffectError {
    fn from(error: StoreError) -> Self {
        if error.is_transient() { Self::Transient(error) } else { Self::Poison(Poison::Store(error)) }
    }
}

/// A late signal of a closed visit is set aside after this (DOMAIN 8 row 23).
const LATE_MAX: TimeDelta = TimeDelta::hours(72);
/// How far ahead of us a record logged again may be dated (AS-052).
const AHEAD_MAX: TimeDelta = TimeDelta::days(1);
/// Reports on desired documents begin with it.
const STATUS: &str = "desired/";
/// Overrides begin with it.
const OVERRIDE: &str = "override/";
/// Refusal reasons that are counted by name; others would make an unbounded set of counters.
const REFUSALS: [&str; 7] = ["malformed", "forged", "expired", "wrong_store", "replayed", "pass_invalid", "not_ready"];

/// Where a record stands.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    pub stream: Stream,
    pub epoch: Epoch,
    pub seq: Seq,
}

/// Effects of records of one node, as they gather.
pub struct Effects<'a> {
    pub node: &'a NodeId,
    pub now: DateTime<Utc>,
    outbox: Vec<OutboxNew>,
    down: Vec<DownWrite>,
    plays: Vec<Play>,
    /// What the node says of desired documents, by key.
    documents: Vec<(String, DocumentReport)>,
    /// Signals of visits that are not noted yet.
    signals: Vec<Signal>,
    losses: Vec<LossView>,
    /// An operator drives the record again and answers for its age.
    redriven: bool,
}

/// A signal of a visit, and the trace of its record.
struct Signal {
    visit: VisitId,
    signal: VisitSignal,
    at: DateTime<Utc>,
    traceparent: Option<String>,
}

/// What was written beside the projections.
#[derive(Default)]
pub struct Written {
    pub outbox: Vec<OutboxRow>,
    pub logged: Vec<LoggedDown>,
    /// What the node says it lost.
    pub losses: Vec<LossView>,
}

impl<'a> Effects<'a> {
    pub fn new(node: &'a NodeId, now: DateTime<Utc>) -> Self {
        Self {
            node,
            now,
            outbox: Vec::new(),
            down: Vec::new(),
            plays: Vec::new(),
            documents: Vec::new(),
            signals: Vec::new(),
            losses: Vec::new(),
            redriven: false,
        }
    }

    /// Effects of a record that an operator drives again.
    pub fn redriven(node: &'a NodeId, now: DateTime<Utc>) -> Self {
        Self { redriven: true, ..Self::new(node, now) }
    }

    /// Forgets what was gathered since the last flush.
    pub fn clear(&mut self) {
        self.outbox.clear();
        self.down.clear();
        self.plays.clear();
        self.documents.clear();
        self.signals.clear();
        self.losses.clear();
    }

    /// What the node said that it lost since the last flush, for whoever tells it of each node.
    pub fn take_losses(&mut self) -> Vec<LossView> {
        std::mem::take(&mut self.losses)
    }

    /// Writes what was gathered.
    pub async fn flush(&mut self, tx: &mut Tx, db: &Db) -> Result<Written, EffectError> {
        Self::flush_all(tx, db, std::slice::from_mut(self)).await
    }

    /// Writes what was gathered for several nodes. The down log comes last: a node's log is locked from there to the commit.
    pub async fn flush_all(tx: &mut Tx, db: &Db, all: &mut [Self]) -> Result<Written, EffectError> {
        Self::note_signals(tx, all).await?;
        let (mut messages, mut writes, mut losses) = (Vec::new(), Vec::new(), Vec::new());
        for effects in all.iter_mut() {
            surface::add_plays(tx, effects.node, &effects.plays).await?;
            effects.plays.clear();
            messages.append(&mut effects.outbox);
            writes.append(&mut effects.down);
            losses.append(&mut effects.losses);
        }
        let outbox = outbox::put(tx, db, messages).await?;
        for effects in all {
            down_status::settle(tx, effects.node, &std::mem::take(&mut effects.documents)).await?;
        }
        let logged = down::enqueue(tx, &writes).await?;
        Ok(Written { outbox, logged, losses })
    }

    /// Applies one record.
    pub async fn apply(&mut self, tx: &mut Tx, place: Place, event: &Event) -> Result<(), EffectError> {
        self.check_age(event)?;
        let subject = event.subject.as_deref().unwrap_or_default();
        if event.ty.as_str() == TYPE_LOG_CORRUPT {
            return Err(EffectError::Poison(Poison::Corrupt));
        }
        if place.stream == Stream::Reported && event.deletes() {
            return self.report(tx, place, subject, event).await;
        }
        let data = event.data.as_ref().ok_or_else(|| EffectError::Poison(Poison::Event(EventError::new("data", "is missing"))))?;
        let body = Body::parse(event.ty.as_str(), subject, data).map_err(|error| EffectError::Poison(Poison::Body(error)))?;
        if body.stream() != place.stream {
            return Err(EffectError::Poison(Poison::Stream(body.type_name().to_owned())));
        }
        match body {
            Body::VisitOpened(opened) => self.opened(tx, event, *opened).await,
            Body::DeviceAttached(attached) => self.attached(tx, event, *attached).await,
            Body::VisitSeen(seen) => {
                let VisitSeen { visit, signal, at, hlc: _ } = *seen;
                self.signals.push(Signal { visit, signal, at, traceparent: event.traceparent.clone() });
                Ok(())
            }
            Body::VisitClosed(closed) => self.closed(tx, event, *closed).await,
            Body::CheckInRefused(refused) => self.refused(tx, event, *refused).await,
            Body::OrderDone(done) => self.order_done(tx, event, *done).await,
            Body::PlayLogged(play) => {
                self.plays.push(*play);
                Ok(())
            }
            Body::TapRecorded(tap) => {
                surface::add_tap(tx, self.node, &tap).await?;
                Ok(())
            }
            // The journal has them; whoever settles trips reads them there.
            Body::TripChanged(_) | Body::AuditDayTold(_) => Ok(()),
            Body::LogEpochBegun(_) => Ok(counter::add_in(tx, "log_epochs", &self.node.to_string(), 1).await?),
            Body::LogLost(lost) => self.lost(tx, *lost).await,
            Body::ScreenReported(_)
            | Body::NfcReported(_)
            | Body::ZoneReported(_)
            | Body::NodeReported(_)
            | Body::OverrideReported(_)
            | Body::EmergencyReported(_) => self.report(tx, place, subject, event).await,
            Body::DocumentReported(report) => {
                self.report(tx, place, subject, event).await?;
                if let Some((_, key)) = subject.split_once('/') {
                    self.documents.push((key.to_owned(), *report));
                }
                Ok(())
            }
            Body::AdmitVisit(_)
            | Body::CloseVisit(_)
            | Body::TapKept(_)
            | Body::ClearOverride(_)
            | Body::EmergencyOrdered(_)
            | Body::EmergencyDesired(_)
            | Body::ScreenCommanded(_)
            | Body::StoreDesired(_)
            | Body::ScreenDesired(_)
            | Body::NfcDesired(_)
            | Body::OfferDesired(_)
            | Body::ProductDesired(_)
            | Body::ContextDesired(_) => Err(EffectError::Poison(Poison::Stream(event.ty.to_string()))),
        }
    }

    /// AS-052: a record logged again may be older than the journal that would know its id.
    fn check_age(&self, event: &Event) -> Result<(), EffectError> {
        let age = self.now - event.time;
        if !self.redriven && event.relogof.is_some() && (age > TimeDelta::days(i64::from(RELOG_DAYS_MAX)) || -age > AHEAD_MAX) {
            return Err(EffectError::Poison(Poison::Relogged { days: age.num_days() }));
        }
        Ok(())
    }

    fn tell(&mut self, event: &Event, message: Message) {
        self.outbox.push(OutboxNew { message, traceparent: event.traceparent.clone(), at: self.now });
    }

    async fn opened(&mut self, tx: &mut Tx, event: &Event, opened: VisitOpened) -> Result<(), EffectError> {
        let VisitOpened { visit, token, pass, method, touchpoint, at, hlc: _ } = opened;
        self.note_own_signals(tx).await?;
        let customer = visit::redeem_pass(tx, pass, visit).await?;
        let others = match customer {
            Some(customer) => visit::others(tx, customer, visit, at).await?,
            None => Vec::new(),
        };
        let plan = handover::plan(at, &others);
        for (other, ended_at) in &plan.close {
            self.end_elsewhere(tx, event, *other, *ended_at).await?;
        }
        let closed = plan.ended_at.map(|at| (at, CloseReason::HandedOver));
        let new = NewVisit {
            visit,
            node: self.node.clone(),
            token,
            customer,
            method,
            touchpoint,
            opened_at: at,
            closed,
            prev_visit: plan.previous,
            traceparent: event.traceparent.clone(),
        };
        let inserted = visit::insert(tx, &new).await.map_err(|error| match error {
            // Another store's batch has opened a visit of this customer since we looked: the next try sees it.
            StoreError::Conflict(source) => EffectError::Transient(StoreError::Transient(source)),
            other => EffectError::from(other),
        })?;
        if !inserted {
            unexpected("visit_opened");
            return Ok(());
        }
        if closed.is_some() {
            self.order_close(event, self.node.clone(), visit);
        } else if let Some(customer) = customer {
            let store = self.node.store.clone();
            self.tell(event, Message::VisitOpened { customer, visit, store, node: self.node.clone(), token, at });
        } else {
            metrics::counter!("aisle_ingest_unknown_passes_total").increment(1);
        }
        Ok(())
    }

    /// Ends a visit because its customer has opened another one; its own store is told.
    async fn end_elsewhere(&mut self, tx: &mut Tx, event: &Event, visit: VisitId, ended_at: DateTime<Utc>) -> Result<(), EffectError> {
        let reason = CloseReason::HandedOver;
        if let Some(closed) = visit::close(tx, visit, ended_at, reason).await? {
            self.order_close(event, closed.node.clone(), visit);
            self.forget_context(event, closed.node, closed.token);
            let (customer, store, token) = (closed.customer, closed.store, closed.token);
            self.tell(event, Message::VisitClosed { customer, visit, store, token, reason, ended_at });
        }
        Ok(())
    }

    fn order_close(&mut self, event: &Event, node: NodeId, visit: VisitId) {
        let body = Body::CloseVisit(Box::new(CloseVisit { visit, reason: CloseReason::HandedOver }));
        self.down.push(DownWrite {
            node,
            stream: DownStream::Order,
            id: fresh::id(self.now, EventId::new),
            type_name: body.type_name().to_owned(),
            subject: format!("visit/{visit}"),
            data: Some(body.to_raw().expect("a visit id and a word serialise")),
            at: self.now,
            traceparent: event.traceparent.clone(),
        });
    }

    fn forget_context(&mut self, event: &Event, node: NodeId, token: VisitToken) {
        self.down.push(DownWrite {
            node,
            stream: DownStream::Desired,
            id: fresh::id(self.now, EventId::new),
            type_name: aisle_schemas::record::DESIRED_SET.to_owned(),
            subject: format!("context/{token}"),
            data: None,
            at: self.now,
            traceparent: event.traceparent.clone(),
        });
    }

    async fn attached(&mut self, tx: &mut Tx, event: &Event, attached: DeviceAttached) -> Result<(), EffectError> {
        let DeviceAttached { visit, pass, at, hlc: _ } = attached;
        self.note_own_signals(tx).await?;
        let holder = visit::redeem_pass(tx, pass, visit).await?;
        let Some(seen) = visit::see(tx, &[Signals::new(visit, at, None)]).await?.remove(&visit) else {
            unexpected("device_attached");
            return Ok(());
        };
        match (seen.customer, holder) {
            (Some(customer), Some(holder)) if customer == holder => self.tell(event, Message::DeviceAttached { customer, visit }),
            _ => unexpected("device_attached"), // somebody else's pass joins nobody's visit
        }
        Ok(())
    }

    /// Notes this node's signals, before something else is written of its visits.
    async fn note_own_signals(&mut self, tx: &mut Tx) -> Result<(), EffectError> {
        Self::note_signals(tx, std::slice::from_mut(self)).await
    }

    /// Notes the signals that have gathered, all of one visit in one step, and tells of each in the order in which they came.
    async fn note_signals(tx: &mut Tx, all: &mut [Self]) -> Result<(), EffectError> {
        let mut of_visits: Vec<Signals> = Vec::new();
        let mut places: HashMap<VisitId, usize> = HashMap::new();
        for Signal { visit, signal, at, traceparent: _ } in all.iter().flat_map(|effects| &effects.signals) {
            let zone = match signal {
                VisitSignal::ZoneEntered { zone } => Some(zone),
                VisitSignal::Tapped { display: _, offer: _ } | VisitSignal::Scanned { sku: _ } => None,
            };
            let known = places.get(visit).and_then(|place| of_visits.get_mut(*place));
            if let Some(known) = known {
                known.add(*at, zone);
            } else {
                places.insert(*visit, of_visits.len());
                of_visits.push(Signals::new(*visit, *at, zone));
            }
        }
        let met = visit::see(tx, &of_visits).await?;
        for effects in all {
            for Signal { visit, signal, at, traceparent } in std::mem::take(&mut effects.signals) {
                let Some(seen) = met.get(&visit) else {
                    unexpected("visit_seen");
                    continue;
                };
                if seen.closed_at.is_some() {
                    let age = if effects.now - at > LATE_MAX { "over_72_h" } else { "amended" };
                    metrics::counter!("aisle_ingest_late_signals_total", "age" => age).increment(1);
                    continue;
                }
                let message = Message::VisitSeen { customer: seen.customer, visit, store: seen.store.clone(), signal, at };
                effects.outbox.push(OutboxNew { message, traceparent, at: effects.now });
            }
        }
        Ok(())
    }

    async fn closed(&mut self, tx: &mut Tx, event: &Event, closed: VisitClosed) -> Result<(), EffectError> {
        let VisitClosed { visit, reason, ended_at, hlc: _ } = closed;
        self.note_own_signals(tx).await?;
        let Some(met) = visit::close(tx, visit, ended_at, reason).await? else {
            // Handed over before its own store said so: the first end stands.
            return Ok(());
        };
        self.forget_context(event, met.node, met.token);
        let (customer, store, token) = (met.customer, met.store, met.token);
        self.tell(event, Message::VisitClosed { customer, visit, store, token, reason, ended_at });
        Ok(())
    }

    async fn refused(&mut self, tx: &mut Tx, event: &Event, refused: CheckInRefused) -> Result<(), EffectError> {
        let CheckInRefused { touchpoint: _, reason, at: _ } = refused;
        let store = self.node.store.clone();
        let counted = REFUSALS.into_iter().find(|known| *known == reason).unwrap_or("other");
        counter::add_in(tx, "checkin_refused", &format!("{store}/{counted}"), 1).await?;
        self.tell(event, Message::CheckInRefused { store, reason: counted.to_owned() });
        Ok(())
    }

    async fn order_done(&mut self, tx: &mut Tx, event: &Event, done: OrderDone) -> Result<(), EffectError> {
        let OrderDone { order, outcome, reason, visit } = done;
        let customer = visit::take_admission(tx, order).await?;
        self.tell(event, Message::OrderDone { order, outcome, reason, visit, customer });
        Ok(())
    }

    /// The node says what will never come (AS-058).
    async fn lost(&mut self, tx: &mut Tx, lost: LogLost) -> Result<(), EffectError> {
        let LogLost { stream, epoch, from, to, count, bytes, reason } = lost;
        let loss = LossView { stream, kind: reason.into(), records: count.get(), bytes: bytes.get(), epoch, from, to, at: self.now };
        loss::add(tx, self.node, &loss).await?;
        self.losses.push(loss);
        Ok(())
    }

    async fn report(&mut self, tx: &mut Tx, place: Place, key: &str, event: &Event) -> Result<(), EffectError> {
        let body = event.data.as_deref().filter(|_| !event.deletes());
        let at = ReportedAt { epoch: place.epoch, seq: place.seq, at: event.time };
        reported::put(tx, self.node, key, body, at).await?;
        if key.starts_with(STATUS) || key.starts_with(OVERRIDE) {
            // Nobody is told at once: a fill brings thousands of them, and consoles look at the fleet by themselves.
            return Ok(());
        }
        // One message per key is enough, however many revisions the batch holds: its reader looks at the table.
        let message = Message::Reported { node: self.node.clone(), key: key.to_owned() };
        if !self.outbox.iter().any(|waiting| waiting.message == message) {
            self.tell(event, message);
        }
        Ok(())
    }
}

/// A fact that fits nothing known here: kept in the journal, counted, without effect (DOMAIN 8, last line).
fn unexpected(kind: &'static str) {
    metrics::counter!("aisle_ingest_unexpected_events_total", "kind" => kind).increment(1);
}
