//! The journal: one holder, all or nothing, in order, across restarts.
use std::path::Path;
use std::sync::{Arc, Mutex};

use aisle_mesh::clock::{Clock, ManualClock};
use aisle_mesh::sync::log::{
    ApplyError, ApplyMode, EpochReason, EpochRequest, Logged, NodeSessionLog, ReceiveLog, ReceivedBatch, ReceivedRecord, SendLog,
};
use aisle_node::journal::budget::Budget;
use aisle_node::journal::{Cause, Entry, Journal, NewRecord, OpenError, RecordMaker, Settings, StateChange, SyncLog};
use aisle_schemas::event::{Event, EventType, Source};
use aisle_schemas::ids::{EventId, NodeId, PassId, TapId, VisitId, VisitToken};
use aisle_schemas::nfc::TapRecorded;
use aisle_schemas::record::Body;
use aisle_schemas::store::ZoneReport;
use aisle_schemas::sync::{Count, Epoch, Mark, PerStream, Seq, Session, Stream};
use aisle_schemas::visit::{CheckInMethod, CloseReason, CloseVisit, Hlc, VisitOpened};
use bytes::Bytes;
use chrono::TimeDelta;
use serde_json::json;

pub fn node() -> NodeId {
    NodeId::parse("acme.s042.n1").unwrap()
}

pub struct World {
    pub clock: Arc<ManualClock>,
    pub journal: Journal,
    pub log: SyncLog,
    pub maker: RecordMaker,
    budget: Budget,
}

/// Room for everything, and nothing reserved.
pub const AMPLE: Budget = Budget { class_a: 1 << 30, class_b: 1 << 28, class_c: 1 << 30, ballast: 0, grow: false };

pub async fn open(folder: &Path) -> World {
    open_with(folder, AMPLE).await
}

pub async fn open_with(folder: &Path, budget: Budget) -> World {
    match try_open(folder, budget, ManualClock::new()).await {
        Ok(world) => world,
        Err(error) => panic!("{error}"),
    }
}

async fn try_open(folder: &Path, budget: Budget, clock: Arc<ManualClock>) -> Result<World, OpenError> {
    let maker = RecordMaker::new(node(), clock.clone());
    let settings = Settings { folder: folder.to_owned(), budget, maker: maker.clone() };
    let journal = Journal::open(settings, 7).await?;
    let log = SyncLog::new(journal.clone(), clock.clone());
    Ok(World { clock, journal, log, maker, budget })
}

