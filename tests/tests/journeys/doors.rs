//! What browsers are told by every answer of cloud and node, and what pages of other sites get: nothing.

use std::collections::{BTreeMap, BTreeSet};

use aisle_schemas::http::{Auth, Method, Problem, Route, cloud, node};
use aisle_schemas::topic::DeviceKind;
use aisle_sim::client::Api;
use aisle_sim::client::browser_device::BrowserDevice;
use aisle_tests::world::{Profile, World, WorldPlan, difference};
use anyhow::{Context, Result, ensure};
use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, Response};

/// Pages and files of the cloud beside its routes, and what is not there.
const CLOUD_PAGES: [&str; 15] = [
    "/",
    "/c",
    "/t",
    "/me",
    "/bookmarks",
    "/scan",
    "/dialogue/x",
    "/console",
    "/console/stores",
    "/_styleguide",
    "/demo/mail",
    "/sw.js",
    "/robots.txt",
    "/assets/no-such-file",
    "/no-such-page",
];
/// The same of a node.
const NODE_PAGES: [&str; 6] =
    ["/player/aisle-5", "/nfc/shelf-pets", "/door/door-1", "/player/sw.js", "/assets/no-such-file", "/no-such-page"];
/// A page that means harm.
const ELSEWHERE: &str = "https://elsewhere.example";

fn verb(method: Method) -> reqwest::Method {
    match method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Delete => reqwest::Method::DELETE,
    }
}

/// A path with something in place of its parameters.
fn filled(route: &Route) -> String {
    let fill = |level: &str| match level {
        "{screen}" => "aisle-5".to_owned(),
        "{display}" => "shelf-pets".to_owned(),
        "{language}" => "de".to_owned(),
        "{version}" => "1".to_owned(),
        parameter if parameter.starts_with('{') => "01a20cd3-971c-7a55-8d4e-7f1c20a9b301".to_owned(),
        literal => literal.to_owned(),
    };
    route.path.split('/').map(fill).collect::<Vec<_>>().join("/")
}

