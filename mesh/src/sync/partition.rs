//! One partition as an instance holds it: table 4.5 of SYNC.md as a pure machine.
//!
//! Owns the state of one partition at one instance and the deadline at which it stops by itself (AS-087). Takes what the database and the
//! broker answered, and the time; emits what the shell must do. [`super::ownership`] runs 256 of them and decides which to take and to give
//! back. On failure of anything it ends Free: what was under way is resent by the nodes to whoever owns the partition then.

use std::time::Duration;

use aisle_schemas::{
    limits::{DATABASE_TIMEOUT, LEASE_STOP},
    sync::Term,
};

use super::turn::Moment;

/// Longest wait for transactions under way when a partition is given back: as long as the database lets one live (AS-088).
pub const DRAIN_MAX: Duration = DATABASE_TIMEOUT;

/// How long an instance may believe that it holds a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tenure {
    /// Nobody else works on this database: only a successor's term ends it.
    Alone,
    /// By a lease that is renewed: it ends by itself.
    Leased,
}

impl Tenure {
    /// When the instance stops by itself, counted from when it began its last successful transaction about the lease.
    fn deadline(self, began: Moment) -> Option<Moment> {
        match self {
            Self::Alone => None,
            Self::Leased => Some(began.plus(LEASE_STOP)),
        }
    }
}

/// Where the partition stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    #[default]
    Free,
    /// The lease is ours, the subscription is not there yet.
    Joining { term: Term, deadline: Option<Moment> },
    /// Served. `subscribed` is false while the link is away.
    Held { term: Term, deadline: Option<Moment>, subscribed: bool },
    /// Takes nothing more, finishes what is under way.
    Draining { term: Term, deadline: Option<Moment>, until: Moment },
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Lease and term were committed by a transaction that began then.
    Acquired {
        term: Term,
        began: Moment,
    },
    /// The broker has granted the filter that was asked for under this term.
    SubAck {
        term: Term,
    },
    Renewed {
        began: Moment,
    },
    /// The database says that somebody else owns it.
    RenewalRefused,
    /// A write under this term was refused by the fence.
    Fenced {
        term: Term,
    },
    /// Surplus, orderly stop, or AS-091.
    GiveBack,
    /// No transaction of the partition is under way any more.
    Idle,
    LinkLost,
    Connected,
    Tick,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Ask for the filter of the partition.
    Subscribe {
        term: Term,
    },
    Unsubscribe,
    /// From now on actors of the partition may exist: its nodes and timers are this instance's.
    Serve {
        term: Term,
    },
    /// Publish STATE (AS-089).
    SayState {
        term: Term,
    },
    /// Take no message and fire no timer any more; finish what has begun.
    StopIntake,
    /// Drop everything of the partition and release what was not applied.
    Drop,
    /// Give the lease back in the database.
    Release {
        term: Term,
    },
}

/// The machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Machine {
    state: State,
}

impl Machine {
    pub fn state(&self) -> State {
        self.state
    }
    /// Term under which the lease is ours.
    pub fn term(&self) -> Option<Term> {
        match self.state {
            State::Free => None,
            State::Joining { term, .. } | State::Held { term, .. } | State::Draining { term, .. } => Some(term),
        }
    }
    /// Counts against the fair share.
    pub fn is_kept(&self) -> bool {
        matches!(self.state, State::Joining { .. } | State::Held { .. })
    }
    pub fn is_held(&self) -> bool {
        matches!(self.state, State::Held { .. })
    }
    pub fn is_draining(&self) -> bool {
        matches!(self.state, State::Draining { .. })
    }
    /// When a tick is due at the latest.
    pub fn deadline(&self) -> Option<Moment> {
        match self.state {
            State::Free => None,
            State::Joining { deadline, .. } | State::Held { deadline, .. } => deadline,
            State::Draining { deadline, until, .. } => Some(deadline.map_or(until, |deadline| deadline.min(until))),
        }
    }

