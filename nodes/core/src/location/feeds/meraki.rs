//! The Scanning API of Cisco Meraki, version 2 and 3.
//!
//! Owns their fields, and how readings of single access points become scans. Takes a body with the secret that the network was given. Emits
//! observations. On failure: see [`super`]; a wrong secret refuses the body before anything in it is looked at.
use std::collections::BTreeMap;

use chrono::DateTime;
use serde::Deserialize;
use subtle::ConstantTimeEq;

use super::native::refusal;
use super::{DEVICES_MAX, FeedRefusal, Number, READINGS_MAX, Taken};
use crate::location::address::{Device, RadioAddress};
use crate::location::gate::Admitted;
use crate::location::locator::{Heard, Observation};
use crate::location::representation::Strength;
use crate::location::stay::Pace;

/// Readings of one device within so many milliseconds are one scan (version 2).
const SCAN_MS: i64 = 5_000;
/// A scan is complete when so long nothing was added: the access points of a network report within seconds of each other.
const COMPLETE_MS: i64 = 10_000;
/// Scans that are being put together.
const JOINING_MAX: usize = 50_000;
/// What a positive strength is measured from, in dBm.
const NOISE_DBM: f64 = 95.0;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    secret: String,
    #[serde(rename = "type")]
    kind: String,
    data: Data,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    ap_mac: Option<String>,
    observations: Option<Vec<Client>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Client {
    client_mac: Option<String>,
    locations: Option<Vec<Location>>,
    rssi: Option<Number>,
    seen_epoch: Option<Number>,
    seen_time: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    x: Option<Number>,
    y: Option<Number>,
    variance: Option<Number>,
    floor_plan_name: Option<String>,
    floor_plan: Option<FloorPlan>,
    time: Option<String>,
    rssi_records: Option<Vec<RssiRecord>>,
}

#[derive(Deserialize)]
struct FloorPlan {
    name: Option<String>,
    x: Option<Number>,
    y: Option<Number>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RssiRecord {
    ap_mac: Option<String>,
    rssi: Option<Number>,
}

/// One access point heard a device: a part of a scan.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    pub device: Admitted,
    pub t_ms: i64,
    pub access_point: RadioAddress,
    pub strength: Strength,
}

/// What a body held.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Read {
    pub taken: Taken,
    /// Parts of scans, for a [`Joiner`] (version 2).
    pub readings: Vec<Reading>,
    /// A body of another radio: nothing of it can be compared with a survey of Wi-Fi.
    pub other_radio: bool,
}

/// Reads a body of either version.
///
/// # Errors
/// [`FeedRefusal`] for another shape or a wrong secret.
pub fn read(body: &[u8], secret: &str, admit: impl Fn(Device) -> Option<Admitted>) -> Result<Read, FeedRefusal> {
    let Body { secret: given, kind, data } = serde_json::from_slice(body).map_err(|error| refusal(&error))?;
    if !bool::from(given.as_bytes().ct_eq(secret.as_bytes())) {
        return Err(FeedRefusal::Secret);
    }
    let Data { ap_mac, observations } = data;
    let clients = observations.unwrap_or_default();
    let mut read = Read::default();
    read.taken.unreadable += clients.len().saturating_sub(DEVICES_MAX);
    let clients = clients.into_iter().take(DEVICES_MAX);
    match kind.as_str() {
        "WiFi" => clients.for_each(|client| version_3(client, &mut read.taken, &admit)),
        "DevicesSeen" => {
            let access_point = ap_mac.as_deref().and_then(RadioAddress::parse);
            clients.for_each(|client| version_2(client, access_point, &mut read, &admit));
        }
        "BLE" | "BluetoothDevicesSeen" => read.other_radio = true,
        _ => return Err(FeedRefusal::Shape("type".to_owned())),
    }
    Ok(read)
}

fn version_3(client: Client, taken: &mut Taken, admit: &impl Fn(Device) -> Option<Admitted>) {
    let Some(device) = taken.admit(client.client_mac.as_deref(), admit) else { return };
    let mut observations = Vec::new();
    for location in client.locations.unwrap_or_default() {
        match observation(&location, taken) {
            Some((t_ms, heard)) => observations.push(Observation { t_ms, device: device.clone(), pace: Pace::Batch, heard }),
            None => taken.unreadable += 1,
        }
    }
    // The order within a client is the vendor's.
    observations.sort_by_key(|observation| observation.t_ms);
    taken.observations.append(&mut observations);
}

