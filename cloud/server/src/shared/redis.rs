//! Shared state of several instances, in Redis.
//!
//! Owns the keys `aisle:*` there and one subscription for live events. Rings, limits and presence are scripts, so that each step is one
//! and instances need no lock. Flushing Redis loses nothing: rings restart above every place given before, so readers fetch anew.
//! On failure: [`SharedError::Unreachable`]; when the subscription is lost, every reader here is dropped, because it may have missed some.

use std::{sync::Arc, time::Duration};

use aisle_schemas::ids::{StoreId, VisitId};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use redis::{AsyncCommands, Client, RedisError, Script, aio::ConnectionManager};
use tokio::{sync::watch, task::JoinHandle};

use super::{
    Channel, Cursor, Live, LiveEvent, NONCE_LIFE, RING_EVENTS, RING_LIFE, RateRule, Replay, Shared, SharedError, Subscription, TooMany,
    hub::Hub,
};

const LIVE_PREFIX: &str = "aisle:live:";
/// Where instances tell each other to look at the database.
const WAKE: &str = "aisle:wake";
/// Separates the fields of a stored event; JSON text never holds it bare.
const FIELD: char = '\u{1f}';
/// Wait before the subscription is opened anew.
const RESUBSCRIBE_WAIT: Duration = Duration::from_millis(500);

/// Appends to a ring and tells the readers. KEYS ring, meta. ARGV now ms, body, ring length, life s, channel.
const PUBLISH: &str = r"
local head = redis.call('HMGET', KEYS[2], 'ms', 'n')
local ms, n = tonumber(head[1] or '0'), tonumber(head[2] or '0')
local now = tonumber(ARGV[1])
if now > ms then ms, n = now, 0 else n = n + 1 end
if not head[1] then redis.call('HSET', KEYS[2], 'floor', string.format('%.0f-0', now)) ms, n = now, 1 end
local id = string.format('%.0f-%.0f', ms, n)
redis.call('HSET', KEYS[2], 'ms', string.format('%.0f', ms), 'n', n)
local entry = id .. '\31' .. ARGV[2]
redis.call('RPUSH', KEYS[1], entry)
if redis.call('LLEN', KEYS[1]) > tonumber(ARGV[3]) then
  local old = redis.call('LPOP', KEYS[1])
  redis.call('HSET', KEYS[2], 'floor', string.sub(old, 1, string.find(old, '\31', 1, true) - 1))
end
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('EXPIRE', KEYS[2], ARGV[4])
redis.call('PUBLISH', ARGV[5], entry)
return id";

/// Reads a ring and starts it where there is none. KEYS ring, meta. ARGV now ms, life s. Returns floor, head, entries.
const READ: &str = r"
local meta = redis.call('HMGET', KEYS[2], 'ms', 'n', 'floor')
if not meta[1] then
  redis.call('HSET', KEYS[2], 'ms', ARGV[1], 'n', 0, 'floor', ARGV[1] .. '-0')
  meta = {ARGV[1], '0', ARGV[1] .. '-0'}
end
redis.call('EXPIRE', KEYS[2], ARGV[2])
return {meta[3], meta[1] .. '-' .. meta[2], redis.call('LRANGE', KEYS[1], 0, -1)}";

/// Generic cell rate: KEYS key. ARGV now µs, µs per use, burst. Returns 0, or µs to wait.
const ADMIT: &str = r"
local now, each, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local due = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
local early = due - each * (burst - 1)
if early > now then return early - now end
redis.call('SET', KEYS[1], string.format('%.0f', due + each), 'PX', math.ceil((due + each - now) / 1000) + 1000)
return 0";

/// See the module.
pub struct RedisShared {
    commands: ConnectionManager,
    hub: Arc<Hub>,
    woken: Arc<watch::Sender<()>>,
    listener: JoinHandle<()>,
    publish: Script,
    read: Script,
    admit: Script,
}

