//! The product's own binary as a child process, for tests that kill it.
//!
//! Owns the build, once per test process. Takes a role and its configuration; emits a running [`Process`]. On failure: the build's own message.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::process::{Process, Signal};

static BINARY: OnceCell<PathBuf> = OnceCell::const_new();

/// The binary, built beside the tests of the whole workspace and with their profile: so with the same features of every crate, and nothing is
/// compiled twice.
///
/// # Errors
/// When it does not build.
pub async fn binary() -> Result<&'static Path> {
    let path = BINARY.get_or_try_init(|| async { tokio::task::spawn_blocking(build).await.context("the build was aborted")? }).await?;
    Ok(path)
}

/// What the test runner says of the package under test. Build scripts that watch it would run again, and everything behind them.
const OF_THE_RUNNER: [&str; 3] = ["CARGO_PKG_", "CARGO_MANIFEST_", "OUT_DIR"];

const BUILD: &str = "build --quiet --workspace --profile test --tests --bin aisle --message-format json-render-diagnostics";

fn build() -> Result<PathBuf> {
    let mut command = Command::new(env!("CARGO"));
    for (name, _) in std::env::vars_os() {
        if OF_THE_RUNNER.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    let output = command
        .args(BUILD.split(' '))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .output()
        .context("failed to run cargo")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "aisle" && message["profile"]["test"] == false)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .context("cargo names no executable")
}

/// Starts a role on a configuration, which is written to `{folder}/{role}.toml` as an operator would.
///
/// # Errors
/// When the binary does not build or start.
pub async fn start(role: &str, config: &Value, folder: &Path) -> Result<Process> {
    std::fs::create_dir_all(folder).with_context(|| format!("failed to make {}", folder.display()))?;
    let file = folder.join(format!("{role}.toml"));
    std::fs::write(&file, toml::to_string_pretty(&without_nulls(config))?)
        .with_context(|| format!("failed to write {}", file.display()))?;
    let args = [role.to_owned(), "--config".to_owned(), file.display().to_string()];
    Process::start(role, binary().await?, &args, folder, None, Signal::Kill)
}

/// TOML has no word for nothing: what is nothing is left out.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            members.iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.clone(), without_nulls(value))).collect()
        }
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}
