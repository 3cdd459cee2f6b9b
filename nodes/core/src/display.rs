//! What a surface may show: the display policy.
//!
//! Owns the table of surface × content and the rules K1–K7. Takes the surface, the content's class and what is known of the zone at this
//! moment. Emits `Allow` or `Deny` with the first reason. On failure: there is none; whatever is not known counts as not allowed.
//!
//! Two of the rules hold by what cannot be written here: there is no input for an appearance (K7), and personal content has no way to a
//! public surface (K6).
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::ids::{CategoryId, OfferId, SegmentId, Sku};
use crate::zone::Slot;

/// A creative with its targeting needs this many distinct eligible visits in the region in 30 days (K2).
pub const CREATIVE_AUDIENCE_MIN: u32 = 50;
/// A creative's count is refreshed hourly; an older one is no longer known.
pub const CREATIVE_STATUS_LIFE: Duration = Duration::from_secs(3600);
/// Personal content stays this long on a shared surface after the person's tap.
pub const TAP_BINDING_LIFE: Duration = Duration::from_secs(20);

/// How a public surface reaches people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sense {
    /// Drawn: signage, wall, a till's display in sight of the queue.
    Seen,
    /// Spoken: nobody can look away from it, so it never says audience content.
    Heard,
}

/// Who can perceive the surface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Surface {
    /// Anybody who passes.
    Public(Sense),
    /// One person at a time stands in front of it: NFC monitor, kiosk, mirror of a fitting room.
    Shared,
    /// Held by staff.
    Staff,
    /// The customer's own phone, watch or tablet.
    Own,
}

/// Subjects that never steer what a group of people is shown (K5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SensitiveTopic {
    Pharmacy,
    Intimacy,
    Diet,
    BabyBeforeAnnounced,
    Debt,
    Religion,
}

impl SensitiveTopic {
    /// The subject that a category names in its first word, as the catalogue spells it. A second line of defence: proxies are found by the
    /// lint at publish.
    #[must_use]
    pub fn of_category(category: &CategoryId) -> Option<Self> {
        match category.as_str().split('-').next().unwrap_or_default() {
            "pharmacy" | "health" => Some(Self::Pharmacy),
            "intimacy" => Some(Self::Intimacy),
            "diet" => Some(Self::Diet),
            "baby" => Some(Self::BabyBeforeAnnounced),
            "credit" => Some(Self::Debt),
            "religion" => Some(Self::Religion),
            _ => None,
        }
    }
}

/// What a customer can put within the scope of a handshake, one tick each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    DisplayName,
    Wishes,
    Bookmarks,
    Basket,
    Sizes,
    Points,
    LastPurchases,
    Notes,
    /// How likely the customer is to leave or to send goods back; never for staff.
    Risk,
    /// How the customer reacts to prices; never for staff.
    PriceAffinity,
    /// Content that does not say which field it shows; never for staff.
    Unnamed,
}

impl Field {
    /// Whether staff may see the field at all; some never leave the customer's own surface, whatever was ticked.
    #[must_use]
    pub const fn shareable(self) -> bool {
        match self {
            Self::DisplayName
            | Self::Wishes
            | Self::Bookmarks
            | Self::Basket
            | Self::Sizes
            | Self::Points
            | Self::LastPurchases
            | Self::Notes => true,
            Self::Risk | Self::PriceAffinity | Self::Unnamed => false,
        }
    }
}

/// What is to be shown, by how much it says about people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// P0: the same for everyone, always.
    Generic,
    /// P1: follows place, time, weather, stock or the theme of the place.
    Context,
    /// P2: follows the mix of those present.
    Audience {
        /// The segment that steers it.
        segment: SegmentId,
        /// The offer, whose creative and targeting are counted together for K2.
        creative: OfferId,
        /// Set when the creative, its targeting or a proxy of it touches such a subject.
        topic: Option<SensitiveTopic>,
    },
    /// P3: for one person, about one product, within one field of a handshake's scope.
    Personal {
        /// The product it is about.
        product: Sku,
        /// The field it belongs to where staff are looking.
        field: Field,
    },
    /// P4: points, purchases, risk, sizes and the like.
    Sensitive {
        /// Which of the customer's fields it shows.
        field: Field,
    },
}

/// How many distinct eligible visits a creative and its targeting had in the region in 30 days, and when that was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreativeStatus {
    pub eligible_visits: u32,
    pub counted_at: DateTime<Utc>,
}

/// What ties a surface to one person for a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Binding {
    None,
    /// The person tapped here about this product.
    Tap {
        product: Sku,
        at: DateTime<Utc>,
    },
    /// The person confirmed a handshake with these ticks.
    Handshake {
        scope: BTreeSet<Field>,
        until: DateTime<Utc>,
    },
}

