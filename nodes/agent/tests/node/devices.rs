//! NFC displays and sensors.
use aisle_mesh::clock::Clock;
use aisle_schemas::code::{Code, CodeSubject};
use aisle_schemas::ids::{DisplayId, OfferId, TapId};
use aisle_schemas::nfc::{NfcReport, NfcShow, TapRecorded};
use aisle_schemas::store::ZoneReport;
use aisle_schemas::sync::Stream;
use aisle_schemas::topic::{DeviceKind, Topic};
use chrono::TimeDelta;
use serde_json::json;

use super::world::{SHOP, World, store, store_key};

fn tap(n: u8) -> TapId {
    TapId::new(1, [n; 10])
}

fn offer() -> OfferId {
    OfferId::new(1, [1; 10])
}

/// The offer that a shown code stands for.
fn coded(world: &World, code: &str) -> Option<OfferId> {
    let code = Code::parse_unverified(code).unwrap().verify(&store(), &store_key(), world.clock.now()).unwrap();
    match code.subject {
        CodeSubject::Tap { display, offer } => {
            assert_eq!(display, DisplayId::parse("shelf").unwrap());
            offer
        }
        CodeSubject::Door { .. } => panic!("a door's code at a display"),
    }
}

#[tokio::test]
async fn a_tap_shows_the_offer_with_a_code_of_its_own_and_clears_itself_within_twenty_seconds() {
    let mut world = World::start().await;
    let cookie = world.cookie(DeviceKind::Nfc, "shelf").await;
    let mut stream = world.stream("/v1/nfc/shelf/events", &cookie).await;
    let inviting: NfcShow = stream.until(|show| matches!(show, NfcShow::Inviting { offer: Some(_), .. })).await;
    let NfcShow::Inviting { code: invited, .. } = &inviting else { panic!() };
    assert_eq!(coded(&world, invited), Some(offer()));
    let touch = json!({ "tap": tap(1), "traceparent": null });
    let touched = || world.http.post(world.url("/v1/nfc/shelf/taps")).header("cookie", &cookie).json(&touch).send();
    assert_eq!(touched().await.unwrap().status(), 202);
    let answering: NfcShow = stream.until(|show| matches!(show, NfcShow::Answering { .. })).await;
    let NfcShow::Answering { tap: of, offer: about, code, url, until, .. } = &answering else { panic!() };
    assert_eq!((*of, *about), (tap(1), Some(offer())));
    assert_eq!((coded(&world, code), url), (Some(offer()), &format!("{SHOP}/t?c={code}")));
    assert_ne!(code, invited);
    assert!(*until <= world.clock.now() + TimeDelta::seconds(20));
    assert_eq!(touched().await.unwrap().status(), 202, "the same touch twice is one touch");
    world.clock.advance(TimeDelta::seconds(19));
    stream.until(|show| matches!(show, NfcShow::Inviting { .. })).await;
    world.kill().await;
    let taps = world.logged(Stream::Tele).await;
    assert_eq!(taps.len(), 1);
    assert_eq!(taps[0].data::<TapRecorded>().unwrap().offer, Some(offer()));
}

#[tokio::test]
async fn an_invitation_renews_its_code_before_it_expires() {
    let world = World::start().await;
    let cookie = world.cookie(DeviceKind::Nfc, "shelf").await;
    let mut stream = world.stream("/v1/nfc/shelf/events", &cookie).await;
    let code = |show: &NfcShow| match show {
        NfcShow::Inviting { code, .. } => code.clone(),
        NfcShow::Answering { .. } | NfcShow::Kept { .. } => panic!("nobody tapped"),
    };
    let first = code(&stream.next().await.1);
    world.clock.advance(TimeDelta::seconds(20));
    stream.until(|show| code(show) != first).await;
}

#[tokio::test]
async fn a_display_of_any_make_taps_over_mqtt_and_its_count_survives_a_kill() {
    let mut world = World::start().await;
    let topic = Topic::NfcTapped { store: store(), display: DisplayId::parse("shelf").unwrap() };
    for n in 1..=2 {
        let mut display = world.device(DeviceKind::Nfc, "shelf").await;
        let touch = json!({ "tap": tap(n), "traceparent": null }).to_string();
        display.publish(&topic, touch).await;
        loop {
            if let NfcShow::Answering { tap: of, .. } = display.receive("NfcShown").await {
                assert_eq!(of, tap(n));
                break;
            }
        }
        world.clock.advance(TimeDelta::seconds(2));
        world.kill().await;
        world.run().await;
    }
    let report = world.logs(Stream::Reported, |report: &NfcReport| report.taps == 2).await;
    assert_eq!(report.zone.as_str(), "pets");
}

#[tokio::test]
async fn a_sensor_counts_people_and_nobody_is_named() {
    let mut world = World::start().await;
    let token = world.checked_in(1).await;
    let zone = world.http.post(world.url(&format!("/v1/visits/{token}/zones"))).json(&json!({ "zone": "pets" }));
    assert_eq!(zone.send().await.unwrap().status(), 204);
    let cookie = world.cookie(DeviceKind::Sensor, "sensor-1").await;
    let count =
        |body: serde_json::Value| world.http.post(world.url("/v1/sensors/sensor-1/counts")).header("cookie", &cookie).json(&body).send();
    assert_eq!(count(json!({ "zone": "pets", "people": 7 })).await.unwrap().status(), 204);
    assert_eq!(count(json!({ "zone": "nowhere", "people": 7 })).await.unwrap().status(), 422);
    assert_eq!(count(json!({ "zone": "pets", "people": 7, "visit": "x" })).await.unwrap().status(), 422);
    let seen = |report: &ZoneReport| report.zone.as_str() == "pets" && (report.visits, report.people) == (1, 7);
    world.clock.advance(TimeDelta::seconds(2));
    world.logs(Stream::Reported, seen).await;
    world.kill().await;
    world.run().await;
    let again = |report: &ZoneReport| report.zone.as_str() == "pets" && (report.visits, report.people) == (1, 0);
    world.logs(Stream::Reported, again).await;
}
