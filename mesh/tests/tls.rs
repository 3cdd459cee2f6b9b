//! Links and brokers with a certificate at both ends, on the embedded broker and on mosquitto with the files written from the same rules.
//!
//! Owns one authority and one broker per test on a free port of the loopback. mosquitto and openssl that are missing are skipped with a line
//! on stderr, and fail the test where `CI=true`.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use aisle_mesh::broker::{Access, AccessRules, Broker, Bus, EmbeddedBroker, EmbeddedConfig, Listener, MosquittoBroker, Refusal, TlsFiles};
use aisle_mesh::clock::{Clock, SystemClock};
use aisle_mesh::link::{Link, LinkConfig, LinkConfigError, LinkEvent, LinkHandle, LostReason, Outgoing, Qos, SubCode};
use aisle_mesh::tck::client::{CloudAccount, NodeAccount};
use aisle_mesh::tck::{Endpoint, Identities, Proof, Shown, broker};
use aisle_mesh::tls::{Authority, Certificate, ClientTls, Identity, PrivateKey, Revoked, ServerTls, SigningRequest, VALID};
use aisle_schemas::ids::{InstanceId, NodeId};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::ExposeSecret;
use tokio::process::Command;
use tokio::sync::mpsc;

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const NODE: &str = "acme.s042.n1";
const OTHER: &str = "acme.s043.n1";
const CLOUD: &str = "cloud.eu1-a";
/// Longest wait for anything; a test that reaches it has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A key with its certificate, as PEM.
struct Held {
    certificate: String,
    key: String,
}

impl Held {
    fn read(&self) -> Certificate {
        Certificate::from_pem(&self.certificate).unwrap()
    }
}

/// An authority and what it gave.
struct Pki {
    authority: Authority,
    now: DateTime<Utc>,
    server: Held,
}

impl Pki {
    fn new() -> Self {
        let now = SystemClock::new().now();
        // Old enough that certificates which are over by now were good once.
        let made = now - TimeDelta::days(400);
        let key = PrivateKey::generate().unwrap();
        let certificate = Authority::create(&key, made, [1; 16]).unwrap();
        let authority = Authority::from_pem(&certificate, key.to_pem().expose_secret()).unwrap();
        let (key, request) = request("cloud.broker");
        let certificate = authority.certify_server(&["127.0.0.1".to_owned()], &request, now, [2; 16]).unwrap();
        let server = Held { certificate, key: key.to_pem().expose_secret().to_owned() };
        Self { authority, now, server }
    }

    fn held(&self, name: &str) -> Held {
        self.held_since(name, self.now, 3)
    }

    fn held_since(&self, name: &str, at: DateTime<Utc>, serial: u8) -> Held {
        let (key, request) = request(name);
        let certificate = self.authority.certify(&Identity::parse(name).unwrap(), &request, at, [serial; 16]).unwrap();
        Held { certificate, key: key.to_pem().expose_secret().to_owned() }
    }

    fn client(&self, held: &Held) -> ClientTls {
        ClientTls::new(self.authority.certificate(), &held.certificate, &held.key).unwrap()
    }
}

fn request(name: &str) -> (PrivateKey, SigningRequest) {
    let key = PrivateKey::generate().unwrap();
    let request = SigningRequest::from_pem(&key.request(&Identity::parse(name).unwrap()).unwrap()).unwrap();
    (key, request)
}

fn rules() -> AccessRules {
    let mut rules = AccessRules::new();
    for name in [NODE, OTHER, CLOUD] {
        rules.admit_certified(Identity::parse(name).unwrap().role());
    }
    rules
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Embedded,
    Mosquitto,
}

struct World {
    broker: Box<dyn Broker>,
    access: Access,
    folder: tempfile::TempDir,
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let file = folder.join(name);
    std::fs::write(&file, text).unwrap();
    file
}

