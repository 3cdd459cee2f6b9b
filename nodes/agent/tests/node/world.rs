//! A store without a cloud: its folder holds the documents that the cloud once sent, and nothing answers at the broker's address.
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use aisle_mesh::clock::{Clock, ManualClock};
use aisle_mesh::link::{Incoming, Link, LinkConfig, LinkEvent, LinkHandle, Outgoing, Qos, SubCode};
use aisle_mesh::sync::log::{ApplyMode, NodeSessionLog, ReceiveLog, ReceivedBatch, ReceivedRecord};
use aisle_mesh::telemetry::TelemetryConfig;
use aisle_node::config::{CloudBrokerConfig, ContentConfig, DeviceConfig, StorageConfig};
use aisle_node::journal::{Cause, Entry, Journal, JournalError, RecordMaker, Settings, SyncLog};
use aisle_node::staff::{StaffConfig, badge_hash};
use aisle_node::{NodeApp, NodeConfig};
use aisle_schemas::code::{Pass, StoreKey};
use aisle_schemas::content::{Content, ContentClass, Currency, Money, SurfaceKind};
use aisle_schemas::event::{Event, EventType, Source};
use aisle_schemas::ids::{
    CampaignId, DeviceId, DisplayId, EventId, OfferId, PassId, ScreenId, Sku, StoreId, TouchpointId, VisitToken, ZoneId,
};
use aisle_schemas::limits::{KEEP_ALIVE, PACKET_BYTES_MAX};
use aisle_schemas::nfc::NfcProgramme;
use aisle_schemas::offer::{Offer, OfferTarget, Product, Variant};
use aisle_schemas::record::Body;
use aisle_schemas::screen::{Layout, LayoutZone, LayoutZoneKind, OfferSubscription, ScreenCommand, ScreenProgramme};
use aisle_schemas::store::{DoorCode, StoreProfile, ZonePlan};
use aisle_schemas::sync::{Count, Epoch, Mark, Seq, Stream};
use aisle_schemas::text::LocalText;
use aisle_schemas::topic::{DeviceKind, Topic};
use aisle_schemas::visit::CheckInRefused;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use ed25519_dalek::SigningKey;
use futures_util::StreamExt;
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};
use tempfile::TempDir;
use tokio::sync::mpsc;

/// Longest wait for anything; a test that reaches it has failed.
const PATIENCE: Duration = Duration::from_secs(20);
/// Origin of the shop's page.
pub const SHOP: &str = "https://shop.example.com";

/// A store.
pub struct World {
    pub clock: Arc<ManualClock>,
    pub folder: TempDir,
    app: Option<NodeApp>,
    pub http: reqwest::Client,
    /// Its share of the disk; a test may make it small.
    pub storage: StorageConfig,
    /// Where it fetches content from: nowhere, unless a test says otherwise.
    pub content: ContentConfig,
    /// Nobody listens at the discard port: unless a test says otherwise, the store is cut off.
    pub broker_port: u16,
    /// Price labels besides its other screens.
    pub labels: usize,
    seq: u64,
    orders: u64,
}

pub fn store() -> StoreId {
    StoreId::parse("s042").unwrap()
}

pub fn store_key() -> StoreKey {
    StoreKey::new([7; 32])
}

fn signing() -> SigningKey {
    SigningKey::from_bytes(&[4; 32])
}

/// The one member of staff. The hash is that of the PIN 493817, with the fewest rounds that are taken.
fn mia() -> StaffConfig {
    StaffConfig {
        number: "1042".to_owned(),
        first_name: "Mia".to_owned(),
        photo: None,
        role: "Beratung".to_owned(),
        badge_sha256: badge_hash("B-1042"),
        pin_hash: "pbkdf2-sha256$100000$11111111111111111111111111111111$09ce6017f03fb1a5b23ed495977a3b6bdc7120202b23ce894409c230ec00a4f4"
            .to_owned(),
    }
}

