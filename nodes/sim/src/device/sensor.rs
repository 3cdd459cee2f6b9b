//! A sensor that counts people in a zone.

use aisle_schemas::ids::{StoreId, TouchpointId, ZoneId};
use aisle_schemas::store::ZoneCount;
use aisle_schemas::topic::Topic;

use super::bus::{Bus, BusAddress, BusError};

/// A sensor on the bus.
pub struct Sensor {
    topic: Topic,
    zone: ZoneId,
    bus: Bus,
}

impl Sensor {
    /// Joins the bus.
    ///
    /// # Errors
    /// See [`BusError`].
    pub async fn join(address: &BusAddress, store: &StoreId, touchpoint: TouchpointId, zone: ZoneId) -> Result<Self, BusError> {
        let topic = Topic::ZoneCounted { store: store.clone(), touchpoint };
        Ok(Self { topic, zone, bus: Bus::join(address, None).await? })
    }

    /// Reports how many people it sees.
    ///
    /// # Errors
    /// See [`BusError`].
    pub async fn count(&self, people: u32) -> Result<(), BusError> {
        self.bus.publish(&self.topic, &ZoneCount { zone: self.zone.clone(), people }).await
    }

    pub fn bus(&self) -> &Bus {
        &self.bus
    }
}
