//! The fleet as operators see it: links, what each node says of itself, what it lost, what it has not settled, what is held.
//!
//! Owns the reading of `Fleet` from rows. Takes nothing but the database and the stores' names; emits wire types. A report that cannot be
//! read is left out: one new field of a newer node must not blind the console.

use std::collections::HashMap;

use aisle_schemas::{
    document::{Override, override_key},
    event::Event,
    http::cloud::{Fleet, HeldStream, LossView, NodeHealth, NodeState, OverrideView, RejectedDocument, SeenAlarm},
    ids::NodeId,
    limits::{CLOCK_SKEW_MAX, MESSAGE_EXPIRY_S},
    log::{NodeAlarm, NodeReport},
    record::{Body, NODE_SELF, REPORTED_SET},
};
use aisle_store::{
    Db, StoreError,
    down::{self, Behind},
    down_status, enrolment, hold, loss,
    node::{self, NodeRow},
    node_alarm, quarantine,
    reported::{self, ReportedRow},
};
use chrono::{DateTime, TimeDelta, Utc};

use crate::{live_store, settings::Settings};

/// Quarantined records that the fleet view lists.
const QUARANTINE_SHOWN: u32 = 200;
/// Rejected documents, and overrides, that it lists of all stores together.
const DOCUMENTS_SHOWN: u32 = 1_000;

/// How long it is shown that a box called which may be a copy: a person looks at least once a day.
const CALL_SHOWN: TimeDelta = TimeDelta::hours(24);
/// A certificate with less left is shown. It is renewed from day 30 of 90 (AS-107), so that its renewal has failed for as long.
const CERTIFICATE_CARE: TimeDelta = TimeDelta::days(30);

