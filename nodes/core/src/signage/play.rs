//! Proof of play of one screen.
//!
//! Owns which plays of which boot are known, so that each counts once, and the plays of the last hour. Takes reports in any order and number.
//! Emits what is new, and up to where the screen may forget. On failure: a gap is asked for once; if the screen has nothing in it, it is passed
//! and counted, never filled by guessing.
use std::collections::{BTreeMap, VecDeque};

use aisle_schemas::screen::Play;
use chrono::{DateTime, TimeDelta, Utc};
use thiserror::Error;

use crate::ids::{BootId, EventSlug, ScreenId};

/// Boots remembered per screen; a screen that restarts more often within one outage has its oldest plays told apart by the cloud.
pub const BOOTS_MAX: usize = 32;
/// Plays kept for hourly counts: an item a second.
pub const HOUR_MAX: usize = 3_600;
/// Milliseconds that a play may last: the longest item.
pub const PLAY_MS_MAX: u32 = 86_400_000;

/// Why a report is not taken at all.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReportRefusal {
    #[error("plays: must be of one screen, this one")]
    OtherScreen,
    #[error("plays: must be of one boot, in rising seq from 1")]
    Disordered,
    #[error("plays: must not be empty")]
    Empty,
    #[error("duration_ms: must be at most {PLAY_MS_MAX}")]
    TooLong,
}

/// What a report brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    pub boot: BootId,
    /// Plays that were not known, to be committed.
    pub plays: Vec<Play>,
    /// The screen may forget up to here, once committed.
    pub up_to: u64,
    /// Plays that the screen never had, for the count.
    pub missing: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Boot {
    /// All up to here are known or given up.
    high: u64,
    /// The seq whose report was answered by asking for what lies before it.
    asked_before: Option<u64>,
}

/// What is known of one screen's plays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlayLog {
    screen: ScreenId,
    boots: BTreeMap<BootId, Boot>,
}

impl PlayLog {
    /// A screen with the boots committed by an earlier run, each with its highest seq.
    #[must_use]
    pub fn restore(screen: ScreenId, boots: impl IntoIterator<Item = (BootId, u64)>) -> Self {
        let boots = boots.into_iter().map(|(boot, high)| (boot, Boot { high, asked_before: None })).collect();
        Self { screen, boots }
    }

    /// Decides on a report.
    ///
    /// # Errors
    /// [`ReportRefusal`]; then nothing of it is taken.
    pub fn decide(&self, plays: &[Play]) -> Result<Accepted, ReportRefusal> {
        let first = plays.first().ok_or(ReportRefusal::Empty)?;
        if plays.iter().any(|play| play.screen != self.screen) {
            return Err(ReportRefusal::OtherScreen);
        }
        let rising = plays.windows(2).all(|pair| pair[0].seq.checked_add(1) == Some(pair[1].seq));
        if !rising || first.seq == 0 || plays.iter().any(|play| play.boot != first.boot) {
            return Err(ReportRefusal::Disordered);
        }
        if plays.iter().any(|play| play.duration_ms > PLAY_MS_MAX) {
            return Err(ReportRefusal::TooLong);
        }
        let boot = self.boots.get(&first.boot).copied().unwrap_or(Boot { high: 0, asked_before: None });
        let new: Vec<Play> = plays.iter().filter(|play| play.seq > boot.high).cloned().collect();
        let Some(first_new) = new.first() else {
            return Ok(Accepted { boot: first.boot, plays: new, up_to: boot.high, missing: 0 });
        };
        let missing = first_new.seq - boot.high - 1;
        if missing > 0 && boot.asked_before != Some(first_new.seq) {
            return Ok(Accepted { boot: first.boot, plays: Vec::new(), up_to: boot.high, missing: 0 });
        }
        let up_to = new.last().map_or(boot.high, |last| last.seq);
        Ok(Accepted { boot: first.boot, plays: new, up_to, missing })
    }

    /// Folds what was decided on `plays` and committed. Returns a boot that is no longer remembered.
    pub fn apply(&mut self, plays: &[Play], accepted: &Accepted) -> Option<BootId> {
        let asked_before = if accepted.plays.is_empty() { plays.first().map(|play| play.seq) } else { None };
        let asked_before = asked_before.filter(|seq| *seq > accepted.up_to);
        self.boots.insert(accepted.boot, Boot { high: accepted.up_to, asked_before });
        if self.boots.len() > BOOTS_MAX { self.boots.pop_first().map(|(boot, _)| boot) } else { None }
    }
}

/// Plays of the last hour, for hourly maxima.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlayCounts {
    started: VecDeque<(EventSlug, DateTime<Utc>)>,
}

impl PlayCounts {
    /// Counts a committed play; the oldest beyond [`HOUR_MAX`] is dropped.
    pub fn count(&mut self, event: EventSlug, started_at: DateTime<Utc>) {
        if self.started.len() >= HOUR_MAX {
            self.started.pop_front();
        }
        self.started.push_back((event, started_at));
    }

    /// Plays of an event within the hour before `now`.
    #[must_use]
    pub fn within_an_hour(&self, event: &EventSlug, now: DateTime<Utc>) -> u32 {
        u32::try_from(self.recent(event, now).count()).unwrap_or(u32::MAX)
    }

    /// When the oldest counted play of an event leaves the hour.
    #[must_use]
    pub fn next_release(&self, event: &EventSlug, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.recent(event, now).min().map(|started| started + TimeDelta::hours(1))
    }

    /// Drops what no longer counts.
    pub fn forget(&mut self, now: DateTime<Utc>) {
        self.started.retain(|(_, started)| *started > now - TimeDelta::hours(1));
    }

    fn recent(&self, event: &EventSlug, now: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> {
        let hour = now - TimeDelta::hours(1);
        self.started.iter().filter(move |(played, started)| played == event && *started > hour).map(|(_, started)| *started)
    }
}
