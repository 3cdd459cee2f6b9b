//! Contract of the owner's store: what a batch, a HELLO and presence do to the cloud's database, on SQLite and PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]

#[path = "ingest/world.rs"]
mod world;

use std::sync::Arc;

use aisle_cloud::ingest::{Feed, Ingest};
use aisle_mesh::{
    clock::ManualClock,
    sync::{
        codec::Stamp,
        hello::Decision,
        load::{LoadContext, load},
        log::{ApplyError, ApplyMode, EpochReason, EpochRequest, Heard, LogError, OwnerStore, PresenceExpiry, ReceiveLog, SendLog},
        ownership::PartitionStore,
        sender::LoadRequest,
    },
};
use aisle_schemas::{
    http::cloud::NodeState,
    limits::{POISON_HOLD, RELOG_DAYS_MAX},
    record::Body,
    sync::{Epoch, Mark, NodeStatus, Seq, Stream},
    visit::{CloseReason, OrderDone, OrderOutcome},
};
use aisle_store::{
    DownStream, Message, cursor,
    down::{self, DownWrite},
    node, outbox, quarantine, reported, surface,
    testing::on_both,
    visit,
};
use chrono::TimeDelta;
use futures_util::future::join_all;
use world::{Owner, body, id, node as node_id, record};

#[test]
fn as_018_first_contact_opens_a_session_with_cursors_at_zero_and_a_new_down_epoch() {
    on_both(|w| async move {
        let owner = Owner::new(w.db, &["t.s1.n1"]).await;
        let n1 = node_id("t.s1.n1");
        let first = owner.hello(&n1, 1).await;
        assert!(matches!(&first.decision, Decision::Accept { down_epoch: Some(_), .. }), "{}: {first:?}", w.kind);
        assert_eq!(first.down.epoch.counter, 2);
        assert_eq!(first.down.lineage.len(), 1);
        // The same HELLO again, now naming the down epoch, changes nothing.
        let again = owner.hello_knowing(&n1, 1, Some(first.down.epoch)).await;
        assert!(matches!(&again.decision, Decision::Accept { down_epoch: None, .. }));
        assert_eq!(again.down.epoch, first.down.epoch);
        let stranger = owner.hello(&node_id("t.s9.n1"), 1).await;
        assert_eq!(stranger.decision, Decision::BadIdentity);
        let row = &node::all(&mut owner.db.read().await.unwrap()).await.unwrap()[0];
        assert_eq!((row.state, row.pending), (NodeState::Online, 0));
    });
}

#[test]
fn as_033_a_check_in_is_applied_journalled_and_told_in_one_commit() {
    on_both(|w| async move {
        let mut owner = Owner::new(w.db, &["t.s1.n1"]).await;
        let n1 = node_id("t.s1.n1");
        let customer = owner.customer(1).await;
        owner.pass(1, customer).await;
        owner.hello(&n1, 1).await;
        owner.drain().await;

        let mut opened = record(1, body::opened(1, 1, owner.now()), &n1, owner.now());
        opened.event.traceparent = Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned());
        let applied = owner.apply(&n1, Stream::Sess, 0, vec![opened.clone()]).await.unwrap();
        assert_eq!(applied.cursor, Seq::new(1));

        let told = owner.source.next().await;
        let [row] = told.outbox.as_slice() else { panic!("{}: {told:?}", w.kind) };
        assert_eq!(row.traceparent, opened.event.traceparent);
        assert!(matches!(&row.message, Message::VisitOpened { customer: c, visit, .. } if *c == customer && *visit == id::visit(1)));
        let conn = &mut owner.db.read().await.unwrap();
        assert_eq!(outbox::at_places(conn, &[row.place]).await.unwrap(), std::slice::from_ref(row));
        let visit = visit::find(conn, id::visit(1)).await.unwrap().unwrap();
        assert_eq!((visit.customer, visit.closed_at), (Some(customer), None));
        assert_eq!(cursor::journalled(conn, &n1).await.unwrap(), 1);
    });
}

#[test]
fn as_037_a_batch_from_another_cursor_is_a_conflict_and_changes_nothing() {
    on_both(|w| async move {
        let owner = Owner::new(w.db, &["t.s1.n1"]).await;
        let n1 = node_id("t.s1.n1");
        owner.hello(&n1, 1).await;
        let refused = |seq| vec![record(seq, body::refused("expired", owner.now()), &n1, owner.now())];
        owner.apply(&n1, Stream::Audit, 0, refused(1)).await.unwrap();
        let again = owner.apply(&n1, Stream::Audit, 0, refused(1)).await;
        assert!(matches!(again, Err(ApplyError::Conflict { cursor }) if cursor == Seq::new(1)), "{}: {again:?}", w.kind);
        assert_eq!(owner.counter("checkin_refused", "s1/expired").await, 1);
    });
}

