//! A cloud for tests: built as `main` builds it, on SQLite in a folder of its own, with a clock that tests move.
//!
//! Owns [`TestCloud`] and [`Person`], who has a method per thing people do. Speaks HTTP only; what a store would report is written into the
//! database as the store's owner writes it.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::{sync::Arc, time::Duration};

use aisle_cloud::{
    CloudApp, CloudConfig, MailSink,
    config::{BrokerConfig, EmbeddedBrokerConfig, IntegrationKeyConfig, LimitsConfig, StaffConfig, StoreConfig},
};
use aisle_mesh::clock::{Clock, ManualClock};
use aisle_schemas::{
    code::{Code, CodeSubject, StoreKey},
    content::{Content, ContentClass, Currency, Money, SurfaceKind},
    http::{
        Problem,
        cloud::{Campaign, CampaignDraft, ConsentView, LegalTexts, Me, OfferDraft, OfferView, Role},
    },
    ids::{
        CampaignId, CategoryId, CustomerId, DisplayId, EventId, NodeId, NodeName, OfferId, Sku, StoreId, TenantId, TouchpointId, VisitId,
        VisitToken,
    },
    offer::{OfferTarget, Product},
    store::StoreProfile,
    text::LocalText,
    visit::{CheckInMethod, CloseReason, VisitSignal},
};
use aisle_store::{Db, Message, OutboxNew, StoreError, outbox, visit};
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tempfile::TempDir;

pub const INTEGRATION_KEY: &str = "till-key";
pub const MARKETER: &str = "marketer@aisle.example";
pub const AGENT: &str = "agent@aisle.example";
pub const STORE: &str = "berlin-mitte";
pub const OTHER_STORE: &str = "hamburg-altona";
/// Longest wait for something that follows by itself.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct TestCloud {
    pub base: String,
    pub clock: Arc<ManualClock>,
    pub sink: MailSink,
    pub database_url: String,
    pub config: CloudConfig,
    pub public_key: String,
    /// `None` once a test has stopped it.
    pub app: Option<CloudApp>,
    folder: TempDir,
}

pub fn store_key(store: &str) -> StoreKey {
    StoreKey::new([if store == STORE { 1 } else { 2 }; 32])
}

fn store_config(store: &str) -> StoreConfig {
    let id = StoreId::parse(store).unwrap();
    StoreConfig {
        tenant: TenantId::parse("aisle").unwrap(),
        store: id.clone(),
        node: NodeName::parse("n1").unwrap(),
        node_secret: "node-secret".to_owned().into(),
        store_key: store_key(store).to_hex().into(),
        node_url: Some("http://127.0.0.1:9".to_owned()),
        profile: StoreProfile {
            store: id,
            name: format!("Markt {store}"),
            time_zone: "Europe/Berlin".to_owned(),
            width: 40.0,
            height: 24.0,
            zones: Vec::new(),
            devices: Vec::new(),
            closes: "22:00".to_owned(),
            shop_url: "http://127.0.0.1:8080".to_owned(),
        },
        screens: Vec::new(),
        displays: Vec::new(),
    }
}

fn config(folder: &TempDir) -> CloudConfig {
    let staff = |email: &str, role| StaffConfig { email: email.to_owned(), roles: vec![role] };
    CloudConfig {
        instance: "c1".parse().unwrap(),
        http_addr: "127.0.0.1:0".parse().unwrap(),
        public_url: "http://127.0.0.1:8080".to_owned(),
        database_url: format!("sqlite:{}", folder.path().join("cloud.db").display()),
        redis_url: None,
        broker: BrokerConfig { host: "127.0.0.1".to_owned(), port: 0, secret: "broker-secret".to_owned().into(), tls: None },
        embedded_broker: Some(EmbeddedBrokerConfig { addr: "127.0.0.1:0".parse().unwrap(), tls: None }),
        signing_key: None,
        signing_key_file: folder.path().join("cloud.key"),
        smtp: None,
        staff: vec![staff(MARKETER, Role::Marketer), staff(AGENT, Role::Agent)],
        integration_keys: vec![IntegrationKeyConfig { name: "till".to_owned(), key: INTEGRATION_KEY.to_owned().into() }],
        enrolment: None,
        stores: vec![store_config(STORE), store_config(OTHER_STORE)],
        demo: false,
        limits: LimitsConfig { sign_ins_per_minute: 100_000, ..LimitsConfig::default() },
        telemetry: Default::default(),
    }
}

