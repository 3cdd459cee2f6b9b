//! Hours of a day on some weekdays, in the store's own time zone.
//!
//! Owns the arithmetic of local hours: over midnight, exceptions and both clock changes. Takes a day part, the zone and an instant. Emits
//! whether it is on, and when that can next change. On failure: there is none; hours that a clock change swallows are an empty interval.
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, Days, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc, Weekday};
use chrono_tz::Tz;

/// Hours `[start, end)`. `end ≤ start` runs over midnight and belongs to the weekday on which it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    pub start: NaiveTime,
    pub end: NaiveTime,
}

/// What one date does instead of its weekday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exception {
    Closed,
    Open(Hours),
}

/// Hours on weekdays, with exceptions such as holidays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayPart {
    pub hours: Hours,
    /// Numbers from Monday, 0 to 6; kept as numbers because `Weekday` has no order.
    weekdays: BTreeSet<u32>,
    pub exceptions: BTreeMap<NaiveDate, Exception>,
}

impl DayPart {
    /// Hours on these weekdays.
    #[must_use]
    pub fn new(hours: Hours, weekdays: &[Weekday], exceptions: BTreeMap<NaiveDate, Exception>) -> Self {
        Self { hours, weekdays: weekdays.iter().map(Weekday::num_days_from_monday).collect(), exceptions }
    }

    /// Whether the day part is on at `now` in `zone`.
    #[must_use]
    pub fn is_on(&self, zone: Tz, now: DateTime<Utc>) -> bool {
        self.occurrences_around(zone, now).any(|(from, to)| from <= now && now < to)
    }

    /// The next start or end after `now`, looking as far as the end of the next local day.
    #[must_use]
    pub fn next_change(&self, zone: Tz, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.occurrences_around(zone, now).flat_map(|(from, to)| [from, to]).filter(|at| *at > now).min()
    }

    /// Occurrences that began yesterday, begin today, or begin tomorrow, local time.
    fn occurrences_around(&self, zone: Tz, now: DateTime<Utc>) -> impl Iterator<Item = (DateTime<Utc>, DateTime<Utc>)> {
        let today = now.with_timezone(&zone).date_naive();
        [today.checked_sub_days(Days::new(1)), Some(today), today.checked_add_days(Days::new(1))]
            .into_iter()
            .flatten()
            .filter_map(move |date| self.occurrence(zone, date))
    }

    fn occurrence(&self, zone: Tz, date: NaiveDate) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let hours = match self.exceptions.get(&date) {
            Some(Exception::Closed) => return None,
            Some(Exception::Open(hours)) => *hours,
            None if self.weekdays.contains(&date.weekday().num_days_from_monday()) => self.hours,
            None => return None,
        };
        let last = if hours.end <= hours.start { date.checked_add_days(Days::new(1))? } else { date };
        let (from, to) = (instant(zone, date.and_time(hours.start)), instant(zone, last.and_time(hours.end)));
        (from < to).then_some((from, to))
    }
}

/// The instant of a local time: in a gap the first valid instant after it, in an overlap the first occurrence.
#[must_use]
pub fn instant(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.with_timezone(&Utc),
        LocalResult::None => after_gap(zone, local),
    }
}

