//! Answers to requests that carried an `Idempotency-Key`, so that a repeat gets the same answer and changes nothing.
//!
//! Owns table `answer`. Keys are scoped by the caller. The first answer under a key stands.

use chrono::{DateTime, Utc};

use crate::{
    db::{Conn, Db, Tx},
    error::StoreError,
    statement::{Bytes, Num, run},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub key: String,
    /// Another request under the same key has another hash.
    pub request_hash: [u8; 32],
    pub status: u16,
    pub body: Vec<u8>,
    pub at: DateTime<Utc>,
}

/// The answer that stands under a key.
pub async fn find(conn: &mut Conn, key: &str) -> Result<Option<Answer>, StoreError> {
    type Row = (Bytes<[u8; 32]>, Num<u16>, Vec<u8>, DateTime<Utc>);
    let row: Option<Row> = run!(conn, fetch_optional: Row, "answer/find.sql", key)?;
    Ok(row.map(|(Bytes(request_hash), Num(status), body, at)| Answer { key: key.to_owned(), request_hash, status, body, at }))
}

/// Keeps an answer within the transaction of what it answers.
pub async fn put_in(tx: &mut Tx, answer: &Answer) -> Result<(), StoreError> {
    let Answer { key, request_hash, status, body, at } = answer;
    run!(tx, execute, "answer/insert.sql", key.as_str(), *request_hash, *status, body.as_slice(), *at)?;
    Ok(())
}

/// Keeps an answer whose effect was committed before.
pub async fn put(db: &Db, answer: Answer) -> Result<(), StoreError> {
    db.write(move |tx| Box::pin(async move { put_in(tx, &answer).await })).await
}
