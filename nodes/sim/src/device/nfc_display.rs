//! An NFC display: a panel with a reader. Reports touches, draws what the node tells it.

use std::time::{Duration, Instant};

use aisle_schemas::ids::{DisplayId, StoreId, TapId};
use aisle_schemas::nfc::{NfcShow, NfcTap};
use aisle_schemas::topic::Topic;

use super::bus::{Bus, BusAddress, BusError};

/// A display on the bus.
pub struct NfcDisplay {
    tap: Topic,
    show: String,
    bus: Bus,
}

/// What answered a touch, and how long it took.
#[derive(Debug, Clone)]
pub struct Answer {
    pub show: NfcShow,
    pub took: Duration,
}

impl NfcDisplay {
    /// Joins the bus.
    ///
    /// # Errors
    /// See [`BusError`].
    pub async fn join(address: &BusAddress, store: &StoreId, display: &DisplayId) -> Result<Self, BusError> {
        let tap = Topic::NfcTapped { store: store.clone(), display: display.clone() };
        let show = Topic::NfcShown { store: store.clone(), display: display.clone() }.build();
        Ok(Self { tap, show, bus: Bus::join(address, None).await? })
    }

    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// Reports a touch and waits for what the display is told to show. A report whose fate is unknown is sent again under the same id.
    ///
    /// # Errors
    /// When the broker refuses the report.
    pub async fn touch(&self, tap: TapId, traceparent: Option<String>, deadline: Duration) -> Result<Option<Answer>, BusError> {
        let started = Instant::now();
        let body = NfcTap { tap, traceparent };
        while let Err(error) = self.bus.publish(&self.tap, &body).await {
            match error {
                BusError::Unknown if started.elapsed() < deadline => {}
                error => return Err(error),
            }
        }
        let answer = self.bus.inbox().find_within(deadline, |seen| {
            let show = (seen.kind == self.show).then(|| seen.read::<NfcShow>())??;
            match &show {
                NfcShow::Answering { tap: answered, .. } if *answered == tap => Some((show, seen.arrived)),
                NfcShow::Answering { .. } | NfcShow::Inviting { .. } | NfcShow::Kept { .. } => None,
            }
        });
        Ok(answer.await.map(|(show, arrived)| Answer { show, took: arrived.saturating_duration_since(started) }))
    }

    /// What it shows now, once it fits; `None` when nothing does in time.
    pub async fn showing<T>(&self, deadline: Duration, pick: impl Fn(&NfcShow) -> Option<T>) -> Option<T> {
        let newest = self.bus.inbox().look(|kept| {
            let show = kept.iter().rev().find(|seen| seen.kind == self.show)?.read::<NfcShow>()?;
            pick(&show)
        });
        tokio::time::timeout(deadline, newest).await.ok()
    }
}
