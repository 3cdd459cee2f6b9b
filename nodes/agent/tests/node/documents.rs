//! Desired documents: each is reported with what became of it, and staff may show something else for a while.
use std::collections::BTreeMap;

use aisle_mesh::clock::Clock;
use aisle_mesh::sync::log::{ApplyMode, SendLog};
use aisle_node::journal::waiting::{ContentOutcome, ContentSettled};
use aisle_node::journal::{Entry, StateChange};
use aisle_node::operator::read_key;
use aisle_node_core::document::Equipment;
use aisle_node_core::ids::ScreenId;
use aisle_schemas::blob::{Blob, ContentHash, MediaType};
use aisle_schemas::document::{ClearOverride, DocumentReport, DocumentStatus, Override, Revision};
use aisle_schemas::event::Event;
use aisle_schemas::http::Problem;
use aisle_schemas::ids::{OfferId, VisitId, VisitToken};
use aisle_schemas::limits::BATCH_RECORDS_MAX;
use aisle_schemas::record::Body;
use aisle_schemas::screen::ScreenPlan;
use aisle_schemas::sync::{Seq, Stream};
use aisle_schemas::topic::DeviceKind;
use aisle_schemas::visit::{OrderDone, OrderOutcome};
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::journal::{World as Disk, node, open, reopen};
use super::world::{Sse, World, offer, programme};

const SET: &str = "aisle.desired.set.v1";

fn screen(id: &str) -> Value {
    serde_json::to_value(programme(id)).unwrap()
}

fn lease() -> Value {
    json!({ "visit": VisitId::new(1, [1; 10]), "language": "de", "consents": [], "consent_epoch": 1, "segments": [], "offers": [],
        "interrupts_left": 3, "lease_s": 900 })
}

fn context(n: u8) -> String {
    format!("context/{}", VisitToken::from_random([n; 16]))
}

/// Whatever is on the stream of reported documents, by key; none where it was deleted.
async fn reported(disk: &Disk) -> BTreeMap<String, Option<Event>> {
    let rows = disk.log.read(&node(), Stream::Reported, Seq::ZERO, 10_000, usize::MAX).await.unwrap().rows;
    let events = rows.iter().map(|row| Event::parse(&row.event).unwrap());
    events.map(|event| (event.subject.clone().unwrap(), (!event.deletes()).then_some(event))).collect()
}

/// What is reported of a desired document: revision, status, code.
async fn status(disk: &Disk, key: &str) -> Option<(String, DocumentStatus, Option<String>)> {
    let event = reported(disk).await.remove(&format!("desired/{key}"))??;
    let DocumentReport { rev, status, code } = event.data().unwrap();
    Some((rev.to_string(), status, code))
}

fn applied(rev: &str) -> Option<(String, DocumentStatus, Option<String>)> {
    Some((rev.to_owned(), DocumentStatus::Applied, None))
}

fn rejected(rev: &str, code: &str) -> Option<(String, DocumentStatus, Option<String>)> {
    Some((rev.to_owned(), DocumentStatus::Rejected, Some(code.to_owned())))
}

async fn store_with_window_1(disk: &Disk) {
    disk.join().await;
    let screens = [ScreenId::parse("window-1").unwrap()].into();
    disk.journal.equip(Equipment { screens, ..Equipment::default() }).await.unwrap();
}

#[tokio::test]
async fn as_076_each_desired_document_is_reported_with_what_became_of_its_revision() {
    let folder = tempfile::tempdir().unwrap();
    let disk = open(folder.path()).await;
    store_with_window_1(&disk).await;
    let good = disk.event(1, SET, "screen/window-1", screen("window-1"));
    let elsewhere = disk.event(2, SET, "screen/window-9", screen("window-9"));
    let other_key = disk.event(3, SET, "screen/window-2", screen("window-1"));
    let unreadable = disk.event(4, SET, "offer/x", json!({ "offer": 1 }));
    let context_there = disk.event(5, SET, &context(1), lease());
    let context_wrong = disk.event(6, SET, &context(2), json!({ "visit": "nobody" }));
    let batch = vec![good, elsewhere, other_key, unreadable, context_there, context_wrong];
    assert_eq!(disk.apply(Stream::Desired, 0, batch, ApplyMode::Savepoints).await.unwrap(), (6, 2));
    let disk = reopen(disk, folder.path()).await;
    assert_eq!(status(&disk, "screen/window-1").await, applied("4.1"), "as sure as the cursor");
    assert_eq!(status(&disk, "screen/window-9").await, rejected("4.2", "not_here"));
    assert_eq!(status(&disk, "screen/window-2").await, rejected("4.3", "wrong_key"));
    assert_eq!(status(&disk, "offer/x").await, rejected("4.4", "unreadable"));
    assert_eq!(status(&disk, &context(1)).await, None, "the cursor says that it was applied");
    assert_eq!(status(&disk, &context(2)).await, rejected("4.6", "unreadable"));
}

