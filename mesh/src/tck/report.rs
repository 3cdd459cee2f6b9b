//! The result of a run, sentence by sentence.
//!
//! Owns [`Report`] and its two forms: a table for people, JSON for programs. Takes findings in the order in which they were made. Cannot fail.

use std::fmt;

use serde::Serialize;

/// Whether a sentence holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Seen to hold.
    Pass,
    /// Seen to be broken, or not answered.
    Fail,
}

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Number of the sentence, e.g. `AS-098`.
    pub sentence: &'static str,
    /// What was tried, as a statement that should hold.
    pub what: String,
    /// Whether it does.
    pub verdict: Verdict,
    /// What was seen.
    pub seen: String,
}

impl Finding {
    /// A statement that holds where `holds`.
    pub fn of(sentence: &'static str, what: impl Into<String>, holds: bool, seen: impl Into<String>) -> Self {
        let verdict = if holds { Verdict::Pass } else { Verdict::Fail };
        Self { sentence, what: what.into(), verdict, seen: seen.into() }
    }
}

/// All findings of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Broker, box or instance that was looked at.
    pub subject: String,
    /// True when no finding failed and there is at least one.
    pub passed: bool,
    /// In the order in which they were made.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The report of these findings. A run without findings has shown nothing, so it does not pass.
    #[must_use]
    pub fn of(subject: impl Into<String>, findings: Vec<Finding>) -> Self {
        let passed = !findings.is_empty() && findings.iter().all(|finding| finding.verdict == Verdict::Pass);
        Self { subject: subject.into(), passed, findings }
    }

    /// Findings that failed.
    pub fn failed(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.verdict == Verdict::Fail)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, passed, findings } = self;
        writeln!(f, "{subject}")?;
        for Finding { sentence, what, verdict, seen } in findings {
            let word = match verdict {
                Verdict::Pass => "pass",
                Verdict::Fail => "FAIL",
            };
            writeln!(f, "{sentence}  {word}  {what}: {seen}")?;
        }
        let failed = self.failed().count();
        write!(f, "{}: {} checks, {failed} failed", if *passed { "passed" } else { "FAILED" }, findings.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_passes_only_with_findings_that_all_pass() {
        let good = Finding::of("AS-096", "a", true, "b");
        let bad = Finding::of("AS-097", "a", false, "b");
        assert!(Report::of("x", vec![good.clone()]).passed);
        assert!(!Report::of("x", vec![]).passed);
        let report = Report::of("x", vec![good, bad]);
        assert!(!report.passed);
        assert_eq!(report.to_string().lines().last(), Some("FAILED: 2 checks, 1 failed"));
    }
}
