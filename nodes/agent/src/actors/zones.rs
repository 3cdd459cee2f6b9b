//! Zones of the store: who is counted where.
//!
//! Owns the place of each visit, the leased contexts of visits, the counters and slots of every zone, and the facts that follow from them.
//! Takes presence from Visits, contexts from the Catalogue, counts from sensors, ticks.
//! Emits to each screen the audience of a slot and the facts; to the cloud a report per zone.
//! On failure: what is not known counts as nobody; a failed commit ends the node. Full mailbox: presence is told again at the next signal.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use aisle_mesh::clock::Clock;
use aisle_node_core::ids::{SegmentId, TouchpointId, VisitToken, ZoneId};
use aisle_node_core::lease::Lease;
use aisle_node_core::signage::Facts;
use aisle_node_core::signage::facts::Fact;
use aisle_node_core::zone::{Noise, Slot, ZoneCounters};
use aisle_schemas::record::Body;
use aisle_schemas::store::{ZoneCount, ZoneReport};
use aisle_schemas::visit::ContextLease;
use chrono::{DateTime, Utc};

use super::visit_messages::StoreChanged;
use super::{MAILBOX, Tick, tell};
use crate::fatal::{Fatal, FatalError};
use crate::journal::{Cause, Entry, Journal, RecordMaker};
use crate::now::Now;

/// Zones of one store; the profile's bound.
const ZONES_MAX: usize = 200;
/// Sensors heard of; the profile's bound on devices.
const SENSORS_MAX: usize = 2_000;
/// A slot lasts a minute, the shortest that K3 allows.
const SLOT: Duration = Duration::from_secs(60);
/// The purpose without which nobody is part of an audience.
const PURPOSE: &str = "instore_context";
/// A zone is reported at most once in so many milliseconds, whatever happens in it.
const REPORT_EVERY_MS: i64 = 1_000;

/// Where a visit is.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub enum Presence {
    Entered { token: VisitToken, zone: ZoneId },
    Left { token: VisitToken },
}

/// A sensor counted people.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), UnknownZone>")]
pub struct Counted {
    pub sensor: TouchpointId,
    pub count: ZoneCount,
}

/// The store has no such zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the store has no such zone")]
pub struct UnknownZone;

/// A visit's context came, or was taken back. `fresh` is false for what an earlier run received: its age is not known.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct ContextChanged {
    pub token: VisitToken,
    pub lease: Option<Box<ContextLease>>,
    pub fresh: bool,
}

/// The audience of a zone for one slot.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Audience {
    pub zone: ZoneId,
    pub slot: Slot,
}

/// What the store knows of itself.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct FactsChanged(pub Arc<Facts>);

/// Who learns of audiences and facts.
#[derive(Clone)]
pub struct Listener {
    pub audience: Recipient<Audience>,
    pub facts: Recipient<FactsChanged>,
}

/// What the actor starts from.
pub struct ZonesConfig {
    pub journal: Journal,
    pub maker: RecordMaker,
    pub clock: Arc<dyn Clock>,
    pub fatal: Fatal,
    pub screens: Vec<Listener>,
}

struct Context {
    lease: Lease,
    epoch: u64,
    consents: bool,
    segments: BTreeSet<SegmentId>,
}

#[derive(Default)]
struct Zone {
    counters: ZoneCounters,
    /// Everyone whose last signal was here.
    visits: BTreeSet<VisitToken>,
    /// Latest count of each sensor.
    people: BTreeMap<TouchpointId, u32>,
    slot: Option<Slot>,
    /// What was last reported, and when.
    reported: Option<(u32, u32)>,
    reported_at: Option<DateTime<Utc>>,
}

/// The actor.
pub struct Zones {
    zones: BTreeMap<ZoneId, Zone>,
    /// Whether the profile has come: before it any zone that a visit names is one.
    known: bool,
    place: BTreeMap<VisitToken, ZoneId>,
    contexts: BTreeMap<VisitToken, Context>,
    facts: Facts,
    screens: Vec<Listener>,
    journal: Journal,
    maker: RecordMaker,
    clock: Arc<dyn Clock>,
    fatal: Fatal,
}

