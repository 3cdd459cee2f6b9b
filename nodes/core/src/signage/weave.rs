//! The order of a loop: passes of playlists that cycle, and interrupts woven in.
//!
//! Owns the arithmetic of share of voice. Takes places in a list of items with their seconds. Emits places in the order of the loop. On failure:
//! there is none; shares that sum up to more than there is are scaled down by largest remainder, and what does not fit is cut off.
//!
//! A loop with interrupts is one hour long, near enough: a share is said in seconds per hour.

/// Seconds that shares are of.
pub const HOUR_S: u32 = 3_600;
/// Places of one loop: an hour of one-second items, and an interrupt of each event.
pub const ORDER_MAX: usize = 5_000;
/// Passes after which a loop of cycling playlists begins again.
pub const PASSES_MAX: usize = 100;

/// A place in the list of items, and how long it is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub at: usize,
    pub seconds: u32,
}

/// What stands together in a loop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub places: Vec<Place>,
    /// One at each pass, instead of all.
    pub cycle: bool,
}

/// What is woven in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interrupt {
    /// In turn.
    pub places: Vec<Place>,
    /// Seconds per hour.
    pub share_s: u32,
}

/// The loop of these groups, as long as it takes until it repeats, within bounds.
#[must_use]
pub fn passes(groups: &[Group]) -> Vec<Place> {
    let lengths = || groups.iter().filter(|group| group.cycle).map(|group| group.places.len()).filter(|length| *length > 0);
    let whole = lengths().fold(1_usize, |sum, length| lcm(sum, length).min(PASSES_MAX + 1));
    let wanted = if whole > PASSES_MAX { lengths().max().unwrap_or(1) } else { whole };
    let in_a_pass: usize = groups.iter().map(|group| if group.cycle { 1 } else { group.places.len() }).sum();
    let passes = wanted.min(ORDER_MAX / in_a_pass.max(1)).max(1);
    let mut order = Vec::new();
    for pass in 0..passes {
        for group in groups {
            if group.cycle {
                order.extend(group.places.iter().cycle().nth(pass));
            } else {
                order.extend(&group.places);
            }
        }
    }
    order.truncate(ORDER_MAX);
    order
}

fn lcm(a: usize, b: usize) -> usize {
    let (mut x, mut y) = (a, b);
    while y > 0 {
        (x, y) = (y, x % y);
    }
    a / x.max(1) * b
}

/// Shares as they are, or scaled to `most` seconds in sum by largest remainder; ties by place.
#[must_use]
pub fn scaled(shares: &[u32], most: u32) -> Vec<u32> {
    let sum: u64 = shares.iter().map(|share| u64::from(*share)).sum();
    if sum <= u64::from(most) {
        return shares.to_vec();
    }
    let exact = |share: u32| u64::from(share) * u64::from(most);
    let mut whole: Vec<u32> = shares.iter().map(|share| u32::try_from(exact(*share) / sum).unwrap_or(most)).collect();
    let given: u32 = whole.iter().sum();
    let mut by_remainder: Vec<usize> = (0..shares.len()).collect();
    by_remainder.sort_by_key(|place| (std::cmp::Reverse(shares.get(*place).map_or(0, |share| exact(*share) % sum)), *place));
    for place in by_remainder.into_iter().take(usize::try_from(most.saturating_sub(given)).unwrap_or(0)) {
        if let Some(share) = whole.get_mut(place) {
            *share += 1;
        }
    }
    whole
}

/// An hour of `base` with these interrupts spread evenly; `base` alone where there are none.
#[must_use]
pub fn weave(base: &[Place], interrupts: &[Interrupt]) -> Vec<Place> {
    let mut timed: Vec<(u64, usize, Place)> = Vec::new();
    let mut taken_s = 0_u32;
    for (number, interrupt) in interrupts.iter().enumerate() {
        let plays = fill(&interrupt.places, interrupt.share_s);
        let count = u64::try_from(plays.len()).unwrap_or(u64::MAX).max(1);
        for (play, place) in (0_u64..).zip(plays) {
            taken_s = taken_s.saturating_add(place.seconds);
            timed.push((phase(2 * play + 1, 2 * count), number, place));
        }
    }
    if timed.is_empty() {
        return base.to_vec();
    }
    let left = HOUR_S.saturating_sub(taken_s);
    let mut passed = 0_u64;
    for place in fill(base, left) {
        timed.push((phase(passed, u64::from(left)), interrupts.len(), place));
        passed += u64::from(place.seconds);
    }
    timed.sort_by_key(|(phase, number, _)| (*phase, *number));
    timed.truncate(ORDER_MAX);
    timed.into_iter().map(|(_, _, place)| place).collect()
}

