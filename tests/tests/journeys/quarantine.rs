//! A box whose history ended elsewhere and whose software is ahead of the cloud's: an operator takes it back, lets its held stream go on and
//! settles what could not be applied. Nothing of it is lost meanwhile.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aisle_mesh::clock::Clock;
use aisle_mesh::link::LinkConfig;
use aisle_mesh::sync::node_driver::{NodeSync, NodeSyncConfig, NodeSyncHandle};
use aisle_mesh::sync::node_peer::NodeIntroduction;
use aisle_mesh::sync::transport::MqttTransport;
use aisle_node::operator::read_key;
use aisle_schemas::event::{Event, EventType, Source};
use aisle_schemas::http::cloud::{Fleet, OperatorDecision, QuarantineFate, QuarantineView};
use aisle_schemas::http::node::CloudLink;
use aisle_schemas::ids::{EventId, NodeId, VisitId};
use aisle_schemas::limits::{KEEP_ALIVE, PACKET_BYTES_MAX, POISON_HOLD, RECEIVE_MAX_NODE, WINDOW_NODE};
use aisle_schemas::record::Body;
use aisle_schemas::sync::Stream;
use aisle_schemas::visit::{CloseReason, Hlc, VisitClosed};
use aisle_sim::client::{Api, Staff};
use aisle_sim::hollow::{Gauges, HollowLog};
use aisle_tests::world::{Profile, World, WorldPlan};
use aisle_tests::{eventually, within};
use anyhow::{Context, Result};
use bytes::Bytes;
use secrecy::SecretString;
use serde_json::value::to_raw_value;

const SECRET: &str = "known-to-both-boxes";
/// A box that was told to begin a new epoch hangs up and may wait for its next dial.
const REDIAL: Duration = Duration::from_secs(90);
/// Records beyond those that put the stream on hold.
const MORE: u64 = 3;

/// A second box of the store's name, with a log that the product's own driver sends.
struct SecondBox {
    node: NodeId,
    log: Arc<HollowLog>,
    sync: NodeSyncHandle,
}

impl SecondBox {
    fn start(world: &World, node: &NodeId) -> Self {
        let log = Arc::new(HollowLog::new(9, 1_000, Arc::new(Gauges::default())));
        let config = LinkConfig {
            host: world.cloud.broker.ip().to_string(),
            port: world.cloud.broker.port(),
            client_id: node.to_string(),
            username: Some(node.to_string()),
            password: Some(SecretString::from(SECRET)),
            tls: None,
            will: None,
            keep_alive: KEEP_ALIVE,
            receive_max: RECEIVE_MAX_NODE,
            packet_max: PACKET_BYTES_MAX,
            in_flight: WINDOW_NODE,
        };
        let introduction = NodeIntroduction { software: "9.0.0".to_owned(), schemas: Vec::new() };
        let clock = Arc::clone(&world.clock) as Arc<dyn Clock>;
        let sync = NodeSync::spawn(NodeSyncConfig { node: node.clone(), introduction }, MqttTransport { config }, Arc::clone(&log), clock);
        Self { node: node.clone(), log, sync }
    }

    /// Accepts a record into the stream of visits.
    fn accept(&self, world: &World, type_name: &str, subject: String, data: Box<serde_json::value::RawValue>) -> Result<()> {
        let now = world.now();
        let id = EventId::new(u64::try_from(now.timestamp_millis())?, rand::random());
        let mut event = Event::bare(id, Source::Node(self.node.clone()), EventType::parse(type_name)?, now);
        event.subject = Some(subject);
        event.data = Some(data);
        let logged = self.log.accept(Stream::Sess, id, Bytes::from(event.to_stored()?), Instant::now()).context("the log has room")?;
        self.sync.logged(Stream::Sess, logged.head, logged.reserved);
        Ok(())
    }
}

async fn decide(operator: &Staff, path: &str) -> Result<()> {
    let decision = OperatorDecision { reason: "as agreed with the store".to_owned() };
    Ok(operator.api().tell(reqwest::Method::POST, path, Some(&decision)).await?)
}

