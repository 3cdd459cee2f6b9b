//! Parsers and rules of this crate that meet the outside, on texts that nobody would send: topics and filters, packets of the protocol, credentials,
//! trace lines, addresses, configuration. None panics; what is granted never reaches beyond the grant.
//!
//! Owns the generators. Bounded for a commit; `PROPTEST_CASES=100000` runs as long as one likes.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]

use std::io::Write as _;

use aisle_mesh::broker::{
    AccessRules, Credential, Role, filter_covers, filter_is_valid, filter_matches, secret_from_random, topic_is_valid,
};
use aisle_mesh::config::{ConfigError, Sources, load_from};
use aisle_mesh::sync::codec::{parse_from_cloud, parse_from_node};
use aisle_mesh::tck::Endpoint;
use aisle_mesh::telemetry::{TelemetryConfig, TraceParent};
use aisle_schemas::ids::{DeviceId, InstanceId, NodeId, StoreId};
use aisle_schemas::topic::DeviceKind;
use bytes::Bytes;
use proptest::prelude::*;
use serde::Deserialize;

/// Levels that meet each other often.
fn level() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("+".to_owned()),
        Just("#".to_owned()),
        Just(String::new()),
        Just("aisle".to_owned()),
        Just("local".to_owned()),
        Just("1".to_owned()),
        Just("04".to_owned()),
        Just("acme.s042.n1".to_owned()),
        Just("acme.s042.n2".to_owned()),
        Just("up".to_owned()),
        Just("dn".to_owned()),
        Just("state".to_owned()),
        Just("s042".to_owned()),
        Just("screen".to_owned()),
        Just("window-1".to_owned()),
        Just("$SYS".to_owned()),
        Just("$share".to_owned()),
        "[a-z+#$\0]{0,3}",
    ]
}

fn levels() -> impl Strategy<Value = String> {
    proptest::collection::vec(level(), 1..8).prop_map(|levels| levels.join("/"))
}

/// A topic of a bus, often about the accounts below.
fn near_topic() -> impl Strategy<Value = String> {
    prop_oneof![
        levels(),
        (level(), level(), level()).prop_map(|(part, node, leaf)| format!("aisle/1/{part}/{node}/up/{leaf}")),
        (level(), level(), level()).prop_map(|(part, node, leaf)| format!("aisle/1/{part}/{node}/dn/{leaf}")),
        (level(), level(), level()).prop_map(|(store, device, leaf)| format!("local/1/{store}/screen/{device}/{leaf}")),
        level().prop_map(|part| format!("aisle/1/{part}/state")),
    ]
}

