//! One node as its owner sees it: a task that owns the node's machine and the transactions it started.
//!
//! Owns [`OwnerPeer`] of one node. Takes messages from the hub by a bounded channel (a full one sheds), finished transactions and what was
//! logged for the node; emits publishes to the hub, which waits for the MQTT window so that this task waits too, and settled arrivals. It
//! lives while the node's partition is owned: a drain lets it finish what it has begun, a drop ends it at once, and either way every
//! arrival is settled. On failure of the store the machine waits or sheds; a fenced write is the hub's to act on.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use aisle_schemas::{
    event::Source,
    ids::{NodeId, Partition},
    sync::{Stream, Term},
};
use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use super::{
    board::Board,
    codec::{self, Encoded},
    fleet_rules::BulkSlots,
    hello::HelloRequest,
    load::{LoadContext, load},
    log::{Heard, LogError, OwnerStore},
    node_driver::{stamp, until},
    owner_peer::{FromNodeMessage, OwnerInput, OwnerOutput, OwnerPeer, ToNode},
    receiver::{ApplyFailure, Arrival},
    signals,
    turn::{Counted, Moment, Turn},
};
use crate::{clock::Clock, jobs::Jobs};

pub(super) const ROLE: &str = "cloud";
/// Messages that may wait for one node: its credit, its ACKs, and a HELLO.
pub(super) const PEER_QUEUE: usize = 16;

/// What the hub tells a node's task.
#[derive(Debug)]
pub(super) enum ToTask {
    Message { arrival: Arrival, message: FromNodeMessage },
    Unhold(Stream),
    LinkLost,
}

/// What a node's task tells the hub.
#[derive(Debug)]
pub(super) enum ToHub {
    Publish(Encoded),
    /// A write under this term was refused: the partition is not ours any more.
    Fenced {
        part: Partition,
        term: Term,
    },
}

/// What becomes of the tasks of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Serve,
    /// Take nothing more, finish what has begun.
    Drain,
    Drop,
}

/// What all tasks of an instance share.
pub(super) struct Shared<S: OwnerStore> {
    pub(super) store: Arc<S>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) known_schemas: Arc<BTreeSet<String>>,
    pub(super) started: Instant,
    pub(super) slots: Mutex<BulkSlots>,
    /// Nodes heard of since the last renewal of leases; one entry per node.
    pub(super) heard: Mutex<HashMap<NodeId, Heard>>,
    pub(super) open: AtomicUsize,
}

pub(super) struct Task<S: OwnerStore> {
    pub(super) shared: Arc<Shared<S>>,
    pub(super) node: NodeId,
    /// Under which the node's partition is owned while this task lives.
    pub(super) term: Term,
    pub(super) fate: watch::Receiver<Fate>,
    pub(super) packet_max: u32,
    pub(super) board: Arc<Board>,
    pub(super) inbox: mpsc::Receiver<ToTask>,
    pub(super) hub: mpsc::Sender<ToHub>,
    /// Holds every arrival that can be unsettled, so that settling never waits.
    pub(super) settled: mpsc::Sender<Arrival>,
}

enum Done {
    Input(OwnerInput),
    Loaded { stream: Stream, payload: Bytes, input: OwnerInput, ticket: u64 },
    Fenced,
    Nothing,
}

struct Running<S: OwnerStore> {
    shared: Arc<Shared<S>>,
    /// Fenced by the term of this task.
    store: Arc<S>,
    node: NodeId,
    term: Term,
    peer: OwnerPeer,
    rng: SmallRng,
    /// Of their own, so that a transaction goes on while the hub has no room for what we publish.
    jobs: Jobs<Done>,
    payloads: HashMap<u64, (Stream, Bytes)>,
    hub: mpsc::Sender<ToHub>,
    settled: mpsc::Sender<Arrival>,
    counted_open: bool,
}

