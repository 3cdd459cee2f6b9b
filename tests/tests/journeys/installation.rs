//! A fresh installation as an operator makes it: the files of `aisle init`, the real programs, certificates at both ends of every link.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use aisle_mesh::link::{Link, LinkConfig, LinkEvent};
use aisle_mesh::tls::ClientTls;
use aisle_node::identity::IdentityFolder;
use aisle_schemas::http::node::CloudLink;
use aisle_sim::client::ShopFloor;
use aisle_tests::binary::binary;
use aisle_tests::ports::{free_port, loopback};
use aisle_tests::process::{Process, Signal, find_program, services_are_skipped};
use aisle_tests::{DEADLINE, eventually};
use anyhow::{Context, Result, ensure};
use secrecy::ExposeSecret;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::process::Command;

async fn aisle(args: &[&str]) -> Result<Output> {
    Command::new(binary().await?).args(args).output().await.context("failed to run aisle")
}

/// Standard output of a command that did what it should.
async fn done(args: &[&str]) -> Result<String> {
    let output = aisle(args).await?;
    let said = String::from_utf8(output.stdout)?;
    ensure!(output.status.success(), "{args:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
    Ok(said)
}

/// The folder of an installation whose parts listen where this test says.
struct Site {
    folder: tempfile::TempDir,
    broker: u16,
}

impl Site {
    async fn init() -> Result<Self> {
        let site = Self { folder: tempfile::Builder::new().prefix("aisle-init-").tempdir()?, broker: free_port() };
        let (port, state) = (site.broker.to_string(), site.path("state"));
        let said = done(&["init", &site.path("etc"), "--state", &state, "--broker-port", &port]).await?;
        ensure!(said.contains("mosquitto -c") && said.contains("aisle cloud --config") && said.contains("aisle node --config"), "{said}");
        Ok(site)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) -> Result<String> {
        std::fs::write(self.folder.path().join(name), text)?;
        Ok(self.path(name))
    }

    async fn mosquitto(&self) -> Result<Process> {
        let program = find_program("mosquitto", "mosquitto", &[PathBuf::from("/usr/sbin")])?;
        // As root it would become user `mosquitto`, who may not read our folder.
        let text = std::fs::read_to_string(self.path("etc/mosquitto/mosquitto.conf"))?;
        let config = self.write("mosquitto.conf", &format!("{text}user root\n"))?;
        let mut process = Process::start("mosquitto", &program, &["-c".to_owned(), config], self.folder.path(), None, Signal::Kill)?;
        let address = loopback(self.broker);
        eventually("mosquitto answers", async || {
            process.check().expect("mosquitto keeps running");
            TcpStream::connect(address).await.ok().map(drop)
        })
        .await;
        Ok(process)
    }

    async fn role(&self, role: &str, env: &[(&str, String)]) -> Result<Process> {
        let args = [role.to_owned(), "--config".to_owned(), self.path(&format!("etc/{role}.toml"))];
        Process::start_with(role, binary().await?, &args, env, self.folder.path(), None, Signal::Kill)
    }

    /// What a dial at the broker comes to.
    async fn dial(&self, client_id: &str, tls: Option<ClientTls>) -> Result<LinkEvent> {
        let config = LinkConfig {
            host: "127.0.0.1".to_owned(),
            port: self.broker,
            client_id: client_id.to_owned(),
            username: None,
            password: None,
            tls,
            will: None,
            keep_alive: Duration::from_secs(20),
            receive_max: 16,
            packet_max: 65_536,
            in_flight: 16,
        };
        let (_handle, mut events) = Link::connect(config)?;
        tokio::time::timeout(DEADLINE, events.recv()).await?.context("a link says how it ends")
    }
}

fn mode(file: &Path) -> Result<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(std::fs::metadata(file)?.permissions().mode() & 0o777)
}

