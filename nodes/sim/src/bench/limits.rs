//! The limits against which figures are held, measured on the same machine in the same run.
//!
//! A1: events of 256 bytes at QoS 1 from one client through mosquitto to another, both with the product's own MQTT link. A2: events as stores accept
//! them, written to PostgreSQL as JSONB a thousand in one statement and one durable transaction, in a table with the journal's columns, key and index.
//! Each has a broker or table of its own, so that it measures nothing else. A database whose commits do not wait for the disk is refused.

use std::path::Path;
use std::time::{Duration, Instant};

use aisle_mesh::broker::{AccessRules, Credential, Role};
use aisle_mesh::link::{Link, LinkConfig, LinkEvent, LinkHandle, Outgoing, Qos, SubCode};
use aisle_schemas::ids::{EventId, InstanceId, NodeId};
use aisle_schemas::limits::{KEEP_ALIVE, PACKET_BYTES_MAX, RECEIVE_MAX_CLOUD, WINDOW_CLOUD};
use aisle_schemas::sync::Stream;
use aisle_schemas::topic::Topic;
use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use rand::Rng;
use secrecy::SecretString;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection, PgConnection, SqliteConnection};
use tokio::sync::{Semaphore, mpsc};
use uuid::Uuid;

use super::servers::Mosquitto;
use super::usage::{self, Usage, Watched};
use crate::hollow::{Mix, Traffic};
use crate::run::measure::Latency;

/// Bytes of one event through the broker.
const EVENT_BYTES: usize = 256;
/// Events of one measurement of A1: about a second.
const EVENTS: u64 = 20_000;
/// Events that are published and not received yet: below what the broker queues for a client before it drops.
const UNDER_WAY: usize = 512;
/// Rows of one transaction of A2.
const ROWS: usize = 1_000;
/// How long A2 writes.
const WRITING: Duration = Duration::from_secs(2);
/// Events that are sent one by one, each after the one before has arrived.
const ALONE: usize = 500;
/// Longest wait for the last event of A1.
const LAST_EVENT: Duration = Duration::from_secs(60);

/// A limit.
#[derive(Debug, Clone)]
pub struct Limit {
    pub per_s: f64,
    /// CPU microseconds of the server for each.
    pub server_us: f64,
}

/// A broker with two clients, for A1.
pub struct PassThrough {
    broker: Mosquitto,
    publisher: (LinkHandle, mpsc::Receiver<LinkEvent>),
    subscriber: (LinkHandle, mpsc::Receiver<LinkEvent>),
    topic: String,
}

impl PassThrough {
    /// Starts the broker below `folder` and connects both.
    ///
    /// # Errors
    /// When one does not start.
    pub async fn start(folder: &Path) -> Result<Self> {
        let (node, instance) = (NodeId::parse("limit.s1.n1")?, InstanceId::parse("limit")?);
        let (publishes, subscribes) = (Role::Node(node.clone()), Role::Cloud(instance));
        let mut rules = AccessRules::new();
        let secret = SecretString::from("limit");
        for role in [&publishes, &subscribes] {
            rules.admit(role.clone(), Credential::of(&secret, *b"limit-salt-1"));
        }
        let broker = Mosquitto::start(folder, "limit-broker", &rules).await?;
        let topic = Topic::SyncBatchUp { part: node.partition(), node, stream: Stream::Tele }.build();
        let filter = subscribes.subscribe();
        let subscriber = connect(&broker, &subscribes, &secret, &filter).await?;
        let publisher = connect(&broker, &publishes, &secret, &[]).await?;
        Ok(Self { broker, publisher, subscriber, topic })
    }

    /// Processes to watch beside this one.
    pub fn watched(&self) -> Vec<Watched> {
        vec![("limit-broker".to_owned(), self.broker.child.pid())]
    }

    /// How long one event takes through the broker while it has nothing else to do.
    ///
    /// # Errors
    /// When a link is lost.
    pub async fn hop(&mut self) -> Result<Latency> {
        let Self { broker: _, publisher: (publisher, published), subscriber: (subscriber, received), topic } = self;
        let (payload, times) = (Bytes::from(vec![b'x'; EVENT_BYTES]), Latency::default());
        for _ in 0..ALONE {
            let sent = Instant::now();
            publisher.publish(event(topic, &payload)).await.context("failed to publish")?;
            let arrived = tokio::time::timeout(LAST_EVENT, received.recv()).await.context("an event did not arrive")?;
            let Some(LinkEvent::Message(message)) = arrived else { bail!("the subscriber's link says {arrived:?}") };
            times.record(sent.elapsed());
            subscriber.ack(message.ack).await.context("failed to acknowledge")?;
            acknowledged(published).await?;
        }
        Ok(times)
    }

