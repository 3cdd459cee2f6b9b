//! One screen.
//!
//! Owns its programme, its plan, its proof of play, commands that wait for it and what it says of itself.
//! Takes the programme, offers, facts, audiences, plays, commands, its state, ticks.
//! Emits the plan and commands to whoever shows it, plays to the journal, a report to the cloud.
//! On failure: a programme that cannot be played is refused and the last one goes on; a failed commit ends the node.
//! Full mailbox: news is counted and dropped, the next news or tick plans anew; reporters of plays wait.
//!
//! It needs nobody to go on: with the cloud cut it plans from what it has, and every play is kept until it is applied.
use std::collections::BTreeMap;
use std::sync::Arc;

use actix::prelude::*;
use aisle_mesh::clock::Clock;
use aisle_node_core::display::{Binding, ZoneState};
use aisle_node_core::ids::{OfferId, ScreenId, ZoneId};
use aisle_node_core::product::assortment::Sold;
use aisle_node_core::signage::play::{PlayCounts, ReportRefusal};
use aisle_node_core::signage::{Emergency, Facts, Inputs, Loop, PlayLog, Programme, next_deadline, plan};
use aisle_node_core::zone::Slot;
use aisle_schemas::offer::Offer;
use aisle_schemas::record::Body;
use aisle_schemas::screen::{PlanItem, PlanSync, Play, PlayAck, ScreenInteraction, ScreenPlan, ScreenProgramme, ScreenReport, ScreenState};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use tokio::sync::watch;

use super::emergency::EmergencyChanged;
use super::facts::ToldFacts;
use super::screen_commands::{Commanded, Commands, Settled, Ways};
use super::screen_label::LabelDesk;
use super::screen_plan::{scheduled, wire_denied, wire_zone};
use super::visit_messages::StoreChanged;
use super::zones::{Audience, FactsChanged};
use super::{MAILBOX, Tick};
use crate::fatal::{Fatal, FatalError};
use crate::journal::{Cause, Entry, Journal, JournalError, RecordMaker, StateChange, unix_ms};
use crate::now::Now;

/// A report of the screen leaves at most once in so many milliseconds.
const REPORT_EVERY_MS: i64 = 1_000;

/// All published offers of the store.
pub type Offers = Arc<BTreeMap<OfferId, Offer>>;

/// The screen's document changed.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ProgrammeChanged(pub Option<Box<ScreenProgramme>>);

/// Published offers changed; the trace is that of the publication.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct OffersChanged {
    pub offers: Offers,
    pub traceparent: Option<String>,
}

/// The screen reports plays.
#[derive(Debug, Message)]
#[rtype(result = "Result<PlayAck, PlaysError>")]
pub struct ReportPlays(pub Vec<Play>);

/// Why plays were not taken.
#[derive(Debug, thiserror::Error)]
pub enum PlaysError {
    #[error(transparent)]
    Refused(#[from] ReportRefusal),
    #[error("failed to commit plays")]
    Journal(#[from] JournalError),
}

/// By which way a screen speaks to the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// The local broker, where its last will says when it is gone.
    Bus,
    /// A page: the node sees whether its stream is open.
    Page,
}

/// The screen says how it is.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct SaysState {
    pub state: ScreenState,
    pub line: Line,
}

/// Somebody touched or came near the screen.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Interacted(pub ScreenInteraction);

/// What the actor starts from.
pub struct ScreenConfig {
    pub screen: ScreenId,
    pub journal: Journal,
    pub maker: RecordMaker,
    pub clock: Arc<dyn Clock>,
    pub fatal: Fatal,
    pub shown: watch::Sender<Option<Arc<ScreenPlan>>>,
    pub ways: Ways,
    pub label: LabelDesk,
}

/// The actor.
pub struct Screen {
    screen: ScreenId,
    programme: Option<Programme>,
    offers: Offers,
    /// Of the people in the store, from the zones.
    facts: Arc<Facts>,
    /// Of everything else, from whoever tells the node.
    told: Arc<Facts>,
    emergency: Option<Arc<Emergency>>,
    audiences: BTreeMap<ZoneId, Slot>,
    time_zone: Tz,
    plays: PlayLog,
    counts: PlayCounts,
    planned: Option<Loop>,
    deadline: Option<DateTime<Utc>>,
    /// Of the latest news, for the plan that follows from it.
    traceparent: Option<String>,
    state: Option<ScreenState>,
    commands: Commands,
    label: LabelDesk,
    showing: Option<(PlanItem, DateTime<Utc>)>,
    /// What was last reported, and when.
    reported: Option<ScreenReport>,
    reported_at: Option<DateTime<Utc>>,
    shown: watch::Sender<Option<Arc<ScreenPlan>>>,
    journal: Journal,
    maker: RecordMaker,
    clock: Arc<dyn Clock>,
    fatal: Fatal,
}

