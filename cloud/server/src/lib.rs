//! A cloud instance: identity, consent, messages and the live picture of stores, over HTTP and the mesh.
//!
//! Owns the wiring of actors, routes and the store's link. Takes a configuration and a clock; emits a running [`CloudApp`]. Rules are in
//! `aisle-cloud-core`, statements in `aisle-store`; here is what acts on them.

mod actors;
mod app;
mod catalogue;
pub mod config;
mod duty;
pub mod enrol;
mod fresh;
mod handshake_seal;
mod handshakes;
mod holds;
pub mod ingest;
mod keys;
mod legal;
mod live_fleet;
mod live_store;
mod mail;
mod outbox;
mod owners;
mod popularity;
mod problem;
mod products;
mod rollouts;
mod routes;
mod routing;
mod rules;
mod session;
mod settings;
pub mod shared;
mod state;
mod timers;
mod wire;

pub use app::{CloudApp, CloudError};
pub use config::CloudConfig;
pub use keys::{KeyError, Keys};
pub use mail::{MailSink, SunkMail};