/// The offset in force before the gap maps the swallowed time to an instant after it; the gap's end is found from there by halving.
fn after_gap(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    let naive = Utc.from_utc_datetime(&local);
    // No zone is further than a day from UTC, so the gap lies in between.
    let (mut before, mut after) = (naive - TimeDelta::days(1), naive + TimeDelta::days(1));
    while after - before > TimeDelta::milliseconds(1) {
        let middle = before + (after - before) / 2;
        if middle.with_timezone(&zone).naive_local() < local { before = middle } else { after = middle }
    }
    // Halving ends within a millisecond of a whole second.
    DateTime::from_timestamp(after.timestamp() + i64::from(after.timestamp_subsec_nanos() > 500_000_000), 0).unwrap_or(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BERLIN: Tz = chrono_tz::Europe::Berlin;
    const ALL: [Weekday; 7] = [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];

    fn time(text: &str) -> NaiveTime {
        NaiveTime::parse_from_str(text, "%H:%M").unwrap()
    }

    fn hours(start: &str, end: &str) -> Hours {
        Hours { start: time(start), end: time(end) }
    }

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn part(start: &str, end: &str, weekdays: &[Weekday]) -> DayPart {
        DayPart::new(hours(start, end), weekdays, BTreeMap::new())
    }

    #[test]
    fn hours_are_local_and_half_open() {
        let part = part("08:00", "20:00", &ALL);
        assert!(!part.is_on(BERLIN, utc("2026-11-24T06:59:59.999Z")));
        assert!(part.is_on(BERLIN, utc("2026-11-24T07:00:00Z")));
        assert!(part.is_on(BERLIN, utc("2026-11-24T18:59:59.999Z")));
        assert!(!part.is_on(BERLIN, utc("2026-11-24T19:00:00Z")));
    }

    #[test]
    fn hours_over_midnight_belong_to_the_weekday_on_which_they_start() {
        let friday = part("22:00", "02:00", &[Weekday::Fri]);
        assert!(!friday.is_on(BERLIN, utc("2026-11-27T00:30:00Z")), "early on Friday");
        assert!(friday.is_on(BERLIN, utc("2026-11-27T21:00:00Z")), "late on Friday");
        assert!(friday.is_on(BERLIN, utc("2026-11-28T00:59:00Z")), "early on Saturday");
        assert!(!friday.is_on(BERLIN, utc("2026-11-28T01:00:00Z")));
    }

    #[test]
    fn equal_hours_last_a_whole_day() {
        let monday = part("06:00", "06:00", &[Weekday::Mon]);
        assert!(monday.is_on(BERLIN, utc("2026-11-24T04:59:00Z")));
        assert!(!monday.is_on(BERLIN, utc("2026-11-24T05:00:00Z")));
    }

    #[test]
    fn an_exception_replaces_its_date() {
        let mut part = part("08:00", "20:00", &[Weekday::Thu]);
        let christmas = NaiveDate::from_ymd_opt(2026, 12, 25).unwrap();
        part.exceptions.insert(christmas.pred_opt().unwrap(), Exception::Open(hours("08:00", "14:00")));
        part.exceptions.insert(christmas, Exception::Closed);
        assert!(part.is_on(BERLIN, utc("2026-12-24T12:59:00Z")));
        assert!(!part.is_on(BERLIN, utc("2026-12-24T13:00:00Z")));
        assert!(!part.is_on(BERLIN, utc("2026-12-25T12:00:00Z")));
    }

    #[test]
    fn a_start_in_the_gap_moves_to_its_end_and_hours_inside_it_vanish() {
        // Berlin, 29 March 2026: 02:00 becomes 03:00 at 01:00 UTC.
        let night = part("02:30", "05:00", &ALL);
        assert!(!night.is_on(BERLIN, utc("2026-03-29T00:59:59Z")));
        assert!(night.is_on(BERLIN, utc("2026-03-29T01:00:00Z")));
        assert!(night.is_on(BERLIN, utc("2026-03-29T02:59:59Z")));
        assert!(!night.is_on(BERLIN, utc("2026-03-29T03:00:00Z")));
        let swallowed = part("02:15", "02:45", &ALL);
        for minute in 0..180 {
            assert!(!swallowed.is_on(BERLIN, utc("2026-03-29T00:00:00Z") + TimeDelta::minutes(minute)));
        }
    }

    #[test]
    fn in_an_overlap_the_first_occurrence_counts() {
        // Berlin, 25 October 2026: 03:00 becomes 02:00 at 01:00 UTC.
        let night = part("02:30", "05:00", &ALL);
        assert!(!night.is_on(BERLIN, utc("2026-10-25T00:29:59Z")));
        assert!(night.is_on(BERLIN, utc("2026-10-25T00:30:00Z")));
        assert!(night.is_on(BERLIN, utc("2026-10-25T01:15:00Z")), "02:15 the second time is within");
        let until = part("01:00", "02:30", &ALL);
        assert!(!until.is_on(BERLIN, utc("2026-10-25T00:30:00Z")));
        assert!(!until.is_on(BERLIN, utc("2026-10-25T01:15:00Z")), "02:15 the second time is after the first 02:30");
    }

    #[test]
    fn the_next_change_is_never_past_and_is_on_flips_exactly_there() {
        let parts = [part("08:00", "20:00", &ALL), part("22:00", "02:00", &[Weekday::Sat]), part("02:30", "02:31", &ALL)];
        for start in ["2026-03-28T20:00:00Z", "2026-10-24T20:00:00Z"] {
            for part in &parts {
                for step in 0..96 {
                    let now = utc(start) + TimeDelta::minutes(15 * step);
                    let Some(change) = part.next_change(BERLIN, now) else { continue };
                    assert!(change > now);
                    let mut between = now;
                    while between < change {
                        assert_eq!(part.is_on(BERLIN, between), part.is_on(BERLIN, now), "{between}");
                        between += TimeDelta::minutes(1);
                    }
                    assert_ne!(part.is_on(BERLIN, change), part.is_on(BERLIN, now), "at {change}");
                }
            }
        }
    }
}