#[tokio::test]
async fn as_076_a_rejected_revision_leaves_the_former_in_force_and_a_deleted_document_is_reported_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let disk = open(folder.path()).await;
    store_with_window_1(&disk).await;
    let key = "screen/window-1";
    disk.apply(Stream::Desired, 0, vec![disk.event(1, SET, key, screen("window-1"))], ApplyMode::Plain).await.unwrap();
    let in_force = disk.journal.desired(key).await.unwrap();
    let mut no_layout = programme("window-1");
    no_layout.layout.zones.clear();
    let unplayable = disk.event(2, SET, key, serde_json::to_value(no_layout).unwrap());
    disk.apply(Stream::Desired, 1, vec![unplayable], ApplyMode::Plain).await.unwrap();
    assert_eq!(status(&disk, key).await, rejected("4.2", "programme"));
    let disk = reopen(disk, folder.path()).await;
    store_with_window_1(&disk).await;
    assert_eq!(status(&disk, key).await, rejected("4.2", "programme"));
    assert_eq!(disk.journal.desired(key).await.unwrap(), in_force);

    let gone = disk.event(3, SET, key, Value::Null);
    disk.apply(Stream::Desired, 2, vec![gone], ApplyMode::Plain).await.unwrap();
    assert_eq!(disk.journal.desired(key).await.unwrap(), None);
    assert!(reported(&disk).await.get("desired/screen/window-1").is_some_and(Option::is_none), "the cloud is told");
    let heads = disk.journal.heads();
    let (epoch, head) = (heads.epoch, heads.stream(Stream::Reported).head());
    disk.log.commit_acked(&node(), epoch, Stream::Reported, head).await.unwrap();
    disk.journal.upkeep(disk.clock.now()).await.unwrap();
    disk.clock.advance(TimeDelta::hours(73));
    disk.journal.upkeep(disk.clock.now()).await.unwrap();
    assert!(reported(&disk).await.is_empty(), "AS-009: what tells of it goes after three days");
    let kept = |disk: &Disk| (disk.journal.heads().stream(Stream::Reported).kept, disk.journal.heads().usage(Stream::Reported).records);
    assert_eq!(kept(&disk), (head.next(), 0));
    assert_eq!(kept(&reopen(disk, folder.path()).await), (head.next(), 0));
}

#[tokio::test]
async fn as_075_a_revision_with_the_same_body_only_changes_what_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let disk = open(folder.path()).await;
    store_with_window_1(&disk).await;
    let key = "screen/window-1";
    let set = |n| disk.event(n, SET, key, screen("window-1"));
    disk.apply(Stream::Desired, 0, vec![set(1), disk.event(2, SET, &context(1), lease())], ApplyMode::Plain).await.unwrap();
    let seen = disk.journal.changed_documents(0).await.unwrap().last().unwrap().change;
    disk.apply(Stream::Desired, 2, vec![set(3), disk.event(4, SET, &context(1), lease())], ApplyMode::Plain).await.unwrap();
    assert_eq!(status(&disk, key).await, applied("4.3"));
    let changed = disk.journal.changed_documents(seen).await.unwrap();
    assert_eq!(
        changed.iter().map(|document| document.key.clone()).collect::<Vec<_>>(),
        [context(1)],
        "a context lives anew from each receipt"
    );
}

