//! The journal's share of the disk: what is kept, what is dropped and counted, what is refused, and in which order.
use std::path::Path;

use aisle_mesh::clock::Clock;
use aisle_mesh::sync::load::{LoadContext, load};
use aisle_mesh::sync::log::{EpochReason, EpochRequest, NodeSessionLog, SendLog};
use aisle_mesh::sync::sender::LoadRequest;
use aisle_node::journal::budget::Budget;
use aisle_node::journal::{Entry, JournalError, NewRecord, StateChange};
use aisle_schemas::event::{Event, Source};
use aisle_schemas::ids::EventId;
use aisle_schemas::log::{EpochCause, LogEpoch, LogLost, LossReason};
use aisle_schemas::sync::{Batch, Epoch, Mark, PerStream, Seq, Session, Stream};
use chrono::TimeDelta;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};

use super::journal::{AMPLE, World, node, open, open_with, reopen};

const KIB: u64 = 1 << 10;

async fn put(world: &World, record: NewRecord) -> Result<(), JournalError> {
    world.journal.commit(Entry { changes: vec![], records: vec![record] }).await
}

/// Every record of a stream that is on disk.
async fn events(world: &World, stream: Stream) -> Vec<(u64, Event)> {
    let rows = world.log.read(&node(), stream, Seq::ZERO, 100_000, usize::MAX).await.unwrap().rows;
    rows.iter().map(|row| (row.seq.get(), Event::parse(&row.event).unwrap())).collect()
}

async fn lost(world: &World) -> Vec<LogLost> {
    let of_type = |event: &Event| event.ty.as_str() == "aisle.log.lost.v1";
    events(world, Stream::Audit).await.iter().filter(|(_, event)| of_type(event)).map(|(_, event)| event.data().unwrap()).collect()
}

async fn pages(folder: &Path) -> i64 {
    let options = SqliteConnectOptions::new().filename(folder.join("journal.sqlite")).read_only(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let (pages,): (i64,) = sqlx::query_as("SELECT page_count FROM pragma_page_count").fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    pages
}

/// Takes taps in portions of a transaction each.
async fn taps(world: &World, count: usize) {
    let mut left = count;
    while left > 0 {
        let portion = left.min(100);
        world.commit((0..portion).map(|_| world.tap()).collect()).await;
        left -= portion;
    }
}

#[tokio::test]
async fn as_053_the_file_is_grown_to_its_reserve_at_installation_and_the_ballast_lies_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let budget = Budget { class_a: 2048 * KIB, class_b: 1024 * KIB, class_c: 512 * KIB, ballast: 64 * KIB, grow: true };
    let world = open_with(folder.path(), budget).await;
    let grown = pages(folder.path()).await;
    assert!(grown * 4096 >= 3 * 1024 * 1024, "{grown} pages");
    assert_eq!(std::fs::metadata(folder.path().join("journal.ballast")).unwrap().len(), 64 * KIB);
    world.commit((0..100).map(|n| world.opened(n)).collect()).await;
    let world = reopen(world, folder.path()).await;
    assert_eq!(pages(folder.path()).await, grown, "records fill what is there already, and nothing is given back");
    taps(&world, 3_000).await;
    assert!(u64::try_from(pages(folder.path()).await).unwrap() * 4096 <= budget.cap());
}

