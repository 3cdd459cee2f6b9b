//! A16: a buyer of cat food never hears of dog food, even in front of it.

use aisle_sim::client::customer::{INSTORE_CONTEXT, MARKETING, PROFILING};
use aisle_tests::eventually;
use aisle_tests::world::{Profile, World};
use anyhow::Result;
use chrono::TimeDelta;

#[tokio::test(flavor = "multi_thread")]
async fn a16_standing_in_front_of_dog_food_interrupts_a_dog_owner_once_and_a_cat_owner_never() -> Result<()> {
    let world = World::start(Profile::Embedded, 1).await?;
    let (marketer, agent) = (world.marketer().await?, world.agent().await?);
    let offer = world.publish_with(&marketer, "dog-food", |draft| draft.push = true).await?.offer;
    let mut outcomes = Vec::new();
    for (name, sku) in [("cat-owner", "cat-food"), ("dog-owner", "dog-food")] {
        let member = world.member(name, &[INSTORE_CONTEXT, MARKETING, PROFILING]).await?;
        world.has_bought(&member, sku, 5).await?;
        let visit = world.enter_and_be_known(&member, 0).await?;
        world.walk(0, visit.token, "pets").await?;
        world.pass(TimeDelta::seconds(60));
        let decision = world.decided_offer(&agent, &member, offer, "push").await;
        if decision.sent {
            eventually("the push arrives", async || (!member.pushes().is_empty()).then_some(())).await;
        }
        let pushes = agent.decisions(&format!("customer={}&offer={offer}", member.me.customer)).await?;
        let decided = pushes.into_iter().filter(|decision| decision.channel == "push").count();
        outcomes.push((decision.reason, decided, member.pushes().len()));
    }
    assert_eq!(outcomes, [("veto:irrelevant".to_owned(), 1, 0), ("sent".to_owned(), 1, 1)]);
    world.stop().await
}