impl TestCloud {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts at a weekday's noon in Berlin, so that nobody rests.
    pub async fn start_with(change: impl FnOnce(&mut CloudConfig)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(&folder);
        change(&mut config);
        let clock = ManualClock::new();
        let noon = chrono_tz::Europe::Berlin;
        let local = clock.now().with_timezone(&noon).time();
        let twelve = chrono::NaiveTime::from_hms_opt(12, 0, 0).unwrap();
        clock.advance((twelve - local + TimeDelta::hours(24)).max(TimeDelta::zero()));
        let app = CloudApp::build(config.clone(), clock.clone()).await.unwrap();
        Self {
            base: format!("http://{}", app.http_addr()),
            sink: app.mail_sink(),
            database_url: config.database_url.clone(),
            clock,
            public_key: app.public_key().to_owned(),
            config,
            app: Some(app),
            folder,
        }
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub fn stranger(&self) -> Person {
        let http = reqwest::Client::builder().cookie_store(true).build().unwrap();
        Person { base: self.base.clone(), http, email: String::new() }
    }

    pub async fn person(&self, email: &str) -> Person {
        let mut person = self.stranger();
        person.email = email.to_owned();
        person.post("/v1/sign-in", &json!({"email": email, "language": "de"})).await.expect_status(202);
        let code = self.sink.code_for(email).expect("a mail was sent");
        person.post("/v1/sign-in/code", &json!({"email": email, "code": code})).await.expect_status(200);
        person
    }

    pub fn door_code(&self, store: &str) -> String {
        self.door_code_at(store, self.now())
    }

    pub fn door_code_at(&self, store: &str, at: DateTime<Utc>) -> String {
        let subject = CodeSubject::Door { touchpoint: TouchpointId::parse("door-1").unwrap() };
        self.code(store, subject, at)
    }

    pub fn tap_code(&self, store: &str, offer: Option<OfferId>) -> String {
        let subject = CodeSubject::Tap { display: DisplayId::parse("shelf-pets").unwrap(), offer };
        self.code(store, subject, self.now())
    }

    fn code(&self, store: &str, subject: CodeSubject, at: DateTime<Utc>) -> String {
        let code = Code {
            store: StoreId::parse(store).unwrap(),
            subject,
            issued_at: DateTime::from_timestamp(at.timestamp(), 0).unwrap(),
            nonce: rand::random(),
        };
        code.encode(&store_key(store))
    }

    /// The database beside the cloud, as the owner of the store's link writes it.
    pub async fn db(&self) -> Db {
        Db::connect(&self.database_url).await.unwrap()
    }

    pub fn node(&self, store: &str) -> NodeId {
        NodeId::parse(&format!("aisle.{store}.n1")).unwrap()
    }

    /// A store reports that a customer's visit began.
    pub async fn open_visit(&self, customer: CustomerId, store: &str) -> (VisitId, VisitToken) {
        let (db, now, node) = (self.db().await, self.now(), self.node(store));
        let visit = VisitId::new(u64::try_from(now.timestamp_millis()).unwrap(), rand::random());
        let token = VisitToken::from_random(rand::random());
        let traceparent = Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned());
        let row = visit::NewVisit {
            visit,
            node: node.clone(),
            token,
            customer: Some(customer),
            method: CheckInMethod::AppQr,
            touchpoint: TouchpointId::parse("door-1").unwrap(),
            opened_at: now,
            closed: None,
            prev_visit: None,
            traceparent: traceparent.clone(),
        };
        let message = Message::VisitOpened { customer, visit, store: node.store.clone(), node, token, at: now };
        let places = db.clone();
        let told: Result<_, StoreError> = db
            .write(move |tx| {
                Box::pin(async move {
                    visit::insert(tx, &row).await?;
                    outbox::put(tx, &places, vec![OutboxNew { message, traceparent, at: now }]).await
                })
            })
            .await;
        told.unwrap();
        (visit, token)
    }

