//! Events that come again.
//!
//! Owns the arithmetic of recurrences in the store's own time zone. Takes the first occurrence, the rule and an instant. Emits the occurrence
//! that is on, and the next beginning. On failure: there is none; a date that does not exist in a month is left out, and a beginning that a
//! clock change swallows is the first valid instant after it.
use std::collections::BTreeSet;

use aisle_schemas::screen::{Every, Monthly};
use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::day_part::instant;

/// Longest occurrence, days: a month. It bounds how far back a beginning is looked for.
pub const LENGTH_DAYS_MAX: i64 = 31;
/// Largest number of units between two beginnings.
pub const N_MAX: u32 = 1_000;

/// How an event comes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recurrence {
    pub every: Every,
    /// From 1.
    pub n: u32,
    /// No beginning from here on.
    pub until: Option<DateTime<Utc>>,
    /// Numbers from Monday, 0 to 6; empty means the weekday of the first occurrence.
    pub weekdays: BTreeSet<u32>,
    pub monthly: Monthly,
}

/// What is around an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Around {
    /// The occurrence that is on, half-open.
    pub current: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// The next beginning, if it is within the next local day.
    pub next: Option<DateTime<Utc>>,
}

impl Around {
    fn note(&mut self, from: DateTime<Utc>, to: DateTime<Utc>, now: DateTime<Utc>) {
        if from > now {
            self.next = Some(self.next.map_or(from, |next| next.min(from)));
        } else if now < to {
            self.current = Some(self.current.map_or((from, to), |(start, end)| (start.max(from), end.max(to))));
        }
    }
}

impl Recurrence {
    /// What is on at `now`, where the first occurrence begins at `first`, local time, and each lasts `length`.
    #[must_use]
    pub fn around(&self, zone: Tz, first: NaiveDateTime, length: TimeDelta, now: DateTime<Utc>) -> Around {
        match self.every {
            Every::Minute => self.by_the_clock(zone, first, length, now, TimeDelta::minutes(i64::from(self.n))),
            Every::Hour => self.by_the_clock(zone, first, length, now, TimeDelta::hours(i64::from(self.n))),
            Every::Day | Every::Week | Every::Month | Every::Year => self.by_the_calendar(zone, first, length, now),
        }
    }

    /// Minutes and hours pass evenly, also through a clock change.
    fn by_the_clock(&self, zone: Tz, first: NaiveDateTime, length: TimeDelta, now: DateTime<Utc>, period: TimeDelta) -> Around {
        let begin = instant(zone, first);
        let (elapsed, step) = ((now - begin).num_milliseconds(), period.num_milliseconds().max(1));
        let newest = elapsed.div_euclid(step);
        let mut around = Around::default();
        // An occurrence longer than its period is still on when later ones have begun: those are on too, and end later.
        let last = self.until.map(|until| (until - begin).num_milliseconds() - 1).map(|left| left.div_euclid(step));
        for place in [last.map_or(newest, |last| newest.min(last)), newest + 1] {
            if place < 0 || last.is_some_and(|last| place > last) {
                continue;
            }
            let from = begin + TimeDelta::milliseconds(place.saturating_mul(step));
            around.note(from, from + length, now);
        }
        if elapsed < 0 && self.may_begin(begin) {
            around.note(begin, begin + length, now);
        }
        around
    }

    fn may_begin(&self, from: DateTime<Utc>) -> bool {
        self.until.is_none_or(|until| from < until)
    }

    fn by_the_calendar(&self, zone: Tz, first: NaiveDateTime, length: TimeDelta, now: DateTime<Utc>) -> Around {
        let today = now.with_timezone(&zone).date_naive();
        let back = u64::try_from(length.num_days().clamp(0, LENGTH_DAYS_MAX)).unwrap_or(0) + 2;
        let mut around = Around::default();
        let Some(oldest) = today.checked_sub_days(Days::new(back)) else { return around };
        for date in oldest.iter_days().take(usize::try_from(back).unwrap_or(0) + 2) {
            if date < first.date() || !self.falls_on(first.date(), date) {
                continue;
            }
            let local = date.and_time(first.time());
            let from = instant(zone, local);
            if self.may_begin(from) {
                around.note(from, local.checked_add_signed(length).map_or(from + length, |end| instant(zone, end)), now);
            }
        }
        around
    }

