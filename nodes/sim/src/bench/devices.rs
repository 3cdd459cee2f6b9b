//! One store with a thousand devices: MQTT clients on the local broker of one real node, each reporting what it has played.
//!
//! Owns the screens and their schedules. Takes how many there are and how many records a second they make together; emits how long after its intended
//! instant each record was known to be durable, the node's memory and its CPU time per record, and whether the cloud has in the end exactly what the
//! screens were promised. On failure: a report that is not acknowledged is an error, never a figure.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aisle_mesh::clock::Clock;
use aisle_schemas::ids::{BootId, ScreenId};
use aisle_schemas::screen::{PlanItem, ScreenPlan};
use aisle_schemas::topic::DeviceKind;
use anyhow::{Context, Result, ensure};
use rand::Rng;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::figures::{Figures, quantiles};
use super::scenario;
use super::usage::{self, memory_bytes};
use super::world::{World, extra_screen};
use crate::device::Screen;
use crate::run::StoreTarget;
use crate::run::measure::Latency;

/// Plays in one report, as a screen sends them that has been playing for a while.
const PLAYS_EACH: u32 = 2;
/// Screens that connect at the same time; a box is not switched on by a thousand at once.
const JOINS_AT_ONCE: usize = 32;
/// Longest wait for the first plan, and for an acknowledgement.
const ANSWER_WAIT: Duration = Duration::from_secs(30);
/// Time that the load runs before it is measured.
const WARM_UP: Duration = Duration::from_secs(3);
/// Length of a play, milliseconds.
const PLAY_MS: u32 = 8_000;

/// What the devices do.
#[derive(Debug, Clone, Copy)]
pub struct DevicesPlan {
    pub devices: usize,
    /// Durable records a second of all devices together.
    pub records_per_s: f64,
    pub span: Duration,
}

struct Counts {
    times: Latency,
    committed: AtomicU64,
}

/// One screen that is switched on and knows what to play.
struct Ready {
    screen: Arc<Screen>,
    plan: ScreenPlan,
    item: PlanItem,
}

/// Runs it on the first node of a world; plays that were promised.
///
/// # Errors
/// When a device is refused or not answered.
pub async fn run(world: &mut World, plan: &DevicesPlan) -> Result<(Figures, u64)> {
    let DevicesPlan { devices, records_per_s, span } = *plan;
    let node = world.nodes.first().context("devices need a node")?;
    let pid = node.child.pid();
    let target = world.deployment.stores.get(node.place).context("no such store")?.target();
    let mut figures = Figures::new();
    let mib = |field: &str| (memory_bytes(pid, field) as f64) / f64::from(1 << 20);
    figures.insert("devices.node_before_mib".to_owned(), mib("VmRSS"));
    let screens = switch_on(&target, devices, world.clock.as_ref()).await?;
    figures.insert("devices.node_idle_mib".to_owned(), mib("VmRSS"));
    let counts = Arc::new(Counts { times: Latency::default(), committed: AtomicU64::new(0) });
    let (stop, stopped) = watch::channel(false);
    let period = Duration::from_secs_f64(f64::from(PLAYS_EACH) * (devices as f64) / records_per_s);
    let (started, mut playing) = (Instant::now(), JoinSet::new());
    for (number, screen) in screens.into_iter().enumerate() {
        // Spread over the period: devices do not agree on a second.
        let first = started + period.mul_f64((number as f64) / (devices as f64));
        playing.spawn(play(screen, first, period, Arc::clone(&world.clock), Arc::clone(&counts), stopped.clone()));
    }
    tokio::time::sleep(WARM_UP).await;
    counts.times.reset();
    let (before, committed) = (usage::look(&world.watched()), counts.committed.load(Ordering::Relaxed));
    tokio::time::sleep(span).await;
    let records = counts.committed.load(Ordering::Relaxed) - committed;
    let used = before.until(&usage::look(&world.watched()));
    ensure!(records > 0, "not one record was committed in {span:?}");
    figures.insert("devices.count".to_owned(), devices as f64);
    figures.insert("devices.records_per_s".to_owned(), (records as f64) / used.wall.as_secs_f64());
    figures.insert("devices.node_loaded_mib".to_owned(), mib("VmRSS"));
    scenario::costs(&mut figures, "devices", &used, records);
    quantiles(&mut figures, "devices.record_durable", &counts.times);
    stop.send_replace(true);
    while let Some(ended) = playing.join_next().await {
        ended.context("a device was aborted")??;
    }
    figures.insert("devices.node_peak_mib".to_owned(), mib("VmHWM"));
    world.nodes_in_step().await?;
    Ok((figures, counts.committed.load(Ordering::Relaxed)))
}

/// Connects screens until there are enough, and waits until each has its plan.
async fn switch_on(target: &StoreTarget, devices: usize, clock: &dyn Clock) -> Result<Vec<Ready>> {
    let now_ms = u64::try_from(clock.now().timestamp_millis())?;
    let (mut joining, mut ready) = (JoinSet::new(), Vec::with_capacity(devices));
    let mut numbers = 1..=devices;
    loop {
        while joining.len() < JOINS_AT_ONCE
            && let Some(number) = numbers.next()
        {
            let id = extra_screen(number);
            let (bus, store) = (target.bus(DeviceKind::Screen, &id)?, target.id.clone());
            let boot = BootId::new(now_ms, rand::rng().random());
            joining.spawn(async move {
                let screen =
                    Screen::join(&bus, &store, &ScreenId::parse(&id)?, boot).await.with_context(|| format!("failed to join {id}"))?;
                let first = |plan: &ScreenPlan| {
                    let item = plan.zones.iter().flat_map(|zone| &zone.items).next()?.clone();
                    Some((plan.clone(), item))
                };
                let (plan, item) = screen.plan(ANSWER_WAIT, first).await.with_context(|| format!("{id} was told nothing to play"))?;
                Ok::<_, anyhow::Error>(Ready { screen, plan, item })
            });
        }
        let Some(joined) = joining.join_next().await else { return Ok(ready) };
        ready.push(joined.context("a device was aborted")??);
    }
}

/// Plays and reports by schedule, whatever becomes of it.
async fn play(
    ready: Ready,
    first: Instant,
    period: Duration,
    clock: Arc<dyn Clock>,
    counts: Arc<Counts>,
    mut stop: watch::Receiver<bool>,
) -> Result<()> {
    let Ready { screen, plan, item } = ready;
    let mut intended = first;
    loop {
        tokio::select! {
            () = tokio::time::sleep_until(intended.into()) => {}
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
        }
        for _ in 0..PLAYS_EACH {
            ensure!(screen.played(&plan, &item, clock.now(), PLAY_MS).await, "{} has too many unacknowledged plays", screen.id());
        }
        let committed = screen.report(ANSWER_WAIT).await.with_context(|| format!("{} was refused", screen.id()))?;
        ensure!(committed.len() >= 2, "a report of {} was not acknowledged within {ANSWER_WAIT:?}", screen.id());
        counts.times.record(intended.elapsed());
        counts.committed.fetch_add(u64::try_from(committed.len())?, Ordering::Relaxed);
        intended += period;
    }
}
