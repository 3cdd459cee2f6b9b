//! People come, get their offer, walk, touch displays, leave; screens play. Everything promised is in the cloud, once.

use aisle_sim::run::{Plan, Run, populate::populate};
use aisle_tests::eventually;
use aisle_tests::world::{Profile, World};
use anyhow::Result;

#[tokio::test(flavor = "multi_thread")]
async fn a_day_in_a_store_loses_and_doubles_nothing() -> Result<()> {
    for profile in Profile::all() {
        let world = World::start(profile, 2).await?;
        populate(&world.url(), world.mail(), world.clock.as_ref()).await?;
        let run = Run::start(world.target(), &Plan { shoppers: 8, seed: 11 }).await?;
        eventually("thirty visits have begun", async || (run.check_ins() >= 30).then_some(())).await;
        let summary = run.finish(0).await?;
        assert_eq!((summary.lost, summary.doubled), (0, 0), "{profile:?}: {summary:?}");
        assert!(summary.check_ins >= 30 && summary.offers_delivered >= summary.check_ins, "{profile:?}: {summary:?}");
        assert_eq!(summary.records_applied, summary.records_accepted, "{profile:?}");
        world.stop().await?;
    }
    Ok(())
}
