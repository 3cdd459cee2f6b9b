//! A23: displays are addressed one by one, and what they sense is nobody in particular.

use aisle_schemas::screen::{InteractionKind, ScreenInteraction};
use aisle_schemas::topic::Topic;
use aisle_tests::eventually;
use aisle_tests::world::{Profile, WorldPlan};
use anyhow::Result;
use bytes::Bytes;
use serde_json::json;

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
