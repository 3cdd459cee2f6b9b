//! Products and stock, as the retailer's own systems say them.
//!
//! Owns the routes. Takes batches; emits what was taken, with findings that somebody should look at. Repeating a batch changes nothing. On failure: 422 that
//! names each field at fault, and nothing of the batch is taken.

use actix_web::{HttpRequest, HttpResponse, web};
use aisle_cloud_core::product as core;
use aisle_schemas::{
    ids::Sku,
    product::{ProductBatch, ProductSheets, ProductsTaken, STOCK_MAX, StockBatch},
};
use aisle_store::product;

use super::{
    auth::{Integration, Staff},
    check::{Check, Faults},
    extract::{Body, query_part},
};
use crate::{problem::Refusal, products, state::Cloud};

/// Products that one answer holds.
const PAGE_MAX: usize = 200;

type Answer = Result<HttpResponse, Refusal>;

impl Check for ProductBatch {
    fn check(&self, faults: &mut Faults) {
        for fault in core::faults(&self.products) {
            faults.add(fault.field, fault.reason);
        }
    }
}

impl Check for StockBatch {
    fn check(&self, faults: &mut Faults) {
        if !(1..=STOCK_MAX).contains(&self.levels.len()) {
            faults.add("/levels", "must have 1 to 200");
        }
    }
}

/// `GET /v1/products`
pub async fn list(cloud: web::Data<Cloud>, _staff: Staff, request: HttpRequest) -> Answer {
    let after: Option<Sku> = query_part(&request, "after")?;
    let limit = query_part::<usize>(&request, "limit")?.unwrap_or(PAGE_MAX).min(PAGE_MAX);
    let mut connection = cloud.db.read().await.map_err(Refusal::unavailable)?;
    let all = product::all(&mut connection).await.map_err(Refusal::unavailable)?;
    let products = all.into_iter().filter(|sheet| after.as_ref().is_none_or(|after| sheet.sku > *after)).take(limit).collect();
    Ok(HttpResponse::Ok().json(ProductSheets { products }))
}

/// `PUT /v1/products`
pub async fn put(cloud: web::Data<Cloud>, _system: Integration, Body(batch): Body<ProductBatch>) -> Answer {
    let changed = products::put(&cloud, &batch.products).await?;
    Ok(HttpResponse::Ok().json(ProductsTaken { changed, findings: core::findings(&batch.products) }))
}

/// `PUT /v1/stock`
pub async fn stock(cloud: web::Data<Cloud>, _system: Integration, Body(batch): Body<StockBatch>) -> Answer {
    products::report_stock(&cloud, &batch.levels).await?;
    Ok(HttpResponse::NoContent().finish())
}
