//! Table 4.2 of SYNC.md: the node's link against the machine alone.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]

use std::time::Duration;

use aisle_mesh::sync::{
    log::*,
    node_link::*,
    node_peer::{FromCloud, FromNode, NodeInput, NodeIntroduction, NodeOutput, NodePeer},
    receiver::Arrival,
    turn::{Alarm, Counted, Moment, Turn},
};
use aisle_schemas::{limits::*, sync::*};
use rand::{SeedableRng, rngs::SmallRng};

const EPOCH: Epoch = Epoch { counter: 3, random: 2 };
const DOWN: Epoch = Epoch { counter: 4, random: 9 };

struct Node {
    link: NodeLink,
    rng: SmallRng,
    now: Moment,
    sessions: u64,
    /// What the log knows as applied of `sess`.
    acked: Seq,
}

impl Node {
    fn new() -> Self {
        Self {
            link: NodeLink::new(Moment::default()),
            rng: SmallRng::seed_from_u64(7),
            now: Moment::default(),
            sessions: 0,
            acked: Seq::ZERO,
        }
    }
    fn give(&mut self, input: NodeLinkInput) -> Vec<NodeLinkOutput> {
        let mut out = Vec::new();
        self.link.handle(&mut Turn { now: self.now, rng: &mut self.rng }, input, &mut out);
        out
    }
    /// Lets time pass to the next deadline; returns how long that was.
    fn wait(&mut self) -> (Duration, Vec<NodeLinkOutput>) {
        let due = self.link.deadline().unwrap().max(self.now);
        let waited = due.since(self.now);
        self.now = due;
        (waited, self.give(NodeLinkInput::Tick))
    }
    /// From Down to HELLO; returns its nonce.
    fn greet(&mut self) -> Nonce {
        let (_, out) = self.wait();
        let [NodeLinkOutput::BeginSession { step, .. }] = out[..] else { panic!("{out:?}") };
        self.sessions += 1;
        let session = Session { counter: self.sessions, random: 1 };
        assert_eq!(self.give(NodeLinkInput::SessionBegun { step, session }), [NodeLinkOutput::Dial { session }]);
        assert_eq!(self.give(NodeLinkInput::Connected), [NodeLinkOutput::Subscribe]);
        let out = self.give(NodeLinkInput::SubAcked { ok: true });
        let [NodeLinkOutput::Presence { status: NodeStatus::Online, .. }, NodeLinkOutput::ReadLog { step }] = out[..] else {
            panic!("{out:?}")
        };
        self.hello(step)
    }
    fn hello(&mut self, step: u64) -> Nonce {
        let mut view = view();
        view.send.streams.get_mut(Stream::Sess).unwrap().acked = self.acked;
        let out = self.give(NodeLinkInput::LogRead { step, view: Box::new(view) });
        let [NodeLinkOutput::Hello { nonce, .. }] = &out[..] else { panic!("{out:?}") };
        *nonce
    }
    fn open() -> Self {
        let mut node = Self::new();
        let nonce = node.greet();
        let out = node.welcome(1, welcome(nonce, WelcomeCode::Ok));
        assert!(matches!(out[..], [NodeLinkOutput::OpenStreams { .. }]) && node.link.is_open());
        node
    }
    fn welcome(&mut self, term: u64, welcome: Welcome) -> Vec<NodeLinkOutput> {
        self.give(NodeLinkInput::Welcome { term: Term::new(term), welcome: Box::new(welcome) })
    }
}

/// `sess` holds 5 … 20, `tele` 8 … 9.
fn view() -> LogView {
    let rows = |kept, next| StreamState { kept: Seq::new(kept), next: Seq::new(next), ..StreamState::EMPTY };
    let streams = [(Stream::Sess, rows(5, 21)), (Stream::Tele, rows(8, 10))].into_iter().collect();
    LogView {
        send: SendState { epoch: EPOCH, mark: Mark::new(5), lineage: Vec::new(), streams },
        down: DownState { epoch: Some(DOWN), mark: Mark::ZERO, cursors: PerStream::default() },
    }
}
fn welcome(nonce: Nonce, code: WelcomeCode) -> Welcome {
    Welcome {
        nonce,
        code,
        retry_ms: None,
        epoch: Some(EPOCH),
        session: Some(Session { counter: 40, random: 0 }),
        mark: Some(Mark::new(77)),
        cursors: [(Stream::Sess, Seq::new(10)), (Stream::Tele, Seq::new(9))].into_iter().collect(),
        credit: Some(Credit { batches: 2, bytes: 1 << 17 }),
        down: Some(DownLog { epoch: DOWN }),
    }
}
fn alarms(out: &[NodeLinkOutput]) -> Vec<Alarm> {
    out.iter().filter_map(|output| if let NodeLinkOutput::Alarm(alarm) = output { Some(*alarm) } else { None }).collect()
}
fn renewal(out: &[NodeLinkOutput]) -> Option<(u64, &EpochRequest)> {
    out.iter().find_map(|output| if let NodeLinkOutput::BeginEpoch { step, request } = output { Some((*step, request)) } else { None })
}