#[tokio::test]
async fn as_076_a_fill_is_reported_in_the_commits_of_its_batches_and_a_check_in_adds_no_record() {
    const FILL: u64 = 1_000;
    let folder = tempfile::tempdir().unwrap();
    let disk = open(folder.path()).await;
    store_with_window_1(&disk).await;
    disk.journal.set_link_open(true);
    let body = offer(1, disk.clock.now());
    let batch = u64::try_from(BATCH_RECORDS_MAX).unwrap();
    let mut cursor = 0;
    while cursor < FILL {
        let to = (cursor + batch).min(FILL);
        let event = |seq: u64| {
            let mut offer = body.clone();
            offer.offer = OfferId::new(seq, [1; 10]);
            disk.event(1, SET, &format!("offer/{}", offer.offer), serde_json::to_value(offer).unwrap())
        };
        let events = (cursor + 1..=to).map(event).collect();
        disk.apply(Stream::Desired, cursor, events, ApplyMode::Plain).await.unwrap();
        let heads = disk.journal.heads();
        assert_eq!(heads.stream(Stream::Reported).head(), Seq::new(to), "as far as the cursor");
        assert_eq!(heads.stream(Stream::Reported).high, Seq::new(to), "AS-011: may leave at once");
        cursor = to;
    }
    assert_eq!(disk.journal.heads().usage(Stream::Reported).records, FILL);
    let visits: Vec<Event> = (1..=50).map(|n| disk.event(n, SET, &context(n), lease())).collect();
    disk.apply(Stream::Desired, FILL, visits, ApplyMode::Plain).await.unwrap();
    let gone: Vec<Event> = (1..=50).map(|n| disk.event(n, SET, &context(n), Value::Null)).collect();
    disk.apply(Stream::Desired, FILL + 50, gone, ApplyMode::Plain).await.unwrap();
    assert_eq!(disk.journal.heads().stream(Stream::Reported).head(), Seq::new(FILL), "contexts come and go unreported");
}

#[tokio::test]
async fn as_076_a_document_for_a_device_that_comes_later_is_in_force_then() {
    let folder = tempfile::tempdir().unwrap();
    let disk = open(folder.path()).await;
    disk.join().await;
    disk.journal.equip(Equipment::default()).await.unwrap();
    let key = "screen/window-1";
    disk.apply(Stream::Desired, 0, vec![disk.event(1, SET, key, screen("window-1"))], ApplyMode::Plain).await.unwrap();
    assert_eq!(status(&disk, key).await, rejected("4.1", "not_here"));
    let disk = reopen(disk, folder.path()).await;
    store_with_window_1(&disk).await;
    assert_eq!(status(&disk, key).await, applied("4.1"));
    let head = disk.journal.heads().stream(Stream::Reported).head();
    let disk = reopen(disk, folder.path()).await;
    store_with_window_1(&disk).await;
    assert_eq!(disk.journal.heads().stream(Stream::Reported).head(), head, "what is so still is not said again");
}

#[tokio::test]
async fn as_079_a_document_for_a_device_that_comes_later_is_applying_until_its_content_is_here() {
    let folder = tempfile::tempdir().unwrap();
    let disk = open(folder.path()).await;
    disk.join().await;
    disk.journal.equip(Equipment::default()).await.unwrap();
    let (key, blob) = ("screen/window-1", Blob { sha256: ContentHash::of(b"picture"), size: 7, mime: MediaType::Png });
    let mut pictured = programme("window-1");
    pictured.fallback.image = Some(blob.sha256.image());
    pictured.media = vec![blob];
    let pictured = serde_json::to_value(pictured).unwrap();
    disk.apply(Stream::Desired, 0, vec![disk.event(1, SET, key, pictured)], ApplyMode::Plain).await.unwrap();
    assert_eq!(status(&disk, key).await, rejected("4.1", "not_here"));
    let documents = disk.journal.changed_documents(0).await.unwrap();
    assert!(documents.iter().all(|document| document.elsewhere), "nobody here shows its picture");
    let disk = reopen(disk, folder.path()).await;
    store_with_window_1(&disk).await;
    assert_eq!(status(&disk, key).await, Some(("4.1".to_owned(), DocumentStatus::Applying, None)));
    // Its device goes and comes back before anybody brings the picture.
    let disk = reopen(disk, folder.path()).await;
    disk.journal.equip(Equipment::default()).await.unwrap();
    assert_eq!(status(&disk, key).await, rejected("4.1", "not_here"));
    let disk = reopen(disk, folder.path()).await;
    store_with_window_1(&disk).await;
    assert_eq!(status(&disk, key).await, Some(("4.1".to_owned(), DocumentStatus::Applying, None)));
    let waiting = disk.journal.waiting_documents().await.unwrap();
    assert_eq!(waiting.iter().map(|waiting| waiting.media.as_slice()).collect::<Vec<_>>(), [[blob]]);
    let settled = ContentSettled {
        key: key.to_owned(),
        epoch: waiting[0].epoch,
        seq: waiting[0].seq,
        outcome: ContentOutcome::Here { at: disk.clock.now() },
    };
    disk.journal.commit(Entry { changes: vec![StateChange::ContentSettled(settled)], records: vec![] }).await.unwrap();
    assert_eq!(status(&disk, key).await, applied("4.1"));
}

