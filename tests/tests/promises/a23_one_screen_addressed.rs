//! A23: displays are addressed one by one, and what they sense is nobody in particular.

use aisle_schemas::screen::{InteractionKind, ScreenCommandKind, ScreenInteraction};
use aisle_schemas::topic::Topic;
use aisle_tests::eventually;
use aisle_tests::world::{Profile, WorldPlan};
use anyhow::Result;
use bytes::Bytes;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a23_a_command_to_screen_seven_of_ten_reaches_screen_seven_alone() -> Result<()> {
    let names: Vec<_> = (1..=10).map(|number| format!("wall-{number}")).collect();
    let shaped = names.clone();
    let world = WorldPlan::new(Profile::Embedded, 1)
        .shaped(move |shape| shaped.iter().for_each(|name| shape.add_screen(name, &mut rand::rng())))
        .start()
        .await?;
    let operator = world.operator().await?;
    let mut screens = Vec::new();
    for name in &names {
        screens.push(world.stores[0].screen(name).await?);
    }
    let sent = operator.command_screen(world.stores[0].id(), &names[6], ScreenCommandKind::Identify { for_s: 10 }).await?;
    let received = eventually("screen seven has the command", async || screens[6].commands().into_iter().next()).await;
    assert_eq!((received.id, received.command), (sent.id, sent.command));
    // A second command to another screen: once it has arrived, the first can no longer be under way to anyone else.
    operator.command_screen(world.stores[0].id(), &names[0], ScreenCommandKind::Revert).await?;
    eventually("screen one has the second", async || (!screens[0].commands().is_empty()).then_some(())).await;
    let received: Vec<_> = screens.iter().map(|screen| screen.commands().len()).collect();
    assert_eq!(received, [1, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a23_an_approach_has_no_person_in_it_and_one_that_has_is_refused() -> Result<()> {
    let plain = serde_json::to_value(ScreenInteraction { kind: InteractionKind::Approach, zone: None })?;
    let fields: Vec<_> = plain.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    assert_eq!(fields, ["kind", "zone"]);

    let world = WorldPlan::new(Profile::Embedded, 1).start().await?;
    let store = &world.stores[0];
    let screen = store.screen("window-1").await?;
    let topic = Topic::ScreenInteractionSeen { store: store.id().clone(), screen: screen.id().clone() };
    let refusals = Topic::ScreenRefused { store: store.id().clone(), screen: screen.id().clone() }.build();
    screen.bus().publish(&topic, &plain).await?;
    for field in ["person", "visit", "device", "customer"] {
        let mut named = plain.clone();
        named[field] = json!("somebody");
        screen.bus().publish_raw(topic.build(), Bytes::from(serde_json::to_vec(&named)?), false).await?;
    }
    let refused = async || {
        let problems: Vec<aisle_schemas::http::Problem> = screen.bus().inbox().of(&refusals);
        (problems.len() >= 4).then_some(problems)
    };
    let problems = eventually("the four are refused", refused).await;
    assert_eq!(problems.len(), 4, "and the one without a name is not");
    world.stop().await
}
