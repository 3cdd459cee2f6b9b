//! What a surface shows: content, its privacy class, and the kinds of surface. Owns these shapes; emits nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::text::LocalText;

/// Kind of surface, for content variants and fallbacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum SurfaceKind {
    /// Signage screen, seen by everyone.
    Screen,
    /// NFC display at arm's length, seen by passers-by.
    NfcMonitor,
    /// Staff tablet.
    Tablet,
    /// The customer's own phone.
    Phone,
}

impl SurfaceKind {
    pub const ALL: [Self; 4] = [Self::Screen, Self::NfcMonitor, Self::Tablet, Self::Phone];
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Screen => "screen",
            Self::NfcMonitor => "nfc_monitor",
            Self::Tablet => "tablet",
            Self::Phone => "phone",
        }
    }
    pub fn privacy(self) -> PrivacyClass {
        match self {
            Self::Screen => PrivacyClass::Public,
            Self::NfcMonitor => PrivacyClass::Shared,
            Self::Tablet => PrivacyClass::Staff,
            Self::Phone => PrivacyClass::Own,
        }
    }
}

/// Who can see a surface (DOMAIN 13: S-public, S-shared, S-staff, S-own).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum PrivacyClass {
    Public,
    Shared,
    Staff,
    Own,
}

/// How personal content is (DOMAIN 13: P0 generic, P1 context, P2 audience, P3 personal, P4 sensitive).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, TS)]
pub enum ContentClass {
    P0,
    P1,
    P2,
    P3,
    P4,
}

/// Integer minor units of a currency; never a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, TS)]
pub struct Money {
    #[ts(type = "number")]
    pub minor: i64,
    pub currency: Currency,
}

/// ISO 4217 currencies a programme may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "UPPERCASE")]
pub enum Currency {
    Eur,
    Chf,
    Gbp,
    Usd,
}

/// Content that is ready to draw. The words are the author's; the surface draws price, mark and illustration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Content {
    pub class: ContentClass,
    /// At most 12 words on a public surface.
    pub headline: LocalText,
    pub line: LocalText,
    /// Name of an illustration or media hash (`sha256:…`); the surface falls back to the brand scene.
    pub image: Option<String>,
    pub price: Option<Money>,
    pub was: Option<Money>,
    /// Audience segment this content is meant for; only with class P2.
    pub segment: Option<String>,
}