impl Zones {
    /// An empty store; visits and contexts tell it what is.
    #[must_use]
    pub fn new(config: ZonesConfig) -> Self {
        let ZonesConfig { journal, maker, clock, fatal, screens } = config;
        Self {
            zones: BTreeMap::new(),
            known: false,
            place: BTreeMap::new(),
            contexts: BTreeMap::new(),
            facts: Facts::default(),
            screens,
            journal,
            maker,
            clock,
            fatal,
        }
    }

    fn zone(&mut self, id: &ZoneId) -> Option<&mut Zone> {
        let may_add = !self.known && self.zones.len() < ZONES_MAX;
        if may_add {
            return Some(self.zones.entry(id.clone()).or_default());
        }
        self.zones.get_mut(id)
    }

    /// Counts a visit where it is, if its context says that it may be counted now, and nowhere else.
    fn recount(&mut self, token: VisitToken, now: Now) {
        let Some(place) = self.place.get(&token) else { return };
        let segments = self.contexts.get(&token).filter(|context| context.consents && context.lease.check(context.epoch, now.mono).is_ok());
        let segments = segments.map(|context| context.segments.clone());
        let Some(zone) = self.zones.get_mut(place) else { return };
        match segments {
            Some(segments) => {
                if zone.counters.enter(token, segments).is_err() {
                    metrics::counter!("aisle_zone_full_total").increment(1);
                }
            }
            None => {
                zone.counters.leave(&token);
            }
        }
    }

    fn remove(&mut self, token: &VisitToken) {
        if let Some(zone) = self.place.remove(token).and_then(|place| self.zones.get_mut(&place)) {
            zone.visits.remove(token);
            zone.counters.leave(token);
        }
    }

    /// Begins the slots that are due, and tells screens. This is the only moment at which an audience or its count changes anything.
    fn begin_slots(&mut self, now: Now) {
        let mut facts_changed = false;
        for (id, zone) in &mut self.zones {
            let noise = Noise::from_draw(rand::random());
            let Some(slot) = zone.counters.next_slot(zone.slot.as_ref(), now.wall, SLOT, noise) else { continue };
            facts_changed |= publish_count(&mut self.facts, id, &slot);
            for screen in &self.screens {
                tell(&screen.audience, Audience { zone: id.clone(), slot: slot.clone() }, "screen");
            }
            zone.slot = Some(slot);
        }
        if facts_changed {
            self.facts.forget(now.wall);
            let facts = Arc::new(self.facts.clone());
            for screen in &self.screens {
                tell(&screen.facts, FactsChanged(Arc::clone(&facts)), "screen");
            }
        }
    }

    /// Reports of zones whose numbers changed.
    fn reports(&mut self, now: Now) -> Vec<ZoneReport> {
        let mut reports = Vec::new();
        for (id, zone) in &mut self.zones {
            let visits = u32::try_from(zone.visits.len()).unwrap_or(u32::MAX);
            let people = zone.people.values().fold(0_u32, |sum, count| sum.saturating_add(*count));
            let waited = zone.reported_at.is_none_or(|at| (now.wall - at).num_milliseconds() >= REPORT_EVERY_MS);
            if zone.reported == Some((visits, people)) || !waited {
                continue;
            }
            zone.reported = Some((visits, people));
            zone.reported_at = Some(now.wall);
            reports.push(ZoneReport { zone: id.clone(), visits, people, at: now.wall });
        }
        reports
    }
}

/// A count of people is data about an audience: it is known while it is above the threshold, and then until its slot ends.
fn publish_count(facts: &mut Facts, zone: &ZoneId, slot: &Slot) -> bool {
    let metric = format!("zone.{zone}.count");
    let Some(count) = slot.published_count() else {
        let was_known = facts.expiry(&metric, DateTime::<Utc>::MIN_UTC).is_some();
        facts.unlearn(&metric);
        return was_known;
    };
    match facts.learn(&metric, Fact { value: count.to_string(), expires: slot.ends_at() }) {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(%error, "a zone's count is not known to screens");
            false
        }
    }
}

