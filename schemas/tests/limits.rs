//! AS-104: the table of limits of SYNC.md section 3, row by row, against the constants in `schemas/src/limits.rs`.
//!
//! Owns a copy of the table with one unit per number. A number that is changed on one side alone ends here.

use std::collections::BTreeSet;
use std::time::Duration;

use aisle_schemas::limits as l;

/// A number as the table writes it, and the same number as the code has it, both in the unit that the name ends in.
type Row = (&'static str, u64, u64);

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).expect("no limit is that long")
}

fn n(number: usize) -> u64 {
    u64::try_from(number).expect("a usize has at most 64 bits here")
}

/// Sizes of what is sent.
fn payloads() -> Vec<Row> {
    vec![
        ("batch, bytes", 64 * KIB, n(l::BATCH_BYTES_MAX)),
        ("batch, records", 256, n(l::BATCH_RECORDS_MAX)),
        ("record, bytes", 32 * KIB, n(l::RECORD_BYTES_MAX)),
        ("JSON depth, levels", 16, n(l::JSON_DEPTH_MAX)),
        ("documents per direction", 10_000, n(l::DOCUMENTS_MAX)),
        ("incoming packet size announced, bytes", 128 * KIB, l::PACKET_BYTES_MAX.into()),
        // AS-027
        ("left of a packet beside a batch, bytes", KIB, n(l::PACKET_OVERHEAD_BYTES)),
    ]
}

/// What may be under way.
fn flow() -> Vec<Row> {
    vec![
        ("Receive Maximum announced, node", 16, l::RECEIVE_MAX_NODE.into()),
        ("Receive Maximum announced, cloud", 64, l::RECEIVE_MAX_CLOUD.into()),
        ("own W, node", 16, l::WINDOW_NODE.into()),
        ("own W, cloud", 128, l::WINDOW_CLOUD.into()),
        ("credit live, batches", 2, l::CREDIT_LIVE_BATCHES.into()),
        ("credit bulk, batches", 4, l::CREDIT_BULK_BATCHES.into()),
        ("credit down, batches", 4, l::CREDIT_DOWN_BATCHES.into()),
        // AS-022: credit in bytes is that many whole batches.
        ("credit down, bytes", 256 * KIB, u64::from(l::CREDIT_DOWN_BATCHES) * n(l::BATCH_BYTES_MAX)),
        ("bulk slots, per instance", 64, n(l::BULK_SLOTS)),
        ("bulk slice, ms", 60_000, ms(l::BULK_SLICE)),
        // AS-023
        ("pending records for bulk credit", 1_000, l::BULK_PENDING_MIN),
        ("group commit, ms", 10, ms(l::GROUP_COMMIT)),
        ("group commit, records", 256, n(l::GROUP_COMMIT_RECORDS)),
        ("linger, ms", 20, ms(l::LINGER)),
        ("ACK delay, ms", 200, ms(l::ACK_DELAY)),
        ("ACK, records", 256, l::ACK_RECORDS),
        ("heartbeat, ms", 30_000, ms(l::HEARTBEAT)),
        // AS-030
        ("turn of the stream that waited longest", 8, l::FAIR_TURN.into()),
    ]
}

/// How long one end waits for the other.
fn patience() -> Vec<Row> {
    let [first, second, third] = l::HELLO_REPEAT;
    let [later_min, later_max] = l::LATER;
    vec![
        ("RTO first, ms", 5_000, ms(l::RTO_MIN)),
        ("RTO longest, ms", 60_000, ms(l::RTO_MAX)),
        ("RTO spread, per cent", 20, l::RTO_JITTER_PERCENT.into()),
        ("RTOs until HELLO", 3, l::RTO_TRIES.into()),
        ("message expiry, ms", 60_000, u64::from(l::MESSAGE_EXPIRY_S) * 1_000),
        ("HELLO repeat first, ms", 5_000, ms(first)),
        ("HELLO repeat second, ms", 10_000, ms(second)),
        ("HELLO repeat third, ms", 20_000, ms(third)),
        ("HELLO rate, per s", 200, l::HELLO_RATE_PER_S.into()),
        ("later shortest, ms", 2_000, ms(later_min)),
        ("later longest, ms", 20_000, ms(later_max)),
        ("HELLO after new term, ms", 2_000, ms(l::HELLO_SPREAD)),
        // AS-016
        ("silence of the cloud until HELLO, ms", 90_000, ms(l::CLOUD_SILENCE)),
        ("connect back-off first, ms", 8_000, ms(l::BACKOFF_MIN)),
        ("connect back-off longest, ms", 60_000, ms(l::BACKOFF_MAX)),
        // AS-024
        ("open session that resets the back-off, ms", 60_000, ms(l::BACKOFF_RESET)),
        // AS-068
        ("wait after 0x8E, ms", 60_000, ms(l::TAKEN_OVER_WAIT)),
        ("connect time-out, ms", 20_000, ms(l::CONNECT_TIMEOUT)),
        ("keep-alive, ms", 20_000, ms(l::KEEP_ALIVE)),
        ("poll watchdog, ms", 50_000, ms(l::POLL_WATCHDOG)),
        // AS-035, AS-044
        ("slowest repeat of nack and ACK hello, ms", 1_000, ms(l::NACK_EVERY)),
    ]
}

