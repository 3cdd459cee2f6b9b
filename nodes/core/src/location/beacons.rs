//! Where a scan was taken when nobody surveyed the store: from the positions of its access points alone.
//!
//! Owns the weighted centroid. Takes access points with their positions, and scans. Emits an estimate. On failure: no known access point, no
//! estimate.
use super::estimate::{Estimate, scatter};
use super::representation::Strength;
use super::survey::{AccessPoint, Level, Point, Scan};

/// Strongest access points that vote; weaker ones are farther away than they are informative.
const VOTERS: usize = 4;
/// A weight is the amplitude of the signal: 20 dB are a factor of ten.
const AMPLITUDE_DB: f64 = 20.0;

/// Positions of access points, by their number.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Beacons(Vec<Option<(Point, Level)>>);

impl Beacons {
    /// Positions by dense access-point number; one without a position is not known.
    #[must_use]
    pub const fn new(places: Vec<Option<(Point, Level)>>) -> Self {
        Self(places)
    }

    /// Access points with a position.
    pub fn places(&self) -> impl Iterator<Item = (Point, Level)> {
        self.0.iter().flatten().copied()
    }

    /// Whether this access point has a position.
    #[must_use]
    pub fn knows(&self, access_point: AccessPoint) -> bool {
        self.place(access_point).is_some()
    }

    /// Bytes that the positions occupy in memory.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        size_of::<Self>() + size_of_val(self.0.as_slice())
    }

    /// The centroid of the four strongest known access points, on the floor with most of their weight.
    #[must_use]
    pub fn locate(&self, scan: &Scan) -> Option<Estimate> {
        let mut heard: Vec<(Strength, Point, Level)> = scan
            .entries()
            .iter()
            .filter_map(|(access_point, strength)| self.place(*access_point).map(|(point, level)| (*strength, point, level)))
            .collect();
        heard.sort_by_key(|(strength, _, _)| std::cmp::Reverse(*strength));
        heard.truncate(VOTERS);
        let weight = |strength: Strength| 10_f64.powf(f64::from(strength.dbm()) / AMPLITUDE_DB);
        let point = Point::mean(heard.iter().map(|(strength, point, _)| (weight(*strength), *point)))?;
        let mut chosen: Option<(f64, Level)> = None;
        for (_, _, level) in &heard {
            let sum: f64 = heard.iter().filter(|(_, _, other)| other == level).map(|(strength, _, _)| weight(*strength)).sum();
            if chosen.is_none_or(|(most, _)| sum > most) {
                chosen = Some((sum, *level));
            }
        }
        let (_, level) = chosen?;
        Some(Estimate::new(point, level, scatter(point, heard.iter().map(|(_, point, _)| *point))))
    }

    fn place(&self, access_point: AccessPoint) -> Option<(Point, Level)> {
        *self.0.get(access_point as usize)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beacons() -> Beacons {
        let at = |x: f64, floor: u16| Some((Point::new(x, 0.0).unwrap(), Level { building: 0, floor }));
        Beacons::new(vec![at(0.0, 0), at(10.0, 0), None, at(20.0, 0), at(30.0, 0), at(500.0, 1)])
    }

    fn scan(heard: &[(u32, i64)]) -> Scan {
        Scan::new(heard.iter().map(|(access_point, dbm)| (*access_point, Strength::from_dbm(*dbm).unwrap())))
    }

    #[test]
    fn twenty_decibels_pull_ten_times_as_hard() {
        let found = beacons().locate(&scan(&[(0, -40), (1, -60)])).unwrap();
        assert!((found.point.x() - 10.0 / 11.0).abs() < 1e-9);
    }

    #[test]
    fn the_fifth_strongest_and_unknown_ones_have_no_say() {
        let four = beacons().locate(&scan(&[(0, -40), (1, -50), (3, -50), (4, -50)])).unwrap();
        let more = beacons().locate(&scan(&[(0, -40), (1, -50), (2, -10), (3, -50), (4, -50), (5, -51), (99, -5)])).unwrap();
        assert_eq!(four, more);
        assert_eq!(beacons().locate(&scan(&[(2, -10)])), None);
    }

    #[test]
    fn the_floor_is_that_of_the_most_weight() {
        assert_eq!(beacons().locate(&scan(&[(5, -40), (1, -45), (3, -45)])).unwrap().level.floor, 0);
        assert_eq!(beacons().locate(&scan(&[(5, -40), (1, -60), (3, -60)])).unwrap().level.floor, 1);
    }
}