/// Closes the journal as a kill would leave it, and opens it again as soon as its lock is free.
pub async fn reopen(world: World, folder: &Path) -> World {
    let (budget, clock) = (world.budget, world.clock.clone());
    drop(world);
    loop {
        match try_open(folder, budget, clock.clone()).await {
            Ok(world) => return world,
            Err(OpenError::Held(_)) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

impl World {
    pub fn opened(&self, n: u8) -> NewRecord {
        let body = Body::VisitOpened(Box::new(VisitOpened {
            visit: VisitId::new(1, [n; 10]),
            token: VisitToken::from_random([n; 16]),
            pass: PassId::new(1, [n; 10]),
            method: CheckInMethod::AppQr,
            touchpoint: "door-1".parse().unwrap(),
            at: self.clock.now(),
            hlc: Hlc::default(),
        }));
        self.maker.make(&body, format!("visit/{n}"), Cause::default()).unwrap()
    }

    pub fn zone(&self, zone: &str, people: u32) -> NewRecord {
        let report = ZoneReport { zone: zone.parse().unwrap(), visits: 0, people, at: self.clock.now() };
        self.maker.make(&Body::ZoneReported(Box::new(report)), format!("zone/{zone}"), Cause::default()).unwrap()
    }

    pub fn tap(&self) -> NewRecord {
        let tap = TapRecorded {
            tap: TapId::new(1, [1; 10]),
            display: "shelf".parse().unwrap(),
            zone: "pets".parse().unwrap(),
            offer: None,
            at: self.clock.now(),
        };
        self.maker.make(&Body::TapRecorded(Box::new(tap)), "nfc/shelf".to_owned(), Cause::default()).unwrap()
    }

    pub async fn commit(&self, records: Vec<NewRecord>) {
        self.journal.commit(Entry { changes: vec![], records }).await.unwrap();
    }

    pub async fn seqs(&self, stream: Stream, after: u64) -> Vec<u64> {
        let rows = self.log.read(&node(), stream, Seq::new(after), 100, usize::MAX).await.unwrap();
        assert!(rows.rows.iter().all(aisle_mesh::sync::log::LogRow::is_intact));
        rows.rows.iter().map(|row| row.seq.get()).collect()
    }

    /// A batch of the cloud with these records from `cursor` on.
    pub async fn apply(&self, stream: Stream, cursor: u64, events: Vec<Event>, mode: ApplyMode) -> Result<(u64, u32), ApplyError> {
        let records: Vec<ReceivedRecord> = events
            .into_iter()
            .enumerate()
            .map(|(n, event)| {
                let raw = Bytes::from(event.to_stored().unwrap());
                ReceivedRecord { seq: Seq::new(cursor + 1 + u64::try_from(n).unwrap()), event, raw }
            })
            .collect();
        let batch = ReceivedBatch {
            stream,
            epoch: down_epoch(),
            session: self.journal.heads().session.unwrap_or(Session { counter: 0, random: 0 }),
            cursor: Seq::new(cursor),
            to: Seq::new(cursor + u64::try_from(records.len()).unwrap()),
            mark: Mark::new(5),
            base: Seq::ZERO,
            left: Count::ZERO,
            records,
            mode,
        };
        self.log.apply(&node(), &batch).await.map(|applied| (applied.cursor.get(), applied.quarantined))
    }

    pub async fn join(&self) {
        self.log.begin_session(3).await.unwrap();
        self.log.adopt_down_epoch(down_epoch()).await.unwrap();
    }

    pub fn event(&self, n: u8, ty: &'static str, subject: &str, data: serde_json::Value) -> Event {
        let source = Source::Cloud("acme".parse().unwrap());
        let id = EventId::new(1, [n; 10]);
        let mut event = Event::new(id, source, EventType::literal(ty), self.clock.now(), &data).unwrap();
        event.subject = Some(subject.to_owned());
        event
    }

    pub fn close_order(&self, n: u8) -> Event {
        let order = CloseVisit { visit: VisitId::new(1, [n; 10]), reason: CloseReason::HandedOver };
        self.event(n, "aisle.visit.close.v1", "visit/1", serde_json::to_value(order).unwrap())
    }

    fn poison(&self, n: u8) -> Event {
        self.event(n, "aisle.visit.close.v1", "visit/1", json!({ "visit": 1 }))
    }
}

fn down_epoch() -> Epoch {
    Epoch { counter: 4, random: 44 }
}

#[tokio::test]
async fn as_010_a_second_holder_of_the_same_journal_fails_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let world = open(folder.path()).await;
    assert!(matches!(try_open(folder.path(), AMPLE, ManualClock::new()).await, Err(OpenError::Held(_))));
    reopen(world, folder.path()).await;
}

#[tokio::test]
async fn as_002_seq_rises_by_one_per_stream_across_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let world = open(folder.path()).await;
    world.commit(vec![world.opened(1), world.zone("pets", 1), world.opened(2)]).await;
    let world = reopen(world, folder.path()).await;
    world.commit(vec![world.opened(3)]).await;
    assert_eq!(world.seqs(Stream::Sess, 0).await, [1, 2, 3]);
    assert_eq!(world.seqs(Stream::Sess, 2).await, [3]);
    assert_eq!(world.seqs(Stream::Reported, 0).await, [1]);
}

#[tokio::test]
async fn as_003_a_change_that_fails_leaves_neither_row_nor_hole() {
    let folder = tempfile::tempdir().unwrap();
    let world = open(folder.path()).await;
    let code = || StateChange::UseCode { nonce: u64::MAX, issued_at: world.clock.now() };
    world.journal.commit(Entry { changes: vec![code()], records: vec![world.opened(1)] }).await.unwrap();
    let heads = world.journal.heads();
    let twice = Entry { changes: vec![code()], records: vec![world.opened(2)] };
    world.journal.commit(twice).await.unwrap_err();
    assert_eq!(world.journal.heads(), heads);
    world.commit(vec![world.opened(3)]).await;
    assert_eq!(world.seqs(Stream::Sess, 0).await, [1, 2]);
}

#[tokio::test]
async fn many_askers_share_a_transaction_and_each_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let world = open(folder.path()).await;
    let noted: Arc<Mutex<Vec<Logged>>> = Arc::default();
    let sink = Arc::clone(&noted);
    world.journal.set_link_open(true);
    world.journal.notify(Box::new(move |logged| sink.lock().unwrap().push(logged)));
    let commits = (0..200).map(|n| world.commit(vec![world.opened(n)]));
    futures_util::future::join_all(commits).await;
    assert_eq!(world.seqs(Stream::Sess, 150).await, (151..=200).collect::<Vec<u64>>());
    let noted = noted.lock().unwrap();
    assert!(noted.len() < 200, "{} transactions", noted.len());
    let last = noted.last().unwrap();
    assert_eq!((last.head, last.reserved), (Seq::new(200), Some(world.journal.heads().mark)), "AS-011 in the accepting transaction");
}

