//! A box becomes a node by a claim, works, renews its certificate, is stolen, shut out and replaced, over TLS on both brokers.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aisle_cloud::enrol::office::{Office, write_list};
use aisle_cloud::enrol::{AUTHORITY_FILE, AUTHORITY_KEY_FILE, REVOKED_FILE, authority};
use aisle_cloud::{CloudApp, MailSink};
use aisle_mesh::broker::{AccessRules, Broker, Listener, MosquittoBroker, Role, TlsFiles};
use aisle_mesh::clock::{Clock, SystemClock};
use aisle_mesh::link::{Link, LinkConfig, LinkEvent};
use aisle_mesh::tls::{Authority, Certificate, ClientTls, Identity, PrivateKey, SigningRequest, ValidityState};
use aisle_node::NodeApp;
use aisle_node::identity::{ClientError, EnrolClient, IdentityFolder, enrol};
use aisle_schemas::code::{Code, CodeSubject, StoreKey};
use aisle_schemas::http::cloud::RenewalRequest;
use aisle_schemas::http::node::{CloudLink, NodeCheckedIn};
use aisle_schemas::ids::{InstanceId, NodeId, NodeName};
use aisle_schemas::log::NodeAlarm;
use aisle_schemas::text::Language;
use aisle_schemas::visit::CheckInMethod;
use aisle_sim::client::customer::INSTORE_CONTEXT;
use aisle_sim::client::{Customer, Mail, ShopFloor, Staff};
use aisle_sim::world::OPERATOR;
use aisle_sim::world::deployment::{Deployment, INSTANCE, StoreDeployment, random_hex};
use aisle_sim::world::stores as demo;
use aisle_tests::binary::binary;
use aisle_tests::canary::find_in_folder;
use aisle_tests::ports::{free_port, loopback};
use aisle_tests::process::{find_program, services_are_skipped};
use aisle_tests::{DEADLINE, eventually};
use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use rand::RngCore;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A part of the product in this process.
struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<()>>,
}

impl Running {
    async fn stop(self) -> Result<()> {
        drop(self.stop);
        self.task.await.context("the part was aborted")?
    }
}

/// A broker outside.
struct Mosquitto {
    program: PathBuf,
    running: MosquittoBroker,
}

/// Which broker a site has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum BrokerKind {
    Mosquitto,
    Embedded,
}

struct Inbox(MailSink);

#[async_trait]
impl Mail for Inbox {
    async fn code_for(&self, email: &str) -> Result<Option<String>> {
        Ok(self.0.code_for(email))
    }
}

/// A cloud with an authority, a broker that asks for certificates, and a store without a box.
struct Site {
    deployment: Deployment,
    cloud: Running,
    office: Office,
    inbox: Inbox,
    /// The broker outside, where the one inside is not used.
    mosquitto: Option<Mosquitto>,
    broker: SocketAddr,
    folder: TempDir,
}

fn now() -> DateTime<Utc> {
    SystemClock::new().now()
}

fn key_and_certificate(folder: &Path, name: &str, certify: impl FnOnce(&SigningRequest) -> Result<String>) -> Result<Value> {
    let key = PrivateKey::generate()?;
    let request = SigningRequest::from_pem(&key.request(&Identity::parse("cloud.any")?)?)?;
    let (cert, key_file) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key.pem")));
    std::fs::write(&cert, certify(&request)?)?;
    std::fs::write(&key_file, key.to_pem().expose_secret())?;
    Ok(json!({ "ca": folder.join(AUTHORITY_FILE), "cert": cert, "key": key_file }))
}

impl Site {
    async fn start(kind: BrokerKind) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("aisle-enrolment-").tempdir()?;
        let ca = folder.path().join("ca");
        std::fs::create_dir(&ca)?;
        let key = PrivateKey::generate()?;
        std::fs::write(ca.join(AUTHORITY_KEY_FILE), key.to_pem().expose_secret())?;
        // Older than the certificates of the past that a test makes.
        std::fs::write(ca.join(AUTHORITY_FILE), Authority::create(&key, now() - TimeDelta::days(400), rand::random())?)?;
        let authority = authority(&ca)?;
        write_list(&authority, &ca.join(REVOKED_FILE), &[], now())?;
        let hosts = ["127.0.0.1".to_owned()];
        let broker_tls =
            key_and_certificate(&ca, "broker", |request| Ok(authority.certify_server(&hosts, request, now(), rand::random())?))?;
        let instance = InstanceId::parse(INSTANCE)?;
        let identity = Identity::Cloud(instance);
        let tls = key_and_certificate(&ca, "cloud", |request| Ok(authority.certify(&identity, request, now(), rand::random())?))?;