#[tokio::test]
async fn as_054_class_a_alarms_at_eighty_per_cent_refuses_when_full_and_deletes_nothing_unapplied() {
    let folder = tempfile::tempdir().unwrap();
    let world = open_with(folder.path(), Budget { class_a: 64 * KIB, ..AMPLE }).await;
    let mut accepted = 0_u64;
    let mut alarmed_at = None;
    let refused = loop {
        match put(&world, world.opened(1)).await {
            Ok(()) => accepted += 1,
            Err(error) => break error,
        }
        if world.journal.storage(world.clock.now()).nearly_full {
            alarmed_at.get_or_insert(accepted);
        }
    };
    assert!(matches!(refused, JournalError::StorageFull), "{refused}");
    let share = alarmed_at.unwrap() * 100 / accepted;
    assert!((79..=83).contains(&share), "alarmed at {share} %");
    assert!(world.journal.storage(world.clock.now()).refusing);
    assert_eq!(events(&world, Stream::Sess).await.len() as u64, accepted, "all that was accepted is there");
    put(&world, world.tap()).await.unwrap();
    put(&world, world.zone("pets", 1)).await.unwrap();
    world.log.commit_acked(&node(), world.journal.heads().epoch, Stream::Sess, Seq::new(accepted / 2)).await.unwrap();
    put(&world, world.opened(2)).await.unwrap();
    assert_eq!(world.seqs(Stream::Sess, 0).await[0], accepted / 2 + 1, "what is applied goes before its time (AS-009)");
    world.journal.upkeep(world.clock.now()).await.unwrap();
    assert!(!world.journal.storage(world.clock.now()).refusing);
}

#[tokio::test]
async fn as_055_a_document_with_a_new_key_beyond_ten_thousand_is_refused_and_a_known_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let world = open(folder.path()).await;
    world.commit((0..10_000).map(|n| world.zone(&format!("z{n}"), 1)).collect()).await;
    let refused = put(&world, world.zone("one-more", 1)).await;
    assert!(matches!(refused, Err(JournalError::TooManyDocuments)), "{refused:?}");
    put(&world, world.zone("z7", 2)).await.unwrap();
    assert_eq!(world.journal.heads().usage(Stream::Reported).records, 10_000, "one row per key");
}

#[tokio::test]
async fn as_056_over_budget_the_oldest_telemetry_goes_a_thousand_at_a_time_and_every_record_of_it_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let world = open_with(folder.path(), Budget { class_c: 900 * KIB, ..AMPLE }).await;
    taps(&world, 5_000).await;
    let world = reopen(world, folder.path()).await;
    let kept = events(&world, Stream::Tele).await.len();
    let lost = lost(&world).await;
    assert!(!lost.is_empty());
    let mut from = 1;
    for lost in &lost {
        assert_eq!((lost.stream, lost.from.get(), lost.reason), (Stream::Tele, from, LossReason::Budget), "oldest first, none twice");
        assert!(lost.count.get() == 1_000, "{lost:?}");
        assert_eq!(lost.to.get() - lost.from.get() + 1, lost.count.get());
        from = lost.to.get() + 1;
    }
    assert_eq!(usize::try_from(from).unwrap() - 1 + kept, 5_000, "lost and kept are all");
    assert_eq!(events(&world, Stream::Tele).await[0].0, from);
    let (used, heads) = (world.journal.storage(world.clock.now()).class_c, world.journal.heads());
    assert!(used.used_bytes.get() <= 900 * KIB);
    assert_eq!((used.pending.get(), heads.stream(Stream::Tele).kept.get()), (kept as u64, from));
}

#[tokio::test]
async fn as_057_what_was_ever_sent_is_not_dropped_before_it_is_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let world = open_with(folder.path(), Budget { class_c: 200 * KIB, ..AMPLE }).await;
    world.journal.set_link_open(true);
    taps(&world, 200).await;
    world.journal.set_link_open(false);
    let sent = world.journal.heads().stream(Stream::Tele).high;
    assert_eq!(sent, Seq::new(200));
    taps(&world, 500).await;
    let lost = lost(&world).await;
    assert_eq!(lost[0].from, sent.next());
    let kept = events(&world, Stream::Tele).await;
    assert_eq!(kept.iter().take(200).map(|(seq, _)| *seq).collect::<Vec<_>>(), (1..=200).collect::<Vec<_>>());
}

