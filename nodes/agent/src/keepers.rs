//! What is done as time passes, beside the actors: the time is saved, overrides end, the journal forgets, the node reports itself.
//!
//! Owns when each is due. Takes both clocks, at each tick. Emits what the four emit. On failure: whoever runs the node is told, and the node
//! ends; what the journal refused for want of room is due again.
use std::time::Duration;

use aisle_mesh::clock::Clock;
use aisle_node_core::monotonic::Monotonic;
use chrono::{DateTime, Utc};

use crate::fatal::{Fatal, FatalError};
use crate::journal::{Journal, JournalError};
use crate::lasting_clock::TimeKeeper;
use crate::now::Now;
use crate::overrides;
use crate::report::Reporter;

/// How often the journal forgets what is old, and the node looks at itself.
const UPKEEP: Duration = Duration::from_secs(60);

/// The four.
pub struct Keepers {
    journal: Journal,
    time: TimeKeeper,
    reporter: Reporter,
    upkeep_at: Monotonic,
    fatal: Fatal,
}

impl Keepers {
    /// Saves the time, so that what happens from now on is dated from here; the rest is due in a minute.
    pub async fn start(journal: &Journal, reporter: Reporter, clock: &dyn Clock, fatal: &Fatal) -> Self {
        let now = Now::read(clock);
        let upkeep_at = now.mono.plus(UPKEEP);
        let time = TimeKeeper::new(journal.clone());
        let mut keepers = Self { journal: journal.clone(), time, reporter, upkeep_at, fatal: fatal.clone() };
        keepers.tick(now).await;
        keepers
    }

    /// Does what is due.
    pub async fn tick(&mut self, now: Now) {
        if let Err(error) = self.time.keep(now).await {
            self.fatal.report(FatalError::Journal(error));
        }
        match overrides::end_due(&self.journal, now.mono).await {
            Ok(()) => {}
            // It is due again at the next tick.
            Err(error) if error.is_refusal() => tracing::warn!(%error, "overrides whose time is spent are still shown"),
            Err(error) => self.fatal.report(FatalError::Journal(error)),
        }
        if now.mono >= self.upkeep_at {
            self.upkeep_at = now.mono.plus(UPKEEP);
            if let Err(error) = self.every_minute(now.wall).await {
                self.fatal.report(FatalError::Journal(error));
            }
        }
    }

    async fn every_minute(&mut self, now: DateTime<Utc>) -> Result<(), JournalError> {
        // First, because upkeep ends the alarm of what was refused: whoever asks again raises it again. A full disk may refuse the report, and
        // upkeep is what makes room.
        let told = self.reporter.tell(now).await;
        self.journal.upkeep(now).await?;
        told
    }
}
