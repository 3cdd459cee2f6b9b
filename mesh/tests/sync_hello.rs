//! Table 4.1 of SYNC.md, row by row, and the rules that the answer carries.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use aisle_mesh::sync::{
    hello::{Decision, HelloOutcome, HelloRequest, NodeRow, SeenNode, decide, later, welcome},
    log::{EpochReason, Logged, SendState, StreamState},
    owner_peer::*,
    receiver::Arrival,
    turn::{Counted, Moment, Turn},
};
use aisle_schemas::{limits::CLONE_QUIET, sync::*};
use chrono::{DateTime, TimeDelta, Utc};
use rand::{SeedableRng, rngs::SmallRng};

fn at(s: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + s, 0).unwrap()
}
fn epoch(counter: u64) -> Epoch {
    Epoch { counter, random: counter * 7 }
}
fn session(counter: u64) -> Session {
    Session { counter, random: 1 }
}
fn down() -> SendState {
    let order = StreamState { kept: Seq::new(5), next: Seq::new(11), ..StreamState::EMPTY };
    let streams = [(Stream::Order, order), (Stream::Desired, StreamState::EMPTY)].into_iter().collect();
    SendState { epoch: epoch(4), mark: Mark::new(50), lineage: Vec::new(), streams }
}
/// A node whose stored history is session 10, epoch 3, mark 100.
fn row() -> NodeRow {
    let cursors = [(Stream::Sess, Seq::new(77))].into_iter().collect();
    let seen = SeenNode { epoch: epoch(3), session: session(10), mark: Mark::new(100), cursors };
    NodeRow { enrolled: true, active: true, reclaim: false, seen: Some(seen), last_message_at: Some(at(-3_600)), down: down() }
}
/// Its next HELLO: session 11, epoch 3, mark 100.
fn request() -> HelloRequest {
    let hello = Hello {
        nonce: Nonce(9),
        mark: Mark::new(100),
        lineage: vec![epoch(2)],
        pending: Count::ZERO,
        software: "0.1.0".to_owned(),
        schemas: vec!["aisle.visit.v1".to_owned()],
        up: PerStream::default(),
        down: DownState { epoch: Some(epoch(4)), mark: Mark::new(50), cursors: [(Stream::Order, Seq::new(10))].into_iter().collect() },
    };
    let known_schemas = Arc::new(BTreeSet::from(["aisle.visit.v1".to_owned()]));
    HelloRequest { epoch: epoch(3), session: session(11), hello, known_schemas, term: Term::new(8), now: at(0), random: 1 }
}
fn code(decision: &Decision) -> Option<WelcomeCode> {
    match decision {
        Decision::BadIdentity => None,
        Decision::Refuse { code, retry: _ } => Some(*code),
        Decision::Accept { .. } => Some(WelcomeCode::Ok),
    }
}
fn decided(change: impl FnOnce(&mut HelloRequest, &mut NodeRow)) -> Decision {
    let (mut request, mut row) = (request(), row());
    change(&mut request, &mut row);
    decide(&request, Some(&row))
}

#[test]
fn as_018_hello_is_answered_by_the_first_matching_row() {
    use WelcomeCode::*;
    type Change = fn(&mut HelloRequest, &mut NodeRow);
    let rows: [(&str, Change, Option<WelcomeCode>); 15] = [
        ("2: enrolment removed", |_, row| row.enrolled = false, None),
        ("3: unknown schema", |request, _| request.hello.schemas.push("aisle.future.v1".to_owned()), Some(Unsupported)),
        (
            "3 before 4",
            |request, row| {
                request.hello.schemas.push("x".to_owned());
                row.active = false;
            },
            Some(Unsupported),
        ),
        ("4: not active", |_, row| row.active = false, Some(Replaced)),
        ("5: never seen", |_, row| row.seen = None, Some(Ok)),
        ("6: same session and epoch", |request, _| request.session = session(10), Some(Ok)),
        (
            "6: even with an older mark",
            |request, _| {
                request.session = session(10);
                request.hello.mark = Mark::ZERO;
            },
            Some(Ok),
        ),
        ("7: next session", |_, _| {}, Some(Ok)),
        (
            "7: successor epoch",
            |request, _| {
                request.epoch = epoch(5);
                request.hello.lineage.push(epoch(3));
            },
            Some(Ok),
        ),
        (
            "8: re-claimed",
            |request, row| {
                request.epoch = epoch(9);
                row.reclaim = true;
            },
            Some(DiskBehind),
        ),
        ("9: foreign epoch", |request, _| request.epoch = epoch(9), Some(Superseded)),
        ("9: older epoch", |request, _| request.epoch = epoch(2), Some(Superseded)),
        (
            "10: mark behind, heard lately",
            |request, row| {
                request.hello.mark = Mark::new(99);
                row.last_message_at = Some(at(-10));
            },
            Some(CloneSuspected),
        ),
        (
            "10: session behind, heard lately",
            |request, row| {
                request.session = session(9);
                row.last_message_at = Some(at(-10));
            },
            Some(CloneSuspected),
        ),
        ("11: mark behind, long silent", |request, _| request.hello.mark = Mark::new(99), Some(DiskBehind)),
    ];
    for (name, change, expected) in rows {
        assert_eq!(code(&decided(change)), expected, "row {name}");
    }
    assert_eq!(code(&decide(&request(), None)), None, "row 2: no enrolment at all");
}

