//! What can be seen from outside of a broker, a store's box or a cloud instance, held against the sentences of `aisle-sync/1`.
//!
//! Owns the checks of `aisle broker-check` and `aisle tck`. Takes the address of a broker and test identities on it; plays the missing parties
//! itself, on the wire types. Emits a [`Report`]: per sentence what was tried, what was seen, and whether it holds. On failure of the link in
//! the middle of a check: that check fails and says so; nothing is passed for want of an answer.

pub mod access;
pub mod broker;
pub mod client;
pub mod cloud;
pub mod edge;
pub mod expectation;
pub mod proof;
pub mod report;
pub mod talk;

pub use client::{Account, Endpoint, Identities};
pub use proof::{Proof, Shown};
pub use report::{Finding, Report, Verdict};
