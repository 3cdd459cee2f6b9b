//! From a tap to the offer that was meant.
//!
//! Owns the rule that a tap means what the main zone showed in the two seconds before it. Takes the plays of the main zone, newest last, and
//! the instant of the tap. Emits one offer, a choice, or the screen's offers. On failure: nothing was on → the screen's offers; never a guess.
use chrono::{DateTime, TimeDelta, Utc};

use crate::ids::OfferId;

/// A hand needs this long from the eye to the tag, seconds.
pub const REACH_S: i64 = 2;
/// "Another one?" lists what ran within this time, seconds.
pub const ANOTHER_ONE_S: i64 = 60;

/// One showing in the main zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MainPlay {
    /// None for brand and other content without an offer.
    pub offer: Option<OfferId>,
    pub started_at: DateTime<Utc>,
    /// None while it runs.
    pub ended_at: Option<DateTime<Utc>>,
}

impl MainPlay {
    /// Whether the showing overlaps `[from, to]`.
    fn overlaps(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> bool {
        self.started_at <= to && self.ended_at.is_none_or(|ended| ended > from)
    }
}

/// What a tap meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meant {
    /// Exactly this offer.
    One(OfferId),
    /// The picture changed as the hand reached out: ask which; newest first.
    Ask(Vec<OfferId>),
    /// No offer was on: the screen's own, newest first; may be empty.
    ScreensOffers(Vec<OfferId>),
}

/// Resolves a tap at `tap`. `screens_offers` is what the screen may play at all.
#[must_use]
pub fn resolve(plays: &[MainPlay], screens_offers: &[OfferId], tap: DateTime<Utc>) -> Meant {
    let on = offers_within(plays, tap - TimeDelta::seconds(REACH_S), tap);
    match on.as_slice() {
        [] => Meant::ScreensOffers(screens_offers.to_vec()),
        [one] => Meant::One(*one),
        [_, _, ..] => Meant::Ask(on),
    }
}

/// What ran within the last minute before the tap, newest first, for "another one?".
#[must_use]
pub fn another_one(plays: &[MainPlay], tap: DateTime<Utc>) -> Vec<OfferId> {
    offers_within(plays, tap - TimeDelta::seconds(ANOTHER_ONE_S), tap)
}

fn offers_within(plays: &[MainPlay], from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<OfferId> {
    let mut offers = Vec::new();
    for offer in plays.iter().rev().filter(|play| play.overlaps(from, to)).filter_map(|play| play.offer) {
        if !offers.contains(&offer) {
            offers.push(offer);
        }
    }
    offers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(ms).unwrap()
    }

    fn offer(n: u8) -> OfferId {
        OfferId::new(1, [n; 10])
    }

    fn play(n: u8, from: i64, to: Option<i64>) -> MainPlay {
        MainPlay { offer: Some(offer(n)), started_at: ms(from), ended_at: to.map(ms) }
    }

    #[test]
    fn a_tap_means_the_offer_that_ran_for_the_last_two_seconds() {
        let plays = [play(1, 0, Some(10_000)), play(2, 10_000, None)];
        assert_eq!(resolve(&plays, &[], ms(9_000)), Meant::One(offer(1)));
        assert_eq!(resolve(&plays, &[], ms(12_000)), Meant::One(offer(2)));
    }

    #[test]
    fn a_tap_just_after_a_change_asks_which() {
        let plays = [play(1, 0, Some(10_000)), play(2, 10_000, None)];
        assert_eq!(resolve(&plays, &[], ms(10_000)), Meant::Ask(vec![offer(2), offer(1)]));
        assert_eq!(resolve(&plays, &[], ms(11_999)), Meant::Ask(vec![offer(2), offer(1)]));
    }

    #[test]
    fn two_showings_of_one_offer_are_one_answer() {
        let plays = [play(1, 0, Some(10_000)), play(1, 10_000, None)];
        assert_eq!(resolve(&plays, &[], ms(10_500)), Meant::One(offer(1)));
    }

    #[test]
    fn without_an_offer_on_show_the_screens_offers_are_listed() {
        let brand = MainPlay { offer: None, started_at: ms(0), ended_at: None };
        assert_eq!(resolve(&[brand], &[offer(3), offer(4)], ms(5_000)), Meant::ScreensOffers(vec![offer(3), offer(4)]));
        assert_eq!(resolve(&[], &[], ms(5_000)), Meant::ScreensOffers(vec![]));
    }

    #[test]
    fn a_play_that_began_after_the_tap_was_not_meant() {
        assert_eq!(resolve(&[play(1, 6_000, None)], &[], ms(5_000)), Meant::ScreensOffers(vec![]));
    }

    #[test]
    fn another_one_lists_the_last_minute_newest_first_and_once_each() {
        let plays = [play(1, 0, Some(10_000)), play(2, 10_000, Some(40_000)), play(3, 40_000, Some(70_000)), play(2, 70_000, None)];
        assert_eq!(another_one(&plays, ms(75_000)), [offer(2), offer(3)]);
    }
}
