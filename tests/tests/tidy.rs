//! Rules of the repository that a compiler does not know. Each names the file and line it is broken at.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Folders that hold nothing of ours.
const FOREIGN: [&str; 6] = ["target", "node_modules", "dist", ".git", "test-results", ".library"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace").to_owned()
}

struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The text without its unit tests, which may spell out what they expect.
    fn product(&self) -> &str {
        self.text.split("#[cfg(test)]").next().unwrap_or_default()
    }
}

/// All files with one of these endings, paths relative to the root.
fn sources(endings: &[&str]) -> Vec<Source> {
    let root = root();
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder can be read").filter_map(Result::ok) {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type().expect("an entry has a type");
            if kind.is_dir() && !FOREIGN.contains(&name.as_str()) {
                folders.push(path);
            } else if kind.is_file() && endings.iter().any(|ending| name.ends_with(ending)) {
                // A file that an editor has just removed is no concern of ours.
                let Ok(text) = std::fs::read_to_string(&path) else { continue };
                let path = path.strip_prefix(&root).expect("found below the root").to_string_lossy().into_owned();
                found.push(Source { path, text });
            }
        }
    }
    assert!(!found.is_empty(), "no file ends with any of {endings:?}");
    found
}

/// Lines of product code that hold one of the needles, as `path:line: text`.
fn lines_with(sources: &[Source], broken: impl Fn(&Source, &str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        for (number, line) in source.product().lines().enumerate() {
            if broken(source, line) {
                found.push(format!("{}:{}: {}", source.path, number + 1, line.trim()));
            }
        }
    }
    found
}

#[track_caller]
fn none(broken: &[String], rule: &str) {
    assert!(broken.is_empty(), "{rule}:\n{}", broken.join("\n"));
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON")
}

/// Names of direct dependencies that are built into a crate, by crate.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("a list of packages");
    let name = |value: &Value| value["name"].as_str().expect("a name").to_owned();
    packages
        .iter()
        .map(|package| {
            let all = package["dependencies"].as_array().expect("a list of dependencies");
            (name(package), all.iter().filter(|dependency| dependency["kind"].is_null()).map(name).collect())
        })
        .collect()
}

#[test]
fn dependencies_point_one_way() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("aisle-schemas", &[][..]),
        ("aisle-web", &[][..]),
        ("aisle-mesh", &["aisle-schemas"][..]),
        ("aisle-node-core", &["aisle-schemas"][..]),
        ("aisle-cloud-core", &["aisle-schemas"][..]),
        ("aisle-store", &["aisle-schemas", "aisle-mesh", "aisle-cloud-core"][..]),
        ("aisle-node", &["aisle-schemas", "aisle-mesh", "aisle-node-core", "aisle-web"][..]),
        ("aisle-cloud", &["aisle-schemas", "aisle-mesh", "aisle-cloud-core", "aisle-store", "aisle-web"][..]),
        ("aisle-sim", &["aisle-schemas", "aisle-mesh"][..]),
        ("aisle", &["aisle-schemas", "aisle-mesh", "aisle-node-core", "aisle-node", "aisle-cloud", "aisle-sim"][..]),
    ]);
    for (name, dependencies) in dependencies() {
        if name == "aisle-tests" {
            continue;
        }
        let allowed = allowed.get(name.as_str()).unwrap_or_else(|| panic!("{name} has no place in the layout"));
        for dependency in dependencies.iter().filter(|dependency| dependency.starts_with("aisle")) {
            assert!(allowed.contains(&dependency.as_str()), "{name} must not depend on {dependency}");
        }
    }
}

#[test]
fn clients_of_outside_systems_stay_behind_the_crate_that_wraps_them() {
    let homes: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("rumqttc", &["aisle-mesh"][..]),
        ("mqtt5", &["aisle-mesh"][..]),
        ("redis", &["aisle-cloud"][..]),
        ("lettre", &["aisle-cloud"][..]),
        // The simulator's ledger reads effects with statements of its own: a fault of the product's storage code must not hide there.
        ("sqlx", &["aisle-store", "aisle-node", "aisle-sim"][..]),
        ("cel", &["aisle-cloud-core"][..]),
    ]);
    for (name, dependencies) in dependencies() {
        for (dependency, homes) in &homes {
            assert!(
                name == "aisle-tests" || !dependencies.contains(*dependency) || homes.contains(&name.as_str()),
                "{name} must not depend on {dependency}"
            );
        }
    }
}

#[test]
fn cores_do_no_io() {
    for (name, dependencies) in dependencies() {
        if !["aisle-node-core", "aisle-cloud-core", "aisle-schemas"].contains(&name.as_str()) {
            continue;
        }
        for banned in ["tokio", "actix", "actix-web", "reqwest", "sqlx"] {
            assert!(!dependencies.contains(banned), "{name} must not depend on {banned}");
        }
    }
}

