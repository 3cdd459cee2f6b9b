//! `aisle locate eval`: how well a survey would locate people, before a store goes live.
//!
//! Owns the options and their meaning. Takes a survey or positions of access points, and scans with their true positions. Emits one report. On
//! failure: 1 with file, line and column of what cannot be read; 2 for options that do not fit together or to the files.
mod score;
mod table;

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use aisle_node_core::location::representation::Representation;
use aisle_node_core::location::survey::{NEIGHBOURS_SPARSE, Row, average};
use aisle_node_core::location::tune::{Configuration, Fixed, tune};
use anyhow::Result;
use clap::{ArgGroup, Args, Subcommand, ValueEnum};

use self::score::{Evaluation, Fallback, Method, Report, evaluate};
use self::table::{Half, Labels, Numbers, TableError, Tables};
use super::output;

/// Smallest cell that is scored; nothing below tells anything about Wi-Fi.
const ZONE_MIN_M: f64 = 0.1;
/// Largest cell that is scored.
const ZONE_MAX_M: f64 = 10_000.0;

/// Options that do not fit to each other or to the files: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WrongUsage(String);

/// What is done.
#[derive(Debug, Args)]
pub struct Locate {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Locates every test scan and says how far off it was
    Eval(Eval),
}

/// A curve over signal strength.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Curve {
    Powed,
    Exponential,
    Positive,
}

impl Curve {
    const fn representation(self) -> Representation {
        match self {
            Self::Powed => Representation::Powed,
            Self::Exponential => Representation::Exponential,
            Self::Positive => Representation::Positive,
        }
    }
}

/// What is evaluated.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("map").required(true).args(["train", "aps"]))]
struct Eval {
    /// Survey: CSV or CSV.gz with position, floor and scan
    #[arg(long)]
    train: Option<PathBuf>,
    /// Positions of access points, in place of a survey
    #[arg(long, conflicts_with_all = ["k", "representation", "tune", "average"])]
    aps: Option<PathBuf>,
    /// Scans with their true positions
    #[arg(long)]
    test: PathBuf,
    /// Scores square zones of so many metres
    #[arg(long, value_name = "METRES", value_parser = zone_m)]
    zone_m: Option<f64>,
    /// Filters each trace in order of time
    #[arg(long)]
    track: bool,
    /// Nearest rows that vote
    #[arg(long)]
    k: Option<NonZeroUsize>,
    /// How signal strength becomes a number
    #[arg(long)]
    representation: Option<Curve>,
    /// Chooses what is not given by the survey's own rows
    #[arg(long)]
    tune: bool,
    /// One mean row for each survey position
    #[arg(long)]
    average: bool,
    /// One JSON object on standard output
    #[arg(long)]
    json: bool,
}

fn zone_m(text: &str) -> Result<f64, String> {
    let metres: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (ZONE_MIN_M..=ZONE_MAX_M).contains(&metres) { Ok(metres) } else { Err(format!("{ZONE_MIN_M} to {ZONE_MAX_M} m")) }
}

impl Locate {
    /// Runs the command.
    ///
    /// # Errors
    /// [`WrongUsage`] for the wrong options, anything else when a file cannot be read or standard output is closed.
    pub fn run(self) -> Result<()> {
        let What::Eval(eval) = self.what;
        let json = eval.json;
        output::report(&eval.run()?, json)
    }
}

impl Eval {
    fn run(self) -> Result<Report> {
        let Self { train, aps, test, zone_m, track, k, representation, tune, average, json: _ } = self;
        let mut labels = Labels::default();
        let (method, config, fallback, has_building, shared) = match (train, aps) {
            (Some(train), _) => {
                let survey = Tables::read(&train, Half::Train, false, &mut labels, Numbers::default())?;
                let shared = survey.numbers;
                let rows: Vec<Row> = survey.rows.into_iter().filter(|row| !row.row.scan.is_empty()).map(|row| row.row).collect();
                let fallback = Fallback::of(rows.iter().map(|row| (row.point, row.level)));
                let fallback = fallback.ok_or(TableError::NoRows { file: train, half: Half::Train })?;
                let asked = Fixed { representation: representation.map(Curve::representation), neighbours: k.map(NonZeroUsize::get) };
                let (rows, configuration) = configure(rows, asked, tune, average);
                let chosen = Chosen { configuration, average, tuned: tune };
                (Method::of_survey(&rows, configuration), chosen.to_string(), fallback, survey.has_building, shared)
            }
            (None, Some(aps)) => {
                let places = Tables::read_access_points(&aps, &mut labels)?;
                let fallback = Fallback::of(places.beacons.places()).ok_or(TableError::NoRows { file: aps, half: Half::Train })?;
                (Method::of_beacons(places.beacons), "centroid".to_owned(), fallback, false, places.numbers)
            }
            (None, None) => return Err(WrongUsage("--train or --aps is required".to_owned()).into()),
        };
        let tests = Tables::read(&test, Half::Test, track, &mut labels, shared)?;
        if tests.rows.is_empty() {
            return Err(TableError::NoRows { file: test, half: Half::Test }.into());
        }
        if track && !tests.has_walks {
            return Err(WrongUsage(format!("--track needs the columns trace and t_ms in {}", test.display())).into());
        }
        let has_building = has_building && tests.has_building;
        Ok(evaluate(&Evaluation { method: &method, tests: &tests.rows, fallback, zone_m, track, has_building, config }))
    }
}

/// The rows that are indexed, and how they are asked.
fn configure(mut rows: Vec<Row>, asked: Fixed, tuned: bool, averaged: bool) -> (Vec<Row>, Configuration) {
    let mut default = Configuration::of(&rows);
    if averaged {
        rows = average(&rows);
        default.neighbours = NEIGHBOURS_SPARSE;
    }
    let configuration = if tuned {
        tune(&rows, asked)
    } else {
        Configuration {
            representation: asked.representation.unwrap_or(default.representation),
            neighbours: asked.neighbours.unwrap_or(default.neighbours),
        }
    };
    (rows, configuration)
}

/// The configuration in words.
struct Chosen {
    configuration: Configuration,
    average: bool,
    tuned: bool,
}

impl fmt::Display for Chosen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { configuration: Configuration { representation, neighbours }, average, tuned } = self;
        let curve = match representation {
            Representation::Powed => "powed",
            Representation::Exponential => "exponential",
            Representation::Positive => "positive",
        };
        write!(formatter, "{curve} sorensen k={neighbours}")?;
        if *average {
            formatter.write_str(" averaged")?;
        }
        if *tuned {
            formatter.write_str(" tuned")?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "locate/tests.rs"]
mod tests;
