//! Monotonic time that goes on across restarts.
//!
//! Owns the distance between the process's own monotonic time and the store's, and when it is saved. Takes a clock and what was saved last.
//! Emits a clock. On failure of the journal: the error; nothing was saved, and a restart counts from the time before.
use std::sync::Arc;

use aisle_mesh::clock::Clock;
use aisle_node_core::monotonic::{Monotonic, Saved};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;

use crate::journal::{Entry, Journal, JournalError, StateChange};
use crate::now::Now;

/// Milliseconds after which the time is saved again (AS-093).
const SAVE_EVERY_MS: i64 = 60_000;
/// A step of the wall clock by so many milliseconds is saved at once, or a restart would count it as time that passed.
const STEP_MS: i64 = 1_000;

/// A clock whose monotonic time goes on where an earlier run left it.
pub struct LastingClock {
    clock: Arc<dyn Clock>,
    ahead_ms: i64,
}

impl LastingClock {
    /// Goes on from `saved`; the first run begins at its wall time.
    #[must_use]
    pub fn resume(clock: Arc<dyn Clock>, saved: Option<Saved>) -> Self {
        let own = i64::try_from(clock.monotonic_ms()).unwrap_or(i64::MAX);
        let ahead_ms = Monotonic::resume(saved, clock.now()).as_ms().saturating_sub(own);
        Self { clock, ahead_ms }
    }
}

impl Clock for LastingClock {
    fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    fn monotonic_ms(&self) -> u64 {
        self.clock.monotonic_ms().saturating_add_signed(self.ahead_ms)
    }

    fn moved(&self) -> watch::Receiver<u64> {
        self.clock.moved()
    }
}

/// Saves the time.
pub struct TimeKeeper {
    journal: Journal,
    saved: Option<Saved>,
}

impl TimeKeeper {
    /// Has saved nothing in this run.
    #[must_use]
    pub fn new(journal: Journal) -> Self {
        Self { journal, saved: None }
    }

    /// Saves the time if a minute has passed, or the wall clock was set.
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn keep(&mut self, now: Now) -> Result<(), JournalError> {
        if !self.saved.is_none_or(|saved| is_due(saved, now)) {
            return Ok(());
        }
        let saved = Saved { wall: now.wall, monotonic: now.mono };
        self.journal.commit(Entry { changes: vec![StateChange::SaveClock(saved)], records: vec![] }).await?;
        self.saved = Some(saved);
        Ok(())
    }
}

fn is_due(saved: Saved, now: Now) -> bool {
    let passed = now.mono.as_ms() - saved.monotonic.as_ms();
    let step = (now.wall - saved.wall) - TimeDelta::milliseconds(passed);
    passed >= SAVE_EVERY_MS || step.num_milliseconds().abs() >= STEP_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_093_the_time_is_saved_every_minute_and_when_the_wall_clock_is_set() {
        let at = |s: i64| DateTime::from_timestamp(s, 0).unwrap();
        let saved = Saved { wall: at(1_000), monotonic: Monotonic::from_ms(0) };
        let due = |wall: i64, mono_s: i64| is_due(saved, Now { wall: at(wall), mono: Monotonic::from_ms(mono_s * 1_000) });
        assert!(!due(1_059, 59));
        assert!(due(1_060, 60));
        assert!(due(1_000 + 86_400, 1), "a day ahead");
        assert!(due(1_000 - 86_400, 1), "a day back");
    }
}
