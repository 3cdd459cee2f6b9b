//! What a bench shall do.
//!
//! Owns the names of scenarios. Takes words of a command line; emits a [`BenchPlan`]. On failure: an unknown scenario is named beside those there are.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Result, bail};

use super::world::WorldPlan;
use crate::hollow::Mix;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scenario {
    S1,
    S2,
    S3,
    S4,
    S5,
    S11,
}

impl Scenario {
    /// Its name before the figures of a report.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::S1 => "s1",
            Self::S2 => "s2",
            Self::S3 => "s3",
            Self::S4 => "s4",
            Self::S5 => "s5",
            Self::S11 => "s11",
        }
    }
}

impl FromStr for Scenario {
    type Err = anyhow::Error;
    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "S1" | "s1" => Self::S1,
            "S2" | "s2" => Self::S2,
            "S3" | "s3" => Self::S3,
            "S4" | "s4" => Self::S4,
            "S5" | "s5" => Self::S5,
            "S11" | "s11" => Self::S11,
            other => bail!("{other:?} is no scenario; there are S1, S2, S3, S4, S5, S11, and S7 as `aisle bench chaos`"),
        })
    }
}

/// A bench.
#[derive(Debug, Clone)]
pub struct BenchPlan {
    pub world: WorldPlan,
    pub scenarios: BTreeSet<Scenario>,
    pub rounds: usize,
    /// How long each load runs in each round.
    pub span: Duration,
    pub mix: Mix,
    pub backlog: Option<usize>,
}
