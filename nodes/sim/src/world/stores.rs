//! The demo's stores: plan, zones, screens, NFC displays, door and sensor, the same in each store.

use aisle_schemas::{
    content::{Content, ContentClass},
    ids::{DeviceId, DisplayId, EventSlug, LayoutZoneId, NodeId, NodeName, ScreenId, StoreId, TenantId, TouchpointId, ZoneId},
    nfc::NfcProgramme,
    screen::{EventClock, EventKind, Layout, LayoutZone, LayoutZoneKind, OfferSubscription, ScheduleEvent, ScreenProgramme},
    store::{DevicePlan, StoreProfile, ZonePlan},
    text::LocalText,
    topic::DeviceKind,
};

use super::{NODE, TENANT};

/// Seconds an offer stays on a screen.
const OFFER_S: u32 = 8;
/// Offers in one loop; more would not come round while somebody stands there.
const OFFERS_MAX: u32 = 6;

/// Zones of the plan: id, German, English, x, y, width, height in metres.
const ZONES: [(&str, &str, &str, f32, f32, f32, f32); 6] = [
    ("entrance", "Eingang", "Entrance", 0.0, 14.0, 10.0, 10.0),
    ("fresh", "Frische", "Fresh food", 0.0, 0.0, 14.0, 14.0),
    ("pantry", "Vorrat", "Pantry", 14.0, 0.0, 12.0, 14.0),
    ("pets", "Tierbedarf", "Pets", 26.0, 0.0, 14.0, 10.0),
    ("home", "Haushalt", "Household", 26.0, 10.0, 14.0, 8.0),
    ("checkout", "Kasse", "Checkout", 10.0, 18.0, 30.0, 6.0),
];

/// One device of a store.
#[derive(Debug, Clone, Copy)]
pub struct Device {
    pub kind: DeviceKind,
    pub id: &'static str,
    pub zone: &'static str,
    de: &'static str,
    en: &'static str,
    x: f32,
    y: f32,
}

const fn device(kind: DeviceKind, id: &'static str, zone: &'static str, (de, en): (&'static str, &'static str), x: f32, y: f32) -> Device {
    Device { kind, id, zone, de, en, x, y }
}

/// Devices of each store.
pub const DEVICES: [Device; 8] = [
    device(DeviceKind::Screen, "window-1", "entrance", ("Schaufenster", "Window"), 2.0, 23.0),
    device(DeviceKind::Screen, "aisle-2", "fresh", ("Gang 2", "Aisle 2"), 8.0, 7.0),
    device(DeviceKind::Screen, "aisle-5", "pets", ("Gang 5", "Aisle 5"), 33.0, 4.0),
    device(DeviceKind::Screen, "till-1", "checkout", ("Kasse 1", "Till 1"), 20.0, 21.0),
    device(DeviceKind::Nfc, "shelf-pets", "pets", ("Regal Tierbedarf", "Pets shelf"), 30.0, 6.0),
    device(DeviceKind::Nfc, "shelf-fresh", "fresh", ("Regal Frische", "Fresh shelf"), 5.0, 4.0),
    device(DeviceKind::Door, "door-1", "entrance", ("Tür", "Door"), 1.0, 20.0),
    device(DeviceKind::Sensor, "sensor-pets", "pets", ("Zähler Tierbedarf", "Pets counter"), 36.0, 2.0),
];

/// A store of the demo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    pub id: StoreId,
    pub name: String,
}

/// The first `count` stores: three cities, then numbered ones.
///
/// # Panics
/// Never: ids are made of literals and numbers.
pub fn stores(count: usize) -> Vec<Store> {
    let cities = [("berlin-mitte", "Berlin Mitte"), ("hamburg-altona", "Hamburg Altona"), ("muenchen-ost", "München Ost")];
    (1..=count)
        .map(|number| {
            let (id, name) = match cities.get(number - 1) {
                Some((id, name)) => ((*id).to_owned(), (*name).to_owned()),
                None => (format!("store-{number}"), format!("Store {number}")),
            };
            Store { id: StoreId::parse(&id).expect("store ids are literals and numbers"), name }
        })
        .collect()
}

impl Store {
    /// Identity of the store's node.
    ///
    /// # Panics
    /// Never: names are literals.
    pub fn node(&self) -> NodeId {
        NodeId {
            tenant: TenantId::parse(TENANT).expect("the tenant is a literal"),
            store: self.id.clone(),
            node: NodeName::parse(NODE).expect("the node is a literal"),
        }
    }

    /// Plan, zones and devices; `shop_url` is where phones find the shop.
    ///
    /// # Panics
    /// Never: a test builds it.
    pub fn profile(&self, shop_url: &str) -> StoreProfile {
        StoreProfile {
            store: self.id.clone(),
            name: self.name.clone(),
            time_zone: "Europe/Berlin".to_owned(),
            width: 40.0,
            height: 24.0,
            zones: ZONES
                .iter()
                .map(|&(id, de, en, x, y, w, h)| ZonePlan { zone: zone(id), name: LocalText::new(de, en), x, y, w, h })
                .collect(),
            devices: DEVICES
                .iter()
                .map(|device| DevicePlan {
                    kind: device.kind,
                    id: DeviceId::parse(device.id).expect("device ids are literals"),
                    name: device.name(),
                    zone: zone(device.zone),
                    x: device.x,
                    y: device.y,
                })
                .collect(),
            // A demo must not close on whoever tries it in the evening.
            closes: "23:59".to_owned(),
            shop_url: shop_url.to_owned(),
        }
    }
}

