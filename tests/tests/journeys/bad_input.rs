//! What bad input gets, on every route and every topic that a device may publish: a typed error, counted, and nothing changed.

use std::collections::BTreeMap;

use aisle_schemas::http::{Auth, Method, Problem, Route, cloud, node};
use aisle_schemas::topic::{DECLARATIONS, DeviceKind, Publisher};
use aisle_sim::client::Api;
use aisle_sim::client::browser_device::BrowserDevice;
use aisle_sim::client::customer::INSTORE_CONTEXT;
use aisle_sim::device::Bus;
use aisle_tests::world::{Profile, Rows, World, difference};
use aisle_tests::{DEADLINE, eventually};
use anyhow::{Context, Result, ensure};
use bytes::Bytes;

/// Longest body a server takes.
const BODY_MAX: usize = 64 * 1024;

/// Who calls, by what a route asks for.
struct Callers {
    by_auth: BTreeMap<&'static str, Api>,
    /// What `{parameters}` stand for.
    parameters: BTreeMap<&'static str, String>,
}

fn name(auth: Auth) -> &'static str {
    match auth {
        Auth::Public => "public",
        Auth::Customer => "customer",
        Auth::Staff => "staff",
        Auth::Device => "device",
        Auth::Visit => "visit",
        Auth::Integration => "integration",
        Auth::Operator => "operator",
        Auth::Node => "node",
    }
}

fn verb(method: Method) -> reqwest::Method {
    match method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Delete => reqwest::Method::DELETE,
    }
}

impl Callers {
    fn path(&self, route: &Route) -> String {
        let fill = |level: &str| match level.strip_prefix('{').and_then(|level| level.strip_suffix('}')) {
            // A parameter that the test does not know is some UUID: nothing of that id exists.
            Some(name) => self.parameters.get(name).cloned().unwrap_or_else(|| "01a20cd3-971c-7a55-8d4e-7f1c20a9b301".to_owned()),
            None => level.to_owned(),
        };
        route.path.split('/').map(fill).collect::<Vec<_>>().join("/")
    }

    fn caller(&self, auth: Auth) -> &Api {
        &self.by_auth[name(auth)]
    }
}

