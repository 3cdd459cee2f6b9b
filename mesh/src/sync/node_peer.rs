//! The node's end of the protocol: link, sender of the up streams and receiver of the down streams as one machine.
//!
//! Owns how the three machines talk to each other, the MQTT window, and which messages of the cloud are of this session and term (AS-020).
//! Takes typed events; emits what the shell must do. The simulation and the driver run exactly this. On failure: the machines' own answers.

use std::collections::VecDeque;

use aisle_schemas::{
    limits::{PARTITION_QUEUE, WINDOW_NODE},
    sync::{
        Ack, AckCode, Count, Direction, Epoch, Hello, Nack, NodeStatus, PerStream, Presence, Seq, Session, Stream, Term, UpState, Welcome,
    },
};

use chrono::{DateTime, Utc};

use super::{
    log::{Applied, EpochRequest, Logged, ReceivedBatch},
    node_link::{LogView, Loss, NodeLink, NodeLinkInput, NodeLinkOutput},
    receiver::{ApplyFailure, Arrival, Incoming, Receiver, ReceiverInput, ReceiverOutput},
    sender::{LoadRequest, Loaded, Sender, SenderInput, SenderOutput},
    turn::{Alarm, Counted, Moment, Turn, earliest},
};
use crate::link::PubReason;

/// A message of the cloud, parsed.
#[derive(Debug, Clone)]
pub enum FromCloud {
    Welcome {
        session: Session,
        term: Term,
        /// The cloud's clock when it was sent (AS-094).
        time: DateTime<Utc>,
        body: Box<Welcome>,
    },
    Ack {
        session: Session,
        term: Term,
        epoch: Epoch,
        /// The cloud's clock when it was sent (AS-094).
        time: DateTime<Utc>,
        body: Box<Ack>,
    },
    Batch {
        term: Term,
        incoming: Box<Incoming>,
    },
    State {
        term: Term,
    },
    /// A payload that does not parse; `stream` where its topic names one.
    Unreadable {
        stream: Option<Stream>,
    },
}

impl FromCloud {
    /// The cloud's clock, where this is an answer to `session`: a message that waited in the broker for another one is too old to compare.
    pub fn time_to(&self, own: Option<Session>) -> Option<DateTime<Utc>> {
        match self {
            Self::Welcome { session, time, .. } | Self::Ack { session, time, .. } => (own == Some(*session)).then_some(*time),
            Self::Batch { .. } | Self::State { .. } | Self::Unreadable { .. } => None,
        }
    }
}

/// Input of the machine.
#[derive(Debug, Clone)]
pub enum NodeInput {
    Link(NodeLinkInput),
    /// CONNACK, with the broker's Receive Maximum and Maximum Packet Size.
    Connected {
        receive_max: u16,
        packet_max: u32,
    },
    PubAck(PubReason),
    Message {
        arrival: Arrival,
        message: FromCloud,
    },
    Logged(Logged),
    Loaded(Loaded),
    LoadFailed {
        ticket: u64,
    },
    Applied {
        ticket: u64,
        applied: Applied,
    },
    ApplyFailed {
        ticket: u64,
        failure: ApplyFailure,
    },
    Unhold(Stream),
    Tick,
}

/// A message of the node, to be stamped and published.
#[derive(Debug, Clone, PartialEq)]
pub enum FromNode {
    Presence {
        session: Session,
        body: Presence,
    },
    Hello {
        session: Session,
        epoch: Epoch,
        body: Box<Hello>,
    },
    Ack {
        session: Session,
        epoch: Epoch,
        body: Box<Ack>,
    },
    /// What that ticket loaded.
    Batch {
        ticket: u64,
    },
}

/// Output of the machine.
#[derive(Debug, Clone)]
pub enum NodeOutput {
    BeginSession {
        step: u64,
        random: u32,
    },
    /// Connect with a will of this session.
    Dial {
        session: Session,
    },
    Subscribe,
    Hang,
    ReadLog {
        step: u64,
    },
    AdoptDown {
        step: u64,
        epoch: Epoch,
    },
    ReturnTo {
        step: u64,
        cursors: PerStream<Seq>,
    },
    BeginEpoch {
        step: u64,
        request: EpochRequest,
    },
    Publish(FromNode),
    /// Load under this session.
    Load {
        session: Session,
        request: LoadRequest,
    },
    DropLoaded {
        ticket: u64,
    },
    CommitAcked {
        epoch: Epoch,
        stream: Stream,
        acked: Seq,
    },
    Apply {
        ticket: u64,
        batch: Box<ReceivedBatch>,
    },
    Release(Arrival),
    Alarm(Alarm),
    Count(Counted),
}

