//! How far off a method is, over all test rows.
//!
//! Owns the measures of the report. Takes a method and rows whose position is known. Emits the report. On failure: nothing can fail; what does
//! not apply is `null`.
use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;

use aisle_node_core::location::areas::CONFIDENT;
use aisle_node_core::location::beacons::Beacons;
use aisle_node_core::location::bell::Bell;
use aisle_node_core::location::estimate::{Estimate, scatter};
use aisle_node_core::location::index::{Index, Scratch};
use aisle_node_core::location::survey::{Level, Point, Row, Scan};
use aisle_node_core::location::track::Filter;
use aisle_node_core::location::tune::Configuration;
use serde::Serialize;

use super::table::Timed;

/// Queries before the clock is looked at.
const WARM_UP: usize = 100;
/// Cells on each side of the one around a position that may be the likeliest.
const CELLS_AROUND: i32 = 2;
/// A neighbour zone within so many metres is good enough for a screen.
const NEAR_M: f64 = 3.0;

/// How a scan is located.
pub enum Method {
    Survey { index: Box<Index>, neighbours: usize },
    Beacons(Beacons),
}

impl Method {
    /// By a survey.
    #[must_use]
    pub fn of_survey(rows: &[Row], configuration: Configuration) -> Self {
        let Configuration { representation, neighbours } = configuration;
        Self::Survey { index: Box::new(Index::build(rows, representation)), neighbours }
    }

    /// By positions of access points.
    #[must_use]
    pub const fn of_beacons(beacons: Beacons) -> Self {
        Self::Beacons(beacons)
    }

    fn locate(&self, scan: &Scan, scratch: &mut Scratch) -> Option<Estimate> {
        match self {
            Self::Survey { index, neighbours } => Estimate::vote(index, index.nearest(scan, *neighbours, |_| false, scratch)),
            Self::Beacons(beacons) => beacons.locate(scan),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Survey { index, .. } => index.bytes(),
            Self::Beacons(beacons) => beacons.bytes(),
        }
    }
}

/// Where a scan is said to be that heard nothing known.
#[derive(Debug, Clone, Copy)]
pub struct Fallback(Estimate);

impl Fallback {
    /// The mean position and the commonest floor; of equally common ones the first. `None` without positions.
    pub fn of(places: impl Iterator<Item = (Point, Level)>) -> Option<Self> {
        let places: Vec<(Point, Level)> = places.collect();
        let point = Point::mean(places.iter().map(|(point, _)| (1.0, *point)))?;
        let mut counts: BTreeMap<Level, (usize, usize)> = BTreeMap::new();
        for (place, (_, level)) in places.iter().enumerate() {
            counts.entry(*level).or_insert((0, place)).0 += 1;
        }
        let (level, _) = counts.into_iter().max_by_key(|(_, (count, first))| (*count, usize::MAX - first))?;
        Some(Self(Estimate::new(point, level, scatter(point, places.iter().map(|(point, _)| *point)))))
    }
}

/// What is evaluated.
pub struct Evaluation<'a> {
    pub method: &'a Method,
    pub tests: &'a [Timed],
    pub fallback: Fallback,
    pub zone_m: Option<f64>,
    pub track: bool,
    pub has_building: bool,
    pub config: String,
}

/// The report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    pub mean_m: f64,
    pub median_m: f64,
    pub p75_m: f64,
    pub p95_m: f64,
    pub floor_hit: f64,
    pub building_hit: Option<f64>,
    pub building_floor_hit: Option<f64>,
    pub n_test: usize,
    pub locate_us_p50: f64,
    pub locate_us_p99: f64,
    pub index_bytes: usize,
    pub zone_exact: Option<f64>,
    pub zone_within_3m: Option<f64>,
    pub zone_confident_share: Option<f64>,
    pub zone_confident_exact: Option<f64>,
    pub zone_confident_within_3m: Option<f64>,
    pub zone_confident_mean_p: Option<f64>,
    pub median_accuracy_m: f64,
    pub config: String,
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: f64| share * 100.0;
        let Self { mean_m, median_m, p75_m, p95_m, floor_hit, n_test, locate_us_p50, locate_us_p99, index_bytes, config, .. } = self;
        writeln!(formatter, "{n_test} scans, {config}")?;
        writeln!(formatter, "error m: mean {mean_m:.2}, median {median_m:.2}, p75 {p75_m:.2}, p95 {p95_m:.2}")?;
        writeln!(formatter, "floor right: {:.1} %", percent(*floor_hit))?;
        if let (Some(building), Some(both)) = (self.building_hit, self.building_floor_hit) {
            writeln!(formatter, "building right: {:.1} %, with its floor: {:.1} %", percent(building), percent(both))?;
        }
        if let (Some(exact), Some(near), Some(confident)) = (self.zone_exact, self.zone_within_3m, self.zone_confident_share) {
            let (exact, near, confident) = (percent(exact), percent(near), percent(confident));
            writeln!(formatter, "zone right: {exact:.1} %, within 3 m: {near:.1} %, confident: {confident:.1} %")?;
        }
        write!(formatter, "a query takes µs: p50 {locate_us_p50:.0}, p99 {locate_us_p99:.0}; the map takes {index_bytes} bytes")
    }
}