#[test]
fn as_038_a_record_that_comes_again_in_a_new_epoch_advances_the_cursor_without_effect() {
    on_both(|w| async move {
        let owner = Owner::new(w.db, &["t.s1.n1"]).await;
        let n1 = node_id("t.s1.n1");
        owner.hello(&n1, 1).await;
        let refused = record(1, body::refused("expired", owner.now()), &n1, owner.now());
        // Twice in one batch, and once more in the next epoch.
        let mut twin = refused.clone();
        twin.seq = Seq::new(2);
        owner.apply(&n1, Stream::Audit, 0, vec![refused.clone(), twin]).await.unwrap();
        assert_eq!(owner.counter("checkin_refused", "s1/expired").await, 1, "{}", w.kind);
        owner.hello_in_epoch(&n1, 2, 2).await;
        let applied = owner.apply_in_epoch(2, 2, &n1, Stream::Audit, 0, vec![refused]).await.unwrap();
        assert_eq!(applied.cursor, Seq::new(1));
        assert_eq!(owner.counter("checkin_refused", "s1/expired").await, 1, "{}", w.kind);
    });
}

#[test]
fn as_034_an_owner_whose_term_is_over_writes_nothing() {
    on_both(|w| async move {
        let owner = Owner::new(w.db.clone(), &["t.s1.n1"]).await;
        let n1 = node_id("t.s1.n1");
        owner.hello(&n1, 1).await;
        let (feed, _source) = Feed::new();
        // The same name after a restart; another one would have to wait for the leases to end.
        let successor = Ingest::new(w.db, ManualClock::new(), feed, world::instance());
        let part = n1.partition();
        assert!(world::take_all(&successor).await[&part] > owner.terms[&part]);
        let late = owner.apply(&n1, Stream::Audit, 0, vec![record(1, body::refused("expired", owner.now()), &n1, owner.now())]).await;
        assert!(matches!(late, Err(ApplyError::Fenced)), "{}: {late:?}", w.kind);
        let session = world::session(1);
        assert!(matches!(owner.ingest.presence(&n1, session, NodeStatus::Offline, owner.now()).await, Err(LogError::Fenced)));
        assert!(matches!(
            owner.ingest.touch(&[(n1.clone(), Heard { session, skew: TimeDelta::zero() })], owner.now()).await,
            Err(LogError::Fenced)
        ));
        let epoch = owner.down_epoch(&n1).await;
        assert!(matches!(owner.ingest.commit_sent(&n1, epoch, Stream::Order, Seq::new(1)).await, Err(LogError::Fenced)));
        assert_eq!(owner.counter("checkin_refused", "s1/expired").await, 0);
    });
}

#[test]
fn as_034_a_task_of_an_earlier_term_writes_nothing_although_its_own_instance_holds_the_partition_again() {
    on_both(|w| async move {
        let owner = Owner::new(w.db, &["t.s1.n1"]).await;
        let n1 = node_id("t.s1.n1");
        owner.hello(&n1, 1).await;
        let part = n1.partition();
        let task = Arc::new(owner.ingest.clone()).under(owner.terms[&part]);
        let batch = |n| owner.batch(1, 1, Stream::Audit, n - 1, vec![record(n, body::refused("expired", owner.now()), &n1, owner.now())]);
        task.apply(&n1, &batch(1)).await.unwrap();
        owner.ingest.let_go(part);
        assert!(matches!(task.apply(&n1, &batch(2)).await, Err(ApplyError::Fenced)), "{}: let go", w.kind);
        let later = world::take_all(&owner.ingest).await[&part];
        assert!(matches!(task.apply(&n1, &batch(2)).await, Err(ApplyError::Fenced)), "{}", w.kind);
        assert!(matches!(task.presence(&n1, world::session(1), NodeStatus::Offline, owner.now()).await, Err(LogError::Fenced)));
        let epoch = owner.down_epoch(&n1).await;
        assert!(matches!(task.commit_sent(&n1, epoch, Stream::Order, Seq::new(1)).await, Err(LogError::Fenced)));
        Arc::new(owner.ingest.clone()).under(later).apply(&n1, &batch(2)).await.unwrap();
        assert_eq!(owner.counter("checkin_refused", "s1/expired").await, 2, "{}", w.kind);
    });
}

#[test]
fn as_035_a_batch_of_another_session_or_epoch_is_dropped() {
    on_both(|w| async move {
        let owner = Owner::new(w.db, &["t.s1.n1"]).await;
        let n1 = node_id("t.s1.n1");
        owner.hello(&n1, 2).await;
        let records = || vec![record(1, body::refused("expired", owner.now()), &n1, owner.now())];
        for (epoch, session) in [(1, 1), (2, 2)] {
            let stale = owner.apply_in_epoch(epoch, session, &n1, Stream::Audit, 0, records()).await;
            assert!(matches!(stale, Err(ApplyError::Fenced)), "{}: {stale:?}", w.kind);
        }
        owner.apply_in_epoch(1, 2, &n1, Stream::Audit, 0, records()).await.unwrap();
    });
}