/// What a node says of itself in HELLO.
#[derive(Debug, Clone)]
pub struct NodeIntroduction {
    pub software: String,
    pub schemas: Vec<String>,
}

/// The machine.
#[derive(Debug)]
pub struct NodePeer {
    introduction: NodeIntroduction,
    link: NodeLink,
    sender: Sender,
    receiver: Receiver,
    /// Epoch of the own log while open: ACKs of another are ignored (AS-047).
    up_epoch: Option<Epoch>,
    batch_bytes: usize,
    window: u32,
    in_flight: u32,
    /// An ACK that waits for a place in the window.
    ack_wanted: Option<PerStream<Nack>>,
    /// Batches that came while the cloud's log was being adopted.
    early: VecDeque<(Term, Box<Incoming>)>,
    last_ack: Option<Moment>,
}

impl NodePeer {
    /// Down, and due to dial at `now`.
    pub fn new(introduction: NodeIntroduction, now: Moment) -> Self {
        Self {
            introduction,
            link: NodeLink::new(now),
            sender: Sender::new(Direction::Up),
            receiver: Receiver::new(Direction::Down),
            up_epoch: None,
            batch_bytes: 0,
            window: 1,
            in_flight: 0,
            ack_wanted: None,
            early: VecDeque::new(),
            last_ack: None,
        }
    }

    pub fn link(&self) -> &NodeLink {
        &self.link
    }
    /// Records of this node that the cloud is not known to have applied; 0 while the session is not open.
    pub fn pending(&self) -> u64 {
        self.sender.pending()
    }
    /// When the cloud last acknowledged.
    pub fn last_ack(&self) -> Option<Moment> {
        self.last_ack
    }
    /// When a tick is due at the latest.
    pub fn deadline(&self) -> Option<Moment> {
        earliest([self.link.deadline(), self.sender.deadline(), self.receiver.deadline()])
    }

    pub fn handle(&mut self, turn: &mut Turn<'_>, input: NodeInput, out: &mut Vec<NodeOutput>) {
        match input {
            NodeInput::Link(input) => self.tell_link(turn, input, out),
            NodeInput::Connected { receive_max, packet_max } => {
                self.window = u32::from(WINDOW_NODE.min(receive_max / 2)).max(1);
                self.batch_bytes = Sender::batch_bytes(packet_max);
                self.in_flight = 0;
                self.tell_link(turn, NodeLinkInput::Connected, out);
            }
            NodeInput::PubAck(reason) => {
                self.in_flight = self.in_flight.saturating_sub(1);
                match reason {
                    PubReason::Accepted => self.tell_sender(turn, SenderInput::Tick, out),
                    PubReason::NoSubscriber => self.tell_sender(turn, SenderInput::NoSubscriber, out),
                    PubReason::Refused(_) => self.tell_link(turn, NodeLinkInput::PublishRefused, out),
                }
                if let Some(nack) = self.ack_wanted.take() {
                    self.ack(turn, nack, out);
                }
            }
            NodeInput::Message { arrival, message } => self.message(turn, arrival, message, out),
            NodeInput::Logged(logged) => self.tell_sender(turn, SenderInput::Logged(logged), out),
            NodeInput::Loaded(loaded) => self.tell_sender(turn, SenderInput::Loaded(loaded), out),
            NodeInput::LoadFailed { ticket } => self.tell_sender(turn, SenderInput::LoadFailed { ticket }, out),
            NodeInput::Applied { ticket, applied } => self.tell_receiver(turn, ReceiverInput::Applied { ticket, applied }, out),
            NodeInput::ApplyFailed { ticket, failure } => self.tell_receiver(turn, ReceiverInput::Failed { ticket, failure }, out),
            NodeInput::Unhold(stream) => self.tell_receiver(turn, ReceiverInput::Unhold(stream), out),
            NodeInput::Tick => {
                self.tell_link(turn, NodeLinkInput::Tick, out);
                self.tell_sender(turn, SenderInput::Tick, out);
                self.tell_receiver(turn, ReceiverInput::Tick, out);
            }
        }
    }

