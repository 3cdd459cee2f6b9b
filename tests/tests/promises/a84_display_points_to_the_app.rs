//! A84: a stand-up display points to functions of the app, and learns nothing of who follows.

use aisle_schemas::http::cloud::TapClaim;
use aisle_schemas::nfc::NfcShow;
use aisle_sim::client::Api;
use aisle_tests::DEADLINE;
use aisle_tests::world::{Profile, World, difference};
use anyhow::{Context, Result};
use reqwest::Method;

#[tokio::test(flavor = "multi_thread")]
async fn a84_scanning_a_displays_code_opens_the_store_view_and_before_sign_in_leaves_one_counter() -> Result<()> {
    for profile in Profile::all() {
        let world = World::start(profile, 1).await?;
        let display = world.stores[0].display("shelf-fresh").await?;
        let shown = display
            .showing(DEADLINE, |show| match show {
                NfcShow::Inviting { code, url, offer: None, .. } => Some((code.clone(), url.clone())),
                NfcShow::Inviting { .. } | NfcShow::Answering { .. } | NfcShow::Kept { .. } => None,
            })
            .await;
        let (code, url) = shown.context("the display shows a code")?;
        let page = url.strip_prefix(world.url().as_str()).context("the code leads to the shop")?;
        world.stores[0].in_step().await;
        let before = world.cloud_rows().await?;
        let phone = Api::new(&world.url())?;
        let html = phone.text(page).await?;
        assert!(html.contains("<html"), "the app opens: {html}");
        phone.tell(Method::POST, "/v1/taps/opened", Some(&TapClaim { code })).await?;
        let grown = difference(&before, &world.cloud_rows().await?);
        assert_eq!(grown.values().sum::<i64>(), 1, "{grown:?}");
        assert!(grown.keys().all(|table| table.contains("counter")), "{grown:?}");
        world.stop().await?;
    }
    Ok(())
}
