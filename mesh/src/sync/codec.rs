//! Between topics and payloads on one side and the machines' typed messages on the other.
//!
//! Owns which topic carries what, and the check that topic, source and records name the same node (AS-106). Takes bytes or typed messages;
//! emits the other. On failure: [`Refused`], for which the shell counts and alarms; a payload that does not parse is a message of its own,
//! because the sender of a batch must be told.

use aisle_schemas::{
    event::Source,
    ids::{EventId, NodeId, Partition},
    sync::{self, Batch, Body, Hello, Message, Presence, State, Stream, Term, Welcome},
    topic::Topic,
};
use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::{
    log::ReceivedRecord,
    node_peer::{FromCloud, FromNode},
    owner_peer::{FromNodeMessage, ToNode},
    receiver::{Arrival, Incoming},
};

/// Name and time of an outgoing message.
#[derive(Debug, Clone, Copy)]
pub struct Stamp {
    pub id: EventId,
    pub time: DateTime<Utc>,
}

/// Why a message reaches no machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Not a topic that this end reads.
    NotOurs,
    /// Topic, partition and source do not name the same node.
    BadIdentity,
}

/// A message ready to publish.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded {
    pub topic: Topic,
    pub payload: Bytes,
}

fn envelope<B: Body>(stamp: Stamp, source: Source, body: B) -> Message<B> {
    Message { id: stamp.id, source, time: stamp.time, session: None, term: None, stream: None, epoch: None, body }
}

/// Encodes a message of the node; `None` for a batch, which its load has encoded.
pub fn encode_from_node(node: &NodeId, message: &FromNode, stamp: Stamp) -> Option<Encoded> {
    let (part, source) = (node.partition(), Source::Node(node.clone()));
    let node = node.clone();
    let (topic, payload) = match message {
        FromNode::Presence { session, body } => {
            let message = Message { session: Some(*session), ..envelope(stamp, source, *body) };
            (Topic::SyncPresence { part, node }, message.encode())
        }
        FromNode::Hello { session, epoch, body } => {
            let message = Message { session: Some(*session), epoch: Some(*epoch), ..envelope(stamp, source, Hello::clone(body)) };
            (Topic::SyncHello { part, node }, message.encode())
        }
        FromNode::Ack { session, epoch, body } => {
            let message = Message { session: Some(*session), epoch: Some(*epoch), ..envelope(stamp, source, sync::Ack::clone(body)) };
            (Topic::SyncAckUp { part, node }, message.encode())
        }
        FromNode::Batch { ticket: _ } => return None,
    };
    Some(Encoded { topic, payload: payload.into() })
}

/// Encodes a message to the node; `None` for a batch.
pub fn encode_to_node(node: &NodeId, term: Term, message: &ToNode, stamp: Stamp) -> Option<Encoded> {
    let (part, source) = (node.partition(), Source::Cloud(node.tenant.clone()));
    let node = node.clone();
    let (topic, payload) = match message {
        ToNode::Welcome { session, body } => {
            let message = Message { session: Some(*session), term: Some(term), ..envelope(stamp, source, Welcome::clone(body)) };
            (Topic::SyncWelcome { part, node }, message.encode())
        }
        ToNode::Ack { session, epoch, body } => {
            let ack = envelope(stamp, source, sync::Ack::clone(body));
            let message = Message { session: Some(*session), term: Some(term), epoch: Some(*epoch), ..ack };
            (Topic::SyncAckDown { part, node }, message.encode())
        }
        ToNode::Batch { ticket: _ } => return None,
    };
    Some(Encoded { topic, payload: payload.into() })
}

/// STATE of one partition. `source` needs a tenant, which a partition has not: the first that the instance serves stands for it.
pub fn encode_state(part: Partition, source: Source, term: Term, body: State, stamp: Stamp) -> Encoded {
    let message = Message { term: Some(term), ..envelope(stamp, source, body) };
    Encoded { topic: Topic::SyncState { part }, payload: message.encode().into() }
}

/// Topic of a batch.
pub fn batch_topic(node: &NodeId, stream: Stream) -> Topic {
    let (part, node) = (node.partition(), node.clone());
    match stream.direction() {
        sync::Direction::Up => Topic::SyncBatchUp { part, node, stream },
        sync::Direction::Down => Topic::SyncBatchDown { part, node, stream },
    }
}

/// A parsed batch whose records all come from `source`. `Ok(None)` if it does not parse.
fn parse_batch(payload: &Bytes, stream: Stream, source: &Source) -> Result<Option<(Option<Term>, Incoming)>, Refused> {
    let Ok(Batch { header, records }) = Batch::decode(payload) else { return Ok(None) };
    if header.source != *source || records.iter().any(|(_, event, _)| event.source != *source) {
        return Err(Refused::BadIdentity);
    }
    let (Some(session), Some(epoch)) = (header.session, header.epoch) else { return Ok(None) };
    if header.stream != Some(stream) {
        return Ok(None);
    }
    let records = records.into_iter().map(|(seq, event, raw)| ReceivedRecord { seq, event, raw: payload.slice_ref(raw) }).collect();
    // The machine that takes it in gives it its arrival.
    let incoming = Incoming { arrival: Arrival(0), stream, session, epoch, header: header.body, records };
    Ok(Some((header.term, incoming)))
}

