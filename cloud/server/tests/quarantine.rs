//! What people do about records that could not be applied, streams on hold and boxes that were replaced, on SQLite and PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]

#[allow(dead_code, reason = "each test binary uses its part")]
#[path = "ingest/world.rs"]
mod world;

use aisle_cloud::ingest::redrive::{Redriven, redrive};
use aisle_mesh::sync::{
    hello::Decision,
    log::{ApplyError, ApplyMode, ReceivedRecord, SendLog},
};
use aisle_schemas::{
    event::Event,
    http::cloud::{QuarantineFate, QuarantineView},
    ids::NodeId,
    limits::{POISON_HOLD, RELOG_DAYS_MAX},
    record::Body,
    sync::{Seq, Stream, WelcomeCode},
};
use aisle_store::{
    StoreError, audit, cursor, down, hold, node,
    quarantine::{self, QuarantinePlace},
    reported,
    succession::{self, Reclaimed},
    testing::on_both,
};
use bytes::Bytes;
use chrono::TimeDelta;
use world::{Owner, body, id, node as node_id, record};

/// A good record that was logged again after too long: it is quarantined, and a person may still apply it.
fn too_old(owner: &Owner, seq: u64, body: Body, node: &NodeId) -> ReceivedRecord {
    let mut old = record(seq, body, node, owner.now() - TimeDelta::days(i64::from(RELOG_DAYS_MAX) + 1));
    old.event.relogof = Some("1-00000000000000aa/1".to_owned());
    old.raw = Bytes::from(old.event.to_wire());
    old
}

fn place(node: &NodeId, stream: Stream, seq: u64) -> QuarantinePlace {
    QuarantinePlace { node: node.clone(), stream, epoch: world::epoch(1), seq: Seq::new(seq) }
}

async fn drive(owner: &Owner, place: &QuarantinePlace) -> Redriven {
    owner.clock.advance(TimeDelta::seconds(1)); // the audit is read in the order of its instants
    let (feed, _source) = aisle_cloud::ingest::Feed::new();
    redrive(&owner.db, &feed, place.clone(), id::customer(9), owner.now()).await.unwrap()
}

async fn find(owner: &Owner, place: &QuarantinePlace) -> QuarantineView {
    quarantine::find(&mut owner.db.read().await.unwrap(), place).await.unwrap().unwrap()
}

async fn audited(owner: &Owner, place: &QuarantinePlace) -> Vec<(String, String)> {
    let entries = audit::of_subject(&mut owner.db.read().await.unwrap(), &place.subject(), 10).await.unwrap();
    entries.into_iter().map(|(actor, action, _)| (actor, action)).collect()
}

