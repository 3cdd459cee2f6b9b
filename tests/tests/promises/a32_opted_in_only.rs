//! A32: contextual dialogue only once the customer has registered and opted in.

use aisle_schemas::content::ContentClass;
use aisle_sim::client::customer::MARKETING;
use aisle_tests::world::{Profile, World, difference};
use aisle_tests::{DEADLINE, eventually};
use anyhow::Result;
use chrono::TimeDelta;

/// Tables that may grow while a sensor counts people: zone counters, and the protocol's own book-keeping.
fn is_counter(table: &str) -> bool {
    ["reported", "document", "cursor", "node", "journal", "outbox", "log", "counter"].iter().any(|known| table.contains(known))
}

#[tokio::test(flavor = "multi_thread")]
async fn a32_a_person_who_has_not_registered_leaves_a_count_and_sees_what_everyone_sees() -> Result<()> {
    let world = World::start(Profile::Embedded, 1).await?;
    let marketer = world.marketer().await?;
    world.publish(&marketer, "cat-food").await?;
    let (screen, sensor) = (world.stores[0].screen("aisle-5").await?, world.stores[0].sensor().await?);
    let operator = world.operator().await?;
    world.stores[0].in_step().await;
    let before = world.cloud_rows().await?;
    for _ in 0..10 {
        sensor.count(1).await?;
        world.pass(TimeDelta::minutes(1));
        let plan = screen.plan(DEADLINE, |plan| Some(plan.clone())).await.expect("the screen has a plan");
        for item in plan.zones.iter().flat_map(|zone| &zone.items) {
            assert!(matches!(item.content.class, ContentClass::P0 | ContentClass::P1), "{:?}", item.content);
        }
    }
    let store = world.stores[0].id().clone();
    eventually("the count is in the cloud", async || {
        let live = operator.live(&store).await.ok()?;
        live.zones.iter().any(|zone| zone.zone.as_str() == "pets" && zone.people == 1).then_some(())
    })
    .await;
    let after = world.cloud_rows().await?;
    let grown = difference(&before, &after);
    assert!(grown.keys().all(|table| is_counter(table)), "{grown:?}");
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a32_a_registered_customer_without_consent_gets_nothing_and_the_log_says_why() -> Result<()> {
    let world = World::start(Profile::Embedded, 1).await?;
    let (marketer, agent) = (world.marketer().await?, world.agent().await?);
    let offer = world.publish_with(&marketer, "milk", |draft| draft.push = true).await?.offer;
    let member = world.member("ida", &[MARKETING]).await?;
    world.enter_and_be_known(&member, 0).await?;
    let decision = world.decided_offer(&agent, &member, offer, "in_app").await;
    assert_eq!((decision.sent, decision.clause, decision.reason.as_str()), (false, Some(2), "no_consent"));
    assert_eq!((member.cards().len(), member.pushes().len(), member.feed().await?.cards.len()), (0, 0, 0));
    world.stop().await
}
