//! What the drivers make of alarms and counts: log lines and metrics.
//!
//! Owns the metric names of sync. Labels are bounded: role, and the kind of alarm or count.

use aisle_schemas::ids::NodeId;

use super::turn::{Alarm, Counted};

/// Counts and logs an alarm: a person should look.
pub(super) fn alarm(role: &'static str, node: &NodeId, alarm: Alarm) {
    metrics::counter!("aisle_sync_alarm_total", "role" => role, "kind" => alarm.as_str()).increment(1);
    tracing::error!(role, %node, kind = alarm.as_str(), "sync.alarm");
}

/// Counts something that changed nothing.
pub(super) fn counted(role: &'static str, counted: Counted) {
    metrics::counter!("aisle_sync_event_total", "role" => role, "kind" => counted.as_str()).increment(1);
    tracing::debug!(role, kind = counted.as_str(), "sync.counted");
}

/// Logs the whole chain of a storage error, once.
pub(super) fn storage_failed(role: &'static str, what: &'static str, error: &(dyn std::error::Error + 'static)) {
    let mut chain = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        chain = format!("{chain}: {cause}");
        source = cause.source();
    }
    tracing::warn!(role, what, error = %chain, "sync.storage.failed");
}
