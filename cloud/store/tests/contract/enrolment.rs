//! Contract of claims, certificates and revocation, on both databases.

use aisle_store::{
    Db, StoreError,
    enrolment::{self, Giving, NewCertificate, NewClaim},
    node,
    testing::{Durability, PgServer, World, on_both},
};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::common::{at, enrol, id, node as node_id};

fn new_claim(n: u8, text: &str, replaces: Option<&str>) -> NewClaim {
    NewClaim {
        hash: [n; 32],
        node: node_id(text),
        replaces: replaces.map(node_id),
        made_at: at(0),
        expires_at: at(60_000),
        audit: id::event(n),
    }
}

fn certificate(n: u8, text: &str) -> NewCertificate {
    let pem = format!("certificate {n}");
    NewCertificate { fingerprint: [n; 32], node: node_id(text), serial: vec![n, 1], key_hash: [n; 32], pem, not_after: at(1_000_000) }
}

fn giving(n: u8) -> Giving {
    Giving { at: at(1), audit: id::event(100 + n), random: 7 }
}

#[test]
fn a_claim_gives_one_certificate_and_remembers_which() {
    on_both(|World { db, kind, .. }| async move {
        enrolment::put_claim(&db, new_claim(1, "t.s1.n1", None)).await.unwrap();
        let conn = &mut db.read().await.unwrap();
        assert_eq!(enrolment::claim(conn, [9; 32]).await.unwrap(), None, "{kind}");
        let open = enrolment::claim(conn, [1; 32]).await.unwrap().unwrap();
        assert_eq!((open.node, open.expires_at, open.given), (node_id("t.s1.n1"), at(60_000), None), "{kind}");
        enrolment::redeem(&db, [1; 32], None, certificate(1, "t.s1.n1"), giving(1)).await.unwrap();
        let given = enrolment::claim(conn, [1; 32]).await.unwrap().unwrap().given.unwrap();
        assert_eq!((given.key_hash, given.pem.as_str()), ([1; 32], "certificate 1"), "{kind}");
        let again = enrolment::redeem(&db, [1; 32], None, certificate(2, "t.s1.n1"), giving(2)).await;
        assert!(matches!(again, Err(StoreError::Stale)), "{kind}");
        assert_eq!(enrolment::certificates(conn).await.unwrap().len(), 1, "{kind}: the second one was undone");
        let row = &node::all(conn).await.unwrap()[0];
        assert!(row.active, "{kind}: the first box of a store is the active one");
    });
}

#[test]
fn as_106_a_revoked_node_does_not_come_back_by_a_configuration_but_by_a_new_claim() {
    on_both(|World { db, kind, .. }| async move {
        enrolment::put_claim(&db, new_claim(1, "t.s1.n1", None)).await.unwrap();
        enrolment::redeem(&db, [1; 32], None, certificate(1, "t.s1.n1"), giving(1)).await.unwrap();
        enrolment::put_claim(&db, new_claim(2, "t.s1.n1", None)).await.unwrap();
        let conn = &mut db.read().await.unwrap();
        assert_eq!(enrolment::certificate(conn, [1; 32]).await.unwrap(), Some((node_id("t.s1.n1"), true)), "{kind}");
        assert_eq!(enrolment::revoke(&db, node_id("t.s9.n1"), at(2), id::event(50)).await.unwrap(), None, "{kind}");
        assert_eq!(enrolment::revoke(&db, node_id("t.s1.n1"), at(2), id::event(51)).await.unwrap(), Some(1), "{kind}");
        assert_eq!(enrolment::certificate(conn, [1; 32]).await.unwrap(), Some((node_id("t.s1.n1"), false)), "{kind}");
        assert_eq!(enrolment::claim(conn, [2; 32]).await.unwrap(), None, "{kind}: open claims are void");
        let renewed = enrolment::renew(&db, [1; 32], certificate(3, "t.s1.n1"), giving(3)).await;
        assert!(matches!(renewed, Err(StoreError::Stale)), "{kind}");
        enrol(&db, &["t.s1.n1"]).await;
        assert_eq!(enrolment::admitted(conn).await.unwrap(), [], "{kind}");
        let revoked = enrolment::revoked(conn).await.unwrap();
        assert_eq!((revoked[0].fingerprint, revoked[0].serial.as_slice(), revoked[0].at), ([1; 32], [1, 1].as_slice(), at(2)), "{kind}");

        enrolment::put_claim(&db, new_claim(4, "t.s1.n1", None)).await.unwrap();
        enrolment::redeem(&db, [4; 32], None, certificate(4, "t.s1.n1"), giving(4)).await.unwrap();
        assert_eq!(enrolment::admitted(conn).await.unwrap(), [node_id("t.s1.n1")], "{kind}");
        assert_eq!(
            enrolment::certificate(conn, [1; 32]).await.unwrap(),
            Some((node_id("t.s1.n1"), false)),
            "{kind}: the old one stays void"
        );
    });
}

