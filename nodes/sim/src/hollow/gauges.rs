//! What a fleet of hollow stores counts and times.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aisle_schemas::sync::{Class, Stream};

use crate::run::measure::Latency;

/// Counts and times of one fleet.
#[derive(Default)]
pub struct Gauges {
    accepted: AtomicU64,
    refused: AtomicU64,
    acknowledged: AtomicU64,
    received: AtomicU64,
    /// Intended → known to be applied, class A.
    pub facts: Latency,
    /// The same for telemetry and documents.
    pub telemetry: Latency,
}

impl std::fmt::Debug for Gauges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gauges").field("accepted", &self.accepted).field("acknowledged", &self.acknowledged).finish_non_exhaustive()
    }
}

impl Gauges {
    pub(super) fn accepted(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn acknowledged(&self, stream: Stream, after: Duration) {
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
        match stream.class() {
            Class::A => self.facts.record(after),
            Class::B | Class::C => self.telemetry.record(after),
        }
    }

    pub(super) fn received(&self, records: usize) {
        self.received.fetch_add(u64::try_from(records).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Records that a store took.
    pub fn accepted_records(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Records that a full store refused.
    pub fn refused_records(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Records that the cloud has said it applied.
    pub fn acknowledged_records(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Orders and documents that came down.
    pub fn received_records(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}
