//! An OpenTelemetry collector that keeps what it is sent, to look at.
//!
//! Owns the spans received over OTLP/HTTP with JSON. Emits them by trace. On failure: a body it cannot read is answered 400, which the exporter
//! logs; the test then misses its spans and fails.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::{App, HttpResponse, HttpServer, dev::ServerHandle, web};
use anyhow::{Context, Result};
use serde_json::Value;

/// Spans kept; a test's story has far fewer.
const SPANS_MAX: usize = 50_000;

/// One span as exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    pub trace_id: String,
    pub span_id: String,
    /// Empty for a root.
    pub parent_id: String,
    pub name: String,
    /// Resource attribute `service.name`.
    pub service: String,
    /// The whole span as JSON, for tests that look for what must not be there.
    pub raw: String,
}

type Spans = Arc<Mutex<Vec<Span>>>;

/// A running collector.
pub struct OtlpSink {
    address: SocketAddr,
    spans: Spans,
    server: ServerHandle,
}

impl OtlpSink {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// When no port can be opened.
    pub async fn start() -> Result<Self> {
        let spans = Spans::default();
        let shared = web::Data::new(Arc::clone(&spans));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(shared.clone())
                .app_data(web::PayloadConfig::new(16 << 20))
                .route("/v1/traces", web::post().to(traces))
                .default_service(web::to(HttpResponse::Ok))
        })
        .workers(1)
        .disable_signals()
        .bind((Ipv4Addr::LOCALHOST, 0))
        .context("failed to open the collector")?;
        let address = *server.addrs().first().context("the collector has no address")?;
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Self { address, spans, server: handle })
    }

    /// Base URL to configure as the OTLP endpoint.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Spans of one trace received so far.
    pub fn trace(&self, trace_id: &str) -> Vec<Span> {
        self.all().into_iter().filter(|span| span.trace_id == trace_id).collect()
    }

    /// All spans received so far.
    pub fn all(&self) -> Vec<Span> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for OtlpSink {
    fn drop(&mut self) {
        // The future only reports that workers have ended; the command to stop is sent at once.
        drop(self.server.stop(false));
    }
}

async fn traces(body: web::Bytes, kept: web::Data<Spans>) -> HttpResponse {
    let Ok(message) = serde_json::from_slice::<Value>(&body) else {
        return HttpResponse::BadRequest().finish();
    };
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    for resource in list(&message, "resourceSpans") {
        let service = service_name(resource);
        for span in list(resource, "scopeSpans").iter().flat_map(|scope| list(scope, "spans")) {
            if kept.len() < SPANS_MAX {
                kept.push(read(span, &service));
            }
        }
    }
    HttpResponse::Ok().json(serde_json::json!({}))
}

fn read(span: &Value, service: &str) -> Span {
    let text = |key: &str| span[key].as_str().unwrap_or_default().to_owned();
    Span {
        trace_id: text("traceId"),
        span_id: text("spanId"),
        parent_id: text("parentSpanId"),
        name: text("name"),
        service: service.to_owned(),
        raw: span.to_string(),
    }
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn service_name(resource: &Value) -> String {
    list(&resource["resource"], "attributes")
        .iter()
        .find(|attribute| attribute["key"] == "service.name")
        .and_then(|attribute| attribute["value"]["stringValue"].as_str())
        .unwrap_or_default()
        .to_owned()
}
