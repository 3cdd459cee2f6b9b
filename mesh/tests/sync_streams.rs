//! Tables 4.3 and 4.4 of SYNC.md: sentences about one stream, each against the machine alone.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]

use std::time::Duration;

use aisle_mesh::sync::{
    log::*,
    owner_peer::credit,
    receiver::*,
    sender::*,
    turn::{Alarm, Counted, Moment, Turn},
};
use aisle_schemas::{
    event::{Event, EventType, Source},
    ids::{EventId, NodeId},
    limits::*,
    sync::*,
    topic::DECLARATIONS,
};
use bytes::Bytes;
use rand::{SeedableRng, rngs::SmallRng};

const EPOCH: Epoch = Epoch { counter: 1, random: 2 };
const SESSION: Session = Session { counter: 3, random: 4 };

fn at(ms: u64) -> Moment {
    Moment(Duration::from_millis(ms))
}

struct Up {
    sender: Sender,
    rng: SmallRng,
}
impl Up {
    /// Open, with `heads` records logged in `sess`, `audit` and `tele`.
    fn open(heads: [u64; 3], credit: Credit) -> (Self, Vec<SenderOutput>) {
        let mut up = Self { sender: Sender::new(Direction::Up), rng: SmallRng::seed_from_u64(1) };
        up.sender.set_slots(16);
        let streams = [Stream::Sess, Stream::Audit, Stream::Tele].into_iter().zip(heads);
        let streams = streams.map(|(stream, head)| (stream, StreamState { next: Seq::new(head + 1), ..StreamState::EMPTY })).collect();
        let state = Box::new(SendState { epoch: EPOCH, mark: Mark::ZERO, lineage: Vec::new(), streams });
        let out = up.give(at(0), SenderInput::Open { state, cursors: PerStream::default(), credit, batch_bytes: BATCH_BYTES_MAX });
        (up, out)
    }
    fn give(&mut self, now: Moment, input: SenderInput) -> Vec<SenderOutput> {
        let mut out = Vec::new();
        self.sender.handle(&mut Turn { now, rng: &mut self.rng }, input, &mut out);
        out
    }
    /// Answers loads until none is asked for; returns (stream, after, to) of what was sent.
    fn drain(&mut self, now: Moment, mut out: Vec<SenderOutput>, records: u64) -> Vec<(Stream, u64, u64)> {
        let mut sent = Vec::new();
        while let Some(SenderOutput::Load(request)) = out.iter().find(|output| matches!(output, SenderOutput::Load(_))).cloned() {
            let to = request.after.plus(records);
            out = self.give(now, SenderInput::Loaded(Loaded { ticket: request.ticket, to, bytes: 1_000 }));
            assert_eq!(out.first(), Some(&SenderOutput::Send { ticket: request.ticket }));
            sent.push((request.stream, request.after.get(), to.get()));
        }
        sent
    }
    fn ack(&mut self, now: Moment, stream: Stream, cursor: u64) -> Vec<SenderOutput> {
        let cursors = [(stream, Seq::new(cursor))].into_iter().collect();
        self.give(now, SenderInput::Ack { cursors, nack: PerStream::default(), credit: None })
    }
    fn nack(&mut self, now: Moment, stream: Stream, nack: Nack) -> Vec<SenderOutput> {
        self.give(now, SenderInput::Ack { cursors: PerStream::default(), nack: [(stream, nack)].into_iter().collect(), credit: None })
    }
}
fn load(out: &[SenderOutput]) -> Option<LoadRequest> {
    out.iter().find_map(|output| if let SenderOutput::Load(request) = output { Some(*request) } else { None })
}

#[test]
fn as_022_credit_bounds_what_is_under_way_and_sess_may_have_one_batch_more() {
    let (mut up, out) = Up::open([50, 0, 0], credit(2));
    assert_eq!(up.drain(at(0), out, 10).len(), 3);
    let (mut up, out) = Up::open([0, 50, 0], credit(2));
    assert_eq!(up.drain(at(0), out, 10).len(), 2);
    let out = up.ack(at(1), Stream::Audit, 10);
    assert_eq!(up.drain(at(1), out, 10), [(Stream::Audit, 20, 30)]);
}

