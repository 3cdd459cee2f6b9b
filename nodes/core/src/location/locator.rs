//! Where the store's consenting visits are: bound devices, their tracks and their stays.
//!
//! Owns the pair of device and visit token, the track and the stay of each visit, the map in force, and the strangers of the running slot; all
//! of it in memory, none of it written. Takes bindings, observations in any order, maps, and the passing of time. Emits signs of visits. On
//! failure: what is late, early, double or of nobody is dropped with its reason.
use std::collections::{BTreeMap, BTreeSet};

use super::address::{Device, RadioAddress};
use super::estimate::Estimate;
use super::gate::{Admitted, BOUND_MAX};
use super::index::Scratch;
use super::map::Map;
use super::representation::Strength;
use super::stay::{Pace, Sighting, Sign, Stay};
use super::survey::Point;
use super::track::{Track, Tracked};
use crate::ids::{VisitToken, ZoneId};
use crate::zone::K_LIVE;

/// Oldest observation of a live feed, and the longest life of any position.
pub const POSITION_LIFE_MS: i64 = 30_000;
/// Oldest observation of a batch feed; it counts as presence only.
pub const BATCH_AGE_MS: i64 = 120_000;
/// An observation may be so far ahead of the node's clock.
pub const AHEAD_MS: i64 = 5_000;
/// Times of a device's observations that are remembered, to tell a repeat from one that came late.
const TIMES_MAX: usize = 16;
/// Strangers counted in one slot.
pub const STRANGERS_MAX: usize = 50_000;

/// What a feed said of a device.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// Which access points heard it, and how strongly.
    Scan(Vec<(RadioAddress, Strength)>),
    /// Where the vendor says that it is.
    Position { floor: String, x: f64, y: f64, accuracy_m: f64 },
}

/// An observation of a device that may pass.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    pub t_ms: i64,
    pub device: Admitted,
    pub pace: Pace,
    pub heard: Heard,
}

/// Why an observation changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dropped {
    Late,
    Early,
    Duplicate,
    Unbound,
    NoMap,
    /// More strangers than are counted.
    Full,
}

impl Dropped {
    /// As a label of a metric.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Early => "early",
            Self::Duplicate => "duplicate",
            Self::Unbound => "unbound",
            Self::NoMap => "no_map",
            Self::Full => "full",
        }
    }
}

/// A sign of a visit.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    pub token: VisitToken,
    pub sign: Sign,
}

/// What an observation led to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Observed {
    pub told: Vec<Told>,
    /// Readings of access points that the map does not know.
    pub unknown: usize,
    /// Whether a position was found.
    pub placed: bool,
}

/// A binding, and what it ended.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rebound {
    /// Devices that are bound no more.
    pub freed: Vec<Device>,
    /// Signs of a visit that lost its device.
    pub told: Vec<Told>,
    /// Whether the device is bound now.
    pub bound: bool,
}

#[derive(Debug)]
struct Bound {
    token: VisitToken,
    track: Option<Track>,
    stay: Stay,
    /// Times of the last observations, the newest last.
    times: Vec<i64>,
}

impl Bound {
    fn new(token: VisitToken) -> Self {
        Self { token, track: None, stay: Stay::default(), times: Vec::new() }
    }

    fn tell(&self, signs: Vec<Sign>) -> Vec<Told> {
        signs.into_iter().map(|sign| Told { token: self.token, sign }).collect()
    }
}

/// Strangers of the running slot: numbers that die with its key.
#[derive(Debug, Default)]
struct Strangers {
    places: BTreeMap<u64, ZoneId>,
}

/// The whole state.
#[derive(Debug, Default)]
pub struct Locator {
    devices: BTreeMap<Device, Bound>,
    visits: BTreeMap<VisitToken, Device>,
    map: Option<Map>,
    strangers: Strangers,
    scratch: Scratch,
}