#[test]
fn as_049_a_poison_record_rolls_the_batch_back_and_then_goes_to_quarantine_alone() {
    on_both(|w| async move {
        let owner = Owner::new(w.db, &["t.s1.n1"]).await;
        let n1 = node_id("t.s1.n1");
        owner.hello(&n1, 1).await;
        let good = |seq| record(seq, body::refused("expired", owner.now()), &n1, owner.now());
        let records = || vec![good(1), world::unreadable(2, &n1, owner.now()), good(3)];
        let plain = owner.apply(&n1, Stream::Audit, 0, records()).await;
        assert!(matches!(plain, Err(ApplyError::Poison { index: 1, poison_run: 0, .. })), "{}: {plain:?}", w.kind);
        assert_eq!(owner.counter("checkin_refused", "s1/expired").await, 0);

        let applied = owner.apply_with(ApplyMode::Savepoints, &n1, Stream::Audit, 0, records()).await.unwrap();
        assert_eq!((applied.cursor, applied.quarantined, applied.poison_run), (Seq::new(3), 1, 0));
        assert_eq!(owner.counter("checkin_refused", "s1/expired").await, 2);
        let quarantine = quarantine::open(&mut owner.db.read().await.unwrap(), 10).await.unwrap();
        let [one] = quarantine.as_slice() else { panic!("{quarantine:?}") };
        assert!(one.error.contains("unknown record type"), "{}", one.error);
    });
}

#[test]
fn as_049_a_record_that_no_error_text_can_repeat_is_quarantined_too() {
    on_both(|w| async move {
        let owner = Owner::new(w.db, &["t.s1.n1"]).await;
        let n1 = node_id("t.s1.n1");
        owner.hello(&n1, 1).await;
        let records = vec![world::unspeakable(1, &n1, owner.now())];
        let applied = owner.apply_with(ApplyMode::Savepoints, &n1, Stream::Audit, 0, records).await.unwrap();
        assert_eq!((applied.cursor, applied.quarantined), (Seq::new(1), 1), "{}", w.kind);
        let quarantine = quarantine::open(&mut owner.db.read().await.unwrap(), 10).await.unwrap();
        let [one] = quarantine.as_slice() else { panic!("{quarantine:?}") };
        assert!(!one.error.contains('\0') && one.error.len() < 4_096, "{}", one.error.len());
    });
}

#[test]
fn as_050_fifty_poison_records_in_a_row_stop_a_class_a_stream_at_the_fiftieth() {
    on_both(|w| async move {
        let owner = Owner::new(w.db, &["t.s1.n1"]).await;
        let n1 = node_id("t.s1.n1");
        owner.hello(&n1, 1).await;
        let records: Vec<_> = (1..=POISON_HOLD as u64 + 5).map(|seq| world::unreadable(seq, &n1, owner.now())).collect();
        let applied = owner.apply_with(ApplyMode::Savepoints, &n1, Stream::Audit, 0, records.clone()).await.unwrap();
        assert_eq!((applied.cursor.get(), applied.poison_run), (u64::from(POISON_HOLD), POISON_HOLD), "{}", w.kind);
        let next = owner.apply(&n1, Stream::Audit, u64::from(POISON_HOLD), records[POISON_HOLD as usize..].to_vec()).await;
        assert!(matches!(next, Err(ApplyError::Poison { poison_run: POISON_HOLD, .. })), "{next:?}");
    });
}

#[test]
fn as_052_a_record_logged_again_after_too_long_is_quarantined() {
    on_both(|w| async move {
        let owner = Owner::new(w.db, &["t.s1.n1"]).await;
        let n1 = node_id("t.s1.n1");
        owner.hello(&n1, 1).await;
        let mut old = record(1, body::refused("expired", owner.now()), &n1, owner.now() - TimeDelta::days(i64::from(RELOG_DAYS_MAX) + 1));
        owner.apply_with(ApplyMode::Savepoints, &n1, Stream::Audit, 0, vec![old.clone()]).await.unwrap();
        assert_eq!(owner.counter("checkin_refused", "s1/expired").await, 1, "old alone is no fault");
        old.event.relogof = Some("1-00000000000000aa/1".to_owned());
        old.event.id = id::event(9);
        old.seq = Seq::new(2);
        let applied = owner.apply_with(ApplyMode::Savepoints, &n1, Stream::Audit, 1, vec![old]).await.unwrap();
        assert_eq!(applied.quarantined, 1, "{}", w.kind);
    });
}

#[test]
fn a_check_in_at_another_store_ends_the_first_visit_and_its_store_is_told() {
    on_both(|w| async move {
        let mut owner = Owner::new(w.db, &["t.s1.n1", "t.s2.n1"]).await;
        let (n1, n2) = (node_id("t.s1.n1"), node_id("t.s2.n1"));
        let customer = owner.customer(1).await;
        owner.pass(1, customer).await;
        owner.pass(2, customer).await;
        owner.hello(&n1, 1).await;
        owner.hello(&n2, 1).await;
        let t0 = owner.now();
        owner.apply(&n1, Stream::Sess, 0, vec![record(1, body::opened(1, 1, t0), &n1, t0)]).await.unwrap();
        let seen = body::seen(1, "pets", t0 + TimeDelta::seconds(30));
        owner.apply(&n1, Stream::Sess, 1, vec![record(2, seen, &n1, t0)]).await.unwrap();
        owner.drain().await;
        let t1 = t0 + TimeDelta::minutes(10);
        owner.apply(&n2, Stream::Sess, 0, vec![record(1, body::opened(2, 2, t1), &n2, t1)]).await.unwrap();

        let told = owner.source.next().await;
        assert!(told.outbox.iter().any(|row| matches!(&row.message,
            Message::VisitClosed { visit, reason: CloseReason::HandedOver, ended_at, .. } if *visit == id::visit(1) && *ended_at == t0 + TimeDelta::seconds(30))));
        assert!(told.outbox.iter().any(|row| matches!(&row.message, Message::VisitOpened { visit, .. } if *visit == id::visit(2))));
        let streams: Vec<_> = told.logged.iter().map(|logged| (logged.node.clone(), logged.stream)).collect();
        assert_eq!(streams, [(n1.clone(), DownStream::Order), (n1.clone(), DownStream::Desired)], "{}", w.kind);
        let orders = owner.ingest.read(&n1, Stream::Order, Seq::ZERO, 10, 1 << 16).await.unwrap();
        assert!(std::str::from_utf8(&orders.rows[0].event).unwrap().contains("aisle.visit.close.v1"));
        let conn = &mut owner.db.read().await.unwrap();
        assert_eq!(visit::open_of_customer(conn, customer).await.unwrap().unwrap().visit, id::visit(2));
        assert_eq!(visit::find(conn, id::visit(1)).await.unwrap().unwrap().zone.unwrap().as_str(), "pets");
    });
}

