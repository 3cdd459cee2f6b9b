//! A79: one brain decides over all messages of one person.

use aisle_sim::client::customer::{INSTORE_CONTEXT, MARKETING};
use aisle_tests::eventually;
use aisle_tests::world::{Profile, World};
use anyhow::Result;
use chrono::TimeDelta;

#[tokio::test(flavor = "multi_thread")]
async fn a79_of_two_pushes_raised_together_the_better_one_is_sent_and_the_other_names_it() -> Result<()> {
    let world = World::start(Profile::Embedded, 1).await?;
    let (agent, campaigns) = (world.agent().await?, world.integration()?);
    let member = world.member("olga", &[INSTORE_CONTEXT, MARKETING]).await?;
    world.enter_and_be_known(&member, 0).await?;
    let (mut worse, mut better) = (world.push(&member), world.push(&member));
    (worse.value, better.value) = (0.6, 0.9);
    campaigns.raise(&worse).await?;
    campaigns.raise(&better).await?;
    world.pass(TimeDelta::seconds(2));
    let won = world.decided(&agent, &member, better.candidate).await;
    assert_eq!((won.sent, won.reason.as_str()), (true, "sent"));
    // A loser may come again while it is valid; its last word comes when it no longer is.
    world.pass(TimeDelta::hours(2));
    let lost = world.decided(&agent, &member, worse.candidate).await;
    assert_eq!((lost.sent, lost.clause, lost.reason), (false, Some(10), format!("outbid_by:{}", better.candidate)));
    eventually("the better one arrives", async || (!member.pushes().is_empty()).then_some(())).await;
    assert_eq!(member.pushes().into_iter().map(|push| push.candidate).collect::<Vec<_>>(), [better.candidate]);
    world.stop().await
}
