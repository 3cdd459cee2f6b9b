//! The explore slot: Thompson sampling over the counts of what was shown and taken up.
//!
//! Owns the choice and its logged probability. Takes counts and one uniform draw, which seeds all others; emits the chosen arm. The
//! probability is estimated by repeating the draw and never 0, because evaluation divides by it.

use std::f64::consts::TAU;

use crate::gate::candidate::Unit;

/// Offers that one explore slot chooses from.
pub const EXPLORE_POOL_MAX: usize = 16;
/// Repetitions behind an estimated probability: it is good to about a tenth, which is what clipped estimators need.
const PROPENSITY_ROUNDS: u32 = 64;

/// Counts of one offer in explore slots. Integers, so that stores' deltas merge by addition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Engagement {
    pub shown: u32,
    pub taken_up: u32,
}

pub(super) struct Choice {
    pub(super) arm: usize,
    pub(super) propensity: Unit,
}

/// Chooses one arm; `None` without arms.
pub(super) fn choose(arms: &[Engagement], draw: u64) -> Option<Choice> {
    let mut draws = Draws(draw);
    let arm = best(arms, &mut draws)?;
    let mut wins = 0_u32;
    for _ in 0..PROPENSITY_ROUNDS {
        if best(arms, &mut draws) == Some(arm) {
            wins += 1;
        }
    }
    // One win is granted to every arm, so that none has probability 0.
    let arm_count = u32::try_from(arms.len()).unwrap_or(u32::MAX);
    let propensity = f64::from(wins + 1) / f64::from(PROPENSITY_ROUNDS.saturating_add(arm_count));
    Some(Choice { arm, propensity: Unit::new(propensity).unwrap_or(Unit::ONE) })
}

fn best(arms: &[Engagement], draws: &mut Draws) -> Option<usize> {
    let samples: Vec<f64> = arms.iter().map(|arm| draws.beta(*arm)).collect();
    (0..arms.len()).max_by(|one, other| samples[*one].total_cmp(&samples[*other]))
}

/// Splitmix64: the whole sequence follows from the one draw that was given.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// In (0, 1], so that its logarithm is finite.
    fn uniform(&mut self) -> f64 {
        let bits = (self.next() >> 11) + 1;
        bits as f64 / (1_u64 << 53) as f64
    }

    /// Box and Muller's transform.
    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (TAU * self.uniform()).cos()
    }

    /// Marsaglia and Tsang's method; shapes here are at least 1.
    fn gamma(&mut self, shape: f64) -> f64 {
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && self.uniform().ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }

    /// Beta with the uniform prior on top of the counts.
    fn beta(&mut self, arm: Engagement) -> f64 {
        let taken_up = self.gamma(f64::from(arm.taken_up) + 1.0);
        let passed_over = self.gamma(f64::from(arm.shown.saturating_sub(arm.taken_up)) + 1.0);
        taken_up / (taken_up + passed_over)
    }
}
