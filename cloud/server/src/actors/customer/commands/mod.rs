//! What may be asked of one customer's owner, by noun. What the store sends and what the gate decides is in `actors::messenger`.

pub mod bookmark;
pub mod consent;
pub mod context;
pub mod dialogue;
pub mod feed;
pub mod handshake;
pub mod profile;
pub mod sale;
pub mod visit;
