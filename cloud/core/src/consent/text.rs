//! Legal texts: which wording was in force when (DOMAIN 10, A67).
//!
//! Owns the published versions and their succession. Takes texts to publish, emits standings. A published version is never edited:
//! the same version with another hash is refused, and the way on is a new version.

use chrono::{DateTime, Utc};

use crate::ids::LegalTextId;

/// Names one wording exactly.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TextVersion {
    pub id: LegalTextId,
    pub version: u32,
    /// BCP 47 language tag, e.g. `de` or `en`.
    pub locale: String,
}

/// How a version relates to the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextChange {
    /// Nothing came before, or only the words changed: old grants stay.
    Editorial,
    /// The substance changed: from this instant old grants no longer count until they are renewed.
    Material { requires_renewal_from: DateTime<Utc> },
}

/// One published wording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegalText {
    pub version: TextVersion,
    /// SHA-256 of the wording's UTF-8 bytes.
    pub sha256: [u8; 32],
    pub valid_from: DateTime<Utc>,
    /// Exclusive; `None` until further notice.
    pub valid_to: Option<DateTime<Utc>>,
    pub change: TextChange,
}

/// Where a version stands at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextStanding {
    InForce,
    /// Replaced by later versions that changed nothing of substance.
    Compatible,
    /// A later version with other substance took effect, or the text ended without a successor.
    RenewalDue,
    NotPublished,
}

/// Why a text was not published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextRefused {
    #[error("{id} version {version} in {locale} is published and cannot be edited", id = .0.id, version = .0.version, locale = .0.locale)]
    Edited(TextVersion),
    #[error("version {given} does not come after version {newest}")]
    VersionNotNext { given: u32, newest: u32 },
    #[error("a version in another language must change the same as its sisters")]
    SistersDiffer,
    #[error("the text ends before it begins")]
    EmptyValidity,
}

/// All published texts. Built from rows with [`LegalTexts::publish`], which is also the publishing rule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LegalTexts {
    texts: Vec<LegalText>,
}

impl LegalTexts {
    /// Adds a version, or confirms one that is published with the same wording. `true` when it is new.
    pub fn publish(&mut self, text: LegalText) -> Result<bool, TextRefused> {
        if text.valid_to.is_some_and(|end| end <= text.valid_from) {
            return Err(TextRefused::EmptyValidity);
        }
        if let Some(published) = self.find(&text.version) {
            return if *published == text { Ok(false) } else { Err(TextRefused::Edited(text.version)) };
        }
        let newest = self.of(&text.version.id).map(|other| other.version.version).max();
        match newest {
            Some(newest) if text.version.version < newest => {
                return Err(TextRefused::VersionNotNext { given: text.version.version, newest });
            }
            Some(newest) if text.version.version == newest => {
                let sisters_agree = self
                    .of(&text.version.id)
                    .filter(|sister| sister.version.version == newest)
                    .all(|sister| sister.change == text.change && sister.valid_from == text.valid_from);
                if !sisters_agree {
                    return Err(TextRefused::SistersDiffer);
                }
            }
            Some(_) | None => {}
        }
        self.texts.push(text);
        Ok(true)
    }

    /// The published text of that name.
    pub fn find(&self, version: &TextVersion) -> Option<&LegalText> {
        self.texts.iter().find(|text| text.version == *version)
    }

    /// The version that a surface should show at `at` in `locale`: the newest one valid then.
    pub fn current(&self, id: &LegalTextId, locale: &str, at: DateTime<Utc>) -> Option<&LegalText> {
        self.of(id).filter(|text| text.version.locale == locale && text.is_valid(at)).max_by_key(|text| text.version.version)
    }

    /// Where a version stands at `at`.
    pub fn standing(&self, version: &TextVersion, at: DateTime<Utc>) -> TextStanding {
        let Some(text) = self.find(version) else {
            return TextStanding::NotPublished;
        };
        if at < text.valid_from {
            return TextStanding::NotPublished;
        }
        let mut has_successor = false;
        for later in self.of(&version.id).filter(|later| later.version.version > version.version) {
            match later.change {
                TextChange::Material { requires_renewal_from } if requires_renewal_from <= at => {
                    return TextStanding::RenewalDue;
                }
                TextChange::Material { .. } | TextChange::Editorial => has_successor |= later.is_valid(at),
            }
        }
        match (text.is_valid(at), has_successor) {
            (true, false) => TextStanding::InForce,
            (_, true) => TextStanding::Compatible,
            (false, false) => TextStanding::RenewalDue,
        }
    }

    fn of(&self, id: &LegalTextId) -> impl Iterator<Item = &LegalText> {
        self.texts.iter().filter(move |text| text.version.id == *id)
    }
}

impl LegalText {
    fn is_valid(&self, at: DateTime<Utc>) -> bool {
        self.valid_from <= at && self.valid_to.is_none_or(|end| at < end)
    }
}