    pub fn handle(&mut self, tenure: Tenure, now: Moment, linked: bool, input: Input, out: &mut Vec<Output>) {
        // The deadline comes before anything else: whatever arrives late finds the partition given up.
        let over = |deadline: Option<Moment>| deadline.is_some_and(|deadline| deadline <= now);
        self.state = match (self.state, input) {
            (State::Joining { deadline, .. } | State::Held { deadline, .. } | State::Draining { deadline, .. }, _) if over(deadline) => {
                out.extend([Output::Drop, Output::Unsubscribe]);
                State::Free
            }
            (State::Free, Input::Acquired { term, began }) => {
                let deadline = tenure.deadline(began);
                if over(deadline) {
                    // The answer took longer than the lease may be believed in: the rest of it runs out unused, and nothing is written under
                    // its term.
                    out.push(Output::Drop);
                    return;
                }
                if linked {
                    out.push(Output::Subscribe { term });
                }
                State::Joining { term, deadline }
            }
            (State::Joining { term, deadline }, Input::SubAck { term: of }) if of == term => {
                out.extend([Output::Serve { term }, Output::SayState { term }]);
                State::Held { term, deadline, subscribed: true }
            }
            (State::Held { term, deadline, .. }, Input::SubAck { term: of }) if of == term => {
                out.push(Output::SayState { term });
                State::Held { term, deadline, subscribed: true }
            }
            (State::Joining { term, .. }, Input::Renewed { began }) => State::Joining { term, deadline: tenure.deadline(began) },
            (State::Held { term, subscribed, .. }, Input::Renewed { began }) => {
                State::Held { term, deadline: tenure.deadline(began), subscribed }
            }
            (State::Joining { .. } | State::Held { .. } | State::Draining { .. }, Input::RenewalRefused) => {
                out.extend([Output::Drop, Output::Unsubscribe]);
                State::Free
            }
            (State::Joining { term, .. } | State::Held { term, .. } | State::Draining { term, .. }, Input::Fenced { term: of })
                if of == term =>
            {
                out.extend([Output::Drop, Output::Unsubscribe]);
                State::Free
            }
            (State::Joining { term, .. }, Input::GiveBack) => {
                // Nothing has begun, so there is nothing to finish.
                out.extend([Output::Drop, Output::Release { term }, Output::Unsubscribe]);
                State::Free
            }
            (State::Held { term, deadline, .. }, Input::GiveBack) => {
                out.push(Output::StopIntake);
                State::Draining { term, deadline, until: now.plus(DRAIN_MAX) }
            }
            (State::Draining { term, .. }, Input::Idle) => {
                out.extend([Output::Drop, Output::Release { term }, Output::Unsubscribe]);
                State::Free
            }
            (State::Draining { term, until, .. }, Input::Tick) if until <= now => {
                out.extend([Output::Drop, Output::Release { term }, Output::Unsubscribe]);
                State::Free
            }
            (State::Held { term, deadline, .. }, Input::LinkLost) => State::Held { term, deadline, subscribed: false },
            (State::Joining { term, .. } | State::Held { term, .. }, Input::Connected) => {
                out.push(Output::Subscribe { term });
                self.state
            }
            // An input that the state does not list changes nothing.
            (
                state,
                Input::Acquired { .. }
                | Input::SubAck { .. }
                | Input::Renewed { .. }
                | Input::RenewalRefused
                | Input::Fenced { .. }
                | Input::GiveBack
                | Input::Idle
                | Input::LinkLost
                | Input::Connected
                | Input::Tick,
            ) => state,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERM: Term = Term::new(7);

    fn at(ms: u64) -> Moment {
        Moment(Duration::from_millis(ms))
    }

    struct Run {
        machine: Machine,
        tenure: Tenure,
    }

    impl Run {
        fn new(tenure: Tenure) -> Self {
            Self { machine: Machine::default(), tenure }
        }
        fn at(&mut self, ms: u64, input: Input) -> Vec<Output> {
            let mut out = Vec::new();
            self.machine.handle(self.tenure, at(ms), true, input, &mut out);
            out
        }
        /// Held since `ms`.
        fn held(tenure: Tenure, ms: u64) -> Self {
            let mut run = Self::new(tenure);
            run.at(ms, Input::Acquired { term: TERM, began: at(ms) });
            run.at(ms, Input::SubAck { term: TERM });
            assert!(run.machine.is_held());
            run
        }
    }

    #[test]
    fn as_089_a_partition_is_served_and_announced_only_after_the_subscription_stands() {
        let mut run = Run::new(Tenure::Leased);
        assert_eq!(run.at(10, Input::Acquired { term: TERM, began: at(0) }), [Output::Subscribe { term: TERM }]);
        assert_eq!(run.at(15, Input::SubAck { term: Term::new(6) }), [], "of an earlier ownership");
        assert_eq!(run.at(20, Input::SubAck { term: TERM }), [Output::Serve { term: TERM }, Output::SayState { term: TERM }]);
        assert_eq!(run.at(30, Input::LinkLost), []);
        assert!(run.machine.is_held(), "timers run on without a link");
        assert_eq!(run.at(40, Input::Connected), [Output::Subscribe { term: TERM }]);
        assert_eq!(run.at(50, Input::SubAck { term: TERM }), [Output::SayState { term: TERM }], "said again, not served again");
    }

    #[test]
    fn as_087_an_owner_stops_four_seconds_after_it_began_its_last_successful_renewal() {
        let mut run = Run::held(Tenure::Leased, 0);
        assert_eq!(run.machine.deadline(), Some(at(4_000)));
        run.at(3_900, Input::Renewed { began: at(2_000) });
        assert_eq!(run.machine.deadline(), Some(at(6_000)), "counted from its beginning, not from its answer");
        assert_eq!(run.at(5_999, Input::Tick), []);
        assert_eq!(run.at(6_000, Input::Tick), [Output::Drop, Output::Unsubscribe]);
        assert_eq!(run.machine.state(), State::Free);
    }

    #[test]
    fn as_087_an_answer_that_comes_after_the_deadline_finds_the_partition_given_up() {
        for late in [Input::Renewed { began: at(3_000) }, Input::SubAck { term: TERM }, Input::Connected, Input::GiveBack] {
            let mut run = Run::held(Tenure::Leased, 0);
            assert_eq!(run.at(60_000, late), [Output::Drop, Output::Unsubscribe], "{late:?}");
        }
        let mut slow = Run::new(Tenure::Leased);
        assert_eq!(slow.at(5_000, Input::Acquired { term: TERM, began: at(0) }), [Output::Drop], "nothing is written under its term");
        assert_eq!(slow.machine.state(), State::Free);
    }

    #[test]
    fn as_034_a_refused_write_or_renewal_ends_the_ownership_at_once() {
        for refused in [Input::Fenced { term: TERM }, Input::RenewalRefused] {
            let mut run = Run::held(Tenure::Leased, 0);
            assert_eq!(run.at(10, refused), [Output::Drop, Output::Unsubscribe]);
            assert_eq!(run.at(11, Input::SubAck { term: TERM }), [], "late answers find nobody");
        }
        let mut run = Run::held(Tenure::Leased, 0);
        assert_eq!(run.at(10, Input::Fenced { term: Term::new(6) }), [], "the earlier ownership was meant");
        assert!(run.machine.is_held());
    }

    #[test]
    fn as_090_giving_back_stops_intake_finishes_releases_and_then_unsubscribes() {
        let mut run = Run::held(Tenure::Leased, 0);
        assert_eq!(run.at(100, Input::GiveBack), [Output::StopIntake]);
        assert_eq!(run.at(200, Input::Tick), []);
        assert_eq!(run.at(300, Input::Idle), [Output::Drop, Output::Release { term: TERM }, Output::Unsubscribe]);
        assert_eq!(run.machine.state(), State::Free);
    }

    #[test]
    fn as_090_a_partition_that_does_not_come_to_rest_is_given_back_after_three_seconds() {
        let mut run = Run::held(Tenure::Leased, 0);
        run.at(100, Input::GiveBack);
        assert_eq!(run.at(3_100, Input::Tick), [Output::Drop, Output::Release { term: TERM }, Output::Unsubscribe]);
    }

    #[test]
    fn as_090_a_drain_never_outlives_the_lease() {
        let mut run = Run::held(Tenure::Leased, 0);
        run.at(3_000, Input::GiveBack);
        assert_eq!(run.at(4_000, Input::Idle), [Output::Drop, Output::Unsubscribe], "no release: it may be another's by now");
    }

    #[test]
    fn as_090_a_partition_without_a_subscription_is_given_back_at_once() {
        let mut run = Run::new(Tenure::Leased);
        run.at(0, Input::Acquired { term: TERM, began: at(0) });
        assert_eq!(run.at(10, Input::GiveBack), [Output::Drop, Output::Release { term: TERM }, Output::Unsubscribe]);
    }

    #[test]
    fn an_instance_alone_never_stops_by_itself() {
        let mut run = Run::held(Tenure::Alone, 0);
        assert_eq!(run.machine.deadline(), None);
        assert_eq!(run.at(86_400_000, Input::Tick), []);
        assert_eq!(run.at(86_400_001, Input::Fenced { term: TERM }), [Output::Drop, Output::Unsubscribe]);
    }
}