/// `None` when mosquitto is missing and that may be.
async fn start(kind: Kind, pki: &Pki, revoked: &[Revoked]) -> Option<World> {
    let folder = tempfile::tempdir().unwrap();
    let access = Access::new(rules());
    let broker: Box<dyn Broker> = match kind {
        Kind::Embedded => {
            let config = EmbeddedConfig { bus: Bus::Mesh, bind: LOOPBACK, clients_max: 100 };
            let tls = ServerTls::new(pki.authority.certificate(), &pki.server.certificate, &pki.server.key).unwrap();
            Box::new(EmbeddedBroker::start_tls(config, access.clone(), &tls).await.unwrap())
        }
        Kind::Mosquitto => {
            let program = tool(&["mosquitto", "/usr/sbin/mosquitto"], "-h").await?;
            let files = TlsFiles {
                authority: write(folder.path(), "ca.pem", pki.authority.certificate()),
                certificate: write(folder.path(), "broker.pem", &pki.server.certificate),
                key: write(folder.path(), "broker.key.pem", &pki.server.key),
                revoked: Some(write(folder.path(), "crl.pem", &pki.authority.revocation_list(revoked, 1, pki.now).unwrap())),
            };
            let listener = Listener::Tls(files);
            Box::new(MosquittoBroker::start_for(&program, folder.path(), LOOPBACK, &rules(), &listener).await.unwrap())
        }
    };
    Some(World { broker, access, folder })
}

async fn tool(names: &[&str], probe: &str) -> Option<String> {
    for name in names {
        if Command::new(name).arg(probe).stdout(Stdio::null()).stderr(Stdio::null()).status().await.is_ok() {
            return Some((*name).to_owned());
        }
    }
    assert!(!on_ci(), "{names:?} must be installed on CI");
    eprintln!("SKIPPED: {names:?} is not installed, part of this test did not run");
    None
}

#[expect(clippy::disallowed_methods, reason = "tells a test whether a missing tool may be skipped, not configuration")]
fn on_ci() -> bool {
    std::env::var("CI").as_deref() == Ok("true")
}

struct Client {
    handle: LinkHandle,
    events: mpsc::Receiver<LinkEvent>,
}

fn config(world: &World, name: &str, tls: ClientTls) -> LinkConfig {
    let address = world.broker.address();
    LinkConfig {
        host: address.ip().to_string(),
        port: address.port(),
        client_id: name.to_owned(),
        username: None,
        password: None,
        tls: Some(tls),
        will: None,
        keep_alive: Duration::from_secs(20),
        receive_max: 16,
        packet_max: 128 * 1024,
        in_flight: 16,
    }
}

impl Client {
    fn dial(config: LinkConfig) -> Self {
        let (handle, events) = Link::connect(config).unwrap();
        Self { handle, events }
    }

    async fn next(&mut self) -> LinkEvent {
        tokio::time::timeout(PATIENCE, self.events.recv()).await.unwrap().unwrap()
    }

    async fn connected(world: &World, name: &str, tls: ClientTls) -> Self {
        let mut client = Self::dial(config(world, name, tls));
        let event = client.next().await;
        assert!(matches!(event, LinkEvent::Connected { .. }), "{name}: {event:?}");
        client
    }

    async fn refused(config: LinkConfig) -> LostReason {
        let event = Self::dial(config).next().await;
        let LinkEvent::Lost(reason) = event else { panic!("{event:?}") };
        reason
    }

    async fn publish(&self, topic: &str) {
        let message = Outgoing {
            topic: topic.to_owned(),
            payload: Bytes::from_static(b"{}"),
            qos: Qos::AtLeastOnce,
            retain: false,
            expiry_s: None,
            content_type: None,
            traceparent: None,
        };
        self.handle.publish(message).await.unwrap();
    }
}