    async fn report(&self, message: Message) {
        let (db, now) = (self.db().await, self.now());
        let places = db.clone();
        let told: Result<_, StoreError> = db
            .write(move |tx| {
                Box::pin(async move { outbox::put(tx, &places, vec![OutboxNew { message, traceparent: None, at: now }]).await })
            })
            .await;
        told.unwrap();
    }

    pub async fn enter_zone(&self, customer: CustomerId, visit: VisitId, zone: &str) {
        let store = StoreId::parse(STORE).unwrap();
        let signal = VisitSignal::ZoneEntered { zone: zone.parse().unwrap() };
        self.report(Message::VisitSeen { customer: Some(customer), visit, store, signal, at: self.now() }).await;
    }

    pub async fn close_visit(&self, customer: CustomerId, visit: VisitId, token: VisitToken) {
        let db = self.db().await;
        let now = self.now();
        let closed: Result<_, StoreError> =
            db.write(move |tx| Box::pin(async move { visit::close(tx, visit, now, CloseReason::CheckedOut).await })).await;
        closed.unwrap();
        let store = StoreId::parse(STORE).unwrap();
        let message =
            Message::VisitClosed { customer: Some(customer), visit, store, token, reason: CloseReason::CheckedOut, ended_at: now };
        self.report(message).await;
    }
}

/// Somebody with a browser.
pub struct Person {
    pub base: String,
    pub http: reqwest::Client,
    pub email: String,
}

/// An answer with its body read.
pub struct Answer {
    pub status: StatusCode,
    pub content_type: String,
    pub retry_after: Option<String>,
    pub text: String,
    /// Of the request, for messages.
    what: String,
}

impl Answer {
    pub async fn read(what: String, response: Response) -> Self {
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (status, content_type, retry_after) = (response.status(), header("content-type").unwrap_or_default(), header("retry-after"));
        Self { status, content_type, retry_after, text: response.text().await.unwrap(), what }
    }
    #[track_caller]
    pub fn expect_status(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}: {}", self.what, self.text);
        self
    }
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{}: {error}: {}", self.what, self.text))
    }
    /// The refusal's code; also holds that it is a whole problem.
    #[track_caller]
    pub fn refused(&self, status: u16) -> Problem {
        assert_eq!(self.status.as_u16(), status, "{}: {}", self.what, self.text);
        assert_eq!(self.content_type, "application/problem+json", "{}", self.what);
        let problem: Problem = self.json();
        assert_eq!(problem.status, status);
        assert!(!problem.instance.is_empty() && !problem.code.is_empty());
        problem
    }
}

impl Person {
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }
    pub async fn send(&self, what: &str, request: RequestBuilder) -> Answer {
        Answer::read(what.to_owned(), request.send().await.unwrap()).await
    }
    pub async fn get(&self, path: &str) -> Answer {
        self.send(&format!("GET {path}"), self.request(Method::GET, path)).await
    }
    pub async fn post(&self, path: &str, body: &impl Serialize) -> Answer {
        self.send(&format!("POST {path}"), self.request(Method::POST, path).json(body)).await
    }
    pub async fn put(&self, path: &str, body: &impl Serialize) -> Answer {
        self.send(&format!("PUT {path}"), self.request(Method::PUT, path).json(body)).await
    }
    pub async fn post_empty(&self, path: &str) -> Answer {
        self.send(&format!("POST {path}"), self.request(Method::POST, path)).await
    }
    pub async fn as_till(&self, path: &str, body: &impl Serialize) -> Answer {
        let request = self.request(Method::POST, path).bearer_auth(INTEGRATION_KEY).json(body);
        self.send(&format!("POST {path}"), request).await
    }

    pub async fn me(&self) -> Me {
        self.get("/v1/me").await.expect_status(200).json()
    }

    /// Gives or takes back a consent under the text in force.
    pub async fn consent(&self, purpose: &str, channel: Option<&str>, granted: bool) -> ConsentView {
        let texts: LegalTexts = self.get("/v1/legal-texts?language=de").await.expect_status(200).json();
        let text = texts.texts.iter().find(|text| text.purpose == purpose).expect("every purpose has a text");
        let change = json!({
            "purpose": purpose, "channel": channel, "granted": granted, "legal_text": text.id, "version": text.version,
            "language": "de", "shown_sha256": text.sha256,
        });
        self.post("/v1/consents", &change).await.expect_status(201).json()
    }

    pub async fn make_campaign(&self, now: DateTime<Utc>, cap_per_day: u32) -> CampaignId {
        let draft =
            CampaignDraft { name: "Spring".to_owned(), from: now - TimeDelta::hours(1), to: now + TimeDelta::days(500), cap_per_day };
        let made: Campaign = self.post("/v1/campaigns", &draft).await.expect_status(201).json();
        made.campaign
    }

    pub async fn publish(&self, draft: &OfferDraft) -> OfferView {
        let made: OfferView = self.post("/v1/offers", draft).await.expect_status(201).json();
        self.post_empty(&format!("/v1/offers/{}/publish", made.offer)).await.expect_status(200).json()
    }

    /// Reports purchases of one product.
    pub async fn bought(&self, email: &str, product: &Product, times: usize, now: DateTime<Utc>) {
        for n in 0..times {
            let id = EventId::new(n as u64, rand::random());
            let sale = json!({"source_ref": id.to_string(), "email": email, "at": now - TimeDelta::days(1), "lines": [{"product": product, "quantity": 1}]});
            self.as_till("/v1/integrations/sales", &sale).await.expect_status(202);
        }
    }

    /// Opens a stream and reads events from it.
    pub async fn stream(&self, path: &str, last: Option<&str>) -> EventReader {
        let mut request = self.request(Method::GET, path);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        EventReader { response, buffer: String::new() }
    }
}