fn observation(location: &Location, taken: &mut Taken) -> Option<(i64, Heard)> {
    let Location { x, y, variance, floor_plan_name, floor_plan, time, rssi_records } = location;
    let t_ms = milliseconds(time.as_deref()?)?;
    let records = rssi_records.as_deref().unwrap_or_default();
    if records.is_empty() {
        let number =
            |own: &Option<Number>, of_plan: Option<Number>| own.and_then(|number| number.0).or(of_plan.and_then(|number| number.0));
        let plan = floor_plan.as_ref();
        let floor = floor_plan_name.as_ref().or(plan.and_then(|plan| plan.name.as_ref()))?;
        let (x, y) = (number(x, plan.and_then(|plan| plan.x))?, number(y, plan.and_then(|plan| plan.y))?);
        let accuracy_m = variance.and_then(|variance| variance.0).map_or(f64::NAN, f64::sqrt);
        return Some((t_ms, Heard::Position { floor: floor.clone(), x, y, accuracy_m }));
    }
    let mut heard = Vec::new();
    for RssiRecord { ap_mac, rssi } in records {
        let reading = ap_mac.as_deref().and_then(RadioAddress::parse).zip(rssi.and_then(strength));
        match reading {
            Some(reading) if heard.len() < READINGS_MAX => heard.push(reading),
            Some(_) | None => taken.unreadable += 1,
        }
    }
    Some((t_ms, Heard::Scan(heard)))
}

fn version_2(client: Client, access_point: Option<RadioAddress>, read: &mut Read, admit: &impl Fn(Device) -> Option<Admitted>) {
    let Some(device) = read.taken.admit(client.client_mac.as_deref(), admit) else { return };
    let epoch = client.seen_epoch.and_then(|epoch| epoch.0).and_then(seconds);
    let t_ms = epoch.or_else(|| client.seen_time.as_deref().and_then(milliseconds));
    match (access_point, t_ms, client.rssi.and_then(strength)) {
        (Some(access_point), Some(t_ms), Some(strength)) => read.readings.push(Reading { device, t_ms, access_point, strength }),
        _ => read.taken.unreadable += 1,
    }
}

/// A positive strength is given above the noise.
fn strength(rssi: Number) -> Option<Strength> {
    let rssi = rssi.0?;
    Strength::from_dbm_rounded(if rssi > 0.0 { rssi - NOISE_DBM } else { rssi })
}

fn milliseconds(time: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(time).ok().map(|time| time.timestamp_millis())
}

#[expect(clippy::cast_possible_truncation, reason = "a float becomes the nearest integer or an end of i64, which is no time that is taken")]
fn seconds(epoch: f64) -> Option<i64> {
    epoch.is_finite().then_some((epoch * 1_000.0) as i64)
}

#[derive(Debug)]
struct Joining {
    t_ms: i64,
    changed_ms: i64,
    heard: BTreeMap<RadioAddress, Strength>,
}

/// Puts scans together from what single access points heard.
#[derive(Debug, Default)]
pub struct Joiner(BTreeMap<Admitted, Joining>);

impl Joiner {
    /// Takes a reading. What it does not fit to is complete and handed out; a reading for which there is no room is handed back.
    ///
    /// # Errors
    /// The reading, when too many scans are being put together.
    pub fn add(&mut self, reading: Reading, now_ms: i64) -> Result<Option<Observation>, Reading> {
        if self.0.len() >= JOINING_MAX && !self.0.contains_key(&reading.device) {
            return Err(reading);
        }
        let Reading { device, t_ms, access_point, strength } = reading;
        let new = || Joining { t_ms, changed_ms: now_ms, heard: BTreeMap::from([(access_point, strength)]) };
        let Some(joining) = self.0.get_mut(&device) else {
            self.0.insert(device, new());
            return Ok(None);
        };
        if t_ms.abs_diff(joining.t_ms) > SCAN_MS.unsigned_abs() {
            let complete = std::mem::replace(joining, new());
            return Ok(Some(complete.observation(device)));
        }
        joining.changed_ms = now_ms;
        joining.t_ms = joining.t_ms.max(t_ms);
        let heard = joining.heard.entry(access_point).or_insert(strength);
        *heard = strength.max(*heard);
        Ok(None)
    }

    /// Hands out what nothing was added to for a while.
    pub fn complete(&mut self, now_ms: i64) -> Vec<Observation> {
        let complete: Vec<Admitted> =
            self.0.iter().filter(|(_, joining)| now_ms - joining.changed_ms >= COMPLETE_MS).map(|(device, _)| device.clone()).collect();
        complete.into_iter().filter_map(|device| self.0.remove(&device).map(|joining| joining.observation(device))).collect()
    }

    /// Forgets a device.
    pub fn forget(&mut self, device: &Device) {
        self.0.remove(&Admitted::Bound(device.clone()));
    }
}

