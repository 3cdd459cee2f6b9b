//! How much of a bell around a position lies over an area.
//!
//! Owns the normal distribution and its integral over cells and polygons. Takes a centre, a width and an area. Emits a share between 0 and 1.
//! On failure: nothing can fail; an area without extent holds nothing.
use std::f64::consts::{PI, SQRT_2};

use super::survey::Point;

/// So many widths away from the centre nothing is left that counts.
const REACH: f64 = 6.0;
/// Nodes and weights of Gauss and Legendre on −1…1.
const NODES: [(f64, f64); 5] = [
    (-0.906_179_845_938_664, 0.236_926_885_056_189),
    (-0.538_469_310_105_683, 0.478_628_670_499_366),
    (0.0, 0.568_888_888_888_889),
    (0.538_469_310_105_683, 0.478_628_670_499_366),
    (0.906_179_845_938_664, 0.236_926_885_056_189),
];
/// Pieces that the part of an edge within [`REACH`] is integrated in: each shorter than the bell is wide.
const PIECES: u32 = 24;

/// The normal distribution function, to 1.5·10⁻⁷ (Abramowitz and Stegun 7.1.26).
fn distribution(z: f64) -> f64 {
    let x = z.abs() / SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let polynomial = t * (0.254_829_592 + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    let error = 1.0 - polynomial * (-x * x).exp();
    if z < 0.0 { f64::midpoint(1.0, -error) } else { f64::midpoint(1.0, error) }
}

fn density(z: f64) -> f64 {
    (-z * z / 2.0).exp() / (2.0 * PI).sqrt()
}

/// A bell around a position.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bell {
    pub centre: Point,
    /// Width along each axis; more than zero.
    pub sigma_m: f64,
}

impl Bell {
    /// The share over a rectangle with its sides along the axes.
    #[must_use]
    pub fn over_rectangle(&self, low: Point, high: Point) -> f64 {
        let across = |from: f64, to: f64, centre: f64| {
            (distribution((to - centre) / self.sigma_m) - distribution((from - centre) / self.sigma_m)).max(0.0)
        };
        across(low.x(), high.x(), self.centre.x()) * across(low.y(), high.y(), self.centre.y())
    }

    /// The share over a polygon, whichever way round it is given: by the theorem of Green one integral along each edge.
    #[must_use]
    pub fn over_polygon(&self, corners: &[Point]) -> f64 {
        let seen: Vec<(f64, f64)> = corners
            .iter()
            .map(|corner| ((corner.x() - self.centre.x()) / self.sigma_m, (corner.y() - self.centre.y()) / self.sigma_m))
            .collect();
        let ends = seen.iter().skip(1).chain(seen.first());
        let sum: f64 = seen.iter().zip(ends).map(|(from, to)| along_edge(*from, *to)).sum();
        sum.abs().min(1.0)
    }
}

/// `∫ Φ(x) φ(y) dy` along an edge, in widths of the bell.
fn along_edge((x0, y0): (f64, f64), (x1, y1): (f64, f64)) -> f64 {
    // Beyond the reach to the left the integrand is 0, to the right it is φ(y) alone, above and below it is 0: only what lies between is summed.
    let at = |t: f64| (x0 + t * (x1 - x0), y0 + t * (y1 - y0));
    let crossing = |from: f64, to: f64, limit: f64| if to == from { 0.0 } else { ((limit - from) / (to - from)).clamp(0.0, 1.0) };
    let mut cuts = [0.0, crossing(y0, y1, -REACH), crossing(y0, y1, REACH), crossing(x0, x1, -REACH), crossing(x0, x1, REACH), 1.0];
    cuts.sort_by(f64::total_cmp);
    let parts = cuts.iter().zip(cuts.iter().skip(1)).filter(|(from, to)| from < to);
    parts
        .map(|(from, to)| {
            let (x, y) = at(f64::midpoint(*from, *to));
            let (low, high) = (at(*from).1, at(*to).1);
            if y.abs() > REACH || x < -REACH {
                0.0
            } else if x > REACH {
                distribution(high) - distribution(low)
            } else {
                within_reach(at(*from), at(*to))
            }
        })
        .sum()
}

