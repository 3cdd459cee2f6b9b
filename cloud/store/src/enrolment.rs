//! Who may be a node: claims, certificates, revocation (AS-105 to AS-107).
//!
//! Owns tables `claim`, `certificate` and `revocation`, and `node.enrolled` of nodes that came by a claim. Takes hashes and public parts
//! only: no secret of a claim and no private key is stored. Emits what a request is decided from. Each step and its audit entry are one
//! transaction. On failure: nothing has changed.

use aisle_schemas::{
    ids::{EventId, NodeId},
    sync::Epoch,
};
use chrono::{DateTime, Utc};

use crate::{
    db::{Conn, Db, Tx},
    down_log,
    error::StoreError,
    statement::{Bytes, Text, run},
    succession::{self, Place},
};

/// Who acts in the audit.
const OPERATOR: &str = "operator";

/// Leave to become a node, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewClaim {
    /// SHA-256 of its secret.
    pub hash: [u8; 32],
    pub node: NodeId,
    /// Node of the same store whose place it takes.
    pub replaces: Option<NodeId>,
    pub made_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    /// Names the audit entry.
    pub audit: EventId,
}

/// A claim as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub node: NodeId,
    pub replaces: Option<NodeId>,
    pub expires_at: DateTime<Utc>,
    /// What it was used for.
    pub given: Option<Given>,
}

/// The certificate that a claim gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// SHA-256 of the public key in it.
    pub key_hash: [u8; 32],
    pub pem: String,
}

/// A certificate that was made and is to be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCertificate {
    /// SHA-256 of it.
    pub fingerprint: [u8; 32],
    pub node: NodeId,
    pub serial: Vec<u8>,
    pub key_hash: [u8; 32],
    pub pem: String,
    pub not_after: DateTime<Utc>,
}

/// What is needed beside a certificate to give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Giving {
    pub at: DateTime<Utc>,
    /// Names the audit entry.
    pub audit: EventId,
    /// For the first epoch of a new node's down log.
    pub random: u64,
}

/// A certificate that is no longer good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokedCertificate {
    pub fingerprint: [u8; 32],
    pub serial: Vec<u8>,
    pub at: DateTime<Utc>,
}

/// A certificate in the list for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateRow {
    pub node: NodeId,
    pub enrolled: bool,
    pub active: bool,
    pub not_after: DateTime<Utc>,
    pub revoked_at: Option<DateTime<Utc>>,
}

async fn audit(
    tx: &mut Tx,
    giving: (EventId, DateTime<Utc>),
    actor: &str,
    action: &str,
    node: &NodeId,
    detail: &str,
) -> Result<(), StoreError> {
    let (id, at) = giving;
    run!(tx, execute, "audit/insert.sql", id, at, actor, action, node.to_string(), detail)?;
    Ok(())
}

/// Writes a claim.
pub async fn put_claim(db: &Db, claim: NewClaim) -> Result<(), StoreError> {
    db.write(move |tx| {
        Box::pin(async move {
            let NewClaim { hash, node, replaces, made_at, expires_at, audit: entry } = claim;
            run!(tx, execute, "enrolment/put_claim.sql", hash, &node, replaces.as_ref(), made_at, expires_at)?;
            let detail = replaces.map_or_else(String::new, |replaced| format!("replaces {replaced}"));
            audit(tx, (entry, made_at), OPERATOR, "claim.made", &node, &detail).await
        })
    })
    .await
}

/// The claim of a secret, by its hash.
pub async fn claim(conn: &mut Conn, hash: [u8; 32]) -> Result<Option<Claim>, StoreError> {
    type Row = (Text<NodeId>, Option<Text<NodeId>>, DateTime<Utc>, Option<Bytes<[u8; 32]>>, Option<String>);
    let row: Option<Row> = run!(conn, fetch_optional: Row, "enrolment/find_claim.sql", hash)?;
    Ok(row.map(|(Text(node), replaces, expires_at, key_hash, pem)| Claim {
        node,
        replaces: replaces.map(|Text(node)| node),
        expires_at,
        given: key_hash.zip(pem).map(|(Bytes(key_hash), pem)| Given { key_hash, pem }),
    }))
}

/// Waits until nobody else decides about the node: a renewal beside a revocation gives no certificate that the revocation does not see, and
/// none after it. A node that is not there yet has nothing to be decided.
async fn lock(tx: &mut Tx, node: &NodeId) -> Result<(), StoreError> {
    run!(tx, execute, pair "enrolment/lock", node)?;
    Ok(())
}

async fn put_certificate(tx: &mut Tx, certificate: &NewCertificate) -> Result<(), StoreError> {
    let NewCertificate { fingerprint, node, serial, key_hash, pem, not_after } = certificate;
    run!(tx, execute, "enrolment/put_certificate.sql", *fingerprint, node, serial.as_slice(), *key_hash, pem.as_str(), *not_after)?;
    Ok(())
}

