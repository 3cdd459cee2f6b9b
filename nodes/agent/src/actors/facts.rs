//! What the store is told of itself by weather stations, tills and any integrator.
//!
//! Owns these facts; those about people are the zones' own. Takes reports. Emits all facts to each screen.
//! On failure: a report with one fact that is refused has no effect; a failed commit ends the node. Full mailbox: reporters wait; a screen that
//! missed news is told again with the next.
use std::sync::Arc;

use actix::prelude::*;
use aisle_mesh::clock::Clock;
use aisle_node_core::signage::Facts;
use aisle_node_core::signage::facts::{Fact, FactRefusal};
use aisle_schemas::fact::{FactReport, REPORT_MAX};
use chrono::TimeDelta;

use super::{MAILBOX, tell};
use crate::fatal::{Fatal, FatalError};
use crate::journal::signage::SignageChange;
use crate::journal::{Entry, Journal, JournalError, StateChange};

/// Somebody tells facts.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), FactsError>")]
pub struct Told(pub Vec<FactReport>);

/// Why nothing of a report was taken.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    #[error("a report holds 1 to {REPORT_MAX} facts")]
    Number,
    #[error("facts[{place}]: {refusal}")]
    Refused { place: usize, refusal: FactRefusal },
    #[error("failed to commit facts")]
    Journal(#[from] JournalError),
}

/// All facts that the store was told.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct ToldFacts(pub Arc<Facts>);

/// What the actor starts from.
pub struct StoreFactsConfig {
    pub journal: Journal,
    pub clock: Arc<dyn Clock>,
    pub fatal: Fatal,
    pub screens: Vec<Recipient<ToldFacts>>,
}

/// The actor.
pub struct StoreFacts {
    facts: Facts,
    screens: Vec<Recipient<ToldFacts>>,
    journal: Journal,
    clock: Arc<dyn Clock>,
    fatal: Fatal,
}

impl StoreFacts {
    /// Loads what earlier runs were told.
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn load(config: StoreFactsConfig) -> Result<Self, JournalError> {
        let StoreFactsConfig { journal, clock, fatal, screens } = config;
        let facts = journal.load_facts(clock.now()).await?;
        Ok(Self { facts, screens, journal, clock, fatal })
    }

    fn publish(&self) {
        let facts = Arc::new(self.facts.clone());
        for screen in &self.screens {
            tell(screen, ToldFacts(Arc::clone(&facts)), "screen");
        }
    }

    /// The facts with these reports, and what committing them takes.
    fn decide(&self, reports: &[FactReport]) -> Result<(Facts, Entry), FactsError> {
        if !(1..=REPORT_MAX).contains(&reports.len()) {
            return Err(FactsError::Number);
        }
        let now = self.clock.now();
        let mut facts = self.facts.clone();
        facts.forget(now);
        let mut changes = vec![StateChange::Signage(SignageChange::ForgetFacts(now))];
        for (place, report) in reports.iter().enumerate() {
            facts.told(report, now).map_err(|refusal| FactsError::Refused { place, refusal })?;
            let FactReport { metric, value, ttl_s } = report;
            changes.push(StateChange::Signage(match value {
                Some(value) => {
                    let expires = now + TimeDelta::seconds(i64::from(*ttl_s));
                    SignageChange::Fact { metric: metric.clone(), fact: Fact { value: value.clone(), expires } }
                }
                None => SignageChange::ForgetFact(metric.clone()),
            }));
        }
        Ok((facts, Entry { changes, records: vec![] }))
    }
}

impl Actor for StoreFacts {
    type Context = Context<Self>;
    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        self.publish();
    }
}

impl Handler<Told> for StoreFacts {
    type Result = AtomicResponse<Self, Result<(), FactsError>>;

    fn handle(&mut self, Told(reports): Told, _: &mut Self::Context) -> Self::Result {
        let (facts, entry) = match self.decide(&reports) {
            Ok(decided) => decided,
            Err(error) => return AtomicResponse::new(Box::pin(actix::fut::ready(Err(error)))),
        };
        let journal = self.journal.clone();
        let committed = async move { journal.commit(entry).await }.into_actor(self);
        AtomicResponse::new(Box::pin(committed.map(move |done, act, _| match done {
            Ok(()) => {
                act.facts = facts;
                act.publish();
                Ok(())
            }
            Err(error) => {
                act.fatal.report(FatalError::Journal(error.clone()));
                Err(error.into())
            }
        })))
    }
}