#[test]
fn topics_are_spelled_out_in_schemas_alone() {
    let elsewhere =
        |source: &Source| !source.path.starts_with("schemas/") && !source.path.contains("/tests/") && !source.path.starts_with("tests/");
    let sources: Vec<_> = sources(&[".rs", ".ts", ".tsx"]).into_iter().filter(elsewhere).collect();
    let literal = |line: &str| ["\"aisle/1", "\"local/1", "`aisle/1", "`local/1"].iter().any(|start| line.contains(start));
    none(&lines_with(&sources, |_, line| literal(line) && !line.trim_start().starts_with("//")), "topics belong into schemas/src/topic.rs");
}

#[test]
fn every_source_file_says_what_it_is() {
    let headless: Vec<_> = sources(&[".rs", ".ts", ".tsx", ".mjs", ".py", ".css"])
        .into_iter()
        .filter(|source| {
            let first = source.text.trim_start();
            let header = match source.path.rsplit('.').next() {
                Some("rs") => first.starts_with("//!"),
                Some("py") => first.starts_with("#!") || first.starts_with("\"\"\"") || first.starts_with('#'),
                _ => first.starts_with("//") || first.starts_with("/*"),
            };
            !header
        })
        .map(|source| source.path)
        .collect();
    none(&headless, "no header that says what the file owns");
}

#[test]
fn no_stub_and_no_ignored_test_is_left() {
    // Spelled in halves, so that this file does not find itself.
    let needles =
        [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("#[ign", "ore"), concat!("test.ski", "p("), concat!("FIX", "ME")];
    let mut found = Vec::new();
    for source in sources(&[".rs", ".ts", ".tsx"]) {
        for (number, line) in source.text.lines().enumerate() {
            if needles.iter().any(|needle| line.contains(needle)) {
                found.push(format!("{}:{}: {}", source.path, number + 1, line.trim()));
            }
        }
    }
    none(&found, "unfinished work");
}

#[test]
fn sql_stands_in_sql_files() {
    let sources: Vec<_> = sources(&[".rs"]).into_iter().filter(|source| !source.path.contains("tests/")).collect();
    let statements = ["SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ", "CREATE TABLE ", "ALTER TABLE ", "WITH "];
    let inline = |line: &str| statements.iter().any(|statement| line.contains(&format!("\"{statement}")));
    none(&lines_with(&sources, |_, line| inline(line)), "one statement per .sql file");
}

#[test]
fn generated_files_are_those_of_the_present_declarations() {
    let stale: Vec<_> = aisle_schemas::generate::all()
        .into_iter()
        .filter(|(path, contents)| std::fs::read_to_string(root().join(path)).ok().as_ref() != Some(contents))
        .map(|(path, _)| path)
        .collect();
    none(&stale, "stale: run `make schemas`");
}

/// Names of all functions below a folder, tests among them.
fn function_names(below: &str) -> BTreeSet<String> {
    sources(&[".rs"])
        .iter()
        .filter(|source| source.path.starts_with(below))
        .flat_map(|source| source.text.lines())
        .filter_map(|line| {
            let line = line.trim().trim_start_matches("pub ").trim_start_matches("async ");
            let name = line.strip_prefix("fn ")?.split(['(', '<']).next()?;
            Some(name.to_owned())
        })
        .collect()
}

#[test]
fn every_promise_of_this_release_has_a_test() {
    const PROMISES: [&str; 15] = ["a12", "a15", "a16", "a19", "a20", "a23", "a25", "a32", "a34", "a67", "a68", "a79", "a82", "a84", "a85"];
    let names = function_names("tests/tests/promises");
    let missing: Vec<_> = PROMISES
        .iter()
        .filter(|promise| !names.iter().any(|name| name.starts_with(&format!("{promise}_"))))
        .map(|&p| p.to_owned())
        .collect();
    none(&missing, "promises without a test");
}

/// Sentences of the protocol, AS-001 to this one.
const SENTENCES: u32 = 108;

/// Sentences that tests name: `as_046_…`, or `…_and_as_012_…` where one test shows two.
fn sentences_with_a_test() -> BTreeSet<u32> {
    let names = function_names("");
    let named = names.iter().flat_map(|name| name.match_indices("as_").map(move |(at, _)| (name, at)));
    let starts = named.filter(|(name, at)| *at == 0 || name[..*at].ends_with('_'));
    starts.filter_map(|(name, at)| name.get(at + 3..at + 6)?.parse().ok()).collect()
}

#[test]
fn tests_of_the_protocol_name_sentences_that_exist() {
    let unknown: Vec<_> = sentences_with_a_test()
        .into_iter()
        .filter(|number| !(1..=SENTENCES).contains(number))
        .map(|number| format!("AS-{number:03}"))
        .collect();
    none(&unknown, "no such sentence in the protocol");
}

#[test]
fn every_sentence_of_the_protocol_has_a_test() {
    let tested = sentences_with_a_test();
    let missing: Vec<_> = (1..=SENTENCES).filter(|number| !tested.contains(number)).map(|number| format!("AS-{number:03}")).collect();
    none(&missing, "sentences without a test");
}

#[test]
fn the_readme_has_two_commands_to_set_up() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("there is a README");
    for command in ["make demo", "make test"] {
        assert!(readme.contains(command), "{command}");
    }
    assert!(readme.contains("docs/screens/"), "a real screenshot");
}