impl Drop for RedisShared {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl RedisShared {
    /// Connects and subscribes. `url` as `redis://host:port/db`.
    pub async fn connect(url: &str) -> Result<Self, SharedError> {
        let client = Client::open(url).map_err(unreachable)?;
        let commands = client.get_connection_manager().await.map_err(unreachable)?;
        let hub = Arc::new(Hub::default());
        let woken = Arc::new(watch::Sender::new(()));
        let subscription = subscribe(&client).await.map_err(unreachable)?;
        let listener = tokio::spawn(listen(client, subscription, Arc::clone(&hub), Arc::clone(&woken)));
        Ok(Self { commands, hub, woken, listener, publish: Script::new(PUBLISH), read: Script::new(READ), admit: Script::new(ADMIT) })
    }
}

/// Hands what is published to the readers here, and subscribes again whenever the connection ends.
async fn listen(client: Client, first: redis::aio::PubSub, hub: Arc<Hub>, woken: Arc<watch::Sender<()>>) {
    let mut subscription = Some(first);
    loop {
        if let Some(open) = subscription.take() {
            let mut messages = open.into_on_message();
            while let Some(message) = messages.next().await {
                if message.get_channel_name() == WAKE {
                    woken.send_replace(());
                    continue;
                }
                let channel = message.get_channel_name().strip_prefix(LIVE_PREFIX).unwrap_or_default().to_owned();
                let entry = message.get_payload::<String>().ok();
                if let Some(event) = entry.as_deref().and_then(parse_entry) {
                    hub.send(&channel, &event);
                }
            }
            tracing::warn!("the subscription for live events was lost");
        }
        match subscribe(&client).await {
            Ok(open) => {
                // Only now: a reader dropped earlier could come back before we listen again and miss events unnoticed.
                hub.drop_all();
                subscription = Some(open);
            }
            Err(error) => {
                tracing::debug!(%error, "failed to subscribe for live events");
                tokio::time::sleep(RESUBSCRIBE_WAIT).await;
            }
        }
    }
}

async fn subscribe(client: &Client) -> Result<redis::aio::PubSub, RedisError> {
    let mut subscription = client.get_async_pubsub().await?;
    subscription.subscribe(WAKE).await?;
    subscription.psubscribe(format!("{LIVE_PREFIX}*")).await?;
    Ok(subscription)
}

fn parse_entry(entry: &str) -> Option<LiveEvent> {
    let mut fields = entry.splitn(4, FIELD);
    let (cursor, kind, store, data) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    Some(LiveEvent { cursor: cursor.parse().ok()?, kind: kind.into(), store: StoreId::parse(store).ok(), data: data.into() })
}

fn unreachable(error: RedisError) -> SharedError {
    SharedError::Unreachable(Box::new(error))
}

/// Ring and meta key of a channel; the braces keep both in one slot of a cluster.
fn ring_keys(channel: &Channel) -> (String, String) {
    (format!("aisle:ring:{{{channel}}}"), format!("aisle:ring:{{{channel}}}:meta"))
}

fn unix_ms(at: DateTime<Utc>) -> i64 {
    at.timestamp_millis()
}

#[async_trait]
impl Shared for RedisShared {
    async fn publish(&self, channel: &Channel, event: Live, now: DateTime<Utc>) -> Result<(), SharedError> {
        let Live { kind, store, data } = event;
        let (ring, meta) = ring_keys(channel);
        let store = store.map(|store| store.to_string()).unwrap_or_default();
        self.publish
            .key(ring)
            .key(meta)
            .arg(unix_ms(now))
            .arg(format!("{kind}{FIELD}{store}{FIELD}{data}"))
            .arg(RING_EVENTS)
            .arg(RING_LIFE.as_secs())
            .arg(format!("{LIVE_PREFIX}{channel}"))
            .invoke_async::<()>(&mut self.commands.clone())
            .await
            .map_err(unreachable)
    }

    async fn subscribe(&self, channel: &Channel, last: Option<Cursor>, now: DateTime<Utc>) -> Result<Subscription, SharedError> {
        let events = self.hub.subscribe(&channel.to_string())?;
        let (ring, meta) = ring_keys(channel);
        let (floor, head, entries): (String, String, Vec<String>) = self
            .read
            .key(ring)
            .key(meta)
            .arg(unix_ms(now))
            .arg(RING_LIFE.as_secs())
            .invoke_async(&mut self.commands.clone())
            .await
            .map_err(unreachable)?;
        let place = |text: &str| text.parse::<Cursor>().map_err(|error| SharedError::Unreachable(Box::new(error)));
        let (floor, head) = (place(&floor)?, place(&head)?);
        let replay = match last {
            None => Replay::Fresh,
            Some(last) if last < floor || last > head => Replay::TooOld,
            Some(last) => {
                Replay::Newer(entries.iter().filter_map(|entry| parse_entry(entry)).filter(|event| event.cursor > last).collect())
            }
        };
        Ok(Subscription { replay, head, events })
    }

    async fn present(&self, store: &StoreId, visit: VisitId, until: DateTime<Utc>) -> Result<(), SharedError> {
        self.commands.clone().zadd(format!("aisle:present:{store}"), visit.to_string(), unix_ms(until)).await.map_err(unreachable)
    }

    async fn absent(&self, store: &StoreId, visit: VisitId) -> Result<(), SharedError> {
        self.commands.clone().zrem(format!("aisle:present:{store}"), visit.to_string()).await.map_err(unreachable)
    }

    async fn count_present(&self, store: &StoreId, now: DateTime<Utc>) -> Result<u32, SharedError> {
        let key = format!("aisle:present:{store}");
        let (_, count): (u32, u32) = redis::pipe()
            .zrembyscore(&key, "-inf", unix_ms(now))
            .zcard(&key)
            .query_async(&mut self.commands.clone())
            .await
            .map_err(unreachable)?;
        Ok(count)
    }

    async fn admit(&self, rule: RateRule, key: &str, now: DateTime<Utc>) -> Result<Result<(), TooMany>, SharedError> {
        let each_us = u64::try_from((rule.period / rule.burst.max(1)).as_micros()).unwrap_or(u64::MAX);
        let wait_us: u64 = self
            .admit
            .key(format!("aisle:rate:{}:{key}", rule.name))
            .arg(now.timestamp_micros())
            .arg(each_us)
            .arg(rule.burst)
            .invoke_async(&mut self.commands.clone())
            .await
            .map_err(unreachable)?;
        Ok(if wait_us == 0 { Ok(()) } else { Err(TooMany { retry_after: Duration::from_micros(wait_us) }) })
    }

    async fn nonce_used(&self, key: &str) -> Result<(), SharedError> {
        self.commands.clone().set_ex(format!("aisle:nonce:{key}"), 1, NONCE_LIFE.as_secs()).await.map_err(unreachable)
    }

    async fn is_nonce_used(&self, key: &str) -> Result<bool, SharedError> {
        self.commands.clone().exists(format!("aisle:nonce:{key}")).await.map_err(unreachable)
    }

    async fn wake(&self) -> Result<(), SharedError> {
        self.commands.clone().publish::<_, _, ()>(WAKE, "").await.map_err(unreachable)
    }

    fn woken(&self) -> watch::Receiver<()> {
        self.woken.subscribe()
    }

    async fn ping(&self) -> Result<(), SharedError> {
        redis::cmd("PING").query_async::<()>(&mut self.commands.clone()).await.map_err(unreachable)
    }
}
