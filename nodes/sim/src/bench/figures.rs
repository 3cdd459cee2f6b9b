//! Figures of a bench by name, their medians over rounds, and what makes them void.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::ledger::Verdict;
use crate::run::measure::Latency;

/// Figures of one round by name: `s2.events_per_s`.
pub type Figures = BTreeMap<String, f64>;

/// Enters p50 and p99 of a distribution, where it has any.
pub fn quantiles(figures: &mut Figures, name: &str, latency: &Latency) {
    for (suffix, share) in [("p50", 0.50), ("p99", 0.99)] {
        if let Some(ms) = latency.quantile_ms(share) {
            figures.insert(format!("{name}_ms_{suffix}"), ms);
        }
    }
}

/// A figure over all rounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    /// The largest of fewer than a hundred values.
    pub p99: f64,
    pub max: f64,
    /// Rounds that have the figure; in a run of chaos, faults of the kind.
    pub values: usize,
}

/// What a bench found.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Machine, sizes, what was started and what was not.
    pub conditions: BTreeMap<String, String>,
    pub figures: BTreeMap<String, Spread>,
    pub rounds: Vec<Figures>,
    pub ledger: Verdict,
    /// Whether the figures count: they do not if a single event was lost, doubled or out of order.
    pub void: bool,
    /// What a reader must know, such as other work on the machine.
    pub notes: Vec<String>,
}

impl Report {
    pub fn new(conditions: BTreeMap<String, String>, rounds: Vec<Figures>, ledger: Verdict, notes: Vec<String>) -> Self {
        let void = !ledger.holds();
        Self { conditions, figures: spreads(&rounds), rounds, ledger, void, notes }
    }
}

fn spreads(rounds: &[Figures]) -> BTreeMap<String, Spread> {
    let mut values: BTreeMap<&String, Vec<f64>> = BTreeMap::new();
    for (name, value) in rounds.iter().flatten() {
        values.entry(name).or_default().push(*value);
    }
    values.into_iter().filter_map(|(name, values)| Some((name.clone(), spread(values)?))).collect()
}

fn spread(mut values: Vec<f64>) -> Option<Spread> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let (min, max, upper) = (*values.first()?, *values.last()?, *values.get(middle)?);
    let lower = if values.len().is_multiple_of(2) { *values.get(middle.checked_sub(1)?)? } else { upper };
    // The nearest rank: the smallest value that 99 of 100 do not exceed.
    let p99 = *values.get((values.len() * 99).div_ceil(100).checked_sub(1)?)?;
    Some(Spread { median: f64::midpoint(lower, upper), min, p99, max, values: values.len() })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { conditions, figures, rounds, ledger, void, notes } = self;
        for (name, value) in conditions {
            writeln!(f, "{name:<28} {value}")?;
        }
        let rounds = rounds.len();
        writeln!(f, "\n{:<44} {:>12} {:>12} {:>12} {:>12} {:>6}   ({rounds} rounds)", "figure", "median", "min", "p99", "max", "values")?;
        for (name, Spread { median, min, p99, max, values }) in figures {
            writeln!(f, "{name:<44} {median:>12.2} {min:>12.2} {p99:>12.2} {max:>12.2} {values:>6}")?;
        }
        writeln!(f)?;
        for note in notes {
            writeln!(f, "note: {note}")?;
        }
        if *void {
            writeln!(f, "VOID: the ledger differs from the database, no figure counts")?;
        }
        write!(f, "{ledger}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(value: f64) -> Figures {
        [("x".to_owned(), value)].into()
    }

    #[test]
    fn the_median_of_rounds_is_told_with_its_extremes() {
        let report = Report::new(BTreeMap::new(), vec![round(3.0), round(1.0), round(10.0)], Verdict::default(), Vec::new());
        assert_eq!(report.figures["x"], Spread { median: 3.0, min: 1.0, p99: 10.0, max: 10.0, values: 3 });
        let even = Report::new(BTreeMap::new(), vec![round(3.0), round(1.0)], Verdict::default(), Vec::new());
        assert_eq!(even.figures["x"].median, 2.0);
        let many = Report::new(BTreeMap::new(), (1..=200).map(|value| round(f64::from(value))).collect(), Verdict::default(), Vec::new());
        assert_eq!((many.figures["x"].p99, many.figures["x"].max), (198.0, 200.0));
    }

    #[test]
    fn one_lost_event_makes_all_figures_void() {
        let ledger = Verdict { accepted: 9, applied: 8, lost: 1, ..Verdict::default() };
        let report = Report::new(BTreeMap::new(), vec![round(3.0)], ledger, Vec::new());
        assert!(report.void && report.to_string().contains("VOID"));
    }
}
