//! The receiver of one peer's log: table 4.4 of SYNC.md for each of its streams, and the ACKs they share.
//!
//! Owns the cursor of each stream as last committed, what waits behind the transaction under way, holds, and when the next ACK leaves.
//! Takes batches and the results of transactions; emits transactions, releases (PUBACK) and ACKs. Nothing here changes before a commit. On
//! failure: a batch is redone or shed, and its sender sends it again.

use std::collections::VecDeque;

use aisle_schemas::{
    limits::{ACK_DELAY, ACK_RECORDS, NACK_EVERY, PARTITION_QUEUE, POISON_HOLD, TRANSIENT_RETRIES, TRANSIENT_WAIT},
    sync::{BatchHeader, Class, Direction, Epoch, Nack, PerStream, Seq, Session, Stream},
};

use super::{
    log::{Applied, ApplyError, ApplyMode, ReceivedBatch, ReceivedRecord},
    turn::{Alarm, Counted, Moment, Turn, earliest},
};

/// Names one arrived message, whose PUBACK is due once; the driver gives them out in order of arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Arrival(pub u64);

/// A batch that came.
#[derive(Debug, Clone)]
pub struct Incoming {
    pub arrival: Arrival,
    pub stream: Stream,
    pub session: Session,
    pub epoch: Epoch,
    pub header: BatchHeader,
    pub records: Vec<ReceivedRecord>,
}

/// How a transaction failed, as far as the machine can act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplyFailure {
    Conflict { cursor: Seq },
    Transient,
    Poison { poison_run: u32 },
    Fenced,
}

impl From<&ApplyError> for ApplyFailure {
    fn from(error: &ApplyError) -> Self {
        match error {
            ApplyError::Conflict { cursor } => Self::Conflict { cursor: *cursor },
            ApplyError::Transient(_) => Self::Transient,
            ApplyError::Poison { index: _, poison_run, source: _ } => Self::Poison { poison_run: *poison_run },
            ApplyError::Fenced => Self::Fenced,
        }
    }
}

/// Input of the machine.
#[derive(Debug, Clone)]
pub enum ReceiverInput {
    Open {
        session: Session,
        epoch: Epoch,
        cursors: PerStream<Seq>,
    },
    Close,
    Batch(Box<Incoming>),
    /// A payload on the stream's topic that does not parse.
    Unreadable {
        arrival: Arrival,
        stream: Stream,
    },
    Applied {
        ticket: u64,
        applied: Applied,
    },
    Failed {
        ticket: u64,
        failure: ApplyFailure,
    },
    /// An operator decided, or new software started.
    Unhold(Stream),
    Tick,
}

/// Output of the machine.
#[derive(Debug, Clone)]
pub enum ReceiverOutput {
    Apply {
        ticket: u64,
        batch: Box<ReceivedBatch>,
    },
    Release(Arrival),
    /// Send an ACK with these refusals and [`Receiver::cursors`].
    Ack {
        nack: PerStream<Nack>,
    },
    Fenced,
    Alarm(Alarm),
    Count(Counted),
}

#[derive(Debug)]
struct Busy {
    ticket: u64,
    incoming: Box<Incoming>,
    mode: ApplyMode,
    /// Transactions that failed for now, conflicts included.
    tries: u32,
    /// Waiting to be tried again, rather than running.
    retry_at: Option<Moment>,
}

#[derive(Debug, Default)]
struct Inbox {
    cursor: Seq,
    held: bool,
    busy: Option<Busy>,
    queue: VecDeque<Box<Incoming>>,
    nacked_at: Option<Moment>,
}

/// Receiver of all streams of one peer's log.
#[derive(Debug)]
pub struct Receiver {
    direction: Direction,
    log: Option<(Session, Epoch)>,
    inboxes: PerStream<Inbox>,
    last_ticket: u64,
    /// Records committed since the last ACK, and when the first of them was.
    unacked: Option<(u64, Moment)>,
}

impl Receiver {
    /// A shut receiver.
    pub fn new(direction: Direction) -> Self {
        Self { direction, log: None, inboxes: PerStream::default(), last_ticket: 0, unacked: None }
    }