impl<S: OwnerStore> Task<S> {
    /// Runs until the partition is given up.
    pub(super) async fn run(self) {
        let Self { shared, node, term, mut fate, packet_max, board, mut inbox, hub, settled } = self;
        let now = Moment(shared.started.elapsed());
        let started = shared.started;
        let mut running = Running {
            peer: OwnerPeer::new(packet_max, now),
            store: shared.store.under(term),
            shared,
            node,
            term,
            rng: SmallRng::from_os_rng(),
            jobs: Jobs::default(),
            payloads: HashMap::new(),
            hub,
            settled,
            counted_open: false,
        };
        let mut draining = false;
        while !(draining && running.jobs.is_empty()) {
            let deadline = running.peer.deadline();
            tokio::select! {
                changed = fate.changed() => {
                    let decided = if changed.is_ok() { *fate.borrow_and_update() } else { Fate::Drop };
                    match decided {
                        Fate::Serve => {}
                        Fate::Drain => {
                            draining = true;
                            running.refuse(&mut inbox).await;
                        }
                        Fate::Drop => break,
                    }
                }
                told = inbox.recv(), if !draining => match told {
                    Some(ToTask::Message { arrival, message }) => running.input(OwnerInput::Message { arrival, message }).await,
                    Some(ToTask::Unhold(stream)) => running.input(OwnerInput::Unhold(stream)).await,
                    Some(ToTask::LinkLost) => running.input(OwnerInput::LinkLost).await,
                    None => break,
                },
                Some(done) = running.jobs.next(), if !running.jobs.is_empty() => running.done(done).await,
                news = board.take() => {
                    for logged in news {
                        running.input(OwnerInput::Logged(logged)).await;
                    }
                }
                () = until(started, deadline) => running.input(OwnerInput::Tick).await,
            }
        }
        running.refuse(&mut inbox).await;
        running.input(OwnerInput::LinkLost).await;
        running.count_open();
    }
}

impl<S: OwnerStore> Running<S> {
    async fn done(&mut self, done: Done) {
        match done {
            Done::Input(input) => self.input(input).await,
            Done::Loaded { stream, payload, input, ticket } => {
                self.payloads.insert(ticket, (stream, payload));
                self.input(input).await;
                self.payloads.remove(&ticket);
            }
            Done::Fenced => self.publish(ToHub::Fenced { part: self.node.partition(), term: self.term }).await,
            Done::Nothing => {}
        }
    }

    /// Settles what waits in the inbox unhandled: its senders will say it again to whoever owns the partition then.
    async fn refuse(&mut self, inbox: &mut mpsc::Receiver<ToTask>) {
        inbox.close();
        while let Ok(told) = inbox.try_recv() {
            match told {
                ToTask::Message { arrival, message: _ } => {
                    signals::counted(ROLE, Counted::Stale);
                    self.output(OwnerOutput::Release(arrival)).await;
                }
                ToTask::Unhold(_) | ToTask::LinkLost => {}
            }
        }
    }

    /// The hub is gone only when everything stops.
    async fn publish(&mut self, told: ToHub) {
        if self.hub.send(told).await.is_err() {
            tracing::debug!(node = %self.node, "hub has ended");
        }
    }

    async fn input(&mut self, input: OwnerInput) {
        let now = Moment(self.shared.started.elapsed());
        let credit = {
            let mut slots = self.shared.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.credit(&self.node, self.peer.node_pending(), now)
        };
        self.peer.set_credit(credit);
        let mut out = Vec::new();
        self.peer.handle(&mut Turn { now, rng: &mut self.rng }, input, &mut out);
        for output in out {
            self.output(output).await;
        }
        self.count_open();
    }

    fn count_open(&mut self) {
        let open = self.peer.is_open();
        if open == self.counted_open {
            return;
        }
        self.counted_open = open;
        if open {
            self.shared.open.fetch_add(1, Ordering::Relaxed);
        } else {
            self.shared.open.fetch_sub(1, Ordering::Relaxed);
            self.shared.slots.lock().unwrap_or_else(PoisonError::into_inner).leave(&self.node);
        }
    }

