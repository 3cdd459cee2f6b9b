//! Runs an owner's end of the protocol: one link, one hub that owns it, one task per node.
//!
//! Owns [`OwnerSync`]: the connection, the order of PUBACKs, the MQTT window of the instance, the HELLO rate, STATE and presence leases. Takes
//! link events and what the node tasks publish; emits messages to the tasks by bounded channels, never waiting for one, so that one slow node
//! stops no other; a full channel sheds. Which partitions it serves, [`Leases`] says: tasks of a partition's nodes exist only while it is
//! held. On failure of the link it dials again; an owner alone on its database that is fenced stops and says so in its status.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use aisle_schemas::{
    event::Source,
    ids::{InstanceId, NodeId, Partition, TenantId},
    limits::{BACKOFF_MAX, BACKOFF_MIN, BACKOFF_RESET, HELLO_REPEAT, LEASE, RECEIVE_MAX_CLOUD, WINDOW_CLOUD},
    sync::{Nonce, Session, State, Term},
    topic::owner_up_filter,
};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use rand::{SeedableRng, rngs::SmallRng};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

pub use super::owner_handle::{OwnerLoggedSender, OwnerStatus, OwnerSyncConfig, OwnerSyncHandle, OwnerUnholder};
use super::{
    board::Board,
    codec::{self, Encoded, Refused, Stamp},
    fleet_rules::{BulkSlots, HelloBudget, presence_expiry},
    hello,
    log::{LogError, OwnerStore},
    node_driver::{next_event, stamp, until},
    owner_handle::{Boards, Control},
    owner_leases::{Leases, Order},
    owner_peer::{FromNodeMessage, ToNode},
    owner_task::{Fate, PEER_QUEUE, ROLE, Shared, Task, ToHub, ToTask},
    ownership::{Owned, OwnershipInput},
    partition::DRAIN_MAX,
    receiver::Arrival,
    signals,
    transport::{AckOrder, Transport, Writer},
    turn::{Alarm, Counted, Moment, Turn},
};
use crate::clock::Clock;
use crate::link::{LinkEvent, Qos, SubCode};

/// Everything that nodes publish (AS-098), for an owner that is alone.
const FILTER: &str = aisle_schemas::topic::OWNER_UP_ALL;
/// Filters of one SUBSCRIBE: about 1.5 KB, which any broker takes.
const FILTERS_MAX: usize = 64;
/// Publishes of node tasks that wait for the window; behind it the tasks wait.
const PUBLISHES_MAX: usize = WINDOW_CLOUD as usize;
/// Arrivals that may be unsettled at once, twice: those of a link that was lost may still be settled.
const SETTLED_MAX: usize = 2 * RECEIVE_MAX_CLOUD as usize + PEER_QUEUE;
/// Node tasks of one instance: broker and enrolment admit known nodes only, so more is a fault; a first message beyond it is shed.
const NODES_MAX: usize = 16_384;
/// HELLOs that may wait for the answer `later`; whoever gets none says HELLO again by itself, after 5 s at the earliest.
const PUT_OFF_MAX: usize = 8_192;
/// Time between looks at presence leases, and between their renewals.
const PRESENCE_EVERY: Duration = Duration::from_secs(5);
/// Longest orderly stop: what drains, and then the statements that give leases back.
const STOP_MAX: Duration = DRAIN_MAX.saturating_add(LEASE);

/// The owner of this instance's share of the partitions.
#[derive(Debug, Clone, Copy)]
pub struct OwnerSync;

