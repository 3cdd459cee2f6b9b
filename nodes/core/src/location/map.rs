//! What a store knows of its radio: the map that scans are looked up in.
//!
//! Owns the survey's index or, without a survey, the positions of access points, the zones, and the names of floors. Takes a published map.
//! Emits estimates and zones. On failure: a map with an unreadable part is refused whole; the one before it stays in force.
use std::collections::{BTreeMap, HashMap};

use thiserror::Error;

use super::address::RadioAddress;
use super::areas::{AREAS_MAX, Area, AreaRefusal, Areas, Likeliest};
use super::beacons::Beacons;
use super::bell::Bell;
use super::estimate::Estimate;
use super::index::{Index, Scratch};
use super::representation::Strength;
use super::survey::{AccessPoint, Level, Point, Row, Scan};
use super::tune::Configuration;
use crate::ids::ZoneId;

/// Rows of a survey; a large mall has 10,000.
pub const ROWS_MAX: usize = 60_000;
/// Access points of a map; a large mall has 3,000.
pub const ACCESS_POINTS_MAX: usize = 16_384;
/// Readings of a whole survey: the index holds five octets for each.
pub const READINGS_MAX: usize = 4_000_000;
/// Fewer known access points give no position.
pub const KNOWN_MIN: usize = 3;
/// Floors of a store.
pub const FLOORS_MAX: usize = 64;
/// Characters of a floor's name.
pub const FLOOR_NAME_MAX: usize = 32;

/// One scan of a survey, by addresses.
#[derive(Debug, Clone, PartialEq)]
pub struct Fingerprint {
    pub floor: String,
    pub x: f64,
    pub y: f64,
    pub heard: Vec<(RadioAddress, Strength)>,
}

/// An access point whose place is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    pub address: RadioAddress,
    pub floor: String,
    pub x: f64,
    pub y: f64,
}

/// A zone by the name of its floor.
#[derive(Debug, Clone, PartialEq)]
pub struct ZoneArea {
    pub zone: ZoneId,
    pub floor: String,
    pub corners: Vec<(f64, f64)>,
}

/// Everything that a map is built from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Parts {
    pub fingerprints: Vec<Fingerprint>,
    pub access_points: Vec<Placed>,
    pub areas: Vec<ZoneArea>,
}

