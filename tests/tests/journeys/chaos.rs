//! S7, short: under load node, cloud, broker and PostgreSQL are killed, Redis is flushed, the line is cut; an independent ledger finds no difference.

use std::time::Duration;

use aisle_cloud::Keys;
use aisle_sim::bench::{ChaosPlan, Pace, WorldPlan, run_chaos};
use aisle_sim::hollow::Mix;
use aisle_tests::binary::binary;
use aisle_tests::process::services_are_skipped;
use anyhow::{Context, Result};

/// Long enough for several faults, short enough for every commit; `aisle bench chaos --for 30m` is the long one.
const SPAN: Duration = Duration::from_secs(12);
/// What a debug build and its neighbours on the same machine can bear.
const EVENTS_PER_S: f64 = 150.0;
/// One order of faults of many; `aisle bench chaos --seed` tries others.
const SEED: u64 = 3;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_accepted_is_lost_doubled_or_disordered_while_everything_dies() -> Result<()> {
    if services_are_skipped() {
        return Ok(());
    }
    let program = binary().await?.to_owned();
    let world = WorldPlan {
        program,
        public_key_of,
        hollow: 6,
        nodes: 1,
        instances: 1,
        screens: 0,
        seed: SEED,
        database: None,
        redis: None,
        broker: None,
    };
    let plan = ChaosPlan { span: SPAN, seed: SEED, pace: Pace::PerSecond(EVENTS_PER_S) };
    let report = run_chaos(&world, &plan, Mix { plays_per_fact: 3 }).await?;
    assert!(report.ledger.accepted > 0 && !report.rounds.is_empty(), "{report}");
    assert!(!report.void, "seed {SEED}\n{report}");
    Ok(())
}

fn public_key_of(key: &str) -> Result<String> {
    Ok(Keys::from_hex(key).context("failed to derive the cloud's keys")?.public_hex())
}