#[test]
fn as_066_a_disk_that_is_behind_is_believed_only_after_fifteen_minutes_of_silence() {
    let quiet = TimeDelta::from_std(CLONE_QUIET).unwrap();
    for (last, expected) in [(at(1) - quiet, WelcomeCode::CloneSuspected), (at(0) - quiet, WelcomeCode::DiskBehind)] {
        let decision = decided(|request, row| {
            request.hello.mark = Mark::ZERO;
            row.last_message_at = Some(last);
        });
        assert_eq!(code(&decision), Some(expected));
    }
}

#[test]
fn as_018_ok_stores_session_epoch_and_open_term_and_a_successor_starts_at_cursor_zero() {
    let Decision::Accept { write, down_epoch } = decided(|_, row| row.reclaim = true) else { panic!("refused") };
    assert_eq!((write.seen.session, write.open_term, write.cursors_reset, write.clear_reclaim), (session(11), Term::new(8), false, true));
    assert_eq!(write.seen.cursors.get(Stream::Sess), Some(&Seq::new(77)));
    assert_eq!(down_epoch, None);
    let successor = decided(|request, _| {
        request.epoch = epoch(5);
        request.hello.lineage.push(epoch(3));
    });
    let Decision::Accept { write, .. } = successor else { panic!("refused") };
    assert_eq!((write.seen.epoch, write.cursors_reset, write.seen.mark), (epoch(5), true, Mark::new(100)));
    assert!(write.seen.cursors.is_empty());
}

#[test]
fn as_073_the_down_log_begins_a_new_epoch_when_the_node_knows_another_or_more_or_too_little() {
    let reason = |change: fn(&mut HelloRequest)| match decided(|request, _| change(request)) {
        Decision::Accept { down_epoch, .. } => down_epoch.map(|request| request.reason),
        Decision::BadIdentity | Decision::Refuse { .. } => panic!("refused"),
    };
    assert_eq!(reason(|_| {}), None);
    assert_eq!(reason(|request| request.hello.down.epoch = None), Some(EpochReason::PeerForeign));
    assert_eq!(reason(|request| request.hello.down.epoch = Some(epoch(3))), Some(EpochReason::PeerForeign));
    assert_eq!(reason(|request| request.hello.down.mark = Mark::new(51)), Some(EpochReason::DiskBehind));
    assert_eq!(reason(|request| request.hello.down.cursors.set(Stream::Order, Seq::new(11))), Some(EpochReason::DiskBehind));
    assert_eq!(reason(|request| request.hello.down.cursors.set(Stream::Order, Seq::new(4))), None, "kept - 1 is enough");
    assert_eq!(reason(|request| request.hello.down.cursors.set(Stream::Order, Seq::new(3))), Some(EpochReason::PeerBehind));
}

#[test]
fn as_064_every_answer_but_later_echoes_what_is_stored() {
    let row = row();
    for decision in [decided(|_, _| {}), decided(|request, _| request.epoch = epoch(9))] {
        let outcome = HelloOutcome { decision, seen: row.seen, down: row.down.clone() };
        let answer = welcome(Nonce(9), &outcome, credit(2)).unwrap();
        assert_eq!((answer.epoch, answer.session, answer.mark), (Some(epoch(3)), Some(session(10)), Some(Mark::new(100))));
        assert_eq!(answer.cursors.get(Stream::Sess), Some(&Seq::new(77)));
        assert_eq!(answer.cursors.get(Stream::Tele), Some(&Seq::ZERO), "every up stream is named");
        assert_eq!(answer.credit.is_some(), answer.code == WelcomeCode::Ok);
    }
    let none = HelloOutcome { decision: Decision::BadIdentity, seen: None, down: row.down };
    assert_eq!(welcome(Nonce(9), &none, credit(2)), None);
}

