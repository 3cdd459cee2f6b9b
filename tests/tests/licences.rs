//! What we link comes from where `deny.toml` says, under licences that it allows, and holds no crate that it bans.
//!
//! The same questions that `cargo deny check licenses bans sources` (`make deny`) answers, from what cargo knows of this build: so they are asked
//! at each run of the tests, and nothing has to be installed for them. Known weaknesses need a list from outside and are asked by `make deny` alone.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Parts of a licence expression, `MIT OR (Apache-2.0 WITH LLVM-exception AND ISC)`; a slash is an old way to write OR.
fn words(expression: &str) -> Vec<String> {
    expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ").split_whitespace().map(str::to_owned).collect()
}

/// Whether an expression can be met by allowed licences; `None` where it is no expression.
struct Expression<'a> {
    words: std::iter::Peekable<std::vec::IntoIter<String>>,
    allowed: &'a BTreeSet<String>,
}

impl Expression<'_> {
    fn is_met(expression: &str, allowed: &BTreeSet<String>) -> Option<bool> {
        let mut parsed = Expression { words: words(expression).into_iter().peekable(), allowed };
        let met = parsed.any()?;
        parsed.words.next().is_none().then_some(met)
    }

    fn take(&mut self, word: &str) -> bool {
        self.words.next_if(|next| next == word).is_some()
    }

    fn any(&mut self) -> Option<bool> {
        let mut met = self.all()?;
        while self.take("OR") {
            met |= self.all()?;
        }
        Some(met)
    }

    fn all(&mut self) -> Option<bool> {
        let mut met = self.one()?;
        while self.take("AND") {
            met &= self.one()?;
        }
        Some(met)
    }

    fn one(&mut self) -> Option<bool> {
        if self.take("(") {
            let met = self.any()?;
            return self.take(")").then_some(met);
        }
        let mut licence = self.words.next()?;
        if self.take("WITH") {
            licence = format!("{licence} WITH {}", self.words.next()?);
        }
        Some(self.allowed.contains(&licence))
    }
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn rules() -> Result<toml::Table> {
    Ok(toml::from_str(&std::fs::read_to_string(root().join("deny.toml"))?)?)
}

/// All crates of this build, ours included.
fn packages() -> Result<Vec<Value>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(root())
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    Ok(metadata["packages"].as_array().context("a list of packages")?.clone())
}

fn name(package: &Value) -> String {
    format!("{} {}", package["name"].as_str().unwrap_or("?"), package["version"].as_str().unwrap_or("?"))
}

#[test]
fn every_crate_is_under_a_licence_that_is_allowed() -> Result<()> {
    let rules = rules()?;
    let allowed = rules["licenses"]["allow"].as_array().context("a list of licences")?;
    let allowed: BTreeSet<String> = allowed.iter().filter_map(|licence| licence.as_str().map(str::to_owned)).collect();
    let refused: Vec<String> = packages()?
        .iter()
        .filter(|package| package["license"].as_str().and_then(|licence| Expression::is_met(licence, &allowed)) != Some(true))
        .map(|package| format!("{}: {}", name(package), package["license"]))
        .collect();
    ensure!(refused.is_empty(), "no licence of these is in deny.toml:\n{}", refused.join("\n"));
    Ok(())
}

#[test]
fn every_crate_comes_from_the_registry_or_from_here_and_none_is_banned() -> Result<()> {
    let rules = rules()?;
    let banned: BTreeSet<&str> =
        rules["bans"]["deny"].as_array().context("a list of bans")?.iter().filter_map(|ban| ban["crate"].as_str()).collect();
    ensure!(!banned.is_empty(), "deny.toml bans nothing");
    let packages = packages()?;
    let foreign = |package: &&Value| package["source"].as_str().is_some_and(|source| !source.contains("crates.io-index"));
    let foreign: Vec<String> = packages.iter().filter(foreign).map(|package| format!("{}: {}", name(package), package["source"])).collect();
    ensure!(foreign.is_empty(), "from elsewhere:\n{}", foreign.join("\n"));
    let met: Vec<String> =
        packages.iter().filter(|package| package["name"].as_str().is_some_and(|name| banned.contains(name))).map(name).collect();
    ensure!(met.is_empty(), "banned: {}", met.join(", "));
    Ok(())
}

#[test]
fn an_expression_is_met_when_allowed_licences_are_enough() {
    let allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned).into();
    let met = |expression| Expression::is_met(expression, &allowed);
    for good in ["MIT", "GPL-3.0 OR MIT", "MIT/GPL-3.0", "(GPL-3.0 OR ISC) AND MIT", "Apache-2.0 WITH LLVM-exception"] {
        assert_eq!(met(good), Some(true), "{good}");
    }
    for bad in ["GPL-3.0", "MIT AND GPL-3.0", "Apache-2.0", "(MIT OR ISC) AND GPL-3.0"] {
        assert_eq!(met(bad), Some(false), "{bad}");
    }
    for none in ["", "MIT OR", "(MIT", "MIT ISC"] {
        assert_eq!(met(none), None, "{none}");
    }
}