#[test]
fn as_017_hello_repeats_after_5_10_and_20_s_each_with_a_fresh_nonce_and_then_hangs_up() {
    let mut node = Node::new();
    let mut nonces = vec![node.greet()];
    let mut waits = Vec::new();
    loop {
        let (waited, out) = node.wait();
        waits.push(waited.as_secs());
        match out[..] {
            [NodeLinkOutput::ReadLog { step }] => nonces.push(node.hello(step)),
            _ => {
                assert_eq!(out, [NodeLinkOutput::CloseStreams, NodeLinkOutput::Hang]);
                break;
            }
        }
    }
    assert_eq!((waits, nonces.len()), (vec![5, 10, 20, 20], 4));
    assert_eq!(nonces.iter().collect::<std::collections::HashSet<_>>().len(), 4);
}

#[test]
fn as_017_a_welcome_to_another_hello_is_ignored() {
    let mut node = Node::new();
    let nonce = node.greet();
    let out = node.welcome(1, welcome(Nonce(nonce.0 ^ 1), WelcomeCode::Ok));
    assert_eq!(out, [NodeLinkOutput::Count(Counted::ForeignNonce)]);
    assert!(!node.link.is_open());
}

#[test]
fn as_015_a_refused_subscription_alarms_and_hangs_up() {
    let mut node = Node::new();
    let (_, out) = node.wait();
    let [NodeLinkOutput::BeginSession { step, .. }] = out[..] else { panic!("{out:?}") };
    node.give(NodeLinkInput::SessionBegun { step, session: Session { counter: 1, random: 1 } });
    node.give(NodeLinkInput::Connected);
    let out = node.give(NodeLinkInput::SubAcked { ok: false });
    assert_eq!(alarms(&out), [Alarm::SubscribeRefused]);
    assert!(out.contains(&NodeLinkOutput::Hang));
}

#[test]
fn as_061_a_peer_cursor_below_kept_renews_the_log_in_class_a_but_not_in_c() {
    let with = |stream, cursor| {
        let mut node = Node::new();
        let nonce = node.greet();
        let mut answer = welcome(nonce, WelcomeCode::Ok);
        answer.cursors.set(stream, Seq::new(cursor));
        let out = node.welcome(1, answer);
        renewal(&out).map(|(_, request)| request.reason)
    };
    assert_eq!(with(Stream::Sess, 4), None, "kept - 1 is enough");
    assert_eq!(with(Stream::Sess, 3), Some(EpochReason::PeerBehind));
    assert_eq!(with(Stream::Tele, 0), None);
    assert_eq!(with(Stream::Sess, 20), None);
    assert_eq!(with(Stream::Sess, 21), Some(EpochReason::DiskBehind));
    assert_eq!(with(Stream::Tele, 10), Some(EpochReason::DiskBehind));
}

#[test]
fn as_065_disk_behind_raises_the_counters_begins_an_epoch_alarms_and_reconnects() {
    let mut node = Node::new();
    let nonce = node.greet();
    let out = node.welcome(1, welcome(nonce, WelcomeCode::DiskBehind));
    assert_eq!(alarms(&out), [Alarm::DiskBehind]);
    let (step, request) = renewal(&out).unwrap();
    assert_eq!((request.mark_min, request.session_min, request.peer_epoch), (Mark::new(77), 40, Some(EPOCH)));
    let out = node.give(NodeLinkInput::EpochBegun { step });
    assert_eq!(out, [NodeLinkOutput::CloseStreams, NodeLinkOutput::Hang]);
    node.greet();
}

#[test]
fn as_067_superseded_and_replaced_halt_until_an_operator_reclaims() {
    for (code, alarm) in [(WelcomeCode::Superseded, Alarm::Superseded), (WelcomeCode::Replaced, Alarm::Replaced)] {
        let mut node = Node::new();
        let nonce = node.greet();
        assert_eq!(alarms(&node.welcome(1, welcome(nonce, code))), [alarm]);
        assert!(node.link.is_halted() && node.link.deadline().is_none());
        node.give(NodeLinkInput::Lost { how: Loss::Broken });
        assert!(node.link.is_halted());
        node.give(NodeLinkInput::Reclaimed);
        node.greet();
    }
}

