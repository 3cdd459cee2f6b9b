//! Real clients against a real broker: our link, mosquitto's tools and Eclipse paho, on the embedded broker and on mosquitto with
//! the files written from the same rules.
//!
//! Owns one broker per test on a free port of the loopback. Tools that are missing are skipped with a line on stderr, and fail the
//! test where `CI=true`.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Output, Stdio};
use std::time::Duration;

use aisle_mesh::broker::{
    Access, AccessRules, Broker, Bus, Credential, EmbeddedBroker, EmbeddedConfig, MosquittoBroker, Role, secret_from_random,
};
use aisle_mesh::link::{
    ConnectRefusal, Incoming, Link, LinkConfig, LinkError, LinkEvent, LinkHandle, LostReason, Outgoing, PubReason, Qos, SubCode, Will,
};
use aisle_schemas::ids::{DeviceId, InstanceId, NodeId, StoreId};
use aisle_schemas::topic::DeviceKind;
use bytes::Bytes;
use secrecy::{ExposeSecret, SecretString};
use tokio::process::Command;
use tokio::sync::mpsc;

const NODE: &str = "node";
const SCREEN: &str = "screen.window-1";
const OTHER: &str = "screen.window-2";
const OWN_PREFIX: &str = "local/1/s042/screen/window-1/";
const OTHER_TOPIC: &str = "local/1/s042/screen/window-2/state";
/// Longest wait for anything; a test that reaches it has failed.
const PATIENCE: Duration = Duration::from_secs(30);

fn secret(name: &str) -> SecretString {
    let mut random = [0; 16];
    for (byte, letter) in random.iter_mut().zip(name.bytes()) {
        *byte = letter;
    }
    secret_from_random(random)
}

fn admit(rules: &mut AccessRules, role: Role) {
    let credential = Credential::of(&secret(role.name().as_str()), *b"twelve bytes");
    rules.admit(role, credential);
}

fn screen(id: &str) -> Role {
    Role::Device { store: StoreId::parse("s042").unwrap(), kind: DeviceKind::Screen, device: DeviceId::parse(id).unwrap() }
}

fn local_rules() -> AccessRules {
    let mut rules = AccessRules::new();
    admit(&mut rules, Role::StoreNode);
    admit(&mut rules, screen("window-1"));
    admit(&mut rules, screen("window-2"));
    rules
}

fn mesh_rules() -> AccessRules {
    let mut rules = AccessRules::new();
    admit(&mut rules, Role::Node(NodeId::parse("acme.s042.n1").unwrap()));
    admit(&mut rules, Role::Node(NodeId::parse("acme.s043.n1").unwrap()));
    admit(&mut rules, Role::Cloud(InstanceId::parse("eu1-a").unwrap()));
    rules
}

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A broker of either kind and the folder it lives in.
struct World {
    broker: Box<dyn Broker>,
    _folder: tempfile::TempDir,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Embedded,
    Mosquitto,
}

/// `None` when the program is missing and that may be.
async fn start(kind: Kind, bus: Bus, rules: AccessRules) -> Option<World> {
    let folder = tempfile::tempdir().unwrap();
    let broker: Box<dyn Broker> = match kind {
        Kind::Embedded => {
            let config = EmbeddedConfig { bus, bind: LOOPBACK, clients_max: 100 };
            Box::new(EmbeddedBroker::start(config, Access::new(rules)).await.unwrap())
        }
        Kind::Mosquitto => {
            let program = tool(&["mosquitto", "/usr/sbin/mosquitto"], "-h").await?;
            Box::new(MosquittoBroker::start(&program, folder.path(), LOOPBACK, &rules).await.unwrap())
        }
    };
    Some(World { broker, _folder: folder })
}

