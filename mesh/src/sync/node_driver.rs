//! Runs a node's end of the protocol: one task that owns the machine, a link at a time, and the transactions it started.
//!
//! Owns [`NodeSync`]. Takes link events, finished transactions, what the journal logged, and operators' words; emits publishes, PUBACKs,
//! transactions and a status that anyone may watch. Nothing here must survive: after a crash the journal and a HELLO restore all of it. On
//! failure of the link it dials again; on failure of the journal the machine waits and asks again.

use std::{collections::HashMap, sync::Arc};

use aisle_schemas::{
    event::Source,
    ids::{EventId, NodeId, Partition},
    limits::CLOCK_SKEW_MAX,
    sync::{Mark, Seq, Session, Stream},
    topic::Topic,
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::Instant,
};

use super::{
    board::Board,
    codec::{self, Encoded, Refused, Stamp},
    load::{LoadContext, load},
    log::{Logged, NodeLog},
    node_link::{LogView, Loss, NodeLinkInput},
    node_peer::{FromNode, NodeInput, NodeIntroduction, NodeOutput, NodePeer, WILL},
    receiver::ApplyFailure,
    signals,
    transport::{AckOrder, Transport, Writer, will},
    turn::{Alarm, Counted, Moment, Turn},
};
use crate::clock::Clock;
use crate::link::{LinkEvent, LostReason, Qos, SubCode};

const ROLE: &str = "node";
/// Orders of operators that may wait: people are slow.
const CONTROL_MAX: usize = 8;
/// Alarms kept in the status, newest last.
const ALARMS_MAX: usize = 16;

/// What a node's driver needs to know.
#[derive(Debug, Clone)]
pub struct NodeSyncConfig {
    pub node: NodeId,
    pub introduction: NodeIntroduction,
}

/// What anyone may see of the link.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkStatus {
    /// Streams flow.
    pub open: bool,
    /// Stopped until an operator re-claims the node.
    pub halted: bool,
    pub session: Option<Session>,
    /// Records that the cloud is not known to have applied; only counted while open.
    pub pending: u64,
    pub last_ack: Option<DateTime<Utc>>,
    /// Whether the own clock agrees with the cloud's to 30 s; none before the cloud was heard (AS-094).
    pub clock_ok: Option<bool>,
    /// Newest last; at most 16.
    pub alarms: Vec<(DateTime<Utc>, Alarm)>,
}

#[derive(Debug)]
enum Control {
    Reclaim,
    Truncate,
    Unhold(Stream),
    Stop,
}

/// A running node driver.
#[derive(Debug)]
pub struct NodeSyncHandle {
    board: Arc<Board>,
    status: watch::Receiver<LinkStatus>,
    control: mpsc::Sender<Control>,
    task: JoinHandle<()>,
}

/// What an operator at the box may decide, without owning the driver or keeping it alive.
#[derive(Debug, Clone)]
pub struct OperatorHandle(mpsc::WeakSender<Control>);

impl OperatorHandle {
    /// A halted node connects again (AS-067); `false` if the driver has ended.
    pub async fn reclaim(&self) -> bool {
        self.order(Control::Reclaim).await
    }
    /// The log begins a new epoch as soon as a WELCOME says what the cloud has of it (AS-061); `false` if the driver has ended.
    pub async fn truncate(&self) -> bool {
        self.order(Control::Truncate).await
    }
    async fn order(&self, order: Control) -> bool {
        match self.0.upgrade() {
            Some(control) => control.send(order).await.is_ok(),
            None => false,
        }
    }
}

/// Lets the journal tell the sender without owning the driver.
#[derive(Debug, Clone)]
pub struct LoggedSender(Arc<Board>);

impl LoggedSender {
    /// Call after the commit; never waits. `mark` as in [`Logged::reserved`].
    pub fn logged(&self, stream: Stream, head: Seq, mark: Option<Mark>) {
        self.0.post(Logged { stream, head, reserved: mark });
    }
}

