//! A desired document goes to a cohort of stores wave by wave, and comes back where it does harm.
//!
//! Owns the rules: who is in which wave, how fast, when a wave has gone well, when it has not. Takes the state of a rollout, what stores report,
//! and the time; emits orders as values. Nothing is shown that was not decided here: whoever carries an order out commits its effect with the
//! new state. Cannot fail: a plan that makes no sense is refused when it is made.

use std::collections::BTreeSet;

use aisle_schemas::ids::StoreId;
use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};

/// Most waves of one rollout.
pub const WAVES_MAX: usize = 10;
/// Most stores that get the document in one minute: a wave must leave time to see what it does.
pub const PER_MINUTE_MAX: u32 = 1_000;
/// Stores that one step writes to at most: one transaction.
pub const STEP_MAX: usize = 64;
/// How long a wave may be given to converge, seconds.
pub const PATIENCE_S: std::ops::RangeInclusive<u32> = 10..=7 * 24 * 3_600;
/// Length of the window in which stores are counted against the rate.
const WINDOW: TimeDelta = TimeDelta::minutes(1);

/// How far a wave goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// These stores of the cohort.
    Stores(Vec<StoreId>),
    /// So many percent of the cohort, with the stores of earlier waves counted.
    Percent(u8),
}

/// What a rollout is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    pub per_minute: u32,
    /// Share of a wave that may reject before all is rolled back, percent.
    pub rejected_percent_max: u8,
    /// Share of a wave that must have applied before the next one begins, percent.
    pub applied_percent_min: u8,
    /// How long after its last store a wave may take for that, seconds.
    pub patience_s: u32,
}

/// Why a plan is refused: the field and the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct PlanError {
    pub field: &'static str,
    pub reason: &'static str,
}

/// How far a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// It has the former revision.
    Waiting,
    /// The document was written for it.
    Set {
        at: DateTime<Utc>,
    },
    Applied {
        at: DateTime<Utc>,
    },
    Rejected {
        at: DateTime<Utc>,
        code: String,
    },
    /// The former revision was written for it again.
    Restored,
    /// Somebody else has written the document since: the rollout keeps its hands off.
    Overtaken {
        at: DateTime<Utc>,
    },
}

/// One store of a rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub store: StoreId,
    /// From 0.
    pub wave: usize,
    pub progress: Progress,
}

/// Why a rollout goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    TooManyRejected,
    NotConverged,
    /// A member of staff wants it so.
    Staff,
}

/// Where a rollout stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Running,
    Paused,
    RollingBack(Reason),
    Done,
    RolledBack(Reason),
}

impl Phase {
    /// Whether nothing happens any more.
    pub fn is_over(self) -> bool {
        match self {
            Self::Running | Self::Paused | Self::RollingBack(_) => false,
            Self::Done | Self::RolledBack(_) => true,
        }
    }
}

/// What a store says of the revision that was written for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// Nothing yet, of an older revision, or that it is applying.
    Pending,
    /// It is in force, or would be but for an override of the store's staff.
    Taken,
    Rejected(String),
    /// Another revision was written since.
    Overtaken,
}

/// A rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollout {
    pub terms: Terms,
    pub phase: Phase,
    /// The wave that is being served, from 0.
    pub wave: usize,
    pub targets: Vec<Target>,
}

/// What is to be done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Write the document for these stores.
    Set(Vec<StoreId>),
    /// Write the former one for these stores.
    Restore(Vec<StoreId>),
    /// The wave went well: serve the next.
    Advance,
    RollBack(Reason),
    /// Nothing is left to do.
    Finish,
}

