//! Fills a shop over its public interface: a campaign and its offers, as a marketer would.

use aisle_mesh::clock::Clock;
use aisle_schemas::http::cloud::{OfferState, OfferView};
use anyhow::{Context, Result};

use crate::client::{Mail, Staff};
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
