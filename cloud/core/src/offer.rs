//! Offers: what may be published, and how an offer lives (A19).
//!
//! Owns the states draft → published → withdrawn with consuming transitions, the publish lint and the class table of DOMAIN 13. Takes
//! content whose rule is compiled; emits the document that stores receive, or every finding with the place it concerns.

use aisle_schemas::{
    content::{Content, ContentClass, Money, PrivacyClass, SurfaceKind},
    offer::{Offer as OfferDocument, OfferTarget, Product, Variant},
    text::{Language, LocalText},
};
use chrono::{DateTime, Utc};

use crate::{
    eligibility::{Program, PublishError, compile},
    gate::candidate::Unit,
    ids::{CampaignId, OfferId},
};

/// Words that can be read in passing; more is not read on a public or shared surface.
pub const PUBLIC_WORDS_MAX: usize = 12;
/// Longest line of an offer in characters, the limit of the wire.
pub const TEXT_CHARS_MAX: usize = 500;
/// Stores, zones and variants are bounded like the wire.
pub const TARGET_STORES_MAX: usize = 1_000;
/// See [`TARGET_STORES_MAX`].
pub const TARGET_ZONES_MAX: usize = 100;

/// Who may get an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AudienceRule {
    /// Everyone whom the gate allows.
    Everyone,
    Rule(Program),
}

impl AudienceRule {
    /// Compiles a rule's source; blank means everyone. Needs the stack that [`compile`] needs.
    pub fn compile(source: &str) -> Result<Self, PublishError> {
        if source.trim().is_empty() { Ok(Self::Everyone) } else { compile(source).map(Self::Rule) }
    }

    /// The source as written; empty for everyone.
    pub fn source(&self) -> &str {
        match self {
            Self::Everyone => "",
            Self::Rule(program) => program.source(),
        }
    }

    /// The rule as a sentence in both languages.
    pub fn sentence(&self) -> LocalText {
        match self {
            Self::Everyone => LocalText::new("Gilt für alle, die es erlauben.", "Applies to everyone who allows it."),
            Self::Rule(program) => LocalText::new(program.explain(Language::De), program.explain(Language::En)),
        }
    }
}

/// What a marketer edits.
#[derive(Debug, Clone, PartialEq)]
pub struct OfferContent {
    pub campaign: CampaignId,
    pub product: Product,
    pub price: Money,
    pub was: Option<Money>,
    /// Half-open `[from, to)`.
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub target: OfferTarget,
    pub variants: Vec<Variant>,
    pub fallback: Option<Content>,
    pub fallback_for: Vec<SurfaceKind>,
    pub rule: AudienceRule,
    /// Value to the programme as a share of the best.
    pub value: Unit,
    /// Whether it may also go as a push.
    pub push: bool,
}

/// Where an offer stands. `rev` rises by one with each publication and never falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfferState {
    /// Being edited; `published_rev` is what stores show meanwhile, 0 when it never was published.
    Draft {
        published_rev: u32,
    },
    Published {
        rev: u32,
        at: DateTime<Utc>,
    },
    /// Final.
    Withdrawn {
        rev: u32,
        at: DateTime<Utc>,
    },
}

/// An offer.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    pub id: OfferId,
    pub content: OfferContent,
    pub state: OfferState,
}

/// One thing that keeps an offer from being published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    #[error("surface {} has neither a variant nor a declared fallback", .0.as_str())]
    NoVariant(SurfaceKind),
    #[error("surface {} has more than one variant", .0.as_str())]
    DoubleVariant(SurfaceKind),
    #[error("content of class {class:?} is never shown on surface {}", .surface.as_str())]
    ClassNotAllowed { surface: SurfaceKind, class: ContentClass },
    #[error("surface {} has {words} words in {}, more than {PUBLIC_WORDS_MAX}", .surface.as_str(), .language.as_str())]
    TooManyWords { surface: SurfaceKind, language: Language, words: usize },
    #[error("surface {} has no headline in {}", .surface.as_str(), .language.as_str())]
    NoHeadline { surface: SurfaceKind, language: Language },
    #[error("a text for surface {} is longer than {TEXT_CHARS_MAX} characters", .0.as_str())]
    TextTooLong(SurfaceKind),
    #[error("surface {} names another price than the offer", .0.as_str())]
    PriceDiffers(SurfaceKind),
    #[error("surface {} has a segment without class P2, or class P2 without a segment", .0.as_str())]
    SegmentDisagrees(SurfaceKind),
    #[error("the offer ends before it begins")]
    EndsBeforeItBegins,
    #[error("the offer has ended")]
    HasEnded,
    #[error("the price must be more than nothing")]
    PriceNotPositive,
    #[error("the former price must be higher and in the same currency")]
    FormerPriceNotHigher,
    #[error("no surface is named that should show it")]
    NoSurface,
    #[error("more than {TARGET_STORES_MAX} stores or {TARGET_ZONES_MAX} zones")]
    TargetTooLarge,
}