    async fn output(&mut self, output: OwnerOutput) {
        match output {
            OwnerOutput::Publish(message) => {
                let encoded = match &message {
                    ToNode::Batch { ticket } => self
                        .payloads
                        .remove(ticket)
                        .map(|(stream, payload)| Encoded { topic: codec::batch_topic(&self.node, stream), payload }),
                    ToNode::Welcome { .. } | ToNode::Ack { .. } => {
                        let stamp = stamp(self.shared.clock.as_ref(), &mut self.rng);
                        codec::encode_to_node(&self.node, self.term, &message, stamp)
                    }
                };
                if let Some(encoded) = encoded {
                    self.publish(ToHub::Publish(encoded)).await;
                }
            }
            OwnerOutput::Release(arrival) => {
                if self.settled.send(arrival).await.is_err() {
                    tracing::debug!(node = %self.node, "hub has ended");
                }
            }
            OwnerOutput::DropLoaded { ticket } => {
                self.payloads.remove(&ticket);
            }
            OwnerOutput::Touch { session, said_at } => {
                let heard = Heard { session, skew: said_at - self.shared.clock.now() };
                self.shared.heard.lock().unwrap_or_else(PoisonError::into_inner).insert(self.node.clone(), heard);
            }
            // The receiver has shut. Whether it was the session or the term, the answer to the node's next HELLO tells.
            OwnerOutput::Fenced => tracing::info!(node = %self.node, "sync.owner.fenced"),
            OwnerOutput::Alarm(alarm) => signals::alarm(ROLE, &self.node, alarm),
            OwnerOutput::Count(counted) => signals::counted(ROLE, counted),
            OwnerOutput::DecideHello { .. }
            | OwnerOutput::Load { .. }
            | OwnerOutput::CommitAcked { .. }
            | OwnerOutput::Apply { .. }
            | OwnerOutput::Presence { .. } => self.start(output),
        }
    }

    /// Starts a transaction whose end is an input.
    fn start(&mut self, output: OwnerOutput) {
        let (store, node, term) = (Arc::clone(&self.store), self.node.clone(), self.term);
        let stamp = stamp(self.shared.clock.as_ref(), &mut self.rng);
        let failed = |what, error: &LogError, input| {
            signals::storage_failed(ROLE, what, error);
            match error {
                LogError::Fenced => Done::Fenced,
                LogError::Storage(_) | LogError::OtherEpoch => input,
            }
        };
        let job: BoxFuture<'static, Done> = match output {
            OwnerOutput::DecideHello { ticket, session, epoch, hello } => {
                let random = self.rng.random();
                let known_schemas = Arc::clone(&self.shared.known_schemas);
                let request = HelloRequest { epoch, session, hello: *hello, known_schemas, term, now: stamp.time, random };
                async move {
                    match store.hello(&node, &request).await {
                        Ok(outcome) => Done::Input(OwnerInput::HelloDecided { ticket, outcome: Box::new(outcome) }),
                        Err(error) => failed("hello", &error, Done::Input(OwnerInput::HelloFailed { ticket })),
                    }
                }
                .boxed()
            }
            OwnerOutput::Load { session, request } => async move {
                let source = Source::Cloud(node.tenant.clone());
                let context = LoadContext { node, source, session, term: Some(term) };
                let (ticket, stream) = (request.ticket, request.stream);
                match load(store.as_ref(), &context, &request, stamp).await {
                    Ok((loaded, payload)) => Done::Loaded { stream, payload, input: OwnerInput::Loaded(loaded), ticket },
                    Err(LogError::OtherEpoch) => Done::Input(OwnerInput::LogRenewed { ticket }),
                    Err(error) => failed("load", &error, Done::Input(OwnerInput::LoadFailed { ticket })),
                }
            }
            .boxed(),
            OwnerOutput::CommitAcked { epoch, stream, acked } => async move {
                match store.commit_acked(&node, epoch, stream, acked).await {
                    Ok(()) => Done::Nothing,
                    Err(error) => failed("trim", &error, Done::Nothing),
                }
            }
            .boxed(),
            OwnerOutput::Apply { ticket, batch } => async move {
                match store.apply(&node, &batch).await {
                    Ok(applied) => Done::Input(OwnerInput::Applied { ticket, applied }),
                    Err(error) => {
                        signals::storage_failed(ROLE, "apply", &error);
                        Done::Input(OwnerInput::ApplyFailed { ticket, failure: ApplyFailure::from(&error) })
                    }
                }
            }
            .boxed(),
            OwnerOutput::Presence { session, status } => async move {
                match store.presence(&node, session, status, stamp.time).await {
                    Ok(_) => Done::Nothing,
                    Err(error) => failed("presence", &error, Done::Nothing),
                }
            }
            .boxed(),
            OwnerOutput::Publish(_)
            | OwnerOutput::Release(_)
            | OwnerOutput::DropLoaded { .. }
            | OwnerOutput::Touch { .. }
            | OwnerOutput::Fenced
            | OwnerOutput::Alarm(_)
            | OwnerOutput::Count(_) => return,
        };
        self.jobs.push(job);
    }
}
