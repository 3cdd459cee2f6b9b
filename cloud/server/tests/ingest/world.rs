//! An owner with its database, and records as a store would send them.

use std::{collections::HashMap, sync::Arc};

use aisle_cloud::ingest::{Feed, FeedSource, Ingest};
use aisle_mesh::{
    clock::{Clock, ManualClock},
    sync::{
        hello::{HelloOutcome, HelloRequest},
        log::{Applied, ApplyError, ApplyMode, OwnerStore, ReceiveLog, ReceivedBatch, ReceivedRecord, SendLog},
        ownership::PartitionStore,
    },
};
use aisle_schemas::{
    event::{Event, EventType, Source},
    ids::{CustomerId, EventId, InstanceId, NodeId, Partition},
    limits::LEASE_RENEW,
    sync::{Count, DownState, Epoch, Hello, Mark, Nonce, PerStream, Seq, Session, Stream, Term, UpState},
    text::Language,
};
use aisle_store::{
    Db, DownStream, DownWrite, counter,
    customer_commit::{self, CustomerCommit},
    down_log,
    node::{self, Enrolment},
    sign_in::{self, NewCustomer},
    visit::{self, Admission, AdmitError},
};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::value::to_raw_value;
use tokio::task::JoinHandle;

pub mod id {
    use aisle_schemas::ids::*;
    macro_rules! ids {
        ($($name:ident: $ty:ty),*) => { $(pub fn $name(n: u8) -> $ty { <$ty>::new(1_000 + u64::from(n), [n; 10]) })* };
    }
    ids!(event: EventId, customer: CustomerId, visit: VisitId, pass: PassId, boot: BootId, tap: TapId);
}

pub fn node(text: &str) -> NodeId {
    NodeId::parse(text).expect("a node id")
}

pub fn session(n: u64) -> Session {
    Session { counter: n, random: 7 }
}

pub fn epoch(n: u64) -> Epoch {
    Epoch { counter: n, random: n }
}

/// Bodies of records.
pub mod body {
    use std::collections::BTreeMap;

    use aisle_schemas::{
        ids::{DisplayId, EventSlug, LayoutZoneId, ScreenId, TouchpointId, VisitToken, ZoneId},
        nfc::TapRecorded,
        record::Body,
        screen::{CutBy, DisplayPower, Engagement, EngagementKind, Play, PlayDetail, PlayOutcome, PlayRule},
        store::ZoneReport,
        visit::{CheckInMethod, CheckInRefused, CloseReason, Hlc, VisitClosed, VisitOpened, VisitSeen, VisitSignal},
    };
    use chrono::{DateTime, Utc};

    use super::id;

    pub fn opened(visit: u8, pass: u8, at: DateTime<Utc>) -> Body {
        Body::VisitOpened(Box::new(VisitOpened {
            visit: id::visit(visit),
            token: VisitToken::from_random([visit; 16]),
            pass: id::pass(pass),
            method: CheckInMethod::AppQr,
            touchpoint: TouchpointId::parse("door-1").expect("a slug"),
            at,
            hlc: Hlc::default(),
        }))
    }

    pub fn seen(visit: u8, zone: &str, at: DateTime<Utc>) -> Body {
        let signal = VisitSignal::ZoneEntered { zone: ZoneId::parse(zone).expect("a slug") };
        Body::VisitSeen(Box::new(VisitSeen { visit: id::visit(visit), signal, at, hlc: Hlc::default() }))
    }

    pub fn closed(visit: u8, ended_at: DateTime<Utc>) -> Body {
        Body::VisitClosed(Box::new(VisitClosed { visit: id::visit(visit), reason: CloseReason::Left, ended_at, hlc: Hlc::default() }))
    }

    pub fn refused(reason: &str, at: DateTime<Utc>) -> Body {
        Body::CheckInRefused(Box::new(CheckInRefused { touchpoint: None, reason: reason.to_owned(), at }))
    }

    pub fn zone(zone: &str, at: DateTime<Utc>) -> Body {
        Body::ZoneReported(Box::new(ZoneReport { zone: ZoneId::parse(zone).expect("a slug"), visits: 1, people: 2, at }))
    }

