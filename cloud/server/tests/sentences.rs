//! Sentences of the protocol that show in the cloud's database alone: order across streams, outbox, obligations, timers.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]

mod common;
#[allow(dead_code, reason = "each test binary uses its part")]
#[path = "ingest/world.rs"]
mod world;

use aisle_cloud::CloudApp;
use aisle_mesh::sync::log::{ApplyError, SendLog};
use aisle_schemas::{
    http::cloud::{DecisionView, Decisions},
    ids::{CandidateId, CustomerId},
    record::Body,
    sync::{Seq, Stream},
    visit::{OrderDone, OrderOutcome},
};
use aisle_store::{Db, Message, StoreError, customer, down, outbox, testing::on_both, visit};
use chrono::TimeDelta;
use common::{MARKETER, Person, TestCloud, eventually};
use serde_json::json;
use tokio::task::JoinSet;
use world::{Owner, body, id, node as node_id, record};

/// Places of the outbox rows that stand.
async fn places(db: &Db) -> Vec<i64> {
    let standing = outbox::places(&mut db.read().await.unwrap(), 0, 100).await.unwrap();
    standing.into_iter().map(|(place, _)| place).collect()
}

#[test]
fn as_012_an_outcome_that_overtakes_what_it_follows_from_is_applied_and_both_stand() {
    on_both(|w| async move {
        let mut owner = Owner::new(w.db, &["t.s1.n1"]).await;
        let n1 = node_id("t.s1.n1");
        let customer = owner.customer(1).await;
        owner.hello(&n1, 1).await;
        let order = owner.admit(&n1, customer).await;
        owner.drain().await;

        // The order opened a visit; `audit` says so before `sess` tells of the visit.
        let done = OrderDone { order, outcome: OrderOutcome::Done, reason: None, visit: Some(id::visit(1)) };
        let mut outcome = record(1, Body::OrderDone(Box::new(done)), &n1, owner.now());
        outcome.event.causationid = Some(order);
        owner.apply(&n1, Stream::Audit, 0, vec![outcome]).await.unwrap();
        let told = owner.source.next().await;
        let named = |message: &Message| matches!(message, Message::OrderDone { order: of, .. } if *of == order);
        assert!(told.outbox.iter().any(|row| named(&row.message)), "{}: {told:?}", w.kind);

        owner.apply(&n1, Stream::Sess, 0, vec![record(1, body::opened(1, 200, owner.now()), &n1, owner.now())]).await.unwrap();
        let visit = visit::find(&mut owner.db.read().await.unwrap(), id::visit(1)).await.unwrap();
        assert_eq!(visit.unwrap().customer, Some(customer), "{}", w.kind);
    });
}

#[test]
fn as_039_what_must_follow_from_a_record_stands_with_it_or_not_at_all_and_once() {
    on_both(|w| async move {
        let owner = Owner::new(w.db, &["t.s1.n1"]).await;
        let n1 = node_id("t.s1.n1");
        let customer = owner.customer(1).await;
        owner.pass(1, customer).await;
        owner.hello(&n1, 1).await;
        let before = places(&owner.db).await;

        let opened = record(1, body::opened(1, 1, owner.now()), &n1, owner.now());
        let poisoned = vec![opened.clone(), world::unreadable(2, &n1, owner.now())];
        let refused = owner.apply(&n1, Stream::Sess, 0, poisoned).await;
        assert!(matches!(refused, Err(ApplyError::Poison { index: 1, .. })), "{}: {refused:?}", w.kind);
        assert_eq!(places(&owner.db).await, before, "{}: rolled back with the record", w.kind);

        owner.apply(&n1, Stream::Sess, 0, vec![opened.clone()]).await.unwrap();
        let after = places(&owner.db).await;
        assert_eq!(after.len(), before.len() + 1, "{}", w.kind);
        // Whoever asks next finds the same row until its effect stands, and the record brings no other one. That the node is back is news.
        owner.hello_in_epoch(&n1, 2, 2).await;
        let back = places(&owner.db).await;
        owner.apply_in_epoch(2, 2, &n1, Stream::Sess, 0, vec![opened]).await.unwrap();
        assert_eq!(places(&owner.db).await, back, "{}", w.kind);
        assert!(back.starts_with(&after), "{}: {after:?} of {back:?}", w.kind);
    });
}

