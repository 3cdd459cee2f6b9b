//! Rollouts over any stores, answers and hours: what was written comes back, and no wave begins before the one before it went well.

use proptest::prelude::*;

use super::*;

fn store(n: usize) -> StoreId {
    StoreId::parse(&format!("s{n:03}")).unwrap()
}

fn cohort(count: usize) -> BTreeSet<StoreId> {
    (0..count).map(store).collect()
}

fn terms() -> Terms {
    Terms { per_minute: 60, rejected_percent_max: 10, applied_percent_min: 90, patience_s: 600 }
}

fn at(s: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + s, 0).unwrap()
}

fn rollout(count: usize, waves: &[Reach], terms: Terms) -> Rollout {
    let targets = plan(&cohort(count), waves, &terms, "seed").unwrap();
    Rollout { terms, phase: Phase::Running, wave: 0, targets }
}

fn sizes(rollout: &Rollout) -> Vec<usize> {
    (0..=rollout.targets.iter().map(|target| target.wave).max().unwrap())
        .map(|wave| rollout.targets.iter().filter(|target| target.wave == wave).count())
        .collect()
}

/// Carries out what is decided; returns it.
fn step(rollout: &mut Rollout, now: DateTime<Utc>) -> Option<Order> {
    let order = rollout.decide(now);
    order.iter().for_each(|order| rollout.apply(order, now));
    order
}

#[test]
fn waves_are_shares_of_the_cohort_or_named_stores_first() {
    let shares = [Reach::Percent(1), Reach::Percent(10), Reach::Percent(100)];
    assert_eq!(sizes(&rollout(200, &shares, terms())), [2, 18, 180]);
    assert_eq!(sizes(&rollout(30, &shares, terms())), [1, 2, 27], "a share of few is at least one");
    let named = rollout(5, &[Reach::Stores(vec![store(3)]), Reach::Percent(100)], terms());
    assert_eq!((sizes(&named), named.targets[0].store.clone()), (vec![1, 4], store(3)));
}

#[test]
fn a_plan_that_makes_no_sense_is_refused_by_its_field() {
    let field = |waves: &[Reach], terms: Terms| plan(&cohort(3), waves, &terms, "x").unwrap_err().field;
    assert_eq!(field(&[], terms()), "/waves");
    assert_eq!(field(&[Reach::Percent(50)], terms()), "/waves");
    assert_eq!(field(&[Reach::Percent(0)], terms()), "/waves");
    assert_eq!(field(&[Reach::Stores(vec![store(9)]), Reach::Percent(100)], terms()), "/waves");
    assert_eq!(field(&[Reach::Percent(100), Reach::Percent(100)], terms()), "/waves", "a wave without a store");
    let all = [Reach::Percent(100)];
    assert_eq!(field(&all, Terms { per_minute: 0, ..terms() }), "/per_minute");
    assert_eq!(field(&all, Terms { rejected_percent_max: 100, ..terms() }), "/rejected_percent_max");
    assert_eq!(field(&all, Terms { applied_percent_min: 0, ..terms() }), "/applied_percent_min");
    assert_eq!(field(&all, Terms { patience_s: 9, ..terms() }), "/patience_s");
    assert_eq!(plan(&BTreeSet::new(), &all, &terms(), "x").unwrap_err().field, "/stores");
}

#[test]
fn one_rejection_too_many_brings_back_all_that_was_written_and_begins_no_other_wave() {
    let mut rollout = rollout(20, &[Reach::Percent(50), Reach::Percent(100)], terms());
    let Some(Order::Set(first)) = step(&mut rollout, at(0)) else { panic!("the first wave begins") };
    assert_eq!(first.len(), 10);
    assert!(rollout.observe(&first[0], Report::Rejected("not_here".to_owned())));
    assert_eq!(rollout.decide(at(1)), None, "one of ten is within the limit");
    rollout.observe(&first[1], Report::Taken);
    rollout.observe(&first[2], Report::Rejected("programme".to_owned()));
    assert_eq!(step(&mut rollout, at(2)), Some(Order::RollBack(Reason::TooManyRejected)));
    let Some(Order::Restore(restored)) = step(&mut rollout, at(3)) else { panic!("it goes back") };
    assert_eq!(restored.iter().collect::<BTreeSet<_>>(), first.iter().collect(), "also where it was rejected: it must not come later");
    assert_eq!(step(&mut rollout, at(4)), Some(Order::Finish));
    assert_eq!((rollout.phase, rollout.decide(at(5))), (Phase::RolledBack(Reason::TooManyRejected), None));
}