impl NodeSyncHandle {
    /// See [`LoggedSender::logged`].
    pub fn logged(&self, stream: Stream, head: Seq, mark: Option<Mark>) {
        self.logged_sender().logged(stream, head, mark);
    }
    pub fn logged_sender(&self) -> LoggedSender {
        LoggedSender(Arc::clone(&self.board))
    }
    pub fn status(&self) -> watch::Receiver<LinkStatus> {
        self.status.clone()
    }
    /// What an operator may decide.
    pub fn operator(&self) -> OperatorHandle {
        OperatorHandle(self.control.downgrade())
    }
    /// An operator ends the hold of a down stream; `false` if the driver has ended.
    pub async fn unhold(&self, stream: Stream) -> bool {
        self.control.send(Control::Unhold(stream)).await.is_ok()
    }
    /// Says `offline`, hangs up in order and waits for the end.
    pub async fn stop(self) {
        let told = self.control.send(Control::Stop).await;
        if told.is_err() || self.task.await.is_err() {
            tracing::debug!("node driver had ended before it was stopped");
        }
    }
}

/// The driver.
#[derive(Debug, Clone, Copy)]
pub struct NodeSync;

impl NodeSync {
    /// Starts in the running tokio runtime; the first dial is at once.
    pub fn spawn<T: Transport, L: NodeLog>(config: NodeSyncConfig, transport: T, log: Arc<L>, clock: Arc<dyn Clock>) -> NodeSyncHandle {
        let (status_tx, status) = watch::channel(LinkStatus::default());
        let (control, control_rx) = mpsc::channel(CONTROL_MAX);
        let board = Arc::new(Board::default());
        let driver = Driver {
            peer: NodePeer::new(config.introduction, Moment::default()),
            node: config.node,
            transport,
            log,
            clock,
            started: Instant::now(),
            rng: SmallRng::from_os_rng(),
            link: None,
            order: AckOrder::default(),
            jobs: FuturesUnordered::new(),
            payloads: HashMap::new(),
            alarms: Vec::new(),
            clock_ok: None,
            status: status_tx,
        };
        let task = tokio::spawn(driver.run(control_rx, Arc::clone(&board)));
        NodeSyncHandle { board, status, control, task }
    }
}

struct Driver<T: Transport, L: NodeLog> {
    node: NodeId,
    transport: T,
    log: Arc<L>,
    clock: Arc<dyn Clock>,
    peer: NodePeer,
    started: Instant,
    rng: SmallRng,
    link: Option<(Writer, mpsc::Receiver<LinkEvent>)>,
    order: AckOrder,
    /// Transactions under way: one per stream of either direction, and one step of the link.
    jobs: FuturesUnordered<BoxFuture<'static, Done>>,
    /// Loaded and not yet sent; at most one per sender.
    payloads: HashMap<u64, (Stream, Bytes)>,
    alarms: Vec<(DateTime<Utc>, Alarm)>,
    clock_ok: Option<bool>,
    status: watch::Sender<LinkStatus>,
}

/// A finished job.
enum Done {
    Input(NodeInput),
    Loaded { stream: Stream, payload: Bytes, input: NodeInput, ticket: u64 },
    Nothing,
}

/// The next event of a link that may not be there. A closed channel is a loss that could not be told.
pub(super) async fn next_event(link: &mut Option<(Writer, mpsc::Receiver<LinkEvent>)>) -> LinkEvent {
    match link {
        Some((_, events)) => events.recv().await.unwrap_or(LinkEvent::Lost(LostReason::HungUp)),
        None => std::future::pending().await,
    }
}

pub(super) async fn until(started: Instant, deadline: Option<Moment>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(started + deadline.0).await,
        None => std::future::pending().await,
    }
}

/// Name and time for the next outgoing message.
pub(super) fn stamp(clock: &dyn Clock, rng: &mut SmallRng) -> Stamp {
    let time = clock.now();
    let unix_ms = u64::try_from(time.timestamp_millis()).unwrap_or_default();
    Stamp { id: EventId::new(unix_ms, rng.random()), time }
}

