//! A mosquitto broker between stores and cloud, with the access rules that aisle writes for it.
//!
//! Owns its folder and process. Takes [`AccessRules`]. It keeps nothing on disk, so ending it loses whatever it held: that is the point.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use aisle_mesh::broker::{AccessRules, mosquitto};
use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::eventually::eventually;
use crate::ports::free_port;
use crate::process::{Process, Signal, find_program};

const PACKAGE: &str = "mosquitto";

/// A running broker.
pub struct Mosquitto {
    // Field order is drop order: the process must end before its folder goes.
    process: Process,
    folder: TempDir,
    program: PathBuf,
    config: PathBuf,
    address: SocketAddr,
}

impl Mosquitto {
    /// Writes the rules, starts the broker and waits until its port answers.
    ///
    /// # Errors
    /// When mosquitto is not installed or does not start.
    pub async fn start(rules: &AccessRules) -> Result<Self> {
        let program = find_program("mosquitto", PACKAGE, &[PathBuf::from("/usr/sbin")])?;
        let folder = tempfile::Builder::new().prefix("aisle-mosquitto-").tempdir().context("failed to make a folder")?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let config = mosquitto::write_files(folder.path(), address, rules).await.context("failed to write mosquitto's files")?;
        // As root it would become user `mosquitto`, who may not read our folder.
        let text = std::fs::read_to_string(&config).context("failed to read mosquitto's configuration")?;
        std::fs::write(&config, format!("{text}user root\n")).context("failed to write mosquitto's configuration")?;
        let process = run(&program, &config, &folder, address).await?;
        Ok(Self { process, folder, program, config, address })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it without warning and starts an empty one on the same port.
    ///
    /// # Errors
    /// When it does not start again.
    pub async fn kill_and_restart(&mut self) -> Result<()> {
        self.process.end(Signal::Kill)?;
        self.process = run(&self.program, &self.config, &self.folder, self.address).await?;
        Ok(())
    }
}

async fn run(program: &std::path::Path, config: &std::path::Path, folder: &TempDir, address: SocketAddr) -> Result<Process> {
    let args = ["-c".to_owned(), config.display().to_string()];
    let mut process = Process::start("mosquitto", program, &args, folder.path(), None, Signal::Kill)?;
    eventually("mosquitto answers", async || {
        process.check().expect("mosquitto keeps running");
        TcpStream::connect(address).await.ok().map(drop)
    })
    .await;
    Ok(process)
}
