//! How a signal strength becomes a number that can be compared.
//!
//! Owns the three curves and their table. Takes dBm. Emits a value of at least zero; what is not heard is zero. On failure: nothing can fail,
//! a strength outside the legal range is not a [`Strength`].
use std::f64::consts::E;

/// Weakest strength that says more than silence.
const FLOOR_DBM: f64 = -105.0;
/// Width of the exponential curve.
const EXPONENTIAL_DB: f64 = 24.0;
/// Weakest strength that a radio reports.
const STRENGTH_MIN: i8 = -120;
/// Entries of a table over all of `i8`.
const TABLE_LEN: usize = 256;

/// Signal strength in dBm, −120 to 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Strength(i8);

impl Strength {
    /// As weak as can be told.
    pub const WEAKEST: Self = Self(STRENGTH_MIN);

    /// A whole number of dBm; `None` outside −120 to 0.
    #[must_use]
    pub fn from_dbm(dbm: i64) -> Option<Self> {
        i8::try_from(dbm).ok().filter(|dbm| (STRENGTH_MIN..=0).contains(dbm)).map(Self)
    }

    /// Rounds a mean to the nearest whole dBm; `None` outside −120 to 0 or when it is no number.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float becomes the nearest integer or an end of i64, and from_dbm looks at its range"
    )]
    pub fn from_dbm_rounded(dbm: f64) -> Option<Self> {
        if dbm.is_nan() { None } else { Self::from_dbm(dbm.round() as i64) }
    }

    /// The value in dBm.
    #[must_use]
    pub const fn dbm(self) -> i8 {
        self.0
    }

    /// The place of this strength in a [`Table`].
    const fn slot(self) -> usize {
        self.0.cast_unsigned() as usize
    }
}

/// Which curve is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Representation {
    /// A power of the distance to the floor: strong readings count far more than weak ones.
    #[default]
    Powed,
    /// `exp(dBm / 24)`.
    Exponential,
    /// The distance to the floor in dB.
    Positive,
}

impl Representation {
    /// All of them, in the order in which a survey tries them.
    pub const ALL: [Self; 3] = [Self::Powed, Self::Exponential, Self::Positive];

    /// The number for a strength that was heard.
    #[must_use]
    pub fn value(self, strength: Strength) -> f64 {
        let dbm = f64::from(strength.dbm());
        let above_floor = dbm.max(FLOOR_DBM) - FLOOR_DBM;
        match self {
            Self::Powed => (above_floor / -FLOOR_DBM).powf(E),
            Self::Exponential => (dbm / EXPONENTIAL_DB).exp(),
            Self::Positive => above_floor,
        }
    }
}

/// The curve by octet: one lookup per reading in place of a power.
#[derive(Debug, Clone)]
pub struct Table(Box<[f64; TABLE_LEN]>);

impl Table {
    /// The table of a curve.
    #[must_use]
    pub fn of(representation: Representation) -> Self {
        let mut values = Box::new([0.0; TABLE_LEN]);
        for dbm in STRENGTH_MIN..=0 {
            let strength = Strength(dbm);
            values[strength.slot()] = representation.value(strength);
        }
        Self(values)
    }

    /// The value of a strength.
    #[must_use]
    pub fn get(&self, strength: Strength) -> f64 {
        self.0[strength.slot()]
    }

    /// The same curve, but never above `limit`: `min(limit, value)` for each strength.
    #[must_use]
    pub fn capped(&self, limit: f64) -> Self {
        let mut capped = self.clone();
        for value in capped.0.iter_mut() {
            *value = value.min(limit);
        }
        capped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strength(dbm: i64) -> Strength {
        Strength::from_dbm(dbm).unwrap()
    }

    #[test]
    fn only_what_a_radio_reports_is_a_strength() {
        assert_eq!([1, 0, -120, -121, 300].map(|dbm| Strength::from_dbm(dbm).map(Strength::dbm)), [None, Some(0), Some(-120), None, None]);
        assert_eq!(Strength::from_dbm_rounded(-70.4).map(Strength::dbm), Some(-70));
        assert_eq!(Strength::from_dbm_rounded(f64::NAN), None);
        assert_eq!(Strength::from_dbm_rounded(f64::INFINITY), None);
    }

    #[test]
    fn every_curve_rises_with_strength_and_is_never_negative() {
        for representation in Representation::ALL {
            let values: Vec<f64> = (-120..=0).map(|dbm| representation.value(strength(dbm))).collect();
            assert!(values.iter().all(|value| *value >= 0.0));
            assert!(values.windows(2).all(|pair| pair[0] <= pair[1]), "{representation:?}");
        }
        assert!((Representation::Powed.value(strength(0)) - 1.0).abs() < 1e-12);
        assert!(Representation::Powed.value(strength(-106)).abs() < 1e-12);
    }

    #[test]
    fn a_table_says_what_the_curve_says() {
        for representation in Representation::ALL {
            let table = Table::of(representation);
            let capped = table.capped(0.3);
            for dbm in -120..=0 {
                let value = representation.value(strength(dbm));
                assert!((table.get(strength(dbm)) - value).abs() < 1e-15);
                assert!((capped.get(strength(dbm)) - value.min(0.3)).abs() < 1e-15);
            }
        }
    }
}