fn within_reach((x0, y0): (f64, f64), (x1, y1): (f64, f64)) -> f64 {
    // A vertical edge is exact.
    if x0.to_bits() == x1.to_bits() {
        return distribution(x0) * (distribution(y1) - distribution(y0));
    }
    let half = 0.5 / f64::from(PIECES);
    let piece = |number: u32| {
        let middle = (f64::from(number) + 0.5) / f64::from(PIECES);
        let value = |(node, weight): &(f64, f64)| {
            let t = middle + half * node;
            weight * distribution(x0 + t * (x1 - x0)) * density(y0 + t * (y1 - y0))
        };
        NODES.iter().map(value).sum::<f64>() * half
    };
    (0..PIECES).map(piece).sum::<f64>() * (y1 - y0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn point(x: f64, y: f64) -> Point {
        Point::new(x, y).unwrap()
    }

    fn bell(x: f64, y: f64, sigma_m: f64) -> Bell {
        Bell { centre: point(x, y), sigma_m }
    }

    #[test]
    fn one_width_on_either_side_holds_what_the_tables_say() {
        let share = bell(3.0, -2.0, 2.0).over_rectangle(point(1.0, -100.0), point(5.0, 100.0));
        assert!((share - 0.682_689_49).abs() < 1e-6, "{share}");
    }

    proptest! {
        #[test]
        fn a_polygon_with_sides_along_the_axes_is_a_rectangle(x in -50.0..50.0, y in -50.0..50.0, sigma in 2.5..12.0, width in 1.0..90.0, height in 1.0..90.0) {
            let bell = bell(x, y, sigma);
            let (low, high) = (point(0.0, 0.0), point(width, height));
            let corners = [low, point(width, 0.0), high, point(0.0, height)];
            let expected = bell.over_rectangle(low, high);
            prop_assert!((bell.over_polygon(&corners) - expected).abs() < 1e-6);
            let mut back = corners;
            back.reverse();
            prop_assert!((bell.over_polygon(&back) - expected).abs() < 1e-6);
        }

        #[test]
        fn halves_of_a_slanted_cut_add_up(x in -30.0..60.0, y in -30.0..60.0, sigma in 2.5..12.0, cut_low in 0.0..40.0, cut_high in 0.0..40.0) {
            let bell = bell(x, y, sigma);
            let whole = bell.over_polygon(&[point(0.0, 0.0), point(40.0, 0.0), point(40.0, 40.0), point(0.0, 40.0)]);
            let left = bell.over_polygon(&[point(0.0, 0.0), point(cut_low, 0.0), point(cut_high, 40.0), point(0.0, 40.0)]);
            let right = bell.over_polygon(&[point(cut_low, 0.0), point(40.0, 0.0), point(40.0, 40.0), point(cut_high, 40.0)]);
            prop_assert!((left + right - whole).abs() < 1e-6, "{left} + {right} is not {whole}");
        }
    }

    #[test]
    fn a_turned_square_around_the_centre_holds_what_the_straight_one_holds() {
        let bell = bell(0.0, 0.0, 3.0);
        let (half, corner) = (4.0, 4.0 * SQRT_2);
        let straight = bell.over_rectangle(point(-half, -half), point(half, half));
        let turned = bell.over_polygon(&[point(0.0, -corner), point(corner, 0.0), point(0.0, corner), point(-corner, 0.0)]);
        assert!((straight - turned).abs() < 1e-6, "{straight} is not {turned}");
    }

    #[test]
    fn an_area_without_extent_holds_nothing() {
        assert!(bell(0.0, 0.0, 3.0).over_polygon(&[]).abs() < 1e-12);
        assert!(bell(0.0, 0.0, 3.0).over_polygon(&[point(1.0, 1.0), point(2.0, 5.0)]).abs() < 1e-9);
    }
}
