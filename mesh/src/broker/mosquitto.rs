//! The same access rules on mosquitto.
//!
//! Owns: the text of mosquitto's configuration, ACL and password files, and a child process that runs them. Takes:
//! `AccessRules`. Emits: files for an operator, or a running broker for tests and single machines. On failure: names
//! the file or the program. Rules are read at start; after a change write the files again and send SIGHUP.
//!
//! What mosquitto cannot express: that a device's client id must not be another account's name. On the broker between
//! stores and cloud, where that matters, the client id is forced to the user name instead.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use aisle_schemas::topic::Publisher;
use async_trait::async_trait;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::access::{mesh_subtree, partition_state};
use super::{AccessRules, Broker, BrokerError, PACKET_BYTES_MAX, QUEUE_BYTES_MAX, QUEUE_MESSAGES_MAX, RECEIVE_MAX, Role, SESSION_EXPIRY_H};

/// Name of the configuration file in its folder.
pub const CONFIG_FILE: &str = "mosquitto.conf";
/// Name of the access control file in its folder.
pub const ACL_FILE: &str = "aisle.acl";
/// Name of the password file in its folder.
pub const PASSWORD_FILE: &str = "aisle.passwd";
/// What mosquitto puts in place of the user name.
const USER_NAME: &str = "%u";
/// How long the process may take until its port answers, in steps of `READY_STEP_MS`.
const READY_STEPS_MAX: u32 = 500;
const READY_STEP_MS: u64 = 10;

/// Files of a listener on which both ends show a certificate (AS-105).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificate of the authority that clients' certificates come from.
    pub authority: PathBuf,
    /// The broker's own certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// List of revoked certificates; read at start and at SIGHUP.
    pub revoked: Option<PathBuf>,
}

/// How clients reach the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listener {
    /// Without TLS: who they are, they prove by their secret.
    Plain,
    /// TLS 1.3: who they are stands in their certificate (AS-098).
    Tls(TlsFiles),
}

impl Listener {
    fn config_text(&self, passwords: &Path) -> String {
        match self {
            Self::Plain => format!("allow_anonymous false\npassword_file {}\n", passwords.display()),
            Self::Tls(TlsFiles { authority, certificate, key, revoked }) => {
                let (authority, certificate, key) = (authority.display(), certificate.display(), key.display());
                let revoked = revoked.as_ref().map_or_else(String::new, |file| format!("crlfile {}\n", file.display()));
                format!(
                    "cafile {authority}\n\
                     certfile {certificate}\n\
                     keyfile {key}\n\
                     {revoked}\
                     tls_version tlsv1.3\n\
                     require_certificate true\n\
                     use_identity_as_username true\n\
                     allow_anonymous false\n"
                )
            }
        }
    }
}

/// Text of the configuration file for a broker in `folder`.
#[must_use]
pub fn config_text(bind: SocketAddr, folder: &Path, rules: &AccessRules, listener: &Listener) -> String {
    let mesh = rules.accounts().any(|(_, account)| matches!(account.role(), Role::Node(_) | Role::Cloud(_)));
    let (address, port) = (bind.ip(), bind.port());
    let acl = folder.join(ACL_FILE);
    let identity = listener.config_text(&folder.join(PASSWORD_FILE));
    let acl = acl.display();
    // AS-098: on the broker between stores and cloud the client id is the identity.
    let client_id = if mesh { "use_username_as_clientid true\n" } else { "" };
    format!(
        "# Written by aisle from its access rules. Change the rules, not this file.\n\
         per_listener_settings false\n\
         listener {port} {address}\n\
         {client_id}\
         {identity}\
         acl_file {acl}\n\
         persistence false\n\
         set_tcp_nodelay true\n\
         max_packet_size {PACKET_BYTES_MAX}\n\
         max_inflight_messages {RECEIVE_MAX}\n\
         max_queued_messages {QUEUE_MESSAGES_MAX}\n\
         max_queued_bytes {QUEUE_BYTES_MAX}\n\
         persistent_client_expiration {SESSION_EXPIRY_H}h\n\
         sys_interval 0\n\
         log_type error\n\
         log_type warning\n"
    )
}

