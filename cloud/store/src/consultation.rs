//! Digital handshakes and their consent records, and what customers tell about themselves.
//!
//! Owns tables `handshake`, `handshake_record` and `about_me`. Takes steps that were decided; each is taken only from the state before it, in
//! one transaction with its record or its audit entries. Emits rows. On failure: [`StoreError::Stale`] where the state is another by now,
//! `Conflict` where a record's id was used before or another record took its place in the chain.

use aisle_schemas::{
    handshake::{HandshakeId, Scope},
    http::cloud::{HandshakeState, StaffCard},
    ids::{CustomerId, DeviceId, EventId, NodeId, StoreId, VisitId},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;

use crate::{
    audit::{self, FieldRead},
    db::{Conn, Db, Tx},
    error::StoreError,
    statement::{Bytes, FromBytes, Id, Num, Portable, Text, Word, run},
};

/// Fields of one handshake that a receipt lists.
const FIELDS_MAX: u32 = 1_000;

impl Portable for HandshakeId {
    type Sql = Vec<u8>;
    fn portable(self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }
}

impl FromBytes for HandshakeId {
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_random)
    }
}

/// What a store announced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announced {
    /// Lower-case hex.
    pub commit: String,
    pub staff: StaffCard,
    pub device: DeviceId,
    /// Lower-case hex.
    pub device_sha256: String,
    pub wanted: Vec<Scope>,
    pub reason: String,
}

/// A handshake as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct HandshakeRow {
    pub id: HandshakeId,
    pub store: StoreId,
    pub node: NodeId,
    pub offer: Announced,
    pub expires_at: DateTime<Utc>,
    pub state: HandshakeState,
    pub customer: Option<CustomerId>,
    pub visit: Option<VisitId>,
    pub grant: Option<EventId>,
    pub pseudonym: EventId,
    pub scopes: Vec<Scope>,
    pub granted_at: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
    pub seq: u32,
    pub ended_at: Option<DateTime<Utc>>,
}

/// Keeps an offer; the same one again changes nothing.
pub async fn announce(
    db: &Db,
    (id, node, pseudonym): (HandshakeId, NodeId, EventId),
    offer: Announced,
    (at, expires_at): (DateTime<Utc>, DateTime<Utc>),
) -> Result<(), StoreError> {
    db.write(move |tx| {
        Box::pin(async move {
            let nothing: Vec<Scope> = Vec::new();
            let (offer, scopes) = (Json(&offer), Json(&nothing));
            run!(tx, execute, "handshake/insert.sql", id, &node.store, &node, offer, at, expires_at, pseudonym, scopes)?;
            Ok(())
        })
    })
    .await
}

type Read = (
    Text<StoreId>,
    Text<NodeId>,
    Json<Announced>,
    DateTime<Utc>,
    Word<HandshakeState>,
    Option<Id<CustomerId>>,
    Option<Id<VisitId>>,
    Option<Id<EventId>>,
    Id<EventId>,
    Json<Vec<Scope>>,
    Option<DateTime<Utc>>,
    Option<DateTime<Utc>>,
    Num<u32>,
    Option<DateTime<Utc>>,
);

/// A handshake.
pub async fn find(conn: &mut Conn, id: HandshakeId) -> Result<Option<HandshakeRow>, StoreError> {
    let row: Option<Read> = run!(conn, fetch_optional: Read, "handshake/find.sql", id)?;
    let read = |read: Read| {
        let (store, node, offer, expires_at, state, customer, visit, grant, pseudonym, scopes, granted_at, until, seq, ended_at) = read;
        HandshakeRow {
            id,
            store: store.0,
            node: node.0,
            offer: offer.0,
            expires_at,
            state: state.0,
            customer: customer.map(|Id(id)| id),
            visit: visit.map(|Id(id)| id),
            grant: grant.map(|Id(id)| id),
            pseudonym: pseudonym.0,
            scopes: scopes.0,
            granted_at,
            until,
            seq: seq.0,
            ended_at,
        }
    };
    Ok(row.map(read))
}

/// Handshakes that a customer claimed or granted and that are not over, newest first, at most `limit`.
pub async fn open_of_customer(conn: &mut Conn, customer: CustomerId, limit: u32) -> Result<Vec<HandshakeId>, StoreError> {
    let rows: Vec<(Bytes<HandshakeId>,)> = run!(conn, fetch_all: (Bytes<HandshakeId>,), "handshake/open_of_customer.sql", customer, limit)?;
    Ok(rows.into_iter().map(|(Bytes(id),)| id).collect())
}

/// Handshakes that time has ended: granted until `now` at most, or claimed from an offer that ended by `offer_over`; at most `limit`.
pub async fn due(conn: &mut Conn, (now, offer_over): (DateTime<Utc>, DateTime<Utc>), limit: u32) -> Result<Vec<HandshakeId>, StoreError> {
    let rows: Vec<(Bytes<HandshakeId>,)> = run!(conn, fetch_all: (Bytes<HandshakeId>,), "handshake/due.sql", now, offer_over, limit)?;
    Ok(rows.into_iter().map(|(Bytes(id),)| id).collect())
}

/// The store says that this customer was first.
pub async fn claim(db: &Db, id: HandshakeId, customer: CustomerId, visit: VisitId) -> Result<(), StoreError> {
    db.write(move |tx| Box::pin(async move { stood(run!(tx, execute, "handshake/claim.sql", id, customer, visit)?) })).await
}

fn stood(rows: u64) -> Result<(), StoreError> {
    if rows == 1 { Ok(()) } else { Err(StoreError::Stale) }
}

