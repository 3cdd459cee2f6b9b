//! Every MQTT topic, declared once: builder, parser, filter, delivery and body type come from one row.
//!
//! Two buses. The mesh bus (`aisle/1/…`) joins stores and cloud and carries `aisle-sync/1` only (SYNC.md 1). The in-store bus
//! (`local/1/…`) joins a store's devices with its node and is never bridged (AS-095). An unknown topic parses to `None`: drop and count.

use crate::{
    ids::{DisplayId, NodeId, Partition, ScreenId, StoreId, TouchpointId},
    limits,
    sync::Stream,
};

/// Who publishes, for access rules and documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publisher {
    Node,
    Cloud,
    /// A device in the store: screen, NFC display, sensor.
    Device,
}

/// How a topic's messages travel. All are QoS 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Declaration {
    /// Name in AsyncAPI, e.g. `ScreenPlan`.
    pub name: &'static str,
    /// Pattern with `{parameters}`, each exactly one level.
    pub pattern: &'static str,
    pub publisher: Publisher,
    pub retain: bool,
    /// Message expiry in seconds; `None` for retained state that stands until replaced.
    pub expiry_s: Option<u32>,
    pub content_type: &'static str,
    /// Name of the body's JSON Schema.
    pub body: &'static str,
    pub summary: &'static str,
}

impl Declaration {
    /// MQTT filter with `+` for each parameter.
    pub fn filter(&self) -> String {
        self.pattern.split('/').map(|level| if level.starts_with('{') { "+" } else { level }).collect::<Vec<_>>().join("/")
    }
}

pub const EVENT: &str = "application/cloudevents+json";
pub const EVENT_BATCH: &str = "application/cloudevents-batch+json";
pub const JSON: &str = "application/json";

macro_rules! topics {
    ($($(#[doc = $summary:literal])* $name:ident { $($field:ident : $ty:ty),* } = $pattern:literal, $publisher:ident, retain $retain:literal, expiry $expiry:expr, $content:expr, $body:literal;)*) => {
        /// A topic with its parameters.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum Topic { $($(#[doc = $summary])* $name { $($field: $ty),* }),* }

        /// All topics, in the order of declaration.
        pub const DECLARATIONS: &[Declaration] = &[$(Declaration {
            name: stringify!($name), pattern: $pattern, publisher: Publisher::$publisher, retain: $retain, expiry_s: $expiry,
            content_type: $content, body: $body, summary: concat!($($summary),*),
        }),*];

        #[allow(non_camel_case_types, clippy::enum_variant_names)]
        #[derive(Clone, Copy)]
        enum Index { $($name),* }

        impl Topic {
            /// This topic's declaration.
            pub fn declaration(&self) -> &'static Declaration {
                match self { $(Self::$name { .. } => &DECLARATIONS[Index::$name as usize]),* }
            }
            /// The topic as text.
            pub fn build(&self) -> String {
                match self { $(Self::$name { $($field),* } => fill($pattern, &[$((stringify!($field), $field.to_string())),*])),* }
            }
            /// Parses a topic name; `None` if no declaration fits.
            pub fn parse(topic: &str) -> Option<Self> {
                $(if let Some(levels) = matched($pattern, topic) {
                    let mut levels = levels.into_iter();
                    $(let $field = levels.next().and_then(|level| level.parse::<$ty>().ok());)*
                    if let ($(Some($field),)* None) = ($($field,)* levels.next()) {
                        return Some(Self::$name { $($field),* });
                    }
                })*
                None
            }
        }
    };
}

fn fill(pattern: &str, fields: &[(&str, String)]) -> String {
    let mut topic = String::with_capacity(pattern.len() + 32);
    for (i, level) in pattern.split('/').enumerate() {
        if i > 0 {
            topic.push('/');
        }
        match level.strip_prefix('{').and_then(|l| l.strip_suffix('}')) {
            Some(name) => {
                let value = fields.iter().find(|(field, _)| *field == name);
                topic.push_str(&value.expect("a test builds every topic, so each parameter has its field").1);
            }
            None => topic.push_str(level),
        }
    }
    topic
}

/// The values of the pattern's parameters, in order, where the topic fits.
fn matched<'a>(pattern: &str, topic: &'a str) -> Option<Vec<&'a str>> {
    let (mut pattern, mut topic) = (pattern.split('/'), topic.split('/'));
    let mut values = Vec::new();
    loop {
        match (pattern.next(), topic.next()) {
            (None, None) => return Some(values),
            (Some(p), Some(t)) if p.starts_with('{') => values.push(t),
            (Some(p), Some(t)) if p == t => {}
            _ => return None,
        }
    }
}

