//! The attention budget and fatigue (clause 9): how much interruption is left, and how tired of it the person is.
//!
//! Owns the budget table, the decaying memory of reactions and the threshold rule of DOMAIN 6. Takes live sends and reactions; emits
//! the first reason against sending. The budget is kept in integer thousandths; fatigue and utility are floats, being neither money
//! nor points nor the budget.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    candidate::{Candidate, Intrusion},
    person::{PersonState, SendRecord},
    reason::Reason,
};
use crate::home::ContextClass;

/// What a person did with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReactionKind {
    Ignored,
    Dismissed,
    NotInteresting,
    Opened,
    Converted,
}

impl ReactionKind {
    /// Contribution to fatigue; good experiences take some away.
    pub fn weight(self) -> f64 {
        match self {
            Self::Ignored => 0.3,
            Self::Dismissed => 0.5,
            Self::NotInteresting => 1.0,
            Self::Opened => -0.3,
            Self::Converted => -0.6,
        }
    }
}

/// One reaction and its instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reaction {
    pub kind: ReactionKind,
    pub at: DateTime<Utc>,
}

/// A budget that refills with time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refilling {
    pub capacity_milli: i64,
    /// Time in which one whole unit comes back.
    pub unit_every: TimeDelta,
}

/// The attention table of a programme.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AttentionPolicy {
    /// Per visit, never refilled; for `in_store` and `at_till`.
    pub visit_capacity_milli: i64,
    /// Shortest time between two interrupts during a visit.
    pub interrupt_gap: TimeDelta,
    /// For `transit` and `near_store`.
    pub on_the_way: Refilling,
    /// For `home` and `post_visit`.
    pub at_home: Refilling,
    /// For all contexts together.
    pub week_capacity_milli: i64,
    /// Price of a cost unit, in utility.
    pub kappa: f64,
    pub threshold_visit: f64,
    pub threshold_on_the_way: f64,
    pub threshold_at_home: f64,
}

impl Default for AttentionPolicy {
    fn default() -> Self {
        Self {
            visit_capacity_milli: 3_000,
            interrupt_gap: TimeDelta::minutes(10),
            on_the_way: Refilling { capacity_milli: 1_000, unit_every: TimeDelta::hours(4) },
            at_home: Refilling { capacity_milli: 1_000, unit_every: TimeDelta::days(1) },
            week_capacity_milli: 5_000,
            kappa: 0.1,
            threshold_visit: 0.30,
            threshold_on_the_way: 0.50,
            threshold_at_home: 0.40,
        }
    }
}

/// Window of the budget of all contexts together.
const WEEK: TimeDelta = TimeDelta::days(7);
/// Time in which a reaction loses half its weight.
const FATIGUE_HALF_LIFE: TimeDelta = TimeDelta::days(7);
const MILLI: i128 = 1_000;

/// Contexts that share a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pool {
    Visit,
    OnTheWay,
    AtHome,
}

fn pool(context: ContextClass) -> Pool {
    match context {
        ContextClass::InStore | ContextClass::AtTill => Pool::Visit,
        ContextClass::Transit | ContextClass::NearStore => Pool::OnTheWay,
        ContextClass::Home | ContextClass::PostVisit => Pool::AtHome,
    }
}

/// Fatigue at `now`: the decaying sum of reactions, never below zero.
pub fn fatigue(reactions: &[Reaction], now: DateTime<Utc>) -> f64 {
    let half_life_s = FATIGUE_HALF_LIFE.as_seconds_f64();
    let sum: f64 = reactions
        .iter()
        .filter(|reaction| reaction.at <= now)
        .map(|reaction| reaction.kind.weight() * (-(now - reaction.at).as_seconds_f64() / half_life_s).exp2())
        .sum();
    sum.max(0.0)
}

/// What sending is worth to the person, less what it costs her: the number that clauses 9 and 10 compare.
pub fn utility(candidate: &Candidate, fatigue: f64, policy: &AttentionPolicy) -> f64 {
    // Costs are small integers, exact in a float.
    let cost = candidate.channel.cost_milli() as f64 / 1_000.0;
    candidate.p_relevant.get() * candidate.value.get() - policy.kappa * cost * (1.0 + fatigue)
}

