//! The devices of one store: screens that play, displays, a sensor, the door.

use std::sync::Arc;
use std::time::Duration;

use aisle_mesh::clock::Clock;
use aisle_schemas::ids::{BootId, DisplayId, ScreenId, TouchpointId, ZoneId};
use aisle_schemas::screen::{PlanItem, ScreenPlan};
use aisle_schemas::topic::DeviceKind;
use anyhow::{Context, Result};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::ledger::Ledger;
use super::target::StoreTarget;
use crate::client::ShopFloor;
use crate::device::{Door, NfcDisplay, Screen, Sensor};
use crate::world::stores::{self, zone};

/// Time a screen waits for its first plan, then looks again.
const PLAN_WAIT: Duration = Duration::from_secs(1);
/// Time a node has to commit a report of plays.
const REPORT_WAIT: Duration = Duration::from_secs(5);
/// Time between two counts of a sensor.
const COUNT_EVERY: Duration = Duration::from_secs(2);
/// People a sensor may see.
const PEOPLE_MAX: u32 = 12;

/// A store's devices, connected.
pub struct StoreDevices {
    pub target: StoreTarget,
    pub floor: ShopFloor,
    pub door: Door,
    /// With the zone in which each stands.
    pub displays: Vec<(ZoneId, NfcDisplay)>,
    screens: Vec<Arc<Screen>>,
    sensors: Vec<Arc<Sensor>>,
    clock: Arc<dyn Clock>,
    seed: u64,
}

impl StoreDevices {
    /// Connects every device of the demo's plan.
    ///
    /// # Errors
    /// When one is refused.
    pub async fn join(target: &StoreTarget, clock: Arc<dyn Clock>, seed: u64) -> Result<Arc<Self>> {
        let store = &target.id;
        let door = stores::door();
        let door = Door::join(&target.bus(DeviceKind::Door, door.as_str())?, store, &door).await.context("failed to connect the door")?;
        let mut displays = Vec::new();
        for device in stores::devices(DeviceKind::Nfc) {
            let id = DisplayId::parse(device.id)?;
            let display = NfcDisplay::join(&target.bus(device.kind, device.id)?, store, &id).await;
            displays.push((zone(device.zone), display.with_context(|| format!("failed to connect {id}"))?));
        }
        let mut screens = Vec::new();
        for device in stores::devices(DeviceKind::Screen) {
            let id = ScreenId::parse(device.id)?;
            // A boot is random even with a seed: two runs against one node must not claim the same plays.
            let boot = BootId::new(unix_ms(clock.as_ref()), rand::random());
            let screen = Screen::join(&target.bus(device.kind, device.id)?, store, &id, boot).await;
            screens.push(screen.with_context(|| format!("failed to connect {id}"))?);
        }
        let mut sensors = Vec::new();
        for device in stores::devices(DeviceKind::Sensor) {
            let id = TouchpointId::parse(device.id)?;
            let sensor = Sensor::join(&target.bus(device.kind, device.id)?, store, id.clone(), zone(device.zone)).await;
            sensors.push(Arc::new(sensor.with_context(|| format!("failed to connect {id}"))?));
        }
        let floor = ShopFloor::new(&target.http)?;
        Ok(Arc::new(Self { target: target.clone(), floor, door, displays, screens, sensors, clock, seed }))
    }

    /// Lets screens play and sensors count until told to stop.
    pub fn start(&self, tasks: &mut JoinSet<Result<()>>, ledger: &Arc<Ledger>, stop: &watch::Sender<bool>) {
        for screen in &self.screens {
            tasks.spawn(play(Arc::clone(screen), Arc::clone(&self.clock), Arc::clone(ledger), stop.subscribe()));
        }
        for sensor in &self.sensors {
            tasks.spawn(count(Arc::clone(sensor), SmallRng::seed_from_u64(self.seed), stop.subscribe()));
        }
    }
}

/// Unix milliseconds of a clock, for ids.
pub fn unix_ms(clock: &dyn Clock) -> u64 {
    u64::try_from(clock.now().timestamp_millis()).unwrap_or(0)
}

/// Plays the main zone's loop: each item for its whole time, then the newest plan's next one.
async fn play(screen: Arc<Screen>, clock: Arc<dyn Clock>, ledger: Arc<Ledger>, mut stop: watch::Receiver<bool>) -> Result<()> {
    let (mut turn, mut drawn) = (0_usize, None);
    while !*stop.borrow() {
        // Waiting for a plan with something to play also bounds this loop.
        let Some((plan, item)) = screen.plan(PLAN_WAIT, |plan| Some((plan.clone(), item(plan, turn)?.clone()))).await else { continue };
        if drawn != Some(plan.rev) {
            drawn = Some(plan.rev);
            // A lost connection loses this report too; the next plan brings another.
            if let Err(error) = screen.report_state(plan.rev).await {
                tracing::debug!(%error, "screen failed to report its state");
            }
        }
        let started_at = clock.now();
        let whole = tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(u64::from(item.duration_ms))) => true,
            _ = stop.wait_for(|stop| *stop) => false,
        };
        if whole {
            if !screen.played(&plan, &item, started_at, item.duration_ms).await {
                tracing::warn!(screen = %screen.id(), "screen is full of unacknowledged plays");
            }
            turn = turn.wrapping_add(1);
        }
        for play in screen.report(REPORT_WAIT).await.context("the broker refused a report of plays")? {
            ledger.played(play.offer);
        }
    }
    Ok(())
}

fn item(plan: &ScreenPlan, turn: usize) -> Option<&PlanItem> {
    let main = plan.zones.first()?;
    main.items.get(turn % main.items.len().max(1))
}

async fn count(sensor: Arc<Sensor>, mut rng: SmallRng, mut stop: watch::Receiver<bool>) -> Result<()> {
    loop {
        // A lost count is followed by a newer one.
        if let Err(error) = sensor.count(rng.random_range(0..=PEOPLE_MAX)).await {
            tracing::debug!(%error, "sensor failed to report");
        }
        tokio::select! {
            () = tokio::time::sleep(COUNT_EVERY) => {}
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
        }
    }
}
