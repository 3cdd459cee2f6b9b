//! A82: feel what the customer needs now, and when to leave her alone.

use aisle_schemas::http::cloud::{ContextReport, MeChange, MessageKind};
use aisle_sim::client::customer::{INSTORE_CONTEXT, MARKETING};
use aisle_tests::eventually;
use aisle_tests::world::{Member, Profile, World};
use anyhow::Result;

/// What a person tells us by being left alone, and the reason that the log then gives.
enum Quiet {
    Paused,
    Hurried,
    Complaint,
}

async fn ask_for_quiet(world: &World, member: &Member, quiet: &Quiet) -> Result<&'static str> {
    let report = |hurried, open_complaint| ContextReport { email: member.email.clone(), class: None, hurried, open_complaint };
    let desk = world.integration()?;
    Ok(match quiet {
        Quiet::Paused => {
            member.change(&MeChange { pause_days: Some(7), ..MeChange::default() }).await?;
            "paused_by_user"
        }
        Quiet::Hurried => {
            desk.report_context(&report(Some(true), None)).await?;
            "dnd"
        }
        Quiet::Complaint => {
            desk.report_context(&report(None, Some(true))).await?;
            "open_complaint"
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a82_a_pause_a_hurry_and_a_complaint_hold_marketing_back_but_no_order_confirmation() -> Result<()> {
    let world = World::start(Profile::Embedded, 1).await?;
    let (agent, campaigns) = (world.agent().await?, world.integration()?);
    for (name, quiet) in [("paula", Quiet::Paused), ("hanna", Quiet::Hurried), ("carla", Quiet::Complaint)] {
        let member = world.member(name, &[INSTORE_CONTEXT, MARKETING]).await?;
        world.enter_and_be_known(&member, 0).await?;
        let reason = ask_for_quiet(&world, &member, &quiet).await?;
        let marketing = world.push(&member);
        campaigns.raise(&marketing).await?;
        let held = world.decided(&agent, &member, marketing.candidate).await;
        assert_eq!((held.sent, held.clause, held.reason.as_str()), (false, Some(4), reason), "{name}");

        let mut confirmation = world.push(&member);
        confirmation.kind = MessageKind::Transactional;
        campaigns.raise(&confirmation).await?;
        let sent = world.decided(&agent, &member, confirmation.candidate).await;
        assert!(sent.sent, "{name}: {}", sent.reason);
        eventually("the confirmation arrives", async || (!member.pushes().is_empty()).then_some(())).await;
        assert_eq!(member.pushes().into_iter().map(|push| push.candidate).collect::<Vec<_>>(), [confirmation.candidate], "{name}");
    }
    world.stop().await
}
