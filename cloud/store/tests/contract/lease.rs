//! Contract of leases and the fence: who holds a partition, and what a holder of yesterday may still write.

use aisle_schemas::{
    ids::{InstanceId, Partition},
    limits::LEASE_LOOK,
    sync::Term,
};
use aisle_store::{
    Db, StoreError, counter,
    lease::{self, Claim},
    term::{self, Holder},
    testing::{World, on_both},
};

fn instance(name: &str) -> InstanceId {
    InstanceId::parse(name).unwrap()
}

fn parts(range: std::ops::RangeInclusive<u8>) -> Vec<Partition> {
    range.map(Partition).collect()
}

async fn take(db: &Db, name: &str, wish: &[Partition]) -> Vec<(Partition, Term)> {
    let mut taken = lease::take(db, Claim { instance: &instance(name), earlier_life: false }, wish).await.unwrap();
    taken.sort();
    taken
}

/// A write of an owner about one partition; `false` where the fence refused it.
async fn write_as(db: &Db, owner: &str, part: Partition, term: Term) -> bool {
    let holder = Holder { owner: instance(owner), term };
    db.write(move |tx| {
        Box::pin(async move {
            if !term::holds(tx, part, &holder).await? {
                return Ok::<_, StoreError>(false);
            }
            counter::add_in(tx, "written", &part.to_string(), 1).await?;
            Ok(true)
        })
    })
    .await
    .unwrap()
}

#[test]
fn as_086_a_partition_that_is_held_is_not_taken_and_each_change_of_hands_raises_its_term() {
    on_both(|World { db, kind, .. }| async move {
        let first = take(&db, "a", &parts(0..=9)).await;
        assert_eq!(first.iter().map(|(part, _)| *part).collect::<Vec<_>>(), parts(0..=9), "{kind}");
        assert!(take(&db, "b", &parts(5..=9)).await.is_empty(), "{kind}: all of them are held");
        assert!(take(&db, "a", &parts(0..=9)).await.is_empty(), "{kind}: not even by their own holder");

        lease::release(&db, &instance("a"), &first[5..]).await.unwrap();
        let second = take(&db, "b", &parts(0..=9)).await;
        assert_eq!(second.iter().map(|(part, _)| *part).collect::<Vec<_>>(), parts(5..=9), "{kind}");
        for ((_, old), (_, new)) in first[5..].iter().zip(&second) {
            assert!(new > old, "{kind}");
        }
        // At least the unix seconds of the database, so that one that was set back takes higher ones all the same (AS-070).
        assert!(first.iter().all(|(_, term)| *term > Term::new(1_700_000_000)), "{kind}: {first:?}");
    });
}

#[test]
fn as_086_an_instance_that_starts_again_takes_what_its_earlier_life_held() {
    on_both(|World { db, kind, .. }| async move {
        let earlier = take(&db, "a", &parts(0..=3)).await;
        let a = instance("a");
        assert_eq!(lease::survey(&db, &a, false, true).await.unwrap().free.len(), 252, "{kind}");
        assert_eq!(lease::survey(&db, &a, true, true).await.unwrap().free.len(), 256, "{kind}");
        let later = lease::take(&db, Claim { instance: &a, earlier_life: true }, &parts(0..=3)).await.unwrap();
        assert_eq!(later.len(), 4, "{kind}");
        assert!(!write_as(&db, "a", earlier[0].0, earlier[0].1).await, "{kind}: the earlier life is over");
        let (_, term) = later.iter().find(|(part, _)| *part == earlier[0].0).unwrap();
        assert!(write_as(&db, "a", earlier[0].0, *term).await, "{kind}");
    });
}

#[test]
fn as_034_only_the_holder_writes_and_only_under_its_term() {
    on_both(|World { db, kind, .. }| async move {
        let held = take(&db, "a", &parts(7..=7)).await;
        let (part, term) = held[0];
        assert!(write_as(&db, "a", part, term).await, "{kind}");
        assert!(!write_as(&db, "b", part, term).await, "{kind}: another name");
        assert!(!write_as(&db, "a", part, Term::new(term.get() - 1)).await, "{kind}: an earlier term");
        assert!(!write_as(&db, "a", Partition(8), term).await, "{kind}: another partition");

        lease::release(&db, &instance("a"), &held).await.unwrap();
        assert!(!write_as(&db, "a", part, term).await, "{kind}: given back");
        let (_, newer) = take(&db, "b", &[part]).await[0];
        assert!(!write_as(&db, "a", part, term).await, "{kind}: taken by another");
        assert!(write_as(&db, "b", part, newer).await, "{kind}");
        let written = counter::value(&mut db.read().await.unwrap(), "written", &part.to_string()).await.unwrap();
        assert_eq!(written, 2, "{kind}");
    });
}

