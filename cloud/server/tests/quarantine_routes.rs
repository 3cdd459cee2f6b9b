//! The fleet over HTTP: who may see and decide what, and what a decision leaves behind.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]

mod common;

use aisle_cloud::config::StaffConfig;
use aisle_schemas::{
    document::{DocumentReport, DocumentStatus, Revision},
    event::{Event, EventType, Source},
    http::cloud::{
        DeviceState, Fleet, LossKind, LossView, NodeState, QuarantineFate, QuarantineRecord, QuarantineView, RejectedDocument, Role,
        StoreLive, Stores,
    },
    ids::{DisplayId, EventId, NodeId, ScreenId, StoreId, ZoneId},
    limits::POISON_HOLD,
    log::{ClassBudget, NodeAlarm, NodeReport},
    nfc::NfcReport,
    record::{Body, NODE_SELF},
    screen::ScreenReport,
    sync::{Count, Epoch, Mark, Seq, Session, Stream, Term},
    visit::CheckInRefused,
};
use aisle_store::{
    Db, DownStream, DownWrite, StoreError, audit,
    cursor::{self, Advance},
    down,
    down_log::{self, Acked},
    down_status, loss,
    node::{self, Acceptance},
    quarantine::{self, QuarantinePlace, Quarantined},
    reported::{self, ReportedAt},
};
use chrono::{DateTime, TimeDelta, Utc};
use common::{MARKETER, OTHER_STORE, STORE, TestCloud};
use serde_json::{Value, json};

const OPERATOR: &str = "operator@aisle.example";
const EPOCH: Epoch = Epoch { counter: 3, random: 7 };
const SESSION: Session = Session { counter: 4, random: 1 };

async fn cloud() -> TestCloud {
    TestCloud::start_with(|config| config.staff.push(StaffConfig { email: OPERATOR.to_owned(), roles: vec![Role::Operator] })).await
}

fn event_id(n: u8) -> EventId {
    EventId::new(1_000, [n; 10])
}

/// Writes as the owner of the store's link does.
struct Desk {
    db: Db,
    node: NodeId,
    now: DateTime<Utc>,
}

impl Desk {
    async fn of(cloud: &TestCloud, store: &str) -> Self {
        Self { db: cloud.db().await, node: cloud.node(store), now: cloud.now() }
    }

    async fn connect(&self) {
        let (node, at) = (self.node.clone(), self.now);
        let acceptance = Acceptance {
            epoch: EPOCH,
            session: SESSION,
            mark: Mark::ZERO,
            open_term: Term::new(1),
            clear_reclaim: false,
            software: "0.1.0".to_owned(),
            pending: Stream::UP.map(|stream| (stream, 0)).to_vec(),
            at,
        };
        let done: Result<(), StoreError> =
            self.db.write(move |tx| Box::pin(async move { node::accept(tx, &node, &acceptance).await })).await;
        done.unwrap();
    }

    async fn lose(&self) {
        let (node, at) = (self.node.clone(), self.now);
        let lost: Result<bool, StoreError> =
            self.db.write(move |tx| Box::pin(async move { node::set_presence(tx, &node, SESSION, NodeState::Lost, at).await })).await;
        assert!(lost.unwrap());
    }

    async fn report(&self, key: &str, body: Body, seq: u64) {
        let (node, key, at) = (self.node.clone(), key.to_owned(), self.now);
        let raw = body.to_raw().unwrap();
        let place = ReportedAt { epoch: EPOCH, seq: Seq::new(seq), at };
        let done: Result<(), StoreError> =
            self.db.write(move |tx| Box::pin(async move { reported::put(tx, &node, &key, Some(&raw), place).await })).await;
        done.unwrap();
    }

