//! Commands of staff: each reaches one screen, once, and in time or not at all.
use aisle_mesh::clock::Clock;
use aisle_schemas::content::{Content, ContentClass};
use aisle_schemas::ids::{EventId, ScreenId};
use aisle_schemas::screen::{ScreenCommand, ScreenCommandKind, ScreenPlan};
use aisle_schemas::sync::Stream;
use aisle_schemas::text::LocalText;
use aisle_schemas::topic::{DeviceKind, Topic};
use aisle_schemas::visit::{OrderDone, OrderOutcome};
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::world::{Device, Sse, World, store};

/// Longer than the time between two looks of an actor at its clock.
const A_TICK: TimeDelta = TimeDelta::seconds(1);

fn command(world: &World, n: u8, command: ScreenCommandKind) -> ScreenCommand {
    ScreenCommand { id: EventId::new(u64::from(n), [n; 10]), issued_at: world.clock.now(), ttl_s: 120, command }
}

fn identify(world: &World, n: u8) -> ScreenCommand {
    command(world, n, ScreenCommandKind::Identify { for_s: 10 })
}

/// A store whose node finds these orders when it starts.
async fn commanded(make: impl Fn(&World) -> Vec<(&'static str, ScreenCommand)>) -> World {
    let mut world = World::start().await;
    world.kill().await;
    let commands = make(&world);
    let commands: Vec<_> = commands.iter().map(|(screen, command)| (*screen, command)).collect();
    world.order(&commands).await;
    world.run().await;
    world
}

/// A page that draws the screen; its plan came first.
async fn page(world: &World, screen: &str) -> Sse {
    let cookie = world.cookie(DeviceKind::Screen, screen).await;
    world.stream(&format!("/v1/screens/{screen}/events"), &cookie).await
}

async fn online(device: &Device, screen: &str) {
    let topic = Topic::ScreenState { store: store(), screen: ScreenId::parse(screen).unwrap() };
    device.publish(&topic, json!({ "online": true, "plan_rev": null, "software": "test" }).to_string()).await;
}

/// How an order ended, once it has.
async fn ended(world: &World, n: u8) -> (OrderOutcome, Option<String>) {
    let order = EventId::new(u64::from(n), [n; 10]);
    let done: OrderDone = world.logs(Stream::Audit, |done: &OrderDone| done.order == order).await;
    (done.outcome, done.reason)
}

#[tokio::test]
async fn a_command_reaches_its_screen_alone_on_both_ways() {
    let world =
        commanded(|world| vec![("window-1", identify(world, 1)), ("window-2", identify(world, 2)), ("window-1", identify(world, 3))]).await;
    let mut devices = [world.device(DeviceKind::Screen, "window-1").await, world.device(DeviceKind::Screen, "window-2").await];
    let mut pages = [page(&world, "window-1").await, page(&world, "window-2").await];
    world.clock.advance(A_TICK);
    for (at, wanted) in [(0, 1), (0, 3), (1, 2)] {
        let wanted = identify(&world, wanted).id;
        assert_eq!(pages[at].next_of::<ScreenCommand>("command").await.id, wanted);
        assert_eq!(devices[at].receive::<ScreenCommand>("ScreenCommand").await.id, wanted);
    }
    assert_eq!(ended(&world, 3).await, (OrderOutcome::Done, None));
}

#[tokio::test]
async fn a_screen_of_any_make_is_reached_once_it_says_that_it_is_there() {
    let world = commanded(|world| vec![("window-1", identify(world, 1))]).await;
    let mut device = world.device(DeviceKind::Screen, "window-1").await;
    world.clock.advance(A_TICK);
    online(&device, "window-1").await;
    assert_eq!(device.receive::<ScreenCommand>("ScreenCommand").await.id, identify(&world, 1).id);
    assert_eq!(ended(&world, 1).await, (OrderOutcome::Done, None));
}

#[tokio::test]
async fn as_078_an_order_past_its_expiry_is_not_run_and_says_so() {
    let mut world = commanded(|world| vec![("window-1", identify(world, 1))]).await;
    world.kill().await;
    world.clock.advance(TimeDelta::seconds(120));
    let fresh = identify(&world, 2);
    world.order(&[("window-1", &fresh)]).await;
    world.run().await;
    assert_eq!(ended(&world, 1).await, (OrderOutcome::Expired, None));
    let mut page = page(&world, "window-1").await;
    world.clock.advance(A_TICK);
    assert_eq!(page.next_of::<ScreenCommand>("command").await.id, fresh.id, "the late one would have come before");
}

#[tokio::test]
async fn as_078_an_order_runs_at_most_once_also_across_a_kill_and_as_012_its_outcome_names_it() {
    let mut world = commanded(|world| vec![("window-1", identify(world, 1))]).await;
    let mut first = page(&world, "window-1").await;
    world.clock.advance(A_TICK);
    assert_eq!(first.next_of::<ScreenCommand>("command").await.id, identify(&world, 1).id);
    world.kill().await;
    let (again, next) = (identify(&world, 1), identify(&world, 2));
    world.order(&[("window-1", &again), ("window-1", &next)]).await;
    world.run().await;
    let mut second = page(&world, "window-1").await;
    world.clock.advance(A_TICK);
    assert_eq!(second.next_of::<ScreenCommand>("command").await.id, next.id);
    ended(&world, 2).await;
    world.kill().await;
    let outcomes = world.logged(Stream::Audit).await;
    let done: Vec<_> = outcomes.iter().filter(|event| event.data::<OrderDone>().is_ok_and(|done| done.order == again.id)).collect();
    assert_eq!(done.iter().map(|event| event.causationid).collect::<Vec<_>>(), [Some(again.id)], "AS-012: it names what it follows from");
}

#[tokio::test]
async fn a_command_moves_no_id_of_a_plan() {
    let world = commanded(|world| vec![("window-1", identify(world, 1))]).await;
    let cookie = world.cookie(DeviceKind::Screen, "window-1").await;
    let mut stream = world.stream("/v1/screens/window-1/events", &cookie).await;
    let (id, plan): (_, ScreenPlan) = stream.next().await;
    assert_eq!(id, plan.rev.to_string());
    world.clock.advance(A_TICK);
    stream.next_of::<Value>("command").await;
    world.clock.advance(TimeDelta::hours(1));
    let (next, later): (_, ScreenPlan) = stream.next().await;
    assert_eq!((next, later.rev > plan.rev), (later.rev.to_string(), true));
}

#[tokio::test]
async fn personal_content_gets_to_no_screen_by_command() {
    let content = Content {
        class: ContentClass::P3,
        headline: LocalText::new("for you", "for you"),
        line: LocalText::default(),
        image: None,
        price: None,
        was: None,
        segment: None,
    };
    let show = ScreenCommandKind::Show { content: Box::new(content), for_s: 10 };
    let world = commanded(|world| vec![("window-1", command(world, 1, show.clone())), ("window-1", identify(world, 2))]).await;
    assert_eq!(ended(&world, 1).await, (OrderOutcome::Refused, Some("class".to_owned())));
    let mut page = page(&world, "window-1").await;
    world.clock.advance(A_TICK);
    assert_eq!(page.next_of::<ScreenCommand>("command").await.id, identify(&world, 2).id);
}
