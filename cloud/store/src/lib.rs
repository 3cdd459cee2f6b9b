//! Statements, migrations and one contract suite for PostgreSQL and SQLite.
//!
//! Owns all SQL of the cloud: one statement per file in `sql/`, one portable text for both databases wherever there is one. Takes and emits
//! plain rows with typed ids; decides nothing. Functions named by a verb that take a [`Db`] are one transaction each; those that take a
//! [`Tx`] are parts of their caller's. On failure: [`StoreError`], by what the caller can do about it.

mod db;
mod dialect;
mod error;
mod migrate;
mod statement;
mod writer;

pub mod audit;
pub mod consultation;
pub mod content;
pub mod counter;
pub mod cursor;
pub mod customer;
pub mod customer_commit;
pub mod decision;
pub mod down;
pub mod down_log;
pub mod down_status;
pub mod enrolment;
pub mod hold;
pub mod idempotency;
pub mod lease;
pub mod loss;
pub mod node;
pub mod node_alarm;
pub mod offer;
pub mod outbox;
pub mod product;
pub mod quarantine;
pub mod reported;
pub mod retention;
pub mod rollout;
pub mod sealed;
pub mod sign_in;
pub mod succession;
pub mod surface;
pub mod term;
#[cfg(feature = "testing")]
pub mod testing;
pub mod visit;

pub use db::{Conn, Db, Tx};
pub use down::{DownStream, DownWrite, LoggedDown};
pub use error::StoreError;
pub use outbox::{Message, OutboxNew, OutboxRow};
pub use statement::micros;