#[test]
fn as_029_no_batch_leaves_while_the_window_is_full() {
    let (mut up, out) = Up::open([0, 50, 0], credit(4));
    up.sender.set_slots(1);
    assert_eq!(up.drain(at(0), out, 10).len(), 1);
    up.sender.set_slots(1);
    let out = up.give(at(1), SenderInput::Tick);
    assert_eq!(up.drain(at(1), out, 10), [(Stream::Audit, 10, 20)]);
}

#[test]
fn as_030_streams_go_by_priority_but_every_eighth_batch_is_the_one_that_waited_longest() {
    let (mut up, out) = Up::open([20, 20, 0], credit(20));
    let order: Vec<Stream> = up.drain(at(1), out, 1).into_iter().map(|(stream, ..)| stream).collect();
    assert_eq!(order[..7], [Stream::Sess; 7]);
    assert_eq!(order[7], Stream::Audit);
}

#[test]
fn as_031_only_telemetry_waits_for_company_and_no_longer_than_the_linger() {
    let (mut up, out) = Up::open([0, 0, 1], credit(2));
    assert_eq!(load(&out), None);
    assert_eq!(up.sender.deadline(), Some(Moment(LINGER)));
    let out = up.give(Moment(LINGER), SenderInput::Tick);
    assert_eq!(load(&out).map(|request| request.stream), Some(Stream::Tele));
    let (_, out) = Up::open([0, 1, 0], credit(2));
    assert_eq!(load(&out).map(|request| request.stream), Some(Stream::Audit));
}

#[test]
fn as_044_nack_resend_goes_back_to_the_first_record_that_is_not_acked() {
    let (mut up, out) = Up::open([0, 30, 0], credit(4));
    up.drain(at(0), out, 10);
    up.ack(at(1), Stream::Audit, 10);
    let out = up.nack(at(2), Stream::Audit, Nack::Resend);
    assert_eq!(load(&out).map(|request| request.after), Some(Seq::new(10)));
}

#[test]
fn as_045_a_time_out_resends_doubles_and_after_three_without_progress_the_sender_stalls() {
    let (mut up, out) = Up::open([0, 1, 0], credit(2));
    up.drain(at(0), out, 1);
    let mut waits = Vec::new();
    let mut now = at(0);
    loop {
        let due = up.sender.deadline().unwrap();
        waits.push(due.since(now));
        now = due;
        let out = up.give(now, SenderInput::Tick);
        if out.contains(&SenderOutput::Stalled(Stream::Audit)) {
            break;
        }
        assert_eq!(up.drain(now, out, 1), [(Stream::Audit, 0, 1)]);
    }
    for (wait, expected_s) in waits.iter().zip([5.0, 10.0, 20.0, 40.0]) {
        let ratio = wait.as_secs_f64() / expected_s;
        assert!((0.8..=1.2).contains(&ratio), "{wait:?} for {expected_s} s");
    }
    assert_eq!(waits.len(), 4);
    assert!(!up.sender.is_open());
}

#[test]
fn as_047_an_ack_below_acked_or_above_the_head_moves_nothing() {
    let (mut up, out) = Up::open([0, 20, 0], credit(4));
    up.drain(at(0), out, 10);
    up.ack(at(1), Stream::Audit, 20);
    for cursor in [10, 21] {
        assert_eq!(up.ack(at(2), Stream::Audit, cursor), [SenderOutput::Count(Counted::AckBehind)]);
    }
    assert_eq!(up.sender.acked(Stream::Audit), Some(Seq::new(20)));
}

