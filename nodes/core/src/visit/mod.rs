//! Visits as a store decides them.
//!
//! Owns three subjects, one per file: who may check in, the state of one open visit with its timers, and the book of all visits that folds
//! committed changes. The store knows a visit by a random token and a pass that only the cloud can resolve; whether two passes are one
//! person is the cloud's to know.
pub mod book;
pub mod check_in;
pub mod open;

pub use book::Visits;
pub use open::OpenVisit;
