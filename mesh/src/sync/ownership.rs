//! Which partitions an instance takes, keeps and gives back: 256 machines of table 4.5 and the fair share between instances (AS-090, AS-091).
//!
//! Owns [`Ownership`]. Takes what surveys, leases, broker and clock say; emits work for the shell in batches: one statement renews all
//! leases, one looks for free partitions, one takes what is missing. Pure: time and randomness are arguments. On failure of a statement
//! nothing changes here: a renewal is tried again soon, and the deadline of each lease decides.

use std::time::Duration;

use aisle_schemas::{
    ids::{InstanceId, Partition},
    limits::{LEASE_LOOK, LEASE_RENEW, PARTITIONS},
    sync::Term,
};
use async_trait::async_trait;
use rand::seq::SliceRandom;

use super::{
    log::LogError,
    partition::{Input, Machine, Output, Tenure},
    turn::{Moment, Turn, earliest},
};

/// Until a renewal that failed is tried again: several tries fit before the deadline, and a database in trouble is not hammered.
const RENEW_AGAIN: Duration = Duration::from_millis(250);

/// How long an instance without a link keeps its partitions while another one has a link (AS-091).
pub const UNLINKED_MAX: Duration = Duration::from_secs(10);

/// What an instance sees of the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    /// Other instances that live and have a link.
    pub linked: usize,
    /// Partitions that nobody holds.
    pub free: Vec<Partition>,
}

/// Leases as the database keeps them, by its own clock.
#[async_trait]
pub trait PartitionStore: Send + Sync + 'static {
    /// Whether several instances may share the database.
    fn tenure(&self) -> Tenure;
    /// Whose leases these are.
    fn instance(&self) -> &InstanceId;
    /// Says that this instance lives and whether it is linked; returns what it sees. With `earlier_life` partitions still held under this
    /// name count as free.
    async fn survey(&self, linked: bool, earlier_life: bool) -> Result<Survey, LogError>;
    /// Takes what is still free of `wish`, each under a term above all its earlier ones and at least the database's unix seconds (AS-086).
    async fn acquire(&self, wish: &[Partition], earlier_life: bool) -> Result<Vec<(Partition, Term)>, LogError>;
    /// Renews the leases; returns those that were still ours.
    async fn renew(&self, held: &[(Partition, Term)]) -> Result<Vec<Partition>, LogError>;
    /// Gives leases back.
    async fn release(&self, held: &[(Partition, Term)]) -> Result<(), LogError>;
    /// This instance stops in order.
    async fn leave(&self) -> Result<(), LogError>;
    /// Whatever is written about the partition from now on is fenced without asking the database.
    fn let_go(&self, part: Partition);
}

/// The partitions whose nodes, timers and messages are an instance's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owned([bool; PARTITIONS]);

impl Owned {
    pub const NONE: Self = Self([false; PARTITIONS]);
    pub const ALL: Self = Self([true; PARTITIONS]);

    pub fn contains(&self, part: Partition) -> bool {
        self.0[usize::from(part.0)]
    }
    pub fn count(&self) -> usize {
        self.0.iter().filter(|owned| **owned).count()
    }
}

impl FromIterator<Partition> for Owned {
    fn from_iter<I: IntoIterator<Item = Partition>>(parts: I) -> Self {
        let mut owned = Self::NONE;
        for part in parts {
            owned.0[usize::from(part.0)] = true;
        }
        owned
    }
}