#[test]
fn as_051_bad_halves_the_batch_down_to_one_record_which_is_then_sent_as_corrupt() {
    let (mut up, out) = Up::open([0, 400, 0], credit(2));
    let mut request = load(&out).unwrap();
    let mut sizes = vec![request.max_records];
    while request.corrupt.is_none() {
        let to = request.after.plus(request.max_records as u64);
        up.give(at(1), SenderInput::Loaded(Loaded { ticket: request.ticket, to, bytes: 100 }));
        request = load(&up.nack(at(2), Stream::Audit, Nack::Bad)).unwrap();
        sizes.push(request.max_records);
    }
    assert_eq!(sizes, [256, 128, 64, 32, 16, 8, 4, 2, 1, 1]);
    assert_eq!(request.corrupt, Some(Seq::new(1)));
}

#[test]
fn as_032_a_held_stream_returns_its_credit_and_waits_for_an_ack_that_does_not_list_it() {
    let (mut up, out) = Up::open([0, 20, 20], credit(2));
    up.drain(at(0), out, 10);
    let out = up.nack(at(100), Stream::Audit, Nack::Held);
    assert!(out.contains(&SenderOutput::Alarm(Alarm::Held(Stream::Audit))));
    assert_eq!(up.drain(at(100), out, 20), [(Stream::Tele, 0, 20)]);
    let cursors = [(Stream::Tele, Seq::new(20))].into_iter().collect();
    let out = up.give(at(200), SenderInput::Ack { cursors, nack: PerStream::default(), credit: None });
    assert_eq!(load(&out).map(|request| (request.stream, request.after)), Some((Stream::Audit, Seq::ZERO)));
}

#[test]
fn as_048_a_stream_that_found_no_subscriber_goes_on_with_the_next_acknowledgement_whatever_that_acknowledges() {
    for (cursor, after) in [(10, 10), (0, 0)] {
        let (mut up, out) = Up::open([0, 20, 0], credit(2));
        assert_eq!(up.drain(at(0), out, 10).len(), 2);
        assert_eq!(load(&up.give(at(1), SenderInput::NoSubscriber)), None);
        let out = up.ack(at(2), Stream::Audit, cursor);
        assert_eq!(load(&out).map(|request| request.after), Some(Seq::new(after)), "acknowledged up to {cursor}");
    }
}

#[test]
fn as_048_no_subscriber_pauses_until_somebody_is_there_again() {
    let (mut up, out) = Up::open([0, 20, 0], credit(2));
    up.drain(at(0), out, 10);
    assert_eq!(load(&up.give(at(1), SenderInput::NoSubscriber)), None);
    let out = up.give(at(2), SenderInput::Resume);
    assert_eq!(load(&out).map(|request| request.after), Some(Seq::ZERO));
}

#[test]
fn as_047_a_welcome_acknowledges_what_was_applied_before_the_last_session_ended() {
    let (mut up, _) = Up::open([3, 3, 0], credit(2));
    let streams = [Stream::Sess, Stream::Audit].into_iter().map(|stream| (stream, StreamState { next: Seq::new(4), ..StreamState::EMPTY }));
    let state = Box::new(SendState { epoch: EPOCH, mark: Mark::ZERO, lineage: Vec::new(), streams: streams.collect() });
    let cursors = [(Stream::Sess, Seq::new(2)), (Stream::Audit, Seq::ZERO)].into_iter().collect();
    let out = up.give(at(1), SenderInput::Open { state, cursors, credit: credit(2), batch_bytes: BATCH_BYTES_MAX });
    let acked: Vec<_> = out.iter().filter(|output| matches!(output, SenderOutput::CommitAcked { .. })).collect();
    assert_eq!(acked, [&SenderOutput::CommitAcked { epoch: EPOCH, stream: Stream::Sess, acked: Seq::new(2) }]);
}