/// Why a map is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MapRefusal {
    #[error("more than {max} {what}")]
    TooMany { what: &'static str, max: usize },
    #[error("a floor's name has 1 to {FLOOR_NAME_MAX} characters")]
    FloorName,
    #[error("{0} {1} lies nowhere")]
    Nowhere(&'static str, usize),
    #[error("zone {zone}")]
    Area {
        zone: ZoneId,
        #[source]
        source: AreaRefusal,
    },
}

/// How a scan is looked up.
#[derive(Debug, Clone)]
enum Lookup {
    Survey { index: Box<Index>, neighbours: usize },
    Beacons(Beacons),
}

/// The map in force.
#[derive(Debug, Clone)]
pub struct Map {
    numbers: HashMap<RadioAddress, AccessPoint>,
    floors: BTreeMap<String, Level>,
    lookup: Lookup,
    areas: Areas,
    zones: Vec<ZoneId>,
}

/// A scan against the map.
#[derive(Debug, Clone, PartialEq)]
pub struct Looked {
    /// Nothing below [`KNOWN_MIN`] known access points.
    pub estimate: Option<Estimate>,
    /// Readings of access points that the map does not know.
    pub unknown: usize,
}

struct Numbering {
    numbers: HashMap<RadioAddress, AccessPoint>,
    floors: BTreeMap<String, Level>,
}

impl Numbering {
    fn access_point(&mut self, address: RadioAddress) -> Result<AccessPoint, MapRefusal> {
        let next = self.numbers.len();
        if next >= ACCESS_POINTS_MAX && !self.numbers.contains_key(&address) {
            return Err(MapRefusal::TooMany { what: "access points", max: ACCESS_POINTS_MAX });
        }
        let next = AccessPoint::try_from(next).expect("there are fewer access points than u32");
        Ok(*self.numbers.entry(address).or_insert(next))
    }

    fn level(&mut self, floor: &str) -> Result<Level, MapRefusal> {
        if let Some(level) = self.floors.get(floor) {
            return Ok(*level);
        }
        if floor.is_empty() || floor.chars().count() > FLOOR_NAME_MAX {
            return Err(MapRefusal::FloorName);
        }
        if self.floors.len() >= FLOORS_MAX {
            return Err(MapRefusal::TooMany { what: "floors", max: FLOORS_MAX });
        }
        let level = Level { building: 0, floor: u16::try_from(self.floors.len()).expect("there are fewer floors than u16") };
        self.floors.insert(floor.to_owned(), level);
        Ok(level)
    }
}

impl Map {
    /// Builds the map: by its survey, or without one by its access points.
    ///
    /// # Errors
    /// [`MapRefusal`].
    pub fn build(parts: &Parts) -> Result<Self, MapRefusal> {
        let Parts { fingerprints, access_points, areas } = parts;
        let readings = fingerprints.iter().map(|fingerprint| fingerprint.heard.len()).sum::<usize>();
        for (count, what, max) in [
            (fingerprints.len(), "survey rows", ROWS_MAX),
            (readings, "readings", READINGS_MAX),
            (access_points.len(), "access points", ACCESS_POINTS_MAX),
            (areas.len(), "zones", AREAS_MAX),
        ] {
            if count > max {
                return Err(MapRefusal::TooMany { what, max });
            }
        }
        let mut numbering = Numbering { numbers: HashMap::new(), floors: BTreeMap::new() };
        let mut built = Vec::with_capacity(areas.len());
        for ZoneArea { zone, floor, corners } in areas {
            let level = numbering.level(floor)?;
            let corners: Option<Vec<Point>> = corners.iter().map(|(x, y)| Point::new(*x, *y)).collect();
            let area = Area::new(zone.clone(), level, corners.unwrap_or_default());
            built.push(area.map_err(|source| MapRefusal::Area { zone: zone.clone(), source })?);
        }
        let lookup = if fingerprints.is_empty() {
            let mut places = Vec::new();
            for (at, Placed { address, floor, x, y }) in access_points.iter().enumerate() {
                let point = Point::new(*x, *y).ok_or(MapRefusal::Nowhere("access point", at))?;
                let (number, level) = (numbering.access_point(*address)? as usize, numbering.level(floor)?);
                if places.len() <= number {
                    places.resize(number + 1, None);
                }
                if let Some(place) = places.get_mut(number) {
                    *place = Some((point, level));
                }
            }
            Lookup::Beacons(Beacons::new(places))
        } else {
            let mut rows = Vec::with_capacity(fingerprints.len());
            for (at, Fingerprint { floor, x, y, heard }) in fingerprints.iter().enumerate() {
                let point = Point::new(*x, *y).ok_or(MapRefusal::Nowhere("survey row", at))?;
                let level = numbering.level(floor)?;
                let entries: Result<Vec<_>, _> =
                    heard.iter().map(|(address, strength)| Ok((numbering.access_point(*address)?, *strength))).collect();
                let scan = Scan::new(entries?);
                if !scan.is_empty() {
                    rows.push(Row { point, level, walk: None, scan });
                }
            }
            let Configuration { representation, neighbours } = Configuration::of(&rows);
            Lookup::Survey { index: Box::new(Index::build(&rows, representation)), neighbours }
        };
        let Numbering { numbers, floors } = numbering;
        let zones = built.iter().map(|area| area.zone().clone()).collect();
        Ok(Self { numbers, floors, lookup, areas: Areas::new(built), zones })
    }

    /// Looks a scan up.
    #[must_use]
    pub fn locate(&self, heard: &[(RadioAddress, Strength)], scratch: &mut Scratch) -> Looked {
        let known: Vec<(AccessPoint, Strength)> = heard
            .iter()
            .filter_map(|(address, strength)| Some((*self.numbers.get(address)?, *strength)))
            .filter(|(number, _)| match &self.lookup {
                Lookup::Survey { index, .. } => index.knows(*number),
                Lookup::Beacons(beacons) => beacons.knows(*number),
            })
            .collect();
        let unknown = heard.len() - known.len();
        let scan = Scan::new(known);
        if scan.len() < KNOWN_MIN {
            return Looked { estimate: None, unknown };
        }
        let estimate = match &self.lookup {
            Lookup::Survey { index, neighbours } => Estimate::vote(index, index.nearest(&scan, *neighbours, |_| false, scratch)),
            Lookup::Beacons(beacons) => beacons.locate(&scan),
        };
        Looked { estimate, unknown }
    }

    /// The floor of that name.
    #[must_use]
    pub fn level(&self, floor: &str) -> Option<Level> {
        self.floors.get(floor).copied()
    }

    /// Whether the map has this zone.
    #[must_use]
    pub fn has_zone(&self, zone: &ZoneId) -> bool {
        self.zones.contains(zone)
    }

    /// The likeliest zone of a position.
    #[must_use]
    pub fn likeliest(&self, level: Level, point: Point, sigma_m: f64) -> Option<Likeliest> {
        self.areas.likeliest(level, &Bell { centre: point, sigma_m })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Six access points in a row, 10 m apart, and two departments of 30 m along it.
    pub fn shop() -> Parts {
        let address = |number: u8| RadioAddress::parse(&format!("02:00:00:00:00:{number:02x}")).unwrap();
        let strength = |metres: f64| Strength::from_dbm_rounded(-40.0 - metres).unwrap();
        let fingerprint = |x: f64| Fingerprint {
            floor: "EG".to_owned(),
            x,
            y: 5.0,
            heard: (0..6).map(|at| (address(at), strength((x - 10.0 * f64::from(at)).abs()))).collect(),
        };
        let area = |zone: &str, from: f64| ZoneArea {
            zone: ZoneId::parse(zone).unwrap(),
            floor: "EG".to_owned(),
            corners: vec![(from, -10.0), (from + 30.0, -10.0), (from + 30.0, 20.0), (from, 20.0)],
        };
        Parts {
            fingerprints: (0..=60).map(|x| fingerprint(f64::from(x))).collect(),
            access_points: (0..6)
                .map(|at| Placed { address: address(at), floor: "EG".to_owned(), x: 10.0 * f64::from(at), y: 0.0 })
                .collect(),
            areas: vec![area("shoes", 0.0), area("toys", 30.0)],
        }
    }

    /// What is heard at `x` in [`shop`].
    pub fn heard_at(x: f64) -> Vec<(RadioAddress, Strength)> {
        (0..6_u8)
            .map(|at| {
                let address = RadioAddress::parse(&format!("02:00:00:00:00:{at:02x}")).unwrap();
                (address, Strength::from_dbm_rounded((-40.0 - (x - 10.0 * f64::from(at)).abs()).max(-100.0)).unwrap())
            })
            .collect()
    }

    #[test]
    fn a_scan_is_found_where_the_survey_heard_the_same() {
        let map = Map::build(&shop()).unwrap();
        let mut scratch = Scratch::default();
        let found = map.locate(&heard_at(12.0), &mut scratch).estimate.unwrap();
        assert!(found.point.distance(Point::new(12.0, 5.0).unwrap()) < 0.5, "{found:?}");
        assert_eq!(map.likeliest(found.level, found.point, found.sigma_m()).unwrap().zone.to_string(), "shoes");
    }

    #[test]
    fn without_a_survey_the_access_points_themselves_place_a_scan() {
        let map = Map::build(&Parts { fingerprints: vec![], ..shop() }).unwrap();
        let found = map.locate(&heard_at(20.0), &mut Scratch::default()).estimate.unwrap();
        assert!(found.point.distance(Point::new(20.0, 0.0).unwrap()) < 3.0, "{found:?}");
    }

    #[test]
    fn fewer_than_three_known_access_points_give_no_position() {
        let map = Map::build(&shop()).unwrap();
        let stranger = (RadioAddress::parse("0a:00:00:00:00:01").unwrap(), Strength::from_dbm(-30).unwrap());
        let mut scratch = Scratch::default();
        for known in 0..3 {
            let mut heard = heard_at(12.0);
            heard.truncate(known);
            heard.push(stranger);
            assert_eq!(map.locate(&heard, &mut scratch), Looked { estimate: None, unknown: 1 });
        }
        let twice = vec![heard_at(12.0)[0]; 5];
        assert_eq!(map.locate(&twice, &mut scratch).estimate, None);
    }

    #[test]
    fn a_map_that_cannot_be_read_is_refused_whole() {
        let refused = |change: &dyn Fn(&mut Parts)| {
            let mut parts = shop();
            change(&mut parts);
            Map::build(&parts).unwrap_err().to_string()
        };
        assert_eq!(refused(&|parts| parts.areas[1].corners.truncate(2)), "zone toys");
        assert_eq!(refused(&|parts| parts.areas[1].corners[0].0 = f64::NAN), "zone toys");
        assert_eq!(refused(&|parts| parts.fingerprints[3].x = f64::INFINITY), "survey row 3 lies nowhere");
        assert_eq!(refused(&|parts| parts.fingerprints[3].floor.clear()), "a floor's name has 1 to 32 characters");
        assert_eq!(refused(&|parts| parts.areas = vec![parts.areas[0].clone(); AREAS_MAX + 1]), "more than 200 zones");
    }
}