#[tokio::test]
async fn as_056_a_backlog_does_not_count_as_sent_because_the_link_was_open_for_a_moment() {
    let folder = tempfile::tempdir().unwrap();
    let world = open_with(folder.path(), Budget { class_c: 500 * KIB, ..AMPLE }).await;
    taps(&world, 1_000).await;
    world.log.state(&node()).await.unwrap();
    world.journal.set_link_open(true);
    let sent = world.log.read(&node(), Stream::Tele, Seq::ZERO, 100, usize::MAX).await.unwrap().to;
    world.log.commit_sent(&node(), world.journal.heads().epoch, Stream::Tele, sent).await.unwrap();
    taps(&world, 500).await;
    let high = || world.journal.heads().stream(Stream::Tele).high;
    assert_eq!(high(), sent, "what the cloud never saw is not sent, whether the link is open or not");
    world.journal.set_link_open(false);
    taps(&world, 1_000).await;
    assert_eq!(lost(&world).await[0].from, sent.next(), "the oldest of what was not sent goes first");
    // Once the sender has caught up, what is accepted is numbered as sent in the same transaction.
    let head = world.journal.heads().stream(Stream::Tele).head();
    world.journal.set_link_open(true);
    world.log.read(&node(), Stream::Tele, head.minus(50), 100, usize::MAX).await.unwrap();
    taps(&world, 1).await;
    assert_eq!(high(), head.next());
}

#[tokio::test]
async fn as_057_a_batch_that_was_read_before_a_drop_is_not_sent_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let world = open_with(folder.path(), Budget { class_c: 200 * KIB, ..AMPLE }).await;
    taps(&world, 10).await;
    let read = world.log.read(&node(), Stream::Tele, Seq::ZERO, 10, usize::MAX).await.unwrap();
    taps(&world, 600).await;
    assert!(lost(&world).await[0].to >= read.to, "all that was read is lost");
    world.log.commit_sent(&node(), world.journal.heads().epoch, Stream::Tele, read.to).await.unwrap_err();
    let read = world.log.read(&node(), Stream::Tele, Seq::ZERO, 10, usize::MAX).await.unwrap();
    world.log.commit_sent(&node(), world.journal.heads().epoch, Stream::Tele, read.to).await.unwrap();
}

#[tokio::test]
async fn as_056_on_a_full_disk_the_ballast_goes_first_then_telemetry_and_work_is_refused_last_while_reads_go_on() {
    let folder = tempfile::tempdir().unwrap();
    // The cap of the file stands for the end of the disk; answers kept for phones belong to no class and fill it.
    let budget = Budget { class_a: 512 * KIB, class_b: 64 * KIB, class_c: 512 * KIB, ballast: 64 * KIB, grow: false };
    let world = open_with(folder.path(), budget).await;
    taps(&world, 600).await;
    let ballast = folder.path().join("journal.ballast");
    assert!(ballast.exists() && lost(&world).await.is_empty());
    let mut answers = 0_u64;
    let mut answer = || {
        answers += 1;
        let mut key = [0; 32];
        key[..8].copy_from_slice(&answers.to_be_bytes());
        StateChange::KeepAnswer { key, request: [0; 32], body: "x".repeat(20_000), at: world.clock.now() }
    };
    let mut accepted = 0_u64;
    let refused = loop {
        let entry = Entry { changes: vec![answer()], records: vec![world.opened(1)] };
        match world.journal.commit(entry).await {
            Ok(()) => accepted += 1,
            Err(error) => break error,
        }
        if !lost(&world).await.is_empty() {
            assert!(!ballast.exists(), "the ballast went before the first record");
        }
    };
    assert!(matches!(refused, JournalError::StorageFull), "{refused}");
    let lost = lost(&world).await;
    assert_eq!(lost.iter().map(|lost| lost.count.get()).sum::<u64>(), 600, "all telemetry went before work was refused");
    assert!(lost.iter().all(|lost| lost.reason == LossReason::DiskFull));
    assert_eq!(events(&world, Stream::Sess).await.len() as u64, accepted, "reads go on, and nothing accepted is gone");
    let storage = world.journal.storage(world.clock.now());
    assert!(storage.disk_full && storage.refusing);
    world.clock.advance(TimeDelta::hours(25));
    world.journal.upkeep(world.clock.now()).await.unwrap();
    put(&world, world.opened(2)).await.unwrap();
    let world = reopen(world, folder.path()).await;
    assert!(ballast.exists(), "there is room again");
    assert_eq!(events(&world, Stream::Sess).await.len() as u64, accepted + 1);
}