#[test]
fn what_is_logged_before_the_session_opens_is_sent_after() {
    let (mut up, _) = Up::open([0, 0, 0], credit(2));
    up.give(at(1), SenderInput::Close);
    up.give(at(2), SenderInput::Logged(Logged { stream: Stream::Sess, head: Seq::new(1), reserved: None }));
    let streams = Stream::UP.into_iter().map(|stream| (stream, StreamState::EMPTY)).collect();
    let state = Box::new(SendState { epoch: EPOCH, mark: Mark::ZERO, lineage: Vec::new(), streams });
    let open = SenderInput::Open { state, cursors: PerStream::default(), credit: credit(2), batch_bytes: BATCH_BYTES_MAX };
    assert_eq!(load(&up.give(at(3), open)).map(|request| request.stream), Some(Stream::Sess));
}

#[test]
fn as_027_a_batch_leaves_a_kilobyte_of_the_brokers_largest_packet_free() {
    assert_eq!(Sender::batch_bytes(20 * 1024), 19 * 1024);
    assert_eq!(Sender::batch_bytes(PACKET_BYTES_MAX), 64 * 1024, "and is never larger than 64 KiB");
    let (_, out) = Up::open([1_000, 0, 0], credit(2));
    assert_eq!(load(&out).map(|request| (request.max_records, request.max_bytes)), Some((256, 64 * 1024)));
}

#[test]
fn as_028_of_the_messages_of_sync_only_state_and_presence_are_retained_and_all_others_expire_after_a_minute() {
    let sync: Vec<_> = DECLARATIONS.iter().filter(|topic| topic.pattern.starts_with("aisle/1/")).collect();
    assert_eq!(sync.len(), 8);
    for topic in sync {
        let stands = ["SyncState", "SyncPresence"].contains(&topic.name);
        assert_eq!((topic.retain, topic.expiry_s), (stands, (!stands).then_some(MESSAGE_EXPIRY_S)), "{}", topic.name);
        assert!(topic.content_type.starts_with("application/cloudevents"), "{}", topic.name);
    }
}

struct Down {
    receiver: Receiver,
    rng: SmallRng,
    arrivals: u64,
}
impl Down {
    fn open() -> Self {
        let mut down = Self { receiver: Receiver::new(Direction::Up), rng: SmallRng::seed_from_u64(1), arrivals: 0 };
        let cursors = Stream::UP.into_iter().map(|stream| (stream, Seq::new(10))).collect();
        down.give(at(0), ReceiverInput::Open { session: SESSION, epoch: EPOCH, cursors });
        down
    }
    fn give(&mut self, now: Moment, input: ReceiverInput) -> Vec<ReceiverOutput> {
        let mut out = Vec::new();
        self.receiver.handle(&mut Turn { now, rng: &mut self.rng }, input, &mut out);
        out
    }
    fn incoming(&mut self, stream: Stream, after: u64, to: u64) -> Box<Incoming> {
        self.arrivals += 1;
        let node = NodeId::parse("acme.s042.n1").unwrap();
        let event =
            Event::bare(EventId::new(1, [0; 10]), Source::Node(node), EventType::literal("aisle.test.event.v1"), Default::default());
        let records = (after + 1..=to).map(|seq| ReceivedRecord { seq: Seq::new(seq), event: event.clone(), raw: Bytes::new() }).collect();
        let header = BatchHeader { after: Seq::new(after), to: Seq::new(to), mark: Mark::new(1), base: Seq::ZERO, left: Count::ZERO };
        Box::new(Incoming { arrival: Arrival(self.arrivals), stream, session: SESSION, epoch: EPOCH, header, records })
    }
    fn batch(&mut self, now: Moment, stream: Stream, after: u64, to: u64) -> Vec<ReceiverOutput> {
        let incoming = self.incoming(stream, after, to);
        self.give(now, ReceiverInput::Batch(incoming))
    }
}
fn applies(out: &[ReceiverOutput]) -> Vec<(u64, &ReceivedBatch)> {
    out.iter()
        .filter_map(|output| if let ReceiverOutput::Apply { ticket, batch } = output { Some((*ticket, batch.as_ref())) } else { None })
        .collect()
}
fn nacks(out: &[ReceiverOutput]) -> Vec<PerStream<Nack>> {
    out.iter().filter_map(|output| if let ReceiverOutput::Ack { nack } = output { Some(*nack) } else { None }).collect()
}
fn released(out: &[ReceiverOutput]) -> Vec<u64> {
    out.iter().filter_map(|output| if let ReceiverOutput::Release(Arrival(id)) = output { Some(*id) } else { None }).collect()
}
fn counted(out: &[ReceiverOutput], what: Counted) -> bool {
    out.iter().any(|output| matches!(output, ReceiverOutput::Count(counted) if *counted == what))
}

