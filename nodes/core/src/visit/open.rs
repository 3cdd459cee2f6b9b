//! One open visit: its state and its timers.
//!
//! Owns the states that a store sees (DOMAIN 8, rows 5, 6, 17 to 19) and the instants at which time alone changes them. Takes signals and
//! readings of both clocks. Emits the next state. On failure: a signal for a visit whose time is over is late and revives nothing.
use std::time::Duration;

use aisle_schemas::visit::CheckInMethod;
use chrono::{DateTime, Days, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::ids::{PassId, TouchpointId, VisitId, VisitToken, ZoneId};
use crate::monotonic::Monotonic;
use crate::signage::day_part::instant;

/// Without a signal for so long a visit is idle, and nothing interrupts its customer.
pub const IDLE_AFTER: Duration = Duration::from_secs(20 * 60);
/// An idle visit ends after so long.
pub const CLOSE_AFTER_IDLE: Duration = Duration::from_secs(90 * 60);
/// A visit ends so long after its check-in, whatever happens.
pub const CLOSE_AFTER_CHECK_IN: Duration = Duration::from_secs(6 * 3600);
/// A visit ends so long after the store closed.
pub const CLOSE_AFTER_CLOSING: TimeDelta = TimeDelta::minutes(30);
/// No token is honoured longer after its visit was opened.
pub const TOKEN_LIFE: Duration = Duration::from_secs(12 * 3600);
/// A closed visit's token still names it for so long, so that a late request is answered and not taken for a forgery.
pub const TOKEN_LIFE_AFTER_CLOSE: Duration = Duration::from_secs(15 * 60);

/// Closing time of a store in its own zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closing {
    pub zone: Tz,
    pub at: NaiveTime,
}

impl Closing {
    /// The first closing after `opened_at`: a visit that begins after hours is not closed at once.
    #[must_use]
    pub fn after(&self, opened_at: DateTime<Utc>) -> DateTime<Utc> {
        let date = opened_at.with_timezone(&self.zone).date_naive();
        let today = instant(self.zone, date.and_time(self.at));
        if today > opened_at {
            return today;
        }
        date.checked_add_days(Days::new(1)).map_or(DateTime::<Utc>::MAX_UTC, |next| instant(self.zone, next.and_time(self.at)))
    }
}

/// What an open visit is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing was seen since the door.
    CheckedIn,
    Active,
    /// Nothing was seen for [`IDLE_AFTER`].
    Idle {
        since: Monotonic,
    },
}

/// One open visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenVisit {
    pub visit: VisitId,
    pub token: VisitToken,
    /// The pass that opened it.
    pub pass: PassId,
    pub method: CheckInMethod,
    pub touchpoint: TouchpointId,
    /// Wall time, for records.
    pub opened_at: DateTime<Utc>,
    /// Wall time of the last signal, for records.
    pub last_seen_at: DateTime<Utc>,
    /// Zone of the last signal that had one.
    pub zone: Option<ZoneId>,
    pub state: State,
    /// The same instants as timers see them.
    pub opened: Monotonic,
    pub last_seen: Monotonic,
}

/// What time alone does to a visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overdue {
    GoesIdle,
    TimesOut,
}

impl OpenVisit {
    /// The visit after a signal; `zone` is where it was given, if known.
    #[must_use]
    pub fn seen(self, zone: Option<ZoneId>, at: DateTime<Utc>, now: Monotonic) -> Self {
        match self.state {
            State::CheckedIn | State::Active | State::Idle { .. } => {
                Self { state: State::Active, zone: zone.or(self.zone), last_seen_at: at, last_seen: now, ..self }
            }
        }
    }

    /// The visit after [`Overdue::GoesIdle`].
    #[must_use]
    pub fn idle(self, now: Monotonic) -> Self {
        match self.state {
            State::CheckedIn | State::Active => Self { state: State::Idle { since: now }, ..self },
            State::Idle { .. } => self,
        }
    }

