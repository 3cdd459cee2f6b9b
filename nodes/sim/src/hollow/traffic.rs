//! What happens in one hollow store: visits, and the telemetry of its devices, from a seed.
//!
//! Owns the order of a visit's events: one visit at a time, so that they reach the cloud in an order that people make. Takes passes of customers
//! where there are any; a visit without one is a stranger's. Emits records as a node's journal stores them. Pure: time and randomness are arguments.

use std::collections::VecDeque;

use aisle_schemas::event::{Event, EventError, EventType, Source};
use aisle_schemas::ids::{
    BootId, EventId, EventSlug, LayoutZoneId, NodeId, OfferId, PassId, ScreenId, TouchpointId, VisitId, VisitToken, ZoneId,
};
use aisle_schemas::record::Body;
use aisle_schemas::screen::{DisplayPower, Play, PlayDetail, PlayOutcome, PlayRule};
use aisle_schemas::sync::Stream;
use aisle_schemas::visit::{CheckInMethod, CheckInRefused, CloseReason, Hlc, VisitClosed, VisitOpened, VisitSeen, VisitSignal};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use rand::{Rng, SeedableRng, rngs::SmallRng};

/// Zones walked through in one visit.
const ZONES: [&str; 5] = ["fresh", "pantry", "pets", "home", "checkout"];
/// One refused check-in for so many visits.
const REFUSED_EVERY: u64 = 4;
/// Length of a play, milliseconds.
const PLAY_MS: u32 = 8_000;
/// Records of class A in one round: an opening, the zones, an end, and now and then a refusal.
const FACTS_PER_VISIT: u32 = 2 + ZONES.len() as u32;

/// How much of the traffic is telemetry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mix {
    /// Plays of screens for each record of class A.
    pub plays_per_fact: u32,
}

impl Mix {
    /// The busy store from which SYNC.md derives its disk budgets: 864,000 telemetry records a day for 50,000 of class A.
    pub const BUSY_STORE: Self = Self { plays_per_fact: 17 };
    /// Visits and nothing else: the dearest records alone.
    pub const VISITS: Self = Self { plays_per_fact: 0 };
}

/// What a record says, for the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    Opened(VisitId),
    Seen,
    Closed(VisitId),
    Refused,
    Played,
}

/// One record to accept.
#[derive(Debug, Clone)]
pub struct Record {
    pub stream: Stream,
    pub id: EventId,
    pub event: Bytes,
    pub fact: Fact,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Open,
    See(usize),
    Close,
    Refuse,
    Play,
}

/// The traffic of one store.
#[derive(Debug)]
pub struct Traffic {
    node: NodeId,
    rng: SmallRng,
    mix: Mix,
    passes: VecDeque<PassId>,
    /// What the plays show; none is the store's own content.
    offer: Option<OfferId>,
    steps: VecDeque<Step>,
    visit: VisitId,
    visits: u64,
    boot: BootId,
    plays: u64,
}