impl OwnerSync {
    /// Starts in the running tokio runtime: dials, and takes partitions as they are free.
    pub fn spawn<T: Transport, S: OwnerStore>(
        config: OwnerSyncConfig,
        transport: T,
        store: Arc<S>,
        clock: Arc<dyn Clock>,
    ) -> OwnerSyncHandle {
        let OwnerSyncConfig { instance, tenant, known_schemas } = config;
        let (status_tx, status) = watch::channel(OwnerStatus::default());
        let (owned_tx, owned) = watch::channel(Owned::NONE);
        let (control, control_rx) = mpsc::channel(PEER_QUEUE);
        let boards = Boards::default();
        let started = Instant::now();
        let shared = Arc::new(Shared {
            store: Arc::clone(&store),
            clock,
            known_schemas: Arc::new(known_schemas),
            started,
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
            leases: Leases::new(store, started, SmallRng::from_os_rng(), owned_tx),
            fates: HashMap::new(),
            rng: SmallRng::from_os_rng(),
            link: None,
            dial_at: Some(Moment::default()),
            failures: 0,
            subscribing: VecDeque::new(),
            subscribed_at: None,
            packet_max: u32::MAX,
            window: 1,
            in_flight: 0,
            order: AckOrder::default(),
            budget: HelloBudget::default(),
            states: VecDeque::new(),
            put_off: VecDeque::new(),
            tasks: HashMap::new(),
            boards: Arc::clone(&boards),
            hub_tx,
            settled_tx,
            presence_at: Moment(PRESENCE_EVERY),
            presence_runs: false,
            jobs: FuturesUnordered::new(),
            stop_at: None,
            status: status_tx,
            fenced: false,
        };
        let task = tokio::spawn(hub.run(control_rx, hub_rx, settled_rx));
        OwnerSyncHandle::new(boards, status, owned, control, task)
    }
}

/// A HELLO that is to come again later.
struct PutOff {
    at: Moment,
    node: NodeId,
    term: Term,
    session: Session,
    nonce: Nonce,
}

/// The end of something that the hub has started.
enum Done {
    Presence(Result<(), LogError>),
    /// No task of the partition runs any more.
    Idle(Partition),
}

struct Hub<T: Transport, S: OwnerStore> {
    instance: InstanceId,
    tenant: TenantId,
    transport: T,
    shared: Arc<Shared<S>>,
    leases: Leases<S>,
    /// What the tasks of each partition that is served or drains listen to.
    fates: HashMap<Partition, Arc<watch::Sender<Fate>>>,
    rng: SmallRng,
    link: Option<(Writer, mpsc::Receiver<LinkEvent>)>,
    dial_at: Option<Moment>,
    failures: u32,
    /// What was asked for and has no SUBACK yet, in order.
    subscribing: VecDeque<Vec<(Partition, Term)>>,
    /// When the newest subscription was granted.
    subscribed_at: Option<Moment>,
    packet_max: u32,
    window: u32,
    in_flight: u32,
    order: AckOrder,
    budget: HelloBudget,
    /// Partitions whose STATE has still to be said; said when nobody else needs the window.
    states: VecDeque<(Partition, Term)>,
    /// HELLOs beyond this second's budget that have no answer yet.
    put_off: VecDeque<PutOff>,
    /// One task per node that was heard of under the present term of its partition.
    tasks: HashMap<NodeId, mpsc::Sender<ToTask>>,
    boards: Boards,
    hub_tx: mpsc::Sender<ToHub>,
    settled_tx: mpsc::Sender<Arrival>,
    presence_at: Moment,
    /// Presence leases are being written.
    presence_runs: bool,
    jobs: FuturesUnordered<BoxFuture<'static, Done>>,
    /// Set by an orderly stop: when patience ends.
    stop_at: Option<Moment>,
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
        while !self.has_ended() {
            self.say_states();
            self.say_later();
            self.tell();
            let due = super::turn::earliest([self.dial_at, Some(self.presence_at), self.leases.due(), self.stop_at]);
            let room = self.link.is_none() || self.in_flight < self.window;
            tokio::select! {
                order = control.recv() => match order {
                    Some(Control::Unhold(node, stream)) => self.tell_task(&node, ToTask::Unhold(stream)),
                    Some(Control::Stop) => {
                        self.stop_at = Some(self.now().plus(STOP_MAX));
                        self.own(OwnershipInput::Stop);
                    }
                    // Whoever runs the instance is gone without a word, as in a power cut.
                    None => break,
                },
                Some(arrival) = settled.recv() => self.settle(arrival),
                Some(told) = published.recv(), if room => match told {
                    ToHub::Publish(encoded) => self.publish(encoded),
                    ToHub::Fenced { part, term } => {
                        tracing::warn!(instance = %self.instance, %part, %term, "sync.partition.fenced");
                        self.own(OwnershipInput::Fenced { part, term });
                    }
                },
                input = self.leases.ended() => self.own(input),
                event = next_event(&mut self.link) => self.event(event),
                Some(done) = self.jobs.next(), if !self.jobs.is_empty() => match done {
                    Done::Presence(written) => {
                        self.presence_runs = false;
                        if let Err(error) = written {
                            signals::storage_failed(ROLE, "presence", &error);
                        }
                    }
                    Done::Idle(part) => self.own(OwnershipInput::Idle(part)),
                },
                () = until(self.shared.started, due) => self.tick(),
            }
        }
        if self.stop_at.is_some() {
            self.leases.leave().await;
        }
        self.link = None;
        self.subscribed_at = None;
        self.tell();
    }

    fn has_ended(&self) -> bool {
        let stopped = self.stop_at.is_some_and(|at| self.leases.is_over() || at <= self.now());
        self.fenced || stopped
    }

