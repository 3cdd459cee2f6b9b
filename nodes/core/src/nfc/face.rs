//! What an NFC display shows: the invitation for everyone, or for a moment the answer to one tap.
//!
//! Owns the display's state. Takes taps, departures and the monotonic time. Emits the next state and whether it changed. On failure: there is
//! none; whatever happens, the display is generic again after at most [`ANSWER_MAX`], and after a restart at once.
use std::time::Duration;

use crate::ids::{OfferId, TapId};
use crate::monotonic::Monotonic;

/// An answer stays no longer, since the next person must not read it.
pub const ANSWER_MAX: Duration = Duration::from_secs(20);

/// What the display shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Face {
    #[default]
    Generic,
    /// The answer to `tap`, about `offer` and nothing else.
    Answer { tap: TapId, offer: Option<OfferId>, until: Monotonic },
}

/// Whether the display must be drawn anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redraw {
    Yes,
    No,
}

impl Face {
    /// Answers a tap for `stay`, cut to [`ANSWER_MAX`]. A new tap takes the display over; a repeated one is not shown longer.
    #[must_use]
    pub fn tapped(self, tap: TapId, offer: Option<OfferId>, stay: Duration, now: Monotonic) -> (Self, Redraw) {
        match self {
            Self::Answer { tap: shown, .. } if shown == tap => (self, Redraw::No),
            Self::Generic | Self::Answer { .. } => (Self::Answer { tap, offer, until: now.plus(stay.min(ANSWER_MAX)) }, Redraw::Yes),
        }
    }

    /// Clears an answer whose time is over.
    #[must_use]
    pub fn tick(self, now: Monotonic) -> (Self, Redraw) {
        match self {
            Self::Answer { until, .. } if now >= until => (Self::Generic, Redraw::Yes),
            Self::Generic | Self::Answer { .. } => (self, Redraw::No),
        }
    }

    /// Clears the answer to `tap` when its person left or withdrew; an answer to someone else stays.
    #[must_use]
    pub fn left(self, tap: TapId) -> (Self, Redraw) {
        match self {
            Self::Answer { tap: shown, .. } if shown == tap => (Self::Generic, Redraw::Yes),
            Self::Generic | Self::Answer { .. } => (self, Redraw::No),
        }
    }

    /// When [`Face::tick`] will clear it.
    #[must_use]
    pub const fn deadline(&self) -> Option<Monotonic> {
        match self {
            Self::Generic => None,
            Self::Answer { until, .. } => Some(*until),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    fn tap(n: u8) -> TapId {
        TapId::new(1, [n; 10])
    }

    fn at(s: i64) -> Monotonic {
        Monotonic::from_ms(s * 1000)
    }

    #[test]
    fn the_display_is_generic_again_after_twenty_seconds_whatever_was_asked() {
        let (face, drawn) = Face::default().tapped(tap(1), None, LONG, at(0));
        assert_eq!((drawn, face.deadline()), (Redraw::Yes, Some(at(20))));
        assert_eq!(face.tick(Monotonic::from_ms(19_999)), (face, Redraw::No));
        assert_eq!(face.tick(at(20)), (Face::Generic, Redraw::Yes));
    }

    #[test]
    fn a_repeated_tap_is_not_shown_longer_and_another_takes_over() {
        let (face, _) = Face::default().tapped(tap(1), None, LONG, at(0));
        assert_eq!(face.tapped(tap(1), None, LONG, at(10)), (face, Redraw::No));
        let (face, drawn) = face.tapped(tap(2), None, LONG, at(10));
        assert_eq!((drawn, face.deadline()), (Redraw::Yes, Some(at(30))));
    }

    #[test]
    fn leaving_clears_only_ones_own_answer() {
        let (face, _) = Face::default().tapped(tap(1), None, LONG, at(0));
        assert_eq!(face.left(tap(2)), (face, Redraw::No));
        assert_eq!(face.left(tap(1)), (Face::Generic, Redraw::Yes));
    }
}
