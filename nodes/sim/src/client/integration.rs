//! Another system of the retailer: tills, campaign tools, service desk.

use aisle_schemas::http::cloud::{CandidateRequest, ContextReport, SalesLine, SalesReport};
use aisle_schemas::product::{ProductBatch, ProductSheet, ProductsTaken, StockBatch, StockReport};
use chrono::{DateTime, Utc};
use reqwest::Method;

use super::api::{Api, CallError};
use crate::world::products::Row;

/// A system with a key.
pub struct Integration {
    api: Api,
}

impl Integration {
    /// Takes the cloud's base URL and the key.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn new(cloud: &str, key: &str) -> Result<Self, CallError> {
        Ok(Self { api: Api::new(cloud)?.with_bearer(key) })
    }

    pub fn api(&self) -> &Api {
        &self.api
    }

    /// Reports one purchase; `source_ref` makes it count once.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn report_sale(&self, source_ref: &str, email: &str, at: DateTime<Utc>, lines: &[(&Row, u32)]) -> Result<(), CallError> {
        let lines = lines.iter().map(|(row, quantity)| SalesLine { product: row.product(), quantity: *quantity }).collect();
        let report = SalesReport { source_ref: source_ref.to_owned(), email: email.to_owned(), at, lines };
        self.api.tell(Method::POST, "/v1/integrations/sales", Some(&report)).await
    }

    /// Makes products known.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn put_products(&self, products: Vec<ProductSheet>) -> Result<ProductsTaken, CallError> {
        self.api.put("/v1/products", &ProductBatch { products }).await
    }

    /// Says how many there are of products at stores.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn report_stock(&self, levels: Vec<StockReport>) -> Result<(), CallError> {
        self.api.tell(Method::PUT, "/v1/stock", Some(&StockBatch { levels })).await
    }

    /// Offers a message to the gate.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn raise(&self, candidate: &CandidateRequest) -> Result<(), CallError> {
        self.api.tell(Method::POST, "/v1/integrations/candidates", Some(candidate)).await
    }

    /// Reports what the person is doing.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn report_context(&self, context: &ContextReport) -> Result<(), CallError> {
        self.api.tell(Method::POST, "/v1/integrations/contexts", Some(context)).await
    }
}
