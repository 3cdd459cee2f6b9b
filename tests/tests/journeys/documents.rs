//! Documents of a store as head office sees them: what is in force there, what is not yet, and what its staff show instead.

use aisle_schemas::http::cloud::{Fleet, NodeHealth, OperatorDecision};
use aisle_schemas::topic::DeviceKind;
use aisle_sim::client::browser_device::BrowserDevice;
use aisle_tests::world::{Profile, World};
use aisle_tests::{DEADLINE, eventually};
use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::json;

const SCREEN: &str = "window-1";

fn shows(headline: &'static str) -> impl Fn(&aisle_schemas::screen::ScreenPlan) -> Option<()> {
    move |plan| plan.zones.iter().flat_map(|zone| &zone.items).any(|item| item.content.headline.en == headline).then_some(())
}

#[tokio::test(flavor = "multi_thread")]
async fn as_076_as_077_the_cloud_sees_what_has_converged_and_ends_what_staff_show_instead() -> Result<()> {
    let mut world = World::start(Profile::Embedded, 1).await?;
    let operator = world.operator().await?;
    let health = async |what: &str, wanted: &dyn Fn(&NodeHealth) -> bool| {
        eventually(what, async || operator.fleet().await.ok().map(first).filter(|health| wanted(health))).await
    };
    let settled = health("everything is in force", &|health| health.documents_behind == 0).await;
    assert_eq!((settled.rejected, settled.overrides, settled.behind_since), (vec![], vec![], None));

    // A store that is away has not taken over what is new.
    world.stores[0].stop().await?;
    let marketer = world.marketer().await?;
    world.publish(&marketer, "cat-food").await?;
    let behind = health("the offer is not in force", &|health| health.documents_behind > 0).await;
    assert!(behind.behind_since.is_some_and(|since| since <= world.now()), "{behind:?}");
    world.stores[0].run().await?;
    let store = &world.stores[0];
    health("it is in force", &|health| health.documents_behind == 0 && health.behind_since.is_none()).await;

    let screen = store.screen(SCREEN).await?;
    let device =
        BrowserDevice::sign_in(&store.target.http, DeviceKind::Screen, SCREEN, &store.bus(DeviceKind::Screen, SCREEN)?.secret).await?;
    let text = json!({ "de": "Heute früher zu", "en": "Closed early" });
    let content = json!({ "class": "P0", "headline": text, "line": { "de": "", "en": "" }, "image": null, "price": null, "was": null, "segment": null });
    let wish = json!({ "content": content, "reason": "power cut in the street", "ttl_s": 14_400 });
    device.api().tell(Method::PUT, &format!("/v1/screens/{SCREEN}/override"), Some(&wish)).await?;
    screen.plan(DEADLINE, shows("Closed early")).await.context("staff win")?;
    let overridden = health("head office sees it", &|health| !health.overrides.is_empty()).await;
    let shown = &overridden.overrides[0];
    assert_eq!(
        (shown.key.as_str(), shown.reason.as_str(), shown.by.as_str()),
        ("screen/window-1", "power cut in the street", "screen/window-1")
    );
    health("the programme has not converged", &|health| health.documents_behind == 1).await;

    let decision = OperatorDecision { reason: "it is open again".to_owned() };
    let path = format!("/v1/fleet/{}/overrides/screen/{SCREEN}/clear", overridden.node);
    operator.api().tell(Method::POST, &path, Some(&decision)).await?;
    health("the programme is in force", &|health| health.overrides.is_empty() && health.documents_behind == 0).await;
    let programme = |plan: &aisle_schemas::screen::ScreenPlan| shows("Closed early")(plan).is_none().then_some(());
    screen.plan(DEADLINE, programme).await.context("the programme is shown again")?;
    world.stop().await
}

fn first(fleet: Fleet) -> NodeHealth {
    fleet.health.into_iter().next().expect("the world has one store")
}
