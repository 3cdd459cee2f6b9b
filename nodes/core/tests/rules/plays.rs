//! Proof of play: each play counts once, whatever order and number reports come in.
use aisle_node_core::ids::{BootId, EventSlug, LayoutZoneId, ScreenId};
use aisle_node_core::signage::PlayLog;
use aisle_node_core::signage::play::{BOOTS_MAX, PlayCounts, ReportRefusal};
use aisle_schemas::screen::{DisplayPower, Play, PlayDetail, PlayOutcome, PlayRule};

use super::at;

fn screen(text: &str) -> ScreenId {
    ScreenId::parse(text).unwrap()
}

fn boot(n: u8) -> BootId {
    BootId::new(u64::from(n), [n; 10])
}

fn play(seq: u64) -> Play {
    Play {
        screen: screen("window-1"),
        boot: boot(1),
        seq,
        zone: LayoutZoneId::parse("main").unwrap(),
        event: EventSlug::parse("spring").unwrap(),
        offer: None,
        offer_rev: None,
        rule: PlayRule::Loop,
        started_at: at(1_000),
        duration_ms: 8_000,
        clock_synced: true,
        outcome: PlayOutcome::Complete,
        display_power: DisplayPower::On,
        detail: PlayDetail::default(),
    }
}

fn plays(range: std::ops::RangeInclusive<u64>) -> Vec<Play> {
    range.map(play).collect()
}

fn log() -> PlayLog {
    PlayLog::restore(screen("window-1"), [])
}

/// Reports, commits, and says which plays were new, up to where the screen may forget, and how many were given up.
fn report(log: &mut PlayLog, plays: &[Play]) -> (Vec<u64>, u64, u64) {
    let accepted = log.decide(plays).unwrap();
    log.apply(plays, &accepted);
    (accepted.plays.iter().map(|play| play.seq).collect(), accepted.up_to, accepted.missing)
}

#[test]
fn a_report_sent_again_brings_only_what_was_not_known() {
    let mut log = log();
    assert_eq!(report(&mut log, &plays(1..=3)), (vec![1, 2, 3], 3, 0));
    assert_eq!(report(&mut log, &plays(1..=3)), (vec![], 3, 0));
    assert_eq!(report(&mut log, &plays(2..=5)), (vec![4, 5], 5, 0));
}

#[test]
fn a_gap_is_asked_for_once_and_filled_when_the_screen_has_it() {
    let mut log = log();
    report(&mut log, &plays(1..=2));
    assert_eq!(report(&mut log, &plays(5..=6)), (vec![], 2, 0));
    assert_eq!(report(&mut log, &plays(3..=6)), (vec![3, 4, 5, 6], 6, 0));
}

#[test]
fn a_gap_that_the_screen_cannot_fill_is_passed_and_counted() {
    let mut log = log();
    report(&mut log, &plays(1..=2));
    assert_eq!(report(&mut log, &plays(5..=6)), (vec![], 2, 0));
    assert_eq!(report(&mut log, &plays(5..=6)), (vec![5, 6], 6, 2));
}

#[test]
fn a_restart_of_the_node_changes_nothing() {
    let mut log = PlayLog::restore(screen("window-1"), [(boot(1), 3)]);
    assert_eq!(report(&mut log, &plays(2..=4)), (vec![4], 4, 0));
}

#[test]
fn a_report_that_is_not_of_this_screen_and_one_boot_in_order_is_refused_whole() {
    let log = log();
    let refused = |plays: &[Play]| log.decide(plays).unwrap_err();
    assert_eq!(refused(&[]), ReportRefusal::Empty);
    assert_eq!(refused(&[play(1), Play { screen: screen("other"), ..play(2) }]), ReportRefusal::OtherScreen);
    assert_eq!(refused(&[play(1), Play { boot: boot(2), ..play(2) }]), ReportRefusal::Disordered);
    assert_eq!(refused(&[play(1), play(3)]), ReportRefusal::Disordered);
    assert_eq!(refused(&[play(0)]), ReportRefusal::Disordered);
    assert_eq!(refused(&[play(u64::MAX), play(1)]), ReportRefusal::Disordered);
    assert_eq!(refused(&[Play { duration_ms: 86_400_001, ..play(1) }]), ReportRefusal::TooLong);
}

#[test]
fn the_oldest_boot_is_forgotten_first() {
    let mut log = log();
    let of = |n: u8| vec![Play { boot: boot(n), ..play(1) }];
    let most = u8::try_from(BOOTS_MAX).unwrap();
    for n in 1..=most {
        let accepted = log.decide(&of(n)).unwrap();
        assert_eq!(log.apply(&of(n), &accepted), None);
    }
    let accepted = log.decide(&of(most + 1)).unwrap();
    assert_eq!(log.apply(&of(most + 1), &accepted), Some(boot(1)));
}

#[test]
fn plays_of_an_hour_slide() {
    let event = EventSlug::parse("spring").unwrap();
    let mut counts = PlayCounts::default();
    counts.count(event.clone(), at(0));
    counts.count(event.clone(), at(1_800));
    counts.count(EventSlug::parse("other").unwrap(), at(1_800));
    assert_eq!((counts.within_an_hour(&event, at(3_599)), counts.next_release(&event, at(3_599))), (2, Some(at(3_600))));
    assert_eq!((counts.within_an_hour(&event, at(3_600)), counts.next_release(&event, at(3_600))), (1, Some(at(5_400))));
}
