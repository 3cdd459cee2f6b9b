//! The sync protocol `aisle-sync/1` as pure state machines, and the shells that run them.
//!
//! Owns the five machines of SYNC.md section 4 (HELLO, node link, sender, receiver, partition), the traits of the logs they move records between, and
//! the drivers that run them over a link. Numbers come from the sender's durable log, acknowledgements from the receiver's own commit;
//! whatever the link loses is sent again. Machines do no IO and draw no time or randomness of their own.

mod board;
pub mod codec;
pub mod fleet_rules;
pub mod hello;
pub mod load;
pub mod log;
pub mod node_driver;
pub mod node_link;
pub mod node_peer;
pub mod owner_driver;
mod owner_handle;
mod owner_leases;
pub mod owner_peer;
mod owner_task;
pub mod ownership;
pub mod partition;
pub mod receiver;
pub mod sender;
mod signals;
pub mod transport;
pub mod turn;
