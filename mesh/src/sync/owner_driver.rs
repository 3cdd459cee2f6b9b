//! Runs an owner's end of the protocol: one link, one hub that owns it, one task per node.
//!
//! Owns [`OwnerSync`]: the connection, the order of PUBACKs, the MQTT window of the instance, the HELLO rate, STATE and presence leases. Takes
//! link events and what the node tasks publish; emits messages to the tasks by bounded channels, never waiting for one, so that one slow node
//! stops no other; a full channel sheds. It owns every partition under the term it took at start; leases per partition would stand between
//! taking the term and subscribing. On failure of the link it dials again; when fenced it stops and says so in its status.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use aisle_schemas::{
    event::Source,
    ids::{InstanceId, NodeId, Partition, TenantId},
    limits::{BACKOFF_MAX, BACKOFF_MIN, BACKOFF_RESET, PARTITIONS, RECEIVE_MAX_CLOUD, WINDOW_CLOUD},
    sync::{Mark, Seq, State, Stream, Term},
};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use rand::{SeedableRng, rngs::SmallRng};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::Instant,
};

use super::{
    board::Board,
    codec::{self, Encoded, Refused, Stamp},
    fleet_rules::{BulkSlots, HelloBudget, presence_expiry},
    hello,
    log::{LogError, Logged, OwnerStore},
    node_driver::{next_event, stamp, until},
    owner_peer::{FromNodeMessage, ToNode},
    owner_task::{PEER_QUEUE, ROLE, Shared, Task, ToHub, ToTask},
    receiver::Arrival,
    signals,
    transport::{AckOrder, Transport, Writer},
    turn::{Alarm, Counted, Moment, Turn},
};
use crate::clock::Clock;
use crate::link::{LinkEvent, Qos, SubCode};

/// Everything that nodes publish (AS-098); all partitions are owned, so one filter covers them.
const FILTER: &str = aisle_schemas::topic::OWNER_UP_ALL;
/// Publishes of node tasks that wait for the window; behind it the tasks wait.
const PUBLISHES_MAX: usize = WINDOW_CLOUD as usize;
/// Arrivals that may be unsettled at once, twice: those of a link that was lost may still be settled.
const SETTLED_MAX: usize = 2 * RECEIVE_MAX_CLOUD as usize + PEER_QUEUE;
/// Node tasks of one instance: broker and enrolment admit known nodes only, so more is a fault; a first message beyond it is shed.
const NODES_MAX: usize = 16_384;
/// Time between looks at presence leases, and between their renewals.
const PRESENCE_EVERY: Duration = Duration::from_secs(5);
/// Wait after the term could not be taken.
const TERM_RETRY: Duration = Duration::from_secs(1);

/// What an owner needs to know.
#[derive(Debug, Clone)]
pub struct OwnerSyncConfig {
    pub instance: InstanceId,
    /// Stands as `source` in STATE, which no tenant owns.
    pub tenant: TenantId,
    /// Families of payloads that this cloud understands.
    pub known_schemas: BTreeSet<String>,
}

/// What anyone may see of the owner.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnerStatus {
    pub term: Option<Term>,
    /// Connected, and SUBACK was seen.
    pub subscribed: bool,
    /// Sessions that are open.
    pub nodes_open: usize,
    /// Another instance has a newer term: this one has stopped for good.
    pub fenced: bool,
}

type Boards = Arc<Mutex<HashMap<NodeId, Arc<Board>>>>;

#[derive(Debug)]
enum Control {
    Unhold(NodeId, Stream),
    Stop,
}

/// A running owner.
#[derive(Debug)]
pub struct OwnerSyncHandle {
    boards: Boards,
    status: watch::Receiver<OwnerStatus>,
    control: mpsc::Sender<Control>,
    task: JoinHandle<()>,
}

/// Lets whoever writes obligations tell the senders without owning the driver.
#[derive(Debug, Clone)]
pub struct OwnerLoggedSender(Boards);

impl OwnerLoggedSender {
    /// Call after the commit; never waits. A node that is not connected is read from the log when it comes.
    pub fn logged(&self, node: &NodeId, stream: Stream, head: Seq, mark: Option<Mark>) {
        let board = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(node).cloned();
        if let Some(board) = board {
            board.post(Logged { stream, head, reserved: mark });
        }
    }
}