impl Screen {
    /// Loads what earlier runs know of its plays.
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn load(config: ScreenConfig) -> Result<Self, JournalError> {
        let ScreenConfig { screen, journal, maker, clock, fatal, shown, ways, label } = config;
        let (boots, hour) = journal.load_plays(&screen, clock.now()).await?;
        let mut counts = PlayCounts::default();
        hour.into_iter().for_each(|(event, started_at)| counts.count(event, started_at));
        Ok(Self {
            plays: PlayLog::restore(screen.clone(), boots),
            screen,
            programme: None,
            offers: Offers::default(),
            facts: Arc::default(),
            told: Arc::default(),
            emergency: None,
            audiences: BTreeMap::new(),
            time_zone: Tz::UTC,
            counts,
            planned: None,
            deadline: None,
            traceparent: None,
            state: None,
            commands: Commands::new(ways),
            label,
            showing: None,
            reported: None,
            reported_at: None,
            shown,
            journal,
            maker,
            clock,
            fatal,
        })
    }

    /// Plans anew and shows the plan if it differs. Nothing that the display policy denies gets past here.
    fn replan(&mut self) {
        let now = Now::read(self.clock.as_ref());
        let Some(programme) = &self.programme else { return };
        let zone_state =
            ZoneState { slot: self.audiences.get(&programme.zone).cloned(), creatives: BTreeMap::new(), binding: Binding::None };
        let facts = self.told.with(&self.facts);
        let product = programme.label.as_ref().and_then(|sku| self.label.product(sku));
        let inputs = Inputs {
            offers: &self.offers,
            facts: &facts,
            plays: &self.counts,
            zone_state: &zone_state,
            label: product.as_deref().map(Sold::sheet),
            emergency: self.emergency.as_deref(),
            zone: self.time_zone,
            now: now.wall,
        };
        let planned = plan(programme, &inputs);
        self.deadline = next_deadline(programme, &inputs);
        let sync = programme.sync.as_ref().map(|sync| PlanSync { group: sync.group.clone(), epoch: sync.epoch });
        let same_frame = self.shown.borrow().as_ref().is_some_and(|plan| plan.layout == programme.layout && plan.sync == sync);
        let same_product = self.label.sku() == product.as_deref().map(|product| &product.sheet().sku);
        if self.planned.as_ref() == Some(&planned) && same_frame && same_product {
            return;
        }
        // A restart must not count from the beginning: screens keep the highest they saw.
        let last = self.shown.borrow().as_ref().map_or(0, |plan| plan.rev);
        let wire = ScreenPlan {
            screen: self.screen.clone(),
            rev: last.saturating_add(1).max(unix_ms(now.wall)),
            layout: programme.layout.clone(),
            zones: planned.zones.iter().map(|zone| wire_zone(zone, &self.offers)).collect(),
            denied: planned.denied.iter().map(wire_denied).collect(),
            made_at: now.wall,
            traceparent: self.traceparent.take(),
            sync,
        };
        self.label.planned(product.as_deref(), wire.rev, now.wall);
        let main = wire.zones.iter().find(|zone| zone.zone == programme.main);
        let still_shown = self
            .showing
            .as_ref()
            .is_some_and(|(item, _)| main.is_some_and(|zone| zone.items.iter().any(|planned| planned.event == item.event)));
        if !still_shown {
            self.showing = main.and_then(|zone| zone.items.first()).map(|item| (item.clone(), now.wall));
        }
        self.planned = Some(planned);
        self.shown.send_replace(Some(Arc::new(wire)));
        metrics::counter!("aisle_plans_total").increment(1);
    }

    fn report(&mut self, now: DateTime<Utc>) -> Option<ScreenReport> {
        let price_unseen_since = self.label.alarm(now);
        let programme = self.programme.as_ref()?;
        let plan = self.shown.borrow().clone();
        Some(ScreenReport {
            screen: self.screen.clone(),
            zone: programme.zone.clone(),
            online: self.state.as_ref().is_some_and(|state| state.online),
            showing: self.showing.as_ref().map(|(item, _)| item.clone()),
            since: self.showing.as_ref().map(|(_, since)| *since),
            plan_rev: plan.as_ref().map_or(0, |plan| plan.rev),
            denied: plan.as_ref().map_or_else(Vec::new, |plan| plan.denied.clone()),
            price_unseen_since,
        })
    }