/// The secret of a device.
pub fn secret(kind: DeviceKind, id: &str) -> String {
    format!("secret-of-{}-{id}", kind.as_str())
}

fn content(headline: &str) -> Content {
    Content {
        class: ContentClass::P0,
        headline: LocalText::new(headline, headline),
        line: LocalText::default(),
        image: None,
        price: None,
        was: None,
        segment: None,
    }
}

/// An offer for all screens and displays, valid from an hour ago for an hour.
pub fn offer(n: u8, now: DateTime<Utc>) -> Offer {
    let variant = |surface| Variant { surface, content: content(&format!("offer {n}")) };
    Offer {
        offer: OfferId::new(u64::from(n), [n; 10]),
        rev: 1,
        campaign: CampaignId::new(1, [1; 10]),
        product: Product {
            sku: Sku::parse("cat-food").unwrap(),
            name: LocalText::default(),
            category: "pet-cat".parse().unwrap(),
            sibling_group: None,
            image: None,
        },
        price: Money { minor: 199, currency: Currency::Eur },
        was: None,
        from: now - TimeDelta::hours(1),
        to: now + TimeDelta::hours(1),
        target: OfferTarget { stores: vec![], zones: vec![], surfaces: vec![SurfaceKind::Screen, SurfaceKind::NfcMonitor] },
        variants: vec![variant(SurfaceKind::Screen), variant(SurfaceKind::NfcMonitor)],
        fallback: None,
        fallback_for: vec![],
        media: vec![],
    }
}

pub fn programme(screen: &str) -> ScreenProgramme {
    let main = LayoutZone { id: "main".parse().unwrap(), kind: LayoutZoneKind::Main, x: 0, y: 0, w: 1_920, h: 1_080 };
    ScreenProgramme {
        screen: ScreenId::parse(screen).unwrap(),
        name: LocalText::default(),
        zone: ZoneId::parse("pets").unwrap(),
        layout: Layout { width: 1_920, height: 1_080, zones: vec![main] },
        events: vec![],
        subscription: Some(OfferSubscription { categories: vec![], duration_s: 8, offers_max: 5 }),
        fallback: content("brand"),
        media: vec![],
        sync: None,
        label: None,
    }
}

fn display() -> NfcProgramme {
    NfcProgramme {
        display: DisplayId::parse("shelf").unwrap(),
        name: LocalText::default(),
        zone: ZoneId::parse("pets").unwrap(),
        invitation: content("tap"),
        subscription: OfferSubscription { categories: vec![], duration_s: 8, offers_max: 5 },
    }
}

fn profile() -> StoreProfile {
    let zone = |id: &str| ZonePlan { zone: id.parse().unwrap(), name: LocalText::default(), x: 0.0, y: 0.0, w: 1.0, h: 1.0 };
    StoreProfile {
        store: store(),
        name: "Test".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        width: 40.0,
        height: 24.0,
        zones: vec![zone("entrance"), zone("pets")],
        devices: vec![],
        closes: "20:00".to_owned(),
        shop_url: SHOP.to_owned(),
    }
}

/// A document of the cloud.
pub fn document(key: &str, body: &Body) -> (String, Option<Box<serde_json::value::RawValue>>) {
    (key.to_owned(), Some(body.to_raw().unwrap()))
}

impl World {
    /// A store with a profile, two screens, a display and one offer, running.
    pub async fn start() -> Self {
        let mut world = Self::bare();
        let now = world.clock.now();
        world
            .receive(vec![
                document("store", &Body::StoreDesired(Box::new(profile()))),
                document("screen/window-1", &Body::ScreenDesired(Box::new(programme("window-1")))),
                document("screen/window-2", &Body::ScreenDesired(Box::new(programme("window-2")))),
                document("nfc/shelf", &Body::NfcDesired(Box::new(display()))),
                document(&format!("offer/{}", offer(1, now).offer), &Body::OfferDesired(Box::new(offer(1, now)))),
            ])
            .await;
        world.run().await;
        world
    }

