//! How much of the disk each class may use, and what follows from how much it does.
//!
//! Owns the arithmetic of AS-053 to AS-056 and AS-059; no disk is touched here. Takes what streams hold. Emits whether an entry fits, whether
//! a person must look, and for how many days the store can go on alone. Cannot fail.
use aisle_schemas::limits::{BALLAST_BYTES, BUDGET_A_BYTES, BUDGET_B_BYTES, BUDGET_C_BYTES};
use aisle_schemas::sync::{Class, PerStream, Stream};

/// What a row costs besides its event: its columns, its place in two indexes, and the room that pages leave. Also in migration 3.
pub const ROW_BYTES: u64 = 128;
/// Percentage of class A above which a person must look and applied rows no longer stay (AS-009, AS-054).
const NEARLY_FULL_PERCENT: u64 = 80;
/// Days whose mean the offline capacity goes by (AS-059).
pub const MEAN_DAYS: i64 = 7;

/// Bytes that each class may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    pub class_a: u64,
    pub class_b: u64,
    pub class_c: u64,
    /// Size of the file that is given up first when the disk is full; 0 for none.
    pub ballast: u64,
    /// Grow the database to the reserve of A and B when it is opened.
    pub grow: bool,
}

impl Default for Budget {
    fn default() -> Self {
        Self { class_a: BUDGET_A_BYTES, class_b: BUDGET_B_BYTES, class_c: BUDGET_C_BYTES, ballast: BALLAST_BYTES, grow: true }
    }
}

impl Budget {
    /// Of a class.
    #[must_use]
    pub const fn of(&self, class: Class) -> u64 {
        match class {
            Class::A => self.class_a,
            Class::B => self.class_b,
            Class::C => self.class_c,
        }
    }

    /// Bytes that the database file holds from installation on.
    #[must_use]
    pub const fn reserve(&self) -> u64 {
        self.class_a + self.class_b
    }

    /// Bytes beyond which the database never grows.
    #[must_use]
    pub const fn cap(&self) -> u64 {
        self.reserve() + self.class_c
    }

    /// Whether class A has used so much that a person must look.
    #[must_use]
    pub const fn is_nearly_full(&self, used_a: u64) -> bool {
        used_a >= self.class_a / 100 * NEARLY_FULL_PERCENT
    }
}

/// What a stream holds on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    pub records: u64,
    /// Events and [`ROW_BYTES`] for each.
    pub bytes: u64,
}

impl Usage {
    /// So many rows with so many bytes of events, as the database counted them.
    pub(super) fn counted(records: i64, event_bytes: i64) -> Self {
        let records = u64::try_from(records).unwrap_or(0);
        Self { records, bytes: u64::try_from(event_bytes).unwrap_or(0) + records * ROW_BYTES }
    }

    /// One row with an event of so many bytes.
    pub(super) fn of_event(bytes: usize) -> Self {
        Self { records: 1, bytes: u64::try_from(bytes).unwrap_or(u64::MAX / 2) + ROW_BYTES }
    }

    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self { records: self.records + other.records, bytes: self.bytes + other.bytes }
    }

    /// What is left when `other` went.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self { records: self.records.saturating_sub(other.records), bytes: self.bytes.saturating_sub(other.bytes) }
    }
}

/// What the streams of a class hold together.
#[must_use]
pub fn used(usage: &PerStream<Usage>, class: Class) -> Usage {
    let of_class = Stream::UP.into_iter().filter(|stream| stream.class() == class);
    of_class.filter_map(|stream| usage.get(stream).copied()).fold(Usage::default(), Usage::plus)
}

/// Days for which the free bytes of class A last at the mean of the whole days among the last seven (AS-059). `days` are days since 1970 with
/// the bytes accepted on them; none before there is a whole day with work.
#[must_use]
pub fn offline_days(free: u64, days: &[(i64, u64)], today: i64) -> Option<u32> {
    let whole = days.iter().filter(|(day, _)| (today - MEAN_DAYS..today).contains(day));
    let (count, sum) = whole.fold((0_u64, 0_u64), |(count, sum), (_, bytes)| (count + 1, sum.saturating_add(*bytes)));
    let mean = sum.checked_div(count).filter(|mean| *mean > 0)?;
    Some(u32::try_from(free / mean).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_059_offline_capacity_is_the_free_budget_over_the_mean_of_the_last_seven_whole_days() {
        let days = [(90, 1_000_000), (93, 100), (98, 200), (99, 600), (100, 5)];
        assert_eq!(offline_days(3_000, &days, 100), Some(10), "the mean of 93, 98 and 99 is 300; today and older days do not count");
        assert_eq!(offline_days(299, &days, 100), Some(0));
        assert_eq!(offline_days(3_000, &[(100, 5)], 100), None, "no whole day yet");
        assert_eq!(offline_days(3_000, &[], 100), None);
    }

    #[test]
    fn a_class_is_nearly_full_from_eighty_per_cent_on() {
        let budget = Budget { class_a: 1_000, ..Budget::default() };
        assert_eq!([799, 800].map(|used| budget.is_nearly_full(used)), [false, true]);
    }
}