#[tokio::test]
async fn as_065_nothing_is_numbered_as_sent_while_the_link_is_closed_so_that_hello_knows_a_disk_that_was_set_back() {
    let folder = tempfile::tempdir().unwrap();
    let world = open(folder.path()).await;
    let mark = world.journal.heads().mark;
    world.commit(vec![world.tap(), world.opened(1)]).await;
    let closed = world.journal.heads();
    assert_eq!((closed.mark, closed.stream(Stream::Tele).high, closed.stream(Stream::Sess).high), (mark, Seq::ZERO, Seq::ZERO));
    world.journal.set_link_open(true);
    world.commit(vec![world.tap(), world.opened(2)]).await;
    let open = world.journal.heads();
    assert_eq!((open.mark, open.stream(Stream::Tele).high, open.stream(Stream::Sess).high), (mark.next(), Seq::new(2), Seq::new(2)));
}

#[tokio::test]
async fn a_newer_document_replaces_the_older_row_of_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let world = open(folder.path()).await;
    world.commit(vec![world.zone("pets", 1), world.zone("fresh", 1), world.zone("pets", 2)]).await;
    assert_eq!(world.seqs(Stream::Reported, 0).await, [2, 3]);
    let rows = world.log.read(&node(), Stream::Reported, Seq::ZERO, 100, usize::MAX).await.unwrap();
    assert_eq!(rows.to, Seq::new(3));
}

#[tokio::test]
async fn reading_stops_at_the_limits_and_says_what_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let world = open(folder.path()).await;
    world.commit((0..10).map(|n| world.opened(n)).collect()).await;
    let read = |records, bytes| async move { (records, bytes) };
    let (records, bytes) = read(4, usize::MAX).await;
    let rows = world.log.read(&node(), Stream::Sess, Seq::new(1), records, bytes).await.unwrap();
    assert_eq!((rows.rows.len(), rows.to, rows.left), (4, Seq::new(5), Count::new(5)));
    let rows = world.log.read(&node(), Stream::Sess, Seq::new(1), 100, 1).await.unwrap();
    assert_eq!((rows.rows.len(), rows.to, rows.left), (1, Seq::new(2), Count::new(8)), "at least one row");
}

#[tokio::test]
async fn as_009_applied_telemetry_goes_and_applied_visits_stay_for_three_days() {
    let folder = tempfile::tempdir().unwrap();
    let world = open(folder.path()).await;
    world.commit(vec![world.opened(1), world.opened(2), world.tap(), world.tap()]).await;
    world.log.commit_acked(&node(), world.journal.heads().epoch, Stream::Sess, Seq::new(1)).await.unwrap();
    world.log.commit_acked(&node(), world.journal.heads().epoch, Stream::Tele, Seq::new(1)).await.unwrap();
    assert_eq!(world.journal.pending(), 2);
    world.journal.upkeep(world.clock.now()).await.unwrap();
    assert_eq!((world.seqs(Stream::Sess, 0).await, world.seqs(Stream::Tele, 0).await), (vec![1, 2], vec![2]));
    world.clock.advance(TimeDelta::hours(73));
    world.journal.upkeep(world.clock.now()).await.unwrap();
    assert_eq!(world.seqs(Stream::Sess, 0).await, [2]);
    let kept = |world: &World| [Stream::Sess, Stream::Tele].map(|stream| world.journal.heads().stream(stream).kept.get());
    assert_eq!(kept(&world), [2, 2]);
    let world = reopen(world, folder.path()).await;
    assert_eq!(kept(&world), [2, 2]);
    assert_eq!(world.journal.pending(), 2, "the acknowledgement was written with the upkeep");
}