    pub fn is_open(&self) -> bool {
        self.log.is_some()
    }
    /// Epoch of the log that is being received, while open.
    pub fn epoch(&self) -> Option<Epoch> {
        self.log.map(|(_, epoch)| epoch)
    }
    /// Committed cursors, while open.
    pub fn cursors(&self) -> PerStream<Seq> {
        self.inboxes.iter().map(|(stream, inbox)| (stream, inbox.cursor)).collect()
    }
    /// Streams on hold.
    pub fn held(&self) -> PerStream<Nack> {
        self.inboxes.iter().filter(|(_, inbox)| inbox.held).map(|(stream, _)| (stream, Nack::Held)).collect()
    }
    /// When a tick is due at the latest.
    pub fn deadline(&self) -> Option<Moment> {
        let retries = self.inboxes.iter().map(|(_, inbox)| inbox.busy.as_ref().and_then(|busy| busy.retry_at));
        earliest(retries.chain([self.unacked.map(|(_, since)| since.plus(ACK_DELAY))]))
    }

    pub fn handle(&mut self, turn: &mut Turn<'_>, input: ReceiverInput, out: &mut Vec<ReceiverOutput>) {
        let now = turn.now;
        match input {
            ReceiverInput::Open { session, epoch, cursors } => {
                self.close(out);
                self.log = Some((session, epoch));
                for &stream in Stream::of(self.direction) {
                    self.inboxes.set(stream, Inbox { cursor: cursors.get(stream).copied().unwrap_or_default(), ..Inbox::default() });
                }
            }
            ReceiverInput::Close => self.close(out),
            ReceiverInput::Batch(incoming) => self.arrived(now, incoming, out),
            ReceiverInput::Unreadable { arrival, stream } => {
                out.extend([ReceiverOutput::Count(Counted::Bad), ReceiverOutput::Release(arrival)]);
                self.nack(now, stream, Nack::Bad, out);
            }
            ReceiverInput::Applied { ticket, applied } => self.applied(now, ticket, &applied, out),
            ReceiverInput::Failed { ticket, failure } => self.failed(now, ticket, failure, out),
            ReceiverInput::Unhold(stream) => {
                if let Some(inbox) = self.inboxes.get_mut(stream).filter(|inbox| inbox.held) {
                    inbox.held = false;
                    self.ack(PerStream::default(), out);
                }
            }
            ReceiverInput::Tick => self.tick(now, out),
        }
    }

    /// Lets go of everything that is not committed; the sender still has it.
    fn close(&mut self, out: &mut Vec<ReceiverOutput>) {
        let inboxes = std::mem::take(&mut self.inboxes);
        let mut arrivals: Vec<Arrival> = inboxes
            .iter()
            .flat_map(|(_, inbox)| {
                inbox.busy.iter().map(|busy| busy.incoming.arrival).chain(inbox.queue.iter().map(|incoming| incoming.arrival))
            })
            .collect();
        arrivals.sort();
        out.extend(arrivals.into_iter().map(ReceiverOutput::Release));
        self.log = None;
        self.unacked = None;
    }

    fn arrived(&mut self, now: Moment, incoming: Box<Incoming>, out: &mut Vec<ReceiverOutput>) {
        if self.log != Some((incoming.session, incoming.epoch)) {
            out.extend([ReceiverOutput::Count(Counted::Stale), ReceiverOutput::Release(incoming.arrival)]);
            return;
        }
        let waiting: usize = self.inboxes.iter().map(|(_, inbox)| inbox.queue.len()).sum();
        let Some(inbox) = self.inboxes.get_mut(incoming.stream) else {
            out.extend([ReceiverOutput::Count(Counted::NotOurs), ReceiverOutput::Release(incoming.arrival)]);
            return;
        };
        if inbox.busy.is_none() {
            self.classify(now, incoming, out);
        } else if waiting < PARTITION_QUEUE {
            inbox.queue.push_back(incoming);
        } else {
            out.extend([ReceiverOutput::Count(Counted::Shed), ReceiverOutput::Release(incoming.arrival)]);
        }
    }

