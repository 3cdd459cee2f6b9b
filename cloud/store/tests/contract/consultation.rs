//! Contract of handshakes: each step from the one before it, a grant once, one record after the other.

use aisle_schemas::{
    handshake::{HandshakeId, Scope},
    http::cloud::{HandshakeState, StaffCard},
    ids::{CustomerId, DeviceId, EventId, NodeId, StoreId, VisitId},
};
use aisle_store::{
    Db, StoreError,
    consultation::{self, Announced, FieldsRead, Granted, NewRecord},
    testing::{World, on_both},
};
use chrono::{DateTime, TimeDelta, Utc};

fn at(s: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_500_000 + s, 0).unwrap()
}
fn id() -> HandshakeId {
    HandshakeId::from_random([5; 16])
}
fn customer(n: u8) -> CustomerId {
    CustomerId::new(1, [n; 10])
}
fn visit(n: u8) -> VisitId {
    VisitId::new(1, [n; 10])
}

async fn announce(db: &Db) {
    let offer = Announced {
        commit: "3".repeat(64),
        staff: StaffCard { staff: "1042".to_owned(), first_name: "Mia".to_owned(), photo: None, role: "Beratung".to_owned() },
        device: DeviceId::parse("tablet-1").unwrap(),
        device_sha256: "5".repeat(64),
        wanted: vec![Scope::Wishlist],
        reason: String::new(),
    };
    let named = (id(), NodeId::parse("acme.s1.n1").unwrap(), EventId::new(1, [9; 10]));
    consultation::announce(db, named, offer, (at(0), at(300))).await.unwrap();
}

fn record(grant: u8, place: u64) -> NewRecord {
    NewRecord {
        id: EventId::new(1, [grant; 10]),
        customer: customer(1),
        place,
        record: format!("{{\"place\":{place}}}"),
        sha256: [grant; 32],
        signature: [0; 64],
        at: at(60),
    }
}

fn granted(grant: u8, place: u64) -> Granted {
    Granted { scopes: vec![Scope::Wishlist], until: at(660), record: record(grant, place) }
}

#[test]
fn a_handshake_goes_one_way_and_a_grant_is_good_once() {
    on_both(|World { db, kind, .. }| async move {
        announce(&db).await;
        announce(&db).await;
        assert!(matches!(consultation::grant(&db, id(), granted(1, 1)).await, Err(StoreError::Stale)), "{kind}: nobody claimed it");
        consultation::claim(&db, id(), customer(1), visit(1)).await.unwrap();
        consultation::claim(&db, id(), customer(1), visit(1)).await.unwrap();
        assert!(matches!(consultation::claim(&db, id(), customer(2), visit(2)).await, Err(StoreError::Stale)), "{kind}: the first stays");

        consultation::grant(&db, id(), granted(1, 1)).await.unwrap();
        assert!(matches!(consultation::grant(&db, id(), granted(1, 2)).await, Err(StoreError::Conflict(_))), "{kind}: a replay");
        assert!(matches!(consultation::grant(&db, id(), granted(2, 1)).await, Err(StoreError::Conflict(_))), "{kind}: its place is taken");
        let mut connection = db.read().await.unwrap();
        assert_eq!(consultation::newest_record(&mut connection, customer(1)).await.unwrap(), Some((1, [1; 32])), "{kind}");
        let row = consultation::find(&mut connection, id()).await.unwrap().unwrap();
        assert_eq!((row.state, row.seq, row.until), (HandshakeState::Active, 1, Some(at(660))), "{kind}");
        drop(connection);

        assert!(consultation::renew(&db, id(), at(659)).await.unwrap(), "{kind}");
        assert!(!consultation::renew(&db, id(), at(660)).await.unwrap(), "{kind}: its time is over");
        assert!(consultation::end(&db, id(), "revoked", Some(record(3, 2)), at(70)).await.unwrap(), "{kind}");
        assert!(!consultation::end(&db, id(), "ended", Some(record(4, 3)), at(71)).await.unwrap(), "{kind}: it is over already");
        assert!(!consultation::renew(&db, id(), at(71)).await.unwrap(), "{kind}");
        assert!(matches!(consultation::grant(&db, id(), granted(5, 3)).await, Err(StoreError::Stale)), "{kind}");
        let mut connection = db.read().await.unwrap();
        let records = consultation::records(&mut connection, customer(1), 10).await.unwrap();
        let hashes: Vec<[u8; 32]> = records.iter().map(|(_, hash, _)| *hash).collect();
        assert_eq!(hashes, [[1; 32], [3; 32]], "{kind}: what was refused left no record");
    });
}

