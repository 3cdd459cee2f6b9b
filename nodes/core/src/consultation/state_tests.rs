//! One handshake, event by event: our own sequences, the design's where they lie beside the checkout, and each limit to the second.

use aisle_schemas::handshake::HandshakeId;

use super::*;

const TABLET: &str = "aa";
const STAFF: &str = "1";

fn at(s: i64) -> Moment {
    Moment { wall: DateTime::from_timestamp(1_800_000_000 + s, 0).unwrap(), mono: Monotonic::from_ms(s * 1_000) }
}
fn id() -> HandshakeId {
    HandshakeId::from_random([7; 16])
}
fn visit(n: u8) -> VisitId {
    VisitId::new(1, [n; 10])
}
fn secret() -> CodeSecret {
    CodeSecret::new([0x0b; 32])
}
fn offered() -> Consultation {
    Consultation::new(Offer {
        id: id(),
        staff: STAFF.to_owned(),
        device: DeviceId::parse("tablet-1").unwrap(),
        device_sha256: TABLET.to_owned(),
        wanted: vec![Scope::Bookmarks],
        secret: secret(),
        nonce: [2; 32],
        at: at(0),
    })
}
fn code(now: Moment, periods_ago: u64) -> String {
    secret().code(period(now.wall) - periods_ago)
}
fn claim(kept: Consultation, now: Moment) -> (Consultation, Result<Claimed, Refusal>) {
    let code = code(now, 0);
    kept.claim(Claim { code: &code, standing: Standing::Here(visit(1)), nonce: [1; 32] }, now)
}
fn lease(grant: u8, scopes: &[Scope], ttl_s: i64, now: Moment) -> Lease {
    Lease {
        grant: EventId::new(1, [grant; 10]),
        handshake: id(),
        pseudonym: EventId::new(1, [9; 10]),
        staff: STAFF.to_owned(),
        device: DeviceId::parse("tablet-1").unwrap(),
        device_sha256: TABLET.to_owned(),
        scopes: scopes.to_vec(),
        issued_at: now.wall,
        expires_at: now.wall + TimeDelta::seconds(ttl_s),
        seq: 1,
    }
}
fn active(ttl_s: i64) -> Consultation {
    let (kept, claimed) = claim(offered(), at(0));
    claimed.unwrap();
    let (kept, granted) = kept.grant(lease(1, &[Scope::Bookmarks], ttl_s, at(0)), at(0));
    granted.unwrap();
    kept
}
fn word(kept: &Consultation) -> &'static str {
    match kept.phase() {
        Phase::Offered { .. } => "offered",
        Phase::Claimed { .. } => "claimed",
        Phase::Active { .. } => "active",
        Phase::Over { outcome, .. } => outcome.as_str(),
    }
}

/// Runs events in the words of the design's vectors. Emits the state and the error of the last event.
fn run(events: &[String]) -> (Consultation, Option<&'static str>) {
    let mut now = at(0);
    let mut kept = offered();
    let mut error = None;
    for event in events {
        let (name, argument) = event.split_once('(').map_or((event.as_str(), ""), |(name, rest)| (name, rest.trim_end_matches(')')));
        let refused;
        (kept, refused) = match name {
            "offer" => (offered(), None),
            "claim" => {
                let standing = match argument {
                    "customer checked in at B" => Standing::Elsewhere,
                    "no session" => Standing::NoVisit,
                    "customer 2" | "same code" => Standing::Here(visit(2)),
                    _ => Standing::Here(visit(1)),
                };
                let nonce = if standing == Standing::Here(visit(2)) { [4; 32] } else { [1; 32] };
                let code = code(now, if argument == "code 2 buckets old" { 2 } else { 0 });
                let (kept, answer) = kept.claim(Claim { code: &code, standing, nonce }, now);
                (kept, answer.err())
            }
            "confirm_sas" => (kept.attend(now), None),
            "grant" => {
                let ttl_s = argument.split_once("ttl=").map_or(600, |(_, ttl)| ttl.parse().unwrap());
                let listed =
                    argument.split_once("scope=[").and_then(|(_, rest)| rest.split_once(']')).map_or("bookmarks", |(list, _)| list);
                let scopes: Vec<Scope> = listed.split(',').map(|scope| Scope::parse(scope).unwrap()).collect();
                let (kept, answer) = kept.grant(lease(1, &scopes, ttl_s, now), now);
                (kept, answer.err())
            }
            "request_scope" => {
                let (kept, answer) = kept.request(&[Scope::Sizes]);
                (kept, answer.err())
            }
            "deny" => {
                let (kept, answer) = kept.deny(now);
                (kept, answer.err())
            }
            "read" => {
                let staff = if argument == "staff 2" { "2" } else { STAFF };
                let scope = if argument == "purchases" { Scope::Purchases90d } else { Scope::Bookmarks };
                let refused = kept.read(staff, TABLET, scope, now).err();
                (kept, refused)
            }
            "revoke" => (kept.revoke(now), None),
            "end" => (kept.end(EndReason::Staff, now), None),
            "customer_check_out" => (kept.end(EndReason::CheckedOut, now), None),
            "staff_logout" => (kept.end(EndReason::SignedOut, now), None),
            "mqtt_will" => (kept.tablet(false, now), None),
            passing => {
                let seconds = passing.strip_prefix('+').and_then(|rest| rest.split_once('s')).unwrap().0;
                now = at(now.mono.as_ms() / 1_000 + seconds.parse::<i64>().unwrap());
                (kept.tick(now), None)
            }
        };
        error = refused.map(Refusal::code);
    }
    (kept, error)
}

