//! What surveyors heard where: the rows that a map is made of.
//!
//! Owns rows, the rule that says which of them were taken at one position, and their averages. Takes rows with dense access-point numbers.
//! Emits rows. On failure: nothing can fail; a position that is no number does not become a [`Point`].
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::representation::Strength;

/// Two positions closer than this are one; a surveyor's position is never better.
const POSITION_GRAIN_M: f64 = 0.01;
/// From so many scans per position on, a map is dense.
const DENSE_SCANS: usize = 3;
/// Neighbours in a dense map.
pub const NEIGHBOURS_DENSE: usize = 13;
/// Neighbours in any other.
pub const NEIGHBOURS_SPARSE: usize = 7;
/// An averaged row keeps access points that were heard in at least one of so many scans.
const AVERAGE_KEEPS_ONE_IN: usize = 3;

/// A place on a floor, in metres of the store plan.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Point {
    x: f64,
    y: f64,
}

impl Point {
    /// `None` unless both are finite.
    #[must_use]
    pub fn new(x: f64, y: f64) -> Option<Self> {
        (x.is_finite() && y.is_finite()).then_some(Self { x, y })
    }

    /// Metres to the right.
    #[must_use]
    pub const fn x(self) -> f64 {
        self.x
    }

    /// Metres up.
    #[must_use]
    pub const fn y(self) -> f64 {
        self.y
    }

    /// The distance on one floor.
    #[must_use]
    pub fn distance(self, other: Self) -> f64 {
        (self.x - other.x).hypot(self.y - other.y)
    }

    /// Weighted mean; `None` without weight.
    #[must_use]
    pub fn mean(weighted: impl Iterator<Item = (f64, Self)>) -> Option<Self> {
        let (mut weights, mut x, mut y) = (0.0, 0.0, 0.0);
        for (weight, point) in weighted {
            weights += weight;
            x += weight * point.x;
            y += weight * point.y;
        }
        Self::new(x / weights, y / weights)
    }

    #[expect(clippy::cast_possible_truncation, reason = "a saturated coordinate is still one key, and no store is 9e16 m wide")]
    fn key(self) -> (i64, i64) {
        let grain = |metres: f64| (metres / POSITION_GRAIN_M).round() as i64;
        (grain(self.x), grain(self.y))
    }
}

/// A floor of a building, by the caller's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Level {
    pub building: u16,
    pub floor: u16,
}

/// An access point, by its dense number in a map.
pub type AccessPoint = u32;

/// What was heard at once: one entry per access point, ascending.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scan(Vec<(AccessPoint, Strength)>);

impl Scan {
    /// Sorts the entries; of an access point that is named twice the strongest reading counts.
    #[must_use]
    pub fn new(entries: impl IntoIterator<Item = (AccessPoint, Strength)>) -> Self {
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort_unstable_by_key(|(access_point, strength)| (*access_point, -i16::from(strength.dbm())));
        entries.dedup_by_key(|(access_point, _)| *access_point);
        Self(entries)
    }

    /// The entries, ascending by access point.
    #[must_use]
    pub fn entries(&self) -> &[(AccessPoint, Strength)] {
        &self.0
    }

    /// Access points heard.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was heard.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// One scan of a survey.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub point: Point,
    pub level: Level,
    /// The walk it belongs to, in surveys that were walked.
    pub walk: Option<u64>,
    pub scan: Scan,
}

/// For each row the number of its survey position: equal to a centimetre, on one floor of one building.
#[must_use]
pub fn positions(rows: &[Row]) -> Vec<usize> {
    let mut known = BTreeMap::new();
    rows.iter()
        .map(|row| {
            let next = known.len();
            match known.entry((row.level, row.point.key())) {
                Entry::Occupied(position) => *position.get(),
                Entry::Vacant(position) => *position.insert(next),
            }
        })
        .collect()
}

/// How many neighbours a survey deserves: many scans at one position say less than as many positions.
#[must_use]
pub fn default_neighbours(rows: &[Row]) -> usize {
    let distinct = positions(rows).into_iter().max().map_or(0, |last| last + 1);
    if distinct > 0 && rows.len() >= DENSE_SCANS * distinct { NEIGHBOURS_DENSE } else { NEIGHBOURS_SPARSE }
}

/// One row per survey position: the mean of each access point that was heard in at least a third of the scans.
#[must_use]
pub fn average(rows: &[Row]) -> Vec<Row> {
    let numbers = positions(rows);
    let mut groups: Vec<Vec<&Row>> = Vec::new();
    for (row, position) in rows.iter().zip(numbers) {
        match groups.get_mut(position) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    groups.iter().filter_map(|group| average_of(group)).collect()
}

#[expect(clippy::cast_precision_loss, reason = "no position has 2^52 scans")]
fn average_of(group: &[&Row]) -> Option<Row> {
    let first = group.first()?;
    let mut heard: BTreeMap<AccessPoint, (i64, usize)> = BTreeMap::new();
    for (access_point, strength) in group.iter().flat_map(|row| row.scan.entries()) {
        let (sum, count) = heard.entry(*access_point).or_default();
        *sum += i64::from(strength.dbm());
        *count += 1;
    }
    let kept = heard.into_iter().filter(|(_, (_, count))| count * AVERAGE_KEEPS_ONE_IN >= group.len());
    let entries = kept.filter_map(|(access_point, (sum, count))| {
        Strength::from_dbm_rounded(sum as f64 / count as f64).map(|strength| (access_point, strength))
    });
    let point = Point::mean(group.iter().map(|row| (1.0, row.point)))?;
    Some(Row { point, level: first.level, walk: first.walk, scan: Scan::new(entries) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(x: f64, floor: u16, heard: &[(u32, i64)]) -> Row {
        let scan = Scan::new(heard.iter().map(|(access_point, dbm)| (*access_point, Strength::from_dbm(*dbm).unwrap())));
        Row { point: Point::new(x, 0.0).unwrap(), level: Level { building: 0, floor }, walk: None, scan }
    }

    #[test]
    fn three_scans_per_position_make_a_dense_survey() {
        let sparse = [row(0.0, 0, &[]), row(0.004, 0, &[]), row(0.0, 1, &[]), row(5.0, 0, &[])];
        assert_eq!(positions(&sparse), [0, 0, 1, 2]);
        assert_eq!(default_neighbours(&sparse), NEIGHBOURS_SPARSE);
        assert_eq!(default_neighbours(&vec![row(1.0, 0, &[]); 3]), NEIGHBOURS_DENSE);
        assert_eq!(default_neighbours(&[]), NEIGHBOURS_SPARSE);
    }

    #[test]
    fn an_average_keeps_what_a_third_of_the_scans_heard() {
        let rows = [row(1.0, 0, &[(1, -50), (2, -90)]), row(1.0, 0, &[(1, -53)]), row(1.0, 0, &[(1, -55)]), row(1.0, 0, &[(1, -54)])];
        let averaged = average(&rows);
        assert_eq!(averaged.len(), 1);
        assert_eq!(averaged[0].scan, row(1.0, 0, &[(1, -53)]).scan);
    }

    #[test]
    fn the_strongest_of_two_readings_of_one_access_point_counts() {
        assert_eq!(row(0.0, 0, &[(2, -80), (1, -50), (2, -60)]).scan, row(0.0, 0, &[(1, -50), (2, -60)]).scan);
    }
}
