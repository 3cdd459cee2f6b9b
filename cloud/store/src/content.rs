//! Content by hash, as marketers uploaded it and nodes fetch it (AS-079).
//!
//! Owns tables `content` and `content_part`. Takes bytes that were hashed; emits them again in parts. A blob never changes and is written
//! whole in one transaction with its audit entry. On failure: nothing of it is there.

use aisle_schemas::{
    blob::{Blob, ContentHash, MediaType},
    ids::{CustomerId, EventId, NodeId},
};
use chrono::{DateTime, Utc};

use crate::{
    audit::{self, Actor, AuditEntry},
    db::{Conn, Db},
    error::StoreError,
    statement::{FromBytes, Num, Portable, Text, Word, run, word},
};

/// Bytes of one part: a range reads at most this much that it does not need, and a reader holds no more at a time.
pub const PART_BYTES: usize = 256 << 10;
/// All content together: the database is backed up as a whole.
pub const CONTENT_BYTES_MAX: u64 = 4 << 30;

impl Portable for ContentHash {
    type Sql = Vec<u8>;
    fn portable(self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }
}

impl FromBytes for ContentHash {
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_bytes)
    }
}

/// A blob to keep.
#[derive(Debug, Clone)]
pub struct NewContent {
    pub blob: Blob,
    /// Whose hash and size `blob` names.
    pub bytes: Vec<u8>,
    pub by: CustomerId,
    pub at: DateTime<Utc>,
    /// Names the audit entry.
    pub audit: EventId,
}

/// What became of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    New,
    /// It was there.
    Known,
    /// There is no room for it.
    Full,
}

/// Keeps a blob.
pub async fn keep(db: &Db, new: NewContent) -> Result<Kept, StoreError> {
    db.write(move |tx| {
        Box::pin(async move {
            let NewContent { blob: Blob { sha256, size, mime }, bytes, by, at, audit: id } = new;
            if run!(tx, execute, "content/insert.sql", sha256, size, word(&mime), by, at, CONTENT_BYTES_MAX)? == 0 {
                return Ok(if find(tx, sha256).await?.is_some() { Kept::Known } else { Kept::Full });
            }
            for (place, part) in bytes.chunks(PART_BYTES).enumerate() {
                run!(tx, execute, "content/insert_part.sql", sha256, place, part)?;
            }
            let (subject, detail) = (sha256.to_string(), format!("{} {size}", mime.as_str()));
            let entry = AuditEntry { id, at, actor: Actor::Staff(by), action: "content.uploaded", subject: &subject, detail: &detail };
            audit::write(tx, entry).await?;
            Ok(Kept::New)
        })
    })
    .await
}

/// What is known of a blob.
pub async fn find(conn: &mut Conn, sha256: ContentHash) -> Result<Option<Blob>, StoreError> {
    let row: Option<(Num<u32>, Word<MediaType>)> = run!(conn, fetch_optional: (Num<u32>, Word<MediaType>), "content/find.sql", sha256)?;
    Ok(row.map(|(Num(size), Word(mime))| Blob { sha256, size, mime }))
}

/// The bytes of one part; `None` past the last.
pub async fn part(conn: &mut Conn, sha256: ContentHash, place: usize) -> Result<Option<Vec<u8>>, StoreError> {
    let row: Option<(Vec<u8>,)> = run!(conn, fetch_optional: (Vec<u8>,), "content/part.sql", sha256, place)?;
    Ok(row.map(|(bytes,)| bytes))
}

/// The certificate with this fingerprint, as PEM, and whose it is; `None` where it was revoked or its node shut out (AS-106).
pub async fn certificate(conn: &mut Conn, fingerprint: [u8; 32]) -> Result<Option<(NodeId, String)>, StoreError> {
    let row: Option<(Text<NodeId>, String)> =
        run!(conn, fetch_optional: (Text<NodeId>, String), "content/certificate.sql", fingerprint.as_slice())?;
    Ok(row.map(|(Text(node), pem)| (node, pem)))
}

/// Whether a node is enrolled by the configuration alone. One that has a certificate, or had one, proves itself by it and by nothing else: its
/// store's key lies on every box that the store ever had.
pub async fn may_fetch(conn: &mut Conn, node: &NodeId) -> Result<bool, StoreError> {
    let (Num(count),) = run!(conn, fetch_one: (Num<u64>,), "content/may_fetch.sql", node)?;
    Ok(count > 0)
}
