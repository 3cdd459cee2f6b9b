//! People who touch an NFC display of a real node, by a schedule: how long until the display shows its answer, by the store alone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aisle_mesh::clock::Clock;
use aisle_schemas::ids::{DisplayId, TapId};
use aisle_schemas::topic::DeviceKind;
use anyhow::{Context, Result, bail};
use rand::Rng;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::device::NfcDisplay;
use crate::run::StoreTarget;
use crate::run::measure::Latency;

/// Longest wait for an answer.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// The display that is touched.
const DISPLAY: &str = "shelf-pets";

/// Touches under way.
pub struct TapLoad {
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<()>>,
    times: Arc<Latency>,
}

impl TapLoad {
    /// Connects the display and lets it be touched `rate` times a second.
    ///
    /// # Errors
    /// When the display is refused.
    pub async fn start(store: &StoreTarget, rate: f64, clock: Arc<dyn Clock>) -> Result<Self> {
        let bus = store.bus(DeviceKind::Nfc, DISPLAY)?;
        let display = NfcDisplay::join(&bus, &store.id, &DisplayId::parse(DISPLAY)?).await.context("failed to connect the display")?;
        let (stop, stopped) = watch::channel(false);
        let times = Arc::new(Latency::default());
        let task = tokio::spawn(touch(display, rate, clock, Arc::clone(&times), stopped));
        Ok(Self { stop, task, times })
    }

    /// Ends it; times from the instant at which somebody meant to touch.
    ///
    /// # Errors
    /// When a touch was refused or not answered.
    pub async fn finish(self) -> Result<Arc<Latency>> {
        self.stop.send_replace(true);
        self.task.await.context("the touches were aborted")??;
        Ok(self.times)
    }
}

async fn touch(display: NfcDisplay, rate: f64, clock: Arc<dyn Clock>, times: Arc<Latency>, mut stop: watch::Receiver<bool>) -> Result<()> {
    let (started, mut turn) = (Instant::now(), 0_u32);
    loop {
        let intended = started + Duration::from_secs_f64(f64::from(turn) / rate);
        tokio::select! {
            () = tokio::time::sleep_until(intended.into()) => {}
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
        }
        turn += 1;
        let unix_ms = u64::try_from(clock.now().timestamp_millis()).unwrap_or(0);
        let tap = TapId::new(unix_ms, rand::rng().random());
        if display.touch(tap, None, ANSWER_WAIT).await.context("the broker refused a touch")?.is_none() {
            bail!("a touch was not answered within {ANSWER_WAIT:?}");
        }
        times.record(intended.elapsed());
    }
}
