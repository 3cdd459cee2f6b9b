//! A85: the app's page in the store differs from the one on the bus.

use std::time::Duration;

use aisle_schemas::http::cloud::{ContextClass, ContextReport, HomeElement};
use aisle_sim::client::customer::INSTORE_CONTEXT;
use aisle_tests::within;
use aisle_tests::world::{Member, Profile, World};
use anyhow::Result;

async fn first_is(member: &Member, element: HomeElement) -> Option<()> {
    (member.home().await.ok()?.elements.first() == Some(&element)).then_some(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a85_on_the_bus_inspiration_comes_first_in_the_store_the_scanner_and_afterwards_not() -> Result<()> {
    let world = World::start(Profile::Embedded, 1).await?;
    let member = world.member("rosa", &[INSTORE_CONTEXT]).await?;
    let transit = ContextReport { email: member.email.clone(), class: Some(ContextClass::Transit), hurried: None, open_complaint: None };
    world.integration()?.report_context(&transit).await?;
    let second = Duration::from_secs(1);
    within("inspiration first on the bus", second, async || first_is(&member, HomeElement::Inspiration).await).await;
    assert_eq!(member.home().await?.context, ContextClass::Transit);
    let visit = world.enter(&member, 0).await?;
    within("the scanner first in the store", second, async || first_is(&member, HomeElement::Scanner).await).await;
    world.leave(0, visit.token).await?;
    within("no scanner first afterwards", second, async || match first_is(&member, HomeElement::Scanner).await {
        Some(()) => None,
        None => Some(()),
    })
    .await;
    world.stop().await
}