const SOON: Option<u32> = Some(limits::MESSAGE_EXPIRY_S);

topics! {
    /// A node introduces itself and says where its logs stand.
    SyncHello { part: Partition, node: NodeId } = "aisle/1/{part}/{node}/up/hello", Node, retain false, expiry SOON, EVENT, "Hello";
    /// Records of one stream, store to cloud.
    SyncBatchUp { part: Partition, node: NodeId, stream: Stream } = "aisle/1/{part}/{node}/up/s/{stream}", Node, retain false, expiry SOON, EVENT_BATCH, "BatchHeader";
    /// What the store has applied of the cloud's streams.
    SyncAckUp { part: Partition, node: NodeId } = "aisle/1/{part}/{node}/up/ack", Node, retain false, expiry SOON, EVENT, "Ack";
    /// Birth, orderly stop and last will of a node.
    SyncPresence { part: Partition, node: NodeId } = "aisle/1/{part}/{node}/up/presence", Node, retain true, expiry None, EVENT, "Presence";
    /// The owner's answer to HELLO.
    SyncWelcome { part: Partition, node: NodeId } = "aisle/1/{part}/{node}/dn/welcome", Cloud, retain false, expiry SOON, EVENT, "Welcome";
    /// Records of one stream, cloud to store.
    SyncBatchDown { part: Partition, node: NodeId, stream: Stream } = "aisle/1/{part}/{node}/dn/s/{stream}", Cloud, retain false, expiry SOON, EVENT_BATCH, "BatchHeader";
    /// What the cloud has applied of the store's streams.
    SyncAckDown { part: Partition, node: NodeId } = "aisle/1/{part}/{node}/dn/ack", Cloud, retain false, expiry SOON, EVENT, "Ack";
    /// Who owns a partition now.
    SyncState { part: Partition } = "aisle/1/{part}/state", Cloud, retain true, expiry None, EVENT, "State";

    /// What a screen shall play: layout, loop, content, and why. Retained, so a screen that starts late starts right.
    ScreenPlan { store: StoreId, screen: ScreenId } = "local/1/{store}/screen/{screen}/plan", Node, retain true, expiry None, JSON, "ScreenPlan";
    /// A command to one screen.
    ScreenCommand { store: StoreId, screen: ScreenId } = "local/1/{store}/screen/{screen}/cmd", Node, retain false, expiry Some(120), JSON, "ScreenCommand";
    /// Proof of play: what was shown, when, for how long.
    ScreenPlays { store: StoreId, screen: ScreenId } = "local/1/{store}/screen/{screen}/pop", Device, retain false, expiry None, JSON, "PlayReport";
    /// A screen's own state; its last will says offline.
    ScreenState { store: StoreId, screen: ScreenId } = "local/1/{store}/screen/{screen}/state", Device, retain true, expiry None, JSON, "ScreenState";
    /// Someone touched or came near a screen; nobody in particular.
    ScreenInteractionSeen { store: StoreId, screen: ScreenId } = "local/1/{store}/screen/{screen}/interaction", Device, retain false, expiry Some(60), JSON, "ScreenInteraction";
    /// The node has committed these plays: the screen may forget them.
    ScreenPlaysAck { store: StoreId, screen: ScreenId } = "local/1/{store}/screen/{screen}/ack", Node, retain false, expiry Some(60), JSON, "PlayAck";
    /// What an NFC display shows now.
    NfcShown { store: StoreId, display: DisplayId } = "local/1/{store}/nfc/{display}/show", Node, retain true, expiry None, JSON, "NfcShow";
    /// An NFC display was touched.
    NfcTapped { store: StoreId, display: DisplayId } = "local/1/{store}/nfc/{display}/tap", Device, retain false, expiry Some(60), JSON, "NfcTap";
    /// The door's current check-in code.
    DoorCodeShown { store: StoreId, touchpoint: TouchpointId } = "local/1/{store}/door/{touchpoint}/code", Node, retain true, expiry Some(60), JSON, "DoorCode";
    /// How many people a sensor counts in its zone. A number, never a person.
    ZoneCounted { store: StoreId, touchpoint: TouchpointId } = "local/1/{store}/sensor/{touchpoint}/count", Device, retain false, expiry Some(60), JSON, "ZoneCount";
    /// What an integrator tells of the store: weather, stock, the queue. Never people.
    FactsTold { store: StoreId, touchpoint: TouchpointId } = "local/1/{store}/sensor/{touchpoint}/fact", Device, retain false, expiry Some(60), JSON, "FactReports";
    /// Why the node refused a device's message.
    ScreenRefused { store: StoreId, screen: ScreenId } = "local/1/{store}/screen/{screen}/error", Node, retain false, expiry Some(60), JSON, "Problem";
    /// Why the node refused a display's message.
    NfcRefused { store: StoreId, display: DisplayId } = "local/1/{store}/nfc/{display}/error", Node, retain false, expiry Some(60), JSON, "Problem";
    /// Why the node refused a sensor's message.
    SensorRefused { store: StoreId, touchpoint: TouchpointId } = "local/1/{store}/sensor/{touchpoint}/error", Node, retain false, expiry Some(60), JSON, "Problem";
}

