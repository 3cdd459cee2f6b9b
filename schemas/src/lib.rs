//! Wire types of aisle: everything that crosses a process boundary is declared here, once.
//!
//! Owns ids, MQTT topics, HTTP routes, the CloudEvents envelope, payload families, one-time codes and limits. Takes and emits
//! nothing: types, builders and parsers only. A value that does not parse becomes a typed error that names field and reason.

pub mod blob;
pub mod code;
pub mod content;
pub mod document;
pub mod emergency;
pub mod event;
pub mod fact;
pub mod generate;
pub mod golden;
pub mod handshake;
pub mod http;
pub mod ids;
pub mod limits;
pub mod log;
pub mod nfc;
pub mod offer;
pub mod product;
pub mod record;
pub mod relay;
pub mod screen;
pub mod store;
pub mod sync;
pub mod text;
pub mod topic;
pub mod trip;
pub mod visit;
