//! The access matrix: every declared topic × every kind of identity × publish and subscribe, on the embedded broker and on mosquitto with the
//! files written from the same rules, against one pure expectation. And `broker-check` and `tck` of the same brokers, and of an open one.
//!
//! Owns one broker per test on a free port of the loopback. Without mosquitto its half is skipped with a line on stderr; where `CI=true` it fails.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::time::Duration;

use aisle_mesh::broker::{
    Access, AccessRules, Broker, Bus, Credential, EmbeddedBroker, EmbeddedConfig, MosquittoBroker, Role, secret_from_random,
};
use aisle_mesh::link::{PubReason, SubCode};
use aisle_mesh::tck::client::{Account, CloudAccount, Gone, Manner, NodeAccount, Peer, probe};
use aisle_mesh::tck::expectation::{every_topic, grant};
use aisle_mesh::tck::{Endpoint, Identities, Verdict, access, broker};
use aisle_schemas::ids::{DeviceId, InstanceId, NodeId, StoreId};
use aisle_schemas::topic::{DeviceKind, Topic};
use secrecy::SecretString;
use tokio::process::{Child, Command};

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// Longest wait for anything; a test that reaches it has failed.
const PATIENCE: Duration = Duration::from_secs(30);
/// Reason code of MQTT 5: not authorised.
const NOT_AUTHORISED: u8 = 0x87;

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Embedded,
    Mosquitto,
}

struct World {
    broker: Box<dyn Broker>,
    endpoint: Endpoint,
    _folder: tempfile::TempDir,
}

fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint { host: address.ip().to_string(), port: address.port(), tls: false }
}

/// A secret of its own for each account.
fn secret(role: &Role) -> SecretString {
    let mut random = [0; 16];
    for (place, letter) in role.name().as_str().bytes().enumerate() {
        random[place % 16] ^= letter.rotate_left(u32::try_from(place / 16).unwrap());
    }
    secret_from_random(random)
}

fn accounts(roles: Vec<Role>) -> Vec<Account> {
    roles.into_iter().map(|role| Account { proof: secret(&role).into(), role }).collect()
}

/// `None` when mosquitto is missing and that may be.
async fn start(kind: Kind, bus: Bus, accounts: &[Account]) -> Option<World> {
    let mut rules = AccessRules::new();
    for account in accounts {
        rules.admit(account.role.clone(), Credential::of(&secret(&account.role), *b"twelve bytes"));
    }
    let folder = tempfile::tempdir().unwrap();
    let broker: Box<dyn Broker> = match kind {
        Kind::Embedded => {
            let config = EmbeddedConfig { bus, bind: LOOPBACK, clients_max: 100 };
            Box::new(EmbeddedBroker::start(config, Access::new(rules)).await.unwrap())
        }
        Kind::Mosquitto => Box::new(MosquittoBroker::start(&mosquitto().await?, folder.path(), LOOPBACK, &rules).await.unwrap()),
    };
    let endpoint = endpoint(broker.address());
    Some(World { broker, endpoint, _folder: folder })
}

async fn mosquitto() -> Option<String> {
    for name in ["mosquitto", "/usr/sbin/mosquitto"] {
        if Command::new(name).arg("-h").stdout(Stdio::null()).stderr(Stdio::null()).status().await.is_ok() {
            return Some(name.to_owned());
        }
    }
    assert!(!on_ci(), "mosquitto must be installed on CI");
    eprintln!("SKIPPED: mosquitto is not installed, part of this test did not run");
    None
}

#[expect(clippy::disallowed_methods, reason = "tells a test whether a missing tool may be skipped, not configuration")]
fn on_ci() -> bool {
    std::env::var("CI").as_deref() == Ok("true")
}

fn node(name: &str) -> NodeId {
    NodeId::parse(name).unwrap()
}

fn store(name: &str) -> StoreId {
    StoreId::parse(name).unwrap()
}

/// Every topic about a box, a second box of its store, another store's and another tenant's, and about devices of two stores.
fn topics() -> Vec<Topic> {
    let nodes = ["acme.s042.n1", "acme.s042.n2", "acme.s043.n1", "globex.s042.n1"].map(node);
    every_topic(&nodes, &[store("s042"), store("s043")], &["d1", "d2"])
}

/// On the broker between stores and cloud: the box, its neighbours, an instance.
fn mesh_accounts() -> Vec<Account> {
    let mut roles: Vec<Role> = ["acme.s042.n1", "acme.s042.n2", "acme.s043.n1", "globex.s042.n1"].map(|name| Role::Node(node(name))).into();
    roles.push(Role::Cloud(InstanceId::parse("eu1-a").unwrap()));
    accounts(roles)
}

