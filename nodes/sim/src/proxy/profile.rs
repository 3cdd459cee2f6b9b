//! What a line is like: delay, jitter, loss, bandwidth. Pure: time and randomness are arguments.

use std::time::{Duration, Instant};

use rand::{Rng, RngCore};

/// How long TCP waits until it sends a lost piece again: what a loss looks like to those above it.
const RETRANSMIT: Duration = Duration::from_millis(200);

/// A line, the same in both directions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// One way.
    pub delay: Duration,
    /// Added at random, up to this.
    pub jitter: Duration,
    /// Share of pieces that are lost once and sent again.
    pub loss: f64,
    /// Bytes a second; `None` for no limit.
    pub bytes_per_s: Option<u32>,
}

impl Line {
    /// A wire.
    pub const PERFECT: Self = Self { delay: Duration::ZERO, jitter: Duration::ZERO, loss: 0.0, bytes_per_s: None };
    /// Geostationary: 600 ms there and back, 2 Mbit/s.
    pub const SATELLITE: Self =
        Self { delay: Duration::from_millis(300), jitter: Duration::from_millis(10), loss: 0.001, bytes_per_s: Some(250_000) };
    /// A crowded cell: 80 to 140 ms there and back, 1 % loss, 5 Mbit/s.
    pub const CELLULAR: Self =
        Self { delay: Duration::from_millis(40), jitter: Duration::from_millis(30), loss: 0.01, bytes_per_s: Some(625_000) };
    /// An end that hardly reads: 32 kbit/s.
    pub const SLOW_READER: Self = Self { bytes_per_s: Some(4_000), ..Self::PERFECT };
}

/// When pieces leave the line, in order.
#[derive(Debug, Default)]
pub struct Schedule {
    /// When the line is free for the next piece.
    free: Option<Instant>,
    /// When the last piece left: none overtakes another.
    last: Option<Instant>,
}

impl Schedule {
    /// When a piece of `length` bytes that came at `now` leaves.
    pub fn leaves(&mut self, line: &Line, now: Instant, length: usize, rng: &mut dyn RngCore) -> Instant {
        let Line { delay, jitter, loss, bytes_per_s } = *line;
        let begins = self.free.map_or(now, |free| free.max(now));
        let bytes = u32::try_from(length).unwrap_or(u32::MAX);
        let takes = bytes_per_s.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(f64::from(bytes) / f64::from(rate.max(1))));
        let sent = begins + takes;
        self.free = Some(sent);
        let lost = if rng.random_bool(loss) { RETRANSMIT } else { Duration::ZERO };
        let leaves = sent + delay + jitter.mul_f64(rng.random::<f64>()) + lost;
        let leaves = self.last.map_or(leaves, |last| last.max(leaves));
        self.last = Some(leaves);
        leaves
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::SmallRng};

    use super::*;

    fn rng() -> SmallRng {
        SmallRng::seed_from_u64(4)
    }

    #[test]
    fn a_perfect_line_adds_nothing() {
        let now = Instant::now();
        assert_eq!(Schedule::default().leaves(&Line::PERFECT, now, 4096, &mut rng()), now);
    }

    #[test]
    fn bandwidth_adds_up_and_delay_does_not() {
        let (now, mut schedule, mut rng) = (Instant::now(), Schedule::default(), rng());
        let line = Line { delay: Duration::from_secs(1), bytes_per_s: Some(1_000), ..Line::PERFECT };
        let left: Vec<_> = (0..3).map(|_| schedule.leaves(&line, now, 500, &mut rng) - now).collect();
        assert_eq!(left, [1_500, 2_000, 2_500].map(Duration::from_millis));
    }

    #[test]
    fn a_lost_piece_holds_back_all_behind_it_and_none_overtakes() {
        let (now, mut schedule, mut rng) = (Instant::now(), Schedule::default(), rng());
        let lost = schedule.leaves(&Line { loss: 1.0, ..Line::PERFECT }, now, 1, &mut rng);
        assert_eq!(lost - now, RETRANSMIT);
        assert_eq!(schedule.leaves(&Line::PERFECT, now, 1, &mut rng), lost);
    }

    #[test]
    fn the_same_seed_is_the_same_line() {
        let now = Instant::now();
        let run = || {
            let (mut schedule, mut rng) = (Schedule::default(), rng());
            (0..200).map(|_| schedule.leaves(&Line::CELLULAR, now, 900, &mut rng)).collect::<Vec<_>>()
        };
        assert_eq!(run(), run());
    }
}
