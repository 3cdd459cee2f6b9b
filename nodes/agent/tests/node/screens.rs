//! Screens: they play from the journal alone, and every play is kept once.
use aisle_mesh::clock::Clock;
use aisle_schemas::ids::{BootId, ScreenId};
use aisle_schemas::record::Body;
use aisle_schemas::screen::{DisplayPower, Play, PlayAck, PlayDetail, PlayOutcome, PlayReport, PlayRule, ScreenPlan};
use aisle_schemas::sync::Stream;
use aisle_schemas::topic::{DeviceKind, Topic};
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::world::{World, document, offer, programme, store};

fn play(world: &World, seq: u64) -> Play {
    Play {
        screen: ScreenId::parse("window-1").unwrap(),
        boot: BootId::new(1, [1; 10]),
        seq,
        zone: "main".parse().unwrap(),
        event: "fallback".parse().unwrap(),
        offer: None,
        offer_rev: None,
        rule: PlayRule::Fallback,
        started_at: world.clock.now(),
        duration_ms: 8_000,
        clock_synced: true,
        outcome: PlayOutcome::Complete,
        display_power: DisplayPower::On,
        detail: PlayDetail::default(),
    }
}

fn headlines(plan: &ScreenPlan) -> Vec<&str> {
    plan.zones[0].items.iter().map(|item| item.content.headline.de.as_str()).collect()
}

#[tokio::test]
async fn a_screen_plays_from_the_journal_alone_also_after_a_kill() {
    let mut world = World::start().await;
    let cookie = world.cookie(DeviceKind::Screen, "window-1").await;
    let (_, plan): (_, ScreenPlan) = world.stream("/v1/screens/window-1/events", &cookie).await.next().await;
    assert_eq!(headlines(&plan), ["offer 1"]);
    world.kill().await;
    world.run().await;
    let plan: ScreenPlan = world.stream("/v1/screens/window-1/events", &cookie).await.until(|plan| headlines(plan) == ["offer 1"]).await;
    assert_eq!(plan.screen.as_str(), "window-1", "the session outlives the process too");
}

#[tokio::test]
async fn an_expired_offer_leaves_the_plan_with_no_cloud_to_say_so() {
    let world = World::start().await;
    let cookie = world.cookie(DeviceKind::Screen, "window-1").await;
    let mut stream = world.stream("/v1/screens/window-1/events", &cookie).await;
    let (_, before): (_, ScreenPlan) = stream.next().await;
    world.clock.advance(TimeDelta::hours(1));
    let after: ScreenPlan = stream.until(|plan| headlines(plan) == ["brand"]).await;
    assert!(after.rev > before.rev);
    assert_eq!(after.denied[0].reason, "over");
}

#[tokio::test]
async fn a_stream_sends_only_what_the_browser_has_not_seen() {
    let world = World::start().await;
    let cookie = world.cookie(DeviceKind::Screen, "window-1").await;
    let (id, _): (_, Value) = world.stream("/v1/screens/window-1/events", &cookie).await.next().await;
    let mut again = world.stream_after("/v1/screens/window-1/events", &cookie, Some(&id)).await;
    world.clock.advance(TimeDelta::hours(1));
    let (next, _): (_, Value) = again.next().await;
    assert!(next.parse::<u64>().unwrap() > id.parse::<u64>().unwrap());
}

#[tokio::test]
async fn a_withdrawn_offer_is_gone_and_a_new_one_there_after_the_next_document() {
    let mut world = World::start().await;
    world.kill().await;
    let now = world.clock.now();
    let gone = (format!("offer/{}", offer(1, now).offer), None);
    let new = document(&format!("offer/{}", offer(2, now).offer), &Body::OfferDesired(Box::new(offer(2, now))));
    world.receive(vec![gone, new]).await;
    world.run().await;
    let cookie = world.cookie(DeviceKind::Screen, "window-1").await;
    let mut stream = world.stream("/v1/screens/window-1/events", &cookie).await;
    stream.until(|plan| headlines(plan) == ["offer 2"]).await;
}

#[tokio::test]
async fn a_programme_that_cannot_be_played_leaves_the_others_alone() {
    let mut world = World::start().await;
    world.kill().await;
    let mut broken = programme("window-1");
    broken.layout.zones.clear();
    world.receive(vec![document("screen/window-1", &Body::ScreenDesired(Box::new(broken)))]).await;
    world.run().await;
    let cookie = world.cookie(DeviceKind::Screen, "window-2").await;
    world.stream("/v1/screens/window-2/events", &cookie).await.until(|plan| headlines(plan) == ["offer 1"]).await;
}

#[tokio::test]
async fn plays_are_acknowledged_after_the_commit_and_kept_once() {
    let mut world = World::start().await;
    let cookie = world.cookie(DeviceKind::Screen, "window-1").await;
    let report = |world: &World, range: std::ops::RangeInclusive<u64>| {
        let plays = PlayReport { plays: range.map(|seq| play(world, seq)).collect() };
        world.http.post(world.url("/v1/screens/window-1/plays")).header("cookie", &cookie).json(&plays).send()
    };
    let up_to = |response: reqwest::Response| async { response.json::<PlayAck>().await.unwrap().seq };
    assert_eq!(up_to(report(&world, 1..=3).await.unwrap()).await, 3);
    world.kill().await;
    world.run().await;
    assert_eq!(up_to(report(&world, 2..=5).await.unwrap()).await, 5);
    assert_eq!(up_to(report(&world, 1..=5).await.unwrap()).await, 5);
    world.kill().await;
    let seqs: Vec<u64> = world.logged(Stream::Tele).await.iter().map(|event| event.data::<Play>().unwrap().seq).collect();
    assert_eq!(seqs, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_screen_of_any_make_plays_and_reports_over_mqtt() {
    let mut world = World::start().await;
    let mut screen = world.device(DeviceKind::Screen, "window-1").await;
    let plan: ScreenPlan = loop {
        let plan = screen.receive("ScreenPlan").await;
        if headlines(&plan) == ["offer 1"] {
            break plan;
        }
    };
    let topic = Topic::ScreenPlays { store: store(), screen: plan.screen.clone() };
    let report = PlayReport { plays: (1..=2).map(|seq| play(&world, seq)).collect() };
    screen.publish(&topic, serde_json::to_vec(&report).unwrap()).await;
    assert_eq!(screen.receive::<PlayAck>("ScreenPlaysAck").await.seq, 2);
    let state = Topic::ScreenState { store: store(), screen: plan.screen };
    let says = json!({ "online": true, "plan_rev": plan.rev, "software": "test" });
    screen.publish(&state, says.to_string()).await;
    world.stop().await;
    assert_eq!(world.logged(Stream::Tele).await.len(), 2);
}
