//! Every number of SYNC.md section 3, once (AS-104).
//!
//! Owns constants only. Durations are `std::time::Duration` unless the name says the unit. A test holds them against that table.

use std::time::Duration;

/// Bytes of a whole BATCH payload: half of the 128 KB of the strictest hosted broker.
pub const BATCH_BYTES_MAX: usize = 64 * 1024;
/// Records in one BATCH.
pub const BATCH_RECORDS_MAX: usize = 256;
/// Bytes of one stored record (AS-008).
pub const RECORD_BYTES_MAX: usize = 32 * 1024;
/// Levels of JSON in one event (AS-108). A BATCH, being an array of events, may have one more.
pub const JSON_DEPTH_MAX: usize = 16;
/// Documents (keys) per direction (AS-055).
pub const DOCUMENTS_MAX: usize = 10_000;
/// MQTT packet size that we announce and take.
pub const PACKET_BYTES_MAX: u32 = 128 * 1024;
/// What a BATCH leaves free of the broker's Maximum Packet Size for topic and properties (AS-027).
pub const PACKET_OVERHEAD_BYTES: usize = 1024;

/// Receive Maximum that a node announces: bounds its receive memory to 2 MiB.
pub const RECEIVE_MAX_NODE: u16 = 16;
/// Receive Maximum that a cloud instance announces: bounds its receive memory to 8 MiB.
pub const RECEIVE_MAX_CLOUD: u16 = 64;
/// Publishes without PUBACK that a node has under way at most (AS-029).
pub const WINDOW_NODE: u16 = 16;
/// Publishes without PUBACK that a cloud instance has under way at most (AS-029).
pub const WINDOW_CLOUD: u16 = 128;

/// Batches of live credit, which every open session gets (AS-023).
pub const CREDIT_LIVE_BATCHES: u32 = 2;
/// Batches of bulk credit (AS-023).
pub const CREDIT_BULK_BATCHES: u32 = 4;
/// Batches that the cloud may have under way to one node (AS-022).
pub const CREDIT_DOWN_BATCHES: u32 = 4;
/// Nodes with bulk credit at one time, per instance.
pub const BULK_SLOTS: usize = 64;
/// How long a node keeps bulk credit while others wait.
pub const BULK_SLICE: Duration = Duration::from_secs(60);
/// Pending records above which a node is given bulk credit, and below which it hands it back (AS-023).
pub const BULK_PENDING_MIN: u64 = 1_000;

/// Longest wait of an accepted record for its group commit (AS-004).
pub const GROUP_COMMIT: Duration = Duration::from_millis(10);
/// Records of one group commit (AS-004).
pub const GROUP_COMMIT_RECORDS: usize = 256;
/// Longest wait of a partial batch for company (AS-031).
pub const LINGER: Duration = Duration::from_millis(20);
/// Longest wait of an ACK for further commits (AS-043).
pub const ACK_DELAY: Duration = Duration::from_millis(200);
/// Records after which an ACK leaves in any case (AS-043).
pub const ACK_RECORDS: u64 = 256;
/// Longest silence of either end of an open session (AS-043).
pub const HEARTBEAT: Duration = Duration::from_secs(30);

/// First resend time-out (AS-045).
pub const RTO_MIN: Duration = Duration::from_secs(5);
/// Longest resend time-out (AS-045).
pub const RTO_MAX: Duration = Duration::from_secs(60);
/// Spread of the resend time-out, per cent either way (AS-045).
pub const RTO_JITTER_PERCENT: u32 = 20;
/// Resend time-outs without progress after which the node says HELLO (AS-016).
pub const RTO_TRIES: u32 = 3;
/// Life of a message inside the broker, seconds (AS-028).
pub const MESSAGE_EXPIRY_S: u32 = 60;
/// Batches each of which carries its share to the stream that waited longest: every eighth (AS-030).
pub const FAIR_TURN: u32 = 8;

/// Waits for WELCOME: the first and two repeats (AS-017).
pub const HELLO_REPEAT: [Duration; 3] = [Duration::from_secs(5), Duration::from_secs(10), Duration::from_secs(20)];
/// HELLOs that one instance decides in a second (AS-021).
pub const HELLO_RATE_PER_S: u32 = 200;
/// Shortest and longest `retry_ms` of WELCOME `later` (AS-021).
pub const LATER: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(20)];
/// A new term is answered by HELLO uniformly within this (AS-016).
pub const HELLO_SPREAD: Duration = Duration::from_secs(2);
/// Silence of the cloud after which the node says HELLO again (AS-016).
pub const CLOUD_SILENCE: Duration = Duration::from_secs(90);

