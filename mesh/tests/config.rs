//! What a person sees who got a configuration wrong, and what wins when several sources speak.
//!
//! Owns a file per test in a temporary folder; the environment is an argument.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]

use std::net::SocketAddr;
use std::path::PathBuf;

use aisle_mesh::config::{ConfigError, Sources, load_from};
use aisle_mesh::telemetry::{ExposeSecret as _, SecretString, TelemetryConfig};
use serde::Deserialize;
use serde_json::json;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Node {
    store: String,
    #[serde(default = "ten")]
    screens: u8,
    http_addr: SocketAddr,
    broker: Broker,
    #[serde(default)]
    telemetry: TelemetryConfig,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Broker {
    port: u16,
    secret: SecretString,
}

fn ten() -> u8 {
    10
}

const GOOD: &str = "# A store.\nstore = \"s042\"\nhttp_addr = \"127.0.0.1:8080\"\n\n[broker]\nport = 1883\nsecret = \"open-sesame\"\n";

struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("node.toml")
    }

    fn load(&self, text: &str, variables: &[(&str, &str)], flags: serde_json::Value) -> Result<Node, ConfigError> {
        std::fs::write(self.file(), text).unwrap();
        let sources = Sources { role: "node", file: Some(self.file()) };
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        load_from(&sources, variables, &flags)
    }

    /// The message without the folder.
    fn error(&self, text: &str, variables: &[(&str, &str)], flags: serde_json::Value) -> String {
        let error = self.load(text, variables, flags).expect_err("configuration is wrong");
        error.to_string().replace(&format!("{}/", self.folder.path().display()), "")
    }
}

#[test]
fn a_flag_wins_over_a_variable_and_a_variable_over_the_file() {
    let world = World::new();
    let variables = [("AISLE_NODE_BROKER__PORT", "1884"), ("AISLE_NODE_SCREENS", "3"), ("AISLE_CLOUD_SCREENS", "4"), ("PATH", "/bin")];
    let node = world.load(GOOD, &variables, json!({ "broker": { "port": 1885 }, "screens": null })).unwrap();
    assert_eq!((node.broker.port, node.screens, node.store.as_str()), (1885, 3, "s042"));
    assert_eq!((node.http_addr.port(), node.telemetry), (8080, TelemetryConfig::default()));
}

#[test]
fn a_wrong_value_is_named_with_file_line_and_key() {
    let world = World::new();
    assert_eq!(
        world.error(&GOOD.replace("1883", "\"many\""), &[], json!({})),
        "node.toml, line 6: `broker.port` is string \"many\"; expected u16"
    );
    let refused = world.error(&GOOD.replace("127.0.0.1:8080", "8080"), &[], json!({}));
    assert_eq!(refused, "node.toml, line 3: `http_addr` is refused; invalid socket address syntax");
}

#[test]
fn an_unknown_key_is_answered_with_the_known_ones() {
    let world = World::new();
    assert_eq!(
        world.error(&GOOD.replace("port =", "prot ="), &[], json!({})),
        "node.toml, line 6: `broker.prot` is not a known key; expected one of port, secret"
    );
}

#[test]
fn a_missing_key_is_answered_with_where_to_set_it() {
    let world = World::new();
    assert_eq!(
        world.error(&GOOD.replace("port = 1883\n", ""), &[], json!({})),
        "node.toml, line 5: `broker.port` is missing; set it in the file or as AISLE_NODE_BROKER__PORT"
    );
}

#[test]
fn the_source_that_is_wrong_is_the_one_that_is_named() {
    let world = World::new();
    let variable = world.error(GOOD, &[("AISLE_NODE_BROKER__PORT", "70000")], json!({}));
    assert!(variable.starts_with("environment variable AISLE_NODE_BROKER__PORT: `broker.port` is"), "{variable}");
    let unknown = world.error(GOOD, &[("AISLE_NODE_SCREEN", "1")], json!({}));
    assert!(unknown.starts_with("environment variable AISLE_NODE_SCREEN: `screen` is not a known key"), "{unknown}");
    let flag = world.error(GOOD, &[], json!({ "screens": "x" }));
    assert!(flag.starts_with("command line: `screens` is string"), "{flag}");
}

#[test]
fn a_file_that_is_not_toml_is_named_with_its_line() {
    let world = World::new();
    let error = world.error(&GOOD.replace("port = 1883", "port = "), &[], json!({}));
    assert!(error.starts_with("node.toml, line 6: "), "{error}");
    let sources = Sources { role: "node", file: Some(world.folder.path().join("none.toml")) };
    let missing = load_from::<Node>(&sources, [], &json!({}));
    assert!(matches!(missing, Err(ConfigError::Read { .. })), "{missing:?}");
}

#[test]
fn a_wrong_secret_is_never_shown() {
    let world = World::new();
    let error = world.error(&GOOD.replace("\"open-sesame\"", "31415926"), &[], json!({}));
    assert!(!error.contains("31415926") && error.contains("`broker.secret`"), "{error}");
    let node = world.load(GOOD, &[], json!({})).unwrap();
    assert_eq!(node.broker.secret.expose_secret(), "open-sesame");
    assert!(!format!("{node:?}").contains("open-sesame"));
}