fn check(name: &str, events: &[String], wanted: &str) {
    let (kept, error) = run(events);
    let state: String = wanted.chars().take_while(char::is_ascii_alphabetic).collect();
    assert_eq!(word(&kept), state, "{name}");
    assert_eq!(error, wanted.split_once("error ").map(|(_, code)| code), "{name}");
    if let Some((_, list)) = wanted.split_once("scope=[") {
        let Phase::Active { lease, .. } = kept.phase() else { panic!("{name}") };
        let scopes: Vec<&str> = lease.scopes.iter().map(|scope| scope.as_str()).collect();
        assert_eq!(scopes.join(","), list.trim_end_matches("])"), "{name}");
    }
}

#[test]
fn each_sequence_ends_where_it_should() {
    for (events, wanted) in [
        ("offer|claim(fresh code)|confirm_sas(customer)|grant(scope=[bookmarks,wishlist],ttl=600)", "active(scope=[bookmarks,wishlist])"),
        ("offer|+300s", "lapsed"),
        ("offer|claim|claim", "claimed"),
        ("offer|claim|deny|grant", "denied / error not_open"),
        ("offer|claim|+59s|confirm_sas(customer)|+59s", "claimed"),
        ("offer|claim|grant|request_scope|grant", "active / error replay"),
        ("offer|claim|grant|revoke|read(bookmarks)", "revoked / error not_open"),
        ("offer|claim|grant|mqtt_will|+29s", "active"),
        ("offer|claim|mqtt_will|+30s", "ended"),
    ] {
        check(events, &events.split('|').map(str::to_owned).collect::<Vec<_>>(), wanted);
    }
}

#[test]
fn each_sequence_of_the_design_ends_where_it_should() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/vectors/handshake_design.json");
    let Ok(text) = std::fs::read_to_string(path) else {
        eprintln!("SKIPPED: {path} is not there; our own sequences alone were run");
        return;
    };
    let design: serde_json::Value = serde_json::from_str(&text).unwrap();
    let sequences = design["state_sequences"].as_array().unwrap();
    assert!(!sequences.is_empty());
    for sequence in sequences {
        let events: Vec<String> = sequence["events"].as_array().unwrap().iter().map(|event| event.as_str().unwrap().to_owned()).collect();
        check(sequence["id"].as_str().unwrap(), &events, sequence["final"].as_str().unwrap());
    }
}

#[test]
fn a_code_counts_for_its_period_and_the_next() {
    // Periods of the wall clock begin at multiples of 20 s, as at(0) does.
    let try_after = |s: i64| {
        let code = code(at(0), 0);
        offered().claim(Claim { code: &code, standing: Standing::Here(visit(1)), nonce: [1; 32] }, at(s)).1.map(drop)
    };
    assert_eq!(try_after(39), Ok(()));
    assert_eq!(try_after(40), Err(Refusal::CodeExpired));
}

#[test]
fn five_wrong_codes_close_the_offer_and_a_slow_one_is_not_wrong() {
    let wrong = |kept: Consultation, code: &str, s| kept.claim(Claim { code, standing: Standing::Here(visit(1)), nonce: [1; 32] }, at(s));
    let slow = code(at(0), 0);
    let (mut kept, refused) = wrong(offered(), &slow, 100);
    assert_eq!((refused, kept.phase()), (Err(Refusal::CodeExpired), &Phase::Offered { wrong_codes: 0 }));
    for _ in 0..WRONG_CODES_MAX {
        kept = wrong(kept, "2222-2222", 100).0;
    }
    assert_eq!(claim(kept, at(100)).1, Err(Refusal::TooManyTries));
}

#[test]
fn both_nonces_and_the_offer_make_the_number_that_both_devices_show() {
    let (kept, claimed) = claim(offered(), at(0));
    let claimed = claimed.unwrap();
    assert_eq!(commitment(&claimed.nonce_tablet), kept.commitment(), "the phone can check what was revealed");
    let seen_by_phone = transcript(&id().to_string(), &kept.commitment(), &[1; 32], &claimed.nonce_tablet);
    assert_eq!(claimed.sas, Sas::of(&seen_by_phone));
}