/// On a store's own bus: the box, and two devices of each kind.
fn local_accounts() -> Vec<Account> {
    let mut roles = vec![Role::StoreNode];
    for kind in [DeviceKind::Screen, DeviceKind::Nfc, DeviceKind::Door, DeviceKind::Sensor] {
        for device in ["d1", "d2"] {
            roles.push(Role::Device { store: store("s042"), kind, device: DeviceId::parse(device).unwrap() });
        }
    }
    accounts(roles)
}

/// What an identity said, was told and heard.
#[derive(Debug, Default, PartialEq, Eq)]
struct Matrix {
    published: BTreeSet<(String, String)>,
    subscribed: BTreeSet<(String, String)>,
    heard: BTreeSet<(String, String)>,
}

/// What the rules say that it must come to. `granted_anyway`: the broker says yes to every filter and withholds the messages.
fn expected(accounts: &[Account], topics: &[Topic], granted_anyway: bool) -> Matrix {
    let mut matrix = Matrix::default();
    for topic in topics {
        let said = accounts.iter().any(|account| grant(&account.role, topic).publish);
        for account in accounts {
            let cell = || (account.name(), topic.build());
            let grant = grant(&account.role, topic);
            if grant.publish {
                matrix.published.insert(cell());
            }
            if grant.subscribe || granted_anyway {
                matrix.subscribed.insert(cell());
            }
            // mosquitto's pattern by which all boxes read STATE holds for instances too, see the ADR of the broker.
            let by_pattern = granted_anyway && matches!((&account.role, topic), (Role::Cloud(_), Topic::SyncState { .. }));
            if (grant.subscribe || by_pattern) && said {
                matrix.heard.insert(cell());
            }
        }
    }
    matrix
}

async fn tried(endpoint: &Endpoint, accounts: &[Account], topics: &[Topic]) -> Matrix {
    let mut matrix = Matrix::default();
    let mut peers = Vec::new();
    for account in accounts {
        let mut peer = Peer::connect(endpoint, account, Manner::default()).await.unwrap();
        for topic in topics {
            match peer.subscribe(&topic.build()).await.unwrap() {
                SubCode::Granted => {
                    matrix.subscribed.insert((account.name(), topic.build()));
                }
                SubCode::Refused(code) => assert_eq!(code, NOT_AUTHORISED, "{} {}", account.name(), topic.build()),
            }
        }
        peers.push(peer);
    }
    for (account, peer) in accounts.iter().zip(&mut peers) {
        for topic in topics {
            match peer.publish(probe(topic.build(), "1", false)).await.unwrap() {
                PubReason::Accepted | PubReason::NoSubscriber => {
                    matrix.published.insert((account.name(), topic.build()));
                }
                PubReason::Refused(code) => assert_eq!(code, NOT_AUTHORISED, "{} {}", account.name(), topic.build()),
            }
        }
    }
    for (account, mut peer) in accounts.iter().zip(peers) {
        let own = topics.iter().find(|topic| grant(&account.role, topic).subscribe).unwrap();
        // A broker may have more to say than it lets be under way at once.
        loop {
            let heard = peer.heard(&own.build()).await.unwrap();
            if heard.is_empty() {
                break;
            }
            matrix.heard.extend(heard.into_iter().map(|message| (account.name(), message.topic)));
        }
        peer.leave().await;
    }
    matrix
}

fn difference(what: &str, expected: &BTreeSet<(String, String)>, seen: &BTreeSet<(String, String)>) {
    let missing: Vec<_> = expected.difference(seen).collect();
    let beyond: Vec<_> = seen.difference(expected).collect();
    assert!(missing.is_empty() && beyond.is_empty(), "{what}: missing {missing:?}, beyond {beyond:?}");
}

