//! Which rows of a survey look most like a scan.
//!
//! Owns the inverted lists of a survey: for each access point the rows that heard it and how strongly. Takes a survey, a curve and scans.
//! Emits the nearest rows by the Sorensen distance. On failure: nothing can fail; access points and rows beyond what an index holds are left
//! out when it is built, which the caller's bounds exclude.
use super::representation::{Representation, Strength, Table};
use super::survey::{AccessPoint, Level, Point, Row, Scan};

/// Distance of two scans that share nothing.
const DISTANCE_MAX: f64 = 1.0;

/// A row that looks like the scan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// 0 for the same, 1 for nothing in common.
    pub distance: f64,
    pub row: u32,
}

/// A survey, ready to be asked.
#[derive(Debug, Clone)]
pub struct Index {
    table: Table,
    /// Where the list of each access point starts; one more for the end of the last.
    starts: Vec<u32>,
    rows: Vec<u32>,
    strengths: Vec<Strength>,
    /// Sum of the values of each row.
    sums: Vec<f64>,
    points: Vec<Point>,
    levels: Vec<Level>,
}

/// Memory that a query needs and the next one uses again.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Σ min(q, s) of each row.
    overlap: Vec<f64>,
    nearest: Vec<Neighbour>,
}

impl Index {
    /// Sorts a survey by access point, in one pass of counting and one of placing.
    ///
    /// Rows beyond `u32::MAX` entries cannot be addressed and are left out.
    #[must_use]
    pub fn build(survey: &[Row], representation: Representation) -> Self {
        let table = Table::of(representation);
        let mut entries = 0_usize;
        let survey = {
            let fits = survey.iter().position(|row| {
                entries += row.scan.len();
                u32::try_from(entries).is_err()
            });
            survey.get(..fits.unwrap_or(survey.len())).unwrap_or_default()
        };
        let access_points = survey.iter().filter_map(|row| row.scan.entries().last()).map(|(last, _)| *last as usize + 1).max();
        let mut starts = vec![0_u32; access_points.unwrap_or(0) + 1];
        for (access_point, _) in survey.iter().flat_map(|row| row.scan.entries()) {
            if let Some(count) = starts.get_mut(*access_point as usize + 1) {
                *count += 1;
            }
        }
        let mut before = 0;
        for start in &mut starts {
            before += *start;
            *start = before;
        }
        let total = before as usize;
        let (mut rows, mut strengths) = (vec![0_u32; total], vec![Strength::WEAKEST; total]);
        let mut next = starts.clone();
        for (number, row) in (0_u32..).zip(survey) {
            for (access_point, strength) in row.scan.entries() {
                let Some(slot) = next.get_mut(*access_point as usize) else { continue };
                if let (Some(place), Some(heard)) = (rows.get_mut(*slot as usize), strengths.get_mut(*slot as usize)) {
                    *place = number;
                    *heard = *strength;
                }
                *slot += 1;
            }
        }
        let sums = survey.iter().map(|row| row.scan.entries().iter().map(|(_, strength)| table.get(*strength)).sum()).collect();
        let points = survey.iter().map(|row| row.point).collect();
        let levels = survey.iter().map(|row| row.level).collect();
        Self { table, starts, rows, strengths, sums, points, levels }
    }