/// As many of these in turn as it takes to fill so many seconds.
fn fill(places: &[Place], seconds: u32) -> Vec<Place> {
    let mut filled = Vec::new();
    let mut passed = 0_u32;
    for place in places.iter().cycle() {
        if passed >= seconds || filled.len() >= ORDER_MAX {
            break;
        }
        passed = passed.saturating_add(place.seconds.max(1));
        filled.push(*place);
    }
    filled
}

/// A part of the hour, fine enough to tell its milliseconds apart.
fn phase(part: u64, whole: u64) -> u64 {
    const FINE: u64 = 1_000_000_000;
    part.saturating_mul(FINE) / whole.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(seconds: &[u32]) -> Vec<Place> {
        seconds.iter().enumerate().map(|(at, seconds)| Place { at, seconds: *seconds }).collect()
    }

    fn interrupt(at: usize, seconds: u32, share_s: u32) -> Interrupt {
        Interrupt { places: vec![Place { at, seconds }], share_s }
    }

    fn group(at: &[usize], cycle: bool) -> Group {
        Group { places: at.iter().map(|at| Place { at: *at, seconds: 1 }).collect(), cycle }
    }

    fn order(places: &[Place]) -> Vec<usize> {
        places.iter().map(|place| place.at).collect()
    }

    #[test]
    fn a_cycling_playlist_plays_one_item_a_pass_until_all_cycles_meet() {
        let groups = [group(&[0], false), group(&[1, 2], true), group(&[3, 4, 5], true)];
        assert_eq!(order(&passes(&groups)), [0, 1, 3, 0, 2, 4, 0, 1, 5, 0, 2, 3, 0, 1, 4, 0, 2, 5]);
        assert_eq!(order(&passes(&[group(&[7, 8], false)])), [7, 8]);
    }

    #[test]
    fn cycles_that_never_meet_within_bounds_play_each_item_of_the_longest() {
        let long: Vec<usize> = (0..97).collect();
        let other: Vec<usize> = (100..189).collect();
        let order = order(&passes(&[group(&long, true), group(&other, true)]));
        assert_eq!(order.len(), 2 * 97);
        assert!(long.iter().all(|at| order.contains(at)));
    }

    #[test]
    fn an_interrupt_gets_its_share_of_the_hour_spread_evenly() {
        let woven = weave(&places(&[10]), &[interrupt(9, 10, 600)]);
        let at: Vec<usize> = woven.iter().enumerate().filter(|(_, place)| place.at == 9).map(|(at, _)| at).collect();
        assert_eq!((at.len(), woven.iter().map(|place| place.seconds).sum::<u32>()), (60, HOUR_S));
        let gaps: Vec<usize> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|gap| (5..=7).contains(gap)), "{gaps:?}");
        assert!(*at.first().unwrap() < 6, "the first does not wait for an hour");
    }

    #[test]
    fn a_share_that_no_whole_number_of_plays_fills_is_rounded_up() {
        let woven = weave(&places(&[8]), &[interrupt(9, 7, 20)]);
        assert_eq!(woven.iter().filter(|place| place.at == 9).count(), 3);
    }

    #[test]
    fn shares_of_more_than_an_hour_are_scaled_by_largest_remainder() {
        assert_eq!(scaled(&[10, 20], 3_600), [10, 20]);
        assert_eq!(scaled(&[3_600, 3_600, 3_600], 3_600), [1_200, 1_200, 1_200]);
        assert_eq!(scaled(&[1, 1, 1], 2), [1, 1, 0]);
        assert_eq!(scaled(&[50, 30, 21], 100).iter().sum::<u32>(), 100);
    }

    #[test]
    fn with_the_whole_hour_sold_nothing_else_plays() {
        let woven = weave(&places(&[8]), &[interrupt(5, 10, 1_800), interrupt(6, 20, 1_800)]);
        assert!(woven.iter().all(|place| place.at != 0));
        assert_eq!(woven.iter().filter(|place| place.at == 5).count(), 180);
    }
}
