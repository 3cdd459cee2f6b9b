//! Which content a store keeps, fetches and drops (AS-079, TOUCHPOINTS 1.5).
//!
//! Owns the order of claims on the disk: what is in force stays whole, what waits gets the rest in the order of its coming. Takes documents with
//! the blobs they name, and what is kept. Emits what to fetch, what to drop and which documents find no room. Cannot fail.
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aisle_schemas::blob::{Blob, ContentHash};
use aisle_schemas::document::Revision;

/// Wrong answers of the cloud after which a blob is given up: once may be the line, three times is what it has.
pub const WRONG_MAX: u32 = 3;
/// First wait after a failed fetch.
const RETRY_FIRST: Duration = Duration::from_secs(1);
/// Longest wait: a store that is back asks within this.
const RETRY_MAX: Duration = Duration::from_secs(300);

/// A document and the blobs that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub key: String,
    /// The revision that waits; none for what is in force.
    pub rev: Option<Revision>,
    pub media: Vec<Blob>,
}

/// What to do about content.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Missing blobs, the most needed first.
    pub fetch: Vec<Blob>,
    /// All that may stay; the rest goes.
    pub keep: BTreeSet<ContentHash>,
    /// Documents that find no room beside what is in force.
    pub no_space: BTreeSet<(String, Option<Revision>)>,
}

/// Plans for documents in the order in which they came. `kept` are whole blobs with their sizes.
#[must_use]
pub fn plan(named: &[Named], kept: &BTreeMap<ContentHash, u32>, budget_bytes: u64) -> Plan {
    let mut plan = Plan::default();
    let mut used = 0;
    let in_force = named.iter().filter(|document| document.rev.is_none());
    for document in in_force.chain(named.iter().filter(|document| document.rev.is_some())) {
        let new = unique(&document.media, &plan.keep);
        let bytes: u64 = new.iter().map(|blob| u64::from(blob.size)).sum();
        // What is in force was let in once; it is never broken for a smaller budget.
        if document.rev.is_some() && used + bytes > budget_bytes {
            plan.no_space.insert((document.key.clone(), document.rev));
            continue;
        }
        used += bytes;
        plan.keep.extend(new.iter().map(|blob| blob.sha256));
        plan.fetch.extend(new.into_iter().filter(|blob| kept.get(&blob.sha256) != Some(&blob.size)));
    }
    plan
}

/// Blobs not yet counted, each once.
fn unique(media: &[Blob], counted: &BTreeSet<ContentHash>) -> Vec<Blob> {
    let mut seen = BTreeSet::new();
    media.iter().filter(|blob| !counted.contains(&blob.sha256) && seen.insert(blob.sha256)).copied().collect()
}

/// How long to wait after so many failures in a row.
#[must_use]
pub fn retry_after(failures: u32) -> Duration {
    RETRY_FIRST.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1))).min(RETRY_MAX)
}