#[test]
fn as_049_a_redriven_record_is_applied_once_under_its_own_identity_and_the_audit_says_by_whom() {
    on_both(|w| async move {
        let owner = Owner::new(w.db, &["t.s1.n1"]).await;
        let n1 = node_id("t.s1.n1");
        owner.hello(&n1, 1).await;
        let old = too_old(&owner, 1, body::refused("expired", owner.now()), &n1);
        owner.apply_with(ApplyMode::Savepoints, &n1, Stream::Audit, 0, vec![old.clone()]).await.unwrap();
        let refused = || owner.counter("checkin_refused", "s1/expired");
        assert_eq!(refused().await, 0);
        let aside = place(&n1, Stream::Audit, 1);

        // Two operators at once: one of them applies it.
        let (first, second) = tokio::join!(drive(&owner, &aside), drive(&owner, &aside));
        let Redriven::Settled(settled) = first else { panic!("{}: {first:?}", w.kind) };
        let record = settled.settled.clone().unwrap();
        assert_eq!((record.fate, record.by), (QuarantineFate::Applied, id::customer(9)));
        assert_eq!((settled.event, second), (old.event.id, Redriven::Settled(settled)), "{}", w.kind);
        assert_eq!(refused().await, 1, "{}", w.kind);
        let staff = format!("staff/{}", id::customer(9));
        let entries = [("cloud", "record.quarantined"), (staff.as_str(), "record.redriven")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(audited(&owner, &aside).await, entries, "{}", w.kind);
        let conn = &mut owner.db.read().await.unwrap();
        assert_eq!(cursor::journalled(conn, &n1).await.unwrap(), 1);
        let row = &node::all(conn).await.unwrap()[0];
        assert_eq!((row.applied, row.quarantined), (1, 0), "{}: applied + quarantined = accepted", w.kind);

        // It comes once more in a new epoch, as any record may: its id is known.
        let mut again = old;
        again.event.relogof = None;
        owner.hello_in_epoch(&n1, 2, 2).await;
        owner.apply_in_epoch(2, 2, &n1, Stream::Audit, 0, vec![again]).await.unwrap();
        assert_eq!(refused().await, 1, "{}", w.kind);
    });
}

#[test]
fn as_049_a_record_that_fails_again_stays_with_its_error_and_changes_nothing_else() {
    on_both(|w| async move {
        let owner = Owner::new(w.db, &["t.s1.n1"]).await;
        let n1 = node_id("t.s1.n1");
        owner.hello(&n1, 1).await;
        let riddle = world::unreadable(1, &n1, owner.now());
        owner.apply_with(ApplyMode::Savepoints, &n1, Stream::Audit, 0, vec![riddle.clone()]).await.unwrap();
        let aside = place(&n1, Stream::Audit, 1);
        for tries in 1..=2 {
            let Redriven::StillFails { error } = drive(&owner, &aside).await else { panic!("{}", w.kind) };
            assert!(error.contains("unknown record type"), "{error}");
            let view = find(&owner, &aside).await;
            assert_eq!((view.tries, view.error, view.settled), (tries, error, None), "{}", w.kind);
        }
        let conn = &mut owner.db.read().await.unwrap();
        assert_eq!(quarantine::raw(conn, &aside).await.unwrap().unwrap(), riddle.raw, "{}: byte for byte", w.kind);
        assert_eq!(cursor::journalled(conn, &n1).await.unwrap(), 0, "{}: its id is free for the next try", w.kind);
        let actions: Vec<_> = audited(&owner, &aside).await.into_iter().map(|(_, action)| action).collect();
        assert_eq!(actions, ["record.quarantined", "record.redrive_failed", "record.redrive_failed"], "{}", w.kind);
        assert_eq!(drive(&owner, &place(&n1, Stream::Audit, 2)).await, Redriven::Unknown);
    });
}

#[test]
fn as_049_a_redriven_revision_never_replaces_a_newer_one() {
    on_both(|w| async move {
        let owner = Owner::new(w.db, &["t.s1.n1"]).await;
        let n1 = node_id("t.s1.n1");
        owner.hello(&n1, 1).await;
        let t = owner.now();
        let aside = vec![too_old(&owner, 1, body::zone("pets", t), &n1), too_old(&owner, 2, body::zone("fresh", t), &n1)];
        owner.apply_with(ApplyMode::Savepoints, &n1, Stream::Reported, 0, aside).await.unwrap();
        let newer = record(3, body::zone("pets", t + TimeDelta::seconds(1)), &n1, t);
        owner.apply(&n1, Stream::Reported, 2, vec![newer.clone()]).await.unwrap();
        let fate = async |seq| match drive(&owner, &place(&n1, Stream::Reported, seq)).await {
            Redriven::Settled(view) => view.settled.unwrap().fate,
            other => panic!("{other:?}"),
        };
        assert_eq!((fate(1).await, fate(2).await), (QuarantineFate::NotNeeded, QuarantineFate::Applied), "{}", w.kind);
        let documents = reported::of_node(&mut owner.db.read().await.unwrap(), &n1).await.unwrap();
        let [fresh, pets] = documents.as_slice() else { panic!("{}: {documents:?}", w.kind) };
        assert_eq!((fresh.key.as_str(), pets.key.as_str()), ("zone/fresh", "zone/pets"));
        let stored: serde_json::Value = serde_json::from_str(pets.body.get()).unwrap();
        let sent: serde_json::Value = serde_json::from_str(newer.event.data.unwrap().get()).unwrap();
        assert_eq!(stored, sent, "{}", w.kind);
    });
}

#[test]
fn as_050_a_stream_is_on_hold_until_an_operator_lets_the_next_records_into_quarantine() {
    on_both(|w| async move {
        let owner = Owner::new(w.db, &["t.s1.n1"]).await;
        let n1 = node_id("t.s1.n1");
        owner.hello(&n1, 1).await;
        let run = u64::from(POISON_HOLD);
        let bad = |from: u64, to: u64| (from..=to).map(|seq| world::unreadable(seq, &n1, owner.now())).collect::<Vec<_>>();
        owner.apply_with(ApplyMode::Savepoints, &n1, Stream::Audit, 0, bad(1, run + 3)).await.unwrap();
        let held = async || hold::all(&mut owner.db.read().await.unwrap()).await.unwrap();
        let found = held().await;
        let [(node, stream)] = found.as_slice() else { panic!("{}: {found:?}", w.kind) };
        assert_eq!((node, stream.stream, stream.cursor.get(), stream.poison_run), (&n1, Stream::Audit, run, POISON_HOLD));
        // What comes meanwhile changes nothing, in however many tries.
        let next = bad(run + 1, run + 3);
        let refused = owner.apply(&n1, Stream::Audit, run, next.clone()).await;
        assert!(matches!(refused, Err(ApplyError::Poison { poison_run: POISON_HOLD, .. })), "{}: {refused:?}", w.kind);

        let (at, node) = (owner.now(), n1.clone());
        let end = async || {
            let node = node.clone();
            let ended: Result<bool, StoreError> =
                owner.db.write(move |tx| Box::pin(async move { hold::end(tx, &node, Stream::Audit, at).await })).await;
            ended.unwrap()
        };
        assert!(end().await && !end().await, "{}: there was one hold to end", w.kind);
        assert_eq!(held().await, [], "{}", w.kind);
        let told = hold::ended_since(&mut owner.db.read().await.unwrap(), at).await.unwrap();
        assert_eq!(told.iter().map(|(node, stream, _)| (node, *stream)).collect::<Vec<_>>(), [(&n1, Stream::Audit)], "{}", w.kind);
        let again = owner.apply(&n1, Stream::Audit, run, next.clone()).await;
        assert!(matches!(again, Err(ApplyError::Poison { poison_run: 0, .. })), "{}: a new run begins: {again:?}", w.kind);
        let applied = owner.apply_with(ApplyMode::Savepoints, &n1, Stream::Audit, run, next).await.unwrap();
        assert_eq!((applied.cursor.get(), applied.quarantined), (run + 3, 3), "{}", w.kind);
        let good = vec![record(run + 4, body::refused("expired", owner.now()), &n1, owner.now())];
        owner.apply(&n1, Stream::Audit, run + 3, good).await.unwrap();
        assert_eq!(owner.counter("checkin_refused", "s1/expired").await, 1, "{}", w.kind);
    });
}

async fn reclaim(owner: &Owner, node: &NodeId) -> Option<Reclaimed> {
    let (node, acked) = (node.clone(), owner.ingest.acks().of_store(node));
    let done: Result<_, StoreError> =
        owner.db.write(move |tx| Box::pin(async move { succession::reclaim(tx, &node, &acked, 0xabc).await })).await;
    done.unwrap()
}

fn code(decision: &Decision) -> WelcomeCode {
    match decision {
        Decision::Accept { .. } => WelcomeCode::Ok,
        Decision::Refuse { code, .. } => *code,
        Decision::BadIdentity => panic!("every node here is enrolled"),
    }
}

#[test]
fn as_067_a_superseded_box_comes_back_with_a_new_epoch_once_an_operator_reclaims_it() {
    on_both(|w| async move {
        let owner = Owner::new(w.db, &["t.s1.n1"]).await;
        let n1 = node_id("t.s1.n1");
        owner.hello(&n1, 1).await;
        owner.hello_in_epoch(&n1, 2, 2).await;
        let old_box = async |epoch, n| code(&owner.hello_in_epoch(&n1, epoch, n).await.decision);
        assert_eq!(old_box(1, 3).await, WelcomeCode::Superseded, "{}: its history was continued elsewhere", w.kind);
        let reclaimed = reclaim(&owner, &n1).await;
        assert_eq!(reclaimed, Some(Reclaimed { replaced: None, documents: 0, orders: 0 }));
        assert!(node::all(&mut owner.db.read().await.unwrap()).await.unwrap()[0].reclaim);
        assert_eq!(old_box(1, 4).await, WelcomeCode::DiskBehind, "{}: it is told to begin a new epoch", w.kind);
        assert_eq!(old_box(3, 5).await, WelcomeCode::Ok, "{}: and does", w.kind);
        assert!(!node::all(&mut owner.db.read().await.unwrap()).await.unwrap()[0].reclaim, "{}: the decision is used up", w.kind);
        assert_eq!(old_box(1, 6).await, WelcomeCode::Superseded, "{}", w.kind);
        assert_eq!(reclaim(&owner, &node_id("t.s9.n1")).await, None, "{}: nobody of that name", w.kind);
    });
}

#[test]
fn as_069_a_new_box_takes_over_documents_and_unapplied_orders_and_the_old_one_is_replaced() {
    on_both(|w| async move {
        let owner = Owner::new(w.db, &["t.s1.n1", "t.s1.n2"]).await;
        let (n1, n2) = (node_id("t.s1.n1"), node_id("t.s1.n2"));
        let hello = async |node, n| code(&owner.hello(node, n).await.decision);
        assert_eq!((hello(&n1, 1).await, hello(&n2, 1).await), (WelcomeCode::Ok, WelcomeCode::Replaced), "{}: one is active", w.kind);
        let old = |n, key, value| world::document("t.s1.n1", n, key, value);
        down::put(&owner.db, vec![old(1, "a", Some(1)), old(2, "b", Some(1)), old(3, "b", None), old(4, "c", Some(1))]).await.unwrap();
        let orders: Vec<_> = (11..=13).map(|n| world::order("t.s1.n1", n)).collect();
        down::put(&owner.db, orders).await.unwrap();
        down::put(&owner.db, vec![world::document("t.s1.n2", 20, "stale", Some(1))]).await.unwrap();
        // Not written yet when the other box takes the place.
        owner.ingest.commit_acked(&n1, owner.down_epoch(&n1).await, Stream::Order, Seq::new(1)).await.unwrap();

        let reclaimed = reclaim(&owner, &n2).await;
        assert_eq!(reclaimed, Some(Reclaimed { replaced: Some(n1.clone()), documents: 2, orders: 2 }), "{}", w.kind);
        assert_eq!((hello(&n1, 2).await, hello(&n2, 2).await), (WelcomeCode::Replaced, WelcomeCode::Ok), "{}", w.kind);
        let log = async |stream| {
            let rows = owner.ingest.read(&n2, stream, Seq::ZERO, 10, 1 << 16).await.unwrap();
            rows.rows.into_iter().map(|row| (row.id, Event::parse(&row.event).unwrap().subject.unwrap())).collect::<Vec<_>>()
        };
        let documents = [(id::event(1), "a".to_owned()), (id::event(4), "c".to_owned())];
        assert_eq!(log(Stream::Desired).await, documents, "{}: what was in force, and nothing of its own", w.kind);
        assert_eq!(log(Stream::Order).await.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [id::event(12), id::event(13)], "{}", w.kind);
        let base = owner.ingest.state(&n2).await.unwrap().streams.get(Stream::Desired).unwrap().base;
        assert_eq!(base, Seq::new(2), "{}: a new numbering, so that the box forgets what is not in it", w.kind);
        // Whoever still writes to the old one reaches the one in its place.
        let later = down::put(&owner.db, vec![old(5, "a", Some(2)), world::order("t.s1.n1", 14)]).await.unwrap();
        assert!(later.iter().all(|logged| logged.node == n2), "{}: {later:?}", w.kind);
        assert!(log(Stream::Desired).await.contains(&(id::event(5), "a".to_owned())), "{}", w.kind);
        assert_eq!(node::of_store(&mut owner.db.read().await.unwrap(), &n1.store).await.unwrap(), Some(n2.clone()));

        // And back again.
        let back = reclaim(&owner, &n1).await.unwrap();
        assert_eq!((back.replaced, back.documents, back.orders), (Some(n2.clone()), 2, 3), "{}", w.kind);
        assert_eq!((hello(&n1, 3).await, hello(&n2, 3).await), (WelcomeCode::Ok, WelcomeCode::Replaced), "{}", w.kind);
    });
}

#[test]
fn as_069_a_node_that_replaces_another_in_the_configuration_takes_over_too() {
    on_both(|w| async move {
        let owner = Owner::new(w.db.clone(), &["t.s1.n1"]).await;
        down::put(&owner.db, vec![world::document("t.s1.n1", 1, "a", Some(1)), world::order("t.s1.n1", 2)]).await.unwrap();
        let enrol = async |name| node::enrol(&w.db, vec![node::Enrolment { node: node_id(name), random: 7 }]).await.unwrap();
        enrol("t.s1.n2").await;
        let n2 = node_id("t.s1.n2");
        let left = async |stream| owner.ingest.read(&n2, stream, Seq::ZERO, 10, 1 << 16).await.unwrap().rows.len();
        assert_eq!((left(Stream::Desired).await, left(Stream::Order).await), (1, 1), "{}", w.kind);
        enrol("t.s1.n2").await;
        assert_eq!((left(Stream::Desired).await, left(Stream::Order).await), (1, 1), "{}: a restart moves nothing", w.kind);
        assert_eq!(node::of_store(&mut owner.db.read().await.unwrap(), &n2.store).await.unwrap(), Some(n2.clone()));
    });
}