impl Locator {
    /// Binds a device to a visit. A device belongs to one visit, and a visit has one device: the later binding counts.
    pub fn bind(&mut self, device: Device, token: VisitToken, now_ms: i64) -> Rebound {
        if self.devices.get(&device).is_some_and(|bound| bound.token == token) {
            return Rebound { bound: true, ..Rebound::default() };
        }
        if self.devices.len() >= BOUND_MAX && !self.visits.contains_key(&token) && !self.devices.contains_key(&device) {
            return Rebound::default();
        }
        let mut rebound = Rebound { bound: true, ..Rebound::default() };
        // The visit goes on under its new address; nothing of the old one is kept.
        let mut bound = Bound::new(token);
        if let Some(old) = self.visits.remove(&token) {
            if let Some(before) = self.devices.remove(&old) {
                bound.stay = before.stay;
            }
            rebound.freed.push(old);
        }
        if let Some(mut other) = self.devices.remove(&device) {
            self.visits.remove(&other.token);
            let signs = other.stay.end(now_ms);
            rebound.told.extend(other.tell(signs));
        }
        self.devices.insert(device.clone(), bound);
        self.visits.insert(token, device);
        rebound
    }

    /// Forgets a visit: it was closed, or may not be located any more.
    pub fn unbind(&mut self, token: VisitToken, now_ms: i64) -> Rebound {
        let Some(device) = self.visits.remove(&token) else { return Rebound::default() };
        let told = self.devices.remove(&device).map_or_else(Vec::new, |mut bound| {
            let signs = bound.stay.end(now_ms);
            bound.tell(signs)
        });
        Rebound { freed: vec![device], told, bound: false }
    }

    /// Puts a map in force. Tracks begin anew, since its metres may be others; whoever is in a zone that is gone has left it.
    pub fn switch(&mut self, map: Option<Map>, now_ms: i64) -> Vec<Told> {
        self.map = map;
        self.strangers.places.clear();
        let map = self.map.as_ref();
        let exists = |zone: &ZoneId| map.is_some_and(|map| map.has_zone(zone));
        let mut told = Vec::new();
        for bound in self.devices.values_mut() {
            bound.track = None;
            let signs = bound.stay.keep_only(exists, now_ms);
            told.extend(bound.tell(signs));
        }
        told
    }

    /// Takes an observation.
    ///
    /// # Errors
    /// [`Dropped`], when it changes nothing.
    pub fn observe(&mut self, observation: Observation, now_ms: i64) -> Result<Observed, Dropped> {
        let Observation { t_ms, device, pace, heard } = observation;
        let oldest = match pace {
            Pace::Live => POSITION_LIFE_MS,
            Pace::Batch => BATCH_AGE_MS,
        };
        if now_ms.saturating_sub(t_ms) > oldest {
            return Err(Dropped::Late);
        }
        if t_ms.saturating_sub(now_ms) > AHEAD_MS {
            return Err(Dropped::Early);
        }
        let Self { devices, map, strangers, scratch, .. } = self;
        let device = match device {
            Admitted::Bound(device) => device,
            Admitted::Stranger(number) => {
                let map = map.as_ref().ok_or(Dropped::NoMap)?;
                return strangers.see(number, map, &heard, scratch);
            }
        };
        let bound = devices.get_mut(&device).ok_or(Dropped::Unbound)?;
        if bound.times.contains(&t_ms) {
            return Err(Dropped::Duplicate);
        }
        if bound.times.last().is_some_and(|last| t_ms < *last) {
            return Err(Dropped::Late);
        }
        let map = map.as_ref().ok_or(Dropped::NoMap)?;
        if bound.times.len() == TIMES_MAX {
            bound.times.remove(0);
        }
        bound.times.push(t_ms);
        let (estimate, unknown) = estimate(map, &heard, scratch);
        let sighting = match estimate {
            None => Sighting { t_ms, pace, likeliest: None, accuracy_m: 0.0 },
            Some(found) => {
                let tracked = match pace {
                    Pace::Live => bound.follow(&found, t_ms),
                    // An average of a minute lags behind walkers, and a position of a batch is not kept.
                    Pace::Batch => Tracked { point: found.point, level: found.level },
                };
                let likeliest = map.likeliest(tracked.level, tracked.point, found.sigma_m());
                Sighting { t_ms, pace, likeliest, accuracy_m: found.accuracy_m() }
            }
        };
        let signs = bound.stay.see(sighting);
        Ok(Observed { told: bound.tell(signs), unknown, placed: estimate.is_some() })
    }

