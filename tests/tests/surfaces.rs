//! The surfaces in a real browser: Playwright against a running world. `UPDATE_SCREENS=1` also writes the screenshots of the documentation.

use std::path::Path;
use std::process::Stdio;

use aisle_sim::world::MARKETER;
use aisle_sim::world::products::find;
use aisle_tests::process::services_are_skipped;
use aisle_tests::services::chromium::{CHROMIUM_PATH, chromium, npm};
use aisle_tests::world::{Profile, World, WorldPlan};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::process::Command;

/// Seconds that each item of a screen plays, so that a loop comes round while a test looks.
const ITEM_S: u32 = 2;
/// Offers on sale while the browser looks.
const ON_SALE: [&str; 6] = ["cat-food", "dog-food", "apples", "coffee", "bread", "chocolate"];
/// The offer that waits; it goes on a screen in the entrance.
const DRAFT: &str = "plant";

#[tokio::test(flavor = "multi_thread")]
async fn every_surface_works_in_a_browser_and_axe_finds_nothing() -> Result<()> {
    if services_are_skipped() {
        return Ok(());
    }
    let world = WorldPlan::new(Profile::Embedded, 2)
        .shaped(|store| {
            for programme in &mut store.screens {
                programme.events.iter_mut().for_each(|event| event.duration_s = ITEM_S);
                programme.subscription.iter_mut().for_each(|subscription| subscription.duration_s = ITEM_S);
            }
        })
        .in_real_time()
        .as_demo()
        .start()
        .await?;
    let described = describe(&world).await?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
    if !folder.join("node_modules").exists() {
        let installed =
            Command::new(npm()?).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder).status().await;
        ensure!(installed.context("failed to run npm")?.success(), "npm ci failed");
    }
    let status = Command::new(npm()?)
        .args(["run", "--silent", "test"])
        .current_dir(&folder)
        .env("AISLE_WORLD", described.to_string())
        .env(CHROMIUM_PATH, chromium()?)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .status()
        .await
        .context("failed to run Playwright")?;
    ensure!(status.success(), "the browser tests failed");
    world.stop().await
}

/// What the browser tests need to know of the world.
async fn describe(world: &World) -> Result<Value> {
    let marketer = world.marketer().await?;
    for sku in ON_SALE {
        world.publish(&marketer, sku).await?;
    }
    let draft = world.draft(&marketer, DRAFT, |_| {}).await?;
    let offer = marketer.draft_offer(&draft).await?.offer;
    let name = find(DRAFT).context("a product")?.en;
    let stores: Vec<_> = world
        .stores
        .iter()
        .map(|store| json!({ "id": store.id(), "name": store.name, "http": store.target.http, "secrets": store.target.secrets }))
        .collect();
    Ok(json!({ "cloud": world.url(), "marketer": MARKETER, "draft": { "offer": offer, "name": name }, "stores": stores }))
}