impl<T: Transport, L: NodeLog> Driver<T, L> {
    async fn run(mut self, mut control: mpsc::Receiver<Control>, board: Arc<Board>) {
        while !self.peer.link().is_stopped() {
            let deadline = self.peer.deadline();
            tokio::select! {
                order = control.recv() => match order {
                    Some(Control::Reclaim) => self.input(NodeInput::Link(NodeLinkInput::Reclaimed)),
                    Some(Control::Truncate) => self.input(NodeInput::Link(NodeLinkInput::Truncated)),
                    Some(Control::Unhold(stream)) => self.input(NodeInput::Unhold(stream)),
                    // A handle that was dropped can stop us no more.
                    Some(Control::Stop) | None => self.input(NodeInput::Link(NodeLinkInput::Stop)),
                },
                event = next_event(&mut self.link) => self.event(event),
                Some(done) = self.jobs.next(), if !self.jobs.is_empty() => self.done(done),
                news = board.take() => {
                    for logged in news {
                        self.input(NodeInput::Logged(logged));
                    }
                }
                () = until(self.started, deadline) => self.input(NodeInput::Tick),
            }
            self.tell();
        }
    }

    fn now(&self) -> Moment {
        Moment(self.started.elapsed())
    }

    fn tell(&self) {
        let link = self.peer.link();
        let ago = self.peer.last_ack().map(|at| self.now().since(at));
        let last_ack = ago.map(|ago| self.clock.now() - chrono::TimeDelta::from_std(ago).unwrap_or_default());
        let status = LinkStatus {
            open: link.is_open(),
            halted: link.is_halted(),
            session: link.session(),
            pending: self.peer.pending(),
            last_ack,
            clock_ok: self.clock_ok,
            alarms: self.alarms.clone(),
        };
        self.status.send_if_modified(|old| {
            let changed = (old.open, old.halted, old.session, old.pending) != (status.open, status.halted, status.session, status.pending)
                || (old.clock_ok, &old.alarms) != (status.clock_ok, &status.alarms);
            *old = status;
            changed
        });
    }