    /// AS-036; the inbox is idle.
    fn classify(&mut self, now: Moment, incoming: Box<Incoming>, out: &mut Vec<ReceiverOutput>) {
        let stream = incoming.stream;
        let Some(inbox) = self.inboxes.get_mut(stream) else { return };
        let BatchHeader { after, to, .. } = incoming.header;
        let hole = stream.class() == Class::A && incoming.records.len() as u64 != to.since(after);
        let (counted, nack) = if inbox.held {
            (Counted::Shed, Some(Nack::Held))
        } else if hole {
            (Counted::Bad, Some(Nack::Bad))
        } else if to <= inbox.cursor {
            (Counted::Duplicate, None)
        } else if after > inbox.cursor {
            (Counted::Gap, Some(Nack::Resend))
        } else {
            self.start(incoming, ApplyMode::Plain, 0, out);
            return;
        };
        out.extend([ReceiverOutput::Count(counted), ReceiverOutput::Release(incoming.arrival)]);
        match nack {
            Some(nack) => self.nack(now, stream, nack, out),
            None => {
                self.unacked = self.unacked.or(Some((0, now)));
                self.ack_if_idle(out);
            }
        }
    }

    /// Starts the transaction over the records above the cursor.
    fn start(&mut self, incoming: Box<Incoming>, mode: ApplyMode, tries: u32, out: &mut Vec<ReceiverOutput>) {
        let Some(inbox) = self.inboxes.get_mut(incoming.stream) else { return };
        self.last_ticket += 1;
        let cursor = inbox.cursor;
        let batch = ReceivedBatch {
            stream: incoming.stream,
            epoch: incoming.epoch,
            session: incoming.session,
            cursor,
            to: incoming.header.to,
            mark: incoming.header.mark,
            base: incoming.header.base,
            left: incoming.header.left,
            records: incoming.records.iter().filter(|record| record.seq > cursor).cloned().collect(),
            mode,
        };
        out.push(ReceiverOutput::Apply { ticket: self.last_ticket, batch: Box::new(batch) });
        inbox.busy = Some(Busy { ticket: self.last_ticket, incoming, mode, tries, retry_at: None });
    }

    /// The stream whose transaction has this ticket, and the batch.
    fn take(&mut self, ticket: u64) -> Option<(Stream, Busy)> {
        let stream = self.inboxes.iter().find(|(_, inbox)| inbox.busy.as_ref().is_some_and(|busy| busy.ticket == ticket))?.0;
        let busy = self.inboxes.get_mut(stream)?.busy.take()?;
        Some((stream, busy))
    }

    fn applied(&mut self, now: Moment, ticket: u64, applied: &Applied, out: &mut Vec<ReceiverOutput>) {
        let Some((stream, busy)) = self.take(ticket) else { return };
        let Some(inbox) = self.inboxes.get_mut(stream) else { return };
        let records = applied.cursor.since(inbox.cursor);
        inbox.cursor = applied.cursor;
        for _ in 0..applied.quarantined {
            out.push(ReceiverOutput::Count(Counted::Quarantined));
        }
        out.push(ReceiverOutput::Release(busy.incoming.arrival));
        let (count, since) = self.unacked.unwrap_or((0, now));
        self.unacked = Some((count + records, since));
        if applied.cursor < busy.incoming.header.to {
            self.hold(now, stream, out);
        }
        self.next(now, stream, out);
    }

