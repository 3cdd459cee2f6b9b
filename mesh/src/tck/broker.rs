//! `aisle tck --role broker`: what the protocol relies on a broker for (AS-096), how it carries messages (AS-028), and its access rules (AS-097).
//!
//! Takes a broker and test identities. Emits findings. On failure of the link: the finding at hand fails.

use std::time::Duration;

use aisle_schemas::ids::NodeId;
use aisle_schemas::limits::{MESSAGE_EXPIRY_S, PACKET_BYTES_MAX, PACKET_OVERHEAD_BYTES};
use aisle_schemas::sync::Stream;
use aisle_schemas::topic::{OWNER_UP_ALL, Topic, node_down_filter};
use bytes::Bytes;

use super::access;
use super::client::{ANSWER_WAIT, Account, Endpoint, Gone, Identities, Manner, Peer};
use super::report::{Finding, Report};
use crate::link::{Incoming, Outgoing, PubReason, Qos, Will};

/// Smallest Receive Maximum of AS-096.
const RECEIVE_MAX_MIN: u16 = 16;
/// Messages whose order is looked at: several windows full.
const ORDERED: usize = 200;
/// A trace that a broker must hand on, being a user property.
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Runs everything that concerns a broker.
pub async fn check(endpoint: &Endpoint, identities: &Identities) -> Report {
    let (node, cloud) = (identities.node.account(), identities.cloud.account());
    let bench = Bench { endpoint, own: &identities.node.name, node: &node, cloud: &cloud };
    let mut findings = Vec::new();
    let checks = [
        ("AS-096", "the broker speaks MQTT 5 with room for the protocol", bench.room().await),
        ("AS-096", "QoS 1 keeps the order per publisher and topic", bench.order().await),
        ("AS-096", "the largest batch passes whole", bench.large().await),
        ("AS-096", "a retained message is kept for who comes later, and no other is", bench.retained().await),
        ("AS-096", "a will speaks for a cut connection and is silent after a farewell", bench.will().await),
        ("AS-028", "QoS 1, content type and trace arrive as they were sent", bench.carried().await),
    ];
    for (sentence, what, outcome) in checks {
        findings.push(match outcome {
            Ok((holds, seen)) => Finding::of(sentence, what, holds, seen),
            Err(gone) => Finding::of(sentence, what, false, gone.to_string()),
        });
    }
    findings.extend(access::check(endpoint, identities).await.findings);
    Report::of(format!("broker {endpoint}"), findings)
}

type Seen = Result<(bool, String), Gone>;

struct Bench<'a> {
    endpoint: &'a Endpoint,
    own: &'a NodeId,
    node: &'a Account,
    cloud: &'a Account,
}