/// What the node knows of the zone around the surface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneState {
    /// The audience as frozen at the last slot limit; none before the first slot.
    pub slot: Option<Slot>,
    /// Region counts by offer; an unnamed offer has none.
    pub creatives: BTreeMap<OfferId, CreativeStatus>,
    pub binding: Binding,
}

impl ZoneState {
    /// A zone of which nothing is known: audience and personal content are denied.
    #[must_use]
    pub fn unknown() -> Self {
        Self { slot: None, creatives: BTreeMap::new(), binding: Binding::None }
    }
}

/// Why content was denied; the first rule that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DenyReason {
    /// The surface never shows this class.
    Class,
    /// Too few consenting visits of the segment in the zone (K1).
    KLive,
    /// The creative's audience is too small, or its count too old (K2).
    KCreative,
    /// No slot is running: audience content changes at slot limits only (K3).
    Slot,
    /// A subject or field that is never shown here (K5).
    Sensitive,
    /// Nobody has tapped or shaken hands, or it is over.
    NoBinding,
    /// A tap or handshake about something else.
    Scope,
}

impl DenyReason {
    /// The reason as it stands in records and on the console.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Class => "class",
            Self::KLive => "k_live",
            Self::KCreative => "k_creative",
            Self::Slot => "slot",
            Self::Sensitive => "sensitive",
            Self::NoBinding => "no_binding",
            Self::Scope => "scope",
        }
    }
}

/// The verdict on one content for one surface at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Allow,
    Deny(DenyReason),
}

/// Decides whether `surface` may show `content` at `now`. Run at publish and right before rendering.
#[must_use]
pub fn may_show(surface: Surface, content: &Content, zone: &ZoneState, now: DateTime<Utc>) -> Verdict {
    match (surface, content) {
        (_, Content::Generic | Content::Context) | (Surface::Own, _) | (Surface::Staff, Content::Audience { .. }) => Verdict::Allow,
        (Surface::Public(Sense::Heard), Content::Audience { .. })
        | (Surface::Public(_), Content::Personal { .. } | Content::Sensitive { .. })
        | (Surface::Shared, Content::Sensitive { .. }) => Verdict::Deny(DenyReason::Class),
        (Surface::Public(Sense::Seen) | Surface::Shared, Content::Audience { segment, creative, topic }) => {
            audience(segment, creative, *topic, zone, now)
        }
        (Surface::Shared, Content::Personal { product, field: _ }) => after_tap(product, &zone.binding, now),
        (Surface::Staff, Content::Personal { product: _, field } | Content::Sensitive { field }) => {
            within_handshake(*field, &zone.binding, now)
        }
    }
}

fn audience(segment: &SegmentId, creative: &OfferId, topic: Option<SensitiveTopic>, zone: &ZoneState, now: DateTime<Utc>) -> Verdict {
    if topic.is_some() {
        return Verdict::Deny(DenyReason::Sensitive);
    }
    let large_enough = zone
        .creatives
        .get(creative)
        .is_some_and(|status| status.eligible_visits >= CREATIVE_AUDIENCE_MIN && within(status.counted_at, now, CREATIVE_STATUS_LIFE));
    if !large_enough {
        return Verdict::Deny(DenyReason::KCreative);
    }
    let Some(slot) = zone.slot.as_ref().filter(|slot| slot.is_running(now)) else {
        return Verdict::Deny(DenyReason::Slot);
    };
    if slot.carries(segment) { Verdict::Allow } else { Verdict::Deny(DenyReason::KLive) }
}

fn after_tap(product: &Sku, binding: &Binding, now: DateTime<Utc>) -> Verdict {
    match binding {
        Binding::Tap { product: tapped, at } if within(*at, now, TAP_BINDING_LIFE) => {
            if tapped == product {
                Verdict::Allow
            } else {
                Verdict::Deny(DenyReason::Scope)
            }
        }
        Binding::None | Binding::Tap { .. } | Binding::Handshake { .. } => Verdict::Deny(DenyReason::NoBinding),
    }
}

fn within_handshake(field: Field, binding: &Binding, now: DateTime<Utc>) -> Verdict {
    if !field.shareable() {
        return Verdict::Deny(DenyReason::Sensitive);
    }
    match binding {
        Binding::Handshake { scope, until } if now < *until => {
            if scope.contains(&field) {
                Verdict::Allow
            } else {
                Verdict::Deny(DenyReason::Scope)
            }
        }
        Binding::None | Binding::Tap { .. } | Binding::Handshake { .. } => Verdict::Deny(DenyReason::NoBinding),
    }
}

/// Whether `now` lies in `[from, from + life)`. A `from` in the future is not within: a clock that was set back must not lengthen a life.
fn within(from: DateTime<Utc>, now: DateTime<Utc>, life: Duration) -> bool {
    let age = now.signed_duration_since(from);
    age >= TimeDelta::zero() && age.to_std().is_ok_and(|age| age < life)
}
