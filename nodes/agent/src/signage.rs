//! The actors that screens play by besides the catalogue: facts and emergencies.
//!
//! Owns the order in which they start. Takes what every actor is made of, and the screens. Emits the recipients of their messages. On failure:
//! the journal's, and the node does not start.
use std::sync::Arc;

use actix::{Actor, Addr, Recipient};
use aisle_mesh::clock::Clock;
use aisle_schemas::emergency::EmergencyState;
use tokio::sync::watch;

use crate::actors::Tick;
use crate::actors::emergency::{Begin, Clear, Emergencies, EmergenciesConfig, EmergencyChanged, Ordered, SetChanged};
use crate::actors::facts::{StoreFacts, StoreFactsConfig, Told, ToldFacts};
use crate::actors::recipient;
use crate::actors::screen::Screen;
use crate::fatal::Fatal;
use crate::journal::{Journal, JournalError, RecordMaker};

/// What both actors are made of.
pub struct SignageParts<'a> {
    pub journal: &'a Journal,
    pub maker: &'a RecordMaker,
    pub clock: &'a Arc<dyn Clock>,
    pub fatal: &'a Fatal,
}

/// Screens that learn of both.
#[derive(Default)]
pub struct SignageListeners {
    facts: Vec<Recipient<ToldFacts>>,
    emergencies: Vec<Recipient<EmergencyChanged>>,
}

impl SignageListeners {
    /// One screen more.
    pub fn add(&mut self, screen: &Addr<Screen>) {
        self.facts.push(recipient(screen));
        self.emergencies.push(recipient(screen));
    }
}

/// Where their messages go.
pub struct Signage {
    pub told: Recipient<Told>,
    pub begin: Recipient<Begin>,
    pub clear: Recipient<Clear>,
    pub sets: Recipient<SetChanged>,
    pub ordered: Recipient<Ordered>,
    pub tick: Recipient<Tick>,
    pub state: watch::Receiver<EmergencyState>,
}

/// Starts both.
///
/// # Errors
/// [`JournalError`].
pub async fn start(parts: &SignageParts<'_>, listeners: SignageListeners) -> Result<Signage, JournalError> {
    let SignageParts { journal, maker, clock, fatal } = parts;
    let SignageListeners { facts: of_facts, emergencies: of_emergencies } = listeners;
    let facts = StoreFacts::load(StoreFactsConfig {
        journal: Journal::clone(journal),
        clock: Arc::clone(clock),
        fatal: Fatal::clone(fatal),
        screens: of_facts,
    })
    .await?
    .start();
    let (shown, state) = watch::channel(EmergencyState { active: None, ready: Vec::new() });
    let emergencies = Emergencies::load(EmergenciesConfig {
        journal: Journal::clone(journal),
        maker: RecordMaker::clone(maker),
        clock: Arc::clone(clock),
        fatal: Fatal::clone(fatal),
        screens: of_emergencies,
        state: shown,
    })
    .await?
    .start();
    Ok(Signage {
        told: recipient(&facts),
        begin: recipient(&emergencies),
        clear: recipient(&emergencies),
        sets: recipient(&emergencies),
        ordered: recipient(&emergencies),
        tick: recipient(&emergencies),
        state,
    })
}