    /// Sets a record aside that applies if it is driven again.
    async fn set_aside(&self, seq: u64, body: &Body) -> String {
        let (node, at) = (self.node.clone(), self.now);
        let n = u8::try_from(seq).unwrap();
        let mut event =
            Event::bare(event_id(n), Source::Node(node.clone()), EventType::parse(body.type_name()).unwrap(), at - TimeDelta::hours(1));
        event.subject = Some("checkin/door-1".to_owned());
        event.data = Some(body.to_raw().unwrap());
        let place = QuarantinePlace { node, stream: Stream::Audit, epoch: EPOCH, seq: Seq::new(seq) };
        let path = format!("/v1/quarantine/{}", place.subject());
        let raw = event.to_wire();
        let done: Result<(), StoreError> = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    let record = Quarantined {
                        place,
                        event: event.id,
                        type_name: event.ty.as_str(),
                        raw: &raw,
                        error: "an older release did not know it",
                        at,
                        audit: event_id(200 + n),
                    };
                    quarantine::set_aside(tx, &record).await
                })
            })
            .await;
        done.unwrap();
        path
    }

    async fn audited(&self, subject: &str) -> Vec<(String, String, String)> {
        audit::of_subject(&mut self.db.read().await.unwrap(), subject, 10).await.unwrap()
    }
}

fn refused(reason: &str, at: DateTime<Utc>) -> Body {
    Body::CheckInRefused(Box::new(CheckInRefused { touchpoint: None, reason: reason.to_owned(), at }))
}

#[tokio::test]
async fn as_049_an_operator_sees_the_bytes_and_drives_a_record_again_and_others_may_only_look() {
    let cloud = cloud().await;
    let (operator, marketer) = (cloud.person(OPERATOR).await, cloud.person(MARKETER).await);
    let desk = Desk::of(&cloud, STORE).await;
    desk.connect().await;
    let path = desk.set_aside(1, &refused("expired", cloud.now())).await;
    let again = format!("{path}/redrive");

    let fleet: Fleet = marketer.get("/v1/fleet").await.expect_status(200).json();
    assert_eq!((fleet.quarantine_open, fleet.quarantine.len(), fleet.nodes[0].quarantined), (1, 1, 1));
    let record: QuarantineRecord = marketer.get(&path).await.expect_status(200).json();
    let raw: Value = serde_json::from_str(&record.raw).unwrap();
    assert_eq!((&raw["data"]["reason"], record.record.settled), (&json!("expired"), None));
    assert_eq!(marketer.post_empty(&again).await.refused(403).code, "not_allowed");

    let settled: QuarantineView = operator.post_empty(&again).await.expect_status(200).json();
    let by = operator.me().await.customer;
    assert_eq!(settled.settled.as_ref().map(|settled| (settled.fate, settled.by)), Some((QuarantineFate::Applied, by)));
    assert_eq!(operator.post_empty(&again).await.expect_status(200).json::<QuarantineView>(), settled, "twice is once");
    let fleet: Fleet = operator.get("/v1/fleet").await.expect_status(200).json();
    assert_eq!((fleet.quarantine_open, fleet.quarantine.len(), fleet.nodes[0].quarantined), (0, 0, 0));
    let subject = path.trim_start_matches("/v1/quarantine/");
    let driven = desk.audited(subject).await.into_iter().find(|(_, action, _)| action == "record.redriven").unwrap();
    assert_eq!((driven.0, driven.2), (format!("staff/{by}"), "applied".to_owned()));
    // Its effect follows like any other's.
    let count = async || {
        let mut connection = desk.db.read().await.unwrap();
        aisle_store::counter::value(&mut connection, "checkin_refused", &format!("{STORE}/expired")).await.unwrap()
    };
    assert_eq!(count().await, 1);
}

#[tokio::test]
async fn as_049_what_fails_again_stays_with_its_error_until_it_is_discarded_with_a_reason() {
    let cloud = cloud().await;
    let operator = cloud.person(OPERATOR).await;
    let desk = Desk::of(&cloud, STORE).await;
    desk.connect().await;
    // Of another stream than it came in: no release of ours will ever apply it.
    let zone = aisle_schemas::store::ZoneReport { zone: ZoneId::parse("pets").unwrap(), visits: 1, people: 2, at: cloud.now() };
    let path = desk.set_aside(2, &Body::ZoneReported(Box::new(zone))).await;
    let problem = operator.post_empty(&format!("{path}/redrive")).await.refused(409);
    assert_eq!(problem.code, "still_fails");
    let record: QuarantineRecord = operator.get(&path).await.expect_status(200).json();
    assert_eq!((Some(record.record.error), record.record.tries, record.record.settled), (problem.detail, 1, None));

    let discard = format!("{path}/discard");
    for reason in ["", "two\nlines", &"x".repeat(201)] {
        assert_eq!(operator.post(&discard, &json!({ "reason": reason })).await.refused(422).field.as_deref(), Some("/reason"));
    }
    let settled: QuarantineView = operator.post(&discard, &json!({"reason": "test data"})).await.expect_status(200).json();
    let fate = settled.settled.clone().unwrap();
    assert_eq!((fate.fate, fate.reason.as_str()), (QuarantineFate::Discarded, "test data"));
    // Neither decision can be taken again.
    assert_eq!(operator.post(&discard, &json!({"reason": "else"})).await.expect_status(200).json::<QuarantineView>(), settled);
    assert_eq!(operator.post_empty(&format!("{path}/redrive")).await.expect_status(200).json::<QuarantineView>(), settled);
    for wrong in [path.replace("/audit/", "/letters/"), path.replace("/3-", "/x-"), format!("{path}0x")] {
        operator.get(&wrong).await.refused(422);
    }
    assert_eq!(operator.get(&format!("{path}9")).await.refused(404).code, "not_found");
}

