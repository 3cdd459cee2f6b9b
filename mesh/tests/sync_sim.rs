//! Seeded simulation of both ends of the sync protocol (T01).
//!
//! Runs the machines, the codec and the loading of production over logs in memory, with time and randomness from the seed: messages are
//! dropped, doubled and reordered, connections cut, processes restarted with only their disks kept, and transactions fail before or after
//! their commit. Then the faults stop, and everything must converge with invariants I1 to I4 intact. `AISLE_SIM_SEEDS` sets how many seeds
//! run; a failure prints the seed.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]
#![allow(clippy::wrong_self_convention, reason = "`to_owner` says where a message goes, not what it becomes")]

mod memory;

use std::{
    collections::{BTreeMap, BinaryHeap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use aisle_mesh::{
    link::PubReason,
    sync::{
        codec::{self, Encoded, Stamp},
        hello::HelloRequest,
        load::{LoadContext, load},
        log::*,
        node_link::{LogView, NodeLinkInput},
        node_peer::*,
        owner_peer::*,
        receiver::{ApplyFailure, Arrival},
        sender::LoadRequest,
        turn::{Moment, Turn},
    },
};
use aisle_schemas::{
    event::Source,
    ids::{EventId, InstanceId, NodeId},
    sync::*,
};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use memory::{Fault, MemoryCloud, MemoryNode};
use rand::{Rng, SeedableRng, rngs::SmallRng};

const CHAOS: Duration = Duration::from_secs(120);
const CALM_MAX: Duration = Duration::from_secs(3_600);
const STEPS_MAX: usize = 400_000;

/// What happens at a point in time.
enum Happening {
    ToNode { connection: u64, topic: String, payload: Bytes },
    ToOwner { topic: String, payload: Bytes },
    PubAck { connection: u64, reason: PubReason },
    Node { life: u64, input: Box<NodeInput> },
    Owner { life: u64, input: Box<OwnerInput> },
    LoadForNode { life: u64, session: Session, request: LoadRequest },
    LoadForOwner { life: u64, session: Session, request: LoadRequest },
    ApplyAtNode { life: u64, ticket: u64, batch: Box<ReceivedBatch> },
    ApplyAtOwner { life: u64, ticket: u64, batch: Box<ReceivedBatch> },
    DecideHello { life: u64, ticket: u64, session: Session, epoch: Epoch, hello: Box<Hello> },
    Accept,
    Break,
}

struct Planned {
    at: Moment,
    order: u64,
    what: Happening,
}
impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}
impl Eq for Planned {}
impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Planned {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

struct World {
    seed: u64,
    rng: SmallRng,
    now: Moment,
    order: u64,
    plan: BinaryHeap<Planned>,
    id: NodeId,
    disk: MemoryNode,
    cloud: MemoryCloud,
    node: NodePeer,
    owner: OwnerPeer,
    term: Term,
    node_life: u64,
    owner_life: u64,
    /// The node's connection: number, and whether it is subscribed.
    connection: Option<(u64, bool)>,
    last_connection: u64,
    node_payloads: HashMap<u64, (Stream, Bytes)>,
    owner_payloads: HashMap<u64, (Stream, Bytes)>,
    arrivals: u64,
    released: HashSet<u64>,
    events: u64,
    steps: usize,
}

fn now_or_never<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("memory never waits")
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let id = NodeId::parse("acme.s042.n1").unwrap();
        let cloud = MemoryCloud::new(std::slice::from_ref(&id), rng.random());
        let term = now_or_never(cloud.take_term()).unwrap();
        let mut world = Self {
            seed,
            disk: MemoryNode::new(rng.random()),
            node: NodePeer::new(introduction(), Moment::default()),
            owner: OwnerPeer::new(1 << 17, Moment::default()),
            cloud,
            rng,
            now: Moment::default(),
            order: 0,
            plan: BinaryHeap::new(),
            id,
            term,
            node_life: 0,
            owner_life: 0,
            connection: None,
            last_connection: 0,
            node_payloads: HashMap::new(),
            owner_payloads: HashMap::new(),
            arrivals: 0,
            released: HashSet::new(),
            events: 0,
            steps: 0,
        };
        world.after(0, 1_000, Happening::Accept);
        world.after(1_000, 20_000, Happening::Break);
        world
    }

    fn chaos(&self) -> bool {
        self.now.0 < CHAOS
    }
    fn chance(&mut self, percent: u32) -> bool {
        self.chaos() && self.rng.random_range(0..100) < percent
    }
    fn after(&mut self, min_ms: u64, max_ms: u64, what: Happening) {
        let wait = Duration::from_micros(self.rng.random_range(min_ms * 1_000..=max_ms * 1_000));
        self.order += 1;
        self.plan.push(Planned { at: self.now.plus(wait), order: self.order, what });
    }
    fn stamp(&mut self) -> Stamp {
        self.events += 1;
        Stamp { id: EventId::new(self.events, [1; 10]), time: self.wall() }
    }
    fn wall(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000, 0).unwrap() + TimeDelta::from_std(self.now.0).unwrap()
    }
    /// Lets the next transaction fail, sometimes.
    fn fault(&mut self) -> Option<Fault> {
        let before = self.rng.random();
        self.chance(4).then_some(if before { Fault::Before } else { Fault::After })
    }

    fn run(&mut self) {
        loop {
            self.steps += 1;
            assert!(
                self.steps < STEPS_MAX,
                "seed {}: does not come to rest: {} at {:?} {:?} {:?}",
                self.seed,
                self.report(),
                self.now,
                self.node,
                self.owner
            );
            let ticks = [self.node.deadline(), self.owner.deadline()];
            let due = self.plan.peek().map(|planned| planned.at);
            let next = ticks.into_iter().chain([due]).flatten().min().expect("an open link has a heartbeat");
            assert!(next.0 < CHAOS + CALM_MAX, "seed {}: does not converge: {}", self.seed, self.report());
            self.now = self.now.max(next);
            if due == Some(next) {
                let planned = self.plan.pop().expect("peeked");
                self.happen(planned.what);
            } else {
                self.node_input(NodeInput::Tick);
                self.owner_input(OwnerInput::Tick);
            }
            if !self.chaos() && self.converged() {
                break;
            }
        }
        self.check();
    }

    fn report(&self) -> String {
        let acked: Vec<_> = Stream::ALL.iter().map(|s| (*s, self.cursor(*s), self.head(*s))).collect();
        format!("{acked:?} link {:?} owner open {}", self.node.link(), self.owner.is_open())
    }
    fn head(&self, stream: Stream) -> Seq {
        match stream.direction() {
            Direction::Up => self.disk.disk().send.streams[&stream].state.head(),
            Direction::Down => self.cloud.with(&self.id, |row| row.send.streams[&stream].state.head()),
        }
    }
    fn cursor(&self, stream: Stream) -> Seq {
        match stream.direction() {
            Direction::Up => self.cloud.with(&self.id, |row| row.receive.cursors.get(&stream).copied().unwrap_or_default()),
            Direction::Down => self.disk.disk().receive.cursors.get(&stream).copied().unwrap_or_default(),
        }
    }
    fn converged(&self) -> bool {
        self.node.link().is_open() && Stream::ALL.iter().all(|stream| self.cursor(*stream) == self.head(*stream))
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::ToNode { connection, topic, payload } => {
                if self.connection != Some((connection, true)) {
                    return;
                }
                self.arrivals += 1;
                let message = codec::parse_from_cloud(&self.id, &topic, &payload).expect("our own topics and sources");
                self.node_input(NodeInput::Message { arrival: Arrival(self.arrivals), message });
            }
            Happening::ToOwner { topic, payload } => {
                self.arrivals += 1;
                let (node, message) = codec::parse_from_node(&topic, &payload).expect("our own topics and sources");
                assert_eq!(node, self.id);
                self.owner_input(OwnerInput::Message { arrival: Arrival(self.arrivals), message });
            }
            Happening::PubAck { connection, reason } => {
                if self.connection.is_some_and(|(current, _)| current == connection) {
                    self.node_input(NodeInput::PubAck(reason));
                }
            }
            Happening::Node { life, input } => {
                if life == self.node_life {
                    self.node_input(*input);
                }
            }
            Happening::Owner { life, input } => {
                if life == self.owner_life {
                    self.owner_input(*input);
                }
            }
            Happening::LoadForNode { life, session, request } => {
                let (stamp, fault) = (self.stamp(), self.fault());
                *self.disk.fault.lock().unwrap() = fault;
                let context = LoadContext { node: self.id.clone(), source: Source::Node(self.id.clone()), session, term: None };
                let loaded = now_or_never(load(&self.disk, &context, &request, stamp));
                *self.disk.fault.lock().unwrap() = None;
                let input = match loaded {
                    Ok((loaded, payload)) if life == self.node_life => {
                        self.node_payloads.insert(request.ticket, (request.stream, payload));
                        NodeInput::Loaded(loaded)
                    }
                    Ok(_) | Err(_) => NodeInput::LoadFailed { ticket: request.ticket },
                };
                self.after(0, 5, Happening::Node { life, input: Box::new(input) });
            }
            Happening::LoadForOwner { life, session, request } => {
                let (stamp, fault) = (self.stamp(), self.fault());
                *self.cloud.fault.lock().unwrap() = fault;
                let source = Source::Cloud(self.id.tenant.clone());
                let context = LoadContext { node: self.id.clone(), source, session, term: Some(self.term) };
                let loaded = now_or_never(load(&self.cloud, &context, &request, stamp));
                *self.cloud.fault.lock().unwrap() = None;
                let input = match loaded {
                    Ok((loaded, payload)) if life == self.owner_life => {
                        self.owner_payloads.insert(request.ticket, (request.stream, payload));
                        OwnerInput::Loaded(loaded)
                    }
                    Ok(_) | Err(_) => OwnerInput::LoadFailed { ticket: request.ticket },
                };
                self.after(0, 5, Happening::Owner { life, input: Box::new(input) });
            }
            Happening::ApplyAtNode { life, ticket, batch } => {
                *self.disk.fault.lock().unwrap() = self.fault();
                let applied = now_or_never(self.disk.apply(&self.id, &batch));
                *self.disk.fault.lock().unwrap() = None;
                let input = match applied {
                    Ok(applied) => NodeInput::Applied { ticket, applied },
                    Err(error) => NodeInput::ApplyFailed { ticket, failure: ApplyFailure::from(&error) },
                };
                self.after(0, 5, Happening::Node { life, input: Box::new(input) });
            }
            Happening::ApplyAtOwner { life, ticket, batch } => {
                *self.cloud.fault.lock().unwrap() = self.fault();
                let applied = now_or_never(self.cloud.apply(&self.id, &batch));
                *self.cloud.fault.lock().unwrap() = None;
                let input = match applied {
                    Ok(applied) => OwnerInput::Applied { ticket, applied },
                    Err(error) => OwnerInput::ApplyFailed { ticket, failure: ApplyFailure::from(&error) },
                };
                self.after(0, 5, Happening::Owner { life, input: Box::new(input) });
            }
            Happening::DecideHello { life, ticket, session, epoch, hello } => {
                let known_schemas = Arc::new(introduction().schemas.into_iter().collect());
                let (now, random, term) = (self.wall(), self.rng.random(), self.term);
                let request = HelloRequest { epoch, session, hello: *hello, known_schemas, term, now, random };
                *self.cloud.fault.lock().unwrap() = self.fault();
                let outcome = now_or_never(self.cloud.hello(&self.id, &request));
                *self.cloud.fault.lock().unwrap() = None;
                let input = match outcome {
                    Ok(outcome) => OwnerInput::HelloDecided { ticket, outcome: Box::new(outcome) },
                    Err(_) => OwnerInput::HelloFailed { ticket },
                };
                self.after(0, 5, Happening::Owner { life, input: Box::new(input) });
            }
            Happening::Accept => self.accept(),
            Happening::Break => self.break_something(),
        }
    }

    /// Both ends accept a few records, sometimes a burst.
    fn accept(&mut self) {
        let count = if self.rng.random_range(0..150) == 0 { 300 } else { self.rng.random_range(1..6) };
        for _ in 0..count {
            let stream = Stream::ALL[self.rng.random_range(0..Stream::ALL.len())];
            self.events += 1;
            let key = (stream.class() == Class::B).then(|| format!("screen/s{}", self.rng.random_range(0..5)));
            let poison = stream.class() != Class::B && self.rng.random_range(0..60) == 0;
            let reserve: bool = self.rng.random();
            match stream.direction() {
                Direction::Up => {
                    let event = memory::event(&self.id, self.events, poison, key);
                    let logged = self.disk.disk().send.accept(stream, &event, reserve);
                    self.node_input(NodeInput::Logged(logged));
                }
                Direction::Down => {
                    let event = memory::cloud_event(&self.id, self.events, poison, key);
                    let logged = self.cloud.with(&self.id, |row| row.send.accept(stream, &event, reserve));
                    self.owner_input(OwnerInput::Logged(logged));
                }
            }
        }
        if self.chaos() {
            self.after(1, 2_000, Happening::Accept);
        }
    }

    fn break_something(&mut self) {
        match self.rng.random_range(0..4) {
            0 => self.cut(self.now.0.as_millis().is_multiple_of(7)),
            1 => {
                // The process dies: only the disk is kept.
                self.connection = None;
                self.node_life += 1;
                self.node = NodePeer::new(introduction(), self.now);
                self.node_payloads.clear();
            }
            2 => {
                self.owner_life += 1;
                self.owner = OwnerPeer::new(1 << 17, self.now);
                self.owner_payloads.clear();
                self.term = now_or_never(self.cloud.take_term()).unwrap();
                self.state();
            }
            _ => self.owner_input(OwnerInput::LinkLost),
        }
        if self.chaos() {
            self.after(1_000, 40_000, Happening::Break);
        }
    }

    fn cut(&mut self, taken_over: bool) {
        if self.connection.take().is_some() {
            self.node_input(NodeInput::Link(NodeLinkInput::Lost { taken_over }));
        }
    }

    fn state(&mut self) {
        let stamp = self.stamp();
        let state = State::of(&InstanceId::parse("eu1-a").unwrap());
        let encoded = codec::encode_state(self.id.partition(), Source::Cloud(self.id.tenant.clone()), self.term, state, stamp);
        self.to_node(encoded);
    }

    /// The broker: may drop, double and reorder while there is chaos.
    fn to_node(&mut self, encoded: Encoded) {
        let Some((connection, _)) = self.connection else { return };
        let (topic, payload) = (encoded.topic.build(), encoded.payload);
        let copies = if self.chance(8) { 0 } else { 1 + u32::from(self.chance(8)) };
        for _ in 0..copies {
            let spread = if self.chance(20) { 300 } else { 0 };
            self.after(1, 1 + spread, Happening::ToNode { connection, topic: topic.clone(), payload: payload.clone() });
        }
    }
    fn to_owner(&mut self, encoded: Encoded) {
        let Some((connection, _)) = self.connection else { return };
        let (topic, payload) = (encoded.topic.build(), encoded.payload);
        let nobody = self.chance(1);
        let reason = if nobody { PubReason::NoSubscriber } else { PubReason::Accepted };
        self.after(1, 30, Happening::PubAck { connection, reason });
        let copies = if nobody || self.chance(8) { 0 } else { 1 + u32::from(self.chance(8)) };
        for _ in 0..copies {
            let spread = if self.chance(20) { 300 } else { 0 };
            self.after(1, 1 + spread, Happening::ToOwner { topic: topic.clone(), payload: payload.clone() });
        }
    }

    fn node_input(&mut self, input: NodeInput) {
        let mut out = Vec::new();
        self.node.handle(&mut Turn { now: self.now, rng: &mut self.rng }, input, &mut out);
        for output in out {
            self.node_output(output);
        }
    }

    fn node_output(&mut self, output: NodeOutput) {
        let life = self.node_life;
        let answer = |input: NodeLinkInput| Happening::Node { life, input: Box::new(NodeInput::Link(input)) };
        match output {
            NodeOutput::BeginSession { step, random } => {
                *self.disk.fault.lock().unwrap() = self.fault();
                let input = match now_or_never(self.disk.begin_session(random)) {
                    Ok(session) => NodeLinkInput::SessionBegun { step, session },
                    Err(_) => NodeLinkInput::StepFailed { step },
                };
                self.after(0, 5, answer(input));
            }
            NodeOutput::Dial { session: _ } => {
                self.last_connection += 1;
                self.connection = Some((self.last_connection, false));
                let input = NodeInput::Connected { receive_max: 40, packet_max: 1 << 17 };
                self.after(1, 50, Happening::Node { life, input: Box::new(input) });
            }
            NodeOutput::Subscribe => {
                let ok = !self.chance(2);
                if let Some((_, subscribed)) = &mut self.connection {
                    *subscribed = ok;
                    self.state();
                    self.after(1, 50, answer(NodeLinkInput::SubAcked { ok }));
                }
            }
            NodeOutput::Hang => self.connection = None,
            NodeOutput::ReadLog { step } => {
                *self.disk.fault.lock().unwrap() = self.fault();
                let send = now_or_never(self.disk.state(&self.id));
                let down = now_or_never(self.disk.down_state());
                let input = match (send, down) {
                    (Ok(send), Ok(down)) => NodeLinkInput::LogRead { step, view: Box::new(LogView { send, down }) },
                    _ => NodeLinkInput::StepFailed { step },
                };
                self.after(0, 5, answer(input));
            }
            NodeOutput::AdoptDown { step, epoch } => {
                *self.disk.fault.lock().unwrap() = self.fault();
                let input = match now_or_never(self.disk.adopt_down_epoch(epoch)) {
                    Ok(down) => NodeLinkInput::Adopted { step, down },
                    Err(_) => NodeLinkInput::StepFailed { step },
                };
                self.after(0, 5, answer(input));
            }
            NodeOutput::ReturnTo { step, cursors } => {
                *self.disk.fault.lock().unwrap() = self.fault();
                let input = match now_or_never(self.disk.return_to(&cursors)) {
                    Ok(()) => NodeLinkInput::Returned { step },
                    Err(_) => NodeLinkInput::StepFailed { step },
                };
                self.after(0, 5, answer(input));
            }
            NodeOutput::BeginEpoch { step, request } => {
                let input = match now_or_never(self.disk.begin_epoch(&self.id, &request)) {
                    Ok(_) => NodeLinkInput::EpochBegun { step },
                    Err(_) => NodeLinkInput::StepFailed { step },
                };
                self.after(0, 5, answer(input));
            }
            NodeOutput::Publish(message) => {
                let encoded = match &message {
                    FromNode::Batch { ticket } => {
                        let (stream, payload) = self.node_payloads.remove(ticket).expect("a ticket is sent once, after it was loaded");
                        Encoded { topic: codec::batch_topic(&self.id, stream), payload }
                    }
                    FromNode::Presence { .. } | FromNode::Hello { .. } | FromNode::Ack { .. } => {
                        let stamp = self.stamp();
                        codec::encode_from_node(&self.id, &message, stamp).expect("only a batch has no encoding")
                    }
                };
                self.to_owner(encoded);
            }
            NodeOutput::Load { session, request } => self.after(0, 5, Happening::LoadForNode { life, session, request }),
            NodeOutput::DropLoaded { ticket } => {
                self.node_payloads.remove(&ticket);
            }
            NodeOutput::CommitAcked { stream, acked } => {
                *self.disk.fault.lock().unwrap() = self.fault();
                // An acknowledgement that is forgotten comes again with the next WELCOME.
                if now_or_never(self.disk.commit_acked(&self.id, stream, acked)).is_err() {}
            }
            NodeOutput::Apply { ticket, batch } => self.after(0, 20, Happening::ApplyAtNode { life, ticket, batch }),
            NodeOutput::Release(arrival) => self.release(arrival),
            NodeOutput::Alarm(_) | NodeOutput::Count(_) => {}
        }
        *self.disk.fault.lock().unwrap() = None;
    }

    fn release(&mut self, arrival: Arrival) {
        assert!(self.released.insert(arrival.0), "seed {}: PUBACK sent twice", self.seed);
    }

    fn owner_input(&mut self, input: OwnerInput) {
        let mut out = Vec::new();
        self.owner.handle(&mut Turn { now: self.now, rng: &mut self.rng }, input, &mut out);
        for output in out {
            self.owner_output(output);
        }
    }

    fn owner_output(&mut self, output: OwnerOutput) {
        let life = self.owner_life;
        match output {
            OwnerOutput::DecideHello { ticket, session, epoch, hello } => {
                self.after(0, 20, Happening::DecideHello { life, ticket, session, epoch, hello });
            }
            OwnerOutput::Publish(message) => {
                let encoded = match &message {
                    ToNode::Batch { ticket } => {
                        let (stream, payload) = self.owner_payloads.remove(ticket).expect("a ticket is sent once, after it was loaded");
                        Encoded { topic: codec::batch_topic(&self.id, stream), payload }
                    }
                    ToNode::Welcome { .. } | ToNode::Ack { .. } => {
                        let stamp = self.stamp();
                        codec::encode_to_node(&self.id, self.term, &message, stamp).expect("only a batch has no encoding")
                    }
                };
                self.to_node(encoded);
            }
            OwnerOutput::Load { session, request } => self.after(0, 5, Happening::LoadForOwner { life, session, request }),
            OwnerOutput::DropLoaded { ticket } => {
                self.owner_payloads.remove(&ticket);
            }
            OwnerOutput::CommitAcked { stream, acked } => if now_or_never(self.cloud.commit_acked(&self.id, stream, acked)).is_err() {},
            OwnerOutput::Apply { ticket, batch } => self.after(0, 20, Happening::ApplyAtOwner { life, ticket, batch }),
            OwnerOutput::Presence { session, status } => {
                now_or_never(self.cloud.presence(&self.id, session, status, self.wall())).expect("no fault is set");
            }
            OwnerOutput::Touch { session } => {
                now_or_never(self.cloud.touch(&[(self.id.clone(), session)], self.wall())).expect("no fault is set");
            }
            OwnerOutput::Release(arrival) => self.release(arrival),
            // A stale session fences one node's receiver; the node's next HELLO opens it again.
            OwnerOutput::Fenced | OwnerOutput::Alarm(_) | OwnerOutput::Count(_) => {}
        }
    }

    /// I1 and I2; I3 and I4 are asserted by the logs on every write.
    fn check(&mut self) {
        let up = self.cloud.with(&self.id, |row| row.receive.clone());
        let down = self.disk.disk().receive.clone();
        let accepted_up = self.disk.disk().send.accepted.clone();
        let accepted_down = self.cloud.with(&self.id, |row| row.send.accepted.clone());
        for (accepted, received) in [(accepted_up, up), (accepted_down, down)] {
            let mut times: BTreeMap<EventId, u32> = BTreeMap::new();
            let mut last: HashMap<(Epoch, Stream), Seq> = HashMap::new();
            for (epoch, stream, seq, id) in &received.effects {
                *times.entry(*id).or_default() += 1;
                let before = last.insert((*epoch, *stream), *seq);
                assert!(before < Some(*seq), "seed {}: disorder in {stream} at {seq}", self.seed);
            }
            assert!(times.values().all(|times| *times == 1), "seed {}: doubled", self.seed);
            let quarantined: HashSet<EventId> = received.quarantined.iter().map(|(_, id)| *id).collect();
            let mut newest: BTreeMap<Stream, EventId> = BTreeMap::new();
            for (stream, id) in accepted {
                match stream.class() {
                    Class::A | Class::C => {
                        let found = times.contains_key(&id) || quarantined.contains(&id);
                        assert!(found, "seed {}: lost {id} of {stream}", self.seed);
                    }
                    Class::B => {
                        newest.insert(stream, id);
                    }
                }
            }
            for (stream, id) in newest {
                assert!(
                    received.documents.iter().any(|((of, _), found)| *of == stream && *found == id),
                    "seed {}: stale {stream}",
                    self.seed
                );
            }
        }
    }
}

fn introduction() -> NodeIntroduction {
    NodeIntroduction { software: "0.1.0".to_owned(), schemas: vec!["aisle.test.v1".to_owned()] }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the number of seeds is asked for where the test is started")]
fn as_046_whatever_is_dropped_doubled_reordered_cut_or_torn_every_record_takes_effect_once_and_in_order() {
    let seeds: u64 = std::env::var("AISLE_SIM_SEEDS").ok().map_or(500, |text| text.parse().expect("AISLE_SIM_SEEDS is a number"));
    let (mut steps, mut accepted, mut slowest) = (0, 0, Duration::ZERO);
    for seed in 0..seeds {
        let mut world = World::new(seed);
        let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.run()));
        if let Err(panic) = run {
            eprintln!("failed with seed {seed}");
            std::panic::resume_unwind(panic);
        }
        steps += world.steps;
        accepted += world.disk.disk().send.accepted.len();
        slowest = slowest.max(world.now.0 - CHAOS);
    }
    println!("seeds {seeds} steps {steps} accepted up {accepted} longest convergence {slowest:?} lost 0 doubled 0 disorder 0");
}
