//! Candidates as the gate takes them.
//!
//! Owns their making from offers, rows and catalogue, and their names. A candidate made from an offer is named by what it is about, so that
//! making it twice is making it once. A message in a store needs the consent to in-store context; one that interrupts needs the consent to
//! marketing as well.

use std::collections::BTreeSet;

use aisle_cloud_core::{
    consent::{Channel, Purpose},
    gate::{
        ContentTruth, ContextNeed,
        candidate::{Candidate, MessageChannel, MessageClass, Unit},
        caps::{Cap, Window},
    },
    ids::CapId,
    ranking::{self, Nearness, OfferCandidate, OfferedProduct, SlateInput, Taste, TasteKey},
};
use aisle_schemas::{
    http::cloud::MessageKind,
    ids::{CampaignId, CandidateId, CategoryId, VisitId},
};
use aisle_store::{customer::CandidateRow, visit::VisitRow};
use sha2::{Digest, Sha256};

use crate::{
    actors::customer::{
        World,
        state::{Customer, Interest},
    },
    catalogue::{Catalogue, LiveOffer},
    wire,
};

/// Seconds of the rolling day.
const DAY_S: u32 = 86_400;

/// Names the candidate of an offer on a channel during a visit. Another revision, or another state of consents, is another candidate.
pub fn id_of(customer: &Customer, visit: VisitId, live: &LiveOffer, channel: MessageChannel) -> CandidateId {
    let digest = Sha256::new()
        .chain_update(b"aisle-candidate-v1\0")
        .chain_update(customer.id().0.as_bytes())
        .chain_update(visit.0.as_bytes())
        .chain_update(live.offer.offer.0.as_bytes())
        .chain_update(live.offer.rev.to_be_bytes())
        .chain_update(customer.profile.consent_epoch.to_be_bytes())
        .chain_update(channel.as_str())
        .finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    CandidateId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

/// A candidate and what its content is compared with.
pub struct Prepared {
    pub candidate: Candidate,
    pub content: ContentTruth,
}

/// An offer as a card of the own feed, during a visit.
pub fn card(customer: &Customer, visit: &VisitRow, live: &LiveOffer) -> Prepared {
    let offer = &live.offer;
    Prepared {
        candidate: Candidate {
            id: id_of(customer, visit.visit, live, MessageChannel::OwnFeed),
            customer: customer.id(),
            campaign: offer.campaign,
            offer: Some(offer.offer),
            channel: MessageChannel::OwnFeed,
            class: MessageClass::Marketing,
            purpose: Purpose::InstoreContext,
            partner: None,
            category: Some(offer.product.category.clone()),
            tags: BTreeSet::from([wire::campaign_tag(offer.campaign)]),
            p_relevant: Unit::ONE,
            value: live.value,
            valid_until: offer.to,
            deadline: None,
            propensity: Unit::ONE,
        },
        content: ContentTruth {
            version: offer.rev,
            stock: None,
            price: None,
            offer_from: offer.from,
            offer_to: offer.to,
            needs: ContextNeed::Visit(visit.visit),
        },
    }
}

/// A queued message.
pub fn queued(customer: &Customer, row: &CandidateRow, taste: &Taste, world: &World) -> Prepared {
    let channel = wire::message_channel(&row.channel).unwrap_or(MessageChannel::OwnFeed);
    let class = match row.kind {
        MessageKind::Marketing => MessageClass::Marketing,
        MessageKind::Transactional => MessageClass::Transactional { channel_needs_consent: false },
    };
    let live = row.offer.and_then(|offer| world.catalogue.in_force(offer, world.now));
    let (offer_from, offer_to) = match (row.offer, live) {
        (Some(_), Some(live)) => (live.offer.from, live.offer.to),
        // Withdrawn, over or never published: what it says no longer holds.
        (Some(_), None) => (row.at, row.at),
        (None, _) => (row.at, row.valid_until),
    };
    // Advertising that rings a phone is about the store its owner stands in; a message of a contract holds anywhere.
    let needs = match (class, channel.is_ambient()) {
        (MessageClass::Transactional { .. }, _) => ContextNeed::Anywhere,
        (MessageClass::Marketing | MessageClass::Service, _) => ContextNeed::AnyVisit,
    };
    let category = row.category.as_deref().and_then(|name| CategoryId::parse(name).ok());
    let p_relevant = match row.relevance {
        Some(given) => Unit::new(given).unwrap_or(Unit::ZERO),
        None => live.map_or(Unit::ZERO, |live| ranking::relevance(score_of(live, taste, customer.visit.as_ref(), world))),
    };
    Prepared {
        candidate: Candidate {
            id: row.candidate,
            customer: customer.id(),
            campaign: live.map_or(CampaignId(uuid::Uuid::nil()), |live| live.offer.campaign),
            offer: row.offer,
            channel,
            class,
            purpose: purpose(customer, channel, world),
            partner: None,
            category: category.or_else(|| live.map(|live| live.offer.product.category.clone())),
            tags: live.map(|live| wire::campaign_tag(live.offer.campaign)).into_iter().collect(),
            p_relevant,
            value: Unit::new(row.value).unwrap_or(Unit::ZERO),
            valid_until: row.valid_until,
            deadline: Some(row.valid_until),
            propensity: Unit::ONE,
        },
        content: ContentTruth { version: live.map_or(0, |live| live.offer.rev), stock: None, price: None, offer_from, offer_to, needs },
    }
}

/// The consent that clause 2 asks for: in a store first the one to in-store context, without which nothing is said there.
fn purpose(customer: &Customer, channel: MessageChannel, world: &World) -> Purpose {
    let in_store = customer.visit.is_none()
        || customer.allows(Purpose::InstoreContext, channel.consent_channel().or(Some(Channel::InApp)), &world.catalogue.texts, world.now);
    if channel.is_ambient() || !in_store { Purpose::InstoreContext } else { Purpose::Marketing }
}

/// An offer as the ranking takes it.
pub fn ranked(live: &LiveOffer, visit: Option<&VisitRow>) -> OfferCandidate {
    let product = &live.offer.product;
    let zone = visit.and_then(|visit| visit.zone.as_ref());
    OfferCandidate {
        offer: live.offer.offer,
        products: vec![OfferedProduct { item: TasteKey::item(&product.sku), category: TasteKey::category(&product.category) }],
        nearness: Nearness { in_zone: zone.is_some_and(|zone| live.offer.target.zones.contains(zone)), dwells: false, scanned: false },
    }
}

/// The ranking's score of one offer; 0 where the sibling gate forbids it.
fn score_of(live: &LiveOffer, taste: &Taste, visit: Option<&VisitRow>, world: &World) -> f32 {
    let candidates = [ranked(live, visit)];
    let slate = ranking::slate(SlateInput {
        taste,
        candidates: &candidates,
        popularity: &world.popularity,
        siblings: &world.catalogue.siblings,
        engagement: &std::collections::BTreeMap::new(),
        draw: 0,
    });
    slate.items.first().map_or(0.0, |item| item.score)
}

/// Interest in the categories at hand.
pub fn interest<'a>(customer: &Customer, taste: &Taste, categories: impl Iterator<Item = &'a CategoryId>, world: &World) -> Interest {
    let evidence = categories.filter_map(|category| Some((category.clone(), taste.evidence(TasteKey::category(category))?))).collect();
    Interest { evidence, wishes: super::facts::wished_categories(customer, world) }
}

/// Caps of the campaigns at hand.
pub fn caps(campaigns: impl Iterator<Item = CampaignId>, catalogue: &Catalogue) -> Vec<Cap> {
    let campaigns: BTreeSet<CampaignId> = campaigns.collect();
    campaigns
        .into_iter()
        .filter_map(|campaign| catalogue.campaigns.get(&campaign))
        .filter(|campaign| campaign.cap_per_day > 0)
        .map(|campaign| Cap {
            id: CapId::parse("daily").expect("a literal name"),
            channels: BTreeSet::from([MessageChannel::OwnFeed]),
            tags: BTreeSet::from([wire::campaign_tag(campaign.campaign)]),
            window: Window::Rolling { seconds: DAY_S },
            limit: campaign.cap_per_day,
        })
        .collect()
}
