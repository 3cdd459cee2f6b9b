//! The sender of one log: table 4.3 of SYNC.md for each of its streams, and what the streams share: credit, turns, the MQTT window.
//!
//! Owns acked ≤ sent ≤ head of each stream, resend time-outs, holds, and which stream goes next. Takes what was logged, ACKs and the results
//! of loading; emits loads, sends and trims. Loading (read, checksum, AS-011, encoding) is one step of the shell, so that between it and the
//! send nothing can change without the ticket showing it. On failure of storage it waits and loads again; it never skips a record.

use std::{collections::VecDeque, time::Duration};

use aisle_schemas::{
    event::FRAME_BYTES_MAX,
    limits::{
        BATCH_BYTES_MAX, BATCH_RECORDS_MAX, FAIR_TURN, LINGER, PACKET_OVERHEAD_BYTES, RECORD_BYTES_MAX, RTO_JITTER_PERCENT, RTO_MAX,
        RTO_MIN, RTO_TRIES,
    },
    sync::{Class, Credit, Direction, Epoch, HEADER_BYTES_MAX, Mark, Nack, PerStream, Seq, Stream},
};

use super::{
    log::{Logged, SendState},
    turn::{Alarm, Counted, Moment, Turn, earliest},
};

/// Wait after the log could not be read.
const STORAGE_WAIT: Duration = Duration::from_secs(1);
/// Least room in the byte credit that a batch needs: one record of any size.
const ROOM_MIN: usize = RECORD_BYTES_MAX + FRAME_BYTES_MAX + HEADER_BYTES_MAX;

/// What to load: read rows after `after`, commit mark and high unless `reserved` covers them, encode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadRequest {
    /// Names this load; a load whose ticket is no longer awaited is thrown away.
    pub ticket: u64,
    pub epoch: Epoch,
    pub stream: Stream,
    /// For the header (AS-062).
    pub base: Seq,
    pub after: Seq,
    pub max_records: usize,
    /// Bytes of the whole payload.
    pub max_bytes: usize,
    /// A mark that is committed already, and the highest seq that it covers.
    pub reserved: Option<(Mark, Seq)>,
    /// Send this record as corrupt: the peer cannot read it (AS-051).
    pub corrupt: Option<Seq>,
}

/// What a load found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loaded {
    pub ticket: u64,
    /// End of the batch's range; `after` where nothing was found.
    pub to: Seq,
    /// Bytes of the payload.
    pub bytes: usize,
}

/// Input of the machine.
#[derive(Debug, Clone)]
pub enum SenderInput {
    /// The session is open: start after these cursors.
    Open {
        state: Box<SendState>,
        cursors: PerStream<Seq>,
        credit: Credit,
        batch_bytes: usize,
    },
    Close,
    Logged(Logged),
    Ack {
        cursors: PerStream<Seq>,
        nack: PerStream<Nack>,
        credit: Option<Credit>,
    },
    Loaded(Loaded),
    LoadFailed {
        ticket: u64,
    },
    /// A publish found no subscriber: pause.
    NoSubscriber,
    /// Somebody is there again.
    Resume,
    /// Time passed, or a slot is free.
    Tick,
}

/// Output of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SenderOutput {
    Load(LoadRequest),
    /// Publish what that ticket loaded; a load that is not sent is dropped.
    Send {
        ticket: u64,
    },
    Drop {
        ticket: u64,
    },
    CommitAcked {
        epoch: Epoch,
        stream: Stream,
        acked: Seq,
    },
    /// Three time-outs without progress; the sender has shut.
    Stalled(Stream),
    Alarm(Alarm),
    Count(Counted),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    /// The receiver lists the stream as held.
    Peer,
    /// Nobody subscribes.
    NoSubscriber,
}

