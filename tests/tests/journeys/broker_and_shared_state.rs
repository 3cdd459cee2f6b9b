//! The broker dies and comes back empty; the shared state is flushed. Neither ever held the only copy of anything.

use aisle_sim::client::customer::INSTORE_CONTEXT;
use aisle_tests::world::{Profile, World};
use aisle_tests::{DEADLINE, eventually};
use anyhow::{Context, Result};

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_broker_and_a_flushed_redis_cost_nothing_but_time() -> Result<()> {
    if !Profile::all().contains(&Profile::Services) {
        return Ok(());
    }
    let mut world = World::start(Profile::Services, 1).await?;
    let marketer = world.marketer().await?;
    world.publish(&marketer, "coffee").await?;
    let before = world.member("uma", &[INSTORE_CONTEXT]).await?;
    let between = world.member("vera", &[INSTORE_CONTEXT]).await?;
    let first = world.enter_and_be_known(&before, 0).await?;
    world.kill_broker().await?;
    world.flush_shared_state()?;
    let second = world.enter(&between, 0).await?;
    world.stores[0].in_step().await;
    between.card_of(second.visit, DEADLINE).await.context("the card arrives")?;
    for (member, entered) in [(&before, first), (&between, second)] {
        let visits = eventually("the visit is there", async || member.visits().await.ok().filter(|visits| !visits.is_empty())).await;
        assert_eq!(visits.iter().map(|visit| visit.visit).collect::<Vec<_>>(), [entered.visit]);
    }
    world.stop().await
}
