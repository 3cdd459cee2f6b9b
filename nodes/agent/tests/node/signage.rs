//! Facts and emergencies: what the store's own devices say changes its screens at once, with no cloud to ask, and stays through a power cut.
use actix::prelude::*;
use aisle_node::actors::Tick;
use aisle_node::actors::emergency::{Emergencies, EmergenciesConfig, EmergencyChanged};
use aisle_node::fatal::Fatal;
use aisle_schemas::emergency::{
    ActiveEmergency, EmergencyItem, EmergencyMode, EmergencyOrder, EmergencyRequest, EmergencySet, EmergencyState,
};
use aisle_schemas::ids::EventSlug;
use aisle_schemas::record::Body;
use aisle_schemas::screen::{Condition, Criterion, EventClock, EventKind, PlayRule, ScheduleEvent, ScreenPlan};
use aisle_schemas::sync::Stream;
use aisle_schemas::text::LocalText;
use aisle_schemas::topic::{DeviceKind, Topic};
use aisle_schemas::visit::{OrderDone, OrderOutcome};
use chrono::TimeDelta;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::world::{World, document, programme, store};

fn slug(text: &str) -> EventSlug {
    EventSlug::parse(text).unwrap()
}

fn events(plan: &ScreenPlan) -> Vec<&str> {
    plan.zones[0].items.iter().map(|item| item.event.as_str()).collect()
}

/// A screen that says when it rains.
fn rain() -> Body {
    let mut rainy = programme("window-1");
    rainy.subscription = None;
    rainy.events = vec![ScheduleEvent {
        id: slug("rain"),
        zone: "main".parse().unwrap(),
        priority: 0,
        order: 0,
        content: rainy.fallback.clone(),
        offer: None,
        duration_s: 8,
        from: None,
        to: None,
        day_part: None,
        criteria: vec![Criterion { metric: "weather".to_owned(), condition: Condition::Eq, value: "rain".to_owned() }],
        max_plays_per_hour: 0,
        clock: EventClock::Programme,
        kind: EventKind::Loop,
        recurrence: None,
        playlist: None,
    }];
    Body::ScreenDesired(Box::new(rainy))
}

fn fire() -> Body {
    let item = EmergencyItem { id: slug("leave"), content: programme("window-1").fallback, duration_s: 10 };
    Body::EmergencyDesired(Box::new(EmergencySet {
        set: slug("fire"),
        name: LocalText::default(),
        category: slug("fire"),
        items: vec![item],
        media: vec![],
    }))
}

fn request(lasts_s: u32) -> EmergencyRequest {
    EmergencyRequest { set: slug("fire"), mode: EmergencyMode::Replace, lasts_s }
}

#[tokio::test]
async fn a_fact_that_is_told_changes_the_plan_is_known_after_a_kill_and_expires() {
    let mut world = World::start().await;
    world.kill().await;
    world.receive(vec![document("screen/window-1", &rain())]).await;
    world.run().await;
    let cookie = world.cookie(DeviceKind::Screen, "window-1").await;
    let sensor = world.cookie(DeviceKind::Sensor, "sensor-1").await;
    let tell = json!({ "facts": [{ "metric": "weather", "value": "rain", "ttl_s": 600 }] });
    let told = world.http.post(world.url("/v1/sensors/sensor-1/facts")).header("cookie", &sensor).json(&tell).send().await.unwrap();
    assert_eq!(told.status(), 204);
    let mut stream = world.stream("/v1/screens/window-1/events", &cookie).await;
    stream.until(|plan: &ScreenPlan| events(plan) == ["rain"]).await;
    world.kill().await;
    world.run().await;
    let mut stream = world.stream("/v1/screens/window-1/events", &cookie).await;
    stream.until(|plan: &ScreenPlan| events(plan) == ["rain"]).await;
    world.clock.advance(TimeDelta::minutes(10));
    stream.until(|plan: &ScreenPlan| events(plan) == ["fallback"]).await;
}