#[tokio::test]
async fn as_098_the_certificate_alone_says_who_a_client_is() {
    let pki = Pki::new();
    for kind in [Kind::Embedded, Kind::Mosquitto] {
        let Some(world) = start(kind, &pki, &[]).await else { continue };
        let mut cloud = Client::connected(&world, CLOUD, pki.client(&pki.held(CLOUD))).await;
        cloud.handle.subscribe(&["aisle/1/+/+/up/#".to_owned()]).await.unwrap();
        assert!(matches!(cloud.next().await, LinkEvent::SubAck(codes) if codes == [SubCode::Granted]), "{kind:?}");
        let node = Client::connected(&world, NODE, pki.client(&pki.held(NODE))).await;
        // Another store's topic first: if it passed, it would be heard first.
        node.publish("aisle/1/04/acme.s043.n1/up/hello").await;
        node.publish("aisle/1/04/acme.s042.n1/up/hello").await;
        let heard = cloud.next().await;
        assert!(
            matches!(&heard, LinkEvent::Message(message) if message.topic == "aisle/1/04/acme.s042.n1/up/hello"),
            "{kind:?}: {heard:?}"
        );
        // Under another's client id: the embedded broker refuses, mosquitto forces the certificate's name; neither lets it speak as the other.
        let mut foreign = config(&world, OTHER, pki.client(&pki.held(NODE)));
        foreign.username = Some(OTHER.to_owned());
        match kind {
            Kind::Embedded => assert!(matches!(Client::refused(foreign).await, LostReason::Refused(_))),
            Kind::Mosquitto => {
                let mut client = Client::dial(foreign);
                assert!(matches!(client.next().await, LinkEvent::Connected { .. }));
                client.publish("aisle/1/04/acme.s043.n1/up/hello").await;
                client.publish("aisle/1/04/acme.s042.n1/up/birth").await;
                let heard = cloud.next().await;
                assert!(matches!(&heard, LinkEvent::Message(message) if message.topic == "aisle/1/04/acme.s042.n1/up/birth"), "{heard:?}");
            }
        }
        world.broker.stop().await;
        drop(world.folder);
    }
}

#[tokio::test]
async fn as_105_without_a_certificate_of_the_authority_there_is_no_link() {
    let (pki, stranger) = (Pki::new(), Pki::new());
    for kind in [Kind::Embedded, Kind::Mosquitto] {
        let Some(world) = start(kind, &pki, &[]).await else { continue };
        let plain = LinkConfig { tls: None, ..config(&world, NODE, ClientTls::default()) };
        Client::refused(plain).await;
        // Made by somebody else's authority, in the same name.
        let forged = stranger.held(NODE);
        let forged = ClientTls::new(pki.authority.certificate(), &forged.certificate, &forged.key).unwrap();
        Client::refused(config(&world, NODE, forged)).await;
        // And the client talks to no broker of another authority.
        Client::refused(config(&world, NODE, stranger.client(&pki.held(NODE)))).await;
        // A broker's certificate serves; it does not sign in.
        Client::refused(config(&world, NODE, pki.client(&pki.server))).await;
        let none_yet = Link::connect(config(&world, NODE, ClientTls::default()));
        assert!(matches!(none_yet, Err(LinkConfigError::NoCertificate)));
        world.broker.stop().await;
    }
}

#[tokio::test]
async fn as_105_versions_below_tls_1_3_are_refused() {
    let pki = Pki::new();
    let Some(openssl) = tool(&["openssl"], "version").await else { return };
    for kind in [Kind::Embedded, Kind::Mosquitto] {
        let Some(world) = start(kind, &pki, &[]).await else { continue };
        let node = pki.held(NODE);
        let (certificate, key) = (write(world.folder.path(), "n.pem", &node.certificate), write(world.folder.path(), "n.key", &node.key));
        for (version, opens) in [("-tls1_2", false), ("-tls1_3", true)] {
            let shaken = Command::new(&openssl)
                .args(["s_client", "-connect", &world.broker.address().to_string(), version])
                .arg("-cert")
                .arg(&certificate)
                .arg("-key")
                .arg(&key)
                .stdin(Stdio::null())
                .output()
                .await
                .unwrap();
            let text = String::from_utf8_lossy(&shaken.stdout).into_owned();
            assert_eq!(text.contains("New, TLSv1.3"), opens, "{kind:?} {version}: {text}");
            assert!(!text.contains("New, TLSv1.2"), "{kind:?} {version}: {text}");
        }
        world.broker.stop().await;
    }
}

