//! How often somebody may try a badge and a PIN.
//!
//! Owns the count of wrong ones, by tablet and by badge, so that neither many tablets nor other people's right PINs make room for guessing.
//! A try counts before it is checked: the check is slow, and those made meanwhile would count too late. Takes tries and their ends; emits
//! whether one may be checked. On failure: [`TooManyTries`]. Bounded by the tablets and the badges of a store: callers name no other.
use std::collections::BTreeMap;
use std::time::Duration;

use aisle_schemas::ids::DeviceId;

use crate::monotonic::Monotonic;

/// Wrong PINs at one tablet, or of one badge, before it waits.
pub const WRONG_PINS_MAX: u8 = 5;
/// How long it waits then.
pub const PIN_WAIT: Duration = Duration::from_secs(60);

/// Wait a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many wrong PINs, or one that is being checked")]
pub struct TooManyTries;

/// See the module.
#[derive(Debug, Default)]
pub struct Tries {
    tablets: BTreeMap<DeviceId, Wrong>,
    /// By what is kept of a badge.
    badges: BTreeMap<String, Wrong>,
    checking: BTreeMap<DeviceId, Option<String>>,
}

#[derive(Debug, Clone, Copy)]
struct Wrong {
    count: u8,
    last_at: Monotonic,
}

impl Wrong {
    fn none(now: Monotonic) -> Self {
        Self { count: 0, last_at: now }
    }
    fn as_of(self, now: Monotonic) -> Self {
        if now.since(self.last_at) >= PIN_WAIT { Self::none(now) } else { self }
    }
    fn one_more(self, now: Monotonic) -> Self {
        Self { count: self.count.saturating_add(1), last_at: now }
    }
}

impl Tries {
    /// Somebody tries a badge at a tablet; `badge` is none where nobody has it. To be followed by [`Tries::done`].
    ///
    /// # Errors
    /// [`TooManyTries`]: nothing is to be checked.
    pub fn begin(&mut self, tablet: &DeviceId, badge: Option<&str>, now: Monotonic) -> Result<(), TooManyTries> {
        let of = |wrong: Option<&Wrong>| wrong.copied().unwrap_or(Wrong::none(now)).as_of(now);
        let of_tablet = of(self.tablets.get(tablet));
        let of_badge = badge.map(|badge| (badge, of(self.badges.get(badge))));
        let is_full = |wrong: &Wrong| wrong.count >= WRONG_PINS_MAX;
        if self.checking.contains_key(tablet) || is_full(&of_tablet) || of_badge.as_ref().is_some_and(|(_, wrong)| is_full(wrong)) {
            return Err(TooManyTries);
        }
        self.tablets.insert(tablet.clone(), of_tablet.one_more(now));
        if let Some((badge, wrong)) = of_badge {
            self.badges.insert(badge.to_owned(), wrong.one_more(now));
        }
        self.checking.insert(tablet.clone(), badge.map(str::to_owned));
        Ok(())
    }

    /// The check of a tablet has ended. What was right clears the count of its own badge; the tablet keeps what others did there.
    pub fn done(&mut self, tablet: &DeviceId, is_right: bool) {
        let Some(badge) = self.checking.remove(tablet) else { return };
        if !is_right {
            return;
        }
        if let Some(badge) = badge {
            self.badges.remove(&badge);
        }
        if let Some(wrong) = self.tablets.get_mut(tablet) {
            wrong.count = wrong.count.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tablet(n: u8) -> DeviceId {
        DeviceId::parse(&format!("tablet-{n}")).unwrap()
    }
    fn at(s: i64) -> Monotonic {
        Monotonic::from_ms(s * 1_000)
    }
    fn wrong(tries: &mut Tries, at_tablet: u8, badge: Option<&str>, s: i64) -> Result<(), TooManyTries> {
        tries.begin(&tablet(at_tablet), badge, at(s))?;
        tries.done(&tablet(at_tablet), false);
        Ok(())
    }

    #[test]
    fn a_tablet_checks_one_at_a_time() {
        let mut tries = Tries::default();
        assert_eq!(tries.begin(&tablet(1), Some("a"), at(0)), Ok(()));
        assert_eq!(tries.begin(&tablet(1), Some("b"), at(0)), Err(TooManyTries));
        assert_eq!(tries.begin(&tablet(2), Some("b"), at(0)), Ok(()));
        tries.done(&tablet(1), false);
        assert_eq!(tries.begin(&tablet(1), Some("b"), at(0)), Ok(()));
    }

    #[test]
    fn a_badge_is_guessed_at_five_times_a_minute_at_however_many_tablets() {
        let mut tries = Tries::default();
        for n in 1..=WRONG_PINS_MAX {
            assert_eq!(wrong(&mut tries, n, Some("a"), 0), Ok(()));
        }
        assert_eq!(wrong(&mut tries, 9, Some("a"), 59), Err(TooManyTries));
        assert_eq!(wrong(&mut tries, 9, Some("b"), 59), Ok(()), "another badge is another's");
        assert_eq!(wrong(&mut tries, 9, Some("a"), 60), Ok(()));
    }

    #[test]
    fn tries_of_tablets_that_check_at_the_same_time_count_before_they_end() {
        let mut tries = Tries::default();
        for n in 1..=WRONG_PINS_MAX {
            assert_eq!(tries.begin(&tablet(n), Some("a"), at(0)), Ok(()));
        }
        assert_eq!(tries.begin(&tablet(6), Some("a"), at(0)), Err(TooManyTries));
    }

    #[test]
    fn a_right_pin_makes_no_room_to_guess_at_another_badge() {
        let mut tries = Tries::default();
        for n in 0..=u8::MAX {
            let tried = wrong(&mut tries, 1, Some("victim"), 0);
            assert_eq!(tried.is_ok(), n < WRONG_PINS_MAX, "{n}");
            if tries.begin(&tablet(1), Some("own"), at(0)).is_ok() {
                tries.done(&tablet(1), true);
            }
        }
        assert_eq!(tries.begin(&tablet(2), Some("own"), at(0)), Ok(()), "whose PIN is right has no wrong ones");
    }

    #[test]
    fn a_badge_that_nobody_has_counts_at_its_tablet() {
        let mut tries = Tries::default();
        for _ in 0..WRONG_PINS_MAX {
            assert_eq!(wrong(&mut tries, 1, None, 0), Ok(()));
        }
        assert_eq!(wrong(&mut tries, 1, None, 1), Err(TooManyTries));
    }
}