/// Scores every test row.
#[must_use]
pub fn evaluate(evaluation: &Evaluation<'_>) -> Report {
    let Evaluation { method, tests, fallback, zone_m, track, has_building, config } = evaluation;
    let (estimates, mut times_us) = locate(method, tests, *fallback);
    let points = if *track { tracked(tests, &estimates) } else { estimates.iter().map(|estimate| estimate.point).collect() };
    let mut errors: Vec<f64> = tests.iter().zip(&points).map(|(test, point)| test.row.point.distance(*point)).collect();
    let mean_m = mean(errors.iter().copied()).unwrap_or(f64::NAN);
    let hits = |hit: &dyn Fn(Level, Level) -> bool| {
        let hits = tests.iter().zip(&estimates).map(|(test, estimate)| share(hit(test.row.level, estimate.level)));
        mean(hits).unwrap_or(f64::NAN)
    };
    let zones = zone_m.map(|zone_m| zones(tests, &estimates, &points, zone_m));
    let of_confident = |measure: &dyn Fn(&ZoneHit) -> f64| {
        zones.as_ref().and_then(|zones| mean(zones.iter().filter(|zone| zone.p >= CONFIDENT).map(measure)))
    };
    let of_all = |measure: &dyn Fn(&ZoneHit) -> f64| zones.as_ref().and_then(|zones| mean(zones.iter().map(measure)));
    let mut accuracies: Vec<f64> = estimates.iter().map(Estimate::accuracy_m).collect();
    Report {
        mean_m,
        median_m: percentile(&mut errors, 0.5),
        p75_m: percentile(&mut errors, 0.75),
        p95_m: percentile(&mut errors, 0.95),
        floor_hit: hits(&|truth, found| truth.floor == found.floor),
        building_hit: has_building.then(|| hits(&|truth, found| truth.building == found.building)),
        building_floor_hit: has_building.then(|| hits(&|truth, found| truth == found)),
        n_test: tests.len(),
        locate_us_p50: percentile(&mut times_us, 0.5),
        locate_us_p99: percentile(&mut times_us, 0.99),
        index_bytes: method.bytes(),
        zone_exact: of_all(&|zone| share(zone.exact)),
        zone_within_3m: of_all(&|zone| share(zone.near)),
        zone_confident_share: of_all(&|zone| share(zone.p >= CONFIDENT)),
        zone_confident_exact: of_confident(&|zone| share(zone.exact)),
        zone_confident_within_3m: of_confident(&|zone| share(zone.near)),
        zone_confident_mean_p: of_confident(&|zone| zone.p),
        median_accuracy_m: percentile(&mut accuracies, 0.5),
        config: config.clone(),
    }
}

/// Every estimate, and what each took in microseconds.
fn locate(method: &Method, tests: &[Timed], fallback: Fallback) -> (Vec<Estimate>, Vec<f64>) {
    let mut scratch = Scratch::default();
    for test in tests.iter().cycle().take(WARM_UP) {
        std::hint::black_box(method.locate(&test.row.scan, &mut scratch));
    }
    let one = |test: &Timed| {
        let started = Instant::now();
        let found = method.locate(&test.row.scan, &mut scratch);
        let took = started.elapsed();
        (found.unwrap_or(fallback.0), took.as_secs_f64() * 1e6)
    };
    tests.iter().map(one).unzip()
}

