//! When somebody entered a zone, stayed in it, and left.
//!
//! Owns the stay of one visit: the zone it is in, the one it may be entering, and what it was told of already. Takes the likeliest zone of
//! each observation in order of time, and silence. Emits entries, departures and dwells. On failure: an observation out of order is the
//! caller's to drop; an unknown zone is a place like any other, but nobody enters it.
use std::collections::BTreeMap;

use super::areas::{AREAS_MAX, Likeliest};
use crate::ids::ZoneId;

/// Observations in a row that make an entry.
const CONFIRMATIONS: u32 = 2;
/// Being in one zone for so long is a dwell.
const DWELL_MS: i64 = 10_000;
/// A longer gap between two observations breaks a dwell.
const DWELL_GAP_MS: i64 = 10_000;
/// Whoever comes back later than this stays anew.
const NEW_STAY_MS: i64 = 120_000;
/// Nobody is left in a zone after so long a silence, in feeds that speak at least every 20 s.
const SILENCE_MS: i64 = 60_000;
/// A slower feed is given so many of its intervals.
const SILENCE_INTERVALS: i64 = 3;

/// How a feed reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pace {
    /// As it happens, at most 20 s apart.
    Live,
    /// Collected and sent every minute: good for counts, too late for anything that a shopper should notice.
    Batch,
}

impl Pace {
    /// Time between two reports of a batch feed.
    const BATCH_INTERVAL_MS: i64 = 60_000;

    const fn silence_ms(self) -> i64 {
        match self {
            Self::Live => SILENCE_MS,
            Self::Batch => SILENCE_INTERVALS * Self::BATCH_INTERVAL_MS,
        }
    }
}

/// What became known about a visit.
#[derive(Debug, Clone, PartialEq)]
pub enum Sign {
    /// It is in a zone; whichever it was in before, it left at the same time.
    Entered { zone: ZoneId, at_ms: i64, p: f64, accuracy_m: f64 },
    /// It is not in the zone any more.
    Left { zone: ZoneId, at_ms: i64 },
    /// It has been in a zone for a while, once per stay.
    Dwelled { zone: ZoneId, at_ms: i64, p: f64, accuracy_m: f64 },
}

/// An observation, located.
#[derive(Debug, Clone, PartialEq)]
pub struct Sighting {
    pub t_ms: i64,
    pub pace: Pace,
    /// Nothing where no zone is likely or no position was found.
    pub likeliest: Option<Likeliest>,
    pub accuracy_m: f64,
}

/// Observations in a row with the same zone.
#[derive(Debug, Clone, PartialEq)]
struct Run {
    zone: Option<ZoneId>,
    count: u32,
    first_ms: i64,
    /// Since when no gap was too long for a dwell.
    unbroken_ms: i64,
    unbroken_count: u32,
}

/// The last time somebody was seen in a zone.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Memory {
    last_ms: i64,
    told: bool,
}

/// The stay of one visit.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Stay {
    current: Option<ZoneId>,
    run: Option<Run>,
    last: Option<(i64, Pace)>,
    memories: BTreeMap<ZoneId, Memory>,
}

impl Stay {
    /// The zone that was entered and not left.
    #[must_use]
    pub const fn zone(&self) -> Option<&ZoneId> {
        self.current.as_ref()
    }

    /// Takes the next observation.
    pub fn see(&mut self, sighting: Sighting) -> Vec<Sign> {
        let Sighting { t_ms, pace, likeliest, accuracy_m } = sighting;
        let mut signs = self.silence(t_ms);
        let gap = self.last.map_or(0, |(last, _)| t_ms - last);
        self.last = Some((t_ms, pace));
        let zone = likeliest.as_ref().map(|likeliest| likeliest.zone.clone());
        let p = likeliest.map_or(0.0, |likeliest| likeliest.p);
        let run = match self.run.take() {
            Some(run) if run.zone == zone && gap <= DWELL_GAP_MS => {
                Run { count: run.count.saturating_add(1), unbroken_count: run.unbroken_count.saturating_add(1), ..run }
            }
            Some(run) if run.zone == zone => Run { count: run.count.saturating_add(1), unbroken_ms: t_ms, unbroken_count: 1, ..run },
            Some(_) | None => Run { zone: zone.clone(), count: 1, first_ms: t_ms, unbroken_ms: t_ms, unbroken_count: 1 },
        };
        if run.count >= CONFIRMATIONS && zone != self.current {
            if let Some(left) = self.current.take() {
                signs.push(Sign::Left { zone: left, at_ms: run.first_ms });
            }
            if let Some(zone) = &zone {
                signs.push(Sign::Entered { zone: zone.clone(), at_ms: run.first_ms, p, accuracy_m });
            }
            self.current.clone_from(&zone);
        }
        if let Some(zone) = zone {
            let memory = self.remember(&zone, t_ms);
            let long_enough = run.unbroken_count >= CONFIRMATIONS && t_ms - run.unbroken_ms >= DWELL_MS;
            if long_enough && pace == Pace::Live && !memory.told {
                memory.told = true;
                signs.push(Sign::Dwelled { zone, at_ms: t_ms, p, accuracy_m });
            }
        }
        self.run = Some(run);
        signs
    }