        let mosquitto = match kind {
            BrokerKind::Mosquitto => {
                let program = find_program("mosquitto", "mosquitto", &[PathBuf::from("/usr/sbin")])?;
                let running = start_broker(&program, folder.path(), loopback(free_port()).port()).await?;
                Some(Mosquitto { program, running })
            }
            BrokerKind::Embedded => None,
        };
        let broker = mosquitto.as_ref().map_or_else(|| loopback(free_port()), |mosquitto| mosquitto.running.address());
        let rng = &mut rand::rng();
        let root = [7; 32];
        let deployment = Deployment {
            folder: folder.path().join("state"),
            cloud_http: loopback(free_port()),
            database_url: None,
            redis_url: None,
            broker: Some(broker),
            cloud_key: hex::encode(root),
            cloud_public_key: hex::encode(ed25519_dalek::SigningKey::from_bytes(&root).verifying_key().to_bytes()),
            cloud_secret: String::new(),
            integration_key: random_hex(16, rng),
            demo: false,
            stores: vec![StoreDeployment::new(demo::stores(1).remove(0), loopback(free_port()), loopback(free_port()), rng)],
        };
        std::fs::create_dir(&deployment.folder)?;
        let mut config = deployment.cloud_config();
        config["broker"]["tls"] = tls;
        config["enrolment"] = json!({ "authority": ca });
        if kind == BrokerKind::Embedded {
            config["embedded_broker"] = json!({ "addr": broker, "tls": broker_tls });
        }
        std::fs::write(folder.path().join("cloud.toml"), toml::to_string_pretty(&without_nulls(&config))?)?;
        let config: aisle_cloud::CloudConfig = serde_json::from_value(config).context("failed to configure the cloud")?;
        let app = CloudApp::build(config.clone(), SystemClock::new()).await.context("failed to start the cloud")?;
        let inbox = Inbox(app.mail_sink());
        let (stop, stopped) = oneshot::channel::<()>();
        // A dropped sender is an order to stop, too.
        let task = tokio::spawn(async move { app.run(async { drop(stopped.await) }).await.context("the cloud ended") });
        let office = Office::open(&config).await?;
        Ok(Self { deployment, cloud: Running { stop, task }, office, inbox, mosquitto, broker, folder })
    }

    fn store(&self) -> &StoreDeployment {
        &self.deployment.stores[0]
    }

    fn identity(&self, name: &str) -> IdentityFolder {
        IdentityFolder::new(self.folder.path().join(format!("identity-{name}")))
    }

    fn client(&self) -> Result<EnrolClient> {
        Ok(EnrolClient::new(&self.deployment.url(), None)?)
    }

    /// A box of this name asks with a fresh claim.
    async fn enrol(&self, name: &str, replaces: Option<&str>) -> Result<NodeId> {
        let replaces = replaces.map(NodeName::parse).transpose()?;
        let store = &self.store().store.id;
        let made = self.office.claim(store, Some(NodeName::parse(name)?), replaces, TimeDelta::hours(1), now()).await?;
        Ok(enrol(&self.identity(name), &self.client()?, &made.claim).await?)
    }

    /// Starts a box over its folders.
    async fn run(&self, name: &str, renews: bool) -> Result<Running> {
        let mut config = self.deployment.node_config(self.store(), self.broker);
        config["node"] = json!(name);
        config["data_dir"] = json!(self.folder.path().join(format!("data-{name}")));
        config["broker"]["tls"] = json!({ "folder": self.identity(name).path() });
        if renews {
            config["broker"]["tls"]["renew_at"] = json!(self.deployment.url());
        }
        let config = serde_json::from_value(config).context("failed to configure the node")?;
        let app = NodeApp::build(config, SystemClock::new()).await.context("failed to start the node")?;
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move { app.run(async { drop(stopped.await) }).await.context("the node ended") });
        Ok(Running { stop, task })
    }

    fn floor(&self) -> Result<ShopFloor> {
        Ok(ShopFloor::new(&self.store().url())?)
    }

    async fn in_step(&self) -> Result<()> {
        let floor = self.floor()?;
        eventually("the store is in step with the cloud", async || {
            floor.status().await.ok().filter(|status| status.cloud == CloudLink::Open && status.pending == 0)
        })
        .await;
        Ok(())
    }

    async fn member(&self, name: &str) -> Result<Customer> {
        let email = format!("{name}@shopper.example");
        let member = Customer::sign_in(&self.deployment.url(), &self.inbox, &email, Language::De).await?;
        member.grant(INSTORE_CONTEXT).await?;
        Ok(member)
    }

    /// Checks in at the store's door.
    async fn enter(&self, member: &Customer) -> Result<NodeCheckedIn> {
        let key = StoreKey::from_hex(&self.store().store_key).context("made from random bytes")?;
        let subject = CodeSubject::Door { touchpoint: demo::door() };
        let code = Code { store: self.store().store.id.clone(), subject, issued_at: now(), nonce: rand::rng().next_u64() }.encode(&key);
        Ok(self.floor()?.check_in(&code, &member.pass().await?, CheckInMethod::AppQr).await?)
    }

    async fn visits_known(&self) -> Result<i64> {
        let mut connection = SqliteConnection::connect(&self.deployment.database_url()).await?;
        Ok(sqlx::query_scalar("SELECT count(*) FROM visit").fetch_one(&mut connection).await?)
    }

    /// Ends the broker and starts it over the same files, as an operator has it read them again.
    async fn restart_broker(mut self) -> Result<Self> {
        let Mosquitto { program, running } = self.mosquitto.take().context("the broker is inside")?;
        Box::new(running).stop().await;
        let running = start_broker(&program, self.folder.path(), self.broker.port()).await?;
        self.mosquitto = Some(Mosquitto { program, running });
        Ok(self)
    }

    async fn stop(self) -> Result<()> {
        self.office.close().await;
        self.cloud.stop().await?;
        if let Some(Mosquitto { program: _, running }) = self.mosquitto {
            Box::new(running).stop().await;
        }
        Ok(())
    }
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

