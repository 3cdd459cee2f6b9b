//! A19: each kind of surface gets content made for it, or a fallback that was declared for it.

use aisle_schemas::content::SurfaceKind;
use aisle_sim::world::products::ASSORTMENT;
use aisle_tests::world::{Profile, World};
use anyhow::Result;

#[tokio::test(flavor = "multi_thread")]
async fn a19_published_content_has_a_variant_or_a_fallback_for_every_surface_and_a_gap_is_refused_by_name() -> Result<()> {
    let world = World::start(Profile::Embedded, 1).await?;
    let marketer = world.marketer().await?;
    let mut gaps = Vec::new();
    for row in &ASSORTMENT {
        let offer = world.publish_with(&marketer, row.sku, |draft| draft.target.surfaces = SurfaceKind::ALL.to_vec()).await?;
        let shown = marketer.preview(&offer.draft).await?.surfaces;
        for surface in SurfaceKind::ALL {
            if !shown.iter().any(|variant| variant.surface == surface && !variant.content.headline.de.is_empty()) {
                gaps.push((row.sku, surface));
            }
        }
    }
    assert_eq!(gaps, [], "a surface without content");

    let draft = world
        .draft(&marketer, "milk", |draft| {
            draft.target.surfaces = SurfaceKind::ALL.to_vec();
            draft.variants.retain(|variant| variant.surface != SurfaceKind::NfcMonitor);
            draft.fallback_for.retain(|surface| *surface != SurfaceKind::NfcMonitor);
        })
        .await?;
    let refused = match marketer.draft_offer(&draft).await {
        Ok(made) => marketer.publish(made.offer).await.expect_err("content with a gap is not published"),
        Err(refused) => refused,
    };
    let aisle_sim::client::CallError::Refused { status, problem } = refused else { panic!("{refused}") };
    assert_eq!(status, 422);
    let text = serde_json::to_string(&problem)?;
    assert!(text.contains("nfc_monitor"), "{text}");
    world.stop().await
}
