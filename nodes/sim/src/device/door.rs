//! The screen beside the door: it shows the check-in code. Whoever stands there can read it.
//!
//! Owns which codes were handed out here, so that two people in the same process do not hold the same one; a code is good once.

use std::collections::VecDeque;
use std::time::Duration;

use aisle_schemas::ids::{StoreId, TouchpointId};
use aisle_schemas::store::DoorCode;
use aisle_schemas::topic::Topic;
use tokio::sync::Mutex;

use super::bus::{Bus, BusAddress, BusError};

/// Codes remembered as handed out; older ones have expired anyway.
const HANDED_OUT_MAX: usize = 256;

/// A door on the bus.
pub struct Door {
    topic: String,
    bus: Bus,
    /// Held while somebody waits for their code: people queue at a door.
    handed_out: Mutex<VecDeque<String>>,
}

impl Door {
    /// Joins the bus.
    ///
    /// # Errors
    /// See [`BusError`].
    pub async fn join(address: &BusAddress, store: &StoreId, touchpoint: &TouchpointId) -> Result<Self, BusError> {
        let topic = Topic::DoorCodeShown { store: store.clone(), touchpoint: touchpoint.clone() }.build();
        Ok(Self { topic, bus: Bus::join(address, None).await?, handed_out: Mutex::default() })
    }

    /// A code that nobody here was given before; `None` when the door shows none in time.
    pub async fn code(&self, deadline: Duration) -> Option<DoorCode> {
        let mut handed_out = self.handed_out.lock().await;
        let newest = self.bus.inbox().look(|kept| {
            let shown = kept.iter().rev().find(|seen| seen.kind == self.topic)?;
            shown.read::<DoorCode>().filter(|shown| !handed_out.contains(&shown.code))
        });
        let code = tokio::time::timeout(deadline, newest).await.ok()?;
        if handed_out.len() == HANDED_OUT_MAX {
            handed_out.pop_front();
        }
        handed_out.push_back(code.code.clone());
        Some(code)
    }

    /// The code on the screen now, whoever has it; for tests.
    pub async fn shown(&self, deadline: Duration) -> Option<DoorCode> {
        let newest = self.bus.inbox().look(|kept| kept.iter().rev().find(|seen| seen.kind == self.topic)?.read::<DoorCode>());
        tokio::time::timeout(deadline, newest).await.ok()
    }
}