#[test]
fn a_visit_heard_of_after_the_next_one_is_closed_from_the_start() {
    on_both(|w| async move {
        let mut owner = Owner::new(w.db, &["t.s1.n1", "t.s2.n1"]).await;
        let (n1, n2) = (node_id("t.s1.n1"), node_id("t.s2.n1"));
        let customer = owner.customer(1).await;
        owner.pass(1, customer).await;
        owner.pass(2, customer).await;
        owner.hello(&n1, 1).await;
        owner.hello(&n2, 1).await;
        let (early, late) = (owner.now() - TimeDelta::hours(1), owner.now());
        owner.apply(&n2, Stream::Sess, 0, vec![record(1, body::opened(2, 2, late), &n2, late)]).await.unwrap();
        owner.drain().await;
        owner.apply(&n1, Stream::Sess, 0, vec![record(1, body::opened(1, 1, early), &n1, early)]).await.unwrap();
        let told = owner.source.next().await;
        assert!(told.outbox.is_empty(), "{}: nobody is greeted for a visit that is over: {told:?}", w.kind);
        let conn = &mut owner.db.read().await.unwrap();
        let first = visit::find(conn, id::visit(1)).await.unwrap().unwrap();
        assert_eq!((first.closed_at, first.closed_reason), (Some(late), Some(CloseReason::HandedOver)));
        assert_eq!(visit::open_of_customer(conn, customer).await.unwrap().unwrap().visit, id::visit(2));
    });
}

#[test]
fn stores_that_open_a_visit_of_one_customer_at_once_leave_one_open() {
    on_both(|w| async move {
        let owner = Owner::new(w.db, &["t.s1.n1", "t.s2.n1", "t.s3.n1"]).await;
        let customer = owner.customer(1).await;
        let nodes = ["t.s1.n1", "t.s2.n1", "t.s3.n1"].map(node_id);
        for (n, node) in (1..).zip(&nodes) {
            owner.pass(n, customer).await;
            owner.hello(node, 1).await;
        }
        let now = owner.now();
        for round in 0..8_u8 {
            let open = async |n: u8| {
                let (node, visit) = (&nodes[usize::from(n) - 1], round * 3 + n);
                let at = now + TimeDelta::milliseconds(i64::from(visit));
                let records = vec![record(u64::from(round) + 1, body::opened(visit, n, at), node, at)];
                // As the receiver does: a transient failure is tried again, here as often as it may lose the race.
                for _ in 0..nodes.len() {
                    match owner.apply(node, Stream::Sess, u64::from(round), records.clone()).await {
                        Err(ApplyError::Transient(_)) => {}
                        other => return other.map(drop),
                    }
                }
                panic!("{}: lost the race more often than there are rivals", w.kind)
            };
            let (a, b, c) = tokio::join!(open(1), open(2), open(3));
            for outcome in [a, b, c] {
                outcome.unwrap();
            }
            let conn = &mut owner.db.read().await.unwrap();
            let open = visit::open_of_customer(conn, customer).await.unwrap().unwrap();
            assert_eq!(open.visit, id::visit(round * 3 + 3), "{}: the one that was opened last", w.kind);
            assert_eq!(visit::open_counts(conn).await.unwrap().iter().map(|(_, count)| count).sum::<u32>(), 1);
        }
    });
}

#[test]
fn a_visit_whose_pass_is_unknown_addresses_nobody() {
    on_both(|w| async move {
        let mut owner = Owner::new(w.db, &["t.s1.n1"]).await;
        let n1 = node_id("t.s1.n1");
        owner.hello(&n1, 1).await;
        owner.drain().await;
        let t0 = owner.now();
        let unknown = body::seen(7, "pets", t0);
        owner
            .apply(
                &n1,
                Stream::Sess,
                0,
                vec![record(1, body::opened(1, 9, t0), &n1, t0), record(2, unknown, &n1, t0), record(3, body::closed(1, t0), &n1, t0)],
            )
            .await
            .unwrap();
        let told = owner.source.next().await;
        let [row] = told.outbox.as_slice() else { panic!("{}: {told:?}", w.kind) };
        assert!(matches!(&row.message, Message::VisitClosed { customer: None, .. }));
    });
}