    pub fn play(seq: u64, at: DateTime<Utc>) -> Body {
        Body::PlayLogged(Box::new(Play {
            screen: ScreenId::parse("window-1").expect("a slug"),
            boot: id::boot(1),
            seq,
            zone: LayoutZoneId::parse("main").expect("a slug"),
            event: EventSlug::parse("e1").expect("a slug"),
            offer: None,
            offer_rev: None,
            rule: PlayRule::Loop,
            started_at: at,
            duration_ms: 8_000,
            clock_synced: true,
            outcome: PlayOutcome::Complete,
            display_power: DisplayPower::On,
            detail: PlayDetail {
                schedule: Some(EventSlug::parse("week").expect("a slug")),
                creative_sha256: Some("ab".repeat(32)),
                mono_ms: Some(61_250),
                cut_by: Some(CutBy::Window),
                engagements: vec![Engagement { kind: EngagementKind::Touch, n: 2 }],
                names: BTreeMap::from([("offer".to_owned(), "Katzenfutter".to_owned())]),
            },
        }))
    }

    pub fn tap(n: u8, at: DateTime<Utc>) -> Body {
        Body::TapRecorded(Box::new(TapRecorded {
            tap: id::tap(n),
            display: DisplayId::parse("shelf-pets").expect("a slug"),
            zone: ZoneId::parse("pets").expect("a slug"),
            offer: None,
            at,
        }))
    }

    /// What a record of this body is about.
    pub fn subject(body: &Body) -> String {
        match body {
            Body::VisitOpened(opened) => format!("visit/{}", opened.visit),
            Body::VisitSeen(seen) => format!("visit/{}", seen.visit),
            Body::VisitClosed(closed) => format!("visit/{}", closed.visit),
            Body::CheckInRefused(_) => "checkin/door".to_owned(),
            Body::OrderDone(done) => format!("order/{}", done.order),
            Body::PlayLogged(play) => format!("screen/{}", play.screen),
            Body::TapRecorded(tap) => format!("nfc/{}", tap.display),
            Body::ZoneReported(report) => format!("zone/{}", report.zone),
            Body::LogLost(lost) => format!("log/{}", lost.stream),
            other => panic!("no store sends {other:?} here"),
        }
    }
}

fn received(seq: u64, event: Event) -> ReceivedRecord {
    let raw = Bytes::from(event.to_stored().expect("fits"));
    ReceivedRecord { seq: Seq::new(seq), event, raw }
}

fn event_of(seq: u64, node: &NodeId, type_name: &str, time: DateTime<Utc>) -> Event {
    let unix_ms = u64::try_from(time.timestamp_millis()).expect("after 1970");
    let mut random = [0; 10];
    random[..8].copy_from_slice(&seq.to_be_bytes());
    random[8] = node.store.as_str().as_bytes()[1];
    Event::bare(EventId::new(unix_ms, random), Source::Node(node.clone()), EventType::parse(type_name).expect("a type"), time)
}

/// A record with this body.
pub fn record(seq: u64, body: aisle_schemas::record::Body, node: &NodeId, time: DateTime<Utc>) -> ReceivedRecord {
    let mut event = event_of(seq, node, body.type_name(), time);
    event.subject = Some(self::body::subject(&body));
    event.data = Some(body.to_raw().expect("serialises"));
    received(seq, event)
}

/// A record of a type that nobody knows.
pub fn unreadable(seq: u64, node: &NodeId, time: DateTime<Utc>) -> ReceivedRecord {
    let mut event = event_of(seq, node, "aisle.riddle.posed.v1", time);
    event.data = Some(to_raw_value(&"?").expect("serialises"));
    received(seq, event)
}

/// A record whose body says a word that nobody knows and no PostgreSQL text can hold.
pub fn unspeakable(seq: u64, node: &NodeId, time: DateTime<Utc>) -> ReceivedRecord {
    let mut event = event_of(seq, node, "aisle.order.done.v1", time);
    event.subject = Some("order/1".to_owned());
    let long = "x".repeat(8_000);
    event.data =
        Some(to_raw_value(&serde_json::json!({ "order": EventId::new(1, [7; 10]), "outcome": format!("\0{long}") })).expect("serialises"));
    received(seq, event)
}

