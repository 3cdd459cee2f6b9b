//! What location feeds send, as far as it is used.
//!
//! Owns the shapes of other people's payloads, tolerant where vendors are. Takes a body and whoever decides which address may pass. Emits
//! observations of devices that may; every other address ends here. On failure: a body that is not the shape is refused whole; what is missing
//! or wrong within it is left out and counted.
pub mod meraki;
pub mod native;

use serde::Deserialize;
use thiserror::Error;

use super::address::Device;
use super::gate::Admitted;
use super::locator::Observation;

/// Devices of one body; a network of a hypermarket reports 20,000.
pub const DEVICES_MAX: usize = 50_000;
/// Readings of one scan; the densest mall heard 300.
pub const READINGS_MAX: usize = 512;

/// Why a body is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FeedRefusal {
    #[error("the body is no JSON at {0}")]
    Json(String),
    #[error("the body is not of this feed at {0}")]
    Shape(String),
    #[error("the secret is wrong")]
    Secret,
    #[error("the scan is of another store")]
    OtherStore,
}

/// What was taken from a body.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Taken {
    pub observations: Vec<Observation>,
    /// Devices whose address was dropped.
    pub unbound: usize,
    /// Parts that could not be read.
    pub unreadable: usize,
}

impl Taken {
    /// Lets a device pass, or counts that it may not.
    fn admit(&mut self, address: Option<&str>, admit: &impl Fn(Device) -> Option<Admitted>) -> Option<Admitted> {
        let Some(device) = address.and_then(Device::parse) else {
            self.unreadable += 1;
            return None;
        };
        let admitted = admit(device);
        self.unbound += usize::from(admitted.is_none());
        admitted
    }
}

/// A number that comes as one or as text.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(from = "Written")]
struct Number(Option<f64>);

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(f64),
    Text(String),
    Other(serde::de::IgnoredAny),
}

impl From<Written> for Number {
    fn from(written: Written) -> Self {
        let number = match written {
            Written::Number(number) => Some(number),
            Written::Text(text) => text.trim().parse().ok(),
            Written::Other(_) => None,
        };
        Self(number.filter(|number: &f64| number.is_finite()))
    }
}
