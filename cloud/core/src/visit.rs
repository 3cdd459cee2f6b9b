//! One stay in one store: its states, what moves it on, and what follows (DOMAIN 8).
//!
//! Owns [`Visit`] and its transitions by signal ([`Visit::apply`]) and by time ([`Visit::next_due`], [`Visit::fire`]). Takes facts with
//! their corrected instants; emits the next state and [`Effect`]s for the shell to act on. A signal that means nothing in a state
//! changes nothing and is reported as unexpected. [`fold`] builds all visits of a person from their events.

mod arrival;
mod check_in;
mod fold;

pub use arrival::{Arrival, CLOCK_TOLERANCE, EventKind, FUTURE_MAX, LATE_MAX, QuarantineReason, classify, corrected, measure_skew};
pub use check_in::{CODE_LIFE, CheckInDecision, CheckInRefused, DoorCode, Handover, OpenVisitSummary, decide_check_in};
pub use fold::{ANNOUNCED_LIFE, CustomerVisits, PurchaseHome, VisitEvent, VisitFact, amended, fold, home_of_purchase};

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use crate::ids::{DeviceId, StoreId, VisitId};

/// Silence after which a visit counts as idle.
pub const IDLE_AFTER: TimeDelta = TimeDelta::minutes(20);
/// Idleness after which a visit is over.
pub const TIMEOUT_AFTER_IDLE: TimeDelta = TimeDelta::minutes(90);
/// Time after the store closes at which nobody is shopping any more.
pub const TIMEOUT_AFTER_CLOSING: TimeDelta = TimeDelta::minutes(30);
/// Longest visit.
pub const TIMEOUT_AFTER_CHECK_IN: TimeDelta = TimeDelta::hours(6);
/// How long a quote is frozen.
pub const QUOTE_LIFE: TimeDelta = TimeDelta::minutes(10);
/// How long a paid visit waits for its exit.
pub const EXIT_WAIT: TimeDelta = TimeDelta::minutes(15);
/// Silence after an exit that makes it a walk-out.
pub const WALK_OUT_AFTER: TimeDelta = TimeDelta::seconds(120);

/// Whether money is moving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Payment {
    None,
    InFlight,
}

/// Whether the person may leave with what they paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExitToken {
    NotIssued,
    Valid,
    /// Something was scanned after paying; valid again when that is paid or put back.
    Suspended,
}

/// Why a visit ended. `HandedOver` and `Timeout` pass to closed at once and remain as the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClosedReason {
    /// Paid and gone, or paid and checked in anew.
    CheckedOut,
    /// Left without goods.
    Left,
    Timeout,
    HandedOver,
    Erased,
}

/// Where a visit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VisitState {
    CheckedIn,
    Active { since: DateTime<Utc> },
    Idle { since: DateTime<Utc> },
    CheckingOut { since: DateTime<Utc>, payment: Payment },
    CheckedOut { since: DateTime<Utc> },
    Closed { reason: ClosedReason, ended_at: DateTime<Utc>, payment: Payment },
}

/// A stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    pub id: VisitId,
    pub store: StoreId,
    pub opened_at: DateTime<Utc>,
    pub last_seen: DateTime<Utc>,
    /// When the store closes that day; `None` where it does not.
    pub store_closes_at: Option<DateTime<Utc>>,
    pub basket_lines: u32,
    pub devices: BTreeSet<DeviceId>,
    pub prev_visit: Option<VisitId>,
    pub exit_token: ExitToken,
    /// When a person with a mandate passed the exit with goods; cleared by any signal from inside.
    pub walking_out_since: Option<DateTime<Utc>>,
    pub last_paid_at: Option<DateTime<Utc>>,
    pub state: VisitState,
}

/// What is seen of a visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    ZoneEntered,
    Tapped,
    Handshake,
    /// A line was added or removed; so many are in the basket now.
    Scanned {
        basket_lines: u32,
    },
    /// Check-in at the same store by another device of the same person.
    DeviceAttached {
        device: DeviceId,
    },
    CheckoutStarted,
    /// The person asks to end the visit.
    CheckOutAsked,
    CheckoutCancelled,
    PaymentStarted,
    PaymentFailed,
    Paid,
    /// Passed the exit. `walk_out`: the store takes payment by mandate at the door and the person gave one.
    ExitSeen {
        walk_out: bool,
    },
    Erased,
}

/// What time does to a visit. The order decides between timers due at the same instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    WalkOut,
    QuoteEnds,
    ExitWaitEnds,
    TimeOut,
    GoesIdle,
}

/// What the shell has to do after a transition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    StopInterrupts,
    FreezeQuote { until: DateTime<Utc> },
    ReleaseReservations,
    BasketBecomesWishes,
    Settle,
    SettleByMandate,
    IssueExitToken,
    SuspendExitToken,
    RestoreExitToken,
    RouteToTill,
    PurgeContext,
    BlockToken,
}