fn write(node_text: &str, n: u8, stream: DownStream, type_name: &str, subject: &str, value: Option<u32>) -> DownWrite {
    DownWrite {
        node: node(node_text),
        stream,
        id: id::event(n),
        type_name: type_name.to_owned(),
        subject: subject.to_owned(),
        data: value.map(|value| to_raw_value(&value).expect("serialises")),
        at: DateTime::UNIX_EPOCH,
        traceparent: None,
    }
}

pub fn document(node_text: &str, n: u8, key: &str, value: Option<u32>) -> DownWrite {
    write(node_text, n, DownStream::Desired, "aisle.desired.set.v1", key, value)
}

pub fn order(node_text: &str, n: u8) -> DownWrite {
    write(node_text, n, DownStream::Order, "aisle.visit.close.v1", "visit/1", Some(1))
}

pub fn instance() -> InstanceId {
    InstanceId::parse("eu1-a").expect("a literal")
}

/// Takes every partition, also from an earlier life under this name.
pub async fn take_all(ingest: &Ingest) -> HashMap<Partition, Term> {
    let mut taken = HashMap::new();
    loop {
        let missing: Vec<Partition> = (0..=u8::MAX).map(Partition).filter(|part| !taken.contains_key(part)).collect();
        if missing.is_empty() {
            return taken;
        }
        // One that is being renewed at this moment is left out, and is there the next time.
        taken.extend(ingest.acquire(&missing, true).await.expect("taken"));
    }
}

