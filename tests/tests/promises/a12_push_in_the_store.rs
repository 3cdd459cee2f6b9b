//! A12: a push in the store points to further offers, and only there, and only with consent.

use aisle_sim::client::customer::{INSTORE_CONTEXT, MARKETING};
use aisle_tests::world::{Profile, World};
use anyhow::Result;

#[tokio::test(flavor = "multi_thread")]
async fn a12_an_open_visit_gets_exactly_one_push_and_everyone_else_a_reason() -> Result<()> {
    let world = World::start(Profile::Embedded, 1).await?;
    let (agent, campaigns) = (world.agent().await?, world.integration()?);
    let inside = world.member("inside", &[INSTORE_CONTEXT, MARKETING]).await?;
    let outside = world.member("outside", &[INSTORE_CONTEXT, MARKETING]).await?;
    let silent = world.member("silent", &[INSTORE_CONTEXT]).await?;
    world.enter_and_be_known(&inside, 0).await?;
    world.enter_and_be_known(&silent, 0).await?;

    let mut verdicts = Vec::new();
    for person in [&inside, &outside, &silent] {
        let push = world.push(person);
        campaigns.raise(&push).await?;
        let decision = world.decided(&agent, person, push.candidate).await;
        verdicts.push((decision.sent, decision.reason));
    }
    assert_eq!(verdicts[0], (true, "sent".to_owned()));
    assert_eq!(verdicts[1], (false, "context_gone".to_owned()));
    assert_eq!(verdicts[2], (false, "no_consent".to_owned()));
    let push = inside.inbox().find_within(aisle_tests::DEADLINE, |seen| (seen.kind == "push").then_some(())).await;
    assert!(push.is_some(), "the push arrives on the phone");
    assert_eq!((inside.pushes().len(), outside.pushes().len(), silent.pushes().len()), (1, 0, 0));
    world.stop().await
}
