//! Replay window of one tag's read counter.
//!
//! Owns what was seen of one tag. Takes the counter of a tap whose MAC was verified, with the time of receipt. Emits the next state and a
//! verdict; the caller commits the state before it answers. On failure: a replay changes nothing, a jump makes the tag suspect until the
//! console re-admits it.
//!
//! Phones read in the background and overtake each other, so gaps and small disorder are honest.
use chrono::{DateTime, TimeDelta, Utc};

/// A counter further ahead is no gap that phones in the background explain.
pub const JUMP_MAX: u32 = 5_000;
/// How far back an unseen counter may lie.
pub const WINDOW: u32 = 31;
/// How long after the newest tap an overtaken one is still taken, seconds.
pub const OVERTAKEN_S: i64 = 30;

/// How strictly a tag's counter is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// Overtaken taps are taken within [`WINDOW`] and [`OVERTAKEN_S`].
    #[default]
    Window,
    /// Each counter must exceed all before.
    Strict,
}

/// What is known of one tag's counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Counter {
    /// No tap yet.
    #[default]
    Unread,
    /// Taps up to `max`; bit `i` of `seen` stands for counter `max − i`.
    Reading { max: u32, newest_at: DateTime<Utc>, seen: u32 },
    /// Refused from `jumped_to` on until re-admitted.
    Suspect { max: u32, jumped_to: u32 },
}

/// The verdict on one tap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    Accepted,
    Replayed,
    CounterJump,
    /// The tag is suspect and was not re-admitted.
    Suspect,
}

impl Counter {
    /// Reads counter `read` at `now`.
    #[must_use]
    pub fn read(self, read: u32, policy: Policy, now: DateTime<Utc>) -> (Self, Reading) {
        match self {
            Self::Unread => (Self::Reading { max: read, newest_at: now, seen: 1 }, Reading::Accepted),
            Self::Suspect { .. } => (self, Reading::Suspect),
            Self::Reading { max, newest_at: _, seen } if read > max => {
                let ahead = read - max;
                if ahead > JUMP_MAX {
                    return (Self::Suspect { max, jumped_to: read }, Reading::CounterJump);
                }
                let seen = seen.checked_shl(ahead).unwrap_or(0) | 1;
                (Self::Reading { max: read, newest_at: now, seen }, Reading::Accepted)
            }
            Self::Reading { max, newest_at, seen } => {
                let back = max - read;
                let waited = now.signed_duration_since(newest_at);
                // A clock set back makes the wait negative: refused, or the window would stay open for as long as it was set back.
                let recent = waited >= TimeDelta::zero() && waited <= TimeDelta::seconds(OVERTAKEN_S);
                let unseen = back <= WINDOW && seen & (1 << back) == 0;
                match policy {
                    Policy::Window if recent && unseen => (Self::Reading { max, newest_at, seen: seen | (1 << back) }, Reading::Accepted),
                    Policy::Window | Policy::Strict => (self, Reading::Replayed),
                }
            }
        }
    }

    /// Re-admits a suspect tag at the counter that made it suspect, by an operator's decision.
    #[must_use]
    pub fn readmit(self, now: DateTime<Utc>) -> Self {
        match self {
            Self::Suspect { max: _, jumped_to } => Self::Reading { max: jumped_to, newest_at: now, seen: 1 },
            Self::Unread | Self::Reading { .. } => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(s, 0).unwrap()
    }

    fn read_all(policy: Policy, taps: &[(u32, i64)]) -> Vec<Reading> {
        let mut counter = Counter::default();
        taps.iter()
            .map(|(read, s)| {
                let verdict;
                (counter, verdict) = counter.read(*read, policy, at(*s));
                verdict
            })
            .collect()
    }

    #[test]
    fn a_counter_is_taken_once() {
        use Reading::{Accepted, Replayed};
        assert_eq!(read_all(Policy::Window, &[(5, 0), (5, 1), (6, 2), (6, 2), (5, 3)]), [Accepted, Replayed, Accepted, Replayed, Replayed]);
    }

    #[test]
    fn an_overtaken_tap_is_taken_within_the_window_and_thirty_seconds() {
        use Reading::{Accepted, Replayed};
        assert_eq!(read_all(Policy::Window, &[(100, 0), (69, 30), (69, 30), (68, 30)]), [Accepted, Accepted, Replayed, Replayed]);
        assert_eq!(read_all(Policy::Window, &[(100, 0), (99, 31)]), [Accepted, Replayed]);
        assert_eq!(read_all(Policy::Strict, &[(100, 0), (99, 1), (101, 2)]), [Accepted, Replayed, Accepted]);
    }

    #[test]
    fn what_was_seen_stays_seen_when_the_window_moves() {
        use Reading::{Accepted, Replayed};
        assert_eq!(
            read_all(Policy::Window, &[(10, 0), (12, 0), (10, 1), (11, 1), (43, 2), (12, 3), (13, 3)]),
            [Accepted, Accepted, Replayed, Accepted, Accepted, Replayed, Accepted]
        );
    }

    #[test]
    fn a_jump_makes_the_tag_suspect_until_it_is_readmitted_there() {
        let (counter, first) = Counter::default().read(1, Policy::Window, at(0));
        let (counter, jump) = counter.read(5_002, Policy::Window, at(1));
        let (counter, after) = counter.read(2, Policy::Window, at(2));
        assert_eq!([first, jump, after], [Reading::Accepted, Reading::CounterJump, Reading::Suspect]);
        let (counter, again) = counter.readmit(at(3)).read(5_002, Policy::Window, at(4));
        assert_eq!(again, Reading::Replayed);
        assert_eq!(counter.read(5_003, Policy::Window, at(4)).1, Reading::Accepted);
        assert_eq!(read_all(Policy::Window, &[(1, 0), (5_001, 1)]), [Reading::Accepted, Reading::Accepted]);
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_open_the_window() {
        assert_eq!(read_all(Policy::Window, &[(10, 100), (9, 50)]), [Reading::Accepted, Reading::Replayed]);
    }
}