/// What happened.
#[derive(Debug, Clone)]
pub enum OwnershipInput {
    Surveyed(Survey),
    SurveyFailed,
    Acquired {
        began: Moment,
        taken: Vec<(Partition, Term)>,
    },
    AcquireFailed,
    Renewed {
        began: Moment,
        asked: Vec<(Partition, Term)>,
        renewed: Vec<Partition>,
    },
    RenewFailed,
    /// A release has ended; where it failed the lease ends by itself.
    Released,
    Fenced {
        part: Partition,
        term: Term,
    },
    Connected,
    LinkLost,
    SubAck(Vec<(Partition, Term)>),
    /// No transaction of a draining partition is under way any more.
    Idle(Partition),
    Stop,
    Tick,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnershipOutput {
    Survey {
        linked: bool,
        earlier_life: bool,
    },
    Acquire {
        wish: Vec<Partition>,
        earlier_life: bool,
    },
    Renew(Vec<(Partition, Term)>),
    Release(Vec<(Partition, Term)>),
    Subscribe(Vec<(Partition, Term)>),
    Unsubscribe(Vec<Partition>),
    Serve(Partition, Term),
    SayState(Partition, Term),
    StopIntake(Partition),
    Drop(Partition),
    /// Alone on its database no more: another process has taken it over.
    Usurped,
}

/// See the module.
#[derive(Debug)]
pub struct Ownership {
    tenure: Tenure,
    parts: Vec<Machine>,
    /// Since when there is no link.
    unlinked_since: Option<Moment>,
    /// Other instances with a link, as last seen.
    neighbours: usize,
    /// Until the first partitions are taken, what stands under this name is of an earlier life.
    earlier_life: bool,
    look_at: Moment,
    renew_at: Moment,
    surveying: bool,
    acquiring: bool,
    renewing: bool,
    releasing: usize,
    stopping: bool,
}

/// Outputs of several machines, gathered for one statement or packet each.
#[derive(Default)]
struct Gathered {
    subscribe: Vec<(Partition, Term)>,
    unsubscribe: Vec<Partition>,
    release: Vec<(Partition, Term)>,
}

fn all() -> impl Iterator<Item = Partition> {
    (0..PARTITIONS).filter_map(|part| u8::try_from(part).ok().map(Partition))
}

impl Ownership {
    pub fn new(tenure: Tenure, now: Moment) -> Self {
        Self {
            tenure,
            parts: vec![Machine::default(); PARTITIONS],
            unlinked_since: Some(now),
            neighbours: 0,
            earlier_life: true,
            look_at: now,
            renew_at: now.plus(LEASE_RENEW),
            surveying: false,
            acquiring: false,
            renewing: false,
            releasing: 0,
            stopping: false,
        }
    }

    fn machine(&self, part: Partition) -> &Machine {
        &self.parts[usize::from(part.0)]
    }
    /// Term under which the partition is held or drained.
    pub fn term(&self, part: Partition) -> Option<Term> {
        self.machine(part).term()
    }
    /// Its nodes are served and its timers run here.
    pub fn is_held(&self, part: Partition) -> bool {
        self.machine(part).is_held()
    }
    pub fn is_draining(&self, part: Partition) -> bool {
        self.machine(part).is_draining()
    }
    /// Partitions that are served.
    pub fn held(&self) -> impl Iterator<Item = Partition> {
        all().filter(|part| self.is_held(*part))
    }
    /// Nothing is ours any more, in memory and as far as was told in the database.
    pub fn is_over(&self) -> bool {
        self.releasing == 0 && !self.acquiring && self.parts.iter().all(|machine| machine.term().is_none())
    }
    /// Most partitions that this instance may hold (AS-090): those without a link can own nothing and do not count.
    pub fn share(&self) -> usize {
        PARTITIONS.div_ceil(self.neighbours + usize::from(self.unlinked_since.is_none()).max(usize::from(self.neighbours == 0)))
    }
    /// When a tick is due at the latest.
    pub fn deadline(&self) -> Option<Moment> {
        let machines = self.parts.iter().map(Machine::deadline);
        earliest(machines.chain([Some(self.look_at), Some(self.renew_at)]))
    }