#[tokio::test]
async fn as_050_an_operator_ends_a_hold_and_the_audit_says_why() {
    let cloud = cloud().await;
    let (operator, marketer) = (cloud.person(OPERATOR).await, cloud.person(MARKETER).await);
    let desk = Desk::of(&cloud, STORE).await;
    desk.connect().await;
    let (node, at) = (desk.node.clone(), desk.now);
    let advance = Advance {
        stream: Stream::Sess,
        epoch: EPOCH,
        from: Seq::ZERO,
        to: Seq::new(50),
        mark: Mark::ZERO,
        poison_run: POISON_HOLD,
        pending: 12,
        applied: 0,
        quarantined: 50,
        at,
    };
    let moved: Result<bool, StoreError> =
        desk.db.write(move |tx| Box::pin(async move { cursor::advance(tx, &node, &advance).await })).await;
    assert!(moved.unwrap());
    let held = async || operator.get("/v1/fleet").await.expect_status(200).json::<Fleet>().health[0].held.clone();
    assert_eq!(held().await.iter().map(|held| (held.stream, held.poison_run)).collect::<Vec<_>>(), [(Stream::Sess, POISON_HOLD)]);

    let node = &desk.node;
    let unhold = |stream: &str| format!("/v1/fleet/{node}/streams/{stream}/unhold");
    let why = json!({"reason": "release 0.1.1 is out"});
    assert_eq!(marketer.post(&unhold("sess"), &why).await.refused(403).code, "not_allowed");
    for never in ["tele", "order", "letters"] {
        operator.post(&unhold(never), &why).await.refused(422);
    }
    operator.post(&unhold("sess"), &why).await.expect_status(204);
    operator.post(&unhold("sess"), &why).await.expect_status(204);
    assert_eq!(held().await, []);
    let entries = desk.audited(&format!("{node}/sess")).await;
    let by = operator.me().await.customer;
    assert_eq!(entries, [(format!("staff/{by}"), "stream.unheld".to_owned(), "release 0.1.1 is out".to_owned())], "once");
    let nobody = unhold("sess").replace(STORE, "muenchen-ost");
    assert_eq!(operator.post(&nobody, &why).await.refused(404).code, "not_found");
}

#[tokio::test]
async fn as_058_the_fleet_view_shows_health_and_losses_of_each_node() {
    let cloud = cloud().await;
    let operator = cloud.person(OPERATOR).await;
    let desk = Desk::of(&cloud, STORE).await;
    desk.connect().await;
    let class = |used| ClassBudget { used_bytes: Count::new(used), budget_bytes: Count::new(2 << 30), pending: Count::new(3) };
    let report = NodeReport {
        software: "0.1.0".to_owned(),
        alarms: vec![NodeAlarm::StorageNearlyFull],
        class_a: class(1 << 30),
        class_c: class(5),
        offline_days: Some(14),
        at: desk.now,
    };
    desk.report(NODE_SELF, Body::NodeReported(Box::new(report.clone())), 1).await;
    let lost = LossView {
        stream: Stream::Tele,
        kind: LossKind::Budget,
        records: 2_000,
        bytes: 9,
        epoch: EPOCH,
        from: Seq::new(1),
        to: Seq::new(2_000),
        at: aisle_store::micros(desk.now),
    };
    let (node, loss) = (desk.node.clone(), lost.clone());
    let done: Result<(), StoreError> = desk.db.write(move |tx| Box::pin(async move { loss::add(tx, &node, &loss).await })).await;
    done.unwrap();
    let fleet: Fleet = operator.get("/v1/fleet").await.expect_status(200).json();
    assert_eq!(fleet.nodes.iter().map(|link| &link.node).collect::<Vec<_>>(), fleet.health.iter().map(|h| &h.node).collect::<Vec<_>>());
    let [here, there] = fleet.health.as_slice() else { panic!("{fleet:?}") };
    assert_eq!((here.store.as_str(), here.active, &here.report, &here.losses), (STORE, true, &Some(report), &vec![lost]));
    assert_eq!((there.store.as_str(), &there.report, there.losses.len()), (OTHER_STORE, &None, 0));
}

