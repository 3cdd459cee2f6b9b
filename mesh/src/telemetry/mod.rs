//! Logs, traces and metrics of one process, whatever roles run in it.
//!
//! Owns: the global subscriber and the global metrics recorder, each installed once. Takes: a `TelemetryConfig`. Emits:
//! log lines on stderr, spans by OTLP, metrics as Prometheus text. On failure: a collector that cannot be reached costs
//! spans, never work; a filter or endpoint that cannot be parsed stops the start.
//!
//! Rule for fields: ids, counts, codes and durations. `fields::FORBIDDEN` lists names that betray personal data or
//! secrets; a log line or span that declares one is dropped as a whole and shows up in a metric.

mod export;
mod fields;
mod metrics;
mod trace;

use std::io::IsTerminal as _;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
pub use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

pub use fields::FORBIDDEN;
pub use metrics::{Metrics, metrics};
pub use trace::{TraceParent, TraceParentError, continue_from, current_traceparent};

/// What is logged when nothing else is asked for: libraries only when something is wrong.
pub const FILTER_DEFAULT: &str = "info,mqtt5=warn,mqtt5_protocol=warn,rumqttc=error,hyper=warn,reqwest=warn,sqlx=warn,actix_server=warn";

/// A thing worth counting: `emit` logs *and* counts it, so that neither is forgotten.
pub trait Counted {
    /// Logs and counts.
    fn emit(self);
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object per line, for collectors.
    Json,
}

/// How a process shows what it does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// `service.name` of spans.
    pub service: String,
    /// `service.instance.id` of spans: node id or instance.
    pub instance: String,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Directives as in `RUST_LOG`.
    pub log_filter: String,
    /// Base URL of an OTLP collector over HTTP, e.g. `http://localhost:4318`; without it no span is recorded.
    pub otlp_endpoint: Option<String>,
    /// Share of new traces that are recorded, 0 to 1; traces begun elsewhere keep their own decision.
    pub sample_ratio: f64,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            service: "aisle".to_owned(),
            instance: String::new(),
            log_format: LogFormat::default(),
            log_filter: FILTER_DEFAULT.to_owned(),
            otlp_endpoint: None,
            sample_ratio: 1.0,
        }
    }
}

/// Why telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `log_filter` is not a list of directives.
    #[error("log filter is malformed")]
    Filter(#[source] tracing_subscriber::filter::ParseError),
    /// `otlp_endpoint` cannot be used.
    #[error("failed to set up the OTLP exporter")]
    Exporter(#[source] opentelemetry_otlp::ExporterBuildError),
    /// Another subscriber was installed before.
    #[error("a log subscriber is already installed")]
    Installed(#[source] tracing_subscriber::util::TryInitError),
}

/// Keeps exporting until it is shut down.
#[derive(Debug)]
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Sends what is still queued and stops exporting. Waits off the runtime's threads, which the exporter needs.
    pub async fn shutdown(self) {
        let Some(provider) = self.provider else { return };
        match tokio::task::spawn_blocking(move || provider.shutdown()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "failed to send the last spans"),
            Err(error) => tracing::warn!(%error, "sending the last spans was interrupted"),
        }
    }
}

/// Installs log output and trace export for the whole process. Call once, inside a tokio runtime that outlives the
/// process's work: spans are sent on it.
///
/// # Errors
/// When a setting is malformed or a subscriber is already there.
pub fn init(config: TelemetryConfig) -> Result<Telemetry, TelemetryError> {
    let TelemetryConfig { service, instance, log_format, log_filter, otlp_endpoint, sample_ratio } = config;
    let filter = EnvFilter::try_new(&log_filter).map_err(TelemetryError::Filter)?;
    let provider = match otlp_endpoint {
        Some(endpoint) => {
            let provider = export::provider(&endpoint, service, instance, sample_ratio);
            Some(provider.map_err(TelemetryError::Exporter)?)
        }
        None => None,
    };
    let spans = provider.as_ref().map(|provider| {
        // The library's own span fields (thread, code location) would cost more than they tell.
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("aisle"))
            .with_threads(false)
            .with_location(false)
            .with_tracked_inactivity(false)
    });
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match log_format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(fields::Gate).with(filter).with(spans).with(lines).try_init().map_err(TelemetryError::Installed)?;
    Ok(Telemetry { provider })
}
