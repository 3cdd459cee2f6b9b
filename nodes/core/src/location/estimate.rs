//! Where a scan was taken: a vote of its nearest neighbours.
//!
//! Owns weights, the vote on building and floor, the mean and its scatter. Takes neighbours and a map, or a position that somebody else found.
//! Emits an estimate. On failure: no neighbour, no estimate.
use super::index::{Index, Neighbour};
use super::survey::{Level, Point};

/// Keeps the weight of an identical scan finite.
const DISTANCE_GRAIN: f64 = 1e-6;
/// The published accuracy as a multiple of the scatter: three of four positions of the mall are better.
const ACCURACY_PER_SCATTER: f64 = 1.5;
/// No accuracy better than this is claimed.
const ACCURACY_BEST_M: f64 = 2.5;
/// No accuracy worse than this is told; beyond it the number says nothing.
const ACCURACY_WORST_M: f64 = 25.0;
/// Width of the bell that stands for the position, as a multiple of the scatter.
const SIGMA_PER_SCATTER: f64 = 0.6;
/// Narrowest bell.
const SIGMA_MIN_M: f64 = 2.5;
/// Widest bell.
const SIGMA_MAX_M: f64 = 12.0;

/// A position before tracking.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    pub point: Point,
    pub level: Level,
    scatter_m: f64,
}

impl Estimate {
    /// An estimate with a known scatter; one that is no number counts as the widest.
    #[must_use]
    pub const fn new(point: Point, level: Level, scatter_m: f64) -> Self {
        Self { point, level, scatter_m: if scatter_m.is_finite() { scatter_m } else { ACCURACY_WORST_M } }
    }

    /// A position that a vendor computed, with the accuracy that it claims.
    #[must_use]
    pub fn of_vendor(point: Point, level: Level, accuracy_m: f64) -> Self {
        Self::new(point, level, accuracy_m / ACCURACY_PER_SCATTER)
    }

    /// The weighted mean of those neighbours that lie on the floor with the most weight; of equal floors that of the nearer neighbour.
    #[must_use]
    pub fn vote(index: &Index, neighbours: &[Neighbour]) -> Option<Self> {
        let placed: Vec<(f64, Point, Level)> = neighbours
            .iter()
            .filter_map(|neighbour| {
                let (point, level) = index.place(neighbour.row)?;
                Some(((neighbour.distance + DISTANCE_GRAIN).powi(-2), point, level))
            })
            .collect();
        let mut levels: Vec<(Level, f64)> = Vec::with_capacity(placed.len());
        for (weight, _, level) in &placed {
            match levels.iter_mut().find(|(other, _)| other == level) {
                Some((_, sum)) => *sum += weight,
                None => levels.push((*level, *weight)),
            }
        }
        let mut chosen = *levels.first()?;
        for candidate in levels {
            if candidate.1 > chosen.1 {
                chosen = candidate;
            }
        }
        let level = chosen.0;
        let there = placed.iter().filter(|(_, _, other)| *other == level);
        let point = Point::mean(there.map(|(weight, point, _)| (*weight, *point)))?;
        Some(Self::new(point, level, scatter(point, placed.iter().map(|(_, point, _)| *point))))
    }

    /// How far the neighbours lie from the position, as the root of the mean square.
    #[must_use]
    pub const fn scatter_m(&self) -> f64 {
        self.scatter_m
    }

    /// The radius that is published.
    #[must_use]
    pub const fn accuracy_m(&self) -> f64 {
        (ACCURACY_PER_SCATTER * self.scatter_m).clamp(ACCURACY_BEST_M, ACCURACY_WORST_M)
    }

    /// Width of the bell that stands for the position when zones are weighed.
    #[must_use]
    pub const fn sigma_m(&self) -> f64 {
        (SIGMA_PER_SCATTER * self.scatter_m).clamp(SIGMA_MIN_M, SIGMA_MAX_M)
    }
}

/// Root mean square distance of `points` from `centre`; 0 of none.
#[must_use]
pub fn scatter(centre: Point, points: impl Iterator<Item = Point>) -> f64 {
    let (mut count, mut squares) = (0.0, 0.0);
    for point in points {
        count += 1.0;
        squares += centre.distance(point).powi(2);
    }
    if count > 0.0 { f64::sqrt(squares / count) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::super::index::Scratch;
    use super::super::representation::{Representation, Strength};
    use super::super::survey::{Row, Scan};
    use super::*;

    fn row(x: f64, y: f64, floor: u16, dbm: i64) -> Row {
        let scan = Scan::new([(0, Strength::from_dbm(dbm).unwrap())]);
        Row { point: Point::new(x, y).unwrap(), level: Level { building: 0, floor }, walk: None, scan }
    }

    fn estimate(rows: &[Row], k: usize) -> Option<Estimate> {
        let index = Index::build(rows, Representation::Powed);
        let mut scratch = Scratch::default();
        let scan = Scan::new([(0, Strength::from_dbm(-50).unwrap())]);
        Estimate::vote(&index, index.nearest(&scan, k, |_| false, &mut scratch))
    }

    #[test]
    fn equal_neighbours_meet_in_the_middle() {
        let found = estimate(&[row(0.0, 0.0, 0, -50), row(4.0, 0.0, 0, -50)], 2).unwrap();
        assert!(found.point.distance(Point::new(2.0, 0.0).unwrap()) < 1e-9);
        assert!((found.scatter_m() - 2.0).abs() < 1e-9);
        assert!((found.accuracy_m() - 3.0).abs() < 1e-9);
        assert!((found.sigma_m() - 2.5).abs() < 1e-9);
    }

    #[test]
    fn neighbours_of_another_floor_widen_the_scatter_and_do_not_move_the_position() {
        let found = estimate(&[row(0.0, 0.0, 1, -50), row(0.0, 0.0, 1, -50), row(9.0, 0.0, 2, -50)], 3).unwrap();
        assert_eq!(found.level.floor, 1);
        assert!(found.point.distance(Point::default()) < 1e-9);
        assert!((found.scatter_m() - f64::sqrt(27.0)).abs() < 1e-9);
    }

    #[test]
    fn nothing_heard_is_nowhere() {
        assert_eq!(Estimate::vote(&Index::build(&[], Representation::Powed), &[]), None);
    }

    #[test]
    fn a_vendors_accuracy_is_kept_within_what_can_be_claimed() {
        let accuracy = |metres| Estimate::of_vendor(Point::default(), Level::default(), metres).accuracy_m();
        assert!((accuracy(6.0) - 6.0).abs() < 1e-9);
        assert!((accuracy(0.1) - ACCURACY_BEST_M).abs() < 1e-9);
        assert!((accuracy(f64::NAN) - ACCURACY_WORST_M).abs() < 1e-9);
    }
}
