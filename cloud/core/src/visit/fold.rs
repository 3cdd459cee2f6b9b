//! All visits of one person, built from their events (DOMAIN 8, *Fold*; V1 to V4).
//!
//! Owns the order of events and the run of timers between them. Takes a set of events, in any order and any number of times; emits the
//! same [`CustomerVisits`] for the same set. An opening is itself a fact: no late signal opens, joins or removes a visit, and a visit
//! ends at the latest when the person's next one begins.

use std::collections::{BTreeMap, BTreeSet};

use aisle_schemas::{ids::NodeId, visit::Hlc};
use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};

use super::{ClosedReason, Effect, ExitToken, Payment, Signal, Step, Timer, Visit, VisitState};
use crate::ids::{EventId, StoreId, VisitId};

/// How long a person near a store is expected.
pub const ANNOUNCED_LIFE: TimeDelta = TimeDelta::minutes(30);

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VisitFact {
    /// The app came near a store. `location_allowed`: as consent stood when the cloud accepted it.
    NearStore {
        store: StoreId,
        location_allowed: bool,
    },
    LeftNeighbourhood {
        store: StoreId,
    },
    Opened {
        visit: VisitId,
        store: StoreId,
        store_closes_at: Option<DateTime<Utc>>,
    },
    Signal {
        visit: VisitId,
        signal: Signal,
    },
}

/// One event of one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisitEvent {
    pub id: EventId,
    pub hlc: Hlc,
    pub edge: NodeId,
    /// Corrected instant.
    pub at: DateTime<Utc>,
    pub fact: VisitFact,
}

impl VisitEvent {
    fn order(&self) -> (Hlc, &NodeId, EventId) {
        (self.hlc, &self.edge, self.id)
    }
}

/// A person's visits at an instant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CustomerVisits {
    pub visits: BTreeMap<VisitId, Visit>,
    pub open: Option<VisitId>,
    /// Stores the person is near, since when. Not visits.
    pub announced: BTreeMap<StoreId, DateTime<Utc>>,
    /// Announcements that came to nothing; all that remains of them.
    pub dropped_announcements: u32,
    /// Events that meant nothing in the state they met.
    pub unexpected: BTreeSet<EventId>,
    /// Effects in the order they came up, each with its visit and the event that led to it; `None` for a timer. The shell acts on those of
    /// events that are new to it, and on those of timers once.
    pub effects: Vec<(VisitId, Option<EventId>, Effect)>,
}

/// Folds a set of events into the state at `now`. Events after `now` are not left out: the fold ends at whatever comes later.
pub fn fold(events: &[VisitEvent], now: DateTime<Utc>) -> CustomerVisits {
    let mut sorted: Vec<&VisitEvent> = events.iter().collect();
    sorted.sort_by_key(|event| event.order());
    sorted.dedup_by_key(|event| event.id);
    let mut known = BTreeSet::new();
    let mut fold = Fold { state: CustomerVisits::default(), clock: DateTime::<Utc>::MIN_UTC };
    for event in sorted {
        // The same event may come with two clocks after an edge was restored; the earlier counts.
        if known.insert(event.id) {
            fold.advance(event.at);
            fold.take(event);
        }
    }
    fold.advance(now);
    fold.state
}

struct Fold {
    state: CustomerVisits,
    /// Instant of the latest event; later ones in HLC order with an earlier wall clock happen at it.
    clock: DateTime<Utc>,
}

impl Fold {
    fn advance(&mut self, to: DateTime<Utc>) {
        while let Some((id, timer, due)) = self.next_timer()
            && due <= to
        {
            let at = due.max(self.clock);
            self.move_visit(id, None, |visit| visit.fire(timer, at));
        }
        let expired: Vec<StoreId> =
            self.state.announced.iter().filter(|(_, since)| **since + ANNOUNCED_LIFE <= to).map(|(store, _)| store.clone()).collect();
        for store in expired {
            self.drop_announcement(&store);
        }
        self.clock = self.clock.max(to);
    }

    fn next_timer(&self) -> Option<(VisitId, Timer, DateTime<Utc>)> {
        let id = self.state.open?;
        let (timer, due) = self.state.visits.get(&id)?.next_due()?;
        Some((id, timer, due))
    }

    fn take(&mut self, event: &VisitEvent) {
        let at = self.clock;
        match &event.fact {
            VisitFact::NearStore { store, location_allowed } => {
                if *location_allowed && self.state.open.is_none() {
                    self.state.announced.insert(store.clone(), at);
                } else {
                    self.state.unexpected.insert(event.id);
                }
            }
            VisitFact::LeftNeighbourhood { store } => self.drop_announcement(store),
            VisitFact::Opened { visit, store, store_closes_at } => {
                if self.state.visits.contains_key(visit) {
                    self.state.unexpected.insert(event.id);
                    return;
                }
                let prev_visit = self.state.open;
                if let Some(prev_visit) = prev_visit {
                    self.move_visit(prev_visit, Some(event.id), |visit| visit.hand_over(at));
                }
                self.state.announced.remove(store);
                let opened = Visit::open(*visit, store.clone(), at, *store_closes_at, prev_visit);
                self.state.visits.insert(*visit, opened);
                self.state.open = Some(*visit);
            }
            VisitFact::Signal { visit, signal } => {
                let known = self.move_visit(*visit, Some(event.id), |visit| visit.apply(signal, at));
                if !known {
                    self.state.unexpected.insert(event.id);
                }
            }
        }
    }

