//! A start that cannot succeed says why in one line and ends with 1: the program as an operator starts it.

use std::net::TcpListener;
use std::process::Command;

use aisle_tests::binary;
use anyhow::{Context, Result};

#[tokio::test]
async fn a_taken_port_is_named_and_the_start_ends_with_one() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let aisle = binary::binary().await?;
    let init = Command::new(aisle).arg("init").arg(folder.path()).arg("--state").arg(folder.path().join("state")).output()?;
    assert!(init.status.success(), "{}", String::from_utf8_lossy(&init.stderr));
    for (role, prefix) in [("cloud", "AISLE_CLOUD_"), ("node", "AISLE_NODE_")] {
        let taken = TcpListener::bind("127.0.0.1:0")?;
        let address = taken.local_addr()?.to_string();
        let mut command = Command::new(aisle);
        command.args([role, "--config"]).arg(folder.path().join(format!("{role}.toml"))).env(format!("{prefix}HTTP_ADDR"), &address);
        if role == "node" {
            command.env("AISLE_NODE_MQTT_ADDR", "127.0.0.1:0");
        }
        let output = command.output().context("failed to run aisle")?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.lines().any(|line| line.starts_with("aisle: ") && line.contains(&address)), "{said}");
        assert!(!said.contains("panicked"), "{said}");
    }
    Ok(())
}