/// Divides a cohort into waves. The order within a percentage is drawn from `seed`, so that not the same stores are the first each time.
///
/// # Errors
/// [`PlanError`]; a plan reaches every store of its cohort with its last wave, and each wave at least one.
pub fn plan(cohort: &BTreeSet<StoreId>, waves: &[Reach], terms: &Terms, seed: &str) -> Result<Vec<Target>, PlanError> {
    let refuse = |field, reason| Err(PlanError { field, reason });
    check(terms)?;
    if cohort.is_empty() {
        return refuse("/stores", "names no store");
    }
    if waves.is_empty() || waves.len() > WAVES_MAX {
        return refuse("/waves", "must be 1 to 10");
    }
    let mut drawn: Vec<&StoreId> = cohort.iter().collect();
    drawn.sort_by_key(|store| <[u8; 32]>::from(Sha256::digest(format!("{seed}/{store}"))));
    let mut placed: BTreeSet<&StoreId> = BTreeSet::new();
    let mut targets = Vec::with_capacity(cohort.len());
    for (wave, reach) in waves.iter().enumerate() {
        let before = placed.len();
        let reached: Vec<&StoreId> = match reach {
            Reach::Stores(stores) => {
                if stores.iter().any(|store| !cohort.contains(store)) {
                    return refuse("/waves", "names a store outside the cohort");
                }
                drawn.iter().copied().filter(|store| stores.contains(store)).collect()
            }
            Reach::Percent(percent) => {
                if !(1..=100).contains(percent) {
                    return refuse("/waves", "a share is 1 to 100 percent");
                }
                // Rounded up, so that one percent of ten stores is one of them.
                let wanted = (cohort.len() * usize::from(*percent)).div_ceil(100).saturating_sub(before);
                drawn.iter().copied().filter(|store| !placed.contains(store)).take(wanted).collect()
            }
        };
        for store in reached {
            if placed.insert(store) {
                targets.push(Target { store: store.clone(), wave, progress: Progress::Waiting });
            }
        }
        if placed.len() == before {
            return refuse("/waves", "a wave reaches no store that an earlier one has not");
        }
    }
    if placed.len() < cohort.len() {
        return refuse("/waves", "the last wave must reach the whole cohort");
    }
    Ok(targets)
}

fn check(terms: &Terms) -> Result<(), PlanError> {
    let Terms { per_minute, rejected_percent_max, applied_percent_min, patience_s } = terms;
    let fault = |field, reason| Err(PlanError { field, reason });
    if !(1..=PER_MINUTE_MAX).contains(per_minute) {
        return fault("/per_minute", "must be 1 to 1000");
    }
    if *rejected_percent_max >= 100 {
        return fault("/rejected_percent_max", "must be 0 to 99");
    }
    if !(1..=100).contains(applied_percent_min) {
        return fault("/applied_percent_min", "must be 1 to 100");
    }
    if !PATIENCE_S.contains(patience_s) {
        return fault("/patience_s", "must be 10 seconds to 7 days");
    }
    Ok(())
}

/// Whether `part` of `whole` is at least so many percent.
fn reaches(part: usize, whole: usize, percent: u8) -> bool {
    part * 100 >= whole * usize::from(percent)
}

impl Rollout {
    /// What is to be done now; nothing where everybody has to wait.
    pub fn decide(&self, now: DateTime<Utc>) -> Option<Order> {
        match self.phase {
            Phase::Running => self.go_on(now),
            Phase::RollingBack(_) => Some(self.go_back()),
            Phase::Paused | Phase::Done | Phase::RolledBack(_) => None,
        }
    }

    fn go_on(&self, now: DateTime<Utc>) -> Option<Order> {
        let wave: Vec<&Target> = self.targets.iter().filter(|target| target.wave == self.wave).collect();
        let count = |wanted: fn(&Progress) -> bool| wave.iter().filter(|target| wanted(&target.progress)).count();
        let rejected = count(|progress| matches!(progress, Progress::Rejected { .. }));
        if rejected > 0 && !reaches(wave.len() - rejected, wave.len(), 100 - self.terms.rejected_percent_max) {
            return Some(Order::RollBack(Reason::TooManyRejected));
        }
        let waiting: Vec<StoreId> =
            wave.iter().filter(|target| target.progress == Progress::Waiting).map(|target| target.store.clone()).collect();
        if !waiting.is_empty() {
            let room = self.room(now).min(STEP_MAX);
            let next: Vec<StoreId> = waiting.into_iter().take(room).collect();
            return (!next.is_empty()).then_some(Order::Set(next));
        }
        // Of those that somebody else has written to since, nobody can say how they would have done.
        let overtaken = count(|progress| matches!(progress, Progress::Overtaken { .. }));
        let applied = count(|progress| matches!(progress, Progress::Applied { .. }));
        let pending = count(|progress| matches!(progress, Progress::Set { .. }));
        if reaches(applied, wave.len() - overtaken, self.terms.applied_percent_min) {
            let last = self.targets.iter().all(|target| target.wave <= self.wave);
            return Some(if last { Order::Finish } else { Order::Advance });
        }
        let set_at = wave.iter().filter_map(|target| set_at(&target.progress)).max().unwrap_or(now);
        let patient = pending > 0 && now < set_at + TimeDelta::seconds(i64::from(self.terms.patience_s));
        (!patient).then_some(Order::RollBack(Reason::NotConverged))
    }