    /// Lets time pass without an observation.
    pub fn silence(&mut self, now_ms: i64) -> Vec<Sign> {
        let Some((last, pace)) = self.last else { return vec![] };
        if now_ms - last <= pace.silence_ms() {
            return vec![];
        }
        self.run = None;
        self.leave(last)
    }

    /// Ends the stay: the visit was closed, or may not be located any more.
    pub fn end(&mut self, now_ms: i64) -> Vec<Sign> {
        self.run = None;
        self.leave(now_ms)
    }

    /// The zones of the store changed.
    pub fn keep_only(&mut self, exists: impl Fn(&ZoneId) -> bool, now_ms: i64) -> Vec<Sign> {
        self.memories.retain(|zone, _| exists(zone));
        self.run = None;
        if self.current.as_ref().is_some_and(|zone| !exists(zone)) { self.leave(now_ms) } else { vec![] }
    }

    fn leave(&mut self, at_ms: i64) -> Vec<Sign> {
        self.current.take().map(|zone| Sign::Left { zone, at_ms }).into_iter().collect()
    }

    /// The memory of a zone, as of now. A store has no more zones than are remembered, so that the oldest goes only when zones were renamed.
    fn remember(&mut self, zone: &ZoneId, t_ms: i64) -> &mut Memory {
        if self.memories.len() >= AREAS_MAX && !self.memories.contains_key(zone) {
            let oldest = self.memories.iter().min_by_key(|(_, memory)| memory.last_ms).map(|(zone, _)| zone.clone());
            if let Some(oldest) = oldest {
                self.memories.remove(&oldest);
            }
        }
        let memory = self.memories.entry(zone.clone()).or_insert(Memory { last_ms: t_ms, told: false });
        if t_ms - memory.last_ms > NEW_STAY_MS {
            memory.told = false;
        }
        memory.last_ms = t_ms;
        memory
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn zone(name: &str) -> ZoneId {
        ZoneId::parse(name).unwrap()
    }

    fn seen(second: i64, at: &str, pace: Pace) -> Sighting {
        let likeliest = (!at.is_empty()).then(|| Likeliest { zone: zone(at), p: 0.9 });
        Sighting { t_ms: second * 1_000, pace, likeliest, accuracy_m: 4.0 }
    }

    /// Every sign as text, with its second.
    fn story(sightings: &[(i64, &str)], pace: Pace) -> Vec<String> {
        let mut stay = Stay::default();
        let signs = sightings.iter().flat_map(|(second, at)| stay.see(seen(*second, at, pace))).collect::<Vec<_>>();
        signs.iter().map(told).collect()
    }

    fn told(sign: &Sign) -> String {
        match sign {
            Sign::Entered { zone, at_ms, .. } => format!("in {zone} {}", at_ms / 1_000),
            Sign::Left { zone, at_ms } => format!("out {zone} {}", at_ms / 1_000),
            Sign::Dwelled { zone, at_ms, .. } => format!("dwell {zone} {}", at_ms / 1_000),
        }
    }

    #[test]
    fn two_observations_make_an_entry_and_its_time_is_that_of_the_first() {
        assert_eq!(story(&[(0, "a"), (5, "b"), (10, "b"), (15, "a"), (20, "a")], Pace::Live), ["in b 5", "out b 15", "in a 15"]);
    }

    #[test]
    fn one_stray_observation_changes_nothing_but_a_dwell() {
        assert_eq!(story(&[(0, "a"), (4, "a"), (8, "b"), (12, "a"), (16, "a"), (22, "a")], Pace::Live), ["in a 0", "dwell a 22"]);
    }

    #[test]
    fn ten_seconds_make_one_dwell_in_a_stay() {
        let stay: Vec<(i64, &str)> = (0..20).map(|step| (step * 5, "a")).collect();
        assert_eq!(story(&stay, Pace::Live), ["in a 0", "dwell a 10"]);
    }

    #[test]
    fn a_gap_breaks_a_dwell_and_not_the_presence() {
        assert_eq!(story(&[(0, "a"), (5, "a"), (16, "a"), (21, "a"), (26, "a")], Pace::Live), ["in a 0", "dwell a 26"]);
    }

    #[test]
    fn coming_back_soon_is_the_same_stay_and_later_a_new_one() {
        let visit = |away: i64| {
            let mut seconds = vec![(0, "a"), (5, "a"), (10, "a"), (15, "b"), (20, "b")];
            seconds.extend((0..=away / 10).map(|step| (20 + step * 10, "b")).skip(1));
            let back = seconds.last().unwrap().0 + 5;
            seconds.extend([(back, "a"), (back + 5, "a"), (back + 10, "a")]);
            story(&seconds, Pace::Live).iter().filter(|told| told.starts_with("dwell a")).count()
        };
        assert_eq!((visit(60), visit(150)), (1, 2));
    }

    #[test]
    fn a_minute_of_silence_is_a_departure_at_the_last_observation() {
        let mut stay = Stay::default();
        stay.see(seen(0, "a", Pace::Live));
        stay.see(seen(5, "a", Pace::Live));
        assert_eq!(stay.silence(65_000), []);
        assert_eq!(stay.silence(65_001).iter().map(told).collect::<Vec<_>>(), ["out a 5"]);
        assert_eq!(stay.silence(99_000), []);
    }

    #[test]
    fn batches_are_given_three_of_their_intervals_and_never_make_a_dwell() {
        let minutes: Vec<(i64, &str)> = (0..20).map(|step| (step * 8, "a")).chain([(152 + 170, "a")]).collect();
        assert_eq!(story(&minutes, Pace::Batch), ["in a 0"]);
        assert_eq!(story(&[(0, "a"), (60, "a"), (300, "b")], Pace::Batch), ["in a 0", "out a 60"]);
    }

    #[test]
    fn an_unknown_place_is_left_for_but_never_entered() {
        assert_eq!(story(&[(0, "a"), (5, "a"), (10, ""), (15, "")], Pace::Live), ["in a 0", "out a 10"]);
    }

    #[test]
    fn the_end_of_a_visit_and_of_a_zone_is_a_departure() {
        let mut stay = Stay::default();
        stay.see(seen(0, "a", Pace::Live));
        stay.see(seen(5, "a", Pace::Live));
        assert_eq!(stay.keep_only(|other| *other == zone("a"), 6_000), []);
        assert_eq!(stay.clone().keep_only(|_| false, 6_000).iter().map(told).collect::<Vec<_>>(), ["out a 6"]);
        assert_eq!(stay.end(7_000).iter().map(told).collect::<Vec<_>>(), ["out a 7"]);
    }

    proptest! {
        #[test]
        fn whoever_leaves_had_entered_and_nobody_is_in_two_zones(steps in prop::collection::vec((1_i64..90, 0_usize..4), 0..80)) {
            let names = ["", "a", "b", "c"];
            let mut stay = Stay::default();
            let (mut second, mut inside) = (0, None);
            for (gap, name) in steps {
                second += gap;
                for sign in stay.see(seen(second, names[name], Pace::Live)) {
                    match sign {
                        Sign::Entered { zone, at_ms, .. } => {
                            prop_assert_eq!(&inside, &None);
                            prop_assert!(at_ms <= second * 1_000);
                            inside = Some(zone);
                        }
                        Sign::Left { zone, .. } => prop_assert_eq!(inside.take(), Some(zone)),
                        Sign::Dwelled { .. } => {}
                    }
                }
                prop_assert_eq!(stay.zone(), inside.as_ref());
            }
        }
    }
}