/// First of the programs that can be run; where none can, skips loudly, or fails on CI.
async fn tool(names: &[&str], probe: &str) -> Option<String> {
    for name in names {
        let ran = Command::new(name).arg(probe).stdout(Stdio::null()).stderr(Stdio::null()).status().await;
        if ran.is_ok() {
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

fn config(address: SocketAddr, name: &str) -> LinkConfig {
    LinkConfig {
        host: address.ip().to_string(),
        port: address.port(),
        client_id: name.to_owned(),
        username: Some(name.to_owned()),
        password: Some(secret(name)),
        tls: None,
        will: None,
        keep_alive: Duration::from_secs(20),
        receive_max: 16,
        packet_max: 128 * 1024,
        in_flight: 16,
    }
}

/// A link with its events.
struct Client {
    handle: LinkHandle,
    events: mpsc::Receiver<LinkEvent>,
}

impl Client {
    fn dial(config: LinkConfig) -> Self {
        let (handle, events) = Link::connect(config).unwrap();
        Self { handle, events }
    }

    /// Dials and waits for CONNACK.
    async fn connect(config: LinkConfig) -> Self {
        let mut client = Self::dial(config);
        match client.next().await {
            LinkEvent::Connected { .. } => client,
            other => panic!("expected Connected, got {other:?}"),
        }
    }

    async fn next(&mut self) -> LinkEvent {
        let event = tokio::time::timeout(PATIENCE, self.events.recv()).await.expect("an event in time");
        event.expect("events end with Lost, which was taken already")
    }

    async fn subscribe(&mut self, filter: &str) -> SubCode {
        self.handle.subscribe(&[filter.to_owned()]).await.unwrap();
        loop {
            match self.next().await {
                LinkEvent::SubAck(codes) => return codes[0],
                LinkEvent::Message(_) | LinkEvent::PubAck { .. } => {}
                other => panic!("expected SubAck, got {other:?}"),
            }
        }
    }

    async fn publish(&mut self, topic: &str, payload: &str, retain: bool) -> PubReason {
        self.handle.publish(message(topic, payload, retain)).await.unwrap();
        loop {
            match self.next().await {
                LinkEvent::PubAck { reason } => return reason,
                LinkEvent::Message(_) => {}
                other => panic!("expected PubAck, got {other:?}"),
            }
        }
    }

    async fn message(&mut self) -> Incoming {
        loop {
            match self.next().await {
                LinkEvent::Message(message) => return message,
                LinkEvent::PubAck { .. } => {}
                other => panic!("expected a message, got {other:?}"),
            }
        }
    }

    async fn lost(&mut self) -> LostReason {
        loop {
            match self.next().await {
                LinkEvent::Lost(reason) => return reason,
                LinkEvent::Connected { .. } | LinkEvent::SubAck(_) | LinkEvent::Message(_) | LinkEvent::PubAck { .. } => {}
            }
        }
    }
}

fn message(topic: &str, payload: &str, retain: bool) -> Outgoing {
    Outgoing {
        topic: topic.to_owned(),
        payload: Bytes::copy_from_slice(payload.as_bytes()),
        qos: Qos::AtLeastOnce,
        retain,
        expiry_s: Some(60),
        content_type: Some("text/plain".to_owned()),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
    }
}

fn text(message: &Incoming) -> String {
    String::from_utf8(message.payload.to_vec()).unwrap()
}

fn python_json(output: &Output) -> serde_json::Value {
    let stderr = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"))
}

async fn paho(address: SocketAddr, version: &str, name: &str, password: &str) -> serde_json::Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/paho_device.py");
    let output = Command::new("python3")
        .args([script, &address.ip().to_string(), &address.port().to_string(), version, name, password])
        .args([OWN_PREFIX, OTHER_TOPIC, "200"])
        .output()
        .await
        .unwrap();
    python_json(&output)
}

async fn paho_is_installed() -> bool {
    let probe = Command::new("python3").args(["-c", "import paho.mqtt.client"]).stderr(Stdio::null()).status().await;
    let installed = probe.is_ok_and(|status| status.success());
    assert!(installed || !on_ci(), "python3 with paho-mqtt must be installed on CI");
    if !installed {
        eprintln!("SKIPPED: python3 with paho-mqtt is not installed, part of this test did not run");
    }
    installed
}

async fn paho_devices(kind: Kind) {
    let Some(world) = start(kind, Bus::Local, local_rules()).await else { return };
    if !paho_is_installed().await {
        return;
    }
    let address = world.broker.address();
    let mut node = Client::connect(config(address, NODE)).await;
    assert_eq!(node.subscribe("local/1/#").await, SubCode::Granted);

    for version in ["5", "4"] {
        let answer = paho(address, version, SCREEN, secret(SCREEN).expose_secret()).await;
        assert_eq!(answer["connack"], 0, "{answer}");
        assert_eq!(answer["suback_own"], serde_json::json!([1]), "{answer}");
        let refused = answer["suback_other"][0].as_u64().unwrap();
        let in_order: Vec<String> = (0..200).map(|number| number.to_string()).collect();
        assert_eq!(answer["received"], serde_json::json!(in_order));
        match (kind, version) {
            (Kind::Embedded, _) => assert!(refused >= 0x80, "{answer}"),
            // mosquitto grants the subscription and withholds the messages, see the ADR.
            (Kind::Mosquitto, _) => assert_eq!(refused, 1, "{answer}"),
        }
        if version == "5" {
            assert_eq!(answer["puback_other"], 0x87, "{answer}");
        }
        for number in in_order {
            let message = node.message().await;
            assert_eq!((message.topic.as_str(), text(&message)), ("local/1/s042/screen/window-1/state", number));
            node.handle.ack(message.ack).await.unwrap();
        }
        let wrong = paho(address, version, SCREEN, "wrong").await;
        assert_ne!(wrong["connack"], 0, "{wrong}");
    }
    world.broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paho_devices_work_on_the_embedded_broker_and_are_refused_elsewhere() {
    paho_devices(Kind::Embedded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paho_devices_work_on_mosquitto_with_the_same_rules() {
    paho_devices(Kind::Mosquitto).await;
}

async fn mosquitto_tools(kind: Kind) {
    let Some(world) = start(kind, Bus::Local, local_rules()).await else { return };
    let (Some(publisher), Some(subscriber)) = (tool(&["mosquitto_pub"], "--help").await, tool(&["mosquitto_sub"], "--help").await) else {
        return;
    };
    let address = world.broker.address();
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let password = secret(SCREEN);
    let topic = format!("{OWN_PREFIX}state");
    let command = |program: &str, version: &str, topic: &str, password: &str| {
        let mut command = Command::new(program);
        command.args(["-h", &host, "-p", &port, "-V", version, "-q", "1", "-t", topic, "-u", SCREEN, "-P", password]);
        command
    };

    for version in ["mqttv5", "mqttv311"] {
        let sent = command(&publisher, version, &topic, password.expose_secret()).args(["-m", version, "-r"]).status();
        assert!(sent.await.unwrap().success(), "{version}");
        let got = command(&subscriber, version, &topic, password.expose_secret()).args(["-C", "1", "-W", "20"]).output();
        assert_eq!(String::from_utf8(got.await.unwrap().stdout).unwrap(), format!("{version}\n"));

        let anonymous =
            Command::new(&publisher).args(["-h", &host, "-p", &port, "-V", version, "-q", "1", "-t", &topic, "-m", "x"]).output();
        assert!(!anonymous.await.unwrap().status.success(), "{version} without credentials");
        let wrong = command(&publisher, version, &topic, "wrong").args(["-m", "x"]).output();
        assert!(!wrong.await.unwrap().status.success(), "{version} with a wrong secret");
    }
    world.broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mosquitto_tools_work_on_the_embedded_broker() {
    mosquitto_tools(Kind::Embedded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mosquitto_tools_work_on_mosquitto_with_the_same_rules() {
    mosquitto_tools(Kind::Mosquitto).await;
}

/// Publishes and subscribes within the table and outside it.
async fn as_098_table(kind: Kind) {
    let Some(world) = start(kind, Bus::Mesh, mesh_rules()).await else { return };
    let address = world.broker.address();
    let mut node = Client::connect(config(address, "acme.s042.n1")).await;
    let mut cloud = Client::connect(config(address, "cloud.eu1-a")).await;

    assert_eq!(node.subscribe("aisle/1/04/acme.s042.n1/dn/#").await, SubCode::Granted);
    assert_eq!(node.subscribe("aisle/1/04/state").await, SubCode::Granted);
    assert_eq!(cloud.subscribe("aisle/1/04/+/up/#").await, SubCode::Granted);
    for filter in ["aisle/1/04/acme.s043.n1/dn/#", "aisle/1/04/acme.s043.n1/up/#"] {
        let expected = match kind {
            Kind::Embedded => SubCode::Refused(0x87),
            // mosquitto grants what its file forbids and withholds the messages, which the last line of this test shows.
            Kind::Mosquitto => SubCode::Granted,
        };
        assert_eq!(node.subscribe(filter).await, expected, "{filter}");
    }
    for topic in ["aisle/1/04/acme.s043.n1/up/hello", "aisle/1/04/acme.s042.n1/dn/welcome", "aisle/1/04/state"] {
        assert_eq!(node.publish(topic, "forged", false).await, PubReason::Refused(0x87), "{topic}");
    }
    assert_eq!(cloud.publish("aisle/1/04/acme.s042.n1/up/hello", "forged", false).await, PubReason::Refused(0x87));

    assert_eq!(node.publish("aisle/1/04/acme.s042.n1/up/hello", "up", false).await, PubReason::Accepted);
    let up = cloud.message().await;
    assert_eq!(text(&up), "up");
    assert_eq!(up.content_type.as_deref(), Some("text/plain"));
    assert_eq!(up.traceparent.as_deref(), Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
    assert_eq!((up.qos, up.retain), (Qos::AtLeastOnce, false));
    cloud.publish("aisle/1/04/acme.s043.n1/dn/welcome", "for somebody else", false).await;
    assert_eq!(cloud.publish("aisle/1/04/acme.s042.n1/dn/welcome", "down", false).await, PubReason::Accepted);
    assert_eq!(text(&node.message().await), "down", "what is for another node never arrives");
    world.broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_098_the_table_holds_on_the_embedded_broker() {
    as_098_table(Kind::Embedded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_098_the_table_holds_on_mosquitto() {
    as_098_table(Kind::Mosquitto).await;
}

async fn wills_and_retained(kind: Kind) {
    let Some(world) = start(kind, Bus::Mesh, mesh_rules()).await else { return };
    let address = world.broker.address();
    let presence = "aisle/1/04/acme.s042.n1/up/presence";
    let with_will = || LinkConfig {
        will: Some(Will { topic: presence.to_owned(), payload: Bytes::from_static(b"lost"), retain: true, content_type: None }),
        ..config(address, "acme.s042.n1")
    };
    let mut cloud = Client::connect(config(address, "cloud.eu1-a")).await;
    assert_eq!(cloud.subscribe("aisle/1/+/+/up/#").await, SubCode::Granted);

    let mut node = Client::connect(with_will()).await;
    node.publish(presence, "online", true).await;
    assert_eq!(text(&cloud.message().await), "online");
    drop(node);
    assert_eq!(text(&cloud.message().await), "lost", "a cut socket lets the will speak");

    let mut node = Client::connect(with_will()).await;
    node.publish(presence, "offline", true).await;
    node.handle.hang();
    assert_eq!(node.lost().await, LostReason::HungUp);
    assert_eq!(text(&cloud.message().await), "offline");
    let mut node = Client::connect(config(address, "acme.s042.n1")).await;
    node.publish("aisle/1/04/acme.s042.n1/up/hello", "next", false).await;
    assert_eq!(text(&cloud.message().await), "next", "a farewell takes the will away");

    cloud.handle.hang();
    cloud.lost().await;
    let mut cloud = Client::connect(config(address, "cloud.eu1-a")).await;
    cloud.subscribe_and_take_retained("aisle/1/+/+/up/#", "offline").await;
    world.broker.stop().await;
}

impl Client {
    /// The kept message may come before or after the SUBACK.
    async fn subscribe_and_take_retained(&mut self, filter: &str, expected: &str) {
        self.handle.subscribe(&[filter.to_owned()]).await.unwrap();
        let (mut granted, mut kept) = (false, false);
        while !(granted && kept) {
            match self.next().await {
                LinkEvent::SubAck(codes) => {
                    assert_eq!(codes, [SubCode::Granted]);
                    granted = true;
                }
                LinkEvent::Message(message) => {
                    assert_eq!((text(&message).as_str(), message.retain), (expected, true));
                    kept = true;
                }
                other => panic!("expected SubAck or the kept message, got {other:?}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wills_and_retained_messages_work_on_the_embedded_broker() {
    wills_and_retained(Kind::Embedded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wills_and_retained_messages_work_on_mosquitto() {
    wills_and_retained(Kind::Mosquitto).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_connection_of_an_identity_ends_the_first() {
    let world = start(Kind::Embedded, Bus::Mesh, mesh_rules()).await.unwrap();
    let mut first = Client::connect(config(world.broker.address(), "acme.s042.n1")).await;
    let second = Client::connect(config(world.broker.address(), "acme.s042.n1")).await;
    // Whether the reason can be read depends on the broker, see `LostReason::Closed`.
    let reason = first.lost().await;
    assert!(matches!(reason, LostReason::SessionTakenOver | LostReason::Closed), "{reason:?}");
    drop(second);
    world.broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_says_why_it_could_not_connect() {
    let world = start(Kind::Embedded, Bus::Mesh, mesh_rules()).await.unwrap();
    let address = world.broker.address();
    let wrong = LinkConfig { password: Some(secret("somebody else")), ..config(address, "acme.s042.n1") };
    assert_eq!(Client::dial(wrong).lost().await, LostReason::Refused(ConnectRefusal::BadCredentials));
    let foreign = LinkConfig { client_id: "acme.s043.n1".to_owned(), ..config(address, "acme.s042.n1") };
    assert_eq!(Client::dial(foreign).lost().await, LostReason::Refused(ConnectRefusal::ClientId));
    let will = Will { topic: "aisle/1/04/state".to_owned(), payload: Bytes::new(), retain: true, content_type: None };
    let forged = LinkConfig { will: Some(will), ..config(address, "acme.s042.n1") };
    assert_eq!(Client::dial(forged).lost().await, LostReason::Refused(ConnectRefusal::NotAuthorised));
    world.broker.stop().await;

    let nobody = Client::dial(config(address, "acme.s042.n1")).lost().await;
    assert!(matches!(nobody, LostReason::Io(_)), "{nobody:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_was_expelled_can_publish_no_more() {
    let access = Access::new(local_rules());
    let config_of_broker = EmbeddedConfig { bus: Bus::Local, bind: LOOPBACK, clients_max: 10 };
    let broker = EmbeddedBroker::start(config_of_broker, access.clone()).await.unwrap();
    let mut screen = Client::connect(config(broker.address(), SCREEN)).await;
    let topic = format!("{OWN_PREFIX}state");
    assert_eq!(screen.publish(&topic, "on", false).await, PubReason::Accepted);
    access.update(|rules| rules.expel(SCREEN));
    assert_eq!(screen.publish(&topic, "on", false).await, PubReason::Refused(0x87));
    drop(screen);
    let refused = Client::dial(config(broker.address(), SCREEN)).lost().await;
    assert_eq!(refused, LostReason::Refused(ConnectRefusal::BadCredentials));
    Box::new(broker).stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn order_is_kept_with_a_full_window_and_late_acknowledgements() {
    let world = start(Kind::Embedded, Bus::Mesh, mesh_rules()).await.unwrap();
    let mut cloud = Client::connect(config(world.broker.address(), "cloud.eu1-a")).await;
    assert_eq!(cloud.subscribe("aisle/1/+/+/up/#").await, SubCode::Granted);
    let mut node = Client::connect(config(world.broker.address(), "acme.s042.n1")).await;

    const MESSAGES: usize = 5_000;
    let sender = tokio::spawn(async move {
        let mut under_way = 0;
        for number in 0..MESSAGES {
            while under_way == 16 {
                match node.next().await {
                    LinkEvent::PubAck { reason } => {
                        assert_eq!(reason, PubReason::Accepted);
                        under_way -= 1;
                    }
                    other => panic!("expected PubAck, got {other:?}"),
                }
            }
            let outgoing = message("aisle/1/04/acme.s042.n1/up/s/sess", &number.to_string(), false);
            node.handle.publish(outgoing).await.unwrap();
            under_way += 1;
        }
        node
    });
    let mut held = Vec::new();
    for number in 0..MESSAGES {
        let message = cloud.message().await;
        assert_eq!(text(&message), number.to_string());
        held.push(message.ack);
        if held.len() == 8 {
            for token in held.drain(..) {
                cloud.handle.ack(token).await.unwrap();
            }
        }
    }
    drop(sender.await.unwrap());
    world.broker.stop().await;
}

async fn receive_maximum(kind: Kind) {
    let Some(world) = start(kind, Bus::Mesh, mesh_rules()).await else { return };
    let mut cloud = Client::connect(config(world.broker.address(), "cloud.eu1-a")).await;
    assert_eq!(cloud.subscribe("aisle/1/+/+/up/#").await, SubCode::Granted);
    let mut node = Client::connect(config(world.broker.address(), "acme.s042.n1")).await;
    for number in 0..40 {
        node.publish("aisle/1/04/acme.s042.n1/up/s/sess", &number.to_string(), false).await;
    }
    let mut tokens = Vec::new();
    for _ in 0..16 {
        tokens.push(cloud.message().await.ack);
    }
    // An answered subscribe shows that everything the broker had to say before it has arrived.
    cloud.handle.subscribe(&["aisle/1/04/+/up/#".to_owned()]).await.unwrap();
    assert!(matches!(cloud.next().await, LinkEvent::SubAck(_)));
    cloud.handle.ack(tokens.remove(0)).await.unwrap();
    assert_eq!(text(&cloud.message().await), "16");
    world.broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_040_without_acknowledgements_the_embedded_broker_stops_at_receive_maximum() {
    receive_maximum(Kind::Embedded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_040_without_acknowledgements_mosquitto_stops_at_receive_maximum() {
    receive_maximum(Kind::Mosquitto).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i7_unsettled_messages_beyond_the_budget_of_bytes_end_the_link() {
    let world = start(Kind::Embedded, Bus::Mesh, mesh_rules()).await.unwrap();
    // Budget of 2 × 1,024 bytes; QoS 0 messages are not held back by Receive Maximum.
    let narrow = LinkConfig { receive_max: 2, packet_max: 1_024, ..config(world.broker.address(), "cloud.eu1-a") };
    let mut cloud = Client::connect(narrow).await;
    assert_eq!(cloud.subscribe("aisle/1/+/+/up/#").await, SubCode::Granted);
    let node = Client::connect(config(world.broker.address(), "acme.s042.n1")).await;
    let body = "x".repeat(700);
    for _ in 0..3 {
        let flood = Outgoing { qos: Qos::AtMostOnce, ..message("aisle/1/04/acme.s042.n1/up/s/tele", &body, false) };
        node.handle.publish(flood).await.unwrap();
    }
    let mut unsettled = Vec::new();
    let reason = loop {
        match cloud.next().await {
            LinkEvent::Message(message) => unsettled.push(message),
            LinkEvent::Lost(reason) => break reason,
            other => panic!("expected a message or Lost, got {other:?}"),
        }
    };
    assert_eq!((unsettled.len(), reason), (2, LostReason::EventsFull));
    drop(node.handle);
    world.broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_packet_above_the_brokers_maximum_is_refused_before_it_costs_the_link() {
    let world = start(Kind::Embedded, Bus::Mesh, mesh_rules()).await.unwrap();
    let mut node = Client::connect(config(world.broker.address(), "acme.s042.n1")).await;
    let topic = "aisle/1/04/acme.s042.n1/up/s/tele";
    let too_large = node.handle.publish(message(topic, &"x".repeat(128 * 1024), false)).await;
    assert!(matches!(too_large, Err(LinkError::TooLarge { max: 131_072, .. })), "{too_large:?}");
    let fits = "x".repeat(127 * 1024);
    assert_eq!(node.publish(topic, &fits, false).await, PubReason::Accepted);
    for bad in ["", "a/+", "#"] {
        assert_eq!(node.handle.publish(message(bad, "", false)).await, Err(LinkError::BadTopic), "{bad:?}");
        let bad_filter = format!("{bad}#x");
        assert_eq!(node.handle.subscribe(&[bad_filter]).await, Err(LinkError::BadTopic));
    }
    world.broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledgement_of_an_earlier_connection_is_refused() {
    let world = start(Kind::Embedded, Bus::Local, local_rules()).await.unwrap();
    let mut node = Client::connect(config(world.broker.address(), NODE)).await;
    node.subscribe("local/1/#").await;
    let mut screen = Client::connect(config(world.broker.address(), OTHER)).await;
    screen.publish(OTHER_TOPIC, "on", false).await;
    let old = node.message().await.ack;
    drop(node);
    let node = Client::connect(config(world.broker.address(), NODE)).await;
    assert_eq!(node.handle.ack(old).await, Err(LinkError::ForeignAck));
    world.broker.stop().await;
    let mut node = node;
    node.lost().await;
    let closed = node.handle.publish(message(OTHER_TOPIC, "off", false)).await;
    assert_eq!(closed, Err(LinkError::Closed));
}