#[derive(Debug)]
struct Flow {
    acked: Seq,
    sent: Seq,
    head: Seq,
    max_records: usize,
    corrupt: Option<Seq>,
    /// Ends and bytes of the unacknowledged batches, oldest first; credit bounds it.
    under_way: VecDeque<(Seq, usize)>,
    reserved: Option<(Mark, Seq)>,
    /// When the oldest unsent record began to wait.
    waiting_since: Option<Moment>,
    rto: Duration,
    rto_at: Option<Moment>,
    tries: u32,
    hold: Option<Hold>,
}

impl Flow {
    fn new(acked: Seq, head: Seq, now: Moment) -> Self {
        let waiting_since = (head > acked).then_some(now);
        Self {
            acked,
            sent: acked,
            head,
            max_records: BATCH_RECORDS_MAX,
            corrupt: None,
            under_way: VecDeque::new(),
            reserved: None,
            waiting_since,
            rto: RTO_MIN,
            rto_at: None,
            tries: 0,
            hold: None,
        }
    }
    /// Back to acked + 1, giving the credit back (AS-044).
    fn rewind(&mut self, now: Moment) {
        self.sent = self.acked;
        self.under_way.clear();
        self.rto_at = None;
        self.waiting_since = (self.head > self.sent).then_some(now);
    }
    /// Whether a partial batch still waits for company. Only telemetry does: everything else is awaited by a person.
    fn lingers_until(&self, stream: Stream) -> Option<Moment> {
        match stream.class() {
            Class::A | Class::B => None,
            Class::C if self.head.since(self.sent) >= self.max_records as u64 => None,
            Class::C => self.waiting_since.map(|since| since.plus(LINGER)),
        }
    }
}

/// Sender of all streams of one log to one peer.
#[derive(Debug)]
pub struct Sender {
    direction: Direction,
    /// The log that is being sent, while open.
    log: Option<Box<SendState>>,
    flows: PerStream<Flow>,
    /// Highest seq told per stream, open or not: what is logged between the reading of the log and `Open` must not be missed.
    told: PerStream<Seq>,
    credit: Credit,
    batch_bytes: usize,
    /// Free places in the MQTT window, as the caller last said.
    slots: u32,
    loading: Option<LoadRequest>,
    last_ticket: u64,
    retry_at: Option<Moment>,
    turns: u32,
}

impl Sender {
    /// A shut sender.
    pub fn new(direction: Direction) -> Self {
        Self {
            direction,
            log: None,
            flows: PerStream::default(),
            told: PerStream::default(),
            credit: Credit { batches: 0, bytes: 0 },
            batch_bytes: BATCH_BYTES_MAX,
            slots: 0,
            loading: None,
            last_ticket: 0,
            retry_at: None,
            turns: 0,
        }
    }

    /// Says how many publishes the MQTT window still takes (AS-029).
    pub fn set_slots(&mut self, slots: u32) {
        self.slots = slots;
    }

    /// Largest batch under a broker's Maximum Packet Size (AS-027).
    pub fn batch_bytes(packet_max: u32) -> usize {
        let packet_max = usize::try_from(packet_max).unwrap_or(usize::MAX);
        BATCH_BYTES_MAX.min(packet_max.saturating_sub(PACKET_OVERHEAD_BYTES))
    }

    pub fn is_open(&self) -> bool {
        self.log.is_some()
    }
    /// Records logged and not known to be applied, while open.
    pub fn pending(&self) -> u64 {
        self.flows.iter().map(|(_, flow)| flow.head.since(flow.acked)).sum()
    }
    /// Whether the answer to that load is still waited for.
    pub fn awaits(&self, ticket: u64) -> bool {
        self.loading.is_some_and(|loading| loading.ticket == ticket)
    }
    /// Highest cursor that the peer told, per stream.
    pub fn acked(&self, stream: Stream) -> Option<Seq> {
        self.flows.get(stream).map(|flow| flow.acked)
    }
    /// When a tick is due at the latest.
    pub fn deadline(&self) -> Option<Moment> {
        if !self.is_open() {
            return None;
        }
        // A linger counts only where its end would start a load: else it would be due for ever.
        let may_load = self.loading.is_none() && self.slots > 0 && self.retry_at.is_none();
        let flows = self.flows.iter().flat_map(|(stream, flow)| {
            let waits = may_load && flow.hold.is_none() && flow.head > flow.sent && self.has_credit(stream);
            [flow.rto_at, flow.lingers_until(stream).filter(|_| waits)]
        });
        earliest(flows.chain([self.retry_at]))
    }

