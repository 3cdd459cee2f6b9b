//! Where somebody is, given where she was a moment ago.
//!
//! Owns the constant-velocity filter of one device and the floor it is on. Takes estimates with their time. Emits smoothed positions. On
//! failure: an estimate that is older than the last one changes nothing; after a long silence or on another floor the filter begins anew.
use std::collections::VecDeque;

use super::estimate::Estimate;
use super::survey::{Level, Point};

/// Density of the acceleration's noise.
const ACCELERATION: f64 = 0.2;
/// Standard deviation of a fix, in metres.
const FIX_M: f64 = 5.0;
/// Noise of the position itself per second, in square metres.
const DRIFT: f64 = 0.05;
/// A walker forgets her velocity within so many seconds.
const VELOCITY_S: f64 = 8.0;
/// Variance of the first position.
const POSITION_START: f64 = 12.5;
/// Variance of the first velocity.
const VELOCITY_START: f64 = 1.0;
/// A fix whose normalised innovation is larger than this is believed less.
const GATE: f64 = 4.0;
/// After so many seconds without a fix the filter begins anew.
const SILENCE_S: f64 = 60.0;
/// Fixes that vote on the floor.
const FLOOR_FIXES: usize = 5;
/// Votes that change it.
const FLOOR_VOTES: usize = 3;

/// The filter of one walk on one floor. Both axes have the same variances and are independent, so one set serves both.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Filter {
    x: f64,
    y: f64,
    velocity_x: f64,
    velocity_y: f64,
    position_variance: f64,
    covariance: f64,
    velocity_variance: f64,
}

impl Filter {
    /// Begins at the first fix, at rest.
    #[must_use]
    pub const fn at(fix: Point) -> Self {
        Self {
            x: fix.x(),
            y: fix.y(),
            velocity_x: 0.0,
            velocity_y: 0.0,
            position_variance: POSITION_START,
            covariance: 0.0,
            velocity_variance: VELOCITY_START,
        }
    }

    /// The smoothed position after one more fix, `seconds` after the last.
    #[must_use]
    pub fn step(self, fix: Point, seconds: f64) -> Self {
        let predicted = self.predict(seconds.max(0.0));
        predicted.correct(fix)
    }

    /// The smoothed position.
    #[must_use]
    pub fn point(&self) -> Option<Point> {
        Point::new(self.x, self.y)
    }

    fn predict(self, dt: f64) -> Self {
        let Self { x, y, velocity_x, velocity_y, position_variance, covariance, velocity_variance } = self;
        let kept = (-dt / VELOCITY_S).exp();
        Self {
            x: x + velocity_x * dt,
            y: y + velocity_y * dt,
            velocity_x: velocity_x * kept,
            velocity_y: velocity_y * kept,
            position_variance: position_variance
                + 2.0 * dt * covariance
                + dt * dt * velocity_variance
                + ACCELERATION * dt * dt / 2.0
                + DRIFT * dt,
            covariance: kept * (covariance + dt * velocity_variance) + ACCELERATION * dt * dt / 4.0,
            velocity_variance: kept * kept * velocity_variance + ACCELERATION * dt,
        }
    }

    fn correct(self, fix: Point) -> Self {
        let Self { x, y, velocity_x, velocity_y, position_variance, covariance, velocity_variance } = self;
        let (dx, dy) = (fix.x() - x, fix.y() - y);
        let surprise = (dx * dx + dy * dy) / (position_variance + FIX_M * FIX_M);
        let noise = FIX_M * FIX_M * (surprise / GATE).max(1.0);
        let (position_gain, velocity_gain) = (position_variance / (position_variance + noise), covariance / (position_variance + noise));
        Self {
            x: x + position_gain * dx,
            y: y + position_gain * dy,
            velocity_x: velocity_x + velocity_gain * dx,
            velocity_y: velocity_y + velocity_gain * dy,
            position_variance: (1.0 - position_gain) * position_variance,
            covariance: (1.0 - position_gain) * covariance,
            velocity_variance: velocity_variance - velocity_gain * covariance,
        }
    }
}

/// A smoothed position.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tracked {
    pub point: Point,
    pub level: Level,
}

/// The filter of a device over floors and silences.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    filter: Filter,
    level: Level,
    /// Floors of the last fixes, the newest last.
    levels: VecDeque<Level>,
    t_ms: i64,
}

impl Track {
    /// Begins with a first fix.
    #[must_use]
    pub fn begin(fix: &Estimate, t_ms: i64) -> Self {
        Self { filter: Filter::at(fix.point), level: fix.level, levels: VecDeque::from([fix.level]), t_ms }
    }