#[test]
fn as_061_an_operators_truncation_begins_a_new_epoch_with_what_the_next_welcome_says_of_the_peer() {
    let mut node = Node::open();
    assert_eq!(node.give(NodeLinkInput::Truncated), [NodeLinkOutput::CloseStreams]);
    let (_, out) = node.wait();
    let [NodeLinkOutput::ReadLog { step }] = out[..] else { panic!("{out:?}") };
    let nonce = node.hello(step);
    let out = node.welcome(1, welcome(nonce, WelcomeCode::Ok));
    assert_eq!(alarms(&out), [], "somebody wanted it");
    let (step, request) = renewal(&out).unwrap();
    assert_eq!((request.reason, request.peer_epoch), (EpochReason::Operator, Some(EPOCH)));
    assert_eq!(request.peer_cursors.get(Stream::Tele), Some(&Seq::new(9)));
    assert_eq!(
        node.give(NodeLinkInput::EpochBegun { step }),
        [NodeLinkOutput::CloseStreams, NodeLinkOutput::Hang],
        "with a new connection"
    );
    let nonce = node.greet();
    let out = node.welcome(1, welcome(nonce, WelcomeCode::Ok));
    assert!(matches!(out[..], [NodeLinkOutput::OpenStreams { .. }]), "once");
}

#[test]
fn as_066_clone_suspected_and_as_103_unsupported_hang_up_for_the_time_named() {
    for (code, alarm) in [(WelcomeCode::CloneSuspected, Alarm::CloneSuspected), (WelcomeCode::Unsupported, Alarm::Unsupported)] {
        let mut node = Node::new();
        let nonce = node.greet();
        let answer = Welcome { retry_ms: Some(900_000), ..welcome(nonce, code) };
        assert_eq!(alarms(&node.welcome(1, answer)), [alarm]);
        assert_eq!(node.link.deadline(), Some(node.now.plus(Duration::from_secs(900))));
    }
}

#[test]
fn as_016_a_higher_term_ack_hello_a_stall_and_silence_lead_to_hello_within_two_seconds() {
    for input in [NodeLinkInput::Heard { term: Term::new(2) }, NodeLinkInput::AckHello, NodeLinkInput::Stalled] {
        let mut node = Node::open();
        assert_eq!(node.give(input), [NodeLinkOutput::CloseStreams]);
        let (waited, out) = node.wait();
        assert!(waited <= HELLO_SPREAD && matches!(out[..], [NodeLinkOutput::ReadLog { .. }]));
    }
    let mut node = Node::open();
    assert_eq!(node.give(NodeLinkInput::Heard { term: Term::new(1) }), [], "the same term is no news");
    let (mut silence, mut beats) = (Duration::ZERO, 0);
    while node.link.is_open() {
        let (waited, out) = node.wait();
        silence += waited;
        beats += out.iter().filter(|output| **output == NodeLinkOutput::Heartbeat).count();
    }
    assert_eq!((silence, beats), (CLOUD_SILENCE, 2), "a heartbeat every 30 s, then the silence is too long");
}

#[test]
fn as_024_the_reconnect_delay_grows_to_a_minute_and_starts_small_after_a_minute_of_open_session() {
    let mut node = Node::new();
    let mut longest = Vec::new();
    for _ in 0..8 {
        node.greet();
        node.give(NodeLinkInput::Lost { how: Loss::Broken });
        longest.push(node.link.deadline().unwrap().since(node.now));
    }
    for (n, delay) in longest.iter().enumerate() {
        assert!(*delay <= BACKOFF_MIN.saturating_mul(1 << n).min(BACKOFF_MAX), "{n}: {delay:?}");
    }
    let nonce = node.greet();
    node.welcome(1, welcome(nonce, WelcomeCode::Ok));
    node.now = node.now.plus(BACKOFF_RESET);
    node.give(NodeLinkInput::Lost { how: Loss::Broken });
    assert!(node.link.deadline().unwrap().since(node.now) <= BACKOFF_MIN);
}

#[test]
fn as_068_a_session_taken_over_alarms_and_waits_a_minute_or_more() {
    let mut node = Node::open();
    let out = node.give(NodeLinkInput::Lost { how: Loss::TakenOver });
    assert_eq!(alarms(&out), [Alarm::IdentityInUse]);
    assert!(node.link.deadline().unwrap().since(node.now) >= TAKEN_OVER_WAIT);
}