    pub fn handle(&mut self, turn: &mut Turn<'_>, input: OwnershipInput, out: &mut Vec<OwnershipOutput>) {
        let mut gathered = Gathered::default();
        let now = turn.now;
        match input {
            OwnershipInput::Surveyed(Survey { linked, free }) => {
                self.surveying = false;
                self.neighbours = linked;
                self.balance(turn, free, &mut gathered, out);
            }
            OwnershipInput::SurveyFailed => self.surveying = false,
            OwnershipInput::Acquired { began, taken } => {
                self.acquiring = false;
                self.earlier_life &= taken.is_empty();
                for (part, term) in taken {
                    self.tell(part, now, Input::Acquired { term, began }, &mut gathered, out);
                    if self.stopping {
                        self.tell(part, now, Input::GiveBack, &mut gathered, out);
                    }
                }
            }
            OwnershipInput::AcquireFailed => self.acquiring = false,
            OwnershipInput::Renewed { began, asked, renewed } => {
                self.renewing = false;
                for (part, term) in asked {
                    if self.term(part) == Some(term) {
                        let told = if renewed.contains(&part) { Input::Renewed { began } } else { Input::RenewalRefused };
                        self.tell(part, now, told, &mut gathered, out);
                    }
                }
            }
            OwnershipInput::RenewFailed => {
                self.renewing = false;
                self.renew_at = now.plus(RENEW_AGAIN);
            }
            OwnershipInput::Released => {
                self.releasing = self.releasing.saturating_sub(1);
                self.balance(turn, Vec::new(), &mut gathered, out);
            }
            OwnershipInput::Fenced { part, term } => {
                let ours = self.term(part) == Some(term);
                self.tell(part, now, Input::Fenced { term }, &mut gathered, out);
                if ours && self.tenure == Tenure::Alone {
                    out.push(OwnershipOutput::Usurped);
                }
            }
            OwnershipInput::Connected => {
                self.unlinked_since = None;
                self.look_at = now;
                self.tell_all(now, Input::Connected, &mut gathered, out);
            }
            OwnershipInput::LinkLost => {
                self.unlinked_since.get_or_insert(now);
                self.tell_all(now, Input::LinkLost, &mut gathered, out);
            }
            OwnershipInput::SubAck(parts) => {
                for (part, term) in parts {
                    self.tell(part, now, Input::SubAck { term }, &mut gathered, out);
                }
            }
            OwnershipInput::Idle(part) => self.tell(part, now, Input::Idle, &mut gathered, out),
            OwnershipInput::Stop => {
                self.stopping = true;
                self.tell_all(now, Input::GiveBack, &mut gathered, out);
            }
            OwnershipInput::Tick => self.tick(now, &mut gathered, out),
        }
        let Gathered { subscribe, unsubscribe, release } = gathered;
        if !unsubscribe.is_empty() {
            out.push(OwnershipOutput::Unsubscribe(unsubscribe));
        }
        if !subscribe.is_empty() {
            out.push(OwnershipOutput::Subscribe(subscribe));
        }
        if !release.is_empty() {
            self.releasing += 1;
            out.push(OwnershipOutput::Release(release));
        }
    }

    fn tick(&mut self, now: Moment, gathered: &mut Gathered, out: &mut Vec<OwnershipOutput>) {
        self.tell_all(now, Input::Tick, gathered, out);
        if self.look_at <= now {
            self.look_at = now.plus(LEASE_LOOK);
            self.look(out);
        }
        if self.renew_at <= now {
            self.renew_at = now.plus(LEASE_RENEW);
            let kept: Vec<_> =
                all().filter(|part| self.machine(*part).is_kept()).filter_map(|part| Some((part, self.term(part)?))).collect();
            if self.tenure == Tenure::Leased && !self.renewing && !kept.is_empty() {
                self.renewing = true;
                out.push(OwnershipOutput::Renew(kept));
            }
        }
    }

    fn look(&mut self, out: &mut Vec<OwnershipOutput>) {
        match self.tenure {
            Tenure::Leased if !self.surveying && !self.stopping => {
                self.surveying = true;
                out.push(OwnershipOutput::Survey { linked: self.unlinked_since.is_none(), earlier_life: self.earlier_life });
            }
            // Nobody else takes any, so there is nothing to look for: either all are ours, or none yet.
            Tenure::Alone if !self.acquiring && !self.stopping && self.earlier_life => {
                self.acquiring = true;
                out.push(OwnershipOutput::Acquire { wish: all().collect(), earlier_life: true });
            }
            Tenure::Leased | Tenure::Alone => {}
        }
    }