fn wish(headline: &str, ttl_s: u32) -> Value {
    let text = json!({ "de": headline, "en": headline });
    let content = json!({ "class": "P0", "headline": text, "line": { "de": "", "en": "" }, "image": null, "price": null, "was": null, "segment": null });
    json!({ "content": content, "reason": "closed early", "ttl_s": ttl_s })
}

fn shows(headline: &str) -> impl Fn(&ScreenPlan) -> bool {
    move |plan| plan.zones[0].items.iter().map(|item| item.content.headline.de.as_str()).eq([headline])
}

async fn page(world: &World, cookie: &str) -> Sse {
    world.stream("/v1/screens/window-1/events", cookie).await
}

async fn put(world: &World, cookie: &str, body: &Value) -> reqwest::Response {
    world.http.put(world.url("/v1/screens/window-1/override")).header("cookie", cookie).json(body).send().await.unwrap()
}

async fn says(world: &World, wanted: DocumentStatus) -> Revision {
    // Both screens have the same shape of report; only window-1 is ever overridden.
    let look = |report: &DocumentReport| report.status == wanted;
    world.logs::<DocumentReport>(Stream::Reported, look).await.rev
}

#[tokio::test]
async fn as_077_an_override_wins_until_its_time_is_spent_also_across_a_restart_and_without_the_cloud() {
    let mut world = World::start().await;
    let cookie = world.cookie(DeviceKind::Screen, "window-1").await;
    let mut stream = page(&world, &cookie).await;
    stream.until(shows("offer 1")).await;
    assert_eq!(put(&world, &cookie, &wish("closed early", 600)).await.status(), 204);
    stream.until(shows("closed early")).await;
    says(&world, DocumentStatus::Overridden).await;
    let shown: Override = world.logs(Stream::Reported, |_: &Override| true).await;
    assert_eq!((shown.by.as_str(), shown.reason.as_str(), shown.ttl_s), ("screen/window-1", "closed early", 600));

    world.clock.advance(TimeDelta::seconds(300));
    world.kill().await;
    world.clock.advance(TimeDelta::seconds(299));
    world.run().await;
    page(&world, &cookie).await.until(shows("closed early")).await;
    world.clock.advance(TimeDelta::seconds(2));
    page(&world, &cookie).await.until(shows("offer 1")).await;
    world.kill().await;
    let events = world.logged(Stream::Reported).await;
    let of = |key: &str| events.iter().find(|event| event.subject.as_deref() == Some(key)).unwrap();
    assert!(of("override/screen/window-1").deletes());
    assert_eq!(of("desired/screen/window-1").data::<DocumentReport>().unwrap().status, DocumentStatus::Applied);
}

#[tokio::test]
async fn as_077_an_override_whose_time_ended_while_the_node_was_down_is_not_shown_again() {
    let mut world = World::start().await;
    let cookie = world.cookie(DeviceKind::Screen, "window-1").await;
    assert_eq!(put(&world, &cookie, &wish("closed early", 60)).await.status(), 204);
    page(&world, &cookie).await.until(shows("closed early")).await;
    world.kill().await;
    world.clock.advance(TimeDelta::seconds(61));
    world.run().await;
    let (_, first): (_, ScreenPlan) = page(&world, &cookie).await.next().await;
    assert!(shows("offer 1")(&first), "{first:?}");
}