/// Outcome of one transition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub visit: Visit,
    pub effects: Vec<Effect>,
    /// The signal meant nothing here: kept, counted, without effect.
    pub unexpected: bool,
}

impl Step {
    fn to(visit: Visit, effects: impl Into<Vec<Effect>>) -> Self {
        Self { visit, effects: effects.into(), unexpected: false }
    }

    fn unexpected(visit: Visit) -> Self {
        Self { visit, effects: Vec::new(), unexpected: true }
    }
}

impl Visit {
    /// A visit that has just begun.
    pub fn open(
        id: VisitId,
        store: StoreId,
        opened_at: DateTime<Utc>,
        store_closes_at: Option<DateTime<Utc>>,
        prev_visit: Option<VisitId>,
    ) -> Self {
        Self {
            id,
            store,
            opened_at,
            last_seen: opened_at,
            store_closes_at,
            basket_lines: 0,
            devices: BTreeSet::new(),
            prev_visit,
            exit_token: ExitToken::NotIssued,
            walking_out_since: None,
            last_paid_at: None,
            state: VisitState::CheckedIn,
        }
    }

    /// Whether the visit still goes on.
    pub fn is_open(&self) -> bool {
        match self.state {
            VisitState::CheckedIn
            | VisitState::Active { .. }
            | VisitState::Idle { .. }
            | VisitState::CheckingOut { .. }
            | VisitState::CheckedOut { .. } => true,
            VisitState::Closed { .. } => false,
        }
    }

    /// When it ended.
    pub fn ended_at(&self) -> Option<DateTime<Utc>> {
        match self.state {
            VisitState::Closed { ended_at, .. } => Some(ended_at),
            VisitState::CheckedIn
            | VisitState::Active { .. }
            | VisitState::Idle { .. }
            | VisitState::CheckingOut { .. }
            | VisitState::CheckedOut { .. } => None,
        }
    }

    /// Moves on by what was seen at `at`.
    pub fn apply(self, signal: &Signal, at: DateTime<Utc>) -> Step {
        match self.state {
            VisitState::CheckedIn | VisitState::Active { .. } | VisitState::Idle { .. } => self.while_shopping(signal, at),
            VisitState::CheckingOut { payment, .. } => self.while_checking_out(payment, signal, at),
            VisitState::CheckedOut { since } => self.while_checked_out(since, signal, at),
            VisitState::Closed { reason, ended_at, payment } => self.after_close(reason, ended_at, payment, signal, at),
        }
    }

    /// The timer that fires next.
    pub fn next_due(&self) -> Option<(Timer, DateTime<Utc>)> {
        let longest = Some(self.opened_at + TIMEOUT_AFTER_CHECK_IN);
        let closing = self.store_closes_at.map(|at| at + TIMEOUT_AFTER_CLOSING);
        let timed_out = |more: Option<DateTime<Utc>>| [longest, closing, more].into_iter().flatten().min();
        let walk_out = self.walking_out_since.map(|at| at + WALK_OUT_AFTER);
        let timers: Vec<(Timer, Option<DateTime<Utc>>)> = match self.state {
            VisitState::CheckedIn => {
                vec![(Timer::WalkOut, walk_out), (Timer::TimeOut, timed_out(None)), (Timer::GoesIdle, Some(self.last_seen + IDLE_AFTER))]
            }
            VisitState::Active { since } => vec![
                (Timer::WalkOut, walk_out),
                (Timer::TimeOut, timed_out(None)),
                (Timer::GoesIdle, Some(self.last_seen.max(since) + IDLE_AFTER)),
            ],
            VisitState::Idle { since } => {
                vec![(Timer::WalkOut, walk_out), (Timer::TimeOut, timed_out(Some(since + TIMEOUT_AFTER_IDLE)))]
            }
            VisitState::CheckingOut { since, payment: Payment::None } => {
                vec![(Timer::WalkOut, walk_out), (Timer::QuoteEnds, Some(since + QUOTE_LIFE))]
            }
            VisitState::CheckingOut { payment: Payment::InFlight, .. } | VisitState::Closed { .. } => Vec::new(),
            VisitState::CheckedOut { since } => vec![(Timer::ExitWaitEnds, Some(since + EXIT_WAIT))],
        };
        timers.into_iter().filter_map(|(timer, due)| due.map(|due| (timer, due))).min_by_key(|(timer, due)| (*due, *timer))
    }

