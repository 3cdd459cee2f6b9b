//! Rollouts: a desired document for a cohort of stores, wave by wave. Owns these bodies; emits nothing.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::emergency::EmergencySet;
use crate::ids::{CustomerId, EventId, StoreId};
use crate::nfc::NfcProgramme;
use crate::screen::ScreenProgramme;

/// The document: its key follows from what it is about. Media of a programme are filled in from what is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(untagged)]
pub enum RolloutBody {
    Screen(Box<ScreenProgramme>),
    Nfc(Box<NfcProgramme>),
    Emergency(Box<EmergencySet>),
}

/// How far a wave goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum WaveReach {
    /// These stores of the cohort.
    Stores(#[schemars(length(min = 1, max = 1000))] Vec<StoreId>),
    /// So many percent of the cohort, with the stores of earlier waves counted.
    Percent(u8),
}

/// A rollout to begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct RolloutDraft {
    #[schemars(length(min = 1, max = 100))]
    pub name: String,
    pub body: RolloutBody,
    /// The cohort; empty means all stores.
    #[schemars(length(max = 1000))]
    pub stores: Vec<StoreId>,
    #[schemars(length(min = 1, max = 10))]
    pub waves: Vec<WaveReach>,
    /// Stores that get the document in one minute at most.
    pub per_minute: u32,
    /// Share of a wave that may reject before all is rolled back, percent.
    pub rejected_percent_max: u8,
    /// Share of a wave that must have applied before the next one begins, percent.
    pub applied_percent_min: u8,
    /// How long after its last store a wave may take for that, seconds.
    pub patience_s: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum RolloutPhase {
    Running,
    Paused,
    RollingBack,
    Done,
    RolledBack,
}

/// Why a rollout goes, or went, back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum RolloutReason {
    TooManyRejected,
    NotConverged,
    Staff,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum RolloutProgress {
    /// It has the former revision.
    Waiting,
    /// Written; the store has not said yet.
    Set,
    Applied,
    Rejected,
    /// It has the former revision again.
    Restored,
    /// Somebody else has written the document since.
    Overtaken,
}

/// One store of a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct RolloutStore {
    pub store: StoreId,
    pub name: String,
    /// From 0.
    pub wave: u32,
    pub progress: RolloutProgress,
    /// Why it was rejected.
    pub code: Option<String>,
    /// When the document was written for it.
    pub set_at: Option<DateTime<Utc>>,
}

/// A rollout as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct RolloutView {
    pub rollout: EventId,
    pub name: String,
    /// Of the document, such as `screen/window-1`.
    pub key: String,
    pub phase: RolloutPhase,
    pub reason: Option<RolloutReason>,
    /// The wave that is being served, from 0.
    pub wave: u32,
    pub per_minute: u32,
    pub rejected_percent_max: u8,
    pub applied_percent_min: u8,
    pub patience_s: u32,
    pub stores: Vec<RolloutStore>,
    pub made_by: CustomerId,
    pub made_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
}

/// Newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Rollouts {
    pub rollouts: Vec<RolloutView>,
}
