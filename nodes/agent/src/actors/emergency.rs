//! Emergencies of the store.
//!
//! Owns the sets that lie ready and the one that is on. Takes sets from the catalogue, the wish of a button, the operator or the cloud, ticks.
//! Emits what is on to each screen, and a report to the cloud. It needs nobody outside the store.
//! On failure: a wish that is refused changes nothing; a failed commit ends the node, and what is on is on again after the restart.
//! Full mailbox: askers wait; a screen that missed news is told again at each tick.
use std::collections::BTreeMap;
use std::sync::Arc;

use actix::prelude::*;
use aisle_mesh::clock::Clock;
use aisle_node_core::ids::EventSlug;
use aisle_node_core::signage::Emergency;
use aisle_node_core::signage::emergency::{EmergencyRefusal, begin};
use aisle_schemas::emergency::{ActiveEmergency, EmergencyOrder, EmergencyRequest, EmergencySet, EmergencyState, STATE_KEY};
use aisle_schemas::ids::EventId;
use aisle_schemas::record::Body;
use aisle_schemas::visit::{OrderDone, OrderOutcome};
use tokio::sync::watch;

use super::{MAILBOX, Tick, tell};
use crate::fatal::{Fatal, FatalError};
use crate::journal::signage::SignageChange;
use crate::journal::{Cause, Entry, Journal, JournalError, RecordMaker, StateChange};

/// Sets of one store: fire, evacuation, weather and the like, each in a few variants.
pub const SETS_MAX: usize = 32;
/// Who an order of the cloud is by.
const CLOUD: &str = "cloud";

/// A set's document changed.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct SetChanged {
    pub name: EventSlug,
    pub set: Option<Box<EmergencySet>>,
}

/// Begin an emergency, by a device or the operator.
#[derive(Debug, Message)]
#[rtype(result = "Result<ActiveEmergency, EmergencyError>")]
pub struct Begin {
    pub request: EmergencyRequest,
    pub by: String,
}

/// End what is on; where nothing is, nothing happens.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), JournalError>")]
pub struct Clear;

/// The cloud begins or ends one.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), JournalError>")]
pub struct Ordered {
    pub order: EventId,
    pub wish: EmergencyOrder,
    pub traceparent: Option<String>,
}

/// Why no emergency was begun.
#[derive(Debug, thiserror::Error)]
pub enum EmergencyError {
    #[error(transparent)]
    Refused(#[from] EmergencyRefusal),
    #[error("failed to commit the emergency")]
    Journal(#[from] JournalError),
}

/// What is on.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct EmergencyChanged(pub Option<Arc<Emergency>>);

/// What the actor starts from.
pub struct EmergenciesConfig {
    pub journal: Journal,
    pub maker: RecordMaker,
    pub clock: Arc<dyn Clock>,
    pub fatal: Fatal,
    pub screens: Vec<Recipient<EmergencyChanged>>,
    pub state: watch::Sender<EmergencyState>,
}

/// The actor.
pub struct Emergencies {
    sets: BTreeMap<EventSlug, EmergencySet>,
    active: Option<Arc<Emergency>>,
    /// What the cloud was told last.
    reported: Option<EmergencyState>,
    screens: Vec<Recipient<EmergencyChanged>>,
    state: watch::Sender<EmergencyState>,
    journal: Journal,
    maker: RecordMaker,
    clock: Arc<dyn Clock>,
    fatal: Fatal,
}

impl Emergencies {
    /// Loads what an earlier run left on.
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn load(config: EmergenciesConfig) -> Result<Self, JournalError> {
        let EmergenciesConfig { journal, maker, clock, fatal, screens, state } = config;
        let active = journal.load_emergency().await?.map(Arc::new);
        Ok(Self { sets: BTreeMap::new(), active, reported: None, screens, state, journal, maker, clock, fatal })
    }

    fn now_on(&self) -> EmergencyState {
        EmergencyState {
            active: self.active.as_ref().map(|emergency| emergency.active.clone()),
            ready: self.sets.keys().cloned().collect(),
        }
    }

    /// Shows what is on.
    fn publish(&self) {
        for screen in &self.screens {
            tell(screen, EmergencyChanged(self.active.clone()), "screen");
        }
        let now_on = self.now_on();
        self.state.send_if_modified(|state| {
            let is_news = *state != now_on;
            *state = now_on;
            is_news
        });
    }

    /// The emergency that a request begins now.
    fn decide(&self, request: &EmergencyRequest, by: String) -> Result<Emergency, EmergencyRefusal> {
        let set = self.sets.get(&request.set);
        let active = begin(request, set, by, self.clock.now())?;
        set.map(|set| Emergency { set: set.clone(), active }).ok_or(EmergencyRefusal::NotReady)
    }

    /// Commits what shall be on, with the outcome of the order that wanted it, and shows it.
    fn commit(
        &self,
        wanted: Option<Emergency>,
        done: Option<(OrderDone, Option<String>)>,
    ) -> ResponseActFuture<Self, Result<(), JournalError>> {
        let (journal, entry) = (self.journal.clone(), self.entry(wanted.as_ref(), done));
        let committed = async move { journal.commit(entry?).await };
        Box::pin(committed.into_actor(self).map(move |done, act, _| {
            match &done {
                Ok(()) => {
                    let what = if wanted.is_some() { "begun" } else { "ended" };
                    metrics::counter!("aisle_emergencies_total", "what" => what).increment(1);
                    tracing::warn!(what, set = wanted.as_ref().map(|emergency| emergency.set.set.as_str()), "emergency");
                    act.active = wanted.map(Arc::new);
                    act.publish();
                }
                Err(error) => act.fatal.report(FatalError::Journal(error.clone())),
            }
            done
        }))
    }

    fn entry(&self, wanted: Option<&Emergency>, done: Option<(OrderDone, Option<String>)>) -> Result<Entry, JournalError> {
        let change = wanted.map_or(SignageChange::EndEmergency, |emergency| SignageChange::BeginEmergency(Box::new(emergency.clone())));
        let mut entry = Entry { changes: vec![StateChange::Signage(change)], records: vec![] };
        if let Some((done, traceparent)) = done {
            self.settle(&mut entry, done, traceparent.as_deref())?;
        }
        Ok(entry)
    }

    fn settle(&self, entry: &mut Entry, done: OrderDone, traceparent: Option<&str>) -> Result<(), JournalError> {
        let order = done.order;
        let cause = Cause { causation: Some(order), traceparent };
        entry.records.push(self.maker.make(&Body::OrderDone(Box::new(done)), format!("order/{order}"), cause)?);
        entry.changes.push(StateChange::FinishOrder(order));
        Ok(())
    }
}

impl Actor for Emergencies {
    type Context = Context<Self>;
    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        self.publish();
    }
}

impl Handler<SetChanged> for Emergencies {
    type Result = ();

