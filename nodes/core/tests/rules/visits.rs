//! Check-in, signals and the end of visits, over the texts that a phone sends.
use aisle_node_core::code::USED_MAX;
use aisle_node_core::ids::{DisplayId, PassId, StoreId, TouchpointId, VisitId, VisitToken, ZoneId};
use aisle_node_core::monotonic::Monotonic;
use aisle_node_core::visit::book::{Change, ClosedVisit, Drawn, NoVisit, UsedPass};
use aisle_node_core::visit::check_in::{CheckInRefusal, Keys};
use aisle_node_core::visit::{OpenVisit, Visits};
use aisle_schemas::code::{Code, CodeSubject, Pass, StoreKey};
use aisle_schemas::visit::{CheckInMethod, CloseReason};
use ed25519_dalek::SigningKey;
use proptest::prelude::*;

use super::at;

const NOW: i64 = 1_000;
const LATER: i64 = 100_000;

fn mono(s: i64) -> Monotonic {
    Monotonic::from_ms(s * 1_000)
}

fn signing() -> SigningKey {
    SigningKey::from_bytes(&[4; 32])
}

fn keys() -> Keys {
    Keys { store: StoreId::parse("s1").unwrap(), store_key: StoreKey::new([1; 32]), pass_key: signing().verifying_key() }
}

fn door_code(store: &str, nonce: u64, issued: i64) -> Code {
    let subject = CodeSubject::Door { touchpoint: TouchpointId::parse("door-1").unwrap() };
    Code { store: StoreId::parse(store).unwrap(), subject, issued_at: at(issued), nonce }
}

fn code(nonce: u64) -> String {
    door_code("s1", nonce, NOW).encode(&keys().store_key)
}

fn pass(n: u8) -> String {
    Pass { id: PassId::new(1, [n; 10]), expires_at: at(LATER) }.encode(&signing())
}

fn drawn(n: u8) -> Drawn {
    Drawn { visit: VisitId::new(u64::from(n), [n; 10]), token: VisitToken::from_random([n; 16]) }
}

fn try_check_in(visits: &Visits, code: &str, pass: &str, n: u8, now: i64) -> Result<Change, CheckInRefusal> {
    let presented = keys().check(code, pass, at(now))?;
    visits.decide_check_in(&presented, CheckInMethod::AppQr, drawn(n), at(now), mono(now))
}

fn checked_in(n: u8) -> Visits {
    let mut visits = Visits::default();
    let change = try_check_in(&visits, &code(u64::from(n)), &pass(n), n, NOW).unwrap();
    visits.apply(change);
    visits
}

#[test]
fn a_fresh_code_and_an_unused_pass_open_a_visit() {
    let visits = checked_in(1);
    let open = visits.by_token(drawn(1).token).unwrap();
    assert_eq!((open.visit, open.opened_at, open.touchpoint.as_str()), (drawn(1).visit, at(NOW), "door-1"));
}

#[test]
fn each_bad_code_or_pass_has_its_own_refusal_and_changes_nothing() {
    let key = keys().store_key;
    let forged = door_code("s1", 7, NOW).encode(&StoreKey::new([9; 32]));
    let tap = Code { subject: CodeSubject::Tap { display: DisplayId::parse("n1").unwrap(), offer: None }, ..door_code("s1", 7, NOW) };
    let foreign_pass = Pass { id: PassId::new(1, [7; 10]), expires_at: at(LATER) }.encode(&SigningKey::from_bytes(&[5; 32]));
    let expired_pass = Pass { id: PassId::new(1, [7; 10]), expires_at: at(NOW) }.encode(&signing());
    let visits = checked_in(1);
    let before = visits.clone();
    for (code, pass, refusal) in [
        ("d1.nonsense".to_owned(), pass(2), CheckInRefusal::Malformed),
        (tap.encode(&key), pass(2), CheckInRefusal::Malformed),
        (forged, pass(2), CheckInRefusal::Forged),
        (door_code("s1", 7, NOW - 61).encode(&key), pass(2), CheckInRefusal::Expired),
        (door_code("s2", 7, NOW).encode(&key), pass(2), CheckInRefusal::WrongStore),
        (code(1), pass(2), CheckInRefusal::Replayed),
        (code(7), foreign_pass, CheckInRefusal::PassInvalid),
        (code(7), expired_pass, CheckInRefusal::PassInvalid),
    ] {
        assert_eq!(try_check_in(&visits, &code, &pass, 2, NOW), Err(refusal));
    }
    assert_eq!(visits, before);
    assert!(try_check_in(&visits, &code(7), &pass(2), 2, NOW).is_ok(), "a refusal burns neither code nor pass");
}

