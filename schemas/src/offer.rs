//! Offers as the cloud publishes them and nodes and surfaces receive them. Owns the wire shape; the rules are in the cores.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{
    blob::Blob,
    content::{Content, Money, SurfaceKind},
    ids::{CampaignId, CategoryId, OfferId, Sku, StoreId, ZoneId},
    text::LocalText,
};

/// A product as the catalogue names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Product {
    pub sku: Sku,
    pub name: LocalText,
    pub category: CategoryId,
    /// Group of categories of which a household usually needs one, e.g. `pet-species` for cat and dog food (RELEVANCE, hard gate).
    pub sibling_group: Option<String>,
    /// Illustration of the product.
    pub image: Option<String>,
}

/// Where and when an offer runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS, Default)]
pub struct OfferTarget {
    /// Stores; empty means all.
    #[schemars(length(max = 1000))]
    pub stores: Vec<StoreId>,
    /// Zones in which screens and NFC displays show it; empty means all.
    #[schemars(length(max = 100))]
    pub zones: Vec<ZoneId>,
    /// Surfaces that may show it.
    pub surfaces: Vec<SurfaceKind>,
}

/// Content for one kind of surface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Variant {
    pub surface: SurfaceKind,
    pub content: Content,
}

/// A published offer, body of the desired document `offer/{offer_id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Offer {
    pub offer: OfferId,
    /// Rises by one with each publication.
    pub rev: u32,
    pub campaign: CampaignId,
    pub product: Product,
    pub price: Money,
    pub was: Option<Money>,
    /// Half-open `[from, to)`: not started before, never shown after.
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub target: OfferTarget,
    /// One per surface kind of the target, or the fallback stands in.
    pub variants: Vec<Variant>,
    /// Stands in where a surface has no variant; surfaces named here may use it.
    pub fallback: Option<Content>,
    pub fallback_for: Vec<SurfaceKind>,
    /// Blobs that its pictures name; the offer is in force at a store once all of them are there and verified (AS-079).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub media: Vec<Blob>,
}

impl Offer {
    /// The content for a surface: its variant, else the declared fallback, else nothing.
    pub fn content_for(&self, surface: SurfaceKind) -> Option<&Content> {
        self.variants
            .iter()
            .find(|v| v.surface == surface)
            .map(|v| &v.content)
            .or_else(|| self.fallback.as_ref().filter(|_| self.fallback_for.contains(&surface)))
    }
    /// All pictures that it names.
    pub fn images(&self) -> impl Iterator<Item = Option<&str>> {
        let contents = self.variants.iter().map(|variant| &variant.content).chain(&self.fallback);
        contents.map(crate::blob::image_of).chain([self.product.image.as_deref()])
    }
    /// True inside `[from, to)`.
    pub fn valid_at(&self, now: DateTime<Utc>) -> bool {
        self.from <= now && now < self.to
    }
}
