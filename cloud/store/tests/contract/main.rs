//! The contract of this crate: every function on SQLite and on PostgreSQL, which the suite starts itself.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]

mod common;
mod consultation;
mod content;
mod customer;
mod database;
mod down_log;
mod enrolment;
mod lease;
mod product;
mod rollout;
mod visit;