#[test]
fn the_pass_of_an_open_visit_joins_it_and_that_of_a_closed_one_is_used_up() {
    let mut visits = checked_in(1);
    let change = try_check_in(&visits, &code(2), &pass(1), 2, NOW + 5).unwrap();
    assert!(matches!(change, Change::Attached { visit, .. } if visit == drawn(1).visit), "{change:?}");
    visits.apply(change);
    assert_eq!(visits.open().count(), 1);
    assert_eq!(try_check_in(&visits, &code(2), &pass(1), 2, NOW + 6), Err(CheckInRefusal::Replayed), "joining uses the code");
    visits.apply(visits.decide_close(drawn(1).visit, CloseReason::CheckedOut, at(NOW + 9), mono(NOW + 9)).unwrap());
    assert_eq!(try_check_in(&visits, &code(3), &pass(1), 3, NOW + 10), Err(CheckInRefusal::PassInvalid));
}

#[test]
fn a_code_memory_that_is_full_refuses_instead_of_letting_a_replay_pass() {
    let mut visits = Visits::default();
    let change = try_check_in(&visits, &code(0), &pass(1), 1, NOW).unwrap();
    let Change::Opened(opened) = change else { panic!("{change:?}") };
    visits.apply(Change::Opened(opened.clone()));
    for nonce in 1..u64::try_from(USED_MAX).unwrap() {
        let used = aisle_node_core::visit::book::UsedCode { nonce, ..opened.code };
        visits.apply(Change::Attached { visit: opened.visit, pass: opened.pass, code: used, at: at(NOW) });
    }
    assert_eq!(try_check_in(&visits, &code(u64::MAX), &pass(2), 2, NOW), Err(CheckInRefusal::NotReady));
    visits.forget(at(NOW + 66), mono(NOW + 66));
    let fresh = door_code("s1", 5, NOW + 66).encode(&keys().store_key);
    assert!(try_check_in(&visits, &fresh, &pass(2), 2, NOW + 66).is_ok());
}

#[test]
fn a_closed_visit_is_still_named_for_a_quarter_of_an_hour_and_then_unknown() {
    let mut visits = checked_in(1);
    let token = drawn(1).token;
    visits.apply(visits.decide_close(drawn(1).visit, CloseReason::CheckedOut, at(NOW), mono(NOW)).unwrap());
    visits.forget(at(NOW), mono(NOW + 899));
    assert_eq!(visits.decide_seen(token, None, at(NOW), mono(NOW)), Err(NoVisit::Closed));
    assert_eq!(visits.decide_close(drawn(1).visit, CloseReason::Left, at(NOW), mono(NOW)), Err(NoVisit::Closed));
    let forgotten = visits.forget(at(NOW), mono(NOW + 900));
    assert_eq!(forgotten.visits, [drawn(1).visit]);
    assert_eq!(visits.decide_seen(token, None, at(NOW), mono(NOW)), Err(NoVisit::Unknown));
}

#[test]
fn a_time_out_ends_the_visit_at_its_last_signal() {
    let mut visits = checked_in(1);
    let pets = ZoneId::parse("pets").unwrap();
    visits.apply(visits.decide_seen(drawn(1).token, Some(pets), at(NOW + 30), mono(NOW + 30)).unwrap());
    let idle_at = NOW + 30 + 20 * 60;
    assert_eq!(visits.overdue(None, at(idle_at - 1), mono(idle_at - 1), 10), []);
    let idle = visits.overdue(None, at(idle_at), mono(idle_at), 10);
    assert_eq!(idle, [Change::WentIdle { visit: drawn(1).visit, now: mono(idle_at) }]);
    idle.into_iter().for_each(|change| visits.apply(change));
    let end = idle_at + 90 * 60;
    let ended = visits.overdue(None, at(end), mono(end), 10);
    let expected = Change::Closed { visit: drawn(1).visit, reason: CloseReason::Timeout, ended_at: at(NOW + 30), now: mono(end) };
    assert_eq!(ended, [expected]);
}