/// The first reason of clause 9 against sending, if there is one. What costs no attention needs none, so it is not asked.
pub fn refusal(candidate: &Candidate, person: &PersonState, policy: &AttentionPolicy, now: DateTime<Utc>) -> Option<Reason> {
    let cost = candidate.channel.cost_milli();
    if cost == 0 {
        return None;
    }
    // A message dearer than a whole bucket needs a full one.
    let Left { now_milli, week_milli, now_capacity_milli } = left(person, policy, now);
    if now_milli < cost.min(now_capacity_milli) || week_milli < cost.min(policy.week_capacity_milli) {
        return Some(Reason::AttentionEmpty);
    }
    if in_gap(candidate, person, policy, now) {
        return Some(Reason::AttentionGap);
    }
    let threshold = match pool(person.context) {
        Pool::Visit => policy.threshold_visit,
        Pool::OnTheWay => policy.threshold_on_the_way,
        Pool::AtHome => policy.threshold_at_home,
    };
    let worth = utility(candidate, fatigue(&person.reactions, now), policy);
    if worth > threshold { None } else { Some(Reason::AttentionBelowThreshold) }
}

/// What is left of the budget, in thousandths of a cost unit; negative after a message that was dearer than the capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// In the person's context now.
    pub now_milli: i64,
    /// In all contexts together.
    pub week_milli: i64,
    /// Capacity of the context.
    pub now_capacity_milli: i64,
}

/// What is left at `now`. Rounded down to whole thousandths, so that nothing is spent before it has come back.
pub fn left(person: &PersonState, policy: &AttentionPolicy, now: DateTime<Utc>) -> Left {
    let live = || person.sends.iter().filter(|send| send.is_live(now));
    let week_spent: i64 = live().filter(|send| send.at > now - WEEK).map(|send| send.channel.cost_milli()).sum();
    let visit = person.open_visit.as_ref().map(|open| open.visit);
    let (now_milli, now_capacity_milli) = match pool(person.context) {
        Pool::Visit => {
            let spent: i64 =
                live().filter(|send| pool(send.context) == Pool::Visit && send.visit == visit).map(|send| send.channel.cost_milli()).sum();
            (policy.visit_capacity_milli - spent, policy.visit_capacity_milli)
        }
        Pool::OnTheWay => (refilled(live(), Pool::OnTheWay, policy.on_the_way, now), policy.on_the_way.capacity_milli),
        Pool::AtHome => (refilled(live(), Pool::AtHome, policy.at_home, now), policy.at_home.capacity_milli),
    };
    Left { now_milli, week_milli: policy.week_capacity_milli - week_spent - person.leased_milli, now_capacity_milli }
}

/// Level of a refilling bucket after its sends, replayed exactly in units of milli × milliseconds of `unit_every`.
fn refilled<'a>(sends: impl Iterator<Item = &'a SendRecord>, wanted: Pool, bucket: Refilling, now: DateTime<Utc>) -> i64 {
    let period_ms = i128::from(bucket.unit_every.num_milliseconds().max(1));
    let capacity = i128::from(bucket.capacity_milli) * period_ms;
    let mut spends: Vec<&SendRecord> = sends.filter(|send| pool(send.context) == wanted && send.at <= now).collect();
    spends.sort_by_key(|send| send.at);
    let refill =
        |level: i128, from: DateTime<Utc>, to: DateTime<Utc>| (level + i128::from((to - from).num_milliseconds()) * MILLI).min(capacity);
    let mut level = capacity;
    let mut last = None;
    for send in spends {
        level = last.map_or(level, |last| refill(level, last, send.at));
        level -= i128::from(send.channel.cost_milli()) * period_ms;
        last = Some(send.at);
    }
    level = last.map_or(level, |last| refill(level, last, now));
    i64::try_from(level.div_euclid(period_ms)).unwrap_or(i64::MIN)
}

fn in_gap(candidate: &Candidate, person: &PersonState, policy: &AttentionPolicy, now: DateTime<Utc>) -> bool {
    match (candidate.channel.intrusion(), pool(person.context)) {
        (Intrusion::Interrupting, Pool::Visit) => person.sends.iter().any(|send| {
            send.channel.intrusion() == Intrusion::Interrupting && send.is_live(now) && (now - send.at).abs() < policy.interrupt_gap
        }),
        (Intrusion::Interrupting, Pool::OnTheWay | Pool::AtHome) | (Intrusion::Outbound | Intrusion::Ambient, _) => false,
    }
}