/// Presence and ownership.
fn ownership() -> Vec<Row> {
    vec![
        ("will debounce, ms", 10_000, ms(l::WILL_DEBOUNCE)),
        ("presence lease, ms", 90_000, ms(l::PRESENCE_LEASE)),
        ("clone quiet time and unsupported retry, ms", 900_000, ms(l::CLONE_QUIET)),
        ("lease, ms", 6_000, ms(l::LEASE)),
        ("lease renew, ms", 2_000, ms(l::LEASE_RENEW)),
        ("lease self-stop, ms", 4_000, ms(l::LEASE_STOP)),
        ("look for free, ms", 1_000, ms(l::LEASE_LOOK)),
        ("database time-outs, ms", 3_000, ms(l::DATABASE_TIMEOUT)),
        ("partitions", 256, n(l::PARTITIONS)),
        ("queue of each partition, batches", 16, n(l::PARTITION_QUEUE)),
        ("transient retries", 3, l::TRANSIENT_RETRIES.into()),
        // AS-041
        ("first transient wait, ms", 50, ms(l::TRANSIENT_WAIT)),
        // AS-094
        ("clock difference, ms", 30_000, ms(l::CLOCK_SKEW_MAX)),
    ]
}

/// What is kept, and what is set aside.
fn storage() -> Vec<Row> {
    vec![
        ("A budget, bytes", 2 * GIB, l::BUDGET_A_BYTES),
        ("B budget, bytes", GIB / 2, l::BUDGET_B_BYTES),
        ("C budget, bytes", 8 * GIB, l::BUDGET_C_BYTES),
        ("ballast, bytes", 64 * MIB, l::BALLAST_BYTES),
        ("kept after applied, ms", 72 * 3_600_000, ms(l::KEEP_APPLIED)),
        ("journal, days", 90, l::JOURNAL_DAYS.into()),
        ("oldest record logged again, days", 80, l::RELOG_DAYS_MAX.into()),
        ("poison hold, in a row", 50, l::POISON_HOLD.into()),
        ("C quarantine, per node and day", 1_000, l::QUARANTINE_C_PER_DAY.into()),
    ]
}

#[test]
fn as_104_every_number_of_the_table_is_the_constant_of_that_name() {
    let rows = [payloads(), flow(), patience(), ownership(), storage()].concat();
    let differing: Vec<String> = rows
        .iter()
        .filter(|(_, table, code)| table != code)
        .map(|(name, table, code)| format!("{name}: the table says {table}, the code {code}"))
        .collect();
    assert!(differing.is_empty(), "{differing:#?}");
    let mut names: Vec<&str> = rows.iter().map(|(name, _, _)| *name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), rows.len(), "each number stands once");
}

#[test]
fn as_104_no_constant_of_the_limits_is_without_a_row() {
    // Constants that are no number of the table: a bound of our own on lists in HELLO.
    const OURS: [&str; 1] = ["HELLO_LIST_MAX"];
    let source = include_str!("../src/limits.rs");
    let here = include_str!("limits.rs");
    let name = |text: &'static str| text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next();
    let held: BTreeSet<&str> = here.split("l::").filter_map(name).collect();
    let missing: Vec<&str> = source
        .lines()
        .filter_map(|line| line.strip_prefix("pub const ")?.split(':').next())
        .filter(|name| !OURS.contains(name) && !held.contains(name))
        .collect();
    assert!(missing.is_empty(), "no row of the table is held against {missing:?}");
}
