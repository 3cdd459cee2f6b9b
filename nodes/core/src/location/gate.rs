//! Which radio addresses may enter the node at all.
//!
//! Owns the list of bound devices and, where strangers are counted, the key of the running slot. Takes an address as it came. Emits what may
//! go on in its place. On failure: whoever is not bound is dropped here, before anything keeps her address.
use std::collections::BTreeSet;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::address::Device;

/// Devices bound at once; more than a full hypermarket has visits.
pub const BOUND_MAX: usize = 20_000;
/// Length of a slot in which a stranger is counted once.
pub const SLOT_MS: i64 = 5 * 60 * 1_000;
/// Octets of a slot's key.
pub const SLOT_KEY_LEN: usize = 32;

/// A device in place of an address: bound, or a number that means nothing after the slot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Admitted {
    Bound(Device),
    Stranger(u64),
}

/// Who may pass.
#[derive(Clone, Default)]
pub struct Gate {
    bound: BTreeSet<Device>,
    /// Only where strangers are counted.
    slot: Option<(i64, [u8; SLOT_KEY_LEN])>,
}

impl Gate {
    /// Lets a device pass from now on; false when too many do.
    pub fn bind(&mut self, device: Device) -> bool {
        let room = self.bound.len() < BOUND_MAX || self.bound.contains(&device);
        if room {
            self.bound.insert(device);
        }
        room
    }

    /// Lets it pass no more.
    pub fn unbind(&mut self, device: &Device) {
        self.bound.remove(device);
    }

    /// Begins a slot with a new random key when the last one is over, and destroys the old key. True when it did.
    pub fn turn(&mut self, now_ms: i64, key: [u8; SLOT_KEY_LEN]) -> bool {
        let number = now_ms.div_euclid(SLOT_MS);
        let turns = self.slot.is_none_or(|(running, _)| running != number);
        if turns {
            self.slot = Some((number, key));
        }
        turns
    }

    /// What goes on in place of an address; `None` for what is dropped.
    #[must_use]
    pub fn admit(&self, device: Device) -> Option<Admitted> {
        if self.bound.contains(&device) {
            return Some(Admitted::Bound(device));
        }
        let (_, key) = self.slot.as_ref()?;
        let mut keyed = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length is good");
        keyed.update(&device.octets());
        let hash: [u8; 32] = keyed.finalize().into_bytes().into();
        let mut head = [0; 8];
        for (octet, of) in head.iter_mut().zip(hash) {
            *octet = of;
        }
        Some(Admitted::Stranger(u64::from_be_bytes(head)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device() -> Device {
        Device::parse("aa:bb:cc:dd:ee:ff").unwrap()
    }

    #[test]
    fn only_bound_devices_pass_and_only_while_they_are_bound() {
        let mut gate = Gate::default();
        assert_eq!(gate.admit(device()), None);
        assert!(gate.bind(device()));
        assert_eq!(gate.admit(device()), Some(Admitted::Bound(device())));
        gate.unbind(&device());
        assert_eq!(gate.admit(device()), None);
    }

    #[test]
    fn a_stranger_is_the_same_number_within_a_slot_and_another_after_it() {
        let mut gate = Gate::default();
        assert!(gate.turn(0, [1; SLOT_KEY_LEN]));
        let first = gate.admit(device());
        assert!(matches!(first, Some(Admitted::Stranger(_))));
        assert!(!gate.turn(SLOT_MS - 1, [2; SLOT_KEY_LEN]));
        assert_eq!(gate.admit(device()), first);
        assert!(gate.turn(SLOT_MS, [2; SLOT_KEY_LEN]));
        assert!(gate.slot.is_some_and(|(_, key)| key == [2; SLOT_KEY_LEN]), "the key of the slot before is gone");
        assert_ne!(gate.admit(device()), first);
    }

    #[test]
    fn a_full_gate_takes_nobody_more() {
        let mut gate = Gate::default();
        assert!((0..BOUND_MAX).all(|number| gate.bind(Device::App(number.to_string()))));
        assert!(!gate.bind(device()));
        assert!(gate.bind(Device::App("0".to_owned())));
    }
}
