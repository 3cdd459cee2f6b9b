//! The command on files: small ones made here, and the real ones where they lie.
//!
//! Owns the bar of the location engine. Takes `../shared/data/wifi` from the project's root. Emits nothing. On failure: the figure that is
//! worse than the bar. Without the data nothing is measured, and that is said.
use std::io::Write;
use std::path::Path;

use clap::Parser;
use tempfile::TempDir;

use super::*;

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    locate: Locate,
}

fn run(arguments: &[&str]) -> Result<Report> {
    let given = ["locate", "eval"].iter().chain(arguments);
    let Cli { locate: Locate { what: What::Eval(eval) } } = Cli::try_parse_from(given)?;
    eval.run()
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn write(&self, name: &str, text: &[u8]) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn error(&self, text: &[u8]) -> String {
        let file = self.write("bad.csv", text);
        format!("{:#}", run(&["--train", &file, "--test", &file]).unwrap_err())
    }
}

/// Two access points at the ends of an aisle, and a scan in its middle.
const AISLE: &str = "split,x_m,y_m,floor,building,trace,t_ms,scan\n\
    train,0,5,EG,a,1,0,7:-40 9:-80\n\
    train,20,5,EG,a,1,1000,7:-80 9:-40\n\
    train,20,5,OG,a,2,,\n\
    test,10,5,EG,a,3,1000,7:-60 9:-60\n\
    test,10,5,EG,a,3,0,7:-60 9:-60\n\
    test,10,5,OG,a,4,0,70:-60\n";

#[test]
fn every_test_row_is_scored_and_one_that_hears_nothing_gets_the_middle() {
    let folder = Folder::new();
    let file = folder.write("aisle.csv", AISLE.as_bytes());
    let report = run(&["--train", &file, "--test", &file, "--zone-m", "20", "--track"]).unwrap();
    assert_eq!(report.n_test, 3);
    assert!(report.mean_m < 1e-6, "{report:?}");
    assert!((report.floor_hit - 2.0 / 3.0).abs() < 1e-9);
    assert_eq!((report.building_hit, report.building_floor_hit), (Some(1.0), Some(report.floor_hit)));
    assert_eq!(report.zone_exact, Some(report.floor_hit));
    assert_eq!(report.config, "powed sorensen k=7");
    let averaged = run(&["--train", &file, "--test", &file, "--average", "--k", "1", "--representation", "positive"]).unwrap();
    assert_eq!((averaged.n_test, averaged.config.as_str()), (3, "positive sorensen k=1 averaged"));
}

#[test]
fn keys_that_do_not_apply_are_null() {
    let folder = Folder::new();
    let file = folder.write("aisle.csv", b"x_m,y_m,floor,scan\n1,1,0,1:-50\n");
    let report = serde_json::to_value(run(&["--train", &file, "--test", &file]).unwrap()).unwrap();
    for key in ["building_floor_hit", "zone_exact", "zone_within_3m", "zone_confident_share", "zone_confident_exact"] {
        assert!(report[key].is_null(), "{key}");
    }
    for key in ["mean_m", "median_m", "p75_m", "p95_m", "floor_hit", "n_test", "locate_us_p50", "locate_us_p99", "index_bytes"] {
        assert!(report[key].is_number(), "{key}");
    }
}

#[test]
fn a_compressed_file_says_what_the_plain_one_says() {
    let folder = Folder::new();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let windows = format!("\u{feff}{}", AISLE.replace('\n', "\r\n").replace("EG", "\"E,G\""));
    packed.write_all(windows.as_bytes()).unwrap();
    let (plain, packed) = (folder.write("a.csv", AISLE.as_bytes()), folder.write("a.csv.gz", &packed.finish().unwrap()));
    let steady = |file: &str| {
        let report = run(&["--train", file, "--test", file, "--zone-m", "15", "--tune"]).unwrap();
        Report { locate_us_p50: 0.0, locate_us_p99: 0.0, ..report }
    };
    assert_eq!(steady(&packed), steady(&plain));
}

#[test]
fn positions_of_access_points_stand_in_for_a_survey() {
    let folder = Folder::new();
    let aps = folder.write("aps.csv", b"ap_index,x_m,y_m,floor,freq_mhz\n7,0,5,EG,2412\n9,20,5,EG,5180\n,5,5,EG,2412\n");
    let file = folder.write("aisle.csv", AISLE.as_bytes());
    let report = run(&["--aps", &aps, "--test", &file]).unwrap();
    assert!(report.mean_m < 1e-6, "{report:?}");
    assert_eq!((report.n_test, report.building_floor_hit), (3, None));
}