    /// A store that has never heard of its cloud, not yet running.
    pub fn bare() -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let storage = StorageConfig { ballast_mib: 0, grow: false, ..StorageConfig::default() };
        Self {
            clock: ManualClock::new(),
            folder: tempfile::tempdir().unwrap(),
            app: None,
            http,
            storage,
            content: ContentConfig::default(),
            broker_port: 9,
            labels: 0,
            seq: 0,
            orders: 0,
        }
    }

    /// Puts documents into the journal, as a batch of the cloud would, while the node is not running.
    pub async fn receive(&mut self, documents: Vec<(String, Option<Box<serde_json::value::RawValue>>)>) {
        let ty = EventType::literal("aisle.desired.set.v1");
        let mut events = Vec::new();
        for (key, data) in documents {
            self.seq += 1;
            let data = data.unwrap_or_else(|| serde_json::value::RawValue::from_string("null".to_owned()).unwrap());
            events.push((self.seq, self.event(EventId::new(self.seq, [1; 10]), ty.clone(), key, data)));
        }
        self.apply(Stream::Desired, events).await;
    }

    /// Puts commands to screens into the journal, each an order under the command's own id, while the node is not running.
    pub async fn order(&mut self, commands: &[(&str, &ScreenCommand)]) {
        let mut events = Vec::new();
        for (screen, command) in commands {
            self.orders += 1;
            let body = Body::ScreenCommanded(Box::new(ScreenCommand::clone(command)));
            let ty = EventType::literal(body.type_name());
            events.push((self.orders, self.event(command.id, ty, format!("screen/{screen}"), body.to_raw().unwrap())));
        }
        self.apply(Stream::Order, events).await;
    }

    /// Puts orders about one subject into the journal while the node is not running; their ids.
    pub async fn order_bodies(&mut self, subject: &str, bodies: &[Body]) -> Vec<EventId> {
        let mut events = Vec::new();
        for body in bodies {
            self.orders += 1;
            let id = EventId::new(self.orders, [2; 10]);
            let ty = EventType::literal(body.type_name());
            events.push((self.orders, self.event(id, ty, subject.to_owned(), body.to_raw().unwrap())));
        }
        let ids = events.iter().map(|(_, event)| event.id).collect();
        self.apply(Stream::Order, events).await;
        ids
    }

    fn event(&self, id: EventId, ty: EventType, subject: String, data: Box<serde_json::value::RawValue>) -> Event {
        let mut event = Event::bare(id, Source::Cloud(self.config().tenant), ty, self.clock.now());
        event.subject = Some(subject);
        event.data = Some(data);
        event
    }

    /// Applies a batch of the cloud that ends with these events.
    async fn apply(&self, stream: Stream, events: Vec<(u64, Event)>) {
        let journal = self.journal().await;
        let log = SyncLog::new(journal.clone(), self.clock.clone());
        let session = log.begin_session(1).await.unwrap();
        let epoch = Epoch { counter: 1, random: 1 };
        log.adopt_down_epoch(epoch).await.unwrap();
        let node = self.config().node_id();
        let record = |(seq, event): (u64, Event)| {
            let raw = Bytes::from(event.to_stored().unwrap());
            ReceivedRecord { seq: Seq::new(seq), event, raw }
        };
        let records: Vec<_> = events.into_iter().map(record).collect();
        let (Some(first), Some(last)) = (records.first(), records.last()) else { return };
        let batch = ReceivedBatch {
            stream,
            epoch,
            session,
            cursor: first.seq.minus(1),
            to: last.seq,
            mark: Mark::new(1),
            base: Seq::ZERO,
            left: Count::ZERO,
            records,
            mode: ApplyMode::Plain,
        };
        log.apply(&node, &batch).await.unwrap();
        drop((log, journal));
        self.until_free().await;
    }

    /// The journal, while the node is not running.
    async fn journal(&self) -> Journal {
        let config = self.config();
        let maker = RecordMaker::new(config.node_id(), self.clock.clone());
        let settings = Settings { folder: config.data_dir.clone(), budget: config.storage.budget(), maker };
        Journal::open(settings, 1).await.unwrap()
    }

    /// Fills class A until the journal refuses even a small record, while the node is not running.
    pub async fn fill(&self) {
        let journal = self.journal().await;
        let maker = RecordMaker::new(self.config().node_id(), self.clock.clone());
        for size in [20_000, 10] {
            let body = Body::CheckInRefused(Box::new(CheckInRefused { touchpoint: None, reason: "x".repeat(size), at: self.clock.now() }));
            loop {
                let record = maker.make(&body, "checkin".to_owned(), Cause::default()).unwrap();
                match journal.commit(Entry { changes: vec![], records: vec![record] }).await {
                    Ok(()) => {}
                    Err(JournalError::StorageFull) => break,
                    Err(error) => panic!("{error}"),
                }
            }
        }
        drop(journal);
        self.until_free().await;
    }

    /// Waits until nobody holds the journal.
    async fn until_free(&self) {
        let path = self.folder.path().join("journal.lock");
        loop {
            let file = std::fs::File::open(&path).unwrap();
            if file.try_lock_shared().is_ok() {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    pub fn config(&self) -> NodeConfig {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let device = |kind: DeviceKind, id: &str| DeviceConfig {
            kind,
            id: DeviceId::parse(id).unwrap(),
            secret: SecretString::from(secret(kind, id)),
            emergency: (kind, id) == (DeviceKind::Sensor, "sensor-1"),
        };
        NodeConfig {
            tenant: "acme".parse().unwrap(),
            store: store(),
            node: "n1".parse().unwrap(),
            data_dir: self.folder.path().to_owned(),
            http_addr: any,
            mqtt_addr: any,
            public_url: "http://node.example".to_owned(),
            broker: CloudBrokerConfig {
                host: "127.0.0.1".to_owned(),
                port: self.broker_port,
                secret: SecretString::from("none".to_owned()),
                tls: None,
            },
            store_key: store_key(),
            cloud_public_key: signing().verifying_key(),
            devices: [
                device(DeviceKind::Screen, "window-1"),
                device(DeviceKind::Screen, "window-2"),
                device(DeviceKind::Nfc, "shelf"),
                device(DeviceKind::Door, "door-1"),
                device(DeviceKind::Sensor, "sensor-1"),
                device(DeviceKind::Sensor, "sensor-2"),
                device(DeviceKind::Tablet, "tablet-1"),
            ]
            .into_iter()
            .chain((0..self.labels).map(|n| device(DeviceKind::Screen, &format!("label-{n}"))))
            .collect(),
            staff: vec![mia()],
            storage: self.storage,
            content: self.content.clone(),
            telemetry: TelemetryConfig::default(),
        }
    }

    pub async fn run(&mut self) {
        self.run_on(self.clock.clone()).await;
    }

    /// Starts the node with another clock than the test's.
    pub async fn run_on(&mut self, clock: Arc<dyn Clock>) {
        self.app = Some(NodeApp::build(self.config(), clock).await.unwrap());
    }

    /// Ends the node as a power cut would.
    pub async fn kill(&mut self) {
        self.app.take().unwrap().kill().await;
        self.until_free().await;
    }

    /// Ends the node in order.
    pub async fn stop(&mut self) {
        self.app.take().unwrap().run(std::future::ready(())).await.unwrap();
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.app.as_ref().unwrap().http_addr())
    }

    /// A pass that the cloud signed.
    pub fn pass(&self, n: u8) -> String {
        self.pass_at(n, self.clock.now())
    }

    /// A pass that the cloud signed at an instant.
    pub fn pass_at(&self, n: u8, at: DateTime<Utc>) -> String {
        Pass { id: PassId::new(1, [n; 10]), expires_at: at + TimeDelta::hours(8) }.encode(&signing())
    }

    /// Signs a device in over HTTP and returns its cookie.
    pub async fn cookie(&self, kind: DeviceKind, id: &str) -> String {
        let body = serde_json::json!({ "kind": kind, "device": id, "secret": secret(kind, id) });
        let response = self.http.post(self.url("/v1/device-sessions")).json(&body).send().await.unwrap();
        assert_eq!(response.status(), 204);
        let cookie = response.headers()["set-cookie"].to_str().unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
        cookie.split(';').next().unwrap().to_owned()
    }

    /// Mia begins her shift at the tablet; the tablet's cookie.
    pub async fn on_shift(&self) -> String {
        let cookie = self.cookie(DeviceKind::Tablet, "tablet-1").await;
        let body = serde_json::json!({ "badge": "B-1042", "pin": "493817" });
        let signed = self.http.post(self.url("/v1/tablets/tablet-1/shift")).header("cookie", &cookie).json(&body).send().await.unwrap();
        assert_eq!(signed.status(), 200);
        cookie
    }

    /// Opens a stream of a device.
    pub async fn stream(&self, path: &str, cookie: &str) -> Sse {
        self.stream_after(path, cookie, None).await
    }

    pub async fn stream_after(&self, path: &str, cookie: &str, last: Option<&str>) -> Sse {
        let mut request = self.http.get(self.url(path)).header("cookie", cookie);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        Sse { body: Box::pin(response.bytes_stream()), text: String::new() }
    }

    /// The door's code as its display shows it.
    pub async fn door_code(&self) -> DoorCode {
        let cookie = self.cookie(DeviceKind::Door, "door-1").await;
        self.stream("/v1/doors/door-1/events", &cookie).await.next().await.1
    }

    /// A code of the door, made with the store's key at an instant.
    pub fn code_at(&self, store: &str, issued_at: DateTime<Utc>, nonce: u64) -> String {
        let subject = aisle_schemas::code::CodeSubject::Door { touchpoint: TouchpointId::parse("door-1").unwrap() };
        aisle_schemas::code::Code { store: store.parse().unwrap(), subject, issued_at, nonce }.encode(&store_key())
    }

    pub async fn check_in(&self, code: &str, pass: &str) -> reqwest::Response {
        let body = serde_json::json!({ "code": code, "pass": pass, "method": "app_qr" });
        self.http.post(self.url("/v1/checkins")).json(&body).send().await.unwrap()
    }

    /// Checks somebody in and returns the visit's token.
    pub async fn checked_in(&self, n: u8) -> VisitToken {
        let code = self.code_at("s042", self.clock.now(), u64::from(n));
        let response = self.check_in(&code, &self.pass(n)).await;
        assert_eq!(response.status(), 201);
        let body: aisle_schemas::http::node::NodeCheckedIn = response.json().await.unwrap();
        body.token
    }

    pub async fn overview(&self) -> aisle_schemas::http::node::NodeOverview {
        self.http.get(self.url("/v1/status")).send().await.unwrap().json().await.unwrap()
    }

    /// What waits for the cloud on a stream, as it is on disk at this moment; the node may be running.
    pub async fn logged(&self, stream: Stream) -> Vec<Event> {
        let options = SqliteConnectOptions::new().filename(self.folder.path().join("journal.sqlite")).read_only(true);
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        let rows: Vec<Row> = sqlx::query_as(include_str!("../../src/journal/sql/read_records.sql"))
            .bind(stream.as_str())
            .bind(0)
            .bind(10_000)
            .fetch_all(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
        rows.iter().map(|(_, _, event, _, _)| Event::parse(event).unwrap()).collect()
    }

    /// The newest record on a stream that is what is wanted, as soon as there is one.
    pub async fn logs<T: DeserializeOwned>(&self, stream: Stream, wanted: impl Fn(&T) -> bool) -> T {
        let look = async {
            loop {
                let events = self.logged(stream).await;
                let found = events.iter().rev().filter_map(|event| event.data::<T>().ok()).find(&wanted);
                if let Some(found) = found {
                    return found;
                }
            }
        };
        tokio::time::timeout(PATIENCE, look).await.expect("no such record")
    }

    /// Connects a device to the local broker and subscribes to its whole subtree.
    pub async fn device(&self, kind: DeviceKind, id: &str) -> Device {
        let name = format!("{}.{id}", kind.as_str());
        let (handle, events) = Link::connect(LinkConfig {
            host: "127.0.0.1".to_owned(),
            port: self.app.as_ref().unwrap().mqtt_addr().port(),
            client_id: name.clone(),
            username: Some(name),
            password: Some(SecretString::from(secret(kind, id))),
            tls: None,
            will: None,
            keep_alive: KEEP_ALIVE,
            receive_max: 16,
            packet_max: PACKET_BYTES_MAX,
            in_flight: 16,
        })
        .unwrap();
        let mut device = Device { handle, events };
        loop {
            match device.event().await {
                LinkEvent::Connected { .. } => {
                    let filter = format!("{}#", aisle_schemas::topic::device_prefix(&store(), kind, id));
                    device.handle.subscribe(&[filter]).await.unwrap();
                }
                LinkEvent::SubAck(codes) => {
                    assert_eq!(codes, [SubCode::Granted]);
                    return device;
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

/// Seq, id, event, checksum and earlier place of a record.
type Row = (i64, Vec<u8>, Vec<u8>, i64, Option<String>);

/// A stream of server-sent events.
pub struct Sse {
    body: std::pin::Pin<Box<dyn futures_util::Stream<Item = reqwest::Result<Bytes>> + Send>>,
    text: String,
}

impl Sse {
    /// The next state: its id and its data.
    pub async fn next<T: DeserializeOwned>(&mut self) -> (String, T) {
        loop {
            let (_, id, data) = self.event().await;
            if let Some(id) = id {
                return (id, serde_json::from_str(&data).unwrap());
            }
        }
    }

    /// The next event of a name.
    pub async fn next_of<T: DeserializeOwned>(&mut self, name: &str) -> T {
        loop {
            let (found, _, data) = self.event().await;
            if found == name {
                return serde_json::from_str(&data).unwrap();
            }
        }
    }

    /// The next event: its name, its id where it has one, its data.
    async fn event(&mut self) -> (String, Option<String>, String) {
        loop {
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
                let found = field("data: ").map(|data| (field("event: ").unwrap(), field("id: "), data));
                self.text = rest.to_owned();
                if let Some(found) = found {
                    return found;
                }
            }
            let chunk = tokio::time::timeout(PATIENCE, self.body.next()).await.expect("nothing came").unwrap().unwrap();
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The first event that is what is wanted.
    pub async fn until<T: DeserializeOwned>(&mut self, wanted: impl Fn(&T) -> bool) -> T {
        loop {
            let (_, event) = self.next().await;
            if wanted(&event) {
                return event;
            }
        }
    }
}

/// A device at the local broker.
pub struct Device {
    handle: LinkHandle,
    events: mpsc::Receiver<LinkEvent>,
}

impl Device {
    async fn event(&mut self) -> LinkEvent {
        tokio::time::timeout(PATIENCE, self.events.recv()).await.expect("nothing came").unwrap()
    }

    pub async fn publish(&self, topic: &Topic, body: impl Into<Vec<u8>>) {
        let outgoing = Outgoing {
            topic: topic.build(),
            payload: Bytes::from(body.into()),
            qos: Qos::AtLeastOnce,
            retain: topic.declaration().retain,
            expiry_s: None,
            content_type: None,
            traceparent: None,
        };
        self.handle.publish(outgoing).await.unwrap();
    }

    /// The next message on a topic of this name.
    pub async fn receive<T: DeserializeOwned>(&mut self, name: &str) -> T {
        loop {
            if let LinkEvent::Message(Incoming { topic, payload, ack, .. }) = self.event().await {
                self.handle.ack(ack).await.unwrap();
                if Topic::parse(&topic).is_some_and(|topic| topic.declaration().name == name) {
                    return serde_json::from_slice(&payload).unwrap();
                }
            }
        }
    }
}