/// Text of the access control file.
#[must_use]
pub fn acl_text(rules: &AccessRules) -> String {
    let mut text = String::from("# Written by aisle from its access rules. Change the rules, not this file.\n");
    // Patterns hold for everybody, but reach only topics with the reader's own name in them, which devices and
    // instances do not have. So 5,000 stores need three lines.
    if rules.accounts().any(|(_, account)| matches!(account.role(), Role::Node(_))) {
        line(&mut text, "pattern write", &mesh_subtree(Publisher::Node, USER_NAME));
        line(&mut text, "pattern read", &mesh_subtree(Publisher::Cloud, USER_NAME));
        line(&mut text, "pattern read", &partition_state());
    }
    for (name, account) in rules.accounts() {
        let role = account.role();
        match role {
            Role::Node(_) => continue,
            Role::Cloud(_) | Role::StoreNode | Role::Device { .. } => {}
        }
        line(&mut text, "\nuser", name);
        for filter in role.publish() {
            line(&mut text, "topic write", &filter);
        }
        for filter in role.subscribe() {
            line(&mut text, "topic read", &filter);
        }
    }
    text
}

/// Text of the password file.
#[must_use]
pub fn password_text(rules: &AccessRules) -> String {
    let mut text = String::new();
    for (name, account) in rules.accounts() {
        if let Some(credential) = account.credential() {
            line(&mut text, &format!("{name}:{credential}"), "");
        }
    }
    text
}

fn line(text: &mut String, word: &str, rest: &str) {
    let separator = if rest.is_empty() { "" } else { " " };
    writeln!(text, "{word}{separator}{rest}").expect("writing to a string cannot fail");
}

/// Writes the three files of a plain listener into `folder` and returns the path of the configuration.
///
/// # Errors
/// When the folder or a file cannot be written.
pub async fn write_files(folder: &Path, bind: SocketAddr, rules: &AccessRules) -> Result<PathBuf, BrokerError> {
    write_files_for(folder, bind, rules, &Listener::Plain).await
}

/// Writes the three files into `folder` and returns the path of the configuration.
///
/// # Errors
/// When the folder or a file cannot be written.
pub async fn write_files_for(folder: &Path, bind: SocketAddr, rules: &AccessRules, listener: &Listener) -> Result<PathBuf, BrokerError> {
    let failed = |file: &Path, source| BrokerError::Write { file: file.display().to_string(), source };
    tokio::fs::create_dir_all(folder).await.map_err(|source| failed(folder, source))?;
    let config = folder.join(CONFIG_FILE);
    for (file, text) in [
        (config.clone(), config_text(bind, folder, rules, listener)),
        (folder.join(ACL_FILE), acl_text(rules)),
        (folder.join(PASSWORD_FILE), password_text(rules)),
    ] {
        tokio::fs::write(&file, text).await.map_err(|source| failed(&file, source))?;
    }
    Ok(config)
}

/// A mosquitto process of ours. Dropping it kills the process.
pub struct MosquittoBroker {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    ended: watch::Receiver<bool>,
}

impl MosquittoBroker {
    /// Writes the files into `folder`, runs `program` on them and returns once its port answers. Port 0 takes a free
    /// one; another process can snatch it before mosquitto binds, which then shows as an error here.
    ///
    /// # Errors
    /// When a file cannot be written, the program cannot be run, or it ends or stays silent at start.
    pub async fn start(program: &str, folder: &Path, bind: SocketAddr, rules: &AccessRules) -> Result<Self, BrokerError> {
        Self::start_for(program, folder, bind, rules, &Listener::Plain).await
    }

    /// As `start`, with a listener of either kind.
    ///
    /// # Errors
    /// As `start`.
    pub async fn start_for(
        program: &str,
        folder: &Path,
        bind: SocketAddr,
        rules: &AccessRules,
        listener: &Listener,
    ) -> Result<Self, BrokerError> {
        let address = with_port(bind).await?;
        let config = write_files_for(folder, address, rules, listener).await?;
        if runs_as_root().await {
            // As root it would become user `mosquitto`, who may not read our folder.
            append(&config, "user root\n").await?;
        }
        let child = Command::new(program)
            .arg("-c")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| BrokerError::Run { program: program.to_owned(), source })?;
        let (stop, stop_rx) = watch::channel(false);
        let (ended_tx, ended) = watch::channel(false);
        tokio::spawn(guard(child, stop_rx, ended_tx));
        let broker = Self { address, stop, ended };
        broker.answering().await?;
        Ok(broker)
    }

    async fn answering(&self) -> Result<(), BrokerError> {
        for _ in 0..READY_STEPS_MAX {
            if *self.ended.borrow() {
                return Err(BrokerError::Start { address: self.address, reason: "mosquitto ended at start".to_owned() });
            }
            if TcpStream::connect(self.address).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(READY_STEP_MS)).await;
        }
        Err(BrokerError::Start { address: self.address, reason: "mosquitto does not answer on its port".to_owned() })
    }
}

