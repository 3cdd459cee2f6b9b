//! A node is killed in the middle of a burst. Every accepted event is there after its restart.

use std::collections::BTreeSet;
use std::sync::Arc;

use aisle_schemas::ids::VisitId;
use aisle_schemas::visit::CheckInMethod;
use aisle_sim::client::customer::INSTORE_CONTEXT;
use aisle_tests::eventually;
use aisle_tests::world::{Member, Profile, WorldPlan};
use anyhow::{Context, Result};
use tokio::task::JoinSet;

const PEOPLE: usize = 40;
/// Answers after which the node is killed.
const BURST: usize = 12;

#[tokio::test(flavor = "multi_thread")]
async fn every_visit_that_a_killed_node_accepted_is_in_the_cloud_once() -> Result<()> {
    for profile in Profile::all() {
        let mut world = WorldPlan::new(profile, 1).as_processes().start().await?;
        let mut people = Vec::new();
        for number in 0..PEOPLE {
            let member = world.member(&format!("wanda-{number}"), &[INSTORE_CONTEXT]).await?;
            let (pass, code) = (member.pass().await?, world.door_code(0));
            people.push((Arc::new(member), pass, code));
        }
        let mut burst = JoinSet::new();
        for (number, (_, pass, code)) in people.iter().enumerate() {
            let (floor, pass, code) = (world.stores[0].floor()?, pass.clone(), code.clone());
            burst.spawn(async move { (number, floor.check_in(&code, &pass, CheckInMethod::AppQr).await) });
        }
        let (mut accepted, mut killed): (Vec<(usize, VisitId)>, bool) = (Vec::new(), false);
        while let Some(answer) = burst.join_next().await {
            // Whoever was not answered does not know; whoever was answered must find their visit.
            let (number, answer) = answer.context("a check-in was aborted")?;
            accepted.extend(answer.ok().map(|entered| (number, entered.visit)));
            if accepted.len() == BURST && !killed {
                killed = true;
                world.stores[0].kill()?;
            }
        }
        assert!(accepted.len() >= BURST, "the burst was answered before the kill");
        world.stores[0].run().await?;
        world.stores[0].in_step().await;
        for (number, visit) in accepted {
            let shown = eventually("the visit is in the cloud", async || visits(&people[number].0).await).await;
            assert_eq!(shown, BTreeSet::from([visit]), "{profile:?}");
        }
        world.stop().await?;
    }
    Ok(())
}

async fn visits(member: &Member) -> Option<BTreeSet<VisitId>> {
    let visits = member.visits().await.ok()?;
    (!visits.is_empty()).then(|| visits.iter().map(|visit| visit.visit).collect())
}