impl Device {
    pub fn name(&self) -> LocalText {
        LocalText::new(self.de, self.en)
    }
}

/// Devices of one kind.
pub fn devices(kind: DeviceKind) -> impl Iterator<Item = &'static Device> {
    DEVICES.iter().filter(move |device| device.kind == kind)
}

/// Programmes of a store's screens.
///
/// # Panics
/// Never: a test builds them.
pub fn screens() -> Vec<ScreenProgramme> {
    devices(DeviceKind::Screen)
        .map(|device| {
            let portrait = device.id == "aisle-2";
            let (width, height) = if portrait { (1080, 1920) } else { (1920, 1080) };
            let main = LayoutZoneId::parse("main").expect("a literal");
            ScreenProgramme {
                screen: ScreenId::parse(device.id).expect("device ids are literals"),
                name: device.name(),
                zone: zone(device.zone),
                layout: Layout {
                    width,
                    height,
                    zones: vec![LayoutZone { id: main.clone(), kind: LayoutZoneKind::Main, x: 0, y: 0, w: width, h: height }],
                },
                events: vec![welcome(&main)],
                subscription: Some(OfferSubscription { categories: Vec::new(), duration_s: OFFER_S, offers_max: OFFERS_MAX }),
                fallback: brand(),
                media: vec![],
                sync: None,
                label: None,
            }
        })
        .collect()
}

/// Programmes of a store's NFC displays.
///
/// # Panics
/// Never: a test builds them.
pub fn displays() -> Vec<NfcProgramme> {
    devices(DeviceKind::Nfc)
        .map(|device| NfcProgramme {
            display: DisplayId::parse(device.id).expect("device ids are literals"),
            name: device.name(),
            zone: zone(device.zone),
            invitation: generic(
                ("Antippen und merken", "Tap to keep this"),
                ("Das Angebot kommt auf Ihr Telefon.", "The offer comes to your phone."),
            ),
            subscription: OfferSubscription { categories: Vec::new(), duration_s: OFFER_S, offers_max: OFFERS_MAX },
        })
        .collect()
}

/// The door of each store.
///
/// # Panics
/// Never: the id is a literal.
pub fn door() -> TouchpointId {
    TouchpointId::parse("door-1").expect("a literal")
}

/// A zone by name.
///
/// # Panics
/// When the name is not one: callers give literals of the tables above.
pub fn zone(name: &str) -> ZoneId {
    ZoneId::parse(name).expect("zones are literals")
}

fn welcome(main: &LayoutZoneId) -> ScheduleEvent {
    ScheduleEvent {
        id: EventSlug::parse("welcome").expect("a literal"),
        zone: main.clone(),
        priority: 0,
        order: 0,
        content: generic(
            ("Heute frisch für dich", "Fresh for you today"),
            ("Anmelden an der Tür, Angebote auf dem Telefon.", "Check in at the door, offers on your phone."),
        ),
        offer: None,
        duration_s: OFFER_S,
        from: None,
        to: None,
        day_part: None,
        criteria: Vec::new(),
        max_plays_per_hour: 0,
        clock: EventClock::Programme,
        kind: EventKind::Loop,
        recurrence: None,
        playlist: None,
    }
}

fn brand() -> Content {
    generic(("Schön, dass du da bist", "Good to see you"), ("Alles für jeden Tag.", "Everything for every day."))
}

fn generic((de, en): (&str, &str), (line_de, line_en): (&str, &str)) -> Content {
    Content {
        class: ContentClass::P0,
        headline: LocalText::new(de, en),
        line: LocalText::new(line_de, line_en),
        image: None,
        price: None,
        was: None,
        segment: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_device_stands_in_a_zone_of_the_plan_and_inside_it() {
        let profile = stores(1).remove(0).profile("http://shop.example");
        for device in &profile.devices {
            let zone = profile.zones.iter().find(|zone| zone.zone == device.zone).expect("a known zone");
            assert!(device.x >= zone.x && device.x <= zone.x + zone.w, "{}", device.id);
            assert!(device.y >= zone.y && device.y <= zone.y + zone.h, "{}", device.id);
        }
        assert_eq!((screens().len(), displays().len()), (4, 2));
    }

    #[test]
    fn stores_beyond_the_cities_are_numbered() {
        let names: Vec<_> = stores(5).into_iter().map(|store| store.id.to_string()).collect();
        assert_eq!(names, ["berlin-mitte", "hamburg-altona", "muenchen-ost", "store-4", "store-5"]);
    }
}