    /// What committing these plays takes.
    fn plays_entry(&self, plays: &[Play], up_to: u64) -> Result<Entry, JournalError> {
        let mut entry = Entry::default();
        for play in plays {
            let body = Body::PlayLogged(Box::new(play.clone()));
            entry.records.push(self.maker.make(&body, format!("screen/{}", self.screen), Cause::default())?);
            if self.is_capped(play) {
                entry.changes.push(StateChange::CountPlay {
                    screen: self.screen.clone(),
                    event: scheduled(play).clone(),
                    started_at: play.started_at,
                });
            }
        }
        if let Some(play) = plays.first() {
            entry.changes.push(StateChange::PlaysUpTo { screen: self.screen.clone(), boot: play.boot, seq: up_to });
        }
        Ok(entry)
    }

    fn is_capped(&self, play: &Play) -> bool {
        let scheduled = scheduled(play);
        self.programme
            .as_ref()
            .is_some_and(|programme| programme.events.iter().any(|event| event.id == *scheduled && event.plays_per_hour_max.is_some()))
    }

    fn apply_plays(&mut self, plays: &[Play]) {
        for play in plays {
            if self.is_capped(play) {
                self.counts.count(scheduled(play).clone(), play.started_at);
            }
        }
        metrics::counter!("aisle_plays_total").increment(u64::try_from(plays.len()).unwrap_or(u64::MAX));
        let Some(programme) = &self.programme else { return };
        let Some(last) = plays.iter().rev().find(|play| play.zone == programme.main) else { return };
        let plan = self.shown.borrow().clone();
        let planned = plan.as_ref().and_then(|plan| {
            let zone = plan.zones.iter().find(|zone| zone.zone == last.zone)?;
            zone.items.iter().find(|item| item.event == last.event)
        });
        if let Some(item) = planned {
            self.showing = Some((item.clone(), last.started_at));
        }
    }
}

impl Actor for Screen {
    type Context = Context<Self>;
    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Handler<ProgrammeChanged> for Screen {
    type Result = ();

    fn handle(&mut self, ProgrammeChanged(programme): ProgrammeChanged, _: &mut Self::Context) {
        let Some(wire) = programme else {
            // Its document was deleted: it keeps drawing its last plan until it is given another, rather than go black.
            tracing::info!(screen = %self.screen, "the screen has no programme any more");
            return;
        };
        match Programme::try_from(wire.as_ref()) {
            Ok(programme) => self.programme = Some(programme),
            Err(error) => {
                tracing::error!(screen = %self.screen, %error, "programme refused, the last one goes on");
                metrics::counter!("aisle_programmes_refused_total").increment(1);
                return;
            }
        }
        self.replan();
    }
}

impl Handler<OffersChanged> for Screen {
    type Result = ();

    fn handle(&mut self, OffersChanged { offers, traceparent }: OffersChanged, _: &mut Self::Context) {
        self.offers = offers;
        self.traceparent = traceparent;
        self.replan();
    }
}

impl Handler<StoreChanged> for Screen {
    type Result = ();

    fn handle(&mut self, StoreChanged(store): StoreChanged, _: &mut Self::Context) {
        match store.time_zone.parse() {
            Ok(zone) => self.time_zone = zone,
            Err(_) => tracing::error!("the store's time zone is unreadable"),
        }
        self.replan();
    }
}

impl Handler<Audience> for Screen {
    type Result = ();

    fn handle(&mut self, Audience { zone, slot }: Audience, _: &mut Self::Context) {
        let own = self.programme.as_ref().is_some_and(|programme| programme.zone == zone);
        self.audiences.insert(zone, slot);
        if own {
            self.replan();
        }
    }
}

impl Handler<FactsChanged> for Screen {
    type Result = ();

    fn handle(&mut self, FactsChanged(facts): FactsChanged, _: &mut Self::Context) {
        self.facts = facts;
        self.replan();
    }
}

impl Handler<ToldFacts> for Screen {
    type Result = ();

    fn handle(&mut self, ToldFacts(facts): ToldFacts, _: &mut Self::Context) {
        self.told = facts;
        self.replan();
    }
}

impl Handler<EmergencyChanged> for Screen {
    type Result = ();

    fn handle(&mut self, EmergencyChanged(emergency): EmergencyChanged, _: &mut Self::Context) {
        if self.emergency != emergency {
            self.emergency = emergency;
            self.replan();
        }
    }
}

impl Handler<ReportPlays> for Screen {
    type Result = AtomicResponse<Self, Result<PlayAck, PlaysError>>;

