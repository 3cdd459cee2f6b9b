//! A Redis server of one's own, without any file: what it holds may be lost at any time.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::eventually::eventually;
use crate::ports::free_port;
use crate::process::{Process, Signal, find_program};

const PACKAGE: &str = "redis-server";

/// A running server.
pub struct Redis {
    // Field order is drop order: the process must end before its folder goes.
    process: Process,
    _folder: TempDir,
    port: u16,
    cli: PathBuf,
}

impl Redis {
    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    /// When Redis is not installed or does not start.
    pub async fn start() -> Result<Self> {
        let server = find_program("redis-server", PACKAGE, &[])?;
        let cli = find_program("redis-cli", PACKAGE, &[])?;
        let folder = tempfile::Builder::new().prefix("aisle-redis-").tempdir().context("failed to make a folder")?;
        let port = free_port();
        let args = [
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
            &folder.path().display().to_string(),
        ]
        .map(ToOwned::to_owned);
        let mut process = Process::start("redis", &server, &args, folder.path(), None, Signal::Kill)?;
        eventually("redis answers", async || {
            process.check().expect("redis keeps running");
            ask(&cli, port, &["PING"]).is_ok_and(|answer| answer.trim() == "PONG").then_some(())
        })
        .await;
        Ok(Self { process, _folder: folder, port, cli })
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Forgets everything, as an operator may at any time.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn flush(&self) -> Result<()> {
        ask(&self.cli, self.port, &["FLUSHALL"]).map(drop)
    }

    /// Every key and value as text: for tests that look for what must not be there.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn dump(&self) -> Result<String> {
        let keys = ask(&self.cli, self.port, &["KEYS", "*"])?;
        let mut text = keys.clone();
        for key in keys.lines() {
            text.push_str(&ask(&self.cli, self.port, &["DUMP", key])?);
        }
        Ok(text)
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }
}

fn ask(cli: &PathBuf, port: u16, command: &[&str]) -> Result<String> {
    let output = Command::new(cli).args(["-p", &port.to_string()]).args(command).output().context("failed to run redis-cli")?;
    ensure!(output.status.success(), "redis-cli: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