#[test]
fn a_wave_that_does_not_converge_in_time_goes_back_and_one_that_does_lets_the_next_begin() {
    let mut rollout = rollout(4, &[Reach::Percent(50), Reach::Percent(100)], terms());
    let Some(Order::Set(first)) = step(&mut rollout, at(0)) else { panic!("the first wave begins") };
    first.iter().for_each(|store| assert!(rollout.observe(store, Report::Taken)));
    assert_eq!(step(&mut rollout, at(1)), Some(Order::Advance));
    let Some(Order::Set(second)) = step(&mut rollout, at(2)) else { panic!("the second wave begins") };
    rollout.observe(&second[0], Report::Taken);
    assert_eq!(rollout.decide(at(601)), None);
    assert_eq!(rollout.decide(at(602)), Some(Order::RollBack(Reason::NotConverged)));
    rollout.observe(&second[1], Report::Taken);
    assert_eq!(step(&mut rollout, at(602)), Some(Order::Finish));
    assert_eq!(rollout.phase, Phase::Done);
    assert!(rollout.roll_back(), "also afterwards");
}

#[test]
fn a_paused_rollout_listens_and_does_nothing_until_it_goes_on() {
    let mut rollout = rollout(2, &[Reach::Percent(50), Reach::Percent(100)], terms());
    let Some(Order::Set(first)) = step(&mut rollout, at(0)) else { panic!("the first wave begins") };
    assert!(rollout.pause(true) && !rollout.pause(true));
    assert!(rollout.observe(&first[0], Report::Taken));
    assert_eq!(rollout.decide(at(9_999)), None);
    assert!(rollout.pause(false));
    assert_eq!(rollout.decide(at(9_999)), Some(Order::Advance));
}

#[test]
fn a_store_that_somebody_else_has_written_to_is_left_alone() {
    let mut rollout = rollout(2, &[Reach::Percent(100)], terms());
    let Some(Order::Set(stores)) = step(&mut rollout, at(0)) else { panic!("it begins") };
    rollout.observe(&stores[0], Report::Overtaken);
    rollout.observe(&stores[1], Report::Taken);
    assert!(rollout.roll_back());
    assert_eq!(step(&mut rollout, at(1)), Some(Order::Restore(vec![stores[1].clone()])));
}

#[test]
fn a_rollout_that_goes_back_hears_only_where_somebody_else_has_written() {
    let mut rollout = rollout(3, &[Reach::Percent(100)], terms());
    let Some(Order::Set(stores)) = step(&mut rollout, at(0)) else { panic!("it begins") };
    stores.iter().for_each(|store| assert!(rollout.observe(store, Report::Taken)));
    assert_eq!(step(&mut rollout, at(1)), Some(Order::Finish));
    assert!(!rollout.observe(&stores[0], Report::Overtaken), "it is over");
    assert!(rollout.roll_back());
    assert!(rollout.observe(&stores[0], Report::Overtaken));
    assert!(!rollout.observe(&stores[1], Report::Rejected("late".to_owned())));
    assert_eq!(step(&mut rollout, at(2)), Some(Order::Restore(stores[1..].to_vec())));
}

#[test]
fn a_store_that_cannot_be_written_to_counts_as_rejected() {
    let mut rollout = rollout(2, &[Reach::Percent(100)], Terms { rejected_percent_max: 50, applied_percent_min: 50, ..terms() });
    let store = rollout.targets[0].store.clone();
    assert!(rollout.refuse(&store, "documents_full", at(0)));
    assert!(!rollout.refuse(&store, "documents_full", at(1)), "once");
    let other = rollout.targets[1].store.clone();
    assert_eq!(step(&mut rollout, at(1)), Some(Order::Set(vec![other.clone()])));
    assert!(!rollout.refuse(&other, "documents_full", at(2)), "it was written");
}

