//! Which offers a checked-in customer sees, in which order, and why (RELEVANCE.md, method (a)).
//!
//! Owns the score, the sibling hard gate and the slate. Takes a customer's [`Taste`], offers, popularity and a seeded draw; emits at most
//! [`SLATE_LEN`] offers with score, reason codes and propensity, and the offers that the gate dropped. Scores are floats: they order
//! offers and are neither money nor points.

mod explore;
mod taste;

pub use explore::{EXPLORE_POOL_MAX, Engagement};
pub use taste::{CATEGORIES_MAX, HALF_LIFE_DAYS, ITEMS_MAX, TASTE_BYTES_MAX, Taste, TasteEvent, TasteKey, TasteRefused, WISHES_MAX};

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::{gate::candidate::Unit, ids::OfferId};

/// Offers in one slate.
pub const SLATE_LEN: usize = 5;
/// Slots that follow the ranking; the rest explore.
pub const RANKED_SLOTS: usize = 4;
/// Purchases in a category that make its unbought siblings unwanted.
pub const SIBLING_PURCHASES_MIN: u32 = 3;

/// Exponent that keeps one heavy habit from drowning all others.
const OWN_EXPONENT: f32 = 0.7;
/// Weight of popularity inside the categories that a customer buys.
const CATEGORY_WEIGHT: f32 = 0.2;
/// Purchases after which a product counts as bought often.
const OFTEN_MIN: u32 = 2;
// Priors for signals that no data set has measured yet, so they stay below a habit's weight.
const PRIOR_WISH: f32 = 0.30;
const PRIOR_SCANNED: f32 = 0.10;
const PRIOR_ZONE: f32 = 0.05;
const PRIOR_DWELL: f32 = 0.05;
/// Steepness of [`relevance`].
const RELEVANCE_RATE: f64 = 2.5;

/// Why an offer is shown; surfaces translate the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    Wish,
    OftenBuys,
    PopularHere,
    NewForYou,
}

impl Why {
    /// The code on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wish => "wish",
            Self::OftenBuys => "often_buys",
            Self::PopularHere => "popular_here",
            Self::NewForYou => "new_for_you",
        }
    }
}

/// A product of an offer, and the category it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfferedProduct {
    pub item: TasteKey,
    pub category: TasteKey,
}

/// What the person is doing near an offer's products now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Nearness {
    pub in_zone: bool,
    pub dwells: bool,
    pub scanned: bool,
}

/// An offer that could be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferCandidate {
    pub offer: OfferId,
    pub products: Vec<OfferedProduct>,
    pub nearness: Nearness,
}

/// How much of each item a store sells, as a share of its best seller.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Popularity {
    shares: HashMap<TasteKey, f32>,
}

impl Popularity {
    /// From sales counts of a recent time, e.g. 28 days.
    pub fn from_counts(counts: impl IntoIterator<Item = (TasteKey, u32)>) -> Self {
        let counts: Vec<(TasteKey, u32)> = counts.into_iter().collect();
        let best = counts.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
        // A share needs no more than a float's precision.
        let shares = counts.into_iter().map(|(item, count)| (item, count as f32 / best as f32)).collect();
        Self { shares }
    }

    fn of(&self, item: TasteKey) -> f32 {
        self.shares.get(&item).copied().unwrap_or(0.0)
    }
}

/// Groups of categories of which a household usually needs one: pet species, baby, diet, age-restricted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SiblingGroups {
    groups: Vec<Vec<TasteKey>>,
}

impl SiblingGroups {
    pub fn new(groups: Vec<Vec<TasteKey>>) -> Self {
        Self { groups }
    }

    /// From the catalogue: each product's group name and category.
    pub fn from_products<'a>(products: impl IntoIterator<Item = (&'a str, TasteKey)>) -> Self {
        let mut groups: BTreeMap<&str, BTreeSet<TasteKey>> = BTreeMap::new();
        for (group, category) in products {
            groups.entry(group).or_default().insert(category);
        }
        Self { groups: groups.into_values().map(|group| group.into_iter().collect()).collect() }
    }

    /// The hard gate: whether a category may be shown to this customer anywhere, on any slot.
    pub fn allows(&self, taste: &Taste, category: TasteKey) -> bool {
        if taste.purchases_in(category) > 0 {
            return true;
        }
        !self
            .groups
            .iter()
            .filter(|group| group.contains(&category))
            .flatten()
            .any(|sibling| *sibling != category && taste.purchases_in(*sibling) >= SIBLING_PURCHASES_MIN)
    }
}

/// Everything one slate rests on.
#[derive(Debug, Clone, Copy)]
pub struct SlateInput<'a> {
    pub taste: &'a Taste,
    pub candidates: &'a [OfferCandidate],
    pub popularity: &'a Popularity,
    pub siblings: &'a SiblingGroups,
    /// How often each offer was shown and taken up in its explore slots.
    pub engagement: &'a BTreeMap<OfferId, Engagement>,
    /// Uniform draw for the explore slot; the same draw gives the same slate.
    pub draw: u64,
}

/// One place of a slate.
#[derive(Debug, Clone, PartialEq)]
pub struct SlateItem {
    pub offer: OfferId,
    pub score: f32,
    /// The strongest reason first; never empty.
    pub why: Vec<Why>,
    pub explores: bool,
    /// Probability with which this offer had this place; 1 on ranked places.
    pub propensity: Unit,
}

