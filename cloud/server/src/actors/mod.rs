//! Actors of a cloud instance, one per ordering domain. Data goes one way: outbox → customer; desk → catalogue → customer; fleet listens.

pub mod customer;
pub mod fleet;
pub mod messenger;
pub mod store;