#[tokio::test]
async fn a_fact_comes_by_mqtt_too_and_nobody_tells_how_many_people_there_are() {
    let mut world = World::start().await;
    world.kill().await;
    world.receive(vec![document("screen/window-1", &rain())]).await;
    world.run().await;
    let mut device = world.device(DeviceKind::Sensor, "sensor-1").await;
    let topic = Topic::FactsTold { store: store(), touchpoint: "sensor-1".parse().unwrap() };
    device.publish(&topic, json!({ "facts": [{ "metric": "zone.pets.count", "value": "9", "ttl_s": 60 }] }).to_string()).await;
    let refused: Value = device.receive("SensorRefused").await;
    assert_eq!(refused["code"], "malformed");
    device.publish(&topic, json!({ "facts": [{ "metric": "weather", "value": "rain", "ttl_s": 60 }] }).to_string()).await;
    let cookie = world.cookie(DeviceKind::Screen, "window-1").await;
    world.stream("/v1/screens/window-1/events", &cookie).await.until(|plan: &ScreenPlan| events(plan) == ["rain"]).await;
}

#[tokio::test]
async fn an_emergency_of_a_button_is_on_every_screen_through_a_power_cut_until_it_expires() {
    let mut world = World::start().await;
    world.kill().await;
    world.receive(vec![document("emergency/fire", &fire())]).await;
    world.run().await;
    let button = world.cookie(DeviceKind::Sensor, "sensor-1").await;
    let path = world.url("/v1/sensors/sensor-1/emergency");
    let without_key = world.http.put(&path).json(&request(600)).send().await.unwrap();
    assert_eq!(without_key.status(), 401);
    let begun = world.http.put(&path).header("cookie", &button).json(&request(600)).send().await.unwrap();
    assert_eq!(begun.status(), 200);
    assert_eq!(begun.json::<ActiveEmergency>().await.unwrap().by, "sensor/sensor-1");
    for screen in ["window-1", "window-2"] {
        let cookie = world.cookie(DeviceKind::Screen, screen).await;
        let mut stream = world.stream(&format!("/v1/screens/{screen}/events"), &cookie).await;
        let plan: ScreenPlan = stream.until(|plan| events(plan) == ["leave"]).await;
        assert_eq!(plan.zones[0].items[0].rule, PlayRule::Emergency);
    }
    world.kill().await;
    world.run().await;
    let cookie = world.cookie(DeviceKind::Screen, "window-1").await;
    let mut stream = world.stream("/v1/screens/window-1/events", &cookie).await;
    stream.until(|plan: &ScreenPlan| events(plan) == ["leave"]).await;
    world.logs::<EmergencyState>(Stream::Reported, |state| state.active.is_some()).await;
    world.clock.advance(TimeDelta::minutes(10));
    stream.until(|plan: &ScreenPlan| events(plan) != ["leave"]).await;
    let after = world.logs::<EmergencyState>(Stream::Reported, |state| state.active.is_none()).await;
    assert_eq!(after.ready, [slug("fire")], "it can be begun again");
}

#[tokio::test]
async fn an_emergency_that_is_not_ready_here_begins_nothing_and_one_that_is_ends_when_it_is_cleared() {
    let mut world = World::start().await;
    let button = world.cookie(DeviceKind::Sensor, "sensor-1").await;
    let path = world.url("/v1/sensors/sensor-1/emergency");
    let refused = world.http.put(&path).header("cookie", &button).json(&request(600)).send().await.unwrap();
    assert_eq!((refused.status().as_u16(), refused.json::<Value>().await.unwrap()["code"].clone()), (422, json!("not_ready_here")));
    world.kill().await;
    world.receive(vec![document("emergency/fire", &fire())]).await;
    world.run().await;
    let path = world.url("/v1/sensors/sensor-1/emergency");
    let on = async || world.http.get(world.url("/v1/emergency")).send().await.unwrap().json::<EmergencyState>().await.unwrap().active;
    assert_eq!(world.http.put(&path).header("cookie", &button).json(&request(600)).send().await.unwrap().status(), 200);
    assert!(on().await.is_some());
    for _ in 0..2 {
        assert_eq!(world.http.delete(&path).header("cookie", &button).send().await.unwrap().status(), 204);
        assert_eq!(on().await, None);
    }
}

