//! From a local wall-clock time to an instant, through every change of a zone's clock.
//!
//! Owns the one rule of DOMAIN 6: a time inside a gap means the first valid instant after it, a time that occurs twice means the first
//! occurrence. Takes a zone and a local time, emits a UTC instant; every local time has one.

use chrono::{DateTime, Datelike, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// Longest gap that is stepped over, in minutes: whole days were skipped at the date line, none longer.
const GAP_MINUTES_MAX: i64 = 26 * 60;

/// The instant at which a clock in `zone` shows `local`.
pub fn instant(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    for minutes in 0..=GAP_MINUTES_MAX {
        // A gap ends on a full minute, so the seconds of a time inside it are dropped.
        let candidate = if minutes == 0 { local } else { whole_minute(local) + TimeDelta::minutes(minutes) };
        match zone.from_local_datetime(&candidate) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => return at.with_timezone(&Utc),
            LocalResult::None => {}
        }
    }
    // No zone has such a gap; reading the clock as UTC keeps the function total.
    Utc.from_utc_datetime(&local)
}

/// The first instant of a local day.
pub fn start_of_day(zone: Tz, day: NaiveDate) -> DateTime<Utc> {
    instant(zone, day.and_time(NaiveTime::MIN))
}

/// The local day at an instant.
pub fn local_day(zone: Tz, at: DateTime<Utc>) -> NaiveDate {
    at.with_timezone(&zone).date_naive()
}

/// The Monday of a day's week.
pub fn monday_of(day: NaiveDate) -> NaiveDate {
    day - TimeDelta::days(i64::from(day.weekday().num_days_from_monday()))
}

/// The first day of a day's month.
pub fn first_of_month(day: NaiveDate) -> NaiveDate {
    day - TimeDelta::days(i64::from(day.day0()))
}

fn whole_minute(local: NaiveDateTime) -> NaiveDateTime {
    let seconds = local.and_utc().timestamp();
    local - TimeDelta::seconds(seconds.rem_euclid(60)) - TimeDelta::nanoseconds(i64::from(local.and_utc().timestamp_subsec_nanos()))
}

#[cfg(test)]
mod tests {
    use chrono_tz::{Europe, Pacific};

    use super::*;

    fn local(text: &str) -> NaiveDateTime {
        text.parse().unwrap()
    }

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_time_inside_a_gap_is_the_first_valid_instant_after_it() {
        assert_eq!(instant(Europe::Berlin, local("2026-03-29T02:30:15")), utc("2026-03-29T01:00:00Z"));
        assert_eq!(instant(Pacific::Apia, local("2011-12-30T12:00:00")), utc("2011-12-30T10:00:00Z"));
    }

    #[test]
    fn a_time_that_occurs_twice_is_its_first_occurrence() {
        assert_eq!(instant(Europe::Berlin, local("2026-10-25T02:30:00")), utc("2026-10-25T00:30:00Z"));
    }

    #[test]
    fn weeks_begin_on_monday_and_months_on_their_first_day() {
        let day = NaiveDate::from_ymd_opt(2026, 3, 1).unwrap();
        assert_eq!(monday_of(day), NaiveDate::from_ymd_opt(2026, 2, 23).unwrap());
        assert_eq!(first_of_month(NaiveDate::from_ymd_opt(2024, 2, 29).unwrap()), NaiveDate::from_ymd_opt(2024, 2, 1).unwrap());
    }
}
