//! Seeded shoppers and devices that use the public interfaces only: HTTP, SSE, MQTT.
//!
//! Owns the demo [`world`] as data, [`client`]s with a method per user action, [`device`]s on a store's bus, and [`run`]: people who come, look,
//! tap and leave, with an independent ledger of what was promised to them. [`hollow`] stores speak the real protocol by the thousand, [`proxy`] is a bad line,
//! [`bench`] measures the product's processes and kills them, [`ledger`] holds what was accepted against what took effect. Knows nothing of the insides of node or cloud; the same code drives
//! the demo, the end-to-end tests and a system somewhere else.

pub mod bench;
pub mod client;
pub mod device;
pub mod hollow;
pub mod ledger;
pub mod proxy;
pub mod run;
pub mod world;
