//! The owner's end of the protocol towards one node: HELLO, receiver of the up streams and sender of the down streams as one machine.
//!
//! Owns whether the node's session is open in the owner's term (AS-035), and the heartbeat. Takes parsed messages and the results of
//! transactions; emits what the shell must do. Everything here can be rebuilt from the database by the node's next HELLO. On failure: ask
//! the node for a HELLO; if the fence says so, tell the owner to stop.

use aisle_schemas::{
    limits::{BATCH_BYTES_MAX, CREDIT_DOWN_BATCHES, CREDIT_LIVE_BATCHES, HEARTBEAT, NACK_EVERY},
    sync::{Ack, AckCode, Count, Credit, Direction, Epoch, Hello, Nack, NodeStatus, PerStream, Seq, Session, Stream, Welcome},
};
use chrono::{DateTime, Utc};

use super::{
    hello::{self, Decision, HelloOutcome},
    log::{Applied, Logged, ReceivedBatch},
    receiver::{ApplyFailure, Arrival, Incoming, Receiver, ReceiverInput, ReceiverOutput},
    sender::{LoadRequest, Loaded, Sender, SenderInput, SenderOutput},
    turn::{Alarm, Counted, Moment, Turn, earliest},
};

/// Credit of `batches`, each of the largest size.
pub const fn credit(batches: u32) -> Credit {
    Credit { batches, bytes: batches * BATCH_BYTES_MAX as u32 }
}

/// A message of the node, parsed, whose source is the node of its topic.
#[derive(Debug, Clone)]
pub enum FromNodeMessage {
    /// `said_at` is the node's own time, here and in `Ack`: it tells whether its clock is right.
    Hello {
        session: Session,
        epoch: Epoch,
        said_at: DateTime<Utc>,
        body: Box<Hello>,
    },
    Ack {
        session: Session,
        epoch: Epoch,
        said_at: DateTime<Utc>,
        body: Box<Ack>,
    },
    Batch(Box<Incoming>),
    Presence {
        session: Session,
        status: NodeStatus,
    },
    Unreadable {
        stream: Option<Stream>,
    },
}

/// Input of the machine.
#[derive(Debug, Clone)]
pub enum OwnerInput {
    Message {
        arrival: Arrival,
        message: FromNodeMessage,
    },
    /// The store decided a HELLO.
    HelloDecided {
        ticket: u64,
        outcome: Box<HelloOutcome>,
    },
    HelloFailed {
        ticket: u64,
    },
    Logged(Logged),
    Loaded(Loaded),
    LoadFailed {
        ticket: u64,
    },
    /// The log was not in the epoch that was to be loaded: somebody began another one under the open session.
    LogRenewed {
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
    NoSubscriber,
    Unhold(Stream),
    /// The owner's link is gone: whatever was under way will be said again.
    LinkLost,
    Tick,
}

/// A message to the node, to be stamped with term and time and published.
#[derive(Debug, Clone, PartialEq)]
pub enum ToNode {
    Welcome { session: Session, body: Box<Welcome> },
    Ack { session: Session, epoch: Epoch, body: Box<Ack> },
    Batch { ticket: u64 },
}

/// Output of the machine.
#[derive(Debug, Clone)]
pub enum OwnerOutput {
    /// Decide this HELLO in one transaction.
    DecideHello {
        ticket: u64,
        session: Session,
        epoch: Epoch,
        hello: Box<Hello>,
    },
    Publish(ToNode),
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
    /// Take presence by compare-and-set on the stored session.
    Presence {
        session: Session,
        status: NodeStatus,
    },
    /// Something of the open session was heard that commits nothing by itself.
    Touch {
        session: Session,
        /// When, by the node's clock.
        said_at: DateTime<Utc>,
    },
    Release(Arrival),
    /// The fence refused: stop owning.
    Fenced,
    Alarm(Alarm),
    Count(Counted),
}

#[derive(Debug)]
struct Deciding {
    ticket: u64,
    arrival: Arrival,
    session: Session,
    said_at: DateTime<Utc>,
    hello: Box<Hello>,
}

/// The machine.
#[derive(Debug)]
pub struct OwnerPeer {
    session: Option<Session>,
    /// Epoch of the down log while open: acknowledgements of another are ignored (AS-047).
    down_epoch: Option<Epoch>,
    receiver: Receiver,
    sender: Sender,
    batch_bytes: usize,
    credit: Credit,
    deciding: Option<Deciding>,
    last_ticket: u64,
    /// When ACK `hello` last left.
    asked_at: Option<Moment>,
    heartbeat_at: Moment,
    /// Records that wait at the node, as its batches said.
    left: PerStream<Count>,
    /// What HELLO said, until batches say better.
    pending: u64,
}

impl OwnerPeer {
    /// Closed; `packet_max` is the broker's Maximum Packet Size.
    pub fn new(packet_max: u32, now: Moment) -> Self {
        let mut sender = Sender::new(Direction::Down);
        // The window is that of the instance's one link, which the driver's bounded queue keeps.
        sender.set_slots(CREDIT_DOWN_BATCHES + 1);
        Self {
            session: None,
            down_epoch: None,
            receiver: Receiver::new(Direction::Up),
            sender,
            batch_bytes: Sender::batch_bytes(packet_max),
            credit: credit(CREDIT_LIVE_BATCHES),
            deciding: None,
            last_ticket: 0,
            asked_at: None,
            heartbeat_at: now,
            left: PerStream::default(),
            pending: 0,
        }
    }