#[test]
fn as_068_connections_that_the_broker_cuts_short_one_after_the_other_count_as_taken_over() {
    let mut node = Node::new();
    let cut = |node: &mut Node, after: u64, how: Loss| {
        node.greet();
        node.now = node.now.plus(Duration::from_secs(after));
        alarms(&node.give(NodeLinkInput::Lost { how }))
    };
    for how in [Loss::Closed, Loss::Closed, Loss::Broken, Loss::Closed, Loss::Closed] {
        assert_eq!(cut(&mut node, 2, how), [], "a broker that goes away says nothing either");
    }
    assert_eq!(cut(&mut node, 31, Loss::Closed), [], "one that lived is no fight");
    assert_eq!(cut(&mut node, 2, Loss::Closed), []);
    assert_eq!(cut(&mut node, 2, Loss::Closed), []);
    assert_eq!(cut(&mut node, 2, Loss::Closed), [Alarm::IdentityInUse]);
    assert!(node.link.deadline().unwrap().since(node.now) >= TAKEN_OVER_WAIT);
    assert_eq!(cut(&mut node, 2, Loss::Closed), [], "and counts anew");
}

#[test]
fn as_073_a_new_down_epoch_is_adopted_before_the_streams_open() {
    let mut node = Node::new();
    let nonce = node.greet();
    let other = Epoch { counter: 5, random: 1 };
    let out = node.welcome(1, Welcome { down: Some(DownLog { epoch: other }), ..welcome(nonce, WelcomeCode::Ok) });
    let [NodeLinkOutput::AdoptDown { step, epoch }] = out[..] else { panic!("{out:?}") };
    assert!(epoch == other && !node.link.is_open());
    let down = DownState { epoch: Some(other), ..view().down };
    let stale = node.give(NodeLinkInput::Adopted { step: step - 1, down });
    assert_eq!(stale, [NodeLinkOutput::Count(Counted::Unexpected)], "the answer to an earlier step changes nothing");
    let out = node.give(NodeLinkInput::Adopted { step, down });
    assert!(matches!(&out[..], [NodeLinkOutput::OpenStreams { view, .. }] if view.down.epoch == Some(other)));
}

#[test]
fn as_080_an_orderly_stop_says_offline_and_hangs_up() {
    let mut node = Node::open();
    let out = node.give(NodeLinkInput::Stop);
    assert!(matches!(
        out[..],
        [NodeLinkOutput::CloseStreams, NodeLinkOutput::Presence { status: NodeStatus::Offline, .. }, NodeLinkOutput::Hang]
    ));
    assert!(node.link.is_stopped() && node.link.deadline().is_none());
}

#[test]
fn as_063_the_log_goes_back_to_the_cursors_of_a_cloud_that_was_set_back_before_the_streams_open() {
    let mut node = Node { acked: Seq::new(12), ..Node::new() };
    let nonce = node.greet();
    let answer = welcome(nonce, WelcomeCode::Ok);
    let out = node.welcome(1, answer.clone());
    let [NodeLinkOutput::ReturnTo { step, cursors }] = out[..] else { panic!("{out:?}") };
    assert!(cursors == answer.cursors && !node.link.is_open());
    let out = node.give(NodeLinkInput::Returned { step });
    assert!(matches!(&out[..], [NodeLinkOutput::OpenStreams { cursors, .. }] if *cursors == answer.cursors));
    let mut level = Node { acked: Seq::new(10), ..Node::new() };
    let nonce = level.greet();
    assert!(matches!(level.welcome(1, welcome(nonce, WelcomeCode::Ok))[..], [NodeLinkOutput::OpenStreams { .. }]), "not below acked");
}

#[test]
fn as_063_a_log_that_could_not_go_back_hangs_up_and_sends_nothing() {
    let mut node = Node { acked: Seq::new(12), ..Node::new() };
    let nonce = node.greet();
    let out = node.welcome(1, welcome(nonce, WelcomeCode::Ok));
    let [NodeLinkOutput::ReturnTo { step, .. }] = out[..] else { panic!("{out:?}") };
    let out = node.give(NodeLinkInput::StepFailed { step });
    assert_eq!(out, [NodeLinkOutput::Count(Counted::StorageFailed), NodeLinkOutput::CloseStreams, NodeLinkOutput::Hang]);
}

/// A whole node that has said HELLO.
struct Greeting {
    peer: NodePeer,
    rng: SmallRng,
    session: Session,
    nonce: Nonce,
    arrivals: u64,
}