fn from<B: Body>(payload: &Bytes, source: &Source) -> Result<Option<Message<B>>, Refused> {
    match Message::<B>::decode(payload) {
        Ok(message) if message.source == *source => Ok(Some(message)),
        Ok(_) => Err(Refused::BadIdentity),
        Err(_) => Ok(None),
    }
}

/// Parses what the cloud published, as node `own` reads it.
pub fn parse_from_cloud(own: &NodeId, topic: &str, payload: &Bytes) -> Result<FromCloud, Refused> {
    let topic = Topic::parse(topic).ok_or(Refused::NotOurs)?;
    let source = Source::Cloud(own.tenant.clone());
    let unreadable = FromCloud::Unreadable { stream: None };
    let mine = |part: Partition, node: &NodeId| if node == own && part == own.partition() { Ok(()) } else { Err(Refused::BadIdentity) };
    let parsed = match topic {
        Topic::SyncState { part } => {
            if part != own.partition() {
                return Err(Refused::BadIdentity);
            }
            Message::<State>::decode(payload).ok().and_then(|message| message.term).map(|term| FromCloud::State { term })
        }
        Topic::SyncWelcome { part, node } => {
            mine(part, &node)?;
            from::<Welcome>(payload, &source)?.and_then(|message| {
                Some(FromCloud::Welcome {
                    session: message.session?,
                    term: message.term?,
                    time: message.time,
                    body: Box::new(message.body),
                })
            })
        }
        Topic::SyncAckDown { part, node } => {
            mine(part, &node)?;
            from::<sync::Ack>(payload, &source)?.and_then(|message| {
                let (session, term, epoch) = (message.session?, message.term?, message.epoch?);
                Some(FromCloud::Ack { session, term, epoch, time: message.time, body: Box::new(message.body) })
            })
        }
        Topic::SyncBatchDown { part, node, stream } if stream.direction() == sync::Direction::Down => {
            mine(part, &node)?;
            let parsed = parse_batch(payload, stream, &source)?;
            let batch = parsed.and_then(|(term, incoming)| Some(FromCloud::Batch { term: term?, incoming: Box::new(incoming) }));
            return Ok(batch.unwrap_or(FromCloud::Unreadable { stream: Some(stream) }));
        }
        _ => return Err(Refused::NotOurs),
    };
    Ok(parsed.unwrap_or(unreadable))
}

/// Parses what a node published.
pub fn parse_from_node(topic: &str, payload: &Bytes) -> Result<(NodeId, FromNodeMessage), Refused> {
    let topic = Topic::parse(topic).ok_or(Refused::NotOurs)?;
    let check = |part: Partition, node: &NodeId| {
        if part == node.partition() { Ok(Source::Node(node.clone())) } else { Err(Refused::BadIdentity) }
    };
    let (node, parsed) = match topic {
        Topic::SyncHello { part, node } => {
            let parsed = from::<Hello>(payload, &check(part, &node)?)?.and_then(|message| {
                let Message { session, epoch, time, body, .. } = message;
                Some(FromNodeMessage::Hello { session: session?, epoch: epoch?, said_at: time, body: Box::new(body) })
            });
            (node, parsed)
        }
        Topic::SyncAckUp { part, node } => {
            let parsed = from::<sync::Ack>(payload, &check(part, &node)?)?.and_then(|message| {
                let Message { session, epoch, time, body, .. } = message;
                Some(FromNodeMessage::Ack { session: session?, epoch: epoch?, said_at: time, body: Box::new(body) })
            });
            (node, parsed)
        }
        Topic::SyncPresence { part, node } => {
            let parsed = from::<Presence>(payload, &check(part, &node)?)?
                .and_then(|message| Some(FromNodeMessage::Presence { session: message.session?, status: message.body.status }));
            (node, parsed)
        }
        Topic::SyncBatchUp { part, node, stream } if stream.direction() == sync::Direction::Up => {
            let parsed = parse_batch(payload, stream, &check(part, &node)?)?;
            let batch = parsed.map(|(_, incoming)| FromNodeMessage::Batch(Box::new(incoming)));
            return Ok((node, batch.unwrap_or(FromNodeMessage::Unreadable { stream: Some(stream) })));
        }
        _ => return Err(Refused::NotOurs),
    };
    Ok((node, parsed.unwrap_or(FromNodeMessage::Unreadable { stream: None })))
}
