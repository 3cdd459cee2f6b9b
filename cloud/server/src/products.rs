//! Products and stock on their way to the stores.
//!
//! Owns the decision of what changes, and the documents that follow. Takes batches that were checked by themselves. Emits documents for the nodes of all
//! stores, committed with what they follow from. On failure: the batch has no effect; where another instance was faster it is decided again.

use std::collections::BTreeMap;

use aisle_cloud_core::product as core;
use aisle_schemas::{
    ids::{EventId, Sku, StoreId},
    product::{PRODUCTS_MAX, ProductSheet, StockLevel, StockReport, StoreProduct},
    record::Body,
};
use aisle_store::{
    DownStream, DownWrite, StoreError,
    product::{self, ProductCommit},
};
use chrono::{DateTime, Utc};

use crate::{fresh, ingest::Committed, problem::Refusal, settings::Settings, state::Cloud};

/// Times that a batch is decided anew because another instance was faster.
const TRIES: u32 = 5;

/// Everything known, as it stood at one version.
struct Known {
    version: u64,
    sheets: BTreeMap<Sku, ProductSheet>,
    stock: BTreeMap<(Sku, StoreId), StockLevel>,
}

impl Known {
    async fn read(db: &aisle_store::Db) -> Result<Self, StoreError> {
        let mut connection = db.read().await?;
        let version = product::version(&mut connection).await?;
        let sheets = product::all(&mut connection).await?.into_iter().map(|sheet| (sheet.sku.clone(), sheet)).collect();
        let stock = product::stock(&mut connection).await?.into_iter().collect();
        Ok(Self { version, sheets, stock })
    }
}

fn document(
    settings: &Settings,
    store: &StoreId,
    sheet: &ProductSheet,
    stock: Option<StockLevel>,
    now: DateTime<Utc>,
) -> Result<Option<DownWrite>, Refusal> {
    let Some(info) = settings.stores.get(store) else { return Ok(None) };
    let body = Body::ProductDesired(Box::new(StoreProduct { product: sheet.clone(), stock }));
    Ok(Some(DownWrite {
        node: info.node.clone(),
        stream: DownStream::Desired,
        id: fresh::id(now, EventId::new),
        type_name: body.type_name().to_owned(),
        subject: format!("product/{}", sheet.sku),
        data: Some(body.to_raw().map_err(Refusal::unavailable)?),
        at: now,
        traceparent: aisle_mesh::telemetry::current_traceparent(),
    }))
}

/// The documents of all products for all stores, for an instance that starts: a store may be new.
pub async fn desired(db: &aisle_store::Db, settings: &Settings, now: DateTime<Utc>) -> Result<Vec<DownWrite>, Refusal> {
    let known = Known::read(db).await.map_err(Refusal::unavailable)?;
    let mut writes = Vec::new();
    for store in settings.stores.keys() {
        for sheet in known.sheets.values() {
            let stock = known.stock.get(&(sheet.sku.clone(), store.clone())).copied();
            writes.extend(document(settings, store, sheet, stock, now)?);
        }
    }
    Ok(writes)
}

/// Takes products in; how many are new or differ.
pub async fn put(cloud: &Cloud, batch: &[ProductSheet]) -> Result<u32, Refusal> {
    let decide = |known: &Known, now| {
        let taken = core::taken_numbers(batch, &known.sheets);
        if !taken.is_empty() {
            return Err(Refusal::invalid_fields(taken));
        }
        let changed: Vec<&ProductSheet> = batch.iter().filter(|sheet| known.sheets.get(&sheet.sku) != Some(*sheet)).collect();
        let new = changed.iter().filter(|sheet| !known.sheets.contains_key(&sheet.sku)).count();
        if known.sheets.len() + new > PRODUCTS_MAX {
            return Err(Refusal::conflict("products_full").detail("there are as many products as a store can hold"));
        }
        let mut down = Vec::new();
        for store in cloud.settings.stores.keys() {
            for sheet in &changed {
                let stock = known.stock.get(&(sheet.sku.clone(), store.clone())).copied();
                down.extend(document(&cloud.settings, store, sheet, stock, now)?);
            }
        }
        Ok(Decided { sheets: changed.into_iter().cloned().collect(), levels: Vec::new(), down })
    };
    let done = commit(cloud, decide).await?;
    Ok(u32::try_from(done.sheets.len()).unwrap_or(u32::MAX))
}

/// Takes stock in; what is older than what is known changes nothing.
pub async fn report_stock(cloud: &Cloud, reports: &[StockReport]) -> Result<(), Refusal> {
    let decide = |known: &Known, now| {
        let mut newest: BTreeMap<(&Sku, &StoreId), &StockReport> = BTreeMap::new();
        for (place, report) in reports.iter().enumerate() {
            if !known.sheets.contains_key(&report.sku) {
                return Err(Refusal::invalid(format!("/levels/{place}/sku"), "there is no such product"));
            }
            if !cloud.settings.stores.contains_key(&report.store) {
                return Err(Refusal::invalid(format!("/levels/{place}/store"), "there is no such store"));
            }
            let before = newest.entry((&report.sku, &report.store)).or_insert(report);
            if before.at < report.at {
                *before = report;
            }
        }
        let is_news = |report: &&StockReport| {
            let former = known.stock.get(&(report.sku.clone(), report.store.clone()));
            former.is_none_or(|former| former.at < report.at)
        };
        let levels: Vec<StockReport> = newest.into_values().filter(is_news).cloned().collect();
        let mut down = Vec::new();
        for StockReport { sku, store, count, at } in &levels {
            if let Some(sheet) = known.sheets.get(sku) {
                down.extend(document(&cloud.settings, store, sheet, Some(StockLevel { count: *count, at: *at }), now)?);
            }
        }
        Ok(Decided { sheets: Vec::new(), levels, down })
    };
    commit(cloud, decide).await.map(drop)
}

/// What a batch changes.
#[derive(Clone)]
struct Decided {
    sheets: Vec<ProductSheet>,
    levels: Vec<StockReport>,
    down: Vec<DownWrite>,
}

async fn commit(cloud: &Cloud, decide: impl Fn(&Known, DateTime<Utc>) -> Result<Decided, Refusal>) -> Result<Decided, Refusal> {
    for _ in 0..TRIES {
        let now = cloud.now();
        let known = Known::read(&cloud.db).await.map_err(Refusal::unavailable)?;
        let decided = decide(&known, now)?;
        if decided.sheets.is_empty() && decided.levels.is_empty() {
            return Ok(decided);
        }
        let Decided { sheets, levels, down } = decided.clone();
        match product::commit(&cloud.db, ProductCommit { expect_version: known.version, sheets, levels, down, at: now }).await {
            Ok(logged) => {
                cloud.feed.push(Committed { outbox: Vec::new(), logged, reread: false });
                return Ok(decided);
            }
            Err(error) if matches!(error, StoreError::Stale) || error.gave_way() => {}
            Err(error) => return Err(Refusal::unavailable(error)),
        }
    }
    Err(Refusal::conflict("busy").detail("others write products at the same time; try again"))
}
