//! What becomes of desired documents at a store, and what staff put over them for a while (SYNC.md 2.10).
//!
//! Owns the bodies of the reported documents `desired/{key}` and `override/{key}`, and of the order that ends an override. Rules are in
//! `nodes/core`. A status that this version does not know reads as `unknown`, so that an older cloud still counts the document.

use std::{borrow::Cow, fmt, str::FromStr};

use chrono::{DateTime, Utc};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use ts_rs::TS;

use crate::{
    content::Content,
    nfc::NfcProgramme,
    screen::ScreenProgramme,
    sync::{Epoch, PositionError, Seq},
};

/// First part of the key of a report on a desired document.
pub const STATUS_NOUN: &str = "desired";
/// First part of the key of an override.
pub const OVERRIDE_NOUN: &str = "override";
/// First part of the keys of contexts. They live for minutes, and one comes with each check-in: a store reports on those that it rejects, and
/// its cursor says that it has applied the others.
pub const CONTEXT_NOUN: &str = "context";

/// Longest an override may last, seconds: a week, by when whoever owns the programme has changed it.
pub const OVERRIDE_S_MAX: u32 = 7 * 24 * 3_600;
/// Longest reason, in characters.
pub const OVERRIDE_REASON_MAX: usize = 200;

/// Key of the report on a desired document.
#[must_use]
pub fn status_key(key: &str) -> String {
    format!("{STATUS_NOUN}/{key}")
}

/// Key of the override of a desired document.
#[must_use]
pub fn override_key(key: &str) -> String {
    format!("{OVERRIDE_NOUN}/{key}")
}

/// Revision of a document: counter of the epoch and seq of its newest record, `4.1207`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision {
    pub epoch: u64,
    pub seq: Seq,
}

impl Revision {
    /// The revision that a record is.
    #[must_use]
    pub const fn of(epoch: Epoch, seq: Seq) -> Self {
        Self { epoch: epoch.counter, seq }
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.seq)
    }
}

impl FromStr for Revision {
    type Err = PositionError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (epoch, seq) = text.split_once('.').ok_or(PositionError::Number { kind: "revision" })?;
        // A counter is a number as a seq is: one spelling, within a signed column.
        Ok(Self { epoch: epoch.parse::<Seq>()?.get(), seq: seq.parse()? })
    }
}

impl Serialize for Revision {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Revision {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Revision {
    fn schema_name() -> Cow<'static, str> {
        "Revision".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": r"^(0|[1-9][0-9]{0,18})\.(0|[1-9][0-9]{0,18})$" })
    }
}

/// What became of a revision at the store (AS-076).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum DocumentStatus {
    /// Taken, and what it names is still being fetched: the former revision is in force.
    Applying,
    Applied,
    /// It cannot be read, or names what the store does not have: the former revision is in force.
    Rejected,
    /// Taken, and an override of staff is shown instead.
    Overridden,
    #[serde(other)]
    Unknown,
}

impl DocumentStatus {
    /// The word on the wire, in metrics and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applying => "applying",
            Self::Applied => "applied",
            Self::Rejected => "rejected",
            Self::Overridden => "overridden",
            Self::Unknown => "unknown",
        }
    }
}

/// Body of the reported document `desired/{key}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DocumentReport {
    /// Of the newest record of the document.
    #[ts(type = "string")]
    pub rev: Revision,
    pub status: DocumentStatus,
    /// Why it was rejected: `unreadable`, `not_here`, `wrong_key`, `programme`, `product`, `time_zone`, `too_many`; `media`,
    /// `content.no_space`, `content.no_source`, `content.wrong_size` or `content.wrong_hash` for what it names.
    pub code: Option<String>,
}

/// What is shown instead of a desired document: a whole body of the same kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(untagged)]
pub enum OverrideBody {
    Screen(Box<ScreenProgramme>),
    Nfc(Box<NfcProgramme>),
}

/// Body of the reported document `override/{key}`: it wins over the desired document until its time is spent (AS-077).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Override {
    pub body: OverrideBody,
    #[schemars(length(min = 1, max = 200))]
    pub reason: String,
    /// Who put it there: the device, such as `screen/window-1`, or `operator` for whoever is at the box. Names nobody.
    pub by: String,
    pub ttl_s: u32,
    /// When it was put there, by the store's clock; names it, with its key.
    pub at: DateTime<Utc>,
}

/// Staff show something else for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct OverrideRequest {
    /// Shown alone; may be shown to everybody.
    pub content: Content,
    #[schemars(length(min = 1, max = 200))]
    pub reason: String,
    /// 1 s … a week.
    pub ttl_s: u32,
}

/// Body of the order `aisle.override.clear.v1`: the desired document shall be in force again before the override's time is spent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ClearOverride {
    /// Of the desired document, such as `screen/window-1`.
    pub key: String,
    /// The override that is meant; a newer one stays.
    pub at: DateTime<Utc>,
    /// Not run after this: the override has ended by itself.
    pub expires: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_has_one_spelling() {
        let revision: Revision = "4.1207".parse().unwrap();
        assert_eq!((revision.epoch, revision.seq, revision.to_string()), (4, Seq::new(1207), "4.1207".to_owned()));
        for wrong in ["", "4", "4.", ".7", "04.7", "4.07", "4.7.1", "-4.7", "4.9223372036854775808"] {
            assert!(wrong.parse::<Revision>().is_err(), "{wrong}");
        }
    }
}