/// What the cloud sees of a node that the node cannot say.
fn seen(row: &NodeRow, noted: Vec<SeenAlarm>, certificate_until: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Vec<SeenAlarm> {
    let stands = |seen: &SeenAlarm| match seen.alarm {
        // A box that was told so halts, and calls no more until somebody re-claims it.
        NodeAlarm::Superseded | NodeAlarm::Replaced | NodeAlarm::Unsupported => true,
        NodeAlarm::CloneSuspected | NodeAlarm::DiskBehind => now - seen.at < CALL_SHOWN,
        NodeAlarm::StorageNearlyFull
        | NodeAlarm::StorageFull
        | NodeAlarm::DiskFull
        | NodeAlarm::IdentityInUse
        | NodeAlarm::ClockOff
        | NodeAlarm::CertificateDue
        | NodeAlarm::CertificateExpired
        | NodeAlarm::StreamHeld
        | NodeAlarm::Unknown => false,
    };
    let mut alarms: Vec<SeenAlarm> = noted.into_iter().filter(stands).collect();
    // A message that lay somewhere for a while looks like a clock that is behind.
    let off = |skew: i64| skew.unsigned_abs() > CLOCK_SKEW_MAX.as_secs() + if skew < 0 { u64::from(MESSAGE_EXPIRY_S) } else { 0 };
    let is_off = row.clock_skew_s.is_some_and(off);
    if let (true, NodeState::Online, Some(at)) = (is_off, row.state, row.seen_at) {
        alarms.push(SeenAlarm { alarm: NodeAlarm::ClockOff, at });
    }
    match certificate_until.filter(|_| row.active) {
        Some(until) if until < now => alarms.push(SeenAlarm { alarm: NodeAlarm::CertificateExpired, at: now }),
        Some(until) if until - now < CERTIFICATE_CARE => alarms.push(SeenAlarm { alarm: NodeAlarm::CertificateDue, at: now }),
        Some(_) | None => {}
    }
    alarms.sort_unstable_by_key(|seen| seen.alarm);
    alarms
}

fn by_node<T>(rows: Vec<(NodeId, T)>) -> HashMap<NodeId, Vec<T>> {
    let mut map: HashMap<NodeId, Vec<T>> = HashMap::new();
    for (node, row) in rows {
        map.entry(node).or_default().push(row);
    }
    map
}

fn report((node, document): (NodeId, ReportedRow)) -> Option<(NodeId, NodeReport)> {
    match Body::parse(REPORTED_SET, &document.key, &document.body) {
        Ok(Body::NodeReported(report)) => Some((node, *report)),
        Ok(_) => None,
        Err(error) => {
            tracing::debug!(%node, %error, "a node's own report is not shown");
            None
        }
    }
}

/// What a store's staff show instead of a document.
fn shown((node, document): (NodeId, ReportedRow)) -> Option<(NodeId, OverrideView)> {
    match Body::parse(REPORTED_SET, &document.key, &document.body) {
        Ok(Body::OverrideReported(shown)) => {
            let Override { body: _, reason, by, ttl_s, at } = *shown;
            let (_, key) = document.key.split_once('/')?;
            let until = at.checked_add_signed(TimeDelta::seconds(i64::from(ttl_s)))?;
            Some((node, OverrideView { key: key.to_owned(), reason, by, at, until }))
        }
        Ok(_) => None,
        Err(error) => {
            tracing::debug!(%node, %error, "an override is not shown");
            None
        }
    }
}

/// What staff show at a store instead of the document `key`, if the store says so.
pub async fn override_of(db: &Db, node: &NodeId, key: &str) -> Result<Option<OverrideView>, StoreError> {
    let documents = reported::of_node(&mut db.read().await?, node).await?;
    let wanted = override_key(key);
    let found = documents.into_iter().find(|document| document.key == wanted);
    Ok(found.and_then(|document| shown((node.clone(), document))).map(|(_, view)| view))
}

/// When the record was written; none where its bytes are not a record.
fn written_at(event: &[u8]) -> Option<DateTime<Utc>> {
    Event::parse(event).ok().map(|event| event.time)
}

/// All enrolled nodes, and the newest of the quarantine.
pub async fn fleet(db: &Db, settings: &Settings, now: DateTime<Utc>) -> Result<Fleet, StoreError> {
    let connection = &mut db.read().await?;
    let rows = node::all(connection).await?;
    let mut losses: HashMap<NodeId, Vec<LossView>> = by_node(loss::all(connection).await?);
    let mut held: HashMap<NodeId, Vec<HeldStream>> = by_node(hold::all(connection).await?);
    let mut behind: HashMap<NodeId, Behind> = down::behind(connection).await?.into_iter().collect();
    let mut reports: HashMap<NodeId, NodeReport> = reported::of_key(connection, NODE_SELF).await?.into_iter().filter_map(report).collect();
    let rejected = down_status::rejected(connection, DOCUMENTS_SHOWN).await?;
    let mut rejected: HashMap<NodeId, Vec<RejectedDocument>> =
        by_node(rejected.into_iter().map(|(node, key, code)| (node, RejectedDocument { key, code })).collect());
    let overrides = reported::overrides(connection, DOCUMENTS_SHOWN).await?;
    let mut overrides: HashMap<NodeId, Vec<OverrideView>> = by_node(overrides.into_iter().filter_map(shown).collect());
    let mut noted: HashMap<NodeId, Vec<SeenAlarm>> = by_node(node_alarm::all(connection).await?);
    let mut certificates: HashMap<NodeId, DateTime<Utc>> = enrolment::ends(connection).await?.into_iter().collect();
    let (mut nodes, mut health) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
    for row in rows {
        let node = row.node.clone();
        let behind = behind.remove(&node).unwrap_or_default();
        let certificate_until = certificates.remove(&node);
        health.push(NodeHealth {
            seen: seen(&row, noted.remove(&node).unwrap_or_default(), certificate_until, now),
            clock_skew_s: row.clock_skew_s,
            certificate_until,
            store: node.store.clone(),
            name: settings.store_name(&node.store),
            active: row.active,
            reclaim: row.reclaim,
            report: reports.remove(&node),
            losses: losses.remove(&node).unwrap_or_default(),
            held: held.remove(&node).unwrap_or_default(),
            documents_behind: behind.documents,
            behind_since: behind.oldest.as_deref().and_then(written_at),
            rejected: rejected.remove(&node).unwrap_or_default(),
            overrides: overrides.remove(&node).unwrap_or_default(),
            orders_waiting: behind.orders,
            node,
        });
        nodes.push(live_store::link(row));
    }
    let quarantine_open = quarantine::count_open(connection).await?;
    let quarantine = quarantine::open(connection, QUARANTINE_SHOWN).await?;
    Ok(Fleet { nodes, health, quarantine, quarantine_open, at: now })
}