/// One event of a stream.
#[derive(Debug, Clone)]
pub struct Event {
    pub id: Option<String>,
    pub kind: String,
    pub data: Value,
}

pub struct EventReader {
    response: Response,
    buffer: String,
}

impl EventReader {
    /// The next event that has data.
    pub async fn next(&mut self) -> Event {
        tokio::time::timeout(PATIENCE, self.read()).await.expect("an event comes")
    }
    /// The next event of a kind.
    pub async fn next_of(&mut self, kind: &str) -> Event {
        loop {
            let event = self.next().await;
            if event.kind == kind {
                return event;
            }
        }
    }
    async fn read(&mut self) -> Event {
        loop {
            if let Some(end) = self.buffer.find("\n\n") {
                let block: String = self.buffer.drain(..end + 2).collect();
                let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name).map(|value| value.trim().to_owned()));
                if let (Some(kind), Some(data)) = (field("event:"), field("data:")) {
                    return Event { id: field("id:"), kind, data: serde_json::from_str(&data).unwrap() };
                }
                continue;
            }
            let chunk = self.response.chunk().await.unwrap().expect("the stream goes on");
            self.buffer.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

/// Waits until a condition holds.
pub async fn eventually<T, F, Fut>(what: &str, mut look: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let ask = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, ask).await.unwrap_or_else(|_| panic!("{what} did not come true"))
}

pub fn product(sku: &str, category: &str, sibling_group: Option<&str>) -> Product {
    Product {
        sku: Sku::parse(sku).unwrap(),
        name: LocalText::new(format!("{sku} de"), format!("{sku} en")),
        category: CategoryId::parse(category).unwrap(),
        sibling_group: sibling_group.map(str::to_owned),
        image: Some(sku.to_owned()),
    }
}

pub fn content(headline: &str) -> Content {
    Content {
        class: ContentClass::P0,
        headline: LocalText::new(headline, headline),
        line: LocalText::new("Heute", "Today"),
        image: None,
        price: None,
        was: None,
        segment: None,
    }
}

/// An offer that may be published, for all stores and surfaces.
pub fn draft(campaign: CampaignId, product: Product, now: DateTime<Utc>) -> OfferDraft {
    let headline = product.name.en.clone();
    OfferDraft {
        campaign,
        product,
        price: Money { minor: 199, currency: Currency::Eur },
        was: None,
        from: now - TimeDelta::hours(1),
        to: now + TimeDelta::days(400),
        target: OfferTarget { stores: Vec::new(), zones: Vec::new(), surfaces: SurfaceKind::ALL.to_vec() },
        variants: Vec::new(),
        fallback: Some(content(&headline)),
        fallback_for: SurfaceKind::ALL.to_vec(),
        rule: String::new(),
        value_percent: 100,
        push: false,
    }
}