impl OwnerSyncHandle {
    /// See [`OwnerLoggedSender::logged`].
    pub fn logged(&self, node: &NodeId, stream: Stream, head: Seq, mark: Option<Mark>) {
        self.logged_sender().logged(node, stream, head, mark);
    }
    pub fn logged_sender(&self) -> OwnerLoggedSender {
        OwnerLoggedSender(Arc::clone(&self.boards))
    }
    pub fn status(&self) -> watch::Receiver<OwnerStatus> {
        self.status.clone()
    }
    /// An operator ends the hold of an up stream; `false` if the owner has ended.
    pub async fn unhold(&self, node: NodeId, stream: Stream) -> bool {
        self.control.send(Control::Unhold(node, stream)).await.is_ok()
    }
    /// Hangs up in order and waits for the end.
    pub async fn stop(self) {
        let told = self.control.send(Control::Stop).await;
        if told.is_err() || self.task.await.is_err() {
            tracing::debug!("owner had ended before it was stopped");
        }
    }
}

/// The owner of all partitions.
#[derive(Debug, Clone, Copy)]
pub struct OwnerSync;

impl OwnerSync {
    /// Starts in the running tokio runtime: takes the term, then dials.
    pub fn spawn<T: Transport, S: OwnerStore>(
        config: OwnerSyncConfig,
        transport: T,
        store: Arc<S>,
        clock: Arc<dyn Clock>,
    ) -> OwnerSyncHandle {
        let (status_tx, status) = watch::channel(OwnerStatus::default());
        let (control, control_rx) = mpsc::channel(PEER_QUEUE);
        let boards = Boards::default();
        let task = tokio::spawn(own(config, transport, store, clock, status_tx, control_rx, Arc::clone(&boards)));
        OwnerSyncHandle { boards, status, control, task }
    }
}

async fn own<T: Transport, S: OwnerStore>(
    config: OwnerSyncConfig,
    transport: T,
    store: Arc<S>,
    clock: Arc<dyn Clock>,
    status: watch::Sender<OwnerStatus>,
    mut control: mpsc::Receiver<Control>,
    boards: Boards,
) {
    let term = loop {
        match store.take_term().await {
            Ok(term) => break term,
            Err(error) => signals::storage_failed(ROLE, "term", &error),
        }
        tokio::select! {
            order = control.recv() => if matches!(order, Some(Control::Stop) | None) { return },
            () = tokio::time::sleep(TERM_RETRY) => {}
        }
    };
    let OwnerSyncConfig { instance, tenant, known_schemas } = config;
    let shared = Arc::new(Shared {
        store,
        clock,
        term,
        known_schemas: Arc::new(known_schemas),
        started: Instant::now(),
        slots: Mutex::new(BulkSlots::default()),
        heard: Mutex::new(HashMap::new()),
        open: AtomicUsize::new(0),
    });
    let (hub_tx, hub_rx) = mpsc::channel(PUBLISHES_MAX);
    let (settled_tx, settled_rx) = mpsc::channel(SETTLED_MAX);
    let hub = Hub {
        instance,
        tenant,
        transport,
        shared,
        rng: SmallRng::from_os_rng(),
        link: None,
        dial_at: Some(Moment::default()),
        failures: 0,
        subscribed_at: None,
        packet_max: u32::MAX,
        window: 1,
        in_flight: 0,
        order: AckOrder::default(),
        budget: HelloBudget::default(),
        states: VecDeque::new(),
        tasks: HashMap::new(),
        boards,
        hub_tx,
        settled_tx,
        presence_at: Moment(PRESENCE_EVERY),
        jobs: FuturesUnordered::new(),
        status,
        fenced: false,
    };
    hub.run(control, hub_rx, settled_rx).await;
}

struct Hub<T: Transport, S: OwnerStore> {
    instance: InstanceId,
    tenant: TenantId,
    transport: T,
    shared: Arc<Shared<S>>,
    rng: SmallRng,
    link: Option<(Writer, mpsc::Receiver<LinkEvent>)>,
    dial_at: Option<Moment>,
    failures: u32,
    subscribed_at: Option<Moment>,
    packet_max: u32,
    window: u32,
    in_flight: u32,
    order: AckOrder,
    budget: HelloBudget,
    /// Partitions whose STATE has still to be said; said when nobody else needs the window.
    states: VecDeque<Partition>,
    /// One task per node that was heard of and is enrolled or not yet known not to be.
    tasks: HashMap<NodeId, mpsc::Sender<ToTask>>,
    boards: Boards,
    hub_tx: mpsc::Sender<ToHub>,
    settled_tx: mpsc::Sender<Arrival>,
    presence_at: Moment,
    /// Presence leases being written; at most one at a time.
    jobs: FuturesUnordered<BoxFuture<'static, Result<(), LogError>>>,
    status: watch::Sender<OwnerStatus>,
    fenced: bool,
}