#[tokio::test]
async fn as_059_the_offline_capacity_follows_from_what_was_accepted_per_day() {
    let folder = tempfile::tempdir().unwrap();
    let world = open_with(folder.path(), Budget { class_a: 256 * KIB, ..AMPLE }).await;
    world.commit((0..40).map(|n| world.opened(n)).collect()).await;
    world.journal.upkeep(world.clock.now()).await.unwrap();
    assert_eq!(world.journal.storage(world.clock.now()).offline_days, None, "no whole day yet");
    let used = world.journal.storage(world.clock.now()).class_a.used_bytes.get();
    world.clock.advance(TimeDelta::days(1));
    let world = reopen(world, folder.path()).await;
    let days = world.journal.storage(world.clock.now()).offline_days.unwrap();
    assert_eq!(u64::from(days), (256 * KIB - used) / used);
}

fn request(reason: EpochReason, peer_epoch: Epoch, cursors: &[(Stream, u64)]) -> EpochRequest {
    let peer_cursors = cursors.iter().map(|(stream, cursor)| (*stream, Seq::new(*cursor))).collect();
    EpochRequest { reason, random: 99, peer_epoch: Some(peer_epoch), peer_cursors, mark_min: Mark::ZERO, session_min: 0 }
}

#[tokio::test]
async fn as_060_telemetry_above_the_cursor_of_a_peer_of_the_same_epoch_is_logged_again_and_the_rest_is_lost_as_ambiguous() {
    let folder = tempfile::tempdir().unwrap();
    let world = open(folder.path()).await;
    taps(&world, 8).await;
    world.commit(vec![world.opened(1)]).await;
    let old = world.journal.heads().epoch;
    let request = request(EpochReason::DiskBehind, old, &[(Stream::Tele, 3)]);
    let epoch = world.log.begin_epoch(&node(), &request).await.unwrap();
    assert_eq!(world.seqs(Stream::Tele, 0).await, [1, 2, 3, 4, 5]);
    let lost = lost(&world).await;
    assert_eq!(lost.len(), 1);
    assert_eq!((lost[0].from, lost[0].to, lost[0].count.get()), (Seq::new(1), Seq::new(3), 3));
    assert_eq!((lost[0].epoch, lost[0].reason), (old, LossReason::Ambiguous));
    let audit = events(&world, Stream::Audit).await;
    let begun: LogEpoch = audit.last().unwrap().1.data().unwrap();
    assert_eq!(begun, LogEpoch { epoch, previous: Some(old), cause: EpochCause::DiskBehind });
    let usage = world.journal.heads().usage(Stream::Tele);
    let world = reopen(world, folder.path()).await;
    assert_eq!((world.journal.heads().usage(Stream::Tele), usage.records), (usage, 5));
}

#[tokio::test]
async fn as_063_what_the_receiver_lost_and_this_disk_no_longer_has_is_logged_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let world = open(folder.path()).await;
    taps(&world, 8).await;
    world.log.commit_acked(&node(), world.journal.heads().epoch, Stream::Tele, Seq::new(5)).await.unwrap();
    let cursors: PerStream<Seq> = [(Stream::Tele, Seq::new(2))].into_iter().collect();
    world.log.return_to(&cursors).await.unwrap();
    let lost = lost(&world).await;
    assert_eq!(lost.len(), 1);
    assert_eq!((lost[0].from, lost[0].to, lost[0].count.get()), (Seq::new(3), Seq::new(5), 3));
    assert_eq!(lost[0].reason, LossReason::ReceiverRestored);
    assert_eq!(world.seqs(Stream::Tele, 2).await, [6, 7, 8], "what is here is sent again from there");
    assert_eq!(world.journal.heads().stream(Stream::Tele).acked, Seq::new(2));
}

