//! Facts of the store and the conditions on them.
//!
//! Owns the facts with their expiry. Takes values by metric. Emits whether a criterion holds. On failure: a missing or expired fact makes every
//! condition false, also the negative ones: nothing plays because of what is not known.
use std::collections::BTreeMap;

use aisle_schemas::screen::{Condition, Criterion};
use chrono::{DateTime, Utc};
use thiserror::Error;

/// Facts kept at once; a shop publishes some dozens.
pub const FACTS_MAX: usize = 2_000;
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
        let Some(fact) = self.current(&criterion.metric, now) else {
            return false;
        };
        let (known, wanted) = (fact.value.as_str(), criterion.value.as_str());
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

    fn current(&self, metric: &str, now: DateTime<Utc>) -> Option<&Fact> {
        self.known.get(metric).filter(|fact| now < fact.expires)
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
}