    fn falls_on(&self, first: NaiveDate, date: NaiveDate) -> bool {
        let every = |passed: i64| passed >= 0 && passed % i64::from(self.n.max(1)) == 0;
        let months = |day: NaiveDate| i64::from(day.year()) * 12 + i64::from(day.month0());
        match self.every {
            Every::Minute | Every::Hour => false,
            Every::Day => every((date - first).num_days()),
            Every::Week => {
                let monday = |day: NaiveDate| i64::from(day.num_days_from_ce()) - i64::from(day.weekday().num_days_from_monday());
                let weekday = date.weekday().num_days_from_monday();
                let wanted = if self.weekdays.is_empty() {
                    weekday == first.weekday().num_days_from_monday()
                } else {
                    self.weekdays.contains(&weekday)
                };
                wanted && every((monday(date) - monday(first)) / 7)
            }
            Every::Month => {
                let same_day = match self.monthly {
                    Monthly::Date => date.day() == first.day(),
                    Monthly::Weekday => date.weekday() == first.weekday() && date.day0() / 7 == first.day0() / 7,
                };
                same_day && every(months(date) - months(first))
            }
            Every::Year => date.month() == first.month() && date.day() == first.day() && every(i64::from(date.year() - first.year())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BERLIN: Tz = chrono_tz::Europe::Berlin;

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn local(text: &str) -> NaiveDateTime {
        text.parse().unwrap()
    }

    fn rule(every: Every, n: u32) -> Recurrence {
        Recurrence { every, n, until: None, weekdays: BTreeSet::new(), monthly: Monthly::Date }
    }

    /// Local beginnings within so many days, looking once an hour.
    fn beginnings(rule: &Recurrence, first: &str, days: i64) -> Vec<String> {
        let start = instant(BERLIN, local(first)) - TimeDelta::hours(1);
        let mut found: Vec<DateTime<Utc>> = (0..days * 24)
            .filter_map(|hour| rule.around(BERLIN, local(first), TimeDelta::hours(1), start + TimeDelta::hours(hour)).next)
            .collect();
        found.dedup();
        found.iter().map(|at| at.with_timezone(&BERLIN).format("%m-%d %H:%M").to_string()).collect()
    }

    #[test]
    fn days_and_weeks_follow_the_clock_on_the_wall_through_a_clock_change() {
        assert_eq!(beginnings(&rule(Every::Day, 2), "2026-03-27T09:00:00", 4), ["03-27 09:00", "03-29 09:00", "03-31 09:00"]);
        let twice = Recurrence { weekdays: BTreeSet::from([0, 4]), ..rule(Every::Week, 2) };
        assert_eq!(beginnings(&twice, "2026-11-23T09:00:00", 19), ["11-23 09:00", "11-27 09:00", "12-07 09:00", "12-11 09:00"]);
    }

    #[test]
    fn months_follow_the_date_or_the_weekday_and_leave_out_what_they_do_not_have() {
        assert_eq!(beginnings(&rule(Every::Month, 1), "2026-01-31T09:00:00", 75), ["01-31 09:00", "03-31 09:00"]);
        let tuesday = Recurrence { monthly: Monthly::Weekday, ..rule(Every::Month, 1) };
        assert_eq!(beginnings(&tuesday, "2026-11-10T09:00:00", 70), ["11-10 09:00", "12-08 09:00", "01-12 09:00"]);
    }

    #[test]
    fn a_leap_day_comes_again_in_leap_years_only() {
        let birthday = rule(Every::Year, 1);
        let on = |day: &str| birthday.around(BERLIN, local("2024-02-29T09:00:00"), TimeDelta::hours(8), utc(day)).current.is_some();
        assert_eq!(["2025-02-28T10:00:00Z", "2025-03-01T10:00:00Z", "2028-02-29T10:00:00Z"].map(on), [false, false, true]);
    }

    #[test]
    fn nothing_begins_from_the_end_of_the_rule_on_but_what_has_begun_goes_on() {
        let first = "2026-11-24T09:00:00";
        for every in [Every::Hour, Every::Day] {
            let ended = Recurrence { until: Some(utc("2026-11-24T08:30:00Z")), ..rule(every, 1) };
            let at = |now: &str| ended.around(BERLIN, local(first), TimeDelta::minutes(90), utc(now));
            assert_eq!(at("2026-11-24T07:59:59Z").next, Some(utc("2026-11-24T08:00:00Z")));
            assert_eq!(at("2026-11-24T09:29:59Z").current, Some((utc("2026-11-24T08:00:00Z"), utc("2026-11-24T09:30:00Z"))));
            assert_eq!(at("2026-11-24T09:30:00Z"), Around::default());
        }
    }

    #[test]
    fn every_ten_minutes_is_on_for_its_length() {
        let ten = rule(Every::Minute, 10);
        let at = |now: &str| ten.around(BERLIN, local("2026-11-24T09:00:00"), TimeDelta::minutes(2), utc(now));
        assert_eq!(at("2026-11-24T07:00:00Z"), Around { current: None, next: Some(utc("2026-11-24T08:00:00Z")) });
        assert_eq!(at("2026-11-24T12:31:59Z").current, Some((utc("2026-11-24T12:30:00Z"), utc("2026-11-24T12:32:00Z"))));
        assert_eq!(at("2026-11-24T12:32:00Z"), Around { current: None, next: Some(utc("2026-11-24T12:40:00Z")) });
    }
}