    /// Measures A1 once.
    ///
    /// # Errors
    /// When a link is lost.
    pub async fn measure(&mut self) -> Result<Limit> {
        let watched = self.watched();
        let Self { broker: _, publisher: (publisher, published), subscriber: (subscriber, received), topic } = self;
        let payload = Bytes::from(vec![b'x'; EVENT_BYTES]);
        let before = usage::look(&watched);
        let room = Semaphore::new(UNDER_WAY);
        let sending = async {
            let mut free = u64::from(WINDOW_CLOUD);
            for _ in 0..EVENTS {
                room.acquire().await.context("nobody closes it")?.forget();
                if free == 0 {
                    acknowledged(published).await?;
                    free += 1;
                }
                publisher.publish(event(topic, &payload)).await.context("failed to publish")?;
                free -= 1;
            }
            while free < u64::from(WINDOW_CLOUD) {
                acknowledged(published).await?;
                free += 1;
            }
            Ok::<_, anyhow::Error>(())
        };
        let receiving = async {
            for _ in 0..EVENTS {
                match received.recv().await {
                    Some(LinkEvent::Message(message)) => {
                        room.add_permits(1);
                        subscriber.ack(message.ack).await.context("failed to acknowledge")?;
                    }
                    other => bail!("the subscriber's link says {other:?}"),
                }
            }
            Ok(())
        };
        let both = async { tokio::try_join!(sending, receiving) };
        tokio::time::timeout(LAST_EVENT, both).await.context("events did not arrive")??;
        let used = before.until(&usage::look(&watched));
        Ok(limit(EVENTS, &used, "limit-broker"))
    }
}

fn event(topic: &str, payload: &Bytes) -> Outgoing {
    Outgoing {
        topic: topic.to_owned(),
        payload: payload.clone(),
        qos: Qos::AtLeastOnce,
        retain: false,
        expiry_s: None,
        content_type: None,
        traceparent: None,
    }
}

fn limit(events: u64, used: &Usage, server: &str) -> Limit {
    Limit { per_s: (events as f64) / used.wall.as_secs_f64(), server_us: used.us_per_event(server, events) }
}

async fn acknowledged(events: &mut mpsc::Receiver<LinkEvent>) -> Result<()> {
    match events.recv().await {
        Some(LinkEvent::PubAck { .. }) => Ok(()),
        other => bail!("the publisher's link says {other:?}"),
    }
}

async fn connect(
    broker: &Mosquitto,
    role: &Role,
    secret: &SecretString,
    filters: &[String],
) -> Result<(LinkHandle, mpsc::Receiver<LinkEvent>)> {
    let name = role.name().as_str().to_owned();
    let (handle, mut events) = Link::connect(LinkConfig {
        host: broker.address.ip().to_string(),
        port: broker.address.port(),
        client_id: name.clone(),
        username: Some(name),
        password: Some(secret.clone()),
        tls: None,
        will: None,
        keep_alive: KEEP_ALIVE,
        receive_max: RECEIVE_MAX_CLOUD,
        packet_max: PACKET_BYTES_MAX,
        in_flight: WINDOW_CLOUD,
    })?;
    match events.recv().await {
        Some(LinkEvent::Connected { .. }) => {}
        other => bail!("no connection to the limit's broker: {other:?}"),
    }
    if !filters.is_empty() {
        handle.subscribe(filters).await.context("failed to subscribe")?;
        match events.recv().await {
            Some(LinkEvent::SubAck(codes)) if codes.iter().all(|code| *code == SubCode::Granted) => {}
            other => bail!("subscription refused: {other:?}"),
        }
    }
    Ok((handle, events))
}

/// Measures A2 once, in a table of its own of the database.
///
/// # Errors
/// When the database fails, or does not wait for its disk.
pub async fn durable_rows(database: &str, server: &[Watched], now: DateTime<Utc>) -> Result<Limit> {
    let mut connection = table(database).await?;
    let Events { streams, texts } = Events::of_a_busy_store(now)?;
    let seqs: Vec<i64> = (1..).take(ROWS).collect();
    let (before, started) = (usage::look(server), Instant::now());
    let (mut rows, mut at_ms) = (0_u64, u64::try_from(now.timestamp_millis())?);
    while started.elapsed() < WRITING {
        // As the product makes them: each later than the last one, so that they fall into the same pages of the index.
        at_ms += 1;
        let ids: Vec<Uuid> = std::iter::repeat_with(|| EventId::new(at_ms, rand::rng().random()).0).take(ROWS).collect();
        let insert = sqlx::query(include_str!("../../sql/limit/insert.sql")).bind("/limit/s1/n1").bind("1-0000000000000001").bind(now);
        let insert = insert.bind(ids).bind(&streams).bind(&seqs).bind(&texts);
        insert.execute(&mut connection).await.context("failed to write rows")?;
        rows += u64::try_from(ROWS)?;
    }
    let used = before.until(&usage::look(server));
    connection.close().await.context("failed to close a connection")?;
    Ok(limit(rows, &used, "postgres"))
}

