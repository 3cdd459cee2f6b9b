//! Facts of the store and the conditions on them.
//!
//! Owns the facts with their expiry. Takes values by metric. Emits whether a criterion holds. On failure: a missing or expired fact makes every
//! condition false, also the negative ones: nothing plays because of what is not known.
use std::collections::BTreeMap;

use aisle_schemas::fact::{FactReport, TTL_S_MAX};
use aisle_schemas::screen::{Condition, Criterion};
use chrono::{DateTime, TimeDelta, Utc};
use thiserror::Error;

/// Facts kept at once; a shop publishes some dozens.
pub const FACTS_MAX: usize = 2_000;
/// First words of metrics that only the node itself tells: counts of people, and emergencies.
pub const OWN_NOUNS: [&str; 2] = ["zone", "emergency"];
/// Bytes of a metric's name or value.
pub const FACT_TEXT_MAX: usize = 200;

/// One value and the first instant at which it is no longer known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    pub value: String,
    pub expires: DateTime<Utc>,
}

/// A fact was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FactRefusal {
    #[error("a metric is words of a-z, 0-9, _ and -, joined by dots")]
    Metric,
    #[error("counts of people and emergencies are told by the node itself")]
    OwnMetric,
    #[error("a fact lives 1 s to {TTL_S_MAX} s")]
    Ttl,
    #[error("there are already {FACTS_MAX} facts")]
    TooMany,
    #[error("a metric or value is longer than {FACT_TEXT_MAX} bytes")]
    TooLong,
}

/// What the store knows of itself, by metric.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    known: BTreeMap<String, Fact>,
}

impl Facts {
    /// Learns a fact, or renews it.
    ///
    /// # Errors
    /// [`FactRefusal`].
    pub fn learn(&mut self, metric: &str, fact: Fact) -> Result<(), FactRefusal> {
        if metric.len() > FACT_TEXT_MAX || fact.value.len() > FACT_TEXT_MAX {
            return Err(FactRefusal::TooLong);
        }
        if self.known.len() >= FACTS_MAX && !self.known.contains_key(metric) {
            return Err(FactRefusal::TooMany);
        }
        self.known.insert(metric.to_owned(), fact);
        Ok(())
    }

    /// Learns what an integrator tells, or takes it back. What is said of people is never taken from outside: K1 and K3 stand before it.
    ///
    /// # Errors
    /// [`FactRefusal`].
    pub fn told(&mut self, report: &FactReport, now: DateTime<Utc>) -> Result<(), FactRefusal> {
        let FactReport { metric, value, ttl_s } = report;
        let word = |part: &str| !part.is_empty() && part.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
        if !metric.split('.').all(word) {
            return Err(FactRefusal::Metric);
        }
        if OWN_NOUNS.contains(&metric.split('.').next().unwrap_or_default()) {
            return Err(FactRefusal::OwnMetric);
        }
        if !(1..=TTL_S_MAX).contains(ttl_s) {
            return Err(FactRefusal::Ttl);
        }
        match value {
            Some(value) => self.learn(metric, Fact { value: value.clone(), expires: now + TimeDelta::seconds(i64::from(*ttl_s)) }),
            None => {
                self.unlearn(metric);
                Ok(())
            }
        }
    }

    /// Drops a fact, such as a count that fell below its threshold.
    pub fn unlearn(&mut self, metric: &str) {
        self.known.remove(metric);
    }

    /// Drops what has expired.
    pub fn forget(&mut self, now: DateTime<Utc>) {
        self.known.retain(|_, fact| now < fact.expires);
    }

    /// When the named fact expires, if it is known now.
    #[must_use]
    pub fn expiry(&self, metric: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.current(metric, now).map(|fact| fact.expires)
    }

    /// Whether the criterion holds at `now`.
    #[must_use]
    pub fn hold(&self, criterion: &Criterion, now: DateTime<Utc>) -> bool {
        self.current(&criterion.metric, now).is_some_and(|fact| fits(&fact.value, criterion))
    }

    /// These facts and those; of one known to both, those.
    #[must_use]
    pub fn with(&self, those: &Self) -> Self {
        let mut known = self.known.clone();
        known.extend(those.known.iter().map(|(metric, fact)| (metric.clone(), fact.clone())));
        Self { known }
    }

    fn current(&self, metric: &str, now: DateTime<Utc>) -> Option<&Fact> {
        self.known.get(metric).filter(|fact| now < fact.expires)
    }
}