/// First step of the reconnect delay (AS-024).
pub const BACKOFF_MIN: Duration = Duration::from_secs(8);
/// Longest reconnect delay (AS-024).
pub const BACKOFF_MAX: Duration = Duration::from_secs(60);
/// Open session after which the reconnect delay starts small again (AS-024).
pub const BACKOFF_RESET: Duration = Duration::from_secs(60);
/// Shortest wait after DISCONNECT 0x8E (AS-068).
pub const TAKEN_OVER_WAIT: Duration = Duration::from_secs(60);
/// Connect time-out: slow TLS in a storm.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// MQTT keep-alive.
pub const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// Silence of the client's poll loop after which the link is dropped.
pub const POLL_WATCHDOG: Duration = Duration::from_secs(50);

/// How long a will must stand before the node counts as lost (AS-082).
pub const WILL_DEBOUNCE: Duration = Duration::from_secs(10);
/// Silence after which a node counts as lost (AS-082).
pub const PRESENCE_LEASE: Duration = Duration::from_secs(90);
/// Silence of a node after which its disk may be believed to be behind (AS-066); also the retry of `unsupported`.
pub const CLONE_QUIET: Duration = Duration::from_secs(15 * 60);

/// Life of a partition lease (AS-087).
pub const LEASE: Duration = Duration::from_secs(6);
/// Time between renewals of a lease.
pub const LEASE_RENEW: Duration = Duration::from_secs(2);
/// Time since the last renewal after which an owner stops by itself.
pub const LEASE_STOP: Duration = Duration::from_secs(4);
/// Time between looks for free partitions.
pub const LEASE_LOOK: Duration = Duration::from_secs(1);
/// Statement, lock and idle-in-transaction time-outs (AS-088).
pub const DATABASE_TIMEOUT: Duration = Duration::from_secs(3);

/// Partitions, for ever (AS-085).
pub const PARTITIONS: usize = 256;
/// Batches that may wait for one partition (AS-041).
pub const PARTITION_QUEUE: usize = 16;
/// Retries in place of a transient database error (AS-041).
pub const TRANSIENT_RETRIES: u32 = 3;
/// First wait of such a retry; it doubles.
pub const TRANSIENT_WAIT: Duration = Duration::from_millis(50);

/// Bytes reserved for class A.
pub const BUDGET_A_BYTES: u64 = 2 << 30;
/// Bytes reserved for class B.
pub const BUDGET_B_BYTES: u64 = 1 << 29;
/// Most bytes of class C.
pub const BUDGET_C_BYTES: u64 = 8 << 30;
/// Ballast file, deleted first on a full disk (AS-053).
pub const BALLAST_BYTES: u64 = 64 << 20;
/// How long applied rows stay on disk (AS-009).
pub const KEEP_APPLIED: Duration = Duration::from_secs(72 * 3600);
/// How long the journal of applied records is kept (AS-038).
pub const JOURNAL_DAYS: u32 = 90;
/// Oldest record that may be logged again (AS-052).
pub const RELOG_DAYS_MAX: u32 = 80;
/// Poison records in a row that put a class-A stream on hold (AS-050).
pub const POISON_HOLD: u32 = 50;
/// Class-C records quarantined per node and day; the rest are counted (AS-050).
pub const QUARANTINE_C_PER_DAY: u32 = 1_000;
/// Slowest repeat of nack `resend` per stream and of ACK `hello` per node (AS-035, AS-044).
pub const NACK_EVERY: Duration = Duration::from_secs(1);
/// Clock difference above which records carry `clockok: false` (AS-094).
pub const CLOCK_SKEW_MAX: Duration = Duration::from_secs(30);

/// Entries of `lineage` and `schemas` that a HELLO may carry; both grow by one per epoch or feature, so more is an attack.
pub const HELLO_LIST_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_104_derived_relations_between_limits_hold() {
        let largest = crate::event::CORRUPT_BYTES_MAX + crate::sync::HEADER_BYTES_MAX;
        assert!(largest <= BATCH_BYTES_MAX, "one record of any size fits a batch, even as corrupt");
        let room = usize::try_from(PACKET_BYTES_MAX).expect("fits") - PACKET_OVERHEAD_BYTES;
        assert!(BATCH_BYTES_MAX <= room, "a batch fits the packet that we announce");
        assert!(HEARTBEAT * 3 <= PRESENCE_LEASE, "three heartbeats per presence lease");
    }
}
