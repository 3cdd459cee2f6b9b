//! What the drivers ask of a link, so that the same drivers run over MQTT and over a seeded transport in memory.
//!
//! Owns [`Transport`], its MQTT implementation, the task that writes to a link in order, and [`AckOrder`]. On failure: a link that cannot be
//! written to is dropped; its `Lost` event or the closed channel tells the driver, which dials anew.

use std::collections::VecDeque;

use aisle_schemas::limits::{RECEIVE_MAX_CLOUD, WINDOW_CLOUD};
use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;

use super::{codec::Encoded, receiver::Arrival};
use crate::link::{AckToken, Link, LinkConfig, LinkConfigError, LinkError, LinkEvent, LinkHandle, OVERSHOOT_MESSAGES, Outgoing, Qos, Will};

/// Writes that may wait for a busy link: both windows of the larger end, twice, for what is not counted in a window, and the acknowledgements of
/// what a broker sends beyond its window.
const WRITES_MAX: usize = 2 * (RECEIVE_MAX_CLOUD as usize + WINDOW_CLOUD as usize) + OVERSHOOT_MESSAGES;

/// Opens connections, one at a time.
pub trait Transport: Send + Sync + 'static {
    type Handle: TransportHandle;
    /// Starts connecting; events follow on the channel, the last of which is `Lost`.
    fn connect(&self, will: Option<Will>) -> Result<(Self::Handle, mpsc::Receiver<LinkEvent>), LinkConfigError>;
}

/// One connection.
#[async_trait]
pub trait TransportHandle: Send + Sync + 'static {
    async fn subscribe(&self, filters: &[String]) -> Result<(), LinkError>;
    async fn unsubscribe(&self, filters: &[String]) -> Result<(), LinkError>;
    async fn publish(&self, message: Outgoing) -> Result<(), LinkError>;
    async fn ack(&self, token: AckToken) -> Result<(), LinkError>;
    /// Says farewell after what was handed over before.
    fn hang(&self);
}

/// MQTT 5 by [`Link`]; the configuration's own will is replaced by that of each session.
#[derive(Debug, Clone)]
pub struct MqttTransport {
    pub config: LinkConfig,
}

impl Transport for MqttTransport {
    type Handle = LinkHandle;
    fn connect(&self, will: Option<Will>) -> Result<(LinkHandle, mpsc::Receiver<LinkEvent>), LinkConfigError> {
        Link::connect(LinkConfig { will, ..self.config.clone() })
    }
}

#[async_trait]
impl TransportHandle for LinkHandle {
    async fn subscribe(&self, filters: &[String]) -> Result<(), LinkError> {
        LinkHandle::subscribe(self, filters).await
    }
    async fn unsubscribe(&self, filters: &[String]) -> Result<(), LinkError> {
        LinkHandle::unsubscribe(self, filters).await
    }
    async fn publish(&self, message: Outgoing) -> Result<(), LinkError> {
        LinkHandle::publish(self, message).await
    }
    async fn ack(&self, token: AckToken) -> Result<(), LinkError> {
        LinkHandle::ack(self, token).await
    }
    fn hang(&self) {
        LinkHandle::hang(self);
    }
}

/// One thing to write.
#[derive(Debug)]
enum Write {
    Subscribe(Vec<String>),
    Unsubscribe(Vec<String>),
    Publish(Outgoing),
    Ack(AckToken),
}

/// The writing side of a connection. Its task waits for the socket so that no driver has to; dropping this ends the connection with a
/// farewell after everything written before.
#[derive(Debug)]
pub(super) struct Writer {
    writes: mpsc::Sender<Write>,
}

/// The link does not keep up, or is gone.
#[derive(Debug)]
pub(super) struct WriterClosed;

