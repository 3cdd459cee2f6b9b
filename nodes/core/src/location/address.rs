//! Addresses of radios: what a device or an access point calls itself on the air.
//!
//! Owns their reading and that they are never written out. Takes text. Emits values whose `Debug` shows nothing. On failure: `None` for what
//! is no address.
use std::fmt;

/// Octets of a radio address.
const OCTETS: usize = 6;
/// Longest identifier that an app may give itself.
const APP_MAX: usize = 64;

/// The address of an access point or of a device's radio.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RadioAddress([u8; OCTETS]);

impl RadioAddress {
    /// Six octets as hexadecimal digits, plain or separated by `:` or `-`, in either case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits: Vec<u8> = text.bytes().filter(|octet| !matches!(octet, b':' | b'-')).collect();
        let separators = text.len() - digits.len();
        if separators != 0 && separators != OCTETS - 1 {
            return None;
        }
        let mut octets = [0; OCTETS];
        hex::decode_to_slice(digits, &mut octets).ok()?;
        Some(Self(octets))
    }

    /// The six octets.
    #[must_use]
    pub const fn octets(&self) -> [u8; OCTETS] {
        self.0
    }
}

impl fmt::Debug for RadioAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RadioAddress(..)")
    }
}

/// What a feed calls a device: the address of its radio, or the rotating identifier of the opted-in app.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Device {
    Radio(RadioAddress),
    App(String),
}

impl Device {
    /// A radio address in any notation, or up to 64 visible ASCII characters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(address) = RadioAddress::parse(text) {
            return Some(Self::Radio(address));
        }
        let named = !text.is_empty() && text.len() <= APP_MAX && text.bytes().all(|octet| octet.is_ascii_graphic());
        named.then(|| Self::App(text.to_owned()))
    }

    /// The octets that stand for the device when it is hashed.
    #[must_use]
    pub fn octets(&self) -> Vec<u8> {
        match self {
            Self::Radio(address) => address.octets().to_vec(),
            Self::App(name) => name.as_bytes().to_vec(),
        }
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Device(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_notation_of_an_address_is_the_same_device() {
        let device = Device::parse("AA:bb:CC:00:11:22").unwrap();
        for other in ["aa-bb-cc-00-11-22", "aabbcc001122"] {
            assert_eq!(Device::parse(other), Some(device.clone()));
        }
        assert!(matches!(device, Device::Radio(_)));
    }

    #[test]
    fn what_is_no_address_is_an_app_or_nothing() {
        assert!(matches!(Device::parse("a:b"), Some(Device::App(_))));
        assert!(matches!(Device::parse("aa:bb:cc:00:11"), Some(Device::App(_))));
        for wrong in ["", "with space", "ü", &"x".repeat(APP_MAX + 1)] {
            assert_eq!(Device::parse(wrong), None);
        }
        assert_eq!(RadioAddress::parse("aa:bb:cc:00:11:2g"), None);
    }

    #[test]
    fn an_address_is_never_written_out() {
        let text = "aa:bb:cc:00:11:22";
        let written = format!("{:?} {:?} {:?}", RadioAddress::parse(text), Device::parse(text), Device::parse("app-canary"));
        assert!(!written.contains("aa") && !written.contains("170") && !written.contains("canary"), "{written}");
    }
}
