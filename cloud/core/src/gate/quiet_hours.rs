//! Hours of rest (clause 7).
//!
//! Owns [`QuietHours`]: a local interval, usually over midnight, and its meaning through every change of the clock. Takes the person's
//! zone and the instant; emits until when it is quiet. Ends follow [`crate::local_time::instant`].

use chrono::{DateTime, Days, NaiveTime, Utc};
use chrono_tz::Tz;

use crate::local_time::{instant, local_day};

/// Local interval `[from, to)` of rest; with `from > to` it runs over midnight, with `from = to` there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuietHours {
    pub from: NaiveTime,
    pub to: NaiveTime,
}

impl Default for QuietHours {
    /// 21:00 to 07:00.
    fn default() -> Self {
        let hour = |hour| NaiveTime::from_hms_opt(hour, 0, 0).expect("a full hour of the day");
        Self { from: hour(21), to: hour(7) }
    }
}

impl QuietHours {
    /// The end of the rest that `now` lies in; `None` outside of it.
    pub fn quiet_until(self, zone: Tz, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let Self { from, to } = self;
        if from == to {
            return None;
        }
        let today = local_day(zone, now);
        // Rest that began yesterday may still last; rest cannot begin on a later local day than today's.
        let first_days = [today.checked_sub_days(Days::new(1)), Some(today)];
        first_days.into_iter().flatten().find_map(|day| {
            let last_day = if from < to { day } else { day.checked_add_days(Days::new(1))? };
            let begins = instant(zone, day.and_time(from));
            let ends = instant(zone, last_day.and_time(to));
            (begins <= now && now < ends).then_some(ends)
        })
    }
}

#[cfg(test)]
mod tests {
    use chrono::{TimeDelta, TimeZone};
    use chrono_tz::{America, Asia, Europe, TZ_VARIANTS};

    use super::*;

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn rest_runs_over_midnight_and_ends_exclusively() {
        let quiet = QuietHours::default();
        let until = Some(utc("2026-01-11T06:00:00Z"));
        for inside in ["2026-01-10T20:00:00Z", "2026-01-10T23:30:00Z", "2026-01-11T05:59:59Z"] {
            assert_eq!(quiet.quiet_until(Europe::Berlin, utc(inside)), until, "{inside}");
        }
        for outside in ["2026-01-10T19:59:59Z", "2026-01-11T06:00:00Z", "2026-01-11T12:00:00Z"] {
            assert_eq!(quiet.quiet_until(Europe::Berlin, utc(outside)), None, "{outside}");
        }
    }

    #[test]
    fn the_night_of_a_clock_change_ends_at_seven_by_the_new_clock() {
        let quiet = QuietHours::default();
        assert_eq!(quiet.quiet_until(Europe::Berlin, utc("2026-03-28T22:00:00Z")), Some(utc("2026-03-29T05:00:00Z")));
        assert_eq!(quiet.quiet_until(Europe::Berlin, utc("2026-10-24T22:00:00Z")), Some(utc("2026-10-25T06:00:00Z")));
        assert_eq!(quiet.quiet_until(America::New_York, utc("2026-03-08T05:00:00Z")), Some(utc("2026-03-08T11:00:00Z")));
        assert_eq!(quiet.quiet_until(Asia::Kolkata, utc("2026-03-08T20:00:00Z")), Some(utc("2026-03-09T01:30:00Z")));
    }

    #[test]
    fn rest_that_ends_in_a_gap_ends_when_the_gap_does_and_in_an_overlap_at_the_first_occurrence() {
        let time = |hour, minute| NaiveTime::from_hms_opt(hour, minute, 0).unwrap();
        let quiet = QuietHours { from: time(23, 0), to: time(2, 30) };
        assert_eq!(quiet.quiet_until(Europe::Berlin, utc("2026-03-29T00:30:00Z")), Some(utc("2026-03-29T01:00:00Z")));
        assert_eq!(quiet.quiet_until(Europe::Berlin, utc("2026-10-25T00:00:00Z")), Some(utc("2026-10-25T00:30:00Z")));
        assert_eq!(quiet.quiet_until(Europe::Berlin, utc("2026-10-25T00:30:00Z")), None);
    }

    #[test]
    fn equal_ends_mean_no_rest_and_a_day_interval_does_not_wrap() {
        let time = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
        let none = QuietHours { from: time(7), to: time(7) };
        assert_eq!(none.quiet_until(Tz::UTC, utc("2026-01-10T07:00:00Z")), None);
        let noon = QuietHours { from: time(12), to: time(14) };
        assert_eq!(noon.quiet_until(Tz::UTC, utc("2026-01-10T13:00:00Z")), Some(utc("2026-01-10T14:00:00Z")));
        assert_eq!(noon.quiet_until(Tz::UTC, utc("2026-01-10T14:00:00Z")), None);
    }

    #[test]
    fn in_every_zone_and_hour_of_the_year_rest_follows_the_wall_clock() {
        let quiet = QuietHours::default();
        let start = Utc.with_ymd_and_hms(2026, 1, 1, 0, 30, 0).unwrap();
        for zone in TZ_VARIANTS {
            for step in 0..(365 * 24 / 5) {
                let now = start + TimeDelta::hours(step * 5);
                let local = now.with_timezone(&zone).time();
                let resting = local >= quiet.from || local < quiet.to;
                let until = quiet.quiet_until(zone, now);
                assert_eq!(until.is_some(), resting, "{zone} {now}");
                if let Some(until) = until {
                    assert!(now < until && until - now <= TimeDelta::hours(11), "{zone} {now} {until}");
                    assert_eq!(until.with_timezone(&zone).time(), quiet.to, "{zone} {now}");
                }
            }
        }
    }
}