#[test]
fn as_021_later_is_spread_over_two_to_twenty_seconds() {
    let mut rng = SmallRng::seed_from_u64(1);
    let waits: Vec<u32> = (0..200).map(|_| later(Nonce(1), &mut rng).retry_ms.unwrap()).collect();
    let bounds = Duration::from_secs(2).as_millis() as u32..=Duration::from_secs(20).as_millis() as u32;
    assert!(waits.iter().all(|wait| bounds.contains(wait)));
    assert!(waits.iter().collect::<BTreeSet<_>>().len() > 100);
}

#[test]
fn as_072_an_owner_sends_nothing_before_a_hello_in_its_own_term_and_then_what_lies_above_the_node_s_cursor() {
    let (mut owner, mut rng) = (OwnerPeer::new(1 << 17, Moment::default()), SmallRng::seed_from_u64(1));
    let mut give = |input| {
        let mut out = Vec::new();
        owner.handle(&mut Turn { now: Moment::default(), rng: &mut rng }, input, &mut out);
        out
    };
    let loads = |out: &[OwnerOutput]| out.iter().any(|output| matches!(output, OwnerOutput::Load { .. }));
    assert!(!loads(&give(OwnerInput::Logged(Logged { stream: Stream::Order, head: Seq::new(12), reserved: None }))));

    // A session that an earlier owner opened is none of this one's.
    let cursors = [(Stream::Order, Seq::new(10))].into_iter().collect();
    let body = Box::new(Ack { code: AckCode::Ok, cursors, nack: PerStream::default(), credit: None, pending: None });
    let message = FromNodeMessage::Ack { session: session(11), epoch: epoch(4), said_at: at(0), body };
    let out = give(OwnerInput::Message { arrival: Arrival(1), message });
    let asks = |output: &OwnerOutput| matches!(output, OwnerOutput::Publish(ToNode::Ack { body, .. }) if body.code == AckCode::Hello);
    assert!(out.iter().any(asks) && !loads(&out), "{out:?}");

    let message = FromNodeMessage::Hello { session: session(11), epoch: epoch(3), said_at: at(5), body: Box::new(request().hello) };
    let out = give(OwnerInput::Message { arrival: Arrival(2), message });
    let [OwnerOutput::DecideHello { ticket, .. }] = out[..] else { panic!("{out:?}") };
    let seen = row().seen.map(|seen| SeenNode { session: session(11), ..seen });
    let outcome = Box::new(HelloOutcome { decision: decided(|_, _| {}), seen, down: down() });
    let out = give(OwnerInput::HelloDecided { ticket, outcome });
    let touched = |output: &OwnerOutput| matches!(output, OwnerOutput::Touch { said_at, .. } if *said_at == at(5));
    assert!(out.iter().any(touched), "an opened session tells what the node's clock said");
    let loaded =
        out.iter().find_map(|output| if let OwnerOutput::Load { session, request } = output { Some((*session, *request)) } else { None });
    let (of, wanted) = loaded.expect("what was logged is loaded");
    assert_eq!((of, wanted.stream, wanted.epoch, wanted.after), (session(11), Stream::Order, epoch(4), Seq::new(10)));

    // An acknowledgement of another incarnation of the log is of other records, whatever its numbers (AS-047).
    let mut acknowledged = |epoch| {
        let cursors = [(Stream::Order, Seq::new(10))].into_iter().collect();
        let body = Box::new(Ack { code: AckCode::Ok, cursors, nack: PerStream::default(), credit: None, pending: None });
        let message = FromNodeMessage::Ack { session: session(11), epoch, said_at: at(6), body };
        give(OwnerInput::Message { arrival: Arrival(3), message })
    };
    let stale = |out: &[OwnerOutput]| out.iter().any(|output| matches!(output, OwnerOutput::Count(Counted::Stale)));
    let out = acknowledged(epoch(3));
    assert!(stale(&out) && !out.iter().any(|output| matches!(output, OwnerOutput::CommitAcked { .. })), "{out:?}");
    assert!(!stale(&acknowledged(epoch(4))));
}
