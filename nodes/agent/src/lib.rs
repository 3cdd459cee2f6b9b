//! The store node: one process, one SQLite file, no need of the cloud to work.
//!
//! Owns the running node: journal, actors, local broker, HTTP face, uplink. Takes a configuration and a clock. Emits what surfaces show and
//! what the cloud must know. On failure: a broken journal or broker ends the node, so that whoever watches the process starts it anew.
pub mod actors;
pub mod app;
pub mod config;
pub mod content;
pub mod devices;
pub mod fatal;
mod http;
pub mod identity;
pub mod journal;
mod keepers;
pub mod lasting_clock;
pub mod now;
pub mod operator;
mod overrides;
mod pointer;
pub mod relay;
mod report;
mod signage;
pub mod staff;
mod uplink;

pub use app::{NodeApp, NodeError};
pub use config::NodeConfig;