#[test]
fn as_069_a_new_box_takes_the_place_of_the_one_that_it_replaces() {
    on_both(|World { db, kind, .. }| async move {
        enrol(&db, &["t.s1.n1"]).await;
        enrolment::put_claim(&db, new_claim(1, "t.s1.n2", Some("t.s1.n1"))).await.unwrap();
        enrolment::redeem(&db, [1; 32], Some(node_id("t.s1.n1")), certificate(1, "t.s1.n2"), giving(1)).await.unwrap();
        let conn = &mut db.read().await.unwrap();
        assert_eq!(enrolment::admitted(conn).await.unwrap(), [node_id("t.s1.n2")], "{kind}");
        // The configuration still names the old box; the new one came by a claim and stays.
        enrol(&db, &["t.s1.n1"]).await;
        let rows = node::all(conn).await.unwrap();
        assert_eq!(rows.iter().map(|row| (row.node.to_string(), row.active)).collect::<Vec<_>>(), [("t.s1.n2".to_owned(), true)], "{kind}");
    });
}

/// Runs a contract on PostgreSQL alone: SQLite has one writer, so that nothing happens beside anything.
fn on_postgres(contract: impl AsyncFn(Db, String)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut server = PgServer::start(Durability::None).unwrap();
        let url = server.database().await.unwrap();
        let db = Db::connect(&url).await.unwrap();
        contract(db.clone(), url).await;
        db.close().await;
    });
}

/// Looks before it gives up: some ten seconds, far beyond the time-outs of the statements that are waited for.
const LOOKS_MAX: u32 = 10_000;

/// Returns once so many transactions of the database wait for a lock.
async fn waiting(observer: &mut PgConnection, wanted: i64) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    for _ in 0..LOOKS_MAX {
        if sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut *observer).await.unwrap() >= wanted {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    panic!("not {wanted} transactions wait for a lock");
}

async fn execute(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.unwrap();
}

#[test]
fn as_106_a_renewal_beside_a_revocation_gives_no_certificate_that_outlives_it() {
    on_postgres(async |db, url| {
        enrolment::put_claim(&db, new_claim(1, "t.s1.n1", None)).await.unwrap();
        enrolment::redeem(&db, [1; 32], None, certificate(1, "t.s1.n1"), giving(1)).await.unwrap();
        let (mut holder, mut observer) = (PgConnection::connect(&url).await.unwrap(), PgConnection::connect(&url).await.unwrap());
        execute(&mut holder, "BEGIN; SELECT id FROM node WHERE id = 't.s1.n1' FOR UPDATE").await;
        let revocation = tokio::spawn({
            let db = db.clone();
            async move { enrolment::revoke(&db, node_id("t.s1.n1"), at(2), id::event(50)).await }
        });
        waiting(&mut observer, 1).await;
        let renewal = tokio::spawn({
            let db = db.clone();
            async move { enrolment::renew(&db, [1; 32], certificate(2, "t.s1.n1"), giving(2)).await }
        });
        waiting(&mut observer, 2).await;
        execute(&mut holder, "COMMIT").await;
        assert_eq!(revocation.await.unwrap().unwrap(), Some(1));
        let renewed = renewal.await.unwrap();
        assert!(matches!(renewed, Err(StoreError::Stale)), "{renewed:?}");
        let conn = &mut db.read().await.unwrap();
        let all = enrolment::certificates(conn).await.unwrap();
        assert!(all.iter().all(|row| row.revoked_at.is_some()), "{all:?}");
    });
}

#[test]
fn as_069_two_boxes_that_come_for_one_store_at_once_leave_one_active() {
    on_postgres(async |db, url| {
        let (mut other, mut observer) = (PgConnection::connect(&url).await.unwrap(), PgConnection::connect(&url).await.unwrap());
        enrol(&db, &["t.s1.other", "t.s2.other", "t.s3.other"]).await;
        execute(&mut other, "UPDATE node SET active = FALSE").await;
        // Store s1: the other box is first. Store s2: the other one fails. Store s3: the new box replaces whomever it finds.
        for (n, store, end, replaces, active) in
            [(1, "s1", "COMMIT", None, "other"), (2, "s2", "ROLLBACK", None, "n1"), (3, "s3", "COMMIT", Some(node_id("t.s3.other")), "n1")]
        {
            let name = format!("t.{store}.n1");
            enrolment::put_claim(&db, new_claim(n, &name, None)).await.unwrap();
            execute(&mut other, &format!("BEGIN; UPDATE node SET active = TRUE WHERE id = 't.{store}.other'")).await;
            let redeemed = tokio::spawn({
                let db = db.clone();
                async move { enrolment::redeem(&db, [n; 32], replaces, certificate(n, &name), giving(n)).await }
            });
            waiting(&mut observer, 1).await;
            execute(&mut other, end).await;
            redeemed.await.unwrap().unwrap();
            let rows = node::all(&mut db.read().await.unwrap()).await.unwrap();
            let of_store = rows.iter().filter(|row| row.node.store.as_str() == store);
            let now: Vec<_> = of_store.filter(|row| row.active).map(|row| row.node.node.to_string()).collect();
            assert_eq!(now, [active], "{store}: {rows:?}");
        }
    });
}