async fn matrix(kind: Kind, bus: Bus, accounts: &[Account]) {
    let Some(world) = start(kind, bus, accounts).await else { return };
    let topics = topics();
    let seen = tried(&world.endpoint, accounts, &topics).await;
    let expected = expected(accounts, &topics, kind == Kind::Mosquitto);
    difference("publish", &expected.published, &seen.published);
    difference("subscribe", &expected.subscribed, &seen.subscribed);
    difference("heard", &expected.heard, &seen.heard);
    // Whoever the broker does not know does not even connect.
    let known = &accounts[0];
    for (stranger, manner) in [
        (known.clone(), Manner { anonymous: true, ..Manner::default() }),
        (Account { proof: SecretString::from("another".to_owned()).into(), ..known.clone() }, Manner::default()),
        (Account { role: Role::Node(node("stranger.s1.n1")), ..known.clone() }, Manner::default()),
    ] {
        assert!(matches!(Peer::connect(&world.endpoint, &stranger, manner).await, Err(Gone::Lost(_))), "{}", stranger.name());
    }
    world.broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_098_every_topic_is_open_to_exactly_whom_the_table_names_on_the_embedded_broker() {
    matrix(Kind::Embedded, Bus::Mesh, &mesh_accounts()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_098_every_topic_is_open_to_exactly_whom_the_table_names_on_mosquitto() {
    matrix(Kind::Mosquitto, Bus::Mesh, &mesh_accounts()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_095_a_device_reaches_its_own_topics_and_no_other_bus_on_the_embedded_broker() {
    matrix(Kind::Embedded, Bus::Local, &local_accounts()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_095_a_device_reaches_its_own_topics_and_no_other_bus_on_mosquitto() {
    matrix(Kind::Mosquitto, Bus::Local, &local_accounts()).await;
}

/// Accounts of a broker under test, as the file of `aisle broker-check` names them.
fn identities(with_second_box: bool) -> (Identities, Vec<Account>) {
    let box_of = |name: &str| NodeAccount { name: node(name), proof: secret(&Role::Node(node(name))).into() };
    let instance = InstanceId::parse("eu1-a").unwrap();
    let cloud = CloudAccount { proof: secret(&Role::Cloud(instance.clone())).into(), instance };
    let other_node = with_second_box.then(|| box_of("acme.s043.n1"));
    let identities = Identities { node: box_of("acme.s042.n1"), cloud, other_node };
    let accounts = identities.accounts();
    (identities, accounts)
}

async fn broker_passes(kind: Kind) {
    let (identities, accounts) = identities(true);
    let Some(world) = start(kind, Bus::Mesh, &accounts).await else { return };
    let report = broker::check(&world.endpoint, &identities).await;
    assert!(report.passed, "{report}");
    for sentence in ["AS-028", "AS-096", "AS-097", "AS-098"] {
        assert!(report.findings.iter().any(|finding| finding.sentence == sentence), "{sentence}: {report}");
    }
    world.broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_096_the_embedded_broker_offers_what_the_protocol_relies_on() {
    broker_passes(Kind::Embedded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_096_mosquitto_offers_what_the_protocol_relies_on() {
    broker_passes(Kind::Mosquitto).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_097_two_identities_are_enough_where_subscriptions_are_refused_aloud() {
    let (identities, accounts) = identities(false);
    let world = start(Kind::Embedded, Bus::Mesh, &accounts).await.unwrap();
    let report = access::check(&world.endpoint, &identities).await;
    assert!(report.passed, "{report}");
    world.broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_097_a_broker_that_withholds_in_silence_does_not_pass_unproven() {
    let (identities, accounts) = identities(false);
    let Some(world) = start(Kind::Mosquitto, Bus::Mesh, &accounts).await else { return };
    let report = access::check(&world.endpoint, &identities).await;
    let failed: Vec<_> = report.failed().collect();
    assert!(!failed.is_empty() && failed.iter().all(|finding| finding.seen.contains("other_node")), "{report}");
    world.broker.stop().await;
}

/// A mosquitto that lets everybody do everything.
async fn open_mosquitto(folder: &std::path::Path) -> Option<(Child, Endpoint)> {
    let program = mosquitto().await?;
    let port = std::net::TcpListener::bind(LOOPBACK).unwrap().local_addr().unwrap().port();
    let config = folder.join("open.conf");
    std::fs::write(&config, format!("listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")).unwrap();
    let child =
        Command::new(program).arg("-c").arg(&config).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn().unwrap();
    let endpoint = Endpoint { host: "127.0.0.1".to_owned(), port, tls: false };
    let answers = async {
        while tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, answers).await.expect("mosquitto starts");
    Some((child, endpoint))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_097_a_broker_without_rules_is_found_open_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let Some((mut child, endpoint)) = open_mosquitto(folder.path()).await else { return };
    let (identities, accounts) = identities(true);
    let report = access::check(&endpoint, &identities).await;
    assert!(!report.passed);
    let failed: BTreeSet<&str> = report.failed().map(|finding| finding.what.as_str()).collect();
    for account in &accounts {
        let name = account.name();
        for what in ["is refused every publish that AS-098 forbids", "is refused every subscribe that AS-098 forbids"] {
            assert!(failed.contains(format!("{name} {what}").as_str()), "{name} {what}: {report}");
        }
        assert!(failed.contains(format!("nobody connects as {name} without credentials").as_str()), "{report}");
        assert!(failed.contains(format!("nobody connects as {name} with a wrong secret").as_str()), "{report}");
    }
    assert!(failed.iter().any(|what| what.starts_with("a will outside")), "{report}");
    assert!(failed.iter().any(|what| what.contains("cannot take the client id")), "{report}");
    let allowed = report
        .findings
        .iter()
        .filter(|finding| finding.what.contains("may publish what") || finding.what.contains("may subscribe to what"));
    assert!(allowed.clone().count() > 0 && allowed.clone().all(|finding| finding.verdict == Verdict::Pass), "{report}");
    child.kill().await.unwrap();
}
