//! Prometheus metrics of the process.
//!
//! Owns: the one recorder of the process. Takes: what the `metrics` macros record. Emits: Prometheus text. On failure: if
//! another recorder was installed before, ours renders nothing and says so once.
//!
//! Several roles may share the process (`aisle demo`): events that occur in more than one role carry a label `role`.

use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// Upper bounds in seconds for durations, from a cached lookup to a patient retry.
const SECONDS_BUCKETS: &[f64] = &[0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// How often histograms are folded when nobody scrapes: until then they keep every sample.
const UPKEEP_S: u64 = 5;

/// What the process has counted so far.
#[derive(Debug, Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
}

impl Metrics {
    /// Prometheus text, for `/metrics`.
    #[must_use]
    pub fn render(&self) -> String {
        self.handle.render()
    }
}

/// The process's metrics; installs the recorder when called first. Call it before anything is counted, inside a tokio
/// runtime: the first call starts the upkeep there.
pub fn metrics() -> &'static Metrics {
    static METRICS: OnceLock<Metrics> = OnceLock::new();

    METRICS.get_or_init(|| {
        let builder = PrometheusBuilder::new().set_buckets(SECONDS_BUCKETS).expect("list of buckets is not empty");
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        if let Err(error) = ::metrics::set_global_recorder(recorder) {
            tracing::error!(%error, "another metrics recorder is installed, /metrics stays empty");
        }
        let upkeep = handle.clone();
        tokio::spawn(async move {
            let mut tick = tokio::time::interval(Duration::from_secs(UPKEEP_S));
            loop {
                tick.tick().await;
                upkeep.run_upkeep();
            }
        });
        Metrics { handle }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn two_roles_of_one_process_share_one_recorder() {
        let node = metrics();
        let cloud = metrics();
        ::metrics::counter!("aisle_probe_total", "role" => "node").increment(1);
        ::metrics::counter!("aisle_probe_total", "role" => "cloud").increment(2);
        ::metrics::histogram!("aisle_probe_seconds", "role" => "node").record(0.003);
        assert!(std::ptr::eq(node, cloud), "the second role gets what the first installed");
        let text = cloud.render();
        for line in [
            "aisle_probe_total{role=\"node\"} 1",
            "aisle_probe_total{role=\"cloud\"} 2",
            "aisle_probe_seconds_bucket{role=\"node\",le=\"0.005\"} 1",
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
    }
}
