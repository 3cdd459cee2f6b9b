//! What an operator meets sooner or later: a box whose backup was restored. It ends in step, with every accepted visit once; what a person has
//! to look at stands in the fleet view.

use aisle_schemas::ids::VisitId;
use aisle_schemas::limits::CLONE_QUIET;
use aisle_schemas::log::NodeAlarm;
use aisle_sim::client::customer::INSTORE_CONTEXT;
use aisle_tests::eventually;
use aisle_tests::world::{Member, Profile, WorldPlan, copy_folder};
use anyhow::{Context, Result};
use chrono::TimeDelta;

/// Longer than the node waits between two reports of itself.
const REPORTED: TimeDelta = TimeDelta::seconds(61);

/// The cloud shows this visit of theirs, once, and no other.
async fn is_there_once(member: &Member, visit: VisitId) {
    let shown = eventually("the visit is in the cloud", async || member.visits().await.ok().filter(|visits| !visits.is_empty())).await;
    assert_eq!(shown.iter().map(|shown| shown.visit).collect::<Vec<_>>(), [visit]);
}

#[tokio::test(flavor = "multi_thread")]
async fn as_065_a_box_whose_backup_was_restored_begins_a_new_epoch_loses_nothing_and_the_fleet_view_says_so() -> Result<()> {
    let mut world = WorldPlan::new(Profile::Embedded, 1).start().await?;
    let operator = world.operator().await?;
    let mut visits = Vec::new();
    for name in ["before", "between", "after"] {
        let member = world.member(name, &[INSTORE_CONTEXT]).await?;
        visits.push((member, None));
    }
    visits[0].1 = Some(world.enter(&visits[0].0, 0).await?.visit);
    world.stores[0].in_step().await;
    world.stores[0].stop().await?;
    let (folder, backup) = (world.stores[0].folder().to_owned(), tempfile::tempdir()?);
    copy_folder(&folder, backup.path())?;

    world.stores[0].run().await?;
    visits[1].1 = Some(world.enter(&visits[1].0, 0).await?.visit);
    world.stores[0].in_step().await;
    world.stores[0].stop().await?;
    std::fs::remove_dir_all(&folder)?;
    copy_folder(backup.path(), &folder)?;
    // Until then it would look like a copy that runs beside the box itself.
    world.pass(TimeDelta::from_std(CLONE_QUIET)? + REPORTED);

    world.stores[0].run().await?;
    visits[2].1 = Some(world.enter(&visits[2].0, 0).await?.visit);
    world.stores[0].in_step().await;
    world.pass(REPORTED);
    let raised = async || {
        let fleet = operator.fleet().await.ok()?;
        let report = fleet.health.first()?.report.as_ref()?;
        report.alarms.contains(&NodeAlarm::DiskBehind).then_some(())
    };
    eventually("the fleet view tells that the disk was set back", raised).await;
    for (member, visit) in visits {
        is_there_once(&member, visit.context("each has checked in")?).await;
    }
    world.stop().await
}
