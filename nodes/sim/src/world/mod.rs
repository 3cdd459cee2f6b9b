//! The demo world as data: stores, their plans and devices, products, offers, people.
//!
//! Owns nothing that changes. Emits wire types, so that a cloud can be configured with it and a shop filled over its public interface. The same
//! arguments give the same world, apart from instants.

pub mod deployment;
pub mod offers;
pub mod people;
pub mod products;
pub mod stores;

/// Tenant of the demo.
pub const TENANT: &str = "aisle";
/// Name of the one node of each store.
pub const NODE: &str = "n1";
/// Member of staff who publishes offers.
pub const MARKETER: &str = "marketer@aisle.example";
/// Member of staff who answers customers.
pub const AGENT: &str = "agent@aisle.example";
/// Member of staff who runs the machines.
pub const OPERATOR: &str = "it@aisle.example";