impl Joining {
    fn observation(self, device: Admitted) -> Observation {
        Observation { t_ms: self.t_ms, device, pace: Pace::Batch, heard: Heard::Scan(self.heard.into_iter().collect()) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const CLIENT: &str = "11:22:33:44:55:66";

    fn all(device: Device) -> Option<Admitted> {
        Some(Admitted::Bound(device))
    }

    fn taken(body: &Value) -> Read {
        read(body.to_string().as_bytes(), "s3cret", all).unwrap()
    }

    fn version_3(client: &Value) -> Value {
        json!({ "version": "3.0", "secret": "s3cret", "type": "WiFi", "data": { "networkId": "L_1", "observations": [client] } })
    }

    #[test]
    fn both_shapes_of_version_3_are_read_in_order_of_time() {
        let records = json!([{ "apMac": "aa:aa:aa:11:11:11", "rssi": "-32" }, { "apMac": "aa:aa:aa:22:22:22", "rssi": 41 }, { "apMac": null, "rssi": 0 }]);
        let client = json!({ "clientMac": CLIENT, "ipv6": null, "latestRecord": { "time": "2019-11-28T14:27:46Z", "nearestApRssi": "-47" }, "locations": [
            { "time": "2019-11-28T14:27:46Z", "x": null, "y": null, "floorPlan": { "id": "g", "name": "EG", "x": "7.9", "y": 10.5 }, "variance": 4.0, "rssiRecords": [] },
            { "time": "2019-11-28T14:27:21Z", "x": "7.97", "y": 10.5, "floorPlanName": "EG", "variance": 1.6, "rssiRecords": records },
            { "time": "yesterday" },
        ] });
        let read = taken(&version_3(&client));
        assert_eq!(read.taken.unreadable, 2);
        let [first, second] = &read.taken.observations[..] else { panic!("two locations are two observations") };
        let Heard::Scan(heard) = &first.heard else { panic!("strengths come first") };
        assert_eq!(heard.iter().map(|(_, strength)| strength.dbm()).collect::<Vec<_>>(), [-32, -54]);
        assert_eq!(second.heard, Heard::Position { floor: "EG".to_owned(), x: 7.9, y: 10.5, accuracy_m: 2.0 });
        assert_eq!((first.pace, second.t_ms - first.t_ms), (Pace::Batch, 25_000));
    }

    #[test]
    fn access_points_of_version_2_make_one_scan_within_five_seconds() {
        let body = |access_point: &str, epoch: i64, rssi: i64| {
            let client = json!({ "clientMac": CLIENT, "ipv4": "/10.0.0.1", "ipv6": null, "ssid": null, "rssi": rssi, "seenEpoch": epoch });
            json!({ "version": "2.0", "secret": "s3cret", "type": "DevicesSeen", "data": { "apMac": access_point, "observations": [client] } })
        };
        let mut joiner = Joiner::default();
        for (access_point, epoch, rssi) in
            [("00:18:0a:00:00:01", 1_000, 55), ("00:18:0a:00:00:02", 1_004, -60), ("00:18:0a:00:00:01", 1_005, 50)]
        {
            for reading in taken(&body(access_point, epoch, rssi)).readings {
                assert_eq!(joiner.add(reading, 0), Ok(None));
            }
        }
        assert_eq!(joiner.complete(COMPLETE_MS - 1), []);
        let later = taken(&body("00:18:0a:00:00:01", 1_060, 50)).readings.remove(0);
        let complete = joiner.add(later, 1).unwrap().unwrap();
        let Heard::Scan(heard) = &complete.heard else { panic!("strengths are a scan") };
        assert_eq!((complete.t_ms, heard.iter().map(|(_, strength)| strength.dbm()).collect::<Vec<_>>()), (1_005_000, vec![-40, -60]));
        assert_eq!(joiner.complete(COMPLETE_MS + 1).len(), 1);
        assert_eq!(joiner.complete(COMPLETE_MS + 1), []);
    }

    #[test]
    fn nothing_is_taken_without_the_secret_and_nobody_who_is_not_bound() {
        let body = version_3(&json!({ "clientMac": CLIENT, "locations": [] })).to_string();
        assert_eq!(read(body.as_bytes(), "other", all), Err(FeedRefusal::Secret));
        let read = read(body.as_bytes(), "s3cret", |_| None).unwrap();
        assert_eq!(read.taken, Taken { unbound: 1, ..Taken::default() });
    }

    #[test]
    fn other_radios_are_left_alone_and_unknown_types_refused() {
        let mut body = version_3(&json!({ "clientMac": CLIENT }));
        body["type"] = json!("BLE");
        assert!(taken(&body).other_radio);
        body["type"] = json!("Camera");
        assert!(matches!(read(body.to_string().as_bytes(), "s3cret", all), Err(FeedRefusal::Shape(_))));
    }

    #[test]
    fn rubbish_is_refused_or_left_out() {
        for rubbish in ["", "{", "[]", "null", r#"{"secret":1}"#, r#"{"secret":"s3cret","type":"WiFi","data":[]}"#] {
            let refused = read(rubbish.as_bytes(), "s3cret", all);
            assert!(matches!(refused, Err(FeedRefusal::Json(_) | FeedRefusal::Shape(_))), "{rubbish}");
        }
        let read = taken(&version_3(&json!({ "clientMac": "not an address at all", "locations": null })));
        assert_eq!((read.taken.unreadable, read.taken.observations.len()), (1, 0));
    }
}