impl Actor for Zones {
    type Context = actix::Context<Self>;
    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Handler<Presence> for Zones {
    type Result = ();

    fn handle(&mut self, msg: Presence, _: &mut Self::Context) {
        let now = Now::read(self.clock.as_ref());
        match msg {
            Presence::Entered { token, zone } => {
                self.remove(&token);
                let Some(entered) = self.zone(&zone) else { return };
                entered.visits.insert(token);
                self.place.insert(token, zone);
                self.recount(token, now);
            }
            Presence::Left { token } => {
                self.remove(&token);
                self.contexts.remove(&token);
            }
        }
    }
}

impl Handler<ContextChanged> for Zones {
    type Result = ();

    fn handle(&mut self, msg: ContextChanged, _: &mut Self::Context) {
        let ContextChanged { token, lease, fresh } = msg;
        let now = Now::read(self.clock.as_ref());
        match lease {
            None => {
                self.contexts.remove(&token);
            }
            Some(context) => {
                let held = self.contexts.remove(&token).map_or(Lease::None, |context| context.lease);
                let lease = if fresh { held.granted(now.mono, context.consent_epoch) } else { held };
                let consents = context.consents.iter().any(|purpose| purpose == PURPOSE);
                let segments = context.segments.iter().filter_map(|segment| SegmentId::parse(segment).ok()).collect();
                self.contexts.insert(token, Context { lease, epoch: context.consent_epoch, consents, segments });
            }
        }
        self.recount(token, now);
    }
}

impl Handler<Counted> for Zones {
    type Result = Result<(), UnknownZone>;

    fn handle(&mut self, msg: Counted, _: &mut Self::Context) -> Self::Result {
        let Counted { sensor, count } = msg;
        let sensors: usize = self.zones.values().map(|zone| zone.people.len()).sum();
        let zone = self.zone(&count.zone).ok_or(UnknownZone)?;
        if sensors < SENSORS_MAX || zone.people.contains_key(&sensor) {
            zone.people.insert(sensor, count.people);
            let others = zone.people.values().fold(0_u32, |sum, people| sum.saturating_add(*people));
            zone.counters.set_others(others);
        }
        Ok(())
    }
}

impl Handler<StoreChanged> for Zones {
    type Result = ();

    fn handle(&mut self, StoreChanged(store): StoreChanged, _: &mut Self::Context) {
        self.known = true;
        let named: BTreeSet<&ZoneId> = store.zones.iter().map(|zone| &zone.zone).collect();
        self.zones.retain(|zone, _| named.contains(zone));
        for zone in named.into_iter().take(ZONES_MAX) {
            self.zones.entry(zone.clone()).or_default();
        }
    }
}

impl Handler<Tick> for Zones {
    type Result = ();

    fn handle(&mut self, _: Tick, ctx: &mut Self::Context) {
        let now = Now::read(self.clock.as_ref());
        let tokens: Vec<VisitToken> = self.contexts.keys().copied().collect();
        for token in tokens {
            self.recount(token, now);
        }
        self.begin_slots(now);
        let reports = self.reports(now);
        if reports.is_empty() {
            return;
        }
        let (journal, maker) = (self.journal.clone(), self.maker.clone());
        let committed = async move {
            let mut records = Vec::with_capacity(reports.len());
            for report in reports {
                let subject = format!("zone/{}", report.zone);
                records.push(maker.make(&Body::ZoneReported(Box::new(report)), subject, Cause::default())?);
            }
            journal.commit(Entry { changes: vec![], records }).await
        };
        ctx.wait(committed.into_actor(self).map(|done, act, _| {
            if let Err(error) = done {
                act.fatal.report(FatalError::Journal(error));
            }
        }));
    }
}
