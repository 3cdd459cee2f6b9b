//! Content: what is in force is never broken for what waits, and nothing is kept that nobody names.
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aisle_node_core::content::{Named, plan, retry_after};
use aisle_schemas::blob::{Blob, ContentHash, MediaType};
use aisle_schemas::document::Revision;
use aisle_schemas::sync::Seq;
use proptest::prelude::*;

/// Sizes follow from the name, as in the world: one hash is one content.
fn blob(n: u8) -> Blob {
    Blob { sha256: ContentHash::of(&[n]), size: 100 * (u32::from(n) + 1), mime: MediaType::Png }
}

/// What waits is revision `1.7` of its document.
const WAITING: Revision = Revision { epoch: 1, seq: Seq::new(7) };

fn named(key: &str, blobs: &[u8], in_force: bool) -> Named {
    let rev = (!in_force).then_some(WAITING);
    Named { key: key.to_owned(), rev, media: blobs.iter().copied().map(blob).collect() }
}

#[test]
fn as_079_what_waits_finds_room_beside_what_is_in_force_or_is_refused() {
    let documents = [named("screen/a", &[0, 1], true), named("screen/a", &[4], false), named("offer/b", &[1, 2], false)];
    let kept = BTreeMap::from([(blob(0).sha256, blob(0).size), (blob(1).sha256, blob(1).size)]);
    let planned = plan(&documents, &kept, 700);
    assert_eq!(planned.no_space, BTreeSet::from([("screen/a".to_owned(), Some(WAITING))]));
    assert_eq!(planned.fetch, [blob(2)], "what it shares with another counts once");
    assert!(planned.keep.contains(&blob(0).sha256), "the old one stays whole");
    assert_eq!(plan(&documents, &kept, 0).fetch, [], "a smaller budget breaks nothing that is in force");
}

#[test]
fn a_blob_of_another_size_is_fetched_again() {
    let kept = BTreeMap::from([(blob(0).sha256, blob(0).size - 1)]);
    assert_eq!(plan(&[named("a", &[0], true)], &kept, 0).fetch, [blob(0)]);
}

#[test]
fn waits_double_up_to_five_minutes() {
    let waits: Vec<u64> = [1, 2, 3, 9, 10, u32::MAX].into_iter().map(|failures| retry_after(failures).as_secs()).collect();
    assert_eq!(waits, [1, 2, 4, 256, 300, 300]);
    assert_eq!(retry_after(0), Duration::from_secs(1));
}

proptest! {
    #[test]
    fn room_is_kept_and_only_what_is_named_stays(
        documents in prop::collection::vec((prop::collection::vec(0_u8..12, 0..5), any::<bool>()), 0..8),
        have in prop::collection::btree_set(0_u8..12, 0..12),
        budget in 0_u64..6_000,
    ) {
        let documents: Vec<Named> =
            documents.iter().enumerate().map(|(n, (blobs, in_force))| named(&format!("k{n}"), blobs, *in_force)).collect();
        let kept: BTreeMap<_, _> = have.iter().map(|n| (blob(*n).sha256, blob(*n).size)).collect();
        let planned = plan(&documents, &kept, budget);
        let size = |hashes: &BTreeSet<ContentHash>| -> u64 {
            (0..12).map(blob).filter(|blob| hashes.contains(&blob.sha256)).map(|blob| u64::from(blob.size)).sum()
        };
        let in_force: BTreeSet<ContentHash> =
            documents.iter().filter(|document| document.rev.is_none()).flat_map(|document| &document.media).map(|blob| blob.sha256).collect();
        prop_assert!(in_force.is_subset(&planned.keep), "what is in force stays");
        prop_assert!(size(&planned.keep) <= budget.max(size(&in_force)), "the rest fits the budget");
        for document in &documents {
            let whole = document.media.iter().all(|blob| planned.keep.contains(&blob.sha256));
            prop_assert!(whole || planned.no_space.contains(&(document.key.clone(), document.rev)), "{} is kept whole or refused", document.key);
        }
        let missing: BTreeSet<ContentHash> = planned.keep.iter().filter(|hash| !kept.contains_key(hash)).copied().collect();
        let fetched: BTreeSet<ContentHash> = planned.fetch.iter().map(|blob| blob.sha256).collect();
        prop_assert_eq!(fetched.len(), planned.fetch.len(), "each once");
        prop_assert_eq!(fetched, missing);
    }
}
