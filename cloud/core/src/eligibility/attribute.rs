//! The attributes that rules may read: what each is, how long a list may be, and how far its data may travel.
//!
//! Owns [`ATTRIBUTES`], the one catalogue. An attribute that is not listed has no class and cannot be used.

use std::fmt;

use aisle_schemas::text::Language;

/// How far data may travel; later classes are more personal. `Special` (health and the like) is unusable everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttributeClass {
    Public,
    Context,
    Segment,
    Pseudonymous,
    Personal,
    Special,
}

impl fmt::Display for AttributeClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "public",
            Self::Context => "context",
            Self::Segment => "segment",
            Self::Pseudonymous => "pseudonymous",
            Self::Personal => "personal",
            Self::Special => "special",
        })
    }
}

/// Type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Bool,
    Int,
    Text,
    Instant,
    Span,
    /// A list and the most elements it may have.
    List(&'static Kind, usize),
    Record(&'static [(&'static str, Kind)]),
    /// Element of an empty list literal: agrees with everything.
    Any,
}

impl Kind {
    /// Whether values of the two types can be compared.
    pub(super) fn agrees(self, other: Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => true,
            (Self::List(one, _), Self::List(other, _)) => one.agrees(*other),
            (Self::Record(one), Self::Record(other)) => one == other,
            (Self::Bool, Self::Bool)
            | (Self::Int, Self::Int)
            | (Self::Text, Self::Text)
            | (Self::Instant, Self::Instant)
            | (Self::Span, Self::Span) => true,
            (Self::Bool | Self::Int | Self::Text | Self::Instant | Self::Span | Self::List(..) | Self::Record(_), _) => false,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bool => "yes or no",
            Self::Int => "a number",
            Self::Text => "a text",
            Self::Instant => "an instant",
            Self::Span => "a duration",
            Self::List(..) => "a list",
            Self::Record(_) => "a record",
            Self::Any => "anything",
        })
    }
}

/// One attribute.
#[derive(Debug, PartialEq, Eq)]
pub struct Attribute {
    /// As written in rules, e.g. `profile.tier`.
    pub path: &'static str,
    pub kind: Kind,
    pub class: AttributeClass,
    /// As said in sentences.
    pub de: &'static str,
    pub en: &'static str,
}

impl Attribute {
    pub(super) fn label(&self, language: Language) -> &'static str {
        match language {
            Language::De => self.de,
            Language::En => self.en,
        }
    }

    /// The attribute of that path.
    pub fn find(path: &str) -> Option<&'static Self> {
        ATTRIBUTES.iter().find(|attribute| attribute.path == path)
    }
}

const BASKET_LINE: Kind = Kind::Record(&[("sku", Kind::Text), ("category", Kind::Text), ("quantity", Kind::Int)]);

const fn attribute(path: &'static str, kind: Kind, class: AttributeClass, de: &'static str, en: &'static str) -> Attribute {
    Attribute { path, kind, class, de, en }
}

/// Everything a rule can read.
pub static ATTRIBUTES: [Attribute; 23] = [
    attribute("now", Kind::Instant, AttributeClass::Public, "jetzt", "now"),
    attribute("store.id", Kind::Text, AttributeClass::Public, "der Markt", "the store"),
    attribute("store.region", Kind::Text, AttributeClass::Public, "die Region", "the region"),
    attribute("store.weather", Kind::Text, AttributeClass::Context, "das Wetter", "the weather"),
    attribute("store.minutes_to_closing", Kind::Int, AttributeClass::Context, "die Minuten bis Ladenschluss", "the minutes until closing"),
    attribute("visit.zone", Kind::Text, AttributeClass::Pseudonymous, "die Zone", "the zone"),
    attribute("visit.opened_at", Kind::Instant, AttributeClass::Pseudonymous, "der Check-in", "the check-in"),
    attribute("visit.taps", Kind::Int, AttributeClass::Pseudonymous, "die Zahl der Taps", "the number of taps"),
    attribute("basket.lines", Kind::List(&BASKET_LINE, 200), AttributeClass::Pseudonymous, "der Korb", "the basket"),
    attribute("basket.total_minor", Kind::Int, AttributeClass::Pseudonymous, "der Korbwert in Cent", "the basket's value in cents"),
    attribute("segments", Kind::List(&Kind::Text, 64), AttributeClass::Segment, "die Segmente", "the segments"),
    attribute("profile.language", Kind::Text, AttributeClass::Segment, "die Sprache", "the language"),
    attribute("profile.tier", Kind::Text, AttributeClass::Segment, "die Stufe", "the tier"),
    attribute("profile.is_new", Kind::Bool, AttributeClass::Segment, "neu im Programm", "new to the programme"),
    attribute("profile.visits_90d", Kind::Int, AttributeClass::Pseudonymous, "die Besuche in 90 Tagen", "the visits in 90 days"),
    attribute("profile.last_visit_at", Kind::Instant, AttributeClass::Pseudonymous, "der letzte Besuch", "the last visit"),
    attribute(
        "profile.categories",
        Kind::List(&Kind::Text, 200),
        AttributeClass::Pseudonymous,
        "die gekauften Kategorien",
        "the categories bought",
    ),
    attribute("profile.wishes", Kind::List(&Kind::Text, 200), AttributeClass::Pseudonymous, "die Merkliste", "the wish list"),
    attribute("profile.age_years", Kind::Int, AttributeClass::Personal, "das Alter", "the age"),
    attribute("profile.postcode", Kind::Text, AttributeClass::Personal, "die Postleitzahl", "the postcode"),
    attribute("profile.member_since", Kind::Instant, AttributeClass::Personal, "der Beitritt", "the joining date"),
    attribute("profile.health", Kind::List(&Kind::Text, 64), AttributeClass::Special, "die Gesundheit", "health"),
    attribute("profile.religion", Kind::Text, AttributeClass::Special, "die Religion", "religion"),
];