#[tokio::test]
async fn as_096_both_brokers_keep_every_sentence_over_tls() {
    let pki = Pki::new();
    let proof = |name: &str| {
        let held = pki.held(name);
        Proof::Certificate(Box::new(Shown::new(pki.authority.certificate(), &held.certificate, &held.key).unwrap()))
    };
    let box_of = |name: &str| NodeAccount { name: NodeId::parse(name).unwrap(), proof: proof(name) };
    let instance = InstanceId::parse("eu1-a").unwrap();
    let identities =
        Identities { node: box_of(NODE), cloud: CloudAccount { instance, proof: proof(CLOUD) }, other_node: Some(box_of(OTHER)) };
    for kind in [Kind::Embedded, Kind::Mosquitto] {
        let Some(world) = start(kind, &pki, &[]).await else { continue };
        let endpoint = Endpoint { host: "127.0.0.1".to_owned(), port: world.broker.address().port(), tls: true };
        let report = broker::check(&endpoint, &identities).await;
        assert!(report.passed, "{kind:?}: {report}");
        let strangers = "a certificate of another authority";
        assert_eq!(report.findings.iter().filter(|finding| finding.what.ends_with(strangers)).count(), 3, "{kind:?}: {report}");
        world.broker.stop().await;
    }
}

#[tokio::test]
async fn as_107_an_expired_certificate_opens_no_link_and_a_new_one_is_used_at_the_next_dial() {
    let pki = Pki::new();
    for kind in [Kind::Embedded, Kind::Mosquitto] {
        let Some(world) = start(kind, &pki, &[]).await else { continue };
        let old = pki.held_since(NODE, pki.now - VALID - TimeDelta::days(1), 7);
        let tls = pki.client(&old);
        Client::refused(config(&world, NODE, tls.clone())).await;
        let new = pki.held(NODE);
        tls.replace(pki.authority.certificate(), &new.certificate, &new.key).unwrap();
        Client::connected(&world, NODE, tls).await;
        world.broker.stop().await;
    }
}

#[tokio::test]
async fn a_revoked_certificate_is_cut_off_at_once_and_its_successor_is_let_in() {
    let pki = Pki::new();
    let world = start(Kind::Embedded, &pki, &[]).await.unwrap();
    let (stolen, next) = (pki.held(NODE), pki.held_since(NODE, pki.now, 9));
    let mut thief = Client::connected(&world, NODE, pki.client(&stolen)).await;
    world.access.update(|rules| rules.set_revoked([stolen.read().fingerprint].into()));
    assert!(matches!(thief.next().await, LinkEvent::Lost(_)));
    Client::refused(config(&world, NODE, pki.client(&stolen))).await;
    Client::connected(&world, NODE, pki.client(&next)).await;
    // Shut out by name: no certificate helps.
    world.access.update(|rules| rules.expel(NODE));
    Client::refused(config(&world, NODE, pki.client(&next))).await;
    world.broker.stop().await;
}

#[tokio::test]
async fn silent_connections_beyond_every_limit_keep_no_node_out() {
    // More than the clients that this broker takes.
    const SILENT: usize = 400;
    let pki = Pki::new();
    let world = start(Kind::Embedded, &pki, &[]).await.unwrap();
    let mut silent = Vec::new();
    for _ in 0..SILENT {
        silent.push(tokio::net::TcpStream::connect(world.broker.address()).await.unwrap());
    }
    Client::connected(&world, NODE, pki.client(&pki.held(NODE))).await;
    drop(silent);
    world.broker.stop().await;
}

#[tokio::test]
async fn a_certificate_on_the_list_does_not_get_into_mosquitto() {
    let pki = Pki::new();
    let (stolen, next) = (pki.held(NODE), pki.held_since(NODE, pki.now, 9));
    let revoked = [Revoked { serial: stolen.read().serial, at: pki.now }];
    let Some(world) = start(Kind::Mosquitto, &pki, &revoked).await else { return };
    Client::refused(config(&world, NODE, pki.client(&stolen))).await;
    Client::connected(&world, NODE, pki.client(&next)).await;
    world.broker.stop().await;
}

#[test]
fn an_account_without_a_secret_opens_for_no_secret() {
    let refused = rules().authenticate(NODE, Some(NODE), Some(b""), None);
    assert_eq!(refused, Err(Refusal::SecretWrong));
}
