//! A34: a customer marks an offer at an NFC display and a dialogue starts on her own phone.

use aisle_schemas::http::cloud::DialogueChoice;
use aisle_schemas::ids::TapId;
use aisle_schemas::nfc::NfcShow;
use aisle_sim::client::customer::INSTORE_CONTEXT;
use aisle_tests::DEADLINE;
use aisle_tests::world::{Profile, World};
use anyhow::{Context, Result};
use chrono::TimeDelta;

#[tokio::test(flavor = "multi_thread")]
async fn a34_a_tap_opens_the_dialogue_of_its_offer_once_and_the_display_forgets() -> Result<()> {
    for profile in Profile::all() {
        let world = World::start(profile, 1).await?;
        let marketer = world.marketer().await?;
        let offer = world.publish(&marketer, "cat-food").await?.offer;
        let display = world.stores[0].display("shelf-pets").await?;
        let inviting = |show: &NfcShow| match show {
            NfcShow::Inviting { offer, .. } => Some(*offer),
            NfcShow::Answering { .. } | NfcShow::Kept { .. } => None,
        };
        display
            .showing(DEADLINE, |show| inviting(show).flatten().filter(|shown| *shown == offer))
            .await
            .context("the display invites to the offer")?;
        let member = world.member("jo", &[INSTORE_CONTEXT]).await?;
        world.enter_and_be_known(&member, 0).await?;

        let answer = display.touch(TapId::new(1, rand::random()), None, DEADLINE).await?.context("the display answers")?;
        let NfcShow::Answering { code, offer: Some(shown), until, .. } = answer.show else { panic!("{answer:?}") };
        let dialogue = member.claim_tap(&code).await?;
        assert_eq!((shown, dialogue.offer), (offer, Some(offer)));
        assert!(until - world.now() <= TimeDelta::seconds(20));

        assert!(dialogue.choices.contains(&DialogueChoice::Keep));
        let kept = member.reply(dialogue.dialogue, DialogueChoice::Keep).await?;
        assert!(kept.bookmarked);
        assert!(member.bookmarks().await?.bookmarks.iter().any(|bookmark| bookmark.offer == offer), "it is in the wish list");

        let other = world.member("kim", &[INSTORE_CONTEXT]).await?;
        for person in [&member, &other] {
            let again = person.claim_tap(&code).await.expect_err("a code opens once");
            assert_eq!(again.refusal(), Some((409, "replayed")));
        }
        world.pass(TimeDelta::seconds(20));
        display.showing(DEADLINE, inviting).await.context("the display invites again")?;
        world.stop().await?;
    }
    Ok(())
}
