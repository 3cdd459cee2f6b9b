//! Contract of content by hash, on both databases.

use aisle_schemas::blob::{Blob, ContentHash, MediaType};
use aisle_store::{
    audit,
    content::{self, Kept, NewContent, PART_BYTES},
    testing::{World, on_both},
};

use crate::common::{at, enrol, id, node};

#[test]
fn a_blob_is_kept_once_in_parts_with_who_brought_it() {
    on_both(|World { db, kind, .. }| async move {
        let bytes: Vec<u8> = (0..PART_BYTES + 10).map(|n| u8::try_from(n % 251).unwrap()).collect();
        let blob = Blob { sha256: ContentHash::of(&bytes), size: u32::try_from(bytes.len()).unwrap(), mime: MediaType::Webp };
        let new = |n| NewContent { blob, bytes: bytes.clone(), by: id::customer(1), at: at(0), audit: id::event(n) };
        assert_eq!(content::keep(&db, new(1)).await.unwrap(), Kept::New, "{kind}");
        assert_eq!(content::keep(&db, new(2)).await.unwrap(), Kept::Known, "{kind}");
        let conn = &mut db.read().await.unwrap();
        assert_eq!(content::find(conn, blob.sha256).await.unwrap(), Some(blob), "{kind}");
        assert_eq!(content::find(conn, ContentHash::of(b"other")).await.unwrap(), None, "{kind}");
        let mut read = Vec::new();
        for place in 0..3 {
            read.extend(content::part(conn, blob.sha256, place).await.unwrap().unwrap_or_default());
        }
        assert_eq!(read, bytes, "{kind}");
        let told = audit::of_subject(conn, &blob.sha256.to_string(), 10).await.unwrap();
        assert_eq!(told.len(), 1, "{kind}: once");
        assert_eq!((told[0].0.as_str(), told[0].1.as_str()), (format!("staff/{}", id::customer(1)).as_str(), "content.uploaded"), "{kind}");
    });
}

#[test]
fn as_106_only_an_enrolled_node_may_fetch() {
    on_both(|World { db, kind, .. }| async move {
        enrol(&db, &["t.s1.n1", "t.s2.n1"]).await;
        enrol(&db, &["t.s1.n1"]).await;
        let conn = &mut db.read().await.unwrap();
        for (text, may) in [("t.s1.n1", true), ("t.s2.n1", false), ("t.s3.n1", false)] {
            assert_eq!(content::may_fetch(conn, &node(text)).await.unwrap(), may, "{kind} {text}");
        }
    });
}
