//! The surfaces in a real browser: each test starts a world of its own and lets Playwright walk through one file of `tests/browser`.
//!
//! Owns the worlds and a small HTTP face by which a journey cuts a store's line, mends it, or stops and starts a node. Takes Chromium and Node from the
//! machine; with the switch that leaves out outside servers these tests pass without having looked. On failure: prints what Playwright said.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use actix_web::{App, HttpResponse, HttpServer, dev::ServerHandle, web};
use aisle_sim::run::{Plan, Run, Target, populate::populate};
use aisle_sim::world::{AGENT, MARKETER, OPERATOR};
use aisle_tests::eventually;
use aisle_tests::process::{find_program, services_are_skipped};
use aisle_tests::services::chromium::{CHROMIUM_PATH, chromium, npm};
use aisle_tests::world::{Profile, World, WorldPlan};
use anyhow::{Context, Result, ensure};
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

/// Stores of a world: journeys have the first one for themselves, the second one is full of people.
const STORES: usize = 2;
/// People of the full store.
const PEOPLE: usize = 12;
/// Visits after which the full store looks like one.
const CHECK_INS: u64 = 8;
/// Time after which a second code is sent to an address.
const CODE_GAP: TimeDelta = TimeDelta::seconds(20);
/// Orders under way; a journey gives one at a time.
const ORDERS_MAX: usize = 4;
/// Copy of the lock file that the installed packages come from.
const STAMP: &str = "node_modules/.installed";

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_goes_through_the_store() -> Result<()> {
    browse("phone", false).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_display_answers_a_tap_on_the_phone() -> Result<()> {
    browse("nfc", false).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_screen_plays_whatever_happens() -> Result<()> {
    browse("screen", false).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_shows_and_steers_the_stores() -> Result<()> {
    browse("console", false).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_line_is_told_and_stops_no_surface() -> Result<()> {
    browse("cut_line", false).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_open_to_everyone() -> Result<()> {
    browse("every_page", false).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_surface_fits_phone_tablet_and_desk() -> Result<()> {
    browse("screens", true).await
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("browser")
}

/// Starts a world with offers, runs one file of journeys on it and ends it in order.
async fn browse(journeys: &'static str, lively: bool) -> Result<()> {
    if services_are_skipped() {
        return Ok(());
    }
    tokio::task::spawn_blocking(install).await.context("the installation was aborted")??;
    let mut world = WorldPlan::new(Profile::Embedded, STORES).in_real_time().as_demo().start().await?;
    populate(&world.url(), world.mail(), world.clock.as_ref()).await?;
    let people = if lively {
        Some(fill(&world).await?)
    } else {
        // The same marketer signs in again in the browser, which is allowed after a while; so these pages also live with a clock that is not theirs.
        world.pass(CODE_GAP);
        None
    };
    let mut control = Control::open()?;
    let described = describe(&world, control.address).to_string();
    let mut playwright = tokio::task::spawn_blocking(move || run(journeys, &described));
    let output = loop {
        tokio::select! {
            output = &mut playwright => break output.context("the browser was aborted")??,
            Some((order, done)) = control.orders.recv() => {
                obey(&mut world, &order).await?;
                // A journey that has given up does not wait for the answer, so it does not matter whether one is taken.
                done.send(()).ok();
            }
        }
    };
    drop(people);
    world.stop().await?;
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{text}");
    ensure!(output.status.success(), "{journeys}: {}\n{text}", output.status);
    Ok(())
}

/// Lets people and devices into the second store and waits until it is busy.
async fn fill(world: &World) -> Result<Run> {
    let whole = world.target();
    let target = Target { stores: whole.stores.iter().skip(1).cloned().collect(), ..whole };
    let run = Run::start(target, &Plan { shoppers: PEOPLE, seed: 1 }).await?;
    eventually("the store is busy", async || (run.check_ins() >= CHECK_INS).then_some(())).await;
    Ok(run)
}

/// What a journey must know, as `tests/browser/world.ts` reads it.
fn describe(world: &World, control: SocketAddr) -> serde_json::Value {
    let stores: Vec<_> = world
        .stores
        .iter()
        .map(|store| json!({ "id": store.id(), "name": store.name, "http": store.target.http, "secrets": store.target.secrets }))
        .collect();
    json!({ "cloud": world.url(), "control": format!("http://{control}"), "marketer": MARKETER, "agent": AGENT, "operator": OPERATOR, "stores": stores })
}

/// Installs the packages of the lock file, unless they are there. Tests run side by side; one of them installs.
fn install() -> Result<()> {
    let folder = folder();
    let guard = File::create(folder.join(".install.lock")).context("failed to open the lock of the installation")?;
    guard.lock().context("failed to wait for an installation")?;
    let wanted = std::fs::read(folder.join("package-lock.json")).context("failed to read the lock file")?;
    let stamp = folder.join(STAMP);
    if std::fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let output = Command::new(npm()?)
        .args(["ci", "--no-audit", "--no-fund"])
        .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")
        .current_dir(&folder)
        .output()
        .context("failed to run npm")?;
    ensure!(output.status.success(), "npm ci: {}", String::from_utf8_lossy(&output.stderr));
    std::fs::write(stamp, wanted).context("failed to note the installation")
}

/// Runs one file of journeys to its end. When this process dies, the kernel stops Playwright, and its browser ends with the pipe to it.
fn run(journeys: &str, world: &str) -> Result<Output> {
    let folder = folder();
    Command::new(find_program("setpriv", "util-linux", &[])?)
        .args(["--pdeathsig", "KILL", "--"])
        .arg(find_program("node", "nodejs", &[])?)
        .args([
            "node_modules/@playwright/test/cli.js",
            "test",
            &format!("/{journeys}.spec.ts"),
            "--output",
            &format!("test-results/{journeys}"),
        ])
        .env("AISLE_WORLD", world)
        .env(CHROMIUM_PATH, chromium()?)
        .current_dir(folder)
        .output()
        .context("failed to run Playwright")
}

/// What a journey does to a store, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
enum Order {
    Cut { store: usize },
    Heal { store: usize },
    StopNode { store: usize },
    StartNode { store: usize },
}

async fn obey(world: &mut World, order: &Order) -> Result<()> {
    let (Order::Cut { store } | Order::Heal { store } | Order::StopNode { store } | Order::StartNode { store }) = *order;
    let running = world.stores.get_mut(store).context("there is no such store")?;
    match order {
        Order::Cut { .. } => running.line.cut(),
        Order::Heal { .. } => running.line.heal(),
        Order::StopNode { .. } => running.stop().await?,
        Order::StartNode { .. } => running.run().await?,
    }
    Ok(())
}

type Orders = mpsc::Sender<(Order, oneshot::Sender<()>)>;

/// The HTTP face of the world.
struct Control {
    address: SocketAddr,
    orders: mpsc::Receiver<(Order, oneshot::Sender<()>)>,
    server: ServerHandle,
}

impl Control {
    fn open() -> Result<Self> {
        let (give, orders) = mpsc::channel(ORDERS_MAX);
        let server = HttpServer::new(move || App::new().app_data(web::Data::new(give.clone())).route("/", web::post().to(ordered)))
            .workers(1)
            .disable_signals()
            .bind((Ipv4Addr::LOCALHOST, 0))
            .context("failed to open the control")?;
        let address = *server.addrs().first().context("the control has no address")?;
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Self { address, orders, server: handle })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // The future only reports that workers have ended; the command to stop is sent at once.
        drop(self.server.stop(false));
    }
}

/// Answers when the order is done.
async fn ordered(order: web::Json<Order>, give: web::Data<Orders>) -> HttpResponse {
    let (done, told) = oneshot::channel();
    if give.send((order.into_inner(), done)).await.is_err() || told.await.is_err() {
        return HttpResponse::ServiceUnavailable().finish();
    }
    HttpResponse::NoContent().finish()
}
