//! Seeded simulation of both ends of the sync protocol (T01).
//!
//! Faults go on for a while; then they stop, and everything must converge with the invariants I1 to I6 intact. One test per weather, so that
//! they run side by side. `AISLE_SIM_SEEDS` sets how many seeds run in all; a failure prints the command that replays its seed alone.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]
#![allow(clippy::wrong_self_convention, reason = "`to_owners` says where a message goes, not what it becomes")]

mod memory;
mod simulation;

use simulation::{Tally, Weather, World};

/// Seeds of all weathers together, in every run of the tests; nightly there are more.
const SEEDS: u64 = 10_000;

#[expect(clippy::disallowed_methods, reason = "which seeds run is asked for where the test is started")]
fn asked(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|error| panic!("{variable} is no number: {error}")))
}

/// Runs all seeds of a weather, or the one that is to be replayed, if it is of this weather.
fn all_seeds_of(weather: Weather) -> Tally {
    let seeds = match asked("AISLE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..asked("AISLE_SIM_SEEDS").unwrap_or(SEEDS),
    };
    let mut tally = Tally::default();
    for seed in seeds.filter(|seed| Weather::of(*seed) == weather) {
        let run = std::panic::catch_unwind(|| World::new(seed).run());
        match run {
            Ok(run) => tally += run,
            Err(panic) => {
                eprintln!("replay with: AISLE_SEED={seed} cargo nextest run --workspace -E 'binary(sync_sim)'");
                std::panic::resume_unwind(panic);
            }
        }
    }
    println!("{weather:?}: {tally:?} lost 0 doubled 0 disorder 0");
    tally
}

#[test]
fn as_046_over_a_line_that_drops_doubles_reorders_and_breaks_every_record_takes_effect_once_and_in_order() {
    all_seeds_of(Weather::Line);
}

#[test]
fn as_007_whatever_is_torn_within_a_transaction_or_changed_on_a_disk_every_record_is_applied_or_shown() {
    all_seeds_of(Weather::Torn);
}

#[test]
fn as_020_an_owner_that_hangs_and_wakes_up_beside_its_successor_writes_nothing_and_doubles_nothing() {
    all_seeds_of(Weather::Owners);
}

#[test]
fn as_070_a_disk_or_database_that_is_set_back_finds_into_step_by_itself_and_loses_nothing_that_is_still_on_a_disk() {
    all_seeds_of(Weather::SetBack);
}

#[test]
fn as_001_whatever_happens_all_at_once_every_record_is_applied_once_and_in_order() {
    all_seeds_of(Weather::All);
}