    fn handle(&mut self, SetChanged { name, set }: SetChanged, _: &mut Self::Context) {
        match set {
            Some(set) if self.sets.len() < SETS_MAX || self.sets.contains_key(&name) => {
                self.sets.insert(name, *set);
            }
            Some(_) => tracing::error!(set = %name, "more emergency sets than a store may have"),
            None => {
                self.sets.remove(&name);
            }
        }
        self.state.send_replace(self.now_on());
    }
}

impl Handler<Begin> for Emergencies {
    type Result = AtomicResponse<Self, Result<ActiveEmergency, EmergencyError>>;

    fn handle(&mut self, Begin { request, by }: Begin, _: &mut Self::Context) -> Self::Result {
        match self.decide(&request, by) {
            Ok(emergency) => {
                let active = emergency.active.clone();
                AtomicResponse::new(Box::pin(self.commit(Some(emergency), None).map(|done, _, _| Ok(done.map(|()| active)?))))
            }
            Err(refusal) => AtomicResponse::new(Box::pin(actix::fut::ready(Err(refusal.into())))),
        }
    }
}

impl Handler<Clear> for Emergencies {
    type Result = AtomicResponse<Self, Result<(), JournalError>>;

    fn handle(&mut self, _: Clear, _: &mut Self::Context) -> Self::Result {
        if self.active.is_none() {
            return AtomicResponse::new(Box::pin(actix::fut::ready(Ok(()))));
        }
        AtomicResponse::new(self.commit(None, None))
    }
}

impl Handler<Ordered> for Emergencies {
    type Result = AtomicResponse<Self, Result<(), JournalError>>;

    fn handle(&mut self, Ordered { order, wish, traceparent }: Ordered, _: &mut Self::Context) -> Self::Result {
        let EmergencyOrder { begin, expires } = wish;
        let ended = |outcome, reason: Option<&str>| OrderDone { order, outcome, reason: reason.map(str::to_owned), visit: None };
        let late = self.clock.now() >= expires;
        let decided = begin.map(|request| self.decide(&request, CLOUD.to_owned())).transpose();
        let refused = match decided {
            Ok(wanted) if !late => return AtomicResponse::new(self.commit(wanted, Some((ended(OrderOutcome::Done, None), traceparent)))),
            Ok(_) => ended(OrderOutcome::Expired, None),
            Err(refusal) => ended(OrderOutcome::Refused, Some(refusal.code())),
        };
        let mut entry = Entry::default();
        let settled = self.settle(&mut entry, refused, traceparent.as_deref());
        let journal = self.journal.clone();
        let committed = async move {
            settled?;
            journal.commit(entry).await
        };
        AtomicResponse::new(Box::pin(committed.into_actor(self).map(|done, act, _| {
            if let Err(error) = &done {
                act.fatal.report(FatalError::Journal(error.clone()));
            }
            done
        })))
    }
}

impl Handler<Tick> for Emergencies {
    type Result = ();

    fn handle(&mut self, _: Tick, ctx: &mut Self::Context) {
        let over = self.active.as_ref().is_some_and(|emergency| self.clock.now() >= emergency.active.expires);
        if over {
            // What failed has ended the node.
            ctx.wait(self.commit(None, None).map(|_, _, _| ()));
            return;
        }
        // Also that nothing is on: a screen whose mailbox was full at the end of one would show it for ever.
        self.publish();
        let state = self.now_on();
        let never_used = state.active.is_none() && state.ready.is_empty() && self.reported.is_none();
        if never_used || self.reported.as_ref() == Some(&state) {
            return;
        }
        let record = self.maker.make(&Body::EmergencyReported(Box::new(state.clone())), STATE_KEY.to_owned(), Cause::default());
        let journal = self.journal.clone();
        let committed = async move { journal.commit(Entry { changes: vec![], records: vec![record?] }).await };
        ctx.wait(committed.into_actor(self).map(move |done, act, _| match done {
            Ok(()) => act.reported = Some(state),
            Err(error) => act.fatal.report(FatalError::Journal(error)),
        }));
    }
}
