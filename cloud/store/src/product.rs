//! Products as stores sell them, and how many there are where.
//!
//! Owns tables `product_sheet`, `product_number` and `stock`. Takes what was decided from a version of them; the documents of the stores' nodes are
//! committed with it. On failure: `Stale` where another instance has written since that version, `Conflict` where a number is another product's.

use aisle_schemas::{
    ids::{Sku, StoreId},
    product::{ProductSheet, StockLevel, StockReport},
};
use chrono::{DateTime, Utc};
use sqlx::types::Json;

use crate::{
    counter,
    db::{Conn, Db},
    down::{self, DownWrite, LoggedDown},
    error::StoreError,
    statement::{Num, Text, run},
};

/// Name and key of the version of all products.
const VERSION: (&str, &str) = ("products", "version");

/// What to write at once.
#[derive(Debug, Clone)]
pub struct ProductCommit {
    /// Version that was decided from; the commit raises it by one.
    pub expect_version: u64,
    pub sheets: Vec<ProductSheet>,
    pub levels: Vec<StockReport>,
    pub down: Vec<DownWrite>,
    pub at: DateTime<Utc>,
}

/// The version of all products; read it first.
pub async fn version(conn: &mut Conn) -> Result<u64, StoreError> {
    counter::value(conn, VERSION.0, VERSION.1).await
}

/// All products, by sku.
pub async fn all(conn: &mut Conn) -> Result<Vec<ProductSheet>, StoreError> {
    let rows: Vec<(Json<ProductSheet>,)> = run!(conn, fetch_all: (Json<ProductSheet>,), "product_sheet/all.sql")?;
    Ok(rows.into_iter().map(|(Json(sheet),)| sheet).collect())
}

/// All stock, by sku and store.
pub async fn stock(conn: &mut Conn) -> Result<Vec<((Sku, StoreId), StockLevel)>, StoreError> {
    type Row = (Text<Sku>, Text<StoreId>, Num<u32>, DateTime<Utc>);
    let rows: Vec<Row> = run!(conn, fetch_all: Row, "stock/all.sql")?;
    Ok(rows.into_iter().map(|(Text(sku), Text(store), Num(count), at)| ((sku, store), StockLevel { count, at })).collect())
}

/// Commits products and stock with the documents that follow.
pub async fn commit(db: &Db, commit: ProductCommit) -> Result<Vec<LoggedDown>, StoreError> {
    db.write(move |tx| {
        Box::pin(async move {
            let ProductCommit { expect_version, sheets, levels, down, at } = commit;
            if !counter::raise(tx, VERSION.0, VERSION.1, expect_version).await? {
                return Err(StoreError::Stale);
            }
            // Numbers may pass from one product of the batch to another.
            for sheet in &sheets {
                run!(tx, execute, "product_sheet/upsert.sql", &sheet.sku, Json(sheet), at)?;
                run!(tx, execute, "product_sheet/forget_numbers.sql", &sheet.sku)?;
            }
            for sheet in &sheets {
                for gtin in &sheet.gtins {
                    run!(tx, execute, "product_sheet/number.sql", gtin.to_string(), &sheet.sku)?;
                }
            }
            for StockReport { sku, store, count, at } in &levels {
                run!(tx, execute, "stock/upsert.sql", sku, store, *count, *at)?;
            }
            down::enqueue(tx, &down).await
        })
    })
    .await
}
