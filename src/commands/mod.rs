//! The commands, one file each.

pub mod bench;
pub mod broker_check;
pub mod cloud;
pub mod demo;
pub mod enrol;
pub mod init;
pub mod inspect;
pub mod journal_fill;
pub mod locate;
pub mod node;
pub mod node_operator;
pub mod output;
pub mod signal;
pub mod sim;
pub mod staff_pin;
pub mod tck;