#[tokio::test(flavor = "multi_thread")]
async fn as_105_a_fresh_installation_has_certificates_at_both_ends_of_every_link() -> Result<()> {
    if services_are_skipped() {
        return Ok(());
    }
    let site = Site::init().await?;
    for secret in [
        "etc/ca/ca.key",
        "etc/mosquitto/broker.key.pem",
        "etc/cloud/cloud.key.pem",
        "etc/cloud.toml",
        "etc/node.toml",
        "state/identity/node.pem",
    ] {
        assert_eq!(mode(&site.folder.path().join(secret))?, 0o600, "{secret}");
    }
    let config = site.path("etc/cloud.toml");
    let before = std::fs::read_to_string(&config)?;
    done(&["init", &site.path("etc"), "--state", &site.path("state")]).await?;
    assert_eq!(std::fs::read_to_string(&config)?, before, "what stands is left alone");

    // The broker, before anything goes live.
    let mosquitto = site.mosquitto().await?;
    let ca = site.path("etc/ca");
    done(&["enrol", "test", "--ca", &ca, "--node", "aisle.test.n1", &site.path("one")]).await?;
    done(&["enrol", "test", "--ca", &ca, "--node", "aisle.test2.n1", &site.path("two")]).await?;
    let pair = |folder: &str, name: &str| format!("cert = \"{folder}/{name}.pem\"\nkey = \"{folder}/{name}.key.pem\"\n");
    let identities = [
        format!("[node]\nname = \"aisle.test.n1\"\n{}", pair("one", "node")),
        format!("[cloud]\ninstance = \"eu1-a\"\n{}", pair("etc/cloud", "cloud")),
        format!("[other_node]\nname = \"aisle.test2.n1\"\n{}", pair("two", "node")),
    ];
    let identities = site.write("identities.toml", &identities.concat())?;
    let (broker, authority) = (format!("mqtts://127.0.0.1:{}", site.broker), site.path("etc/ca/ca.pem"));
    let table = done(&["tck", "--role", "broker", "--broker", &broker, "--ca", &authority, "--identities", &identities]).await?;
    assert!(table.contains("a certificate of another authority") && table.contains("0 failed"), "{table}");
    let plain = site.dial("aisle.test.n1", None).await?;
    assert!(matches!(plain, LinkEvent::Lost(_)), "{plain:?}");

    let (cloud_http, node_http) = (loopback(free_port()).to_string(), loopback(free_port()).to_string());
    let _cloud = site.role("cloud", &[("AISLE_CLOUD_HTTP_ADDR", cloud_http)]).await?;
    let mqtt = loopback(free_port()).to_string();
    let _node = site.role("node", &[("AISLE_NODE_HTTP_ADDR", node_http.clone()), ("AISLE_NODE_MQTT_ADDR", mqtt)]).await?;
    let floor = ShopFloor::new(&format!("http://{node_http}"))?;
    eventually("the store is in step with the cloud", async || {
        floor.status().await.ok().filter(|status| status.cloud == CloudLink::Open).map(drop)
    })
    .await;

    let listed: Value = serde_json::from_str(&done(&["enrol", "list", "--config", &config, "--json"]).await?)?;
    let node = listed["certificates"][0]["node"].as_str().context("the box of the installation has its certificate")?.to_owned();
    let held = IdentityFolder::new(site.path("state/identity")).read()?;
    done(&["enrol", "revoke", "--config", &config, &node]).await?;
    // mosquitto reads the list again at once; what it holds open it does not close (docs/SECURITY.md).
    let told = Command::new("kill").args(["-HUP", &mosquitto.pid().to_string()]).status().await?;
    ensure!(told.success(), "mosquitto was told");
    let text = held.node.expose_secret();
    eventually("a revoked certificate opens nothing", async || {
        let event = site.dial(&node, Some(ClientTls::new(&held.authority, text, text).ok()?)).await.ok()?;
        matches!(event, LinkEvent::Lost(_)).then_some(())
    })
    .await;
    Ok(())
}
