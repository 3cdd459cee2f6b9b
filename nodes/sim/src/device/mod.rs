//! Devices on a store's own bus, as anybody could build them: MQTT 5 with the device's name and secret, JSON bodies as declared.

pub mod bus;
pub mod door;
pub mod nfc_display;
pub mod screen;
pub mod sensor;

pub use bus::{Bus, BusAddress, BusError};
pub use door::Door;
pub use nfc_display::NfcDisplay;
pub use screen::Screen;
pub use sensor::Sensor;