    fn failed(&mut self, now: Moment, ticket: u64, failure: ApplyFailure, out: &mut Vec<ReceiverOutput>) {
        let Some((stream, busy)) = self.take(ticket) else { return };
        match failure {
            ApplyFailure::Conflict { cursor } if busy.tries < TRANSIENT_RETRIES => {
                if let Some(inbox) = self.inboxes.get_mut(stream) {
                    inbox.cursor = cursor;
                }
                self.classify(now, busy.incoming, out);
                // A batch that turned out to be a duplicate or a gap leaves the inbox idle.
                match self.inboxes.get_mut(stream).and_then(|inbox| inbox.busy.as_mut()) {
                    Some(again) => again.tries = busy.tries + 1,
                    None => self.next(now, stream, out),
                }
            }
            ApplyFailure::Transient if busy.tries < TRANSIENT_RETRIES => {
                let retry_at = now.plus(TRANSIENT_WAIT * 2_u32.pow(busy.tries));
                if let Some(inbox) = self.inboxes.get_mut(stream) {
                    inbox.busy = Some(Busy { tries: busy.tries + 1, retry_at: Some(retry_at), ..busy });
                }
            }
            ApplyFailure::Conflict { .. } | ApplyFailure::Transient => {
                out.extend([ReceiverOutput::Count(Counted::Shed), ReceiverOutput::Release(busy.incoming.arrival)]);
                self.next(now, stream, out);
            }
            ApplyFailure::Poison { poison_run } if stream.class() == Class::A && poison_run >= POISON_HOLD => {
                out.push(ReceiverOutput::Release(busy.incoming.arrival));
                self.hold(now, stream, out);
                self.next(now, stream, out);
            }
            ApplyFailure::Poison { poison_run: _ } => self.start(busy.incoming, ApplyMode::Savepoints, busy.tries, out),
            ApplyFailure::Fenced => {
                out.push(ReceiverOutput::Release(busy.incoming.arrival));
                self.close(out);
                out.push(ReceiverOutput::Fenced);
            }
        }
    }

    fn hold(&mut self, now: Moment, stream: Stream, out: &mut Vec<ReceiverOutput>) {
        if let Some(inbox) = self.inboxes.get_mut(stream) {
            inbox.held = true;
            inbox.nacked_at = None;
        }
        out.push(ReceiverOutput::Alarm(Alarm::Held(stream)));
        self.nack(now, stream, Nack::Held, out);
    }

    /// Takes what waits until a transaction runs or nothing waits, then ACKs if it is time.
    fn next(&mut self, now: Moment, stream: Stream, out: &mut Vec<ReceiverOutput>) {
        while let Some(inbox) = self.inboxes.get_mut(stream).filter(|inbox| inbox.busy.is_none()) {
            let Some(incoming) = inbox.queue.pop_front() else { break };
            self.classify(now, incoming, out);
        }
        self.ack_if_idle(out);
    }

    /// An ACK leaves at once when nothing more of the peer waits, else after 256 records or 200 ms (AS-043).
    fn ack_if_idle(&mut self, out: &mut Vec<ReceiverOutput>) {
        let Some((records, _)) = self.unacked else { return };
        if records >= ACK_RECORDS || self.inboxes.iter().all(|(_, inbox)| inbox.busy.is_none()) {
            self.ack(PerStream::default(), out);
        }
    }

    fn ack(&mut self, mut nack: PerStream<Nack>, out: &mut Vec<ReceiverOutput>) {
        self.unacked = None;
        for (stream, held) in self.held().iter() {
            nack.set(stream, *held);
        }
        out.push(ReceiverOutput::Ack { nack });
    }

    /// Refuses a batch of the stream, at most once a second, since a burst that missed one batch is all gaps (AS-044).
    fn nack(&mut self, now: Moment, stream: Stream, nack: Nack, out: &mut Vec<ReceiverOutput>) {
        let Some(inbox) = self.inboxes.get_mut(stream) else { return };
        if inbox.nacked_at.is_some_and(|at| now.since(at) < NACK_EVERY) {
            return;
        }
        inbox.nacked_at = Some(now);
        self.ack([(stream, nack)].into_iter().collect(), out);
    }

    fn tick(&mut self, now: Moment, out: &mut Vec<ReceiverOutput>) {
        for &stream in Stream::of(self.direction) {
            let due = self.inboxes.get_mut(stream).and_then(|inbox| inbox.busy.take_if(|busy| busy.retry_at.is_some_and(|at| at <= now)));
            if let Some(busy) = due {
                self.start(busy.incoming, busy.mode, busy.tries, out);
            }
        }
        if self.unacked.is_some_and(|(_, since)| now.since(since) >= ACK_DELAY) {
            self.ack(PerStream::default(), out);
        }
    }
}