/// What to show.
#[derive(Debug, Clone, PartialEq)]
pub struct Slate {
    pub items: Vec<SlateItem>,
    /// Offers that the sibling gate dropped, for the log.
    pub dropped: Vec<OfferId>,
}

#[derive(Debug, Clone, PartialEq)]
struct Scored<'a> {
    candidate: &'a OfferCandidate,
    score: f32,
    why: Vec<Why>,
    /// Nothing of it was ever bought.
    is_new: bool,
    /// In a category the customer buys.
    is_familiar: bool,
}

/// Composes the slate.
pub fn slate(input: SlateInput<'_>) -> Slate {
    let SlateInput { taste, candidates, popularity, siblings, engagement, draw } = input;
    let mut dropped = Vec::new();
    let mut ranked: Vec<Scored<'_>> = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        match score(taste, candidate, popularity, siblings) {
            Some(scored) => ranked.push(scored),
            None => dropped.push(candidate.offer),
        }
    }
    ranked.sort_by(|one, other| other.score.total_cmp(&one.score).then_with(|| one.candidate.offer.cmp(&other.candidate.offer)));
    let mut rest = ranked.split_off(ranked.len().min(RANKED_SLOTS));
    let mut items: Vec<SlateItem> = ranked.into_iter().map(ranked_item).collect();
    let pool: Vec<usize> = (0..rest.len())
        .filter(|position| rest[*position].is_new && (rest[*position].is_familiar || taste.is_empty()))
        .take(EXPLORE_POOL_MAX)
        .collect();
    let arms: Vec<Engagement> =
        pool.iter().map(|position| engagement.get(&rest[*position].candidate.offer).copied().unwrap_or_default()).collect();
    if let Some(choice) = explore::choose(&arms, draw) {
        let Scored { candidate, score, why, .. } = rest.remove(pool[choice.arm]);
        let why = [Why::NewForYou].into_iter().chain(why.into_iter().filter(|why| *why != Why::NewForYou)).collect();
        items.push(SlateItem { offer: candidate.offer, score, why, explores: true, propensity: choice.propensity });
    }
    // Without anything to explore the ranking goes on; what the gate dropped stays dropped.
    let free = SLATE_LEN - items.len();
    items.extend(rest.into_iter().take(free).map(ranked_item));
    Slate { items, dropped }
}

fn ranked_item(scored: Scored<'_>) -> SlateItem {
    let Scored { candidate, score, why, .. } = scored;
    SlateItem { offer: candidate.offer, score, why, explores: false, propensity: Unit::ONE }
}

/// Score of the best allowed product, plus bounded priors. `None` when the gate allows none of its products.
fn score<'a>(taste: &Taste, candidate: &'a OfferCandidate, popularity: &Popularity, siblings: &SiblingGroups) -> Option<Scored<'a>> {
    let allowed = || candidate.products.iter().filter(|product| siblings.allows(taste, product.category));
    let best = allowed()
        .map(|product| (product, parts(taste, product, popularity)))
        .max_by(|(_, one), (_, other)| one.sum().total_cmp(&other.sum()))?;
    let (product, parts) = best;
    let wished = allowed().any(|product| taste.wishes(product.item));
    let Nearness { in_zone, dwells, scanned } = candidate.nearness;
    let prior = |holds: bool, weight: f32| if holds { weight } else { 0.0 };
    let score =
        parts.sum() + prior(wished, PRIOR_WISH) + prior(scanned, PRIOR_SCANNED) + prior(in_zone, PRIOR_ZONE) + prior(dwells, PRIOR_DWELL);
    let often = taste.purchases_of(product.item) >= OFTEN_MIN;
    let is_new = allowed().all(|product| taste.purchases_of(product.item) == 0);
    let is_popular = popularity.of(product.item) > 0.0;
    let mut why = Vec::with_capacity(3);
    for (holds, reason) in [(wished, Why::Wish), (often, Why::OftenBuys), (is_popular, Why::PopularHere), (is_new, Why::NewForYou)] {
        if holds {
            why.push(reason);
        }
    }
    if why.is_empty() {
        // Bought once and not sold here lately: her own purchase is the whole reason.
        why.push(Why::OftenBuys);
    }
    let is_familiar = allowed().any(|product| taste.category_share(product.category) > 0.0);
    Some(Scored { candidate, score, why, is_new, is_familiar })
}

struct Parts {
    own: f32,
    category: f32,
    back_off: f32,
}

impl Parts {
    fn sum(&self) -> f32 {
        self.own + self.category + self.back_off
    }
}

/// `(w/w_max)^0.7 + 0.2·sqrt(category share)·pop/pop_max + pop/n`; with no basket known, n counts as one.
fn parts(taste: &Taste, product: &OfferedProduct, popularity: &Popularity) -> Parts {
    let popular = popularity.of(product.item);
    Parts {
        own: taste.item_share(product.item).powf(OWN_EXPONENT),
        category: CATEGORY_WEIGHT * taste.category_share(product.category).sqrt() * popular,
        back_off: popular / taste.baskets().max(1) as f32,
    }
}

/// A score as the probability that the gate works with. The curve is a prior until the product's own hold-outs have measured it: it only
/// has to rise, to reach 0.9 for a product that a customer buys all the time, and to stay low for one she has never shown interest in.
pub fn relevance(score: f32) -> Unit {
    let probability = 1.0 - (-RELEVANCE_RATE * f64::from(score.max(0.0))).exp();
    Unit::new(probability).unwrap_or(Unit::ZERO)
}

#[cfg(test)]
mod tests;