/// Spends a claim (`Stale` where it was spent before): the node is enrolled under this certificate, and whom it replaces is shut out.
pub async fn redeem(
    db: &Db,
    hash: [u8; 32],
    replaces: Option<NodeId>,
    certificate: NewCertificate,
    giving: Giving,
) -> Result<(), StoreError> {
    db.write(move |tx| {
        Box::pin(async move {
            let Giving { at, audit: entry, random } = giving;
            let node = &certificate.node;
            lock(tx, node).await?;
            run!(tx, execute, "enrolment/lift.sql", node)?;
            run!(tx, execute, "node/enrol.sql", node, &node.tenant, &node.store, i64::from(node.partition().0))?;
            down_log::create(tx, node, Epoch { counter: 1, random }).await?;
            put_certificate(tx, &certificate).await?;
            if run!(tx, execute, "enrolment/spend_claim.sql", hash, certificate.fingerprint)? == 0 {
                return Err(StoreError::Stale);
            }
            let place = if replaces.is_some() { Place::Any } else { Place::Vacant };
            succession::activate(tx, node, place, random).await?;
            if let Some(replaced) = &replaces {
                shut_out(tx, replaced, at).await?;
            }
            let detail = replaces.map_or_else(String::new, |replaced| format!("replaces {replaced}"));
            audit(tx, (entry, at), &node.to_string(), "node.enrolled", node, &detail).await
        })
    })
    .await
}

/// Whether a certificate of ours may still be renewed, and whose it is; `None` where it is none of ours.
pub async fn certificate(conn: &mut Conn, fingerprint: [u8; 32]) -> Result<Option<(NodeId, bool)>, StoreError> {
    let row: Option<(Text<NodeId>, bool)> =
        run!(conn, fetch_optional: (Text<NodeId>, bool), "enrolment/find_certificate.sql", fingerprint)?;
    Ok(row.map(|(Text(node), good)| (node, good)))
}

/// Gives a node its next certificate beside the old one (`Stale` where the old one was revoked meanwhile).
pub async fn renew(db: &Db, old: [u8; 32], certificate: NewCertificate, giving: Giving) -> Result<(), StoreError> {
    db.write(move |tx| {
        Box::pin(async move {
            let Giving { at, audit: entry, random: _ } = giving;
            lock(tx, &certificate.node).await?;
            if !self::certificate(tx, old).await?.is_some_and(|(_, good)| good) {
                return Err(StoreError::Stale);
            }
            put_certificate(tx, &certificate).await?;
            let node = &certificate.node;
            audit(tx, (entry, at), &node.to_string(), "certificate.renewed", node, &hex(&certificate.serial)).await
        })
    })
    .await
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn shut_out(tx: &mut Tx, node: &NodeId, at: DateTime<Utc>) -> Result<u64, StoreError> {
    run!(tx, execute, "enrolment/end.sql", node)?;
    run!(tx, execute, "enrolment/void_claims.sql", node)?;
    run!(tx, execute, "enrolment/revoke.sql", node, at)?;
    run!(tx, execute, "enrolment/revoke_certificates.sql", node, at)
}

/// Whether there is, or was, a node of this name.
pub async fn is_known(conn: &mut Conn, node: &NodeId) -> Result<bool, StoreError> {
    let known: Option<(bool,)> = run!(conn, fetch_optional: (bool,), "enrolment/is_known.sql", node)?;
    Ok(known.is_some())
}

/// Shuts a node out: its data stops at the next transaction (AS-106), its certificates and open claims are void. `None` where there is no
/// such node, else how many certificates were good until now.
pub async fn revoke(db: &Db, node: NodeId, at: DateTime<Utc>, entry: EventId) -> Result<Option<u64>, StoreError> {
    db.write(move |tx| {
        Box::pin(async move {
            if !is_known(tx, &node).await? {
                return Ok(None);
            }
            let certificates = shut_out(tx, &node, at).await?;
            audit(tx, (entry, at), OPERATOR, "node.revoked", &node, &format!("{certificates} certificates")).await?;
            Ok(Some(certificates))
        })
    })
    .await
}

/// Nodes that may be served.
pub async fn admitted(conn: &mut Conn) -> Result<Vec<NodeId>, StoreError> {
    let rows: Vec<(Text<NodeId>,)> = run!(conn, fetch_all: (Text<NodeId>,), "enrolment/admitted.sql")?;
    Ok(rows.into_iter().map(|(Text(node),)| node).collect())
}

/// All revoked certificates, oldest first.
pub async fn revoked(conn: &mut Conn) -> Result<Vec<RevokedCertificate>, StoreError> {
    type Row = (Bytes<[u8; 32]>, Vec<u8>, DateTime<Utc>);
    let rows: Vec<Row> = run!(conn, fetch_all: Row, "enrolment/revoked.sql")?;
    Ok(rows.into_iter().map(|(Bytes(fingerprint), serial, at)| RevokedCertificate { fingerprint, serial, at }).collect())
}

/// All certificates, by node.
pub async fn certificates(conn: &mut Conn) -> Result<Vec<CertificateRow>, StoreError> {
    type Row = (Text<NodeId>, bool, bool, DateTime<Utc>, Option<DateTime<Utc>>);
    let rows: Vec<Row> = run!(conn, fetch_all: Row, "enrolment/certificates.sql")?;
    let row = |(Text(node), enrolled, active, not_after, revoked_at)| CertificateRow { node, enrolled, active, not_after, revoked_at };
    Ok(rows.into_iter().map(row).collect())
}

/// When the newest certificate of each node ends that was not revoked.
pub async fn ends(conn: &mut Conn) -> Result<Vec<(NodeId, DateTime<Utc>)>, StoreError> {
    let rows: Vec<(Text<NodeId>, DateTime<Utc>)> = run!(conn, fetch_all: (Text<NodeId>, DateTime<Utc>), "enrolment/ends.sql")?;
    Ok(rows.into_iter().map(|(Text(node), until)| (node, until)).collect())
}
