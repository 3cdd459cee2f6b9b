//! Contract of rollouts, on both databases: a step stands whole, is fenced by its version, and gives back what it took.

use aisle_cloud_core::rollout::{Order, Phase, Progress, Reason, Report, Target, Terms};
use aisle_schemas::{
    event::Event,
    ids::{EventId, StoreId},
};
use aisle_store::{
    Db, DownStream, DownWrite, StoreError,
    audit::{self, Actor},
    down,
    rollout::{self, NewRollout, RolloutRow, Step},
    testing::{World, on_both},
};
use serde_json::value::RawValue;

use crate::common::{at, enrol, id, node};

const KEY: &str = "screen/window-1";

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

fn store(n: u8) -> StoreId {
    StoreId::parse(&format!("s{n}")).unwrap()
}

fn new(n: u8) -> NewRollout {
    let target = |n| (Target { store: store(n), wave: 0, progress: Progress::Waiting }, node(&format!("t.s{n}.n1")));
    NewRollout {
        rollout: id::event(n),
        name: "Herbst".to_owned(),
        key: KEY.to_owned(),
        body: raw(r#"{"new": 1}"#),
        terms: Terms { per_minute: 10, rejected_percent_max: 0, applied_percent_min: 100, patience_s: 60 },
        targets: vec![target(1), target(2)],
        by: id::customer(1),
        at: at(0),
        audit: id::event(100 + n),
    }
}

async fn desired(db: &Db, text: &str) -> Option<String> {
    let stored = down::document(&mut db.read().await.unwrap(), &node(text), KEY).await.unwrap()?;
    Event::parse(&stored).unwrap().data.map(|data| data.get().to_owned())
}

async fn found(db: &Db) -> RolloutRow {
    found_as(db, 1).await
}

async fn found_as(db: &Db, n: u8) -> RolloutRow {
    rollout::find(&mut db.read().await.unwrap(), id::event(n)).await.unwrap().unwrap()
}

/// The step that an order is, from the state as it stands.
fn step(row: &RolloutRow, order: Order, first_record: u8) -> Step {
    let mut state = row.state.clone();
    state.apply(&order, at(5));
    let stores = match &order {
        Order::Set(stores) | Order::Restore(stores) => stores.clone(),
        Order::Advance | Order::RollBack(_) | Order::Finish => vec![],
    };
    let written = stores.into_iter().zip(first_record..).map(|(store, n)| (store, id::event(n))).collect();
    Step {
        rollout: row.rollout,
        version: row.version,
        state,
        moved: vec![],
        written,
        order: Some(order),
        audit: Some((id::event(first_record + 50), Actor::Cloud, "rollout.tried", "x".to_owned())),
        at: at(5),
    }
}

#[test]
fn a_rollout_writes_documents_with_its_state_and_gives_the_former_ones_back() {
    on_both(|World { db, kind, .. }| async move {
        enrol(&db, &["t.s1.n1", "t.s2.n1"]).await;
        let old = DownWrite {
            node: node("t.s1.n1"),
            stream: DownStream::Desired,
            id: id::event(90),
            type_name: "aisle.desired.set.v1".to_owned(),
            subject: KEY.to_owned(),
            data: Some(raw(r#"{"old":  1}"#)),
            at: at(0),
            traceparent: None,
        };
        down::put(&db, vec![old]).await.unwrap();
        assert!(rollout::begin(&db, new(1)).await.unwrap(), "{kind}");
        assert!(!rollout::begin(&db, new(2)).await.unwrap(), "{kind}: one at a time for a document");
        let row = found(&db).await;
        assert_eq!((row.version, row.state.phase, row.state.targets.len()), (0, Phase::Running, 2), "{kind}");
        assert_eq!(row.state.terms, new(1).terms, "{kind}");

        let set = step(&row, Order::Set(vec![store(1), store(2)]), 10);
        let logged = rollout::advance(&db, set.clone()).await.unwrap();
        assert_eq!(logged.len(), 2, "{kind}: the owners of the links hear of it");
        assert!(matches!(rollout::advance(&db, set).await, Err(StoreError::Stale)), "{kind}: a step is done once");
        for text in ["t.s1.n1", "t.s2.n1"] {
            assert_eq!(desired(&db, text).await.as_deref(), Some(r#"{"new": 1}"#), "{kind} {text}");
        }
        let conn = &mut db.read().await.unwrap();
        let pending = vec![(store(1), Report::Pending), (store(2), Report::Pending)];
        let mut reports = rollout::reports(conn, id::event(1)).await.unwrap();
        reports.sort_by(|one, other| one.0.cmp(&other.0));
        assert_eq!(reports, pending, "{kind}");
        let held: Vec<String> = rollout::held(conn).await.unwrap().into_iter().map(|(node, key)| format!("{node} {key}")).collect();
        assert_eq!(held.len(), 2, "{kind}: {held:?}");

        let row = found(&db).await;
        assert!(row.state.targets.iter().all(|target| target.progress == Progress::Set { at: at(5) }), "{kind}: {row:?}");
        rollout::advance(&db, step(&row, Order::RollBack(Reason::NotConverged), 20)).await.unwrap();
        rollout::advance(&db, step(&found(&db).await, Order::Restore(vec![store(1), store(2)]), 30)).await.unwrap();
        assert_eq!(desired(&db, "t.s1.n1").await.as_deref(), Some(r#"{"old":  1}"#), "{kind}: to the letter");
        assert_eq!(desired(&db, "t.s2.n1").await, None, "{kind}: it had none");
        rollout::advance(&db, step(&found(&db).await, Order::Finish, 40)).await.unwrap();
        let row = found(&db).await;
        assert_eq!((row.state.phase, row.ended_at), (Phase::RolledBack(Reason::NotConverged), Some(at(5))), "{kind}");
        assert_eq!(rollout::open(conn).await.unwrap(), Vec::<EventId>::new(), "{kind}");
        assert!(rollout::begin(&db, new(2)).await.unwrap(), "{kind}: the document is free again");
        let told = audit::of_subject(conn, &id::event(1).to_string(), 10).await.unwrap();
        assert_eq!(told.first().map(|entry| entry.1.as_str()), Some("rollout.begun"), "{kind}");
        assert_eq!(told.len(), 5, "{kind}: {told:?}");
        assert_eq!(rollout::all(conn).await.unwrap().len(), 2, "{kind}");
    });
}

#[test]
fn a_store_that_was_written_to_by_somebody_else_is_overtaken() {
    on_both(|World { db, kind, .. }| async move {
        enrol(&db, &["t.s1.n1", "t.s2.n1"]).await;
        rollout::begin(&db, new(1)).await.unwrap();
        rollout::advance(&db, step(&found(&db).await, Order::Set(vec![store(1), store(2)]), 10)).await.unwrap();
        let other = DownWrite {
            node: node("t.s2.n1"),
            stream: DownStream::Desired,
            id: id::event(91),
            type_name: "aisle.desired.set.v1".to_owned(),
            subject: KEY.to_owned(),
            data: Some(raw("{}")),
            at: at(6),
            traceparent: None,
        };
        down::put(&db, vec![other]).await.unwrap();
        let conn = &mut db.read().await.unwrap();
        let mut reports = rollout::reports(conn, id::event(1)).await.unwrap();
        reports.sort_by(|one, other| one.0.cmp(&other.0));
        assert_eq!(reports, [(store(1), Report::Pending), (store(2), Report::Overtaken)], "{kind}");
    });
}

#[test]
fn a_roll_back_leaves_alone_what_a_later_rollout_wrote() {
    on_both(|World { db, kind, .. }| async move {
        enrol(&db, &["t.s1.n1", "t.s2.n1"]).await;
        let both = || vec![store(1), store(2)];
        rollout::begin(&db, new(1)).await.unwrap();
        rollout::advance(&db, step(&found(&db).await, Order::Set(both()), 10)).await.unwrap();
        rollout::advance(&db, step(&found(&db).await, Order::Finish, 20)).await.unwrap();
        // The later one reaches one of the two stores.
        let mut later = NewRollout { body: raw(r#"{"later": 2}"#), ..new(2) };
        later.targets.truncate(1);
        assert!(rollout::begin(&db, later).await.unwrap(), "{kind}");
        rollout::advance(&db, step(&found_as(&db, 2).await, Order::Set(vec![store(1)]), 30)).await.unwrap();
        rollout::advance(&db, step(&found_as(&db, 2).await, Order::Finish, 40)).await.unwrap();

        // Nobody has observed anything in between: the transaction itself looks.
        rollout::advance(&db, step(&found(&db).await, Order::RollBack(Reason::Staff), 60)).await.unwrap();
        let logged = rollout::advance(&db, step(&found(&db).await, Order::Restore(both()), 70)).await.unwrap();
        assert_eq!(logged.len(), 1, "{kind}: {logged:?}");
        assert_eq!(desired(&db, "t.s1.n1").await.as_deref(), Some(r#"{"later": 2}"#), "{kind}: the later one stands");
        assert_eq!(desired(&db, "t.s2.n1").await, None, "{kind}: what was not touched since goes back");
        let progress: Vec<Progress> = found(&db).await.state.targets.into_iter().map(|target| target.progress).collect();
        assert_eq!(progress, [Progress::Overtaken { at: at(5) }, Progress::Restored], "{kind}");
    });
}
