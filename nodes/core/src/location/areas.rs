//! Which zone of the store a position speaks for.
//!
//! Owns the polygons of a store's zones. Takes positions with their width. Emits the likeliest zone and how likely it is. On failure: an area
//! that is no polygon is refused when it is made; a position that no zone claims is unknown.
use std::collections::BTreeMap;

use thiserror::Error;

use super::bell::Bell;
use super::survey::{Level, Point};
use crate::ids::ZoneId;

/// Corners of one zone; a department needs a dozen.
pub const CORNERS_MAX: usize = 64;
/// Zones of one store; the profile's bound.
pub const AREAS_MAX: usize = 200;
/// From here on a zone is told as confident.
pub const CONFIDENT: f64 = 0.8;
/// Below so little no zone is named: it is hardly more than the error of the integral.
const LEAST: f64 = 0.001;
/// Area below which a polygon is a line, in square metres.
const AREA_MIN_M2: f64 = 1.0;

/// Why an area is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AreaRefusal {
    #[error("a zone has 3 to {CORNERS_MAX} corners")]
    Corners,
    #[error("a zone has at least {AREA_MIN_M2} m²")]
    Flat,
    #[error("the edges of a zone do not cross")]
    Crossing,
}

/// A zone on a floor.
#[derive(Debug, Clone, PartialEq)]
pub struct Area {
    zone: ZoneId,
    level: Level,
    corners: Vec<Point>,
}

impl Area {
    /// A polygon with corners in order, whichever way round.
    ///
    /// # Errors
    /// [`AreaRefusal`].
    pub fn new(zone: ZoneId, level: Level, corners: Vec<Point>) -> Result<Self, AreaRefusal> {
        if !(3..=CORNERS_MAX).contains(&corners.len()) {
            return Err(AreaRefusal::Corners);
        }
        let edges: Vec<(Point, Point)> = corners.iter().copied().zip(corners.iter().copied().cycle().skip(1)).collect();
        let doubled: f64 = edges.iter().map(|(from, to)| from.x() * to.y() - to.x() * from.y()).sum();
        if doubled.abs() < 2.0 * AREA_MIN_M2 {
            return Err(AreaRefusal::Flat);
        }
        for (number, one) in edges.iter().enumerate() {
            // Neighbours share a corner and are not compared.
            let others = edges.iter().enumerate().skip(number + 2).filter(|(other, _)| number > 0 || other + 1 < edges.len());
            if others.into_iter().any(|(_, other)| cross(*one, *other)) {
                return Err(AreaRefusal::Crossing);
            }
        }
        Ok(Self { zone, level, corners })
    }

    /// The zone.
    #[must_use]
    pub const fn zone(&self) -> &ZoneId {
        &self.zone
    }
}

/// Whether two edges meet in a point inside both.
fn cross(one: (Point, Point), other: (Point, Point)) -> bool {
    let side =
        |(from, to): (Point, Point), at: Point| (to.x() - from.x()) * (at.y() - from.y()) - (to.y() - from.y()) * (at.x() - from.x());
    let apart = |edge, (from, to): (Point, Point)| side(edge, from) * side(edge, to) < 0.0;
    apart(one, other) && apart(other, one)
}

/// A zone and how much of the position's bell lies over it.
#[derive(Debug, Clone, PartialEq)]
pub struct Likeliest {
    pub zone: ZoneId,
    pub p: f64,
}

/// The zones of a store.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Areas(Vec<Area>);

impl Areas {
    /// Areas in the order of their publication, at most [`AREAS_MAX`]; a zone may have several, whose shares add up.
    #[must_use]
    pub fn new(areas: impl IntoIterator<Item = Area>) -> Self {
        Self(areas.into_iter().take(AREAS_MAX).collect())
    }

    /// The zone with the largest share of the bell; of equal ones the first by name. `None` where no zone has a share worth naming.
    #[must_use]
    pub fn likeliest(&self, level: Level, bell: &Bell) -> Option<Likeliest> {
        let mut shares: BTreeMap<&ZoneId, f64> = BTreeMap::new();
        for area in self.0.iter().filter(|area| area.level == level) {
            *shares.entry(&area.zone).or_default() += bell.over_polygon(&area.corners);
        }
        let mut best: Option<(&ZoneId, f64)> = None;
        for (zone, share) in shares {
            if share >= LEAST && best.is_none_or(|(_, most)| share > most) {
                best = Some((zone, share));
            }
        }
        best.map(|(zone, share)| Likeliest { zone: zone.clone(), p: share.min(1.0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(x: f64, y: f64) -> Point {
        Point::new(x, y).unwrap()
    }

    fn square(zone: &str, x: f64, floor: u16) -> Area {
        let corners = vec![point(x, 0.0), point(x + 20.0, 0.0), point(x + 20.0, 20.0), point(x, 20.0)];
        Area::new(ZoneId::parse(zone).unwrap(), Level { building: 0, floor }, corners).unwrap()
    }

    #[test]
    fn the_zone_around_a_position_is_the_likeliest_on_its_floor() {
        let areas = Areas::new([square("shoes", 0.0, 0), square("toys", 20.0, 0), square("food", 0.0, 1)]);
        let at = |x: f64, floor: u16| areas.likeliest(Level { building: 0, floor }, &Bell { centre: point(x, 10.0), sigma_m: 3.0 });
        let shoes = at(10.0, 0).unwrap();
        assert_eq!(shoes.zone.to_string(), "shoes");
        assert!(shoes.p > CONFIDENT);
        assert_eq!(at(21.0, 0).unwrap().zone.to_string(), "toys");
        assert!(at(20.5, 0).unwrap().p < CONFIDENT);
        assert_eq!(at(10.0, 1).unwrap().zone.to_string(), "food");
        assert_eq!(at(10.0, 2), None);
        assert_eq!(at(400.0, 0), None);
    }

    #[test]
    fn what_is_no_polygon_is_refused() {
        let area = |corners: &[(f64, f64)]| {
            Area::new(ZoneId::parse("shoes").unwrap(), Level::default(), corners.iter().map(|(x, y)| point(*x, *y)).collect()).map(|_| ())
        };
        assert_eq!(area(&[(0.0, 0.0), (9.0, 0.0)]), Err(AreaRefusal::Corners));
        assert_eq!(area(&[(0.0, 0.0); CORNERS_MAX + 1]), Err(AreaRefusal::Corners));
        assert_eq!(area(&[(0.0, 0.0), (9.0, 0.0), (18.0, 0.0)]), Err(AreaRefusal::Flat));
        assert_eq!(area(&[(0.0, 0.0), (9.0, 9.0), (9.0, 2.0), (0.0, 8.0)]), Err(AreaRefusal::Crossing));
        assert_eq!(area(&[(0.0, 0.0), (9.0, 0.0), (9.0, 9.0), (4.0, 2.0), (0.0, 9.0)]), Ok(()));
    }
}