#[test]
fn the_outcome_of_an_order_finds_the_customer_who_waits_for_it() {
    on_both(|w| async move {
        let mut owner = Owner::new(w.db, &["t.s1.n1"]).await;
        let n1 = node_id("t.s1.n1");
        let customer = owner.customer(1).await;
        owner.hello(&n1, 1).await;
        let order = owner.admit(&n1, customer).await;
        assert!(matches!(owner.try_admit(&n1, customer).await, Err(visit::AdmitError::Replayed)), "{}", w.kind);
        owner.drain().await;
        let done = OrderDone { order, outcome: OrderOutcome::Refused, reason: Some("expired".to_owned()), visit: None };
        owner.apply(&n1, Stream::Audit, 0, vec![record(1, Body::OrderDone(Box::new(done)), &n1, owner.now())]).await.unwrap();
        let told = owner.source.next().await;
        assert!(matches!(&told.outbox[0].message, Message::OrderDone { customer: Some(c), .. } if *c == customer));
    });
}

#[test]
fn as_033_batches_of_many_stores_that_come_at_once_each_get_their_own_answer() {
    on_both(|w| async move {
        let names: Vec<String> = (0..40).map(|n| format!("t.s{n}.n1")).collect();
        let mut owner = Owner::new(w.db, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let nodes: Vec<_> = names.iter().map(|name| node_id(name)).collect();
        for (n, node) in (1..).zip(&nodes) {
            owner.hello(node, n).await;
        }
        owner.drain().await;
        let t = owner.now();
        let of_facts = body::refused("expired", t).stream();
        let mut batches = Vec::new();
        for (n, node) in (1_u8..).zip(&nodes) {
            let session = u64::from(n);
            let plays = (1..=3).map(|seq| record(seq, body::play(seq, t), node, t)).collect();
            batches.push((node, owner.batch(1, session, Stream::Tele, 0, plays)));
            let facts = match n {
                // One that nobody can read, one whose cursor is another, and one of a session that is over: each alone.
                7 => vec![world::unreadable(1, node, t)],
                _ => vec![record(1, body::refused("expired", t), node, t)],
            };
            let (stood, session) = (if n == 8 { 5 } else { 0 }, if n == 9 { 99 } else { session });
            batches.push((node, owner.batch(1, session, of_facts, stood, facts)));
        }
        let answers = join_all(batches.iter().map(|(node, batch)| owner.ingest.apply(node, batch))).await;
        let mut told = 0;
        for (at, ((node, batch), answer)) in batches.iter().zip(answers).enumerate() {
            match (batch.stream == of_facts, at / 2 + 1, answer) {
                (true, 7, Err(ApplyError::Poison { index: 0, .. }))
                | (true, 8, Err(ApplyError::Conflict { cursor: Seq::ZERO }))
                | (true, 9, Err(ApplyError::Fenced)) => {}
                (true, n, Ok(applied)) if ![7, 8, 9].contains(&n) => {
                    told += 1;
                    assert_eq!(applied.cursor, Seq::new(1));
                }
                (false, _, Ok(applied)) => assert_eq!(applied.cursor, Seq::new(3)),
                (_, n, other) => panic!("{node} ({n}), {}: {other:?}", batch.stream),
            }
        }
        assert_eq!(told, nodes.len() - 3);
        let conn = &mut owner.db.read().await.unwrap();
        for (n, node) in (1..).zip(&nodes) {
            assert_eq!(surface::plays(conn, node).await.unwrap(), 3, "{node} on {}", w.kind);
            assert_eq!(cursor::journalled(conn, node).await.unwrap(), u64::from(![7, 8, 9].contains(&n)), "{node} on {}", w.kind);
        }
    });
}

#[test]
fn plays_and_taps_count_once_by_their_natural_key() {
    on_both(|w| async move {
        let owner = Owner::new(w.db, &["t.s1.n1"]).await;
        let n1 = node_id("t.s1.n1");
        owner.hello(&n1, 1).await;
        let t = owner.now();
        let records = |first: u64| {
            let plays = (0..30_u64).map(|n| (first + n, body::play(n / 2 + 1, t)));
            let taps = (30..34_u64).map(|n| (first + n, body::tap(u8::try_from(n / 2).unwrap(), t)));
            plays.chain(taps).map(|(seq, body)| record(seq, body, &n1, t)).collect::<Vec<_>>()
        };
        owner.apply(&n1, Stream::Tele, 0, records(1)).await.unwrap();
        owner.apply(&n1, Stream::Tele, 34, records(35)).await.unwrap();
        let conn = &mut owner.db.read().await.unwrap();
        assert_eq!((surface::plays(conn, &n1).await.unwrap(), surface::taps(conn, &n1).await.unwrap()), (15, 2), "{}", w.kind);
    });
}

#[test]
fn as_062_documents_of_an_older_epoch_go_once_the_new_numbering_is_read() {
    on_both(|w| async move {
        let mut owner = Owner::new(w.db, &["t.s1.n1"]).await;
        let n1 = node_id("t.s1.n1");
        owner.hello(&n1, 1).await;
        let t = owner.now();
        let zones = ["pets", "fresh"].into_iter().zip(1..).map(|(zone, seq)| record(seq, body::zone(zone, t), &n1, t)).collect();
        owner.apply(&n1, Stream::Reported, 0, zones).await.unwrap();
        owner.hello_in_epoch(&n1, 2, 2).await;
        owner.drain().await;
        let mut batch = owner.batch(2, 2, Stream::Reported, 0, vec![record(1, body::zone("pets", t), &n1, t)]);
        batch.base = Seq::new(1);
        owner.ingest.apply(&n1, &batch).await.unwrap();
        let told = owner.source.next().await;
        assert!(matches!(&told.outbox[0].message, Message::Reported { key, .. } if key == "zone/pets"));
        let keys: Vec<_> =
            reported::of_node(&mut owner.db.read().await.unwrap(), &n1).await.unwrap().into_iter().map(|row| row.key).collect();
        assert_eq!(keys, ["zone/pets"], "{}", w.kind);
    });
}

#[test]
fn as_081_presence_moves_only_with_the_stored_session() {
    on_both(|w| async move {
        let owner = Owner::new(w.db, &["t.s1.n1"]).await;
        let n1 = node_id("t.s1.n1");
        owner.hello(&n1, 2).await;
        let state = || async { node::all(&mut owner.db.read().await.unwrap()).await.unwrap()[0].state };
        assert!(!owner.ingest.presence(&n1, world::session(1), NodeStatus::Offline, owner.now()).await.unwrap());
        assert_eq!(state().await, NodeState::Online, "{}: a late death changes nothing", w.kind);
        assert!(owner.ingest.presence(&n1, world::session(2), NodeStatus::Offline, owner.now()).await.unwrap());
        assert_eq!(state().await, NodeState::Offline);
    });
}

#[test]
fn as_082_a_node_is_lost_when_its_will_stood_or_nothing_came_and_returns_when_heard() {
    on_both(|w| async move {
        let owner = Owner::new(w.db, &["t.s1.n1", "t.s2.n1"]).await;
        let (n1, n2) = (node_id("t.s1.n1"), node_id("t.s2.n1"));
        owner.hello(&n1, 1).await;
        owner.hello(&n2, 1).await;
        let t = owner.now();
        assert!(owner.ingest.presence(&n1, world::session(1), NodeStatus::Lost, t).await.unwrap());
        let expiry = |silent, will| PresenceExpiry { silent_before: silent, will_before: will };
        assert!(owner.ingest.expire_presence(&expiry(None, t)).await.unwrap().is_empty(), "{}: the will has not stood yet", w.kind);
        assert_eq!(owner.ingest.expire_presence(&expiry(None, t + TimeDelta::seconds(1))).await.unwrap(), std::slice::from_ref(&n1));
        let later = t + TimeDelta::minutes(5);
        owner.ingest.touch(&[(n1.clone(), Heard { session: world::session(1), skew: TimeDelta::zero() })], later).await.unwrap();
        let lost = owner.ingest.expire_presence(&expiry(Some(later), t)).await.unwrap();
        assert_eq!(lost, std::slice::from_ref(&n2), "heard again is back, silent is lost");
        owner.apply(&n2, Stream::Audit, 0, vec![record(1, body::refused("expired", t), &n2, t)]).await.unwrap();
        let states: Vec<_> = node::all(&mut owner.db.read().await.unwrap()).await.unwrap().into_iter().map(|row| row.state).collect();
        assert_eq!(states, [NodeState::Online, NodeState::Online], "{}: what is applied proves life", w.kind);
    });
}

fn document(n: u8, key: &str, value: Option<u32>) -> DownWrite {
    world::document("t.s1.n1", n, key, value)
}

#[test]
fn as_075_only_the_newest_revision_of_a_document_is_sent_and_marks_come_with_the_write() {
    on_both(|w| async move {
        let owner = Owner::new(w.db, &["t.s1.n1"]).await;
        let n1 = node_id("t.s1.n1");
        owner.hello(&n1, 1).await;
        let first = down::put(&owner.db, vec![document(1, "screen/a", Some(1)), document(2, "screen/b", Some(1))]).await.unwrap();
        let second = down::put(&owner.db, vec![document(3, "screen/a", Some(2))]).await.unwrap();
        assert_eq!((first[0].head, second[0].head), (Seq::new(2), Seq::new(3)));
        assert_eq!(second[0].mark, first[0].mark.next(), "{}", w.kind);
        let same = down::put_changed(&owner.db, vec![document(4, "screen/a", Some(2)), document(5, "screen/b", None)]).await.unwrap();
        assert_eq!(same[0].head, Seq::new(4), "what is in force already is not written again");
        let rows = owner.ingest.read(&n1, Stream::Desired, Seq::ZERO, 10, 1 << 16).await.unwrap();
        assert_eq!(rows.rows.iter().map(|row| row.seq.get()).collect::<Vec<_>>(), [3, 4]);
        assert!(rows.rows.iter().all(aisle_mesh::sync::log::LogRow::is_intact));
        assert_eq!((rows.to, rows.left.get()), (Seq::new(4), 0));
        let part = owner.ingest.read(&n1, Stream::Desired, Seq::ZERO, 1, 1 << 16).await.unwrap();
        assert_eq!((part.rows.len(), part.to, part.left.get()), (1, Seq::new(3), 1));
        let narrow = owner.ingest.read(&n1, Stream::Desired, Seq::ZERO, 10, 1).await.unwrap();
        assert_eq!((narrow.rows.len(), narrow.to), (1, Seq::new(3)), "at least one row");
        let state = owner.ingest.state(&n1).await.unwrap();
        assert_eq!(state.streams.get(Stream::Desired).unwrap().high, Seq::new(4), "written is as good as sent");
        assert_eq!(owner.ingest.commit_sent(&n1, state.epoch, Stream::Order, Seq::ZERO).await.unwrap(), state.mark.next());
    });
}

#[test]
fn as_073_a_log_without_an_open_session_keeps_the_mark_by_which_hello_knows_that_it_was_set_back() {
    on_both(|w| async move {
        let owner = Owner::new(w.db, &["t.s1.n1"]).await;
        let n1 = node_id("t.s1.n1");
        let before = owner.ingest.state(&n1).await.unwrap();
        let logged = down::put(&owner.db, vec![world::order("t.s1.n1", 1)]).await.unwrap();
        assert_eq!((logged[0].head, logged[0].mark, logged[0].reserved), (Seq::new(1), before.mark, false), "{}", w.kind);
        let closed = owner.ingest.state(&n1).await.unwrap();
        assert_eq!((closed.mark, closed.streams.get(Stream::Order).unwrap().high), (before.mark, Seq::ZERO), "{}", w.kind);
        owner.hello(&n1, 1).await;
        let logged = down::put(&owner.db, vec![world::order("t.s1.n1", 2)]).await.unwrap();
        assert!(logged[0].reserved && logged[0].mark > before.mark, "{}", w.kind);
        let open = owner.ingest.state(&n1).await.unwrap();
        assert_eq!(open.streams.get(Stream::Order).unwrap().high, Seq::new(2), "{}", w.kind);
    });
}

#[test]
fn as_060_a_new_down_epoch_logs_orders_again_and_numbers_documents_from_one() {
    on_both(|w| async move {
        let owner = Owner::new(w.db, &["t.s1.n1"]).await;
        let n1 = node_id("t.s1.n1");
        owner.hello(&n1, 1).await;
        let old = owner.ingest.state(&n1).await.unwrap();
        down::put(&owner.db, vec![world::order("t.s1.n1", 1), world::order("t.s1.n1", 2)]).await.unwrap();
        down::put(&owner.db, vec![document(3, "a", Some(1)), document(4, "b", Some(1)), document(5, "a", None), document(6, "c", Some(1))])
            .await
            .unwrap();
        let peer = Epoch { counter: 9, random: 9 };
        let wish = EpochRequest {
            reason: EpochReason::DiskBehind,
            random: 0xabc,
            peer_epoch: Some(peer),
            peer_cursors: Default::default(),
            mark_min: Mark::new(1_000),
            session_min: 0,
        };
        let epoch = owner.ingest.begin_epoch(&n1, &wish).await.unwrap();
        assert_eq!(epoch, Epoch { counter: 10, random: 0xabc });
        let state = owner.ingest.state(&n1).await.unwrap();
        assert!(state.lineage.contains(&old.epoch) && state.lineage.contains(&peer), "{}", w.kind);
        assert_eq!(state.mark, Mark::new(1_000));
        let desired = state.streams.get(Stream::Desired).unwrap();
        assert_eq!((desired.base.get(), desired.next.get(), desired.kept.get(), desired.acked.get()), (2, 3, 1, 0));
        let orders = owner.ingest.read(&n1, Stream::Order, Seq::ZERO, 10, 1 << 16).await.unwrap();
        let relogged: Vec<_> = orders.rows.iter().map(|row| (row.seq.get(), row.id, row.relogof.clone().unwrap())).collect();
        assert_eq!(relogged, [(1, id::event(1), format!("{}/1", old.epoch)), (2, id::event(2), format!("{}/2", old.epoch))]);
        let documents = owner.ingest.read(&n1, Stream::Desired, Seq::ZERO, 10, 1 << 16).await.unwrap();
        assert_eq!(documents.rows.iter().map(|row| row.seq.get()).collect::<Vec<_>>(), [1, 2]);
        // A write after it goes on from there.
        let next = down::put(&owner.db, vec![document(7, "a", Some(2))]).await.unwrap();
        assert_eq!(next[0].head, Seq::new(3));
    });
}

fn wish(counter: u64) -> EpochRequest {
    EpochRequest {
        reason: EpochReason::PeerForeign,
        random: counter,
        peer_epoch: Some(Epoch { counter, random: 1 }),
        peer_cursors: Default::default(),
        mark_min: Mark::ZERO,
        session_min: 0,
    }
}

#[test]
fn as_047_an_acknowledgement_is_never_written_into_another_epoch_and_not_forgotten_by_a_failed_write() {
    on_both(|w| async move {
        let owner = Owner::new(w.db, &["t.s1.n1"]).await;
        let n1 = node_id("t.s1.n1");
        owner.hello(&n1, 1).await;
        down::put(&owner.db, vec![document(1, "a", Some(1)), document(2, "b", Some(1))]).await.unwrap();
        let old = owner.down_epoch(&n1).await;
        owner.ingest.commit_acked(&n1, old, Stream::Desired, Seq::new(2)).await.unwrap();
        let new = owner.ingest.begin_epoch(&n1, &wish(20)).await.unwrap();
        let expiry = PresenceExpiry { silent_before: None, will_before: owner.now() };
        owner.ingest.expire_presence(&expiry).await.unwrap();
        let stored = async || owner.stored(&n1).await.desired.acked.get();
        assert_eq!((stored().await, owner.acked(&n1, Stream::Desired).await), (0, 0), "{}: the numbers are of the old epoch", w.kind);

        owner.ingest.commit_acked(&n1, new, Stream::Desired, Seq::new(1)).await.unwrap();
        owner.ingest.let_go(n1.partition());
        let others = world::take_all(&Ingest::new(owner.db.clone(), ManualClock::new(), Feed::new().0, world::instance())).await;
        assert!(matches!(owner.ingest.expire_presence(&expiry).await, Err(LogError::Fenced)), "{}: {}", w.kind, others.len());
        world::take_all(&owner.ingest).await;
        owner.ingest.expire_presence(&expiry).await.unwrap();
        assert_eq!(stored().await, 1, "{}: written once it can be", w.kind);
    });
}

#[test]
fn as_073_nothing_is_read_or_numbered_for_an_epoch_that_ended_under_the_open_session() {
    on_both(|w| async move {
        let owner = Owner::new(w.db, &["t.s1.n1"]).await;
        let n1 = node_id("t.s1.n1");
        owner.hello(&n1, 1).await;
        down::put(&owner.db, vec![document(1, "a", Some(1)), document(2, "a", Some(2))]).await.unwrap();
        let old = owner.down_epoch(&n1).await;
        let source = aisle_schemas::event::Source::Cloud(n1.tenant.clone());
        let context = LoadContext { node: n1.clone(), source, session: world::session(1), term: None };
        let request = |epoch| LoadRequest {
            ticket: 1,
            epoch,
            stream: Stream::Desired,
            base: Seq::ZERO,
            after: Seq::ZERO,
            max_records: 10,
            max_bytes: 1 << 16,
            reserved: None,
            corrupt: None,
        };
        let stamp = || Stamp { id: id::event(9), time: owner.now() };
        assert_eq!(load(&owner.ingest, &context, &request(old), stamp()).await.unwrap().0.to, Seq::new(2), "{}", w.kind);
        let new = owner.ingest.begin_epoch(&n1, &wish(20)).await.unwrap();
        let late = load(&owner.ingest, &context, &request(old), stamp()).await;
        assert!(matches!(late, Err(LogError::OtherEpoch)), "{}: {late:?}", w.kind);
        let late = owner.ingest.commit_sent(&n1, old, Stream::Desired, Seq::new(2)).await;
        assert!(matches!(late, Err(LogError::OtherEpoch)), "{}: {late:?}", w.kind);
        assert_eq!(owner.stored(&n1).await.desired.high, Seq::ZERO, "{}", w.kind);
        assert_eq!(load(&owner.ingest, &context, &request(new), stamp()).await.unwrap().0.to, Seq::new(1), "{}: numbered anew", w.kind);
    });
}

#[test]
fn as_009_applied_orders_and_markers_stay_three_days_and_then_go() {
    on_both(|w| async move {
        let owner = Owner::new(w.db, &["t.s1.n1"]).await;
        let n1 = node_id("t.s1.n1");
        down::put(&owner.db, vec![world::order("t.s1.n1", 1), world::order("t.s1.n1", 2)]).await.unwrap();
        down::put(&owner.db, vec![document(3, "a", Some(1)), document(4, "a", None), document(5, "b", Some(1))]).await.unwrap();
        let epoch = owner.down_epoch(&n1).await;
        owner.ingest.commit_acked(&n1, epoch, Stream::Order, Seq::new(1)).await.unwrap();
        owner.ingest.commit_acked(&n1, epoch, Stream::Desired, Seq::new(3)).await.unwrap();
        assert_eq!(owner.ingest.state(&n1).await.unwrap().streams.get(Stream::Order).unwrap().acked, Seq::new(1), "before it is written");
        owner.ingest.expire_presence(&PresenceExpiry { silent_before: None, will_before: owner.now() }).await.unwrap();
        let trim = |days| aisle_store::retention::apply(&owner.db, owner.now() + TimeDelta::days(days));
        trim(0).await.unwrap();
        trim(2).await.unwrap();
        assert_eq!(owner.ingest.state(&n1).await.unwrap().streams.get(Stream::Order).unwrap().kept, Seq::new(1), "{}", w.kind);
        trim(4).await.unwrap();
        let state = owner.ingest.state(&n1).await.unwrap();
        let kept = |stream| state.streams.get(stream).unwrap().kept.get();
        assert_eq!((kept(Stream::Order), kept(Stream::Desired)), (2, 3), "{}", w.kind);
        let orders = owner.ingest.read(&n1, Stream::Order, Seq::ZERO, 10, 1 << 16).await.unwrap();
        assert_eq!(orders.rows.iter().map(|row| row.seq.get()).collect::<Vec<_>>(), [2]);
        let documents = owner.ingest.read(&n1, Stream::Desired, Seq::ZERO, 10, 1 << 16).await.unwrap();
        assert_eq!(documents.rows.iter().map(|row| row.seq.get()).collect::<Vec<_>>(), [3], "what is in force never goes");
    });
}