    /// Takes what is missing to the fair share, or gives back one of what is beyond it.
    fn balance(&mut self, turn: &mut Turn<'_>, free: Vec<Partition>, gathered: &mut Gathered, out: &mut Vec<OwnershipOutput>) {
        if self.stopping || self.tenure == Tenure::Alone {
            return;
        }
        let now = turn.now;
        if let Some(since) = self.unlinked_since {
            if self.neighbours > 0 && now.since(since) >= UNLINKED_MAX {
                self.tell_all(now, Input::GiveBack, gathered, out);
            }
            return;
        }
        let kept = self.parts.iter().filter(|machine| machine.is_kept()).count();
        let share = self.share();
        if kept < share && !self.acquiring {
            let mut wish: Vec<Partition> = free.into_iter().filter(|part| self.term(*part).is_none()).collect();
            // Instances that start together wish for different ones.
            wish.shuffle(turn.rng);
            wish.truncate(share - kept);
            if !wish.is_empty() {
                self.acquiring = true;
                out.push(OwnershipOutput::Acquire { wish, earlier_life: self.earlier_life });
            }
        }
        let resting = self.releasing == 0 && !self.parts.iter().any(Machine::is_draining);
        if kept > share
            && resting
            && let Some(surplus) = all().find(|part| self.is_held(*part))
        {
            self.tell(surplus, now, Input::GiveBack, gathered, out);
        }
    }

    fn tell_all(&mut self, now: Moment, input: Input, gathered: &mut Gathered, out: &mut Vec<OwnershipOutput>) {
        for part in all() {
            self.tell(part, now, input, gathered, out);
        }
    }

