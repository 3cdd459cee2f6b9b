//! Identifiers, sign-in codes and sessions.
//!
//! Owns tables `identifier`, `sign_in` and `session`. Takes keyed hashes only: no code, token or address is stored in the clear. The
//! address itself is sealed by [`crate::sealed`]. Spent challenges keep their instant for the rate rule until retention removes them.

use aisle_schemas::{
    ids::{CustomerId, EventId},
    text::Language,
};
use chrono::{DateTime, Utc};
use sqlx::types::Json;

use crate::{
    db::{Conn, Db, Tx},
    error::StoreError,
    statement::{Bytes, Id, Num, run},
};

/// A code that was mailed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInRow {
    pub id: EventId,
    pub identifier: [u8; 32],
    pub code_hash: [u8; 32],
    pub tries_left: u8,
    pub issued_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    pub token_hash: [u8; 32],
    pub customer: CustomerId,
    pub identifier: [u8; 32],
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// Made where the identifier is new.
#[derive(Debug, Clone)]
pub struct NewCustomer {
    pub customer: CustomerId,
    /// The address under seal.
    pub sealed: Vec<u8>,
    pub language: Language,
}

/// A session to be opened, whoever it turns out to be for.
#[derive(Debug, Clone)]
pub struct NewSession {
    pub token_hash: [u8; 32],
    pub identifier: [u8; 32],
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// When codes were issued for an identifier since then, oldest first.
pub async fn issued(conn: &mut Conn, identifier: [u8; 32], since: DateTime<Utc>) -> Result<Vec<DateTime<Utc>>, StoreError> {
    let rows: Vec<(DateTime<Utc>,)> = run!(conn, fetch_all: (DateTime<Utc>,), "sign_in/issued.sql", identifier, since)?;
    Ok(rows.into_iter().map(|(at,)| at).collect())
}

/// Opens a challenge; earlier ones of the identifier stop.
pub async fn open(db: &Db, row: SignInRow) -> Result<(), StoreError> {
    db.write(move |tx| {
        Box::pin(async move {
            let SignInRow { id, identifier, code_hash, tries_left, issued_at, expires_at } = row;
            run!(tx, execute, "sign_in/void.sql", identifier)?;
            run!(tx, execute, "sign_in/insert.sql", id, identifier, code_hash, tries_left, issued_at, expires_at)?;
            Ok(())
        })
    })
    .await
}

/// The open challenge of an identifier.
pub async fn find(conn: &mut Conn, identifier: [u8; 32]) -> Result<Option<SignInRow>, StoreError> {
    type Row = (Id<EventId>, Bytes<[u8; 32]>, Bytes<[u8; 32]>, Num<u8>, DateTime<Utc>, DateTime<Utc>);
    let row: Option<Row> = run!(conn, fetch_optional: Row, "sign_in/open.sql", identifier)?;
    Ok(row.map(|(Id(id), Bytes(identifier), Bytes(code_hash), Num(tries_left), issued_at, expires_at)| SignInRow {
        id,
        identifier,
        code_hash,
        tries_left,
        issued_at,
        expires_at,
    }))
}

/// Notes a wrong code. `before` is what was read: of two guesses at once only one counts down, the other is `false` and was not a try.
pub async fn count_try(db: &Db, id: EventId, before: u8, left: u8) -> Result<bool, StoreError> {
    db.write(move |tx| Box::pin(async move { Ok(run!(tx, execute, "sign_in/set_tries.sql", id, before, left)? > 0) })).await
}

/// Ends a challenge that can no longer be answered.
pub async fn spend(db: &Db, id: EventId) -> Result<(), StoreError> {
    db.write(move |tx| {
        Box::pin(async move {
            run!(tx, execute, "sign_in/spend.sql", id)?;
            Ok(())
        })
    })
    .await
}

/// One transaction: ends the challenge (`Stale` where it was answered before), finds the customer or makes one, opens the session. Returns
/// whose session it is, and whether the customer is new.
pub async fn prove(db: &Db, id: EventId, session: NewSession, new: NewCustomer) -> Result<(CustomerId, bool), StoreError> {
    db.write(move |tx| {
        Box::pin(async move {
            if run!(tx, execute, "sign_in/spend.sql", id)? == 0 {
                return Err(StoreError::Stale);
            }
            let NewSession { token_hash, identifier, created_at, expires_at } = session;
            let (customer, is_new) = find_or_create(tx, identifier, new, created_at).await?;
            run!(tx, execute, "session/insert.sql", token_hash, customer, identifier, created_at, expires_at)?;
            Ok((customer, is_new))
        })
    })
    .await
}

/// The customer of an identifier, made where there is none; an existing one wins.
pub async fn create(db: &Db, identifier: [u8; 32], new: NewCustomer, at: DateTime<Utc>) -> Result<CustomerId, StoreError> {
    db.write(move |tx| Box::pin(async move { find_or_create(tx, identifier, new, at).await.map(|(customer, _)| customer) })).await
}

async fn find_or_create(tx: &mut Tx, identifier: [u8; 32], new: NewCustomer, at: DateTime<Utc>) -> Result<(CustomerId, bool), StoreError> {
    if let Some(customer) = customer_of(tx, identifier).await? {
        return Ok((customer, false));
    }
    let NewCustomer { customer, sealed, language } = new;
    let nothing: &[u8] = &[];
    run!(tx, execute, "customer/insert.sql", customer, language, Json(Vec::<String>::new()), nothing, at)?;
    // Loses against another transaction that makes the same identifier: the caller tries again and finds it.
    if run!(tx, execute, "identifier/insert.sql", identifier, customer, sealed, at)? == 0 {
        return Err(StoreError::Stale);
    }
    Ok((customer, true))
}

/// The customer that an identifier points to.
pub async fn customer_of(conn: &mut Conn, identifier: [u8; 32]) -> Result<Option<CustomerId>, StoreError> {
    let row: Option<(Id<CustomerId>,)> = run!(conn, fetch_optional: (Id<CustomerId>,), "identifier/customer.sql", identifier)?;
    Ok(row.map(|(Id(customer),)| customer))
}

/// The newest sealed address of a customer.
pub async fn sealed_address(conn: &mut Conn, customer: CustomerId) -> Result<Option<Vec<u8>>, StoreError> {
    let row: Option<(Vec<u8>,)> = run!(conn, fetch_optional: (Vec<u8>,), "identifier/sealed.sql", customer)?;
    Ok(row.map(|(sealed,)| sealed))
}

/// The session of a token, while it lasts.
pub async fn session(conn: &mut Conn, token_hash: [u8; 32], now: DateTime<Utc>) -> Result<Option<SessionRow>, StoreError> {
    type Row = (Id<CustomerId>, Bytes<[u8; 32]>, DateTime<Utc>, DateTime<Utc>);
    let row: Option<Row> = run!(conn, fetch_optional: Row, "session/find.sql", token_hash, now)?;
    Ok(row.map(|(Id(customer), Bytes(identifier), created_at, expires_at)| SessionRow {
        token_hash,
        customer,
        identifier,
        created_at,
        expires_at,
    }))
}

/// Ends a session.
pub async fn end_session(db: &Db, token_hash: [u8; 32]) -> Result<(), StoreError> {
    db.write(move |tx| {
        Box::pin(async move {
            run!(tx, execute, "session/delete.sql", token_hash)?;
            Ok(())
        })
    })
    .await
}
