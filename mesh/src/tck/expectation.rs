//! Who may publish and read which topic, said once more.
//!
//! Owns [`grant`]: the table of AS-098 and the rules of the in-store bus as a pure function on typed topics. It shares no line with
//! `broker::access`, which works on patterns; where the two disagree, one of them is wrong. Cannot fail.

use aisle_schemas::ids::{NodeId, StoreId};
use aisle_schemas::sync::Stream;
use aisle_schemas::topic::{DECLARATIONS, DeviceKind, Publisher, Topic};

use crate::broker::Role;

/// What one party may do with one topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    pub publish: bool,
    pub subscribe: bool,
}

const NOTHING: Grant = Grant { publish: false, subscribe: false };

/// Whom or what a topic is about.
enum About<'a> {
    Node(&'a NodeId),
    Partition,
    Device { store: &'a StoreId, kind: DeviceKind, id: &'a str },
}

fn about(topic: &Topic) -> About<'_> {
    use DeviceKind::{Door, Nfc, Screen, Sensor};

    match topic {
        Topic::SyncHello { node, part: _ }
        | Topic::SyncBatchUp { node, part: _, stream: _ }
        | Topic::SyncAckUp { node, part: _ }
        | Topic::SyncPresence { node, part: _ }
        | Topic::SyncWelcome { node, part: _ }
        | Topic::SyncBatchDown { node, part: _, stream: _ }
        | Topic::SyncAckDown { node, part: _ } => About::Node(node),
        Topic::SyncState { part: _ } => About::Partition,
        Topic::ScreenPlan { store, screen }
        | Topic::ScreenCommand { store, screen }
        | Topic::ScreenPlays { store, screen }
        | Topic::ScreenState { store, screen }
        | Topic::ScreenInteractionSeen { store, screen }
        | Topic::ScreenPlaysAck { store, screen }
        | Topic::ScreenRefused { store, screen } => About::Device { store, kind: Screen, id: screen.as_str() },
        Topic::NfcShown { store, display } | Topic::NfcTapped { store, display } | Topic::NfcRefused { store, display } => {
            About::Device { store, kind: Nfc, id: display.as_str() }
        }
        Topic::DoorCodeShown { store, touchpoint } => About::Device { store, kind: Door, id: touchpoint.as_str() },
        Topic::ZoneCounted { store, touchpoint } | Topic::FactsTold { store, touchpoint } | Topic::SensorRefused { store, touchpoint } => {
            About::Device { store, kind: Sensor, id: touchpoint.as_str() }
        }
    }
}

/// What `role` may do with `topic`.
#[must_use]
pub fn grant(role: &Role, topic: &Topic) -> Grant {
    let publisher = topic.declaration().publisher;
    match (role, about(topic)) {
        (Role::Node(own), About::Node(node)) => {
            Grant { publish: own == node && publisher == Publisher::Node, subscribe: own == node && publisher == Publisher::Cloud }
        }
        (Role::Node(_), About::Partition) => Grant { publish: false, subscribe: true },
        (Role::Cloud(_), About::Node(_) | About::Partition) => {
            Grant { publish: publisher == Publisher::Cloud, subscribe: publisher == Publisher::Node }
        }
        (Role::StoreNode, About::Device { .. }) => Grant { publish: true, subscribe: true },
        (Role::Device { store: own, kind: own_kind, device }, About::Device { store, kind, id }) => {
            let mine = own == store && *own_kind == kind && device.as_str() == id;
            Grant { publish: mine && publisher == Publisher::Device, subscribe: mine }
        }
        // The two buses never meet (AS-095).
        (Role::Node(_) | Role::Cloud(_), About::Device { .. })
        | (Role::StoreNode | Role::Device { .. }, About::Node(_) | About::Partition) => NOTHING,
    }
}

/// Every declared topic, about each of these nodes with each stream, and about a device of each of these names in each of these stores.
#[must_use]
pub fn every_topic(nodes: &[NodeId], stores: &[StoreId], devices: &[&str]) -> Vec<Topic> {
    let mut topics: Vec<Topic> = Vec::new();
    let mut add = |text: String| {
        // A pattern that is filled in wrongly parses to nothing, and then a test misses its declaration.
        if let Some(topic) = Topic::parse(&text)
            && !topics.contains(&topic)
        {
            topics.push(topic);
        }
    };
    for declared in DECLARATIONS {
        for node in nodes {
            for stream in Stream::ALL {
                let filled = declared.pattern.replace("{part}", &node.partition().to_string()).replace("{node}", &node.to_string());
                add(filled.replace("{stream}", stream.as_str()));
            }
        }
        for store in stores {
            for device in devices {
                let filled = declared.pattern.replace("{store}", store.as_str());
                add(filled.replace("{screen}", device).replace("{display}", device).replace("{touchpoint}", device));
            }
        }
    }
    topics
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_declared_topic_is_left_out() {
        let topics = every_topic(&[NodeId::parse("acme.s042.n1").unwrap()], &[StoreId::parse("s042").unwrap()], &["d1"]);
        let named: BTreeSet<&str> = topics.iter().map(|topic| topic.declaration().name).collect();
        let declared: BTreeSet<&str> = DECLARATIONS.iter().map(|declared| declared.name).collect();
        assert_eq!(named, declared);
    }
}
