//! A screen without a browser: plays the loop it is told and reports what it has played.
//!
//! Owns the plays not yet acknowledged, bounded: a screen keeps them until the node says that they are committed, and sends them again after each
//! connection. On failure: with the store full of unacknowledged plays it stops playing rather than forget one.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aisle_schemas::ids::{BootId, ScreenId, StoreId};
use aisle_schemas::screen::{
    DisplayPower, PlanItem, Play, PlayAck, PlayDetail, PlayOutcome, PlayReport, ScreenCommand, ScreenPlan, ScreenState,
};
use aisle_schemas::topic::Topic;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio::sync::Mutex;

use super::bus::{Bus, BusAddress, BusError};

/// Plays kept without acknowledgement.
const UNACKNOWLEDGED_MAX: usize = 10_000;
/// Plays in one report; the wire allows no more.
const REPORT_MAX: usize = 100;

/// A screen on the bus.
pub struct Screen {
    store: StoreId,
    screen: ScreenId,
    boot: BootId,
    bus: Bus,
    seq: AtomicU64,
    unacknowledged: Mutex<VecDeque<Play>>,
}

impl Screen {
    /// Joins the bus, says that it is on, and leaves a will that says it is off.
    ///
    /// # Errors
    /// See [`BusError`].
    pub async fn join(address: &BusAddress, store: &StoreId, screen: &ScreenId, boot: BootId) -> Result<Arc<Self>, BusError> {
        let topic = Topic::ScreenState { store: store.clone(), screen: screen.clone() };
        let off = serde_json::to_vec(&state(false, None))?;
        let bus = Bus::join(address, Some((topic.clone(), Bytes::from(off)))).await?;
        let screen =
            Self { store: store.clone(), screen: screen.clone(), boot, bus, seq: AtomicU64::new(0), unacknowledged: Mutex::default() };
        screen.bus.publish(&topic, &state(true, None)).await?;
        Ok(Arc::new(screen))
    }

    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    pub fn id(&self) -> &ScreenId {
        &self.screen
    }

    pub fn boot(&self) -> BootId {
        self.boot
    }

    /// The newest plan, once one fits; `None` when none does in time.
    pub async fn plan<T>(&self, deadline: Duration, pick: impl Fn(&ScreenPlan) -> Option<T>) -> Option<T> {
        let topic = Topic::ScreenPlan { store: self.store.clone(), screen: self.screen.clone() }.build();
        let newest = self.bus.inbox().look(|kept| {
            let plan = kept.iter().rev().find(|seen| seen.kind == topic)?.read::<ScreenPlan>()?;
            pick(&plan)
        });
        tokio::time::timeout(deadline, newest).await.ok()
    }

    /// Commands that have arrived.
    pub fn commands(&self) -> Vec<ScreenCommand> {
        let topic = Topic::ScreenCommand { store: self.store.clone(), screen: self.screen.clone() }.build();
        self.bus.inbox().of(&topic)
    }

    /// Says that it draws this plan.
    ///
    /// # Errors
    /// See [`BusError`].
    pub async fn report_state(&self, plan_rev: u64) -> Result<(), BusError> {
        let topic = Topic::ScreenState { store: self.store.clone(), screen: self.screen.clone() };
        self.bus.publish(&topic, &state(true, Some(plan_rev))).await
    }

    /// Notes that an item was played. `false` when the screen holds too many unacknowledged plays and must not play on.
    pub async fn played(&self, plan: &ScreenPlan, item: &PlanItem, started_at: DateTime<Utc>, duration_ms: u32) -> bool {
        let Some(zone) = plan.zones.iter().find(|zone| zone.items.contains(item)) else { return true };
        let mut unacknowledged = self.unacknowledged.lock().await;
        if unacknowledged.len() == UNACKNOWLEDGED_MAX {
            return false;
        }
        unacknowledged.push_back(Play {
            screen: self.screen.clone(),
            boot: self.boot,
            seq: self.seq.fetch_add(1, Ordering::Relaxed) + 1,
            zone: zone.zone.clone(),
            event: item.event.clone(),
            offer: item.offer,
            offer_rev: item.offer_rev,
            rule: item.rule,
            started_at,
            duration_ms,
            clock_synced: true,
            outcome: PlayOutcome::Complete,
            display_power: DisplayPower::On,
            detail: PlayDetail::default(),
        });
        true
    }

    /// Sends what is unacknowledged and waits until the node has committed it; whatever is left after `deadline` stays for the next time. Returns the
    /// plays that were committed meanwhile.
    ///
    /// # Errors
    /// When the broker refuses the report.
    pub async fn report(&self, deadline: Duration) -> Result<Vec<Play>, BusError> {
        let topic = Topic::ScreenPlays { store: self.store.clone(), screen: self.screen.clone() };
        let mut committed = Vec::new();
        loop {
            let plays: Vec<Play> = self.unacknowledged.lock().await.iter().take(REPORT_MAX).cloned().collect();
            let Some(last) = plays.last().map(|play| play.seq) else { return Ok(committed) };
            match self.bus.publish(&topic, &PlayReport { plays }).await {
                Ok(()) | Err(BusError::Unknown) => {}
                Err(error) => return Err(error),
            }
            let Some(acknowledged) = self.acknowledged(last, deadline).await else { return Ok(committed) };
            let mut unacknowledged = self.unacknowledged.lock().await;
            while unacknowledged.front().is_some_and(|play| play.seq <= acknowledged) {
                committed.extend(unacknowledged.pop_front());
            }
        }
    }

    /// Plays that the node has committed so far.
    pub async fn committed(&self) -> u64 {
        let unacknowledged = self.unacknowledged.lock().await;
        unacknowledged.front().map_or(self.seq.load(Ordering::Relaxed), |oldest| oldest.seq - 1)
    }

    /// Plays made so far.
    pub fn made(&self) -> u64 {
        self.seq.load(Ordering::Relaxed)
    }

    async fn acknowledged(&self, seq: u64, deadline: Duration) -> Option<u64> {
        let topic = Topic::ScreenPlaysAck { store: self.store.clone(), screen: self.screen.clone() }.build();
        self.bus
            .inbox()
            .find_within(deadline, |seen| {
                let ack = (seen.kind == topic).then(|| seen.read::<PlayAck>())??;
                (ack.boot == self.boot && ack.seq >= seq).then_some(ack.seq)
            })
            .await
    }
}

fn state(online: bool, plan_rev: Option<u64>) -> ScreenState {
    ScreenState { online, plan_rev, software: concat!("aisle-sim ", env!("CARGO_PKG_VERSION")).to_owned() }
}