    /// Everything that was written goes back, as fast as it can be written: what does harm does it now.
    fn go_back(&self) -> Order {
        let written = self.targets.iter().filter(|target| match target.progress {
            Progress::Set { .. } | Progress::Applied { .. } | Progress::Rejected { .. } => true,
            Progress::Waiting | Progress::Restored | Progress::Overtaken { .. } => false,
        });
        let next: Vec<StoreId> = written.take(STEP_MAX).map(|target| target.store.clone()).collect();
        if next.is_empty() { Order::Finish } else { Order::Restore(next) }
    }

    /// How many stores may get the document now.
    fn room(&self, now: DateTime<Utc>) -> usize {
        let recent = self.targets.iter().filter_map(|target| set_at(&target.progress)).filter(|at| *at > now - WINDOW).count();
        usize::try_from(self.terms.per_minute).unwrap_or(usize::MAX).saturating_sub(recent)
    }

    /// The state after an order was carried out.
    pub fn apply(&mut self, order: &Order, now: DateTime<Utc>) {
        match order {
            Order::Set(stores) => self.mark(stores, &Progress::Set { at: now }),
            Order::Restore(stores) => self.mark(stores, &Progress::Restored),
            Order::Advance => self.wave += 1,
            Order::RollBack(reason) => self.phase = Phase::RollingBack(*reason),
            Order::Finish => {
                self.phase = match self.phase {
                    Phase::RollingBack(reason) | Phase::RolledBack(reason) => Phase::RolledBack(reason),
                    Phase::Running | Phase::Paused | Phase::Done => Phase::Done,
                }
            }
        }
    }

    fn mark(&mut self, stores: &[StoreId], progress: &Progress) {
        for target in self.targets.iter_mut().filter(|target| stores.contains(&target.store)) {
            target.progress = progress.clone();
        }
    }

    /// Takes what a store reports; `true` where that changes something. A rollout that goes back hears only where it was overtaken, so that it
    /// leaves alone what somebody else wrote; one that is over does not listen.
    pub fn observe(&mut self, store: &StoreId, report: Report) -> bool {
        match self.phase {
            Phase::Running | Phase::Paused => {}
            Phase::RollingBack(_) if report == Report::Overtaken => {}
            Phase::RollingBack(_) | Phase::Done | Phase::RolledBack(_) => return false,
        }
        let Some(target) = self.targets.iter_mut().find(|target| target.store == *store) else { return false };
        let at = match &target.progress {
            Progress::Set { at } | Progress::Applied { at } | Progress::Rejected { at, .. } => *at,
            Progress::Waiting | Progress::Restored | Progress::Overtaken { .. } => return false,
        };
        let progress = match report {
            Report::Pending => return false,
            Report::Taken => Progress::Applied { at },
            Report::Rejected(code) => Progress::Rejected { at, code },
            Report::Overtaken => Progress::Overtaken { at },
        };
        let changed = target.progress != progress;
        target.progress = progress;
        changed
    }

    /// Takes that the document cannot be written for a store; `true` where that changes something. It counts as rejected, by us.
    pub fn refuse(&mut self, store: &StoreId, code: &str, now: DateTime<Utc>) -> bool {
        let waits = |target: &&mut Target| target.store == *store && target.progress == Progress::Waiting;
        let Some(target) = self.targets.iter_mut().find(waits) else { return false };
        target.progress = Progress::Rejected { at: now, code: code.to_owned() };
        true
    }

    /// Staff stop it for a while, or let it go on; `false` where it cannot.
    pub fn pause(&mut self, paused: bool) -> bool {
        let (from, to) = if paused { (Phase::Running, Phase::Paused) } else { (Phase::Paused, Phase::Running) };
        let may = self.phase == from;
        if may {
            self.phase = to;
        }
        may
    }

    /// Staff want it back, also after it has ended well; `false` where it goes back already.
    pub fn roll_back(&mut self) -> bool {
        match self.phase {
            Phase::Running | Phase::Paused | Phase::Done => {
                self.phase = Phase::RollingBack(Reason::Staff);
                true
            }
            Phase::RollingBack(_) | Phase::RolledBack(_) => false,
        }
    }
}

/// When the document was written for a store, where it was.
pub fn set_at(progress: &Progress) -> Option<DateTime<Utc>> {
    match progress {
        Progress::Set { at } | Progress::Applied { at } | Progress::Rejected { at, .. } | Progress::Overtaken { at } => Some(*at),
        Progress::Waiting | Progress::Restored => None,
    }
}

#[cfg(test)]
mod tests;
