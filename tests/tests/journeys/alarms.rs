//! What goes wrong with a box ends as SYNC.md says, and somebody who sits before the console sees that it went wrong: a copy of the box, a wrong
//! clock, a full disk, a log that a person renews. The alarm is read where the fleet page reads it.

use std::sync::Arc;

use aisle_mesh::clock::Clock;
use aisle_node::operator::{OperatorKey, read_key};
use aisle_schemas::http::cloud::NodeHealth;
use aisle_schemas::http::node::NodeOverview;
use aisle_schemas::limits::CLOCK_SKEW_MAX;
use aisle_schemas::log::NodeAlarm;
use aisle_sim::client::customer::INSTORE_CONTEXT;
use aisle_sim::client::{CallError, Staff};
use aisle_tests::eventually;
use aisle_tests::small_disk::SmallDisk;
use aisle_tests::world::{Member, Profile, World, WorldPlan, WrongClock, copy_folder};
use anyhow::{Context, Result};
use chrono::TimeDelta;
use serde_json::json;

/// Longer than the node waits between two reports of itself.
const REPORTED: TimeDelta = TimeDelta::seconds(61);
/// Of the disk that is filled: the journal with all its indices and log ahead, the ballast, and some room.
const DISK_MIB: u32 = 24;

/// The console shows a store as is wanted.
async fn shows(operator: &Staff, store: usize, what: &str, wanted: impl Fn(&NodeHealth) -> bool) -> NodeHealth {
    eventually(what, async || operator.fleet().await.ok()?.health.into_iter().nth(store).filter(&wanted)).await
}

fn says(health: &NodeHealth, alarm: NodeAlarm) -> bool {
    health.report.as_ref().is_some_and(|report| report.alarms.contains(&alarm))
}

fn sees(health: &NodeHealth, alarm: NodeAlarm) -> bool {
    health.seen.iter().any(|seen| seen.alarm == alarm)
}

