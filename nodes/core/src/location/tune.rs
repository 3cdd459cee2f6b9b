//! Which curve and how many neighbours a site's own survey speaks for.
//!
//! Owns the candidates, their order and their score. Takes a survey. Emits a configuration. On failure: a survey that cannot answer for
//! itself, being of one position, keeps the default.
use super::estimate::Estimate;
use super::index::{Index, Scratch};
use super::representation::Representation;
use super::survey::{Row, default_neighbours, positions};

/// Rows asked; more tell nothing new and cost time.
const QUERIES: usize = 1_500;
/// Numbers of neighbours that are tried.
const NEIGHBOURS: [usize; 7] = [3, 5, 7, 9, 11, 13, 17];
/// A wrong floor is as bad as so many metres.
const FLOOR_M: f64 = 4.0;
/// A wrong building is as bad as so many metres.
const BUILDING_M: f64 = 50.0;

/// How scans are compared and how many rows vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Configuration {
    pub representation: Representation,
    pub neighbours: usize,
}

impl Configuration {
    /// The default for a survey.
    #[must_use]
    pub fn of(survey: &[Row]) -> Self {
        Self { representation: Representation::default(), neighbours: default_neighbours(survey) }
    }
}

/// The candidates that a caller leaves open: a part that is given stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fixed {
    pub representation: Option<Representation>,
    pub neighbours: Option<usize>,
}

/// The configuration with the smallest mean error over rows of the survey, each located without the rows of its own position or, in surveys
/// that were walked, of its own walk.
#[must_use]
pub fn tune(survey: &[Row], fixed: Fixed) -> Configuration {
    let groups = groups(survey);
    let step = survey.len().div_ceil(QUERIES).max(1);
    let counts = fixed.neighbours.map_or_else(|| NEIGHBOURS.to_vec(), |neighbours| vec![neighbours]);
    let most = counts.iter().copied().max().unwrap_or(0);
    let curves = fixed.representation.map_or_else(|| Representation::ALL.to_vec(), |representation| vec![representation]);
    let mut scratch = Scratch::default();
    let mut best: Option<(f64, Configuration)> = None;
    for representation in curves {
        let index = Index::build(survey, representation);
        let mut errors = vec![(0.0, 0.0); counts.len()];
        for (row, group) in survey.iter().zip(&groups).step_by(step) {
            let own = |other: u32| groups.get(other as usize) == Some(group);
            let nearest = index.nearest(&row.scan, most, own, &mut scratch);
            for (count, (sum, located)) in counts.iter().zip(&mut errors) {
                let Some(found) = Estimate::vote(&index, nearest.get(..*count).unwrap_or(nearest)) else { continue };
                *sum += error(row, &found);
                *located += 1.0;
            }
        }
        for (count, (sum, located)) in counts.iter().zip(errors) {
            let mean: f64 = sum / located;
            // No number is smaller than none: a survey of one position scores nothing.
            if best.is_none_or(|(least, _)| mean < least) && mean.is_finite() {
                best = Some((mean, Configuration { representation, neighbours: *count }));
            }
        }
    }
    let unknown = Configuration {
        representation: fixed.representation.unwrap_or_default(),
        neighbours: fixed.neighbours.unwrap_or_else(|| default_neighbours(survey)),
    };
    best.map_or(unknown, |(_, configuration)| configuration)
}

fn groups(survey: &[Row]) -> Vec<u64> {
    let walks: Option<Vec<u64>> = survey.iter().map(|row| row.walk).collect();
    walks.unwrap_or_else(|| positions(survey).into_iter().map(|position| position as u64).collect())
}

fn error(row: &Row, found: &Estimate) -> f64 {
    let floor = if row.level.floor == found.level.floor { 0.0 } else { FLOOR_M };
    let building = if row.level.building == found.level.building { 0.0 } else { BUILDING_M };
    row.point.distance(found.point) + floor + building
}

#[cfg(test)]
mod tests {
    use super::super::representation::Strength;
    use super::super::survey::{Level, Point, Scan};
    use super::*;

    /// Departments half a kilometre apart, each with an access point of its own and four positions that sound a little different.
    fn departments(scans: usize) -> Vec<Row> {
        (0..40_u32)
            .flat_map(|at| {
                let (department, place) = (at / 4, at % 4);
                let scan = Scan::new([(department, Strength::from_dbm(-50 - 2 * i64::from(place)).unwrap())]);
                let point = Point::new(f64::from(department * 500 + place), 0.0).unwrap();
                std::iter::repeat_n(Row { point, level: Level::default(), walk: None, scan }, scans)
            })
            .collect()
    }

    #[test]
    fn no_more_rows_vote_than_there_are_like_the_one_that_is_left_out() {
        assert_eq!(tune(&departments(1), Fixed::default()).neighbours, 3);
    }

    #[test]
    fn what_is_fixed_stays() {
        let fixed = Fixed { representation: Some(Representation::Positive), neighbours: Some(9) };
        assert_eq!(tune(&departments(1), fixed), Configuration { representation: Representation::Positive, neighbours: 9 });
    }

    #[test]
    fn a_survey_of_one_position_keeps_the_default() {
        let survey = &departments(4)[..4];
        assert_eq!(tune(survey, Fixed::default()), Configuration::of(survey));
        assert_eq!(tune(&[], Fixed::default()), Configuration::of(&[]));
    }
}