impl Greeting {
    fn new() -> Self {
        let introduction = NodeIntroduction { software: "0.1.0".to_owned(), schemas: Vec::new() };
        let session = Session { counter: 1, random: 1 };
        let peer = NodePeer::new(introduction, Moment::default());
        let mut this = Self { peer, rng: SmallRng::seed_from_u64(7), session, nonce: Nonce(0), arrivals: 0 };
        let out = this.give(NodeInput::Tick);
        let [NodeOutput::BeginSession { step, .. }] = out[..] else { panic!("{out:?}") };
        this.give(NodeInput::Link(NodeLinkInput::SessionBegun { step, session }));
        this.give(NodeInput::Connected { receive_max: 32, packet_max: PACKET_BYTES_MAX });
        let out = this.give(NodeInput::Link(NodeLinkInput::SubAcked { ok: true }));
        let step = out.iter().find_map(|output| if let NodeOutput::ReadLog { step } = output { Some(*step) } else { None }).unwrap();
        let out = this.give(NodeInput::Link(NodeLinkInput::LogRead { step, view: Box::new(view()) }));
        let [NodeOutput::Publish(FromNode::Hello { body, .. })] = &out[..] else { panic!("{out:?}") };
        this.nonce = body.nonce;
        this
    }
    fn give(&mut self, input: NodeInput) -> Vec<NodeOutput> {
        let mut out = Vec::new();
        self.peer.handle(&mut Turn { now: Moment::default(), rng: &mut self.rng }, input, &mut out);
        out
    }
    fn hear(&mut self, message: FromCloud) -> Vec<NodeOutput> {
        self.arrivals += 1;
        self.give(NodeInput::Message { arrival: Arrival(self.arrivals), message })
    }
    fn welcomed(&mut self, session: Session, term: u64) -> Vec<NodeOutput> {
        let body = Box::new(welcome(self.nonce, WelcomeCode::Ok));
        self.hear(FromCloud::Welcome { session, term: Term::new(term), time: Default::default(), body })
    }
    fn ack(&mut self, session: Session, term: u64, cursor: u64) -> Vec<NodeOutput> {
        let cursors = [(Stream::Sess, Seq::new(cursor))].into_iter().collect();
        let body = Box::new(Ack { code: AckCode::Ok, cursors, nack: PerStream::default(), credit: None, pending: None });
        self.hear(FromCloud::Ack { session, term: Term::new(term), epoch: EPOCH, time: Default::default(), body })
    }
}
fn is_ignored(out: &[NodeOutput]) -> bool {
    matches!(out, [NodeOutput::Count(Counted::Stale), NodeOutput::Release(_)])
}

#[test]
fn as_019_nothing_is_sent_before_the_welcome_and_then_from_the_cursor_on() {
    let mut node = Greeting::new();
    let out = node.give(NodeInput::Logged(Logged { stream: Stream::Sess, head: Seq::new(25), reserved: None }));
    assert!(out.is_empty(), "{out:?}");
    let other = Session { counter: 9, random: 9 };
    assert!(is_ignored(&node.welcomed(other, 1)), "the welcome of another session");
    let session = node.session;
    let out = node.welcomed(session, 1);
    let load = out.iter().find_map(|output| if let NodeOutput::Load { request, .. } = output { Some(*request) } else { None });
    assert_eq!(load.map(|request| (request.stream, request.after)), Some((Stream::Sess, Seq::new(10))));
}

#[test]
fn as_020_a_message_of_a_lower_term_or_another_session_changes_nothing() {
    let mut node = Greeting::new();
    let session = node.session;
    node.welcomed(session, 2);
    let pending = node.peer.pending();
    assert!(is_ignored(&node.ack(session, 1, 20)));
    assert!(is_ignored(&node.ack(Session { counter: 9, random: 9 }, 2, 20)));
    assert_eq!(node.peer.pending(), pending);
    node.ack(session, 2, 20);
    assert_eq!(node.peer.pending(), pending - 10);
}

#[test]
fn as_094_the_cloud_s_time_is_taken_from_answers_to_this_session() {
    let node = Greeting::new();
    let time = chrono::DateTime::from_timestamp(1_000, 0).unwrap();
    let body = Box::new(welcome(node.nonce, WelcomeCode::Ok));
    let answer = FromCloud::Welcome { session: node.session, term: Term::new(1), time, body };
    assert_eq!(answer.time_to(Some(node.session)), Some(time));
    assert_eq!(answer.time_to(None), None);
    assert_eq!(FromCloud::State { term: Term::new(1) }.time_to(Some(node.session)), None);
}
