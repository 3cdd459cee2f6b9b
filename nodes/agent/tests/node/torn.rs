//! A torn disk: the journal as it is found when power fails between two frames of its write-ahead log, or within one, and a row whose bytes
//! have changed (T03).
use std::path::{Path, PathBuf};

use aisle_mesh::sync::codec::Stamp;
use aisle_mesh::sync::load::{LoadContext, load};
use aisle_mesh::sync::log::SendLog;
use aisle_mesh::sync::sender::LoadRequest;
use aisle_schemas::event::{Source, TYPE_LOG_CORRUPT};
use aisle_schemas::ids::EventId;
use aisle_schemas::sync::{Batch, Seq, Session, Stream};
use chrono::DateTime;
use sqlx::{Connection, SqliteConnection};

use super::journal::{World, node, open};

/// Commits whose traces are torn, each of one record.
const COMMITS: u8 = 6;
/// Header and page of a frame of the write-ahead log.
const FRAME_BYTES: usize = 24 + 4096;

fn files(folder: &Path) -> (PathBuf, PathBuf) {
    (folder.join("journal.sqlite"), folder.join("journal.sqlite-wal"))
}

/// A journal with `COMMITS` records, and how long its log was after each commit, the first of them before any.
async fn accepted(folder: &Path) -> (World, Vec<usize>) {
    let world = open(folder).await;
    let (_, log) = files(folder);
    let length = || usize::try_from(std::fs::metadata(&log).unwrap().len()).unwrap();
    let mut lengths = vec![length()];
    for n in 1..=COMMITS {
        world.commit(vec![world.opened(n)]).await;
        lengths.push(length());
    }
    (world, lengths)
}

#[tokio::test]
async fn as_004_wherever_the_log_of_the_disk_is_torn_every_record_is_there_whose_commit_lies_before() {
    let origin = tempfile::tempdir().unwrap();
    let (world, lengths) = accepted(origin.path()).await;
    // Read while it is open: closing would fold the log into the file.
    let (file, log) = files(origin.path());
    let (file, log) = (std::fs::read(file).unwrap(), std::fs::read(log).unwrap());
    drop(world);
    assert_eq!(
        (log.len(), (log.len() - lengths[0]) % FRAME_BYTES),
        (lengths[usize::from(COMMITS)], 0),
        "whole frames, and no other writer"
    );
    let frames = (lengths[0]..=log.len()).step_by(FRAME_BYTES);
    let cuts = frames.flat_map(|end| [end, end + FRAME_BYTES / 2]).filter(|cut| *cut <= log.len());
    for cut in cuts {
        let folder = tempfile::tempdir().unwrap();
        let (torn_file, torn_log) = files(folder.path());
        std::fs::write(torn_file, &file).unwrap();
        std::fs::write(torn_log, &log[..cut]).unwrap();
        let world = open(folder.path()).await;
        let committed = lengths.iter().rposition(|length| *length <= cut).unwrap();
        let found = world.seqs(Stream::Sess, 0).await;
        assert_eq!(found, (1..=committed as u64).collect::<Vec<_>>(), "torn at byte {cut} of {}", log.len());
        world.commit(vec![world.opened(200)]).await;
        assert_eq!(world.seqs(Stream::Sess, committed as u64).await, [committed as u64 + 1], "and it goes on without a hole");
    }
}

#[tokio::test]
async fn as_007_a_row_whose_bytes_have_changed_is_sent_as_corrupt_under_its_own_id_and_the_others_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let (origin, _) = accepted(folder.path()).await;
    let names: Vec<EventId> =
        origin.log.read(&node(), Stream::Sess, Seq::ZERO, 100, usize::MAX).await.unwrap().rows.iter().map(|row| row.id).collect();
    let image = tempfile::tempdir().unwrap();
    let (file, log) = files(folder.path());
    let (image_file, image_log) = files(image.path());
    std::fs::copy(file, &image_file).unwrap();
    std::fs::copy(log, &image_log).unwrap();
    drop(origin);
    let mut folding = SqliteConnection::connect(&format!("sqlite:{}", image_file.display())).await.unwrap();
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut folding).await.unwrap();
    folding.close().await.unwrap();
    let mut bytes = std::fs::read(&image_file).unwrap();
    let changed = b"visit/3";
    let places: Vec<usize> = bytes.windows(changed.len()).enumerate().filter(|(_, window)| *window == changed).map(|(at, _)| at).collect();
    assert!(!places.is_empty(), "the record lies in the file");
    for at in places {
        bytes[at + changed.len() - 1] ^= 1;
    }
    std::fs::write(&image_file, bytes).unwrap();

    let world = open(image.path()).await;
    let epoch = world.log.state(&node()).await.unwrap().epoch;
    let context = LoadContext { node: node(), source: Source::Node(node()), session: Session { counter: 1, random: 1 }, term: None };
    let request = LoadRequest {
        ticket: 1,
        epoch,
        stream: Stream::Sess,
        base: Seq::ZERO,
        after: Seq::ZERO,
        max_records: 256,
        max_bytes: 64 << 10,
        reserved: None,
        corrupt: None,
    };
    let stamp = Stamp { id: EventId::new(9, [9; 10]), time: DateTime::UNIX_EPOCH };
    let (_, payload) = load(&world.log, &context, &request, stamp).await.unwrap();
    let batch = Batch::decode(&payload).unwrap();
    let sent: Vec<EventId> = batch.records.iter().map(|(_, event, _)| event.id).collect();
    assert_eq!(sent, names);
    let corrupt: Vec<u64> =
        batch.records.iter().filter(|(_, event, _)| event.ty.as_str() == TYPE_LOG_CORRUPT).map(|(seq, ..)| seq.get()).collect();
    assert_eq!(corrupt, [3]);
}
