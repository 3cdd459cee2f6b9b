//! Commands of staff that wait for one screen.
//!
//! Owns the order in which they came, the rule how each of them ends (once), and the ways to whoever draws the screen. Takes orders of the
//! cloud, whether anybody draws it, and the time. Emits [`Settled`], to be committed before it is applied; then the command itself. On failure:
//! a command too many is refused; one whose commit failed was never visible.
//!
//! A waiting command is the order in the journal: after a restart the same orders are read again, and one that was settled is not among them.
use std::collections::VecDeque;
use std::sync::Arc;

use actix::Message;
use aisle_node_core::display::{Sense, Surface, Verdict, ZoneState, may_show};
use aisle_node_core::signage::schedule::classify;
use aisle_schemas::ids::EventId;
use aisle_schemas::record::Body;
use aisle_schemas::screen::{ScreenCommand, ScreenCommandKind};
use aisle_schemas::visit::{OrderDone, OrderOutcome};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{broadcast, mpsc};

use crate::journal::{Cause, Entry, JournalError, RecordMaker, StateChange};

/// Commands that wait for one screen: more than a person gives in the hour that the longest of them lives.
pub const WAITING_MAX: usize = 16;

/// Staff order something of this screen.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), JournalError>")]
pub struct Commanded {
    pub order: EventId,
    pub command: Arc<ScreenCommand>,
    pub traceparent: Option<String>,
}

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    HandOn,
    Expired,
    /// With the reason as it stands in the record.
    Refused(&'static str),
}

impl End {
    /// The order's outcome and the reason for it.
    const fn outcome(self) -> (OrderOutcome, Option<&'static str>) {
        match self {
            Self::HandOn => (OrderOutcome::Done, None),
            Self::Expired => (OrderOutcome::Expired, None),
            Self::Refused(reason) => (OrderOutcome::Refused, Some(reason)),
        }
    }

    /// Name in metrics.
    const fn as_str(self) -> &'static str {
        match self {
            Self::HandOn => "done",
            Self::Expired => "expired",
            Self::Refused(_) => "refused",
        }
    }
}

/// A command and its end.
#[derive(Debug, Clone)]
pub struct Settled {
    pub commanded: Commanded,
    pub end: End,
}

/// Commands that nobody has carried out yet, oldest first.
#[derive(Debug, Default)]
struct Waiting(VecDeque<Commanded>);

impl Waiting {
    /// Takes a command in; one that came before changes nothing. Returned is a command that finds no room.
    fn take(&mut self, commanded: Commanded) -> Option<Settled> {
        if self.0.iter().any(|waiting| waiting.order == commanded.order) {
            return None;
        }
        if self.0.len() >= WAITING_MAX {
            return Some(Settled { commanded, end: End::Refused("too_many") });
        }
        self.0.push_back(commanded);
        None
    }

    /// Which commands end now: `reached` is how many can be handed to the screen at this moment, none while nobody draws it.
    fn decide(&self, reached: usize, now: DateTime<Utc>) -> Vec<Settled> {
        let mut left = reached;
        let mut settled = Vec::new();
        for commanded in &self.0 {
            let end = match (is_late(&commanded.command, now), refusal(&commanded.command, now)) {
                (true, _) => End::Expired,
                (false, Some(reason)) => End::Refused(reason),
                (false, None) if left > 0 => {
                    left -= 1;
                    End::HandOn
                }
                (false, None) => continue,
            };
            settled.push(Settled { commanded: commanded.clone(), end });
        }
        settled
    }

    /// Forgets what was committed.
    fn apply(&mut self, settled: &[Settled]) {
        self.0.retain(|waiting| settled.iter().all(|settled| settled.commanded.order != waiting.order));
    }
}

/// The ways to whoever draws the screen.
#[derive(Debug)]
pub struct Ways {
    /// To the local broker; nobody else sends here, so there is never less room after a commit than before it.
    pub bus: mpsc::Sender<Arc<ScreenCommand>>,
    /// To the open pages.
    pub pages: broadcast::Sender<Arc<ScreenCommand>>,
}

/// Commands of one screen.
#[derive(Debug)]
pub struct Commands {
    waiting: Waiting,
    /// Whether the screen is on the local broker, by its own word.
    on_bus: bool,
    ways: Ways,
}

impl Commands {
    /// None wait.
    #[must_use]
    pub fn new(ways: Ways) -> Self {
        Self { waiting: Waiting::default(), on_bus: false, ways }
    }

    /// The screen says that it is on the local broker, or its last will that it is not.
    pub fn on_bus(&mut self, online: bool) {
        self.on_bus = online;
    }

    /// Takes a command in; one that came before changes nothing. Returned is a command that finds no room.
    pub fn take(&mut self, commanded: Commanded) -> Option<Settled> {
        self.waiting.take(commanded)
    }

    /// Which commands end now. While nobody draws the screen they wait, rather than go where nobody listens.
    #[must_use]
    pub fn decide(&self, now: DateTime<Utc>) -> Vec<Settled> {
        let reached = if self.on_bus || self.ways.pages.receiver_count() > 0 { self.ways.bus.capacity() } else { 0 };
        self.waiting.decide(reached, now)
    }

    /// What committing these ends takes.
    ///
    /// # Errors
    /// [`JournalError::TooLarge`].
    pub fn entry(settled: &[Settled], maker: &RecordMaker) -> Result<Entry, JournalError> {
        let mut entry = Entry::default();
        for Settled { commanded: Commanded { order, command: _, traceparent }, end } in settled {
            let (outcome, reason) = end.outcome();
            let done = OrderDone { order: *order, outcome, reason: reason.map(str::to_owned), visit: None };
            let cause = Cause { causation: Some(*order), traceparent: traceparent.as_deref() };
            entry.records.push(maker.make(&Body::OrderDone(Box::new(done)), format!("order/{order}"), cause)?);
            entry.changes.push(StateChange::FinishOrder(*order));
        }
        Ok(entry)
    }