#[test]
fn the_customer_may_take_five_minutes_and_no_more() {
    let (mut kept, _) = claim(offered(), at(0));
    for s in (0..300).step_by(50) {
        kept = kept.tick(at(s)).attend(at(s));
    }
    assert_eq!(word(&kept.clone().tick(at(299))), "claimed");
    assert_eq!(word(&kept.tick(at(300))), "abandoned");
}

#[test]
fn without_a_renewal_nothing_is_read_after_two_minutes_until_there_is_one() {
    let kept = active(600);
    assert!(kept.read(STAFF, TABLET, Scope::Bookmarks, at(119)).is_ok());
    assert_eq!(kept.read(STAFF, TABLET, Scope::Bookmarks, at(120)), Err(Refusal::Suspended));
    let renewal = Lease { seq: 2, issued_at: at(130).wall, ..lease(1, &[Scope::Bookmarks], 600, at(0)) };
    let (kept, renewed) = kept.renew(renewal.clone(), at(130));
    assert_eq!(renewed, Ok(()));
    assert!(kept.read(STAFF, TABLET, Scope::Bookmarks, at(249)).is_ok());
    assert_eq!(kept.renew(renewal, at(131)).1, Err(Refusal::WrongLease), "an old renewal renews nothing");
}

#[test]
fn a_renewal_never_lengthens_or_widens() {
    let longer = Lease { seq: 2, ..lease(1, &[Scope::Bookmarks], 1_200, at(0)) };
    let (kept, renewed) = active(600).renew(longer, at(10));
    assert_eq!(renewed, Ok(()));
    assert_eq!(word(&kept.tick(at(600))), "expired");
    let wider = Lease { seq: 2, ..lease(1, &[Scope::Bookmarks, Scope::Contact], 600, at(0)) };
    assert_eq!(active(600).renew(wider, at(10)).1, Err(Refusal::WrongLease));
}

#[test]
fn a_lease_of_another_tablet_member_of_staff_or_time_grants_nothing() {
    let good = lease(1, &[Scope::Bookmarks], 600, at(0));
    let (kept, _) = claim(offered(), at(0));
    for wrong in [
        Lease { staff: "2".to_owned(), ..good.clone() },
        Lease { device_sha256: "bb".to_owned(), ..good.clone() },
        Lease { device: DeviceId::parse("tablet-2").unwrap(), ..good.clone() },
        Lease { handshake: HandshakeId::from_random([8; 16]), ..good.clone() },
        Lease { issued_at: at(6).wall, ..good.clone() },
        Lease { expires_at: at(0).wall, ..good.clone() },
        Lease { expires_at: at(1_806).wall, ..good.clone() },
    ] {
        assert_eq!(kept.clone().grant(wrong, at(0)).1, Err(Refusal::WrongLease));
    }
    assert_eq!(kept.grant(Lease { issued_at: at(5).wall, ..good }, at(0)).1, Ok(()), "clocks may differ by five seconds");
}

#[test]
fn a_clock_that_is_set_back_does_not_lengthen_a_grant() {
    let later = Moment { wall: at(-3_000).wall, mono: at(600).mono };
    assert_eq!(word(&active(600).tick(later)), "expired");
}

#[test]
fn a_tablet_that_comes_back_in_time_keeps_its_consultation() {
    let kept = active(600).tablet(false, at(10)).tablet(false, at(20));
    assert_eq!(word(&kept.clone().tick(at(40))), "ended", "it was gone since the first sign");
    assert_eq!(word(&kept.tablet(true, at(39)).tick(at(100))), "active");
}

#[test]
fn only_what_was_handed_over_has_to_be_confirmed_as_gone() {
    let kept = active(600).handed_over().revoke(at(10));
    assert!(!kept.is_overdue(at(14)));
    assert!(kept.is_overdue(at(15)));
    assert!(!kept.purged().is_overdue(at(15)));
    assert!(!active(600).revoke(at(10)).is_overdue(at(100)), "nothing was read");
    assert!(!claim(offered(), at(0)).0.revoke(at(1)).is_overdue(at(100)));
}

#[test]
fn what_a_locked_tablet_confirmed_counts_until_more_is_handed_over() {
    let locked = active(600).handed_over().purged();
    assert!(!locked.clone().revoke(at(10)).is_overdue(at(100)));
    assert!(locked.handed_over().revoke(at(10)).is_overdue(at(15)));
}

#[test]
fn every_no_looks_the_same_to_staff() {
    for no in [Outcome::Denied, Outcome::Lapsed, Outcome::Abandoned] {
        assert_eq!(no.shown(), ShownEnd::NothingShared);
    }
}