impl<T: Transport, S: OwnerStore> Hub<T, S> {
    async fn run(
        mut self,
        mut control: mpsc::Receiver<Control>,
        mut published: mpsc::Receiver<ToHub>,
        mut settled: mpsc::Receiver<Arrival>,
    ) {
        loop {
            self.say_states();
            self.tell();
            let due = super::turn::earliest([self.dial_at, Some(self.presence_at)]);
            let room = self.link.is_none() || self.in_flight < self.window;
            tokio::select! {
                order = control.recv() => match order {
                    Some(Control::Unhold(node, stream)) => self.tell_task(&node, ToTask::Unhold(stream)),
                    Some(Control::Stop) | None => break,
                },
                Some(arrival) = settled.recv() => self.settle(arrival),
                Some(told) = published.recv(), if room => match told {
                    ToHub::Publish(encoded) => self.publish(encoded),
                    ToHub::Fenced => {
                        tracing::error!(instance = %self.instance, term = %self.shared.term, "sync.owner.stopped");
                        self.fenced = true;
                        break;
                    }
                },
                event = next_event(&mut self.link) => self.event(event),
                Some(done) = self.jobs.next(), if !self.jobs.is_empty() => if let Err(error) = done {
                    signals::storage_failed(ROLE, "presence", &error);
                },
                () = until(self.shared.started, due) => self.tick(),
            }
        }
        self.link = None;
        self.subscribed_at = None;
        self.tell();
    }

    fn now(&self) -> Moment {
        Moment(self.shared.started.elapsed())
    }

    fn tell(&self) {
        let status = OwnerStatus {
            term: Some(self.shared.term),
            subscribed: self.subscribed_at.is_some(),
            nodes_open: self.shared.open.load(Ordering::Relaxed),
            fenced: self.fenced,
        };
        self.status.send_if_modified(|old| {
            let changed = *old != status;
            *old = status;
            changed
        });
    }

    fn tick(&mut self) {
        let now = self.now();
        if self.dial_at.is_some_and(|at| at <= now) {
            self.dial_at = None;
            match self.transport.connect(None) {
                Ok((handle, events)) => self.link = Some((Writer::spawn(handle), events)),
                Err(error) => {
                    tracing::error!(instance = %self.instance, %error, "failed to dial");
                    self.lost();
                }
            }
        }
        if self.presence_at <= now {
            self.presence_at = now.plus(PRESENCE_EVERY);
            self.renew_presence(now);
        }
    }

    /// Renews the leases of all nodes heard of, then looks for those that ended.
    fn renew_presence(&mut self, now: Moment) {
        if !self.jobs.is_empty() {
            return;
        }
        let heard: Vec<_> = self.shared.heard.lock().unwrap_or_else(PoisonError::into_inner).drain().collect();
        let wall = self.shared.clock.now();
        let expiry = presence_expiry(wall, self.subscribed_at.map(|at| now.since(at)));
        let store = Arc::clone(&self.shared.store);
        let job = async move {
            if !heard.is_empty() {
                store.touch(&heard, wall).await?;
            }
            let lost = store.expire_presence(&expiry).await?;
            for node in lost {
                tracing::info!(%node, "sync.node.lost");
            }
            Ok(())
        };
        self.jobs.push(job.boxed());
    }

