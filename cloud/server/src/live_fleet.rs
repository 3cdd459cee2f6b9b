//! The fleet as operators see it: links, what each node says of itself, what it lost, what it has not applied, what is held.
//!
//! Owns the reading of `Fleet` from rows. Takes nothing but the database and the stores' names; emits wire types. A report that cannot be
//! read is left out: one new field of a newer node must not blind the console.

use std::collections::HashMap;

use aisle_schemas::{
    event::Event,
    http::cloud::{Fleet, HeldStream, LossView, NodeHealth},
    ids::NodeId,
    log::NodeReport,
    record::{Body, NODE_SELF, REPORTED_SET},
};
use aisle_store::{
    Db, StoreError,
    down::{self, Behind},
    hold, loss, node, quarantine,
    reported::{self, ReportedRow},
};
use chrono::{DateTime, Utc};

use crate::{live_store, settings::Settings};

/// Quarantined records that the fleet view lists.
const QUARANTINE_SHOWN: u32 = 200;

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
    let (mut nodes, mut health) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
    for row in rows {
        let node = row.node.clone();
        let behind = behind.remove(&node).unwrap_or_default();
        health.push(NodeHealth {
            store: node.store.clone(),
            name: settings.store_name(&node.store),
            active: row.active,
            reclaim: row.reclaim,
            report: reports.remove(&node),
            losses: losses.remove(&node).unwrap_or_default(),
            held: held.remove(&node).unwrap_or_default(),
            documents_behind: behind.documents,
            behind_since: behind.oldest.as_deref().and_then(written_at),
            orders_waiting: behind.orders,
            node,
        });
        nodes.push(live_store::link(row));
    }
    let quarantine_open = quarantine::count_open(connection).await?;
    let quarantine = quarantine::open(connection, QUARANTINE_SHOWN).await?;
    Ok(Fleet { nodes, health, quarantine, quarantine_open, at: now })
}
