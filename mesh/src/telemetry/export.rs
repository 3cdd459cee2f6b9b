//! Sends spans to an OTLP collector over HTTP.
//!
//! Owns: the exporter and its way onto the tokio runtime. Takes: finished spans, in batches, from the SDK's own thread.
//! Emits: OTLP requests. On failure: the batch is lost and the SDK says so; nothing waits for a collector.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanData, SpanExporter as ExportSpans};
use tokio::runtime::Handle;

/// Path of traces below a collector's base URL.
const TRACES_PATH: &str = "/v1/traces";

/// Builds a provider that exports to the collector at `endpoint`. Must be called inside a tokio runtime.
pub(super) fn provider(
    endpoint: &str,
    service: String,
    instance: String,
    sample_ratio: f64,
) -> Result<SdkTracerProvider, ExporterBuildError> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpJson)
        .with_endpoint(format!("{}{TRACES_PATH}", endpoint.trim_end_matches('/')))
        .build()?;
    let resource = Resource::builder().with_service_name(service).with_attribute(KeyValue::new("service.instance.id", instance)).build();
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(sample_ratio)));
    Ok(SdkTracerProvider::builder()
        .with_resource(resource)
        .with_sampler(sampler)
        .with_batch_exporter(OnRuntime { exporter: Arc::new(exporter), runtime: Handle::current() })
        .build())
}

/// The SDK exports from a thread of its own without a reactor, where the HTTP client would panic: each export therefore
/// runs as a task of the process's runtime.
#[derive(Debug)]
struct OnRuntime {
    exporter: Arc<SpanExporter>,
    runtime: Handle,
}

impl ExportSpans for OnRuntime {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let exporter = Arc::clone(&self.exporter);
        let sent = self.runtime.spawn(async move { exporter.export(batch).await });
        sent.await.unwrap_or_else(|error| Err(OTelSdkError::InternalFailure(error.to_string())))
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        // Called once, before the first export.
        let exporter = Arc::get_mut(&mut self.exporter).expect("no export holds a clone yet");
        exporter.set_resource(resource);
    }
}
