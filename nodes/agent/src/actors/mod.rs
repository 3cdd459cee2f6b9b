//! The actors of a store: one per ordering domain.
//!
//! Data goes one way: Catalogue → Visits, Zones, Screen, NfcDisplay; Visits → Zones → Screen; all → journal → uplink. Nobody asks back.
pub mod answers;
pub mod catalogue;
pub mod consultation;
pub mod consultation_messages;
mod consultation_talk;
pub mod emergency;
pub mod facts;
pub mod nfc_display;
pub mod profile;
pub mod screen;
pub mod screen_commands;
pub mod screen_label;
pub mod screen_plan;
pub mod trip_messages;
pub mod trips;
pub mod visit_entry;
pub mod visit_messages;
pub mod visits;
pub mod zones;

use actix::Recipient;
use actix::dev::ToEnvelope;
use actix::prelude::{Actor, Addr, Handler, Message, SendError};

/// Messages that wait for one actor: what a busy minute brings to a screen, and little memory.
pub const MAILBOX: usize = 256;

/// Time passes: every actor looks at its clock and does what is due.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Tick;

/// Hands a message over without waiting. A full mailbox is counted: the sender's next news carries what this one said.
pub fn tell<M>(to: &Recipient<M>, message: M, name: &'static str)
where
    M: Message<Result = ()> + Send + 'static,
{
    match to.try_send(message) {
        Ok(()) => {}
        Err(SendError::Full(_)) => metrics::counter!("aisle_mailbox_full_total", "role" => "node", "actor" => name).increment(1),
        Err(SendError::Closed(_)) => tracing::debug!(actor = name, "told an actor that has ended"),
    }
}

/// [`tell`] for an address, with the message's type fixed by it.
pub fn recipient<A, M>(of: &Addr<A>) -> Recipient<M>
where
    A: Actor + Handler<M>,
    A::Context: ToEnvelope<A, M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    of.clone().recipient()
}