    /// Lets time pass: positions die, and whoever was not heard for long has left.
    pub fn tick(&mut self, now_ms: i64) -> Vec<Told> {
        let mut told = Vec::new();
        for bound in self.devices.values_mut() {
            if bound.track.as_ref().is_some_and(|track| now_ms - track.t_ms() > POSITION_LIFE_MS) {
                bound.track = None;
            }
            let signs = bound.stay.silence(now_ms);
            told.extend(bound.tell(signs));
        }
        told
    }

    /// Ends the slot of strangers: how many were last seen in each zone, where they are enough to tell, and forgets them.
    pub fn end_slot(&mut self) -> BTreeMap<ZoneId, u32> {
        let mut counts: BTreeMap<ZoneId, u32> = BTreeMap::new();
        for zone in std::mem::take(&mut self.strangers.places).into_values() {
            *counts.entry(zone).or_default() += 1;
        }
        counts.retain(|_, count| *count >= K_LIVE);
        counts
    }

    /// Visits whose device is bound.
    #[must_use]
    pub fn bound(&self) -> usize {
        self.visits.len()
    }

    /// Tokens of all bound visits.
    #[must_use]
    pub fn tokens(&self) -> BTreeSet<VisitToken> {
        self.visits.keys().copied().collect()
    }

    /// Positions that are held at this moment.
    #[must_use]
    pub fn positions(&self) -> usize {
        self.devices.values().filter(|bound| bound.track.is_some()).count()
    }
}

impl Bound {
    fn follow(&mut self, found: &Estimate, t_ms: i64) -> Tracked {
        let untracked = Tracked { point: found.point, level: found.level };
        match &mut self.track {
            Some(track) => track.fix(found, t_ms).unwrap_or(untracked),
            None => {
                self.track = Some(Track::begin(found, t_ms));
                untracked
            }
        }
    }
}

impl Strangers {
    fn see(&mut self, number: u64, map: &Map, heard: &Heard, scratch: &mut Scratch) -> Result<Observed, Dropped> {
        if self.places.len() >= STRANGERS_MAX && !self.places.contains_key(&number) {
            return Err(Dropped::Full);
        }
        let (estimate, unknown) = estimate(map, heard, scratch);
        let zone = estimate.and_then(|found| map.likeliest(found.level, found.point, found.sigma_m()));
        if let Some(likeliest) = zone {
            self.places.insert(number, likeliest.zone);
        }
        Ok(Observed { told: vec![], unknown, placed: estimate.is_some() })
    }
}