/// What the standard says, written down once more and slowly.
fn matches_by_the_book(filter: &[&str], topic: &[&str]) -> bool {
    match (filter.split_first(), topic.split_first()) {
        (Some((&"#", _)), _) => true,
        (None, None) => true,
        (Some((&"+", filter)), Some((_, topic))) => matches_by_the_book(filter, topic),
        (Some((wanted, filter)), Some((level, topic))) => wanted == level && matches_by_the_book(filter, topic),
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn rules() -> AccessRules {
    let mut rules = AccessRules::new();
    let credential = Credential::of(&secret_from_random([1; 16]), *b"twelve bytes");
    let roles = [
        Role::Node(NodeId::parse("acme.s042.n1").unwrap()),
        Role::Cloud(InstanceId::parse("eu1-a").unwrap()),
        Role::StoreNode,
        Role::Device { store: StoreId::parse("s042").unwrap(), kind: DeviceKind::Screen, device: DeviceId::parse("window-1").unwrap() },
    ];
    for role in roles {
        rules.admit(role, credential.clone());
    }
    rules
}

const ACCOUNTS: [&str; 4] = ["acme.s042.n1", "cloud.eu1-a", "node", "screen.window-1"];

proptest! {
    #[test]
    fn a_filter_matches_what_the_standard_says(filter in levels(), topic in levels()) {
        if filter_is_valid(&filter) && topic_is_valid(&topic) && !topic.starts_with('$') {
            let by_the_book = matches_by_the_book(&filter.split('/').collect::<Vec<_>>(), &topic.split('/').collect::<Vec<_>>());
            prop_assert_eq!(filter_matches(&filter, &topic), by_the_book, "{} on {}", filter, topic);
        }
    }

    #[test]
    fn what_a_covered_filter_matches_its_cover_matches_too(outer in near_topic(), inner in near_topic(), topic in near_topic()) {
        if filter_is_valid(&outer) && filter_is_valid(&inner) && topic_is_valid(&topic) && filter_covers(&outer, &inner) && filter_matches(&inner, &topic) {
            prop_assert!(filter_matches(&outer, &topic), "{} covers {}, but not {}", outer, inner, topic);
        }
    }

    #[test]
    fn as_098_no_granted_subscription_reaches_a_topic_beyond_the_grants(filter in near_topic(), topic in near_topic()) {
        let rules = rules();
        for account in ACCOUNTS {
            if rules.may_subscribe(account, &filter).is_ok() && topic_is_valid(&topic) && filter_matches(&filter, &topic) {
                // A topic name without wildcards is a filter of itself.
                prop_assert!(rules.may_subscribe(account, &topic).is_ok(), "{} got {} and with it {}", account, filter, topic);
            }
            if rules.may_publish(account, &topic).is_ok() {
                prop_assert!(topic_is_valid(&topic));
            }
        }
    }

    #[test]
    fn as_098_a_device_says_nothing_outside_its_own_subtree(topic in near_topic()) {
        let rules = rules();
        if rules.may_publish("screen.window-1", &topic).is_ok() {
            prop_assert!(topic.starts_with("local/1/s042/screen/window-1/"), "{}", topic);
        }
        if rules.may_publish("acme.s042.n1", &topic).is_ok() {
            let levels: Vec<&str> = topic.split('/').collect();
            prop_assert_eq!((levels[0], levels[1], levels[3], levels[4]), ("aisle", "1", "acme.s042.n1", "up"));
        }
    }

    #[test]
    fn as_106_whatever_is_read_as_a_nodes_message_names_the_node_of_its_topic(topic in near_topic(), payload in any::<Vec<u8>>()) {
        let own = NodeId::parse("acme.s042.n1").unwrap();
        if let Ok((node, _)) = parse_from_node(&topic, &Bytes::from(payload.clone())) {
            let place = format!("/{}/{node}/", node.partition());
            prop_assert!(topic.contains(&place), "{}", topic);
        }
        // Another node's topic is refused whatever it holds.
        if parse_from_cloud(&own, &topic, &Bytes::from(payload)).is_ok() {
            prop_assert!(topic.contains("acme.s042.n1") || topic.ends_with("/state"), "{}", topic);
        }
    }

    #[test]
    fn a_text_is_a_credential_a_trace_or_an_address_in_one_spelling(
        text in prop_oneof![any::<String>(), r"\$7\$[0-9]{0,6}\$[A-Za-z0-9+/=]{0,20}\$[A-Za-z0-9+/=]{0,90}", "00-[0-9a-f]{30,33}-[0-9a-f]{15,17}-[0-9a-f]{2}", r"mqtt://[a-z0-9.:@/\[\]-]{0,30}"],
    ) {
        if let Ok(credential) = text.parse::<Credential>() {
            prop_assert!(!credential.accepts(text.as_bytes()));
            prop_assert_eq!(credential.to_string().parse::<Credential>(), Ok(credential));
        }
        if let Ok(trace) = text.parse::<TraceParent>() {
            prop_assert_eq!(trace.to_string(), text.clone());
        }
        if let Ok(endpoint) = text.parse::<Endpoint>() {
            prop_assert_eq!(endpoint.to_string().parse::<Endpoint>(), Ok(endpoint));
        }
    }
}

/// Settings of every shape that roles use.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    store: StoreId,
    #[serde(default)]
    port: u16,
    #[serde(default)]
    secret: Option<String>,
    #[serde(default)]
    telemetry: TelemetryConfig,
}

fn toml_line() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("store = \"s042\"".to_owned()),
        "(store|port|secret|other) = [0-9a-z\"\\[\\]{}.-]{0,12}",
        Just("[telemetry]".to_owned()),
        "(service|log_format|otlp_endpoint) = \"[a-z:/]{0,12}\"",
        any::<String>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_configuration_is_taken_or_refused_with_its_place_and_never_shows_a_secret(
        lines in proptest::collection::vec(toml_line(), 0..6),
        variable in proptest::option::of(("[A-Z_]{0,12}", ".{0,12}")),
    ) {
        const SECRET: &str = "do-not-show-this";
        let mut file = tempfile::NamedTempFile::new().unwrap();
        write!(file, "secret = \"{SECRET}\"\n{}", lines.join("\n")).unwrap();
        let sources = Sources { role: "node", file: Some(file.path().to_owned()) };
        let variable_given = variable.is_some();
        let environment = variable.map(|(name, value)| (format!("AISLE_NODE_{name}"), value));
        match load_from::<Settings>(&sources, environment, &serde_json::json!({})) {
            Ok(Settings { store, port, secret, telemetry }) => {
                prop_assert!(!store.as_str().is_empty() && secret.is_some());
                // Whatever was not given is as if there were no file.
                prop_assert!(port == 0 || lines.iter().any(|line| line.contains("port")) || variable_given);
                prop_assert!(!telemetry.service.is_empty() || lines.iter().any(|line| line.contains("service")) || variable_given);
            }
            Err(error) => {
                let text = error.to_string();
                prop_assert!(!text.contains(SECRET), "{}", text);
                let placed = matches!(&error, ConfigError::Syntax { .. } | ConfigError::Value { .. });
                prop_assert!(placed && !text.is_empty(), "{:?}", error);
            }
        }
    }
}