#[test]
fn as_034_a_write_about_many_partitions_leaves_out_those_that_are_another_s() {
    on_both(|World { db, kind, .. }| async move {
        let held = take(&db, "a", &parts(0..=3)).await;
        lease::release(&db, &instance("a"), &held[..1]).await.unwrap();
        take(&db, "b", &parts(0..=0)).await;
        let claimed = held.clone();
        let still = db.write(move |tx| Box::pin(async move { term::still_held(tx, &instance("a"), &claimed).await })).await.unwrap();
        assert_eq!(still, parts(1..=3), "{kind}");
    });
}

#[test]
fn as_087_one_statement_renews_what_is_held_and_tells_what_is_not() {
    on_both(|World { db, kind, .. }| async move {
        let held = take(&db, "a", &parts(0..=255)).await;
        lease::release(&db, &instance("a"), &held[10..12]).await.unwrap();
        take(&db, "b", &parts(10..=10)).await;
        let mut renewed = lease::renew(&db, &instance("a"), &held).await.unwrap();
        renewed.sort();
        let expected: Vec<_> = parts(0..=255).into_iter().filter(|part| ![10, 11].contains(&part.0)).collect();
        assert_eq!(renewed, expected, "{kind}");
        assert!(lease::renew(&db, &instance("b"), &held).await.unwrap().is_empty(), "{kind}");
    });
}

#[test]
fn as_090_instances_see_those_that_live_and_have_a_link() {
    on_both(|World { db, kind, .. }| async move {
        let [a, b, c] = ["a", "b", "c"].map(instance);
        lease::survey(&db, &b, false, true).await.unwrap();
        lease::survey(&db, &c, false, false).await.unwrap();
        assert_eq!(lease::survey(&db, &a, false, true).await.unwrap().linked, 1, "{kind}: not itself, and not the one without a link");
        lease::leave(&db, &b).await.unwrap();
        assert_eq!(lease::survey(&db, &a, false, true).await.unwrap().linked, 0, "{kind}");
    });
}

#[test]
fn as_086_two_instances_that_take_at_the_same_moment_get_different_partitions() {
    on_both(|World { db, kind, url }| async move {
        let other = if kind == "postgres" { Db::connect(&url).await.unwrap() } else { db.clone() };
        let all = parts(0..=255);
        let (one, two) = tokio::join!(take(&db, "a", &all), take(&other, "b", &all));
        assert_eq!(one.len() + two.len(), 256, "{kind}");
        assert!(one.iter().all(|(part, _)| two.iter().all(|(taken, _)| taken != part)), "{kind}");
    });
}

/// T06: the owner pauses between its fence and its commit, for longer than its lease.
#[test]
fn as_088_an_owner_that_hangs_in_mid_transaction_keeps_nobody_out_and_writes_nothing_after() {
    on_both(|World { db, kind, url }| async move {
        if kind == "sqlite" {
            return; // One instance has the file: nobody waits for another.
        }
        let (part, term) = take(&db, "a", &parts(7..=7)).await[0];
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let (resume, resumed) = tokio::sync::oneshot::channel::<()>();
        let paused = tokio::spawn({
            let db = db.clone();
            async move {
                let holder = Holder { owner: instance("a"), term };
                db.write(move |tx| {
                    Box::pin(async move {
                        let holds = term::holds(tx, part, &holder).await?;
                        begun.send(holds).unwrap();
                        resumed.await.unwrap();
                        counter::add_in(tx, "written", "late", 1).await
                    })
                })
                .await
            }
        });
        assert!(has_begun.await.unwrap(), "it holds the partition when it begins");

        // Looks as often as an instance does; the lease ends first, then the database ends the transaction that hangs.
        let other = Db::connect(&url).await.unwrap();
        let mut look = tokio::time::interval(LEASE_LOOK);
        let taken = loop {
            look.tick().await;
            match lease::take(&other, Claim { instance: &instance("b"), earlier_life: false }, &[part]).await {
                Ok(taken) if !taken.is_empty() => break taken,
                Ok(_) => {}
                Err(error) => assert!(error.is_transient(), "{error:?}"),
            }
        };
        resume.send(()).unwrap();
        assert!(paused.await.unwrap().is_err(), "its transaction is gone");
        assert!(!write_as(&db, "a", part, term).await, "nor does it begin another");
        assert!(write_as(&other, "b", part, taken[0].1).await);
        let late = counter::value(&mut other.read().await.unwrap(), "written", "late").await.unwrap();
        assert_eq!(late, 0, "stale writes");
        other.close().await;
    });
}