fn estimate(map: &Map, heard: &Heard, scratch: &mut Scratch) -> (Option<Estimate>, usize) {
    match heard {
        Heard::Scan(heard) => {
            let looked = map.locate(heard, scratch);
            (looked.estimate, looked.unknown)
        }
        Heard::Position { floor, x, y, accuracy_m } => {
            let placed = map.level(floor).zip(Point::new(*x, *y));
            (placed.map(|(level, point)| Estimate::of_vendor(point, level, *accuracy_m)), 0)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::map::tests::{heard_at, shop};
    use super::super::map::{KNOWN_MIN, Parts};
    use super::*;

    const NOW: i64 = 1_000_000_000;

    fn device(number: u8) -> Device {
        Device::parse(&format!("0a:00:00:00:01:{number:02x}")).unwrap()
    }

    fn token(number: u8) -> VisitToken {
        VisitToken::from_random([number; 16])
    }

    fn locator() -> Locator {
        let mut locator = Locator::default();
        locator.switch(Some(Map::build(&shop()).unwrap()), NOW);
        assert!(locator.bind(device(1), token(1), NOW).bound);
        locator
    }

    fn scan(t_ms: i64, x: f64) -> Observation {
        Observation { t_ms, device: Admitted::Bound(device(1)), pace: Pace::Live, heard: Heard::Scan(heard_at(x)) }
    }

    fn names(told: &[Told]) -> Vec<String> {
        told.iter()
            .map(|told| match &told.sign {
                Sign::Entered { zone, .. } => format!("in {zone}"),
                Sign::Left { zone, .. } => format!("out {zone}"),
                Sign::Dwelled { zone, .. } => format!("dwell {zone}"),
            })
            .collect()
    }

    /// Walks or stands, one observation every two seconds.
    fn walk(locator: &mut Locator, from: i64, positions: impl IntoIterator<Item = f64>) -> Vec<String> {
        let mut heard = Vec::new();
        for (x, step) in positions.into_iter().zip(0..) {
            let t_ms = from + 2_000 * step;
            heard.extend(names(&locator.observe(scan(t_ms, x), t_ms).unwrap().told));
        }
        heard
    }

    #[test]
    fn a_shopper_who_walks_over_and_stays_enters_leaves_and_dwells() {
        let mut locator = locator();
        let over = (0..16).map(|step| 8.0 + 2.8 * f64::from(step)).chain(std::iter::repeat_n(50.0, 10));
        assert_eq!(walk(&mut locator, NOW, over), ["in shoes", "dwell shoes", "out shoes", "in toys", "dwell toys"]);
    }

    #[test]
    fn late_early_double_and_foreign_observations_are_dropped_with_their_reason() {
        let mut locator = locator();
        let observe = |locator: &mut Locator, observation| locator.observe(observation, NOW).map(|seen| seen.placed);
        assert_eq!(observe(&mut locator, scan(NOW - POSITION_LIFE_MS - 1, 5.0)), Err(Dropped::Late));
        assert_eq!(observe(&mut locator, scan(NOW + AHEAD_MS + 1, 5.0)), Err(Dropped::Early));
        assert_eq!(observe(&mut locator, scan(i64::MIN, 5.0)), Err(Dropped::Late));
        assert_eq!(observe(&mut locator, scan(i64::MAX, 5.0)), Err(Dropped::Early));
        assert_eq!(observe(&mut locator, scan(NOW, 5.0)), Ok(true));
        assert_eq!(observe(&mut locator, scan(NOW, 5.0)), Err(Dropped::Duplicate));
        assert_eq!(observe(&mut locator, scan(NOW - 1, 5.0)), Err(Dropped::Late));
        let foreign = Observation { device: Admitted::Bound(device(9)), ..scan(NOW, 5.0) };
        assert_eq!(observe(&mut locator, foreign), Err(Dropped::Unbound));
        locator.switch(None, NOW);
        assert_eq!(observe(&mut locator, scan(NOW + 1, 5.0)), Err(Dropped::NoMap));
        let batch = Observation { pace: Pace::Batch, ..scan(NOW - BATCH_AGE_MS - 1, 5.0) };
        assert_eq!(observe(&mut locator, batch), Err(Dropped::Late));
    }

    #[test]
    fn fewer_than_three_known_access_points_are_no_position() {
        let mut locator = locator();
        for known in 0..KNOWN_MIN {
            let mut heard = heard_at(5.0);
            heard.truncate(known);
            let t_ms = NOW + i64::try_from(known).unwrap();
            let seen = locator.observe(Observation { heard: Heard::Scan(heard), ..scan(t_ms, 0.0) }, NOW).unwrap();
            assert!(!seen.placed && seen.told.is_empty());
        }
        assert_eq!(locator.positions(), 0);
    }

    #[test]
    fn no_position_lives_longer_than_thirty_seconds() {
        let mut locator = locator();
        locator.observe(scan(NOW, 5.0), NOW).unwrap();
        locator.tick(NOW + POSITION_LIFE_MS);
        assert_eq!(locator.positions(), 1);
        locator.tick(NOW + POSITION_LIFE_MS + 1);
        assert_eq!(locator.positions(), 0);
        let batch = Observation { pace: Pace::Batch, ..scan(NOW + 40_000, 5.0) };
        locator.observe(batch, NOW + 40_000).unwrap();
        assert_eq!(locator.positions(), 0, "a batch is presence, not a position");
    }

    #[test]
    fn a_visit_that_ends_has_left_and_its_device_is_nobodys() {
        let mut locator = locator();
        walk(&mut locator, NOW, [5.0, 5.0]);
        let rebound = locator.unbind(token(1), NOW + 5_000);
        assert_eq!((rebound.freed, names(&rebound.told)), (vec![device(1)], vec!["out shoes".to_owned()]));
        assert_eq!(locator.bound(), 0);
        assert_eq!(locator.observe(scan(NOW + 6_000, 5.0), NOW + 6_000), Err(Dropped::Unbound));
    }

    #[test]
    fn a_new_address_goes_on_with_the_stay_and_frees_the_old_one() {
        let mut locator = locator();
        walk(&mut locator, NOW, [5.0, 5.0]);
        let rebound = locator.bind(device(2), token(1), NOW + 5_000);
        assert_eq!((rebound.freed, rebound.told, rebound.bound), (vec![device(1)], vec![], true));
        let moved = Observation { device: Admitted::Bound(device(2)), ..scan(NOW + 6_000, 5.0) };
        assert_eq!(locator.observe(moved, NOW + 6_000).unwrap().told, []);
        assert_eq!(names(&locator.unbind(token(1), NOW + 7_000).told), ["out shoes"]);
    }

    #[test]
    fn a_device_that_changes_hands_leaves_nothing_of_the_visit_before() {
        let mut locator = locator();
        walk(&mut locator, NOW, [5.0, 5.0]);
        let rebound = locator.bind(device(1), token(2), NOW + 5_000);
        assert_eq!(names(&rebound.told), ["out shoes"]);
        assert_eq!(rebound.told[0].token, token(1));
        assert_eq!(locator.tokens(), BTreeSet::from([token(2)]));
    }

    #[test]
    fn a_vendors_position_is_believed_on_a_floor_that_the_map_has() {
        let mut locator = locator();
        let position = |floor: &str, t_ms| Observation {
            heard: Heard::Position { floor: floor.to_owned(), x: 45.0, y: 5.0, accuracy_m: 4.0 },
            ..scan(t_ms, 0.0)
        };
        assert!(locator.observe(position("EG", NOW), NOW).unwrap().placed);
        assert_eq!(names(&locator.observe(position("EG", NOW + 1), NOW).unwrap().told), ["in toys"]);
        assert!(!locator.observe(position("OG", NOW + 2), NOW).unwrap().placed);
    }

    #[test]
    fn whoever_is_in_a_zone_that_is_gone_has_left_it() {
        let mut locator = locator();
        walk(&mut locator, NOW, [5.0, 5.0]);
        let mut parts: Parts = shop();
        parts.areas.remove(0);
        assert_eq!(names(&locator.switch(Some(Map::build(&parts).unwrap()), NOW)), ["out shoes"]);
    }

    #[test]
    fn strangers_are_told_from_five_on_and_forgotten_with_their_slot() {
        let mut locator = locator();
        let stranger = |number: u64, x: f64| Observation { device: Admitted::Stranger(number), ..scan(NOW, x) };
        for number in 0..4 {
            assert_eq!(locator.observe(stranger(number, 45.0), NOW).unwrap().told, []);
        }
        locator.observe(stranger(3, 45.0), NOW).unwrap();
        assert_eq!(locator.end_slot(), BTreeMap::new());
        for number in 0..6 {
            locator.observe(stranger(number, 45.0), NOW).unwrap();
        }
        locator.observe(stranger(5, 5.0), NOW).unwrap();
        assert_eq!(locator.end_slot(), BTreeMap::from([(ZoneId::parse("toys").unwrap(), 5)]));
        assert_eq!(locator.end_slot(), BTreeMap::new());
    }

    proptest! {
        #[test]
        fn whatever_comes_nothing_breaks_and_nobody_below_three_is_placed(
            steps in prop::collection::vec((any::<i16>(), 0_u8..4, 0_usize..7, any::<bool>(), -500.0..500.0, 0_u8..12), 0..60)
        ) {
            let mut locator = locator();
            for (shift, number, known, batch, x, what) in steps {
                let t_ms = NOW + i64::from(shift) * 5;
                let mut heard = heard_at(x);
                heard.truncate(known);
                let pace = if batch { Pace::Batch } else { Pace::Live };
                let observation = Observation { t_ms, device: Admitted::Bound(device(number)), pace, heard: Heard::Scan(heard) };
                if let Ok(seen) = locator.observe(observation, NOW) {
                    prop_assert!(!seen.placed || known >= KNOWN_MIN);
                }
                match what {
                    0 => drop(locator.bind(device(number), token(number), NOW)),
                    1 => drop(locator.unbind(token(number), NOW)),
                    2 => drop(locator.tick(t_ms)),
                    _ => {}
                }
                prop_assert_eq!(locator.bound(), locator.devices.len());
            }
        }
    }
}
