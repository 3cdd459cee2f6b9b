//! Prices of amounts: weighed goods, units.
//!
//! Owns the rounding, half up, in integers. Takes prices per kilogram or pack. Emits money. On failure: nothing where the result does not fit.
use aisle_schemas::content::Money;
use aisle_schemas::product::{Pack, UnitPrice};

/// Thousandths of a unit; grams of a kilogram.
const THOUSAND: i128 = 1_000;

/// What `grams` cost at a price per kilogram.
#[must_use]
pub fn of_weight(per_kilogram: Money, grams: u32) -> Option<Money> {
    let minor = divided(i128::from(per_kilogram.minor) * i128::from(grams), THOUSAND)?;
    Some(Money { minor, ..per_kilogram })
}

/// What one unit costs where a pack costs `price`.
#[must_use]
pub fn of_unit(price: Money, pack: Pack) -> Option<UnitPrice> {
    let Pack { thousandths, unit } = pack;
    let minor = divided(i128::from(price.minor) * THOUSAND, i128::from(thousandths))?;
    Some(UnitPrice { price: Money { minor, ..price }, unit })
}

/// Rounded half up; prices are not negative.
fn divided(dividend: i128, divisor: i128) -> Option<i64> {
    let doubled = dividend.checked_mul(2)?.checked_add(divisor)?;
    i64::try_from(doubled.checked_div_euclid(divisor.checked_mul(2)?)?).ok()
}

#[cfg(test)]
mod tests {
    use aisle_schemas::content::Currency;
    use aisle_schemas::product::Unit;

    use super::*;

    fn eur(minor: i64) -> Money {
        Money { minor, currency: Currency::Eur }
    }

    #[test]
    fn amounts_are_rounded_half_up_and_never_overflow() {
        assert_eq!(of_weight(eur(1_290), 350), Some(eur(452)), "451.5");
        assert_eq!(of_weight(eur(1_000), 1), Some(eur(1)));
        assert_eq!(of_weight(eur(i64::MAX), u32::MAX), None);
        let unit = |price, thousandths| of_unit(eur(price), Pack { thousandths, unit: Unit::Kilogram }).map(|unit| unit.price.minor);
        assert_eq!(unit(199, 400), Some(498), "497.5");
        assert_eq!(unit(199, 0), None);
    }
}