/// Waits for the process or for the order to stop it; a dropped sender is such an order.
async fn guard(mut child: Child, mut stop: watch::Receiver<bool>, ended: watch::Sender<bool>) {
    let asked_to_stop = tokio::select! {
        status = child.wait() => {
            match status {
                Ok(status) => tracing::warn!(%status, "mosquitto ended"),
                Err(error) => tracing::warn!(%error, "failed to wait for mosquitto"),
            }
            false
        }
        () = ordered(&mut stop) => true,
    };
    if asked_to_stop && let Err(error) = child.kill().await {
        tracing::warn!(%error, "failed to kill mosquitto");
    }
    ended.send_replace(true);
}

async fn ordered(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        tracing::debug!("handle of mosquitto was dropped");
    }
}

async fn with_port(bind: SocketAddr) -> Result<SocketAddr, BrokerError> {
    if bind.port() != 0 {
        return Ok(bind);
    }
    let failed = |error: std::io::Error| BrokerError::Start { address: bind, reason: error.to_string() };
    let listener = TcpListener::bind(bind).await.map_err(failed)?;
    listener.local_addr().map_err(failed)
}

async fn runs_as_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    tokio::fs::metadata("/proc/self").await.is_ok_and(|own| own.uid() == 0)
}

async fn append(file: &Path, text: &str) -> Result<(), BrokerError> {
    let failed = |source| BrokerError::Write { file: file.display().to_string(), source };
    let before = tokio::fs::read_to_string(file).await.map_err(failed)?;
    tokio::fs::write(file, before + text).await.map_err(failed)
}

#[async_trait]
impl Broker for MosquittoBroker {
    fn address(&self) -> SocketAddr {
        self.address
    }

    async fn ended(&self) {
        let mut ended = self.ended.clone();
        // An error means that the guard is gone, and with it the process.
        if ended.wait_for(|ended| *ended).await.is_err() {
            tracing::debug!("guard of mosquitto is gone");
        }
    }

    async fn stop(self: Box<Self>) {
        self.stop.send_replace(true);
        self.ended().await;
    }
}

#[cfg(test)]
mod tests {
    use aisle_schemas::ids::{InstanceId, NodeId};

    use super::*;
    use crate::broker::credential::{Credential, SALT_BYTES, SECRET_BYTES, secret_from_random};

    fn rules() -> AccessRules {
        let credential = Credential::of(&secret_from_random([1; SECRET_BYTES]), [2; SALT_BYTES]);
        let mut rules = AccessRules::new();
        rules.admit(Role::Node(NodeId::parse("acme.s042.n1").unwrap()), credential.clone());
        rules.admit(Role::Node(NodeId::parse("acme.s043.n1").unwrap()), credential.clone());
        rules.admit(Role::Cloud(InstanceId::parse("eu1-a").unwrap()), credential);
        rules
    }

    #[test]
    fn as_098_all_nodes_share_three_pattern_lines() {
        let text = acl_text(&rules());
        let lines: Vec<_> = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
        assert_eq!(
            lines,
            [
                "pattern write aisle/1/+/%u/up/#",
                "pattern read aisle/1/+/%u/dn/#",
                "pattern read aisle/1/+/state",
                "user cloud.eu1-a",
                "topic write aisle/1/+/+/dn/#",
                "topic write aisle/1/+/state",
                "topic read aisle/1/+/+/up/#",
            ]
        );
    }

    #[test]
    fn the_client_id_is_forced_on_the_broker_between_stores_and_cloud_only() {
        let bind = SocketAddr::from(([127, 0, 0, 1], 1883));
        assert!(config_text(bind, Path::new("x"), &rules(), &Listener::Plain).contains("use_username_as_clientid true"));
        assert!(!config_text(bind, Path::new("x"), &AccessRules::new(), &Listener::Plain).contains("use_username_as_clientid"));
    }

    #[test]
    fn as_098_over_tls_the_identity_is_the_certificates_and_no_secret_is_asked() {
        let files =
            TlsFiles { authority: "ca.pem".into(), certificate: "b.pem".into(), key: "b.key".into(), revoked: Some("crl.pem".into()) };
        let bind = SocketAddr::from(([0, 0, 0, 0], 8883));
        let text = config_text(bind, Path::new("x"), &rules(), &Listener::Tls(files));
        for line in ["require_certificate true", "use_identity_as_username true", "use_username_as_clientid true", "tls_version tlsv1.3"] {
            assert!(text.lines().any(|have| have == line), "{line}");
        }
        assert!(!text.contains("password_file"));
    }

    #[test]
    fn every_account_has_one_password_line() {
        let text = password_text(&rules());
        assert_eq!(text.lines().count(), 3);
        assert!(text.lines().all(|line| line.split(':').nth(1).is_some_and(|record| record.starts_with("$7$1$"))));
    }
}