#[tokio::test]
async fn as_013_each_session_is_above_all_before() {
    let folder = tempfile::tempdir().unwrap();
    let world = open(folder.path()).await;
    assert_eq!(world.log.begin_session(9).await.unwrap(), Session { counter: 1, random: 9 });
    let world = reopen(world, folder.path()).await;
    assert_eq!(world.log.begin_session(9).await.unwrap().counter, 2);
}

#[tokio::test]
async fn an_order_is_kept_until_it_was_carried_out_and_never_comes_twice() {
    let folder = tempfile::tempdir().unwrap();
    let world = open(folder.path()).await;
    world.join().await;
    let orders = vec![world.close_order(1), world.close_order(2)];
    assert_eq!(world.apply(Stream::Order, 0, orders, ApplyMode::Plain).await.unwrap(), (2, 0));
    let world = reopen(world, folder.path()).await;
    world.join().await;
    assert_eq!(world.apply(Stream::Order, 2, vec![world.close_order(1)], ApplyMode::Plain).await.unwrap(), (3, 0));
    let waiting = world.journal.waiting_orders(0).await.unwrap();
    assert_eq!(waiting.iter().map(|order| order.id).collect::<Vec<_>>(), [1, 2].map(|n| EventId::new(1, [n; 10])));
    let finish = StateChange::FinishOrder(waiting[0].id);
    world.journal.commit(Entry { changes: vec![finish], records: vec![] }).await.unwrap();
    assert_eq!(world.apply(Stream::Order, 3, vec![world.close_order(1)], ApplyMode::Plain).await.unwrap(), (4, 0));
    assert_eq!(world.journal.waiting_orders(0).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_batch_of_another_cursor_session_or_epoch_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let world = open(folder.path()).await;
    assert!(matches!(world.apply(Stream::Order, 0, vec![world.close_order(1)], ApplyMode::Plain).await, Err(ApplyError::Fenced)));
    world.join().await;
    let conflict = world.apply(Stream::Order, 7, vec![world.close_order(1)], ApplyMode::Plain).await;
    assert!(matches!(conflict, Err(ApplyError::Conflict { cursor: Seq::ZERO })), "{conflict:?}");
    assert!(world.journal.waiting_orders(0).await.unwrap().is_empty());
}

#[tokio::test]
async fn as_049_a_poison_record_rolls_the_batch_back_and_then_goes_to_quarantine() {
    let folder = tempfile::tempdir().unwrap();
    let world = open(folder.path()).await;
    world.join().await;
    let batch = || vec![world.close_order(1), world.poison(2), world.close_order(3)];
    let refused = world.apply(Stream::Order, 0, batch(), ApplyMode::Plain).await;
    assert!(matches!(refused, Err(ApplyError::Poison { index: 1, poison_run: 0, .. })), "{refused:?}");
    assert!(world.journal.waiting_orders(0).await.unwrap().is_empty());
    assert_eq!(world.apply(Stream::Order, 0, batch(), ApplyMode::Savepoints).await.unwrap(), (3, 1));
    assert_eq!(world.journal.waiting_orders(0).await.unwrap().len(), 2);
}

#[tokio::test]
async fn as_050_fifty_poison_records_in_a_row_stop_the_stream() {
    let folder = tempfile::tempdir().unwrap();
    let world = open(folder.path()).await;
    world.join().await;
    let batch = (0..60).map(|n| world.poison(n)).collect();
    assert_eq!(world.apply(Stream::Order, 0, batch, ApplyMode::Savepoints).await.unwrap(), (50, 50));
    assert_eq!(world.log.down_state().await.unwrap().cursors.get(Stream::Order), Some(&Seq::new(50)));
}

#[tokio::test]
async fn documents_stay_in_force_across_restarts_and_a_deleted_one_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let world = open(folder.path()).await;
    world.join().await;
    let [first, second] = [1, 2].map(|n| format!("context/{}", VisitToken::from_random([n; 16])));
    let lease = json!({ "visit": VisitId::new(1, [1; 10]), "language": "de", "consents": [], "consent_epoch": 1, "segments": [],
        "offers": [], "interrupts_left": 3, "lease_s": 900 });
    let set = world.event(1, "aisle.desired.set.v1", &first, lease.clone());
    let other = world.event(2, "aisle.desired.set.v1", &second, lease);
    world.apply(Stream::Desired, 0, vec![set, other], ApplyMode::Plain).await.unwrap();
    let world = reopen(world, folder.path()).await;
    let documents = world.journal.changed_documents(0).await.unwrap();
    assert_eq!(documents.iter().map(|document| document.key.as_str()).collect::<Vec<_>>(), [first.as_str(), second.as_str()]);
    let seen = documents.last().unwrap().change;
    world.join().await;
    let gone = world.event(3, "aisle.desired.set.v1", &first, serde_json::Value::Null);
    world.apply(Stream::Desired, 2, vec![gone], ApplyMode::Plain).await.unwrap();
    let changed = world.journal.changed_documents(seen).await.unwrap();
    assert_eq!(
        changed.iter().map(|document| (document.key.as_str(), document.body.is_none())).collect::<Vec<_>>(),
        [(first.as_str(), true)]
    );
}

