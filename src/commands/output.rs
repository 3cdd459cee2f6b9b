//! How a command writes a report: one JSON object on one line for programs, words for people.

use std::fmt::Display;
use std::io::Write;

use anyhow::{Context, Result};
use serde::Serialize;

/// Writes a report to standard output.
///
/// # Errors
/// When standard output is closed.
pub fn report(report: &(impl Serialize + Display), json: bool) -> Result<()> {
    let text = if json { serde_json::to_string(report).context("failed to write JSON")? } else { report.to_string() };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).context("failed to write to standard output")
}