    pub fn is_open(&self) -> bool {
        self.session.is_some()
    }
    /// Records that wait at the node (AS-023).
    pub fn node_pending(&self) -> u64 {
        if self.left.is_empty() { self.pending } else { self.left.iter().map(|(_, left)| left.get()).sum() }
    }
    /// Records that wait here for the node.
    pub fn pending(&self) -> u64 {
        self.sender.pending()
    }
    /// Credit that the next WELCOME or ACK names.
    pub fn set_credit(&mut self, credit: Credit) {
        self.credit = credit;
    }
    /// When a tick is due at the latest.
    pub fn deadline(&self) -> Option<Moment> {
        let heartbeat = self.session.map(|_| self.heartbeat_at);
        earliest([heartbeat, self.sender.deadline(), self.receiver.deadline()])
    }

    pub fn handle(&mut self, turn: &mut Turn<'_>, input: OwnerInput, out: &mut Vec<OwnerOutput>) {
        match input {
            OwnerInput::Message { arrival, message } => self.message(turn, arrival, message, out),
            OwnerInput::HelloDecided { ticket, outcome } => self.decided(turn, ticket, &outcome, out),
            OwnerInput::HelloFailed { ticket } => {
                if let Some(deciding) = self.deciding.take_if(|deciding| deciding.ticket == ticket) {
                    out.extend([OwnerOutput::Count(Counted::StorageFailed), OwnerOutput::Release(deciding.arrival)]);
                }
            }
            OwnerInput::Logged(logged) => self.tell_sender(turn, SenderInput::Logged(logged), out),
            OwnerInput::Loaded(loaded) => self.tell_sender(turn, SenderInput::Loaded(loaded), out),
            OwnerInput::LoadFailed { ticket } => self.tell_sender(turn, SenderInput::LoadFailed { ticket }, out),
            OwnerInput::LogRenewed { ticket } => self.renewed(turn, ticket, out),
            OwnerInput::Applied { ticket, applied } => self.tell_receiver(turn, ReceiverInput::Applied { ticket, applied }, out),
            OwnerInput::ApplyFailed { ticket, failure } => self.tell_receiver(turn, ReceiverInput::Failed { ticket, failure }, out),
            OwnerInput::NoSubscriber => self.tell_sender(turn, SenderInput::NoSubscriber, out),
            OwnerInput::Unhold(stream) => self.tell_receiver(turn, ReceiverInput::Unhold(stream), out),
            OwnerInput::LinkLost => {
                if let Some(deciding) = self.deciding.take() {
                    out.push(OwnerOutput::Release(deciding.arrival));
                }
                self.close(turn, out);
            }
            OwnerInput::Tick => {
                if self.session.is_some() && self.heartbeat_at <= turn.now {
                    let held = self.receiver.held();
                    self.ack(turn, held, out);
                }
                self.tell_sender(turn, SenderInput::Tick, out);
                self.tell_receiver(turn, ReceiverInput::Tick, out);
            }
        }
    }

