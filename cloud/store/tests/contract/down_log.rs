//! Contract of the down log's bound, on both databases; what the sync driver sees of it is shown with the ingest.

use crate::common::{at, enrol, id, node};
use aisle_schemas::{limits::DOCUMENTS_MAX, sync::Seq};
use aisle_store::{
    DownStream, DownWrite, StoreError, down,
    testing::{World, on_both},
};
use sqlx::Connection;

/// As many documents as a node may have, at once: writing them one by one would only cost time.
const FILL: &str = "
INSERT INTO down_document (node, key, seq, id, event, crc, deleted)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
SELECT 't.s1.n1', 'screen/' || CAST(i AS TEXT), -i, $1, $2, 0, FALSE FROM n";

async fn fill(kind: &str, url: &str) {
    let (id, event) = (uuid::Uuid::nil(), b"{}".as_slice());
    let filled = if kind == "sqlite" {
        let mut connection = sqlx::SqliteConnection::connect(url).await.expect("connects");
        sqlx::query(FILL).bind(id).bind(event).execute(&mut connection).await.map(|done| done.rows_affected())
    } else {
        let mut connection = sqlx::PgConnection::connect(url).await.expect("connects");
        sqlx::query(FILL).bind(id).bind(event).execute(&mut connection).await.map(|done| done.rows_affected())
    };
    assert_eq!(filled.expect("fills"), DOCUMENTS_MAX as u64);
}

fn document(key: &str, body: Option<u32>) -> DownWrite {
    DownWrite {
        node: node("t.s1.n1"),
        stream: DownStream::Desired,
        id: id::event(1),
        type_name: "aisle.desired.set.v1".to_owned(),
        subject: key.to_owned(),
        data: body.map(|body| serde_json::value::to_raw_value(&body).expect("serialises")),
        at: at(0),
        traceparent: None,
    }
}

#[test]
fn as_055_a_document_beyond_the_limit_is_refused_and_a_known_key_is_not() {
    on_both(|World { db, kind, url }| async move {
        enrol(&db, &["t.s1.n1"]).await;
        fill(kind, &url).await;
        let put = |key: &'static str, body| down::put(&db, vec![document(key, body)]);
        assert!(matches!(put("screen/more", Some(1)).await, Err(StoreError::DocumentsFull(_))), "{kind}");
        assert_eq!(put("screen/1", Some(2)).await.unwrap()[0].head, Seq::new(1), "{kind}: the refused one left no hole");
        put("screen/1", None).await.unwrap();
        put("screen/more", Some(1)).await.unwrap();
        assert!(matches!(put("screen/1", Some(3)).await, Err(StoreError::DocumentsFull(_))), "{kind}: a deleted key is new again");
        let in_force = down::document(&mut db.read().await.unwrap(), &node("t.s1.n1"), "screen/more").await.unwrap().unwrap();
        assert!(String::from_utf8(in_force).unwrap().contains("\"data\":1"));
    });
}