impl Writer {
    pub(super) fn spawn<H: TransportHandle>(handle: H) -> Self {
        let (writes, mut waiting) = mpsc::channel(WRITES_MAX);
        tokio::spawn(async move {
            while let Some(write) = waiting.recv().await {
                let written = match write {
                    Write::Subscribe(filters) => handle.subscribe(&filters).await,
                    Write::Unsubscribe(filters) => handle.unsubscribe(&filters).await,
                    Write::Publish(message) => handle.publish(message).await,
                    Write::Ack(token) => handle.ack(token).await,
                };
                match written {
                    // The message it belongs to will come again by its sender's resend.
                    Ok(()) | Err(LinkError::ForeignAck) => {}
                    Err(LinkError::Closed) => return,
                    Err(error @ (LinkError::BadTopic | LinkError::TooLarge { .. })) => {
                        tracing::error!(%error, "failed to write to the link, dropping it");
                        return;
                    }
                }
            }
            handle.hang();
        });
        Self { writes }
    }

    fn write(&self, write: Write) -> Result<(), WriterClosed> {
        self.writes.try_send(write).map_err(|_| WriterClosed)
    }
    pub(super) fn subscribe(&self, filters: Vec<String>) -> Result<(), WriterClosed> {
        self.write(Write::Subscribe(filters))
    }
    pub(super) fn unsubscribe(&self, filters: Vec<String>) -> Result<(), WriterClosed> {
        self.write(Write::Unsubscribe(filters))
    }
    pub(super) fn publish(&self, encoded: Encoded) -> Result<(), WriterClosed> {
        self.write(Write::Publish(outgoing(encoded)))
    }
    pub(super) fn ack(&self, token: AckToken) -> Result<(), WriterClosed> {
        self.write(Write::Ack(token))
    }
}

/// A message with the delivery that its topic declares (AS-028).
pub(super) fn outgoing(Encoded { topic, payload }: Encoded) -> Outgoing {
    let declared = topic.declaration();
    Outgoing {
        topic: topic.build(),
        payload,
        qos: Qos::AtLeastOnce,
        retain: declared.retain,
        expiry_s: declared.expiry_s,
        content_type: Some(declared.content_type.to_owned()),
        traceparent: None,
    }
}

/// The will of a session.
pub(super) fn will(encoded: Encoded) -> Will {
    let Outgoing { topic, payload, qos: _, retain, expiry_s: _, content_type, traceparent: _ } = outgoing(encoded);
    Will { topic, payload: Bytes::clone(&payload), retain, content_type }
}

/// PUBACKs leave in the order of arrival (AS-040), although fates are settled in any. Bounded by the Receive Maximum.
#[derive(Debug, Default)]
pub(super) struct AckOrder {
    last: u64,
    waiting: VecDeque<(Arrival, AckToken, bool)>,
}

impl AckOrder {
    pub(super) fn arrived(&mut self, token: AckToken) -> Arrival {
        self.last += 1;
        self.waiting.push_back((Arrival(self.last), token, false));
        Arrival(self.last)
    }
    /// Settles one and returns the tokens whose turn has come.
    pub(super) fn settle(&mut self, arrival: Arrival) -> Vec<AckToken> {
        if let Some((_, _, settled)) = self.waiting.iter_mut().find(|(waiting, ..)| *waiting == arrival) {
            *settled = true;
        }
        let ready = self.waiting.iter().take_while(|(_, _, settled)| *settled).count();
        self.waiting.drain(..ready).map(|(_, token, _)| token).collect()
    }
    /// Forgets the tokens of a lost connection; arrivals stay unique.
    pub(super) fn reset(&mut self) {
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_040_pubacks_leave_in_order_of_arrival_whatever_is_settled_first() {
        let mut order = AckOrder::default();
        let [first, second, third] = [1, 2, 3].map(|id| order.arrived(AckToken::new(9, id)));
        let ids = |tokens: Vec<AckToken>| tokens.iter().map(AckToken::packet_id).collect::<Vec<_>>();
        assert_eq!(ids(order.settle(second)), [0_u16; 0]);
        assert_eq!(ids(order.settle(first)), [1, 2]);
        order.reset();
        assert_eq!(ids(order.settle(third)), [0_u16; 0], "its connection is gone");
    }
}