    fn message(&mut self, turn: &mut Turn<'_>, arrival: Arrival, message: FromNodeMessage, out: &mut Vec<OwnerOutput>) {
        match message {
            FromNodeMessage::Hello { session, epoch, said_at, body } => {
                if let Some(older) = self.deciding.take() {
                    // Its answer would carry an old nonce; what its transaction writes, the newer one reads.
                    out.push(OwnerOutput::Release(older.arrival));
                }
                self.last_ticket += 1;
                let ticket = self.last_ticket;
                self.deciding = Some(Deciding { ticket, arrival, session, said_at, hello: body.clone() });
                out.push(OwnerOutput::DecideHello { ticket, session, epoch, hello: body });
            }
            FromNodeMessage::Ack { session, epoch, said_at, body } => {
                out.push(OwnerOutput::Release(arrival));
                if self.session != Some(session) {
                    out.push(OwnerOutput::Count(Counted::Stale));
                    self.ask(turn, session, epoch, out);
                    return;
                }
                out.push(OwnerOutput::Touch { session, said_at });
                let Ack { code: _, cursors, nack, credit: _, pending } = *body;
                self.pending = pending.map_or(self.pending, Count::get);
                if self.down_epoch != Some(epoch) {
                    out.push(OwnerOutput::Count(Counted::Stale));
                    return;
                }
                self.tell_sender(turn, SenderInput::Ack { cursors, nack, credit: None }, out);
            }
            FromNodeMessage::Batch(mut incoming) => {
                incoming.arrival = arrival;
                let (session, epoch) = (incoming.session, incoming.epoch);
                if self.session.is_none() {
                    out.extend([OwnerOutput::Count(Counted::Stale), OwnerOutput::Release(arrival)]);
                    self.ask(turn, session, epoch, out);
                    return;
                }
                if self.session == Some(session) {
                    self.left.set(incoming.stream, incoming.header.left);
                }
                self.tell_receiver(turn, ReceiverInput::Batch(incoming), out);
            }
            FromNodeMessage::Presence { session, status } => {
                out.extend([OwnerOutput::Presence { session, status }, OwnerOutput::Release(arrival)]);
            }
            FromNodeMessage::Unreadable { stream: Some(stream) } if self.session.is_some() => {
                self.tell_receiver(turn, ReceiverInput::Unreadable { arrival, stream }, out);
            }
            FromNodeMessage::Unreadable { stream: _ } => out.extend([OwnerOutput::Count(Counted::Bad), OwnerOutput::Release(arrival)]),
        }
    }

    fn decided(&mut self, turn: &mut Turn<'_>, ticket: u64, outcome: &HelloOutcome, out: &mut Vec<OwnerOutput>) {
        let Some(deciding) = self.deciding.take_if(|deciding| deciding.ticket == ticket) else {
            // A later HELLO is being decided, or the link was lost: this answer has no reader any more.
            return;
        };
        let Deciding { ticket: _, arrival, session, said_at, hello } = deciding;
        out.push(OwnerOutput::Release(arrival));
        let opening = match (&outcome.decision, outcome.seen) {
            (Decision::Accept { .. }, Some(seen)) => Some(seen),
            (Decision::Accept { .. }, None) | (Decision::Refuse { .. }, _) => None,
            (Decision::BadIdentity, _) => {
                out.push(OwnerOutput::Alarm(Alarm::BadIdentity));
                None
            }
        };
        if opening.is_some() {
            self.pending = hello.pending.get();
            self.left = PerStream::default();
            self.tell_sender(turn, SenderInput::Close, out);
            self.tell_receiver(turn, ReceiverInput::Close, out);
        }
        if let Some(body) = hello::welcome(hello.nonce, outcome, self.credit) {
            out.push(OwnerOutput::Publish(ToNode::Welcome { session, body: Box::new(body) }));
        }
        if let Some(seen) = opening {
            self.session = Some(session);
            self.heartbeat_at = turn.now.plus(HEARTBEAT);
            out.push(OwnerOutput::Touch { session, said_at });
            self.tell_receiver(turn, ReceiverInput::Open { session, epoch: seen.epoch, cursors: seen.cursors }, out);
            // In an epoch that the node does not know yet, it has applied nothing.
            let known = hello.down.epoch == Some(outcome.down.epoch);
            let cursors = if known { hello.down.cursors } else { PerStream::default() };
            self.down_epoch = Some(outcome.down.epoch);
            let state = Box::new(outcome.down.clone());
            let credit = credit(CREDIT_DOWN_BATCHES);
            self.tell_sender(turn, SenderInput::Open { state, cursors, credit, batch_bytes: self.batch_bytes }, out);
        }
    }