    /// Moves on because a timer fired at `at`.
    pub fn fire(self, timer: Timer, at: DateTime<Utc>) -> Step {
        match timer {
            Timer::GoesIdle => Step::to(Self { state: VisitState::Idle { since: at }, ..self }, [Effect::StopInterrupts]),
            Timer::TimeOut => {
                let last_seen = self.last_seen;
                self.close(ClosedReason::Timeout, last_seen, [Effect::PurgeContext])
            }
            Timer::QuoteEnds => Step::to(Self { state: VisitState::Active { since: at }, ..self }, [Effect::ReleaseReservations]),
            Timer::ExitWaitEnds => self.close(ClosedReason::CheckedOut, at, [Effect::PurgeContext]),
            Timer::WalkOut => self.checked_out(at, [Effect::SettleByMandate, Effect::IssueExitToken]),
        }
    }

    /// Ends because the person checked in elsewhere, or here again, at `at` (rows 8 and 9).
    pub fn hand_over(self, at: DateTime<Utc>) -> Step {
        match self.state {
            VisitState::CheckedIn | VisitState::Active { .. } | VisitState::Idle { .. } | VisitState::CheckingOut { .. } => {
                let ended_at = self.last_seen.min(at);
                let effects = [Effect::ReleaseReservations, Effect::BasketBecomesWishes, Effect::PurgeContext];
                self.close(ClosedReason::HandedOver, ended_at, effects)
            }
            VisitState::CheckedOut { .. } => {
                let ended_at = self.last_seen.min(at);
                self.close(ClosedReason::CheckedOut, ended_at, [Effect::PurgeContext])
            }
            VisitState::Closed { .. } => Step::unexpected(self),
        }
    }

    fn while_shopping(mut self, signal: &Signal, at: DateTime<Utc>) -> Step {
        match signal {
            Signal::ZoneEntered | Signal::Tapped | Signal::Handshake => Step::to(self.active(at), []),
            Signal::Scanned { basket_lines } => {
                self.basket_lines = *basket_lines;
                let restored = *basket_lines == 0 && self.exit_token == ExitToken::Suspended;
                if restored {
                    self.exit_token = ExitToken::Valid;
                }
                Step::to(self.active(at), if restored { vec![Effect::RestoreExitToken] } else { Vec::new() })
            }
            Signal::DeviceAttached { device } => self.attach(device, at),
            Signal::CheckoutStarted if self.basket_lines > 0 => self.checking_out(at),
            Signal::CheckOutAsked if self.basket_lines > 0 => self.checking_out(at),
            Signal::CheckOutAsked => self.leave(at),
            Signal::ExitSeen { .. } if self.basket_lines == 0 => self.leave(at),
            Signal::ExitSeen { walk_out } => self.exit_with_goods(*walk_out, at),
            Signal::Erased => self.erase(at),
            Signal::CheckoutStarted | Signal::CheckoutCancelled | Signal::PaymentStarted | Signal::PaymentFailed | Signal::Paid => {
                Step::unexpected(self)
            }
        }
    }

    fn while_checking_out(mut self, payment: Payment, signal: &Signal, at: DateTime<Utc>) -> Step {
        match (signal, payment) {
            (Signal::ZoneEntered | Signal::Tapped, _) => Step::to(self.seen(at), []),
            (Signal::DeviceAttached { device }, _) => self.attach(device, at),
            (Signal::PaymentStarted, Payment::None) => {
                // Whoever pays at the till is not walking out.
                self.walking_out_since = None;
                Step::to(self.with_payment(Payment::InFlight), [])
            }
            (Signal::PaymentFailed, Payment::InFlight) => Step::to(self.with_payment(Payment::None), []),
            (Signal::Paid, _) => self.checked_out(at, [Effect::Settle, Effect::IssueExitToken]),
            (Signal::CheckoutCancelled, Payment::None) => Step::to(self.active(at), [Effect::ReleaseReservations]),
            (Signal::ExitSeen { walk_out }, Payment::None) => self.exit_with_goods(*walk_out, at),
            (Signal::ExitSeen { .. }, Payment::InFlight) => self.exit_with_goods(false, at),
            (Signal::Erased, _) => self.erase(at),
            (Signal::PaymentStarted | Signal::CheckoutCancelled, Payment::InFlight)
            | (Signal::PaymentFailed, Payment::None)
            | (Signal::Scanned { .. } | Signal::Handshake | Signal::CheckoutStarted | Signal::CheckOutAsked, _) => Step::unexpected(self),
        }
    }

