//! What a fleet of hollow stores counts and times.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use aisle_schemas::sync::{Class, Stream};

use crate::run::measure::Latency;

/// A document that every store shall get.
struct Awaited {
    /// What stands in its text and in no other.
    needle: Vec<u8>,
    began: Instant,
}

/// Counts and times of one fleet.
pub struct Gauges {
    /// Instants are counted from here.
    began: Instant,
    /// Latest intended instant among acknowledged records, in microseconds.
    newest_us: AtomicU64,
    accepted: AtomicU64,
    refused: AtomicU64,
    acknowledged: AtomicU64,
    received: AtomicU64,
    /// Whether documents are looked at: what nobody waits for costs nothing.
    looks: AtomicBool,
    awaited: Mutex<Option<Awaited>>,
    arrived: AtomicU64,
    /// Asked for → committed by a store, for awaited documents.
    pub documents: Latency,
    /// Intended → known to be applied, class A.
    pub facts: Latency,
    /// The same for telemetry and documents.
    pub telemetry: Latency,
}

impl Default for Gauges {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            newest_us: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
            received: AtomicU64::new(0),
            looks: AtomicBool::new(false),
            awaited: Mutex::new(None),
            arrived: AtomicU64::new(0),
            documents: Latency::default(),
            facts: Latency::default(),
            telemetry: Latency::default(),
        }
    }
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

    pub(super) fn acknowledged(&self, stream: Stream, intended: Instant, now: Instant) {
        let after = now.saturating_duration_since(intended);
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
        self.newest_us.fetch_max(self.us(intended), Ordering::Relaxed);
        match stream.class() {
            Class::A => self.facts.record(after),
            Class::B | Class::C => self.telemetry.record(after),
        }
    }

    fn us(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.began).as_micros()).unwrap_or(u64::MAX)
    }

    /// Whether a record was acknowledged that was not even accepted before `at`: the cloud works, and no old answer looks like it.
    pub fn acknowledged_one_from_after(&self, at: Instant) -> bool {
        self.newest_us.load(Ordering::Relaxed) > self.us(at)
    }

    pub(super) fn received(&self, records: usize) {
        self.received.fetch_add(u64::try_from(records).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// From now on, stores that get a document with `needle` in it are counted and timed, from `began`.
    pub fn await_document(&self, needle: &str, began: Instant) {
        *self.awaited.lock().unwrap_or_else(PoisonError::into_inner) = Some(Awaited { needle: needle.as_bytes().to_vec(), began });
        self.arrived.store(0, Ordering::Relaxed);
        self.looks.store(true, Ordering::Release);
    }

    /// Stores that have got it; each gets it once, since a cursor never falls.
    pub fn documents_arrived(&self) -> u64 {
        self.arrived.load(Ordering::Relaxed)
    }

    /// Looks at no document any more.
    pub fn await_nothing(&self) {
        self.looks.store(false, Ordering::Release);
    }

    pub(super) fn document(&self, event: &[u8], now: Instant) {
        if !self.looks.load(Ordering::Acquire) {
            return;
        }
        let awaited = self.awaited.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Awaited { needle, began }) = awaited.as_ref() else { return };
        if event.windows(needle.len().max(1)).any(|part| part == needle) {
            self.documents.record(now.saturating_duration_since(*began));
            self.arrived.fetch_add(1, Ordering::Relaxed);
        }
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