#[tokio::test]
async fn as_076_what_a_node_has_not_settled_is_shown_with_the_age_of_the_oldest() {
    let cloud = cloud().await;
    let operator = cloud.person(OPERATOR).await;
    let desk = Desk::of(&cloud, STORE).await;
    let write = |n: u8, stream, subject: &str, at| DownWrite {
        node: desk.node.clone(),
        stream,
        id: event_id(n),
        type_name: "aisle.desired.set.v1".to_owned(),
        subject: subject.to_owned(),
        data: Some(serde_json::value::to_raw_value(&n).unwrap()),
        at,
        traceparent: None,
    };
    let health = async || operator.get("/v1/fleet").await.expect_status(200).json::<Fleet>().health[0].clone();
    let state = async || down_log::state(&mut desk.db.read().await.unwrap(), &desk.node).await.unwrap();
    let acked = async |order: u64, desired: u64| {
        let said = Acked { epoch: state().await.epoch, order: Seq::new(order), desired: Seq::new(desired) };
        let said = vec![(desk.node.clone(), said)];
        let done: Result<(), StoreError> = desk.db.write(move |tx| Box::pin(async move { down_log::note_acked(tx, &said).await })).await;
        done.unwrap();
    };
    let says = async |key: &str, seq: u64, status, code: Option<&str>| {
        let rev = Revision::of(state().await.epoch, Seq::new(seq));
        let said = vec![(key.to_owned(), DocumentReport { rev, status, code: code.map(str::to_owned) })];
        let node = desk.node.clone();
        let done: Result<(), StoreError> =
            desk.db.write(move |tx| Box::pin(async move { down_status::settle(tx, &node, &said).await })).await;
        done.unwrap();
    };
    let start = state().await.desired.next.get();
    let rows = down_log::read(&mut desk.db.read().await.unwrap(), &desk.node, DownStream::Desired, Seq::ZERO, 100).await.unwrap().rows;
    assert_eq!(health().await.documents_behind, u32::try_from(rows.len()).unwrap(), "the store has said nothing yet");
    for row in rows {
        let key = Event::parse(&row.event).unwrap().subject.unwrap();
        says(&key, row.seq.get(), DocumentStatus::Applied, None).await;
    }
    assert_eq!((health().await.documents_behind, health().await.behind_since), (0, None), "all of the start is applied");
    let (first, second) = (desk.now - TimeDelta::hours(2), desk.now - TimeDelta::hours(1));
    down::put(&desk.db, vec![write(1, DownStream::Desired, "offer/a", first)]).await.unwrap();
    down::put(&desk.db, vec![write(2, DownStream::Desired, "offer/b", second), write(3, DownStream::Order, "visit/1", second)])
        .await
        .unwrap();
    let behind = health().await;
    assert_eq!((behind.documents_behind, behind.orders_waiting), (2, 1));
    assert_eq!(behind.behind_since.unwrap().timestamp_millis(), first.timestamp_millis(), "the oldest that is not settled");
    acked(0, start + 1).await;
    assert_eq!(health().await.documents_behind, 2, "the cursor alone says nothing of what became of them");
    says("offer/a", start - 1, DocumentStatus::Applied, None).await;
    says("offer/b", start + 1, DocumentStatus::Overridden, None).await;
    assert_eq!(health().await.documents_behind, 2, "another revision is none, and under an override nothing has converged");
    says("offer/a", start, DocumentStatus::Rejected, Some("unreadable")).await;
    let behind = health().await;
    assert_eq!(behind.behind_since.unwrap().timestamp_millis(), second.timestamp_millis());
    let rejected = RejectedDocument { key: "offer/a".to_owned(), code: "unreadable".to_owned() };
    assert_eq!((behind.documents_behind, behind.rejected), (1, vec![rejected]), "rejected is settled, and shown");
    says("offer/b", start + 1, DocumentStatus::Applied, None).await;
    acked(1, start + 1).await;
    let behind = health().await;
    assert_eq!((behind.documents_behind, behind.behind_since, behind.orders_waiting), (0, None, 0));
    down::put(&desk.db, vec![write(4, DownStream::Desired, "context/x", second)]).await.unwrap();
    assert_eq!(health().await.documents_behind, 1);
    acked(1, start + 2).await;
    assert_eq!(health().await.documents_behind, 0, "of a context the cursor says it");
}

