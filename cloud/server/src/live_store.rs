//! A store and its node as consoles see them now.
//!
//! Owns the reading of `StoreLive` and `NodeLink` from rows; a store's node is its active one. Takes a store; emits wire types. A reported
//! document that means nothing here is left out and logged: one new field of a newer node must not blind the console.

use std::collections::HashMap;

use aisle_schemas::{
    http::cloud::{DeviceLink, DeviceState, NodeLink, NodeState, StoreLive, StoreSummary},
    ids::{DeviceId, NodeId, StoreId},
    record::{Body, REPORTED_SET},
    topic::DeviceKind,
};
use aisle_store::{Db, StoreError, node, reported, visit};
use chrono::{DateTime, Utc};

use crate::{settings::Settings, shared::Shared};

/// A node that was never heard of.
fn unheard(node: NodeId) -> NodeLink {
    NodeLink { node, state: NodeState::New, seen_at: None, since: None, pending: 0, software: String::new(), applied: 0, quarantined: 0 }
}

/// A node's link as consoles see it.
pub fn link(row: node::NodeRow) -> NodeLink {
    let node::NodeRow { node, state, seen_at, since, software, pending, applied, quarantined, active: _, reclaim: _, clock_skew_s: _ } =
        row;
    NodeLink { node, state, seen_at, since, pending, software, applied, quarantined }
}

/// The link of one node.
pub async fn link_of(db: &Db, node: &NodeId) -> Result<NodeLink, StoreError> {
    let row = node::find(&mut db.read().await?, node).await?;
    Ok(row.map_or_else(|| unheard(node.clone()), link))
}

/// The state of a device that its node has reported. What a node said is no news once its line is gone.
fn device(kind: DeviceKind, id: &str, online: bool, node: NodeState) -> Option<DeviceLink> {
    let state = match node {
        NodeState::Online if online => DeviceState::Online,
        NodeState::Online => DeviceState::Offline,
        NodeState::New | NodeState::Offline | NodeState::Lost => DeviceState::Unknown,
    };
    Some(DeviceLink { kind, id: DeviceId::parse(id).ok()?, state })
}

/// Open visits of a store: from the shared count, or from the database while that is out of reach.
async fn visits_open(db: &Db, shared: &dyn Shared, store: &StoreId, now: DateTime<Utc>) -> Result<u32, StoreError> {
    match shared.count_present(store, now).await {
        Ok(count) => Ok(count),
        Err(error) => {
            tracing::debug!(error = &error as &dyn std::error::Error, "open visits are counted in the database");
            let counts = visit::open_counts(&mut db.read().await?).await?;
            Ok(counts.into_iter().find(|(counted, _)| counted == store).map_or(0, |(_, count)| count))
        }
    }
}

/// All stores, by id.
pub async fn summaries(db: &Db, shared: &dyn Shared, settings: &Settings, now: DateTime<Utc>) -> Result<Vec<StoreSummary>, StoreError> {
    let mut links: HashMap<StoreId, NodeLink> = HashMap::new();
    for row in node::all(&mut db.read().await?).await?.into_iter().filter(|row| row.active) {
        links.insert(row.node.store.clone(), link(row));
    }
    let mut summaries = Vec::with_capacity(settings.stores.len());
    for (store, info) in &settings.stores {
        summaries.push(StoreSummary {
            store: store.clone(),
            name: info.profile.name.clone(),
            visits_open: visits_open(db, shared, store, now).await?,
            link: links.remove(store).unwrap_or_else(|| unheard(info.node.clone())),
        });
    }
    Ok(summaries)
}

/// One store; `None` where it is not of this cloud.
pub async fn store(
    db: &Db,
    shared: &dyn Shared,
    settings: &Settings,
    store: &StoreId,
    now: DateTime<Utc>,
) -> Result<Option<StoreLive>, StoreError> {
    let Some(info) = settings.stores.get(store) else { return Ok(None) };
    let node = node::of_store(&mut db.read().await?, store).await?.unwrap_or_else(|| info.node.clone());
    let mut live = StoreLive {
        profile: info.profile.clone(),
        link: link_of(db, &node).await?,
        visits_open: visits_open(db, shared, store, now).await?,
        zones: Vec::new(),
        screens: Vec::new(),
        displays: Vec::new(),
        devices: Vec::new(),
        emergency: None,
        at: now,
    };
    let state = live.link.state;
    let documents = reported::of_node(&mut db.read().await?, &node).await?;
    for document in documents {
        match Body::parse(REPORTED_SET, &document.key, &document.body) {
            Ok(Body::ScreenReported(report)) => {
                live.devices.extend(device(DeviceKind::Screen, report.screen.as_str(), report.online, state));
                live.screens.push(*report);
            }
            Ok(Body::NfcReported(report)) => {
                live.devices.extend(device(DeviceKind::Nfc, report.display.as_str(), report.online, state));
                live.displays.push(*report);
            }
            Ok(Body::ZoneReported(report)) => live.zones.push(*report),
            Ok(Body::EmergencyReported(report)) => live.emergency = Some(*report),
            Ok(_) => {}
            Err(error) => tracing::debug!(key = document.key, %error, "a reported document is not shown"),
        }
    }
    Ok(Some(live))
}
