//! Harness for end-to-end tests: real servers on private ports, a world of cloud and stores, and a cut line.
//!
//! Owns everything a journey needs apart from its story. Takes a [`Profile`](profile::Profile). A server that cannot start fails the test and
//! says what to install; nothing here retries a product's failure away.

pub mod binary;
pub mod canary;
pub mod cut;
pub mod eventually;
pub mod ports;
pub mod process;
pub mod services;
pub mod small_disk;
pub mod stranger;
pub mod world;

pub use cut::Cut;
pub use eventually::{DEADLINE, eventually, within};
