//! A trip with the line cut from scan to exit.
use aisle_mesh::clock::Clock;
use aisle_node_core::trip::audit;
use aisle_schemas::code::StoreKey;
use aisle_schemas::http::Problem;
use aisle_schemas::ids::VisitToken;
use aisle_schemas::product::StoreProduct;
use aisle_schemas::store::DoorCode;
use aisle_schemas::sync::Stream;
use aisle_schemas::topic::DeviceKind;
use aisle_schemas::trip::*;
use chrono::{Days, NaiveTime, TimeDelta};
use chrono_tz::Europe::Berlin;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::labels::{GTIN, eur, labelled, showing};
use super::products::{product, selling};
use super::world::{World, store_key};

/// Pen, gum and soap, which nobody checks by age or deposit.
fn products() -> [StoreProduct; 3] {
    let now = World::bare().clock.now();
    [product("pen", "4006381333931", 240, now), product("gum", "96385074", 120, now), product("soap", "4012345678901", 99, now)]
}

struct Phone<'w> {
    world: &'w World,
    token: VisitToken,
}

impl Phone<'_> {
    async fn call(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> reqwest::Response {
        let request = self.world.http.request(method, self.world.url(&format!("/v1/visits/{}/trip{path}", self.token)));
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        request.send().await.unwrap()
    }

    async fn scan(&self, code: &str, intent: LineIntent) -> TripView {
        let response = self.call(reqwest::Method::POST, "/lines", Some(json!({ "code": code, "intent": intent, "quantity": 1 }))).await;
        assert_eq!(response.status(), 200, "{code}");
        response.json().await.unwrap()
    }

    async fn step(&self, step: TripStep) -> reqwest::Response {
        self.call(reqwest::Method::POST, "/steps", Some(json!({ "step": step }))).await
    }

    async fn look(&self) -> TripView {
        self.call(reqwest::Method::GET, "", None).await.json().await.unwrap()
    }

    /// Reviews, lets staff pass whatever they look at, and goes to the till.
    async fn to_till(&self) -> TripView {
        let mut view: TripView = self.step(TripStep::Review).await.json().await.unwrap();
        while let Some(check) = view.trip.checks.iter().find(|check| check.state == CheckState::Open) {
            let response = self.staff(&format!("trips/{}/checks", view.trip.trip), json!({ "kind": check.kind, "passed": true })).await;
            view = response.json().await.unwrap();
        }
        self.step(TripStep::Till).await.json().await.unwrap()
    }

    async fn staff(&self, path: &str, body: Value) -> reqwest::Response {
        let cookie = self.world.on_shift().await;
        self.tablet(cookie, path, body).await
    }

    async fn tablet(&self, cookie: String, path: &str, body: Value) -> reqwest::Response {
        let url = self.world.url(&format!("/v1/tablets/tablet-1/{path}"));
        self.world.http.post(url).header("Cookie", cookie).json(&body).send().await.unwrap()
    }

    async fn pay(&self, view: &TripView, total: i64) -> reqwest::Response {
        let quote = &view.trip.quote.as_ref().unwrap().quote;
        let body = json!({ "cart_sha256": quote.cart_sha256, "total_minor": total, "slip": "till-1-7" });
        self.staff(&format!("trips/{}/payment", view.trip.trip), body).await
    }
}

async fn gate(world: &World, token: &str) -> reqwest::Response {
    let cookie = world.cookie(DeviceKind::Door, "door-1").await;
    world.http.post(world.url("/v1/doors/door-1/exits")).header("Cookie", cookie).json(&json!({ "token": token })).send().await.unwrap()
}

async fn reason(response: reqwest::Response) -> (u16, String) {
    let status = response.status().as_u16();
    (status, response.json::<Problem>().await.unwrap().code)
}

