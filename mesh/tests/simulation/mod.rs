//! A world of one node, its owners, a broker and two disks, all of whose chances come from one seed.
//!
//! Owns time, the plan of what happens when, and the broker, which may drop, double and reorder. Runs the machines, the codec and the
//! loading of production over logs in memory. Takes a seed, from which also the [`Weather`] follows; emits a [`Tally`]. On failure: panics
//! naming the seed and where both ends stand.

mod cloud_side;
mod faults;
mod node_side;
mod verdict;

use std::{
    collections::{BTreeMap, BinaryHeap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use aisle_mesh::{
    link::PubReason,
    sync::{
        codec::{Encoded, Stamp},
        log::*,
        node_peer::*,
        owner_peer::OwnerInput,
        receiver::Arrival,
        sender::LoadRequest,
        turn::Moment,
    },
};
use aisle_schemas::{
    ids::{EventId, NodeId},
    sync::*,
};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use rand::{Rng, SeedableRng, rngs::SmallRng};

use self::{cloud_side::OwnerSide, faults::Break};
use crate::memory::{self, CloudNode, Fault, MemoryCloud, MemoryNode, NodeDisk, Paused};

pub use self::verdict::Tally;

/// How long faults go on, at most; every tenth run has the longer span, in which time-outs that double come to their end.
const CHAOS_SECONDS: [u64; 2] = [25, 150];
const LONG_EVERY: u32 = 10;
/// After the last fault everything must converge within this: a box that looks like a clone waits 15 minutes, and may do so more than once.
const CALM_MAX: Duration = Duration::from_secs(2 * 3_600);
const STEPS_MAX: usize = 400_000;

/// Which faults a run has besides those of a line, which it always has. Follows from the seed, so that a seed alone replays a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// The line drops, doubles, reorders and breaks; processes end between transactions.
    Line,
    /// Processes end within transactions, rows change on the disk, telemetry is dropped, clocks step.
    Torn,
    /// Owners hang and lose their partition without noticing.
    Owners,
    /// A disk or a database is set back.
    SetBack,
    /// All of it.
    All,
}

impl Weather {
    pub const ALL: [Self; 5] = [Self::Line, Self::Torn, Self::Owners, Self::SetBack, Self::All];

    pub fn of(seed: u64) -> Self {
        Self::ALL[usize::try_from(seed % 5).unwrap()]
    }
}

/// What happens at a point in time. `life` is the process that it happens to: of a dead one nothing comes back.
enum Happening {
    ToNode { connection: u64, topic: String, payload: Bytes },
    ToOwner { life: u64, topic: String, payload: Bytes },
    PubAck { connection: u64, reason: PubReason },
    Node { life: u64, input: Box<NodeInput> },
    Owner { life: u64, input: Box<OwnerInput> },
    LoadForNode { life: u64, session: Session, request: LoadRequest },
    LoadForOwner { life: u64, term: Term, session: Session, request: LoadRequest },
    ApplyAtNode { life: u64, ticket: u64, batch: Box<ReceivedBatch> },
    ApplyAtOwner { life: u64, term: Term, ticket: u64, batch: Box<ReceivedBatch> },
    EndApply { life: u64, ticket: u64, paused: Box<Paused> },
    DecideHello { life: u64, term: Term, ticket: u64, session: Session, epoch: Epoch, hello: Box<Hello> },
    TakeOver,
    Retire { life: u64 },
    Crash { life: u64 },
    Reclaim,
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

pub struct World {
    seed: u64,
    weather: Weather,
    chaos_until: Duration,
    rng: SmallRng,
    now: Moment,
    order: u64,
    plan: BinaryHeap<Planned>,
    id: NodeId,
    disk: MemoryNode,
    disk_backup: Option<NodeDisk>,
    /// The node's process ends within its next transaction.
    node_dies: bool,
    /// How far the node's wall clock is off.
    node_skew: TimeDelta,
    node: NodePeer,
    node_life: u64,
    node_payloads: HashMap<u64, (Stream, Bytes)>,
    /// The node's connection: number, and whether it is subscribed.
    connection: Option<(u64, bool)>,
    last_connection: u64,
    cloud: Arc<MemoryCloud>,
    cloud_backup: Option<CloudNode>,
    /// Those that own the partition, or think so, by life; the newest is right.
    owners: BTreeMap<u64, OwnerSide>,
    last_owner: u64,
    /// The owner hangs in its next receive transaction for so long.
    hangs_for: Option<Duration>,
    /// Until then an open transaction keeps everybody else from the partition.
    locked_until: Moment,
    /// Whether a disk or a database was set back.
    was_set_back: bool,
    breaks: Vec<Break>,
    arrivals: u64,
    released: HashSet<u64>,
    events: u64,
    steps: usize,
}

fn now_or_never<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("memory never waits")
}

fn introduction() -> NodeIntroduction {
    NodeIntroduction { software: "0.1.0".to_owned(), schemas: vec!["aisle.test.v1".to_owned()] }
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let id = NodeId::parse("acme.s042.n1").unwrap();
        let weather = Weather::of(seed);
        let chaos = CHAOS_SECONDS[usize::from(rng.random_range(0..LONG_EVERY) == 0)];
        let mut world = Self {
            seed,
            weather,
            chaos_until: Duration::from_secs(rng.random_range(10..=chaos)),
            disk: MemoryNode::new(rng.random()),
            disk_backup: None,
            node_dies: false,
            node_skew: TimeDelta::zero(),
            node: NodePeer::new(introduction(), Moment::default()),
            node_life: 0,
            node_payloads: HashMap::new(),
            connection: None,
            last_connection: 0,
            cloud: Arc::new(MemoryCloud::new(std::slice::from_ref(&id), rng.random())),
            cloud_backup: None,
            owners: BTreeMap::new(),
            last_owner: 0,
            hangs_for: None,
            locked_until: Moment::default(),
            was_set_back: false,
            breaks: Break::of(weather),
            rng,
            now: Moment::default(),
            order: 0,
            plan: BinaryHeap::new(),
            id,
            arrivals: 0,
            released: HashSet::new(),
            events: 0,
            steps: 0,
        };
        world.after(0, 2_000, Happening::TakeOver);
        world.after(0, 1_000, Happening::Accept);
        world.after(1_000, 10_000, Happening::Break);
        world
    }

    fn chaos(&self) -> bool {
        self.now.0 < self.chaos_until
    }
    fn chance(&mut self, percent: u32) -> bool {
        self.chaos() && self.rng.random_range(0..100) < percent
    }
    fn after(&mut self, min_ms: u64, max_ms: u64, what: Happening) {
        let wait = Duration::from_micros(self.rng.random_range(min_ms * 1_000..=max_ms * 1_000));
        self.at(self.now.plus(wait), what);
    }
    fn at(&mut self, at: Moment, what: Happening) {
        self.order += 1;
        self.plan.push(Planned { at, order: self.order, what });
    }
    fn stamp(&mut self, skew: TimeDelta) -> Stamp {
        self.events += 1;
        Stamp { id: EventId::new(self.events, [1; 10]), time: self.wall() + skew }
    }
    fn wall(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000, 0).unwrap() + TimeDelta::from_std(self.now.0).unwrap()
    }
    /// Lets the next transaction fail, sometimes.
    fn fault(&mut self) -> Option<Fault> {
        let before = self.rng.random();
        self.chance(4).then_some(if before { Fault::Before } else { Fault::After })
    }

    pub fn run(&mut self) -> Tally {
        while self.chaos() || !self.converged() {
            self.steps += 1;
            let seed = self.seed;
            assert!(self.steps < STEPS_MAX, "seed {seed}: does not come to rest: {}", self.report());
            let ticks = self.node.deadline().into_iter().chain(self.owner_deadlines());
            let due = self.plan.peek().map(|planned| planned.at);
            let next = ticks.chain(due).min().expect("an open link has a heartbeat");
            assert!(next.0 < self.chaos_until + CALM_MAX, "seed {seed}: does not converge: {}", self.report());
            self.now = self.now.max(next);
            if due == Some(next) {
                let planned = self.plan.pop().expect("peeked");
                self.happen(planned.what);
            } else {
                self.node_input(NodeInput::Tick);
                self.tick_owners();
            }
        }
        self.judge()
    }

    fn report(&self) -> String {
        let cursors: Vec<_> = Stream::ALL.iter().map(|stream| (*stream, self.cursor(*stream), self.head(*stream))).collect();
        format!("{:?} at {:?}: {cursors:?}\n{:?}\n{:?}", self.weather, self.now, self.node, self.owners)
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
        let alone = self.owners.len() == 1 && self.owners.values().all(|owner| owner.is_open());
        alone && self.node.link().is_open() && Stream::ALL.iter().all(|stream| self.cursor(*stream) == self.head(*stream))
    }

    fn happen(&mut self, what: Happening) {
        let Some(what) = self.unless_hanging(what) else { return };
        match what {
            Happening::ToNode { .. }
            | Happening::PubAck { .. }
            | Happening::Node { .. }
            | Happening::LoadForNode { .. }
            | Happening::ApplyAtNode { .. }
            | Happening::Crash { .. }
            | Happening::Reclaim => self.at_node(what),
            Happening::ToOwner { .. }
            | Happening::Owner { .. }
            | Happening::LoadForOwner { .. }
            | Happening::ApplyAtOwner { .. }
            | Happening::EndApply { .. }
            | Happening::DecideHello { .. }
            | Happening::TakeOver
            | Happening::Retire { .. } => self.at_cloud(what),
            Happening::Accept => self.accept(),
            Happening::Break => self.break_something(),
        }
    }

    /// Both ends accept a few records, sometimes more than fit a batch. Mark and high are committed with a record only where the session is
    /// open, and in the cloud only while the partition is owned: a disk that was set back must not make up for the marks that it lost before
    /// its peer has seen them missing.
    fn accept(&mut self) {
        let count = if self.rng.random_range(0..200) == 0 { 300 } else { self.rng.random_range(1..6) };
        for _ in 0..count {
            let stream = Stream::ALL[self.rng.random_range(0..Stream::ALL.len())];
            self.events += 1;
            let key = (stream.class() == Class::B).then(|| format!("screen/s{}", self.rng.random_range(0..5)));
            let poison = stream.class() != Class::B && self.rng.random_range(0..60) == 0;
            let reserve: bool = self.rng.random();
            match stream.direction() {
                Direction::Up => {
                    let event = memory::event(&self.id, self.events, poison, key);
                    let reserve = reserve && self.node.link().is_open();
                    let logged = self.disk.disk().send.accept(stream, &event, reserve);
                    self.node_input(NodeInput::Logged(logged));
                }
                Direction::Down => {
                    let event = memory::cloud_event(&self.id, self.events, poison, key);
                    let owned = !self.owners.is_empty();
                    let logged = self.cloud.accept(&self.id, stream, &event, reserve && owned);
                    self.tell_owner(OwnerInput::Logged(logged));
                }
            }
        }
        if self.chaos() {
            self.after(1, 2_000, Happening::Accept);
        }
    }

    /// The broker towards the node.
    fn to_node(&mut self, encoded: Encoded) {
        let Some((connection, _)) = self.connection else { return };
        let (topic, payload) = (encoded.topic.build(), encoded.payload);
        let copies = if self.chance(8) { 0 } else { 1 + u32::from(self.chance(8)) };
        for _ in 0..copies {
            let spread = if self.chance(20) { 300 } else { 0 };
            self.after(1, 1 + spread, Happening::ToNode { connection, topic: topic.clone(), payload: payload.clone() });
        }
    }

    /// The broker towards everybody who subscribed to the partition, right or wrong.
    fn to_owners(&mut self, encoded: Encoded) {
        let Some((connection, _)) = self.connection else { return };
        let (topic, payload) = (encoded.topic.build(), encoded.payload);
        let nobody = self.owners.is_empty() || self.chance(1);
        let reason = if nobody { PubReason::NoSubscriber } else { PubReason::Accepted };
        self.after(1, 30, Happening::PubAck { connection, reason });
        if nobody {
            return;
        }
        let lives: Vec<u64> = self.owners.keys().copied().collect();
        for life in lives {
            let copies = if self.chance(8) { 0 } else { 1 + u32::from(self.chance(8)) };
            for _ in 0..copies {
                let spread = if self.chance(20) { 300 } else { 0 };
                self.after(1, 1 + spread, Happening::ToOwner { life, topic: topic.clone(), payload: payload.clone() });
            }
        }
    }

    fn release(&mut self, arrival: Arrival) {
        assert!(self.released.insert(arrival.0), "seed {}: PUBACK sent twice", self.seed);
    }
}
