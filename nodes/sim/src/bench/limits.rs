//! The limits against which figures are held, measured on the same machine in the same run.
//!
//! A1: events of 256 bytes at QoS 1 from one client through mosquitto to another, both with the product's own MQTT link. A2: rows written to
//! PostgreSQL a thousand in one statement and one durable transaction. Each has a broker or table of its own, so that it measures nothing else.

use std::path::Path;
use std::time::{Duration, Instant};

use aisle_mesh::broker::{AccessRules, Credential, Role};
use aisle_mesh::link::{Link, LinkConfig, LinkEvent, LinkHandle, Outgoing, Qos, SubCode};
use aisle_schemas::ids::{InstanceId, NodeId};
use aisle_schemas::limits::{KEEP_ALIVE, PACKET_BYTES_MAX, RECEIVE_MAX_CLOUD, WINDOW_CLOUD};
use aisle_schemas::sync::Stream;
use aisle_schemas::topic::Topic;
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use rand::Rng;
use secrecy::SecretString;
use sqlx::{Connection, PgConnection};
use tokio::sync::{Semaphore, mpsc};
use uuid::Uuid;

use super::servers::Mosquitto;
use super::usage::{self, Usage, Watched};

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
/// Bytes of one row's event: as large as a play's.
const ROW_BYTES: usize = 420;
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
                let message = Outgoing {
                    topic: topic.clone(),
                    payload: payload.clone(),
                    qos: Qos::AtLeastOnce,
                    retain: false,
                    expiry_s: None,
                    content_type: None,
                    traceparent: None,
                };
                publisher.publish(message).await.context("failed to publish")?;
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
/// When the database fails.
pub async fn durable_rows(database: &str, server: &[Watched]) -> Result<Limit> {
    let mut connection = PgConnection::connect(database).await.context("failed to connect for the limit")?;
    sqlx::query(include_str!("../../sql/limit/create_table.sql")).execute(&mut connection).await.context("failed to make the table")?;
    sqlx::query(include_str!("../../sql/limit/empty.sql")).execute(&mut connection).await.context("failed to empty the table")?;
    let events: Vec<Vec<u8>> = vec![vec![b'x'; ROW_BYTES]; ROWS];
    let seqs: Vec<i64> = (1..).take(ROWS).collect();
    let (before, started) = (usage::look(server), Instant::now());
    let mut rows = 0_u64;
    while started.elapsed() < WRITING {
        let ids: Vec<Uuid> = std::iter::repeat_with(|| Uuid::from_bytes(rand::rng().random())).take(ROWS).collect();
        let insert = sqlx::query(include_str!("../../sql/limit/insert.sql")).bind("/limit/s1/n1").bind("tele").bind(ids).bind(&seqs);
        insert.bind(&events).execute(&mut connection).await.context("failed to write rows")?;
        rows += u64::try_from(ROWS)?;
    }
    let used = before.until(&usage::look(server));
    connection.close().await.context("failed to close a connection")?;
    Ok(limit(rows, &used, "postgres"))
}