#[tokio::test]
async fn a_trip_goes_from_scan_to_exit_while_the_line_is_cut_and_the_gate_takes_its_token_once() {
    let world = selling(&products()).await;
    let phone = Phone { world: &world, token: world.checked_in(1).await };
    phone.scan("4006381333931", LineIntent::Take).await;
    phone.scan("96385074", LineIntent::Ship).await;
    let view = phone.scan("https://id.gs1.org/01/04012345678901", LineIntent::Inform).await;
    assert_eq!((view.trip.lines.len(), view.total.map(|total| total.minor), view.exit), (3, Some(360), None));
    let view = phone.to_till().await;
    let SignedQuote { quote, signature } = view.trip.quote.clone().unwrap();
    let intents: Vec<_> = quote.lines.iter().map(|line| line.intent).collect();
    assert_eq!(intents, [LineIntent::Take, LineIntent::Ship], "a sale of one line, a delivery of one line");
    assert!(is_signed(&quote, &signature, &store_key().signing_key().verifying_key()));
    assert_eq!(phone.look().await.exit, None, "nothing opens the gate before payment");
    assert_eq!(reason(phone.pay(&view, 359).await).await, (409, "other_quote".to_owned()));
    for _ in 0..2 {
        assert_eq!(phone.pay(&view, 360).await.status(), 200, "a second time changes nothing");
    }
    let (first, second) = (phone.look().await.exit.unwrap(), phone.look().await.exit.unwrap());
    let granted: ExitGranted = gate(&world, &first).await.json().await.unwrap();
    assert_eq!((granted.trip, granted.items), (view.trip.trip, 1));
    assert_eq!(reason(gate(&world, &first).await).await, (409, "replayed".to_owned()));
    assert_eq!(reason(gate(&world, &second).await).await, (409, "replayed".to_owned()), "the goods have left already");
    let paid: TripChanged = world.logs(Stream::Sess, |changed: &TripChanged| changed.state == TripState::Paid).await;
    assert_eq!((paid.slip.as_deref(), paid.quote.map(|signed| signed.quote.total_minor)), (Some("till-1-7"), Some(360)));
    let events = world.logged(Stream::Sess).await;
    let times = events.iter().filter(|event| event.data::<TripChanged>().is_ok_and(|changed| changed.state == TripState::Paid)).count();
    assert_eq!(times, 1, "money is told of once");
}

#[tokio::test]
async fn a_tablet_at_which_nobody_is_on_shift_passes_no_check_and_takes_no_money() {
    let world = selling(&products()).await;
    let phone = Phone { world: &world, token: world.checked_in(1).await };
    phone.scan("4006381333931", LineIntent::Take).await;
    let view = phone.to_till().await;
    let quote = &view.trip.quote.as_ref().unwrap().quote;
    let (checks, payment) = (format!("trips/{}/checks", view.trip.trip), format!("trips/{}/payment", view.trip.trip));
    let paid = json!({ "cart_sha256": quote.cart_sha256, "total_minor": 240, "slip": "till-1-7" });
    let cookie = world.on_shift().await;
    let shift = world.http.delete(world.url("/v1/tablets/tablet-1/shift")).header("cookie", &cookie);
    assert_eq!(shift.send().await.unwrap().status(), 204);
    for (path, body) in [(&checks, json!({ "kind": "min_age", "passed": true })), (&payment, paid.clone())] {
        assert_eq!(reason(phone.tablet(cookie.clone(), path, body).await).await, (403, "locked".to_owned()), "{path}");
    }
    assert_eq!(phone.tablet(world.on_shift().await, &payment, paid).await.status(), 200);
}

#[tokio::test]
async fn a_token_of_another_store_or_older_than_ten_minutes_leaves_the_gate_shut() {
    let world = selling(&products()).await;
    let phone = Phone { world: &world, token: world.checked_in(1).await };
    phone.scan("4006381333931", LineIntent::Take).await;
    let view = phone.to_till().await;
    assert_eq!(phone.pay(&view, 240).await.status(), 200);
    let token = phone.look().await.exit.unwrap();
    let claims = |text: &str| unpack::<ExitClaims>(text, &store_key().signing_key().verifying_key()).unwrap();
    let foreign = pack(&ExitClaims { store: "s043".parse().unwrap(), ..claims(&token) }, &StoreKey::new([8; 32]).signing_key()).unwrap();
    assert_eq!(reason(gate(&world, &foreign).await).await, (403, "wrong_store".to_owned()));
    world.clock.advance(TimeDelta::seconds(601));
    assert_eq!(reason(gate(&world, &token).await).await, (410, "expired".to_owned()));
    let again = phone.look().await.exit.unwrap();
    assert_eq!(gate(&world, &again).await.status(), 200, "it is issued anew while the goods are still inside");
}