async fn fleet(operator: &Staff, what: &str, wanted: impl Fn(&Fleet) -> bool) -> Fleet {
    within(what, REDIAL, async || operator.fleet().await.ok().filter(&wanted)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_box_ahead_of_the_cloud_is_taken_back_its_stream_let_go_and_its_records_settled() -> Result<()> {
    let plan = WorldPlan::new(Profile::Embedded, 1).shaped(|store| SECRET.clone_into(&mut store.node_secret));
    let mut world = plan.start().await?;
    world.stores[0].in_step().await;
    world.stores[0].stop().await?;
    let operator = world.operator().await?;
    let node = operator.fleet().await?.nodes[0].node.clone();

    // It knows nothing of the history that the cloud knows under this name.
    let second = SecondBox::start(&world, &node);
    let mut status = second.sync.status();
    status.wait_for(|status| status.halted).await?;
    let held = u64::from(POISON_HOLD);
    for n in 1..=held + MORE {
        second.accept(&world, "aisle.riddle.posed.v1", format!("riddle/{n}"), to_raw_value(&n)?)?;
    }
    assert_eq!(second.log.waiting() as u64, held + MORE, "it goes on accepting");
    decide(&operator, &format!("/v1/fleet/{node}/reclaim")).await?;
    assert!(operator.fleet().await?.health[0].reclaim);
    second.sync.operator().reclaim().await;

    let on_hold = |fleet: &Fleet| fleet.health[0].held.iter().any(|held| held.stream == Stream::Sess);
    let stopped = fleet(&operator, "the stream is held", on_hold).await;
    assert_eq!((stopped.quarantine_open, stopped.health[0].reclaim), (held, false), "a bad release sets no more aside");
    eventually("it keeps the rest", async || (second.log.waiting() as u64 == MORE).then_some(())).await;
    let visit = VisitId::new(1, [7; 10]);
    let closed = VisitClosed { visit, reason: CloseReason::Left, ended_at: world.now(), hlc: Hlc::default() };
    let closed = Body::VisitClosed(Box::new(closed));
    second.accept(&world, closed.type_name(), format!("visit/{visit}"), closed.to_raw()?)?;

    decide(&operator, &format!("/v1/fleet/{node}/streams/{}/unhold", Stream::Sess)).await?;
    let all = fleet(&operator, "the rest is told", |fleet| fleet.quarantine_open == held + MORE).await;
    eventually("nothing waits", async || (second.log.waiting() == 0).then_some(())).await;
    assert_eq!(all.quarantine.len() as u64, held + MORE, "each stands where a person can see it");

    let QuarantineView { stream, epoch, seq, .. } = &all.quarantine[0];
    let path = format!("/v1/quarantine/{node}/{stream}/{epoch}/{seq}");
    let again = operator.api().tell(reqwest::Method::POST, &format!("{path}/redrive"), None::<&()>).await;
    assert_eq!(again.as_ref().err().and_then(|error| error.refusal()), Some((409, "still_fails")));
    let decision = OperatorDecision { reason: "nobody will ever know".to_owned() };
    let settled: QuarantineView = operator.api().post(&format!("{path}/discard"), &decision).await?;
    assert_eq!(settled.settled.map(|settled| settled.fate), Some(QuarantineFate::Discarded));
    fleet(&operator, "one is settled", |fleet| fleet.quarantine_open == held + MORE - 1).await;
    second.sync.stop().await;

    // Now the store's own box comes back, whose history ended with that. It goes on alone until it is re-claimed, in the cloud and on the box.
    world.stores[0].run().await?;
    let store = &world.stores[0];
    store.says("its box has stopped sending", |status| status.cloud == CloudLink::Halted).await;
    let member = world.member("zoe-lovelace", &[]).await?;
    world.enter(&member, 0).await?;
    let waiting = store.says("what is not sent is shown", |status| status.pending > 0).await;
    assert_eq!(waiting.cloud, CloudLink::Halted);
    let key = read_key(store.folder())?;
    let at_the_box = Api::new(&store.target.http)?.with_bearer(&key.token);
    decide(&operator, &format!("/v1/fleet/{node}/reclaim")).await?;
    at_the_box.tell(reqwest::Method::POST, "/v1/operator/reclaim", None::<&()>).await?;
    let floor = store.floor()?;
    within("it is in step again", REDIAL, async || {
        floor.status().await.ok().filter(|status| status.cloud == CloudLink::Open && status.pending == 0)
    })
    .await;
    let begun = fleet(&operator, "nothing of it was lost", |fleet| fleet.health[0].losses.is_empty() && !fleet.health[0].reclaim).await;
    assert_eq!(begun.nodes[0].node, node);
    world.stop().await
}