#[derive(Debug, Clone)]
enum Step {
    CheckIn { code: u64, pass: u8 },
    Seen { token: u8 },
    Close { visit: u8 },
    Wait { s: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0_u64..6, 0_u8..6).prop_map(|(code, pass)| Step::CheckIn { code, pass }),
        (0_u8..40).prop_map(|token| Step::Seen { token }),
        (0_u8..40).prop_map(|visit| Step::Close { visit }),
        (1_i64..4_000).prop_map(|s| Step::Wait { s }),
    ]
}

proptest! {
    /// A code opens or joins once, a pass opens once, each visit opens and closes once, and a restart in between changes nothing.
    #[test]
    fn whatever_happens_no_code_or_pass_counts_twice(steps in prop::collection::vec(step(), 1..40)) {
        let (mut visits, mut now) = (Visits::default(), NOW);
        let (mut codes, mut passes, mut closed) = (Vec::new(), Vec::new(), Vec::new());
        for (n, step) in steps.into_iter().enumerate() {
            let n = u8::try_from(n).unwrap();
            let change = match step {
                Step::CheckIn { code, pass: p } => {
                    let code = door_code("s1", code, NOW).encode(&keys().store_key);
                    try_check_in(&visits, &code, &pass(p), n, now).ok()
                }
                Step::Seen { token } => visits.decide_seen(drawn(token).token, None, at(now), mono(now)).ok(),
                Step::Close { visit } => visits.decide_close(drawn(visit).visit, CloseReason::Left, at(now), mono(now)).ok(),
                Step::Wait { s } => {
                    now += s;
                    visits.forget(at(now), mono(now));
                    visits.overdue(None, at(now), mono(now), 1).pop()
                }
            };
            match &change {
                Some(Change::Opened(opened)) => {
                    prop_assert!(!codes.contains(&opened.code.nonce) && !passes.contains(&opened.pass));
                    codes.push(opened.code.nonce);
                    passes.push(opened.pass);
                }
                Some(Change::Attached { visit, code, .. }) => {
                    prop_assert!(!codes.contains(&code.nonce) && visits.get(*visit).is_some());
                    codes.push(code.nonce);
                }
                Some(Change::Closed { visit, .. }) => {
                    prop_assert!(!closed.contains(visit));
                    closed.push(*visit);
                }
                Some(Change::Seen { .. } | Change::WentIdle { .. }) | None => {}
            }
            change.into_iter().for_each(|change| visits.apply(change));
            prop_assert_eq!(passes.len(), closed.len() + visits.open().count());
        }
    }
}

#[test]
fn a_restored_book_decides_like_the_one_that_was_saved() {
    let mut visits = checked_in(1);
    visits.apply(try_check_in(&visits, &code(2), &pass(2), 2, NOW).unwrap());
    visits.apply(visits.decide_close(drawn(2).visit, CloseReason::CheckedOut, at(NOW), mono(NOW)).unwrap());
    let open: Vec<OpenVisit> = visits.open().cloned().collect();
    let closed = ClosedVisit { visit: drawn(2).visit, token: drawn(2).token, opened: mono(NOW), closed: mono(NOW) };
    let used = |n: u8| UsedPass { pass: PassId::new(1, [n; 10]), visit: drawn(n).visit, expires_at: at(LATER) };
    let mut codes = aisle_node_core::code::UsedCodes::default();
    codes.apply(1, at(NOW));
    codes.apply(2, at(NOW));
    assert_eq!(Visits::restore(open, vec![closed], vec![used(1), used(2)], codes), visits);
}