/// The filtered position of each row, each trace in order of time.
fn tracked(tests: &[Timed], estimates: &[Estimate]) -> Vec<Point> {
    let mut points: Vec<Point> = estimates.iter().map(|estimate| estimate.point).collect();
    let mut order: Vec<usize> = (0..tests.len()).collect();
    let key = |place: &usize| tests.get(*place).map_or((None, 0.0), |test| (test.row.walk, test.t_ms));
    order.sort_by(|one, other| {
        let (one, other) = (key(one), key(other));
        one.0.cmp(&other.0).then(one.1.total_cmp(&other.1))
    });
    let mut last: Option<(Option<u64>, f64, Filter)> = None;
    for place in order {
        let (walk, t_ms) = key(&place);
        let Some(point) = points.get_mut(place) else { continue };
        let filter = match last {
            Some((of, before, filter)) if of == walk => filter.step(*point, (t_ms - before) / 1_000.0),
            Some(_) | None => Filter::at(*point),
        };
        *point = filter.point().unwrap_or(*point);
        last = Some((walk, t_ms, filter));
    }
    points
}

struct ZoneHit {
    p: f64,
    exact: bool,
    near: bool,
}

fn zones(tests: &[Timed], estimates: &[Estimate], points: &[Point], zone_m: f64) -> Vec<ZoneHit> {
    let of = |((test, estimate), point): ((&Timed, &Estimate), &Point)| {
        let bell = Bell { centre: *point, sigma_m: estimate.sigma_m() };
        let (cell, p) = likeliest_cell(&bell, zone_m);
        let floor = test.row.level.floor == estimate.level.floor;
        let truth = test.row.point;
        ZoneHit { p, exact: floor && cell.holds(truth), near: floor && cell.distance(truth) <= NEAR_M }
    };
    tests.iter().zip(estimates).zip(points).map(of).collect()
}

/// A square of the grid, by its lower corner.
#[derive(Debug, Clone, Copy)]
struct Cell {
    column: f64,
    line: f64,
    side: f64,
}

impl Cell {
    fn around(point: Point, side: f64) -> Self {
        Self { column: (point.x() / side).floor(), line: (point.y() / side).floor(), side }
    }

    fn holds(&self, point: Point) -> bool {
        let other = Self::around(point, self.side);
        self.column.total_cmp(&other.column).is_eq() && self.line.total_cmp(&other.line).is_eq()
    }

    fn distance(&self, point: Point) -> f64 {
        let outside = |at: f64, low: f64| (low - at).max(at - (low + self.side)).max(0.0);
        outside(point.x(), self.column * self.side).hypot(outside(point.y(), self.line * self.side))
    }

    fn share(&self, bell: &Bell) -> f64 {
        let corner = |more: f64| Point::new((self.column + more) * self.side, (self.line + more) * self.side);
        corner(0.0).zip(corner(1.0)).map_or(0.0, |(low, high)| bell.over_rectangle(low, high))
    }
}

fn likeliest_cell(bell: &Bell, side: f64) -> (Cell, f64) {
    let middle = Cell::around(bell.centre, side);
    let mut best = (middle, middle.share(bell));
    for across in -CELLS_AROUND..=CELLS_AROUND {
        for along in -CELLS_AROUND..=CELLS_AROUND {
            let cell = Cell { column: middle.column + f64::from(across), line: middle.line + f64::from(along), side };
            let share = cell.share(bell);
            if share > best.1 {
                best = (cell, share);
            }
        }
    }
    best
}

const fn share(hit: bool) -> f64 {
    if hit { 1.0 } else { 0.0 }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values.fold((0.0, 0.0), |(count, sum), value| (count + 1.0, sum + value));
    (count > 0.0).then(|| sum / count)
}

/// A quantile with linear interpolation between the two nearest values; 0 of none.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a rank lies between 0 and the number of values"
)]
pub fn percentile(values: &mut [f64], quantile: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = quantile * values.len().saturating_sub(1) as f64;
    let (below, part) = (rank.floor() as usize, rank.fract());
    let low = values.get(below).copied().unwrap_or(0.0);
    let high = values.get(below + 1).copied().unwrap_or(low);
    low + (high - low) * part
}
