//! A25: check-in on entry makes her recognisable and addressable, to the cloud; to the store she is a token.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aisle_schemas::visit::CheckInMethod;
use aisle_sim::client::customer::INSTORE_CONTEXT;
use aisle_sim::run::measure::Latency;
use aisle_tests::DEADLINE;
use aisle_tests::canary::find_in_folder;
use aisle_tests::world::{Documents, Member, Profile, World};
use anyhow::{Context, Result};
use chrono::TimeDelta;
use tokio::task::JoinSet;

const PEOPLE: usize = 50;
const CHECK_INS: usize = 1_000;
const PER_SECOND: u32 = 50;
/// Time between two looks at the store's disk; it adds to what is measured.
const LOOK_EVERY: Duration = Duration::from_millis(10);

#[tokio::test(flavor = "multi_thread")]
async fn a25_a_thousand_check_ins_at_fifty_a_second_have_their_context_in_time_and_leave_no_name_in_the_store() -> Result<()> {
    for profile in Profile::all() {
        let world = Arc::new(World::start(profile, 1).await?);
        let mut people = JoinSet::new();
        for number in 0..PEOPLE {
            let world = Arc::clone(&world);
            people.spawn(async move { world.member(&format!("canary-{number}-lovelace"), &[INSTORE_CONTEXT]).await });
        }
        let people: Vec<Member> = people.join_all().await.into_iter().collect::<Result<_>>()?;
        let people: Vec<_> = people.into_iter().map(Arc::new).collect();
        let sent = Arc::new(Mutex::new(BTreeMap::new()));
        let arrivals = tokio::spawn(watch(world.stores[0].documents().await?));
        let mut visits = JoinSet::new();
        let mut beat = tokio::time::interval(Duration::from_secs(1) / PER_SECOND);
        for number in 0..CHECK_INS {
            beat.tick().await;
            let member = Arc::clone(&people[number % PEOPLE]);
            let (world, sent) = (Arc::clone(&world), Arc::clone(&sent));
            let method = if number % 2 == 0 { CheckInMethod::AppQr } else { CheckInMethod::Nfc };
            visits.spawn(async move { visit(&world, &member, method, &sent).await });
        }
        for ended in visits.join_all().await {
            ended?;
        }
        let arrived = arrivals.await??;
        let context = Latency::default();
        for (token, sent) in sent.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            context.record(arrived.get(token).context("every visit has its context")?.saturating_duration_since(*sent));
        }
        assert_eq!(context.count(), u64::try_from(CHECK_INS)?);
        let p99 = context.quantile_ms(0.99).context("nothing was measured")?;
        // The promise is 300 ms; a machine that runs other tests beside this one cannot judge it, a benchmark can.
        println!("context at the edge after {p99} ms (p99) on {profile:?}");

        let mut secrets: Vec<String> = people.iter().map(|member| member.me.customer.to_string()).collect();
        secrets.extend(people.iter().map(|member| member.me.customer.0.simple().to_string()));
        secrets.extend(["lovelace".to_owned(), "shopper.example".to_owned()]);
        let mut binary: Vec<Vec<u8>> = people.iter().map(|member| member.me.customer.0.as_bytes().to_vec()).collect();
        binary.extend(secrets.into_iter().map(String::into_bytes));
        assert_eq!(find_in_folder(world.stores[0].folder(), &binary)?, Vec::<String>::new(), "the store knows a person");
        Arc::into_inner(world).context("somebody still holds the world")?.stop().await?;
    }
    Ok(())
}

/// One visit: in, until the own phone knows it, and out again. Notes when the check-in was sent.
async fn visit(world: &World, member: &Member, method: CheckInMethod, sent: &Mutex<BTreeMap<String, Instant>>) -> Result<()> {
    let pass = member.pass().await?;
    let floor = world.stores[0].floor()?;
    let started = Instant::now();
    let entered = floor.check_in(&world.door_code(0), &pass, method).await?;
    sent.lock().unwrap_or_else(PoisonError::into_inner).insert(entered.token.to_string(), started);
    member
        .inbox()
        .find_within(DEADLINE, |seen| seen.body.contains(&entered.visit.to_string()).then_some(()))
        .await
        .context("the phone hears of it")?;
    Ok(floor.check_out(entered.token).await?)
}

/// Watches the store's disk for contexts of visits until there is one for each check-in, and notes when each was there.
async fn watch(mut documents: Documents) -> Result<BTreeMap<String, Instant>> {
    let mut arrived = BTreeMap::new();
    while arrived.len() < CHECK_INS {
        let contexts = documents.of("context").await?;
        let now = Instant::now();
        for token in contexts.into_keys() {
            arrived.entry(token).or_insert(now);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(arrived)
}

#[tokio::test(flavor = "multi_thread")]
async fn a25_a_stale_used_or_foreign_code_is_refused_with_its_reason_at_node_and_cloud() -> Result<()> {
    for profile in Profile::all() {
        let world = World::start(profile, 2).await?;
        let member = world.member("grace", &[INSTORE_CONTEXT]).await?;
        let floor = world.stores[0].floor()?;
        let used = world.door_code(0);
        floor.check_in(&used, &member.pass().await?, CheckInMethod::AppQr).await?;
        let stale = world.door_code_of(0, world.now() - TimeDelta::milliseconds(62_000));
        let forged = flip_last(&world.door_code(0));
        let cases = [
            (stale, 410, "expired"),
            (used, 409, "replayed"),
            (world.door_code(1), 403, "wrong_store"),
            (forged, 403, "forged"),
            ("nonsense".to_owned(), 422, "malformed"),
        ];
        for (code, status, reason) in &cases {
            let refused = floor.check_in(code, &member.pass().await?, CheckInMethod::Nfc).await.expect_err(reason);
            assert_eq!(refused.refusal(), Some((*status, *reason)), "at the node");
        }
        // The cloud has no store of its own: a code of any of its stores is right there, unless it is used, stale or forged.
        for (code, status, reason) in cases.iter().filter(|(_, _, reason)| *reason != "wrong_store" && *reason != "replayed") {
            let refused = member.check_in_from_outside(code, CheckInMethod::Nfc).await.expect_err(reason);
            assert_eq!(refused.refusal(), Some((*status, *reason)), "at the cloud");
        }
        let once = world.door_code(1);
        member.check_in_from_outside(&once, CheckInMethod::AppQr).await?;
        let again = member.check_in_from_outside(&once, CheckInMethod::AppQr).await.expect_err("a code is good once");
        assert_eq!(again.refusal(), Some((409, "replayed")));
        world.stop().await?;
    }
    Ok(())
}

fn flip_last(code: &str) -> String {
    let (head, last) = code.split_at(code.len() - 1);
    format!("{head}{}", if last == "0" { "1" } else { "0" })
}
