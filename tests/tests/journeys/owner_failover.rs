//! Two cloud instances share the stores. One is killed without a word: the other serves all of them, and every accepted check-in is applied
//! once. What one instance decides, the people at the other see.

use std::time::Duration;

use aisle_schemas::visit::CheckInMethod;
use aisle_sim::client::customer::INSTORE_CONTEXT;
use aisle_sim::world::deployment::INSTANCE;
use aisle_tests::world::{Profile, SISTER, World};
use aisle_tests::{DEADLINE, eventually};
use anyhow::{Context, Result};

/// Stores whose partitions lie in both halves, so that each instance serves some.
const STORES: usize = 6;
/// People who check in at every store while nobody owns it.
const PEOPLE: usize = 2;
/// Half of the partitions.
const SHARE: usize = 128;
/// Longest time from the kill to the first applied batch.
const FAILOVER_MAX: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread")]
async fn as_090_two_instances_share_the_stores_and_one_takes_over_when_the_other_is_killed() -> Result<()> {
    if !Profile::all().contains(&Profile::Services) {
        return Ok(());
    }
    let mut world = World::start(Profile::Services, STORES).await?;
    let marketer = world.marketer().await?;
    world.publish(&marketer, "coffee").await?;
    let mut sister = world.start_sister().await?;
    for instance in [INSTANCE, SISTER] {
        let what = "each has its half";
        eventually(what, async || world.partitions_of(instance).ok().filter(|held| *held == SHARE).map(drop)).await;
    }

    // Whoever's store it is and whoever's customer: people hear of it where they are connected.
    for store in 0..STORES {
        let here = world.member(&format!("ida-{store}"), &[INSTORE_CONTEXT]).await?;
        let there = world.member_at(&sister, &format!("ivo-{store}"), &[INSTORE_CONTEXT]).await?;
        for member in [here, there] {
            let entered = world.enter(&member, store).await?;
            member.card_of(entered.visit, DEADLINE).await.with_context(|| format!("a card of store {store} arrives"))?;
        }
    }

    let mut people = Vec::new();
    for store in 0..STORES {
        for number in 0..PEOPLE {
            let member = world.member_at(&sister, &format!("kim-{store}-{number}"), &[INSTORE_CONTEXT]).await?;
            let pass = member.pass().await?;
            people.push((store, member, pass));
        }
    }
    world.cloud.kill().await;
    let killed = tokio::time::Instant::now();
    let mut accepted = Vec::new();
    for (store, member, pass) in people {
        let code = world.door_code(store);
        let entered = world.stores[store].floor()?.check_in(&code, &pass, CheckInMethod::AppQr).await?;
        accepted.push((member, entered.visit));
    }
    for store in &world.stores {
        store.in_step().await;
    }
    println!("all stores are in step {:?} after the kill (bound {FAILOVER_MAX:?} on an idle machine)", killed.elapsed());
    for (member, visit) in accepted {
        let shown = eventually("the visit is in the cloud", async || member.visits().await.ok().filter(|visits| !visits.is_empty())).await;
        assert_eq!(shown.iter().map(|shown| shown.visit).collect::<Vec<_>>(), [visit], "once");
    }
    eventually("the survivor has all", async || world.partitions_of(SISTER).ok().filter(|held| *held == 2 * SHARE).map(drop)).await;
    for store in &mut world.stores {
        store.stop().await?;
    }
    sister.stop().await
}