    /// The numbers that the node knows are no longer those of the log: only its HELLO brings both into step.
    fn renewed(&mut self, turn: &mut Turn<'_>, ticket: u64, out: &mut Vec<OwnerOutput>) {
        if !self.sender.awaits(ticket) {
            return;
        }
        let asked = self.session.zip(self.receiver.epoch());
        self.close(turn, out);
        if let Some((session, epoch)) = asked {
            self.ask(turn, session, epoch, out);
        }
    }

    fn close(&mut self, turn: &mut Turn<'_>, out: &mut Vec<OwnerOutput>) {
        self.session = None;
        self.tell_sender(turn, SenderInput::Close, out);
        self.tell_receiver(turn, ReceiverInput::Close, out);
    }

    /// ACK `hello`, at most once a second (AS-035).
    fn ask(&mut self, turn: &Turn<'_>, session: Session, epoch: Epoch, out: &mut Vec<OwnerOutput>) {
        if self.deciding.is_some() || self.asked_at.is_some_and(|at| turn.now.since(at) < NACK_EVERY) {
            return;
        }
        self.asked_at = Some(turn.now);
        let body = Ack { code: AckCode::Hello, cursors: PerStream::default(), nack: PerStream::default(), credit: None, pending: None };
        out.push(OwnerOutput::Publish(ToNode::Ack { session, epoch, body: Box::new(body) }));
    }

    fn ack(&mut self, turn: &Turn<'_>, nack: PerStream<Nack>, out: &mut Vec<OwnerOutput>) {
        let (Some(session), Some(epoch)) = (self.session, self.receiver.epoch()) else { return };
        self.heartbeat_at = turn.now.plus(HEARTBEAT);
        let body = Ack { code: AckCode::Ok, cursors: self.receiver.cursors(), nack, credit: Some(self.credit), pending: None };
        out.push(OwnerOutput::Publish(ToNode::Ack { session, epoch, body: Box::new(body) }));
    }

    fn tell_sender(&mut self, turn: &mut Turn<'_>, input: SenderInput, out: &mut Vec<OwnerOutput>) {
        let mut outputs = Vec::new();
        self.sender.set_slots(CREDIT_DOWN_BATCHES + 1);
        self.sender.handle(turn, input, &mut outputs);
        for output in outputs {
            match output {
                SenderOutput::Load(request) => {
                    if let Some(session) = self.session {
                        out.push(OwnerOutput::Load { session, request });
                    }
                }
                SenderOutput::Send { ticket } => out.push(OwnerOutput::Publish(ToNode::Batch { ticket })),
                SenderOutput::Drop { ticket } => out.push(OwnerOutput::DropLoaded { ticket }),
                SenderOutput::CommitAcked { epoch, stream, acked } => out.push(OwnerOutput::CommitAcked { epoch, stream, acked }),
                SenderOutput::Stalled(_) => {
                    // The node may hear us and have lost step: ask. If it is gone, its next HELLO opens everything anew.
                    if let (Some(session), Some(epoch)) = (self.session, self.receiver.epoch()) {
                        self.ask(turn, session, epoch, out);
                    }
                }
                SenderOutput::Alarm(alarm) => out.push(OwnerOutput::Alarm(alarm)),
                SenderOutput::Count(counted) => out.push(OwnerOutput::Count(counted)),
            }
        }
    }

    fn tell_receiver(&mut self, turn: &mut Turn<'_>, input: ReceiverInput, out: &mut Vec<OwnerOutput>) {
        let mut outputs = Vec::new();
        self.receiver.handle(turn, input, &mut outputs);
        for output in outputs {
            match output {
                ReceiverOutput::Apply { ticket, batch } => out.push(OwnerOutput::Apply { ticket, batch }),
                ReceiverOutput::Release(arrival) => out.push(OwnerOutput::Release(arrival)),
                ReceiverOutput::Ack { nack } => self.ack(turn, nack, out),
                ReceiverOutput::Fenced => {
                    self.session = None;
                    self.tell_sender(turn, SenderInput::Close, out);
                    out.push(OwnerOutput::Fenced);
                }
                ReceiverOutput::Alarm(alarm) => out.push(OwnerOutput::Alarm(alarm)),
                ReceiverOutput::Count(counted) => out.push(OwnerOutput::Count(counted)),
            }
        }
    }
}