    fn handle(&mut self, ReportPlays(plays): ReportPlays, _: &mut Self::Context) -> Self::Result {
        let decided = self
            .plays
            .decide(&plays)
            .map_err(PlaysError::from)
            .and_then(|accepted| Ok((self.plays_entry(&accepted.plays, accepted.up_to)?, accepted)));
        let (entry, accepted) = match decided {
            Ok(decided) => decided,
            Err(error) => return AtomicResponse::new(Box::pin(actix::fut::ready(Err(error)))),
        };
        let journal = self.journal.clone();
        let committed = async move { journal.commit(entry).await }.into_actor(self);
        AtomicResponse::new(Box::pin(committed.map(move |done, act, ctx| match done {
            Ok(()) => {
                if let Some(boot) = act.plays.apply(&plays, &accepted) {
                    ctx.spawn(act.forget_boot(boot));
                }
                if accepted.missing > 0 {
                    metrics::counter!("aisle_plays_missing_total").increment(accepted.missing);
                }
                act.apply_plays(&accepted.plays);
                Ok(PlayAck { boot: accepted.boot, seq: accepted.up_to })
            }
            Err(error) => {
                act.fatal.report(FatalError::Journal(error.clone()));
                Err(error.into())
            }
        })))
    }
}

impl Screen {
    /// The oldest boot is no longer told apart; its row goes too.
    fn forget_boot(&self, boot: aisle_node_core::ids::BootId) -> ResponseActFuture<Self, ()> {
        let change = StateChange::ForgetBoot { screen: self.screen.clone(), boot };
        let journal = self.journal.clone();
        let committed = async move { journal.commit(Entry { changes: vec![change], records: vec![] }).await };
        Box::pin(committed.into_actor(self).map(|done, act, _| {
            if let Err(error) = done {
                act.fatal.report(FatalError::Journal(error));
            }
        }))
    }
}

impl Handler<SaysState> for Screen {
    type Result = ();

    fn handle(&mut self, SaysState { state, line }: SaysState, ctx: &mut Self::Context) {
        match line {
            Line::Bus => self.commands.on_bus(state.online),
            Line::Page => {}
        }
        if let (Some(rev), true) = (state.plan_rev, state.online) {
            self.label.draws(rev);
        }
        self.state = Some(state);
        self.settle_waiting(ctx);
    }
}

impl Handler<Commanded> for Screen {
    type Result = AtomicResponse<Self, Result<(), JournalError>>;

    fn handle(&mut self, commanded: Commanded, _: &mut Self::Context) -> Self::Result {
        let too_many = self.commands.take(commanded);
        let mut settled = self.commands.decide(self.clock.now());
        settled.extend(too_many);
        AtomicResponse::new(self.settle(settled))
    }
}

impl Screen {
    /// Settles what can be settled now, before anything else is handled.
    fn settle_waiting(&self, ctx: &mut Context<Self>) {
        let settled = self.commands.decide(self.clock.now());
        if !settled.is_empty() {
            // What failed has ended the node.
            ctx.wait(self.settle(settled).map(|_, _, _| ()));
        }
    }

    /// Commits how commands ended, then hands on those that shall be done: each at most once, also across a restart.
    fn settle(&self, settled: Vec<Settled>) -> ResponseActFuture<Self, Result<(), JournalError>> {
        if settled.is_empty() {
            return Box::pin(actix::fut::ready(Ok(())));
        }
        let (journal, entry) = (self.journal.clone(), Commands::entry(&settled, &self.maker));
        let committed = async move { journal.commit(entry?).await };
        Box::pin(committed.into_actor(self).map(move |done, act, _| {
            match &done {
                Ok(()) => act.commands.apply(&settled),
                Err(error) => act.fatal.report(FatalError::Journal(error.clone())),
            }
            done
        }))
    }
}

impl Handler<Interacted> for Screen {
    type Result = ();

    fn handle(&mut self, Interacted(interaction): Interacted, _: &mut Self::Context) {
        let ScreenInteraction { kind, zone: _ } = interaction;
        let kind = match kind {
            aisle_schemas::screen::InteractionKind::Touch => "touch",
            aisle_schemas::screen::InteractionKind::Approach => "approach",
        };
        metrics::counter!("aisle_screen_interactions_total", "kind" => kind).increment(1);
    }
}

impl Handler<Tick> for Screen {
    type Result = ();

    fn handle(&mut self, _: Tick, ctx: &mut Self::Context) {
        let now = Now::read(self.clock.as_ref());
        self.settle_waiting(ctx);
        self.counts.forget(now.wall);
        let is_stale = self.programme.as_ref().is_some_and(|programme| programme.label.is_some()) && self.label.is_stale();
        if is_stale || self.deadline.is_some_and(|deadline| now.wall >= deadline) {
            self.replan();
        }
        let waited = self.reported_at.is_none_or(|at| (now.wall - at).num_milliseconds() >= REPORT_EVERY_MS);
        let report = self.report(now.wall);
        let (Some(report), true) = (report, waited) else { return };
        if self.reported.as_ref() == Some(&report) {
            return;
        }
        let body = Body::ScreenReported(Box::new(report.clone()));
        let record = self.maker.make(&body, format!("screen/{}", self.screen), Cause::default());
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
