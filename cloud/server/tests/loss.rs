//! What did not arrive is counted by node, stream and reason, on SQLite and PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]

#[allow(dead_code, reason = "each test binary uses its part")]
#[path = "ingest/world.rs"]
mod world;

use aisle_mesh::sync::log::{ApplyMode, ReceiveLog};
use aisle_schemas::{
    http::cloud::{LossKind, LossView},
    limits::QUARANTINE_C_PER_DAY,
    log::{LogLost, LossReason},
    record::Body,
    sync::{Count, Seq, Stream},
};
use aisle_store::{loss, quarantine, testing::on_both};
use world::{Owner, body, node as node_id, record};

async fn losses(owner: &Owner) -> Vec<(String, LossView)> {
    let rows = loss::all(&mut owner.db.read().await.unwrap()).await.unwrap();
    rows.into_iter().map(|(node, loss)| (node.to_string(), loss)).collect()
}

#[test]
fn as_058_holes_and_what_nodes_say_they_lost_are_summed_by_node_stream_and_reason() {
    on_both(|w| async move {
        let metrics = aisle_mesh::telemetry::metrics();
        let owner = Owner::new(w.db, &["t.s1.n1", "t.s2.n1"]).await;
        let (n1, n2) = (node_id("t.s1.n1"), node_id("t.s2.n1"));
        owner.hello(&n1, 1).await;
        owner.hello(&n2, 1).await;
        let t = owner.now();
        let play = |seq| record(seq, body::play(seq, t), &n1, t);
        // 3, 4, 7 and 8 were dropped before they were sent, and say so.
        let mut batch = owner.batch(1, 1, Stream::Tele, 0, [1, 2, 5, 6].map(play).to_vec());
        batch.to = Seq::new(8);
        owner.ingest.apply(&n1, &batch).await.unwrap();
        assert!(owner.ingest.apply(&n1, &batch).await.is_err(), "the same batch again changes nothing");
        owner.apply(&n1, Stream::Tele, 8, [9, 10].map(play).to_vec()).await.unwrap();
        // The header alone, at the very end of the stream.
        let mut header = owner.batch(1, 1, Stream::Tele, 10, Vec::new());
        header.to = Seq::new(12);
        owner.ingest.apply(&n1, &header).await.unwrap();
        let lost = |reason, from, to, count, bytes| {
            let (from, to) = (Seq::new(from), Seq::new(to));
            let (count, bytes) = (Count::new(count), Count::new(bytes));
            Body::LogLost(Box::new(LogLost { stream: Stream::Tele, epoch: world::epoch(1), from, to, count, bytes, reason }))
        };
        let budget =
            [(1, 3, 4), (2, 7, 8), (3, 11, 12)].map(|(seq, from, to)| record(seq, lost(LossReason::Budget, from, to, 2, 900), &n1, t));
        owner.apply(&n1, Stream::Audit, 0, budget.to_vec()).await.unwrap();
        owner.apply(&n2, Stream::Audit, 0, vec![record(1, lost(LossReason::DiskFull, 1, 40, 38, 7_000), &n2, t)]).await.unwrap();
        // Logged again in a new epoch: its id is known, so it is counted once.
        owner.hello_in_epoch(&n2, 2, 2).await;
        let again = vec![record(1, lost(LossReason::DiskFull, 1, 40, 38, 7_000), &n2, t)];
        owner.apply_in_epoch(2, 2, &n2, Stream::Audit, 0, again).await.unwrap();

        let found = losses(&owner).await;
        let sums: Vec<_> = found.iter().map(|(node, loss)| (node.as_str(), loss.kind, loss.records, loss.bytes)).collect();
        let expected =
            [("t.s1.n1", LossKind::Budget, 6, 2_700), ("t.s1.n1", LossKind::Hole, 6, 0), ("t.s2.n1", LossKind::DiskFull, 38, 7_000)];
        assert_eq!(sums, expected, "{}: what is missing is what was said to be lost", w.kind);
        let ranges: Vec<_> = found.iter().map(|(_, loss)| (loss.from.get(), loss.to.get())).collect();
        assert_eq!(ranges, [(11, 12), (11, 12), (1, 40)], "{}: the newest range of each", w.kind);
        // What was counted for the first database stays counted.
        let times = if w.kind == "sqlite" { 1 } else { 2 };
        let text = metrics.render();
        for (kind, records) in [("hole", 6), ("budget", 6), ("disk_full", 38)] {
            let line = format!("aisle_loss_records_total{{stream=\"tele\",kind=\"{kind}\"}} {}", records * times);
            assert!(text.contains(&line), "{}: {line}: {text}", w.kind);
        }
    });
}

#[test]
fn as_058_a_hole_between_records_is_told_by_its_first_and_last_number() {
    on_both(|w| async move {
        let owner = Owner::new(w.db, &["t.s1.n1"]).await;
        let n1 = node_id("t.s1.n1");
        owner.hello(&n1, 1).await;
        let t = owner.now();
        let play = |seq| record(seq, body::play(seq, t), &n1, t);
        owner.apply(&n1, Stream::Tele, 0, [1, 4, 5].map(play).to_vec()).await.unwrap();
        let found = losses(&owner).await;
        let [(_, hole)] = found.as_slice() else { panic!("{}: {found:?}", w.kind) };
        assert_eq!((hole.records, hole.from.get(), hole.to.get()), (2, 2, 3));
    });
}

#[test]
fn as_050_of_class_c_only_so_many_a_day_are_kept_and_the_rest_is_counted_as_lost() {
    on_both(|w| async move {
        let owner = Owner::new(w.db, &["t.s1.n1"]).await;
        let n1 = node_id("t.s1.n1");
        owner.hello(&n1, 1).await;
        let t = owner.now();
        let beyond = 5;
        let all = u64::from(QUARANTINE_C_PER_DAY) + beyond;
        let records = (1..=all).map(|seq| world::unreadable(seq, &n1, t)).collect();
        let applied = owner.apply_with(ApplyMode::Savepoints, &n1, Stream::Tele, 0, records).await.unwrap();
        assert_eq!((applied.cursor, applied.quarantined), (Seq::new(all), QUARANTINE_C_PER_DAY), "{}: never held", w.kind);
        let found = losses(&owner).await;
        let [(_, unkept)] = found.as_slice() else { panic!("{}: {found:?}", w.kind) };
        assert_eq!((unkept.kind, unkept.records, unkept.to), (LossKind::Unkept, beyond, Seq::new(all)));
        let open = quarantine::count_open(&mut owner.db.read().await.unwrap()).await.unwrap();
        assert_eq!(open + unkept.records, all, "{}: each is kept or counted", w.kind);
    });
}
