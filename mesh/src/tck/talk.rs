//! What a played party says and hears on the wire types.
//!
//! Owns [`Talk`]: one party's connection with the identity, clock and counters that its messages carry. Takes bodies; emits messages as SYNC.md
//! 2.14 frames them, and what the other end answers. On failure of the link: [`Gone`].

use aisle_schemas::event::Source;
use aisle_schemas::ids::{EventId, NodeId};
use aisle_schemas::limits::MESSAGE_EXPIRY_S;
use aisle_schemas::sync::{BatchEncoder, BatchHeader, Body, Count, Epoch, Mark, Message, Seq, Session, Stream, Term};
use aisle_schemas::topic::Topic;
use bytes::Bytes;
use tokio::time::Instant;

use super::client::{Gone, Peer};
use crate::clock::Clock;
use crate::link::{Incoming, Outgoing, PubReason, Qos};
use crate::sync::codec::batch_topic;

/// One party in conversation about one node.
pub struct Talk<'a> {
    pub peer: Peer,
    pub node: &'a NodeId,
    pub source: Source,
    pub session: Option<Session>,
    /// Of an instance; a box has none.
    pub term: Option<Term>,
    clock: &'a dyn Clock,
    mark: u64,
}

/// Where a batch begins and ends.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    pub stream: Stream,
    pub epoch: Epoch,
    pub after: u64,
    pub to: u64,
}

impl<'a> Talk<'a> {
    /// A party on this connection that has said nothing yet.
    pub fn new(peer: Peer, node: &'a NodeId, source: Source, clock: &'a dyn Clock) -> Self {
        Self { peer, node, source, session: None, term: None, clock, mark: 0 }
    }

    /// How many batches this party has sent.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark::new(self.mark)
    }

    fn message<B>(&self, stream: Option<Stream>, epoch: Option<Epoch>, body: B) -> Message<B> {
        let time = self.clock.now();
        let ms = u64::try_from(time.timestamp_millis()).unwrap_or_default();
        let id = EventId::new(ms, rand::random());
        Message { id, source: self.source.clone(), time, session: self.session, term: self.term, stream, epoch, body }
    }

    /// Publishes one message.
    ///
    /// # Errors
    /// When the link ends or the broker says nothing.
    pub async fn say<B: Body + Clone>(&mut self, topic: &Topic, epoch: Option<Epoch>, body: B) -> Result<PubReason, Gone> {
        let payload = self.message(None, epoch, body).encode();
        self.send(topic, payload.into()).await
    }

    /// Publishes a batch that holds nothing: in classes B and C the header alone is a valid one (AS-026). The mark rises with each.
    ///
    /// # Errors
    /// When the link ends or the broker says nothing.
    pub async fn say_empty_batch(&mut self, range: Range) -> Result<PubReason, Gone> {
        let Range { stream, epoch, after, to } = range;
        self.mark += 1;
        let body = BatchHeader { after: Seq::new(after), to: Seq::new(to), mark: Mark::new(self.mark), base: Seq::ZERO, left: Count::ZERO };
        let payload = BatchEncoder::new(&self.message(Some(stream), Some(epoch), body), stream, epoch).finish();
        self.send(&batch_topic(self.node, stream), payload.into()).await
    }

    /// Publishes bytes as they are, the way the topic's declaration says.
    ///
    /// # Errors
    /// When the link ends or the broker says nothing.
    pub async fn send(&mut self, topic: &Topic, payload: Bytes) -> Result<PubReason, Gone> {
        let declared = topic.declaration();
        let message = Outgoing {
            topic: topic.build(),
            payload,
            qos: Qos::AtLeastOnce,
            retain: declared.retain,
            expiry_s: (!declared.retain).then_some(MESSAGE_EXPIRY_S),
            content_type: Some(declared.content_type.to_owned()),
            traceparent: None,
        };
        self.peer.publish(message).await
    }

    /// The next message of a declared topic; what is on no declared topic is skipped. `None` when nothing came until then.
    ///
    /// # Errors
    /// When the link ends.
    pub async fn hear(&mut self, until: Instant) -> Result<Option<(Topic, Incoming)>, Gone> {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.peer.message(left).await {
                Ok(message) => {
                    if let Some(topic) = Topic::parse(&message.topic) {
                        return Ok(Some((topic, message)));
                    }
                }
                Err(Gone::Silent) => return Ok(None),
                Err(gone) => return Err(gone),
            }
        }
    }
}

/// Whether a message travels as the declaration of its topic says (AS-028).
#[must_use]
pub fn travels_as_declared(topic: &Topic, message: &Incoming) -> bool {
    let declared = topic.declaration();
    message.qos == Qos::AtLeastOnce
        && (declared.retain || !message.retain)
        && message.content_type.as_deref() == Some(declared.content_type)
}
