//! A programme with a picture goes to three stores in waves; another one is rejected by a store, and every store has its former one again.

use aisle_schemas::blob::{Blob, ContentHash};
use aisle_schemas::http::cloud::{
    RolloutBody, RolloutDraft, RolloutPhase, RolloutProgress, RolloutReason, RolloutView, Rollouts, WaveReach,
};
use aisle_schemas::screen::{ScreenPlan, ScreenProgramme};
use aisle_sim::client::staff::Staff;
use aisle_sim::world::stores::screens;
use aisle_tests::world::{Profile, World, WorldPlan};
use aisle_tests::{DEADLINE, eventually};
use anyhow::{Context, Result};
use reqwest::Method;

/// The screen that only the first store has.
const EXTRA: &str = "window-9";

/// A programme that shows one thing.
fn programme(screen: &str, headline: &str, image: Option<String>) -> Result<ScreenProgramme> {
    let mut programme = screens().into_iter().next().context("the demo has screens")?;
    programme.screen = screen.parse()?;
    (programme.events, programme.subscription) = (vec![], None);
    programme.fallback.headline.de = headline.to_owned();
    programme.fallback.image = image;
    Ok(programme)
}

fn draft(world: &World, body: ScreenProgramme) -> RolloutDraft {
    let first = world.stores[0].id().clone();
    RolloutDraft {
        name: "Herbst".to_owned(),
        body: RolloutBody::Screen(Box::new(body)),
        stores: vec![],
        waves: vec![WaveReach::Stores(vec![first]), WaveReach::Percent(100)],
        per_minute: 100,
        rejected_percent_max: 0,
        applied_percent_min: 100,
        patience_s: 600,
    }
}

async fn ended(staff: &Staff, begun: &RolloutView) -> RolloutView {
    let look = async || staff.api().get::<RolloutView>(&format!("/v1/rollouts/{}", begun.rollout)).await.ok();
    eventually("the rollout ends", async || look().await.filter(|rollout| rollout.ended_at.is_some())).await
}

fn shows(plan: &ScreenPlan, headline: &str) -> Option<Option<String>> {
    let content = &plan.zones.first()?.items.first()?.content;
    (content.headline.de == headline).then(|| content.image.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn as_079_a_picture_reaches_every_store_wave_by_wave_and_a_rejected_programme_comes_back_from_all() -> Result<()> {
    for profile in Profile::all() {
        let plan = WorldPlan::new(profile, 3).shaped(|store| {
            if store.store.id.as_str() == "berlin-mitte" {
                store.add_screen(EXTRA, &mut rand::rng());
            }
        });
        let world = plan.start().await?;
        let marketer = world.marketer().await?;
        let picture = [b"\x89PNG\r\n\x1a\n".as_slice(), &[7; 300_000]].concat();
        let upload = marketer.api().request(Method::POST, "/v1/content").body(picture.clone()).send().await?;
        assert_eq!(upload.status(), 201);
        let blob: Blob = upload.json().await?;
        assert_eq!(blob.sha256, ContentHash::of(&picture));

        let body = programme("aisle-5", "mit Bild", Some(blob.sha256.image()))?;
        let begun: RolloutView = marketer.api().post("/v1/rollouts", &draft(&world, body)).await?;
        let done = ended(&marketer, &begun).await;
        assert_eq!((done.phase, done.reason), (RolloutPhase::Done, None));
        assert!(done.stores.iter().all(|store| store.progress == RolloutProgress::Applied), "{done:?}");
        for store in &world.stores {
            let screen = store.screen("aisle-5").await?;
            let image = screen.plan(DEADLINE, |plan| shows(plan, "mit Bild")).await.context("the store shows it")?;
            assert_eq!(image, Some(blob.sha256.image()));
            let url = format!("{}/content/{}", store.target.http, blob.sha256);
            assert_eq!(reqwest::get(url).await?.bytes().await?, picture, "from its own node");
        }

        let screen = world.stores[0].screen(EXTRA).await?;
        let begun: RolloutView = marketer.api().post("/v1/rollouts", &draft(&world, programme(EXTRA, "nur hier", None)?)).await?;
        let back = ended(&marketer, &begun).await;
        assert_eq!((back.phase, back.reason, back.wave), (RolloutPhase::RolledBack, Some(RolloutReason::TooManyRejected), 1));
        assert!(back.stores.iter().all(|store| store.progress == RolloutProgress::Restored), "{back:?}");
        let former = screen.plan(DEADLINE, |plan| shows(plan, "nur hier").is_none().then_some(()));
        former.await.context("the first store shows its former programme again")?;
        let listed: Rollouts = world.operator().await?.api().get("/v1/rollouts").await?;
        assert_eq!(listed.rollouts.len(), 2, "the newest first: {listed:?}");
        assert_eq!(listed.rollouts[0].rollout, begun.rollout);
        world.stop().await?;
    }
    Ok(())
}