/// Whether a value that is known fits the criterion.
#[must_use]
pub fn fits(known: &str, criterion: &Criterion) -> bool {
    let wanted = criterion.value.as_str();
    let numbers = number(known).zip(number(wanted));
    match criterion.condition {
        Condition::Set => true,
        Condition::Lt => numbers.is_some_and(|(known, wanted)| known < wanted),
        Condition::Lte => numbers.is_some_and(|(known, wanted)| known <= wanted),
        Condition::Gt => numbers.is_some_and(|(known, wanted)| known > wanted),
        Condition::Gte => numbers.is_some_and(|(known, wanted)| known >= wanted),
        Condition::Eq => numbers.map_or(known == wanted, |(known, wanted)| known == wanted),
        Condition::Neq => numbers.map_or(known != wanted, |(known, wanted)| known != wanted),
        Condition::Contains => known.contains(wanted),
        Condition::Ncontains => !known.contains(wanted),
    }
}

/// A finite number; "nan" and "inf" are words here.
fn number(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONDITIONS: [Condition; 9] = [
        Condition::Set,
        Condition::Lt,
        Condition::Lte,
        Condition::Eq,
        Condition::Neq,
        Condition::Gt,
        Condition::Gte,
        Condition::Contains,
        Condition::Ncontains,
    ];

    fn at(s: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(s, 0).unwrap()
    }

    fn holding(known: &str, wanted: &str) -> Vec<Condition> {
        let mut facts = Facts::default();
        facts.learn("m", Fact { value: known.to_owned(), expires: at(100) }).unwrap();
        let criterion = |condition| Criterion { metric: "m".to_owned(), condition, value: wanted.to_owned() };
        CONDITIONS.into_iter().filter(|condition| facts.hold(&criterion(*condition), at(0))).collect()
    }

    #[test]
    fn numbers_compare_as_numbers_and_words_as_words() {
        use Condition::{Contains, Eq, Gt, Gte, Lt, Lte, Ncontains, Neq, Set};
        assert_eq!(holding("9", "10"), [Set, Lt, Lte, Neq, Ncontains]);
        assert_eq!(holding("10.0", "10"), [Set, Lte, Eq, Gte, Contains]);
        assert_eq!(holding("11", "1"), [Set, Neq, Gt, Gte, Contains]);
        assert_eq!(holding("rain", "sun"), [Set, Neq, Ncontains]);
        assert_eq!(holding("nan", "nan"), [Set, Eq, Contains]);
    }

    #[test]
    fn a_missing_or_expired_fact_makes_every_condition_false() {
        let mut facts = Facts::default();
        facts.learn("m", Fact { value: "5".to_owned(), expires: at(100) }).unwrap();
        for condition in CONDITIONS {
            for (metric, now) in [("m", at(100)), ("other", at(0))] {
                let criterion = Criterion { metric: metric.to_owned(), condition, value: "5".to_owned() };
                assert!(!facts.hold(&criterion, now), "{condition:?} of {metric}");
            }
        }
    }

    #[test]
    fn no_more_facts_are_taken_than_the_bound_but_known_ones_are_renewed() {
        let mut facts = Facts::default();
        let fact = |value: &str| Fact { value: value.to_owned(), expires: at(100) };
        for n in 0..FACTS_MAX {
            facts.learn(&format!("m{n}"), fact("1")).unwrap();
        }
        assert_eq!(facts.learn("one-more", fact("1")), Err(FactRefusal::TooMany));
        assert_eq!(facts.learn("m0", fact("2")), Ok(()));
        assert_eq!(facts.learn("m0", fact(&"x".repeat(FACT_TEXT_MAX + 1))), Err(FactRefusal::TooLong));
    }

    #[test]
    fn nobody_outside_tells_how_many_people_there_are() {
        let mut facts = Facts::default();
        let mut told =
            |metric: &str, ttl_s| facts.told(&FactReport { metric: metric.to_owned(), value: Some("9".to_owned()), ttl_s }, at(0));
        assert_eq!(told("zone.pets.count", 60), Err(FactRefusal::OwnMetric));
        assert_eq!(told("emergency.status", 60), Err(FactRefusal::OwnMetric));
        for metric in ["", "Weather", "stock.", "a b", "queue/length"] {
            assert_eq!(told(metric, 60), Err(FactRefusal::Metric), "{metric}");
        }
        assert_eq!([told("weather", 0), told("weather", TTL_S_MAX + 1)], [Err(FactRefusal::Ttl); 2]);
        assert_eq!(told("stock.cat-food", 60), Ok(()));
        assert_eq!(facts.expiry("stock.cat-food", at(59)), Some(at(60)));
        facts.told(&FactReport { metric: "stock.cat-food".to_owned(), value: None, ttl_s: 1 }, at(1)).unwrap();
        assert_eq!(facts.expiry("stock.cat-food", at(2)), None, "taken back");
    }
}