/// The cloud shows one visit of theirs.
async fn was_there_once(member: &Member) {
    let shown = eventually("the visit is in the cloud", async || member.visits().await.ok().filter(|visits| !visits.is_empty())).await;
    assert_eq!(shown.len(), 1, "{shown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn as_066_a_copy_of_a_box_is_kept_out_and_the_console_shows_it() -> Result<()> {
    let mut world = World::start(Profile::Embedded, 1).await?;
    let operator = world.operator().await?;
    let member = world.member("zoe-lovelace", &[INSTORE_CONTEXT]).await?;
    world.stores[0].stop().await?;
    let folder = tempfile::tempdir()?;
    let mut copy = world.stores[0].copy(&folder.path().join("copy"), world.cloud.broker).await?;
    world.stores[0].run().await?;
    world.stores[0].in_step().await;

    copy.run().await?;
    shows(&operator, 0, "the console shows that a copy called", |health| sees(health, NodeAlarm::CloneSuspected)).await;
    let knows = |status: &NodeOverview| status.report.alarms.contains(&NodeAlarm::CloneSuspected);
    copy.says("the copy knows that it is kept out", knows).await;
    copy.stop().await?;
    world.stores[0].in_step().await;
    world.enter(&member, 0).await?;
    was_there_once(&member).await;
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn as_094_a_clock_that_is_a_day_off_stops_nothing_and_the_console_shows_by_how_much() -> Result<()> {
    let mut world = World::start(Profile::Embedded, 2).await?;
    let operator = world.operator().await?;
    let wrong = [TimeDelta::days(1), TimeDelta::days(-1)];
    for (store, by) in wrong.into_iter().enumerate() {
        let right = Arc::clone(&world.clock) as Arc<dyn Clock>;
        world.stores[store].stop().await?;
        world.stores[store].set_clock(Arc::new(WrongClock { right, by }));
        world.stores[store].run().await?;
        world.stores[store].in_step().await;
    }
    world.pass(REPORTED);
    for (store, by) in wrong.into_iter().enumerate() {
        let both = |health: &NodeHealth| says(health, NodeAlarm::ClockOff) && sees(health, NodeAlarm::ClockOff);
        let shown = shows(&operator, store, "node and cloud both say that the clock is off", both).await;
        let skew = TimeDelta::seconds(shown.clock_skew_s.context("measured")?);
        let error = (skew - by).abs();
        assert!(error < TimeDelta::from_std(CLOCK_SKEW_MAX)?, "{skew} instead of {by}");
    }
    for store in &mut world.stores {
        store.stop().await?;
        store.set_clock(Arc::clone(&world.clock) as Arc<dyn Clock>);
        store.run().await?;
        store.in_step().await;
    }
    world.pass(REPORTED);
    for store in 0..wrong.len() {
        let neither = |health: &NodeHealth| !says(health, NodeAlarm::ClockOff) && !sees(health, NodeAlarm::ClockOff);
        shows(&operator, store, "a clock that was set right is no alarm any more", neither).await;
    }
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn as_056_a_disk_without_a_byte_left_refuses_new_work_by_name_loses_nothing_and_the_console_shows_it() -> Result<()> {
    let mut world = World::start(Profile::Embedded, 1).await?;
    let operator = world.operator().await?;
    let mut members = Vec::new();
    for name in ["ballast", "refused", "room"] {
        members.push(world.member(name, &[INSTORE_CONTEXT]).await?);
    }
    let [ballast, refused, room] = &members[..] else { anyhow::bail!("three of them") };
    let folder = world.stores[0].folder().to_owned();
    world.stores[0].stop().await?;
    let before = tempfile::tempdir()?;
    copy_folder(&folder, before.path())?;
    let Some(mut disk) = SmallDisk::mount(&folder, DISK_MIB)? else { return world.stop().await };
    copy_folder(before.path(), &folder)?;
    let sizes = json!({ "class_a_mib": 4, "class_b_mib": 2, "class_c_mib": 4, "ballast_mib": 1, "grow": false });
    world.stores[0].configure(|config| config["storage"] = sizes);
    world.stores[0].run().await?;
    world.stores[0].in_step().await;

    // The ballast goes first, and work goes on in its room.
    disk.fill()?;
    let mut entered = world.enter(ballast, 0).await;
    world.stores[0].in_step().await;
    world.pass(REPORTED);
    shows(&operator, 0, "the console shows that the disk is full", |health| says(health, NodeAlarm::DiskFull)).await;
    entered.as_mut().map_err(|error| anyhow::anyhow!("refused with the ballast still there: {error:#}"))?;

    // Then there is none: new work is refused by name, and what can be seen is seen.
    disk.fill()?;
    let answer = world.enter(refused, 0).await.err().context("there is no room")?;
    let Some(CallError::Refused { status: 507, problem }) = answer.downcast_ref::<CallError>() else { return Err(answer) };
    assert_eq!(problem.code, "storage_full");
    let status = world.stores[0].floor()?.status().await?;
    assert!(status.report.alarms.contains(&NodeAlarm::StorageFull), "{status:?}");
    assert_eq!(status.visits_open, 1, "reads go on");

    // Once there is room again, work goes on by itself.
    disk.free()?;
    world.pass(REPORTED);
    eventually("work goes on", async || world.enter(room, 0).await.ok()).await;
    world.stores[0].in_step().await;
    for member in [ballast, room] {
        was_there_once(member).await;
    }
    assert!(refused.visits().await?.is_empty(), "what was refused has no effect");
    let fleet = operator.fleet().await?;
    assert!(fleet.health.iter().all(|health| health.losses.is_empty()), "{fleet:?}");
    world.stop().await?;
    disk.end()
}

#[tokio::test(flavor = "multi_thread")]
async fn as_061_a_person_at_the_box_has_its_log_begin_anew_and_the_cloud_goes_on_from_there() -> Result<()> {
    let world = WorldPlan::new(Profile::Embedded, 1).start().await?;
    let (before, after) = (world.member("before", &[INSTORE_CONTEXT]).await?, world.member("after", &[INSTORE_CONTEXT]).await?);
    world.enter(&before, 0).await?;
    world.stores[0].in_step().await;
    let former = world.epoch_of(0).await?;
    let OperatorKey { address, token } = read_key(world.stores[0].folder())?;
    let told = reqwest::Client::new().post(format!("http://{address}/v1/operator/new-epoch")).bearer_auth(token).send().await?;
    assert_eq!(told.status().as_u16(), 202);
    let counter = |epoch: &str| epoch.split('-').next().and_then(|counter| counter.parse::<u64>().ok());
    let renewed = async || world.epoch_of(0).await.ok().filter(|epoch| *epoch != former);
    let renewed = eventually("the cloud has accepted a new epoch", renewed).await;
    assert_eq!(counter(&renewed), counter(&former).map(|counter| counter + 1), "{former} {renewed}");
    world.stores[0].in_step().await;
    world.enter(&after, 0).await?;
    world.stores[0].in_step().await;
    for member in [&before, &after] {
        was_there_once(member).await;
    }
    world.stop().await
}
