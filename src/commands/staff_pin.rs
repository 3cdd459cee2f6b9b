//! `aisle staff-pin`: turns a badge and a PIN into the lines of a node's configuration that let a member of staff use its tablets.
//!
//! Owns the question. Takes two lines from standard input, so that neither stands in a shell's history: what the badge says, and the PIN. Emits
//! `badge_sha256` and `pin_hash`. On failure: what is wrong with the PIN; nothing is printed.

use std::io::BufRead;
use std::num::NonZeroU32;

use aisle_node::staff::{ROUNDS, hash_pin, is_pin};
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;

use super::output::report;

/// See the module.
#[derive(Debug, Args)]
pub struct StaffPin {
    /// One JSON object instead of lines for the configuration
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Hashes {
    badge_sha256: String,
    pin_hash: String,
}

impl std::fmt::Display for Hashes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "badge_sha256 = \"{}\"\npin_hash = \"{}\"", self.badge_sha256, self.pin_hash)
    }
}

impl StaffPin {
    /// Reads, hashes, prints.
    ///
    /// # Errors
    /// When standard input ends early or the PIN is none.
    pub fn run(self) -> Result<()> {
        let mut lines = std::io::stdin().lock().lines();
        let mut line = |what: &'static str| -> Result<String> {
            let line = lines.next().with_context(|| format!("standard input ended before the {what}"))?;
            Ok(line.with_context(|| format!("failed to read the {what}"))?.trim().to_owned())
        };
        let (badge, pin) = (line("badge")?, line("PIN")?);
        ensure!(!badge.is_empty(), "the badge is empty");
        ensure!(is_pin(&pin), "a PIN has 4 to 12 digits");
        let rounds = NonZeroU32::new(ROUNDS).context("a hash needs rounds")?;
        report(&Hashes { badge_sha256: aisle_node::staff::badge_hash(&badge), pin_hash: hash_pin(&pin, rand::random(), rounds) }, self.json)
    }
}