#[test]
fn as_036_a_duplicate_only_acks_a_gap_asks_for_resend_and_an_overlap_applies_the_rest() {
    let mut down = Down::open();
    let out = down.batch(at(0), Stream::Sess, 5, 10);
    assert!(applies(&out).is_empty() && counted(&out, Counted::Duplicate));
    assert_eq!((nacks(&out).len(), released(&out)), (1, vec![1]));
    let out = down.batch(at(0), Stream::Sess, 11, 12);
    assert!(applies(&out).is_empty() && counted(&out, Counted::Gap));
    assert_eq!(nacks(&out)[0].get(Stream::Sess), Some(&Nack::Resend));
    let out = down.batch(at(0), Stream::Sess, 8, 12);
    let (_, batch) = applies(&out)[0];
    assert_eq!(batch.records.iter().map(|record| record.seq.get()).collect::<Vec<_>>(), [11, 12]);
    assert_eq!((batch.cursor, released(&out)), (Seq::new(10), vec![]), "PUBACK waits for the commit");
}

#[test]
fn as_044_gaps_in_a_burst_ask_once_a_second() {
    let mut down = Down::open();
    let asked = |down: &mut Down, ms| nacks(&down.batch(at(ms), Stream::Sess, 20, 21)).len();
    assert_eq!([0, 10, 999, 1_000].map(|ms| asked(&mut down, ms)), [1, 0, 0, 1]);
}

#[test]
fn as_026_a_hole_is_bad_in_class_a_and_fine_in_b_and_c() {
    for (stream, fine) in [(Stream::Sess, false), (Stream::Audit, false), (Stream::Reported, true), (Stream::Tele, true)] {
        let mut down = Down::open();
        let mut incoming = down.incoming(stream, 10, 13);
        incoming.records.remove(1);
        let out = down.give(at(0), ReceiverInput::Batch(incoming));
        assert_eq!(applies(&out).len() == 1, fine, "{stream}");
        assert_eq!(nacks(&out).iter().any(|nack| nack.get(stream) == Some(&Nack::Bad)), !fine, "{stream}");
    }
}

#[test]
fn as_035_a_batch_of_another_session_or_epoch_is_dropped_and_counted() {
    let mut down = Down::open();
    for change in [|incoming: &mut Incoming| incoming.session.counter += 1, |incoming: &mut Incoming| incoming.epoch.random += 1] {
        let mut incoming = down.incoming(Stream::Sess, 10, 11);
        change(&mut incoming);
        let out = down.give(at(0), ReceiverInput::Batch(incoming));
        assert!(counted(&out, Counted::Stale) && applies(&out).is_empty() && released(&out).len() == 1);
    }
}

#[test]
fn as_041_a_transient_failure_is_retried_three_times_and_then_shed_without_ack() {
    let mut down = Down::open();
    let mut out = down.batch(at(0), Stream::Sess, 10, 11);
    let mut now = at(0);
    for wait_ms in [50, 100, 200] {
        let (ticket, _) = applies(&out)[0];
        down.give(now, ReceiverInput::Failed { ticket, failure: ApplyFailure::Transient });
        assert_eq!(down.receiver.deadline(), Some(now.plus(Duration::from_millis(wait_ms))));
        now = now.plus(Duration::from_millis(wait_ms));
        out = down.give(now, ReceiverInput::Tick);
    }
    let (ticket, _) = applies(&out)[0];
    let out = down.give(now, ReceiverInput::Failed { ticket, failure: ApplyFailure::Transient });
    assert!(counted(&out, Counted::Shed) && nacks(&out).is_empty());
    assert_eq!(released(&out), [1]);
}

