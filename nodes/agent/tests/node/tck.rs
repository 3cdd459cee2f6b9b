//! The node as a foreign cloud sees it: `aisle tck --role edge` on a running node and the embedded broker.

use std::net::{Ipv4Addr, SocketAddr};

use aisle_mesh::broker::{Access, AccessRules, Broker, Bus, Credential, EmbeddedBroker, EmbeddedConfig};
use aisle_mesh::clock::SystemClock;
use aisle_mesh::tck::client::{CloudAccount, NodeAccount};
use aisle_mesh::tck::{Endpoint, Identities, edge};
use aisle_schemas::ids::{InstanceId, NodeId};
use aisle_schemas::topic::DeviceKind;
use secrecy::SecretString;

use crate::world::World;

fn secret() -> SecretString {
    SecretString::from("none".to_owned())
}

fn identities() -> Identities {
    let node = NodeAccount { name: NodeId::parse("acme.s042.n1").unwrap(), proof: secret().into() };
    Identities { node, cloud: CloudAccount { instance: InstanceId::parse("tck").unwrap(), proof: secret().into() }, other_node: None }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_019_a_node_keeps_every_sentence_that_a_cloud_can_see() {
    let identities = identities();
    let mut rules = AccessRules::new();
    for account in identities.accounts() {
        rules.admit(account.role, Credential::of(&secret(), *b"twelve bytes"));
    }
    let config = EmbeddedConfig { bus: Bus::Mesh, bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), clients_max: 10 };
    let broker = EmbeddedBroker::start(config, Access::new(rules)).await.unwrap();
    let mut store = World::bare();
    store.broker_port = broker.address().port();
    store.run().await;
    // Something to send: the node says how it is, and who checks in.
    store.cookie(DeviceKind::Door, "door-1").await;
    store.checked_in(1).await;
    let endpoint = Endpoint { host: "127.0.0.1".to_owned(), port: broker.address().port(), tls: false };
    let report = edge::check(&endpoint, &identities, SystemClock::new().as_ref()).await;
    assert!(report.passed, "{report}");
    for sentence in [
        "AS-011", "AS-015", "AS-016", "AS-017", "AS-019", "AS-020", "AS-026", "AS-027", "AS-028", "AS-036", "AS-044", "AS-051", "AS-072",
        "AS-099",
    ] {
        assert!(report.findings.iter().any(|finding| finding.sentence == sentence), "{sentence}: {report}");
    }
    store.stop().await;
    Box::new(broker).stop().await;
}