/// The newest record of a customer: its place and hash; none before the first.
pub async fn newest_record(conn: &mut Conn, customer: CustomerId) -> Result<Option<(u64, [u8; 32])>, StoreError> {
    type Row = (Num<u64>, Bytes<[u8; 32]>);
    let row: Option<Row> = run!(conn, fetch_optional: Row, "handshake/newest_record.sql", customer)?;
    Ok(row.map(|(Num(place), Bytes(hash))| (place, hash)))
}

/// Whether a record of this id stands: the grant was used before.
pub async fn has_record(conn: &mut Conn, id: EventId) -> Result<bool, StoreError> {
    let (Num(count),) = run!(conn, fetch_one: (Num<u64>,), "handshake/has_record.sql", id)?;
    Ok(count > 0)
}

/// A consent record, signed.
#[derive(Debug, Clone)]
pub struct NewRecord {
    pub id: EventId,
    pub customer: CustomerId,
    /// One more than the newest.
    pub place: u64,
    /// Canonical JSON.
    pub record: String,
    pub sha256: [u8; 32],
    pub signature: [u8; 64],
    pub at: DateTime<Utc>,
}

async fn insert_record(tx: &mut Tx, handshake: HandshakeId, record: &NewRecord) -> Result<(), StoreError> {
    let NewRecord { id, customer, place, record, sha256, signature, at } = record;
    let (record, signature) = (record.as_str(), signature.as_slice());
    run!(tx, execute, "handshake/insert_record.sql", *id, *customer, handshake, *place, record, *sha256, signature, *at)?;
    Ok(())
}

/// What a customer granted.
#[derive(Debug, Clone)]
pub struct Granted {
    pub scopes: Vec<Scope>,
    pub until: DateTime<Utc>,
    pub record: NewRecord,
}

/// Grants, with the record of it.
pub async fn grant(db: &Db, id: HandshakeId, granted: Granted) -> Result<(), StoreError> {
    db.write(move |tx| {
        Box::pin(async move {
            let Granted { scopes, until, record } = granted;
            // The record first: a replay is a replay, whatever became of the handshake.
            insert_record(tx, id, &record).await?;
            stood(run!(tx, execute, "handshake/grant.sql", id, record.customer, record.id, Json(&scopes), record.at, until)?)
        })
    })
    .await
}

/// Raises the number of the lease; `false` where there is nothing to renew.
pub async fn renew(db: &Db, id: HandshakeId, now: DateTime<Utc>) -> Result<bool, StoreError> {
    db.write(move |tx| Box::pin(async move { Ok(run!(tx, execute, "handshake/renew.sql", id, now)? == 1) })).await
}

/// Ends a handshake, with its record where a customer had claimed it. A second end changes nothing: `false`.
pub async fn end(
    db: &Db,
    id: HandshakeId,
    outcome: &'static str,
    record: Option<NewRecord>,
    at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    db.write(move |tx| {
        Box::pin(async move {
            if run!(tx, execute, "handshake/end.sql", id, at, outcome)? == 0 {
                return Ok(false);
            }
            if let Some(record) = &record {
                insert_record(tx, id, record).await?;
            }
            Ok(true)
        })
    })
    .await
}

/// Records of a customer, oldest first, at most `limit`: canonical JSON, its hash and signature.
pub async fn records(conn: &mut Conn, customer: CustomerId, limit: u32) -> Result<Vec<(String, [u8; 32], Vec<u8>)>, StoreError> {
    type Row = (String, Bytes<[u8; 32]>, Vec<u8>);
    let rows: Vec<Row> = run!(conn, fetch_all: Row, "handshake/records.sql", customer, limit)?;
    Ok(rows.into_iter().map(|(record, Bytes(hash), signature)| (record, hash, signature)).collect())
}

/// Who read which fields.
#[derive(Debug, Clone)]
pub struct FieldsRead {
    pub store: StoreId,
    /// Staff number.
    pub staff: String,
    /// Names with the id of each entry.
    pub fields: Vec<(EventId, String)>,
    pub at: DateTime<Utc>,
}

/// Enters a read into the audit, one entry a field: before anybody gets a value.
pub async fn enter_read(db: &Db, id: HandshakeId, read: FieldsRead) -> Result<(), StoreError> {
    db.write(move |tx| {
        Box::pin(async move {
            let FieldsRead { store, staff, fields, at } = read;
            let subject = subject(id);
            for (entry, field) in &fields {
                audit::write_read(tx, FieldRead { id: *entry, at, store: &store, staff: &staff, subject: &subject, field }).await?;
            }
            Ok(())
        })
    })
    .await
}

/// What the audit says was read: who, and the name of the field; each once, by name.
pub async fn fields_read(conn: &mut Conn, id: HandshakeId) -> Result<Vec<(String, String)>, StoreError> {
    audit::fields_read(conn, &subject(id), FIELDS_MAX).await
}

fn subject(id: HandshakeId) -> String {
    format!("handshake/{id}")
}

/// What a customer told about themselves, sealed.
pub async fn about_me(conn: &mut Conn, customer: CustomerId) -> Result<Option<Vec<u8>>, StoreError> {
    let row: Option<(Vec<u8>,)> = run!(conn, fetch_optional: (Vec<u8>,), "about_me/find.sql", customer)?;
    Ok(row.map(|(sealed,)| sealed))
}

/// Replaces it.
pub async fn put_about_me(db: &Db, customer: CustomerId, sealed: Vec<u8>, at: DateTime<Utc>) -> Result<(), StoreError> {
    db.write(move |tx| {
        Box::pin(async move {
            run!(tx, execute, "about_me/put.sql", customer, sealed.as_slice(), at)?;
            Ok(())
        })
    })
    .await
}
