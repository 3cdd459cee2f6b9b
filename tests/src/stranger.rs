//! Clients that other people wrote: mosquitto's command line tools and Eclipse paho.
//!
//! Takes an account and what to do; emits exit code and output. On failure to run: says which package is missing.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::process::Command;

use crate::process::find_program;

/// Longest life of a stranger, beyond its own time-outs.
const LIFE: Duration = Duration::from_secs(30);

/// Who connects where.
#[derive(Debug, Clone)]
pub struct Account {
    pub broker: SocketAddr,
    /// No name and password at all where there is none.
    pub login: Option<(String, String)>,
    pub client_id: String,
}

impl Account {
    /// An account whose client id is its name.
    pub fn named(broker: SocketAddr, name: &str, secret: &str) -> Self {
        Self { broker, login: Some((name.to_owned(), secret.to_owned())), client_id: name.to_owned() }
    }

    fn mosquitto(&self) -> Vec<String> {
        let mut args = ["-h", &self.broker.ip().to_string(), "-p", &self.broker.port().to_string(), "-i", &self.client_id]
            .map(ToOwned::to_owned)
            .to_vec();
        if let Some((name, secret)) = &self.login {
            args.extend(["-u", name, "-P", secret].map(ToOwned::to_owned));
        }
        args
    }
}

/// What a stranger said.
#[derive(Debug, Clone)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Said {
    fn from(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// Its output as one JSON object per line.
    pub fn lines(&self) -> Vec<Value> {
        self.out.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Values of one key in its lines.
    pub fn all(&self, key: &str) -> Vec<Value> {
        self.lines().into_iter().filter_map(|line| line.get(key).cloned()).collect()
    }
}

/// MQTT version as `mosquitto_pub -V` and our paho client name it.
pub const VERSIONS: [(&str, &str); 2] = [("5", "mqttv5"), ("3.1.1", "mqttv311")];

/// `mosquitto_sub`: ends after `count` messages or `seconds`.
///
/// # Errors
/// When it is not installed.
pub async fn mosquitto_sub(account: &Account, version: &str, topic: &str, count: u32, seconds: u32) -> Result<Said> {
    let program = find_program("mosquitto_sub", "mosquitto-clients", &[])?;
    let mut args = account.mosquitto();
    args.extend(["-V", version, "-q", "1", "-t", topic, "-v", "-C", &count.to_string(), "-W", &seconds.to_string()].map(ToOwned::to_owned));
    run(&program, &args).await
}

/// `mosquitto_pub`: one message with QoS 1.
///
/// # Errors
/// When it is not installed.
pub async fn mosquitto_pub(account: &Account, version: &str, topic: &str, payload: &str) -> Result<Said> {
    let program = find_program("mosquitto_pub", "mosquitto-clients", &[])?;
    let mut args = account.mosquitto();
    args.extend(["-V", version, "-q", "1", "-t", topic, "-m", payload].map(ToOwned::to_owned));
    run(&program, &args).await
}

/// What our paho client shall do.
#[derive(Debug, Clone, Default)]
pub struct PahoTask {
    pub subscribe: Vec<String>,
    pub publish: Vec<(String, String)>,
    /// End once a message holds this.
    pub until: Option<String>,
}

/// Eclipse paho in Python, as `tests/clients/paho_device.py` uses it.
///
/// # Errors
/// When Python or paho is not installed.
pub async fn paho(account: &Account, version: &str, task: &PahoTask) -> Result<Said> {
    let PahoTask { subscribe, publish, until } = task;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/paho_device.py");
    let mut args = vec![script.display().to_string(), "--protocol".to_owned(), version.to_owned()];
    args.extend(["--host", &account.broker.ip().to_string(), "--port", &account.broker.port().to_string()].map(ToOwned::to_owned));
    args.extend(["--client-id", &account.client_id].map(ToOwned::to_owned));
    if let Some((name, secret)) = &account.login {
        args.extend(["--username", name, "--password", secret].map(ToOwned::to_owned));
    }
    args.extend(subscribe.iter().flat_map(|topic| ["--subscribe".to_owned(), topic.clone()]));
    args.extend(publish.iter().flat_map(|(topic, payload)| ["--publish".to_owned(), topic.clone(), payload.clone()]));
    if let Some(text) = until {
        args.extend(["--until".to_owned(), text.clone()]);
    }
    run(&python().await?, &args).await
}

/// A Python that has paho: the system's, which the package serves, or the one in `PATH`.
async fn python() -> Result<PathBuf> {
    for program in [PathBuf::from("/usr/bin/python3"), PathBuf::from("python3")] {
        let probe = Command::new(&program).args(["-c", "import paho.mqtt.client"]).stderr(Stdio::null()).status().await;
        if probe.is_ok_and(|status| status.success()) {
            return Ok(program);
        }
    }
    anyhow::bail!("python3 has no paho: `make test` installs the package python3-paho-mqtt")
}

async fn run(program: &Path, args: &[String]) -> Result<Said> {
    let child = Command::new(program).args(args).stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(LIFE, child).await;
    ensure!(output.is_ok(), "{} did not end within {LIFE:?}", program.display());
    let output = output?.with_context(|| format!("failed to run {}", program.display()))?;
    Ok(Said::from(&output))
}