#[tokio::test]
async fn a_basket_outlives_the_phone_and_the_node_and_a_repeated_scan_counts_once() {
    let mut world = selling(&products()).await;
    let token = world.checked_in(1).await;
    let body = json!({ "code": "4006381333931", "intent": "take", "quantity": 1 });
    for _ in 0..2 {
        let request = world.http.post(world.url(&format!("/v1/visits/{token}/trip/lines"))).header("Idempotency-Key", "scan-1");
        let view: TripView = request.json(&body).send().await.unwrap().json().await.unwrap();
        assert_eq!(view.trip.lines[0].quantity, 1);
    }
    let before = Phone { world: &world, token }.look().await;
    world.kill().await;
    world.run().await;
    let request = world.http.post(world.url(&format!("/v1/visits/{token}/trip/lines"))).header("Idempotency-Key", "scan-1");
    let view: TripView = request.json(&body).send().await.unwrap().json().await.unwrap();
    assert_eq!(view.trip, before.trip, "another phone of the visit, another run of the node");
    assert_eq!(Phone { world: &world, token }.scan("4006381333931", LineIntent::Take).await.trip.lines[0].quantity, 2);
}

#[tokio::test]
async fn a_changed_basket_is_quoted_anew_and_an_old_quote_is_not_paid() {
    let world = selling(&products()).await;
    let phone = Phone { world: &world, token: world.checked_in(1).await };
    assert_eq!(reason(phone.step(TripStep::Review).await).await, (404, "no_trip".to_owned()));
    phone.scan("4006381333931", LineIntent::Take).await;
    let old = phone.to_till().await;
    let blocked = phone.call(reqwest::Method::PUT, "/lines/1", Some(json!({ "intent": "take", "quantity": 2 }))).await;
    assert_eq!(reason(blocked).await, (409, "trip_state".to_owned()), "at the till the basket is locked");
    assert_eq!(phone.step(TripStep::Resume).await.status(), 200);
    assert_eq!(phone.call(reqwest::Method::PUT, "/lines/1", Some(json!({ "intent": "take", "quantity": 2 }))).await.status(), 200);
    let new = phone.to_till().await;
    assert_eq!(reason(phone.pay(&old, 240).await).await, (409, "other_quote".to_owned()));
    assert_eq!(phone.pay(&new, 480).await.status(), 200);
    let wrong =
        phone.call(reqwest::Method::POST, "/lines", Some(json!({ "code": "4006381333932", "intent": "take", "quantity": 1 }))).await;
    assert_eq!(reason(wrong).await, (422, "wrong_check_digit".to_owned()));
}

#[tokio::test]
async fn the_days_draw_is_committed_before_the_first_basket_and_can_be_checked_after_it() {
    let mut world = selling(&products()).await;
    let phone = Phone { world: &world, token: world.checked_in(1).await };
    phone.scan("4006381333931", LineIntent::Take).await;
    let committed: AuditDay = world.logs(Stream::Audit, |day: &AuditDay| day.key.is_none()).await;
    world.stop().await;
    world.run().await;
    world.clock.advance(TimeDelta::hours(25));
    let told: AuditDay = world.logs(Stream::Audit, |day: &AuditDay| day.key.is_some()).await;
    let key = hex::decode(told.key.unwrap()).unwrap();
    assert_eq!((told.day, hex::encode(Sha256::digest(&key))), (committed.day, committed.key_sha256));
}