#[test]
fn as_041_no_more_than_sixteen_batches_wait() {
    let mut down = Down::open();
    down.batch(at(0), Stream::Sess, 10, 11);
    for n in 0..PARTITION_QUEUE as u64 {
        assert!(!counted(&down.batch(at(0), Stream::Sess, 11 + n, 12 + n), Counted::Shed));
    }
    assert!(counted(&down.batch(at(0), Stream::Sess, 40, 41), Counted::Shed));
}

#[test]
fn as_043_the_ack_leaves_at_once_when_nothing_waits_and_names_only_committed_cursors() {
    let mut down = Down::open();
    let out = down.batch(at(0), Stream::Sess, 10, 11);
    let first = applies(&out)[0].0;
    let out = down.batch(at(0), Stream::Tele, 10, 12);
    let second = applies(&out)[0].0;
    let applied = |cursor| Applied { cursor: Seq::new(cursor), quarantined: 0, poison_run: 0 };
    let out = down.give(at(5), ReceiverInput::Applied { ticket: first, applied: applied(11) });
    assert!(nacks(&out).is_empty(), "a batch of the node is still being applied");
    assert_eq!(down.receiver.cursors().get(Stream::Tele), Some(&Seq::new(10)));
    assert_eq!(down.receiver.deadline(), Some(at(5).plus(ACK_DELAY)));
    let out = down.give(at(9), ReceiverInput::Applied { ticket: second, applied: applied(12) });
    assert_eq!(nacks(&out).len(), 1);
    assert_eq!(down.receiver.cursors().get(Stream::Tele), Some(&Seq::new(12)));
}

#[test]
fn as_037_a_conflict_reads_the_cursor_and_classifies_again() {
    let mut down = Down::open();
    let out = down.batch(at(0), Stream::Sess, 10, 12);
    let ticket = applies(&out)[0].0;
    let out = down.give(at(1), ReceiverInput::Failed { ticket, failure: ApplyFailure::Conflict { cursor: Seq::new(11) } });
    let (ticket, batch) = applies(&out)[0];
    assert_eq!((batch.cursor, batch.records.len()), (Seq::new(11), 1));
    let out = down.give(at(2), ReceiverInput::Failed { ticket, failure: ApplyFailure::Conflict { cursor: Seq::new(12) } });
    assert!(counted(&out, Counted::Duplicate) && released(&out) == [1]);
}

#[test]
fn as_049_poison_is_redone_with_savepoints_and_as_050_fifty_in_a_row_hold_a_class_a_stream() {
    let mut down = Down::open();
    let out = down.batch(at(0), Stream::Sess, 10, 12);
    let ticket = applies(&out)[0].0;
    let out = down.give(at(1), ReceiverInput::Failed { ticket, failure: ApplyFailure::Poison { poison_run: 0 } });
    let (ticket, batch) = applies(&out)[0];
    assert_eq!(batch.mode, ApplyMode::Savepoints);
    let out = down.give(at(2), ReceiverInput::Failed { ticket, failure: ApplyFailure::Poison { poison_run: POISON_HOLD } });
    assert_eq!(nacks(&out)[0].get(Stream::Sess), Some(&Nack::Held));
    assert!(applies(&down.batch(at(3), Stream::Sess, 10, 12)).is_empty());
    down.give(at(4), ReceiverInput::Unhold(Stream::Sess));
    assert_eq!(applies(&down.batch(at(5), Stream::Sess, 10, 12)).len(), 1);
    let out = down.batch(at(6), Stream::Tele, 10, 12);
    let ticket = applies(&out)[0].0;
    let out = down.give(at(7), ReceiverInput::Failed { ticket, failure: ApplyFailure::Poison { poison_run: POISON_HOLD } });
    assert_eq!(applies(&out).len(), 1, "class C is never held");
}
