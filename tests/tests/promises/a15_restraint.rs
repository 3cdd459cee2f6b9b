//! A15: too many interruptions get an app ignored, muted or removed, so there are few, far apart, and fewer for whoever waves them away.

use aisle_schemas::http::cloud::{ChannelSwitch, MeChange, Outcome};
use aisle_sim::client::customer::{INSTORE_CONTEXT, MARKETING};
use aisle_tests::world::{Member, Profile, World};
use aisle_tests::{DEADLINE, eventually};
use anyhow::Result;
use chrono::TimeDelta;

/// Waits for the push of a candidate that was sent.
async fn arrives(member: &Member, pushes: usize) {
    eventually("the push arrives", async || (member.pushes().len() >= pushes).then_some(())).await;
}

fn switch(enabled: bool) -> MeChange {
    MeChange { channel: Some(ChannelSwitch { channel: "push".to_owned(), enabled }), ..MeChange::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a15_forty_candidates_in_an_hour_give_at_most_three_interrupts_ten_minutes_apart_and_forty_decisions() -> Result<()> {
    let world = World::start(Profile::Embedded, 1).await?;
    let (agent, campaigns) = (world.agent().await?, world.integration()?);
    let member = world.member("anna", &[INSTORE_CONTEXT, MARKETING]).await?;
    let visit = world.enter_and_be_known(&member, 0).await?;
    let mut candidates = Vec::new();
    for number in 0..40 {
        world.walk(0, visit.token, ["fresh", "pantry"][number % 2]).await?;
        let push = world.push(&member);
        campaigns.raise(&push).await?;
        candidates.push(push.candidate);
        world.decided(&agent, &member, push.candidate).await;
        world.pass(TimeDelta::seconds(88));
    }
    let decisions = agent.decisions(&format!("customer={}", member.me.customer)).await?;
    let of_ours = decisions.iter().filter(|decision| candidates.contains(&decision.candidate)).count();
    assert_eq!(of_ours, 40, "one decision each");
    assert!(decisions.iter().all(|decision| decision.sent || !decision.reason.is_empty()), "each has a reason");
    let sent = decisions.iter().filter(|decision| decision.sent && decision.channel == "push").count();
    arrives(&member, sent).await;
    let mut at: Vec<_> = member.pushes().into_iter().map(|push| push.at).collect();
    at.sort();
    assert!((1..=3).contains(&at.len()), "{} interrupts", at.len());
    for pair in at.windows(2) {
        assert!(pair[1] - pair[0] >= TimeDelta::minutes(10), "{pair:?}");
    }
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a15_two_dismissals_raise_the_threshold() -> Result<()> {
    let world = World::start(Profile::Embedded, 1).await?;
    let (agent, campaigns) = (world.agent().await?, world.integration()?);
    let member = world.member("ben", &[INSTORE_CONTEXT, MARKETING]).await?;
    let visit = world.enter_and_be_known(&member, 0).await?;
    let mut verdicts = Vec::new();
    for (relevance, dismiss) in [(0.45, true), (0.9, true), (0.45, false)] {
        let mut push = world.push(&member);
        push.relevance = Some(relevance);
        campaigns.raise(&push).await?;
        let decision = world.decided(&agent, &member, push.candidate).await;
        verdicts.push(decision.reason);
        if dismiss {
            member.inbox().find_within(DEADLINE, |seen| (seen.kind == "push").then_some(())).await;
            member.report_push(push.candidate, Outcome::Dismissed).await?;
        }
        world.pass(TimeDelta::minutes(11));
        world.walk(0, visit.token, "fresh").await?;
    }
    assert_eq!(verdicts, ["sent", "sent", "attention:below_threshold"]);
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a15_a_disabled_channel_is_silent_for_a_year_and_speaks_again_once_enabled() -> Result<()> {
    let world = World::start(Profile::Embedded, 1).await?;
    let campaigns = world.integration()?;
    let member = world.member("cleo", &[INSTORE_CONTEXT, MARKETING]).await?;
    member.change(&switch(false)).await?;
    let mut verdicts = Vec::new();
    for _ in 0..12 {
        let push = world.push(&member);
        campaigns.raise(&push).await?;
        // Sessions do not live for a year: whoever looks signs in again.
        verdicts.push(world.decided(&world.agent().await?, &member, push.candidate).await.reason);
        world.pass(TimeDelta::days(30));
    }
    assert!(verdicts.iter().all(|reason| reason == "channel_disabled"), "{verdicts:?}");
    let again = world.stranger("cleo").await?;
    assert_eq!(again.me.customer, member.me.customer);
    again.change(&switch(true)).await?;
    world.enter_and_be_known(&again, 0).await?;
    let push = world.push(&again);
    campaigns.raise(&push).await?;
    let decision = world.decided(&world.agent().await?, &again, push.candidate).await;
    assert_eq!(decision.reason, "sent");
    arrives(&again, 1).await;
    assert_eq!(again.pushes().len(), 1);
    world.stop().await
}