    /// Tells the machine of ownership and does what it orders.
    fn own(&mut self, input: OwnershipInput) {
        for order in self.leases.handle(input) {
            match order {
                Order::Subscribe(parts) if self.leases.is_alone() => {
                    self.subscribing.push_back(parts);
                    self.write(|writer| writer.subscribe(vec![FILTER.to_owned()]));
                }
                Order::Subscribe(parts) => {
                    for parts in parts.chunks(FILTERS_MAX) {
                        self.subscribing.push_back(parts.to_vec());
                        let filters = parts.iter().map(|(part, _)| owner_up_filter(*part)).collect();
                        self.write(|writer| writer.subscribe(filters));
                    }
                }
                // The one filter of an owner that is alone ends with its link.
                Order::Unsubscribe(_) if self.leases.is_alone() => {}
                Order::Unsubscribe(parts) => {
                    let filters = parts.into_iter().map(owner_up_filter).collect();
                    self.write(|writer| writer.unsubscribe(filters));
                }
                Order::Serve(part) => {
                    self.fates.insert(part, Arc::new(watch::Sender::new(Fate::Serve)));
                }
                Order::SayState(part, term) => self.states.push_back((part, term)),
                Order::StopIntake(part) => self.drain(part),
                Order::Drop(part) => self.drop_tasks(part),
                Order::Usurped => {
                    tracing::error!(instance = %self.instance, "sync.owner.usurped");
                    self.fenced = true;
                }
            }
        }
    }

    /// Lets the tasks of the partition finish, and waits for the last of them in the background.
    fn drain(&mut self, part: Partition) {
        let Some(fate) = self.fates.get(&part).map(Arc::clone) else { return };
        fate.send_replace(Fate::Drain);
        self.jobs.push(
            async move {
                fate.closed().await;
                Done::Idle(part)
            }
            .boxed(),
        );
    }

    fn drop_tasks(&mut self, part: Partition) {
        if let Some(fate) = self.fates.remove(&part) {
            fate.send_replace(Fate::Drop);
        }
        self.states.retain(|(waiting, _)| *waiting != part);
        self.put_off.retain(|put_off| put_off.node.partition() != part);
        self.tasks.retain(|node, _| node.partition() != part);
        self.boards.lock().unwrap_or_else(PoisonError::into_inner).retain(|node, _| node.partition() != part);
    }

    fn now(&self) -> Moment {
        Moment(self.shared.started.elapsed())
    }

    fn tell(&self) {
        let status = OwnerStatus {
            term: self.leases.term(),
            partitions: self.leases.owned().count(),
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
        if self.leases.due().is_some_and(|at| at <= now) {
            self.own(OwnershipInput::Tick);
        }
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
        if self.presence_runs || self.leases.owned() == Owned::NONE {
            return;
        }
        self.presence_runs = true;
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
        self.jobs.push(job.map(Done::Presence).boxed());
    }

    fn event(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Connected { receive_max, packet_max } => {
                self.subscribing.clear();
                self.window = u32::from(WINDOW_CLOUD.min(receive_max / 2)).max(1);
                self.packet_max = packet_max;
                self.own(OwnershipInput::Connected);
            }
            LinkEvent::SubAck(codes) if codes.iter().all(|code| *code == SubCode::Granted) => {
                self.subscribed_at = Some(self.now());
                let parts = self.subscribing.pop_front().unwrap_or_default();
                self.own(OwnershipInput::SubAck(parts));
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
        let part = node.partition();
        let (Some(term), Some(fate)) = (self.leases.serves(part), self.fates.get(&part).map(|fate| fate.subscribe())) else {
            // Another instance owns it, or will: the node says it again there.
            signals::counted(ROLE, Counted::Stale);
            self.settle(arrival);
            return;
        };
        if let FromNodeMessage::Hello { session, body, .. } = &message {
            let now = self.now();
            if !self.budget.take(now) {
                if self.put_off.len() < PUT_OFF_MAX {
                    self.put_off.push_back(PutOff { at: now, node, term, session: *session, nonce: body.nonce });
                } else {
                    signals::counted(ROLE, Counted::Shed);
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
                term,
                fate,
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
            let Some((part, term)) = self.states.pop_front() else { return };
            let (stamp, source) = (self.stamp(), Source::Cloud(self.tenant.clone()));
            self.publish(codec::encode_state(part, source, term, State::of(&self.instance), stamp));
        }
    }

    /// Answers HELLOs that were put off (AS-021), as far as the window has room: in a storm there are thousands, and a link whose writes pile up
    /// is dropped, which begins the storm anew. One goes out at each turn, so that other traffic does not silence them.
    fn say_later(&mut self) {
        let mut is_first = true;
        while self.in_flight < self.window && (is_first || self.in_flight < self.window / 2) {
            let Some(PutOff { at, node, term, session, nonce }) = self.put_off.pop_front() else { return };
            if self.now().since(at) > HELLO_REPEAT[0] {
                continue; // the node has said HELLO again, and knows this one no more
            }
            is_first = false;
            let (body, stamp) = (Box::new(hello::later(nonce, &mut self.rng)), self.stamp());
            if let Some(encoded) = codec::encode_to_node(&node, term, &ToNode::Welcome { session, body }, stamp) {
                self.publish(encoded);
            }
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
        self.put_off.clear();
        self.subscribing.clear();
        self.order.reset();
        let nodes: Vec<NodeId> = self.tasks.keys().cloned().collect();
        for node in nodes {
            self.tell_task(&node, ToTask::LinkLost);
        }
        self.own(OwnershipInput::LinkLost);
    }
}
