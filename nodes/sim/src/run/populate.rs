//! Fills a shop over its public interface: a campaign and its offers, as a marketer would; products and stock, as the retailer's own system would.

use aisle_mesh::clock::Clock;
use aisle_schemas::http::cloud::{OfferState, OfferView};
use aisle_schemas::ids::StoreId;
use aisle_schemas::product::StockReport;
use anyhow::{Context, Result};

use crate::client::{Integration, Mail, Staff};
use crate::world::products::ASSORTMENT;
use crate::world::{MARKETER, offers};

/// Publishes the demo's offers, unless there are published ones already. Returns what is published.
///
/// # Errors
/// When a step is refused.
pub async fn populate(cloud: &str, mail: &dyn Mail, clock: &dyn Clock) -> Result<Vec<OfferView>> {
    let marketer = Staff::sign_in(cloud, mail, MARKETER).await.context("failed to sign in the marketer")?;
    populate_as(&marketer, clock).await
}

/// The same by a marketer who is signed in.
///
/// # Errors
/// When a step is refused.
pub async fn populate_as(marketer: &Staff, clock: &dyn Clock) -> Result<Vec<OfferView>> {
    let mut published: Vec<_> = marketer.offers().await?.into_iter().filter(|offer| offer.state == OfferState::Published).collect();
    if published.is_empty() {
        let now = clock.now();
        let campaign = marketer.make_campaign(&offers::campaign(now)).await.context("failed to make the campaign")?;
        for draft in offers::offers(campaign.campaign, now) {
            let offer = marketer.publish_offer(&draft).await;
            published.push(offer.with_context(|| format!("failed to publish {}", draft.product.sku))?);
        }
    }
    Ok(published)
}

/// Pieces of the first product that each store has; the others have a few more or less.
const STOCK: usize = 12;

/// Makes the assortment known and says how much of it the stores have. A second time changes nothing but the stock's age.
///
/// # Errors
/// When a step is refused.
pub async fn fill_shelves(till: &Integration, stores: &[StoreId], clock: &dyn Clock) -> Result<()> {
    // One instant per day, so that a demo that starts again on the same day sends no product twice.
    let (now, day) = (clock.now(), clock.now().date_naive().and_time(chrono::NaiveTime::MIN).and_utc());
    till.put_products(ASSORTMENT.iter().map(|row| row.sheet(day)).collect()).await.context("failed to make products known")?;
    for store in stores {
        let count = |place: usize| u32::try_from(STOCK + place * 7 % 23).unwrap_or(u32::MAX);
        let level = |(place, row)| StockReport {
            sku: crate::world::products::Row::product(row).sku,
            store: store.clone(),
            count: count(place),
            at: now,
        };
        till.report_stock(ASSORTMENT.iter().enumerate().map(level).collect()).await.context("failed to report stock")?;
    }
    Ok(())
}