    /// Moves a visit on; `false` when there is none of that id.
    fn move_visit(&mut self, id: VisitId, event: Option<EventId>, transition: impl FnOnce(Visit) -> Step) -> bool {
        let Some(visit) = self.state.visits.remove(&id) else {
            return false;
        };
        let Step { visit, effects, unexpected } = transition(visit);
        if let (true, Some(event)) = (unexpected, event) {
            self.state.unexpected.insert(event);
        }
        if !visit.is_open() && self.state.open == Some(id) {
            self.state.open = None;
        }
        self.state.visits.insert(id, visit);
        self.state.effects.extend(effects.into_iter().map(|effect| (id, event, effect)));
        true
    }

    fn drop_announcement(&mut self, store: &StoreId) {
        if self.state.announced.remove(store).is_some() {
            self.state.dropped_announcements += 1;
        }
    }
}

/// Visits that were closed before and differ now: each gets the next version and a `VisitAmended`.
pub fn amended(before: &CustomerVisits, after: &CustomerVisits) -> Vec<VisitId> {
    before.visits.values().filter(|visit| !visit.is_open() && after.visits.get(&visit.id) != Some(*visit)).map(|visit| visit.id).collect()
}

/// Where a purchase belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PurchaseHome {
    Visit(VisitId),
    /// None fits: the shell makes an anonymous visit for it.
    Anonymous,
}

/// The one visit that a purchase in `store` at `at` belongs to (V3). A purchase at the very end still belongs; of two that meet there,
/// it is the later one.
pub fn home_of_purchase(visits: &CustomerVisits, store: &StoreId, at: DateTime<Utc>) -> PurchaseHome {
    visits
        .visits
        .values()
        .filter(|visit| visit.store == *store && visit.opened_at <= at && visit.ended_at().is_none_or(|end| at <= end))
        .max_by_key(|visit| (visit.opened_at, visit.id))
        .map_or(PurchaseHome::Anonymous, |visit| PurchaseHome::Visit(visit.id))
}

impl CustomerVisits {
    /// Fingerprint of the business fields, equal for equal sets of events (V4).
    pub fn projection_hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for visit in self.visits.values() {
            let Visit {
                id,
                store,
                opened_at,
                last_seen,
                store_closes_at,
                basket_lines,
                devices,
                prev_visit,
                exit_token,
                walking_out_since,
                last_paid_at,
                state,
            } = visit;
            hash.update(id.0.as_bytes());
            text(&mut hash, store.as_str());
            for at in [Some(*opened_at), Some(*last_seen), *store_closes_at, *walking_out_since, *last_paid_at] {
                instant(&mut hash, at);
            }
            hash.update(basket_lines.to_be_bytes());
            hash.update(u64::try_from(devices.len()).unwrap_or(u64::MAX).to_be_bytes());
            for device in devices {
                text(&mut hash, device.as_str());
            }
            hash.update(prev_visit.map_or([0; 16], |id| *id.0.as_bytes()));
            hash.update([exit_token_code(*exit_token)]);
            state_code(&mut hash, *state);
        }
        for (store, since) in &self.announced {
            text(&mut hash, store.as_str());
            instant(&mut hash, Some(*since));
        }
        hash.update(self.dropped_announcements.to_be_bytes());
        hash.finalize().into()
    }
}

fn text(hash: &mut Sha256, text: &str) {
    hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
    hash.update(text.as_bytes());
}

fn instant(hash: &mut Sha256, at: Option<DateTime<Utc>>) {
    hash.update([u8::from(at.is_some())]);
    hash.update(at.map_or(0, |at| at.timestamp_micros()).to_be_bytes());
}

fn exit_token_code(token: ExitToken) -> u8 {
    match token {
        ExitToken::NotIssued => 0,
        ExitToken::Valid => 1,
        ExitToken::Suspended => 2,
    }
}

fn payment_code(payment: Payment) -> u8 {
    match payment {
        Payment::None => 0,
        Payment::InFlight => 1,
    }
}

fn reason_code(reason: ClosedReason) -> u8 {
    match reason {
        ClosedReason::CheckedOut => 0,
        ClosedReason::Left => 1,
        ClosedReason::Timeout => 2,
        ClosedReason::HandedOver => 3,
        ClosedReason::Erased => 4,
    }
}

fn state_code(hash: &mut Sha256, state: VisitState) {
    let (code, at, payment, reason) = match state {
        VisitState::CheckedIn => (0, None, Payment::None, 0),
        VisitState::Active { since } => (1, Some(since), Payment::None, 0),
        VisitState::Idle { since } => (2, Some(since), Payment::None, 0),
        VisitState::CheckingOut { since, payment } => (3, Some(since), payment, 0),
        VisitState::CheckedOut { since } => (4, Some(since), Payment::None, 0),
        VisitState::Closed { reason, ended_at, payment } => (5, Some(ended_at), payment, reason_code(reason)),
    };
    hash.update([code, payment_code(payment), reason]);
    instant(hash, at);
}