    fn event(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Connected { receive_max, packet_max } => {
                self.window = u32::from(WINDOW_CLOUD.min(receive_max / 2)).max(1);
                self.packet_max = packet_max;
                self.write(|writer| writer.subscribe(vec![FILTER.to_owned()]));
            }
            LinkEvent::SubAck(codes) if codes.iter().all(|code| *code == SubCode::Granted) => {
                self.subscribed_at = Some(self.now());
                // AS-089: STATE only once the subscription stands.
                self.states = (0..PARTITIONS).filter_map(|part| u8::try_from(part).ok().map(Partition)).collect();
            }
            LinkEvent::SubAck(_) => {
                tracing::error!(instance = %self.instance, kind = Alarm::SubscribeRefused.as_str(), "sync.alarm");
                self.lost();
            }
            // Which publish found no subscriber, the client does not say: pausing every node for one that left would stop the chain, so
            // here the resend time-out of that node alone decides.
            LinkEvent::PubAck { reason: _ } => self.in_flight = self.in_flight.saturating_sub(1),
            LinkEvent::Message(message) => {
                let arrival = self.order.arrived(message.ack);
                let parsed = if message.qos == Qos::AtMostOnce {
                    Err(Refused::NotOurs)
                } else {
                    codec::parse_from_node(&message.topic, &message.payload)
                };
                match parsed {
                    Ok((node, message)) => self.message(arrival, node, message),
                    Err(refused) => {
                        let (Refused::NotOurs | Refused::BadIdentity) = refused;
                        if refused == Refused::BadIdentity {
                            tracing::error!(role = ROLE, kind = Alarm::BadIdentity.as_str(), "sync.alarm");
                        }
                        signals::counted(ROLE, Counted::NotOurs);
                        self.settle(arrival);
                    }
                }
            }
            LinkEvent::Lost(reason) => {
                tracing::info!(instance = %self.instance, %reason, "sync.link.lost");
                self.lost();
            }
        }
    }

    /// Hands a message to its node's task, which is started by the first one.
    fn message(&mut self, arrival: Arrival, node: NodeId, message: FromNodeMessage) {
        if let FromNodeMessage::Hello { session, body, .. } = &message {
            let now = self.now();
            if !self.budget.take(now) {
                let body = Box::new(hello::later(body.nonce, &mut self.rng));
                let stamp = self.stamp();
                let later = ToNode::Welcome { session: *session, body };
                if let Some(encoded) = codec::encode_to_node(&node, self.shared.term, &later, stamp) {
                    self.publish(encoded);
                }
                self.settle(arrival);
                return;
            }
        }
        if self.tasks.len() >= NODES_MAX && !self.tasks.contains_key(&node) {
            signals::counted(ROLE, Counted::Shed);
            self.settle(arrival);
            return;
        }
        let task = self.tasks.entry(node.clone()).or_insert_with(|| {
            let (tell, inbox) = mpsc::channel(PEER_QUEUE);
            let board = Arc::new(Board::default());
            self.boards.lock().unwrap_or_else(PoisonError::into_inner).insert(node.clone(), Arc::clone(&board));
            let task = Task {
                shared: Arc::clone(&self.shared),
                node: node.clone(),
                packet_max: self.packet_max,
                board,
                inbox,
                hub: self.hub_tx.clone(),
                settled: self.settled_tx.clone(),
            };
            tokio::spawn(task.run());
            tell
        });
        if task.try_send(ToTask::Message { arrival, message }).is_err() {
            signals::counted(ROLE, Counted::Shed);
            self.settle(arrival);
        }
    }

    fn tell_task(&mut self, node: &NodeId, told: ToTask) {
        if let Some(task) = self.tasks.get(node)
            && task.try_send(told).is_err()
        {
            // A task that is this far behind is dropped; its node's next message starts a new one, from the database.
            signals::counted(ROLE, Counted::Shed);
            self.tasks.remove(node);
        }
    }

    fn stamp(&mut self) -> Stamp {
        stamp(self.shared.clock.as_ref(), &mut self.rng)
    }

    fn settle(&mut self, arrival: Arrival) {
        for token in self.order.settle(arrival) {
            self.write(|writer| writer.ack(token));
        }
    }

    fn publish(&mut self, encoded: Encoded) {
        if self.subscribed_at.is_some() {
            self.in_flight += 1;
            self.write(|writer| writer.publish(encoded));
        }
    }

    fn say_states(&mut self) {
        // Half of the window stays free for WELCOMEs and batches.
        while self.in_flight < self.window / 2 || (self.in_flight == 0 && self.window == 1) {
            let Some(part) = self.states.pop_front() else { return };
            let (stamp, source) = (self.stamp(), Source::Cloud(self.tenant.clone()));
            self.publish(codec::encode_state(part, source, self.shared.term, State::of(&self.instance), stamp));
        }
    }

    fn write(&mut self, write: impl FnOnce(&Writer) -> Result<(), super::transport::WriterClosed>) {
        if let Some((writer, _)) = &self.link
            && write(writer).is_err()
        {
            self.lost();
        }
    }

    /// Lets go of the link and dials later; the tasks close and wait for the nodes' HELLOs.
    fn lost(&mut self) {
        let now = self.now();
        if self.subscribed_at.is_some_and(|at| now.since(at) >= BACKOFF_RESET) {
            self.failures = 0;
        }
        let max = BACKOFF_MIN.saturating_mul(2_u32.saturating_pow(self.failures)).min(BACKOFF_MAX);
        self.failures = self.failures.saturating_add(1);
        let wait = Turn { now, rng: &mut self.rng }.up_to(max);
        self.dial_at = Some(now.plus(wait));
        self.link = None;
        self.subscribed_at = None;
        self.in_flight = 0;
        self.states.clear();
        self.order.reset();
        let nodes: Vec<NodeId> = self.tasks.keys().cloned().collect();
        for node in nodes {
            self.tell_task(&node, ToTask::LinkLost);
        }
    }
}
