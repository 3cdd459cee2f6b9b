//! One scan in the shape of FIND3, which anything can send.
//!
//! Owns its fields. Takes a body. Emits one observation. On failure: see [`super`]; a survey label and a satellite position are not read here.
use std::collections::BTreeMap;

use serde::Deserialize;

use super::{FeedRefusal, Number, READINGS_MAX, Taken};
use crate::ids::StoreId;
use crate::location::address::{Device, RadioAddress};
use crate::location::gate::Admitted;
use crate::location::locator::{Heard, Observation};
use crate::location::representation::Strength;
use crate::location::stay::Pace;

#[derive(Deserialize)]
struct Body {
    t: i64,
    f: String,
    d: String,
    s: Sensors,
}

#[derive(Deserialize)]
struct Sensors {
    #[serde(default)]
    wifi: BTreeMap<String, Number>,
}

/// Reads a scan of this store.
///
/// # Errors
/// [`FeedRefusal`] for another shape or another store.
pub fn read(body: &[u8], store: &StoreId, admit: impl Fn(Device) -> Option<Admitted>) -> Result<Taken, FeedRefusal> {
    // The reason names places and kinds, never a value: a value may be an address.
    let Body { t, f, d, s } = serde_json::from_slice(body).map_err(|error| refusal(&error))?;
    if f != store.as_str() {
        return Err(FeedRefusal::OtherStore);
    }
    let mut taken = Taken::default();
    let Some(device) = taken.admit(Some(&d), &admit) else { return Ok(taken) };
    let mut heard = Vec::new();
    for (address, dbm) in s.wifi {
        let reading = RadioAddress::parse(&address).zip(dbm.0.and_then(Strength::from_dbm_rounded));
        match reading {
            Some(reading) if heard.len() < READINGS_MAX => heard.push(reading),
            Some(_) | None => taken.unreadable += 1,
        }
    }
    taken.observations.push(Observation { t_ms: t, device, pace: Pace::Live, heard: Heard::Scan(heard) });
    Ok(taken)
}

/// Where a body is not what it should be, without what stands there.
pub(super) fn refusal(error: &serde_json::Error) -> FeedRefusal {
    let place = format!("line {} column {}", error.line(), error.column());
    match error.classify() {
        serde_json::error::Category::Data => FeedRefusal::Shape(place),
        serde_json::error::Category::Io | serde_json::error::Category::Syntax | serde_json::error::Category::Eof => {
            FeedRefusal::Json(place)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> StoreId {
        StoreId::parse("demo-store").unwrap()
    }

    fn all(device: Device) -> Option<Admitted> {
        Some(Admitted::Bound(device))
    }

    const BODY: &str = r#"{"t": 1439596533831, "f": "demo-store", "d": "02:00:00:00:00:09", "l": "EG:1:2", "gps": {},
        "s": {"wifi": {"02:00:5e:00:00:00": -82, "02:00:5e:00:00:01": "-84", "nonsense": -40, "02:00:5e:00:00:02": 12, "02:00:5e:00:00:03": null}}}"#;

    #[test]
    fn a_scan_becomes_an_observation_of_what_can_be_read() {
        let taken = read(BODY.as_bytes(), &store(), all).unwrap();
        assert_eq!((taken.observations.len(), taken.unbound, taken.unreadable), (1, 0, 3));
        let Heard::Scan(heard) = &taken.observations[0].heard else { panic!("a scan is a scan") };
        assert_eq!(heard.iter().map(|(_, strength)| strength.dbm()).collect::<Vec<_>>(), [-82, -84]);
        assert_eq!((taken.observations[0].t_ms, taken.observations[0].pace), (1_439_596_533_831, Pace::Live));
    }

    #[test]
    fn an_address_that_is_not_bound_ends_here() {
        let taken = read(BODY.as_bytes(), &store(), |_| None).unwrap();
        assert_eq!(taken, Taken { unbound: 1, ..Taken::default() });
    }

    #[test]
    fn rubbish_is_refused_without_repeating_it() {
        for rubbish in ["", "[", "null", "[]", "{\"t\":\"02:00:00:00:00:09\"}", "{\"d\": \"02:00:00:00:00:09\"}", "\u{0}"] {
            let refused = read(rubbish.as_bytes(), &store(), all).unwrap_err().to_string();
            assert!(!refused.contains("02:00"), "{refused}");
        }
        assert_eq!(read(BODY.as_bytes(), &StoreId::parse("other").unwrap(), all), Err(FeedRefusal::OtherStore));
    }
}
