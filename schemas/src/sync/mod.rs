//! `aisle-sync/1` on the wire (SYNC.md 1 and 2.14): places in logs, and the six messages.
//!
//! Owns the types of positions ([`Stream`], [`Epoch`], [`Seq`], [`Mark`], [`Session`], [`Term`]), the messages ([`message`]) and the framing
//! of a BATCH ([`batch`]). Takes bytes, emits typed values; on failure [`crate::event::EventError`] names the field.

pub mod batch;
pub mod message;
pub mod position;

pub use batch::{Batch, BatchEncoder, HEADER_BYTES_MAX};
pub use message::{
    Ack, AckCode, BatchHeader, Body, Credit, DownLog, DownState, Hello, Message, Nack, NodeStatus, Presence, State, UpState, Welcome,
    WelcomeCode,
};
pub use position::{Class, Count, Direction, Epoch, Mark, Nonce, PerStream, PositionError, Seq, Session, Stream, Term};