impl Traffic {
    /// The traffic of `node` from `seed`.
    pub fn new(node: NodeId, mix: Mix, seed: u64, now: DateTime<Utc>) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let boot = BootId::new(unix_ms(now), rng.random());
        let visit = VisitId::new(unix_ms(now), rng.random());
        Self { node, rng, mix, passes: VecDeque::new(), offer: None, steps: VecDeque::new(), visit, visits: 0, boot, plays: 0 }
    }

    /// Customers who will come, each pass once.
    pub fn expect(&mut self, passes: impl IntoIterator<Item = PassId>) {
        self.passes.extend(passes);
    }

    /// Passes of customers who have not come yet.
    pub fn expected(&self) -> usize {
        self.passes.len()
    }

    /// What screens show from now on.
    pub fn show(&mut self, offer: Option<OfferId>) {
        self.offer = offer;
    }

    /// What happens next, and what it is about: for a node's own journal, which makes the record itself.
    pub fn happening(&mut self, now: DateTime<Utc>) -> (Body, String, Fact) {
        let step = match self.steps.pop_front() {
            Some(step) => step,
            None => {
                self.plan();
                self.steps.pop_front().unwrap_or(Step::Play)
            }
        };
        self.body(step, now)
    }

    /// The next record.
    ///
    /// # Errors
    /// When a body cannot be written as JSON.
    pub fn next(&mut self, now: DateTime<Utc>) -> Result<Record, EventError> {
        let (body, subject, fact) = self.happening(now);
        let (id, stream) = (EventId::new(unix_ms(now), self.rng.random()), body.stream());
        let ty = EventType::literal(body.type_name());
        let mut event = Event::bare(id, Source::Node(self.node.clone()), ty, now);
        event.subject = Some(subject);
        event.data = Some(body.to_raw().map_err(|error| EventError::new("data", error))?);
        Ok(Record { stream, id, event: Bytes::from(event.to_stored()?), fact })
    }

    /// The steps of the next visit, telemetry evenly between them.
    fn plan(&mut self) {
        self.visits += 1;
        let mut facts = vec![Step::Open];
        facts.extend((0..ZONES.len()).map(Step::See));
        facts.push(Step::Close);
        if self.visits.is_multiple_of(REFUSED_EVERY) {
            facts.push(Step::Refuse);
        }
        for fact in facts {
            self.steps.push_back(fact);
            self.steps.extend((0..self.mix.plays_per_fact).map(|_| Step::Play));
        }
    }

    fn body(&mut self, step: Step, now: DateTime<Utc>) -> (Body, String, Fact) {
        let hlc = Hlc { physical_ms: unix_ms(now), counter: 0 };
        match step {
            Step::Open => {
                self.visit = VisitId::new(unix_ms(now), self.rng.random());
                let visit = self.visit;
                let pass = self.passes.pop_front().unwrap_or_else(|| PassId::new(unix_ms(now), self.rng.random()));
                let token = VisitToken::from_random(self.rng.random());
                let method = if self.rng.random_bool(0.5) { CheckInMethod::AppQr } else { CheckInMethod::Nfc };
                let touchpoint = touchpoint();
                let body = VisitOpened { visit, token, pass, method, touchpoint, at: now, hlc };
                (Body::VisitOpened(Box::new(body)), format!("visit/{visit}"), Fact::Opened(visit))
            }
            Step::See(place) => {
                let visit = self.visit;
                let zone = ZoneId::parse(ZONES.get(place).copied().unwrap_or("fresh")).expect("zones are literals");
                let body = VisitSeen { visit, signal: VisitSignal::ZoneEntered { zone }, at: now, hlc };
                (Body::VisitSeen(Box::new(body)), format!("visit/{visit}"), Fact::Seen)
            }
            Step::Close => {
                let visit = self.visit;
                let body = VisitClosed { visit, reason: CloseReason::CheckedOut, ended_at: now, hlc };
                (Body::VisitClosed(Box::new(body)), format!("visit/{visit}"), Fact::Closed(visit))
            }
            Step::Refuse => {
                let touchpoint = touchpoint();
                let subject = format!("checkin/{touchpoint}");
                let body = CheckInRefused { touchpoint: Some(touchpoint), reason: "expired".to_owned(), at: now };
                (Body::CheckInRefused(Box::new(body)), subject, Fact::Refused)
            }
            Step::Play => {
                self.plays += 1;
                let screen = ScreenId::parse("aisle-5").expect("a literal");
                let subject = format!("screen/{screen}");
                let body = Play {
                    screen,
                    boot: self.boot,
                    seq: self.plays,
                    zone: LayoutZoneId::parse("main").expect("a literal"),
                    event: EventSlug::parse("welcome").expect("a literal"),
                    offer: self.offer,
                    offer_rev: self.offer.map(|_| 1),
                    rule: PlayRule::Loop,
                    started_at: now,
                    duration_ms: PLAY_MS,
                    clock_synced: true,
                    outcome: PlayOutcome::Complete,
                    display_power: DisplayPower::On,
                    detail: PlayDetail::default(),
                };
                (Body::PlayLogged(Box::new(body)), subject, Fact::Played)
            }
        }
    }
}

/// Visits that `records` records of this mix hold, rounded up: so many passes are needed.
pub fn visits_in(records: u64, mix: Mix) -> u64 {
    records.div_ceil(u64::from(FACTS_PER_VISIT) * (1 + u64::from(mix.plays_per_fact)))
}

fn touchpoint() -> TouchpointId {
    TouchpointId::parse("door-1").expect("a literal")
}

fn unix_ms(now: DateTime<Utc>) -> u64 {
    u64::try_from(now.timestamp_millis()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_511_520, 0).unwrap()
    }

    fn records(mix: Mix, count: usize) -> Vec<Record> {
        let mut traffic = Traffic::new(NodeId::parse("acme.s1.n1").unwrap(), mix, 3, at());
        (0..count).map(|_| traffic.next(at()).unwrap()).collect()
    }

    #[test]
    fn a_visit_is_opened_walked_and_closed_before_the_next_one() {
        let facts: Vec<_> = records(Mix::VISITS, 14).into_iter().map(|record| record.fact).collect();
        let Fact::Opened(first) = facts[0] else { panic!("{facts:?}") };
        assert_eq!(facts[6], Fact::Closed(first));
        let Fact::Opened(second) = facts[7] else { panic!("{facts:?}") };
        assert_eq!((facts[13], first == second), (Fact::Closed(second), false));
    }

    #[test]
    fn the_busy_store_has_the_telemetry_that_the_budgets_assume() {
        let (visits, each) = (400, 1 + Mix::BUSY_STORE.plays_per_fact);
        let records = records(Mix::BUSY_STORE, visits * (each as usize));
        let plays = records.iter().filter(|record| record.fact == Fact::Played).count();
        assert_eq!(plays, visits * (Mix::BUSY_STORE.plays_per_fact as usize));
    }

    #[test]
    fn every_record_is_one_that_a_cloud_can_read() {
        for record in records(Mix::BUSY_STORE, 600) {
            let event = Event::parse(&record.event).unwrap();
            let subject = event.subject.clone().unwrap();
            let body = Body::parse(event.ty.as_str(), &subject, event.data.as_deref().unwrap()).unwrap();
            assert_eq!((body.stream(), event.id), (record.stream, record.id));
        }
    }

    #[test]
    fn the_same_seed_makes_the_same_traffic() {
        let ids = |records: Vec<Record>| records.into_iter().map(|record| record.id).collect::<Vec<_>>();
        assert_eq!(ids(records(Mix::VISITS, 50)), ids(records(Mix::VISITS, 50)));
    }
}