#[tokio::test]
async fn a_sensor_that_is_no_button_begins_and_ends_no_emergency() {
    let mut world = World::start().await;
    world.kill().await;
    world.receive(vec![document("emergency/fire", &fire())]).await;
    world.run().await;
    let (button, counter) = (world.cookie(DeviceKind::Sensor, "sensor-1").await, world.cookie(DeviceKind::Sensor, "sensor-2").await);
    let (of_button, of_counter) = (world.url("/v1/sensors/sensor-1/emergency"), world.url("/v1/sensors/sensor-2/emergency"));
    let state = async || world.http.get(world.url("/v1/emergency")).send().await.unwrap().json::<EmergencyState>().await.unwrap().active;
    let refused = world.http.put(&of_counter).header("cookie", &counter).json(&request(600)).send().await.unwrap();
    assert_eq!((refused.status().as_u16(), state().await), (403, None));
    assert_eq!(world.http.put(&of_button).header("cookie", &button).json(&request(600)).send().await.unwrap().status(), 200);
    let refused = world.http.delete(&of_counter).header("cookie", &counter).send().await.unwrap();
    assert_eq!((refused.status().as_u16(), state().await.is_some()), (403, true));
}

/// A screen that counts what it is told.
struct Ear(u32);

impl Actor for Ear {
    type Context = Context<Self>;
}

impl Handler<EmergencyChanged> for Ear {
    type Result = ();

    fn handle(&mut self, EmergencyChanged(on): EmergencyChanged, _: &mut Self::Context) {
        assert!(on.is_none(), "nothing is on");
        self.0 += 1;
    }
}

/// How often it was told.
#[derive(Message)]
#[rtype(result = "u32")]
struct Told;

impl Handler<Told> for Ear {
    type Result = u32;

    fn handle(&mut self, _: Told, _: &mut Self::Context) -> u32 {
        self.0
    }
}

#[actix::test]
async fn a_screen_that_missed_the_end_of_an_emergency_is_told_of_it_at_the_next_tick() {
    let folder = tempfile::tempdir().unwrap();
    let disk = super::journal::open(folder.path()).await;
    let ear = Ear(0).start();
    let config = EmergenciesConfig {
        journal: disk.journal.clone(),
        maker: disk.maker.clone(),
        clock: disk.clock.clone(),
        fatal: Fatal::new(),
        screens: vec![ear.clone().recipient()],
        state: watch::Sender::new(EmergencyState { active: None, ready: vec![] }),
    };
    let emergencies = Emergencies::load(config).await.unwrap().start();
    for told in 2..4 {
        emergencies.send(Tick).await.unwrap();
        assert_eq!(ear.send(Told).await.unwrap(), told, "once at the start, and once at each tick");
    }
}

#[tokio::test]
async fn the_cloud_begins_an_emergency_once_and_not_too_late() {
    let mut world = World::start().await;
    world.kill().await;
    world.receive(vec![document("emergency/fire", &fire())]).await;
    let now = aisle_mesh::clock::Clock::now(&*world.clock);
    let order = |set: &str, expires| {
        let begin = Some(EmergencyRequest { set: slug(set), ..request(600) });
        Body::EmergencyOrdered(Box::new(EmergencyOrder { begin, expires }))
    };
    let soon = now + TimeDelta::minutes(5);
    let ids = world.order_bodies("emergency/now", &[order("fire", now), order("flood", soon), order("fire", soon)]).await;
    world.run().await;
    for (id, outcome, reason) in
        [(ids[0], OrderOutcome::Expired, None), (ids[1], OrderOutcome::Refused, Some("not_ready_here")), (ids[2], OrderOutcome::Done, None)]
    {
        let done = world.logs::<OrderDone>(Stream::Audit, |done| done.order == id).await;
        assert_eq!((done.outcome, done.reason.as_deref()), (outcome, reason));
    }
    let active = world.logs::<EmergencyState>(Stream::Reported, |state| state.active.is_some()).await.active.unwrap();
    assert_eq!((active.set, active.by.as_str()), (slug("fire"), "cloud"));
}
