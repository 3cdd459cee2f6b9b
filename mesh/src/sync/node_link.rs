//! The node's link to the cloud: table 4.2 of SYNC.md.
//!
//! Owns the life of a connection: dial, join, greet, open, and what every answer of the owner means. Takes events of link, log and owner;
//! emits orders to the shell and to the machines of the streams. Commands to the log carry a step number, and answers to an earlier step
//! change nothing. On failure: hang up and dial again after a random wait, without end; only another node's claim halts it.

use std::time::Duration;

use super::{
    hello::is_behind,
    log::{EpochReason, EpochRequest, SendState},
    turn::{Alarm, Counted, Moment, Turn, earliest},
};
use aisle_schemas::{
    limits::{
        BACKOFF_MAX, BACKOFF_MIN, BACKOFF_RESET, CLONE_QUIET, CLOUD_SILENCE, HEARTBEAT, HELLO_REPEAT, HELLO_SPREAD, LATER, TAKEN_OVER_WAIT,
    },
    sync::{Credit, DownState, Epoch, Mark, NodeStatus, Nonce, PerStream, Seq, Session, Term, Welcome, WelcomeCode},
};

/// A connection that the broker closes without a word within this time of having accepted it may have been taken over: two that take turns
/// do so as fast as they dial. A broker that restarts does not, time after time.
const CUT_SHORT: Duration = Duration::from_secs(30);
/// So many in a row count as the 0x8E of AS-068, which common brokers send in a form that the client library cannot read.
const CUT_SHORT_TIMES: u32 = 3;

/// Both logs as a HELLO describes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogView {
    pub send: SendState,
    pub down: DownState,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// DISCONNECT 0x8E: somebody else came under this identity.
    TakenOver,
    /// The broker closed it without a word that the client library can read, which a takeover may look like too.
    Closed,
    Broken,
}

/// Input of the machine.
#[derive(Debug, Clone)]
pub enum NodeLinkInput {
    Tick,
    SessionBegun {
        step: u64,
        session: Session,
    },
    Connected,
    SubAcked {
        ok: bool,
    },
    Lost {
        how: Loss,
    },
    /// A publish was refused with 0x80 or above.
    PublishRefused,
    LogRead {
        step: u64,
        view: Box<LogView>,
    },
    Adopted {
        step: u64,
        down: DownState,
    },
    /// The log went back to the cloud's cursors.
    Returned {
        step: u64,
    },
    EpochBegun {
        step: u64,
    },
    /// The log could not do what the step asked.
    StepFailed {
        step: u64,
    },
    /// A WELCOME of this session.
    Welcome {
        term: Term,
        welcome: Box<Welcome>,
    },
    /// A term was seen elsewhere than in WELCOME; a message of the cloud arrived.
    Heard {
        term: Term,
    },
    AckHello,
    Stalled,
    /// An ACK left, which is as good as a heartbeat.
    AckSent,
    Reclaimed,
    /// An operator wants a new epoch of the log.
    Truncated,
    Stop,
}

/// Output of the machine.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeLinkOutput {
    BeginSession { step: u64, random: u32 },
    Dial { session: Session },
    Subscribe,
    Presence { session: Session, status: NodeStatus },
    ReadLog { step: u64 },
    Hello { session: Session, nonce: Nonce, view: Box<LogView> },
    AdoptDown { step: u64, epoch: Epoch },
    ReturnTo { step: u64, cursors: PerStream<Seq> },
    BeginEpoch { step: u64, request: EpochRequest },
    OpenStreams { session: Session, view: Box<LogView>, cursors: PerStream<Seq>, credit: Credit },
    CloseStreams,
    Heartbeat,
    Hang,
    Alarm(Alarm),
    Count(Counted),
}

#[derive(Debug)]
enum State {
    Down {
        dial_at: Moment,
    },
    /// The next session is being committed.
    Starting,
    Dialling,
    Joining,
    /// The log is being read for a HELLO.
    Reading {
        repeats: usize,
    },
    Greeting {
        nonce: Nonce,
        repeats: usize,
        due: Moment,
        view: Box<LogView>,
    },
    Waiting {
        due: Moment,
    },
    /// The cloud was set back behind what it had acknowledged: the log goes back to its cursors.
    Returning {
        view: Box<LogView>,
        cursors: PerStream<Seq>,
        credit: Credit,
        down: Epoch,
    },
    /// The cloud's log is being adopted.
    Adopting {
        view: Box<LogView>,
        cursors: PerStream<Seq>,
        credit: Credit,
    },
    /// A new epoch is being begun.
    Renewing,
    Open {
        since: Moment,
    },
    Halted,
    Stopped,
}

