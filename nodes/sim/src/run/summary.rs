//! The one object that a run prints.

use std::fmt;
use std::sync::atomic::Ordering;

use serde::Serialize;

use super::ledger::Account;
use super::measure::Measures;

/// Figures of a run. Times in milliseconds; `null` where nothing was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    pub check_ins: u64,
    pub offers_delivered: u64,
    pub taps: u64,
    pub plays: u64,
    /// Records that a store has promised to keep, by our own ledger.
    pub records_accepted: u64,
    /// Those of them that the cloud shows.
    pub records_applied: u64,
    pub lost: u64,
    pub doubled: u64,
    pub offer_ms_p50: Option<f64>,
    pub offer_ms_p99: Option<f64>,
    pub tap_ms_p99: Option<f64>,
    pub start_ms: u64,
    pub rss_mb: u64,
}

impl Summary {
    pub fn new(measures: &Measures, account: &Account, start_ms: u64) -> Self {
        Self {
            check_ins: account.check_ins,
            offers_delivered: measures.cards.load(Ordering::Relaxed),
            taps: measures.tap.count(),
            plays: account.plays,
            records_accepted: account.accepted,
            records_applied: account.applied,
            lost: account.lost,
            doubled: account.doubled,
            offer_ms_p50: measures.offer.quantile_ms(0.50),
            offer_ms_p99: measures.offer.quantile_ms(0.99),
            tap_ms_p99: measures.tap.quantile_ms(0.99),
            start_ms,
            rss_mb: resident_mb(),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.1} ms"));
        writeln!(f, "check-ins           {}", self.check_ins)?;
        writeln!(f, "offers delivered    {}", self.offers_delivered)?;
        writeln!(f, "taps                {}", self.taps)?;
        writeln!(f, "plays               {}", self.plays)?;
        writeln!(
            f,
            "records             {} accepted, {} applied, {} lost, {} doubled",
            self.records_accepted, self.records_applied, self.lost, self.doubled
        )?;
        writeln!(f, "check-in to offer   {} (p50), {} (p99)", ms(self.offer_ms_p50), ms(self.offer_ms_p99))?;
        writeln!(f, "tap to answer       {} (p99)", ms(self.tap_ms_p99))?;
        write!(f, "ready after         {} ms, {} MiB", self.start_ms, self.rss_mb)
    }
}

/// Memory of this process in MiB; 0 where the system does not say.
fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok()).map_or(0, |kib| kib / 1024)
}