/// The problem that a request is answered with.
async fn problem(request: reqwest::RequestBuilder, what: &str) -> Result<Problem> {
    let answer = request.send().await.with_context(|| format!("{what}: no answer"))?;
    let (status, kind) = (answer.status().as_u16(), answer.headers().get("content-type").cloned());
    let body = answer.text().await?;
    ensure!(kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/problem+json")), "{what}: {status} {body}");
    let problem: Problem = serde_json::from_str(&body).with_context(|| format!("{what}: {body}"))?;
    ensure!(problem.status == status && !problem.code.is_empty() && !problem.instance.is_empty(), "{what}: {body}");
    Ok(problem)
}

/// Sum of `aisle_refusals_total` over all labels.
fn refusals(metrics: &str) -> u64 {
    metrics
        .lines()
        .filter(|line| line.starts_with("aisle_refusals_total"))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        .sum()
}

/// The golden example of a body.
fn example(body: &str) -> String {
    let examples = aisle_schemas::golden::examples();
    let found = examples.into_iter().find(|(name, _)| *name == body).unwrap_or_else(|| panic!("no example of {body}"));
    found.1.to_string()
}

/// Tables that changed, apart from those by which a store says how it is: it does so at its start and when a device signs on, whatever else happens.
fn changed(before: &Rows, after: &Rows) -> Rows {
    const REPORTS: [&str; 4] = ["reported", "journal", "stream_cursor", "outbox"];
    let mut changed = difference(before, after);
    changed.retain(|table, _| !REPORTS.contains(&table.as_str()));
    changed
}

/// Sends every kind of bad request to one route; how many there were.
async fn abuse(route: &Route, callers: &Callers) -> Result<u64> {
    let path = callers.path(route);
    if route.auth == Auth::Node {
        // Its proof covers the body: what a node sends that is bad is a matter of the route's own tests.
        let request = callers.caller(Auth::Public).request(verb(route.method), &path).header("content-type", "application/json");
        let refused = problem(request.body(route.request.map_or_else(|| "{}".to_owned(), example)), "a stranger at a node's route").await?;
        ensure!(refused.status == 401, "{path}: {refused:?}");
        return Ok(1);
    }
    let (stranger, caller) = (callers.caller(Auth::Public), callers.caller(route.auth));
    let what = |kind: &str| format!("{:?} {path}: {kind}", route.method);
    let json = |api: &Api, body: String| api.request(verb(route.method), &path).header("content-type", "application/json").body(body);
    // What a stranger sends is right in all but the sender.
    let right = route.request.map_or_else(|| "{}".to_owned(), example);
    let mut sent = 0;
    match route.auth {
        Auth::Public | Auth::Visit => {}
        Auth::Customer | Auth::Staff | Auth::Device | Auth::Integration | Auth::Operator | Auth::Node => {
            let refused = problem(json(stranger, right.clone()), &what("unauthorised")).await?;
            ensure!(refused.status == 401, "{}: {refused:?}", what("unauthorised"));
            sent += 1;
        }
    }
    if route.auth == Auth::Staff {
        let refused = problem(json(callers.caller(Auth::Customer), right), &what("a customer at a route of staff")).await?;
        ensure!(refused.status == 403, "{}: {refused:?}", what("a customer at a route of staff"));
        sent += 1;
    }
    if route.request.is_some() {
        let unreadable = problem(json(caller, "{\"".to_owned()), &what("unreadable")).await?;
        ensure!(unreadable.status == 400, "{}: {unreadable:?}", what("unreadable"));
        let wrong = problem(json(caller, "{\"no-such-field\":[1,2]}".to_owned()), &what("wrong fields")).await?;
        ensure!(matches!(wrong.status, 400 | 422), "{}: {wrong:?}", what("wrong fields"));
        let large = format!("{{\"no-such-field\":\"{}\"}}", "x".repeat(BODY_MAX));
        let too_large = problem(json(caller, large), &what("too large")).await?;
        ensure!((too_large.status, too_large.code.as_str()) == (413, "too_large"), "{}: {too_large:?}", what("too large"));
        sent += 3;
    }
    Ok(sent)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_answers_bad_input_with_a_typed_error_and_changes_nothing() -> Result<()> {
    let world = World::start(Profile::Embedded, 1).await?;
    let store = &world.stores[0];
    let member = world.member("xenia", &[INSTORE_CONTEXT]).await?;
    let entered = world.enter_and_be_known(&member, 0).await?;
    let staff = world.marketer().await?;
    let (stranger, at_node) = (Api::new(&world.url())?, Api::new(&store.target.http)?);
    let parameters = BTreeMap::from([
        ("store", store.id().to_string()),
        ("screen", "aisle-5".to_owned()),
        ("display", "shelf-pets".to_owned()),
        ("token", entered.token.to_string()),
        ("handshake", "5a".repeat(16)),
        ("id", "marketing".to_owned()),
        ("version", "1".to_owned()),
        ("language", "de".to_owned()),
        ("customer", member.me.customer.to_string()),
    ]);
    let cloud_callers = Callers {
        by_auth: BTreeMap::from([
            ("public", stranger.clone()),
            ("customer", member.api().clone()),
            ("staff", staff.api().clone()),
            ("integration", world.integration()?.api().clone()),
        ]),
        parameters: parameters.clone(),
    };
    store.in_step().await;
    let rows = world.cloud_rows().await?;
    let counted = refusals(&stranger.text("/metrics").await?);
    let mut sent = 0;
    for route in cloud::ROUTES {
        sent += abuse(route, &cloud_callers).await?;
    }
    for kind in [DeviceKind::Screen, DeviceKind::Nfc, DeviceKind::Door, DeviceKind::Sensor, DeviceKind::Tablet] {
        let (id, noun) = match kind {
            DeviceKind::Screen => ("aisle-5", "screens"),
            DeviceKind::Nfc => ("shelf-pets", "nfc"),
            DeviceKind::Door => ("door-1", "doors"),
            DeviceKind::Sensor => ("sensor-pets", "sensors"),
            DeviceKind::Tablet => ("tablet-1", "tablets"),
        };
        let device = BrowserDevice::sign_in(&store.target.http, kind, id, &store.bus(kind, id)?.secret).await?;
        let mut parameters = parameters.clone();
        parameters.insert("touchpoint", id.to_owned());
        parameters.insert("tablet", id.to_owned());
        let callers = Callers {
            by_auth: BTreeMap::from([
                ("public", at_node.clone()),
                ("visit", at_node.clone()),
                ("device", device.api().clone()),
                ("operator", at_node.clone()),
            ]),
            parameters,
        };
        let of_kind = |route: &&Route| route.auth == Auth::Device && route.path.starts_with(&format!("/v1/{noun}/"));
        let of_all = |route: &&Route| route.auth != Auth::Device && kind == DeviceKind::Screen;
        for route in node::ROUTES.iter().filter(|route| of_kind(route) || of_all(route)) {
            sent += abuse(route, &callers).await?;
        }
    }
    for api in [&stranger, &at_node] {
        let unknown = problem(api.request(reqwest::Method::GET, "/v1/no-such-route"), "unknown route").await?;
        assert_eq!(unknown.status, 404);
    }
    assert!(sent > 100, "{sent} bad requests");
    // Node and cloud of one process share their counters.
    assert!(refusals(&stranger.text("/metrics").await?) - counted >= sent, "every refusal is counted");
    assert_eq!(changed(&rows, &world.cloud_rows().await?), BTreeMap::new(), "nothing changed in the cloud");
    assert_eq!(store.floor()?.status().await?.visits_open, 1, "nothing changed in the store");
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_topic_of_a_device_answers_bad_input_on_its_error_topic_and_changes_nothing() -> Result<()> {
    let world = World::start(Profile::Embedded, 1).await?;
    let store = &world.stores[0];
    store.in_step().await;
    let rows = world.cloud_rows().await?;
    for declaration in DECLARATIONS.iter().filter(|declaration| declaration.publisher == Publisher::Device) {
        let kind = match declaration.pattern.split('/').nth(3) {
            Some("screen") => DeviceKind::Screen,
            Some("nfc") => DeviceKind::Nfc,
            Some("sensor") => DeviceKind::Sensor,
            other => panic!("no device of kind {other:?}"),
        };
        let id = match kind {
            DeviceKind::Screen => "aisle-5",
            DeviceKind::Nfc => "shelf-pets",
            DeviceKind::Door => "door-1",
            DeviceKind::Sensor => "sensor-pets",
            DeviceKind::Tablet => "tablet-1",
        };
        let bus = Bus::join(&store.bus(kind, id)?, None).await?;
        let leaf = declaration.pattern.rsplit('/').next().context("a leaf")?;
        let prefix = aisle_schemas::topic::device_prefix(store.id(), kind, id);
        let large = format!("{{\"no-such-field\":\"{}\"}}", "x".repeat(BODY_MAX));
        let bad = [("unreadable", "{\"a\":".to_owned()), ("wrong", "{\"no-such-field\":1}".to_owned()), ("large", large)];
        let expected = bad.len();
        for (_, body) in bad {
            bus.publish_raw(format!("{prefix}{leaf}"), Bytes::from(body), false).await?;
        }
        let errors = format!("{prefix}error");
        let problems = eventually("each is answered", async || {
            let problems: Vec<Problem> = bus.inbox().of(&errors);
            (problems.len() >= expected).then_some(problems)
        })
        .await;
        for problem in problems {
            assert!(matches!(problem.status, 400 | 413 | 422) && !problem.code.is_empty(), "{}: {problem:?}", declaration.name);
        }
    }
    let probe = store.screen("window-1").await?;
    probe.plan(DEADLINE, |plan| Some(plan.rev)).await.context("everything else goes on")?;
    store.in_step().await;
    assert_eq!(changed(&rows, &world.cloud_rows().await?), BTreeMap::new(), "nothing changed in the cloud");
    world.stop().await
}
