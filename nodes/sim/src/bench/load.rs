//! Load that does not wait for the system: a thread of its own, by a schedule or as fast as stores take it.
//!
//! Owns the thread. Takes a fleet and a pace. Emits how far behind its own schedule it was. Each event carries the instant for which it was
//! intended, so that a slow system or a late generator lengthens the measured times instead of thinning out the load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use crate::hollow::Fleet;
use crate::run::measure::Latency;

/// Shortest wait that is worth a system call.
const WAIT_MIN: Duration = Duration::from_micros(50);
/// Wait where every store is full: some batches' worth of acknowledgements later there is room.
const FULL_WAIT: Duration = Duration::from_micros(500);
/// Events in one store before the next one has its turn, as fast as stores take them: as people come in groups.
const TURN: usize = 32;

/// How fast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// So many events a second, evenly, whatever becomes of them.
    PerSecond(f64),
    /// As many as the stores' logs have room for: the system decides.
    Full,
}

/// Load under way. Ends when told to.
pub struct Load {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<()>>,
    lag: Arc<Latency>,
}

impl Load {
    /// Starts it over stores `from` to `to` (exclusive) of a fleet.
    ///
    /// # Errors
    /// When no thread can be made.
    pub fn start(fleet: Arc<Fleet>, stores: std::ops::Range<usize>, pace: Pace) -> Result<Self> {
        let (stop, lag) = (Arc::new(AtomicBool::new(false)), Arc::new(Latency::default()));
        let thread = std::thread::Builder::new()
            .name("load".to_owned())
            .spawn({
                let (stop, lag) = (Arc::clone(&stop), Arc::clone(&lag));
                move || match pace {
                    Pace::PerSecond(rate) => by_schedule(&fleet, stores, rate, &stop, &lag),
                    Pace::Full => as_fast_as_taken(&fleet, stores, &stop),
                }
            })
            .context("failed to start the load's thread")?;
        Ok(Self { stop, thread, lag })
    }

    /// How far behind its schedule the generator was.
    pub fn lag(&self) -> &Latency {
        &self.lag
    }

    /// Ends it and waits.
    ///
    /// # Errors
    /// When it could not go on before.
    pub async fn stop(self) -> Result<()> {
        let Self { stop, thread, lag: _ } = self;
        stop.store(true, Ordering::Release);
        let ended = tokio::task::spawn_blocking(move || thread.join()).await.context("waiting for the load was interrupted")?;
        ended.map_err(|_| anyhow!("the load's thread panicked"))?
    }
}

#[expect(clippy::disallowed_methods, reason = "a schedule is a duration to wait for, and the async timer is a millisecond coarse")]
fn wait(duration: Duration) {
    std::thread::sleep(duration);
}

fn by_schedule(fleet: &Fleet, stores: std::ops::Range<usize>, rate: f64, stop: &AtomicBool, lag: &Latency) -> Result<()> {
    let (started, count) = (Instant::now(), stores.len().max(1));
    let mut event = 0_usize;
    while !stop.load(Ordering::Acquire) {
        let intended = started + Duration::from_secs_f64((event as f64) / rate);
        let early = intended.saturating_duration_since(Instant::now());
        if early > WAIT_MIN {
            wait(early);
            // A long pause between two events must not outlast the order to end.
            continue;
        }
        lag.record(Instant::now().saturating_duration_since(intended));
        fleet.happen(stores.start + event % count, intended)?;
        event += 1;
    }
    Ok(())
}

fn as_fast_as_taken(fleet: &Fleet, stores: std::ops::Range<usize>, stop: &AtomicBool) -> Result<()> {
    while !stop.load(Ordering::Acquire) {
        let mut taken = false;
        for store in stores.clone() {
            for _ in 0..TURN {
                if fleet.is_full(store) {
                    break;
                }
                taken |= fleet.happen(store, Instant::now())?;
            }
        }
        if !taken {
            wait(FULL_WAIT);
        }
    }
    Ok(())
}