/// What a store answers, and whether staff do something, at one instant.
#[derive(Debug, Clone)]
enum Happening {
    Answers(usize, u8),
    Passes(i64),
    Pauses(bool),
    GoesBack,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => (0_usize..40, 0_u8..8).prop_map(|(store, answer)| Happening::Answers(store, answer)),
        4 => (1_i64..120).prop_map(Happening::Passes),
        1 => any::<bool>().prop_map(Happening::Pauses),
        1 => Just(Happening::GoesBack),
    ]
}

proptest! {
    #[test]
    fn the_rate_holds_waves_wait_and_nothing_written_is_left_behind(
        count in 1_usize..40,
        per_minute in 1_u32..30,
        happenings in prop::collection::vec(happening(), 0..200),
    ) {
        let waves = [Reach::Stores(vec![store(0)]), Reach::Percent(100)];
        let waves = if count == 1 { &waves[1..] } else { &waves[..] };
        let mut rollout = rollout(count, waves, Terms { per_minute, ..terms() });
        let (mut now, mut sets) = (at(0), Vec::new());
        let mut written: BTreeSet<StoreId> = BTreeSet::new();
        let run = |rollout: &mut Rollout, now: DateTime<Utc>, sets: &mut Vec<DateTime<Utc>>, written: &mut BTreeSet<StoreId>| {
            for _ in 0..100 {
                let before = rollout.clone();
                let Some(order) = step(rollout, now) else { return Ok(()) };
                match order {
                    Order::Set(stores) => {
                        prop_assert_eq!(before.phase, Phase::Running);
                        let wave = |store: &StoreId| before.targets.iter().find(|target| target.store == *store).map(|target| target.wave);
                        prop_assert!(stores.iter().all(|store| wave(store) == Some(before.wave)), "one wave at a time");
                        sets.extend(stores.iter().map(|_| now));
                        let recent = sets.iter().filter(|at| **at > now - TimeDelta::minutes(1)).count();
                        prop_assert!(recent <= per_minute as usize, "{recent} in a minute");
                        written.extend(stores);
                    }
                    Order::Restore(stores) => prop_assert!(stores.iter().all(|store| written.remove(store)), "once each"),
                    Order::Advance => {
                        let wave = before.targets.iter().filter(|target| target.wave == before.wave);
                        let applied = wave.clone().filter(|target| matches!(target.progress, Progress::Applied { .. })).count();
                        let counted = wave.filter(|target| !matches!(target.progress, Progress::Overtaken { .. })).count();
                        prop_assert!(applied * 10 >= counted * 9, "a wave waits for the one before it");
                    }
                    Order::RollBack(_) | Order::Finish => {}
                }
            }
            Err(TestCaseError::fail("it never rests"))
        };
        for happening in happenings {
            match happening {
                Happening::Answers(n, answer) => {
                    let report = match answer {
                        0 => Report::Rejected("x".to_owned()),
                        1 => Report::Pending,
                        2 => Report::Overtaken,
                        _ => Report::Taken,
                    };
                    let overtaken = report == Report::Overtaken;
                    if rollout.observe(&store(n), report) && overtaken {
                        written.remove(&store(n));
                    }
                }
                Happening::Passes(s) => now += TimeDelta::seconds(s),
                Happening::Pauses(paused) => { rollout.pause(paused); }
                Happening::GoesBack => { rollout.roll_back(); }
            }
            run(&mut rollout, now, &mut sets, &mut written)?;
        }
        rollout.pause(false);
        rollout.roll_back();
        run(&mut rollout, now, &mut sets, &mut written)?;
        prop_assert!(matches!(rollout.phase, Phase::RolledBack(_)), "{:?}", rollout.phase);
        let overtaken = |store: &StoreId| {
            rollout.targets.iter().any(|target| target.store == *store && matches!(target.progress, Progress::Overtaken { .. }))
        };
        prop_assert!(written.iter().all(overtaken), "what was written came back: {:?}", written);
    }
}
