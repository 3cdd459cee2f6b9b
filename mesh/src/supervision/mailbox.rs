//! Sending to a bounded mailbox.
//!
//! Owns: the count of messages that did not fit. Takes: a message and where it goes. Emits: the message in the mailbox, or
//! back in the sender's hands. On failure: the sender decides: a full mailbox is back-pressure, a closed one is a restart.

use actix::dev::ToEnvelope;
use actix::prelude::SendError;
use actix::{Actor, Addr, Handler, Message, Recipient};

/// Anything that messages can be offered to.
pub trait Mailbox<M> {
    /// Puts the message in, or returns it.
    ///
    /// # Errors
    /// When the mailbox is full or its actor is gone.
    fn put(&self, message: M) -> Result<(), Unsent<M>>;
}

/// A message that was not taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsent<M> {
    /// The receiver is behind: keep the message, refuse its origin, or drop it and count.
    #[error("mailbox is full")]
    Full(M),
    /// The receiver stopped for good.
    #[error("mailbox is closed")]
    Closed(M),
}

impl<M> Mailbox<M> for Recipient<M>
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn put(&self, message: M) -> Result<(), Unsent<M>> {
        self.try_send(message).map_err(unsent)
    }
}

impl<A, M> Mailbox<M> for Addr<A>
where
    A: Actor + Handler<M>,
    A::Context: ToEnvelope<A, M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn put(&self, message: M) -> Result<(), Unsent<M>> {
        self.try_send(message).map_err(unsent)
    }
}

fn unsent<M>(error: SendError<M>) -> Unsent<M> {
    match error {
        SendError::Full(message) => Unsent::Full(message),
        SendError::Closed(message) => Unsent::Closed(message),
    }
}

/// Offers a message to `to`, known to operators as `name`, and counts when it is not taken.
///
/// # Errors
/// When the mailbox is full or its actor is gone; the message comes back.
pub fn offer<M>(to: &impl Mailbox<M>, name: &'static str, message: M) -> Result<(), Unsent<M>> {
    let sent = to.put(message);
    let why = match &sent {
        Ok(()) => return sent,
        Err(Unsent::Full(_)) => "full",
        Err(Unsent::Closed(_)) => "closed",
    };
    metrics::counter!("aisle_mailbox_refusals_total", "actor" => name, "reason" => why).increment(1);
    tracing::warn!(actor = name, reason = why, "message was not taken");
    sent
}
