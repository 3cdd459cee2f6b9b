//! Several tablets, visits and members of staff at once.

use aisle_schemas::handshake::{CodeSecret, period};
use chrono::DateTime;

use super::*;
use crate::consultation::state::{CLAIM_IDLE, Outcome, Phase};

fn at(s: i64) -> Moment {
    Moment { wall: DateTime::from_timestamp(1_800_000_000 + s, 0).unwrap(), mono: Monotonic::from_ms(s * 1_000) }
}
fn id(n: u8) -> HandshakeId {
    HandshakeId::from_random([n; 16])
}
fn tablet(n: u8) -> DeviceId {
    DeviceId::parse(&format!("tablet-{n}")).unwrap()
}
fn visit(n: u8) -> VisitId {
    VisitId::new(1, [n; 10])
}
fn offer(book: &mut Book, n: u8, device: u8, now: Moment) -> Vec<HandshakeId> {
    let offer = Offer {
        id: id(n),
        staff: "1".to_owned(),
        device: tablet(device),
        device_sha256: "aa".to_owned(),
        wanted: vec![Scope::Bookmarks],
        secret: CodeSecret::new([n; 32]),
        nonce: [n; 32],
        at: now,
    };
    book.offer(offer, now).unwrap()
}
fn claim(book: &mut Book, n: u8, by: u8, now: Moment) -> Result<Claimed, Refusal> {
    let code = CodeSecret::new([n; 32]).code(period(now.wall));
    book.claim(id(n), Claim { code: &code, standing: Standing::Here(visit(by)), nonce: [by; 32] }, now)
}
fn outcome(book: &Book, n: u8) -> Option<Outcome> {
    match book.get(id(n)).unwrap().phase() {
        Phase::Over { outcome, .. } => Some(*outcome),
        Phase::Offered { .. } | Phase::Claimed { .. } | Phase::Active { .. } => None,
    }
}

#[test]
fn a_tablet_has_one_open_offer() {
    let mut book = Book::default();
    offer(&mut book, 1, 1, at(0));
    offer(&mut book, 2, 2, at(0));
    assert_eq!(offer(&mut book, 3, 1, at(1)), [id(1)]);
    assert_eq!(outcome(&book, 1), Some(Outcome::Ended(EndReason::Staff)));
    assert_eq!((outcome(&book, 2), outcome(&book, 3)), (None, None));
    assert_eq!(book.of_device(&tablet(1)).unwrap().offer().id, id(3));
}

#[test]
fn a_visit_that_guesses_at_many_tablets_is_heard_no_more() {
    let mut book = Book::default();
    for n in 1..=6 {
        offer(&mut book, n, n, at(0));
    }
    for n in 1..=5 {
        let wrong = Claim { code: "2222-2222", standing: Standing::Here(visit(1)), nonce: [1; 32] };
        assert_eq!(book.claim(id(n), wrong, at(1)).map(drop), Err(Refusal::CodeExpired));
    }
    assert_eq!(claim(&mut book, 6, 1, at(2)).map(drop), Err(Refusal::TooManyTries));
    assert_eq!(claim(&mut book, 6, 2, at(2)).map(drop), Ok(()), "the offer itself is still good for others");
}

#[test]
fn a_visit_that_closes_ends_what_it_claimed_and_nothing_else() {
    let mut book = Book::default();
    offer(&mut book, 1, 1, at(0));
    offer(&mut book, 2, 2, at(0));
    claim(&mut book, 1, 1, at(1)).unwrap();
    claim(&mut book, 2, 2, at(1)).unwrap();
    assert_eq!(book.visit_closed(visit(1), at(2)), [id(1)]);
    assert_eq!(outcome(&book, 1), Some(Outcome::Ended(EndReason::CheckedOut)));
    assert_eq!(outcome(&book, 2), None);
}

#[test]
fn only_the_visit_that_claimed_may_stop_it() {
    let mut book = Book::default();
    offer(&mut book, 1, 1, at(0));
    claim(&mut book, 1, 1, at(1)).unwrap();
    assert_eq!(book.revoke(id(1), Some(visit(2)), at(2)), Err(Refusal::NotParty));
    assert_eq!(outcome(&book, 1), None);
    assert_eq!(book.revoke(id(1), Some(visit(1)), at(2)), Ok(()));
    assert_eq!(outcome(&book, 1), Some(Outcome::Denied));
}

#[test]
fn what_is_due_ends_before_anything_else_happens_to_it() {
    let mut book = Book::default();
    offer(&mut book, 1, 1, at(0));
    claim(&mut book, 1, 1, at(0)).unwrap();
    let late = i64::try_from(CLAIM_IDLE.as_secs()).unwrap();
    book.attend(id(1), at(late)).unwrap();
    assert_eq!(outcome(&book, 1), Some(Outcome::Abandoned));
}

#[test]
fn what_is_over_is_told_once_and_forgotten_in_the_end() {
    let mut book = Book::default();
    offer(&mut book, 1, 1, at(0));
    assert_eq!(book.tick(at(299)), []);
    assert_eq!(book.tick(at(300)), [id(1)]);
    assert_eq!(book.tick(at(301)), []);
    assert!(book.get(id(1)).is_some());
    let forgotten = 300 + i64::try_from(KEPT_FOR.as_secs()).unwrap();
    book.tick(at(forgotten));
    assert!(book.get(id(1)).is_none());
}

#[test]
fn a_store_keeps_only_so_many_at_a_time() {
    let mut book = Book::default();
    for n in 0..KEPT_MAX {
        let n = u16::try_from(n).unwrap().to_be_bytes();
        let mut random = [0; 16];
        random[..2].copy_from_slice(&n);
        let one = Offer {
            id: HandshakeId::from_random(random),
            staff: "1".to_owned(),
            device: tablet(1),
            device_sha256: "aa".to_owned(),
            wanted: vec![],
            secret: CodeSecret::new([0; 32]),
            nonce: [0; 32],
            at: at(0),
        };
        book.offer(one, at(0)).unwrap();
    }
    let one_more = Offer { id: id(255), ..book.all().next().unwrap().offer().clone() };
    assert_eq!(book.offer(one_more, at(1)), Err(NotOffered::Busy));
}