#[tokio::test]
async fn as_077_staff_end_an_override_and_what_may_not_be_shown_is_refused() {
    let world = World::start().await;
    let cookie = world.cookie(DeviceKind::Screen, "window-1").await;
    let mut personal = wish("for you alone", 60);
    personal["content"]["class"] = json!("P3");
    for (body, code) in [(personal, "class"), (wish("x", 0), "ttl"), (wish("x", 604_801), "ttl")] {
        let refused = put(&world, &cookie, &body).await;
        assert_eq!(refused.status(), 422);
        assert_eq!(refused.json::<Problem>().await.unwrap().code, code);
    }
    let mut stream = page(&world, &cookie).await;
    assert_eq!(put(&world, &cookie, &wish("closed early", 600)).await.status(), 204);
    stream.until(shows("closed early")).await;
    for _ in 0..2 {
        let cleared = world.http.delete(world.url("/v1/screens/window-1/override")).header("cookie", &cookie).send().await.unwrap();
        assert_eq!(cleared.status(), 204, "ending it twice is ending it");
    }
    stream.until(shows("offer 1")).await;
}

#[tokio::test]
async fn as_078_the_cloud_ends_the_override_that_it_means_and_no_newer_one() {
    let mut world = World::start().await;
    let cookie = world.cookie(DeviceKind::Screen, "window-1").await;
    assert_eq!(put(&world, &cookie, &wish("first", 600)).await.status(), 204);
    let first: Override = world.logs(Stream::Reported, |_: &Override| true).await;
    world.clock.advance(TimeDelta::seconds(1));
    assert_eq!(put(&world, &cookie, &wish("second", 600)).await.status(), 204);
    let second: Override = world.logs(Stream::Reported, |shown: &Override| shown.at > first.at).await;
    world.kill().await;
    let order = |at, expires| Body::ClearOverride(Box::new(ClearOverride { key: "screen/window-1".to_owned(), at, expires }));
    let (now, later) = (world.clock.now(), world.clock.now() + TimeDelta::hours(1));
    let orders = [order(first.at, later), order(second.at, now), order(second.at, later)];
    let ids = world.order_bodies("override/screen/window-1", &orders).await;
    world.run().await;
    let mut outcomes = Vec::new();
    for id in ids {
        let done: OrderDone = world.logs(Stream::Audit, |done: &OrderDone| done.order == id).await;
        outcomes.push((done.outcome, done.reason));
    }
    let refused = (OrderOutcome::Refused, Some("not_overridden".to_owned()));
    assert_eq!(outcomes, [refused, (OrderOutcome::Expired, None), (OrderOutcome::Done, None)]);
    page(&world, &cookie).await.until(shows("offer 1")).await;
}

#[tokio::test]
async fn as_061_as_067_only_who_can_read_the_nodes_folder_is_its_operator() {
    let world = World::start().await;
    let key = read_key(world.folder.path()).unwrap();
    let post = |path: &str| world.http.post(world.url(path));
    for path in ["/v1/operator/reclaim", "/v1/operator/new-epoch"] {
        for request in [post(path), post(path).bearer_auth("0".repeat(32))] {
            assert_eq!(request.send().await.unwrap().status(), 401, "{path}");
        }
    }
    let refused = post("/v1/operator/reclaim").bearer_auth(&key.token).send().await.unwrap();
    assert_eq!((refused.status().as_u16(), refused.json::<Problem>().await.unwrap().code.as_str()), (409, "not_halted"));
    assert_eq!(post("/v1/operator/new-epoch").bearer_auth(&key.token).send().await.unwrap().status(), 202);
    let wish = wish("closed early", 60);
    let request = world.http.put(world.url("/v1/nfc/shelf/override")).bearer_auth(&key.token).json(&wish);
    assert_eq!(request.send().await.unwrap().status(), 204);
    let shown: Override = world.logs(Stream::Reported, |_: &Override| true).await;
    assert_eq!(shown.by, "operator");
    let nowhere = world.http.put(world.url("/v1/nfc/cellar/override")).bearer_auth(&key.token).json(&wish);
    assert_eq!(nowhere.send().await.unwrap().status(), 404);
    assert!(key.address.ip().is_loopback());
}
