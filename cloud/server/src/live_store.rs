//! A store and its node as consoles see them now.
//!
//! Owns the reading of `StoreLive`, `NodeLink` and the fleet from rows. Takes a store; emits wire types. A reported document that means
//! nothing here is left out and logged: one new field of a newer node must not blind the console.

use aisle_schemas::{
    http::cloud::{NodeLink, NodeState, QuarantineView, StoreLive, StoreSummary},
    ids::{NodeId, StoreId},
    record::{Body, REPORTED_SET},
};
use aisle_store::{Db, StoreError, cursor, node, reported, visit};
use chrono::{DateTime, Utc};

use crate::{settings::Settings, shared::Shared};

/// Quarantined records that the fleet view lists.
const QUARANTINE_SHOWN: u32 = 200;

/// A node that was never heard of.
fn unheard(node: NodeId) -> NodeLink {
    NodeLink { node, state: NodeState::New, seen_at: None, since: None, pending: 0, software: String::new(), applied: 0, quarantined: 0 }
}

fn link(row: node::NodeRow) -> NodeLink {
    let node::NodeRow { node, state, seen_at, since, software, pending, applied, quarantined } = row;
    NodeLink { node, state, seen_at, since, pending, software, applied, quarantined }
}

/// All nodes.
pub async fn links(db: &Db) -> Result<Vec<NodeLink>, StoreError> {
    Ok(node::all(&mut db.read().await?).await?.into_iter().map(link).collect())
}

/// The link of one node.
pub async fn link_of(db: &Db, node: &NodeId) -> Result<NodeLink, StoreError> {
    let links = links(db).await?;
    Ok(links.into_iter().find(|link| link.node == *node).unwrap_or_else(|| unheard(node.clone())))
}

/// Records in quarantine, newest first.
pub async fn quarantine(db: &Db) -> Result<Vec<QuarantineView>, StoreError> {
    cursor::quarantine_list(&mut db.read().await?, QUARANTINE_SHOWN).await
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
    let links = links(db).await?;
    let mut summaries = Vec::with_capacity(settings.stores.len());
    for (store, info) in &settings.stores {
        summaries.push(StoreSummary {
            store: store.clone(),
            name: info.profile.name.clone(),
            visits_open: visits_open(db, shared, store, now).await?,
            link: links.iter().find(|link| link.node == info.node).cloned().unwrap_or_else(|| unheard(info.node.clone())),
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
    let mut live = StoreLive {
        profile: info.profile.clone(),
        link: link_of(db, &info.node).await?,
        visits_open: visits_open(db, shared, store, now).await?,
        zones: Vec::new(),
        screens: Vec::new(),
        displays: Vec::new(),
        at: now,
    };
    let documents = reported::of_node(&mut db.read().await?, &info.node).await?;
    for document in documents {
        match Body::parse(REPORTED_SET, &document.key, &document.body) {
            Ok(Body::ScreenReported(report)) => live.screens.push(*report),
            Ok(Body::NfcReported(report)) => live.displays.push(*report),
            Ok(Body::ZoneReported(report)) => live.zones.push(*report),
            Ok(_) => {}
            Err(error) => tracing::debug!(key = document.key, %error, "a reported document is not shown"),
        }
    }
    Ok(Some(live))
}
