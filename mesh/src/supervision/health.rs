//! How the parts of a process are.
//!
//! Owns: one condition per part. Takes: reports of the parts. Emits: what `/healthz` and `/readyz` answer. On failure: a part
//! that never reports stays `Starting`, so the process never becomes ready.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How one part is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Not yet up.
    Starting,
    /// Works.
    Ready,
    /// Alive, but cannot work now.
    NotReady(String),
    /// Will not work again in this process.
    Failed(String),
}

/// The parts of one process or role. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Mutex<BTreeMap<String, Condition>>>);

impl Health {
    /// Nothing registered yet; ready at once.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a part, `Starting`, or takes it over from a former value of the same name.
    #[must_use]
    pub fn register(&self, name: &str) -> Reporter {
        self.set(name, Condition::Starting);
        Reporter { name: name.to_owned(), health: self.clone() }
    }

    /// For `/healthz`: false when the process should be replaced.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.report().iter().all(|(_, condition)| !matches!(condition, Condition::Failed(_)))
    }

    /// For `/readyz`: true when every part works.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.report().iter().all(|(_, condition)| *condition == Condition::Ready)
    }

    /// All parts by name.
    #[must_use]
    pub fn report(&self) -> Vec<(String, Condition)> {
        let parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        parts.iter().map(|(name, condition)| (name.clone(), condition.clone())).collect()
    }

    /// `Failed` is final: a part that was given up must not look well again.
    fn set(&self, name: &str, condition: Condition) {
        let mut parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let current = parts.entry(name.to_owned()).or_insert(Condition::Starting);
        if !matches!(current, Condition::Failed(_)) {
            *current = condition;
        }
    }
}

/// Speaks for one part.
#[derive(Debug, Clone)]
pub struct Reporter {
    name: String,
    health: Health,
}

impl Reporter {
    /// Name of the part.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The part works.
    pub fn ready(&self) {
        self.health.set(&self.name, Condition::Ready);
    }

    /// The part is alive and cannot work now. The reason is shown to operators: no personal data.
    pub fn not_ready(&self, reason: &str) {
        self.health.set(&self.name, Condition::NotReady(reason.to_owned()));
    }

    /// The part will not work again in this process.
    pub fn failed(&self, reason: &str) {
        self.health.set(&self.name, Condition::Failed(reason.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_ready_when_every_part_is() {
        let health = Health::new();
        let journal = health.register("journal");
        let uplink = health.register("uplink");
        assert!(health.is_alive() && !health.is_ready());
        journal.ready();
        assert!(!health.is_ready());
        uplink.ready();
        assert!(health.is_ready());
        uplink.not_ready("link is down");
        assert!(health.is_alive() && !health.is_ready());
        assert_eq!(health.report()[1], ("uplink".to_owned(), Condition::NotReady("link is down".to_owned())));
    }

    #[test]
    fn a_failed_part_ends_the_life_of_the_process() {
        let health = Health::new();
        let journal = health.register("journal");
        journal.failed("disk is gone");
        journal.ready();
        assert!(!health.is_alive() && !health.is_ready());
    }
}
