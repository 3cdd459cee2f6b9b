//! What staff ask of the owner of the book.
//!
//! Owns the commands on campaigns, offers and legal texts. Each is decided on the book as it stands and changes nothing by itself. Refusals name
//! the field of the draft at fault.

use aisle_cloud_core::{
    campaign::{CampaignContent, lint as campaign_lint},
    consent::TextRefused,
    offer::{AudienceRule, Offer, OfferState as CoreState, PublishRefusal},
};
use aisle_schemas::{
    blob::Blob,
    http::{
        FieldError,
        cloud::{CampaignDraft, LegalText, OfferDraft, OfferState},
    },
    ids::{CampaignId, OfferId, StoreId},
    offer::Product,
};
use aisle_store::{
    Message as OutboxMessage,
    offer::{self, CampaignRow, OfferRow, PublishedOffer},
};
use chrono::{DateTime, Utc};

use super::{
    Book, DeskChanges, DeskCommand, DeskWorld,
    documents::{document, stores_of},
};
use crate::{fresh, problem::Refusal, rules, wire};

/// Make a campaign, or change one.
pub struct PutCampaign {
    /// `None` makes one.
    pub campaign: Option<CampaignId>,
    pub draft: CampaignDraft,
}

impl DeskCommand for PutCampaign {
    type Answer = CampaignRow;
    const NAME: &'static str = "put_campaign";
    fn decide(&self, book: &Book, world: &DeskWorld) -> Result<(DeskChanges, CampaignRow), Refusal> {
        let CampaignDraft { name, from, to, cap_per_day } = self.draft.clone();
        let known = match self.campaign {
            Some(id) => Some(book.campaigns.get(&id).ok_or_else(|| Refusal::not_found("campaign"))?),
            None => None,
        };
        let content =
            CampaignContent { name: name.clone(), from, to, cap_per_day: (cap_per_day > 0).then_some(cap_per_day), holdout: None };
        let findings = campaign_lint(&content, world.now);
        if !findings.is_empty() {
            return Err(Refusal::invalid_fields(
                findings.iter().map(|finding| FieldError { field: finding.field().to_owned(), reason: finding.to_string() }).collect(),
            ));
        }
        let row = CampaignRow {
            campaign: known.map_or_else(|| fresh::id(world.now, CampaignId::new), |known| known.campaign),
            name,
            from,
            to,
            cap_per_day,
            paused: known.is_some_and(|known| known.paused),
        };
        Ok((DeskChanges { campaigns: vec![row.clone()], ..DeskChanges::default() }, row))
    }
}

/// Make a draft, or change one.
pub struct PutOffer {
    /// `None` makes one.
    pub offer: Option<OfferId>,
    pub draft: OfferDraft,
    /// The draft's rule, compiled.
    pub rule: AudienceRule,
}

impl DeskCommand for PutOffer {
    type Answer = OfferRow;
    const NAME: &'static str = "put_offer";
    fn decide(&self, book: &Book, world: &DeskWorld) -> Result<(DeskChanges, OfferRow), Refusal> {
        if !book.campaigns.contains_key(&self.draft.campaign) {
            return Err(Refusal::invalid("/campaign", "there is no such campaign"));
        }
        if let Some(unknown) = self.draft.target.stores.iter().position(|store| !world.settings.stores.contains_key(store)) {
            return Err(Refusal::invalid(format!("/target/stores/{unknown}"), "there is no such store"));
        }
        let content = rules::content(&self.draft, self.rule.clone());
        let row = match self.offer {
            None => {
                if book.offers.len() >= usize::try_from(offer::OFFERS_MAX).unwrap_or(usize::MAX) {
                    return Err(Refusal::conflict("offers_full").detail("there are as many offers as one cloud keeps"));
                }
                let offer = Offer::draft(fresh::id(world.now, OfferId::new), content);
                row_of(&offer, &self.draft, None, world.now)
            }
            Some(id) => {
                let known = book.offers.get(&id).ok_or_else(|| Refusal::not_found("offer"))?;
                let offer = core_offer(known, content.clone()).edit(content).map_err(|_| Refusal::conflict("offer_withdrawn"))?;
                row_of(&offer, &self.draft, known.published.clone(), world.now)
            }
        };
        Ok((DeskChanges { offers: vec![row.clone()], ..DeskChanges::default() }, row))
    }
}

/// The offer as the core sees it, with the content given.
fn core_offer(row: &OfferRow, content: aisle_cloud_core::offer::OfferContent) -> Offer {
    let state = match row.state {
        OfferState::Draft => CoreState::Draft { published_rev: row.rev },
        OfferState::Published => CoreState::Published { rev: row.rev, at: row.changed_at },
        OfferState::Withdrawn => CoreState::Withdrawn { rev: row.rev, at: row.changed_at },
    };
    Offer { id: row.offer, content, state }
}

fn row_of(offer: &Offer, draft: &OfferDraft, published: Option<PublishedOffer>, now: DateTime<Utc>) -> OfferRow {
    let (state, rev) = match offer.state {
        CoreState::Draft { published_rev } => (OfferState::Draft, published_rev),
        CoreState::Published { rev, .. } => (OfferState::Published, rev),
        CoreState::Withdrawn { rev, .. } => (OfferState::Withdrawn, rev),
    };
    OfferRow { offer: offer.id, campaign: draft.campaign, state, rev, draft: draft.clone(), published, changed_at: now }
}