#[test]
fn as_071_any_instance_writes_what_is_owed_to_a_node_that_never_connected_without_a_hole() {
    on_both(|w| async move {
        let owner = Owner::new(w.db.clone(), &["t.s1.n1"]).await;
        let n1 = node_id("t.s1.n1");
        // SQLite has one instance.
        let other = if w.kind == "sqlite" { w.db.clone() } else { Db::connect(&w.url).await.unwrap() };
        let mut writing = JoinSet::new();
        for n in 1..=16 {
            let db = if n % 2 == 0 { owner.db.clone() } else { other.clone() };
            writing.spawn(async move { down::put(&db, vec![world::order("t.s1.n1", n)]).await });
            // An intent that fails takes its obligation back, number and all.
            let (db, unknown) = (owner.db.clone(), node_id("t.s9.n1"));
            let failed: Result<(), StoreError> = db
                .write(move |tx| {
                    Box::pin(async move {
                        down::enqueue(tx, &[world::order("t.s1.n1", 100 + n)]).await?;
                        Err(StoreError::UnknownNode(unknown))
                    })
                })
                .await;
            assert!(matches!(failed, Err(StoreError::UnknownNode(_))), "{}", w.kind);
        }
        let mut heads = Vec::new();
        while let Some(logged) = writing.join_next().await {
            heads.extend(logged.unwrap().unwrap().into_iter().map(|logged| logged.head.get()));
        }
        heads.sort_unstable();
        assert_eq!(heads, (1..=16).collect::<Vec<_>>(), "{}", w.kind);

        owner.hello(&n1, 1).await;
        let rows = owner.ingest.read(&n1, Stream::Order, Seq::ZERO, 100, 1 << 20).await.unwrap();
        assert_eq!(rows.rows.iter().map(|row| row.seq.get()).collect::<Vec<_>>(), (1..=16).collect::<Vec<_>>(), "{}", w.kind);
    });
}

async fn decisions(cloud: &TestCloud, staff: &Person, of: CustomerId) -> Vec<DecisionView> {
    let staff = Person { base: cloud.base.clone(), http: staff.http.clone(), email: staff.email.clone() };
    let all: Decisions = staff.get(&format!("/v1/decisions?customer={of}&limit=200")).await.expect_status(200).json();
    all.decisions
}

/// Candidates that are due, or will be within the day.
async fn waiting(cloud: &TestCloud) -> usize {
    let db = cloud.db().await;
    let due = customer::due_candidates(&mut db.read().await.unwrap(), cloud.now() + TimeDelta::days(1), 10).await.unwrap();
    due.len()
}

async fn stop(cloud: &mut TestCloud) {
    cloud.app.take().unwrap().run(std::future::ready(())).await.unwrap();
}

async fn start(cloud: &mut TestCloud) {
    let app = CloudApp::build(cloud.config.clone(), cloud.clock.clone()).await.unwrap();
    cloud.base = format!("http://{}", app.http_addr());
    cloud.app = Some(app);
}

#[tokio::test]
async fn as_092_a_timer_that_ran_out_while_nobody_served_fires_on_recovery_and_only_once() {
    let mut cloud = TestCloud::start().await;
    let marketer = cloud.person(MARKETER).await;
    let ada = cloud.person("ada@example.org").await;
    for purpose in ["instore_context", "marketing", "profiling"] {
        ada.consent(purpose, None, true).await;
    }
    let of = ada.me().await.customer;
    let candidate = CandidateId::new(u64::try_from(cloud.now().timestamp_millis()).unwrap(), [3; 10]);
    let push = json!({
        "candidate": candidate, "email": "ada@example.org", "kind": "marketing", "channel": "push", "offer": null, "category": null,
        "title": {"de": "t", "en": "t"}, "body": {"de": "b", "en": "b"}, "relevance": 0.9, "value": 1.0,
        "valid_until": cloud.now() + TimeDelta::days(400),
    });
    ada.as_till("/v1/integrations/candidates", &push).await.expect_status(202);
    let collecting = eventually("it collects", || async { (waiting(&cloud).await == 1).then(|| cloud.now()) }).await;

    stop(&mut cloud).await;
    cloud.clock.advance(TimeDelta::hours(1));
    assert_eq!(waiting(&cloud).await, 1, "the timer is a row");
    start(&mut cloud).await;
    let judged = eventually("a decision", || async { decisions(&cloud, &marketer, of).await.pop() }).await;
    assert!(judged.at > collecting);
    assert_eq!(waiting(&cloud).await, 0, "effect and deletion are one commit");
    stop(&mut cloud).await;
    start(&mut cloud).await;
    cloud.clock.advance(TimeDelta::hours(1));
    assert_eq!(decisions(&cloud, &marketer, of).await, [judged]);
}