/// An owner that holds every partition.
pub struct Owner {
    pub db: Db,
    pub clock: Arc<ManualClock>,
    pub ingest: Ingest,
    pub source: FeedSource,
    pub terms: HashMap<Partition, Term>,
    renewing: JoinHandle<()>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

async fn keep(ingest: Ingest, held: HashMap<Partition, Term>) {
    let held: Vec<_> = held.into_iter().collect();
    let mut due = tokio::time::interval(LEASE_RENEW);
    loop {
        due.tick().await;
        // A test that closes its database, or whose owner has a successor, needs no renewal.
        if !ingest.renew(&held).await.is_ok_and(|renewed| !renewed.is_empty()) {
            return;
        }
    }
}

impl Owner {
    /// Enrols the nodes, takes every partition and keeps them, as the driver does.
    pub async fn new(db: Db, nodes: &[&str]) -> Self {
        node::enrol(&db, nodes.iter().map(|text| Enrolment { node: node(text), random: 0xfeed }).collect()).await.expect("enrolled");
        let clock = ManualClock::new();
        let (feed, source) = Feed::new();
        let ingest = Ingest::new(db.clone(), Arc::clone(&clock) as Arc<dyn Clock>, feed, instance());
        let terms = take_all(&ingest).await;
        let renewing = tokio::spawn(keep(ingest.clone(), terms.clone()));
        Self { db, clock, ingest, source, terms, renewing }
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub async fn customer(&self, n: u8) -> CustomerId {
        let new = NewCustomer { customer: id::customer(n), sealed: vec![n], language: Language::De };
        sign_in::create(&self.db, [n; 32], new, self.now()).await.expect("a customer")
    }

    /// Gives the customer a pass.
    pub async fn pass(&self, n: u8, customer: CustomerId) {
        let version = aisle_store::customer::load(&self.db, customer, self.now()).await.expect("loads").expect("stands").profile.version;
        let mut commit = CustomerCommit::new(customer, version, self.now());
        commit.passes = vec![(id::pass(n), self.now() + TimeDelta::days(1))];
        customer_commit::commit(&self.db, commit).await.expect("commits");
    }

    pub async fn admit(&self, node: &NodeId, customer: CustomerId) -> EventId {
        self.try_admit(node, customer).await.expect("admitted");
        id::event(200)
    }

    pub async fn try_admit(&self, node: &NodeId, customer: CustomerId) -> Result<(), AdmitError> {
        let later = self.now() + TimeDelta::minutes(2);
        let admission = Admission {
            customer,
            store: node.store.clone(),
            nonce: u64::MAX,
            code_expires: later,
            pass: id::pass(200),
            pass_expires: later,
            order: order(&node.to_string(), 200),
            answer: None,
        };
        visit::admit(&self.db, admission).await.map(drop)
    }

    pub async fn hello(&self, node: &NodeId, n: u64) -> HelloOutcome {
        self.say(node, 1, n, None).await
    }

    pub async fn hello_knowing(&self, node: &NodeId, n: u64, down: Option<Epoch>) -> HelloOutcome {
        self.say(node, 1, n, down).await
    }

    pub async fn hello_in_epoch(&self, node: &NodeId, epoch: u64, n: u64) -> HelloOutcome {
        self.say(node, epoch, n, None).await
    }

    async fn say(&self, node: &NodeId, own: u64, n: u64, down: Option<Epoch>) -> HelloOutcome {
        let up = Stream::UP.into_iter().map(|stream| (stream, UpState { kept: Seq::new(1), next: Seq::new(1) })).collect();
        let hello = Hello {
            nonce: Nonce(n),
            mark: Mark::new(1_000),
            lineage: (1..own).map(epoch).collect(),
            pending: Count::ZERO,
            software: "0.1.0".to_owned(),
            schemas: Vec::new(),
            up,
            down: DownState { epoch: down, mark: Mark::ZERO, cursors: PerStream::default() },
        };
        let request = HelloRequest {
            epoch: epoch(own),
            session: session(n),
            hello,
            known_schemas: Arc::default(),
            term: self.terms[&node.partition()],
            now: self.now(),
            random: 0xbeef,
        };
        self.ingest.hello(node, &request).await.expect("decided")
    }

    pub fn batch(&self, own: u64, n: u64, stream: Stream, cursor: u64, records: Vec<ReceivedRecord>) -> ReceivedBatch {
        let to = records.last().map_or(Seq::new(cursor), |record| record.seq);
        ReceivedBatch {
            stream,
            epoch: epoch(own),
            session: session(n),
            cursor: Seq::new(cursor),
            to,
            mark: Mark::new(5),
            base: Seq::ZERO,
            left: Count::ZERO,
            records,
            mode: ApplyMode::Plain,
        }
    }

    /// Applies to the newest session of epoch 1.
    pub async fn apply(&self, node: &NodeId, stream: Stream, cursor: u64, records: Vec<ReceivedRecord>) -> Result<Applied, ApplyError> {
        self.ingest.apply(node, &self.batch(1, 1, stream, cursor, records)).await
    }

    pub async fn apply_with(
        &self,
        mode: ApplyMode,
        node: &NodeId,
        stream: Stream,
        cursor: u64,
        records: Vec<ReceivedRecord>,
    ) -> Result<Applied, ApplyError> {
        self.ingest.apply(node, &ReceivedBatch { mode, ..self.batch(1, 1, stream, cursor, records) }).await
    }

    pub async fn apply_in_epoch(
        &self,
        own: u64,
        n: u64,
        node: &NodeId,
        stream: Stream,
        cursor: u64,
        records: Vec<ReceivedRecord>,
    ) -> Result<Applied, ApplyError> {
        self.ingest.apply(node, &self.batch(own, n, stream, cursor, records)).await
    }

    /// What is stored of the log towards a node.
    pub async fn stored(&self, node: &NodeId) -> down_log::DownState {
        down_log::state(&mut self.db.read().await.expect("reads"), node).await.expect("has a log")
    }

    pub async fn down_epoch(&self, node: &NodeId) -> Epoch {
        self.stored(node).await.epoch
    }

    /// What the sender is told that a node has applied.
    pub async fn acked(&self, node: &NodeId, stream: Stream) -> u64 {
        let state = self.ingest.state(node).await.expect("has a log");
        state.streams.get(stream).expect("a down stream").acked.get()
    }

    /// Forgets what was told so far.
    pub async fn drain(&mut self) {
        self.source.next().await;
    }

    pub async fn counter(&self, name: &str, key: &str) -> u64 {
        counter::value(&mut self.db.read().await.expect("reads"), name, key).await.expect("reads")
    }
}