    /// When the last fix was taken.
    #[must_use]
    pub const fn t_ms(&self) -> i64 {
        self.t_ms
    }

    /// Takes one more fix and says where the device is now. A fix on a floor that the last ones do not speak for does not change the floor yet.
    pub fn fix(&mut self, fix: &Estimate, t_ms: i64) -> Option<Tracked> {
        let seconds = seconds(t_ms - self.t_ms);
        if t_ms < self.t_ms {
            return None;
        }
        if seconds > SILENCE_S {
            *self = Self::begin(fix, t_ms);
            return self.tracked();
        }
        if self.levels.len() == FLOOR_FIXES {
            self.levels.pop_front();
        }
        self.levels.push_back(fix.level);
        let held = self.levels.iter().filter(|level| **level == fix.level).count() >= FLOOR_VOTES;
        if fix.level != self.level && held {
            let levels = std::mem::take(&mut self.levels);
            *self = Self { levels, ..Self::begin(fix, t_ms) };
            return self.tracked();
        }
        self.filter = self.filter.step(fix.point, seconds);
        self.t_ms = t_ms;
        self.tracked()
    }

    fn tracked(&self) -> Option<Tracked> {
        Some(Tracked { point: self.filter.point()?, level: self.level })
    }
}

/// Seconds in a number of milliseconds.
#[expect(clippy::cast_precision_loss, reason = "no two fixes are 2^52 ms apart")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fix(x: f64, y: f64, floor: u16) -> Estimate {
        Estimate::new(Point::new(x, y).unwrap(), Level { building: 0, floor }, 4.0)
    }

    proptest! {
        #[test]
        fn variances_stay_positive_and_positions_between_the_fixes(fixes in prop::collection::vec((-100.0..100.0, -100.0..100.0, 0_i64..30_000), 1..60)) {
            let (x, y, _) = fixes[0];
            let mut filter = Filter::at(Point::new(x, y).unwrap());
            for (x, y, ms) in fixes {
                filter = filter.step(Point::new(x, y).unwrap(), seconds(ms));
                prop_assert!(filter.position_variance > 0.0 && filter.velocity_variance > 0.0);
                prop_assert!(filter.position_variance * filter.velocity_variance >= filter.covariance * filter.covariance);
                prop_assert!(filter.x.abs() < 400.0 && filter.y.abs() < 400.0);
            }
        }
    }

    #[test]
    fn somebody_who_stands_still_is_where_the_mean_of_the_fixes_is() {
        let mut track = Track::begin(&fix(2.0, 0.0, 0), 0);
        let mut last = None;
        for second in 1..200 {
            last = track.fix(&fix(if second % 2 == 0 { 2.0 } else { -2.0 }, 0.0, 0), second * 1_000);
        }
        assert!(last.unwrap().point.distance(Point::default()) < 0.7);
    }

    #[test]
    fn one_wild_fix_moves_less_than_a_plausible_one_would() {
        let settled = (1..20).fold(Filter::at(Point::default()), |filter, _| filter.step(Point::default(), 2.0));
        let moved = |metres: f64| settled.step(Point::new(metres, 0.0).unwrap(), 2.0).x / metres;
        assert!(moved(60.0) < moved(5.0) / 2.0);
    }

    #[test]
    fn a_floor_changes_with_the_third_of_five_fixes_and_the_filter_begins_there() {
        let mut track = Track::begin(&fix(0.0, 0.0, 0), 0);
        let floors: Vec<(u16, f64)> = [(0, 0.0), (1, 40.0), (1, 40.0), (0, 0.0), (1, 40.0)]
            .into_iter()
            .zip(1..)
            .filter_map(|((floor, x), second)| track.fix(&fix(x, 0.0, floor), second * 2_000))
            .map(|tracked| (tracked.level.floor, tracked.point.x()))
            .collect();
        assert_eq!(floors.iter().map(|(floor, _)| *floor).collect::<Vec<_>>(), [0, 0, 0, 0, 1]);
        assert!((floors[4].1 - 40.0).abs() < 1e-9);
    }

    #[test]
    fn after_a_minute_of_silence_the_past_counts_nothing() {
        let mut track = Track::begin(&fix(0.0, 0.0, 0), 0);
        assert!((track.fix(&fix(30.0, 0.0, 0), 60_001).unwrap().point.x() - 30.0).abs() < 1e-9);
        assert_eq!(track.fix(&fix(0.0, 0.0, 0), 60_000), None);
    }
}
