//! A storm of HELLOs at an owner whose link is slow: all are answered, at the pace of the link, and the link is not dropped for it.
//!
//! Owns a transport whose broker takes nothing until the test lets it.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]

mod memory;

use std::{
    collections::{BTreeSet, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use aisle_mesh::{
    clock::SystemClock,
    link::{AckToken, Incoming, LinkConfigError, LinkError, LinkEvent, Outgoing, PubReason, Qos, SubCode, Will},
    sync::{
        codec::{Stamp, encode_from_node},
        node_peer::FromNode,
        owner_driver::{OwnerSync, OwnerSyncConfig},
        transport::{Transport, TransportHandle},
    },
};
use aisle_schemas::{
    ids::{EventId, InstanceId, NodeId, TenantId},
    limits::HELLO_RATE_PER_S,
    sync::{Count, DownState, Epoch, Hello, Mark, Message, Nonce, PerStream, Seq, Session, Stream, UpState, Welcome, WelcomeCode},
};
use async_trait::async_trait;
use chrono::DateTime;
use memory::MemoryCloud;
use tokio::sync::{Semaphore, mpsc};

/// Stores that all come at once: as many messages as a broker that exceeds its window sends without an acknowledgement.
const STORES: usize = 1_000;
/// Longest wait for anything; a test that reaches it has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// The broker's end.
struct SlowBroker {
    events: mpsc::Sender<LinkEvent>,
    /// What it may still take.
    takes: Semaphore,
    later: Mutex<HashSet<Nonce>>,
}

#[derive(Clone, Default)]
struct SlowLine {
    dials: Arc<AtomicUsize>,
    broker: Arc<Mutex<Option<Arc<SlowBroker>>>>,
}

struct SlowHandle(Arc<SlowBroker>);

impl Transport for SlowLine {
    type Handle = SlowHandle;
    fn connect(&self, _will: Option<Will>) -> Result<(SlowHandle, mpsc::Receiver<LinkEvent>), LinkConfigError> {
        self.dials.fetch_add(1, Ordering::SeqCst);
        let (events, told) = mpsc::channel(2 * STORES);
        events.try_send(LinkEvent::Connected { receive_max: u16::MAX, packet_max: u32::MAX }).unwrap();
        let broker = Arc::new(SlowBroker { events, takes: Semaphore::new(0), later: Mutex::default() });
        *self.broker.lock().unwrap() = Some(Arc::clone(&broker));
        Ok((SlowHandle(broker), told))
    }
}

#[async_trait]
impl TransportHandle for SlowHandle {
    async fn subscribe(&self, filters: &[String]) -> Result<(), LinkError> {
        self.0.events.send(LinkEvent::SubAck(vec![SubCode::Granted; filters.len()])).await.map_err(|_| LinkError::Closed)
    }
    async fn unsubscribe(&self, _filters: &[String]) -> Result<(), LinkError> {
        Ok(())
    }
    async fn publish(&self, message: Outgoing) -> Result<(), LinkError> {
        self.0.takes.acquire().await.map_err(|_| LinkError::Closed)?.forget();
        if let Ok(Message { body: Welcome { nonce, code: WelcomeCode::Later, .. }, .. }) = Message::<Welcome>::decode(&message.payload) {
            self.0.later.lock().unwrap().insert(nonce);
        }
        self.0.events.send(LinkEvent::PubAck { reason: PubReason::Accepted }).await.map_err(|_| LinkError::Closed)
    }
    async fn ack(&self, _token: AckToken) -> Result<(), LinkError> {
        Ok(())
    }
    fn hang(&self) {}
}

fn hello(number: usize) -> LinkEvent {
    let node = NodeId::parse(&format!("acme.s{number}.n1")).unwrap();
    let body = Hello {
        nonce: Nonce(number as u64),
        mark: Mark::ZERO,
        lineage: vec![],
        pending: Count::ZERO,
        software: "0.1.0".to_owned(),
        schemas: vec![],
        up: Stream::UP.into_iter().map(|stream| (stream, UpState { kept: Seq::new(1), next: Seq::new(1) })).collect(),
        down: DownState { epoch: None, mark: Mark::ZERO, cursors: PerStream::default() },
    };
    let said = FromNode::Hello { session: Session { counter: 1, random: 7 }, epoch: Epoch { counter: 1, random: 7 }, body: Box::new(body) };
    let stamp = Stamp { id: EventId::new(number as u64, [0; 10]), time: DateTime::UNIX_EPOCH };
    let encoded = encode_from_node(&node, &said, stamp).unwrap();
    LinkEvent::Message(Incoming {
        topic: encoded.topic.build(),
        payload: encoded.payload,
        qos: Qos::AtLeastOnce,
        retain: false,
        content_type: None,
        traceparent: None,
        ack: AckToken::new(1, 1),
    })
}

async fn eventually(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("the condition never came true");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_021_a_storm_is_put_off_at_the_pace_of_the_link_and_does_not_end_it() {
    let line = SlowLine::default();
    let config = OwnerSyncConfig {
        instance: InstanceId::parse("eu1-a").unwrap(),
        tenant: TenantId::parse("acme").unwrap(),
        known_schemas: BTreeSet::new(),
    };
    let cloud = Arc::new(MemoryCloud::new(&[], 5));
    let owner = OwnerSync::spawn(config, line.clone(), cloud, SystemClock::new());
    owner.status().wait_for(|status| status.subscribed && status.partitions > 0).await.unwrap();
    let broker = Arc::clone(line.broker.lock().unwrap().as_ref().unwrap());

    for number in 0..STORES {
        broker.events.send(hello(number)).await.unwrap();
    }
    // The broker takes nothing, and all of it is read: what is to be answered waits in the owner.
    eventually(|| broker.events.capacity() == broker.events.max_capacity()).await;
    broker.takes.add_permits(10 * STORES);
    // The hub decides so many in each second that the reading took, and puts off the others.
    eventually(|| broker.later.lock().unwrap().len() >= STORES / 2).await;
    assert!(broker.later.lock().unwrap().len() <= STORES - HELLO_RATE_PER_S as usize);
    assert_eq!(line.dials.load(Ordering::SeqCst), 1, "the link that was flooded was not given up");
    owner.stop().await;
}