    pub fn handle(&mut self, turn: &mut Turn<'_>, input: SenderInput, out: &mut Vec<SenderOutput>) {
        let now = turn.now;
        match input {
            SenderInput::Open { state, cursors, credit, batch_bytes } => {
                self.close(out);
                self.credit = credit;
                self.batch_bytes = batch_bytes;
                for &stream in Stream::of(self.direction) {
                    let head = state.streams.get(stream).map_or(Seq::ZERO, super::log::StreamState::head);
                    let head = head.max(self.told.get(stream).copied().unwrap_or_default());
                    let cursor = cursors.get(stream).copied().unwrap_or_default();
                    self.flows.set(stream, Flow::new(cursor, head.max(cursor), now));
                    // A peer that applied what it could not acknowledge before the link went says so by its cursor.
                    if state.streams.get(stream).is_some_and(|known| known.acked < cursor) {
                        out.push(SenderOutput::CommitAcked { epoch: state.epoch, stream, acked: cursor });
                    }
                }
                self.log = Some(state);
            }
            SenderInput::Close => self.close(out),
            SenderInput::Logged(logged) => self.logged(now, &logged),
            SenderInput::Ack { cursors, nack, credit } => {
                if !self.is_open() {
                    out.push(SenderOutput::Count(Counted::Unexpected));
                    return;
                }
                self.credit = credit.unwrap_or(self.credit);
                for &stream in Stream::of(self.direction) {
                    self.acknowledged(turn, stream, cursors.get(stream).copied(), out);
                    self.refused(now, stream, nack.get(stream).copied(), out);
                }
            }
            SenderInput::Loaded(loaded) => self.loaded(turn, &loaded, out),
            SenderInput::LoadFailed { ticket } => {
                if self.loading.is_some_and(|loading| loading.ticket == ticket) {
                    self.loading = None;
                    self.retry_at = Some(now.plus(STORAGE_WAIT));
                    out.push(SenderOutput::Count(Counted::StorageFailed));
                }
            }
            SenderInput::NoSubscriber => {
                for &stream in Stream::of(self.direction) {
                    self.pause(turn, stream);
                }
            }
            SenderInput::Resume => {
                for &stream in Stream::of(self.direction) {
                    if let Some(flow) = self.flows.get_mut(stream).filter(|flow| flow.hold == Some(Hold::NoSubscriber)) {
                        flow.hold = None;
                        flow.rto_at = None;
                    }
                }
            }
            SenderInput::Tick => self.tick(now, out),
        }
        self.fill(now, out);
    }

    fn close(&mut self, out: &mut Vec<SenderOutput>) {
        self.log = None;
        self.flows = PerStream::default();
        self.cancel(None, out);
        self.retry_at = None;
    }

    /// Forgets the load under way, if it is of `stream` or `stream` is `None`.
    fn cancel(&mut self, stream: Option<Stream>, out: &mut Vec<SenderOutput>) {
        if let Some(loading) = self.loading.take_if(|loading| stream.is_none_or(|stream| stream == loading.stream)) {
            out.push(SenderOutput::Drop { ticket: loading.ticket });
        }
    }

    fn logged(&mut self, now: Moment, logged: &Logged) {
        let told = self.told.get(logged.stream).copied().unwrap_or_default();
        self.told.set(logged.stream, told.max(logged.head));
        let Some(flow) = self.flows.get_mut(logged.stream) else { return };
        if logged.head > flow.head {
            flow.head = logged.head;
            flow.waiting_since = flow.waiting_since.or(Some(now));
        }
        if let Some(mark) = logged.reserved {
            flow.reserved = Some((mark, logged.head));
        }
    }

