//! `aisle broker-check --broker URL --identities FILE`: whether a broker refuses what AS-098 forbids, before a deployment goes live (AS-097).
//!
//! Takes an address and a file with test identities that the broker knows. Emits a table, or JSON. On failure: exit code 1 when anything
//! forbidden gets through, anything allowed does not, or the broker gives no answer.

use std::fs;
use std::path::{Path, PathBuf};

use aisle_mesh::broker::Role;
use aisle_mesh::tck::client::{CloudAccount, NodeAccount};
use aisle_mesh::tck::{Endpoint, Identities, Proof, Report, Shown, access};
use aisle_schemas::ids::{InstanceId, NodeId};
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use secrecy::SecretString;
use serde::Deserialize;

use super::output::report;

/// Which broker, as whom.
#[derive(Debug, Args)]
pub struct BrokerCheck {
    #[command(flatten)]
    target: Target,
    /// Print the report as one JSON object
    #[arg(long)]
    json: bool,
}

/// A broker and the test identities on it.
#[derive(Debug, Args)]
pub struct Target {
    /// Address of the broker, e.g. mqtt://127.0.0.1:1883 or mqtts://broker.example:8883
    #[arg(long)]
    broker: Endpoint,
    /// For mqtts:// the authority of all certificates, a PEM file
    #[arg(long)]
    ca: Option<PathBuf>,
    /// TOML file: [node] with name, [cloud] with instance, and [other_node] for brokers that withhold silently (mosquitto); each with secret, or for mqtts:// with cert and key
    #[arg(long)]
    identities: PathBuf,
}

/// What stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IdentityFile {
    node: NodeEntry,
    cloud: CloudEntry,
    #[serde(default)]
    other_node: Option<NodeEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NodeEntry {
    name: NodeId,
    #[serde(default)]
    secret: Option<SecretString>,
    #[serde(default)]
    cert: Option<PathBuf>,
    #[serde(default)]
    key: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CloudEntry {
    instance: InstanceId,
    #[serde(default)]
    secret: Option<SecretString>,
    #[serde(default)]
    cert: Option<PathBuf>,
    #[serde(default)]
    key: Option<PathBuf>,
}

impl BrokerCheck {
    /// Runs the check.
    ///
    /// # Errors
    /// When the identities cannot be read, or the broker does not pass.
    pub async fn run(self) -> Result<()> {
        let Self { target, json } = self;
        let (broker, identities) = target.read()?;
        finish(&access::check(&broker, &identities).await, json)
    }
}

impl Target {
    /// Reads the test identities.
    ///
    /// # Errors
    /// When a file is not there or says something else, or an identity lacks what the address asks for.
    pub fn read(self) -> Result<(Endpoint, Identities)> {
        let Self { broker, ca, identities: file } = self;
        let IdentityFile { node, cloud, other_node } =
            toml::from_str(&text(&file)?).with_context(|| format!("failed to read {}", file.display()))?;
        let authority = match (broker.tls, ca) {
            (true, Some(ca)) => Some(text(&ca)?),
            (true, None) => bail!("mqtts:// needs --ca"),
            (false, Some(_)) => bail!("--ca is for mqtts://"),
            (false, None) => None,
        };
        // Files of an identity are named as seen from the file that names them.
        let folder = file.parent().unwrap_or(Path::new("."));
        let proof = |role: Role, secret: Option<SecretString>, cert: Option<PathBuf>, key: Option<PathBuf>| {
            let name = role.name();
            match (&authority, secret, cert, key) {
                (None, Some(secret), None, None) => Ok(Proof::Secret(secret)),
                (Some(authority), None, Some(cert), Some(key)) => {
                    let (cert, key) = (text(&folder.join(cert))?, text(&folder.join(key))?);
                    let shown = Shown::new(authority, &cert, &key).with_context(|| format!("the certificate of {name} cannot be used"))?;
                    let named = shown.identity().name();
                    ensure!(named == name, "the certificate of {name} names {named}");
                    Ok(Proof::Certificate(Box::new(shown)))
                }
                (None, ..) => bail!("{name} needs a secret and nothing else"),
                (Some(_), ..) => bail!("{name} needs cert and key and nothing else"),
            }
        };
        let node_account = |NodeEntry { name, secret, cert, key }: NodeEntry| {
            let proof = proof(Role::Node(name.clone()), secret, cert, key)?;
            anyhow::Ok(NodeAccount { name, proof })
        };
        let CloudEntry { instance, secret, cert, key } = cloud;
        let cloud = CloudAccount { proof: proof(Role::Cloud(instance.clone()), secret, cert, key)?, instance };
        let identities = Identities { node: node_account(node)?, cloud, other_node: other_node.map(node_account).transpose()? };
        Ok((broker, identities))
    }
}

fn text(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("failed to read {}", file.display()))
}

/// Writes a report, and fails where it did.
///
/// # Errors
/// When the report did not pass, or standard output is closed.
pub fn finish(outcome: &Report, json: bool) -> Result<()> {
    report(outcome, json)?;
    ensure!(outcome.passed, "{} checks failed", outcome.failed().count());
    Ok(())
}
