//! A87: what it is made of and how it is cleaned, in one's own language.

use aisle_schemas::product::{CareSymbol, CareText, ProductCare, ProductView};
use aisle_schemas::text::Language;
use aisle_sim::world::products::ASSORTMENT;
use aisle_tests::eventually;
use aisle_tests::world::{Profile, World};
use anyhow::{Context, Result};

#[tokio::test(flavor = "multi_thread")]
async fn a87_care_is_said_in_the_readers_language_or_marked_and_its_lack_is_one_finding() -> Result<()> {
    let world = World::start(Profile::all().into_iter().next().context("there is a profile")?, 1).await?;
    let till = world.integration()?;
    let text = |language, words: &str| CareText { language, material: "Wolle".into(), text: words.into() };
    let mut sheets: Vec<_> = ASSORTMENT.iter().take(3).map(|row| row.sheet(world.now())).collect();
    for sheet in &mut sheets {
        sheet.textile = true;
    }
    sheets[0].care = Some(ProductCare {
        symbols: vec![CareSymbol::HandWash],
        texts: vec![text(Language::De, "Von Hand waschen"), text(Language::En, "Wash by hand")],
    });
    sheets[1].care = Some(ProductCare { symbols: vec![], texts: vec![text(Language::De, "Von Hand waschen")] });
    let findings = till.put_products(sheets.clone()).await?.findings;
    let about = |code: &str| findings.iter().filter(|finding| finding.code == code).map(|finding| finding.sku.clone()).collect::<Vec<_>>();
    assert_eq!(about("care_missing"), [sheets[2].sku.clone()]);
    assert_eq!(about("care_language_missing"), [sheets[1].sku.clone()]);
    let api = world.stores[0].floor()?.api().clone();
    let view = async |place: usize, language: &str| {
        let path = format!("/v1/products/by-gtin/{}?language={language}", sheets[place].gtins[0]);
        eventually("the product is at the store", async || api.get::<ProductView>(&path).await.ok()).await
    };
    let care = view(0, "en").await.care.context("it has care")?;
    assert_eq!((care.text.as_str(), care.fallback), ("Wash by hand", false));
    let care = view(1, "en").await.care.context("it has care")?;
    assert_eq!((care.text.as_str(), care.language, care.fallback), ("Von Hand waschen", Language::De, true));
    assert_eq!(view(2, "en").await.care, None);
    world.stop().await
}