    fn acknowledged(&mut self, turn: &mut Turn<'_>, stream: Stream, cursor: Option<Seq>, out: &mut Vec<SenderOutput>) {
        let (Some(cursor), Some(log), Some(flow)) = (cursor, &self.log, self.flows.get_mut(stream)) else { return };
        if cursor <= flow.acked || cursor > flow.head {
            if cursor != flow.acked {
                out.push(SenderOutput::Count(Counted::AckBehind));
            }
            return;
        }
        flow.acked = cursor;
        while flow.under_way.front().is_some_and(|(to, _)| *to <= cursor) {
            flow.under_way.pop_front();
        }
        flow.tries = 0;
        flow.rto = RTO_MIN;
        flow.max_records = (flow.max_records * 2).min(BATCH_RECORDS_MAX);
        flow.corrupt = flow.corrupt.filter(|seq| *seq > cursor);
        flow.rto_at = if flow.under_way.is_empty() { None } else { Some(turn.now.plus(turn.spread(flow.rto, RTO_JITTER_PERCENT))) };
        let overtaken = flow.sent < cursor;
        if overtaken {
            flow.sent = cursor;
            flow.waiting_since = (flow.head > cursor).then_some(turn.now);
        }
        out.push(SenderOutput::CommitAcked { epoch: log.epoch, stream, acked: cursor });
        if overtaken {
            self.cancel(Some(stream), out);
        }
    }

    fn refused(&mut self, now: Moment, stream: Stream, nack: Option<Nack>, out: &mut Vec<SenderOutput>) {
        let Some(flow) = self.flows.get_mut(stream) else { return };
        match nack {
            None => {
                // Whoever acknowledges is there: a stream that found no subscriber goes on. Nothing of it is under way.
                if flow.hold == Some(Hold::NoSubscriber) {
                    flow.rto_at = None;
                }
                flow.hold = None;
                return;
            }
            Some(Nack::Resend) => flow.hold = None,
            Some(Nack::Bad) if flow.max_records > 1 => (flow.max_records, flow.hold) = (flow.max_records / 2, None),
            Some(Nack::Bad) => (flow.corrupt, flow.hold) = (Some(flow.acked.next()), None),
            Some(Nack::Held) => {
                if flow.hold != Some(Hold::Peer) {
                    out.push(SenderOutput::Alarm(Alarm::Held(stream)));
                }
                flow.hold = Some(Hold::Peer);
            }
            Some(Nack::Unknown) => {
                out.push(SenderOutput::Count(Counted::Unexpected));
                return;
            }
        }
        flow.rewind(now);
        out.push(SenderOutput::Count(Counted::Resent));
        self.cancel(Some(stream), out);
    }

    fn pause(&mut self, turn: &mut Turn<'_>, stream: Stream) {
        let Some(flow) = self.flows.get_mut(stream) else { return };
        if flow.hold.is_none() && !flow.under_way.is_empty() {
            flow.rewind(turn.now);
            flow.hold = Some(Hold::NoSubscriber);
            flow.rto_at = Some(turn.now.plus(turn.spread(flow.rto, RTO_JITTER_PERCENT)));
        }
    }

    fn loaded(&mut self, turn: &mut Turn<'_>, loaded: &Loaded, out: &mut Vec<SenderOutput>) {
        let Some(request) = self.loading.take_if(|loading| loading.ticket == loaded.ticket) else { return };
        let Some(flow) = self.flows.get_mut(request.stream).filter(|flow| flow.sent == request.after && flow.hold.is_none()) else {
            out.push(SenderOutput::Drop { ticket: loaded.ticket });
            return;
        };
        if loaded.to <= request.after {
            // Nothing stands there: a head told under an older epoch would be loaded for ever.
            flow.head = request.after;
            self.told.set(request.stream, request.after);
            flow.waiting_since = None;
            out.push(SenderOutput::Drop { ticket: loaded.ticket });
            return;
        }
        flow.head = flow.head.max(loaded.to);
        flow.sent = loaded.to;
        flow.waiting_since = (flow.head > flow.sent).then_some(turn.now);
        flow.under_way.push_back((loaded.to, loaded.bytes));
        if flow.rto_at.is_none() {
            flow.rto_at = Some(turn.now.plus(turn.spread(flow.rto, RTO_JITTER_PERCENT)));
        }
        self.slots = self.slots.saturating_sub(1);
        self.turns = self.turns.wrapping_add(1);
        out.push(SenderOutput::Send { ticket: loaded.ticket });
    }

