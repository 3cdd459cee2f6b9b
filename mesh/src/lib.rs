//! aisle-mesh: everything between a store's box and the cloud that knows no retail.
//!
//! Owns: the MQTT link, the embedded broker and its access rules, the sync protocol, supervision of actors,
//! telemetry and configuration. Takes: bytes and settings. Emits: typed events. On failure: each module
//! returns a typed error; none retries in silence and none holds the only copy of anything.

pub mod broker;
pub mod clock;
pub mod config;
pub mod jobs;
pub mod link;
pub mod supervision;
pub mod sync;
pub mod tck;
pub mod telemetry;
pub mod tls;
