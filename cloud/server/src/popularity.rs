//! What sells, for ranking customers of whom little is known.
//!
//! Owns counts of items sold, in memory and as counters in the database. Takes sales; emits a snapshot, at most one per second. Losing the
//! last second of counts makes a ranking a little older, nothing else.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use aisle_cloud_core::ranking::{Popularity, TasteKey};
use aisle_schemas::{ids::Sku, offer::Product};
use aisle_store::{Db, StoreError, counter};
use tokio::sync::watch;

/// Counter of items sold, by sku.
const SOLD: &str = "sold";
/// Time between snapshots.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(1);

struct Counts {
    by_item: Mutex<HashMap<TasteKey, u32>>,
    changed: AtomicBool,
    snapshot: watch::Sender<Arc<Popularity>>,
}

/// See the module.
#[derive(Clone)]
pub struct Sales(Arc<Counts>);

impl Sales {
    /// Reads the counts of the products known.
    pub async fn load(db: &Db, products: &[Product]) -> Result<Self, StoreError> {
        let mut by_item = HashMap::new();
        let mut connection = db.read().await?;
        for product in products {
            let sold = counter::value(&mut connection, SOLD, product.sku.as_str()).await?;
            by_item.insert(TasteKey::item(&product.sku), u32::try_from(sold).unwrap_or(u32::MAX));
        }
        let snapshot = watch::Sender::new(Arc::new(Popularity::from_counts(by_item.clone())));
        Ok(Self(Arc::new(Counts { by_item: Mutex::new(by_item), changed: AtomicBool::new(false), snapshot })))
    }

    /// What sells, from now on.
    pub fn snapshots(&self) -> watch::Receiver<Arc<Popularity>> {
        self.0.snapshot.subscribe()
    }

    /// Counts a sale that was committed.
    pub async fn add(&self, db: &Db, lines: &[(Sku, u32)]) -> Result<(), StoreError> {
        {
            let mut by_item = self.0.by_item.lock().expect("no holder panics");
            for (sku, quantity) in lines {
                let count = by_item.entry(TasteKey::item(sku)).or_insert(0);
                *count = count.saturating_add(*quantity);
            }
        }
        self.0.changed.store(true, Ordering::Release);
        for (sku, quantity) in lines {
            counter::add(db, SOLD, sku.to_string(), u64::from(*quantity)).await?;
        }
        Ok(())
    }

    /// Makes snapshots until the instance stops.
    pub async fn run(self, mut stopping: watch::Receiver<bool>) {
        let mut tick = tokio::time::interval(SNAPSHOT_EVERY);
        loop {
            tokio::select! {
                changed = stopping.changed() => if changed.is_err() || *stopping.borrow() { return },
                _ = tick.tick() => {
                    if self.0.changed.swap(false, Ordering::AcqRel) {
                        let counts = self.0.by_item.lock().expect("no holder panics").clone();
                        self.0.snapshot.send_replace(Arc::new(Popularity::from_counts(counts)));
                    }
                }
            }
        }
    }
}
