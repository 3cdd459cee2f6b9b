//! Contract of shared state: memory and Redis answer the same. Redis is a real server on a port of its own, stopped by its process.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use aisle_cloud::shared::{
    Channel, Cursor, Live, READER_QUEUE, RING_EVENTS, RateRule, Replay, Shared, memory::MemoryShared, redis::RedisShared,
};
use aisle_schemas::ids::{CustomerId, StoreId, VisitId};
use chrono::{DateTime, Utc};

struct RedisServer {
    child: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl RedisServer {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The port is free a moment later: nobody else here asks the system for this one.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"])
            .arg(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        let server = Self { child, url: format!("redis://127.0.0.1:{port}/0"), _folder: folder };
        for _ in 0..200 {
            if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return server;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("redis-server does not listen");
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).expect("our own server stops");
    }
}

fn at(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_764_000_000_000 + ms).unwrap()
}

fn event(n: usize) -> Live {
    Live { kind: "card", store: Some(StoreId::parse("s1").unwrap()), data: format!("{{\"n\":{n}}}") }
}

fn channel(n: u64) -> Channel {
    Channel::Customer(CustomerId::new(n, [7; 10]))
}

async fn readers_get_every_event_in_order_and_come_back_without_a_gap(shared: &dyn Shared) {
    let mine = channel(1);
    let mut reader = shared.subscribe(&mine, None, at(0)).await.unwrap();
    assert_eq!(reader.replay, Replay::Fresh);
    for n in 0..3 {
        shared.publish(&mine, event(n), at(1)).await.unwrap();
        shared.publish(&channel(2), event(99), at(1)).await.unwrap();
    }
    let mut places = Vec::new();
    for n in 0..3 {
        let got = reader.events.recv().await.unwrap();
        assert_eq!((&*got.kind, &*got.data, got.store.is_some()), ("card", format!("{{\"n\":{n}}}").as_str(), true));
        places.push(got.cursor);
    }
    assert!(places.is_sorted_by(|one, other| one < other) && reader.head < places[0]);
    let back = shared.subscribe(&mine, Some(places[0]), at(2)).await.unwrap();
    let Replay::Newer(missed) = back.replay else { panic!("{:?}", back.replay) };
    assert_eq!(missed.iter().map(|event| event.cursor).collect::<Vec<_>>(), places[1..]);
    let current = shared.subscribe(&mine, Some(places[2]), at(2)).await.unwrap();
    assert_eq!(current.replay, Replay::Newer(Vec::new()));
    let before_anything = shared.subscribe(&mine, Some(reader.head), at(2)).await.unwrap();
    assert!(matches!(before_anything.replay, Replay::Newer(missed) if missed.len() == 3));
}

async fn a_place_that_is_gone_or_was_never_given_means_fetch_anew(shared: &dyn Shared) {
    let mine = channel(3);
    let start = shared.subscribe(&mine, None, at(0)).await.unwrap().head;
    for n in 0..=RING_EVENTS {
        shared.publish(&mine, event(n), at(1)).await.unwrap();
    }
    for lost in [start, Cursor { ms: 1, n: 0 }, Cursor { ms: u64::MAX / 2, n: 0 }] {
        assert_eq!(shared.subscribe(&mine, Some(lost), at(2)).await.unwrap().replay, Replay::TooOld, "{lost}");
    }
}

async fn a_slow_reader_is_dropped_and_others_are_not(shared: &dyn Shared) {
    let mine = channel(4);
    let mut slow = shared.subscribe(&mine, None, at(0)).await.unwrap();
    let mut quick = shared.subscribe(&mine, None, at(0)).await.unwrap();
    for n in 0..READER_QUEUE + 1 {
        shared.publish(&mine, event(n), at(1)).await.unwrap();
        quick.events.recv().await.unwrap();
    }
    let mut kept = 0;
    while slow.events.recv().await.is_some() {
        kept += 1;
    }
    assert_eq!(kept, READER_QUEUE);
}

async fn a_rate_limit_lets_a_burst_through_then_one_per_share_of_the_period(shared: &dyn Shared) {
    let rule = RateRule { name: "t", burst: 3, period: Duration::from_secs(3) };
    let ask = |key: &'static str, ms: i64| async move { shared.admit(rule, key, at(ms)).await.unwrap() };
    for _ in 0..3 {
        assert_eq!(ask("a", 0).await, Ok(()));
    }
    let wait = ask("a", 0).await.unwrap_err().retry_after;
    assert!(wait > Duration::from_millis(900) && wait <= Duration::from_secs(1), "{wait:?}");
    assert_eq!(ask("b", 0).await, Ok(()), "keys are counted apart");
    assert_eq!(ask("a", 1001).await, Ok(()));
    assert!(ask("a", 1001).await.is_err());
}

async fn open_visits_are_counted_until_they_end_or_run_out(shared: &dyn Shared) {
    let store = StoreId::parse("s1").unwrap();
    let visit = |n: u64| VisitId::new(n, [1; 10]);
    for n in 0..3 {
        shared.present(&store, visit(n), at(1000)).await.unwrap();
        shared.present(&store, visit(n), at(2000 + n as i64)).await.unwrap();
    }
    shared.absent(&store, visit(1)).await.unwrap();
    assert_eq!(shared.count_present(&store, at(1500)).await.unwrap(), 2);
    assert_eq!(shared.count_present(&store, at(2001)).await.unwrap(), 1);
    assert_eq!(shared.count_present(&StoreId::parse("s2").unwrap(), at(0)).await.unwrap(), 0);
}

async fn a_used_code_is_remembered(shared: &dyn Shared) {
    assert!(!shared.is_nonce_used("s1:7").await.unwrap());
    shared.nonce_used("s1:7").await.unwrap();
    assert!(shared.is_nonce_used("s1:7").await.unwrap());
    shared.ping().await.unwrap();
}

async fn hold(shared: &dyn Shared) {
    readers_get_every_event_in_order_and_come_back_without_a_gap(shared).await;
    a_place_that_is_gone_or_was_never_given_means_fetch_anew(shared).await;
    a_slow_reader_is_dropped_and_others_are_not(shared).await;
    a_rate_limit_lets_a_burst_through_then_one_per_share_of_the_period(shared).await;
    open_visits_are_counted_until_they_end_or_run_out(shared).await;
    a_used_code_is_remembered(shared).await;
}

#[tokio::test]
async fn memory_holds_the_contract() {
    hold(&MemoryShared::new()).await;
}

#[tokio::test]
async fn redis_holds_the_contract_between_instances_and_a_flush_loses_nothing_but_places() {
    let server = RedisServer::start().await;
    let one = RedisShared::connect(&server.url).await.unwrap();
    hold(&one).await;

    let other = RedisShared::connect(&server.url).await.unwrap();
    let mine = channel(9);
    let mut reader = other.subscribe(&mine, None, at(0)).await.unwrap();
    one.publish(&mine, event(1), at(1)).await.unwrap();
    let seen = reader.events.recv().await.unwrap().cursor;

    let client = redis::Client::open(server.url.as_str()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    redis::cmd("FLUSHALL").query_async::<()>(&mut connection).await.unwrap();
    assert_eq!(other.subscribe(&mine, Some(seen), at(2000)).await.unwrap().replay, Replay::TooOld);
    one.publish(&mine, event(2), at(2001)).await.unwrap();
    assert!(reader.events.recv().await.unwrap().cursor > seen, "an open reader just goes on");
}