#[test]
fn a_bad_file_is_named_with_line_and_column() {
    let folder = Folder::new();
    let head = "x_m,y_m,floor,scan\n";
    for (text, expected) in [
        (format!("{head}1,1,0,1:-50\n1,zwei,0,1:-50\n"), "line 3: column y_m: \"zwei\" is not a finite number"),
        (format!("{head}1,1,0,1:-50 2\n"), "line 2: column scan: \"2\" is not apIndex:dBm"),
        (format!("{head}1,1,0\n"), "line 2: 3 fields, 4 in the header"),
        (format!("{head}1,1,\"0,1:-50\n"), "line 2: a quotation mark is not closed"),
        (head.to_owned(), "no train rows to use"),
        (String::new(), "no column x_m and y_m"),
        ("x_m,y_m,scan\n".to_owned(), "no column floor"),
        ("x_m,y_m,floor\n".to_owned(), "no column scan"),
        ("x_m,y_m,floor,floor,scan\n".to_owned(), "column floor stands twice"),
    ] {
        let error = folder.error(text.as_bytes());
        assert!(error.contains(expected) && error.contains("bad.csv"), "{error} does not say {expected}");
    }
    assert!(folder.error(b"x_m,y_m,floor,scan\n1,\xff,0,\n").contains("line 2: not UTF-8"));
    assert!(folder.error(&[0x1f, 0x8b, 1, 2, 3]).contains("failed to read"));
    assert!(folder.error(&vec![b'x'; 2 << 20]).contains("line 1: longer than"));
}

#[test]
fn options_that_do_not_fit_are_wrong_usage() {
    let folder = Folder::new();
    let file = folder.write("still.csv", b"x_m,y_m,floor,scan\n1,1,0,1:-50\n");
    let error = run(&["--train", &file, "--test", &file, "--track"]).unwrap_err();
    assert!(error.is::<WrongUsage>(), "{error}");
    for wrong in [
        &["--test", &file][..],
        &["--train", &file, "--aps", &file, "--test", &file],
        &["--aps", &file, "--test", &file, "--tune"],
        &["--train", &file, "--test", &file, "--k", "0"],
        &["--train", &file, "--test", &file, "--zone-m", "-3"],
    ] {
        assert!(run(wrong).unwrap_err().is::<clap::Error>(), "{wrong:?}");
    }
}

#[test]
fn quantiles_lie_between_values() {
    assert!((score::percentile(&mut [4.0, 1.0, 2.0, 3.0], 0.5) - 2.5).abs() < 1e-12);
    assert!((score::percentile(&mut [7.0], 0.99) - 7.0).abs() < 1e-12);
}

/// The report on real data, or nothing where they do not lie.
fn measured(train: &str, test: &str, more: &[&str]) -> Option<Report> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/wifi");
    let path = |name: &str| folder.join(format!("{name}.csv.gz")).to_str().unwrap().to_owned();
    let (train, test) = (path(train), path(test));
    if !Path::new(&train).exists() {
        eprintln!("SKIPPED: the Wi-Fi data do not lie at {}", folder.display());
        return None;
    }
    let report = run(&[&["--train", &train, "--test", &test], more].concat()).unwrap();
    // The figures themselves, for whoever asks the runner to show what tests print.
    println!("{report:?}");
    Some(report)
}

#[test]
fn the_university_is_located_as_well_as_the_bar_asks() {
    let Some(report) = measured("uji_train", "uji_validation", &[]) else { return };
    assert!(report.mean_m <= 6.5 && report.median_m <= 4.4 && report.p75_m <= 8.0 && report.p95_m <= 19.5, "{report:?}");
    assert!(report.building_floor_hit.unwrap() >= 0.950 && report.building_hit.unwrap() >= 1.0, "{report:?}");
    assert_eq!(report.n_test, 1_111);
}

#[test]
fn the_mall_is_located_as_well_as_the_bar_asks() {
    let Some(report) = measured("mall_site1", "mall_site1", &[]) else { return };
    assert!(report.mean_m <= 6.0 && report.p75_m <= 7.7 && report.p95_m <= 14.7 && report.floor_hit >= 0.993, "{report:?}");
    let report = measured("mall_site1", "mall_site1", &["--track", "--zone-m", "20"]).unwrap();
    assert!(report.mean_m <= 5.7, "{report:?}");
    assert!(report.zone_exact.unwrap() >= 0.65 && report.zone_within_3m.unwrap() >= 0.83, "{report:?}");
    let exact = report.zone_confident_exact.unwrap();
    assert!(report.zone_confident_share.unwrap() >= 0.40 && exact >= 0.83, "{report:?}");
    assert!(report.zone_confident_within_3m.unwrap() >= 0.92 && report.zone_confident_mean_p.unwrap() - exact <= 0.10, "{report:?}");
}

#[test]
fn the_library_is_located_as_well_as_the_bar_asks() {
    let Some(report) = measured("lib1", "lib1", &[]) else { return };
    assert!(report.mean_m <= 3.1, "{report:?}");
    let report = measured("lib1", "lib1", &["--tune"]).unwrap();
    assert!(report.mean_m <= 2.8, "{report:?}");
}