    fn tell(&mut self, part: Partition, now: Moment, input: Input, gathered: &mut Gathered, out: &mut Vec<OwnershipOutput>) {
        let mut outputs = Vec::new();
        let linked = self.unlinked_since.is_none();
        self.parts[usize::from(part.0)].handle(self.tenure, now, linked, input, &mut outputs);
        for output in outputs {
            match output {
                Output::Subscribe { term } => gathered.subscribe.push((part, term)),
                Output::Unsubscribe => gathered.unsubscribe.push(part),
                Output::Release { term } => gathered.release.push((part, term)),
                Output::Serve { term } => out.push(OwnershipOutput::Serve(part, term)),
                Output::SayState { term } => out.push(OwnershipOutput::SayState(part, term)),
                Output::StopIntake => out.push(OwnershipOutput::StopIntake(part)),
                Output::Drop => out.push(OwnershipOutput::Drop(part)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::SmallRng};

    use super::*;

    fn at(ms: u64) -> Moment {
        Moment(Duration::from_millis(ms))
    }

    struct Run {
        ownership: Ownership,
        rng: SmallRng,
        term: Term,
    }

    impl Run {
        fn new(tenure: Tenure) -> Self {
            Self { ownership: Ownership::new(tenure, at(0)), rng: SmallRng::seed_from_u64(1), term: Term::new(100) }
        }
        fn at(&mut self, ms: u64, input: OwnershipInput) -> Vec<OwnershipOutput> {
            let mut out = Vec::new();
            self.ownership.handle(&mut Turn { now: at(ms), rng: &mut self.rng }, input, &mut out);
            out
        }
        fn surveyed(&mut self, ms: u64, linked: usize, free: Vec<Partition>) -> Vec<OwnershipOutput> {
            self.at(ms, OwnershipInput::Surveyed(Survey { linked, free }))
        }
        /// The database gives all that was wished for, and the broker grants it.
        fn granted(&mut self, ms: u64, wish: Vec<Partition>) {
            self.term = self.term.next();
            let taken: Vec<_> = wish.into_iter().map(|part| (part, self.term)).collect();
            self.at(ms, OwnershipInput::Acquired { began: at(ms), taken: taken.clone() });
            self.at(ms, OwnershipInput::SubAck(taken));
        }
        /// Linked, alone, and holding everything.
        fn holding_all() -> Self {
            let mut run = Self::new(Tenure::Leased);
            run.at(0, OwnershipInput::Connected);
            let wish = wish(run.surveyed(0, 0, all().collect()));
            run.granted(0, wish);
            assert_eq!(run.held(), PARTITIONS);
            run
        }
        fn held(&self) -> usize {
            self.ownership.held().count()
        }
        /// Answers one renewal of everything that it asks for at `ms`.
        fn renewed(&mut self, ms: u64) {
            for output in self.at(ms, OwnershipInput::Tick) {
                if let OwnershipOutput::Renew(asked) = output {
                    let renewed = asked.iter().map(|(part, _)| *part).collect();
                    self.at(ms, OwnershipInput::Renewed { began: at(ms), asked, renewed });
                }
            }
        }
    }

    fn wish(outputs: Vec<OwnershipOutput>) -> Vec<Partition> {
        outputs
            .into_iter()
            .find_map(|output| match output {
                OwnershipOutput::Acquire { wish, .. } => Some(wish),
                _ => None,
            })
            .unwrap_or_default()
    }

    #[test]
    fn as_087_a_renewal_that_failed_is_tried_again_before_the_deadline() {
        let mut run = Run::holding_all();
        let asked = run.at(2_000, OwnershipInput::Tick);
        assert!(asked.iter().any(|output| matches!(output, OwnershipOutput::Renew(_))), "{asked:?}");
        run.at(2_010, OwnershipInput::RenewFailed);
        run.renewed(2_500);
        run.at(4_500, OwnershipInput::Tick);
        assert_eq!(run.held(), PARTITIONS);
    }

    #[test]
    fn as_090_an_instance_takes_at_most_its_share_and_alone_takes_all() {
        let mut run = Run::new(Tenure::Leased);
        run.at(0, OwnershipInput::Connected);
        assert_eq!(wish(run.surveyed(0, 0, all().collect())).len(), PARTITIONS);
        for (others, share) in [(1, 128), (2, 86), (63, 4), (255, 1), (400, 1)] {
            let mut run = Run::new(Tenure::Leased);
            run.at(0, OwnershipInput::Connected);
            assert_eq!(wish(run.surveyed(0, others, all().collect())).len(), share, "{others} others");
        }
    }

    #[test]
    fn as_090_what_is_being_taken_is_not_asked_for_twice() {
        let mut run = Run::new(Tenure::Leased);
        run.at(0, OwnershipInput::Connected);
        let first = wish(run.surveyed(0, 1, all().collect()));
        assert!(wish(run.surveyed(10, 1, all().collect())).is_empty(), "one statement at a time");
        run.granted(20, first);
        assert!(wish(run.surveyed(30, 1, all().collect())).is_empty(), "the share is full");
    }

    #[test]
    fn as_090_a_surplus_is_given_back_one_at_a_time_until_both_have_their_half() {
        let mut run = Run::holding_all();
        let mut outputs = run.surveyed(100, 1, Vec::new());
        for given in 1..=128 {
            let [OwnershipOutput::StopIntake(part)] = outputs.as_slice() else { panic!("one at a time: {outputs:?}") };
            let part = *part;
            assert_eq!(run.held(), PARTITIONS - given);
            assert!(run.surveyed(100, 1, Vec::new()).is_empty(), "the next one waits for this one");
            let ended = run.at(100, OwnershipInput::Idle(part));
            assert!(ended.iter().any(|output| matches!(output, OwnershipOutput::Release(of) if of[0].0 == part)), "{ended:?}");
            outputs = run.at(100, OwnershipInput::Released);
        }
        assert_eq!((outputs, run.held()), (Vec::new(), 128));
    }

    #[test]
    fn as_087_one_statement_renews_everything_every_two_seconds() {
        let mut run = Run::holding_all();
        let asked = |outputs: Vec<OwnershipOutput>| {
            outputs
                .into_iter()
                .filter_map(|output| if let OwnershipOutput::Renew(held) = output { Some(held.len()) } else { None })
                .collect::<Vec<_>>()
        };
        assert_eq!(asked(run.at(1_999, OwnershipInput::Tick)), [0; 0]);
        assert_eq!(asked(run.at(2_000, OwnershipInput::Tick)), [PARTITIONS]);
        assert_eq!(asked(run.at(3_999, OwnershipInput::Tick)), [0; 0], "the first has no answer yet");
        let dropped = run.at(4_000, OwnershipInput::Tick).into_iter().filter(|output| matches!(output, OwnershipOutput::Drop(_))).count();
        assert_eq!(dropped, PARTITIONS, "no renewal was confirmed for four seconds");
    }

    #[test]
    fn as_087_a_partition_missing_from_the_answer_is_another_s() {
        let mut run = Run::holding_all();
        let asked: Vec<_> = all().filter_map(|part| Some((part, run.ownership.term(part)?))).collect();
        let renewed = all().skip(1).collect();
        let out = run.at(2_100, OwnershipInput::Renewed { began: at(2_000), asked, renewed });
        assert_eq!(out, [OwnershipOutput::Drop(Partition(0)), OwnershipOutput::Unsubscribe(vec![Partition(0)])]);
        assert_eq!(run.held(), PARTITIONS - 1);
    }

    #[test]
    fn as_091_without_a_link_nothing_is_taken() {
        let mut run = Run::new(Tenure::Leased);
        assert!(run.surveyed(0, 0, all().collect()).is_empty());
        assert!(run.surveyed(60_000, 1, all().collect()).is_empty());
    }

    #[test]
    fn as_091_without_a_link_for_ten_seconds_everything_goes_to_those_who_have_one() {
        let mut run = Run::holding_all();
        run.at(1_000, OwnershipInput::LinkLost);
        for ms in [2_000, 4_000, 6_000, 8_000, 10_000] {
            run.renewed(ms);
        }
        assert!(run.surveyed(10_999, 1, Vec::new()).is_empty());
        let out = run.surveyed(11_000, 1, Vec::new());
        assert_eq!(out.iter().filter(|output| matches!(output, OwnershipOutput::StopIntake(_))).count(), PARTITIONS);
    }

    #[test]
    fn as_091_where_nobody_has_a_link_partitions_and_their_timers_stay() {
        let mut run = Run::holding_all();
        run.at(1_000, OwnershipInput::LinkLost);
        for ms in (2_000..60_000).step_by(2_000) {
            run.renewed(ms);
            assert!(run.surveyed(ms, 0, Vec::new()).is_empty());
        }
        assert_eq!(run.held(), PARTITIONS);
    }

    #[test]
    fn as_091_an_instance_without_a_link_takes_nothing_from_the_share_of_others() {
        let mut run = Run::holding_all();
        assert!(run.surveyed(100, 0, Vec::new()).is_empty(), "the other one lives, but has no link");
        assert_eq!(run.ownership.share(), PARTITIONS);
    }

    #[test]
    fn an_orderly_stop_gives_everything_back_and_takes_nothing_more() {
        let mut run = Run::holding_all();
        run.at(100, OwnershipInput::Stop);
        assert!(run.surveyed(110, 0, all().collect()).is_empty());
        let mut releases = 0;
        for part in all() {
            let out = run.at(120, OwnershipInput::Idle(part));
            releases += out.iter().filter(|output| matches!(output, OwnershipOutput::Release(_))).count();
        }
        assert!(!run.ownership.is_over(), "the database has not answered yet");
        for _ in 0..releases {
            run.at(130, OwnershipInput::Released);
        }
        assert!(run.ownership.is_over());
    }

    #[test]
    fn an_instance_alone_takes_everything_once_and_ends_when_another_process_takes_over() {
        let mut run = Run::new(Tenure::Alone);
        let wanted = wish(run.at(0, OwnershipInput::Tick));
        assert_eq!(wanted.len(), PARTITIONS);
        run.at(10, OwnershipInput::Connected);
        run.granted(20, wanted);
        assert_eq!(run.held(), PARTITIONS);
        assert!(run.at(60_000, OwnershipInput::Tick).is_empty(), "nothing is renewed or looked for");
        let fenced = run.at(60_001, OwnershipInput::Fenced { part: Partition(3), term: run.term });
        assert!(fenced.contains(&OwnershipOutput::Usurped));
    }
}