#[tokio::test]
async fn as_084_devices_of_a_lost_node_are_unknown_and_not_offline() {
    let cloud = cloud().await;
    let operator = cloud.person(OPERATOR).await;
    let desk = Desk::of(&cloud, STORE).await;
    desk.connect().await;
    let zone = ZoneId::parse("pets").unwrap();
    for (seq, name, online) in [(1, "window-1", true), (2, "window-2", false)] {
        let screen = ScreenId::parse(name).unwrap();
        let report = ScreenReport {
            screen,
            zone: zone.clone(),
            online,
            showing: None,
            since: None,
            plan_rev: 1,
            denied: Vec::new(),
            price_unseen_since: None,
        };
        desk.report(&format!("screen/{name}"), Body::ScreenReported(Box::new(report)), seq).await;
    }
    let display = DisplayId::parse("shelf-pets").unwrap();
    let report = NfcReport { display, zone, online: true, offer: None, taps: 4 };
    desk.report("nfc/shelf-pets", Body::NfcReported(Box::new(report)), 3).await;
    let states = async || {
        let live: StoreLive = operator.get(&format!("/v1/stores/{STORE}/live")).await.expect_status(200).json();
        live.devices.into_iter().map(|device| (device.id.to_string(), device.state)).collect::<Vec<_>>()
    };
    let expect =
        |states: [DeviceState; 3]| ["shelf-pets", "window-1", "window-2"].into_iter().map(str::to_owned).zip(states).collect::<Vec<_>>();
    assert_eq!(states().await, expect([DeviceState::Online, DeviceState::Online, DeviceState::Offline]));
    desk.lose().await;
    assert_eq!(states().await, expect([DeviceState::Unknown; 3]), "what it said before it was lost is not what is so now");
    let stores: Stores = operator.get("/v1/stores").await.expect_status(200).json();
    let here = stores.stores.iter().find(|store| store.store == StoreId::parse(STORE).unwrap()).unwrap();
    assert_eq!(here.link.state, NodeState::Lost);
    desk.connect().await;
    assert_eq!(states().await, expect([DeviceState::Online, DeviceState::Online, DeviceState::Offline]), "and nobody was asked again");
}

#[tokio::test]
async fn as_067_an_operator_reclaims_a_box_and_the_audit_says_why() {
    let cloud = cloud().await;
    let (operator, marketer) = (cloud.person(OPERATOR).await, cloud.person(MARKETER).await);
    let desk = Desk::of(&cloud, STORE).await;
    desk.connect().await;
    let (path, why) = (format!("/v1/fleet/{}/reclaim", desk.node), json!({"reason": "restored from its backup"}));
    assert_eq!(marketer.post(&path, &why).await.refused(403).code, "not_allowed");
    operator.post(&path, &json!({})).await.refused(422);
    operator.post(&path, &why).await.expect_status(204);
    let fleet: Fleet = operator.get("/v1/fleet").await.expect_status(200).json();
    assert!(fleet.health[0].reclaim && fleet.health[0].active && !fleet.health[1].reclaim);
    let by = operator.me().await.customer;
    let entry = (format!("staff/{by}"), "node.reclaimed".to_owned(), "restored from its backup".to_owned());
    assert_eq!(desk.audited(&desk.node.to_string()).await, [entry]);
    assert_eq!(operator.post("/v1/fleet/aisle.berlin-mitte.n9/reclaim", &why).await.refused(404).code, "not_found");
    assert_eq!(operator.post("/v1/fleet/n1/reclaim", &why).await.refused(422).field.as_deref(), Some("node"));
}
