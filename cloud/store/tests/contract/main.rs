//! The contract of this crate: every function on SQLite and on PostgreSQL, which the suite starts itself.

mod common;
mod customer;
mod database;
mod down_log;