    fn message(&mut self, turn: &mut Turn<'_>, arrival: Arrival, message: FromCloud, out: &mut Vec<NodeOutput>) {
        let of_session = |session| self.link.session() == Some(session);
        let fresh = |term| self.link.term().is_none_or(|highest| term >= highest);
        match message {
            FromCloud::State { term } => {
                out.push(NodeOutput::Release(arrival));
                self.tell_link(turn, NodeLinkInput::Heard { term }, out);
                self.tell_sender(turn, SenderInput::Resume, out);
            }
            FromCloud::Welcome { session, term, time: _, body } if of_session(session) && fresh(term) => {
                out.push(NodeOutput::Release(arrival));
                self.tell_link(turn, NodeLinkInput::Welcome { term, welcome: body }, out);
            }
            FromCloud::Ack { session, term, epoch, time: _, body } if of_session(session) && fresh(term) => {
                out.push(NodeOutput::Release(arrival));
                self.tell_link(turn, NodeLinkInput::Heard { term }, out);
                let Ack { code, cursors, nack, credit, pending: _ } = *body;
                match code {
                    AckCode::Hello => self.tell_link(turn, NodeLinkInput::AckHello, out),
                    AckCode::Ok if self.up_epoch == Some(epoch) => {
                        self.last_ack = Some(turn.now);
                        self.tell_sender(turn, SenderInput::Ack { cursors, nack, credit }, out);
                    }
                    AckCode::Ok | AckCode::Unknown => out.push(NodeOutput::Count(Counted::Stale)),
                }
            }
            FromCloud::Batch { term, mut incoming } if of_session(incoming.session) && fresh(term) => {
                incoming.arrival = arrival;
                self.tell_link(turn, NodeLinkInput::Heard { term }, out);
                if self.link.is_adopting() && self.early.len() < PARTITION_QUEUE {
                    self.early.push_back((term, incoming));
                } else {
                    self.tell_receiver(turn, ReceiverInput::Batch(incoming), out);
                }
            }
            FromCloud::Unreadable { stream: Some(stream) } if self.receiver.is_open() => {
                self.tell_receiver(turn, ReceiverInput::Unreadable { arrival, stream }, out);
            }
            FromCloud::Unreadable { stream: _ } => out.extend([NodeOutput::Count(Counted::Bad), NodeOutput::Release(arrival)]),
            FromCloud::Welcome { .. } | FromCloud::Ack { .. } | FromCloud::Batch { .. } => {
                out.extend([NodeOutput::Count(Counted::Stale), NodeOutput::Release(arrival)]);
            }
        }
    }

    fn publish(&mut self, message: FromNode, out: &mut Vec<NodeOutput>) {
        self.in_flight = self.in_flight.saturating_add(1);
        out.push(NodeOutput::Publish(message));
    }

    /// Sends an ACK, or keeps it until the window has a place.
    fn ack(&mut self, turn: &mut Turn<'_>, nack: PerStream<Nack>, out: &mut Vec<NodeOutput>) {
        let (Some(session), Some(epoch)) = (self.link.session(), self.receiver.epoch()) else { return };
        if self.in_flight >= self.window {
            let mut merged = self.ack_wanted.take().unwrap_or_default();
            for (stream, nack) in nack.iter() {
                merged.set(stream, *nack);
            }
            self.ack_wanted = Some(merged);
            return;
        }
        let pending = Some(Count::new(self.sender.pending()));
        let body = Ack { code: AckCode::Ok, cursors: self.receiver.cursors(), nack, credit: None, pending };
        self.publish(FromNode::Ack { session, epoch, body: Box::new(body) }, out);
        self.tell_link(turn, NodeLinkInput::AckSent, out);
    }