    fn while_checked_out(mut self, since: DateTime<Utc>, signal: &Signal, at: DateTime<Utc>) -> Step {
        match signal {
            Signal::ZoneEntered | Signal::Tapped => Step::to(self.seen(at), []),
            Signal::Scanned { basket_lines: 0 } => Step::to(Self { state: VisitState::CheckedOut { since }, ..self }.seen(at), []),
            Signal::Scanned { basket_lines } => {
                self.basket_lines = *basket_lines;
                self.exit_token = ExitToken::Suspended;
                Step::to(self.active(at), [Effect::SuspendExitToken])
            }
            Signal::ExitSeen { .. } => self.close(ClosedReason::CheckedOut, at, [Effect::PurgeContext]),
            Signal::Erased => self.erase(at),
            Signal::Handshake
            | Signal::DeviceAttached { .. }
            | Signal::CheckoutStarted
            | Signal::CheckOutAsked
            | Signal::CheckoutCancelled
            | Signal::PaymentStarted
            | Signal::PaymentFailed
            | Signal::Paid => Step::unexpected(self),
        }
    }

    /// A closed visit changes in one case only: a payment in flight when it was handed over finishes on its own.
    fn after_close(self, reason: ClosedReason, ended_at: DateTime<Utc>, payment: Payment, signal: &Signal, at: DateTime<Utc>) -> Step {
        let settled = VisitState::Closed { reason, ended_at, payment: Payment::None };
        match (signal, payment) {
            (Signal::Paid, Payment::InFlight) => Step::to(Self { state: settled, last_paid_at: Some(at), ..self }, [Effect::Settle]),
            (Signal::PaymentFailed, Payment::InFlight) => Step::to(Self { state: settled, ..self }, []),
            (
                Signal::ZoneEntered
                | Signal::Tapped
                | Signal::Handshake
                | Signal::Scanned { .. }
                | Signal::DeviceAttached { .. }
                | Signal::CheckoutStarted
                | Signal::CheckOutAsked
                | Signal::CheckoutCancelled
                | Signal::PaymentStarted
                | Signal::PaymentFailed
                | Signal::Paid
                | Signal::ExitSeen { .. }
                | Signal::Erased,
                Payment::None | Payment::InFlight,
            ) => Step::unexpected(self),
        }
    }

    fn seen(mut self, at: DateTime<Utc>) -> Self {
        self.last_seen = self.last_seen.max(at);
        self.walking_out_since = None;
        self
    }

    fn active(self, at: DateTime<Utc>) -> Self {
        Self { state: VisitState::Active { since: at }, ..self.seen(at) }
    }

    fn with_payment(self, payment: Payment) -> Self {
        match self.state {
            VisitState::CheckingOut { since, .. } => Self { state: VisitState::CheckingOut { since, payment }, ..self },
            VisitState::CheckedIn
            | VisitState::Active { .. }
            | VisitState::Idle { .. }
            | VisitState::CheckedOut { .. }
            | VisitState::Closed { .. } => self,
        }
    }

    /// Row 7: joins the visit and leaves its state as it is.
    fn attach(mut self, device: &DeviceId, at: DateTime<Utc>) -> Step {
        self.devices.insert(device.clone());
        Step::to(self.seen(at), [])
    }

    fn checking_out(self, at: DateTime<Utc>) -> Step {
        let state = VisitState::CheckingOut { since: at, payment: Payment::None };
        Step::to(Self { state, ..self.seen(at) }, [Effect::FreezeQuote { until: at + QUOTE_LIFE }])
    }

    fn checked_out(self, at: DateTime<Utc>, effects: [Effect; 2]) -> Step {
        let visit = Self {
            state: VisitState::CheckedOut { since: at },
            basket_lines: 0,
            exit_token: ExitToken::Valid,
            walking_out_since: None,
            last_paid_at: Some(at),
            ..self
        };
        Step::to(visit, effects)
    }

    fn exit_with_goods(self, walk_out: bool, at: DateTime<Utc>) -> Step {
        if walk_out {
            return Step::to(Self { walking_out_since: Some(at), ..self }, []);
        }
        Step::to(self, [Effect::RouteToTill])
    }

    fn leave(self, at: DateTime<Utc>) -> Step {
        let reason = if self.last_paid_at.is_some() { ClosedReason::CheckedOut } else { ClosedReason::Left };
        self.seen(at).close(reason, at, [Effect::PurgeContext])
    }

    fn erase(self, at: DateTime<Utc>) -> Step {
        self.close(ClosedReason::Erased, at, [Effect::PurgeContext, Effect::BlockToken])
    }

    fn close(self, reason: ClosedReason, ended_at: DateTime<Utc>, effects: impl Into<Vec<Effect>>) -> Step {
        let payment = match self.state {
            VisitState::CheckingOut { payment, .. } => payment,
            VisitState::CheckedIn
            | VisitState::Active { .. }
            | VisitState::Idle { .. }
            | VisitState::CheckedOut { .. }
            | VisitState::Closed { .. } => Payment::None,
        };
        let state = VisitState::Closed { reason, ended_at, payment };
        Step::to(Self { state, walking_out_since: None, ..self }, effects)
    }
}

#[cfg(test)]
mod tests;
