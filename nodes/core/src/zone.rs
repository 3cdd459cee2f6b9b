//! Who is counted where, and how far that count may steer a screen.
//!
//! Owns the counters of one zone: consenting visits with their segments, and the number of everyone else. Takes entries, departures and slot
//! limits with the drawn noise. Emits frozen slots. On failure: a full zone counts no further visit and says so; too few people give no
//! count at all.
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use thiserror::Error;

use crate::ids::{SegmentId, VisitToken};

/// So many distinct consenting visits must carry a segment before it may steer a screen (K1).
pub const K_LIVE: u32 = 5;
/// The largest number drawn on top of [`K_LIVE`] for each zone and slot (K3).
pub const NOISE_MAX: u32 = 2;
/// No slot is shorter (K3).
pub const SLOT_MIN: Duration = Duration::from_secs(60);
/// No slot is longer, so that a zone's audience is never older than this.
pub const SLOT_MAX: Duration = Duration::from_secs(3600);
/// Visits counted in one zone at once; more than any zone of a shop holds.
pub const VISITS_PER_ZONE_MAX: usize = 5_000;

/// The number added to the threshold of one slot, so that a crossing does not tell who came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noise(u32);

impl Noise {
    /// Folds any random number into 0, 1 or 2.
    #[must_use]
    pub const fn from_draw(draw: u32) -> Self {
        Self(draw % (NOISE_MAX + 1))
    }

    /// The number added.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.0
    }
}

/// The audience of a zone, frozen at a slot limit. Between two limits nothing about people changes, so nobody's arrival can be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    start: DateTime<Utc>,
    length: TimeDelta,
    threshold: u32,
    present: u32,
    segments: BTreeMap<SegmentId, u32>,
}

impl Slot {
    /// Whether the slot covers `now`.
    #[must_use]
    pub fn is_running(&self, now: DateTime<Utc>) -> bool {
        now >= self.start && now < self.ends_at()
    }

    /// The first instant after the slot.
    #[must_use]
    pub fn ends_at(&self) -> DateTime<Utc> {
        self.start + self.length
    }

    /// Whether enough visits carry `segment` (K1 with the slot's noise).
    #[must_use]
    pub fn carries(&self, segment: &SegmentId) -> bool {
        self.segments.get(segment).is_some_and(|count| *count >= self.threshold)
    }

    /// The number of consenting visits, or nothing when it is below the threshold: a small number is data about persons.
    #[must_use]
    pub fn published_count(&self) -> Option<u32> {
        (self.present >= self.threshold).then_some(self.present)
    }

    /// Visits that a segment needs in this slot: 5 to 7.
    #[must_use]
    pub const fn threshold(&self) -> u32 {
        self.threshold
    }
}

/// A visit could not be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ZoneRefusal {
    #[error("the zone already counts {VISITS_PER_ZONE_MAX} visits")]
    Full,
}

/// Everyone in one zone at this moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ZoneCounters {
    consenting: BTreeMap<VisitToken, BTreeSet<SegmentId>>,
    others: u32,
}

impl ZoneCounters {
    /// Counts a visit whose customer consented to be counted as part of the audience; entering again replaces its segments.
    ///
    /// # Errors
    /// [`ZoneRefusal::Full`] beyond [`VISITS_PER_ZONE_MAX`].
    pub fn enter(&mut self, visit: VisitToken, segments: BTreeSet<SegmentId>) -> Result<(), ZoneRefusal> {
        if !self.consenting.contains_key(&visit) && self.consenting.len() >= VISITS_PER_ZONE_MAX {
            return Err(ZoneRefusal::Full);
        }
        self.consenting.insert(visit, segments);
        Ok(())
    }

    /// Stops counting a visit; true if it was counted.
    pub fn leave(&mut self, visit: &VisitToken) -> bool {
        self.consenting.remove(visit).is_some()
    }

    /// Sets the number of people without consent or registration. It is kept apart because it never steers anything.
    pub const fn set_others(&mut self, count: u32) {
        self.others = count;
    }

    /// Everyone in the zone, for staff; never for a public surface.
    #[must_use]
    pub fn people(&self) -> u32 {
        self.others.saturating_add(u32::try_from(self.consenting.len()).unwrap_or(u32::MAX))
    }

    /// Freezes the audience for a slot of `length` (held between [`SLOT_MIN`] and [`SLOT_MAX`]) from `now` on.
    #[must_use]
    pub fn freeze(&self, now: DateTime<Utc>, length: Duration, noise: Noise) -> Slot {
        let mut segments = BTreeMap::new();
        for carried in self.consenting.values() {
            for segment in carried {
                let count = segments.entry(segment.clone()).or_insert(0_u32);
                *count = count.saturating_add(1);
            }
        }
        Slot {
            start: now,
            length: TimeDelta::from_std(length.clamp(SLOT_MIN, SLOT_MAX)).expect("an hour at most fits"),
            threshold: K_LIVE + noise.value(),
            present: u32::try_from(self.consenting.len()).unwrap_or(u32::MAX),
            segments,
        }
    }

    /// The next slot when the last one is over, or was never begun, or lies in the future because the clock was set back.
    #[must_use]
    pub fn next_slot(&self, last: Option<&Slot>, now: DateTime<Utc>, length: Duration, noise: Noise) -> Option<Slot> {
        match last {
            Some(slot) if slot.is_running(now) => None,
            Some(_) | None => Some(self.freeze(now, length, noise)),
        }
    }
}