#[tokio::test]
async fn as_047_a_welcome_below_acked_moves_acked_back_and_nothing_above_it_is_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let world = open(folder.path()).await;
    world.commit((0..6).map(|n| world.opened(n)).collect()).await;
    world.log.commit_acked(&node(), world.journal.heads().epoch, Stream::Sess, Seq::new(5)).await.unwrap();
    world.journal.upkeep(world.clock.now()).await.unwrap();
    let cursors: PerStream<Seq> = [(Stream::Sess, Seq::new(2))].into_iter().collect();
    world.log.return_to(&cursors).await.unwrap();
    assert_eq!((world.journal.heads().stream(Stream::Sess).acked, world.journal.pending()), (Seq::new(2), 4));
    world.clock.advance(TimeDelta::hours(73));
    world.journal.upkeep(world.clock.now()).await.unwrap();
    assert_eq!(world.seqs(Stream::Sess, 0).await.first(), Some(&1), "two are applied, but not for three days since");
    world.log.commit_acked(&node(), world.journal.heads().epoch, Stream::Sess, Seq::new(3)).await.unwrap();
    let world = reopen(world, folder.path()).await;
    assert_eq!(world.seqs(Stream::Sess, 2).await, [3, 4, 5, 6]);
    assert!(lost(&world).await.is_empty(), "all of it is here");
}

#[tokio::test]
async fn as_011_mark_and_highest_seq_are_on_disk_before_a_batch_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let world = open(folder.path()).await;
    taps(&world, 3).await;
    let context = LoadContext { node: node(), source: Source::Node(node()), session: Session { counter: 1, random: 1 }, term: None };
    let stamp = aisle_mesh::sync::codec::Stamp { id: EventId::new(1, [1; 10]), time: world.clock.now() };
    let request = LoadRequest {
        ticket: 1,
        epoch: world.journal.heads().epoch,
        stream: Stream::Tele,
        base: Seq::ZERO,
        after: Seq::ZERO,
        max_records: 2,
        max_bytes: 1 << 16,
        reserved: None,
        corrupt: None,
    };
    let before = world.journal.heads().mark;
    let (loaded, payload) = load(&world.log, &context, &request, stamp).await.unwrap();
    let world = reopen(world, folder.path()).await;
    let heads = world.journal.heads();
    let header = Batch::decode(&payload).unwrap().header.body;
    assert_eq!((header.mark, header.to), (before.next(), loaded.to));
    assert_eq!((heads.mark, heads.stream(Stream::Tele).high), (header.mark, Seq::new(2)));
}

#[tokio::test]
async fn as_027_a_batch_holds_at_most_256_records_and_64_kib() {
    let folder = tempfile::tempdir().unwrap();
    let world = open(folder.path()).await;
    let context = LoadContext { node: node(), source: Source::Node(node()), session: Session { counter: 1, random: 1 }, term: None };
    let stamp = aisle_mesh::sync::codec::Stamp { id: EventId::new(1, [1; 10]), time: world.clock.now() };
    world.commit((0..200).map(|n| world.opened(n)).collect()).await;
    taps(&world, 300).await;
    for (stream, max_bytes, ends_before) in [(Stream::Sess, 1 << 16, Seq::new(200)), (Stream::Tele, 1 << 20, Seq::new(257))] {
        let epoch = world.journal.heads().epoch;
        let request = LoadRequest {
            ticket: 1,
            epoch,
            stream,
            base: Seq::ZERO,
            after: Seq::ZERO,
            max_records: 10_000,
            max_bytes,
            reserved: None,
            corrupt: None,
        };
        let (loaded, payload) = load(&world.log, &context, &request, stamp).await.unwrap();
        assert!(payload.len() <= max_bytes, "{stream}: {} bytes", payload.len());
        assert!(loaded.to < ends_before, "{stream}: ends at {}", loaded.to);
    }
}

