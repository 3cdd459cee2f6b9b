//! A20: screens replace posters: they play on without the cloud, and every play is counted once.

use aisle_tests::eventually;
use aisle_tests::world::{Profile, WorldPlan};
use anyhow::Result;
use chrono::TimeDelta;

/// Seconds of one item: a day in 1,440 steps.
const ITEM_S: u32 = 60;

#[tokio::test(flavor = "multi_thread")]
async fn a20_a_day_without_the_line_has_no_gap_and_every_play_arrives_once() -> Result<()> {
    for profile in Profile::all() {
        let plan = WorldPlan::new(profile, 1).shaped(|shape| {
            for programme in &mut shape.screens {
                programme.events.iter_mut().for_each(|event| event.duration_s = ITEM_S);
                programme.subscription.iter_mut().for_each(|subscription| subscription.duration_s = ITEM_S);
            }
        });
        let world = plan.start().await?;
        let (marketer, store) = (world.marketer().await?, &world.stores[0]);
        for sku in ["cat-food", "dog-food"] {
            world.publish(&marketer, sku).await?;
        }
        let screen = store.screen("aisle-5").await?;
        screen
            .plan(aisle_tests::DEADLINE, |plan| plan.zones.iter().any(|zone| zone.items.len() >= 3).then_some(()))
            .await
            .expect("offers are planned");
        store.line.cut();

        let began = world.now();
        let (mut shown_until, mut longest_gap, mut turn) = (began, TimeDelta::zero(), 0_usize);
        while world.now() - began < TimeDelta::hours(24) {
            let now = world.now();
            let plan = screen.plan(aisle_tests::DEADLINE, |plan| Some(plan.clone())).await.expect("there is a plan");
            let items = &plan.zones[0].items;
            let item = items[turn % items.len()].clone();
            turn += 1;
            assert!(item.from.is_none_or(|from| from <= now) && item.to.is_none_or(|to| now < to), "an item outside its time");
            longest_gap = longest_gap.max(now - shown_until);
            assert!(screen.played(&plan, &item, now, item.duration_ms).await, "the screen has room");
            shown_until = now + TimeDelta::milliseconds(i64::from(item.duration_ms));
            world.pass(TimeDelta::milliseconds(i64::from(item.duration_ms)));
            if turn % 100 == 0 {
                screen.report(aisle_tests::DEADLINE).await?;
            }
        }
        screen.report(aisle_tests::DEADLINE).await?;
        assert!(longest_gap <= TimeDelta::seconds(2), "{longest_gap}");
        assert_eq!(screen.committed().await, screen.made(), "the node has every play, without the cloud");

        store.line.heal();
        store.in_step().await;
        let played = i64::try_from(screen.made())?;
        let counted = eventually("every play is in the cloud", async || {
            let rows = world.cloud_rows().await.ok()?;
            rows.get("play").copied().filter(|plays| *plays >= played)
        })
        .await;
        assert_eq!(counted, played, "exactly once");
        world.stop().await?;
    }
    Ok(())
}