    /// Forgets what was committed and hands on what shall be done.
    pub fn apply(&mut self, settled: &[Settled]) {
        self.waiting.apply(settled);
        for Settled { commanded, end } in settled {
            metrics::counter!("aisle_screen_commands_total", "role" => "node", "outcome" => end.as_str()).increment(1);
            match end {
                End::HandOn => self.hand_on(commanded),
                End::Expired | End::Refused(_) => tracing::info!(order = %commanded.order, end = end.as_str(), "command not carried out"),
            }
        }
    }

    fn hand_on(&self, Commanded { order, command, traceparent: _ }: &Commanded) {
        if self.ways.bus.try_send(Arc::clone(command)).is_err() {
            tracing::debug!(%order, "a command found the bridge stopped");
        }
        let pages = self.ways.pages.send(Arc::clone(command)).unwrap_or(0);
        tracing::debug!(%order, pages, "command handed on");
    }
}

/// An instant that no clock reaches is none: such a command is late.
fn is_late(command: &ScreenCommand, now: DateTime<Utc>) -> bool {
    let until = command.issued_at.checked_add_signed(TimeDelta::seconds(i64::from(command.ttl_s)));
    until.is_none_or(|until| now >= until)
}

/// Why a screen, which everybody who passes can see, may not do this.
fn refusal(command: &ScreenCommand, now: DateTime<Utc>) -> Option<&'static str> {
    match &command.command {
        ScreenCommandKind::Identify { for_s: _ } | ScreenCommandKind::Revert | ScreenCommandKind::Restart => None,
        ScreenCommandKind::Show { content, for_s: _ } => {
            match may_show(Surface::Public(Sense::Seen), &classify(content, None), &ZoneState::unknown(), now) {
                Verdict::Allow => None,
                Verdict::Deny(reason) => Some(reason.as_str()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use aisle_schemas::content::{Content, ContentClass};
    use aisle_schemas::text::LocalText;

    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn commanded(n: u8, command: ScreenCommandKind) -> Commanded {
        let id = id(n);
        Commanded { order: id, command: Arc::new(ScreenCommand { id, issued_at: now(), ttl_s: 60, command }), traceparent: None }
    }

    fn show(class: ContentClass) -> ScreenCommandKind {
        let content = Content {
            class,
            headline: LocalText::new("x", "x"),
            line: LocalText::default(),
            image: None,
            price: None,
            was: None,
            segment: Some("cat-owners".to_owned()),
        };
        ScreenCommandKind::Show { content: Box::new(content), for_s: 10 }
    }

    fn ends(waiting: &Waiting, reached: usize, at: DateTime<Utc>) -> Vec<(EventId, End)> {
        waiting.decide(reached, at).iter().map(|settled| (settled.commanded.order, settled.end)).collect()
    }

    fn id(n: u8) -> EventId {
        EventId::new(u64::from(n), [n; 10])
    }

    #[test]
    fn a_command_waits_for_its_screen_until_its_time_is_over() {
        let mut waiting = Waiting::default();
        assert!(waiting.take(commanded(1, ScreenCommandKind::Revert)).is_none());
        let last = now() + TimeDelta::seconds(60) - TimeDelta::microseconds(1);
        assert_eq!(ends(&waiting, 0, last), []);
        assert_eq!(ends(&waiting, 1, last), [(id(1), End::HandOn)]);
        assert_eq!(ends(&waiting, 1, now() + TimeDelta::seconds(60)), [(id(1), End::Expired)], "late is late, even with the screen there");
    }

    #[test]
    fn a_settled_command_is_not_settled_again_and_one_that_comes_twice_is_one() {
        let mut waiting = Waiting::default();
        for n in [1, 1, 2] {
            assert!(waiting.take(commanded(n, ScreenCommandKind::Restart)).is_none());
        }
        let settled = waiting.decide(1, now());
        waiting.apply(&settled);
        assert_eq!(ends(&waiting, 5, now()), [(id(2), End::HandOn)]);
    }

    #[test]
    fn nobody_is_shown_a_person_or_an_audience_by_command() {
        let classes = [ContentClass::P0, ContentClass::P1, ContentClass::P2, ContentClass::P3, ContentClass::P4];
        let refused: Vec<bool> = classes.into_iter().map(|class| refusal(&commanded(1, show(class)).command, now()).is_some()).collect();
        assert_eq!(refused, [false, false, true, true, true]);
    }

    #[test]
    fn a_command_too_many_is_refused_and_the_waiting_ones_stay() {
        let mut waiting = Waiting::default();
        for n in 0..16 {
            assert!(waiting.take(commanded(n, ScreenCommandKind::Revert)).is_none());
        }
        let refused = waiting.take(commanded(16, ScreenCommandKind::Revert)).map(|settled| settled.end);
        assert_eq!(refused, Some(End::Refused("too_many")));
        assert_eq!(waiting.decide(usize::MAX, now()).len(), 16);
    }

    #[test]
    fn a_life_that_ends_after_all_clocks_is_over() {
        let command =
            ScreenCommand { issued_at: DateTime::<Utc>::MAX_UTC, ..commanded(1, ScreenCommandKind::Revert).command.as_ref().clone() };
        assert!(is_late(&command, now()));
    }
}