#[test]
fn each_field_that_was_read_is_an_entry_with_who_read_it() {
    on_both(|World { db, kind, .. }| async move {
        announce(&db).await;
        let fields =
            ["wishlist.0", "wishlist.1"].into_iter().zip(1..).map(|(name, n)| (EventId::new(n, [1; 10]), name.to_owned())).collect();
        let read = FieldsRead { store: StoreId::parse("s1").unwrap(), staff: "1042".to_owned(), fields, at: at(80) };
        consultation::enter_read(&db, id(), read).await.unwrap();
        let entries = consultation::fields_read(&mut db.read().await.unwrap(), id()).await.unwrap();
        let by = "adviser/s1/1042".to_owned();
        assert_eq!(entries, [(by.clone(), "wishlist.0".to_owned()), (by, "wishlist.1".to_owned())], "{kind}");
    });
}

#[test]
fn a_field_that_is_read_over_and_over_hides_no_other() {
    on_both(|World { db, kind, .. }| async move {
        announce(&db).await;
        let read = |names: Vec<&str>, from: u64| FieldsRead {
            store: StoreId::parse("s1").unwrap(),
            staff: "1042".to_owned(),
            fields: names.into_iter().zip(from..).map(|(name, n)| (EventId::new(n, [1; 10]), name.to_owned())).collect(),
            at: at(80),
        };
        consultation::enter_read(&db, id(), read(vec!["wishlist.0"; 1_001], 1)).await.unwrap();
        consultation::enter_read(&db, id(), read(vec!["sizes.0"], 2_000)).await.unwrap();
        let entries = consultation::fields_read(&mut db.read().await.unwrap(), id()).await.unwrap();
        let fields: Vec<&str> = entries.iter().map(|(_, field)| field.as_str()).collect();
        assert_eq!(fields, ["sizes.0", "wishlist.0"], "{kind}");
    });
}

#[test]
fn time_ends_what_was_granted_and_what_was_claimed_and_never_answered() {
    on_both(|World { db, kind, .. }| async move {
        let due = async |s| consultation::due(&mut db.read().await.unwrap(), (at(s), at(s - 360)), 10).await.unwrap();
        let open = async || consultation::open_of_customer(&mut db.read().await.unwrap(), customer(1), 10).await.unwrap();
        announce(&db).await;
        assert_eq!((due(10_000).await, open().await), (vec![], vec![]), "{kind}: nobody claimed it");
        consultation::claim(&db, id(), customer(1), visit(1)).await.unwrap();
        assert_eq!((due(659).await, due(660).await, open().await), (vec![], vec![id()], vec![id()]), "{kind}");
        consultation::grant(&db, id(), Granted { until: at(1_000), ..granted(1, 1) }).await.unwrap();
        assert_eq!((due(999).await, due(1_000).await, open().await), (vec![], vec![id()], vec![id()]), "{kind}");
        assert!(consultation::end(&db, id(), "expired", Some(record(2, 2)), at(1_000)).await.unwrap(), "{kind}");
        assert_eq!((due(1_000).await, open().await), (vec![], vec![]), "{kind}");
    });
}

#[test]
fn what_somebody_tells_about_themselves_is_one_row_that_the_newest_replaces() {
    on_both(|World { db, kind, .. }| async move {
        for (sealed, s) in [(vec![1, 2], 0), (vec![3], 1)] {
            consultation::put_about_me(&db, customer(1), sealed, at(0) + TimeDelta::seconds(s)).await.unwrap();
        }
        let mut connection = db.read().await.unwrap();
        assert_eq!(consultation::about_me(&mut connection, customer(1)).await.unwrap(), Some(vec![3]), "{kind}");
        assert_eq!(consultation::about_me(&mut connection, customer(2)).await.unwrap(), None, "{kind}");
    });
}