/// How long one row takes to be durable in PostgreSQL while it has nothing else to do.
///
/// # Errors
/// When the database fails, or does not wait for its disk.
pub async fn durable_row(database: &str, now: DateTime<Utc>) -> Result<Latency> {
    let mut connection = table(database).await?;
    let Events { streams, texts } = Events::of_a_busy_store(now)?;
    let times = Latency::default();
    for ((stream, text), seq) in streams.into_iter().zip(texts).zip(1_i64..).take(ALONE) {
        let insert = sqlx::query(include_str!("../../sql/limit/insert.sql")).bind("/limit/s1/n1").bind("1-0000000000000001").bind(now);
        let insert = insert.bind(vec![Uuid::from_bytes(rand::rng().random())]).bind(vec![stream]).bind(vec![seq]).bind(vec![text]);
        let began = Instant::now();
        insert.execute(&mut connection).await.context("failed to write a row")?;
        times.record(began.elapsed());
    }
    connection.close().await.context("failed to close a connection")?;
    Ok(times)
}

/// How long one record takes to be durable in a file like a node's: SQLite with a write-ahead log and `synchronous = FULL`.
///
/// # Errors
/// When the file cannot be written.
pub async fn durable_record(folder: &Path, now: DateTime<Utc>) -> Result<Latency> {
    let file = tempfile::Builder::new().prefix("limit-").suffix(".sqlite").tempfile_in(folder).context("failed to make a file")?;
    let options =
        SqliteConnectOptions::new().filename(file.path()).journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
    let mut connection = SqliteConnection::connect_with(&options).await.context("failed to open a file")?;
    sqlx::query(include_str!("../../sql/limit/create_commit.sql")).execute(&mut connection).await.context("failed to make the table")?;
    let times = Latency::default();
    for (text, seq) in Events::of_a_busy_store(now)?.texts.into_iter().zip(1_i64..).take(ALONE) {
        let began = Instant::now();
        let insert = sqlx::query(include_str!("../../sql/limit/commit.sql")).bind(seq).bind(text.into_bytes());
        insert.execute(&mut connection).await.context("failed to write a record")?;
        times.record(began.elapsed());
    }
    connection.close().await.context("failed to close a file")?;
    Ok(times)
}

/// The empty table, on a server that is as durable as the product's.
async fn table(database: &str) -> Result<PgConnection> {
    let mut connection = PgConnection::connect(database).await.context("failed to connect for the limit")?;
    for statement in [
        include_str!("../../sql/limit/create_table.sql"),
        include_str!("../../sql/limit/create_index.sql"),
        include_str!("../../sql/limit/empty.sql"),
    ] {
        sqlx::query(statement).execute(&mut connection).await.context("failed to make the table")?;
    }
    let asked = sqlx::query_as(include_str!("../../sql/limit/durable.sql")).fetch_one(&mut connection).await;
    let (fsync, commit, logged): (String, String, bool) = asked.context("failed to ask how durable the database is")?;
    ensure!(fsync == "on" && commit == "on" && logged, "fsync {fsync}, synchronous_commit {commit}, logged {logged}: no durable limit");
    Ok(connection)
}

/// A thousand events of a busy store, each another one.
struct Events {
    streams: Vec<String>,
    texts: Vec<String>,
}

impl Events {
    fn of_a_busy_store(now: DateTime<Utc>) -> Result<Self> {
        let mut traffic = Traffic::new(NodeId::parse("limit.s1.n1")?, Mix::BUSY_STORE, 1, now);
        let (mut streams, mut texts) = (Vec::with_capacity(ROWS), Vec::with_capacity(ROWS));
        for _ in 0..ROWS {
            let record = traffic.next(now).context("failed to write an event")?;
            streams.push(record.stream.as_str().to_owned());
            texts.push(String::from_utf8(record.event.to_vec()).context("events are text")?);
        }
        Ok(Self { streams, texts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_events_of_the_limit_are_as_large_as_those_of_a_store() {
        let events = Events::of_a_busy_store(DateTime::from_timestamp(1_795_511_520, 0).unwrap()).unwrap();
        assert_eq!((events.streams.len(), events.texts.len()), (ROWS, ROWS));
        let (most, sum) = (events.texts.iter().map(String::len).max(), events.texts.iter().map(String::len).sum::<usize>());
        assert!(most.is_some_and(|most| most < 600) && (330..600).contains(&(sum / ROWS)), "{most:?} {sum}");
    }
}