/// An hour before a midnight of the store.
fn late_in_the_evening(world: &World) {
    let now = world.clock.now().with_timezone(&Berlin);
    let midnight = |days| (now.date_naive() + Days::new(days)).and_time(NaiveTime::MIN).and_local_timezone(Berlin).unwrap();
    let late = [1, 2].map(|days| midnight(days) - TimeDelta::hours(1)).into_iter().find(|late| *late > now).unwrap();
    world.clock.advance(late - now);
}

#[tokio::test]
async fn the_draw_of_a_basket_outlasts_midnight_and_its_key_is_secret_until_the_basket_is_over() {
    let world = selling(&products()).await;
    late_in_the_evening(&world);
    let phone = Phone { world: &world, token: world.checked_in(1).await };
    phone.scan("4006381333931", LineIntent::Take).await;
    let seen: Value = phone.call(reqwest::Method::GET, "", None).await.json().await.unwrap();
    assert_eq!(seen["trip"].get("drawn"), None, "whoever knows it before the review begins anew");
    world.clock.advance(TimeDelta::hours(2));
    let cookie = world.cookie(DeviceKind::Door, "door-1").await;
    let now = world.clock.now();
    // The node has seen the new day.
    world.stream("/v1/doors/door-1/events", &cookie).await.until(|code: &DoorCode| code.expires > now).await;
    let view: TripView = phone.step(TripStep::Review).await.json().await.unwrap();
    let is_audited = view.trip.checks.iter().any(|check| check.reason == CheckReason::Audit);
    world.clock.advance(TimeDelta::hours(12));
    let over: TripChanged = world.logs(Stream::Sess, |changed: &TripChanged| changed.state == TripState::Cancelled).await;
    assert_eq!((over.trip, over.quote), (view.trip.trip, None), "nobody waits for a basket that the store forgot");
    let told: AuditDay = world.logs(Stream::Audit, |day: &AuditDay| day.key.is_some()).await;
    let events = world.logged(Stream::Audit).await;
    let event = events.iter().find(|event| event.data::<AuditDay>().is_ok_and(|day| day.key.is_some())).unwrap();
    assert!(event.time >= over.at, "{} is before {}", event.time, over.at);
    let key = hex::decode(told.key.unwrap()).unwrap().try_into().unwrap();
    assert_eq!(audit::is_drawn(&key, over.trip, audit::RATE_PER_MILLION), is_audited);
}

#[tokio::test]
async fn whoever_has_paid_finds_the_way_out_after_the_visit_and_nothing_else() {
    let world = selling(&products()).await;
    let (paid, left) = (world.checked_in(1).await, world.checked_in(2).await);
    let (paid, left) = (Phone { world: &world, token: paid }, Phone { world: &world, token: left });
    for phone in [&paid, &left] {
        phone.scan("4006381333931", LineIntent::Take).await;
    }
    let view = paid.to_till().await;
    for phone in [&paid, &left] {
        let out = world.http.post(world.url(&format!("/v1/visits/{}/checkout", phone.token))).send().await.unwrap();
        assert_eq!(out.status(), 204);
    }
    assert_eq!(paid.look().await.exit, None, "at the till, not paid");
    assert_eq!(paid.pay(&view, 240).await.status(), 200);
    for step in [TripStep::Resume, TripStep::Cancel] {
        assert_eq!(reason(paid.step(step).await).await, (404, "not_found".to_owned()));
    }
    assert_eq!(reason(left.call(reqwest::Method::GET, "", None).await).await, (404, "no_trip".to_owned()));
    let exit = paid.look().await.exit.unwrap();
    assert_eq!(gate(&world, &exit).await.status(), 200);
}

#[tokio::test]
async fn a_basket_is_charged_what_a_label_may_still_show() {
    let (world, _, cookies) = labelled(1).await;
    let phone = Phone { world: &world, token: world.checked_in(1).await };
    world.clock.advance(TimeDelta::hours(1));
    showing(&world, 0, &cookies[0], eur(249)).await;
    assert_eq!(phone.scan(GTIN, LineIntent::Take).await.total, Some(eur(199)));
    let reviewed: TripView = phone.step(TripStep::Review).await.json().await.unwrap();
    assert_eq!(reviewed.total, Some(eur(199)));
}