/// The machine.
#[derive(Debug)]
pub struct NodeLink {
    state: State,
    session: Option<Session>,
    /// Highest of this session.
    term: Option<Term>,
    /// An operator wants a new epoch; it begins with what the next WELCOME says of the peer.
    truncating: bool,
    step: u64,
    /// n of AS-024.
    failures: u32,
    /// When the present connection was accepted.
    connected_at: Option<Moment>,
    /// Connections in a row that the broker accepted and soon closed without a word.
    cut_short: u32,
    heard_at: Moment,
    heartbeat_at: Moment,
}

impl NodeLink {
    /// Down, and due to dial at once.
    pub fn new(now: Moment) -> Self {
        Self {
            state: State::Down { dial_at: now },
            session: None,
            term: None,
            truncating: false,
            step: 0,
            failures: 0,
            connected_at: None,
            cut_short: 0,
            heard_at: now,
            heartbeat_at: now,
        }
    }

    pub fn session(&self) -> Option<Session> {
        self.session
    }
    pub fn term(&self) -> Option<Term> {
        self.term
    }
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }
    /// Whether batches of this session may come although the streams are not open yet.
    pub fn is_adopting(&self) -> bool {
        matches!(self.state, State::Returning { .. } | State::Adopting { .. })
    }
    pub fn is_halted(&self) -> bool {
        matches!(self.state, State::Halted)
    }
    pub fn is_stopped(&self) -> bool {
        matches!(self.state, State::Stopped)
    }

    /// When a tick is due at the latest.
    pub fn deadline(&self) -> Option<Moment> {
        match &self.state {
            State::Down { dial_at } => Some(*dial_at),
            State::Greeting { due, .. } | State::Waiting { due } => Some(*due),
            State::Open { .. } => earliest([Some(self.heartbeat_at), Some(self.heard_at.plus(CLOUD_SILENCE))]),
            State::Starting | State::Dialling | State::Joining | State::Reading { .. } => None,
            State::Returning { .. } | State::Adopting { .. } | State::Renewing => None,
            State::Halted | State::Stopped => None,
        }
    }

    pub fn handle(&mut self, turn: &mut Turn<'_>, input: NodeLinkInput, out: &mut Vec<NodeLinkOutput>) {
        use NodeLinkInput as Input;
        use NodeLinkOutput as Output;
        match input {
            Input::Tick => self.tick(turn, out),
            Input::SessionBegun { step, session } if step == self.step && matches!(self.state, State::Starting) => {
                self.session = Some(session);
                self.term = None;
                self.state = State::Dialling;
                out.push(Output::Dial { session });
            }
            Input::Connected if matches!(self.state, State::Dialling) => {
                self.connected_at = Some(turn.now);
                self.state = State::Joining;
                out.push(Output::Subscribe);
            }
            Input::SubAcked { ok: true } if matches!(self.state, State::Joining) => {
                if let Some(session) = self.session {
                    out.push(Output::Presence { session, status: NodeStatus::Online });
                }
                self.read(0, out);
            }
            Input::SubAcked { ok: false } if matches!(self.state, State::Joining) => {
                out.push(Output::Alarm(Alarm::SubscribeRefused));
                self.hang(turn, None, out);
            }
            Input::Lost { how } => self.lost(turn, how, out),
            Input::PublishRefused => {
                out.push(Output::Alarm(Alarm::PublishRefused));
                self.hang(turn, None, out);
            }
            Input::LogRead { step, view } if step == self.step => {
                if let (State::Reading { repeats }, Some(session)) = (&self.state, self.session) {
                    let (nonce, repeats) = (Nonce(turn.rng.next_u64()), *repeats);
                    let wait = HELLO_REPEAT[repeats.min(HELLO_REPEAT.len() - 1)];
                    out.push(Output::Hello { session, nonce, view: view.clone() });
                    self.state = State::Greeting { nonce, repeats, due: turn.now.plus(wait), view };
                }
            }
            Input::Adopted { step, down } if step == self.step => match std::mem::replace(&mut self.state, State::Joining) {
                State::Adopting { view, cursors, credit } => {
                    let view = Box::new(LogView { down, ..*view });
                    self.open(turn, view, cursors, credit, out);
                }
                other => self.state = other,
            },
            Input::Returned { step } if step == self.step => match std::mem::replace(&mut self.state, State::Joining) {
                State::Returning { view, cursors, credit, down } => self.adopt(turn, view, cursors, credit, down, out),
                other => self.state = other,
            },
            Input::EpochBegun { step } if step == self.step && matches!(self.state, State::Renewing) => {
                self.truncating = false;
                self.hang(turn, None, out);
            }
            Input::StepFailed { step } if step == self.step => {
                out.push(Output::Count(Counted::StorageFailed));
                match self.state {
                    State::Starting | State::Returning { .. } | State::Adopting { .. } | State::Renewing => self.hang(turn, None, out),
                    State::Reading { .. } => self.state = State::Waiting { due: turn.now.plus(HELLO_REPEAT[0]) },
                    // A step number is only given out on entering one of those above.
                    State::Down { .. } | State::Dialling | State::Joining | State::Greeting { .. } | State::Waiting { .. } => {}
                    State::Open { .. } | State::Halted | State::Stopped => {}
                }
            }
            Input::Welcome { term, welcome } => self.welcome(turn, term, &welcome, out),
            Input::Heard { term } => self.heard(turn, term, out),
            Input::AckHello | Input::Stalled if self.is_open() => self.lose_step(turn, out),
            Input::AckSent => self.heartbeat_at = turn.now.plus(HEARTBEAT),
            Input::Reclaimed if self.is_halted() => self.state = State::Down { dial_at: turn.now },
            Input::Truncated => {
                self.truncating = true;
                if self.is_open() {
                    self.lose_step(turn, out);
                }
            }
            Input::Stop => {
                let connected =
                    !matches!(self.state, State::Down { .. } | State::Starting | State::Dialling | State::Halted | State::Stopped);
                if let Some(session) = self.session.filter(|_| connected) {
                    out.extend([Output::CloseStreams, Output::Presence { session, status: NodeStatus::Offline }]);
                }
                self.step += 1;
                self.state = State::Stopped;
                out.push(Output::Hang);
            }
            Input::SessionBegun { .. }
            | Input::Connected
            | Input::SubAcked { .. }
            | Input::LogRead { .. }
            | Input::Adopted { .. }
            | Input::Returned { .. }
            | Input::EpochBegun { .. }
            | Input::StepFailed { .. }
            | Input::AckHello
            | Input::Stalled
            | Input::Reclaimed => out.push(Output::Count(Counted::Unexpected)),
        }
    }

    fn tick(&mut self, turn: &mut Turn<'_>, out: &mut Vec<NodeLinkOutput>) {
        let now = turn.now;
        match &self.state {
            State::Down { dial_at } if *dial_at <= now => {
                self.step += 1;
                self.state = State::Starting;
                out.push(NodeLinkOutput::BeginSession { step: self.step, random: turn.rng.next_u32() });
            }
            State::Greeting { repeats, due, .. } if *due <= now => {
                if *repeats < HELLO_REPEAT.len() {
                    self.read(repeats + 1, out)
                } else {
                    self.hang(turn, None, out)
                }
            }
            State::Waiting { due } if *due <= now => self.read(0, out),
            State::Open { .. } if now.since(self.heard_at) >= CLOUD_SILENCE => self.lose_step(turn, out),
            State::Open { .. } if self.heartbeat_at <= now => {
                self.heartbeat_at = now.plus(HEARTBEAT);
                out.push(NodeLinkOutput::Heartbeat);
            }
            State::Down { .. } | State::Greeting { .. } | State::Waiting { .. } | State::Open { .. } => {}
            State::Starting | State::Dialling | State::Joining | State::Reading { .. } => {}
            State::Returning { .. } | State::Adopting { .. } | State::Renewing => {}
            State::Halted | State::Stopped => {}
        }
    }

    fn read(&mut self, repeats: usize, out: &mut Vec<NodeLinkOutput>) {
        self.step += 1;
        self.state = State::Reading { repeats };
        out.push(NodeLinkOutput::ReadLog { step: self.step });
    }

    fn open(&mut self, turn: &Turn<'_>, view: Box<LogView>, cursors: PerStream<Seq>, credit: Credit, out: &mut Vec<NodeLinkOutput>) {
        let Some(session) = self.session else { return };
        self.state = State::Open { since: turn.now };
        self.heartbeat_at = turn.now.plus(HEARTBEAT);
        out.push(NodeLinkOutput::OpenStreams { session, view, cursors, credit });
    }

    /// Step is lost but the connection is not: greet again within 2 s.
    fn lose_step(&mut self, turn: &mut Turn<'_>, out: &mut Vec<NodeLinkOutput>) {
        self.settle_backoff(turn.now);
        self.state = State::Waiting { due: turn.now.plus(turn.up_to(HELLO_SPREAD)) };
        out.push(NodeLinkOutput::CloseStreams);
    }

    fn settle_backoff(&mut self, now: Moment) {
        if let State::Open { since } = self.state
            && now.since(since) >= BACKOFF_RESET
        {
            self.failures = 0;
        }
    }

    fn backoff(&mut self, turn: &mut Turn<'_>) -> Duration {
        let max = BACKOFF_MIN.saturating_mul(2_u32.saturating_pow(self.failures)).min(BACKOFF_MAX);
        self.failures = self.failures.saturating_add(1);
        turn.up_to(max)
    }

    /// Hangs up and dials after `wait`, by default the back-off of AS-024.
    fn hang(&mut self, turn: &mut Turn<'_>, wait: Option<Duration>, out: &mut Vec<NodeLinkOutput>) {
        if matches!(self.state, State::Halted | State::Stopped) {
            return;
        }
        self.settle_backoff(turn.now);
        let backoff = self.backoff(turn);
        self.step += 1;
        self.state = State::Down { dial_at: turn.now.plus(wait.unwrap_or(backoff)) };
        out.extend([NodeLinkOutput::CloseStreams, NodeLinkOutput::Hang]);
    }

    fn lost(&mut self, turn: &mut Turn<'_>, how: Loss, out: &mut Vec<NodeLinkOutput>) {
        // The loss that follows our own hanging up is no news.
        if matches!(self.state, State::Down { .. } | State::Starting) {
            return;
        }
        let soon = self.connected_at.take().is_some_and(|at| turn.now.since(at) < CUT_SHORT);
        self.cut_short = match how {
            Loss::Closed if soon => self.cut_short + 1,
            Loss::Closed | Loss::Broken | Loss::TakenOver => 0,
        };
        let mut wait = None;
        if how == Loss::TakenOver || self.cut_short >= CUT_SHORT_TIMES {
            self.cut_short = 0;
            out.push(NodeLinkOutput::Alarm(Alarm::IdentityInUse));
            wait = Some(TAKEN_OVER_WAIT + turn.up_to(BACKOFF_MIN));
        }
        self.hang(turn, wait, out);
    }

    /// A higher term is another owner, which knows nothing of this session (AS-016).
    fn heard(&mut self, turn: &mut Turn<'_>, term: Term, out: &mut Vec<NodeLinkOutput>) {
        self.heard_at = turn.now;
        if self.term.is_some_and(|highest| term <= highest) {
            return;
        }
        self.term = Some(term);
        let soon = turn.now.plus(turn.up_to(HELLO_SPREAD));
        match &mut self.state {
            State::Open { .. } | State::Returning { .. } | State::Adopting { .. } => {
                self.step += 1;
                self.lose_step(turn, out);
            }
            State::Greeting { repeats, due, .. } => {
                *repeats = 0;
                *due = soon.min(*due);
            }
            State::Waiting { due } => *due = soon.min(*due),
            State::Down { .. } | State::Starting | State::Dialling | State::Joining => {}
            State::Reading { .. } | State::Renewing | State::Halted | State::Stopped => {}
        }
    }

    fn welcome(&mut self, turn: &mut Turn<'_>, term: Term, welcome: &Welcome, out: &mut Vec<NodeLinkOutput>) {
        let State::Greeting { nonce, view, .. } = &self.state else {
            out.push(NodeLinkOutput::Count(Counted::Unexpected));
            return;
        };
        if welcome.nonce != *nonce || self.term.is_some_and(|highest| term < highest) {
            out.push(NodeLinkOutput::Count(Counted::ForeignNonce));
            return;
        }
        let view = view.clone();
        self.term = Some(term);
        self.heard_at = turn.now;
        let retry = welcome.retry_ms.map(|ms| Duration::from_millis(u64::from(ms)));
        match welcome.code {
            WelcomeCode::Ok => self.accepted(turn, view, welcome, out),
            WelcomeCode::Later => {
                let wait = retry.unwrap_or(LATER[1]).clamp(LATER[0], LATER[1]);
                self.state = State::Waiting { due: turn.now.plus(wait) };
            }
            WelcomeCode::CloneSuspected => {
                out.push(NodeLinkOutput::Alarm(Alarm::CloneSuspected));
                self.hang(turn, Some(retry.unwrap_or(CLONE_QUIET)), out);
            }
            WelcomeCode::Unsupported => {
                out.push(NodeLinkOutput::Alarm(Alarm::Unsupported));
                self.hang(turn, Some(retry.unwrap_or(CLONE_QUIET)), out);
            }
            WelcomeCode::DiskBehind => self.renew(turn, EpochReason::DiskBehind, Some(Alarm::DiskBehind), welcome, out),
            WelcomeCode::Superseded => self.halt(Alarm::Superseded, out),
            WelcomeCode::Replaced => self.halt(Alarm::Replaced, out),
            WelcomeCode::Unknown => out.push(NodeLinkOutput::Count(Counted::Unexpected)),
        }
    }

    fn accepted(&mut self, turn: &mut Turn<'_>, view: Box<LogView>, welcome: &Welcome, out: &mut Vec<NodeLinkOutput>) {
        let (Some(credit), Some(down)) = (welcome.credit, welcome.down) else {
            out.push(NodeLinkOutput::Count(Counted::Bad));
            return;
        };
        let cursor = |stream| welcome.cursors.get(stream).copied().unwrap_or_default();
        if view.send.streams.iter().any(|(stream, state)| cursor(stream) >= state.next) {
            return self.renew(turn, EpochReason::DiskBehind, Some(Alarm::DiskBehind), welcome, out);
        }
        if view.send.streams.iter().any(|(stream, state)| is_behind(stream, cursor(stream), state.kept)) {
            return self.renew(turn, EpochReason::PeerBehind, Some(Alarm::PeerBehind), welcome, out);
        }
        if self.truncating {
            return self.renew(turn, EpochReason::Operator, None, welcome, out);
        }
        if view.send.streams.iter().any(|(stream, state)| cursor(stream) < state.acked) {
            self.step += 1;
            self.state = State::Returning { view, cursors: welcome.cursors, credit, down: down.epoch };
            out.push(NodeLinkOutput::ReturnTo { step: self.step, cursors: welcome.cursors });
            return;
        }
        self.adopt(turn, view, welcome.cursors, credit, down.epoch, out);
    }

    /// Opens the streams, once the cloud's log is the one whose batches are applied.
    fn adopt(
        &mut self,
        turn: &Turn<'_>,
        view: Box<LogView>,
        cursors: PerStream<Seq>,
        credit: Credit,
        down: Epoch,
        out: &mut Vec<NodeLinkOutput>,
    ) {
        if view.down.epoch == Some(down) {
            return self.open(turn, view, cursors, credit, out);
        }
        self.step += 1;
        self.state = State::Adopting { view, cursors, credit };
        out.push(NodeLinkOutput::AdoptDown { step: self.step, epoch: down });
    }

    fn renew(&mut self, turn: &mut Turn<'_>, reason: EpochReason, alarm: Option<Alarm>, welcome: &Welcome, out: &mut Vec<NodeLinkOutput>) {
        self.step += 1;
        self.state = State::Renewing;
        let request = EpochRequest {
            reason,
            random: turn.rng.next_u64(),
            peer_epoch: welcome.epoch,
            peer_cursors: welcome.cursors,
            mark_min: welcome.mark.unwrap_or(Mark::ZERO),
            session_min: welcome.session.map_or(0, |session| session.counter),
        };
        out.extend(alarm.map(NodeLinkOutput::Alarm));
        out.push(NodeLinkOutput::BeginEpoch { step: self.step, request });
    }

    fn halt(&mut self, alarm: Alarm, out: &mut Vec<NodeLinkOutput>) {
        self.step += 1;
        self.state = State::Halted;
        out.extend([NodeLinkOutput::Alarm(alarm), NodeLinkOutput::CloseStreams, NodeLinkOutput::Hang]);
    }
}