async fn start_broker(program: &Path, folder: &Path, port: u16) -> Result<MosquittoBroker> {
    let ca = folder.join("ca");
    let mut rules = AccessRules::new();
    rules.admit_certified(Role::Cloud(InstanceId::parse(INSTANCE)?));
    rules.admit_certified(Role::Node(demo::stores(1).remove(0).node()));
    let files = TlsFiles {
        authority: ca.join(AUTHORITY_FILE),
        certificate: ca.join("broker.pem"),
        key: ca.join("broker.key.pem"),
        revoked: Some(ca.join(REVOKED_FILE)),
    };
    let program = program.to_str().context("the program's path is text")?;
    let listener = Listener::Tls(files);
    Ok(MosquittoBroker::start_for(program, &folder.join("mosquitto"), loopback(port), &rules, &listener).await?)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let (path, target) = {
            let entry = entry?;
            (entry.path(), to.join(entry.file_name()))
        };
        if path.is_dir() { copy(&path, &target)? } else { std::fs::copy(&path, &target).map(drop)? }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn as_106_a_stolen_box_holds_nobody_and_opens_nothing_once_it_is_shut_out() -> Result<()> {
    if services_are_skipped() {
        return Ok(());
    }
    let site = Site::start(BrokerKind::Mosquitto).await?;
    let node = site.enrol("n1", None).await?;
    let running = site.run("n1", false).await?;
    site.in_step().await?;
    let member = site.member("zoe-lovelace").await?;
    let entered = site.enter(&member).await?;
    eventually("the cloud knows the visit", async || {
        member.look_at_me().await.ok()?.visit.filter(|visit| visit.visit == entered.visit).map(drop)
    })
    .await;

    // Somebody takes the box: data and identity.
    let image = site.folder.path().join("image");
    copy(&site.folder.path().join("data-n1"), &image.join("data"))?;
    copy(site.identity("n1").path(), &image.join("identity"))?;
    let customer = member.look_at_me().await?.customer;
    let person = [b"lovelace".to_vec(), b"shopper.example".to_vec(), customer.to_string().into_bytes(), customer.0.as_bytes().to_vec()];
    assert_eq!(find_in_folder(&image, &person)?, Vec::<String>::new(), "nobody is in the image");

    assert_eq!(site.office.revoke(node.clone(), now()).await?, 1);
    // The broker does not know yet, but what the box sends has no effect any more.
    site.enter(&site.member("yves").await?).await?;
    let site = site.restart_broker().await?;
    let floor = site.floor()?;
    let status = eventually("the box is cut off", async || floor.status().await.ok().filter(|status| status.cloud == CloudLink::Cut)).await;
    assert!(status.pending > 0, "the store keeps what it accepted");
    site.enter(&site.member("xara").await?).await?;
    assert_eq!(site.visits_known().await?, 1);

    // What was taken opens neither broker nor cloud.
    let stolen = IdentityFolder::new(image.join("identity")).read()?;
    let text = stolen.node.expose_secret();
    let address = site.broker;
    let link = LinkConfig {
        host: address.ip().to_string(),
        port: address.port(),
        client_id: node.to_string(),
        username: None,
        password: None,
        tls: Some(ClientTls::new(&stolen.authority, text, text)?),
        will: None,
        keep_alive: Duration::from_secs(20),
        receive_max: 16,
        packet_max: 65_536,
        in_flight: 16,
    };
    let (_handle, mut events) = Link::connect(link)?;
    let first = tokio::time::timeout(DEADLINE, events.recv()).await?;
    assert!(matches!(first, Some(LinkEvent::Lost(_))), "{first:?}");
    let key = PrivateKey::from_pem(text)?;
    let request = PrivateKey::generate()?.request(&Identity::Node(node))?;
    let signature = hex::encode(key.sign(request.as_bytes())?);
    let renewal = RenewalRequest { certificate: stolen.certificate_pem().to_owned(), request, signature };
    let refused = site.client()?.renew(&renewal).await;
    assert!(matches!(&refused, Err(ClientError::Refused { code, .. }) if code == "certificate_refused"), "{refused:?}");
    running.stop().await?;

    // A new box takes the place.
    site.enrol("n2", Some("n1")).await?;
    let replacement = site.run("n2", false).await?;
    site.in_step().await?;
    site.enter(&site.member("wanda").await?).await?;
    site.in_step().await?;
    assert_eq!(site.visits_known().await?, 2);
    replacement.stop().await?;
    site.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_box_that_is_shut_out_is_cut_from_the_broker_inside_and_a_new_one_is_let_in() -> Result<()> {
    let site = Site::start(BrokerKind::Embedded).await?;
    let node = site.enrol("n1", None).await?;
    let running = site.run("n1", false).await?;
    site.in_step().await?;
    site.enter(&site.member("zoe-lovelace").await?).await?;
    site.in_step().await?;
    assert_eq!(site.visits_known().await?, 1);
    site.office.revoke(node, now()).await?;
    let floor = site.floor()?;
    eventually("the box is cut off", async || floor.status().await.ok().filter(|status| status.cloud == CloudLink::Cut)).await;
    site.enter(&site.member("yves").await?).await?;
    running.stop().await?;
    site.enrol("n2", Some("n1")).await?;
    let replacement = site.run("n2", false).await?;
    site.in_step().await?;
    assert_eq!(site.visits_known().await?, 1);
    replacement.stop().await?;
    site.stop().await
}

/// What the console shows that the cloud itself sees of the store's node.
async fn seen(operator: &Staff) -> Result<Vec<NodeAlarm>> {
    let health = operator.fleet().await?.health.into_iter().find(|health| health.active).context("one box serves the store")?;
    Ok(health.seen.into_iter().map(|seen| seen.alarm).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn as_107_a_store_goes_on_with_an_expired_certificate_and_renews_it() -> Result<()> {
    if services_are_skipped() {
        return Ok(());
    }
    let site = Site::start(BrokerKind::Mosquitto).await?;
    let node = site.enrol("n1", None).await?;
    let identity = site.identity("n1");
    // The box was away for a hundred days: its certificate ended ten days ago.
    let authority = authority(&site.folder.path().join("ca"))?;
    let key = PrivateKey::generate()?;
    let request = SigningRequest::from_pem(&key.request(&Identity::Node(node.clone()))?)?;
    let old = authority.certify(&Identity::Node(node.clone()), &request, now() - TimeDelta::days(100), rand::random())?;
    let read = Certificate::from_pem(&old)?;
    let mut connection = SqliteConnection::connect(&site.deployment.database_url()).await?;
    sqlx::query("INSERT INTO certificate (fingerprint, node, serial, key_hash, pem, not_after) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(read.fingerprint.to_vec())
        .bind(node.to_string())
        .bind(read.serial.clone())
        .bind(read.key_hash().to_vec())
        .bind(&old)
        .bind(read.validity.not_after)
        .execute(&mut connection)
        .await?;
    // That it was given another one since is not part of this story.
    sqlx::query("UPDATE claim SET certificate = $1").bind(read.fingerprint.to_vec()).execute(&mut connection).await?;
    sqlx::query("DELETE FROM certificate WHERE node = $1 AND fingerprint <> $2")
        .bind(node.to_string())
        .bind(read.fingerprint.to_vec())
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    identity.write(authority.certificate(), &old, &key)?;

    // Nobody renews it: the store opens all the same.
    let member = site.member("zoe-lovelace").await?;
    let running = site.run("n1", false).await?;
    let entered = site.enter(&member).await?;
    let status = site.floor()?.status().await?;
    ensure!(status.cloud == CloudLink::Cut && status.pending > 0, "{status:?}");
    assert_eq!(status.report.alarms, [NodeAlarm::CertificateExpired], "the box says why");
    let operator = Staff::sign_in(&site.deployment.url(), &site.inbox, OPERATOR).await?;
    assert_eq!(seen(&operator).await?, [NodeAlarm::CertificateExpired], "and so does the console, which the box cannot reach");
    running.stop().await?;
    assert_eq!(site.visits_known().await?, 0);

    // With the way to the cloud it renews itself, and what waited arrives.
    let running = site.run("n1", true).await?;
    site.in_step().await?;
    assert_eq!(site.visits_known().await?, 1);
    let me = member.look_at_me().await?;
    assert_eq!(me.visit.map(|visit| visit.visit), Some(entered.visit));
    let renewed = identity.read()?.certificate;
    assert_ne!(renewed.key_hash(), read.key_hash(), "under a new key");
    assert_eq!(renewed.validity.state(now()), ValidityState::Fresh);
    assert_eq!(seen(&operator).await?, [], "nobody has to look after it any more");
    running.stop().await?;
    site.stop().await
}

/// What `aisle enrol … --json` reports.
async fn aisle_enrol(args: &[&str]) -> Result<Value> {
    let output = Command::new(binary().await?).arg("enrol").args(args).arg("--json").output().await?;
    ensure!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_makes_every_identity_and_takes_it_back() -> Result<()> {
    if services_are_skipped() {
        return Ok(());
    }
    let site = Site::start(BrokerKind::Mosquitto).await?;
    let text = |name: &str| site.folder.path().join(name).display().to_string();
    let (config, ca, out, identity) = (text("cloud.toml"), text("own-ca"), text("own"), text("identity-n1"));
    aisle_enrol(&["ca", &ca]).await?;
    let again = aisle_enrol(&["ca", &ca]).await;
    assert!(again.is_err(), "an authority is not written over");
    aisle_enrol(&["server", "--ca", &ca, "--host", "127.0.0.1", &out]).await?;
    aisle_enrol(&["cloud", "--ca", &ca, "--instance", INSTANCE, &out]).await?;
    let of_cloud = Certificate::from_pem(&std::fs::read_to_string(site.folder.path().join("own/cloud.pem"))?)?;
    assert_eq!(of_cloud.identity.name().as_str(), format!("cloud.{INSTANCE}"));

    let store = site.store().store.id.to_string();
    let made = aisle_enrol(&["claim", "--config", &config, "--store", &store]).await?;
    let claim = made["claim"].as_str().context("a claim")?;
    let became = aisle_enrol(&["node", "--cloud", &site.deployment.url(), "--claim", claim, &identity]).await?;
    let node = became["node"].as_str().context("a node")?.to_owned();
    assert_eq!(site.identity("n1").read()?.certificate.identity.name().as_str(), node);
    let listed = aisle_enrol(&["list", "--config", &config]).await?;
    assert_eq!(listed["certificates"].as_array().map(Vec::len), Some(1), "{listed}");
    let revoked = aisle_enrol(&["revoke", "--config", &config, &node]).await?;
    assert_eq!(revoked["certificates"], json!(1));
    let claim = aisle_enrol(&["replace", "--config", &config, "--store", &store, "--node", "n1", "--by", "n2"]).await?;
    assert_eq!(claim["node"].as_str().map(|node| node.ends_with(".n2")), Some(true));
    site.stop().await
}