impl Finding {
    /// JSON pointer to the field that it concerns, in the draft as the console edits it.
    pub fn field(&self) -> &'static str {
        match self {
            Self::NoVariant(_)
            | Self::DoubleVariant(_)
            | Self::ClassNotAllowed { .. }
            | Self::TooManyWords { .. }
            | Self::NoHeadline { .. }
            | Self::TextTooLong(_)
            | Self::PriceDiffers(_)
            | Self::SegmentDisagrees(_) => "/variants",
            Self::EndsBeforeItBegins | Self::HasEnded => "/to",
            Self::PriceNotPositive => "/price",
            Self::FormerPriceNotHigher => "/was",
            Self::NoSurface | Self::TargetTooLarge => "/target",
        }
    }
}

/// An offer that was not published, unchanged, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishRefused {
    pub offer: Offer,
    pub refusal: PublishRefusal,
}

/// Why an offer was not published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublishRefusal {
    Withdrawn,
    /// At least one.
    Findings(Vec<Finding>),
}

/// A withdrawn offer cannot come back: stores may have forgotten its revisions.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the offer is withdrawn")]
pub struct OfferWithdrawn(pub Box<Offer>);

impl Offer {
    /// A new offer.
    pub fn draft(id: OfferId, content: OfferContent) -> Self {
        Self { id, content, state: OfferState::Draft { published_rev: 0 } }
    }

    /// Replaces the content; what is published stays as it is until the next publication.
    pub fn edit(self, content: OfferContent) -> Result<Self, OfferWithdrawn> {
        match self.state {
            OfferState::Draft { published_rev } | OfferState::Published { rev: published_rev, .. } => {
                Ok(Self { content, state: OfferState::Draft { published_rev }, ..self })
            }
            OfferState::Withdrawn { .. } => Err(OfferWithdrawn(Box::new(self))),
        }
    }

    /// Publishes under the next revision.
    pub fn publish(self, now: DateTime<Utc>) -> Result<Self, Box<PublishRefused>> {
        let published_rev = match self.state {
            OfferState::Draft { published_rev } | OfferState::Published { rev: published_rev, .. } => published_rev,
            OfferState::Withdrawn { .. } => {
                return Err(Box::new(PublishRefused { offer: self, refusal: PublishRefusal::Withdrawn }));
            }
        };
        let findings = lint(&self.content, now);
        if !findings.is_empty() {
            return Err(Box::new(PublishRefused { offer: self, refusal: PublishRefusal::Findings(findings) }));
        }
        let rev = published_rev.saturating_add(1);
        Ok(Self { state: OfferState::Published { rev, at: now }, ..self })
    }

    /// Ends the offer everywhere, at once and for good. Withdrawing again changes nothing.
    pub fn withdraw(self, now: DateTime<Utc>) -> Self {
        match self.state {
            OfferState::Draft { published_rev: rev } | OfferState::Published { rev, .. } => {
                Self { state: OfferState::Withdrawn { rev, at: now }, ..self }
            }
            OfferState::Withdrawn { .. } => self,
        }
    }

    /// What stores receive; `None` unless published.
    pub fn document(&self) -> Option<OfferDocument> {
        let rev = match self.state {
            OfferState::Published { rev, .. } => rev,
            OfferState::Draft { .. } | OfferState::Withdrawn { .. } => return None,
        };
        let content = self.content.clone();
        Some(OfferDocument {
            offer: self.id,
            rev,
            campaign: content.campaign,
            product: content.product,
            price: content.price,
            was: content.was,
            from: content.from,
            to: content.to,
            target: content.target,
            variants: content.variants,
            fallback: content.fallback,
            fallback_for: content.fallback_for,
            // Named by whoever keeps the blobs.
            media: Vec::new(),
        })
    }
}

