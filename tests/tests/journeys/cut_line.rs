//! The line is cut while people shop. The store goes on; afterwards nothing is lost or doubled, and the console says what happened.

use aisle_schemas::http::cloud::{LinkEvent, NodeState};
use aisle_schemas::http::node::CloudLink;
use aisle_schemas::ids::TapId;
use aisle_schemas::nfc::NfcShow;
use aisle_schemas::store::DoorCode;
use aisle_schemas::visit::CheckInMethod;
use aisle_sim::client::customer::INSTORE_CONTEXT;
use aisle_sim::device::Door;
use aisle_tests::world::{Member, Profile, World};
use aisle_tests::{DEADLINE, eventually};
use anyhow::{Context, Result};
use chrono::TimeDelta;

/// Visits during the cut.
const PEOPLE: usize = 12;
/// How long the line is cut.
const CUT: TimeDelta = TimeDelta::minutes(2);

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_line_stops_no_surface_and_loses_and_doubles_nothing() -> Result<()> {
    for profile in Profile::all() {
        let world = World::start(profile, 2).await?;
        let marketer = world.marketer().await?;
        let offer = world.publish(&marketer, "cat-food").await?.offer;
        let store = &world.stores[0];
        let (screen, display, door) = (store.screen("aisle-5").await?, store.display("shelf-pets").await?, store.door().await?);
        let planned = screen.plan(DEADLINE, |plan| {
            plan.zones[0].items.iter().find(|item| item.offer == Some(offer)).map(|item| (plan.clone(), item.clone()))
        });
        let (plan, item) = planned.await.context("the offer is on the screen")?;
        let mut people = Vec::new();
        for number in 0..PEOPLE {
            let member = world.member(&format!("tess-{number}"), &[INSTORE_CONTEXT]).await?;
            let pass = member.pass().await?;
            people.push((member, pass));
        }
        let operator = world.operator().await?;
        let console = operator.listen(None).await?;

        store.line.cut();
        store.says("the node notices", |status| status.cloud == CloudLink::Cut).await;
        world.pass(CUT);
        let mut visits = Vec::new();
        for (_, pass) in &people {
            let code = fresh_code(&world, &door).await;
            let entered = store.floor()?.check_in(&code.code, pass, CheckInMethod::AppQr).await?;
            world.walk(0, entered.token, "pets").await?;
            visits.push(entered);
        }
        for _ in 0..10 {
            assert!(screen.played(&plan, &item, world.now(), item.duration_ms).await);
        }
        screen.report(DEADLINE).await?;
        let answer = display.touch(TapId::new(1, rand::random()), None, DEADLINE).await?.context("the display answers")?;
        assert!(matches!(answer.show, NfcShow::Answering { .. }));
        for entered in &visits[..PEOPLE / 2] {
            world.leave(0, entered.token).await?;
        }
        assert!(store.floor()?.status().await?.pending >= u64::try_from(PEOPLE)?, "the store holds what the cloud has not");
        link_event(&world, &console, NodeState::Lost).await;

        store.line.heal();
        link_event(&world, &console, NodeState::Online).await;
        store.in_step().await;
        for (number, ((member, _), entered)) in people.iter().zip(&visits).enumerate() {
            let closed = number < PEOPLE / 2;
            let shown = eventually("the visit is in the cloud", async || visit_of(member, closed).await).await;
            assert_eq!(shown, vec![entered.visit], "{profile:?}: once, and no other");
        }
        let plays = async || operator.offer(offer).await.ok().map(|offer| offer.plays_today).filter(|plays| *plays >= 10);
        assert_eq!(eventually("the plays are in the cloud", plays).await, 10);
        world.stop().await?;
    }
    Ok(())
}

/// A code that has not run out: the clock was moved, and the door's screen follows.
async fn fresh_code(world: &World, door: &Door) -> DoorCode {
    eventually("the door shows a fresh code", async || door.code(DEADLINE).await.filter(|code| code.expires > world.now())).await
}

/// Waits for the console to be told of a state of the first store's node; lets time pass meanwhile, since a loss needs some.
async fn link_event(world: &World, console: &aisle_sim::client::inbox::Listener, state: NodeState) {
    let store = world.stores[0].id();
    eventually("the console says so", async || {
        let events: Vec<LinkEvent> = console.inbox().of("link");
        let told = events.iter().any(|event| event.link.node.store == *store && event.link.state == state);
        if !told {
            world.pass(TimeDelta::seconds(1));
        }
        told.then_some(())
    })
    .await;
}

/// The member's visits, once the newest is as closed as it should be.
async fn visit_of(member: &Member, closed: bool) -> Option<Vec<aisle_schemas::ids::VisitId>> {
    let visits = member.visits().await.ok()?;
    (!visits.is_empty() && visits.iter().all(|visit| visit.closed_at.is_some() == closed))
        .then(|| visits.iter().map(|visit| visit.visit).collect())
}
