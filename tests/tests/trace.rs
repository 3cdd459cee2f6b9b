//! One trace from the door to the phone: HTTP, store's journal, MQTT, cloud's database, gate, SSE.
//!
//! In a binary of its own, since a process has one exporter.

use std::collections::BTreeSet;

use aisle_mesh::telemetry::{self, TelemetryConfig};
use aisle_schemas::http::node::NodeCheckIn;
use aisle_schemas::visit::CheckInMethod;
use aisle_sim::client::customer::INSTORE_CONTEXT;
use aisle_tests::services::OtlpSink;
use aisle_tests::world::{Profile, World};
use aisle_tests::{DEADLINE, eventually};
use anyhow::{Context, Result};
use reqwest::Method;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
/// Span of the phone, which begins the trace.
const PHONE: &str = "00f067aa0ba902b7";

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_leads_from_the_door_to_the_phone() -> Result<()> {
    let sink = OtlpSink::start().await?;
    let telemetry = telemetry::init(TelemetryConfig { otlp_endpoint: Some(sink.endpoint()), ..TelemetryConfig::default() })?;
    let world = World::start(Profile::Embedded, 1).await?;
    let marketer = world.marketer().await?;
    world.publish(&marketer, "coffee").await?;
    let member = world.member("yara", &[INSTORE_CONTEXT]).await?;
    let body = NodeCheckIn { code: world.door_code(0), pass: member.pass().await?, method: CheckInMethod::AppQr };
    let floor = world.stores[0].floor()?;
    let request = floor.api().request(Method::POST, "/v1/checkins").header("traceparent", format!("00-{TRACE}-{PHONE}-01")).json(&body);
    assert_eq!(request.send().await?.status().as_u16(), 201);

    let card = member
        .inbox()
        .find_within(DEADLINE, |seen| (seen.kind == "card").then(|| seen.read::<aisle_schemas::http::cloud::Card>()).flatten());
    let card = card.await.context("the card arrives")?;
    assert!(card.traceparent.as_deref().is_some_and(|parent| parent.contains(TRACE)), "{:?}", card.traceparent);
    world.stop().await?;
    telemetry.shutdown().await;

    // The store's answer, and the cloud's decision over MQTT and database: each hangs below the one before.
    let way = ["http.check_in.post", "actor.customer.decide"];
    let spans = eventually("the spans are exported", async || {
        let spans = sink.trace(TRACE);
        way.iter().all(|name| spans.iter().any(|span| span.name == *name)).then_some(spans)
    })
    .await;
    let names: BTreeSet<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    let known: BTreeSet<&str> = spans.iter().map(|span| span.span_id.as_str()).chain([PHONE]).collect();
    for span in &spans {
        assert!(known.contains(span.parent_id.as_str()), "{} hangs in the air: {names:?}", span.name);
    }
    let door = spans.iter().find(|span| span.name == way[0]).context("the door's span")?;
    assert_eq!(door.parent_id, PHONE, "the trace begins at the phone");
    assert!(spans.iter().any(|span| span.name == way[1] && span.parent_id != PHONE), "the cloud's span hangs below the store's");
    let carried = card.traceparent.as_deref().and_then(|line| line.split('-').nth(2)).context("the card's span")?;
    assert!(known.contains(carried), "the card carries a span of the trace");
    let everything: String = sink.all().into_iter().map(|span| span.raw).collect();
    for canary in ["yara", "shopper.example", &body.code, &body.pass] {
        assert!(!everything.contains(canary), "{canary} stands in a span");
    }
    Ok(())
}
