//! People at the door of a real node, by a schedule: check in, wait for the own card, leave.
//!
//! Owns nobody's session. Takes customers and a rate; writes each promise of the node into the ledger; emits times from the instant at which the
//! person meant to check in. A person who is still inside when their turn comes is passed over: the next one who is not goes.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aisle_mesh::clock::Clock;
use aisle_schemas::code::{Code, CodeSubject, StoreKey};
use aisle_schemas::ids::NodeId;
use aisle_schemas::visit::CheckInMethod;
use anyhow::{Context, Result};
use rand::Rng;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::customers;
use crate::client::{Customer, ShopFloor};
use crate::ledger::Ledger;
use crate::run::measure::Latency;
use crate::world::deployment::StoreDeployment;
use crate::world::stores::door;

/// Longest wait for the first card of a visit.
const CARD_WAIT: Duration = Duration::from_secs(5);
/// Visits at the same time at most: a door is not wider, and what waits is bounded.
const INSIDE_MAX: usize = 256;

/// One person with what they need to come again and again.
pub struct Guest {
    customer: Customer,
    passes: Mutex<VecDeque<String>>,
}

/// What the door saw.
#[derive(Default)]
pub struct DoorTimes {
    /// Meant to check in → the node has answered.
    pub check_in: Latency,
    /// Meant to check in → the first card on the own phone.
    pub offer: Latency,
    pub without_card: AtomicU64,
    /// Answers that never came: the node or the line was down.
    pub unanswered: AtomicU64,
}

/// A door under load.
pub struct DoorLoad {
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<Result<()>>,
    pub times: Arc<DoorTimes>,
}

/// Gives customers passes for `visits` visits each.
///
/// # Errors
/// When a pass is refused.
pub async fn guests(customers: Vec<Customer>, visits: usize) -> Result<Vec<Arc<Guest>>> {
    let mut guests = Vec::with_capacity(customers.len());
    for customer in customers {
        let passes = Mutex::new(customers::passes(&customer, visits).await?.into());
        guests.push(Arc::new(Guest { customer, passes }));
    }
    Ok(guests)
}

struct Place {
    node: NodeId,
    store: StoreDeployment,
    key: StoreKey,
    floor: ShopFloor,
    ledger: Arc<Ledger>,
    clock: Arc<dyn Clock>,
    times: Arc<DoorTimes>,
}

impl DoorLoad {
    /// Lets `rate` people a second come to a store.
    ///
    /// # Errors
    /// When the store's key or address cannot be used.
    pub fn start(store: StoreDeployment, guests: Vec<Arc<Guest>>, rate: f64, ledger: Arc<Ledger>, clock: Arc<dyn Clock>) -> Result<Self> {
        let times = Arc::new(DoorTimes::default());
        let key = StoreKey::from_hex(&store.store_key).context("the store's key is no key")?;
        let floor = ShopFloor::new(&store.url())?;
        let place = Arc::new(Place { node: store.store.node(), store, key, floor, ledger, clock, times: Arc::clone(&times) });
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(come(place, guests, rate, stopped));
        Ok(Self { stop, task, times })
    }

    /// Lets everybody finish.
    ///
    /// # Errors
    /// When the schedule could not go on.
    pub async fn finish(self) -> Result<Arc<DoorTimes>> {
        self.stop.send_replace(true);
        self.task.await.context("the door's task was aborted")??;
        Ok(self.times)
    }
}

async fn come(place: Arc<Place>, guests: Vec<Arc<Guest>>, rate: f64, mut stop: watch::Receiver<bool>) -> Result<()> {
    let (started, mut outside) = (Instant::now(), VecDeque::from(guests));
    let mut inside = JoinSet::new();
    let mut turn = 0_u64;
    loop {
        let intended = started + Duration::from_secs_f64((turn as f64) / rate);
        tokio::select! {
            () = tokio::time::sleep_until(intended.into()) => {
                turn += 1;
                if inside.len() < INSIDE_MAX && let Some(guest) = outside.pop_front() {
                    inside.spawn(visit(Arc::clone(&place), guest, intended));
                }
            }
            Some(left) = inside.join_next(), if !inside.is_empty() => outside.extend(left.context("a visit was aborted")?),
            _ = stop.wait_for(|stop| *stop) => break,
        }
    }
    while let Some(left) = inside.join_next().await {
        left.context("a visit was aborted")?;
    }
    Ok(())
}

/// One visit; the guest comes out again, unless no pass is left.
async fn visit(place: Arc<Place>, guest: Arc<Guest>, intended: Instant) -> Option<Arc<Guest>> {
    let pass = guest.passes.lock().unwrap_or_else(PoisonError::into_inner).pop_front()?;
    let Place { node, store, key, floor, ledger, clock, times } = place.as_ref();
    let subject = CodeSubject::Door { touchpoint: door() };
    let code = Code { store: store.store.id.clone(), subject, issued_at: clock.now(), nonce: rand::rng().random() }.encode(key);
    let entered = match floor.check_in(&code, &pass, CheckInMethod::AppQr).await {
        Ok(entered) => entered,
        Err(error) => {
            tracing::debug!(%error, "a check-in was not answered");
            times.unanswered.fetch_add(1, Ordering::Relaxed);
            return Some(guest);
        }
    };
    // One who was inside already, because the answer to the last time was lost, joins that visit: it is promised all the same.
    ledger.opened(node, entered.visit);
    times.check_in.record(intended.elapsed());
    match guest.customer.card_of(entered.visit, CARD_WAIT).await {
        Some((_, seen)) => times.offer.record(seen.arrived.saturating_duration_since(intended)),
        None => {
            times.without_card.fetch_add(1, Ordering::Relaxed);
        }
    }
    match floor.check_out(entered.token).await {
        Ok(()) => ledger.closed(node, entered.visit),
        Err(error) => {
            tracing::debug!(%error, "a check-out was not answered");
            times.unanswered.fetch_add(1, Ordering::Relaxed);
        }
    }
    Some(guest)
}