    fn event(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Connected { receive_max, packet_max } => self.input(NodeInput::Connected { receive_max, packet_max }),
            LinkEvent::SubAck(codes) => {
                let ok = codes.iter().all(|code| *code == SubCode::Granted);
                self.input(NodeInput::Link(NodeLinkInput::SubAcked { ok }));
            }
            LinkEvent::PubAck { reason } => self.input(NodeInput::PubAck(reason)),
            LinkEvent::Message(message) => {
                let arrival = self.order.arrived(message.ack);
                let parsed = if message.qos == Qos::AtMostOnce {
                    Err(Refused::NotOurs)
                } else {
                    codec::parse_from_cloud(&self.node, &message.topic, &message.payload)
                };
                match parsed {
                    Ok(message) => {
                        if let Some(time) = message.time_to(self.peer.link().session()) {
                            self.clock_ok = Some(agrees(self.clock.now(), time));
                        }
                        self.input(NodeInput::Message { arrival, message });
                    }
                    Err(refused) => {
                        match refused {
                            Refused::NotOurs => signals::counted(ROLE, Counted::NotOurs),
                            Refused::BadIdentity => self.alarm(Alarm::BadIdentity),
                        }
                        self.output(NodeOutput::Release(arrival));
                    }
                }
            }
            LinkEvent::Lost(reason) => {
                tracing::info!(node = %self.node, %reason, "sync.link.lost");
                self.hang();
                let how = match reason {
                    LostReason::SessionTakenOver => Loss::TakenOver,
                    LostReason::Closed => Loss::Closed,
                    LostReason::HungUp
                    | LostReason::ConnectTimeout
                    | LostReason::Refused(_)
                    | LostReason::Disconnected(_)
                    | LostReason::Silent
                    | LostReason::EventsFull
                    | LostReason::PacketTooLarge(_)
                    | LostReason::Protocol(_)
                    | LostReason::Io(_) => Loss::Broken,
                };
                self.input(NodeInput::Link(NodeLinkInput::Lost { how }));
            }
        }
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Input(input) => self.input(input),
            Done::Loaded { stream, payload, input, ticket } => {
                self.payloads.insert(ticket, (stream, payload));
                self.input(input);
                self.payloads.remove(&ticket);
            }
            Done::Nothing => {}
        }
    }

    fn input(&mut self, input: NodeInput) {
        let now = self.now();
        let mut out = Vec::new();
        self.peer.handle(&mut Turn { now, rng: &mut self.rng }, input, &mut out);
        for output in out {
            self.output(output);
        }
    }

    fn hang(&mut self) {
        self.link = None;
        self.order.reset();
    }

    /// Writes, or drops a link that does not keep up.
    fn write(&mut self, write: impl FnOnce(&Writer) -> Result<(), super::transport::WriterClosed>) {
        if let Some((writer, _)) = &self.link
            && write(writer).is_err()
        {
            self.hang();
            self.jobs.push(async { Done::Input(NodeInput::Link(NodeLinkInput::Lost { how: Loss::Broken })) }.boxed());
        }
    }

    fn alarm(&mut self, alarm: Alarm) {
        signals::alarm(ROLE, &self.node, alarm);
        if self.alarms.len() == ALARMS_MAX {
            self.alarms.remove(0);
        }
        self.alarms.push((self.clock.now(), alarm));
    }

    fn output(&mut self, output: NodeOutput) {
        match output {
            NodeOutput::Dial { session } => self.dial(session),
            NodeOutput::Subscribe => {
                let filters = filters(&self.node, self.node.partition());
                self.write(|writer| writer.subscribe(filters));
            }
            NodeOutput::Hang => self.hang(),
            NodeOutput::Publish(message) => {
                let encoded = match &message {
                    FromNode::Batch { ticket } => self
                        .payloads
                        .remove(ticket)
                        .map(|(stream, payload)| Encoded { topic: codec::batch_topic(&self.node, stream), payload }),
                    FromNode::Presence { .. } | FromNode::Hello { .. } | FromNode::Ack { .. } => {
                        let stamp = stamp(self.clock.as_ref(), &mut self.rng);
                        codec::encode_from_node(&self.node, &message, stamp)
                    }
                };
                if let Some(encoded) = encoded {
                    self.write(|writer| writer.publish(encoded));
                }
            }
            NodeOutput::Release(arrival) => {
                for token in self.order.settle(arrival) {
                    self.write(|writer| writer.ack(token));
                }
            }
            NodeOutput::DropLoaded { ticket } => {
                self.payloads.remove(&ticket);
            }
            NodeOutput::Alarm(alarm) => self.alarm(alarm),
            NodeOutput::Count(counted) => signals::counted(ROLE, counted),
            NodeOutput::BeginSession { .. }
            | NodeOutput::ReadLog { .. }
            | NodeOutput::AdoptDown { .. }
            | NodeOutput::ReturnTo { .. }
            | NodeOutput::BeginEpoch { .. }
            | NodeOutput::Load { .. }
            | NodeOutput::CommitAcked { .. }
            | NodeOutput::Apply { .. } => self.start(output),
        }
    }

    fn dial(&mut self, session: Session) {
        let message = FromNode::Presence { session, body: WILL };
        let encoded = codec::encode_from_node(&self.node, &message, stamp(self.clock.as_ref(), &mut self.rng));
        match self.transport.connect(encoded.map(will)) {
            Ok((handle, events)) => self.link = Some((Writer::spawn(handle), events)),
            Err(error) => {
                tracing::error!(node = %self.node, %error, "failed to dial");
                self.input(NodeInput::Link(NodeLinkInput::Lost { how: Loss::Broken }));
            }
        }
    }

    /// Starts a transaction whose end is an input.
    fn start(&mut self, output: NodeOutput) {
        let (log, node) = (Arc::clone(&self.log), self.node.clone());
        let stamp = stamp(self.clock.as_ref(), &mut self.rng);
        let link = |input| Done::Input(NodeInput::Link(input));
        let failed = move |step, error: &super::log::LogError| {
            signals::storage_failed(ROLE, "link", error);
            link(NodeLinkInput::StepFailed { step })
        };
        let job: BoxFuture<'static, Done> = match output {
            NodeOutput::BeginSession { step, random } => async move {
                match log.begin_session(random).await {
                    Ok(session) => link(NodeLinkInput::SessionBegun { step, session }),
                    Err(error) => failed(step, &error),
                }
            }
            .boxed(),
            NodeOutput::ReadLog { step } => async move {
                let view =
                    async { Ok::<_, super::log::LogError>(LogView { send: log.state(&node).await?, down: log.down_state().await? }) };
                match view.await {
                    Ok(view) => link(NodeLinkInput::LogRead { step, view: Box::new(view) }),
                    Err(error) => failed(step, &error),
                }
            }
            .boxed(),
            NodeOutput::AdoptDown { step, epoch } => async move {
                match log.adopt_down_epoch(epoch).await {
                    Ok(down) => link(NodeLinkInput::Adopted { step, down }),
                    Err(error) => failed(step, &error),
                }
            }
            .boxed(),
            NodeOutput::ReturnTo { step, cursors } => async move {
                match log.return_to(&cursors).await {
                    Ok(()) => link(NodeLinkInput::Returned { step }),
                    Err(error) => failed(step, &error),
                }
            }
            .boxed(),
            NodeOutput::BeginEpoch { step, request } => async move {
                match log.begin_epoch(&node, &request).await {
                    Ok(_) => link(NodeLinkInput::EpochBegun { step }),
                    Err(error) => failed(step, &error),
                }
            }
            .boxed(),
            NodeOutput::Load { session, request } => async move {
                let context = LoadContext { source: Source::Node(node.clone()), node, session, term: None };
                let (ticket, stream) = (request.ticket, request.stream);
                match load(log.as_ref(), &context, &request, stamp).await {
                    Ok((loaded, payload)) => Done::Loaded { stream, payload, input: NodeInput::Loaded(loaded), ticket },
                    Err(error) => {
                        signals::storage_failed(ROLE, "load", &error);
                        Done::Input(NodeInput::LoadFailed { ticket })
                    }
                }
            }
            .boxed(),
            NodeOutput::CommitAcked { epoch, stream, acked } => async move {
                if let Err(error) = log.commit_acked(&node, epoch, stream, acked).await {
                    // The rows stay until the next acknowledgement trims them.
                    signals::storage_failed(ROLE, "trim", &error);
                }
                Done::Nothing
            }
            .boxed(),
            NodeOutput::Apply { ticket, batch } => async move {
                match log.apply(&node, &batch).await {
                    Ok(applied) => Done::Input(NodeInput::Applied { ticket, applied }),
                    Err(error) => {
                        signals::storage_failed(ROLE, "apply", &error);
                        Done::Input(NodeInput::ApplyFailed { ticket, failure: ApplyFailure::from(&error) })
                    }
                }
            }
            .boxed(),
            NodeOutput::Dial { .. }
            | NodeOutput::Subscribe
            | NodeOutput::Hang
            | NodeOutput::Publish(_)
            | NodeOutput::Release(_)
            | NodeOutput::DropLoaded { .. }
            | NodeOutput::Alarm(_)
            | NodeOutput::Count(_) => return,
        };
        self.jobs.push(job);
    }
}

/// Whether the own clock is near enough to the cloud's (AS-094).
fn agrees(own: DateTime<Utc>, cloud: DateTime<Utc>) -> bool {
    (own - cloud).abs().to_std().is_ok_and(|off| off <= CLOCK_SKEW_MAX)
}

/// What a node subscribes to: everything down to it, and its partition's STATE (AS-015).
fn filters(node: &NodeId, part: Partition) -> Vec<String> {
    let welcome = Topic::SyncWelcome { part, node: node.clone() }.build();
    let down = welcome.rsplit_once('/').map_or(welcome.as_str(), |(prefix, _)| prefix);
    vec![format!("{down}/#"), Topic::SyncState { part }.build()]
}