    /// Rows held.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.points.len()
    }

    /// Whether no row is held.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Bytes that the map occupies in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of::<Self>()
            + size_of::<[f64; 256]>()
            + size_of_val(self.starts.as_slice())
            + size_of_val(self.rows.as_slice())
            + size_of_val(self.strengths.as_slice())
            + size_of_val(self.sums.as_slice())
            + size_of_val(self.points.as_slice())
            + size_of_val(self.levels.as_slice())
    }

    /// Where a row was taken.
    #[must_use]
    pub fn place(&self, row: u32) -> Option<(Point, Level)> {
        Some((*self.points.get(row as usize)?, *self.levels.get(row as usize)?))
    }

    /// Whether any row heard this access point.
    #[must_use]
    pub fn knows(&self, access_point: AccessPoint) -> bool {
        let at = access_point as usize;
        matches!((self.starts.get(at), self.starts.get(at + 1)), (Some(from), Some(to)) if from < to)
    }

    /// How many access points of a scan the map knows.
    #[must_use]
    pub fn known_in(&self, scan: &Scan) -> usize {
        scan.entries().iter().filter(|(access_point, _)| self.knows(*access_point)).count()
    }

    /// The `k` rows nearest to a scan, nearest first, of equally near ones the earlier row. Rows for which `skip` holds are not candidates.
    /// Access points that the map does not know are left out of every sum. Nothing when the scan holds no known access point.
    pub fn nearest<'scratch>(
        &self,
        scan: &Scan,
        k: usize,
        skip: impl Fn(u32) -> bool,
        scratch: &'scratch mut Scratch,
    ) -> &'scratch [Neighbour] {
        let Scratch { overlap, nearest } = scratch;
        nearest.clear();
        overlap.clear();
        overlap.resize(self.len(), 0.0);
        let (mut known, mut heard) = (0, 0.0);
        for (access_point, strength) in scan.entries() {
            let Some((rows, strengths)) = self.list(*access_point) else { continue };
            let value = self.table.get(*strength);
            known += 1;
            heard += value;
            let shared = self.table.capped(value);
            for (row, strength) in rows.iter().zip(strengths) {
                if let Some(sum) = overlap.get_mut(*row as usize) {
                    *sum += shared.get(*strength);
                }
            }
        }
        if known == 0 || k == 0 {
            return nearest;
        }
        let mut worst = f64::INFINITY;
        for ((row, sum), shared) in (0_u32..).zip(&self.sums).zip(overlap.iter()) {
            let both = heard + sum;
            let distance = if both > 0.0 { 1.0 - 2.0 * shared / both } else { DISTANCE_MAX };
            // Of equally near rows the earlier one is in already.
            if distance >= worst || skip(row) {
                continue;
            }
            if nearest.len() == k {
                nearest.pop();
            }
            let at = nearest.partition_point(|other| other.distance <= distance);
            nearest.insert(at, Neighbour { distance, row });
            if nearest.len() == k {
                worst = nearest.last().map_or(f64::INFINITY, |last| last.distance);
            }
        }
        nearest
    }

    /// Rows and strengths of an access point; `None` if no row heard it.
    fn list(&self, access_point: AccessPoint) -> Option<(&[u32], &[Strength])> {
        let at = access_point as usize;
        let (from, to) = (*self.starts.get(at)? as usize, *self.starts.get(at + 1)? as usize);
        if from == to {
            return None;
        }
        Some((self.rows.get(from..to)?, self.strengths.get(from..to)?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scan(heard: &[(u32, i64)]) -> Scan {
        Scan::new(heard.iter().map(|(access_point, dbm)| (*access_point, Strength::from_dbm(*dbm).unwrap())))
    }

    fn row(x: f64, heard: &[(u32, i64)]) -> Row {
        Row { point: Point::new(x, 0.0).unwrap(), level: Level::default(), walk: None, scan: scan(heard) }
    }

    /// The distance as it is written, over the access points of the map.
    fn sorensen(query: &Scan, row: &Scan, known: &Index) -> f64 {
        let value = |scan: &Scan, access_point: u32| {
            scan.entries().iter().find(|(other, _)| *other == access_point).map_or(0.0, |(_, heard)| Representation::Powed.value(*heard))
        };
        let (mut difference, mut sum) = (0.0, 0.0);
        for access_point in (0..64).filter(|access_point| known.knows(*access_point)) {
            let (q, s) = (value(query, access_point), value(row, access_point));
            difference += (q - s).abs();
            sum += q + s;
        }
        if sum > 0.0 { difference / sum } else { 1.0 }
    }

    fn heard() -> impl Strategy<Value = Vec<(u32, i64)>> {
        prop::collection::vec((0_u32..40, -110_i64..=0), 0..12)
    }

    proptest! {
        #[test]
        fn the_index_finds_what_a_look_at_every_row_finds(rows in prop::collection::vec(heard(), 1..30), query in heard(), k in 1_usize..9) {
            let rows: Vec<Row> = rows.iter().enumerate().map(|(number, heard)| row(f64::from(u32::try_from(number).unwrap()), heard)).collect();
            let index = Index::build(&rows, Representation::Powed);
            let query = scan(&query);
            let mut scratch = Scratch::default();
            let found: Vec<Neighbour> = index.nearest(&query, k, |_| false, &mut scratch).to_vec();
            if index.known_in(&query) == 0 {
                prop_assert!(found.is_empty());
            } else {
                let mut all: Vec<f64> = rows.iter().map(|row| sorensen(&query, &row.scan, &index)).collect();
                for neighbour in &found {
                    prop_assert!((all[neighbour.row as usize] - neighbour.distance).abs() < 1e-9);
                }
                all.sort_by(f64::total_cmp);
                prop_assert_eq!(found.len(), k.min(rows.len()));
                for (neighbour, distance) in found.iter().zip(all) {
                    prop_assert!((neighbour.distance - distance).abs() < 1e-9);
                }
            }
        }
    }

    #[test]
    fn of_equally_near_rows_the_earlier_comes_first_and_skipped_ones_never() {
        let rows = [row(0.0, &[(1, -50)]), row(1.0, &[(1, -50)]), row(2.0, &[(1, -50)]), row(3.0, &[(2, -50)])];
        let index = Index::build(&rows, Representation::Powed);
        let mut scratch = Scratch::default();
        let rows_of = |nearest: &[Neighbour]| nearest.iter().map(|neighbour| neighbour.row).collect::<Vec<_>>();
        assert_eq!(rows_of(index.nearest(&scan(&[(1, -50)]), 2, |_| false, &mut scratch)), [0, 1]);
        assert_eq!(rows_of(index.nearest(&scan(&[(1, -50)]), 9, |row| row == 1, &mut scratch)), [0, 2, 3]);
    }

    #[test]
    fn an_access_point_that_the_map_does_not_know_changes_no_distance() {
        let index = Index::build(&[row(0.0, &[(1, -50), (2, -70)])], Representation::Powed);
        let mut scratch = Scratch::default();
        let distance =
            |heard: &[(u32, i64)], scratch: &mut Scratch| index.nearest(&scan(heard), 1, |_| false, scratch).first().map(|n| n.distance);
        assert_eq!(distance(&[(1, -55)], &mut scratch), distance(&[(0, -20), (1, -55), (9, -30), (70_000, -30)], &mut scratch));
        assert_eq!(distance(&[(9, -30)], &mut scratch), None);
        assert_eq!(index.known_in(&scan(&[(0, -1), (1, -1), (9, -1)])), 1);
    }

    #[test]
    fn twenty_thousand_rows_of_forty_readings_fit_into_six_megabytes() {
        let rows: Vec<Row> = (0..20_000_u32)
            .map(|number| {
                let heard: Vec<(u32, i64)> = (0..40).map(|at| ((number * 7 + at * 12) % 500, -40 - i64::from(at))).collect();
                row(f64::from(number), &heard)
            })
            .collect();
        let index = Index::build(&rows, Representation::Powed);
        assert!(index.bytes() <= 6_000_000, "{} bytes", index.bytes());
    }
}