#[tokio::test]
async fn as_060_a_new_epoch_logs_again_what_is_on_disk_from_one_on() {
    let folder = tempfile::tempdir().unwrap();
    let world = open(folder.path()).await;
    world.commit(vec![world.opened(1), world.opened(2), world.zone("pets", 1), world.zone("pets", 2), world.tap()]).await;
    let old = world.journal.heads().epoch;
    let request = EpochRequest {
        reason: EpochReason::DiskBehind,
        random: 99,
        peer_epoch: Some(Epoch { counter: 8, random: 1 }),
        peer_cursors: PerStream::default(),
        mark_min: Mark::new(1_000),
        session_min: 50,
    };
    let epoch = world.log.begin_epoch(&node(), &request).await.unwrap();
    assert_eq!(epoch, Epoch { counter: 9, random: 99 });
    let state = world.log.state(&node()).await.unwrap();
    assert_eq!((state.epoch, state.mark), (epoch, Mark::new(1_001)), "above what the peer had seen, as the records of the epoch raise it");
    assert_eq!(state.lineage, [old, Epoch { counter: 8, random: 1 }]);
    let rows = world.log.read(&node(), Stream::Sess, Seq::ZERO, 100, usize::MAX).await.unwrap();
    let places: Vec<_> = rows.rows.iter().map(|row| (row.seq.get(), row.relogof.clone().unwrap())).collect();
    assert_eq!(places, [(1, format!("{old}/1")), (2, format!("{old}/2"))]);
    assert_eq!(world.seqs(Stream::Reported, 0).await, [1]);
    assert_eq!(state.streams.get(Stream::Reported).unwrap().base, Seq::new(1));
    assert_eq!(world.seqs(Stream::Tele, 0).await, Vec::<u64>::new(), "nobody can tell whether telemetry was applied");
    assert_eq!(world.log.begin_session(1).await.unwrap().counter, 51);
}

#[tokio::test]
async fn an_answer_under_a_known_key_takes_the_place_of_the_older_one_and_the_oldest_are_read_first() {
    let folder = tempfile::tempdir().unwrap();
    let world = open(folder.path()).await;
    for (second, key, body) in [(0, 5, "old"), (1, 9, "other"), (2, 1, "third"), (3, 5, "new")] {
        let at = world.clock.now() + TimeDelta::seconds(second);
        let kept = StateChange::KeepAnswer { key: [key; 32], request: [0; 32], body: body.to_owned(), at };
        world.journal.commit(Entry { changes: vec![kept], records: vec![] }).await.unwrap();
    }
    let answers = world.journal.load_answers(world.clock.now()).await.unwrap();
    let read: Vec<_> = answers.iter().map(|answer| (answer.key[0], answer.body.as_str())).collect();
    assert_eq!(read, [(9, "other"), (1, "third"), (5, "new")]);
}

#[tokio::test]
async fn an_order_that_comes_after_the_last_one_was_finished_lies_above_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = open(folder.path()).await;
    world.join().await;
    let mut seen = 0;
    for n in 1..=3 {
        world.apply(Stream::Order, u64::from(n) - 1, vec![world.close_order(n)], ApplyMode::Plain).await.unwrap();
        let waiting = world.journal.waiting_orders(seen).await.unwrap();
        assert_eq!(waiting.iter().map(|order| order.id).collect::<Vec<_>>(), [EventId::new(1, [n; 10])]);
        seen = waiting[0].place;
        let finished = Entry { changes: vec![StateChange::FinishOrder(waiting[0].id)], records: vec![] };
        world.journal.commit(finished).await.unwrap();
        if n == 2 {
            world = reopen(world, folder.path()).await;
            world.join().await;
        }
    }
}
