//! Clocks that are wrong: set, behind, or in 1970.
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aisle_mesh::clock::{Clock, ManualClock};
use aisle_node::journal::RecordMaker;
use aisle_node::lasting_clock::{LastingClock, TimeKeeper};
use aisle_node::now::Now;
use aisle_schemas::event::Event;
use aisle_schemas::sync::{Seq, Stream};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;

use aisle_mesh::sync::log::SendLog;

use super::journal::{World as Disk, node, open, reopen};
use super::world::World;

/// A clock whose wall time may be set, as a person or a time server would.
struct SetClock {
    clock: Arc<ManualClock>,
    wall_off_s: AtomicI64,
}

impl SetClock {
    fn new() -> Arc<Self> {
        Arc::new(Self { clock: ManualClock::new(), wall_off_s: AtomicI64::new(0) })
    }

    /// In 1970, as a box without a battery boots.
    fn in_1970() -> Arc<Self> {
        let this = Self::new();
        this.set(DateTime::UNIX_EPOCH - this.clock.now());
        this
    }

    fn set(&self, off: TimeDelta) {
        self.wall_off_s.store(off.num_seconds(), Ordering::Relaxed);
    }
}

impl Clock for SetClock {
    fn now(&self) -> DateTime<Utc> {
        self.clock.now() + TimeDelta::seconds(self.wall_off_s.load(Ordering::Relaxed))
    }
    fn monotonic_ms(&self) -> u64 {
        self.clock.monotonic_ms()
    }
    fn moved(&self) -> watch::Receiver<u64> {
        self.clock.moved()
    }
}

/// The store's time as a run that begins now sees it.
async fn run(disk: &Disk, clock: &Arc<SetClock>) -> LastingClock {
    LastingClock::resume(clock.clone(), disk.journal.load_clock().await.unwrap())
}

async fn keep(disk: &Disk, clock: &LastingClock) -> Now {
    let now = Now::read(clock);
    TimeKeeper::new(disk.journal.clone()).keep(now).await.unwrap();
    now
}

#[tokio::test]
async fn as_093_no_step_of_the_wall_clock_moves_a_duration_and_down_time_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let disk = open(folder.path()).await;
    let clock = SetClock::new();
    let first = run(&disk, &clock).await;
    let began = keep(&disk, &first).await;
    // Real time flows meanwhile, but not for a minute.
    let passed_min = |now: Now| now.mono.since(began.mono).as_secs() / 60;
    clock.clock.advance(TimeDelta::seconds(600));
    clock.set(TimeDelta::days(1));
    assert_eq!(passed_min(keep(&disk, &first).await), 10, "a day ahead");
    let disk = reopen(disk, folder.path()).await;
    clock.clock.advance(TimeDelta::seconds(60));
    let second = run(&disk, &clock).await;
    assert_eq!(passed_min(keep(&disk, &second).await), 11, "a minute down");
    let disk = reopen(disk, folder.path()).await;
    clock.set(TimeDelta::days(-1));
    clock.clock.advance(TimeDelta::seconds(60));
    let third = run(&disk, &clock).await;
    assert_eq!(passed_min(Now::read(&third)), 11, "how long it was down, a clock that is behind cannot say");
    clock.clock.advance(TimeDelta::seconds(60));
    assert_eq!(passed_min(Now::read(&third)), 12);
}

#[tokio::test]
async fn as_094_records_of_a_clock_that_is_off_say_so_and_keep_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let disk = open(folder.path()).await;
    let maker: &RecordMaker = &disk.maker;
    disk.commit(vec![disk.opened(1)]).await;
    maker.set_clock_ok(false);
    disk.commit(vec![disk.opened(2)]).await;
    maker.set_clock_ok(true);
    disk.commit(vec![disk.opened(3)]).await;
    let rows = disk.log.read(&node(), Stream::Sess, Seq::ZERO, 10, usize::MAX).await.unwrap().rows;
    let said: Vec<Option<bool>> = rows.iter().map(|row| Event::parse(&row.event).unwrap().clockok).collect();
    assert_eq!(said, [None, Some(false), None]);
}

#[tokio::test]
async fn as_005_a_store_without_link_cloud_or_right_clock_starts_and_checks_in() {
    let mut world = World::start().await;
    world.kill().await;
    let clock = SetClock::in_1970();
    world.run_on(clock.clone()).await;
    let code = world.code_at("s042", clock.now(), 1);
    let response = world.check_in(&code, &world.pass_at(1, clock.now())).await;
    assert_eq!(response.status(), 201);
    let overview = world.overview().await;
    assert_eq!((overview.visits_open, overview.cloud), (1, aisle_schemas::http::node::CloudLink::Cut));
    let opened = world.logged(Stream::Sess).await;
    assert_eq!(opened.last().unwrap().clockok, Some(false), "the clock is behind what an earlier run saved");
}