    fn tell_link(&mut self, turn: &mut Turn<'_>, input: NodeLinkInput, out: &mut Vec<NodeOutput>) {
        let mut outputs = Vec::new();
        self.link.handle(turn, input, &mut outputs);
        for output in outputs {
            match output {
                NodeLinkOutput::BeginSession { step, random } => out.push(NodeOutput::BeginSession { step, random }),
                NodeLinkOutput::Dial { session } => out.push(NodeOutput::Dial { session }),
                NodeLinkOutput::Subscribe => out.push(NodeOutput::Subscribe),
                NodeLinkOutput::Presence { session, status } => {
                    self.publish(FromNode::Presence { session, body: Presence { status } }, out)
                }
                NodeLinkOutput::ReadLog { step } => out.push(NodeOutput::ReadLog { step }),
                NodeLinkOutput::Hello { session, nonce, view } => {
                    let body = hello(&self.introduction, nonce, &view);
                    self.publish(FromNode::Hello { session, epoch: view.send.epoch, body: Box::new(body) }, out);
                }
                NodeLinkOutput::AdoptDown { step, epoch } => out.push(NodeOutput::AdoptDown { step, epoch }),
                NodeLinkOutput::ReturnTo { step, cursors } => out.push(NodeOutput::ReturnTo { step, cursors }),
                NodeLinkOutput::BeginEpoch { step, request } => out.push(NodeOutput::BeginEpoch { step, request }),
                NodeLinkOutput::OpenStreams { session, view, cursors, credit } => {
                    self.up_epoch = Some(view.send.epoch);
                    if let Some(epoch) = view.down.epoch {
                        self.tell_receiver(turn, ReceiverInput::Open { session, epoch, cursors: view.down.cursors }, out);
                    }
                    let state = Box::new(view.send);
                    self.tell_sender(turn, SenderInput::Open { state, cursors, credit, batch_bytes: self.batch_bytes }, out);
                    for (_, incoming) in std::mem::take(&mut self.early) {
                        self.tell_receiver(turn, ReceiverInput::Batch(incoming), out);
                    }
                }
                NodeLinkOutput::CloseStreams => {
                    self.up_epoch = None;
                    self.ack_wanted = None;
                    for (_, incoming) in std::mem::take(&mut self.early) {
                        out.push(NodeOutput::Release(incoming.arrival));
                    }
                    self.tell_sender(turn, SenderInput::Close, out);
                    self.tell_receiver(turn, ReceiverInput::Close, out);
                }
                NodeLinkOutput::Heartbeat => {
                    let held = self.receiver.held();
                    self.ack(turn, held, out);
                }
                NodeLinkOutput::Hang => out.push(NodeOutput::Hang),
                NodeLinkOutput::Alarm(alarm) => out.push(NodeOutput::Alarm(alarm)),
                NodeLinkOutput::Count(counted) => out.push(NodeOutput::Count(counted)),
            }
        }
    }

    fn tell_sender(&mut self, turn: &mut Turn<'_>, input: SenderInput, out: &mut Vec<NodeOutput>) {
        let mut outputs = Vec::new();
        self.sender.set_slots(self.window.saturating_sub(self.in_flight));
        self.sender.handle(turn, input, &mut outputs);
        for output in outputs {
            match output {
                SenderOutput::Load(request) => {
                    if let Some(session) = self.link.session() {
                        out.push(NodeOutput::Load { session, request });
                    }
                }
                SenderOutput::Send { ticket } => self.publish(FromNode::Batch { ticket }, out),
                SenderOutput::Drop { ticket } => out.push(NodeOutput::DropLoaded { ticket }),
                SenderOutput::CommitAcked { epoch, stream, acked } => out.push(NodeOutput::CommitAcked { epoch, stream, acked }),
                SenderOutput::Stalled(_) => self.tell_link(turn, NodeLinkInput::Stalled, out),
                SenderOutput::Alarm(alarm) => out.push(NodeOutput::Alarm(alarm)),
                SenderOutput::Count(counted) => out.push(NodeOutput::Count(counted)),
            }
        }
    }

    fn tell_receiver(&mut self, turn: &mut Turn<'_>, input: ReceiverInput, out: &mut Vec<NodeOutput>) {
        let mut outputs = Vec::new();
        self.receiver.handle(turn, input, &mut outputs);
        for output in outputs {
            match output {
                ReceiverOutput::Apply { ticket, batch } => out.push(NodeOutput::Apply { ticket, batch }),
                ReceiverOutput::Release(arrival) => out.push(NodeOutput::Release(arrival)),
                ReceiverOutput::Ack { nack } => self.ack(turn, nack, out),
                // The journal has a newer session than this connection: it must go.
                ReceiverOutput::Fenced => self.tell_link(turn, NodeLinkInput::Lost { how: Loss::Broken }, out),
                ReceiverOutput::Alarm(alarm) => out.push(NodeOutput::Alarm(alarm)),
                ReceiverOutput::Count(counted) => out.push(NodeOutput::Count(counted)),
            }
        }
    }
}

/// The HELLO that describes both logs.
fn hello(introduction: &NodeIntroduction, nonce: aisle_schemas::sync::Nonce, view: &LogView) -> Hello {
    let LogView { send, down } = view;
    let pending = send.streams.iter().map(|(_, state)| state.head().since(state.acked)).sum();
    Hello {
        nonce,
        mark: send.mark,
        lineage: send.lineage.clone(),
        pending: Count::new(pending),
        software: introduction.software.clone(),
        schemas: introduction.schemas.clone(),
        up: send.streams.iter().map(|(stream, state)| (stream, UpState { kept: state.kept, next: state.next })).collect(),
        down: *down,
    }
}

/// The PRESENCE that the broker publishes for a session that died (AS-080).
pub const WILL: Presence = Presence { status: NodeStatus::Lost };