    fn tick(&mut self, now: Moment, out: &mut Vec<SenderOutput>) {
        for &stream in Stream::of(self.direction) {
            let Some(flow) = self.flows.get_mut(stream) else { continue };
            if flow.rto_at.is_none_or(|at| at > now) {
                continue;
            }
            if flow.tries >= RTO_TRIES {
                self.close(out);
                out.push(SenderOutput::Stalled(stream));
                return;
            }
            flow.tries += 1;
            flow.rto = (flow.rto * 2).min(RTO_MAX);
            flow.hold = flow.hold.filter(|hold| *hold != Hold::NoSubscriber);
            flow.rewind(now);
            out.push(SenderOutput::Count(Counted::Resent));
            self.cancel(Some(stream), out);
        }
    }

    fn under_way(&self) -> (usize, usize) {
        let batches = self.flows.iter().flat_map(|(_, flow)| flow.under_way.iter());
        batches.fold((0, 0), |(count, sum), (_, bytes)| (count + 1, sum + bytes))
    }

    /// Room in bytes that credit leaves, or `None`; `sess` and `order` may have one batch beyond it (AS-022).
    fn room(&self, stream: Stream) -> Option<usize> {
        let (batches, bytes) = self.under_way();
        let extra = u32::from(stream.is_urgent());
        if batches >= (self.credit.batches + extra) as usize {
            return None;
        }
        let left = (self.credit.bytes as usize).saturating_sub(bytes);
        if batches < self.credit.batches as usize && left >= ROOM_MIN {
            return Some(left.min(self.batch_bytes));
        }
        stream.is_urgent().then_some(self.batch_bytes)
    }

    fn has_credit(&self, stream: Stream) -> bool {
        self.room(stream).is_some()
    }

    fn ready(&self, now: Moment, stream: Stream) -> bool {
        self.flows
            .get(stream)
            .is_some_and(|flow| flow.head > flow.sent && flow.hold.is_none() && flow.lingers_until(stream).is_none_or(|until| until <= now))
            && self.has_credit(stream)
    }

    /// Starts the next load while credit and window allow (AS-029, AS-030).
    fn fill(&mut self, now: Moment, out: &mut Vec<SenderOutput>) {
        if self.slots == 0 || self.loading.is_some() || self.retry_at.is_some_and(|at| at > now) {
            return;
        }
        self.retry_at = None;
        let mut ready = Stream::of(self.direction).iter().copied().filter(|stream| self.ready(now, *stream));
        let fair = self.turns % FAIR_TURN == FAIR_TURN - 1;
        let waiting = |stream: &Stream| self.flows.get(*stream).and_then(|flow| flow.waiting_since);
        let Some(stream) = (if fair { ready.min_by_key(waiting) } else { ready.next() }) else { return };
        let (Some(log), Some(flow), Some(max_bytes)) = (&self.log, self.flows.get(stream), self.room(stream)) else { return };
        self.last_ticket += 1;
        let request = LoadRequest {
            ticket: self.last_ticket,
            epoch: log.epoch,
            stream,
            base: log.streams.get(stream).map_or(Seq::ZERO, |state| state.base),
            after: flow.sent,
            max_records: flow.max_records,
            max_bytes,
            reserved: flow.reserved,
            corrupt: flow.corrupt,
        };
        self.loading = Some(request);
        out.push(SenderOutput::Load(request));
    }
}