impl Bench<'_> {
    async fn connect(&self, account: &Account) -> Result<Peer, Gone> {
        Peer::connect(self.endpoint, account, Manner::default()).await
    }

    fn batch_topic(&self) -> String {
        Topic::SyncBatchUp { part: self.own.partition(), node: self.own.clone(), stream: Stream::Tele }.build()
    }

    fn presence(&self) -> String {
        Topic::SyncPresence { part: self.own.partition(), node: self.own.clone() }.build()
    }

    async fn room(&self) -> Seen {
        let mut report = String::new();
        let mut holds = true;
        for account in [self.node, self.cloud] {
            let peer = self.connect(account).await?;
            let offered = peer.offered();
            peer.leave().await;
            holds &= offered.receive_max >= RECEIVE_MAX_MIN && offered.packet_max >= PACKET_BYTES_MAX;
            report = format!("Receive Maximum {}, Maximum Packet Size {}", offered.receive_max, offered.packet_max);
        }
        Ok((holds, report))
    }

    async fn order(&self) -> Seen {
        let mut reader = self.connect(self.cloud).await?;
        reader.subscribe(OWNER_UP_ALL).await?;
        let mut writer = self.connect(self.node).await?;
        let topic = self.batch_topic();
        for number in 0..ORDERED {
            if writer.publish(message(&topic, number.to_string().into(), false)).await? != PubReason::Accepted {
                return Ok((false, format!("publish {number} was not accepted")));
            }
        }
        let mut got = Vec::new();
        while got.len() < ORDERED {
            let message = reader.message(ANSWER_WAIT).await?;
            if message.topic == topic {
                got.push(message.payload);
            }
        }
        let in_order = got.iter().enumerate().all(|(number, payload)| payload.as_ref() == number.to_string().as_bytes());
        writer.leave().await;
        reader.leave().await;
        Ok((in_order, format!("{ORDERED} messages{}", if in_order { "" } else { ", not in order" })))
    }

    async fn large(&self) -> Seen {
        let mut reader = self.connect(self.cloud).await?;
        reader.subscribe(OWNER_UP_ALL).await?;
        let mut writer = self.connect(self.node).await?;
        let room = usize::try_from(PACKET_BYTES_MAX).unwrap_or(usize::MAX).saturating_sub(PACKET_OVERHEAD_BYTES);
        let topic = self.batch_topic();
        let reason = writer.publish(message(&topic, vec![b'x'; room].into(), false)).await?;
        let arrived = wait_for(&mut reader, &topic).await?.payload.len();
        writer.leave().await;
        reader.leave().await;
        Ok((reason == PubReason::Accepted && arrived == room, format!("{arrived} of {room} bytes")))
    }

    /// AS-096 asks for retained presence; that nothing else stays is what "relied on to keep nothing" means for who reads it.
    async fn retained(&self) -> Seen {
        let mut writer = self.connect(self.node).await?;
        writer.publish(message(&self.presence(), Bytes::from_static(b"kept"), true)).await?;
        writer.publish(message(&self.batch_topic(), Bytes::from_static(b"passing"), false)).await?;
        let mut late = self.connect(self.cloud).await?;
        late.subscribe(OWNER_UP_ALL).await?;
        let kept = wait_for(&mut late, &self.presence()).await?;
        let others = late.heard(&self.batch_topic()).await?.into_iter().filter(|message| message.topic == self.batch_topic()).count();
        // Leaves nothing behind.
        writer.publish(message(&self.presence(), Bytes::new(), true)).await?;
        writer.leave().await;
        late.leave().await;
        let holds = kept.retain && kept.payload.as_ref() == b"kept" && others == 0;
        Ok((holds, format!("kept copy {}, others {others}", if kept.retain { "marked retained" } else { "not marked retained" })))
    }

    async fn will(&self) -> Seen {
        let mut reader = self.connect(self.cloud).await?;
        reader.subscribe(OWNER_UP_ALL).await?;
        let last = Will { topic: self.presence(), payload: Bytes::from_static(b"lost"), retain: false, content_type: None };
        let manner = || Manner { will: Some(last.clone()), ..Manner::default() };
        let cut = Peer::connect(self.endpoint, self.node, manner()).await?;
        cut.cut();
        let spoken = wait_for(&mut reader, &self.presence()).await?;
        let orderly = Peer::connect(self.endpoint, self.node, manner()).await?;
        orderly.leave().await;
        // What the same identity says next comes after any will of its last connection.
        let mut next = self.connect(self.node).await?;
        next.publish(message(&self.batch_topic(), Bytes::from_static(b"next"), false)).await?;
        let mut after_farewell = 0;
        loop {
            let heard = reader.message(ANSWER_WAIT).await?;
            if heard.topic == self.batch_topic() {
                break;
            }
            after_farewell += 1;
        }
        next.leave().await;
        reader.leave().await;
        let holds = spoken.payload.as_ref() == b"lost" && after_farewell == 0;
        Ok((holds, format!("will heard after the cut, {after_farewell} after the farewell")))
    }

    async fn carried(&self) -> Seen {
        let mut node = self.connect(self.node).await?;
        let down = node_down_filter(self.own);
        node.subscribe(&down).await?;
        let mut cloud = self.connect(self.cloud).await?;
        let topic = Topic::SyncAckDown { part: self.own.partition(), node: self.own.clone() }.build();
        cloud.publish(message(&topic, Bytes::from_static(b"{}"), false)).await?;
        let Incoming { qos, retain, content_type, traceparent, .. } = wait_for(&mut node, &topic).await?;
        cloud.leave().await;
        node.leave().await;
        let holds = qos == Qos::AtLeastOnce
            && !retain
            && content_type.as_deref() == Some(aisle_schemas::topic::EVENT)
            && traceparent.as_deref() == Some(TRACEPARENT);
        Ok((holds, format!("QoS {}, content type {}", u8::from(qos == Qos::AtLeastOnce), content_type.unwrap_or_default())))
    }
}

/// Skips what others say meanwhile: the broker may be in use.
async fn wait_for(peer: &mut Peer, topic: &str) -> Result<Incoming, Gone> {
    let until = tokio::time::Instant::now() + ANSWER_WAIT;
    loop {
        let left: Duration = until.saturating_duration_since(tokio::time::Instant::now());
        let message = peer.message(left).await?;
        if message.topic == topic {
            return Ok(message);
        }
    }
}

fn message(topic: &str, payload: Bytes, retain: bool) -> Outgoing {
    Outgoing {
        topic: topic.to_owned(),
        payload,
        qos: Qos::AtLeastOnce,
        retain,
        expiry_s: Some(MESSAGE_EXPIRY_S),
        content_type: Some(aisle_schemas::topic::EVENT.to_owned()),
        traceparent: Some(TRACEPARENT.to_owned()),
    }
}