/// Whether content of a class may ever be shown on a surface. The conditions of the moment (K1 to K5, tap, handshake) are asked at the
/// store, right before rendering.
pub fn may_ever_show(surface: PrivacyClass, class: ContentClass) -> bool {
    match (surface, class) {
        (_, ContentClass::P0 | ContentClass::P1 | ContentClass::P2) | (PrivacyClass::Own, _) => true,
        (PrivacyClass::Public, ContentClass::P3 | ContentClass::P4) => false,
        (PrivacyClass::Shared, ContentClass::P3) => true,
        (PrivacyClass::Shared, ContentClass::P4) => false,
        (PrivacyClass::Staff, ContentClass::P3 | ContentClass::P4) => true,
    }
}

/// Everything that keeps the content from being published at `now`.
pub fn lint(content: &OfferContent, now: DateTime<Utc>) -> Vec<Finding> {
    let OfferContent {
        campaign: _,
        product: _,
        price,
        was,
        from,
        to,
        target,
        variants,
        fallback,
        fallback_for,
        rule: _,
        value: _,
        push: _,
    } = content;
    let mut findings = Vec::new();
    if to <= from {
        findings.push(Finding::EndsBeforeItBegins);
    } else if *to <= now {
        findings.push(Finding::HasEnded);
    }
    if price.minor <= 0 {
        findings.push(Finding::PriceNotPositive);
    }
    if was.is_some_and(|was| was.currency != price.currency || was.minor <= price.minor) {
        findings.push(Finding::FormerPriceNotHigher);
    }
    if target.surfaces.is_empty() {
        findings.push(Finding::NoSurface);
    }
    if target.stores.len() > TARGET_STORES_MAX || target.zones.len() > TARGET_ZONES_MAX {
        findings.push(Finding::TargetTooLarge);
    }
    for surface in SurfaceKind::ALL {
        let mut own = variants.iter().filter(|variant| variant.surface == surface).map(|variant| &variant.content);
        let declared = fallback.as_ref().filter(|_| fallback_for.contains(&surface));
        match (own.next(), own.next(), declared) {
            (Some(_), Some(_), _) => findings.push(Finding::DoubleVariant(surface)),
            (Some(shown), None, _) | (None, _, Some(shown)) => lint_shown(surface, shown, *price, &mut findings),
            (None, _, None) => findings.push(Finding::NoVariant(surface)),
        }
    }
    findings
}

/// What is wrong with one content on one surface.
fn lint_shown(surface: SurfaceKind, shown: &Content, price: Money, findings: &mut Vec<Finding>) {
    if !may_ever_show(surface.privacy(), shown.class) {
        findings.push(Finding::ClassNotAllowed { surface, class: shown.class });
    }
    if (shown.class == ContentClass::P2) != shown.segment.is_some() {
        findings.push(Finding::SegmentDisagrees(surface));
    }
    if shown.price.is_some_and(|named| named != price) {
        findings.push(Finding::PriceDiffers(surface));
    }
    let in_passing = match surface.privacy() {
        PrivacyClass::Public | PrivacyClass::Shared => true,
        PrivacyClass::Staff | PrivacyClass::Own => false,
    };
    for language in Language::ALL {
        let (headline, line) = (shown.headline.get(language), shown.line.get(language));
        if headline.trim().is_empty() {
            findings.push(Finding::NoHeadline { surface, language });
        }
        let words = headline.split_whitespace().chain(line.split_whitespace()).count();
        if in_passing && words > PUBLIC_WORDS_MAX {
            findings.push(Finding::TooManyWords { surface, language, words });
        }
    }
    let longest = Language::ALL
        .into_iter()
        .flat_map(|language| [shown.headline.get(language), shown.line.get(language)])
        .map(|text| text.chars().count())
        .max();
    if longest.is_some_and(|chars| chars > TEXT_CHARS_MAX) {
        findings.push(Finding::TextTooLong(surface));
    }
}

#[cfg(test)]
mod tests;