/// Publish an offer under its next revision.
pub struct PublishOffer {
    pub offer: OfferId,
    /// The rule of the draft as it was read, compiled.
    pub rule: AudienceRule,
    /// Blobs that the draft's pictures name, as they are kept.
    pub media: Vec<Blob>,
    /// What was read: another draft since then is not published under a rule that is not its own.
    pub changed_at: DateTime<Utc>,
}

impl DeskCommand for PublishOffer {
    type Answer = OfferRow;
    const NAME: &'static str = "publish_offer";
    fn decide(&self, book: &Book, world: &DeskWorld) -> Result<(DeskChanges, OfferRow), Refusal> {
        let known = book.offers.get(&self.offer).ok_or_else(|| Refusal::not_found("offer"))?;
        if known.changed_at != self.changed_at {
            return Err(Refusal::conflict("offer_changed").detail("the offer was changed meanwhile"));
        }
        let content = rules::content(&known.draft, self.rule.clone());
        let offer = core_offer(known, content).publish(world.now).map_err(|refused| match refused.refusal {
            PublishRefusal::Withdrawn => Refusal::conflict("offer_withdrawn"),
            PublishRefusal::Findings(findings) => Refusal::invalid_fields(
                findings.iter().map(|finding| FieldError { field: finding.field().to_owned(), reason: finding.to_string() }).collect(),
            ),
        })?;
        let document_body = offer.document().ok_or_else(|| Refusal::conflict("offer_withdrawn"))?;
        let document_body = aisle_schemas::offer::Offer { media: self.media.clone(), ..document_body };
        let published = PublishedOffer {
            offer: document_body,
            rule: known.draft.rule.clone(),
            value_percent: known.draft.value_percent,
            push: known.draft.push,
        };
        let row = row_of(&offer, &known.draft, Some(published.clone()), world.now);
        let (before, after) = (stores_of(known.published.as_ref(), &world.settings), stores_of(Some(&published), &world.settings));
        let mut down = Vec::new();
        for store in &after {
            down.extend(document(&world.settings, store, row.offer, Some(&published.offer), world.now)?);
        }
        for store in before.iter().filter(|store| !after.contains(store)) {
            down.extend(document(&world.settings, store, row.offer, None, world.now)?);
        }
        let gone = before.into_iter().filter(|store| !after.contains(store));
        let stores: Vec<StoreId> = after.iter().cloned().chain(gone).collect();
        let changes = DeskChanges {
            live: vec![(row.offer, rules::live(&published, self.rule.clone()))],
            outbox: vec![OutboxMessage::OfferPublished { offer: row.offer, rev: row.rev, stores }],
            offers: vec![row.clone()],
            down,
            ..DeskChanges::default()
        };
        Ok((changes, row))
    }
}

/// Withdraw an offer at once.
pub struct WithdrawOffer(pub OfferId);

impl DeskCommand for WithdrawOffer {
    type Answer = OfferRow;
    const NAME: &'static str = "withdraw_offer";
    fn decide(&self, book: &Book, world: &DeskWorld) -> Result<(DeskChanges, OfferRow), Refusal> {
        let Self(id) = self;
        let known = book.offers.get(id).ok_or_else(|| Refusal::not_found("offer"))?;
        if known.state == OfferState::Withdrawn {
            return Ok((DeskChanges::default(), known.clone()));
        }
        let row = OfferRow { state: OfferState::Withdrawn, changed_at: world.now, ..known.clone() };
        let stores = stores_of(known.published.as_ref(), &world.settings);
        let mut down = Vec::new();
        for store in &stores {
            down.extend(document(&world.settings, store, *id, None, world.now)?);
        }
        let outbox = if stores.is_empty() { Vec::new() } else { vec![OutboxMessage::OfferWithdrawn { offer: *id, stores }] };
        Ok((DeskChanges { offers: vec![row.clone()], down, outbox, ..DeskChanges::default() }, row))
    }
}

/// Publish a version of a legal text.
pub struct PublishText(pub LegalText);

impl DeskCommand for PublishText {
    type Answer = LegalText;
    const NAME: &'static str = "publish_text";
    fn decide(&self, book: &Book, _world: &DeskWorld) -> Result<(DeskChanges, LegalText), Refusal> {
        let Self(text) = self;
        let mut texts = book.catalogue().map_err(Refusal::unavailable)?.texts;
        let core = wire::legal_text(text).map_err(|error| Refusal::invalid("/id", error.to_string()))?;
        let is_new = texts.publish(core).map_err(|refused| match refused {
            TextRefused::Edited(_) => Refusal::conflict("text_published").detail("a published text is never edited; publish a new version"),
            TextRefused::VersionNotNext { .. } => Refusal::invalid("/version", refused.to_string()),
            TextRefused::SistersDiffer => Refusal::invalid("/valid_from", refused.to_string()),
            TextRefused::EmptyValidity => Refusal::invalid("/valid_to", refused.to_string()),
        })?;
        let text = (*text).clone();
        Ok((DeskChanges { text: is_new.then(|| text.clone()), ..DeskChanges::default() }, text))
    }
}

/// Products that a sale has made known, for the sibling gate and the catalogue.
pub struct KnowProducts(pub Vec<Product>);

impl DeskCommand for KnowProducts {
    type Answer = ();
    const NAME: &'static str = "know_products";
    fn decide(&self, book: &Book, _world: &DeskWorld) -> Result<(DeskChanges, ()), Refusal> {
        let new: Vec<Product> = self.0.iter().filter(|product| !book.products.contains(product)).cloned().collect();
        Ok((DeskChanges { products: new, ..DeskChanges::default() }, ()))
    }
}
