//! Everything published, in memory: offers by store, campaigns, products, legal texts.
//!
//! Owns [`Catalogue`], an immutable snapshot that its one writer, the store actor, replaces after each commit. Readers take a snapshot for
//! one decision, so a decision never sees half a publication. An index by store keeps a check-in from scanning what other stores sell.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use aisle_cloud_core::{
    consent::{LegalTexts, TextVersion},
    eligibility::Program,
    gate::candidate::Unit,
    ranking::{SiblingGroups, TasteKey},
};
use aisle_schemas::{
    http::cloud::{LegalText, OfferState},
    ids::{CampaignId, CategoryId, OfferId, StoreId},
    offer::{Offer, Product},
};
use aisle_store::offer::{CampaignRow, OfferRow};
use chrono::{DateTime, Utc};

use crate::wire::{self, Unreadable};

/// A published offer, ready to be decided on.
#[derive(Debug, Clone)]
pub struct LiveOffer {
    pub offer: Offer,
    /// Who may get it; `None` means everyone whom the gate allows.
    pub rule: Option<Program>,
    pub value: Unit,
    pub push: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Catalogue {
    /// All offers as edited, by id and so by age.
    pub offers: BTreeMap<OfferId, OfferRow>,
    pub campaigns: BTreeMap<CampaignId, CampaignRow>,
    pub products: Vec<Product>,
    /// Categories of which a household usually needs one.
    pub siblings: SiblingGroups,
    pub texts: LegalTexts,
    pub wordings: Vec<LegalText>,
    /// What was published and perhaps withdrawn since.
    published: HashMap<OfferId, Arc<LiveOffer>>,
    in_force: HashMap<OfferId, Arc<LiveOffer>>,
    by_store: HashMap<StoreId, Vec<Arc<LiveOffer>>>,
    everywhere: Vec<Arc<LiveOffer>>,
}

impl Catalogue {
    /// Builds the snapshot. `live` has the published form of every offer that was ever published.
    pub fn build(
        offers: BTreeMap<OfferId, OfferRow>,
        live: &BTreeMap<OfferId, Arc<LiveOffer>>,
        campaigns: BTreeMap<CampaignId, CampaignRow>,
        products: Vec<Product>,
        wordings: Vec<LegalText>,
    ) -> Result<Self, Unreadable> {
        let mut texts = LegalTexts::default();
        let mut ordered: Vec<&LegalText> = wordings.iter().collect();
        ordered.sort_by(|one, other| (&one.id, one.version, one.language).cmp(&(&other.id, other.version, other.language)));
        for text in ordered {
            texts.publish(wire::legal_text(text)?).map_err(|refused| Unreadable { what: "legal text", value: refused.to_string() })?;
        }
        let in_group = |product: &'_ Product| Some((product.sibling_group.clone()?, TasteKey::category(&product.category)));
        let grouped: Vec<(String, TasteKey)> = products.iter().filter_map(in_group).collect();
        let siblings = SiblingGroups::from_products(grouped.iter().map(|(group, category)| (group.as_str(), *category)));
        let mut catalogue = Self { texts, wordings, products, siblings, ..Self::default() };
        for row in offers.values() {
            let Some(published) = live.get(&row.offer) else { continue };
            catalogue.published.insert(row.offer, Arc::clone(published));
            // A draft of the next revision leaves what is published in force.
            let runs = row.state != OfferState::Withdrawn && campaigns.get(&row.campaign).is_some_and(|campaign| !campaign.paused);
            if !runs {
                continue;
            }
            catalogue.in_force.insert(row.offer, Arc::clone(published));
            if published.offer.target.stores.is_empty() {
                catalogue.everywhere.push(Arc::clone(published));
            }
            for store in &published.offer.target.stores {
                catalogue.by_store.entry(store.clone()).or_default().push(Arc::clone(published));
            }
        }
        catalogue.offers = offers;
        catalogue.campaigns = campaigns;
        Ok(catalogue)
    }

    /// An offer as it was last published, in force or not.
    pub fn published(&self, offer: OfferId) -> Option<&LiveOffer> {
        self.published.get(&offer).map(Arc::as_ref)
    }

    /// An offer that holds now.
    pub fn in_force(&self, offer: OfferId, now: DateTime<Utc>) -> Option<&LiveOffer> {
        self.in_force.get(&offer).map(Arc::as_ref).filter(|live| self.runs(live, now))
    }

    /// Offers that hold now at a store.
    pub fn at_store<'a>(&'a self, store: &StoreId, now: DateTime<Utc>) -> impl Iterator<Item = &'a Arc<LiveOffer>> + 'a {
        let here = self.by_store.get(store).into_iter().flatten();
        here.chain(&self.everywhere).filter(move |live| self.runs(live, now))
    }

    fn runs(&self, live: &LiveOffer, now: DateTime<Utc>) -> bool {
        let campaign = self.campaigns.get(&live.offer.campaign);
        live.offer.valid_at(now) && campaign.is_some_and(|campaign| campaign.from <= now && now < campaign.to)
    }

    /// Categories of all products known.
    pub fn categories(&self) -> impl Iterator<Item = &CategoryId> {
        self.products.iter().map(|product| &product.category)
    }

    /// The wording of a text version.
    pub fn wording(&self, version: &TextVersion) -> Option<&LegalText> {
        self.wordings
            .iter()
            .find(|text| text.id == version.id.as_str() && text.version == version.version && text.language.as_str() == version.locale)
    }
}