fn example(route: &Route) -> String {
    let examples = aisle_schemas::golden::examples();
    let body = route.request.and_then(|name| examples.into_iter().find(|(known, _)| *known == name));
    body.map_or_else(|| "{}".to_owned(), |(_, value)| value.to_string())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// What every answer must say.
fn check_headers(what: &str, headers: &HeaderMap) -> Result<()> {
    let fixed = [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ];
    for (name, value) in fixed {
        ensure!(text(headers, name) == value, "{what}: {name} is {:?}", text(headers, name));
    }
    ensure!(matches!(text(headers, "referrer-policy"), "same-origin" | "no-referrer"), "{what}: referrer-policy");
    ensure!(!text(headers, "cache-control").is_empty(), "{what}: cache-control");
    for feature in ["geolocation=()", "microphone=()", "payment=()", "usb=()"] {
        ensure!(text(headers, "permissions-policy").contains(feature), "{what}: {feature}");
    }
    let policy = text(headers, "content-security-policy");
    let directives: BTreeMap<&str, &str> = policy.split(';').filter_map(|part| part.trim().split_once(' ')).collect();
    let exact = [
        ("default-src", "'self'"),
        ("script-src", "'self'"),
        ("style-src", "'self'"),
        ("object-src", "'none'"),
        ("base-uri", "'none'"),
        ("frame-ancestors", "'none'"),
        ("form-action", "'self'"),
    ];
    for (directive, value) in exact {
        ensure!(directives.get(directive) == Some(&value), "{what}: {directive} in {policy:?}");
    }
    ensure!(!policy.contains("unsafe") && !policy.contains('*'), "{what}: {policy}");
    Ok(())
}

/// A page must do without what the policy forbids.
fn check_page(what: &str, html: &str) -> Result<()> {
    for script in html.split("<script").skip(1) {
        let tag = script.split('>').next().unwrap_or_default();
        ensure!(tag.contains("src="), "{what}: a script in the page");
    }
    for inline in ["<style", " style=", " onclick=", " onload=", " onerror=", "javascript:"] {
        ensure!(!html.contains(inline), "{what}: {inline} in the page");
    }
    Ok(())
}

async fn answer(request: RequestBuilder, what: &str) -> Result<Response> {
    request.send().await.with_context(|| format!("{what}: no answer"))
}

/// Headers of one route, as these callers.
async fn walk(route: &Route, callers: &[&Api]) -> Result<u32> {
    let path = filled(route);
    for api in callers {
        let what = format!("{:?} {}{path}", route.method, api.base());
        let request = api.request(verb(route.method), &path).header("content-type", "application/json").body(example(route));
        // A stream never ends; its headers are there at once, and dropping the answer ends it.
        check_headers(&what, answer(request, &what).await?.headers())?;
    }
    Ok(u32::try_from(callers.len())?)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_of_cloud_and_node_tells_browsers_to_keep_others_out() -> Result<()> {
    let world = WorldPlan::new(Profile::Embedded, 1).as_demo().start().await?;
    let store = &world.stores[0];
    let member = world.member("xenia", &[]).await?;
    let staff = world.marketer().await?;
    let (stranger, at_node) = (Api::new(&world.url())?, Api::new(&store.target.http)?);
    let screen =
        BrowserDevice::sign_in(&store.target.http, DeviceKind::Screen, "aisle-5", &store.bus(DeviceKind::Screen, "aisle-5")?.secret)
            .await?;
    let mut walked = 0;
    for route in cloud::ROUTES {
        walked += walk(route, &[&stranger, member.api(), staff.api()]).await?;
    }
    for route in node::ROUTES {
        walked += walk(route, &[&at_node, screen.api()]).await?;
    }
    assert!(walked > 150, "{walked} answers");
    let mut pages = 0;
    for (api, paths) in [(&stranger, &CLOUD_PAGES[..]), (&at_node, &NODE_PAGES[..])] {
        for path in paths {
            let what = format!("{}{path}", api.base());
            for method in [reqwest::Method::GET, reqwest::Method::OPTIONS] {
                let response = answer(api.request(method, path), &what).await?;
                check_headers(&what, response.headers())?;
                let is_page = response.status().is_success() && text(response.headers(), "content-type").starts_with("text/html");
                if is_page {
                    check_page(&what, &response.text().await?)?;
                    pages += 1;
                }
            }
        }
    }
    assert!(pages >= 13, "{pages} pages");
    world.stop().await
}

/// The refusal of a change that a page elsewhere sends.
async fn refused(request: RequestBuilder, what: &str) -> Result<()> {
    let response = answer(request, what).await?;
    let status = response.status().as_u16();
    let problem: Problem = response.json().await.with_context(|| format!("{what}: {status} is no problem"))?;
    ensure!((status, problem.code.as_str()) == (403, "foreign_origin"), "{what}: {status} {}", problem.code);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_of_another_site_changes_anything_with_the_cookie_of_its_visitor() -> Result<()> {
    let world = World::start(Profile::Embedded, 1).await?;
    let store = &world.stores[0];
    let member = world.member("xenia", &[]).await?;
    let staff = world.marketer().await?;
    let screen =
        BrowserDevice::sign_in(&store.target.http, DeviceKind::Screen, "aisle-5", &store.bus(DeviceKind::Screen, "aisle-5")?.secret)
            .await?;
    store.in_step().await;
    let before = world.cloud_rows().await?;
    let mut tried = BTreeSet::new();
    let changing = |route: &&Route| match route.method {
        Method::Get => false,
        Method::Post | Method::Put | Method::Delete => true,
    };
    let with_cookie = |auth: Auth| match auth {
        Auth::Public | Auth::Customer => Some(member.api()),
        Auth::Staff => Some(staff.api()),
        // Nothing that a browser sends by itself: a key, or what only the visit's phone knows.
        Auth::Integration | Auth::Visit | Auth::Operator | Auth::Node => None,
        Auth::Device => Some(screen.api()),
    };
    let of_cloud = cloud::ROUTES.iter().filter(changing).filter_map(|route| Some((route, with_cookie(route.auth)?)));
    // A phone's check-in comes from the shop's page by design, and proves itself.
    let of_node = node::ROUTES.iter().filter(changing).filter(|route| route.path != "/v1/checkins" && route.auth != Auth::Visit);
    for (route, api) in of_cloud.chain(of_node.map(|route| (route, screen.api()))) {
        let path = filled(route);
        let request = || api.request(verb(route.method), &path).header("content-type", "application/json").body(example(route));
        let what = |how: &str| format!("{:?} {}{path} {how}", route.method, api.base());
        refused(request().header("origin", ELSEWHERE), &what("from elsewhere")).await?;
        refused(request().header("origin", "null"), &what("from nowhere")).await?;
        refused(request().header("sec-fetch-site", "cross-site"), &what("without an origin")).await?;
        refused(request().header("sec-fetch-site", "same-site"), &what("from a sister site")).await?;
        tried.insert(what(""));
    }
    assert!(tried.len() > 25, "{tried:?}");
    let mut changed = difference(&before, &world.cloud_rows().await?);
    // By these a store says how it is, whatever else happens.
    changed.retain(|table, _| !["reported", "journal", "stream_cursor", "outbox"].contains(&table.as_str()));
    assert_eq!(changed, BTreeMap::new(), "nothing changed");

    // The own page and programs go on.
    let own =
        member.api().request(reqwest::Method::POST, "/v1/passes").header("origin", world.url()).json(&serde_json::json!({"count": 1}));
    assert_eq!(answer(own, "the own page").await?.status(), 201);
    let program = member.api().request(reqwest::Method::POST, "/v1/passes").json(&serde_json::json!({"count": 1}));
    assert_eq!(answer(program, "a program").await?.status(), 201);
    let key = world.integration()?;
    let till = key.api().request(reqwest::Method::POST, "/v1/integrations/sales").header("origin", ELSEWHERE).json(&serde_json::json!({}));
    assert_ne!(answer(till, "a key").await?.status(), 403);
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn cookies_are_out_of_reach_of_scripts_and_other_sites() -> Result<()> {
    let world = World::start(Profile::Embedded, 1).await?;
    let store = &world.stores[0];
    let secret = store.bus(DeviceKind::Screen, "aisle-5")?.secret;
    let body = serde_json::json!({"kind": "screen", "device": "aisle-5", "secret": secret});
    let node = Api::new(&store.target.http)?;
    let device = answer(node.request(reqwest::Method::POST, "/v1/device-sessions").json(&body), "device").await?;
    check_cookie(text(device.headers(), "set-cookie"), "SameSite=Strict")?;

    let cloud = Api::new(&world.url())?;
    let email = "yan@shopper.example";
    cloud.tell(reqwest::Method::POST, "/v1/sign-in", Some(&serde_json::json!({"email": email, "language": "de"}))).await?;
    let code = aisle_sim::client::mail::code(world.mail(), email, None).await?;
    let finish = cloud.request(reqwest::Method::POST, "/v1/sign-in/code").json(&serde_json::json!({"email": email, "code": code}));
    check_cookie(text(answer(finish, "sign-in").await?.headers(), "set-cookie"), "SameSite=Lax")?;
    let end = answer(cloud.request(reqwest::Method::POST, "/v1/sign-out"), "sign-out").await?;
    let gone = text(end.headers(), "set-cookie");
    check_cookie(gone, "SameSite=Lax")?;
    ensure!(gone.contains("Max-Age=0"), "{gone}");
    assert_eq!(answer(cloud.request(reqwest::Method::GET, "/v1/me"), "after").await?.status(), 401);
    world.stop().await
}

fn check_cookie(cookie: &str, same_site: &str) -> Result<()> {
    for attribute in ["HttpOnly", same_site, "Path=/"] {
        ensure!(cookie.split("; ").any(|part| part == attribute), "{attribute}: {cookie:?}");
    }
    // Over plain HTTP a browser would throw a secure cookie away.
    ensure!(!cookie.contains("Secure"), "{cookie:?}");
    Ok(())
}