#[tokio::test]
async fn as_004_a_record_is_accepted_once_it_is_in_the_write_ahead_log() {
    let folder = tempfile::tempdir().unwrap();
    let world = open(folder.path()).await;
    put(&world, world.opened(1)).await.unwrap();
    // What a process killed at this moment leaves behind.
    let left = tempfile::tempdir().unwrap();
    for file in ["journal.sqlite", "journal.sqlite-wal"] {
        std::fs::copy(folder.path().join(file), left.path().join(file)).unwrap();
    }
    let found = open(left.path()).await;
    assert_eq!(found.seqs(Stream::Sess, 0).await, [1]);
    assert_eq!(found.journal.heads().stream(Stream::Sess), world.journal.heads().stream(Stream::Sess));
}

#[tokio::test]
async fn as_042_after_a_failed_commit_memory_is_what_it_was_and_what_the_disk_says() {
    let folder = tempfile::tempdir().unwrap();
    let world = open(folder.path()).await;
    let code = || StateChange::UseCode { nonce: 1, issued_at: world.clock.now() };
    world.journal.commit(Entry { changes: vec![code()], records: vec![world.opened(1), world.tap()] }).await.unwrap();
    let before = world.journal.heads();
    let failing = Entry { changes: vec![code()], records: vec![world.opened(2), world.tap(), world.zone("pets", 1)] };
    world.journal.commit(failing).await.unwrap_err();
    assert_eq!(world.journal.heads(), before);
    let world = reopen(world, folder.path()).await;
    let after = world.journal.heads();
    assert_eq!((after.up, after.usage, after.mark), (before.up, before.usage, before.mark));
}

#[tokio::test]
async fn as_074_a_document_whose_writer_is_the_node_is_not_taken_from_the_cloud() {
    let folder = tempfile::tempdir().unwrap();
    let world = open(folder.path()).await;
    world.join().await;
    let report = serde_json::json!({ "zone": "pets", "visits": 1, "people": 1, "at": world.clock.now() });
    let foreign = world.event(1, "aisle.reported.set.v1", "zone/pets", report);
    let applied = world.apply(Stream::Desired, 0, vec![foreign], aisle_mesh::sync::log::ApplyMode::Savepoints).await.unwrap();
    assert_eq!(applied, (1, 1), "quarantined, and passed");
    assert!(world.journal.changed_documents(0).await.unwrap().is_empty());
}

#[tokio::test]
async fn as_061_rows_of_class_a_that_are_gone_from_the_disk_begin_a_new_epoch_without_a_hole() {
    let folder = tempfile::tempdir().unwrap();
    let world = open(folder.path()).await;
    world.commit((0..5).map(|n| world.opened(n)).collect()).await;
    let old = world.journal.heads().epoch;
    let options = SqliteConnectOptions::new().filename(folder.path().join("journal.sqlite"));
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query("DELETE FROM log_record WHERE stream = 'sess' AND seq = 3").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let world = reopen(world, folder.path()).await;
    let epoch = world.journal.heads().epoch;
    assert_eq!((epoch.counter, world.seqs(Stream::Sess, 0).await), (old.counter + 1, vec![1, 2, 3, 4]));
    let begun: LogEpoch = events(&world, Stream::Audit).await.last().unwrap().1.data().unwrap();
    assert_eq!(begun, LogEpoch { epoch, previous: Some(old), cause: EpochCause::RowsMissing });
    let world = reopen(world, folder.path()).await;
    assert_eq!(world.journal.heads().epoch, epoch, "once");
}