    /// What is due at this moment; the end of a visit comes before idleness.
    #[must_use]
    pub fn overdue(&self, closing: Option<Closing>, now: Monotonic, wall: DateTime<Utc>) -> Option<Overdue> {
        let too_long = now.since(self.opened) >= CLOSE_AFTER_CHECK_IN;
        let after_hours = closing.is_some_and(|closing| wall >= closing.after(self.opened_at) + CLOSE_AFTER_CLOSING);
        match self.state {
            _ if too_long || after_hours => Some(Overdue::TimesOut),
            State::CheckedIn | State::Active => (now.since(self.last_seen) >= IDLE_AFTER).then_some(Overdue::GoesIdle),
            State::Idle { since } => (now.since(since) >= CLOSE_AFTER_IDLE).then_some(Overdue::TimesOut),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(at: &str) -> OpenVisit {
        let at: DateTime<Utc> = at.parse().unwrap();
        OpenVisit {
            visit: VisitId::new(1, [1; 10]),
            token: VisitToken::from_random([1; 16]),
            pass: PassId::new(1, [2; 10]),
            method: CheckInMethod::AppQr,
            touchpoint: TouchpointId::parse("door-1").unwrap(),
            opened_at: at,
            last_seen_at: at,
            zone: None,
            state: State::CheckedIn,
            opened: Monotonic::from_ms(0),
            last_seen: Monotonic::from_ms(0),
        }
    }

    fn after(wait: Duration) -> Monotonic {
        Monotonic::at(wait)
    }

    const NOON: &str = "2026-11-24T11:00:00Z";
    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_visit_without_a_signal_goes_idle_after_twenty_minutes_and_ends_after_ninety_more() {
        let visit = opened(NOON);
        let wall = visit.opened_at;
        assert_eq!(visit.overdue(None, after(IDLE_AFTER - MS), wall), None);
        assert_eq!(visit.overdue(None, after(IDLE_AFTER), wall), Some(Overdue::GoesIdle));
        let idle = visit.idle(after(IDLE_AFTER));
        assert_eq!(idle.overdue(None, after(IDLE_AFTER + CLOSE_AFTER_IDLE - MS), wall), None);
        assert_eq!(idle.overdue(None, after(IDLE_AFTER + CLOSE_AFTER_IDLE), wall), Some(Overdue::TimesOut));
    }

    #[test]
    fn a_signal_wakes_an_idle_visit_but_does_not_lengthen_the_six_hours() {
        let later = after(CLOSE_AFTER_CHECK_IN - MS);
        let visit = opened(NOON);
        let wall = visit.opened_at;
        let visit = visit.idle(after(IDLE_AFTER)).seen(Some(ZoneId::parse("pets").unwrap()), wall, later);
        assert_eq!((visit.state, visit.zone.as_ref().map(ZoneId::as_str)), (State::Active, Some("pets")));
        assert_eq!(visit.overdue(None, later, wall), None);
        assert_eq!(visit.overdue(None, after(CLOSE_AFTER_CHECK_IN), wall), Some(Overdue::TimesOut));
    }

    #[test]
    fn a_visit_ends_half_an_hour_after_the_next_closing() {
        let closing = Some(Closing { zone: chrono_tz::Europe::Berlin, at: NaiveTime::from_hms_opt(20, 0, 0).unwrap() });
        let visit = opened("2026-11-24T18:50:00Z");
        let soon = after(Duration::from_secs(60));
        assert_eq!(visit.overdue(closing, soon, "2026-11-24T19:29:59Z".parse().unwrap()), None);
        assert_eq!(visit.overdue(closing, soon, "2026-11-24T19:30:00Z".parse().unwrap()), Some(Overdue::TimesOut));
        let night = opened("2026-11-24T22:00:00Z");
        assert_eq!(night.overdue(closing, soon, "2026-11-24T22:01:00Z".parse().unwrap()), None);
    }

    #[test]
    fn a_step_of_the_wall_clock_moves_no_timer() {
        let visit = opened(NOON);
        let next_year = visit.opened_at + TimeDelta::days(365);
        assert_eq!(visit.overdue(None, after(MS), next_year), None);
    }
}