/// Everything the cloud sends a node.
pub fn node_down_filter(node: &NodeId) -> String {
    format!("aisle/1/{}/{node}/dn/#", node.partition())
}

/// Everything nodes of a partition send the cloud.
pub fn owner_up_filter(part: Partition) -> String {
    format!("aisle/1/{part}/+/up/#")
}

/// Everything nodes of all partitions send the cloud.
pub const OWNER_UP_ALL: &str = "aisle/1/+/+/up/#";

/// The whole in-store bus.
pub const LOCAL_ALL: &str = "local/1/#";

/// Subtree of one device on the in-store bus: `kind` is `screen`, `nfc`, `door` or `sensor`.
pub fn device_prefix(store: &StoreId, kind: DeviceKind, id: &str) -> String {
    format!("local/1/{store}/{}/{id}/", kind.as_str())
}

/// What a device is; also the topic level that holds its kind.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema, ts_rs::TS,
)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    Screen,
    Nfc,
    Door,
    Sensor,
    /// A staff tablet; it speaks to the node by HTTP alone.
    Tablet,
}

impl DeviceKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Screen => "screen",
            Self::Nfc => "nfc",
            Self::Door => "door",
            Self::Sensor => "sensor",
            Self::Tablet => "tablet",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(pattern: &str) -> String {
        let node = NodeId::parse("acme.s042.n1").unwrap();
        pattern
            .replace("{part}", "04")
            .replace("{node}", &node.to_string())
            .replace("{stream}", "sess")
            .replace("{store}", "s042")
            .replace("{screen}", "window-1")
            .replace("{display}", "nfc-1")
            .replace("{touchpoint}", "door-1")
    }

    #[test]
    fn build_after_parse_is_the_identity_for_every_topic() {
        for declaration in DECLARATIONS {
            let text = example(declaration.pattern);
            let topic = Topic::parse(&text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(topic.declaration().name, declaration.name);
            assert_eq!(topic.build(), text);
        }
    }

    #[test]
    fn no_filter_matches_the_topic_of_another_declaration() {
        let fits = |filter: &str, topic: &str| {
            filter.split('/').count() == topic.split('/').count()
                && filter.split('/').zip(topic.split('/')).all(|(f, t)| f == "+" || f == t)
        };
        for a in DECLARATIONS {
            let hits: Vec<_> = DECLARATIONS.iter().filter(|b| fits(&a.filter(), &example(b.pattern))).map(|b| b.name).collect();
            assert_eq!(hits, [a.name]);
        }
    }

    #[test]
    fn foreign_and_malformed_topics_are_unknown() {
        for bad in [
            "",
            "aisle/1/04/acme.s042/up/hello",
            "aisle/1/GG/a.b.c/up/hello",
            "local/1/s/screen/S/pop",
            "aisle/1/04/a.b.c/up/s/nope",
            "local/1/s1/screen/x/pop/more",
        ] {
            assert_eq!(Topic::parse(bad), None, "{bad}");
        }
    }
}
