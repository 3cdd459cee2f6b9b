//! One span, exported to a tiny collector, with the parent it was given from outside.
//!
//! Owns a listener on a free port that speaks just enough HTTP. One test only: the subscriber is the process's.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]

use aisle_mesh::telemetry::{TelemetryConfig, continue_from, current_traceparent, init};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tracing::Instrument as _;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Answers one request and returns its first line and its body.
async fn one_request(listener: TcpListener) -> (String, Value) {
    let (stream, _) = listener.accept().await.unwrap();
    let mut stream = BufReader::new(stream);
    let mut request_line = String::new();
    stream.read_line(&mut request_line).await.unwrap();
    let mut length = 0;
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await.unwrap();
        if let Some(value) = header.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if header.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
    (request_line, serde_json::from_slice(&body).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_span_reaches_the_collector_under_the_trace_it_continues() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let collector = tokio::spawn(one_request(listener));
    let config = TelemetryConfig {
        service: "aisle-node".to_owned(),
        instance: "acme.s042.n1".to_owned(),
        otlp_endpoint: Some(endpoint),
        ..TelemetryConfig::default()
    };
    let telemetry = init(config).unwrap();

    let span = tracing::info_span!("http.checkin.create", visit = "v-1");
    continue_from(&span, PARENT).unwrap();
    let sent_along = async { current_traceparent() }.instrument(span.clone()).await.unwrap();
    drop(span);
    telemetry.shutdown().await;

    let (request_line, body) = collector.await.unwrap();
    assert_eq!(request_line.trim(), "POST /v1/traces HTTP/1.1");
    let exported = &body["resourceSpans"][0];
    let span = &exported["scopeSpans"][0]["spans"][0];
    assert_eq!(span["name"], "http.checkin.create");
    assert_eq!(span["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(span["parentSpanId"], "00f067aa0ba902b7");
    assert_eq!(sent_along, format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{}-01", span["spanId"].as_str().unwrap()));
    let resource = exported["resource"].to_string();
    assert!(resource.contains("aisle-node") && resource.contains("acme.s042.n1"), "{resource}");
}
