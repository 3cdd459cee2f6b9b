//! An operator holds a broker against the rules before a deployment goes live: `aisle broker-check` and `aisle tck` as commands, on mosquitto.

use std::path::Path;
use std::process::Output;

use aisle_mesh::broker::{AccessRules, Credential, Role};
use aisle_schemas::ids::{InstanceId, NodeId};
use aisle_tests::binary::binary;
use aisle_tests::process::services_are_skipped;
use aisle_tests::services::Mosquitto;
use anyhow::{Context, Result};
use rand::RngCore;
use serde_json::Value;
use tokio::process::Command;

const NODE: &str = "acme.test.n1";
const OTHER: &str = "acme.test2.n1";

/// A secret that the broker knows, for each identity.
fn admit(rules: &mut AccessRules, role: Role) -> String {
    let mut salt = [0; 12];
    rand::rng().fill_bytes(&mut salt);
    let secret = format!("{:032x}", rand::random::<u128>());
    rules.admit(role, Credential::of(&secret.clone().into(), salt));
    secret
}

async fn aisle(args: &[&str]) -> Result<Output> {
    Command::new(binary().await?).args(args).output().await.context("failed to run aisle")
}

fn write(folder: &Path, name: &str, text: &str) -> Result<String> {
    let file = folder.join(name);
    std::fs::write(&file, text)?;
    Ok(file.display().to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn as_097_an_operator_is_told_by_exit_code_and_report_whether_a_broker_may_go_live() -> Result<()> {
    if services_are_skipped() {
        return Ok(());
    }
    let mut rules = AccessRules::new();
    let node = admit(&mut rules, Role::Node(NodeId::parse(NODE)?));
    let other = admit(&mut rules, Role::Node(NodeId::parse(OTHER)?));
    let cloud = admit(&mut rules, Role::Cloud(InstanceId::parse("test")?));
    let mosquitto = Mosquitto::start(&rules).await?;
    let broker = format!("mqtt://{}", mosquitto.address());
    let folder = tempfile::tempdir()?;
    let two = format!("[node]\nname = \"{NODE}\"\nsecret = \"{node}\"\n[cloud]\ninstance = \"test\"\nsecret = \"{cloud}\"\n");
    let three = format!("{two}[other_node]\nname = \"{OTHER}\"\nsecret = \"{other}\"\n");
    let (two, three) = (write(folder.path(), "two.toml", &two)?, write(folder.path(), "three.toml", &three)?);

    let good = aisle(&["broker-check", "--broker", &broker, "--identities", &three, "--json"]).await?;
    let report: Value = serde_json::from_slice(&good.stdout)?;
    assert_eq!((good.status.code(), &report["passed"]), (Some(0), &Value::Bool(true)), "{report}");
    let tck = aisle(&["tck", "--role", "broker", "--broker", &broker, "--identities", &three]).await?;
    let table = String::from_utf8(tck.stdout)?;
    assert_eq!(tck.status.code(), Some(0), "{table}");
    assert!(table.lines().any(|line| line.starts_with("AS-096  pass  ")) && table.contains("0 failed"), "{table}");

    // With two identities nobody can show that mosquitto withholds what it grants: that is no pass.
    let unproven = aisle(&["broker-check", "--broker", &broker, "--identities", &two]).await?;
    let table = String::from_utf8(unproven.stdout)?;
    assert_eq!(unproven.status.code(), Some(1), "{table}");
    assert!(table.contains("FAIL") && table.contains("other_node"), "{table}");
    for secret in [&node, &other, &cloud] {
        assert!(!table.contains(secret.as_str()) && !report.to_string().contains(secret.as_str()), "a secret in a report");
    }

    let nobody = aisle(&["broker-check", "--broker", "mqtt://127.0.0.1:9", "--identities", &three]).await?;
    assert_eq!(nobody.status.code(), Some(1), "a broker that is not there has not passed");
    let usage = aisle(&["broker-check", "--broker", "127.0.0.1", "--identities", &three]).await?;
    assert_eq!(usage.status.code(), Some(2));
    Ok(())
}
